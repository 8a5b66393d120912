"""The commands themselves, as processes: every failure is one sentence and an exit code, never a traceback."""

from __future__ import annotations

import importlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tools import run_tests
from tools.setup.environment import REPOSITORY

from ..support.sentences import names


def sentence(tmp_path: Path, *arguments: str, home: Path | None = None) -> str:
    """What the failing command says: everything it writes to stderr except the lines of a log."""
    environment = {**os.environ, "FLASHMOTION_HOME": str(home or tmp_path / "home")}
    line = [sys.executable, str(REPOSITORY / arguments[0]), *arguments[1:]]
    done = subprocess.run(line, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    said = [text for text in done.stderr.splitlines() if not text.startswith("  | ")]
    assert len(said) == 1, done.stderr
    assert said[0].endswith(".")
    return said[0]


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = sentence(tmp_path, "quickstart.py", "--port", str(port))
    assert said.startswith("quickstart: ")
    names(said, key="in use by another program", value=port, remedy="--port")


@pytest.mark.parametrize("option", ["--image", "--trajectory"])
def test_a_file_that_is_not_there(tmp_path: Path, option: str) -> None:
    said = sentence(tmp_path, "quickstart.py", option, "nowhere.json")
    assert said.startswith("quickstart: ")
    names(said, key="does not exist", value="nowhere.json", remedy="check its path")


@pytest.mark.parametrize("number", [-1, 2**32])
def test_a_scene_that_does_not_exist(tmp_path: Path, number: int) -> None:
    said = sentence(tmp_path, "quickstart.py", "--scene", str(number))
    assert said.startswith("quickstart: ")
    names(said, key="--scene", value=number, remedy="a number from 0 to 4294967295.")


def test_two_start_pictures(tmp_path: Path) -> None:
    said = sentence(tmp_path, "quickstart.py", "--scene", "1", "--image", __file__)
    assert said.startswith("quickstart: ")
    names(said, key="--scene", value="--image", remedy="give only one of them")


@pytest.mark.parametrize("name", ["quickstart.py", "run_tests.py"])
def test_a_home_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    said = sentence(tmp_path, name, home=tmp_path / "file" / "home")
    names(said, key="Nothing can be written to", value=tmp_path / "file" / "home", remedy="set FLASHMOTION_HOME to")


@pytest.mark.slow
@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", ["quickstart.py", "run_tests.py"])
def test_no_network(tmp_path: Path, name: str) -> None:
    said = sentence(tmp_path, name)
    names(said, key="pip cannot reach its package index", remedy="check the network")
    # What has been made so far is kept, and the next run continues from it.
    assert (tmp_path / "home" / "venv" / "flashmotion" / "venv.stamp").is_file()


def test_a_comfyui_that_is_not_there(tmp_path: Path) -> None:
    said = sentence(tmp_path, "quickstart.py", "--comfyui", str(tmp_path))
    assert said.startswith("quickstart: ")
    names(said, key="main.py is missing", value=tmp_path, remedy="give --comfyui the folder of a ComfyUI.")


def test_a_python_without_a_comfyui(tmp_path: Path) -> None:
    names(sentence(tmp_path, "quickstart.py", "--python", sys.executable), key="--python", remedy="give --comfyui too")


def test_what_run_tests_does_not_know_is_for_pytest() -> None:
    options, for_pytest = run_tests.parser().parse_known_args(["--fast", "-k", "keys", "-x", "tests/core"])
    assert options.fast
    assert for_pytest == ["-k", "keys", "-x", "tests/core"]


@pytest.mark.parametrize(
    "name", ["make_brand", "make_carried", "make_lock", "make_pictures", "make_workflows", "version"]
)
def test_a_maker_asked_for_help_says_what_it_does_and_does_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    maker = importlib.import_module(f"tools.{name}")
    monkeypatch.setattr("sys.argv", [name, "--help"])
    with pytest.raises(SystemExit, match="0"):
        maker.main()
    said = capsys.readouterr().out
    assert said.startswith(f"usage: python -m tools.{name} ")
    assert maker.__doc__.split(":")[0].split(".")[0] in said


def test_a_picture_that_is_not_among_them(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["make_pictures", "logo"])
    with pytest.raises(SystemExit, match="2"):
        importlib.import_module("tools.make_pictures").main()
    names(capsys.readouterr().err, key="NAME", value="logo", remedy="must be one of editor, start")
