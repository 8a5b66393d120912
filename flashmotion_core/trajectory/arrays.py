"""Arrays from outside: tensors or numpy, of any device and dtype."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from .field_checks import TrajectoryError


def as_numpy(value: Any, field: str) -> NDArray[Any]:
    """A tensor (any device and dtype) or array-like as a numpy array; bfloat16 comes back as float32."""
    given = value
    try:
        if hasattr(value, "detach"):
            tensor = value.detach().cpu()
            value = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
        array = np.asarray(value)
    # Such as lists of different lengths, sparse tensors, tensors on the device "meta".
    except (ValueError, TypeError, OverflowError, RecursionError, RuntimeError, AttributeError):
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in "biuf":
        raise TrajectoryError(f"{field} is {type(given).__name__}: give a tensor or array of numbers.", field)
    return array


def refuse_shape(field: str, array: NDArray[Any], wanted: str) -> NoReturn:
    """Raise the `TrajectoryError` for an array of the wrong shape."""
    raise TrajectoryError(f"{field} has the shape {list(array.shape)}: give {wanted}.", field)
