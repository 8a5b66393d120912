"""What is wrong with a configuration is said with the key, the value received and the remedy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from train.config.load import CONFIGS, load
from train.errors import TrainError

from ...support.sentences import names

FILES = sorted(file.relative_to(CONFIGS).with_suffix("").as_posix() for file in CONFIGS.rglob("*.yaml"))


def said_about(*overrides: str, name: str = "tiny_cpu") -> str:
    """What is said about a configuration that cannot be used: a single sentence."""
    with pytest.raises(TrainError) as caught:
        load(name, overrides)
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text


def test_a_missing_file_is_named_with_the_nearest_one() -> None:
    said = said_about(name="tiny_cqu")
    names(said, key="configuration", value="'tiny_cqu'", remedy="(did you mean tiny_cpu?)")
    assert all(name in said for name in FILES)
    names(said_about(name="nowhere/mine.yaml"), value="'nowhere/mine.yaml'", remedy="the path of a YAML file")


@pytest.mark.parametrize(
    ("text", "key", "value", "remedy"),
    [
        ("", "mine.yaml", "holds nothing", "must hold settings"),
        ("[1, 2]", "mine.yaml", "holds a list", "must hold settings"),
        ("hello", "mine.yaml", "'hello'", "must hold settings"),
        ("a: [1", "mine.yaml", "not YAML (expected ',' or ']', but got '<stream end>' in line 1)", "correct it"),
        ("extends: mine.yaml", "mine.yaml", "extends itself (mine.yaml -> mine.yaml)", "remove one `extends`"),
        ("extends: other/../mine.yaml", "mine.yaml", "extends itself (mine.yaml -> mine.yaml)", "remove one `extends`"),
        ("extends: tiny_cqu", "configuration", "'tiny_cqu'", "(did you mean tiny_cpu?)"),
        ("seed: 1", "the setting name", "is missing", "needs a value"),
    ],
)
def test_a_file_that_cannot_be_used(text: str, key: str, value: str, remedy: str, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    names(said_about(name=str(path)), key=key, value=value, remedy=remedy)


@pytest.mark.parametrize("override", ["stage1.steps", "=5", ""])
def test_an_override_without_key_or_value(override: str) -> None:
    names(
        said_about(override), key="the override", value=f"is {override!r}", remedy="must look like stage1.optim.lr=1e-4"
    )


@pytest.mark.parametrize(
    ("override", "key", "value", "remedy"),
    [
        ("name.x=1", "override", "'name.x=1'", "give name as a whole"),
        ("models.adapters.0.kind=controlnet", "override", "'models.adapters.0.kind=controlnet'", "give adapters as a whole"),
        ("data.size=[1", "the override data.size", "not YAML (expected ',' or ']'", "correct it"),
    ],
)  # fmt: skip
def test_an_override_that_cannot_be_laid_over(override: str, key: str, value: str, remedy: str) -> None:
    names(said_about(override), key=key, value=value, remedy=remedy)


# Keys and values


@pytest.mark.parametrize(
    ("override", "value", "remedy"),
    [
        ("sed=1", "sed", "(did you mean seed?)"),
        ("dmd=1", "dmd", "(choose from base, checkpoints, codec,"),
        ("stage1.stps=1", "stage1.stps", "(did you mean steps?)"),
        ("stage1.optim.learning=1", "stage1.optim.learning", "(choose from betas, lr, warmup)"),
        ("stage1.optim.beta=1", "stage1.optim.beta", "(did you mean betas?)"),
        ("stage2.gan.weigth=1", "stage2.gan.weigth", "(did you mean weight?)"),
        ("stage3.gan.optim.warmip=1", "stage3.gan.optim.warmip", "(did you mean warmup?)"),
        ("stage3.guidance_scale=2", "stage3.guidance_scale with method hybrid", "(choose from balance, ema,"),
        ("stage3.ratios=2", "stage3.ratios with method hybrid", "(did you mean ratio?)"),
        ("stage3.dmd=2", "stage3.dmd with method hybrid", "(choose from balance, ema,"),
        ("data.train.path=/x", "data.train.path with kind synthetic", "(choose from count, difficulty, kind, seed)"),
        ("data.videos=/x", "data.videos", "(choose from buckets, evaluation, first_frame,"),
        ("models.sizes.dims=3", "models.sizes.dims", "(did you mean dim?)"),
        ("models.adapters=[{kind: resnet, widht: 3}]", "models.adapters, entry 1: widht", "(did you mean width?)"),
        ("memory.fp9=true", "memory.fp9", "(did you mean fp8?)"),
        ("health.patients=1", "health.patients", "(did you mean patience?)"),
        ("codec.stepps=1", "codec.stepps", "(did you mean steps?)"),
    ],
)  # fmt: skip
def test_an_unknown_key_is_named_with_the_nearest_one(override: str, value: str, remedy: str) -> None:
    names(said_about(override), key="there is no setting", value=f"{value} (", remedy=remedy)


@pytest.mark.parametrize(
    ("override", "key", "value", "remedy"),
    [
        ("stage1.optim.lr=-1", "stage1.optim.lr", -1, "must be greater than 0"),
        ("stage1.optim.lr=.inf", "stage1.optim.lr", "is inf", "must be a finite number"),
        ("stage3.gan.sigmas.low=2", "stage3.gan.sigmas.low", 2, "must be less than or equal to 1"),
        ("stage3.gan.sigmas.low=0.99", "stage3.gan.sigmas", "0.99 to 0.6", "must rise"),
        ("seed=abc", "seed", "is 'abc'", "must be a valid integer"),
        ("seed=4294967296", "seed", 4294967296, "must be less than or equal to 4294967295"),
        ("name=../up", "name", "is '../up'", "must match pattern"),
        ("precision=fp16", "precision", "is 'fp16'", "must be 'fp32', 'bf16' or 'bf16_kahan'"),
        ("data.size=[100,64]", "data.size: width", 100, "use 96 or 128"),
        ("data.frames=16", "data.frames: the frame count", 16, "use 13 or 17"),
        ("data.frames=1", "data.frames", 1, "use at least 5"),
        ("data.train={kind: foo}", "data.train.kind", "is 'foo'", "must be one of 'synthetic', 'videos'"),
        ("data.train.kind=videos", "data.train.folder", "is missing", "needs a value"),
        ("data.evaluation={kind: part}", "data.evaluation.kind", "is part", "use evaluation.kind=synthetic, or videos"),
        ("data.evaluation.difficulty=har", "data.evaluation.difficulty", "is 'har'", "must be 'simple', 'easy', 'normal', 'hard' or 'unsettled'"),
        ("stage1=5", "stage1", "is 5", "must be a mapping of settings"),
        ("stage3.method=gan", "stage3.method", "is 'gan'", "must be one of 'hybrid', 'dmd', 'lcm', 'none'"),
        ("stage3={steps: 3}", "stage3.method", "is missing", "must be one of 'hybrid', 'dmd', 'lcm', 'none'"),
        ("models.adapters=[]", "models.adapters", "are []", "needs at least one"),
        ("models.adapters=[{kind: resnet}, {kind: resnet}]", "models.adapters", "are ['resnet', 'resnet']", "name each kind once"),
        (
            "models.adapters=[{kind: resnet, from_base: true, start: /f}]",
            "models.adapters, entry 1: the resnet adapter", "both from_base and start", "leave the others out",
        ),
        (
            "models.adapters=[{kind: controlnet, from_base: true}]",
            "models.adapters, entry 1: from_base is true", "the controlnet adapter", "set it to false",
        ),
        ("models.generator=/g", "models.adapters has from_base: true", "models.generator is '/g'", "set it to false"),
        ("evaluate.compute_every=[2,2]", "evaluate.compute_every", "is [2, 2]", "name each number once"),
        ("evaluate.compute_every=[1]", "evaluate.compute_every, entry 1", 1, "must be greater than or equal to 2"),
        ("evaluate.sets=[{seed: 3}, {seed: 4}, {seed: 3}]", "evaluate.sets", "eval_a with seed 3 twice", "name each set once"),
        ("checkpoints.every=15", "checkpoints.every", 15, "a multiple of logging.every (10); use 20"),
        ("memory.offload=true", "memory.offload is true", "memory.checkpointing is false", "set both to true"),
        ("stage3.share_backbone=true", "stage3.share_backbone", "is true", "set stage2.lora"),
        ("models.text_encoder=/t5", "models.text_encoder", "is '/t5'", "leave it out"),
        ("stage3.balance={mode: constant, options: {value: -1}}", "stage3.balance: the lambda schedule constant", "value = -1.0", "needs"),
        ("stage3.balance={mode: constant, options: {k: 1}}", "stage3.balance.options", "{'k': 1.0}", "mode constant has only value"),
        ("stage3.balance={mode: linear, options: {value: 1}}", "stage3.balance.options", "{'value': 1.0}", "mode linear has only k, b"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_used_is_named_with_its_key(override: str, key: str, value: object, remedy: str) -> None:
    names(said_about(override), key=key, value=value, remedy=remedy)


@pytest.mark.parametrize(
    ("overrides", "key", "value", "remedy"),
    [
        (["stage3.gan.weight=0", "stage3.balance={mode: gradient_balance}"],
         "stage3.balance.mode is gradient_balance", "stage3.gan.weight is 0", "use mode constant"),
        (["stage3.gan.weight=0", "stage3.balance={mode: constant, options: {value: 0}}"],
         "stage3.gan.weight and stage3.balance.options.value", 0, "raise one of them"),
        (["models.adapters=[{kind: resnet}]", "evaluate.compute_every=[2]"],
         "evaluate.compute_every", "is [2], but models.adapters has no controlnet", "leave it empty"),
        (["models.adapters=[{kind: resnet}]", "export.lora_rank=16"],
         "export.lora_rank", "is 16, but models.adapters has no controlnet", "leave it out"),
        (["stage2.lora={rank: 4}", "models.fast_start=/f"], "models.fast_start", "is '/f'", "stage2.lora is a difference"),
        (["models.fast_start=/f", "models.fast_generator=/g"], "models.fast_start", "fast_generator is '/g'", "leave fast_start out"),
        (["stage2.lora={rank: 4}", "models.fast_generator=/f"], "stage2.lora", "models.fast_generator is '/f'", "leave one of them out"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_together(overrides: list[str], key: str, value: object, remedy: str) -> None:
    names(said_about(*overrides), key=key, value=value, remedy=remedy)


def test_what_a_sentence_names_first_can_be_typed() -> None:
    """The beginning of each sentence above is a key of the configuration, as overrides take it."""
    settings = load("tiny_cpu").model_dump()
    for override in (
        "data.size=[100,64]",
        "data.frames=16",
        "models.adapters=[]",
        "models.adapters=[{kind: controlnet, from_base: true}]",
        "models.adapters=[{kind: resnet, width: 0}]",
        "models.generator=/g",
        "evaluate.sets=[{seed: 3}, {seed: 3}]",
        "evaluate.sets=[{seed: -3}]",
        "evaluate.compute_every=[1]",
        "stage1.optim.betas=[0.5, 1.5]",
        "stage3.gan.sigmas.low=0.99",
    ):
        value: Any = settings
        for part in re.split(r"[:, ]", said_about(override))[0].split("."):
            assert part in value, said_about(override)
            value = value[part]


def test_all_problems_are_said_at_once() -> None:
    said = said_about("sed=1", "stage1.stps=2", "precision=fp16")
    assert said.count("; ") == 2
    assert "(did you mean seed?); there is no setting stage1.stps" in said or "; there is no setting sed" in said


def test_the_second_moment_of_kahan_has_to_follow() -> None:
    betas = [f"{key}.betas=[0.9, 0.95]" for key in ("base.optim", "stage1.optim", "stage2.optim", "stage2.fake_optim")]
    good = [*betas, "stage3.optim.betas=[0, 0.95]", "stage3.gan.optim.betas=[0, 0.95]", "precision=bf16_kahan"]
    assert load("tiny_cpu", good).precision == "bf16_kahan"
    said = said_about(*good, "stage2.fake_optim.betas=[0.5, 0.999]")
    names(said, key="stage2.fake_optim.betas are [0.5, 0.999]", value="precision bf16_kahan", remedy="use 0.95")
    said = said_about(*good, "memory.optimizer=adamw8bit")
    names(
        said,
        key="memory.optimizer is adamw8bit",
        value="precision bf16_kahan",
        remedy="use adamw, or precision bf16",
    )
    assert load("tiny_cpu", ["stage2.fake_optim.betas=[0.5, 0.999]"])


@pytest.mark.parametrize(
    ("override", "value"), [("steps.count=2000", "2000"), ("steps.shift=5000", "5000"), ("steps.shift=1e-9", "1e-09")]
)
def test_noise_levels_that_no_file_can_hold(override: str, value: str) -> None:
    names(said_about(override), key="steps", value=value, remedy="must be")
