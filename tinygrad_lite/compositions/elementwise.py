"""Elementwise compositions, and PyTorch's long names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ..engine import dtypes
from ..engine.graph import Array
from ..ops.reduce import narrowed, widened

absolute = ops.abs
arccos = ops.acos
arccosh = ops.acosh
arcsin = ops.asin
arcsinh = ops.asinh
arctan = ops.atan
arctan2 = ops.atan2
arctanh = ops.atanh
clip = ops.clamp
fix = ops.trunc
greater = ops.gt
greater_equal = ops.ge
less = ops.lt
less_equal = ops.le
multiply = ops.mul
negative = ops.neg
not_equal = ops.ne
sgn = ops.sign
true_divide = ops.div


def add(input: Array, other: Array, *, alpha: Any = 1) -> Any:
    """input + alpha * other, broadcast.

    Raises RuntimeError for an `alpha` that is not whole where the operands are.

    >>> import tinygrad_lite as tg
    >>> tg.add(tg.tensor([1.0, 2.0]), tg.tensor([10.0, 20.0]), alpha=0.5)
    tensor([ 6., 12.])
    """
    return ops.add(input, _times("add", input, other, alpha))


def sub(input: Array, other: Array, *, alpha: Any = 1) -> Any:
    """input - alpha * other, broadcast.

    Raises RuntimeError for an `alpha` that is not whole where the operands are.
    """
    return ops.sub(input, _times("sub", input, other, alpha))


subtract = sub


def _times(name: str, input: Array, other: Array, alpha: Any) -> Any:
    if alpha.__class__ is int and alpha == 1:
        return other
    if isinstance(alpha, float) and dtypes.result_type([input, other]).kind != "f":
        raise RuntimeError(f"{name}: for integral input tensors, argument alpha must not be a floating point number")
    return ops.mul(other, alpha)


def div(input: Array, other: Array, *, rounding_mode: str | None = None) -> Any:
    """input / other; with rounding_mode="floor" rounded towards -inf (Python's //), with "trunc" towards 0 (C's /).

    Rounded quotients of integers are integers, and their derivatives are 0.  Raises RuntimeError for another mode, and
    for integers divided by 0.

    >>> import tinygrad_lite as tg
    >>> x = tg.tensor([-3, 3])
    >>> tg.div(x, 2), tg.div(x, 2, rounding_mode="floor"), tg.div(x, 2, rounding_mode="trunc")
    (tensor([-1.5000,  1.5000]), tensor([-2,  1]), tensor([-1,  1]))
    """
    if rounding_mode is None:
        return ops.div(input, other)
    if rounding_mode == "floor":
        return ops.floor_divide(input, other)
    if rounding_mode != "trunc":
        raise RuntimeError("div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
                           f"{rounding_mode!r}")
    if dtypes.result_type([input, other]).kind == "f":
        return ops.trunc(ops.div(input, other))
    return ops.floor_divide(ops.sub(input, ops.fmod(input, other)), other)  # exact, also beyond 2 ** 53


divide = div


def square(input: Array) -> Any:
    """input ** 2."""
    return ops.pow(input, 2)


def frac(input: Array) -> Any:
    """input - trunc(input): what stands behind the point, with the sign of `input`.

    Raises RuntimeError for integers and bool.
    """
    dtypes.check_floating("frac", input)
    return ops.sub(input, ops.trunc(input))


def clamp_min(input: Array, min: Any) -> Any:
    """The larger of `input` and `min`; at the bound the gradient passes to `input`."""
    return ops.clamp(input, min)


def clamp_max(input: Array, max: Any) -> Any:
    """The smaller of `input` and `max`; at the bound the gradient passes to `input`."""
    return ops.clamp(input, None, max)


def lerp(input: Array, end: Array, weight: Any) -> Any:
    """input + weight * (end - input): from `input` at weight 0 to `end` at weight 1, exactly.

    From a weight of 1/2 on it is computed from the other end, end - (1 - weight) * (end - input), as in PyTorch.

    >>> import tinygrad_lite as tg
    >>> tg.lerp(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]), 0.25)
    tensor([1.5000, 2.5000])
    """
    if isinstance(weight, np.generic):
        weight = weight.item()
    narrow = input.dtype == end.dtype == dtypes.float16
    if narrow:  # the difference of two large ones overflows
        input, end = widened(input), widened(end)
    way = ops.sub(end, input)
    if isinstance(weight, (int, float)):
        near = -0.5 < weight < 0.5
        result = ops.add(input, ops.mul(weight, way)) if near else ops.sub(end, ops.mul(1 - weight, way))
    else:
        result = ops.where(ops.lt(ops.abs(weight), 0.5), ops.add(input, ops.mul(weight, way)),
                           ops.sub(end, ops.mul(ops.sub(1, weight), way)))
    return narrowed(result, dtypes.float16) if narrow else result


def addcmul(input: Array, tensor1: Array, tensor2: Array, *, value: Any = 1) -> Any:
    """input + value * tensor1 * tensor2, broadcast."""
    product = ops.mul(tensor1, tensor2)
    return ops.add(input, product if value.__class__ is int and value == 1 else ops.mul(value, product))


def addcdiv(input: Array, tensor1: Array, tensor2: Array, *, value: Any = 1) -> Any:
    """input + value * tensor1 / tensor2, broadcast.

    Raises RuntimeError for the quotient of integers.
    """
    if dtypes.result_type([tensor1, tensor2]).kind != "f":
        raise RuntimeError("addcdiv: integer division is not supported; use (input + value * trunc(tensor1 / tensor2))")
    quotient = ops.div(tensor1, tensor2)
    return ops.add(input, quotient if value.__class__ is int and value == 1 else ops.mul(value, quotient))


def positive(input: Array) -> Any:
    """`input` itself.

    Raises RuntimeError for bool.
    """
    if input.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


def deg2rad(input: Array) -> Any:
    """Degrees as radians: input pi / 180."""
    return ops.mul(input, math.pi / 180)


def rad2deg(input: Array) -> Any:
    """Radians as degrees: input 180 / pi."""
    return ops.mul(input, 180 / math.pi)


def logit(input: Array, eps: float | None = None) -> Any:
    """log(input / (1 - input)), the inverse of `sigmoid`; with `eps` of the input clamped to [eps, 1 - eps]."""
    if eps is not None:
        input = ops.clamp(input, eps, 1 - eps)
    return ops.sub(ops.log(input), ops.log1p(ops.neg(input)))


def copysign(input: Array, other: Any) -> Any:
    """|input| with the sign of `other`, also that of -0.0.

    >>> import tinygrad_lite as tg
    >>> tg.copysign(tg.tensor([1.0, -2.0]), tg.tensor([-0.0, 3.0]))
    tensor([-1.,  2.])
    """
    below = math.copysign(1, other) < 0 if isinstance(other, (int, float)) else ops.signbit(other)
    return ops.mul(ops.abs(input), 1 - 2 * below if isinstance(below, bool) else ops.where(below, -1.0, 1.0))


def heaviside(input: Array, values: Array) -> Any:
    """0 where input < 0, 1 where input > 0, and `values` where it is 0, broadcast; its derivatives are 0.

    Raises RuntimeError for operands of two dtypes.
    """
    if input.dtype != values.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    return ops.where(ops.eq(input, 0), values, ops.to_dtype(ops.gt(input, 0), input.dtype))


def fmax(input: Array, other: Array) -> Any:
    """The larger of the two, elementwise; of a nan and a number the number.  Of equal ones `input` gets the gradient.
    """
    return ops.where(ops.logical_or(ops.ge(input, other), ops.ne(other, other)), input, other)


def fmin(input: Array, other: Array) -> Any:
    """The smaller of the two, elementwise; of a nan and a number the number.  Of equal ones `input` gets the gradient.
    """
    return ops.where(ops.logical_or(ops.le(input, other), ops.ne(other, other)), input, other)


def float_power(input: Any, exponent: Any) -> Any:
    """input ** exponent in float64."""
    base, power = (x if isinstance(x, (int, float)) else ops.to_dtype(x, dtypes.float64) for x in (input, exponent))
    return ops.pow(base, power)


def isposinf(input: Array) -> Any:
    """Where `input` is inf."""
    return ops.eq(input, math.inf)


def isneginf(input: Array) -> Any:
    """Where `input` is -inf."""
    return ops.eq(input, -math.inf)


def isnan(input: Array) -> Any:
    """Where `input` is nan."""
    return ops.ne(input, input)


def masked_fill(input: Array, mask: Array, value: Any) -> Any:
    """`value` where `mask` holds, else `input`.

    Raises RuntimeError for a value that the dtype of `input` cannot hold.
    """
    result = ops.where(mask, value, input)
    if result.dtype != input.dtype:
        raise RuntimeError(f"masked_fill: a tensor of dtype {input.dtype} cannot hold {value!r}")
    return result


def where(condition: Array, input: Any = None, other: Any = None) -> Any:
    """`input` where `condition` holds, else `other`; all broadcast.  With the condition alone: where it holds.

    Raises RuntimeError for a condition that is not bool, TypeError where one of `input` and `other` is missing.

    >>> import tinygrad_lite as tg
    >>> x = tg.tensor([-1.0, 2.0, 3.0])
    >>> tg.where(x > 0, x, 0.0), tg.where(x > 0)
    (tensor([0., 2., 3.]), (tensor([1, 2]),))
    """
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    if input is None or other is None:
        raise TypeError("where: give both input and other, or neither")
    return ops.where(condition, input, other)


def nonzero(input: Array, *, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not 0.  Shape: (count, axes); `as_tuple`: one vector per axis.

    >>> import tinygrad_lite as tg
    >>> tg.nonzero(tg.tensor([[0, 3], [5, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    if not as_tuple:
        return ops.argwhere(input)
    places = ops.argwhere(input if input.shape else ops.reshape(input, (1,)))
    return tuple(ops.getitem(places, (slice(None), i)) for i in range(places.shape[1]))


def count_nonzero(input: Array, dim: Any = None) -> Any:
    """How many elements along `dim` (all axes) are not 0; int64."""
    return ops.sum(ops.ne(input, 0), dim)
