"""`python run_tests.py`: set up everything the tests need and run them. --help explains the options."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from .quickstart.quickstart import INDEX_NOTE
from .setup import browser, comfyui_source, environment, frontend_versions, javascript
from .terminal import run_command, say
from .workers import ONE_THREAD, run_pytest, workers

FAST = "not server and not browser and not slow"


def parser() -> argparse.ArgumentParser:
    """The options of the command; pytest gets all others."""
    options = argparse.ArgumentParser(
        prog="run_tests.py",
        usage="%(prog)s [-h] [--fast] [pytest arguments]",
        description="Set up what the tests need, including a real ComfyUI and a browser, and run them with pytest. Without "
        "pytest arguments, tests that need neither server nor browser run on all cores. With them, pytest runs once, as given.",
        epilog=INDEX_NOTE,
        allow_abbrev=False,
    )
    options.add_argument("--fast", action="store_true", help=f'skip slow, server and browser tests: pytest -m "{FAST}"')
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; pytest's exit code."""
    options, for_pytest = parser().parse_known_args(arguments)
    return run_command("run_tests", lambda: run(options.fast, for_pytest))


def run(fast: bool, for_pytest: Sequence[str]) -> int:
    """Set up whatever is missing, then run pytest on the repository."""
    where = environment.Environment(environment.home())
    environment.prepare(where, for_tests=True)
    scripts = environment.scripts_of(where.venv)
    javascript.ensure(scripts, environment.REPOSITORY)
    variables = {"FLASHMOTION_COMFYUI": str(where.comfyui), "FLASHMOTION_NPM": str(scripts / _program("npm"))}
    if not fast:
        oldest = comfyui_source.ensure(comfyui_source.OLDEST, where.python, where.home)
        variables["FLASHMOTION_COMFYUI_OLDEST"] = str(oldest)
        for name in ("OLDEST", "NEWEST"):
            page = frontend_versions.ensure(getattr(frontend_versions, name), where.python, where.home)
            variables[f"FLASHMOTION_FRONTEND_{name}"] = str(page)
        variables["FLASHMOTION_BROWSER"] = str(browser.ensure(where.python, where.home))
    for name, value in variables.items():
        say(f"{name}={value}")
    # The program, not `python -m pytest`: that would put the repository on sys.path, whose `nodes` hides ComfyUI's.
    pytest = str(scripts / _program("pytest"))
    chosen = ["-m", FAST] if fast else []
    if for_pytest:
        return run_pytest([pytest, *chosen, *for_pytest], _environment(variables))
    return run_pytest([pytest, *chosen, *workers(waiting=not fast)], _environment({**ONE_THREAD, **variables}))


def _program(name: str) -> str:
    return f"{name}.exe" if os.name == "nt" else name


def _environment(variables: dict[str, str]) -> dict[str, str]:
    # Without compiled files each process would compile ComfyUI and the tests again, for half of the time that it takes to import them.
    dropped = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    # Waiting threads do not spin: pytest, a server and a browser share the machine's cores.
    return {"OMP_WAIT_POLICY": "PASSIVE", **kept, **variables}
