"""The example workflows of the tiny models on two real ComfyUI servers, one on the card and one on the processor: do both make the same clips?

python served_workflows.py --comfyui FOLDER [--rehearse] --out STEM --work FOLDER
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import json
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))

LEAST_PSNR_DB = 25.0
"""A clip of the card that is farther from the processor's shows another thing. ComfyUI draws the fresh noise of later steps on the device, so
only clips of one step start from the same numbers on both.
"""
EQUAL_DB = 99.0
"""Stands for clips that are equal."""
SEED = 7
Graph = dict[str, dict[str, Any]]


def main() -> int:
    """Returns 0 if every clip was made on both and is alike."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--comfyui", type=Path, required=True)
    parser.add_argument("--rehearse", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    work = options.work / "workflows"
    shutil.rmtree(work, ignore_errors=True)
    on_card = served(options.comfyui, work / "card", options.rehearse)
    on_processor = served(options.comfyui, work / "processor", True)
    rows = [compared(name, on_card[name], on_processor[name]) for name in on_card]
    from bench.gpu_steps.step_record import write_result

    write_result(options.out, {"rows": rows}, markdown(rows))
    unlike = [f"{row['graph']} ({row['why'] or row['psnr_db']})" for row in rows if row["psnr_db"] < LEAST_PSNR_DB]
    if unlike:
        print(f"not alike: {', '.join(unlike)}")
    return 1 if unlike else 0


def served(comfyui: Path, base: Path, cpu: bool) -> dict[str, dict[str, Any]]:
    """Every graph on one server: {name: {"seconds", "video", "error"}}."""
    from flashmotion_core.files.reasons import first_line
    from tools.comfy import client
    from tools.comfy.base_folder import link_pack, put_models
    from tools.comfy.server import Server
    from tools.quickstart import scenes

    put_models(ROOT / "assets/tiny", base / "models")
    link_pack(ROOT, base / "custom_nodes")
    (base / "input").mkdir(parents=True)
    scene = scenes.draw(0)
    scene.picture().save(base / "input" / scene.name)
    found = {}
    with Server(sys.executable, comfyui, base, extra_args=frontend(base), cpu=cpu) as server:
        for name, graph in graphs(client.object_info(server.url), scene.name, scene.document):
            started = time.monotonic()
            result = client.run(server.url, graph)
            videos = [file for file in result.files(base) if file.suffix == ".mp4"]
            found[name] = {
                "seconds": round(time.monotonic() - started, 2),
                "video": videos[0] if videos else None,
                "error": ""
                if result.error is None
                else first_line(Exception(f"{result.error.node_type}: {result.error}")),
            }
    return found


def frontend(base: Path) -> list[str]:
    """The option for a machine without ComfyUI's frontend: no page is opened here, so any folder serves."""
    if importlib.util.find_spec("comfyui_frontend_package") is not None:
        return []
    folder = base / "frontend"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text("no page", encoding="utf-8")
    return ["--front-end-root", str(folder)]


def graphs(info: dict[str, Any], picture: str, document: str) -> Iterator[tuple[str, Graph]]:
    """The tiny examples, and the first of them with another adapter, the guide and 8-bit weights, each in all its steps and in one."""
    from tools.comfy.workflow import to_api
    from tools.quickstart.main_job import put_guide

    def read(name: str) -> Graph:
        workflow = json.loads((ROOT / "example_workflows" / f"{name}.json").read_text(encoding="utf-8"))
        graph: Graph = to_api(workflow, info)
        by_type(graph, "LoadImage")["image"] = picture
        by_type(graph, "DrawTrajectory")["trajectory"] = document
        by_type(graph, "FewStepSampler")["seed"] = SEED
        return graph

    plain = read("flashmotion_tiny_cpu")
    controlnet, guide = copy.deepcopy(plain), copy.deepcopy(plain)
    by_type(controlnet, "ApplyFastAdapter")["adapter_name"] = "flashmotion_tiny_controlnet.safetensors"
    put_guide(guide)
    made = {"ResNet adapter": plain, "ControlNet adapter": controlnet, "motion guide": guide}
    for dtype in ("fp8_e4m3fn", "fp8_e4m3fn_fast"):
        made[dtype] = copy.deepcopy(plain)
        by_type(made[dtype], "LoadFastGenerator")["weight_dtype"] = dtype
    for name, graph in made.items():
        yield name, graph
        once = copy.deepcopy(graph)
        by_type(once, "FewStepSampler")["steps"] = 1
        yield f"{name}, one step", once
    yield "best of four seeds", read("flashmotion_tiny_best_of_seeds")


def by_type(graph: Graph, class_type: str) -> dict[str, Any]:
    """The inputs of the only node of that type."""
    found: list[dict[str, Any]] = [node["inputs"] for node in graph.values() if node["class_type"] == class_type]
    (inputs,) = found
    return inputs


def compared(name: str, card: dict[str, Any], processor: dict[str, Any]) -> dict[str, Any]:
    """One row: the time of both, and how far the card's clip is from the processor's (see ``psnr``; 0 if one is missing)."""
    import numpy as np

    from flashmotion_core.metrics.picture_quality import psnr
    from tools.quickstart.overlay import read_frames

    alike = 0.0
    if card["video"] and processor["video"]:
        clips = (np.stack([np.asarray(frame) for frame in read_frames(made["video"])]) for made in (card, processor))
        found = psnr(*clips)
        alike = EQUAL_DB if found is None else min(found, EQUAL_DB)
    return {
        "graph": name,
        "card_s": card["seconds"],
        "processor_s": processor["seconds"],
        "psnr_db": round(alike, 1),
        "why": card["error"] or processor["error"],
    }


def markdown(rows: list[dict[str, Any]]) -> str:
    """The rows as a table."""
    lines = [
        "| graph | on the card, s | on the processor, s | alike, PSNR in dB | error |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row['graph']} | {row['card_s']:.1f} | {row['processor_s']:.1f} | {row['psnr_db']:.1f} | {row['why'].replace('|', ' ')} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
