"""The clip that guides (see `guide`): the animatic as bytes, drawn when it is read, and where it counts in each latent cell.

A latent cell sees 16 x 16 pixels of four frames (latent frame 0: of one). A mask's share of a cell is its mean over the pixels, then the
largest of the frames, as an object that passes through a cell is in it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..trajectory import AnimaticFrame, Sampled, animatic, pixel_boxes
from ..video.frames import Frames
from ..wan.conditioning import check_size
from ..wan.config import SPATIAL_STRIDE, TEMPORAL_STRIDE
from .guide import Guide

Floats = NDArray[np.float32]


class GuideClip:
    """The frames of a guide, uint8 ``[T, H, W, 3]``, read in slices from the first on, as an encoder reads them.

    One slice is held at a time; what was read is not kept, but where it counts is. Reading from the first frame again draws again.
    """

    def __init__(self, image_HWC: object, sampled: Sampled, masks_NHW: object = None) -> None:
        """Cut out and check, see ``animatic``.

        Raises:
            ValueError: a size that cannot be generated, a picture or masks of another size, or an empty mask.
        """
        width, height = sampled.size
        frames = len(sampled.boxes_TN4)
        check_size(width, height, frames)
        self.shape = (frames, height, width, 3)
        self._image, self._sampled, self._masks = image_HWC, sampled, masks_NHW
        self._inside_THW = np.zeros((frames, height // SPATIAL_STRIDE, width // SPATIAL_STRIDE), dtype=np.float32)
        self._drawn = 0
        self._frames = self._start()

    def __getitem__(self, frames: slice) -> Tensor:
        """Draw some of the frames, ``[T, H, W, 3]``; they begin where the last slice ended, or at 0."""
        first, last, step = frames.indices(self.shape[0])
        if first == 0:
            self._frames, self._drawn = self._start(), 0
        assert (first, step) == (self._drawn, 1), f"frames {first} to {last} were asked for after {self._drawn}"
        pieces = []
        for t in range(first, last):
            frame = next(self._frames)
            self._inside_THW[t] = cell_means((frame.objects_HW + frame.holes_HW).clip(0, 1))
            pieces.append((frame.picture_HWC * 255).round().clip(0, 255).astype(np.uint8))
            self._drawn = t + 1
        return torch.from_numpy(np.stack(pieces))

    def all(self) -> Frames:
        """Draw all frames."""
        drawn: Frames = self[:].numpy()
        return drawn

    def guide(self, latent_BCFHW: Tensor) -> Guide:
        """The guide of this clip, once all of it has been read.

        Args:
            latent_BCFHW: its normalised latent.
        """
        assert self._drawn == self.shape[0], f"{self._drawn} of {self.shape[0]} frames were read"
        inside_FHW = group_frames(self._inside_THW)
        entering_FHW = group_frames(entering_cells(self._sampled))
        outside_FHW = (1 - inside_FHW) * (1 - entering_FHW)
        return Guide(latent_BCFHW, torch.from_numpy(inside_FHW), torch.from_numpy(outside_FHW))

    def _start(self) -> Iterator[AnimaticFrame]:
        return animatic(self._image, self._sampled, self._masks)


def cell_means(mask_HW: Floats) -> Floats:
    """A mask's mean in each latent cell, ``[H / 16, W / 16]``; sides are multiples of 16."""
    height, width = mask_HW.shape
    stride = SPATIAL_STRIDE
    means: Floats = mask_HW.reshape(height // stride, stride, width // stride, stride).mean(axis=(1, 3))
    return means


def group_frames(cells_THW: Floats) -> Floats:
    """Cells of each frame, 4k + 1 of them, to those of each latent frame: frame 0 alone, then the largest of each four."""
    first, rest = cells_THW[:1], cells_THW[1:]
    grouped_FTHW = rest.reshape(-1, TEMPORAL_STRIDE, *rest.shape[1:])
    return np.concatenate([first, grouped_FTHW.max(axis=1)])


def entering_cells(sampled: Sampled) -> Floats:
    """The share of each cell in boxes of objects that frame 0 does not show, ``[T, H / 16, W / 16]``.

    The animatic cannot draw them, so a background held there would keep them out.
    """
    rects_TN4, drawn_TN = pixel_boxes(sampled)
    width, height = sampled.size
    cells_THW = np.zeros((len(rects_TN4), height // SPATIAL_STRIDE, width // SPATIAL_STRIDE), dtype=np.float32)
    later_N = ~drawn_TN[0]
    for t in np.flatnonzero((drawn_TN & later_N).any(axis=1)).tolist():
        mask_HW = np.zeros((height, width), dtype=np.float32)
        for left, top, right, bottom in rects_TN4[t, drawn_TN[t] & later_N].tolist():
            mask_HW[top:bottom, left:right] = 1
        cells_THW[t] = cell_means(mask_HW)
    return cells_THW
