"""What all optimizers share: parameters in groups with options of their own, and a state that can be saved.

A step is seen by observers, so that a captured step can replay it.  The arithmetic on the arrays of one parameter is
one `update`; the numbers it is given come from `live` calls, which read options and advance counts anew at each replay.
Whether an option is on at all decides what is computed: `live(is_on, ...)` makes it a condition of the recording.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from .. import backend
from .._tensor import Tensor
from ..autograd import enable_grad
from ..creation import as_tensor
from ..graph import Array, state_changed


class Optimizer:
    """The base of all optimizers; a subclass defines `step` and `check_options`.

    Args:
        params: Tensors that require grad, or dicts `{"params": Tensors, option: value, ...}`, one per group.
        defaults: the options of groups that do not set them.

    Raises TypeError for what is no Tensor, ValueError for no parameters, a computed tensor, one that is in two groups,
    or an option out of range.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError("params argument given to the optimizer should be an iterable of Tensors or dicts, "
                            "but got Tensor")
        self.defaults = defaults
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self.check_options(defaults)
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def check_options(self, options: dict[str, Any]) -> None:
        """Raise ValueError if an option of a group is out of range."""

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
        raise NotImplementedError

    @staticmethod
    def evaluate(closure: Callable[[], Any] | None) -> Any:
        """The loss that `closure` computes, with gradients; None without one."""
        if closure is None:
            return None
        with enable_grad():
            return closure()

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


def _copy_for(p: Tensor, key: str, value: Any) -> Any:
    """A value of a saved state as the optimizer keeps it: an array beside its parameter, a count on the host."""
    if key == "step":
        return int(value)
    if not (hasattr(value, "shape") and hasattr(value, "dtype")):
        return copy.deepcopy(value)
    return Tensor(backend.transfer(as_tensor(value).array, backend.of(p.array)).astype(p.dtype))


def read(optimizer: Optimizer, group: int, option: str) -> float:
    """An option as a float.  For `live`: a captured step reads it anew at each replay."""
    return float(optimizer.param_groups[group][option])


def is_on(optimizer: Optimizer, group: int, option: str) -> bool:
    """Whether an option is not 0 or False.  For `live`: where it changes, a captured step is recorded anew."""
    return bool(optimizer.param_groups[group][option])


def keeps(optimizer: Optimizer, p: Tensor, key: str, array: Array) -> bool:
    """Whether the state of a parameter still has this array.  For `live`: a captured step writes into it."""
    kept = optimizer.state[p].get(key) if p in optimizer.state else None
    return kept is not None and kept.array is array
