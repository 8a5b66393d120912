"""What the editor's tests share: a browser for each module, a page for each renderer, and an editor as new for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from ..conftest import RunningServer
from .editor_page import EditorPage

RENDERERS = {"classic": False, "vue": True}


@pytest.fixture(scope="module")
def context() -> Iterator[Any]:
    """A browser with a mouse, a touch screen, and a clipboard that pages may use."""
    from tools.frontend import BROWSER_ARGUMENTS

    playwright_api = pytest.importorskip("playwright.sync_api")
    browser = os.environ.get("FLASHMOTION_BROWSER")
    if not browser:
        pytest.skip("needs FLASHMOTION_BROWSER, the path of a Chromium: run python run_tests.py")
    with playwright_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=list(BROWSER_ARGUMENTS))
        made = chromium.new_context(viewport={"width": 1500, "height": 1000}, has_touch=True)
        made.grant_permissions(["clipboard-read", "clipboard-write"])
        yield made
        chromium.close()


@pytest.fixture(scope="module", params=list(RENDERERS))
def opened(request: pytest.FixtureRequest, context: Any, newest_server: RunningServer) -> Iterator[EditorPage]:
    """The pinned frontend in one renderer. Opening it takes longer than most tests."""
    page = EditorPage(context, newest_server.url, RENDERERS[request.param])
    yield page
    page.page.close()


@pytest.fixture
def editor(opened: EditorPage) -> Iterator[EditorPage]:
    """The page with an empty document, whatever the test before left; it must not complain about our files."""
    opened.start_anew()
    yield opened
    assert [error for error in opened.errors if "flashmotion" in error.lower()] == []
