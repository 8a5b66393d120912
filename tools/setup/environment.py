"""The environment of the two commands: one folder with a venv, a ComfyUI and everything they make.

Everything lives in `.flashmotion/` of the repository (or in $FLASHMOTION_HOME), so deleting that folder removes it all.
Every step leaves a stamp that records what was requested. A second run has nothing to do, and an interrupted one resumes.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ..setup_error import SetupError
from ..terminal import last_line, say
from . import comfyui_source
from .pip import run_pip
from .space import require_space, require_writable
from .stamp import Stamp

REPOSITORY = Path(__file__).resolve().parents[2]
# What the tests pass with, and, for a Python that these have no builds for, the range that pyproject.toml states.
TORCH = ("torch==2.13.0", "torchvision==0.28.0", "torchaudio==2.11.0")
TORCH_RANGE = ("torch>=2.9.1", "torchvision>=0.24", "torchaudio>=2.9")
EXTRAS = ("dev", "train")
LOCK = REPOSITORY / "requirements-dev.lock"
LOCK_UNTIL = (3, 14)  # the newest Python for which all the lock's packages were available as wheels
HOOK = Path(__file__).with_name("shims") / "torchvision_cpu_hook.py"


def home() -> Path:
    """The folder that holds the whole set-up, as an absolute path."""
    return Path(os.environ.get("FLASHMOTION_HOME") or REPOSITORY / ".flashmotion").resolve()


def scripts_of(venv: Path) -> Path:
    """The folder of a venv's programs."""
    return venv / ("Scripts" if os.name == "nt" else "bin")


def python_of(venv: Path) -> Path:
    """The path of a venv's Python."""
    return scripts_of(venv) / ("python.exe" if os.name == "nt" else "python")


@dataclass(frozen=True)
class Environment:
    """The set-up folder `home` and the paths in it."""

    home: Path

    @property
    def venv(self) -> Path:
        return self.home / "venv"

    @property
    def python(self) -> Path:
        return python_of(self.venv)

    @property
    def comfyui(self) -> Path:
        return comfyui_source.folder_of(comfyui_source.NEWEST, self.home)

    @property
    def base(self) -> Path:
        """The base directory of the quickstart's server."""
        return self.home / "run"


def prepare(environment: Environment, *, for_tests: bool = False) -> None:
    """Set up whatever is missing: the venv, torch, the newest supported ComfyUI and its requirements.

    `for_tests` adds this project's [dev] and [train] extras. Raises SetupError in one sentence.
    """
    require_writable(environment.home)
    if not _is_healthy(environment.python):
        require_space(environment.home)
        _make_venv(environment.venv)
    _install_torch(environment)
    comfyui_source.ensure(comfyui_source.NEWEST, environment.python, environment.home)
    _install_requirements(environment)
    if for_tests:
        _install_extras(environment)
    shutil.rmtree(environment.home / "temporary", ignore_errors=True)


def imports(python: Path, *modules: str) -> str:
    """The last line of the error if `python` cannot import all `modules`; empty if it can."""
    return complaint(python, "import " + ", ".join(modules))


def complaint(python: Path, code: str, *arguments: str) -> str:
    """The last line of what `python` has against `code`; empty if it runs it to its end."""
    # -I: neither the current folder nor PYTHONPATH may supply a module.
    command = [str(python), "-I", "-c", code, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    except OSError as error:
        return str(error)
    return "" if done.returncode == 0 else last_line(done.stderr, "it crashed")


def _is_healthy(python: Path) -> bool:
    """Whether the venv is usable: it runs the same Python version, has pip and has not been moved."""
    if not python.exists():
        return False
    wanted = f"{sys.version_info[0]}.{sys.version_info[1]}"
    check = "import pip, sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([str(python), "-I", "-c", check], capture_output=True, encoding="utf-8", check=False)
    return done.returncode == 0 and done.stdout.strip() == wanted and _stamp(python, "venv", str(python)).is_current()


def _make_venv(venv: Path) -> None:
    if venv.exists():
        say(f"Rebuilding {venv}: it is incomplete, broken, was moved, or belongs to another Python version.")
        shutil.rmtree(venv)
    if not all(importlib.util.find_spec(module) for module in ("venv", "ensurepip")):
        raise SetupError(
            f"{sys.executable} cannot create virtual environments: on Debian and Ubuntu run "
            f"`sudo apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv`, elsewhere use a Python from "
            "python.org."
        )
    say(f"Creating a virtual environment in {venv} ...")
    command = [sys.executable, "-m", "venv", str(venv)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode != 0:
        text = (done.stdout + done.stderr).strip()
        raise SetupError(
            f"The virtual environment {venv} could not be created: fix the error above and run the command again.", text
        )
    python = python_of(venv)
    _stamp(python, "venv", str(python)).write()


def _install_torch(environment: Environment) -> None:
    stamp = _stamp(environment.python, "torch", "\n".join((*torch_wanted(), HOOK.read_text(encoding="utf-8"))))
    if stamp.is_current():
        return
    require_space(environment.home)
    size = "downloads 0.2 GB for the CPU, or 1.5 GB with CUDA, which is the default on Linux"
    run_pip(environment.python, ["install", *torch_wanted()], what="Installing torch", size=size, home=environment.home)
    _repair_cpu_torch(environment.python)
    stamp.write()


def _repair_cpu_torch(python: Path) -> None:
    """Make torchvision and torchaudio, which registries carry for CUDA, importable beside a CPU build of torch."""
    if not imports(python, "torchvision", "torchaudio"):
        return
    ask = "import sysconfig, torch; print(torch.version.cuda); print(sysconfig.get_paths()['purelib'])"
    done = subprocess.run([str(python), "-I", "-c", ask], capture_output=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        raise SetupError(
            f"The torch installed in {python.parents[1]} cannot be imported: delete that folder and run the command again.",
            done.stderr.strip(),
        )
    cuda, packages = done.stdout.split("\n")[:2]
    if cuda == "None":
        if imports(python, "torchaudio"):
            # Without this folder torchaudio runs in pure Python. With libraries that do not load, it refuses to import.
            shutil.rmtree(Path(packages, "torchaudio", "lib"), ignore_errors=True)
        shutil.copy(HOOK, packages)
        Path(packages, "zz_torchvision_cpu.pth").write_text(f"import {HOOK.stem}\n", encoding="utf-8")
    left = imports(python, "torchvision", "torchaudio")
    if left:
        raise SetupError(
            f"torchvision or torchaudio does not work with the installed torch ({left}): delete {python.parents[1]} and run the "
            "command again."
        )


def _install_requirements(environment: Environment) -> None:
    lines = comfyui_source.requirements(environment.comfyui)
    stamp = _stamp(environment.python, "comfyui", "\n".join((*torch_wanted(), _lock(), *lines)))
    if stamp.is_current():
        return
    require_space(environment.home, 1.0)
    arguments = ["install", *_constraints(environment), *lines]
    what = "Installing ComfyUI's requirements"
    run_pip(environment.python, arguments, what=what, size="0.1 GB", home=environment.home)
    stamp.write()


def _install_extras(environment: Environment) -> None:
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    stamp = _stamp(
        environment.python, "extras", "\n".join((str(REPOSITORY), *torch_wanted(), *EXTRAS, _lock(), project))
    )
    if stamp.is_current():
        return
    require_space(environment.home, 1.5)
    # Editable, through setuptools' finder, which exposes the packages named in pyproject.toml but not this folder, whose
    # `nodes` would hide ComfyUI's.
    target = f"{REPOSITORY}[{','.join(EXTRAS)}]"
    arguments = ["install", *_constraints(environment), "--editable", target]
    what = "Installing the requirements of the tests and of training"
    run_pip(environment.python, arguments, what=what, size="0.2 GB", home=environment.home)
    stamp.write()


def _constraints(environment: Environment) -> list[str]:
    """pip options that keep the installed torch and use the locked versions of everything else."""
    file = environment.home / "downloads" / "constraints.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join((*torch_wanted(), _lock())) + "\n", encoding="utf-8")
    return ["--constraint", str(file)]


def torch_wanted() -> tuple[str, ...]:
    """pip's names for torch and its two companions: pins up to the newest Python that has builds of them, a range beyond."""
    return TORCH if sys.version_info[:2] <= LOCK_UNTIL else TORCH_RANGE


def _lock() -> str:
    """The pins of requirements-dev.lock; none for a newer Python than they were made for, which takes what pip finds."""
    return LOCK.read_text(encoding="utf-8") if sys.version_info[:2] <= LOCK_UNTIL else ""


def _stamp(python: Path, step: str, request: str) -> Stamp:
    """A stamp inside the venv, so that it disappears with the venv."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return Stamp(python.parent.parent / "flashmotion" / f"{step}.stamp", f"{version}\n{request}")
