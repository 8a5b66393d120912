"""Measure one phase on the meta device: run each update's terms and their backward passes, and see what appears."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from flashmotion_core.wan.conditioning import latent_shape

from ..config.schema import Config
from ..data.encoded import Batch
from ..engine.job import accumulation
from ..engine.method import Step, Update
from ..engine.roles import Denoiser
from ..engine.streams import Streams
from ..methods.dmd import Dmd
from ..monitor.run_log import Metrics
from .device import backward
from .figures import TEXT_TOKENS, PhasePlan, RoleBytes
from .meta_builder import MetaBuilder, Planned
from .meter import Meter

BATCHES_AHEAD = 3
"""Micro-batches on the device besides those of the iteration: two that wait, and one that is being put there."""


@dataclass(frozen=True)
class MetaStreams(Streams):
    """Random numbers without numbers; a rollout goes to its last step, which takes most."""

    highest: list[int] = field(default_factory=list)
    """The whole numbers that were drawn."""

    def noise(self, name: str, positions: Sequence[int], shape: Sequence[int]) -> Tensor:
        """An empty tensor."""
        return torch.empty(len(positions), *shape, device="meta")

    def integer(self, name: str, below: int) -> int:
        """The highest."""
        self.highest.append(below - 1)
        return below - 1


@dataclass(frozen=True)
class Usage:
    """What a micro-step of an update takes.

    Attributes:
        peak: bytes of the tensors that it makes, at the fullest moment.
        flops: two for each multiply-add; of the mean over exit steps.
    """

    peak: int
    flops: float


class Measurement:
    """Measures one phase."""

    def __init__(self, config: Config, phase: Planned, builder: MetaBuilder, ranks: int) -> None:
        self.config, self.phase, self.builder = config, phase, builder
        self.method, self.settings = phase.method, phase.settings
        self.sharers = ranks if config.memory.sharding == "full" else 1
        self.accumulation = accumulation(self.settings.global_batch, self.settings.micro_batch, ranks)
        self._never_reached: set[int] = set()

    def static(self) -> PhasePlan:
        """Parameters, bytes that stay, and disk."""
        checkpoint = averages = 0
        for update in self.method.updates.values():
            for parameter in update.parameters.values():
                checkpoint += parameter.nbytes + self._optimizer_bytes(parameter, update)
                averages += 4 * parameter.numel() if update.ema is not None else 0
        checkpoint += averages
        roles = {name: role.over(self.sharers) for name, role in self._roles().items()}
        disk = checkpoint * (self.config.checkpoints.keep + 1) + 2 * self._result_bytes()  # the file, and its export
        disk += 2 * averages if self._keeps_best() else 0  # the best so far, and better ones while they are written
        return PhasePlan(self.phase.name, self.settings.steps, roles, checkpoint, disk)

    def _keeps_best(self) -> bool:
        """Whether validations have the figure that the best weights are kept by; only what follows boxes has box IoU."""
        network = self.method.student.network
        follows = isinstance(network, Denoiser) and network.adapter is not None
        return self.settings.validate_every > 0 and (follows or self.config.validation.best == "sharpness")

    def plan(self) -> PhasePlan:
        """All of it."""
        flops, peaks, canary = {}, {}, 0.0
        for name in self.method.updates:
            full = plain = self.usage(name)
            if isinstance(self.method, Dmd) and name == "student" and self.method.settings.canary.every:
                plain = self.usage(name, first=False)
                canary = full.flops - plain.flops
            flops[name], peaks[name] = plain.flops, full.peak
        steps = self.settings.steps
        total = sum(flops[name] * self.accumulation for step in range(steps) for name in self.method.schedule(step))
        if isinstance(self.method, Dmd) and canary:
            total += canary * steps / max(self.method.settings.canary.every, self.method.settings.ratio)
        working, look = self._working(peaks), self.look()
        return replace(self.static(), working=working, flops=total, update_flops=flops, look_flops=look)

    def look(self) -> float:
        """FLOPs of one pass of the student over one clip, without gradients."""
        imitation, batch = self.builder.imitation, self._batch()
        meter = imitation.meter = Meter()
        sigma_B = torch.empty(self.settings.micro_batch, device="meta")
        with torch.no_grad(), meter, imitation:
            self.method.student(batch.latent_BCFHW, sigma_B, batch.context_BMT, batch.control_box_BCFHW)
        return meter.flops / self.settings.micro_batch

    def usage(self, name: str, *, first: bool = True) -> Usage:
        """Run an update's terms and their backward passes on the meta device.

        Args:
            name: of the update.
            first: whether this is the iteration's first micro-step, which looks closer.
        """
        imitation, parameters = self.builder.imitation, self.method.updates[name].parameters
        meter = imitation.meter = Meter()
        batch = self._batch()
        for parameter in parameters.values():
            parameter.grad = torch.zeros_like(parameter) if self._gradients_are_there else None
        meter.ignore(tensor for role in self.method.roles.values() for tensor in _tensors(role.network))
        meter.ignore(parameter.grad for parameter in parameters.values() if parameter.grad is not None)
        meter.ignore(_values(batch))
        streams = MetaStreams(0, self.phase.name, 0)
        # Iteration 0 is one in which a canary is due.
        positions = tuple(range(self.settings.micro_batch))
        step = Step(0, 0.0, streams, positions, self.settings.global_batch, Metrics("meta"), is_first=first)
        with meter, imitation:
            for term in self.method.terms(name, batch, step):
                with imitation.autocast(self.builder.autocast, cache=False):  # for what is computed again
                    backward(term / self.accumulation)
                del term
        self._never_reached |= {id(parameter) for parameter in parameters.values() if parameter.grad is None}
        # All exit steps are equally likely, and each one earlier saves a look of the student.
        looks = [look.flops for look in getattr(self.method.student, "looked", {}).values()]
        saved = sum(highest / 2 * max(looks, default=0) for highest in streams.highest if highest)
        return Usage(meter.peak, meter.flops - saved)

    def _result_bytes(self) -> int:
        """Of the generator or adapter that the phase makes."""
        whole = self.phase.name in ("base", "stage2")
        network = self.method.student.network
        part = network.get_submodule("generator" if whole else "adapter")
        return sum(tensor.nbytes for tensor in part.parameters())

    @property
    def _gradients_are_there(self) -> bool:
        """Whether an update meets gradients of an earlier micro-step; and with shards, they are counted as what stays."""
        return self.accumulation > 1 or self.sharers > 1

    def _batch(self) -> Batch:
        """A micro-batch."""
        size = self.settings.micro_batch
        channels, *grid = latent_shape(*self.config.data.size, self.config.data.frames)
        tokens = 1 if self.config.models.text_encoder is None else TEXT_TOKENS
        with torch.device("meta"):
            latent, box, mask = (torch.empty(size, channels, *grid) for _ in range(3))
            context = torch.empty(size, tokens, self.phase.sizes.text_dim)
            return Batch(latent, box, mask, torch.empty(size, 1, *grid), context, [""] * size)

    def _working(self, peaks: Mapping[str, int]) -> int:
        """Bytes on top of what stays, at the fullest moment: in an update, in an optimizer's step, or while averages are swapped in."""
        most = swapped = 0
        for name, update in self.method.updates.items():
            parameters = list(update.parameters.values())
            reached = [parameter for parameter in parameters if id(parameter) not in self._never_reached]
            own = 0 if self._gradients_are_there else sum(parameter.nbytes for parameter in reached)
            most = max(most, peaks[name] - own + self._gathered())
            if update.ema is not None and self.builder.imitation.device != "cuda":  # a GPU's wait on the host
                swapped += sum(parameter.nbytes for parameter in parameters) // self.sharers
        batch = sum(value.nbytes for value in _values(self._batch()))
        at_once = 1 if self.builder.imitation.device == "cuda" else self.accumulation + BATCHES_AHEAD
        return max(most, swapped) + batch * at_once

    def _gathered(self) -> int:
        """Where ranks share weights: two blocks of them, whole, and one's gradients."""
        if self.sharers == 1:
            return 0
        networks = [role.network for role in self.method.roles.values()]
        lists = [part for network in networks for part in network.modules() if isinstance(part, nn.ModuleList)]
        largest = max(sum(p.numel() for p in block.parameters()) for blocks in lists for block in blocks)
        return largest * (2 * self.builder.frozen_type.itemsize + 4)

    def _roles(self) -> dict[str, RoleBytes]:
        """Every storage counts in the first role that holds it, a trained one in the role that trains it."""
        updates: dict[int, Update] = {}
        for update in self.method.updates.values():
            for parameter in update.parameters.values():
                updates.setdefault(id(parameter), update)
        seen: set[int] = set()
        found = {}
        for name, role in self.method.roles.items():
            own = {id(parameter) for parameter in role.parameters().values()}
            total = RoleBytes()
            for tensor in _tensors(role.network):
                storage = tensor.untyped_storage()._cdata
                if storage not in seen and (id(tensor) in own or id(tensor) not in updates):
                    seen.add(storage)
                    total += self._one(tensor, updates.get(id(tensor)))
            found[name] = total
        return found

    def _one(self, tensor: Tensor, update: Update | None) -> RoleBytes:
        if update is None:
            parameter = isinstance(tensor, nn.Parameter) or tensor.dtype == torch.float8_e4m3fn
            return RoleBytes(frozen=tensor.numel() if parameter else 0, weights=tensor.nbytes)
        return RoleBytes(
            trained=tensor.numel(),
            weights=tensor.nbytes,
            gradients=0 if id(tensor) in self._never_reached else tensor.nbytes,
            optimizer=self._optimizer_bytes(tensor, update),
            average=4 * tensor.numel() if update.ema is not None else 0,
        )

    def _optimizer_bytes(self, parameter: Tensor, update: Update) -> int:
        """Two moments of the weight's type; of one byte with 8-bit moments; with Kahan sums, a compensation beside bfloat16."""
        kind = self.config.optimizer
        each = 2 if kind == "adamw8bit" else 2 * parameter.itemsize
        if kind == "adamw_kahan" and parameter.dtype == torch.bfloat16:
            each += parameter.itemsize
        return each * parameter.numel()


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    yield from network.parameters()
    yield from network.buffers()


def _values(batch: Batch) -> Iterable[Tensor]:
    return [value for value in vars(batch).values() if isinstance(value, Tensor)]
