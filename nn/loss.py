"""Losses, each as a function and as a module; `reduction` is "mean", "sum" or "none"."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from .. import ops
from ..ops import mse_loss
from ..ops.loss import check_reduction, class_dim
from .module import Module


class _Loss(Module):
    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction


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


class CrossEntropyLoss(_Loss):
    """-log softmax(input)[target], or with probabilities -sum(target * log softmax(input)).

    Shapes: input (N, C, ...) or (C,); target class indices (N, ...) or probabilities of the shape of input; weight of
    the classes (C,).  The mean is over the examples.  See `functional.cross_entropy`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.CrossEntropyLoss()(tg.zeros(2, 10), tg.tensor([3, 7]))
    tensor(2.3026)
    """

    weight: Any

    def __init__(self, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean",
                 label_smoothing: float = 0.0) -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input: Any, target: Any) -> Any:
        """The loss of scores `input` against `target`."""
        return cross_entropy(input, target, self.weight, ignore_index=self.ignore_index,
                                        reduction=self.reduction, label_smoothing=self.label_smoothing)


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


class BCEWithLogitsLoss(_Loss):
    """-weight (pos_weight t log s + (1 - t) log(1 - s)) with s = sigmoid(input) and t = target, of one shape."""

    weight: Any
    pos_weight: Any

    def __init__(self, weight: Any = None, *, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Any, target: Any) -> Any:
        """The loss of scores `input` against `target`."""
        return binary_cross_entropy_with_logits(input, target, self.weight, reduction=self.reduction,
                                                           pos_weight=self.pos_weight)


class MSELoss(_Loss):
    """(input - target) ** 2."""

    def forward(self, input: Any, target: Any) -> Any:
        """The loss of `input` against `target`."""
        return mse_loss(input, target, self.reduction)
