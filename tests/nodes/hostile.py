"""Wrong wires: hostile values for every input of the nodes, and a seeded fuzzer that sends them.

Every outcome must be a result, or a plain ``ValueError`` of one line that a person can read.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from typing import Any

import numpy as np
import torch

from .helpers import DOCUMENT, DRAW, SIZE, Rig

WIDTH, HEIGHT = SIZE
BOX = {"x": 10, "y": 20, "width": 30, "height": 40}


class Strange:
    """A value of no kind that a node knows."""

    def __repr__(self) -> str:
        return "line 1\nline 2"


def anything() -> list[Any]:
    """What can come through a wire of any type."""
    return [
        *(None, Strange(), True, False, 0, -1, 1, 2**70, 0.5, -0.0, math.nan, math.inf, -math.inf, 1e308, b"bytes"),
        *("", "x", "0", "nan", "\x00", "\ud800", "a" * 5000, "../../etc/passwd", [], [None], [[]], {}, {"x": 1}, {"samples": None}),
        *(np.float32(0.5), np.int64(3), np.array([1.0, math.nan]), np.zeros(0), np.array("text"), np.array([{}], dtype=object)),
        *(torch.tensor(0.5), torch.tensor(math.nan), torch.tensor(3), torch.zeros(0), torch.zeros(2, 3), torch.zeros(1, 1, 1, 1, 1, 1)),
        *(torch.zeros(1, 8, 8, 3, dtype=torch.complex64), torch.zeros(1, 8, 8, 3, device="meta"), torch.eye(3).to_sparse()),
        *(torch.full((1, 8, 8, 3), math.nan), torch.full((1, 8, 8), math.inf), torch.ones(1, 8, 8, dtype=torch.int64)),
    ]  # fmt: skip


def crossed(
    shapes: list[tuple[int, ...]], kinds: list[torch.dtype], whole: bool
) -> list[tuple[tuple[int, ...], torch.dtype]]:
    """Every shape in every type; unless `whole`, in the first type alone, and every type in the first two shapes."""
    return [(shape, kind) for shape in shapes for kind in kinds if whole or kind == kinds[0] or shape in shapes[:2]]


def pictures(whole: bool) -> list[Any]:
    """Good and bad pictures."""
    shapes = [
        (1, HEIGHT, WIDTH, 3),
        (1, 7, 5, 3),
        (1, 1, 1, 3),
        (3, 40, 60, 4),
        (1, 40, 60, 1),
        (1, 40, 60, 2),
        (1, 40, 60, 9),
    ]
    shapes += [(40, 60, 3), (0, 40, 60, 3), (1, 0, 60, 3), (1, 3, 40, 60), (1, 5000, 3, 3)]
    kinds = [torch.float32, torch.bfloat16, torch.float16, torch.float64, torch.uint8, torch.bool]
    return [torch.ones(shape, dtype=kind) for shape, kind in crossed(shapes, kinds, whole)]


def masks(whole: bool) -> list[Any]:
    """Good and bad masks."""
    shapes = [
        (1, HEIGHT, WIDTH),
        (2, HEIGHT, WIDTH),
        (17, 24, 32),
        (40, 60),
        (2, 1, 40, 60),
        (1, 40, 60, 1),
        (0, 40, 60),
        (1, 0, 0),
    ]
    shapes += [(1, 8, 8), (70, 40, 40), (1, 5000, 40)]
    kinds = [torch.float32, torch.bfloat16, torch.uint8, torch.bool, torch.int32]
    return [
        fill(shape, dtype=kind) for shape, kind in crossed(shapes, kinds, whole) for fill in (torch.zeros, torch.ones)
    ]


def documents() -> list[Any]:
    """Good and bad trajectories."""
    good = json.loads(DOCUMENT)
    line = [{"x": 10 + 3 * t, "y": 40} for t in range(17)]
    return [
        *(DOCUMENT, good, str(good), {**good, "objects": []}, {**good, "frames": 16}, {**good, "size": [130, 96]}, {**good, "fps": math.nan}),
        *({**good, "objects": good["objects"] * 40}, {**good, "extra": {}}, [good], json.dumps([good]), "[" * 3000, "{'" * 3000),
        *(json.dumps(line), json.dumps([line, line[:3]]), line, [line] * 70, str(line), json.dumps([{"x": math.nan, "y": 1}])),
        *('[{"x": 1e300, "y": 0}]', '[{"x": 1, "y": null}]', '[{"x": 0.5, "y": 0.5}]'),
    ]  # fmt: skip


def boxes() -> list[Any]:
    """Good and bad BOUNDING_BOX values."""
    nan, far = {**BOX, "x": math.nan}, {**BOX, "x": 9e5}
    moving = [[{**BOX, "x": 10 + t, "label": "dog"}] for t in range(17)]
    jitter = [[{**BOX, "x": 40 + (-1) ** t * t % 7}] for t in range(1025)]
    return [
        *(BOX, [BOX], [[BOX]], [None, [BOX]], [None], [[None]], [[], []], [[nan]], [[nan, BOX]], [[far]], [[BOX], 3], [BOX, None, BOX]),
        *(moving, jitter, [[BOX]] * 1026, [[BOX] * 65], [[BOX] * 1001], [[{**BOX, "width": 0}]], [[{**BOX, "height": -3}]], [[{"x": 1}]]),
        *([[{**BOX, "label": label}]] for label in (None, 3, "x" * 200, "\ud800", ["a"], math.nan)),
        *([[{**BOX, "x": value}]] for value in anything()),
    ]  # fmt: skip


def tracks() -> list[Any]:
    """Good and bad TRACKS values."""
    path = torch.rand(17, 2, 2) * 90
    seen = torch.ones(17, 2, dtype=torch.bool)
    holes = path.clone()
    holes[3] = math.nan
    return [
        *({"track_path": path}, {"track_path": path, "track_visibility": seen}, {"track_path": path[None], "track_visibility": seen[None]}),
        *({"track_path": holes}, {"track_path": path.half() * 1e4}, {"track_path": path * 1e30}, {"track_path": path[:0]}),
        *({"track_path": torch.rand(17, 100, 2) * 90}, {"track_path": torch.zeros(2000, 1, 2)}, {"track_path": path.tolist()}),
        *({"track_path": path, "track_visibility": value} for value in (seen[:3], seen[:, :1], seen * 0, torch.full((17, 2), math.nan), "x")),
        *({"track_path": value} for value in anything()),
    ]  # fmt: skip


def latents() -> list[Any]:
    """Good and bad LATENT values; good ones are few and small, for each is sampled."""
    bad = [
        torch.zeros(1, 16, 2, 6, 8),
        torch.zeros(1, 48, 6, 8),
        torch.zeros(1, 48, 0, 6, 8),
        torch.full((1, 48, 2, 6, 8), math.nan),
    ]
    return [{"samples": samples} for samples in (*bad, torch.zeros(1, 48, 1, 6, 8))]


def conditionings() -> list[Any]:
    """Good and bad CONDITIONING values of a generator that reads text 64 wide."""
    good = [[torch.zeros(1, 512, 64), {}]]
    wrong = [[[torch.zeros(shape), {}]] for shape in ((1, 77, 768), (1, 512, 4096), (512, 64), (1, 0, 64))]
    return [
        good,
        *wrong,
        [[torch.full((1, 512, 64), math.nan), {}]],
        [[torch.zeros(1, 512, 64)]],
        [[None, {}]],
        [[torch.zeros(1, 512, 64), None]],
    ]


def wires(rig: Rig, whole: bool = False) -> dict[str, tuple[dict[str, Any], dict[str, list[Any]]]]:
    """By node: inputs that work, and hostile values for each of its inputs, pictures and masks as in `crossed`."""
    sampler = {"model": rig.generator, "latent": rig.latent(frames=5), "seed": 1, "preset": "from model", "steps": 1}
    texts = ["cat", "0", "0-63", ",", "1-0", "-", "9" * 400, "dog, 1"]
    return {
        "LoadFastGenerator": (
            {"generator_name": rig.tiny["generator"].name, "weight_dtype": "default"},
            {"generator_name": [], "weight_dtype": [], "lora_name": [], "lora_strength": [], "schedule": []},
        ),
        "DrawTrajectory": (
            {**DRAW, "connected_objects": "add to drawn"},
            {
                "trajectory": documents(),
                **{name: [] for name in ("connected_objects", "length_change", "mask_batch", "first_frame_shapes")},
                "width": [64, 33, 4096, 5000],
                "height": [64, 33],
                "length": [1, 5, 6, 1025],
                "track_size": [1.0, 0.01],
                "start_image": pictures(whole),
                "boxes": boxes(),
                "tracks": tracks(),
                "masks": masks(whole),
                "simplify": [0, 512.0, 600],
                "choose": texts,
            },
        ),
        "ApplyFastAdapter": (
            {
                **{
                    "model": rig.generator,
                    "vae": rig.vae,
                    "trajectory": DOCUMENT,
                    "adapter_name": rig.tiny["resnet"].name,
                },
                **{"strength": 1.0, "start": 0.0, "end": 1.0},
            },
            {
                **{"model": [rig.vae], "vae": [rig.generator], "trajectory": documents(), "adapter_name": []},
                **{
                    "strength": [4, 5],
                    "start": [1.0],
                    "end": [0.5],
                    "masks": masks(whole),
                    "compute_every": [100, 101],
                },
            },
        ),
        "FewStepSampler": (
            sampler,
            {
                **{"model": [rig.vae], "positive": conditionings(), "latent": latents(), "seed": [2**64 - 1, 2**64]},
                **{"preset": [], "steps": [101], "custom_sigmas": ["1", "1, nan", "1, 2"]},
            },
        ),
        "MotionAnimatic": (
            {
                **{"image": torch.rand(1, 24, 32, 3), "trajectory": DOCUMENT},
                **{"mask_shows": "objects", "first_frame_shapes": "boxes"},
            },
            {
                **{"image": pictures(whole), "trajectory": documents(), "masks": masks(whole)},
                **{"mask_shows": ["holes", "objects and holes"], "first_frame_shapes": []},
            },
        ),
        "TrajectoryScore": (
            {"frames": torch.rand(17, 36, 48, 3), "trajectory": DOCUMENT},
            {"frames": pictures(whole), "trajectory": documents(), "masks": masks(whole), "boxes": boxes()},
        ),
        "ApplyMotionGuide": (
            {
                **{"model": rig.generator, "vae": rig.vae, "image": torch.rand(1, 24, 32, 3), "trajectory": DOCUMENT},
                **{"follow": 0.5, "hold_object": -1.0, "hold_background": -1.0},
            },
            {
                **{"model": [rig.vae], "vae": [rig.generator], "image": pictures(whole), "trajectory": documents()},
                **{"follow": [0.0, 1.1], "hold_object": [-0.5, 1.0], "hold_background": [0, 2], "masks": masks(whole)},
            },
        ),
    }


def outcome(rig: Rig, node: str, values: dict[str, Any]) -> str:
    """ "result", "refused", or what is wrong with the error."""
    try:
        with torch.inference_mode():
            getattr(rig.pack.nodes, node).execute(**values)
    except Exception as error:
        text = str(error)
        if type(error) is not ValueError:
            return f"{type(error).__name__}: {text[:200]}"
        if "\n" in text.strip() or len(text) > 1000 or not text.rstrip().endswith((".", "?")):
            return f"not one sentence: {text[:200]}"
        return "refused"
    return "result"


def try_each(rig: Rig, nodes: tuple[str, ...] = ()) -> tuple[Counter[str], list[str]]:
    """Every hostile value of every input, one at a time: how often each outcome came, and which were bad."""
    counts: Counter[str] = Counter()
    wrong = []
    for node, (good, hostile) in wires(rig).items():
        for name, values in hostile.items() if not nodes or node in nodes else ():
            for index, value in enumerate([*values, *anything()]):
                came = outcome(rig, node, {**good, name: value})
                counts[came if came in ("result", "refused") else "wrong"] += 1
                if came not in ("result", "refused"):
                    wrong.append(f"{node}.{name} [{index}] {str(value)[:60]!r}: {came}")
    return counts, wrong


def fuzz(rig: Rig, count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """`count` calls with several inputs replaced at once."""
    rng = random.Random(seed)
    table = wires(rig, whole=True)
    counts: Counter[str] = Counter()
    wrong = []
    for call in range(count):
        node = rng.choices(list(table), (1, 12, 3, 1, 2, 2, 2))[0]
        good, hostile = table[node]
        values = dict(good)
        for name in rng.sample(list(hostile), rng.randint(1, min(4, len(hostile)))):
            values[name] = rng.choice(hostile[name] if hostile[name] and rng.random() < 0.8 else anything())
        came = outcome(rig, node, values)
        counts[came if came in ("result", "refused") else "wrong"] += 1
        if came not in ("result", "refused"):
            wrong.append(f"seed {seed}, call {call}, {node} { ({k: str(v)[:40] for k, v in values.items()}) }: {came}")
    return counts, wrong
