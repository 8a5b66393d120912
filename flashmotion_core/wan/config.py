"""The sizes of a Wan generator, read from its weights, and what a file of weights turns out to be.

Source of the numbers: Wan-Video/Wan2.2 (Apache-2.0), ``wan/configs/wan_ti2v_5B.py`` and ``wan/modules/model.py``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

Shapes = Mapping[str, tuple[int, ...]]

LATENT_CHANNELS = 48
SPATIAL_STRIDE = 16
"""Pixels per latent cell (Wan 2.2 VAE)."""
TEMPORAL_STRIDE = 4
"""Frames per latent frame after the first one."""
SIDE_MULTIPLE = 32
"""A side of a clip is a multiple of this: VAE stride 16 times patch 2."""


@dataclass(frozen=True)
class WanConfig:
    """Sizes of a Wan text-or-image-to-video generator. The defaults are Wan2.2-TI2V-5B (4,999,787,712 parameters)."""

    dim: int = 3072
    ffn_dim: int = 14336
    num_heads: int = 24
    num_layers: int = 30
    in_channels: int = LATENT_CHANNELS
    out_channels: int = LATENT_CHANNELS
    text_dim: int = 4096
    freq_dim: int = 256
    patch_size: tuple[int, int, int] = (1, 2, 2)
    eps: float = 1e-6

    @classmethod
    def from_diffusers(cls, config: Mapping[str, Any], where: str | Path) -> WanConfig:
        """The sizes of diffusers' ``WanTransformer3DModel``.

        Args:
            config: what its ``config.json`` holds.
            where: its folder, for the error's sentence.

        Raises:
            ValueError: an entry is missing, or the architecture is another than Wan2.2-TI2V-5B's.
        """
        try:
            channels = (config["in_channels"], config["out_channels"])
            found = cls(
                dim=config["num_attention_heads"] * config["attention_head_dim"],
                ffn_dim=config["ffn_dim"],
                num_heads=config["num_attention_heads"],
                num_layers=config["num_layers"],
                text_dim=config["text_dim"],
                freq_dim=config["freq_dim"],
                patch_size=tuple(config["patch_size"]),
                eps=config["eps"],
            )
        except KeyError as error:
            raise ValueError(f"the config.json in {where} has no {error}; download or export it again.") from None
        if channels != (LATENT_CHANNELS, LATENT_CHANNELS) or config.get("image_dim") is not None:
            raise ValueError(
                f"the generator in {where} has {channels[0]} channels in and {channels[1]} out, but Wan2.2-TI2V-5B "
                f"({LATENT_CHANNELS} in and out, no image encoder) was expected; choose another folder."
            )
        return found

    @property
    def head_dim(self) -> int:
        """Channels per attention head; the rotary embedding splits them over time, height and width."""
        return self.dim // self.num_heads


TI2V_5B = WanConfig()


def shapes_of(state_dict: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    """``{key: shape}`` of a state dict."""
    return {key: tuple(value.shape) for key, value in state_dict.items()}


def block_shapes(config: WanConfig) -> dict[str, tuple[int, ...]]:
    """The 27 parameters of one transformer block, without the ``blocks.N.`` prefix."""
    dim, ffn = config.dim, config.ffn_dim
    shapes: dict[str, tuple[int, ...]] = {"modulation": (1, 6, dim)}
    for attention in ("self_attn", "cross_attn"):
        for projection in "qkvo":
            shapes[f"{attention}.{projection}.weight"] = (dim, dim)
            shapes[f"{attention}.{projection}.bias"] = (dim,)
        shapes[f"{attention}.norm_q.weight"] = (dim,)
        shapes[f"{attention}.norm_k.weight"] = (dim,)
    shapes |= {"norm3.weight": (dim,), "norm3.bias": (dim,)}
    shapes |= {"ffn.0.weight": (ffn, dim), "ffn.0.bias": (ffn,), "ffn.2.weight": (dim, ffn), "ffn.2.bias": (dim,)}
    return shapes


def generator_shapes(config: WanConfig) -> dict[str, tuple[int, ...]]:
    """Every parameter of the generator in the original key layout (825 of them for the 5B)."""
    dim = config.dim
    head = config.out_channels * math.prod(config.patch_size)
    shapes: dict[str, tuple[int, ...]] = {
        "patch_embedding.weight": (dim, config.in_channels, *config.patch_size),
        "patch_embedding.bias": (dim,),
        "text_embedding.0.weight": (dim, config.text_dim),
        "text_embedding.0.bias": (dim,),
        "text_embedding.2.weight": (dim, dim),
        "text_embedding.2.bias": (dim,),
        "time_embedding.0.weight": (dim, config.freq_dim),
        "time_embedding.0.bias": (dim,),
        "time_embedding.2.weight": (dim, dim),
        "time_embedding.2.bias": (dim,),
        "time_projection.1.weight": (6 * dim, dim),
        "time_projection.1.bias": (6 * dim,),
        "head.modulation": (1, 2, dim),
        "head.head.weight": (head, dim),
        "head.head.bias": (head,),
    }
    for index in range(config.num_layers):
        shapes |= {f"blocks.{index}.{name}": shape for name, shape in block_shapes(config).items()}
    return shapes


SIZES_FROM = {
    *("head.modulation", "head.head.weight", "patch_embedding.weight", "blocks.0.ffn.0.weight"),
    *("text_embedding.0.weight", "time_embedding.0.weight"),
}
"""Keys without which a generator's sizes are unknown."""


def config_of(shapes: Shapes, metadata: Mapping[str, str] | None = None) -> WanConfig:
    """Read a generator's configuration from its shapes in the original layout.

    Args:
        shapes: ``{key: shape}`` of the file.
        metadata: the safetensors metadata. ComfyUI takes ``num_heads = dim // 128`` unless a ``config`` entry
            (JSON with a ``transformer`` object) says otherwise; so do we.

    Raises:
        ValueError: the file is not a Wan generator with 48 latent channels; the error says what it is.
    """
    if not shapes.keys() >= SIZES_FROM:
        raise ValueError(
            f"expected a Wan2.2-TI2V-5B generator in the original key layout, but found {describe(shapes)}; "
            + (
                "choose another file."
                if _blocks_of_a_part(shapes) is None
                else "give the folder of all its parts, or its index file."
            )
        )
    dim, in_channels, *patch = shapes["patch_embedding.weight"]
    out_channels = shapes["head.head.weight"][0] // math.prod(patch)
    if (in_channels, out_channels) != (LATENT_CHANNELS, LATENT_CHANNELS):
        raise ValueError(
            f"expected a generator with {LATENT_CHANNELS} latent channels in and out (Wan2.2-TI2V-5B), "
            f"but found {describe(shapes)}; choose another file."
        )
    stated = transformer_metadata(metadata)
    config = WanConfig(
        dim=dim,
        ffn_dim=shapes["blocks.0.ffn.0.weight"][0],
        num_heads=stated.get("num_heads", max(1, dim // 128)),
        num_layers=count_blocks(shapes),
        in_channels=in_channels,
        out_channels=out_channels,
        text_dim=shapes["text_embedding.0.weight"][1],
        freq_dim=shapes["time_embedding.0.weight"][1],
        patch_size=(patch[0], patch[1], patch[2]),
    )
    _check_stated(stated, config)
    return config


def transformer_metadata(metadata: Mapping[str, str] | None) -> dict[str, Any]:
    """The ``transformer`` object of a file's ``config`` metadata entry; empty where there is none.

    Raises:
        ValueError: the entry is damaged, or has an argument that is out of range or unknown.
    """
    from ..metadata.entries import read_transformer

    return read_transformer(metadata or {}).model_dump(exclude_none=True)


def _check_stated(stated: Mapping[str, Any], config: WanConfig) -> None:
    """Refuse a ``config`` entry that the weights contradict: ComfyUI would build another model from it."""
    names = {"in_dim": "in_channels", "out_dim": "out_channels"}
    found = {key: getattr(config, names.get(key, key)) for key in stated if hasattr(config, names.get(key, key))}
    wrong = [
        f"{key} is {stated[key]}, but the weights have {found[key]}"
        for key in found
        if key != "eps" and stated[key] != (list(found[key]) if isinstance(found[key], tuple) else found[key])
    ]
    if config.dim % (2 * config.num_heads):
        wrong.append(f"num_heads is {config.num_heads}, which does not divide the width {config.dim} into even parts")
    if wrong:
        raise ValueError(
            f"the metadata entry config contradicts the weights ({'; '.join(wrong)}); export the generator again."
        )


def count_blocks(keys: Iterable[str]) -> int:
    """The number of ``blocks.N.`` among the keys; an N of more than four digits is not a block's."""
    found = {int(match.group(1)) for key in keys if (match := re.match(r"blocks\.(\d{1,4})\.", key))}
    return max(found) + 1 if found else 0


def _blocks_of_a_part(shapes: Shapes) -> list[int] | None:
    """The blocks in a part of a sharded generator, in either layout; None for anything else."""
    matches = [re.match(r"blocks\.(\d{1,4})\.(?:self_attn|attn1)\.", key) for key in shapes]
    blocks = sorted({int(match.group(1)) for match in matches if match})
    whole = any({"patch_embedding.weight", head} <= shapes.keys() for head in ("head.head.weight", "proj_out.weight"))
    return None if not blocks or (whole and blocks == list(range(len(blocks)))) else blocks


def describe(shapes: Shapes) -> str:
    """Say in a few words what a file of weights seems to be; for error messages."""
    keys = list(shapes)
    if not keys:
        return "a file without tensors"
    if any("lora_" in key or ".lora." in key or key.endswith((".alpha", ".diff_b")) for key in keys):
        return f"a LoRA ({len(keys)} tensors, such as '{keys[0]}')"
    if "trunk.0.conv1.weight" in shapes:
        return f"a FlashMotion ResNet adapter ({len(keys)} tensors)"
    if any(key.startswith("zero_convs.") for key in keys):
        return f"a FlashMotion ControlNet adapter ({len(keys)} tensors)"
    if (blocks := _blocks_of_a_part(shapes)) is not None:
        return f"a part of a Wan generator (blocks {blocks[0]} to {blocks[-1]})"
    if "head.modulation" in shapes and "patch_embedding.weight" in shapes:
        dim, channels = shapes["patch_embedding.weight"][:2]
        size = {5120: " (the 14B)", 3072: " (the 5B)", 1536: " (the 1.3B)"}.get(dim, "")
        kind = "VACE " if any(key.startswith("vace_") for key in keys) else ""
        return f"a Wan {kind}generator of width {dim}{size} with {channels} input channels, {count_blocks(keys)} blocks"
    if any(key.startswith("condition_embedder.") for key in keys):
        return f"a Wan generator in diffusers' key layout ({len(keys)} tensors)"
    if "decoder.middle.0.residual.0.gamma" in shapes and "conv2.weight" in shapes:
        return f"a VAE with {shapes['conv2.weight'][0]} latent channels"
    if "decoder.22.bias" in shapes or "decoder.middle.0.residual.0.gamma" in shapes:
        return "a VAE"
    if "shared.weight" in shapes or any("relative_attention_bias" in key for key in keys):
        return "a text encoder"
    return f"{len(keys)} tensors of an unknown model, such as '{keys[0]}'"
