"""Normalization, each kind as a function and as modules.  All but eval mode are one op, `ops.standardize`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ops
from .._tensor import Tensor
from ..compositions import norm
from ..creation import ones, zeros
from ..engine import dtypes
from ..engine.graph import Array, live
from ..engine.operation import update
from ..ops.reduce import narrowed, widened
from . import init
from .module import FunctionModule, Module, Parameter


def over_last(input: Any, normalized_shape: Sequence[int], parameters: dict[str, Any]) -> range:
    """The last axes, if they have `normalized_shape`, which parameters that are not None must have, too.

    Raises RuntimeError otherwise.
    """
    shape = tuple(normalized_shape)
    if not shape:
        raise RuntimeError("Expected normalized_shape to be at least 1-dimensional, got ()")
    for name, parameter in parameters.items():
        if parameter is not None and parameter.shape != shape:
            raise RuntimeError(f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                               f"{parameter.shape} and normalized_shape = {shape}")
    if input.shape[-len(shape) :] != shape:
        raise RuntimeError(f"Given normalized_shape={list(shape)}, expected input with shape "
                           f"[*, {', '.join(map(str, shape))}], but got input of size {input.shape}")
    return range(-len(shape), 0)


def layer_norm(input: Any, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None,
               eps: float = 1e-5) -> Any:
    """(input - mean) / sqrt(variance + eps) * weight + bias, mean and variance those of the last axes.

    Shapes: input (*, *normalized_shape); weight and bias (*normalized_shape) or None.
    Raises RuntimeError where the shapes do not fit.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.layer_norm(tg.tensor([[1.0, 3.0], [10.0, 30.0]]), (2,))
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]])
    """
    dims = over_last(input, normalized_shape, {"weight": weight, "bias": bias})
    return ops.standardize(input, weight, bias, None, tuple(dims), eps)


def rms_norm(input: Any, normalized_shape: Sequence[int], weight: Any = None, eps: float | None = None) -> Any:
    """input / sqrt(mean of input ** 2 over the last axes + eps) * weight; `eps` is that of the dtype unless given.

    Shapes: input (*, *normalized_shape); weight (*normalized_shape) or None.
    Raises RuntimeError where the shapes do not fit.
    Source: Zhang and Sennrich, Root mean square layer normalization, NeurIPS 2019.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.rms_norm(tg.tensor([3.0, -3.0]), (2,))
    tensor([ 1., -1.])
    """
    dims = over_last(input, normalized_shape, {"weight": weight})
    eps = float(np.finfo(input.dtype).eps) if eps is None else eps
    return ops.standardize(input, weight, None, None, tuple(dims), eps, False)


@update("running_mean", "running_var")
def follow(running_mean: Array, running_var: Array, moments: Array, momentum: float, unbiased: float) -> None:
    """Move the running mean and variance to those of a batch by the share `momentum`.

    `moments` is (2, ...) as the op of that name makes it, with as many elements as there are channels; the variance is
    multiplied by `unbiased`.
    """
    for running, batch in ((running_mean, moments[0]), (running_var, unbiased * moments[1])):
        running *= 1 - momentum
        running += momentum * batch.reshape(running.shape)


@update("number")
def count_up(number: Array) -> None:
    """number += 1."""
    number += 1


def along_channels(parameter: Any, ndim: int) -> Any:
    """A parameter (C,) with axes behind it, so that it broadcasts against (N, C, ...)."""
    return None if parameter is None else ops.reshape(parameter, (-1, *(1,) * (ndim - 2)))


def check_channels(name: str, input: Any, parameters: dict[str, Any]) -> None:
    """Raise RuntimeError for a parameter that has not one element per channel."""
    for what, parameter in parameters.items():
        if parameter is not None and parameter.shape != (input.shape[1],):
            raise RuntimeError(f"{name}: {what} should contain {input.shape[1]} elements, got shape {parameter.shape}")


def with_running(input: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, eps: float) -> Any:
    """Normalization by given statistics: it is linear in the input."""
    ndim = len(input.shape)
    scale = 1 / ops.sqrt(running_var + eps)
    scale = scale if weight is None else weight * scale
    shift = -running_mean * scale
    shift = shift if bias is None else bias + shift
    return input * along_channels(scale, ndim) + along_channels(shift, ndim)


def batch_norm(input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
               training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Any:
    """(input - mean) / sqrt(variance + eps) * weight + bias, channel by channel.

    In training mean and variance are those of the batch, and the running ones, unless None, move to them in place:
    running = (1 - momentum) * running + momentum * (mean or unbiased variance).  Else they are the running ones.

    Shapes: input (N, C, ...); running_mean, running_var, weight and bias (C,) or None.
    An empty batch leaves the running ones as they are.
    Raises RuntimeError where the shapes do not fit, or there are no statistics outside of training, and ValueError for
    an input without channels, and for one value per channel in training.
    Source: Ioffe and Szegedy, Batch normalization, ICML 2015.

    >>> import tinygrad_lite as tg
    >>> mean, var = tg.zeros(1), tg.ones(1)
    >>> tg.nn.functional.batch_norm(tg.tensor([[1.0], [3.0]]), mean, var, training=True, momentum=0.5)
    tensor([[-1.0000],
            [ 1.0000]])
    >>> mean, var
    (tensor([1.]), tensor([1.5000]))
    """
    if len(input.shape) < 2:
        raise ValueError(f"expected at least 2D input (got {len(input.shape)}D input)")
    check_channels("batch_norm", input, {"running_mean": running_mean, "running_var": running_var, "weight": weight,
                                         "bias": bias})
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError("Expected running_mean and running_var to be defined when training=False")
        return with_running(input, running_mean, running_var, weight, bias, eps)
    ndim = len(input.shape)
    dims = (0, *range(2, ndim))
    count = math.prod(input.shape[d] for d in dims)
    if count == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
    moments = None
    if running_mean is not None and running_var is not None and 0 not in input.shape:
        moments = ops.moments(input.detach(), dims)
        follow(running_mean.array, running_var.array, moments.array, momentum, count / (count - 1))
    return ops.standardize(input, along_channels(weight, ndim), along_channels(bias, ndim), moments, dims, eps)


def instance_norm(input: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None,
                  use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5) -> Any:
    """`batch_norm` of each example by itself; the running statistics move to the mean over the examples.

    Shapes: input (N, C, ...); running_mean, running_var, weight and bias (C,) or None.
    Raises RuntimeError where the shapes do not fit, or there are no statistics, and ValueError for one value per
    channel.
    Source: Ulyanov and others, Instance normalization, arXiv 1607.08022 (2016).

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.instance_norm(tg.tensor([[[1.0, 3.0]], [[10.0, 30.0]]]))
    tensor([[[-1.0000,  1.0000]],
    <BLANKLINE>
            [[-1.0000,  1.0000]]])
    """
    check_channels("instance_norm", input, {"running_mean": running_mean, "running_var": running_var, "weight": weight,
                                            "bias": bias})
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
        return with_running(input, running_mean, running_var, weight, bias, eps)
    ndim = len(input.shape)
    dims = tuple(range(2, ndim))
    count = math.prod(input.shape[2:])
    if count == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    moments = None
    if running_mean is not None and running_var is not None and 0 not in input.shape:
        moments = ops.moments(input.detach(), dims)
        follow(running_mean.array, running_var.array, ops.mean(moments, 1).array, momentum, count / (count - 1))
    return ops.standardize(input, along_channels(weight, ndim), along_channels(bias, ndim), moments, dims, eps)


def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """(input - mean) / sqrt(variance + eps) * weight + bias, mean and variance those of a group of channels.

    Shapes: input (N, C, ...); weight and bias (C,) or None.
    Raises RuntimeError where the shapes do not fit, or the groups would differ in size, and ValueError for one value
    per group.
    Source: Wu and He, Group normalization, ECCV 2018.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.group_norm(tg.tensor([[1.0, 3.0, 10.0, 30.0]]), 2)
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    if len(input.shape) < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {len(input.shape)}")
    examples, channels, *places = input.shape
    if num_groups <= 0 or channels % num_groups:
        raise RuntimeError("Expected number of channels in input to be divisible by num_groups, but got input of shape "
                           f"{input.shape} and num_groups={num_groups}")
    check_channels("group_norm", input, {"weight": weight, "bias": bias})
    if examples * channels // num_groups * math.prod(places) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
    grouped = (num_groups, channels // num_groups)
    weight, bias = (None if p is None else ops.reshape(p, (*grouped, *(1,) * len(places))) for p in (weight, bias))
    dims = tuple(range(2, len(places) + 3))
    y = ops.standardize(ops.reshape(input, (examples, *grouped, *places)), weight, bias, None, dims, eps)
    return ops.reshape(y, input.shape)


def local_response_norm(input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    """input / (k + alpha * m) ** beta, with m the mean of input ** 2 over `size` neighbouring channels, 0 beyond them.

    Shapes: input (N, C, ...), of three axes or more.
    Raises ValueError for fewer.
    Source: Krizhevsky and others, ImageNet classification with deep convolutional neural networks, NIPS 2012.
    """
    if len(input.shape) < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {len(input.shape)} dimensions)")
    dtype, input, channels = input.dtype, widened(input), input.shape[1]
    padding = (0, 0) * (len(input.shape) - 2) + (size // 2, (size - 1) // 2)
    squares = ops.pad(input * input, padding, 0.0)
    total = sum(squares[:, i : i + channels] for i in range(size))
    return narrowed(input / (total * (alpha / size) + k) ** beta, dtype)


def normalize(input: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Any:
    """input / max(norm of input along `dim`, eps).

    Shapes: result that of input.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.normalize(tg.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    return input / ops.clamp(norm(input, p, dim, True), min=eps)


# --- modules ----------------------------------------------------------------------------------------------------------


def add_parameters(module: Module, shape: tuple[int, ...], weight: bool, bias: bool | None, device: str | None,
                   dtype: Any) -> None:
    """Register a weight of ones and a bias of zeros, or None in their places; with None for `bias` not even that."""
    module.register_parameter("weight", Parameter(ones(shape, device=device, dtype=dtype)) if weight else None)
    if bias is not None:
        module.register_parameter("bias", Parameter(zeros(shape, device=device, dtype=dtype)) if bias else None)


def reset(module: Any) -> None:
    """Set weight to ones and bias to zeros, where a module has them."""
    if module.weight is not None:
        init.ones_(module.weight)
    if getattr(module, "bias", None) is not None:
        init.zeros_(module.bias)


class LayerNorm(Module):
    """(x - mean) / sqrt(variance + eps) * weight + bias, mean and variance those of the last axes of each example.

    `weight` starts as ones and `bias` as zeros, both of shape `normalized_shape` (an int means one axis); without
    `elementwise_affine` there are none.
    Shapes: input (*, *normalized_shape), weight and bias (*normalized_shape); result that of input.
    Source: Ba and others, Layer normalization, arXiv 1607.06450 (2016).

    >>> import tinygrad_lite as tg
    >>> tg.nn.LayerNorm(3)(tg.tensor([1.0, 2.0, 3.0]))
    tensor([-1.2247,  0.0000,  1.2247], grad_fn=<standardize>)
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(self, normalized_shape: int | Sequence[int], eps: float = 1e-5, elementwise_affine: bool = True,
                 bias: bool = True, device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape, self.eps, self.elementwise_affine = shape, eps, elementwise_affine
        add_parameters(self, shape, elementwise_affine, elementwise_affine and bias, device, dtype)

    def reset_parameters(self) -> None:
        """Set weight to ones and bias to zeros."""
        reset(self)

    def forward(self, input: Tensor) -> Tensor:
        """layer_norm(input) over the last axes."""
        return layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """`(3,), eps=1e-05, elementwise_affine=True, bias=True`."""
        return (f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
                f"bias={self.bias is not None}")


class RMSNorm(Module):
    """x / sqrt(mean of x ** 2 over the last axes + eps) * weight; `eps` is that of the dtype unless given.

    Shapes: input (*, *normalized_shape), weight (*normalized_shape); result that of input.

    >>> import tinygrad_lite as tg
    >>> tg.nn.RMSNorm(2, elementwise_affine=False)(tg.tensor([3.0, -3.0]))
    tensor([ 1., -1.])
    """

    weight: Parameter | None

    def __init__(self, normalized_shape: int | Sequence[int], eps: float | None = None,
                 elementwise_affine: bool = True, device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape, self.eps, self.elementwise_affine = shape, eps, elementwise_affine
        add_parameters(self, shape, elementwise_affine, None, device, dtype)

    def reset_parameters(self) -> None:
        """Set weight to ones."""
        reset(self)

    def forward(self, input: Tensor) -> Tensor:
        """rms_norm(input) over the last axes."""
        return rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """`(3,), eps=None, elementwise_affine=True`."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """(x - mean) / sqrt(variance + eps) * weight + bias, mean and variance those of a group of channels.

    `weight` starts as ones and `bias` as zeros, one per channel; without `affine` there are none.
    Shapes: input (N, C, ...), weight and bias (C,); result that of input.
    Raises ValueError if num_groups does not divide num_channels.

    >>> import tinygrad_lite as tg
    >>> tg.nn.GroupNorm(2, 6)(tg.randn(4, 6, 5, 5)).shape
    (4, 6, 5, 5)
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True,
                 device: str | None = None, dtype: Any = None, *, bias: bool = True) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        add_parameters(self, (num_channels,), affine, affine and bias, device, dtype)

    def reset_parameters(self) -> None:
        """Set weight to ones and bias to zeros."""
        reset(self)

    def forward(self, input: Tensor) -> Tensor:
        """group_norm(input)."""
        return group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """`2, 6, eps=1e-05, affine=True, bias=True`."""
        return (f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
                f"bias={self.bias is not None}")


class _WithRunning(Module):
    """What batch and instance norm share: parameters, running statistics, and the axes that an input may have."""

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Any
    running_var: Any
    num_batches_tracked: Any
    ndims: tuple[int, ...]

    def __init__(self, num_features: int, eps: float, momentum: float | None, affine: bool, track_running_stats: bool,
                 device: str | None, dtype: Any, bias: bool) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        add_parameters(self, (num_features,), affine, affine and bias, device, dtype)
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, device=device, dtype=dtype) if tracked else None)
        self.register_buffer("running_var", ones(num_features, device=device, dtype=dtype) if tracked else None)
        self.register_buffer("num_batches_tracked", zeros((), device=device, dtype=dtypes.int64) if tracked else None)

    def reset_running_stats(self) -> None:
        """Set the running mean to zeros, the running variance to ones and the number of batches to 0."""
        if self.track_running_stats:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Reset the running statistics, and set weight to ones and bias to zeros."""
        self.reset_running_stats()
        reset(self)

    def check_axes(self, input: Any) -> None:
        """Raise ValueError for an input with another number of axes."""
        if len(input.shape) not in self.ndims:
            expected = " or ".join(f"{n}D" for n in self.ndims)
            raise ValueError(f"expected {expected} input (got {len(input.shape)}D input)")

    def extra_repr(self) -> str:
        """`3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True`."""
        return (f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
                f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}")


def share_of_batch(module: _WithRunning) -> float:
    """What a batch counts in the mean of all batches so far."""
    return 1.0 / float(module.num_batches_tracked.array)


class _BatchNorm(_WithRunning):
    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
                 track_running_stats: bool = True, device: str | None = None, dtype: Any = None, *,
                 bias: bool = True) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        """batch_norm(input): by the batch in training, or where no statistics are tracked; else by the running ones."""
        self.check_axes(input)
        momentum: float = 0.0 if self.momentum is None else self.momentum
        if self.training and self.num_batches_tracked is not None:
            count_up(self.num_batches_tracked.array)
            if self.momentum is None:
                momentum = live(share_of_batch, self)
        by_batch = self.training or (self.running_mean is None and self.running_var is None)
        mean, var = self.running_mean, self.running_var
        if by_batch and not self.track_running_stats:
            mean = var = None
        return batch_norm(input, mean, var, self.weight, self.bias, by_batch, momentum, self.eps)


class BatchNorm1d(_BatchNorm):
    """(x - mean) / sqrt(variance + eps) * weight + bias for each feature of (N, C) or channel of (N, C, L).

    In training mean and (biased) variance are those of the batch; the buffers `running_mean` and `running_var` (that
    one unbiased) move to them by the share `momentum`, or if that is None are the mean over all batches, which
    `num_batches_tracked` counts.  In evaluation the buffers take their place; without `track_running_stats` there are
    none, and the batch counts there, too.  `weight` starts as ones, `bias` as zeros; without `affine` there are none.

    Shapes: input (N, C) or (N, C, L), weight, bias and running statistics (C,); result that of input.
    Raises ValueError for another number of axes, and in training for one value per channel.
    Source: Ioffe and Szegedy, Batch normalization, ICML 2015.

    >>> import tinygrad_lite as tg
    >>> layer = tg.nn.BatchNorm1d(1, affine=False)
    >>> layer(tg.tensor([[1.0], [3.0]]))
    tensor([[-1.0000],
            [ 1.0000]])
    >>> layer.running_mean, layer.eval()(tg.tensor([[0.2]]))
    (tensor([0.2000]), tensor([[0.]]))
    """

    ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` for images.

    Shapes: input (N, C, H, W); result the same.
    """

    ndims = (4,)


class BatchNorm3d(_BatchNorm):
    """`BatchNorm1d` for volumes.

    Shapes: input (N, C, D, H, W); result the same.
    """

    ndims = (5,)


class _InstanceNorm(_WithRunning):
    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
                 track_running_stats: bool = False, device: str | None = None, dtype: Any = None, *,
                 bias: bool = True) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        """instance_norm(input): by each example in training, or where nothing is tracked; else by the running ones."""
        self.check_axes(input)
        without_batch = len(input.shape) == self.ndims[0]
        x = input.unsqueeze(0) if without_batch else input
        y = instance_norm(x, self.running_mean, self.running_var, self.weight, self.bias,
                          self.training or not self.track_running_stats, self.momentum or 0.0, self.eps)
        return y.squeeze(0) if without_batch else y


class InstanceNorm1d(_InstanceNorm):
    """`BatchNorm1d` of each example by itself; by default without parameters and statistics.

    Shapes: input (N, C, L) or (C, L); result the same.
    Raises ValueError for another number of axes, and in training for one value per channel.
    Source: Ulyanov and others, Instance normalization, arXiv 1607.08022 (2016).

    >>> import tinygrad_lite as tg
    >>> tg.nn.InstanceNorm1d(1)(tg.tensor([[1.0, 3.0]]))
    tensor([[-1.0000,  1.0000]])
    """

    ndims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """`InstanceNorm1d` for images.

    Shapes: input (N, C, H, W) or (C, H, W); result the same.
    """

    ndims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """`InstanceNorm1d` for volumes.

    Shapes: input (N, C, D, H, W) or (C, D, H, W); result the same.
    """

    ndims = (4, 5)


class LocalResponseNorm(FunctionModule):
    """x / (k + alpha * m) ** beta, with m the mean of x ** 2 over `size` neighbouring channels.

    Shapes: input (N, C, ...); result the same.
    """

    function = staticmethod(local_response_norm)

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__(size=size, alpha=alpha, beta=beta, k=k)

    def extra_repr(self) -> str:
        """`2, alpha=0.0001, beta=0.75, k=1.0`."""
        return super().extra_repr().removeprefix("size=")
