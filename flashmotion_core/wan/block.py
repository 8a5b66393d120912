"""One Wan transformer block and its rotary embedding, in plain torch: the trained generator, and adapters that carry their own blocks.

Written from the equations of Wan-Video/Wan2.2 (Apache-2.0), with the original parameter names. Legend: B batch, F latent frames,
S tokens of one latent frame, L = F * S tokens, D width, H heads. Layers come from an ``operations`` namespace (``torch.nn``, or
ComfyUI's ``comfy.ops.manual_cast``, whose layers can be cast and offloaded), attention from a function.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from .config import WanConfig
from .kernels import OWN as OWN
from .kernels import Attention as Attention
from .kernels import Kernels as Kernels

COMPLEX_DEVICES = {"cpu", "cuda", "meta"}
"""Where torch multiplies complex numbers by a kernel of its own; other devices may lack it."""


def scaled_dot_product(q_BLD: Tensor, k_BMD: Tensor, v_BMD: Tensor, heads: int) -> Tensor:
    """Attention by torch's own fused kernel."""
    q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in (q_BLD, k_BMD, v_BMD))
    out: Tensor = functional.scaled_dot_product_attention(q, k, v)
    return out.transpose(1, 2).flatten(2)


def timestep_embedding(timestep_N: Tensor, size: int) -> Tensor:
    """Sinusoids of a timestep in 0..1000, cosines first: ``[N, size]`` float32."""
    half = size // 2
    frequency = torch.pow(10000, -torch.arange(half, dtype=torch.float32, device=timestep_N.device) / half)
    angle = timestep_N.float()[:, None] * frequency
    return torch.cat([angle.cos(), angle.sin()], dim=1)


def rotary(frames: int, rows: int, columns: int, head_dim: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the three-axis rotary embedding, each ``[L, head_dim / 2]`` float32, tokens frame by frame, row by row.

    Of ``head_dim`` channels, ``2 * (head_dim // 6)`` each go to height and width and the rest to time; theta is 10000. Angles are
    computed in float64 as in the official code, on the CPU: they are small tables, and not every device knows float64.
    """
    side = 2 * (head_dim // 6)
    tables = []
    for count, size in ((frames, head_dim - 2 * side), (rows, side), (columns, side)):
        exponent = torch.arange(0, size, 2, dtype=torch.float64) / size
        angles = torch.arange(count, dtype=torch.float64)[:, None] * torch.pow(10000.0, -exponent)
        tables.append(torch.stack([angles.cos(), angles.sin()]).float().to(device))
    time, height, width = tables
    grid = torch.cat(
        [
            time[:, :, None, None].expand(-1, -1, rows, columns, -1),
            height[:, None, :, None].expand(-1, frames, -1, columns, -1),
            width[:, None, None].expand(-1, frames, rows, -1, -1),
        ],
        dim=-1,
    )
    cos, sin = grid.flatten(1, 3)
    return cos, sin


def rotate(x_BLD: Tensor, heads: int, cos_sin: tuple[Tensor, Tensor]) -> Tensor:
    """Turn neighbouring channel pairs of every head by the token's angles.

    One complex product reads and writes memory once where real ones take seven turns; a compiler joins the real ones itself, and does
    not join complex ones.
    """
    cos, sin = (t[None, :, None] for t in cos_sin)
    pairs = x_BLD.float().unflatten(-1, (heads, -1, 2))
    if torch.compiler.is_compiling() or x_BLD.device.type not in COMPLEX_DEVICES:
        even, odd = pairs.unbind(-1)
        turned = torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1)
    else:
        turned = torch.view_as_real(torch.view_as_complex(pairs) * torch.complex(cos, sin))
    return turned.flatten(2).to(x_BLD.dtype)


def _per_frame(x_BLD: Tensor, rows_BFD: Tensor) -> tuple[Tensor, Tensor]:
    """Tokens by latent frame and one row for each of them, ready to broadcast: a row is never expanded to one per token."""
    return x_BLD.unflatten(1, (rows_BFD.shape[1], -1)), rows_BFD[:, :, None]


def _modulated(x_BLD: Tensor, scale_BFD: Tensor, shift_BFD: Tensor) -> Tensor:
    """``x * scale + shift`` with one row per latent frame (or one in all), in one pass over memory."""
    x, scale = _per_frame(x_BLD, scale_BFD)
    return torch.addcmul(shift_BFD[:, :, None], x, scale).flatten(1, 2)


def _gated(x_BLD: Tensor, branch_BLD: Tensor, gate_BFD: Tensor) -> Tensor:
    """``x + branch * gate`` with one row per latent frame (or one in all), in one pass over memory."""
    branch, gate = _per_frame(branch_BLD, gate_BFD)
    return torch.addcmul(x_BLD.unflatten(1, branch.shape[1:3]), branch, gate).flatten(1, 2)


class AttentionLayer(nn.Module):
    """Self- or cross-attention with RMS-normed queries and keys; keys ``q k v o norm_q norm_k``."""

    def __init__(self, config: WanConfig, operations: Any, attention: Attention, **factory: Any) -> None:
        super().__init__()
        self.heads, self.attention = config.num_heads, attention
        dim = config.dim
        self.q, self.k, self.v, self.o = (operations.Linear(dim, dim, **factory) for _ in range(4))
        self.norm_q, self.norm_k = (
            operations.RMSNorm(dim, eps=config.eps, elementwise_affine=True, **factory) for _ in range(2)
        )

    def forward(
        self,
        x_BLD: Tensor,
        context_BMD: Tensor,
        cos_sin: tuple[Tensor, Tensor] | None = None,
        kernels: Kernels = OWN,
        turned: bool = False,
    ) -> Tensor:
        """Attend from x to context.

        Args:
            x_BLD: where queries come from.
            context_BMD: where keys and values come from.
            cos_sin: see ``rotary``; not read where the host turns.
            kernels: see ``Kernels``.
            turned: whether queries and keys carry the place of their tokens (self-attention).
        """
        # Queries first and whole: what their projection and their turn need is freed before the keys are computed.
        q = self._projected(self.q, self.norm_q, x_BLD, cos_sin, kernels, turned)
        k = self._projected(self.k, self.norm_k, context_BMD, cos_sin, kernels, turned)
        attention = kernels.attention or self.attention
        out: Tensor = self.o(attention(q, k, self.v(context_BMD), self.heads))
        return out

    def _projected(
        self,
        linear: Any,
        norm: Any,
        x_BLD: Tensor,
        cos_sin: tuple[Tensor, Tensor] | None,
        kernels: Kernels,
        turned: bool,
    ) -> Tensor:
        x: Tensor = norm(linear(x_BLD))
        if not turned:
            return x
        if kernels.turn is not None:
            return kernels.turn(x, self.heads)
        assert cos_sin is not None
        return rotate(x, self.heads, cos_sin)


class WanBlock(nn.Module):
    """Self-attention, cross-attention to text and feed-forward, modulated by the timestep."""

    def __init__(self, config: WanConfig, operations: Any, attention: Attention, **factory: Any) -> None:
        super().__init__()
        dim, eps = config.dim, config.eps
        self.norm1 = operations.LayerNorm(dim, eps=eps, elementwise_affine=False, **factory)
        self.self_attn = AttentionLayer(config, operations, attention, **factory)
        self.norm3 = operations.LayerNorm(dim, eps=eps, elementwise_affine=True, **factory)
        self.cross_attn = AttentionLayer(config, operations, attention, **factory)
        self.norm2 = operations.LayerNorm(dim, eps=eps, elementwise_affine=False, **factory)
        self.ffn = nn.Sequential(
            operations.Linear(dim, config.ffn_dim, **factory),
            nn.GELU(approximate="tanh"),
            operations.Linear(config.ffn_dim, dim, **factory),
        )
        self.modulation = nn.Parameter(torch.zeros(1, 6, dim, **factory))

    def forward(
        self,
        x_BLD: Tensor,
        e0_BF6D: Tensor,
        context_BMD: Tensor,
        cos_sin: tuple[Tensor, Tensor] | None,
        kernels: Kernels = OWN,
    ) -> Tensor:
        """One block.

        Args:
            x_BLD: tokens.
            e0_BF6D: the projected time embedding with one row per latent frame, or one in all.
            context_BMD: embedded text.
            cos_sin: see ``rotary``; None where the host turns.
            kernels: see ``Kernels``.
        """
        # A raw parameter is cast where it is used: the host may keep it in another type or on another device.
        table = self.modulation.to(device=x_BLD.device, dtype=x_BLD.dtype)
        shift1, scale1, gate1, shift2, scale2, gate2 = (table[:, None] + e0_BF6D).unbind(2)
        h = _modulated(self.norm1(x_BLD), 1 + scale1, shift1)
        x_BLD = _gated(x_BLD, self.self_attn(h, h, cos_sin, kernels, turned=True), gate1)
        del h
        x_BLD = x_BLD + self.cross_attn(self.norm3(x_BLD), context_BMD, kernels=kernels)
        return _gated(x_BLD, self.ffn(_modulated(self.norm2(x_BLD), 1 + scale2, shift2)), gate2)
