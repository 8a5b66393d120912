"""Muon: momentum with orthogonalised steps, so that all directions of a layer move alike.

The codec starts nearly linear (see `linear_start`), and deep linear networks are badly conditioned: Adam took several times as many steps to
reach the same error. Source: K. Jordan et al., Muon (2024), https://kellerjordan.github.io/posts/muon.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic that brings singular values close to 1 (0.7 to 1.2) within five rounds."""
ROUNDS = 5


def orthogonalise(matrix_MN: Tensor) -> Tensor:
    """Roughly the nearest matrix with orthonormal rows or columns: the same singular vectors, and singular values close to 1.

    The rounds use the small square ``x x^T``, whose polynomials commute, so the long matrix is multiplied only twice. It computes in float32,
    because bfloat16 took three times as long on a CPU without instructions for it.
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
    """For weights with at least two dimensions, taken as matrices [first, all others]; biases need another optimizer.

    Args:
        params: the weights.
        lr: the spectral norm of a step, whatever the gradient's size.
        momentum: the Nesterov momentum, 0..1.
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Make one step for all weights that have a gradient."""
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
