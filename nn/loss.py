"""Losses as modules; `reduction` is "mean", "sum" or "none"."""

from __future__ import annotations

from typing import Any

from .. import ops
from .module import Module


class _Loss(Module):
    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction


class CrossEntropyLoss(_Loss):
    """-log softmax(input)[target], or with probabilities -sum(target * log softmax(input)).

    Shapes: input (N, C, ...) or (C,); target class indices (N, ...) or probabilities of the shape of input.
    The mean is over the examples.

    >>> import tinygrad_lite as tg
    >>> tg.nn.CrossEntropyLoss()(tg.zeros(2, 10), tg.tensor([3, 7]))
    tensor(2.3026)
    """

    def forward(self, input: Any, target: Any) -> Any:
        """The loss of scores `input` against `target`."""
        return ops.cross_entropy(input, target, self.reduction)


class BCEWithLogitsLoss(_Loss):
    """-(t log s + (1 - t) log(1 - s)) with s = sigmoid(input) and t = target, of one shape."""

    def forward(self, input: Any, target: Any) -> Any:
        """The loss of scores `input` against `target`."""
        return ops.binary_cross_entropy_with_logits(input, target, self.reduction)


class MSELoss(_Loss):
    """(input - target) ** 2."""

    def forward(self, input: Any, target: Any) -> Any:
        """The loss of `input` against `target`."""
        return ops.mse_loss(input, target, self.reduction)
