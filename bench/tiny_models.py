"""The embedded models by their rows' names, and clips that they make for a set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from bench.tiny_clips import FAST, SLOW, Recipe, make_clip
from bench.tiny_sets import array_bytes
from flashmotion_core.adapters import MapStyle
from flashmotion_core.benchmark.bench_rows import real
from flashmotion_core.benchmark.clip_set import BenchClip
from flashmotion_core.files.whole_file import write_whole
from flashmotion_core.trajectory import Sampled, render
from flashmotion_core.video.frames import Frames

RESNET, CONTROLNET = "flashmotion_tiny_resnet", "flashmotion_tiny_controlnet"
SLOW_RESNET, SLOW_CONTROLNET = "flashmotion_tiny_slow_resnet", "flashmotion_tiny_slow_controlnet"
FOLLOWS, MANY = (0.25, 0.5, 0.75, 1.0), 50
ADAPTERS = {
    "FastAdapter-ResNet": Recipe(FAST, RESNET),
    "FastAdapter-ControlNet": Recipe(FAST, CONTROLNET),
    "SlowAdapter-ResNet": Recipe(FAST, SLOW_RESNET),
    "SlowAdapter-ControlNet": Recipe(FAST, SLOW_CONTROLNET),
}
"""All on the FastGenerator, with its own four steps."""
GUIDED = {
    "FastAdapter-ResNet": Recipe(FAST, RESNET),
    "FastGenerator": Recipe(FAST),
    **{f"FastGenerator-guide-{follow:g}": Recipe(FAST, follow=follow) for follow in FOLLOWS},
    "FastAdapter-ResNet-guide-0.5": Recipe(FAST, RESNET, follow=0.5),
    "SlowGenerator-50": Recipe(SLOW, steps=MANY),
    **{f"SlowGenerator-50-guide-{follow:g}": Recipe(SLOW, follow=follow, steps=MANY) for follow in FOLLOWS},
    "SlowAdapter-ResNet-50": Recipe(SLOW, SLOW_RESNET, steps=MANY),
    "SlowAdapter-ResNet-50-guide-0.5": Recipe(SLOW, SLOW_RESNET, follow=0.5, steps=MANY),
}
"""The motion guide, which is given the boxes alone as the adapters are: four steps, and 50 Euler steps of the SlowGenerator."""
MODELS = {**ADAPTERS, **GUIDED}
COST, TIMED = "cost.json", "clips timed"


def write_clips(folder: Path, clips: Sequence[BenchClip], recipe: Recipe) -> None:
    """Generate the clips that are not there yet, from frame 0 of the real ones, and note what all cost: processor seconds."""
    cost = _read_cost(folder / COST)
    for clip in clips:
        if (folder / f"{clip.name}.npy").is_file():
            continue
        seed = int(hashlib.sha256(clip.name.encode()).hexdigest()[:8], 16)  # the same noise for every model
        made = make_clip(recipe, real(clip)[0], clip.asked, partial(_control_map, clip.asked), seed=seed)
        write_whole(folder / f"{clip.name}.npy", array_bytes(made.frames_THWC))
        count = cost.get(TIMED, 0) + 1
        for stage, seconds in made.seconds.items():
            before = cost.get(f"{stage} s", 0.0)
            cost[f"{stage} s"] = round(before + (seconds - before) / count, 4)
        cost[TIMED] = count
        write_whole(folder / COST, json.dumps(cost) + "\n")


def _read_cost(file: Path) -> dict[str, float]:
    """What earlier runs noted."""
    found: dict[str, float] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return found


def _control_map(asked: Sampled, style: MapStyle) -> Frames:
    return render(asked, **asdict(style))
