"""Motion taken from a video in the page: two things are followed, one of them until it is gone; bad files and Cancel change nothing."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..support.videos import write_video
from .conftest import Frontend
from .editor_page import EMPTY, EditorPage
from .test_accessibility import AXE, CHECK

pytestmark = pytest.mark.browser

# A portrait video on a landscape clip: scaled by 1.6, the middle half of its height is seen.
WIDTH, HEIGHT, FRAMES, SIDE = 240, 320, 25, 48
CAT = {"id": "cat", "label": "cat", "path": "smooth"}
START = [{"frame": 0, "x": 50 / WIDTH, "y": 0.5, "w": SIDE / WIDTH, "h": 2 * SIDE / HEIGHT}]
DOCUMENT = {**EMPTY, "objects": [{**CAT, "keyframes": START}]}

# Workers that end with their fourth picture.
FRAIL = """() => {
    window.pictures = 0
    window.Lasting = window.Worker
    window.Worker = class extends window.Lasting {
        postMessage(...message) {
            window.pictures += 1
            if (window.pictures < 4) return super.postMessage(...message)
            this.terminate()
            this.dispatchEvent(new ErrorEvent('error', { cancelable: true }))
        }
    }
}"""


def spots(seed: int, height: int, width: int) -> Any:
    """A picture of soft spots, which there is something to follow in."""
    coarse = np.random.default_rng(seed).integers(0, 255, (height // 6 + 2, width // 6 + 2, 3))
    fine = coarse.repeat(6, 0).repeat(6, 1)[: height + 3, : width + 3].astype(float)
    smooth = sum(fine[y : y + height, x : x + width] for y in range(4) for x in range(4)) / 16
    return smooth.astype(np.uint8)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One thing goes right by 140 pixels, another leaves by the right border; and files that are no such video."""
    folder = tmp_path_factory.mktemp("films")
    frames = np.stack([spots(1, HEIGHT, WIDTH)] * FRAMES)
    for n, frame in enumerate(frames):
        left = round(50 - SIDE / 2 + 140 * n / (FRAMES - 1))
        frame[160 - SIDE // 2 : 160 + SIDE // 2, left : left + SIDE] = spots(2, SIDE, SIDE)
        left = min(160 + 6 * n, WIDTH)
        frame[210 : 210 + SIDE, left : left + SIDE] = spots(3, SIDE, SIDE)[:, : WIDTH - left]
    write_video(
        folder / "run.webm",
        frames,
        codec="libvpx-vp9",
        pixels="yuv420p",
        crf="20",
        b="0",
        deadline="realtime",
        **{"cpu-used": "8"},
    )
    (folder / "damaged.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(4000))
    with wave.open(str(folder / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(8000))
    return folder


@pytest.fixture
def editor(chromium: Any, newest_frontend: Frontend) -> Iterator[EditorPage]:
    """A page without ComfyUI's policy for --disable-api-nodes, with which our servers start: it forbids to play chosen files."""
    context = chromium.new_context(viewport={"width": 1500, "height": 1000}, bypass_csp=True)
    yield EditorPage(context, newest_frontend.url, True)
    context.close()


def choose(editor: EditorPage, file: Path) -> None:
    """Choose a file in the menu."""
    with editor.page.expect_file_chooser() as chooser:
        editor.menu("Motion", "Take motion from a video")
    chooser.value.set_files(file)


def test_two_things_are_followed_and_become_one_step(editor: EditorPage, films: Path) -> None:
    editor.load(DOCUMENT)
    editor.press("Control+a")
    page = editor.page
    dialog = page.locator("dialog.fm-video")

    for file, said in (("damaged.mp4", "MP4 (H.264) or WebM (VP9)"), ("sound.wav", "has no pictures")):
        choose(editor, films / file)
        editor.until(lambda said=said: said in page.locator(".fm-message.fm-alarm").inner_text())

    page.get_by_role("option", name="cat").click()
    choose(editor, films / "run.webm")
    dialog.get_by_role("button", name="Box of cat").wait_for()
    layer = page.locator(".fm-video-boxes").bounding_box()
    assert layer is not None
    corners = [
        (layer["x"] + x / WIDTH * layer["width"], layer["y"] + y / HEIGHT * layer["height"])
        for x, y in ((160, 210), (160 + SIDE, 210 + SIDE))
    ]
    page.mouse.move(*corners[0])
    page.mouse.down()
    page.mouse.move(*corners[1], steps=4)
    page.mouse.up()
    dialog.get_by_role("button", name="Add a box").click()
    added = dialog.get_by_role("button", name="Box of object 3")
    before = added.bounding_box()
    assert before is not None
    editor.press("Shift+ArrowRight", "Alt+Shift+ArrowUp")
    after = added.bounding_box()
    assert after is not None
    pixel = layer["width"] / WIDTH
    assert after["x"] - before["x"] == pytest.approx(10 * pixel, abs=1)
    assert after["height"] - before["height"] == pytest.approx(10 * pixel, abs=1)
    editor.press("Delete")
    assert added.count() == 0
    if AXE.is_file():
        page.add_script_tag(path=str(AXE))
        assert page.evaluate(CHECK.replace(".fm-editor", ".fm-video"))["violations"] == []

    dialog.get_by_role("button", name="Follow").click()
    dialog.get_by_role("button", name="Cancel").click()
    assert "Cancelled" in editor.until(lambda: dialog.get_by_role("status").inner_text())
    # A worker that the browser ends midway: it says so, the boxes are there again, and another one follows them.
    page.evaluate(FRAIL)
    dialog.get_by_role("button", name="Follow").click()
    editor.until(lambda: "stopped following run.webm" in dialog.get_by_role("status").inner_text())
    assert dialog.get_by_role("button", name="Box of cat").is_visible()
    assert page.evaluate("() => { window.Worker = window.Lasting; return window.pictures }") == 4
    with page.expect_worker() as worker:
        dialog.get_by_role("button", name="Follow").click()
    assert worker.value.url.endswith("/tracking/worker.js")
    dialog.get_by_role("button", name="Use this motion").wait_for()
    lines = dialog.get_by_role("listitem").all_inner_texts()
    assert [line.split(" frame")[0] for line in lines] == ["cat: followed to the end.", "object 2: lost at"]
    assert editor.document() == DOCUMENT
    dialog.get_by_role("button", name="Use this motion").click()
    editor.until(lambda: not dialog.count())

    cat, other = editor.objects()
    assert (cat["label"], cat["path"], cat["hidden"]) == ("cat", "linear", [])
    assert 2 <= len(cat["keyframes"]) <= 4
    first, last = cat["keyframes"][0], cat["keyframes"][-1]
    assert abs(first["x"] - 50 / WIDTH) < 0.01
    assert abs(last["x"] - 190 / WIDTH) < 0.02
    assert last["frame"] >= 30
    assert all(abs(key["y"] - 0.5) < 0.02 for key in cat["keyframes"])
    assert abs(other["keyframes"][0]["y"] - (0.5 + 2 * (234 / HEIGHT - 0.5))) < 0.02
    # Half of it is gone at picture 9 of 24, all of it at 14.
    ((gone, end),) = other["hidden"]
    assert 8 <= gone <= 20
    assert end == 32
    assert "lost at frame" in page.locator(".fm-message").inner_text()
    assert [worker.url for worker in page.workers if "/tracking/" in worker.url] == [], "each worker ends"
    editor.press("Control+z")
    editor.until(lambda: editor.document() == DOCUMENT)

    # Where no worker starts, the page follows the cat itself, to the same places.
    page.evaluate("() => { window.Worker = class { constructor() { throw new Error('forbidden') } } }")
    page.get_by_role("option", name="cat").click()
    choose(editor, films / "run.webm")
    dialog.get_by_role("button", name="Follow").click()
    dialog.get_by_role("button", name="Use this motion").click()
    editor.until(lambda: not dialog.count())
    assert editor.objects() == [cat]
