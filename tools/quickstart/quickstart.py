"""`python quickstart.py`: from nothing to a video in one command. --help explains the options."""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from ..comfy import base_folder
from ..comfy.port_claim import claimed_port
from ..comfy.server import DEFAULT_PORT, require_port
from ..setup import environment, existing
from ..setup.space import require_writable
from ..setup_error import SetupError
from ..terminal import run_command

WORKFLOW = "flashmotion_tiny_cpu.json"
LAST_SCENE = 2**32 - 1
INDEX_NOTE = """\
Everything is kept in .flashmotion/ beside this script, or in $FLASHMOTION_HOME. pip installs the packages with your own
settings (pip.conf, PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, proxies). On Linux it installs torch with CUDA by default (6 GB
on disk). For a smaller one (2 GB), point those settings at an index with CPU builds.
"""


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    options = argparse.ArgumentParser(
        prog="quickstart.py",
        description="Set up a real ComfyUI with FlashMotion and run the tiny example on the CPU. It turns a picture "
        "with two objects, and a trajectory for each, into an mp4, and measures how closely the objects followed.",
        epilog=INDEX_NOTE,
    )
    options.add_argument(
        "--scene",
        type=int,
        metavar="N",
        help="the scene to start from (0, 1, 2, ...; default: 0); scenes 0 to 2 are among the best",
    )
    options.add_argument(
        "--image",
        type=Path,
        metavar="FILE",
        help="your own start picture; the tiny models know only drawn scenes, so expect little of a photograph",
    )
    options.add_argument(
        "--trajectory",
        type=Path,
        metavar="FILE",
        help="the trajectory document (JSON) to follow; default: the scene's own, which every run writes beside its video",
    )
    options.add_argument(
        "--out", type=Path, metavar="DIR", help="also copy the video and everything made with it to this folder"
    )
    options.add_argument(
        "--guide",
        action="store_true",
        help="let the motion guide move the objects instead of the adapter, and print how closely each of the two follows",
    )
    options.add_argument("--ui", action="store_true", help="keep the server running until Ctrl+C and print its address")
    options.add_argument(
        "--port", type=int, help=f"the server's port (default: {DEFAULT_PORT}, or a free one if that is taken)"
    )
    options.add_argument(
        "--comfyui", type=Path, metavar="PATH", help="use the ComfyUI in this folder, which is not changed"
    )
    options.add_argument("--python", type=Path, metavar="EXE", help="the Python that runs that ComfyUI")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    options = parser().parse_args(arguments)
    return run_command("quickstart", lambda: run(options))


def run(options: argparse.Namespace) -> int:
    """Set up whatever is missing, then hand over to tools/quickstart/main_job.py inside the environment."""
    for file in (options.image, options.trajectory):
        if file is not None and not file.is_file():
            raise SetupError(f"The file {file} does not exist: check its path.")
    if options.scene is not None and options.image is not None:
        raise SetupError("--scene and --image both choose the first frame: give only one of them.")
    if options.scene is not None and not 0 <= options.scene <= LAST_SCENE:
        raise SetupError(f"--scene is {options.scene}: give a number from 0 to {LAST_SCENE}.")
    if options.python is not None and options.comfyui is None:
        raise SetupError("--python chooses what runs an existing ComfyUI: give --comfyui too.")
    if options.out is not None:
        require_writable(options.out.resolve(), "--out")
    with claimed_port(DEFAULT_PORT) if options.port is None else nullcontext(require_port(options.port)) as port:
        return _run_on(port, options)


def _run_on(port: int, options: argparse.Namespace) -> int:
    where = environment.Environment(environment.home())
    if options.comfyui is None:
        environment.prepare(where)
        python, comfyui = where.python, where.comfyui
    else:
        require_writable(where.home)
        comfyui = options.comfyui.resolve()
        python = existing.check(comfyui, options.python)
    workflow = _fill(where.base)
    command = [str(python), "-c", _BOOTSTRAP, str(environment.REPOSITORY)]
    command += ["--python", str(python), "--comfyui", str(comfyui), "--base", str(where.base)]
    command += ["--workflow", str(workflow), "--port", str(port)]
    for name in ("image", "trajectory", "out"):
        value: Path | None = getattr(options, name)
        command += [f"--{name}", str(value.resolve())] if value is not None else []
    command += ["--scene", str(options.scene)] if options.scene is not None else []
    command += ["--guide"] if options.guide else []
    return call_on_lifeline([*command, "--ui"] if options.ui else command)


# Not `-m tools.quickstart.main_job`: the Python of ComfyUI's Windows build ignores the current folder.
_BOOTSTRAP = "import sys; sys.path.insert(0, sys.argv.pop(1)); from tools.quickstart.main_job import main; main()"


def call_on_lifeline(command: Sequence[str]) -> int:
    """The exit code of `command`, which ends when this process ends: leaving the `with` block closes its lifeline."""
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            return process.wait()  # Ctrl+C reached the command too, and it reports that itself


def _fill(base: Path) -> Path:
    """Put everything that the server needs into its base directory; the path of the example workflow."""
    assets = environment.REPOSITORY / "assets" / "tiny"
    base_folder.link_pack(environment.REPOSITORY, base / "custom_nodes")
    base_folder.put_models(assets, base / "models")
    for picture in (*assets.glob("*.png"), *assets.glob("*.jpg")):
        base_folder.copy_if_new(picture, base / "input" / picture.name)
    workflow = environment.REPOSITORY / "example_workflows" / WORKFLOW
    # --ui: also to where the editor lists workflows.
    base_folder.copy_if_new(workflow, base / "user" / "default" / "workflows" / WORKFLOW)
    return workflow
