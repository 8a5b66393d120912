"""The ControlNet adapter: a clone of the generator that also sees the control latent.

Source: FlashMotion (CVPR 2026) and its ancestor MagicMotion: the clone reads ``[noisy latent | control latent]``, and the output of its
block k goes through a zero-initialised 1 x 1 convolution into generator block ``inject_after[k]``. With the 5B's full depth, generator
and adapter together have 10,282,783,104 parameters, plus 589,824 for the doubled input of the patch embedding.

One way to make it cheaper is ours and not the paper's: fewer blocks (``inject_after``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from ..wan.block import OWN, Attention, Kernels, WanBlock, scaled_dot_product
from ..wan.config import LATENT_CHANNELS, WanConfig
from ..wan.generator import Pass, add_embeddings, embed
from .adapter import Footprint, TrajectoryAdapter, check_inject_after

WIDENED = "patch_embedding.weight"
"""Also takes the control latent."""


class ControlNetAdapter(TrajectoryAdapter):
    """A (full-depth by default) clone of the generator with one zero convolution per block."""

    kind = "controlnet"

    def __init__(
        self,
        generator: WanConfig,
        inject_after: Sequence[int] | None = None,
        control_channels: int = LATENT_CHANNELS,
        operations: Any = nn,
        attention: Attention = scaled_dot_product,
        **factory: Any,
    ) -> None:
        """Build the adapter with uninitialised zero convolutions set to zero.

        Args:
            generator: sizes of the generator; the clone has the same width, heads and feed-forward.
            inject_after: generator blocks to add to, one clone block each; None for all (full depth).
            control_channels: channels of the control latent.
            operations: where layers come from (``torch.nn`` or ``comfy.ops.manual_cast``).
            attention: see ``block.Attention``.
            factory: ``device`` and ``dtype``.

        Raises:
            ValueError: injection points that do not fit the generator.
        """
        super().__init__()
        self.generator = generator
        self.dim = dim = generator.dim
        self.control_channels = control_channels
        self.inject_after = check_inject_after(
            range(generator.num_layers) if inject_after is None else inject_after, generator.num_layers
        )
        patch = generator.patch_size
        add_embeddings(self, generator, generator.in_channels + control_channels, operations, **factory)
        self.blocks = nn.ModuleList(WanBlock(generator, operations, attention, **factory) for _ in self.inject_after)
        # The clone carries the generator's head although nothing reads it: the published parameter count includes it, and a file of
        # this adapter is then the generator's own file plus zero convolutions.
        self.head = nn.Module()
        self.head.head = operations.Linear(dim, generator.out_channels * patch[0] * patch[1] * patch[2], **factory)
        self.head.modulation = nn.Parameter(torch.zeros(1, 2, dim, **factory))
        self.zero_convs = nn.ModuleList(zero_conv(dim, dim, operations, **factory) for _ in self.inject_after)

    def config(self) -> dict[str, Any]:
        """See ``TrajectoryAdapter.config``."""
        return {
            "generator": asdict(self.generator),
            "inject_after": list(self.inject_after),
            "control_channels": self.control_channels,
        }

    @torch.no_grad()
    def init_from_generator(self, state_dict: Mapping[str, Tensor]) -> None:
        """Copy the generator's weights (original key layout) into the clone; control channels and zero convolutions start at zero.

        A shallower clone takes the generator blocks named by ``inject_after``.
        """
        own = self.state_dict()
        found = {key: generator_key(key, self.inject_after) for key in own}
        source = {key: state_dict[theirs] for key, theirs in found.items() if theirs is not None}
        weight = state_dict[WIDENED]
        padding = weight.new_zeros(weight.shape[0], self.control_channels, *weight.shape[2:])
        source[WIDENED] = torch.cat([weight, padding], dim=1)
        for key, value in source.items():
            own[key].copy_(value)

    def prepare(self, control_BCFHW: Tensor) -> Tensor:
        """The control latent itself: everything else depends on the noisy latent."""
        return control_BCFHW

    def begin(
        self,
        prepared: Tensor,
        latent_BCFHW: Tensor,
        timestep_BF: Tensor,
        context_BMT: Tensor,
        kernels: Kernels = OWN,
    ) -> Pass:
        """Embed latent and control, time and text; see ``TrajectoryAdapter.begin``."""
        batch = latent_BCFHW.shape[0]
        control = prepared.to(latent_BCFHW)
        # Conditional and unconditional chunks lie one after the other along the batch; each gets the same control.
        control = control.repeat(batch // control.shape[0], 1, 1, 1, 1)
        both = torch.cat([latent_BCFHW, control], dim=1)
        return embed(self, self.generator, both, timestep_BF, context_BMT, kernels)

    def footprint(self, batch: int, grid_FHW: tuple[int, int, int], size: int) -> Footprint:
        """The clone's tokens, its rotary table in float32 as ComfyUI lays it out, and the control latent.

        While a block of the clone runs, the generator's tokens lie beside it. The rest of that block takes what a block of the
        generator takes, which is free by then. See ``TrajectoryAdapter.footprint``.
        """
        positions = math.prod(grid_FHW)
        tokens = positions // math.prod(self.generator.patch_size)
        hidden = batch * tokens * self.dim * size
        table = tokens * self.generator.head_dim * 2 * 4
        return Footprint(hidden + table + self.control_channels * positions * size, hidden)

    def residual(self, index: int, state: Pass) -> Tensor:
        """Run the clone up to block ``index`` and take its zero convolution; skipped indices cost their block only."""
        assert index >= state.next_block, "residuals are taken in ascending order, once each"
        for block in self.blocks[state.next_block : index + 1]:
            state.hidden_BLD = block(state.hidden_BLD, state.e0_BF6D, state.context_BMD, state.cos_sin, state.kernels)
        state.next_block = index + 1
        out: Tensor = self.zero_convs[index](state.hidden_BLD)
        return out


def generator_key(key: str, inject_after: Sequence[int]) -> str | None:
    """The generator's weight, of the same shape, that one of a ControlNet begins as; None where it is new, or wider."""
    stem, _, rest = key.partition(".")
    if stem == "zero_convs" or key == WIDENED:
        return None
    if stem == "blocks":
        index, _, name = rest.partition(".")
        return f"blocks.{inject_after[int(index)]}.{name}"
    return key


def zero_conv(channels_in: int, channels_out: int, operations: Any, **factory: Any) -> Any:
    """A 1 x 1 ``Conv2d`` over tokens, ``[B, L, C] -> [B, L, D]``, that starts at zero: a fresh adapter adds exactly nothing."""
    conv = _token_conv(operations.Conv2d)(channels_in, channels_out, 1, **factory)
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(conv.bias)
    return conv


@cache
def _token_conv(conv2d: type[Any]) -> type[Any]:
    """A host's ``Conv2d`` with its weights and casts, computed as a linear layer.

    A convolution of transposed tokens gives a tensor whose channels lie apart, and adding it to tokens is several times slower. The file
    keeps a convolution's weight, ``[D, C, 1, 1]``.
    """

    class TokenConv(conv2d):  # type: ignore[misc]
        def _conv_forward(self, x_BLC: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
            # torch and ComfyUI both end here, with the weight as this call needs it.
            return functional.linear(x_BLC, weight.flatten(1), bias)

    return TokenConv
