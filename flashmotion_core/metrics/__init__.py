"""Measures of generated clips: intersection over union of boxes and masks."""

from .iou import box_iou, mask_iou

__all__ = ["box_iou", "mask_iou"]
