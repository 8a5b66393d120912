"""The Wan generator in plain torch, for training: one row of modulation per latent frame, and features of any block.

The parameters carry the original names, so a state dict is a file in ComfyUI's layout. Hosts that only run a generator use ComfyUI's or
diffusers' implementation; those compute one row of modulation per token (2 GB at 1280 x 704 x 121), of which at most two differ.
Legend: B batch, C channels, F latent frames, H and W latent rows and columns, L tokens, D width, M text tokens, T their width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .block import OWN, Attention, Kernels, WanBlock, rotary, scaled_dot_product, timestep_embedding
from .config import WanConfig

AfterBlock = Callable[[int, Tensor], Tensor]
"""``(block, hidden_BLD) -> hidden_BLD``: where an adapter adds its residuals."""


@dataclass
class Pass:
    """What every block of one forward pass needs, and the hidden tokens on their way through."""

    hidden_BLD: Tensor
    time_BFD: Tensor
    e0_BF6D: Tensor
    context_BMD: Tensor
    cos_sin: tuple[Tensor, Tensor] | None
    grid: tuple[int, int, int]
    kernels: Kernels = OWN
    next_block: int = 0
    """For callers that run block by block."""


def add_embeddings(module: nn.Module, config: WanConfig, in_channels: int, operations: Any, **factory: Any) -> None:
    """Give a module the generator's four embeddings, under their original names."""
    dim, patch = config.dim, config.patch_size
    linear = operations.Linear
    module.patch_embedding = operations.Conv3d(in_channels, dim, kernel_size=patch, stride=patch, **factory)
    module.text_embedding = nn.Sequential(
        linear(config.text_dim, dim, **factory), nn.GELU(approximate="tanh"), linear(dim, dim, **factory)
    )
    module.time_embedding = nn.Sequential(
        linear(config.freq_dim, dim, **factory), nn.SiLU(), linear(dim, dim, **factory)
    )
    module.time_projection = nn.Sequential(nn.SiLU(), linear(dim, 6 * dim, **factory))


def embed(
    module: Any,
    config: WanConfig,
    latent_BCFHW: Tensor,
    timestep_BF: Tensor,
    context_BMT: Tensor,
    kernels: Kernels = OWN,
) -> Pass:
    """Embed latent, timesteps (``[B, F]``, or ``[B, 1]`` for all frames) and text with a module from ``add_embeddings``."""
    hidden = module.patch_embedding(latent_BCFHW)
    _, _, frames, rows, columns = hidden.shape
    sinusoids = timestep_embedding(timestep_BF.flatten(), config.freq_dim).to(latent_BCFHW.dtype)
    time = module.time_embedding(sinusoids)
    e0 = module.time_projection(time).unflatten(-1, (6, config.dim)).unflatten(0, timestep_BF.shape)
    return Pass(
        # In the order of tokens: every later tensor takes its layout from this one.
        hidden_BLD=hidden.flatten(2).transpose(1, 2).contiguous(),
        time_BFD=time.unflatten(0, timestep_BF.shape),
        e0_BF6D=e0,
        context_BMD=module.text_embedding(context_BMT.to(latent_BCFHW.dtype)),
        cos_sin=rotary(frames, rows, columns, config.head_dim, latent_BCFHW.device) if kernels.turn is None else None,
        grid=(frames, rows, columns),
        kernels=kernels,
    )


class Head(nn.Module):
    """Norm, modulation by the timestep, and the projection of a token to its patch; keys ``head`` and ``modulation``."""

    def __init__(self, config: WanConfig, operations: Any, **factory: Any) -> None:
        super().__init__()
        frames, rows, columns = config.patch_size
        self.norm = operations.LayerNorm(config.dim, eps=config.eps, elementwise_affine=False, **factory)
        self.head = operations.Linear(config.dim, config.out_channels * frames * rows * columns, **factory)
        self.modulation = nn.Parameter(torch.zeros(1, 2, config.dim, **factory))

    def forward(self, x_BLD: Tensor, time_BFD: Tensor) -> Tensor:
        """``[B, L, D] -> [B, L, channels * patch]``."""
        table = self.modulation.to(device=x_BLD.device, dtype=x_BLD.dtype)
        shift, scale = (table[:, None] + time_BFD[:, :, None].to(x_BLD.dtype)).unbind(2)
        x: Tensor = self.norm(x_BLD).unflatten(1, (time_BFD.shape[1], -1))
        out: Tensor = self.head((x * (1 + scale[:, :, None]) + shift[:, :, None]).flatten(1, 2))
        return out


class WanGenerator(nn.Module):
    """Noisy latent, timestep per frame and text -> velocity; equal to diffusers' and ComfyUI's Wan transformer."""

    def __init__(
        self, config: WanConfig, operations: Any = nn, attention: Attention = scaled_dot_product, **factory: Any
    ) -> None:
        """Build with torch's default initialisation; see ``initialise`` for training from scratch.

        Args:
            config: sizes.
            operations: where layers come from.
            attention: see ``block.Attention``.
            factory: ``device`` and ``dtype``.
        """
        super().__init__()
        self.config = config
        add_embeddings(self, config, config.in_channels, operations, **factory)
        self.blocks = nn.ModuleList(
            WanBlock(config, operations, attention, **factory) for _ in range(config.num_layers)
        )
        self.head = Head(config, operations, **factory)

    def forward(
        self, latent_BCFHW: Tensor, timestep_BF: Tensor, context_BMT: Tensor, after_block: AfterBlock | None = None
    ) -> Tensor:
        """The velocity, of the latent's shape.

        Args:
            latent_BCFHW: noisy latent, frame 0 clean where its timestep is 0.
            timestep_BF: 0..1000 per latent frame, or ``[B, 1]`` for all.
            context_BMT: text tokens.
            after_block: changes the hidden tokens after every block.
        """
        state = embed(self, self.config, latent_BCFHW, timestep_BF, context_BMT)
        for index, block in enumerate(self.blocks):
            state.hidden_BLD = block(state.hidden_BLD, state.e0_BF6D, state.context_BMD, state.cos_sin)
            if after_block is not None:
                state.hidden_BLD = after_block(index, state.hidden_BLD)
        return self._unpatchify(self.head(state.hidden_BLD, state.time_BFD), state.grid)

    def features(
        self, latent_BCFHW: Tensor, timestep_BF: Tensor, context_BMT: Tensor, taps: Sequence[int]
    ) -> tuple[list[Tensor], tuple[int, int, int]]:
        """The hidden tokens ``[B, L, D]`` after each tapped block (ascending), and their grid; stops after the last tap."""
        state = embed(self, self.config, latent_BCFHW, timestep_BF, context_BMT)
        found = []
        for index in range(taps[-1] + 1):
            state.hidden_BLD = self.blocks[index](state.hidden_BLD, state.e0_BF6D, state.context_BMD, state.cos_sin)
            if index in taps:
                found.append(state.hidden_BLD)
        return found, state.grid

    def _unpatchify(self, patches_BLP: Tensor, grid: tuple[int, int, int]) -> Tensor:
        x = patches_BLP.unflatten(1, grid).unflatten(-1, (*self.config.patch_size, self.config.out_channels))
        # [B, F, rows, columns, pf, ph, pw, C] -> [B, C, F pf, rows ph, columns pw]
        latent: Tensor = x.permute(0, 7, 1, 4, 2, 5, 3, 6).flatten(6, 7).flatten(4, 5).flatten(2, 3)
        return latent


@torch.no_grad()
def initialise(generator: WanGenerator, random: torch.Generator) -> None:
    """Weights for training from scratch: Xavier-uniform projections, zero biases, a zero head (Wan-Video's ``init_weights``)."""
    for name, parameter in generator.named_parameters():
        if name.endswith("modulation"):
            parameter.copy_(torch.randn(parameter.shape, generator=random) / parameter.shape[-1] ** 0.5)
        elif "norm" in name and name.endswith("weight"):
            parameter.fill_(1)
        elif name.endswith("bias") or name == "head.head.weight":
            parameter.zero_()
        elif name.startswith(("text_embedding", "time_embedding")):
            parameter.copy_(0.02 * torch.randn(parameter.shape, generator=random))
        else:
            rows = parameter.shape[0]
            columns = parameter.numel() // rows
            bound = (6 / (rows + columns)) ** 0.5
            parameter.copy_(bound * (2 * torch.rand(parameter.shape, generator=random) - 1))
