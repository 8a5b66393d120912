"""What is known about a prepared video and its clips, as JSON files keep it and the preview shows it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RECORD = "record.json"
FORMAT = 1


@dataclass(frozen=True)
class PreparedClip:
    """A clip of a video, kept or rejected.

    Attributes:
        name: of its files, without suffix.
        start_ms: where it begins in the video.
        size: (width, height) of its frames before the crop.
        shape: (width, height, frames) that it is trained at.
        reason: why it is rejected; "" if it is kept.
        notes: what its maker should know all the same.
        boxes: ``yours`` or ``found``.
        caption: the prompt.
        caption_by: ``yours``, ``captioner`` or ``neutral``.
        camera: how fast the camera moves, in diagonals per second.
        objects: what was found: see `curate.ObjectFacts.plain`.
    """

    name: str
    start_ms: int
    size: tuple[int, int]
    shape: tuple[int, int, int]
    reason: str
    notes: list[str]
    boxes: str
    caption: str
    caption_by: str
    camera: float = 0.0
    objects: list[dict[str, Any]] = field(default_factory=list)

    @property
    def used(self) -> list[dict[str, Any]]:
        """The objects that are trained on."""
        return [] if self.reason else [one for one in self.objects if not one["problem"]]


@dataclass(frozen=True)
class PreparedVideo:
    """A video of the maker's.

    Attributes:
        video: its file name.
        key: a hash of everything that its clips depend on.
        reason: why it gave no clips at all; "" if it did.
        shots: how many shots it has.
        seconds: how long it is.
        clips: in order.
    """

    video: str
    key: str
    reason: str
    shots: int
    seconds: float
    clips: list[PreparedClip]

    @property
    def kept(self) -> list[PreparedClip]:
        """The clips that can be trained on."""
        return [clip for clip in self.clips if not clip.reason]

    def write(self, folder: Path) -> None:
        """Write it into the folder of its clips."""
        content = {"format": FORMAT, **asdict(self)}
        (folder / RECORD).write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")


def clip_from(values: Mapping[str, Any]) -> PreparedClip:
    """A clip from plain JSON values. Raises KeyError or TypeError if they are not one."""
    return PreparedClip(**{**values, "size": tuple(values["size"]), "shape": tuple(values["shape"])})


def read_record(folder: Path) -> PreparedVideo | None:
    """The record of a folder; None if there is none, or one that cannot be read: the video is then prepared again."""
    try:
        content = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if content.pop("format") != FORMAT:
            return None
        clips = [clip_from(one) for one in content.pop("clips")]
        return PreparedVideo(**content, clips=clips)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
