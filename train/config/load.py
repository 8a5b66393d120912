"""Reading a configuration: one YAML file, `extends:` another one, dotted overrides, and errors that name the key.

name: my_run
extends: one_24g            # a configuration of train/configs, or a path
stage1: {steps: 4000}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import TrainError
from .consistency import check_together
from .schema import Config
from .sentences import VARIANTS, did_you_mean, sentence

REPLACED = {**VARIANTS, "balance": "mode"}
"""Where another value of a key makes the other keys of its mapping meaningless."""
CONFIGS = Path(__file__).resolve().parents[1] / "configs"


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
