"""Hooks of modules: what runs around their forward and backward pass.

A module keeps all its hooks in one list, so that a call of a module without any costs one look.  Gradients are watched
at two boundaries, which the arguments cross on their way in and the results on their way out: copies whose node is an
`autograd.Function`, because gradients of several tensors must be known together.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from .._tensor import Tensor
from ..custom import Function
from ..engine import graph

Kind: TypeAlias = Literal["forward_pre", "forward", "backward_pre", "backward"]


@dataclass(eq=False)
class Hook:
    """A function that a module calls, and when and how."""

    kind: Kind
    function: Callable[..., Any]
    with_kwargs: bool = False
    always_call: bool = False


def _of(module: Any, *kinds: Kind) -> list[Hook]:
    return [hook for hook in module._hooks if hook.kind in kinds]


def call(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`module.forward(*args, **kwargs)` with the module's hooks around it."""
    result = None
    called: list[Hook] = []
    try:
        for hook in _of(module, "forward_pre"):
            args, kwargs = _prepare(hook, module, args, kwargs)
        watch = Watch(module) if _of(module, "backward", "backward_pre") else None
        result = module.forward(*(watch.enter(args) if watch else args), **kwargs)
        for hook in _of(module, "forward"):
            called.append(hook)
            result = _finish(hook, module, args, kwargs, result)
        return watch.leave(result) if watch else result
    except Exception:
        for hook in _of(module, "forward"):
            if hook.always_call and hook not in called:
                try:
                    result = _finish(hook, module, args, kwargs, result)
                except Exception as error:  # noqa: BLE001  (the one that is on its way says more)
                    warnings.warn("module forward hook with ``always_call=True`` raised an exception that was silenced "
                                  f"as another error was raised in forward: {error}", stacklevel=3)
        raise


def _prepare(hook: Hook, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The arguments after a hook has seen them."""
    if hook.with_kwargs:
        result = hook.function(module, args, kwargs)
        if result is not None and not (isinstance(result, tuple) and len(result) == 2):
            raise RuntimeError("forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                               f"but got {result}.")
        return (args, kwargs) if result is None else result
    result = hook.function(module, args)
    if result is None:
        return args, kwargs
    return result if isinstance(result, tuple) else (result,), kwargs


def _finish(hook: Hook, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Any:
    """The result after a hook has seen it."""
    given = hook.function(module, args, kwargs, result) if hook.with_kwargs else hook.function(module, args, result)
    return result if given is None else given


class Boundary(Function):
    """The identity on tensors that hands their gradients together to `crossing`, which returns what goes on."""

    @staticmethod
    def forward(ctx: Any, crossing: Callable[..., Any], filled: bool, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The tensors; those that do not require grad stay constants.  `filled`: missing gradients are zeros."""
        ctx.crossing = crossing
        ctx.set_materialize_grads(filled)
        ctx.mark_non_differentiable(*(x for x in tensors if x.node is None))
        return tensors

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        """What `crossing` makes of the gradients."""
        return None, None, *ctx.crossing(gradients)


class Watch:
    """One call of a module with backward hooks: knows the gradients of its outputs until those of its inputs come."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.hooks, self.pre_hooks = _of(module, "backward"), _of(module, "backward_pre")
        self.grad_output: tuple[Any, ...] | None = None
        self.count = 0
        self.inputs: list[int] | None = None
        self.outputs: list[int] | None = None

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments inside of the module."""
        self.count = len(args)
        inside, self.inputs = _across(self._leave_backward, True, args)
        return inside

    def leave(self, result: Any) -> Any:
        """The result outside of the module."""
        if not isinstance(result, (graph.Tensor, tuple)):
            warnings.warn("For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but "
                          f"received {type(result)}", stacklevel=4)
            return result
        results = result if isinstance(result, tuple) else (result,)
        outside, self.outputs = _across(functools.partial(self._enter_backward, len(results)), False, results)
        return outside if isinstance(result, tuple) else outside[0]

    def _enter_backward(self, count: int, gradients: tuple[Any, ...]) -> list[Any]:
        """The gradients of the outputs have come."""
        assert self.outputs is not None
        grad_output = _spread(self.outputs, gradients, count)
        for hook in self.pre_hooks:
            replaced = hook.function(self.module, grad_output)
            if replaced is not None:
                if len(replaced) != count:
                    raise RuntimeError("Backward pre hook returned an invalid number of grad_output, "
                                       f"got {len(replaced)}, but expected {count}")
                grad_output = replaced
        if self.inputs is None:  # none has a gradient: it will not come to _leave_backward
            for hook in self.hooks:
                replaced = hook.function(self.module, (None,) * self.count, grad_output)
                if replaced is not None and not (isinstance(replaced, tuple) and all(g is None for g in replaced)):
                    raise RuntimeError("Backward hook for Modules where no input requires gradient should always "
                                       "return None or None for all gradients.")
        else:
            self.grad_output = grad_output
        return [grad_output[i] for i in self.outputs]

    def _leave_backward(self, gradients: tuple[Any, ...]) -> list[Any]:
        """The gradients of the inputs have come."""
        grad_output, self.grad_output = self.grad_output, None
        assert self.inputs is not None
        if grad_output is None:  # it came past the outputs, as a second derivative does
            return [*gradients]
        grad_input = _spread(self.inputs, gradients, self.count)
        for hook in self.hooks:
            replaced = hook.function(self.module, grad_input, grad_output)
            if replaced is not None:
                if len(replaced) != self.count:
                    raise RuntimeError("Backward hook returned an invalid number of grad_input, "
                                       f"got {len(replaced)}, but expected {self.count}")
                grad_input = replaced
        return [grad_input[i] for i in self.inputs]


def _spread(positions: list[int], values: tuple[Any, ...], count: int) -> tuple[Any, ...]:
    """The values at their positions among `count`, None elsewhere."""
    at = dict(zip(positions, values, strict=True))
    return tuple(at.get(i) for i in range(count))


def _across(crossing: Callable[..., Any], filled: bool,
            values: tuple[Any, ...]) -> tuple[tuple[Any, ...], list[int] | None]:
    """The values with the tensors among them beyond a boundary, and their positions; None if no gradient will come."""
    positions = [i for i, x in enumerate(values) if isinstance(x, graph.Tensor)]
    if not (graph.is_grad_enabled() and any(values[i].node is not None for i in positions)):
        return values, None
    beyond = list(values)
    for i, x in zip(positions, Boundary.apply(crossing, filled, *(values[i] for i in positions)), strict=True):
        beyond[i] = x
    return tuple(beyond) if type(values) is tuple else type(values)(*beyond), positions
