"""A Python that is too old gets one sentence, which means that it must be able to read the files up to it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tools.setup.environment import REPOSITORY
from tools.setup.old_python import require_python

from ..support.sentences import names


@pytest.mark.parametrize("version", [(2, 7), (3, 8, 18), (3, 9)])
def test_an_old_python_is_refused_in_one_sentence(version: tuple[int, ...]) -> None:
    with pytest.raises(SystemExit) as end:
        require_python(version)
    names(
        str(end.value),
        key="Python 3.10 or newer",
        value=f"Python {version[0]}.{version[1]}:",
        remedy="run the same command with a newer one",
    )


@pytest.mark.parametrize("version", [None, (3, 10), (3, 14, 1), (4, 0)])
def test_a_supported_python_passes(version: tuple[int, ...] | None) -> None:
    assert require_python(version) is None


@pytest.mark.parametrize(
    "name",
    ["quickstart.py", "run_tests.py", "tools/__init__.py", "tools/setup/__init__.py", "tools/setup/old_python.py"],
)
def test_what_runs_before_the_check_parses_on_python_3_7(name: str) -> None:
    assert ast.parse(Path(REPOSITORY, name).read_text(encoding="utf-8"), feature_version=(3, 7)).body
