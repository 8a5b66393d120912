"""Whether a folder can be written and its disk has room."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from ..setup_error import SetupError
from ..terminal import say

# On Linux with Python 3.11: 2.0 GB with a CPU build of torch, 5.8 GB with a CUDA build, 0.6 GB more with the extras, plus
# what pip unpacks while it installs.
NEEDED_GB = 3.0
NEEDED_GB_CUDA = 9.0


def require_writable(folder: Path, setting: str = "FLASHMOTION_HOME") -> None:
    """Create `folder`, which `setting` chose; raises SetupError if it is not writable."""
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_text("", encoding="utf-8")
        probe.unlink()
    except OSError as error:
        raise SetupError(
            f"Nothing can be written to {folder} ({error.strerror}): set {setting} to a folder that you can write to."
        ) from error


def require_space(folder: Path, needed_gb: float = NEEDED_GB) -> None:
    """Raises SetupError if the disk of `folder` has less than `needed_gb` GB free."""
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < needed_gb:
        raise SetupError(
            f"The disk of {folder} has {free_gb:.1f} GB free, but about {needed_gb:.1f} GB are needed: free some space or "
            "set FLASHMOTION_HOME to a folder on another disk."
        )
    if sys.platform == "linux" and free_gb < NEEDED_GB_CUDA:
        say(
            f"Note: {free_gb:.1f} GB are free. That is enough for a CPU build of torch, but the CUDA build, which pip "
            f"installs by default, needs up to {NEEDED_GB_CUDA:.0f} GB."
        )
