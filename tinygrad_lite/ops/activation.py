"""Activation functions: what stands between layers, and what makes probabilities of scores."""

from __future__ import annotations

import numpy as np

from ..graph import Array
from ..operation import op
from ..walk import add_reduce
from .functions import exp
from .logic import positive
from .reduce import axis_of, in_float32, logsumexp, sum


@op(tex=r"\max(0, {input})")
def relu(input: Array) -> Array:
    """max(input, 0); the derivative at 0 is 0, and at nan 1, as in PyTorch."""
    return np.maximum(input, 0)


@relu.vjp("input")
def _(g, y):
    return g * positive(y)


@op(tex=r"\operatorname{{softmax}}({input})", promotion="float")
@in_float32
def softmax(input: Array, dim: int = -1) -> Array:
    """e ** input / sum(e ** input) along `dim`, without overflow."""
    axis = axis_of(dim, input.ndim)
    e = np.exp(lowered(input, axis))
    return e / add_reduce(e, axis, None, None, True)


@softmax.define
def _(input, dim=-1):
    e = exp(input)
    return e / sum(e, dim, True)


@softmax.vjp("input")
def _(g, y, dim):
    return y * (g - sum(g * y, dim, True))


@op(tex=r"\log\operatorname{{softmax}}({input})", promotion="float")
@in_float32
def log_softmax(input: Array, dim: int = -1) -> Array:
    """input - log(sum(e ** input)) along `dim`, without overflow."""
    axis = axis_of(dim, input.ndim)
    shifted = lowered(input, axis)
    return shifted - np.log(add_reduce(np.exp(shifted), axis, None, None, True))


@log_softmax.define
def _(input, dim=-1):
    return input - logsumexp(input, dim, True)


@log_softmax.vjp("input")
def _(g, y, dim):
    return g - exp(y) * sum(g, dim, True)


def lowered(input, axis):
    """`input` minus its largest element along `axis`, so that e ** it does not overflow."""
    return input - input.max(axis, keepdims=True) if input.size else input
