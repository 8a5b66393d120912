"""Single files of the Wan 2.2 VAE for diffusers' ``AutoencoderKLWan``: ComfyUI's (``wan2.2_vae.safetensors``) and LightVAEs.

The weights are the same tensors under two names: Wan-Video's own in ComfyUI's file, diffusers' in a LightVAE. A LightVAE is the same network
with fewer channels (Skywork's ``MG-LightVAE`` keeps half or a quarter of the decoder's); sizes are read from the shapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..files.weights import read_header, read_tensors
from ..wan.config import LATENT_CHANNELS, Shapes, describe, shapes_of
from ..wan.prefixes import strip_wrappers

ANCHOR = "decoder.upsamples.0.upsamples.0.residual.2.weight"
"""A key that only the VAE of Wan 2.2 has; ComfyUI knows it by the same one."""
LIGHT_ANCHOR = "decoder.up_blocks.0.upsampler.resample.1.weight"
"""The same in diffusers' names; those of Wan 2.1 have ``upsamplers``."""
TRAINING_ONLY = "dynamic_feature_projection_heads."
"""Of a LightVAE: it compares features with the full VAE's."""
UNKNOWN = ", or choose another decoder if it is LightX2V's LightVAE Pro or Lite: their layout is not known here"
_RESIDUAL = {
    "residual.0": "norm1",
    "residual.2": "conv1",
    "residual.3": "norm2",
    "residual.6": "conv2",
    "shortcut": "conv_shortcut",
}
_WHOLE = {"conv1": "quant_conv", "conv2": "post_quant_conv"}
_ENDS = {"conv1": "conv_in", "head.0": "norm_out", "head.2": "conv_out", "middle.1": "mid_block.attentions.0"}
_ENDS |= {f"middle.{2 * index}": f"mid_block.resnets.{index}" for index in (0, 1)}


def is_wan_vae(keys: Iterable[str]) -> bool:
    """Whether a file holds the VAE of Wan 2.2, in ComfyUI's or diffusers' names."""
    return any(key.endswith((ANCHOR, LIGHT_ANCHOR)) for key in keys)


def is_wan_vae_file(path: Path) -> bool:
    """The same of a safetensors file's header.

    Raises:
        ValueError: the file is unreadable.
    """
    return is_wan_vae(read_header(path)[0])


def bare_vae(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The VAE's tensors without what stands in front of their keys, and without other networks and what only training needs."""
    anchor = next(key for key in tensors if key.endswith((ANCHOR, LIGHT_ANCHOR)))
    prefix = anchor.removesuffix(ANCHOR).removesuffix(LIGHT_ANCHOR)
    bare = {strip_wrappers(key.removeprefix(prefix)): value for key, value in tensors.items() if key.startswith(prefix)}
    return {key: value for key, value in bare.items() if not key.startswith(TRAINING_ONLY)}


def has_encoder(model: Any) -> bool:
    """Whether an ``AutoencoderKLWan`` can encode; a LightVAE's file may hold the decoder alone."""
    return not isinstance(model.encoder, nn.Identity)


def to_diffusers_vae_key(key: str) -> str:
    """ComfyUI's key -> diffusers' key; KeyError for a key that this VAE does not have."""
    stem, _, suffix = key.rpartition(".")
    part, _, rest = stem.partition(".")
    if stem in _WHOLE:
        return f"{_WHOLE[stem]}.{suffix}"
    for ours, theirs in _ENDS.items():
        if rest == ours or rest.startswith(f"{ours}."):
            inner = rest.removeprefix(ours).lstrip(".")
            return ".".join(name for name in (part, theirs, _RESIDUAL.get(inner, inner), suffix) if name)
    match = re.fullmatch(r"(downsamples|upsamples)\.(\d+)\.\1\.(\d+)\.(.+)", rest)
    if match is None:
        raise KeyError(key)
    way, block, index, inner = match.groups()
    name = "down" if way == "downsamples" else "up"
    if inner in _RESIDUAL:
        return f"{part}.{name}_blocks.{block}.resnets.{index}.{_RESIDUAL[inner]}.{suffix}"
    return f"{part}.{name}_blocks.{block}.{name}sampler.{inner}.{suffix}"


def vae_config(shapes: Shapes) -> dict[str, Any]:
    """The arguments of ``AutoencoderKLWan``, out of the shapes of its decoder (diffusers' keys), and of its encoder where there is one.

    Raises:
        ValueError: another number of latent channels.
        KeyError: a key that every such VAE has.
    """
    latent = shapes["post_quant_conv.weight"][0]
    if latent != LATENT_CHANNELS:
        raise ValueError(
            f"the VAE has {latent} latent channels, but {LATENT_CHANNELS} were expected; choose the VAE of Wan 2.2."
        )
    channels, base = shapes["decoder.conv_out.weight"][:2]
    blocks = [f"decoder.up_blocks.{index}" for index in range(16)]
    blocks = [block for block in blocks if f"{block}.resnets.0.conv1.weight" in shapes][::-1]
    return {
        "base_dim": shapes.get("encoder.conv_in.weight", (base,))[0],
        "decoder_base_dim": base,
        "z_dim": latent,
        "dim_mult": [shapes[f"{block}.resnets.0.conv1.weight"][0] // base for block in blocks],
        "num_res_blocks": sum(f"{blocks[0]}.resnets.{index}.conv1.weight" in shapes for index in range(16)) - 1,
        "temperal_downsample": [f"{block}.upsampler.time_conv.weight" in shapes for block in blocks[1:]],
        "is_residual": True,
        "in_channels": channels,
        "out_channels": channels,
        "patch_size": round((channels / 3) ** 0.5),
        "scale_factor_spatial": 16,
    }


def load_wan_vae(path: Path, dtype: torch.dtype) -> Any:
    """diffusers' ``AutoencoderKLWan`` with the weights of a file, on the CPU; see ``has_encoder``.

    Raises:
        ValueError: a file that is unreadable, or not the whole VAE of Wan 2.2; keys that do not fit are named.
    """
    from accelerate import init_empty_weights
    from diffusers import AutoencoderKLWan

    tensors, _ = read_tensors(path)
    if not is_wan_vae(tensors):
        raise ValueError(
            f"{path.name} is {describe(shapes_of(tensors))}, but the VAE of Wan 2.2 was expected; choose another file."
        )
    tensors = bare_vae(tensors)
    try:
        if ANCHOR in tensors:
            tensors = {to_diffusers_vae_key(key): value for key, value in tensors.items()}
        with init_empty_weights(include_buffers=False):
            model = AutoencoderKLWan(**vae_config(shapes_of(tensors)))
    except KeyError as error:
        raise ValueError(
            f"{path.name} lacks or has a key of its own: {error.args[0]}; download it again{UNKNOWN}."
        ) from error
    if not any(key.startswith("encoder.") for key in tensors):
        model.encoder, model.quant_conv = nn.Identity(), nn.Identity()
        tensors.pop("quant_conv.weight", None), tensors.pop("quant_conv.bias", None)
    expected, found = shapes_of(model.state_dict()), shapes_of(tensors)
    wrong = sorted(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))
    if wrong:
        raise ValueError(
            f"{path.name} has {len(wrong)} keys that are missing, unknown or of the wrong shape ({', '.join(wrong)}); download it again{UNKNOWN}."
        )
    model.load_state_dict({key: value.to(dtype) for key, value in tensors.items()}, assign=True)
    return model.requires_grad_(False).eval()
