"""Rounding, and division that leaves a remainder: ops whose derivatives are constant piecewise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.graph import Array
from ..engine.operation import op
from .elementwise import zeros_of


@op(tex=r"\lfloor{{{input}}}\rfloor")
def floor(input: Array) -> Array:
    """The next whole number at or below, max{k : k <= input}; its derivative is 0 everywhere."""
    return np.floor(input)


@op(tex=r"\lceil{{{input}}}\rceil")
def ceil(input: Array) -> Array:
    """The next whole number at or above, min{k : k >= input}; its derivative is 0 everywhere."""
    return np.ceil(input)


@op(tex=r"\operatorname{{trunc}}({input})")
def trunc(input: Array) -> Array:
    """The whole number next to it towards 0, sign(input) * floor(|input|); its derivative is 0 everywhere."""
    return np.trunc(input)


@op(tex=r"\operatorname{{round}}({input})")
def round(input: Array, *, decimals: int = 0) -> Array:
    """The nearest k / 10 ** decimals with a whole k, a half to the even k; its derivative is 0 everywhere.

    Negative `decimals` round to tens, hundreds and so on.  Raises TypeError for decimals of integers.

    >>> import tinygrad_lite as tg
    >>> tg.round(tg.tensor([0.5, 1.5, -2.25]))
    tensor([ 0.,  2., -2.])
    """
    if decimals and input.dtype.kind != "f":
        raise TypeError(f"round: decimals={decimals} needs a floating dtype, got {input.dtype}")
    if not decimals:
        return np.round(input)
    scale = 10.0 ** abs(decimals) if abs(decimals) < 309 else math.inf
    return np.rint(input * scale) / scale if decimals > 0 else np.rint(input / scale) * scale


@floor.vjp("input")
@ceil.vjp("input")
@trunc.vjp("input")
@round.vjp("input")
def _(g):
    return zeros_of(g)


def check_divisor(name: str, input: Any, other: Any) -> None:
    """Raise RuntimeError for integers divided by 0."""
    if whole(input) and whole(other) and not np.all(other):
        raise RuntimeError(f"{name}: ZeroDivisionError, an integer divided by 0")


def whole(x: Any) -> bool:
    """Whether an operand is an integer or an array of integers."""
    return x.dtype.kind in "iu" if hasattr(x, "dtype") else isinstance(x, int)


@op(tex=r"\lfloor\frac{{{input}}}{{{other}}}\rfloor")
def floor_divide(input: Array, other: Array) -> Array:
    """floor(input / other), as Python's //; its derivatives are 0 everywhere.

    Raises RuntimeError for integers divided by 0.
    """
    check_divisor("floor_divide", input, other)
    return np.floor_divide(input, other)


@floor_divide.vjp("input", "other")
def _(g):
    return zeros_of(g)


@op(tex=r"{input} \bmod {other}")
def remainder(input: Array, other: Array) -> Array:
    """input - other * floor(input / other), as Python's %: it has the sign of `other`.

    Raises RuntimeError for integers divided by 0.

    >>> import tinygrad_lite as tg
    >>> tg.tensor([-3.0, 3.0]) % 2.0, tg.fmod(tg.tensor([-3.0, 3.0]), 2.0)
    (tensor([1., 1.]), tensor([-1.,  1.]))
    """
    check_divisor("remainder", input, other)
    return np.remainder(input, other)


@remainder.vjp("input")
def _(g):
    return g


@remainder.vjp("other")
def _(g, input, other):
    return -g * floor_divide(input, other)


@op(tex=r"\operatorname{{fmod}}({input}, {other})")
def fmod(input: Array, other: Array) -> Array:
    """input - other * trunc(input / other), as C's fmod: it has the sign of `input`.

    Raises RuntimeError for integers divided by 0.
    """
    check_divisor("fmod", input, other)
    return np.fmod(input, other)


@fmod.vjp("input")
def _(g):
    return g


@fmod.vjp("other")
def _(g, input, other):
    return -g * trunc(input / other)
