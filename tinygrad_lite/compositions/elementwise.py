"""Elementwise compositions."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..graph import Array


def isnan(input: Array) -> Any:
    """Where `input` is nan."""
    return ops.ne(input, input)


def square(input: Array) -> Any:
    """input ** 2."""
    return ops.pow(input, 2)


def masked_fill(input: Array, mask: Array, value: Any) -> Any:
    """`value` where `mask` holds, else `input`.

    Raises RuntimeError for a value that the dtype of `input` cannot hold.
    """
    result = ops.where(mask, value, input)
    if result.dtype != input.dtype:
        raise RuntimeError(f"masked_fill: a tensor of dtype {input.dtype} cannot hold {value!r}")
    return result
