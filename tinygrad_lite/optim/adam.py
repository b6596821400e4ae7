"""Adam and AdamW: steps scaled by running moments of the gradient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

import numpy as np

from .._tensor import Tensor
from ..engine.graph import Array
from ..engine.operation import update
from .optimizer import Execution, Optimizer, regularized


@update("param", "mean", "square", "largest")
def adapt(param: Array, grad: Array, mean: Array, square: Array, largest: Array | None, t: float, lr: float,
          beta1: float, beta2: float, eps: float, weight_decay: float | None, decoupled: bool,
          maximize: bool) -> None:
    """Step number t of one parameter, with the running means of its gradient and of the square of its gradient."""
    grad = regularized(grad, param, weight_decay, maximize, lr if decoupled else None)
    change = np.empty_like(param)  # the only temporary: memory is what a step of a large parameter costs
    np.multiply(grad, 1 - beta1, out=change)
    mean *= beta1
    mean += change
    np.multiply(grad, grad, out=change)
    change *= 1 - beta2
    square *= beta2
    square += change
    if largest is not None:
        np.maximum(largest, square, out=largest)
        square = largest
    scale = np.sqrt(square, out=change)
    scale /= (1 - beta2**t) ** 0.5
    scale += eps
    np.divide(mean, scale, out=change)
    change *= lr / (1 - beta1**t)
    param -= change


class Adam(Optimizer):
    """Adam, in PyTorch's form.

    With gradient g (negated if `maximize`), parameter p and step t = 1, 2, ...:
        g = g + weight_decay * p                    (`decoupled_weight_decay`: p = p - lr * weight_decay * p instead)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g ** 2        (`amsgrad`: further on, the largest v so far)
        p = p - lr * m / (1 - beta1 ** t) / (sqrt(v / (1 - beta2 ** t)) + eps)

    Raises ValueError for a negative lr, eps or weight_decay and for betas that are no floats in [0, 1).
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
                 eps: float = 1e-8, weight_decay: float = 0, amsgrad: bool = False, *, maximize: bool = False,
                 decoupled_weight_decay: bool = False,
                 **execution: Unpack[Execution]) -> None:
        if not all(isinstance(beta, float) for beta in betas):
            raise ValueError(f"betas must be floats, got {betas}")
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
                                  "amsgrad": amsgrad, "maximize": maximize,
                                  "decoupled_weight_decay": decoupled_weight_decay}, **execution)

    def update_group(self, i: int, gradients: list[tuple[Tensor, Array]]) -> None:
        """See the equations of the class."""
        lr, eps = self.number(i, "lr"), self.number(i, "eps")
        beta1, beta2 = self.number(i, "betas", 0), self.number(i, "betas", 1)
        weight_decay, decoupled = self.number_if_on(i, "weight_decay"), self.is_on(i, "decoupled_weight_decay")
        maximize, amsgrad = self.is_on(i, "maximize"), self.is_on(i, "amsgrad")
        for p, grad in gradients:
            t, mean, square = self.count(p), self.array(p, "exp_avg"), self.array(p, "exp_avg_sq")
            largest = self.array(p, "max_exp_avg_sq") if amsgrad else None
            adapt(p.array, grad, mean, square, largest, t, lr, beta1, beta2, eps, weight_decay, decoupled, maximize)


class AdamW(Adam):
    """Adam whose weight decay is no part of the gradient, and so is not scaled by its moments.

    Before Adam's step p = p - lr * weight_decay * p; the gradient stays as it is.  It is `Adam` with
    `decoupled_weight_decay` and other defaults, and raises as that does.
    Source: Loshchilov, Hutter, Decoupled weight decay regularization, ICLR 2019.

    >>> import tinygrad_lite as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = tg.optim.AdamW([w], lr=0.1, weight_decay=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8500, 1.8000], requires_grad=True)
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 1e-2, amsgrad: bool = False, *,
                 maximize: bool = False,
                 **execution: Unpack[Execution]) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True,
                         **execution)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned, of an AdamW or of an Adam, whose weight decay is decoupled now."""
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
