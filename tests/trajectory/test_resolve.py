"""Objects of several documents on one clip."""

from __future__ import annotations

import numpy as np
import pytest

from flashmotion_core.trajectory import Keyframe, TrackedObject, Trajectory, sample
from flashmotion_core.trajectory.resolve import cover, fit, merge

from ..support.sentences import refuses


def one(name: str = "a", size: tuple[int, int] = (200, 100), frames: int = 5) -> Trajectory:
    keys = (Keyframe(0, 0.25, 0.5, 0.2, 0.4), Keyframe(frames - 1, 0.75, 0.5, 0.2, 0.4))
    return Trajectory(size, frames, (TrackedObject(name, keys),))


def test_fit_stretches_or_cuts_time_and_keeps_the_place_in_the_frame() -> None:
    stretched = fit(one(), (100, 100), 9, "retime")
    assert (stretched.size, stretched.frames) == ((100, 100), 9)
    np.testing.assert_allclose(sample(stretched).boxes_TN4[8, 0], [65, 30, 20, 40])
    cut = fit(one(), (200, 100), 3, "trim")
    np.testing.assert_allclose(sample(cut).boxes_TN4[:, 0], sample(one()).boxes_TN4[:3, 0])
    assert fit(one(), (200, 100), 5, "trim") == one()


@pytest.mark.parametrize(
    ("picture", "clip"), [((200, 100), (100, 100)), ((100, 200), (100, 100)), ((64, 64), (128, 96))]
)
def test_cover_moves_a_box_as_scaling_and_cropping_moves_its_pixels(
    picture: tuple[int, int], clip: tuple[int, int]
) -> None:
    document = one(size=picture)
    before, after = sample(document).boxes_TN4[0, 0], sample(cover(document, clip)).boxes_TN4[0, 0]
    scale = max(clip[0] / picture[0], clip[1] / picture[1])
    crop = [(picture[axis] * scale - clip[axis]) / 2 for axis in (0, 1)]
    np.testing.assert_allclose(
        after, [before[0] * scale - crop[0], before[1] * scale - crop[1], before[2] * scale, before[3] * scale]
    )


def test_merge_keeps_order_and_makes_ids_unique() -> None:
    merged = merge(one("a"), [one("a"), one("b"), one("a")])
    assert [tracked.id for tracked in merged.objects] == ["a", "a-2", "b", "a-3"]


def test_merge_refuses_too_many() -> None:
    with refuses(key="objects together", value=65, remedy="connect fewer boxes or tracks"):
        merge(one(), [one()] * 64)
