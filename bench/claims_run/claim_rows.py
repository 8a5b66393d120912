"""The rows: clips made by a generator with an adapter, or by no model at all, and the measures of each clip."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from flashmotion_core.adapters import AdapterFile
from flashmotion_core.files.whole_file import write_whole
from flashmotion_core.losses.adversarial import discriminator_statistics
from flashmotion_core.losses.regression import noised
from flashmotion_core.reports.contact_sheets import write_png
from flashmotion_core.sampling.schedule import turbo_sigmas
from flashmotion_core.trajectory import animatic, sample
from flashmotion_core.video.frames import Frames
from flashmotion_core.wan.conditioning import with_clean_frame
from train.engine.roles import Denoiser
from train.engine.streams import Streams
from train.evaluation.features import DEFAULT, features_of, load_features
from train.evaluation.measures import picture_scores, track_scores
from train.evaluation.sample_clips import SEED
from train.evaluation.sample_clips import sample as sampled
from train.methods.hybrid import Hybrid
from train.methods.rollout import rollout
from train.run_folder.artifacts import SLOW
from train.run_folder.generator_file import GeneratorFile
from train.world.synthetic import Clip

from .claim_clips import decoded_clips
from .claim_place import ClaimPlace

BOUNDS = ("real", "codec", "static", "paste")
EVERY = 2
"""Sprites are followed on every second frame, which takes half as long."""
SIGMAS = (0.02, 0.1, 0.3, 0.6)
"""Noise at which the discriminator is asked."""


@dataclass(frozen=True)
class ClaimRow:
    """Who makes the clips.

    Attributes:
        name: for people.
        kind: of the adapter.
        generator: slow or fast.
        steps: of sampling; 0 for the student's own few.
        guided: whether the prompt guides.
        seed: of the adapter's training.
    """

    name: str
    kind: str
    generator: str
    steps: int = 0
    guided: bool = True
    seed: int = 0


def bound(place: ClaimPlace, name: str) -> None:
    """Measure a row that needs no model: real clips, the same through the codec, frame 0, or its objects pasted at the boxes."""
    clips = place.known
    frames: Iterable[Frames]
    if name == "codec":
        latents = place.held_out.batch(range(len(place.held_out))).latent_BCFHW
        frames = decoded_clips(place.trained_codec, latents)
    elif name == "paste":
        frames = (_pasted(clip.frames_THWC[0], clip) for _, clip in clips)
    elif name == "static":
        frames = (np.repeat(clip.frames_THWC[:1], len(clip.frames_THWC), axis=0) for _, clip in clips)
    else:
        frames = (clip.frames_THWC for _, clip in clips)
    _write(place, f"row_{name}", {"name": name, "kind": "", "seed": 0}, frames)


def _pasted(first_HWC: Frames, clip: Clip) -> Frames:
    drawn = animatic(first_HWC, sample(clip.document), clip.masks_TNHW[0])
    return np.stack([np.floor(frame.picture_HWC * 255 + 0.5).astype(np.uint8) for frame in drawn])


def row(
    place: ClaimPlace, one: ClaimRow, adapter: AdapterFile | None, key: str, generator: GeneratorFile | None = None
) -> None:
    """Sample all held-out clips, and measure them. A clip's noise is the same in every row.

    Args:
        place: where the clips are.
        one: who makes them.
        adapter: None for the generator alone.
        key: of the result.
        generator: None for the place's own.
    """
    file = generator or (place.slow if one.generator == SLOW else place.fast)
    builder, schedule = place.artifacts.builder, place.artifacts.schedule
    steering = None if adapter is None else builder.adapter(adapter, file.sizes)
    network = Denoiser(builder.generator(file.sizes, file.weights), steering)
    latents = sampled(
        builder.role(network),
        place.held_out.batch(range(len(place.held_out))),
        turbo_sigmas(one.steps, schedule.shift) if one.steps else schedule.sigmas,
        euler=one.generator == SLOW,
        seed=SEED,
        guidance_scale=place.config.evaluate.guidance_scale if one.generator == SLOW and one.guided else 1.0,
    )
    about = {"name": one.name, "kind": one.kind, "seed": one.seed}
    _write(place, key, about, decoded_clips(place.trained_codec, latents.nan_to_num()))


def _write(place: ClaimPlace, key: str, about: dict[str, Any], made: Iterable[Frames]) -> None:
    scores, features = [], []
    network = _network(str(DEFAULT))
    for frames, (_, clip) in zip(made, place.known, strict=True):
        found = {**track_scores(frames[::EVERY], _thinned(clip)), **picture_scores(frames, clip.frames_THWC)}
        scores.append({name: None if value is None else round(value, 4) for name, value in found.items()})
        features.append([round(value, 3) for value in features_of(network, [frames])[0].tolist()])
        if len(scores) == 1 and about["seed"] == 0:
            write_png(
                place.result(key).with_suffix(".png"), np.concatenate(frames[:: max(1, len(frames) // 4)], axis=1)
            )
    write_whole(place.result(key), json.dumps({**about, "scores": scores, "features": features}))


@lru_cache(maxsize=1)
def _network(file: str) -> Any:
    return load_features(Path(file))


def _thinned(clip: Clip) -> Clip:
    return replace(
        clip,
        frames_THWC=clip.frames_THWC[::EVERY],
        boxes_TN4=clip.boxes_TN4[::EVERY],
        visible_TN=clip.visible_TN[::EVERY],
        owner_THW=clip.owner_THW[::EVERY],
        poses_TN4=clip.poses_TN4[::EVERY],
    )


@torch.no_grad()
def probe(place: ClaimPlace, method: Hybrid, kind: str, seed: int) -> None:
    """How often the discriminator is right on held-out clips: final samples, and estimates of the first step, at several noise levels."""
    assert method.adversary is not None
    batch, sigmas = place.held_out.batch(range(len(place.held_out))), place.artifacts.schedule.sigmas
    real, clean = batch.latent_BCFHW, batch.latent_BCFHW[:, :, :1]
    streams, everyone = Streams(SEED, "probe", 0), range(len(real))

    def noise(name: str) -> torch.Tensor:
        return streams.noise(name, everyone, real.shape[1:]).to(real)

    found: dict[str, dict[str, float]] = {}
    for title, exit_step in (("final", len(sigmas) - 1), ("first", 0)):
        fake = rollout(
            method.student,
            clean,
            batch.context_BMT,
            batch.control_box_BCFHW,
            sigmas,
            lambda k: noise(f"rollout_{k}"),
            exit_step=exit_step,
            grad=False,
        )
        levels = {f"{level:g}": torch.full((len(real),), level, device=real.device) for level in SIGMAS}
        spread = (torch.arange(len(real), device=real.device) + 0.5) / len(real)
        levels["trained"] = method.adversary.law.sigma(spread)
        for level, sigma in levels.items():
            added = noise("judged")
            logits = [
                method.adversary.role(
                    with_clean_frame(noised(clip, added, sigma), clean),
                    sigma,
                    batch.context_BMT,
                    batch.control_box_BCFHW,
                )
                for clip in (real, fake)
            ]
            right = discriminator_statistics(*logits).accuracy
            found.setdefault(title, {})[level] = round(float(right), 4)
    write_whole(place.result(f"judge_{kind}_{seed}"), json.dumps({"kind": kind, "seed": seed, **found}))
