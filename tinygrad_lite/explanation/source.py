"""Source: a derivation as plain NumPy - hand-written backprop, generated.

An op is written as the one expression that its function returns.  A longer function is put, once, above the code, with
whatever functions it calls.  A few ops are spelled as one would by hand.
"""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

import ast
import builtins
import inspect
import json
import keyword
import math
import re
import textwrap
from collections.abc import Callable
from itertools import pairwise
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from .. import ops
from ..engine.operation import Op
from ..engine.summation import total
from ..ops.functions import at_least, at_most
from ..ops.indexing import ARRAY
from ..ops.loss import one_hot_along
from .derivation import Derivation
from .expression import ONE, SAFE_LOG, Expr, Scale, parts_of

WIDTH = 100
HERE = "array here"  # stands in a key where the expression of an index array is put

SPELLINGS: dict[Op, str] = {f.op: spelling for f, spelling in (
    (ops.amax, "np.max(input, axis=dim, keepdims=keepdim)"),
    (ops.amin, "np.min(input, axis=dim, keepdims=keepdim)"),
    (ops.argmax, "np.argmax(input, axis=dim, keepdims=keepdim)"),
    (ops.argmin, "np.argmin(input, axis=dim, keepdims=keepdim)"),
    (ops.cat, "np.concatenate(tensors, axis=dim)"),
    (ops.clone, "np.copy(input)"),
    (ops.contract, "np.einsum(equation, *operands, optimize=True)"),
    (ops.expand, "np.broadcast_to(input, shape)"),
    (ops.getitem, "input[key]"),
    (ops.index, "input[key]"),
    (ops.matmul, "input @ other"),
    (ops.cumsum, "np.cumsum(input, axis=dim, dtype=dtype)"),
    (ops.positive, "input > 0"),
    (ops.pow, "input ** exponent"),
    (ops.prod, "np.prod(input, axis=dim, dtype=dtype, keepdims=keepdim)"),
    (ops.sign, "np.sign(input)"),
    (ops.std, "np.std(input, axis=dim, ddof=correction, keepdims=keepdim)"),
    (ops.sum, "np.sum(input, axis=dim, dtype=dtype, keepdims=keepdim)"),
    (ops.var, "np.var(input, axis=dim, ddof=correction, keepdims=keepdim)"),
    (ops.where, "np.where(condition, input, other)"))}
"""Ops whose function does more than one expression would (dtypes, odd dims, speed): one that says the same."""


SIMPLER: dict[Any, str] = {at_least: "np.maximum", at_most: "np.minimum", total: "np.sum"}
"""Functions that are faster, or more exact, than one of NumPy that does the same."""


def softmax(z, dim=-1):  # type: ignore[no-untyped-def]
    e = np.exp(z - np.max(z, axis=dim, keepdims=True))
    return e / np.sum(e, axis=dim, keepdims=True)


def log_softmax(z, dim=-1):  # type: ignore[no-untyped-def]
    shifted = z - np.max(z, axis=dim, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=dim, keepdims=True))


def gather(x, index, dim):  # type: ignore[no-untyped-def]
    where = [*np.indices(index.shape)]
    where[dim] = index
    return x[tuple(where)]


def scatter_add(x, index, dim, shape):  # type: ignore[no-untyped-def]
    result, where = np.zeros(shape, x.dtype), [*np.indices(index.shape)]
    where[dim] = index
    np.add.at(result, tuple(where), x)
    return result


def put(x, shape, key):  # type: ignore[no-untyped-def]
    result = np.zeros(shape, x.dtype)
    result[key] = x
    return result


def index_add(x, shape, key):  # type: ignore[no-untyped-def]
    result = np.zeros(shape, x.dtype)
    np.add.at(result, key, x)
    return result


def index_put(x, values, key):  # type: ignore[no-untyped-def]
    result = np.copy(x)
    result[key] = values
    return result


def taps(x, kernel, size, stride, dilation):  # type: ignore[no-untyped-def]
    for j in np.ndindex(*kernel):
        yield j, (..., *(slice(i * d, i * d + (n - 1) * s + 1, s) for i, n, s, d in zip(j, size, stride, dilation)))  # noqa: B905


def padded(x, kernel, size, stride, padding, dilation):  # type: ignore[no-untyped-def]
    whole = [(n - 1) * s + (k - 1) * d + 1 for n, k, s, d in zip(size, kernel, stride, dilation)]  # noqa: B905
    behind = [max(0, w - p - n) for w, p, n in zip(whole, padding, x.shape[2:])]  # noqa: B905
    return np.pad(x, [(0, 0), (0, 0), *zip(padding, behind)])  # noqa: B905


def in_groups(x, axis, groups):  # type: ignore[no-untyped-def]
    return x.reshape(*x.shape[:axis], groups, x.shape[axis] // groups, *x.shape[axis + 1 :])


def conv(x, w, size, stride, padding, dilation, groups):  # type: ignore[no-untyped-def]
    kernel = w.shape[2:]
    x = in_groups(padded(x, kernel, size, stride, padding, dilation), 1, groups)
    w = in_groups(w, 0, groups)
    y = sum(np.einsum("ngc...,goc->ngo...", x[at], w[(..., *j)])
            for j, at in taps(x, kernel, size, stride, dilation))
    return y.reshape(len(x), -1, *size)


def conv_transpose(y, w, size, stride, padding, dilation, groups):  # type: ignore[no-untyped-def]
    kernel, out = w.shape[2:], y.shape[2:]
    y, w = in_groups(y, 1, groups), in_groups(w, 0, groups)
    x = np.zeros((len(y), groups * w.shape[2], *size), y.dtype)
    x = in_groups(padded(x, kernel, out, stride, padding, dilation), 1, groups)
    for j, at in taps(x, kernel, out, stride, dilation):
        x[at] += np.einsum("ngo...,goc->ngc...", y, w[(..., *j)])
    x = x.reshape(len(x), -1, *x.shape[3:])
    return x[(..., *(slice(p, p + n) for p, n in zip(padding, size)))]  # noqa: B905


def conv_weight(x, y, size, stride, padding, dilation, groups):  # type: ignore[no-untyped-def]
    x = in_groups(padded(x, size, y.shape[2:], stride, padding, dilation), 1, groups)
    out, y = y.shape[2:], y.reshape(len(y), groups, y.shape[1] // groups, -1)
    w = np.zeros((groups, y.shape[2], x.shape[2], *size), y.dtype)
    for j, at in taps(x, size, out, stride, dilation):
        w[(..., *j)] = np.einsum("ngop,ngcp->goc", y, x[at].reshape(*x.shape[:3], -1))
    return w.reshape(-1, *w.shape[2:])


FUNCTIONS: dict[Op, Callable[..., Any]] = {f.op: function for f, function in (
    (ops.softmax, softmax), (ops.log_softmax, log_softmax), (ops.gather, gather), (ops.gather_backward, scatter_add),
    (ops.slice_backward, put), (ops.index_backward, index_add), (ops.index_put, index_put), (ops.conv, conv),
    (ops.conv_transpose, conv_transpose), (ops.conv_weight, conv_weight))}
"""The same for functions: these are written into the source instead of the op's own."""


def write_source(derivation: Derivation, shapes: dict[str, str], facts: list[str]) -> str:
    """The source of `loss_and_grads(*, ...) -> (loss, {symbol: gradient})`; `facts` are conditions that it assumes.

    Raises ValueError, naming the op, for an op whose source is not available or cannot stand alone.
    """
    return _Writer(derivation, shapes, facts).source()


class _Writer:
    def __init__(self, derivation: Derivation, shapes: dict[str, str], facts: list[str]) -> None:
        self.derivation, self.shapes, self.facts = derivation, shapes, facts
        self.functions: dict[Any, tuple[str, str]] = {}  # function -> its name here, its source
        self.variables: dict[str, str] = {}
        for name in derivation.names.values():
            self.variable(name)

    def variable(self, name: str) -> str:
        """A symbol as a Python name; ∂ is written d."""
        if name not in self.variables:
            made = re.sub(r"\W", "_", name.replace("∂", "d"))
            made = f"_{made}" if made[0].isdigit() else made
            while keyword.iskeyword(made) or made in {"m", "np", *self.variables.values()}:
                made += "_"
            self.variables[name] = made
        return self.variables[name]

    def source(self) -> str:
        d = self.derivation
        body: list[str] = []
        used = {self.variable(name) for name in (d.loss, *d.gradients)}
        for equation in reversed(d.equations):
            target = self.variable(equation.name)
            if target in used:
                value = self.expression(equation.expr, top=d.names.get(equation.expr) == equation.name)
                used |= {n.id for n in ast.walk(value) if isinstance(n, ast.Name)}
                body.insert(0, f"{target} = {ast.unparse(_Group().visit(value))}")
        if "m" in used and d.batch:
            body.insert(0, f"m = {self.variable(d.batch.name)}.shape[{d.batch.axis}]")
        results = ", ".join(f"{json.dumps(name[1:], ensure_ascii=False)}: {self.variable(name)}"
                            for name in d.gradients)
        body.append(f"return {self.variable(d.loss)}, {{{results}}}")
        arguments = ", ".join(map(self.variable, d.inputs))
        lines = [*wrapped(f"def loss_and_grads(*, {arguments}):"), *self.docstring()]
        lines += [f"    {line}" for statement in body for line in wrapped(statement, WIDTH - 4)]
        above = [text for _, text in self.functions.values()]
        return "\n\n\n".join(["import numpy as np", *above, "\n".join(lines)]) + "\n"

    def docstring(self) -> list[str]:
        d = self.derivation
        parameters = ", ".join(name[1:] for name in d.gradients)
        arrays = ", ".join(f"{self.variable(name)} {self.shapes[name]}" for name in d.inputs)
        paragraphs = [f"Return the loss and its gradients with respect to {parameters}, by symbol.",
                      f"Arrays: {arrays}."]
        paragraphs += [f"Assumes that {name} sums to 1 in each example." for name in d.summing_to_one]
        paragraphs += [f"Assumes that everywhere {', '.join(self.facts)}."] if self.facts else []
        paragraphs += ["Generated by tinygrad_lite.explain(...).code() from the program that ran."]
        first, *rest = [textwrap.wrap(text, WIDTH - 8, break_on_hyphens=False) for text in paragraphs]
        lines = [*first, "", *(line for paragraph in rest for line in paragraph)]
        return [f'    """{lines[0]}', *(f"    {line}".rstrip() for line in lines[1:]), '    """']

    # --- expressions --------------------------------------------------------------------------------------------------

    def expression(self, e: Expr, *, top: bool = False) -> ast.expr:
        """The Python expression; with `top` it is written out even if it has a name."""
        if e in self.derivation.names and not top:
            return ast.Name(self.variable(self.derivation.names[e]))
        if e.number is not None:
            return _number(e.number)
        assert e.op is not None
        special = self.safe_logarithm(e) or self.scaled(e)
        if special is not None:
            return special
        given: dict[str, ast.expr] = {}
        for name, x in zip(e.op.operands, e.args, strict=True):
            given[name] = (ast.List([self.expression(v) for v in x]) if isinstance(x, tuple)
                           else ast.Constant(None) if x is None else self.expression(x))
        usual = {n: p.default for n, p in e.op.signature.parameters.items()}
        for name, xs in zip(e.op.settings, zip(*e.settings, strict=True), strict=True):
            if e.op is ops.expand.op and name == "shape":
                xs = tuple(np.shape(v) for v in e.values)
            given[name] = self.setting(e.op, xs)
        key, indices = given.get("key"), given.pop("indices", None)
        if isinstance(key, ast.Tuple) and isinstance(indices, ast.List):
            arrays = iter(indices.elts)
            key.elts = [next(arrays) if isinstance(x, ast.Name) and x.id == HERE else x for x in key.elts]
        if spelling := _spelling(e):
            return _filled(_parsed(spelling), given)
        inline = self.inline(e.op, given)
        if inline is not None:
            return inline
        name = self.function(FUNCTIONS.get(e.op, e.op.forward), e.op)
        settings = [ast.keyword(n, given[n]) for n, xs in zip(e.op.settings, e.settings[0], strict=True)
                    if repr(xs) != repr(usual[n])]
        operands = [o for o, x in zip(e.op.operands, e.args, strict=True) if o in given and (
            x is not None or e.op not in FUNCTIONS)]
        first_setting = [*usual].index(e.op.settings[0]) if e.op.settings else len(operands)
        ordered = len(operands) if e.op in FUNCTIONS else first_setting  # what comes after a setting goes by name
        settings += [ast.keyword(o, given[o]) for o in operands[ordered:]]
        call: ast.expr = ast.Call(ast.Name(name), [given[o] for o in operands[:ordered]], settings)
        return ast.Subscript(call, ast.Constant(0)) if e.op.residuals else call

    def scaled(self, e: Expr) -> ast.expr | None:
        """A number times something, with the division last: -x / m."""
        negative = e.op is ops.neg.op and e.args[0] not in self.derivation.names
        product = e.args[0] if negative else e
        if product.op is not ops.mul.op or product.args[0].number is None:
            return None
        above, below = (_times_m(*part) for part in parts_of(product.args[0].number))
        value = self.expression(product.args[1])
        if ast.unparse(above) != "1":
            value = ast.BinOp(ast.UnaryOp(ast.USub(), above) if negative else above, ast.Mult(), value)
        elif negative:
            value = ast.UnaryOp(ast.USub(), value)
        return value if ast.unparse(below) == "1" else ast.BinOp(value, ast.Div(), below)

    def safe_logarithm(self, e: Expr) -> ast.expr | None:
        """log softmax(z), log σ(z) and log (1 - σ(z)) of a fused op, without overflow as the op computes it."""
        if e.op is not SAFE_LOG:
            return None
        x: Expr = e.args[0]
        if x.op is ops.softmax.op:
            settings = [] if x.setting("dim") == -1 else [ast.keyword("dim", ast.Constant(x.setting("dim")))]
            return ast.Call(ast.Name(self.function(log_softmax, x.op)), [self.expression(x.args[0])], settings)
        if x.op is ops.sigmoid.op:
            return _filled(_parsed("-np.logaddexp(0, -z)"), {"z": self.expression(x.args[0])})
        if x.op is ops.sub.op and x.args[0].number == ONE and x.args[1].op is ops.sigmoid.op:
            return _filled(_parsed("-np.logaddexp(0, z)"), {"z": self.expression(x.args[1].args[0])})
        return None

    def setting(self, op: Op, xs: tuple[Any, ...]) -> ast.expr:
        """A setting, given as it is in each run; what doubles with the batch size is written with m."""
        first = xs[0]
        if isinstance(first, (tuple, list)):
            parts = [self.setting(op, each) for each in zip(*xs, strict=True)]
            return ast.Tuple(parts) if isinstance(first, tuple) else ast.List(parts)
        if isinstance(first, slice):
            parts = [self.setting(op, tuple(getattr(x, n) for x in xs)) for n in ("start", "stop", "step")]
            return ast.Call(ast.Name("slice"), parts, [])
        batch = self.derivation.batch
        if any(x != first for x in xs) and batch and isinstance(first, int) and first % batch.size == 0:
            return _times_m(first // batch.size, 1)
        if first is ARRAY:
            return ast.Name(HERE)
        if isinstance(first, np.dtype):
            return ast.Constant(first.name)
        if first is None or first is Ellipsis or isinstance(first, (bool, int, float, str)):
            return _parsed(repr(first)) if first is not Ellipsis else ast.Constant(...)
        raise ValueError(f"code(): a setting of op {op.name} cannot be written as NumPy: {first!r}")

    # --- functions of ops ---------------------------------------------------------------------------------------------

    def inline(self, op: Op, given: dict[str, ast.expr]) -> ast.expr | None:
        """The op's function as one expression of its arguments, if it is one and computes no argument twice."""
        definition = _definition_of(op.forward, op)
        body = [s for s in definition.body if not _is_docstring(s) and not _is_check(s, op.forward.__globals__)]
        if len(body) != 1 or not isinstance(body[0], ast.Return) or body[0].value is None:
            return None
        value = body[0].value
        used = [n.id for n in ast.walk(value) if isinstance(n, ast.Name)]
        twice = any(used.count(n) > 1 and not isinstance(x, (ast.Name, ast.Constant)) for n, x in given.items())
        others = {n: op.forward.__globals__.get(n) for n in {*used} - given.keys()}
        known = {np: "np"} | SIMPLER
        if twice or any(not isinstance(x, (FunctionType, ModuleType)) or x not in known for x in others.values()):
            return None
        return _filled(value, given | {n: _parsed(known[x]) for n, x in others.items()})

    def function(self, function: Any, op: Op) -> str:
        """Put a function above the code, and those that it calls; return its name there."""
        function = inspect.unwrap(function)
        if function in self.functions:
            return self.functions[function][0]
        name = f"_{function.__name__.lstrip('_')}"
        while name in {n for n, _ in self.functions.values()}:
            name += "_"
        self.functions[function] = name, ""  # known before its body is read: it may call itself
        definition = _definition_of(function, op)
        definition.name, definition.decorator_list, definition.returns = name, [], None
        arguments = definition.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            argument.annotation = None
        for block in ast.walk(definition):
            if isinstance(block, (ast.FunctionDef, ast.If, ast.For, ast.With)):
                block.body = [s for s in block.body if not _is_docstring(s)
                              and not _is_check(s, function.__globals__)] or [ast.Pass()]
        known = function.__globals__ | dict(zip(function.__code__.co_freevars,
                                                (c.cell_contents for c in function.__closure__ or ()), strict=True))
        definition = _Members(lambda module, name: self.outside(getattr(known[module], name), f"{module}.{name}", op),
                              {n for n, x in known.items() if isinstance(x, ModuleType) and x is not np}
                              ).visit(definition)
        loaded = {n.id for n in ast.walk(definition) if isinstance(n, ast.Name)}
        local = {n.arg for n in ast.walk(definition) if isinstance(n, ast.arg)}
        local |= {n.id for n in ast.walk(definition) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        there = {n: self.outside(known[n], n, op) for n in loaded - local if n in known}
        written = {"np", *(n for n, _ in self.functions.values())}
        if missing := [n for n in loaded - local - written if n not in known and not hasattr(builtins, n)]:
            raise ValueError(f"code(): op {op.name} uses {missing[0]}, which is not defined")
        text = ast.unparse(ast.fix_missing_locations(_Fill(there).visit(definition)))
        self.functions.pop(function)
        self.functions[function] = name, "\n".join(x for line in text.splitlines() for x in wrapped(line))
        return name

    def outside(self, value: Any, name: str, op: Op) -> ast.expr:
        """Something that the function of an op takes from its module."""
        if value is np:
            return _parsed("np")
        called, owner = getattr(value, "__name__", ""), getattr(value, "__self__", None)
        if called and hasattr(np, called) and value in (getattr(np, called), getattr(math, called, None)):
            return _parsed(f"np.{called}")
        if isinstance(owner, np.ufunc):
            return _parsed(f"np.{owner.__name__}.{called}")
        if isinstance(value, np.dtype):
            return _parsed(f"np.dtype({value.name!r})")
        if isinstance(value, FunctionType) and value in SIMPLER:
            return _parsed(SIMPLER[value])
        if isinstance(value, FunctionType):
            return _parsed(self.function(value, op))
        if isinstance(value, type) and getattr(builtins, called, None) is value:
            return _parsed(called)
        if isinstance(value, tuple):
            return ast.Tuple([self.outside(v, name, op) for v in value])
        if isinstance(value, float) and not math.isfinite(value):
            return _parsed(f"np.{value}" if not value < 0 else "-np.inf")
        if value is None or isinstance(value, (bool, int, float, str)):
            return _parsed(repr(value))
        raise ValueError(f"code(): op {op.name} uses {name} ({type(value).__name__}), which plain NumPy source cannot "
                         f"contain; write its function with np alone")


def _spelling(e: Expr) -> str:
    """How one writes an op, or "" if its function is to be written."""
    assert e.op is not None
    if e.op is ops.transpose.op and len(e.shape) == 2:
        return "input.T"
    if e.op is ops.argsort.op and e.shape and not e.setting("descending"):
        return "np.argsort(input, axis=dim, kind='stable')"
    if e.op is one_hot_along.op and e.setting("dim") in (-1, len(e.shape) - 1):
        return "np.eye(num_classes)[target]"
    return SPELLINGS.get(e.op, "")


class _Fill(ast.NodeTransformer):
    """Puts expressions in the place of names."""

    def __init__(self, given: dict[str, ast.expr]) -> None:
        self.given = given

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.given.get(node.id, node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        """In an index slice(a, b, None) is written a:b."""
        self.generic_visit(node)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        parts = [_slice(x.args) if isinstance(x, ast.Call) and ast.unparse(x.func) == "slice" else x for x in parts]
        if len(parts) > 1 and isinstance(parts[-1], ast.Constant) and parts[-1].value is Ellipsis:
            parts.pop()
        node.slice = ast.Tuple(parts) if len(parts) > 1 else parts[0]
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Arguments that come out as None (axis, dtype) or keepdims=False say nothing; like= is for other backends."""
        self.generic_visit(node)
        node.keywords = [k for k in node.keywords if k.arg != "like" and not (
            k.arg in ("axis", "dtype", "keepdims") and isinstance(k.value, ast.Constant)
            and (k.value.value is None or k.value.value is False))]
        return node


class _Members(ast.NodeTransformer):
    """Puts what `value` makes of them in the place of members of modules, such as dtypes.float32."""

    def __init__(self, value: Callable[[str, str], ast.expr], modules: set[str]) -> None:
        self.value, self.modules = value, modules

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id in self.modules:
            return self.value(node.value.id, node.attr)
        return node


class _Group(ast.NodeTransformer):
    """Puts parentheses around a matrix product that is a factor of an elementwise one, and the other way round."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.BinOp:
        self.generic_visit(node)
        inner = node.left.op if isinstance(node.left, ast.BinOp) else None
        if (isinstance(node.op, ast.Mult) and isinstance(inner, ast.MatMult)) or (
                isinstance(node.op, ast.MatMult) and isinstance(inner, (ast.Mult, ast.Div))):
            node.left = ast.Name(f"({ast.unparse(node.left)})")
        return node


def _slice(parts: list[ast.expr]) -> ast.Slice:
    return ast.Slice(*(None if isinstance(x, ast.Constant) and x.value is None else x for x in parts))


def _filled(template: ast.expr, given: dict[str, ast.expr]) -> ast.expr:
    made: ast.expr = _Fill(given).visit(template)
    return made


def _parsed(expression: str) -> ast.expr:
    return ast.parse(expression, mode="eval").body


def _definition_of(function: Any, op: Op) -> ast.FunctionDef:
    try:
        module = ast.parse(textwrap.dedent(inspect.getsource(function)))
        is_source = _runs(function)
    except (OSError, TypeError, SyntaxError) as error:
        raise ValueError(f"code(): the source of op {op.name} cannot be found; define it in a file") from error
    if not is_source:
        raise ValueError(f"code(): the source found for op {op.name} is not what runs; define it in a file")
    found = next((n for n in ast.walk(module) if isinstance(n, ast.FunctionDef)), None)
    if found is None:
        raise ValueError(f"code(): op {op.name} is not written with def, so its source cannot be read")
    return found


def _runs(function: Any) -> bool:
    """Whether the lines that Python finds for a function compile to it: of executed text it may find other ones."""
    code = function.__code__
    codes = [compile("".join(inspect.findsource(function)[0]), code.co_filename, "exec", dont_inherit=True)]
    for c in codes:  # it grows meanwhile
        codes += [k for k in c.co_consts if hasattr(k, "co_code")]
    return any(c.co_code == code.co_code and c.co_consts == code.co_consts and c.co_names == code.co_names
               for c in codes if c.co_name == code.co_name)


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_check(statement: ast.stmt, known: dict[str, Any]) -> bool:
    """Whether it only raises an error for wrong arguments, or calls a function that does: the op was called with right
    ones."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        called = statement.value.func
        function = known.get(called.id) if isinstance(called, ast.Name) else None
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            function = getattr(known.get(called.value.id), called.attr, None)
        if not isinstance(function, FunctionType):
            return False
        body = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
        return isinstance(body, ast.FunctionDef) and all(
            _is_docstring(s) or _is_check(s, function.__globals__) for s in body.body)
    return isinstance(statement, ast.If) and all(isinstance(s, ast.Raise) for s in (*statement.body, *statement.orelse))


def _number(scale: Scale) -> ast.expr:
    if scale[0] < 0:
        return ast.UnaryOp(ast.USub(), _number((-scale[0], scale[1])))
    above, below = (_times_m(q, power) for q, power in parts_of(scale))
    return above if ast.unparse(below) == "1" else ast.BinOp(above, ast.Div(), below)


def _times_m(q: Any, power: int) -> ast.expr:
    digits: ast.expr = ast.Constant(int(q) if q == int(q) else float(q))
    if not power:
        return digits
    m: ast.expr = ast.Name("m") if power == 1 else ast.BinOp(ast.Name("m"), ast.Pow(), ast.Constant(power))
    return m if q == 1 else ast.BinOp(digits, ast.Mult(), m)


def wrapped(line: str, width: int = WIDTH, inside: bool = False) -> list[str]:
    """A statement on as many lines as it needs: broken before operators and after commas, the outermost first.

    `inside` says that it is part of one, within brackets.
    """
    if len(line) <= width:
        return [line]
    depth, quote = 0, ""
    first = max(line.find(" = "), len(line) - len(line.lstrip()))  # what is assigned to stays on one line
    breaks: list[tuple[int, int]] = []  # depth, position
    for i, c in enumerate(line):
        if quote or c in "'\"":
            quote = "" if c == quote else quote or c
            continue
        depth += (c in "([{") - (c in ")]}")
        if i > first and (re.match(r" (\+|-|\*|/|@) ", line[i:]) or (c == "," and line[i + 1 :].strip())):
            breaks.append((depth, i + (c == ",")))
    if not inside and " = " not in line and "return " not in line:  # a loop: nothing to put brackets around
        breaks = [(d, i) for d, i in breaks if d]
    if not breaks:
        return [line]
    outermost = min(breaks)[0]
    if outermost == 0 and not inside:
        start = line.index(" = ") + 3 if " = " in line else line.index("return ") + 7
        return wrapped(f"{line[:start]}({line[start:]})", width)
    at = [0, *(i for d, i in breaks if d == outermost), len(line)]
    indent = " " * (len(line) - len(line.lstrip()) + 4 * (outermost > 0))
    lines = [""]
    for piece in (line[a:b] for a, b in pairwise(at)):
        if lines[-1] and len(lines[-1]) + len(piece) > width:
            lines.append(indent + piece.strip())
        else:
            lines[-1] += piece
    return [part for whole in lines for part in (wrapped(whole, width, True) if len(lines) > 1 else [whole])]
