"""Windows lie in shots, keep their speed, and are named by their time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from train.data.folder_clips import FolderClips
from train.prepare.windows import Window, windows

from ...support.sentences import refuses

EVEN = np.arange(100) / 24


def test_shots_are_filled_side_by_side_and_never_crossed() -> None:
    found = windows(EVEN, [(0, 39), (40, 99)], 17, 24)
    assert [(one.taken[0], one.taken[-1]) for one in found] == [(0, 16), (17, 33), (40, 56), (57, 73), (74, 90)]
    assert [one.start_ms for one in found] == [0, 708, 1667, 2375, 3083]
    assert found[1].name("dog") == "dog-708ms"


def test_a_name_says_its_start(tmp_path: Path) -> None:
    for name in ("dog-708ms.json", "dog-5ms.txt", "my-dog-9ms.json", "dog.json", "dog-x7ms.json", "dog-7ms.png"):
        (tmp_path / name).write_text("")
    found = FolderClips().of(tmp_path / "dog.mp4")
    assert {path.name: start for path, start in found.items()} == {"dog-708ms.json": 708, "dog-5ms.txt": 5}


def test_faster_videos_are_thinned_out_by_time() -> None:
    found = windows(np.arange(100) / 60, [(0, 99)], 9, 24)
    assert found[0].taken == (0, 3, 5, 8, 10, 13, 15, 18, 20)


def test_slower_videos_are_refused() -> None:
    with refuses(key="data.fps is 24", value="10 frames per second", remedy="lower data.fps"):
        windows(np.arange(50) / 10, [(0, 49)], 9, 24)


def test_a_window_over_a_dropped_stretch_is_left_out() -> None:
    times = np.delete(EVEN, range(20, 26))
    found = windows(times, [(0, len(times) - 1)], 17, 24)
    assert [one.start_ms for one in found] == [0, 1417, 2125, 2833]
    assert all(len(set(one.taken)) == 17 for one in found)


def test_a_given_start_comes_first_and_the_others_make_room() -> None:
    found = windows(EVEN, [(0, 99)], 17, 24, [500])
    assert [(one.start_ms, one.given) for one in found] == [
        (500, True),
        (1208, False),
        (1917, False),
        (2625, False),
        (3333, False),
    ]
    with refuses(key="from 4.000 s on", value="its own document"):
        windows(EVEN, [(0, 99)], 17, 24, [4000])


def test_a_short_shot_gives_none() -> None:
    assert windows(EVEN, [(0, 15)], 17, 24) == []
    assert windows(EVEN, [(0, 16)], 17, 24) == [Window(0, tuple(range(17)))]
