"""Layers of foreign adapters under our names: what their keys and shapes say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from torch import Tensor

from ..wan.config import TI2V_5B

_INDEXED = re.compile(r"^(.*?)(\d+)((?:\.\w+)*)\.(weight|bias)$")


def residual_blocks(rest: Mapping[str, Tensor], width: int) -> dict[str, Tensor] | None:
    """Two norms and two 3 x 3 convolutions per index, in natural order, under our names; other keys keep theirs."""
    found: dict[str, Tensor] = {}
    layers: dict[tuple[int, str], list[str]] = {}
    for key in sorted(rest, key=_natural):
        match = _INDEXED.match(key)
        value = rest[key]
        if match and match.group(4) == "weight":
            kernel = [side for side in value.shape[2:] if side > 1]
            if value.ndim >= 4 and tuple(value.shape[:2]) == (width, width) and kernel == [3, 3]:
                layers.setdefault((int(match.group(2)), "conv"), []).append(key)
                continue
            if tuple(value.shape) == (width,):
                layers.setdefault((int(match.group(2)), "norm"), []).append(key)
                continue
        if not key.endswith("bias") or key.removesuffix("bias") + "weight" not in rest:
            found[key] = value
    if not layers:
        return None
    used = set()
    for (index, kind), keys in layers.items():
        for number, key in enumerate(keys, 1):
            value, bias = rest[key], rest.get(key.removesuffix("weight") + "bias")
            ours = f"trunk.{index}.{kind}{number}"
            found[f"{ours}.weight"] = value.flatten(2).unflatten(2, (3, 3)) if kind == "conv" else value
            found[f"{ours}.bias"] = value.new_zeros(width) if bias is None else bias
            used |= {key, key.removesuffix("weight") + "bias"}
    for key in rest:
        if key.endswith("bias") and key not in used and key.removesuffix("bias") + "weight" in rest:
            found[key] = rest[key]
    return found


def pointwise(tensors: Mapping[str, Tensor], shape: tuple[int, int]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Linear layers and 1 x 1 convolutions of a shape under any name with a number, as ``N.weight`` and ``N.bias``; and the rest."""
    found: dict[str, Tensor] = {}
    rest = dict(tensors)
    for key, value in tensors.items():
        match = _INDEXED.match(key)
        if match and match.group(4) == "weight" and is_pointwise(value) and tuple(value.shape[:2]) == shape:
            index = match.group(2)
            if f"{index}.weight" in found:
                continue
            found[f"{index}.weight"] = value.reshape(*shape, 1, 1)
            bias = rest.pop(key.removesuffix("weight") + "bias", None)
            found[f"{index}.bias"] = value.new_zeros(shape[0]) if bias is None else bias
            del rest[key]
    return found, rest


def is_pointwise(value: Tensor) -> bool:
    return 2 <= value.ndim <= 5 and all(side == 1 for side in value.shape[2:])


def depth_of(dim: int, count: int, inject_after: Sequence[int] | None, name: str) -> int:
    """Blocks of the generator; the 5B's are known by its width."""
    depth = TI2V_5B.num_layers if dim == TI2V_5B.dim else max([count - 1, *(inject_after or ())]) + 1
    if inject_after is None and count != depth:
        raise ValueError(
            f"{name} adds after {count} of the generator's {depth} blocks and does not say which; name them when you convert it."
        )
    if inject_after is not None and len(inject_after) != count:
        raise ValueError(f"{name} adds after {count} blocks, but {len(inject_after)} are named; name {count}.")
    return depth


def _natural(key: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", key)]
