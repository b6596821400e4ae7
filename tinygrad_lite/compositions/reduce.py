"""Compositions that reduce."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import graph, ops
from ..call import wrap
from ..graph import Array


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
