"""Derivation: the named equations of a loss and its gradients, read from programs.

Each recorded call becomes an expression, fused ops through their definition.  What a textbook would name gets a name;
the rest is written where it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

import numpy as np

from .. import ops
from .._tensor import Tensor
from ..autograd import no_grad, observing
from ..engine import backend
from ..engine.call import arguments_of
from ..engine.operation import Op
from ..ops.loss import one_hot_along
from ..program import Call, Program, Recorder, Value
from .expression import ARITHMETIC, SAFE_LOG, Algebra, Expr, UnknownSizeError, agree, evaluate, terms_of

LONGEST = 24  # parts of one equation: what is longer is cut in two
OFTEN = 6  # parts that are written less if a formula gets a name: the quotient of two symbols used four times
NAMED = {f.op for f in (ops.add, ops.sub, ops.mul, ops.div, ops.pow)}
PRODUCTS = {f.op for f in (ops.matmul, ops.contract, ops.conv, ops.conv_transpose)}


@dataclass(frozen=True)
class Equation:
    """`name = expr`.  A name that begins with ∂ is that of the gradient with respect to what follows."""

    name: str
    expr: Expr
    backward: bool


@dataclass(frozen=True)
class Batch:
    """How many examples there are: `size` along `axis` of the argument `name`."""

    name: str
    axis: int
    size: int


@dataclass(frozen=True)
class Derivation:
    """The equations in the order in which they are computed, and what they speak of.

    `names` are the symbols of expressions, `inputs` those that stand for given arrays, `gradients` the gradients of
    parameters by symbol; `summing_to_one` are the inputs of which the derivation assumes that, `detached` the values
    that are also used as constants; `occurring` are conditions that are used: that they hold.
    """

    equations: list[Equation]
    names: dict[Expr, str]
    inputs: dict[str, Expr]
    gradients: list[str]
    loss: str
    batch: Batch | None
    summing_to_one: list[str]
    detached: list[str]
    occurring: list[Expr]


def derive(programs: list[Program], symbols: Iterable[str], batch: Batch | None) -> Derivation:
    """The equations of a program; with a batch, of the programs of one function for that batch size and for twice it.

    Raises UnknownSizeError if the programs differ in more than sizes.
    """
    return _Reader(programs, {*symbols}, batch).derivation()


def check(derivation: Derivation, run: int, results: dict[str, Value]) -> None:
    """Compute each equation of a run from the ones before it and compare with what was recorded, above all with the
    `results`.

    Raises ValueError if they do not say what ran: it is better to print nothing than something false.
    """
    recorded = {name: e.values[run] for e, name in derivation.names.items()}
    recorded |= {name: _host(v.array) for name, v in results.items()}
    known = {e: e.values[run] for e in derivation.inputs.values()}
    symbols = {name: e for e, name in derivation.names.items()}
    defined = {*derivation.inputs}
    for q in derivation.equations:
        try:
            value = evaluate(q.expr, known, run, top=derivation.names.get(q.expr) == q.name)
            true = q.name not in defined and agree(value, recorded[q.name], terms_of(q.expr, run))
        except (KeyError, TypeError, ValueError):  # it uses what is defined below or nowhere, or does not fit together
            true = False
        if not true:
            raise ValueError(f"explain: the equation found for {q.name} does not say what ran, so none is shown; "
                             f"please report this function.  trace(f, ...) shows what it computes")
        defined.add(q.name)
        if q.name in symbols:
            known[symbols[q.name]] = recorded[q.name]
    if missing := recorded.keys() - defined:
        raise ValueError(f"explain: no equation was found for {min(missing)}; please report this function")


class _Reader:
    def __init__(self, programs: list[Program], symbols: set[str], batch: Batch | None) -> None:
        self.programs, self.program, self.symbols, self.batch = programs, programs[0], symbols, batch
        self.sizes = (batch.size, 2 * batch.size) if batch else (None,)
        self.algebra = Algebra(self.sizes)
        self.known: dict[Value, Expr] = {}  # by the values of the first run
        self.names: dict[Expr, str] = {}
        self.symbol_of: dict[Expr, Expr] = {}  # what the gradient of a named value is -> the symbol that stands for it
        self.gradient_of: dict[Expr, list[Expr]] = {}  # a gradient without a name -> what it is the gradient of
        self.differentiated: dict[Value, list[Value]] = {}  # a gradient -> what it is the gradient of

    def derivation(self) -> Derivation:
        """Read the forward pass, name it, read the backward pass with those names, put all in order."""
        self.read([p.op_calls("forward") for p in self.programs], self.known)
        for name in self.program.inputs:
            self.operand(tuple(p.inputs[name] for p in self.programs), self.known)
        for x in self.whole():
            self.differentiated.setdefault(self.program.adjoints[x], []).append(x)
        self.name_given()
        loss = self.name_forward()
        self.algebra.opaque |= self.names.keys()
        self.algebra.backward = True
        self.read([p.op_calls("backward") for p in self.programs], self.known)
        symbols = {name: f"∂{self.names[self.known[self.program.inputs[name]]]}" for name in self.program.gradients}
        gradients = {}
        for name, symbol in symbols.items():
            e = self.operand(tuple(p.gradients[name] for p in self.programs), self.known)
            gradients[symbol] = self.symbol_of.get(e, e)
        equations = {self.names[g]: e for e, g in self.symbol_of.items()} | gradients
        self.name_rest([loss, *equations.values()])
        forward = set(all_parts([loss]))
        steps = [Equation(name, e, True) for name, e in equations.items()]
        steps += [Equation(name, e, e not in forward) for e, name in self.names.items() if e.op is not None]
        inputs = {name: e for e, name in self.names.items() if e.op is None and e not in self.symbol_of.values()}
        order = [f"∂{name}" for name in inputs if f"∂{name}" in gradients]
        derivation = Derivation(sorted(steps, key=lambda s: (s.backward, s.expr.order)), self.names, inputs, order,
                                self.names[loss], self.batch, [self.names[e] for e in self.algebra.summing_to_one],
                                [self.names[e] for v in self.program.detached if (e := self.known[v]) in self.names],
                                self.algebra.occurring)
        for run, program in enumerate(self.programs):
            check(derivation, run, {derivation.loss: program.result} | {
                symbol: program.gradients[name] for name, symbol in symbols.items()})
        return derivation

    # --- expressions --------------------------------------------------------------------------------------------------

    def read(self, runs: list[list[Call]], known: dict[Value, Expr], fused: bool = False) -> None:
        """Make the expression of each call, which is given as it is in each run; `fused`: calls that define an op."""
        if any([c.op for c in calls] != [c.op for c in runs[0]] for calls in runs):
            raise UnknownSizeError
        for calls in zip(*runs, strict=True):
            op = SAFE_LOG if fused and calls[0].op is ops.log.op else calls[0].op
            args = tuple(self.operand(xs, known) for xs in zip(*(c.operands for c in calls), strict=True))
            settings = tuple(map(_settings, calls))
            outputs = [tuple(_host(v.array) for v in vs) for vs in zip(*(c.outputs for c in calls), strict=True)]
            made = None
            if op.definition is not None and not _says_all(op, args):
                made = self.composed(op.definition, calls, args, outputs[0])
            known[calls[0].outputs[0]] = made or self.algebra.build(op, args, settings, outputs[0])
            for name, v, values in zip(op.residuals, calls[0].outputs[1:], outputs[1:], strict=True):
                if name not in op.rules:
                    raise ValueError(f"explain: {op.name} keeps {name} and does not say what that is; give it a rule "
                                     f"with @{op.name}.residual({name!r})")
                known[v] = self.composed(op.rules[name], calls, args, values) or self.algebra.given(values)
            self.name_gradient(calls[0].outputs[0])

    def operand(self, xs: tuple[Any, ...], known: dict[Value, Expr]) -> Any:
        """The expression of an operand, which is given as it is in each run."""
        first = xs[0]
        if isinstance(first, list):
            return tuple(self.operand(each, known) for each in zip(*xs, strict=True))
        if first is None or first in known:
            return first and known[first]
        values = tuple(_host(x.array) if isinstance(x, Value) else x for x in xs)
        counts = not isinstance(first, Value) or first.role in ("constant", "live")
        if counts and all(np.shape(v) == () and np.isfinite(v) and np.asarray(v).dtype.kind != "b" for v in values):
            made = self.algebra.number(self.algebra.scale_of(tuple(np.asarray(v).item() for v in values)))
        else:
            made = self.algebra.given(tuple(map(np.asarray, values)))
        if isinstance(first, Value):
            known[first] = made
            if first.role in ("input", "constant") and first.name not in self.program.gradients:
                self.algebra.data.add(made)
        return made

    def composed(self, function: Any, calls: tuple[Call, ...], args: tuple[Any, ...],
                 values: tuple[Any, ...]) -> Expr | None:
        """The expression of a composition of ops - a definition, the rule of a residual - found by running it on the
        operands of a call, which is given as it is in each run.

        None if it does not have these values.
        """
        known: dict[Value, Expr] = {}
        runs, results = [], []
        for call in calls:
            recorder = Recorder()

            def tensor(x: Any, e: Any, recorder: Recorder = recorder) -> Any:
                if isinstance(x, list):
                    return list(map(tensor, x, e))
                if not isinstance(x, Value):
                    return x
                array = _host(x.array)
                known[recorder.value(array)] = e
                return Tensor(array)

            given = dict(zip(call.op.operands, map(tensor, call.operands, args), strict=True))
            given |= dict(zip(call.op.settings, _settings(call), strict=True))
            with no_grad(), observing(recorder), np.errstate(all="ignore"):  # log 0, say, in a saturated softmax
                results.append(recorder.value(function(**{n: given[n] for n in arguments_of(function)}).array))
            runs.append([c for c in recorder.calls if isinstance(c, Call)])
        self.read(runs, known, fused=True)
        made = known[results[0]]
        return made if all(map(agree, made.values, values)) else None

    def whole(self) -> Iterator[Value]:
        """The values whose gradient is that of their expression: it stands for no other value that was computed apart.

        A copy of a value has the same expression; what reaches the copy reaches the value.
        """
        origins: dict[Expr, list[Value]] = {}
        for call in self.program.op_calls("forward"):
            v = call.outputs[0]
            e = self.known[v]
            if v in self.program.adjoints and all(self.known.get(x) is not e for x in call.reads()):
                origins.setdefault(e, []).append(v)
        return (values[0] for values in origins.values() if len(values) == 1)

    # --- names --------------------------------------------------------------------------------------------------------

    def free(self, *candidates: str) -> str:
        """The first of the names that is not taken, or the last with the first number that makes it free."""
        taken = {*self.names.values(), *self.symbols, "m"}
        stem = candidates[-1].rstrip("0123456789")
        return next(name for name in chain(candidates, (f"{stem}{i}" for i in count(1))) if name not in taken)

    def name_given(self) -> None:
        """Name arguments as f does, other tensors as `names` does, the rest W, b (or w) after their use."""
        given = [(v, e) for v, e in self.known.items() if e.op is None and e.number is None]
        chosen = [(v, e) for v, e in given if v.name and (v.role == "input" or v.name in self.symbols)]
        for v, e in sorted(chosen, key=lambda pair: pair[0].number):
            self.names[e] = v.name or ""
        factors = {x for e in all_parts(self.known.values()) if e.op in PRODUCTS
                   for child in e.children() for x in (child, *child.children())}
        layer = 0
        for v, e in sorted(given, key=lambda pair: pair[0].number):
            if e in self.names:
                continue
            if v.role != "leaf":
                self.names[e] = self.free("c1")
            elif e in factors or sum(n > 1 for n in e.shape) > 1:
                layer += 1
                letter = "W" if len(e.shape) > 1 else "w"
                self.names[e] = self.free(f"{letter}{layer}", f"{letter}1")
            else:
                self.names[e] = self.free(f"b{max(layer, 1)}", "b1")

    def name_forward(self) -> Expr:
        """Name what a textbook does: z for sums of products, a for functions of them, y for classes, L for the loss."""
        loss: Expr = self.known[self.program.result]
        if loss.op is None:
            loss = self.algebra.apply(ops.clone, (loss,))
        everything = all_parts([loss])
        bent = {e.args[0] for e in everything if _is_activation(e)}
        affine: set[Expr] = set()
        extended: dict[Expr, bool] = {}  # whether each use of it is one more term of such a sum
        for e in everything:
            is_sum = e.op is ops.add.op
            is_scaled = e.op in (ops.mul.op, ops.div.op) and any(x in affine for x in e.children()) and any(
                x.number is not None for x in e.children())
            if e.shape and (e.op in PRODUCTS or is_scaled or (is_sum and (
                    e in bent or any(x in affine for x in e.children())))):
                affine.add(e)
            for x in e.children():
                extended[x] = extended.get(x, True) and (is_sum or is_scaled) and e in affine
        layer = 0
        for e in everything:
            if e.op is None or e is loss:
                continue
            if e in affine and not extended[e]:
                layer += 1
                self.names[e] = self.free(f"z{layer}", "z1")
            elif _is_activation(e):
                number = self.names.get(e.args[0], "").removeprefix("z")
                self.names[e] = self.free(f"a{number if number.isdigit() else max(layer, 1)}", "a1")
            elif e.op is one_hot_along.op:
                self.names[e] = self.free("y", "Y", "y1")
        self.names[loss] = self.free("L", "J", "loss")
        return loss

    def name_gradient(self, v: Value) -> None:
        """If `v` is the gradient of a z, let a symbol stand for it from here on."""
        e = self.known.get(v)
        if e is None or v not in self.differentiated:
            return
        if e in self.symbol_of:
            self.known[v] = self.symbol_of[e]
        for x in self.differentiated[v]:
            of = self.known[x]
            name = f"∂{self.names.get(of, '')}"
            if name.startswith("∂z") and e not in self.symbol_of.values() and e not in self.symbol_of:
                self.symbol_of[e] = self.known[v] = g = self.algebra.given(e.values)
                self.names[g] = name
            self.gradient_of.setdefault(e, []).append(of)

    def name_rest(self, roots: list[Expr]) -> None:
        """Name what is used twice and is more than arithmetic, and cut what is too long."""
        everything, top = all_parts(roots), set(roots)
        forward = set(all_parts(roots[:1]))
        uses: dict[Expr, int] = {}
        for e in everything:
            for x in e.children():
                uses[x] = uses.get(x, 0) + 1
        weight: dict[Expr, int] = {}
        costly: set[Expr] = set()
        for e in everything:
            weight[e] = 1 + sum(1 if x in self.names else weight[x] for x in e.children())
            if e.op is not None and (e.op not in ARITHMETIC or any(x in costly for x in e.children())):
                costly.add(e)
            often = e.op in NAMED and (uses.get(e, 0) - 1) * (weight[e] - 1) >= OFTEN
            if e.op is None and e.number is None and e not in self.names:
                self.names[e] = self.free("c1")
            elif e not in self.names and e not in top and (
                    often or (e in costly and uses.get(e, 0) > 1) or weight[e] > LONGEST):
                whose = [f"∂{self.names[x]}" for x in self.gradient_of.get(e, ()) if x in self.names]
                letters = ("y", "Y", "y1") if e.op is one_hot_along.op else (*whose, "g1")
                self.names[e] = self.free(*(letters if e not in forward else ("h1",)))
            if e in self.names:
                costly.discard(e)


def _says_all(op: Op, args: tuple[Any, ...]) -> bool:
    """Whether the notation of an op shows all the operands that are given."""
    return op.tex is not None and all(f"{{{name}}}" in op.tex for name, x in zip(op.operands, args, strict=True)
                                      if x is not None)


def _settings(call: Call) -> tuple[Any, ...]:
    return tuple(s.array if isinstance(s, Value) else s for s in call.settings)


def _host(array: Any) -> Any:
    return backend.to_host(array) if hasattr(array, "dtype") else array


def _is_activation(e: Expr) -> bool:
    """Whether it is a function, written name(operand), of one array of its own shape."""
    if e.op is None or len(e.args) != 1 or isinstance(e.args[0], tuple) or not e.shape:
        return False
    written = e.op.tex is None or e.op.tex.endswith(f"{{{e.op.operands[0]}}})")
    return written and e.args[0].shape == e.shape


def all_parts(roots: Iterable[Expr]) -> list[Expr]:
    """All that the roots are made of, arguments first.  No recursion: programs are as long as the user's loops."""
    seen: set[Expr] = set()
    stack = [*roots]
    while stack:
        e = stack.pop()
        if e not in seen:
            seen.add(e)
            stack += e.children()
    return sorted(seen, key=lambda e: e.order)
