"""The core of the trajectory editor in the oldest, the pinned and the newest frontend, in both renderers each.

Drawn, timed, undone inside and outside, saved, copied, moved into a subgraph and out of it, promoted, the renderer changed.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from ..conftest import ROOT, RunningServer
from .conftest import RENDERERS
from .editor_page import (
    EDIT_PROMOTED,
    INTO_SUBGRAPH,
    ONE,
    SAVE_AND_LOAD,
    SHOW_INNER,
    EditorPage,
    corners,
)

pytestmark = pytest.mark.browser

# The ComfyUI and the frontend of each; the oldest ComfyUI asks for the oldest frontend itself.
SERVERS = {
    "oldest": ("FLASHMOTION_COMFYUI_OLDEST", "FLASHMOTION_FRONTEND_OLDEST"),
    "newest": ("FLASHMOTION_COMFYUI", "FLASHMOTION_FRONTEND_NEWEST"),
}


@pytest.fixture(scope="module", params=["pinned", *SERVERS])
def frontend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with each frontend, one after the other."""
    from tools.base_folder import link_pack
    from tools.comfy_server import Server

    if request.param == "pinned":
        pinned: RunningServer = request.getfixturevalue("newest_server")
        yield pinned.url
        return
    comfyui, page = (os.environ.get(name) for name in SERVERS[request.param])
    if not comfyui or not page:
        pytest.skip(f"needs {' and '.join(SERVERS[request.param])}: run python run_tests.py")
    base = tmp_path_factory.mktemp(request.param)
    link_pack(ROOT, base / "custom_nodes")
    (base / "input").mkdir()
    shutil.copy(ROOT / "assets/tiny/cat.jpg", base / "input")
    with Server(sys.executable, comfyui, base, extra_args=["--front-end-root", page]) as server:
        yield server.url


@pytest.fixture(scope="module", params=list(RENDERERS))
def opened(request: pytest.FixtureRequest, context: Any, frontend: str) -> Iterator[EditorPage]:
    """One frontend in one renderer."""
    page = EditorPage(context, frontend, RENDERERS[request.param])
    yield page
    page.page.close()


def test_a_box_that_is_drawn_moves_where_it_is_dragged_at_another_frame(editor: EditorPage) -> None:
    editor.drag((0.2, 0.2), (0.4, 0.6))
    (drawn,) = editor.objects()
    assert corners(drawn["keyframes"][0]) == pytest.approx([0.2, 0.2, 0.4, 0.6], abs=0.02)
    editor.press("End")
    assert editor.frame() == 32
    editor.drag((0.3, 0.4), (0.62, 0.44))
    first, last = editor.objects()[0]["keyframes"]
    assert (first["frame"], last["frame"]) == (0, 32)
    assert (last["x"] - first["x"], last["y"] - first["y"]) == pytest.approx((0.32, 0.04), abs=0.02)
    assert (last["w"], last["h"]) == (first["w"], first["h"])


def test_one_step_of_undo_for_each_gesture(editor: EditorPage) -> None:
    before = editor.text()
    editor.drag((0.1, 0.1), (0.3, 0.4))
    drawn = editor.text()
    editor.drag((0.2, 0.2), (0.5, 0.5))
    moved = editor.text()
    assert len({before, drawn, moved}) == 3
    editor.press("Control+z")
    assert editor.text() == drawn
    editor.press("Control+z")
    assert editor.document() == json.loads(before)
    editor.press("Control+y", "Control+y")
    assert editor.text() == moved


def test_the_graphs_own_undo_takes_back_a_gesture_and_keeps_the_view(editor: EditorPage) -> None:
    editor.drag((0.1, 0.1), (0.3, 0.4))
    drawn = editor.text()
    editor.press(".", ".", ".")
    editor.drag((0.2, 0.25), (0.5, 0.5))
    moved = editor.text()
    editor.graph_key("Control+z")
    editor.until(lambda: editor.text() == drawn)
    editor.settle()
    assert editor.frame() == 3
    assert editor.page.locator(".fm-option[aria-selected=true]").count() == 1
    editor.graph_key("Control+y")
    editor.until(lambda: editor.text() == moved)


def test_a_saved_workflow_opens_unchanged(editor: EditorPage) -> None:
    editor.drag((0.1, 0.1), (0.3, 0.4))
    drawn = editor.text()
    editor.page.evaluate(SAVE_AND_LOAD)
    editor.settle()
    assert editor.text() == drawn
    assert editor.page.get_by_role("option", name="object 1").count() == 1


def test_what_run_sends_is_the_document(editor: EditorPage) -> None:
    editor.drag((0.1, 0.1), (0.3, 0.4))
    assert editor.sent_text() == editor.text()
    editor.load(json.dumps(ONE, indent=2))
    assert editor.sent_text() == json.dumps(ONE, indent=2)


def test_the_renderer_changes_while_editing(editor: EditorPage) -> None:
    editor.drag((0.1, 0.1), (0.3, 0.4))
    drawn = editor.text()
    editor.set_renderer(not editor.vue)
    editor.page.wait_for_function("() => document.querySelector('.fm-canvas')?.getBoundingClientRect().width > 0")
    editor.settle()
    assert editor.text() == drawn
    editor.drag((0.6, 0.5), (0.8, 0.9))
    assert corners(editor.objects()[1]["keyframes"][0]) == pytest.approx([0.6, 0.5, 0.8, 0.9], abs=0.02)
    editor.press("Control+z")
    assert editor.text() == drawn


def test_editing_goes_on_inside_a_subgraph(editor: EditorPage) -> None:
    editor.drag((0.1, 0.1), (0.3, 0.4))
    document = editor.document()
    editor.page.evaluate(INTO_SUBGRAPH, False)
    editor.page.wait_for_function("() => window.app.canvas.graph.nodes[0]?.type === 'DrawTrajectory'")
    editor.page.evaluate(SHOW_INNER)
    editor.settle()
    assert editor.sent() == document
    editor.drag((0.6, 0.6), (0.8, 0.9))
    assert len(editor.sent()["objects"]) == 2


def test_a_promoted_trajectory_can_be_edited(editor: EditorPage) -> None:
    editor.drag((0.1, 0.1), (0.3, 0.4))
    document = editor.document()
    editor.page.evaluate(INTO_SUBGRAPH, True)
    assert editor.sent() == document
    editor.page.evaluate(EDIT_PROMOTED)
    editor.settle()
    editor.drag((0.6, 0.6), (0.8, 0.9))
    assert len(editor.sent()["objects"]) == 2
    editor.page.evaluate(SAVE_AND_LOAD)
    assert len(editor.sent()["objects"]) == 2
