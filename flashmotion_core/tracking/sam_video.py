"""SAM 2 and SAM 3 for videos, the models of transformers from a folder: they follow masks or boxes of frame 0."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files.model_folder import load_folder
from .label_masks import boxes_of_masks
from .object_tracker import Tracked, check_tracked

Array = NDArray[np.float64]

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
KINDS = {"sam2_video": IMAGENET, "sam3_tracker_video": HALF, "sam3_video": HALF}
"""Mean and spread of the pictures, by the model's type in its config.json."""
TOP_LEFT, BOTTOM_RIGHT = 2, 3
"""Labels of a box's corners among the points of a prompt."""


class SamVideoTracker:
    """See the module. `sure_TN` is the mean probability of a mask's pixels.

    Args:
        folder: with config.json and safetensors.
        device: such as "cpu" or "cuda".
        digest: of the folder, for the protocol; "" leaves it out.
        first_masks_NHW: bool, the objects' pixels on frame 0, for one clip; None to follow boxes.
    """

    def __init__(self, folder: str | Path, device: str = "cpu", digest: str = "") -> None:
        """Load the model. Raises ValueError for a folder without one, or with another."""
        self.kind = _kind(Path(folder))
        self.model = load_sam(folder, device)
        self.device, self.digest = device, digest
        self.first_masks_NHW: NDArray[np.bool_] | None = None

    def from_masks(self, first_masks_NHW: NDArray[np.bool_] | None) -> SamVideoTracker:
        """The same model, for a clip whose objects' pixels on frame 0 are known."""
        other = object.__new__(SamVideoTracker)
        other.__dict__.update(self.__dict__, first_masks_NHW=first_masks_NHW)
        return other

    @property
    def protocol(self) -> str:
        """See `ObjectTracker.protocol`."""
        import transformers

        side = side_of(self.model)
        prompt = "boxes" if self.first_masks_NHW is None else "masks"
        weights = f", SHA-256 {self.digest[:12]}" if self.digest else ""
        return (
            f"{self.kind} at {side} x {side}{weights}, transformers {transformers.__version__} on {self.device.split(':')[0]}, "
            f"from frame 0's {prompt}, one object per pixel"
        )

    def __call__(self, frames_THWC: NDArray[np.uint8], first_boxes_N4: Array) -> Tracked:
        """See `ObjectTracker`. A pixel belongs to the object that is surest of it."""
        check_tracked(frames_THWC, first_boxes_N4)
        count = len(first_boxes_N4)
        shown = [n for n in range(count) if np.isfinite(first_boxes_N4[n]).all()]
        masks_TNHW = np.zeros((len(frames_THWC), count, *frames_THWC.shape[1:3]), dtype=np.bool_)
        sure_TN = np.zeros(masks_TNHW.shape[:2])
        if shown:
            prompts_NHW = None if self.first_masks_NHW is None else self.first_masks_NHW[shown]
            labels_THW, certain_TN = follow(self.model, self.device, frames_THWC, first_boxes_N4[shown], prompts_NHW)
            for number, n in enumerate(shown, start=1):
                masks_TNHW[:, n] = labels_THW == number
                sure_TN[:, n] = certain_TN[:, number - 1]
        return Tracked(boxes_of_masks(masks_TNHW), sure_TN, masks_TNHW)


def load_sam(folder: str | Path, device: str) -> Any:
    """The model. Raises ValueError for a folder without one, or with another; the message is only the reason."""
    kind = _kind(Path(folder))
    if kind == "sam2_video":
        from transformers import Sam2VideoModel as SamModel
    else:
        from transformers import Sam3TrackerVideoModel as SamModel

    return load_folder(folder, SamModel, device)


def side_of(model: Any) -> int:
    """Pixels of each side of the square at which the model sees pictures."""
    return int(model.config.prompt_encoder_config.image_size)


def follow(
    model: Any,
    device: str,
    frames_THWC: NDArray[np.uint8],
    boxes_N4: Array,
    masks_NHW: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.uint8], Array]:
    """Follow N objects, at least one.

    Args:
        model: of `load_sam`.
        device: where it is.
        frames_THWC: uint8; brought to the model's size here, so torchvision is not needed.
        boxes_N4: (x, y, w, h) in pixels on frame 0.
        masks_NHW: on frame 0, instead of the boxes; an empty one leaves its object to its box.

    Returns: labels [T, H, W], the object that each pixel shows, counted from 1, or 0; mean probability [T, N] of each object's pixels.
    """
    import torch

    frames, height, width = frames_THWC.shape[:3]
    labels_THW = np.zeros((frames, height, width), dtype=np.uint8)
    sure_TN = np.zeros((frames, len(boxes_N4)))
    session = _session(model, device, frames_THWC, boxes_N4, masks_NHW)
    with torch.no_grad():
        for t in range(frames):
            logits = model(session, frame_idx=t).pred_masks.float()
            large = torch.nn.functional.interpolate(logits, (height, width), mode="bilinear", align_corners=False)
            best, which = large[:, 0].max(dim=0)
            labels_THW[t] = torch.where(best > 0, which + 1, 0).to(torch.uint8).cpu().numpy()
            certain_HW = torch.sigmoid(best).cpu().numpy()
            for n in range(len(boxes_N4)):
                mask_HW = labels_THW[t] == n + 1
                sure_TN[t, n] = certain_HW[mask_HW].mean() if mask_HW.any() else 0.0
    return labels_THW, sure_TN


def _kind(folder: Path) -> str:
    """The model's type, by its config.json."""
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise ValueError(f"there is no config.json that can be read in {folder}") from error
    if kind not in KINDS:
        raise ValueError(f"its model type is {kind}, but must be one of {', '.join(KINDS)}")
    return str(kind)


def _session(
    model: Any,
    device: str,
    frames_THWC: NDArray[np.uint8],
    boxes_N4: Array,
    masks_NHW: NDArray[np.bool_] | None,
) -> Any:
    """A session of the model that holds the clip and the prompts of frame 0."""
    import cv2
    import torch

    kind = str(model.config.model_type)
    if kind == "sam2_video":
        from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession as SamSession
    else:
        from transformers.models.sam3_tracker_video.modeling_sam3_tracker_video import (
            Sam3TrackerVideoInferenceSession as SamSession,
        )

    mean, spread = KINDS[kind]
    side, (height, width) = side_of(model), frames_THWC.shape[1:3]
    square = np.stack([cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA) for frame in frames_THWC])
    video = torch.from_numpy(square).permute(0, 3, 1, 2).float() / 255
    video = (video - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(spread).view(3, 1, 1)
    session = SamSession(
        video=video,
        video_height=height,
        video_width=width,
        inference_device=device,
        inference_state_device=device,
        dtype=model.dtype,
    )
    scale = np.array([side / width, side / height])
    for n, (x, y, w, h) in enumerate(boxes_N4.tolist()):
        index = session.obj_id_to_idx(n + 1)
        if masks_NHW is not None and masks_NHW[n].any():
            mask_HW = cv2.resize(masks_NHW[n].astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR) >= 0.5
            session.add_mask_inputs(index, 0, torch.from_numpy(mask_HW)[None, None])
            continue
        corners = torch.tensor(np.array([[x, y], [x + w, y + h]]) * scale, dtype=torch.float32)
        points = {
            "point_coords": corners.view(1, 1, 2, 2),
            "point_labels": torch.tensor([[[TOP_LEFT, BOTTOM_RIGHT]]], dtype=torch.int32),
        }
        session.add_point_inputs(index, 0, points)
    session.obj_with_new_inputs = list(range(1, len(boxes_N4) + 1))
    return session
