"""What pip's failures look like to the person at the terminal; a real pip fails here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tools.setup.pip import explain, run_pip
from tools.setup_error import SetupError

from ..support.sentences import names

PYTHON = Path(sys.executable)


def failure(arguments: list[str], home: Path) -> SetupError:
    with pytest.raises(SetupError) as caught:
        run_pip(PYTHON, arguments, what="Fetching a thing", size="1 kB", home=home)
    return caught.value


@pytest.mark.usefixtures("no_network")
def test_an_index_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_RETRIES", "1")
    error = failure(["download", "--dest", str(tmp_path), "flashmotion-probe"], tmp_path)
    names(error, key="Fetching a thing failed", value="pip cannot reach its package index", remedy="check the network")
    assert "No matching distribution" in error.details
    assert "Failed to establish a new connection" in (tmp_path / "logs" / "pip.log").read_text(encoding="utf-8")


@pytest.mark.usefixtures("no_network")
def test_an_index_that_cannot_be_reached_and_pip_does_not_say_so(tmp_path: Path) -> None:
    error = failure(["download", "--dest", str(tmp_path), "flashmotion-probe==7"], tmp_path)
    names(error, key="cannot reach its package index", value="flashmotion-probe==7", remedy="check the network")


def test_a_package_that_has_no_build_for_us(registry: Any, tmp_path: Path) -> None:
    registry.wheel("flashmotion_probe", "1.0")
    error = failure(["download", "--dest", str(tmp_path), "flashmotion-probe==7"], tmp_path)
    wanted = f"flashmotion-probe==7 for Python 3.{sys.version_info[1]}"
    names(error, key="pip finds no build", value=wanted, remedy="use another Python")


def test_a_download_with_another_hash(registry: Any, tmp_path: Path) -> None:
    registry.wheel("flashmotion_probe")
    wanted = tmp_path / "wanted.txt"
    wanted.write_text("flashmotion-probe==1.0 --hash=sha256:" + "0" * 64, encoding="utf-8")
    error = failure(["download", "--require-hashes", "--dest", str(tmp_path), "-r", str(wanted)], tmp_path)
    names(error, key="Fetching a thing failed", value="expected sha256", remedy="check which package index pip uses")


def test_a_full_disk() -> None:
    lines = [
        "Collecting torch",
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
    ]
    folder = Path("/home/me/fm")
    names(explain(lines, folder), key="disk", value=f"{folder} is full", remedy="free some space")


def test_a_failure_of_an_unknown_kind_points_to_the_log(tmp_path: Path) -> None:
    error = failure(["no-such-command"], tmp_path)
    assert str(tmp_path / "logs" / "pip.log") in str(error)
    assert "unknown command" in error.details


def test_a_success_keeps_pips_temporary_files_in_the_set_up_folder(registry: Any, tmp_path: Path) -> None:
    registry.wheel("flashmotion_probe", modules=("flashmotion_probe",))
    run_pip(
        PYTHON,
        ["download", "--dest", str(tmp_path / "got"), "flashmotion-probe"],
        what="Fetching",
        size="1 kB",
        home=tmp_path,
    )
    assert [file.name for file in (tmp_path / "got").iterdir()] == ["flashmotion_probe-1.0-py3-none-any.whl"]
    assert (tmp_path / "temporary").is_dir()
