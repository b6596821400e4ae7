"""`autograd.Function`: an operation with a derivative of the user's own, as in PyTorch.

`@op` is the recommended way: a Function runs its backward on Tensors even for first order, and no reader of programs
can see what its author computes outside of ops.  It is here for scripts that come from PyTorch, and for what `@op` does
not have: several outputs, and a context that carries anything from forward to backward.

One application is one `Hub` node, plus an `Output` node per result that hands its gradient to the hub.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from ._tensor import Tensor
from .engine import graph
from .engine.call import FREED, wrap
from .engine.graph import Array, Node, is_grad_enabled, mode, switch_grad, tick
from .engine.operation import Op
from .engine.walk import clone

F = TypeVar("F", bound=Callable[..., Any])


class FunctionCtx:
    """What `forward` leaves for `backward`: saved tensors and any attribute that is set on it.

    `needs_input_grad` says for each input whether its gradient is asked for.
    """

    needs_input_grad: tuple[bool, ...] = ()

    def __init__(self) -> None:
        self._to_save: tuple[Any, ...] = ()
        self._saved: tuple[Any, ...] | None = None
        self._non_differentiable: tuple[Any, ...] = ()
        self._materialize = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs, outputs or intermediate tensors for `backward`, which reads them as `saved_tensors`.

        They are freed after the backward pass, and overwriting them before raises, as for any op.
        """
        for i, x in enumerate(tensors):
            if x is not None and not isinstance(x, graph.Tensor):
                raise TypeError(f"save_for_backward can only save Tensors, but argument {i} is of type "
                                f"{type(x).__name__}; set it as an attribute: ctx.name = value")
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` was given."""
        if self._saved is None:
            raise RuntimeError("saved_tensors can be read inside backward only")
        return self._saved

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Declare outputs to be constants.  Outputs of integer or bool dtype are constants anyway."""
        self._non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros (the default) or None for an output that has no gradient."""
        self._materialize = value

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Not supported.

        Raises NotImplementedError, with the remedy.
        """
        raise NotImplementedError("mark_dirty: a Function cannot write to its inputs here. "
                                  "Write to a copy, x.clone(), and return it.")


def _application(inputs: Sequence[Array]) -> Any:
    """What the nodes of a Function have for an op: its name, under which messages speak of them."""


class Function:
    """The base class of operations with a derivative of their own; call them with `apply`.

    A subclass defines two static methods: `forward(ctx, *args)` computes on Tensors without being recorded and returns
    a Tensor or a tuple; `backward(ctx, *gradients)` gets a gradient per output and returns one per input of forward,
    None for inputs that have none.  Forward may leave the context to a third method, `setup_context(ctx, inputs,
    output)`, and is then `forward(*args)`.  Written in ops, backward can be differentiated again.

    An output that shares memory with an input is copied, because a Function tells nobody how the two are related.

    >>> import tinygrad_lite as tg
    >>> class Cube(tg.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x ** 3
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         x, = ctx.saved_tensors
    ...         return grad * 3 * x ** 2
    >>> x = tg.tensor(2.0, requires_grad=True)
    >>> y = Cube.apply(x)
    >>> y
    tensor(8., grad_fn=<Cube>)
    >>> y.backward()
    >>> x.grad
    tensor(12.)

    Source: the interface is that of `torch.autograd.Function`.
    """

    op: Op

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.op = Op(_application, tex=None, promotion="none", promoted=None, view=False, residuals=())
        cls.op.name = cls.__name__

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result; the first argument is the context unless `setup_context` is defined."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Prepare the context after `forward(*inputs)` has returned `output`."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the inputs, given those of the outputs."""
        raise NotImplementedError("You must implement the backward function for your custom autograd.Function to use "
                                  "it with backward mode AD.")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run `forward` and record that `backward` is its derivative.

        Raises TypeError if forward returns an array or a list: only Tensors have a history.
        """
        ctx = FunctionCtx()
        separate = cls.setup_context is not Function.setup_context
        context = () if separate else (ctx,)
        if separate or kwargs:
            bound = inspect.signature(cls.forward).bind(*context, *args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args[len(context) :], bound.kwargs
        nodes = tuple(x.node if isinstance(x, graph.Tensor) else None for x in args)
        ctx.needs_input_grad = tuple(n is not None for n in nodes)
        before = switch_grad(False)
        try:
            result = cls.forward(*context, *args, **kwargs)
            if separate:
                cls.setup_context(ctx, args, result)
            if not before or not any(ctx.needs_input_grad):
                return result
            outputs = result if isinstance(result, tuple) else (result,)
            results = [_separate(cls, y, i, args) for i, y in enumerate(outputs)]
        finally:
            switch_grad(before)
        hub = Hub(cls, ctx, args, nodes, outputs, results)
        constant = {id(y) for y in ctx._non_differentiable}
        ctx._to_save = ctx._non_differentiable = ()
        given = tuple(
            Tensor(y.array, None if id(outputs[i]) in constant or y.dtype.kind != "f" else Output(hub, i))
            if isinstance(y, Tensor) else y for i, y in enumerate(results))
        return given if isinstance(result, tuple) else given[0]


def _separate(function: type[Function], y: Any, position: int, args: tuple[Any, ...]) -> Any:
    """An output in memory that no input shares."""
    if not isinstance(y, graph.Tensor):
        if isinstance(y, list) or hasattr(y, "dtype"):
            raise TypeError(f"{function.__name__}.forward: expected Tensor or tuple of Tensor (got {type(y).__name__}) "
                            f"for return value {position}")
        return y
    owner = graph.owner_of(y.array)
    shared = any(isinstance(x, graph.Tensor) and graph.owner_of(x.array) is owner for x in args)
    return clone(y) if shared else y


def once_differentiable(backward: F) -> F:
    """Decorator for a `backward` that must not be differentiated again; to do so raises RuntimeError.

    It stands below `@staticmethod`.
    """
    backward.once_differentiable = True  # type: ignore[attr-defined]
    return backward


class Parts(dict[int, Array]):
    """The gradients of some outputs of a Function, by position: what its hub receives."""

    def __add__(self, other: Parts) -> Parts:
        return Parts({i: self[i] + other[i] if i in self and i in other else self.get(i, other.get(i))
                      for i in {**self, **other}})


class Output(Node):
    """The node of one output: hands its gradient to the hub."""

    __slots__ = ("op", "p0", "position")

    def __init__(self, hub: Hub, position: int) -> None:
        self.op, self.p0, self.position = hub.op, hub, position
        like = hub.outputs[position]
        assert like is not None
        self.shape, self.dtype = like
        self.age, self.hooks = tick(), None

    def pull(self, g: Array, grads: dict[Node, Any], wanted: set[Node], retain: bool, fit: Any) -> None:
        """Give g to the hub."""
        hub = self.p0
        assert hub is not None
        if hub in wanted:
            part = Parts({self.position: g})
            grads[hub] = grads[hub] + part if hub in grads else part
        if not retain:
            self.p0 = FREED

    pull_tensors = pull


class Hub(Node):
    """One application of a Function: the gradients of its outputs in, those of its inputs out."""

    __slots__ = ("arrays", "ctx", "function", "is_tensor", "op", "outputs", "rest", "sources")
    kept = (("arrays", "saved_tensors"),)

    def __init__(self, function: type[Function], ctx: FunctionCtx, args: tuple[Any, ...],
                 nodes: tuple[Node | None, ...], outputs: tuple[Any, ...], results: list[Any]) -> None:
        self.function, self.ctx, self.op, self.rest = function, ctx, function.op, nodes
        self.is_tensor = [isinstance(x, graph.Tensor) for x in args]
        self.outputs = [(y.array.shape, y.array.dtype) if isinstance(y, graph.Tensor) else None for y in results]
        # A saved tensor is its array and where its history is: a parent, or the position of an output, of which holding
        # the node would make a cycle.
        self.arrays: list[Any] = []
        self.sources: list[Node | int | None] = []
        for x in ctx._to_save:
            source: Node | int | None = None
            array = None if x is None else x.array
            for i, y in enumerate(outputs):
                if y is x and x is not None:
                    source, array = i, results[i].array
            for a, node in zip(args, nodes, strict=True):
                if a is x and x is not None:
                    source, array = node, x.array
            self.sources.append(source)
            self.arrays.append(array)
        if mode.state.__class__ is not bool:
            mode.state.recording(function.__name__)
        self.shape, self.dtype, self.hooks, self.age = (), np.dtype(np.float64), None, tick()

    def pull(self, g: Parts, grads: dict[Node, Array], wanted: set[Node], retain: bool, fit: Any) -> None:
        """First order: gradients are raw arrays."""
        self._pull(g, grads, wanted, fit, tensors=False)
        if not retain:
            self._free()

    def pull_tensors(self, g: Parts, grads: dict[Node, Array], wanted: set[Node], retain: bool, fit: Any) -> None:
        """Gradients are Tensors, and recorded under `create_graph`."""
        self._pull(g, grads, wanted, fit, tensors=True)
        if not retain:
            self._free()

    def _free(self) -> None:
        self.arrays, self.sources, self.ctx, self.rest = [], [], None, (FREED,)  # type: ignore[assignment]

    def _pull(self, g: Parts, grads: dict[Node, Array], wanted: set[Node], fit: Any, tensors: bool) -> None:
        once = getattr(self.function.backward, "once_differentiable", False) and is_grad_enabled()
        ctx = self.ctx
        ctx.needs_input_grad = tuple(p in wanted for p in self.rest)
        ctx._saved = tuple(None if a is None else wrap(a, self._history(s) if tensors else None)
                           for a, s in zip(self.arrays, self.sources, strict=True))
        given = [self._gradient(g, i) for i in range(len(self.outputs))]
        clock = graph.last_write
        before = switch_grad(is_grad_enabled() and not once)
        try:
            returned = self.function.backward(ctx, *given)
            returned = self._checked(tuple(returned) if isinstance(returned, (tuple, list)) else (returned,))
        except Exception as error:
            error.add_note(f"while differentiating {self.function.__name__}{graph.made_at(self)}")
            raise
        finally:
            switch_grad(before)
            ctx._saved = None
        if graph.last_write > clock and any(x is not None and graph.written_after(x.array, clock) for x in given):
            raise RuntimeError(f"{self.function.__name__}.backward overwrote the gradient that it was given, which "
                               "others may share; use grad * 2, not grad *= 2")
        for p, x in zip(self.rest, returned, strict=False):
            if p in wanted and x is not None:
                d = x if tensors else x.array
                if once:
                    d = wrap(x.array, _Refusal(self, given, x.array))
                if d.shape != p.shape or d.dtype is not p.dtype:
                    d = fit(d, p)
                grads[p] = grads[p] + d if p in grads else d

    def _history(self, source: Node | int | None) -> Node | None:
        return Output(self, source) if isinstance(source, int) else source

    def _gradient(self, g: Parts, position: int) -> Any:
        """The gradient of one output as backward gets it."""
        if position in g:
            return g[position] if isinstance(g[position], graph.Tensor) else wrap(g[position], None)
        like = self.outputs[position]
        if like is None or not self.ctx._materialize:
            return None
        other = next(iter(g.values()))
        other = other.array if isinstance(other, graph.Tensor) else other
        return wrap(np.zeros(*like, like=other), None)

    def _checked(self, returned: tuple[Any, ...]) -> tuple[Any, ...]:
        """What backward returned, if it fits the inputs of forward."""
        name, count = self.function.__name__, len(self.is_tensor)
        if len(returned) < count or any(x is not None for x in returned[count:]):
            raise RuntimeError(f"function {name} returned an incorrect number of gradients "
                               f"(expected {count}, got {len(returned)})")
        for i, (x, is_tensor, p) in enumerate(zip(returned, self.is_tensor, self.rest, strict=False)):
            if x is None:
                continue
            if not isinstance(x, graph.Tensor):
                raise TypeError(f"function {name} returned a gradient at position {i} that is no Tensor or None "
                                f"(got {type(x).__name__})")
            if not is_tensor:
                raise RuntimeError(f"function {name} returned a gradient different than None at position {i}, but the "
                                   "corresponding forward input was not a Tensor")
            if p is not None and x.array.shape != p.shape and not _expands(p.shape, x.array.shape):
                raise RuntimeError(f"Function {name} returned an invalid gradient at index {i} - got {x.array.shape} "
                                   f"but expected shape compatible with {p.shape}")
        return returned


def _expands(shape: tuple[int, ...], larger: tuple[int, ...]) -> bool:
    """Whether `shape` broadcasts to `larger`, so that a gradient of that shape can be summed to it."""
    return len(shape) <= len(larger) and all(
        n in (1, m) for n, m in zip(shape[::-1], larger[::-1], strict=False))


class _Refusal(Node):
    """The node of a gradient that came from a `once_differentiable` backward."""

    __slots__ = ("op", "rest")

    def __init__(self, hub: Hub, gradients: list[Any], result: Array) -> None:
        self.op = hub.op
        self.rest = (*hub.rest, *(x.node for x in gradients if x is not None))
        self.shape, self.dtype, self.hooks, self.age = result.shape, result.dtype, None, tick()

    def pull(self, *_: Any) -> None:
        """Raise RuntimeError."""
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable: "
                           f"{self.op.name if self.op else ''}")

    pull_tensors = pull
