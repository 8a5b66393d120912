"""Renew requirements-dev.lock: `python -m tools.make_lock [--upgrade]`, after `pip install uv` and `python run_tests.py --fast`.

Versions that stand in the file are kept where pyproject.toml and ComfyUI still allow them; --upgrade takes the newest of each.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from .setup import comfyui_source
from .setup.environment import EXTRAS, LOCK, REPOSITORY, TORCH, home
from .setup_error import SetupError
from .terminal import options_of, run_command

HEADER = """\
# Made by `python -m tools.make_lock`: what run_tests.py and quickstart.py install beside torch, whose version stands in
# tools/setup/environment.py. pip takes these lines as constraints. For Python 3.10 to 3.14 on Linux, Windows and macOS.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when the file is written."""
    parser = options_of("tools.make_lock", __doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest version of each package")
    options = parser.parse_args(arguments)
    return run_command("tools.make_lock", lambda: make(upgrade=options.upgrade))


def make(*, upgrade: bool) -> int:
    """Resolve [dev], [train] and the newest ComfyUI's requirements for all systems and Python versions. Raises SetupError."""
    uv = shutil.which("uv")
    if uv is None:
        raise SetupError("The program uv is not on the PATH: run `pip install uv` first.")
    if not comfyui_source.is_ready(comfyui_source.NEWEST, home()):
        raise SetupError(
            f"ComfyUI {comfyui_source.NEWEST.version} is not set up: run `python run_tests.py --fast` first."
        )
    with TemporaryDirectory() as folder:
        comfyui, torch, output = (Path(folder, name) for name in ("comfyui.in", "torch.in", "output.lock"))
        needed = comfyui_source.requirements(comfyui_source.folder_of(comfyui_source.NEWEST, home()))
        comfyui.write_text("\n".join(needed) + "\n", encoding="utf-8")
        # Which build of torch, and with it what it needs of NVIDIA's, is the choice of the machine.
        torch.write_text("".join(pin.split("==")[0] + "\n" for pin in TORCH), encoding="utf-8")
        if not upgrade and LOCK.is_file():
            shutil.copy(LOCK, output)  # uv keeps the versions that it finds there
        command = [
            uv,
            "pip",
            "compile",
            "pyproject.toml",
            str(comfyui),
            "--excludes",
            str(torch),
            "--output-file",
            str(output),
        ]
        command += [word for extra in EXTRAS for word in ("--extra", extra)]
        command += [
            "--universal",
            "--python-version",
            "3.10",
            "--no-header",
            "--no-annotate",
            "--system-certs",
            "--quiet",
        ]
        if subprocess.run(command, cwd=REPOSITORY, check=False).returncode != 0:
            raise SetupError(
                "uv found no versions that go together, for the reason above: change a bound in pyproject.toml."
            )
        LOCK.write_text(HEADER + output.read_text(encoding="utf-8"), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
