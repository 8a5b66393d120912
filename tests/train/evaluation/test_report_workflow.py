"""The workflow beside a report: a real ComfyUI takes it as it is, with the run's own files, and makes the video."""

from __future__ import annotations

import json
import shutil
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from flashmotion_core.trajectory import parse
from tests.conftest import ROOT, RunningServer
from train.config.load import load
from train.data.sources import SourceClip
from train.data.synthetic_source import SyntheticSource
from train.evaluation.report_workflow import EXAMPLES, workflow, write_workflows
from train.monitor.console import Console
from train.parallel import ONE
from train.run_folder.artifacts import Artifacts
from train.run_folder.run import Run

SMALL = "models.adapters=[{kind: controlnet, lr_scale: 0.1}, {kind: resnet}]"
GIVEN = ["models.fast_generator=given/turbo.safetensors", "stage2.lora=null", "stage3.share_backbone=false"]


def artifacts_of(folder: Path, config: str, *overrides: str) -> Artifacts:
    return Artifacts(Run(load(config, overrides), folder, ONE, Console.silent()))


@pytest.fixture(scope="module")
def clip() -> SourceClip:
    return SyntheticSource(5, 1, "simple", (128, 128), 17, "eval_a").clip(0)


def node(found: dict[str, Any], kind: str) -> dict[str, Any]:
    (one,) = (entry for entry in found["nodes"] if entry["type"] == kind)
    return one  # type: ignore[no-any-return]


def test_one_workflow_per_adapter_and_a_start_picture(tmp_path: Path, clip: SourceClip) -> None:
    written = write_workflows(artifacts_of(tmp_path, "smoke"), clip, tmp_path / "report")
    assert [name for name, _ in written] == ["smoke_resnet.json", "smoke_controlnet.json", "smoke_start.png"]
    assert {path.name for path in (tmp_path / "report").iterdir()} == {name for name, _ in written}
    found = json.loads((tmp_path / "report/smoke_controlnet.json").read_text())
    assert node(found, "ApplyFastAdapter")["widgets_values"][0] == "smoke_fast_controlnet.safetensors"
    assert node(found, "VAELoader")["widgets_values"] == ["smoke_vae.safetensors"]
    assert node(found, "LoadImage")["widgets_values"][0] == "smoke_start.png"
    assert parse(json.loads(node(found, "DrawTrajectory")["widgets_values"][0])) == clip.trajectory
    assert len({json.loads((tmp_path / "report" / name).read_text())["id"] for name, _ in written[:2]}) == 2


@pytest.mark.parametrize(
    ("overrides", "generator", "lora"),
    [
        ([], "wan2.2_ti2v_5B_fp16.safetensors", "one_80g_fast_lora.safetensors"),
        (
            ["stage2.lora=null", "stage3.share_backbone=false"],
            "one_80g_fast_generator.safetensors",
            "none",
        ),
        (["models.generator=models/Wan2.2-TI2V-5B-Diffusers"], "one_80g_fast_generator.safetensors", "none"),
        (GIVEN, "turbo.safetensors", "none"),
    ],
)
def test_the_generator_is_what_the_run_leaves_or_was_given(
    tmp_path: Path, clip: SourceClip, overrides: list[str], generator: str, lora: str
) -> None:
    found = workflow(artifacts_of(tmp_path, "one_80g", *overrides), "resnet", clip, "start.png")
    loader = node(found, "LoadFastGenerator")
    assert loader["widgets_values"][:3] == [generator, "default", lora]
    listed = [entry["name"] for entry in loader["properties"]["models"]]
    assert listed == [name for name in (generator, lora) if name != "none"]
    assert node(found, "VAELoader")["widgets_values"] == ["wan2.2_vae.safetensors"]  # of a diffusers folder
    assert node(found, "CLIPTextEncode")["widgets_values"] == [clip.prompt]
    notes = "".join(entry["widgets_values"][0] for entry in found["nodes"] if entry["type"] == "MarkdownNote")
    assert all(name in notes for name in (*listed, "one_80g_fast_resnet.safetensors", "start.png"))
    assert "flashmotion_resnet" not in json.dumps(found)
    before = json.loads((EXAMPLES / "flashmotion_plus_adapter.json").read_text())
    assert found["links"] == before["links"]


@pytest.mark.server
def test_comfyui_runs_it_as_it_is(tmp_path: Path, clip: SourceClip, server: RunningServer) -> None:
    from tools.comfy.client import object_info
    from tools.comfy.workflow import to_api

    models = server.base / "models"
    write_workflows(artifacts_of(tmp_path, "tiny_adapter"), clip, tmp_path)
    shutil.copy(tmp_path / "tiny_adapter_start.png", server.base / "input")
    adapter = models / "model_patches/tiny_adapter_fast_resnet.safetensors"
    shutil.copy(ROOT / "assets/tiny/model_patches/flashmotion_tiny_resnet.safetensors", adapter)
    graph = to_api(json.loads((tmp_path / "tiny_adapter_resnet.json").read_text()), object_info(server.url))
    result = server.run(graph)
    assert result.error is None, result.error
    (video,) = result.files(server.base)
    assert video.suffix == ".mp4"

    # At full size, only what the server says before it runs: the files are empty.
    found = workflow(artifacts_of(tmp_path, "one_80g", SMALL), "controlnet", clip, "tiny_adapter_start.png")
    for name in ("loras/one_80g_fast_lora", "model_patches/one_80g_fast_controlnet"):
        (models / f"{name}.safetensors").touch()
    body = json.dumps({"prompt": to_api(found, object_info(server.url))}).encode()
    request = urllib.request.Request(f"{server.url}/prompt", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as reply:
        assert json.load(reply)["node_errors"] == {}
    urllib.request.urlopen(urllib.request.Request(f"{server.url}/interrupt", b"", method="POST")).close()
