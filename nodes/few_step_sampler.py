"""FewStepSampler: MODEL, CONDITIONING and LATENT -> LATENT in four steps, through ComfyUI's own sampling."""

from __future__ import annotations

import logging
from typing import Any

import comfy.model_management
import comfy.sample
import comfy.samplers
import comfy.utils
import latent_preview
import torch
from comfy_api.latest import io
from typing_extensions import override

from ..flashmotion_core.sampling.schedule import (
    AS_TRAINED,
    FIXED_STEPS,
    FROM_MODEL,
    PRESETS,
    Schedule,
    preset_steps,
    resolve_sigmas,
)
from . import attachments, wan_patch
from .finite import check_result
from .fit_checks import check_text
from .input_checks import checked

MAX_SEED = 0xFFFFFFFFFFFFFFFF


class FewStepSampler(io.ComfyNode):
    """See the module."""

    @classmethod
    @override
    def define_schema(cls) -> io.Schema:
        """Ids, types and texts of the node."""
        return io.Schema(
            node_id="FewStepSampler",
            display_name="Few-Step Sampler",
            category="FlashMotion",
            description=(
                "Denoises in a few steps on the schedule the generator was trained for, with fresh noise between "
                "steps (ComfyUI's lcm sampler). No CFG and no negative prompt: guidance is distilled into the "
                "generator."
            ),
            search_aliases=["FlashMotion", "few step", "4 step", "lcm", "dmd", "turbo", "ksampler", "distilled"],
            inputs=[
                io.Model.Input(
                    "model", tooltip="The generator, with or without ApplyFastAdapter, LoRAs and other patches."
                ),
                io.Conditioning.Input(
                    "positive",
                    optional=True,
                    tooltip="The prompt. Leave it unconnected only if the generator's file says that it was trained "
                    "without text.",
                ),
                io.Latent.Input(
                    "latent",
                    tooltip="From Wan22ImageToVideoLatent. With a start image, the first frame stays as it is.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=MAX_SEED,
                    control_after_generate=True,
                    tooltip="Seed of the starting noise and of the fresh noise between steps.",
                ),
                io.Combo.Input(
                    "preset",
                    options=[FROM_MODEL, *PRESETS, "custom"],
                    default=FROM_MODEL,
                    tooltip="Noise levels. from model: as the generator says. turbo: 1, .9375, .8333, .625. plain: "
                    "1, .75, .5, .25. fastwan: 1, .757, .522. custom: list below.",
                ),
                io.Int.Input(
                    "steps",
                    default=AS_TRAINED,
                    min=AS_TRAINED,
                    max=100,
                    tooltip="Denoising steps. 0: as the preset was trained (turbo 4, fastwan 3). Other counts run, with a "
                    "note in the log. Ignored by fastwan and custom.",
                ),
                io.String.Input(
                    "custom_sigmas",
                    default="",
                    advanced=True,
                    tooltip="For preset custom: falling noise levels from at most 1 to above 0, separated by commas. "
                    "A final 0 may be left out.",
                ),
            ],
            outputs=[io.Latent.Output(display_name="latent", tooltip="The finished clip, for any VAE decode node.")],
        )

    @classmethod
    @override
    @checked
    def execute(
        cls,
        model: Any,
        latent: dict[str, Any],
        seed: int,
        preset: str,
        steps: int,
        custom_sigmas: str = "",
        positive: Any = None,
    ) -> io.NodeOutput:
        """Resolve the schedule, then leave everything to ``comfy.sample``: previews, cancel and progress are native."""
        schedule = attachments.attached_schedule(model)
        sigmas = resolve_sigmas(preset, _steps(preset, steps, schedule), custom_sigmas, schedule)
        _notice_other_steps(preset, len(sigmas), schedule)
        logging.info("FewStepSampler: sigmas %s", ", ".join(f"{sigma:.4f}" for sigma in sigmas))
        if positive is None:
            positive = _no_text(model)
        for text, _ in positive:
            check_text(text, wan_patch.wan_config(model).text_dim)
        samples = _checked_latent(model, latent)
        noise = comfy.sample.prepare_noise(samples, seed, latent.get("batch_index"))
        if model.model_options.get("disable_cfg1_optimization"):
            logging.warning(
                "FewStepSampler: a node before this one (such as NAGuidance) asks for a pass with a negative prompt in every step; there is "
                "none here, so that node does nothing and no step is doubled."
            )
        guider = comfy.samplers.CFGGuider(model)
        guider.inner_set_conds({"positive": positive})  # no negative at all, as core's BasicGuider
        out = guider.sample(
            noise,
            samples,
            comfy.samplers.sampler_object("lcm"),
            torch.tensor([*sigmas, 0.0]),
            denoise_mask=latent.get("noise_mask"),
            callback=latent_preview.prepare_callback(model, len(sigmas)),
            disable_pbar=not comfy.utils.PROGRESS_BAR_ENABLED,
            seed=min(seed, MAX_SEED - 1),  # of the noise between steps, to which ComfyUI adds 1
        )
        check_result(out, model, "FewStepSampler")
        out = out.to(comfy.model_management.intermediate_device())
        # Newer empty latents carry the ratios of the picture they stand for, which a sampled latent must not keep.
        kept = {key: value for key, value in latent.items() if not key.startswith("downscale_ratio")}
        return io.NodeOutput({**kept, "samples": out})


def _steps(preset: str, steps: int, schedule: Schedule | None) -> int:
    """The number of steps to resolve: a preset that is one fixed list decides it itself."""
    name = schedule.name if preset == FROM_MODEL and schedule is not None else preset
    if name not in FIXED_STEPS or steps in (AS_TRAINED, FIXED_STEPS[name]):
        return steps
    logging.warning("FewStepSampler: %s has %d steps; steps = %d is not used.", name, FIXED_STEPS[name], steps)
    return AS_TRAINED


def _notice_other_steps(preset: str, steps: int, schedule: Schedule | None) -> None:
    """Say in the log where the number of steps is another than the generator was trained for."""
    trained = len(schedule.sigmas) if schedule is not None else preset_steps(preset)
    if steps != trained:
        logging.warning(
            "FewStepSampler: %d steps; generators trained for %d steps look best at %d.", steps, trained, trained
        )


def _checked_latent(model: Any, latent: dict[str, Any]) -> torch.Tensor:
    """The latent's samples, ``[B, C, F, h, w]``.

    Raises:
        ValueError: another model's latent, or one with NaN or infinity in it.
    """
    samples = latent["samples"]
    channels = model.get_model_object("latent_format").latent_channels
    wan_patch.wan_config(model)
    if not getattr(samples, "is_nested", False):
        samples = comfy.sample.fix_empty_latent_channels(model, samples)
    if getattr(samples, "is_nested", False) or samples.ndim != 5 or samples.shape[1] != channels or 0 in samples.shape:
        raise ValueError(
            f"the latent has shape {list(samples.shape)}, but a video's [batch, {channels}, frames, height, width] is needed; "
            "connect Wan22ImageToVideoLatent."
        )
    bad = int((~torch.isfinite(samples)).sum())
    if bad:
        raise ValueError(
            f"the latent has {bad:,} of {samples.numel():,} values that are NaN or infinite; check the start image and the VAE that encoded it."
        )
    return samples  # type: ignore[no-any-return]


def _no_text(model: Any) -> list[list[Any]]:
    """Conditioning of a generator trained without text: 512 empty tokens.

    Raises:
        ValueError: the generator needs a prompt.
    """
    if attachments.needs_text(model):
        raise ValueError(
            "FewStepSampler has no positive conditioning, but this generator was trained with text; connect CLIPTextEncode to positive."
        )
    return [[torch.zeros(1, 512, wan_patch.wan_config(model).text_dim), {}]]
