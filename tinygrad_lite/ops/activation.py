"""Activation functions: what stands between layers, and what makes probabilities of scores."""

from __future__ import annotations

import math

import numpy as np

from ..engine.graph import Array
from ..engine.operation import op
from ..engine.summation import total
from .elementwise import masked, where
from .functions import at_least, at_most, erf, exp, in_blocks, sigmoid, tanh
from .logic import positive
from .reduce import has_short_rows, in_float32, logsumexp, numpy_axis, sum, turned, turned_back


@op(tex=r"\max(0, {input})")
def relu(input: Array) -> Array:
    """max(input, 0); the derivative at 0 is 0, and at nan 1, as in PyTorch."""
    return at_least(input, 0)


@relu.vjp("input")
def _(g, y):
    return masked(g, positive(y))


@op(tex=r"\operatorname{{LeakyReLU}}({input})")
def leaky_relu(input: Array, negative_slope: float = 0.01) -> Array:
    """max(input, 0) + negative_slope * min(input, 0); the derivative at 0 is the slope."""
    if 0 < negative_slope <= 1:
        return np.maximum(input, negative_slope * input)
    return at_least(input, 0) + negative_slope * at_most(input, 0)


@leaky_relu.vjp("input")
def _(g, input, negative_slope):
    return where(input > 0, g, g * negative_slope)


@op(tex=r"\operatorname{{ELU}}({input})", promotion="float")
def elu(input: Array, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Array:
    """scale * (max(input, 0) + alpha * (e ** (input_scale * min(input, 0)) - 1)).

    ELU, SELU and CELU are this with their constants, and the names of those are ATen's.
    Source: Clevert and others, Fast and accurate deep network learning by exponential linear units, ICLR 2016.
    """
    curve = np.expm1(input_scale * at_most(input, 0))
    curve *= alpha * scale
    curve += scale * at_least(input, 0)
    return curve


@elu.vjp("input")
def _(g, input, alpha, scale, input_scale):
    slope = alpha * scale * input_scale  # at 0 from the left
    factor = exp(input_scale * masked(input, input < 0)) * slope  # at 0 its own derivative is 0, as in PyTorch
    return g * factor if slope == scale else g * where(input <= 0, factor, scale)


@op(tex=r"\operatorname{{GELU}}({input})", promotion="float", residuals=("cdf",))
@in_float32
@in_blocks
def gelu(input: Array, approximate: str = "none") -> Array:
    """input * Phi(input), with Phi the distribution function of the standard normal distribution.

    Phi(x) = (1 + erf(x / sqrt(2))) / 2, or with approximate="tanh" (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.

    Raises RuntimeError for another approximation.
    Source: Hendrycks and Gimpel, Gaussian error linear units, arXiv 1606.08415 (2016).
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"approximate argument must be either none or tanh, got {approximate!r}")
    cdf = erf(input * SQRT_HALF) if approximate == "none" else np.tanh(gelu_argument(input))
    cdf += 1
    cdf *= 0.5
    return input * cdf, cdf


@gelu.residual("cdf")
def _(input, approximate):
    z = erf(input * SQRT_HALF) if approximate == "none" else tanh(gelu_argument(input))
    return 0.5 * (1 + z)


@gelu.vjp("input")
def _(g, input, cdf, approximate):
    if approximate == "none":  # without a name for the density NumPy puts each result into the memory of the one before
        return g * (cdf + input * (exp(-0.5 * (input * input)) * (1 / math.sqrt(2 * math.pi))))
    return g * (cdf + input * (2 * cdf * (1 - cdf) * (GELU_SCALE + (3 * 0.044715 * GELU_SCALE) * (input * input))))


SQRT_HALF, GELU_SCALE = math.sqrt(0.5), math.sqrt(2 / math.pi)


def gelu_argument(input):
    """sqrt(2 / pi) (x + 0.044715 x^3); NumPy takes a hundred times as long for a third power as for two products."""
    return input * (GELU_SCALE + (0.044715 * GELU_SCALE) * (input * input))


@op(tex=r"\operatorname{{SiLU}}({input})", promotion="float", residuals=("s",))
def silu(input: Array) -> Array:
    """input * sigmoid(input), also called swish.

    Source: Elfwing and others, Sigmoid-weighted linear units, Neural Networks 107 (2018).
    """
    s = sigmoid(input)
    return input * s, s


@silu.residual("s")
def _(input):
    return sigmoid(input)


@silu.vjp("input")
def _(g, s, y):
    return g * (s + y * (1 - s))


@op(tex=r"\operatorname{{softplus}}({input})", promotion="float")
def softplus(input: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """log(1 + e ** (beta * input)) / beta, a smooth max(input, 0); `input` itself where beta * input > threshold.

    Beyond 5 times the item size (see `sigmoid`) the two are equal in that dtype, so nothing overflows.
    """
    scaled, limit = beta * input, 5 * input.dtype.itemsize
    curve = np.maximum(np.log1p(np.exp(at_most(scaled, limit))), scaled)
    return (curve if threshold >= limit else np.where(scaled > threshold, scaled, curve)) / beta


@softplus.vjp("input")
def _(g, input, beta, threshold):
    return where(beta * input > threshold, g, g * sigmoid(beta * input))


@op(tex=r"\operatorname{{hardtanh}}({input})")
def hardtanh(input: Array, min_val: float = -1.0, max_val: float = 1.0) -> Array:
    """min(max(input, min_val), max_val); unlike that of `clamp` the derivative at the bounds is 0, as in PyTorch.

    Raises ValueError unless min_val <= max_val.
    """
    if min_val > max_val:
        raise ValueError(f"min_val cannot be greater than max_val, got {min_val} and {max_val}")
    return np.clip(input, min_val, max_val)


@hardtanh.vjp("input")
def _(g, input, min_val, max_val):
    return masked(g, ~((input <= min_val) | (input >= max_val)))


@op(tex=r"\operatorname{{softmax}}({input})", promotion="float")
@in_float32
def softmax(input: Array, dim: int = -1) -> Array:
    """e ** input / sum(e ** input) along `dim`, without overflow.

    Shapes: result that of input.
    """
    axis = numpy_axis(dim, input.ndim)
    if has_short_rows(input, axis):
        return turned_back(softmax(turned(input), 0), input.shape)
    e = np.exp(lowered(input, axis))
    e /= total(e, axis, keepdims=True)
    return e


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
    """input - log(sum(e ** input)) along `dim`, without overflow.

    Shapes: result that of input.
    """
    axis = numpy_axis(dim, input.ndim)
    if not input.size:  # the logarithm of a sum of nothing would warn
        return input
    if has_short_rows(input, axis):
        return turned_back(log_softmax(turned(input), 0), input.shape)
    shifted = lowered(input, axis)
    shifted -= np.log(total(np.exp(shifted), axis, keepdims=True))
    return shifted


@log_softmax.define
def _(input, dim=-1):
    return input - logsumexp(input, dim, True)


@log_softmax.vjp("input")
def _(g, y, dim):
    return g - exp(y) * sum(g, dim, True)


def lowered(input, axis):
    """`input` minus its largest element along `axis`, so that e ** it does not overflow; a new array."""
    return input - input.max(axis, keepdims=True) if input.size else input.copy()
