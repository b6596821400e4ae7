"""RMSprop: steps scaled by the running mean of the squared gradient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

import numpy as np

from .._tensor import Tensor
from ..engine.graph import Array
from ..engine.operation import update
from .optimizer import Execution, Optimizer, regularized


@update("param", "square", "mean", "buffer")
def normalize(param: Array, grad: Array, square: Array, mean: Array | None, buffer: Array | None, lr: float,
              alpha: float, eps: float, momentum: float, weight_decay: float | None, maximize: bool) -> None:
    """One step of one parameter, with the running means of the square of its gradient and, if centered, of that."""
    grad = regularized(grad, param, weight_decay, maximize)
    square *= alpha
    square += (1 - alpha) * (grad * grad)
    if mean is None:
        scale = np.sqrt(square)
    else:
        mean += (1 - alpha) * (grad - mean)
        scale = np.sqrt(square - mean * mean)
    scale += eps
    change = grad / scale
    if buffer is not None:
        buffer *= momentum
        buffer += change
        change = buffer
    param -= lr * change


class RMSprop(Optimizer):
    """RMSprop, in PyTorch's form.

    With gradient g (negated if `maximize`) and parameter p:
        g = g + weight_decay * p
        v = alpha * v + (1 - alpha) * g ** 2
        m = alpha * m + (1 - alpha) * g             (only if `centered`, else m = 0)
        b = momentum * b + g / (sqrt(v - m ** 2) + eps)
        p = p - lr * b

    Raises ValueError for a negative lr, alpha, eps, weight_decay or momentum.
    Source: Hinton, Neural networks for machine learning, lecture 6e, 2012; centered: Graves, Generating sequences with
    recurrent neural networks, 2013.

    >>> import tinygrad_lite as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = tg.optim.RMSprop([w], lr=0.01)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9000, 1.9000], requires_grad=True)
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
                 weight_decay: float = 0, momentum: float = 0, centered: bool = False, *,
                 maximize: bool = False,
                 **execution: Unpack[Execution]) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
                                  "weight_decay": weight_decay, "maximize": maximize}, **execution)

    def update_group(self, i: int, gradients: list[tuple[Tensor, Array]]) -> None:
        """See the equations of the class."""
        lr, alpha, eps = self.number(i, "lr"), self.number(i, "alpha"), self.number(i, "eps")
        weight_decay, maximize = self.number_if_on(i, "weight_decay"), self.is_on(i, "maximize")
        momentum, has_momentum, centered = 0.0, self.is_on(i, "momentum"), self.is_on(i, "centered")
        if has_momentum:
            momentum = self.number(i, "momentum")
        for p, grad in gradients:
            self.count(p)  # part of the state in PyTorch, though nothing depends on it
            square = self.array(p, "square_avg")
            buffer = self.array(p, "momentum_buffer") if has_momentum else None
            mean = self.array(p, "grad_avg") if centered else None
            normalize(p.array, grad, square, mean, buffer, lr, alpha, eps, momentum, weight_decay, maximize)
