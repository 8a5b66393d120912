"""A file of ``diffusion_models`` -> MODEL. ComfyUI's own loader decides: what it takes as WAN22 is taken, and nothing else.

The header is read first, for two reasons: a wrong file of 28 GB is refused before its weights are read, and a refusal says what the file
is. Two layouts that ComfyUI does not read by itself are renamed on the way: diffusers', and prefixes outside its own list.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import comfy.model_base
import comfy.model_detection
import comfy.sd
import comfy.supported_models
import comfy.utils
import torch

from ..flashmotion_core.files.reasons import first_line
from ..flashmotion_core.files.weights import conversion, part_of_shards, read_header
from ..flashmotion_core.wan.config import config_of, describe, generator_shapes
from ..flashmotion_core.wan.keys import is_diffusers, to_original_key
from ..flashmotion_core.wan.prefixes import find_network
from ..flashmotion_core.wan.quantised import is_helper, layer_formats
from .wan_patch import wan_config

Shapes = Mapping[str, tuple[int, ...]]
MODEL = "Wan2.2-TI2V-5B generator (WAN22)"
QUANTISED = "_quantization_metadata"
"""The metadata entry that names quantised layers and their formats."""


@dataclass(frozen=True)
class Header:
    """A file's header.

    Attributes:
        name: of the file.
        shapes: ``{key in the file: shape}``.
        metadata: entries of its metadata.
    """

    name: str
    shapes: dict[str, tuple[int, ...]]
    metadata: dict[str, str]

    @cached_property
    def keys(self) -> dict[str, str]:
        """``{key in the original layout, without prefix: key in the file}``; keys that no generator has stay as they are."""
        return original_keys(self.shapes)

    @cached_property
    def bare(self) -> dict[str, tuple[int, ...]]:
        """Shapes under ComfyUI's names."""
        return {name: self.shapes[key] for name, key in self.keys.items()}


def generator_header(path: str) -> Header:
    """The header of a file, refused where it alone shows that the file cannot be used.

    Raises:
        ValueError: a file that is not safetensors, a part of a generator, or metadata that is damaged or contradicts the weights.
    """
    from ..flashmotion_core.metadata.entries import read_generator_entries

    header = Header(Path(path).name, *read_header(path))
    part = part_of_shards(header.name)
    if part is not None and part[1] > 1:
        raise ValueError(
            f"{header.name} is part {part[0]} of {part[1]} of a sharded file and holds only some of the weights; join all parts of the "
            f"folder: {conversion('FOLDER')}."
        )
    try:
        read_generator_entries(header.metadata)
        if "config" in header.metadata:  # ComfyUI builds the model from it
            config_of(header.bare, header.metadata)
    except ValueError as error:
        raise ValueError(str(error) if header.name in str(error) else f"{header.name}: {error}") from error
    return header


def load_generator(path: str, header: Header, options: Mapping[str, Any]) -> Any:
    """A generator as ComfyUI loads it, a MODEL.

    Args:
        path: of the file.
        header: of the file.
        options: ``model_options`` of ComfyUI's loader.

    Raises:
        ValueError: anything but a whole Wan2.2-TI2V-5B, or a format that this ComfyUI does not load; the error says what it is.
    """
    try:
        loader = _loader(header)
        model = loader(path, model_options=dict(options))
    except (MemoryError, torch.cuda.OutOfMemoryError):
        raise
    except Exception as error:  # ComfyUI raises many kinds; all of them mean that this file does not load
        raise _refusal(header, error) from error
    if not isinstance(model.model, comfy.model_base.WAN22):
        raise _refusal(header)
    _check_complete(header, model)
    return model


def _loader(header: Header) -> Any:
    """ComfyUI's loader if its own detection sees a WAN22 in the header, ours that renames first, or a refusal."""
    candidates = [(header.shapes, comfy.sd.load_diffusion_model), (header.bare, load_renamed)]
    if QUANTISED in header.metadata and header.bare.keys() != header.shapes.keys():
        # ComfyUI 0.16.3 looks for the layers of these notes without the file's prefix, and takes their weights for unscaled.
        del candidates[0]
    for shapes, loader in candidates:
        try:
            seen = _seen(shapes, header.metadata)
        except Exception:  # what a header alone does not show: the whole file decides
            return loader
        if isinstance(seen, comfy.supported_models.WAN22_T2V):
            return loader
    raise _refusal(header)


def _seen(shapes: Shapes, metadata: Mapping[str, str]) -> Any:
    """The configuration that ComfyUI detects; None where it knows nothing like it."""
    empty = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    prefix = comfy.model_detection.unet_prefix_from_state_dict(empty)
    inner = comfy.utils.state_dict_prefix_replace(dict(empty), {prefix: ""}, filter_keys=True)
    return comfy.model_detection.model_config_from_unet(inner or empty, "", metadata=dict(metadata))


def load_renamed(path: str, model_options: dict[str, Any], disable_dynamic: bool = False) -> Any:
    """ComfyUI's loader on a state dict in the original layout. Its name and arguments are those that ComfyUI calls to load again."""
    state_dict, metadata = comfy.utils.load_torch_file(path, return_metadata=True)
    keys = original_keys(state_dict)
    renamed = {name: state_dict[key] for name, key in keys.items()}
    model = comfy.sd.load_diffusion_model_state_dict(
        renamed,
        model_options=dict(model_options),
        metadata=_renamed_notes(metadata or {}, keys),
        disable_dynamic=disable_dynamic,
    )
    if model is None:
        raise ValueError(f"ComfyUI does not know the model of {Path(path).name}.")
    model.cached_patcher_init = (load_renamed, (path, model_options))
    return model


def _renamed_notes(metadata: Mapping[str, str], keys: Mapping[str, str]) -> dict[str, str]:
    """Metadata whose notes on quantised layers name the layers as ComfyUI will, whether they had the file's prefix or not."""
    if QUANTISED not in metadata:
        return dict(metadata)
    of_file = layer_formats({}, metadata)
    names = {key.removesuffix(".weight"): name.removesuffix(".weight") for name, key in keys.items()}
    layers = {names.get(layer, layer): value for layer, value in of_file.items()}
    return {**metadata, QUANTISED: json.dumps({**json.loads(metadata[QUANTISED]), "layers": layers})}


def original_keys(keys: Mapping[str, Any]) -> dict[str, str]:
    """``{key in the original layout, without prefix: key in the file}``; keys that no generator has stay as they are."""
    try:
        found = find_network(keys).keys
    except ValueError:  # several networks: ComfyUI's own rule chooses
        prefix = comfy.model_detection.unet_prefix_from_state_dict(keys)
        return {key.removeprefix(prefix): key for key in keys if key.startswith(prefix)}
    if not is_diffusers(found):
        return found
    renamed = {}
    for name, key in found.items():
        try:
            renamed[to_original_key(name)] = key
        except KeyError:
            renamed[name] = key
    return renamed


def _check_complete(header: Header, model: Any) -> None:
    """ComfyUI only logs what a file lacks, and leaves what memory held; say what it has too much."""
    expected = generator_shapes(wan_config(model)).keys()
    missing = sorted(expected - header.bare.keys())
    if missing:
        raise ValueError(
            f"{header.name} lacks {len(missing)} of the {len(expected)} weights of its generator ({_some(missing)}), so it is a part of one "
            f"or cut off; choose the whole file, or join its parts: {conversion('FOLDER')}."
        )
    places = expected | model.model.diffusion_model.state_dict().keys()
    extra = [key for name, key in header.keys.items() if name not in places and not is_helper(name)]
    others = len(header.shapes) - len(header.keys)
    if extra or others:
        logging.warning(
            "LoadFastGenerator: %s holds %d tensors beside its generator%s; they are not used.",
            header.name,
            len(extra) + others,
            f" ({_some(extra)})" if extra else "",
        )


def _refusal(header: Header, error: Exception | None = None) -> ValueError:
    """The error's sentence: what the file is, or why ComfyUI could not load what it is."""
    if isinstance(error, ValueError) and header.name in str(error):
        return error
    try:
        wan = isinstance(_seen(header.bare, header.metadata), comfy.supported_models.WAN22_T2V)
    except Exception:
        wan = False
    if error is not None and wan:
        return ValueError(
            f"{header.name} is a {MODEL}, but this ComfyUI cannot load it ({type(error).__name__}: {first_line(error):.200}); update "
            "ComfyUI, or choose a file in bf16, fp16 or fp8."
        )
    what = describe(header.bare)
    remedies = {
        "a LoRA": "put it into models/loras and choose it in lora_name",
        "a part": f"choose the whole file, or join its parts: {conversion('FOLDER')}",
    }
    remedy = next((text for start, text in remedies.items() if what.startswith(start)), "choose another file")
    return ValueError(f"{header.name}: expected a {MODEL}, but found {what}; {remedy}.")


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
