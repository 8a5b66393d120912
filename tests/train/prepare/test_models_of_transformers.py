"""Detectors, SAM 2 and a captioner: the real classes with tiny random weights, loaded from folders as a maker's are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.support.filmed import film
from tests.support.sentences import names
from tests.support.tiny_transformers import save_blip, save_grounding_dino, save_owlv2, save_sam2
from train.errors import TrainError
from train.prepare import detectors
from train.prepare.captions import NEW_TOKENS, Captioner
from train.prepare.detectors import WordDetector, distinct
from train.prepare.finder import make_finder
from train.prepare.sam2 import Sam2Tracker
from train.prepare.weights_folder import check_folder

WORDS = ("a dog", "a cat")
FRAMES, _ = film(((10.0, 12.0, 24.0, 28.0, 5.0, 0.5),), frames=5)


@pytest.mark.parametrize("save", [save_owlv2, save_grounding_dino])
def test_a_detector_names_and_places_things_in_the_picture(
    save: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detectors, "SURE", 0.0)  # random weights are sure of nothing
    folder = str(save(tmp_path / "model"))  # type: ignore[operator]
    boxes, said = WordDetector(folder, WORDS, "cpu").detect(FRAMES[0])
    assert len(boxes) == len(said) > 1
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= [160, 96]).all()
    assert any(word in said for word in WORDS) or "dog" in "".join(said)


def test_the_surer_of_two_boxes_for_one_thing_stays() -> None:
    corners = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 400, 90], [5, 5, 5.5, 9]], dtype=np.float64)
    boxes, said = distinct(
        corners, np.array([0.5, 0.9, 0.3, 0.99], np.float32), ["one", "two", "three", "thin"], (100, 100)
    )
    assert said == ("two", "three")
    assert boxes.tolist() == [[1, 0, 10, 10], [50, 50, 50, 40]]


def test_sam2_gives_boxes_and_masks_on_every_frame(tmp_path: Path) -> None:
    tracker = Sam2Tracker(str(save_sam2(tmp_path / "sam2")), "cpu")
    boxes = np.array([[10.0, 12, 24, 28], [100, 40, 30, 30]])
    found = tracker.follow(FRAMES, boxes)
    assert found.boxes_TN4.shape == (5, 2, 4)
    assert found.labels_THW.shape == (5, 96, 160)
    assert set(np.unique(found.labels_THW)) <= {0, 1, 2}
    # The prompt counts, and the same one gives the same.
    again, other = tracker.follow(FRAMES, boxes), tracker.follow(FRAMES, boxes[::-1] + 20)
    assert np.array_equal(found.labels_THW, again.labels_THW)
    assert not np.array_equal(found.labels_THW, other.labels_THW)
    assert tracker.follow(FRAMES, np.zeros((0, 4))).boxes_TN4.shape == (5, 0, 4)


def test_detector_and_sam2_together_find_and_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detectors, "SURE", 0.0)
    folders = str(save_owlv2(tmp_path / "owl")), str(save_sam2(tmp_path / "sam2"))
    finder = make_finder(folders[0], WORDS, folders[1], "cpu")
    found = finder.find(FRAMES, FRAMES[:0])
    assert len(found.names) == found.boxes_TN4.shape[1] > 0
    assert set(found.names) <= set(WORDS)
    # Other weights are another result.
    settings = finder.settings()
    (Path(folders[1]) / "config.json").write_text((Path(folders[1]) / "config.json").read_text() + "\n")
    assert make_finder(folders[0], WORDS, folders[1], "cpu").settings() != settings


def test_a_captioner_says_something_about_a_clip(tmp_path: Path) -> None:
    folder = str(save_blip(tmp_path / "blip"))
    said = Captioner(folder, "cpu").describe(FRAMES)
    assert said == Captioner(folder, "cpu").describe(FRAMES)
    assert 0 < len(said.split()) <= NEW_TOKENS + 1


def test_a_folder_that_is_no_such_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainError) as missing:
        check_folder("data.prepare.tracker", str(tmp_path))
    names(str(missing.value), key="data.prepare.tracker", value=str(tmp_path), remedy="give the folder of a model")
    blip = str(save_blip(tmp_path / "blip"))
    with pytest.raises(TrainError) as other:
        WordDetector(blip, WORDS, "cpu")
    names(str(other.value), key="data.prepare.detector", value=blip, remedy="give another folder")


def test_weights_that_would_be_unpickled_are_refused(tmp_path: Path) -> None:
    folder = save_sam2(tmp_path / "sam2")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(TrainError) as pickled:
        Sam2Tracker(str(folder), "cpu")
    names(str(pickled.value), key="data.prepare.tracker", value="safetensors", remedy="give another folder")
