"""What layers compute, as functions of Tensors: `torch.nn.functional` in its names and arguments."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from .. import dtypes, graph, ops
from .. import inplace as in_place
from .._tensor import Tensor
from ..ops import (
    linear,
    mse_loss,
    sigmoid,
    tanh,
)
from ..ops.fused import check_reduction, class_dim, one_hot_along
from ..random import Generator, draw

__all__ = [
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "dropout",
    "linear",
    "log_softmax",
    "mse_loss",
    "one_hot",
    "pad",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]


def relu(input: Any, inplace: bool = False) -> Any:
    """max(input, 0); with `inplace` it overwrites the input."""
    return in_place.write(input, ops.relu(input)) if inplace else ops.relu(input)


def softmax(input: Any, dim: int = -1, *, dtype: Any = None) -> Any:
    """e ** input / sum(e ** input) along `dim`, without overflow; `input` is cast to `dtype` first, if given."""
    return ops.softmax(input if dtype is None else input.to(dtype), dim)


def log_softmax(input: Any, dim: int = -1, *, dtype: Any = None) -> Any:
    """input - log(sum(e ** input)) along `dim`, without overflow; `input` is cast to `dtype` first, if given."""
    return ops.log_softmax(input if dtype is None else input.to(dtype), dim)


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False, *,
            generator: Generator | None = None) -> Any:
    """Each element 0 with probability `p` and otherwise divided by 1 - p; the input itself unless `training`.

    The division keeps the mean, so that nothing needs to be scaled in evaluation.  With `inplace` it overwrites the
    input.  In a captured step each replay draws a new mask.
    Raises ValueError unless 0 <= p <= 1.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.dropout(tg.ones(3), p=1.0)
    tensor([0., 0., 0.])
    """
    check_probability(p)
    if not training or p == 0:
        return input
    x = input.array
    kept = Tensor(draw("random", x, x.shape, x.dtype, generator)) >= p
    result = input * (kept.to(x.dtype) * (1 / (1 - p) if p < 1 else 0.0))
    return in_place.write(input, result) if inplace else result


def check_probability(p: float) -> None:
    """Raise ValueError unless 0 <= p <= 1."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def pad(input: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Any:
    """`input` with `value` (0) added around it; `pad` counts from the last axis: (left, right, top, bottom, ...).

    Raises NotImplementedError for a mode other than "constant" and ValueError for an odd count of widths.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.pad(tg.ones(1, 2), (1, 1))
    tensor([[0., 1., 1., 0.]])
    """
    if mode != "constant":
        raise NotImplementedError(f"pad: mode {mode!r} is not supported, only 'constant' is")
    return ops.pad(input, tuple(pad), 0.0 if value is None else value)


def one_hot(input: Any, num_classes: int = -1) -> Any:
    """Each class index as a row of zeros with a one in its place; int64, of shape (*, num_classes).

    Without `num_classes` it is one more than the largest index.
    Raises RuntimeError for a class that is negative or not below `num_classes` and for a dtype that is not integer.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.one_hot(tg.tensor([2, 0]))
    tensor([[0, 0, 1],
            [1, 0, 0]])
    """
    classes = input.array if isinstance(input, graph.Tensor) else input
    if classes.dtype.kind not in "iu":
        raise RuntimeError(f"one_hot is only applicable to index tensors, got {classes.dtype}")
    if num_classes < 0:
        if not classes.size:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        num_classes = int(input.max()) + 1
    if classes.size and (classes.min() < 0 or classes.max() >= num_classes):
        raise RuntimeError(f"Class values must be non-negative and smaller than num_classes, {num_classes}")
    return one_hot_along(input, num_classes, -1).to(dtypes.int64)


def cross_entropy(input: Any, target: Any, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean",
                  label_smoothing: float = 0.0) -> Any:
    """The cross entropy of softmax(input) against `target`; the classes lie along axis 1 (0 of a single example).

    With class indices (integers): -weight[target] log softmax(input)[target]; examples whose target is `ignore_index`
    count nothing.  With probabilities (floats, of the shape of input): -sum(weight * target * log softmax(input)).
    `label_smoothing` replaces that share of the target by equal parts of all classes.  The mean of examples with class
    indices divides by the sum of their weights.

    Without options it is one fast op; if that refuses the targets, because -100 is among them, the general form takes
    its place.  A captured step knows the one that it met: there choose an `ignore_index` other than -100, which always
    means the general form.

    Shapes: input (N, C, ...) or (C,); target (N, ...) or () or that of input; weight (C,).
    Raises IndexError for a class out of range, ValueError where the shapes do not fit, and RuntimeError for an input
    that is not floating.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.cross_entropy(tg.zeros(2, 10), tg.tensor([3, -100]))
    tensor(2.3026)
    """
    if weight is None and not label_smoothing and ignore_index == -100:
        with suppress(IndexError):  # of a target out of range, which may be `ignore_index`
            return ops.cross_entropy(input, target, reduction)
    check_reduction(reduction)
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    dim = class_dim(input.shape)
    classes = input.shape[dim]
    if weight is not None and weight.shape != (classes,):
        raise ValueError(f"cross_entropy: weight must have shape ({classes},), one per class, got {weight.shape}")
    by_class = None if weight is None else weight.reshape(-1, *(1,) * (len(input.shape) - dim - 1))
    scores = ops.log_softmax(input, dim)
    if by_class is not None:
        scores = scores * by_class
    if target.dtype.kind == "f":
        if target.shape != input.shape:
            raise ValueError(f"class probabilities must have the shape of input, {input.shape}; got {target.shape}")
        target = target * (1 - label_smoothing) + label_smoothing / classes
        loss = -(scores * target).sum(dim)
        return loss if reduction == "none" else loss.sum() if reduction == "sum" else loss.mean()
    expected = (*input.shape[:dim], *input.shape[dim + 1 :])
    if target.shape != expected:
        raise ValueError(f"class indices for input {input.shape} must have shape {expected}, got {target.shape}")
    counted = target != ignore_index
    index = ops.where(counted, target, 0)
    loss = -ops.gather(scores, dim, index.unsqueeze(dim)).squeeze(dim)
    if label_smoothing:
        loss = loss * (1 - label_smoothing) - scores.sum(dim) * (label_smoothing / classes)
    loss = ops.where(counted, loss, 0.0)
    if reduction == "none":
        return loss
    if reduction == "sum":
        return loss.sum()
    total = (counted.to(input.dtype) if weight is None else ops.where(counted, weight[index], 0.0)).sum()
    return loss.sum() / ops.where(total == 0, np.nan, total)


def binary_cross_entropy_with_logits(input: Any, target: Any, weight: Any = None, *, reduction: str = "mean",
                                     pos_weight: Any = None) -> Any:
    """-weight (pos_weight target log s + (1 - target) log(1 - s)) with s = sigmoid(input), without overflow.

    Shapes: input and target the same; weight and pos_weight (that of each class, along the last axis) are broadcast.
    Raises ValueError if the shapes differ, and RuntimeError for an input that is not floating.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.binary_cross_entropy_with_logits(tg.zeros(2), tg.ones(2), pos_weight=tg.tensor(3.0))
    tensor(2.0794)
    """
    if weight is None and pos_weight is None:
        return ops.binary_cross_entropy_with_logits(input, target, reduction)
    check_reduction(reduction)
    if pos_weight is None:
        loss = ops.binary_cross_entropy_with_logits(input, target, "none")
    else:
        if target.shape != input.shape:
            raise ValueError(f"target must have the shape of input, {input.shape}; got {target.shape}")
        ones, zeros = target.detach() * 0 + 1, target.detach() * 0
        loss = (pos_weight * target * ops.binary_cross_entropy_with_logits(input, ones, "none")
                + (1 - target) * ops.binary_cross_entropy_with_logits(input, zeros, "none"))
    if weight is not None:
        loss = loss * weight
    return loss if reduction == "none" else loss.sum() if reduction == "sum" else loss.mean()
