"""Headless generation: the same generator, adapter and codec files as in ComfyUI, without ComfyUI.

Plain functions. ``loading`` and ``codec.vae`` only load models, so that a caller can free one before it loads the next;
``sample_latent`` is the few-step loop with adapters and a guide; ``cli.generate`` puts all of it together on the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..adapters import ReusingAdapter, TrajectoryAdapter
from ..guide.guide import Guide, guided
from ..guide.guide_levels import Levels
from ..sampling.few_step import comfyui_noise, control_sigma, denoised, euler, few_step
from ..sampling.schedule import Schedule, check_sigmas
from ..wan.conditioning import frame_timesteps, with_clean_frame
from ..wan.generator import WanGenerator
from .adapter_control import Control
from .loading import Generator


@dataclass(frozen=True)
class _Prepared:
    """A control on the generator's device: its adapter over the steps, and what that computes once per video."""

    control: Control
    adapter: ReusingAdapter
    features: Any


@torch.no_grad()
def sample_latent(
    generator: Generator,
    context_BMT: Tensor,
    shape_CFHW: Sequence[int],
    controls: Sequence[Control] = (),
    *,
    guide: tuple[Guide, Levels] | None = None,
    clean_BCFHW: Tensor | None = None,
    schedule: Schedule | None = None,
    seed: int = 0,
    noise: tuple[Tensor, Iterator[Tensor]] | None = None,
    integrate: bool = False,
    callback: Callable[[int, Tensor], None] | None = None,
) -> Tensor:
    """Denoise a clip's latent in a few steps, with any number of adapters; on a CPU it repeats ComfyUI's ``lcm`` sampler.

    Args:
        generator: from ``load_generator``.
        context_BMT: text tokens ``[1, 512, text_dim]`` from ``encode_text`` or ``no_text``.
        shape_CFHW: latent shape, from ``wan.conditioning.latent_shape``.
        controls: adapters, whose residuals add up.
        guide: of the picture's own objects, and until when it holds; with or without adapters.
        clean_BCFHW: normalised latent ``[1, 48, 1, H, W]`` of the start image, kept as frame 0; None for text to video.
        schedule: sigmas and shift; None for the generator's own, or the trained one where its file has none.
        seed: of ComfyUI's CPU noise, from 0.
        noise: starting noise ``[B, C, F, H, W]`` and an iterator of fresh noise, instead of the seed.
        integrate: take Euler steps instead of adding fresh noise, as a generator of many steps needs (ComfyUI's ``euler``).
        callback: called after every step with (index, normalised x0); not by Euler steps.

    Returns:
        the normalised latent ``[B, C, F, H, W]``, float32 on the generator's device.

    Raises:
        ValueError: text width, latent sizes or injection points that do not fit the generator.
    """
    schedule = schedule or generator.info.schedule or Schedule()
    sigmas = check_sigmas(schedule.sigmas)
    weight = generator.transformer.patch_embedding.weight
    first, fresh = noise or comfyui_noise((1, *shape_CFHW), seed)
    first = first.to(weight.device, torch.float32)
    _check_shapes(generator, context_BMT, tuple(shape_CFHW), first, controls, clean_BCFHW, guide and guide[0])
    context = context_BMT.to(weight).expand(first.shape[0], -1, -1)
    clean = None if clean_BCFHW is None else clean_BCFHW.to(first)
    prepared = [
        _Prepared(
            control,
            ReusingAdapter(control.adapter, control.compute_every),
            control.adapter.prepare(control.latent_BCFHW.to(weight)),
        )
        for control in controls
        if any(control.is_on(sigma, schedule.shift) for sigma in sigmas)
    ]

    def denoise(x: Tensor, sigma: float) -> Tensor:
        x = with_clean_frame(x, clean)
        timestep_B = torch.full((x.shape[0],), sigma, dtype=torch.float32, device=x.device) * 1000
        active = [entry for entry in prepared if entry.control.is_on(sigma, schedule.shift)]
        velocity = _velocity(generator.transformer, x.to(weight.dtype), timestep_B, context, active, clean is not None)
        x0 = denoised(x, velocity.float(), sigma)
        if guide is not None:
            x0 = guided(x0, sigma, *guide, partial(control_sigma, shift=schedule.shift))
        return with_clean_frame(x0, clean)

    if integrate:
        return euler(denoise, first * sigmas[0], sigmas)
    later = (draw.to(first) for draw in fresh)
    # A first sigma below 1 starts from a mixture with an empty (zero) latent, as ComfyUI's noise scaling does.
    return few_step(denoise, first * sigmas[0], sigmas, later, callback)


def _velocity(
    transformer: Any,
    x: Tensor,
    timestep_B: Tensor,
    context_BMT: Tensor,
    active: Sequence[_Prepared],
    first_frame_is_clean: bool,
) -> Tensor:
    """One forward pass with the active adapters."""
    patch_frames, patch_rows, patch_columns = transformer.config.patch_size
    assert patch_frames == 1
    _, _, frames, rows, columns = x.shape
    timestep_BF = frame_timesteps(timestep_B, frames, True) if first_frame_is_clean else timestep_B[:, None]
    with ExitStack() as stack:
        for entry in active:
            state = entry.adapter.begin(entry.features, x, timestep_BF, context_BMT)
            stack.enter_context(injected(transformer.blocks, entry.adapter, state, entry.control.strengths))
        velocity: Tensor
        if isinstance(transformer, WanGenerator):
            velocity = transformer(x, timestep_BF, context_BMT)
        else:
            # diffusers takes one timestep per token, in the order frames, rows, columns.
            per_frame = (rows // patch_rows) * (columns // patch_columns)
            timestep = timestep_BF.repeat_interleave(per_frame, dim=1) if first_frame_is_clean else timestep_B
            velocity = transformer(x, timestep, context_BMT, return_dict=False)[0]
    return velocity


@contextmanager
def injected(
    blocks: nn.ModuleList, adapter: TrajectoryAdapter | ReusingAdapter, state: Any, strengths: Sequence[float]
) -> Iterator[None]:
    """Within the context, ``strength * residual`` is added to the output of every block in ``adapter.inject_after``, once.

    Args:
        blocks: the generator's blocks.
        adapter: whose ``residual`` is called.
        state: what ``adapter.begin`` returned for this pass.
        strengths: one per injection.
    """

    def add(index: int, strength: float, module: nn.Module, args: Any, hidden_BLD: Tensor) -> Tensor:
        # Computed at strength 0 too: a ControlNet's next residual builds on this one.
        residual = adapter.residual(index, state)
        return hidden_BLD + strength * residual.to(hidden_BLD.dtype) if strength else hidden_BLD

    handles = [
        blocks[block].register_forward_hook(partial(add, index, strength))
        for index, (block, strength) in enumerate(zip(adapter.inject_after, strengths, strict=True))
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _check_shapes(
    generator: Generator,
    context: Tensor,
    shape: tuple[int, ...],
    noise: Tensor,
    controls: Sequence[Control],
    clean: Tensor | None,
    guide: Guide | None,
) -> None:
    config = generator.info.config
    if context.shape[-1] != config.text_dim:
        raise ValueError(
            f"the text tokens are {context.shape[-1]} wide, but this generator takes {config.text_dim}; use the text encoder it was trained with."
        )
    channels, _, rows, columns = shape
    wanted = {"noise": (noise, shape), "start image": (clean, (channels, 1, rows, columns))}
    wanted["guide"] = (None if guide is None else guide.latent_BCFHW, shape)
    wanted |= {f"control {index}": (control.latent_BCFHW, shape) for index, control in enumerate(controls)}
    for name, (tensor, expected) in wanted.items():
        if tensor is not None and tuple(tensor.shape[1:]) != expected:
            raise ValueError(
                f"the {name}'s latent is {list(tensor.shape[1:])}, but {list(expected)} fits this video; encode it at the video's size."
            )
    for control in controls:
        if control.adapter.dim != config.dim or control.adapter.inject_after[-1] >= config.num_layers:
            raise ValueError(
                f"an adapter of width {control.adapter.dim} adds after block {control.adapter.inject_after[-1]}, but this generator has width "
                f"{config.dim} and {config.num_layers} blocks; use the generator that the adapter was trained on."
            )
