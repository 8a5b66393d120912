"""Write the codec that the registry's archive carries: `python -m tools.make_carried` inside the test environment.

ComfyUI fixes the shape of this codec at 11.4 million weights, 22.8 MB in float16, which hardly compress. The archive's copy keeps the same
shape and dtype, but its decoder's large kernels are rounded to a grid of a sixth of their deviation, which compresses to 8.4 MB, and
kernels of the encoder that a kernel of zeros follows are zero. The encoder therefore gives the very same latents.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from .terminal import options_of

if TYPE_CHECKING:
    from torch import Tensor

TINY = Path(__file__).resolve().parents[1] / "assets" / "tiny"
FILE = "vae/flashmotion_tiny_vae.safetensors"
EXACT, CARRIED = TINY / FILE, TINY / "carried" / FILE
LARGE = 40_000  # weights of a kernel; smaller ones stay as they are
STEPS = 6  # of the grid in one standard deviation


def rounded(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The codec with rounded kernels, in the same shapes and dtype.

    Args:
        weights: a TAEHV by key, float16.
    """
    unused = {
        key.replace("conv.4.", f"conv.{layer}.")
        for key, kernel in weights.items()
        if key.endswith("conv.4.weight") and not kernel.any()
        for layer in (0, 2)
    }
    kept = {}
    for key, weight in weights.items():
        if key in unused:
            kept[key] = weight * 0
        elif key.startswith("decoder.") and weight.numel() > LARGE:
            kept[key] = _on_grid(weight)
        else:
            kept[key] = weight
    return kept


def _on_grid(weight: Tensor) -> Tensor:
    """A kernel in multiples of a power of two, so that all of them are float16 numbers."""
    step = 2.0 ** round(math.log2(weight.double().std().item() / STEPS))
    return (weight.double() / step).round().mul(step).to(weight.dtype)


def main() -> None:
    """Write the file."""
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    options_of("tools.make_carried", __doc__).parse_args()
    with safe_open(EXACT, "pt") as file:
        metadata = file.metadata()
    CARRIED.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        rounded(load_file(EXACT)), CARRIED, {**metadata, "rounded": f"decoder kernels, {STEPS} steps a deviation"}
    )
    print(CARRIED)


if __name__ == "__main__":
    main()
