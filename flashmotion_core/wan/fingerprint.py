"""The mark of a generator's weights: a few of them, enough to compare two files whatever type each is stored in.

A mark is a text of four parts, ``2:NAME:OLD:SAMPLE``:

- ``NAME``: 16 hex digits over the sample, for people
- ``OLD``: the mark of version 1, 16 hex digits over two small tables; files that hold only this one are compared by it
- ``SAMPLE``: four weights of each layer with at least two dimensions, always at the same places: three bytes each, in hex digits. The first
  two are the weight in bfloat16, the third says how exactly the file knows it

Two marks name the same generator if no weight differs by more than the types of both files explain. So float32, bfloat16, float16, fp8 and
int8 copies of one generator have marks that agree, in any key layout, and a LoRA of strength 0.1 or a training run of a few steps does not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from .config import WanConfig, config_of, generator_shapes, shapes_of
from .keys import is_diffusers, to_diffusers_key
from .prefixes import find_network
from .quantised import FLOATS, half_steps, is_helper, layer_formats, weight_rows

VERSION = "2"
SAMPLES = 4
"""Weights per layer."""
FORGIVEN = 500
"""One weight in so many may differ without a reason: sums in another order, stochastic rounding."""
UNKNOWN, EXACT, HALF, CODED = 0, 1, 2, 3
"""How a weight is known: not at all, to bfloat16 (or better), to float16, or to 2^((code - 3) / 4 - 50)."""
OLD_KEYS = ("head.modulation", "blocks.0.modulation")


def fingerprint(state_dict: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> str:
    """The mark of a generator; see the module. Touches a few kilobytes of a memory-mapped file.

    Args:
        state_dict: all tensors of a file, in any layout, behind any prefix, quantised or not.
        metadata: of the file, which may say how layers are quantised.

    Raises:
        ValueError: not a whole Wan2.2-TI2V-5B generator.
    """
    network = find_network(state_dict)
    tensors = {name: state_dict[key] for name, key in network.keys.items()}
    formats = {network.bare(layer): found for layer, found in layer_formats(state_dict, metadata).items()}
    other = is_diffusers(tensors)
    layers = _layers_of(tensors, other)
    values, codes = [], []
    for name in layers:
        value, code = _sample(tensors, formats, to_diffusers_key(name) if other else name, name)
        values.append(value)
        codes.append(code)
    old = old_fingerprint({key: tensors[to_diffusers_key(key) if other else key] for key in OLD_KEYS})
    return _written(torch.cat(values), torch.cat(codes), old)


def old_fingerprint(tables: Mapping[str, Tensor]) -> str:
    """The mark of version 1: 16 hex digits over the generator's two smallest tables, ``OLD_KEYS``."""
    digest = hashlib.sha256()
    for key in OLD_KEYS:
        table = tables[key].detach().to("cpu", torch.bfloat16).contiguous()
        digest.update(table.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def same_generator(first: str, second: str) -> bool | None:
    """Whether two marks name the same generator; None where they cannot say.

    Marks of version 1 are compared by the rule of version 1, with each other and with newer ones.
    """
    if first == second:
        return True
    parts = [mark.split(":") for mark in (first, second)]
    if any(len(part) == 1 for part in parts):
        old = {part[0] if len(part) == 1 else part[2] if len(part) == 4 else "" for part in parts}
        return len(old) == 1
    left, right = _read(first), _read(second)
    if left is None or right is None:
        return None
    (one, how_one), (two, how_two) = left, right
    if len(one) != len(two):
        return False
    known = (how_one != UNKNOWN) & (how_two != UNKNOWN)
    if not known.any():
        return None
    bound = torch.where((how_one == EXACT) & (how_two == EXACT), 0.0, _bounds(one, how_one) + _bounds(two, how_two))
    near = (one - two).abs() <= bound * 1.001
    return int((known & ~near).sum()) <= len(one) // FORGIVEN


def short_name(mark: str) -> str:
    """What people read of a mark: at most 16 characters."""
    parts = mark.split(":")
    return (parts[1] if len(parts) == 4 else mark)[:16]


def sampled_layers(mark: str) -> list[str]:
    """The keys of the layers that a mark samples, in the original layout; none for a mark of version 1."""
    read = _read(mark)
    return (
        []
        if read is None
        else _layers((len(read[0]) // SAMPLES - len(_layers(0))) // (len(_layers(1)) - len(_layers(0))))
    )


def places(name: str, rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """Rows and columns of the weights that stand for a layer, ``[SAMPLES]`` each; for more than two dimensions the columns are flattened."""
    seeds = [hashlib.sha256(f"{name}/{index}".encode()).digest() for index in range(SAMPLES)]
    numbers = [(int.from_bytes(seed[:8], "big") % rows, int.from_bytes(seed[8:16], "big") % columns) for seed in seeds]
    row, column = torch.tensor(numbers).unbind(1)
    return row, column


def changed_mark(mark: str, changes: Mapping[str, Sequence[float] | Tensor | None]) -> str:
    """The mark of a generator after something was added to some of its layers.

    Args:
        mark: of the generator.
        changes: ``{layer: what is added at its places, or None where that is not known}``; keys of ``sampled_layers``.
    """
    read = _read(mark)
    if read is None or not changes:
        return mark
    values, codes = read
    for index, layer in enumerate(sampled_layers(mark)):
        if layer in changes:
            part = slice(index * SAMPLES, (index + 1) * SAMPLES)
            change = changes[layer]
            codes[part] = torch.where(codes[part] == UNKNOWN, UNKNOWN, _coded(_bounds(values[part], codes[part])))
            # NaN is near nothing: what changed a layer beyond our knowledge makes it another generator.
            values[part] += torch.nan if change is None else torch.as_tensor(change, dtype=torch.float32)
    return _written(values, codes, mark.split(":")[2])


def _layers_of(tensors: Mapping[str, Tensor], diffusers: bool) -> list[str]:
    shapes = {name: shape for name, shape in shapes_of(tensors).items() if not is_helper(name)}
    if diffusers:
        from .keys import to_original

        shapes = to_original(shapes)
    return _layers(config_of(shapes).num_layers)


def _layers(blocks: int) -> list[str]:
    return [key for key, shape in generator_shapes(WanConfig(num_layers=blocks)).items() if len(shape) > 1]


def _sample(
    tensors: Mapping[str, Tensor], formats: Mapping[str, Mapping[str, object]], key: str, name: str
) -> tuple[Tensor, Tensor]:
    """The values of a layer's sample, and how each is known."""
    unknown = torch.zeros(SAMPLES), torch.full((SAMPLES,), UNKNOWN)
    if key not in tensors:
        return unknown
    stored = tensors[key].detach()
    rows, _ = places(name, stored.shape[0], 1)
    try:
        found = weight_rows(tensors, formats, key, rows).flatten(1).cpu()
        _, columns = places(name, stored.shape[0], found.shape[1])
        values = found[range(SAMPLES), columns]
        plain = stored.dtype in (torch.float32, torch.bfloat16, torch.float16)
        if plain and key.removesuffix(".weight") not in formats:
            return values, torch.full((SAMPLES,), HALF if stored.dtype == torch.float16 else EXACT)
        steps = weight_rows(tensors, formats, key, rows, steps=True).flatten(1).cpu()[range(SAMPLES), columns]
    except ValueError:  # a format that is not known
        return unknown
    return values, _coded(steps)


def _coded(steps: Tensor) -> Tensor:
    return ((steps.clamp(min=2.0**-50).log2() + 50) * 4).ceil().long().clamp(max=255 - CODED) + CODED


def _bounds(values: Tensor, codes: Tensor) -> Tensor:
    """How far the true weights may be from a sample's values."""
    bfloat = half_steps(values.nan_to_num(), *FLOATS[torch.bfloat16])
    half = half_steps(values.nan_to_num(), *FLOATS[torch.float16])
    coded = torch.exp2((codes - CODED).float() / 4 - 50)
    return bfloat + torch.where(codes == EXACT, 0.0, torch.where(codes == HALF, half, coded))


def _written(values: Tensor, codes: Tensor, old: str) -> str:
    bits = values.to(torch.bfloat16).view(torch.int16).long() & 0xFFFF
    data = torch.stack([bits & 255, bits >> 8, codes], 1).to(torch.uint8).numpy().tobytes()
    name = hashlib.sha256(data).hexdigest()[:16]
    return f"{VERSION}:{name}:{old}:{data.hex()}"


def _read(mark: str) -> tuple[Tensor, Tensor] | None:
    """Values and codes of a mark of this version, whole or not at all."""
    parts = mark.split(":")
    if len(parts) != 4 or parts[0] != VERSION:
        return None
    try:
        data = bytes.fromhex(parts[3])
    except ValueError:
        return None
    root, block = len(_layers(0)), len(_layers(1)) - len(_layers(0))
    layers, rest = divmod(len(data), 3 * SAMPLES)
    if rest or layers < root or (layers - root) % block:
        return None
    table = torch.frombuffer(bytearray(data), dtype=torch.uint8).reshape(-1, 3).long()
    bits = table[:, 0] | table[:, 1] << 8
    return (bits << 16).to(torch.int32).view(torch.float32), table[:, 2]
