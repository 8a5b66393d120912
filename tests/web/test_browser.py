"""The example workflows in the real frontend, in both renderers: they load, run by the Run button, and show their video."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from tools.comfy.workflow import to_api

from ..conftest import RunningServer
from .conftest import RENDERERS
from .workflow_page import OURS, WORKFLOWS, OpenPage, nothing_is_missing

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("renderer", RENDERERS, scope="module")]


@pytest.fixture(scope="module")
def known(newest_server: RunningServer) -> dict[str, Any]:
    """What the server says about its nodes."""
    with urllib.request.urlopen(f"{newest_server.url}/object_info") as reply:
        info: dict[str, Any] = json.load(reply)
    return info


def saved(name: str) -> Any:
    """An example workflow's file."""
    return json.loads((WORKFLOWS / f"{name}.json").read_text(encoding="utf-8"))


def test_load_run_and_read_back(ready: OpenPage, newest_server: RunningServer) -> None:
    ready.load("flashmotion_tiny_cpu")
    nothing_is_missing(ready.page, newest_server.url)
    ready.picture("loaded")
    # What Run sends and what is saved is the document.
    entries = saved("flashmotion_tiny_cpu")["nodes"]
    (drawn,) = (entry["widgets_values"][0] for entry in entries if entry["type"] == "DrawTrajectory")
    prompt = ready.page.evaluate("async () => (await window.app.graphToPrompt()).output")
    (sent,) = (entry["inputs"] for entry in prompt.values() if entry["class_type"] == "DrawTrajectory")
    assert sent["trajectory"] == drawn
    graph = ready.page.evaluate("() => JSON.parse(JSON.stringify(window.app.graph.serialize()))")
    before = {entry["type"]: entry.get("widgets_values") for entry in entries}
    after = {entry["type"]: entry.get("widgets_values") for entry in graph["nodes"]}
    assert {kind: after[kind] for kind in OURS} == {kind: before[kind] for kind in OURS}

    seen = ready.run()
    ready.picture("ran")
    assert [event for event in seen if event[0] == "execution_error"] == []
    outputs = {str(detail["node"]): detail["output"] for name, detail in seen if name == "executed"}
    kinds = dict(ready.page.evaluate("() => window.app.graph.nodes.map((node) => [String(node.id), node.type])"))
    by_kind = {kinds[node]: output for node, output in outputs.items()}
    assert "images" not in by_kind["DrawTrajectory"]
    (video,) = by_kind["SaveVideo"]["images"]
    path = newest_server.base / "output" / video["subfolder"] / video["filename"]
    assert path.stat().st_size > 10_000
    with urllib.request.urlopen(f"{newest_server.url}/history?max_items=1") as reply:
        (entry,) = json.load(reply).values()
    assert entry["status"]["status_str"] == "success"
    # The video plays in the page.
    ready.page.wait_for_function(
        "() => [...document.querySelectorAll('video')].some((video) => video.videoWidth > 0)", timeout=30_000
    )
    sizes = ready.page.evaluate(
        "() => [...document.querySelectorAll('video')].map((video) => [video.videoWidth, video.videoHeight])"
    )
    assert [128, 128] in sizes
    assert ready.complaints_about_us() == []


@pytest.mark.parametrize(
    "name",
    [
        "flashmotion_no_adapter",
        "flashmotion_plus_adapter",
        "flashmotion_quick_takes",
        "flashmotion_with_detector",
        "flashmotion_video_motion",
        "flashmotion_tiny_cpu",
    ],
)
def test_workflows_open_without_missing_nodes_and_run_sends_what_the_quickstart_sends(
    name: str, ready: OpenPage, known: dict[str, Any]
) -> None:
    ready.load(name)
    workflow = saved(name)
    kinds = ready.page.evaluate(
        "() => window.app.graph.nodes.filter((node) => !node.has_errors).map((node) => node.type)"
    )
    assert sorted(kinds) == sorted(entry["type"] for entry in workflow["nodes"])
    links = ready.page.evaluate("() => window.app.graph.serialize().links.length")
    assert links == len(workflow["links"])
    # The files were saved with nine outputs: what was added since is there too, behind them.
    slots = ready.page.evaluate(
        "() => window.app.graph.nodes.find((node) => node.type === 'DrawTrajectory').outputs.map((slot) => slot.name)"
    )
    assert slots == ["trajectory", "preview", "masks", "boxes", "tracks", "width", "height", "length", "fps", "prompt"]
    sent = ready.page.evaluate("async () => (await window.app.graphToPrompt()).output")
    assert {key: entry["inputs"] for key, entry in to_api(workflow, known).items()} == {
        key: entry["inputs"] for key, entry in sent.items()
    }
    assert ready.complaints_about_us() == []
