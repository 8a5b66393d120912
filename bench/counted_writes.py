"""Large tensors that one step writes, counted on the meta device."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

LARGE = 100_000_000


@dataclass(frozen=True)
class Count:
    """What a computation wrote.

    Attributes:
        tensors: new tensors of ``LARGE`` bytes and more.
        written: their bytes.
        peak: the most bytes alive at once beyond what was there before.
        calls: of ComfyUI's attention.
    """

    tensors: int
    written: int
    peak: int
    calls: int


class Bench:
    """ComfyUI's generator and our adapters at one size, without weights' values.

    Args:
        pack: the pack inside ComfyUI.
        width: pixels.
        height: pixels.
        frames: 4k + 1.
        layers: blocks of the generator.
        streamed: weights lie elsewhere and come over at each use, as with ``--lowvram`` and ``--novram``.
    """

    def __init__(
        self, pack: Any, width: int, height: int, frames: int, layers: int = 30, *, streamed: bool = False
    ) -> None:
        import torch
        from comfy.ldm.wan.model import WanModel
        from comfy.ops import disable_weight_init, manual_cast

        from flashmotion_core.wan.conditioning import latent_shape
        from flashmotion_core.wan.config import TI2V_5B

        self.config = config = replace(TI2V_5B, num_layers=layers)
        self.pack, self.dtype = pack, torch.bfloat16
        self.place = "cpu" if streamed else "meta"
        self.patch = sys.modules[f"{pack.__name__}.nodes.wan_patch"]
        self.latent = (1, *latent_shape(width, height, frames))
        self.wan = WanModel(
            model_type="t2v",
            dim=config.dim,
            ffn_dim=config.ffn_dim,
            num_heads=config.num_heads,
            num_layers=config.num_layers,
            in_dim=config.in_channels,
            out_dim=config.out_channels,
            text_dim=config.text_dim,
            freq_dim=config.freq_dim,
            device=self.place,
            dtype=self.dtype,
            operations=manual_cast if streamed else disable_weight_init,
        )
        self.calls = 0

    @property
    def tokens(self) -> int:
        """Tokens of the clip."""
        _, _, frames, rows, columns = self.latent
        return frames * rows * columns // 4

    def empty(self, *shape: int, kind: Any = None) -> Any:
        """A tensor without values."""
        import torch

        return torch.empty(shape, device="meta", dtype=kind or self.dtype)

    def attention(self, _: Any, q_BLD: Any, *rest: Any, **options: Any) -> Any:
        """In place of every attention kernel: its result, and nothing else."""
        self.calls += 1
        return q_BLD.new_empty(q_BLD.shape)

    def adapter(self, kind: str) -> Any:
        """An adapter as ``load_adapter`` builds it."""
        import comfy.ops

        from flashmotion_core.adapters.adapter_file import KINDS

        return KINDS[kind](self.config, operations=comfy.ops.manual_cast, device=self.place, dtype=self.dtype)

    def count(self, work: Callable[[], Any], *there: Any) -> Count:
        """Count a computation; inputs and the weights of modules are there before it and count nothing."""
        import torch

        self.calls = 0
        with torch.no_grad(), counted() as meter:
            for value in there:
                meter.ignore([value] if isinstance(value, torch.Tensor) else value.parameters())
            kept = work()
        del kept
        return Count(meter.tensors, meter.written, meter.peak, self.calls)

    def host_block(self) -> Count:
        """One block of ComfyUI's generator."""
        x, context = self.empty(1, self.tokens, self.config.dim), self.empty(1, 512, self.config.dim)
        modulation = self.empty(1, self.latent[2], 6, self.config.dim)
        freqs = self.wan.rope_encode(*self.latent[2:], device=x.device, dtype=x.dtype)
        options = {"optimized_attention_override": self.attention}
        block = self.wan.blocks[0]
        return self.count(
            lambda: block(x, modulation, freqs, context, transformer_options=options),
            block,
            x,
            modulation,
            context,
            freqs,
        )

    def our_block(self, as_guest: bool) -> Count:
        """One block of ours, as ComfyUI's guest or alone."""
        import comfy.ops
        import torch

        from flashmotion_core.wan.block import Kernels, WanBlock, rotary

        block = WanBlock(self.config, comfy.ops.manual_cast, self.attention, device="meta", dtype=self.dtype)
        x, context = self.empty(1, self.tokens, self.config.dim), self.empty(1, 512, self.config.dim)
        modulation = self.empty(1, self.latent[2], 6, self.config.dim)
        _, _, frames, rows, columns = self.latent
        turns = rotary(frames, rows // 2, columns // 2, self.config.head_dim, torch.device("meta"))
        kernels = Kernels(lambda q, *_: self.attention(None, q))
        if as_guest:
            options = {"optimized_attention_override": self.attention}
            kernels = self.patch._kernels(self.wan, self.config, self.empty(*self.latent), options)
        return self.count(lambda: block(x, modulation, context, turns, kernels), block, x, modulation, context, *turns)

    def injection(self, kind: str) -> Count:
        """One residual and its addition to the generator's tokens."""
        adapter = self.adapter(kind)
        wide = self.config.dim if kind == "controlnet" else adapter.width
        tokens, features = self.empty(1, self.tokens, self.config.dim), self.empty(1, self.tokens, wide)
        alone = SimpleNamespace(residual=lambda index, state: adapter.zero_convs[index](features))
        add = self.patch.Adding(None, alone, 0, None, 1.0)
        before = self.empty(1, 1, 1)
        return self.count(
            lambda: add({"img": before}, {"original_block": lambda _: {"img": tokens}}), adapter, tokens, features
        )

    def step(self, *adapters: tuple[str, int], batch: int = 1) -> tuple[Count, int]:
        """One pass of the generator with a clean first frame, and what the nodes add to ComfyUI's estimate of its memory.

        Args:
            adapters: kind and ``compute_every`` of each that is applied.
            batch: rows of the pass.
        """
        import torch

        hooks = [self._hook(*adapter) for adapter in adapters]
        options: dict[str, Any] = {
            "optimized_attention_override": self.attention,
            "cond_or_uncond": [0],
            "wrappers": {self.patch.WrappersMP.DIFFUSION_MODEL: {self.patch.KEY: [hook.forward for hook in hooks]}},
        }
        x, context = self.empty(batch, *self.latent[1:]), self.empty(batch, 512, self.config.text_dim)
        timestep = torch.zeros(batch, self.latent[2], device="meta")
        there = [each for hook in hooks for each in (hook.patcher.model, hook.control_BCFHW)]
        found = self.count(
            lambda: self.wan(x, timestep, context, transformer_options=options), self.wan, x, context, timestep, *there
        )
        memory = sys.modules[f"{self.pack.__name__}.nodes.adapter_memory"]
        return found, memory.needed([hook.adapter for hook in hooks], x.shape, self.dtype.itemsize)

    def _hook(self, kind: str, compute_every: int) -> Any:
        patcher = SimpleNamespace(model=self.adapter(kind))
        hook = self.patch.AdapterHook(patcher, self.empty(*self.latent), 1.0, 1.0, 0.0, compute_every)
        hook.adapter._advance = lambda _: True  # a timestep without a value says nothing about its step
        return hook


@contextmanager
def counted() -> Iterator[Any]:
    """A ``Meter`` that also counts large tensors."""
    from train.plan.meter import Meter

    class Large(Meter):
        tensors = written = 0

        def _take(self, storage: Any, size: int) -> None:
            if storage._cdata not in self._known and size >= LARGE:
                self.tensors += 1
                self.written += size
            super()._take(storage, size)

    with Large() as meter:
        yield meter
