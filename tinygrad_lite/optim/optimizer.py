"""What all optimizers share: parameters in groups with options of their own, and a state that can be saved.

An optimizer is two things: the arithmetic of one parameter's step, a function with `@update`, and `update_group`,
which asks for what that needs by `number`, `number_if_on`, `is_on`, `array` and `count`.  These make a step visible to
observers, so that a captured one can replay it: numbers are read and steps counted anew at each replay, while whether
an option is on at all, and which arrays the state has, are conditions of the recording.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, TypedDict, Unpack

import numpy as np

from .._tensor import Tensor
from ..autograd import enable_grad
from ..creation import as_tensor
from ..engine import backend
from ..engine.graph import Array, live, state_changed

NOT_NEGATIVE = {
    "lr": "learning rate", "eps": "epsilon value", "momentum": "momentum value", "weight_decay": "weight_decay value",
    "alpha": "alpha value", "rho": "rho value", "lr_decay": "lr_decay value", "momentum_decay": "momentum_decay value",
    "initial_accumulator_value": "initial_accumulator_value value",
}
"""The options that must not be negative, and what errors call them."""


class Execution(TypedDict, total=False):
    """How PyTorch is to compute a step.  Accepted for its scripts, without effect: there is one way here."""

    foreach: bool | None
    fused: bool | None
    capturable: bool
    differentiable: bool


class Optimizer:
    """The base of all optimizers; a subclass defines `update_group`, or the whole of `step`.

    Args:
        params: Tensors that require grad, or dicts `{"params": Tensors, option: value, ...}`, one per group.
        defaults: the options of groups that do not set them.
        execution: `foreach`, `fused` and `capturable`, by which PyTorch chooses how it computes a step.  All optimizers
            accept them for its scripts, without effect.  So is `differentiable=False`.

    Raises TypeError for what is no Tensor, ValueError for no parameters, a computed tensor, one that is in two groups
    or twice in one, or an option out of range; NotImplementedError for `differentiable=True`.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any], **execution: Unpack[Execution]) -> None:
        if unknown := execution.keys() - Execution.__annotations__.keys():
            raise TypeError(f"{type(self).__name__}.__init__() got an unexpected keyword argument {min(unknown)!r}")
        if execution.get("differentiable"):
            raise NotImplementedError(f"{type(self).__name__}: differentiable=True is not supported: a step is no part "
                                      "of the graph. Compute new parameters from autograd.grad(..., create_graph=True)")
        if isinstance(params, Tensor):
            raise TypeError("params argument given to the optimizer should be an iterable of Tensors or dicts, "
                            "but got Tensor")
        self.defaults = defaults
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self.has_stepped = False
        """Whether `step` was called: schedulers warn if they are called first."""
        self.check_options(defaults)
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def check_options(self, options: dict[str, Any]) -> None:
        """Raise ValueError if an option of a group is out of range."""
        for option, name in NOT_NEGATIVE.items():
            if option in options and not options[option] >= 0:
                raise ValueError(f"Invalid {name}: {options[option]}")
        for i, beta in enumerate(options.get("betas", ())):
            if not 0 <= beta < 1:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own, such as the layers that are thawed during training.

        Raises as the constructor does.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError("optimizer parameters need to be organized in ordered collections, but the ordering of "
                            "tensors in sets will change between runs. Please use a list instead.")
        params = [params] if isinstance(params, Tensor) else list(params)
        known = {id(p) for group in self.param_groups for p in group["params"]}
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}")
            if not p.is_leaf:
                raise ValueError("can't optimize a non-leaf Tensor")
            if id(p) in known:
                raise ValueError("some parameters appear in more than one parameter group, or twice in one")
            known.add(id(p))
        group = {**self.defaults, **param_group, "params": params}
        self.check_options(group)
        self.param_groups.append(group)
        state_changed()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or set them to zeros."""
        for group in self.param_groups:
            clear_gradients(group["params"], set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change each parameter that has a gradient; return what `closure`, called first, returned.

        The closure clears the gradients, computes the loss, calls `backward` and returns the loss.
        """
        self.has_stepped = True
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for i, group in enumerate(self.param_groups):
            gradients = [(p, grad.array) for p in group["params"] if (grad := p.grad) is not None]
            if gradients:
                self.update_group(i, gradients)
        return loss

    def update_group(self, i: int, gradients: list[tuple[Tensor, Array]]) -> None:
        """Change these parameters of group `i`, given with their gradients."""
        raise NotImplementedError

    def number(self, i: int, option: str, index: int | None = None) -> float:
        """An option of group `i` (or an element of it), which a captured step reads anew at each replay."""
        return live(_read, self, i, option, index)  # type: ignore[no-any-return]

    def is_on(self, i: int, option: str) -> bool:
        """Whether an option of group `i` is not 0 or False.  Where it changes, a captured step is recorded anew."""
        return live(_is_on, self, i, option)  # type: ignore[no-any-return]

    def number_if_on(self, i: int, option: str) -> float | None:
        """An option of group `i`, or None where it is 0, so that its arithmetic can be left out."""
        return self.number(i, option) if self.is_on(i, option) else None

    def array(self, p: Tensor, key: str, fill: float = 0.0) -> Array:
        """The array that is kept for `p` under this key; at first full of `fill`."""
        state = self.state[p]
        kept = state.get(key)
        if kept is None:
            kept = state[key] = Tensor(np.full_like(p.array, fill))
        live(_keeps, self, p, key, kept.array)
        return kept.array

    def count(self, p: Tensor) -> float:
        """Count a step of `p`: 1.0 at the first."""
        return live(_advance, self, p)  # type: ignore[no-any-return]

    def state_dict(self) -> dict[str, Any]:
        """The state by the number of the parameter, and the groups with numbers in place of parameters.

        >>> import tinygrad_lite as tg
        >>> w = tg.ones(2, requires_grad=True)
        >>> tg.optim.SGD([w], lr=0.1).state_dict()["param_groups"][0]["params"]
        [0]
        """
        numbers = {id(p): i for i, p in enumerate(p for group in self.param_groups for p in group["params"])}
        return {
            "state": {numbers[id(p)]: dict(state) for p, state in self.state.items()},
            "param_groups": [{**{k: v for k, v in group.items() if k != "params"},
                              "params": [numbers[id(p)] for p in group["params"]]} for group in self.param_groups],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned; the arrays are copied, to the dtype and device of the parameters.

        Raises ValueError, before anything has changed, if the groups do not fit or an option is out of range.
        """
        saved = state_dict["param_groups"]
        if len(saved) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(s["params"]) != len(g["params"]) for s, g in zip(saved, self.param_groups, strict=True)):
            raise ValueError("loaded state dict contains a parameter group that doesn't match the size of "
                             "optimizer's group")
        parameters = {number: p for s, g in zip(saved, self.param_groups, strict=True)
                      for number, p in zip(s["params"], g["params"], strict=True)}
        state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        for number, values in state_dict["state"].items():
            p = parameters[number]
            state[p] = {key: _copy_for(p, key, value) for key, value in values.items()}
        options = [copy.deepcopy({k: v for k, v in s.items() if k != "params"}) for s in saved]
        for group, new in zip(self.param_groups, options, strict=True):
            self.check_options(group | new)
        self.state = state
        for group, new in zip(self.param_groups, options, strict=True):
            group |= new  # the same dict: live calls of a captured step hold it
        state_changed()

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines += [f"Parameter Group {i}", *(f"    {key}: {group[key]}" for key in sorted(group) if key != "params")]
        return "\n".join([*lines, ")"])


def clear_gradients(parameters: Iterable[Tensor], set_to_none: bool) -> None:
    """What `zero_grad` does, here and in `nn.Module`."""
    for p in parameters:
        if set_to_none or p.grad is None:
            p.grad = None
        else:
            p.grad = p.grad.detach()
            p.grad.zero_()


def regularized(grad: Array, param: Array, weight_decay: float | None, maximize: bool,
                decoupled_lr: float | None = None) -> Array:
    """How the arithmetic of a step begins: the gradient, negated or not, plus that of the weight decay.

    With `decoupled_lr` the decay is no part of the gradient; the parameter is shrunk at once.
    """
    if maximize:
        grad = -grad
    if weight_decay is None:
        return grad
    if decoupled_lr is None:
        return grad + weight_decay * param
    param *= 1 - decoupled_lr * weight_decay
    return grad


COUNTS = {"step": int, "mu_product": float}
"""What the state of a parameter has beside arrays: numbers on the host."""


def _copy_for(p: Tensor, key: str, value: Any) -> Any:
    """A value of a saved state as the optimizer keeps it: an array beside its parameter, a number on the host."""
    if key in COUNTS:
        return COUNTS[key](value)
    if not (hasattr(value, "shape") and hasattr(value, "dtype")):
        return copy.deepcopy(value)
    return Tensor(backend.transfer(as_tensor(value).array, backend.of(p.array)).astype(p.dtype))


# --- live: what a captured step does anew at each replay, or asks before it -------------------------------------------


def _read(optimizer: Optimizer, group: int, option: str, index: int | None) -> float:
    value = optimizer.param_groups[group][option]
    return float(value if index is None else value[index])


def _is_on(optimizer: Optimizer, group: int, option: str) -> bool:
    return bool(optimizer.param_groups[group][option])


def _keeps(optimizer: Optimizer, p: Tensor, key: str, array: Array) -> bool:
    """Whether the state of a parameter still has this array, which a captured step writes into."""
    kept = optimizer.state[p].get(key) if p in optimizer.state else None
    return kept is not None and kept.array is array


def _advance(optimizer: Optimizer, p: Tensor) -> float:
    state = optimizer.state[p]
    state["step"] = step = state.get("step", 0) + 1
    return float(step)
