"""Settings of the clips: sources, preparation, shapes and the evaluation's part."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from flashmotion_core.adapters import MapStyle
from flashmotion_core.wan.conditioning import check_size
from flashmotion_core.wan.config import SIDE_MULTIPLE

from .settings import Count, Positive, Seed, Settings, Share

SHORTEST = 5
"""Frames of the shortest clip that can be trained on: two latent frames."""


class Synthetic(Settings):
    """Clips of the synthetic world."""

    kind: Literal["synthetic"] = "synthetic"
    seed: Seed = 0
    """Which of the endless streams of clips; training and evaluation use different streams, whatever the seeds."""
    count: Count = 2000
    """How many clips."""
    difficulty: Literal["simple", "easy", "normal", "hard", "unsettled"] = "normal"


class Videos(Settings):
    """A folder with your own videos: NAME.mp4, and optionally NAME.json (its trajectory), NAME.txt (the prompt) and NAME.masks/."""

    kind: Literal["videos"] = "videos"
    folder: str | Annotated[tuple[str, ...], Field(min_length=1)]
    """The folder, or several sources: folders, lists (.jsonl, .csv, .parquet), MagicData's folder, webdataset shards (.tar)."""
    skip_bad: bool = False
    """Skip clips that cannot be used (at most 1 %) instead of stopping."""

    @property
    def places(self) -> tuple[Path, ...]:
        """The sources."""
        return tuple(map(Path, (self.folder,) if isinstance(self.folder, str) else self.folder))


class Part(Settings):
    """A part of the videos of `data.train`, which training then leaves out: whole videos if there are enough, else the ends of videos."""

    kind: Literal["part"] = "part"
    share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the videos; which ones depends on their names alone, so that a further video moves none."""


SourceSettings = Annotated[Synthetic | Videos, Field(discriminator="kind")]
HeldOutSettings = Annotated[Synthetic | Videos | Part, Field(discriminator="kind")]


class Prepare(Settings):
    """How videos become clips: what is looked for in them, and which clips are fit (MagicData's rules)."""

    detector: str | None = None
    """A folder with OWLv2 or Grounding DINO for transformers; none to take what moves by itself, which needs no weights."""
    words: Annotated[tuple[str, ...], Field(min_length=1)] = ("a person", "an animal", "a vehicle", "a thing in a hand")
    """What the detector looks for."""
    tracker: str | None = None
    """A folder with SAM 2 for transformers (sam2_video); none to follow objects by their motion. It needs a detector."""
    captioner: str | None = None
    """A folder with a model of transformers that describes pictures, for videos without a prompt; none for a neutral sentence."""
    long_prompts: Literal["cut", "refuse"] = "cut"
    """What becomes of a prompt that has more tokens than the text encoder takes (512)."""
    objects: tuple[Count, Count] = (1, 3)
    """Fewest and most objects of a clip; of more that are fit, the largest are used."""
    area: tuple[Share, Share] = (0.008, 0.83)
    """Smallest and largest mean share of the frame that an object covers."""
    motion: Annotated[float, Field(ge=0)] = 2.0
    """Least mean optical flow inside an object beside the camera's, in pixels per frame of a clip of 1280 pixels and 24 frames a second."""
    seen: Share = 0.75
    """Least share of the frames on which an object is seen; always on the first one."""
    camera: Positive = 0.5
    """How far the camera's picture may move in a second, in diagonals of the frame."""

    @model_validator(mode="after")
    def _ranges_rise(self) -> Prepare:
        for name in ("objects", "area"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(
                    f"{name} is [{low}, {high}], but the first number must not be above the second; swap them."
                )
        return self

    @model_validator(mode="after")
    def _tracker_is_told_where_to_begin(self) -> Prepare:
        if self.tracker is not None and self.detector is None:
            raise ValueError(
                f"tracker is {self.tracker!r}, but detector is none, so nothing says what to follow; give a detector too."
            )
        return self


class Data(Settings):
    """The clips to learn from, and their size."""

    size: tuple[int, int] = (1280, 704)
    """Width and height in pixels, multiples of 32."""
    frames: int = 121
    """Length of every clip, 4k + 1."""
    fps: Positive = 24.0
    buckets: tuple[tuple[int, int, int], ...] = ()
    """Further (width, height, frames) for training videos of another shape or too short; each video goes where it loses least. An iteration
    sees one shape. None may be larger than `size` and `frames`, for which memory is planned."""
    max_crop: Share = 0.5
    """Share of the picture that a video may lose where its shape is not the clip's."""
    repeat_frames: bool = False
    """Take videos slower than `fps` too, with repeated frames; by default they are refused, as their motion would stutter."""
    thickness: Annotated[int, Field(ge=1)] | None = None
    """Thickness of the box outlines in pixels; none for min(height, width) // 100."""
    opacity: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Opacity of the control map's colours."""
    first_frame: Literal["masks", "boxes"] = "masks"
    """What box control maps show on frame 0 if masks are known. Artists who only draw boxes get filled boxes there."""
    train: SourceSettings = Synthetic()
    evaluation: HeldOutSettings = Synthetic(count=100)
    """Held-out clips; a synthetic source takes them from the stream eval_a, and `kind: part` holds back a part of your own videos."""
    prepare: Prepare | None = Prepare()
    """How videos without a trajectory become clips; none to take every video as it is, which then needs one."""
    workers: Annotated[int, Field(ge=0)] = 2
    """Processes that render clips while others are encoded."""
    share: Share = 0.1
    """Share of a time budget; synthetic clips that would not fit into it are left out."""

    @model_validator(mode="after")
    def _size_can_be_generated(self) -> Data:
        for name, clip in (("size", (*self.size, SHORTEST)), ("frames", (SIDE_MULTIPLE, SIDE_MULTIPLE, self.frames))):
            try:
                check_size(*clip)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        if self.frames < SHORTEST:
            raise ValueError(
                f"frames is {self.frames}, and the first frame is the start picture, which leaves nothing to generate; use at least {SHORTEST}."
            )
        return self

    @model_validator(mode="after")
    def _buckets_fit(self) -> Data:
        most = self.size[0] * self.size[1] * (self.frames + 3)
        for width, height, frames in self.buckets:
            try:
                check_size(width, height, frames)
            except ValueError as error:
                raise ValueError(f"buckets: {error}") from error
            if frames < SHORTEST or width * height * (frames + 3) > most:
                raise ValueError(
                    f"buckets has {[width, height, frames]}, but a bucket needs at least {SHORTEST} frames and must not be larger than size and "
                    f"frames, {[*self.size, self.frames]}; make it smaller."
                )
        return self

    @model_validator(mode="after")
    def _there_is_something_to_part(self) -> Data:
        if isinstance(self.evaluation, Part) and not (isinstance(self.train, Videos) and self.prepare is not None):
            raise ValueError(
                "evaluation.kind is part, but data.train.kind is synthetic or data.prepare is null, so there are no videos to hold back; use "
                "evaluation.kind=synthetic, or videos with a folder."
            )
        return self

    @property
    def prepares(self) -> bool:
        """Whether there are videos that the phase prepare looks through."""
        return self.prepare is not None and (isinstance(self.train, Videos) or isinstance(self.evaluation, Videos))

    def style(self, mode: Literal["box", "mask"] = "box") -> MapStyle:
        """The style of the control maps."""
        return MapStyle(mode, self.opacity, self.thickness)
