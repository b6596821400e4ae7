"""How parameters start: `torch.nn.init`.  Each function overwrites the tensor, records nothing and returns it.

Random ones draw from `generator`: the library's, or NumPy's `Generator` or `RandomState`, whose draws are made on the
host in float64 and are the same on every backend.

What the five documents use (shapes as `Linear` has them; see benchmarks/documents):

    wang    normal_(weight, std=0.1, generator=np.random.RandomState(2)) layer by layer, zeros_(bias)
    lab2    uniform_(parameter, -0.005, 0.005)
    kth     normal_(parameter), weights and biases
    biswas  normal_(weight, std=0.01), zeros_(bias)
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np

from .. import backend
from .._tensor import Tensor
from ..autograd import no_grad
from ..random import Generator, draw

__all__ = [
    "calculate_gain",
    "constant_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

AnyGenerator: TypeAlias = "Generator | np.random.Generator | np.random.RandomState | None"


def _draw(kind: str, like: Tensor, generator: AnyGenerator) -> Tensor:
    """Draws of the shape and dtype of `like`, "random" or "standard_normal"."""
    x = like.array
    if generator is None or isinstance(generator, Generator):
        return Tensor(draw(kind, x, x.shape, x.dtype, generator))
    drawn: Any = getattr(generator, kind)(x.shape)
    return Tensor(backend.transfer(np.asarray(drawn, x.dtype), backend.of(x)))


@no_grad()
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: AnyGenerator = None) -> Tensor:
    """Draws from U[a, b)."""
    return tensor.copy_(_draw("random", tensor, generator) * (b - a) + a)


@no_grad()
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: AnyGenerator = None) -> Tensor:
    """Draws from N(mean, std ** 2).

    >>> import numpy as np
    >>> import tinygrad_lite as tg
    >>> tg.nn.init.normal_(tg.empty(1, 3), std=0.1, generator=np.random.RandomState(2))
    tensor([[-0.0417, -0.0056, -0.2136]])
    """
    return tensor.copy_(_draw("standard_normal", tensor, generator) * std + mean)


@no_grad()
def constant_(tensor: Tensor, val: float) -> Tensor:
    """`val` everywhere."""
    return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere."""
    return constant_(tensor, 0.0)


@no_grad()
def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix: 1 on the diagonal, else 0.

    Raises ValueError unless there are two axes.
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    diagonal = np.arange(min(tensor.shape))
    tensor.zero_()[diagonal, diagonal] = 1.0
    return tensor


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: AnyGenerator = None) -> Tensor:
    """U(-a, a) with a = gain * sqrt(6 / (fan_in + fan_out)).

    Source: Glorot, Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010.
    """
    bound = math.sqrt(3) * gain * math.sqrt(2 / (sum(_fans(tensor)) or 1))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: AnyGenerator = None) -> Tensor:
    """N(0, std ** 2) with std = gain * sqrt(2 / (fan_in + fan_out)).

    Source: as `xavier_uniform_`.
    """
    return normal_(tensor, 0.0, gain * math.sqrt(2 / (sum(_fans(tensor)) or 1)), generator)


def kaiming_uniform_(tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
                     generator: AnyGenerator = None) -> Tensor:
    """U(-k, k) with k = gain * sqrt(3 / fan): keeps the variance of activations (or, "fan_out", of gradients).

    `a` is the negative slope of a leaky ReLU.
    Raises ValueError for an unknown mode or nonlinearity, or fewer than two axes.
    Source: He and others, Delving deep into rectifiers, ICCV 2015.
    """
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
                    generator: AnyGenerator = None) -> Tensor:
    """N(0, std ** 2) with std = gain / sqrt(fan).

    Arguments, errors and source: as `kaiming_uniform_`.
    """
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much weights are scaled to make up for a nonlinearity: 1, tanh 5/3, relu sqrt(2), ...

    `param` is the negative slope of "leaky_relu" (0.01).
    Raises ValueError for an unknown name.

    >>> from tinygrad_lite.nn import init
    >>> init.calculate_gain("leaky_relu", 0.0) == init.calculate_gain("relu")
    True
    """
    slope = 0.01 if param is None else param
    gains = {"sigmoid": 1.0, "linear": 1.0, "conv1d": 1.0, "conv2d": 1.0, "conv3d": 1.0, "tanh": 5 / 3,
             "relu": math.sqrt(2), "leaky_relu": math.sqrt(2 / (1 + slope**2)), "selu": 3 / 4}
    if nonlinearity not in gains:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}; expected one of {sorted(gains)}")
    return gains[nonlinearity]


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    fan = _fans(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan or 1)


def _fans(tensor: Tensor) -> tuple[int, int]:
    """How many inputs each output has, and how many outputs each input has; axes beyond two are a receptive field."""
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field
