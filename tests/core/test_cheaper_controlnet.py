"""A ControlNet at half resolution, and one that is computed in some steps only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as functional
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
from flashmotion_core.adapters.controlnet import averaged_noise, copied_to_finer, filled_up, pointwise
from flashmotion_core.wan.config import TI2V_5B, WanConfig, generator_shapes
from flashmotion_core.wan.generator import embed
from flashmotion_core.weights import read_header

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


# Half resolution


def test_at_full_resolution_nothing_has_changed() -> None:
    """Against the walk written out: embed, block by block, zero convolutions."""
    adapter = filled(ControlNetAdapter(TINY))
    control, latent, timestep, text = inputs()
    walk = embed(adapter, TINY, torch.cat([latent, control], dim=1), timestep, text)
    expected = []
    for block, conv in zip(adapter.blocks, adapter.zero_convs, strict=True):
        walk.hidden_BLD = block(walk.hidden_BLD, walk.e0_BF6D, walk.context_BMD, walk.cos_sin)
        expected.append(pointwise(conv, walk.hidden_BLD))
    assert same(residuals(adapter, *inputs()), expected)
    assert "half_resolution" not in adapter.config()


@pytest.mark.parametrize(("rows", "columns"), [(8, 8), (4, 6), (6, 6), (2, 2), (30, 52), (5, 7)])
def test_half_resolution_gives_the_generators_tokens_at_any_size(rows: int, columns: int) -> None:
    adapter = filled(ControlNetAdapter(TINY, half_resolution=True))
    control, latent, timestep, text = inputs(rows=rows, columns=columns)
    state = adapter.begin(control, latent, timestep, text)
    assert state.walk.grid == (2, -(-(rows // 2) // 2), -(-(columns // 2) // 2))
    found = adapter.residual(0, state).unflatten(1, (2, rows // 2, columns // 2))
    assert found.shape == (1, 2, rows // 2, columns // 2, 128)
    for row in range(rows // 2):
        for column in range(columns // 2):
            own = found[:, :, row // 2 * 2, column // 2 * 2]
            assert torch.equal(found[:, :, row, column], own)
    assert len({float(value) for value in found[0, :, ::2, ::2].flatten(0, 2)[:, 0]}) == state.walk.hidden_BLD.shape[1]


def test_the_last_odd_row_and_column_go_on_as_they_end() -> None:
    adapter = filled(ControlNetAdapter(TINY, half_resolution=True))
    control, latent, timestep, text = inputs(rows=6, columns=10)
    longer = [functional.pad(x, (0, 2, 0, 2, 0, 0), mode="replicate") for x in (control, latent)]
    assert torch.equal(filled_up(latent, (1, 2, 2), (1, 4, 4)), longer[1])
    whole = residuals(adapter, *longer, timestep, text)
    for found, wider in zip(residuals(adapter, control, latent, timestep, text), whole, strict=True):
        assert torch.equal(found, wider.unflatten(1, (2, 4, 6))[:, :, :3, :5].flatten(1, 3))


def test_it_starts_as_the_generator_on_averaged_cells_at_their_own_noise_level() -> None:
    draw = torch.Generator().manual_seed(3)
    weights = {key: torch.randn(shape, generator=draw) * 0.1 for key, shape in generator_shapes(TINY).items()}
    whole, half = ControlNetAdapter(TINY), ControlNetAdapter(TINY, half_resolution=True)
    for adapter in (whole, half):
        adapter.requires_grad_(False).init_from_generator(weights)
        for conv in adapter.zero_convs:
            conv.weight.copy_(torch.randn(conv.weight.shape, generator=torch.Generator().manual_seed(4)))
    control, latent, timestep, text = inputs(rows=8, columns=12)
    lower, factor = averaged_noise(timestep)
    small = functional.avg_pool3d(latent, (1, 2, 2)) * factor[:, None, :, None, None]
    expected = residuals(whole, functional.avg_pool3d(control, (1, 2, 2)), small, lower, text)
    for found, coarse in zip(residuals(half, control, latent, timestep, text), expected, strict=True):
        torch.testing.assert_close(found, copied_to_finer(coarse, (2, 4, 6)), atol=1e-4, rtol=1e-4)


def test_averaged_noise_keeps_the_flows_convention() -> None:
    sigma = torch.tensor([[0.0, 0.3, 0.625, 1.0]], dtype=torch.float64)
    timestep, factor = averaged_noise(1000 * sigma)
    lower, x0, noise = timestep / 1000, 0.7, -1.3
    torch.testing.assert_close(factor * ((1 - sigma) * x0 + sigma * noise / 2), (1 - lower) * x0 + lower * noise)
    assert lower[0, 0] == 0
    assert lower[0, -1] == 1


def test_a_token_is_copied_after_its_zero_convolution_as_well_as_before() -> None:
    conv = torch.nn.Conv2d(16, 16, 1)
    x = torch.randn(1, 2 * 2 * 2, 16)
    after, before = copied_to_finer(pointwise(conv, x), (2, 3, 4)), pointwise(conv, copied_to_finer(x, (2, 3, 4)))
    torch.testing.assert_close(after, before, atol=1e-6, rtol=1e-6)


def test_gradients_reach_every_weight_that_counts() -> None:
    adapter = filled(ControlNetAdapter(TINY, inject_after=(0, 2), half_resolution=True)).requires_grad_(True)
    sum(residual.square().sum() for residual in residuals(adapter, *inputs(rows=6))).backward()
    without = {name for name, value in adapter.named_parameters() if value.grad is None or not value.grad.any()}
    # The generator's head is there for the file alone.
    assert without == {"head.head.weight", "head.head.bias", "head.modulation"}


def test_half_resolution_travels_in_the_file(tmp_path: Path) -> None:
    adapter = filled(ControlNetAdapter(TINY, inject_after=(0, 2), half_resolution=True))
    save_adapter(tmp_path / "half.safetensors", adapter)
    save_adapter(tmp_path / "whole.safetensors", filled(ControlNetAdapter(TINY)))
    again = build_adapter(read_adapter(tmp_path / "half.safetensors"), TINY)
    assert again.config() == adapter.config()
    assert same(residuals(again, *inputs()), residuals(adapter, *inputs()))
    assert "half_resolution" not in read_header(tmp_path / "whole.safetensors")[1]["flashmotion.config"]
    assert not build_adapter(read_adapter(tmp_path / "whole.safetensors"), TINY).half_resolution  # type: ignore[union-attr]


def test_half_resolution_is_true_or_false() -> None:
    with pytest.raises(ValueError, match="half_resolution is 'yes', but must be true or false"):
        ControlNetAdapter(TINY, half_resolution="yes")  # type: ignore[arg-type]


def test_only_the_patch_embedding_grows() -> None:
    whole, half = (
        sum(value.numel() for value in ControlNetAdapter(TI2V_5B, half_resolution=half, device="meta").parameters())
        for half in (False, True)
    )
    assert half - whole == 3 * 96 * 4 * 3072


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


@pytest.mark.parametrize("half", [False, True], ids=["full", "half"])
@pytest.mark.parametrize(("every", "computed"), [(1, [0, 1, 2, 3]), (2, [0, 2]), (3, [0, 3]), (4, [0]), (9, [0])])
def test_residuals_are_computed_in_the_stated_steps_and_used_again(every: int, computed: list[int], half: bool) -> None:
    adapter = filled(ControlNetAdapter(TINY, half_resolution=half))
    own = [residuals(adapter, *inputs(level, seed=step)) for step, level in enumerate(LEVELS)]
    count, reusing = Counting(adapter), ReusingAdapter(adapter, every)
    for _ in range(2):  # a second run begins anew by itself
        count.levels.clear()
        count.blocks = 0
        for step, level in enumerate(LEVELS):
            last = max(index for index in computed if index <= step)
            assert same(residuals(reusing, *inputs(level, seed=step)), own[last])
        assert count.levels == pytest.approx([LEVELS[step] for step in computed])
        assert count.blocks == 3 * len(computed)


def test_what_is_kept_is_a_quarter_at_half_resolution_and_is_freed() -> None:
    kept = []
    for half in (False, True):
        reusing = ReusingAdapter(filled(ControlNetAdapter(TINY, half_resolution=half)), 2)
        residuals(reusing, *inputs(rows=8, columns=8))
        (stored,) = reusing._kept.values()
        kept.append(sum(value.numel() for value in stored.values()))
        reusing.clear()
        assert not reusing._kept
    assert kept == [3 * 2 * 16 * 128, 3 * 2 * 4 * 128]


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
    with pytest.raises(ValueError, match=rf"computed in every {every}th step, but the number must be whole"):
        ReusingAdapter(filled(ControlNetAdapter(TINY)), every)
