"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .._tensor import Tensor
from ..graph import Array, live
from ..operation import update
from .optimizer import Optimizer, is_on, keeps, read


@update("param", "buffer")
def descend(param: Array, grad: Array, buffer: Array | None, lr: float, momentum: float, share: float | None,
            weight_decay: float | None, nesterov: bool, maximize: bool) -> None:
    """One step of one parameter; `share` is how much of the gradient enters the momentum buffer (None: all)."""
    if maximize:
        grad = -grad
    if weight_decay is not None:
        grad = grad + weight_decay * param
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

    Raises ValueError for a negative lr, momentum or weight_decay, and for nesterov without momentum or with dampening.
    Source: Sutskever and others, On the importance of initialization and momentum in deep learning, ICML 2013.

    >>> import tinygrad_lite as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = tg.optim.SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8000, 1.6000], requires_grad=True)
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0, dampening: float = 0,
                 weight_decay: float = 0, nesterov: bool = False, *, maximize: bool = False) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
                                  "nesterov": nesterov, "maximize": maximize})

    def check_options(self, options: dict[str, Any]) -> None:
        """Raise ValueError if an option of a group is out of range."""
        if options["lr"] < 0:
            raise ValueError(f"Invalid learning rate: {options['lr']}")
        for option in ("momentum", "weight_decay"):
            if options[option] < 0:
                raise ValueError(f"Invalid {option} value: {options[option]}")
        if options["nesterov"] and (options["momentum"] <= 0 or options["dampening"] != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change each parameter that has a gradient; return what `closure`, called first, returned."""
        loss = self.evaluate(closure)
        for i, group in enumerate(self.param_groups):
            lr, momentum, has_momentum = live(read, self, i, "lr"), 0.0, live(is_on, self, i, "momentum")
            weight_decay = live(read, self, i, "weight_decay") if live(is_on, self, i, "weight_decay") else None
            nesterov, maximize = live(is_on, self, i, "nesterov"), live(is_on, self, i, "maximize")
            if has_momentum:
                momentum, has_dampening = live(read, self, i, "momentum"), live(is_on, self, i, "dampening")
            buffer = share = None
            for p in group["params"]:
                grad = p.grad
                if grad is None:
                    continue
                if has_momentum:
                    state = self.state[p]
                    if state.get("momentum_buffer") is None:
                        state["momentum_buffer"], state["first"] = Tensor(np.zeros_like(p.array)), True
                    buffer, share = state["momentum_buffer"].array, live(_share, self, i, p)
                    share = share if has_dampening else None
                    live(keeps, self, p, "momentum_buffer", buffer)
                descend(p.array, grad.array, buffer, lr, momentum, share, weight_decay, nesterov, maximize)
        return loss
