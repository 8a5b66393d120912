"""Tracks from tools. What each format becomes is in tests/golden/tracks.json, which the editor's tests read, too."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import fuzz_tables
from flashmotion_core.trajectory import TrajectoryError, read_tracks, recognise, sample, to_csv
from tests.golden import make_tracks
from tests.support.sentences import refuses

GOLDEN = json.loads(make_tracks.TARGET.read_text(encoding="utf-8"))
CASES = {case["name"]: case for case in GOLDEN["cases"]}


def test_the_golden_file_is_what_python_makes_today() -> None:
    assert make_tracks.build() == GOLDEN


def notices(text: str, **choices: Any) -> list[str]:
    return [str(notice) for notice in read_tracks(text, **{"size": (256, 192), **choices}).notices]


def boxes(text: str, **choices: Any) -> tuple[np.ndarray, np.ndarray]:
    sampled = sample(read_tracks(text, **{"size": (256, 192), **choices}).trajectory)
    return sampled.boxes_TN4, sampled.visible_TN


@pytest.mark.parametrize(
    "table",
    [
        "\ufeffframe,id,label,x,y,w,h,visible\r\n0,a,cat,10.5,20,30,40,1\r\n1,a,cat,12.5,20,30,40,0\r\n",
        "visible,h,w,y,x,label,id,frame\nTrue,40,30,20,10.5,cat,a,0\nFalse,40,30,20,12.5,cat,a,1.0\n",
        "FRAME;ID;LABEL;X;Y;W;H;VISIBLE\n0;a;cat;10,5;20;30;40;1,0\n1;a;cat;12,5;20;30;40;0,0\n",
        "frame\tid\tlabel\tx\ty\tw\th\tvisible\n0\ta\tcat\t10,5\t20\t30\t40\tyes\n1\ta\tcat\t12.5\t20\t30\t40\tno\n",
    ],
    ids=["excel", "order", "semicolons", "tabs"],
)
def test_our_table_in_any_form(table: str) -> None:
    boxes_TN4, visible_TN = boxes(table)
    np.testing.assert_allclose(boxes_TN4[:, 0], [[10.5, 20, 30, 40], [12.5, 20, 30, 40]], atol=1e-9)
    assert visible_TN[:, 0].tolist() == [True, False]
    assert "frames are counted from 0" in " ".join(notices(table))


def test_mot_is_counted_from_1_and_says_so() -> None:
    table = "1,3,10,20,30,40,1,-1,-1,-1\n2,3,12,20,30,40,1,-1,-1,-1\n"
    boxes_TN4, _ = boxes(table)
    np.testing.assert_allclose(boxes_TN4[:, 0], [[10, 20, 30, 40], [12, 20, 30, 40]], atol=1e-9)
    assert "Its frames are counted from 1." in notices(table)
    assert "Its frames are counted from 0." in notices(table.replace("1,3", "0,3", 1))
    boxes_TN4, visible_TN = boxes(table, counted_from=0)
    assert visible_TN[:, 0].tolist() == [False, True, True]


def test_corner_tables() -> None:
    boxes_TN4, visible_TN = boxes("frame,label,x1,y1,x2,y2\n0,cat,10,20,40,60\n2,cat,12,20,42,60\n")
    np.testing.assert_allclose(boxes_TN4[[0, 2], 0], [[10, 20, 30, 40], [12, 20, 30, 40]], atol=1e-9)
    assert visible_TN[:, 0].tolist() == [True, False, True]


def test_cvat_moves_straight_between_its_boxes_and_hides_outside() -> None:
    case = CASES["CVAT"]
    sampled = sample(read_tracks(case["text"]).trajectory)
    assert sampled.size == (320, 240)
    assert sampled.boxes_TN4.shape == (12, 2, 4)
    np.testing.assert_allclose(sampled.boxes_TN4[4, 0], [30.25, 20, 30, 40], atol=1e-9)
    assert np.flatnonzero(sampled.visible_TN[:, 0]).tolist() == [2, 3, 4, 5, 6, 7, 8]
    assert sampled.visible_TN[:, 1].all()


def test_coco_orders_pictures_by_the_numbers_in_their_names() -> None:
    boxes_TN4, _ = boxes(CASES["COCO by file name"]["text"])
    np.testing.assert_allclose(boxes_TN4[:, 0, 0], [10, 9, 11], atol=1e-9)


def test_more_than_64_objects_are_listed_and_can_be_chosen() -> None:
    table = "\n".join(f"1,{n},{n},20,30,40,1,-1,-1,-1" for n in range(1, 101))
    with refuses(TrajectoryError, key="100 objects", value='"1", "2"', remedy="choose at most 64"):
        read_tracks(table, size=(256, 192))
    found = read_tracks(table, size=(256, 192), objects=["100", "7"])
    assert [tracked.id for tracked in found.trajectory.objects] == ["7", "100"]
    assert "Objects taken: 2 of 100." in [str(notice) for notice in found.notices]


def test_a_table_needs_the_pictures_size_unless_it_says_it() -> None:
    with refuses(TrajectoryError, key="size is missing", value="MOT", remedy="give its width and height"):
        read_tracks("1,1,10,20,30,40\n")
    assert read_tracks(CASES["CVAT"]["text"]).trajectory.size == (320, 240)


def test_jitter_is_simplified_as_little_as_possible_and_said() -> None:
    case = CASES["MOT with 900 frames of jitter"]
    found = read_tracks(case["text"], size=(256, 192))
    assert any(notice.name == "simplified" for notice in found.notices)
    assert len(found.trajectory.objects[0].keyframes) <= 512
    with refuses(TrajectoryError, key="objects[0].keyframes", value="list of", remedy="raising tolerance"):
        read_tracks(case["text"], size=(256, 192), tolerance=0)


def test_what_we_write_we_read() -> None:
    trajectory = read_tracks(CASES["CVAT"]["text"]).trajectory
    sampled = sample(trajectory)
    back = read_tracks(to_csv(sampled, trajectory.objects), size=trajectory.size)
    np.testing.assert_allclose(sample(back.trajectory).boxes_TN4, sampled.boxes_TN4, atol=1e-6)
    np.testing.assert_array_equal(sample(back.trajectory).visible_TN, sampled.visible_TN)


@pytest.mark.parametrize(
    "text",
    ["<a>" * 300_000, "<!--" * 300_000, "&amp;" * 300_000, "1,1,1,1,1,1\n" * 50_000, "," * 2_000_000, '"' * 2_000_001],
)
def test_hostile_texts_are_refused_in_time(text: str) -> None:
    start = time.monotonic()
    with pytest.raises(TrajectoryError):
        read_tracks(text, size=(64, 64))
    assert time.monotonic() - start < 60


def test_a_document_is_not_taken_for_a_table() -> None:
    assert recognise('{"version": 1, "size": [64, 64], "frames": 3}') is None


def test_the_fuzzer_finds_no_crash_and_reaches_both_ends() -> None:
    outcomes = [fuzz_tables.try_python(fuzz_tables.make_text(random.Random(seed))) for seed in range(300)]
    assert not [outcome for outcome in outcomes if "crash" in outcome]
    assert 75 < sum("canonical" in outcome for outcome in outcomes) < 225


def test_python_and_javascript_read_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    npm = os.environ.get("FLASHMOTION_NPM")
    node = shutil.which("node", path=str(Path(npm).parent) if npm else None)
    if not node:
        pytest.skip("needs FLASHMOTION_NPM, an npm beside its node: run python run_tests.py")
    assert fuzz_tables.main(["200", "--seed", "7", "--node", node]) == 0
    assert "Python and JavaScript were compared" in capsys.readouterr().out
