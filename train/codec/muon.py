"""Muon: momentum whose steps are made orthogonal, so that a layer's every direction moves alike.

The codec is nearly linear when it starts (see `codec_linear`), and deep linear nets are badly conditioned: Adam took several times as
many steps to the same error. Source: K. Jordan et al., Muon (2024), https://kellerjordan.github.io/posts/muon.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic that brings singular values near 1 (between 0.7 and 1.2) within five rounds."""
ROUNDS = 5


def orthogonalise(matrix_MN: Tensor) -> Tensor:
    """The nearest matrix with orthonormal rows or columns, roughly: the same singular vectors, singular values near 1.

    The rounds are worked out on the small square ``x x^T``, whose polynomials commute, and meet the long matrix twice in all. In float32:
    bfloat16 took three times as long on a CPU without instructions for it.
    """
    wide = matrix_MN.shape[0] <= matrix_MN.shape[1]
    x = (matrix_MN if wide else matrix_MN.T).float()
    x = x / (x.norm() + 1e-7)
    a, b, c = COEFFICIENTS
    gram = x @ x.T
    product: Tensor | None = None
    for _ in range(ROUNDS):
        polynomial = b * gram + c * gram @ gram
        polynomial.diagonal().add_(a)
        gram = polynomial @ gram @ polynomial
        product = polynomial if product is None else polynomial @ product
    assert product is not None
    result: Tensor = product @ x
    return (result if wide else result.T).to(matrix_MN.dtype)


class Muon(torch.optim.Optimizer):
    """For weights of two and more dimensions, seen as matrices [first, all others]; biases take another optimizer.

    Args:
        lr: the spectral norm of a step, whatever the gradient's size.
        momentum: of Nesterov's kind.
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step for all weights that have a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                momentum = state["momentum"].lerp_(weight.grad, 1 - group["momentum"])
                ahead = torch.lerp(weight.grad, momentum, group["momentum"])
                weight.sub_(orthogonalise(ahead.flatten(1)).view_as(weight), alpha=group["lr"])
