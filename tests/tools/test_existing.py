"""A ComfyUI that the user has: what is accepted, which Python is taken, what is said otherwise."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools.setup import existing
from tools.setup.environment import python_of
from tools.setup.existing import check, find_python
from tools.setup_error import SetupError

from ..support.sentences import refuses


def comfyui(folder: Path, version: str) -> Path:
    (folder / "main.py").write_text("", encoding="utf-8")
    (folder / "comfyui_version.py").write_text(f'__version__ = "{version}"\n', encoding="utf-8")
    return folder


def test_a_folder_without_comfyui(tmp_path: Path) -> None:
    with refuses(SetupError, key="main.py is missing", value=tmp_path, remedy="give --comfyui the folder"):
        check(tmp_path, None)


def test_a_comfyui_that_is_too_old(tmp_path: Path) -> None:
    with refuses(SetupError, key="version of ComfyUI", value="is 0.9.2:", remedy="update it to 0.16.3 or newer"):
        check(comfyui(tmp_path, "0.9.2"), None)


def test_a_python_that_cannot_run_it(tmp_path: Path) -> None:
    with refuses(
        SetupError, key="cannot run this ComfyUI (", value=tmp_path / "python", remedy="give --python the Python"
    ):
        check(comfyui(tmp_path, "0.30.0"), tmp_path / "python")


def test_a_python_that_lacks_a_module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(existing, "NEEDED", ("json", "not_a_module", "nor_this"))
    with refuses(SetupError, key=sys.executable, value="(no not_a_module, no nor_this)", remedy="give --python"):
        check(comfyui(tmp_path, "0.30.0"), Path(sys.executable))
    monkeypatch.setattr(existing, "NEEDED", ("json",))
    assert check(tmp_path, Path(sys.executable)) == Path(sys.executable)


def test_its_own_environment_comes_before_this_python(tmp_path: Path) -> None:
    assert find_python(tmp_path) == Path(sys.executable)
    for name in (".venv", "venv"):
        own = python_of(tmp_path / name)
        own.parent.mkdir(parents=True)
        own.write_text("", encoding="utf-8")
        assert find_python(tmp_path) == own
