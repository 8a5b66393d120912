"""The ResNet adapter: a light convolutional tower over the control latent, 20.8 M parameters for the 5B.

It depends only on the control latent, so its features are computed once per video and reused in all steps. The paper publishes no
widths; 30 blocks of two 3 x 3 convolutions at 128 channels fit its total (5.015 to 5.025 billion with the generator).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch.nn.functional as functional
from torch import Tensor, nn

from ..wan.config import LATENT_CHANNELS, WanConfig
from ..wan.kernels import OWN, Kernels
from .adapter import Footprint, TrajectoryAdapter, check_inject_after
from .controlnet import zero_conv


class ResBlock(nn.Module):
    """GroupNorm - SiLU - 3 x 3 convolution, twice, with a skip; works on single latent frames."""

    def __init__(self, width: int, groups: int, operations: Any, **factory: Any) -> None:
        super().__init__()
        self.norm1 = operations.GroupNorm(groups, width, **factory)
        self.conv1 = operations.Conv2d(width, width, 3, padding=1, **factory)
        self.norm2 = operations.GroupNorm(groups, width, **factory)
        self.conv2 = operations.Conv2d(width, width, 3, padding=1, **factory)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Same shape in and out."""
        h = self.conv1(functional.silu(self.norm1(x_NCHW)))
        out: Tensor = x_NCHW + self.conv2(functional.silu(self.norm2(h)))
        return out


class ResNetAdapter(TrajectoryAdapter):
    """Patch stem, one residual block per injection, one zero convolution each."""

    kind = "resnet"
    depends_on_step = False

    def __init__(
        self,
        generator: WanConfig,
        inject_after: Sequence[int] | None = None,
        control_channels: int = LATENT_CHANNELS,
        width: int = 128,
        groups: int = 32,
        operations: Any = nn,
        attention: Any = None,
        **factory: Any,
    ) -> None:
        """Build the adapter with its zero convolutions at zero.

        Args:
            generator: sizes of the generator; only width, depth and patch size are used.
            inject_after: generator blocks to add to; None for all.
            control_channels: channels of the control latent.
            width: channels of the tower, a multiple of ``groups``.
            groups: groups of the group norms.
            operations: where layers come from (``torch.nn`` or ``comfy.ops.manual_cast``).
            attention: ignored; taken so that both adapters are built alike.
            factory: ``device`` and ``dtype``.

        Raises:
            ValueError: injection points that do not fit the generator, or a width that the groups do not divide.
        """
        super().__init__()
        if width < 1 or width % groups:
            raise ValueError(f"the ResNet adapter's width is {width}, but must be a multiple of its {groups} groups.")
        self.generator = generator
        self.dim = generator.dim
        self.control_channels, self.width, self.groups = control_channels, width, groups
        self.inject_after = check_inject_after(
            range(generator.num_layers) if inject_after is None else inject_after, generator.num_layers
        )
        patch = generator.patch_size
        self.stem = operations.Conv3d(control_channels, width, kernel_size=patch, stride=patch, **factory)
        self.trunk = nn.ModuleList(ResBlock(width, groups, operations, **factory) for _ in self.inject_after)
        self.zero_convs = nn.ModuleList(zero_conv(width, self.dim, operations, **factory) for _ in self.inject_after)

    def config(self) -> dict[str, Any]:
        """See ``TrajectoryAdapter.config``."""
        return {
            "generator": {
                "dim": self.generator.dim,
                "num_layers": self.generator.num_layers,
                "num_heads": self.generator.num_heads,
                "patch_size": list(self.generator.patch_size),
            },
            "inject_after": list(self.inject_after),
            "control_channels": self.control_channels,
            "width": self.width,
            "groups": self.groups,
        }

    def prepare(self, control_BCFHW: Tensor) -> list[Tensor]:
        """The tower's features after every block, each ``[B, L, width]``: 210 MB in bf16 at 1280 x 704 x 121."""
        x = self.stem(control_BCFHW)
        batch = x.shape[0]
        x = x.transpose(1, 2).flatten(0, 1)
        features = []
        for block in self.trunk:
            x = block(x)
            features.append(x.flatten(2).transpose(1, 2).unflatten(0, (batch, -1)).flatten(1, 2).contiguous())
        return features

    def begin(
        self,
        prepared: list[Tensor],
        latent_BCFHW: Tensor,
        timestep_BF: Tensor,
        context_BMT: Tensor,
        kernels: Kernels = OWN,
    ) -> tuple[list[Tensor], int]:
        """Nothing to compute; notes how often the batch repeats the features."""
        return prepared, latent_BCFHW.shape[0] // prepared[0].shape[0]

    def footprint(self, batch: int, grid_FHW: tuple[int, int, int], size: int) -> Footprint:
        """The features of one video, whatever the batch; see ``TrajectoryAdapter.footprint``."""
        tokens = math.prod(grid_FHW) // math.prod(self.generator.patch_size)
        return Footprint(len(self.inject_after) * tokens * self.width * size, 0)

    def residual(self, index: int, state: tuple[list[Tensor], int]) -> Tensor:
        """The zero convolution of feature ``index``; ``[1, L, D]`` broadcasts over the batch where there is one control."""
        features, repeats = state
        out: Tensor = self.zero_convs[index](features[index])
        return out if out.shape[0] == 1 else out.repeat(repeats, 1, 1)
