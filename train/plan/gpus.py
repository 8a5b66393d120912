"""GPUs by name: dense arithmetic and memory, from the vendors' data sheets."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

import torch

from ..errors import TrainError

SHARE_OF_PEAK = 0.45
"""Share of the data sheet's peak that training is assumed to reach; an assumption, not a measurement."""


@dataclass(frozen=True)
class Gpu:
    """A card.

    Attributes:
        name: short.
        bf16: dense TFLOP/s in bfloat16 with float32 sums (half of what data sheets print for sparse matrices).
        fp32: TFLOP/s in float32.
        gigabytes: memory, 1e9 bytes each.
    """

    name: str
    bf16: float
    fp32: float
    gigabytes: float

    def seconds(self, flops: float, precision: str) -> float:
        """How long this many operations take at the assumed share of the peak."""
        return flops / ((self.fp32 if precision == "fp32" else self.bf16) * 1e12 * SHARE_OF_PEAK)


GPUS = (
    Gpu("B200", 2250, 75, 180),
    Gpu("H200", 989, 67, 141),
    Gpu("H100", 989, 67, 80),
    Gpu("H100-NVL", 835, 60, 94),
    Gpu("H100-PCIe", 756, 51, 80),
    Gpu("H20", 148, 44, 96),
    Gpu("A100-80G", 312, 19.5, 80),
    Gpu("A100-40G", 312, 19.5, 40),
    Gpu("A40", 149.7, 37.4, 48),
    Gpu("A30", 165, 10.3, 24),
    Gpu("A10", 125, 31.2, 24),
    Gpu("L40S", 362, 91.6, 48),
    Gpu("L40", 181, 90.5, 48),
    Gpu("L4", 121, 30.3, 24),
    Gpu("A6000", 154.8, 38.7, 48),
    Gpu("6000-Ada", 364.2, 91.1, 48),
    Gpu("5090", 209.5, 104.8, 32),
    Gpu("4090", 165.2, 82.6, 24),
    Gpu("4080", 97.5, 48.7, 16),
    Gpu("3090", 71, 35.6, 24),
)


def find_gpu(name: str) -> Gpu:
    """The card of that name (upper or lower case, with or without a dash).

    Raises:
        TrainError: it is not in the table.
    """
    known = {_plain(gpu.name): gpu for gpu in GPUS}
    wanted = _plain(name)
    for prefix in ("nvidia", "geforce", "rtx"):
        wanted = wanted.removeprefix(prefix)
    if wanted in known:
        return known[wanted]
    begin = [gpu.name for key, gpu in known.items() if key.startswith(wanted)] if wanted else []
    close = begin or [known[key].name for key in difflib.get_close_matches(wanted, known, n=1, cutoff=0.5)]
    hint = f" (did you mean {' or '.join(close)}?)" if close else ""
    raise TrainError(
        f"--gpu is {name!r}, which is not in the table{hint}; choose from {', '.join(gpu.name for gpu in GPUS)}."
    )


def this_gpu(default: str = "H200") -> Gpu:
    """This machine's first card with its own memory, or the default where there is none or it is unknown."""
    if torch.cuda.is_available():
        found = torch.cuda.get_device_properties(0)
        gigabytes = found.total_memory / 1e9
        plain = _plain(found.name)
        # The longest name wins: an H100 PCIe is not an H100.
        for gpu in sorted(GPUS, key=lambda gpu: -len(gpu.name)):
            words = [_plain(word) for word in gpu.name.split("-")]
            if all(word in plain for word in words) and abs(gpu.gigabytes / gigabytes - 1) < 0.2:
                return Gpu(gpu.name, gpu.bf16, gpu.fp32, gigabytes)
    return find_gpu(default)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
