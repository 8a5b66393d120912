"""What the browser tests share: one Chromium, each frontend, a page for each renderer, an editor as new for each test."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ..conftest import ROOT, RunningServer, newest_page
from .editor_page import EditorPage
from .workflow_page import OpenPage

RENDERERS = {"classic": False, "vue": True}
FINGERS = "() => matchMedia('(pointer: coarse)').matches"
NEWEST = ["newest-classic", "newest-vue"]
# An older frontend as it opens by default, the pinned one in ComfyUI's desktop app; what the page decides anew there, the smoke tests see.
PAGES = {
    "newest": NEWEST,
    "default": ["oldest-classic", "pinned-vue", *NEWEST],
    "all": ["oldest-classic", "oldest-vue", "pinned-classic", "pinned-vue", *NEWEST],
    # The two with the files that the full-size workflows name, and whose palette a test can see.
    "pinned": ["pinned-classic", "pinned-vue"],
    # What is the same in both renderers.
    "newest classic": NEWEST[:1],
    "classic": ["oldest-classic", "pinned-classic", "newest-classic"],
}
"""The pages, frontend and renderer, that the mark `frontends` names."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test of the editor's page in both renderers of the newest frontend, or on the pages that its mark asks for."""
    if "opened" in metafunc.fixturenames:
        asked = metafunc.definition.get_closest_marker("frontends")
        metafunc.parametrize("opened", PAGES[asked.args[0] if asked else "newest"], indirect=True)


@dataclass(frozen=True)
class Frontend:
    """A server with one of the frontends ("pinned", "oldest" or "newest"), and its base directory."""

    name: str
    url: str
    base: Path


class Frontends:
    """The frontends by name, each with a server that is started when it is first asked for."""

    def __init__(self, start: Callable[[str], Frontend]) -> None:
        self.start = start
        self.running: dict[str, Frontend] = {}

    def __getitem__(self, name: str) -> Frontend:
        if name not in self.running:
            self.running[name] = self.start(name)
        return self.running[name]


@pytest.fixture(scope="session")
def newest_frontend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frontend]:
    """The pinned ComfyUI with the newest frontend and without models."""
    from tools.comfy.base_folder import link_pack
    from tools.comfy.server import Server

    comfyui, page = newest_page()
    base = tmp_path_factory.mktemp("newest_frontend")
    link_pack(ROOT, base / "custom_nodes")
    (base / "input").mkdir()
    shutil.copy(ROOT / "assets/tiny/cat.jpg", base / "input")
    with Server(sys.executable, comfyui, base, extra_args=["--front-end-root", page]) as server:
        yield Frontend("newest", server.url, base)


@pytest.fixture(scope="session")
def frontends(request: pytest.FixtureRequest) -> Frontends:
    """The oldest, the pinned and the newest frontend; their servers run until the last test."""

    def start(name: str) -> Frontend:
        if name == "newest":
            found: Frontend = request.getfixturevalue("newest_frontend")
            return found
        server: RunningServer = request.getfixturevalue({"pinned": "newest_server", "oldest": "oldest_server"}[name])
        return Frontend(name, server.url, server.base)

    return Frontends(start)


@pytest.fixture
def frontend(opened: EditorPage, frontends: Frontends) -> Frontend:
    """The frontend of the editor's page."""
    return frontends[opened.frontend]


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


@pytest.fixture(scope="package")
def opened(request: pytest.FixtureRequest, context: Any, frontends: Frontends) -> Iterator[EditorPage]:
    """One frontend in one renderer, for the tests of all files. Opening it takes longer than most tests."""
    name, renderer = request.param.split("-")
    page = EditorPage(context, frontends[name].url, RENDERERS[renderer], frontend=name)
    yield page
    page.page.close()


@pytest.fixture(scope="package")
def workflow_page(
    chromium: Any, newest_server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenPage]:
    """The pinned frontend, for the tests of all files that run workflows."""
    made = OpenPage(chromium, newest_server.url, tmp_path_factory.mktemp("screenshots"))
    yield made
    made.page.close()


@pytest.fixture
def ready(workflow_page: OpenPage, renderer: str) -> OpenPage:
    """That page in a renderer, without a graph, and without the results of the runs before."""
    workflow_page.clear(RENDERERS[renderer])
    return workflow_page


@pytest.fixture
def editor(opened: EditorPage) -> Iterator[EditorPage]:
    """The page, whatever the test before left, for a document that the test loads; it must not complain about our files."""
    opened.start_over()
    yield opened
    assert [error for error in opened.errors if "flashmotion" in error.lower()] == []


@pytest.fixture
def mouse(editor: EditorPage) -> Iterator[EditorPage]:
    """The page without its touch screen."""
    session = editor.page.context.new_cdp_session(editor.page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
    assert not editor.page.evaluate(FINGERS)
    yield editor
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 1})
