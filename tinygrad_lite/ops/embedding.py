"""Tables: rows picked by number."""

from __future__ import annotations

import numpy as np

from ..graph import Array
from ..operation import op
from .indexing import ARRAY, index_backward
from .logic import ne
from .shape import reshape


@op(tex=r"{weight}[{input}]", promotion="none")
def embedding(weight: Array, input: Array, padding_idx: int | None = None) -> Array:
    """The rows of `weight` whose numbers `input` holds; the one at `padding_idx` gets no gradient.

    Shapes: weight (V, D), input (*); result (*, D).
    Raises RuntimeError for a weight with other axes or numbers that are no integers, IndexError for a row out of range.
    """
    if weight.ndim != 2:
        raise RuntimeError(f"'weight' must be 2-D, got shape {weight.shape}")
    if input.dtype.kind not in "iu":
        raise RuntimeError(f"embedding: the row numbers must be integers, got {input.dtype}")
    if input.size and not (input.min() >= 0 and input.max() < len(weight)):  # NumPy counts from the end, CuPy wraps
        raise IndexError(f"index out of range in self: rows 0 to {len(weight) - 1}, got {input.min()} to {input.max()}")
    return np.take(weight, input, 0)


@embedding.vjp("weight")
def _(g, input, weight_shape, padding_idx):
    if padding_idx is not None:
        g = g * reshape(ne(input, padding_idx), (*input.shape, 1))
    return index_backward(g, [input], weight_shape, (ARRAY,))
