"""The graph: a bare Tensor, the Node that remembers how it was made, and the mode that says whether to remember.

An op call with a tracked operand makes one `Node`.  A node knows its op, the nodes of its operands (its parents) and
exactly those values that the op's VJPs ask for by name; it never knows a `Tensor`, so a graph has no cycles and each
array dies with its last reader.  `operation.py` writes nodes, `walk.py` reads them backwards.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from .operation import Op

Array: TypeAlias = Any
"""An operand of an op: an array of any backend, a Tensor, or a Python number."""

tick = count(1).__next__
"""The clock.  It stamps nodes (their age) and library writes, so that "was overwritten after it was saved" is `<`."""


class Observer:
    """Sees every op call of its thread while it is the mode's `state`: tracing, capture, anomaly tracebacks, profiling.

    `grad` says whether nodes are recorded meanwhile; `sees_backward` asks the walk to run VJPs on Tensors, so that the
    backward pass consists of op calls too; `to_the_bit` asks it to make the same NumPy calls on arrays of the same
    layout as unobserved, where it would otherwise show the simpler form.
    """

    grad: bool = True
    sees_backward: bool = False
    to_the_bit: bool = False

    def called(self, op: Op, operands: tuple[Any, ...], settings: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        """`op` was called on raw `operands` (a list where the op takes a sequence); `outputs` = (y, *residuals).

        An op with `writes` (see `operation.update`) has overwritten those operands and has no outputs.
        """

    def overwrites(self, arrays: tuple[Any, ...]) -> None:
        """An op with `writes` is about to overwrite these arrays (None: not given)."""

    def live(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """A call of the host's Python whose result may differ at each step (see `live`)."""
        return function(*args)

    def recording(self, function: str) -> None:
        """A node is about to be recorded that is no op call: the application of an `autograd.Function`."""

    def gradients(self, retain: bool) -> dict[Node, Any]:
        """The dict in which a walk gathers gradients; a subclass sees each of them arrive."""
        return {}

    def made_at(self, node: Node) -> str:
        """Where the user's code recorded `node`, for error messages of the walk; "" if that is not known."""
        return ""

    def loaded(self, tensor: Tensor, gradient: Tensor | None) -> None:
        """`tensor.grad` was read."""

    def stored(self, tensor: Tensor, gradient: Tensor | None) -> None:
        """`tensor.grad` was replaced."""

    def reads(self, tensor: Tensor, how: str) -> None:
        """The host is about to read a value: `item()`, `bool()`, `numpy()`."""


class Mode(threading.local):
    """What an op call does beside computing.  One object, one attribute, read once per call.

    `state` is True (record nodes), False (`no_grad`) or an `Observer` that is told of each call.
    """

    state: Any = True


mode = Mode()


def is_grad_enabled() -> bool:
    """Whether op calls of this thread record nodes.

    >>> import tinygrad_lite as tg
    >>> with tg.no_grad():
    ...     tg.is_grad_enabled()
    False
    """
    state = mode.state
    return bool(state if state.__class__ is bool else state.grad)


def switch_grad(on: bool) -> bool:
    """Set the grad mode of this thread and return the one before."""
    state = mode.state
    if state.__class__ is bool:
        mode.state = on
        return bool(state)
    before = bool(state.grad)
    state.grad = on
    return before


def live(function: Callable[..., Any], *args: Any) -> Any:
    """`function(*args)`, known to observers as host Python that runs anew at each step of a captured program.

    Everything in the library that is neither an op nor a constant of the step goes through here: learning rates, step
    counts, random draws.
    """
    state = mode.state
    return function(*args) if state.__class__ is bool else state.live(function, args)


def made_at(node: Node) -> str:
    """Where the user's code recorded `node`, if an observer remembers (see `autograd.detect_anomaly`); else ""."""
    state = mode.state
    return "" if state.__class__ is bool else str(state.made_at(node))


class Node:
    """One recorded op call.  `operation.py` makes a subclass per op, with a slot for each value that its VJPs name.

    `p0`, `p1`, `p2` are the parents of the differentiable operands in order (None: a constant), `rest` those of a
    sequence operand.  They are slots rather than a tuple because the cyclic collector visits every container: one
    tracked object per call is what keeps long tapes fast.
    """

    __slots__ = ("age", "dtype", "hooks", "shape")
    op: Op | None = None
    p0: Node | None = None
    p1: Node | None = None
    p2: Node | None = None
    rest: tuple[Node | None, ...] = ()
    age: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    hooks: list[Callable[[Any], Any]] | None
    pull: Callable[..., None]
    pull_tensors: Callable[..., None]
    kept: tuple[tuple[str, str], ...] = ()
    """(slot, name) of each saved value that is an array: what must not be overwritten before the walk comes by."""

    def __repr__(self) -> str:
        return f"<{self.op.name if self.op else 'leaf'} node, shape {self.shape}, age {self.age}>"


class Leaf(Node):
    """Where gradients end: the node of a tensor that requires grad and was made by no op.

    It refers to its tensor weakly, so that even `backward(create_graph=True)`, after which `.grad` has a history that
    leads back here, makes no cycle.
    """

    __slots__ = ("owner",)

    def __init__(self, tensor: Tensor) -> None:
        self.owner = weakref.ref(tensor)
        self.age, self.hooks = tick(), []
        self.shape, self.dtype = tensor.array.shape, tensor.array.dtype


class Tensor:
    """An array and the node that made it.  Bare: `_tensor.Tensor` completes it with the methods that users call."""

    __slots__ = ("__weakref__", "_former_leaf", "_grad", "array", "node")
    array: Any
    node: Node | None
    _grad: Tensor | Deferred | None
    _former_leaf: Leaf

    def __init__(self, array: Any, node: Node | None = None) -> None:
        self.array = array
        self.node = node


class Deferred:
    """A gradient that a replayed step left in one of its buffers; `walk.gradient_of` copies it if somebody looks."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array


# --- library state -----------------------------------------------------------------------------------------------

_changes = count(1).__next__
state_version = 0
"""Changes whenever library state changes that a captured step has frozen (train/eval, requires_grad, hooks, ...)."""


def state_changed() -> None:
    """Tell captured steps that what they froze may be out of date."""
    global state_version
    state_version = _changes()


# --- writes ------------------------------------------------------------------------------------------------------
# Aliases share memory, so a write is stamped on the array that *owns* the memory.  Nothing is kept for arrays that were
# never written, and the walk looks only at nodes older than the last write: in a training loop, none.

_written: dict[int, tuple[weakref.ref[Any], int]] = {}
last_write = 0


def owner_of(array: Any) -> Any:
    """The array that owns the memory of `array`."""
    while hasattr(array.base, "base"):  # not None, and no buffer of somebody else's
        array = array.base
    return array


def _forget(key: int, _: Any) -> None:
    _written.pop(key, None)


def stamp_write(array: Any) -> None:
    """Note that the library has just overwritten (part of) this array."""
    global last_write
    last_write = now = tick()
    owner = array if array.base is None else owner_of(array)
    key = id(owner)
    entry = _written.get(key)
    if entry is not None and entry[0]() is owner:
        ref = entry[0]
    else:  # the callback binds the key, not the array; a dead entry under a recycled id is simply replaced
        ref = weakref.ref(owner, functools.partial(_forget, key))
    _written[key] = (ref, now)


def mark(array: Any) -> Any:
    """What `stamp_marks` needs to stamp this array again and again.  The array must outlive the mark."""
    stamp_write(array)
    key = id(owner_of(array))
    return key, _written[key][0]


def stamp_marks(marks: list[Any]) -> None:
    """`stamp_write` for the arrays of these marks."""
    global last_write
    last_write = now = tick()
    for key, ref in marks:
        _written[key] = ref, now


def written_after(array: Any, age: int) -> bool:
    """Whether the library has overwritten the memory of `array` since the clock showed `age`."""
    owner = owner_of(array)
    entry = _written.get(id(owner))
    return entry is not None and entry[1] > age and entry[0]() is owner
