"""Adapter and generator files: safetensors with original key names, and metadata that says how to use the weights.

Metadata entries (all strings): ``flashmotion.format`` (``1``), ``flashmotion.kind`` (``controlnet``, ``resnet`` or ``generator``),
``flashmotion.config``, ``flashmotion.schedule``, ``flashmotion.map`` (JSON each), ``flashmotion.base`` (fingerprint of the generator the
adapter was trained on) and, for a generator trained without text, ``flashmotion.text`` = ``none``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..metadata import FORMAT as FORMAT
from ..metadata import PREFIX
from ..sampling import Schedule
from ..wan.block import Attention, scaled_dot_product
from ..wan.config import LATENT_CHANNELS, WanConfig, config_of, count_blocks, describe, shapes_of
from ..wan.keys import to_original
from ..weights import read_header, read_tensors, save_whole
from .adapter import TrajectoryAdapter
from .controlnet import ControlNetAdapter
from .map_style import MapStyle as MapStyle
from .resnet import ResNetAdapter
from .weight_checks import check_weights

KINDS: dict[str, type[ControlNetAdapter] | type[ResNetAdapter]] = {
    "controlnet": ControlNetAdapter,
    "resnet": ResNetAdapter,
}
PREFIXES = ("model.", "module.", "_fsdp_wrapped_module.", "controlnet.", "adapter.")
"""Wrappers' prefixes that training code leaves on keys; stripped in any order and number."""
SHARED = ("in_channels", "out_channels", "text_dim", "patch_size")
"""Sizes of what generator and adapter both read and write; where they differ, sampling would fail."""


@dataclass(frozen=True)
class AdapterFile:
    """An adapter's file, read and checked but not built."""

    kind: str
    config: dict[str, Any]
    state_dict: dict[str, Tensor]
    schedule: Schedule = field(default_factory=Schedule)
    map_style: MapStyle = field(default_factory=MapStyle)
    base_fingerprint: str | None = None
    name: str = "the adapter"


@dataclass(frozen=True)
class GeneratorInfo:
    """What a generator's file says about itself, read from its header only."""

    config: WanConfig
    schedule: Schedule | None
    text: bool
    diffusers_layout: bool


def read_generator_info(path: str | Path) -> GeneratorInfo:
    """Configuration and metadata of a generator's safetensors file; reads the header only.

    Raises:
        ValueError: an unreadable file, or not a Wan2.2-TI2V-5B generator; the error says what it is.
    """
    try:
        return generator_info(*read_header(path))
    except ValueError as error:
        name = Path(path).name
        raise ValueError(str(error) if name in str(error) else f"{name}: {error}") from error


def generator_info(shapes: Mapping[str, tuple[int, ...]], metadata: Mapping[str, str]) -> GeneratorInfo:
    """The same from shapes (either key layout) and metadata at hand."""
    from ..metadata.entries import read_generator_entries

    diffusers_layout = any(key.startswith("condition_embedder.") for key in shapes)
    if diffusers_layout:
        shapes = to_original(shapes)
    config = config_of(shapes, metadata)
    entries = read_generator_entries(metadata)
    return GeneratorInfo(
        config=config,
        schedule=entries.schedule.build() if entries.schedule else None,
        text=entries.text != "none",
        diffusers_layout=diffusers_layout,
    )


def save_adapter(
    path: str | Path,
    adapter: TrajectoryAdapter,
    *,
    schedule: Schedule | None = None,
    map_style: MapStyle | None = None,
    base_fingerprint: str | None = None,
) -> None:
    """Write an adapter with its metadata; the file appears whole or not at all."""
    write_adapter(
        path,
        AdapterFile(
            adapter.kind,
            adapter.config(),
            adapter.state_dict(),
            schedule or Schedule(),
            map_style or MapStyle(),
            base_fingerprint,
        ),
    )


def write_adapter(path: str | Path, file: AdapterFile) -> None:
    """The same from an adapter's parts, without its module.

    Raises:
        ValueError: parts that ``read_adapter`` would refuse.
    """
    from ..metadata.entries import adapter_metadata

    metadata = adapter_metadata(file.kind, file.config, file.schedule, file.map_style, file.base_fingerprint)
    save_whole(path, {key: value.detach().contiguous() for key, value in file.state_dict.items()}, metadata)


def read_adapter(path: str | Path) -> AdapterFile:
    """Read an adapter, ours or of a recognised foreign layout.

    Raises:
        ValueError: an unreadable file, not an adapter (says what it is), keys that do not fit (names every one), damaged metadata, a
            ControlNet at half resolution, settings of a later version (names every one), or weights that are not finite numbers.
    """
    state_dict, metadata = read_tensors(path)
    return parse_adapter(state_dict, metadata, Path(path).name)


def parse_adapter(state_dict: Mapping[str, Tensor], metadata: Mapping[str, str] | None, name: str) -> AdapterFile:
    """The same from tensors and metadata at hand; ``name`` is used in error messages."""
    metadata = metadata or {}
    is_ours = any(key.startswith(PREFIX) for key in metadata)
    file = _parse_ours(state_dict, metadata, name) if is_ours else _parse_foreign(state_dict, name)
    check_weights(file.state_dict, name)
    return file


def _parse_ours(state_dict: Mapping[str, Tensor], metadata: Mapping[str, str], name: str) -> AdapterFile:
    from ..metadata.entries import read_adapter_entries

    entries = read_adapter_entries(metadata, name)
    return AdapterFile(
        kind=entries.kind,
        config=entries.config.model_dump(exclude_unset=True, exclude_none=True),
        state_dict=dict(state_dict),
        schedule=entries.schedule.build(),
        map_style=entries.map.build(),
        base_fingerprint=entries.base,
        name=name,
    )


def _parse_foreign(state_dict: Mapping[str, Tensor], name: str) -> AdapterFile:
    """Recognise a ControlNet adapter without our metadata: DiT-shaped blocks and as many square 1 x 1 convolutions."""
    tensors = {strip_prefixes(key): value for key, value in state_dict.items()}
    zero_convs, rest = _split_zero_convs(tensors)
    if any(key.startswith("condition_embedder.") for key in rest):
        rest = to_original(rest)
    shapes = shapes_of(rest)
    blocks = count_blocks(rest)
    if not zero_convs or "patch_embedding.weight" not in shapes or "blocks.0.self_attn.q.weight" not in shapes:
        raise ValueError(
            f"{name} is {describe(shapes_of(tensors))}, but a trajectory adapter was expected; choose a file of model_patches."
        )
    dim, channels, *patch = shapes["patch_embedding.weight"]
    if len(zero_convs) != 2 * blocks or channels <= LATENT_CHANNELS:
        raise ValueError(
            f"{name} looks like a ControlNet with {blocks} blocks, {len(zero_convs) // 2} zero convolutions and {channels} input channels, but as "
            f"many convolutions as blocks and {2 * LATENT_CHANNELS} channels (noisy latent, control latent) were expected; "
            "choose an adapter for Wan2.2-TI2V-5B."
        )
    generator = WanConfig(
        dim=dim,
        ffn_dim=shapes["blocks.0.ffn.0.weight"][0],
        num_heads=max(1, dim // 128),
        num_layers=blocks,
        text_dim=shapes["text_embedding.0.weight"][1],
        freq_dim=shapes["time_embedding.0.weight"][1],
        patch_size=(patch[0], patch[1], patch[2]),
    )
    config = {
        "generator": asdict(generator),
        "inject_after": list(range(blocks)),
        "control_channels": channels - LATENT_CHANNELS,
    }
    # The generator's head is not always kept in such files, and nothing reads it.
    if "head.head.weight" not in rest:
        head = LATENT_CHANNELS * patch[0] * patch[1] * patch[2]
        like = rest["patch_embedding.weight"]
        rest |= {"head.head.weight": like.new_zeros(head, dim), "head.head.bias": like.new_zeros(head)}
    rest.setdefault("head.modulation", rest["patch_embedding.weight"].new_zeros(1, 2, dim))
    return AdapterFile("controlnet", config, {**rest, **zero_convs}, name=name)


def strip_prefixes(key: str) -> str:
    """Take training wrappers' prefixes off a key."""
    while True:
        shorter = next((key.removeprefix(prefix) for prefix in PREFIXES if key.startswith(prefix)), key)
        if shorter == key:
            return key
        key = shorter


def _split_zero_convs(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Find square 1 x 1 convolutions under any name that ends in a number, and give them our names."""
    found: dict[str, Tensor] = {}
    rest = dict(tensors)
    for key, value in tensors.items():
        match = re.match(r"^(.*?)(\d+)((?:\.\w+)*)\.weight$", key)
        square = (
            value.ndim in (4, 5) and value.shape[0] == value.shape[1] and all(side == 1 for side in value.shape[2:])
        )
        if match and square:
            index = match.group(2)
            found[f"zero_convs.{index}.weight"] = value.flatten(2)[..., None]
            bias = rest.pop(key.removesuffix("weight") + "bias", None)
            found[f"zero_convs.{index}.bias"] = value.new_zeros(value.shape[0]) if bias is None else bias
            del rest[key]
    return found, rest


def construct_adapter(
    file: AdapterFile,
    generator: WanConfig,
    *,
    operations: Any = nn,
    attention: Attention = scaled_dot_product,
    dtype: torch.dtype | None = None,
) -> TrajectoryAdapter:
    """The adapter's module on the meta device, checked against the generator and the file; load it with ``assign=True``.

    Raises:
        ValueError: another generator's adapter, or keys or shapes that do not match (names every one).
    """
    config = dict(file.config)
    made_for: dict[str, Any] = config.pop("generator")
    theirs = (made_for["dim"], made_for["num_layers"])
    if theirs != (generator.dim, generator.num_layers):
        raise ValueError(
            f"{file.name} was made for a generator of width {theirs[0]} with {theirs[1]} blocks, but this one has width {generator.dim} "
            f"with {generator.num_layers} blocks; use it with the generator that it was trained on."
        )
    # A ControlNet's own feed-forward width and heads come from its file: they need not equal the generator's.
    known: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in made_for.items()}
    shared = {key: getattr(generator, key) for key in SHARED if key in known} | {"control_channels": LATENT_CHANNELS}
    other = [
        f"{key} {value}, not {shared[key]}"
        for key, value in ({"control_channels": LATENT_CHANNELS} | config | known).items()
        if key in shared and value is not None and value != shared[key]
    ]
    if other:
        raise ValueError(
            f"{file.name} was made for {', '.join(other)}, which this generator has; use it with the generator that it was trained on."
        )
    own = replace(generator, **known)
    adapter = KINDS[file.kind](own, **config, operations=operations, attention=attention, device="meta", dtype=dtype)
    expected, found = shapes_of(adapter.state_dict()), shapes_of(file.state_dict)
    missing = sorted(expected.keys() - found.keys())
    unknown = sorted(found.keys() - expected.keys())
    wrong = [
        f"{key} is {found[key]}, not {expected[key]}"
        for key in sorted(expected.keys() & found.keys())
        if expected[key] != found[key]
    ]
    if missing or unknown or wrong:
        parts = [
            f"{label}: {', '.join(keys)}"
            for label, keys in (("missing", missing), ("unknown", unknown), ("wrong shape", wrong))
            if keys
        ]
        raise ValueError(f"{file.name} does not fit a {file.kind} adapter ({'; '.join(parts)}); export it again.")
    return adapter


def build_adapter(
    file: AdapterFile,
    generator: WanConfig,
    *,
    operations: Any = nn,
    attention: Attention = scaled_dot_product,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> TrajectoryAdapter:
    """The adapter with its weights, frozen, in evaluation mode; see ``construct_adapter`` for errors."""
    adapter = construct_adapter(file, generator, operations=operations, attention=attention, dtype=dtype)
    adapter.load_state_dict(
        {key: value.to(device=device, dtype=dtype) for key, value in file.state_dict.items()}, assign=True
    )
    return adapter.requires_grad_(False).eval()
