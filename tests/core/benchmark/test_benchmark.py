"""FlashBench on small sets: the command from folder to report, resuming, broken clips, bounds and the table."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flashmotion_core.benchmark import runner
from flashmotion_core.benchmark.bench_figures import results
from flashmotion_core.benchmark.bench_files import find_clip, read_clip
from flashmotion_core.benchmark.bench_page import markdown
from flashmotion_core.benchmark.bench_rows import bound_rows, generated_row
from flashmotion_core.benchmark.clip_set import read_set
from flashmotion_core.benchmark.runner import Measuring, measure_rows
from flashmotion_core.cli.bench import main
from flashmotion_core.metrics.kernel import kernel_distance
from flashmotion_core.reports.cells import decimals, signed
from flashmotion_core.reports.contact_sheets import contact_sheet
from flashmotion_core.tracking.appearance import AppearanceTracker
from flashmotion_core.trajectory import dumps
from flashmotion_core.video.mp4 import write_mp4
from train.world import synthetic
from train.world.clip_tracker import ClipTracker
from train.world.synthetic import Clip

from ...support.sentences import refuses

SIZE = (64, 64)
NAMES = ("a", "b", "c")


def world(name: str) -> Clip:
    return synthetic.clip(11, NAMES.index(name), "simple", SIZE, 7, "eval_a")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of three clips, one of each kind of file, and three rows: perfect, still and half gone."""
    folder = tmp_path_factory.mktemp("bench")
    for kind in ("set", "good", "still"):
        (folder / kind).mkdir()
    for name in NAMES:
        clip = world(name)
        (folder / "set" / f"{name}.json").write_text(dumps(clip.document), encoding="utf-8")
        np.save(folder / "set" / f"{name}.npy", clip.frames_THWC)
        (folder / "set" / f"{name}_masks").mkdir()
        for t, owner in enumerate(clip.owner_THW):
            Image.fromarray(owner).save(folder / "set" / f"{name}_masks" / f"{t:03d}.png")
        np.save(folder / "still" / f"{name}.npy", np.repeat(clip.frames_THWC[:1], 7, axis=0))
    write_mp4(folder / "good" / "a.MP4", world("a").frames_THWC, 12, crf=4)
    np.save(folder / "good" / "b.npy", world("b").frames_THWC.astype(np.float32) / 255)
    (folder / "good" / "c").mkdir()
    for t, frame in enumerate(world("c").frames_THWC):
        Image.fromarray(frame).save(folder / "good" / "c" / f"{t:03d}.png")
    return folder


def run(made: Path, out: Path, *words: str) -> dict[str, Any]:
    good, still = f"good={made / 'good'}", f"still={made / 'still'}"
    assert main([good, still, "--set", str(made / "set"), "--out", str(out), *words]) == 0
    found: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return found


def test_from_folders_to_a_report(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(made, tmp_path)
    rows = {row["name"]: row for row in found["rows"]}
    assert list(rows) == ["good", "still", "real", "static", "paste", "other_boxes"]
    assert rows["good"]["box_iou"] > 0.8 > 0.7 > rows["still"]["box_iou"]
    assert rows["still"]["box_iou"] == pytest.approx(rows["static"]["box_iou"], abs=1e-9)
    assert rows["other_boxes"]["box_iou"] < 0.5
    assert rows["good"]["psnr"] > 30 > rows["still"]["psnr"]
    assert rows["still"]["dynamic_degree"] == 0
    low, high = rows["good"]["box_iou_95"]
    assert low <= rows["good"]["box_iou"] <= high
    assert rows["still"]["against_first"]["box_iou"]["difference"] == pytest.approx(
        rows["still"]["box_iou"] - rows["good"]["box_iou"]
    )
    assert sum(part["measured"] for part in rows["good"]["groups"].values()) == 3
    clips = rows["good"]["clips"]
    assert rows["good"]["box_iou"] == pytest.approx(np.mean([clip["box_iou"] for clip in clips.values()]))
    assert clips["a"]["box_iou"] == pytest.approx(np.mean(clips["a"]["objects"]["box_iou"]))
    assert set(rows["other_boxes"]["clips"]) == set(NAMES)
    for words in (
        "colour and template matching",
        "3 clips",
        "7 frames of 64 x 64",
        found["checksum"][:12],
        "2000 resamples",
    ):
        assert words in found["protocol"]
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    for words in ("frame 0, standing still", "The worst clips of good", "Box IoU by frame", "data:image/png"):
        assert words in page
    assert page.index("What it says") < page.index("Control")
    quality = page[page.index("<h2>Quality") : page.index("<h2>Protocol")]
    assert "another clip" not in quality  # a row of dashes
    assert "Groups of fewer than 5 clips have no interval" in page
    assert "| good | 3 |" in capsys.readouterr().out


def test_it_continues_where_it_was_and_measures_again_what_changed(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    shutil.copytree(made, work)
    first = run(work, tmp_path / "out")
    measured = []
    honest = runner.measure_clip
    monkeypatch.setattr(
        runner,
        "measure_clip",
        lambda frames, clip, *a, **k: measured.append(clip.name) or honest(frames, clip, *a, **k),
    )
    assert run(work, tmp_path / "out") == first
    assert measured == []
    np.save(work / "still" / "b.npy", world("b").frames_THWC)
    again = run(work, tmp_path / "out")
    assert measured == ["b"]
    assert again["rows"][1]["box_iou"] > first["rows"][1]["box_iou"]


def test_ctrl_c_says_that_finished_clips_are_kept(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = runner.measure_clip

    def stopped(frames: np.ndarray, clip: Any, *a: Any, **k: Any) -> dict[str, Any]:
        if clip.name == "b":
            raise KeyboardInterrupt
        return honest(frames, clip, *a, **k)

    monkeypatch.setattr(runner, "measure_clip", stopped)
    assert main([f"good={made / 'good'}", "--set", str(made / "set"), "--out", str(tmp_path)]) == 130
    assert "stopped by Ctrl+C; finished clips are kept, and the same command continues." in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "measured" / "good").glob("*.json")] == ["a.json"]


def test_parts_measured_apart_are_equal_to_the_last_digit(made: Path, tmp_path: Path) -> None:
    whole = run(made, tmp_path / "whole")
    for number in (1, 0):
        words = [f"good={made / 'good'}", f"still={made / 'still'}", "--set", str(made / "set")]
        assert main([*words, "--out", str(tmp_path / "parts"), "--shard", f"{number}/2"]) == 0
    assert not (tmp_path / "parts" / "results.json").exists()
    assert run(made, tmp_path / "parts") == whole


def test_one_folder_of_clips_with_their_documents(made: Path, tmp_path: Path) -> None:
    for name in NAMES:
        shutil.copy(made / "set" / f"{name}.json", tmp_path)
        shutil.copy(made / "still" / f"{name}.npy", tmp_path)
    np.save(tmp_path / "one_more.npy", world("a").frames_THWC)
    assert main([str(tmp_path), "--limit", "2", "--out", str(tmp_path / "out")]) == 0
    found = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in found["rows"]] == [tmp_path.name, "static", "paste", "other_boxes"]
    assert found["rows"][0]["measured"] == 2
    assert any("standing still" in note for note in found["notes"])
    assert "that the set has no document for are not measured (1): one_more." in found["notes"][-1]


def spoilt(made: Path, folder: Path, kind: str) -> None:
    """The row `good` with clip b spoilt."""
    shutil.copytree(made / "good", folder)
    frames = world("b").frames_THWC
    file = folder / "b.npy"
    if kind == "missing":
        file.unlink()
    elif kind == "short":
        np.save(file, frames[:5])
    elif kind == "size":
        np.save(file, frames[:, :32])
    elif kind == "NaN":
        numbers = frames / 255
        numbers[3, 2, 1, 0] = np.nan
        np.save(file, numbers)
    elif kind == "corrupt":
        file.write_bytes(file.read_bytes()[:200])
    elif kind == "twice":
        (folder / "b").mkdir()


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("missing", "no such video"),
        ("short", "5 frames, its document 7"),
        ("size", "64 x 32 pixels, its document 64 x 64"),
        ("NaN", "1 values that are NaN"),
        ("corrupt", "cannot be read as an array"),
        ("twice", "keep one of them"),
    ],
)
def test_broken_clips_are_named_and_stop_it(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, value: str
) -> None:
    spoilt(made, tmp_path / "row", kind)
    words = [f"row={tmp_path / 'row'}", "--set", str(made / "set"), "--out", str(tmp_path / "out")]
    assert main(words) == 2
    said = capsys.readouterr().err
    for part in ("row row has 1 of 3 clips", "b: ", value, "make them again"):
        assert part in said
    assert ("import-set --size, --frames" in said) == (kind in ("short", "size"))
    assert main([*words, "--allow-broken", "0.4"]) == 0
    found = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert value in found["rows"][0]["broken"]["b"]
    assert found["rows"][0]["measured"] == 2
    assert "1 of 3 clips of row could not be measured: its means are over fewer clips" in " ".join(found["notes"])
    assert "could not be measured" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_all_clips_that_cannot_be_read_are_named_at_once(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoilt(made, tmp_path / "row", "short")
    shutil.rmtree(tmp_path / "row" / "c")
    words = ["--set", str(made / "set"), "--out", str(tmp_path / "out")]
    assert main([f"row={tmp_path / 'row'}", *words]) == 2
    said = capsys.readouterr().err
    assert "has 2 of 3 clips that cannot be measured" in said
    assert "b: it has 5 frames, its document 7; c: there is no such video" in said
    words += ["--tracker", "masks"]
    assert main([f"row={made / 'good'}", *words]) == 2
    assert "3 of 3 clips" in (said := capsys.readouterr().err)
    assert "a_masks; give" in said
    assert main(words) == 2
    assert "no folder of clips is given; give one" in capsys.readouterr().err
    assert main(words[:-2]) == 0
    table = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in table["rows"]] == ["real", "static", "paste", "other_boxes"]
    assert main([str(tmp_path / "row")]) == 2
    assert (
        "holds no documents (NAME.json beside each clip); name the folder that does with --set"
        in capsys.readouterr().err
    )


def test_a_damaged_video_is_noticed(made: Path, tmp_path: Path) -> None:
    whole = (made / "good" / "a.MP4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="cut off|cannot be read"):
        read_clip(tmp_path / "a.mp4", 7, SIZE)
    assert find_clip(tmp_path, "b") is None


class TwoNumbers:
    """Two rows of two numbers per clip."""

    name, frechet, kernel, protocol = "two", "F two", "K two", "two numbers"

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        row = np.array([float(frames[-1].mean()), float(frames[:, 0].std())])
        return np.stack([row, row + 1])


def test_the_exact_tracker_gives_masks_and_features_give_distances(made: Path, tmp_path: Path) -> None:
    bench_set = read_set(made / "set")
    rows = [generated_row("good", made / "good"), generated_row("still", made / "still")]
    rows += bound_rows(rows[0], has_real=True, codec=lambda frames: 255 - frames, codec_mark="negative")
    how = Measuring(
        lambda row, clip: ClipTracker(world(clip.name)),
        extractors=[TwoNumbers()],
    )
    measured = measure_rows(bench_set, rows, tmp_path, how)
    found = results(bench_set, measured, "exact", [TwoNumbers()])
    table = {row["name"]: row for row in found["rows"]}
    assert table["real"]["box_iou"] > 0.97
    assert table["good"]["mask_iou"] > 0.9 > table["still"]["mask_iou"]
    far = {name: row["distances"]["two"] for name, row in table.items()}
    assert far["real"]["frechet"] == pytest.approx(0, abs=1e-6)
    assert far["real"]["kernel"] is None
    assert far["good"]["frechet"] < far["still"]["frechet"] + 1
    assert far["other_boxes"] is None
    assert (far["good"]["rows"], far["good"]["dimensions"]) == (6, 2)
    assert "two numbers" in found["protocols"]["two.frechet"]
    assert "exact" in found["protocols"]["box_iou"]
    assert "| F two | K two |" in markdown(found)
    assert table["codec"]["lost"] > 0.7  # a negative is hardly found
    assert table["paste"]["box_iou"] > 0.9
    assert table["real"]["measured"] == 3


def test_labels_of_files_as_a_tracker(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "good", tmp_path / "row")
    for name in NAMES:
        shutil.copytree(made / "set" / f"{name}_masks", tmp_path / "row" / f"{name}_masks")
    words = [
        f"row={tmp_path / 'row'}",
        "--set",
        str(made / "set"),
        "--out",
        str(tmp_path / "out"),
        "--tracker",
        "masks",
    ]
    assert main(words) == 0
    found = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in found["rows"]] == ["row", "other_boxes"]
    assert found["rows"][0]["mask_iou"] == 1


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["nowhere"], ("no folder", "nowhere", "check the name")),
        (["=x"], ("'=x'", "NAME=FOLDER")),
        (["a/b=x"], ("'a/b=x'", "NAME=FOLDER")),
        (["x", "--limit", "0"], ("--limit is 0", "at least 1")),
        (["x", "--shard", "2/2"], ("'2/2'", "such as 0/4")),
        (["x", "--allow-broken", "2"], ("--allow-broken is 2", "from 0 to 1")),
        ([], ("nothing to measure", "--help")),
    ],
)
def test_wrong_words_are_one_sentence(
    words: Sequence[str], parts: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert all(part in said for part in parts)


def test_sets_that_cannot_be_used(made: Path, tmp_path: Path) -> None:
    with refuses(key=str(tmp_path), value="no documents", remedy="give each clip one"):
        read_set(tmp_path)
    (tmp_path / "x.json").write_text('{"version": 1, "size": [64, 64], "frames": 5, "objects": []}', encoding="utf-8")
    with refuses(key="x.json", value="no objects", remedy="add one or remove"):
        read_set(tmp_path)
    (tmp_path / "x.json").write_text("{", encoding="utf-8")
    with refuses(key="x.json"):
        read_set(tmp_path)
    for name in ("y", "z"):
        (tmp_path / f"{name}.json").write_text("[]" if name == "y" else dumps(world("a").document), encoding="utf-8")
    with refuses(key="2 of 3 documents", value="y.json: ", remedy="mend or remove them"):
        read_set(tmp_path)
    how = Measuring(lambda row, clip: AppearanceTracker())
    rows = [generated_row("same", made / "good"), generated_row("Same", made / "still")]
    with refuses(key="two rows", value="'Same'", remedy="NAME=FOLDER"):
        measure_rows(read_set(made / "set"), rows, tmp_path, how)
    with refuses(key="other_boxes", value="a bound's", remedy="give it another"):
        measure_rows(read_set(made / "set"), [generated_row("other_boxes", made / "good")], tmp_path, how)
    (tmp_path / "cost.json").write_text('{"denoise": NaN}', encoding="utf-8")
    with refuses(key="cost.json", value="must be an object of numbers", remedy="mend or remove it"):
        generated_row("row", tmp_path)


def test_sheets_and_numbers_of_the_page() -> None:
    flat, tall = np.zeros((2, 6, 3), np.uint8), np.ones((5, 6, 3), np.uint8)
    assert contact_sheet([[flat, flat], [tall]], gap=1).shape == (1 + 3 + 6, 1 + 7 + 7, 3)
    assert (contact_sheet([[flat, flat], [tall]], gap=1)[4:9, 1:7] == 1).all()
    assert (signed(-0.0004), decimals(-0.0004), decimals(-12.34)) == ("+0.000", "0.000", "-12.3")


def test_kernel_distance() -> None:
    rng = np.random.default_rng(0)
    draws = [(rng.normal(size=(200, 4)), rng.normal(size=(200, 4))) for _ in range(20)]
    near = [kernel_distance(a, b) for a, b in draws]
    assert abs(np.mean(near)) < 3 * np.std(near) / np.sqrt(20)  # unbiased
    a, b = draws[0]
    assert kernel_distance(a, b + 1) > 10 * np.abs(near).max()
    assert kernel_distance(a, b[::-1]) == pytest.approx(kernel_distance(a, b))
    # Two clips of one feature: k(1, 3) = 4^3, k(0, 2) = 1, and the mean over pairs of both.
    found = kernel_distance(np.array([[1.0], [3.0]]), np.array([[0.0], [2.0]]))
    assert found == pytest.approx(64 + 1 - 2 * np.mean([1, 3**3, 1, 7**3]))
    with refuses(key="features", value="[1, 4]", remedy="at least two"):
        kernel_distance(a[:1], b)
