"""The clip and its picture, values that are refused when they are typed, and errors of a run: newest frontend, both renderers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flashmotion_core.trajectory.drawing.crop import crop_to_cover

from .conftest import Frontend
from .editor_page import EMPTY, GRAPH, INTO_SUBGRAPH, NODE, ONE, SAVE_AND_LOAD, SHOW_INNER, EditorPage, corners
from .test_editor_in_comfyui import show_run

pytestmark = pytest.mark.browser

PORTRAIT = json.loads(json.dumps(GRAPH).replace("cat.jpg", "portrait.png"))
# As the user's hand changes it: the frontend calls back.
TYPE = f"""([name, value]) => {{
    const widget = {NODE}.widgets.find((entry) => entry.name === name)
    widget.value = value
    widget.callback?.(value)
}}"""
VALUES = (
    f"() => ['width', 'height', 'length'].map((name) => {NODE}.widgets.find((widget) => widget.name === name).value)"
)
LINK = f"""() => {{
    const number = window.LiteGraph.createNode('PrimitiveInt')
    number.pos = [-500, 700]
    window.app.graph.add(number)
    number.widgets[0].value = 448
    if (number.widgets[1]) number.widgets[1].value = 'fixed'
    number.connect(0, {NODE}, {NODE}.inputs.findIndex((entry) => entry.name === 'width'))
}}"""
QUEUE = "async () => { await window.app.queuePrompt(0, 1) }"


@pytest.fixture(autouse=True)
def files(frontend: Frontend) -> None:
    """A portrait picture: black, with a red square of 100 x 100 pixels at (300, 300)."""
    picture = np.zeros((800, 600, 3), np.uint8)
    picture[300:400, 300:400, 0] = 230
    Image.fromarray(picture).save(frontend.base / "input/portrait.png")


def fields(editor: EditorPage) -> list[str]:
    """W, H and Frames of the clip, as the editor shows them."""
    names = ("Clip width in pixels", "Clip height in pixels", "Frames")
    return [editor.page.locator(f'.fm-fields input[aria-label^="{name}"]').first.input_value() for name in names]


def note(editor: EditorPage, kind: str) -> str:
    """What the line above the picture says ("cut", "trouble")."""
    shown = editor.page.locator(f".fm-{kind}:visible")
    return str(shown.first.locator("span").first.inner_text()) if shown.count() else ""


def clip(editor: EditorPage) -> list[int]:
    """Width, height and length of the clip that Run would make: inputs win over the document."""
    prompt = editor.page.evaluate("async () => (await window.app.graphToPrompt()).output")
    (inputs,) = (entry["inputs"] for entry in prompt.values() if entry["class_type"] == "DrawTrajectory")
    document = json.loads(inputs["trajectory"])
    return [
        inputs["width"] or document["size"][0],
        inputs["height"] or document["size"][1],
        inputs["length"] or document["frames"],
    ]


def agree(editor: EditorPage, *expected: int) -> None:
    """The editor shows what Run would make."""
    editor.until(lambda: fields(editor) == [str(value) for value in expected])
    assert clip(editor) == list(expected)


STAGE_RED = """() => {
    const canvas = [...document.querySelectorAll('.fm-canvas')].find((entry) => entry.clientWidth > 0)
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    let red = 0
    for (let at = 0; at < data.length; at += 4) if (data[at] > 150 && data[at + 1] < 40 && data[at + 2] < 40) red += 1
    return red
}"""
PICTURE = (600, 800)
SQUARE = [300, 300, 400, 400]


def on_picture(document: Any) -> list[int]:
    """left, top, right, bottom of the first box in pixels of the portrait picture, by the crop that the node makes."""
    left, top, width, height = crop_to_cover(PICTURE, tuple(document["size"]))
    x0, y0, x1, y1 = corners(document["objects"][0]["keyframes"][0])
    return [round(value) for value in (left + x0 * width, top + y0 * height, left + x1 * width, top + y1 * height)]


def test_a_portrait_picture_asks_once_and_boxes_stay_on_it(editor: EditorPage) -> None:
    size = (384, 224)
    editor.load({**EMPTY, "size": size}, graph=PORTRAIT)
    assert editor.until(lambda: note(editor, "cut")) == "This clip cuts off 56 % of the picture."
    whole = editor.until(lambda: editor.page.evaluate(STAGE_RED))
    chip, keep = editor.page.locator(".fm-chip"), editor.page.get_by_role("button", name="Keep", exact=True)
    keep.click()
    # The picture was whole and small; now the frame fills the stage.
    editor.until(lambda: editor.page.evaluate(STAGE_RED) > 1.5 * whole)
    assert not note(editor, "cut")
    # The row of the clip brings back what is cut off.
    chip.click()
    editor.until(lambda: note(editor, "cut") and editor.page.evaluate(STAGE_RED) == whole)
    keep.click()
    editor.settle()
    left, top, width, height = crop_to_cover(PICTURE, size)
    ends = [((x - left) / width, (y - top) / height) for x, y in ((SQUARE[0], SQUARE[1]), (SQUARE[2], SQUARE[3]))]
    x, y = (editor.at(*end, size) for end in ends)
    editor.page.mouse.move(*x)
    editor.page.mouse.down()
    editor.page.mouse.move(*y, steps=3)
    editor.page.mouse.up()
    drawn = editor.document()
    assert on_picture(drawn) == pytest.approx(SQUARE, abs=3)
    editor.press("Escape", "Escape")
    chip.click()
    editor.page.get_by_role("button", name="Fit the clip").click()
    fitted = editor.until(lambda: editor.document() if editor.document()["size"] != list(size) else None)
    assert fitted["size"] == [256, 352]
    assert on_picture(fitted) == pytest.approx(on_picture(drawn), abs=1)
    assert not note(editor, "cut")
    assert not chip.is_visible()
    # So does a size that is typed; each is one step.
    w = editor.page.get_by_label("Clip width in pixels")
    w.fill("512")
    w.press("Enter")
    wide = editor.until(lambda: editor.document() if editor.document()["size"][0] == 512 else None)
    assert on_picture(wide) == pytest.approx(on_picture(drawn), abs=1)
    editor.press("Control+z", "Control+z")
    assert editor.document() == drawn


def test_the_inputs_of_the_node_and_the_fields_of_the_editor_agree(editor: EditorPage) -> None:
    editor.load(ONE)
    editor.page.evaluate(f"() => {{ {NODE}.widgets.find((widget) => widget.name === 'width').value = 640 }}")
    editor.page.evaluate(SAVE_AND_LOAD)
    editor.settle()
    # The input wins, as in a run; the document's text stays as it is.
    agree(editor, 640, 256, 33)
    assert editor.document()["size"] == [384, 256]
    w = editor.page.get_by_label("Clip width in pixels")
    w.fill("320")
    w.press("Enter")
    agree(editor, 320, 256, 33)
    assert editor.page.evaluate(VALUES) == [320, 0, 0]
    editor.page.evaluate(TYPE, ["width", 512])
    agree(editor, 512, 256, 33)
    assert editor.document()["size"] == [512, 256]
    editor.page.evaluate(TYPE, ["length", 49])
    agree(editor, 512, 256, 49)
    assert editor.frames() == [0, 48]
    editor.click("Undo")
    editor.click("Undo")
    agree(editor, 320, 256, 33)
    assert editor.page.evaluate(VALUES) == [320, 0, 0]
    editor.page.evaluate(TYPE, ["width", 0])
    agree(editor, 320, 256, 33)
    # Another node decides: its value is shown and cannot be changed here.
    editor.page.evaluate(LINK)
    editor.until(lambda: w.is_disabled() and fields(editor) == ["448", "256", "33"])
    editor.page.evaluate(SAVE_AND_LOAD)
    editor.settle()
    editor.until(lambda: w.is_disabled() and fields(editor) == ["448", "256", "33"])
    assert "Another node decides it" in str(w.get_attribute("title"))
    show_run(editor)
    assert editor.document()["size"] == [320, 256]
    assert fields(editor) == ["448", "256", "33"]


@pytest.mark.frontends("newest classic")
def test_values_that_would_fail_are_refused_and_the_nearest_is_offered(editor: EditorPage) -> None:
    editor.load(ONE)
    page = editor.page
    before = editor.text()
    w, frames, frame = (page.get_by_label(name, exact=True) for name in ("Clip width in pixels", "Frames", "Frame"))
    frame = page.locator('.fm-time input[type="number"]')
    w.fill("700")
    w.press("Enter")
    assert page.locator(".fm-offer").get_attribute("role") == "alert"
    assert w.get_attribute("aria-invalid") == "true"
    reason = page.locator(f"#{w.get_attribute('aria-describedby')}").inner_text()
    assert reason == "The model needs sides in multiples of 32 pixels, from 32 to 4096."
    assert editor.text() == before
    w.press("Escape")
    assert (w.input_value(), w.get_attribute("aria-invalid")) == ("384", None)
    w.fill("100")
    w.press("Enter")
    w.press("Enter")
    agree(editor, 96, 256, 33)
    # Refused too when the field is left; the offer is a click away.
    frames.fill("20")
    page.locator(".fm-canvas").first.click(position={"x": 5, "y": 5})
    page.get_by_role("button", name="Use 21").click()
    page.get_by_role("menuitem", name="Keep its speed").click()
    agree(editor, 96, 256, 21)
    frame.fill("99")
    frame.press("Enter")
    page.get_by_role("button", name="Use 20").click()
    editor.until(lambda: editor.frame() == 20)
    # Whatever the user does next instead leaves the field as it was.
    frame.fill("99")
    frame.press("Enter")
    page.locator(".fm-canvas").first.click(position={"x": 5, "y": 5})
    assert frame.input_value() == "20"
    assert page.locator(".fm-offer").count() == 0
    page.get_by_role("option", name="cat").click()
    editor.menu("Motion", "Arc")
    form = page.locator(".fm-form")
    form.get_by_label("To frame").fill("70")
    form.get_by_label("To frame").press("Enter")
    assert page.locator(".fm-offer").inner_text().startswith("Give a whole number from 0 to 20.")
    form.get_by_label("To frame").press("Enter")
    assert form.get_by_label("To frame").input_value() == "20"
    assert editor.page.locator("[aria-invalid]").count() == 0


def test_errors_of_a_run_appear_in_the_editor_until_something_changes(editor: EditorPage) -> None:
    nothing = "The last run had nothing to move: draw a box"
    editor.load()
    editor.page.evaluate(QUEUE)
    assert editor.until(lambda: note(editor, "trouble")).startswith(nothing)
    editor.click("Hide this message")
    assert not note(editor, "trouble")
    editor.page.evaluate(QUEUE)
    editor.until(lambda: note(editor, "trouble"))
    editor.drag((0.1, 0.1), (0.4, 0.5))
    assert not note(editor, "trouble")
    # Refused before the run, and right again in the next one.
    editor.page.evaluate(TYPE, ["connected_objects", "nothing"])
    editor.page.evaluate(QUEUE)
    said = editor.until(lambda: note(editor, "trouble"))
    assert said.startswith("Run refused connected_objects: Value not in list ('nothing' not in")
    editor.page.evaluate(TYPE, ["connected_objects", "ignore"])
    show_run(editor)
    editor.until(lambda: not note(editor, "trouble"))
    # A document with an odd size says so before any run.
    editor.load({**ONE, "size": [700, 256]})
    assert note(editor, "trouble").startswith("A clip of 700 x 256 pixels and 33 frames cannot be made")
    editor.page.get_by_role("button", name="Use 704 x 256, 33 frames").click()
    agree(editor, 704, 256, 33)
    assert not note(editor, "trouble")
    editor.load()
    editor.page.evaluate(INTO_SUBGRAPH, False)
    editor.page.wait_for_function("() => window.app.canvas.graph.nodes[0]?.type === 'DrawTrajectory'")
    editor.page.evaluate(SHOW_INNER)
    editor.settle()
    editor.page.evaluate(QUEUE)
    assert editor.until(lambda: note(editor, "trouble")).startswith(nothing)


@pytest.mark.frontends("newest classic")
def test_hints_stand_on_their_rows_and_lead_to_the_frame(editor: EditorPage) -> None:
    far = {**ONE["objects"][0]["keyframes"][1], "frame": 2}
    fast = {**ONE["objects"][0], "keyframes": [ONE["objects"][0]["keyframes"][0], far]}
    twin = {**ONE["objects"][0], "id": "twin", "label": "twin"}
    editor.load({**EMPTY, "objects": [fast, twin]})
    page = editor.page
    count = page.get_by_role("button", name="Hints before the run: 2")
    count.wait_for()
    cat = page.get_by_role("option", name="cat")
    assert str(cat.get_attribute("aria-description")).startswith(
        "Faster than half its size per frame, from frame 0 on."
    )
    page.get_by_role("button", name="Hints for twin: 1").click()
    line = page.locator(".fm-hint-list button")
    assert line.inner_text().startswith("twin: Lies on nearly the same place as cat in frame 0.")
    editor.press("Escape")
    editor.press("End")
    count.focus()
    editor.press("Enter", "Enter")
    assert cat.get_attribute("aria-selected") == "true"
    assert editor.frame() == 0
    # A box on nothing: the portrait is black but for its square.
    editor.load(
        {**EMPTY, "size": [256, 352], "objects": [{**twin, "keyframes": twin["keyframes"][:1]}]}, graph=PORTRAIT
    )
    editor.until(lambda: page.get_by_role("button", name="Hints for twin: 1").count())
    assert "nothing to see" in str(page.get_by_role("option", name="twin").get_attribute("aria-description"))
