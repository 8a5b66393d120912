"""What a run takes besides training: encoding clips, pictures while it trains, and the evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..config.phases import training_phases
from ..config.schema import Config
from ..evaluation.evaluation_rows import TIMED_CLIPS, rows_to_measure
from ..run_folder.artifacts import SLOW
from .codec_costs import codec_costs
from .figures import PhasePlan
from .plan import data_bytes

TEXT_FLOPS = 4.8e12
"""Of umT5-XXL's encoder for 512 tokens."""
TEXT_BYTES = 11_400_000_000
"""Its weights in bfloat16."""
ENCODED = 3
"""What is encoded of a clip: itself and its control maps with boxes and with masks."""


@dataclass(frozen=True)
class Around:
    """A part of a run besides training.

    Attributes:
        name: of the phase, or what it is.
        flops: of one GPU.
        weights: bytes of the networks that are loaded for it; what they compute with comes on top.
        disk: bytes that it leaves.
    """

    name: str
    flops: float
    weights: int
    disk: int


def around(config: Config, plans: Sequence[PhasePlan], clips: int, text_dim: int, ranks: int) -> list[Around]:
    """The other parts of a run.

    Args:
        config: of the run.
        plans: of its training phases.
        clips: how many will be encoded.
        text_dim: width of the text tokens.
        ranks: GPUs; they share the clips to encode and the evaluation's, and one of them draws the pictures.
    """
    looks = {plan.name: plan.look_flops for plan in plans}
    prompts = clips * TEXT_FLOPS if config.models.text_encoder is not None else 0.0
    costs = codec_costs(config.models.vae)
    pixels = config.data.size[0] * config.data.size[1] * config.data.frames
    encode, decode = costs.encode * pixels, costs.decode * pixels
    text = TEXT_BYTES if config.models.text_encoder is not None else 0
    encoding = clips * ENCODED * encode + prompts
    return [
        Around("data", encoding / ranks, text + costs.weights, data_bytes(config, clips, text_dim)),
        Around("pictures", _pictures(config, looks, decode), costs.weights, 0),
        Around("evaluate", _evaluation(config, looks, encode, decode) / ranks, costs.weights, 0),
    ]


def _pictures(config: Config, looks: Mapping[str, float], decode: float) -> float:
    total = 0.0
    for phase, settings in training_phases(config):
        if not settings.validate_every:
            continue
        times = -(-settings.steps // settings.validate_every)
        few = phase.stage in ("stage2", "stage3")
        steps = config.steps.count if few else config.logging.validation_steps * _halves(config)
        one = steps * looks[phase.name] + decode
        total += times * config.logging.validation_clips * one
    return total


def _evaluation(config: Config, looks: Mapping[str, float], encode: float, decode: float) -> float:
    """All rows of all sets; timing one samples a clip more, to warm up, and the counterfactual maps are encoded on the way."""
    clips, total = config.evaluate.clips, 0.0
    for row in rows_to_measure(config, clips):
        if row.name == "oracle" or row.generator is not None:
            total += clips * decode
        if row.generator is None:
            continue
        names = (f"stage1_{row.kind}", f"stage3_{row.kind}")
        look = next((looks[name] for name in names if name in looks), 0.0)
        steps = len(row.sigmas) * (_halves(config) if row.generator == SLOW else 1)
        total += (clips + (1 + TIMED_CLIPS if row.is_timed else 0)) * steps * look
        total += clips * encode if row.elsewhere else 0.0
    return total * max(1, len(config.evaluate.sets))


def _halves(config: Config) -> int:
    """Passes per step of the slow generator: two with guidance."""
    return 1 if config.evaluate.guidance_scale == 1 else 2
