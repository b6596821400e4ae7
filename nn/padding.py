"""Padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops


def pad(input: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Any:
    """`input` with `value` (0) added around it; `pad` counts from the last axis: (left, right, top, bottom, ...).

    Raises NotImplementedError for a mode other than "constant" and ValueError for an odd count of widths.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.pad(tg.ones(1, 2), (1, 1))
    tensor([[0., 1., 1., 0.]])
    """
    if mode != "constant":
        raise NotImplementedError(f"pad: mode {mode!r} is not supported, only 'constant' is")
    return ops.pad(input, tuple(pad), 0.0 if value is None else value)
