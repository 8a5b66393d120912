"""The closed form of `bench/small_map_encoder.py` finds the code that it is asked to come close to."""

from __future__ import annotations

import sys

import numpy as np
import torch

from ..conftest import ROOT

sys.path.append(str(ROOT))

from bench.small_map_encoder import cells, distilled


def videos(count):
    drawn = np.random.default_rng(0)
    return [drawn.integers(0, 256, (9, 64, 48, 3), dtype=np.uint8) for _ in range(count)]


def test_cells_lie_under_the_latents_grid_frame_0_by_itself():
    (frames,) = videos(1)
    frames[0] = 255
    found = cells(frames, 8)
    assert found.shape == (3, 4, 3, 3 * 4 * 2 * 2 + 1)
    assert bool((found[0] == 1).all())
    torch.testing.assert_close(
        found[1, 2, 1, :-1].mean(), torch.from_numpy(frames[1:5, 32:48, 16:32]).float().mean() / 255
    )


def test_a_linear_code_is_found_and_a_finer_one_is_not():
    weights = torch.randn(3 * 4 * 4 * 4 + 1, 48, generator=torch.Generator().manual_seed(0))
    pool = videos(30)

    def full(frames):
        return (cells(frames, 4) @ weights).movedim(-1, 0)[None]

    seen, unseen = pool[:-1], pool[-1]
    error = {}
    for coarse in (4, 8):
        small = distilled(full, seen, coarse)(unseen)
        assert small.shape == (1, 48, 3, 4, 3)
        error[coarse] = float((small - full(unseen)).std() / full(unseen).std())
    assert error[4] < 0.01
    assert error[8] > 0.05
