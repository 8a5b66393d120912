"""Fuzz what adapters and generators say about themselves: everything that happens between a file's metadata and a sampling step.

    python bench/fuzz_metadata.py [10000] [--seed 0]

Each variant is read with the tensors of a tiny model; if that works, the adapter is built, prepared and run once, or the generator runs
once. Any error but a `ValueError` of one short sentence from the reading, or a failure after it, counts as a crash. Exits with 1 on any
crash, after printing the seed that reproduces it.
"""

from __future__ import annotations

import json
import math
import random
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache
from itertools import repeat
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.fuzz_documents import TEXT_PIECES
from bench.fuzzing import change_value, damaged, fuzz, fuzz_options
from flashmotion_core.adapters import (
    ControlNetAdapter,
    GeneratorInfo,
    MapStyle,
    ResNetAdapter,
    build_adapter,
    parse_adapter,
)
from flashmotion_core.adapters.adapter_file import generator_info
from flashmotion_core.metadata.entries import adapter_metadata, generator_metadata
from flashmotion_core.sampling.few_step import control_sigma, euler, few_step
from flashmotion_core.sampling.schedule import FROM_MODEL, PRESETS, Schedule, resolve_sigmas
from flashmotion_core.trajectory import parse, render, sample
from flashmotion_core.wan.config import WanConfig, generator_shapes
from flashmotion_core.wan.generator import WanGenerator, embed

SIZES = WanConfig(dim=24, ffn_dim=32, num_heads=2, num_layers=2, text_dim=8, freq_dim=8)
LONGEST_SENTENCE = 700
STRANGE: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        2,
        3,
        7,
        1.0,
        0.5,
        1e308,
        -1e308,
        5e-324,
        math.nan,
        math.inf,
        10**12,
        10**400,
        2**63,
    ),
    *(
        "",
        "8",
        "box",
        "none",
        "9",
        "\x00",
        "\n",
        "\ud800",
        "x" * 300,
        [],
        {},
        [[]],
        [{}],
        [0, 0],
        [0, 1],
        [1, 0],
        [True],
    ),
    *(list(range(300)), [1, 2, 2], [1, 0, 2], [1, 2, 10**9], {"dim": 24}, {"a": {"a": {"a": {}}}}),
]
BOX = {"id": "a", "keyframes": [{"frame": 0, "x": 0.5, "y": 0.5, "w": 0.5, "h": 0.5}]}
ENTRIES = (
    *("flashmotion.format", "flashmotion.kind", "flashmotion.config", "flashmotion.schedule", "flashmotion.map"),
    *("flashmotion.base", "flashmotion.text", "config", "flashmotion.other"),
)
KEYS = (
    *("generator", "dim", "num_layers", "num_heads", "ffn_dim", "in_channels", "out_channels", "text_dim", "freq_dim"),
    *("patch_size", "eps", "inject_after", "control_channels", "width", "groups", "half_resolution", "name", "sigmas"),
    *("shift", "mode", "opacity", "thickness", "transformer", "in_dim", "model_type", "experts", "__class__"),
)


@cache
def adapter_of(kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A tiny adapter's configuration and tensors."""
    torch.manual_seed(0)
    adapter = ResNetAdapter(SIZES, width=8, groups=4) if kind == "resnet" else ControlNetAdapter(SIZES)
    return adapter.config(), {key: torch.randn(value.shape) for key, value in adapter.state_dict().items()}


def make_metadata(rng: random.Random) -> tuple[str, dict[str, str]]:
    """What a file is (resnet, controlnet or generator), and valid metadata of it."""
    what = rng.choice(("resnet", "controlnet", "generator"))
    count = rng.randint(1, 8)
    schedule = rng.choice(
        [Schedule(), Schedule("plain", PRESETS["plain"](count), 3.0), Schedule("custom", (0.9, 0.2), 8.0)]
    )
    if what == "generator":
        return what, generator_metadata(SIZES, rng.choice([None, schedule]), text=rng.random() < 0.5)
    style = MapStyle(rng.choice(("box", "mask")), rng.uniform(0.1, 1), rng.choice([None, 1, 3]))
    return what, adapter_metadata(what, adapter_of(what)[0], schedule, style, rng.choice([None, "0123456789abcdef"]))


def make_variant(rng: random.Random) -> tuple[str, dict[str, str]]:
    """Some metadata as it was written, most with changed values, texts or entries."""
    what, metadata = make_metadata(rng)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        change = rng.choice((change_inside, change_inside, change_inside, change_text, change_entry))
        change(metadata, rng)
    return what, metadata


def change_inside(metadata: dict[str, str], rng: random.Random) -> None:
    """Change one value somewhere inside an entry of JSON."""
    entry = rng.choice([key for key in metadata if metadata[key][:1] == "{"] or [""])
    try:
        document = json.loads(metadata[entry])
    except (KeyError, ValueError, RecursionError):
        return
    change_value(document, rng, STRANGE, KEYS)
    metadata[entry] = json.dumps(document)


def change_text(metadata: dict[str, str], rng: random.Random) -> None:
    """Cut pieces out of an entry's text, or put strange ones in."""
    entry = rng.choice(list(metadata) or ["flashmotion.map"])
    text = damaged(metadata.get(entry, ""), rng, (*TEXT_PIECES, "[" * 100_000, '{"a":' * 500, "1e400"))
    metadata[entry] = text.encode("utf-8", "replace").decode()


def change_entry(metadata: dict[str, str], rng: random.Random) -> None:
    """Remove an entry, or give one the text of another or a strange one."""
    entry = rng.choice(ENTRIES)
    if rng.random() < 0.4:
        metadata.pop(entry, None)
    else:
        plain = ("", "1", "9", "none", "null", "[]", "generator", "resnet", "controlnet", "[" * 10_000)
        texts = (*metadata.values(), *plain)
        metadata[entry] = rng.choice(texts)


def try_one(what: str, metadata: Mapping[str, str]) -> str:
    """ "read", "refused", or what went wrong."""
    try:
        try:
            run = load(what, metadata)
        except ValueError as error:
            sentence = str(error)
            longest = 10 * LONGEST_SENTENCE if "does not fit" in sentence else LONGEST_SENTENCE  # it names every key
            is_plain = type(error) is ValueError and sentence.endswith(".") and sentence.isprintable()
            return "refused" if is_plain and len(sentence) <= longest else f"not a sentence: {error!r:.2000}"
        run()
    except Exception:  # any exception is a finding
        return traceback.format_exc()
    return "read"


def load(what: str, metadata: Mapping[str, str]) -> Callable[[], None]:
    """What happens when a file is chosen; returns what happens when its weights are used."""
    if what == "generator":
        info = generator_info(generator_shapes(SIZES), metadata)
        return lambda: _run_generator(info)
    file = parse_adapter(adapter_of(what)[1], metadata, "variant.safetensors")
    adapter = build_adapter(file, SIZES)

    def run() -> None:
        _use_schedule(file.schedule)
        trajectory = parse({"version": 1, "size": [64, 32], "frames": 5, "objects": [BOX]})
        render(sample(trajectory), **asdict(file.map_style))
        latent, text = torch.zeros(1, 48, 2, 2, 4), torch.zeros(1, 3, SIZES.text_dim)
        state = adapter.begin(adapter.prepare(latent), latent, torch.tensor([[0.0, 750.0]]), text)
        for index, block in enumerate(adapter.inject_after):
            assert 0 <= block < SIZES.num_layers
            assert adapter.residual(index, state).shape == (1, 4, SIZES.dim)

    return run


def _use_schedule(schedule: Schedule) -> None:
    for steps in (1, len(schedule.sigmas)):
        try:
            sigmas = resolve_sigmas(FROM_MODEL, steps, "", schedule)
        except ValueError as error:
            if "own schedule has" not in str(error):
                raise
            continue
        noise = torch.ones(1)
        assert few_step(lambda x, sigma: x, noise, sigmas, repeat(noise)).isfinite().all()
        assert euler(lambda x, sigma: x, noise, sigmas).isfinite().all()
    assert all(math.isfinite(control_sigma(part, schedule.shift)) for part in (0, 0.3, 1))


def _run_generator(info: GeneratorInfo) -> None:
    if info.schedule:
        _use_schedule(info.schedule)
    with torch.device("meta"):
        generator = WanGenerator(info.config)
        latent, text = torch.zeros(1, 48, 2, 2, 4), torch.zeros(1, 3, SIZES.text_dim)
        state = embed(generator, info.config, latent, torch.zeros(1, 2), text)
    assert state.cos_sin is not None
    assert state.cos_sin[0].shape[1] == info.config.head_dim / 2


def main() -> int:
    """Run and report; the exit status says whether all went well."""
    options = fuzz_options(__doc__, 10_000).parse_args()
    torch.set_num_threads(1)

    def attempt(variant: tuple[str, dict[str, str]]) -> tuple[str, str]:
        outcome = try_one(*variant)
        if outcome in ("read", "refused"):
            return outcome, ""
        return "crashed", f"{variant[0]} {outcome}\n{str(variant[1])[:1500]}"

    return fuzz(make_variant, attempt, count=options.count, seed=options.seed)


if __name__ == "__main__":
    sys.exit(main())
