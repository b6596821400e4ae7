"""Gradients as functions: `grad`, `backward`, `value_and_grad`, grad modes, anomaly detection and custom Functions."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, cast

import numpy as np

from ._tensor import Tensor
from .custom import Function, FunctionCtx, once_differentiable
from .engine import graph
from .engine.accumulation import accumulate, first_gradient, node_of
from .engine.anomaly import Anomaly
from .engine.graph import Observer, mode, switch_grad
from .engine.walk import collect, expand, own, walk

__all__ = ["Function", "FunctionCtx", "backward", "detect_anomaly", "enable_grad", "grad", "inference_mode", "no_grad",
           "once_differentiable", "set_grad_enabled", "value_and_grad"]

F = TypeVar("F", bound=Callable[..., Any])


def grad(outputs: Tensor | Sequence[Tensor], inputs: Tensor | Sequence[Tensor], grad_outputs: Any = None,
         retain_graph: bool | None = None, create_graph: bool = False, only_inputs: bool = True,
         allow_unused: bool = False, *, materialize_grads: bool = False) -> tuple[Any, ...]:
    """The gradients of the outputs, weighted by `grad_outputs`, with respect to each of the inputs; no `.grad` changes.

    With `create_graph` they can be differentiated again.  An input that the outputs do not depend on raises
    RuntimeError, or with `allow_unused` has the gradient None, with `materialize_grads` zeros.  `only_inputs` has no
    effect, as in PyTorch.

    >>> import tinygrad_lite as tg
    >>> x = tg.tensor(2.0, requires_grad=True)
    >>> first, = tg.autograd.grad(x**3, x, create_graph=True)
    >>> second, = tg.autograd.grad(first, x)
    >>> first, second
    (tensor(12., grad_fn=<mul>), tensor(12.))
    """
    outs = [outputs] if isinstance(outputs, graph.Tensor) else list(outputs)
    ins = [inputs] if isinstance(inputs, graph.Tensor) else list(inputs)
    weights = _one_each(outs, grad_outputs)
    nodes = [node_of(x, "grad: inputs") for x in ins]
    seeds = [first_gradient(o, w, create_graph) for o, w in zip(outs, weights, strict=True)]
    retain = create_graph if retain_graph is None else retain_graph
    found = walk(outs, seeds, inputs=nodes, retain=retain, create=create_graph)
    del seeds
    result: list[Tensor | None] = []
    for i, node in enumerate(nodes):
        if node not in found:
            if materialize_grads:
                result.append(Tensor(np.zeros_like(ins[i].array)))
                continue
            if not allow_unused:
                raise RuntimeError("One of the differentiated Tensors appears to not have been used in the graph. "
                                   "Set allow_unused=True if this is the desired behavior "
                                   f"(input {i}, shape {ins[i].shape}).")
            result.append(None)
            continue
        g = own(found[node]) if node in nodes[i + 1 :] else own(found.pop(node))
        result.append(g if isinstance(g, Tensor) else Tensor(g))
    return tuple(result)


def backward(tensors: Tensor | Sequence[Tensor], grad_tensors: Any = None, retain_graph: bool | None = None,
             create_graph: bool = False, inputs: Tensor | Sequence[Tensor] | None = None) -> None:
    """`Tensor.backward` of several tensors in one walk; `grad_tensors` weights the elements of each.

    >>> import tinygrad_lite as tg
    >>> x = tg.tensor(2.0, requires_grad=True)
    >>> tg.autograd.backward([3 * x, x * x])
    >>> x.grad
    tensor(7.)
    """
    outs = [tensors] if isinstance(tensors, graph.Tensor) else list(tensors)
    accumulate(outs, _one_each(outs, grad_tensors), retain_graph, create_graph, inputs)


def _one_each(outputs: Sequence[Tensor], gradients: Any) -> list[Any]:
    """One gradient (or None) per output."""
    if gradients is None:
        return [None] * len(outputs)
    gradients = [gradients] if isinstance(gradients, graph.Tensor) else list(gradients)
    if len(gradients) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(gradients)} gradients")
    return gradients  # type: ignore[no-any-return]


def value_and_grad(
    function: Callable[..., Tensor], argnums: int | Sequence[int] = 0
) -> Callable[..., tuple[Tensor, Any]]:
    """A function that returns `(function(*args), its gradients)` with respect to the arguments at `argnums`.

    Arguments may be Tensors, or tuples, lists and dicts of Tensors; the gradients have the same structure.  They and
    the value are constants, unless an argument or another tensor that the function uses requires grad: then they have a
    history, to be differentiated again (not inside `no_grad`, which saves the work).

    >>> import tinygrad_lite as tg
    >>> f = tg.value_and_grad(lambda w: (w * w).sum())
    >>> f(tg.tensor([1.0, 2.0]))
    (tensor(5.), tensor([2., 4.]))
    """
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @functools.wraps(function)
    def both(*args: Any, **kwargs: Any) -> tuple[Tensor, Any]:
        recording = graph.is_grad_enabled()
        given = list(args)
        inputs: list[Tensor] = []
        for n in numbers:
            given[n] = _map_tensors(functools.partial(_fresh_input, inputs, recording), args[n])
        with enable_grad():
            value = function(*given, **kwargs)
        if not isinstance(value, graph.Tensor):
            raise TypeError(f"value_and_grad: the function must return a Tensor, got {type(value).__name__}")
        create = recording and _depends_on_others(value, inputs)
        if value.node is None:  # it depends on none of them
            gradients = tuple(Tensor(np.zeros_like(x.array)) for x in inputs)
        else:
            gradients = grad(value, inputs, create_graph=create, materialize_grads=True)
        each = iter(gradients)
        packed = tuple(_map_tensors(lambda _: next(each), args[n]) for n in numbers)
        return value if create else value.detach(), packed[0] if isinstance(argnums, int) else packed

    return both


def _map_tensors(function: Callable[[Any], Any], x: Any) -> Any:
    """A structure (a Tensor, or tuples, lists and dicts of them) with `function` applied to each Tensor."""
    if isinstance(x, graph.Tensor):
        return function(x)
    if isinstance(x, dict):
        return {k: _map_tensors(function, v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        parts = [_map_tensors(function, v) for v in x]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    raise TypeError(f"value_and_grad: argument must be a Tensor or a structure of Tensors, got {type(x).__name__}")


def _depends_on_others(value: Tensor, inputs: list[Tensor]) -> bool:
    """Whether gradients may be wanted of `value` beside those with respect to the inputs."""
    nodes = frozenset(x.node for x in inputs if x.node is not None)
    return any(not x.is_leaf for x in inputs) or any(n.op is None and n not in nodes for n in collect([value], nodes))


def _fresh_input(inputs: list[Tensor], recording: bool, x: Tensor) -> Tensor:
    """What the function gets for x; `inputs` gets what to differentiate with respect to.

    That is a new leaf, so that x plays no part, or where x has a history that may be wanted an alias that leads to it.
    """
    if not recording or x.node is None:
        inputs.append(Tensor(x.array).as_new_leaf())
        return inputs[-1]
    node = expand(x, x.array.shape).node
    inputs.append(Tensor(x.array, node))
    return Tensor(x.array, node)  # another Tensor: the function may write to it


class _GradMode:
    """A grad mode as context manager and as decorator of functions and generator functions."""

    def __init__(self, on: bool) -> None:
        self.on = on
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(switch_grad(self.on))

    def __exit__(self, *_: Any) -> None:
        switch_grad(self._before.pop())

    def __call__(self, function: F) -> F:
        on = self.on
        if inspect.isgeneratorfunction(function):
            return cast(F, _in_steps(on, function))

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with _GradMode(on):
                return function(*args, **kwargs)

        return cast(F, inside)


def _in_steps(on: bool, function: Callable[..., Any]) -> Callable[..., Any]:
    """A generator function of which each step runs in a grad mode, and nothing between the steps."""

    @functools.wraps(function)
    def steps(*args: Any, **kwargs: Any) -> Any:
        generator = function(*args, **kwargs)
        go_on, what = generator.send, None
        while True:
            try:
                with _GradMode(on):
                    value = go_on(what)
            except StopIteration as stop:
                return stop.value
            finally:
                what = None  # an error that was thrown in must not be held by its own traceback
            try:
                what = yield value
                go_on = generator.send
            except GeneratorExit:
                with _GradMode(on):
                    generator.close()
                raise
            except BaseException as error:  # noqa: BLE001  (the generator's to handle)
                go_on, what = generator.throw, error

    return steps


class no_grad(_GradMode):
    """Context manager and decorator: record nothing.

    >>> import tinygrad_lite as tg
    >>> @tg.no_grad
    ... def double(x):
    ...     return 2 * x
    >>> double(tg.ones(2, requires_grad=True)).requires_grad
    False
    """

    def __new__(cls, function: Any = None) -> Any:
        """`@no_grad` is `@no_grad()`."""
        return super().__new__(cls) if function is None else _GradMode(False)(function)

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(_GradMode):
    """Context manager and decorator: record, also inside `no_grad`."""

    def __new__(cls, function: Any = None) -> Any:
        """`@enable_grad` is `@enable_grad()`."""
        return super().__new__(cls) if function is None else _GradMode(True)(function)

    def __init__(self) -> None:
        super().__init__(True)


class inference_mode(_GradMode):
    """`no_grad` under the name that PyTorch has for evaluation; with `mode=False`, `enable_grad`."""

    def __new__(cls, mode: Any = True) -> Any:
        """`@inference_mode` is `@inference_mode()`."""
        return _GradMode(False)(mode) if callable(mode) else super().__new__(cls)

    def __init__(self, mode: bool = True) -> None:
        super().__init__(not mode)


class set_grad_enabled(_GradMode):
    """Switch recording on or off, at once; as a context manager, until its end; as a decorator, in each call only."""

    def __init__(self, mode: bool) -> None:
        super().__init__(bool(mode))
        self._at_first = switch_grad(self.on)

    def __exit__(self, *_: Any) -> None:
        super().__exit__()
        switch_grad(self._at_first)

    def __call__(self, function: F) -> F:
        switch_grad(self._at_first)
        return super().__call__(function)


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

    This is where to look for the origin of a nan: as in PyTorch, log(0), 0 / 0 and an overflow are inf and nan without
    a word.  (NumPy's warnings are filtered out for the library's modules.  A filter "error" in the configuration of
    pytest stands in front of that; `ignore::RuntimeWarning:tinygrad_lite` in the line below restores the silence.  What
    stops at the first inf or nan that is made, also in a forward pass, is `np.errstate(all="raise")`.)

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
