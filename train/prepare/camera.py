"""How the camera moves: similarity transforms between neighbouring frames, from corners that are followed by optical flow."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Greys = NDArray[np.uint8]
Matrix = NDArray[np.float64]
STILL = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float64)
FEWEST = 12
"""Corners that have to agree before a movement is believed."""
CELLS, SPREAD = 4, 8
"""A grid of so many cells each way; agreeing corners lie in at least so many of them. Else they are those of one large thing."""


def step(one_HW: Greys, other_HW: Greys) -> Matrix | None:
    """The 3 x 3 matrix that takes a background point of one picture to the same point of another; None if too few corners agree."""
    import cv2

    corners = cv2.goodFeaturesToTrack(one_HW, 300, 0.01, 7)
    if corners is None or len(corners) < FEWEST:
        return None
    moved, there, _ = cv2.calcOpticalFlowPyrLK(one_HW, other_HW, corners, None, winSize=(15, 15), maxLevel=3)
    kept = there[:, 0] == 1
    if kept.sum() < FEWEST:
        return None
    cv2.setRNGSeed(0)
    found, inliers = cv2.estimateAffinePartial2D(corners[kept], moved[kept], ransacReprojThreshold=1.0)
    if found is None or inliers.sum() < max(FEWEST, 0.3 * kept.sum()):
        return None
    height, width = one_HW.shape
    places = (corners[kept][inliers[:, 0] == 1][:, 0] * CELLS / [width, height]).astype(int)
    if len({tuple(place) for place in places.tolist()}) < SPREAD:
        return None
    return np.vstack([found, [0, 0, 1]]).astype(np.float64)


def path(greys_THW: Greys) -> list[Matrix]:
    """For each frame the matrix that takes its points to frame 0. A step that cannot be told is taken as none."""
    matrices = [STILL]
    for one_HW, other_HW in pairwise(greys_THW):
        found = step(other_HW, one_HW)
        matrices.append(matrices[-1] @ (STILL if found is None else found))
    return matrices


def shifts(matrices: list[Matrix], size: tuple[int, int]) -> NDArray[np.float64]:
    """How far the four corners of each frame move until the next one, on average, in pixels: [T - 1]."""
    width, height = size
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], dtype=np.float64).T
    placed = np.stack([(matrix @ corners)[:2] for matrix in matrices])
    moved: NDArray[np.float64] = np.linalg.norm(np.diff(placed, axis=0), axis=1).mean(axis=1)
    return moved
