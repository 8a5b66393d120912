"""The diffusion discriminator's classifier: real or fake, from a frozen generator's features of a noised clip.

Source: FlashMotion (CVPR 2026), diffusion discriminator: per tapped block a learnable query passes semantic self-attention (SS),
trajectory cross-attention (TC) and video cross-attention (VC). The frozen backbone is the trainer's; only this module learns.
Legend: B batch, L = F * rows * cols video tokens, S = rows * cols tokens of one latent frame, M text tokens, T their width, N tokens
attended to, D width of the generator, E width of the classifier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from ..wan.block import rotary, scaled_dot_product, timestep_embedding
from ..wan.config import LATENT_CHANNELS, TI2V_5B

POSITION_CHANNELS = 128
"""Sinusoids per token position, in the generator's own three-axis layout (44 time, 42 height, 42 width)."""


def tap_blocks(depth: int) -> tuple[int, ...]:
    """Blocks (0-based, ascending, distinct) after which features are taken: (13, 21, 29) of 30, and in proportion for other depths.

    There are three taps, or one per block for a generator with fewer than three blocks.

    Raises:
        ValueError: ``depth`` is below 1.
    """
    if depth < 1:
        raise ValueError(f"the generator has {depth} blocks, but needs at least 1 to take features from.")
    # About half-way, at three quarters and at the end: after 14, 22 and 30 of 30 blocks, rounded to the nearest integer.
    rounded = {max(0, (2 * depth * after + 30) // 60 - 1) for after in (14, 22, 30)}
    return tuple(sorted(rounded))


@dataclass(frozen=True)
class ClassifierConfig:
    """Sizes of the classifier. The defaults fit Wan2.2-TI2V-5B and have 134,988,801 parameters.

    Attributes:
        dim: width D of the generator.
        text_dim: width T of the text tokens before the generator's own embedding.
        taps: how many blocks are tapped, one query each; see ``tap_blocks``.
        width: width E of the classifier.
        heads: attention heads.
        control_channels: channels of the control latent.
        semantic: self-attention over query, text and first frame (SS).
        trajectory: cross-attention to the trajectory (TC).
        video: cross-attention to the generated frames (VC).
        paired: trajectory attention also reads the video token at each position, so one layer can answer "is the object where it should
            be". Without it (the paper's plain TC, for ablations) only the shared positions connect the two attentions, and a toy task (one
            spot, in or out of place) was not learned. No effect without ``trajectory``.
    """

    dim: int = TI2V_5B.dim
    text_dim: int = TI2V_5B.text_dim
    taps: int = 3
    width: int = 1024
    heads: int = 16
    control_channels: int = LATENT_CHANNELS
    semantic: bool = True
    trajectory: bool = True
    video: bool = True
    paired: bool = True

    def __post_init__(self) -> None:
        if self.taps < 1:
            raise ValueError(f"the classifier has {self.taps} taps, but needs at least 1.")
        if self.heads < 1 or self.width < 1 or self.width % self.heads:
            raise ValueError(
                f"the classifier's width is {self.width}, but must be a multiple of its {self.heads} heads."
            )
        if not (self.semantic or self.video or (self.trajectory and self.paired)):
            raise ValueError(
                "the classifier sees nothing of the clip; switch on semantic, video or paired trajectory attention."
            )


class QueryLayer(nn.Module):
    """A query attends to tokens, then passes a feed-forward; each has a norm before it and a skip around it."""

    def __init__(self, width: int, heads: int, paired: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.norm_query, self.norm_tokens, self.norm_ffn = (nn.LayerNorm(width) for _ in range(3))
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.norm_paired = nn.LayerNorm(width) if paired else None
        self.v_paired = nn.Linear(width, width, bias=False) if paired else None
        self.ffn = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width))

    def forward(
        self, query_B1E: Tensor, tokens_BNE: Tensor, keep_BN: Tensor | None = None, paired_BNE: Tensor | None = None
    ) -> Tensor:
        """The updated query ``[B, 1, E]``; tokens where ``keep_BN`` is false are ignored; ``paired_BNE`` adds to the values only."""
        tokens = self.norm_tokens(tokens_BNE)
        q, k, v = self.q(self.norm_query(query_B1E)), self.k(tokens), self.v(tokens)
        if self.v_paired is not None and self.norm_paired is not None:
            v = v + self.v_paired(self.norm_paired(paired_BNE))
        attended = scaled_dot_product(q, k, v, self.heads) if keep_BN is None else self._masked(q, k, v, keep_BN)
        query_B1E = query_B1E + self.o(attended)
        out: Tensor = query_B1E + self.ffn(self.norm_ffn(query_B1E))
        return out

    def _masked(self, q_B1E: Tensor, k_BNE: Tensor, v_BNE: Tensor, keep_BN: Tensor) -> Tensor:
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (q_B1E, k_BNE, v_BNE))
        out: Tensor = functional.scaled_dot_product_attention(q, k, v, attn_mask=keep_BN[:, None, None])
        return out.transpose(1, 2).flatten(2)


class TapReader(nn.Module):
    """One tap: its query and the layers that the query reads through, in the order semantic, trajectory, video."""

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        width, heads = config.width, config.heads
        self.query = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.norm = nn.LayerNorm(config.dim)
        self.project = nn.Linear(config.dim, width)
        self.semantic = QueryLayer(width, heads) if config.semantic else None
        self.trajectory = QueryLayer(width, heads, config.paired) if config.trajectory else None
        self.video = QueryLayer(width, heads) if config.video else None

    def forward(
        self,
        feature_BLD: Tensor,
        time_B1E: Tensor,
        position_LE: Tensor,
        text_BME: Tensor | None,
        keep_BM: Tensor | None,
        trajectory_BLE: Tensor | None,
        frame_tokens: int,
    ) -> Tensor:
        """The final query, ``[B, E]``."""
        tokens = self.project(self.norm(feature_BLD)) + position_LE
        query: Tensor = self.query + time_B1E
        if self.semantic is not None:
            assert text_BME is not None, "semantic attention needs text"
            assert keep_BM is not None, "semantic attention needs the text's padding mask"
            # Only the query's row of the self-attention is computed; the other rows would be discarded.
            everything = torch.cat([query, tokens[:, :frame_tokens], text_BME], dim=1)
            keep = functional.pad(keep_BM, (1 + frame_tokens, 0), value=True)
            query = self.semantic(query, everything, keep)
        if self.trajectory is not None:
            query = self.trajectory(query, trajectory_BLE, paired_BNE=tokens)
        if self.video is not None:
            query = self.video(query, tokens[:, frame_tokens:])
        return query.squeeze(1)


class AttentionClassifier(nn.Module):
    """Features of a noised clip, its text, trajectory and timestep -> one logit, positive for real.

    Trajectory and video tokens get the same learned projection of the same positional sinusoids, so the classifier can compare
    where things are with where they should be.
    """

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        width, patch = config.width, TI2V_5B.patch_size
        self.readers = nn.ModuleList(TapReader(config) for _ in range(config.taps))
        self.time = nn.Sequential(nn.Linear(TI2V_5B.freq_dim, width), nn.SiLU(), nn.Linear(width, width))
        self.position = nn.Linear(POSITION_CHANNELS, width, bias=False)
        self.text = nn.Linear(config.text_dim, width) if config.semantic else None
        self.trajectory = nn.Conv3d(config.control_channels, width, patch, patch) if config.trajectory else None
        joined = config.taps * width
        self.head = nn.Sequential(nn.LayerNorm(joined), nn.Linear(joined, width), nn.SiLU(), nn.Linear(width, 1))

    def forward(
        self,
        features: Sequence[Tensor],
        grid: tuple[int, int, int],
        text_BMT: Tensor,
        control_BCFHW: Tensor,
        timestep_B: Tensor,
    ) -> Tensor:
        """One logit per clip, ``[B]``, in the dtype of the classifier's weights.

        Args:
            features: the generator's tokens after each tapped block, ``[B, L, D]`` each, in ascending order.
            grid: ``(F, rows, cols)`` of these tokens.
            text_BMT: text tokens as the generator gets them; rows of zeros are padding, as in Wan, and are ignored.
            control_BCFHW: normalised control latent, ``H = 2 * rows``, ``W = 2 * cols``.
            timestep_B: timestep of the generated frames, 0..1000.

        Raises:
            ValueError: the clip has one latent frame, so there is nothing to judge after the given first one.
        """
        frames, rows, columns = grid
        if frames < 2:
            raise ValueError(
                f"the clip has {frames} latent frame and that one is given, so there is nothing to judge; use clips of at least 5 frames."
            )
        tokens = frames * rows * columns
        assert len(features) == self.config.taps, f"{len(features)} features for {self.config.taps} taps"
        assert all(feature.shape[1] == tokens for feature in features), (
            f"features do not have the {tokens} tokens of {grid}"
        )
        dtype = self.position.weight.dtype
        sinusoids = torch.cat(rotary(frames, rows, columns, POSITION_CHANNELS, self.position.weight.device), dim=1)
        position = self.position(sinusoids.to(dtype))
        time = self.time(timestep_embedding(timestep_B, TI2V_5B.freq_dim).to(dtype))[:, None]
        text = keep = trajectory = None
        if self.text is not None:
            text, keep = self.text(text_BMT.to(dtype)), text_BMT.ne(0).any(-1)
        if self.trajectory is not None:
            patches = self.trajectory(control_BCFHW.to(dtype))
            assert patches.shape[2:] == grid, f"control latent {tuple(control_BCFHW.shape)} does not fit tokens {grid}"
            trajectory = patches.flatten(2).transpose(1, 2) + position
        read = [
            reader(feature.to(dtype), time, position, text, keep, trajectory, rows * columns)
            for reader, feature in zip(self.readers, features, strict=True)
        ]
        logit: Tensor = self.head(torch.cat(read, dim=1))
        return logit.squeeze(1)
