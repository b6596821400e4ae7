"""Questions about Tensors, answered in Python: none of these is recorded."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine import graph
from ..engine.graph import mode


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a Tensor."""
    return isinstance(obj, graph.Tensor)


def is_floating_point(input: graph.Tensor) -> bool:
    """Whether the dtype is floating."""
    return bool(input.array.dtype.kind == "f")


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
