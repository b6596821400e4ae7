"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

from .._tensor import Tensor
from ..engine.graph import Array, live
from ..engine.operation import update
from .optimizer import Execution, Optimizer, regularized


@update("param", "buffer")
def descend(param: Array, grad: Array, buffer: Array | None, lr: float, momentum: float, share: float | None,
            weight_decay: float | None, nesterov: bool, maximize: bool) -> None:
    """One step of one parameter; `share` is how much of the gradient enters the momentum buffer (None: all)."""
    grad = regularized(grad, param, weight_decay, maximize)
    if buffer is not None:
        buffer *= momentum
        buffer += grad if share is None else share * grad
        grad = grad + momentum * buffer if nesterov else buffer
    param -= lr * grad


def _share(optimizer: SGD, group: int, p: Tensor) -> float:
    """1 at a parameter's first step with momentum, then 1 - dampening.

    In its first step PyTorch makes the buffer a copy of the gradient.  Ours starts as zeros and the undamped gradient
    is added: the same values, by the same arithmetic as all further steps, so that a captured first step is as good.
    """
    first = optimizer.state[p].pop("first", False)
    return 1.0 if first else 1.0 - float(optimizer.param_groups[group]["dampening"])


class SGD(Optimizer):
    """Gradient descent with momentum, in PyTorch's form.

    With gradient g (negated if `maximize`) and parameter p:
        g = g + weight_decay * p
        b = momentum * b + (1 - dampening) * g      (at first: b = g)
        p = p - lr * b      (`nesterov`: p - lr * (g + momentum * b);  without momentum: p - lr * g)

    SGD(params, lr=lambda, momentum=beta), with all else at its default, is exactly the momentum of kth, (16) and (17),
    for weights and biases alike; b is G, and G = 0 before the first step:
        G(k) = beta * G(k - 1) + dJ/dW(k)
        W(k + 1) = W(k) - lambda * G(k)
    So lr multiplies all of G: a change of lr also changes how far earlier gradients carry.

    Raises ValueError for a negative lr, momentum or weight_decay, and for nesterov without momentum or with dampening.
    Source: Sutskever and others, On the importance of initialization and momentum in deep learning, ICML 2013;
    Sundström, Raittila, Building a deep neural network from scratch, KTH, TRITA-EECS-EX-2023:178 (kth).

    >>> import tinygrad_lite as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = tg.optim.SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8000, 1.6000], requires_grad=True)
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0, dampening: float = 0,
                 weight_decay: float = 0, nesterov: bool = False, *, maximize: bool = False,
                 **execution: Unpack[Execution]) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
                                  "nesterov": nesterov, "maximize": maximize}, **execution)

    def check_options(self, options: dict[str, Any]) -> None:
        """Raise ValueError if an option of a group is out of range."""
        super().check_options(options)
        if options["nesterov"] and (options["momentum"] <= 0 or options["dampening"] != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")

    def update_group(self, i: int, gradients: list[tuple[Tensor, Array]]) -> None:
        """See the equations of the class."""
        lr, momentum, weight_decay = self.number(i, "lr"), 0.0, self.number_if_on(i, "weight_decay")
        nesterov, maximize = self.is_on(i, "nesterov"), self.is_on(i, "maximize")
        has_momentum, has_dampening = self.is_on(i, "momentum"), self.is_on(i, "dampening")
        if has_momentum:
            momentum = self.number(i, "momentum")
        buffer = share = None
        for p, grad in gradients:
            if has_momentum:
                if has_dampening:
                    state = self.state[p]
                    if state.get("momentum_buffer") is None:
                        state["first"] = True
                    share = live(_share, self, i, p)
                buffer = self.array(p, "momentum_buffer")
            descend(p.array, grad, buffer, lr, momentum, share, weight_decay, nesterov, maximize)
