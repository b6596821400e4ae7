"""Losses.

Each is a fused op: a fast forward with a short derivative of its own, and a definition in other ops, which is its
oracle in the tests, its explanation, and what generated code shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.dtypes import check_floating
from ..engine.graph import Array
from ..engine.operation import op
from ..engine.summation import total
from .activation import hardtanh, log_softmax, lowered, softmax
from .elementwise import abs, clamp, where
from .functions import at_least, at_most, log, sigmoid
from .indexing import full_index
from .reduce import has_short_rows, in_float32, mean, shared, sum, turned, turned_back, unreduce


def reduced(loss: Any, reduction: str) -> Any:
    """A loss per element as `reduction` wants it."""
    check_reduction(reduction)
    return loss if reduction == "none" else sum(loss) if reduction == "sum" else mean(loss)


def per_element(g, shape, reduction):
    """The gradient of a reduced loss as what each element, or example, of `shape` gets of it."""
    return shared(g, math.prod(shape)) if reduction == "mean" else g


def check_reduction(reduction: str) -> None:
    """Raise ValueError unless `reduction` is one of PyTorch's three."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction; expected 'none', 'mean' or 'sum'")


@op(tex=r"\operatorname{{onehot}}({target})", promotion="none")
def one_hot_along(target: Array, num_classes: int, dim: int) -> Array:
    """True where the class along the new axis `dim` is `target`, else False: y_ic = [target_i = c].

    Shapes: target (a, b, ...); result (a, num_classes, b, ...) for dim = 1.
    """
    axis = dim % (target.ndim + 1)
    classes = np.arange(num_classes, like=target).reshape((num_classes,) + (1,) * (target.ndim - axis))
    return np.expand_dims(target, axis) == classes


@op(promotion="none", residuals=("probabilities",))
@in_float32
def cross_entropy(input: Array, target: Array, reduction: str = "mean") -> Array:
    """The cross entropy of softmax(input) against `target`, -sum over c of target_c log softmax(input)_c.

    The classes c lie along axis 1 (0 of a single example).
    With class indices (integers): -log softmax(input)[target].  With probabilities (floats, of the shape of input):
    -sum(target * log softmax(input)).  The mean is over the examples.

    Shapes: input (N, C, *) or (C,), target (N, *) or (), or that of input; result (), with reduction="none" (N, *).
    Raises IndexError for a class out of range and ValueError where the shapes do not fit.
    """
    check_floating("cross_entropy", input)
    dim = class_dim(input.shape)
    shape, expected = input.shape, (*input.shape[:dim], *input.shape[dim + 1 :])
    turns = has_short_rows(input, dim)
    if turns:
        input, dim = turned(input), 0
    shifted = lowered(input, dim)
    e = np.exp(shifted)
    weight = total(e, dim, keepdims=True)
    if target.dtype.kind == "f":
        if target.shape != shape:
            raise ValueError(f"class probabilities must have the shape of input, {shape}; got {target.shape}")
        shifted -= np.log(weight)
        loss = -total(shifted * (turned(target) if turns else target), dim)  # of the wider dtype of the two
    else:
        if target.shape != expected:
            raise ValueError(f"class indices for input {shape} must have shape {expected}, got {target.shape}")
        if target.size and target.min() < 0:  # NumPy would count from the end
            raise IndexError(f"Target {target.min()} is out of bounds")
        index = np.expand_dims(target, dim)
        loss = (np.log(weight) - shifted[full_index(shifted.shape, dim, index)]).reshape(expected)
    e /= weight
    return reduced(loss, reduction), turned_back(e, shape) if turns else e


@cross_entropy.residual("probabilities")
def _(input):
    return softmax(input, class_dim(input.shape))


@cross_entropy.define
def _(input, target, reduction="mean"):
    dim = class_dim(input.shape)
    if target.dtype.kind != "f":
        target = one_hot_along(target, input.shape[dim], dim)
    return reduced(-sum(target * log(softmax(input, dim)), dim), reduction)


@cross_entropy.vjp("input")
def _(g, probabilities, target, reduction):
    dim = class_dim(probabilities.shape)
    g = per_example(g, probabilities.shape, dim, reduction)
    if target.dtype.kind != "f":
        return g * (probabilities - one_hot_along(target, probabilities.shape[dim], dim))
    return g * (probabilities * sum(target, dim, True) - target)


@cross_entropy.vjp("target")
def _(g, input, reduction):
    dim = class_dim(input.shape)
    return -per_example(g, input.shape, dim, reduction) * log_softmax(input, dim)


def class_dim(shape: Sequence[int]) -> int:
    """The axis of the classes: 1 of a batch, 0 of a single example."""
    return 1 if len(shape) > 1 else 0


def per_example(g, shape, dim, reduction):
    """The gradient of a loss as what each example's class scores get of it."""
    if reduction == "none":
        return unreduce(g, shape, dim, False)
    return per_element(g, (*shape[:dim], *shape[dim + 1 :]), reduction)


@op
@in_float32
def binary_cross_entropy_with_logits(input: Array, target: Array, reduction: str = "mean") -> Array:
    """-(target log s + (1 - target) log(1 - s)) with s = sigmoid(input), without overflow.

    It is computed as max(input, 0) - input * target + log(1 + e ** -|input|).
    Shapes: input and target the same; result (), with reduction="none" that of input.
    Raises ValueError if the shapes differ.
    """
    check_floating("binary_cross_entropy_with_logits", input)
    if np.shape(target) != input.shape:
        raise ValueError(f"target must have the shape of input, {input.shape}; got {np.shape(target)}")
    loss = at_least(input, 0) - input * target + np.log1p(np.exp(-np.abs(input)))
    return reduced(loss, reduction)


@binary_cross_entropy_with_logits.define
def _(input, target, reduction="mean"):
    s = sigmoid(input)
    return reduced(-(target * log(s) + (1 - target) * log(1 - s)), reduction)


@binary_cross_entropy_with_logits.vjp("input")
def _(g, input, target, reduction):
    return per_element(g, input.shape, reduction) * (sigmoid(input) - target)


@binary_cross_entropy_with_logits.vjp("target")
def _(g, input, reduction):
    return -per_element(g, input.shape, reduction) * input


@op
@in_float32
def binary_cross_entropy(input: Array, target: Array, reduction: str = "mean") -> Array:
    """-(target log(input) + (1 - target) log(1 - input)), both logarithms at least -100, as in PyTorch.

    Shapes: input and target the same; result (), with reduction="none" that of input.
    Raises ValueError if the shapes differ, and RuntimeError for an input that is no probability.
    """
    check_floating("binary_cross_entropy", input)
    if np.shape(target) != input.shape:
        raise ValueError(f"target must have the shape of input, {input.shape}; got {np.shape(target)}")
    if not np.all((input >= 0) & (input <= 1)):
        raise RuntimeError("all elements of input should be between 0 and 1")
    loss = (target - 1) * at_least(np.log1p(-input), -100) - target * at_least(np.log(input), -100)
    return reduced(loss, reduction)


@binary_cross_entropy.define
def _(input, target, reduction="mean"):
    return reduced(-(target * log(input) + (1 - target) * log(1 - input)), reduction)


@binary_cross_entropy.vjp("input")
def _(g, input, target, reduction):
    least = 9.999999960041972e-13  # PyTorch's 1e-12, which is a float32
    return per_element(g, input.shape, reduction) * (input - target) / clamp(input * (1 - input), least)


@binary_cross_entropy.vjp("target")
def _(g, input, reduction):
    return per_element(g, input.shape, reduction) * (log(1 - input) - log(input))


@op
@in_float32
def mse_loss(input: Array, target: Array, reduction: str = "mean") -> Array:
    """(input - target) ** 2, its mean or its sum.

    Shapes: input and target broadcast; result (), with reduction="none" the broadcast shape.
    """
    check_floating("mse_loss", input)
    difference = input - target
    return reduced(difference * difference, reduction)


@mse_loss.define
def _(input, target, reduction="mean"):
    return reduced((input - target) ** 2, reduction)


@mse_loss.vjp("input")
def _(g, input, target, reduction):
    difference = input - target
    return per_element(2 * g, difference.shape, reduction) * difference


@mse_loss.vjp("target")
def _(g, input, target, reduction):
    difference = target - input
    return per_element(2 * g, difference.shape, reduction) * difference


@op(promotion="none")
def huber(input: Array, delta: float) -> Array:
    """input ** 2 / 2 where |input| < delta, and outside delta (|input| - delta / 2), which continues it as a line.

    In one expression for both, with m = min(|input|, delta): m |input| - m ** 2 / 2.

    Shapes: result that of input; `delta` is a number.
    """
    size = np.abs(input)
    near = at_most(size, delta)
    size -= 0.5 * near
    size *= near
    return size


@huber.define
def _(input, delta):
    size = abs(input)
    return where(size < delta, 0.5 * input * input, delta * (size - 0.5 * delta))


@huber.vjp("input")
def _(g, input, delta):
    return g * hardtanh(input, -delta, delta)
