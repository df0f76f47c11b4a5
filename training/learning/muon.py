"""Muon: momentum whose every step is made orthogonal, for the weights of convolutions."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

STEPS = 5
TERMS = (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.Optimizer):
    """K. Jordan et al. 2024; steps as large as AdamW's (Liu et al. 2025, section 2.2).

    A filter bank is the matrix (out, in x height x width). With few crops to learn from it gets
    further with each than AdamW.
    """

    def __init__(
        self,
        weights: Iterable[Tensor],
        lr: float = 2e-3,
        momentum: float = 0.95,
        decay: float = 0.02,
    ) -> None:
        super().__init__(weights, {"lr": lr, "momentum": momentum, "weight_decay": decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["mean"] = torch.zeros_like(weight.grad)
                mean = state["mean"]
                mean.lerp_(weight.grad, 1 - group["momentum"])
                ahead = weight.grad.lerp(mean, group["momentum"])
                matrix = ahead.reshape(len(ahead), -1)
                update = orthogonal(matrix) * (0.2 * max(matrix.shape) ** 0.5)
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(update.reshape(weight.shape), alpha=-group["lr"])


def orthogonal(matrix: Tensor) -> Tensor:
    """The nearest matrix with singular values near one (Newton-Schulz).

    Every step multiplies by a polynomial of x x^T, and all of these commute; so they are gathered
    from the small square matrix, and the wide one is multiplied twice in all.
    """
    a, b, c = TERMS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    square = x @ x.T
    steps = torch.eye(len(x), dtype=x.dtype, device=x.device)
    for _ in range(STEPS):
        step = b * square + c * (square @ square)
        step.diagonal().add_(a)
        steps = step @ steps
        square = step @ square @ step
    x = steps @ x
    return x.T if tall else x
