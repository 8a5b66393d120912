"""Adapter modules made of what a file holds, checked against the generator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from ..metadata import FORMAT as FORMAT
from ..wan.block import Attention, scaled_dot_product
from ..wan.config import LATENT_CHANNELS, WanConfig, shapes_of
from .adapter import TrajectoryAdapter
from .adapter_file import KINDS, AdapterFile
from .map_style import MapStyle as MapStyle

SHARED = ("in_channels", "out_channels", "text_dim", "patch_size")
"""Sizes of what generator and adapter both read and write; where they differ, sampling would fail."""


def empty_adapter(
    file: AdapterFile,
    generator: WanConfig,
    *,
    operations: Any = nn,
    attention: Attention = scaled_dot_product,
    dtype: torch.dtype | None = None,
) -> TrajectoryAdapter:
    """The adapter's module on the meta device, checked against the generator's sizes.

    Raises:
        ValueError: another generator's adapter.
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
    return KINDS[file.kind](own, **config, operations=operations, attention=attention, device="meta", dtype=dtype)


def construct_adapter(
    file: AdapterFile,
    generator: WanConfig,
    *,
    operations: Any = nn,
    attention: Attention = scaled_dot_product,
    dtype: torch.dtype | None = None,
) -> TrajectoryAdapter:
    """The same, also checked against the file; load it with ``assign=True``.

    Raises:
        ValueError: another generator's adapter, keys or shapes that do not match (names every one), or a small file that was not made whole.
    """
    if file.low_rank is not None:
        raise ValueError(
            f"{file.name} is a small adapter file, which holds only the difference to its generator; give the full adapter file here."
        )
    # Of plain layers: on a GPU ComfyUI's have no weights before they are loaded.
    plain = empty_adapter(file, generator, attention=attention, dtype=dtype)
    expected, found = shapes_of(plain.state_dict()), shapes_of(file.state_dict)
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
    if operations is nn:
        return plain
    return empty_adapter(file, generator, operations=operations, attention=attention, dtype=dtype)


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
