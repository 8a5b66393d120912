"""The guide's benchmark on one clip: the guide moves the tiny world's objects, and nothing else does. And what it costs at full size."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from bench.full_size.flops import generator_flops
from bench.motion_guide import FEW, FRAMES, SEED, SIZE, SPLIT, WORLDS, GuideRow, made, rows
from flashmotion_core.guide.guide import Guide, guided
from flashmotion_core.guide.guide_levels import Levels
from flashmotion_core.wan.conditioning import latent_shape
from flashmotion_core.wan.config import WanConfig
from train.data.synthetic_source import SyntheticSource, synthetic_clip
from train.evaluation.measures import track_scores


def test_rows_have_names_of_their_own() -> None:
    found = [(row.name, row.steps) for row in rows((FEW, 20), variants=True)]
    assert len(set(found)) == len(found) > 20


@pytest.mark.slow
def test_the_guide_moves_the_objects() -> None:
    clip = SyntheticSource(SEED, 1, WORLDS["simple"], SIZE, FRAMES, SPLIT).clip(0)
    followed = {}
    for name, row in {
        "alone": GuideRow("", steps=FEW),
        "guided": GuideRow("", steps=FEW, follow=1),
        "pasted": GuideRow("", "pasted"),
    }.items():
        frames, _ = made(row, clip, 0)
        assert frames is not None
        followed[name] = track_scores(frames, synthetic_clip(clip.origin))["box_iou"] or 0.0
    assert followed["pasted"] > followed["guided"] - 0.02 > 0.85 > 0.7 > followed["alone"]


class Written(TorchDispatchMode):
    """Counts the values that operations write."""

    values = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = function(*args, **(kwargs or {}))
        self.values += out.numel()
        return out


def test_a_step_of_the_5b_is_hardly_longer_with_the_guide() -> None:
    shape = latent_shape(1280, 704, 121)
    x0, where = torch.empty(1, *shape, device="meta"), torch.empty(shape[1:], device="meta")
    guide = Guide(torch.empty_like(x0), where, where)
    with Written() as written:
        guided(x0, 1.0, guide, Levels(1, 1), lambda share: 1 - share)
    flops = 3 * written.values  # x0 + w (g - x0), the longest of them
    assert flops == pytest.approx(16e6, rel=0.1)
    assert generator_flops(WanConfig(), shape) == pytest.approx(517e12, rel=0.01)
    assert flops < 0.005 * generator_flops(WanConfig(), shape)
