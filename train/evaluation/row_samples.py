"""The clips of an evaluation's rows, sampled by networks or made as bounds, and how long sampling takes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from flashmotion_core.benchmark.counterfactual import counterfactual
from flashmotion_core.trajectory import animatic
from flashmotion_core.trajectory import sample as sample_boxes
from flashmotion_core.video.frames import Frames

from ..data.control import control_maps
from ..data.encoded import Batch, EncodedClips
from ..data.sources import Source, SourceClip
from ..engine.roles import Denoiser, Role
from ..errors import TrainError
from ..parallel import World, broadcast_object, first_problem, gather
from ..run_folder.artifacts import SLOW, Artifacts
from .evaluation_rows import ELSEWHERE_REAL, ELSEWHERE_STATIC, REAL, STATIC, Row
from .held_out import ClipSet
from .sample_clips import SEED, place_of, sample
from .validation import decoded


class Sampler:
    """Samples a row's clips. It owns its networks, so that they are freed with it."""

    def __init__(self, artifacts: Artifacts, row: Row, clips: ClipSet) -> None:
        self.artifacts, self.row, self.settings = artifacts, row, artifacts.config.evaluate
        self.world: World = artifacts.run.world
        self.set = clips
        self.role, text_dim = self._role(Artifacts(artifacts.run))
        self.clips: EncodedClips = clips.clips(text_dim)

    def latents(self, indices: Sequence[int]) -> Tensor:
        """Latents ``[B, C, F, H, W]`` of these clips; a clip's noise depends only on its place.

        Raises:
            TrainError: a value is not finite.
        """
        row, settings = self.row, self.settings
        batch = self.clips.batch(indices, self.world.device)
        latent_BCFHW = sample(
            self.role,
            batch,
            row.sigmas,
            euler=row.generator == SLOW,
            seed=SEED,
            places=[place_of(self.clips, index) for index in indices],
            control_BCFHW=self._control(indices, batch),
            guidance_scale=settings.guidance_scale if row.generator == SLOW else 1.0,
            no_prompt_1MT=self.artifacts.no_prompt,
        )
        finite_B = torch.isfinite(latent_BCFHW).flatten(1).all(dim=1).tolist()
        if not all(finite_B):
            name = batch.names[finite_B.index(False)]
            raise TrainError(
                f"the sample of clip {name} in the row {row.key} is not finite; look at the curves of the phases that trained it, and train the "
                "first bad one again with --redo."
            )
        return latent_BCFHW

    @torch.no_grad()
    def _control(self, indices: Sequence[int], batch: Batch) -> Tensor:
        """The control latents that the row follows."""
        if self.row.boxes == "own":
            return batch.control_box_BCFHW
        if self.row.boxes == "others":
            others = [neighbour(self.clips, index) for index in indices]
            return self.clips.batch(others, self.world.device).control_box_BCFHW
        data, vae = self.artifacts.config.data, self.artifacts.vae
        found = []
        for index in indices:
            clip = asked_clip(self.set.source, self.clips, index, self.row)
            first = None if clip.labels_THW is None else clip.labels_THW[:1]
            map_THWC, _ = control_maps(replace(clip, labels_THW=first), data.style(), data.first_frame)
            found.append(vae.encode(map_THWC)[0].to(batch.control_box_BCFHW))
        return torch.stack(found)

    def seconds(self, count: int) -> float:
        """Seconds to sample one clip by itself: the median over the first `count` clips, after a warm-up."""
        found = []
        for index in [0, *range(count)]:
            started = _now(self.world)
            self.latents(range(index, index + 1))
            found.append(_now(self.world) - started)
        return float(np.median(found[1:]))

    def _role(self, artifacts: Artifacts) -> tuple[Role, int]:
        """The row's networks, frozen, and the width of the text they take."""
        row = self.row
        assert row.kind is not None
        file = artifacts.slow if row.generator == SLOW else artifacts.fast
        adapter = artifacts.builder.adapter(artifacts.adapter(row.adapter, row.kind), file.sizes)
        generator = artifacts.builder.generator(file.sizes, file.weights)
        return artifacts.builder.role(Denoiser(generator, adapter, row.compute_every)), file.sizes.text_dim


def neighbour(clips: EncodedClips, index: int) -> int:
    """The clip whose boxes another one follows in the row of others' boxes."""
    return (index + 1) % len(clips)


def asked_clip(source: Source, clips: EncodedClips, index: int, row: Row) -> SourceClip:
    """A real clip with the trajectory that the row's sample was asked to follow."""
    clip = source.clip(clips.numbers[index])
    if row.boxes == "own":
        return clip
    if row.boxes == "counterfactual":
        return replace(clip, trajectory=counterfactual(clip.trajectory))
    return replace(clip, trajectory=source.clip(clips.numbers[neighbour(clips, index)]).trajectory)


def bound_frames(
    artifacts: Artifacts, row: Row, clips: ClipSet, indices: Sequence[int]
) -> Iterator[tuple[int, Frames | None]]:
    """Frames ``[T, H, W, 3]`` of a bound's clips with their indices; None for the real clips."""
    encoded = clips.clips()
    for index in indices:
        if row.name == "oracle":
            batch = encoded.batch([index], artifacts.run.world.device)
            yield index, decoded(artifacts.vae, batch.latent_BCFHW)
        elif row.name in (REAL, ELSEWHERE_REAL):
            yield index, None
        else:
            clip = clips.source.clip(encoded.numbers[index])
            still = row.name in (STATIC, ELSEWHERE_STATIC)
            yield index, np.repeat(clip.frames_THWC[:1], len(clip.frames_THWC), axis=0) if still else pasted(clip)


def pasted(clip: SourceClip) -> Frames:
    """Frame 0's objects, cut out and moved along their boxes: what control needs no generator for."""
    sampled = sample_boxes(clip.trajectory)
    masks_NHW = None if clip.labels_THW is None else clip.masks_at(0)
    if masks_NHW is not None and any(sampled.visible_TN[0, n] and not mask.any() for n, mask in enumerate(masks_NHW)):
        masks_NHW = None  # an object that shows on frame 0 has no pixels there
    frames = animatic(clip.frames_THWC[0], sampled, masks_NHW)
    return np.stack([np.floor(frame.picture_HWC * 255 + 0.5).astype(np.uint8) for frame in frames])


def sampled_frames(sampler: Sampler, indices: Sequence[int]) -> Iterator[tuple[int, Frames]]:
    """Frames ``[T, H, W, 3]`` of these clips with their indices, on the first rank; nothing on the others.

    Ranks share the clips, `evaluate.batch` at once.

    Raises:
        TrainError: on every rank, if a value of any is not finite.
    """
    world, size, count = sampler.world, sampler.settings.batch, len(indices)
    for first in range(0, count, size * world.size):
        everyone = shares(first, count, size, world.size)
        own = everyone[world.rank]
        problem, frames = None, list[Frames]()
        try:
            # A rank without a clip samples the last one again: where weights are shared out, all ranks must compute.
            latents = sampler.latents([indices[place] for place in own or range(count - 1, count)])
            frames = [decoded(sampler.artifacts.vae, latent_CFHW[None]) for latent_CFHW in latents[: len(own)]]
        except TrainError as error:
            problem = str(error)
        problem = first_problem(world, problem)
        if problem is not None:
            raise TrainError(problem)
        places = (place for part in everyone for place in part)
        yield from (
            (indices[place], found) for place, found in zip(places, _on_main(world, frames, everyone), strict=False)
        )


def shares(first: int, count: int, size: int, ranks: int) -> list[range]:
    """Which of the clips ``first`` to ``count - 1`` each rank samples next: at most ``size``, as many as the others, and in order."""
    each = min(size, -(-(count - first) // ranks))
    return [range(min(first + rank * each, count), min(first + (rank + 1) * each, count)) for rank in range(ranks)]


def _on_main(world: World, frames: list[Frames], everyone: list[range]) -> Iterator[Frames]:
    """All ranks' frames in order, on the first rank; one clip of each travels at a time."""
    if world.size == 1:
        yield from frames
        return
    shape = broadcast_object(world, frames[0].shape if world.is_main else ())
    received: list[list[Frames]] = [[] for _ in everyone]
    for place in range(len(everyone[0])):
        mine = torch.from_numpy(frames[place]) if place < len(frames) else torch.zeros(shape, dtype=torch.uint8)
        for rank, frames_THWC in enumerate(gather(world, mine)):
            if place < len(everyone[rank]):
                received[rank].append(frames_THWC.cpu().numpy())
    for clips in received:
        yield from clips


def _now(world: World) -> float:
    if world.device.type == "cuda":
        torch.cuda.synchronize(world.device)
    return time.perf_counter()
