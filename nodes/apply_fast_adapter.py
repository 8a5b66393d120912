"""ApplyFastAdapter: MODEL + VAE + trajectory + adapter file -> MODEL whose objects follow the boxes."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import folder_paths
import torch
from comfy_api.latest import io
from torch import Tensor
from typing_extensions import override

from ..flashmotion_core.adapters import AdapterFile, check_compute_every
from ..flashmotion_core.trajectory import Drawing, dumps, parse, sample
from ..flashmotion_core.wan.conditioning import check_size
from ..flashmotion_core.wan.fingerprint import same_generator, short_name
from . import attachments, carried, wan_patch
from .adapter_loading import adapter_file, base_of_small, load_adapter, read_adapter
from .base_weights import base_for, made_whole
from .control_encoding import check_vae, encode_control
from .input_checks import checked
from .model_mark import model_mark
from .shared_adapters import ADAPTERS, CONTROL_LATENTS, digest
from .trajectory_inputs import one_mask_each


class ApplyFastAdapter(io.ComfyNode):
    """See the module."""

    @classmethod
    @override
    def define_schema(cls) -> io.Schema:
        """Ids, types and texts of the node."""
        return io.Schema(
            node_id="ApplyFastAdapter",
            display_name="Apply Fast Adapter",
            category="FlashMotion",
            description=(
                "Makes objects follow a trajectory: renders its control map, encodes it once (a new seed does not "
                "encode again) and adds the adapter to the model. Several can be chained."
            ),
            search_aliases=[
                "FlashMotion",
                "motion brush",
                "bbox",
                "drag",
                "trajectory control",
                "motion control",
                "controlnet",
                "few step",
            ],
            inputs=[
                io.Model.Input("model", tooltip="A Wan2.2-TI2V-5B generator, preferably from LoadFastGenerator."),
                io.Vae.Input(
                    "vae",
                    tooltip="The generator's VAE: wan2.2_vae. lighttaew2_2 is faster; in the tiny world a map 10 % off costs < 0.01 of box "
                    "IoU, 23 % off 0.015 to 0.026.",
                ),
                io.String.Input(
                    "trajectory",
                    force_input=True,
                    tooltip="The trajectory document (JSON) from DrawTrajectory. Its size must match the latent: "
                    "sides in multiples of 32 pixels, 4k + 1 frames.",
                ),
                io.Combo.Input(
                    "adapter_name",
                    options=carried.own_first("model_patches"),
                    tooltip="A FlashMotion adapter in models/model_patches. ResNet: small (42 MB for the 5B) and "
                    "fast. ControlNet: as large as the generator, run beside it.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=4.0,
                    step=0.01,
                    tooltip="How strongly the trajectory steers. 0: exactly as without the adapter. 1: as trained.",
                ),
                io.Float.Input(
                    "start",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    advanced=True,
                    tooltip="Where control starts, as a fraction of the schedule. With 4 steps, 0.25 leaves out the "
                    "first.",
                ),
                io.Float.Input(
                    "end",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    advanced=True,
                    tooltip="Where control ends, as a fraction of the schedule. With 4 steps, 0.75 leaves out the "
                    "last, for freer motion. Equal to start: no control.",
                ),
                io.Mask.Input(
                    "masks",
                    optional=True,
                    tooltip="Each object's shape in the first frame, in order, as DrawTrajectory outputs them. Without "
                    "it: the masks drawn in the editor, else filled boxes.",
                ),
                io.Int.Input(
                    "compute_every",
                    default=1,
                    min=1,
                    max=100,
                    optional=True,
                    advanced=True,
                    tooltip="ControlNet only. Recompute every n-th step and reuse the result in between: faster, "
                    "slightly softer, up to 5 GB more memory. 1: every step.",
                ),
            ],
            outputs=[
                io.Model.Output(
                    display_name="model", tooltip="The controlled model, for FewStepSampler or any native sampler."
                )
            ],
        )

    @classmethod
    @override
    @checked
    def execute(
        cls,
        model: Any,
        vae: Any,
        trajectory: Any,
        adapter_name: str,
        strength: float,
        start: float,
        end: float,
        masks: Tensor | None = None,
        compute_every: int = 1,
    ) -> io.NodeOutput:
        """Check everything that is cheap, then render, encode, load and attach."""
        if start > end:
            raise ValueError(
                f"ApplyFastAdapter: start is {start} and end is {end}, but start must not come after end; lower start or raise end."
            )
        check_compute_every(compute_every)
        document = parse(trajectory)
        check_size(*document.size, document.frames)
        if not document.objects:
            raise ValueError("ApplyFastAdapter: the trajectory has no objects, so there is nothing to follow; add one.")
        masks = one_mask_each("ApplyFastAdapter", masks, document.size, len(document.objects))
        check_vae(vae)
        patcher = _adapter(adapter_name, model)
        file = adapter_file(patcher)
        for note in file.notes:
            logging.warning("ApplyFastAdapter: %s: %s.", file.name, note)
        control = CONTROL_LATENTS.get(
            vae.first_stage_model,
            (dumps(document), digest(masks), file.map_style),
            lambda: encode_control(vae, model, _ControlMap(document, masks, file)),
        )
        sampling = model.get_model_object("model_sampling")
        patched = wan_patch.apply_adapter(
            model,
            patcher,
            control,
            strength,
            sampling.percent_to_sigma(start),
            sampling.percent_to_sigma(end),
            compute_every,
        )
        _agree_on_schedule(patched, file)
        _notice_another_generator(patched, file)
        return io.NodeOutput(patched)

    @classmethod
    @override
    def fingerprint_inputs(cls, adapter_name: str | None = None, **_: Any) -> tuple[str, int, float] | None:
        """Load again when a file of the same name has changed. A name that comes through a link is unknown here."""
        if adapter_name is None:
            return None
        path = folder_paths.get_full_path_or_raise("model_patches", adapter_name)
        # ComfyUI is about to drop the output of the last run, and the adapter with it.
        ADAPTERS.hold(path)
        file = Path(path).stat()
        return adapter_name, file.st_size, file.st_mtime


def _adapter(name: str, model: Any) -> Any:
    """The adapter's ModelPatcher: the one that other nodes use, or the one that this node used in the last run."""
    generator = wan_patch.wan_config(model)
    path = folder_paths.get_full_path_or_raise("model_patches", name)
    dtype = model.model.get_dtype_inference()
    wanted = base_of_small(path)
    base = None if wanted is None else base_for(Path(path).name, wanted, model)

    def load() -> Any:
        file = read_adapter(path, dtype)
        whole = file if base is None else made_whole(file, base, generator, dtype)
        return load_adapter(whole, generator, dtype)

    patcher = ADAPTERS.get(path, (generator, dtype, base and base.mark), load)
    ADAPTERS.release()
    return patcher


class _ControlMap:
    """The control map in the style the adapter was trained on, drawn where it is read: uint8 ``[T, H, W, 3]``."""

    def __init__(self, document: Any, masks: Tensor | None, file: AdapterFile) -> None:
        self._drawn = Drawing(
            sample(document), masks_NHW=None if masks is None else masks.cpu().numpy(), **asdict(file.map_style)
        )
        self.shape = self._drawn.shape

    def __getitem__(self, frames: slice) -> Tensor:
        return torch.from_numpy(self._drawn[frames])


def _agree_on_schedule(model: Any, file: AdapterFile) -> None:
    """Attach the adapter's schedule to a model whose file named none; warn where the two disagree."""
    attached = attachments.attached_schedule(model)
    if attached is None or attachments.schedule_is_open(model):
        attachments.attach_schedule(model, file.schedule)
    elif attached.sigmas != file.schedule.sigmas:
        logging.warning(
            "ApplyFastAdapter: %s was trained on sigmas %s, the generator on %s; the generator's are used.",
            file.name,
            file.schedule.sigmas,
            attached.sigmas,
        )


def _notice_another_generator(model: Any, file: AdapterFile) -> None:
    """Warn where the adapter was trained on other weights (a LoRA on top counts): it runs, but may follow less closely."""
    if file.base_fingerprint is None or (mark := model_mark(model)) is None:
        return
    if same_generator(mark, file.base_fingerprint) is False:
        logging.warning(
            "ApplyFastAdapter: %s was trained on another generator (%s) than this one (%s); it may follow less closely.",
            file.name,
            short_name(file.base_fingerprint),
            short_name(mark),
        )
