"""What reaches a node is checked here before the node sees it, and what a node refuses leaves it as a plain ``ValueError``.

The server checks the values of widgets, not what comes through a link, and lets NaN pass. So the schema is read once more: presence,
kind, range and choice of every input. A subclass of ``ValueError`` would be shown by its full name, with the folder of the server in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from comfy_api.latest import io
from torch import Tensor

from ..flashmotion_core.trajectory.field_checks import listed, plain, shorten

Execute = Callable[..., io.NodeOutput]


def checked(execute: Execute) -> Execute:
    """Decorate ``execute`` (below ``classmethod``): it gets clean values by name, or a ``ValueError`` of one sentence is raised.

    Tensors of IMAGE and MASK inputs come as float32 on the CPU: pictures ``[B, H, W, 3]`` (grey is spread over the colours, alpha is
    dropped, as ComfyUI does), masks ``[B, H, W]``. Numbers come as Python's own.
    """

    @wraps(execute)
    def run(cls: type[io.ComfyNode], *args: Any, **kwargs: Any) -> io.NodeOutput:
        names = execute.__code__.co_varnames[1 : execute.__code__.co_argcount]
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        try:
            schema = cls.define_schema()
            for entry in schema.inputs:
                if entry.id not in given:
                    continue
                name, value = f"{schema.node_id}'s {entry.id}", given[entry.id]
                if value is not None:
                    given[entry.id] = _clean(name, value, entry)
                elif not entry.optional:
                    raise ValueError(_missing(name, entry))
                else:
                    del given[entry.id]  # as if it were not connected: the default applies
            return execute(cls, **given)
        except ValueError as error:
            if type(error) is ValueError:
                raise
            raise ValueError(_one_line(error)) from error

    return run


def _missing(name: str, entry: Any) -> str:
    kind = entry.get_io_type()
    return f"{name} is None, but {_article(kind)} {kind} is needed; connect a node that makes one."


def _clean(name: str, value: Any, entry: Any) -> Any:
    """The value of one input, clean.

    Raises:
        ValueError: another kind of value, or one out of range.
    """
    kind = entry.get_io_type()
    if kind in ("FLOAT", "INT"):
        return _number(name, value, entry, whole=kind == "INT")
    if kind == "COMBO":
        if not isinstance(value, str) or value not in entry.options:
            # The values of a choice are few; files are many.
            choices = "a file that is in its list" if entry.id.endswith("_name") else listed(entry.options)
            raise ValueError(f"{name} is {_kind_of(value)}; choose {choices}.")
        return value
    if kind == "STRING":
        if not isinstance(value, (str, dict, list)):
            raise ValueError(f"{name} is {_kind_of(value)}; connect or write a text.")
        return value
    if kind == "IMAGE":
        return _picture(name, value)
    if kind == "MASK":
        return _mask(name, value)
    _check_kind(name, value, kind)
    for part in value if kind == "CONDITIONING" else ():
        _check_finite(name, part[0])
    return value


def _number(name: str, value: Any, entry: Any, whole: bool) -> int | float:
    number = plain(value)
    if (
        not isinstance(number, (int, float))
        or isinstance(number, bool)
        or not -math.inf < number < math.inf
        or (whole and number != int(number))
        or not entry.min <= number <= entry.max
    ):
        kind = "whole" if whole else "finite"
        raise ValueError(f"{name} is {_kind_of(number)}; give a {kind} number from {entry.min} to {entry.max}.")
    return int(number) if whole else float(number)


def _picture(name: str, value: Any) -> Tensor:
    """A picture batch, float32 ``[B, H, W, 3]`` on the CPU."""
    picture = _tensor(name, value, "[batch, height, width, 1 to 4 channels]", 4)
    channels = picture.shape[3]
    if channels > 4:
        raise ValueError(f"{name} has {channels} channels; connect a grey, RGB or RGBA picture.")
    return picture[..., :3] if channels >= 3 else picture[..., :1].expand(-1, -1, -1, 3)


def _mask(name: str, value: Any) -> Tensor:
    """A mask batch, float32 ``[B, H, W]`` on the CPU."""
    if isinstance(value, Tensor) and value.ndim == 2 and value.layout == torch.strided:
        value = value[None]
    if (
        isinstance(value, Tensor)
        and value.ndim == 4
        and 1 in (value.shape[1], value.shape[3])
        and value.layout == torch.strided
    ):
        value = value[:, 0] if value.shape[1] == 1 else value[..., 0]  # one channel, wherever it stands
    return _tensor(name, value, "[batch, height, width]", 3)


def _tensor(name: str, value: Any, shape: str, dimensions: int) -> Tensor:
    if not isinstance(value, Tensor):
        raise ValueError(f"{name} is {_kind_of(value)}; connect a tensor of the shape {shape}.")
    if value.layout != torch.strided or value.is_meta:
        raise ValueError(
            f"{name} is a tensor on the device {value.device} with the layout {value.layout}; connect an ordinary one."
        )
    if value.ndim != dimensions:
        raise ValueError(f"{name} has the shape {list(value.shape)}; connect one of the shape {shape}.")
    if not value.numel():
        raise ValueError(
            f"{name} is empty (shape {list(value.shape)}): the node before found nothing; check it, or disconnect it."
        )
    if not (value.is_floating_point() or value.dtype in (torch.bool, torch.uint8)):
        raise ValueError(f"{name} has the dtype {value.dtype}; connect floats from 0 to 1, or bytes.")
    numbers = value.detach().to("cpu", torch.float32)
    # Bytes hold 0 to 255, except that masks of other tools hold 0 and 1.
    if value.dtype == torch.uint8 and numbers.max() > 1:
        numbers = numbers / 255
    _check_finite(name, numbers)
    return numbers


def _check_finite(name: str, numbers: Tensor) -> None:
    bad = sum(int((~torch.isfinite(part)).sum()) for part in numbers)  # one by one: a clip's pictures are large
    if bad:
        raise ValueError(
            f"{name} has {bad:,} of {numbers.numel():,} values that are NaN or infinite; check the node that made it."
        )


# What a value of each kind must have, by its duck type: other packs bring their own classes.
_KINDS: dict[str, Callable[[Any], bool]] = {
    "MODEL": lambda value: hasattr(value, "get_model_object") and hasattr(value, "model"),
    "VAE": lambda value: hasattr(value, "encode") and hasattr(value, "first_stage_model"),
    "LATENT": lambda value: isinstance(value, dict) and hasattr(value.get("samples"), "shape"),
    "CONDITIONING": lambda value: (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(part, (list, tuple)) and len(part) == 2 and isinstance(part[0], Tensor) and isinstance(part[1], dict)
            for part in value
        )
    ),
}  # fmt: skip


def _check_kind(name: str, value: Any, kind: str) -> None:
    if kind in _KINDS and not _KINDS[kind](value):
        raise ValueError(f"{name} is {_kind_of(value)}, but {_article(kind)} {kind} is needed; connect one.")


def _kind_of(value: Any) -> str:
    return (
        shorten(value)
        if value is None or isinstance(value, (bool, int, float, str, list, tuple, dict))
        else f"a {type(value).__name__}"
    )


def _article(word: str) -> str:
    return "an" if word[0] in "AEIOU" else "a"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
