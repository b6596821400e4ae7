"""Losses, each as a function and as a module; `reduction` is "mean", "sum" or "none".

PyTorch's deprecated arguments `size_average` and `reduce`, which `reduction` replaced, are not here.  They stand in the
middle of its argument lists; so where it has them, all that follows is keyword-only, and a script that passes something
by position there fails instead of meaning something else.
"""

from __future__ import annotations

import math
import warnings
from contextlib import suppress
from typing import Any

import numpy as np

from .. import ops
from ..engine.dtypes import check_floating
from ..engine.graph import live
from ..ops.loss import check_reduction, class_dim, one_hot_along, reduced
from ..ops.reduce import narrowed, widened
from .activation import logsigmoid
from .distance import pairwise_distance, with_floor
from .module import FunctionModule


class _Loss(FunctionModule):
    reduction: str

    def __init__(self, *, reduction: str = "mean", **settings: Any) -> None:
        super().__init__(**settings, reduction=reduction)

    def extra_repr(self) -> str:
        """Nothing, as in PyTorch."""
        return ""


class _Weighted(_Loss):
    """A loss with a buffer `weight`, which may be None."""

    def __init__(self, weight: Any = None, *, reduction: str = "mean", **settings: Any) -> None:
        super().__init__(reduction=reduction, **settings)
        self.register_buffer("weight", weight)
        self._settings = (*self._settings, "weight")


# --- classes ----------------------------------------------------------------------------------------------------------


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
    that is not floating, and for an `ignore_index` from 0 on with probabilities.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.cross_entropy(tg.zeros(2, 10), tg.tensor([3, -100]))
    tensor(2.3026)
    """
    if ignore_index >= 0 and target.dtype.kind == "f":
        raise RuntimeError("ignore_index is not supported for floating point target")
    if weight is None and not label_smoothing and ignore_index == -100:
        with suppress(IndexError):  # of a target out of range, which may be `ignore_index`
            return ops.cross_entropy(input, target, reduction)
    check_reduction(reduction)
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    dim = class_dim(input.shape)
    scores = ops.log_softmax(input, dim)
    if target.dtype.kind != "f":
        return of_classes(scores, target, weight, ignore_index, reduction, label_smoothing)
    if target.shape != input.shape:
        raise ValueError(f"class probabilities must have the shape of input, {input.shape}; got {target.shape}")
    target = target * (1 - label_smoothing) + label_smoothing / input.shape[dim]
    return reduced(-(weighted(scores, weight) * target).sum(dim), reduction)


def weighted(scores: Any, weight: Any) -> Any:
    """The scores of each class times its weight, unless that is None.

    Raises ValueError if there is not one weight per class.
    """
    if weight is None:
        return scores
    dim = class_dim(scores.shape)
    if weight.shape != (scores.shape[dim],):
        raise ValueError(f"weight must have shape ({scores.shape[dim]},), one per class, got {weight.shape}")
    return scores * weight.reshape(-1, *(1,) * (len(scores.shape) - dim - 1))


def of_classes(scores: Any, target: Any, weight: Any, ignore_index: int, reduction: str, label_smoothing: float) -> Any:
    """-weight[target] scores[target], as `reduction` wants it; smoothed, a share of that is the mean of all classes."""
    dim = class_dim(scores.shape)
    scores = weighted(scores, weight)
    expected = (*scores.shape[:dim], *scores.shape[dim + 1 :])
    if target.shape != expected:
        raise ValueError(f"class indices for input {scores.shape} must have shape {expected}, got {target.shape}")
    counted = target != ignore_index
    index = ops.where(counted, target, 0).long()
    loss = -ops.gather(scores, dim, index.unsqueeze(dim)).squeeze(dim)
    if label_smoothing:
        loss = loss * (1 - label_smoothing) - scores.sum(dim) * (label_smoothing / scores.shape[dim])
    loss = ops.where(counted, loss, 0.0)
    if reduction != "mean":
        return reduced(loss, reduction)
    counts = counted.to(scores.dtype) if weight is None else ops.where(counted, weight[index], 0.0)
    total = widened(counts).sum()
    return narrowed(widened(loss).sum() / ops.where(total == 0, np.nan, total), scores.dtype)


class CrossEntropyLoss(_Weighted):
    """-log softmax(input)[target], or with probabilities -sum(target * log softmax(input)).

    Shapes: input (N, C, ...) or (C,); target class indices (N, ...) or probabilities of the shape of input; weight of
    the classes (C,).  The mean is over the examples.  See `functional.cross_entropy`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.CrossEntropyLoss()(tg.zeros(2, 10), tg.tensor([3, 7]))
    tensor(2.3026)
    """

    function = staticmethod(cross_entropy)

    def __init__(self, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean",
                 label_smoothing: float = 0.0) -> None:
        super().__init__(weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing)


def nll_loss(input: Any, target: Any, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean") -> Any:
    """-weight[target] input[target], where input are logarithms of probabilities (`log_softmax`).

    Examples whose target is `ignore_index` count nothing; the mean divides by the sum of the weights of the others.

    Shapes: input (N, C, ...) or (C,); target (N, ...) or (); weight (C,).
    Raises IndexError for a class out of range, ValueError where the shapes do not fit, and RuntimeError for targets
    that are no integers.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.nll_loss(tg.tensor([[-0.5, -1.0], [-2.0, -0.1]]), tg.tensor([0, 1]))
    tensor(0.3000)
    """
    check_reduction(reduction)
    if not input.shape:
        raise ValueError("nll_loss: input must have an axis of classes")
    if target.dtype.kind == "f":
        raise RuntimeError(f"nll_loss: the target must be class indices, which are integers, got {target.dtype}")
    return of_classes(input, target, weight, ignore_index, reduction, 0.0)


class NLLLoss(_Weighted):
    """-weight[target] input[target], where input are logarithms of probabilities.  See `functional.nll_loss`.

    Shapes: input (N, C, ...) or (C,), target (N, ...) or (), weight (C,); result (), with reduction="none" that of
    target.
    """

    function = staticmethod(nll_loss)

    def __init__(self, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(weight, ignore_index=ignore_index, reduction=reduction)


def multi_margin_loss(input: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None, *,
                      reduction: str = "mean") -> Any:
    """The sum over the classes j but the target y of weight[y] max(0, margin - input[y] + input[j]) ** p, / C.

    Shapes: input (N, C) or (C,); target (N,) or (); weight (C,).
    Raises ValueError unless p is 1 or 2, or where the shapes do not fit.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.multi_margin_loss(tg.tensor([[0.0, 0.5]]), tg.tensor([1]))
    tensor(0.2500)
    """
    if p not in (1, 2):
        raise ValueError(f"multi_margin_loss: only p == 1 and p == 2 supported, got {p}")
    dim = class_dim(input.shape)
    if len(input.shape) not in (1, 2) or target.shape != input.shape[:dim]:
        raise ValueError(f"multi_margin_loss: inconsistent shapes, input {input.shape} and target {target.shape}")
    index = target.unsqueeze(dim)
    short = ops.clamp(margin - ops.gather(input, dim, index) + input, 0)
    short = short if p == 1 else short * short
    if weight is not None:
        if weight.shape != (input.shape[dim],):
            raise ValueError(f"weight must have shape ({input.shape[dim]},), one per class, got {weight.shape}")
        short = short * weight[index]
    others = ~one_hot_along(target, input.shape[dim], dim)
    return reduced(ops.where(others, short, 0.0).sum(dim) / input.shape[dim], reduction)


class MultiMarginLoss(_Weighted):
    """The sum over the classes j but the target y of weight[y] max(0, margin - x[y] + x[j]) ** p, divided by C.

    Shapes: input (N, C) or (C,), target (N,) or (), weight (C,); result (), with reduction="none" that of target.
    """

    function = staticmethod(multi_margin_loss)

    def __init__(self, p: int = 1, margin: float = 1.0, weight: Any = None, *, reduction: str = "mean") -> None:
        super().__init__(weight, p=p, margin=margin, reduction=reduction)


# --- probabilities ----------------------------------------------------------------------------------------------------


def binary_cross_entropy(input: Any, target: Any, weight: Any = None, *, reduction: str = "mean") -> Any:
    """-weight (target log(input) + (1 - target) log(1 - input)), where input are probabilities.

    Both logarithms are at least -100, as in PyTorch, so that the loss is finite.  Where there are scores before a
    sigmoid, `binary_cross_entropy_with_logits` is faster and more precise.

    Shapes: input and target the same; weight is broadcast.
    Raises ValueError if the shapes differ, and RuntimeError for an input that is no probability.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.binary_cross_entropy(tg.tensor([0.5, 0.0]), tg.ones(2), reduction="none")
    tensor([  0.6931, 100.0000])
    """
    if weight is None:
        return ops.binary_cross_entropy(input, target, reduction)
    return reduced(ops.binary_cross_entropy(input, target, "none") * weight, reduction)


class BCELoss(_Weighted):
    """-weight (t log x + (1 - t) log(1 - x)) of probabilities x and targets t of one shape."""

    function = staticmethod(binary_cross_entropy)


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
    return reduced(loss, reduction)


class BCEWithLogitsLoss(_Weighted):
    """-weight (pos_weight t log s + (1 - t) log(1 - s)) with s = sigmoid(input) and t = target, of one shape."""

    function = staticmethod(binary_cross_entropy_with_logits)

    def __init__(self, weight: Any = None, *, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(weight, reduction=reduction)
        self.register_buffer("pos_weight", pos_weight)
        self._settings = (*self._settings, "pos_weight")


def multilabel_soft_margin_loss(input: Any, target: Any, weight: Any = None, *, reduction: str = "mean") -> Any:
    """The mean over the classes of -weight (target log s + (1 - target) log(1 - s)) with s = sigmoid(input).

    Shapes: input and target (..., C); weight is broadcast.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.multilabel_soft_margin_loss(tg.tensor([[2.0, -2.0]]), tg.tensor([[1.0, 0.0]]))
    tensor(0.1269)
    """
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    return reduced((loss if weight is None else loss * weight).mean(-1), reduction)


class MultiLabelSoftMarginLoss(_Weighted):
    """The mean over the classes of -weight (t log s + (1 - t) log(1 - s)) with s = sigmoid(x).

    Shapes: input and target (..., C), weight broadcasts to them; result (), with reduction="none" (...).
    """

    function = staticmethod(multilabel_soft_margin_loss)


def soft_margin_loss(input: Any, target: Any, *, reduction: str = "mean") -> Any:
    """log(1 + e ** (-target * input)), without overflow, with targets 1 and -1.

    Shapes: input and target are broadcast; result (), with reduction="none" their common shape.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.soft_margin_loss(tg.tensor([0.0, 1000.0]), tg.tensor([1.0, -1.0]), reduction="none")
    tensor([6.9315e-01, 1.0000e+03])
    """
    return reduced(-logsigmoid(target * input), reduction)


class SoftMarginLoss(_Loss):
    """log(1 + e ** (-target * input)), with targets 1 and -1.

    Shapes: input and target are broadcast; result (), with reduction="none" their common shape.
    """

    function = staticmethod(soft_margin_loss)


def kl_div(input: Any, target: Any, *, reduction: str = "mean", log_target: bool = False) -> Any:
    """target (log(target) - input): the divergence of `target` from the distribution whose logarithm `input` is.

    With `log_target` the target is a logarithm, too.  `reduction` may also be "batchmean", the sum divided by the
    number of examples, which is what the mathematical definition says; the "mean" divides by the number of elements,
    with PyTorch's warning.

    Shapes: input and target are broadcast.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.kl_div(tg.tensor([[0.5, 0.5]]).log(), tg.tensor([[1.0, 0.0]]), reduction="batchmean")
    tensor(0.6931)
    """
    if reduction == "mean":
        warnings.warn("kl_div: reduction 'mean' divides the total loss by both the batch size and the support size; "
                      "'batchmean' divides only by the batch size, as the definition says.", stacklevel=2)
    if log_target:
        loss = ops.exp(target) * (target - input)
    else:
        loss = target * (ops.log(ops.where(target == 0, 1.0, target)) - input)
    if reduction != "batchmean":
        return reduced(loss, reduction)
    return loss.sum() / input.shape[0] if input.shape else loss


class KLDivLoss(_Loss):
    """target (log(target) - input), where input are logarithms of probabilities.  See `functional.kl_div`.

    Shapes: input and target are broadcast; result (), with reduction="none" their common shape.
    """

    function = staticmethod(kl_div)

    def __init__(self, *, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction=reduction, log_target=log_target)


def poisson_nll_loss(input: Any, target: Any, log_input: bool = True, full: bool = False, *, eps: float = 1e-8,
                     reduction: str = "mean") -> Any:
    """e ** input - target input, or without `log_input` input - target log(input + eps).

    With `full` Stirling's approximation of log(target!) is added where target > 1.

    Shapes: input and target are broadcast; result (), with reduction="none" their common shape.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.poisson_nll_loss(tg.tensor([0.0, 1.0]), tg.tensor([2.0, 0.0]), reduction="none")
    tensor([1.0000, 2.7183])
    """
    loss = ops.exp(input) - target * input if log_input else input - target * ops.log(input + eps)
    if full:
        large = ops.where(target > 1, target, 1.0)
        stirling = large * ops.log(large) - large + 0.5 * ops.log(2 * math.pi * large)
        loss = loss + ops.where(target > 1, stirling, 0.0)
    return reduced(loss, reduction)


class PoissonNLLLoss(_Loss):
    """The negative log likelihood of counts: e ** input - target input.  See `functional.poisson_nll_loss`.

    Shapes: input and target are broadcast; result (), with reduction="none" their common shape.
    """

    function = staticmethod(poisson_nll_loss)

    def __init__(self, log_input: bool = True, full: bool = False, *, eps: float = 1e-8,
                 reduction: str = "mean") -> None:
        super().__init__(log_input=log_input, full=full, eps=eps, reduction=reduction)


def _check_variance(array: Any) -> None:
    if (array < 0).any():
        raise ValueError("var has negative entry/entries")


def gaussian_nll_loss(input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6,
                      reduction: str = "mean") -> Any:
    """(log max(var, eps) + (input - target) ** 2 / max(var, eps)) / 2, and with `full` log(2 pi) / 2 more.

    Shapes: input and target are broadcast; var that of input, or with 1 in the place of one size, or without the last
    axis, or a number.
    Raises ValueError for a negative variance and where the shapes do not fit.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.gaussian_nll_loss(tg.tensor([1.0, 3.0]), tg.tensor([0.0, 3.0]), tg.tensor([1.0, 1.0]))
    tensor(0.2500)
    """
    if isinstance(var, (int, float)):
        var = input.detach() * 0 + var
    if var.shape == input.shape[:-1]:
        var = var.unsqueeze(-1)
    differing = [n for n, m in zip(var.shape, input.shape, strict=False) if n != m]
    if len(var.shape) != len(input.shape) or differing not in ([], [1]):
        raise ValueError("var is of incorrect size")
    live(_check_variance, var.array)
    check_reduction(reduction)
    var = with_floor(var, eps)
    difference = input - target
    loss = 0.5 * (ops.log(var) + difference * difference / var)
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


class GaussianNLLLoss(_Loss):
    """The negative log likelihood of normal distributions.  See `functional.gaussian_nll_loss`.

    Shapes: input and target are broadcast; var that of input, or with 1 in the place of one size, or without the last
    one.
    """

    function = staticmethod(gaussian_nll_loss)

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(full=full, eps=eps, reduction=reduction)


# --- numbers ----------------------------------------------------------------------------------------------------------


def check_pair(name: str, input: Any, target: Any, weight: Any = None) -> None:
    """Warn of operands that will be broadcast, as PyTorch does: more often than not that is a mistake.

    Raises RuntimeError for integers and ValueError for a weight of another shape than `input`.
    """
    check_floating(name, input)
    if target.shape != input.shape:
        warnings.warn(f"{name}: the target size {tuple(target.shape)} is different to the input size "
                      f"{tuple(input.shape)}. This will likely lead to incorrect results due to broadcasting.",
                      stacklevel=3)
    if weight is not None and weight.shape != input.shape:
        raise ValueError("Weights and input must have the same size.")


def weighted_mean(loss: Any, weight: Any, reduction: str) -> Any:
    """The loss per element times its weight (None: 1), as `reduction` wants it; a mean is divided by the weights."""
    if weight is None or reduction != "mean":
        return reduced(loss if weight is None else loss * weight, reduction)
    return (loss * weight).sum() / weight.sum()


def mse_loss(input: Any, target: Any, *, reduction: str = "mean", weight: Any = None) -> Any:
    """weight (input - target) ** 2; the mean is divided by the sum of the weights.

    Shapes: input and target are broadcast, with a warning; weight that of input.
    Raises RuntimeError for integers and ValueError for a weight of another shape.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.mse_loss(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 4.0]))
    tensor(2.)
    """
    check_pair("mse_loss", input, target, weight)
    if weight is None:
        return ops.mse_loss(input, target, reduction)
    return weighted_mean(ops.mse_loss(input, target, "none"), weight, reduction)


class MSELoss(_Loss):
    """(input - target) ** 2, elementwise.  See `functional.mse_loss`.

    Shapes: input and target are broadcast; result (), with reduction="none" their common shape.
    """

    function = staticmethod(mse_loss)


def l1_loss(input: Any, target: Any, *, reduction: str = "mean", weight: Any = None) -> Any:
    """weight |input - target|; the mean is divided by the sum of the weights.

    Shapes: input and target are broadcast, with a warning; weight that of input.
    Raises RuntimeError for integers and ValueError for a weight of another shape.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.l1_loss(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 4.0]))
    tensor(1.)
    """
    check_pair("l1_loss", input, target, weight)
    return weighted_mean(ops.abs(input - target), weight, reduction)


class L1Loss(_Loss):
    """|input - target|, elementwise.  See `functional.l1_loss`.

    Shapes: input and target are broadcast; result (), with reduction="none" their common shape.
    """

    function = staticmethod(l1_loss)


def smooth_l1_loss(input: Any, target: Any, *, reduction: str = "mean", beta: float = 1.0) -> Any:
    """d ** 2 / (2 beta) where d = |input - target| < beta, else d - beta / 2.

    Shapes: input and target are broadcast, with a warning.
    Raises RuntimeError for integers and a negative beta.
    Source: Girshick, Fast R-CNN, ICCV 2015.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.smooth_l1_loss(tg.tensor([0.5, 3.0]), tg.zeros(2), reduction="none")
    tensor([0.1250, 2.5000])
    """
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if not beta:
        return l1_loss(input, target, reduction=reduction)
    check_pair("smooth_l1_loss", input, target)
    return reduced(ops.huber(input - target, beta) / beta, reduction)


class SmoothL1Loss(_Loss):
    """d ** 2 / (2 beta) where d = |input - target| < beta, else d - beta / 2.

    Shapes: input and target are broadcast; result (), with reduction="none" their common shape.
    """

    function = staticmethod(smooth_l1_loss)

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction=reduction, beta=beta)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    """weight d ** 2 / 2 where d = |input - target| < delta, else weight delta (d - delta / 2).

    The mean is divided by the number of elements, weighted or not, as in PyTorch.

    Shapes: input and target are broadcast, with a warning; weight that of input.
    Raises RuntimeError for integers and a delta that is not positive, and ValueError for a weight of another shape.
    Source: Huber, Robust estimation of a location parameter, Annals of Statistics 53 (1964).

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.huber_loss(tg.tensor([1.0, 2.0]), tg.tensor([1.5, 4.0]), reduction="none")
    tensor([0.1250, 1.5000])
    """
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    check_pair("huber_loss", input, target, weight)
    loss = ops.huber(input - target, delta)
    return reduced(loss if weight is None else loss * weight, reduction)


class HuberLoss(_Loss):
    """d ** 2 / 2 where d = |input - target| < delta, else delta (d - delta / 2).

    Shapes: input and target are broadcast; result (), with reduction="none" their common shape.
    """

    function = staticmethod(huber_loss)

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction, delta=delta)


# --- rankings and embeddings ------------------------------------------------------------------------------------------


def margin_ranking_loss(input1: Any, input2: Any, target: Any, margin: float = 0, *, reduction: str = "mean") -> Any:
    """max(0, margin - target (input1 - input2)): a target of 1 wants the first one larger, -1 the second.

    Shapes: the inputs and target are broadcast; result (), with reduction="none" their common shape.
    Raises RuntimeError for operands with different numbers of axes.

    >>> import tinygrad_lite as tg
    >>> x, y = tg.tensor([2.0, 2.0]), tg.tensor([1.0, 1.0])
    >>> tg.nn.functional.margin_ranking_loss(x, y, tg.tensor([1, -1]), margin=0.5, reduction="none")
    tensor([0.0000, 1.5000])
    """
    if not len(input1.shape) == len(input2.shape) == len(target.shape):
        raise RuntimeError("margin_ranking_loss : All input tensors should have same dimension but got sizes: "
                           f"{input1.shape}, {input2.shape} and {target.shape}")
    return reduced(ops.clamp(margin - target * (input1 - input2), 0), reduction)


class MarginRankingLoss(_Loss):
    """max(0, margin - target (x1 - x2)), with targets 1 and -1.

    Shapes: the inputs and target are broadcast; result (), with reduction="none" their common shape.
    """

    function = staticmethod(margin_ranking_loss)

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(margin=margin, reduction=reduction)


def hinge_embedding_loss(input: Any, target: Any, margin: float = 1.0, *, reduction: str = "mean") -> Any:
    """The distance `input` where target is 1, and max(0, margin - input) where it is -1.

    Shapes: input and target are broadcast; result (), with reduction="none" their common shape.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.hinge_embedding_loss(tg.tensor([0.3, 0.3]), tg.tensor([1, -1]), reduction="none")
    tensor([0.3000, 0.7000])
    """
    near = ops.where(target == -1, 0.0, input)
    return reduced(near + ops.where(target == 1, 0.0, ops.clamp(margin - input, 0)), reduction)


class HingeEmbeddingLoss(_Loss):
    """The distance x where the target is 1, and max(0, margin - x) where it is -1.

    Shapes: input and target are broadcast; result (), with reduction="none" their common shape.
    """

    function = staticmethod(hinge_embedding_loss)

    def __init__(self, margin: float = 1.0, *, reduction: str = "mean") -> None:
        super().__init__(margin=margin, reduction=reduction)


def cosine_embedding_loss(input1: Any, input2: Any, target: Any, margin: float = 0, *, reduction: str = "mean") -> Any:
    """1 - c where target is 1, and max(0, c - margin) where it is -1, with c the cosine between the inputs.

    Shapes: inputs (N, D) and target (N,), or (D,) and ().
    Raises RuntimeError for others.

    >>> import tinygrad_lite as tg
    >>> x, y = tg.tensor([[1.0, 0.0], [1.0, 0.0]]), tg.tensor([[0.0, 1.0], [1.0, 1.0]])
    >>> tg.nn.functional.cosine_embedding_loss(x, y, tg.tensor([1, -1]), reduction="none")
    tensor([1.0000, 0.7071])
    """
    if len(target.shape) > 1 or not len(input1.shape) == len(input2.shape) == len(target.shape) + 1:
        raise RuntimeError(f"cosine_embedding_loss: {len(target.shape)}D target expects inputs of one axis more, "
                           f"found {input1.shape} and {input2.shape}")
    lengths = ((input1 * input1).sum(-1) + 1e-12) * ((input2 * input2).sum(-1) + 1e-12)
    cosine = (input1 * input2).sum(-1) / ops.sqrt(lengths)
    loss = ops.where(target == 1, 1 - cosine, 0.0) + ops.where(target == -1, ops.clamp(cosine - margin, 0), 0.0)
    return reduced(loss, reduction)


class CosineEmbeddingLoss(_Loss):
    """1 - c where the target is 1, and max(0, c - margin) where it is -1, with c the cosine between the inputs.

    Shapes: inputs (N, D), target (N,), or (D,) and (); result (), with reduction="none" that of target.
    """

    function = staticmethod(cosine_embedding_loss)

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(margin=margin, reduction=reduction)


def triplet_margin_loss(anchor: Any, positive: Any, negative: Any, margin: float = 1.0, p: float = 2, eps: float = 1e-6,
                        swap: bool = False, *, reduction: str = "mean") -> Any:
    """max(0, margin + |anchor - positive| - |anchor - negative|), in p-norms (`pairwise_distance`).

    With `swap` the negative's distance is that from the anchor or the positive, whichever is smaller.

    Shapes: all three (N, D) or (D,).
    Raises RuntimeError for different numbers of axes, ValueError for a margin that is not positive.

    >>> import tinygrad_lite as tg
    >>> anchor, near, far = tg.tensor([[0.0, 0.0]]), tg.tensor([[3.0, 4.0]]), tg.tensor([[0.0, 5.5]])
    >>> tg.nn.functional.triplet_margin_loss(anchor, near, far)
    tensor(0.5000)
    """
    if not len(anchor.shape) == len(positive.shape) == len(negative.shape):
        raise RuntimeError("The anchor, positive, and negative tensors are expected to have the same number of "
                           f"dimensions, but got: {anchor.shape}, {positive.shape} and {negative.shape}")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = ops.minimum(far, pairwise_distance(positive, negative, p, eps))
    return reduced(ops.clamp(margin + near - far, 0), reduction)


class TripletMarginLoss(_Loss):
    """max(0, margin + |anchor - positive| - |anchor - negative|).  See `functional.triplet_margin_loss`.

    Shapes: all three (N, D) or (D,); result (), with reduction="none" (N,) or ().
    """

    function = staticmethod(triplet_margin_loss)

    def __init__(self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False, *,
                 reduction: str = "mean") -> None:
        super().__init__(margin=margin, p=p, eps=eps, swap=swap, reduction=reduction)


def triplet_margin_with_distance_loss(anchor: Any, positive: Any, negative: Any, *, distance_function: Any = None,
                                      margin: float = 1.0, swap: bool = False, reduction: str = "mean") -> Any:
    """max(0, margin + d(anchor, positive) - d(anchor, negative)) with any distance d, `pairwise_distance` by default.

    With `swap` the negative's distance is that from the anchor or the positive, whichever is smaller.

    Shapes: all three such as the distance takes, (N, D) by default; result (), with reduction="none" that of a
    distance.
    Raises RuntimeError for different numbers of axes, ValueError for a margin that is not positive.

    >>> import tinygrad_lite as tg
    >>> anchor, near, far = tg.tensor([[0.0, 0.0]]), tg.tensor([[3.0, 4.0]]), tg.tensor([[0.0, 5.5]])
    >>> manhattan = lambda x, y: (x - y).abs().sum(-1)
    >>> tg.nn.functional.triplet_margin_with_distance_loss(anchor, near, far, distance_function=manhattan)
    tensor(2.5000)
    """
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not len(anchor.shape) == len(positive.shape) == len(negative.shape):
        raise RuntimeError("The anchor, positive, and negative tensors are expected to have the same number of "
                           f"dimensions, but got: {anchor.shape}, {positive.shape} and {negative.shape}")
    distance = distance_function or pairwise_distance
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = ops.minimum(far, distance(positive, negative))
    return reduced(ops.clamp(margin + near - far, 0), reduction)


class TripletMarginWithDistanceLoss(_Loss):
    """max(0, margin + d(anchor, positive) - d(anchor, negative)) with any distance d.

    Shapes: all three such as the distance takes, (N, D) by default; result (), with reduction="none" that of a
    distance.
    """

    function = staticmethod(triplet_margin_with_distance_loss)

    def __init__(self, *, distance_function: Any = None, margin: float = 1.0, swap: bool = False,
                 reduction: str = "mean") -> None:
        super().__init__(distance_function=distance_function, margin=margin, swap=swap, reduction=reduction)
