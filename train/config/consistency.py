"""Checks that no single setting can make: whether the settings of a run fit together. They run before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import signature
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

from flashmotion_core.losses.balance import MODES, loss_balance

from .method_settings import HybridSettings, Optim, Sigmas

if TYPE_CHECKING:
    from .schema import Config

Kind = TypeVar("Kind", bound=BaseModel)


def check_together(config: Config) -> None:
    """Check a whole configuration.

    Raises:
        ValueError: names the settings that do not fit, their values and what to do.
    """
    if config.models.generator is None and config.models.text_encoder is not None:
        raise ValueError(
            f"models.text_encoder is {config.models.text_encoder!r}, but a generator trained from scratch takes no text; leave it out, or set "
            "models.generator."
        )
    if config.evaluate.compute_every and not any(adapter.kind == "controlnet" for adapter in config.models.adapters):
        raise ValueError(
            f"evaluate.compute_every is {list(config.evaluate.compute_every)}, but models.adapters has no controlnet, and a resnet adds the "
            "same in every step; leave it empty, or add a controlnet."
        )
    if config.export.lora_rank is not None and not any(each.kind == "controlnet" for each in config.models.adapters):
        raise ValueError(
            f"export.lora_rank is {config.export.lora_rank}, but models.adapters has no controlnet, and a resnet's file is small already; leave it "
            "out, or add a controlnet."
        )
    if isinstance(config.stage3, HybridSettings):
        _check_hybrid(config.stage3)
        if config.stage3.share_backbone and config.stage2.lora is None:
            raise ValueError(
                "stage3.share_backbone is true, but the FastGenerator is not a LoRA; set stage2.lora, for example to {rank: 128}."
            )
    if config.stage2.lora is not None and config.models.fast_generator is not None:
        raise ValueError(
            f"stage2.lora is set, but models.fast_generator is {config.models.fast_generator!r}, which skips stage 2; leave one of them out."
        )
    start, fast = config.models.fast_start, config.models.fast_generator
    if start is not None and (fast is not None or config.stage2.lora is not None):
        other = (
            f"models.fast_generator is {fast!r}, which skips stage 2"
            if fast
            else "stage2.lora is a difference to models.generator"
        )
        raise ValueError(f"models.fast_start is {start!r}, but {other}; set that to null, or leave fast_start out.")
    if config.memory.offload and not config.memory.checkpointing:
        raise ValueError("memory.offload is true, but memory.checkpointing is false; set both to true.")
    if config.precision == "bf16_kahan":
        if config.memory.optimizer == "adamw8bit":
            raise ValueError(
                "memory.optimizer is adamw8bit, but with precision bf16_kahan it would lose small updates to rounding; use adamw, or precision bf16."
            )
        for name, optim in _within(config, Optim):
            if optim.betas[1] > 0.99:
                raise ValueError(
                    f"{name}.betas are {list(optim.betas)}, but with precision bf16_kahan the second moment is bf16 and cannot follow a "
                    "second beta above 0.99; use 0.95."
                )
    # So that a run that was killed logs the same figures as one that was not.
    log_every = config.logging.every
    if config.checkpoints.every % log_every:
        above = -(-config.checkpoints.every // log_every) * log_every
        raise ValueError(
            f"checkpoints.every is {config.checkpoints.every}, but must be a multiple of logging.every ({log_every}); use {above}."
        )
    for name, sigmas in _within(config, Sigmas):
        try:
            sigmas.law()
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error


def _within(settings: BaseModel, kind: type[Kind], name: str = "") -> Iterator[tuple[str, Kind]]:
    """All settings of a kind inside others, with their dotted names."""
    for key, value in settings:
        if isinstance(value, kind):
            yield f"{name}{key}", value
        if isinstance(value, BaseModel):
            yield from _within(value, kind, f"{name}{key}.")


def _check_hybrid(settings: HybridSettings) -> None:
    balance, weight = settings.balance, settings.gan.weight
    try:
        scale = loss_balance(balance.mode, **balance.options)
    except TypeError as error:
        options = [name for name in signature(MODES[balance.mode]).parameters if not name.startswith("_")]
        raise ValueError(
            f"stage3.balance.options are {balance.options}, but mode {balance.mode} has only {', '.join(options)}; use one of its options."
        ) from error
    except ValueError as error:
        raise ValueError(f"stage3.balance: {error}") from error
    if weight == 0 and balance.mode == "gradient_balance":
        raise ValueError(
            "stage3.balance.mode is gradient_balance, but stage3.gan.weight is 0 and leaves nothing to balance; use mode constant, or raise "
            "the weight."
        )
    if weight == 0 and balance.mode == "constant" and scale(0) == 0:
        raise ValueError(
            "stage3.gan.weight and stage3.balance.options.value are both 0, which leaves nothing to learn from; raise one of them."
        )
