"""Sets of strangers: names that lead elsewhere, files that say they are huge, labels of any number, and sources that change."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flashmotion_core.benchmark.bench_files import read_clip
from flashmotion_core.benchmark.clip_set import read_set
from flashmotion_core.cli.bench import main
from flashmotion_core.sets import read_clip as reading
from flashmotion_core.sets.array_files import load_array, load_arrays
from flashmotion_core.sets.colored_masks import renumbered
from flashmotion_core.sets.go_through import ClipShape, given_clips, import_clips
from flashmotion_core.sets.listed_names import check_listed
from flashmotion_core.sets.read_clip import GivenClip, ReadClip, check_amount, video_frames
from flashmotion_core.tracking.label_masks import read_label_folder
from flashmotion_core.video.mp4 import write_mp4

from ...support.public_sets import PALETTE, make_davis, make_magic, make_move_bench, two_things
from ...support.sentences import refuses


@pytest.mark.parametrize(
    "path", ["/etc/passwd.mp4", "../x.mp4", "a/../../x.mp4", "C:\\x.mp4", "..\\x.mp4", "\\\\host\\x.mp4"]
)
def test_no_list_names_files_elsewhere(path: str) -> None:
    with refuses(ValueError, key="list.txt, line 3", value=repr(path), remedy="put the file there"):
        check_listed(path, "list.txt, line 3")
    check_listed("videos/a.b..c.mp4", "list.txt")


def rewritten(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")


def test_lists_of_every_layout_are_looked_at(tmp_path: Path) -> None:
    outside = tmp_path / "0001.mp4"
    for make, name, file, old, new in (
        (make_magic, "magicdata", "FlashBench.csv", "0001.mp4", str(outside)),
        (make_move_bench, "movebench", "en/single_track.txt", "pexels_1.mp4", "../pexels_1.mp4"),
        (make_davis, "davis", "ImageSets/2016/train.txt", "/JPEGImages/480p/mono", "/JPEGImages/480p/.."),
    ):
        folder = make(tmp_path / name)
        if name == "magicdata":
            shutil.copy(folder / "videos/0001.mp4", outside)
        rewritten(folder / file, old, new)
        with refuses(key="outside", remedy="put the file there"):
            given_clips(folder, name, "2016/train" if name == "davis" else None)


def test_two_clips_of_one_name_are_refused(tmp_path: Path) -> None:
    folder = make_move_bench(tmp_path / "movebench")
    rewritten(folder / "en/single_track.txt", "pexels_2", "pexels_1")
    with refuses(ValueError, key=str(folder), value="pexels_1", remedy="keep one line"):
        given_clips(folder, "movebench", None)
    twice = [GivenClip(name, "", lambda frames: ReadClip(None, given.trajectory)) for name in ("a", "a")]
    given = given_clips(folder, "movebench", "en/multi")[0].read(None)
    with refuses(key="more than once", value="a", remedy="keep one line"):
        import_clips(twice, tmp_path / "out", {}, ClipShape(), 0.01, lambda *_: None)


def palette(ids_HW: np.ndarray, path: Path) -> None:
    picture = Image.fromarray(ids_HW.astype(np.uint8), mode="P")
    picture.putpalette(PALETTE)
    picture.save(path)


SAVED: list[tuple[tuple[int, int], Callable[[np.ndarray, Path], object]]] = [
    ((256, 512), lambda ids, path: Image.fromarray(ids.astype(np.uint16)).save(path)),  # 8 bits of either are 0
    ((1, 257), lambda ids, path: Image.fromarray(ids.astype(np.uint16)).save(path)),  # 8 bits of both are 1
    ((1, 2), palette),
    (
        (1, 2),
        lambda ids, path: Image.fromarray(np.array([(0, 0, 0), (128, 0, 0), (0, 128, 0)], np.uint8)[ids]).save(path),
    ),
    ((7, 200), lambda ids, path: Image.fromarray(ids.astype(np.uint8)).save(path)),
]


@pytest.mark.parametrize(("ids", "save"), SAVED, ids=["16 bits", "alike in 8 bits", "palette", "colours", "grey"])
def test_davis_labels_of_any_number(
    tmp_path: Path, ids: tuple[int, int], save: Callable[[np.ndarray, Path], object]
) -> None:
    folder, owner_THW = make_davis(tmp_path / "davis", ("bear",)), two_things(0).owner_THW
    for t, owner_HW in enumerate(owner_THW):
        save(np.array([0, *ids])[owner_HW], folder / f"Annotations/480p/bear/{t:05d}.png")
    found = given_clips(folder, "davis", None)[0].read(None).labels_THW
    assert found is not None
    order = (
        [0, 1, 2] if ids != (1, 2) or save is palette else [0, 2, 1]
    )  # colours are ordered by their numbers: green before red
    assert (np.array(order)[found] == owner_THW).all()


def test_more_labels_than_objects() -> None:
    assert renumbered(np.array([0, 70000, 3]), (3,)).tolist() == [0, 1, 0]
    with refuses(key="objects or levels", value=300, remedy="64"):
        renumbered(np.arange(301))


def test_label_pictures_are_not_cut_to_8_bits(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 256, np.uint16)).save(tmp_path / "0.png")
    with refuses(ValueError, key="0.png", value="256", remedy="number the objects"):
        read_label_folder(tmp_path)


def header_of(shape: tuple[int, ...], descr: str = "|u1") -> bytes:
    told = io.BytesIO()
    np.lib.format.write_array_header_1_0(told, {"descr": descr, "fortran_order": False, "shape": shape})
    return told.getvalue()


@pytest.mark.parametrize("end", [".npy", ".npz"])
def test_arrays_that_say_they_are_huge_are_not_read(tmp_path: Path, end: str) -> None:
    """The real thing: 8 GB of zeros are 8 MB in a .npz file. Here only the header says so, and nothing may be read for it."""
    file, told = tmp_path / f"a{end}", header_of((121, 5000, 5000, 3))
    if end == ".npy":
        file.write_bytes(told)
    else:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.npy", told + bytes(1000))
    with refuses(key=file.name, value="9.1 GB", remedy="4.3 GB"):
        load_array(file)
    file.write_bytes(header_of((4,), "<f8")) if end == ".npy" else np.savez_compressed(file, a=np.zeros(10**6))
    with refuses(key=file.name, value="array" if end == ".npy" else "0.0 GB"):
        load_arrays(file, largest=1000)


def test_a_clip_is_measured_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.npy").write_bytes(header_of((10**6, 64, 64, 3)))
    with refuses(key="frames", value=1000000, remedy="document 7"):
        read_clip(tmp_path / "a.npy", 7, (64, 64))
    for t in range(3):
        Image.new("RGB", (32, 32)).save(tmp_path / f"{t}.png")
    (tmp_path / "2.png").write_bytes(b"never read")
    with refuses(key="frames", value=3, remedy="document 2"):
        read_clip(tmp_path, 2, (32, 32))
    with refuses(ValueError, key="1026 frames", value="at most 1025", remedy="only its first ones"):
        check_amount(1026, (64, 64))
    with refuses(ValueError, key="1000 frames of 4096 x 4096", value="50.3 GB", remedy="only its first ones"):
        check_amount(1000, (4096, 4096))
    write_mp4(tmp_path / "b.mp4", two_things(0).frames_THWC, 24)
    monkeypatch.setattr(reading, "LARGEST_CLIP", 1000)
    with refuses(key="frames of 96 x 64", value=7):
        video_frames(tmp_path / "b.mp4", None)


def test_an_import_notices_what_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = make_magic(tmp_path / "magicdata"), tmp_path / "set"
    words = ["import-set", str(source), "--out", str(out), "--frames", "6", "--allow-broken", "0.5"]
    assert main(words) == 0
    stamps = {path.name: path.stat().st_mtime_ns for path in out.glob("*.json")}
    masks = source / "masks/0002"
    shutil.rmtree(masks)
    shutil.copytree(source / "masks/0001", masks)
    shutil.rmtree(source / "boxs")
    rewritten(source / "FlashBench.csv", "two things", "three things")
    assert main(words) == 0
    assert (out / "0001.txt").read_text(encoding="utf-8").startswith("three things")
    assert (out / "0001.json").stat().st_mtime_ns > stamps["0001.json"]
    assert [clip.trajectory.objects[0].keyframes[0] for clip in read_set(out).clips[:1]] == [
        clip.trajectory.objects[0].keyframes[0] for clip in read_set(out).clips[1:]
    ]
    stamp = (out / "0002.json").stat().st_mtime_ns
    assert main(words) == 0
    assert (out / "0002.json").stat().st_mtime_ns == stamp
    (source / "videos/0002.mp4").write_bytes(b"damaged")
    assert main(words) == 0
    record = json.loads((out / "set.json").read_text(encoding="utf-8"))
    assert list(record["left_out"]) == ["0002"]
    assert sorted(path.name for path in out.glob("0002*")) == []
    assert main(["check-set", str(out)]) == 0
    rewritten(source / "FlashBench.csv", "0001.mp4", "0002.mp4")
    capsys.readouterr()
    assert main([*words, "--limit", "1"]) == 2
    assert "1 clips that this set does not name, such as 0001; choose another folder" in capsys.readouterr().err


def test_tracks_of_a_set_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = make_move_bench(tmp_path / "movebench"), tmp_path / "set"
    assert main(["import-set", str(source), "--part", "en/multi", "--out", str(out)]) == 0
    words = [f"same={out}", "--set", str(out), "--out", str(tmp_path / "report"), "--limit", "1"]
    assert main(words) == 0
    found = json.loads((tmp_path / "report/results.json").read_text(encoding="utf-8"))
    rows = {row["name"]: row for row in found["rows"]}
    diagonal = float(np.hypot(96, 64))
    assert rows["same"]["endpoint_pixels"] < 3 < rows["static"]["endpoint_pixels"]
    assert rows["same"]["endpoint_error"] == pytest.approx(rows["same"]["endpoint_pixels"] / diagonal)
    assert rows["same"]["lost_points"] == 0
    assert "carried by their object's box" in found["protocols"]["endpoint_error"]
    assert "| endpoint error | endpoint px | lost points |" in capsys.readouterr().out
    with np.load(out / "pexels_1_tracks.npz") as kept:
        arrays = {**kept, "objects_K": kept["objects_K"] + 5}
    np.savez(out / "pexels_1_tracks.npz", **arrays)
    assert main(words) == 2
    assert "objects up to 7, its document 7 and 2" in capsys.readouterr().err
