"""Open-vocabulary detection on one picture: OWLv2 or Grounding DINO of transformers, from a folder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.video.frames import Frames

from .found_objects import Boxes
from .weights_folder import load_model, load_processor

SURE = 0.25
"""The least score of a detection."""
SAME = 0.6
"""Overlap from which two detections are one object."""


class WordDetector:
    """Finds what words name; see `Detector`."""

    def __init__(self, folder: str, words: Sequence[str], device: str) -> None:
        """Load the model and its processor; raises TrainError."""
        from transformers import AutoModelForZeroShotObjectDetection

        self.model = load_model("detector", folder, AutoModelForZeroShotObjectDetection, device)
        self.processor = load_processor("detector", folder)
        self.words, self.device = tuple(words), device

    def detect(self, frame_HWC: Frames) -> tuple[Boxes, tuple[str, ...]]:
        """See `Detector.detect`."""
        import torch
        from PIL import Image

        inputs = self.processor(images=Image.fromarray(frame_HWC), text=[list(self.words)], return_tensors="pt")
        moved = {
            name: value.to(self.device, self.model.dtype if value.is_floating_point() else value.dtype)
            for name, value in inputs.items()
        }
        with torch.no_grad():
            outputs = self.model(**moved)
        size = torch.tensor([frame_HWC.shape[:2]])
        options = {"text_labels": [list(self.words)]} if "Owl" in type(self.processor).__name__ else {}
        found = self.processor.post_process_grounded_object_detection(
            outputs, threshold=SURE, target_sizes=size, **options
        )[0]
        corners_N4 = found["boxes"].float().cpu().numpy().astype(np.float64)
        scores_N = found["scores"].float().cpu().numpy()
        names = found.get("text_labels") or found["labels"]
        return distinct(corners_N4, scores_N, [str(name) for name in names], frame_HWC.shape[1::-1])


def distinct(
    corners_N4: NDArray[np.float64], scores_N: NDArray[np.float32], names: Sequence[str], size: tuple[int, int]
) -> tuple[Boxes, tuple[str, ...]]:
    """Boxes (x, y, w, h) inside the picture, the surest first, without a second box for the same object."""
    width, height = size
    corners_N4 = np.clip(corners_N4, 0, [width, height, width, height])
    kept: list[int] = []
    for index in np.argsort(-scores_N, kind="stable").tolist():
        left, top, right, bottom = corners_N4[index]
        if right - left >= 1 and bottom - top >= 1 and all(_iou(corners_N4[index], corners_N4[k]) < SAME for k in kept):
            kept.append(index)
    boxes_N4 = corners_N4[kept].reshape(-1, 4)
    boxes_N4[:, 2:] -= boxes_N4[:, :2]
    return boxes_N4, tuple(names[index] for index in kept)


def _iou(one_4: NDArray[np.float64], other_4: NDArray[np.float64]) -> float:
    sides = np.minimum(one_4[2:], other_4[2:]) - np.maximum(one_4[:2], other_4[:2])
    both = float(np.prod(np.maximum(sides, 0)))
    return both / (float(np.prod(one_4[2:] - one_4[:2])) + float(np.prod(other_4[2:] - other_4[:2])) - both)
