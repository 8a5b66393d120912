"""The tiny workflow in the real frontend: the objects follow the boxes, and moving the boxes moves the objects."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from flashmotion_core.metrics import box_iou
from flashmotion_core.trajectory import Keyframe, Trajectory, dumps, parse, sample
from tools.quickstart import scenes
from tools.quickstart.follow import measure, requested_boxes
from tools.quickstart.overlay import contact_sheet, read_frames

from ..conftest import RunningServer
from ..support.tiny import APART, FLOOR
from .workflow_page import OpenPage

pytestmark = pytest.mark.browser

EDITOR = "window.app.graph.nodes.find((node) => node.type === 'DrawTrajectory').widgets[0]"
ADAPTER = """window.app.graph.nodes.find((node) => node.type === 'ApplyFastAdapter')
    .widgets.find((widget) => widget.name === 'adapter_name')"""
# Where the two objects of scene 0 shall end instead: centres, as fractions of the frame.
OTHER_ENDS = ((0.75, 0.25), (0.3, 0.8))


def moved(document: Trajectory) -> Trajectory:
    """The same objects on straight ways to other places."""
    objects = []
    for tracked, (x, y) in zip(document.objects, OTHER_ENDS, strict=True):
        first, last = tracked.keyframes[0], tracked.keyframes[-1]
        ways: tuple[Keyframe, ...] = (replace(first, ease="linear"), replace(last, x=x, y=y))
        objects.append(replace(tracked, path="linear", keyframes=ways))
    return replace(document, objects=tuple(objects))


def test_the_other_boxes_are_far_from_the_first() -> None:
    """What this file compares differs enough, and both motions lie in the frame."""
    asked = parse(scenes.draw(0).document)
    first_TN4, other_TN4 = sample(asked).boxes_TN4, sample(moved(asked)).boxes_TN4
    assert np.array_equal(first_TN4[0], other_TN4[0])
    assert box_iou(first_TN4, other_TN4)[1:].mean() < FLOOR - APART
    assert other_TN4[..., :2].min() >= 0
    assert (other_TN4[..., :2] + other_TN4[..., 2:]).max() <= 128


@pytest.mark.parametrize("renderer", ["classic"])
@pytest.mark.parametrize("adapter", ["resnet", "controlnet"])
def test_objects_follow_the_boxes_and_move_with_them(
    ready: OpenPage, newest_server: RunningServer, adapter: str
) -> None:
    ready.load("flashmotion_tiny_cpu")
    scene = scenes.draw(0)
    file = f"flashmotion_tiny_{adapter}.safetensors"
    ready.page.evaluate(f"(file) => {{ {ADAPTER}.value = file }}", file)
    drawn = parse(ready.page.evaluate(f"() => {EDITOR}.value"))
    assert drawn == parse(scene.document)
    other = moved(drawn)
    found = {}
    for name, document in (("as saved", drawn), ("moved", other)):
        ready.page.evaluate(f"(text) => {{ {EDITOR}.value = text }}", dumps(document))
        assert parse(ready.page.evaluate(f"() => {EDITOR}.value")) == document
        frames = read_frames(ready.video(newest_server.base, ready.run()))
        contact_sheet(frames, requested_boxes(document, frames[0].size), ready.artefacts / f"{adapter} {name}.png")
        ready.picture(f"page {adapter} {name}")
        found[name] = {"saved": measure(frames, scene, drawn).box_iou, "moved": measure(frames, scene, other).box_iou}
    print(json.dumps(found))
    assert found["as saved"]["saved"] > FLOOR
    assert found["moved"]["moved"] > FLOOR
    assert found["moved"]["saved"] < found["moved"]["moved"] - APART
    assert found["as saved"]["moved"] < found["as saved"]["saved"] - APART
    assert ready.complaints_about_us() == []
