"""Compositions of products."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ops
from ..graph import Array


def mm(input: Array, mat2: Array) -> Any:
    """The product of two matrices.

    Raises RuntimeError for operands that are none.
    """
    if len(input.shape) != 2 or len(mat2.shape) != 2:
        raise RuntimeError(f"mm: both operands must be matrices, got shapes {input.shape} and {mat2.shape}")
    return ops.matmul(input, mat2)


def dot(input: Array, tensor: Array) -> Any:
    """The dot product of two vectors.

    Raises RuntimeError for operands that are none, or of different lengths.
    """
    if len(input.shape) != 1 or input.shape != tensor.shape:
        raise RuntimeError(f"dot: expected two vectors of one length, got shapes {input.shape} and {tensor.shape}")
    return ops.matmul(input, tensor)


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
