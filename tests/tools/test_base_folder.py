"""What the quickstart puts into its server's base directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools.comfy.base_folder import NEEDED, copy_if_new, link_pack, put_models
from tools.setup_error import SetupError

from ..support.sentences import refuses


def test_the_pack_is_linked_and_linked_again(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for pack in (first, second):
        pack.mkdir()
        (pack / "name.txt").write_text(pack.name, encoding="utf-8")
        for _ in range(2):
            link = link_pack(pack, tmp_path / "custom_nodes")
            assert link == tmp_path / "custom_nodes" / "flashmotion"
            assert (link / "name.txt").read_text(encoding="utf-8") == pack.name
    assert (first / "name.txt").is_file()


def test_a_folder_in_the_way_of_the_link_is_kept(tmp_path: Path) -> None:
    (tmp_path / "custom_nodes" / "flashmotion").mkdir(parents=True)
    link = tmp_path / "custom_nodes" / "flashmotion"
    with refuses(SetupError, key=f"{link} exists", value=f"not a link to {tmp_path}:", remedy="remove it"):
        link_pack(tmp_path, tmp_path / "custom_nodes")
    assert (tmp_path / "custom_nodes" / "flashmotion").is_dir()


def test_the_models_of_the_repository_are_put_into_comfyuis_folders(tmp_path: Path) -> None:
    assets, models = tmp_path / "assets", tmp_path / "models"
    for name in (*NEEDED, "model_patches/another.safetensors", "metrics/features.safetensors"):
        (assets / name).parent.mkdir(parents=True, exist_ok=True)
        (assets / name).write_text("trained", encoding="utf-8")
    put_models(assets, models)
    copied = {file.relative_to(models).as_posix() for file in models.rglob("*.safetensors")}
    assert copied == {*NEEDED, "model_patches/another.safetensors"}
    assert (models / NEEDED[0]).read_text(encoding="utf-8") == "trained"


@pytest.mark.parametrize("missing", NEEDED)
def test_a_repository_without_its_models_is_one_sentence(tmp_path: Path, missing: str) -> None:
    for name in NEEDED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("", encoding="utf-8")
    (tmp_path / missing).unlink()
    with refuses(SetupError, key="tiny models", value=tmp_path, remedy="get the whole repository"):
        put_models(tmp_path, tmp_path / "models")


def test_a_file_is_copied_when_it_is_newer(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "deep" / "b"
    source.write_text("1", encoding="utf-8")
    copy_if_new(source, target)
    target_time = target.stat().st_mtime
    source.write_text("2", encoding="utf-8")
    os.utime(source, (target_time + 10, target_time + 10))
    copy_if_new(source, target)
    assert target.read_text(encoding="utf-8") == "2"
