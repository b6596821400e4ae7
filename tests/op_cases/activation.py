"""Activation functions."""

from __future__ import annotations

import numpy as np

from .drawing import Arguments, Array, Maker, case


def softmax(input: Array, dim: int) -> Array:
    """The definition: e to the input over its sum."""
    e = np.exp(input)
    return np.asarray(e / (e.sum(dim, keepdims=True) if input.ndim else e))


@case("softmax", oracle=softmax)
@case("log_softmax", oracle=lambda input, dim: np.log(softmax(input, dim)))
def _(make: Maker) -> Arguments:
    shape = make.shape(empty=False)
    return {"input": make.numbers(shape), "dim": make.dim(len(shape))}
