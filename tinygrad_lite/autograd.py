"""Gradients as functions: `grad`, `value_and_grad`, grad modes, anomaly detection and custom Functions."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, cast

import numpy as np

from . import graph
from ._tensor import Tensor, first_gradient, node_of
from .anomaly import Anomaly
from .custom import Function as Function
from .custom import FunctionCtx as FunctionCtx
from .custom import once_differentiable as once_differentiable
from .graph import Observer, mode, switch_grad
from .walk import own, walk

F = TypeVar("F", bound=Callable[..., Any])


def grad(outputs: Tensor | Sequence[Tensor], inputs: Tensor | Sequence[Tensor], grad_outputs: Any = None,
         retain_graph: bool | None = None, create_graph: bool = False, allow_unused: bool = False) -> tuple[Any, ...]:
    """The gradients of the outputs, weighted by `grad_outputs`, with respect to each of the inputs; no `.grad` changes.

    With `create_graph` they can be differentiated again.  An input that the outputs do not depend on raises
    RuntimeError, or with `allow_unused` has the gradient None.

    >>> import tinygrad_lite as tg
    >>> x = tg.tensor(2.0, requires_grad=True)
    >>> first, = tg.autograd.grad(x**3, x, create_graph=True)
    >>> second, = tg.autograd.grad(first, x)
    >>> first, second
    (tensor(12., grad_fn=<mul>), tensor(12.))
    """
    outs = [outputs] if isinstance(outputs, graph.Tensor) else list(outputs)
    ins = [inputs] if isinstance(inputs, graph.Tensor) else list(inputs)
    weights = [grad_outputs] if grad_outputs is None or isinstance(grad_outputs, graph.Tensor) else list(grad_outputs)
    if grad_outputs is None:
        weights = [None] * len(outs)
    if len(weights) != len(outs):
        raise RuntimeError(f"got {len(outs)} tensors and {len(weights)} gradients")
    nodes = [node_of(x, "grad: inputs") for x in ins]
    seeds = [first_gradient(o, w, create_graph) for o, w in zip(outs, weights, strict=True)]
    retain = create_graph if retain_graph is None else retain_graph
    found = walk(outs, seeds, inputs=nodes, retain=retain, create=create_graph)
    del seeds
    result: list[Tensor | None] = []
    for i, node in enumerate(nodes):
        if node not in found:
            if not allow_unused:
                raise RuntimeError("One of the differentiated Tensors appears to not have been used in the graph. "
                                   "Set allow_unused=True if this is the desired behavior "
                                   f"(input {i}, shape {ins[i].shape}).")
            result.append(None)
            continue
        g = own(found[node]) if node in nodes[i + 1 :] else own(found.pop(node))
        result.append(g if isinstance(g, Tensor) else Tensor(g))
    return tuple(result)


def value_and_grad(
    function: Callable[..., Tensor], argnums: int | Sequence[int] = 0
) -> Callable[..., tuple[Tensor, Any]]:
    """A function that returns `(function(*args), its gradients)` with respect to the arguments at `argnums`.

    Arguments may be Tensors, or tuples, lists and dicts of Tensors; the gradients have the same structure.

    >>> import tinygrad_lite as tg
    >>> f = tg.value_and_grad(lambda w: (w * w).sum())
    >>> f(tg.tensor([1.0, 2.0]))
    (tensor(5.), tensor([2., 4.]))
    """
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @functools.wraps(function)
    def both(*args: Any, **kwargs: Any) -> tuple[Tensor, Any]:
        leaves: list[Tensor] = []

        def fresh(x: Any) -> Any:
            if isinstance(x, graph.Tensor):
                leaves.append(Tensor(x.array).as_new_leaf())
                return leaves[-1]
            if isinstance(x, dict):
                return {k: fresh(v) for k, v in x.items()}
            if isinstance(x, (list, tuple)):
                return type(x)(fresh(v) for v in x)
            raise TypeError("value_and_grad: argument must be a Tensor or a structure of Tensors, "
                            f"got {type(x).__name__}")

        given = list(args)
        for n in numbers:
            given[n] = fresh(args[n])
        with enable_grad():
            value = function(*given, **kwargs)
        constant = value.node is None  # it depends on none of them
        gradients = iter([None] * len(leaves) if constant else grad(value, leaves, allow_unused=True))

        def pack(x: Any) -> Any:
            if isinstance(x, graph.Tensor):
                g = next(gradients)
                return Tensor(np.zeros_like(x.array)) if g is None else g
            if isinstance(x, dict):
                return {k: pack(v) for k, v in x.items()}
            return type(x)(pack(v) for v in x)

        with no_grad():
            packed = tuple(pack(args[n]) for n in numbers)
        return value.detach(), packed[0] if isinstance(argnums, int) else packed

    return both


class _GradMode(contextlib.ContextDecorator):
    """A grad mode as context manager and decorator."""

    on: bool

    def __init__(self) -> None:
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(switch_grad(self.on))

    def __exit__(self, *_: Any) -> None:
        switch_grad(self._before.pop())

    def __call__(self, function: F) -> F:
        cls = type(self)

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with cls():
                return function(*args, **kwargs)

        return cast(F, inside)


class no_grad(_GradMode):
    """Context manager and decorator: record nothing."""

    on = False


class enable_grad(_GradMode):
    """Context manager and decorator: record, also inside `no_grad`."""

    on = True


class set_grad_enabled(contextlib.ContextDecorator):
    """Switch recording on or off, at once; as a context manager, until its end."""

    def __init__(self, mode: bool) -> None:
        self._before = switch_grad(mode)
        self.mode = mode

    def __enter__(self) -> None:
        switch_grad(self.mode)

    def __exit__(self, *_: Any) -> None:
        switch_grad(self._before)


@contextlib.contextmanager
def observing(observer: Observer) -> Iterator[Observer]:
    """Tell `observer` of every op call of this thread inside the block."""
    before = mode.state
    if before.__class__ is not bool:
        raise RuntimeError(
            f"{type(observer).__name__} cannot start inside {type(before).__name__}: one observer at a time")
    observer.grad = bool(before)
    mode.state = observer
    try:
        yield observer
    finally:
        mode.state = before


@contextlib.contextmanager
def detect_anomaly(check_nan: bool = True) -> Iterator[None]:
    """Context manager for debugging: find the operation whose gradient is nan.

    Inside, every operation remembers where it was called.  A backward pass raises RuntimeError as soon as a gradient
    has a nan in it (with `check_nan`), and names the operation, its operand and the lines that led to its call; other
    errors of a backward pass name these lines too.  Forward and backward pass must both be inside.  It is slow.

    >>> import tinygrad_lite as tg
    >>> w, x = tg.ones(2, requires_grad=True), tg.tensor([1.0, float("nan")])
    >>> try:
    ...     with tg.autograd.detect_anomaly():
    ...         (w * x).sum().backward()
    ... except RuntimeError as error:
    ...     print(error)
    Function 'mul' returned nan values in its gradient with respect to input (1 of 2 elements, first at [1]).
    It was called here (most recent call last):
    ...
      File ... line 3, in <module>
        (w * x).sum().backward()
    """
    with observing(Anomaly(check_nan)):
        yield
