"""The second half of `quickstart.py`, inside the environment: server, workflow, video, picture."""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from flashmotion_core import trajectory

from . import base_folder, comfy_client, overlay
from .comfy_server import Server, import_failures, log_tail
from .errors import SetupError
from .lifeline import end_with_parent
from .terminal import StatusLine, bar, run_command, say
from .workflow import Json, to_api

TRAJECTORY_NODE, TRAJECTORY_INPUT = "DrawTrajectory", "trajectory"
IMAGE_NODE, IMAGE_INPUT = "LoadImage", "image"


def parser() -> argparse.ArgumentParser:
    """The options that quickstart.py hands on; all paths are absolute."""
    options = argparse.ArgumentParser()
    for name in ("python", "comfyui", "base", "workflow"):
        options.add_argument(f"--{name}", type=Path, required=True)
    for name in ("image", "trajectory", "out"):
        options.add_argument(f"--{name}", type=Path)
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--ui", action="store_true")
    return options


def main() -> None:
    """Run with the options of `parser()`, end with the process that started this one."""
    options = parser().parse_args()
    end_with_parent()
    raise SystemExit(run_command("quickstart", lambda: run(options)))


def run(options: argparse.Namespace) -> int:
    """Start the server, run the workflow, write the picture, print where both are."""
    workflow: Json = json.loads(options.workflow.read_text(encoding="utf-8"))
    say(f"Starting ComfyUI ({options.comfyui.name}) ...")
    with Server(options.python, options.comfyui, options.base, options.port) as server:
        try:
            _check_pack(server)
            video, document = _run_workflow(server, workflow, options)
        except (ConnectionError, TimeoutError) as error:
            raise SetupError(f"{error} Its log is {server.log}.", log_tail(server.log)) from error
        frames = overlay.read_frames(video)
        picture = video.with_name(video.stem.rstrip("_") + "_boxes.png")
        overlay.contact_sheet(frames, _boxes(document, frames[0].size), picture)
        if options.out is not None:
            options.out.mkdir(parents=True, exist_ok=True)
            video, picture = (Path(shutil.copy2(file, options.out)) for file in (video, picture))
        say(f"video:   {video}\npicture: {picture} (some of its frames with the requested boxes drawn over them)")
        if options.ui:
            _stay_open(server)
    return 0


def _check_pack(server: Server) -> None:
    reasons = [why for path, why in import_failures(server.log).items() if Path(path).name == base_folder.PACK_NAME]
    if reasons:
        sentence = f"ComfyUI could not import the node pack ({reasons[0]}); see {server.log}."
        raise SetupError(sentence, log_tail(server.log))


def _run_workflow(server: Server, workflow: Json, options: argparse.Namespace) -> tuple[Path, str]:
    """(the mp4, the trajectory document that was asked for)."""
    graph = to_api(workflow, comfy_client.object_info(server.url), lambda text: say(f"Note: {text}"))
    if options.image is not None:
        name = base_folder.copy_if_new(options.image, server.base / "input" / options.image.name).name
        _set(graph, IMAGE_NODE, IMAGE_INPUT, name)
    if options.trajectory is not None:
        _set(graph, TRAJECTORY_NODE, TRAJECTORY_INPUT, _text(options.trajectory))
    document = graph[_only(graph, TRAJECTORY_NODE)]["inputs"][TRAJECTORY_INPUT]
    status = StatusLine()
    started = time.monotonic()
    say(f"Running {options.workflow.name} ({len(graph)} nodes) ...")
    result = comfy_client.run(server.url, graph, _reporter(status))
    status.clear()
    if result.error is not None:
        where = f" in {result.error.node_type}" if result.error.node_type else ""
        raise SetupError(f"The workflow failed{where}: {result.error} (log: {server.log})")
    videos = [file for file in result.files(server.base) if file.suffix == ".mp4"]
    if not videos:
        raise SetupError(f"The workflow {options.workflow} ran and wrote no mp4.")
    say(f"  done in {time.monotonic() - started:.1f} s")
    return videos[0], document


def _reporter(status: StatusLine) -> Callable[[comfy_client.Progress], None]:
    """Shows progress as one moving line on a terminal, as a line per node elsewhere."""
    said: set[str] = set()
    shares = [0.0]

    def show(progress: comfy_client.Progress) -> None:
        count = f"{progress.done}/{progress.nodes} nodes  {progress.class_type}"
        if not status.live:
            if progress.node_id not in said:
                say(f"  {count}")
            said.add(progress.node_id)
            return
        within = progress.value / progress.maximum if progress.value < progress.maximum else 0.0
        shares.append((progress.done + within) / progress.nodes)
        steps = f" {progress.value:.0f}/{progress.maximum:.0f}" if progress.maximum > 1 else ""
        status.show(f"  {bar(max(shares))} {count}{steps}")

    return show


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise SetupError(f"{file} cannot be read as UTF-8 text ({error}).") from error


def _boxes(document: str, size: tuple[int, int]) -> list[list[overlay.Box | None]]:
    """Per frame, per object: the requested box in pixels of a video of `size` (width, height), None where hidden."""
    sampled = trajectory.sample(trajectory.parse(document), size=size)
    return [
        [tuple(box) if seen else None for box, seen in zip(boxes, visible, strict=True)]
        for boxes, visible in zip(sampled.boxes_TN4.tolist(), sampled.visible_TN.tolist(), strict=True)
    ]


def _set(graph: dict[str, Json], class_type: str, name: str, value: str) -> None:
    graph[_only(graph, class_type)]["inputs"][name] = value


def _only(graph: dict[str, Json], class_type: str) -> str:
    found = [node_id for node_id, node in graph.items() if node["class_type"] == class_type]
    if len(found) != 1:
        raise SetupError(f"The workflow has {len(found)} nodes of type {class_type}, and exactly one is needed.")
    return found[0]


def _stay_open(server: Server) -> None:
    say(f"ComfyUI is open at {server.url} (the example is in its list of workflows); Ctrl+C ends it.")
    try:
        while True:
            server.check_alive()
            time.sleep(0.5)
    except KeyboardInterrupt:
        say("\nComfyUI ended.")
