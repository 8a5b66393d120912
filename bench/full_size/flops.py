"""FLOPs of the work, two per multiply-add, counted on the meta device, where nothing is computed."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch

from flashmotion_core.adapters import ControlNetAdapter
from flashmotion_core.generation.text_encoder import TEXT_TOKENS
from flashmotion_core.wan.config import WanConfig
from train.plan.meter import Meter

from .models import Shapes, on_meta


def generator_flops(config: WanConfig, latent_CFHW: tuple[int, ...]) -> int:
    """FLOPs of one pass of the generator, from its definition. A host may do more (rows of modulation per token), never less.

    Args:
        config: sizes.
        latent_CFHW: latent shape of the clip.
    """
    _, frames, rows, columns = latent_CFHW
    tokens = frames * rows * columns // (config.patch_size[1] * config.patch_size[2])
    patch = config.in_channels * config.patch_size[1] * config.patch_size[2]
    return (
        embedding_flops(config, tokens, patch)
        + config.num_layers * block_flops(config, tokens)
        + (2 * tokens * config.dim * config.out_channels * config.patch_size[1] * config.patch_size[2])
    )


def block_flops(config: WanConfig, tokens: int) -> int:
    """One transformer block: projections, self-attention, cross-attention to 512 text tokens, feed-forward."""
    dim, ffn = config.dim, config.ffn_dim
    projections = 2 * tokens * dim * dim * 6 + 2 * TEXT_TOKENS * dim * dim * 2
    attention = 4 * tokens * tokens * dim + 4 * tokens * TEXT_TOKENS * dim
    return projections + attention + 4 * tokens * dim * ffn


def embedding_flops(config: WanConfig, tokens: int, patch_values: int) -> int:
    """Patches, text, and one timestep."""
    dim = config.dim
    text = 2 * TEXT_TOKENS * dim * (config.text_dim + dim)
    time = 2 * dim * (config.freq_dim + dim) + 2 * dim * 6 * dim
    return 2 * tokens * patch_values * dim + text + time


def adapter_flops(adapter: Any, latent_CFHW: tuple[int, ...]) -> tuple[int, int]:
    """FLOPs of an adapter, once per clip (``prepare``) and for each step that computes it."""
    config = adapter.generator
    _, frames, rows, columns = latent_CFHW
    tokens = frames * rows * columns // (config.patch_size[1] * config.patch_size[2])
    count, dim = len(adapter.inject_after), adapter.dim
    patch = config.patch_size[1] * config.patch_size[2]
    if isinstance(adapter, ControlNetAdapter):
        values = (config.in_channels + adapter.control_channels) * patch
        zero = 2 * tokens * dim * dim
        return 0, embedding_flops(config, tokens, values) + count * (block_flops(config, tokens) + zero)
    width = adapter.width
    once = 2 * tokens * width * (adapter.control_channels * patch + count * 2 * 9 * width)
    return once, count * 2 * tokens * width * dim


@lru_cache(maxsize=32)
def _counted(kind: str, shapes: Any, part: str, sizes: tuple[int, ...]) -> int:
    model, meter = on_meta(kind, shapes.value), Meter()
    # Without gradients the small codec looks at its weights first, and there are none here.
    with torch.set_grad_enabled(kind == "small_vae"), meter:
        getattr(model, part)(torch.empty(sizes, device="meta"))
    return meter.flops


class _ByName:
    """Shapes as a cache key: equal if their names are."""

    def __init__(self, value: Shapes) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByName) and other.value.name == self.value.name

    def __hash__(self) -> int:
        return hash(self.value.name)


def codec_flops(shapes: Shapes, kind: str, part: str, width: int, height: int, frames: int) -> int:
    """FLOPs of ``encode`` or ``decode`` of a whole clip by ``vae`` or ``small_vae``.

    Both process one latent frame at a time, and the first one differs, so the count of a long clip follows from those of short ones.
    """

    def count(latent_frames: int) -> int:
        sizes = (1, 3, 4 * latent_frames - 3, height, width)
        if part == "decode":
            sizes = (1, 48, latent_frames, height // 16, width // 16)
        return _counted(kind, _ByName(shapes), part, sizes)

    latent_frames = (frames - 1) // 4 + 1
    if latent_frames < 3:
        return count(latent_frames)
    third = count(3)
    return third + (latent_frames - 3) * (third - count(2))


def text_flops(shapes: Shapes, tokens: int) -> int:
    """One prompt of so many tokens through the encoder."""
    model, meter = on_meta("text", shapes), Meter()
    with torch.no_grad(), meter:
        model(torch.zeros(1, tokens, dtype=torch.long, device="meta"))
    return meter.flops
