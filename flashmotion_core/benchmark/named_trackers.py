"""Trackers by the words of the command line: KIND or KIND=PATH."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..files.named_words import split_word
from ..tracking import ObjectTracker
from ..tracking.label_masks import LabelMasks, read_label_folder
from .bench_files import MASKS, content_digest

if TYPE_CHECKING:
    from .bench_rows import BenchRow
    from .clip_set import BenchClip
    from .runner import TrackerOf

KINDS = {
    "template": "colour and pattern",
    "flow": "optical flow (needs OpenCV)",
    "masks": "NAME_masks/ beside the clips",
    "sam": "SAM 2 or 3 for videos of transformers, =FOLDER, from frame 0's masks if the set has them, else boxes",
    "cotracker": "Meta's CoTracker 3, =FILE.safetensors",
}


def named_tracker(words: str, device: str = "cpu") -> TrackerOf:
    """The tracker of each clip.

    Args:
        words: such as "flow" or "sam=FOLDER".
        device: "cpu" or "cuda".

    Raises:
        ValueError: an unknown kind, a missing path or package, or weights of another network.
    """
    kind, path = split_word(words)
    if kind not in KINDS or (bool(path) != (kind in ("sam", "cotracker"))):
        raise ValueError(f"the tracker is {words!r}, but must be template, flow, masks, sam=FOLDER or cotracker=FILE.")
    if kind == "masks":
        return lambda row, clip: LabelMasks((row.folder or Path()) / f"{clip.name}{MASKS}")
    if kind == "sam":
        return _sam(Path(path or ""), device)
    tracker = _one(kind, Path(path or ""), device)
    return lambda row, clip: tracker


def _one(kind: str, path: Path, device: str) -> ObjectTracker:
    """A tracker that serves all clips."""
    if kind == "flow":
        from ..tracking.optical_flow import FlowTracker

        return FlowTracker()
    if kind == "cotracker":
        from ..tracking.cotracker_points import CoTracker

        if not path.is_file():
            raise ValueError(f"the tracker is cotracker={path}, but there is no such file; give a safetensors file.")
        return CoTracker(path, content_digest(path), device)
    from ..tracking.appearance import AppearanceTracker

    return AppearanceTracker()


def _sam(folder: Path, device: str) -> TrackerOf:
    from ..tracking.sam_video import SamVideoTracker

    try:
        model = SamVideoTracker(folder, device, content_digest(folder) if folder.is_dir() else "")
    except ValueError as error:
        raise ValueError(
            f"the tracker is sam={folder}, which cannot be loaded ({error}); give another folder."
        ) from error

    def tracker(row: BenchRow, clip: BenchClip) -> ObjectTracker:
        return model.from_masks(first_masks(clip))

    return tracker


def first_masks(clip: BenchClip) -> NDArray[np.bool_] | None:
    """The objects' pixels on frame 0 [N, H, W]; None for a clip without masks. Raises ValueError for masks of another size."""
    if clip.masks is None:
        return None
    labels_HW = read_label_folder(clip.masks, first=1)[0]
    if labels_HW.shape != clip.trajectory.size[::-1]:
        raise ValueError(
            f"the masks in {clip.masks.name} are {labels_HW.shape[1]} x {labels_HW.shape[0]}, not "
            f"its document's {clip.trajectory.size[0]} x {clip.trajectory.size[1]}"
        )
    masks_NHW: NDArray[np.bool_] = labels_HW[None] == np.arange(1, len(clip.trajectory.objects) + 1)[:, None, None]
    return masks_NHW
