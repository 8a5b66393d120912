"""Adapter and generator files: safetensors with original key names, and metadata that says how to use the weights.

Metadata entries (all strings): ``flashmotion.format`` (``1``), ``flashmotion.kind`` (``controlnet``, ``resnet`` or ``generator``),
``flashmotion.config``, ``flashmotion.schedule``, ``flashmotion.map`` (JSON each), ``flashmotion.base`` (fingerprint of the generator the
adapter was trained on) and, for a generator trained without text, ``flashmotion.text`` = ``none``.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from inspect import signature
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..sampling import Schedule
from ..wan.block import Attention, scaled_dot_product
from ..wan.config import WanConfig, config_of, shapes_of
from ..wan.keys import is_diffusers, to_original
from ..wan.prefixes import find_network
from ..wan.quantised import is_helper
from ..weights import model_files, read_header, read_tensors, save_whole
from .adapter import TrajectoryAdapter
from .controlnet import ControlNetAdapter
from .foreign import parse_foreign
from .resnet import ResNetAdapter

FORMAT = "1"
KINDS: dict[str, type[ControlNetAdapter] | type[ResNetAdapter]] = {
    "controlnet": ControlNetAdapter,
    "resnet": ResNetAdapter,
}


@dataclass(frozen=True)
class MapStyle:
    """How the control map that an adapter was trained on looks.

    Attributes:
        mode: ``box`` (outlines after frame 0) or ``mask`` (filled).
        opacity: 0..1 of the palette's full colour; 0.5 is what released adapters know.
        thickness: outline in pixels; None for min(height, width) // 100.
    """

    mode: Literal["box", "mask"] = "box"
    opacity: float = 0.5
    thickness: int | None = None

    def __post_init__(self) -> None:
        if self.mode not in ("box", "mask"):
            raise ValueError(f"the map mode is {self.mode!r}, but must be 'box' or 'mask'.")
        if not 0 < self.opacity <= 1:
            raise ValueError(f"the map opacity is {self.opacity!r}, but must be above 0 and at most 1.")
        if self.thickness is not None and self.thickness < 1:
            raise ValueError(f"the map's outline thickness is {self.thickness!r}, but must be at least 1 pixel.")


@dataclass(frozen=True)
class AdapterFile:
    """An adapter's file, read and checked but not built; ``notes`` say what was assumed of a foreign one."""

    kind: str
    config: dict[str, Any]
    state_dict: dict[str, Tensor]
    schedule: Schedule = field(default_factory=Schedule)
    map_style: MapStyle = field(default_factory=MapStyle)
    base_fingerprint: str | None = None
    name: str = "the adapter"
    notes: tuple[str, ...] = ()


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
    shapes = {key: shapes[found] for key, found in find_network(shapes).keys.items() if not is_helper(key)}
    diffusers_layout = is_diffusers(shapes)
    if diffusers_layout:
        shapes = to_original(shapes)
    schedule = metadata.get("flashmotion.schedule")
    return GeneratorInfo(
        config=config_of(shapes, metadata),
        schedule=Schedule.from_json(schedule) if schedule else None,
        text=metadata.get("flashmotion.text") != "none",
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
    """The same from an adapter's parts, without its module."""
    metadata = {
        "flashmotion.format": FORMAT,
        "flashmotion.kind": file.kind,
        "flashmotion.config": json.dumps(file.config),
        "flashmotion.schedule": file.schedule.to_json(),
        "flashmotion.map": json.dumps(asdict(file.map_style)),
    }
    if file.base_fingerprint is not None:
        metadata["flashmotion.base"] = file.base_fingerprint
    save_whole(path, {key: value.detach().contiguous() for key, value in file.state_dict.items()}, metadata)


def read_adapter(path: str | Path) -> AdapterFile:
    """Read an adapter, ours or of a recognised foreign layout.

    Raises:
        ValueError: an unreadable file, not an adapter (says what it is), keys that do not fit (names every one), damaged metadata, a
            ControlNet at half resolution, or settings of a later version (names every one).
    """
    state_dict, metadata = read_tensors(path)
    return parse_adapter(state_dict, metadata, Path(path).name)


def parse_adapter(state_dict: Mapping[str, Tensor], metadata: Mapping[str, str] | None, name: str) -> AdapterFile:
    """The same from tensors and metadata at hand; ``name`` is used in error messages."""
    metadata = metadata or {}
    kind = metadata.get("flashmotion.kind")
    if kind is None:
        foreign = parse_foreign(state_dict, name)
        return AdapterFile(foreign.kind, foreign.config, foreign.state_dict, name=name, notes=foreign.notes)
    if metadata.get("flashmotion.format") != FORMAT:
        raise ValueError(
            f"{name} has format {metadata.get('flashmotion.format')!r}, but this version reads {FORMAT!r}; update FlashMotion."
        )
    if kind not in KINDS:
        raise ValueError(
            f"{name} is a FlashMotion {kind}, but an adapter (controlnet or resnet) was expected; choose another file."
        )
    try:
        config = json.loads(metadata["flashmotion.config"])
        generator = config["generator"]
        if config.pop("half_resolution", False):
            raise ValueError(
                f"{name} is a ControlNet with half_resolution on, but ControlNets run at full resolution only; train it again without."
            )
        sizes = {entry.name for entry in fields(WanConfig)}
        later = (config.keys() - signature(KINDS[kind]).parameters) | (generator.keys() - sizes)
        for size in ("dim", "num_layers"):  # every file says them
            operator.index(generator[size])
        style = MapStyle(**json.loads(metadata["flashmotion.map"]))
        schedule = Schedule.from_json(metadata["flashmotion.schedule"])
    except (AttributeError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{name}: its FlashMotion metadata is damaged ({error}); export the adapter again.") from error
    if later:
        raise ValueError(
            f"{name} has settings that this version does not know ({', '.join(sorted(later))}); update FlashMotion."
        )
    return AdapterFile(kind, config, dict(state_dict), schedule, style, metadata.get("flashmotion.base"), name)


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
    # A ControlNet's own feed-forward and text widths come from its file: they need not equal the generator's.
    known: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in made_for.items()}
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
