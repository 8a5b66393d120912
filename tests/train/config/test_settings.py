"""Every setting has a reason: a shipped configuration sets it, docs/training.md names it, or a line here says why it stays."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from train.config.load import CONFIGS
from train.config.schema import Config

ROOT = Path(__file__).resolve().parents[3]
MOST = 180
"""Of these, 10 are what is looked for in videos and MagicData's rules for clips (data.prepare)."""
REASONS = {
    r".*\.?seed": "repeats a run with other random numbers",
    r"codec\.lr": "the remedy that a diverged codec names",
    r".*\.(warmup|lr|betas)": "one optimizer: the same keys for each, as a health sentence may name them",
    r".*\.sigmas\.(low|high|shift)": "one law of noise levels: the same keys in each phase",
    r".*\.gan\.(weight|width|heads|r1_weight)": "one discriminator: the same keys in each phase; health recommends r1_weight",
    r"base\.masks_first": "as in stage 1",
    r"stage1\.adapter_dropout": "as in the base",
    r"stage[23]\.method": "names the method, whose own settings follow",
    r"stage[23]\.lora\.(rank|alpha)": "size of a LoRA",
    r"stage3\.(canary\.every|canary\.teacher_steps|fake_warmup|grid)": "of the baselines, which share their method with stage 2",
    r"stage3\.balance\.options": "the numbers of a lambda schedule",
    r"data\.opacity": "how a control map looks; the file keeps it",
    r"data\.(train|evaluation)\.skip_bad": "the remedy that a folder with bad clips names",
    r"models\.adapters\.(start|slow|lr_scale)": "continuing an adapter, and a ControlNet's learning rate",
    r"evaluate\.(guidance_scale|batch|features|compute_every|sets\.stream|sets\.seed)": "what is measured, by evaluate_run",
    r"validation\.(best|patience|export_best)": "what a validation decides; its lines in the console name them",
    r"checkpoints\.keep": "how many checkpoints a disk can hold",
}


def leaves(model: type[BaseModel], above: str = "") -> Iterator[str]:
    """Dotted names of all settings; those of variants (`stage3`) under one name."""
    for name, field in model.model_fields.items():
        inner = list(models(field.annotation))
        for one in inner:
            yield from leaves(one, f"{above}{name}.")
        if not inner:
            yield above + name


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from models(part)


def turned(values: Any, above: str = "") -> Iterator[str]:
    """Dotted names of what a configuration's file sets."""
    for name, value in values.items():
        inner = value if isinstance(value, list) else [value]
        if inner and all(isinstance(one, dict) for one in inner):
            for one in inner:
                yield from turned(one, f"{above}{name}.")
        else:
            yield above + name


def test_every_setting_has_a_user_or_a_reason() -> None:
    known = set(leaves(Config))
    used = {key for file in CONFIGS.rglob("*.yaml") for key in turned(yaml.safe_load(file.read_text("utf-8")) or {})}
    documents = "".join(file.read_text(encoding="utf-8") for file in sorted((ROOT / "docs").glob("*.md")))
    left = [key for key in sorted(known - used) if not re.search(rf"\b{re.escape(key)}\b", documents)]
    without = [key for key in left if not any(re.fullmatch(reason, key) for reason in REASONS)]
    assert not without, "no configuration turns these settings and nothing says why they are there"
    idle = [reason for reason in REASONS if not any(re.fullmatch(reason, key) for key in left)]
    assert not idle, "reasons that no setting needs any more"


def count(value: Any) -> int:
    """Leaves of a resolved configuration."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    settings = [one for one in inner if isinstance(value, dict) or isinstance(one, dict)]
    return sum(map(count, settings)) if settings else 1


def test_there_are_not_too_many() -> None:
    assert count(Config(name="default").model_dump()) <= MOST
