"""Arithmetic, functions, selection, comparisons."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .drawing import Arguments, Maker, broadcast, case, positionally


@case("neg", "abs", "sign", "exp", "exp2", "expm1", "sin", "cos", "atan", "sinh", "cosh", "tanh", "asinh")
@case("erf", oracle=positionally(np.vectorize(math.erf, otypes=[float])))
def _(make: Maker) -> Arguments:
    return {"input": make.numbers(make.shape())}


@case("sigmoid", oracle=lambda input: 1 / (1 + np.exp(-input)))
@case("relu", oracle=lambda input: input * (input > 0))
@case("clone", oracle=lambda input: input)
def _(make: Maker) -> Arguments:
    return {"input": make.numbers(make.shape())}


@case("log", "log2", "log10", "sqrt", "reciprocal")
@case("rsqrt", oracle=lambda input: input**-0.5)
def _(make: Maker) -> Arguments:
    return {"input": make.numbers(make.shape(), positive=True)}


@case("log1p")
def _(make: Maker) -> Arguments:
    return {"input": make.numbers(make.shape(), positive=True) - 0.9}


@case("tan", "asin", "acos", "atanh")
def _(make: Maker) -> Arguments:
    return {"input": 0.4 * make.numbers(make.shape())}


@case("acosh")
def _(make: Maker) -> Arguments:
    return {"input": 1 + make.numbers(make.shape(), positive=True)}


@case("floor", "ceil", "trunc")
def _(make: Maker) -> Arguments:
    return {"input": 2 * make.numbers(make.shape()) + 0.0005}


@case("round", oracle=lambda input, decimals: np.rint(input * 10.0**decimals) / 10.0**decimals)
def _(make: Maker) -> Arguments:
    return {"input": 2 * make.numbers(make.shape()) + 0.0005, "decimals": make.choose(0, 1, 2, -1)}


@case("remainder", oracle=lambda input, other: input - other * np.floor(input / other))
@case("fmod", oracle=lambda input, other: input - other * np.trunc(input / other))
@case("floor_divide", oracle=lambda input, other: np.floor(input / other))
def _(make: Maker) -> Arguments:
    drawn = broadcast(make, "input", "other", positive="other")
    number = 0.01 if isinstance(drawn["input"], float) else 0.0  # no multiple of 1.25 and 2
    return {"input": drawn["input"] + number, "other": drawn["other"] * make.choose(1.003, -1.003)}


@case("hypot", "logaddexp")
@case("atan2", oracle=lambda input, other: np.angle(other + 1j * np.asarray(input)))
@case("add", "sub", "mul", "maximum", "minimum")
def _(make: Maker) -> Arguments:
    return broadcast(make, "input", "other")


@case("xlogy", oracle=lambda input, other: input * np.log(other))
def _(make: Maker) -> Arguments:
    return broadcast(make, "input", "other", positive="input other")


@case("nan_to_num", oracle=lambda input, nan, posinf, neginf: input)  # others: tests/compare
def _(make: Maker) -> Arguments:
    input = make.numbers(make.shape())
    numbers: dict[str, Any] = {"nan": make.choose(0.0, 1.5), "posinf": make.choose(None, 2.5),
                               "neginf": make.choose(None, -2.5)}  # fmt: skip
    return {"input": input, **numbers}


@case("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor")
def _(make: Maker) -> Arguments:
    drawn = broadcast(make, "input", "other")  # rounded, so that some are equal
    return {n: np.round(x) if isinstance(x, np.ndarray) else round(x) for n, x in drawn.items()}


@case("logical_not")
@case("signbit", oracle=lambda input: np.copysign(1, input) < 0)
@case("positive", oracle=lambda input: np.round(input) > 0)
def _(make: Maker) -> Arguments:
    return {"input": np.round(make.numbers(make.shape()))}


@case("same", oracle=positionally(lambda a, b: np.isclose(a, b, rtol=0, atol=0, equal_nan=True)))
def _(make: Maker) -> Arguments:
    drawn = broadcast(make, "input", "other")
    return {n: np.where(np.round(x) == 1, np.nan, np.round(x)) for n, x in drawn.items()}


@case("isfinite", "isinf")
def _(make: Maker) -> Arguments:
    input = np.round(make.numbers(make.shape()))
    with np.errstate(divide="ignore", invalid="ignore"):
        return {"input": np.asarray(input / (input * (input > 0)))}


@case("isclose")
def _(make: Maker) -> Arguments:
    drawn = broadcast(make, "input", "other")
    rounded = {n: np.round(x) + 1e-3 * x for n, x in drawn.items()}
    return {**rounded, "rtol": make.choose(0.0, 1e-3), "atol": make.choose(1e-8, 2e-3), "equal_nan": False}


@case("argwhere", oracle=lambda input: np.reshape(np.array([i for i in np.ndindex(input.shape) if input[i]], np.int64),
                                                  (-1, input.ndim)))
def _(make: Maker) -> Arguments:
    return {"input": np.round(make.numbers(make.shape(least=1)))}


@case("bitwise_left_shift", oracle=lambda input, other: input * 2**other)
@case("bitwise_right_shift", oracle=lambda input, other: np.floor(input / 2**other).astype(int))
def _(make: Maker) -> Arguments:
    shape = make.shape()
    return {"input": make.integers(-20, 20, make.narrower(shape)), "other": make.integers(0, 5, make.narrower(shape))}


@case("bitwise_and", "bitwise_or", "bitwise_xor")
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


@case("masked", oracle=lambda input, mask: input * mask)
def _(make: Maker) -> Arguments:
    shape = make.shape()
    return {"input": make.numbers(shape), "mask": make.booleans(make.narrower(shape))}


@case("where", oracle=lambda condition, input, other: input * condition + other * ~condition)
def _(make: Maker) -> Arguments:
    drawn = broadcast(make, "input", "other")
    shape = np.broadcast_shapes(*(np.shape(x) for x in drawn.values()))
    return {"condition": make.booleans(make.narrower(shape)), **drawn}
