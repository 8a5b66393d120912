"""Measures of generated clips: control (boxes, masks, tracks), quality, the Frechet distance of features, and bootstrap intervals."""

from .bootstrap import mean_interval, paired_difference
from .frechet import frechet_distance
from .iou import box_iou, mask_iou
from .keeping import (
    ControlScores,
    control_scores,
    endpoint_errors,
    group_of,
    lost_points,
    mask_scores,
    mean_of_clip,
    means_by_frame,
)
from .picture_quality import dynamic_degree, first_frame_jump, flicker, kept_sharpness, motion, psnr, sharpness

__all__ = [
    "ControlScores",
    "box_iou",
    "control_scores",
    "dynamic_degree",
    "endpoint_errors",
    "first_frame_jump",
    "flicker",
    "frechet_distance",
    "group_of",
    "kept_sharpness",
    "lost_points",
    "mask_iou",
    "mask_scores",
    "mean_interval",
    "mean_of_clip",
    "means_by_frame",
    "motion",
    "paired_difference",
    "psnr",
    "sharpness",
]
