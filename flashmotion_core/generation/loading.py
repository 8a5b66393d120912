"""Load a generator and an adapter for headless generation from ComfyUI's single files or a diffusers folder.

Nothing is fetched from the network. Every file is checked before its weights are used: a missing or unknown key is an error that names
it, never a layer with random weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..adapters import AdapterFile, GeneratorInfo, TrajectoryAdapter, build_adapter, rebuilt
from ..adapters.adapter_file import generator_info
from ..files.model_folder import read_folder_config
from ..files.weights import read_weights
from ..wan.config import WanConfig, generator_shapes, shapes_of
from ..wan.fingerprint import fingerprint
from ..wan.generator import WanGenerator
from ..wan.keys import is_diffusers, to_diffusers, to_original
from ..wan.prefixes import find_network
from ..wan.quantised import dequantise, layer_formats


@dataclass(frozen=True)
class Generator:
    """A generator, ready to run.

    Attributes:
        transformer: diffusers' ``WanTransformer3DModel``, or our own ``WanGenerator``.
        info: sizes, schedule and whether it was trained with text.
        fingerprint: see ``wan.fingerprint``.
    """

    transformer: Any
    info: GeneratorInfo
    fingerprint: str


HOSTS = ("diffusers", "core")
"""Whose transformer runs the generator; see ``load_generator``."""


def load_generator(
    path: str | Path, device: torch.device | str, dtype: torch.dtype, host: str = "diffusers"
) -> Generator:
    """Load a generator: see ``read_generator`` for what it may be.

    On diffusers' transformer the time embedding, norms and modulation stay in float32, and every token has its own row of modulation
    (2 GB at 1280 x 704 x 121). The core's has one row per latent frame and, like ComfyUI, works in one type throughout.

    Args:
        path: file or folder.
        device: where it runs.
        dtype: of the weights.
        host: ``diffusers`` or ``core``.

    Raises:
        ValueError: see ``read_generator``; or an unknown host.
    """
    if host not in HOSTS:
        raise ValueError(f"the host is {host!r}, but must be one of {', '.join(HOSTS)}.")
    tensors, metadata, config = _read(path)
    info, state_dict = parse_generator(tensors, metadata, Path(path).name, config, dtype=dtype)
    mark = fingerprint(tensors, metadata)  # of the weights as stored: it knows how exact they are
    if host == "core":
        with torch.device("meta"):
            core = WanGenerator(info.config)
        core.load_state_dict({key: value.to(device, dtype) for key, value in state_dict.items()}, assign=True)
        return Generator(core.requires_grad_(False).eval(), info, mark)
    transformer = empty_transformer(info.config)
    keep = set(transformer._keep_in_fp32_modules)
    weights = {
        key: value.to(device, torch.float32 if keep & set(key.split(".")) else dtype)
        for key, value in to_diffusers(state_dict).items()
    }
    transformer.load_state_dict(weights, assign=True)
    return Generator(transformer.to(device).requires_grad_(False).eval(), info, mark)


def load_adapter(
    file: AdapterFile, generator: Generator, device: torch.device | str, dtype: torch.dtype
) -> TrajectoryAdapter:
    """The adapter of a file for a loaded generator, from whose weights a small file is made whole: before they become float8.

    Raises:
        ValueError: see ``build_adapter`` and ``rebuilt``.
    """
    sizes = generator.info.config
    if file.low_rank is not None:
        weights = generator.transformer.state_dict()
        weights = weights if isinstance(generator.transformer, WanGenerator) else to_original(weights)
        file = rebuilt(file, sizes, generator.fingerprint, weights.__getitem__, dtype)
    return build_adapter(file, sizes, device=device, dtype=dtype)


def read_generator(path: str | Path) -> tuple[GeneratorInfo, dict[str, Tensor]]:
    """All weights of a generator in the original key layout, checked against its configuration; quantised ones become bfloat16.

    Args:
        path: a safetensors file in either layout and behind any prefix, the index file of a sharded one, or a folder (with or without
            ``transformer/`` in it).

    Raises:
        ValueError: an unreadable file or a part of one, not the Wan2.2-TI2V-5B architecture, missing or unknown keys, or weights that are
            quantised in an unknown way.
    """
    tensors, metadata, config = _read(path)
    return parse_generator(tensors, metadata, Path(path).name, config)


def _read(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str], WanConfig | None]:
    """Tensors, metadata, and what a diffusers folder says of its sizes."""
    path = Path(path)
    config = None
    if path.is_dir():
        path = path / "transformer" if (path / "transformer").is_dir() else path
        if (path / "config.json").is_file():
            config = WanConfig.from_diffusers(read_folder_config(path, "generator", ("WanTransformer3DModel",)), path)
    tensors, metadata = read_weights(path)
    return tensors, metadata, config


def parse_generator(
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, str],
    name: str,
    sizes: WanConfig | None = None,
    *,
    take: str | None = None,
    dtype: torch.dtype = torch.bfloat16,
) -> tuple[GeneratorInfo, dict[str, Tensor]]:
    """The same from all tensors of a file.

    Args:
        tensors: in any layout.
        metadata: of the file.
        name: of the file, for errors.
        sizes: what a ``config.json`` says beyond the shapes: heads and epsilon.
        take: names one of several networks; see ``find_network``.
        dtype: of weights that were quantised.
    """
    try:
        network = find_network(tensors, take)
        formats = {network.bare(layer): found for layer, found in layer_formats(tensors, metadata).items()}
        state_dict, _ = dequantise({key: tensors[found] for key, found in network.keys.items()}, formats, dtype)
        layout = is_diffusers(state_dict)
        if layout:
            state_dict = to_original(state_dict)
        info = replace(generator_info(shapes_of(state_dict), metadata), diffusers_layout=layout)
    except ValueError as error:
        raise ValueError(str(error) if name in str(error) else f"{name}: {error}") from error
    if sizes is not None:
        info = replace(info, config=replace(info.config, num_heads=sizes.num_heads, eps=sizes.eps))
    return info, _checked(state_dict, info, name)


def _checked(state_dict: dict[str, Tensor], info: GeneratorInfo, name: str) -> dict[str, Tensor]:
    expected, found = generator_shapes(info.config), shapes_of(state_dict)
    wrong = sorted(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))
    if wrong:
        raise ValueError(
            f"{name} has {len(wrong)} keys that are missing, unknown or of the wrong shape ({', '.join(wrong)}); download or export it again."
        )
    types = {value.dtype for value in state_dict.values()} - {torch.float32, torch.float16, torch.bfloat16}
    if types:
        raise ValueError(
            f"{name} holds {', '.join(map(str, types))} weights, but bf16, fp16 or fp32 was expected; choose a file in one of these types."
        )
    return state_dict


def empty_transformer(config: WanConfig) -> Any:
    """diffusers' ``WanTransformer3DModel`` on the meta device: no memory is taken before the weights come (its rotary tables are real)."""
    from accelerate import init_empty_weights
    from diffusers import WanTransformer3DModel

    with init_empty_weights(include_buffers=False):
        return WanTransformer3DModel(
            patch_size=config.patch_size,
            num_attention_heads=config.num_heads,
            attention_head_dim=config.head_dim,
            in_channels=config.in_channels,
            out_channels=config.out_channels,
            text_dim=config.text_dim,
            freq_dim=config.freq_dim,
            ffn_dim=config.ffn_dim,
            num_layers=config.num_layers,
            eps=config.eps,
        )
