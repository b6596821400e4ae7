"""Compositions that move elements without computing."""

from __future__ import annotations

import builtins
import itertools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import ops
from ..engine import graph
from ..engine.graph import Array
from ..ops.indexing import ARRAY
from ..ops.shape import along


def sizes_of(given: tuple[Any, ...], named: Any = None) -> Any:
    """Numbers that are given one by one, as one sequence, or by name.

    Raises TypeError if there are both.
    """
    if named is not None:
        if given:
            raise TypeError("the numbers were given both one by one and by name")
        return named
    return given[0] if len(given) == 1 and not isinstance(given[0], int) and hasattr(given[0], "__iter__") else given


def axis_of(input: Array, dim: int) -> int:
    """The axis that `dim` names, counted from the front; a 0-d array has one, as in PyTorch.

    Raises IndexError for an axis that there is not.
    """
    ndim = builtins.max(len(input.shape), 1)
    if not -ndim <= dim < ndim:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})")
    return dim % ndim


def flatten(input: Array, start_dim: int = 0, end_dim: int = -1) -> Any:
    """The axes from `start_dim` to `end_dim` as one; `input` itself if that is one axis already."""
    start, end = axis_of(input, start_dim), axis_of(input, end_dim)
    if not input.shape:
        return ops.reshape(input, (1,))
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
    """Arrays of one shape joined along a new axis.

    Shapes: k arrays of shape s; result s with a new axis of size k at `dim`.
    Raises RuntimeError for shapes that differ.

    >>> import tinygrad_lite as tg
    >>> tg.stack([tg.tensor([1, 2]), tg.tensor([3, 4])], dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
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
    return tuple(ops.getitem(tensor, along(axis, slice(end - size, end)))
                 for end, size in zip(ends, sizes, strict=True))


def chunk(input: Array, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """Views of `input` along `dim`, at most `chunks` of them, all but the last of one size."""
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input.shape[dim]
    return split(input, -(-n // chunks) if n else [0] * chunks, dim)


def unbind(input: Array, dim: int = 0) -> tuple[Any, ...]:
    """Views of `input` at each index of `dim`, without that axis."""
    return tuple(ops.getitem(input, along(dim, i)) for i in range(input.shape[dim]))


def ravel(input: Array) -> Any:
    """All elements along one axis; a view where they lie in memory in order, else a copy."""
    in_order = (input.array if isinstance(input, graph.Tensor) else input).flags.c_contiguous
    return ops.reshape(input if in_order else ops.clone(input), (-1,))


def unflatten(input: Array, dim: int, sizes: Sequence[int]) -> Any:
    """An axis as several, the inverse of `flatten`; one of the sizes may be -1.

    Raises RuntimeError or ValueError for sizes that do not make up the axis, IndexError for an axis that there is not.

    >>> import tinygrad_lite as tg
    >>> tg.unflatten(tg.zeros(6, 5), 0, (2, -1)).shape
    (2, 3, 5)
    """
    axis = axis_of(input, dim)
    if not input.shape:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    size, sizes = input.shape[axis], tuple(sizes)
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    if -1 in sizes:
        known = -math.prod(sizes)
        sizes = tuple(size // known if n == -1 and known > 0 else n for n in sizes)
    if math.prod(sizes) != size:
        raise RuntimeError(f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {axis} "
                           f"({size}) in the input tensor")
    return ops.reshape(input, (*input.shape[:axis], *sizes, *input.shape[axis + 1 :]))


def movedim(input: Array, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """With some axes at other places, and the others in their order; a view.

    Raises RuntimeError for an axis or a place that is given twice, or for more axes than places.
    """
    sources, places = ([axis_of(input, d) for d in ([x] if isinstance(x, int) else x)] for x in (source, destination))
    if len({*sources}) < len(sources) or len({*places}) < len(places) or len(sources) != len(places):
        raise RuntimeError(f"movedim: source {source} and destination {destination} must name as many different axes")
    order = iter(d for d in range(len(input.shape)) if d not in sources)
    goes_to = dict(zip(places, sources, strict=True))
    return ops.permute(input, tuple(goes_to[d] if d in goes_to else next(order) for d in range(len(input.shape))))


moveaxis = movedim


def swapaxes(input: Array, axis0: int, axis1: int) -> Any:
    """`transpose` by another name."""
    return ops.transpose(input, axis0, axis1)


def swapdims(input: Array, dim0: int, dim1: int) -> Any:
    """`transpose` by another name."""
    return ops.transpose(input, dim0, dim1)


def t(input: Array) -> Any:
    """The transpose of a matrix; a view.  Of a vector or a number: itself.

    Raises RuntimeError for more than two axes.
    """
    if len(input.shape) > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {len(input.shape)}D")
    return ops.reshape(input, input.shape) if len(input.shape) < 2 else ops.transpose(input, 0, 1)


def broadcast_to(input: Array, size: Sequence[int]) -> Any:
    """Broadcast to a shape, without copying; -1 keeps a size."""
    return ops.expand(input, tuple(size))


def broadcast_tensors(*tensors: Array) -> tuple[Any, ...]:
    """All in the shape that they broadcast to; views.

    Raises ValueError for shapes that do not fit.

    >>> import tinygrad_lite as tg
    >>> [tuple(x.shape) for x in tg.broadcast_tensors(tg.ones(3), tg.ones(2, 1))]
    [(2, 3), (2, 3)]
    """
    tensors = _opened(tensors)
    shape = np.broadcast_shapes(*(x.shape for x in tensors))
    return tuple(ops.expand(x, shape) for x in tensors)


def flip(input: Array, *axes: Any, dims: Any = None) -> Any:
    """`input` with the order of its elements reversed along `dims`, given one by one or as one tuple; a copy.

    >>> import tinygrad_lite as tg
    >>> tg.flip(tg.arange(6).reshape(2, 3), dims=(1,))
    tensor([[2, 1, 0],
            [5, 4, 3]])
    """
    return ops.flip(input, sizes_of(axes, dims))


def fliplr(input: Array) -> Any:
    """The columns of a matrix in reverse order, `flip` along axis 1.

    Raises RuntimeError for fewer than two axes.
    """
    if len(input.shape) < 2:
        raise RuntimeError("fliplr: Input must be >= 2-d.")
    return ops.flip(input, 1)


def flipud(input: Array) -> Any:
    """The rows of a matrix in reverse order, `flip` along axis 0.

    Raises RuntimeError for a number.
    """
    if not input.shape:
        raise RuntimeError("flipud: Input must be >= 1-d.")
    return ops.flip(input, 0)


def rot90(input: Array, k: int = 1, dims: Sequence[int] = (0, 1)) -> Any:
    """Turned by 90 degrees, `k` times, from the first of two axes towards the second; a copy.

    Raises RuntimeError unless `dims` are two different axes.
    """
    if len(dims) != 2 or axis_of(input, dims[0]) == axis_of(input, dims[1]):
        raise RuntimeError(f"rot90: expected two different axes, got {tuple(dims)}")
    if k % 2 == 0:
        return ops.flip(input, tuple(dims)) if k % 4 else ops.clone(input)
    return ops.transpose(ops.flip(input, dims[1 if k % 4 == 1 else 0]), *dims)


def repeat(input: Array, *sizes: Any, repeats: Any = None) -> Any:
    """`input` side by side with itself, so many times along each axis; more numbers than axes make new ones in front.

    Raises RuntimeError for fewer numbers than axes, or a negative one.

    >>> import tinygrad_lite as tg
    >>> tg.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    times = tuple(sizes_of(sizes, repeats))
    new = len(times) - len(input.shape)
    if new < 0 or builtins.min(times, default=0) < 0:
        raise RuntimeError(f"repeat: expected a number >= 0 for each of {len(input.shape)} axes, got {times}")
    shape = (1,) * new + tuple(input.shape)
    between = ops.reshape(input, [n for size in shape for n in (1, size)])  # each axis beside a new one
    wide = ops.expand(between, [n for pair in zip(times, shape, strict=True) for n in pair])
    copied = ops.reshape(wide, [r * n for r, n in zip(times, shape, strict=True)])
    return copied if builtins.any(r != 1 for r in times) else ops.clone(copied)


def tile(input: Array, *sizes: Any, dims: Any = None) -> Any:
    """`repeat`, where missing numbers are 1 in front."""
    times = tuple(sizes_of(sizes, dims))
    return repeat(input, (1,) * (len(input.shape) - len(times)) + times)


def repeat_interleave(input: Array, repeats: Any = None, dim: int | None = None, *,
                      output_size: int | None = None) -> Any:
    """Each element (or, along `dim`, each slice) `repeats` times; a tensor of repeats has one number for each.

    Without `dim` the elements of the flattened input.  `repeat_interleave(repeats)` alone repeats 0, 1, 2, ...
    Raises RuntimeError for repeats that are negative or not as many as there are slices.

    >>> import tinygrad_lite as tg
    >>> tg.repeat_interleave(tg.tensor([7, 8]), tg.tensor([1, 2]))
    tensor([7, 8, 8])
    """
    if repeats is None:
        return ops.repeated_indices(input)
    if dim is None:
        input, dim = ravel(input), 0
    axis = axis_of(input, dim)
    x = input if input.shape else ops.reshape(input, (1,))
    n = x.shape[axis]
    if hasattr(repeats, "shape"):
        each = ops.expand(repeats, (n,)) if repeats.shape in ((), (1,)) else repeats
        if each.shape != (n,):
            raise RuntimeError(f"repeats must have the same size as input along dim, got {repeats.shape} for {n}")
        return ops.index(x, [ops.repeated_indices(each)], (slice(None),) * axis + (ARRAY,))
    if repeats < 0:
        raise RuntimeError(f"repeats can not be negative, got {repeats}")
    apart = unsqueeze(x, axis + 1)
    wide = ops.expand(apart, (*x.shape[: axis + 1], repeats, *x.shape[axis + 1 :]))
    result = ops.reshape(wide, (*x.shape[:axis], n * repeats, *x.shape[axis + 1 :]))
    return ops.clone(result) if repeats == 1 else result


def atleast_1d(*tensors: Array) -> Any:
    """With at least one axis: a number becomes a vector of one element.  Of several: a tuple."""
    return _each(tensors, lambda x: x if x.shape else ops.reshape(x, (1,)))


def atleast_2d(*tensors: Array) -> Any:
    """With at least two axes: a vector becomes a row.  Of several: a tuple."""
    return _each(tensors, lambda x: x if len(x.shape) > 1 else ops.reshape(x, (1, -1)))


def atleast_3d(*tensors: Array) -> Any:
    """With at least three axes: a vector of n becomes (1, n, 1), a matrix (n, m, 1).  Of several: a tuple."""
    return _each(tensors, lambda x: x if len(x.shape) > 2 else
                 ops.reshape(x, (*x.shape, 1) if len(x.shape) == 2 else (1, -1, 1)))


def _opened(tensors: tuple[Any, ...]) -> tuple[Any, ...]:
    """Tensors that are given one by one, or as one sequence."""
    return tuple(tensors[0]) if len(tensors) == 1 and not hasattr(tensors[0], "shape") else tensors


def _each(tensors: tuple[Any, ...], function: Callable[[Array], Any]) -> Any:
    """`function` of the only tensor, or the tuple of it of each."""
    made = tuple(map(function, _opened(tensors)))
    return made[0] if len(tensors) == 1 and hasattr(tensors[0], "shape") else made


def hstack(tensors: Sequence[Array]) -> Any:
    """Joined side by side: along axis 1, vectors along axis 0.

    >>> import tinygrad_lite as tg
    >>> tg.hstack([tg.ones(2, 1), tg.zeros(2, 2)])
    tensor([[1., 0., 0.],
            [1., 0., 0.]])
    """
    tensors = atleast_1d(tensors)
    return ops.cat(tensors, 0 if tensors and len(tensors[0].shape) == 1 else 1)


def vstack(tensors: Sequence[Array]) -> Any:
    """Joined one below the other, along axis 0; vectors are rows.

    >>> import tinygrad_lite as tg
    >>> tg.vstack([tg.tensor([1, 2]), tg.tensor([[3, 4], [5, 6]])])
    tensor([[1, 2],
            [3, 4],
            [5, 6]])
    """
    return ops.cat(atleast_2d(tensors), 0)


def dstack(tensors: Sequence[Array]) -> Any:
    """Joined one behind the other, along axis 2; see `atleast_3d`.

    >>> import tinygrad_lite as tg
    >>> tg.dstack([tg.tensor([1, 2]), tg.tensor([3, 4])])
    tensor([[[1, 3],
             [2, 4]]])
    """
    return ops.cat(atleast_3d(tensors), 2)


def column_stack(tensors: Sequence[Array]) -> Any:
    """Joined side by side, along axis 1; vectors are columns.

    >>> import tinygrad_lite as tg
    >>> tg.column_stack([tg.tensor([1, 2]), tg.tensor([3, 4])])
    tensor([[1, 3],
            [2, 4]])
    """
    return ops.cat([x if len(x.shape) > 1 else ops.reshape(x, (-1, 1)) for x in tensors], 1)


concat = ops.cat


def concatenate(tensors: Sequence[Array], axis: int = 0, *, dim: int | None = None) -> Any:
    """`cat` by another name."""
    return ops.cat(tensors, axis if dim is None else dim)


def tensor_split(input: Array, indices_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Views of `input` along `dim`: so many, of sizes that differ by at most 1, or cut at the given indices.

    Raises RuntimeError for a number that is not positive, or an input without axes.

    >>> import tinygrad_lite as tg
    >>> [x.tolist() for x in tg.tensor_split(tg.arange(5), 2)]
    [[0, 1, 2], [3, 4]]
    >>> [x.tolist() for x in tg.tensor_split(tg.arange(5), (1, 4))]
    [[0], [1, 2, 3], [4]]
    """
    if not input.shape:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    axis = axis_of(input, dim)
    n, cuts = input.shape[axis], indices_or_sections
    if hasattr(cuts, "tolist"):
        cuts = cuts.tolist()
    if isinstance(cuts, int):
        if cuts <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {cuts}")
        cuts = [i * (n // cuts) + builtins.min(i, n % cuts) for i in range(1, cuts)]
    ends = zip([0, *cuts], [*cuts, n], strict=True)
    return tuple(ops.getitem(input, along(axis, slice(start, end))) for start, end in ends)


def narrow(input: Array, dim: int, start: Any, length: int) -> Any:
    """The `length` slices of an axis from `start` on; a view.

    Raises IndexError for a start and RuntimeError for a length that are not within the axis.
    """
    axis, start = axis_of(input, dim), operator.index(start)
    n = input.shape[axis] if input.shape else 0
    if not input.shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if not -n <= start <= n:
        raise IndexError(f"narrow: start {start} is not within the {n} of axis {dim}")
    start += n if start < 0 else 0
    if length < 0 or start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n})")
    return ops.getitem(input, along(axis, slice(start, start + length)))


def select(input: Array, dim: int, index: Any) -> Any:
    """The slice at one index of an axis, without that axis; a view.

    Raises IndexError for an index or an axis that there is not.
    """
    if not input.shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    return ops.getitem(input, along(axis_of(input, dim), operator.index(index)))


def diag(input: Array, diagonal: int = 0) -> Any:
    """A matrix with a vector on its diagonal; or of a matrix its diagonal, as a copy.

    Raises RuntimeError for an input that is neither.

    >>> import tinygrad_lite as tg
    >>> tg.diag(tg.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    if len(input.shape) == 1:
        return diag_embed(input, diagonal)
    if len(input.shape) != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {len(input.shape)}D")
    return ops.clone(ops.diagonal(input, diagonal))


def diag_embed(input: Array, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Matrices along `dim1` and `dim2` with the last axis of `input` on their diagonals, 0 elsewhere."""
    axes = range(len(input.shape) + 1)
    if axes[dim1] == axes[dim2]:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    n = input.shape[-1] + builtins.abs(offset)
    shape = list(input.shape[:-1])
    for d in sorted((axes[dim1], axes[dim2])):
        shape.insert(d, n)
    return ops.diagonal_backward(input, tuple(shape), offset, axes[dim1], axes[dim2])


def trace(input: Array) -> Any:
    """The sum of the diagonal of a matrix.

    Raises RuntimeError for an input that is none.
    """
    if len(input.shape) != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with {len(input.shape)} dims")
    return ops.sum(ops.diagonal(input))


def meshgrid(*tensors: Array, indexing: str = "ij") -> tuple[Any, ...]:
    """The coordinates of all points of a grid, from those along each axis; views.

    Shapes: vectors of n_0, n_1, ...; each result (n_0, n_1, ...), with `indexing="xy"` (n_1, n_0, ...).
    Raises RuntimeError for operands that are no vectors or numbers, or another indexing.

    >>> import tinygrad_lite as tg
    >>> rows, columns = tg.meshgrid(tg.arange(2), tg.arange(3))
    >>> rows
    tensor([[0, 0, 0],
            [1, 1, 1]])
    >>> columns
    tensor([[0, 1, 2],
            [0, 1, 2]])
    """
    tensors = _opened(tensors)
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    if not tensors or builtins.any(len(x.shape) > 1 for x in tensors):
        raise RuntimeError(f"meshgrid: expected vectors, got shapes {[tuple(x.shape) for x in tensors]}")
    vectors = [*map(atleast_1d, tensors)]
    shape = tuple(x.shape[0] for x in vectors)
    grids = [ops.expand(ops.reshape(x, (-1,) + (1,) * (len(shape) - 1 - i)), shape) for i, x in enumerate(vectors)]
    return tuple(ops.transpose(x, 0, 1) for x in grids) if indexing == "xy" and len(shape) > 1 else tuple(grids)


def hsplit(input: Array, indices_or_sections: Any) -> tuple[Any, ...]:
    """`tensor_split` along axis 1, or along the only axis of a vector.

    Raises RuntimeError for an input without axes, or sections that are not of equal size.
    """
    return _split_evenly("hsplit", input, indices_or_sections, 0 if len(input.shape) == 1 else 1, 1)


def vsplit(input: Array, indices_or_sections: Any) -> tuple[Any, ...]:
    """`tensor_split` along axis 0.

    Raises RuntimeError for fewer than two axes, or sections that are not of equal size.
    """
    return _split_evenly("vsplit", input, indices_or_sections, 0, 2)


def dsplit(input: Array, indices_or_sections: Any) -> tuple[Any, ...]:
    """`tensor_split` along axis 2.

    Raises RuntimeError for fewer than three axes, or sections that are not of equal size.
    """
    return _split_evenly("dsplit", input, indices_or_sections, 2, 3)


def _split_evenly(name: str, input: Array, indices_or_sections: Any, dim: int, least: int) -> tuple[Any, ...]:
    if len(input.shape) < least:
        raise RuntimeError(f"torch.{name} requires a tensor with at least {least} dimensions, got {len(input.shape)}")
    if isinstance(indices_or_sections, int) and (indices_or_sections < 1 or input.shape[dim] % indices_or_sections):
        raise RuntimeError(f"{name}: {input.shape[dim]} along axis {dim} cannot be divided by {indices_or_sections}")
    return tensor_split(input, indices_or_sections, dim)


def block_diag(*tensors: Array) -> Any:
    """A matrix with matrices along its diagonal, and zeros elsewhere; a vector is one row.

    Raises RuntimeError for more than two axes.

    >>> import tinygrad_lite as tg
    >>> tg.block_diag(tg.tensor([[1, 2]]), tg.tensor([[3]]))
    tensor([[1, 2, 0],
            [0, 0, 3]])
    """
    if builtins.any(len(x.shape) > 2 for x in tensors):
        raise RuntimeError("torch.block_diag: Input tensors must have 2 or fewer dimensions.")
    blocks = [atleast_2d(x) for x in tensors]
    width, before, rows = builtins.sum(x.shape[1] for x in blocks), 0, []
    for x in blocks:
        rows.append(ops.pad(x, (before, width - before - x.shape[1])))
        before += x.shape[1]
    return ops.cat(rows, 0)


def cartesian_prod(*tensors: Array) -> Any:
    """All combinations of one element of each vector, as rows; of one vector alone the vector.

    >>> import tinygrad_lite as tg
    >>> tg.cartesian_prod(tg.tensor([1, 2]), tg.tensor([3, 4])).tolist()
    [[1, 3], [1, 4], [2, 3], [2, 4]]
    """
    if builtins.any(len(x.shape) != 1 for x in tensors):
        raise RuntimeError("Expect a 1D vector")
    if len(tensors) == 1:
        return tensors[0]
    return stack([ravel(x) for x in meshgrid(*tensors)], 1)


def combinations(input: Array, r: int = 2, with_replacement: bool = False) -> Any:
    """All combinations of `r` elements of a vector, in order, as rows.

    Raises RuntimeError for an input that is no vector, or a negative `r`.

    >>> import tinygrad_lite as tg
    >>> tg.combinations(tg.tensor([1, 2, 3])).tolist()
    [[1, 2], [1, 3], [2, 3]]
    """
    if len(input.shape) != 1 or r < 0:
        raise RuntimeError(f"Expect a 1D vector and a non-negative number, got {tuple(input.shape)} and {r}")
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = np.array([*choose(range(input.shape[0]), r)], np.int64)
    rows = ops.index(input, [places.reshape(-1)], (ARRAY,))
    return ops.reshape(rows, (len(places), r) if r else (0,))


def diagflat(input: Array, offset: int = 0) -> Any:
    """A matrix with all elements on a diagonal."""
    return diag(ravel(input), offset)


def reshape_as(input: Array, other: Array) -> Any:
    """`reshape` to the shape of another tensor."""
    return ops.reshape(input, tuple(other.shape))
