"""Arithmetic, functions, selection, comparisons."""

from __future__ import annotations

from typing import Any

import numpy as np

from .drawing import Arguments, Maker, broadcast, case, positionally


@case("neg", "abs", "sign", "exp", "sin", "cos", "tanh")
def _(make: Maker) -> Arguments:
    return {"input": make.numbers(make.shape())}


@case("sigmoid", oracle=lambda input: 1 / (1 + np.exp(-input)))
@case("relu", oracle=lambda input: input * (input > 0))
@case("clone", oracle=lambda input: input)
def _(make: Maker) -> Arguments:
    return {"input": make.numbers(make.shape())}


@case("log", "sqrt")
def _(make: Maker) -> Arguments:
    return {"input": make.numbers(make.shape(), positive=True)}


@case("add", "sub", "mul", "maximum", "minimum")
def _(make: Maker) -> Arguments:
    return broadcast(make, "input", "other")


@case("eq", "ne", "lt", "le", "gt", "ge")
def _(make: Maker) -> Arguments:
    drawn = broadcast(make, "input", "other")  # rounded, so that some are equal
    return {n: np.round(x) if isinstance(x, np.ndarray) else round(x) for n, x in drawn.items()}


@case("positive", oracle=lambda input: np.round(input) > 0)
def _(make: Maker) -> Arguments:
    return {"input": np.round(make.numbers(make.shape()))}


@case("same", oracle=positionally(lambda a, b: np.isclose(a, b, rtol=0, atol=0, equal_nan=True)))
def _(make: Maker) -> Arguments:
    drawn = broadcast(make, "input", "other")
    return {n: np.where(np.round(x) == 1, np.nan, np.round(x)) for n, x in drawn.items()}


@case("bitwise_and", "bitwise_or")
def _(make: Maker) -> Arguments:
    shape, logical = make.shape(), make.choose(True, False)
    draw = make.booleans if logical else lambda shape: make.integers(0, 16, shape)
    return {"input": draw(make.narrower(shape)), "other": draw(make.narrower(shape))}


@case("bitwise_not")
def _(make: Maker) -> Arguments:
    return {"input": make.booleans(make.shape()) if make.choose(True, False) else make.integers(0, 16, make.shape())}


@case("div")
def _(make: Maker) -> Arguments:
    drawn = broadcast(make, "input", "other", positive="other")
    return drawn | {"other": drawn["other"] * make.choose(1, -1)}


@case("pow", oracle=lambda input, exponent: np.power(np.asarray(input, float), exponent))
def _(make: Maker) -> Arguments:
    if make.choose(True, False):  # a negative base has whole powers only, and no derivative with respect to them
        if make.choose(True, False):  # away from 0, where float16 would overflow
            return {"input": make.numbers(make.shape(), positive=True) * make.choose(1, -1),
                    "exponent": make.choose(-1, -2.0)}  # fmt: skip
        return {"input": make.numbers(make.shape()), "exponent": make.choose(0, 1, 2, 3, 2.0)}
    return broadcast(make, "input", "exponent", positive="input")


@case("clamp")
def _(make: Maker) -> Arguments:
    shape = make.shape()
    bounds = make.choose("both", "crossed", "numbers", "min", "max")
    low: Any = make.numbers(make.narrower(shape)) - 0.5
    high: Any = make.numbers(make.narrower(shape)) + 0.503
    if bounds == "numbers":
        low, high = make.choose(-0.703, None), 0.803
    return {"input": 2 * make.numbers(shape) + 0.0005, "min": None if bounds == "max" else low,
            "max": None if bounds == "min" else high - 4 if bounds == "crossed" else high}  # fmt: skip


@case("where", oracle=lambda condition, input, other: input * condition + other * ~condition)
def _(make: Maker) -> Arguments:
    drawn = broadcast(make, "input", "other")
    shape = np.broadcast_shapes(*(np.shape(x) for x in drawn.values()))
    return {"condition": make.booleans(make.narrower(shape)), **drawn}
