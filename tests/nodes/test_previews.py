"""DrawTrajectory's preview: what it shows, and that it costs the size of a preview."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from flashmotion_core.trajectory import TrackedObject, Trajectory
from flashmotion_core.trajectory.model import Keyframe


def previewed(pack: ModuleType, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[Any]]:
    """The preview of a box that moves right, and the sizes at which its frames were drawn."""
    inputs = sys.modules[f"{pack.__name__}.nodes.trajectory_inputs"]
    sample = sys.modules[f"{pack.__name__}.flashmotion_core.trajectory"].sample
    drawn: list[Any] = []
    real = inputs.render

    def render(sampled: Any, masks_NHW: Any, **options: Any) -> Any:
        drawn.append((sampled.size, masks_NHW.shape))
        return real(sampled, masks_NHW, **options)

    monkeypatch.setattr(inputs, "render", render)
    keys = (Keyframe(0, 0.25, 0.5, 0.25, 0.25), Keyframe(32, 0.75, 0.5, 0.25, 0.25))
    sampled = sample(Trajectory(size, 33, (TrackedObject("a", keys),)))
    masks = torch.zeros(1, size[1], size[0])
    masks[0, size[1] // 2, size[0] // 4] = 1  # a single pixel
    return inputs.preview_pictures(sampled, masks, None), drawn


@pytest.mark.parametrize("size", [(4096, 2048), (1280, 704), (256, 160)])
def test_a_preview_is_drawn_at_its_own_scale(
    size: tuple[int, int], pack: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    preview, drawn = previewed(pack, size, monkeypatch)
    assert len(preview) == len(drawn) == 16
    assert max(preview.shape[1:3]) == min(512, max(size))
    for canvas, masks in drawn:
        assert max(canvas) == min(1024, max(size))
        assert masks == (1, canvas[1], canvas[0])


def test_a_preview_shows_thin_masks_and_boxes_in_their_places(
    pack: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    preview, _ = previewed(pack, (4096, 2048), monkeypatch)
    lit = preview.amax(-1).numpy() > 0.1
    assert 1 <= lit[0].sum() <= 9
    columns = np.flatnonzero(lit[-1].any(axis=0))
    assert columns[0] == pytest.approx(512 * 0.625, abs=2)
    assert columns[-1] == pytest.approx(512 * 0.875, abs=2)
