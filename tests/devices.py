"""The array libraries that tests run on beside NumPy: the strict stand-in for CuPy, and CuPy where it finds a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests import strict_cupy
from tinygrad_lite.engine import backend

STRICT = backend.register("strict", strict_cupy)
DEVICES = [STRICT, backend.named("cuda")] if backend.cuda_is_available() else [STRICT]

LAYOUTS = ("C", "F", "reversed", "strided")
"""How the elements of an operand lie in memory."""


def arrange(array: Any, layout: str) -> Any:
    """A copy of `array`, on whatever device, that lies in memory in another way."""
    if layout == "C" or not array.ndim:
        return array.copy()
    if layout == "F":
        return array.T.copy().T
    if layout == "reversed":
        backwards = (slice(None, None, -1),) * array.ndim
        return array[backwards].copy()[backwards]
    roomy = np.zeros(tuple(2 * n for n in array.shape), array.dtype, like=array)
    spread = roomy[(slice(None, None, 2),) * array.ndim]
    spread[...] = array
    return spread


def place(value: Any, device: backend.Backend = backend.numpy, layout: str = "C") -> Any:
    """An argument on a device: arrays, and those in a list; anything else is returned as it is."""
    if isinstance(value, list):
        return [place(v, device, layout) for v in value]
    if isinstance(value, np.ndarray):
        return arrange(backend.transfer(value, device), layout)
    return value
