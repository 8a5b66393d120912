"""What a run is made of: data, models, memory. pydantic models with meaning, range and default, which refuse unknown keys."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from flashmotion_core.adapters import MapStyle
from flashmotion_core.wan.conditioning import check_size
from flashmotion_core.wan.config import WanConfig

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


class Settings(BaseModel):
    """Base of all: unknown keys are errors, values cannot be changed later, every field has a description."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


class Synthetic(Settings):
    """Clips of the synthetic world."""

    kind: Literal["synthetic"] = "synthetic"
    seed: Seed = 0
    """Which of its endless streams; training and evaluation draw from different ones whatever their seeds."""
    count: Count = 2000
    """How many clips."""
    difficulty: Literal["simple", "easy", "normal", "hard"] = "normal"


class Videos(Settings):
    """A folder with clips of one's own: NAME.mp4, NAME.json (the trajectory), perhaps NAME.txt (the prompt) and NAME.masks/."""

    kind: Literal["videos"] = "videos"
    folder: str
    skip_bad: bool = False
    """Leave out clips that cannot be used (at most 1 %) instead of stopping."""


SourceSettings = Annotated[Synthetic | Videos, Field(discriminator="kind")]


class Data(Settings):
    """What is learned from, and at what size."""

    size: tuple[int, int] = (1280, 704)
    """Width and height in pixels, multiples of 32."""
    frames: int = 121
    """Length of every clip, 4k + 1."""
    fps: Positive = 24.0
    thickness: Annotated[int, Field(ge=1)] | None = None
    """Outline of the boxes in pixels; none for min(height, width) // 100."""
    opacity: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Of the control map's colours."""
    first_frame: Literal["masks", "boxes"] = "masks"
    """What control maps with boxes show on frame 0 where masks are known. Artists who draw boxes alone get filled boxes there."""
    train: SourceSettings = Synthetic()
    evaluation: SourceSettings = Synthetic(count=100)
    """Held out; a synthetic source draws from the stream eval_a."""
    workers: Annotated[int, Field(ge=0)] = 2
    """Processes that render clips while others are encoded."""
    share: Share = 0.1
    """Part of a time budget; synthetic clips that would not fit it are left out."""

    @model_validator(mode="after")
    def _size_can_be_generated(self) -> Data:
        check_size(*self.size, self.frames)
        if self.frames < 5:
            raise ValueError(f"clips have {self.frames} frame, and the first one is given; use at least 5 frames.")
        return self

    def style(self, mode: Literal["box", "mask"] = "box") -> MapStyle:
        """How control maps look."""
        return MapStyle(mode, self.opacity, self.thickness)


class GeneratorSizes(Settings):
    """Sizes of a generator that is trained from nothing."""

    dim: Count = 256
    ffn_dim: Count = 768
    num_heads: Count = 2
    num_layers: Count = 6
    text_dim: Count = 64

    def config(self) -> WanConfig:
        """The same as the core knows it."""
        return WanConfig(**self.model_dump())


class Adapter(Settings):
    """The adapter that is trained."""

    kind: Literal["resnet", "controlnet"] = "resnet"
    width: Count = 128
    """Channels of the ResNet's tower, a multiple of 32."""
    lr_scale: Positive = 1.0
    """Factor on the learning rates of stages 1 and 3: a ControlNet wants about a tenth of a ResNet's."""
    from_base: bool = False
    """Begin stage 1 with the adapter that the generator was trained with in the phase base, not with a fresh one; a ResNet alone can."""
    start: str | None = None
    """An adapter file that stage 1 begins with, not with a fresh one; its width has to be the one given here."""
    slow: str | None = None
    """A finished SlowAdapter; then stage 1 is left out. Its width has to be the one given here."""

    @model_validator(mode="after")
    def _base_has_a_resnet(self) -> Adapter:
        if self.from_base and self.kind != "resnet":
            raise ValueError(
                f"from_base is on for a {self.kind}, but the phase base trains with a resnet; leave it off."
            )
        return self

    @model_validator(mode="after")
    def _there_is_one_beginning(self) -> Adapter:
        given = [name for name in ("from_base", "start", "slow") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(
                f"the {self.kind} has both {' and '.join(given)}, but begins in one way only; leave all but one out."
            )
        return self


class Models(Settings):
    """Files to start from. Nothing is downloaded."""

    generator: str | None = None
    """The SlowGenerator (safetensors, or a diffusers folder); none to train one of `sizes` from nothing in the phase base."""
    sizes: GeneratorSizes = GeneratorSizes()
    fast_generator: str | None = None
    """An existing few-step generator; none to make one in stage 2."""
    vae: str | None = None
    """The Wan 2.2 VAE (a diffusers folder) or a TAEHV file; none to train a small codec in the phase codec."""
    text_encoder: str | None = None
    """A folder with umT5 and its tokenizer; none to train without text."""
    negative_prompt: str = ""
    """What stands for "no prompt": the other half of guidance, and what a dropped prompt is replaced by."""
    adapters: tuple[Adapter, ...] = (Adapter(),)
    """Stages 1 and 3 run once for each."""

    @property
    def base_adapter(self) -> Adapter:
        """What the phase base trains the generator with: thrown away, unless stage 1 begins with it."""
        return next((adapter for adapter in self.adapters if adapter.from_base), Adapter())

    @model_validator(mode="after")
    def _base_is_trained(self) -> Models:
        if self.generator is not None and any(adapter.from_base for adapter in self.adapters):
            raise ValueError(
                "an adapter has from_base, but with models.generator there is no phase base; leave it off."
            )
        return self

    @model_validator(mode="after")
    def _adapters_are_distinct(self) -> Models:
        kinds = [adapter.kind for adapter in self.adapters]
        if not kinds or len(set(kinds)) < len(kinds):
            raise ValueError(f"adapters are {kinds}, but must be at least one, each kind once.")
        return self


class Memory(Settings):
    """What is traded for memory."""

    checkpointing: bool = False
    """Keep block inputs only and compute the rest again in the backward pass."""
    offload: bool = False
    """With checkpointing: keep the block inputs in host memory."""
    fp8: bool = False
    """Store frozen generators as float8; one process, or `sharding: none`."""
    sharding: Literal["full", "none"] = "full"
    """Spread weights, gradients and optimizer states over the ranks (FSDP2), or give every rank all of them."""
