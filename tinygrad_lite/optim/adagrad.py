"""Adagrad: steps scaled by the sum of all squared gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

import numpy as np

from .._tensor import Tensor
from ..engine.graph import Array
from ..engine.operation import update
from .optimizer import Execution, Optimizer, regularized


@update("param", "total")
def shrink(param: Array, grad: Array, total: Array, t: float, lr: float, lr_decay: float, eps: float,
           weight_decay: float | None, maximize: bool) -> None:
    """Step number t of one parameter, with the sum of the squares of its gradients."""
    grad = regularized(grad, param, weight_decay, maximize)
    total += grad * grad
    scale = np.sqrt(total)
    scale += eps
    param -= lr / (1 + (t - 1) * lr_decay) * (grad / scale)


class Adagrad(Optimizer):
    """Adagrad, in PyTorch's form.

    With gradient g (negated if `maximize`), parameter p and step t = 1, 2, ...:
        g = g + weight_decay * p
        s = s + g ** 2                              (at first: s = initial_accumulator_value)
        p = p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    As in PyTorch the state is there from the beginning, and `initial_accumulator_value` is the optimizer's, not a
    group's.
    Raises ValueError for a negative lr, lr_decay, weight_decay, initial_accumulator_value or eps.
    Source: Duchi, Hazan, Singer, Adaptive subgradient methods for online learning and stochastic optimization, Journal
    of Machine Learning Research 12, 2011.

    >>> import tinygrad_lite as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = tg.optim.Adagrad([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9000, 1.9000], requires_grad=True)
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-2, lr_decay: float = 0, weight_decay: float = 0,
                 initial_accumulator_value: float = 0, eps: float = 1e-10, *, maximize: bool = False,
                 **execution: Unpack[Execution]) -> None:
        super().__init__(params, {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
                                  "initial_accumulator_value": initial_accumulator_value, "maximize": maximize},
                         **execution)
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["step"] = 0
                self._total(p)

    def update_group(self, i: int, gradients: list[tuple[Tensor, Array]]) -> None:
        """See the equations of the class."""
        lr, lr_decay, eps = self.number(i, "lr"), self.number(i, "lr_decay"), self.number(i, "eps")
        weight_decay, maximize = self.number_if_on(i, "weight_decay"), self.is_on(i, "maximize")
        for p, grad in gradients:
            shrink(p.array, grad, self._total(p), self.count(p), lr, lr_decay, eps, weight_decay, maximize)

    def _total(self, p: Tensor) -> Array:
        return self.array(p, "sum", self.defaults["initial_accumulator_value"])
