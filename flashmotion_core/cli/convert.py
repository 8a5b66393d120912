"""Convert a checkpoint to a safetensors file with the original key names and our metadata.

    python convert.py IN OUT.safetensors [--dtype bf16] [--take generator] [--schedule turbo]
    python convert.py BASE OUT.safetensors --lora LORA.safetensors
    python convert.py GENERATOR FOLDER --diffusers [--dtype bf16]

Reads safetensors files in any layout, in parts or quantised, and pickles of training code (nested, prefixed, float32), which cannot run code.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..sampling.schedule import PRESETS
from .dtype_words import DTYPE_WORDS
from .endings import finish


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python convert.py",
        description="Convert a generator, adapter, VAE or text encoder to one safetensors file.",
    )
    parser.add_argument(
        "source", type=Path, help=".safetensors, .pt, .pth or .ckpt file; folder or index file of a sharded one"
    )
    parser.add_argument("target", type=Path, help="safetensors file (with --diffusers: folder) to write")
    parser.add_argument("--diffusers", action="store_true", help="write a generator as a folder for diffusers")
    parser.add_argument(
        "--dtype",
        choices=list(DTYPE_WORDS),
        help="dtype of the written weights (default: unchanged; quantised ones become bf16)",
    )
    parser.add_argument(
        "--take", help="network to take where there are several, such as generator or critic (default: the EMA, if any)"
    )
    parser.add_argument(
        "--schedule", choices=list(PRESETS), help="schedule of the weights (default: as the file says, else turbo)"
    )
    parser.add_argument(
        "--inject-after",
        type=_numbers,
        metavar="0,2,...",
        help="generator blocks that an adapter without our metadata adds to (default: all)",
    )
    parser.add_argument(
        "--groups", type=int, help="groups of the norms of a ResNet adapter without our metadata (default: 32)"
    )
    parser.add_argument(
        "--plain",
        action="store_true",
        help="any other network, such as I3D for the benchmark: tensors as they are named",
    )
    parser.add_argument("--lora", type=Path, help="a LoRA to add to a generator for good, such as Turbo's or FastWan's")
    options = parser.parse_args(arguments)
    return finish(lambda: print(_run(options)), dict.fromkeys(("GPU", "computer"), "close other programs"))


def _run(options: argparse.Namespace) -> str:
    """Convert as the options say, and say what was written."""
    from .convert_file import DTYPES, convert
    from .diffusers_folder import to_diffusers_folder

    dtype = DTYPES.get(options.dtype)
    if options.diffusers:
        if any((options.take, options.schedule, options.inject_after, options.groups, options.plain, options.lora)):
            raise ValueError("--diffusers takes no option but --dtype; convert to a safetensors file first.")
        to_diffusers_folder(options.source, options.target, dtype)
        return f"{options.source.name}: a generator -> {options.target / 'transformer'}"
    said = convert(
        options.source,
        options.target,
        dtype=dtype,
        take=options.take,
        schedule=options.schedule,
        inject_after=options.inject_after,
        groups=options.groups,
        plain=options.plain,
        lora=options.lora,
    )
    return f"{said} -> {options.target} ({options.target.stat().st_size / 1e6:.1f} MB)"
