"""Adadelta: steps scaled by the running moments of gradients and of steps, without a learning rate to choose."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

import numpy as np

from .._tensor import Tensor
from ..engine.graph import Array
from ..engine.operation import update
from .optimizer import Execution, Optimizer, regularized


@update("param", "square", "steps")
def rescale(param: Array, grad: Array, square: Array, steps: Array, lr: float, rho: float, eps: float,
            weight_decay: float | None, maximize: bool) -> None:
    """One step of one parameter, with the running means of the squares of its gradients and of its steps."""
    grad = regularized(grad, param, weight_decay, maximize)
    square *= rho
    square += (1 - rho) * (grad * grad)
    change = np.sqrt(steps + eps) / np.sqrt(square + eps) * grad
    steps *= rho
    steps += (1 - rho) * (change * change)
    param -= lr * change


class Adadelta(Optimizer):
    """Adadelta, in PyTorch's form.

    With gradient g (negated if `maximize`) and parameter p:
        g = g + weight_decay * p
        v = rho * v + (1 - rho) * g ** 2
        d = sqrt(u + eps) / sqrt(v + eps) * g
        u = rho * u + (1 - rho) * d ** 2
        p = p - lr * d

    Raises ValueError for a rho outside [0, 1] and a negative lr, eps or weight_decay.
    Source: Zeiler, ADADELTA: an adaptive learning rate method, 2012.

    >>> import tinygrad_lite as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = tg.optim.Adadelta([w], eps=0.01)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.6877, 1.6848], requires_grad=True)
    """

    def __init__(self, params: Iterable[Any], lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6,
                 weight_decay: float = 0, *, maximize: bool = False,
                 **execution: Unpack[Execution]) -> None:
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay,
                                  "maximize": maximize}, **execution)

    def check_options(self, options: dict[str, Any]) -> None:
        """Raise ValueError if an option of a group is out of range."""
        super().check_options(options)
        if options["rho"] > 1:
            raise ValueError(f"Invalid rho value: {options['rho']}")

    def update_group(self, i: int, gradients: list[tuple[Tensor, Array]]) -> None:
        """See the equations of the class."""
        lr, rho, eps = self.number(i, "lr"), self.number(i, "rho"), self.number(i, "eps")
        weight_decay, maximize = self.number_if_on(i, "weight_decay"), self.is_on(i, "maximize")
        for p, grad in gradients:
            self.count(p)  # part of the state in PyTorch, though nothing depends on it
            square, steps = self.array(p, "square_avg"), self.array(p, "acc_delta")
            rescale(p.array, grad, square, steps, lr, rho, eps, weight_decay, maximize)
