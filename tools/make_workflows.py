"""Write the example workflows, their pictures, and the scenes that the tiny one starts from: `python -m tools.make_workflows NAME ...` inside
the test environment. Names are those of workflow files without their ending; none means all.

The graphs stand here in API form; the real frontend loads them, lays them out as told, and saves them, so the files are what
ComfyUI itself writes. Needs FLASHMOTION_COMFYUI and FLASHMOTION_BROWSER, as run_tests.py sets them.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from .comfy.base_folder import copy_if_new, link_pack, put_models
from .comfy.frontend import BROWSER_ARGUMENTS, open_page, set_settings
from .comfy.server import Server
from .quickstart import scenes
from .quickstart.readable import readable
from .setup import comfyui_source
from .version import version

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "example_workflows"
TINY = ROOT / "assets" / "tiny"
COLUMN = 440
DRAW_WIDTH, DRAW_HEIGHT = 560, 980  # of Draw Trajectory: a wide picture, and rows for three objects
NEXT = COLUMN + DRAW_WIDTH + 40  # where the columns after it begin
WAN_21 = "https://huggingface.co/Comfy-Org/Wan_2.1_ComfyUI_repackaged/resolve/main/split_files"
WAN_22 = "https://huggingface.co/Comfy-Org/Wan_2.2_ComfyUI_Repackaged/resolve/main/split_files"
SDPOSE = "https://huggingface.co/Comfy-Org/SDPose/resolve/main"

Node = tuple[str, int, int, int, int, dict[str, Any]]  # class, x, y, width, height, inputs


@dataclass
class Example:
    """One workflow: nodes by id, groups (title, x, y, width, height), and files that ComfyUI offers to download."""

    nodes: dict[str, Node]
    groups: list[tuple[str, int, int, int, int]]
    note: str
    models: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    run: bool = False


def document(size: tuple[int, int], frames: int, objects: list[dict[str, Any]]) -> str:
    """A trajectory document, readable in the text field."""
    return readable({"version": 1, "size": size, "frames": frames, "fps": 24, "objects": objects})


def main_graph(generator: str, vae: str, adapter: str, image: str, text: bool, trajectory: str) -> dict[str, Node]:
    """The graph that all examples share; ids as strings, in the order of use."""
    row = 120
    nodes: dict[str, Node] = {
        "1": ("LoadFastGenerator", 0, row, 400, 110, {"generator_name": generator, "weight_dtype": "default"}),
        "2": ("VAELoader", 0, row + 180, 400, 80, {"vae_name": vae}),
        "3": ("LoadImage", 0, row + 330, 400, 360, {"image": image}),
        "4": (
            "DrawTrajectory", COLUMN, row, DRAW_WIDTH, DRAW_HEIGHT,
            {
                "trajectory": trajectory, "connected_objects": "if nothing is drawn", "width": 0, "height": 0, "length": 0,
                "length_change": "retime", "mask_batch": "one mask per object", "track_size": 0.15, "first_frame_shapes": "boxes",
                "start_image": ["3", 0],
            },
        ),
        "5": (
            "ApplyFastAdapter", NEXT, row, 400, 250,
            {
                "model": ["1", 0], "vae": ["2", 0], "trajectory": ["4", 0], "adapter_name": adapter, "strength": 1.0, "start": 0.0,
                "end": 1.0, "masks": ["4", 2],
            },
        ),
        "6": (
            "Wan22ImageToVideoLatent", NEXT, row + 330, 400, 230,
            {
                "vae": ["2", 0], "width": ["4", 5], "height": ["4", 6], "length": ["4", 7], "batch_size": 1, "start_image": ["3", 0],
            },
        ),
        "7": (
            "FewStepSampler", NEXT + 440, row, 400, 270,
            {
                "model": ["5", 0], "latent": ["6", 0], "seed": 0, "preset": "from model", "steps": 4, "custom_sigmas": "",
            },
        ),
        "8": ("VAEDecode", NEXT + 440, row + 330, 400, 70, {"samples": ["7", 0], "vae": ["2", 0]}),
        "9": ("CreateVideo", NEXT + 440, row + 460, 400, 100, {"images": ["8", 0], "fps": ["4", 8]}),
        "10": (
            "SaveVideo", NEXT + 880, row, 460, 560,
            {"video": ["9", 0], "filename_prefix": "video/FlashMotion", "format": "mp4", "codec": "h264"},
        ),
    }  # fmt: skip
    if text:
        nodes["11"] = (
            "CLIPLoader", 0, row + 730, 400, 130,
            {"clip_name": "umt5_xxl_fp8_e4m3fn_scaled.safetensors", "type": "wan", "device": "default"},
        )  # fmt: skip
        nodes["12"] = (
            "CLIPTextEncode", COLUMN, row + DRAW_HEIGHT + 40, DRAW_WIDTH, 130,
            {"clip": ["11", 0], "text": "The dog runs across the meadow from left to right, tracking shot, sunlight."},
        )  # fmt: skip
        nodes["7"][5]["positive"] = ["12", 0]
    return nodes


def groups(height: int) -> list[tuple[str, int, int, int, int]]:
    """Frames around the steps."""
    return [
        ("1 - Models and picture", -20, 50, 440, height),
        ("2 - Draw", COLUMN - 20, 50, DRAW_WIDTH + 40, height),
        ("3 - Control and size", NEXT - 20, 50, 440, height),
        ("4 - Four steps", NEXT + 420, 50, 440, height),
        ("5 - Result", NEXT + 860, 50, 500, height),
    ]


WAN_FILES = {
    "2": [{"name": "wan2.2_vae.safetensors", "url": f"{WAN_22}/vae/wan2.2_vae.safetensors", "directory": "vae"}],
    "11": [
        {
            "name": "umt5_xxl_fp8_e4m3fn_scaled.safetensors",
            "url": f"{WAN_21}/text_encoders/umt5_xxl_fp8_e4m3fn_scaled.safetensors",
            "directory": "text_encoders",
        }
    ],
}
NOTE_5B = f"""## Files
- **models/diffusion_models/wan2.2_ti2v_5B_turbo.safetensors**: a four-step Wan2.2-TI2V-5B. Download `model.pt` of
  [quanhaol/Wan2.2-TI2V-5B-Turbo](https://huggingface.co/quanhaol/Wan2.2-TI2V-5B-Turbo) and convert it:
  `python -m flashmotion_core.convert model.pt wan2.2_ti2v_5B_turbo.safetensors --dtype bf16`
- **models/model_patches/flashmotion_resnet.safetensors**: a trajectory adapter for it, trained with FlashMotion or converted
- **models/vae/**[wan2.2_vae.safetensors]({WAN_22}/vae/wan2.2_vae.safetensors)
- **models/text_encoders/**[umt5_xxl_fp8_e4m3fn_scaled.safetensors]({WAN_21}/text_encoders/umt5_xxl_fp8_e4m3fn_scaled.safetensors)

## Use
Choose a picture, describe the motion in Draw Trajectory (x, y: centre of the box; all in fractions of the frame), write a prompt, run.
Sides are multiples of 32, frames 4k + 1. There is no CFG: the generator has guidance built in."""
NOTE_TINY = """## A tiny FlashMotion for any CPU
Two objects follow two boxes: run it, then move the boxes in Draw Trajectory and run again.

- The models are in **assets/tiny** of FlashMotion's repository, in folders named as those of **models**; the picture
  *flashmotion_scene_0.png* is there too and goes into **input**. `python quickstart.py --ui` puts all in place.
- They know drawn scenes like this one, 128 x 128 pixels and 17 frames, and nothing else. For photographs and real video there is the
  full-size graph, *flashmotion_5b*."""
NOTE_DETECTOR = (
    NOTE_5B
    + f"""

## Boxes from a detector
RT-DETR (**models/diffusion_models/**[rt_detr_v4-x-hgnet_fp16.safetensors]({SDPOSE}/diffusion_models/rt_detr_v4-x-hgnet_fp16.safetensors)) finds the
objects of the picture; nothing is drawn in Draw Trajectory, so its boxes are used and **stand still**. Give Run Real-Time Detection a
video's frames instead of the picture, and the new clip repeats its motion. Needs ComfyUI 0.30 or newer (the detector node)."""
)


def examples() -> dict[str, Example]:
    """All example workflows by file name."""
    dog = document(
        (1280, 704), 121,
        [{
            "id": "dog", "label": "dog", "path": "smooth", "keyframes": [
                {"frame": 0, "x": 0.25, "y": 0.62, "w": 0.22, "h": 0.42, "ease": "in-out"},
                {"frame": 60, "x": 0.5, "y": 0.55, "w": 0.24, "h": 0.46, "ease": "in-out"},
                {"frame": 120, "x": 0.75, "y": 0.62, "w": 0.28, "h": 0.52},
            ],
        }],
    )  # fmt: skip
    scene = scenes.draw(0)
    tiny = main_graph(
        "flashmotion_tiny_generator.safetensors",
        "flashmotion_tiny_vae.safetensors",
        "flashmotion_tiny_resnet.safetensors",
        scene.name,
        False,
        scene.document,
    )
    # Taller than the others: its picture is small, so that there is room for the whole editor and the preview.
    kind, x, y, width, _, inputs = tiny["4"]
    tiny["4"] = (kind, x, y, width, 1200, inputs)
    turbo = (
        "wan2.2_ti2v_5B_turbo.safetensors",
        "wan2.2_vae.safetensors",
        "flashmotion_resnet.safetensors",
        "example.png",
        True,
    )
    full = main_graph(*turbo, dog)
    detector = main_graph(*turbo, document((1280, 704), 121, []))
    detector["13"] = (
        "UNETLoader", 0, 1330, 400, 110, {"unet_name": "rt_detr_v4-x-hgnet_fp16.safetensors", "weight_dtype": "default"},
    )  # fmt: skip
    detector["14"] = (
        "RTDETR_detect", COLUMN, 1330, DRAW_WIDTH, 170,
        {"model": ["13", 0], "image": ["3", 0], "threshold": 0.6, "class_name": "all", "max_detections": 4},
    )  # fmt: skip
    detector["4"][5]["boxes"] = ["14", 0]
    detr = {"name": "rt_detr_v4-x-hgnet_fp16.safetensors", "directory": "diffusion_models"}
    detr["url"] = f"{SDPOSE}/diffusion_models/{detr['name']}"
    return {
        "flashmotion_tiny_cpu": Example(tiny, groups(1310), NOTE_TINY, run=True),
        "flashmotion_5b": Example(full, groups(1240), NOTE_5B, WAN_FILES),
        "flashmotion_detector_boxes": Example(detector, groups(1480), NOTE_DETECTOR, {**WAN_FILES, "13": [detr]}),
    }


def api_graph(example: Example) -> dict[str, Any]:
    """The example as the server takes it."""
    return {name: {"class_type": node[0], "inputs": node[5]} for name, node in example.nodes.items()}


LAY_OUT = """([nodes, groups, note]) => {
    const graph = window.app.graph
    for (const [id, [type, x, y, width, height]] of Object.entries(nodes)) {
        const node = graph.getNodeById(id) ?? graph.getNodeById(Number(id))
        node.pos = [x, y]
        node.setSize([width, height])
    }
    const text = window.LiteGraph.createNode('MarkdownNote')
    text.pos = [-460, 120]
    text.setSize([420, 560])
    graph.add(text)
    text.widgets[0].value = note
    for (const [title, x, y, width, height] of groups) {
        const group = new window.LiteGraph.LGraphGroup(title)
        group.pos = [x, y]
        group.size = [width, height]
        graph.add(group)
    }
    const canvas = window.app.canvas
    canvas.ds.scale = 0.6
    canvas.ds.offset = [560, 60]
    canvas.setDirty(true, true)
}"""


def save(page: Page, name: str, example: Example) -> None:
    """Load, lay out, perhaps run, and write the workflow and its picture."""
    page.evaluate("async ([graph, name]) => { await window.app.loadApiJson(graph, name) }", [api_graph(example), name])
    page.wait_for_timeout(500)
    page.evaluate(LAY_OUT, [{key: list(node[:5]) for key, node in example.nodes.items()}, example.groups, example.note])
    page.wait_for_timeout(500)
    workflow = page.evaluate("() => JSON.parse(JSON.stringify(window.app.graph.serialize()))")
    for node in workflow["nodes"]:
        own = node["type"] in ("LoadFastGenerator", "DrawTrajectory", "ApplyFastAdapter", "FewStepSampler")
        node["properties"] |= {
            "cnr_id": "flashmotion" if own else "comfy-core",
            "ver": version() if own else comfyui_source.NEWEST.version,
        }
        if str(node["id"]) in example.models:
            node["properties"]["models"] = example.models[str(node["id"])]
    workflow["extra"] = {"ds": {"scale": 0.6, "offset": [560, 60]}}
    workflow["id"] = str(fixed_id(name))
    (FOLDER / f"{name}.json").write_text(json.dumps(workflow, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if example.run:
        page.get_by_test_id("queue-button").first.click()
        page.wait_for_function("() => window.flashmotionDone", timeout=120_000)
        page.wait_for_timeout(2500)
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").crop((60, 60, 1850, 930)).resize((1253, 609)).save(FOLDER / f"{name}.jpg", quality=85)


def fixed_id(name: str) -> uuid.UUID:
    """A workflow id that does not change from run to run."""
    return uuid.uuid5(uuid.NAMESPACE_DNS, f"flashmotion/{name}")


def main() -> None:
    """Write the named workflows, or all, into example_workflows/."""
    chosen = {name: example for name, example in examples().items() if name in sys.argv[1:] or len(sys.argv) == 1}
    comfyui, browser = Path(os.environ["FLASHMOTION_COMFYUI"]), os.environ["FLASHMOTION_BROWSER"]
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        link_pack(ROOT, base / "custom_nodes")
        put_models(TINY, base / "models")
        for scene in map(scenes.draw, range(len(scenes.PICKED))):
            scene.picture().save(TINY / scene.name, optimize=True)
            copy_if_new(TINY / scene.name, base / "input" / scene.name)
        copy_if_new(comfyui / "input/example.png", base / "input/example.png")
        for example in chosen.values():
            for _, *_, inputs in example.nodes.values():
                for kind, key in (("diffusion_models", "generator_name"), ("diffusion_models", "unet_name"), ("vae", "vae_name"),
                                  ("text_encoders", "clip_name"), ("model_patches", "adapter_name")):  # fmt: skip
                    if key in inputs:
                        path = base / "models" / kind / inputs[key]
                        path.parent.mkdir(parents=True, exist_ok=True)
                        path.touch()
        with Server(sys.executable, comfyui, base) as server, sync_playwright() as playwright:
            set_settings(server.url, {})
            chromium = playwright.chromium.launch(executable_path=browser, args=list(BROWSER_ARGUMENTS))
            for name, example in chosen.items():
                page = chromium.new_page(viewport={"width": 1850, "height": 940})
                open_page(page, server.url)
                page.evaluate(
                    "() => window.app.api.addEventListener('execution_success', () => { window.flashmotionDone = true })"
                )
                save(page, name, example)
                page.close()
                print(f"{name}: {len(example.nodes)} nodes")
            chromium.close()


if __name__ == "__main__":
    main()
