"""Reading a configuration: files, overrides and fingerprints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from pydantic import BaseModel, ValidationError

from train.config.data_settings import Part, Synthetic, Videos
from train.config.load import CONFIGS, dump, load, parse
from train.config.method_settings import DmdSettings, HybridSettings, LcmSettings, PhaseSettings, SkipSettings
from train.config.schema import Config
from train.files import digest
from train.monitor.console import Console
from train.parallel import World
from train.run_folder.phase_digest import BOOKKEEPING, phase_digest
from train.run_folder.run import Run

FILES = sorted(file.relative_to(CONFIGS).with_suffix("").as_posix() for file in CONFIGS.rglob("*.yaml"))


def written(folder: Path, name: str, text: str) -> str:
    """The path of a YAML file with this text."""
    path = folder / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


# Files


@pytest.mark.parametrize("name", FILES)
def test_every_file_loads_and_comes_back_from_its_dump(name: str, tmp_path: Path) -> None:
    config = load(name)
    assert load(written(tmp_path, "resolved", dump(config))) == config
    assert name.startswith("baselines/") or config.name == name
    assert yaml.safe_load(dump(config)).keys() == Config.model_fields.keys()


def test_tiny_cpu_is_there() -> None:
    assert "tiny_cpu" in FILES


def test_a_file_changes_single_settings_of_the_one_that_it_extends(tmp_path: Path) -> None:
    written(tmp_path, "base", "name: base\nseed: 3\nstage1: {steps: 50, optim: {lr: 1e-3, warmup: 7}}\n")
    mine = written(
        tmp_path, "sub/mine", "extends: ../base.yaml\nname: mine\nstage1: {optim: {lr: 0.5, betas: [0.5, 0.9]}}\n"
    )
    config = load(mine)
    assert (config.name, config.seed, config.stage1.steps) == ("mine", 3, 50)
    optim = config.stage1.optim
    assert (optim.lr, optim.warmup, optim.betas) == (0.5, 7, (0.5, 0.9))
    assert load(written(tmp_path, "third", "extends: tiny_cpu\nname: third\n")).stage1 == load("tiny_cpu").stage1


def test_another_method_replaces_the_settings_of_the_first(tmp_path: Path) -> None:
    changed = load(written(tmp_path, "mine", "extends: tiny_cpu\nstage3: {method: lcm, steps: 9}\n")).stage3
    assert isinstance(changed, LcmSettings)
    assert changed == LcmSettings(steps=9)
    same = load(written(tmp_path, "same", "extends: tiny_cpu\nstage3: {method: hybrid, steps: 10}\n")).stage3
    before = load("tiny_cpu").stage3
    assert isinstance(same, HybridSettings)
    assert isinstance(before, HybridSettings)
    assert same == before.model_copy(update={"steps": 10})
    videos = load(written(tmp_path, "v", "extends: tiny_cpu\ndata: {train: {kind: videos, folder: /clips}}\n")).data
    assert videos.train == Videos(folder="/clips")


# Overrides


def test_overrides_are_yaml_under_dotted_keys() -> None:
    config = load(
        "tiny_cpu",
        [
            "stage1.optim.lr=1e-4",
            "stage1.optim.betas=[0.8, 9.9E-1]",
            "data.size=[64,96]",
            "stage2.gan={weight: 5e-1}",
            "models.vae=/some/vae=1.safetensors",
            "data.thickness=null",
            "memory.checkpointing=true",
            "name=again",
            "stage1.steps=1e4",
        ],
    )
    assert config.stage1.optim.lr == 1e-4
    assert config.stage1.optim.betas == (0.8, 0.99)
    assert config.data.size == (64, 96)
    assert config.stage2.gan is not None
    assert config.stage2.gan.weight == 0.5
    assert config.models.vae == "/some/vae=1.safetensors"
    assert config.data.thickness is None
    assert config.memory.checkpointing is True
    assert config.name == "again"
    assert config.stage1.steps == 10_000
    assert config.stage1.sigmas == load("tiny_cpu").stage1.sigmas


def test_a_later_override_wins_and_a_method_makes_room() -> None:
    assert load("tiny_cpu", ["seed=1", "seed=2"]).seed == 2
    config = load("tiny_cpu", ["stage3.method=dmd", "stage3.ratio=3", "data.train.kind=videos", "data.train.folder=/x"])
    assert config.stage3 == DmdSettings(ratio=3)
    assert config.data.train == Videos(folder="/x")
    assert load("tiny_cpu", ["stage3.method=none"]).stage3 == SkipSettings()
    assert load("tiny_cpu", ["stage3.method=hybrid"]) == load("tiny_cpu")


def test_a_makers_videos_are_measured_on_a_part_of_them(tmp_path: Path) -> None:
    """A configuration of the synthetic world would measure there, and say nothing of the videos."""
    own = "data.train.folder=/x"
    assert load("tiny_adapter", [own]).data.evaluation == Part()
    assert load("tiny_adapter", ["data.train={kind: videos, folder: /x}"]).data.evaluation == Part()
    assert load("one_24g", [own, "data.evaluation.share=0.2"]).data.evaluation == Part(share=0.2)
    for kept in ("data.evaluation.count=5", "data.prepare=null", "data.evaluation={kind: synthetic, count: 16}"):
        assert isinstance(load("tiny_adapter", [own, kept]).data.evaluation, Synthetic)
    (tmp_path / "mine.yaml").write_text("name: mine\nextends: tiny_adapter\ndata: {train: {kind: videos, folder: /x}}")
    assert load(str(tmp_path / "mine.yaml")).data.evaluation == Part()


def test_settings_cannot_be_changed_later() -> None:
    config = load("tiny_cpu")
    with pytest.raises(ValidationError) as caught:
        config.seed = 5  # type: ignore[misc]
    assert [error["type"] for error in caught.value.errors()] == ["frozen_instance"]


# Fingerprints


def fingerprint(*overrides: str) -> str:
    run = Run(load("tiny_cpu", overrides), Path("unused"), World(0, 1, 0, torch.device("cpu")), Console.silent())
    return phase_digest(run, "stage1", run.config.stage1, "data")


@pytest.mark.parametrize(
    "override",
    [
        "stage1.steps=7",
        "stage1.optim.lr=7e-4",
        "stage1.sigmas.shift=7",
        "stage1.global_batch=32",
        "conditioning.mask_share=0.7",
        "memory.optimizer=adamw8bit",
        "seed=7",
        "precision=bf16",
    ],
)
def test_what_changes_the_result_changes_the_fingerprint(override: str) -> None:
    assert fingerprint(override) != fingerprint()


BOOKKEPT: dict[str, Any] = {
    "share": 0.5,
    "validate_every": 7,
    "micro_batch": 1,
}


def test_bookkeeping_does_not() -> None:
    assert BOOKKEPT.keys() == BOOKKEEPING
    assert PhaseSettings.model_fields.keys() >= BOOKKEEPING
    for name, value in BOOKKEPT.items():
        override = f"stage1.{name}={value}"
        assert getattr(load("tiny_cpu", [override]).stage1, name) != getattr(load("tiny_cpu").stage1, name)
        assert fingerprint(override) == fingerprint(), name
    assert (
        fingerprint(
            "stage2.steps=7",
            "name=other",
            "checkpoints={every: 400, keep: 7}",
            "logging={every: 5, wandb: true}",
            "memory.checkpointing=true",
        )
        == fingerprint()
    )


def test_a_resolved_configuration_holds_every_default() -> None:
    def missing(settings: BaseModel, values: dict[str, Any]) -> list[str]:
        absent = [name for name in type(settings).model_fields if name not in values]
        inner = [(value, values.get(name)) for name, value in settings if isinstance(value, BaseModel)]
        return absent + [name for one, own in inner for name in missing(one, own or {})]

    config = load("tiny_cpu")
    assert missing(config, yaml.safe_load(dump(config))) == []


def test_a_digest_depends_on_all_its_parts() -> None:
    config = load("tiny_cpu")
    assert digest(config, "a", 1) == digest(parse(config.model_dump()), "a", 1)
    assert len({digest(), digest("a"), digest("a", 1), digest("a", 2), digest(config.data), digest(config.models)}) == 6
