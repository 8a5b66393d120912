"""What a validation in training measures, of the synthetic world and of videos, and that it leaves no trace."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from train.data.encoded import EncodedClips
from train.engine.roles import Denoiser, Role
from train.errors import TrainError
from train.evaluation.validation import LOGGED, Validator, means_of
from train.monitor.run_log import Tracker
from train.run_folder.artifacts import FAST, Artifacts
from train.run_folder.run import Run

from ...support.sentences import refuses
from ...support.tiny_run import trained_run
from .test_control import MODELS, settings, write_clip

pytestmark = pytest.mark.slow


def student(artifacts: Artifacts, adapts: bool) -> Role:
    file = artifacts.fast
    adapter = artifacts.builder.adapter(artifacts.adapter(FAST, "resnet"), file.sizes, trained=True) if adapts else None
    return artifacts.builder.role(Denoiser(artifacts.builder.generator(file.sizes, file.weights), adapter))


def validated(run: Run, role: Role, step: int = 5) -> dict[str, float]:
    artifacts = Artifacts(run)
    validator = Validator(run, artifacts, "stage3_resnet", role, artifacts.fast.sizes, few_steps=True)
    tracker = Tracker(run.phase_folder("stage3_resnet"), resume_step=0)
    try:
        return validator(step, tracker)
    finally:
        tracker.close()


@pytest.fixture
def on_videos(tmp_path: Path) -> Run:
    pytest.importorskip("cv2")
    (tmp_path / "videos").mkdir()
    write_clip(tmp_path / "videos", "a", 10.0, 4.0)
    write_clip(tmp_path / "videos", "b", 60.0, -4.0)
    return trained_run(tmp_path / "run", **settings(tmp_path / "videos"))


def test_clips_of_the_world_are_measured_and_nothing_else_changes(tmp_path: Path) -> None:
    run = trained_run(tmp_path, models=MODELS)
    role = student(Artifacts(run), adapts=True)
    weights = {key: value.detach().clone() for key, value in role.network.state_dict().items()}
    torch.manual_seed(3)
    before: list[Any] = [torch.get_rng_state(), np.random.get_state()[1], random.getstate()]
    found = validated(run, role)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert random.getstate() == before[2]
    assert all(torch.equal(value, weights[key]) for key, value in role.network.state_dict().items())
    assert not any(parameter.grad is not None for parameter in role.network.parameters())
    assert list(found) == [name for name in LOGGED if name in found]
    assert {"score", "box_iou", "lost", "sharpness", "motion"} <= set(found)
    assert found == validated(run, role)  # the same clips and noise
    with Image.open(run.phase_folder("stage3_resnet") / "validation/step_000005.png") as picture:
        assert picture.width > 6 * 64
        assert picture.height > 2 * 3 * 64  # two clips, three rows each


def test_clips_of_videos_are_measured(on_videos: Run) -> None:
    found = validated(on_videos, student(Artifacts(on_videos), adapts=True))
    assert 0 <= found["box_iou"] <= 1
    assert 0 <= found["score"] <= found["box_iou"]


def test_a_generator_alone_follows_nothing(on_videos: Run) -> None:
    assert set(validated(on_videos, student(Artifacts(on_videos), adapts=False))) == {"sharpness", "motion"}


def test_what_cannot_be_measured_is_said_once_all_is_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where weights are sharded, the other ranks wait for the main one in every sample."""
    run = trained_run(tmp_path, models=MODELS)
    role = student(Artifacts(run), adapts=True)
    sampled: list[int] = []

    def counted(self: Validator, clips: EncodedClips, index: int) -> torch.Tensor:
        sampled.append(index)
        return latent_of(self, clips, index)

    def unreadable(*_: object) -> None:
        raise TrainError("the held-out clip cannot be read")

    latent_of = Validator._latent
    monkeypatch.setattr(Validator, "_latent", counted)
    with monkeypatch.context() as broken:
        broken.setattr(Validator, "_clip", unreadable)
        with refuses(TrainError, value="cannot be read"):
            validated(run, role)
    assert sampled == [0, 1]
    # So has a picture that cannot be written: what the main rank alone sees is told to all.
    with monkeypatch.context() as broken:
        told: list[str | None] = []
        broken.setattr("train.parallel.first_problem", lambda world, problem: told.append(problem) or problem)
        (run.phase_folder("stage3_resnet") / "validation").write_text("in the way", encoding="utf-8")
        with pytest.raises(OSError, match="validation"):
            validated(run, role)
    assert sampled == [0, 1, 0, 1]
    assert "validation" in str(told[-1])
    (run.phase_folder("stage3_resnet") / "validation").unlink()
    with torch.no_grad():
        next(role.adapter.parameters()).fill_(float("nan"))
    assert validated(run, role) == {}
    assert sampled == [0, 1] * 3


def test_the_score_is_that_of_each_clip() -> None:
    found = means_of(
        [{"box_iou": 0.8, "sharpness": 0.5}, {"box_iou": 0.4, "sharpness": 1.5}, {"box_iou": None, "sharpness": 1.0}]
    )
    assert found == {"score": pytest.approx(0.4), "box_iou": pytest.approx(0.6), "sharpness": pytest.approx(1.0)}
