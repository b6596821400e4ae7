"""Fused ops: a composition that occurs everywhere, with a fast forward and a short derivative of its own.

Each has a definition in other ops, which is its oracle in the tests, its explanation, and what generated code shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..graph import Array
from ..operation import op
from ..walk import add_reduce
from .elementwise import exp, log, sigmoid
from .indexing import along
from .linalg import matmul
from .reduce import axis_of, in_float32, logsumexp, mean, shared, sum, unreduce
from .shape import reshape, transpose


@op
def linear(input: Array, weight: Array, bias: Array | None = None) -> Array:
    """input @ weight.T + bias, with weight of shape (out_features, in_features).

    Shapes: input (*, in), weight (out, in), bias (out,) or None; result (*, out).  Without bias weight may be (in,);
    the result is then (*).

    Raises ValueError where the shapes do not fit.
    """
    if bias is not None and weight.ndim == 1 and input.ndim > 1:
        raise ValueError(f"linear: a bias needs a weight of shape (out, in), got {weight.shape}")
    y = np.dot(input, weight.T)
    if bias is not None:
        y += bias
    return y


@linear.define
def _(input, weight, bias=None):
    y = input @ (transpose(weight) if len(weight.shape) > 1 else weight)
    return y if bias is None else y + bias


@linear.vjp("input")
def _(g, weight):
    return matmul(g, weight) if len(weight.shape) > 1 else reshape(g, (*g.shape, 1)) * weight


@linear.vjp("weight")
def _(g, input, weight_shape):
    if len(input.shape) == 2:
        return matmul(g.T, input)
    return matmul(reshape(g, (-1, *weight_shape[:-1])).T, reshape(input, (-1, weight_shape[-1])))


@linear.vjp("bias")
def _(g):
    return g  # the walk sums over the examples


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


# --- losses -----------------------------------------------------------------------------------------------------------


def reduced(loss, reduction):
    """A loss per element as `reduction` wants it."""
    check_reduction(reduction)
    return loss if reduction == "none" else sum(loss) if reduction == "sum" else mean(loss)


def share(g, shape, reduction):
    """The gradient of a reduced loss as what each element, or example, of `shape` gets of it."""
    return shared(g, math.prod(shape)) if reduction == "mean" else g


def check_floating(name: str, input: Array) -> None:
    """Raise RuntimeError for integers and bool."""
    if input.dtype.kind != "f":
        raise RuntimeError(f"{name}: the input dtype must be floating, got {input.dtype}; use .float() first")


def check_reduction(reduction: str) -> None:
    """Raise ValueError unless `reduction` is one of PyTorch's three."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction; expected 'none', 'mean' or 'sum'")


@op(tex=r"\operatorname{{onehot}}({target})", promotion="none")
def one_hot_along(target: Array, num_classes: int, dim: int) -> Array:
    """True where the class along the new axis `dim` is `target`, else False."""
    axis = dim % (target.ndim + 1)
    classes = np.arange(num_classes, like=target).reshape((num_classes,) + (1,) * (target.ndim - axis))
    return np.expand_dims(target, axis) == classes


@op(promotion="none", residuals=("probabilities",))
@in_float32
def cross_entropy(input: Array, target: Array, reduction: str = "mean") -> Array:
    """The cross entropy of softmax(input) against `target`; the classes lie along axis 1 (0 of a single example).

    With class indices (integers): -log softmax(input)[target].  With probabilities (floats, of the shape of input):
    -sum(target * log softmax(input)).  The mean is over the examples.

    Raises IndexError for a class out of range and ValueError where the shapes do not fit.
    """
    check_floating("cross_entropy", input)
    dim = class_dim(input.shape)
    shifted = lowered(input, dim)
    e = np.exp(shifted)
    total = add_reduce(e, dim, None, None, True)
    expected = (*input.shape[:dim], *input.shape[dim + 1 :])
    if target.dtype.kind == "f":
        if target.shape != input.shape:
            raise ValueError(f"class probabilities must have the shape of input, {input.shape}; got {target.shape}")
        loss = -add_reduce(target * (shifted - np.log(total)), dim)
    else:
        if target.shape != expected:
            raise ValueError(f"class indices for input {input.shape} must have shape {expected}, got {target.shape}")
        if target.size and target.min() < 0:  # NumPy would count from the end
            raise IndexError(f"Target {target.min()} is out of bounds")
        index = np.expand_dims(target, dim)
        loss = (np.log(total) - shifted[along(shifted.shape, dim, index)]).reshape(expected)
    return reduced(loss, reduction), e / total


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
    return share(g, (*shape[:dim], *shape[dim + 1 :]), reduction)


@op
@in_float32
def binary_cross_entropy_with_logits(input: Array, target: Array, reduction: str = "mean") -> Array:
    """-(target log s + (1 - target) log(1 - s)) with s = sigmoid(input), without overflow.

    It is computed as max(input, 0) - input * target + log(1 + e ** -|input|).
    Raises ValueError if the shapes differ.
    """
    check_floating("binary_cross_entropy_with_logits", input)
    if np.shape(target) != input.shape:
        raise ValueError(f"target must have the shape of input, {input.shape}; got {np.shape(target)}")
    loss = np.maximum(input, 0) - input * target + np.log1p(np.exp(-np.abs(input)))
    return reduced(loss, reduction)


@binary_cross_entropy_with_logits.define
def _(input, target, reduction="mean"):
    s = sigmoid(input)
    return reduced(-(target * log(s) + (1 - target) * log(1 - s)), reduction)


@binary_cross_entropy_with_logits.vjp("input")
def _(g, input, target, reduction):
    return share(g, input.shape, reduction) * (sigmoid(input) - target)


@binary_cross_entropy_with_logits.vjp("target")
def _(g, input, reduction):
    return -share(g, input.shape, reduction) * input


@op
@in_float32
def mse_loss(input: Array, target: Array, reduction: str = "mean") -> Array:
    """(input - target) ** 2, its mean or its sum; the two are broadcast."""
    check_floating("mse_loss", input)
    difference = input - target
    return reduced(difference * difference, reduction)


@mse_loss.define
def _(input, target, reduction="mean"):
    return reduced((input - target) ** 2, reduction)


@mse_loss.vjp("input")
def _(g, input, target, reduction):
    difference = input - target
    return share(2 * g, difference.shape, reduction) * difference


@mse_loss.vjp("target")
def _(g, input, target, reduction):
    difference = target - input
    return share(2 * g, difference.shape, reduction) * difference
