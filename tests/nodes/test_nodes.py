"""The nodes inside ComfyUI: schemas, inputs and outputs, sampling, and what they say to bad input."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from flashmotion_core.trajectory import parse, pixel_boxes, render, sample

from ..support.sentences import refuses
from .helpers import DOCUMENT, SIZE, Rig, start_picture

SNAPSHOT = Path(__file__).with_name("schemas.json")
EMPTY = json.dumps({"version": 1, "size": SIZE, "frames": 17, "objects": []})
OUTPUTS = ("trajectory", "preview", "masks", "boxes", "tracks", "width", "height", "length", "fps", "prompt")


def schemas(pack: ModuleType) -> dict[str, Any]:
    """What a saved workflow depends on: ids, order, types, defaults and choices; not texts."""
    found = {}
    for node in (
        pack.nodes.LoadFastGenerator,
        pack.nodes.DrawTrajectory,
        pack.nodes.ApplyFastAdapter,
        pack.nodes.FewStepSampler,
        pack.nodes.MotionAnimatic,
        pack.nodes.TrajectoryScore,
        pack.nodes.ApplyMotionGuide,
    ):
        schema = node.define_schema()
        found[schema.node_id] = {
            "class": node.__name__,
            "inputs": [
                {
                    "id": entry.id,
                    "type": entry.get_io_type(),
                    "optional": entry.optional,
                    "default": getattr(entry, "default", None),
                    # File lists differ from machine to machine.
                    **(
                        {"options": entry.options}
                        if getattr(entry, "options", None) and not entry.id.endswith("_name")
                        else {}
                    ),
                }
                for entry in schema.inputs
            ],
            "outputs": [[entry.display_name, entry.get_io_type()] for entry in schema.outputs],
        }
    return found


def test_schemas_only_grow(rig: Rig) -> None:
    """Saved workflows name nodes by id and widgets by position: nothing is renamed, moved or removed, new inputs come last.

    After adding an input or node, write the new snapshot: the failure prints it.
    """
    now = json.loads(json.dumps(schemas(rig.pack)))
    kept = json.loads(SNAPSHOT.read_text(encoding="utf-8")) if SNAPSHOT.exists() else {}
    for name, old in kept.items():
        assert now[name]["inputs"][: len(old["inputs"])] == old["inputs"], name
        assert now[name]["outputs"][: len(old["outputs"])] == old["outputs"], name
    assert now == kept, f"write this to {SNAPSHOT.name}:\n{json.dumps(now, indent=1)}"


def test_every_text_is_there(rig: Rig) -> None:
    for name in schemas(rig.pack):
        schema = getattr(rig.pack.nodes, name).define_schema()
        assert schema.description
        assert "FlashMotion" in schema.search_aliases
        assert "few step" in schema.search_aliases
        for entry in (*schema.inputs, *schema.outputs):
            assert entry.tooltip, f"{name}.{entry.id}"
    draw = rig.pack.nodes.DrawTrajectory.define_schema()
    assert {"motion brush", "bbox", "drag"} <= set(draw.search_aliases)
    for name in ("ApplyMotionGuide", "MotionAnimatic"):
        aliases = getattr(rig.pack.nodes, name).define_schema().search_aliases
        assert {"cut and drag", "time to move", "motion brush"} <= set(aliases)


def draw(rig: Rig, **changed: Any) -> dict[str, Any]:
    done = rig.draw(**changed)
    out = dict(zip(OUTPUTS, done.args, strict=True))
    out["document"] = json.loads(out["trajectory"])
    out["notes"] = done.ui["notes"]
    # What the editor in the page is told: the document with the connected objects in it, and the start image. No entry that a client of
    # the API could take for a result's file.
    assert done.ui["trajectory"] == [out["trajectory"]]
    assert all(isinstance(entry, str) for entries in done.ui.values() for entry in entries)
    assert bool(done.ui["start_image"]) == (changed.get("start_image") is not None)
    return out


def test_drawn_objects_come_out_in_every_native_form(rig: Rig) -> None:
    out = draw(rig)
    assert (out["width"], out["height"], out["length"], out["fps"]) == (*SIZE, 17, 12.0)
    assert out["masks"].shape == (2, SIZE[1], SIZE[0])
    left, top, right, bottom = 13, 24, 64, 72  # .3 +- .2 of 128, .5 +- .25 of 96
    assert out["masks"][0].sum() == (right - left) * (bottom - top)
    assert len(out["boxes"]) == 17
    assert out["boxes"][0][0] == pytest.approx({"x": 12.8, "y": 24, "width": 51.2, "height": 48, "label": "a"})
    assert [len(frame) for frame in out["boxes"]] == [2] * 8 + [1] * 3 + [2] * 6
    assert out["tracks"]["track_path"].shape == (17, 2, 2)
    assert out["tracks"]["track_visibility"][8:11, 1].tolist() == [False] * 3
    assert out["preview"].shape == (16, SIZE[1], SIZE[0], 3)
    assert out["preview"].max() > 0.3


def test_the_preview_is_small(rig: Rig) -> None:
    big = draw(rig, width=1280, height=704, length=121, start_image=torch.rand(1, 352, 640, 3))
    assert big["preview"].shape == (16, 282, 512, 3)
    assert big["preview"].element_size() * big["preview"].nelement() < 2**25


def test_size_and_length_can_be_changed(rig: Rig) -> None:
    stretched = draw(rig, length=33)["document"]
    assert [key["frame"] for key in stretched["objects"][0]["keyframes"]] == [0, 32]
    cut = draw(rig, length=9, length_change="trim", width=64, height=64)
    assert cut["document"]["size"] == [64, 64]
    assert (cut["width"], cut["height"], cut["length"]) == (64, 64, 9)
    assert cut["document"]["objects"][0]["keyframes"][-1]["frame"] == 8
    assert cut["document"]["objects"][0]["keyframes"][-1]["x"] == pytest.approx(0.5, abs=1e-6)


BOXES = [[{"x": 10 + frame, "y": 20, "width": 30, "height": 40, "label": "dog", "score": 0.9}] for frame in range(17)]


def test_connected_boxes_are_used_when_nothing_is_drawn(rig: Rig) -> None:
    out = draw(rig, trajectory=EMPTY, boxes=BOXES)
    assert len(out["document"]["objects"]) == 1
    for frame, boxes in enumerate(out["boxes"]):
        assert boxes[0] == pytest.approx({"x": 10 + frame, "y": 20, "width": 30, "height": 40, "label": "dog"})


@pytest.mark.parametrize(("choice", "objects"), [("if nothing is drawn", 2), ("ignore", 2), ("add to drawn", 4)])
def test_what_wins_is_chosen(choice: str, objects: int, rig: Rig) -> None:
    tracks = {"track_path": torch.full((17, 1, 2), 50.0), "track_visibility": torch.ones(17, 1, dtype=torch.bool)}
    out = draw(rig, connected_objects=choice, boxes=BOXES, tracks=tracks)
    assert len(out["document"]["objects"]) == objects
    assert len({entry["id"] for entry in out["document"]["objects"]}) == objects


def test_boxes_of_a_picture_of_another_shape_are_cropped_with_it(rig: Rig) -> None:
    """A 192 x 96 picture fills 128 x 96 by losing 32 pixels on either side."""
    still = [{"x": 96 - 10, "y": 10, "width": 20, "height": 30}]
    out = draw(rig, trajectory=EMPTY, boxes=still, start_image=torch.zeros(1, 96, 192, 3))
    assert out["boxes"][0][0] == pytest.approx(
        {"x": 54, "y": 10, "width": 20, "height": 30, "label": out["boxes"][0][0]["label"]}
    )
    assert len(out["boxes"]) == 17


def test_tracks_become_boxes_of_the_given_size(rig: Rig) -> None:
    path = torch.stack([torch.linspace(20, 100, 17), torch.full((17,), 48.0)], dim=-1)[:, None]
    out = draw(
        rig, trajectory=EMPTY, tracks={"track_path": path, "track_visibility": torch.ones(17, 1, dtype=torch.bool)}
    )
    assert out["boxes"][16][0]["width"] == pytest.approx(0.25 * SIZE[1])
    torch.testing.assert_close(out["tracks"]["track_path"], path, atol=1e-3, rtol=0)


def test_masks_alone_become_objects(rig: Rig) -> None:
    masks = torch.zeros(2, SIZE[1], SIZE[0])
    masks[0, 10:30, 20:60] = 1
    masks[1, 50:90, 80:100] = 1
    out = draw(rig, trajectory=EMPTY, masks=masks)
    assert torch.equal(out["masks"], masks)
    found = [box[side] for box in out["boxes"][16] for side in ("x", "y", "width", "height")]
    assert found == pytest.approx([20, 10, 40, 20, 80, 50, 20, 40])


def test_a_mask_per_frame_is_one_moving_object(rig: Rig) -> None:
    masks = torch.zeros(17, SIZE[1], SIZE[0])
    for frame in range(17):
        masks[frame, 30:50, 10 + 4 * frame : 30 + 4 * frame] = 1
    masks[5] = 0
    out = draw(rig, trajectory=EMPTY, masks=masks, mask_batch="one mask per frame")
    assert len(out["document"]["objects"]) == 1
    assert out["boxes"][5] == []
    assert out["boxes"][16][0]["x"] == pytest.approx(74)
    assert torch.equal(out["masks"], masks[:1])


def test_masks_give_drawn_objects_their_shape(rig: Rig) -> None:
    masks = torch.zeros(2, 2 * SIZE[1], 2 * SIZE[0])
    masks[:, 60:120, 40:100] = 1
    out = draw(rig, masks=masks)
    assert out["masks"].sum(dim=(1, 2)).tolist() == [900.0, 900.0]
    assert out["document"] == draw(rig)["document"]


def test_drawn_shapes_are_the_first_frame(rig: Rig) -> None:
    document = json.loads(DOCUMENT)
    document["version"] = 2
    document["objects"][0]["shape"] = {"columns": 2, "rows": 2, "runs": [0, 2, 2]}  # the upper half
    out = draw(rig, trajectory=document)
    plain = draw(rig)["masks"]
    (left, top, right, bottom), _ = pixel_boxes(sample(parse(out["trajectory"])))[0][0].tolist()
    upper = torch.zeros(SIZE[1], SIZE[0])
    upper[top : (top + bottom) // 2, left:right] = 1
    assert torch.equal(out["masks"][0], upper)
    assert torch.equal(out["masks"][1], plain[1])
    # They go on to ApplyFastAdapter in the document; masks that are connected win.
    assert out["document"]["objects"][0]["shape"] == document["objects"][0]["shape"]
    map_HW3 = render(sample(parse(out["trajectory"])), frames=slice(1))[0]
    assert np.array_equal(map_HW3.any(axis=-1), (out["masks"].amax(0) > 0).numpy())
    masks = torch.zeros(2, SIZE[1], SIZE[0])
    masks[:, 30:60, 20:50] = 1
    assert torch.equal(draw(rig, trajectory=document, masks=masks)["masks"], masks)
    # With another size of the clip they stretch as their boxes do.
    wide = draw(rig, trajectory=document, width=2 * SIZE[0])["masks"]
    assert torch.equal(wide[..., ::2], out["masks"])


def test_grabcut_cuts_the_object_out_of_its_box(rig: Rig) -> None:
    pytest.importorskip("cv2")
    image = torch.full((1, SIZE[1], SIZE[0], 3), 0.1)
    yy, xx = torch.meshgrid(torch.arange(SIZE[1]), torch.arange(SIZE[0]), indexing="ij")
    disc = (xx - 38) ** 2 + (yy - 48) ** 2 < 16**2
    image[0, disc] = torch.tensor([0.9, 0.5, 0.1])
    document = json.loads(DOCUMENT)
    document["objects"] = document["objects"][:1]
    out = draw(rig, trajectory=json.dumps(document), start_image=image, first_frame_shapes="grabcut")
    found = out["masks"][0] > 0.5
    assert (found & disc).sum() / (found | disc).sum() > 0.9


@pytest.mark.parametrize(
    ("changed", "key", "value", "remedy"),
    [
        ({"trajectory": ""}, "trajectory", "empty", "draw a box in the editor"),
        ({"trajectory": "[]"}, "trajectory", "list of 0 items", "give a JSON object with the fields version, size"),
        ({"trajectory": EMPTY}, "DrawTrajectory", "no objects", "draw a box"),
        ({"trajectory": DOCUMENT.replace('"version": 1', '"version": 9')}, "version", 9, "update FlashMotion"),
        ({"trajectory": DOCUMENT.replace('"x": 0.3', '"x": NaN')}, "trajectory", "NaN", "with a finite one"),
        ({"trajectory": DOCUMENT.replace('"hidden"', '"hiden"')}, "objects[1]", '"hiden"', 'did you mean "hidden"?'),
        ({"width": 100}, "width", 100, "use 96 or 128"),
        ({"length": 20}, "frame count", 20, "use 17 or 21"),
        ({"masks": torch.ones(3, 96, 128)}, "DrawTrajectory", "3 masks for 2 objects", "connect one mask per object"),
        ({"trajectory": EMPTY, "masks": torch.zeros(1, 96, 128)}, "mask[0]", "empty", "paint the object"),
        (
            {"trajectory": EMPTY, "boxes": [[{"x": 1}]]},
            "bboxes[0][0]",
            "object with 1 fields",
            "x, y, width and height",
        ),
        ({"trajectory": EMPTY, "tracks": {"track_path": torch.zeros(3)}}, "track_path", "[3]", "[frames, tracks, 2]"),
        ({"first_frame_shapes": "grabcut"}, "first_frame_shapes", "grabcut", "connect one, or choose boxes"),
    ],
)
def test_bad_input_of_draw(changed: dict[str, Any], key: str, value: object, remedy: str, rig: Rig) -> None:
    with refuses(key=key, value=value, remedy=remedy):
        draw(rig, **changed)


def test_few_step_sampler_equals_the_stock_sampler(rig: Rig) -> None:
    """The generator from LoadFastGenerator samples the same in ComfyUI's own KSampler with lcm, simple, 4 steps and CFG 1."""
    import nodes

    model, latent = rig.generator, rig.image_latent  # loaded outside inference mode
    empty = [[torch.zeros(1, 512, 64), {}]]
    with torch.inference_mode():
        (stock,) = nodes.KSampler().sample(model, 11, 4, 1.0, "lcm", "simple", empty, empty, latent, 1.0)
    torch.testing.assert_close(rig.sample(model, latent), stock["samples"], atol=2e-3, rtol=1e-3)


def test_presets_and_seeds_change_the_result(rig: Rig) -> None:
    model, latent = rig.generator, rig.latent(frames=5)
    base = rig.sample(model, latent)
    assert torch.equal(base, rig.sample(model, latent, preset="turbo"))
    custom = {"preset": "custom", "custom_sigmas": "1, 0.9375, 0.8333333333, 0.625"}
    assert torch.equal(base, rig.sample(model, latent, **custom))
    for other in ({"preset": "plain"}, {"steps": 3}, {"seed": 12}):
        assert not torch.allclose(base, rig.sample(model, latent, **other), atol=1e-2), other


def test_the_latent_keeps_its_other_entries(rig: Rig) -> None:
    latent = rig.latent(start_picture(), frames=5)
    out = rig.pack.nodes.FewStepSampler.execute(rig.generator, latent, 1, "from model", 4).args[0]
    assert torch.equal(out["noise_mask"], latent["noise_mask"])
    assert out["samples"].shape == latent["samples"].shape


def test_a_latent_of_another_model_is_refused(rig: Rig) -> None:
    latent = {"samples": torch.ones(1, 16, 2, 4, 4)}
    with refuses(key="latent", value="[1, 16, 2, 4, 4]", remedy="connect Wan22ImageToVideoLatent"):
        rig.sample(rig.generator, latent)


def test_a_missing_prompt_is_said(rig: Rig) -> None:
    import comfy.sd

    plain = comfy.sd.load_diffusion_model(str(rig.tiny["generator"]))
    latent = rig.latent(frames=5)
    with refuses(key="positive", value="no positive conditioning", remedy="connect CLIPTextEncode to positive"):
        rig.sample(plain, latent, preset="turbo")
    with refuses(key="model", value="no schedule", remedy="load it with LoadFastGenerator"):
        rig.sample(plain, latent)
    with refuses(key="sigmas", value="[0.5, 1.0]", remedy="fall strictly from at most 1 to above 0"):
        rig.sample(rig.generator, latent, preset="custom", custom_sigmas="0.5, 1")


@pytest.mark.parametrize(
    ("name", "tensors", "found", "remedy"),
    [
        (
            "14b.safetensors",
            {
                "patch_embedding.weight": (5120, 36, 1, 2, 2),
                "head.modulation": (1, 2, 5120),
                "head.head.weight": (64, 5120),
            },
            "the 14B",
            "choose another file",
        ),
        (
            "lora.safetensors",
            {"diffusion_model.blocks.0.self_attn.q.lora_A.weight": (4, 8)},
            "a LoRA",
            "put it into models/loras and choose it in lora_name",
        ),
    ],
)
def test_wrong_generator_files(
    name: str, tensors: dict[str, tuple[int, ...]], found: str, remedy: str, rig: Rig
) -> None:
    save_file(
        {key: torch.zeros(shape, dtype=torch.float16) for key, shape in tensors.items()},
        rig.tiny["generator"].with_name(name),
    )
    with refuses(key=name, value=found, remedy=remedy):
        rig.load(generator_name=name)


def test_truncated_files_are_named(rig: Rig) -> None:
    whole = rig.tiny["generator"].read_bytes()
    rig.tiny["generator"].with_name("cut.safetensors").write_bytes(whole[: len(whole) // 2])
    with refuses(key="cut.safetensors", value="cut off", remedy="download or copy it again"):
        rig.load(generator_name="cut.safetensors")


def test_a_generator_file_is_no_adapter(rig: Rig) -> None:
    rig.tiny["resnet"].with_name("generator.safetensors").write_bytes(rig.tiny["generator"].read_bytes())
    with refuses(
        key="generator.safetensors", value="a FlashMotion 'generator', but an adapter", remedy="choose another file"
    ):
        rig.apply("resnet", adapter_name="generator.safetensors")


def test_a_file_that_changes_is_loaded_again(rig: Rig) -> None:
    import os

    fingerprint = rig.pack.nodes.LoadFastGenerator.fingerprint_inputs
    chosen = {"generator_name": rig.tiny["generator"].name, "weight_dtype": "default"}
    before = fingerprint(**chosen)
    os.utime(rig.tiny["generator"], (1, 1))
    assert fingerprint(**chosen) != before
