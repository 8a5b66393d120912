"""Weights of a quantised file as real numbers, row by row, and how far each may be from what was quantised.

Formats of ComfyUI 0.30 (``comfy/quant_ops.py``, ``comfy/utils.py``) and of files before it:

- ``weight`` in float8 with ``scale_weight`` and the marker ``scaled_fp8``; the newer ``weight_scale``, one number, one per row or one per
  block; plain float8 without a scale
- ``comfy_quant`` (JSON in bytes, or the metadata entry ``_quantization_metadata``): ``float8_e4m3fn``, ``float8_e5m2``, ``int8_tensorwise``,
  ``mxfp8`` (one power of two per 32 weights) and ``nvfp4`` (4-bit weights, one scale per 16, one for all)

Every format is ``w = q s``. The small formats keep their scales in cuBLAS' tiles of 128 rows by 4 columns.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .keys import SCALED_FP8
from .keys import SCALES as BESIDE

SCALES = ("weight_scale", "scale_weight", "weight_scale_inv")
"""Names of a layer's scale; all of them multiply."""
HELPERS = (*BESIDE, *SCALES, SCALED_FP8)
"""Entries beside a quantised weight, none of which is a weight."""
FLOATS = {torch.float32: (23, -126), torch.float16: (10, -14), torch.bfloat16: (7, -126)}
FLOATS |= {torch.float8_e4m3fn: (3, -6), torch.float8_e5m2: (2, -14)}
"""Bits of the mantissa, and the exponent below which the steps no longer shrink."""
FP8 = (torch.float8_e4m3fn, torch.float8_e5m2)
FP4_VALUES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
FP4 = (1, 0)
GROUPS = {"nvfp4": 16, "mxfp8": 32}
"""Weights that share one scale, by format."""


def is_helper(key: str) -> bool:
    """Whether a key only belongs to a quantised weight."""
    return key.rpartition(".")[2] in HELPERS


def dequantise(
    state_dict: Mapping[str, Tensor],
    formats: Mapping[str, Mapping[str, Any]] | None = None,
    dtype: torch.dtype = torch.float32,
    *,
    unscaled: bool = True,
) -> tuple[dict[str, Tensor], list[str]]:
    """Every quantised weight as numbers of ``dtype``, all others and those without values as they are, without any scale.

    Args:
        state_dict: the file's tensors.
        formats: see ``layer_formats``; None reads them from the tensors.
        dtype: of the weights that were quantised.
        unscaled: whether float8 without a scale, whose numbers are what they say, is cast too.

    Returns:
        the state dict, and the names of the weights that were quantised.

    Raises:
        ValueError: a layer in a format that is not known; the error names both.
    """
    formats = layer_formats(state_dict) if formats is None else formats
    plain: dict[str, Tensor] = {}
    changed = []
    for key, value in state_dict.items():
        if is_helper(key):
            continue
        marked = _has_scale(state_dict, key) or key.removesuffix(".weight") in formats
        if not value.is_meta and (marked or (unscaled and value.dtype in FP8)):
            changed.append(key)
            value = weight_rows(state_dict, formats, key).to(dtype)
        plain[key] = value
    return plain, changed


def made_plain(changed: Sequence[str]) -> list[str]:
    """What to say of weights that were quantised; nothing where none were."""
    return [f"{len(changed)} quantised layers became plain weights"] if changed else []


def layer_formats(
    state_dict: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> dict[str, dict[str, Any]]:
    """What the file says of each quantised layer: ``{layer: {"format": ...}}``.

    Raises:
        ValueError: an entry that is not JSON.
    """
    try:
        layers: dict[str, dict[str, Any]] = dict(
            json.loads((metadata or {}).get("_quantization_metadata", "{}")).get("layers", {})
        )
        for key, value in state_dict.items():
            if key.endswith(".comfy_quant") and value.device.type != "meta":
                layers[key.removesuffix(".comfy_quant")] = json.loads(value.cpu().numpy().tobytes())
        if all(isinstance(layer, dict) for layer in layers.values()):
            return layers
    except (AttributeError, RecursionError, TypeError, ValueError):
        pass
    raise ValueError(
        "the file's notes on quantised layers (comfy_quant) are not JSON objects; download the file again."
    )


def weight_rows(
    state_dict: Mapping[str, Tensor],
    formats: Mapping[str, Mapping[str, Any]],
    key: str,
    rows: Tensor | None = None,
    *,
    steps: bool = False,
) -> Tensor:
    """Some rows of a weight as float32.

    Args:
        state_dict: the file's tensors.
        formats: see ``layer_formats``.
        key: of the weight.
        rows: indices into its first dimension; None for all of them.
        steps: return half the distance between the numbers that the format can hold there instead.

    Raises:
        ValueError: a format that is not known; the error names it and the layer.
    """
    layer = key.removesuffix(".weight")
    stored = state_dict[key]
    scale = next((state_dict[f"{layer}.{name}"] for name in SCALES if f"{layer}.{name}" in state_dict), None)
    name = _format(layer, stored.dtype, scale is not None, formats.get(layer, {}))
    # Row by row: indexing a large memory-mapped tensor with a tensor takes 100 times as long.
    part = stored if rows is None else torch.stack([stored[row] for row in rows.tolist()])
    values = _unpacked(part, name)
    columns = values.shape[-1]
    if steps:
        float_format = FP4 if name == "nvfp4" else FLOATS.get(part.dtype)
        values = torch.full_like(values, 0.5) if float_format is None else half_steps(values, *float_format)
    if scale is not None:
        index = torch.arange(stored.shape[0]) if rows is None else rows
        if name in GROUPS:
            factor = _group_scales(state_dict, layer, scale, name, index, columns)
        else:
            factor = _spread(scale.float(), stored.shape, index, layer)
        values = values * (factor.abs() if steps else factor).to(values.device)
    before = state_dict.get(f"{layer}.pre_quant_scale")
    if before is not None:  # the layer's input is multiplied by it
        values = values * before.float().flatten().to(values.device)
    return values.abs() if steps else values


def _format(layer: str, dtype: torch.dtype, has_scale: bool, settings: Mapping[str, Any]) -> str:
    """The name of a layer's format, which is one of those that ``weight_rows`` reads."""
    name = str(settings.get("format", str(dtype).removeprefix("torch.")))
    params = settings.get("params")
    rotated = settings.get("convrot") or (isinstance(params, dict) and params.get("convrot"))
    if not rotated and (
        (name in GROUPS and has_scale)
        or (dtype == torch.int8 and name in ("int8", "int8_tensorwise") and has_scale)
        or (dtype in FLOATS and name not in GROUPS and "rot" not in name)
    ):
        return name
    what = f"{name}, rotated" if rotated else name if has_scale else f"{name} without a scale"
    raise ValueError(
        f"the layer {layer} is quantised as {what}, which FlashMotion does not read; choose a file in bf16, fp16 or fp8."
    )


def half_steps(values: Tensor, mantissa: int, smallest: int) -> Tensor:
    """Half the distance from each value to its neighbours in a float format."""
    exponent = torch.frexp(values.double())[1].sub(1).clamp(min=smallest)
    return torch.exp2((exponent - mantissa - 1).double()).float()


def _has_scale(keys: Iterable[str], key: str) -> bool:
    return key.endswith(".weight") and any(f"{key.removesuffix('weight')}{name}" in keys for name in SCALES)


def _unpacked(part: Tensor, name: str) -> Tensor:
    """Stored numbers as float32."""
    if name != "nvfp4":
        return part.float()
    packed = part.view(torch.uint8)
    codes = torch.stack([packed >> 4, packed & 15], -1).flatten(-2).long()  # the high half comes first
    return torch.tensor(FP4_VALUES, device=part.device)[codes & 7] * (1 - 2 * (codes >> 3)).float()


def _spread(scale: Tensor, shape: torch.Size, rows: Tensor, layer: str) -> Tensor:
    """A scale per tensor, row, column or block, spread over the chosen rows."""
    if scale.numel() == 1:
        return scale.reshape(())
    if len(shape) > 2 and scale.numel() == shape[0]:
        return scale.reshape(-1, *(1 for _ in shape[1:]))[rows.to(scale.device)]
    if scale.ndim == 1:
        scale = scale[:, None]
    fits = (
        scale.ndim == 2
        and len(shape) == 2
        and all(size % count == 0 for size, count in zip(shape, scale.shape, strict=True))
    )
    if not fits:
        raise ValueError(
            f"the scale of {layer} is {list(scale.shape)} for weights of {list(shape)}; download the file again."
        )
    height, width = (size // count for size, count in zip(shape, scale.shape, strict=True))
    return scale[(rows // height).to(scale.device)].repeat_interleave(width, 1)


def _group_scales(
    state_dict: Mapping[str, Tensor], layer: str, scale: Tensor, name: str, rows: Tensor, columns: int
) -> Tensor:
    """The scale of every weight in the chosen rows, out of cuBLAS' tiles."""
    groups = columns // GROUPS[name]
    column = torch.arange(groups)
    tiles = -(-groups // 4)
    place = (
        (rows[:, None] // 128 * tiles + column // 4) * 512
        + rows[:, None] % 32 * 16
        + rows[:, None] % 128 // 32 * 4
        + column % 4
    )
    bits = scale.flatten().view(torch.uint8)
    if place.numel() and int(place.max()) >= bits.numel():
        raise ValueError(
            f"the scales of {layer} are {bits.numel()} bytes, too few for its weights; download the file again."
        )
    chosen = bits[place.to(bits.device)]
    if name == "mxfp8":
        factor = torch.exp2(chosen.float() - 127)
    else:
        whole = state_dict.get(f"{layer}.weight_scale_2")
        if whole is None:
            raise ValueError(f"the layer {layer} has no weight_scale_2; download the file again.")
        factor = chosen.view(torch.float8_e4m3fn).float() * whole.float()
    return factor.repeat_interleave(GROUPS[name], 1)
