"""What every trajectory adapter is to its hosts (ComfyUI's Wan model and diffusers' ``WanTransformer3DModel``).

A host calls ``prepare`` once per video, ``begin`` once per forward pass of the generator, and ``residual`` after each generator block
listed in ``inject_after``; it adds the residual, times the strength, to the block's output. Only one residual exists at a time, unless
``ReusingAdapter`` keeps them for later steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from ..wan.kernels import OWN, Kernels


@dataclass(frozen=True)
class Footprint:
    """Bytes that an adapter needs beside the generator's own, its weights left out.

    Attributes:
        held: from one block of the generator to the next.
        passing: on top of that, while a residual is computed.
    """

    held: int
    passing: int


class TrajectoryAdapter(nn.Module):
    """Base of the ControlNet and ResNet adapters.

    Attributes:
        kind: ``controlnet`` or ``resnet``, as written into the file.
        inject_after: generator block (0-based) after which residual k is added, ascending.
        dim: width of the generator.
        depends_on_step: whether residuals change with the noisy latent and timestep; if not, keeping them gains nothing.
    """

    kind: str
    depends_on_step: bool = True
    inject_after: tuple[int, ...]
    dim: int

    def config(self) -> dict[str, Any]:
        """The arguments that build this adapter again, JSON-ready."""
        raise NotImplementedError

    def prepare(self, control_BCFHW: Tensor) -> Any:
        """Once per video: everything that depends only on the (normalised) control latent."""
        raise NotImplementedError

    def begin(
        self,
        prepared: Any,
        latent_BCFHW: Tensor,
        timestep_BF: Tensor,
        context_BMT: Tensor,
        kernels: Kernels = OWN,
    ) -> Any:
        """Once per forward pass: the state that ``residual`` walks through.

        Args:
            prepared: what ``prepare`` returned.
            latent_BCFHW: the generator's noisy input.
            timestep_BF: timestep per latent frame, or ``[B, 1]`` for all.
            context_BMT: text tokens as the generator gets them (before its text embedding).
            kernels: the host's own attention and rotary embedding for this pass.
        """
        raise NotImplementedError

    def residual(self, index: int, state: Any) -> Tensor:
        """Residual ``[B or 1, L, D]`` for injection ``index``; called in ascending order, each at most once per ``begin``."""
        raise NotImplementedError

    def footprint(self, batch: int, grid_FHW: tuple[int, int, int], size: int) -> Footprint:
        """What a pass needs.

        Args:
            batch: rows of a pass.
            grid_FHW: frames, rows and columns of the latent.
            size: bytes of a number.
        """
        raise NotImplementedError


def check_inject_after(inject_after: Sequence[int], generator_layers: int | None = None) -> tuple[int, ...]:
    """Return the injection points as a tuple.

    Raises:
        ValueError: not ascending, negative, or past the generator's last block.
    """
    points = tuple(int(point) for point in inject_after)
    if not points or points[0] < 0 or any(a >= b for a, b in pairwise(points)):
        raise ValueError(
            f"the adapter's injection points are {list(points)}, but must be ascending block numbers from 0."
        )
    if generator_layers is not None and points[-1] >= generator_layers:
        raise ValueError(
            f"the adapter adds to generator block {points[-1]}, but this generator has blocks 0 to {generator_layers - 1}; "
            "use the generator that the adapter was trained on."
        )
    return points


def block_strengths(strength: float | Sequence[float], count: int) -> tuple[float, ...]:
    """One strength per injection from a single number or a list.

    Raises:
        ValueError: the list has another length.
    """
    if isinstance(strength, (int, float)):
        return (float(strength),) * count
    if len(strength) != count:
        raise ValueError(
            f"{len(strength)} block strengths were given, but the adapter has {count} injections; give one number or {count}."
        )
    return tuple(float(value) for value in strength)
