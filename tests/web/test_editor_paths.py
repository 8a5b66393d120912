"""An object's box, path and speed under a mouse, in the newest frontend in both renderers. What a pointer finds is in
unit/targets.test.js, what becomes of a stroke in unit/pen.test.js.
"""

from __future__ import annotations

import random

import pytest

from .editor_page import CAT, EMPTY, ONE, EditorPage

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("frontend", ["newest"], indirect=True)]

TOOLTIPS = "() => document.querySelectorAll('.p-tooltip, [role=tooltip]').length"


def test_the_readmes_pause_stays_wherever_the_box_is_grabbed(editor: EditorPage) -> None:
    """README, "Draw a motion", steps 2 to 4, with the aim of a human."""
    aim = random.Random(16)
    for run in range(2):
        editor.start_over()
        editor.load({**EMPTY, "frames": 121})
        editor.drag((0.1, 0.2), (0.4, 0.7))
        for frame, by in ((50, (0.06, 0.08)), (80, None), (120, (0.3, 0.1))):
            editor.page.get_by_role("spinbutton", name="Frame", exact=True).fill(str(frame))
            editor.press("Enter")
            if by is None:
                editor.press("k")
                continue
            if run % 2 and frame == 120:
                editor.click("Smooth path")
            box = editor.selected_box()
            x, y = (box[at] + aim.uniform(-0.3, 0.3) * box[side] for at, side in ("xw", "yh"))
            editor.drag((x, y), (x + by[0], y + by[1]))
        assert editor.frames() == [0, 50, 80, 120]
        start, pause, on, end = ([key[side] for side in "xywh"] for key in editor.objects()[0]["keyframes"])
        assert pause == on
        assert pause[0] - start[0] == pytest.approx(0.06, abs=0.02)
        assert end[0] - on[0] == pytest.approx(0.3, abs=0.03)
        assert [len(str(value)) <= len("0.123456") for value in (*start, *pause, *end)] == [True] * 12


def test_the_inspector_offers_what_has_an_effect(editor: EditorPage) -> None:
    """The clip stays in reach, the speed is off where nothing moves, and no tooltip of the node covers the picture."""
    editor.load(ONE)
    # Slowly over the picture from outside, as a hand comes.
    editor.page.mouse.move(*editor.at(1.6, 0.5))
    editor.page.mouse.move(*editor.at(0.9, 0.9), steps=15)
    editor.page.wait_for_timeout(1000)
    assert editor.page.evaluate(TOOLTIPS) == 0
    editor.page.get_by_role("option", name=CAT["label"]).click()
    speed = editor.page.get_by_label("Speed to the next keyframe")
    assert speed.is_enabled()
    editor.page.locator(".fm-sink").focus()
    editor.press("End")
    assert speed.is_disabled()
    assert "after its last keyframe" in speed.get_attribute("title")
    fps = editor.page.get_by_role("spinbutton", name="Frames per second")
    assert not fps.is_visible()
    editor.click("Clip")
    fps.fill("12")
    editor.press("Enter")
    assert editor.document()["fps"] == 12
    editor.click("Clip")
    assert not fps.is_visible()
