"""The discriminator's classifier: what it sees, what it must not see, and that it learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor

from flashmotion_core.losses.adversarial import (
    DiscriminatorStatistics,
    discriminator_gan_loss,
    discriminator_statistics,
)
from flashmotion_core.losses.discriminator import AttentionClassifier, ClassifierConfig, tap_blocks

from ...support.sentences import refuses

TINY = ClassifierConfig(dim=24, text_dim=16, width=32, heads=4)
GRID = (3, 2, 4)
FRAME = GRID[1] * GRID[2]


@dataclass(frozen=True)
class Inputs:
    """Everything that a classifier is given, for two clips."""

    features: tuple[Tensor, ...]
    text: Tensor
    control: Tensor
    timestep: Tensor
    grid: tuple[int, int, int] = GRID

    def logits(self, classifier: AttentionClassifier) -> Tensor:
        found: Tensor = classifier(self.features, self.grid, self.text, self.control, self.timestep)
        return found


def draw(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def inputs(grid: tuple[int, int, int] = GRID, batch: int = 2) -> Inputs:
    frames, rows, columns = grid
    return Inputs(
        features=tuple(draw(seed, batch, frames * rows * columns, TINY.dim) for seed in range(3)),
        text=draw(3, batch, 5, TINY.text_dim),
        control=draw(4, batch, 48, frames, 2 * rows, 2 * columns),
        timestep=torch.tensor([500.0, 833.3])[:batch],
        grid=grid,
    )


def classifier(**options: Any) -> AttentionClassifier:
    torch.manual_seed(0)
    return AttentionClassifier(replace(TINY, **options))


def with_other_frames(given: Inputs, frames: slice) -> Inputs:
    """The same with other features in some frames."""
    changed = []
    for seed, feature in enumerate(given.features):
        other = feature.clone().unflatten(1, (GRID[0], FRAME))
        other[:, frames] = draw(20 + seed, *other[:, frames].shape)
        changed.append(other.flatten(1, 2))
    return replace(given, features=tuple(changed))


def differ(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).abs().min() > 1e-6)


@pytest.mark.parametrize(
    ("depth", "taps"),
    [(30, (13, 21, 29)), (40, (18, 28, 39)), (4, (1, 2, 3)), (3, (0, 1, 2)), (2, (0, 1)), (1, (0,))],
)
def test_taps_scale_with_the_depth(depth: int, taps: tuple[int, ...]) -> None:
    assert tap_blocks(depth) == taps


@pytest.mark.parametrize("depth", range(3, 65))
def test_three_different_taps_end_at_the_last_block(depth: int) -> None:
    first, second, last = tap_blocks(depth)
    assert 0 <= first < second < last == depth - 1


def test_a_generator_without_blocks_has_no_taps() -> None:
    with refuses(key="blocks", value=0, remedy="needs at least 1"):
        tap_blocks(0)


def test_parameter_count_for_the_5b() -> None:
    with torch.device("meta"):
        full = AttentionClassifier(ClassifierConfig())
    e = 1024
    paired = 2 * e + e * e
    layer = 3 * 2 * e + 4 * (e * e + e) + (e * 4 * e + 4 * e) + (4 * e * e + e)
    reader = e + 2 * 3072 + (3072 * e + e) + 3 * layer + paired
    shared = (256 * e + e) + (e * e + e) + 128 * e + (4096 * e + e) + (48 * 4 * e + e)
    head = 2 * 3 * e + (3 * e * e + e) + (e + 1)
    assert sum(parameter.numel() for parameter in full.parameters()) == 3 * reader + shared + head == 134_988_801


def test_one_logit_per_clip() -> None:
    assert inputs().logits(classifier()).shape == (2,)
    assert inputs(batch=1).logits(classifier()).shape == (1,)


def test_text_trajectory_video_and_time_change_the_logit() -> None:
    given, judge = inputs(), classifier()
    before = given.logits(judge)
    assert differ(before, replace(given, text=draw(9, *given.text.shape)).logits(judge))
    assert differ(before, replace(given, control=draw(9, *given.control.shape)).logits(judge))
    assert differ(before, replace(given, timestep=given.timestep / 2).logits(judge))
    assert differ(before, with_other_frames(given, slice(0, 1)).logits(judge))
    assert differ(before, with_other_frames(given, slice(1, None)).logits(judge))


def test_without_semantic_attention_text_and_first_frame_are_not_seen() -> None:
    given, judge = inputs(), classifier(semantic=False, paired=False)
    before = given.logits(judge)
    assert torch.equal(before, replace(given, text=draw(9, *given.text.shape)).logits(judge))
    assert torch.equal(before, with_other_frames(given, slice(0, 1)).logits(judge))
    assert differ(before, with_other_frames(given, slice(1, None)).logits(judge))


def test_without_trajectory_attention_the_trajectory_is_not_seen() -> None:
    given, judge = inputs(), classifier(trajectory=False)
    before = given.logits(judge)
    assert torch.equal(before, replace(given, control=draw(9, *given.control.shape)).logits(judge))
    assert differ(before, replace(given, text=draw(9, *given.text.shape)).logits(judge))


def test_without_video_attention_only_the_first_frame_is_seen() -> None:
    given, judge = inputs(), classifier(video=False, paired=False)
    before = given.logits(judge)
    assert torch.equal(before, with_other_frames(given, slice(1, None)).logits(judge))
    assert differ(before, with_other_frames(given, slice(0, 1)).logits(judge))


def test_paired_trajectory_attention_sees_the_video_by_itself() -> None:
    given, judge = inputs(), classifier(semantic=False, video=False)
    before = given.logits(judge)
    assert differ(before, with_other_frames(given, slice(1, None)).logits(judge))
    assert differ(before, replace(given, control=draw(9, *given.control.shape)).logits(judge))


def test_what_is_switched_off_has_no_parameters() -> None:
    full = set(classifier().state_dict())
    for name in ("semantic", "trajectory", "video"):
        left = set(classifier(**{name: False}).state_dict())
        assert left < full
        assert not any(f".{name}." in key for key in left)


def test_every_tap_counts() -> None:
    given, judge = inputs(), classifier()
    before = given.logits(judge)
    for tap in range(3):
        features = list(given.features)
        features[tap] = draw(9, *features[tap].shape)
        assert differ(before, replace(given, features=tuple(features)).logits(judge))


def test_clips_of_a_batch_do_not_see_each_other() -> None:
    given, judge = inputs(), classifier()
    swapped = Inputs(
        features=tuple(feature.flip(0) for feature in given.features),
        text=given.text.flip(0),
        control=given.control.flip(0),
        timestep=given.timestep.flip(0),
    )
    torch.testing.assert_close(swapped.logits(judge), given.logits(judge).flip(0))


def test_places_matter() -> None:
    # Attention alone would not see that two tokens have changed places.
    given, judge = inputs(), classifier(paired=False)
    moved = tuple(feature.roll(1, dims=1) for feature in (f[:, FRAME:] for f in given.features))
    features = tuple(
        torch.cat([feature[:, :FRAME], rest], dim=1) for feature, rest in zip(given.features, moved, strict=True)
    )
    assert differ(given.logits(judge), replace(given, features=features).logits(judge))
    assert differ(given.logits(judge), replace(given, control=given.control.roll(2, dims=4)).logits(judge))


def test_padding_of_the_text_has_no_influence() -> None:
    given, judge = inputs(), classifier()
    padded = torch.cat([given.text, torch.zeros(2, 7, TINY.text_dim)], dim=1)
    torch.testing.assert_close(replace(given, text=padded).logits(judge), given.logits(judge))


def test_no_text_at_all_is_a_number() -> None:
    given, judge = inputs(), classifier()
    empty = replace(given, text=torch.zeros(2, 0, TINY.text_dim)).logits(judge)
    assert empty.isfinite().all()
    torch.testing.assert_close(replace(given, text=torch.zeros_like(given.text)).logits(judge), empty)


def test_gradient_reaches_every_token_of_every_feature_and_every_parameter() -> None:
    given, judge = inputs(), classifier()
    features = tuple(feature.requires_grad_() for feature in given.features)
    given.logits(judge).sum().backward()
    for feature in features:
        assert feature.grad is not None
        assert (feature.grad.abs().amax(-1) > 0).all()
    for name, parameter in judge.named_parameters():
        assert parameter.grad is not None, name
        # A bias on the keys adds the same to all scores of a query, which the softmax takes away again.
        assert name.endswith(".k.bias") or torch.count_nonzero(parameter.grad) > 0, name


def test_bf16_features_meet_float32_weights() -> None:
    given, judge = inputs(), classifier()
    half = replace(given, features=tuple(feature.bfloat16().requires_grad_() for feature in given.features))
    logits = half.logits(judge)
    logits.sum().backward()
    assert logits.dtype == torch.float32
    assert half.features[0].grad is not None
    torch.testing.assert_close(logits, given.logits(judge), atol=2e-2, rtol=0)


def test_a_clip_of_one_frame_is_refused() -> None:
    with refuses(key="clip", value="1 latent frame", remedy="nothing to judge; use clips of at least 5 frames"):
        inputs(grid=(1, 2, 4)).logits(classifier())


@pytest.mark.parametrize(
    ("options", "key", "value", "remedy"),
    [
        ({"heads": 5}, "width", 32, "must be a multiple of its 5 heads"),
        ({"taps": 0}, "taps", 0, "needs at least 1"),
        ({"semantic": False, "video": False, "paired": False}, "classifier", "sees nothing of the clip", "switch on"),
        (
            {"semantic": False, "video": False, "trajectory": False},
            "classifier",
            "sees nothing of the clip",
            "switch on",
        ),
    ],
)
def test_a_classifier_that_makes_no_sense(options: dict[str, Any], key: str, value: object, remedy: str) -> None:
    with refuses(key=key, value=value, remedy=remedy):
        replace(TINY, **options)


def trained(judge: AttentionClassifier, logits: Callable[[bool, int], Tensor], steps: int) -> DiscriminatorStatistics:
    """Train on fresh clips, then judge fresh clips."""
    optimizer = torch.optim.AdamW(judge.parameters(), lr=1e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        discriminator_gan_loss(logits(True, 16), logits(False, 16)).mean().backward()
        torch.nn.utils.clip_grad_norm_(judge.parameters(), 1.0)
        optimizer.step()
    with torch.no_grad():
        return discriminator_statistics(logits(True, 128), logits(False, 128))


@pytest.mark.usefixtures("one_thread")
def test_it_learns_to_tell_two_clusters_apart() -> None:
    judge, generator = classifier(taps=1), torch.Generator().manual_seed(1)
    centre = 0.3 * torch.randn(TINY.dim, generator=generator)

    def logits(real: bool, batch: int) -> Tensor:
        noise = torch.randn(batch, GRID[0] * FRAME, TINY.dim, generator=generator)
        text, control = torch.zeros(batch, 1, TINY.text_dim), torch.zeros(batch, 48, 3, 4, 8)
        feature = noise + centre if real else noise - centre
        found: Tensor = judge([feature], GRID, text, control, torch.full((batch,), 500.0))
        return found

    found = trained(judge, logits, steps=40)
    assert found.accuracy > 0.95
    assert found.gap > 2


@pytest.mark.usefixtures("one_thread")
def test_it_learns_whether_things_are_where_they_should_be() -> None:
    # Real: the bright spot is where the trajectory says. Fake: it is at another place. Neither video nor trajectory alone tells.
    judge, generator = classifier(taps=1, semantic=False), torch.Generator().manual_seed(2)
    bright = 3 * torch.randn(TINY.dim, generator=generator)

    def logits(real: bool, batch: int) -> Tensor:
        place = torch.randint(0, FRAME, (batch,), generator=generator)
        away = torch.randint(1, FRAME, (batch,), generator=generator)
        shown = place if real else (place + away) % FRAME
        feature = 0.1 * torch.randn(batch, GRID[0], FRAME, TINY.dim, generator=generator)
        feature += functional.one_hot(shown, FRAME)[:, None, :, None] * bright
        spot = functional.one_hot(place, FRAME).float().view(batch, 1, 1, *GRID[1:])
        control = spot.repeat_interleave(2, dim=3).repeat_interleave(2, dim=4).expand(-1, 48, GRID[0], -1, -1)
        text, timestep = torch.zeros(batch, 1, TINY.text_dim), torch.full((batch,), 500.0)
        found: Tensor = judge([feature.flatten(1, 2)], GRID, text, control, timestep)
        return found

    found = trained(judge, logits, steps=120)
    assert found.accuracy > 0.95
    assert found.gap > 2
