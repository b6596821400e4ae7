"""`capture`: run a training step once, replay it from then on without Python's overhead, and keep checking.

The first call with arguments of a new kind runs the step as it is, under a recorder that sees every op, forward and
backward (`program.py`).  The recorded calls become one straight-line function (`compiled_step.py`), and later calls run
that.  Anything a step may depend on is one of three things: read anew at each replay (arguments, parameters and
optimizer state in place, learning rates, random draws), a condition that is checked before each replay and leads to a
new recording, or frozen - which is what the audits are for.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from types import MethodType
from typing import Any, Generic, NoReturn, ParamSpec, TypeVar, overload

import numpy as np

from .._tensor import Tensor
from ..autograd import observing
from ..engine import backend, dtypes, graph
from ..engine.graph import Deferred, Node, mode, owner_of
from ..engine.walk import gradient_of
from ..program import Call, LiveCall, Recorder, Value
from .compiled_step import CompiledStep, Returned, compile_step

P = ParamSpec("P")
R = TypeVar("R")

MOST_VARIANTS = 32
"""How many recordings of one step are kept; the oldest make room."""

FROZEN = ("Python code inside a captured step runs when the step is captured and not when it is replayed. Give what "
          "changes to the step as an argument (a Tensor), let the library draw the random numbers, change options of "
          "the optimizer in its param_groups - or do not capture this step.")


# --- recording ----------------------------------------------------------------------------------------------------


class StepRecorder(Recorder):
    """Records a step: its calls, what `.grad` was and became, and what arrays from elsewhere held when first seen."""

    to_the_bit = True

    def __init__(self) -> None:
        super().__init__()
        self.started = graph.tick()
        self.initial: dict[Value, Any] = {}
        self.entry: dict[Tensor, Value | None] = {}
        self.stores: dict[Tensor, Any] = {}
        self.conditions: list[tuple[Callable[..., Any], tuple[Any, ...], bool]] = []

    def value(self, array: Any, role: str = "constant", name: str | None = None) -> Value:
        """The Value of an array; the contents of a new constant are kept, because the step may overwrite it."""
        known = self.known(array)
        if known is None:
            known = super().value(array, role, name)
            if role == "constant":
                self.initial[known] = array.copy()
        return known

    def gradients(self, retain: bool) -> dict[Node, Any]:
        """The plain dict of a walk: nobody asks for adjoints here."""
        return {}

    def live(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Run it unobserved.  A bool is a condition: it must hold at a replay too, or the step is recorded anew."""
        before, mode.state = mode.state, self.grad
        try:
            made = function(*args)
        finally:
            mode.state = before
        given = tuple(self.known(x) or x for x in args)
        if type(made) is bool:
            self.conditions.append((function, args, made))
            return made
        if type(made) is float:
            made *= 1.0  # a float object of its own, so that its identity tells it from equal numbers
        is_value = type(made) in (float, dict) or hasattr(made, "bit_generator") or _is_array(made)
        output = self.value(made, "live") if is_value else None
        if output is not None and _is_array(made):
            self.initial[output] = made.copy()  # the step may overwrite what it drew
        self.calls.append(LiveCall(function, given, output))
        return made

    def loaded(self, tensor: Any, gradient: Any) -> None:
        """A gradient that is read before it is stored was there when the step began."""
        if tensor not in self.stores and tensor not in self.entry and not self._made_inside(tensor):
            self.entry[tensor] = None if gradient is None else self.value(gradient.array, "gradient")

    def stored(self, tensor: Any, gradient: Any) -> None:
        """Remember the last gradient of each tensor from outside."""
        if not self._made_inside(tensor):
            self.stores[tensor] = gradient

    def reads(self, tensor: Any, how: str) -> NoReturn:
        """Raise RuntimeError: a replay would not come by here."""
        raise RuntimeError(f"{how} inside a captured step: the value would be frozen at what it is now. Return the "
                           "tensor from the step and read it outside.")

    def _made_inside(self, tensor: Any) -> bool:
        return tensor.node is not None and tensor.node.age > self.started


@dataclass(eq=False)
class Recording:
    """One eager run of a step: the calls in order, and everything that they depend on or change."""

    calls: list[Call | LiveCall]
    inputs: list[Value]
    result: Any
    entry: dict[Tensor, Value | None]
    stores: dict[Tensor, Value | None]
    conditions: list[tuple[Callable[..., Any], tuple[Any, ...], bool]]
    initial: dict[Value, Any]
    parameters: list[tuple[Tensor, Any]]
    private: set[Value] = field(default_factory=set)
    """Constants that the step makes itself at each run, and nobody else holds."""
    written: list[Value] = field(default_factory=list)
    """Those of the values from outside that the step overwrites, or that lie in the same memory as such."""

    def examine(self) -> None:
        """Find out which constants are private and what is overwritten.  By now nobody holds the step's Tensors."""
        values = {v: None for c in self.calls for v in _values_of(c)}
        views: dict[int, set[int]] = {}  # those that refer to an array because they are views of it, or stand between
        for v in values:
            part = v.array
            while (base := getattr(part, "base", None)) is not None:
                views.setdefault(id(base), set()).add(id(part))
                part = base
        self.private = {v for v in self.initial if v.role == "constant" and v.array.base is None
                        and sys.getrefcount(v.array) - len(views.get(id(v.array), ())) <= _PRIVATE}
        overwritten = {id(owner_of(v.array)) for c in self.calls if isinstance(c, Call) for v in c.overwrites()}
        self.written = [v for v in (*self.inputs, *(v for v in values if v.role in ("constant", "gradient")))
                        if v not in self.private and id(owner_of(v.array)) in overwritten]
        self.written = list(dict.fromkeys(self.written))
        self.overwritten_private = {v for v in self.private if id(v.array) in overwritten}

    def parameters_of_step(self) -> list[Value]:
        """What differs from call to call: the arrays of the arguments, and the gradients that were there before."""
        return [*self.inputs, *(v for v in self.entry.values() if v is not None)]

    def compile(self) -> CompiledStep:
        """The step as one function."""
        constants = {v: v.array for v in self.private - self.overwritten_private}
        fresh = {v: self.initial[v] for v in self.overwritten_private}
        return compile_step(self.calls, self.parameters_of_step(), constants, fresh,
                            [v for v in self.stores.values() if v is not None], self.result)

    def forget_results(self) -> None:
        """Keep what a later run is compared with, and no array of the step's own."""
        for call in self.calls:
            for v in _values_of(call):
                if v.role in ("result", "input", "gradient", "live"):
                    v.array = None
        self.initial = {v: array for v, array in self.initial.items() if v in self.private}


def _references(value: Value) -> int:
    return sys.getrefcount(value.array)


_PRIVATE = _references(Value(0, "constant", np.empty(0)))
"""What `getrefcount` says of an array that only its Value holds (Pythons differ)."""


def _values_of(call: Call | LiveCall) -> Iterator[Value]:
    if isinstance(call, Call):
        yield from call.reads()
        yield from call.outputs
    elif call.output is not None:
        yield call.output


def record(step: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Recording]:
    """Run the step eagerly; return what it returned, as constants, and the recording."""
    recorder = StepRecorder()
    inputs: list[Value] = []
    tensors: dict[int, Tensor] = {}
    given = _stand_in((args, kwargs), recorder, inputs, tensors)
    with observing(recorder):
        returned = step(*given[0], **given[1])
    del given
    _check_histories(tensors.values(), recorder)
    tensors.clear()
    result = _place(returned, recorder)
    del returned
    stores = {t: None if g is None else recorder.value(g.array) for t, g in recorder.stores.items()}
    parameters = [(t, t.array) for t in {**recorder.entry, **stores}]
    recording = Recording(recorder.calls, inputs, result, recorder.entry, stores, recorder.conditions, recorder.initial,
                          parameters)
    recorder.stores.clear()
    recording.examine()
    return _constant(result), recording


# Functions that call themselves stand alone: one inside another function refers to itself, and such a cycle keeps all
# that it refers to until the cyclic collector comes by.


def _stand_in(x: Any, recorder: StepRecorder, inputs: list[Value], tensors: dict[int, Tensor]) -> Any:
    """An argument as an alias of its own: what the step reaches in another way is no argument.

    `tensors` has those that were made, by the id of the argument: a Tensor that is given twice is one Tensor.
    """
    if isinstance(x, graph.Tensor) and x.node is None:
        if id(x) not in tensors:
            tensors[id(x)] = Tensor(_stand_in(x.array, recorder, inputs, tensors))
        return tensors[id(x)]
    if isinstance(x, graph.Tensor):
        return x
    if _is_array(x):
        alias = x[...]
        inputs.append(recorder.value(alias, "input"))
        return alias
    return _map(lambda v: _stand_in(v, recorder, inputs, tensors), x)


def _check_histories(arguments: Iterable[Tensor], recorder: StepRecorder) -> None:
    """Refuse what the step did to the history of an argument, which is a constant again after each call.

    Raises RuntimeError if an argument was made a leaf, or if a recorded write to it changed memory that the step also
    reaches in another way: the gradient would not find the way from there.
    """
    for tensor in arguments:
        if isinstance(tensor.node, graph.Leaf):
            raise RuntimeError("requires_grad_() on an argument of a captured step: the tensor outside would not get "
                               "the gradient. Do it before the call, or inside with x = x.detach().requires_grad_().")
        if tensor.node is not None and any(
                v.array is not tensor.array and _overlap(v.array, tensor.array)
                for v in recorder.values if v.role in ("input", "constant") and _is_array(v.array)):
            raise RuntimeError("a captured step writes what requires grad into an argument of which it reaches the "
                               "memory in another way, too (another argument, or a tensor from outside): the gradient "
                               "would be lost. Give it one of them and take the other one inside.")


def _overlap(x: Any, y: Any) -> bool:
    return owner_of(x) is owner_of(y) and (not isinstance(x, np.ndarray) or np.shares_memory(x, y))


def _place(x: Any, recorder: StepRecorder) -> Any:
    """What a step returned, with a place for each array."""
    if isinstance(x, graph.Tensor):
        return Returned(recorder.value(x.array), True)
    if _is_array(x) or recorder.known(x) is not None:
        return Returned(recorder.value(x), False)
    return _map(lambda v: _place(v, recorder), x)


def _constant(x: Any) -> Any:
    """What a step returned, as constants."""
    if isinstance(x, Returned):
        array = x.value.array
        return Tensor(array.copy()) if x.as_tensor else array.copy() if _is_array(array) else array
    return _map(_constant, x)


def _is_array(x: Any) -> bool:
    return hasattr(x, "dtype") and hasattr(x, "shape") and not isinstance(x, (np.generic, graph.Tensor))


def _map(function: Callable[[Any], Any], x: Any) -> Any:
    """A structure of tuples, lists and dicts with `function` applied to its elements."""
    if type(x) is dict:
        return {k: function(v) for k, v in x.items()}
    if type(x) in (list, tuple):
        return type(x)(map(function, x))
    return type(x)(*map(function, x)) if isinstance(x, tuple) and hasattr(x, "_fields") else x


# --- comparing ----------------------------------------------------------------------------------------------------


def difference(old: Recording, new: Recording) -> str | None:
    """In which call two recordings of a step differ first, and how; None if they are the same program."""
    for i, (a, b) in enumerate(zip_longest(old.calls, new.calls), 1):
        where = f"call {i} of {len(old.calls)}"
        if isinstance(a, Call) and isinstance(b, Call) and a.op is b.op:
            names = (*a.op.operands, *a.op.settings)
            for name, x, y in zip(names, (*a.operands, *a.settings), (*b.operands, *b.settings), strict=True):
                if not _same(x, y, old, new):
                    return f"{where}, {b}: {name} was {_show(x)} when the step was captured and is now {_show(y)}"
        elif not (isinstance(a, LiveCall) and isinstance(b, LiveCall) and a.function == b.function
                  and _same(a.args, b.args, old, new)):
            return f"{where} was {a or 'not made'} when the step was captured and is now {b or 'not made'}"
    if [(id(t), v is None) for t, v in old.entry.items()] != [(id(t), v is None) for t, v in new.entry.items()]:
        return "the gradients that were there when the step began: others were needed when it was captured"
    if not _same(old.result, new.result, old, new):
        return "what the step returns: it was built otherwise when the step was captured"
    before, now = ([(id(t), v) for t, v in r.stores.items()] for r in (old, new))
    if not _same(before, now, old, new):
        return "the gradients: others were stored when the step was captured"
    return None


def _same(x: Any, y: Any, old: Recording, new: Recording) -> bool:
    """Whether an operand or setting is the same in both recordings."""
    if type(x) is not type(y):
        return False
    if isinstance(x, Value):
        if x.number != y.number or x.role != y.role:
            return False
        if x.role != "constant" or x.array is y.array:
            return True
        # Another array object: as good as the old one if the step made both, or if nothing is ever written to it.
        private = x in old.private
        if private != (y in new.private) or x in old.written:
            return False
        return same_bits(old.initial[x], new.initial[y]) if private else same_bits(x.array, y.array)
    if isinstance(x, Returned):
        return x.as_tensor == y.as_tensor and _same(x.value, y.value, old, new)
    if type(x) is dict:
        return x.keys() == y.keys() and all(_same(x[k], y[k], old, new) for k in x)
    if isinstance(x, (list, tuple)):
        return len(x) == len(y) and all(_same(a, b, old, new) for a, b in zip(x, y, strict=True))
    if _is_array(x):
        return same_bits(x, y)
    if isinstance(x, graph.Tensor):
        return x is y
    if type(x) is float:
        return bool(x.hex() == y.hex())
    return bool(x is y or x == y)


def _show(x: Any) -> str:
    if isinstance(x, Value) and x.role == "constant" and x.array is not None:
        return f"an array made elsewhere ({x.dtype} {x.shape})"
    return repr(x)


def same_bits(x: Any, y: Any) -> bool:
    """Whether two arrays are the same to the last bit: 0 is not -0, but any nan is any other.

    (Whether nan + -nan is nan or -nan depends on which of two registers holds which.)
    """
    a, b = np.asarray(backend.to_host(x)), np.asarray(backend.to_host(y))
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.tobytes() == b.tobytes():
        return True
    if a.dtype.kind != "f":
        return False
    nan = np.isnan(a)
    return bool((nan == np.isnan(b)).all()) and a[~nan].tobytes() == b[~nan].tobytes()


# --- replaying ----------------------------------------------------------------------------------------------------


class Variant:
    """A recording with the function compiled from it, and the conditions under which that may run."""

    def __init__(self, recording: Recording, version: int) -> None:
        self.recording, self.version = recording, version
        self.step: CompiledStep | None = None
        self.calls, self.next_audit = 0, 1
        self.entry = [(t, v is None) for t, v in recording.entry.items()]
        self.loads = [t for t, v in recording.entry.items() if v is not None]
        self.gradients: list[tuple[Tensor, Deferred | None]] = []
        self.marks: list[Any] = []

    def compile(self) -> None:
        """Make the function, and let go of the arrays of the recorded run."""
        recording = self.recording
        self.step = step = recording.compile()
        arrays = iter(step.gradients)
        self.gradients = [(t, None if v is None else Deferred(next(arrays))) for t, v in recording.stores.items()]
        self.marks = [graph.mark(v.array) for v in recording.written if v.role == "constant"]
        recording.forget_results()

    def is_current(self) -> bool:
        """Whether the parameters still have the arrays that were recorded."""
        return all(t.array is array for t, array in self.recording.parameters)

    def fits(self) -> bool:
        """Whether the step would now do what was recorded, as far as that can be known."""
        for tensor, array in self.recording.parameters:
            if tensor.array is not array:
                return False
        for tensor, was_none in self.entry:
            if (getattr(tensor, "_grad", None) is None) is not was_none:
                return False
        return all(function(*args) is value for function, args, value in self.recording.conditions)

    def replay(self, arrays: list[Any]) -> Any:
        """Run the function on the arrays of the arguments; leave the gradients where `.grad` finds them."""
        assert self.step is not None
        if self.loads:
            arrays = arrays + self.entry_gradients()
        try:
            result = self.step.run(*arrays)
        except BaseException as error:
            error.add_note("in a replay of a captured step: what it wrote before this is written; gradients are lost")
            for tensor, gradient in self.gradients:  # whose buffers now hold neither the old nor the new ones
                if gradient is not None and getattr(tensor, "_grad", None) is gradient:
                    tensor._grad = None
            raise
        for tensor, gradient in self.gradients:
            tensor._grad = gradient
        graph.stamp_marks(self.marks)
        return result

    def entry_gradients(self) -> list[Any]:
        """The arrays of the gradients that the step adds to."""
        return [gradient_of(t).array for t in self.loads]  # type: ignore[union-attr]

    def rehearse(self, arrays: list[Any], now: Recording) -> Iterator[tuple[str, Value, Any]]:
        """Run the function beside an eager run of which `now` is the recording; yield what must equal its Values."""
        assert self.step is not None
        outputs = [c.output for c in now.calls if isinstance(c, LiveCall)]
        live = [now.initial.get(v, v.array) if v else None for v in outputs]
        result = self.step.with_live_results(live)(*arrays)
        for place, x in _pairs(now.result, result):
            yield "the returned value", place.value, x.array if isinstance(x, graph.Tensor) else x
        for value, array in zip((v for v in now.stores.values() if v is not None), self.step.gradients, strict=True):
            yield "the gradient", value, array


def _pairs(structure: Any, result: Any) -> Iterator[tuple[Returned, Any]]:
    """The Returned places of a structure with what is in their place."""
    if isinstance(structure, Returned):
        yield structure, result
    elif isinstance(structure, (list, tuple)):
        for x, y in zip(structure, result, strict=True):
            yield from _pairs(x, y)
    elif type(structure) is dict:
        for key, x in structure.items():
            yield from _pairs(x, result[key])


def signature(x: Any, arrays: list[Any], tensors: dict[int, int]) -> Any:
    """What a step may depend on in its arguments beside the contents of arrays, which are appended to `arrays`.

    `tensors` has the place of each Tensor by its id, so that one that is given twice is told from two.

    Raises RuntimeError for a Tensor with a history and TypeError for an object that cannot be compared.
    """
    if isinstance(x, graph.Tensor):
        if x.node is None:
            place = tensors.setdefault(id(x), len(arrays))
            x = x.array
            if place == len(arrays):
                arrays.append(x)
            return place, x.shape, x.dtype, x.strides, type(x)
        if x.node.op is None:
            return x  # a leaf is itself, as the parameters are that the step reaches in other ways
        raise RuntimeError("an argument of a captured step has a history (grad_fn); the step can only "
                           "differentiate what it computes itself. Give it x.detach(), or compute x inside.")
    if _is_array(x):
        arrays.append(x)
        return x.shape, x.dtype, x.strides, type(x)
    if type(x) is float:
        return float, x.hex()  # 0.0 equals -0.0, and nan nothing
    if isinstance(x, np.generic):
        return x.dtype, x.tobytes()
    if isinstance(x, (list, tuple)):
        return type(x), *[signature(y, arrays, tensors) for y in x]
    if type(x) is dict:
        return dict, *[(signature(k, arrays, tensors), signature(y, arrays, tensors)) for k, y in x.items()]
    try:
        hash(x)
    except TypeError:
        raise TypeError("an argument of a captured step must be a Tensor, an array, a structure of these, or "
                        f"hashable; got {type(x).__name__}") from None
    return type(x), x


# --- the captured step --------------------------------------------------------------------------------------------


class Capture(Generic[P, R]):
    """A step that is recorded once and replayed from then on.  Made by `capture`."""

    def __init__(self, step: Callable[P, R], audit: bool = True) -> None:
        functools.update_wrapper(self, step)
        self.step, self.audit = step, audit
        self.captures = 0
        """How many times the step was recorded because arguments or library state were new."""
        self._variants: dict[Any, list[Variant]] = {}
        self._lock = threading.Lock()

    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if mode.state.__class__ is not bool:  # part of another captured step, or traced, or watched: it runs as it is
            return self.step(*args, **kwargs)
        arrays: list[Any] = []
        tensors: dict[int, int] = {}
        key = (mode.state, dtypes.get_default_dtype(), signature(args, arrays, tensors),
               signature(kwargs, arrays, tensors))
        with self._lock:
            for variant in self._variants.get(key, ()):
                if variant.fits():
                    break
            else:
                return self._capture(key, None, args, kwargs)  # type: ignore[no-any-return]
            if variant.version != graph.state_version:
                return self._capture(key, variant, args, kwargs)  # type: ignore[no-any-return]
            variant.calls += 1
            if variant.calls == variant.next_audit and self.audit:
                return self._audit(key, variant, arrays, args, kwargs)  # type: ignore[no-any-return]
            return variant.replay(arrays)  # type: ignore[no-any-return]

    @property
    def source(self) -> str:
        """The functions that replays run, newest last."""
        return "\n\n".join(v.step.source for vs in self._variants.values() for v in vs if v.step is not None)

    def _capture(self, key: Any, old: Variant | None, args: Any, kwargs: Any) -> Any:
        """Run the step eagerly and keep the recording.  `old` was recorded before library state changed."""
        version = graph.state_version
        result, recording = record(self.step, args, kwargs)
        settled = version == graph.state_version
        if old is not None and difference(old.recording, recording) is None:
            if old.step is not None:  # the change did not concern this step
                old.version = graph.state_version
                return result
            settled = True  # what changes at each run, such as requires_grad_() of a new tensor, is part of the step
        self.captures += 1
        variant = Variant(recording, graph.state_version if settled else version)
        others = [v for v in self._variants.pop(key, ()) if v is not old and v.is_current()]
        self._variants[key] = [*others, variant]
        while sum(map(len, self._variants.values())) > MOST_VARIANTS:
            del self._variants[next(iter(self._variants))]
        if settled:  # else the run changed what later runs depend on, such as a lazily made buffer: record the next one
            variant.compile()
        return result

    def _audit(self, key: Any, variant: Variant, arrays: list[Any], args: Any, kwargs: Any) -> Any:
        """Run the step eagerly - that is what counts - and the replay from the same state; raise if they differ."""
        variant.next_audit *= 2
        arrays = arrays + variant.entry_gradients()
        given = dict(zip(variant.recording.parameters_of_step(), arrays, strict=True))
        written = {v.number: given.get(v, v.array) for v in variant.recording.written}
        before = {n: array.copy() for n, array in written.items()}
        result, now = record(self.step, args, kwargs)
        what = difference(variant.recording, now)
        if what is None:
            variant.version = graph.state_version  # if the step changes library state at each run, that is part of it
            after = {n: array.copy() for n, array in written.items()}
            _put(written, before)
            try:
                what = _first_difference(now, variant.rehearse(arrays, now), written, after)
            finally:
                _put(written, after)
        if what is not None:
            self._variants[key].remove(variant)
            name = getattr(self.step, "__qualname__", self.step)
            raise RuntimeError(f"captured step {name}: the audit of replay {variant.calls} found that it differs from "
                               f"running the step: {what}. {FROZEN}")
        return result


def _put(arrays: dict[int, Any], contents: dict[int, Any]) -> None:
    for number, array in arrays.items():
        array[...] = contents[number]


def _first_difference(now: Recording, rehearsed: Iterator[tuple[str, Value, Any]], written: dict[int, Any],
                      after: dict[int, Any]) -> str | None:
    """In which call of `now` something was computed that the replay computed otherwise."""
    made = {v: i for i, c in enumerate(now.calls, 1) for v in ([c.output] if isinstance(c, LiveCall) else c.outputs)}
    wrong = [(made.get(v, 0), what) for what, v, x in rehearsed if not _same_value(v.array, x)]
    for number, array in written.items():
        if not same_bits(array, after[number]):
            owner = owner_of(array)
            writers = [i for i, c in enumerate(now.calls, 1) if isinstance(c, Call)
                       and any(owner_of(v.array) is owner for v in c.overwrites())]
            wrong.append((min(writers, default=0), f"the array of shape {array.shape} that it overwrites"))
    if not wrong:
        return None
    i, what = min(wrong)
    return f"call {i} of {len(now.calls)}, {now.calls[i - 1] if i else 'none'}: {what} has other bits"


def _same_value(x: Any, y: Any) -> bool:
    return same_bits(x, y) if _is_array(x) else bool(type(x) is type(y) and (x == y or x != x))


@overload
def capture(step: Callable[P, R], *, audit: bool = True) -> Capture[P, R]: ...
@overload
def capture(step: None = None, *, audit: bool = True) -> Callable[[Callable[P, R]], Capture[P, R]]: ...
def capture(step: Callable[..., Any] | None = None, *, audit: bool = True) -> Any:
    """A training step without the cost of Python: run once, then replayed with the same bits.

    Function and decorator.  The first call with arguments of new shapes, dtypes or devices (or other numbers) runs the
    step and records its ops; later calls replay them on preallocated arrays.  Parameters, optimizer state, learning
    rates and random draws are read at each replay.  *Other Python inside the step is frozen*: what `if`, a counter or
    `np.random` gave at the recording stays.  Therefore replays 1, 2, 4, 8, ... are audited (unless `audit=False`): the
    step runs as it is, and a replay that would have given other bits raises RuntimeError and names the op.

    The step returns Tensors (in tuples, lists and dicts); they come back as new constants.  Reading a value inside
    (`item()`, `bool()`, `numpy()`) raises RuntimeError.  See docs/capture.md.

    >>> import tinygrad_lite as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = tg.optim.SGD([w], lr=0.1)
    >>> @tg.capture
    ... def step(x):
    ...     loss = ((w * x) ** 2).sum()
    ...     optimizer.zero_grad()
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> for _ in range(3):
    ...     print(step(tg.tensor([1.0, 0.5])))
    tensor(2.)
    tensor(1.5425)
    tensor(1.2241)
    """
    if step is None:
        return functools.partial(capture, audit=audit)
    return Capture(step, audit)
