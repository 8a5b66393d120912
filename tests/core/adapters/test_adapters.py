"""Adapters: sizes, zero initialisation, residuals."""

from __future__ import annotations

import pytest
import torch

from flashmotion_core.adapters import (
    ControlNetAdapter,
    ResNetAdapter,
    TrajectoryAdapter,
    block_strengths,
)
from flashmotion_core.wan.config import TI2V_5B, generator_shapes

from ...support.sentences import refuses
from ...support.tiny_adapters import BOTH, TINY, filled, residuals


def parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameter_counts_of_the_paper() -> None:
    generator = 4_999_787_712
    controlnet = parameters(ControlNetAdapter(TI2V_5B, device="meta"))
    resnet = parameters(ResNetAdapter(TI2V_5B, device="meta"))
    assert generator + controlnet == 10_282_783_104 + 589_824
    assert 15_000_000 <= resnet <= 25_000_000
    assert 5_015_000_000 <= generator + resnet <= 5_025_000_000


@BOTH
def test_a_fresh_adapter_adds_exactly_nothing(kind: type[TrajectoryAdapter]) -> None:
    adapter = kind(TINY)  # type: ignore[call-arg]
    for name, parameter in adapter.named_parameters():
        if "zero_convs" not in name:
            torch.nn.init.normal_(parameter, std=0.5)
    assert all(torch.count_nonzero(residual) == 0 for residual in residuals(adapter))


@BOTH
def test_one_residual_per_injection_in_token_order(kind: type[TrajectoryAdapter]) -> None:
    found = residuals(filled(kind(TINY)), batch=1)  # type: ignore[call-arg]
    assert [tuple(residual.shape) for residual in found] == [(1, 2 * 2 * 3, 128)] * 3
    assert all(residual.abs().max() > 0 for residual in found)


@BOTH
def test_a_batch_gets_the_same_control(kind: type[TrajectoryAdapter]) -> None:
    adapter = filled(kind(TINY))  # type: ignore[call-arg]
    latent = torch.randn(1, 48, 2, 4, 6)
    control, text = torch.randn(1, 48, 2, 4, 6), torch.randn(1, 5, 32)

    def first(batch: int) -> torch.Tensor:
        state = adapter.begin(
            adapter.prepare(control),
            latent.repeat(batch, 1, 1, 1, 1),
            torch.full((batch, 1), 500.0),
            text.repeat(batch, 1, 1),
        )
        return adapter.residual(0, state).expand(batch, -1, -1)

    torch.testing.assert_close(first(2), first(1).expand(2, -1, -1), atol=1e-5, rtol=1e-5)


def test_resnet_depends_on_the_control_alone() -> None:
    adapter = filled(ResNetAdapter(TINY))
    prepared = adapter.prepare(torch.randn(1, 48, 2, 4, 6))
    states = [
        adapter.begin(prepared, torch.randn(1, 48, 2, 4, 6), torch.tensor([[time]]), torch.randn(1, 5, 32))
        for time in (1000.0, 250.0)
    ]
    assert torch.equal(adapter.residual(1, states[0]), adapter.residual(1, states[1]))


def test_controlnet_sees_latent_time_and_text() -> None:
    adapter = filled(ControlNetAdapter(TINY))
    base = {"latent": torch.randn(1, 48, 2, 4, 6), "time": torch.tensor([[0.0, 500.0]]), "text": torch.randn(1, 5, 32)}
    control = torch.randn(1, 48, 2, 4, 6)

    def run(**changed: torch.Tensor) -> torch.Tensor:
        values = {**base, **changed}
        state = adapter.begin(control, values["latent"], values["time"], values["text"])
        return adapter.residual(2, state)

    same = run()
    assert torch.equal(same, run())
    for name, value in {
        "latent": base["latent"] + 1,
        "time": torch.tensor([[500.0, 500.0]]),
        "text": base["text"] + 1,
    }.items():
        assert not torch.allclose(same, run(**{name: value})), name


def test_skipped_blocks_still_run() -> None:
    adapter = filled(ControlNetAdapter(TINY))
    arguments = (
        torch.randn(1, 48, 1, 4, 4),
        torch.randn(1, 48, 1, 4, 4),
        torch.tensor([[500.0]]),
        torch.randn(1, 5, 32),
    )
    every = adapter.begin(*arguments)
    last = adapter.begin(*arguments)
    assert torch.equal([adapter.residual(index, every) for index in range(3)][-1], adapter.residual(2, last))


def test_controlnet_starts_as_a_clone_of_the_generator() -> None:
    weights = {key: torch.randn(shape) for key, shape in generator_shapes(TINY).items()}
    adapter = ControlNetAdapter(TINY, inject_after=(0, 2))
    adapter.init_from_generator(weights)
    own = adapter.state_dict()
    assert torch.equal(own["blocks.1.self_attn.q.weight"], weights["blocks.2.self_attn.q.weight"])
    assert torch.equal(own["patch_embedding.weight"][:, :48], weights["patch_embedding.weight"])
    assert torch.count_nonzero(own["patch_embedding.weight"][:, 48:]) == 0
    assert torch.count_nonzero(own["zero_convs.1.weight"]) == 0
    assert torch.equal(own["head.head.weight"], weights["head.head.weight"])


@pytest.mark.parametrize(
    ("points", "key", "value", "remedy"),
    [
        ((2, 1), "injection points", "[2, 1]", "ascending block numbers from 0"),
        ((), "injection points", "[]", "ascending block numbers from 0"),
        ((0, 3), "block 3", "blocks 0 to 2", "use the generator that the adapter was trained on"),
    ],
)
def test_injection_points_that_do_not_fit(points: tuple[int, ...], key: str, value: str, remedy: str) -> None:
    with refuses(key=key, value=value, remedy=remedy):
        ResNetAdapter(TINY, inject_after=points)


def test_block_strengths() -> None:
    assert block_strengths(0.5, 3) == (0.5, 0.5, 0.5)
    assert block_strengths([1, 0, 2], 3) == (1.0, 0.0, 2.0)
    with refuses(key="block strengths", value=2, remedy="3 injections; give one number or 3"):
        block_strengths([1, 2], 3)
