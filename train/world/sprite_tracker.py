"""Find the world's sprites in a (generated) clip: box, pose and mask of each on every frame, by colour and shape.

The tracker is told what the sprites look like and where they are on frame 0, which an image-to-video generator is given too; never
where they were asked to go. From frame to frame each sprite is laid over the picture and moved, scaled and turned until it agrees
best (`alignment`); where that fails, it is looked for in the whole frame (`template_search`). numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .alignment import ROUNDS, THINNED, Picture, Pose, gain, matched, picture_of, refine
from .paint import extents
from .sprites import Sprite
from .template_search import places

Frame = NDArray[np.uint8]

FOUND = 0.3  # share of the solid pixels that must agree
SURE = 0.65  # share from which no other place is looked at
NEAR = 2  # rounds that are left out where a sprite is as expected
PLACES = 3  # of the whole frame that are looked at more closely


@dataclass(frozen=True, eq=False)
class Tracks:
    """What was found; T frames, N sprites.

    Attributes:
        boxes_TN4: float64, (x, y, w, h) in pixels, top-left corner, of the whole sprite (covered parts too); NaN where lost.
        found_TN: bool.
        agreement_TN: float64, share of the sprite's pixels in the frame whose colour agrees, 0 to 1.
        masks_TNHW: bool, the pixels that agree; empty where lost.
        poses_TN4: float64, the last known pose where lost.
    """

    boxes_TN4: NDArray[np.float64]
    found_TN: NDArray[np.bool_]
    agreement_TN: NDArray[np.float64]
    masks_TNHW: NDArray[np.bool_]
    poses_TN4: NDArray[np.float64]


def track(frames_THWC: NDArray[np.uint8], sprites: tuple[Sprite, ...], first_poses_N4: NDArray[np.float64]) -> Tracks:
    """Follow the sprites through a clip.

    Args:
        frames_THWC: uint8 RGB [T, H, W, 3].
        sprites: the N sprites to look for.
        first_poses_N4: their poses on frame 0 (`clip.poses_TN4[0]`).

    Raises ValueError for frames or poses of another shape or type.
    """
    if frames_THWC.ndim != 4 or frames_THWC.shape[-1] != 3 or frames_THWC.dtype != np.uint8 or not len(frames_THWC):
        raise ValueError(
            f"the frames are {frames_THWC.dtype} of shape {list(frames_THWC.shape)}: give uint8 of [T, H, W, 3] with T >= 1."
        )
    if first_poses_N4.shape != (len(sprites), 4):
        raise ValueError(
            f"the poses have the shape {list(first_poses_N4.shape)}: give one of 4 numbers for each of the {len(sprites)} sprites."
        )
    count, (frames, height, width, _) = len(sprites), frames_THWC.shape
    boxes_TN4 = np.full((frames, count, 4), np.nan)
    agreement_TN = np.zeros((frames, count))
    masks_TNHW = np.zeros((frames, count, height, width), dtype=np.bool_)
    poses_TN4 = np.empty((frames, count, 4))
    for t, frame_HW3 in enumerate(frames_THWC):
        picture = picture_of(frame_HW3)
        for n, sprite in enumerate(sprites):
            if t:
                pose, mask_HW, agreement = _follow(frame_HW3, picture, sprite, _guesses(poses_TN4[:t, n]))
            else:
                pose = _pose(first_poses_N4[n])
                mask_HW, agreement = matched(picture, sprite, pose)
            poses_TN4[t, n], agreement_TN[t, n] = pose, agreement
            if agreement >= FOUND:
                boxes_TN4[t, n] = pose_box(sprite, pose)
                masks_TNHW[t, n] = mask_HW
            elif t:
                poses_TN4[t, n] = poses_TN4[t - 1, n]
    return Tracks(boxes_TN4, np.isfinite(boxes_TN4[..., 0]), agreement_TN, masks_TNHW, poses_TN4)


def pose_box(sprite: Sprite, pose: Pose) -> tuple[float, float, float, float]:
    """(x, y, w, h) in pixels of a sprite in a pose."""
    x, y, side, turns = pose
    left, top, right, bottom = (extents(sprite, np.array([turns]))[0] * side).tolist()
    return x + left, y + top, right - left, bottom - top


def _pose(values_4: NDArray[np.float64]) -> Pose:
    x, y, side, turns = values_4.tolist()
    return x, y, side, turns


def _guesses(before_T4: NDArray[np.float64]) -> list[Pose]:
    """The last pose, and where the sprite is if it keeps its speed."""
    last = _pose(before_T4[-1])
    if len(before_T4) == 1:
        return [last]
    x, y, side, turns = _pose(2.0 * before_T4[-1] - before_T4[-2])
    return [last, (x, y, max(side, 0.5 * last[2]), turns)]


def _follow(
    frame_HW3: Frame, picture: Picture, sprite: Sprite, guesses: list[Pose]
) -> tuple[Pose, NDArray[np.bool_], float]:
    """(the pose, and its mask and share as `matched` gives them)."""

    def agreement(pose: Pose) -> float:
        return gain(picture, sprite, pose)

    guess = max(guesses, key=agreement)
    # Where it is expected already, large steps are needless.
    near = matched(picture, sprite, guess)[1] >= SURE
    best, _ = refine(picture, sprite, guess, range(NEAR if near else 0, ROUNDS))
    result = matched(picture, sprite, best)
    if result[1] >= SURE:
        return best, *result
    found = sorted(places(frame_HW3, sprite, guesses[0][2], guesses[0][3]), key=agreement, reverse=True)
    others = [refine(picture, sprite, pose, range(THINNED)) for pose in found[:PLACES]]
    if others:
        other, _ = refine(picture, sprite, max(others, key=lambda refined: refined[1])[0], range(THINNED, ROUNDS))
        if agreement(other) > agreement(best):
            return other, *matched(picture, sprite, other)
    return best, *result
