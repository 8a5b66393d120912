"""Write the example workflows and the scenes that the tiny one starts from: `python -m tools.make_workflows NAME ...` inside the test
environment. A NAME is a workflow's file name without its ending; no name means all of them. `tools.make_pictures` makes their pictures.

The real frontend loads the graphs of `tools.examples`, lays them out and saves them, so the files are what ComfyUI itself writes. Needs
FLASHMOTION_COMFYUI and FLASHMOTION_BROWSER, as run_tests.py sets them.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .comfy.base_folder import copy_if_new, link_pack, put_models
from .comfy.frontend import BROWSER_ARGUMENTS, open_page, set_settings
from .comfy.server import Server
from .examples.all_examples import all_examples
from .examples.example_parts import Example
from .quickstart import scenes
from .setup.comfyui_source import NEWEST
from .terminal import wanted
from .version import version

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "example_workflows"
TINY = ROOT / "assets" / "tiny"
OURS = (
    "LoadFastGenerator",
    "DrawTrajectory",
    "ApplyFastAdapter",
    "ApplyMotionGuide",
    "FewStepSampler",
    "MotionAnimatic",
    "TrajectoryScore",
)
# Where a workflow stands when it is opened as a file; a template is fitted to the page.
SCALE, OFFSET = 0.62, (110, 225)
LAY_OUT = """([nodes, notes, groups, titles, fixedSeed]) => {
    const graph = window.app.graph
    for (const node of graph.nodes) {
        node.title = titles[node.id] ?? node.title
        const after = node.widgets?.find((widget) => widget.name === 'control_after_generate')
        if (fixedSeed && after) after.value = 'fixed'
    }
    for (const [id, [type, x, y, width, height]] of Object.entries(nodes)) {
        const node = graph.getNodeById(id) ?? graph.getNodeById(Number(id))
        node.pos = [x, y]
        node.setSize([width, height])
    }
    for (const [title, text, x, y, width, height] of notes) {
        const note = window.LiteGraph.createNode('MarkdownNote')
        note.title = title
        note.pos = [x, y]
        note.setSize([width, height])
        graph.add(note)
        note.widgets[0].value = text
    }
    for (const [title, x, y, width, height] of groups) {
        const group = new window.LiteGraph.LGraphGroup(title)
        group.pos = [x, y]
        group.size = [width, height]
        group.font_size = 36
        graph.add(group)
    }
}"""


@contextmanager
def comfyui_pages() -> Iterator[tuple[Server, Browser]]:
    """A ComfyUI server that has the pack, the tiny models, the pictures and an empty file for every other model; and a browser."""
    from playwright.sync_api import sync_playwright

    missing = [name for name in ("FLASHMOTION_COMFYUI", "FLASHMOTION_BROWSER") if name not in os.environ]
    if missing:
        raise SystemExit(
            f"{' and '.join(missing)} are not set; set them as run_tests.py does: a ComfyUI's folder and a browser."
        )
    comfyui, browser = Path(os.environ["FLASHMOTION_COMFYUI"]), os.environ["FLASHMOTION_BROWSER"]
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        link_pack(ROOT, base / "custom_nodes")
        put_models(TINY, base / "models")
        for picture in (*TINY.glob("*.png"), *TINY.glob("*.jpg"), comfyui / "input" / "example.png"):
            copy_if_new(picture, base / "input" / picture.name)
        for example in all_examples().values():
            for models in example.models.values():
                for model in models:
                    path = base / "models" / model["directory"] / model["name"]
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.touch()
        with Server(sys.executable, comfyui, base) as server, sync_playwright() as playwright:
            set_settings(server.url, {})
            chromium = playwright.chromium.launch(executable_path=browser, args=list(BROWSER_ARGUMENTS))
            yield server, chromium
            chromium.close()


def save(page: Page, name: str, example: Example) -> None:
    """Load a graph, lay it out and write the workflow."""
    page.evaluate("async ([graph, name]) => { await window.app.loadApiJson(graph, name) }", [example.graph, name])
    page.wait_for_timeout(500)
    nodes = {key: list(node[:5]) for key, node in example.nodes.items()}
    page.evaluate(LAY_OUT, [nodes, example.notes, example.groups, example.titles, example.fixed_seed])
    page.wait_for_timeout(500)
    workflow = page.evaluate("() => JSON.parse(JSON.stringify(window.app.graph.serialize()))")
    for node in workflow["nodes"]:
        own = node["type"] in OURS
        node["properties"] |= {
            "cnr_id": "flashmotion" if own else "comfy-core",
            "ver": version() if own else NEWEST.version,
        }
        if str(node["id"]) in example.models:
            node["properties"]["models"] = example.models[str(node["id"])]
    workflow["extra"] = {"ds": {"scale": SCALE, "offset": list(OFFSET)}, "linearData": example.app}
    workflow["id"] = str(fixed_id(name))
    (FOLDER / f"{name}.json").write_text(json.dumps(workflow, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def fixed_id(name: str) -> uuid.UUID:
    """A workflow id that does not change from run to run."""
    return uuid.uuid5(uuid.NAMESPACE_DNS, f"flashmotion/{name}")


def main() -> None:
    """Write the named workflows, or all, into example_workflows/."""
    examples = all_examples()
    names = wanted("tools.make_workflows", __doc__, list(examples))
    FOLDER.mkdir(exist_ok=True)
    for scene in map(scenes.draw, range(len(scenes.PICKED))):
        scene.picture().save(TINY / scene.name, optimize=True)
    with comfyui_pages() as (server, chromium):
        for name in names:
            page = chromium.new_page(viewport={"width": 1850, "height": 940})
            open_page(page, server.url)
            save(page, name, examples[name])
            page.close()
            print(f"{name}: {len(examples[name].nodes)} nodes")


if __name__ == "__main__":
    main()
