"""The browser of the browser tests: a given one, one on the path, or a sentence."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tools.setup import browser
from tools.setup_error import SetupError

from ..support.sentences import refuses


def program(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / (name + (".exe" if os.name == "nt" else ""))
    path.write_text("", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_a_browser_on_the_path_is_found_chromium_first(tmp_path: Path) -> None:
    chrome = program(tmp_path / "b", "google-chrome")
    assert browser.find(str(tmp_path / "b")) == chrome
    chromium = program(tmp_path / "b", "chromium")
    assert browser.find(str(tmp_path / "b")) == chromium


def test_the_given_browser_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = program(tmp_path / "b", "brave")
    monkeypatch.setenv("FLASHMOTION_BROWSER", str(given))
    assert browser.ensure(Path(sys.executable), tmp_path) == given


def test_a_given_browser_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FLASHMOTION_BROWSER", str(tmp_path / "none"))
    with refuses(SetupError, key="FLASHMOTION_BROWSER", value=tmp_path / "none", remedy="correct or unset it"):
        browser.ensure(Path(sys.executable), tmp_path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere browsers are also found in fixed places")
def test_no_browser_and_no_way_to_fetch_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FLASHMOTION_BROWSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))  # neither a browser nor apt-get
    with refuses(
        SetupError, key="No browser was found", value="FLASHMOTION_BROWSER", remedy="skip the browser tests with --fast"
    ):
        browser.ensure(tmp_path / "no-python", tmp_path)
