"""How much memory some work takes on the CPU."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from typing import Any

from torch._C._profiler import _EventType
from torch.profiler import ProfilerActivity, profile

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else torch's profiler speaks of its beginning and end


def traced_peak(work: Callable[[], object]) -> int:
    """The most bytes that torch held at once during the work, beyond what it held before; exact, not sampled.

    Blocks are followed by their addresses. The size that torch reports of a freed block may be that of an older block at the same
    address, allocated while another profile ran and freed after it.
    """
    gc.collect()  # what earlier work left in cycles must not be freed in the middle
    gc.disable()
    try:
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
            work()
    finally:
        gc.enable()
    assert profiler.profiler is not None
    assert profiler.profiler.kineto_results is not None
    changes = sorted(_changes(profiler.profiler.kineto_results.experimental_event_tree()), key=lambda change: change[0])
    sizes: dict[int, int] = {}
    held = peak = 0
    for _, address, size in changes:
        if size > 0:
            sizes[address] = size
            held += size
        else:
            held -= sizes.pop(address, 0)
        peak = max(peak, held)
    return peak


def _changes(events: list[Any]) -> Iterator[tuple[int, int, int]]:
    """When, at which address and by how many bytes what torch holds changed."""
    for event in events:
        kind, fields = event.typed
        if kind == _EventType.Allocation:
            yield event.start_time_ns, fields.ptr, fields.alloc_size
        yield from _changes(event.children)
