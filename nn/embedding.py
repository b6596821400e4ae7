"""Tables: one-hot rows."""

from __future__ import annotations

from typing import Any

from .. import dtypes, graph
from ..ops.loss import one_hot_along


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
