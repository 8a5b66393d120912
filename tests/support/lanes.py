"""pytest hooks: slow files first, tests marked gpu only where there is one, and the numbers of a run in a file. tests/conftest.py has them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

REHEARSE = bool(os.environ.get("FLASHMOTION_REHEARSE"))
"""Whether tests marked gpu run on a CPU, as in ``bench/on_gpu.py --rehearse``."""
COUNTED = ("passed", "failed", "skipped", "error")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that have slow tests first, so that no worker starts one when the others are nearly done."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked and not REHEARSE:
        import torch

        if not torch.cuda.is_available():
            for item in marked:
                item.add_marker(pytest.mark.skip(reason="needs a CUDA GPU"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write how many tests passed, failed, were skipped or had an error, if run_tests.py asks for it."""
    file = os.environ.get("FLASHMOTION_TEST_COUNTS")
    if file:
        counts = {outcome: len(terminalreporter.stats.get(outcome, [])) for outcome in COUNTED}
        Path(file).write_text(json.dumps(counts), encoding="utf-8")
