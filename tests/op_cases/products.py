"""Products."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .drawing import Arguments, Array, Maker, case


def matmul(input: Array, other: Array) -> Array:
    """Rows times columns, elementwise, and summed."""
    rows = input[None] if input.ndim == 1 else input
    columns = other[:, None] if other.ndim == 1 else other
    full: Array = (rows[..., :, :, None] * columns[..., None, :, :]).sum(-2)
    full = full[..., 0] if other.ndim == 1 else full
    if input.ndim > 1:
        return full
    return np.asarray(full[0] if other.ndim == 1 else full[..., 0, :])


@case("matmul", oracle=matmul)
def _(make: Maker) -> Arguments:
    n, k, m = (make.choose(2, 3, 1, 0) for _ in range(3))
    batch = make.shape(0, 2)
    left, right = make.choose("matrix", "batch", "vector"), make.choose("matrix", "batch", "vector")
    shapes = {"matrix": ((n, k), (k, m)), "vector": ((k,), (k,))}
    return {"input": make.numbers(shapes[left][0] if left in shapes else (*make.narrower(batch), n, k)),
            "other": make.numbers(shapes[right][1] if right in shapes else (*make.narrower(batch), k, m))}  # fmt: skip


def contract(operands: Sequence[Array], equation: str) -> Array:
    """The sum over all values of all letters, one product at a time."""
    left, _, right = equation.partition("->")
    terms = left.split(",")
    sizes = {c: n for term, x in zip(terms, operands, strict=True) for c, n in zip(term, x.shape, strict=True)}
    result = np.zeros([sizes[c] for c in right])
    for values in np.ndindex(*sizes.values()):
        at = dict(zip(sizes, values, strict=True))
        factors = (x[tuple(at[c] for c in term)] for term, x in zip(terms, operands, strict=True))
        result[tuple(at[c] for c in right)] += math.prod(factors)
    return result


@case("contract", oracle=contract)
def _(make: Maker) -> Arguments:
    equation = make.choose("ij,jk->ik", "ij,jk->ki", "bij,bjk->bik", "i,i->", "i,j->ij", "ij,ij->ji",
                           "ij,j->", "bil,blkj->kbij", "ij,ij,j->i", "i,i,i->i", "ijk,k->ji", "ij,kl->jk", ",i->i",
                           "i,->")  # fmt: skip
    sizes = {letter: make.choose(2, 3, 1) for letter in "bijkl"}
    terms = equation.partition("->")[0].split(",")
    return {"operands": [make.numbers(tuple(sizes[c] for c in term)) for term in terms], "equation": equation}


def linear(input: Array, weight: Array, bias: Array | None) -> Array:
    """One product of a row and a row of the weight for each output."""
    y: Array = ((input[..., None, :] if weight.ndim > 1 else input) * weight).sum(-1)
    return y if bias is None else y + bias


@case("linear", oracle=linear)
def _(make: Maker) -> Arguments:
    features, out = make.choose(2, 3, 1), make.choose(3, 1, 2)
    weight, bias = make.choose(((out, features), (out,)), ((out, features), None), ((features,), None))
    return {"input": make.numbers((*make.shape(0, 2), features)), "weight": make.numbers(weight),
            "bias": None if bias is None else make.numbers(bias)}  # fmt: skip
