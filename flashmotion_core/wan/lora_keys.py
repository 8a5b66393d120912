"""Names of a LoRA's tensors as the generator's own: every trainer puts other words before a layer's name, and some after it.

One rule for both doors, LoadFastGenerator and the converter.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from torch import Tensor

from .keys import to_diffusers_key
from .prefixes import WRAPPERS, without_residue

_WRAPPERS = WRAPPERS | {"base_model", "pipe"}
# Of trainers that write a layer's name with underscores; VideoX-Fun puts two behind it.
_JOINED = re.compile(r"^(?:lora_unet|lora_transformer|lora_dit|lycoris)_+")
# PEFT puts the name of its adapter, such as `default`, behind the factor's.
_ADAPTER = re.compile(r"(\.lora_[AB])\.[^.]+\.(weight|bias)$")


class LayerKey(NamedTuple):
    """A LoRA's key in two parts: the generator's layer by the original name, and what follows, such as ``.lora_A.weight``."""

    layer: str
    rest: str


def with_own_names(
    tensors: Mapping[str, Tensor], layers: Iterable[str], name: str, prefix: str = ""
) -> dict[str, Tensor]:
    """The LoRA with every key that names one of `layers` as ``prefix + layer + rest``; other keys stay as they are.

    Args:
        tensors: by the file's keys.
        layers: of the generator, in the original layout, without ``.weight``.
        name: of the file, for the error.
        prefix: to put before a layer's name.

    Raises:
        ValueError: two keys become one, as where a file holds two adapters.
    """
    spelt = _spellings(layers)
    made: dict[str, Tensor] = {}
    origin: dict[str, str] = {}
    for key, value in tensors.items():
        found = _split(key, spelt)
        own = key if found is None else f"{prefix}{found.layer}{found.rest}"
        if own in made:
            raise ValueError(
                f"the LoRA {name} has {origin[own]} and {key} for the same weight; export one adapter only."
            )
        made[own], origin[own] = value, key
    return made


def _spellings(layers: Iterable[str]) -> dict[str, str]:
    """Every way to write a layer's name: original or diffusers', with dots or underscores."""
    found: dict[str, str] = {}
    for layer in layers:
        names = [layer]
        with contextlib.suppress(KeyError):
            names.append(to_diffusers_key(f"{layer}.weight").removesuffix(".weight"))
        found |= {spelt: layer for name in names for spelt in (name, name.replace(".", "_"))}
    return found


def _split(key: str, spelt: Mapping[str, str]) -> LayerKey | None:
    for stem, rest in _cuts(_bare(without_residue(key))):
        if stem in spelt:
            return LayerKey(spelt[stem], _ADAPTER.sub(r"\1.\2", rest))
    return None


def _cuts(key: str) -> Iterator[tuple[str, str]]:
    """The key cut at each of its dots, the last one first; older diffusers writes ``to_q_lora.down``."""
    for cut in reversed([match.start() for match in re.finditer(r"\.", key)]):
        yield key[:cut], key[cut:]
        if key[:cut].endswith("_lora"):
            yield key[: cut - len("_lora")], key[cut - len("_lora") :]


def _bare(key: str) -> str:
    joined = _JOINED.sub("", key)
    if joined != key:
        return joined
    while (parts := key.partition("."))[0] in _WRAPPERS and parts[2]:
        key = parts[2]
    return key
