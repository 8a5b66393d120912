"""Small adapter files: a ControlNet as its difference to the generator that it was trained on, and the whole one made again.

A ControlNet begins as a copy of the generator. Of the linear layers that have a counterpart there, a small file holds ``KEY.up``, ``KEY.down``
and ``KEY.scale`` (see ``low_rank``); what training did not change is left out; the rest (biases, norms, the embedding of the control latent,
zero convolutions) is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ..wan.config import WanConfig
from ..wan.fingerprint import same_generator, short_name
from .adapter_file import AdapterFile
from .construct import empty_adapter
from .controlnet import generator_key
from .low_rank import LowRank, Pair, joined, lost, pair_of, pays


def shrunk(
    file: AdapterFile, generator: Mapping[str, Tensor], rank: int, device: torch.device | str = "cpu"
) -> AdapterFile:
    """The small form of an adapter.

    Args:
        file: a whole ControlNet's; its mark must be the generator's.
        generator: weights in the original layout, as users will load them.
        rank: of the products, from 1.
        device: where they are computed, matrix by matrix.

    Raises:
        ValueError: a ResNet, which has nothing of the generator; or no mark.
    """
    if file.kind != "controlnet":
        raise ValueError(
            f"{file.name} is a {file.kind} adapter, which has no weights of the generator to leave out and is small already; publish it as it is."
        )
    if file.base_fingerprint is None:
        raise ValueError(
            f"{file.name} does not say which generator it was trained on, which a small file needs; export it again."
        )
    points = file.config["inject_after"]
    kept: dict[str, Tensor] = {}
    errors = []
    for key, weight in file.state_dict.items():
        source = generator_key(key, points)
        base = None if source is None else generator[source]
        if base is not None and torch.equal(weight, base.to(weight.dtype)):
            continue
        if base is None or not pays(weight.shape, rank):
            kept[key] = weight
            continue
        there, began = weight.to(device), base.to(device)
        pair = pair_of(there, began, rank)
        errors.append(lost(pair, there, began))
        kept |= {f"{key}.{name}": part.cpu() for name, part in pair._asdict().items()}
    note = LowRank(rank, sum(errors) / max(1, len(errors)), max(errors, default=0.0))
    return replace(file, state_dict=kept, low_rank=note)


def rebuilt(
    file: AdapterFile,
    generator: WanConfig,
    mark: str | None,
    weight_of: Callable[[str], Tensor],
    dtype: torch.dtype | None = None,
) -> AdapterFile:
    """The whole adapter of a small file, on the device of the generator's weights; any other file as it is.

    Args:
        file: read and checked.
        generator: its sizes.
        mark: of the generator; None where its weights cannot be read.
        weight_of: a weight of the generator by its original name. One is asked for after the other, so that none need be kept.
        dtype: of what is made again; None for the file's.

    Raises:
        ValueError: another generator, or pairs that are damaged or do not fit.
    """
    if file.low_rank is None:
        return file
    check_base(file.name, file.base_fingerprint or "unknown", mark)
    adapter = empty_adapter(file, generator)
    left = dict(file.state_dict)
    whole: dict[str, Tensor] = {}
    for key, wanted in adapter.state_dict().items():
        source = generator_key(key, adapter.inject_after)
        if key in left:
            whole[key] = left.pop(key)
        elif source is not None:
            parts = {name: left.pop(f"{key}.{name}") for name in Pair._fields if f"{key}.{name}" in left}
            base = weight_of(source)
            if parts:
                pair = _checked(parts, key, tuple(wanted.shape), file)
                whole[key] = joined(pair, base).to(dtype or pair.up.dtype)
            else:
                whole[key] = base if dtype is None else base.to(dtype)
    return replace(file, state_dict=whole | left, low_rank=None)


def check_base(name: str, wanted: str, mark: str | None) -> None:
    """Check that a small file belongs to a generator.

    Args:
        name: of the file.
        wanted: the mark in it.
        mark: of the generator; None where its weights cannot be read.

    Raises:
        ValueError: it belongs to another one, or nobody can tell.
    """
    if mark is None or (same := same_generator(mark, wanted)) is None:
        raise ValueError(
            f"{name} holds only the difference to the generator {short_name(wanted)}, but the weights of this generator cannot be read "
            "(GGUF?); load a .safetensors generator, or use the full adapter file."
        )
    if not same:
        raise ValueError(
            f"{name} holds only the difference to the generator {short_name(wanted)}, but this generator is {short_name(mark)}; load the "
            "generator that it was made for, or use the full adapter file."
        )


def _checked(parts: Mapping[str, Tensor], key: str, shape: tuple[int, ...], file: AdapterFile) -> Pair:
    assert file.low_rank is not None
    lacking = [f"{key}.{name}" for name in Pair._fields if name not in parts]
    if lacking:
        raise ValueError(f"{file.name} lacks {', '.join(lacking)}; download or export it again.")
    pair, rank = Pair(**parts), file.low_rank.rank
    found = [list(part.shape) for part in pair]
    wanted = [[shape[0], rank], [rank, *shape[1:]], []]
    if len(shape) != 2 or found != wanted:
        raise ValueError(
            f"{file.name} has halves of the shapes {found[0]} and {found[1]} and a scale of {found[2]} for {key}, but rank {rank} of "
            f"{list(shape)} was expected; download or export it again."
        )
    return pair
