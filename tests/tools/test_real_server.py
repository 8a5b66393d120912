"""The set-up's own modules against a real ComfyUI: start, describe, convert, run, refuse, end."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tools.comfy import client as comfy_client
from tools.comfy.server import import_failures
from tools.comfy.workflow import to_api

from ..conftest import RunningServer

pytestmark = pytest.mark.server

# EmptyImage -> SaveImage as the editor saves it, with the seed-like extras of a KSampler left out of the picture.
WORKFLOW = {
    "nodes": [
        {"id": 1, "type": "EmptyImage", "mode": 0, "inputs": [], "widgets_values": [96, 64, 1, 255]},
        {
            "id": 2,
            "type": "SaveImage",
            "mode": 0,
            "inputs": [{"name": "images", "type": "IMAGE", "link": 1}],
            "widgets_values": ["blue"],
        },
    ],
    "links": [[1, 1, 0, 2, 0, "IMAGE"]],
}


def test_a_workflow_of_the_editor_runs_to_a_picture(server: RunningServer) -> None:
    seen: list[comfy_client.RunProgress] = []
    graph = to_api(WORKFLOW, comfy_client.object_info(server.url))
    assert graph["1"]["inputs"] == {"width": 96, "height": 64, "batch_size": 1, "color": 255}
    result = comfy_client.run(server.url, graph, seen.append)
    assert result.error is None
    assert result.history["status"]["status_str"] == "success"
    (file,) = result.files(server.base)
    assert file.parent == server.base / "output"
    with Image.open(file) as picture:
        assert picture.size == (96, 64)
        assert picture.getpixel((0, 0)) == (0, 0, 255)
    assert (seen[-1].done, seen[-1].nodes) == (2, 2)
    assert {progress.class_type for progress in seen} == {"EmptyImage", "SaveImage"}


def test_a_graph_that_is_refused_says_which_field_of_which_node(server: RunningServer) -> None:
    graph = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": -5, "height": 64, "batch_size": 1, "color": 0}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
    }
    error = comfy_client.run(server.url, graph).error
    assert error is not None
    assert (error.kind, error.node_id, error.node_type) == ("validation", "1", "EmptyImage")
    assert str(error) == "EmptyImage (node 1): Value -5 smaller than min of 1: width"


def test_a_node_that_raises_says_its_own_words(server: RunningServer) -> None:
    wrong = server.base / "input" / "no.png"
    wrong.write_text("no picture", encoding="utf-8")
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "no.png"}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
    }
    error = comfy_client.run(server.url, graph).error
    wrong.unlink()
    assert error is not None
    assert (error.kind, error.node_id, error.node_type) == ("execution", "1", "LoadImage")
    assert str(error) == str(error.details["exception_message"]).strip() != ""


def test_no_pack_failed_to_import(server: RunningServer) -> None:
    packs = [path for path in import_failures(server.log) if Path(path).parent.name == "custom_nodes"]
    assert packs == []
