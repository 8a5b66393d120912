"""The ControlNet adapter: a clone of the generator that also sees the control latent.

Source: FlashMotion (CVPR 2026) and its ancestor MagicMotion: the clone reads ``[noisy latent | control latent]``, and the output of its
block k goes through a zero-initialised 1 x 1 convolution into generator block ``inject_after[k]``. With the 5B's full depth, generator
and adapter together have 10,282,783,104 parameters, plus 589,824 for the doubled input of the patch embedding.

Two ways to make it cheaper, both ours and not the paper's: fewer blocks (``inject_after``), and a clone at half resolution, one token of
which stands for 2 x 2 tokens of the generator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ..wan.block import Attention, WanBlock, scaled_dot_product
from ..wan.config import LATENT_CHANNELS, WanConfig
from ..wan.generator import Pass, add_embeddings, embed
from .adapter import TrajectoryAdapter, check_inject_after

COARSE = 2
"""Tokens of the generator per token of a clone at half resolution, along height and along width."""
Size = tuple[int, int, int]


@dataclass
class ClonePass:
    """One forward pass of the clone, and the size of the generator's latent (frames, rows, columns)."""

    walk: Pass
    size: Size


class ControlNetAdapter(TrajectoryAdapter):
    """A (full-depth by default) clone of the generator with one zero convolution per block."""

    kind = "controlnet"

    def __init__(
        self,
        generator: WanConfig,
        inject_after: Sequence[int] | None = None,
        control_channels: int = LATENT_CHANNELS,
        half_resolution: bool = False,
        operations: Any = nn,
        attention: Attention = scaled_dot_product,
        **factory: Any,
    ) -> None:
        """Build the adapter with uninitialised zero convolutions set to zero.

        Args:
            generator: sizes of the generator; the clone has the same width, heads and feed-forward.
            inject_after: generator blocks to add to, one clone block each; None for all (full depth).
            control_channels: channels of the control latent.
            half_resolution: let one token of the clone stand for 2 x 2 of the generator; see ``begin``.
            operations: where layers come from (``torch.nn`` or ``comfy.ops.manual_cast``).
            attention: see ``block.Attention``.
            factory: ``device`` and ``dtype``.

        Raises:
            ValueError: injection points that do not fit the generator, or a ``half_resolution`` that is neither true nor false.
        """
        super().__init__()
        if not isinstance(half_resolution, bool):
            raise ValueError(
                f"the adapter's half_resolution is {half_resolution!r}, but must be true or false; export it again."
            )
        self.generator = generator
        self.dim = dim = generator.dim
        self.control_channels = control_channels
        self.half_resolution = half_resolution
        self.inject_after = check_inject_after(
            range(generator.num_layers) if inject_after is None else inject_after, generator.num_layers
        )
        patch = generator.patch_size
        self.patch_size = (patch[0], COARSE * patch[1], COARSE * patch[2]) if half_resolution else patch
        clone = replace(generator, patch_size=self.patch_size)
        add_embeddings(self, clone, generator.in_channels + control_channels, operations, **factory)
        self.blocks = nn.ModuleList(WanBlock(generator, operations, attention, **factory) for _ in self.inject_after)
        # The clone carries the generator's head although nothing reads it: the published parameter count includes it, and a file of
        # this adapter is then the generator's own file plus zero convolutions.
        self.head = nn.Module()
        self.head.head = operations.Linear(dim, generator.out_channels * patch[0] * patch[1] * patch[2], **factory)
        self.head.modulation = nn.Parameter(torch.zeros(1, 2, dim, **factory))
        self.zero_convs = nn.ModuleList(zero_conv(dim, dim, operations, **factory) for _ in self.inject_after)

    def config(self) -> dict[str, Any]:
        """See ``TrajectoryAdapter.config``."""
        found = {
            "generator": asdict(self.generator),
            "inject_after": list(self.inject_after),
            "control_channels": self.control_channels,
        }
        # Named where it is on alone: other files stay as they always were, for versions that do not know it.
        return found | ({"half_resolution": True} if self.half_resolution else {})

    @torch.no_grad()
    def init_from_generator(self, state_dict: Mapping[str, Tensor]) -> None:
        """Copy the generator's weights (original key layout) into the clone; control channels and zero convolutions start at zero.

        A shallower clone takes the generator blocks named by ``inject_after``. At half resolution each weight of the patch embedding is
        shared out over 2 x 2 latent cells, so that the clone starts as the generator on a latent of half the size, cells averaged.
        """
        own = self.state_dict()
        source = {}
        for key in own:
            if key.startswith("zero_convs."):
                continue
            stem, _, rest = key.partition(".")
            if stem == "blocks":
                index, _, name = rest.partition(".")
                source[key] = state_dict[f"blocks.{self.inject_after[int(index)]}.{name}"]
            else:
                source[key] = state_dict[key]
        weight = source["patch_embedding.weight"]
        padding = weight.new_zeros(weight.shape[0], self.control_channels, *weight.shape[2:])
        weight = torch.cat([weight, padding], dim=1)
        if self.half_resolution:
            weight = weight.repeat_interleave(COARSE, dim=3).repeat_interleave(COARSE, dim=4) / COARSE**2
        source["patch_embedding.weight"] = weight
        for key, value in source.items():
            own[key].copy_(value)

    def prepare(self, control_BCFHW: Tensor) -> Tensor:
        """The control latent itself: everything else depends on the noisy latent."""
        return control_BCFHW

    def begin(self, prepared: Tensor, latent_BCFHW: Tensor, timestep_BF: Tensor, context_BMT: Tensor) -> ClonePass:
        """Embed latent and control, time and text; see ``TrajectoryAdapter.begin``.

        At half resolution the clone is told the noise level of averaged cells (``averaged_noise``). Where the generator has an odd number
        of rows or columns of tokens, the last ones are looked at as if the latent went on as it ends; none is left out.
        """
        size = (latent_BCFHW.shape[2], latent_BCFHW.shape[3], latent_BCFHW.shape[4])
        batch = latent_BCFHW.shape[0]
        control = prepared.to(latent_BCFHW)
        # Conditional and unconditional chunks lie one after the other along the batch; each gets the same control.
        control = control.repeat(batch // control.shape[0], 1, 1, 1, 1)
        if self.half_resolution:
            timestep_BF, factor_BF = averaged_noise(timestep_BF)
            latent_BCFHW = latent_BCFHW * factor_BF[:, None, :, None, None].to(latent_BCFHW.dtype)
        both = torch.cat([latent_BCFHW, control], dim=1)
        if self.half_resolution:
            both = filled_up(both, self.generator.patch_size, self.patch_size)
        return ClonePass(embed(self, self.generator, both, timestep_BF, context_BMT), size)

    def residual(self, index: int, state: ClonePass) -> Tensor:
        """Run the clone up to block ``index`` and take its zero convolution; skipped indices cost their block only."""
        return self.spread(self.compact(index, state), state.size)

    def compact(self, index: int, state: ClonePass) -> Tensor:
        """The same on the clone's own tokens: at half resolution a quarter of them. See ``TrajectoryAdapter.compact``."""
        walk = state.walk
        assert index >= walk.next_block, "residuals are taken in ascending order, once each"
        for block in self.blocks[walk.next_block : index + 1]:
            walk.hidden_BLD = block(walk.hidden_BLD, walk.e0_BF6D, walk.context_BMD, walk.cos_sin)
        walk.next_block = index + 1
        # A 1 x 1 convolution of a token is the same before and after it is copied to four: before, it costs a quarter.
        return pointwise(self.zero_convs[index], walk.hidden_BLD)

    def spread(self, compact_BLD: Tensor, size: Size) -> Tensor:
        """Copy each token of a clone at half resolution to the generator's tokens that it stands for."""
        if not self.half_resolution:
            return compact_BLD
        patch = self.generator.patch_size
        return copied_to_finer(compact_BLD, (size[0] // patch[0], size[1] // patch[1], size[2] // patch[2]))


def averaged_noise(timestep_BF: Tensor) -> tuple[Tensor, Tensor]:
    """The timestep of a noised latent whose cells are averaged 2 x 2, and the factor that brings it back to the flow's convention.

    Noise of four cells averages to half its size, and ``(1 - s) x0 + s noise / 2`` is ``1 - s / 2`` times ``(1 - s') x0 + s' noise`` with
    ``s' = s / (2 - s)``: the time shift of a picture with a quarter of the pixels (SD3, eq. 23). A clone that is told so begins with
    inputs of the kind that the generator, whose weights it has, was trained on.

    Args:
        timestep_BF: 1000 s, 0..1000.

    Returns:
        ``1000 s'`` and ``1 / (1 - s / 2)``, both ``[B, F]``.
    """
    sigma_BF = timestep_BF / 1000
    return timestep_BF / (2 - sigma_BF), 2 / (2 - sigma_BF)


def filled_up(x_BCFHW: Tensor, used: Size, patch: Size) -> Tensor:
    """The rows and columns that patches of size ``used`` cover, continued by their last ones to multiples of ``patch``."""
    for dim in (3, 4):
        covered = x_BCFHW.shape[dim] // used[dim - 2] * used[dim - 2]
        x_BCFHW = x_BCFHW.narrow(dim, 0, covered)
        missing = -covered % patch[dim - 2]
        if missing:
            # Not torch's padding: its gradient is not deterministic on CUDA.
            x_BCFHW = torch.cat([x_BCFHW, *[x_BCFHW.narrow(dim, covered - 1, 1)] * missing], dim=dim)
    return x_BCFHW


def copied_to_finer(x_BLD: Tensor, grid: Size) -> Tensor:
    """Tokens of a grid of half the rows and columns (rounded up), each copied to its 2 x 2 tokens of ``grid`` (frames, rows, columns)."""
    frames, rows, columns = grid
    coarse = (frames, -(-rows // COARSE), -(-columns // COARSE))
    x: Tensor = x_BLD.unflatten(1, coarse)
    x = x[:, :, :, None, :, None]
    x = x.expand(-1, -1, -1, COARSE, -1, COARSE, -1).flatten(4, 5).flatten(2, 3)
    return x[:, :, :rows, :columns].flatten(1, 3)


def zero_conv(channels_in: int, channels_out: int, operations: Any, **factory: Any) -> Any:
    """A 1 x 1 ``Conv2d`` that starts at zero, so that a fresh adapter adds exactly nothing."""
    conv = operations.Conv2d(channels_in, channels_out, 1, **factory)
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(conv.bias)
    return conv


def pointwise(conv: nn.Module, x_BLC: Tensor) -> Tensor:
    """Apply a 1 x 1 ``Conv2d`` to tokens: ``[B, L, C] -> [B, L, D]``."""
    out: Tensor = conv(x_BLC.transpose(1, 2).unsqueeze(-1))
    return out.squeeze(-1).transpose(1, 2)
