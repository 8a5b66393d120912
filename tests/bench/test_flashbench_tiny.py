"""FlashBench-tiny is the same set on every machine, and its groups are what they say."""

from __future__ import annotations

from pathlib import Path

from bench.tiny_sets import GROUPS, LONG, PER_GROUP, SHORT, SIZE, checksum, names, tiny_clip, write_set
from flashmotion_core.benchmark.bench_rows import real
from flashmotion_core.benchmark.clip_set import read_set
from flashmotion_core.tracking.label_masks import LabelMasks

FIRST_OF_EACH = "00f968f8be1ed98abfc6cc2473640f88091fab6495bb4ce1d2b50c82b7a3538a"


def test_the_first_clips_are_those_of_every_machine() -> None:
    assert len(SHORT.checksum) == len(LONG.checksum) == 64
    assert checksum(1) == FIRST_OF_EACH


def test_groups_hold_as_many_objects_as_they_say() -> None:
    assert len(names(PER_GROUP)) == GROUPS * PER_GROUP == 600
    for name in names(1):
        clip = tiny_clip(name)
        assert clip.frames_THWC.shape == (SHORT.frames, *SIZE[::-1], 3)
        assert len(clip.sprites) == int(name[7])


def test_the_written_set_is_read_as_it_was_drawn(tmp_path: Path) -> None:
    write_set(tmp_path, 1)
    found = read_set(tmp_path)
    assert [clip.name for clip in found.clips] == names(1)
    clip, drawn = found.clips[2], tiny_clip("objects3_000")
    assert (real(clip) == drawn.frames_THWC).all()
    assert clip.masks is not None
    masks = LabelMasks(clip.masks)(drawn.frames_THWC, drawn.boxes_TN4[0]).masks_TNHW
    assert masks is not None
    assert (masks == drawn.masks_TNHW).all()
