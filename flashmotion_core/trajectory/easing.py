"""Easing: the share of a segment that is travelled after a share of its time.

The curves are CSS cubic-beziers through (0, 0), (x1, y1), (x2, y2), (1, 1); "in", "out" and "in-out" are CSS's ease-in,
ease-out and ease-in-out (W3C, CSS Easing Functions Level 1). The travelled share may leave [0, 1] (overshoot).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .model import Bezier, Ease

NAMED_BEZIERS: dict[str, Bezier] = {
    "in": (0.42, 0.0, 1.0, 1.0),
    "out": (0.0, 0.0, 0.58, 1.0),
    "in-out": (0.42, 0.0, 0.58, 1.0),
}
BISECTIONS = 54  # 2**-54: below the spacing of doubles at 1


def as_bezier(ease: Ease) -> Bezier | None:
    """The curve's control points; None for "linear" and "hold", which are not beziers."""
    return NAMED_BEZIERS.get(ease) if isinstance(ease, str) else ease


def bezier_parameter(
    x_S: NDArray[np.float64], x1_S: NDArray[np.float64], x2_S: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The curve parameter s in [0, 1] at which the bezier's x coordinate is `x_S` (in [0, 1]), elementwise.

    Plain bisection, so that another language can repeat it bit by bit with IEEE doubles, even where x(s) is so flat that
    rounding decides (x1 = 1, x2 = 0 near the middle). For each element, in exactly this order of operations:

        c = 3 * x1;  b = 3 * (x2 - x1) - c;  a = (1 - c) - b
        low = 0;  high = 1
        54 times:  s = (low + high) * 0.5
                   if ((a * s + b) * s + c) * s < x:  low = s   else:  high = s
        result (low + high) * 0.5

    The residual |x(s) - x| is below 1e-15.
    """
    c_S = 3.0 * x1_S
    b_S = 3.0 * (x2_S - x1_S) - c_S
    a_S = (1.0 - c_S) - b_S
    low_S = np.zeros_like(x_S)
    high_S = np.ones_like(x_S)
    for _ in range(BISECTIONS):
        s_S = (low_S + high_S) * 0.5
        before = ((a_S * s_S + b_S) * s_S + c_S) * s_S < x_S
        low_S = np.where(before, s_S, low_S)
        high_S = np.where(before, high_S, s_S)
    return (low_S + high_S) * 0.5


def bezier_fraction(x_S: NDArray[np.float64], bezier_S4: NDArray[np.float64]) -> NDArray[np.float64]:
    """The bezier's y at x, elementwise: `((a * s + b) * s + c) * s` with a, b, c made from y1, y2 as above.

    x = 0 gives exactly 0.
    """
    x1_S, y1_S, x2_S, y2_S = bezier_S4.T
    s_S = bezier_parameter(x_S, x1_S, x2_S)
    c_S = 3.0 * y1_S
    b_S = 3.0 * (y2_S - y1_S) - c_S
    a_S = (1.0 - c_S) - b_S
    return np.where(x_S == 0.0, 0.0, ((a_S * s_S + b_S) * s_S + c_S) * s_S)


def cut_ease(ease: Ease, x: float) -> tuple[float, Ease | None]:
    """Cut an easing curve at time share `x` in (0, 1): the travelled share there, and the ease of the part before it.

    The part is a cubic-bezier again (de Casteljau, then scaled to the unit square). It is None when that bezier does not
    fit the document's limits: the part ends where it began, or its control points leave x in [0, 1], y in [-2, 3].
    """
    if ease == "hold":
        return 0.0, "hold"
    bezier = as_bezier(ease)
    if bezier is None:
        return x, "linear"
    x1, y1, x2, y2 = bezier
    s = float(bezier_parameter(np.array([x]), np.array([x1]), np.array([x2]))[0])
    # First control points, second ones and end of the left part.
    ax, ay = s * x1, s * y1
    bx, by = (1 - s) * ax + s * ((1 - s) * x1 + s * x2), (1 - s) * ay + s * ((1 - s) * y1 + s * y2)
    ex, ey = float(x), float(bezier_fraction(np.array([x]), np.array([bezier]))[0])
    if abs(ey) < 1e-9:
        return ey, None
    part = (ax / ex, ay / ey, bx / ex, by / ey)
    rounded = (min(max(part[0], 0.0), 1.0), part[1], min(max(part[2], 0.0), 1.0), part[3])
    fits = max(abs(part[0] - rounded[0]), abs(part[2] - rounded[2])) < 1e-12 and all(-2 <= y <= 3 for y in part[1::2])
    return ey, rounded if fits else None
