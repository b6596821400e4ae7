"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

import numpy as np

from .._tensor import Tensor
from ..engine.graph import Array, live
from ..engine.operation import update
from .optimizer import Execution, Optimizer, regularized


@update("param", "mean", "square")
def adapt(param: Array, grad: Array, mean: Array, square: Array, t: float, product: float, lr: float, beta1: float,
          beta2: float, eps: float, weight_decay: float | None, momentum_decay: float, decoupled: bool,
          maximize: bool) -> None:
    """Step number t of one parameter, with the running means of its gradient and of the square of its gradient."""
    grad = regularized(grad, param, weight_decay, maximize, lr if decoupled else None)
    mean *= beta1
    mean += (1 - beta1) * grad
    square *= beta2
    square += (1 - beta2) * (grad * grad)
    scale = np.sqrt(square / (1 - beta2**t))
    scale += eps
    mu, following = _mu(t, beta1, momentum_decay), _mu(t + 1, beta1, momentum_decay)
    param -= lr * (1 - mu) / (1 - product) * (grad / scale)
    param -= lr * following / (1 - product * following) * (mean / scale)


def _mu(t: float, beta1: float, momentum_decay: float) -> float:
    """The momentum of step t: half of beta1 at the beginning, and rising to it."""
    decay: float = 0.96 ** (t * momentum_decay)
    return beta1 * (1 - 0.5 * decay)


def _product(optimizer: NAdam, group: int, p: Tensor) -> float:
    """The product of the momenta of all steps of `p` so far."""
    options, state = optimizer.param_groups[group], optimizer.state[p]
    mu = _mu(state["step"], float(options["betas"][0]), float(options["momentum_decay"]))
    state["mu_product"] = product = state.get("mu_product", 1.0) * mu
    return float(product)


class NAdam(Optimizer):
    """NAdam, in PyTorch's form.

    With gradient g (negated if `maximize`), parameter p and step t = 1, 2, ...:
        g = g + weight_decay * p                    (`decoupled_weight_decay`: p = p - lr * weight_decay * p instead)
        mu(t) = beta1 * (1 - 0.96 ** (t * momentum_decay) / 2)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g ** 2
        q = mu(t + 1) * m / (1 - mu(1) * ... * mu(t + 1)) + (1 - mu(t)) * g / (1 - mu(1) * ... * mu(t))
        p = p - lr * q / (sqrt(v / (1 - beta2 ** t)) + eps)

    Raises ValueError for a negative lr, eps, weight_decay or momentum_decay and for betas outside [0, 1).
    Source: Dozat, Incorporating Nesterov momentum into Adam, ICLR workshop 2016.

    >>> import tinygrad_lite as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = tg.optim.NAdam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8944, 1.8944], requires_grad=True)
    """

    def __init__(self, params: Iterable[Any], lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 0, momentum_decay: float = 4e-3,
                 decoupled_weight_decay: bool = False, *, maximize: bool = False,
                 **execution: Unpack[Execution]) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
                                  "momentum_decay": momentum_decay, "maximize": maximize,
                                  "decoupled_weight_decay": decoupled_weight_decay}, **execution)

    def update_group(self, i: int, gradients: list[tuple[Tensor, Array]]) -> None:
        """See the equations of the class."""
        lr, eps, momentum_decay = self.number(i, "lr"), self.number(i, "eps"), self.number(i, "momentum_decay")
        beta1, beta2 = self.number(i, "betas", 0), self.number(i, "betas", 1)
        weight_decay, decoupled = self.number_if_on(i, "weight_decay"), self.is_on(i, "decoupled_weight_decay")
        maximize = self.is_on(i, "maximize")
        for p, grad in gradients:
            t, product = self.count(p), live(_product, self, i, p)
            mean, square = self.array(p, "exp_avg"), self.array(p, "exp_avg_sq")
            adapt(p.array, grad, mean, square, t, product, lr, beta1, beta2, eps, weight_decay, momentum_decay,
                  decoupled, maximize)
