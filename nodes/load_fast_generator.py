"""LoadFastGenerator: a file of ``diffusion_models`` -> MODEL with its few-step schedule attached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import comfy.sd
import folder_paths
import torch
from comfy_api.latest import io
from comfy_extras.nodes_model_advanced import ModelSamplingSD3
from typing_extensions import override

from ..flashmotion_core.adapters import read_generator_info
from ..flashmotion_core.sampling import Schedule
from ..flashmotion_core.wan.config import FINGERPRINT_KEYS, fingerprint
from ..flashmotion_core.weights import conversion, read_tensors
from . import attachments, carried, wan_patch

WEIGHT_DTYPES: dict[str, dict[str, Any]] = {
    "default": {},
    "fp8_e4m3fn": {"dtype": torch.float8_e4m3fn},
    "fp8_e4m3fn_fast": {"dtype": torch.float8_e4m3fn, "fp8_optimizations": True},
    "fp8_e5m2": {"dtype": torch.float8_e5m2},
}


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
                "Loads a four-step Wan2.2-TI2V-5B generator with ComfyUI's own loader, sets shift 5 and attaches the "
                "schedule it was trained for. Native LoRA loaders, samplers and patches work on the result."
            ),
            search_aliases=["FlashMotion", "few step", "4 step", "turbo", "wan 2.2 5B", "distilled", "unet loader"],
            inputs=[
                io.Combo.Input(
                    "generator_name",
                    options=carried.own_first("diffusion_models"),
                    tooltip="A Wan2.2-TI2V-5B .safetensors file in models/diffusion_models; for four steps, a "
                    "distilled one. Any other model is refused, and the error names it.",
                ),
                io.Combo.Input(
                    "weight_dtype",
                    options=list(WEIGHT_DTYPES),
                    default="default",
                    advanced=True,
                    tooltip="Weights in memory. default: as stored (10 GB in bf16). fp8: 5 GB, slightly less exact. "
                    "fp8_e4m3fn_fast also computes in fp8 where the GPU can.",
                ),
            ],
            outputs=[
                io.Model.Output(display_name="model", tooltip="The generator, with shift 5 and its schedule attached.")
            ],
        )

    @classmethod
    @override
    def execute(cls, generator_name: str, weight_dtype: str) -> io.NodeOutput:
        """Check the header first: a wrong file of 28 GB is refused before it is read."""
        path = folder_paths.get_full_path_or_raise("diffusion_models", generator_name)
        info = read_generator_info(path)
        if info.diffusers_layout:
            raise ValueError(f"{generator_name} is in diffusers' key layout; {conversion(generator_name)}.")
        model = comfy.sd.load_diffusion_model(path, model_options=dict(WEIGHT_DTYPES[weight_dtype]))
        wan_patch.wan_config(model)
        schedule = info.schedule or Schedule()
        (model,) = ModelSamplingSD3().patch(model, schedule.shift)
        attachments.attach_schedule(model, schedule, assumed=info.schedule is None)
        attachments.attach_needs_text(model, info.text)
        attachments.attach_fingerprint(model, fingerprint(read_tensors(path, FINGERPRINT_KEYS)[0]))
        return io.NodeOutput(model)

    @classmethod
    @override
    def fingerprint_inputs(cls, generator_name: str | None = None, **_: Any) -> tuple[str, int, float] | None:
        """Load again when a file of the same name has changed. A name that comes through a link is unknown here."""
        if generator_name is None:
            return None
        file = Path(folder_paths.get_full_path_or_raise("diffusion_models", generator_name)).stat()
        return generator_name, file.st_size, file.st_mtime
