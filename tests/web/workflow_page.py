"""An example workflow in the real frontend: load it, press Run, read what came out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tools.comfy.frontend import open_page, set_settings

from .editor_page import NO_SHADOWS

WORKFLOWS = Path(__file__).resolve().parents[2] / "example_workflows"
OURS = ("LoadFastGenerator", "DrawTrajectory", "ApplyFastAdapter", "FewStepSampler")


def nothing_is_missing(page: Any, url: str) -> None:
    """The tiny template, just opened in the page of this server, asks for no file; its start picture is lent."""
    page.wait_for_function("() => document.querySelector('.fm-canvas')")
    page.wait_for_timeout(2000)  # the panel is opened a moment after the graph
    assert page.get_by_role("button", name="View details").count() == 0
    value = page.evaluate("() => window.app.graph.nodes.find((node) => node.type === 'LoadImage').widgets[0].value")
    assert value == "flashmotion_scene_0.png [temp]"
    reply = page.request.get(f"{url}/view?filename=flashmotion_scene_0.png&type=temp")
    assert reply.body() == (WORKFLOWS.parent / "assets/tiny/flashmotion_scene_0.png").read_bytes()


class OpenPage:
    """The frontend, and every complaint of its console."""

    def __init__(self, chromium: Any, url: str, artefacts: Path) -> None:
        set_settings(url, {})
        self.artefacts = artefacts
        self.complaints: list[str] = []
        self.page = chromium.new_page(viewport={"width": 1850, "height": 940})
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console",
            lambda entry: self.complaints.append(f"{entry.text} {entry.location}") if entry.type == "error" else None,
        )
        self.page.add_init_script(NO_SHADOWS)
        open_page(self.page, url)
        self.page.evaluate(
            """() => { window.seen = []; for (const name of ['executed', 'execution_success', 'execution_error'])
            window.app.api.addEventListener(name, (event) => window.seen.push([name, event.detail])) }"""
        )

    def set(self, name: str, value: Any) -> None:
        """Change one of the user's settings as the settings dialog does."""
        self.page.evaluate(
            "async ([name, value]) => { await window.app.extensionManager.setting.set(name, value) }", [name, value]
        )

    def clear(self, vue: bool) -> None:
        """An empty graph in Nodes 2.0 or the classic renderer, and nothing left of earlier runs."""
        self.page.evaluate("async () => { await window.app.clean(); window.app.nodeOutputs = {} }")
        self.page.wait_for_function("() => !document.querySelector('video') && window.app.graph.nodes.length === 0")
        self.set("Comfy.VueNodes.Enabled", vue)
        self.page.wait_for_function("(vue) => Boolean(window.LiteGraph.vueNodesMode) === vue", arg=vue)
        self.complaints.clear()

    def load(self, name: str, draw: int | None = None) -> None:
        """Open an example workflow; `draw`: another id for its DrawTrajectory, whose editor then keeps nothing of one before."""
        workflow = json.loads((WORKFLOWS / f"{name}.json").read_text(encoding="utf-8"))
        if draw is not None:
            (node,) = (entry for entry in workflow["nodes"] if entry["type"] == "DrawTrajectory")
            for link in workflow["links"]:
                link[1:4:2] = [draw if end == node["id"] else end for end in link[1:4:2]]
            node["id"] = draw
        self.page.evaluate(
            "async ([wf, name]) => { await window.app.loadGraphData(wf, true, true, name) }", [workflow, name]
        )
        self.page.wait_for_timeout(500)

    def run(self) -> list[list[Any]]:
        """Press Run and wait for the end: the (name, detail) of every event of this run."""
        self.page.evaluate("() => { window.seen = [] }")
        self.page.get_by_test_id("queue-button").first.click()
        self.page.wait_for_function(
            "() => window.seen.some(([name]) => name === 'execution_success' || name === 'execution_error')",
            timeout=180_000,
        )
        self.page.wait_for_timeout(1500)
        seen: list[list[Any]] = self.page.evaluate("() => window.seen")
        return seen

    def video(self, base: Path, seen: list[list[Any]]) -> Path:
        """The mp4 that a run wrote below the server's base directory; fails where it raised an error or wrote none."""
        assert [event for event in seen if event[0] == "execution_error"] == []
        outputs = [detail["output"] for name, detail in seen if name == "executed"]
        files = [
            entry for output in outputs for entry in output.get("images", []) if entry["filename"].endswith(".mp4")
        ]
        (video,) = files
        return base / "output" / str(video["subfolder"]) / str(video["filename"])

    def picture(self, name: str) -> None:
        """Keep a screenshot."""
        self.page.screenshot(path=self.artefacts / f"{name}.png")

    def complaints_about_us(self) -> list[str]:
        """The console's errors that name the pack or one of its nodes."""
        return [text for text in self.complaints if "flashmotion" in text.lower() or any(name in text for name in OURS)]
