"""Activation functions, each as a function and as a module.

With `inplace` a function overwrites its input and returns it.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .. import ops
from .._tensor import Tensor
from ..compositions.inplace import write_if
from ..creation import full
from ..ops.loss import one_hot_along
from ..random import Generator, draw
from .module import FunctionModule, Module, Parameter


class _Activation(FunctionModule):
    def extra_repr(self) -> str:
        """The settings, and `inplace=True` if so."""
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self._settings
                         if name != "inplace" or getattr(self, name))


# --- piecewise linear -------------------------------------------------------------------------------------------------


def relu(input: Any, inplace: bool = False) -> Any:
    """max(input, 0); the derivative at 0 is 0."""
    return write_if(inplace, input, ops.relu(input))


class ReLU(Module):  # written out: a FunctionModule takes half a microsecond more, and no layer is called as often
    """max(x, 0); with `inplace` it overwrites its input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """max(input, 0)."""
        return relu(input, self.inplace)

    def extra_repr(self) -> str:
        """`inplace=True`, or nothing."""
        return "inplace=True" if self.inplace else ""


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """max(input, 0) + negative_slope * min(input, 0).

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.leaky_relu(tg.tensor([-2.0, 3.0]))
    tensor([-0.0200,  3.0000])
    """
    return write_if(inplace, input, ops.leaky_relu(input, negative_slope))


class LeakyReLU(_Activation):
    """max(x, 0) + negative_slope * min(x, 0)."""

    function = staticmethod(leaky_relu)

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__(negative_slope=negative_slope, inplace=inplace)


def prelu(input: Any, weight: Any) -> Any:
    """max(input, 0) + weight * min(input, 0), with one learned slope, or one per channel (axis 1).

    Shapes: input (N, C, ...), weight (C,) or (1,).
    Raises RuntimeError for another number of slopes.

    >>> import tinygrad_lite as tg
    >>> tg.prelu(tg.tensor([[-1.0, -1.0]]), tg.tensor([0.5, 0.25]))
    tensor([[-0.5000, -0.2500]])
    """
    if len(weight.shape) > 1:
        raise RuntimeError(f"prelu: weight must have one axis, got shape {weight.shape}")
    if weight.shape not in ((), (1,)):
        channels = input.shape[1] if len(input.shape) > 1 else 1
        if weight.shape != (channels,):
            raise RuntimeError(f"Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                               f"{weight.shape[0]} and channel size = {channels}.")
        weight = ops.reshape(weight, (-1, *(1,) * (len(input.shape) - 2)))
    elif not input.shape:
        weight = ops.reshape(weight, ())
    return ops.where(input > 0, input, weight * input)


class PReLU(Module):
    """max(x, 0) + weight * min(x, 0) with a learned `weight` of shape (num_parameters,): one slope, or one per channel.

    Source: He and others, Delving deep into rectifiers, ICCV 2015.
    """

    weight: Parameter

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: str | None = None,
                 dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(full((num_parameters,), init, device=device, dtype=dtype))

    def forward(self, input: Tensor) -> Tensor:
        """prelu(input, weight)."""
        return prelu(input, self.weight)

    def extra_repr(self) -> str:
        """`num_parameters=1`."""
        return f"num_parameters={self.num_parameters}"


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """`input` limited to [min_val, max_val]; the derivative at the bounds is 0.

    Raises ValueError unless min_val <= max_val.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.hardtanh(tg.tensor([-3.0, 0.5, 2.0]))
    tensor([-1.0000,  0.5000,  1.0000])
    """
    return write_if(inplace, input, ops.hardtanh(input, min_val, max_val))


class Hardtanh(_Activation):
    """x limited to [min_val, max_val].

    Raises ValueError unless min_val < max_val.
    """

    function = staticmethod(hardtanh)

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__(min_val=min_val, max_val=max_val, inplace=inplace)
        if not min_val < max_val:
            raise ValueError(f"max_val must be larger than min_val, got {max_val} and {min_val}")


def relu6(input: Any, inplace: bool = False) -> Any:
    """min(max(input, 0), 6).

    The derivative at 0 and at 6 is 0.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.relu6(tg.tensor([-1.0, 3.0, 8.0]))
    tensor([0., 3., 6.])
    """
    return hardtanh(input, 0.0, 6.0, inplace)


class ReLU6(_Activation):
    """min(max(x, 0), 6)."""

    function = staticmethod(relu6)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)


def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    """min(max(input + 3, 0), 6) / 6, a piecewise linear sigmoid.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.hardsigmoid(tg.tensor([-4.0, 0.0, 1.5]))
    tensor([0.0000, 0.5000, 0.7500])
    """
    return write_if(inplace, input, ops.hardtanh(input + 3, 0.0, 6.0) / 6)


class Hardsigmoid(_Activation):
    """min(max(x + 3, 0), 6) / 6."""

    function = staticmethod(hardsigmoid)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)


def hardswish(input: Any, inplace: bool = False) -> Any:
    """input * hardsigmoid(input).

    Source: Howard and others, Searching for MobileNetV3, ICCV 2019.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.hardswish(tg.tensor([-1.0, 0.0, 3.0]))
    tensor([-0.3333,  0.0000,  3.0000])
    """
    return write_if(inplace, input, input * hardsigmoid(input))


class Hardswish(_Activation):
    """x * hardsigmoid(x)."""

    function = staticmethod(hardswish)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """`input` where it is larger than `threshold` (or nan), else `value`.

    >>> import tinygrad_lite as tg
    >>> tg.threshold(tg.tensor([0.05, 0.5]), 0.1, 20.0)
    tensor([20.0000,  0.5000])
    """
    return write_if(inplace, input, ops.where(input <= threshold, value, input))


class Threshold(_Activation):
    """x where it is larger than `threshold`, else `value`."""

    function = staticmethod(threshold)

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(threshold=threshold, value=value, inplace=inplace)


def softshrink(input: Any, lambd: float = 0.5) -> Any:
    """`input` moved by `lambd` towards 0, and 0 if it is nearer than that.

    Raises RuntimeError for a negative `lambd`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.softshrink(tg.tensor([-2.0, 0.25, 2.0]))
    tensor([-1.5000,  0.0000,  1.5000])
    """
    if lambd < 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {lambd}.")
    return input - ops.clamp(input, -lambd, lambd)


class Softshrink(_Activation):
    """x moved by `lambd` towards 0, and 0 if it is nearer than that."""

    function = staticmethod(softshrink)
    lambd: float

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)

    def extra_repr(self) -> str:
        """`0.5`."""
        return str(self.lambd)


def hardshrink(input: Any, lambd: float = 0.5) -> Any:
    """`input` where |input| > lambd, else 0; the derivative is 1 or 0.

    >>> import tinygrad_lite as tg
    >>> tg.hardshrink(tg.tensor([-2.0, 0.25, 2.0]))
    tensor([-2.,  0.,  2.])
    """
    return ops.where((input >= -lambd) & (input <= lambd), 0.0, input)


class Hardshrink(_Activation):
    """x, but 0 between -lambd and lambd."""

    function = staticmethod(hardshrink)
    lambd: float

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)

    def extra_repr(self) -> str:
        """`0.5`."""
        return str(self.lambd)


# --- smooth -----------------------------------------------------------------------------------------------------------


class Sigmoid(Module):
    """1 / (1 + e ** -x)."""

    def forward(self, input: Tensor) -> Tensor:
        """1 / (1 + e ** -input)."""
        return ops.sigmoid(input)


class Tanh(Module):
    """(e ** x - e ** -x) / (e ** x + e ** -x)."""

    def forward(self, input: Tensor) -> Tensor:
        """tanh(input)."""
        return ops.tanh(input)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """max(input, 0) + alpha * (e ** min(input, 0) - 1).

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.elu(tg.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    return write_if(inplace, input, ops.elu(input, alpha))


class ELU(_Activation):
    """max(x, 0) + alpha * (e ** min(x, 0) - 1)."""

    function = staticmethod(elu)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha, inplace=inplace)


def selu(input: Any, inplace: bool = False) -> Any:
    """1.0507 * elu(input, 1.6733): with these constants activations keep mean 0 and variance 1 from layer to layer.

    Source: Klambauer and others, Self-normalizing neural networks, NIPS 2017.
    """
    return write_if(inplace, input, ops.elu(input, SELU_ALPHA, SELU_SCALE))


SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


class SELU(_Activation):
    """1.0507 * (max(x, 0) + 1.6733 * (e ** min(x, 0) - 1))."""

    function = staticmethod(selu)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """max(input, 0) + alpha * (e ** (min(input, 0) / alpha) - 1), smooth at 0 for any alpha.

    Raises RuntimeError for alpha = 0.
    Source: Barron, Continuously differentiable exponential linear units, arXiv 1704.07483 (2017).
    """
    if not alpha:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return write_if(inplace, input, ops.elu(input, alpha, 1.0, 1 / alpha))


class CELU(_Activation):
    """max(x, 0) + alpha * (e ** (min(x, 0) / alpha) - 1)."""

    function = staticmethod(celu)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha, inplace=inplace)


def silu(input: Any, inplace: bool = False) -> Any:
    """input * sigmoid(input), also called swish.

    Source: Elfwing, Uchibe and Doya, Sigmoid-weighted linear units, Neural Networks 107 (2018).

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.silu(tg.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.2689,  0.0000,  0.7311])
    """
    return write_if(inplace, input, ops.silu(input))


class SiLU(_Activation):
    """x * sigmoid(x), also called swish."""

    function = staticmethod(silu)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)


def gelu(input: Any, approximate: str = "none") -> Any:
    """input * Phi(input), with Phi the distribution function of the standard normal; approximate="tanh" is faster.

    Raises RuntimeError for another approximation.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.gelu(tg.tensor([-1.0, 0.0, 3.0]))
    tensor([-0.1587,  0.0000,  2.9960])
    """
    return ops.gelu(input, approximate)


class GELU(_Activation):
    """x Phi(x), with Phi the distribution function of the standard normal; approximate="tanh" is faster."""

    function = staticmethod(gelu)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)


def mish(input: Any, inplace: bool = False) -> Any:
    """input * tanh(softplus(input)).

    Source: Misra, Mish: a self regularized non-monotonic activation function, BMVC 2020.
    """
    x = ops.clone(input) if inplace else input  # two ops will need the old values
    return write_if(inplace, input, x * ops.tanh(ops.softplus(x)))


class Mish(_Activation):
    """x * tanh(softplus(x))."""

    function = staticmethod(mish)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + e ** (beta * input)) / beta, a smooth max(input, 0); `input` itself where beta * input > threshold.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.softplus(tg.tensor([0.0, 100.0]))
    tensor([  0.6931, 100.0000])
    """
    return ops.softplus(input, beta, threshold)


class Softplus(_Activation):
    """log(1 + e ** (beta * x)) / beta, a smooth max(x, 0); x itself where beta * x > threshold."""

    function = staticmethod(softplus)

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__(beta=beta, threshold=threshold)


def logsigmoid(input: Any) -> Any:
    """log sigmoid(input) = -softplus(-input), without overflow.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.logsigmoid(tg.tensor([-1000.0, 0.0]))
    tensor([-1.0000e+03, -6.9315e-01])
    """
    return -ops.softplus(-input, 1.0, 40.0)  # beyond 40 a line, in every dtype


class LogSigmoid(_Activation):
    """log sigmoid(x)."""

    function = staticmethod(logsigmoid)


def softsign(input: Any) -> Any:
    """input / (1 + |input|).

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.softsign(tg.tensor([-3.0, 0.0, 1.0]))
    tensor([-0.7500,  0.0000,  0.5000])
    """
    return input / (1 + ops.abs(input))


class Softsign(_Activation):
    """x / (1 + |x|)."""

    function = staticmethod(softsign)


def tanhshrink(input: Any) -> Any:
    """input - tanh(input).

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.tanhshrink(tg.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.2384,  0.0000,  0.2384])
    """
    return input - ops.tanh(input)


class Tanhshrink(_Activation):
    """x - tanh(x)."""

    function = staticmethod(tanhshrink)


def glu(input: Any, dim: int = -1) -> Any:
    """The first half of `input` along `dim`, times the sigmoid of the second.

    Raises RuntimeError for an odd size, or an input without axes.
    Source: Dauphin and others, Language modeling with gated convolutional networks, ICML 2017.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.glu(tg.tensor([2.0, 4.0, 0.0, 0.0]))
    tensor([1., 2.])
    """
    if not input.shape:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    if input.shape[dim] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {input.shape[dim]}")
    value, gate = input.split(input.shape[dim] // 2, dim) if input.shape[dim] else (input, input)
    return value * ops.sigmoid(gate)


class GLU(_Activation):
    """The first half of the input along `dim`, times the sigmoid of the second.

    Shapes: input (..., 2n, ...); result (..., n, ...).
    """

    function = staticmethod(glu)

    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim=dim)


# --- probabilities ----------------------------------------------------------------------------------------------------


def chosen_dim(dim: int | None, ndim: int, name: str) -> int:
    """`dim`, or if it is None what PyTorch takes in its place, with its warning."""
    if dim is not None:
        return dim
    warnings.warn(f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an "
                  "argument.", UserWarning, stacklevel=3)
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input: Any, dim: int | None = None, *, dtype: Any = None) -> Any:
    """e ** input / sum(e ** input) along `dim`, without overflow; `input` is cast to `dtype` first, if given.

    Without `dim` it is along axis 0 of one or three axes and along axis 1 of others, with a warning, as in PyTorch.
    """
    return ops.softmax(input if dtype is None else input.to(dtype), chosen_dim(dim, len(input.shape), "softmax"))


class Softmax(_Activation):
    """e ** x / sum(e ** x) along `dim`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.Softmax(dim=1)(tg.zeros(1, 4))
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """

    function = staticmethod(softmax)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__(dim=dim)


def log_softmax(input: Any, dim: int | None = None, *, dtype: Any = None) -> Any:
    """input - log(sum(e ** input)) along `dim`, without overflow; `dim` and `dtype` are as in `softmax`."""
    dim = chosen_dim(dim, len(input.shape), "log_softmax")
    return ops.log_softmax(input if dtype is None else input.to(dtype), dim)


class LogSoftmax(_Activation):
    """The logarithm of softmax along `dim`, without overflow."""

    function = staticmethod(log_softmax)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__(dim=dim)


def softmin(input: Any, dim: int | None = None, *, dtype: Any = None) -> Any:
    """softmax(-input) along `dim`; `dim` and `dtype` are as in `softmax`."""
    return softmax(-input, chosen_dim(dim, len(input.shape), "softmin"), dtype=dtype)


class Softmin(_Activation):
    """softmax(-x) along `dim`."""

    function = staticmethod(softmin)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__(dim=dim)


class Softmax2d(Module):
    """Softmax over the channels at each place of (N, C, H, W) or (C, H, W).

    Raises ValueError for other numbers of axes.
    """

    def forward(self, input: Tensor) -> Tensor:
        """softmax(input) along axis -3."""
        if len(input.shape) not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {len(input.shape)}D instead")
        return ops.softmax(input, -3)


def gumbel_softmax(logits: Any, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1, *,
                   generator: Generator | None = None) -> Any:
    """softmax((logits + noise) / tau) along `dim` with Gumbel noise: a draw from softmax(logits) with a gradient.

    With `hard` it is one-hot, and the gradient that of the soft one.  `eps` is there for PyTorch's scripts, which
    ignores it, too.  In a captured step each replay draws anew.
    Source: Jang and others, Categorical reparameterization with Gumbel-softmax, ICLR 2017.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.gumbel_softmax(tg.zeros(5, 3), hard=True).sum(1)
    tensor([1., 1., 1., 1., 1.])
    """
    x = logits.array
    uniform = Tensor(draw("random", x, x.shape, x.dtype, generator))
    exponential = -ops.log(ops.clamp(1 - uniform, min=float(np.finfo(x.dtype).tiny)))
    gumbel = -ops.log(ops.clamp(exponential, min=float(np.finfo(x.dtype).tiny)))
    soft = ops.softmax((logits + gumbel) / tau, dim)
    if not hard:
        return soft
    chosen = one_hot_along(ops.argmax(soft, dim), x.shape[dim], range(x.ndim)[dim])
    return chosen.to(x.dtype) - soft.detach() + soft
