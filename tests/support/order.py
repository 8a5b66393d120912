"""pytest hooks: which tests share a worker, the longest first, and tests marked gpu only where there is one. tests/conftest.py has them."""

from __future__ import annotations

import gc
import os
from typing import Any

import pytest

REHEARSE = bool(os.environ.get("FLASHMOTION_REHEARSE"))
"""Whether tests marked gpu run on a CPU, as in ``bench/on_gpu.py --rehearse``."""
SERVERS = {
    "[newest-": "newest",
    "[pinned": "pinned",
    "[newest_server": "pinned",
    "[oldest-": "oldest",
    "[oldest_server": "oldest",
}
"""How a test's parameters begin that takes a server which other files take too, the one with most tests first."""
FILES = {
    "nodes/test_install.py": "empty",
    "nodes/test_server.py": "pinned",
    "web/test_browser.py": "pinned",
    "web/test_result.py": "pinned",
    "web/test_tiny_follows.py": "pinned",
    "web/test_video_motion.py": "newest",
}
"""The server that tests of a file take without a parameter that says so."""
LONG = ("test_style.py", "test_javascript.py")
"""Files of many seconds without a test that is marked slow."""
FIXTURES = {"empty_server": "empty", "newest_frontend": "newest", "newest_server": "pinned", "oldest_server": "oldest"}


def group_of(test: str) -> str:
    """What a test, by its id, shares with others, which then run in one worker that sets it up once: a server, or its file."""
    file, _, name = test.partition("::")
    found = next((server for beginning, server in SERVERS.items() if beginning in name), None)
    return found or FILES.get(file.partition("/")[2], file)


def check_groups(items: list[pytest.Item]) -> None:
    """A test that takes a server runs where that server is. Raises UsageError for one whose id does not tell."""
    for item in items:
        for fixture in set(FIXTURES) & set(getattr(item, "fixturenames", ())):
            if group_of(item.nodeid) != FIXTURES[fixture]:
                raise pytest.UsageError(f"{item.nodeid} takes {fixture}: name its file in tests/support/order.py.")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Group tests by `group_of` under ``--dist loadfile``."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types here
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_configure() -> None:
    """Imports make hundreds of thousands of objects that stay: Python need not look through them again and again for what can be freed."""
    gc.disable()


def pytest_collection_finish() -> None:
    """From here on Python looks for what can be freed, but not among what the imports have left."""
    gc.freeze()
    gc.enable()


def pytest_sessionfinish() -> None:
    """Nor at the end, when everything goes."""
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests of a server first, then files with slow tests and long ones, so that no worker starts one when the others are nearly done."""
    check_groups(items)
    slow = {item.path for item in items if any(item.get_closest_marker(name) for name in ("slow", "server", "browser"))}
    servers = list(dict.fromkeys(SERVERS.values()))

    def place(item: pytest.Item) -> tuple[int, bool]:
        group = group_of(item.nodeid)
        early = item.path in slow or item.path.name in LONG
        return (servers.index(group) if group in servers else len(servers), not early)

    items.sort(key=place)
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked and not REHEARSE:
        import torch

        if not torch.cuda.is_available():
            for item in marked:
                item.add_marker(pytest.mark.skip(reason="needs a CUDA GPU"))
