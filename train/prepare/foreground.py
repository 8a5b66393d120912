"""Which pixels of a clip move by themselves: what differs from the shot's background, or flows otherwise than the camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.video.frames import Frames

from .camera import STILL, Greys, Matrix, path, shifts, step

Masks = NDArray[np.bool_]
Flow = NDArray[np.float32]
STANDING = 0.35
"""Pixels per frame at the working size below which a camera stands."""
LEAST_DIFFERENCE, LEAST_FLOW = 14.0, 0.7
"""Levels of 255 and pixels per frame that noise may reach."""
NEARLY = 0.6
MOST_FOREGROUND = 0.6
"""A background that most of a frame differs from is wrong."""
SAMPLES = 25


@dataclass(frozen=True, eq=False)
class Moving:
    """What moves in a clip.

    Attributes:
        masks_THW: the pixels that move by themselves.
        flows_THW2: from each frame but the first to the one before it, in pixels.
        camera_T: how far the picture's corners move from frame to frame, in pixels.
        flow_T: the mean speed of moving pixels relative to the camera, in pixels per frame.
    """

    masks_THW: Masks
    flows_THW2: Flow
    camera_T: NDArray[np.float64]
    flow_T: NDArray[np.float64]


def moving(frames_THWC: Frames, background_KHWC: Frames) -> Moving:
    """The moving pixels of a clip of at least two frames at a working size (a few hundred pixels wide).

    `background_KHWC` are more frames of the same shot: they tell the background where something stands for the whole clip.
    """
    import cv2

    greys_THW = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames_THWC])
    height, width = greys_THW.shape[1:]
    matrices = path(greys_THW)
    camera_T = shifts(matrices, (width, height))
    stands = float(np.median(camera_T)) < STANDING
    samples, placed = _samples(frames_THWC, greys_THW, matrices, background_KHWC, stands)
    apart_THW, known_THW = _apart(frames_THWC, matrices, samples, placed)
    flower = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flows = [flower.calc(greys_THW[t], greys_THW[t - 1], None) for t in range(1, len(greys_THW))]
    speeds_THW = [
        own_speed(flow, np.linalg.inv(matrices[t - 1]) @ matrices[t]) for t, flow in enumerate(flows, start=1)
    ]
    flowing_THW = np.stack([_above(speed, LEAST_FLOW) for speed in [speeds_THW[0], *speeds_THW]])
    masks_THW = np.stack([_foreground(*one) for one in zip(apart_THW, known_THW, flowing_THW, strict=True)])
    inside = [speed[mask] for speed, mask in zip(speeds_THW, masks_THW[1:], strict=True)]
    flow_T = np.array([float(part.mean()) if part.size else 0.0 for part in inside])
    return Moving(masks_THW, np.stack(flows), camera_T, flow_T)


def _samples(
    frames_THWC: Frames, greys_THW: Greys, matrices: list[Matrix], background_KHWC: Frames, stands: bool
) -> tuple[list[Frames], list[Matrix]]:
    """Pictures of the background, and the matrices that take their points to frame 0."""
    import cv2

    every = np.unique(np.linspace(0, len(frames_THWC) - 1, SAMPLES).astype(int)).tolist()
    samples, placed = [frames_THWC[t] for t in every], [matrices[t] for t in every]
    if not stands:
        return samples, placed
    placed = [STILL] * len(samples)  # sums of what is below a pixel
    for picture in background_KHWC:
        found = step(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), greys_THW[0])
        if found is not None and np.abs(found - STILL)[:, 2].max() < 2 and np.abs(found - STILL)[:, :2].max() < 0.02:
            samples.append(picture)
            placed.append(STILL)
    return samples, placed


def _apart(
    frames_THWC: Frames, matrices: list[Matrix], samples: list[Frames], placed: list[Matrix]
) -> tuple[NDArray[np.float32], Masks]:
    """How far each pixel is from the median of the samples laid onto its frame, in levels of 255, and where that is known."""
    import cv2

    height, width = frames_THWC.shape[1:3]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    still = all(matrix is STILL for matrix in placed)
    if still:
        canvas, valid, origin = np.median(np.stack(samples), axis=0).astype(np.uint8), None, STILL
    else:
        canvas, valid, origin = _panorama(samples, placed, (width, height))
    apart, known = [], []
    for frame, matrix in zip(frames_THWC, matrices, strict=True):
        there = (origin @ matrix)[:2]
        laid = canvas if still else cv2.warpAffine(canvas, there, (width, height), flags=flags)
        far = cv2.absdiff(cv2.GaussianBlur(frame, (5, 5), 0), cv2.GaussianBlur(laid, (5, 5), 0)).max(axis=2)
        apart.append(far.astype(np.float32))
        inside = np.full((height, width), 255, np.uint8)
        known.append((inside if valid is None else cv2.warpAffine(valid, there, (width, height), flags=flags)) > 127)
    return np.stack(apart), np.stack(known)


def _foreground(apart_HW: NDArray[np.float32], known_HW: Masks, flowing_HW: Masks) -> Masks:
    """Pixels far from the background; nearer ones if they flow too. Flow alone counts where the background is unknown or wrong.

    Alone it would grow a halo: it is smooth, so the plain ground beside a walker flows with him.
    """
    far_HW = _above(np.where(known_HW, apart_HW, 0), LEAST_DIFFERENCE)
    if far_HW.mean() > MOST_FOREGROUND:
        return _clean(flowing_HW)
    near_HW = apart_HW > NEARLY * LEAST_DIFFERENCE
    return _clean(far_HW | (flowing_HW & (near_HW | ~known_HW)))


def _panorama(
    samples: list[Frames], placed: list[Matrix], size: tuple[int, int]
) -> tuple[Frames, NDArray[np.uint8], Matrix]:
    """The median of the samples in one picture, where it is known, and the matrix from frame 0 into it. At most four frames large."""
    import cv2

    width, height = size
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], dtype=np.float64).T
    ends = np.concatenate([(matrix @ corners)[:2] for matrix in placed], axis=1)
    low = np.maximum(np.floor(ends.min(axis=1)), [-width / 2, -height / 2])
    high = np.minimum(np.ceil(ends.max(axis=1)), [1.5 * width, 1.5 * height])
    origin = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1]])
    wide, tall = (int(side) for side in high - low)
    stack = np.full((len(samples), tall, wide, 3), np.nan, dtype=np.float32)
    for number, (picture, matrix) in enumerate(zip(samples, placed, strict=True)):
        there = (origin @ matrix)[:2]
        known = cv2.warpAffine(np.full((height, width), 255, np.uint8), there, (wide, tall)) == 255
        stack[number][known] = cv2.warpAffine(picture, there, (wide, tall))[known]
    known_HW = np.isfinite(stack[..., 0]).sum(axis=0) >= max(3, len(samples) // 4)
    stack[:, ~known_HW] = 0
    return np.nanmedian(stack, axis=0).astype(np.uint8), known_HW.astype(np.uint8) * 255, origin


def own_speed(flow_HW2: Flow, camera: Matrix) -> NDArray[np.float32]:
    """How fast each pixel flows beside what the camera makes it, in pixels per frame."""
    height, width = flow_HW2.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    a = camera.astype(np.float32)
    own_x = flow_HW2[..., 0] - (a[0, 0] * x + a[0, 1] * y + a[0, 2] - x)
    own_y = flow_HW2[..., 1] - (a[1, 0] * x + a[1, 1] * y + a[1, 2] - y)
    speed_HW: NDArray[np.float32] = np.hypot(own_x, own_y)
    return speed_HW


def _above(values_HW: NDArray[np.float32], least: float) -> Masks:
    """What stands out of the picture's own noise."""
    middle = float(np.median(values_HW))
    spread = 1.4826 * float(np.median(np.abs(values_HW - middle)))
    above: Masks = values_HW > max(least, middle + 4 * spread)
    return above


def _clean(mask_HW: Masks) -> Masks:
    """Without single pixels, and with small gaps closed; a body is cut into head and legs more often than two stand on each other."""
    import cv2

    side = max(3, round(min(mask_HW.shape) / 90) | 1)
    mask = cv2.morphologyEx(mask_HW.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((2 * side + 1, side), np.uint8))
    clean: Masks = mask > 0
    return clean
