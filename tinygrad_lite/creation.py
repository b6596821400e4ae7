"""Tensors from data and from nothing."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import ops
from ._tensor import Tensor
from .compositions.shape import sizes_of
from .engine import backend, dtypes, graph
from .engine.graph import mode
from .random import Generator, draw, integers, permutation


def tensor(data: Any, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """A new tensor with a copy of `data`: numbers, nested lists, an array or a Tensor.

    Python floats become the default dtype (float32), integers int64; an array keeps its dtype.

    >>> import tinygrad_lite as tg
    >>> tg.tensor([[1, 2], [3, 4]]).dtype
    dtype('int64')
    >>> tg.tensor([1.5, 2.0]).dtype
    dtype('float32')
    """
    if isinstance(data, graph.Tensor) and data.node is not None:
        warnings.warn("To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
                      "sourceTensor.detach().clone().requires_grad_(True), rather than tensor(sourceTensor): its "
                      "history ends here. clone() keeps it.", stacklevel=2)
    return _finish(_to_array(data, dtype, device, copy=True), requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: str | None = None) -> Tensor:
    """`data` as a Tensor that shares its memory where that is possible; a Tensor itself keeps its history."""
    if isinstance(data, Tensor):
        return data if dtype is None and device is None else data.to(dtype=dtype, device=device)
    return Tensor(_to_array(data, dtype, device, copy=False))


def from_numpy(array: np.ndarray[Any, Any]) -> Tensor:
    """A Tensor that shares the memory of a NumPy array (or of another backend's array).

    Raises TypeError for anything else, or a dtype that is not bool, integer or floating.
    """
    if not hasattr(array, "dtype") or isinstance(array, (np.generic, graph.Tensor)):
        raise TypeError(f"from_numpy expected an np.ndarray, got {type(array).__name__}")
    return Tensor(backend.admit(array))


def from_dlpack(source: Any) -> Tensor:
    """A Tensor that shares the memory of an object with `__dlpack__` (PyTorch's, JAX's, CuPy's arrays)."""
    on_cpu = source.__dlpack_device__()[0] == 1
    array = np.from_dlpack(source) if on_cpu else backend.named("cuda").module.from_dlpack(source)
    return Tensor(backend.admit(array))


def _to_array(data: Any, dtype: Any, device: str | None, *, copy: bool) -> Any:
    if isinstance(data, graph.Tensor):
        data = data.array
    elif hasattr(data, "__dlpack__") and hasattr(data, "detach"):  # a tensor of PyTorch
        data = data.detach().cpu().numpy()
    if not (hasattr(data, "dtype") and hasattr(data, "shape")):
        data, copy = _from_python(data, dtype), False
    elif isinstance(data, np.generic):
        data = np.asarray(data)
    if dtype is not None and data.dtype != np.dtype(dtype):
        data, copy = _told(ops.to_dtype, data, data.astype(dtype), np.dtype(dtype)), False
    data = backend.admit(data)
    if device is not None and backend.named(device) is not backend.of(data):
        return _told(ops.to_device, data, backend.transfer(data, backend.named(device)), device)
    return _told(ops.clone, data, data.copy()) if copy else data


def _told(op: Any, source: Any, made: Any, *settings: Any) -> Any:
    """`made`, which is what the op makes of a raw array; observers are told, because the array may be a Tensor's."""
    if mode.state.__class__ is not bool:
        mode.state.called(op.op, (source,), settings, (made,))
    return made


def _from_python(data: Any, dtype: Any) -> Any:
    """Numbers and nested sequences of them, which may hold Tensors and arrays."""
    values = _without_tensors(data)
    try:
        array = np.asarray(values)
    except ValueError as error:
        error.add_note("in tensor(data): the nested sequences have different lengths")
        raise
    array = _fitting(array, values, None if dtype is None else np.dtype(dtype))
    if array.dtype.kind == "f" and dtype is None and not _holds_arrays(values):
        array = array.astype(dtypes.get_default_dtype())
    if array.size == 0 and dtype is None:
        array = array.astype(dtypes.get_default_dtype())
    return array


def _fitting(array: Any, values: Any, dtype: Any) -> Any:
    """The array that NumPy made of Python numbers, if they fit into an integer `dtype`, or integers into int64.

    NumPy makes uint64, floats or objects of integers beyond int64, and wraps numbers beyond a narrower dtype around.
    """
    if dtype is not None and dtype.kind in "iu" and array.dtype.kind in "if" and array.size:
        least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
        if array.dtype.kind == "i" and not least:
            least = -most  # as in PyTorch, -1 is the largest unsigned number
        if not (array.min() >= least and array.max() <= most):  # nor nan
            raise RuntimeError(f"value cannot be converted to type {dtype} without overflow")
    if array.dtype.kind == "i":
        return array
    first = values
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    kind, held = array.dtype.kind, dtype is not None and (dtype.kind not in "iu" or dtype == np.uint64)
    if kind not in "uOf" or held or (kind == "f" and isinstance(first, float)):
        return array
    numbers = list(_numbers(values))
    if not all(isinstance(x, (int, float)) for x in numbers):
        return array
    if any(isinstance(x, float) for x in numbers):
        return np.asarray(values, np.float64)
    if any(not -(2**63) <= x < 2**63 for x in numbers):
        raise ValueError("Overflow when unpacking long long: an integer does not fit into int64; give dtype=float64")
    return array


def _numbers(data: Any) -> Any:
    """What nested sequences hold."""
    if isinstance(data, (list, tuple)):
        for x in data:
            yield from _numbers(x)
    else:
        yield data


def _without_tensors(data: Any) -> Any:
    if isinstance(data, Tensor):
        data._reading("tensor([...])")
        if data.node is not None:
            warnings.warn("tensor([...]) of tensors that require grad makes constants of them; stack([...]) keeps "
                          "their history", stacklevel=6)  # of a list in no other list
        return backend.to_host(data.array)
    return list(map(_without_tensors, data)) if isinstance(data, (list, tuple)) else data


def _holds_arrays(data: Any) -> bool:
    return any(_holds_arrays(x) for x in data) if isinstance(data, list) else hasattr(data, "dtype")


def _finish(array: Any, requires_grad: bool) -> Tensor:
    result = Tensor(array)
    return result.as_new_leaf() if requires_grad else result


def _dtype(dtype: Any) -> Any:
    return dtypes.get_default_dtype() if dtype is None else np.dtype(dtype)


def zeros(*sizes: Any, size: Sequence[int] | None = None, dtype: Any = None, device: str | None = None,
          requires_grad: bool = False) -> Tensor:
    """A tensor of zeros; sizes one by one, as one tuple, or as `size`."""
    return _finish(backend.named(device).module.zeros(tuple(sizes_of(sizes, size)), _dtype(dtype)), requires_grad)


def ones(*sizes: Any, size: Sequence[int] | None = None, dtype: Any = None, device: str | None = None,
         requires_grad: bool = False) -> Tensor:
    """A tensor of ones; sizes one by one, as one tuple, or as `size`."""
    return _finish(backend.named(device).module.ones(tuple(sizes_of(sizes, size)), _dtype(dtype)), requires_grad)


def empty(*sizes: Any, size: Sequence[int] | None = None, dtype: Any = None, device: str | None = None,
          requires_grad: bool = False) -> Tensor:
    """A tensor of whatever is in memory; sizes one by one, as one tuple, or as `size`."""
    return _finish(backend.named(device).module.empty(tuple(sizes_of(sizes, size)), _dtype(dtype)), requires_grad)


@np.errstate(all="ignore")  # NumPy would warn in its own name
def full(size: Sequence[int], fill_value: Any, *, dtype: Any = None, device: str | None = None,
         requires_grad: bool = False) -> Tensor:
    """A tensor of `fill_value`, of its dtype (a Python float: the default one) unless `dtype` is given."""
    dtype = tensor(fill_value).dtype if dtype is None else np.dtype(dtype)
    return _finish(backend.named(device).module.full(tuple(size), fill_value, dtype), requires_grad)


def zeros_like(input: Tensor, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Zeros of the shape, dtype and device of `input`, unless given."""
    return _finish(_moved(np.zeros_like(input.array, dtype=dtype), device), requires_grad)


def ones_like(input: Tensor, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Ones of the shape, dtype and device of `input`, unless given."""
    return _finish(_moved(np.ones_like(input.array, dtype=dtype), device), requires_grad)


@np.errstate(all="ignore")  # NumPy would warn in its own name
def full_like(input: Tensor, fill_value: Any, *, dtype: Any = None, device: str | None = None,
              requires_grad: bool = False) -> Tensor:
    """`fill_value` in the shape, dtype and device of `input`, unless given."""
    return _finish(_moved(np.full_like(input.array, fill_value, dtype=dtype), device), requires_grad)


def empty_like(input: Tensor, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Whatever is in memory, in the shape, dtype and device of `input`, unless given."""
    return _finish(_moved(np.empty_like(input.array, dtype=dtype), device), requires_grad)


def _moved(array: Any, device: str | None) -> Any:
    return array if device is None else backend.transfer(array, backend.named(device))


def arange(start: Any = None, end: Any = None, step: Any = 1, *, dtype: Any = None, device: str | None = None,
           requires_grad: bool = False) -> Tensor:
    """start, start + step, ... up to but not including end; int64, or the default dtype if a number is a float."""
    start, end = (0, start) if end is None else (0 if start is None else start, end)
    if end is None:
        raise TypeError("arange: the end is missing")
    if step == 0 or (end - start) * step < 0:
        raise RuntimeError(f"arange: the step {step} does not lead from {start} to {end}")
    if dtype is None:
        dtype = dtypes.get_default_dtype() if any(isinstance(x, float) for x in (start, end, step)) else dtypes.int64
    return _finish(backend.named(device).module.arange(start, end, step, dtype=np.dtype(dtype)), requires_grad)


@np.errstate(all="ignore")  # NumPy would warn in its own name
def linspace(start: float, end: float, steps: int, *, dtype: Any = None, device: str | None = None,
             requires_grad: bool = False) -> Tensor:
    """`steps` numbers from `start` to `end`, both included, at equal distances.

    In integers start and end are rounded towards 0, and then what lies between them, as in PyTorch.

    Raises RuntimeError for negative steps.

    >>> import tinygrad_lite as tg
    >>> tg.linspace(-1, 1, 5), tg.linspace(-5, 5, 4, dtype=tg.int64)
    (tensor([-1.0000, -0.5000,  0.0000,  0.5000,  1.0000]), tensor([-5, -1,  1,  5]))
    """
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    dtype = _dtype(dtype)
    if dtype.kind not in "iu":
        return _finish(backend.named(device).module.linspace(start, end, steps, dtype=dtype), requires_grad)
    start, end = int(start), int(end)
    step = (end - start) / (steps - 1) if steps > 1 else 0.0
    between = [int(start + step * i if i < steps // 2 else end - step * (steps - i - 1)) for i in range(1, steps - 1)]
    return tensor([start, *between, end][:steps], dtype=dtype, device=device, requires_grad=requires_grad)


@np.errstate(all="ignore")  # NumPy would warn in its own name
def logspace(start: float, end: float, steps: int, base: float = 10.0, *, dtype: Any = None,
             device: str | None = None, requires_grad: bool = False) -> Tensor:
    """`steps` numbers from base ** start to base ** end, both included, at equal ratios."""
    exponents = backend.named(device).module.linspace(start, end, steps, dtype=dtypes.float64)
    return _finish((base**exponents).astype(_dtype(dtype)), requires_grad)


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = dtypes.int64,
                 device: str | None = None) -> Tensor:
    """Rows and columns of the elements with column - row <= `offset` in a matrix, row by row; shape (2, how many).

    >>> import tinygrad_lite as tg
    >>> tg.tril_indices(2, 3)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return tensor(np.stack(np.nonzero(np.tri(row, col, offset, bool))), dtype=dtype, device=device)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = dtypes.int64,
                 device: str | None = None) -> Tensor:
    """Rows and columns of the elements with column - row >= `offset` in a matrix, row by row; shape (2, how many)."""
    return tensor(np.stack(np.nonzero(~np.tri(row, col, offset - 1, bool))), dtype=dtype, device=device)


def eye(n: int, m: int | None = None, *, dtype: Any = None, device: str | None = None,
        requires_grad: bool = False) -> Tensor:
    """The identity matrix, or n rows of it with m columns."""
    return _finish(backend.named(device).module.eye(n, m, dtype=_dtype(dtype)), requires_grad)


def _drawn(kind: str, size: tuple[int, ...], generator: Generator | None, dtype: Any, device: str | None,
           requires_grad: bool) -> Tensor:
    like = backend.named(device).module.empty(0, _dtype(dtype))
    return _finish(draw(kind, like, size, _dtype(dtype), generator), requires_grad)


def rand(*sizes: Any, size: Sequence[int] | None = None, generator: Generator | None = None, dtype: Any = None,
         device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Draws from U[0, 1)."""
    return _drawn("random", tuple(sizes_of(sizes, size)), generator, dtype, device, requires_grad)


def randn(*sizes: Any, size: Sequence[int] | None = None, generator: Generator | None = None, dtype: Any = None,
          device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Draws from N(0, 1)."""
    return _drawn("standard_normal", tuple(sizes_of(sizes, size)), generator, dtype, device, requires_grad)


def randint(low: int = 0, high: Any = None, size: Sequence[int] = (), *,
            generator: Generator | None = None, dtype: Any = None, device: str | None = None) -> Tensor:
    """Draws of integers from low to high - 1, or from 0 to low - 1: randint(2, 8, (3,)), randint(8, (3,)); int64."""
    if isinstance(high, Sequence):
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    return tensor(integers(low, high, tuple(size), generator), dtype=dtype or dtypes.int64, device=device)


def randperm(n: int, *, generator: Generator | None = None, dtype: Any = None, device: str | None = None) -> Tensor:
    """The numbers 0 to n - 1 in random order; int64 unless `dtype` is given."""
    return tensor(permutation(n, generator), dtype=dtype, device=device)


def rand_like(input: Tensor, *, generator: Generator | None = None, dtype: Any = None,
              requires_grad: bool = False) -> Tensor:
    """Draws from U[0, 1) in the shape, device and, unless `dtype` is given, the dtype of `input`."""
    return _drawn_like("random", input, generator, dtype, requires_grad)


def randn_like(input: Tensor, *, generator: Generator | None = None, dtype: Any = None,
               requires_grad: bool = False) -> Tensor:
    """Draws from N(0, 1) in the shape, device and, unless `dtype` is given, the dtype of `input`."""
    return _drawn_like("standard_normal", input, generator, dtype, requires_grad)


def _drawn_like(kind: str, input: Tensor, generator: Generator | None, dtype: Any, requires_grad: bool) -> Tensor:
    dtype = input.dtype if dtype is None else np.dtype(dtype)
    return _finish(draw(kind, input.array, input.array.shape, dtype, generator), requires_grad)


def randint_like(input: Tensor, low: int = 0, high: int | None = None, *, generator: Generator | None = None,
                 dtype: Any = None) -> Tensor:
    """Draws of integers from low to high - 1, or from 0 to low - 1, in the shape, device and dtype of `input`."""
    low, high = (0, low) if high is None else (low, high)
    return randint(low, high, input.shape, generator=generator, dtype=dtype or input.dtype, device=input.device)


def normal(mean: Any = 0.0, std: Any = 1.0, size: Sequence[int] | None = None, *, generator: Generator | None = None,
           dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Draws from N(mean, std ** 2): numbers and a `size`, or tensors that say the shape.  The result is a constant.

    Raises RuntimeError for a negative std, TypeError for numbers without a size.
    """
    like = next((x for x in (mean, std) if isinstance(x, Tensor)), None)
    if like is None:
        if size is None:
            raise TypeError("normal: numbers as mean and std need a size")
        drawn = randn(size=size, generator=generator, dtype=dtype, device=device)
    else:
        mean, std = (x.detach() if isinstance(x, Tensor) else x for x in (mean, std))
        drawn = randn_like(mean + 0 * std, generator=generator)
    if isinstance(std, (int, float)) and std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    result = drawn * std + mean
    return result.requires_grad_() if requires_grad else result  # type: ignore[no-any-return]
