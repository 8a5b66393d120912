"""The packages that training needs, and how a command ends that lacks one."""

from __future__ import annotations

import sys
from collections.abc import Callable

PACKAGES = "pydantic, yaml, tensorboard, matplotlib, peft, optimi, safetensors, einops, av, rich, jinja2"


def run_tool(work: Callable[[], None]) -> int:
    """Do what a command beside `run_all` does; 0, or 1 after a sentence that says what is missing or wrong."""
    problem = missing_packages()
    if problem:
        sys.stderr.write(problem + "\n")
        return 1
    try:
        work()
    except (ValueError, OSError) as error:  # the core's sentences too
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def missing_packages() -> str:
    """What to install, or nothing."""
    import importlib.util

    names = ["torch", *PACKAGES.split(", ")]
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if not missing:
        return ""
    return f'training needs {", ".join(missing)}: run `pip install -e ".[train]"` in the repository, with the Python that is to train.'
