"""The mark of a generator: one for all copies of the same weights, another after any change of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor

from flashmotion_core.wan.config import TI2V_5B, WanConfig, generator_shapes
from flashmotion_core.wan.fingerprint import (
    SAMPLES,
    changed_mark,
    fingerprint,
    old_fingerprint,
    places,
    same_generator,
    sampled_layers,
    short_name,
)
from flashmotion_core.wan.keys import to_diffusers

from ...support.sentences import refuses

CONFIG = WanConfig(dim=128, ffn_dim=256, num_heads=1, num_layers=4, text_dim=64)
State = dict[str, Tensor]


def weights(config: WanConfig = CONFIG, seed: int = 0) -> State:
    random = torch.Generator().manual_seed(seed)
    return {key: torch.randn(shape, generator=random) * 0.03 for key, shape in generator_shapes(config).items()}


BASE = weights()


def linear(key: str) -> bool:
    return key.startswith("blocks.") and key.endswith(".weight") and "norm" not in key


def low_rank(state: State, size: float, every: int = 3) -> State:
    """A LoRA of rank 4 on every n-th linear layer; `size` is its part of the weights' norm."""
    random = torch.Generator().manual_seed(5)
    keys = [key for key in state if linear(key)][::every]
    changed = dict(state)
    for key in keys:
        rows, columns = state[key].shape
        change = torch.randn(rows, 4, generator=random) @ torch.randn(4, columns, generator=random)
        changed[key] = state[key].float() + change * (size * state[key].float().norm() / change.norm())
    return changed


def cast(dtype: torch.dtype) -> Callable[[State], State]:
    return lambda state: {key: value.to(dtype) for key, value in state.items()}


def scaled(state: State, *, name: str = "weight_scale", per_row: bool = False, integers: bool = False) -> State:
    """fp8 or int8 linear layers with scales, the rest in float16."""
    found: State = {}
    largest, dtype = (127, torch.int8) if integers else (448, torch.float8_e4m3fn)
    for key, value in state.items():
        if not linear(key):
            found[key] = value.half()
            continue
        scale = (value.abs().amax(1, keepdim=True) if per_row else value.abs().max()) / largest
        found[key] = (value / scale).round().to(dtype) if integers else (value / scale).to(dtype)
        found[key.replace("weight", name)] = scale
        if integers:
            note = json.dumps({"format": "int8_tensorwise"}).encode()
            found[key.replace("weight", "comfy_quant")] = torch.tensor(list(note), dtype=torch.uint8)
    return found


COPIES: dict[str, Callable[[State], State]] = {
    "fp32": lambda state: state,
    "bf16": cast(torch.bfloat16),
    "fp16": cast(torch.float16),
    "fp8, unscaled": lambda state: {
        key: value.to(torch.float8_e4m3fn if linear(key) else torch.bfloat16) for key, value in state.items()
    },
    "fp8, e5m2": lambda state: {
        key: value.to(torch.float8_e5m2 if linear(key) else torch.bfloat16) for key, value in state.items()
    },
    "fp8_scaled, old": lambda state: (
        scaled(state, name="scale_weight") | {"scaled_fp8": torch.empty(0, dtype=torch.float8_e4m3fn)}
    ),
    "fp8_scaled, per row": lambda state: scaled(state, per_row=True),
    "int8": lambda state: scaled(state, per_row=True, integers=True),
    "diffusers": to_diffusers,
    "diffusers, fp16": lambda state: cast(torch.float16)(to_diffusers(state)),
    "behind a prefix": lambda state: {
        f"model.diffusion_model.{key}": value for key, value in cast(torch.bfloat16)(state).items()
    },
}


@cache
def mark_of(copy: str, size: float = 0, seed: int = 0) -> str:
    """The mark of a copy of the generator, with a LoRA of this size, or of another generator."""
    state = weights(seed=seed)
    return fingerprint(COPIES[copy](low_rank(state, size) if size else state))


@pytest.mark.parametrize("first", COPIES)
@pytest.mark.parametrize("second", COPIES)
def test_copies_of_one_generator_agree_and_a_lora_does_not(first: str, second: str) -> None:
    mark = mark_of(first)
    assert same_generator(mark, mark_of(second)) is True
    # A part of the weights' norm on a third of the linear layers. In fp8 without scales, steps are 2^-9: coarse for weights of 0.03.
    size = 0.1 if first == second == "fp8, unscaled" else 0.02
    assert same_generator(mark, mark_of(second, size)) is False
    assert same_generator(mark, mark_of(second, seed=1)) is False


@pytest.mark.parametrize("size", [0.001, 0.005, 0.05])
def test_even_a_weak_lora_shows_in_bf16(size: float) -> None:
    assert (
        same_generator(fingerprint(cast(torch.bfloat16)(BASE)), fingerprint(cast(torch.bfloat16)(low_rank(BASE, size))))
        is False
    )


def test_every_layer_is_sampled() -> None:
    mark = fingerprint(BASE)
    assert sampled_layers(mark) == [key for key, shape in generator_shapes(CONFIG).items() if len(shape) > 1]
    for key in sampled_layers(mark):
        assert fingerprint({**BASE, key: BASE[key] + 0.01}) != mark, key


def test_sizes_of_marks() -> None:
    layers = [key for key, shape in generator_shapes(TI2V_5B).items() if len(shape) > 1]
    assert len(layers) == 338
    assert len(fingerprint(BASE).split(":")[3]) == 2 * 3 * SAMPLES * len(sampled_layers(fingerprint(BASE)))
    assert same_generator(fingerprint(BASE), fingerprint(weights(WanConfig(128, 256, 1, 3, text_dim=64)))) is False
    assert len(short_name(fingerprint(BASE))) == 16


def test_old_marks_are_compared_by_the_old_rule() -> None:
    old = old_fingerprint(BASE)
    assert len(old) == 16
    assert same_generator(old, fingerprint(low_rank(BASE, 0.1))) is True  # all that version 1 saw
    changed = {**BASE, "head.modulation": BASE["head.modulation"] + 1}
    assert same_generator(fingerprint(changed), old) is False
    assert same_generator(old, old_fingerprint(changed)) is False
    assert short_name(old) == old


@pytest.mark.parametrize("damaged", ["2:::", "2:a:b:####", "2:a:b:aaaa", "3:a:b:c", "2:a:b", ":" * 5])
def test_marks_that_cannot_be_read_say_nothing(damaged: str) -> None:
    assert same_generator(damaged, fingerprint(BASE)) is None
    assert changed_mark(damaged, {"head.modulation": None}) == damaged


def test_what_is_added_to_layers_shows_and_equals_the_merged_file() -> None:
    merged = low_rank(BASE, 0.05)
    changes = {}
    for key in sampled_layers(fingerprint(BASE)):
        if not torch.equal(merged[key], BASE[key]):
            rows, columns = places(key, *BASE[key].shape)
            changes[key] = (merged[key] - BASE[key])[rows, columns]
    mark = changed_mark(fingerprint(cast(torch.bfloat16)(BASE)), changes)
    assert same_generator(mark, fingerprint(BASE)) is False
    assert same_generator(changed_mark(fingerprint(BASE), changes), fingerprint(merged)) is True
    assert same_generator(changed_mark(fingerprint(cast(torch.float16)(BASE)), changes), fingerprint(merged)) is True


def test_a_change_that_cannot_be_followed_makes_another_generator() -> None:
    layers = sampled_layers(fingerprint(BASE))[:2]
    mark = changed_mark(fingerprint(BASE), dict.fromkeys(layers))
    assert same_generator(mark, fingerprint(BASE)) is False


def test_layers_in_an_unknown_format_are_left_out() -> None:
    note = torch.tensor(list(b'{"format": "something_new"}'), dtype=torch.uint8)
    state = dict(BASE)
    for key in [key for key in BASE if linear(key)][::2]:
        state[key] = torch.zeros(BASE[key].shape, dtype=torch.int8)
        state |= {key.replace("weight", "weight_scale"): torch.ones(()), key.replace("weight", "comfy_quant"): note}
    assert same_generator(fingerprint(state), fingerprint(BASE)) is True
    assert same_generator(fingerprint(state), fingerprint(low_rank(BASE, 0.05, every=1))) is False


def test_a_part_of_a_generator_has_no_mark() -> None:
    with refuses(key="part of a Wan generator", remedy="give the folder"):
        fingerprint({key: value for key, value in BASE.items() if not key.startswith(("patch", "blocks.0"))})
