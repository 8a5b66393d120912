"""Random draws depend on what they are for and on nothing else."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from train.engine.clip_order import ClipOrder
from train.engine.streams import Streams, dataset_index

STREAMS = Streams(7, "stage1", 3)


def test_noise_depends_on_the_global_position_only() -> None:
    whole = STREAMS.noise("x", range(4), (2, 3))
    assert whole.shape == (4, 2, 3)
    assert whole.dtype == torch.float32
    for split in ([[0, 1], [2, 3]], [[0, 2], [1, 3]], [[3], [2], [1], [0]]):
        for positions in split:
            assert torch.equal(STREAMS.noise("x", positions, (2, 3)), whole[positions])


def test_uniform_depends_on_the_global_position_only() -> None:
    whole = STREAMS.uniform("u", range(64))
    assert whole.shape == (64,)
    assert whole.dtype == torch.float64
    assert torch.equal(STREAMS.uniform("u", [5, 3]), whole[[5, 3]])
    assert STREAMS.uniform("u", []).shape == (0,)
    assert 0 <= whole.min() < 0.2
    assert 0.8 < whole.max() < 1


@pytest.mark.parametrize(
    "other",
    [Streams(8, "stage1", 3), Streams(7, "stage2", 3), Streams(7, "stage1", 4)],
    ids=["seed", "phase", "iteration"],
)
def test_every_part_of_the_key_counts(other: Streams) -> None:
    assert not torch.equal(STREAMS.noise("x", [0], (8,)), other.noise("x", [0], (8,)))


def test_names_and_positions_are_independent() -> None:
    rows = torch.cat([STREAMS.noise("x", range(32), (1000,)), STREAMS.noise("y", range(32), (1000,))])
    correlation = torch.corrcoef(rows) - torch.eye(64)
    assert correlation.abs().max() < 0.2  # 6 standard deviations
    assert abs(rows.mean()) < 0.02
    assert abs(rows.std() - 1) < 0.02


def test_nothing_depends_on_global_random_state() -> None:
    torch.manual_seed(1)
    first = STREAMS.noise("x", [0], (8,))
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert torch.equal(STREAMS.noise("x", [0], (8,)), first)
    assert torch.equal(torch.get_rng_state(), state)


def test_integers_are_shared_and_cover_their_range() -> None:
    drawn = [Streams(0, "p", iteration).integer("exit", 4) for iteration in range(400)]
    counts = [drawn.count(value) for value in range(4)]
    assert sum(counts) == 400
    assert min(counts) > 60
    assert drawn[5] == Streams(0, "p", 5).integer("exit", 4)


def test_the_generator_is_the_documented_one() -> None:
    import hashlib

    word = int.from_bytes(hashlib.sha256(b"7/stage1/3/x/2").digest()[:8], "big") & (2**63 - 1)
    assert STREAMS.generator("x", 2).initial_seed() == word
    assert STREAMS.generator("x").initial_seed() != word


def shown(seed: int, epoch: int, count: int) -> list[int]:
    """The clips of an epoch in order."""
    return [dataset_index(seed, epoch * count + place, count) for place in range(count)]


@pytest.mark.parametrize("count", [1, 2, 7, 100])
def test_every_epoch_shows_every_clip_once(count: int) -> None:
    for epoch in range(3):
        assert sorted(shown(0, epoch, count)) == list(range(count))


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    assert len({tuple(shown(seed, epoch, 50)) for seed in range(3) for epoch in range(3)}) == 9


def test_every_iteration_sees_one_shape_and_every_clip_its_turn() -> None:
    groups = [range(10), range(10, 17), range(17, 18)]
    order = ClipOrder(5, groups, 4)
    per_epoch = 3 + 2 + 1
    seen = Counter[int]()
    for iteration in range(per_epoch * 14):
        chosen = order.clips(iteration, range(4))
        assert sum(set(chosen) <= set(group) for group in groups) == 1
        assert order.clips(iteration, [1, 3]) == [chosen[1], chosen[3]]  # two ranks see what one does
        seen.update(chosen)
    assert set(seen) == set(range(18))
    for number, batches in ((0, 3), (1, 2), (2, 1)):
        counts = [seen[clip] for clip in groups[number]]
        assert sum(counts) == 14 * batches * 4
        assert max(counts) - min(counts) <= 1
    kinds = [order.clips(iteration, [0])[0] // 10 for iteration in range(24)]
    assert kinds[:6] != kinds[6:12] or kinds[6:12] != kinds[12:18], "another order in each epoch"
    one = ClipOrder(5, [range(9)], 4)
    assert one.clips(3, range(4)) == [dataset_index(5, 12 + place, 9) for place in range(4)]
