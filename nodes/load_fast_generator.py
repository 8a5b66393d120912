"""LoadFastGenerator: a file of ``diffusion_models``, with or without a LoRA -> MODEL with its few-step schedule attached."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import folder_paths
import torch
from comfy_api.latest import io
from comfy_extras.nodes_model_advanced import ModelSamplingSD3
from typing_extensions import override

from ..flashmotion_core.files.weights import read_header, read_tensors
from ..flashmotion_core.sampling.schedule import PRESETS, Schedule
from ..flashmotion_core.sampling.schedule_sources import FROM_FILE, KnownSchedule, choose_schedule, known_schedule
from ..flashmotion_core.wan.fingerprint import fingerprint
from . import attachments, carried
from .generator_loading import generator_header, load_generator
from .input_checks import checked
from .lora_loading import apply_lora

WEIGHT_DTYPES: dict[str, dict[str, Any]] = {
    "default": {},
    "fp8_e4m3fn": {"dtype": torch.float8_e4m3fn},
    "fp8_e4m3fn_fast": {"dtype": torch.float8_e4m3fn, "fp8_optimizations": True},
    "fp8_e5m2": {"dtype": torch.float8_e5m2},
}
NO_LORA = "none"


class LoadFastGenerator(io.ComfyNode):
    """See the module."""

    @classmethod
    @override
    def define_schema(cls) -> io.Schema:
        """Ids, types and texts of the node."""
        return io.Schema(
            node_id="LoadFastGenerator",
            display_name="Load Fast Generator",
            category="FlashMotion",
            description=(
                "Loads a few-step Wan2.2-TI2V-5B generator with ComfyUI's own loader, or the plain one with a few-step LoRA, sets shift 5 "
                "and attaches the schedule it was trained for. Native LoRA loaders, samplers and patches work on the result."
            ),
            search_aliases=[
                "FlashMotion",
                "few step",
                "4 step",
                "turbo",
                "fastwan",
                "wan 2.2 5B",
                "distilled",
                "unet loader",
            ],
            inputs=[
                io.Combo.Input(
                    "generator_name",
                    options=carried.own_first("diffusion_models"),
                    tooltip="A Wan2.2-TI2V-5B .safetensors file in models/diffusion_models; for a few steps, a "
                    "distilled one, or the plain one with a LoRA below.",
                ),
                io.Combo.Input(
                    "weight_dtype",
                    options=list(WEIGHT_DTYPES),
                    default="default",
                    advanced=True,
                    tooltip="Weights in memory. default: as stored (10 GB in bf16). fp8: 5 GB, slightly less exact. "
                    "fp8_e4m3fn_fast also computes in fp8 where the GPU can.",
                ),
                io.Combo.Input(
                    "lora_name",
                    options=[NO_LORA, *folder_paths.get_filename_list("loras")],
                    default=NO_LORA,
                    optional=True,
                    tooltip="A LoRA of models/loras to put on the generator, such as Turbo's on the plain "
                    "Wan2.2-TI2V-5B. Its schedule is used too, if it names one.",
                ),
                io.Float.Input(
                    "lora_strength",
                    default=1.0,
                    min=-10.0,
                    max=10.0,
                    step=0.01,
                    optional=True,
                    tooltip="How strongly the LoRA changes the generator. 1: as trained. 0: as without it, schedule included.",
                ),
                io.Combo.Input(
                    "schedule",
                    options=[FROM_FILE, *PRESETS],
                    default=FROM_FILE,
                    optional=True,
                    advanced=True,
                    tooltip="Noise levels it was trained for. from file: as its files say, else turbo, noted in the "
                    "log. turbo, plain (4 steps), fastwan (3): win over files.",
                ),
            ],
            outputs=[
                io.Model.Output(display_name="model", tooltip="The generator, with shift 5 and its schedule attached.")
            ],
        )

    @classmethod
    @override
    @checked
    def execute(
        cls,
        generator_name: str,
        weight_dtype: str,
        lora_name: str = NO_LORA,
        lora_strength: float = 1.0,
        schedule: str = FROM_FILE,
    ) -> io.NodeOutput:
        """Load, put the LoRA on, and attach what the files say."""
        lora = None if lora_name == NO_LORA or lora_strength == 0 else lora_name
        path = folder_paths.get_full_path_or_raise("diffusion_models", generator_name)
        lora_path = None if lora is None else folder_paths.get_full_path_or_raise("loras", lora)
        # Everything that can be wrong with the choices is said before 10 GB are read.
        header = generator_header(path)
        known = [known_schedule(generator_name, header.shapes, header.metadata)]
        if lora is not None and lora_path is not None:
            known.append(known_schedule(lora, *read_header(lora_path)))
        decided = choose_schedule(schedule, [entry for entry in known if entry is not None])
        model = load_generator(path, header, WEIGHT_DTYPES[weight_dtype])
        if lora_path is not None:
            model = apply_lora(model, lora_path, lora_strength)
        attached = _announce(generator_name, decided)
        (model,) = ModelSamplingSD3().patch(model, attached.shift)
        attachments.attach_schedule(model, attached, assumed=decided is None)
        attachments.attach_needs_text(model, header.metadata.get("flashmotion.text") != "none")
        _attach_mark(model, path)
        return io.NodeOutput(model)

    @classmethod
    @override
    def fingerprint_inputs(
        cls, generator_name: str | None = None, lora_name: str | None = NO_LORA, **_: Any
    ) -> tuple[Any, ...] | None:
        """Load again when a file of the same name has changed. A name that comes through a link is unknown here."""
        if generator_name is None or lora_name is None:
            return None
        state: tuple[Any, ...] = _state("diffusion_models", generator_name)
        return state if lora_name == NO_LORA else (*state, *_state("loras", lora_name))


def _state(folder: str, name: str) -> tuple[str, int, float]:
    file = Path(folder_paths.get_full_path_or_raise(folder, name)).stat()
    return name, file.st_size, file.st_mtime


def _announce(generator_name: str, decided: KnownSchedule | None) -> Schedule:
    """The schedule to attach; says in the log where it comes from."""
    if decided is None:
        logging.warning(
            "LoadFastGenerator: %s does not say what schedule it was trained for; turbo is assumed unless an adapter names another one. "
            "Choose it in the input schedule.",
            generator_name,
        )
        return Schedule()
    logging.info(
        "LoadFastGenerator: schedule %s (%d steps), from %s: %s.",
        decided.schedule.name,
        len(decided.schedule.sigmas),
        decided.file,
        decided.source,
    )
    return decided.schedule


def _attach_mark(model: Any, path: str) -> None:
    """Remember which generator this is; a quantisation that the mark cannot read leaves it open, and nothing is compared."""
    try:
        attachments.attach_fingerprint(model, fingerprint(*read_tensors(path)))
    except ValueError as error:
        logging.debug("LoadFastGenerator: the generator has no mark (%s).", error)
