"""Sums, products, means, variances, norms, extrema, order."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .drawing import Arguments, Array, Maker, case


def reducing(function: Callable[..., Any]) -> Callable[..., Any]:
    """The oracle of a reduction: `function` of each group of elements that is reduced to one."""

    def oracle(input: Array, dim: Any, keepdim: bool) -> Any:
        dims = range(input.ndim) if dim is None or dim in ((), []) else [dim] if isinstance(dim, int) else dim
        axes = sorted(d % input.ndim for d in dims if input.ndim)
        kept = [i for i in range(input.ndim) if i not in axes]
        count = math.prod(input.shape[i] for i in axes)
        groups = np.transpose(input, (*kept, *axes)).reshape(*(input.shape[i] for i in kept), count)
        result = np.zeros(groups.shape[:-1], np.asarray(function(np.arange(3.0))).dtype)
        for place in np.ndindex(result.shape):
            result[place] = function(groups[place])
        return np.expand_dims(result, tuple(axes)) if keepdim else result

    return oracle


@case("sum", oracle=reducing(math.fsum))
def _(make: Maker) -> Arguments:
    shape = make.shape()
    return {"input": make.numbers(shape), "dim": make.dims(len(shape)), "keepdim": make.keepdim()}


@case("mean", oracle=reducing(lambda v: math.fsum(v) / len(v)))
@case("amax", oracle=reducing(max))
@case("amin", oracle=reducing(min))
@case("logsumexp", oracle=reducing(lambda v: math.log(sum(math.exp(x) for x in v))))
def _(make: Maker) -> Arguments:
    shape = make.shape(empty=False)
    return {"input": make.numbers(shape), "dim": make.dims(len(shape)), "keepdim": make.keepdim()}


@case("argmax", oracle=reducing(lambda v: v.tolist().index(max(v))))
@case("argmin", oracle=reducing(lambda v: v.tolist().index(min(v))))
def _(make: Maker) -> Arguments:
    shape = make.shape(empty=False)
    dim = make.choose(None, make.dim(len(shape)))
    return {"input": np.round(make.numbers(shape)), "dim": dim, "keepdim": make.keepdim()}  # some are equal


@case("prod", oracle=reducing(math.prod))
def _(make: Maker) -> Arguments:
    shape = make.shape(most=2)
    zeros = make.booleans(shape) & make.booleans(shape)
    dim = make.choose(None, make.dim(len(shape)))
    return {"input": np.where(zeros, 0.0, make.numbers(shape)), "dim": dim, "keepdim": make.keepdim()}


@case("cumsum", oracle=lambda input, dim: np.cumsum(input, dim if input.ndim else None).reshape(input.shape))
def _(make: Maker) -> Arguments:
    shape = make.shape()
    return {"input": make.numbers(shape), "dim": make.dim(len(shape))}


def variance(input: Array, dim: Any, correction: float, keepdim: bool) -> Any:
    return reducing(lambda v: np.sum((v - np.mean(v)) ** 2) / (len(v) - correction))(input, dim, keepdim)


@case("var", oracle=variance)
@case("std", oracle=lambda **arguments: np.sqrt(variance(**arguments)))
def _(make: Maker) -> Arguments:
    shape = make.shape(least=1, empty=False)
    dim = make.dims(len(shape))
    several = all(n > 1 for n in shape)  # of one element there is no deviation to differentiate
    return {"input": make.numbers(shape if several else (*shape, 2, 3)[-3:]), "dim": dim if several else None,
            "correction": make.choose(0, 1, 0.5), "keepdim": make.keepdim()}  # fmt: skip


@case("vector_norm", oracle=lambda input, p, dim, keepdim: reducing(
    lambda v: math.fsum(abs(v) ** p) ** (1 / p))(input, dim, keepdim))
def _(make: Maker) -> Arguments:
    shape = make.shape(empty=False)
    input = make.numbers(shape, positive=True) * make.choose(1, -1)
    return {"input": input, "p": make.choose(2, 3.0, 1.5, 0.5), "dim": make.dims(len(shape)), "keepdim": make.keepdim()}


@case("argsort", oracle=lambda input, dim, descending, stable: np.argsort(
    np.atleast_1d(-input if descending else input), dim).reshape(input.shape))
def _(make: Maker) -> Arguments:
    shape = make.shape()
    return {"input": make.numbers(shape), "dim": make.dim(len(shape)), "descending": make.choose(True, False),
            "stable": make.choose(True, False)}  # fmt: skip


@case("argtopk", oracle=lambda input, k, dim, largest: np.take(
    np.argsort(-input if largest else input, dim), range(k), dim) if input.ndim else 0)
def _(make: Maker) -> Arguments:
    shape = make.shape()
    dim = make.dim(len(shape))
    k = make.choose(*range((shape[dim] if shape else 1) + 1))
    return {"input": make.numbers(shape), "k": k, "dim": dim, "largest": make.choose(True, False)}


@case("median", oracle=lambda input: sorted(input.reshape(-1).tolist())[(input.size - 1) // 2])
def _(make: Maker) -> Arguments:
    return {"input": make.numbers(make.shape(empty=False))}


@case("unique", oracle=lambda input: np.array(sorted({*input.reshape(-1).tolist()})))
def _(make: Maker) -> Arguments:
    return {"input": np.round(make.numbers(make.shape()))}


def counted(input: Array, weights: Array | None, minlength: int) -> Array:
    numbers = range(max(minlength, int(input.max(initial=-1)) + 1))
    return np.array([np.sum((input == i) * (1 if weights is None else weights)) for i in numbers],
                    np.int64 if weights is None else float)  # fmt: skip


@case("bincount", oracle=counted)
def _(make: Maker) -> Arguments:
    shape = make.shape(least=1, most=1)
    return {"input": make.integers(0, 5, shape), "weights": make.choose(None, make.numbers(shape)),
            "minlength": make.choose(0, 3, 9)}  # fmt: skip
