"""The registry's archive in an empty ComfyUI: the tiny example runs at once, and nothing of the user's is touched."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from flashmotion_core.trajectory import parse
from tools.comfy import client as comfy_client
from tools.comfy.server import Server, import_failures
from tools.comfy.workflow import to_api
from tools.quickstart import scenes
from tools.quickstart.follow import measure
from tools.quickstart.overlay import read_frames

from ..support.archive import ROOT, unpack

WORKFLOW = "example_workflows/flashmotion_tiny_cpu.json"
CARRIED = {
    "LoadFastGenerator": ("generator_name", "flashmotion_tiny_generator.safetensors"),
    "VAELoader": ("vae_name", "flashmotion_tiny_vae.safetensors"),
    "ApplyFastAdapter": ("adapter_name", "flashmotion_tiny_resnet.safetensors"),
}


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def oldest_empty_server(tmp_path: Path) -> Iterator[Server]:
    """The oldest ComfyUI whose base directory holds nothing but the unpacked archive."""
    comfyui = os.environ.get("FLASHMOTION_COMFYUI_OLDEST")
    if not comfyui:
        pytest.skip("needs FLASHMOTION_COMFYUI_OLDEST, the folder of a ComfyUI: run python run_tests.py")
    unpack(tmp_path / "custom_nodes" / "flashmotion")
    with Server(sys.executable, comfyui, tmp_path) as server:
        yield server


@pytest.mark.server
@pytest.mark.parametrize("name", ["empty_server", "oldest_empty_server"])
def test_the_tiny_template_runs_right_after_an_install(name: str, request: pytest.FixtureRequest) -> None:
    installed: Server = request.getfixturevalue(name)
    (pack,) = (installed.base / "custom_nodes").iterdir()
    assert str(pack) not in import_failures(installed.log)
    info = comfy_client.object_info(installed.url)
    for node, (field, name) in CARRIED.items():
        (choices, *_) = info[node]["input"]["required"][field]
        assert name in (choices if isinstance(choices, list) else info[node]["input"]["required"][field][1]["options"])
    graph = to_api(json.loads((pack / WORKFLOW).read_text(encoding="utf-8")), info)
    result = comfy_client.run(installed.url, graph, timeout=180)
    assert result.error is None, result.error
    (video,) = (file for file in result.files(installed.base) if file.suffix == ".mp4")
    frames = read_frames(video)
    assert [frame.size for frame in frames] == [(128, 128)] * 17
    scene = scenes.draw(0)
    followed = measure(frames, scene, parse(scene.document))
    assert followed.lost == 0
    assert followed.box_iou > 0.85
    start = np.asarray(scene.picture()).astype(int)
    assert np.abs(np.asarray(frames[0]).astype(int) - start).mean() < 6, "the first frame is the start picture"
    # Nobody copied a file, and the pack put none among the user's.
    assert files_below(installed.base / "models") == []
    assert files_below(installed.base / "input") == []
    assert files_below(installed.base / "output") == [video.relative_to(installed.base / "output").as_posix()]


@pytest.fixture
def registered(pack: ModuleType, tiny: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The pack's `carried` after it has added its folders, in lists of folders of this test's own."""
    import folder_paths

    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    for kind in pack.nodes.carried.KINDS:
        folders, endings = folder_paths.folder_names_and_paths[kind]
        monkeypatch.setitem(folder_paths.folder_names_and_paths, kind, (list(folders), endings))
    pack.nodes.carried.register()
    return pack.nodes.carried


def test_a_users_own_file_of_the_same_name_wins(registered: Any, tiny: dict[str, Path]) -> None:
    import folder_paths

    for kind in registered.KINDS:
        assert folder_paths.get_folder_paths(kind)[-1].startswith(str(ROOT / "assets" / "tiny"))
    _, name = CARRIED["VAELoader"]
    assert tiny["vae"].name == name
    assert folder_paths.get_full_path("vae", name) == str(tiny["vae"])
    only_ours = "flashmotion_tiny_slow_generator.safetensors"
    found = folder_paths.get_full_path("diffusion_models", only_ours)
    assert found == str(ROOT / "assets" / "tiny" / "diffusion_models" / only_ours)


def test_a_new_node_shows_a_users_model_before_a_carried_one(registered: Any, tiny: dict[str, Path]) -> None:
    names = registered.own_first("diffusion_models")
    own = tiny["generator"].with_name("wan_of_the_user.safetensors")
    shutil.copy(tiny["generator"], own)
    listed = registered.own_first("diffusion_models")
    assert set(listed) == {*names, own.name}
    assert listed.index(own.name) < listed.index("flashmotion_tiny_generator.safetensors")
    own.unlink()


def test_the_start_picture_is_lent_and_a_failure_is_a_line_in_the_log(
    registered: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import folder_paths

    before = folder_paths.get_temp_directory()
    try:
        folder_paths.set_temp_directory(str(tmp_path / "temp"))
        registered.register()
        assert (tmp_path / "temp" / scenes.picture_name(0)).read_bytes() == (
            ROOT / "assets/tiny/flashmotion_scene_0.png"
        ).read_bytes()
        (tmp_path / "file").write_text("", encoding="utf-8")
        folder_paths.set_temp_directory(str(tmp_path / "file" / "temp"))
        registered.register()
        assert "choose another picture" in caplog.text
    finally:
        folder_paths.set_temp_directory(before)
