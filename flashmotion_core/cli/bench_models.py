"""The benchmark's options for clips that it makes itself, and the rows they stand for."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..files.named_words import split_word

if TYPE_CHECKING:
    from ..benchmark.bench_rows import BenchRow
    from ..benchmark.bounds import Codec
    from ..benchmark.clip_set import BenchSet


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add them to the benchmark's."""
    making = parser.add_argument_group(
        "clips that the benchmark makes: one row per adapter, and one with counterfactual boxes"
    )
    making.add_argument("--generator", type=Path, metavar="FILE|DIR", help="generator; needs --vae and --set")
    making.add_argument(
        "--adapter",
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help="trajectory adapter; may be given again (default: the generator alone)",
    )
    making.add_argument("--text-encoder", type=Path, metavar="FILE|DIR", help="umT5; prompts are the set's NAME.txt")
    making.add_argument("--schedule", metavar="NAME|SIGMAS", help="default: the generator's own")
    making.add_argument("--steps", type=int, metavar="N", help="default: the schedule's")
    making.add_argument("--seed", type=int, default=0, help="default: 0")
    making.add_argument("--dtype", choices=("auto", "float32", "bfloat16", "float16"), default="auto")


def check_model_options(options: argparse.Namespace) -> None:
    """Raise ValueError for options that do not go together."""
    if options.generator is None:
        given = [name for name in ("adapter", "text_encoder", "schedule", "steps") if getattr(options, name)]
        if given:
            raise ValueError(f"--{given[0].replace('_', '-')} is given without --generator; add it, or leave both out.")
        if not options.rows and options.set is None:
            raise ValueError("there is nothing to measure; give a folder of clips, or --set; see --help")
        return
    for name in ("vae", "set"):
        if getattr(options, name) is None:
            raise ValueError(f"--generator is given without --{name}; add it.")
    if not 0 <= options.seed < 2**32:
        raise ValueError(f"--seed is {options.seed}, but must be from 0 to 2^32 - 1.")
    files = [options.generator, options.vae, options.text_encoder, *(file for _, file in named_adapters(options))]
    for path in files:
        if path is not None and not path.exists():
            raise ValueError(f"there is no file or folder {path}; check the name.")


def named_adapters(options: argparse.Namespace) -> list[tuple[str, Path]]:
    """Name and file of each adapter."""
    found = []
    for words in options.adapter:
        name, file = split_word(words)
        found.append((Path(words).stem, Path(words)) if file is None else (name, Path(file)))
    return found


def rows_to_make(options: argparse.Namespace, bench_set: BenchSet, device: str) -> list[BenchRow]:
    """The rows of --generator; none without it."""
    if options.generator is None:
        return []
    from ..benchmark.clip_maker import RowModels
    from ..benchmark.made_rows import HeldMaker, made_rows

    dtype = options.dtype if options.dtype != "auto" else "float32" if device == "cpu" else "bfloat16"
    models = RowModels(
        options.generator,
        options.vae,
        text_encoder=options.text_encoder,
        schedule=options.schedule,
        steps=options.steps,
        seed=options.seed,
        device=device,
        dtype=dtype,
    )
    wanted = [(name, replace(models, adapter=file)) for name, file in named_adapters(options)]
    wanted = wanted or [(options.generator.stem, models)]
    held = HeldMaker()
    return [
        row
        for name, chosen in wanted
        for row in made_rows(name, chosen, bench_set, options.out / "clips", options.set, held)
    ]


def codec_of(path: Path, device: str) -> Codec:
    """What encodes and decodes clips with --vae. Raises ValueError where that is missing or no codec."""
    if not path.exists():
        raise ValueError(f"there is no file or folder {path}; check the name.")
    import numpy as np
    import torch

    from ..codec.vae import load_vae

    vae = load_vae(path, device, torch.float32)
    return lambda frames_THWC: np.stack(list(vae.decode(vae.encode(frames_THWC))))
