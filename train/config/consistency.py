"""What no single setting can know: whether the settings of a run fit together. Said before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

from flashmotion_core.losses.balance import loss_balance

from .method_settings import HybridSettings, Optim, Sigmas

if TYPE_CHECKING:
    from .schema import Config

Kind = TypeVar("Kind", bound=BaseModel)


def check_together(config: Config) -> None:
    """Check a whole configuration.

    Raises:
        ValueError: names the settings that do not fit, and what to do.
    """
    if config.models.generator is None and config.models.text_encoder is not None:
        raise ValueError(
            "models.text_encoder is given, but a generator trained from nothing takes no text; leave it out."
        )
    if config.evaluate.compute_every and not any(adapter.kind == "controlnet" for adapter in config.models.adapters):
        raise ValueError(
            f"evaluate.compute_every is {list(config.evaluate.compute_every)}, but models.adapters has no controlnet, and what a resnet adds is "
            "the same in all steps; leave it empty."
        )
    if isinstance(config.stage3, HybridSettings):
        _check_hybrid(config.stage3)
        if config.stage3.share_backbone and config.stage2.lora is None:
            raise ValueError("stage3.share_backbone needs a FastGenerator that is a LoRA: set stage2.lora.")
    if config.stage2.lora is not None and config.models.fast_generator is not None:
        raise ValueError("stage2.lora is set, but models.fast_generator skips stage 2; leave one of them out.")
    if config.memory.offload and not config.memory.checkpointing:
        raise ValueError("memory.offload needs memory.checkpointing: true.")
    if config.precision == "bf16_kahan":
        for name, optim in _within(config, Optim):
            if optim.kind == "adamw8bit":
                raise ValueError(
                    f"{name}.kind is adamw8bit, but with precision bf16_kahan small updates would be lost to rounding; use adamw, or precision bf16."
                )
            if optim.betas[1] > 0.99:
                raise ValueError(
                    f"{name}.betas are {list(optim.betas)}, but with precision bf16_kahan the second moment is bf16 and cannot follow a "
                    "second beta above 0.99; use 0.95."
                )
    # So that a run that was killed logs the same figures as one that was not.
    if config.checkpoints.every % config.logging.every:
        raise ValueError(
            f"checkpoints.every is {config.checkpoints.every}, but must be a multiple of logging.every, {config.logging.every}."
        )
    for name, sigmas in _within(config, Sigmas):
        try:
            sigmas.law()
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error


def _within(settings: BaseModel, kind: type[Kind], name: str = "") -> Iterator[tuple[str, Kind]]:
    """All settings of a kind within others, with their dotted names."""
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
        raise ValueError(
            f"stage3.balance.options are {balance.options}, which the mode {balance.mode} has not."
        ) from error
    except ValueError as error:
        raise ValueError(f"stage3.balance: {error}") from error
    if weight == 0 and balance.mode == "gradient_balance":
        raise ValueError(
            "stage3.balance.mode is gradient_balance, but stage3.gan.weight is 0: there is nothing to balance."
        )
    if weight == 0 and balance.mode == "constant" and scale(0) == 0:
        raise ValueError("stage3.gan.weight and stage3.balance.options.value are 0: nothing is left to learn from.")
