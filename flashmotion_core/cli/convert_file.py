"""One checkpoint to one safetensors file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..adapters.adapter_file import AdapterFile, parse_adapter, save_adapter
from ..adapters.construct import construct_adapter
from ..adapters.foreign import parse_foreign
from ..codec.taehv_file import is_taehv, takes_generators_latents
from ..codec.wan_vae_file import bare_vae, is_wan_vae
from ..files.weights import save_whole
from ..generation.loading import parse_generator
from ..generation.umt5_file import is_umt5
from ..metadata.entries import generator_metadata
from ..sampling.schedule import Schedule, preset_schedule
from ..sampling.schedule_sources import KnownSchedule, known_schedule
from ..wan.config import LATENT_CHANNELS, WanConfig, describe, shapes_of
from ..wan.lora_merge import merge_lora
from ..wan.prefixes import FoundNetwork, find_network, strip_wrappers
from ..wan.quantised import dequantise, is_helper, layer_formats, made_plain
from .checkpoints import read_checkpoint
from .dtype_words import DTYPE_WORDS

DTYPES: dict[str, torch.dtype] = {word: getattr(torch, name) for word, name in DTYPE_WORDS.items()}


@dataclass(frozen=True)
class Wishes:
    """What may be asked for.

    Attributes:
        dtype: of the written weights; None keeps it, except that quantised weights become bfloat16.
        take: a name in front of the keys of the network to take.
        schedule: preset that the weights were trained for; None keeps what the file says, else turbo.
        inject_after: blocks that a foreign adapter adds to.
        groups: groups of a foreign ResNet's norms.
        plain: any other network, all tensors under their own names.
        lora: a LoRA to add to a generator for good.
    """

    dtype: torch.dtype | None = None
    take: str | None = None
    schedule: str | None = None
    inject_after: tuple[int, ...] | None = None
    groups: int | None = None
    plain: bool = False
    lora: Path | None = None

    @property
    def own_schedule(self) -> Schedule | None:
        """The schedule asked for."""
        return preset_schedule(self.schedule) if self.schedule else None


def convert(source: Path, target: Path, **options: Any) -> str:
    """Convert one checkpoint; returns a phrase that says what it was, and what was left out or changed.

    Args:
        source: ``.safetensors``, ``.pt``, ``.pth`` or ``.ckpt``; a folder with the parts of one model, or their index file.
        target: the ``.safetensors`` file to write, complete or not at all.
        options: see ``Wishes``.

    Raises:
        ValueError: see ``read_checkpoint``; or the checkpoint is neither a generator, an adapter, a VAE of Wan 2.2 nor umT5; or a key found no place.
    """
    wishes = Wishes(**options)
    if target.suffix != ".safetensors":
        raise ValueError(f"the output is {target.name}, but must end in .safetensors.")
    if source.is_dir() and (source / "transformer").is_dir():
        source = source / "transformer"
    try:
        return _convert(source, target, wishes)
    except ValueError as error:
        raise ValueError(str(error) if source.name in str(error) else f"{source.name}: {error}") from error


def _convert(source: Path, target: Path, wishes: Wishes) -> str:
    tensors, metadata = read_checkpoint(source)
    if wishes.plain:
        prefix = f"{wishes.take}." if wishes.take else ""
        kept = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        if not kept:
            raise ValueError(
                f"no name starts with {prefix!r}; leave --take out, or name another of {', '.join(list(tensors)[:3])}, ..."
            )
        save_whole(target, _cast(kept, wishes.dtype), {})
        return _said(source, f"{len(kept)} tensors under their own names", _others(len(tensors) - len(kept)))
    if wishes.lora is not None and not _is_whole_network(find_network(tensors, wishes.take), tensors):
        raise ValueError("--lora is given, but only a generator takes a LoRA; leave it out.")
    if is_wan_vae(tensors):
        vae = bare_vae(tensors)
        save_whole(target, _cast(vae, wishes.dtype), {})
        return _said(source, "the VAE of Wan 2.2", _others(len(tensors) - len(vae)))
    if is_taehv(shapes_of(tensors)):
        save_whole(target, _cast(tensors, wishes.dtype), {})
        return _said(source, "a TAEHV codec", _name_says_latents(source, target))
    if is_umt5(tensors):
        formats = {strip_wrappers(layer): found for layer, found in layer_formats(tensors, metadata).items()}
        plain, changed = dequantise(
            {strip_wrappers(key): value for key, value in tensors.items()}, formats, wishes.dtype or torch.bfloat16
        )
        save_whole(target, _cast(plain, wishes.dtype), {})
        return _said(source, "the text encoder umT5", made_plain(changed))
    if metadata.get("flashmotion.kind", "generator") != "generator":
        return _adapter(
            source,
            target,
            parse_adapter(
                {strip_wrappers(key): value for key, value in tensors.items()},
                metadata,
                source.name,
                wishes.dtype or torch.bfloat16,
            ),
            wishes,
        )
    network = find_network(tensors, wishes.take)
    if _is_whole_network(network, tensors):
        if tensors[network.keys["patch_embedding.weight"]].shape[1] != LATENT_CHANNELS:
            found = describe({name: tuple(tensors[key].shape) for name, key in network.keys.items()})
            raise ValueError(
                f"{source.name}: expected a generator or adapter of Wan2.2-TI2V-5B, but found {found}; choose another file."
            )
        return _generator(source, target, tensors, metadata, network, wishes)
    formats = layer_formats(tensors, metadata)
    plain, changed = dequantise(tensors, formats, wishes.dtype or torch.bfloat16)
    foreign = parse_foreign(
        plain, source.name, take=wishes.take, inject_after=wishes.inject_after, groups=wishes.groups
    )
    file = AdapterFile(
        foreign.kind, foreign.config, foreign.state_dict, name=source.name, notes=(*foreign.notes, *made_plain(changed))
    )
    return _adapter(source, target, file, wishes)


def _name_says_latents(source: Path, target: Path) -> list[str]:
    """What is lost where a codec's name says which latents it takes, and the new one says otherwise."""
    if takes_generators_latents(source.name) == takes_generators_latents(target.name):
        return []
    return ["its colours will be wrong under this name; keep taew2_2 or lighttaew2_2 in it"]


def _is_whole_network(network: FoundNetwork, tensors: Mapping[str, Tensor]) -> bool:
    """Whether a network has a generator's embedding and head, and nothing that is an adapter's."""
    keys = network.keys
    head = keys.get("head.head.weight") or keys.get("proj_out.weight")
    if head is None or "patch_embedding.weight" not in keys:
        return False
    return not any(tensors[keys[key]].ndim in (4, 5) for key in keys if key != "patch_embedding.weight")


def _generator(
    source: Path,
    target: Path,
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, str],
    network: FoundNetwork,
    wishes: Wishes,
) -> str:
    info, weights = parse_generator(
        tensors, metadata, source.name, take=wishes.take, dtype=wishes.dtype or torch.bfloat16
    )
    on_top: list[KnownSchedule] = []
    added: list[str] = []
    if wishes.lora is not None:
        lora, lora_metadata = read_checkpoint(wishes.lora)
        weights, left_out = merge_lora(weights, lora, wishes.lora.name)
        known = known_schedule(wishes.lora.name, lora, lora_metadata)
        on_top = [known] if known is not None else []
        added = [f"with the LoRA {wishes.lora.name}", *([f"{left_out} of its tensors left out"] if left_out else [])]
    schedule, assumed = _schedule_of(source.name, network, metadata, wishes, on_top)
    kept = generator_metadata(info.config, schedule, text=info.text)
    if "config" in metadata:  # may say more than we do, for ComfyUI
        kept["config"] = metadata["config"]
    save_whole(target, _cast(weights, wishes.dtype), kept)
    changed = [
        key
        for key in network.keys
        if key.rpartition(".")[2] == "weight" and tensors[network.keys[key]].dtype not in DTYPES.values()
    ]
    others = [key for key in network.others if not is_helper(key)]
    what = f"a generator of width {info.config.dim} with {info.config.num_layers} blocks"
    took = [f"taken: {network.prefix.removesuffix('.')}"] if others else []
    return _said(source, what, added + took + _others(len(others)) + made_plain(changed) + assumed)


def _schedule_of(
    name: str,
    network: FoundNetwork,
    metadata: Mapping[str, str],
    wishes: Wishes,
    on_top: Sequence[KnownSchedule] = (),
) -> tuple[Schedule, list[str]]:
    """A generator's schedule: the one asked for, else its LoRA's, else what the file is known by, else turbo; and what to say of it."""
    if wishes.own_schedule is not None:
        return wishes.own_schedule, []
    known = on_top[0] if on_top else known_schedule(name, network.keys, metadata)
    if known is None:
        return Schedule(), ["schedule turbo, assumed, as the file does not say; name another by --schedule"]
    stated = "flashmotion.schedule" in metadata and not on_top
    return known.schedule, [] if stated else [f"schedule {known.schedule.name}, by {known.source}"]


def _adapter(source: Path, target: Path, file: AdapterFile, wishes: Wishes) -> str:
    generator = _generator_of(file)
    adapter = construct_adapter(file, generator)
    adapter.load_state_dict(_cast(file.state_dict, wishes.dtype), assign=True)
    save_adapter(
        target,
        adapter,
        schedule=wishes.own_schedule or file.schedule,
        map_style=file.map_style,
        base_fingerprint=file.base_fingerprint,
    )
    what = f"a {file.kind} adapter for a generator of width {adapter.dim} with {generator.num_layers} blocks"
    return _said(source, what, list(file.notes))


def _generator_of(file: AdapterFile) -> WanConfig:
    made_for: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in file.config["generator"].items()
    }
    return replace(WanConfig(), **made_for)


def _cast(tensors: Mapping[str, Tensor], dtype: torch.dtype | None) -> dict[str, Tensor]:
    """Floating-point weights in another type; a tokenizer's bytes stay. Tensors that share memory get their own, as the format asks."""
    cast: dict[str, Tensor] = {}
    seen = set()
    for key, value in tensors.items():
        cast[key] = (value.to(dtype) if dtype and value.is_floating_point() else value).contiguous()
        place = cast[key].untyped_storage().data_ptr()
        cast[key] = cast[key].clone() if place in seen else cast[key]
        seen.add(place)
    return cast


def _said(source: Path, what: str, notes: Sequence[str]) -> str:
    return f"{source.name}: {what}" + (f" ({'; '.join(notes)})" if notes else "")


def _others(count: int) -> list[str]:
    return [f"{count} tensors of other networks left out"] if count else []
