"""Read a configuration: a YAML file that may extend another one, dotted overrides, and errors that name the key.

name: my_run
extends: one_24g            # a configuration of train/configs, or a path
stage1: {steps: 4000}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flashmotion_core.files.texts import read_text

from ..errors import TrainError
from .consistency import check_together
from .schema import Config
from .sentences import VARIANTS, did_you_mean, sentence

REPLACED = {**VARIANTS, "balance": "mode"}
"""By mapping, the key whose value decides what the other keys of the mapping mean."""
MOST_VALUES = 10_000
"""Values of a configuration's file; the longest of ours has 120."""
CONFIGS = Path(__file__).resolve().parents[1] / "configs"


def load(name: str, overrides: Sequence[str] = ()) -> Config:
    """Read a configuration and apply `key.key=value` overrides (values in YAML).

    Args:
        name: a file of `train/configs` without its suffix, or the path of a YAML file.
        overrides: such as `stage1.optim.lr=1e-4`.

    Raises:
        TrainError: the file is missing or is not YAML, a key is unknown (the nearest known one is named), or a value is out of range.
    """
    return _overridden(_read(name, ()), overrides)


def changed(config: Config, overrides: Sequence[str]) -> Config:
    """A configuration with overrides as in `load`; raises TrainError if they do not fit together."""
    return _overridden(config.model_dump(mode="json"), overrides)


def _overridden(values: dict[str, Any], overrides: Sequence[str]) -> Config:
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key:
            raise TrainError(f"the override is {override!r}, but must look like stage1.optim.lr=1e-4.")
        _set(values, key.strip().split("."), _yaml(text, f"the override {key}"), override)
    given = [override.partition("=")[0].strip() for override in overrides]
    videos = any(key.startswith("data.train") for key in given)
    if videos and not any(key == "data" or key.startswith("data.evaluation") for key in given):
        _hold_back(values.get("data"))
    return parse(values)


def _hold_back(data: Any) -> None:
    """Evaluate videos given on the command line on a part of them, not on the synthetic world of a configuration without videos."""
    sources = [data.get(key, {}) for key in ("train", "evaluation")] if isinstance(data, dict) else [{}]
    if not all(isinstance(source, dict) for source in sources) or sources[0].get("kind") != "videos":
        return
    if sources[-1].get("kind", "synthetic") == "synthetic" and data.get("prepare", {}) is not None:
        data["evaluation"] = {"kind": "part"}


def parse(values: Mapping[str, Any]) -> Config:
    """Check the values of a whole configuration; raises TrainError like `load`."""
    try:
        config = Config.model_validate(values)
        check_together(config)
    except ValidationError as error:
        raise TrainError(sentence(error, Config)) from error
    except ValueError as error:
        raise TrainError(str(error)) from error
    return config


def dump(config: Config) -> str:
    """The resolved configuration as YAML, every default written out."""
    import yaml

    text: str = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, width=120)
    return text


def _read(name: str, seen: tuple[Path, ...]) -> dict[str, Any]:
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        path = CONFIGS / f"{name}.yaml"
    elif seen:  # relative to the file that extends it
        path = seen[-1].parent / path
    path = path.resolve()
    if path in seen:
        chain = " -> ".join(file.name for file in (*seen[seen.index(path) :], path))
        raise TrainError(f"{path.name} extends itself ({chain}); remove one `extends`.")
    try:
        text = read_text(path)
    except (OSError, UnicodeError) as error:
        known = sorted(file.relative_to(CONFIGS).with_suffix("").as_posix() for file in CONFIGS.rglob("*.yaml"))
        raise TrainError(
            f"the configuration {name!r} cannot be read{did_you_mean(name, known)}; use one of {', '.join(known)}, or the path of a YAML file."
        ) from error
    values = _yaml(text, path.name)
    if not isinstance(values, dict):
        held = {"NoneType": "nothing", "list": "a list"}.get(type(values).__name__, repr(values))
        raise TrainError(f"{path.name} holds {held}, but must hold settings, such as name: my_run.")
    base = values.pop("extends", None)
    if base is None:
        return values
    own = values.get("data")
    merged = _merged(_read(str(base), (*seen, path)), values)
    if isinstance(own, dict) and "train" in own and "evaluation" not in own:
        _hold_back(merged.get("data"))
    return merged


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`changes` laid over `base`, mapping by mapping; another `method` or kind of source replaces the whole mapping."""
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
            raise TrainError(f"the override is {override!r}, but {key} has no settings inside; give {key} as a whole.")
    if len(keys) > 1 and REPLACED.get(keys[-2]) == keys[-1] and values.get(keys[-1]) != value:
        values.clear()  # the other keys belonged to the previous method or kind of source
    if keys[-1] == "folder" and len(keys) > 1 and REPLACED.get(keys[-2]) == "kind" and values.get("kind") != "videos":
        values.clear()  # only videos have a folder
        values["kind"] = "videos"
    values[keys[-1]] = value


def _yaml(text: str, what: str) -> Any:
    import yaml

    try:
        return _numbers(yaml.safe_load(text), [0])
    except RecursionError:
        raise TrainError(
            f"{what} is not YAML that settings could be (it is nested without end); correct it there."
        ) from None
    except _TooManyError:
        raise TrainError(
            f"{what} holds more than {MOST_VALUES:,} values, aliases counted as often as they stand; write the few that are meant."
        ) from None
    except yaml.YAMLError as error:
        where = (
            f" in line {error.problem_mark.line + 1}"
            if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark
            else ""
        )
        reason = error.problem if isinstance(error, yaml.MarkedYAMLError) else " ".join(str(error).split())
        raise TrainError(f"{what} is not YAML ({reason}{where}); correct it there.") from error


class _TooManyError(Exception):
    """More values than any configuration has: a few lines of aliases stand for billions."""


def _numbers(value: Any, seen: list[int]) -> Any:
    """YAML 1.1 reads 1e-4 as a string, but a number is meant. ``seen`` counts the values."""
    seen[0] += 1
    if seen[0] > MOST_VALUES:
        raise _TooManyError
    if isinstance(value, dict):
        return {key: _numbers(entry, seen) for key, entry in value.items()}
    if isinstance(value, list):
        return [_numbers(entry, seen) for entry in value]
    if isinstance(value, str):
        try:
            return float(value) if value[:1] in "+-.0123456789" and "e" in value.lower() else value
        except ValueError:
            return value
    return value
