"""Graphs of the example workflows in API form, and where their nodes stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flashmotion_core.guide.guide_levels import FOLLOW, FROM_FOLLOW

from ..quickstart.readable import readable
from .example_parts import (
    DECODE,
    DRAW_X,
    FAR_RESULT_X,
    GAP,
    HEIGHT,
    LEFT,
    MAKE_X,
    MIDDLE,
    RESULT,
    RESULT_X,
    RIGHT,
    SAVE,
    SMALL_SAVE,
    STEPS,
    SWITCH,
    Node,
    Note,
)
from .example_texts import (
    BASE_FILE,
    NEGATIVE,
    TEXT_FILE,
    TURBO_LORA,
    VAE_FILE,
)


def document(size: tuple[int, int], frames: int, objects: list[dict[str, Any]]) -> str:
    """A trajectory document, readable in a text field."""
    return readable({"version": 1, "size": size, "frames": frames, "fps": 24, "objects": objects})


def column(x: int, width: int, *nodes: tuple[str, int, str, dict[str, Any]], top: int = 0) -> dict[str, Node]:
    """Nodes below one another, each given as (id, height, class, inputs)."""
    placed = {}
    for name, height, kind, inputs in nodes:
        placed[name] = (kind, x, top, width, height, inputs)
        top += height + GAP
    return placed


def _result(x: int, height: int = SAVE) -> dict[str, Node]:
    """What shows the video: the last of its column, because ComfyUI makes it higher when the clip is upright."""
    video = {"video": ["9", 0], "filename_prefix": "video/FlashMotion", "format": "mp4", "codec": "h264"}
    return column(x, RESULT, ("10", height, "SaveVideo", video), top=HEIGHT - height)


def graph(
    files: Sequence[str],
    image: str,
    trajectory: str,
    prompt: str | None = None,
    detector: str | None = None,
    small_vae: str | None = None,
) -> dict[str, Node]:
    """The nodes of an example, ids in the order of use.

    `files`: generator, VAE, adapter, and the generator's LoRA if it has one; `prompt` None: a generator without text; `small_vae`: what
    decodes while a switch is off.
    """
    generator, vae, adapter, *lora = files
    encoder: dict[str, Any] = {
        "clip_name": TEXT_FILE,
        "type": "wan",
        "device": "default",
    }
    loaders = [
        (
            "1",
            160,
            "LoadFastGenerator",
            {"generator_name": generator, "weight_dtype": "default"} | ({"lora_name": lora[0]} if lora else {}),
        ),
        ("2", 60, "VAELoader", {"vae_name": vae}),
        *([("11", 120, "CLIPLoader", encoder)] if prompt is not None else []),
    ]
    picture = STEPS + GAP + sum(height + GAP for _, height, *_ in loaders)
    drawing = {
        "trajectory": trajectory, "connected_objects": "if nothing is drawn", "width": 0, "height": 0, "length": 0,
        "length_change": "retime", "mask_batch": "one mask per object", "track_size": 0.15, "first_frame_shapes": "boxes",
        "start_image": ["3", 0],
    }  # fmt: skip
    control = {
        "model": ["1", 0], "vae": ["2", 0], "trajectory": ["4", 0], "adapter_name": adapter, "strength": 1.0, "start": 0.0, "end": 1.0,
        "masks": ["4", 2],
    }  # fmt: skip
    size = {"width": ["4", 5], "height": ["4", 6], "length": ["4", 7]}
    sampler = {
        "model": ["5", 0],
        "latent": ["6", 0],
        "seed": 0,
        "preset": "from model",
        "steps": 4,
        "custom_sigmas": "",
    }
    if prompt is not None:
        sampler["positive"] = ["12", 0]
    above: dict[str, Node] = {}
    if detector is not None:
        asked = {"model": ["13", 0], "image": ["3", 0], "threshold": 0.6, "class_name": "all", "max_detections": 4}
        above = {
            "13": ("UNETLoader", DRAW_X, 0, 225, 140, {"unet_name": detector, "weight_dtype": "default"}),
            "14": ("RTDETR_detect", DRAW_X + 235, 0, MIDDLE - 235, 140, asked),
        }
        drawing["boxes"] = ["14", 0]
    top = 140 + GAP if above else 0
    decoding = "VAEDecode", {"samples": ["7", 0], "vae": ["2", 0] if small_vae is None else ["16", 0]}
    making: list[tuple[str, int, str, dict[str, Any]]] = [("8", DECODE, *decoding)]
    watching: list[tuple[str, int, str, dict[str, Any]]] = []
    saved, prompt_height = SAVE, 110
    if small_vae is not None:
        either = {"switch": False, "on_false": ["15", 0], "on_true": ["2", 0]}
        making, watching = (
            [],
            [("15", 60, "VAELoader", {"vae_name": small_vae}), ("16", SWITCH, "ComfySwitchNode", either), *making],
        )
        saved, prompt_height = SMALL_SAVE, 110 + DECODE + GAP
    text = [("12", prompt_height, "CLIPTextEncode", {"clip": ["11", 0], "text": prompt})] if prompt is not None else []
    nodes = {
        **column(0, LEFT, *loaders, ("3", HEIGHT - picture, "LoadImage", {"image": image}), top=STEPS + GAP),
        **above,
        **column(DRAW_X, MIDDLE, ("4", HEIGHT - top, "DrawTrajectory", drawing), top=top),
        **column(
            MAKE_X, RIGHT,
            *text,
            ("5", 250, "ApplyFastAdapter", control),
            ("6", 180, "Wan22ImageToVideoLatent", {"vae": ["2", 0], **size, "batch_size": 1, "start_image": ["3", 0]}),
            *making,
            ("7", 250, "FewStepSampler", sampler),  # last: its preview makes it higher
        ),
        **column(
            RESULT_X, RESULT,
            *watching,
            ("9", 100, "CreateVideo", {"images": ["8", 0], "fps": ["4", 8]}),
        ),
        **_result(RESULT_X, saved),
    }  # fmt: skip
    return dict(sorted(nodes.items(), key=lambda entry: int(entry[0])))


def guided_graph(image: str, trajectory: str, prompt: str) -> dict[str, Node]:
    """The nodes of the example without an adapter: the guided model in a few steps, and beside it the stock one in more."""
    drawing = {
        "trajectory": trajectory, "connected_objects": "if nothing is drawn", "width": 0, "height": 0, "length": 0,
        "length_change": "retime", "mask_batch": "one mask per object", "track_size": 0.15, "first_frame_shapes": "boxes",
        "start_image": ["3", 0],
    }  # fmt: skip
    lora = {"generator_name": BASE_FILE, "weight_dtype": "default", "lora_name": TURBO_LORA}
    encoder = {"clip_name": TEXT_FILE, "type": "wan", "device": "default"}
    guide = {
        "model": ["15", 0], "vae": ["2", 0], "image": ["3", 0], "trajectory": ["4", 0], "follow": FOLLOW, "hold_object": FROM_FOLLOW,
        "hold_background": FROM_FOLLOW, "masks": ["4", 2],
    }  # fmt: skip
    size = {"width": ["4", 5], "height": ["4", 6], "length": ["4", 7]}
    latent = {"vae": ["2", 0], **size, "batch_size": 1, "start_image": ["3", 0]}
    few = {
        "model": ["5", 0], "latent": ["6", 0], "seed": 0, "preset": "from model", "steps": 4, "custom_sigmas": "", "positive": ["12", 0],
    }  # fmt: skip
    many = {
        "model": ["5", 0], "seed": 0, "steps": 20, "cfg": 5.0, "sampler_name": "uni_pc", "scheduler": "simple", "positive": ["12", 0],
        "negative": ["16", 0], "latent_image": ["6", 0], "denoise": 1.0,
    }  # fmt: skip
    which = {"switch": ["13", 0]}
    loaders = [
        ("1", 160, "LoadFastGenerator", lora),
        ("2", 60, "VAELoader", {"vae_name": VAE_FILE}),
        ("11", 120, "CLIPLoader", encoder),
    ]
    picture = STEPS + GAP + sum(height + GAP for _, height, *_ in loaders)
    nodes = {
        **column(0, LEFT, *loaders, ("3", HEIGHT - picture, "LoadImage", {"image": image}), top=STEPS + GAP),
        **column(DRAW_X, MIDDLE, ("4", HEIGHT, "DrawTrajectory", drawing)),
        **column(
            MAKE_X, RIGHT,
            ("12", 110, "CLIPTextEncode", {"clip": ["11", 0], "text": prompt}),
            ("5", 250, "ApplyMotionGuide", guide),
            ("6", 180, "Wan22ImageToVideoLatent", latent),
            ("8", DECODE, "VAEDecode", {"samples": ["18", 0], "vae": ["2", 0]}),
            ("7", 250, "FewStepSampler", few),  # last: its preview makes it higher
        ),
        **column(
            RESULT_X, RIGHT,
            ("13", 60, "PrimitiveBoolean", {"value": False}),
            ("14", 160, "LoadFastGenerator", {"generator_name": BASE_FILE, "weight_dtype": "default"}),
            ("15", SWITCH, "ComfySwitchNode", {**which, "on_false": ["1", 0], "on_true": ["14", 0]}),
            ("16", 110, "CLIPTextEncode", {"clip": ["11", 0], "text": NEGATIVE}),
            ("18", SWITCH + 20, "ComfySwitchNode", {**which, "on_false": ["7", 0], "on_true": ["17", 0]}),
            ("17", 270, "KSampler", many),
        ),
        **column(
            FAR_RESULT_X, RESULT,
            ("9", 100, "CreateVideo", {"images": ["8", 0], "fps": ["4", 8]}),
        ),
        **_result(FAR_RESULT_X),
    }  # fmt: skip
    return dict(sorted(nodes.items(), key=lambda entry: int(entry[0])))


def both_notes(title: str, steps: str, files: str, *, switch: bool = False, x: int = RESULT_X) -> list[Note]:
    """What to do, above the loaders; where files come from, above the result."""
    above = 60 + SWITCH + DECODE + 100 + 4 * GAP if switch else 100 + GAP
    height = HEIGHT - above - GAP - (SMALL_SAVE if switch else SAVE)
    return [(title, steps, 0, 0, LEFT, STEPS), ("Files", files, x, above, RESULT, height)]
