"""The synthetic world: endless short clips of sprites over backgrounds, with exact boxes and masks.

    clip = synthetic.clip(seed=7, index=0, difficulty="normal", size=(256, 256), frames=33)
    clip.frames_THWC      the video
    clip.boxes_TN4        what an artist would have drawn, exact
    clip.document         the same as a trajectory document

The same arguments give the same bytes on every machine (see `draws`). Training and the two evaluation sets draw from streams of
different keys, so that whatever their seeds, they never meet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.trajectory import Trajectory, from_boxes, sample

from .backgrounds import draw_background
from .difficulty import Difficulty
from .difficulty import difficulty as preset
from .draws import Draws
from .hands import draw_hands, with_hand
from .motion import draw_camera, draw_motion
from .paint import SOLID, extents, paint, patch, window
from .shapes import RESOLUTION
from .sprites import SMALLEST, Sprite, draw_sprites

# Part of every key: to be raised when a change makes other pictures of the same seeds.
VERSION = 1
SPLITS = {"train": 0, "eval_a": 1, "eval_b": 2}
PARTS = {"sprites": 0, "camera": 1, "motion": 2, "background": 3, "hands": 4, "looseness": 5}
VISIBLE_SHARE = 0.2


@dataclass(frozen=True, eq=False)
class Clip:
    """A video and all that is known about it; T frames, N sprites, later ones in front of earlier ones.

    Attributes:
        frames_THWC: uint8 RGB.
        boxes_TN4: float64, (x, y, w, h) in pixels with the top-left corner: the sprite's exact extent as turned and scaled on
            that frame, as if nothing covered it and the frame had no border (so it may lie outside). Given on every frame.
        visible_TN: bool, True where at least `VISIBLE_SHARE` of the sprite's pixels can be seen: neither behind another sprite nor
            beyond the frame's border.
        seen_TN: float64, that share itself, 0 to 1.
        owner_THW: uint8, the sprite that a pixel shows, counted from 1, or 0 for the background. A pixel belongs to the
            foremost sprite that covers at least half of it. `masks_TNHW` unfolds it.
        poses_TN4: float64, (pivot x, pivot y, side of the unit square, all in pixels; turns).
        sprites: the N sprites.
        motion: the document that moves the sprites, boxes upright (see `motion.draw_motion`).
        camera: the document of the camera's window.
        asked_TN4: float64, the boxes of `document`: `boxes_TN4`, or with `difficulty.loosened` looser ones.
        told: what a prompt says of the motion, in a sentence: which way hands turn and the camera goes; empty without hands.
    """

    frames_THWC: NDArray[np.uint8]
    boxes_TN4: NDArray[np.float64]
    visible_TN: NDArray[np.bool_]
    seen_TN: NDArray[np.float64]
    owner_THW: NDArray[np.uint8]
    poses_TN4: NDArray[np.float64]
    sprites: tuple[Sprite, ...]
    motion: Trajectory
    camera: Trajectory
    asked_TN4: NDArray[np.float64]
    told: str = ""

    @property
    def masks_TNHW(self) -> NDArray[np.bool_]:  # noqa: N802 (a tensor)
        """The visible pixels of each sprite; disjoint."""
        labels_N = np.arange(1, len(self.sprites) + 1, dtype=np.uint8)
        masks: NDArray[np.bool_] = self.owner_THW[:, None] == labels_N[:, None, None]
        return masks

    @property
    def document(self) -> Trajectory:
        """The trajectory whose samples are `asked_TN4`, with the frames hidden on which a sprite is not visible.

        Raises `TrajectoryError` when a sprite would need more than 512 keyframes (a clip of more frames that turns).
        """
        return from_boxes(
            self.asked_TN4,
            self.visible_TN,
            size=self.motion.size,
            fps=self.motion.fps,
            labels=[sprite.name for sprite in self.sprites],
        )


def clip(
    seed: int,
    index: int,
    difficulty: Difficulty | str = "normal",
    size: tuple[int, int] = (128, 128),
    frames: int = 17,
    split: str = "train",
) -> Clip:
    """Clip number `index` of the world `seed`.

    Args:
        seed, index: 0 to 2**32 - 1.
        difficulty: a preset's name, or your own values.
        size: (width, height) in pixels, 32 to 4096 each.
        frames: 1 to 1025.
        split: "train", or one of the held-out sets "eval_a" and "eval_b".

    Raises:
        ValueError: for an argument out of range (`TrajectoryError` for size and frames).
    """
    level = preset(difficulty) if isinstance(difficulty, str) else difficulty
    keys = {part: stream_key(seed, index, split, part) for part in PARTS}
    width, height = size
    # The border's checks, with the sentences that they have everywhere.
    sample(Trajectory(size, 1), frames, size)

    resolution = SMALLEST
    while resolution < min(level.side[1] * min(size), RESOLUTION):
        resolution *= 2
    drawer = Draws(*keys["sprites"])
    sprites = draw_sprites(drawer, drawer.integer(*level.sprites), level, resolution)
    camera = draw_camera(Draws(*keys["camera"]), level, size, frames)
    motion, turns_TN = draw_motion(Draws(*keys["motion"]), level, sprites, camera)
    poses_TN4 = _poses(motion, sprites, turns_TN)

    frames_THWC = _backgrounds(Draws(*keys["background"]), camera, level.photographs)
    owner_THW = np.zeros((frames, height, width), dtype=np.uint8)
    solid_TN = np.zeros(turns_TN.shape, dtype=np.int64)
    hands_TN, clockwise = draw_hands(Draws(*keys["hands"]), level, len(sprites), frames)
    for t in range(frames):
        for n, sprite in enumerate(sprites):
            rgba, x0, y0 = patch(sprite, *poses_TN4[t, n].tolist())
            if not np.isnan(hands_TN[t, n]):
                x, y, side = poses_TN4[t, n, :3].tolist()
                rgba = with_hand(rgba, x0, y0, sprite, (x, y, side), float(hands_TN[t, n]))
            solid_TN[t, n] = np.count_nonzero(rgba[..., 3] >= SOLID)
            paint(frames_THWC[t], owner_THW[t], rgba, x0, y0, n + 1)
    counts_TN = np.stack([(owner_THW == n + 1).sum(axis=(1, 2)) for n in range(len(sprites))], axis=1)
    seen_TN = counts_TN / np.maximum(solid_TN, 1)
    boxes_TN4 = _boxes(poses_TN4, sprites)
    return Clip(
        frames_THWC=frames_THWC,
        boxes_TN4=boxes_TN4,
        visible_TN=seen_TN >= VISIBLE_SHARE,
        seen_TN=seen_TN,
        owner_THW=owner_THW,
        poses_TN4=poses_TN4,
        sprites=sprites,
        motion=motion,
        camera=camera,
        asked_TN4=_loosened(Draws(*keys["looseness"]), level, boxes_TN4),
        told="" if np.isnan(hands_TN).all() else _told(clockwise, camera),
    )


def stream_key(seed: int, index: int, split: str, part: str) -> tuple[int, ...]:
    """The key of one part's random stream: different for every split, seed, index and part.

    Raises ValueError for a seed or index outside 0 to 2**32 - 1 or an unknown split.
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}: give one of {', '.join(SPLITS)}.")
    for name, value in (("seed", seed), ("index", index)):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**32:
            raise ValueError(f"{name} is {value!r}: give a whole number from 0 to {2**32 - 1}.")
    return VERSION, SPLITS[split], seed, index, PARTS[part]


def _poses(motion: Trajectory, sprites: tuple[Sprite, ...], turns_TN: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pivots, sides and turns from the boxes of the upright sprites."""
    boxes_TN4 = sample(motion).boxes_TN4
    poses_TN4 = np.empty(boxes_TN4.shape)
    poses_TN4[..., :2] = boxes_TN4[..., :2] + boxes_TN4[..., 2:] * 0.5
    for n, sprite in enumerate(sprites):
        poses_TN4[:, n, 2] = boxes_TN4[:, n, 2] / sprite.extent[0]
    poses_TN4[..., 3] = turns_TN
    return poses_TN4


def _boxes(poses_TN4: NDArray[np.float64], sprites: tuple[Sprite, ...]) -> NDArray[np.float64]:
    boxes_TN4 = np.empty(poses_TN4.shape)
    for n, sprite in enumerate(sprites):
        edges_T4 = extents(sprite, poses_TN4[:, n, 3]) * poses_TN4[:, n, 2:3]
        boxes_TN4[:, n, :2] = poses_TN4[:, n, :2] + edges_T4[:, :2]
        boxes_TN4[:, n, 2:] = edges_T4[:, 2:] - edges_T4[:, :2]
    return boxes_TN4


def _loosened(draws: Draws, level: Difficulty, boxes_TN4: NDArray[np.float64]) -> NDArray[np.float64]:
    """The boxes with each edge moved outward; how far goes from what is drawn for the first frame to what is drawn for the last."""
    if not level.loosened:
        return boxes_TN4
    frames, count = boxes_TN4.shape[:2]
    first_N4, last_N4 = draws.array(count, 4) * level.loosened, draws.array(count, 4) * level.loosened
    share_T11 = (np.arange(frames) / max(frames - 1, 1))[:, None, None]
    out_TN4 = (first_N4 + (last_N4 - first_N4) * share_T11) * np.concatenate([boxes_TN4[..., 2:]] * 2, axis=2)
    return np.concatenate(
        [boxes_TN4[..., :2] - out_TN4[..., :2], boxes_TN4[..., 2:] + out_TN4[..., :2] + out_TN4[..., 2:]], axis=2
    )


def _told(clockwise: bool, camera: Trajectory) -> str:
    way = "right" if camera.objects[0].keyframes[-1].x > 0.5 else "left"
    return f"Hands turn {'clockwise' if clockwise else 'back'} while the camera goes {way}."


def _backgrounds(draws: Draws, camera: Trajectory, photographs: float) -> NDArray[np.uint8]:
    """The background on every frame: the camera's window on one large picture."""
    width, height = camera.size
    offsets_T2 = sample(camera).boxes_TN4[:, 0, :2]
    offsets_T2 = offsets_T2 - offsets_T2.min(axis=0)
    across, down = (int(value) + 2 for value in np.ceil(offsets_T2.max(axis=0)))
    scene = draw_background(draws, height + down, width + across, min(camera.size), photographs)
    frames_THWC = np.empty((camera.frames, height, width, 3), dtype=np.uint8)
    for t, (x, y) in enumerate(offsets_T2.tolist()):
        if t and (offsets_T2[t] == offsets_T2[t - 1]).all():
            frames_THWC[t] = frames_THWC[t - 1]
        else:
            frames_THWC[t] = window(scene, x, y, width, height)
    return frames_THWC
