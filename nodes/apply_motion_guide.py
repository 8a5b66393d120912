"""ApplyMotionGuide: MODEL + VAE + picture + trajectory -> MODEL whose objects follow the boxes without an adapter."""

from __future__ import annotations

from typing import Any

import comfy.utils
from comfy_api.latest import io
from torch import Tensor
from typing_extensions import override

from ..flashmotion_core.guide.guide import Guide, guided
from ..flashmotion_core.guide.guide_clip import GuideClip
from ..flashmotion_core.guide.guide_levels import FOLLOW, FROM_FOLLOW, Levels, levels
from ..flashmotion_core.trajectory import dumps, parse, sample
from ..flashmotion_core.wan.conditioning import check_size
from . import wan_patch
from .control_encoding import check_vae, encode_control
from .fit_checks import other_clip
from .input_checks import checked
from .shared_adapters import GUIDES, digest
from .trajectory_inputs import fill_frame, one_mask_each


class ApplyMotionGuide(io.ComfyNode):
    """See the module."""

    @classmethod
    @override
    def define_schema(cls) -> io.Schema:
        """Ids, types and texts of the node."""
        return io.Schema(
            node_id="ApplyMotionGuide",
            display_name="Apply Motion Guide",
            category="FlashMotion",
            description=(
                "Makes objects follow a trajectory without an adapter: the picture's own objects, cut out and moved along "
                "their boxes, guide the denoising. Works with few steps and with many, and together with an adapter."
            ),
            search_aliases=[
                "FlashMotion",
                "cut and drag",
                "time to move",
                "motion brush",
                "no adapter",
                "training-free",
                "trajectory control",
                "motion control",
                "drag",
                "few step",
            ],
            inputs=[
                io.Model.Input("model", tooltip="A Wan2.2-TI2V-5B generator, with or without LoRAs and an adapter."),
                io.Vae.Input("vae", tooltip="The VAE that encodes the guide, once: the one that encoded the latent."),
                io.Image.Input(
                    "image",
                    tooltip="The start picture, the same as in the latent. Scaled to cover the clip and cropped about its "
                    "centre; of a batch, the first.",
                ),
                io.String.Input(
                    "trajectory",
                    force_input=True,
                    tooltip="The trajectory document (JSON) from DrawTrajectory. Its size must match the latent: "
                    "sides in multiples of 32 pixels, 4k + 1 frames.",
                ),
                io.Float.Input(
                    "follow",
                    default=FOLLOW,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How closely objects keep to their boxes. 0: exactly as without the guide. 1: to the end, like a "
                    "moved cut-out. Lower: freer, livelier.",
                ),
                io.Float.Input(
                    "hold_object",
                    default=FROM_FOLLOW,
                    min=FROM_FOLLOW,
                    max=1.0,
                    step=0.01,
                    advanced=True,
                    tooltip="Until which fraction of the schedule objects are held: 0 never, 1 to the end. -1: as follow "
                    "sets. Otherwise wins over follow.",
                ),
                io.Float.Input(
                    "hold_background",
                    default=FROM_FOLLOW,
                    min=FROM_FOLLOW,
                    max=1.0,
                    step=0.01,
                    advanced=True,
                    tooltip="Until which fraction of the schedule the background stands still: 0 free, 1 to the end. -1: as "
                    "follow sets. Otherwise wins over follow.",
                ),
                io.Mask.Input(
                    "masks",
                    optional=True,
                    tooltip="Each object's shape in the first frame, in order, as DrawTrajectory outputs them. Without it, "
                    "boxes with a soft border are cut out.",
                ),
            ],
            outputs=[
                io.Model.Output(
                    display_name="model", tooltip="The guided model, for FewStepSampler or any native sampler."
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
        image: Tensor,
        trajectory: Any,
        follow: float,
        hold_object: float,
        hold_background: float,
        masks: Tensor | None = None,
    ) -> io.NodeOutput:
        """Check everything that is cheap, then draw, encode and attach; nothing is done where nothing would be held."""
        hold = levels(follow, hold_object, hold_background)
        document = parse(trajectory)
        check_size(*document.size, document.frames)
        if not document.objects:
            raise ValueError("ApplyMotionGuide: the trajectory has no objects, so there is nothing to follow; add one.")
        check_vae(vae)
        wan_patch.wan_config(model)
        sampled = sample(document)
        picture_HWC = fill_frame(image[:1], sampled.size)[0].clamp(0, 1)
        shapes_NHW = one_mask_each("ApplyMotionGuide", masks, sampled.size, len(document.objects))
        if not hold.any:
            return io.NodeOutput(model)
        guide = GUIDES.get(
            vae.first_stage_model,
            (dumps(document), digest(picture_HWC), digest(shapes_NHW)),
            lambda: _encoded(vae, model, GuideClip(picture_HWC, sampled, shapes_NHW)),
        )
        guided_model = model.clone()
        guided_model.set_model_sampler_post_cfg_function(AfterCfg(guide, hold))
        return io.NodeOutput(guided_model)


def _encoded(vae: Any, model: Any, clip: GuideClip) -> Guide:
    return clip.guide(encode_control(vae, model, _WithProgress(clip), "guide"))


class _WithProgress:
    """A clip that moves ComfyUI's progress bar as it is read."""

    def __init__(self, clip: GuideClip) -> None:
        self._clip, self.shape = clip, clip.shape
        self._progress = comfy.utils.ProgressBar(clip.shape[0])

    def __getitem__(self, frames: slice) -> Tensor:
        drawn = self._clip[frames]
        self._progress.update_absolute(min(frames.indices(self.shape[0])[1], self.shape[0]))
        return drawn


class AfterCfg:
    """What ComfyUI calls with each step's clean estimate, after the pass or passes of the step. Holds nothing of a run."""

    def __init__(self, guide: Guide, hold: Levels) -> None:
        self.guide, self.hold = guide, hold

    def __call__(self, args: dict[str, Any]) -> Tensor:
        """The estimate with the guide in it.

        Raises:
            ValueError: the latent is of another size than the trajectory.
        """
        x0: Tensor = args["denoised"]
        if x0.shape[2:] != self.guide.latent_BCFHW.shape[2:]:
            raise ValueError(other_clip(self.guide.latent_BCFHW, x0))
        sampling = args["model"].model_sampling
        return guided(x0, float(args["sigma"].max()), self.guide, self.hold, sampling.percent_to_sigma)
