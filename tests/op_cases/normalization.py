"""Normalization."""

from __future__ import annotations

from typing import Any

import numpy as np

from .drawing import Arguments, Array, Maker, case


def several_dims(make: Maker, ndim: int) -> tuple[int, ...]:
    """One axis or more, counted from either end."""
    chosen = make.choose((0,), (-1,), (ndim - 1, 0), tuple(range(ndim)), (-2, -1) if ndim > 1 else (0,))
    return tuple(dict.fromkeys(chosen)) if ndim > 1 else (0,)


@case("sum_of_products",
      oracle=lambda input, other, dim: np.sum(input * (1 if other is None else other), dim, keepdims=True))
def _(make: Maker) -> Arguments:
    shape = make.shape(1, 3)
    other = make.choose(None, make.numbers(shape))
    return {"input": make.numbers(shape), "other": other, "dim": several_dims(make, len(shape))}


def moments(input: Array, dim: tuple[int, ...]) -> Array:
    """Mean and variance, over no elements 0."""
    if not input.size:
        return np.zeros((2, *np.sum(input, dim, keepdims=True).shape))
    return np.stack([np.mean(input, dim, keepdims=True), np.var(input, dim, keepdims=True)])


@case("moments", oracle=moments)
def _(make: Maker) -> Arguments:
    shape = make.shape(1, 3)
    return {"input": make.numbers(shape), "dim": several_dims(make, len(shape))}


def standardize(input: Array, weight: Any, bias: Any, moments: Any, dim: Any, eps: float, centre: bool) -> Array:
    """Minus the mean, divided by the deviation, times weight, plus bias."""
    mean = np.mean(input, dim, keepdims=True) if centre else 0.0
    normal = (input - mean) / np.sqrt(np.mean((input - mean) ** 2, dim, keepdims=True) + eps)
    return np.asarray(normal * (1 if weight is None else weight) + (0 if bias is None else bias))


@case("standardize", oracle=standardize)
def _(make: Maker) -> Arguments:
    shape = make.shape(1, 3, empty=False)
    weight, bias = (make.choose(None, make.numbers(make.narrower(shape))) for _ in range(2))
    return {"input": make.numbers(shape), "weight": weight, "bias": bias, "moments": None,
            "dim": several_dims(make, len(shape)), "eps": make.choose(0.1, 0.5),
            "centre": make.choose(True, False)}  # fmt: skip
