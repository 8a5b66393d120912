"""SAM 2 follows objects through a clip from their boxes on frame 0: the model of transformers, from a folder."""

from __future__ import annotations

from typing import Any

import numpy as np

from flashmotion_core.video import Frames

from .found_objects import Boxes, FoundObjects, boxes_of
from .weights_folder import load_model

MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TOP_LEFT, BOTTOM_RIGHT = 2, 3
"""Labels of a box's corners among the points of a prompt."""


class Sam2Tracker:
    """See the module, and `BoxFollower`."""

    def __init__(self, folder: str, device: str) -> None:
        """Load the model; raises TrainError. Pictures are brought to its size here, so torchvision is not needed."""
        from transformers import Sam2VideoModel

        self.model = load_model("tracker", folder, Sam2VideoModel, device)
        self.side = int(self.model.config.prompt_encoder_config.image_size)
        self.device = device

    def follow(self, frames_THWC: Frames, boxes_N4: Boxes) -> FoundObjects:
        """See `BoxFollower.follow`. A pixel belongs to the object that is surest of it; names are empty."""
        import torch

        frames, height, width = frames_THWC.shape[:3]
        count = len(boxes_N4)
        labels_THW = np.zeros((frames, height, width), dtype=np.uint8)
        if not count:
            return FoundObjects(np.zeros((frames, 0, 4)), labels_THW, ())
        session = self._session(frames_THWC, boxes_N4)
        with torch.no_grad():
            for t in range(frames):
                logits = self.model(session, frame_idx=t).pred_masks.float()
                large = torch.nn.functional.interpolate(logits, (height, width), mode="bilinear", align_corners=False)
                best, which = large[:, 0].max(dim=0)
                labels_THW[t] = torch.where(best > 0, which + 1, 0).to(torch.uint8).cpu().numpy()
        return FoundObjects(boxes_of(labels_THW, count), labels_THW, ("",) * count)

    def _session(self, frames_THWC: Frames, boxes_N4: Boxes) -> Any:
        """A session of the model that holds the clip and the boxes of frame 0."""
        import cv2
        import torch
        from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

        height, width = frames_THWC.shape[1:3]
        square = np.stack(
            [cv2.resize(frame, (self.side, self.side), interpolation=cv2.INTER_AREA) for frame in frames_THWC]
        )
        video = torch.from_numpy(square).permute(0, 3, 1, 2).float() / 255
        video = (video - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(SPREAD).view(3, 1, 1)
        session = Sam2VideoInferenceSession(
            video=video,
            video_height=height,
            video_width=width,
            inference_device=self.device,
            inference_state_device=self.device,
            dtype=self.model.dtype,
        )
        scale = np.array([self.side / width, self.side / height])
        for number, (x, y, w, h) in enumerate(boxes_N4.tolist(), start=1):
            corners = torch.tensor(np.array([[x, y], [x + w, y + h]]) * scale, dtype=torch.float32)
            points = {
                "point_coords": corners.view(1, 1, 2, 2),
                "point_labels": torch.tensor([[[TOP_LEFT, BOTTOM_RIGHT]]], dtype=torch.int32),
            }
            session.add_point_inputs(session.obj_id_to_idx(number), 0, points)
        session.obj_with_new_inputs = list(range(1, len(boxes_N4) + 1))
        return session
