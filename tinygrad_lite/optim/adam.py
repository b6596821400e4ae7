"""Adam: steps scaled by running moments of the gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .._tensor import Tensor
from ..graph import Array, live
from ..operation import update
from .optimizer import Optimizer, is_on, keeps, read


@update("param", "mean", "square", "largest")
def adapt(param: Array, grad: Array, mean: Array, square: Array, largest: Array | None, step_size: float,
          correction: float, beta1: float, beta2: float, eps: float, weight_decay: float | None,
          maximize: bool) -> None:
    """One step of one parameter, with the running means of its gradient and of the square of its gradient."""
    if maximize:
        grad = -grad
    if weight_decay is not None:
        grad = grad + weight_decay * param
    mean *= beta1
    mean += (1 - beta1) * grad
    square *= beta2
    square += (1 - beta2) * (grad * grad)
    if largest is not None:
        np.maximum(largest, square, out=largest)
        square = largest
    scale = np.sqrt(square)
    scale /= correction
    scale += eps
    param -= step_size * (mean / scale)


def _advance(optimizer: Adam, p: Tensor) -> int:
    """Count a step."""
    state = optimizer.state[p]
    state["step"] += 1
    return int(state["step"])


def _beta(optimizer: Adam, group: int, i: int) -> float:
    return float(optimizer.param_groups[group]["betas"][i])


def _step_size(optimizer: Adam, group: int, p: Tensor) -> float:
    """lr over the bias correction of the first moment."""
    options = optimizer.param_groups[group]
    return float(options["lr"] / (1 - options["betas"][0] ** optimizer.state[p]["step"]))


def _correction(optimizer: Adam, group: int, p: Tensor) -> float:
    """The square root of the bias correction of the second moment."""
    return math.sqrt(1 - optimizer.param_groups[group]["betas"][1] ** optimizer.state[p]["step"])


class Adam(Optimizer):
    """Adam, in PyTorch's form.

    With gradient g (negated if `maximize`), parameter p and step t = 1, 2, ...:
        g = g + weight_decay * p
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g ** 2        (`amsgrad`: further on, the largest v so far)
        p = p - lr * m / (1 - beta1 ** t) / (sqrt(v / (1 - beta2 ** t)) + eps)

    Raises ValueError for a negative lr, eps or weight_decay and for betas outside [0, 1).
    Source: Kingma, Ba, Adam: a method for stochastic optimization, ICLR 2015; Reddi and others, On the convergence of
    Adam and beyond, ICLR 2018.

    >>> import tinygrad_lite as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = tg.optim.Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9000, 1.9000], requires_grad=True)
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 0, amsgrad: bool = False, *, maximize: bool = False) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
                                  "amsgrad": amsgrad, "maximize": maximize})

    def check_options(self, options: dict[str, Any]) -> None:
        """Raise ValueError if an option of a group is out of range."""
        if options["lr"] < 0:
            raise ValueError(f"Invalid learning rate: {options['lr']}")
        if options["eps"] < 0:
            raise ValueError(f"Invalid epsilon value: {options['eps']}")
        for i, beta in enumerate(options["betas"]):
            if not 0 <= beta < 1:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        if options["weight_decay"] < 0:
            raise ValueError(f"Invalid weight_decay value: {options['weight_decay']}")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change each parameter that has a gradient; return what `closure`, called first, returned."""
        loss = self.evaluate(closure)
        for i, group in enumerate(self.param_groups):
            beta1, beta2, eps = live(_beta, self, i, 0), live(_beta, self, i, 1), live(read, self, i, "eps")
            weight_decay = live(read, self, i, "weight_decay") if live(is_on, self, i, "weight_decay") else None
            maximize, amsgrad = live(is_on, self, i, "maximize"), live(is_on, self, i, "amsgrad")
            for p in group["params"]:
                grad = p.grad
                if grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["step"] = 0
                    state["exp_avg"] = Tensor(np.zeros_like(p.array))
                    state["exp_avg_sq"] = Tensor(np.zeros_like(p.array))
                if amsgrad and "max_exp_avg_sq" not in state:
                    state["max_exp_avg_sq"] = Tensor(np.zeros_like(p.array))
                largest = state["max_exp_avg_sq"].array if amsgrad else None
                mean, square = state["exp_avg"].array, state["exp_avg_sq"].array
                live(keeps, self, p, "exp_avg", mean)
                live(_advance, self, p)
                step_size, correction = live(_step_size, self, i, p), live(_correction, self, i, p)
                adapt(p.array, grad.array, mean, square, largest, step_size, correction, beta1, beta2, eps,
                      weight_decay, maximize)
        return loss
