"""The settings that a run measures, in an order that builds each model as rarely as possible."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .clip_job import ClipSize
from .variants import VARIANTS

REAL_SIZES = ("480x832x49", "480x832x121", "704x1280x121")
TINY_SIZES = ("64x96x9", "64x96x17", "96x128x17")
DTYPES = ("bf16", "fp8", "fp8-products")
MODES = ("eager", "compiled")
ADAPTERS = ("none", *VARIANTS)
DECODERS = ("channels last", "compiled", "channels last, compiled")
PARTS = ("text", "codecs", "decoders", "denoise", "jobs")
"""What a run measures: the text encoder, both codecs and writing, switches of the full decoder, four steps, whole jobs and peers."""
QUICK_PATIENCE_S = 4.0


@dataclass(frozen=True)
class Setting:
    """One way to denoise.

    Attributes:
        dtype: ``bf16``, ``fp8`` (linear weights stored in 8 bits, unpacked layer by layer) or ``fp8-products`` (multiplied in 8 bits, in all
            blocks); on a CPU ``bf16`` means float32.
        mode: ``eager`` or ``compiled``.
        adapter: ``none``, or a name of ``VARIANTS``.
        host: whose transformer, ``diffusers`` or ``core``.
        attention: ``auto``, or on the core's any of ``attention.BACKENDS``.
    """

    dtype: str
    mode: str
    adapter: str
    host: str
    attention: str = "auto"

    def as_dict(self) -> dict[str, str]:
        """For a row, which names the attention only if it is not auto."""
        named = {"dtype": self.dtype, "mode": self.mode, "adapter": self.adapter, "host": self.host}
        if self.attention != "auto":
            named["attention"] = self.attention
        return named


@dataclass(frozen=True)
class Plan:
    """What one run measures.

    Attributes:
        clips: sizes, the largest last.
        settings: all settings, each measured at every size of ``denoise_clips``.
        denoise_clips: sizes at which the settings are measured.
        job_settings: settings whose whole job is timed, at the largest size.
        decoders: switches of the full VAE's decoder, from ``DECODERS``, each measured at the largest size.
        warm_up: unmeasured runs of each piece of work.
        repeat: measured runs.
        patience: seconds of measured runs of one piece of work after which no further run starts.
        parts: what is measured, from ``PARTS``.
    """

    clips: tuple[ClipSize, ...]
    settings: tuple[Setting, ...]
    denoise_clips: tuple[ClipSize, ...]
    job_settings: tuple[Setting, ...]
    decoders: tuple[str, ...]
    warm_up: int
    repeat: int
    patience: float
    parts: tuple[str, ...] = PARTS


def full_plan(
    sizes: Sequence[str],
    dtypes: Sequence[str],
    modes: Sequence[str],
    adapters: Sequence[str],
    hosts: Sequence[str],
    repeat: int,
    attentions: Sequence[str] = (),
) -> Plan:
    """Every combination of dtypes, modes, adapters and hosts; other attentions only with the ResNet adapter on the core's transformer.

    Raises:
        ValueError: a size is invalid.
    """
    clips = _sorted(sizes)
    settings = tuple(
        Setting(dtype, mode, adapter, host)
        for host in hosts
        for dtype in dtypes
        for mode in modes
        for adapter in adapters
    )
    if "core" in hosts and "resnet" in adapters and "bf16" in dtypes:
        settings += tuple(
            Setting("bf16", mode, "resnet", "core", attention) for mode in modes for attention in attentions
        )
    decoders = DECODERS if "compiled" in modes else DECODERS[:1]
    return Plan(clips, settings, clips, settings, decoders, 1, repeat, math.inf)


def quick_plan(sizes: Sequence[str], modes: Sequence[str], repeat: int, attentions: Sequence[str] = ()) -> Plan:
    """The settings that answer the main questions: one card, under eight minutes.

    Raises:
        ValueError: a size is invalid.
    """
    clips = _sorted(sizes)
    settings = [Setting("bf16", "eager", adapter, "core") for adapter in ADAPTERS]
    best = settings[1]
    if "compiled" in modes:
        best = Setting("bf16", "compiled", "resnet", "core")
        settings.append(best)
    theirs = Setting("bf16", "eager", "resnet", "diffusers")
    settings += [theirs, *(Setting(dtype, "eager", "resnet", "core") for dtype in DTYPES[1:])]
    settings += [replace(settings[1], attention=attention) for attention in attentions]
    return Plan(clips[-1:], tuple(settings), clips[-1:], (best,), DECODERS[:1], 1, repeat, QUICK_PATIENCE_S)


def _sorted(sizes: Sequence[str]) -> tuple[ClipSize, ...]:
    return tuple(sorted({ClipSize.parse(size) for size in sizes}, key=lambda clip: clip.tokens))
