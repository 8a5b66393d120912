"""Models of the real shapes with random weights, created on the device itself; and small ones for a CPU.

A module is built on the meta device, which takes no memory, and every weight is then drawn where it will be used. Weights preserve the scale
of signals, so no value is NaN or infinite. Latents are noise, which costs the same as a picture; decoded frames are ``calm``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from flashmotion_core.adapters import ControlNetAdapter, GeneratorInfo, ResNetAdapter, TrajectoryAdapter
from flashmotion_core.codec.taehv import TAEHV
from flashmotion_core.codec.vae import TinyVae, WanVae
from flashmotion_core.generation.loading import Generator, empty_transformer
from flashmotion_core.sampling.schedule import Schedule
from flashmotion_core.wan.conditioning import LATENT_MEAN, LATENT_STD
from flashmotion_core.wan.config import TI2V_5B, WanConfig
from flashmotion_core.wan.generator import WanGenerator

from .variants import VARIANTS, Variant

TIME_AND_NORMS = ("time_embedder", "scale_shift_table", "norm1", "norm2", "norm3")
"""Parts of diffusers' transformer that stay in float32, as ``load_generator`` leaves them."""


@dataclass(frozen=True)
class Shapes:
    """Sizes of all models of one run.

    Attributes:
        name: ``real`` or ``tiny``.
        generator: sizes of the generator and of its adapters.
        vae: arguments of diffusers' ``AutoencoderKLWan``.
        small_vae: arguments of the small codec, ``TAEHV``.
        resnet_width: channels of the ResNet adapter.
        text: arguments of transformers' ``UMT5Config``.
    """

    name: str
    generator: WanConfig
    vae: dict[str, Any]
    small_vae: dict[str, Any]
    resnet_width: int
    text: dict[str, Any] = field(repr=False)


_VAE = {
    "z_dim": 48,
    "is_residual": True,
    "in_channels": 12,
    "out_channels": 12,
    "patch_size": 2,
    "scale_factor_spatial": 16,
    "temperal_downsample": [False, True, True],
    "latents_mean": list(LATENT_MEAN),
    "latents_std": list(LATENT_STD),
}
_TEXT = {"feed_forward_proj": "gated-gelu", "d_kv": 64}

REAL = Shapes(
    name="real",
    generator=TI2V_5B,
    vae={**_VAE, "base_dim": 160, "decoder_base_dim": 256, "num_res_blocks": 2},
    small_vae={},
    resnet_width=128,
    text={**_TEXT, "vocab_size": 256384, "d_model": 4096, "d_ff": 10240, "num_layers": 24, "num_heads": 64},
)
TINY = Shapes(
    name="tiny",
    generator=WanConfig(dim=256, ffn_dim=512, num_heads=2, num_layers=4, text_dim=64),
    vae={**_VAE, "base_dim": 8, "decoder_base_dim": 8, "num_res_blocks": 1},
    small_vae={"encoder_width": 8, "decoder_widths": (16, 12, 8, 8)},
    resnet_width=32,
    text={**_TEXT, "vocab_size": 512, "d_model": 64, "d_ff": 128, "num_layers": 2, "num_heads": 1},
)
HALF = replace(
    TINY,
    name="half",
    generator=WanConfig(dim=1536, ffn_dim=7168, num_heads=12, num_layers=2, text_dim=64),
    resnet_width=128,
)
"""Two blocks of half the 5B's width with the 5B's own ResNet tower, beside which Python's own time is small."""


@torch.no_grad()
def fill(module: nn.Module, device: torch.device, dtype: torch.dtype, float32: Iterable[str] = ()) -> None:
    """Give every meta parameter random weights on the device; tied weights stay tied.

    Args:
        module: its parameters on the meta device are replaced, others are left alone.
        device: where the weights are drawn.
        dtype: dtype of the weights.
        float32: parameters with one of these words in their dotted name are float32 instead.
    """
    random = torch.Generator(device).manual_seed(0)
    kept = set(float32)
    made: dict[int, nn.Parameter] = {}
    for name, parameter in list(module.named_parameters(remove_duplicate=False)):
        if not parameter.is_meta:
            continue
        *path, leaf = name.split(".")
        if id(parameter) not in made:
            kind = torch.float32 if kept & {*path, leaf} else dtype
            made[id(parameter)] = nn.Parameter(_drawn(leaf, parameter.shape, device, kind, random), False)
        module.get_submodule(".".join(path)).register_parameter(leaf, made[id(parameter)])


def _drawn(leaf: str, shape: torch.Size, device: torch.device, dtype: torch.dtype, random: torch.Generator) -> Tensor:
    value = torch.empty(shape, device=device, dtype=dtype)
    if leaf == "bias":
        return value.zero_()
    if leaf == "gamma" or len(shape) == 1:
        return value.fill_(1)
    return value.normal_(0, (shape[0] / shape.numel()) ** 0.5, generator=random)


def on_meta(kind: str, shapes: Shapes) -> nn.Module:
    """A model without weights: ``generator`` (the core's), ``diffusers`` (diffusers' generator), ``vae``, ``small_vae``, ``text``, or an adapter.

    Raises:
        ValueError: the kind is unknown.
    """
    with torch.device("meta"):
        if kind == "generator":
            return WanGenerator(shapes.generator)
        if kind == "small_vae":
            return TAEHV(**shapes.small_vae)
        if kind in VARIANTS:
            return _adapter_of(VARIANTS[kind], shapes)
    if kind == "diffusers":
        transformer: nn.Module = empty_transformer(shapes.generator)
        return transformer
    if kind == "vae":
        from diffusers import AutoencoderKLWan

        with torch.device("meta"):
            vae: nn.Module = AutoencoderKLWan(**shapes.vae)
        return vae
    if kind == "text":
        from transformers import UMT5Config, UMT5EncoderModel

        with torch.device("meta"):
            encoder: nn.Module = UMT5EncoderModel(UMT5Config(**shapes.text))
        return encoder
    raise ValueError(f"the model is {kind!r}, but must be generator, diffusers, vae, small_vae, text or an adapter.")


def _adapter_of(variant: Variant, shapes: Shapes) -> nn.Module:
    if variant.kind == "resnet":
        return ResNetAdapter(shapes.generator, width=shapes.resnet_width)
    return ControlNetAdapter(shapes.generator)


def made(
    kind: str,
    shapes: Shapes,
    device: torch.device,
    dtype: torch.dtype,
    each: Callable[[nn.Module], object] | None = None,
) -> Any:
    """A model with random weights on the device; see ``on_meta`` for the kinds. ``each`` is called with every block once it is filled."""
    module = on_meta(kind, shapes)
    if each is not None:
        for block in getattr(module, "blocks", ()):
            fill(block, device, dtype, TIME_AND_NORMS if kind == "diffusers" else ())
            each(block.requires_grad_(False))
    fill(module, device, dtype, TIME_AND_NORMS if kind == "diffusers" else ())
    if kind in ("vae", "small_vae"):
        calm(module)
    return module.to(device).requires_grad_(False).eval()


CALM = 0.01


@torch.no_grad()
def calm(vae: Any) -> None:
    """Let a decoder with random weights give a faint grain, in place: x264 needs eleven times as long for noise as for a photograph."""
    layers = [layer for layer in vae.decoder.modules() if isinstance(layer, (nn.Conv2d, nn.Conv3d))]
    layers[-1].weight.mul_(CALM)


def generator(
    shapes: Shapes,
    host: str,
    device: torch.device,
    dtype: torch.dtype,
    each: Callable[[nn.Module], object] | None = None,
) -> Generator:
    """A generator for ``sample_latent``: diffusers' transformer, or the core's with one row of modulation per latent frame."""
    info = GeneratorInfo(shapes.generator, schedule=Schedule(), text=True, diffusers_layout=False)
    return Generator(made("generator" if host == "core" else host, shapes, device, dtype, each), info, "random")


def codecs(shapes: Shapes, device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """The full VAE and the small one, as the headless pipeline uses them."""
    full, small = (made(kind, shapes, device, dtype) for kind in ("vae", "small_vae"))
    return {"full": WanVae(full), "small": TinyVae(small)}


def adapter(
    kind: str,
    shapes: Shapes,
    device: torch.device,
    dtype: torch.dtype,
    each: Callable[[nn.Module], object] | None = None,
) -> TrajectoryAdapter:
    """One of ``VARIANTS``; its zero convolutions are random, so that nothing is skipped."""
    found: TrajectoryAdapter = made(kind, shapes, device, dtype, each)
    return found


def parameter_counts(shapes: Shapes) -> dict[str, int]:
    """Parameters of every model, counted on the meta device; without diffusers or transformers, of those that need neither."""
    kinds = ["generator", "small_vae", "resnet", "controlnet"]
    kinds[1:1] = ["vae"] if find_spec("diffusers") else []
    kinds += ["text"] if find_spec("transformers") else []
    return {kind: sum(parameter.numel() for parameter in on_meta(kind, shapes).parameters()) for kind in kinds}
