"""The tools that check the editor's JavaScript: node comes with pip, the rest from npm's registry."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from ..setup_error import SetupError
from ..terminal import say
from .stamp import Stamp

SHOWN_LINES = 8


def ensure(scripts: Path, repository: Path) -> None:
    """Fetch what package-lock.json names into `node_modules`, unless it is there.

    Args:
        scripts: the folder of the venv's programs, which has npm.
        repository: where package.json is.

    Raises:
        SetupError: npm is missing or fails, in one sentence.
    """
    lock = repository / "package-lock.json"
    stamp = Stamp(repository / "node_modules" / "flashmotion.stamp", lock.read_text(encoding="utf-8"))
    if stamp.is_current():
        return
    npm = shutil.which("npm", path=str(scripts))
    if npm is None:
        raise SetupError(f"There is no npm in {scripts}: remove that environment's folder and run the command again.")
    say("Installing what checks the editor's JavaScript (44 MB) ...")
    command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(
        command,
        cwd=repository,
        env={**os.environ, "PATH": os.pathsep.join([str(scripts), os.environ.get("PATH", "")])},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).strip().splitlines()
        raise SetupError(
            "npm could not install the JavaScript tools, for the reason above: check the network and npm's settings (`npm config list`).",
            "\n".join(lines[-SHOWN_LINES:]),
        )
    stamp.write()
