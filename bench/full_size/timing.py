"""Measure a plan: the parts of a clip, the settings of denoising, whole jobs and peers."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any

import torch
from torch import nn

from flashmotion_core.acceleration.attention import choose_attention
from flashmotion_core.acceleration.compile import plain_blocks
from flashmotion_core.acceleration.fp8 import products_lacking, store_as_fp8
from flashmotion_core.acceleration.switches import contiguous_weights, faster_decoder, faster_generator, use_attention
from flashmotion_core.adapters import ControlNetAdapter
from flashmotion_core.codec.causal_vae import decoder_parts
from flashmotion_core.generation.loading import Generator

from . import models, peers
from .cases import Plan, Setting
from .clip_job import (
    STEPS,
    ClipSize,
    control_map,
    decoding,
    denoising,
    encoding,
    latent_of,
    picture,
    text_work,
    whole_job,
    writing,
)
from .flops import adapter_flops, codec_flops, generator_flops, text_flops
from .rows import Recorder, SpeedRow
from .variants import VARIANTS

PROMPT_TOKENS = 128
FRAMES_AHEAD = 16
STILL_FROM = 0.25


class SpeedMeasurement:
    """One run on one device."""

    def __init__(self, shapes: models.Shapes, device: torch.device, recorder: Recorder) -> None:
        self.shapes, self.device, self.recorder = shapes, device, recorder
        self.dtype = torch.bfloat16 if device.type == "cuda" else torch.float32

    def everything(self, plan: Plan) -> None:
        """All of a plan."""
        gc.freeze()  # what is here stays: `Clock.free` need not look through all of torch and diffusers each time
        try:
            self._everything(plan)
        finally:
            gc.unfreeze()

    def _everything(self, plan: Plan) -> None:
        if "text" in plan.parts:
            self.text()
        codecs = {}
        if {"codecs", "decoders", "jobs"} & set(plan.parts):
            codecs = models.codecs(self.shapes, self.device, self.dtype)
        if "codecs" in plan.parts:
            for clip in plan.clips:
                self.codecs(clip, codecs)
        if "decoders" in plan.parts:
            self.decoders(plan.clips[-1], codecs["full"], plan.decoders)
        if {"denoise", "jobs"} & set(plan.parts):
            self.denoise(plan, codecs)

    def text(self) -> None:
        """The text encoder, alone on the device and freed afterwards, as in the headless command."""

        def make() -> Any:
            return text_work(models.made("text", self.shapes, self.device, self.dtype), PROMPT_TOKENS)

        row = SpeedRow("parts", f"text encoder, {PROMPT_TOKENS} tokens", flops=text_flops(self.shapes, PROMPT_TOKENS))
        self.recorder.measure(row, make)

    def codecs(self, clip: ClipSize, codecs: dict[str, Any]) -> None:
        """Encoding and decoding of one size by both codecs, and writing."""
        for name, vae in codecs.items():
            kind = "vae" if name == "full" else "small_vae"
            settings = {"vae": name}
            whole = {part: self._flops(kind, part, clip, clip.frames) for part in ("encode", "decode")}
            first = self._flops(kind, "encode", clip, 1)
            still = control_map(clip, still_from=STILL_FROM)
            self._part("first frame, encode", clip, settings, first, partial(encoding, vae, picture(clip)[None]))
            self._part(
                "control map, encode", clip, settings, whole["encode"], partial(encoding, vae, control_map(clip))
            )
            label = f"same, still from {STILL_FROM:.0%} on"
            self._part(label, clip, settings, whole["encode"], partial(encoding, vae, still))
            self._part("decode", clip, settings, whole["decode"], partial(decoding, vae, latent_of(clip, self.device)))
        self._part("write mp4", clip, {}, None, partial(writing, clip))

    def decoders(self, clip: ClipSize, vae: Any, switches: Sequence[str]) -> None:
        """Decoding by the full VAE with something switched on, and off again."""
        flops = self._flops("vae", "decode", clip, clip.frames)
        for switch in switches:
            torch._dynamo.reset()
            faster_decoder(vae, channels_last="channels last" in switch, compiled="compiled" in switch)
            make = partial(decoding, vae, latent_of(clip, self.device))
            self._part(f"decode, {switch}", clip, {"vae": "full"}, flops, make)
            plain_blocks(decoder_parts(vae.model))
            contiguous_weights(vae.model.decoder)

    def _flops(self, kind: str, part: str, clip: ClipSize, frames: int) -> int:
        return codec_flops(self.shapes, kind, part, clip.width, clip.height, frames)

    def _part(self, name: str, clip: ClipSize, settings: dict[str, str], flops: int | None, make: Any) -> None:
        self.recorder.measure(SpeedRow("parts", name, str(clip), settings, flops=flops), make)

    def denoise(self, plan: Plan, codecs: dict[str, Any]) -> None:
        """Every setting at every size, and the whole job of some at the largest; one generator per host and dtype."""
        largest = plan.clips[-1]
        for settings in _by_generator(plan.settings):
            products = settings[0].dtype == "fp8-products"
            missing = products_lacking(self.device, self.dtype) if products else None
            if missing:
                for setting in settings:
                    self.recorder.failed(self._four_steps(largest, setting), f"{missing}.")
                continue
            with self.recorder.guard([self._four_steps(largest, setting) for setting in settings]):
                self._on_one_generator(settings, plan, codecs)
            self.recorder.clock.free()

    def _on_one_generator(self, settings: list[Setting], plan: Plan, codecs: dict[str, Any]) -> None:
        """Settings that share a generator, which is free again on return."""
        largest, generator = plan.clips[-1], self._generator(settings[0])
        for setting in settings:
            with self.recorder.guard([self._four_steps(largest, setting)]):
                adapter = self._adapter(setting)
                for clip in plan.denoise_clips if "denoise" in plan.parts else ():
                    self._steps(generator, adapter, clip, setting)
                if setting in plan.job_settings and "jobs" in plan.parts:
                    self._jobs(generator, adapter, largest, setting, codecs)
            adapter = None
        peer = (settings[0].host, settings[0].dtype, settings[0].mode) == ("diffusers", "bf16", "eager")
        if peer and "jobs" in plan.parts:
            self.diffusers(generator, largest, codecs)

    def _steps(self, generator: Generator, adapter: Any, clip: ClipSize, setting: Setting) -> None:
        flops = STEPS * generator_flops(self.shapes.generator, clip.latent)
        every = 1
        if adapter is not None:
            variant = VARIANTS[setting.adapter]
            every = variant.compute_every
            once, each = adapter_flops(adapter, clip.latent)
            flops += once + variant.computed_steps(STEPS) * each

        def make() -> Any:
            controls = [] if adapter is None else [(adapter, latent_of(clip, self.device, 3))]
            return denoising(generator, clip, controls, every)

        row = self._four_steps(clip, setting)
        row.flops = flops
        self.recorder.measure(row, make)

    def _jobs(
        self, generator: Generator, adapter: Any, clip: ClipSize, setting: Setting, codecs: dict[str, Any]
    ) -> None:
        every = 1 if adapter is None else VARIANTS[setting.adapter].compute_every
        for name, encoder, decoder in (*((name, name, name) for name in codecs), ("small decoder", "full", "small")):
            label = "picture and boxes to mp4" if name in codecs else "same with the small decoder"
            row = SpeedRow("job", label, str(clip), {**self._named(setting), "vae": name})
            make = partial(
                whole_job,
                generator,
                codecs[encoder],
                clip,
                adapter,
                FRAMES_AHEAD,
                compute_every=every,
                decoder=codecs[decoder],
            )
            self.recorder.measure(row, make)

    def diffusers(self, generator: Generator, clip: ClipSize, codecs: dict[str, Any]) -> None:
        """diffusers' pipeline from picture to file, without a trajectory."""

        def make() -> Any:
            return peers.diffusers_job(peers.diffusers_pipeline(generator, codecs["full"].model), clip)

        settings = {**self._named(Setting("bf16", "eager", "none", "diffusers")), "vae": "full"}
        self.recorder.measure(SpeedRow("peers", "diffusers, picture to mp4", str(clip), settings), make)

    def _four_steps(self, clip: ClipSize, setting: Setting) -> SpeedRow:
        return SpeedRow("denoise", "four steps", str(clip), self._named(setting))

    def _named(self, setting: Setting) -> dict[str, str]:
        """A setting as rows show it, with the dtype that really ran."""
        named = setting.as_dict()
        if setting.dtype == "bf16" and self.device.type != "cuda":
            named["dtype"] = "float32"
        return named

    def _generator(self, setting: Setting) -> Generator:
        generator = models.generator(self.shapes, setting.host, self.device, self.dtype, _each(setting))
        if setting.dtype == "fp8":
            store_as_fp8(generator.transformer)
        compiled = setting.mode == "compiled"
        if compiled:
            torch._dynamo.reset()
        use_attention(generator.transformer, self._attention(setting))
        products = "products" if setting.dtype == "fp8-products" else "none"
        faster_generator(generator.transformer, None, compiled=compiled, fp8=products)
        self.recorder.clock.free()
        return generator

    def _attention(self, setting: Setting) -> Any:
        return choose_attention(setting.attention, self.device, self.dtype, self.shapes.generator.head_dim).attention

    def _adapter(self, setting: Setting) -> Any:
        """An adapter on the device, in 8 bits where the generator is; None for ``none``."""
        if setting.adapter == "none":
            return None
        adapter = models.adapter(setting.adapter, self.shapes, self.device, self.dtype, _each(setting))
        use_attention(adapter, self._attention(setting))
        if setting.dtype == "fp8":
            store_as_fp8(adapter)
        elif setting.dtype == "fp8-products" and isinstance(adapter, ControlNetAdapter):
            store_as_fp8(adapter.blocks, products=True)
        self.recorder.clock.free()
        return adapter


def _each(setting: Setting) -> Callable[[nn.Module], object] | None:
    """What becomes of a block as soon as it is on the device: headless generation brings 8-bit weights there layer by layer."""
    stored: dict[str, Callable[[nn.Module], object]] = {
        "fp8": store_as_fp8,
        "fp8-products": partial(store_as_fp8, products=True),
    }
    return stored.get(setting.dtype)


def _by_generator(settings: tuple[Setting, ...]) -> Iterator[list[Setting]]:
    """Groups of settings that differ only in their adapter and so share a generator."""

    def key(setting: Setting) -> tuple[Any, ...]:
        return setting.host, setting.dtype, setting.mode, setting.attention

    for _, group in groupby(sorted(settings, key=key), key):
        yield list(group)
