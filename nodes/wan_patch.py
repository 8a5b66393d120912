"""How an adapter hooks into ComfyUI's native Wan model: the one file that knows its internals.

Two wrappers do it; both exist since ComfyUI 0.16.3 (the ``double_block`` patch list is silently ignored before 0.30). One goes around
each forward pass (``DIFFUSION_MODEL``) and puts block replacements into a copy of the options for that call, so that nothing is left
behind and patches of other packs are chained. The other goes around each sampling run (``OUTER_SAMPLE``) and frees the features and the
residuals kept for later steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import comfy.ldm.flux.math
import comfy.model_base
import comfy.model_management
import comfy.model_patcher
import comfy.ops
import comfy.utils
import torch
from comfy.ldm.modules.attention import optimized_attention
from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ..flashmotion_core.adapters import (
    ReusingAdapter,
    block_strengths,
)
from ..flashmotion_core.sampling.few_step import in_control_range
from ..flashmotion_core.wan.config import WanConfig
from ..flashmotion_core.wan.kernels import Kernels
from .adapter_memory import counting
from .attachments import KEY
from .finite import check_result
from .fit_checks import check_text, other_clip
from .shared_adapters import ADAPTERS

Block = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]


def wan_config(model: Any) -> WanConfig:
    """Sizes of the generator inside a MODEL.

    Raises:
        ValueError: the model is not a Wan 2.2 TI2V generator; the error says what it is.
    """
    if not isinstance(model.model, comfy.model_base.WAN22):
        raise ValueError(
            f"the model is {type(model.model).__name__}, but FlashMotion works on Wan2.2-TI2V-5B (WAN22); load it with LoadFastGenerator."
        )
    wan = model.get_model_object("diffusion_model")
    return WanConfig(
        dim=wan.dim,
        ffn_dim=wan.ffn_dim,
        num_heads=wan.num_heads,
        num_layers=wan.num_layers,
        in_channels=wan.in_dim,
        out_channels=wan.out_dim,
        text_dim=wan.text_dim,
        freq_dim=wan.freq_dim,
        patch_size=tuple(wan.patch_size),
        eps=wan.eps,
    )


def apply_adapter(
    model: Any,
    patcher: Any,
    control_BCFHW: Tensor,
    strength: float,
    sigma_start: float,
    sigma_end: float,
    compute_every: int = 1,
) -> Any:
    """A clone of the MODEL that the adapter controls. Stacks with other adapters and other packs' patches.

    Raises:
        ValueError: see ``check_compute_every``.
    """
    patched = model.clone()
    hook = AdapterHook(patcher, control_BCFHW, strength, sigma_start, sigma_end, compute_every)
    patched.add_wrapper_with_key(WrappersMP.DIFFUSION_MODEL, KEY, hook.forward)
    patched.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, KEY, hook.run)
    if not patched.get_wrappers(WrappersMP.PREPARE_SAMPLING, KEY):
        patched.add_wrapper_with_key(WrappersMP.PREPARE_SAMPLING, KEY, _prepare_sampling)
    # Wrappers are not scanned for models, so the adapter is named here; otherwise nobody would load it.
    # A file that is used twice is one model, and is loaded once.
    others = [each for each in model.get_additional_models_with_key(KEY) if each.model is not patcher.model]
    patched.set_additional_models(KEY, [*others, patcher])
    return patched


def _prepare_sampling(executor: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
    """Around the preparation of a run: once for all adapters of the MODEL, as their needs do not simply add up."""
    hooks: list[AdapterHook] = [forward.__self__ for forward in model.get_wrappers(WrappersMP.DIFFUSION_MODEL, KEY)]
    return counting(executor, [hook.adapter for hook in hooks if any(hook.strengths)], model, *args, **kwargs)


class AdapterHook:
    """One adapter on one control latent. Shared by clones of the MODEL; holds only what a run may recompute."""

    def __init__(
        self,
        patcher: Any,
        control_BCFHW: Tensor,
        strength: float,
        sigma_start: float,
        sigma_end: float,
        compute_every: int = 1,
    ) -> None:
        self.patcher = patcher
        self.adapter = ReusingAdapter(patcher.model, compute_every)
        self.control_BCFHW = control_BCFHW
        self.strengths = block_strengths(strength, len(patcher.model.inject_after))
        self.sigma_start, self.sigma_end = sigma_start, sigma_end
        self._prepared: dict[Any, Any] = {}

    def run(self, executor: Any, *args: Any, **kwargs: Any) -> Any:
        """Around a sampling run: free the prepared features and kept residuals afterwards, also after an error or a cancel.

        Raises:
            ValueError: NaN or infinity in the result, which no decoder can show and stock samplers hand on.
        """
        try:
            out = executor(*args, **kwargs)
            if isinstance(out, Tensor):
                check_result(out, executor.class_obj.model_patcher, "ApplyFastAdapter")
            return out
        finally:
            self._prepared.clear()
            self.adapter.clear()
            ADAPTERS.release()

    def forward(
        self,
        executor: Any,
        x: Tensor,
        timestep: Tensor,
        context: Tensor,
        clip_fea: Any = None,
        time_dim_concat: Any = None,
        transformer_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Around a forward pass: add the adapter's residuals after the generator's blocks."""
        options = dict(transformer_options or {})
        if any(self.strengths) and self._is_on(options):
            check_text(context, executor.class_obj.text_dim)
            adapter = self.adapter
            prepared = self._prepare(adapter, x, options.get("context_window"))
            # One row per sample, or per sample and latent frame where a start image makes the first one clean.
            timestep_BF = timestep if timestep.ndim == 2 else timestep[:, None]
            kernels = _kernels(executor.class_obj, self.patcher.model.generator, x, options)
            state = adapter.begin(prepared, x, timestep_BF, context, _which_pass(options), kernels)
            blocks = dict(options.get("patches_replace", {}).get("dit", {}))
            for index, block in enumerate(adapter.inject_after):
                if self.strengths[index]:
                    name = ("double_block", block)
                    blocks[name] = Adding(blocks.get(name), adapter, index, state, self.strengths[index])
            options["patches_replace"] = {**options.get("patches_replace", {}), "dit": blocks}
        return executor(x, timestep, context, clip_fea, time_dim_concat, options, **kwargs)

    def _is_on(self, options: dict[str, Any]) -> bool:
        """Whether control is on in this step; where it is on throughout, the sigma need not be read from the GPU."""
        if self.sigma_start >= 1 and self.sigma_end <= 0:
            return True
        return in_control_range(float(options["sigmas"][0]), self.sigma_start, self.sigma_end)

    def _prepare(self, adapter: ReusingAdapter, x: Tensor, window: Any) -> Any:
        """The adapter's per-video part for the frames of this call (all of them, or a sliding context window's)."""
        control = self.control_BCFHW
        key: tuple[int, ...] | None = None
        if window is not None and getattr(window, "dim", None) == 2 and x.shape[2] != control.shape[2]:
            key = tuple(window.index_list)
            control = window.get_tensor(control, device=control.device, dim=2)
        if x.shape[2:] != control.shape[2:]:
            raise ValueError(other_clip(self.control_BCFHW, x))
        cached = (key, x.device, x.dtype)
        if cached not in self._prepared:
            self._prepared[cached] = adapter.prepare(control.to(device=x.device, dtype=x.dtype))
        return self._prepared[cached]


def _which_pass(options: dict[str, Any]) -> tuple[Any, ...]:
    """What tells the passes of one step apart: prompts (positive and negative may come in one batch or one by one) and frames."""
    window = options.get("context_window")
    frames = () if window is None else tuple(window.index_list)
    return tuple(options.get("cond_or_uncond", ())), tuple(options.get("uuids", ())), frames


def _kernels(wan: Any, sizes: WanConfig, x: Tensor, options: dict[str, Any]) -> Kernels:
    """ComfyUI's attention, with whatever overrides this call carries, and its rotary embedding for these tokens.

    Args:
        wan: ComfyUI's generator.
        sizes: of the adapter's own blocks; its heads may be wider or narrower than the generator's, whose table then does not fit.
        x: the latent of this call.
        options: of this call.
    """
    table: Tensor | None = None
    # Looked for, not expected: our own embedding gives the same where a later ComfyUI has it elsewhere.
    apply_rope1: Any = getattr(comfy.ldm.flux.math, "apply_rope1", None)

    def attention(q_BLD: Tensor, k_BMD: Tensor, v_BMD: Tensor, heads: int) -> Tensor:
        out: Tensor = optimized_attention(q_BLD, k_BMD, v_BMD, heads=heads, transformer_options=options)
        return out

    def turn(x_BLD: Tensor, heads: int) -> Tensor:
        nonlocal table
        if table is None:
            table = wan.rope_encode(*x.shape[2:], device=x.device, dtype=x.dtype, transformer_options=options)
        turned: Tensor = apply_rope1(x_BLD.unflatten(-1, (heads, -1)), table)
        return turned.flatten(2)

    fits = apply_rope1 is not None and hasattr(wan, "rope_encode") and sizes.head_dim == wan.dim // wan.num_heads
    return Kernels(attention, turn if fits else None)


class Adding:
    """A block replacement that runs the block (or what replaced it before) and adds the residual."""

    def __init__(
        self, previous: Block | None, adapter: ReusingAdapter, index: int, state: Any, strength: float
    ) -> None:
        self.previous, self.adapter, self.index, self.state, self.strength = previous, adapter, index, state, strength
        # A block's own new output is nobody else's; what another pack returned may be kept by it.
        self.fresh: bool = previous is None or (isinstance(previous, Adding) and previous.fresh)

    def __call__(self, args: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
        """As ComfyUI calls a replacement."""
        previous = self.previous
        out: dict[str, Any] = extra["original_block"](args) if previous is None else previous(args, extra)
        tokens = out["img"]
        residual = self.adapter.residual(self.index, self.state).to(tokens.dtype)
        if residual.shape[1] != tokens.shape[1]:
            raise ValueError(
                f"the generator has {tokens.shape[1]} tokens, but the trajectory has {residual.shape[1]}; "
                "remove reference images, which cannot be combined with a trajectory."
            )
        # Compiled blocks would break in two here, and inductor saves the memory itself.
        alone = not torch.compiler.is_compiling() and self.fresh and not tokens.requires_grad
        if alone and not _share(tokens, args["img"]):
            return {**out, "img": tokens.add_(residual, alpha=self.strength)}
        return {**out, "img": torch.add(tokens, residual, alpha=self.strength)}


def _share(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors lie in the same memory; tensors without memory (on the meta device) do not."""
    place = a.untyped_storage().data_ptr()
    return place != 0 and place == b.untyped_storage().data_ptr()
