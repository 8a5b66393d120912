"""A ComfyUI workflow that is ready to run a run's adapter: an example of the repository with the run's files, start picture and boxes in it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flashmotion_core.files.texts import read_text
from flashmotion_core.files.whole_file import write_whole
from flashmotion_core.reports.contact_sheets import write_png
from flashmotion_core.trajectory import dumps

from ..config.schema import Config
from ..data.sources import SourceClip
from ..run_folder.artifacts import FAST, Artifacts

EXAMPLES = Path(__file__).resolve().parents[2] / "example_workflows"
WITH_TEXT, WITHOUT_TEXT = "flashmotion_plus_adapter.json", "flashmotion_tiny_cpu.json"
WAN_VAE = "wan2.2_vae.safetensors"
"""ComfyUI's file of the VAE that a diffusers folder holds."""
SINGLE = ".safetensors"
"""What a single file ends with; a folder's name may hold dots too."""
AFTER_SEED = {"fixed", "increment", "decrement", "randomize"}
"""What a seed's widget is followed by in a saved workflow; it has no input of its own."""
WHERE = """## Copy the run's folder export into ComfyUI's models, and {picture} into its input. Training with --export-to does both.
## diffusion_models: {generator}{lora}
## vae: {vae}
## model_patches: {adapter}{text}"""
STEPS = """# 1. Put the files in place (see Files).
# 2. Run: a held-out clip's start picture and boxes.
# 3. Drag the boxes elsewhere, or choose your own picture. Run again."""


def write_workflows(artifacts: Artifacts, clip: SourceClip, folder: Path) -> list[tuple[str, str]]:
    """Write a workflow per adapter and their start picture into a folder; the names, with what each is.

    Args:
        artifacts: of the run, whose exported files the workflow loads.
        clip: a held-out one, whose first frame, boxes and prompt it begins with.
        folder: that of the report.
    """
    config = artifacts.config
    picture = f"{config.name}_start.png"
    write_png(folder / picture, clip.frames_THWC[0])
    written = []
    for adapter in config.models.adapters:
        name = f"{config.name}_{adapter.kind}.json"
        write_whole(folder / name, json.dumps(workflow(artifacts, adapter.kind, clip, picture), indent=1) + "\n")
        written.append((name, f"is the workflow of the {adapter.kind} adapter: drop it onto ComfyUI's canvas."))
    return [*written, (picture, "is its start picture: copy it to ComfyUI/input.")]


def workflow(artifacts: Artifacts, kind: str, clip: SourceClip, picture: str) -> dict[str, Any]:
    """The workflow of an adapter as the editor saves it."""
    config = artifacts.config
    files = _files(artifacts, kind)
    text = config.models.text_encoder is not None
    found: dict[str, Any] = json.loads(read_text(EXAMPLES / (WITH_TEXT if text else WITHOUT_TEXT)))
    found["id"] = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"flashmotion/{config.name}/{kind}"))
    nodes = {node["type"]: node for node in found["nodes"] if node["type"] != "MarkdownNote"}
    _set(nodes["LoadFastGenerator"], generator_name=files["generator"], lora_name=files.get("lora", "none"))
    _set(nodes["VAELoader"], vae_name=files["vae"])
    _set(nodes["ApplyFastAdapter"], adapter_name=files["adapter"])
    _set(nodes["LoadImage"], image=picture)
    _set(nodes["DrawTrajectory"], trajectory=dumps(clip.trajectory))
    _set(nodes["FewStepSampler"], steps=config.steps.count)
    if text:
        _set(nodes["CLIPTextEncode"], text=clip.prompt)
    _list_models(nodes, files)
    _write_notes(found, files, picture, nodes["CLIPLoader"]["widgets_values"][0] if text else None)
    return found


def _files(artifacts: Artifacts, kind: str) -> dict[str, str]:
    """The names of the files in ComfyUI's folders; a generator that came as a folder needs a single file there."""
    models = artifacts.config.models
    adapter = artifacts.adapter_path(FAST, kind).name
    vae = Path(models.vae) if models.vae else artifacts.codec_path
    found = {"adapter": adapter, "vae": vae.name if vae.name.endswith(SINGLE) else WAN_VAE}
    if models.generator is not None and _trains_lora(artifacts.config) and models.generator.endswith(SINGLE):
        return {**found, "generator": Path(models.generator).name, "lora": artifacts.lora_path.name}
    generator = artifacts.generator_path(FAST)
    return {**found, "generator": generator.name if generator.name.endswith(SINGLE) else f"{generator.name}{SINGLE}"}


def _trains_lora(config: Config) -> bool:
    return config.models.fast_generator is None and config.stage2.lora is not None


def _set(node: dict[str, Any], **values: Any) -> None:
    """Set widgets of a saved node by their names; all exist."""
    places = dict(_places(node))
    for name, value in values.items():
        node["widgets_values"][places[name]] = value


def _places(node: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """The widgets' names, each with its place among the saved values."""
    place, values = 0, node["widgets_values"]
    for entry in node["inputs"]:
        if not entry.get("widget"):
            continue
        yield entry["name"], place
        place += 1
        if entry["name"] == "seed" and place < len(values) and values[place] in AFTER_SEED:
            place += 1


def _list_models(nodes: Mapping[str, dict[str, Any]], files: Mapping[str, str]) -> None:
    """What ComfyUI names as missing; files that an example downloads keep their address."""
    wanted = {
        "LoadFastGenerator": [("generator", "diffusion_models"), ("lora", "loras")],
        "VAELoader": [("vae", "vae")],
        "ApplyFastAdapter": [("adapter", "model_patches")],
    }
    for kind, entries in wanted.items():
        properties = nodes[kind]["properties"]
        known = {entry["name"]: entry for entry in properties["models"]}
        listed = [(files[what], directory) for what, directory in entries if what in files]
        properties["models"] = [known.get(name, {"name": name, "directory": directory}) for name, directory in listed]


def _write_notes(found: dict[str, Any], files: Mapping[str, str], picture: str, encoder: str | None) -> None:
    text = WHERE.format(
        picture=picture,
        generator=files["generator"],
        lora=f"\n## loras: {files['lora']}" if "lora" in files else "",
        vae=files["vae"],
        adapter=files["adapter"],
        text="" if encoder is None else f"\n## text_encoders: {encoder}",
    )
    for node in found["nodes"]:
        if node["type"] == "MarkdownNote":
            node["widgets_values"] = [text if node["title"] == "Files" else STEPS]
            node["title"] = node["title"] if node["title"] == "Files" else "Your adapter"
