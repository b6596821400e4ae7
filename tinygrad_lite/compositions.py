"""Functions of Tensors that are compositions of ops: what PyTorch has beside its primitives."""

from __future__ import annotations

import builtins
import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from . import graph, ops
from .call import wrap
from .graph import Array, mode


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


def any(input: Array, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether any element along `dim` is nonzero."""
    nonzero = ops.ne(input, 0)
    return ops.amax(nonzero, dim, keepdim) if 0 not in input.shape else ops.ne(ops.sum(nonzero, dim, keepdim), 0)


def all(input: Array, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether all elements along `dim` are nonzero."""
    zero = ops.eq(input, 0)
    return ops.eq(ops.amax(zero, dim, keepdim) if 0 not in input.shape else ops.sum(zero, dim, keepdim), 0)


def isnan(input: Array) -> Any:
    """Where `input` is nan."""
    return ops.ne(input, input)


def square(input: Array) -> Any:
    """input ** 2."""
    return ops.pow(input, 2)


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


def masked_fill(input: Array, mask: Array, value: Any) -> Any:
    """`value` where `mask` holds, else `input`.

    Raises RuntimeError for a value that the dtype of `input` cannot hold.
    """
    result = ops.where(mask, value, input)
    if result.dtype != input.dtype:
        raise RuntimeError(f"masked_fill: a tensor of dtype {input.dtype} cannot hold {value!r}")
    return result


def flatten(input: Array, start_dim: int = 0, end_dim: int = -1) -> Any:
    """The axes from `start_dim` to `end_dim` as one; `input` itself if that is one axis already."""
    if not input.shape:
        return ops.reshape(input, (1,))
    start, end = (range(len(input.shape))[d] for d in (start_dim, end_dim))
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if start == end:
        return input
    size = math.prod(input.shape[start : end + 1])
    return ops.reshape(input, (*input.shape[:start], size, *input.shape[end + 1 :]))


def squeeze(input: Array, dim: Any = None) -> Any:
    """Without the axes of size 1, or without those of `dim` (an axis or several) whose size is 1.

    Raises IndexError for a `dim` that there is not, RuntimeError for one that is given twice.
    """
    axes = range(builtins.max(len(input.shape), 1))
    dims = [*axes] if dim is None else [axes[d] for d in (dim if isinstance(dim, (tuple, list)) else [dim])]
    if len({*dims}) < len(dims):
        raise RuntimeError(f"squeeze: an axis appears multiple times in dim={dim}")
    return ops.reshape(input, [n for i, n in enumerate(input.shape) if n != 1 or i not in dims])


def unsqueeze(input: Array, dim: int) -> Any:
    """With a new axis of size 1 at `dim`."""
    axis = range(len(input.shape) + 1)[dim]
    return ops.reshape(input, [*input.shape[:axis], 1, *input.shape[axis:]])


def stack(tensors: Sequence[Array], dim: int = 0) -> Any:
    """Arrays of one shape joined along a new axis."""
    tensors = list(tensors)
    if len({tuple(t.shape) for t in tensors}) > 1:
        raise RuntimeError(f"stack expects each tensor to be equal size, got {[tuple(t.shape) for t in tensors]}")
    return ops.cat([unsqueeze(t, dim) for t in tensors], dim)


def split(tensor: Array, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Any, ...]:
    """Views of `tensor` along `dim`: of one size (the last may be smaller), or of the given sizes.

    Raises RuntimeError for sizes that do not add up.
    """
    axis = range(len(tensor.shape))[dim]
    n, sizes = tensor.shape[axis], split_size_or_sections
    if isinstance(sizes, int):
        if sizes <= 0:
            raise RuntimeError(f"split: the size must be positive, got {sizes}")
        sizes = [builtins.min(sizes, n - start) for start in range(0, n or 1, sizes)]
    if builtins.sum(sizes) != n or builtins.min(sizes, default=0) < 0:
        raise RuntimeError(f"split: sizes {list(sizes)} do not add up to the {n} of axis {dim}")
    ends = [*itertools.accumulate(sizes)]
    before = (slice(None),) * axis
    return tuple(ops.getitem(tensor, (*before, slice(end - size, end), Ellipsis))
                 for end, size in zip(ends, sizes, strict=True))


def chunk(input: Array, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """Views of `input` along `dim`, at most `chunks` of them, all but the last of one size."""
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input.shape[dim]
    return split(input, -(-n // chunks) if n else [0] * chunks, dim)


def unbind(input: Array, dim: int = 0) -> tuple[Any, ...]:
    """Views of `input` at each index of `dim`, without that axis."""
    before = (slice(None),) * range(len(input.shape))[dim]
    return tuple(ops.getitem(input, (*before, i, Ellipsis)) for i in range(input.shape[dim]))


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a Tensor."""
    return isinstance(obj, graph.Tensor)


def numel(input: graph.Tensor) -> int:
    """The number of elements."""
    return input.array.size  # type: ignore[no-any-return]


def equal(input: graph.Tensor, other: graph.Tensor) -> bool:
    """Whether two tensors have the same shape and elements."""
    _read(input, other, "equal()")
    return bool(np.array_equal(input.array, other.array))


def allclose(input: graph.Tensor, other: graph.Tensor, rtol: float = 1e-5, atol: float = 1e-8,
             equal_nan: bool = False) -> bool:
    """Whether |input - other| <= atol + rtol * |other| everywhere; nan equals nan only with `equal_nan`."""
    _read(input, other, "allclose()")
    return bool(np.allclose(input.array, other.array, rtol, atol, equal_nan))


def _read(input: graph.Tensor, other: graph.Tensor, how: str) -> None:
    for x in (input, other):
        if not isinstance(x, graph.Tensor):
            raise TypeError(f"{how}: expected Tensors, got {type(x).__name__}")
        if mode.state.__class__ is not bool:
            mode.state.reads(x, how)


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

