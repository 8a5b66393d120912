"""The packages that training needs, and how a command ends if one is missing."""

from __future__ import annotations

import sys
from collections.abc import Callable

PACKAGES = "pydantic, yaml, tensorboard, matplotlib, peft, optimi, safetensors, einops, av, rich, jinja2"


def run_tool(work: Callable[[], None]) -> int:
    """Run a command other than `run_all`. Returns 0, or 1 after a sentence that says what is missing or wrong."""
    problem = missing_packages()
    if problem:
        sys.stderr.write(problem + "\n")
        return 1
    try:
        work()
    except (ValueError, OSError) as error:  # also those that the core raises
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def missing_packages() -> str:
    """What is missing and how to install it; empty if nothing is."""
    import importlib.util

    names = ["torch", *PACKAGES.split(", ")]
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if not missing:
        return ""
    return f'training needs {", ".join(missing)}; run `pip install -e ".[train]"` in the repository, with the Python that will train.'
