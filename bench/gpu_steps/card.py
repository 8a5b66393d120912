"""The card and the Python of a run, asked of a process of its own: this one must not take any of the card's memory."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from typing import Any

ASK = """
import json, platform, sys
from importlib.util import find_spec
found = {"python": platform.python_version(), "processor": platform.machine(), "missing": [m for m in sys.argv[1:] if find_spec(m) is None]}
if "torch" not in found["missing"]:
    import torch
    found |= {"torch": torch.__version__, "cuda": torch.version.cuda}
    if torch.cuda.is_available():
        card = torch.cuda.get_device_properties(0)
        found |= {"name": card.name, "memory_bytes": card.total_memory}
print(json.dumps(found))
"""


def describe(python: str, modules: Iterable[str]) -> dict[str, Any]:
    """The Python's version, torch, the first card's name and memory where there is one, its driver, and which modules are ``missing``."""
    done = subprocess.run([python, "-c", ASK, *modules], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found | {"driver": driver()}


def driver() -> str | None:
    """The version of NVIDIA's driver; None where nvidia-smi does not say."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    command = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines()[0] if done.returncode == 0 and done.stdout.strip() else None


def slug(name: str) -> str:
    """A card's name as a folder: ``nvidia-h100-80gb-hbm3``."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
