"""Functions of one number: exponentials, logarithms, roots, trigonometric and hyperbolic ones, erf."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine import backend, dtypes
from ..engine.graph import Array
from ..engine.operation import op

NUMBERS = (int, float)
LARGE = 2**12
"""From here on `np.clip`, which costs 1 us more to call, is faster than `np.maximum` with a number."""


def at_least(input: Array, bound: Any) -> Array:
    """np.maximum(input, bound): where `bound` is a number a third of the time, because np.clip uses vector
    instructions for it.
    """
    if bound.__class__ in NUMBERS and input.size >= LARGE and input.dtype.kind == "f":
        return np.clip(input, bound, math.inf)
    return np.maximum(input, bound)


def at_most(input: Array, bound: Any) -> Array:
    """np.minimum(input, bound), likewise."""
    if bound.__class__ in NUMBERS and input.size >= LARGE and input.dtype.kind == "f":
        return np.clip(input, -math.inf, bound)
    return np.minimum(input, bound)


def in_blocks(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of an elementwise forward function of one array, and settings, with many intermediate results.

    A large array is taken in blocks, whose intermediate results stay in the cache and in memory that is already there:
    GELU of 2 million numbers takes 4 ms instead of 8.  (Functions with two or three, as `sigmoid`, gain nothing by it.)
    """

    @functools.wraps(forward)
    def compute(input: Array, *settings: Any, **named: Any) -> Any:
        if input.size < 2 * BLOCK or backend.of(input) is not backend.numpy or not input.flags.c_contiguous:
            return forward(input, *settings, **named)
        flat, results = input.reshape(-1), list[Array]()
        for start in range(0, input.size, BLOCK):
            block = slice(start, start + BLOCK)
            made = forward(flat[block], *settings, **named)
            parts = made if isinstance(made, tuple) else (made,)
            results = results or [np.empty(input.shape, part.dtype) for part in parts]
            for result, part in zip(results, parts, strict=True):
                result.reshape(-1)[block] = part
        return tuple(results) if isinstance(made, tuple) else results[0]

    return compute


BLOCK = 2**15


@op(tex=r"e^{{{input}}}", promotion="float")
def exp(input: Array) -> Array:
    """e ** input."""
    return np.exp(input)


@exp.vjp("input")
def _(g, y):
    return g * y


@op(tex=r"2^{{{input}}}", promotion="float")
def exp2(input: Array) -> Array:
    """2 ** input."""
    return np.exp2(input)


@exp2.vjp("input")
def _(g, y):
    return g * (math.log(2) * y)


@op(tex=r"e^{{{input}}} - 1", promotion="float")
def expm1(input: Array) -> Array:
    """e ** input - 1, to full precision near 0, where e ** input rounds to 1."""
    return np.expm1(input)


@expm1.vjp("input")
def _(g, y):
    return g * (y + 1)


@op(tex=r"\log {input}", promotion="float")
def log(input: Array) -> Array:
    """The natural logarithm: e ** y = input."""
    return np.log(input)


@log.vjp("input")
def _(g, input):
    return g / input


@op(tex=r"\log(1 + {input})", promotion="float")
def log1p(input: Array) -> Array:
    """log(1 + input), to full precision near 0, where 1 + input rounds to 1."""
    return np.log1p(input)


@log1p.vjp("input")
def _(g, input):
    return g / (1 + input)


@op(tex=r"\log_2 {input}", promotion="float")
def log2(input: Array) -> Array:
    """The logarithm to base 2: 2 ** y = input."""
    return np.log2(input)


@log2.vjp("input")
def _(g, input):
    return g / (math.log(2) * input)


@op(tex=r"\log_{{10}} {input}", promotion="float")
def log10(input: Array) -> Array:
    """The logarithm to base 10: 10 ** y = input."""
    return np.log10(input)


@log10.vjp("input")
def _(g, input):
    return g / (math.log(10) * input)


@op(tex=r"\sqrt{{{input}}}", promotion="float")
def sqrt(input: Array) -> Array:
    """The square root: y ** 2 = input, y >= 0."""
    return np.sqrt(input)


@sqrt.vjp("input")
def _(g, y):
    return g / (2 * y)


@op(tex=r"\frac{{1}}{{\sqrt{{{input}}}}}", promotion="float")
def rsqrt(input: Array) -> Array:
    """1 / sqrt(input)."""
    return 1 / np.sqrt(input)


@rsqrt.vjp("input")
def _(g, y):
    return g * (-0.5 * (y * y * y))


@op(tex=r"\frac{{1}}{{{input}}}", promotion="float")
def reciprocal(input: Array) -> Array:
    """1 / input; integers give floats."""
    return 1 / input


@reciprocal.vjp("input")
def _(g, y):
    return -g * (y * y)


@op(tex=r"\sin {input}", promotion="float")
def sin(input: Array) -> Array:
    """The sine, sin(input), of an angle in radians."""
    return np.sin(input)


@sin.vjp("input")
def _(g, input):
    return g * cos(input)


@op(tex=r"\cos {input}", promotion="float")
def cos(input: Array) -> Array:
    """The cosine, cos(input), of an angle in radians."""
    return np.cos(input)


@cos.vjp("input")
def _(g, input):
    return -g * sin(input)


@op(tex=r"\tan {input}", promotion="float")
def tan(input: Array) -> Array:
    """The tangent, sin(input) / cos(input), of an angle in radians."""
    return np.tan(input)


@tan.vjp("input")
def _(g, y):
    return g * (1 + y * y)


@op(tex=r"\arcsin({input})", promotion="float")
def asin(input: Array) -> Array:
    """The angle in [-pi/2, pi/2] whose sine is `input`; nan beyond [-1, 1]."""
    return np.arcsin(input)


@asin.vjp("input")
def _(g, input):
    return g / sqrt((1 - input) * (1 + input))


@op(tex=r"\arccos({input})", promotion="float")
def acos(input: Array) -> Array:
    """The angle in [0, pi] whose cosine is `input`; nan beyond [-1, 1]."""
    return np.arccos(input)


@acos.vjp("input")
def _(g, input):
    return -g / sqrt((1 - input) * (1 + input))


@op(tex=r"\arctan({input})", promotion="float")
def atan(input: Array) -> Array:
    """The angle in (-pi/2, pi/2) whose tangent is `input`."""
    return np.arctan(input)


@atan.vjp("input")
def _(g, input):
    return g / (1 + input * input)


@op(tex=r"\sinh({input})", promotion="float")
def sinh(input: Array) -> Array:
    """The hyperbolic sine, (e ** input - e ** -input) / 2."""
    return np.sinh(input)


@sinh.vjp("input")
def _(g, input):
    return g * cosh(input)


@op(tex=r"\cosh({input})", promotion="float")
def cosh(input: Array) -> Array:
    """The hyperbolic cosine, (e ** input + e ** -input) / 2."""
    return np.cosh(input)


@cosh.vjp("input")
def _(g, input):
    return g * sinh(input)


@op(tex=r"\operatorname{{arsinh}}({input})", promotion="float")
def asinh(input: Array) -> Array:
    """The inverse of sinh, log(input + sqrt(input ** 2 + 1))."""
    return np.arcsinh(input)


@asinh.vjp("input")
def _(g, input):
    return g / sqrt(input * input + 1)


@op(tex=r"\operatorname{{arcosh}}({input})", promotion="float")
def acosh(input: Array) -> Array:
    """The inverse of cosh, log(input + sqrt(input ** 2 - 1)); nan below 1."""
    return np.arccosh(input)


@acosh.vjp("input")
def _(g, input):
    return g / sqrt((input - 1) * (input + 1))


@op(tex=r"\operatorname{{artanh}}({input})", promotion="float")
def atanh(input: Array) -> Array:
    """The inverse of tanh, log((1 + input) / (1 - input)) / 2; nan beyond [-1, 1]."""
    return np.arctanh(input)


@atanh.vjp("input")
def _(g, input):
    return g / ((1 - input) * (1 + input))


@op(tex=r"\tanh({input})", promotion="float")
def tanh(input: Array) -> Array:
    """The hyperbolic tangent, (e ** input - e ** -input) / (e ** input + e ** -input)."""
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
    e = np.exp(at_most(input, 5 * input.dtype.itemsize))
    e /= 1 + e
    return e


@sigmoid.vjp("input")
def _(g, y):
    return g * (y * (1 - y))


@op(tex=r"\operatorname{{erf}}({input})", promotion="float")
@in_blocks
def erf(input: Array) -> Array:
    """The error function, 2 / sqrt(pi) times the integral of exp(-t ** 2) from 0 to `input`.

    For float64 1 - erf(x) = e ** -(x h(x)), x >= 0, with an h that is smooth and never 0: as a rational function of x
    it takes one formula for all x, and expm1 keeps the relative error at 3 ulp down to the smallest numbers.  For
    float32 it is tanh(x h(x ** 2)), with another such h, in half the time.

    >>> import tinygrad_lite as tg
    >>> tg.erf(tg.tensor([0.0, 0.5, -3.0]))
    tensor([ 0.0000,  0.5205, -1.0000])
    """
    if input.dtype.kind != "f":
        input = input.astype(dtypes.float64)
    if input.dtype.itemsize == 8:
        x = np.minimum(np.abs(input), 6.0)  # where erf is 1
        exponent = polynomial(x, _ERF_OF_DOUBLE[0])
        exponent /= polynomial(x, _ERF_OF_DOUBLE[1])
        exponent *= x
        return np.copysign(np.expm1(-exponent), input)
    narrow = input.dtype == dtypes.float16
    x = np.clip(input.astype(dtypes.float32) if narrow else input, -5.0, 5.0)
    square = x * x
    y = polynomial(square, _ERF_OF_SINGLE[0])
    y /= polynomial(square, _ERF_OF_SINGLE[1])
    y *= x
    return np.tanh(y).astype(dtypes.float16) if narrow else np.tanh(y)


@erf.vjp("input")
def _(g, input):
    return g * (2 / math.sqrt(math.pi) * exp(-(input * input)))


# h(x) = -log(1 - erf(x)) / x, and h(x ** 2) = artanh(erf(x)) / x, as quotients of polynomials, lowest power first, up
# to where erf rounds to 1; fitted by weighted least squares at Chebyshev nodes.  The relative errors of erf are 6e-17
# and 3e-9.
_ERF_OF_DOUBLE = (
    (1.1283791670955126, 2.644945037454459, 2.9394860132642306, 1.9944265442842368, 0.8958502344805745,
     0.2712334625405665, 0.05390895183682672, 0.006477635820938341, 0.00038896170092484714, 7.707787656230126e-06),
    (1.0, 1.7798319249870214, 1.509809171158791, 0.7705412200097291, 0.2520394412632307, 0.052416842575045794,
     0.006436549648504991, 0.00038887651386732014, 7.708172975093824e-06))
_ERF_OF_SINGLE = ((3472.741680815118, 861.1441085878255, 131.25067016241275, 6.703963842162473),
                  (3077.637172439842, 482.85861694097605, 72.9090177957332, 1.0))


def polynomial(x: Array, coefficients: tuple[float, ...]) -> Array:
    """The polynomial with these coefficients, lowest power first, by Horner's scheme in one array."""
    *rest, last_but_one, last = coefficients
    y = x + last_but_one if last == 1 else x * last + last_but_one
    for c in reversed(rest):
        y *= x
        y += c
    return y
