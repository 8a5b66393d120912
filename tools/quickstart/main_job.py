"""The second half of `quickstart.py`, inside the environment: server, workflow, video, measurement and pictures."""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from flashmotion_core import trajectory
from flashmotion_core.files.texts import read_text
from flashmotion_core.video.pictures import read_image

from ..comfy import base_folder
from ..comfy import client as comfy_client
from ..comfy.lifeline import end_with_parent
from ..comfy.server import Server, import_failures, log_tail
from ..comfy.workflow import Json, to_api
from ..setup_error import SetupError, refused
from ..terminal import StatusLine, bar, run_command, say
from . import follow, overlay, scenes
from .animation import cut_and_moved, moving_picture

TRAJECTORY_NODE, TRAJECTORY_INPUT = "DrawTrajectory", "trajectory"
IMAGE_NODE, IMAGE_INPUT = "LoadImage", "image"
ADAPTER_NODE, GUIDE_NODE = "ApplyFastAdapter", "ApplyMotionGuide"


def parser() -> argparse.ArgumentParser:
    """The options that quickstart.py passes on; all paths are absolute."""
    options = argparse.ArgumentParser()
    for name in ("python", "comfyui", "base", "workflow"):
        options.add_argument(f"--{name}", type=Path, required=True)
    for name in ("image", "trajectory", "out"):
        options.add_argument(f"--{name}", type=Path)
    options.add_argument("--scene", type=int)
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--guide", action="store_true")
    options.add_argument("--ui", action="store_true")
    return options


def main() -> None:
    """Run with the options of `parser()`, and end when the process that started this one ends."""
    options = parser().parse_args()
    end_with_parent()
    raise SystemExit(run_command("quickstart", lambda: run(options)))


@dataclass(frozen=True)
class QuickstartJob:
    """What to run: the start picture, the scene that it shows (None for a photograph) and the document to follow."""

    picture: Path
    scene: scenes.Scene | None
    document: str


def run(options: argparse.Namespace) -> int:
    """Start the server, run the workflow, measure the clip, write the pictures and print where everything is."""
    workflow: Json = json.loads(options.workflow.read_text(encoding="utf-8"))
    job = _job(workflow, options)
    say(f"Starting ComfyUI ({options.comfyui.name}) ...")
    with Server(options.python, options.comfyui, options.base, options.port) as server:
        try:
            _check_pack(server)
            other = None
            if options.guide and job.scene is not None:  # to compare with; photographs are not measured
                other = _run_workflow(server, workflow, job, options.workflow.name)
            video = _run_workflow(server, workflow, job, options.workflow.name, guide=options.guide)
        except (ConnectionError, TimeoutError) as error:
            raise SetupError(f"{error} See {server.log}.", log_tail(server.log)) from error
        _show(video, job, options.out, other)
        if options.ui:
            _stay_open(server, job)
    return 0


def _job(workflow: Json, options: argparse.Namespace) -> QuickstartJob:
    """The job; its picture is put into the server's input folder."""
    given = None if options.trajectory is None else _given(options.trajectory)
    folder = options.base / "input"
    folder.mkdir(parents=True, exist_ok=True)
    if options.image is not None:
        with refused("--image"):
            read_image(options.image)
        picture = base_folder.copy_if_new(options.image, folder / options.image.name)
        say(f"Start picture: {options.image}.")
        return QuickstartJob(picture, None, given if given is not None else _saved_document(workflow))
    scene = scenes.draw(options.scene or 0)
    scene.picture().save(folder / scene.name)
    say(f"Scene {scene.number}: {scene.objects}.")
    return QuickstartJob(folder / scene.name, scene, given if given is not None else scene.document)


def _show(video: Path, job: QuickstartJob, out: Path | None, other: Path | None) -> None:
    """Measure the clip, write its pictures beside the video (and into `out`), and say where everything is.

    `other`: the adapter's clip, where the guide made `video` and both are compared.
    """
    frames = overlay.read_frames(video)
    asked = trajectory.parse(job.document)
    boxes = follow.requested_boxes(asked, frames[0].size)
    stem = video.with_name(video.stem.rstrip("_"))
    with Image.open(job.picture) as start:
        moved = cut_and_moved(start, asked, frames[0].size)
        moving = moving_picture(start, moved, frames, boxes, asked.fps, stem.with_name(f"{stem.name}.gif"))
    sheet = overlay.contact_sheet(frames, boxes, stem.with_name(f"{stem.name}_boxes.png"))
    moves = stem.with_name(f"{stem.name}_trajectory.json")
    moves.write_text(job.document, encoding="utf-8")
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        video, moving, sheet, moves = (Path(shutil.copy2(file, out)) for file in (video, moving, sheet, moves))
    say(_measured(frames, job, asked))
    if other is not None:
        say(_compared({"adapter": overlay.read_frames(other), "motion guide": frames}, job, asked))
    say(f"video:      {video}")
    say(f"animation:  {moving} (the picture and its boxes, its cut-outs along them, the video)")
    say(f"picture:    {sheet} (some of the frames, with the boxes drawn over them)")
    say(f"trajectory: {moves} (edit it and pass it back with --trajectory)")


def _measured(frames: list[Image.Image], job: QuickstartJob, asked: trajectory.Trajectory) -> str:
    """One sentence about how closely the boxes were followed."""
    if job.scene is None:
        return (
            "Not measured: the tiny models know only the drawn scenes of their synthetic world, which photographs are "
            "not part of."
        )
    try:
        return follow.measure(frames, job.scene, asked).sentence()
    except follow.NotMeasurableError as error:
        return f"Not measured: {error}."


def _compared(clips: dict[str, list[Image.Image]], job: QuickstartJob, asked: trajectory.Trajectory) -> str:
    """A table of box IoU: standing still, and each of the clips."""
    assert job.scene is not None
    try:
        found = {name: follow.measure(frames, job.scene, asked) for name, frames in clips.items()}
    except follow.NotMeasurableError as error:
        return f"Not compared: {error}."
    rows = {"standing still": next(iter(found.values())).static} | {name: row.box_iou for name, row in found.items()}
    return "\n".join(["  made by          box IoU", *(f"  {name:<16} {value:.2f}" for name, value in rows.items())])


def _check_pack(server: Server) -> None:
    reasons = [why for path, why in import_failures(server.log).items() if Path(path).name == base_folder.PACK_NAME]
    if reasons:
        sentence = f"ComfyUI could not import the node pack ({reasons[0]}): see {server.log}."
        raise SetupError(sentence, log_tail(server.log))


def _run_workflow(server: Server, workflow: Json, job: QuickstartJob, name: str, guide: bool = False) -> Path:
    """Run the workflow, with the motion guide in place of the adapter if `guide`; the mp4 that it wrote."""
    graph = to_api(workflow, comfy_client.object_info(server.url), lambda text: say(f"Note: {text}"))
    graph[_only(graph, IMAGE_NODE)]["inputs"][IMAGE_INPUT] = job.picture.name
    graph[_only(graph, TRAJECTORY_NODE)]["inputs"][TRAJECTORY_INPUT] = job.document
    if guide:
        put_guide(graph)
    status = StatusLine()
    started = time.monotonic()
    say(f"Running {name} ({len(graph)} nodes{', with the motion guide' if guide else ''}) ...")
    result = comfy_client.run(server.url, graph, _reporter(status))
    status.clear()
    if result.error is not None:
        where = f" in {result.error.node_type}" if result.error.node_type else ""
        raise SetupError(f"The workflow failed{where}: {result.error} (log: {server.log})")
    videos = [file for file in result.files(server.base) if file.suffix == ".mp4"]
    if not videos:
        raise SetupError(f"The workflow {name} finished but wrote no mp4: see {server.log}.")
    say(f"  from picture and boxes to mp4 in {time.monotonic() - started:.1f} s")
    return videos[0]


def _reporter(status: StatusLine) -> Callable[[comfy_client.RunProgress], None]:
    """Show progress as a status line on a terminal, and as one line per node elsewhere."""
    said: set[str] = set()
    shares = [0.0]

    def show(progress: comfy_client.RunProgress) -> None:
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


def _given(file: Path) -> str:
    """The trajectory of --trajectory."""
    with refused("--trajectory"):
        text = read_text(file)
        trajectory.parse(text)
    return text


def _saved_document(workflow: Json) -> str:
    """The document that the workflow was saved with."""
    found = [node["widgets_values"][0] for node in workflow["nodes"] if node["type"] == TRAJECTORY_NODE]
    if len(found) != 1:
        raise SetupError(
            f"The workflow has {len(found)} nodes of type {TRAJECTORY_NODE}: use one that has exactly one."
        )
    return str(found[0])


def put_guide(graph: dict[str, Json]) -> None:
    """The motion guide in place of the adapter, with the node's own settings."""
    from flashmotion_core.guide.guide_levels import FOLLOW, FROM_FOLLOW

    node = graph[_only(graph, ADAPTER_NODE)]
    kept = {name: node["inputs"][name] for name in ("model", "vae", "trajectory", "masks")}
    levels = {"follow": FOLLOW, "hold_object": FROM_FOLLOW, "hold_background": FROM_FOLLOW}
    node["class_type"] = GUIDE_NODE
    node["inputs"] = {**kept, **levels, "image": [_only(graph, IMAGE_NODE), 0]}


def _only(graph: dict[str, Json], class_type: str) -> str:
    found = [node_id for node_id, node in graph.items() if node["class_type"] == class_type]
    if len(found) != 1:
        raise SetupError(f"The workflow has {len(found)} nodes of type {class_type}: use one that has exactly one.")
    return found[0]


def _stay_open(server: Server, job: QuickstartJob) -> None:
    say(
        f"ComfyUI is open at {server.url} (the example is in its list of workflows, and {job.picture.name} is among the "
        "pictures of Load Image). Press Ctrl+C to end it."
    )
    try:
        while True:
            server.check_alive()
            time.sleep(0.5)
    except KeyboardInterrupt:
        say("\nComfyUI ended.")
