"""A new user with nothing but the README: from Load Image to two objects, a pause and a change of size, without JSON.

The steps are those of the README's section "Draw a motion", with a mouse and a keyboard, in both renderers.
Screenshots of every step, of two also in light, are left in the folder `screenshots` of what is set up (.flashmotion, or $FLASHMOTION_HOME).
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from ..conftest import ROOT
from .editor_page import NODE, EditorPage, corners

pytestmark = pytest.mark.browser

SIZE = (1280, 704)
WORKFLOW = ROOT / "example_workflows/flashmotion_plus_adapter.json"
COME_CLOSE = f"""() => {{
    const canvas = window.app.canvas
    canvas.ds.scale = 1
    canvas.ds.offset = [120 - window.app.graph.nodes.find((node) => node.type === 'LoadImage').pos[0], 40 - {NODE}.pos[1]]
    canvas.setDirty(true, true)
}}"""
# What the loader's own list does when a file is chosen in it.
CHOOSE = """(name) => {
    const loader = window.app.graph.nodes.find((node) => node.type === 'LoadImage')
    const widget = loader.widgets.find((entry) => entry.name === 'image')
    widget.value = name
    widget.callback?.(name)
    window.app.api.dispatchCustomEvent('graphChanged')
}"""

SHADOWS = """(shown) => {
    for (const sheet of document.adoptedStyleSheets) if (sheet.cssRules[0]?.selectorText === '.lg-node') sheet.disabled = shown
}"""


class User:
    """Hands on a mouse and a keyboard, and a camera."""

    def __init__(self, editor: EditorPage, folder: Path, name: str) -> None:
        self.editor, self.folder, self.name, self.taken = editor, folder, name, 0
        self.random = random.Random(name)

    def look(self, what: str, palettes: tuple[str, ...] = ("dark",)) -> None:
        """Take the page, with the shadows that the tests go without."""
        self.taken += 1
        self.editor.page.evaluate(SHADOWS, True)
        for palette in palettes:
            self.editor.set_palette(palette)
            self.editor.page.screenshot(path=self.folder / f"{self.name}_{palette}_{self.taken}_{what}.png")
        self.editor.page.evaluate(SHADOWS, False)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        mouse = self.editor.page.mouse
        mouse.move(*self.editor.at(*start, SIZE))
        mouse.down()
        mouse.move(*self.editor.at(*end, SIZE), steps=6)
        mouse.up()

    def drag_box(self, by: tuple[float, float]) -> None:
        """Drag the selected box, grabbed somewhere in its middle, as a hand does."""
        box = self.editor.selected_box(SIZE)
        x, y = (box[at] + self.random.uniform(-0.25, 0.25) * box[side] for at, side in ("xw", "yh"))
        self.drag((x, y), (x + by[0], y + by[1]))

    def drag_along_the_ruler(self, frame: int) -> None:
        bounds = self.editor.page.get_by_role("slider", name="Frame").bounding_box()
        mouse = self.editor.page.mouse
        left, width = bounds["x"] + 12, bounds["width"] - 24
        mouse.move(left, bounds["y"] + 8)
        mouse.down()
        mouse.move(left + frame * width / 120, bounds["y"] + 8, steps=4)
        mouse.up()
        assert self.editor.frame() == frame


@pytest.fixture(scope="module")
def folder() -> Path:
    from tools.setup.environment import home

    made = home() / "screenshots"
    made.mkdir(parents=True, exist_ok=True)
    return made


@pytest.mark.frontends("pinned")
def test_two_objects_a_pause_and_a_change_of_size(editor: EditorPage, folder: Path) -> None:
    user = User(editor, folder, "vue" if editor.vue else "classic")
    editor.page.evaluate(
        "async (workflow) => { await window.app.loadGraphData(workflow, true, true, 'flashmotion_plus_adapter') }",
        json.loads(WORKFLOW.read_text(encoding="utf-8")),
    )
    editor.page.evaluate(COME_CLOSE)
    editor.page.wait_for_function(
        "() => [...document.querySelectorAll('.fm-canvas')].some((entry) => entry.clientWidth > 0)"
    )
    # The example's own picture is there: the editor would take the next one for it.
    editor.until(lambda: editor.page.locator(".fm-chip").text_content() == "Cut 45 %")
    # 1. Choose a picture; it appears; the example's box goes.
    editor.page.evaluate(CHOOSE, "astronaut.png")
    editor.settle()
    # It is square, as the example's was: nothing is asked about what the clip cuts off.
    assert editor.page.get_by_role("button", name="Keep", exact=True).count() == 0
    # The sleeve is orange, below the middle of the picture and beside its badges.
    editor.until(lambda: editor.pixel(0.2, 0.85, SIZE)[0] > 150 > editor.pixel(0.2, 0.85, SIZE)[2])
    user.look("picture")
    editor.page.mouse.click(*editor.at(0.9, 0.95, SIZE))
    editor.press("Control+a", "Delete")
    assert editor.objects() == []
    user.look("empty")
    # 2. The first object: a box, and where it should be by frame 50.
    user.drag((0.1, 0.3), (0.3, 0.8))
    user.drag_along_the_ruler(50)
    user.drag_box((0.35, -0.1))
    user.look("moved")
    # 3. The pause.
    user.drag_along_the_ruler(80)
    editor.press("k")
    # 4. The size, and the end.
    editor.press("End")
    *_, right, bottom = corners(editor.objects()[0]["keyframes"][-1])
    user.drag((right, bottom), (right + 0.1, bottom + 0.12))
    user.look("resized")
    user.drag_box((0.15, 0))
    # 5. The second object.
    editor.press("Home")
    user.drag((0.7, 0.08), (0.9, 0.3))
    editor.press("End")
    user.drag_box((-0.4, 0.05))
    user.look("two", ("light", "dark"))
    # 6. It plays; its speed; Run sends it.
    editor.press("Home", "Space")
    editor.until(lambda: editor.frame() > 10)
    editor.press("Space")
    editor.page.get_by_label("Speed to the next keyframe").select_option("in-out")
    user.look("played")
    editor.click("Large view")
    editor.until(lambda: editor.page.locator("dialog .fm-canvas").bounding_box()["width"] > 1000)
    editor.settle()
    user.look("large", ("light", "dark"))
    first, second = editor.sent()["objects"]
    assert [key["frame"] for key in first["keyframes"]] == [0, 50, 80, 120]
    start, pause, on, end = ([key[side] for side in "xywh"] for key in first["keyframes"])
    assert pause == on
    assert start[2:] == pytest.approx(pause[2:])
    assert (end[2] - on[2], end[3] - on[3]) == pytest.approx((0.1, 0.12), abs=0.02)
    assert [(key["frame"], round(key["x"], 1)) for key in second["keyframes"]] == [(0, 0.8), (120, 0.4)]
    assert second["keyframes"][0]["ease"] == "in-out"
    assert editor.sent_text() == editor.text()
