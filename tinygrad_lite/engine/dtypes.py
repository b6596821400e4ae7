"""dtypes and PyTorch's promotion of them.

NumPy and PyTorch agree as long as all operands have one floating dtype.  Elsewhere they differ, and PyTorch's rules are
ours: `float32 * int64`, `int / int` and `sqrt(int)` are float32 (NumPy: float64), and neither a Python number nor a 0-d
tensor widens an array of the same category (bool < integer < float).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np

DType: TypeAlias = np.dtype[Any]

float16, float32, float64 = np.dtype("float16"), np.dtype("float32"), np.dtype("float64")
int8, int16, int32, int64 = np.dtype("int8"), np.dtype("int16"), np.dtype("int32"), np.dtype("int64")
uint8, bool_ = np.dtype("uint8"), np.dtype("bool")
half, float_, double = float16, float32, float64
short, int_, long = int16, int32, int64

_default = float32
_CATEGORY = {"b": 0, "i": 1, "u": 1, "f": 2}


def get_default_dtype() -> DType:
    """The dtype of tensors made from Python floats, and of integers where a float is needed (float32 at first)."""
    return _default


def set_default_dtype(dtype: Any) -> None:
    """Set the default floating dtype of the whole process.

    Raises TypeError for a dtype that is not floating.
    """
    global _default
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        raise TypeError(f"set_default_dtype: expected a floating dtype, got {dtype}")
    _default = dtype


def check_floating(name: str, input: Any) -> None:
    """Raise RuntimeError, which names the function, for an array of integers or bool."""
    if input.dtype.kind != "f":
        raise RuntimeError(f"{name}: the input dtype must be floating, got {input.dtype}; use .float() first")


def promote_types(first: DType, second: DType) -> DType:
    """The smallest dtype that holds both; a float and an integer give the float."""
    a, b = _CATEGORY[first.kind], _CATEGORY[second.kind]
    if a != b and 2 in (a, b):
        return first if a == 2 else second
    return np.promote_types(first, second)


def _combine(higher: DType | None, lower: DType | None) -> DType | None:
    """`higher` decides unless `lower` is of a higher category."""
    if higher is None or lower is None:
        return lower if higher is None else higher
    return higher if _CATEGORY[higher.kind] >= _CATEGORY[lower.kind] else promote_types(higher, lower)


def result_type(operands: Iterable[Any]) -> DType:
    """The dtype in which an arithmetic op on these arrays and Python numbers computes, as `torch.result_type`."""
    arrays: DType | None = None
    scalars: DType | None = None
    numbers: DType | None = None
    for x in operands:
        if isinstance(x, bool):
            numbers = promote_types(numbers, bool_) if numbers else bool_
        elif isinstance(x, int):
            numbers = promote_types(numbers, int64) if numbers else int64
        elif isinstance(x, float):
            numbers = promote_types(numbers, _default) if numbers else _default
        elif x.ndim:
            arrays = promote_types(arrays, x.dtype) if arrays else x.dtype
        else:
            scalars = promote_types(scalars, x.dtype) if scalars else x.dtype
    result = _combine(arrays, _combine(scalars, numbers))
    assert result is not None
    return result


class finfo:
    """The limits of a floating dtype (the default one, if none is given) as Python numbers.

    `max` and `min`, the largest number and its negative; `eps`, the distance from 1 to the next number; `tiny` (or
    `smallest_normal`); `resolution`; `bits`; and `dtype`, its name.

    Raises TypeError for a dtype that is not floating.

    >>> import tinygrad_lite as tg
    >>> tg.finfo(tg.float64).eps
    2.220446049250313e-16
    """

    def __init__(self, type: Any = None) -> None:
        dtype = np.dtype(_default if type is None else type)
        if dtype.kind != "f":
            raise TypeError(f"finfo: expected a floating dtype, got {dtype}; use iinfo for integers")
        limits = np.finfo(dtype)
        self.bits, self.dtype = int(limits.bits), dtype.name
        self.min, self.max, self.eps = float(limits.min), float(limits.max), float(limits.eps)
        self.tiny = self.smallest_normal = float(limits.tiny)
        self.resolution = float(limits.resolution)


iinfo = np.iinfo  # the limits of an integer dtype: `min`, `max`, `bits`, `dtype`
