"""Packages from a folder of wheels, put into an environment of their own beside the one that runs."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Iterable
from pathlib import Path

from tools.terminal import last_line

PACKAGES = {"yaml": "pyyaml", "optimi": "torch-optimi", "PIL": "pillow", "cv2": "opencv-python-headless"}
"""The packages of modules with another name."""


def environment(folder: Path) -> Path:
    """Make an environment that also finds everything installed here; returns its Python. Neither pip nor the network is needed for it."""
    venv.EnvBuilder(symlinks=sys.platform != "win32").create(folder)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    ask = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip())
    outer = [path for path in sys.path if path.endswith("-packages")]
    # As a line of Python: so the outer folder's own .pth files count too.
    lines = [f"import site; site.addsitedir({path!r})" for path in outer]
    (packages / "outer.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return python


def install(python: Path, wheels: Path, modules: Iterable[str]) -> list[str]:
    """Install the packages of these modules with what they need, one by one, and nothing from elsewhere.

    Returns:
        one sentence for each package that could not be installed.
    """
    problems = []
    for module in modules:
        package = PACKAGES.get(module, module)
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(python),
            "--disable-pip-version-check",
            "install",
            "--quiet",
        ]
        done = subprocess.run(
            [*pip, "--no-index", "--find-links", str(wheels), package], capture_output=True, text=True, check=False
        )
        if done.returncode:
            problems.append(f"{package} could not be installed from {wheels} ({last_line(done.stderr)}).")
    return problems


def required(comfyui: Path) -> list[str]:
    """The packages that a ComfyUI asks for, without versions; torch's are taken as they are."""
    file = comfyui / "requirements.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    names = []
    for line in lines:
        name = line.partition("#")[0].strip()
        for mark in "<>=!~;[ ":
            name = name.partition(mark)[0]
        if name and not name.startswith("torch"):
            names.append(name)
    return names
