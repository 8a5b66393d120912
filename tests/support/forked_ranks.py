"""Ranks 0 and 1 of 2 as forks of one process that has imported what both run: python -m tests.support.forked_ranks LOGS MODULE ARGUMENTS

Each runs MODULE as ``python -m`` would and writes LOGS/<rank>.log. Prints their exit codes.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
import traceback
from pathlib import Path


def rank(number: int, log: Path, module: str) -> int:
    """Run the module as this rank; returns the exit code."""
    os.environ |= {"RANK": str(number), "LOCAL_RANK": str(number)}
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    del sys.modules[module]  # it runs as the main module only; what it imports is there
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def main() -> int:
    """Fork both, and wait for them."""
    logs, module = Path(sys.argv[1]), sys.argv[2]
    sys.argv[1:] = sys.argv[3:]
    importlib.import_module(module)
    children = []
    for number in range(2):
        child = os.fork()
        if child == 0:
            code = rank(number, logs / f"{number}.log", module)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    print(codes)
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
