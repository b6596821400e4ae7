"""Expressions: what a program computes as formulas that know their values, and how they are simplified.

An expression is an op applied to expressions.  Equal ones are one object, so a common subexpression is seen as such.
Each carries its array in every recorded run of the program: two runs with different batch sizes tell the batch size
from other numbers.  A simplification is used only if it reproduces these arrays, so what is printed is what ran.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from math import prod
from typing import Any, TypeAlias

import numpy as np

from .. import ops
from ..engine.operation import Op
from ..ops.loss import one_hot_along

Scale: TypeAlias = tuple[Fraction, int]
"""A number: a fraction times a power of the batch size m."""

ONE: Scale = (Fraction(1), 0)
MINUS: Scale = (Fraction(-1), 0)
NOISE = {f.op for f in (ops.clone, ops.expand, ops.to_device, ops.to_dtype)}
"""Ops that change nothing that a formula shows."""


ARITHMETIC = NOISE | {f.op for f in (
    ops.add, ops.sub, ops.mul, ops.div, ops.neg, ops.pow, ops.transpose, ops.reshape, ops.permute,
    ops.gt, ops.ge, ops.lt, ops.le, ops.eq, ops.ne)}
ELEMENTWISE = {f.op for f in (
    ops.add, ops.sub, ops.mul, ops.div, ops.neg, ops.exp, ops.where, ops.gt, ops.ge, ops.lt, ops.le, ops.eq, ops.ne)}
FLIPPED = ELEMENTWISE | {f.op for f in (ops.matmul, ops.softmax, ops.amax, ops.sum)}
"""Ops of which the transpose may be taken as the same op of transposed operands."""
SAFE_LOG = Op(ops.log.op.forward, tex=ops.log.op.tex, promotion="float", promoted=None, view=False, residuals=())
"""The logarithm in the definition of a fused op: it is written like any other, but the op computes it so that
log softmax(z), log σ(z) and log (1 - σ(z)) do not overflow."""


class UnknownSizeError(Exception):
    """A number differs between the runs, and not as a power of the batch size."""


@dataclass(eq=False, repr=False, slots=True)
class Expr:
    """An op applied to expressions; without an op a number, or a symbol for an array that is given.

    `args` has one entry per operand of the op: an expression, None, or a tuple of expressions for a sequence operand.
    `settings` and `values` have one entry per run.  `order` grows from arguments to what is made of them.
    """

    order: int
    values: tuple[Any, ...]
    op: Op | None = None
    args: tuple[Any, ...] = ()
    settings: tuple[tuple[Any, ...], ...] = ()
    number: Scale | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape in the first run."""
        return np.shape(self.values[0])

    def children(self) -> Iterator[Expr]:
        """The expressions that it is made of."""
        for x in self.args:
            if isinstance(x, tuple):
                yield from x
            elif x is not None:
                yield x

    def setting(self, name: str, run: int = 0) -> Any:
        """A setting of the op by its name."""
        assert self.op is not None
        return self.settings[run][self.op.settings.index(name)]


def parts_of(scale: Scale) -> tuple[Scale, Scale]:
    """A positive number as numerator and denominator, each a number times a power of the batch size.

    Decimals stay decimals where they are short: 0.03 and 0.001, but 1/3 and 1/64.
    """
    q, power = scale
    decimal = q.denominator > (8 if q.numerator > 1 else 100) and len(f"{float(q):.12g}") <= 5
    above, below = (q, Fraction(1)) if decimal else (Fraction(q.numerator), Fraction(q.denominator))
    if below > 10**6:  # a float that is no fraction anybody would write
        above, below = q, Fraction(1)
    return (above, max(power, 0)), (below, max(-power, 0))


def evaluate(e: Expr, known: dict[Expr, Any], run: int = 0, *, top: bool = False) -> Any:
    """The value of an expression in a run, from the values of those in `known`; `top`: not of `e` itself.

    Raises KeyError if it is made of something that is not known.
    """
    if e in known and not top:
        return known[e]
    if e.op is None:
        return e.values[run] if e.number is not None else known[e]

    def value(x: Any) -> Any:
        return tuple(map(value, x)) if isinstance(x, tuple) else None if x is None else evaluate(x, known, run)

    return _call(e.op, tuple(map(value, e.args)), e.settings[run])


def _call(op: Op, operands: tuple[Any, ...], settings: tuple[Any, ...]) -> Any:
    operands = tuple(np.asarray(x) if isinstance(x, np.generic) else x for x in operands)
    arguments = dict(zip((*op.operands, *op.settings), (*operands, *settings), strict=True))
    with np.errstate(all="ignore"):
        result = op.forward(**arguments)
    return np.asarray(result[0] if op.residuals else result)


def terms_of(e: Expr, run: int) -> float:
    """What the magnitudes of the terms amount to that are added up for one element of an expression, on average."""
    share = max(np.size(e.values[run]), 1)
    return max((float(np.sum(np.abs(x.values[run], dtype=np.float64))) / share for x in e.children()), default=0.0)


def agree(x: Any, y: Any, terms: float = 0.0) -> bool:
    """Whether two arrays have one shape and equal values but for rounding: 1e-6 of the largest, or 100 ulp.

    `terms` is what the magnitudes of all that was added up for an element amount to: of terms that cancel only rounding
    is left.
    """
    if np.shape(x) != np.shape(y):
        return False
    dtype = np.asarray(y).dtype
    tolerance = max(1e-6, 100 * float(np.finfo(dtype).eps)) if dtype.kind == "f" else 1e-6
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    largest = np.abs(y[np.isfinite(y)]).max(initial=0)
    noise = 4 * float(np.finfo(dtype).eps) * terms if dtype.kind == "f" and np.isfinite(terms) else 0.0
    return bool(np.allclose(x, y, rtol=tolerance, atol=max(tolerance * largest, noise), equal_nan=True))


class Algebra:
    """Makes expressions.  `sizes` is the batch size in each run, or (None,) if there is one run and it is unknown.

    Simplification does not look into expressions that are `opaque` (they have a name).  It may use that the sums of
    `data`, arrays that are given, are 1; `summing_to_one` says of which.  And it may use that a case that only guards
    against a division by 0 and the like does not occur; `occurring` says what holds instead.
    """

    def __init__(self, sizes: tuple[int | None, ...]) -> None:
        self.sizes = sizes
        self.opaque: set[Expr] = set()
        self.data: set[Expr] = set()
        self.summing_to_one: list[Expr] = []
        self.occurring: list[Expr] = []
        self.backward = False
        self._turning = False
        self._table: dict[Any, Expr] = {}
        self._simplified: dict[Expr, Expr] = {}
        self._order = count()

    # --- making expressions -------------------------------------------------------------------------------------------

    def given(self, values: tuple[Any, ...]) -> Expr:
        """A symbol for arrays that are given; one for each number that is infinite or nan."""
        if all(v.shape == () and v.dtype.kind == "f" and not np.isfinite(v) for v in map(np.asarray, values)):
            return self._table.setdefault(("given", repr(values)), Expr(next(self._order), values))
        return Expr(next(self._order), values)

    def number(self, scale: Scale) -> Expr:
        """A number."""
        key = ("number", scale)
        if key not in self._table:
            exact = [scale[0] * Fraction(m or 1) ** scale[1] for m in self.sizes]
            values = tuple(np.int64(v) if v.denominator == 1 else np.float64(v) for v in exact)
            self._table[key] = Expr(next(self._order), values, number=scale)
        return self._table[key]

    def scale_of(self, values: tuple[Any, ...]) -> Scale:
        """The number that has these values in the runs.

        Raises UnknownSizeError if it differs, and not as a power of the batch size.
        """
        first, *others = (Fraction(str(v)) if isinstance(v, float) else Fraction(v) for v in values)
        if others and first != others[0]:
            m = self.sizes[0]
            for power in (1, -1, 2, -2):
                scale = (first / Fraction(m or 1) ** power, power)
                if abs(self.number(scale).values[1] - others[0]) <= 1e-12 * abs(others[0]):
                    return scale
            raise UnknownSizeError
        return first, 0

    def apply(self, op: Any, args: tuple[Any, ...], settings: tuple[tuple[Any, ...], ...] | None = None,
              values: tuple[Any, ...] | None = None) -> Expr:
        """An op applied as it is; its settings are the defaults and its values computed unless given."""
        op = getattr(op, "op", op)
        if settings is None:
            settings = self.settings_of(op)
        key = (op, args, repr(settings))
        if key not in self._table:
            if values is None:
                values = tuple(_call(op, tuple(_in_run(x, r) for x in args), s) for r, s in enumerate(settings))
            self._table[key] = Expr(next(self._order), values, op, args, settings)
        return self._table[key]

    def build(self, op: Any, args: tuple[Any, ...], settings: tuple[tuple[Any, ...], ...] | None = None,
              values: tuple[Any, ...] | None = None) -> Expr:
        """An op applied, then simplified as long as that reproduces the values."""
        plain = self.apply(op, args, settings, values)
        if plain not in self._simplified:
            best = plain
            elementwise = plain.shape == _broadcast([x.shape for x in plain.children()])
            bare = tuple(tuple(_bare(v, elementwise) for v in x) if isinstance(x, tuple) else _bare(x, elementwise)
                         for x in args)
            if bare != args:
                best = self._attempt(plain, lambda e: self.apply(plain.op, bare, plain.settings)) or plain
            assert plain.op is not None
            for rule in (_usual_dim, RULES.get(plain.op)):
                simpler = rule and self._attempt(best, lambda e, rule=rule: rule(self, e))  # type: ignore[misc]
                best = simpler or best
            if len(plain.shape) > 1 and best.op in FLIPPED and plain.op is not ops.transpose.op:
                best = self._attempt(best, lambda e: self._upright(e, plain.order)) or best
            self._simplified[plain] = best
        return self._simplified[plain]

    def _attempt(self, e: Expr, rule: Callable[[Expr], Expr | None]) -> Expr | None:
        try:
            candidate = rule(e)
        except (TypeError, ValueError, RuntimeError):  # shapes that do not fit, arithmetic with bool
            return None
        same = candidate is not None and all(
            agree(x, y) or agree(x, y, terms_of(e, r)) for r, (x, y) in enumerate(
                zip(candidate.values, e.values, strict=True)))
        return candidate if same else None

    def _upright(self, e: Expr, before: int) -> Expr | None:
        """The transpose of what was computed before; backward, of what is elementwise in something transposed."""
        if self._turning:  # what is turned is not turned back
            return None
        self._turning = True
        try:
            turned = self.flipped(e)
        finally:
            self._turning = False
        if turned is None:
            return None
        seen = turned.order < before
        elementwise = self.backward and e.op in ELEMENTWISE and any(map(self._is_transposed, e.children()))
        return self.apply(ops.transpose, (turned,)) if seen or elementwise else None

    def _is_transposed(self, e: Expr) -> bool:
        return self.looks(e, ops.transpose) and {d % len(e.shape) for d in e.settings[0]} == {
            len(e.shape) - 2, len(e.shape) - 1}

    def flipped(self, e: Expr, depth: int = 6) -> Expr | None:
        """An expression with its last two axes swapped, with no more transposes than it has; None if that cannot be."""
        if e.number is not None or e.shape == ():
            return e
        if self._is_transposed(e):
            return e.args[0]  # type: ignore[no-any-return]
        if len(e.shape) < 2 or e.op is None or e in self.opaque or not depth:
            return None
        if e.op is ops.reshape.op and e.shape == (*e.args[0].shape[:-1], 1, *e.args[0].shape[-1:]):
            return self.build(ops.reshape, e.args, tuple((s[0][:-2] + s[0][:-3:-1],) for s in e.settings))
        if e.op is ops.matmul.op:
            a, b = e.args
            if min(len(a.shape), len(b.shape)) > 1 and any(map(self._is_transposed, e.args)):
                return self.build(e.op, tuple(self.build(ops.transpose, (x,)) for x in (b, a)))
            return None
        if e.op not in FLIPPED:
            return None
        settings = e.settings
        if "dim" in e.op.settings:
            dim, ndim = e.setting("dim"), len(e.args[0].shape)
            kept = "keepdim" not in e.op.settings or e.setting("keepdim")
            if type(dim) is not int or dim % ndim < ndim - 2 or not kept:
                return None
            other = -3 - (dim % ndim - ndim)
            settings = tuple(tuple(other if n == "dim" else s for n, s in zip(e.op.settings, run, strict=True))
                             for run in settings)
        args = [x if x is None else self.flipped(x, depth - 1) for x in e.args]
        if any(new is None and old is not None for new, old in zip(args, e.args, strict=True)):
            return None
        return self.build(e.op, tuple(args), settings)

    def filled(self, scale: Scale, like: Expr) -> Expr:
        """A number in the shape of an expression."""
        made = self.number(scale)
        return made if like.shape == () else self.apply(
            ops.expand, (made,), tuple((np.shape(v),) for v in like.values))

    # --- numbers in front ---------------------------------------------------------------------------------------------

    def looks(self, e: Expr, function: Any) -> bool:
        """Whether it is this op, and may be looked into."""
        return e.op is function.op and e not in self.opaque

    def split(self, e: Expr) -> tuple[Scale, Expr | None]:
        """The number in front, and the rest: None if it is a number and nothing else."""
        if e.number is not None:
            return e.number, None
        if self.looks(e, ops.expand) and e.args[0].number is not None:
            return e.args[0].number, None
        if self.looks(e, ops.neg):
            scale, rest = self.split(e.args[0])
            return _times(scale, (Fraction(-1), 0)), rest
        if self.looks(e, ops.mul) and e.args[0].number:
            scale, rest = self.split(e.args[1])
            return _times(e.args[0].number, scale), rest
        if self.looks(e, ops.div):
            (c, x), (d, y) = map(self.split, e.args)
            if d[0] and (c, d) != (ONE, ONE):
                return _times(c, _inverse(d)), self.ratio(x, y)
        return ONE, e

    def scaled(self, scale: Scale, rest: Expr | None) -> Expr:
        """`scale * rest` as one writes it: sign first, then what multiplies, then what divides."""
        if rest is None:
            return self.number(scale)
        if scale == MINUS and rest.values[0].dtype.kind == "b":  # NumPy refuses to negate it
            return self.apply(ops.mul, (self.number(scale), rest))
        if scale[0] < 0:
            if self.looks(rest, ops.sub) and not rest.args[0].number:
                return self.scaled((-scale[0], scale[1]), self.apply(ops.sub, rest.args[::-1]))
            return self.apply(ops.neg, (self.scaled((-scale[0], scale[1]), rest),))
        if scale == ONE:
            return rest
        if self.looks(rest, ops.sum) or (self.looks(rest, ops.reshape) and self.looks(rest.args[0], ops.sum)):
            return self.apply(ops.mul, (self.number(scale), rest))
        above, below = map(self.number, parts_of(scale))
        if self.looks(rest, ops.div):
            over, under = (None if x.number == ONE else x for x in rest.args)
            return self.apply(ops.div, (self.scaled(parts_of(scale)[0], over), self.scaled(parts_of(scale)[1], under)))
        if above.number != ONE:
            rest = self.apply(ops.mul, (above, rest))
        return rest if below.number == ONE else self.apply(ops.div, (rest, below))

    def product(self, x: Expr | None, y: Expr | None) -> Expr | None:
        """x ⊙ y for factors without a number in front: squares are seen, and what was divided by cancels."""
        if x is None or y is None:
            return x or y
        for a, b in ((x, y), (y, x)):
            factors = self._factors(a)
            under = self._factors(b.args[1]) if self.looks(b, ops.div) else []
            if under and all(factors.count(f) >= under.count(f) for f in under):
                for f in under:
                    factors.remove(f)
                rest: Expr = b.args[0]
                for f in factors:
                    rest = self.build(ops.mul, (f, rest))
                return rest
            for function in (ops.add, ops.sub):
                if self.looks(b, function) and any(self._divides(t, factors) for t in b.args):
                    return self.build(b.op, tuple(self.build(ops.mul, (a, t)) for t in b.args))
        for a, b in ((x, y), (y, x)):
            if self.looks(a, ops.div) and a.args[0].number == ONE:
                return self.ratio(b, a.args[1])
        return self.apply(ops.pow, (x, self.number((Fraction(2), 0)))) if x is y else self.apply(ops.mul, (x, y))

    def ratio(self, x: Expr | None, y: Expr | None) -> Expr | None:
        """x / y for parts without a number in front; a quotient above goes on below: a / b / c = a / (b ⊙ c)."""
        if y is None:
            return x
        if x is not None and self.looks(x, ops.div):
            x, y = x.args[0], self.product(x.args[1], y)
        return self.apply(ops.div, (x or self.number(ONE), y))

    def _factors(self, e: Expr, depth: int = 4) -> list[Expr]:
        looks = depth > 0 and self.looks(e, ops.mul)  # no further down: products may be as long as the user's loops
        return [f for x in e.args for f in self._factors(x, depth - 1)] if looks else [e]

    def _divides(self, e: Expr, factors: list[Expr]) -> bool:
        rest = self.split(e)[1]
        return rest is not None and self.looks(rest, ops.div) and rest.args[1] in factors

    def settings_of(self, op: Any, **given: Any) -> tuple[tuple[Any, ...], ...]:
        """The settings of an op in each run: those that are given, and the defaults of the others."""
        op = getattr(op, "op", op)
        usual = {n: op.signature.parameters[n].default for n in op.settings}
        return (tuple((usual | given).values()),) * len(self.sizes)


def _in_run(x: Any, run: int) -> Any:
    return [_in_run(v, run) for v in x] if isinstance(x, tuple) else None if x is None else x.values[run]


def _bare(e: Expr | None, elementwise: bool) -> Expr | None:
    while e is not None and e.op is not None and e.op in (NOISE if elementwise else NOISE - {ops.expand.op}):
        e = e.args[0]
    return e


def _broadcast(shapes: list[tuple[int, ...]]) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        return None


def _times(x: Scale, y: Scale) -> Scale:
    return x[0] * y[0], x[1] + y[1]


def _inverse(x: Scale) -> Scale:
    return 1 / x[0], -x[1]


# --- the rules: each returns a simpler form of an expression, or None -------------------------------------------------


def _mul(w: Algebra, e: Expr) -> Expr | None:
    (c, x), (d, y) = map(w.split, e.args)
    if not c[0] or not d[0]:
        return w.filled((Fraction(0), 0), e)
    if x is None and y is None:
        return w.filled(_times(c, d), e)
    rest = w.product(x, y)
    if rest is not None and None in (x, y) and rest.shape != e.shape:  # a number in the shape of the result
        rest = w.apply(ops.expand, (rest,), tuple((np.shape(v),) for v in e.values))
    scale, rest = (ONE, None) if rest is None else w.split(rest)  # what cancelled may have left a number
    return w.scaled(_times(_times(c, d), scale), rest)


def _div(w: Algebra, e: Expr) -> Expr | None:
    (c, x), (d, y) = map(w.split, e.args)
    if not d[0]:
        return None
    if not c[0] or (x is None and y is None):
        return w.filled(_times(c, _inverse(d)), e)
    if x is not None and y is not None and (scores := _normalised(w, x, y)) is not None:
        return w.scaled(_times(c, _inverse(d)), scores)
    return w.scaled(_times(c, _inverse(d)), w.ratio(x, y))


def _normalised(w: Algebra, above: Expr, below: Expr) -> Expr | None:
    """e^(z - max z) / Σ e^(z - max z) is the softmax of z."""
    if not (w.looks(above, ops.exp) and w.looks(below, ops.sum) and below.args[0] is above):
        return None
    shifted = above.args[0]
    top = shifted.args[1] if w.looks(shifted, ops.sub) else None
    if top is None or not w.looks(top, ops.amax) or top.args[0] is not shifted.args[0] or _axes(top) != _axes(below):
        return None
    return w.build(ops.softmax, (top.args[0],), w.settings_of(ops.softmax, dim=top.setting("dim")))


def _exp(w: Algebra, e: Expr) -> Expr | None:
    """The exponential of log softmax, even where that has a name."""
    x = e.args[0]
    return w.apply(ops.softmax, x.args, x.settings) if x.op is ops.log_softmax.op else None


def _neg(w: Algebra, e: Expr) -> Expr | None:
    c, x = w.split(e.args[0])
    return w.filled((-c[0], c[1]), e) if x is None else w.scaled((-c[0], c[1]), x)


def _add(w: Algebra, e: Expr) -> Expr | None:
    (c, x), (d, y) = map(w.split, e.args)
    return _sum_of_two(w, e, c, x, d, y)


def _sub(w: Algebra, e: Expr) -> Expr | None:
    (c, x), (d, y) = map(w.split, e.args)
    return _sum_of_two(w, e, c, x, (-d[0], d[1]), y)


def _sum_of_two(w: Algebra, e: Expr, c: Scale, x: Expr | None, d: Scale, y: Expr | None) -> Expr | None:
    """c x + d y, which is e: a common number stands in front; a negative term is subtracted."""
    if x is None and y is None and c[1] == d[1]:
        return w.filled((c[0] + d[0], c[1]), e)
    for a, b in ((x, y), (y, x)):  # a + (b - a)
        if c == d == ONE and a is not None and b is not None and w.looks(b, ops.sub) and b.args[1] is a:
            return b.args[0]  # type: ignore[no-any-return]
    if e.op is ops.add.op and (blocks := _blocks(w, e)) is not None:
        return blocks
    if not c[0] or not d[0]:  # what is added to 0
        return w.scaled(d, y) if not c[0] else w.scaled(c, x)
    if all(t is not None and t.values[0].dtype.kind == "b" for t in (x, y)):
        return None  # NumPy's True + True is True
    if x is y and c[1] == d[1] and c[0] + d[0]:
        return w.scaled((c[0] + d[0], c[1]), x)
    if c[0] < 0 < d[0]:
        c, x, d, y = d, y, c, x
    outer = ONE if (abs(c[0]), c[1]) != (abs(d[0]), d[1]) else (abs(c[0]), c[1])
    if c[0] < 0:
        outer, c, d = (-outer[0], outer[1]), (-c[0], c[1]), (-d[0], d[1])
    inner = _inverse((abs(outer[0]), outer[1]))
    first, second = w.scaled(_times(c, inner), x), w.scaled(_times((abs(d[0]), d[1]), inner), y)
    if d[0] > 0:
        return w.scaled(outer, w.apply(ops.add, (first, second)))
    return w.scaled(outer, _logistic(w, first, second) or w.apply(ops.sub, (first, second)))


def _blocks(w: Algebra, e: Expr) -> Expr | None:
    """What is put side by side along an axis until that is full, joined."""
    terms: list[Expr] = []
    stack = [e]
    while stack:
        x = stack.pop()
        if x is e or w.looks(x, ops.add):
            stack += x.args
        elif len(terms) == 8:
            return None
        else:
            terms.append(x)
    found: list[tuple[int, int, int, Expr]] = []
    for t in terms:
        c, put = w.split(t)
        if put is None or not w.looks(put, ops.slice_backward):
            return None
        key = put.setting("key")
        parts = [*key] if isinstance(key, tuple) else [key]
        if Ellipsis in parts:
            i = parts.index(Ellipsis)
            parts[i : i + 1] = [slice(None)] * (len(e.shape) - len(parts) + 1)
        if not all(isinstance(p, slice) and p.step in (None, 1) for p in parts):
            return None
        ranges = [range(*p.indices(n)) for p, n in zip(parts, e.shape, strict=False)]
        cut = [d for d, (r, n) in enumerate(zip(ranges, e.shape, strict=False)) if len(r) < n]
        if len(cut) != 1:
            return None
        found.append((ranges[cut[0]].start, ranges[cut[0]].stop, cut[0], w.scaled(c, put.args[0])))
    found.sort(key=lambda each: each[:3])
    dim, starts, stops = found[0][2], [f[0] for f in found], [f[1] for f in found]
    if {f[2] for f in found} != {dim} or starts != [0, *stops[:-1]] or stops[-1] != e.shape[dim]:
        return None
    return w.apply(ops.cat, (tuple(f[3] for f in found),), w.settings_of(ops.cat, dim=dim))


def _logistic(w: Algebra, first: Expr, second: Expr) -> Expr | None:
    """a (1 - b) - (1 - a) b = a - b, which is how binary cross entropy meets the sigmoid."""

    def halves(e: Expr) -> list[tuple[Expr, Expr]]:
        if not w.looks(e, ops.mul):
            return []
        return [(p, q.args[1]) for p, q in (e.args, e.args[::-1]) if w.looks(q, ops.sub) and q.args[0].number == ONE]

    for a, b in halves(first):
        if (b, a) in halves(second):
            return w.apply(ops.sub, (a, b))
    return None


def _where(w: Algebra, e: Expr) -> Expr | None:
    """What is chosen everywhere; and a number that is chosen in some places, 0 in the others, as a product."""
    condition, chosen, other = e.args
    same = w.looks(condition, ops.eq) and condition.args[0] is condition.args[1]
    if same and chosen.number:  # that is how zeros are made of a gradient that may be infinite
        return w.filled(chosen.number, e)
    always = w.split(condition)
    if always[1] is None:
        return _like(w, chosen if always[0][0] else other, e)
    if (holds := _guarded(w, condition, (chosen, other))) is not None:
        return _like(w, chosen if holds else other, e)
    (c, x), (d, y) = w.split(chosen), w.split(other)
    if x is None and y is None and not d[0] and condition.shape == e.shape:
        return w.scaled(c, condition)
    if x is None and y is None and not c[0] and condition.op in OPPOSITE and condition.shape == e.shape:
        return w.scaled(d, w.apply(OPPOSITE[condition.op], condition.args))
    return None


OPPOSITE = {a.op: b.op for a, b in ((ops.lt, ops.ge), (ops.ge, ops.lt), (ops.le, ops.gt), (ops.gt, ops.le),
                                    (ops.eq, ops.ne), (ops.ne, ops.eq))}


def _like(w: Algebra, x: Expr, e: Expr) -> Expr:
    """x in the shape of e."""
    return x if x.shape == e.shape else w.apply(ops.expand, (x,), tuple((np.shape(v),) for v in e.values))


def _guarded(w: Algebra, condition: Expr, cases: tuple[Expr, ...]) -> bool | None:
    """Whether a condition holds everywhere (True) or nowhere (False), if it only tells apart what must not be computed
    from the rest: whether what one of the cases is, or is divided by, is 0 (or not finite, or an ignored class), or is
    next to 0.  None otherwise.  That is written down.
    """
    if condition.op not in OPPOSITE or condition in w.opaque:
        return None
    x, n = condition.args
    value = {float(v) for v in n.values} if n.shape == () and n.op is None else set()
    special = bool(value) and value <= {-np.inf, np.inf, -100.0}
    tiny = condition.op in (ops.ge.op, ops.gt.op) and len(value) == 1 and 0 < min(value) <= 1e-6
    zero = condition.op in (ops.eq.op, ops.ne.op) and value == {0.0} and any(
        x is case or _divides_by(w, case, x) for case in cases)
    if not (special or tiny or zero):
        return None
    for holds in (True, False):
        if all(np.all(np.asarray(v) == holds) for v in condition.values):
            fact = condition if holds else w.apply(OPPOSITE[condition.op], condition.args)
            if fact not in w.occurring and not (zero and w.looks(x, ops.sum) and w.looks(x.args[0], ops.exp)):
                w.occurring.append(fact)
            return holds
    return None


def _divides_by(w: Algebra, e: Expr, x: Expr, below: bool = False) -> bool:
    """Whether x is, perhaps as a power, a factor of what is divided by."""
    if below and e is x:
        return True
    if e in w.opaque or e.op not in (ops.div.op, ops.mul.op, ops.neg.op, ops.pow.op, ops.expand.op):
        return False
    above, *under = e.args
    return _divides_by(w, above, x, below) or any(
        _divides_by(w, y, x, below or e.op is ops.div.op) for y in under if isinstance(y, Expr))


def _compare(w: Algebra, e: Expr) -> Expr | None:
    """A comparison of numbers; and of classes with the one that is ignored, which guards."""
    if all(x.number is not None for x in e.args):
        return w.filled((Fraction(int(e.values[0].all())), 0), e)
    holds = _guarded(w, e, ()) if e.args[1].number == (Fraction(-100), 0) else None
    return None if holds is None else w.filled((Fraction(int(holds)), 0), e)


def _clamp(w: Algebra, e: Expr) -> Expr | None:
    """With one bound it is a maximum or minimum; a bound next to 0 guards."""
    x, least, most = e.args
    if least is None:
        return w.apply(ops.minimum, (x, most))
    if most is not None or least.shape != () or least.number is None:
        return None
    holds = _guarded(w, w.apply(ops.ge, (x, least)), ())
    return x if holds else w.apply(ops.maximum, (x, least))


def _pow(w: Algebra, e: Expr) -> Expr | None:
    return e.args[0] if e.args[1].number == ONE else None


def _sum(w: Algebra, e: Expr) -> Expr | None:
    c, x = w.split(e.args[0])
    if x is None:
        return w.filled(_times(c, w.scale_of(_counts(e))), e)
    axes, shapes = _axes(e), tuple(map(np.shape, e.values))
    if w.looks(x, ops.expand):  # as often as it was repeated
        lead = len(x.shape) - len(x.args[0].shape)
        if all(d < lead or np.shape(x.args[0].values[-1])[d - lead] == 1 for d in axes):
            return w.scaled(_times(c, w.scale_of(_counts(e))), _shaped(w, x.args[0], shapes))
    if w.looks(x, ops.add) or w.looks(x, ops.sub):  # of which one need not be computed
        halves = [w.split(w.build(e.op, (_like(w, part, x),), e.settings)) for part in x.args]
        if all(rest is None for _, rest in halves):
            (a, _), (b, _) = halves
            made = w.build(x.op, (w.filled(a, e), w.filled(b, e)))
            return w.filled(_times(c, w.split(made)[0]), e) if w.split(made)[1] is None else None
    if w.looks(x, ops.div) and e.setting("keepdim"):  # by what is the same for all summands
        over, under = x.args
        return w.scaled(c, w.build(ops.div, (w.build(e.op, (over,), e.settings), under)))
    if (x in w.data or x.op is one_hot_along.op) and all(map(_is_one, (s := w.apply(e.op, (x,), e.settings)).values)):
        if s.shape and x in w.data and x not in w.summing_to_one:
            w.summing_to_one.append(x)
        return w.filled(c, e) if s.shape else None
    return w.scaled(c, _summed(w, x, axes, shapes))


def _axes(e: Expr) -> set[int]:
    """The axes that a reduction is over."""
    ndim, dim = len(e.args[0].shape), e.setting("dim")
    return {*range(ndim)} if dim in (None, ()) else {d % ndim for d in ((dim,) if type(dim) is int else dim) if ndim}


def _counts(e: Expr) -> tuple[int, ...]:
    """How many elements there are for each that is left of them, in each run."""
    return tuple(np.size(x) // max(np.size(y), 1) for x, y in zip(e.args[0].values, e.values, strict=True))


def _summed(w: Algebra, x: Expr, axes: set[int], shapes: tuple[tuple[int, ...], ...]) -> Expr:
    """The sum of x over these axes, in these shapes: of what x is a sum or another arrangement of, in one go."""
    while (inner := _axes_inside(w, x, axes)) is not None:
        x, axes = inner
    sizes = [*zip(*map(np.shape, x.values), strict=True)]
    wide = {d for d, each in enumerate(sizes) if {*each} != {1}}
    if not axes & wide:
        return _shaped(w, x, shapes)
    dims = (*sorted(axes & wide),)
    dim = None if wide <= axes and not shapes[0] else dims[0] if len(dims) == 1 else dims
    plain = w.apply(ops.sum, (x,), w.settings_of(ops.sum, dim=dim))
    kept = w.apply(ops.sum, (x,), w.settings_of(ops.sum, dim=dim, keepdim=True))
    return kept if tuple(map(np.shape, kept.values)) == shapes else _shaped(w, plain, shapes)


def _shaped(w: Algebra, x: Expr, shapes: tuple[tuple[int, ...], ...]) -> Expr:
    """x in these shapes."""
    return x if tuple(map(np.shape, x.values)) == shapes else w.apply(ops.reshape, (x,), tuple((s,) for s in shapes))


def _axes_inside(w: Algebra, x: Expr, axes: set[int]) -> tuple[Expr, set[int]] | None:
    """What x is a sum, or another arrangement, of, and which of its axes to sum over if it is over these of x."""
    if not any(w.looks(x, f) for f in (ops.sum, ops.reshape, ops.permute, ops.transpose)):
        return None
    inner: Expr = x.args[0]
    ndim = len(inner.shape)
    if w.looks(x, ops.sum):
        done = _axes(x)
        left = [*range(ndim)] if x.setting("keepdim") else [d for d in range(ndim) if d not in done]
        return inner, done | {left[d] for d in axes}
    if w.looks(x, ops.reshape):
        into = _axes_of_reshape(np.shape(inner.values[-1]), np.shape(x.values[-1]))
        meant = [g for g in into if axes & g[1]]
        if any(not g[1] <= axes for g in meant):
            return None
        return inner, {d for g in meant for d in g[0]}
    order = [*range(ndim)]
    if w.looks(x, ops.permute):
        order = [d % ndim for d in x.setting("dims")]
    elif ndim:
        i, j = (d % ndim for d in x.settings[0])
        order[i], order[j] = j, i
    return inner, {order[d] for d in axes}


def _axes_of_reshape(before: tuple[int, ...], after: tuple[int, ...]) -> list[tuple[set[int], set[int]]]:
    """Which axes of one shape become which of another: sets that hold the same elements, axes of size 1 apart."""
    groups: list[tuple[set[int], set[int]]] = []
    left, right = ([i for i, n in enumerate(shape) if n != 1] for shape in (before, after))
    while left and right:
        group: tuple[set[int], set[int]] = ({left[0]}, {right[0]})
        (m, n), left, right = (before[left[0]], after[right[0]]), left[1:], right[1:]
        while m != n and (left if m < n else right):
            if m < n:
                m *= before[left[0]]
                group[0].add(left.pop(0))
            else:
                n *= after[right[0]]
                group[1].add(right.pop(0))
        groups.append(group)
    return groups


def _is_one(sums: Any) -> bool:
    eps = float(np.finfo(sums.dtype).eps) if sums.dtype.kind == "f" else 0.0
    return sums.dtype.kind in "fi" and bool(np.all(np.abs(sums - 1) <= 8 * eps))


def _mean(w: Algebra, e: Expr) -> Expr | None:
    return w.build(ops.div, (w.build(ops.sum, e.args, e.settings), w.number(w.scale_of(_counts(e)))))


def _sum_to(w: Algebra, e: Expr) -> Expr | None:
    before, after = e.args[0].values[-1].shape, e.values[-1].shape
    lead = len(before) - len(after)
    dims = (*range(lead), *(i + lead for i, n in enumerate(after) if n == 1 and before[i + lead] != 1))
    return w.build(ops.reshape, (w.build(ops.sum, e.args, w.settings_of(ops.sum, dim=dims, keepdim=not lead)),),
                   tuple((np.shape(v),) for v in e.values))


def _transpose(w: Algebra, e: Expr) -> Expr | None:
    x, ndim = e.args[0], len(e.shape)
    dims = tuple(sorted(d % ndim - ndim for d in e.settings[0]))
    if w.looks(x, ops.transpose) and tuple(sorted(d % ndim - ndim for d in x.settings[0])) == dims:
        return x.args[0]  # type: ignore[no-any-return]
    if (w.looks(x, ops.matmul) and dims == (-2, -1) and all(len(y.shape) > 1 for y in x.args)
            and any(map(w._is_transposed, x.args))):
        return w.build(x.op, tuple(w.build(e.op, (y,), e.settings) for y in x.args[::-1]))
    scale, rest = w.split(x)
    if scale != ONE and rest is not None:
        return w.scaled(scale, w.build(e.op, (rest,), (dims,) * len(w.sizes)))
    return w.apply(e.op, (x,), (dims,) * len(w.sizes))


def _same(w: Algebra, e: Expr) -> Expr | None:
    if e.shape == e.args[0].shape:
        return e.args[0]  # type: ignore[no-any-return]
    if e.op is ops.reshape.op and w.looks(e.args[0], ops.reshape):
        return w.build(e.op, e.args[0].args, e.settings)
    if e.op is ops.reshape.op and w.looks(e.args[0], ops.sum):  # the axes that were summed over may stay
        kept = w.apply(ops.sum, e.args[0].args, w.settings_of(ops.sum, dim=e.args[0].setting("dim"), keepdim=True))
        if kept.shape == e.shape:
            return kept
    scale, rest = w.split(e.args[0])
    return w.filled(scale, e) if rest is None else w.scaled(scale, w.apply(e.op, (rest,), e.settings))


def _at_classes(w: Algebra, e: Expr) -> Expr | None:
    """What is put at one place per example, as a one-hot matrix times it; what was picked there stays whole.

    So -1/(m a[i, tᵢ]), put at (i, tᵢ), is -y/(m a) with y = onehot(t).
    """
    x, at = e.args
    if isinstance(at, tuple):
        target, dim = at[-1] if len(at) == len(e.shape) == 2 else None, 1
    else:
        target, dim = at.args[0] if at.op in (ops.getitem.op, ops.reshape.op) else None, e.setting("dim") % len(e.shape)
    if target is None:
        return None

    def whole(part: Expr) -> Expr:
        if part.op in (ops.gather.op, ops.index.op) and part.args[1] == at:
            return part.args[0]  # type: ignore[no-any-return]
        return w.build(part.op, tuple(map(whole, part.args)), part.settings) if part.op in ARITHMETIC else part

    classes = w.apply(one_hot_along, (target,), tuple((np.shape(v)[dim], dim) for v in e.values))
    scale, rest = w.split(_bare(whole(x), True) or x)
    return w.scaled(scale, classes if rest is None else w.product(classes, rest))


def _matmul(w: Algebra, e: Expr) -> Expr | None:
    """Numbers stand in front."""
    (c, x), (d, y) = map(w.split, e.args)
    if x is None or y is None or c[0] * d[0] in (0, 1):
        return None
    return w.scaled(_times(c, d), w.build(e.op, (x, y)))


def _put(w: Algebra, e: Expr) -> Expr | None:
    """Where all places are filled, only the shape changes."""
    if prod(e.shape) != prod(e.args[0].shape):
        return None
    return w.build(ops.reshape, e.args, tuple((np.shape(v),) for v in e.values))


def _usual_dim(w: Algebra, e: Expr) -> Expr | None:
    """`dim` as its default says it, where it means the same."""
    assert e.op is not None
    if "dim" not in e.op.settings or isinstance(e.args[0], tuple):
        return None
    usual, dim, ndim = e.op.signature.parameters["dim"].default, e.setting("dim"), len(e.args[0].shape)
    if type(usual) is not int or type(dim) is not int or dim == usual or not ndim or (dim - usual) % ndim:
        return None
    return w.apply(e.op, e.args, tuple(
        tuple(usual if n == "dim" else s for n, s in zip(e.op.settings, run, strict=True)) for run in e.settings))


RULES: dict[Op, Callable[[Algebra, Expr], Expr | None]] = {f.op: rule for f, rule in (
    (ops.add, _add), (ops.clamp, _clamp), (ops.clone, _same), (ops.div, _div), (ops.eq, _compare), (ops.exp, _exp),
    (ops.expand, _same), (ops.matmul, _matmul),
    (ops.gather_backward, _at_classes), (ops.index_backward, _at_classes), (ops.mean, _mean), (ops.mul, _mul),
    (ops.masked, lambda w, e: w.build(ops.mul, e.args)),
    (ops.neg, _neg), (ops.pow, _pow), (ops.reshape, _same), (ops.slice_backward, _put), (ops.sub, _sub),
    (ops.ne, _compare), (ops.sum, _sum), (ops.sum_to, _sum_to), (ops.transpose, _transpose), (ops.where, _where))}
