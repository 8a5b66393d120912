"""`export.lora_rank`: the FastAdapter as a small file too, the difference to its generator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from flashmotion_core.adapters import read_adapter, shrunk
from flashmotion_core.adapters.adapter_file import write_adapter

from ..run_folder.run import Run


def small_path(full: Path) -> Path:
    """Where the small file of an adapter goes: beside it."""
    return full.with_name(f"{full.stem}_lora.safetensors")


def export_small(run: Run, full: Path, generator: Mapping[str, Tensor], rank: int) -> Path:
    """Write the small file of an exported adapter, and say what it saves and loses.

    Args:
        run: for its console.
        full: the exported file; both are relative to what users load.
        generator: the exported generator's weights, or the given one's.
        rank: of the products.
    """
    small, target = shrunk(read_adapter(full), generator, rank, run.world.device), small_path(full)
    write_adapter(target, small)
    assert small.low_rank is not None
    before, after = (path.stat().st_size / 1e6 for path in (full, target))
    run.console.say(
        f"export: {target.name} has {after:.1f} MB instead of {before:.1f}. Of what training changed in a matrix, rank {rank} loses "
        f"{small.low_rank.mean_error:.0%} on average and {small.low_rank.worst_error:.0%} at most: compare clips of both before you publish it."
    )
    return target
