"""CoTracker 3 (Karaev et al., 2024) follows points of a grid in each box; boxes follow the points. Needs Meta's package `cotracker`.

Theirs: the network and its predictor. Ours: reading the weights from safetensors (`python convert.py --plain` makes them of
`scaled_offline.pth`), and a box from its points, as in `optical_flow`. Weights and code may not be used commercially (CC BY-NC 4.0).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..files.weights import read_tensors
from .object_tracker import Tracked, check_tracked
from .optical_flow import FEWEST, box_grid, moved_box

Array = NDArray[np.float64]

WINDOW = 60
"""Frames of the offline model's window, as Meta's own demo has it."""


class CoTracker:
    """See the module. `sure_TN` is the share of an object's points that are visible.

    Args:
        path: safetensors with the package's key names.
        digest: its SHA-256, for the protocol.
        device: such as "cpu" or "cuda".

    Raises:
        ValueError: the package is not installed, or the file holds other weights.
    """

    def __init__(self, path: Path, digest: str, device: str = "cpu") -> None:
        import torch

        try:
            from cotracker.predictor import CoTrackerPredictor
        except ImportError as error:
            raise ValueError(
                f"cotracker cannot be imported ({error}); install Meta's co-tracker from its repository, or take another tracker."
            ) from error
        tensors, _ = read_tensors(path)
        self._predictor = CoTrackerPredictor(checkpoint=None, offline=True, window_len=WINDOW)
        try:
            self._predictor.model.load_state_dict({key: value.to(torch.float32) for key, value in tensors.items()})
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise ValueError(
                f"{path.name} does not hold CoTracker 3, offline ({reason}); give another file."
            ) from error
        self._predictor.to(device).requires_grad_(False)
        self.device = device
        self._name = f"CoTracker 3 offline, weights SHA-256 {digest[:12]}, on {device}"
        self.protocol = f"{self._name}, 12 x 12 points per box of frame 0"

    def __call__(self, frames_THWC: NDArray[np.uint8], first_boxes_N4: Array) -> Tracked:
        """See `ObjectTracker`; an object is lost where fewer than 8 of its points are visible."""
        check_tracked(frames_THWC, first_boxes_N4)
        grids = grids_of(first_boxes_N4, (frames_THWC.shape[2], frames_THWC.shape[1]))
        points_P2 = np.concatenate([np.zeros((0, 2)), *grids])
        if not len(points_P2):
            nothing_TP = np.zeros((len(frames_THWC), 0), dtype=bool)
            return boxes_of_tracks(first_boxes_N4, grids, np.zeros((*nothing_TP.shape, 2)), nothing_TP)
        return boxes_of_tracks(first_boxes_N4, grids, *self._followed(frames_THWC, points_P2))

    @property
    def points_protocol(self) -> str:
        """See `PointTracker.points_protocol`."""
        return f"{self._name}, hidden points where it takes them to be"

    def follow(self, frames_THWC: NDArray[np.uint8], points_K2: Array) -> Array:
        """See `PointTracker`; no point is ever lost."""
        return self._followed(frames_THWC, points_K2)[0]

    def _followed(self, frames_THWC: NDArray[np.uint8], points_P2: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Points of frame 0 on every frame [T, P, 2], and whether they are seen [T, P]."""
        import torch

        queries_BP3 = torch.from_numpy(np.insert(points_P2, 0, 0.0, axis=1)).float()[None].to(self.device)
        video_BTCHW = torch.from_numpy(np.ascontiguousarray(frames_THWC)).movedim(-1, 1)[None].float().to(self.device)
        with torch.no_grad():
            tracks_BTP2, visible_BTP = self._predictor(video_BTCHW, queries=queries_BP3)
        return tracks_BTP2[0].double().cpu().numpy(), visible_BTP[0].cpu().numpy().astype(bool)


def grids_of(first_boxes_N4: Array, size: tuple[int, int]) -> list[Array]:
    """Points [P, 2] in each box and inside the frame; none for an object that frame 0 does not show, or hardly."""
    found = []
    for box_4 in first_boxes_N4:
        points_P2 = within(box_grid(box_4), size) if np.isfinite(box_4).all() else np.zeros((0, 2))
        found.append(points_P2 if len(points_P2) >= FEWEST else np.zeros((0, 2)))
    return found


def boxes_of_tracks(
    first_boxes_N4: Array, grids: list[Array], tracks_TP2: Array, visible_TP: NDArray[np.bool_]
) -> Tracked:
    """Boxes that follow their points.

    Args:
        first_boxes_N4: on frame 0.
        grids: each object's points there.
        tracks_TP2, visible_TP: all objects' points in that order, frame by frame.

    Returns: an object is lost where fewer than 8 of its points are visible.
    """
    boxes_TN4 = np.full((len(tracks_TP2), len(grids), 4), np.nan)
    sure_TN = np.zeros(boxes_TN4.shape[:2])
    start = 0
    for n, points_P2 in enumerate(grids):
        part = slice(start, start + len(points_P2))
        start += len(points_P2)
        if not len(points_P2):
            continue
        boxes_TN4[0, n], sure_TN[0, n] = first_boxes_N4[n], 1.0
        for t in range(1, len(tracks_TP2)):
            seen_P = visible_TP[t, part]
            if seen_P.sum() >= FEWEST:
                boxes_TN4[t, n] = moved_box(first_boxes_N4[n], points_P2[seen_P], tracks_TP2[t, part][seen_P])
                sure_TN[t, n] = float(seen_P.mean())
    return Tracked(boxes_TN4, sure_TN)


def within(points_P2: Array, size: tuple[int, int]) -> Array:
    """The points inside the frame."""
    inside_P = ((points_P2 >= 0) & (points_P2 <= np.array(size) - 1)).all(axis=1)
    found: Array = points_P2[inside_P]
    return found
