"""Settings of what a run is made of (data, models, memory): pydantic models with descriptions, ranges and defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from flashmotion_core.wan.config import WanConfig

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


class Settings(BaseModel):
    """Base of all settings: unknown keys are errors, and values cannot be changed later.

    What a validator of several settings raises begins with the name of one of them; `sentences` puts the rest of its key in front.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


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
