"""Activation functions."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

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


@case("leaky_relu", oracle=lambda input, negative_slope: np.where(input > 0, input, negative_slope * input))
def _(make: Maker) -> Arguments:
    return {"input": make.numbers(make.shape()), "negative_slope": make.choose(0.01, 0.3, 1.5, -0.2, 0.0)}


def elu(input: Array, alpha: float, scale: float, input_scale: float) -> Array:
    """A line, and left of 0 an exponential curve."""
    return scale * np.where(input > 0, input, alpha * (np.exp(input_scale * input) - 1))


@case("elu", oracle=elu)
def _(make: Maker) -> Arguments:
    alpha, scale, input_scale = make.choose((1.0, 1.0, 1.0), (1.7, 1.1, 1.0), (2.0, 1.0, 0.5), (-0.5, 1.0, 1.0))
    return {"input": make.numbers(make.shape()), "alpha": alpha, "scale": scale, "input_scale": input_scale}


@case("silu", oracle=lambda input: input / (1 + np.exp(-input)))
def _(make: Maker) -> Arguments:
    return {"input": make.numbers(make.shape())}


def softplus(input: Array, beta: float, threshold: float) -> Array:
    """log(1 + e ** (beta * input)) / beta, a line above the threshold."""
    return np.where(beta * input > threshold, input, np.log(1 + np.exp(beta * input)) / beta)


@case("softplus", oracle=softplus)
def _(make: Maker) -> Arguments:
    return {"input": make.numbers(make.shape()), "beta": make.choose(1.0, 2.5, 0.5), "threshold": make.choose(20, 0.7)}


@case("hardtanh", oracle=lambda input, min_val, max_val: np.minimum(np.maximum(input, min_val), max_val))
def _(make: Maker) -> Arguments:
    low, high = make.choose((-1.0, 1.0), (0.0, 1.7))
    return {"input": make.numbers(make.shape()), "min_val": low, "max_val": high}


def gelu(input: Array, approximate: str) -> Any:
    """input times the distribution function of the normal distribution, or an approximation of that."""
    if approximate == "tanh":
        return 0.5 * input * (1 + np.tanh(np.sqrt(2 / np.pi) * (input + 0.044715 * input**3)))
    return input * np.vectorize(NormalDist().cdf, otypes=[float])(input)


@case("gelu", oracle=gelu)
def _(make: Maker) -> Arguments:
    return {"input": make.numbers(make.shape()), "approximate": make.choose("none", "tanh")}
