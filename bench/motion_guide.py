"""What the motion guide is worth beside an adapter: the tiny models on clips that nothing was trained or chosen on.

    python bench/motion_guide.py [--clips 32] [--world simple] [--steps 4 20] [--only REGEX] [--picture FILE]       (needs the extra [train])

Rows: bounds (real clips, the same through the codec, standing still, the guide itself: copy and paste), the generator alone, guided at each
`follow`, with the adapter, and with both (the guide first, the adapter afterwards, or throughout). Four steps: the FastGenerator, with fresh
noise; more: the SlowGenerator, by Euler steps. Masks are frame 0's. A clip's noise is the same in every row; brackets hold 95 % of the
bootstrap's means. Frechet distances compare only with each other and for one number of clips. Seconds are processor time for a clip: drawing,
encoding and sampling, without decoding.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.tiny_clips import FAST, FEW, SLOW, Recipe, make_clip, through_codec
from flashmotion_core.guide.guide_clip import GuideClip
from flashmotion_core.guide.guide_levels import FROM_FOLLOW
from flashmotion_core.metrics import frechet_distance
from flashmotion_core.reports.contact_sheets import contact_sheet, with_boxes, write_png
from flashmotion_core.trajectory import sample
from flashmotion_core.video.frames import Frames
from train.data.control import control_maps
from train.data.sources import SourceClip
from train.data.synthetic_source import SyntheticSource
from train.evaluation.control_measures import Scores
from train.evaluation.features import DEFAULT
from train.evaluation.measures import measure
from train.evaluation.summary import interval, mean
from train.world.difficulty import PRESETS, Difficulty

SIZE, FRAMES = (128, 128), 17
SPLIT, SEED = "eval_a", 9190
WORLDS: dict[str, Difficulty] = {
    "simple": PRESETS["simple"],
    "turning": replace(PRESETS["simple"], turns=0.35),
    "photographs": replace(PRESETS["simple"], photographs=1.0),
    "panning": replace(PRESETS["simple"], pan=0.25),
}
"""The level that the tiny models know, and it with one thing more that they do not: turns, photographs behind, a camera that moves."""
FOLLOWS = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class GuideRow:
    """One way to make the clips.

    Attributes:
        name: in the table.
        kind: real, codec, static or pasted for a bound, else networks.
        steps: of the generator; 0 for a bound.
        follow: of the guide; 0 for none.
        background: its `hold_background`.
        adapter: fraction of the schedule from which the adapter controls; None for none.
    """

    name: str
    kind: str = "networks"
    steps: int = 0
    follow: float = 0.0
    background: float = FROM_FOLLOW
    adapter: float | None = None


def rows(steps: Sequence[int], variants: bool) -> list[GuideRow]:
    """All rows, bounds first."""
    found = [GuideRow(name, kind) for name, kind in BOUNDS]
    for count in steps:
        found += [GuideRow("generator alone", steps=count)]
        found += [GuideRow(f"guide, follow {follow:g}", steps=count, follow=follow) for follow in FOLLOWS]
        if variants:
            found += [
                GuideRow(
                    f"guide, objects to {follow:g}, background to {background:g}", "networks", count, follow, background
                )
                for follow in FOLLOWS
                for background in (0.0, 0.25, 0.5, 0.75, 1.0)
                if background <= follow
            ]
        found += [
            GuideRow("adapter", steps=count, adapter=0.0),
            GuideRow("guide to 0.25, then adapter", steps=count, follow=0.25, adapter=0.25),
            GuideRow("adapter, guide 0.25", steps=count, follow=0.25, adapter=0.0),
            GuideRow("adapter, guide 0.5", steps=count, follow=0.5, adapter=0.0),
        ]
    return found


BOUNDS = (
    ("real", "real"),
    ("real, through the codec", "codec"),
    ("standing still", "static"),
    ("copy and paste", "pasted"),
)


def made(row: GuideRow, clip: SourceClip, number: int) -> tuple[Frames | None, float]:
    """The row's frames ``[T, H, W, 3]``, None for the real ones, and the processor seconds until they were decoded."""
    if row.kind == "real":
        return None, 0.0
    first_HWC = clip.frames_THWC[0]
    if row.kind == "static":
        return np.repeat(first_HWC[None], len(clip.frames_THWC), axis=0), 0.0
    if row.kind == "codec":
        return through_codec(clip.frames_THWC), 0.0
    if row.kind == "pasted":
        started = time.process_time()
        pasted = GuideClip(first_HWC, sample(clip.trajectory), clip.masks_at(0)).all()
        return pasted, time.process_time() - started
    fast = row.steps == FEW
    recipe = Recipe(
        FAST if fast else SLOW,
        None if row.adapter is None else f"flashmotion_tiny_{'' if fast else 'slow_'}resnet",
        row.adapter or 0.0,
        row.follow,
        row.background,
        row.steps,
    )
    found = make_clip(
        recipe,
        first_HWC,
        sample(clip.trajectory),
        lambda style: control_maps(clip, style, "boxes")[0],
        masks_NHW=clip.masks_at(0),
        seed=number,
    )
    return found.frames_THWC, found.seconds["encode"] + found.seconds["denoise"]


@dataclass(eq=False)
class GuideFigures:
    """A row's figures, clip by clip, and what some of its clips look like."""

    scores: list[Scores]
    features: list[list[float]]
    seconds: list[float]
    shown: list[Frames]


def measured(row: GuideRow, source: SyntheticSource, clips: Sequence[SourceClip], keep: Sequence[int]) -> GuideFigures:
    """Make and measure all clips of a row; the frames of those to `keep` are kept."""
    found = GuideFigures([], [], [], [])
    for number, clip in enumerate(clips):
        frames, seconds = made(row, clip, number)
        scores, features = measure(source, number, clip.origin, frames, str(DEFAULT))
        assert features is not None
        found.scores.append(scores)
        found.features.append(features)
        found.seconds.append(seconds)
        if number in keep:
            found.shown.append(clip.frames_THWC if frames is None else frames)
    return found


def line(row: GuideRow, found: GuideFigures, real: GuideFigures) -> str:
    """The row in the table."""
    low, high = interval(found.scores, "box_iou", 0)
    distance = frechet_distance(np.array(found.features), np.array(real.features))
    figures = {
        name: mean(found.scores, name) for name in ("box_iou", "mask_iou", "lost", "sharpness", "motion", "psnr")
    }
    cells = [
        row.name,
        str(row.steps or ""),
        f"{figures['box_iou']:.3f} ({low:.3f} to {high:.3f})",
        f"{figures['mask_iou']:.3f}",
        f"{figures['lost']:.3f}",
        f"{figures['sharpness']:.2f}",
        f"{figures['motion']:.2f}",
        "" if figures["psnr"] is None else f"{figures['psnr']:.1f}",
        f"{distance:.2f}",
        f"{np.mean(found.seconds):.2f}" if any(found.seconds) else "",
    ]
    return f"| {' | '.join(cells)} |"


HEAD = """| row | steps | box IoU | mask IoU | lost | sharpness | motion | PSNR | Frechet | s |
|---|---|---|---|---|---|---|---|---|---|"""
SHOWN_FRAMES = (0, 5, 10, 16)
MARGIN = 150  # for the names of rows in the picture, pixels


def sheet(clips: Sequence[SourceClip], shown: Sequence[tuple[str, Sequence[Frames]]]) -> Frames:
    """One line for each row, with its name: some frames of each clip, with the boxes."""
    from PIL import Image, ImageDraw, ImageFont

    lines = Image.fromarray(contact_sheet([list(pictures(clips, row)) for _, row in shown]))
    named = Image.new("RGB", (lines.width + MARGIN, lines.height), (235, 235, 235))
    named.paste(lines, (MARGIN, 0))
    draw, font = ImageDraw.Draw(named), ImageFont.load_default(size=14)
    for number, (name, _) in enumerate(shown):
        top = (number + 0.5) * (lines.height / len(shown))
        draw.multiline_text((8, top), name.replace(", ", ",\n"), fill=(20, 20, 20), font=font, anchor="lm")
    return np.asarray(named)


def pictures(clips: Sequence[SourceClip], frames: Sequence[Frames]) -> Iterator[Frames]:
    """The shown frames of each clip, boxes drawn over them."""
    for clip, frames_THWC in zip(clips, frames, strict=False):
        yield from with_boxes(frames_THWC, clip.trajectory)[list(SHOWN_FRAMES)]


def main() -> int:
    """Measure, print the table, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=32, help="held-out clips, at least 2")
    parser.add_argument("--world", default="simple", choices=WORLDS, help="what the clips show")
    parser.add_argument("--steps", type=int, nargs="+", default=(FEW, 20), help="numbers of steps")
    parser.add_argument("--variants", action="store_true", help="also every pair of levels")
    parser.add_argument("--only", default="", help="bounds, and rows whose name this regular expression finds")
    parser.add_argument("--picture", type=Path, help="PNG of some clips of every row")
    parser.add_argument("--shown", type=int, nargs="+", default=(0, 1), help="the clips in the picture")
    options = parser.parse_args()
    source = SyntheticSource(SEED, options.clips, WORLDS[options.world], SIZE, FRAMES, SPLIT)
    clips = [source.clip(number) for number in range(options.clips)]
    real: GuideFigures | None = None
    shown: list[tuple[str, list[Frames]]] = []
    print(HEAD, flush=True)
    for row in rows(options.steps, options.variants):
        if row.kind == "networks" and not re.search(options.only, row.name):
            continue
        found = measured(row, source, clips, options.shown)
        real = real or found
        name = row.name if len(options.steps) == 1 or not row.steps else f"{row.name}, {row.steps} steps"
        shown.append((name, found.shown))
        print(line(row, found, real), flush=True)
    if options.picture is not None:
        write_png(options.picture, sheet([clips[number] for number in options.shown], shown))
    return 0


if __name__ == "__main__":
    sys.exit(main())
