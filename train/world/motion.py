"""How sprites and the camera move: keyframes of the trajectory documents that artists draw, sampled by the same sampler."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.trajectory import Keyframe, TrackedObject, Trajectory, sample
from flashmotion_core.trajectory.model import Ease

from .difficulty import Difficulty
from .draws import Draws, turn
from .sprites import Sprite

TRIES = 24
FIRST_OVERLAP = 0.1  # on frame 0, which an image-to-video generator is shown, sprites lie (almost) free
EASES: tuple[Ease, ...] = ("linear", "in", "out", "in-out")


def draw_camera(draws: Draws, difficulty: Difficulty, size: tuple[int, int], frames: int) -> Trajectory:
    """The camera's window as one object that starts at the whole frame, in the coordinates of frame 0."""
    reach = _shares(size) * difficulty.pan * draws.uniform(0.2, 1.0)
    end_2 = 0.5 + _direction(draws) * reach
    ease = draws.pick(EASES)
    start = Keyframe(0, 0.5, 0.5, 1.0, 1.0, ease)
    keys = (start, Keyframe(frames - 1, float(end_2[0]), float(end_2[1]), 1.0, 1.0)) if frames > 1 else (start,)
    return Trajectory(size, frames, (TrackedObject("camera", keys),))


def draw_motion(
    draws: Draws, difficulty: Difficulty, sprites: tuple[Sprite, ...], camera: Trajectory
) -> tuple[Trajectory, NDArray[np.float64]]:
    """Where on the screen the sprites move: (the document, turns_TN).

    A document's box is that of the **upright** sprite, so its centre is the pivot around which the sprite turns.
    """
    frames, size = camera.frames, camera.size
    objects: list[TrackedObject] = []
    boxes: list[NDArray[np.float64]] = []
    for n, sprite in enumerate(sprites):
        best, best_T4, least = None, np.zeros((frames, 4)), np.inf
        for _ in range(TRIES):
            tracked = _track(draws, difficulty, sprite, camera, f"o{n + 1}")
            found_T4 = sample(Trajectory(size, frames, (tracked,))).boxes_TN4[:, 0]
            overlap_T = np.zeros(frames)
            for other_T4 in boxes:
                overlap_T = np.maximum(overlap_T, _covered(found_T4, other_T4))
            excess = max(float(overlap_T.max()) - difficulty.overlap, float(overlap_T[0]) - FIRST_OVERLAP)
            if excess < least:
                best, best_T4, least = tracked, found_T4, excess
            if excess <= 0.0:
                break
        assert best is not None
        objects.append(best)
        boxes.append(best_T4)
    share_T = np.arange(frames) / max(frames - 1, 1)
    rates = [draws.uniform(-difficulty.turns, difficulty.turns) for _ in sprites]
    leans = [draws.uniform(-difficulty.turns, difficulty.turns) / 4 for _ in sprites]
    turns_TN = np.stack([lean + rate * share_T for lean, rate in zip(leans, rates, strict=True)], axis=1)
    return Trajectory(size, frames, tuple(objects)), turns_TN


def _track(draws: Draws, difficulty: Difficulty, sprite: Sprite, camera: Trajectory, name: str) -> TrackedObject:
    """One sprite's keyframes: a start, perhaps a point beside the path, an end."""
    shares_2 = _shares(camera.size)
    low, high = difficulty.side
    side = draws.uniform(low, high)
    end_side = min(max(side * draws.uniform(1.0 / difficulty.growth, difficulty.growth), low), high)
    extent_2 = np.array(sprite.extent)
    start_2 = _inside(draws, extent_2 * side * shares_2)
    way_2 = _direction(draws) * shares_2 * difficulty.travel * draws.uniform(0.35, 1.0)
    end_half_2 = extent_2 * end_side * shares_2 * 0.5
    # Turned back where it would run out of the frame, then held at the border.
    end_2 = start_2 + np.where(abs(start_2 + way_2 - 0.5) > 0.5 - end_half_2, -way_2, way_2)
    end_2 = np.minimum(np.maximum(end_2, end_half_2), 1.0 - end_half_2)
    leaves, enters = draws.chance(difficulty.leaving), draws.chance(difficulty.entering)
    edge_2 = _outside(draws, start_2, extent_2 * max(side, end_side) * shares_2)
    if leaves:
        end_2 = edge_2
    elif enters:
        start_2 = edge_2
    curved, rests = draws.chance(difficulty.curved), draws.chance(difficulty.resting)
    bend = draws.uniform(-0.35, 0.35)
    ease = draws.pick(EASES)
    last = camera.frames - 1

    def key(frame: int, place_2: NDArray[np.float64], length: float, eased: Ease) -> Keyframe:
        width, height = (extent_2 * length * shares_2).tolist()
        return Keyframe(frame, float(place_2[0]), float(place_2[1]), width, height, eased)

    if last == 0:
        return TrackedObject(name, (key(0, start_2, side, "linear"),))
    if rests:
        end = camera.objects[0].keyframes[-1]
        eased = camera.objects[0].keyframes[0].ease
        stays_2 = start_2 - np.array([end.x - 0.5, end.y - 0.5])
        return TrackedObject(name, (key(0, start_2, side, eased), key(last, stays_2, side, "linear")))
    if not curved or last < 4:
        return TrackedObject(name, (key(0, start_2, side, ease), key(last, end_2, end_side, "linear")))
    across_2 = (end_2 - start_2)[::-1] * np.array([-1.0, 1.0]) * (shares_2 / shares_2[::-1])
    middle_2 = (start_2 + end_2) * 0.5 + across_2 * bend
    if not leaves and not enters:
        half_2 = extent_2 * (side + end_side) * 0.25 * shares_2
        middle_2 = np.minimum(np.maximum(middle_2, half_2), 1.0 - half_2)
    eases: tuple[Ease, Ease] = ("linear", "linear") if ease == "linear" else ("in", "out")
    keys = (
        key(0, start_2, side, eases[0]),
        key(last // 2, middle_2, (side + end_side) * 0.5, eases[1]),
        key(last, end_2, end_side, "linear"),
    )
    return replace(TrackedObject(name, keys), path="smooth")


def _shares(size: tuple[int, int]) -> NDArray[np.float64]:
    """From shares of the shorter side to fractions of width and height."""
    return min(size) / np.array(size, dtype=np.float64)


def _direction(draws: Draws) -> NDArray[np.float64]:
    return np.array([float(value) for value in turn(draws.uniform(0.0, 1.0))])


def _inside(draws: Draws, extent_2: NDArray[np.float64]) -> NDArray[np.float64]:
    """A centre for a box of that extent (fractions of the frame) that lies within the frame."""
    return np.array([draws.uniform(half, 1.0 - half) for half in (extent_2 * 0.5).tolist()])


def _outside(draws: Draws, start_2: NDArray[np.float64], extent_2: NDArray[np.float64]) -> NDArray[np.float64]:
    """A centre beyond one of the four borders, at about the height of `start_2`."""
    axis, beyond = draws.integer(0, 1), draws.chance(0.5)
    place_2: NDArray[np.float64] = start_2.copy()
    # 0.75: turned by any angle, nothing of the sprite reaches back in.
    reach = 0.75 * float(extent_2.max())
    place_2[axis] = 1.0 + reach if beyond else -reach
    return place_2


def _covered(boxes_T4: NDArray[np.float64], others_T4: NDArray[np.float64]) -> NDArray[np.float64]:
    """The intersection over the smaller one's area [T]."""
    near_T2 = np.maximum(boxes_T4[:, :2], others_T4[:, :2])
    far_T2 = np.minimum(boxes_T4[:, :2] + boxes_T4[:, 2:], others_T4[:, :2] + others_T4[:, 2:])
    common_T2 = np.maximum(far_T2 - near_T2, 0.0)
    smaller_T = np.minimum(boxes_T4[:, 2] * boxes_T4[:, 3], others_T4[:, 2] * others_T4[:, 3])
    share_T: NDArray[np.float64] = common_T2[:, 0] * common_T2[:, 1] / smaller_T
    return share_T
