"""Adamax: Adam with the largest gradient in place of the second moment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

import numpy as np

from .._tensor import Tensor
from ..engine.graph import Array
from ..engine.operation import update
from .optimizer import Execution, Optimizer, regularized


@update("param", "mean", "largest")
def adapt(param: Array, grad: Array, mean: Array, largest: Array, t: float, lr: float, beta1: float, beta2: float,
          eps: float, weight_decay: float | None, maximize: bool) -> None:
    """Step number t of one parameter, with the running mean of its gradient and its largest, which fades away."""
    grad = regularized(grad, param, weight_decay, maximize)
    mean *= beta1
    mean += (1 - beta1) * grad
    largest *= beta2
    np.maximum(largest, np.abs(grad) + eps, out=largest)
    param -= lr / (1 - beta1**t) * (mean / largest)


class Adamax(Optimizer):
    """Adamax, in PyTorch's form.

    With gradient g (negated if `maximize`), parameter p and step t = 1, 2, ...:
        g = g + weight_decay * p
        m = beta1 * m + (1 - beta1) * g
        u = max(beta2 * u, |g| + eps)
        p = p - lr / (1 - beta1 ** t) * m / u

    Raises ValueError for a negative lr, eps or weight_decay and for betas outside [0, 1).
    Source: Kingma, Ba, Adam: a method for stochastic optimization, ICLR 2015, section 7.1.

    >>> import tinygrad_lite as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = tg.optim.Adamax([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9000, 1.9000], requires_grad=True)
    """

    def __init__(self, params: Iterable[Any], lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 0, *, maximize: bool = False,
                 **execution: Unpack[Execution]) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
                                  "maximize": maximize}, **execution)

    def update_group(self, i: int, gradients: list[tuple[Tensor, Array]]) -> None:
        """See the equations of the class."""
        lr, eps = self.number(i, "lr"), self.number(i, "eps")
        beta1, beta2 = self.number(i, "betas", 0), self.number(i, "betas", 1)
        weight_decay, maximize = self.number_if_on(i, "weight_decay"), self.is_on(i, "maximize")
        for p, grad in gradients:
            t, mean, largest = self.count(p), self.array(p, "exp_avg"), self.array(p, "exp_inf")
            adapt(p.array, grad, mean, largest, t, lr, beta1, beta2, eps, weight_decay, maximize)
