"""What several nodes and runs share: adapters, control latents and guides. Another strength reads, encodes and uploads nothing again."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

import torch
from torch import Tensor

from ..flashmotion_core.guide.guide import Guide

Encoded = TypeVar("Encoded")
Key: TypeAlias = tuple[tuple[str, int, int], Hashable]
LATENTS = 4
"""Latents kept for each VAE, the ones used last: 21 MB each at 1280 x 704 x 121."""


class SharedAdapters:
    """One adapter for each file and use of it, for as long as a MODEL holds it.

    ComfyUI drops a node's old output before it runs the node again, and an adapter that only that output holds would go with it. So
    ``hold`` keeps a file's adapters from the moment in which ComfyUI asks whether the node has changed, until ``release``.
    """

    def __init__(self) -> None:
        self._shared: WeakValueDictionary[Key, Any] = WeakValueDictionary()
        self._held: dict[Key, Any] = {}

    def get(self, path: str, use: Hashable, load: Callable[[], Any]) -> Any:
        """The adapter of a file as it is now on disk.

        Args:
            path: of the file.
            use: what else the adapter depends on, such as the sizes of the generator.
            load: reads the file; called where nobody holds the adapter.
        """
        key = (_state(path), use)
        found = self._shared.get(key)
        if found is None:
            found = self._shared[key] = load()
        return found

    def hold(self, path: str) -> None:
        """Keep the adapters of a file that are still in use."""
        state = _state(path)
        self._held.update({key: value for key, value in self._shared.items() if key[0] == state})

    def release(self) -> None:
        """From here on MODELs alone decide what stays."""
        self._held.clear()


class SharedLatents(Generic[Encoded]):
    """The last clips that each VAE encoded; they go when the VAE goes."""

    def __init__(self) -> None:
        self._latents: WeakKeyDictionary[Any, OrderedDict[Hashable, Encoded]] = WeakKeyDictionary()

    def get(self, vae: Any, key: Hashable, encode: Callable[[], Encoded]) -> Encoded:
        """What was encoded of a clip.

        Args:
            vae: the network that encodes.
            key: everything that the clip is drawn from.
            encode: draws the clip and encodes it; called where its latent is not kept.
        """
        kept = self._latents.setdefault(vae, OrderedDict())
        if key not in kept:
            kept[key] = encode()
            while len(kept) > LATENTS:
                kept.popitem(last=False)
        kept.move_to_end(key)
        return kept[key]


def _state(path: str) -> tuple[str, int, int]:
    file = Path(path).stat()
    return path, file.st_size, file.st_mtime_ns


def digest(tensor: Tensor | None) -> tuple[Any, ...] | None:
    """What tells pictures or masks apart without keeping them."""
    if tensor is None:
        return None
    pixels = tensor.detach().cpu().contiguous()
    return pixels.shape, pixels.dtype, hashlib.blake2b(pixels.view(torch.uint8).numpy().data).digest()


ADAPTERS = SharedAdapters()
CONTROL_LATENTS: SharedLatents[Tensor] = SharedLatents()
GUIDES: SharedLatents[Guide] = SharedLatents()
