"""Functions of one number: exponential, logarithm, roots, trigonometric and hyperbolic ones."""

from __future__ import annotations

import numpy as np

from ..graph import Array
from ..operation import op


@op(tex=r"e^{{{input}}}", promotion="float")
def exp(input: Array) -> Array:
    """e ** input."""
    return np.exp(input)


@exp.vjp("input")
def _(g, y):
    return g * y


@op(tex=r"\log {input}", promotion="float")
def log(input: Array) -> Array:
    """The natural logarithm."""
    return np.log(input)


@log.vjp("input")
def _(g, input):
    return g / input


@op(tex=r"\sqrt{{{input}}}", promotion="float")
def sqrt(input: Array) -> Array:
    """The square root."""
    return np.sqrt(input)


@sqrt.vjp("input")
def _(g, y):
    return g / (2 * y)


@op(tex=r"\sin {input}", promotion="float")
def sin(input: Array) -> Array:
    """The sine."""
    return np.sin(input)


@sin.vjp("input")
def _(g, input):
    return g * cos(input)


@op(tex=r"\cos {input}", promotion="float")
def cos(input: Array) -> Array:
    """The cosine."""
    return np.cos(input)


@cos.vjp("input")
def _(g, input):
    return -g * sin(input)


@op(tex=r"\tanh({input})", promotion="float")
def tanh(input: Array) -> Array:
    """The hyperbolic tangent."""
    return np.tanh(input)


@tanh.vjp("input")
def _(g, y):
    return g * (1 - y * y)


@op(tex=r"\sigma({input})", promotion="float")
def sigmoid(input: Array) -> Array:
    """The logistic function 1 / (1 + e ** -input), without overflow and to full precision at both ends.

    It is computed as e ** input / (1 + e ** input).  Beyond 10, 20, 40 for float16, 32, 64 (5 times the item size) the
    result is 1 in that dtype, and e ** input still far from overflow.
    """
    e = np.exp(np.minimum(input, 5 * input.dtype.itemsize))
    e /= 1 + e
    return e


@sigmoid.vjp("input")
def _(g, y):
    return g * (y * (1 - y))
