"""A ControlNet that is computed in some steps only, against its walk written out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from flashmotion_core.adapters import (
    ControlNetAdapter,
    ResNetAdapter,
    ReusingAdapter,
    TrajectoryAdapter,
    build_adapter,
    read_adapter,
    save_adapter,
)
from flashmotion_core.wan.config import WanConfig
from flashmotion_core.wan.generator import embed

from ...support.sentences import refuses

TINY = WanConfig(dim=128, ffn_dim=192, num_heads=1, num_layers=3, text_dim=32)
LEVELS = (1000.0, 937.5, 2500 / 3, 625.0)


def filled(adapter: Any, seed: int = 0) -> Any:
    draw = torch.Generator().manual_seed(seed)
    for parameter in adapter.parameters():
        parameter.data = torch.randn(parameter.shape, generator=draw) * 0.1
    return adapter.eval().requires_grad_(False)


def inputs(
    level: float = 750.0, rows: int = 4, columns: int = 6, seed: int = 1
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Control, noisy latent, timesteps with a clean first frame, text."""
    draw = torch.Generator().manual_seed(seed)
    control, latent = (torch.randn(1, 48, 2, rows, columns, generator=draw) for _ in range(2))
    return control, latent, torch.tensor([[0.0, level]]), torch.randn(1, 5, TINY.text_dim, generator=draw)


def residuals(adapter: TrajectoryAdapter | ReusingAdapter, *arguments: Tensor, **key: Any) -> list[Tensor]:
    state = adapter.begin(*arguments, **key)
    return [adapter.residual(index, state) for index in range(len(adapter.inject_after))]


def same(first: list[Tensor], second: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


# The walk


def test_residuals_are_those_of_the_walk_written_out() -> None:
    """Embed, block by block, zero convolutions."""
    adapter = filled(ControlNetAdapter(TINY))
    control, latent, timestep, text = inputs()
    walk = embed(adapter, TINY, torch.cat([latent, control], dim=1), timestep, text)
    expected = []
    for block, conv in zip(adapter.blocks, adapter.zero_convs, strict=True):
        walk.hidden_BLD = block(walk.hidden_BLD, walk.e0_BF6D, walk.context_BMD, walk.cos_sin)
        expected.append(conv(walk.hidden_BLD))
    assert same(residuals(adapter, *inputs()), expected)


def test_gradients_reach_every_weight_that_counts() -> None:
    adapter = filled(ControlNetAdapter(TINY, inject_after=(0, 2))).requires_grad_(True)
    sum(residual.square().sum() for residual in residuals(adapter, *inputs(rows=6))).backward()
    without = {name for name, value in adapter.named_parameters() if value.grad is None or not value.grad.any()}
    # The generator's head is there for the file alone.
    assert without == {"head.head.weight", "head.head.bias", "head.modulation"}


def test_a_shallower_clone_travels_in_the_file(tmp_path: Path) -> None:
    adapter = filled(ControlNetAdapter(TINY, inject_after=(0, 2)))
    save_adapter(tmp_path / "shallow.safetensors", adapter)
    again = build_adapter(read_adapter(tmp_path / "shallow.safetensors"), TINY)
    assert again.config() == adapter.config()
    assert same(residuals(again, *inputs()), residuals(adapter, *inputs()))


# Some steps only


class Counting:
    """Counts an adapter's passes and blocks."""

    def __init__(self, adapter: TrajectoryAdapter) -> None:
        self.levels: list[float] = []
        self.blocks = 0
        begin = adapter.begin

        def counted(*arguments: Any) -> Any:
            self.levels.append(float(arguments[2].max()))
            return begin(*arguments)

        def block_ran(*_: Any) -> None:
            self.blocks += 1

        adapter.begin = counted  # type: ignore[method-assign]
        for block in getattr(adapter, "blocks", ()):
            block.register_forward_hook(block_ran)


@pytest.mark.parametrize(("every", "computed"), [(1, [0, 1, 2, 3]), (2, [0, 2]), (3, [0, 3]), (4, [0]), (9, [0])])
def test_residuals_are_computed_in_the_stated_steps_and_used_again(every: int, computed: list[int]) -> None:
    adapter = filled(ControlNetAdapter(TINY))
    own = [residuals(adapter, *inputs(level, seed=step)) for step, level in enumerate(LEVELS)]
    count, reusing = Counting(adapter), ReusingAdapter(adapter, every)
    for _ in range(2):  # a second run starts from scratch
        count.levels.clear()
        count.blocks = 0
        for step, level in enumerate(LEVELS):
            last = max(index for index in computed if index <= step)
            assert same(residuals(reusing, *inputs(level, seed=step)), own[last])
        assert count.levels == pytest.approx([LEVELS[step] for step in computed])
        assert count.blocks == 3 * len(computed)


def test_what_is_kept_is_one_residual_per_block_and_is_freed() -> None:
    reusing = ReusingAdapter(filled(ControlNetAdapter(TINY)), 2)
    residuals(reusing, *inputs(rows=8, columns=8))
    (stored,) = reusing._kept.values()
    assert sum(value.numel() for value in stored.values()) == 3 * 2 * 16 * 128
    reusing.clear()
    assert not reusing._kept


def test_passes_of_one_step_are_told_apart() -> None:
    adapter = filled(ControlNetAdapter(TINY))
    reusing, count = ReusingAdapter(adapter, 2), Counting(adapter)
    passes = {key: inputs(LEVELS[0], seed=seed) for seed, key in enumerate(("positive", "negative"))}
    first = {key: residuals(reusing, *passes[key], key=key) for key in passes}
    assert not same(first["positive"], first["negative"])
    for key in ("negative", "positive"):
        assert same(residuals(reusing, *inputs(LEVELS[1]), key=key), first[key])
    assert len(count.levels) == 2
    # One that the computed step did not have, and one of another size, are computed and not kept.
    residuals(reusing, *inputs(LEVELS[1]), key="new")
    residuals(reusing, *inputs(LEVELS[1], rows=8), key="positive")
    assert len(count.levels) == 4
    assert len(reusing._kept) == 2


def test_a_resnet_is_computed_in_every_step_and_nothing_of_it_is_kept() -> None:
    adapter = filled(ResNetAdapter(TINY))
    reusing, count = ReusingAdapter(adapter, 4), Counting(adapter)
    control, *_ = inputs()
    prepared = reusing.prepare(control)
    for level in LEVELS:
        residuals(reusing, prepared, *inputs(level)[1:])
    assert len(count.levels) == 4
    assert not reusing._kept


@pytest.mark.parametrize("every", [0, -2, 1.5, True])
def test_a_number_of_steps_that_is_none(every: Any) -> None:
    with refuses(key="compute_every", value=f"is {every}", remedy="a whole number from 1"):
        ReusingAdapter(filled(ControlNetAdapter(TINY)), every)
