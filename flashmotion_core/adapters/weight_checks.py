"""Whether an adapter's weights can be used at all: floating-point numbers, all of them finite."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor


def check_weights(state_dict: Mapping[str, Tensor], name: str) -> None:
    """Check types and values of an adapter's tensors; of those on the meta device, only the types.

    Args:
        state_dict: the adapter's tensors.
        name: of the file; begins the error's sentence.

    Raises:
        ValueError: a tensor of whole numbers, or one that holds NaN or infinity.
    """
    whole = [key for key, value in state_dict.items() if not value.is_floating_point()]
    if whole:
        types = sorted({str(state_dict[key].dtype).removeprefix("torch.") for key in whole})
        raise ValueError(
            f"{name} holds {', '.join(types)} weights without scales ({_some(whole)}), but an adapter's must be fp32, fp16, bf16, fp8 or "
            "quantised with scales; export it again."
        )
    broken = [key for key, value in state_dict.items() if not is_finite(value)]
    if broken:
        raise ValueError(
            f"{name} holds weights that are NaN or infinite ({_some(broken)}); export the adapter again, from an earlier checkpoint of its training."
        )


def is_finite(value: Tensor) -> bool:
    """Whether a tensor of floating-point numbers holds neither NaN nor infinity; True on the meta device."""
    if value.is_meta or value.numel() == 0:
        return True
    if value.itemsize == 1:  # float8 has no order
        value = value.float()
    low, high = value.detach().aminmax()  # one pass without a copy; both are NaN where any number is
    return bool(low.isfinite()) and bool(high.isfinite())


def _some(keys: list[str]) -> str:
    shown = ", ".join(sorted(keys)[:3])
    return shown if len(keys) <= 3 else f"{len(keys)} tensors, such as {shown}"
