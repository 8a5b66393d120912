"""Control on real clips: counterfactual motions, endpoint errors, and the evaluation of a run of videos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flashmotion_core.benchmark.counterfactual import LEAST, counterfactual
from flashmotion_core.trajectory import Keyframe, TrackedObject, Trajectory, dumps, sample
from train.errors import TrainError
from train.evaluation.control_measures import control_of, endpoint_errors_of
from train.evaluation.evaluate import evaluate
from train.evaluation.row_samples import Sampler
from train.evaluation.video_trackers import VideoTracker, load_tracker

from ...support.filmed import film, write_film
from ...support.sentences import refuses
from ...support.tiny_run import open_run, trained_run

SIZE, FRAMES = (96, 64), 9


def document(*objects: tuple[float, float, float, float, float, float], frames: int = FRAMES) -> Trajectory:
    """Objects (x, y, w, h) in pixels on frame 0, and (dx, dy) per frame."""
    width, height = SIZE
    found = []
    for n, (x, y, w, h, dx, dy) in enumerate(objects):
        x, y = x + w / 2, y + h / 2
        ends = [(t, x + dx * t, y + dy * t) for t in (0, frames - 1)]
        keys = tuple(Keyframe(t, cx / width, cy / height, w / width, h / height) for t, cx, cy in ends)
        found.append(TrackedObject(f"o{n}", keys, label=f"thing {n}"))
    return Trajectory(SIZE, frames, tuple(found), 10.0)


def test_a_counterfactual_begins_alike_and_goes_elsewhere() -> None:
    asked = document((36, 20, 20, 20, 2.0, 1.0), (10, 30, 16, 16, 0.0, 0.0))
    other = counterfactual(asked)
    a, b = sample(asked), sample(other)
    assert np.allclose(a.boxes_TN4[0], b.boxes_TN4[0])
    assert np.allclose(a.boxes_TN4[..., 2:], b.boxes_TN4[..., 2:])
    moved_TN2 = b.boxes_TN4[..., :2] - b.boxes_TN4[:1, :, :2]
    reach_N = np.hypot(moved_TN2[..., 0], moved_TN2[..., 1]).max(axis=0)
    assert (reach_N >= LEAST * np.hypot(*SIZE) - 1e-6).all()
    assert (b.boxes_TN4[..., :2] >= -1e-6).all()
    assert (b.boxes_TN4[..., :2] + b.boxes_TN4[..., 2:] <= np.array(SIZE) + 1e-6).all()
    first = a.boxes_TN4[:, 0, :2] - a.boxes_TN4[0, 0, :2]
    assert np.allclose((first * moved_TN2[:, 0]).sum(axis=1)[1:] < 1e-9, True)  # backwards, or to the side


def test_a_counterfactual_turns_the_whole_path_and_leaves_what_is_hidden() -> None:
    keys = (
        Keyframe(0, 0.5, 0.5, 0.2, 0.2, "ease-in"),
        Keyframe(4, 0.6, 0.5, 0.2, 0.2),
        Keyframe(8, 0.6, 0.6, 0.4, 0.2),
    )
    curved = TrackedObject("a", keys, path="smooth", hidden=((3, 4),))
    hidden = TrackedObject("b", keys, hidden=((0, 2),))
    asked = Trajectory(SIZE, FRAMES, (curved, hidden), 10.0)
    other = counterfactual(asked)
    a, b = sample(asked), sample(other)
    assert other.objects[1] == hidden
    assert np.array_equal(a.visible_TN, b.visible_TN)
    before, after = (boxes[:, 0, :2] + boxes[:, 0, 2:] / 2 for boxes in (a.boxes_TN4, b.boxes_TN4))
    lengths = [np.hypot(*(path - path[0]).T) for path in (before, after)]
    ratio = lengths[1][1:] / lengths[0][1:]
    assert np.allclose(ratio, ratio[0])  # the same path, turned and scaled


def test_an_object_that_fills_the_frame_stays_where_it_is() -> None:
    full = document((0, 0, 96, 64, 0.0, 0.0))
    assert np.allclose(sample(counterfactual(full)).boxes_TN4, sample(full).boxes_TN4)


def test_where_an_object_ends() -> None:
    asked = sample(document((10, 20, 20, 20, 4.0, 0.0)))
    counts = np.ones((FRAMES, 1), dtype=bool)
    counts[0] = False
    diagonal = float(np.hypot(*SIZE))
    found = asked.boxes_TN4.copy()
    found[-1, 0, 0] += 5
    assert endpoint_errors_of(found, asked.boxes_TN4, counts, SIZE) == pytest.approx([5 / diagonal])
    found[5:] = np.nan  # lost: it ends where it was last seen, four frames before
    assert endpoint_errors_of(found, asked.boxes_TN4, counts, SIZE) == pytest.approx([16 / diagonal])
    found[:] = np.nan
    assert endpoint_errors_of(found, asked.boxes_TN4, counts, SIZE) == pytest.approx([32 / diagonal])
    assert np.isnan(endpoint_errors_of(found, asked.boxes_TN4, counts & False, SIZE)).all()


def test_real_objects_are_followed_and_still_ones_found_where_they_are() -> None:
    pytest.importorskip("cv2")
    frames, boxes_TN4 = film(((10.0, 20.0, 24.0, 24.0, 4.0, 0.0),), frames=FRAMES, size=SIZE)
    asked = document((10, 20, 24, 24, 4.0, 0.0))
    assert np.allclose(sample(asked).boxes_TN4, boxes_TN4)
    tracker = load_tracker(VideoTracker(None, "cpu"))
    real, still = (control_of(one, asked, tracker) for one in (frames, frames[:1].repeat(FRAMES, axis=0)))
    assert real["box_iou"] is not None
    assert real["box_iou"] > 0.9
    assert real["endpoint_error"] == pytest.approx(0, abs=0.02)
    # Frame 0 is not lost: it overlaps as much as the boxes of the first and the later frames do.
    assert still["lost"] == 0
    assert still["endpoint_error"] == pytest.approx(32 / np.hypot(*SIZE), abs=0.02)
    assert 0.1 < float(still["box_iou"] or 0) < 0.5
    assert control_of(frames, counterfactual(asked), tracker)["box_iou"] < real["box_iou"] - 0.5  # type: ignore[operator]


def test_a_tracker_that_is_missing_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "cv2", None)
    load_tracker.cache_clear()
    with refuses(TrainError, key="box IoU on videos", value="cv2", remedy="install opencv"):
        load_tracker(VideoTracker(None, "cpu"))


MODELS: dict[str, Any] = {
    "sizes": {"dim": 128, "ffn_dim": 192, "num_heads": 1, "num_layers": 2, "text_dim": 32},
    "adapters": [{"kind": "resnet", "width": 32}],
}


def settings(videos: Path, **prepare: Any) -> dict[str, Any]:
    source = {"kind": "videos", "folder": str(videos)}
    data = {"size": list(SIZE), "frames": FRAMES, "fps": 10, "train": source, "evaluation": source, "workers": 0}
    own = {"prepare": prepare or None}
    return {"data": {**data, **own}, "models": MODELS, "evaluate": {"clips": 3, "slow_steps": 2, "workers": 0}}


def write_clip(folder: Path, name: str, x: float, dx: float) -> None:
    frames, _ = film(((x, 20.0, 24.0, 24.0, dx, 0.0),), frames=FRAMES, size=SIZE)
    write_film(folder / f"{name}.mp4", frames)
    (folder / f"{name}.json").write_text(dumps(document((x, 20, 24, 24, dx, 0.0))))


@pytest.mark.slow
def test_a_run_of_videos_is_measured_clip_by_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cv2")
    videos = tmp_path / "videos"
    videos.mkdir()
    for name, x, dx in (("a", 10.0, 4.0), ("c", 60.0, -4.0)):
        write_clip(videos, name, x, dx)
    run = trained_run(tmp_path / "run", **settings(videos))
    evaluate(run)
    found = {row["name"]: row for row in json.loads((run.folder / "report/metrics.json").read_text())["rows"]}
    assert found["real"]["box_iou"] > 0.9
    assert found["static"]["box_iou"] < 0.5
    assert found["paste"]["box_iou"] > 0.8
    assert found["counterfactual_real"]["box_iou"] < 0.5
    assert found["counterfactual"]["psnr"] is None
    for row in found.values():
        assert row["clips"] == 2
        assert row["frechet"] is row["mask_iou"] is None
        assert row["box_iou_low"] <= row["box_iou"] <= row["box_iou_high"]

    # A further clip, between the two, is measured alone; of another's boxes only those change that follow it.
    write_clip(videos, "b", 30.0, 3.0)
    sampled = dict[str, list[int]]()
    inner = Sampler.latents

    def latents(sampler: Sampler, indices: Any) -> Any:
        sampled.setdefault(sampler.row.name, []).extend(sampler.clips.numbers[index] for index in indices)
        return inner(sampler, indices)

    monkeypatch.setattr(Sampler, "latents", latents)
    again = trained_run(tmp_path / "again", **settings(videos))
    for part in ("models", "phases/evaluate"):
        _replace(again.folder / part, run.folder / part)
    again, said = open_run(again.folder, **settings(videos))
    evaluate(again)
    text = said.getvalue()
    assert "evaluate: real: 2 of 3 clips were already measured." in text
    assert "evaluate: counterfactual_static: 1 of 3 clips were already measured." in text  # whose pictures show a and b
    assert set(sampled) == {
        "slow_adapter",
        "slow_adapter_few",
        "slow_adapter_on_fast",
        "flashmotion",
        "random_trajectory",
        "counterfactual",
    }
    rows = {row["name"]: row for row in json.loads((again.folder / "report/metrics.json").read_text())["rows"]}
    assert {row["clips"] for row in rows.values()} == {3}
    _, third = open_run(again.folder, **settings(videos))
    run, third = open_run(again.folder, **settings(videos))
    sampled.clear()
    evaluate(run)
    assert sampled == {}
    assert third.getvalue().count("was already measured") == 12


def _replace(target: Path, source: Path) -> None:
    import shutil

    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)


@pytest.mark.slow
def test_sam2_measures_where_it_is_given(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from ...support.tiny_transformers import save_sam2

    frames, _ = film(((10.0, 20.0, 24.0, 24.0, 4.0, 0.0),), frames=5, size=SIZE)
    asked = document((10, 20, 24, 24, 4.0, 0.0), (60, 20, 10, 10, 0.0, 0.0), frames=5)
    hidden = Trajectory(SIZE, 5, (asked.objects[0], TrackedObject("h", asked.objects[1].keyframes, hidden=((0, 0),))))
    which = VideoTracker(str(save_sam2(tmp_path / "sam2")), "cpu")
    tracker = load_tracker(which)
    assert "SAM 2" in tracker.protocol
    found = tracker(frames, np.array([[10.0, 20.0, 24.0, 24.0], [np.nan] * 4]))
    assert found.boxes_TN4.shape == (5, 2, 4)
    assert np.isnan(found.boxes_TN4[:, 1]).all()
    scores = control_of(frames, hidden, tracker)
    assert scores["box_iou"] is not None
    assert which.mark != VideoTracker(None, "cpu").mark
