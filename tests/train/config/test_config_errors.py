"""Sentences for what is wrong with a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from train.config.load import CONFIGS, load
from train.errors import TrainError

FILES = sorted(file.relative_to(CONFIGS).with_suffix("").as_posix() for file in CONFIGS.rglob("*.yaml"))


def sentence(*overrides: str, name: str = "tiny_cpu") -> str:
    """What is said about a configuration that cannot be used."""
    with pytest.raises(TrainError) as caught:
        load(name, overrides)
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text


def test_a_missing_file_is_named_with_the_nearest_one() -> None:
    said = sentence(name="tiny_cqu")
    assert said.startswith("there is no readable configuration 'tiny_cqu' (did you mean tiny_cpu?); known are ")
    assert all(name in said for name in FILES)
    assert "nowhere/mine.yaml" in sentence(name="nowhere/mine.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", r"mine.yaml holds NoneType, but a mapping"),
        ("[1, 2]", r"mine.yaml holds list, but a mapping"),
        ("a: [1", r"mine.yaml is no YAML"),
        ("extends: mine.yaml", r"mine.yaml extends itself"),
        ("extends: other/../mine.yaml", r"mine.yaml extends itself"),
        ("extends: tiny_cqu", r"no readable configuration 'tiny_cqu' .did you mean tiny_cpu"),
        ("seed: 1", r"the setting name is missing"),
    ],
)
def test_a_file_that_cannot_be_used(text: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    assert expected.replace(".did", "(did") in sentence(name=str(path))


@pytest.mark.parametrize("override", ["stage1.steps", "=5", ""])
def test_an_override_without_key_or_value(override: str) -> None:
    assert sentence(override) == f"the override is {override!r}, but must look like stage1.optim.lr=1e-4."


def test_an_override_below_what_has_no_keys() -> None:
    assert "'name.x=1', but name is no mapping; give it whole" in sentence("name.x=1")
    assert "adapters is no mapping" in sentence("models.adapters.0.kind=controlnet")
    assert "the override data.size is no YAML" in sentence("data.size=[1")


# Keys and values


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("sed=1", "there is no setting sed (did you mean seed?)"),
        ("dmd=1", "there is no setting dmd."),
        ("stage1.stps=1", "there is no setting stage1.stps (did you mean steps?)"),
        ("stage1.optim.learning=1", "there is no setting stage1.optim.learning."),
        ("stage1.optim.beta=1", "there is no setting stage1.optim.beta (did you mean betas?)"),
        ("stage2.gan.weigth=1", "there is no setting stage2.gan.weigth (did you mean weight?)"),
        ("stage3.gan.optim.clib=1", "there is no setting stage3.gan.optim.clib (did you mean clip?)"),
        ("stage3.guidance_scale=2", "there is no setting stage3.guidance_scale with method hybrid."),
        ("stage3.ratios=2", "there is no setting stage3.ratios with method hybrid (did you mean ratio?)"),
        ("stage3.dmd=2", "there is no setting stage3.dmd with method hybrid."),
        ("data.train.folder=/x", "there is no setting data.train.folder with kind synthetic."),
        ("data.videos=/x", "there is no setting data.videos."),
        ("models.sizes.dims=3", "there is no setting models.sizes.dims (did you mean dim?)"),
        ("models.adapters=[{kind: resnet, widht: 3}]", "models.adapters.0.widht (did you mean width?)"),
        ("memory.fp9=true", "there is no setting memory.fp9 (did you mean fp8?)"),
        ("health.patients=1", "there is no setting health.patients (did you mean patience?)"),
        ("codec.stepps=1", "there is no setting codec.stepps (did you mean steps?)"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_one(override: str, expected: str) -> None:
    assert expected in sentence(override)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("stage1.optim.lr=-1", "stage1.optim.lr (is -1): Input should be greater than 0"),
        ("stage1.optim.lr=.inf", "stage1.optim.lr (is inf): Input should be a finite number"),
        ("stage2.sigmas.low=2", "stage2.sigmas.low (is 2): Input should be less than or equal to 1"),
        ("stage2.sigmas.low=0.99", "stage2.sigmas: the sigma window is 0.99 to 0.98"),
        ("seed=abc", "seed (is 'abc'): Input should be a valid integer"),
        ("seed=4294967296", "seed (is 4294967296): Input should be less than or equal to 4294967295"),
        ("name=../up", "name (is '../up'): String should match"),
        ("precision=fp16", "precision (is 'fp16'): Input should be 'fp32', 'bf16' or 'bf16_kahan'"),
        ("data.size=[100,64]", "data: width is 100, but must be a multiple of 32; use 96 or 128."),
        ("data.frames=16", "data: the frame count is 16, but must be 4k + 1; use 13 or 17."),
        ("data.frames=1", "data: clips have 1 frame, and the first one is given; use at least 5 frames."),
        ("data.train={kind: foo}", "data.train.kind is 'foo', but must be one of 'synthetic', 'videos'."),
        ("data.train.kind=videos", "the setting data.train.folder is missing."),
        ("data.evaluation.difficulty=har", "data.evaluation.difficulty (is 'har')"),
        ("stage1=5", "stage1 (is 5)"),
        ("stage3.method=gan", "stage3.method is 'gan', but must be one of 'hybrid', 'dmd', 'lcm', 'none'."),
        ("stage3={steps: 3}", "the setting stage3.method is missing"),
        ("models.adapters=[]", "models: adapters are []"),
        ("models.adapters=[{kind: resnet}, {kind: resnet}]", "adapters are ['resnet', 'resnet']"),
        ("evaluate.compute_every=[2,2]", "evaluate: compute_every is [2, 2], but each number makes one row; name it once."),
        ("evaluate.compute_every=[1]", "evaluate.compute_every.0 (is 1): Input should be greater than or equal to 2"),
        ("checkpoints.every=15", "checkpoints.every is 15, but must be a multiple of logging.every, 10."),
        ("memory.offload=true", "memory.offload needs memory.checkpointing: true."),
        ("stage3.share_backbone=true", "set stage2.lora."),
        ("models.text_encoder=/t5", "models.text_encoder is given"),
        ("stage3.balance={mode: constant, options: {value: -1}}", "stage3.balance: the lambda schedule constant has value = -1.0"),
        ("stage3.balance={mode: constant, options: {k: 1}}", "stage3.balance.options are {'k': 1.0}, which the mode constant has not."),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_used_is_named_with_its_key(override: str, expected: str) -> None:
    assert expected in sentence(override)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["stage3.gan.weight=0", "stage3.balance={mode: gradient_balance}"], "there is nothing to balance."),
        (["stage3.gan.weight=0", "stage3.balance={mode: constant, options: {value: 0}}"], "nothing is left to learn from."),
        (["models.adapters=[{kind: resnet}]", "evaluate.compute_every=[2]"], r"compute_every is \[2\], but models.adapters has no controlnet"),
        (["stage3.gan.taps=[3, 1]"], r"taps are \[3, 1\], but must be different blocks in ascending order"),
        (["stage2.lora={rank: 4}", "models.fast_generator=/f"], "models.fast_generator skips stage 2; leave one of them out."),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_together(overrides: list[str], expected: str) -> None:
    with pytest.raises(TrainError, match=expected):
        load("tiny_cpu", overrides)


def test_all_problems_are_said_at_once() -> None:
    said = sentence("sed=1", "stage1.stps=2", "precision=fp16")
    assert said.count("; ") == 2
    assert "(did you mean seed?); there is no setting stage1.stps" in said or "; there is no setting sed" in said


def test_the_second_moment_of_kahan_has_to_follow() -> None:
    betas = [f"{key}.betas=[0.9, 0.95]" for key in ("base.optim", "stage1.optim", "stage2.optim", "stage2.fake_optim")]
    good = [*betas, "stage3.optim.betas=[0, 0.95]", "stage3.gan.optim.betas=[0, 0.95]", "precision=bf16_kahan"]
    assert load("tiny_cpu", good).precision == "bf16_kahan"
    said = sentence(*good, "stage2.fake_optim.betas=[0.5, 0.999]")
    assert said.startswith("stage2.fake_optim.betas are [0.5, 0.999], but with precision bf16_kahan")
    assert "small updates would be lost" in sentence(*good, "stage2.fake_optim={kind: adamw8bit}")
    assert load("tiny_cpu", ["stage2.fake_optim.betas=[0.5, 0.999]"])
