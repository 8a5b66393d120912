"""The tiny workflow in the real frontend, in both renderers: it loads, runs by the Run button, and shows its video."""

from __future__ import annotations

import json
import urllib.request

import pytest

from tools.comfy.workflow import to_api

from ..conftest import RunningServer
from .workflow_page import OURS, WORKFLOWS, OpenPage, nothing_is_missing

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("workflow_page", ["classic", "vue"], indirect=True)]


def test_the_tiny_template_misses_nothing_here_either(ready: OpenPage, newest_server: RunningServer) -> None:
    ready.load("flashmotion_tiny_cpu")
    nothing_is_missing(ready.page, newest_server.url)


def test_load_run_and_read_back(ready: OpenPage, newest_server: RunningServer) -> None:
    ready.load("flashmotion_tiny_cpu")
    ready.picture("loaded")
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
    assert ready.complaints_about_us() == []


def test_the_video_plays_in_the_page(ready: OpenPage) -> None:
    ready.load("flashmotion_tiny_cpu")
    ready.run()
    ready.page.wait_for_function(
        "() => [...document.querySelectorAll('video')].some((video) => video.videoWidth > 0)", timeout=30_000
    )
    sizes = ready.page.evaluate(
        "() => [...document.querySelectorAll('video')].map((video) => [video.videoWidth, video.videoHeight])"
    )
    assert [128, 128] in sizes


@pytest.mark.parametrize(
    "name",
    [
        "flashmotion_no_adapter",
        "flashmotion_tiny_cpu",
        "flashmotion_quick_takes",
        "flashmotion_with_detector",
        "flashmotion_video_motion",
    ],
)
def test_the_quickstarts_conversion_gives_what_run_sends(name: str, ready: OpenPage) -> None:
    ready.load(name)
    known = ready.page.evaluate("async () => await (await fetch('/object_info')).json()")
    workflow = json.loads((WORKFLOWS / f"{name}.json").read_text(encoding="utf-8"))
    sent = ready.page.evaluate("async () => (await window.app.graphToPrompt()).output")
    assert {key: entry["inputs"] for key, entry in to_api(workflow, known).items()} == {
        key: entry["inputs"] for key, entry in sent.items()
    }


def test_what_run_sends_and_what_is_saved_is_the_document(ready: OpenPage) -> None:
    ready.load("flashmotion_tiny_cpu")
    workflow = json.loads((WORKFLOWS / "flashmotion_tiny_cpu.json").read_text(encoding="utf-8"))
    (drawn,) = (entry["widgets_values"][0] for entry in workflow["nodes"] if entry["type"] == "DrawTrajectory")
    prompt = ready.page.evaluate("async () => (await window.app.graphToPrompt()).output")
    (sent,) = (entry["inputs"] for entry in prompt.values() if entry["class_type"] == "DrawTrajectory")
    assert sent["trajectory"] == drawn
    saved = ready.page.evaluate("() => JSON.parse(JSON.stringify(window.app.graph.serialize()))")
    before = {entry["type"]: entry.get("widgets_values") for entry in workflow["nodes"]}
    after = {entry["type"]: entry.get("widgets_values") for entry in saved["nodes"]}
    assert {kind: after[kind] for kind in OURS} == {kind: before[kind] for kind in OURS}


@pytest.mark.parametrize(
    "name",
    [
        "flashmotion_no_adapter",
        "flashmotion_plus_adapter",
        "flashmotion_quick_takes",
        "flashmotion_with_detector",
        "flashmotion_video_motion",
    ],
)
def test_the_full_size_workflows_open_without_missing_nodes(name: str, ready: OpenPage) -> None:
    ready.load(name)
    workflow = json.loads((WORKFLOWS / f"{name}.json").read_text(encoding="utf-8"))
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
    assert ready.complaints_about_us() == []
