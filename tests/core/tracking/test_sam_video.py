"""SAM 2 and SAM 3 of transformers behind the trackers' protocol: tiny random models of the real classes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from flashmotion_core.benchmark.clip_set import BenchClip
from flashmotion_core.benchmark.named_trackers import named_tracker
from flashmotion_core.tracking.sam_video import SamVideoTracker
from flashmotion_core.trajectory import parse

from ...support.sentences import refuses
from ...support.tiny_transformers import save_sam2, save_sam3

FRAMES = np.random.default_rng(0).integers(0, 256, (3, 40, 60, 3), dtype=np.uint8)
BOXES = np.array([[5.0, 6, 20, 18], [np.nan] * 4, [30, 10, 16, 20]])


@pytest.mark.parametrize("save", [save_sam2, save_sam3])
def test_boxes_and_masks_are_followed(tmp_path: Path, save: Callable[[Path], Path]) -> None:
    tracker = SamVideoTracker(save(tmp_path / "sam"), digest="0123456789abcdef")
    found = tracker(FRAMES, BOXES)
    assert found.masks_TNHW is not None
    assert found.masks_TNHW.shape == (3, 3, 40, 60)
    assert found.boxes_TN4.shape == (3, 3, 4)
    assert not found.masks_TNHW[:, 1].any()
    assert np.isnan(found.boxes_TN4[:, 1]).all()
    assert (found.masks_TNHW.sum(axis=1) <= 1).all()  # no pixel shows two objects
    seen_TN = found.masks_TNHW.any(axis=(2, 3))
    assert ((found.sure_TN > 0.5) == seen_TN).all()
    # The same prompt gives the same, another one does not, nor do masks of the same place.
    assert np.array_equal(tracker(FRAMES, BOXES).masks_TNHW, found.masks_TNHW)
    masks_NHW = np.zeros((3, 40, 60), dtype=bool)
    masks_NHW[0, 8:20, 8:16] = masks_NHW[2, 12:28, 32:44] = True
    from_masks = tracker.from_masks(masks_NHW)
    masked = from_masks(FRAMES, BOXES).masks_TNHW
    assert masked is not None
    assert not np.array_equal(masked, found.masks_TNHW)
    assert "from frame 0's masks" in from_masks.protocol
    for words in ("from frame 0's boxes", "SHA-256 0123456789ab", "_video at 1"):
        assert words in tracker.protocol
    by_name = named_tracker(f"sam={tmp_path / 'sam'}")
    document = '{"version": 1, "size": [60, 40], "frames": 3, "objects": []}'
    named = by_name(None, BenchClip("a", parse(document)))  # type: ignore[arg-type]
    assert np.array_equal(named(FRAMES, BOXES).masks_TNHW, found.masks_TNHW)  # type: ignore[arg-type]
    assert not tracker(FRAMES, BOXES[1:2]).masks_TNHW.any()  # type: ignore[union-attr]


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with refuses(key="config.json", value=str(tmp_path)):
        SamVideoTracker(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "blip"}))
    with refuses(key="model type", value="blip", remedy="must be one of"):
        SamVideoTracker(tmp_path)
