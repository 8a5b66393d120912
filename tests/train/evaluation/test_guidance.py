"""Generators of many steps are sampled with their guidance: in the pictures of every stage, and in their rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from train.evaluation.held_out import OWN, ClipSet
from train.evaluation.row_samples import Row, Sampler
from train.evaluation.validation import Validator
from train.run_folder.artifacts import FAST, SLOW, Artifacts

from ...support.encoding import world
from ...support.small_clips import write_clips
from ...support.tiny_run import open_run

SLOW_STEPS = 3


class Counting:
    """Stands where a generator does, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, x_BCFHW: Tensor, *_: Any) -> Tensor:
        self.asked += 1
        return torch.zeros_like(x_BCFHW)


@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_many_steps_are_guided_and_few_are_not(scale: float, tmp_path: Path) -> None:
    changes = {
        "evaluate": {"guidance_scale": scale},
        "logging": {"validation_clips": 1, "validation_steps": SLOW_STEPS},
    }
    run, _ = open_run(tmp_path, **changes)
    folder = write_clips(tmp_path / "data/eval", 2).folder
    artifacts, guided = Artifacts(run), 1 if scale == 1 else 2
    few = len(artifacts.schedule.sigmas)
    for few_steps, expected in ((False, guided * SLOW_STEPS), (True, few)):
        role = Counting()
        sizes = run.config.models.sizes.config()
        Validator(run, artifacts, "stage3_resnet", role, sizes, few_steps=few_steps)(4, None)  # type: ignore[arg-type]
        assert role.asked == expected
    for generator, expected in ((SLOW, guided * few), (FAST, few)):
        role = Counting()

        class Counted(Sampler):
            def _role(self, artifacts: Artifacts, role: Counting = role) -> tuple[Any, int]:
                return role, 8

        row = Row("row", "resnet", SLOW, generator, artifacts.schedule.sigmas)
        Counted(artifacts, row, ClipSet(OWN, None, folder, world())).latents(range(1))
        assert role.asked == expected
