"""Comparisons and logic: ops without a derivative."""

from __future__ import annotations

from ..graph import Array
from ..operation import op


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


@op(tex=r"{input} \wedge {other}", promotion="compare")
def bitwise_and(input: Array, other: Array) -> Array:
    """input & other: logical for bool, bitwise for integers."""
    return input & other


@op(tex=r"{input} \vee {other}", promotion="compare")
def bitwise_or(input: Array, other: Array) -> Array:
    """input | other: logical for bool, bitwise for integers."""
    return input | other


@op(tex=r"\neg {input}", promotion="compare")
def bitwise_not(input: Array) -> Array:
    """~input: logical for bool, bitwise for integers."""
    return ~input
