"""Trajectories: the document, its samples, its control map, and its conversions.

    trajectory = parse(text)                       # untrusted JSON -> Trajectory, or TrajectoryError
    sampled = sample(trajectory, frames, size)     # boxes [T, N, 4] in pixels (top-left corner), visibility [T, N]
    video = render(sampled, masks_NHW)             # control map, uint8 [T, H, W, 3]
    frames = animatic(image_HWC, sampled)          # cut-outs along the boxes, frame by frame

The document stores box centres as fractions of the frame; everything sampled or converted is (x, y, w, h) in pixels with
the top-left corner.
"""

from .conversions.comfy_types import put_shapes, to_bounding_boxes, to_frame_masks, to_object_mask, to_tracks
from .conversions.found import chosen_numbers
from .conversions.from_detections import from_bounding_boxes
from .conversions.from_masks import from_frame_masks, from_object_mask, moves_as_one
from .conversions.from_points import from_coordinates, from_tracks, is_coordinates
from .conversions.tables import from_csv, from_deltas, to_csv, to_deltas
from .document import MIGRATIONS, SCHEMA_PATH, dumps, parse, validate
from .drawing.animatic import AnimaticFrame, animatic
from .drawing.control_map import PALETTE, Drawing, default_thickness, object_color, pixel_boxes, render, render_chunks
from .drawing.masks import refine_masks_grabcut
from .field_checks import TrajectoryError
from .first_shape import from_cells, to_cells
from .keyframes import from_boxes
from .model import VERSION, FirstShape, Keyframe, TrackedObject, Trajectory, to_mapping
from .resolve import cover, fit, merge
from .rounded import rounded
from .sample import Sampled, sample
from .tracks.import_tracks import read_tracks, recognise
from .tracks.track_table import ImportedTracks, Notice, TrackTable, to_trajectory
from .transform import resize, retime, trim
from .words.words import describe, language_of

__all__ = [
    "VERSION",
    "MIGRATIONS",
    "SCHEMA_PATH",
    "Trajectory",
    "TrackedObject",
    "Keyframe",
    "FirstShape",
    "to_cells",
    "from_cells",
    "TrajectoryError",
    "parse",
    "validate",
    "dumps",
    "to_mapping",
    "rounded",
    "retime",
    "trim",
    "resize",
    "fit",
    "cover",
    "merge",
    "Sampled",
    "sample",
    "PALETTE",
    "Drawing",
    "object_color",
    "default_thickness",
    "pixel_boxes",
    "render",
    "render_chunks",
    "refine_masks_grabcut",
    "animatic",
    "AnimaticFrame",
    "from_boxes",
    "to_bounding_boxes",
    "from_bounding_boxes",
    "to_tracks",
    "from_tracks",
    "to_object_mask",
    "to_frame_masks",
    "put_shapes",
    "from_object_mask",
    "from_frame_masks",
    "moves_as_one",
    "chosen_numbers",
    "is_coordinates",
    "from_coordinates",
    "to_csv",
    "from_csv",
    "to_deltas",
    "from_deltas",
    "read_tracks",
    "recognise",
    "to_trajectory",
    "ImportedTracks",
    "TrackTable",
    "Notice",
    "describe",
    "language_of",
]
