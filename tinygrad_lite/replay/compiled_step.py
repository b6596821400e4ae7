"""From a recorded step to one straight-line Python function on preallocated arrays.

Three passes, each on a flat list of instructions:

1. *Tracing*.  The forward function of each recorded op runs once more, on stand-ins that note every NumPy call it
   makes: ufuncs, reductions and products get an `out` buffer, views are taken once.  A stand-in knows shapes and dtypes
   but has no values: where a function wants one, or does what is unknown, its op is called as a whole, as it was.
2. *Planning*.  What nobody reads is dropped, copies nobody needs become aliases, results go straight to the array that
   they overwrite, and buffers share memory when their lifetimes do not meet.
3. *Writing*.  One line per instruction, all arrays bound to names.  `print(step.source)` shows it.

Only what preserves every bit is done: the same NumPy loops run on arrays of the same layout in the same order.
"""

from __future__ import annotations

import functools
import linecache
import operator
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from keyword import iskeyword
from math import isfinite
from typing import Any, Literal, NoReturn

import numpy as np

from .._tensor import Tensor
from ..engine.graph import Array, owner_of
from ..program import Call, LiveCall, Value

Kind = Literal["static", "constant", "buffer", "dynamic"]
"""Where a slot's array is: an array from outside, one that never changes, our own memory, or made at each replay."""

OUT = type("Out", (), {"__repr__": lambda self: "OUT"})()
"""Stands among the arguments of an instruction where its result goes."""


@dataclass(eq=False, slots=True)
class Slot:
    """An array of the step.  `example` has its shape, dtype and strides; a view has a `base` and how it is taken."""

    kind: Kind
    example: Any
    memory: Any = None
    base: Slot | None = None
    take: Callable[[Any], Any] | None = None

    @property
    def root(self) -> Slot:
        """The slot that owns the memory."""
        slot = self
        while slot.base is not None:
            slot = slot.base
        return slot


@dataclass(eq=False, slots=True)
class Number:
    """A Python number that is live, or computed from live ones: a slot, or an expression `function(*args)`."""

    example: Any
    slot: Slot | None = None
    function: Callable[..., Any] | None = None
    args: tuple[Any, ...] = ()

    def key(self) -> Any:
        """Equal for numbers that are equal at each replay."""
        return self.slot, self.function, *(x.key() if isinstance(x, Number) else repr(x) for x in self.args)


@dataclass(eq=False, slots=True)
class Instruction:
    """`function(*args, **named)`.  With `out` it writes there (OUT among args), else it makes the slots `results`."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    out: Slot | None = None
    results: tuple[Slot, ...] = ()
    named: dict[str, Any] = field(default_factory=dict)
    elementwise: bool = False
    pure: bool = True
    is_live: bool = False
    is_view: bool = False
    writes: tuple[Slot, ...] = ()

    @property
    def is_copy(self) -> bool:
        """Whether it is `out[...] = args[1]`."""
        return self.function is np.copyto

    def reads(self) -> Iterator[Slot]:
        """The slots that it needs."""
        yield from slots_in((self.args, self.named))


def slots_in(x: Any) -> Iterator[Slot]:
    """The slots somewhere in a structure of arguments."""
    if isinstance(x, Slot):
        yield x
    elif isinstance(x, Number):
        yield from slots_in((x.slot, x.args))
    elif isinstance(x, (list, tuple)):
        for item in x:
            yield from slots_in(item)
    elif isinstance(x, dict):
        yield from slots_in(list(x.values()))


# --- tracing ------------------------------------------------------------------------------------------------------


class NotTraceable(Exception):
    """A forward function wants a value, or does what the stand-ins do not know: its op is called as a whole."""


WEAK = {np.add, np.subtract, np.multiply, np.true_divide, np.maximum, np.minimum, np.greater, np.greater_equal, np.less,
        np.less_equal, np.equal, np.not_equal}
"""ufuncs in which a Python number becomes an array of the other operand's dtype: the array can be made beforehand."""

REDUCTIONS = {np.sum: np.add, np.max: np.maximum, np.amax: np.maximum, np.min: np.minimum, np.amin: np.minimum}
"""NumPy functions that are `ufunc.reduce` by another name."""

PURE = {np.where, np.argmax, np.argmin, np.concatenate, np.expand_dims, np.swapaxes, np.transpose, np.broadcast_to,
        np.einsum, np.pad, np.take_along_axis}
"""NumPy functions that make a new array or a view and change nothing."""


class Traced(np.lib.mixins.NDArrayOperatorsMixin):
    """Stands for an array while a forward function is traced.  What it does not define cannot be done to it."""

    __slots__ = ("slot", "tracer")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, tracer: Tracer, slot: Slot) -> None:
        self.tracer, self.slot = tracer, slot

    @property
    def shape(self) -> tuple[int, ...]:
        return self.slot.example.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        return self.slot.example.dtype

    @property
    def ndim(self) -> int:
        return self.slot.example.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        return self.slot.example.size  # type: ignore[no-any-return]

    @property
    def strides(self) -> tuple[int, ...]:
        return self.slot.example.strides  # type: ignore[no-any-return]

    @property
    def flags(self) -> Any:
        return self.slot.example.flags

    @property
    def T(self) -> Any:
        return self.tracer.call(np.transpose, self)

    def __len__(self) -> int:
        return len(self.slot.example)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return self.tracer.ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return self.tracer.function(function, args, options)

    def __pow__(self, exponent: Any) -> Any:
        if type(exponent) in (int, float) and exponent in (1, 2) and self.dtype.kind == "f":  # as ndarray.__pow__ does
            return self.copy() if exponent == 1 else np.square(self)
        return self.tracer.call(operator.pow, self, exponent)

    def __getitem__(self, key: Any) -> Any:
        return self.tracer.call(operator.getitem, self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        target = self if key is Ellipsis else self[key]
        if target.slot.root is not self.slot.root:
            raise NotTraceable  # an index array: what it picked is a copy
        self.tracer.copy(value, target)

    def reshape(self, *shape: Any) -> Any:
        return self.tracer.call(np.ndarray.reshape, self, *shape)

    def view(self, dtype: Any) -> Any:
        return self.tracer.call(np.ndarray.view, self, dtype)

    def copy(self) -> Any:
        return self.tracer.copy(self, self.tracer.buffer(self.slot.example.copy()))

    def astype(self, dtype: Any) -> Any:
        return self.tracer.copy(self, self.tracer.buffer(self.slot.example.astype(dtype)))

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        return self.tracer.reduce(np.maximum, self, axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        return self.tracer.reduce(np.minimum, self, axis, keepdims=keepdims)

    def _value(self, *_: Any, **__: Any) -> NoReturn:
        raise NotTraceable

    __bool__ = __float__ = __int__ = __index__ = __iter__ = __array__ = __contains__ = _value


class TracedNumber:
    """Stands for a live number while a forward function is traced, which must not ask for its value."""

    __slots__ = ("number", "tracer")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, tracer: Tracer, number: Number) -> None:
        self.tracer, self.number = tracer, number

    def _value(self) -> NoReturn:
        raise NotTraceable

    __bool__ = __float__ = __int__ = __index__ = _value


SIGNS: dict[Any, str] = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/", operator.pow: "**",
    operator.neg: "-", operator.eq: "==", operator.ne: "!=", operator.lt: "<", operator.le: "<=", operator.gt: ">",
    operator.ge: ">=",
}
"""What can be done to a live number, and how it is written."""


def _define_number_operators() -> None:
    """Arithmetic on live numbers is an expression that is evaluated anew at each replay."""

    def define(function: Callable[..., Any], swapped: bool) -> None:
        def method(self: TracedNumber, *other: Any) -> Any:
            if not all(isinstance(x, (bool, int, float, TracedNumber)) for x in other):
                return NotImplemented
            args = [bare(x) for x in ((*other, self) if swapped else (self, *other))]
            example = function(*(x.example if isinstance(x, Number) else x for x in args))
            return TracedNumber(self.tracer, Number(example, None, function, tuple(args)))

        setattr(TracedNumber, f"__{'r' if swapped else ''}{function.__name__}__", method)

    for function in SIGNS:
        define(function, swapped=False)
    for function in (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow):
        define(function, swapped=True)


_define_number_operators()


def bare(x: Any) -> Any:
    """An argument with Slots and Numbers in the place of their stand-ins."""
    if isinstance(x, Traced):
        return x.slot
    if isinstance(x, TracedNumber):
        return x.number
    if isinstance(x, np.ndarray):
        raise NotTraceable  # made by the function itself, who knows how
    return type(x)(map(bare, x)) if type(x) in (list, tuple) else x


def example_of(x: Any) -> Any:
    """A bare argument with example arrays and numbers, to try a NumPy call on."""
    if isinstance(x, (Slot, Number)):
        return x.example
    return type(x)(map(example_of, x)) if type(x) in (list, tuple) else x


class Tracer:
    """Turns recorded calls into instructions.  `plain` calls each op as a whole (arrays that are not NumPy's)."""

    def __init__(self, plain: bool, overwritten: set[int]) -> None:
        self.plain, self.overwritten = plain, overwritten
        self.instructions: list[Instruction] = []
        self.values: dict[Value, Slot] = {}
        self.scalars: dict[Any, Slot] = {}

    def slot(self, value: Value) -> Slot:
        """The slot of a Value."""
        if value not in self.values:
            self.values[value] = Slot("static", value.array, value.array)
        return self.values[value]

    def bare(self, x: Any) -> Any:
        """An argument of a recorded call with Slots in the place of Values."""
        if isinstance(x, Value):
            return Number(x.array, self.slot(x)) if type(x.array) is float else self.slot(x)
        return [self.bare(v) for v in x] if isinstance(x, list) else x

    def live(self, call: LiveCall) -> None:
        """Host Python that runs anew at each replay."""
        made = [] if call.output is None else [Slot("dynamic", call.output.array)]
        args = tuple(map(self.bare, call.args))
        self.instructions.append(Instruction(call.function, args, None, tuple(made), pure=False, is_live=True))
        if call.output is not None:
            self.values[call.output] = made[0]

    def fresh(self, value: Value, initial: Any) -> None:
        """An array that the step makes by itself and overwrites: it starts from `initial` at each replay."""
        slot = self.values[value] = Slot("dynamic", initial)
        self.instructions.append(Instruction(_copy, (Slot("constant", initial, initial),), None, (slot,)))

    def op(self, call: Call) -> None:
        """One op call: traced if possible, else as a whole."""
        mark, scalars = len(self.instructions), dict(self.scalars)
        try:
            if self.plain:
                raise NotTraceable
            with np.errstate(all="ignore"):
                made = call.op.forward(**call.arguments(self._stand_in))
            slots = self._outputs(call, made)
        except Exception:  # noqa: BLE001  (whatever stopped it, the function itself is still right)
            del self.instructions[mark:]
            self.scalars = scalars
            slots = self._whole(call)
        self.values.update(zip(call.outputs, slots, strict=True))

    def lasting(self, value: Value) -> Slot:
        """A slot in our own memory that holds a value when the step is over."""
        slot = self.slot(value)
        if slot.root.kind in ("buffer", "constant"):
            return slot
        return self.copy(Traced(self, slot), self.buffer(slot.example.copy())).slot

    def _stand_in(self, value: Value) -> Any:
        x = self.bare(value)
        return TracedNumber(self, x) if isinstance(x, Number) else Traced(self, x)

    def _outputs(self, call: Call, made: Any) -> list[Slot]:
        """The slots that a traced forward returned, if they are what was recorded."""
        if not call.outputs:
            return []
        slots = []
        for value, x in zip(call.outputs, made if call.op.residuals else (made,), strict=True):
            if not isinstance(x, Traced) or x.shape != value.shape:
                raise NotTraceable
            if x.dtype != value.dtype:
                x = x.astype(value.dtype)
            if x.slot.kind == "constant" and id(owner_of(value.array)) in self.overwritten:
                x = x.copy()
            slots.append(x.slot)
        return slots

    def _whole(self, call: Call) -> list[Slot]:
        arguments = call.arguments(self.bare)
        made = [Slot("dynamic", v.array, base=self._viewed(v, call)) for v in call.outputs]
        writes = tuple(s for name in call.op.writes for s in slots_in(arguments[name]))
        self.instructions.append(
            Instruction(call.op.forward, (), None, tuple(made), arguments, pure=False, writes=writes))
        if made:
            y = made[0]
            made[0] = Slot("dynamic", y.example, base=y)
            about = (tuple(y.example.shape), y.example.dtype, call.op.name)
            self.instructions.append(Instruction(as_recorded, (y, *about), None, (made[0],), pure=False))
        return made

    def _viewed(self, output: Value, call: Call) -> Slot | None:
        """The operand whose memory an output shares: in the recorded run, for the examples of slots were made anew."""
        owner = owner_of(output.array)
        return next((self.slot(v) for v in call.reads()
                     if type(v.array) is not float and owner_of(v.array) is owner), None)

    # --- what the stand-ins do ---

    def buffer(self, example: Any) -> Traced:
        """A new array in our own memory, like `example`."""
        return Traced(self, Slot("buffer", example))

    def constant(self, array: Any) -> Slot:
        return Slot("constant", array, array)

    def copy(self, source: Any, target: Traced) -> Traced:
        """target[...] = source."""
        _check_writable(target)
        source = bare(source)
        np.broadcast_to(example_of(source), target.shape)  # raises as NumPy would
        self.instructions.append(Instruction(np.copyto, (OUT, source), target.slot, elementwise=True))
        return target

    def ufunc(self, ufunc: Any, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """`ufunc(*inputs, out=...)`, or its `reduce`."""
        target: Any = (*options.pop("out", ()), None)[0]
        if method == "reduce" and not {*options} - {"axis", "dtype", "keepdims"} and target is None:
            return self.reduce(ufunc, inputs[0], **options)
        if method != "__call__" or options or ufunc.nout != 1:
            raise NotTraceable
        args = self._weak_numbers(inputs) if ufunc in WEAK else tuple(map(bare, inputs))
        example = np.asarray(ufunc(*map(example_of, args)))
        if target is None:
            if all(isinstance(x, Slot) and x.kind == "constant" for x in args):
                return Traced(self, self.constant(example))
            target = self.buffer(example)
        elif example.shape != target.shape or not np.can_cast(example.dtype, target.dtype, "same_kind"):
            raise NotTraceable
        _check_writable(target)
        same = _unchanged(ufunc, args)
        if same is not None and same.example.shape == target.shape and same.example.dtype == target.dtype:
            return self.copy(Traced(self, same), target)
        if ufunc in (np.maximum, np.minimum):  # a third positional argument is deprecated there: elsewhere it is faster
            instruction = Instruction(ufunc, args, target.slot, named={"out": OUT})
        else:
            instruction = Instruction(ufunc, (*args, OUT), target.slot)
        instruction.elementwise = ufunc.signature is None
        self.instructions.append(instruction)
        return target

    def _weak_numbers(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Numbers as 0-d arrays of the dtype that they would take anyway: a ufunc converts them slowly."""
        found = {x.dtype for x in inputs if isinstance(x, Traced)}
        dtype = found.pop() if len(found) == 1 else None
        if dtype is None or dtype.kind != "f":
            return tuple(map(bare, inputs))
        args: list[Any] = []
        for x in inputs:
            if type(x) in (bool, int, float) and abs(x) < np.finfo(dtype).max:
                x = Traced(self, self.constant(np.asarray(x, dtype)))
            elif isinstance(x, TracedNumber) and type(x.number.example) is float:
                x = Traced(self, self._scalar(x.number, dtype))
            args.append(bare(x))
        return tuple(args)

    def _scalar(self, number: Number, dtype: Any) -> Slot:
        """A live number as a 0-d array, made once."""
        key = (number.key(), dtype)
        if key not in self.scalars:
            self.scalars[key] = slot = Slot("buffer", np.asarray(number.example, dtype))
            self.instructions.append(Instruction(np.copyto, (OUT, number), slot))
        return self.scalars[key]

    def reduce(self, ufunc: Any, x: Any, axis: Any = 0, dtype: Any = None, keepdims: bool = False) -> Any:
        example = np.asarray(ufunc.reduce(x.slot.example, axis, dtype, None, keepdims))
        if x.slot.kind == "constant":
            return Traced(self, self.constant(example))
        if ufunc is np.add and x.dtype.kind == "f" and x.size == example.size and dtype is None:
            # Each sum has one term: 0 + x, exactly, and six times as fast.
            return np.add(x if x.shape == example.shape else x.reshape(example.shape), 0.0)
        target = self.buffer(example)
        self.instructions.append(Instruction(_reduce_of(ufunc), (x.slot, axis, dtype, OUT, keepdims), target.slot))
        return target

    def function(self, function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """A NumPy function that is no ufunc."""
        if function in REDUCTIONS and len(args) == 1 and not {*options} - {"axis", "keepdims"}:
            return REDUCTIONS[function].reduce(args[0], options.pop("axis", None), **options)
        if function is np.dot and not options and all(isinstance(x, Traced) and x.ndim == 2 for x in args):
            left, right = args[0].slot, args[1].slot
            target = self.buffer(np.dot(left.example, right.example))
            self.instructions.append(Instruction(np.dot, (left, right, OUT), target.slot))
            return target
        if function is np.einsum and not options:
            given = tuple(map(bare, args))
            example = np.asarray(np.einsum(*map(example_of, given)))
            if _shared(example, slots_in(given)) is None:
                target = self.buffer(example)
                self.instructions.append(Instruction(np.einsum, given, target.slot, named={"out": OUT}))
                return target
        if function is np.clip and len(args) == 3 and not options and isinstance(args[0], Traced):
            given = tuple(map(bare, args))
            target = self.buffer(np.clip(*map(example_of, given)))
            self.instructions.append(Instruction(np.clip, (*given, OUT), target.slot, elementwise=True))
            return target
        if function in (np.empty_like, np.zeros_like) and len(args) == 1 and not options:
            target = self.buffer(np.empty_like(args[0].slot.example))
            return target if function is np.empty_like else self.copy(0, target)
        if function is np.zeros:
            return self.copy(0, self.buffer(np.zeros(*args, **options)))
        if function is np.copyto and not options:
            return self.copy(args[1], args[0]) and None
        if function is np.arange:
            return Traced(self, self.constant(np.arange(*args, **options)))
        if function not in PURE:
            raise NotTraceable
        return self.call(function, *args, **options)

    def call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """A pure function of arrays: a view if the result shares memory with the first, else made at each replay."""
        given = tuple(map(bare, args))
        example = function(*map(example_of, given), **options)
        if not isinstance(example, np.ndarray):
            raise NotTraceable  # a NumPy scalar: the op's call makes an array of it
        source = given[0]
        others = [*slots_in(given[1:])]
        if any(s.example.dtype.kind == "b" for s in others) and function is operator.getitem:
            raise NotTraceable  # a mask: the size of the result depends on its values
        base = _shared(example, slots_in(given))
        if base is not None and (base is not source or others):
            raise NotTraceable
        if base is None:
            made = Slot("dynamic", example)
            self.instructions.append(Instruction(function, given, None, (made,), options))
            return Traced(self, made)

        def take(array: Any) -> Any:
            return function(array, *given[1:], **options)

        memory = None if base.memory is None else take(base.memory)
        view = Slot(base.kind, example, memory, base, take)
        self.instructions.append(Instruction(function, given, None, (view,), options, is_view=True))
        return Traced(self, view)


def _shared(array: Any, slots: Iterable[Slot]) -> Slot | None:
    """The slot whose memory an array shares."""
    return next((s for s in slots if isinstance(s.example, np.ndarray) and np.may_share_memory(array, s.example)), None)


def _unchanged(ufunc: Any, args: tuple[Any, ...]) -> Slot | None:
    """The operand that `ufunc(*args)` hands through: x * 1, 1 * x, x / 1."""
    pairs = [args, args[::-1]] if ufunc is np.multiply else [args] if ufunc is np.true_divide else []
    for x, one in pairs:
        is_one = isinstance(one, Slot) and one.kind == "constant" and one.memory.ndim == 0 and one.memory == 1
        if is_one and isinstance(x, Slot):
            return x
    return None


@functools.cache
def _reduce_of(ufunc: Any) -> Callable[..., Any]:
    """`ufunc.reduce`, the same object each time."""
    return ufunc.reduce  # type: ignore[no-any-return]


def _copy(array: Array) -> Array:
    return array.copy()


def as_recorded(y: Array, shape: tuple[int, ...], dtype: Any, name: str) -> Array:
    """The result of an op that is called as a whole, as the op's call would settle it."""
    if isinstance(y, np.generic):
        y = np.asarray(y)
    if y.shape != shape:
        raise RuntimeError(f"captured step: the result of {name} has shape {y.shape}; when the step was captured it "
                           f"was {shape}, and what follows depends on it. A shape that depends on values cannot be "
                           "captured: multiply by the mask, or use where(mask, x, 0).")
    return y if y.dtype == dtype else y.astype(dtype)


# --- planning -----------------------------------------------------------------------------------------------------

OUTSIDE = Slot("static", None)
"""All memory that is not ours, as one: nobody knows which of it overlaps."""


def place_of(slot: Slot) -> Slot:
    """The memory that a slot lies in, for the question who overwrites what."""
    root = slot.root
    return OUTSIDE if root.kind == "static" else root


def plan(instructions: list[Instruction], kept: set[Slot]) -> list[Instruction]:
    """Shorten the list and give each buffer its memory; `kept` are the slots whose arrays must outlive the step."""
    instructions = drop_unread(instructions, kept)
    share_copies(instructions)
    instructions = write_in_place(drop_unread(instructions, kept), kept)
    lay_out(instructions, kept)
    return instructions


def drop_unread(instructions: list[Instruction], kept: set[Slot]) -> list[Instruction]:
    """Leave out what has no effect."""
    needed = {OUTSIDE, *map(place_of, kept)}
    left = []
    for instruction in reversed(instructions):
        made = (*instruction.results, *((instruction.out,) if instruction.out else ()))
        if not instruction.pure or any(place_of(s) in needed for s in made):
            left.append(instruction)
            needed.update(map(place_of, instruction.reads()))
    return left[::-1]


def overwrites(instructions: list[Instruction]) -> dict[Slot, list[int]]:
    """Memory -> when it is written other than for the first time."""
    found: dict[Slot, list[int]] = {OUTSIDE: []}
    for i, instruction in enumerate(instructions):
        for slot in (*instruction.writes, *((instruction.out,) if instruction.out else ())):
            place = place_of(slot)
            if place in found:
                found[place].append(i)
            else:
                found[place] = [] if place.kind == "buffer" else [i]
    return found


def share_copies(instructions: list[Instruction]) -> None:
    """A copy of which neither side is overwritten later becomes an alias."""
    written = overwrites(instructions)
    for i, instruction in enumerate(instructions):
        target = instruction.out
        if not instruction.is_copy or target is None or target.kind != "buffer" or target.base is not None:
            continue
        source = instruction.args[1]
        if not isinstance(source, Slot) or source.kind not in ("buffer", "constant") or not same_layout(source, target):
            continue
        if written[target] or any(j > i for j in written.get(place_of(source), ())):
            continue
        target.kind, target.base, target.take, target.memory = source.kind, source, _itself, source.memory
        instruction.function, instruction.args, instruction.out = _itself, (source,), None
        instruction.results, instruction.is_view, instruction.elementwise = (target,), True, False


def _itself(array: Array) -> Array:
    return array


def same_layout(a: Slot, b: Slot) -> bool:
    """Whether two arrays have shape, dtype and strides in common, so that the same loops run on both."""
    x, y = a.example, b.example
    return x.shape == y.shape and x.dtype == y.dtype and bool(x.strides == y.strides)


def write_in_place(instructions: list[Instruction], kept: set[Slot]) -> list[Instruction]:
    """`b = f(...)` and then `p[...] = b`, with b for nothing else, becomes `p[...] = f(...)`."""
    uses: dict[Slot, int] = {}
    made: dict[Slot, int] = {}
    lasting = {s.root for s in kept}
    for i, instruction in enumerate(instructions):
        for slot in {s.root for s in instruction.reads()}:
            uses[slot] = uses.get(slot, 0) + 1
        if instruction.out is not None and instruction.out.kind == "buffer":
            made[instruction.out.root] = i if instruction.out.root not in made else -1
    gone = set()
    for i, instruction in enumerate(instructions):
        target, source = instruction.out, instruction.args[1] if instruction.is_copy else None
        if target is None or not isinstance(source, Slot) or source.base is not None or uses[source] != 1:
            continue
        j = made.get(source, -1)
        if j < 0 or source in lasting or not same_layout(source, target):
            continue
        if instructions[j].out is not source or not instructions[j].elementwise:
            continue
        place = place_of(target)
        between = instructions[j + 1 : i]
        if any(place is place_of(s) for k in between for s in (*k.reads(), *k.writes, *((k.out,) if k.out else ()))):
            continue
        if made.get(place, i) == i:
            made[place] = j
        instructions[j].out = target
        gone.add(i)
    return [x for i, x in enumerate(instructions) if i not in gone]


def lay_out(instructions: list[Instruction], kept: set[Slot]) -> None:
    """Give the buffers memory, the same to several whose lifetimes do not meet, and take the views of it."""
    last: dict[Slot, int] = {}
    for i, instruction in enumerate(instructions):
        for slot in (*instruction.reads(), *((instruction.out,) if instruction.out else ())):
            last[slot.root] = i
    last |= dict.fromkeys((s.root for s in kept), len(instructions))
    blocks: dict[Slot, Any] = {}
    free: dict[int, list[Any]] = {}
    for i, instruction in enumerate(instructions):
        dying = {s.root for s in instruction.reads() if s.root in blocks and last[s.root] == i}
        for new in {s.root for s in (*instruction.results, *([instruction.out] if instruction.out else ()))}:
            if new.kind != "buffer" or new.memory is not None:
                continue
            operands = instruction.args if instruction.elementwise and new is instruction.out else ()
            heirs = [s for s in operands if isinstance(s, Slot) and s in dying and same_layout(s, new)]
            if heirs:  # the result takes the place of an operand that is not needed again
                dying.discard(heirs[0])
                blocks[new] = blocks[heirs[0]]
            else:
                pool = free.get(new.example.nbytes)
                blocks[new] = pool.pop() if pool else _block(new.example)
            new.memory = _array_in(blocks[new], new.example)
            if last[new] == i:
                dying.add(new)
        for slot in dying:
            free.setdefault(slot.example.nbytes, []).append(blocks[slot])
        for view in instruction.results:
            if instruction.is_view and view.kind == "buffer" and view.base is not None and view.take is not None:
                view.memory = view.take(view.base.memory)


def _block(example: Any) -> Any:
    """Memory for an array like `example`."""
    if not isinstance(example, np.ndarray) or not example.size:
        return np.empty_like(example)
    return np.empty(example.nbytes, np.uint8)


def _array_in(block: Any, example: Any) -> Any:
    """An array with the shape, dtype and strides of `example`, in this memory."""
    if not isinstance(example, np.ndarray) or not example.size:
        return np.empty_like(example)
    return np.ndarray(example.shape, example.dtype, block.data, 0, example.strides)


# --- writing ------------------------------------------------------------------------------------------------------

_serial = count(1)


class Writer:
    """Writes instructions as the source of a function, and gathers what its names stand for."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self._name_of: dict[int, str] = {}
        self._slots: list[Slot] = []  # kept, so that no other object has the id of one

    def bind(self, thing: Any, name: str, numbered: bool = True) -> str:
        """A name for an object that the function refers to."""
        if id(thing) not in self._name_of:
            candidates = (f"{name}{i or ''}" for i in count(int(numbered)))
            self._name_of[id(thing)] = chosen = next(n for n in candidates if n not in self.names)
            self.names[chosen] = thing
        return self._name_of[id(thing)]

    def function(self, function: Callable[..., Any]) -> str:
        """A name for a function, after its own."""
        name = "".join(c for c in getattr(function, "__name__", "function") if c.isidentifier())
        owner = getattr(function, "__self__", None)
        if isinstance(owner, np.ufunc):
            name = f"{owner.__name__}_{name}"
        return self.bind(function, f"{name}_" if iskeyword(name) else name, numbered=False)

    def local(self, slot: Slot) -> str:
        """A local variable for a slot that is made at each replay."""
        if id(slot) not in self._name_of:
            self._slots.append(slot)
            self._name_of[id(slot)] = f"t{len(self._slots)}"
        return self._name_of[id(slot)]

    def text(self, x: Any) -> str:
        """An argument as source text."""
        if isinstance(x, Slot):
            return self.local(x) if x.memory is None else self.bind(x.memory, PREFIXES[x.kind])
        if isinstance(x, Number):
            if x.function is None:
                return self.text(x.slot)
            sign, args = SIGNS[x.function], [self.text(i) for i in x.args]
            return f"({args[0]} {sign} {args[1]})" if len(args) == 2 else f"({sign}{args[0]})"
        if type(x) in (bool, int, str) or x is None or x is Ellipsis or (type(x) is float and isfinite(x)):
            return repr(x)
        if type(x) is list:
            return f"[{', '.join(map(self.text, x))}]"
        if type(x) is tuple:
            return f"({''.join(self.text(i) + ', ' for i in x)})"
        return self.bind(x, "k")

    def line(self, instruction: Instruction) -> str:
        """An instruction as a statement."""
        if instruction.is_copy and instruction.out is not None:
            return f"{self.text(instruction.out)}[...] = {self.text(instruction.args[1])}"
        args = [self.text(instruction.out if x is OUT else x) for x in instruction.args]
        args += [f"{name}={self.text(instruction.out if x is OUT else x)}" for name, x in instruction.named.items()]
        made = ", ".join(self.local(s) for s in instruction.results)
        return f"{made}{' = ' if made else ''}{self.function(instruction.function)}({', '.join(args)})"

    def lines(self, instructions: list[Instruction]) -> Iterator[str]:
        """The statements of a list of instructions."""
        for instruction in instructions:
            if not (instruction.is_view and instruction.results[0].memory is not None):
                yield self.line(instruction)

    def returned(self, x: Any) -> str:
        """The result of the step as source text: the same structure, with a new Tensor for each that was returned."""
        if isinstance(x, Returned):
            if isinstance(x.slot, Slot):
                array = f"{self.text(x.slot)}.copy()"
                return f"{self.bind(Tensor, 'Tensor', numbered=False)}({array})" if x.as_tensor else array
            return self.text(x.slot)
        if type(x) is dict:
            return "{" + ", ".join(f"{self.bind(k, 'k')}: {self.returned(v)}" for k, v in x.items()) + "}"
        if isinstance(x, (list, tuple)):
            items = "".join(f"{self.returned(v)}, " for v in x)
            if type(x) in (list, tuple):
                return f"[{items}]" if type(x) is list else f"({items})"
            return f"{self.bind(type(x), type(x).__name__, numbered=False)}({items})"
        return self.bind(x, "k")


PREFIXES = {"static": "a", "constant": "c", "buffer": "b", "dynamic": "d"}


@dataclass
class CompiledStep:
    """A step as one function.  `source` shows it; `gradients` are the arrays that it leaves for `.grad`."""

    source: str
    names: dict[str, Any]
    live: set[str]
    gradients: list[Any]
    filename: str = field(init=False)
    run: Callable[..., Any] = field(init=False)

    def __post_init__(self) -> None:
        self.filename = f"<captured step {next(_serial)}>"  # tracebacks show its lines
        linecache.cache[self.filename] = (len(self.source), None, self.source.splitlines(keepends=True), self.filename)
        weakref.finalize(self, linecache.cache.pop, self.filename, None)
        self.run = self.function(self.names)

    def function(self, names: dict[str, Any]) -> Callable[..., Any]:
        """The function with these meanings of its names."""
        scope = {"__name__": __name__, **names}  # whose warnings these are, see backend.py
        exec(compile(self.source, self.filename, "exec"), scope)
        return scope.pop("step")  # type: ignore[no-any-return]  # left in, function and scope would be a cycle

    def with_live_results(self, results: Iterable[Any]) -> Callable[..., Any]:
        """The function as it runs if its live calls return these results, one after another."""
        following = iter(results)
        return self.function(self.names | dict.fromkeys(self.live, lambda *_: next(following)))


@dataclass(eq=False, slots=True)
class Returned:
    """A place in the result of a step: a Value, whose slot is filled in here, returned as a Tensor or as it is."""

    value: Value
    as_tensor: bool
    slot: Any = None


def _check_writable(target: Traced) -> None:
    """Refuse a write into what was made once, of constants: every replay would write there again."""
    if target.slot.root.kind == "constant":
        raise NotTraceable


def compile_step(calls: Sequence[Call | LiveCall], inputs: Sequence[Value], constants: dict[Value, Any],
                 fresh: dict[Value, Any], gradients: Sequence[Value], result: Any) -> CompiledStep:
    """Compile recorded calls.

    `inputs` are the parameters of the function; `constants` never change; `fresh` are overwritten by the step, which
    makes them itself: each replay starts from these contents.  All other arrays from outside are read where they are.
    """
    arrays = [v.array for c in calls if isinstance(c, Call) for v in (*c.reads(), *c.outputs)]
    overwritten = {id(owner_of(v.array)) for c in calls if isinstance(c, Call) for v in c.overwrites()}
    tracer = Tracer(any(type(a) not in (np.ndarray, float) for a in arrays), overwritten)
    parameters = [Slot("static", v.array) for v in inputs]
    tracer.values |= dict(zip(inputs, parameters, strict=True))
    tracer.values |= {v: Slot("constant", array, array) for v, array in constants.items()}
    for value, initial in fresh.items():
        tracer.fresh(value, initial)
    for call in calls:
        if isinstance(call, LiveCall):
            tracer.live(call)
        else:
            tracer.op(call)
    left = [tracer.lasting(v) for v in gradients]
    kept = {*left}
    for place in places_in(result):
        place.slot = tracer.bare(place.value)
        kept.update(slots_in(place.slot))
    live = [i for i in tracer.instructions if i.is_live]
    writer = Writer()
    head = f"def step({', '.join(map(writer.local, parameters))}):"
    body = [*writer.lines(plan(tracer.instructions, kept)), f"return {writer.returned(result)}"]
    source = "\n".join([head, *("    " + line for line in body)])
    for place in places_in(result):
        place.slot = None  # and with it the arrays that were computed for its example
    return CompiledStep(source, writer.names, {writer.function(i.function) for i in live}, [s.memory for s in left])


def places_in(result: Any) -> Iterator[Returned]:
    """The Returned places somewhere in the result of a step."""
    if isinstance(result, Returned):
        yield result
    elif isinstance(result, (list, tuple)):
        for x in result:
            yield from places_in(x)
    elif type(result) is dict:
        yield from places_in(list(result.values()))
