"""The quickstart's numbered scenes, and how closely their objects followed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from flashmotion_core.trajectory import Trajectory, parse, sample
from tools.quickstart import scenes
from tools.quickstart.follow import NotMeasurableError, measure
from tools.setup.environment import REPOSITORY

from ..support.sentences import refuses


@pytest.fixture(scope="module")
def scene() -> scenes.Scene:
    return scenes.draw(0)


def frames_of(scene: scenes.Scene) -> list[Image.Image]:
    """The real video."""
    return [Image.fromarray(frame) for frame in scene.clip.frames_THWC]


@pytest.mark.parametrize("number", range(len(scenes.PICKED)))
def test_the_pictures_in_the_repository_are_the_scenes(number: int) -> None:
    scene = scenes.draw(number)
    with Image.open(REPOSITORY / "assets" / "tiny" / scene.name) as picture:
        assert np.array_equal(np.asarray(picture.convert("RGB")), scene.clip.frames_THWC[0])


def test_the_example_workflow_starts_from_scene_0(scene: scenes.Scene) -> None:
    workflow = json.loads((REPOSITORY / "example_workflows/flashmotion_tiny_cpu.json").read_text(encoding="utf-8"))
    values = {node["type"]: node.get("widgets_values") for node in workflow["nodes"]}
    assert values["LoadImage"][0] == f"{scene.name} [temp]"
    assert values["DrawTrajectory"][0] == scene.document


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4_000_000_000])
def test_the_document_is_the_motion_of_the_two_objects(number: int) -> None:
    scene = scenes.draw(number)
    document = parse(scene.document)
    assert (document.size, document.frames, document.fps, len(document.objects)) == ((128, 128), 17, 12, 2)
    assert np.abs(sample(document).boxes_TN4 - scene.clip.boxes_TN4).max() < 0.02
    assert [tracked.label for tracked in document.objects] == [sprite.name for sprite in scene.clip.sprites]


def test_the_real_clip_follows_and_a_still_one_does_not(scene: scenes.Scene) -> None:
    asked = parse(scene.document)
    real = measure(frames_of(scene), scene, asked)
    assert real.box_iou > 0.95
    assert (real.lost, real.boxes, real.objects) == (0, 32, 2)
    still = measure([scene.picture()] * 17, scene, asked)
    assert still.box_iou == pytest.approx(still.static, abs=0.03)
    assert still.static == real.static < 0.4
    assert still.sentence().startswith("Box IoU between where the 2 objects went and the boxes: 0.")


def test_what_cannot_be_found_counts_as_nothing(scene: scenes.Scene) -> None:
    empty = [scene.picture(), *[Image.new("RGB", (128, 128), (120, 120, 120))] * 16]
    gone = measure(empty, scene, parse(scene.document))
    assert (gone.box_iou, gone.lost) == (0.0, 32)
    assert "in 32 of 32 boxes the object was not found" in gone.sentence()


def test_a_users_comfyui_has_all_that_is_needed() -> None:
    # The blank clip makes the tracker look everywhere.
    script = """
import sys
for name in ("cv2", "skimage", "pydantic", "diffusers", "accelerate", "peft", "matplotlib", "tensorboard"):
    sys.modules[name] = None
sys.path.insert(0, sys.argv[1])
from PIL import Image
from flashmotion_core.trajectory import parse
from tools.quickstart import follow, overlay, scenes
scene = scenes.draw(7)
blank = [scene.picture(), *[Image.new("RGB", scenes.SIZE)] * (scenes.FRAMES - 1)]
print(follow.measure(blank, scene, parse(scene.document)).lost)
"""
    command = [sys.executable, "-c", script, str(REPOSITORY)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("32\n", "")


def test_objects_in_any_order_belong_to_their_sprites(scene: scenes.Scene) -> None:
    asked = parse(scene.document)
    turned = replace(asked, objects=asked.objects[::-1])
    assert measure(frames_of(scene), scene, turned).box_iou > 0.95
    one = replace(asked, objects=asked.objects[1:])
    assert measure(frames_of(scene), scene, one).objects == 1


def test_hidden_frames_are_not_counted(scene: scenes.Scene) -> None:
    asked = parse(scene.document)
    half = replace(asked, objects=(replace(asked.objects[0], hidden=((1, 8),)), asked.objects[1]))
    assert measure(frames_of(scene), scene, half).boxes == 24


def test_what_cannot_be_measured_says_why(scene: scenes.Scene) -> None:
    asked, frames = parse(scene.document), frames_of(scene)
    far = replace(asked.objects[0], label="", keyframes=(replace(asked.objects[0].keyframes[0], x=0.1, y=0.1),))
    hidden = tuple(replace(tracked, hidden=((1, 16),)) for tracked in asked.objects)
    for document, key, value in (
        (replace(asked, size=(256, 128)), "the trajectory is for 256 x 128", "the scene for 128 x 128"),
        (replace(asked, objects=(far,)), "the first box of 'o1'", "an object of the scene"),
        (Trajectory((128, 128), 17), "the trajectory", "no object"),
        (replace(asked, objects=hidden), "every box is hidden", "after the first frame"),
    ):
        with refuses(NotMeasurableError, key=key, value=value):
            measure(frames, scene, document)
    with refuses(NotMeasurableError, key="the video", value="9 frames of 128 x 128"):
        measure(frames[:9], scene, asked)
