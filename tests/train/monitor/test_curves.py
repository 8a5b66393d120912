"""The picture of a log."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from train.errors import TrainError
from train.monitor.curves import draw_curves, panels_of, smoothed, wants_log_axis

from ...support.sentences import refuses

pytest.importorskip("matplotlib")


def write_log(path: Path, groups: int, steps: int = 60) -> Path:
    rng = np.random.default_rng(0)
    lines = ["step,name,value"]
    for step in range(steps):
        lines += [f"{step},loss_by_sigma/sigma_0.{i},{(1 + i) * math.exp(-step / 20)}" for i in range(10)]
        lines += [f"{step},group{g}/{n},{rng.normal() + g}" for g in range(groups) for n in "ab"]
    path.write_text("\n".join(lines) + "\n")
    return path


def pixels(png: Path) -> np.ndarray:
    with Image.open(png) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_a_picture_grows_with_the_panels(tmp_path: Path) -> None:
    heights = []
    for groups in (2, 3):
        draw_curves(write_log(tmp_path / "log.csv", groups), tmp_path / f"{groups}.png", "stage1")
        picture = pixels(tmp_path / f"{groups}.png")
        assert picture.shape[1] == 1600
        heights.append(picture.shape[0])
        coloured = picture.max(axis=2) - picture.min(axis=2) > 60
        # Each of the three panels in the first row holds lines.
        assert all(part.sum() > 300 for part in np.array_split(coloured[:390], 3, axis=1))
    assert heights == [390, 720]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2.png", "3.png", "log.csv"]


def test_a_value_that_is_not_finite_is_marked(tmp_path: Path) -> None:
    rows = ["step,name,value", *(f"{step},loss/flow,{1 + step}" for step in range(20))]
    counts = []
    for extra in ([], ["20,loss/flow,nan"]):
        (tmp_path / "log.csv").write_text("\n".join(rows + extra) + "\n")
        draw_curves(tmp_path / "log.csv", tmp_path / "curves.png", "stage1")
        picture = pixels(tmp_path / "curves.png")
        counts.append(int(((picture[..., 0] > 180) & (picture[..., 1] < 130) & (picture[..., 2] < 130)).sum()))
    assert counts[0] == 0
    assert counts[1] > 100


def test_one_step_is_a_picture_too(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("step,name,value\n10,loss/flow,0.5\n")
    draw_curves(tmp_path / "log.csv", tmp_path / "curves.png", "stage1")
    picture = pixels(tmp_path / "curves.png")
    assert ((picture.max(axis=2) - picture.min(axis=2)) > 60).sum() > 10


def test_no_values_no_picture(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("step,name,value\n")
    with refuses(TrainError, key="log.csv", value="no values", remedy="train"):
        draw_curves(tmp_path / "log.csv", tmp_path / "curves.png", "stage1")
    assert not (tmp_path / "curves.png").exists()


def test_panels() -> None:
    names = [
        "lr/student",
        "loss_by_sigma/sigma_0.0",
        "loss_by_sigma/sigma_0.5",
        "loss/gan",
        "a/b/sigma_0.1",
        "loss/dmd",
    ]
    assert panels_of(names) == {
        "loss_by_sigma": ["loss_by_sigma/sigma_0.0", "loss_by_sigma/sigma_0.5"],
        "loss": ["loss/gan", "loss/dmd"],
        "lr": ["lr/student"],
        "a/b by sigma": ["a/b/sigma_0.1"],
    }


def test_smoothing_keeps_a_constant_and_skips_a_nan() -> None:
    values = np.full(300, 2.5)
    values[100] = math.nan
    smooth = smoothed(values)
    assert math.isnan(smooth[100])
    np.testing.assert_allclose(np.delete(smooth, 100), 2.5)
    noise = np.random.default_rng(0).normal(size=300)
    assert smoothed(noise)[100:].std() < 0.5 * noise.std()


def test_which_panels_have_a_log_axis() -> None:
    wide, narrow = np.array([0.1, 1.0, math.nan]), np.array([0.5, 1.0])
    assert wants_log_axis(["loss/flow"], wide)
    assert not wants_log_axis(["loss/flow"], narrow)
    assert not wants_log_axis(["loss/gan"], -wide)
    assert not wants_log_axis(["motion/student"], wide)
