"""The shipped configurations: all of them load and are what their names say."""

from __future__ import annotations

from pathlib import Path

import pytest

from train import parallel
from train.config.load import CONFIGS, dump, load, parse
from train.config.method_settings import DmdSettings, HybridSettings, LcmSettings, PhaseSettings, SkipSettings
from train.config.schema import Config
from train.engine.job import accumulation
from train.monitor.console import Console
from train.plan.check import generator_sizes
from train.plan.given_files import given_files
from train.run_folder.run import Run
from train.story import run_phases

ROOT = Path(__file__).resolve().parents[3]

NAMES = sorted(path.relative_to(CONFIGS).with_suffix("").as_posix() for path in CONFIGS.rglob("*.yaml"))
BASELINES = [name for name in NAMES if name.startswith("baselines/")]
GPUS = {"one_24g": (1,), "one_80g": (1,), "h200": (1,), "tiny_gpu": (1,), "h100x8": (8,), "multi_node": (16, 32)}


def stage3(name: str, kind: type[PhaseSettings]) -> PhaseSettings:
    settings = load(name).stage3
    assert type(settings) is kind
    return settings


def student_updates(config: Config) -> int:
    """How often stage 3 changes the adapter."""
    settings = config.stage3
    assert not isinstance(settings, SkipSettings)
    if isinstance(settings, LcmSettings) or (isinstance(settings, HybridSettings) and settings.gan.weight == 0):
        return settings.steps
    wait = settings.gan_warmup if isinstance(settings, HybridSettings) else settings.fake_warmup
    return -(-(settings.steps - wait) // settings.ratio)


def test_all_of_the_machines_and_baselines_are_there() -> None:
    assert set(NAMES) >= {*GPUS, "tiny_cpu", "smoke"}
    assert {name.removeprefix("baselines/") for name in BASELINES} == {
        *("no_stage3", "diffusion_only", "gan_only", "lambda_1", "dmd_on_adapter", "lcm_on_adapter")
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_loads_and_survives_the_run_folder(name: str) -> None:
    import yaml

    config = load(name)
    assert parse(yaml.safe_load(dump(config))) == config
    if not name.startswith("baselines/"):
        assert config.name == name


@pytest.mark.parametrize(("name", "ranks"), [(name, ranks) for name, counts in GPUS.items() for ranks in counts])
def test_batches_can_be_shared_by_the_gpus_that_a_name_promises(name: str, ranks: int) -> None:
    config = load(name)
    phases = [config.stage1, config.stage2, config.stage3]
    if config.models.generator is None:
        phases.append(config.base)
    for phase in phases:
        assert isinstance(phase, PhaseSettings)
        assert accumulation(phase.global_batch, phase.micro_batch, ranks) >= 1


def test_an_adapter_on_the_embedded_generators_needs_two_stages_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    run = Run(load("tiny_adapter"), tmp_path / "run", parallel.start("cpu"), Console.silent())
    assert [phase.name for phase in run_phases(run)] == ["data", "stage1_resnet", "stage3_resnet", "evaluate", "export"]
    assert all(path.exists() for _, path, _ in given_files(run))
    slow, fast = generator_sizes(run)
    assert slow == fast == load("tiny_cpu").models.sizes.config()


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_is_tiny_cpu_with_another_stage_3(name: str) -> None:
    rest = {"stage3"}
    assert load(name).model_dump(exclude=rest) == load("tiny_cpu").model_dump(exclude=rest)


@pytest.mark.parametrize("name", [name for name in BASELINES if name != "baselines/no_stage3"])
def test_a_baseline_updates_the_adapter_as_often(name: str) -> None:
    assert student_updates(load(name)) == student_updates(load("tiny_cpu"))


def test_baselines_are_what_their_names_say() -> None:
    diffusion_only, gan_only, lambda_1 = (
        stage3(f"baselines/{name}", HybridSettings) for name in ("diffusion_only", "gan_only", "lambda_1")
    )
    assert diffusion_only.gan.weight == 0
    assert gan_only.gan.weight > 0
    assert (gan_only.balance.mode, gan_only.balance.options) == ("constant", {"value": 0})
    assert (lambda_1.balance.mode, lambda_1.balance.options) == ("constant", {"value": 1})
    assert stage3("baselines/dmd_on_adapter", DmdSettings).gan is None
    assert stage3("baselines/lcm_on_adapter", LcmSettings).grid > 4
    assert type(load("baselines/no_stage3").stage3) is SkipSettings


def test_there_is_one_lambda() -> None:
    modes = {name: load(name).stage3.balance.mode for name in NAMES if type(load(name).stage3) is HybridSettings}  # type: ignore[union-attr]
    ablations = {"baselines/diffusion_only", "baselines/gan_only", "baselines/lambda_1"}
    assert {mode for name, mode in modes.items() if name not in ablations} == {"linear"}


def test_the_5b_learns_at_rates_of_its_networks() -> None:
    """A ResNet learns ten times as fast as a ControlNet, in stage 3 too; a fresh classifier moves by more than nothing while it is alone."""
    for name in ("one_24g", "one_80g", "h200", "h100x8", "multi_node"):
        config = load(name)
        (adapter,) = config.models.adapters
        tenth = 0.1 if adapter.kind == "controlnet" else 1
        assert isinstance(config.stage3, HybridSettings)
        rates = [settings.scaled(adapter.lr_scale).optim.lr for settings in (config.stage1, config.stage3)]
        assert rates == pytest.approx([1e-4 * tenth, 2e-5 * tenth])
        moved = config.stage3.gan.optim.lr * config.stage3.gan_warmup
        assert moved > 0.03, "the classifier's weights have a deviation of about 0.03"
        assert student_updates(config) == 200
        assert config.evaluate.guidance_scale == 5


def test_the_5b_starts_from_files_and_uses_the_products_schedule() -> None:
    for name in ("one_24g", "one_80g", "h200", "h100x8", "multi_node"):
        config = load(name)
        assert config.models.generator
        assert config.models.vae
        assert config.models.text_encoder
        assert [round(1000 * sigma, 1) for sigma in config.steps.schedule().sigmas] == [1000, 937.5, 833.3, 625]
