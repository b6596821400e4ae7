"""The backends, and the few places where an op cannot rely on NumPy's dispatch.

Ops are written with operators, ufuncs and `np.*` functions, which NumPy dispatches on the class of the array (NEP 13,
NEP 18): a CuPy array stays on its GPU without an op knowing.  What does not dispatch is here and nowhere else: finding
a device by name, transfer, creation from nothing, random numbers, scatter-add and synchronisation.
"""

from __future__ import annotations

import importlib
import math
import warnings
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

SILENT: Any = ("ignore", r"(divide by zero|overflow|underflow|invalid value) encountered", RuntimeWarning,
               r"tinygrad_lite\b")
"""The filter of warnings under which ops are as silent as PyTorch's: log(0), 0 / 0 and 1e30 ** 2 are inf and nan.

It is asked only where NumPy is about to warn, so that ordinary calls pay nothing; `np.errstate` around each would cost
0.7 us, more than they do.  NumPy warns in the name of the module that calls it.  So written code has a `__name__` of
ours, and ops take `np.multiply.reduce` for `np.prod`, which would warn as NumPy's own Python; what users compute with
NumPy warns as ever, and `np.errstate(all="raise")` raises.
"""

warnings.filterwarnings(*SILENT)


@dataclass(frozen=True)
class Backend:
    """An array library: the device name that selects it, its module, and the class of its arrays."""

    device: str
    module: Any
    array: type

    def __repr__(self) -> str:
        return f"device(type={self.device!r})"


numpy = Backend("cpu", np, np.ndarray)
_by_device: dict[str, Backend] = {"cpu": numpy}
_by_array: dict[type, Backend] = {np.ndarray: numpy}


def register(device: str, module: ModuleType | Any) -> Backend:
    """Make an array library with CuPy's interface available under a device name; return it."""
    backend = Backend(device, module, module.ndarray)
    _by_device[device] = _by_array[backend.array] = backend
    return backend


def named(device: str | Backend | None) -> Backend:
    """The backend of a device name: "cpu", "cuda" (also "cuda:0"), or a registered one.

    Raises RuntimeError for an unknown name, or where CuPy or its GPU is missing, with what to do.
    """
    if device is None:
        return numpy
    if isinstance(device, Backend):
        return device
    name = str(device).partition(":")[0]
    if name == "cuda" and name not in _by_device:
        _load_cupy()
    if name not in _by_device:
        raise RuntimeError(f"unknown device {device!r}; known are {sorted({*_by_device, 'cuda'})}")
    return _by_device[name]


def _load_cupy() -> None:
    try:
        cupy = importlib.import_module("cupy")
    except ImportError as error:
        raise ImportError(
            'device "cuda" needs CuPy: pip install "tinygrad-lite[cuda13]" (or [cuda12], after your CUDA driver)'
        ) from error
    if not cupy.cuda.is_available():
        raise RuntimeError('device "cuda": CuPy is installed but finds no GPU (nvidia-smi shows driver and devices)')
    register("cuda", cupy)


def cuda_is_available() -> bool:
    """Whether CuPy is installed and sees a GPU."""
    try:
        named("cuda")
    except (ImportError, RuntimeError):
        return False
    return True


def of(array: Any) -> Backend:
    """The backend of an array.

    Raises TypeError for the array of a library that is not known.
    """
    found = _by_array.get(type(array))
    if found is None:
        if type(array).__module__.partition(".")[0] == "cupy":
            return named("cuda")
        if isinstance(array, np.ndarray):
            return numpy
        raise TypeError(f"no backend for arrays of type {type(array).__name__}")
    return found


def admit(array: Any) -> Any:
    """An array from outside as the library computes on it: NumPy's own class, whose operators mean what we take them
    for (those of a np.matrix do not), in the byte order of this machine.

    Raises TypeError for a dtype that is not bool, integer or floating, and for a foreign byte order.
    """
    kind = getattr(array.dtype, "kind", "")
    if kind not in ("f", "i", "u", "b") or array.dtype.itemsize > 8:
        raise TypeError(f"can't make a tensor of dtype {array.dtype}; the supported ones are bool, integers and floats "
                        "of at most 64 bits")
    if not array.dtype.isnative:
        raise TypeError(f"can't make a tensor of dtype {array.dtype.str!r}, whose byte order is not this machine's; "
                        "convert it with array.astype(array.dtype.newbyteorder('='))")
    return np.asarray(array) if isinstance(array, np.ndarray) else array


def device_arrays() -> tuple[type, ...]:
    """The classes of arrays that are not NumPy's.  (Their own sums are made of blocks.)"""
    return tuple(array for array in _by_array if array is not np.ndarray)


def transfer(array: Any, backend: Backend) -> Any:
    """`array` on another backend; the same object if it is there already."""
    source = of(array)
    if source is backend:
        return array
    on_host = array if source is numpy else source.module.asnumpy(array)
    return on_host if backend is numpy else backend.module.asarray(on_host)


def to_host(array: Any) -> np.ndarray[Any, Any]:
    """`array` as a NumPy array; shares memory if it is one."""
    return transfer(array, numpy)  # type: ignore[no-any-return]


def is_array(x: Any) -> bool:
    """Whether x is a raw array of some backend, and neither a Tensor nor a NumPy scalar."""
    return hasattr(x, "dtype") and hasattr(x, "shape") and not hasattr(x, "array") and not isinstance(x, np.generic)


CHUNK = 1 << 13
"""In chunks of so many values, and of 32 for each place, `np.add.at` takes a tenth more time than for all at once."""


def scatter_add(target: Any, key: Any, values: Any) -> None:
    """target[key] += values, where repeated indices add up; `key` is a tuple.

    NumPy is 5 times as fast, with the same bits, where it adds to a vector at a vector of places.  So places are
    numbered, unless there are few of them in a large target.  Floating values that fall on few places are added up in
    chunks, and then the sums of the chunks: of a million in one place float32 would lose 1 %.
    """
    module = of(target).module
    if module is np and target.ndim > 1 and target.flags.c_contiguous:
        places = None
        if len(key) == 1 and getattr(key[0], "dtype", target.dtype).kind in "iu":  # whole rows
            row = math.prod(target.shape[1:])
            places = (np.arange(len(target)) * row)[key][..., None] + np.arange(row)
            values = np.broadcast_to(values, (*key[0].shape, *target.shape[1:]))
        elif target.size <= 4 * values.size:
            places = np.arange(target.size).reshape(target.shape)[key]
            values = np.broadcast_to(values, places.shape)
        if places is not None:
            target, key, values = target.reshape(-1), (places.reshape(-1),), values.reshape(-1)
    chunk = max(CHUNK, 32 * target.size)
    vector = values.size >= 2 * chunk and target.ndim == 1 and len(key) == 1
    if vector and module is np and target.dtype.kind == "f" and getattr(key[0], "shape", None) == values.shape:
        places, values = key[0].reshape(-1), values.reshape(-1)
        sums = np.empty_like(target)
        for start in range(0, values.size, chunk):
            sums.fill(-0.0)  # -0.0 + x is x, also for -0.0
            np.add.at(sums, places[start : start + chunk], values[start : start + chunk])
            target += sums
    else:
        module.add.at(target, key, values)


def where(condition: Any, input: Any, other: Any) -> Any:
    """`input` where `condition`, else `other`: arrays of one dtype, or numbers; all broadcast.

    `np.where` branches at each element, which costs ten times as much as all else where a processor cannot guess the
    condition: for larger arrays on the host the bits are computed, other + (input - other) * condition.
    """
    if getattr(condition, "size", 1) < 2**13 or of(condition) is not numpy:
        return np.where(condition, input, other)
    dtype = np.result_type(input, other)
    integer = f"u{dtype.itemsize}"
    result = np.empty(np.broadcast_shapes(condition.shape, np.shape(input), np.shape(other)), dtype)
    bits, a, b = (np.asarray(x, dtype).view(integer) for x in (result, input, other))
    if b.ndim or b:
        np.subtract(a, b, out=bits)
        np.multiply(bits, condition, out=bits)
        bits += b
    else:
        np.multiply(a, condition, out=bits)
    return result


def scratch(array: Any) -> int:
    """How many elements a buffer should have that is filled and used up block by block: on the host what stays in the
    cache, on a GPU, where each call must be worth its launch, half a gigabyte of float32.
    """
    return 2**19 if of(array) is numpy else 2**27


def synchronize(device: str | Backend | None = None) -> None:
    """Wait until the device has done all that was asked of it (a no-op on the CPU)."""
    module = named(device).module
    if hasattr(module, "cuda") and hasattr(module.cuda, "get_current_stream"):
        module.cuda.get_current_stream().synchronize()
