"""The entries of adapter and generator files as pydantic models: types and bounds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ..adapters.adapter import check_inject_after
from ..adapters.low_rank import LowRank
from ..adapters.map_style import MapStyle
from ..sampling.schedule import MAX_STEPS, Schedule

MAX_LAYERS = 256
Width = Annotated[int, Field(ge=1, le=65_536)]
Even = Annotated[int, Field(ge=2, le=65_536, multiple_of=2)]
Layers = Annotated[int, Field(ge=1, le=MAX_LAYERS)]
Mark = Annotated[str, Field(pattern=r"^(2:\w{16}:\w{16}:[\w=-]+|[\w:.+-]{1,128})$", max_length=65_536)]
"""See ``wan.fingerprint``: 24 hex digits for each layer, or the 16 digits of version 1."""
Patch = Annotated[list[Annotated[int, Field(ge=1, le=16)]], Field(min_length=3, max_length=3)]
Epsilon = Annotated[float, Field(gt=0, le=0.1)]


class StrictEntry(BaseModel):
    """Strict: no number out of a string, no boolean for a number, no field that this version does not know."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, protected_namespaces=())


class AdapterSizes(StrictEntry):
    """Sizes of the generator that an adapter fits; see ``WanConfig``."""

    dim: Width
    num_layers: Layers
    num_heads: Width | None = None
    ffn_dim: Width | None = None
    in_channels: Width | None = None
    out_channels: Width | None = None
    text_dim: Width | None = None
    freq_dim: Even | None = None
    patch_size: Patch | None = None
    eps: Epsilon | None = None

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> AdapterSizes:
        _check_heads(self.dim, self.num_heads)
        return self


def _check_heads(dim: int, heads: int | None) -> None:
    """Raise ValueError unless every head has the same even number of channels, which the rotary embedding turns in pairs."""
    if heads is not None and dim % (2 * heads):
        raise ValueError(f"num_heads is {heads}, but must divide the width {dim} into even parts")


class _Config(StrictEntry):
    generator: AdapterSizes
    inject_after: Annotated[list[Annotated[int, Field(ge=0, lt=MAX_LAYERS)]], Field(max_length=MAX_LAYERS)] | None = (
        None
    )
    control_channels: Width | None = None
    half_resolution: Annotated[bool, Field(exclude=True)] = False
    """Of an early version."""

    @field_validator("half_resolution")
    @classmethod
    def _runs_at_full_resolution(cls, value: bool) -> bool:
        if value:
            raise ValueError("half_resolution is on, but adapters run at full resolution only; train it again without")
        return value

    @model_validator(mode="after")
    def _points_are_blocks(self) -> _Config:
        if self.inject_after is not None:
            check_inject_after(self.inject_after, self.generator.num_layers)
        return self


class ControlNetConfig(_Config):
    """Arguments of ``ControlNetAdapter``."""


class ResNetConfig(_Config):
    """Arguments of ``ResNetAdapter``."""

    width: Width = 128
    groups: Width = 32

    @model_validator(mode="after")
    def _groups_divide_the_width(self) -> ResNetConfig:
        if self.width % self.groups:
            raise ValueError(f"width is {self.width}, but must be a multiple of the {self.groups} groups")
        return self


class ScheduleEntry(StrictEntry):
    """See ``Schedule``."""

    name: Annotated[str, Field(pattern=r"^[\w .+-]{1,64}$")]
    sigmas: Annotated[list[float], Field(min_length=1, max_length=MAX_STEPS + 1)]
    shift: float

    @model_validator(mode="after")
    def _noise_falls(self) -> ScheduleEntry:
        self.build()
        return self

    def build(self) -> Schedule:
        """The core's type for it."""
        return Schedule(self.name, tuple(self.sigmas), self.shift)


class MapEntry(StrictEntry):
    """See ``MapStyle``."""

    mode: Literal["box", "mask"] = "box"
    opacity: float = 0.5
    thickness: int | None = None

    @model_validator(mode="after")
    def _can_be_drawn(self) -> MapEntry:
        self.build()
        return self

    def build(self) -> MapStyle:
        """The core's type for it."""
        return MapStyle(self.mode, self.opacity, self.thickness)


class LowRankEntry(StrictEntry):
    """See ``LowRank``."""

    rank: Width
    mean_error: Annotated[float, Field(ge=0, le=10)]
    worst_error: Annotated[float, Field(ge=0, le=10)]

    def build(self) -> LowRank:
        """The core's type for it."""
        return LowRank(self.rank, self.mean_error, self.worst_error)


class ControlNetEntries(StrictEntry):
    """All entries of a ControlNet adapter's file."""

    format: Literal["1"]
    kind: Literal["controlnet"]
    config: ControlNetConfig
    schedule: ScheduleEntry
    map: MapEntry
    base: Mark | None = None
    low_rank: LowRankEntry | None = None

    @model_validator(mode="after")
    def _a_difference_names_its_base(self) -> ControlNetEntries:
        if self.low_rank is not None and self.base is None:
            raise ValueError("low_rank is there, but base is not, so nobody knows what the file differs from")
        return self


class ResNetEntries(StrictEntry):
    """All entries of a ResNet adapter's file."""

    format: Literal["1"]
    kind: Literal["resnet"]
    config: ResNetConfig
    schedule: ScheduleEntry
    map: MapEntry
    base: Mark | None = None
    low_rank: None = None


class GeneratorEntries(StrictEntry):
    """All entries of a generator's file; any may be missing."""

    format: Literal["1"] | None = None
    kind: Literal["generator"] | None = None
    schedule: ScheduleEntry | None = None
    text: Literal["none"] | None = None


class TransformerEntry(StrictEntry):
    """The ``transformer`` object of ComfyUI's entry ``config``: arguments of its Wan model, which are laid over what the shapes say."""

    dim: Width | None = None
    ffn_dim: Width | None = None
    num_heads: Width | None = None
    num_layers: Layers | None = None
    in_dim: Width | None = None
    out_dim: Width | None = None
    text_dim: Width | None = None
    freq_dim: Even | None = None
    patch_size: Patch | None = None
    eps: Epsilon | None = None
    text_len: Width | None = None
    model_type: Literal["t2v", "ti2v"] | None = None
    qk_norm: Literal[True] | None = None
    cross_attn_norm: Literal[True] | None = None


class ComfyConfig(BaseModel):
    """ComfyUI's entry ``config``; other objects than ``transformer`` belong to other models."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    transformer: TransformerEntry | None = None
