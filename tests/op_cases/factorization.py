"""Functions of square matrices."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .drawing import Arguments, Array, Maker, Shape, case


def regular(make: Maker, *, symmetric: bool = False) -> Array:
    """Matrices far from singular."""
    n, batch = make.choose(2, 3, 1), make.shape(0, 1)
    A = make.numbers((*batch, n, n)) / 4 + np.eye(n) * make.choose(2.0, 1.5)
    return np.asarray(A @ np.swapaxes(A, -1, -2) if symmetric else A)


def determinant(A: Array) -> float:
    """Leibniz: over all permutations, the products of elements with the sign of the permutation."""
    n = len(A)
    signs = ((-1) ** sum(p[i] > p[j] for i in range(n) for j in range(i + 1, n)) for p in permutations(n))
    return math.fsum(s * math.prod(A[i, p[i]] for i in range(n)) for s, p in zip(signs, permutations(n), strict=True))


def permutations(n: int) -> list[tuple[int, ...]]:
    return list(itertools.permutations(range(n)))


def minor(A: Array, i: int, j: int) -> Array:
    return np.delete(np.delete(A, i, 0), j, 1)


def inverse(A: Array) -> Array:
    """Cramer's rule: cofactors over the determinant."""
    n = len(A)
    cofactors = [[(-1) ** (i + j) * determinant(minor(A, j, i)) for j in range(n)] for i in range(n)]
    return np.array(cofactors) / determinant(A)


def of_each(function: Callable[[Array], Any], shape: Callable[[Shape], Shape]) -> Callable[..., Array]:
    """An oracle that computes one matrix after another."""

    def oracle(A: Array) -> Array:
        result = np.zeros(shape(A.shape))
        for place in np.ndindex(A.shape[:-2]):
            result[place] = function(A[place])
        return result

    return oracle


@case("inv", oracle=of_each(inverse, lambda shape: shape))
@case("cofactors", oracle=of_each(lambda A: determinant(A) * inverse(A).T, lambda shape: shape))
@case("det", oracle=of_each(determinant, lambda shape: shape[:-2]))
@case("logabsdet", oracle=of_each(lambda A: math.log(abs(determinant(A))), lambda shape: shape[:-2]))
@case("sign_of_det", oracle=of_each(lambda A: math.copysign(1, determinant(A)), lambda shape: shape[:-2]))
def _(make: Maker) -> Arguments:
    return {"A": regular(make)}


@case("solve_matrix", oracle=lambda A, B: of_each(inverse, lambda shape: shape)(A) @ B)
def _(make: Maker) -> Arguments:
    A = regular(make)
    return {"A": A, "B": make.numbers((*make.choose((), A.shape[:-2]), A.shape[-1], make.choose(1, 2)))}


def cholesky(A: Array) -> Array:
    """Column by column."""
    L = np.zeros(A.shape)
    for j in range(len(A)):
        for i in range(j, len(A)):
            rest = A[i, j] - L[i, :j] @ L[j, :j]
            L[i, j] = math.sqrt(rest) if i == j else rest / L[j, j]
    return L


@case("cholesky_factor", oracle=of_each(cholesky, lambda shape: shape))
def _(make: Maker) -> Arguments:
    return {"A": regular(make, symmetric=True)}
