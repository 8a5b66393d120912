"""How fast a clip's objects and its camera move, however the objects were found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.video.frames import Frames

from .camera import STILL, step
from .foreground import own_speed
from .found_objects import Labels

SIDE = 320
PAIRS = 16
"""Neighbouring frames that are looked at, evenly over the clip."""
WIDTH, FPS = 1280, 24
"""Speeds are said as if a clip had this width and rate, whatever it has."""


def speeds(frames_THWC: Frames, labels_THW: Labels, count: int, fps: float) -> tuple[NDArray[np.float64], float]:
    """The speed of each object beside the camera's, and that of the camera.

    Returns:
        The mean optical flow inside each object's mask in pixels per frame of a clip 1280 pixels wide with 24 frames a second
        (0 without a mask), and how far the picture's corners move in a second, in diagonals of the frame.
    """
    import cv2

    frames, height, width = frames_THWC.shape[:3]
    scale = SIDE / max(height, width)
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    flower = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    sums, pixels, camera = np.zeros(count), np.zeros(count), []
    for t in np.unique(np.linspace(0, frames - 2, PAIRS).astype(int)).tolist():
        later, earlier = (
            cv2.cvtColor(cv2.resize(frames_THWC[k], size, interpolation=how), cv2.COLOR_RGB2GRAY) for k in (t + 1, t)
        )
        found = step(later, earlier)
        matrix = STILL if found is None else found
        corners = np.array([[0, 0, 1], [size[0], 0, 1], [0, size[1], 1], [*size, 1]], dtype=np.float64).T
        camera.append(float(np.linalg.norm((matrix @ corners - corners)[:2], axis=0).mean()))
        speed_HW = own_speed(flower.calc(later, earlier, None), matrix)
        labels_HW = cv2.resize(labels_THW[t + 1], size, interpolation=cv2.INTER_NEAREST)
        for n in range(count):
            inside = labels_HW == n + 1
            sums[n] += float(speed_HW[inside].sum())
            pixels[n] += int(inside.sum())
    mean_N = sums / np.maximum(pixels, 1)
    return mean_N * WIDTH / size[0] * fps / FPS, float(np.mean(camera)) * fps / float(np.hypot(*size))
