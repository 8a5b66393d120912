"""Retime, trim and resize."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from flashmotion_core.trajectory import (
    Keyframe,
    TrackedObject,
    Trajectory,
    TrajectoryError,
    dumps,
    parse,
    resize,
    retime,
    sample,
    trim,
)

from ..support.sentences import refuses

EASES: list[Any] = ["linear", "hold", "in", "out", "in-out", (0.3, -0.8, 0.6, 1.9), (0.0, 1.0, 1.0, 0.0)]


def clip(*keyframes: Keyframe, frames: int = 41, path: Any = "linear", hidden: Any = ()) -> Trajectory:
    return Trajectory((1000, 500), frames, (TrackedObject("a", keyframes, path=path, hidden=hidden),))


def keys_at(*frames: int, ease: Any = "linear") -> list[Keyframe]:
    return [Keyframe(f, 0.01 * f, 0.5 + 0.02 * (-1) ** f, 0.1 + 0.002 * f, 0.2, ease) for f in frames]


def frames_of(trajectory: Trajectory) -> list[int]:
    return [key.frame for key in trajectory.objects[0].keyframes]


def assert_same_samples(one: Trajectory, other: Any, frames: Any = slice(None)) -> None:
    a, b = sample(one), other
    np.testing.assert_allclose(a.boxes_TN4[frames], b.boxes_TN4[frames], rtol=0, atol=1e-9 * 1000)
    np.testing.assert_array_equal(a.visible_TN, b.visible_TN)


def test_resize_keeps_the_place_in_the_frame() -> None:
    original = clip(*keys_at(0, 7, 40))
    resized = resize(original, (500, 1000))
    assert resized == replace(original, size=(500, 1000))
    np.testing.assert_allclose(sample(resized).boxes_TN4, sample(original).boxes_TN4 * [0.5, 2, 0.5, 2], atol=1e-12)
    with refuses(TrajectoryError, key="size[0]", value=31, remedy="whole number from 32"):
        resize(original, (31, 500))


@pytest.mark.parametrize("ease", EASES, ids=str)
@pytest.mark.parametrize("path", ["linear", "smooth"])
def test_retime_that_hits_whole_frames_is_exact(ease: Any, path: str) -> None:
    original = clip(*keys_at(0, 7, 19, 40, ease=ease), path=path, hidden=((3, 5), (40, 40)))
    for frames in (81, 121, 41):
        assert_same_samples(retime(original, frames), sample(original, frames))


def test_retime_moves_keyframes_by_half_a_frame_at_most_and_keeps_the_ends() -> None:
    original = clip(*keys_at(0, 9, 13, 30, 40))
    for frames in (20, 33, 57, 121):
        shorter = retime(original, frames)
        exact = [f * (frames - 1) / 40 for f in (0, 9, 13, 30, 40)]
        assert np.abs(np.array(frames_of(shorter)) - exact).max() <= 0.5
        assert frames_of(shorter)[0] == 0
        assert frames_of(shorter)[-1] == frames - 1


def test_colliding_keyframes_leave_the_nearest_with_the_ease_that_leads_out() -> None:
    eases = ["in", "out", "hold", "in-out", "linear"]
    keyframes = [replace(key, ease=ease) for key, ease in zip(keys_at(0, 19, 20, 21, 40), eases, strict=True)]
    # 19, 20, 21 of 0..40 land on 4.75, 5, 5.25 of 0..10: all on 5.
    kept = retime(clip(*keyframes), 11).objects[0].keyframes
    assert [(key.frame, key.x, key.ease) for key in kept] == [
        (0, keyframes[0].x, "in"),
        (5, keyframes[2].x, "in-out"),
        (10, keyframes[4].x, "linear"),
    ]


def test_dense_keyframes_are_thinned_to_every_other_one() -> None:
    original = clip(*keys_at(*range(41)))
    thinned = retime(original, 21)
    assert [key.x for key in thinned.objects[0].keyframes] == [key.x for key in original.objects[0].keyframes[::2]]


@pytest.mark.parametrize(
    ("frames", "expected"), [((0, 1), [0, 1]), ((20, 21), [2, 3]), ((39, 40), [3, 4]), ((38, 39, 40), [3, 4])]
)
def test_first_and_last_keyframe_survive_even_when_they_meet(frames: tuple[int, ...], expected: list[int]) -> None:
    original = clip(*keys_at(*frames))
    short = retime(original, 5)
    assert frames_of(short) == expected
    assert short.objects[0].keyframes[0].x == original.objects[0].keyframes[0].x
    assert short.objects[0].keyframes[-1].x == original.objects[0].keyframes[-1].x


def test_retime_to_and_from_one_frame() -> None:
    original = clip(*keys_at(3, 40), hidden=((0, 0), (9, 11)))
    one = retime(original, 1)
    assert frames_of(one) == [0]
    assert one.objects[0].hidden == ((0, 0),)
    assert_same_samples(one, sample(original, 1))
    assert_same_samples(retime(one, 9), sample(one, 9))
    assert retime(one, 9).objects[0].hidden == ((0, 8),)


def test_a_hidden_frame_stays_hidden_where_sampling_says_so() -> None:
    original = clip(*keys_at(0, 40), hidden=((1, 1), (10, 20), (22, 30)))
    for frames in (5, 12, 41, 100, 1025):
        np.testing.assert_array_equal(sample(retime(original, frames)).visible_TN, sample(original, frames).visible_TN)


@pytest.mark.parametrize("ease", EASES, ids=str)
@pytest.mark.parametrize("frames", [2, 8, 9, 14, 20, 39, 40])
def test_a_cut_linear_path_is_exact(ease: Any, frames: int) -> None:
    original = clip(*keys_at(3, 8, 19, 38, ease=ease), hidden=((2, 7), (15, 30)))
    cut = trim(original, frames)
    assert cut.frames == frames
    assert parse(dumps(cut)) == cut
    assert_same_samples(cut, sample(original, frames, fit="trim"))


def test_a_cut_segment_keeps_its_shape_in_two_keyframes() -> None:
    cut = trim(clip(*keys_at(0, 40, ease="in-out")), 31)
    assert frames_of(cut) == [0, 30]
    assert isinstance(cut.objects[0].keyframes[0].ease, tuple)


def test_a_cut_ease_outside_the_limits_is_baked_frame_by_frame() -> None:
    """Cut where an anticipating ease has moved back: its first part, stretched, would need y above 3."""
    original = clip(*keys_at(0, 40, ease=(0.5, -2.0, 0.5, 3.0)))
    crossing = int(np.argmax(sample(original).boxes_TN4[1:, 0, 2] > 100)) + 1  # w is 0.1 of 1000 at the first keyframe
    cut = trim(original, crossing)
    assert frames_of(cut) == list(range(crossing))
    assert_same_samples(cut, sample(original, crossing, fit="trim"))


def test_a_size_stopped_at_the_minimum_survives_the_cut() -> None:
    keyframes = (Keyframe(0, 0.5, 0.5, 0.4, 0.4, (0.2, 2.0, 0.5, 2.5)), Keyframe(40, 0.5, 0.5, 0.02, 0.3))
    original = clip(*keyframes)
    assert sample(original).boxes_TN4[..., 2].min() == pytest.approx(1e-6 * 1000)
    assert_same_samples(trim(original, 20), sample(original, 20, fit="trim"))


def test_baking_beyond_the_keyframe_limit_is_refused() -> None:
    # The overshoot pins w at its minimum, so that every one of 900 frames would need a keyframe.
    keyframes = (Keyframe(0, 0.5, 0.5, 0.4, 0.4, (0.2, 2.0, 0.5, 2.5)), Keyframe(1024, 0.5, 0.5, 1e-6, 0.3))
    with refuses(TrajectoryError, key="objects[0].keyframes[0].ease", value="at most 512", remedy="without overshoot"):
        trim(clip(*keyframes, frames=1025), 900)


@pytest.mark.parametrize("ease", EASES, ids=str)
@pytest.mark.parametrize("frames", [9, 14, 25, 36])
def test_a_cut_smooth_path_is_exact_where_it_says_so(ease: Any, frames: int) -> None:
    original = clip(*keys_at(0, 4, 8, 19, 30, 38, ease=ease), path="smooth")
    cut, expected = sample(trim(original, frames)), sample(original, frames, fit="trim")
    kept = [f for f in (0, 4, 8, 19, 30, 38) if f < frames]
    exact = [*range(kept[-2] + 1), *kept, frames - 1]
    np.testing.assert_allclose(cut.boxes_TN4[exact], expected.boxes_TN4[exact], rtol=0, atol=1e-6)
    # Sizes do not travel on the spline.
    np.testing.assert_allclose(cut.boxes_TN4[..., 2:], expected.boxes_TN4[..., 2:], rtol=0, atol=1e-6)


def test_before_all_keyframes_the_first_box_holds() -> None:
    original = clip(*keys_at(20, 30))
    assert frames_of(trim(original, 5)) == [4]
    assert_same_samples(trim(original, 5), sample(original, 5, fit="trim"))


def test_a_longer_clip_holds_box_and_visibility() -> None:
    original = clip(*keys_at(0, 33, 40), hidden=((4, 5), (38, 40)))
    longer = trim(original, 60)
    assert frames_of(longer) == [0, 33, 40]
    assert longer.objects[0].hidden == ((4, 5), (38, 59))
    assert_same_samples(longer, sample(original, 60, fit="trim"))


def test_the_same_length_changes_nothing() -> None:
    original = clip(*keys_at(0, 7, 40, ease="in"), hidden=((4, 5),))
    assert trim(original, 41) == retime(original, 41) == original


@pytest.mark.parametrize("change", [retime, trim])
@pytest.mark.parametrize("frames", [0, 1026, 2.5, True])
def test_a_length_outside_the_limits_is_refused(change: Any, frames: Any) -> None:
    with refuses(TrajectoryError, key="frames", value=f"is {json.dumps(frames)}", remedy="whole number from 1 to 1025"):
        change(clip(*keys_at(0, 40)), frames)
