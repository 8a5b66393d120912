"""An adapter over the steps of a sampling run: computed in every n-th step, its residuals used again in the steps between.

Both hosts call an adapter through this. With n = 1, the default, it only passes on. With n > 1 the residuals of a computed step are all
kept until the next one: for the 5B at 1280 x 704 x 121 in bf16, 168 MB for each of a ControlNet's blocks.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..wan.kernels import OWN, Kernels
from .adapter import Footprint, TrajectoryAdapter


@dataclass
class _Pass:
    """One forward pass.

    Attributes:
        state: of the adapter; None where nothing is computed.
        kept: residuals by injection; None where none is kept.
    """

    state: Any
    kept: dict[int, Tensor] | None


class ReusingAdapter:
    """Called as a ``TrajectoryAdapter`` is, by one host in one sampling run after the other; for sampling, not for training."""

    def __init__(self, adapter: TrajectoryAdapter, every: int = 1) -> None:
        """Wrap an adapter.

        Args:
            adapter: a ResNet is computed in every step regardless of ``every``: its residuals are cheap and the same in all steps.
            every: 1 to compute in every step, 2 in every 2nd one, and so on, counted from the first with control.

        Raises:
            ValueError: see ``check_compute_every``.
        """
        self.adapter, self.every = adapter, check_compute_every(every)
        self.inject_after, self.dim = adapter.inject_after, adapter.dim
        self._kept: dict[Hashable, dict[int, Tensor]] = {}
        self._level: float | None = None
        self._step = 0

    def prepare(self, control_BCFHW: Tensor) -> Any:
        """See ``TrajectoryAdapter.prepare``."""
        return self.adapter.prepare(control_BCFHW)

    def begin(
        self,
        prepared: Any,
        latent_BCFHW: Tensor,
        timestep_BF: Tensor,
        context_BMT: Tensor,
        key: Hashable = None,
        kernels: Kernels = OWN,
    ) -> Any:
        """See ``TrajectoryAdapter.begin``; computes nothing in a step that reuses residuals.

        A step is a noise level: passes at the same one belong to the same step, and a higher one than before begins a new run. A pass
        for which the last computed step has nothing is computed and not kept.

        Args:
            prepared: what ``prepare`` returned.
            latent_BCFHW: the generator's noisy input.
            timestep_BF: timestep per latent frame, or ``[B, 1]`` for all.
            context_BMT: text tokens as the generator gets them.
            key: which of several passes of a step this is, such as that of the negative prompt, or of a window of frames.
            kernels: see ``TrajectoryAdapter.begin``.
        """
        arguments = (prepared, latent_BCFHW, timestep_BF, context_BMT, kernels)
        if self.every == 1 or not self.adapter.depends_on_step:
            return _Pass(self.adapter.begin(*arguments), None)
        computed = self._advance(timestep_BF)
        whose = (key, latent_BCFHW.shape, latent_BCFHW.dtype, latent_BCFHW.device)
        if computed:
            self._kept[whose] = {}
        elif whose in self._kept:
            return _Pass(None, self._kept[whose])
        return _Pass(self.adapter.begin(*arguments), self._kept.get(whose))

    def residual(self, index: int, state: Any) -> Tensor:
        """See ``TrajectoryAdapter.residual``: of this step, bit by bit, or of the last computed one."""
        assert isinstance(state, _Pass)
        if state.kept is None:
            return self.adapter.residual(index, state.state)
        if state.state is not None:
            state.kept[index] = self.adapter.residual(index, state.state)
        return state.kept[index]

    def footprint(self, batch: int, grid_FHW: tuple[int, int, int], size: int) -> Footprint:
        """See ``TrajectoryAdapter.footprint``, and the residuals kept for later steps."""
        found = self.adapter.footprint(batch, grid_FHW, size)
        if self.every == 1 or not self.adapter.depends_on_step:
            return found
        # The last residual takes the place of the tokens that its block needed.
        kept = (len(self.inject_after) - 1) * found.passing
        return Footprint(found.held + kept, found.passing)

    def clear(self) -> None:
        """Free what is kept; the next pass begins a new run."""
        self._kept.clear()
        self._level, self._step = None, 0

    def _advance(self, timestep_BF: Tensor) -> bool:
        """Note the noise level of a pass; return whether its step is computed."""
        level = float(timestep_BF.max())
        if self._level is None or level > self._level:
            self.clear()
        elif level < self._level:
            self._step += 1
            if self._step % self.every == 0:
                # Before the new ones are computed, not after: there is never room for both.
                self._kept.clear()
        self._level = level
        return self._step % self.every == 0


def check_compute_every(every: int) -> int:
    """Return the number of steps from one computed step to the next.

    Raises:
        ValueError: not a whole number, or below 1.
    """
    if not isinstance(every, int) or isinstance(every, bool) or every < 1:
        raise ValueError(
            f"compute_every is {every!r}, but must be a whole number from 1; use 1 to compute the adapter in every step."
        )
    return every
