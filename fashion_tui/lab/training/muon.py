"""Muon: momentum with orthogonalised updates, for the filters of convolutions."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic Newton-Schulz iteration (Jordan et al. 2024, "Muon: An optimizer for hidden layers in
neural networks")."""

ITERATIONS = 3
"""Number of Newton-Schulz iterations. For filters, more iterations take longer and have no benefit."""


EPSILON = 1e-7
"""Small constant that prevents division by zero when filters and updates are divided by their norms."""


class Muon(torch.optim.Optimizer):
    """Nesterov momentum with orthogonalised updates, for filters `[O, I, H, W]` viewed as matrices `[O, I·H·W]`.

    `torch.optim.Muon` takes only matrices. As in Jordan 2024 ("airbench"), this optimizer keeps the norm of
    each filter bank at √O, so that the learning rate is relative to the size of the weights.
    """

    def __init__(
        self, params: Iterable[Tensor] | Iterable[dict[str, Any]], *, lr: float | Tensor = 0.02, momentum: float = 0.6
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update the filters. Closures aren't supported."""
        if closure is not None:
            raise NotImplementedError("Muon doesn't support a closure")
        for group in self.param_groups:
            for filters in group["params"]:
                if filters.grad is not None:
                    self._update(filters, filters.grad, group)

    def _update(self, filters: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[filters]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(filters)
        momentum = state["momentum"]
        momentum.mul_(group["momentum"]).add_(gradient)
        direction = gradient.add(momentum, alpha=group["momentum"])
        filters.mul_(len(filters) ** 0.5 / filters.norm().clamp(min=EPSILON))
        filters.sub_(orthogonalise(direction.flatten(1)).view_as(filters).mul_(group["lr"]))


def orthogonalise(matrix: Tensor) -> Tensor:
    """Return a matrix `[R, C]` with about the same singular vectors as `matrix`, but with singular values near 1.

    `x` is the scaled matrix. Each iteration multiplies `x` by a polynomial in `x @ x.T`. Since `x @ x.T` can be updated
    without `x`, all iterations work on this square matrix. `x` itself, which is up to nine times as wide, is multiplied
    only once.
    """
    a, b, c = COEFFICIENTS
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if is_tall else matrix
    x = x / (x.norm() + EPSILON)
    square = x @ x.T
    factor = torch.eye(len(square), dtype=square.dtype, device=square.device)
    for _ in range(ITERATIONS):
        polynomial = torch.addmm(square, square, square, beta=b, alpha=c)
        polynomial.diagonal().add_(a)
        factor = polynomial @ factor
        square = polynomial @ square @ polynomial
    result: Tensor = factor @ x
    return result.T if is_tall else result
