"""FewStepSampler: MODEL, CONDITIONING and LATENT -> LATENT in four steps, through ComfyUI's own sampling."""

from __future__ import annotations

import logging
from typing import Any

import comfy.sample
import comfy.samplers
import comfy.utils
import latent_preview
import torch
from comfy_api.latest import io
from typing_extensions import override

from ..flashmotion_core.sampling import FROM_MODEL, PRESETS, TRAINED_STEPS, resolve_sigmas
from . import attachments, wan_patch


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
                    max=0xFFFFFFFFFFFFFFFF,
                    control_after_generate=True,
                    tooltip="Seed of the starting noise and of the fresh noise between steps.",
                ),
                io.Combo.Input(
                    "preset",
                    options=[FROM_MODEL, *PRESETS, "custom"],
                    default=FROM_MODEL,
                    tooltip="Noise level of each step. from model: as the generator's file says. turbo: 1, .9375, "
                    ".8333, .625. plain: 1, .75, .5, .25. custom: the list below.",
                ),
                io.Int.Input(
                    "steps",
                    default=TRAINED_STEPS,
                    min=1,
                    max=100,
                    tooltip="Denoising steps. Distilled generators are trained for 4; other counts run, with a note "
                    "in the log. Ignored by custom.",
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
        sigmas = resolve_sigmas(preset, steps, custom_sigmas, schedule)
        if len(sigmas) != TRAINED_STEPS:
            logging.warning(
                "FewStepSampler: %d steps; four-step generators look best at %d.", len(sigmas), TRAINED_STEPS
            )
        logging.info("FewStepSampler: sigmas %s", ", ".join(f"{sigma:.4f}" for sigma in sigmas))
        if positive is None:
            positive = _no_text(model)
        samples = comfy.sample.fix_empty_latent_channels(model, latent["samples"])
        channels = wan_patch.wan_config(model).in_channels
        if samples.ndim != 5 or samples.shape[1] != channels:
            raise ValueError(
                f"the latent has shape {list(samples.shape)}, but a video's [batch, {channels}, frames, height, width] is needed; "
                "connect Wan22ImageToVideoLatent."
            )
        noise = comfy.sample.prepare_noise(samples, seed, latent.get("batch_index"))
        out = comfy.sample.sample_custom(
            model,
            noise,
            1.0,
            comfy.samplers.sampler_object("lcm"),
            torch.tensor([*sigmas, 0.0]),
            positive,
            positive,  # never evaluated: at CFG 1 ComfyUI skips the negative pass
            samples,
            noise_mask=latent.get("noise_mask"),
            callback=latent_preview.prepare_callback(model, len(sigmas)),
            disable_pbar=not comfy.utils.PROGRESS_BAR_ENABLED,
            seed=seed,
        )
        # Newer empty latents carry the ratios of the picture they stand for, which a sampled latent must not keep.
        kept = {key: value for key, value in latent.items() if not key.startswith("downscale_ratio")}
        return io.NodeOutput({**kept, "samples": out})


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
