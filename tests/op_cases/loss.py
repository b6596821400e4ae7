"""Losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from .activation import softmax
from .drawing import Arguments, Array, Maker, case


def reduced(loss: Any, reduction: str) -> Any:
    """A loss per example as `reduction` wants it."""
    return loss if reduction == "none" else np.sum(loss) if reduction == "sum" else np.sum(loss) / np.size(loss)


def one_hot_along(target: Array, num_classes: int, dim: int) -> Array:
    """Rows of the identity, their axis moved to `dim`."""
    return np.moveaxis(np.eye(num_classes, dtype=bool)[target], -1, dim)


@case("one_hot_along", oracle=one_hot_along)
def _(make: Maker) -> Arguments:
    shape = make.shape()
    return {"target": make.integers(0, 3, shape), "num_classes": 3, "dim": make.dim(len(shape) + 1)}


def cross_entropy(input: Array, target: Array, reduction: str) -> Any:
    """-sum(target * log softmax(input)), where a class index means a 1 at that class."""
    dim = 1 if input.ndim > 1 else 0
    if target.dtype.kind == "i":
        target = one_hot_along(target, input.shape[dim], dim)
    return reduced(-(target * np.log(softmax(input, dim))).sum(dim), reduction)


@case("cross_entropy", oracle=cross_entropy)
def _(make: Maker) -> Arguments:
    batch, classes, rest = make.choose((2,), (3,), (1,), ()), make.choose(3, 2, 1), make.shape(0, 1, empty=False)
    shape = (*batch, classes, *(rest if batch else ()))
    examples = (*batch, *(rest if batch else ()))
    target = make.choose(make.integers(0, classes, examples), make.numbers(shape, positive=True))
    return {"input": make.numbers(shape), "target": target, "reduction": make.choose("mean", "sum", "none")}


def binary_cross_entropy_with_logits(input: Any, target: Any, reduction: str) -> Any:
    """The definition, with s = sigmoid(input)."""
    s = 1 / (1 + np.exp(-input))
    return reduced(-(target * np.log(s) + (1 - target) * np.log(1 - s)), reduction)


@case("binary_cross_entropy_with_logits", oracle=binary_cross_entropy_with_logits)
def _(make: Maker) -> Arguments:
    shape = make.shape(empty=False)
    return {"input": make.numbers(shape), "target": make.numbers(shape, positive=True) / 3,
            "reduction": make.choose("mean", "sum", "none")}  # fmt: skip


@case("mse_loss", oracle=lambda input, target, reduction: reduced((input - target) ** 2, reduction))
def _(make: Maker) -> Arguments:
    shape = make.shape(empty=False)
    return {"input": make.numbers(make.narrower(shape)), "target": make.numbers(make.narrower(shape)),
            "reduction": make.choose("mean", "sum", "none")}  # fmt: skip


def binary_cross_entropy(input: Any, target: Any, reduction: str) -> Any:
    """The definition, for probabilities that are neither 0 nor 1."""
    return reduced(-(target * np.log(input) + (1 - target) * np.log(1 - input)), reduction)


@case("binary_cross_entropy", oracle=binary_cross_entropy)
def _(make: Maker) -> Arguments:
    shape = make.shape(empty=False)
    return {"input": make.numbers(shape, positive=True) / 3, "target": make.numbers(shape, positive=True) / 3,
            "reduction": make.choose("mean", "sum", "none")}  # fmt: skip


def huber(input: Any, delta: float) -> Any:
    """The definition."""
    return np.where(np.abs(input) < delta, input**2 / 2, delta * (np.abs(input) - delta / 2))


@case("huber", oracle=huber)
def _(make: Maker) -> Arguments:
    return {"input": make.numbers(make.shape()), "delta": make.choose(1.0, 0.5)}
