"""Comparisons and logic: ops without a derivative."""

from __future__ import annotations

import numpy as np

from ..engine.graph import Array
from ..engine.operation import op


@op(tex=r"[{input} = {other}]", promotion="compare")
def eq(input: Array, other: Array) -> Array:
    """input == other, elementwise."""
    return input == other


@op(tex=r"[{input} \ne {other}]", promotion="compare")
def ne(input: Array, other: Array) -> Array:
    """input != other, elementwise."""
    return input != other


@op(tex=r"[{input} < {other}]", promotion="compare")
def lt(input: Array, other: Array) -> Array:
    """input < other, elementwise."""
    return input < other


@op(tex=r"[{input} \le {other}]", promotion="compare")
def le(input: Array, other: Array) -> Array:
    """input <= other, elementwise."""
    return input <= other


@op(tex=r"[{input} > {other}]", promotion="compare")
def gt(input: Array, other: Array) -> Array:
    """input > other, elementwise."""
    return input > other


@op(tex=r"[{input} \ge {other}]", promotion="compare")
def ge(input: Array, other: Array) -> Array:
    """input >= other, elementwise."""
    return input >= other


@op(tex=r"[{input} > 0]", promotion="compare")
def positive(input: Array) -> Array:
    """Whether input > 0, or nan: where `relu` lets a gradient through."""
    return ~(input <= 0)


@op(tex=r"[{input} = {other}]", promotion="compare")
def same(input: Array, other: Array) -> Array:
    """input == other, elementwise, where nan equals nan."""
    return (input == other) | ((input != input) & (other != other))


@op(tex=r"[{input} \approx {other}]", promotion="compare")
def isclose(input: Array, other: Array, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Array:
    """|input - other| <= atol + rtol * |other|, elementwise; nan equals nan only with `equal_nan`."""
    return np.isclose(input, other, rtol, atol, equal_nan)


@op(tex=r"[|{input}| < \infty]", promotion="compare")
def isfinite(input: Array) -> Array:
    """Where `input` is neither nan nor infinite: |input| < inf."""
    return np.isfinite(input)


@op(tex=r"[|{input}| = \infty]", promotion="compare")
def isinf(input: Array) -> Array:
    """Where `input` is inf or -inf: |input| = inf."""
    return np.isinf(input)


@op(tex=r"[{input} < 0]", promotion="compare")
def signbit(input: Array) -> Array:
    """Where `input` has a minus sign; -0.0 has one."""
    return np.signbit(input)


@op(tex=r"{input} \wedge {other}", promotion="compare")
def logical_and(input: Array, other: Array) -> Array:
    """Where neither is 0: input != 0 and other != 0."""
    return np.logical_and(input, other)


@op(tex=r"{input} \vee {other}", promotion="compare")
def logical_or(input: Array, other: Array) -> Array:
    """Where one of the two, or both, is not 0: input != 0 or other != 0."""
    return np.logical_or(input, other)


@op(tex=r"{input} \oplus {other}", promotion="compare")
def logical_xor(input: Array, other: Array) -> Array:
    """Where one of the two, and only one, is not 0: (input != 0) != (other != 0)."""
    return np.logical_xor(input, other)


@op(tex=r"\neg {input}", promotion="compare")
def logical_not(input: Array) -> Array:
    """Where input == 0."""
    return np.logical_not(input)


@op(tex=r"{input} \wedge {other}", promotion="compare")
def bitwise_and(input: Array, other: Array) -> Array:
    """input & other: logical for bool, bitwise for integers."""
    return input & other


@op(tex=r"{input} \vee {other}", promotion="compare")
def bitwise_or(input: Array, other: Array) -> Array:
    """input | other: logical for bool, bitwise for integers."""
    return input | other


@op(tex=r"{input} \oplus {other}", promotion="compare")
def bitwise_xor(input: Array, other: Array) -> Array:
    """input ^ other: logical for bool, bitwise for integers."""
    return input ^ other


@op(tex=r"2^{{{other}}} \, {input}", promotion="compare")
def bitwise_left_shift(input: Array, other: Array) -> Array:
    """input << other, of integers: input * 2 ** other."""
    return input << other


@op(tex=r"\lfloor\frac{{{input}}}{{2^{{{other}}}}}\rfloor", promotion="compare")
def bitwise_right_shift(input: Array, other: Array) -> Array:
    """input >> other, of integers: floor(input / 2 ** other)."""
    return input >> other


@op(tex=r"\neg {input}", promotion="compare")
def bitwise_not(input: Array) -> Array:
    """~input: logical for bool, bitwise for integers."""
    return ~input


@op(tex=r"\{{i : {input}_i \ne 0\}}", promotion="none")
def argwhere(input: Array) -> Array:
    """The indices of the elements that are not 0, one row each; int64.

    Shapes: input of d axes; result (the number that are not 0, d).
    """
    return np.argwhere(input)
