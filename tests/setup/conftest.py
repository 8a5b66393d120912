"""Tests of the two commands. `tools` is imported without putting the repository on sys.path: see pyproject.toml."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

if "tools" not in sys.modules:
    spec = importlib.util.spec_from_file_location(
        "tools", ROOT / "tools" / "__init__.py", submodule_search_locations=[str(ROOT / "tools")]
    )
    assert spec is not None
    assert spec.loader is not None
    sys.modules["tools"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["tools"])


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip with no settings of the user's, on a package index that refuses connections."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the discard port: nothing listens
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_TIMEOUT", "5")


@pytest.fixture
def registry(no_network: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder that is pip's only source of packages."""
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder
