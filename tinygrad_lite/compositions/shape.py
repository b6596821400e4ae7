"""Compositions that move elements without computing."""

from __future__ import annotations

import builtins
import itertools
import math
from collections.abc import Sequence
from typing import Any

from .. import ops
from ..graph import Array


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
