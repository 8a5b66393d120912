"""Noise levels drawn in training: strata shared by ranks, and the laws of sigma."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from flashmotion_core.losses.noise_levels import SCORE_LAW, SigmaLaw, own_share, stratified_uniform
from flashmotion_core.sampling.schedule import shift_sigma

from ...support.sentences import refuses


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_stratified_numbers_fall_one_into_each_stratum(count: int) -> None:
    for seed in range(20):
        u = stratified_uniform(count, seeded(seed))
        assert sorted((u * count).long().tolist()) == list(range(count))
        assert u.max() < 1


def test_ranks_and_micro_steps_share_the_strata() -> None:
    ranks, micro_steps, count = 2, 3, 12
    shares = [
        own_share(
            stratified_uniform(count, seeded(5)), rank=rank, ranks=ranks, micro_step=step, micro_steps=micro_steps
        )
        for rank in range(ranks)
        for step in range(micro_steps)
    ]
    assert {share.shape for share in shares} == {(2,)}
    assert sorted((torch.cat(shares) * count).long().tolist()) == list(range(count))


def test_no_rank_keeps_its_stratum() -> None:
    generator = seeded(0)
    first = [int(stratified_uniform(4, generator)[0] * 4) for _ in range(200)]
    assert all(first.count(stratum) > 20 for stratum in range(4))


def test_shares_that_do_not_come_out_even() -> None:
    u = stratified_uniform(10, seeded(0))
    with refuses(key="global batch", value="10, but must be a multiple of 4 ranks x 1 micro-steps", remedy="use 12"):
        own_share(u, rank=0, ranks=4, micro_step=0, micro_steps=1)
    with refuses(key="rank 2", value="micro-step 0", remedy="there are 2 ranks and 1 micro-steps"):
        own_share(u, rank=2, ranks=2, micro_step=0, micro_steps=1)
    with refuses(key="global batch", value=0, remedy="must be at least 1"):
        stratified_uniform(0, seeded(0))


def test_uniform_law_shifted() -> None:
    u = torch.linspace(0, 1, 11, dtype=torch.float64)
    assert SigmaLaw(shift=1).sigma(u).tolist() == pytest.approx(u.tolist(), abs=1e-15)
    assert SigmaLaw().sigma(u).tolist() == pytest.approx([shift_sigma(value, 5.0) for value in u.tolist()], abs=1e-15)
    assert SigmaLaw().sigma(torch.tensor(0.5)).item() == pytest.approx(5 / 6)


@pytest.mark.parametrize("law", [SigmaLaw(), SigmaLaw(shift=3), SCORE_LAW], ids=str)
def test_density_of_drawn_sigmas(law: SigmaLaw) -> None:
    drawn = law.sigma(stratified_uniform(4096, seeded(1))).sort().values
    assert drawn[0] >= 0
    assert drawn[-1] <= 1
    for quantile in (0.05, 0.25, 0.5, 0.75, 0.95):
        expected = law.sigma(torch.tensor(quantile, dtype=torch.float64)).item()
        assert drawn[int(4096 * quantile)].item() == pytest.approx(expected, abs=2e-3)


def test_the_window_of_the_scores() -> None:
    sigma = SCORE_LAW.sigma(torch.tensor([0.0, 1e-4, 0.5, 0.9999, 1.0], dtype=torch.float64))
    assert sigma.tolist() == pytest.approx([0.02, 0.02, 5 / 6, 0.98, 0.98])


@pytest.mark.parametrize(
    ("options", "key", "value", "remedy"),
    [
        ({"shift": 0}, "shift", 0, "must be a positive number"),
        ({"low": 0.9, "high": 0.1}, "window", "0.9 to 0.1", "must rise within 0 to 1"),
        ({"high": 1.5}, "window", "0.0 to 1.5", "must rise within 0 to 1"),
    ],
)
def test_a_law_that_makes_no_sense(options: dict[str, Any], key: str, value: object, remedy: str) -> None:
    with refuses(key=key, value=value, remedy=remedy):
        SigmaLaw(**options)
