"""The vectors that the editor's modules are held to are what Python says today."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

GOLDEN = Path(__file__).parents[1] / "golden"
# Each language, and each version of Python, words it in its own way.
REASON = re.compile(r"is not valid JSON \(.*\):")


def generator(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, GOLDEN / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def without_reasons(value: Any) -> Any:
    return json.loads(REASON.sub("is not valid JSON:", json.dumps(value)))


@pytest.mark.parametrize("name", ["simplify", "editor"])
def test_the_golden_file_is_what_its_generator_makes(name: str) -> None:
    module = generator(f"make_{name}")
    kept = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    assert without_reasons(json.loads(module.dump(module.build()))) == without_reasons(kept)
