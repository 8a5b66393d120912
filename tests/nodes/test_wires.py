"""What comes through a wire: every kind of value is taken, or refused in one sentence; what is left out is said."""

from __future__ import annotations

import json
import logging
import math
import os
from typing import Any

import numpy as np
import pytest
import torch

from ..support.archive import NODES
from ..support.sentences import names, refuses
from .helpers import DOCUMENT, SIZE, Rig, start_picture
from .hostile import fuzz, try_each
from .test_nodes import EMPTY, draw

WIDTH, HEIGHT = SIZE
# More with FLASHMOTION_FUZZ=20000.
CALLS = int(os.environ.get("FLASHMOTION_FUZZ", "300"))


def moving_masks(frames: int, step: int = 2) -> torch.Tensor:
    """A square of 20 pixels that moves to the right."""
    masks = torch.zeros(frames, HEIGHT, WIDTH)
    for frame in range(frames):
        left = 5 + step * frame
        masks[frame, 30:50, left : left + 20] = 1
    return masks


# Values


@pytest.mark.parametrize("node", NODES)
def test_every_wrong_wire_is_a_result_or_one_sentence(node: str, rig: Rig) -> None:
    counts, wrong = try_each(rig, (node,))
    assert wrong == []
    assert counts["refused"] > counts["result"] > 0


def test_wrong_wires_together(rig: Rig) -> None:
    counts, wrong = fuzz(rig, CALLS, seed=14)
    assert wrong == []
    assert counts["refused"] > 0
    assert counts["result"] > 0


@pytest.mark.parametrize("name", ["strength", "start", "end"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused(name: str, value: float, rig: Rig) -> None:
    with refuses(key=f"ApplyFastAdapter's {name}", value=value, remedy="give a finite number from 0.0 to"):
        rig.apply("resnet", **{name: value})


@pytest.mark.parametrize("name", ["track_size", "simplify", "length"])
def test_numbers_of_draw_that_are_not_finite_are_refused(name: str, rig: Rig) -> None:
    with refuses(key=f"DrawTrajectory's {name}", value="nan", remedy="give a"):
        draw(rig, **{name: math.nan})


@pytest.mark.parametrize(
    ("node", "name", "value", "said", "remedy"),
    [
        ("apply", "model", None, "None, but a MODEL", "connect a node"),
        ("apply", "vae", None, "None, but a VAE", "connect a node"),
        ("apply", "vae", {}, "an object with 0 fields", "a VAE is needed"),
        ("apply", "strength", 9, 9, "0.0 to 4.0"),
        ("apply", "masks", torch.zeros(0, HEIGHT, WIDTH), "[0, 96, 128]", "disconnect it"),
        ("apply", "adapter_name", "missing.safetensors", "missing.safetensors", "choose a file"),
        ("sample", "model", None, "None", "a MODEL is needed"),
        ("sample", "latent", None, "None", "a LATENT is needed"),
        (
            "sample",
            "latent",
            {"samples": torch.full((1, 48, 2, 6, 8), math.nan)},
            "NaN or infinite",
            "check the start image",
        ),
        ("sample", "positive", [[torch.zeros(1, 77, 768), {}]], "[1, 77, 768]", "64 wide"),
        ("sample", "positive", [[torch.full((1, 512, 64), math.nan), {}]], "NaN", "check the node"),
    ],
)
def test_wrong_wires_in_one_sentence(node: str, name: str, value: Any, said: object, remedy: str, rig: Rig) -> None:
    with refuses(key=name if name != "positive" else "", value=said, remedy=remedy) as raised:
        if node == "apply":
            rig.pack.nodes.ApplyFastAdapter.execute(**{**apply_inputs(rig), name: value})
        else:
            rig.pack.nodes.FewStepSampler.execute(**{**sample_inputs(rig), name: value})
    assert type(raised.value) is ValueError


def apply_inputs(rig: Rig) -> dict[str, Any]:
    files = {"trajectory": DOCUMENT, "adapter_name": rig.tiny["resnet"].name}
    return {"model": rig.generator, "vae": rig.vae, **files, "strength": 1.0, "start": 0.0, "end": 1.0}


def sample_inputs(rig: Rig) -> dict[str, Any]:
    return {"model": rig.generator, "latent": rig.latent(frames=5), "seed": 1, "preset": "from model", "steps": 1}


def test_text_of_another_encoder_is_refused_by_stock_samplers_too(rig: Rig) -> None:
    import nodes

    model, latent = rig.apply("resnet"), rig.image_latent
    clip = [[torch.zeros(1, 77, 768), {}]]
    with torch.inference_mode(), refuses(key="prompt", value="[1, 77, 768]", remedy="CLIPLoader (umt5_xxl, type wan)"):
        nodes.KSampler().sample(model, 11, 1, 1.0, "lcm", "simple", clip, clip, latent, 1.0)


def test_an_error_of_ours_has_no_path_in_its_type(rig: Rig) -> None:
    with refuses(key="trajectory", value="empty") as raised:
        draw(rig, trajectory="")
    assert type(raised.value) is ValueError


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.uint8])
def test_pictures_of_every_kind_are_taken(dtype: torch.dtype, rig: Rig) -> None:
    expected = draw(rig, start_image=start_picture())["preview"]
    picture = (start_picture() * 255).round().to(torch.uint8) if dtype == torch.uint8 else start_picture().to(dtype)
    torch.testing.assert_close(draw(rig, start_image=picture)["preview"], expected, atol=0.01, rtol=0)


def test_a_picture_too_thin_to_fill_the_clip_is_named(rig: Rig) -> None:
    with refuses(key="picture", value="3 x 5000 pixels", remedy="connect one of a shape like the clip's"):
        draw(rig, start_image=torch.ones(1, 5000, 3, 3), width=4096)
    draw(rig, start_image=torch.ones(1, 1, 1, 3))


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_grey_and_alpha_are_taken(channels: int, rig: Rig) -> None:
    grey = start_picture()[..., :1]
    wanted = start_picture() if channels == 4 else grey.expand(-1, -1, -1, 3)
    picture = torch.cat([wanted if channels == 4 else grey, torch.rand(1, HEIGHT, WIDTH, 1)], dim=-1)[..., :channels]
    assert torch.equal(draw(rig, start_image=picture)["preview"], draw(rig, start_image=wanted)["preview"])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.bool, torch.uint8])
def test_masks_of_every_kind_are_taken(dtype: torch.dtype, rig: Rig) -> None:
    masks = moving_masks(2, 60)
    wanted = draw(rig, masks=masks)["masks"]
    assert torch.equal(draw(rig, masks=masks.to(dtype))["masks"], wanted)
    assert torch.equal(draw(rig, masks=(masks[:, None] * 255).to(torch.uint8))["masks"], wanted)


# Boxes, tracks, masks


def test_numbers_of_numpy_come_through_the_node(rig: Rig) -> None:
    boxes = [[{"x": np.float32(10.5), "y": 20, "width": torch.tensor(30), "height": np.int64(40)}]]
    assert draw(rig, trajectory=EMPTY, boxes=boxes)["boxes"][16][0]["x"] == pytest.approx(10.5)


def test_what_was_left_out_is_one_line_of_the_log_and_a_note_for_the_editor(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    boxes: list[Any] = [[{"x": 10 + t, "y": 20, "width": 30, "height": 40}] for t in range(17)]
    boxes[7], boxes[9], boxes[11] = None, [], [{"x": 1, "y": 1, "width": 0, "height": 9}]
    path = torch.full((17, 1, 2), 50.0)
    path[2] = math.nan
    with caplog.at_level(logging.WARNING):
        out = draw(rig, trajectory=EMPTY, boxes=boxes, tracks={"track_path": path})
    (line,) = [record.getMessage() for record in caplog.records if "DrawTrajectory" in record.getMessage()]
    assert line == "DrawTrajectory: " + " ".join(out["notes"])
    assert len(out["notes"]) == 2
    names(line, key="boxes", value="1 frame that is None", remedy="of 17 frames")
    names(line, key="tracks", value="1 visible point that is not finite", remedy="1 track on 17 frames")
    assert out["boxes"][7] == [box for box in out["boxes"][7] if box["label"] != "o1"]


def test_jitter_is_simplified_unless_it_is_not_wanted(rig: Rig) -> None:
    jitter = np.random.default_rng(0).normal(0, 1, (1025, 4)) + np.array([300, 200, 180, 240])
    boxes = [[dict(zip(("x", "y", "width", "height"), row, strict=True))] for row in jitter.tolist()]
    long = json.dumps({"version": 1, "size": [1280, 704], "frames": 1025, "objects": []})
    (tracked,) = draw(rig, trajectory=long, boxes=boxes)["document"]["objects"]
    assert len(tracked["keyframes"]) < 16
    with refuses(key="keyframes", value=1025, remedy="simplify in DrawTrajectory"):
        draw(rig, trajectory=long, boxes=boxes, simplify=0)


@pytest.mark.parametrize("count", [100, 400])
def test_of_many_points_64_can_be_chosen(count: int, rig: Rig) -> None:
    tracks = {"track_path": torch.rand(17, count, 2) * 90, "track_visibility": torch.ones(17, 1)}
    with refuses(key="tracks", value=f"numbered 0 to {count - 1}", remedy="name those to use in choose"):
        draw(rig, trajectory=EMPTY, tracks=tracks)
    assert len(draw(rig, trajectory=EMPTY, tracks=tracks, choose="0-63")["document"]["objects"]) == 64


@pytest.mark.parametrize("given", ["document", "length", "start image"])
def test_masks_as_many_as_frames_that_move_as_one_are_frames(given: str, rig: Rig) -> None:
    size = {"version": 1, "size": SIZE, "objects": []}
    masks = moving_masks(49, 1)
    if given == "document":
        out = draw(rig, trajectory=json.dumps({**size, "frames": 49}), masks=masks)
    elif given == "length":
        out = draw(rig, trajectory=EMPTY, length=49, masks=masks)
    else:
        out = draw(rig, trajectory=EMPTY, masks=masks, start_image=torch.zeros(49, HEIGHT, WIDTH, 3))
    assert len(out["document"]["objects"]) == 1
    first, last = (out["boxes"][frame][0]["x"] for frame in (0, -1))
    assert (first, last) == pytest.approx((5, 53), abs=4)
    assert torch.equal(out["masks"], masks[:1])
    assert len(out["notes"]) == 1
    names(out["notes"][0], key="masks", value="49 masks for 49 frames", remedy="see mask_batch")


@pytest.mark.parametrize("frames", [17, 13])
def test_masks_that_may_be_either_are_asked_about(frames: int, rig: Rig) -> None:
    """As many as frames, but apart; or like one object, but too few."""
    masks = torch.zeros(frames, HEIGHT, WIDTH)
    for n in range(frames):
        masks[n, 5 * n : 5 * n + (4 if frames == 17 else 9), 10:50] = 1
    with refuses(key="masks", value=frames, remedy="set mask_batch to one mask per frame"):
        draw(rig, trajectory=EMPTY, masks=masks)
    assert (
        len(draw(rig, trajectory=EMPTY, masks=masks, mask_batch="still objects, one mask each")["document"]["objects"])
        == frames
    )
    assert len(draw(rig, trajectory=EMPTY, masks=masks, mask_batch="one mask per frame")["document"]["objects"]) == 1


def test_masks_of_one_drawn_object_frame_by_frame_give_its_first_shape(rig: Rig) -> None:
    one = json.loads(DOCUMENT)
    one["objects"] = one["objects"][:1]
    masks = moving_masks(17)
    assert torch.equal(draw(rig, trajectory=one, masks=masks)["masks"], masks[:1])
    with refuses(key="DrawTrajectory", value="13 masks for 1 objects", remedy="set mask_batch to one mask per frame"):
        draw(rig, trajectory=one, masks=moving_masks(13))


def test_masks_can_be_chosen(rig: Rig) -> None:
    masks = torch.zeros(70, HEIGHT, WIDTH)
    for n in range(70):
        masks[n, n : n + 1 + n % 5 * 5, (n % 7) * 18 : (n % 7) * 18 + 9] = 1
    out = draw(rig, trajectory=EMPTY, masks=masks, choose="3, 60-61", mask_batch="still objects, one mask each")
    assert torch.equal(out["masks"], masks[[3, 60, 61]])


# The prompt


def test_the_prompt_tells_what_drawn_and_connected_objects_do_in_the_clip(rig: Rig) -> None:
    document = json.loads(DOCUMENT)
    assert draw(rig)["prompt"] == ""  # nothing has a name
    document["objects"][0]["label"] = "the brown dog"
    boxes = [[{"x": 100 - 5 * t, "y": 20, "width": 20, "height": 20, "label": "ball"}] for t in range(17)]
    both = {"boxes": boxes, "connected_objects": "add to drawn"}
    assert draw(rig, trajectory=document, **both)["prompt"] == (
        "The brown dog moves from left to right. The ball moves from right to left."
    )
    document["objects"][0]["label"] = "\u68d5\u8272\u7684\u72d7"
    (text,) = {draw(rig, trajectory=document, length=length)["prompt"] for length in (17, 33)}
    assert text == "\u68d5\u8272\u7684\u72d7\u4ece\u5de6\u5411\u53f3\u79fb\u52a8\u3002"


# Coordinates and objects in `trajectory`

LINE = [{"x": 20 + 5 * t, "y": 48} for t in range(17)]


def test_coordinates_of_a_spline_editor_become_boxes_that_move(rig: Rig) -> None:
    out = draw(rig, trajectory=json.dumps(LINE), start_image=torch.zeros(1, HEIGHT, WIDTH, 3))
    assert (out["width"], out["height"], out["length"]) == (*SIZE, 17)
    side = 0.25 * HEIGHT
    assert out["boxes"][16][0] == pytest.approx(
        {"x": 100 - side / 2, "y": 48 - side / 2, "width": side, "height": side, "label": "o1"}
    )
    same = draw(rig, trajectory=json.dumps([LINE, LINE[:1]]), width=WIDTH, height=HEIGHT, length=33)
    assert (same["length"], len(same["document"]["objects"])) == (33, 2)


def test_coordinates_move_with_a_picture_that_is_cropped(rig: Rig) -> None:
    out = draw(rig, trajectory=[{"x": 96, "y": 48}] * 17, start_image=torch.zeros(1, 96, 192, 3), width=WIDTH)
    assert out["tracks"]["track_path"][0, 0].tolist() == pytest.approx([64, 48])


def test_coordinates_without_a_picture_ask_for_one(rig: Rig) -> None:
    with refuses(key="trajectory", value="a list of points", remedy="connect start_image, or set width and height"):
        draw(rig, trajectory=json.dumps(LINE))


def test_the_adapter_sends_coordinates_to_draw_trajectory(rig: Rig) -> None:
    with refuses(key="trajectory", value="list of 17 items", remedy="give it to DrawTrajectory"):
        rig.apply("resnet", trajectory=json.dumps(LINE))


@pytest.mark.parametrize("form", [dict, str])
def test_a_document_as_an_object_is_taken_by_both_nodes(form: Any, rig: Rig) -> None:
    sent = form(json.loads(DOCUMENT))
    assert draw(rig, trajectory=sent)["document"] == draw(rig)["document"]
    rig.apply("resnet", trajectory=sent)


# Numbers inside the sampling


def test_a_control_map_that_the_vae_breaks_is_refused(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    encode = rig.vae.encode
    monkeypatch.setattr(rig.vae, "encode", lambda pixels: encode(pixels) * math.nan)
    other = DOCUMENT.replace('"x": 0.3', '"x": 0.31')  # a map that was encoded before is not encoded again
    with refuses(key="VAE", value="NaN or infinite", remedy="--fp32-vae"):
        rig.apply("resnet", trajectory=other)


@pytest.mark.parametrize("kind", ["resnet", "controlnet"])
def test_a_latent_that_is_not_finite_is_refused_and_its_cause_named(kind: str, rig: Rig) -> None:
    import nodes

    model, latent = rig.apply(kind), rig.image_latent
    patcher = model.get_additional_models_with_key("flashmotion")[0]
    name, weight = list(patcher.model.named_parameters())[-1]
    with torch.inference_mode():  # as ComfyUI runs nodes; another test's adapter may be shared, made so
        weight.data = torch.full_like(weight, math.nan)
    with (
        torch.inference_mode(),
        refuses(
            key="latent",
            value="NaN or infinite",
            remedy=f"adapter's weights hold such numbers themselves (1 tensors, such as {name})",
        ),
    ):
        rig.sample(model)
    empty = [[torch.zeros(1, 512, 64), {}]]
    with torch.inference_mode(), refuses(key="latent", value="NaN or infinite", remedy="adapter's weights"):
        nodes.KSampler().sample(model, 11, 1, 1.0, "lcm", "simple", empty, empty, latent, 1.0)
