"""Where clips come from before they are encoded: the synthetic world, or your own folder of videos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.trajectory import Trajectory
from flashmotion_core.video.frames import Frames
from flashmotion_core.wan.conditioning import check_size

from ..config.data_settings import SHORTEST
from ..errors import TrainError


@dataclass(frozen=True, eq=False)
class SourceClip:
    """A clip with its trajectory; T frames, N objects.

    Attributes:
        name: how messages and reports call it.
        frames_THWC: uint8 RGB.
        fps: frames per second.
        prompt: what the video shows; may be empty.
        trajectory: N objects, with the size and length of the clip.
        labels_THW: uint8, the object that each pixel shows, counted from 1 in the trajectory's order, or 0 for the background. ``[1, H, W]``
            if only those of frame 0 are known; None if none are.
        origin: what is needed to make the clip again, as plain JSON values.
    """

    name: str
    frames_THWC: Frames
    fps: float
    prompt: str
    trajectory: Trajectory
    labels_THW: NDArray[np.uint8] | None
    origin: dict[str, Any]

    def masks_at(self, frame: int) -> NDArray[np.bool_]:
        """The masks ``[N, H, W]`` of a frame that has labels."""
        assert self.labels_THW is not None
        labels_N = np.arange(1, len(self.trajectory.objects) + 1, dtype=np.uint8)
        masks: NDArray[np.bool_] = self.labels_THW[frame] == labels_N[:, None, None]
        return masks

    @property
    def masks_TNHW(self) -> NDArray[np.bool_] | None:  # noqa: N802 (a tensor)
        """The masks of all frames with labels, which take N times the labels' memory."""
        if self.labels_THW is None:
            return None
        return np.stack([self.masks_at(t) for t in range(len(self.labels_THW))])


class Source(Protocol):
    """A numbered set of clips of one size and length. It must be picklable, because other processes make the clips."""

    def __len__(self) -> int:
        """How many clips."""

    def clip(self, index: int) -> SourceClip:
        """Clip number `index`, the same on every call. Raises ValueError if it cannot be read."""

    def settings(self) -> dict[str, Any]:
        """Everything that all clips depend on, as plain JSON values."""

    def identity(self, index: int) -> list[Any]:
        """What makes clip number `index` another one, beside the settings, as plain JSON values."""

    def content(self, index: int) -> str | None:
        """A hash of what clip number `index` shows, whatever its name, boxes and prompt; None if it is drawn and cannot be another's."""

    def leave_out(self, problems: Mapping[int, str]) -> None:
        """Continue without clips that could not be read; one reason for each number. Raises TrainError if they are needed."""


def check_apart(train: Source, evaluation: Source) -> None:
    """Raises `TrainError` if a video is on both sides, under whatever name: what was trained on cannot show what was learnt."""
    trained = {train.content(index): index for index in range(len(train))}
    both = [
        (trained[found], index)
        for index in range(len(evaluation))
        if (found := evaluation.content(index)) in trained and found
    ]
    if both:
        first, second = train.identity(both[0][0])[0], evaluation.identity(both[0][1])[0]
        raise TrainError(
            f"{len(both)} evaluation clips are training clips too, such as {second} (in data.train: {first}); remove them from one of the two."
        )


def check_clip_size(what: str, size: tuple[int, int], frames: int) -> None:
    """Raises `TrainError` if clips of this size and length cannot be encoded or trained on."""
    if frames < SHORTEST:
        raise TrainError(
            f"{what}: the frame count is {frames}, but a clip needs at least {SHORTEST} frames (4k + 1) to show motion; use {SHORTEST}."
        )
    try:
        check_size(*size, frames)
    except ValueError as error:
        raise TrainError(f"{what}: {error}") from error
