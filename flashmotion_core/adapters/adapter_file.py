"""Adapter and generator files: safetensors with original key names, and metadata that says how to use the weights.

Metadata entries (all strings): ``flashmotion.format`` (``1``), ``flashmotion.kind`` (``controlnet``, ``resnet`` or ``generator``),
``flashmotion.config``, ``flashmotion.schedule``, ``flashmotion.map`` (JSON each), ``flashmotion.base`` (fingerprint of the generator the
adapter was trained on) and, for a generator trained without text, ``flashmotion.text`` = ``none``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..files.weights import model_files, read_header, read_tensors, save_whole
from ..metadata import FORMAT as FORMAT
from ..metadata import PREFIX
from ..sampling.schedule import Schedule
from ..wan.config import WanConfig, config_of
from ..wan.keys import is_diffusers, to_original
from ..wan.prefixes import find_network
from ..wan.quantised import dequantise, is_helper, layer_formats, made_plain
from .adapter import TrajectoryAdapter
from .controlnet import ControlNetAdapter
from .foreign import parse_foreign
from .low_rank import LowRank
from .map_style import MapStyle as MapStyle
from .resnet import ResNetAdapter
from .weight_checks import check_weights

KINDS: dict[str, type[ControlNetAdapter] | type[ResNetAdapter]] = {
    "controlnet": ControlNetAdapter,
    "resnet": ResNetAdapter,
}


@dataclass(frozen=True)
class AdapterFile:
    """An adapter's file, read and checked but not built.

    Attributes:
        notes: what was assumed of a foreign file, and what was changed; each a phrase.
        kept: tensors of quantised layers that ComfyUI takes as they are; in ``state_dict``, their weights have shapes and no values.
        low_rank: of a small file, whose ``state_dict`` is a difference to the generator; see ``small_file``.
    """

    kind: str
    config: dict[str, Any]
    state_dict: dict[str, Tensor]
    schedule: Schedule = field(default_factory=Schedule)
    map_style: MapStyle = field(default_factory=MapStyle)
    base_fingerprint: str | None = None
    name: str = "the adapter"
    notes: tuple[str, ...] = ()
    kept: dict[str, Tensor] = field(default_factory=dict)
    low_rank: LowRank | None = None


@dataclass(frozen=True)
class GeneratorInfo:
    """What a generator's file says about itself, read from its header only."""

    config: WanConfig
    schedule: Schedule | None
    text: bool
    diffusers_layout: bool


def read_generator_info(path: str | Path) -> GeneratorInfo:
    """Configuration and metadata of a generator's safetensors file, or of all parts of a sharded one; reads headers only.

    Raises:
        ValueError: an unreadable file, or not a Wan2.2-TI2V-5B generator; the error says what it is.
    """
    try:
        shapes: dict[str, tuple[int, ...]] = {}
        metadata: dict[str, str] = {}
        for file in model_files(path):
            found, notes = read_header(file)
            shapes |= found
            metadata |= notes
        return generator_info(shapes, metadata)
    except ValueError as error:
        name = Path(path).name
        raise ValueError(str(error) if name in str(error) else f"{name}: {error}") from error


def generator_info(shapes: Mapping[str, tuple[int, ...]], metadata: Mapping[str, str]) -> GeneratorInfo:
    """The same from shapes (either key layout, behind any prefix, quantised or not) and metadata at hand."""
    from ..metadata.entries import read_generator_entries

    shapes = {key: shapes[found] for key, found in find_network(shapes).keys.items() if not is_helper(key)}
    diffusers_layout = is_diffusers(shapes)
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

    metadata = adapter_metadata(
        file.kind, file.config, file.schedule, file.map_style, file.base_fingerprint, file.low_rank
    )
    save_whole(path, {key: value.detach().contiguous() for key, value in file.state_dict.items()}, metadata)


def read_adapter(path: str | Path, dtype: torch.dtype = torch.bfloat16) -> AdapterFile:
    """Read an adapter, ours or of a recognised foreign layout.

    Args:
        path: of the file.
        dtype: of layers that were quantised with scales.

    Raises:
        ValueError: an unreadable file, not an adapter (says what it is), keys that do not fit (names every one), damaged metadata, a
            ControlNet at half resolution, settings of a later version (names every one), or weights that are not finite numbers.
    """
    state_dict, metadata = read_tensors(path)
    return parse_adapter(state_dict, metadata, Path(path).name, dtype)


def parse_adapter(
    state_dict: Mapping[str, Tensor],
    metadata: Mapping[str, str] | None,
    name: str,
    dtype: torch.dtype = torch.bfloat16,
) -> AdapterFile:
    """The same from tensors and metadata at hand.

    Args:
        state_dict: the file's tensors.
        metadata: of the file.
        name: of the file, for errors.
        dtype: of layers that were quantised with scales.
    """
    metadata = metadata or {}
    try:
        plain, changed = dequantise(state_dict, layer_formats(state_dict, metadata), dtype, unscaled=False)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    if is_ours(metadata):
        file = _parse_ours(plain, metadata, name)
    else:
        foreign = parse_foreign(plain, name)
        file = AdapterFile(foreign.kind, foreign.config, foreign.state_dict, name=name, notes=foreign.notes)
    check_weights(file.state_dict, name)
    return replace(file, notes=(*file.notes, *made_plain(changed)))


def is_ours(metadata: Mapping[str, str]) -> bool:
    """Whether metadata says that an adapter is in our layout; a generator's file may have no more than a schedule."""
    return any(key.startswith(PREFIX) for key in metadata.keys() - {f"{PREFIX}schedule", f"{PREFIX}text"})


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
        low_rank=entries.low_rank.build() if entries.low_rank else None,
    )
