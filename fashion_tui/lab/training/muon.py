"""Muon: momentum whose direction is made orthogonal, for the filters of convolutions."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic Newton-Schulz iteration (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural
networks")."""

ITERATIONS = 3
"""Enough for filters: more cost time and change nothing that counts."""


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised, over filters `[O, I, H, W]` taken as matrices `[O, I·H·W]`.

    torch's own Muon takes matrices only. As Jordan 2024 ("airbench") does for convolutions, each filter bank is kept at
    a norm of √O, so that the learning rate is relative to the weights.
    """

    def __init__(self, filters: Iterable[Tensor], *, lr: float | Tensor, momentum: float = 0.6) -> None:
        super().__init__(filters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step; a closure isn't supported."""
        if closure is not None:
            raise NotImplementedError("Muon takes no closure")
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
        filters.mul_(len(filters) ** 0.5 / filters.norm())
        filters.sub_(orthogonalised(direction.flatten(1)).view_as(filters).mul_(group["lr"]))


def orthogonalised(matrix: Tensor) -> Tensor:
    """A matrix `[R, C]` of the same dtype with about the same singular vectors, and all singular values near 1.

    Each iteration multiplies `x` by a polynomial in `x @ x.T`, which it changes in a way that needs no `x`. So all of
    them happen on the smaller side's square, and `x` itself, up to nine times as wide, is multiplied once.
    """
    a, b, c = COEFFICIENTS
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if is_tall else matrix
    x = x / (x.norm() + 1e-7)
    square = x @ x.T
    factor = torch.eye(len(square), dtype=square.dtype, device=square.device)
    for _ in range(ITERATIONS):
        polynomial = torch.addmm(square, square, square, beta=b, alpha=c)
        polynomial.diagonal().add_(a)
        factor = polynomial @ factor
        square = polynomial @ square @ polynomial
    found: Tensor = factor @ x
    return found.T if is_tall else found
