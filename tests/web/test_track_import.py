"""Files with tracks, dropped on the editor: a panel shows what was recognised, and asks what the file does not say."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from flashmotion_core.trajectory import parse, sample

from .editor_page import ONE, EditorPage

pytestmark = pytest.mark.browser

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "tracks.json"
DROP = """([name, content]) => {
    const bytes = Uint8Array.from(atob(content), (unit) => unit.charCodeAt(0))
    const data = new DataTransfer()
    data.items.add(new File([bytes], name))
    const editor = document.querySelector('.fm-sink').closest('.fm-editor') ?? document.querySelector('.fm-canvas')
    editor.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }))
}"""


def drop(editor: EditorPage, name: str, text: str, encoding: str = "utf-8") -> None:
    editor.page.evaluate(DROP, [name, base64.b64encode(text.encode(encoding)).decode()])


def case(name: str) -> str:
    cases = json.loads(GOLDEN.read_text(encoding="utf-8"))["cases"]
    return next(found["text"] for found in cases if found["name"] == name)


def test_our_table_from_excel_opens_at_once(editor: EditorPage) -> None:
    editor.load(ONE)
    drop(
        editor,
        "boxes.csv",
        "frame;id;label;x;y;w;h;visible\r\n0;rat;;10,5;20;30;40;1\r\n4;rat;;20;20;30;40;1\r\n",
        "utf-8-sig",
    )
    editor.until(lambda: [found["id"] for found in editor.objects()] == ["rat"])
    assert editor.document()["size"] == ONE["size"]


def test_tracks_are_shown_and_asked_about(editor: EditorPage) -> None:
    editor.load(ONE)
    table = "".join(
        f"{frame},{n},{2 * n},{frame},96,64,1,-1,-1,-1\n"
        for n in range(1, 71)
        for frame in range(1, 3 if n < 70 else 6)
    )
    drop(editor, "tracks.txt", table)
    panel = editor.page.locator(".fm-import")
    assert "MOT: 70 objects, frames 1 to 5" in panel.inner_text()
    assert panel.get_by_label("Frames are counted from").input_value() == "1"
    assert panel.get_by_role("checkbox", checked=True).count() == 64
    if folder := os.environ.get("FLASHMOTION_SCREENSHOTS"):
        editor.page.screenshot(path=str(Path(folder) / "tracks.png"))
    panel.get_by_role("button", name="Choose none").click()
    for name in ("1: 2 frames", "70: 5 frames"):
        panel.get_by_label(name, exact=True).check()
    for field, value in zip(panel.get_by_label("of a picture of").all(), ("768", "512"), strict=True):
        field.fill(value)
    panel.get_by_role("button", name="Open").click()
    editor.until(lambda: len(editor.objects()) == 2)
    assert [found["id"] for found in editor.objects()] == ["1", "70"]
    assert (editor.document()["size"], editor.document()["frames"]) == ([384, 256], 5)
    boxes_TN4 = sample(parse(editor.text())).boxes_TN4
    assert boxes_TN4[0, 0].tolist() == pytest.approx([1, 0.5, 48, 32], abs=1e-3)  # six decimals of the frame
    assert "counted from 1" in editor.page.locator(".fm-message").inner_text()
    editor.press("Control+z")
    editor.until(lambda: [found["id"] for found in editor.objects()] == ["cat"])


@pytest.mark.parametrize("name", ["CVAT", "COCO by file name", "DarkLabel with corners"])
def test_other_formats_open(editor: EditorPage, name: str) -> None:
    editor.load(ONE)
    drop(
        editor,
        "tracks.json" if name.startswith("COCO") else "tracks.xml" if name == "CVAT" else "tracks.txt",
        case(name).replace("200,20", "300,20"),
    )
    editor.page.locator(".fm-import").get_by_role("button", name="Open").click()
    editor.until(lambda: editor.objects()[0]["id"] != "cat")
    assert editor.document()["size"] == [384, 256]


def test_what_cannot_be_read_is_one_sentence_and_changes_nothing(editor: EditorPage) -> None:
    editor.load(ONE)
    drop(editor, "notes.txt", "Dear diary,\nit rained.\n")
    editor.until(lambda: "give the header frame,id" in editor.page.locator(".fm-message").inner_text())
    drop(editor, "old.csv", "frame,id,caf\u00e9\n", "latin-1")
    editor.until(lambda: "is not UTF-8 text" in editor.page.locator(".fm-message").inner_text())
    assert [found["id"] for found in editor.objects()] == ["cat"]
