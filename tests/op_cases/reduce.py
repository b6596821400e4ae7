"""Sums, means, extrema."""

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
        result = np.zeros(groups.shape[:-1], np.asarray(function(np.ones(1))).dtype)
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
