"""Measures of a clip against the real one: whether objects are where they should be, and whether it is still a video.

They take one clip at a time, so that they can run in other processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.benchmark.counterfactual import counterfactual
from flashmotion_core.metrics import box_iou, mask_iou, mean_of_clip, motion, psnr, sharpness
from flashmotion_core.metrics.keeping import centres, means_of_objects
from flashmotion_core.video.frames import Frames

from ..data.sources import Source
from ..data.synthetic_source import synthetic_clip
from ..world.clip_tracker import ClipTracker
from ..world.sprite_tracker import track
from ..world.synthetic import Clip
from .control_measures import TRACKED, Scores, control_of, endpoint_errors_of
from .video_trackers import VideoTracker, load_tracker

if TYPE_CHECKING:
    from .features import ClipFeatures

PICTURES = ("psnr", "sharpness", "motion")


def measure(
    source: Source,
    index: int,
    origin: Mapping[str, Any],
    frames_THWC: Frames | None,
    features: str | None = None,
    *,
    tracker: VideoTracker | None = None,
    elsewhere: bool = False,
) -> tuple[Scores, list[float] | None]:
    """All measures of one clip, and its features.

    Args:
        source: where the real clip comes from.
        index: its number there.
        origin: of the real clip, as the index of encoded clips has it; sprites of the synthetic world are tracked exactly.
        frames_THWC: the clip to measure; None for the real one itself.
        features: file of the feature network, which knows only the synthetic world; None for no features.
        tracker: of videos; None to measure only their pictures.
        elsewhere: its objects were asked to follow the `counterfactual` motion. There is no real clip of that, so no PSNR and no features.
    """
    if "synthetic" not in origin:
        real = source.clip(index)
        found_THWC = real.frames_THWC if frames_THWC is None else frames_THWC
        asked = counterfactual(real.trajectory) if elsewhere else real.trajectory
        lost: Scores = dict.fromkeys(TRACKED)
        control = lost if tracker is None else control_of(found_THWC, asked, load_tracker(tracker))
        return {**control, **_pictures(found_THWC, real.frames_THWC, elsewhere)}, None
    clip = synthetic_clip(origin)
    found_THWC = clip.frames_THWC if frames_THWC is None else frames_THWC
    if elsewhere:
        control = control_of(found_THWC, counterfactual(clip.document), ClipTracker(clip))
        return {**control, **_pictures(found_THWC, clip.frames_THWC, elsewhere)}, None
    scores = {**track_scores(found_THWC, clip), **picture_scores(found_THWC, clip.frames_THWC)}
    return scores, None if features is None else _features(features, found_THWC)


def _pictures(frames_THWC: Frames, real_THWC: Frames, elsewhere: bool) -> Scores:
    return {**picture_scores(frames_THWC, real_THWC), **({"psnr": None} if elsewhere else {})}


@lru_cache(maxsize=1)
def _network(file: str) -> ClipFeatures:
    """The feature network, read once per process."""
    from .features import load_features

    return load_features(Path(file))


def _features(file: str, frames_THWC: Frames) -> list[float]:
    from .features import features_of

    values: list[float] = features_of(_network(file), [frames_THWC])[0].tolist()
    return values


def track_scores(frames_THWC: Frames, clip: Clip) -> Scores:
    """Where the sprites of a clip are found in other frames. The tracker knows only what they look like and where they start.

    Frames after the first count if the sprite is visible on them in the real clip. A sprite that frame 0 does not show does not count, as
    nobody could know what it looks like. Values are means over frames, then over sprites.

    Returns:
        box_iou: 0 to 1; a frame where the sprite is not found counts as 0.
        mask_iou: the same for visible pixels.
        centre_error: distance between the box centres as a share of the frame's diagonal, where the sprite is found.
        endpoint_error: see `endpoint_errors_of`.
        lost: share of frames where the sprite is not found.
    """
    tracks = track(frames_THWC, clip.sprites, clip.poses_TN4[0])
    counts_TN = clip.visible_TN & clip.visible_TN[0]
    counts_TN[0] = False
    _, height, width, _ = frames_THWC.shape
    apart_TN2 = centres(tracks.boxes_TN4) - centres(clip.boxes_TN4)
    errors_TN = np.hypot(apart_TN2[..., 0], apart_TN2[..., 1]) / float(np.hypot(width, height))
    return {
        "box_iou": _mean_over(box_iou(tracks.boxes_TN4, clip.boxes_TN4), counts_TN),
        "mask_iou": _mean_over(mask_iou(tracks.masks_TNHW, clip.masks_TNHW), counts_TN),
        "centre_error": _mean_over(errors_TN, counts_TN),
        "endpoint_error": mean_of_clip(
            endpoint_errors_of(tracks.boxes_TN4, clip.boxes_TN4, counts_TN, (width, height))
        ),
        "lost": _mean_over(1.0 - tracks.found_TN, counts_TN),
    }


def picture_scores(frames_THWC: Frames, real_THWC: Frames) -> Scores:
    """What the pictures look like; frame 0 is given and does not count.

    Returns:
        psnr: in dB against the real clip; None where they are equal.
        sharpness: mean gradient of the luma as a ratio to the real clip's; None where that is 0.
        motion: mean change of a pixel from frame to frame as a ratio to the real clip's; None where that is 0.
    """
    assert frames_THWC.shape == real_THWC.shape, f"frames {frames_THWC.shape}, real {real_THWC.shape}"
    return {
        "psnr": psnr(frames_THWC, real_THWC),
        "sharpness": _ratio(sharpness(frames_THWC[1:]), sharpness(real_THWC[1:])),
        "motion": _ratio(motion(frames_THWC), motion(real_THWC)),
    }


def _mean_over(values_TN: NDArray[np.floating[Any]], counts_TN: NDArray[np.bool_]) -> float | None:
    """The mean over the frames that count and have a value, then over objects."""
    return mean_of_clip(means_of_objects(values_TN, counts_TN))


def _ratio(value: float, real: float) -> float | None:
    return value / real if real else None
