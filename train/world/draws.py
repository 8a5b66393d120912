"""Random draws and angles that are the same on every machine and with every numpy.

numpy keeps the raw output of `PCG64` and the hash of `SeedSequence` fixed for ever, but not what the methods of `Generator` make of
them (NEP 19), and sin and cos differ in the last bit between maths libraries. So the world draws raw 64-bit words and uses only
`+ - * /`, sqrt, floor and comparisons on doubles, each of which IEEE 754 defines to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item")

# Taylor coefficients around 0, for angles of at most an eighth of a turn, where the error is below 1e-15.
_SIN = tuple(1.0 / value for value in (1, -6, 120, -5040, 362880, -39916800, 6227020800, -1307674368000))
_COS = tuple(1.0 / value for value in (1, -2, 24, -720, 40320, -3628800, 479001600, -87178291200))
_TWO_PI = 6.283185307179586


class Draws:
    """A stream of random numbers named by a key of whole numbers; other keys give independent streams."""

    def __init__(self, *key: int) -> None:
        assert all(0 <= word < 2**32 for word in key), "a longer word would spill into its neighbour in SeedSequence"
        self._bits = np.random.PCG64(np.random.SeedSequence(key))

    def array(self, *shape: int) -> NDArray[np.float64]:
        """Uniform doubles in [0, 1): the upper 53 bits of each word."""
        words = self._bits.random_raw(int(np.prod(shape)))
        uniform: NDArray[np.float64] = (words >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return uniform.reshape(shape)

    def uniform(self, low: float, high: float) -> float:
        """A double in [low, high)."""
        return low + (high - low) * float(self.array(1)[0])

    def integer(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self._bits.random_raw()) % (high - low + 1)

    def chance(self, probability: float) -> bool:
        """True with the given probability (0 never, 1 always)."""
        return self.uniform(0.0, 1.0) < probability

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items."""
        return items[self.integer(0, len(items) - 1)]

    def several(self, items: Sequence[Item], count: int) -> list[Item]:
        """`count` different items in random order."""
        assert count <= len(items)
        pool = list(items)
        return [pool.pop(self.integer(0, len(pool) - 1)) for _ in range(count)]


def turn(turns: NDArray[np.float64] | float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(cos, sin) of angles given in turns (1 = a full circle), elementwise, to about 1e-15."""
    turns_S = np.asarray(turns, dtype=np.float64)
    quarter_S = np.floor(turns_S * 4.0 + 0.5)
    x_S = (turns_S - quarter_S * 0.25) * _TWO_PI
    square_S = x_S * x_S
    sin_S, cos_S = np.full_like(x_S, _SIN[-1]), np.full_like(x_S, _COS[-1])
    for sin_term, cos_term in zip(_SIN[-2::-1], _COS[-2::-1], strict=True):
        sin_S, cos_S = sin_S * square_S + sin_term, cos_S * square_S + cos_term
    sin_S = sin_S * x_S
    which_S = quarter_S - np.floor(quarter_S * 0.25) * 4.0
    swapped_S = (which_S == 1.0) | (which_S == 3.0)
    cosine = np.where(swapped_S, sin_S, cos_S) * np.where((which_S == 1.0) | (which_S == 2.0), -1.0, 1.0)
    sine = np.where(swapped_S, cos_S, sin_S) * np.where(which_S >= 2.0, -1.0, 1.0)
    return cosine, sine
