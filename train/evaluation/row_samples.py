"""The clips of an evaluation's rows, sampled by networks or made as bounds, and how long sampling takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flashmotion_core.video import Frames

from ..data.encoded import EncodedClips
from ..engine.roles import Denoiser, Role
from ..errors import TrainError
from ..parallel import World, broadcast_object, first_problem, gather
from ..run_folder.artifacts import SLOW, Artifacts
from .held_out import ClipSet
from .sample_clips import SEED, sample
from .validation import decoded


@dataclass(frozen=True)
class Row:
    """A generator with an adapter, or a bound, measured on all clips.

    Attributes:
        name: of the row.
        kind: of the adapter; None for a bound.
        adapter: whose weights it has, slow or fast.
        generator: which one makes the clips, slow or fast; None for a bound.
        sigmas: noise levels.
        others_boxes: follow another clip's trajectory.
        compute_every: the adapter is computed only every n-th step; rows that differ in it differ in name.
    """

    name: str
    kind: str | None = None
    adapter: str = ""
    generator: str | None = None
    sigmas: tuple[float, ...] = ()
    others_boxes: bool = False
    compute_every: int = 1

    @property
    def key(self) -> str:
        """The name of its files."""
        return self.name if self.kind is None else f"{self.name}_{self.kind}"


class Sampler:
    """Samples a row's clips. It owns its networks, so that they are freed with it."""

    def __init__(self, artifacts: Artifacts, row: Row, clips: ClipSet) -> None:
        self.artifacts, self.row, self.settings = artifacts, row, artifacts.config.evaluate
        self.world: World = artifacts.run.world
        self.role, text_dim = self._role(Artifacts(artifacts.run))
        self.clips: EncodedClips = clips.clips(text_dim)

    def latents(self, indices: range) -> Tensor:
        """Latents ``[B, C, F, H, W]`` of these clips; a clip's noise depends only on its number.

        Raises:
            TrainError: a value is not finite.
        """
        row, settings = self.row, self.settings
        batch = self.clips.batch(indices, self.world.device)
        others = [(index + 1) % len(self.clips) for index in indices] if row.others_boxes else indices
        latent_BCFHW = sample(
            self.role,
            batch,
            row.sigmas,
            euler=row.generator == SLOW,
            seed=SEED,
            first=indices[0],
            control_BCFHW=self.clips.batch(others, self.world.device).control_box_BCFHW,
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


def bound_frames(artifacts: Artifacts, row: Row, clips: ClipSet, count: int) -> Iterator[Frames | None]:
    """Frames ``[T, H, W, 3]`` of a bound's clips; None for the real clips."""
    encoded = clips.clips()
    for index in range(count):
        if row.name == "oracle":
            yield decoded(artifacts.vae, encoded.batch([index], artifacts.run.world.device).latent_BCFHW)
        else:
            real_THWC = clips.source.clip(index).frames_THWC
            yield None if row.name == "real" else np.repeat(real_THWC[:1], len(real_THWC), axis=0)


def sampled_frames(sampler: Sampler, count: int) -> Iterator[Frames]:
    """Frames ``[T, H, W, 3]`` of each clip on the first rank; nothing on the others. Ranks share the clips, `evaluate.batch` at once.

    Raises:
        TrainError: on every rank, if a value of any is not finite.
    """
    world, size = sampler.world, sampler.settings.batch
    for first in range(0, count, size * world.size):
        own = shares(first, count, size, world.size)[world.rank]
        problem, frames = None, list[Frames]()
        try:
            # A rank without a clip samples the last one again: where weights are shared out, all ranks must compute.
            latents = sampler.latents(own or range(count - 1, count))
            frames = [decoded(sampler.artifacts.vae, latent_CFHW[None]) for latent_CFHW in latents[: len(own)]]
        except TrainError as error:
            problem = str(error)
        problem = first_problem(world, problem)
        if problem is not None:
            raise TrainError(problem)
        yield from _on_main(world, frames, shares(first, count, size, world.size))


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
