"""RAdam: Adam that begins carefully, while its second moment is not yet known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

import numpy as np

from .._tensor import Tensor
from ..engine.graph import Array
from ..engine.operation import update
from .optimizer import Execution, Optimizer, regularized


@update("param", "mean", "square")
def adapt(param: Array, grad: Array, mean: Array, square: Array, t: float, lr: float, beta1: float, beta2: float,
          eps: float, weight_decay: float | None, decoupled: bool, maximize: bool) -> None:
    """Step number t of one parameter, with the running means of its gradient and of the square of its gradient."""
    grad = regularized(grad, param, weight_decay, maximize, lr if decoupled else None)
    mean *= beta1
    mean += (1 - beta1) * grad
    square *= beta2
    square += (1 - beta2) * (grad * grad)
    step_size, correction = lr / (1 - beta1**t), 1 - beta2**t
    most = 2 / (1 - beta2) - 1
    rho = most - 2 * t * beta2**t / correction
    if rho > 5:
        variance = (rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho)
        param -= step_size * (variance * correction) ** 0.5 * (mean / (np.sqrt(square) + eps))
    else:
        param -= step_size * mean


class RAdam(Optimizer):
    """RAdam, in PyTorch's form.

    With gradient g (negated if `maximize`), parameter p and step t = 1, 2, ...:
        g = g + weight_decay * p                    (`decoupled_weight_decay`: p = p - lr * weight_decay * p instead)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g ** 2
        s = 2 / (1 - beta2) - 1                     (the length of the moving average in the end)
        r = s - 2 * t * beta2 ** t / (1 - beta2 ** t)       (and now)
        q = sqrt((r - 4) * (r - 2) * s / ((s - 4) * (s - 2) * r)) * sqrt(1 - beta2 ** t) / (sqrt(v) + eps)
        p = p - lr * m / (1 - beta1 ** t) * (q if r > 5 else 1)

    Raises ValueError for a negative lr, eps or weight_decay and for betas outside [0, 1).
    Source: Liu and others, On the variance of the adaptive learning rate and beyond, ICLR 2020.

    >>> import tinygrad_lite as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = tg.optim.RAdam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8000, 1.6000], requires_grad=True)
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 0, decoupled_weight_decay: bool = False, *,
                 maximize: bool = False,
                 **execution: Unpack[Execution]) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
                                  "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize}, **execution)

    def update_group(self, i: int, gradients: list[tuple[Tensor, Array]]) -> None:
        """See the equations of the class."""
        lr, eps = self.number(i, "lr"), self.number(i, "eps")
        beta1, beta2 = self.number(i, "betas", 0), self.number(i, "betas", 1)
        weight_decay, decoupled = self.number_if_on(i, "weight_decay"), self.is_on(i, "decoupled_weight_decay")
        maximize = self.is_on(i, "maximize")
        for p, grad in gradients:
            t, mean, square = self.count(p), self.array(p, "exp_avg"), self.array(p, "exp_avg_sq")
            adapt(p.array, grad, mean, square, t, lr, beta1, beta2, eps, weight_decay, decoupled, maximize)
