"""The configuration of a run: one YAML file, `extends:` another one, dotted overrides, and errors that name the key.

    name: my_run
    extends: one_24g            # a configuration of train/configs, or a path
    stage1: {steps: 4000}

Everything that a phase depends on is in here, so that a hash of it says whether a phase's result still stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from ..codec import CodecSettings
from ..errors import TrainError
from .config_checks import check_together
from .config_errors import VARIANTS, did_you_mean, sentence
from .phases import Base, Dmd, Export, Flow, Hybrid, Lcm, Skip, Steps
from .settings import Count, Data, Memory, Models, Positive, Seed, Settings, Share

REPLACED = {**VARIANTS, "balance": "mode"}
"""Where another value of a key makes the other keys of its mapping meaningless."""
CONFIGS = Path(__file__).resolve().parents[1] / "configs"


class HeldOut(Settings):
    """Clips of the synthetic world that training and tuning never see."""

    stream: Literal["eval_a", "eval_b"] = "eval_a"
    """The two never meet each other nor the training clips, whatever the seeds. Pictures made while training show eval_a."""
    seed: Seed


class Evaluate(Settings):
    """What is measured at the end."""

    younger = frozenset({"compute_every"})

    clips: Count = 16
    """Held-out clips per row, and per set."""
    sets: tuple[HeldOut, ...] = ()
    """Sets of the world to measure on instead of `data.evaluation`, whose pictures were looked at while tuning."""
    slow_steps: Count = 50
    guidance_scale: Annotated[float, Field(ge=0)] = 1.0
    """Of the prompt, in the rows of the SlowGenerator; 1 for none, about 5 for the 5B."""
    seed: Seed = 0
    """Of the noise."""
    batch: Count = 16
    """Clips that are sampled at once; the noise of a clip does not depend on it."""
    timed: Count = 3
    """Clips that are sampled once more, one by one, for the seconds per clip."""
    features: str | None = "default"
    """The network for Frechet distances: a file, `default` for the one in assets/tiny/metrics, none to leave them out."""
    workers: Count = 2
    """Processes that track sprites."""
    compute_every: tuple[Annotated[int, Field(ge=2)], ...] = ()
    """For each of these n, such as [2, 4], one more row of the ControlNet's FastAdapter: computed in every n-th step alone, and what it adds
    used again in the steps between, as ApplyFastAdapter's compute_every does."""

    @model_validator(mode="after")
    def _further_rows_are_distinct(self) -> Evaluate:
        if len(set(self.compute_every)) < len(self.compute_every):
            raise ValueError(
                f"compute_every is {list(self.compute_every)}, but each number makes one row; name it once."
            )
        return self

    @model_validator(mode="after")
    def _sets_are_distinct(self) -> Evaluate:
        if len(set(self.sets)) < len(self.sets):
            raise ValueError("sets names the same stream and seed twice; their clips would count twice.")
        return self


class Logging(Settings):
    """Where figures go besides CSV and TensorBoard."""

    wandb: bool = False
    validation_clips: Count = 2
    validation_steps: Count = 20
    """Sampling steps where the model is a slow one."""


class Health(Settings):
    """When to stop a run that is of no use any more."""

    max_gap: Positive | None = 5.0
    """Difference of real and fake logits at which the discriminator has won; none to never stop for it."""
    motion_floor: Share | None = 0.3
    """Share of the teacher's motion below which the student's video counts as frozen."""
    patience: Count = 5
    """Looks in a row before it stops; a look is every `log_every` iterations."""


class Config(Settings):
    """A whole run."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    """Of the run folder and of the exported files."""
    seed: Seed = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["fp32", "bf16", "bf16_kahan"] = "bf16"
    """bf16: float32 masters, bf16 arithmetic. bf16_kahan: bf16 weights with a compensated optimizer, 6 bytes less per weight."""
    data: Data = Data()
    models: Models = Models()
    memory: Memory = Memory()
    steps: Steps = Steps()
    codec: CodecSettings = CodecSettings()
    base: Base = Base()
    stage1: Flow = Flow()
    stage2: Dmd = Dmd()
    stage3: Annotated[Hybrid | Dmd | Lcm | Skip, Field(discriminator="method")] = Hybrid()
    evaluate: Evaluate = Evaluate()
    export: Export = Export()
    logging: Logging = Logging()
    health: Health = Health()

    @model_validator(mode="after")
    def _fits_together(self) -> Config:
        check_together(self)
        return self


def load(name: str, overrides: Sequence[str] = ()) -> Config:
    """Read a configuration and apply `key.key=value` overrides (values in YAML).

    Args:
        name: of a file in `train/configs` without ending, or a path.
        overrides: such as `stage1.optim.lr=1e-4`.

    Raises:
        TrainError: a file that is missing or no YAML, an unknown key (with the nearest known one), a value out of range.
    """
    values = _read(name, ())
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key:
            raise TrainError(f"the override is {override!r}, but must look like stage1.optim.lr=1e-4.")
        _set(values, key.strip().split("."), _yaml(text, f"the override {key}"), override)
    return parse(values)


def parse(values: Mapping[str, Any]) -> Config:
    """Check the values of a whole configuration; raises TrainError as `load` does."""
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise TrainError(sentence(error, Config)) from error


def dump(config: Config) -> str:
    """The resolved configuration as YAML, every default written out."""
    import yaml

    text: str = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, width=120)
    return text


def _read(name: str, seen: tuple[Path, ...]) -> dict[str, Any]:
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        path = CONFIGS / f"{name}.yaml"
    elif seen:  # beside the file that extends it
        path = seen[-1].parent / path
    path = path.resolve()
    if path in seen:
        raise TrainError(f"{path.name} extends itself; remove an `extends`.")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        known = sorted(file.relative_to(CONFIGS).with_suffix("").as_posix() for file in CONFIGS.rglob("*.yaml"))
        raise TrainError(
            f"there is no readable configuration {name!r}{did_you_mean(name, known)}; known are {', '.join(known)}, or give the path of a "
            "YAML file."
        ) from error
    values = _yaml(text, path.name)
    if not isinstance(values, dict):
        raise TrainError(
            f"{path.name} holds {type(values).__name__}, but a mapping with the keys of a configuration was expected."
        )
    base = values.pop("extends", None)
    return values if base is None else _merged(_read(str(base), (*seen, path)), values)


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`changes` laid over `base`, mapping by mapping; another `method` or kind of source replaces the mapping as a whole."""
    result = dict(base)
    for key, value in changes.items():
        old, mark = result.get(key), REPLACED.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and (mark not in value or value[mark] == old.get(mark)):
            result[key] = _merged(old, value)
        else:
            result[key] = value
    return result


def _set(values: dict[str, Any], keys: Sequence[str], value: Any, override: str) -> None:
    for key in keys[:-1]:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise TrainError(f"the override is {override!r}, but {key} is no mapping; give it whole.")
    if len(keys) > 1 and REPLACED.get(keys[-2]) == keys[-1] and values.get(keys[-1]) != value:
        values.clear()  # the others were settings of the other method or kind of source
    values[keys[-1]] = value


def _yaml(text: str, what: str) -> Any:
    import yaml

    try:
        return _numbers(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise TrainError(f"{what} is no YAML ({' '.join(str(error).split())}).") from error


def _numbers(value: Any) -> Any:
    """YAML 1.1 takes 1e-4 for a string; nobody who writes it means one."""
    if isinstance(value, dict):
        return {key: _numbers(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_numbers(entry) for entry in value]
    if isinstance(value, str):
        try:
            return float(value) if value[:1] in "+-.0123456789" and "e" in value.lower() else value
        except ValueError:
            return value
    return value
