"""Train a tiny codec of TAEHV's layout on the synthetic world, small enough to come with the pack.

Two parts. At first the encoder is a fixed linear code (`linear_start`) and the decoder, without its memory blocks, learns to invert it:
cheap steps that lead away from grey at once. Then everything learns together, or with `encoder_part: 0` the decoder alone: a linear code has
less in it, but what moves changes it simply, and a small generator learns that sooner. The encoder never looks at the frame before, as the
layout would allow: so a still picture has one and the same latent in every frame, the given first one included, which has none before it,
and a generator can copy it. The latents are noised a little on their way to the decoder
and held near mean 0 and deviation 1 in the generator's normalised space, so what matters gets a large share of it and a generator's small
errors do not show. From `encoder_part` on the encoder stays as it is: latents are settled, a generator can learn them, and the decoder goes
on alone (the phase `decoder`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from flashmotion_core.codec.taehv import TAEHV, MemoryBlock
from flashmotion_core.wan.conditioning import denormalise, normalise
from flashmotion_core.weights import save_whole
from flashmotion_core.whole_file import write_whole

from ..config.codec_settings import CodecSettings
from ..engine.optim import lr_factor
from ..engine.streams import Streams
from ..errors import TrainError, TrainingStopped
from . import codec_budget
from .codec_budget import Settled
from .crops import Crops
from .linear_start import decode_whole, encode_whole, start
from .muon import Muon
from .quality import reconstruction, spread

FILE = "flashmotion_tiny_vae.safetensors"
CHECKPOINT = "checkpoint.pt"
BOOKKEEPING = {"checkpoint_every", "share"}
"""Settings that do not change the result."""
DECODER_WIDTHS = (256, 128, 64, 64)
"""Of the decoder's stages: those that ComfyUI loads."""
BIAS_LR = 1e-3
WARMUP_STEPS = 20
"""Steps in which the learning rate rises, at the beginning of either part."""
DECAY_SHARE = 0.7
"""Last share of either part in which the learning rate falls, in a straight line."""
EDGES_WEIGHT = 0.1
"""Of the error in the differences of neighbouring pixels."""
SPREAD_WEIGHT = 0.02
"""Of the latents' means and deviations."""
START_CROPS = 192


def train_codec(
    settings: CodecSettings,
    folder: Path,
    *,
    seed: int = 0,
    rest: bool = False,
    minutes: float | None = None,
    device: torch.device | str = "cpu",
    report: Callable[[int, int, float, float], None] | None = None,
    log: Callable[[int, Mapping[str, float]], None] | None = None,
) -> Path:
    """Train, or go on where an earlier run in this folder stopped, and write the codec (fp16).

    Args:
        settings: of the codec.
        seed: of the world's clips and of all other draws.
        folder: keeps checkpoint, what was settled (steps, threads) and result.
        rest: False ends where the encoder does; True goes on to the last step from there, in a folder that holds the checkpoint and what
            was settled.
        minutes: time budget; from it follows the number of steps, once, at the beginning.
        report: called after each step with (steps done, steps in all, loss, seconds of the step).
        log: called after each step with (steps done, values by name).

    Returns:
        The safetensors file.

    Raises:
        TrainError: the checkpoint is of other settings; TrainingStopped: the loss is no number any more.
    """
    folder.mkdir(parents=True, exist_ok=True)
    began, threads = time.perf_counter(), torch.get_num_threads()
    run = _Training(settings, folder, torch.device(device), seed)
    try:
        done = run.load()
        run.settle(None if minutes is None else 60 * minutes - (time.perf_counter() - began))
        end = run.steps if rest else run.encoder_steps
        for step in range(done, end):
            stepped = time.perf_counter()
            values = run.step(step)
            if (step + 1) % settings.checkpoint_every == 0 and step + 1 < end:
                run.save(step + 1)
            if log is not None:
                log(step + 1, values)
            if report is not None:
                report(step + 1, end, values["loss"], time.perf_counter() - stepped)
        run.save(max(done, end))
    finally:
        torch.set_num_threads(threads)
    path = folder / FILE
    weights = {name: weight.half().cpu().contiguous() for name, weight in run.codec.state_dict().items()}
    save_whole(path, weights, {"trained_on": f"synthetic world, {settings.difficulty}", "steps": str(end)})
    return path


class _Training:
    """Codec, optimizers and data of a run."""

    def __init__(self, settings: CodecSettings, folder: Path, device: torch.device, seed: int = 0) -> None:
        self.settings, self.folder, self.device, self.seed = settings, folder, device, seed
        world = (seed, settings.difficulty, settings.size, settings.clip_frames)
        self.crops = Crops(
            *world, crop=settings.crop, length=settings.frames, keep=settings.clips, photographs=settings.photographs
        )
        self.steps, self.start_steps = settings.steps, min(settings.start_steps, settings.steps)
        self.codec = TAEHV(decoder_widths=DECODER_WIDTHS)

    @property
    def encoder_steps(self) -> int:
        """Steps after which the encoder stays as it is; unless there are none, the first part is not cut short."""
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
        """Start from nothing or from the checkpoint; returns the steps done."""
        path = self.folder / CHECKPOINT
        if not path.is_file():
            generator = Streams(self.seed, "codec", 0).generator("start")
            pixels, stays = self.crops.batch(0, START_CROPS), self.settings.encoder_part == 0
            start(self.codec, pixels, generator, self.settings.whitening, stays)
            self._forget()
            self._make_optimizers()
            return 0
        state: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        if state["settings"] != self._settings():
            raise TrainError(f"{path} was made with other codec settings; delete its folder or choose another one.")
        self._make_optimizers()
        self.codec.load_state_dict(state["codec"])
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])
        return int(state["step"])

    def save(self, step: int) -> None:
        """Write the checkpoint beside its place and move it there."""
        state = {
            "settings": self._settings(),
            "step": step,
            "codec": self.codec.state_dict(),
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
        }
        write_whole(self.folder / CHECKPOINT, partial(torch.save, state))

    def _settings(self) -> dict[str, Any]:
        return {"seed": self.seed} | self.settings.model_dump(mode="json", exclude=BOOKKEEPING)

    def _encoder_memory(self) -> Iterator[tuple[Tensor, int]]:
        """Weights of the encoder's memory blocks, and their input channel from which on they would look at the frame before."""
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
        """Set torch's threads and find out how many steps fit `seconds`, or take what was found out when the run began."""
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
            raise TrainingStopped(f"the codec's loss is {values['loss']} in step {step + 1}; lower codec.lr.")
        return values | {"lr": self.settings.lr * factor}

    def _advance(self, step: int, memory: bool, factor: float, *, encoder: bool) -> dict[str, float]:
        for optimizer, lr in ((self.muon, self.settings.lr), (self.adam, BIAS_LR)):
            optimizer.param_groups[0]["lr"] = lr * factor
        self.codec.encoder.requires_grad_(encoder)
        pixels = self.crops.batch(step, self.settings.batch).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.precision == "bf16"):
            latent = normalise(encode_whole(self.codec, pixels, memory=memory))
            generator = Streams(self.seed, "codec", step).generator("noise")
            share_B1111 = torch.rand((len(latent), 1, 1, 1, 1), generator=generator)
            noise = share_B1111 * torch.randn(latent.shape, generator=generator)
            noised = latent + self.settings.noise * noise.to(latent)
            decoded = decode_whole(self.codec, denormalise(noised), memory=memory)
        squares, edges = reconstruction(decoded.float(), pixels)
        # What the generator will see are clips as they come: without the half that was chosen for its sprites.
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
