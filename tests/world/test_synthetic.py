"""The synthetic world: the same everywhere, exact in its boxes and masks, apart between training and evaluation."""

from __future__ import annotations

import hashlib
import itertools
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flashmotion_core.metrics import box_iou
from flashmotion_core.trajectory import sample
from train.world import synthetic
from train.world.difficulty import PRESETS, Difficulty
from train.world.draws import Draws, turn
from train.world.paint import SOLID, patch
from train.world.shapes import PATTERNS, SHAPES, coverage

from ..support.sentences import refuses

ROOT = Path(__file__).resolve().parents[2]
# Of the frames and boxes of clips 0 to 5. Where this differs, raise `synthetic.VERSION`: it is another world.
CHECKSUMS = {
    "easy": "0a9d7977460e5196",
    "normal": "e6d9ae115123ba25",
    "hard": "da548e63df7727a8",
    "unsettled": "e41ecc9329b219b4",
}


def checksum(level: str) -> str:
    digest = hashlib.sha256()
    for index in range(6):
        clip = synthetic.clip(2026, index, level, (96, 64), 9)
        digest.update(clip.frames_THWC.tobytes() + clip.owner_THW.tobytes() + clip.boxes_TN4.tobytes())
    return digest.hexdigest()[:16]


@pytest.mark.parametrize("level", CHECKSUMS)
def test_the_same_video_on_every_machine(level: str) -> None:
    assert checksum(level) == CHECKSUMS[level]


def test_another_process_makes_the_same_clip() -> None:
    code = (
        "import hashlib; from train.world import synthetic;"
        "print(hashlib.sha256(synthetic.clip(5, 9, 'hard', (64, 64), 5).frames_THWC.tobytes()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    synthetic.clip(1, 1, "hard", (64, 64), 5)  # what was made before must not matter
    clip = synthetic.clip(5, 9, "hard", (64, 64), 5)
    assert done.stdout.strip() == hashlib.sha256(clip.frames_THWC.tobytes()).hexdigest()


def test_the_splits_never_share_a_stream() -> None:
    edges = (0, 1, 2, 2**32 - 1)
    keys = [
        synthetic.stream_key(seed, index, split, part)
        for seed, index, split, part in itertools.product(edges, edges, synthetic.SPLITS, synthetic.PARTS)
    ]
    assert len(set(keys)) == len(keys)
    assert len({len(key) for key in keys}) == 1  # of one length, so that none is another one's beginning
    words = {float(Draws(*key).array(1)[0]) for key in keys}
    assert len(words) == len(keys)


def test_the_splits_show_other_videos_for_the_same_seed() -> None:
    seen = {
        synthetic.clip(0, index, "easy", (64, 64), 2, split).frames_THWC.tobytes()
        for split in synthetic.SPLITS
        for index in range(5)
    }
    assert len(seen) == 15


def test_turn_agrees_with_the_maths_library() -> None:
    turns = np.linspace(-2.3, 2.3, 1001)
    cosine, sine = turn(turns)
    np.testing.assert_allclose(cosine, [math.cos(2 * math.pi * value) for value in turns], atol=5e-15)
    np.testing.assert_allclose(sine, [math.sin(2 * math.pi * value) for value in turns], atol=5e-15)
    assert [float(value[0]) for value in turn(np.array([0.25]))] == [0.0, 1.0]


def test_boxes_fit_the_pixels_of_unhidden_sprites() -> None:
    checked = 0
    for index in range(12):
        clip = synthetic.clip(11, index, "hard", (128, 96), 5)
        for t, n in zip(*np.nonzero(clip.seen_TN == 1.0), strict=True):
            rows, columns = np.nonzero(clip.masks_TNHW[t, n])
            left, top, width, height = clip.boxes_TN4[t, n]
            edges = (left, top, left + width, top + height)
            tight = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            # Pixels are of whole size, and a thin tip covers less than half of the last one.
            assert np.abs(np.subtract(edges, tight)).max() < 2.0, clip.sprites[n].name
            checked += 1
    assert checked > 50


def test_seen_is_the_share_of_pixels_that_nothing_hides() -> None:
    clip = synthetic.clip(11, 3, "hard", (96, 96), 7)
    for t, n in np.ndindex(clip.seen_TN.shape):
        solid = np.count_nonzero(patch(clip.sprites[n], *clip.poses_TN4[t, n].tolist())[0][..., 3] >= SOLID)
        assert clip.seen_TN[t, n] == np.count_nonzero(clip.masks_TNHW[t, n]) / solid
    np.testing.assert_array_equal(clip.visible_TN, clip.seen_TN >= synthetic.VISIBLE_SHARE)
    assert (
        clip.masks_TNHW.sum(axis=1) == (clip.owner_THW > 0)
    ).all()  # disjoint, and together everything but the background


@pytest.mark.parametrize("level", PRESETS)
def test_the_document_says_what_the_boxes_say(level: str) -> None:
    clip = synthetic.clip(4, 1, level, (160, 96), 17)
    sampled = sample(clip.document)
    np.testing.assert_allclose(sampled.boxes_TN4, clip.asked_TN4, atol=1e-6)
    np.testing.assert_array_equal(sampled.visible_TN, clip.visible_TN)


def test_an_easy_world_is_easy() -> None:
    for index in range(20):
        clip = synthetic.clip(1, index, "easy", (64, 64), 9)
        assert 1 <= len(clip.sprites) <= 2
        assert (clip.poses_TN4[..., 3] == 0).all()
        assert (clip.boxes_TN4[..., :2] > -1e-6).all()
        assert (clip.boxes_TN4[..., :2] + clip.boxes_TN4[..., 2:] < 64 + 1e-6).all()
        still = (clip.owner_THW == 0).all(axis=0)
        background = clip.frames_THWC[0][still].astype(int)
        # Rims are half transparent on the pixel beside, hence not quite all.
        assert np.mean(clip.frames_THWC[-1][still] == background) > 0.9


def test_a_hard_world_has_all_there_is() -> None:
    clips = [synthetic.clip(1, index, "hard", (64, 64), 9) for index in range(40)]
    assert {len(clip.sprites) for clip in clips} == {2, 3, 4, 5, 6}
    names = {name.split()[-1] for clip in clips for name in (sprite.name for sprite in clip.sprites)}
    assert names == {*SHAPES, "cat", "cup"}
    first_TN, last_TN = ([clip.visible_TN[t] for clip in clips] for t in (0, -1))
    assert any(not visible.all() for visible in first_TN), "none enters"
    assert any(not visible.all() for visible in last_TN), "none leaves"
    assert any((clip.seen_TN[:, n] < 0.5).any() for clip in clips for n in range(len(clip.sprites) - 1)), "none hides"
    growth = [clip.poses_TN4[-1, :, 2] / clip.poses_TN4[0, :, 2] for clip in clips]
    assert np.concatenate(growth).max() > 1.5
    assert np.concatenate(growth).min() < 1 / 1.5
    assert max(float(np.ptp(clip.poses_TN4[..., 3], axis=0).max()) for clip in clips) > 0.4


def test_on_frame_0_every_sprite_that_does_not_enter_is_seen() -> None:
    seen = [synthetic.clip(6, index, "normal", (96, 96), 3).seen_TN[0] for index in range(30)]
    assert np.concatenate(seen).min() > 0.6
    assert np.mean(np.concatenate(seen)) > 0.95


def test_sprites_of_a_clip_differ_in_shape_and_colour() -> None:
    for index in range(20):
        names = [sprite.name.split() for sprite in synthetic.clip(8, index, "hard", (64, 64), 1).sprites]
        for position in (0, -1):
            assert len({name[position] for name in names}) == len(names)


def test_a_camera_alone_moves_the_background_and_what_rests_on_it() -> None:
    level = replace(PRESETS["normal"], pan=0.5, resting=1.0, turns=0.0, growth=1.0, leaving=0.0)
    clip = synthetic.clip(3, 2, level, (96, 96), 9)
    camera_T2 = sample(clip.camera).boxes_TN4[:, 0, :2]
    assert np.abs(camera_T2[-1]).max() > 5
    moved_TN2 = clip.boxes_TN4[..., :2] - clip.boxes_TN4[0, :, :2]
    np.testing.assert_allclose(moved_TN2, np.broadcast_to(-camera_T2[:, None], moved_TN2.shape), atol=1e-9)
    assert (clip.frames_THWC[0] != clip.frames_THWC[-1]).mean() > 0.2


def test_premultiplied_colour_never_exceeds_alpha() -> None:
    for index in range(30):
        for sprite in synthetic.clip(9, index, "hard", (256, 256), 1).sprites:
            for level in sprite.levels:
                assert (level[..., :3] <= level[..., 3:].astype(int) + 1).all(), sprite.name


@pytest.mark.parametrize("kind", ["shape", "pattern"])
def test_no_two_shapes_or_patterns_are_alike(kind: str) -> None:
    names = sorted(SHAPES if kind == "shape" else PATTERNS)
    for one, other in itertools.combinations(names, 2):
        difference = np.abs(coverage(kind, one).astype(int) - coverage(kind, other))
        assert difference.mean() > 8, (one, other)


def test_the_simple_world_has_few_shapes_and_no_patterns() -> None:
    names = {sprite.name for index in range(40) for sprite in synthetic.clip(0, index, "simple", frames=1).sprites}
    assert {len(name.split()) for name in names} == {2}  # colour and shape
    assert {name.split()[1] for name in names} == set(PRESETS["simple"].shapes)


def test_one_frame_and_odd_sizes() -> None:
    clip = synthetic.clip(0, 0, "hard", (57, 33), 1)
    assert clip.frames_THWC.shape == (1, 33, 57, 3)
    assert clip.document.frames == 1
    assert box_iou(sample(clip.document).boxes_TN4, clip.boxes_TN4).min() > 1 - 1e-9


@pytest.mark.parametrize(
    ("arguments", "key", "value", "remedy"),
    [
        ({"difficulty": "brutal"}, "difficulty", "'brutal'", "give one of easy, normal, hard, simple, unsettled"),
        ({"split": "test"}, "split", "'test'", "give one of train, eval_a, eval_b"),
        ({"seed": -1}, "seed", -1, "a whole number from 0 to 4294967295"),
        ({"index": 2**32}, "index", 2**32, "a whole number"),
        ({"size": (16, 64)}, "size[0]", 16, "a whole number from 32 to 4096"),
        ({"frames": 0}, "frames", 0, "a whole number from 1 to 1025"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], key: str, value: object, remedy: str) -> None:
    with refuses(key=key, value=value, remedy=remedy):
        synthetic.clip(**{"seed": 0, "index": 0, **arguments})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "received", "remedy"),
    [
        ({"sprites": (0, 3)}, "(0, 3)", "give (smallest, largest) from 1 to 6"),
        ({"sprites": (1.5, 3)}, "(1.5, 3)", "give two whole numbers"),
        ({"side": (0.4, 0.3)}, "(0.4, 0.3)", "give (smallest, largest) from"),
        ({"growth": 0.5}, "0.5", "give a number from 1 to 4"),
        ({"curved": float("nan")}, "nan", "give a number from 0 to 1"),
        ({"shapes": ("disc", "cube")}, "'cube'", "give some of disc, egg, "),
        ({"shapes": ("disc", "egg")}, "('disc', 'egg')", "give 4 different ones or more"),
    ],
)
def test_bad_difficulties(values: dict[str, object], received: str, remedy: str) -> None:
    (name,) = values
    with refuses(key=f"difficulty.{name}", value=received, remedy=remedy):
        Difficulty(**values)  # type: ignore[arg-type]


# What frame 0 and the boxes do not settle


def test_hands_turn_within_their_sprites_and_change_nothing_else() -> None:
    level = replace(PRESETS["unsettled"], loosened=0.0)
    with_hands = synthetic.clip(4, 0, level, (64, 64), 9)
    without = synthetic.clip(4, 0, replace(level, hands=0.0), (64, 64), 9)
    for name in ("boxes_TN4", "asked_TN4", "owner_THW", "poses_TN4"):
        assert (getattr(with_hands, name) == getattr(without, name)).all(), name
    changed_THW = (with_hands.frames_THWC != without.frames_THWC).any(axis=-1)
    assert changed_THW.any(axis=(1, 2)).all()
    edge_THW = without.owner_THW == 0
    assert changed_THW[edge_THW].mean() < 0.01  # pixels that a sprite covers by less than half
    assert (with_hands.told != "", without.told) == (True, "")


def test_loosened_boxes_hold_the_exact_ones_and_move_against_them() -> None:
    clip = synthetic.clip(4, 1, "unsettled", (64, 64), 9)
    exact, asked = clip.boxes_TN4, clip.asked_TN4
    before = (exact - asked)[..., :2] / exact[..., 2:]
    after = (asked[..., :2] + asked[..., 2:] - exact[..., :2] - exact[..., 2:]) / exact[..., 2:]
    for looseness in (before, after):
        assert (looseness >= -1e-9).all()
        assert (looseness <= 0.25).all()
    assert np.ptp(np.concatenate([before, after], axis=2), axis=0).min() > 0
    assert np.allclose(sample(clip.document).boxes_TN4, asked)
