"""What a phase of training will take: parameters, bytes by role, the fullest moment, FLOPs, disk. Counted, with nothing allocated.

The phase's own code runs on the meta device, one micro-step per update; see `plan_measure`, `plan_meter` and `plan_device`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

TEXT_TOKENS = 512


@dataclass(frozen=True)
class RoleBytes:
    """A role's parameters, and the bytes of what stays from iteration to iteration."""

    trained: int = 0
    frozen: int = 0
    weights: int = 0
    gradients: int = 0
    optimizer: int = 0
    average: int = 0

    @property
    def static(self) -> int:
        """All bytes together."""
        return self.weights + self.gradients + self.optimizer + self.average

    def __add__(self, other: RoleBytes) -> RoleBytes:
        return RoleBytes(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    def over(self, ranks: int) -> RoleBytes:
        """The part of one rank where all share the bytes; the parameters are counted whole."""
        names = ("weights", "gradients", "optimizer", "average")
        return replace(self, **{name: -(-getattr(self, name) // ranks) for name in names})


@dataclass(frozen=True)
class PhasePlan:
    """A phase.

    Attributes:
        name: of the phase.
        steps: its iterations.
        roles: by name, on one GPU; what a role shares with an earlier one is counted there.
        checkpoint: bytes of one checkpoint on the disk.
        disk: bytes of all checkpoints, the one that is being written included, and of the result.
        working: bytes of activations, batches and other passing tensors at the fullest moment, beside what stays.
        flops: of one GPU in the whole phase.
        update_flops: of each update, one micro-step.
        look_flops: of one pass of the student over one clip, without gradients.
    """

    name: str
    steps: int
    roles: Mapping[str, RoleBytes]
    checkpoint: int
    disk: int
    working: int = 0
    flops: float = 0.0
    update_flops: Mapping[str, float] = field(default_factory=dict)
    look_flops: float = 0.0

    @property
    def sum(self) -> RoleBytes:
        """All roles together."""
        return sum(self.roles.values(), RoleBytes())

    @property
    def absent(self) -> int:
        """Bytes of gradients that are not there at the fullest moment: an update's go before the next update begins."""
        gradients = [role.gradients for role in self.roles.values()]
        return sum(gradients) - max(gradients, default=0)

    @property
    def peak(self) -> int:
        """Bytes on one GPU at the fullest moment."""
        return self.sum.static - self.absent + self.working
