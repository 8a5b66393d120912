"""The cut-out preview in the real page. Its mathematics: `unit/cutout.test.js`; what it costs: `bench/editor.py`."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from .conftest import Frontend
from .editor_page import EMPTY, GRAPH, EditorPage

pytestmark = pytest.mark.browser

GREEN, RED, BLUE = [30, 160, 40], [220, 30, 30], [20, 40, 220]
DISC = {
    "id": "disc",
    "keyframes": [
        {"frame": 0, "x": 0.25, "y": 0.5, "w": 0.2, "h": 0.3},
        {"frame": 32, "x": 0.75, "y": 0.5, "w": 0.1, "h": 0.3},
    ],
}
# In frame 0 over the disc, and smaller; hidden from frame 20 on.
DOT = {"id": "dot", "hidden": [[20, 32]], "keyframes": [{"frame": 0, "x": 0.25, "y": 0.5, "w": 0.06, "h": 0.09}]}
# How often the stage is drawn while nothing happens.
IDLE = """async () => {
    const { fillRect } = CanvasRenderingContext2D.prototype
    let drawn = 0
    CanvasRenderingContext2D.prototype.fillRect = function (...values) {
        if (this.canvas.matches('.fm-canvas')) drawn += 1
        return fillRect.apply(this, values)
    }
    await new Promise((resolve) => setTimeout(resolve, 400))
    CanvasRenderingContext2D.prototype.fillRect = fillRect
    return drawn
}"""


def near(pixel: list[int], colour: list[int]) -> bool:
    return bool(np.abs(np.array(pixel) - colour).max() < 12)


def test_cut_outs_move_along_their_boxes_over_filled_holes(editor: EditorPage, frontend: Frontend) -> None:
    picture = np.full((256, 384, 3), GREEN, np.uint8)
    row, column = np.mgrid[:256, :384] + 0.5
    picture[((column - 96) / 36) ** 2 + ((row - 128) / 36) ** 2 < 1] = RED
    picture[((column - 96) / 10) ** 2 + ((row - 128) / 10) ** 2 < 1] = BLUE
    Image.fromarray(picture).save(frontend.base / "input/disc.png")
    graph = {**GRAPH, "1": {"class_type": "LoadImage", "inputs": {"image": "disc.png"}}}
    editor.load({**EMPTY, "objects": [DISC, DOT]}, graph=graph)
    editor.until(lambda: near(editor.pixel(0.05, 0.9), GREEN))
    editor.page.locator(".fm-sink").focus()
    editor.press("End")
    # The disc is there, half as wide, without the dot, which owned its pixels; where both were is the ground.
    editor.until(lambda: near(editor.pixel(0.765, 0.56), RED))
    assert near(editor.pixel(0.752, 0.515), RED)
    assert near(editor.pixel(0.25, 0.6), GREEN)
    assert near(editor.pixel(0.26, 0.46), GREEN)
    assert editor.page.evaluate(IDLE) == 0
    editor.press("a")
    editor.until(lambda: near(editor.pixel(0.26, 0.6), RED))
    assert not near(editor.pixel(0.765, 0.56), RED)
    assert editor.page.locator('.fm-editor [data-command="cutouts"]').get_attribute("aria-pressed") == "false"
    editor.press("a")
    editor.until(lambda: near(editor.pixel(0.25, 0.6), GREEN))
    # Frame 0 is the picture; the box lies over it, faintly.
    editor.press("Home")
    editor.until(lambda: editor.pixel(0.25, 0.6)[0] > 180)
    # It follows the pointer.
    editor.press("End")
    editor.drag((0.75, 0.5), (0.6, 0.3))
    editor.until(lambda: near(editor.pixel(0.615, 0.36), RED))
    assert editor.frames() == [0, 32]
