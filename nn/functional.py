"""What layers compute, as functions of Tensors: `torch.nn.functional` in its names and arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import dtypes, graph, ops
from .. import inplace as in_place
from .._tensor import Tensor
from ..ops import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    linear,
    log_softmax,
    mse_loss,
    sigmoid,
    softmax,
    tanh,
)
from ..ops.fused import one_hot_along
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
