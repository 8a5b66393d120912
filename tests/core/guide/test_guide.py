"""The motion guide: its clocks, its cells and its blend against slow references, and what guided sampling does."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch

from flashmotion_core.adapters import GeneratorInfo
from flashmotion_core.generation.loading import Generator
from flashmotion_core.generation.pipeline import sample_latent
from flashmotion_core.generation.text_encoder import no_text
from flashmotion_core.guide.guide import Guide, blend, guided, held_share, weights
from flashmotion_core.guide.guide_clip import GuideClip, cell_means, entering_cells, group_frames
from flashmotion_core.guide.guide_levels import Levels, levels
from flashmotion_core.sampling.few_step import control_sigma
from flashmotion_core.sampling.schedule import Schedule, turbo_sigmas
from flashmotion_core.trajectory import Sampled, animatic
from flashmotion_core.wan.config import WanConfig
from flashmotion_core.wan.generator import WanGenerator

from ...support.sentences import refuses

SIZE = (96, 64)
SHAPE = (48, 3, 4, 6)
TURBO = partial(control_sigma, shift=5.0)


def moving(*boxes: tuple[tuple[float, ...], tuple[float, ...]], hidden: dict[int, slice] | None = None) -> Sampled:
    """Nine frames of objects that move straight from one box to another."""
    share = np.linspace(0, 1, 9)[:, None, None]
    starts, ends = (np.array([box[end] for box in boxes], dtype=np.float64)[None] for end in (0, 1))
    visible_TN = np.ones((9, len(boxes)), dtype=bool)
    for number, frames in (hidden or {}).items():
        visible_TN[frames, number] = False
    return Sampled(starts + share * (ends - starts), visible_TN, SIZE)


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)


def random_guide(seed: int = 0) -> Guide:
    draw = torch.Generator().manual_seed(seed)
    inside = torch.rand(SHAPE[1:], generator=draw)
    return Guide(torch.randn(1, *SHAPE, generator=draw), inside, (1 - inside) * torch.rand(SHAPE[1:], generator=draw))


@pytest.fixture(scope="module")
def generator() -> Generator:
    config = WanConfig(dim=64, ffn_dim=64, num_heads=1, num_layers=1, text_dim=32)
    torch.manual_seed(0)
    network = WanGenerator(config).eval().requires_grad_(False)
    for weight in network.parameters():
        weight.normal_(std=0.05)
    return Generator(network, GeneratorInfo(config, Schedule(), False, False), "")


def run(generator: Generator, guide: tuple[Guide, Levels] | None, **options: object) -> torch.Tensor:
    context = no_text(generator.info.config)
    return sample_latent(generator, context, SHAPE, guide=guide, seed=3, **options)  # type: ignore[arg-type]


# The two clocks


def test_follow_sets_both_levels_and_given_ones_win() -> None:
    assert levels(0) == Levels(0, 0)
    assert not levels(0).any
    assert levels(1) == Levels(1, 1)
    assert levels(0.4, hold_background=0.9) == Levels(0.4, 0.9)
    assert levels(0, hold_object=0.2) == Levels(0.2, 0)
    for low, high in pairwise(map(levels, np.linspace(0, 1, 21).tolist())):
        assert low.hold_object < high.hold_object
        assert low.hold_background <= high.hold_background
    with refuses(key="follow", value=1.5, remedy="from 0 (free) to 1"):
        levels(1.5)
    with refuses(key="hold_object", value=-0.5, remedy="or -1 for what follow sets"):
        levels(0.5, hold_object=-0.5)


@pytest.mark.parametrize(
    ("hold", "shares"),
    [
        (0, [0, 0, 0, 0]),
        (0.1, [0.4, 0, 0, 0]),
        (0.25, [1, 0, 0, 0]),
        (0.5, [1, 1, 0, 0]),
        (0.75, [1, 1, 1, 0]),
        (1, [1, 1, 1, 1]),
    ],
)
def test_a_quarter_of_follow_is_a_step_of_four(hold: float, shares: list[float]) -> None:
    sigmas = torch.tensor(turbo_sigmas(4)).tolist()  # rounded to float32, as ComfyUI's are
    assert [held_share(sigma, hold, TURBO) for sigma in sigmas] == shares


@pytest.mark.parametrize("shift", [0.5, 1, 3, 5, 8])
def test_more_follow_never_holds_less_and_later_steps_never_more(shift: float) -> None:
    at = partial(control_sigma, shift=shift)
    shares = np.array(
        [[held_share(s, h, at) for h in np.linspace(0, 1, 101).tolist()] for s in turbo_sigmas(30, shift)]
    )
    assert np.diff(shares, axis=1).min() >= 0
    assert np.diff(shares, axis=0).max() <= 0
    assert (np.diff(shares[0, :20]) > 0).all()


# Where


def test_cells_are_means_of_pixels_and_the_largest_of_their_frames() -> None:
    masks_THW = np.random.default_rng(1).random((9, 64, 96)).astype(np.float32)
    found = group_frames(np.stack([cell_means(mask_HW) for mask_HW in masks_THW]))
    for frame, row, column in np.ndindex(found.shape):
        seen = [0] if frame == 0 else range(4 * frame - 3, 4 * frame + 1)
        slow = [masks_THW[t, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16].mean() for t in seen]
        assert found[frame, row, column] == pytest.approx(max(slow), abs=1e-6)


def test_objects_and_the_places_they_left_are_inside() -> None:
    clip = GuideClip(picture(), moving(((0, 0, 32, 32), (64, 32, 32, 32))))
    clip.all()
    guide = clip.guide(torch.zeros(1, *SHAPE))
    assert guide.inside_FHW[2, :2, :2].min() > 0.9  # where it stood in frame 0
    assert guide.inside_FHW[2, 2:, 4:].min() > 0.7  # where it is; its corners are round
    assert guide.inside_FHW[1, 2:, 5].max() == 0
    torch.testing.assert_close(guide.outside_FHW, 1 - guide.inside_FHW)


def test_what_comes_in_later_is_left_free() -> None:
    sampled = moving(((-40, 0, 32, 32), (0, 0, 32, 32)), ((64, 32, 32, 32), (64, 32, 32, 32)), hidden={1: slice(0, 6)})
    entering = entering_cells(sampled)
    assert entering[8, :2, :2].min() == 1
    assert entering[5, 2:, 4:].max() == 0
    assert entering[6, 2:, 4:].min() == 1
    clip = GuideClip(picture(), sampled)
    clip.all()
    guide = clip.guide(torch.zeros(1, *SHAPE))
    assert not guide.inside_FHW.any()
    assert not guide.outside_FHW[2, :2, :2].any()
    assert guide.outside_FHW[2, 2:, :2].min() == 1


def test_an_object_that_is_hidden_for_a_while_is_guided_to_be_gone() -> None:
    clip = GuideClip(picture(), moving(((0, 0, 32, 32), (0, 0, 32, 32)), hidden={0: slice(1, 5)}))
    clip.all()
    assert clip.guide(torch.zeros(1, *SHAPE)).inside_FHW[1, :2, :2].min() > 0.9


def test_the_clip_is_the_animatic_in_any_pieces() -> None:
    sampled = moving(((0, 0, 32, 32), (64, 32, 24, 40)), ((32, 8, 24, 24), (10, 30, 30, 30)))
    clip = GuideClip(picture(), sampled)
    whole = clip.all()
    pieces = torch.cat([clip[:1], clip[1:5], clip[5:9]]).numpy()
    np.testing.assert_array_equal(whole, pieces)
    drawn = np.stack([frame.picture_HWC for frame in animatic(picture(), sampled)])
    assert np.abs(whole - drawn * 255).max() <= 0.501
    np.testing.assert_array_equal(whole[0], picture())
    with refuses(key="width", value=100, remedy="use 96 or 128"):
        GuideClip(np.zeros((64, 100, 3), np.uint8), Sampled(sampled.boxes_TN4, sampled.visible_TN, (100, 64)))


# The blend


def test_the_blend_against_a_slow_reference() -> None:
    guide, x0 = random_guide(), torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(1))
    hold = Levels(0.6, 0.3)
    for sigma in turbo_sigmas(4):
        found = guided(x0, sigma, guide, hold, TURBO)
        inside, outside = held_share(sigma, 0.6, TURBO), held_share(sigma, 0.3, TURBO)
        for b, c, f, h, w in np.ndindex(2, 2, *SHAPE[1:]):
            weight = inside * float(guide.inside_FHW[f, h, w]) + outside * float(guide.outside_FHW[f, h, w])
            weight = weight if f else 0
            slow = weight * float(guide.latent_BCFHW[0, c, f, h, w]) + (1 - weight) * float(x0[b, c, f, h, w])
            assert float(found[b, c, f, h, w]) == pytest.approx(slow, abs=1e-5)


def test_identities_of_the_blend() -> None:
    guide, x0 = random_guide(), torch.randn(1, *SHAPE)
    assert guided(x0, 0.9, guide, Levels(0, 0), TURBO) is x0
    assert guided(x0, 0.625, guide, Levels(0.5, 0.5), TURBO) is x0  # let go before this step
    assert torch.equal(blend(x0, guide.latent_BCFHW, torch.zeros(SHAPE[1:])), x0)
    assert torch.equal(blend(x0, guide.latent_BCFHW, torch.ones(SHAPE[1:])), guide.latent_BCFHW)
    assert torch.equal(guided(guide.latent_BCFHW, 1.0, guide, Levels(0, 0), TURBO), guide.latent_BCFHW)
    torch.testing.assert_close(guided(guide.latent_BCFHW, 1.0, guide, Levels(1, 1), TURBO), guide.latent_BCFHW)
    assert not weights(guide, 1, 1)[0].any()
    assert weights(guide, 1, 1).max() <= 1 + 1e-6
    assert guided(x0.half(), 1.0, guide, Levels(1, 1), TURBO).dtype == torch.float16


# Sampling


def test_a_guide_that_is_the_clip_gives_the_clip(generator: Generator) -> None:
    guide = random_guide()
    all_of_it = Guide(guide.latent_BCFHW, torch.ones(SHAPE[1:]), torch.zeros(SHAPE[1:]))
    start = torch.randn(1, 48, 1, 4, 6)
    out = run(generator, (all_of_it, levels(1)), clean_BCFHW=start)
    torch.testing.assert_close(out[:, :, 1:], guide.latent_BCFHW[:, :, 1:], rtol=0, atol=0)
    torch.testing.assert_close(out[:, :, :1], start, rtol=0, atol=0)


@pytest.mark.parametrize("integrate", [False, True], ids=["few steps", "euler"])
def test_more_follow_comes_closer_to_the_guide(generator: Generator, integrate: bool) -> None:
    guide = random_guide()
    schedule = Schedule("custom", turbo_sigmas(12 if integrate else 4), 5.0)
    off = run(generator, None, schedule=schedule, integrate=integrate)
    apart = []
    for follow in (0, 0.1, 0.25, 0.4, 0.5, 0.75, 1):
        out = run(generator, (guide, levels(follow)), schedule=schedule, integrate=integrate)
        weight = weights(guide, 1, 0)
        apart.append(float((weight * (out - guide.latent_BCFHW).square()).mean()))
        assert torch.equal(out, off) == (follow == 0)
        assert torch.equal(out, run(generator, (guide, levels(follow)), schedule=schedule, integrate=integrate))
    assert all(high > low for high, low in pairwise(apart)), apart


def test_a_step_costs_no_further_pass(generator: Generator) -> None:
    counts = []
    for guide in (None, (random_guide(), levels(1))):
        calls: list[object] = []
        handle = generator.transformer.register_forward_pre_hook(lambda *_, calls=calls: calls.append(1))
        run(generator, guide)
        handle.remove()
        counts.append(len(calls))
    assert counts == [4, 4]


def test_a_guide_of_another_size_is_named(generator: Generator) -> None:
    guide = Guide(torch.zeros(1, 48, 2, 4, 6), torch.ones(2, 4, 6), torch.zeros(2, 4, 6))
    with refuses(key="guide", value=[48, 2, 4, 6], remedy="encode it at the video's size"):
        run(generator, (guide, levels(1)))
