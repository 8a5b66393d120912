"""Measures of generated clips: intersection over union of boxes and masks, and the Frechet distance of features."""

from .frechet import frechet_distance
from .iou import box_iou, mask_iou

__all__ = ["box_iou", "frechet_distance", "mask_iou"]
