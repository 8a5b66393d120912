"""What the browser tests share: one Chromium, each frontend, a page for each renderer, an editor as new for each test."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ..conftest import ROOT, RunningServer
from .editor_page import EditorPage

RENDERERS = {"classic": False, "vue": True}
# The ComfyUI and the frontend of each; the oldest ComfyUI asks for the oldest frontend itself.
SERVERS = {
    "oldest": ("FLASHMOTION_COMFYUI_OLDEST", "FLASHMOTION_FRONTEND_OLDEST"),
    "newest": ("FLASHMOTION_COMFYUI", "FLASHMOTION_FRONTEND_NEWEST"),
}


@dataclass(frozen=True)
class Frontend:
    """A server with one of the frontends ("pinned", "oldest" or "newest"), and its base directory."""

    name: str
    url: str
    base: Path


@pytest.fixture(scope="session", params=["pinned", *SERVERS])
def frontend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frontend]:
    """The oldest, the pinned and the newest frontend, one after the other: each server is started once for all modules."""
    from tools.comfy.base_folder import link_pack
    from tools.comfy.server import Server

    name: str = request.param
    if name == "pinned":
        pinned: RunningServer = request.getfixturevalue("newest_server")
        yield Frontend(name, pinned.url, pinned.base)
        return
    comfyui, page = (os.environ.get(variable) for variable in SERVERS[name])
    if not comfyui or not page:
        pytest.skip(f"needs {' and '.join(SERVERS[name])}: run python run_tests.py")
    base = tmp_path_factory.mktemp(name)
    link_pack(ROOT, base / "custom_nodes")
    (base / "input").mkdir()
    shutil.copy(ROOT / "assets/tiny/cat.jpg", base / "input")
    with Server(sys.executable, comfyui, base, extra_args=["--front-end-root", page]) as server:
        yield Frontend(name, server.url, base)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    """The one browser; each context in it has its own cookies and storage."""
    from tools.comfy.frontend import BROWSER_ARGUMENTS

    playwright_api = pytest.importorskip("playwright.sync_api")
    browser = os.environ.get("FLASHMOTION_BROWSER")
    if not browser:
        pytest.skip("needs FLASHMOTION_BROWSER, the path of a Chromium: run python run_tests.py")
    with playwright_api.sync_playwright() as playwright:
        instance = playwright.chromium.launch(executable_path=browser, args=list(BROWSER_ARGUMENTS))
        yield instance
        instance.close()


@pytest.fixture(scope="package")
def context(chromium: Any) -> Iterator[Any]:
    """A mouse, a touch screen, and a clipboard that pages may use."""
    made = chromium.new_context(viewport={"width": 1500, "height": 1000}, has_touch=True)
    made.grant_permissions(["clipboard-read", "clipboard-write"])
    yield made
    made.close()


@pytest.fixture(scope="module", params=list(RENDERERS))
def opened(request: pytest.FixtureRequest, context: Any, frontend: Frontend) -> Iterator[EditorPage]:
    """One frontend in one renderer. Opening it takes longer than most tests."""
    page = EditorPage(context, frontend.url, RENDERERS[request.param])
    yield page
    page.page.close()


@pytest.fixture
def editor(opened: EditorPage) -> Iterator[EditorPage]:
    """The page, whatever the test before left, for a document that the test loads; it must not complain about our files."""
    opened.start_over()
    yield opened
    assert [error for error in opened.errors if "flashmotion" in error.lower()] == []
