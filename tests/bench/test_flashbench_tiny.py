"""FlashBench-tiny is the same set on every machine, and its groups are what they say."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.tiny_sets import GROUPS, LONG, SHORT, SIZE, checksum, names, tiny_clip, write_set
from flashmotion_core.benchmark.bench_rows import real
from flashmotion_core.benchmark.clip_set import read_set
from flashmotion_core.tracking.label_masks import LabelMasks

LONG_CLIP = "293258d1fa8a776424f42940972025b07e4d570056740d35181367c421bda151"
FIRST_OF_EACH = "00f968f8be1ed98abfc6cc2473640f88091fab6495bb4ce1d2b50c82b7a3538a"


def test_the_first_clips_are_those_of_every_machine() -> None:
    assert len(SHORT.checksum) == len(LONG.checksum) == 64
    assert checksum(1) == FIRST_OF_EACH


def test_groups_hold_as_many_objects_as_they_say() -> None:
    assert len(names(SHORT.per_group)) == GROUPS * SHORT.per_group == 600
    for name in names(1):
        clip = tiny_clip(name)
        assert clip.frames_THWC.shape == (SHORT.frames, *SIZE[::-1], 3)
        assert len(clip.sprites) == int(name[7])


def test_the_written_set_is_read_as_it_was_drawn(tmp_path: Path) -> None:
    write_set(tmp_path, 1)
    found = read_set(tmp_path)
    assert found.name == "FlashBench-tiny"
    assert [clip.name for clip in found.clips] == names(1)
    clip, drawn = found.clips[2], tiny_clip("objects3_000")
    assert (real(clip) == drawn.frames_THWC).all()
    assert clip.masks is not None
    masks = LabelMasks(clip.masks)(drawn.frames_THWC, drawn.boxes_TN4[0]).masks_TNHW
    assert masks is not None
    assert (masks == drawn.masks_TNHW).all()


def test_a_long_clip_is_that_of_every_machine_and_a_short_one_slowed_down() -> None:
    clip = tiny_clip("objects2_007", LONG)
    assert clip.frames_THWC.shape == (121, *SIZE[::-1], 3)
    assert hashlib.sha256(clip.frames_THWC.tobytes()).hexdigest() == LONG_CLIP
    short = tiny_clip("objects2_007", replace(LONG, frames=17))
    assert np.allclose(clip.boxes_TN4[[0, 120], :, 2:], short.boxes_TN4[[0, 16], :, 2:], atol=2)
    assert len({name for name in names(LONG.per_group)}) == GROUPS * LONG.per_group == 120
