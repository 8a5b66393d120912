"""The pack in real ComfyUI servers: it loads, its workflows validate, the tiny one runs to a video, errors reach the user."""

from __future__ import annotations

import asyncio
import copy
import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import aiohttp
import av
import numpy as np
import pytest

from flashmotion_core.files.weights import read_tensors, save_whole
from flashmotion_core.video.frames import to_rgb
from tools.comfy.client import object_info
from tools.comfy.server import import_failures
from tools.comfy.workflow import WorkflowError, to_api

from ..conftest import RunningServer
from ..support.sentences import names, refuses

pytestmark = pytest.mark.server

WORKFLOWS = sorted((Path(__file__).resolve().parents[2] / "example_workflows").glob("*.json"))
OURS = (
    "LoadFastGenerator",
    "DrawTrajectory",
    "ApplyFastAdapter",
    "FewStepSampler",
    "MotionAnimatic",
    "TrajectoryScore",
    "ApplyMotionGuide",
)


def tiny_graph(server: RunningServer, name: str = "flashmotion_tiny_cpu") -> dict[str, Any]:
    """An example in API form, with a fixed seed."""
    workflow = json.loads(next(path for path in WORKFLOWS if path.stem == name).read_text(encoding="utf-8"))
    return to_api(workflow, object_info(server.url))


def node(graph: dict[str, Any], kind: str) -> dict[str, Any]:
    """Inputs of the one node of a kind."""
    (found,) = (entry["inputs"] for entry in graph.values() if entry["class_type"] == kind)
    return found  # type: ignore[no-any-return]


def frames_of(path: Path) -> np.ndarray[Any, Any]:
    with av.open(str(path)) as container:
        return np.stack([to_rgb(frame) for frame in container.decode(video=0)])


def video_of(server: RunningServer, graph: dict[str, Any]) -> np.ndarray[Any, Any]:
    result = server.run(graph)
    assert result.error is None, result.error
    # Clients of the API take the first file of a prompt's outputs, so nothing of ours may be among them.
    (path,) = result.files(server.base)
    assert path.suffix == ".mp4"
    return frames_of(path)


def test_the_pack_loads_without_a_complaint(server: RunningServer) -> None:
    assert import_failures(server.log).keys().isdisjoint({str(server.base / "custom_nodes/flashmotion")})
    lines = server.log.read_text(encoding="utf-8").replace("\\", "/").splitlines()
    about_us = [line for line in lines if "custom_nodes/flashmotion" in line]
    assert any("seconds" in line for line in about_us)
    assert not [line for line in about_us if "FAILED" in line or "Cannot import" in line or "rror" in line]


def test_all_nodes_are_known(server: RunningServer) -> None:
    info = object_info(server.url)
    for name in OURS:
        assert info[name]["python_module"] == "custom_nodes.flashmotion"
        assert info[name]["category"] == "FlashMotion"
        assert "few step" in info[name]["search_aliases"]
    assert {name for name in OURS if "motion brush" in info[name]["search_aliases"]} == {
        "DrawTrajectory",
        "ApplyFastAdapter",
        "MotionAnimatic",
        "ApplyMotionGuide",
    }
    assert info["FewStepSampler"]["input"]["required"]["seed"][1]["control_after_generate"] is True


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_example_workflows_validate(path: Path, server: RunningServer) -> None:
    """The server accepts the graph: every node, input, type and choice exists."""
    workflow, info = json.loads(path.read_text(encoding="utf-8")), object_info(server.url)
    younger = {"flashmotion_with_detector": "RTDETR_detect", "flashmotion_video_motion": "SAM3_VideoTrack"}.get(
        path.stem
    )
    if younger is not None and younger not in info:
        assert server.version == "0.16.3", "these nodes are younger than the oldest ComfyUI we support"
        with refuses(WorkflowError, key=younger.split("_")[0]):
            to_api(workflow, info)
        return
    graph = to_api(workflow, info)
    request = urllib.request.Request(
        f"{server.url}/prompt", json.dumps({"prompt": graph}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as reply:
        answer = json.load(reply)
    assert answer["node_errors"] == {}
    urllib.request.urlopen(urllib.request.Request(f"{server.url}/interrupt", b"", method="POST")).close()


def test_example_workflows_are_complete() -> None:
    assert {path.stem for path in WORKFLOWS} == {
        "flashmotion_tiny_cpu",
        "flashmotion_tiny_best_of_seeds",
        "flashmotion_no_adapter",
        "flashmotion_plus_adapter",
        "flashmotion_quick_takes",
        "flashmotion_with_detector",
        "flashmotion_video_motion",
    }
    for path in WORKFLOWS:
        assert path.with_suffix(".jpg").stat().st_size > 10_000
        workflow = json.loads(path.read_text(encoding="utf-8"))
        for entry in workflow["nodes"]:
            assert entry["properties"]["cnr_id"] == ("flashmotion" if entry["type"] in OURS else "comfy-core")
        text = path.read_text(encoding="utf-8")
        assert "/root" not in text
        assert "C:\\" not in text


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_loader_says_which_file_goes_where(path: Path) -> None:
    """As the frontend's panel of missing models reads it: a download needs a page of Hugging Face or Civitai."""
    listed: dict[str, str] = {}
    for entry in json.loads(path.read_text(encoding="utf-8"))["nodes"]:
        chosen = {value for value in entry.get("widgets_values") or [] if str(value).endswith(".safetensors")}
        models = entry["properties"].get("models", [])
        assert {model["name"] for model in models} == chosen, entry["type"]
        for model in models:
            assert set(model) <= {"name", "url", "directory"}
            url = model.get("url", f"https://huggingface.co/{model['name']}")
            assert url.startswith(("https://huggingface.co/", "https://civitai.com/"))
            assert url.endswith("/" + model["name"])
            listed[model["name"]] = model["directory"] + (" (public)" if "url" in model else "")
    full = {
        "wan2.2_ti2v_5B_fp16.safetensors": "diffusion_models (public)",
        "Wan22_TI2V_5B_Turbo_lora_rank_64_fp16.safetensors": "loras (public)",
        "wan2.2_vae.safetensors": "vae (public)",
        "umt5_xxl_fp8_e4m3fn_scaled.safetensors": "text_encoders (public)",
        "flashmotion_resnet.safetensors": "model_patches",
    }
    tiny = {
        "flashmotion_tiny_generator.safetensors": "diffusion_models",
        "flashmotion_tiny_vae.safetensors": "vae",
        "flashmotion_tiny_resnet.safetensors": "model_patches",
    }
    assert (
        listed
        == {
            "flashmotion_no_adapter": {name: place for name, place in full.items() if "public" in place},
            "flashmotion_plus_adapter": full,
            "flashmotion_quick_takes": full | {"lighttaew2_2.safetensors": "vae_approx (public)"},
            "flashmotion_with_detector": full | {"rt_detr_v4-x-hgnet_fp16.safetensors": "diffusion_models (public)"},
            "flashmotion_tiny_cpu": tiny,
            "flashmotion_tiny_best_of_seeds": tiny,
            "flashmotion_video_motion": full | {"sam3.1_multiplex_fp16.safetensors": "checkpoints (public)"},
        }[path.stem]
    )


def test_the_tiny_workflow_makes_a_video(server: RunningServer) -> None:
    frames = video_of(server, tiny_graph(server))
    assert frames.shape == (17, 128, 128, 3)
    assert frames[10].std() > 5


def test_the_best_of_four_seeds_is_saved_and_scored(newest_server: RunningServer) -> None:
    graph = tiny_graph(newest_server, "flashmotion_tiny_best_of_seeds")
    done = newest_server.run(graph)
    (said,) = (
        event["data"]["output"]["text"][0]
        for event in done.events
        if event["type"] == "executed" and "text" in (event["data"].get("output") or {})
    )
    listed = [float(value) for value in re.findall(r"[0-9]: (0\.[0-9]+)", said.splitlines()[0])]
    assert len(listed) == 4
    assert f"Box IoU {max(listed):.3f}" in said
    assert f"Clip {listed.index(max(listed))} of 4" in said
    assert len(set(listed)) > 1
    assert sorted(path.suffix for path in done.files(newest_server.base)) == [".mp4", ".png"]


def test_a_photograph_and_another_adapter(newest_server: RunningServer) -> None:
    graph = tiny_graph(newest_server)
    node(graph, "LoadImage")["image"] = "astronaut.png"
    resnet = video_of(newest_server, graph)
    node(graph, "ApplyFastAdapter")["adapter_name"] = "flashmotion_tiny_controlnet.safetensors"
    controlnet = video_of(newest_server, graph)
    assert resnet.shape == controlnet.shape
    assert np.abs(resnet[10].astype(int) - controlnet[10]).mean() > 1


def test_moving_the_boxes_changes_the_video_and_nothing_is_encoded_twice(newest_server: RunningServer) -> None:
    graph = tiny_graph(newest_server)
    node(graph, "FewStepSampler")["seed"] = 77
    first = video_of(newest_server, graph)
    node(graph, "FewStepSampler")["seed"] = 78
    again = newest_server.run(graph)
    (apply_id,) = (key for key, entry in graph.items() if entry["class_type"] == "ApplyFastAdapter")
    cached = [event["data"]["nodes"] for event in again.events if event["type"] == "execution_cached"]
    assert any(apply_id in nodes for nodes in cached)
    node(graph, "FewStepSampler")["seed"] = 77
    draw = node(graph, "DrawTrajectory")
    moved = json.loads(draw["trajectory"])
    moved["objects"][0]["keyframes"][-1].update(x=0.2, y=0.2)
    draw["trajectory"] = json.dumps(moved)
    assert np.abs(first[-1].astype(int) - video_of(newest_server, graph)[-1]).mean() > 0.5


def test_the_fast_workflows_switch_changes_the_decoder_and_samples_nothing_again(newest_server: RunningServer) -> None:
    graph, fast = tiny_graph(newest_server), tiny_graph(newest_server, "flashmotion_quick_takes")
    tensors, metadata = read_tensors(newest_server.base / "models/vae/flashmotion_tiny_vae.safetensors")
    tensors["decoder.22.bias"] = tensors["decoder.22.bias"] + 0.2
    save_whole(newest_server.base / "models/vae/brighter.safetensors", tensors, metadata)
    graph |= {key: fast[key] for key in ("15", "16")}
    graph["15"]["inputs"]["vae_name"] = "brighter.safetensors"
    graph["8"]["inputs"]["vae"] = fast["8"]["inputs"]["vae"]
    assert fast["16"]["inputs"]["switch"] is False
    looks = [video_of(newest_server, graph).astype(int)]
    graph["16"]["inputs"]["switch"] = True
    result = newest_server.run(graph)
    assert result.error is None, result.error
    cached = {key for event in result.events if event["type"] == "execution_cached" for key in event["data"]["nodes"]}
    assert "7" in cached
    looks.append(frames_of(result.files(newest_server.base)[0]).astype(int))
    assert looks[0].mean() - looks[1].mean() > 15


def test_the_template_without_an_adapter_runs_by_either_model(server: RunningServer) -> None:
    """With the tiny models: one switch, from four steps to many with CFG, and the guide is not encoded again."""
    graph, tiny = tiny_graph(server, "flashmotion_no_adapter"), tiny_graph(server)
    for key in ("1", "14"):
        graph[key]["inputs"] |= {"generator_name": "flashmotion_tiny_generator.safetensors", "lora_name": "none"}
    for key in ("2", "3"):
        graph[key] = tiny[key]
    node(graph, "DrawTrajectory")["trajectory"] = node(tiny, "DrawTrajectory")["trajectory"]
    del graph["11"]
    for key in ("12", "16"):
        graph[key] = {"class_type": "TestEmptyConditioning", "inputs": {}}
    assert graph["17"]["inputs"]["steps"] == 20
    graph["17"]["inputs"]["steps"] = 6  # time
    assert graph["13"]["inputs"]["value"] is False
    looks = [video_of(server, graph).astype(int)]
    graph["13"]["inputs"]["value"] = True
    looks.append(video_of(server, graph).astype(int))
    assert np.abs(looks[0] - looks[1])[1:].mean() > 1
    graph["5"]["inputs"]["follow"] = 0.0
    free = video_of(server, graph).astype(int)
    assert np.abs(free - looks[1])[1:].mean() > 1


def test_a_document_may_be_sent_as_an_object(server: RunningServer) -> None:
    """POST /prompt with `trajectory` as a JSON object, and with the coordinates of a spline editor."""
    graph = tiny_graph(server)
    text = video_of(server, graph)
    draw = node(graph, "DrawTrajectory")
    draw["trajectory"] = json.loads(draw["trajectory"])
    assert np.array_equal(video_of(server, graph), text)
    draw["trajectory"] = json.dumps([{"x": 20 + 5 * frame, "y": 64} for frame in range(17)])
    assert video_of(server, graph).shape == text.shape


def test_an_error_of_ours_is_shown_by_its_plain_name(newest_server: RunningServer) -> None:
    graph = tiny_graph(newest_server)
    node(graph, "DrawTrajectory")["trajectory"] = "{]"
    result = newest_server.run(graph)
    (failed,) = [event["data"] for event in result.events if event["type"] == "execution_error"]
    assert failed["exception_type"] == "ValueError"


@pytest.mark.parametrize("name", ["strength", "start"])
def test_nan_over_the_api_is_refused(name: str, newest_server: RunningServer) -> None:
    graph = tiny_graph(newest_server)
    node(graph, "ApplyFastAdapter")[name] = float("nan")
    result = newest_server.run(graph)
    assert result.error is not None
    names(str(result.error), key=f"ApplyFastAdapter's {name}", value="nan", remedy="give a finite number")


def test_boxes_of_a_core_node_drive_the_trajectory(newest_server: RunningServer) -> None:
    """BOUNDING_BOX of ComfyUI's own crop-region node goes in; ours goes out to its own consumer."""
    graph = tiny_graph(newest_server)
    draw = node(graph, "DrawTrajectory")
    draw["trajectory"] = '{"version": 1, "size": [192, 160], "frames": 9, "objects": []}'
    graph["box"] = {"class_type": "PrimitiveBoundingBox", "inputs": {"x": 60, "y": 40, "width": 100, "height": 120}}
    draw["boxes"] = ["box", 0]
    assert video_of(newest_server, graph).shape == (9, 160, 192, 3)


def test_stock_sampler_and_latent_nodes_combine_with_ours(newest_server: RunningServer) -> None:
    """Our MODEL through ComfyUI's KSampler and latent nodes: the same video as from FewStepSampler."""
    graph = tiny_graph(newest_server)
    ours = video_of(newest_server, graph)
    inputs = node(graph, "FewStepSampler")
    graph["text"] = {"class_type": "TestEmptyConditioning", "inputs": {}}
    graph["stock"] = {
        "class_type": "KSampler",
        "inputs": {
            **{"model": inputs["model"], "seed": inputs["seed"], "steps": 4, "cfg": 1.0, "denoise": 1.0},
            **{"sampler_name": "lcm", "scheduler": "simple", "latent_image": inputs["latent"]},
            **{"positive": ["text", 0], "negative": ["text", 0]},
        },
    }
    graph["half"] = {"class_type": "LatentMultiply", "inputs": {"samples": ["stock", 0], "multiplier": 0.5}}
    graph["whole"] = {"class_type": "LatentAdd", "inputs": {"samples1": ["half", 0], "samples2": ["half", 0]}}
    node(graph, "VAEDecode")["samples"] = ["whole", 0]
    stock = video_of(newest_server, graph)
    assert np.abs(ours.astype(int) - stock).mean() < 1


def errors() -> list[tuple[str, str, Any, str]]:
    """(node, input, bad value, words of the sentence)"""
    document = {"version": 1, "size": [384, 256], "frames": 33, "objects": []}
    negative = {"id": "a", "keyframes": [{"frame": 0, "x": 0.5, "y": 0.5, "w": -1, "h": 0.2}]}
    return [
        ("DrawTrajectory", "trajectory", "", "trajectory is empty"),
        ("DrawTrajectory", "trajectory", "{]", "trajectory"),
        ("DrawTrajectory", "trajectory", json.dumps(document), "has no objects"),
        ("DrawTrajectory", "trajectory", json.dumps({**document, "objects": [negative]}), "objects[0].keyframes[0].w"),
        ("DrawTrajectory", "length", 34, "use 33 or 37"),
        ("DrawTrajectory", "width", 100, "use 96 or 128"),
        ("LoadFastGenerator", "generator_name", "wan2.2_ti2v_5B_fp16.safetensors", "is an empty file"),
        ("LoadFastGenerator", "generator_name", "wan14b.safetensors", "the 14B"),
        ("LoadFastGenerator", "generator_name", "lora.safetensors", "found a LoRA"),
        ("ApplyFastAdapter", "adapter_name", "flashmotion_resnet.safetensors", "is an empty file"),
        ("ApplyFastAdapter", "adapter_name", "lora.safetensors", "is a LoRA"),
        ("ApplyFastAdapter", "adapter_name", "adapter14b.safetensors", "width 5120 with 40 blocks, but this one has width 256"),
        ("ApplyFastAdapter", "start", 1.0, None),
        ("FewStepSampler", "preset", "custom", "the sigmas are ''"),
        ("Wan22ImageToVideoLatent", "length", 33, "connect width, height and length of DrawTrajectory"),
    ]  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "value", "words"), errors())
def test_bad_input_gives_one_sentence(
    kind: str, name: str, value: Any, words: str | None, newest_server: RunningServer
) -> None:
    graph = copy.deepcopy(tiny_graph(newest_server))
    node(graph, kind)[name] = value
    result = newest_server.run(graph)
    if words is None:  # start equal to end: an empty range, no error
        assert result.error is None
        return
    assert result.error is not None
    assert words in str(result.error)
    assert str(result.error).strip().count("\n") == 0


def test_a_run_can_be_cancelled_while_sampling(newest_server: RunningServer) -> None:
    """Interrupt after the first step: the run ends as interrupted, long before 100 steps, and the server keeps running."""
    graph = tiny_graph(newest_server)
    node(graph, "FewStepSampler").update(steps=100, preset="turbo", seed=5)
    node(graph, "DrawTrajectory").update(width=384, height=256, length=33)  # steps that last

    async def cancel() -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{newest_server.url.replace('http', 'ws')}/ws?clientId=cancel") as socket,
        ):
            await (
                await session.post(f"{newest_server.url}/prompt", json={"prompt": graph, "client_id": "cancel"})
            ).json()
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    continue
                event = json.loads(message.data)
                events.append(event)
                if event["type"] == "progress" and event["data"]["value"] == 1:
                    await session.post(f"{newest_server.url}/interrupt")
                if event["type"] in ("execution_interrupted", "execution_success", "execution_error"):
                    return events
        raise AssertionError("the server closed the connection")

    events = asyncio.run(asyncio.wait_for(cancel(), 120))
    assert events[-1]["type"] == "execution_interrupted"
    steps = [event["data"]["value"] for event in events if event["type"] == "progress"]
    assert max(steps) < 50
    assert video_of(newest_server, tiny_graph(newest_server)).shape[0] == 17


def test_help_pages_and_locales_are_served(newest_server: RunningServer) -> None:
    for name in OURS:
        for language in ("en", "zh"):
            with urllib.request.urlopen(
                f"{newest_server.url}/extensions/flashmotion/docs/{name}/{language}.md"
            ) as page:
                assert len(page.read()) > 500
    with urllib.request.urlopen(f"{newest_server.url}/i18n") as reply:
        texts = json.load(reply)
    assert set(OURS) <= set(texts["zh"]["nodeDefs"])


def test_workflow_templates_are_listed(newest_server: RunningServer) -> None:
    with urllib.request.urlopen(f"{newest_server.url}/api/workflow_templates") as reply:
        listed = json.load(reply)
    assert set(listed["flashmotion"]) == {path.stem for path in WORKFLOWS}
