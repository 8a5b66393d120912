"""How the benchmark's numbers came about: the tracker, the frames, the resizing and the clips of each, in one line."""

from __future__ import annotations

from collections.abc import Sequence

from ..extractors.extractor import Extractor
from ..metrics.bootstrap import RESAMPLES
from ..metrics.keeping import LEAST_INSIDE
from .bench_measures import FIGURES, TRACK_FIGURES
from .clip_set import BenchSet
from .distances import FEWER
from .distances import RESAMPLES as DISTANCE_RESAMPLES

SEED = 0
"""Of all bootstraps."""


def protocol(bench_set: BenchSet, tracker: str, extractors: Sequence[Extractor]) -> str:
    """How the numbers came about, in one line."""
    features = "; ".join(f"{extractor.frechet}: {extractor.protocol}" for extractor in extractors)
    return f"{_clips(bench_set)}; tracker: {tracker}; {_COUNTED}; {features or 'Frechet: not measured'}; {_INTERVAL}"


def protocols(bench_set: BenchSet, tracker: str, extractors: Sequence[Extractor], points: str = "") -> dict[str, str]:
    """Of each number, by its key, in one line."""
    clips = _clips(bench_set)
    control = f"{clips}; tracker: {tracker}; {_COUNTED}; {_INTERVAL}"
    quality = f"{clips}; pixels of 8 bits, all of them; frames 1 and later, frame 0 is what they are compared with; {_INTERVAL}"
    return {
        **{figure: control if figure in CONTROL else quality for figure in FIGURES},
        **dict.fromkeys(TRACK_FIGURES, f"{clips}; points: {points}; {_COUNTED_POINTS}; {_INTERVAL}"),
        **{
            key: f"{clips}; {what}, float64, against the real clips of the same names; {extractor.protocol}{interval}"
            for extractor in extractors
            for key, what, interval in (
                (f"{extractor.name}.frechet", "Frechet distance, covariance over N - 1", f"; {_FRECHET_INTERVAL}"),
                (f"{extractor.name}.kernel", "unbiased MMD^2, kernel (x . y / D + 1)^3, no pairs within a clip", ""),
            )
        },
    }


CONTROL = ("box_iou", "centre_error", "lost", "lost_objects", "mask_iou", *TRACK_FIGURES)
"""Figures that depend on the tracker."""
_COUNTED = (
    f"frames 1 and later where an object is asked for, visible on frame 0 and at least {LEAST_INSIDE:.0%} inside; boxes clipped to the frame; "
    "means over frames, objects, clips"
)
_COUNTED_POINTS = (
    "the set's tracks, on frames 1 and later where a point is visible, as it is on frame 0; errors where it is found; means over frames, "
    "tracks, clips; endpoint error as a share of the diagonal"
)
_INTERVAL = f"95 % bootstrap over clips, {RESAMPLES} resamples, seed {SEED}"
_FRECHET_INTERVAL = (
    f"95 % bootstrap over clips, {DISTANCE_RESAMPLES} resamples, or {FEWER} of many clips and features, seed {SEED}"
)


def _clips(bench_set: BenchSet) -> str:
    sizes = {clip.trajectory.size for clip in bench_set.clips}
    lengths = {clip.trajectory.frames for clip in bench_set.clips}
    size = " or ".join(f"{width} x {height}" for width, height in sorted(sizes)) if len(sizes) < 4 else "several sizes"
    frames = " or ".join(map(str, sorted(lengths))) if len(lengths) < 4 else f"{min(lengths)} to {max(lengths)}"
    return f"{bench_set.name}, {len(bench_set.clips)} clips, documents {bench_set.checksum[:12]}; {frames} frames of {size}, not resized"
