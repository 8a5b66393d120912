"""The tracker as first written: it draws every pose and searches the frame with OpenCV. Slow; `train.world.sprite_tracker` must match it."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from train.world.paint import SOLID, patch
from train.world.sprite_tracker import Tracks, pose_box
from train.world.sprites import Sprite

Pose = tuple[float, float, float, float]  # pivot x, pivot y, side (pixels), turns: as in `synthetic.Clip.poses_TN4`
Frame = NDArray[np.int32]

TOLERANCE = 0.14  # colour distance (root mean square over R, G, B; white to black is 1) at which the gain is 0
PENALTY = 0.5
FOUND = 0.3  # share of the solid pixels that must agree
SURE = 0.65  # share from which the frame is not searched
COARSE = 24  # pixels: a sprite's side in the search over the whole frame
ROUNDS = 6  # of halving the steps


def track(frames_THWC: NDArray[np.uint8], sprites: tuple[Sprite, ...], first_poses_N4: NDArray[np.float64]) -> Tracks:
    """As `train.world.sprite_tracker.track`."""
    count, (frames, height, width, _) = len(sprites), frames_THWC.shape
    boxes_TN4 = np.full((frames, count, 4), np.nan)
    agreement_TN = np.zeros((frames, count))
    masks_TNHW = np.zeros((frames, count, height, width), dtype=np.bool_)
    poses_TN4 = np.empty((frames, count, 4))
    for n, sprite in enumerate(sprites):
        pose = _pose(first_poses_N4[n])
        for t in range(frames):
            frame_HW3 = frames_THWC[t].astype(np.int32)
            if t:
                guesses = [pose]
                if t > 1:  # as fast as before
                    x, y, side, turns = (2.0 * poses_TN4[t - 1, n] - poses_TN4[t - 2, n]).tolist()
                    guesses.append((x, y, max(side, 0.5 * pose[2]), turns))
                pose = _follow(frame_HW3, sprite, guesses)
            poses_TN4[t, n] = pose
            mask_HW, agreement_TN[t, n] = _matched(frame_HW3, sprite, pose)
            if agreement_TN[t, n] >= FOUND:
                boxes_TN4[t, n] = pose_box(sprite, pose)
                masks_TNHW[t, n] = mask_HW
            elif t:
                pose = _pose(poses_TN4[t - 1, n])
                poses_TN4[t, n] = pose
    return Tracks(boxes_TN4, np.isfinite(boxes_TN4[..., 0]), agreement_TN, masks_TNHW, poses_TN4)


def _pose(values_4: NDArray[np.float64]) -> Pose:
    x, y, side, turns = values_4.tolist()
    return x, y, side, turns


def _follow(frame_HW3: Frame, sprite: Sprite, guesses: list[Pose]) -> Pose:
    best = _refine(frame_HW3, sprite, max(guesses, key=lambda guess: _gain(frame_HW3, sprite, guess)))
    if _matched(frame_HW3, sprite, best)[1] >= SURE:
        return best
    others = [_refine(frame_HW3, sprite, pose) for pose in _search(frame_HW3, sprite, guesses[0])]
    return max([best, *others], key=lambda pose: _gain(frame_HW3, sprite, pose))


def _distances(
    frame_HW3: Frame, sprite: Sprite, pose: Pose
) -> tuple[NDArray[np.float32], NDArray[np.bool_], int, int, int]:
    """(squared colour distances, solid pixels, left column, top row: of the part in the frame; solid pixels of the whole)."""
    rgba, x0, y0 = patch(sprite, *pose)
    total = int(np.count_nonzero(rgba[..., 3] >= SOLID))
    left, top = max(x0, 0), max(y0, 0)
    right, bottom = min(x0 + rgba.shape[1], frame_HW3.shape[1]), min(y0 + rgba.shape[0], frame_HW3.shape[0])
    if left >= right or top >= bottom:
        return np.zeros((0, 0), dtype=np.float32), np.zeros((0, 0), dtype=np.bool_), left, top, total
    cut = rgba[top - y0 : bottom - y0, left - x0 : right - x0]
    # Weighted by alpha: only half the colour of a half-covered pixel is the sprite's.
    alpha = cut[..., 3:].astype(np.float32) / 255.0
    error = cut[..., :3] - frame_HW3[top:bottom, left:right] * alpha
    return np.einsum("hwc,hwc->hw", error, error) / (3.0 * 255.0**2), cut[..., 3] >= SOLID, left, top, total


def _gain(frame_HW3: Frame, sprite: Sprite, pose: Pose) -> float:
    """The agreement of a pose: the sum over its solid pixels of 1 (same colour) down to -PENALTY."""
    squared, solid, _, _, _ = _distances(frame_HW3, sprite, pose)
    gains = np.maximum(1.0 - squared[solid] / TOLERANCE**2, -PENALTY)
    return float(gains.sum())


def _matched(frame_HW3: Frame, sprite: Sprite, pose: Pose) -> tuple[NDArray[np.bool_], float]:
    """(pixels of the frame that agree with the sprite, their share of the sprite's pixels)."""
    squared, solid, left, top, total = _distances(frame_HW3, sprite, pose)
    agree = solid & (squared < TOLERANCE**2)
    mask_HW = np.zeros(frame_HW3.shape[:2], dtype=np.bool_)
    mask_HW[top : top + agree.shape[0], left : left + agree.shape[1]] = agree
    return mask_HW, float(np.count_nonzero(agree)) / max(total, 1)


def _refine(frame_HW3: Frame, sprite: Sprite, pose: Pose) -> Pose:
    """Pattern search: each value up and down by its step while that helps, then half the steps."""
    values = np.array(pose)
    best = _gain(frame_HW3, sprite, pose)
    steps = np.array([0.1 * pose[2], 0.1 * pose[2], 0.08 * pose[2], 0.04])
    smallest, largest = 0.7 * pose[2], 1.4 * pose[2]
    for _ in range(ROUNDS):
        for _ in range(4):
            before = best
            for axis, sign in product(range(4), (1.0, -1.0)):
                tried = values.copy()
                tried[axis] += sign * steps[axis]
                gain = _gain(frame_HW3, sprite, _pose(tried)) if smallest <= tried[2] <= largest else -np.inf
                if gain > best:
                    values, best = tried, gain
            if best == before:
                break
        steps *= 0.5
    return _pose(values)


def _search(frame_HW3: Frame, sprite: Sprite, last: Pose) -> list[Pose]:
    """The three best places in the whole frame, at about the last scale and turn (squared differences, at low resolution)."""
    import cv2

    factor = max(last[2] / COARSE, 1.0)
    small_size = [max(round(length / factor), 1) for length in frame_HW3.shape[1::-1]]
    small = cv2.resize(frame_HW3.astype(np.float32), small_size, interpolation=cv2.INTER_AREA)
    ratio_x, ratio_y = small_size[0] / frame_HW3.shape[1], small_size[1] / frame_HW3.shape[0]
    found: list[tuple[float, Pose]] = []
    for growth, lean in product((0.8, 1.0, 1.25), (-0.08, 0.0, 0.08)):
        side, turns = last[2] * growth, last[3] + lean
        rgba, x0, y0 = patch(sprite, 0.0, 0.0, side * ratio_x, turns)
        # Half of a sprite may lie outside the frame.
        border_y, border_x = rgba.shape[0] // 2, rgba.shape[1] // 2
        padded = cv2.copyMakeBorder(small, border_y, border_y, border_x, border_x, cv2.BORDER_REPLICATE)
        if padded.shape[0] < rgba.shape[0] or padded.shape[1] < rgba.shape[1]:
            continue
        solid = np.repeat((rgba[..., 3:] >= SOLID).astype(np.float32), 3, axis=2)
        template = rgba[..., :3].astype(np.float32)
        squared = cv2.matchTemplate(padded, template, cv2.TM_SQDIFF, mask=solid)
        _, _, (column, row), _ = cv2.minMaxLoc(squared)
        pose = ((column - border_x - x0) / ratio_x, (row - border_y - y0) / ratio_y, side, turns)
        found.append((_gain(frame_HW3, sprite, pose), pose))
    return [pose for _, pose in sorted(found, reverse=True)[:3]]
