"""The tools that check the editor's JavaScript: pip installs node, and npm installs the rest."""

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
    """Install what package-lock.json names into `node_modules` unless it is already there.

    Args:
        scripts: the folder of the venv's programs, npm among them.
        repository: where package.json is.

    Raises:
        SetupError: npm is missing or fails.
    """
    lock = repository / "package-lock.json"
    stamp = Stamp(repository / "node_modules" / "flashmotion.stamp", lock.read_text(encoding="utf-8"))
    if stamp.is_current():
        return
    npm = shutil.which("npm", path=str(scripts))
    if npm is None:
        raise SetupError(f"npm is missing from {scripts}: delete {scripts.parent} and run the command again.")
    say("Installing the tools that check the editor's JavaScript (44 MB) ...")
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
            "npm failed to install the JavaScript tools, as shown above: check the network and npm's settings (`npm config list`).",
            "\n".join(lines[-SHOWN_LINES:]),
        )
    stamp.write()
