"""Optimizers, learning-rate schedules, gradient clipping, and an optimizer's state by parameter name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from ..errors import TrainError

Decay = Literal["linear", "cosine"]

WEIGHT_DECAY = 0.01
FINAL_FACTOR = 0.01  # of the learning rate, at the end of a decay


def make_optimizer(
    kind: str,
    parameters: Mapping[str, nn.Parameter],
    *,
    lr: float,
    betas: tuple[float, float],
    weight_decay: float = WEIGHT_DECAY,
    eps: float = 1e-8,
    device: torch.device,
) -> Optimizer:
    """AdamW; parameters with fewer than 2 dimensions (biases, norms) get no weight decay.

    adamw is torch's and takes 16 bytes per float32 parameter with its gradient. adamw_kahan (torch-optimi) takes 10 bytes per bfloat16
    parameter and keeps what rounding drops from an update for the next one; its moments are bfloat16 too and cannot follow a second beta
    near 1. adamw8bit (bitsandbytes) has 8-bit moments and runs on a single GPU only.

    Raises:
        TrainError: the kind is unknown, its package is missing, or it cannot run on this device.
    """
    assert parameters, "nothing to train"
    assert all(parameter.requires_grad for parameter in parameters.values())
    groups: dict[tuple[bool, torch.dtype], dict[str, Any]] = {}
    for parameter in parameters.values():
        decays = parameter.ndim >= 2
        empty: dict[str, Any] = {"params": [], "weight_decay": weight_decay if decays else 0.0}
        groups.setdefault((decays, parameter.dtype), empty)["params"].append(parameter)
    # The order must not depend on that of the parameters, because a state is kept by group number.
    in_order = [groups[key] for key in sorted(groups, key=str)]
    if kind == "adamw":
        # Fused on a GPU: the default would copy the second moments of all weights at once.
        return torch.optim.AdamW(in_order, lr=lr, betas=betas, eps=eps, fused=device.type == "cuda" or None)
    if kind == "adamw_kahan":
        return _kahan(in_order, lr, betas, eps)
    if kind == "adamw8bit":
        return _eight_bit(in_order, lr, betas, eps, device)
    raise TrainError(f"the optimizer is {kind!r}, but must be one of adamw, adamw_kahan and adamw8bit.")


def _kahan(groups: list[dict[str, Any]], lr: float, betas: tuple[float, float], eps: float) -> Optimizer:
    try:
        import optimi
    except ImportError:
        raise TrainError(
            "the optimizer is adamw_kahan, but torch-optimi is not installed; run `pip install torch-optimi`, or use another precision."
        ) from None
    for group in groups:
        group["kahan_sum"] = group["params"][0].dtype == torch.bfloat16  # float32 needs no compensation
    optimizer: Optimizer = optimi.AdamW(groups, lr=lr, betas=betas, eps=eps)
    return optimizer


def _eight_bit(
    groups: list[dict[str, Any]], lr: float, betas: tuple[float, float], eps: float, device: torch.device
) -> Optimizer:
    if device.type != "cuda":
        raise TrainError(f"the optimizer is adamw8bit, which needs a GPU, but the device is {device.type}; use adamw.")
    if dist.is_initialized() and dist.get_world_size() > 1:
        raise TrainError(
            f"the optimizer is adamw8bit, which cannot share its state among {dist.get_world_size()} processes; use adamw."
        )
    try:
        import bitsandbytes
    except ImportError:
        raise TrainError(
            "the optimizer is adamw8bit, but bitsandbytes is not installed; run `pip install bitsandbytes`, or use adamw."
        ) from None
    optimizer: Optimizer = bitsandbytes.optim.AdamW8bit(groups, lr=lr, betas=betas, eps=eps)
    return optimizer


def lr_factor(step: int, steps: int, *, warmup: int, decay: float, kind: Decay) -> float:
    """The factor on the learning rate in step 0..steps-1.

    It rises linearly from 1/warmup to 1 in the first `warmup` steps, stays there, and falls to 0.01 over the last share `decay` (0..1) of
    all steps, in a straight line or along half a cosine. Where rise and fall overlap, the lower factor applies.
    """
    assert 0 <= decay <= 1
    rising = min(1.0, (step + 1) / warmup) if warmup > 0 else 1.0
    falling_steps = round(decay * steps)
    if falling_steps == 0:
        return rising
    way = min(max((step + 1 - (steps - falling_steps)) / falling_steps, 0.0), 1.0)
    height = 1.0 - way if kind == "linear" else 0.5 * (1.0 + math.cos(math.pi * way))
    return min(rising, FINAL_FACTOR + (1.0 - FINAL_FACTOR) * height)


def _local(tensor: Tensor) -> Tensor:
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def clip(parameters: Iterable[nn.Parameter], max_norm: float) -> Tensor:
    """Scale the gradients down to a total L2 norm of at most `max_norm`; returns the norm before, over all ranks (0-dim float32).

    It does not wait for the GPU. A norm that is not finite makes the gradients so; the caller checks it.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients:
        return torch.zeros(())
    norms = [torch.linalg.vector_norm(gradient, dtype=torch.float32) for gradient in gradients]
    norm = torch.linalg.vector_norm(torch.stack(norms))
    norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
    factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    torch._foreach_mul_([_local(gradient) for gradient in gradients], factor)
    return norm


@torch.no_grad()
def _fill_state(optimizer: Optimizer) -> None:
    """Give every parameter the state that its first step would start from, and change nothing else.

    An optimizer makes its state in its first step. So parameters without a state take a step with a zero gradient and a zero learning rate,
    and the counters are reset.
    """
    everyone = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    # optimi notes the group of a parameter before it makes the state; a real state holds tensors.
    new = [p for p in everyone if not any(isinstance(value, Tensor) for value in optimizer.state.get(p, {}).values())]
    if not new:
        return
    gradients = [parameter.grad for parameter in everyone]
    rates = [group["lr"] for group in optimizer.param_groups]
    counters = [group["step"].clone() if "step" in group else None for group in optimizer.param_groups]
    for parameter in everyone:
        parameter.grad = None
    for parameter in new:
        parameter.grad = torch.zeros_like(parameter)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    optimizer.step()
    for parameter, gradient in zip(everyone, gradients, strict=True):
        parameter.grad = gradient
    for group, rate, counter in zip(optimizer.param_groups, rates, counters, strict=True):
        group["lr"] = rate
        if "step" in group:  # optimi counts steps by group
            group["step"].copy_(torch.zeros_like(group["step"]) if counter is None else counter)
    for parameter in new:
        count = optimizer.state[parameter].get("step")
        if isinstance(count, Tensor):
            count.zero_()
        elif count is not None:  # bitsandbytes
            optimizer.state[parameter]["step"] = 0


def optimizer_state(parameters: Mapping[str, nn.Parameter], optimizer: Optimizer) -> dict[str, dict[str, Tensor]]:
    """Moments and counters by parameter name, as the live tensors; loading into them in place takes effect.

    `parameters` names everything that the optimizer trains. Empty states are filled first, so the keys do not depend on the steps taken.
    Plain numbers become tensors [], which `load_optimizer_state` turns back. Learning rates and the like are not included, because they
    come from the configuration.
    """
    _fill_state(optimizer)
    names = {parameter: name for name, parameter in parameters.items()}
    state: dict[str, dict[str, Tensor]] = {}
    for index, group in enumerate(optimizer.param_groups):
        if "step" in group:
            state[f"group{index}"] = {"step": group["step"]}
        for parameter in group["params"]:
            state[names[parameter]] = {
                key: value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)
                for key, value in optimizer.state[parameter].items()
                if isinstance(value, (Tensor, int, float))
            }
    return state


@torch.no_grad()
def load_optimizer_state(
    parameters: Mapping[str, nn.Parameter], optimizer: Optimizer, state: Mapping[str, Mapping[str, Tensor]]
) -> None:
    """Restore what `optimizer_state` returned: the same tensors, loaded in place, or copies."""
    _fill_state(optimizer)
    names = {parameter: name for name, parameter in parameters.items()}
    for index, group in enumerate(optimizer.param_groups):
        if "step" in group:
            group["step"].copy_(state[f"group{index}"]["step"])
        for parameter in group["params"]:
            values = optimizer.state[parameter]
            for key, loaded in state[names[parameter]].items():
                if isinstance(values[key], Tensor):
                    values[key].copy_(loaded)
                else:
                    values[key] = type(values[key])(loaded.item())
