"""Public layouts of sets: read, checked clip by clip, and made into our form, which the benchmark measures on."""

from __future__ import annotations

import json
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flashmotion_core.benchmark.bench_rows import real
from flashmotion_core.benchmark.clip_set import read_set
from flashmotion_core.cli.bench import main
from flashmotion_core.metrics import box_iou
from flashmotion_core.sets import move_bench
from flashmotion_core.sets.go_through import given_clips, layout_of
from flashmotion_core.sets.point_tracks import read_point_tracks
from flashmotion_core.sets.read_clip import ReadClip, covered
from flashmotion_core.tracking.label_masks import read_label_folder
from flashmotion_core.trajectory import sample, to_cells

from ...support.public_sets import FRAMES, SIZE, make_davis, make_magic, make_move_bench, two_things
from ...support.sentences import refuses


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three layouts."""
    folder = tmp_path_factory.mktemp("public")
    make_magic(folder / "magicdata")
    make_davis(folder / "davis")
    make_move_bench(folder / "movebench")
    return folder


def first(folder: Path, part: str | None = None, frames: int | None = None) -> ReadClip:
    return given_clips(folder, layout_of(folder), part)[0].read(frames)


def as_drawn(clip: ReadClip, *, objects: int = 2) -> None:
    """Assert frames, masks and boxes are those of the world's clip 0, up to the codec."""
    drawn = two_things(0)
    assert clip.frames_THWC is not None
    assert clip.labels_THW is not None
    difference = np.abs(clip.frames_THWC.astype(int) - drawn.frames_THWC)
    assert difference.mean() < 4
    asked = sample(clip.trajectory)
    assert asked.size == SIZE
    assert asked.boxes_TN4.shape == (FRAMES, objects, 4)
    masks_TNHW = np.stack([drawn.owner_THW == n + 1 for n in range(objects)], axis=1)
    for t in range(len(clip.labels_THW)):
        for n in range(objects):
            assert (masks_TNHW[t, n] == (clip.labels_THW[t] == n + 1)).all()


def test_magic_data(public: Path) -> None:
    clips = given_clips(public / "magicdata", "magicdata", None)
    assert [(clip.name, clip.prompt) for clip in clips] == [
        ("0001", "two things, moving"),
        ("0002", "two things, moving"),
    ]
    clip = clips[0].read(None)
    as_drawn(clip)
    assert clip.source == (public / "magicdata/videos/0001.mp4").absolute()
    assert clips[0].read(5).source is None
    assert clips[0].read(5).trajectory.frames == 5
    asked = sample(clip.trajectory)
    rows, columns = np.nonzero(two_things(0).owner_THW[3] == 2)
    box = (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
    assert asked.boxes_TN4[3, 1].tolist() == pytest.approx(box)


def test_davis(public: Path) -> None:
    folder = public / "davis"
    clips = given_clips(folder, layout_of(folder), None)
    assert [clip.name for clip in clips] == ["bear", "bus"]
    as_drawn(clips[0].read(None))
    assert [clip.name for clip in given_clips(folder, "davis", "2016/train")] == ["mono"]
    mono = first(folder, "480p/2016/train")
    assert len(mono.trajectory.objects) == 1
    assert mono.labels_THW is not None
    assert (mono.labels_THW == (two_things(2).owner_THW == 1)).all()
    for part, said in (
        ("2017/test", "no list 2017/test, only 2016/train, 2017/val"),
        ("4k/2017/val", "no list 4k/2017/val"),
    ):
        with refuses(value=said):
            given_clips(folder, "davis", part)


def test_davis_unsupervised_has_its_annotations_elsewhere(public: Path, tmp_path: Path) -> None:
    shutil.copytree(public / "davis", tmp_path / "set")
    (tmp_path / "set/Annotations").rename(tmp_path / "set/Annotations_unsupervised")
    as_drawn(first(tmp_path / "set"))


def test_masks_of_several_files_are_those_of_the_clip_alone_and_in_order(tmp_path: Path) -> None:
    masks = tmp_path / "en" / "first_frame_mask" / "multi"
    masks.mkdir(parents=True)
    for name, row in (("a_2", 1), ("a_10", 2), ("a_b_1", 3)):
        picture = np.zeros((4, 4), np.uint8)
        picture[row] = 255
        Image.fromarray(picture).save(masks / f"{name}.png")
    labels_HW = move_bench._first_labels(tmp_path / "en", "multi", "a", (4, 4))
    assert labels_HW[:, 0].tolist() == [0, 1, 2, 0]


def test_move_bench(public: Path) -> None:
    folder = public / "movebench"
    for part, objects in ((None, 1), ("en/multi", 2)):
        clip = first(folder, part)
        as_drawn(clip, objects=objects)
        assert clip.labels_THW is not None
        assert len(clip.labels_THW) == 1
        assert clip.trajectory.fps == pytest.approx(16)
        assert clip.tracks is not None
        assert clip.tracks.objects_K.tolist() == list(range(objects))
        found, drawn = sample(clip.trajectory), two_things(0)
        centres = drawn.boxes_TN4[:, :objects, :2] + drawn.boxes_TN4[:, :objects, 2:] / 2
        moved = found.boxes_TN4[..., :2] - found.boxes_TN4[0, :, :2]
        assert moved == pytest.approx(centres - centres[0], abs=1e-3)
    assert given_clips(folder, "movebench", None)[0].prompt == "Things move, and the camera does not."
    with refuses(value="no part zh/single", remedy="only en/multi, en/single"):
        given_clips(folder, "movebench", "zh/single")


def test_a_hidden_point_hides_its_object(public: Path, tmp_path: Path) -> None:
    shutil.copytree(public / "movebench", tmp_path / "set")
    file = tmp_path / "set/en/track/single/pexels_1_visibility.npy"
    seen = np.load(file)
    seen[0, 3] = False
    np.save(file, seen)
    assert sample(first(tmp_path / "set").trajectory).visible_TN[:, 0].tolist() == [t != 3 for t in range(FRAMES)]


def test_what_wan_move_leaves_out_is_not_asked_for(public: Path, tmp_path: Path) -> None:
    """Lines that begin with #, and points outside of the picture, as its generate.py does."""
    shutil.copytree(public / "movebench", tmp_path / "set")
    listed = tmp_path / "set/en/single_track.txt"
    listed.write_text(f"# two clips\n{listed.read_text(encoding='utf-8')}", encoding="utf-8")
    file = tmp_path / "set/en/track/single/pexels_1_tracks.npy"
    points = np.load(file)
    points[0, 3] = (SIZE[0], 5)
    np.save(file, points)
    clips = given_clips(tmp_path / "set", "movebench", None)
    assert [clip.name for clip in clips] == ["pexels_1", "pexels_2"]
    tracks = clips[0].read(None).tracks
    assert tracks is not None
    assert tracks.visible_TK[:, 0].tolist() == [t != 3 for t in range(FRAMES)]


def test_tracks_are_scaled_and_cropped_as_pictures_are(public: Path) -> None:
    clip = first(public / "movebench", "en/multi")
    half = covered(clip, (32, 32))
    assert half.tracks is not None
    assert clip.tracks is not None
    assert half.tracks.points_TK2 == pytest.approx((clip.tracks.points_TK2 + 0.5 - (48, 32)) / 2 + 15.5, abs=1e-4)
    assert half.frames_THWC is not None
    assert half.frames_THWC.shape == (FRAMES, 32, 32, 3)
    centre = sample(half.trajectory).boxes_TN4[0, 0]
    assert centre[:2] + centre[2:] / 2 == pytest.approx(
        (sample(clip.trajectory).boxes_TN4[0, 0, :2] + sample(clip.trajectory).boxes_TN4[0, 0, 2:] / 2 - (48, 32)) / 2
        + 16
    )


@pytest.mark.parametrize(
    ("name", "words", "names"),
    [
        ("magicdata", [], ["0001", "0002"]),
        ("davis", [], ["bear", "bus"]),
        ("movebench", ["--part", "en/multi"], ["pexels_1", "pexels_2"]),
        ("davis", ["--size", "64", "48", "--frames", "5"], ["bear", "bus"]),
    ],
)
def test_an_imported_set_is_measured(
    public: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, words: list[str], names: list[str]
) -> None:
    out = tmp_path / "set"
    made = ["import-set", str(public / name), "--out", str(out), *words]
    assert main(made) == 0
    assert "2 clips (2 with 2 objects); documents" in capsys.readouterr().out
    record = json.loads((out / "set.json").read_text(encoding="utf-8"))
    assert record["groups"] == {"2": names}
    assert record["left_out"] == {}
    found = read_set(out)
    assert [clip.name for clip in found.clips] == names
    assert found.checksum == record["documents"]
    size, frames = ((64, 48), 5) if "--size" in words else (SIZE, FRAMES)
    for clip in found.clips:
        assert (clip.trajectory.size, clip.trajectory.frames) == (size, frames)
        assert real(clip).shape == (frames, *size[::-1], 3)
        if name == "movebench":
            tracks = read_point_tracks(out / f"{clip.name}_tracks.npz")
            assert tracks.points_TK2.shape == (FRAMES, 2, 2)
        else:
            assert clip.masks is not None
            labels_THW = read_label_folder(clip.masks)
            assert labels_THW.shape == (frames, *size[::-1])
        shape = clip.trajectory.objects[0].shape
        assert shape is not None
        assert 0.3 < to_cells(shape).mean() < 1
    if not words and name == "davis":
        assert (out / "bear").is_symlink()
        again = (out / "bear.json").stat().st_mtime_ns
        assert main(made) == 0
        assert (out / "bear.json").stat().st_mtime_ns == again
        assert main(["check-set", str(out)]) == 0
        assert "2 of 2 clips are whole, all files as set.json says" in capsys.readouterr().out
        row = [f"same={out}", "--set", str(out), "--out", str(tmp_path / "report"), "--tracker", "template"]
        assert main(row) == 0
        table = json.loads((tmp_path / "report/results.json").read_text(encoding="utf-8"))
        assert table["rows"][0]["box_iou"] > 0.6


MAGIC, MASKS = "magicdata", "masks/0001/annotated_frame_00002.png"
LIST = "path,num_frames\n0001.mp4,99\n0002.mp4,\n"


def paint(path: Path, change: Callable[[np.ndarray], object]) -> None:
    with Image.open(path) as picture:
        values, mode, palette = np.array(picture), picture.mode, picture.getpalette()
    change(values)
    made = Image.fromarray(values, mode=mode) if mode == "P" else Image.fromarray(values)
    if palette:
        made.putpalette(palette)
    made.save(path)


def speckle(values: np.ndarray) -> None:
    values[:2, :2] = 9


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def bomb() -> bytes:
    """A PNG of a few bytes that says it has 10^10 pixels."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)), (b"IDAT", b""), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def pickled(path: Path) -> None:
    np.save(path, np.array([{"a": 1}, None], dtype=object), allow_pickle=True)


BROKEN: list[tuple[str, str, Callable[[Path], object], str, str]] = [
    (MAGIC, "videos/0001.mp4", Path.unlink, "0001", "there is no video 0001.mp4"),
    (MAGIC, "videos/0001.mp4", truncated, "0001", "cut off"),
    (MAGIC, MASKS, Path.unlink, "0001", "its masks are 6 pictures for 7 frames"),
    (MAGIC, MASKS, truncated, "0001", "truncated"),
    (MAGIC, MASKS, lambda path: path.write_bytes(bomb()), "0001", "annotated_frame_00002.png cannot be read as a picture (Image size"),
    (MAGIC, MASKS, lambda path: Image.new("RGB", (8, 8)).save(path), "0001", "8 x 8 pixels, but the video has 96 x 64"),
    (MAGIC, MASKS, lambda path: paint(path, speckle), "0001", "its masks show 3 objects, its boxes 2"),
    (MAGIC, MASKS, lambda path: paint(path, lambda a: np.copyto(a, a[::-1, ::-1].copy())), "0001", "on frame 2, the mask of object"),
    (MAGIC, "FlashBench.csv", lambda path: path.write_text(LIST), "0001", "it has 7 frames, but its list says 99"),
    ("davis", "Annotations/480p/bear/00004.png", Path.unlink, "bear", "1 of 7 frames have no annotation, such as 00004"),
    ("davis", "JPEGImages/480p/bear/00004.jpg", truncated, "bear", "00004.jpg cannot be read"),
    ("davis", "Annotations/480p/bear/00004.png", lambda path: Image.new("L", (8, 8)).save(path), "bear", "size 8 x 8, its picture 96 x 64"),
    ("movebench", "en/track/single/pexels_1_tracks.npy", Path.unlink, "pexels_1", "there is no pexels_1_tracks.npy"),
    ("movebench", "en/track/single/pexels_1_tracks.npy", lambda path: path.write_bytes(b"PK\3\4 cut off"), "pexels_1", "cannot be read as an array"),
    ("movebench", "en/track/single/pexels_1_tracks.npy", pickled, "pexels_1", "holds pickled objects, which can run code"),
    ("movebench", "en/track/single/pexels_1_tracks.npy", lambda path: np.save(path, np.load(path)[:, :5]), "pexels_1", "tracks are [5, 1, 2]"),
    ("movebench", "en/track/single/pexels_1_tracks.npy", lambda path: np.save(path, np.load(path) * np.nan), "pexels_1", "7 visible points that are"),
    ("movebench", "en/first_frame_mask/single/pexels_1.png", lambda path: paint(path, lambda a: a.fill(0)), "pexels_1", "mask of frame 0 is empty"),
    ("movebench", "en/first_frame/pexels_1.jpg", lambda path: Image.new("RGB", (8, 6)).save(path), "pexels_1", "8 x 6 pixels, its video 96 x 64"),
    ("movebench", "en/first_frame_mask/single/pexels_1.png", Path.unlink, "pexels_1", "it has no mask of frame 0"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "file", "spoil", "clip", "fault"), BROKEN)
def test_a_broken_clip_is_named_with_its_fault(
    public: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    file: str,
    spoil: Callable[[Path], object],
    clip: str,
    fault: str,
) -> None:
    shutil.copytree(public / name, tmp_path / "set")
    spoil(tmp_path / "set" / file)
    assert main(["check-set", str(tmp_path / "set")]) == 2
    said = capsys.readouterr()
    named = [line for line in said.out.splitlines() if line.startswith(f"{clip}: ")]
    assert len(named) == 1
    assert fault in named[0]
    assert "1 of 2 clips are broken, more than 1%" in said.err
    assert main(["import-set", str(tmp_path / "set"), "--out", str(tmp_path / "out"), "--allow-broken", "0.5"]) == 0
    record = json.loads((tmp_path / "out/set.json").read_text(encoding="utf-8"))
    assert fault in record["left_out"][clip]
    assert record["clips"] == 1


def test_lists_are_read_as_they_were_written(tmp_path: Path) -> None:
    make_magic(tmp_path)
    prompts = ["one\u2028line", "x" * 200_000]
    rows = ["path,text,num_frames", *(f"000{n + 1}.mp4,{prompt},{FRAMES}" for n, prompt in enumerate(prompts))]
    (tmp_path / "FlashBench.csv").write_text("\n".join(rows), encoding="utf-8")
    assert [clip.prompt for clip in given_clips(tmp_path, "magicdata", None)] == prompts


@pytest.mark.parametrize("name", ["..", "set", ".hidden"])
def test_no_clip_is_named_like_other_files(public: Path, tmp_path: Path, name: str) -> None:
    """Such as "..", which would be written outside of the folder."""
    shutil.copytree(public / "davis", tmp_path / "set")
    (tmp_path / "set/ImageSets/2017/val.txt").write_text(f"bear\n{name}\n", encoding="utf-8")
    with refuses(ValueError, key=str(tmp_path / "set"), value=repr(name), remedy="rename its files"):
        given_clips(tmp_path / "set", "davis", None)


def test_tracks_that_are_no_tracks(tmp_path: Path) -> None:
    file = tmp_path / "a_tracks.npz"
    np.savez(file, points_TK2=np.zeros((7, 1, 2)), visible_TK=np.ones((7, 1), bool), objects_K=np.zeros(1, np.int64))
    content = file.read_bytes()
    np.save(tmp_path / "one.npy", np.zeros(3))
    for spoiled in (content[: len(content) // 2], b"PK\3\4", (tmp_path / "one.npy").read_bytes(), b""):
        file.write_bytes(spoiled)
        with refuses(key="a_tracks.npz", value="cannot be read as tracks"):
            read_point_tracks(file)
    np.savez(file, points_TK2=np.full((7, 1, 2), "x"), visible_TK=np.ones((7, 1), bool), objects_K=np.zeros(1, int))
    with refuses(key="a_tracks.npz", value="<U1, bool, int64"):
        read_point_tracks(file)


@pytest.fixture(scope="module")
def ours(public: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MagicData's clips in our form."""
    out = tmp_path_factory.mktemp("ours") / "set"
    assert (
        main(["import-set", str(public / "magicdata"), "--out", str(out), "--size", "96", "64", "--frames", "6"]) == 0
    )
    return out


def edited(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(json.dumps(values), encoding="utf-8")


def moved(values: dict[str, object]) -> None:
    objects = values["objects"]
    assert isinstance(objects, list)
    for key in objects[0]["keyframes"]:
        key["x"], key["w"], key["h"] = 4.0 if key["x"] > 0.5 else -3.0, 0.1, 0.1


OURS: list[tuple[str, Callable[[Path], object], str]] = [
    ("0001.mp4", truncated, "cut off"),
    ("0001.json", lambda path: edited(path, moved), "of the mask of object 1 on frame 0 is outside its box"),
    ("0001.json", lambda path: edited(path, lambda values: values.update(frames=9)), "it has 6 frames, its document 9"),
    ("0001.json", lambda path: edited(path, lambda values: values.update(size=[128, 64])), "96 x 64 pixels, its document 128 x 64"),
    ("0001.json", lambda path: edited(path, lambda values: values.update(objects=[])), "it has no objects"),
    ("0001.json", lambda path: path.write_text("{", encoding="utf-8"), "0001: "),
    ("0001_masks/00000.png", lambda path: paint(path, lambda a: a.fill(0)), "the mask of object 1 is empty on frame 0"),
    ("0001_masks/00003.png", lambda path: paint(path, lambda a: a.fill(7)), "its masks have the value 7, but there are 2 objects"),
    ("0001_masks/00005.png", Path.unlink, "its masks are [5, 64, 96], its document [6, 64, 96]"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "spoil", "fault"), OURS)
def test_our_form_is_checked_too(
    ours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    file: str,
    spoil: Callable[[Path], object],
    fault: str,
) -> None:
    shutil.copytree(ours, tmp_path / "set")
    spoil(tmp_path / "set" / file)
    assert main(["check-set", str(tmp_path / "set")]) == 2
    said = capsys.readouterr().err
    assert "0001: " in said
    assert fault in said


def test_a_set_that_was_changed_is_noticed(ours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(ours, tmp_path / "set")
    (tmp_path / "set/0002.txt").write_text("another prompt", encoding="utf-8")
    assert main(["check-set", str(tmp_path / "set")]) == 2
    assert "the files have the SHA-256" in capsys.readouterr().err
    assert main(["check-set", str(ours), "--frames", "5", "--limit", "1"]) == 0
    assert main(["check-set", str(ours), "--frames", "9"]) == 2
    assert "it has 6 frames, but 9 are asked for" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["check-set", "nowhere"], ("no folder nowhere", "check the name")),
        (["check-set", "{public}"], ("has neither documents", "JPEGImages")),
        (["check-set", "{public}/magicdata", "--part", "x"], ("the part x", "leave it out")),
        (["check-set", "{public}/davis", "--frames", "1"], ("--frames is 1", "at least 2")),
        (["check-set", "{public}/davis", "--allow-broken", "2"], ("--allow-broken is 2", "from 0 to 1")),
        (["import-set", "{public}/davis"], ("--out", "--help")),
        (["import-set", "{public}/davis", "--out", "x", "--size", "8", "8"], ("--size is 8 8", "from 32")),
        (["import-set", "{public}/davis", "--out", "{public}"], ("not empty", "choose another folder")),
        (["{public}/davis"], ("is a set in the layout davis", "import-set")),
    ],
)
def test_wrong_words_about_sets_are_one_sentence(
    public: Path, capsys: pytest.CaptureFixture[str], words: list[str], parts: tuple[str, ...]
) -> None:
    assert main([word.format(public=public) for word in words]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert all(part in said for part in parts), said


def test_another_set_is_not_mixed_in(ours: Path, public: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import-set", str(public / "davis"), "--out", str(ours)]) == 2
    assert "holds a set made of" in capsys.readouterr().err


def test_help_names_the_layouts(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["import-set", "--help"])
    said = capsys.readouterr().out
    for part in ("MagicData", "en/single_track.txt", "ImageSets", "nothing is fetched", "bench/build_set.py"):
        assert part in said


def test_boxes_around_masks_agree_with_the_world(public: Path) -> None:
    found = sample(first(public / "davis").trajectory).boxes_TN4
    assert box_iou(found, two_things(0).boxes_TN4).min() > 0.7
