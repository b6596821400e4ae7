"""Functions of Tensors that are compositions of ops: what PyTorch has beside its primitives."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from . import graph, ops
from .call import wrap
from .graph import Array


class Extremum(NamedTuple):
    """What max and min along a dim return."""

    values: Any
    indices: Any


def max(input: Array, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element of all; along `dim` the pair (values, indices); with a Tensor as `dim`, `maximum`.

    Along `dim` the gradient goes to the element at the index; over all elements, ties share it evenly.

    >>> import tinygrad_lite as tg
    >>> tg.max(tg.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1).indices
    tensor([1, 0])
    """
    if dim is None:
        return ops.amax(input)
    if isinstance(dim, graph.Tensor):
        return ops.maximum(input, dim)
    return _along(input, ops.argmax(input, dim, True), dim, keepdim)


def min(input: Array, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element of all; along `dim` the pair (values, indices); with a Tensor as `dim`, `minimum`."""
    if dim is None:
        return ops.amin(input)
    if isinstance(dim, graph.Tensor):
        return ops.minimum(input, dim)
    return _along(input, ops.argmin(input, dim, True), dim, keepdim)


def _along(input: Array, indices: Array, dim: int, keepdim: bool) -> Extremum:
    """The elements at `indices`, the result of argmax or argmin with keepdim, and the indices."""
    if not input.shape:
        return Extremum(ops.clone(input), indices)
    values = ops.gather(input, dim, indices)
    if not keepdim:  # no Views: nobody else holds the memory that they would be views of
        values, indices = (wrap(x.array, x.node) for x in (values.squeeze(dim), indices.squeeze(dim)))
    return Extremum(values, indices)


def stack(tensors: Sequence[Array], dim: int = 0) -> Any:
    """Arrays of one shape joined along a new axis."""
    tensors = list(tensors)
    if len({tuple(t.shape) for t in tensors}) > 1:
        raise RuntimeError(f"stack expects each tensor to be equal size, got {[tuple(t.shape) for t in tensors]}")
    return ops.cat([t.unsqueeze(dim) for t in tensors], dim)


def einsum(equation: str, *operands: Any) -> Any:
    """Einstein's summation: products over shared letters, summed over those that the result does not name.

    The equation is NumPy's and PyTorch's: "ij,jk->ik", "ii" (a trace), "...ij,...jk" (batches).
    Raises ValueError for an equation that does not fit the operands.

    >>> import tinygrad_lite as tg
    >>> a = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> tg.einsum("ij,ij->", a, a)
    tensor(30.)
    """
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    equation, taken = explicit_equation(equation, operands)
    return ops.contract(taken, equation)


def explicit_equation(equation: str, operands: Sequence[Any]) -> tuple[str, list[Any]]:
    """The equation with a result, without ellipsis and without a letter twice in an operand (a diagonal is taken)."""
    left, arrow, result = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"einsum: the equation {equation!r} has {len(terms)} operands, got {len(operands)}")
    spare = [c for c in "ZYXWVUTSRQPONMLKJIHGFEDCBAzyxwvutsrqponmlkjihgfedcba" if c not in equation]
    unnamed = [len(x.shape) - len(t.replace("...", "")) for t, x in zip(terms, operands, strict=True) if "..." in t]
    most = builtins.max(unnamed, default=0)
    dots = "".join(spare[:most])
    terms = [t.replace("...", dots[len(dots) - len(x.shape) + len(t.replace("...", "")) :] if "..." in t else "")
             for t, x in zip(terms, operands, strict=True)]
    if arrow:
        result = result.replace("...", dots)
    else:
        letters = "".join(terms)
        result = dots + "".join(sorted(c for c in {*letters} if letters.count(c) == 1 and c not in dots))
    taken = []
    for i, (term, x) in enumerate(zip(terms, operands, strict=True)):
        if len(term) != len(x.shape):
            raise ValueError(f"einsum: operand {i} has {len(x.shape)} axes, but {equation!r} names {len(term)}")
        while repeated := [c for c in term if term.count(c) > 1]:
            c = repeated[0]
            first, second = term.index(c), term.rindex(c)
            if x.shape[first] != x.shape[second]:
                sizes = f"{x.shape[first]} and {x.shape[second]}"
                raise ValueError(f"einsum: axes named {c!r} of operand {i} have sizes {sizes}")
            others = [a for a in range(len(term)) if a not in (first, second)]
            diagonal = np.arange(x.shape[first])
            x = ops.permute(x, (first, second, *others))[diagonal, diagonal]
            term = c + "".join(term[a] for a in others)
        terms[i] = term
        taken.append(x)
    return f"{','.join(terms)}->{result}", taken

