"""Sampling: golden vectors, and the properties that they cannot show."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flashmotion_core.trajectory import Keyframe, TrackedObject, Trajectory, TrajectoryError, parse, sample
from flashmotion_core.trajectory.easing import bezier_fraction, bezier_parameter, cut_ease
from flashmotion_core.trajectory.sample import spline_centres

from ..support.sentences import refuses

GOLDEN_FILE = Path(__file__).parents[1] / "golden" / "trajectory.json"
GOLDEN = json.loads(GOLDEN_FILE.read_text(encoding="utf-8"))


def moving(*keyframes: Keyframe, frames: int = 11, path: Any = "linear", hidden: Any = ()) -> Trajectory:
    return Trajectory((1000, 500), frames, (TrackedObject("a", keyframes, path=path, hidden=hidden),))


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_golden_vectors(case: dict[str, Any]) -> None:
    trajectory = parse(case["document"])
    for call in case["calls"]:
        sampled = sample(trajectory, call["frames"], call["size"], fit=call["fit"])
        shape = (call["frames"] or trajectory.frames, len(trajectory.objects), 4)
        assert sampled.boxes_TN4.shape == shape
        assert sampled.visible_TN.tolist() == call["visible"]
        expected = np.array(call["boxes"]).reshape(shape)
        np.testing.assert_allclose(sampled.boxes_TN4, expected, rtol=0, atol=GOLDEN["tolerance"])


def test_the_golden_file_is_what_its_generator_writes() -> None:
    spec = importlib.util.spec_from_file_location("make_trajectory", GOLDEN_FILE.with_name("make_trajectory.py"))
    assert spec is not None
    assert spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    assert json.loads(generator.dump(generator.build())) == GOLDEN


def test_boxes_are_top_left_corner_and_size_in_pixels() -> None:
    sampled = sample(moving(Keyframe(0, 0.5, 0.5, 0.2, 0.4), frames=1))
    assert sampled.boxes_TN4.tolist() == [[[400.0, 150.0, 200.0, 200.0]]]
    assert sampled.size == (1000, 500)


def test_keyframes_are_met_exactly_whatever_the_path_and_ease() -> None:
    eases = ["linear", "hold", "in", "out", "in-out", (0.2, -2.0, 0.9, 3.0)]
    keys = [Keyframe(2 * k, 0.1 * k, 0.5 + 0.05 * k * (-1) ** k, 0.25, 0.5, ease) for k, ease in enumerate(eases)]
    for path in ("linear", "smooth"):
        boxes_T4 = sample(moving(*keys, path=path), size=(64, 64)).boxes_TN4[:, 0]
        expected = [[(key.x - 0.125) * 64, (key.y - 0.25) * 64, 16, 32] for key in keys]
        np.testing.assert_allclose(boxes_T4[::2], expected, rtol=0, atol=1e-12)


def test_retiming_to_the_same_times_is_the_same_curve() -> None:
    trajectory = moving(
        Keyframe(0, 0, 0, 0.1, 0.1, "in"), Keyframe(4, 1, 0.2, 0.5, 0.1), Keyframe(10, 0.3, 1, 0.1, 0.3)
    )
    own, dense = sample(trajectory), sample(trajectory, 31)
    np.testing.assert_array_equal(dense.boxes_TN4[::3], own.boxes_TN4)


def test_trim_keeps_the_speed_and_holds_the_last_frame() -> None:
    trajectory = moving(Keyframe(0, 0, 0, 0.1, 0.1), Keyframe(10, 1, 1, 0.1, 0.1), hidden=((9, 10),))
    own = sample(trajectory)
    short, long = sample(trajectory, 4, fit="trim"), sample(trajectory, 14, fit="trim")
    np.testing.assert_array_equal(short.boxes_TN4, own.boxes_TN4[:4])
    np.testing.assert_array_equal(long.boxes_TN4[11:], own.boxes_TN4[[10, 10, 10]])
    assert long.visible_TN[:, 0].tolist() == [True] * 9 + [False] * 5


def test_the_longest_and_largest_sampling_stays_finite() -> None:
    wild = (0.0, 3.0, 1.0, -2.0)
    keys = tuple(Keyframe(2 * k, 5.0 if k % 2 else -4.0, 5.0, 4.0 if k % 2 else 1e-6, 4.0, wild) for k in range(512))
    boxes_TN4 = sample(Trajectory((4096, 4096), 1025, (TrackedObject("a", keys, path="smooth"),))).boxes_TN4
    assert np.isfinite(boxes_TN4).all()
    assert (boxes_TN4[..., 2:] >= 1e-6 * 4096).all()
    assert np.abs(boxes_TN4).max() < 1e6


@pytest.mark.parametrize(
    ("arguments", "key", "value", "remedy"),
    [
        ({"frames": 0}, "frames", 0, "whole number from 1 to 1025"),
        ({"frames": 1026}, "frames", 1026, "whole number from 1 to 1025"),
        ({"size": (1280, 8)}, "size[1]", 8, "whole number from 32 to 4096"),
        ({"size": (1280,)}, "size", "list of 1 items", "list of 2"),
        ({"fit": "strech"}, "fit", '"strech"', 'give "retime" or "trim"'),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], key: str, value: object, remedy: str) -> None:
    with refuses(TrajectoryError, key=key, value=value, remedy=remedy):
        sample(moving(Keyframe(0, 0.5, 0.5, 0.1, 0.1)), **arguments)


def test_beziers_are_solved_to_1e_15_everywhere() -> None:
    grid = np.linspace(0, 1, 21)
    x, x1, x2 = (axis.ravel() for axis in np.meshgrid(np.linspace(0, 1, 101), grid, grid))
    s = bezier_parameter(x, x1, x2)
    residual = 3 * (1 - s) ** 2 * s * x1 + 3 * (1 - s) * s**2 * x2 + s**3 - x
    assert np.abs(residual).max() < 1e-15
    assert s.min() >= 0
    assert s.max() <= 1


def test_the_bezier_of_a_line_is_the_line_and_in_mirrors_out() -> None:
    x = np.linspace(0, 1, 33)
    line, ease_in, ease_out = (
        np.tile(c, (33, 1)) for c in ((1 / 3, 1 / 3, 2 / 3, 2 / 3), (0.42, 0, 1, 1), (0, 0, 0.58, 1))
    )
    np.testing.assert_allclose(bezier_fraction(x, line), x, atol=1e-15)
    np.testing.assert_allclose(bezier_fraction(x, ease_in), 1 - bezier_fraction(1 - x, ease_out), atol=1e-14)
    # CSS's ease-in at the middle of its time, from the closed form of its x: 1.26 s (1 - s)^2 + 3 s^2 (1 - s) + s^3 = 0.5.
    assert bezier_fraction(np.array([0.5]), ease_in[:1])[0] == pytest.approx(0.3153568, abs=1e-7)


@pytest.mark.parametrize("ease", ["linear", "in", "out", "in-out", (0.3, -1.0, 0.6, 2.0), (0.0, 1.0, 1.0, 0.0)])
@pytest.mark.parametrize("x", [0.1, 0.37, 0.5, 0.93])
def test_a_cut_ease_is_the_first_part_of_the_curve(ease: Any, x: float) -> None:
    end, part = cut_ease(ease, x)
    assert part is not None
    shares = np.linspace(0, 0.999, 50)

    def curve(kind: Any, at: np.ndarray) -> np.ndarray:
        named = {"in": (0.42, 0, 1, 1), "out": (0, 0, 0.58, 1), "in-out": (0.42, 0, 0.58, 1)}
        return (
            at if kind == "linear" else bezier_fraction(at, np.tile(named.get(kind, kind), (len(at), 1)).astype(float))
        )

    np.testing.assert_allclose(curve(part, shares) * end, curve(ease, shares * x), atol=1e-11)


def test_a_cut_that_ends_where_it_began_cannot_be_an_ease() -> None:
    # y is 0 again where (1 - s)^2 * y1 + (1 - s) * s * y2 + s^2 / 3 = 0; with y1 = -y2 / 3 that is s = 1/3 or so.
    ease = (0.5, -1.0, 0.5, 1.0)
    shares = np.linspace(0.01, 0.99, 9801)
    y = bezier_fraction(shares, np.tile(ease, (len(shares), 1)))
    crossing = int(np.flatnonzero(np.diff(np.sign(y)))[0])
    low, high = shares[crossing], shares[crossing + 1]
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if bezier_fraction(np.array([middle]), np.array([ease]))[0] < 0 else (low, middle)
    assert cut_ease(ease, float(low))[1] is None


def test_the_smooth_path_is_smooth_and_has_no_loop_in_a_short_segment() -> None:
    """A short chord between long ones: the uniform spline overshoots there, the centripetal one must not turn back."""
    points = np.array([[0.0, 0.0], [0.9, 0.0], [0.92, 0.01], [0.2, 0.9]])
    u = np.linspace(0, 1, 201)
    middle = spline_centres(points, np.full(201, 1), u)
    steps = np.diff(middle, axis=0)
    turn = (steps[1:] * steps[:-1]).sum(axis=1)
    assert (turn > 0).all()
    # Same direction on both sides of an inner point.
    before = spline_centres(points, np.zeros(2, dtype=int), np.array([1 - 1e-6, 1]))
    after = spline_centres(points, np.ones(2, dtype=int), np.array([0, 1e-6]))
    directions = [d / np.linalg.norm(d) for d in (before[1] - before[0], after[1] - after[0])]
    np.testing.assert_allclose(directions[0], directions[1], atol=1e-4)


def test_a_smooth_path_does_not_depend_on_the_frame_size() -> None:
    keys = [Keyframe(3 * k, 0.1 + 0.2 * k, 0.5 + 0.3 * (-1) ** k, 0.1, 0.1) for k in range(4)]
    trajectory = moving(*keys, path="smooth")
    wide, square = sample(trajectory, size=(4000, 500)).boxes_TN4, sample(trajectory, size=(500, 500)).boxes_TN4
    np.testing.assert_allclose(wide / [8, 1, 8, 1], square, rtol=0, atol=1e-10)
