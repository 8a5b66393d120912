"""Codec, optimizers and data of a codec's training, and its steps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from flashmotion_core.codec.taehv import DECODER_WIDTHS, TAEHV
from flashmotion_core.codec.taehv_blocks import MemoryBlock
from flashmotion_core.wan.conditioning import denormalise, normalise

from ..config.codec_settings import CodecSettings
from ..engine.optim import lr_factor
from ..engine.streams import Streams
from ..errors import TrainError, TrainingStopped
from . import codec_budget, codec_checkpoint
from .codec_budget import Settled
from .crops import Crops
from .linear_start import decode_whole, encode_whole, start
from .muon import Muon
from .quality import reconstruction, spread

BOOKKEEPING = {"checkpoint_every", "share"}
"""The settings that do not change the result."""
BIAS_LR = 1e-3
WARMUP_STEPS = 20
"""Steps at the start of each part in which the learning rate rises."""
DECAY_SHARE = 0.7
"""Last share of each part, in which the learning rate falls linearly."""
EDGES_WEIGHT = 0.1
"""Weight of the error in the differences of neighbouring pixels."""
SPREAD_WEIGHT = 0.02
"""Weight of the spread of the latents; see `quality.spread`."""
START_CROPS, CROPS_OF_A_CLIP = 192, 2
"""Crops that the linear code is computed from, and how many of them the clips in memory are good for."""


class CodecTraining:
    """Codec, optimizers and data of a run."""

    def __init__(
        self,
        settings: CodecSettings,
        folder: Path,
        device: torch.device,
        precision: str = "bf16",
        seed: int = 0,
        say: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self.settings, self.folder, self.device, self.seed, self.say = settings, folder, device, seed, say
        self.bf16 = precision != "fp32"
        world = (seed, settings.difficulty, settings.size, settings.clip_frames)
        self.crops = Crops(
            *world, crop=settings.crop, length=settings.frames, keep=settings.clips, photographs=settings.photographs
        )
        self.steps, self.start_steps = settings.steps, min(settings.start_steps, settings.steps)
        self.codec = TAEHV(decoder_widths=DECODER_WIDTHS)

    @property
    def encoder_steps(self) -> int:
        """Steps in which the encoder learns: none at all, or at least those of the first part."""
        if not self.settings.encoder_part:
            return 0
        return min(self.steps, max(self.start_steps, round(self.settings.encoder_part * self.steps)))

    def _make_optimizers(self) -> None:
        self.codec.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        weights = [weight for weight in self.codec.parameters() if weight.ndim > 1]
        biases = [weight for weight in self.codec.parameters() if weight.ndim == 1]
        self.muon = Muon(weights, lr=self.settings.lr)
        self.adam = torch.optim.Adam(biases, lr=BIAS_LR, betas=(0.9, 0.99))

    def load(self) -> int:
        """Start from scratch or from the checkpoint; returns the number of steps done."""
        state, problem = codec_checkpoint.load(self.folder, self.device)
        if problem:
            self.say(problem)
        if state is None:
            generator = Streams(self.seed, "codec", 0).generator("start")
            crops = min(START_CROPS, CROPS_OF_A_CLIP * self.settings.clips)
            pixels, stays = self.crops.batch(0, crops), self.settings.encoder_part == 0
            start(self.codec, pixels, generator, self.settings.whitening, stays)
            self._forget()
            self._make_optimizers()
            return 0
        now, made = self._settings(), dict(state["settings"])
        if made != now:
            changed = sorted(name for name in made.keys() | now.keys() if made.get(name) != now.get(name))
            raise TrainError(
                f"{self.folder / codec_checkpoint.CHECKPOINT} was made with other codec settings ({', '.join(changed)}); delete its folder, or "
                "choose another run folder."
            )
        self._make_optimizers()
        self.codec.load_state_dict(state["codec"])
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])
        return int(state["step"])

    def save(self, step: int) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {
            "settings": self._settings(),
            "step": step,
            "codec": self.codec.state_dict(),
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
        }
        codec_checkpoint.save(self.folder, state)

    def _settings(self) -> dict[str, Any]:
        return {"seed": self.seed} | self.settings.model_dump(mode="json", exclude=BOOKKEEPING)

    def _encoder_memory(self) -> Iterator[tuple[Tensor, int]]:
        """Weights of the encoder's memory blocks, each with the first of its input channels that belong to the previous frame."""
        for block in self.codec.encoder:
            if isinstance(block, MemoryBlock):
                convolution = block.conv[0]
                assert isinstance(convolution, nn.Conv2d)
                yield convolution.weight, convolution.in_channels // 2

    @torch.no_grad()
    def _forget(self) -> None:
        for weight, width in self._encoder_memory():
            weight[:, width:] = 0

    def settle(self, seconds: float | None) -> None:
        """Set torch's threads and decide how many steps fit into `seconds`, unless the run decided it before."""
        settled = codec_budget.read(self.folder)
        if settled is None:
            settled = self._settled(seconds)
            codec_budget.keep(self.folder, settled)
        self.steps, self.start_steps = settled.steps, settled.start_steps
        if settled.threads:
            torch.set_num_threads(settled.threads)

    def _settled(self, seconds: float | None) -> Settled:
        began = time.perf_counter()
        before = {name: weight.clone() for name, weight in self.codec.state_dict().items()}

        def probe(memory: bool) -> float:
            stepped = time.perf_counter()
            self._advance(0, memory, 0.1, encoder=memory)
            return time.perf_counter() - stepped

        steps, start_steps, threads = self.steps, self.start_steps, 0
        if self.device.type == "cpu" and torch.get_num_threads() > 1:
            threads = codec_budget.fastest_threads(partial(probe, False))
        if seconds is not None:
            first, second = (codec_budget.median(partial(probe, memory)) for memory in (False, True))
            left = seconds - (time.perf_counter() - began)
            steps, start_steps = codec_budget.steps_that_fit(left, steps, start_steps, first, second)
        self.codec.load_state_dict(before)
        self._make_optimizers()
        return Settled(steps, start_steps, threads)

    def step(self, step: int) -> dict[str, float]:
        """Step number `step`, counted from 0."""
        memory = step >= self.start_steps
        past, part = (self.start_steps, self.steps - self.start_steps) if memory else (0, self.start_steps)
        factor = lr_factor(step - past, part, warmup=WARMUP_STEPS, decay=DECAY_SHARE, kind="linear")
        values = self._advance(step, memory, factor, encoder=memory and step < self.encoder_steps)
        if not math.isfinite(values["loss"]):
            raise TrainingStopped(
                f"the codec's loss is {values['loss']} in step {step + 1}; lower codec.lr, which is {self.settings.lr:g}."
            )
        return values | {"lr": self.settings.lr * factor}

    def _advance(self, step: int, memory: bool, factor: float, *, encoder: bool) -> dict[str, float]:
        for optimizer, lr in ((self.muon, self.settings.lr), (self.adam, BIAS_LR)):
            optimizer.param_groups[0]["lr"] = lr * factor
        self.codec.encoder.requires_grad_(encoder)
        pixels = self.crops.batch(step, self.settings.batch).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            latent = normalise(encode_whole(self.codec, pixels, memory=memory))
            generator = Streams(self.seed, "codec", step).generator("noise")
            share_B1111 = torch.rand((len(latent), 1, 1, 1, 1), generator=generator)
            noise = share_B1111 * torch.randn(latent.shape, generator=generator)
            noised = latent + self.settings.noise * noise.to(latent)
            decoded = decode_whole(self.codec, denormalise(noised), memory=memory)
        squares, edges = reconstruction(decoded.float(), pixels)
        # The generator will see clips as they come, so the half that was chosen for its sprites is left out.
        off = spread(latent.float()[: len(latent) // 2])
        loss = squares + EDGES_WEIGHT * edges + SPREAD_WEIGHT * off
        loss.backward()
        for weight, width in self._encoder_memory():
            if weight.grad is not None:
                weight.grad[:, width:] = 0
        for optimizer in (self.muon, self.adam):
            optimizer.step()
            optimizer.zero_grad()
        return {"loss": loss.item(), "squares": squares.item(), "edges": edges.item(), "spread": off.item()}
