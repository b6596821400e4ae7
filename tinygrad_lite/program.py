"""The program: what a function computes, forward and backward, as one flat list of op calls.

Everything the library does is an op call, so recording op calls is complete by construction.  A program is recorded by
running the function once under an observer; the walk then runs its VJPs on Tensors, so that the backward pass arrives
as op calls too.  `explanation/` and `replay/` are readers of programs and nothing else.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from math import prod
from typing import Any, Literal

import numpy as np

from ._tensor import Tensor
from .autograd import observing
from .engine import graph
from .engine.accumulation import first_gradient
from .engine.graph import Leaf, Node, Observer, tick
from .engine.operation import Op
from .engine.walk import collect, walk

Phase = Literal["forward", "backward"]


@dataclass(eq=False, slots=True)
class Value:
    """An array (or a live number) that a program computes or is given.

    `role`: "input" (an argument of the function), "leaf" (a tensor that requires grad and came from elsewhere),
    "constant" (any other array from elsewhere), "live" (made by host Python at each run) or "result" (of a call).
    """

    number: int
    role: str
    array: Any
    name: str | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape it had when the program was recorded; () for a live number."""
        return tuple(getattr(self.array, "shape", ()))

    @property
    def dtype(self) -> Any:
        """The dtype, or the Python type of a live number."""
        return getattr(self.array, "dtype", type(self.array))

    def __repr__(self) -> str:
        return self.name or f"%{self.number}"


@dataclass(eq=False, slots=True)
class Call:
    """One call: `outputs = op(operands, settings)`.

    An operand is a Value, a Python number, None, or a list of these where the op takes a sequence; a setting may be a
    live Value.  `outputs` are y and the op's residuals.  An op with `writes` has no outputs and overwrites operands.
    """

    op: Op
    operands: tuple[Any, ...]
    settings: tuple[Any, ...]
    outputs: tuple[Value, ...]
    phase: Phase = "forward"

    def reads(self) -> Iterator[Value]:
        """The Values that the call needs."""
        for x in (*self.operands, *self.settings):
            if isinstance(x, Value):
                yield x
            elif isinstance(x, list):
                yield from (v for v in x if isinstance(v, Value))

    def overwrites(self) -> Iterator[Value]:
        """The Values that the call writes to."""
        for name, x in zip(self.op.operands, self.operands, strict=True):
            if name in self.op.writes and isinstance(x, Value):
                yield x

    def arguments(self, substitute: Callable[[Value], Any]) -> dict[str, Any]:
        """The arguments of `op.forward` by name, with `substitute(value)` in the place of each Value."""
        names = (*self.op.operands, *self.op.settings)
        return {n: _substituted(x, substitute) for n, x in zip(names, (*self.operands, *self.settings), strict=True)}

    def __str__(self) -> str:
        inside = [_show(x) for x in self.operands]
        defaults = {n: p.default for n, p in self.op.signature.parameters.items()}
        inside += [f"{n}={_show(x)}" for n, x in zip(self.op.settings, self.settings, strict=True)
                   if isinstance(x, (Value, list)) or not _same(x, defaults[n])]
        left = f"{self.outputs[0]!r} = " if self.outputs else ""
        return f"{left}{self.op.name}({', '.join(inside)})"


@dataclass(eq=False, slots=True)
class LiveCall:
    """Host Python that runs anew at each run of the program: `output = function(*args)` (see `graph.live`)."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    output: Value | None

    def __str__(self) -> str:
        left = f"{self.output!r} = " if self.output else ""
        return f"{left}live {getattr(self.function, '__qualname__', self.function)}"


def _same(x: Any, default: Any) -> bool:
    return type(x) is type(default) and bool(x == default)


def _substituted(x: Any, substitute: Callable[[Value], Any]) -> Any:
    if isinstance(x, list):
        return [_substituted(v, substitute) for v in x]
    return substitute(x) if isinstance(x, Value) else x


def _show(x: Any) -> str:
    if isinstance(x, list):
        return f"[{', '.join(map(_show, x))}]"
    return f"{x:.6g}" if type(x) is float else repr(x)


@dataclass(eq=False)
class Program:
    """A recorded function: its calls in order, what it was given, what it returns, and the gradients.

    `print(program)` shows one line per call with shapes and dtypes.  A program can be run again on other arrays of the
    same shapes: `program(x=..., w=...)` returns (result, {name: gradient}).  `adjoints` has the gradient of every value
    of the forward pass that the walk came by.
    """

    calls: list[Call | LiveCall]
    values: list[Value]
    result: Value
    gradients: dict[str, Value] = field(default_factory=dict)
    adjoints: dict[Value, Value] = field(default_factory=dict)
    aliases: dict[str, Value] = field(default_factory=dict)
    detached: list[Value] = field(default_factory=list)

    @property
    def inputs(self) -> dict[str, Value]:
        """What the program was given by name: the arguments and the leaves.  The same array given twice is one Value.
        """
        return {v.name: v for v in self.values if v.role in ("input", "leaf") and v.name} | self.aliases

    @property
    def constants(self) -> list[Value]:
        """Arrays that came from elsewhere and have no name."""
        return [v for v in self.values if v.role == "constant"]

    def op_calls(self, phase: Phase | None = None) -> list[Call]:
        """The op calls in order, of one phase or of both."""
        return [c for c in self.calls if isinstance(c, Call) and phase in (None, c.phase)]

    def __call__(self, **arrays: Any) -> tuple[Any, dict[str, Any]]:
        """Run the program on other arrays; an input that is not given keeps the array it was recorded with.

        A program that writes in place writes to copies.

        Raises TypeError for an unknown name and ValueError for another shape, or for two arrays where there was one:
        `trace(f, x, x)` has recorded a function of one array.
        """
        inputs = self.inputs
        environment: dict[Value, Any] = {}
        for name, array in arrays.items():
            if name not in inputs:
                raise TypeError(f"the program has no input {name!r}; it has {sorted(inputs)}")
            array = array.array if isinstance(array, graph.Tensor) else array
            if tuple(np.shape(array)) != inputs[name].shape:
                raise ValueError(f"{name} must have shape {inputs[name].shape}, got {np.shape(array)}")
            if environment.setdefault(inputs[name], array) is not array:
                same = [n for n, v in inputs.items() if v is inputs[name]]
                raise ValueError(f"{' and '.join(same)} were one array when the program was recorded; give one")
        if any(c.op.writes for c in self.op_calls()):
            environment |= {v: environment.get(v, v.array).copy() for v in self.values
                            if v.role in ("input", "leaf", "constant")}

        def value(v: Value) -> Any:
            return environment.get(v, v.array)

        for call in self.calls:
            if isinstance(call, LiveCall):
                made = call.function(*call.args)
                if call.output is not None:
                    environment[call.output] = made
                continue
            outputs = call.op.forward(**call.arguments(value))
            if call.op.writes:
                continue
            for v, array in zip(call.outputs, outputs if call.op.residuals else (outputs,), strict=True):
                if isinstance(array, np.generic):
                    array = np.asarray(array)
                environment[v] = array if array.dtype == v.dtype else array.astype(v.dtype)
        return value(self.result), {name: value(v) for name, v in self.gradients.items()}

    def __str__(self) -> str:
        rows: list[tuple[str, Value | None, str]] = [
            (f"{v!r}", v, v.role) for v in self.values if v.role not in ("result", "live")]
        lines = [*_table(rows)]
        for phase in ("forward", "backward"):
            calls = [c for c in self.calls if (c.phase if isinstance(c, Call) else "forward") == phase]
            if calls:
                lines += [f"{phase}:", *("  " + row for row in _table(
                    [(str(c), (c.outputs[0] if isinstance(c, Call) and c.outputs else getattr(c, "output", None)), "")
                     for c in calls]))]
        lines += [f"{name} is {v!r}" for name, v in self.aliases.items()]
        gradients = "".join(f", d{name} = {v!r}" for name, v in self.gradients.items())
        lines.append(f"return {self.result!r}{gradients}")
        if prod(self.result.shape) != 1:
            lines.append(f"no gradients: the result, of shape {self.result.shape}, is no scalar")
        return "\n".join(lines)

    __repr__ = __str__


def _table(rows: list[tuple[str, Value | None, str]]) -> Iterator[str]:
    width = min(max((len(left) for left, _, _ in rows), default=0), 72)
    for left, value, role in rows:
        about = f"{value.dtype} {value.shape}" if value is not None else ""
        yield f"{left:<{width}}  {about} {role}".rstrip()


class Recorder(Observer):
    """Records each call of its thread.  Values are told apart by their array object, which is kept alive meanwhile."""

    sees_backward = True

    def __init__(self) -> None:
        self.calls: list[Call | LiveCall] = []
        self.values: list[Value] = []
        self.phase: Phase = "forward"
        self.adjoints: dict[Value, Value] = {}
        self._known: dict[int, Value] = {}
        self.detached: list[Value] = []
        self._merged: list[Value] = []  # kept for the sake of their arrays, whose ids must not come again
        self._recorded: dict[int, Call] = {}  # when a call was made -> the call; its node is one tick younger

    def value(self, array: Any, role: str = "constant", name: str | None = None) -> Value:
        """The Value of an array; a new one of this role if it was not seen before."""
        known = self._known.get(id(array))
        if known is None:
            known = Value(len(self.values), role, array, name)
            self._known[id(array)] = known
            self.values.append(known)
        return known

    def recorded(self, node: Node) -> Call | None:
        """The call that a node was recorded for."""
        return self._recorded.get(node.age - 1)

    def known(self, array: Any) -> Value | None:
        """The Value of an array that was seen before."""
        return self._known.get(id(array))

    def _operand(self, x: Any) -> Any:
        if isinstance(x, (list, tuple)):
            return [self._operand(v) for v in x]
        if type(x) is float:
            return self._known.get(id(x), x)
        return self.value(x) if hasattr(x, "dtype") and hasattr(x, "shape") else x

    def _setting(self, x: Any) -> Any:
        return self._known.get(id(x), x) if type(x) is float else x

    def overwrites(self, arrays: tuple[Any, ...]) -> None:
        """See the arrays while they are what they were."""
        for array in arrays:
            self._operand(array)

    def called(self, op: Op, operands: tuple[Any, ...], settings: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        if outputs and any(outputs[0] is x for x in operands):
            return  # the op handed an operand through: nothing was computed
        reads = tuple(self._operand(x) for x in operands)
        made = tuple(self.value(y, "result") for y in outputs)
        call = Call(op, reads, tuple(self._setting(s) for s in settings), made, self.phase)
        self.calls.append(call)
        if made and self.phase == "forward":
            self._recorded[tick()] = call

    def recording(self, function: str) -> None:
        tick()  # the nodes that follow belong to no call

    def gradients(self, retain: bool) -> dict[Node, Any]:
        return _Adjoints(self)

    def arrived(self, node: Node, gradient: Any) -> None:
        """The gradient of the value that `node` stands for is complete."""
        call = self.recorded(node)
        if call is not None:
            array = gradient.array if isinstance(gradient, graph.Tensor) else gradient
            self.adjoints[call.outputs[0]] = self.value(array)

    def _forget_idle_writes(self) -> None:
        """Leave out writes to memory that no op reads or made, such as running statistics: nothing depends on them."""
        ops = [c for c in self.calls if isinstance(c, Call) and not c.op.writes]
        used = {id(graph.owner_of(v.array)) for c in ops for v in (*c.reads(), *c.outputs)}
        self.calls = [c for c in self.calls if not (isinstance(c, Call) and c.op.writes) or any(
            id(graph.owner_of(v.array)) in used for v in c.overwrites())]

    def merge_repeated(self, result: Tensor) -> Tensor:
        """Let calls that compute the same from the same operands be one, before the walk; return the result on that
        graph.

        A value that was computed twice then has one gradient, to which both uses contribute.  What is overwritten in
        place may differ from one call to the next, so a program that writes stays as it is.
        """
        self._forget_idle_writes()
        calls = [c for c in self.calls if isinstance(c, Call)]
        if any(c.op.writes for c in calls):
            return result
        nodes = collect([result], frozenset())
        node_of = {call: n for n in nodes if (call := self.recorded(n)) is not None}
        self.detached = _detached(calls, node_of, self.value(result.array), {
            self.value(owner.array) for n in nodes if isinstance(n, Leaf) and (owner := n.owner()) is not None})
        values: dict[Value, Value] = {}
        replaced: dict[Node | None, Node] = {}
        first: dict[Any, Call] = {}
        for call in calls:
            node = node_of.get(call)
            call.operands = tuple(_replaced(x, values) for x in call.operands)
            if node is not None and node.hooks:
                continue
            parents = node and tuple(replaced.get(p, p) for p in (node.p0, node.p1, node.p2, *node.rest))
            earlier = first.setdefault((call.op, _key(call.operands), _key(call.settings), parents), call)
            if earlier is not call:
                values |= zip(call.outputs, earlier.outputs, strict=True)
                if node is not None:
                    replaced[node] = node_of[earlier]
        for node in nodes:
            for slot in ("p0", "p1", "p2"):
                if (parent := getattr(node, slot)) in replaced:
                    setattr(node, slot, replaced[parent])
            if not replaced.keys().isdisjoint(node.rest):
                setattr(node, "rest", tuple(replaced.get(p, p) for p in node.rest))  # noqa: B010  # not all have one
        self.detached = [values.get(v, v) for v in self.detached]
        self._merged += values
        self._known |= {id(old.array): new for old, new in values.items()}
        self.values = [v for v in self.values if v not in values]
        self.calls = [c for c in self.calls if not (isinstance(c, Call) and c.outputs and c.outputs[0] in values)]
        return Tensor(self.value(result.array).array, replaced.get(result.node, result.node))

    def live(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        made = function(*args)
        if type(made) is float:
            made *= 1.0  # a float object of its own, so that its identity tells it from equal numbers
        is_value = type(made) is float or (hasattr(made, "dtype") and hasattr(made, "shape"))
        self.calls.append(LiveCall(function, args, self.value(made, "live") if is_value else None))
        return made


def _detached(calls: list[Call], node_of: dict[Call, Node], result: Value, leaves: set[Value]) -> list[Value]:
    """What has a gradient and is also used, on the way to the result, as if it had none."""
    tracked = leaves | {c.outputs[0] for c in node_of}
    needed, found = {result}, []
    for call in reversed(calls):
        if needed.isdisjoint(call.outputs):
            continue
        node = node_of.get(call)
        slots = {name: f"p{i}" for i, name in enumerate(call.op.differentiable)}
        for name, x in zip(call.op.operands, call.operands, strict=True):
            if name in call.op.vjps:  # comparisons pass no gradient anyway
                needed |= {v for v in (x if isinstance(x, list) else [x]) if isinstance(v, Value)}
            if name in slots and x in tracked and (node is None or getattr(node, slots[name]) is None):
                found.append(x)
    return list(dict.fromkeys(found))


def _replaced(x: Any, values: dict[Value, Value]) -> Any:
    """An operand with other Values in the place of some."""
    if isinstance(x, list):
        return [_replaced(v, values) for v in x]
    return values.get(x, x) if isinstance(x, Value) else x


def _key(x: Any) -> Any:
    """What tells operands and settings from others: 1 is not 1.0."""
    return tuple(map(_key, x)) if isinstance(x, (list, tuple)) else x if isinstance(x, Value) else repr(x)


class _Adjoints(dict[Node, Any]):
    """The gradients of a walk; each is told to the recorder when the walk takes it out, complete."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def pop(self, node: Node, default: Any = None) -> Any:
        gradient = super().pop(node, default)
        if gradient is not None:
            self.recorder.arrived(node, gradient)
        return gradient


def trace(function: Callable[..., Any], *args: Any, names: Any = None) -> Program:
    """Run `function(*args)` once and return the program: what it computed, and its gradients if it returned a scalar.

    Inputs are named after the parameters of the function, other leaves after `names` (a Module, or a dict of name ->
    tensor), else w1, w2, ...  No `.grad` is touched.

    Raises TypeError if the function does not return a Tensor.

    >>> import tinygrad_lite as tg
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> print(tg.trace(lambda x: (x * x).sum(), x))
    x  float32 (2,) input
    %3  float32 () constant
    forward:
      %1 = mul(x, x)  float32 (2,)
      %2 = sum(%1)    float32 ()
    backward:
      %4 = expand(%3, shape=(2,))  float32 (2,)
      %5 = mul(%4, x)              float32 (2,)
      %6 = mul(%4, x)              float32 (2,)
      %7 = add(%5, %6)             float32 (2,)
    return %2, dx = %7
    """
    return record(function, args, names)


def record(function: Callable[..., Any], args: tuple[Any, ...], names: Any, *, merged: bool = False) -> Program:
    """What `trace` does; with `merged`, what is computed twice from the same operands is one call."""
    recorder = Recorder()
    aliases: dict[str, Value] = {}
    for name, x in zip(parameter_names(function, len(args)), args, strict=True):
        array = x.array if isinstance(x, graph.Tensor) else x
        if hasattr(array, "dtype") and hasattr(array, "shape"):
            value = recorder.value(array, "input", name)
            if value.name != name:
                aliases[name] = value
    taken = {v.name: v for v in recorder.values} | aliases
    for name, tensor in named_tensors(names):
        value = recorder.value(tensor.array, "leaf" if tensor.node is not None else "input", name)
        if taken.setdefault(name, value) is not value:
            raise ValueError(f"names: {name!r} is a parameter of the function already; choose another symbol")
        if value.name != name and value.name not in parameter_names(function, len(args)):
            raise ValueError(f"names: {value.name!r} and {name!r} are the same tensor; choose one symbol")
    with observing(recorder):
        result = function(*args)
        if not isinstance(result, Tensor):
            raise TypeError(f"trace: the function must return a Tensor, got {type(result).__name__}")
        if merged and result.node is not None:
            result = recorder.merge_repeated(result)
        recorder.phase = "backward"
        gradients: dict[str, Value] = {}
        found = {}
        if result.node is not None and result.array.size == 1:
            found = walk([result], [first_gradient(result, None, False)])
    for node in sorted(found, key=lambda n: n.age):
        assert isinstance(node, Leaf)
        owner = node.owner()
        if owner is None:
            continue
        leaf = recorder.value(owner.array, "leaf")
        if leaf.role == "constant":
            leaf.role = "leaf"
        if leaf.name is None:
            leaf.name = next(name for i in count(1) if (name := f"w{i}") not in taken)
            taken[leaf.name] = leaf
        if leaf.name in gradients:
            raise ValueError(f"trace: two tensors that require grad have one array, that of {leaf.name}; clone() one")
        gradients[leaf.name] = recorder.value(found[node].array)
    return Program(recorder.calls, recorder.values, recorder.value(result.array), gradients, recorder.adjoints, aliases,
                   recorder.detached)


def parameter_names(function: Callable[..., Any], count: int) -> list[str]:
    """Names for `count` positional arguments of `function`, from its signature; of a Module, from its `forward`."""
    try:
        parameters = list(inspect.signature(getattr(function, "forward", function)).parameters.values())
    except (TypeError, ValueError):  # written in C
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][:count]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "x")
    return names + [f"{rest}{i}" for i in range(1, count - len(names) + 1)]


def named_tensors(names: Any) -> Iterable[tuple[str, Tensor]]:
    """`names` as pairs: a dict, or anything with `named_parameters()`.

    Raises TypeError for something else.
    """
    if names is None:
        return ()
    if hasattr(names, "named_parameters"):
        return list(names.named_parameters())
    if isinstance(names, dict) and all(isinstance(t, graph.Tensor) for t in names.values()):
        return list(names.items())
    raise TypeError(f"names must be a Module or a dict of name -> Tensor, got {type(names).__name__}")
