"""The guide's benchmark on one clip: the guide moves the tiny world's objects, and nothing else does."""

from __future__ import annotations

import pytest

from bench.motion_guide import FEW, FRAMES, SEED, SIZE, SPLIT, WORLDS, GuideRow, made, rows
from train.data.sources import SyntheticSource, synthetic_clip
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
