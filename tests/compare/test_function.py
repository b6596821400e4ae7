"""autograd.Function, gradcheck and gradgradcheck: the same classes in both libraries do the same or both refuse."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.autograd.function import once_differentiable

import tinygrad_lite as tg

from .pair import OURS, THEIRS, assert_same, attempt

ours = SimpleNamespace(**vars(OURS), Function=tg.autograd.Function, once=tg.autograd.once_differentiable,
                       gradcheck=tg.testing.gradcheck, gradgradcheck=tg.testing.gradgradcheck)
theirs = SimpleNamespace(**vars(THEIRS), Function=torch.autograd.Function, once=once_differentiable,
                         gradcheck=torch.autograd.gradcheck, gradgradcheck=torch.autograd.gradgradcheck)


def make(library: Any, forward: Callable[..., Any], backward: Callable[..., Any], setup: Any = None) -> Any:
    """A Function of one of the libraries."""
    body = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    if setup is not None:
        body["setup_context"] = staticmethod(setup)
    return type("Custom", (library.Function,), body)


def leaf(library: Any, *values: float) -> Any:
    return library.new(np.array(values)).requires_grad_()


def cube_forward(ctx: Any, x: Any) -> Any:
    ctx.save_for_backward(x)
    return x**3


def cube_backward(ctx: Any, g: Any) -> Any:
    (x,) = ctx.saved_tensors
    return g * 3 * x**2


def cube(library: Any) -> Any:
    return make(library, cube_forward, cube_backward)


def exp(library: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    return make(library, forward, lambda ctx, g: g * ctx.saved_tensors[0])


def returning(library: Any, result: Callable[[Any], Any], arguments: int = 1) -> Any:
    """The gradients of a Function of some arguments whose backward returns `result(g)`."""
    x = leaf(library, 1.0, 2.0)
    f = make(library, lambda ctx, x, *_: x * 1, lambda ctx, g: result(g))
    return library.grad((f.apply(x, *[3.0] * (arguments - 1)) * 2).sum(), x, allow_unused=True)


def three_orders(library: Any, f: Any) -> list[Any]:
    x = leaf(library, 0.5, -1.5)
    results = [f(library).apply(x)]
    for _ in range(3):
        results += library.grad(results[-1].sum(), x, create_graph=True)
    return results


def two_outputs(library: Any) -> Any:
    def forward(ctx: Any, a: Any, b: Any) -> Any:
        ctx.save_for_backward(a, b)
        return a + b, a * b

    def backward(ctx: Any, g: Any, h: Any) -> Any:
        a, b = ctx.saved_tensors
        return g + h * b, g + h * a

    a, b = leaf(library, 2.0), leaf(library, 5.0)
    s, p = make(library, forward, backward).apply(a, b)
    results = [*library.grad((s * 10 + p * p).sum(), [a, b], create_graph=True)]
    results += library.grad((results[0] * results[1]).sum(), [a, b], retain_graph=True)
    return [*results, *library.grad(p.sum(), [a, b])]


def undefined(library: Any, materialize: bool) -> Any:
    seen = []

    def forward(ctx: Any, x: Any) -> Any:
        ctx.set_materialize_grads(materialize)
        return x * 2, x.reshape(1, 2) * 3

    def backward(ctx: Any, g: Any, h: Any) -> Any:
        seen.append("None" if h is None else h)
        return g * 2

    x = leaf(library, 1.0, 2.0)
    return [*library.grad(make(library, forward, backward).apply(x)[0].sum(), x), *seen]


def constants(library: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        rounded = x * 0
        ctx.mark_non_differentiable(rounded)
        return x * 2, rounded, x.argmax()

    x = leaf(library, 1.0, 2.0)
    results = make(library, forward, lambda ctx, g, *rest: g * 2 + rest[0]).apply(x)
    return [*results, *(r.requires_grad for r in results), *library.grad(results[0].sum(), x)]


def split_style(library: Any) -> Any:
    def setup(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(inputs[0], output)
        ctx.factor = inputs[1]

    def backward(ctx: Any, g: Any) -> Any:
        x, y = ctx.saved_tensors
        return g * ctx.factor + y * 0 + x * 0, None

    x = leaf(library, 1.0, 2.0)
    f = make(library, lambda x, factor=4.0: x * factor, backward, setup)
    return [g for y in (f.apply(x), f.apply(x, 7.0)) for g in library.grad(y.sum(), x)]


def needs(library: Any) -> Any:
    seen: list[Any] = []

    def forward(ctx: Any, a: Any, b: Any, c: float) -> Any:
        seen.append(ctx.needs_input_grad)
        return a * b * c

    a, b = leaf(library, 1.0), leaf(library, 2.0)
    f = make(library, forward, lambda ctx, g: (g, g, None))
    f.apply(a, b.detach(), 1.0)
    f.apply(a, b, 1.0)
    return seen


def second_backward(library: Any, retain: bool) -> Any:
    x = leaf(library, 2.0)
    y = cube(library).apply(x).sum()
    y.backward(retain_graph=retain)
    y.backward()
    return x.grad


def overwritten(library: Any, f: Any, what: str) -> Any:
    x = leaf(library, 2.0)
    inside = x * 1
    y = f(library).apply(inside)
    with library.T.no_grad():
        (inside if what == "input" else y).mul_(2)
    return library.grad(y.sum(), x)


def once(library: Any, order: int) -> Any:
    """Here this always raises; PyTorch is silent if the arriving gradient has no history, or if `grad` is asked."""
    x = leaf(library, 2.0)
    f = make(library, cube_forward, library.once(cube_backward))
    (g,) = library.grad((f.apply(x) ** 2).sum(), x, create_graph=True)
    if order == 2:
        (g * x).sum().backward()
    return g


SCENARIOS: dict[str, Callable[[Any], Any]] = {
    "three orders of cube": lambda library: three_orders(library, cube),
    "three orders of exp": lambda library: three_orders(library, exp),
    "two outputs": two_outputs,
    "materialized": lambda library: undefined(library, True),
    "not materialized": lambda library: undefined(library, False),
    "constant outputs": constants,
    "split style": split_style,
    "needs_input_grad": needs,
    "backward twice": lambda library: second_backward(library, False),
    "backward twice, retained": lambda library: second_backward(library, True),
    "overwritten input": lambda library: overwritten(library, cube, "input"),
    "overwritten output": lambda library: overwritten(library, exp, "output"),
    "overwritten output that is not saved": lambda library: overwritten(library, cube, "output"),
    "once differentiable": lambda library: once(library, 1),
    "once differentiable, twice": lambda library: once(library, 2),
    "gradient None": lambda library: returning(library, lambda g: None),
    "too few gradients": lambda library: returning(library, lambda g: g, 2),
    "too many gradients": lambda library: returning(library, lambda g: (g, g)),
    "further Nones": lambda library: returning(library, lambda g: (g, None, None)),
    "gradient of a number": lambda library: returning(library, lambda g: (g, g), 2),
    "no tensor": lambda library: returning(library, lambda g: 3.0),
    "wrong shape": lambda library: returning(library, lambda g: library.T.zeros(3, dtype=g.dtype)),
    "a shape that broadcasts": lambda library: returning(library, lambda g: g.sum()),
    "a shape to sum": lambda library: returning(library, lambda g: g.expand(3, 2)),
    "another dtype": lambda library: returning(library, lambda g: g.to(library.T.float32)),
    "an error": lambda library: returning(library, lambda g: 1 / 0),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_functions(name: str) -> None:
    def results(library: Any) -> Any:
        found = attempt(SCENARIOS[name], library)
        return tuple(found) if isinstance(found, (list, tuple)) else found

    a, b = results(ours), results(theirs)
    if isinstance(b, ZeroDivisionError):
        assert isinstance(a, ZeroDivisionError)
    else:
        assert_same(a, b, name)


CHECKS: dict[str, Callable[[Any, Any], Any]] = {
    "right": lambda library, x: x.tanh() * x,
    "two": lambda library, x: (x.exp(), x * 2),
    "wrong": lambda library, x: make(library, cube_forward, lambda ctx, g: g * 3 * ctx.saved_tensors[0]).apply(x),
    "wrong to second order": lambda library, x: make(
        library, cube_forward, lambda ctx, g: g * 3 * ctx.saved_tensors[0].detach() ** 2).apply(x),
    "constant": lambda library, x: (x > 0).to(x.dtype),
    "detached": lambda library, x: x.detach() * 2,
}


@pytest.mark.parametrize("fast_mode", [False, True])
@pytest.mark.parametrize(("check", "name"), [
    *(("gradcheck", name) for name in CHECKS),
    *(("gradgradcheck", name) for name in CHECKS if name not in ("constant", "detached"))])  # nothing to differentiate
def test_checks(check: str, name: str, fast_mode: bool) -> None:
    verdicts = [getattr(library, check)(lambda x, library=library: CHECKS[name](library, x), leaf(library, 0.7, -1.2),
                                        fast_mode=fast_mode, raise_exception=False) for library in (ours, theirs)]
    assert verdicts[0] == verdicts[1]
