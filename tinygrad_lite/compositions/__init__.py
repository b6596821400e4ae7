"""Functions of Tensors that are compositions of ops: what PyTorch has beside its primitives.

The modules are those of `ops/`, and `inspection`.
"""

from .elementwise import isnan, masked_fill, square
from .inspection import allclose, equal, is_tensor, numel
from .linalg import dot, einsum, mm
from .reduce import all, any, max, min
from .shape import chunk, flatten, split, squeeze, stack, unbind, unsqueeze

__all__ = [
    "all",
    "allclose",
    "any",
    "chunk",
    "dot",
    "einsum",
    "equal",
    "flatten",
    "is_tensor",
    "isnan",
    "masked_fill",
    "max",
    "min",
    "mm",
    "numel",
    "split",
    "square",
    "squeeze",
    "stack",
    "unbind",
    "unsqueeze",
]
