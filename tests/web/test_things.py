"""Select by click and the mask brush in the real page. What is found in pictures: `unit/find_things.test.js`."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from flashmotion_core.trajectory import parse, sample, to_cells, to_frame_masks

from .conftest import Frontend
from .editor_page import EDIT_PROMOTED, EMPTY, GRAPH, INTO_SUBGRAPH, SHOW_INNER, EditorPage

pytestmark = pytest.mark.browser

GREEN, RED = [30, 160, 40], [220, 30, 30]
THING = {**GRAPH, "1": {"class_type": "LoadImage", "inputs": {"image": "thing.png"}}}


def first_mask(editor: EditorPage) -> np.ndarray:
    """What the node makes of the last object in frame 0, bool [256, 384]."""
    masks_NHW = to_frame_masks(sample(parse(editor.sent_text())))
    inside_HW: np.ndarray = masks_NHW[-1].numpy() > 0.5
    return inside_HW


def said(editor: EditorPage) -> str:
    return str(editor.page.locator(".fm-message").text_content())


@pytest.fixture(name="disc_HW")
def disc(frontend: Frontend) -> np.ndarray:
    """thing.png is a red disc on green; the disc, bool [256, 384]."""
    picture = np.full((256, 384, 3), GREEN, np.uint8)
    row, column = np.mgrid[:256, :384] + 0.5
    inside_HW: np.ndarray = ((column - 96) / 36) ** 2 + ((row - 128) / 36) ** 2 < 1
    picture[inside_HW] = RED
    Image.fromarray(picture).save(frontend.base / "input/thing.png")
    return inside_HW


@pytest.mark.frontends("newest classic")
def test_a_click_finds_the_thing_and_the_brush_changes_its_mask(editor: EditorPage, disc_HW: np.ndarray) -> None:
    editor.load(EMPTY, graph=THING)
    editor.until(lambda: editor.pixel(0.05, 0.9)[1] > 120)
    editor.page.locator(".fm-sink").focus()

    # On another frame it shows frame 0 first.
    editor.press("w", "End")
    editor.page.mouse.click(*editor.at(0.25, 0.5))
    assert editor.frame() == 0
    assert editor.objects() == []
    assert "frame 0" in said(editor)

    editor.page.mouse.click(*editor.at(0.25, 0.5))
    (thing,) = editor.until(editor.objects)
    assert editor.document()["version"] == 2
    assert thing["label"] == "object 1"
    assert (
        thing["keyframes"][0] == pytest.approx({"frame": 0, "x": 0.25, "y": 0.5, "w": 0.1875, "h": 0.28125}, abs=0.01)
        or thing
    )
    found_HW = first_mask(editor)
    assert (found_HW & disc_HW).sum() > 0.97 * (found_HW | disc_HW).sum()
    assert said(editor).startswith("Found: 7")
    # The mask is shown, in the object's colour; the corner of its box is not in it.
    editor.until(lambda: editor.pixel(0.27, 0.5) != RED)
    assert editor.pixel(0.17, 0.38) == GREEN

    # The brush adds on the right, and takes from the left.
    editor.press("q", "]", "[")
    editor.page.get_by_role("slider", name="Radius of the brush").fill("3")
    editor.drag((0.36, 0.5), (0.5, 0.5))
    editor.until(lambda: first_mask(editor)[128, 185])
    assert first_mask(editor)[128, 100]
    assert not first_mask(editor)[100, 185]
    assert editor.objects()[0]["keyframes"][0]["w"] > 0.3
    editor.click("Take away")
    editor.drag((0.2, 0.5), (0.15, 0.5))
    editor.until(lambda: not first_mask(editor)[128, 70])
    assert first_mask(editor)[150, 96]

    # Strokes are undone one by one.
    editor.press("Control+z")
    editor.until(lambda: first_mask(editor)[128, 70])
    editor.press("Control+z")
    editor.until(lambda: not first_mask(editor)[128, 185])
    assert (first_mask(editor) == found_HW).all()

    # It survives copying, and goes with its object.
    editor.press("Escape", "Control+c", "Control+v")
    _, copy = editor.until(lambda: len(editor.objects()) == 2 and editor.objects())
    assert copy["shape"] == editor.objects()[0]["shape"]

    # By keys alone: from the middle to the disc.
    editor.press("w", *["Shift+ArrowLeft"] * 3, "Enter")
    editor.until(lambda: len(editor.objects()) == 3)
    assert (first_mask(editor) == found_HW).all()
    editor.press("Escape")
    editor.click("Object")
    editor.page.get_by_role("menuitem", name="Remove the mask").click()
    editor.until(lambda: "shape" not in editor.objects()[2])
    assert first_mask(editor).sum() > found_HW.sum()
    assert json.loads(editor.sent_text()) == editor.document()
    shape = parse(editor.sent_text()).objects[0].shape
    assert shape is not None
    assert to_cells(shape).any(axis=0).all()

    # In the editor of a trajectory that was promoted out of a subgraph masks change, too, and without Shift and Alt.
    drawn = editor.document()
    editor.page.evaluate(INTO_SUBGRAPH, True)
    assert editor.sent() == drawn
    editor.page.evaluate(EDIT_PROMOTED)
    editor.settle()
    editor.until(lambda: editor.pixel(0.05, 0.9)[1] > 120)
    editor.page.locator(".fm-option:visible").first.click()
    editor.press("w")
    bar = editor.page.get_by_role("group", name="Select by click")
    for button, wide in (("Add", True), ("Take away", False)):
        bar.get_by_role("button", name=button, exact=True).click()
        editor.page.mouse.click(*editor.at(0.9, 0.1))
        editor.until(lambda wide=wide: (editor.sent()["objects"][0]["keyframes"][0]["w"] > 0.9) == wide)
    assert len(editor.sent()["objects"]) == 3


def test_masks_change_inside_an_open_subgraph(editor: EditorPage, disc_HW: np.ndarray) -> None:
    editor.load(EMPTY, graph=THING)
    editor.page.evaluate(INTO_SUBGRAPH, False)
    editor.page.wait_for_function("() => window.app.canvas.graph.nodes[0]?.type === 'DrawTrajectory'")
    editor.page.evaluate(SHOW_INNER)
    editor.settle()
    editor.until(lambda: editor.pixel(0.05, 0.9)[1] > 120)
    editor.page.locator(".fm-sink:visible").focus()
    editor.press("w")
    editor.page.mouse.click(*editor.at(0.25, 0.5))
    editor.until(lambda: editor.sent()["objects"])
    found_HW = first_mask(editor)
    assert (found_HW & disc_HW).sum() > 0.97 * (found_HW | disc_HW).sum()
    # The editor of this place may have been left taking away.
    editor.press("q")
    editor.page.locator(".fm-brush:visible").get_by_role("button", name="Add", exact=True).click()
    editor.drag((0.36, 0.5), (0.5, 0.5))
    editor.until(lambda: first_mask(editor)[128, 185])
    editor.press("Control+z")
    editor.until(lambda: (first_mask(editor) == found_HW).all())
