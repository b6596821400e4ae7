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

from .._tensor import Tensor
from ..autograd import no_grad
from ..engine import backend
from ..ops import where
from ..random import Generator, draw

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
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
    """Draws from U[a, b).

    Raises ValueError if a > b.
    """
    if a > b:
        raise ValueError(f"uniform_ expects to return a [from, to) range, but found from={a} > to={b}")
    return tensor.copy_(_draw("random", tensor, generator) * (b - a) + a)


@no_grad()
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: AnyGenerator = None) -> Tensor:
    """Draws from N(mean, std ** 2).

    Raises ValueError for a negative std.

    >>> import numpy as np
    >>> import tinygrad_lite as tg
    >>> tg.nn.init.normal_(tg.empty(1, 3), std=0.1, generator=np.random.RandomState(2))
    tensor([[-0.0417, -0.0056, -0.2136]])
    """
    if std < 0:
        raise ValueError(f"normal_ expects std >= 0.0, but found std {std}")
    return tensor.copy_(_draw("standard_normal", tensor, generator) * std + mean)


@no_grad()
def trunc_normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0,
                  generator: AnyGenerator = None) -> Tensor:
    """Draws from N(mean, std ** 2), each one again until it lies in [a, b].

    Where that would take many attempts, draws from U[a, b) are accepted with the probability
    exp(-(x - mean)^2 / (2 std^2)) relative to its largest value on [a, b], which gives the same distribution.
    Raises ValueError for a std that is not positive and if a > b.
    """
    if not std > 0 or a > b:
        raise ValueError(f"trunc_normal_ expects std > 0 and a <= b, but found std {std}, a {a} and b {b}")
    inside = (math.erf((b - mean) / (std * math.sqrt(2))) - math.erf((a - mean) / (std * math.sqrt(2)))) / 2
    low, high = (float(tensor.new_tensor(bound)) for bound in (a, b))  # as the dtype has them
    peak = max(a, min(mean, b))

    def propose() -> tuple[Tensor, Any]:
        """Candidates, and which of them are rejected."""
        if inside > 0.3:
            x = _draw("standard_normal", tensor, generator) * std + mean
            return x, (x < low) | (x > high)
        x = _draw("random", tensor, generator) * (b - a) + a
        density = (((peak - mean) / std) ** 2 - ((x - mean) / std) ** 2) / 2
        return x, _draw("random", tensor, generator) >= density.exp()

    result, pending = propose()
    while bool(pending.any()):
        candidates, rejected = propose()
        result = where(pending, candidates, result)
        pending = pending & rejected
    return tensor.copy_(result)


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


@no_grad()
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution kernel (out, in, *sizes) that hands its input channels through: 1 in the centre where the output
    channel, counted within its group, is the input channel, else 0.

    Raises ValueError unless there are 3, 4 or 5 axes and the groups divide the output channels.

    >>> import tinygrad_lite as tg
    >>> tg.nn.init.dirac_(tg.empty(2, 2, 3))
    tensor([[[0., 1., 0.],
             [0., 0., 0.]],
    <BLANKLINE>
            [[0., 0., 0.],
             [0., 1., 0.]]])
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if tensor.shape[0] % groups:
        raise ValueError("dim 0 must be divisible by groups")
    of_group = tensor.shape[0] // groups
    channels = np.arange(min(of_group, tensor.shape[1]))
    outputs = (np.arange(groups)[:, None] * of_group + channels).ravel()
    tensor.zero_()[(outputs, np.tile(channels, groups), *(size // 2 for size in tensor.shape[2:]))] = 1.0
    return tensor


@no_grad()
def orthogonal_(tensor: Tensor, gain: float = 1, generator: AnyGenerator = None) -> Tensor:
    """`gain` times a random matrix with orthonormal rows or columns, whichever are fewer; the axes after the first are
    taken as one.

    Q of the QR decomposition of a normal matrix, with the signs of R's diagonal, so that all such matrices are equally
    likely.  Raises ValueError for fewer than two axes.
    Source: Saxe and others, Exact solutions to the nonlinear dynamics of learning in deep linear neural networks, ICLR
    2014; Mezzadri, How to generate random matrices from the classical compact groups, Notices of the AMS 54, 2007.
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if not tensor.array.size:
        return tensor
    drawn = backend.to_host(_draw("standard_normal", tensor, generator).array).reshape(tensor.shape[0], -1)
    drawn = drawn.astype(np.promote_types(drawn.dtype, np.float32))  # LAPACK has no float16
    wide = drawn.shape[0] < drawn.shape[1]
    q, r = np.linalg.qr(drawn.T if wide else drawn)
    q *= np.sign(np.diagonal(r))
    return _fill(tensor, gain * (q.T if wide else q))


@no_grad()
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: AnyGenerator = None) -> Tensor:
    """Draws from N(0, std ** 2), in each column the share `sparsity` of them, rounded up, replaced by 0.

    Raises ValueError unless there are two axes.
    Source: Martens, Deep learning via Hessian-free optimization, ICML 2010.
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    values = backend.to_host(_draw("standard_normal", tensor, generator).array) * std
    order = np.argsort(backend.to_host(_draw("random", tensor, generator).array), axis=0)
    np.put_along_axis(values, order[: math.ceil(sparsity * len(order))], 0, axis=0)
    return _fill(tensor, values)


def _fill(tensor: Tensor, values: Any) -> Tensor:
    """The tensor with the values of a host array."""
    return tensor.copy_(Tensor(backend.transfer(values.reshape(tensor.shape).astype(tensor.dtype),
                                                backend.of(tensor.array))))


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
    Raises ValueError for an unknown name, and for a slope that is no number.

    >>> from tinygrad_lite.nn import init
    >>> init.calculate_gain("leaky_relu", 0.0) == init.calculate_gain("relu")
    True
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2 / (1 + slope**2))
    linear = "linear sigmoid conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d".split()
    gains = {**dict.fromkeys(linear, 1.0), "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}
    if nonlinearity not in gains:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}; expected leaky_relu or one of {sorted(gains)}")
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
