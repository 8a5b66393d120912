"""Convert a checkpoint of a generator or adapter to a safetensors file with the original key names and our metadata.

    python -m flashmotion_core.convert IN OUT.safetensors [--dtype bf16] [--take generator_ema] [--schedule turbo]
    python -m flashmotion_core.convert GENERATOR.safetensors FOLDER --diffusers [--dtype bf16]

Reads ``.pt`` files of training code (nested, prefixed, float32) and safetensors files in either key layout. Pickles are opened with
``weights_only=True``, so they cannot run code.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from ..adapters.adapter_file import FORMAT, AdapterFile, construct_adapter, parse_adapter, save_adapter, strip_prefixes
from ..sampling import PRESETS, Schedule, preset_schedule
from ..wan.config import WanConfig, config_of, shapes_of
from ..wan.keys import to_original
from ..weights import read_tensors, save_whole

CONTAINERS = ("generator_ema", "generator", "adapter", "controlnet", "state_dict", "model")
"""Entries under which training code nests its weights; the first one found is taken unless ``--take`` names another."""
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def unwrap(loaded: Any, take: str | None = None) -> tuple[dict[str, Tensor], str]:
    """Find the state dict inside a loaded checkpoint; returns it and the path of entries that led there.

    Raises:
        ValueError: no entry holds tensors, or ``take`` names an entry that does not exist.
    """
    path = ""
    while isinstance(loaded, Mapping) and not any(isinstance(value, Tensor) for value in loaded.values()):
        nested = [key for key, value in loaded.items() if isinstance(value, Mapping)]
        wanted = take if take in nested else next((key for key in CONTAINERS if key in nested), None)
        if wanted is None:
            raise ValueError(
                f"the checkpoint holds no weights under any of {', '.join(CONTAINERS)}, but {nested or list(loaded)}; use --take."
            )
        path, loaded = f"{path}/{wanted}", loaded[wanted]
    if take is not None and f"/{take}" not in path:
        raise ValueError(f"the checkpoint has no entry {take!r}; leave --take out to see what it has.")
    if not isinstance(loaded, Mapping):
        raise ValueError(f"the checkpoint is a {type(loaded).__name__}, but a state dict was expected.")
    return {strip_prefixes(str(key)): value for key, value in loaded.items() if isinstance(value, Tensor)}, path


def load(path: Path, take: str | None = None) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors (original key layout where they are a generator's) and metadata of any checkpoint.

    Raises:
        ValueError: the file is missing or unreadable, is a pickle of something other than tensors, or holds no weights.
    """
    if path.suffix == ".safetensors":
        tensors, metadata = read_tensors(path)
        tensors = {strip_prefixes(key): value for key, value in tensors.items()}
    else:
        if not path.is_file():
            raise ValueError(f"there is no file {path}; check the name and folder.")
        try:
            loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        # torch and pickle raise many kinds of errors; all of them mean that no tensors can be read.
        except Exception as error:
            reason = str(error).splitlines()[0][:120]
            raise ValueError(
                f"{path.name} is not a checkpoint of plain tensors ({reason}); it is cut off, or holds code, which is not run: "
                "download it again or choose another file."
            ) from error
        tensors, metadata = unwrap(loaded, take)[0], {}
    if any(key.startswith("condition_embedder.") for key in tensors) and not any("zero" in key for key in tensors):
        tensors = to_original(tensors)
    return tensors, metadata


def convert(
    source: Path,
    target: Path,
    *,
    dtype: torch.dtype | None = None,
    take: str | None = None,
    schedule: str | None = None,
) -> str:
    """Convert one file; returns a phrase that says what it was.

    Args:
        source: ``.pt``, ``.pth``, ``.ckpt`` or ``.safetensors``.
        target: the ``.safetensors`` file to write, complete or not at all.
        dtype: dtype of the written weights; None keeps it.
        take: entry of a nested checkpoint to take.
        schedule: preset that the weights were trained for; None keeps what the file says, else turbo.

    Raises:
        ValueError: see ``load``; or the file is neither a generator nor an adapter.
    """
    if target.suffix != ".safetensors":
        raise ValueError(f"the output is {target.name}, but must end in .safetensors.")
    tensors, metadata = load(source, take)
    own = preset_schedule(schedule) if schedule else None
    cast = (
        {key: value.to(dtype) if value.is_floating_point() else value for key, value in tensors.items()}
        if dtype
        else tensors
    )
    shapes = shapes_of(cast)
    is_generator = {"head.modulation", "patch_embedding.weight"} <= shapes.keys() and not any(
        len(shape) in (4, 5) and shape[2:] in ((1, 1), (1, 1, 1)) for shape in shapes.values()
    )
    if is_generator and metadata.get("flashmotion.kind", "generator") == "generator":
        config = config_of(shapes, metadata)
        kept = {
            "flashmotion.format": FORMAT,
            "flashmotion.kind": "generator",
            "flashmotion.schedule": (own or Schedule()).to_json(),
        }
        if own is None:
            kept |= {key: value for key, value in metadata.items() if key.startswith("flashmotion.") or key == "config"}
        save_whole(target, {key: value.contiguous() for key, value in cast.items()}, kept)
        return f"{source.name}: a generator of width {config.dim} with {config.num_layers} blocks"
    file = parse_adapter(cast, metadata, source.name)
    adapter = construct_adapter(file, _generator_of(file))
    adapter.load_state_dict(file.state_dict, assign=True)
    save_adapter(
        target, adapter, schedule=own or file.schedule, map_style=file.map_style, base_fingerprint=file.base_fingerprint
    )
    return f"{source.name}: a {file.kind} adapter for a generator of width {adapter.dim} with {_generator_of(file).num_layers} blocks"


def to_diffusers_folder(source: Path, folder: Path, dtype: torch.dtype | None = None) -> None:
    """Write a generator as ``folder/transformer``, for diffusers' ``WanTransformer3DModel.from_pretrained``.

    Diffusers keeps the time embedding, norms and modulation in float32; its format cannot hold our schedule.

    Args:
        source: a safetensors file in either key layout.
        folder: folder of a diffusers pipeline, without a ``transformer`` yet.
        dtype: dtype of the other weights; None keeps it.

    Raises:
        ValueError: the source is not a generator, or ``transformer`` already exists.
    """
    from ..loading import load_generator

    target = folder / "transformer"
    if target.exists():
        raise ValueError(f"{target} is there already; remove it or choose another folder.")
    if dtype is None:
        dtype = read_tensors(source, ["patch_embedding.weight"])[0]["patch_embedding.weight"].dtype
    transformer = load_generator(source, "cpu", dtype).transformer
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".transformer.") as part:
        # One file, like ours; diffusers would split the 5B in two.
        transformer.save_pretrained(Path(part) / "transformer", max_shard_size="1TB")
        (Path(part) / "transformer").rename(target)


def _generator_of(file: AdapterFile) -> WanConfig:
    made_for: dict[str, Any] = json.loads(json.dumps(file.config["generator"]))
    made_for["patch_size"] = tuple(made_for["patch_size"])
    return WanConfig(**made_for)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m flashmotion_core.convert",
        description="Convert a generator's or adapter's checkpoint to safetensors.",
    )
    parser.add_argument("source", type=Path, help="checkpoint: .pt, .pth, .ckpt or .safetensors")
    parser.add_argument("target", type=Path, help="safetensors file (with --diffusers: folder) to write")
    parser.add_argument("--diffusers", action="store_true", help="write a generator as a folder for diffusers")
    parser.add_argument("--dtype", choices=list(DTYPES), help="dtype of the written weights (default: unchanged)")
    parser.add_argument("--take", help=f"entry of a nested checkpoint (default: the first of {', '.join(CONTAINERS)})")
    parser.add_argument(
        "--schedule",
        choices=list(PRESETS),
        help="schedule of the weights (default: as the file says, else turbo)",
    )
    options = parser.parse_args(arguments)
    try:
        if options.diffusers:
            if options.take or options.schedule:
                raise ValueError("--diffusers takes no option but --dtype; convert to a safetensors file first.")
            to_diffusers_folder(options.source, options.target, DTYPES.get(options.dtype))
            print(f"{options.source.name}: a generator -> {options.target / 'transformer'}")
            return 0
        said = convert(
            options.source,
            options.target,
            dtype=DTYPES.get(options.dtype),
            take=options.take,
            schedule=options.schedule,
        )
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{said} -> {options.target} ({options.target.stat().st_size / 1e6:.1f} MB)")
    return 0
