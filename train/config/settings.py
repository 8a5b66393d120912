"""Settings of what a run is made of (data, models, memory): pydantic models with descriptions, ranges and defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from flashmotion_core.adapters import MapStyle
from flashmotion_core.wan.conditioning import check_size
from flashmotion_core.wan.config import SIDE_MULTIPLE, WanConfig

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
SHORTEST = 5
"""Frames of the shortest clip that can be trained on: two latent frames."""
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


class Settings(BaseModel):
    """Base of all settings: unknown keys are errors, and values cannot be changed later.

    What a validator of several settings raises begins with the name of one of them; `sentences` puts the rest of its key in front.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


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


class GeneratorSizes(Settings):
    """Sizes of a generator that is trained from scratch."""

    dim: Count = 256
    ffn_dim: Count = 768
    num_heads: Count = 2
    num_layers: Count = 6
    text_dim: Count = 64

    def config(self) -> WanConfig:
        """The core's type for it."""
        return WanConfig(**self.model_dump())


class Adapter(Settings):
    """An adapter to train."""

    kind: Literal["resnet", "controlnet"] = "resnet"
    width: Count = 128
    """Channels of a ResNet's tower, a multiple of 32."""
    lr_scale: Positive = 1.0
    """Factor on the learning rates of stages 1 and 3; a ControlNet needs about a tenth of a ResNet's."""
    from_base: bool = False
    """Start stage 1 from the adapter of the phase base instead of a fresh one; for a ResNet only."""
    start: str | None = None
    """An adapter file that stage 1 starts from instead of a fresh adapter; its width must be the one given here."""
    slow: str | None = None
    """A finished SlowAdapter, which skips stage 1; its width must be the one given here."""

    @model_validator(mode="after")
    def _base_has_a_resnet(self) -> Adapter:
        if self.from_base and self.kind != "resnet":
            raise ValueError(
                f"from_base is true for the {self.kind} adapter, but the phase base trains a resnet; set it to false."
            )
        return self

    @model_validator(mode="after")
    def _there_is_one_beginning(self) -> Adapter:
        given = [name for name in ("from_base", "start", "slow") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(
                f"the {self.kind} adapter has both {' and '.join(given)}, but can start from only one of them; leave the others out."
            )
        return self


class Models(Settings):
    """Files to start from. Nothing is downloaded."""

    generator: str | None = None
    """The SlowGenerator (safetensors, or a diffusers folder); none to train one of `sizes` from scratch in the phase base."""
    sizes: GeneratorSizes = GeneratorSizes()
    fast_generator: str | None = None
    """An existing few-step generator, which skips stage 2; none to make one there."""
    fast_start: str | None = None
    """A few-step generator that stage 2's student starts from, such as FastWan, which knows no start picture; none for the SlowGenerator."""
    vae: str | None = None
    """The Wan 2.2 VAE (a diffusers folder) or a TAEHV file; none to train a small codec in the phase codec."""
    text_encoder: str | None = None
    """A folder with umT5 and its tokenizer; none to train without text."""
    negative_prompt: str = ""
    """What stands for "no prompt": the negative half of guidance, and the replacement for a dropped prompt."""
    adapters: tuple[Adapter, ...] = (Adapter(),)
    """The adapters to train; stages 1 and 3 run once for each."""

    @property
    def base_adapter(self) -> Adapter:
        """The adapter that the phase base trains with the generator; thrown away unless stage 1 starts from it."""
        return next((adapter for adapter in self.adapters if adapter.from_base), Adapter())

    @model_validator(mode="after")
    def _base_is_trained(self) -> Models:
        if self.generator is not None and any(adapter.from_base for adapter in self.adapters):
            raise ValueError(
                f"adapters has from_base: true, but models.generator is {self.generator!r}, which leaves out the phase base; set it to false."
            )
        return self

    @model_validator(mode="after")
    def _adapters_are_distinct(self) -> Models:
        kinds = [adapter.kind for adapter in self.adapters]
        if not kinds or len(set(kinds)) < len(kinds):
            raise ValueError(
                f"adapters are {kinds}, but a run needs at least one and each kind only once; name each kind once."
            )
        return self


class Machine(Settings):
    """The machine that a configuration is for; only `--plan` reads it."""

    gpu: str | None = None
    """The card, as in `train/plan/gpus.py`; none for the one that is there, or an H200."""
    gpus: Count = 1
    """GPUs of a node."""
    nodes: Count = 1


class Memory(Settings):
    """What to trade for memory."""

    checkpointing: bool = False
    """Keep only the blocks' inputs, and compute the rest again in the backward pass."""
    offload: bool = False
    """With checkpointing: keep the blocks' inputs in host memory."""
    fp8: bool = False
    """Store frozen generators as float8; needs a single process, or `sharding: none`."""
    optimizer: Literal["adamw", "adamw8bit"] = "adamw"
    """adamw8bit keeps moments of 8 bits; it needs bitsandbytes and a single GPU. With precision bf16_kahan, adamw compensates rounding instead
    of keeping masters."""
    sharding: Literal["full", "none"] = "full"
    """full: weights, gradients and optimizer states are spread over the ranks (FSDP2). none: every rank has all of them."""
