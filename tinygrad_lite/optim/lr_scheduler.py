"""Learning rates that change during training: the schedulers of `torch.optim.lr_scheduler`.

A scheduler writes the learning rate of each parameter group; the optimizer reads it at its next step.  Call
`scheduler.step()` after `optimizer.step()`, once per epoch or once per batch, as its numbers are meant.  In what
follows t counts these calls: t = 0 when the scheduler is made, and `last_epoch` is t.

    >>> import tinygrad_lite as tg
    >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=0.1)
    >>> scheduler = tg.optim.lr_scheduler.StepLR(optimizer, step_size=2)
    >>> for epoch in range(4):
    ...     optimizer.step()  # and forward, backward, for each batch
    ...     scheduler.step()
    ...     print(f"{optimizer.param_groups[0]['lr']:g}")
    0.1
    0.01
    0.01
    0.001

The learning rates are PyTorch's: most schedulers multiply the one that is there, so that they can be chained
(`ChainedScheduler`) and what somebody sets by hand is respected.  `state_dict()` is what `json` can write; load it
beside the optimizer's state, which has the learning rates.  A captured step reads them at each replay, and a
scheduler's `step` inside of one is made at each replay.
"""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from types import FunctionType
from typing import Any

from .._tensor import Tensor
from ..engine.graph import live
from .optimizer import Optimizer

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]


class LRScheduler:
    """The base of all schedulers; a subclass defines `get_lr`.

    `get_lr` returns the learning rates of all groups at t = `last_epoch`, from those that are there
    (`optimizer.param_groups[i]["lr"]`) or from those at the beginning (`base_lrs`).  A subclass may also define
    `_get_closed_form_lr`, from `base_lrs` alone; `SequentialLR` uses it to start a scheduler later.

    Args:
        optimizer: whose learning rates are written.  Each group gets the option `initial_lr`.
        last_epoch: t - 1 of the first step when a training goes on whose optimizer's state was loaded; -1 at the
            beginning.  Loading the scheduler's state as well, with `load_state_dict`, is the surer way.

    Raises TypeError for what is no Optimizer, KeyError if `last_epoch` is given and a group has no `initial_lr`.

    >>> import tinygrad_lite as tg
    >>> class Halving(tg.optim.lr_scheduler.LRScheduler):
    ...     def get_lr(self):
    ...         return [lr / 2**self.last_epoch for lr in self.base_lrs]
    >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=0.5)
    >>> scheduler = Halving(optimizer)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    _is_initial = False
    """Whether the step is the first, which a scheduler makes by itself."""

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = _check_optimizer(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(f"param 'initial_lr' is not specified in param_groups[{i}] when resuming a scheduler "
                               "with last_epoch >= 0: load the state of the optimizer first")
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        self.step()
        self._is_initial = False

    def get_lr(self) -> list[float]:
        """The learning rates at t = `last_epoch`; what `step` writes.  To look at them, use `get_last_lr`."""
        raise NotImplementedError

    def get_last_lr(self) -> list[float]:
        """The learning rates that this scheduler wrote last, one per group."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Go on by one step.

        Warns if the optimizer has made no step so far: then its first learning rate would never be used.  (An
        optimizer that defines `step` as a whole cannot be asked.)  With `epoch`, which is deprecated as in PyTorch, it
        goes to t = epoch.
        """
        live(self._advance, epoch)

    def _advance(self, epoch: int | None) -> None:
        optimizer = self.optimizer
        if self._step_count == 1 and not optimizer.has_stepped and type(optimizer).step is Optimizer.step:
            warnings.warn("Detected call of `lr_scheduler.step()` before `optimizer.step()`. Call them in the opposite "
                          "order, or the first value of the learning rate schedule is skipped.", stacklevel=4)
        self._step_count += 1
        if epoch is not None:
            warnings.warn("The epoch parameter of scheduler.step() is deprecated: call scheduler.step() without it.",
                          stacklevel=4)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        if epoch is None:
            self.last_epoch += 1
            self._write(self.get_lr())
        else:
            self.last_epoch = epoch
            self._write(getattr(self, "_get_closed_form_lr", self.get_lr)())

    def _write(self, lrs: list[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, lrs, strict=True):
            group["lr"] = lr
        self._last_lr = self._current()

    def _current(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """All that the scheduler is, but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned.  The learning rates themselves are in the optimizer's state."""
        self.__dict__.update(state_dict)


def _check_optimizer(optimizer: Any) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
    return optimizer


# --- a factor that depends on t ---------------------------------------------------------------------------------------


class _Factor(LRScheduler):
    """lr = initial lr * `_total`(t), made as PyTorch makes it: each step multiplies what is there by `_change`(t)."""

    def _change(self, t: int) -> float:
        raise NotImplementedError

    def _total(self, t: int) -> float:
        raise NotImplementedError

    def get_lr(self) -> list[float]:
        """The learning rates that are there times one factor."""
        change = self._change(self.last_epoch)
        return [lr * change for lr in self._current()]

    def _get_closed_form_lr(self) -> list[float]:
        total = self._total(self.last_epoch)
        return [lr * total for lr in self.base_lrs]


class StepLR(_Factor):
    """lr = initial lr * gamma ** floor(t / step_size).

    >>> import tinygrad_lite as tg
    >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tg.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> for _ in range(5):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def _change(self, t: int) -> float:
        return self.gamma if t and t % self.step_size == 0 else 1.0

    def _total(self, t: int) -> float:
        return self.gamma ** (t // self.step_size)


class MultiStepLR(_Factor):
    """lr = initial lr * gamma ** (how many of the milestones are at most t).

    >>> import tinygrad_lite as tg
    >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tg.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[2, 3], gamma=0.5)
    >>> for _ in range(3):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1,
                 last_epoch: int = -1) -> None:
        self.milestones, self.gamma = Counter(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def _change(self, t: int) -> float:
        return self.gamma ** self.milestones[t]

    def _total(self, t: int) -> float:
        return self.gamma ** sum(count for milestone, count in self.milestones.items() if milestone <= t)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned, also if JSON has made texts of the milestones."""
        super().load_state_dict(state_dict)
        self.milestones = Counter({int(milestone): count for milestone, count in self.milestones.items()})


class ConstantLR(_Factor):
    """lr = initial lr * factor while t < total_iters, then the initial lr.

    Raises ValueError for a factor outside [0, 1].

    >>> import tinygrad_lite as tg
    >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tg.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2)
    >>> scheduler.get_last_lr()
    [0.5]
    >>> for _ in range(2):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [1.0]
    """

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        if not 0 <= factor <= 1:
            raise ValueError("Constant multiplicative factor expected to be between 0 and 1.")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def _change(self, t: int) -> float:
        return self.factor if t == 0 else 1 / self.factor if t == self.total_iters else 1.0

    def _total(self, t: int) -> float:
        return self.factor + (t >= self.total_iters) * (1 - self.factor)


class LinearLR(_Factor):
    """lr = initial lr * (start_factor + (end_factor - start_factor) * min(t, total_iters) / total_iters).

    Raises ValueError for a start_factor outside (0, 1] or an end_factor outside [0, 1].

    >>> import tinygrad_lite as tg
    >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tg.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.25, total_iters=3)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5,
                 last_epoch: int = -1) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError("Starting multiplicative factor expected to be greater than 0 and less or equal to 1.")
        if not 0 <= end_factor <= 1:
            raise ValueError("Ending multiplicative factor expected to be between 0 and 1.")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def _change(self, t: int) -> float:
        if t == 0:
            return self.start_factor
        if self._is_initial or t > self.total_iters:
            return 1.0
        slope = self.end_factor - self.start_factor
        return 1 + slope / (self.total_iters * self.start_factor + (t - 1) * slope)

    def _total(self, t: int) -> float:
        slope = self.end_factor - self.start_factor
        return self.start_factor + slope * min(self.total_iters, t) / self.total_iters


class ExponentialLR(_Factor):
    """lr = initial lr * gamma ** t.

    >>> import tinygrad_lite as tg
    >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tg.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> for _ in range(3):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.125]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _change(self, t: int) -> float:
        return 1.0 if self._is_initial else self.gamma

    def _total(self, t: int) -> float:
        return self.gamma**t


class PolynomialLR(_Factor):
    """lr = initial lr * (1 - min(t, total_iters) / total_iters) ** power.

    >>> import tinygrad_lite as tg
    >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tg.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=4, power=2)
    >>> for _ in range(2):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def _change(self, t: int) -> float:
        if self._is_initial or t > self.total_iters:
            return 1.0
        before, now = 1 - (t - 1) / self.total_iters, 1 - t / self.total_iters
        return float((now / before) ** self.power)

    def _total(self, t: int) -> float:
        return float((1 - min(self.total_iters, t) / self.total_iters) ** self.power)


# --- functions of one's own -------------------------------------------------------------------------------------------


class _Lambdas(LRScheduler):
    """A function of t, or one per group, whose state is saved if it is an object and not a plain function."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
                 last_epoch: int = -1) -> None:
        groups = _check_optimizer(optimizer).param_groups
        self.lr_lambdas: list[Any] = _list_of(lr_lambda, len(groups))
        if len(self.lr_lambdas) != len(groups):
            raise ValueError(f"Expected {len(groups)} lr_lambdas, but got {len(self.lr_lambdas)}")
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(f"lr_lambda should be a function, but got {type(function).__name__}")
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """All that the scheduler is, but the optimizer; of each function its attributes, of plain ones None."""
        return {**super().state_dict(), "lr_lambdas": [_attributes(function) for function in self.lr_lambdas]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned; the functions stay and get back their attributes."""
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "lr_lambdas"})
        for function, attributes in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            function.__dict__.update(attributes or {})


def _list_of(value: Any, count: int) -> list[Any]:
    """`value` as a list, `count` times the same if it is none."""
    return list(value) if isinstance(value, (list, tuple)) else [value] * count


def _attributes(function: Any) -> dict[str, Any] | None:
    return None if isinstance(function, FunctionType) else dict(getattr(function, "__dict__", {}))


class LambdaLR(_Lambdas):
    """lr = initial lr * lr_lambda(t), with one function or one per group.

    Raises ValueError for another number of functions than of groups, TypeError for what cannot be called.

    >>> import tinygrad_lite as tg
    >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tg.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1 / (1 + t))
    >>> for _ in range(3):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def get_lr(self) -> list[float]:
        """The initial learning rates times the functions of t."""
        return [lr * function(self.last_epoch) for lr, function in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class MultiplicativeLR(_Lambdas):
    """lr = (lr before) * lr_lambda(t), with one function or one per group.

    Raises ValueError for another number of functions than of groups, TypeError for what cannot be called.

    >>> import tinygrad_lite as tg
    >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tg.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda t: 0.5)
    >>> for _ in range(3):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.125]
    """

    def get_lr(self) -> list[float]:
        """The learning rates that are there times the functions of t."""
        lrs = self._current()
        if self._is_initial:
            return lrs
        return [lr * function(self.last_epoch) for lr, function in zip(lrs, self.lr_lambdas, strict=True)]


# --- cosines and cycles -----------------------------------------------------------------------------------------------


class CosineAnnealingLR(LRScheduler):
    """lr = eta_min + (initial lr - eta_min) * (1 + cos(pi * t / T_max)) / 2; after T_max it rises again.

    Source: Loshchilov, Hutter, SGDR: stochastic gradient descent with warm restarts, ICLR 2017.

    >>> import tinygrad_lite as tg
    >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tg.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
    >>> for _ in range(5):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> print(f"{scheduler.get_last_lr()[0]:.4f}")
    0.5000
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The learning rates that are there, moved on by one step of the cosine."""
        t, lrs = self.last_epoch, self._current()
        if self._is_initial:
            return lrs
        before, now = (1 + math.cos(math.pi * s / self.T_max) for s in (t - 1, t))
        if (t - 1 - self.T_max) % (2 * self.T_max) == 0:  # it was at eta_min: there is nothing to multiply
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            return [lr + (base - self.eta_min) * rise for lr, base in zip(lrs, self.base_lrs, strict=True)]
        return [now / before * (lr - self.eta_min) + self.eta_min for lr in lrs]

    def _get_closed_form_lr(self) -> list[float]:
        return [_cosine(lr, self.eta_min, self.last_epoch / self.T_max) for lr in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """lr = eta_min + (initial lr - eta_min) * (1 + cos(pi * T_cur / T_i)) / 2, begun anew every T_i steps.

    T_cur counts the steps since the last restart.  The first T_i is T_0, and each is T_mult times the one before.

    Raises ValueError unless T_0 and T_mult are positive integers and eta_min a number.
    Source: Loshchilov, Hutter, SGDR: stochastic gradient descent with warm restarts, ICLR 2017.

    >>> import tinygrad_lite as tg
    >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tg.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2, T_mult=2)
    >>> for _ in range(4):
    ...     optimizer.step()
    ...     scheduler.step()
    ...     print(f"{scheduler.get_last_lr()[0]:.4f}")
    0.5000
    1.0000
    0.8536
    0.5000
    """

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0,
                 last_epoch: int = -1) -> None:
        if not isinstance(T_0, int) or T_0 <= 0:
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, (float, int)):
            raise ValueError(f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}")
        self.T_0, self.T_i, self.T_mult, self.eta_min = T_0, T_0, T_mult, eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The learning rates at T_cur of T_i."""
        return [_cosine(lr, self.eta_min, self.T_cur / self.T_i) for lr in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go on by one step; or to t = epoch, which may lie between two: `scheduler.step(epoch + i / batches)`."""
        live(self._advance, epoch)

    def _advance(self, epoch: float | None) -> None:
        if epoch is None and self.last_epoch >= 0:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            epoch = epoch or 0
            if epoch < 0:
                raise ValueError(f"Expected non-negative epoch, but got {epoch}")
            self.T_cur, self.T_i = epoch, self.T_0
            if epoch >= self.T_0 and self.T_mult == 1:
                self.T_cur = epoch % self.T_0
            elif epoch >= self.T_0:
                restarts = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
                self.T_cur = epoch - self.T_0 * (self.T_mult**restarts - 1) / (self.T_mult - 1)
                self.T_i = self.T_0 * self.T_mult**restarts
        self.last_epoch = math.floor(epoch)
        self._write(self.get_lr())


def _cosine(start: float, end: float, share: float) -> float:
    """From `start` to `end` along half a wave."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def _line(start: float, end: float, share: float) -> float:
    return (end - start) * share + start


def _per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """One value per group."""
    count = len(optimizer.param_groups)
    values = _list_of(value, count)
    if len(values) != count:
        raise ValueError(f"{name} must have the same length as optimizer.param_groups. {name} has {len(values)} "
                         f"values, param_groups has {count}.")
    return values


class _MomentumCycle(LRScheduler):
    """What cycles of the learning rate have in common that move the momentum, or beta1, the other way."""

    def _begin_momentum(self, base_momentum: Any, max_momentum: Any, last_epoch: int) -> tuple[list[Any], list[Any]]:
        """Write the bounds of the momentum, and the upper one as momentum, to the groups; return them."""
        optimizer = self.optimizer
        if not {"momentum", "betas"} & optimizer.defaults.keys():
            raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
        self.use_beta1 = "betas" in optimizer.defaults
        lows = _per_group("base_momentum", optimizer, base_momentum)
        highs = _per_group("max_momentum", optimizer, max_momentum)
        if last_epoch == -1:
            for group, low, high in zip(optimizer.param_groups, lows, highs, strict=True):
                self._set_momentum(group, high)
                group["max_momentum"], group["base_momentum"] = high, low
        return lows, highs

    def _set_momentum(self, group: dict[str, Any], momentum: float) -> None:
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum


class CyclicLR(_MomentumCycle):
    """The learning rate rises from base_lr to max_lr in step_size_up steps, falls in step_size_down, and so on.

    In cycle c = 1, 2, ... with x going from 0 to 1 and back:
        lr = base_lr + (max_lr - base_lr) * x * s
        momentum = max_momentum - (max_momentum - base_momentum) * x * s        (if `cycle_momentum`)
    with s = 1 ("triangular"), 2 ** (1 - c) ("triangular2"), gamma ** t ("exp_range"), or scale_fn(c), or scale_fn(t) if
    scale_mode is "iterations".

    Raises ValueError for an unknown mode, a list that does not fit the groups, and an optimizer without momentum.
    Source: Smith, Cyclical learning rates for training neural networks, WACV 2017.

    >>> import tinygrad_lite as tg
    >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
    >>> scheduler = tg.optim.lr_scheduler.CyclicLR(optimizer, base_lr=0.5, max_lr=1.5, step_size_up=2)
    >>> for _ in range(3):
    ...     optimizer.step()
    ...     scheduler.step()
    ...     print(f"{scheduler.get_last_lr()[0]:g} {optimizer.param_groups[0]['momentum']:.2f}")
    1 0.85
    1.5 0.80
    1 0.85
    """

    def __init__(self, optimizer: Optimizer, base_lr: float | Sequence[float], max_lr: float | Sequence[float],
                 step_size_up: int = 2000, step_size_down: int | None = None, mode: str = "triangular",
                 gamma: float = 1.0, scale_fn: Callable[[float], float] | None = None, scale_mode: str = "cycle",
                 cycle_momentum: bool = True, base_momentum: float | Sequence[float] = 0.8,
                 max_momentum: float | Sequence[float] = 0.9, last_epoch: int = -1) -> None:
        self.optimizer = _check_optimizer(optimizer)
        base_lrs = _per_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for lr, group in zip(base_lrs, optimizer.param_groups, strict=True):
                group["lr"] = lr
        self.max_lrs = _per_group("max_lr", optimizer, max_lr)
        self.total_size = float(step_size_up + (step_size_up if step_size_down is None else step_size_down))
        self.step_ratio = step_size_up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError("mode is invalid and scale_fn is None")
        self.mode, self.gamma, self._scale_fn_custom = mode, gamma, scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            bounds = self._begin_momentum(base_momentum, max_momentum, last_epoch)
            self.base_momentums, self.max_momentums = bounds
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """How high cycle (or step) x goes, from 0 to 1."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "exp_range":
            return float(self.gamma**x)
        return 1.0 if self.mode == "triangular" else 2.0 ** (1 - x)

    def get_lr(self) -> list[float]:
        """The learning rates at this point of the cycle.  The momentum is written, too."""
        t = self.last_epoch
        cycle = math.floor(1 + t / self.total_size)
        x = 1.0 + t / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        height *= self.scale_fn(cycle if self.scale_mode == "cycle" else t)
        if self.cycle_momentum:
            bounds = zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True)
            for group, low, high in bounds:
                self._set_momentum(group, high - (high - low) * height)
        return [low + (high - low) * height for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """All that the scheduler is, but the optimizer; of `scale_fn` its attributes, of a plain function None."""
        return {**super().state_dict(), "_scale_fn_custom": _attributes(self._scale_fn_custom) or None}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned; `scale_fn` stays and gets back its attributes."""
        function = self._scale_fn_custom
        super().load_state_dict({**state_dict, "_scale_fn_custom": function})
        if function is not None:
            function.__dict__.update(state_dict["_scale_fn_custom"] or {})


class OneCycleLR(_MomentumCycle):
    """One cycle over the whole training: up to max_lr, then down to far below the beginning.

    Of total_steps (or epochs * steps_per_epoch) the first share pct_start leads from max_lr / div_factor to max_lr, the
    rest from there to max_lr / div_factor / final_div_factor; with `three_phase` first back to the beginning, in as
    many steps, and then down.  In between it follows half a cosine wave or, with anneal_strategy "linear", a line.  If
    `cycle_momentum`, the momentum (or beta1) goes from max_momentum to base_momentum and back meanwhile.

    Raises ValueError for numbers out of range, a list that does not fit the groups, an optimizer without momentum, and
    for a step beyond total_steps.
    Source: Smith, Topin, Super-convergence: very fast training of neural networks using large learning rates, 2018.

    >>> import tinygrad_lite as tg
    >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
    >>> scheduler = tg.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
    >>> for _ in range(4):
    ...     optimizer.step()
    ...     scheduler.step()
    ...     print(f"{scheduler.get_last_lr()[0]:.4f} {optimizer.param_groups[0]['momentum']:.4f}")
    0.5200 0.9000
    1.0000 0.8500
    0.9505 0.8550
    0.8117 0.8688
    """

    def __init__(self, optimizer: Optimizer, max_lr: float | Sequence[float], total_steps: int | None = None,
                 epochs: int | None = None, steps_per_epoch: int | None = None, pct_start: float = 0.3,
                 anneal_strategy: str = "cos", cycle_momentum: bool = True,
                 base_momentum: float | Sequence[float] = 0.85, max_momentum: float | Sequence[float] = 0.95,
                 div_factor: float = 25.0, final_div_factor: float = 1e4, three_phase: bool = False,
                 last_epoch: int = -1) -> None:
        self.optimizer = _check_optimizer(optimizer)
        if total_steps is None and (epochs is None or steps_per_epoch is None):
            raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
        given: dict[str, Any] = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
        if total_steps is not None:
            given = {"total_steps": total_steps}
        for name, value in given.items():
            if not isinstance(value, int) or value <= 0:
                raise ValueError(f"Expected positive integer {name}, but got {value}")
        self.total_steps = math.prod(given.values())
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_func_type, self.cycle_momentum = anneal_strategy, cycle_momentum
        top, last = float(pct_start * self.total_steps) - 1, self.total_steps - 1
        low, high = "base_momentum", "max_momentum"
        ends: list[tuple[float, str, str]] = [(top, "max_lr", low), (last, "min_lr", high)]
        if three_phase:
            ends.insert(1, (2 * top, "initial_lr", high))
        self._schedule_phases: list[dict[str, Any]] = []
        start_lr, start_momentum = "initial_lr", high
        for end_step, end_lr, end_momentum in ends:
            self._schedule_phases.append({"end_step": end_step, "start_lr": start_lr, "end_lr": end_lr,
                                          "start_momentum": start_momentum, "end_momentum": end_momentum})
            start_lr, start_momentum = end_lr, end_momentum
        max_lrs = _per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, max_lrs, strict=True):
                group["initial_lr"], group["max_lr"] = lr / div_factor, lr
                group["min_lr"] = group["initial_lr"] / final_div_factor
        if cycle_momentum:
            self._begin_momentum(base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The learning rates at this point of the cycle.  The momentum is written, too."""
        t = self.last_epoch
        if t > self.total_steps:
            raise ValueError(f"Tried to step {t} times. The specified number of total steps is {self.total_steps}")
        between = _cosine if self._anneal_func_type == "cos" else _line
        start = 0.0
        *early, last = self._schedule_phases
        for phase in early:
            if t <= phase["end_step"]:
                break
            start = phase["end_step"]
        else:
            phase = last
        share = (t - start) / (phase["end_step"] - start)
        groups = self.optimizer.param_groups
        if self.cycle_momentum:
            for group in groups:
                self._set_momentum(group, between(group[phase["start_momentum"]], group[phase["end_momentum"]], share))
        return [between(group[phase["start_lr"]], group[phase["end_lr"]], share) for group in groups]


# --- what depends on other things than t ------------------------------------------------------------------------------


class ReduceLROnPlateau(LRScheduler):
    """lr = lr * factor (but not below min_lr) after more than `patience` steps without a better metric.

    Better is, with mode "min" and threshold_mode "rel": metric < best * (1 - threshold), "abs": metric < best -
    threshold; with mode "max": metric > best * (1 + threshold), metric > best + threshold.  After a reduction
    `cooldown` steps are not counted.  A reduction by at most `eps` is left out.

    Raises ValueError for a factor of 1 or more, an unknown mode, or a list `min_lr` that does not fit the groups;
    TypeError for what is no Optimizer.

    >>> import tinygrad_lite as tg
    >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tg.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in (0.9, 0.8, 0.8, 0.8):
    ...     scheduler.step(loss)
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10,
                 threshold: float = 1e-4, threshold_mode: str = "rel", cooldown: int = 0,
                 min_lr: float | Sequence[float] = 0, eps: float = 1e-8) -> None:
        if factor >= 1.0:
            raise ValueError("Factor should be < 1.0.")
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode} is unknown!")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown!")
        self.optimizer = _check_optimizer(optimizer)
        self.default_min_lr = None if isinstance(min_lr, (list, tuple)) else min_lr
        self.min_lrs = _per_group("min_lr", optimizer, min_lr)
        self.factor, self.patience, self.cooldown, self.eps = factor, patience, cooldown, eps
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.best = self.mode_worse = math.inf if mode == "min" else -math.inf
        self.last_epoch = self.cooldown_counter = self.num_bad_epochs = 0
        self._last_lr = self._current()

    @property
    def in_cooldown(self) -> bool:
        """Whether steps without a better metric are not counted."""
        return self.cooldown_counter > 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Go on by one step, with a metric: a number or a Tensor of one element."""
        live(self._observe, metrics.array if isinstance(metrics, Tensor) else metrics, epoch)

    def _observe(self, metrics: Any, epoch: int | None) -> None:
        current = float(metrics)
        if epoch is not None:
            warnings.warn("The epoch parameter of scheduler.step() is deprecated: call scheduler.step(metrics).",
                          stacklevel=4)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self.num_bad_epochs += 1
        if self._is_better(current):
            self.best, self.num_bad_epochs = current, 0
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self._current()

    def _is_better(self, metric: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "rel":
            bound = self.best * (1 + sign * self.threshold)
        else:
            bound = self.best + sign * self.threshold
        return metric > bound if self.mode == "max" else metric < bound

    def _reduce(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise RuntimeError(f"The number of param groups in the `optimizer` ({len(groups)}) differs from when "
                                   f"`ReduceLROnPlateau` was initialized ({len(self.min_lrs)}), usually due to a new "
                                   "param group being added to the optimizer. Please modify the `min_lrs` field.")
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, least in zip(groups, self.min_lrs, strict=True):
            old = float(group["lr"])
            new = max(old * self.factor, least)
            if old - new > self.eps:
                group["lr"] = new


# --- several schedulers -----------------------------------------------------------------------------------------------


class _Several(LRScheduler):
    """What `SequentialLR` and `ChainedScheduler` share: members that belong to one optimizer, and their state."""

    _schedulers: Sequence[LRScheduler]

    def _take(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None) -> None:
        name = type(self).__name__
        if not schedulers:
            raise ValueError(f"{name} expects at least one scheduler, but got no scheduler.")
        for i, scheduler in enumerate(schedulers):
            if not hasattr(scheduler, "optimizer"):
                raise TypeError(f"{name} at index {i} should have `optimizer` as its attribute.")
            optimizer = optimizer or scheduler.optimizer
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(f"{name} does not support `ReduceLROnPlateau` scheduler as it requires additional "
                                 f"arguments when calling `step`, but got one at index {i}.")
            if scheduler.optimizer is not optimizer:
                raise ValueError(f"{name} expects all schedulers to belong to the same optimizer, but got scheduler "
                                 f"{type(scheduler).__name__} at index {i}, whose optimizer is another one.")
        assert optimizer is not None
        self.optimizer, self._schedulers = optimizer, schedulers

    def step(self) -> None:  # type: ignore[override]
        """Go on by one step."""
        live(self._advance, None)

    def state_dict(self) -> dict[str, Any]:
        """All that the scheduler is, but the optimizer; of its members their states."""
        return {**super().state_dict(), "_schedulers": [scheduler.state_dict() for scheduler in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "_schedulers"})
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)


class SequentialLR(_Several):
    """One scheduler after the other: the next takes over, at its t = 0, when t reaches a milestone.

    Raises ValueError for no schedulers, another number of milestones than one less than of schedulers, schedulers of
    other optimizers, and a `ReduceLROnPlateau`.

    >>> import tinygrad_lite as tg
    >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
    >>> warm_up = tg.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2)
    >>> decay = tg.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> scheduler = tg.optim.lr_scheduler.SequentialLR(optimizer, [warm_up, decay], milestones=[2])
    >>> for _ in range(4):
    ...     print(scheduler.get_last_lr())
    ...     optimizer.step()
    ...     scheduler.step()
    [0.5]
    [0.5]
    [1.0]
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int],
                 last_epoch: int = -1) -> None:
        self._take(schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError("Sequential Schedulers expects number of schedulers provided to be one more than the "
                             f"number of milestone points, but got {len(schedulers)} and {len(milestones)}")
        self._milestones, self.last_epoch = list(milestones), last_epoch + 1
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        _undo(self)  # all have made their first step; only that of the first counts
        first = schedulers[bisect_right(self._milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def _advance(self, epoch: int | None) -> None:
        self.last_epoch += 1
        i = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[i]
        if i > 0 and self._milestones[i - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


def _undo(scheduler: LRScheduler) -> None:
    """Take back the first step of a scheduler, or of its members."""
    if isinstance(scheduler, _Several):
        for member in scheduler._schedulers:
            _undo(member)
    else:
        scheduler.last_epoch -= 1


class ChainedScheduler(_Several):
    """Several schedulers at each step, each applied to what the one before has written.

    Raises ValueError for no schedulers, schedulers of different optimizers, and a `ReduceLROnPlateau`.

    >>> import tinygrad_lite as tg
    >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
    >>> warm_up = tg.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2)
    >>> decay = tg.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> scheduler = tg.optim.lr_scheduler.ChainedScheduler([warm_up, decay])
    >>> for _ in range(3):
    ...     print(scheduler.get_last_lr())
    ...     optimizer.step()
    ...     scheduler.step()
    [0.5]
    [0.25]
    [0.25]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self._take(schedulers, optimizer)
        self._last_lr = self._current()

    def _advance(self, epoch: int | None) -> None:
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._current()
