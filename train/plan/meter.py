"""Count a computation on the meta device: the bytes that its tensors take at most, and its FLOPs. Nothing is computed or allocated."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class Meter(TorchDispatchMode):
    """Within it, every new storage on the meta device is counted until it is let go, and every product's multiplications and additions.

    Attributes:
        bytes: of the tensors that are alive now.
        peak: the most there were.
        flops: two for each multiply-add.
        exempt: while it is true, what appears counts nothing, now or later.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = self.peak = self.flops = 0
        self.exempt = False
        self._known: dict[int, weakref.ref[Any]] = {}

    def ignore(self, tensors: Iterable[Tensor]) -> None:
        """Tensors that are there before and counted elsewhere: weights, batches."""
        for tensor in tensors:
            self._take(tensor.untyped_storage(), 0)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do it and count it."""
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            self.flops += count(*args, **kwargs, out_val=out)
        for value in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(value, Tensor) and value.device.type == "meta":
                storage = value.untyped_storage()
                if storage._cdata not in self._known:
                    self._take(storage, 0 if self.exempt else storage.nbytes())
        return out

    def _take(self, storage: torch.UntypedStorage, size: int) -> None:
        key = storage._cdata

        def let_go(_: object) -> None:
            self.bytes -= size
            del self._known[key]

        if key not in self._known:
            # torch keeps a storage's Python object as long as the storage itself.
            self._known[key] = weakref.ref(storage, let_go)
            self.bytes += size
            self.peak = max(self.peak, self.bytes)
