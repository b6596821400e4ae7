"""A strict stand-in for CuPy, over NumPy: finds mixed-up host and device arrays on machines without a GPU.

    from tests import strict_cupy as cp
    x = cp.asarray(np.ones(3))    # the ways across are those of CuPy, and no others: asarray, set, get, asnumpy
    np.exp(x) + 2 * x.sum()       # NumPy's dispatch carries it to this module, as it would to CuPy
    x + np.ones(3)                # TypeError, as in CuPy
    np.sum(x, where=mask)         # TypeError: CuPy's `sum` has no `where`

Names and signatures are CuPy's, from cupy_signatures.json (written by make_cupy_signatures.py); the arithmetic is
NumPy's. Where the two differ it sides with CuPy, or is stricter; no computation on it ever returns a NumPy array:

- A function that is given NumPy arrays, or a list where an array belongs, raises. CuPy would compute on the host
  (`cp.sum(numpy_array)`) or upload silently (`x[[0, 1]] = numpy_array`), and hide the mix-up. An index may be NumPy's.
- An index out of range and a write to a broadcast view raise. CuPy wraps the index, and writes.
- What CuPy has and this module has not (kernels, `cupy.random.normal`, ...) raises NotImplementedError.
"""

from __future__ import annotations

import functools
import inspect
import json
import operator
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

_CUPY = json.loads(Path(__file__).with_name("cupy_signatures.json").read_text(encoding="utf-8"))
__version__ = _CUPY["version"]

_SCALARS = (bool, int, float, complex, np.number, np.bool_)
_PLAIN = (*_SCALARS, str, bytes, np.dtype, type, slice, range, type(None), type(...))
_DTYPES = frozenset("?bhilqBHILQefdFD")

# Parameters of these names hold arrays. NumPy would also take a list there, CuPy does not.
_ARRAYS = frozenset(
    "a a1 a2 a_max a_min A append ar ar1 ar2 args arr arr1 arr2 array arrays ary arys b choices condition dst element "
    "f fill_value fp m M mask max min out p prepend prototype sample src start stop test_elements v val vals values "
    "weights x x1 x2 xi xp y z".split()
)
_TAKE_HOST_INDICES = frozenset(["take", "take_along_axis", "ndarray.take"])
# Functions that need no array to start from.
_CREATE = frozenset(
    "arange bartlett blackman can_cast diag_indices empty eye fft.fftfreq fft.rfftfreq full hamming hanning identity "
    "indices isscalar kaiser linspace logspace ones result_type tri tril_indices triu_indices zeros".split()
)
# Their answers are Python objects in CuPy too; every other number becomes a 0-d array, as the result of a kernel is.
_ANSWER_ON_HOST = frozenset(
    "can_cast iscomplexobj isfortran isrealobj isscalar may_share_memory ndim shape shares_memory size".split()
)
_COMPARISONS = frozenset("equal greater greater_equal less less_equal not_equal".split())
_KEYWORDS = {"einsum": {"dtype", "optimize"}, "meshgrid": {"copy", "indexing", "sparse"}}
# CUDA has atomic operations for these dtypes only.
_AT_DTYPES = {"add": "ilqILQefd", "subtract": "iI", "maximum": "ilqILQfd", "minimum": "ilqILQfd"}
_AT_DTYPES_BITWISE = "ilqILQ"


class _Call:
    """One call: takes its operands from the device arrays to NumPy, and its result back."""

    def __init__(self, name: str, *operands: ndarray) -> None:
        self.name = name
        self.operands = list(operands)

    def host(self, value: Any, *, take_host: bool = False) -> Any:
        """Return what NumPy shall compute with, or raise TypeError for what CuPy would not take."""
        if isinstance(value, ndarray):
            self.operands.append(value)
            return value._host
        if isinstance(value, np.ndarray) and take_host:
            return value
        if isinstance(value, (list, tuple)):
            on_device = [isinstance(item, ndarray) for item in value]
            if any(on_device) and not all(on_device):
                kinds = ", ".join(
                    type(item).__name__ for item, there in zip(value, on_device, strict=True) if not there
                )
                raise TypeError(f"{self.name}: a sequence of device arrays also holds {kinds}")
            items = [self.host(item, take_host=take_host) for item in value]
            return items if isinstance(value, list) else tuple(items)
        if isinstance(value, _PLAIN):
            return value
        raise TypeError(f"Unsupported type {type(value)} in {self.name}")

    def array(self, value: Any) -> Any:
        """Like `host`, for a parameter that holds an array or a number."""
        if isinstance(value, (list, tuple, range)):
            raise TypeError(f"Unsupported type {type(value)} in {self.name}: make it a device array")
        return self.host(value)

    def index(self, value: Any) -> Any:
        """Like `host`, for an index: its parts may be of any kind, NumPy's arrays among them."""
        if isinstance(value, tuple):
            return tuple(self.host(part, take_host=True) for part in value)
        return self.host(value, take_host=True)

    def device(self, result: Any) -> Any:
        """Return NumPy's result as device arrays: an operand itself, a view of an operand, or a new array."""
        if isinstance(result, tuple) and hasattr(result, "_fields"):
            return type(result)(*map(self.device, result))
        if isinstance(result, (list, tuple)):
            return type(result)(map(self.device, result))
        if not isinstance(result, (np.ndarray, *_SCALARS)) or self._answers_on_host(result):
            return result
        for operand in self.operands:
            if result is operand._host:
                return operand
        host = np.asarray(result)
        memory = _memory(host)
        for operand in self.operands:
            if _memory(operand._host) is memory:
                return _new(host, operand if operand.base is None else operand.base)
        return _new(host)

    def _answers_on_host(self, result: Any) -> bool:
        return self.name in _ANSWER_ON_HOST and not isinstance(result, np.ndarray)


def _memory(host: Any) -> Any:
    """Return the object that owns the memory of a NumPy array, also through the dummies of `as_strided`."""
    while getattr(host, "base", None) is not None:
        host = host.base
    return host


def _new(host: Any, base: ndarray | None = None) -> ndarray:
    if host.dtype.char not in _DTYPES:
        raise ValueError(f"Unsupported dtype {host.dtype}")
    made = ndarray.__new__(ndarray)
    made._host, made._base = host, base
    return made


@functools.cache
def _signature(text: str) -> inspect.Signature:
    """Read a signature as the snapshot writes it: `(a, axis=None, *, keepdims=False)`."""
    return inspect.signature(eval(f"lambda {text[1:-1]}: None"))


def _bind(name: str, text: str, implementation: Callable[..., Any], *, creates: bool = False) -> Callable[..., Any]:
    """Return the NumPy function as one on device arrays that takes CuPy's arguments and no others."""
    signature = _signature(text)
    kinds = inspect.Parameter

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"cupy.{name}{text}: {error}") from None
        this = _Call(name)
        positional: list[Any] = []
        keywords: dict[str, Any] = {}
        for key, value in bound.arguments.items():
            parameter = signature.parameters[key]
            if key == "indices" and name in _TAKE_HOST_INDICES:
                take = this.index
            else:
                take = this.array if key in _ARRAYS else this.host
            # Required arguments go by position, because their names differ from NumPy's; options by name, because
            # their order does (argmax).
            if parameter.kind is kinds.VAR_POSITIONAL:
                positional += [take(item) for item in value]
            elif parameter.kind is kinds.VAR_KEYWORD:
                unknown = value.keys() - _KEYWORDS.get(name, value.keys())
                if unknown:
                    raise TypeError(f"cupy.{name} has no keyword {', '.join(sorted(unknown))}")
                keywords |= {option: take(item) for option, item in value.items()}
            elif parameter.default is kinds.empty:
                positional.append(take(value))
            else:
                keywords[key] = take(value)
        if not this.operands and not creates:
            raise TypeError(f"cupy.{name} was given no device array")
        if "kind" in signature.parameters and keywords.setdefault("kind", "stable") not in (None, "stable"):
            raise ValueError("kind can only be None or 'stable'")
        with np.errstate(all="ignore"):  # CuPy has no floating-point warnings
            result = implementation(*positional, **keywords)
        if name.startswith("lib.stride_tricks."):
            return _new(result)  # in CuPy their results have no base
        return this.device(result)

    call.__name__ = call.__qualname__ = name
    return call


class ufunc:
    """An elementwise function: takes device arrays and numbers, with `out`, `dtype` and `casting`; no `where`."""

    def __init__(self, name: str) -> None:
        self.__name__ = name
        self._numpy = getattr(np, name)
        self._methods = _CUPY["ufuncs"][name]
        self.nin = getattr(self._numpy, "nin", 1)  # fix, i0 and sinc are no ufuncs in NumPy
        self.nout = getattr(self._numpy, "nout", 1)

    def __repr__(self) -> str:
        return f"<ufunc 'cupy_{self.__name__}'>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        unknown = kwargs.keys() - {"out", "dtype", "casting"}
        if unknown:
            raise TypeError(f"Wrong arguments {sorted(unknown)} in {self.__name__}")
        this = _Call(self.__name__)
        outputs = kwargs.get("out")
        for value in (*args, *(outputs if isinstance(outputs, tuple) else [outputs])):
            if value is not None and not isinstance(value, (ndarray, *_SCALARS)):
                raise TypeError(f"Unsupported type {type(value)} in {self.__name__}")
        with np.errstate(all="ignore"):
            return this.device(self._numpy(*map(this.host, args), **{key: this.host(kwargs[key]) for key in kwargs}))

    def outer(self, A: Any, B: Any, **kwargs: Any) -> Any:
        if not (isinstance(A, ndarray) and isinstance(B, ndarray)):
            raise TypeError(f"{self.__name__}.outer takes device arrays, not {type(A)} and {type(B)}")
        return self(A.reshape(A.shape + (1,) * B.ndim), B, **kwargs)

    def at(self, a: Any, indices: Any, b: Any = None) -> None:
        this = self._method("at", a)
        dtypes = _AT_DTYPES.get(self.__name__, _AT_DTYPES_BITWISE)
        if a.dtype.char not in dtypes:
            raise TypeError(f"cupy.{self.__name__}.at only supports the dtypes {dtypes}, not {a.dtype}")
        self._numpy.at(a._host, this.index(indices), this.array(b))

    def reduce(self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False) -> Any:
        self._method("reduce", array)
        return (array.sum if self.__name__ == "add" else array.prod)(axis, dtype, out, keepdims)

    def accumulate(self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        self._method("accumulate", array)
        return (array.cumsum if self.__name__ == "add" else array.cumprod)(axis, dtype, out)

    def reduceat(self, array: Any, indices: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        this = self._method("reduceat", array)
        out = out if out is None else this.array(out)
        return this.device(self._numpy.reduceat(this.host(array), this.index(indices), axis, dtype, out))

    def _method(self, method: str, array: Any) -> _Call:
        name = f"{self.__name__}.{method}"
        if method not in self._methods:
            raise NotImplementedError(f"`cupy_{name}` is not supported yet")
        if not isinstance(array, ndarray):
            raise TypeError(f"Unsupported type {type(array)} in {name}")
        return _Call(name)


def _defers(other: Any) -> bool:
    """Return whether the operator of `other` goes first: CuPy's rule, which a Tensor relies on."""
    nothing = object()
    override = getattr(other, "__array_ufunc__", nothing)
    if override is not nothing:
        return override is None
    return bool(getattr(other, "__array_priority__", 0) > ndarray.__array_priority__)


def _operators(name: str) -> tuple[Any, Any, Any]:
    """Return the operator of a ufunc: forward, reflected, in place."""
    numpy_ufunc = getattr(np, name)

    def forward(self: Any, other: Any) -> Any:
        return NotImplemented if _defers(other) else numpy_ufunc(self, other)

    def reflected(self: Any, other: Any) -> Any:
        return _lookup(name)(other, self)

    def in_place(self: Any, other: Any) -> Any:
        return _lookup(name)(self, other, out=self)

    return forward, reflected, in_place


def _unary(name: str) -> Any:
    def unary(self: Any) -> Any:
        return _lookup(name)(self)

    return unary


def _comparison(name: str) -> Any:
    numpy_ufunc = getattr(np, name)

    def compare(self: Any, other: Any) -> Any:
        if _defers(other):
            return NotImplemented
        if other is None and name in ("equal", "not_equal"):
            return _new(np.full(self.shape, name == "not_equal"))
        return numpy_ufunc(self, other)

    return compare


def _power(self: Any, exponent: Any, modulo: Any = None) -> Any:
    # CuPy's shortcuts: they differ from `power` in the last bit.
    if self.dtype.kind in "fc" and type(exponent) in (int, float):
        shortcut = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal}.get(exponent)
        if shortcut:
            return shortcut(self)
    return NotImplemented if _defers(exponent) else np.power(self, exponent)


class _Flags:
    """Only these exist: there is no `writeable`."""

    def __init__(self, host: Any, owndata: bool) -> None:
        self.c_contiguous: bool = host.flags.c_contiguous
        self.f_contiguous: bool = host.flags.f_contiguous
        self.owndata = owndata
        self.fnc = self.f_contiguous and not self.c_contiguous
        self.forc = self.f_contiguous or self.c_contiguous

    def __getitem__(self, name: str) -> bool:
        if name not in ("C_CONTIGUOUS", "F_CONTIGUOUS", "OWNDATA"):
            raise KeyError(f"{name} is not defined for cupy.ndarray.flags")
        return bool(getattr(self, name.lower()))


def _attribute(name: str) -> property:
    return property(operator.attrgetter(f"_host.{name}"))


class ndarray:
    """A device array: CuPy's attributes and methods, no others, over a NumPy array that nothing outside may see."""

    __slots__ = ("__weakref__", "_base", "_host")
    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]
    _host: Any
    _base: ndarray | None

    def __init__(
        self, shape: Any, dtype: Any = float, memptr: None = None, strides: None = None, order: Any = "C"
    ) -> None:
        if memptr is not None or strides is not None:
            raise NotImplementedError("strict_cupy: an array over given memory")
        self._host, self._base = np.empty(shape, dtype, order), None

    def __getattr__(self, name: str) -> Any:
        if name in _CUPY["methods"] or name in _CUPY["attributes"]:
            raise NotImplementedError(f"cupy.ndarray has {name!r}, strict_cupy does not")
        raise AttributeError(f"'cupy.ndarray' object has no attribute {name!r}")

    # --- attributes

    shape = _attribute("shape")
    dtype = _attribute("dtype")
    ndim = _attribute("ndim")
    size = _attribute("size")
    itemsize = _attribute("itemsize")
    nbytes = _attribute("nbytes")
    strides = _attribute("strides")

    @property
    def base(self) -> ndarray | None:
        """The array that owns the memory, never a view between; None for an owner."""
        return self._base

    @property
    def flags(self) -> _Flags:
        return _Flags(self._host, self._base is None)

    @property
    def data(self) -> Any:
        return types.SimpleNamespace(ptr=self._host.ctypes.data, device_id=0)

    @property
    def device(self) -> Device:
        return Device(0)

    @property
    def T(self) -> Any:
        return self if self.ndim < 2 else self.transpose()

    @property
    def mT(self) -> Any:
        if self.ndim < 2:
            raise ValueError("matrix transpose with ndim < 2 is undefined")
        return self.swapaxes(-1, -2)

    @property
    def real(self) -> Any:
        return _Call("real", self).device(self._host.real)

    @property
    def imag(self) -> Any:
        return _Call("imag", self).device(self._host.imag)

    # --- to and from the host

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def get(self, stream: Any = None, order: Any = "C", out: Any = None, blocking: bool = True) -> Any:
        if out is None:
            return np.array(self._host, order=order)
        if not isinstance(out, np.ndarray) or out.dtype != self.dtype:
            raise TypeError(f"{self.dtype} array cannot be obtained as {getattr(out, 'dtype', type(out))}")
        if out.shape != self.shape:
            raise ValueError(f"Shape mismatch. Expected shape: {self.shape}, actual shape: {out.shape}")
        out[...] = self._host
        return out

    def set(self, arr: Any, stream: Any = None) -> None:
        if not isinstance(arr, np.ndarray) or arr.dtype != self.dtype:
            raise TypeError(f"{getattr(arr, 'dtype', type(arr))} array cannot be set to {self.dtype} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        if not self.flags.forc:
            raise RuntimeError("Cannot set to non-contiguous array")
        self._host[...] = arr

    def item(self) -> Any:
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self._host.item()

    def tolist(self) -> Any:
        return self._host.tolist()

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"The truth value of an array of {self.size} elements is ambiguous")
        return bool(self._host)

    def __int__(self) -> int:
        return int(self._host)

    def __float__(self) -> float:
        return float(self._host)

    def __complex__(self) -> complex:
        return complex(self._host)

    def __repr__(self) -> str:
        return repr(self._host)

    def __str__(self) -> str:
        return str(self._host)

    def __format__(self, format_spec: str) -> str:
        return format(self._host, format_spec)

    def __reduce__(self) -> Any:
        return array, (self.get(order="A"),)

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    # --- elements

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        this = _Call("index", self)
        parts = this.index(index if isinstance(index, tuple) else (index,))
        if not any(part is ... for part in parts):
            parts = (*parts, ...)  # so that x[0, 0] is a 0-d view, as in CuPy, and no NumPy scalar
        return this.device(self._host[parts])

    def __setitem__(self, index: Any, value: Any) -> None:
        this = _Call("assignment", self)
        if isinstance(value, np.ndarray) and value.ndim:
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        host = value if isinstance(value, np.ndarray) else this.array(value)
        self._host[this.index(index)] = host

    def fill(self, value: Any) -> None:
        if isinstance(value, (ndarray, np.ndarray)) and value.ndim:
            raise ValueError(f"non-scalar {type(value)} cannot be used for fill")
        self[...] = value

    def view(self, dtype: Any = None, type: Any = None) -> Any:
        if type not in (None, ndarray):
            raise ValueError("Type must be a sub-type of ndarray type")
        return _Call("view", self).device(self._host.view() if dtype is None else self._host.view(dtype))

    # --- dispatch from NumPy: as in CuPy

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        outputs = kwargs.get("out", ())
        if outputs:
            if len(outputs) != 1:
                raise ValueError("The 'out' parameter must have exactly one array value")
            kwargs["out"] = outputs[0]
        try:
            function = _lookup(ufunc.__name__)
        except AttributeError:
            return NotImplemented
        if not all(isinstance(value, (ndarray, np.ndarray, *_SCALARS)) for value in (*inputs, *outputs)):
            return NotImplemented  # a Tensor, a list; the indices of `at` too, unless they are an array
        if ufunc.__name__ in _COMPARISONS:  # NumPy gives its scalars as 0-d arrays here (numpy#12142)
            inputs = tuple(x.item() if isinstance(x, np.ndarray) and x.ndim == 0 else x for x in inputs)
        return (function if method == "__call__" else getattr(function, method))(*inputs, **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        try:
            function = _lookup(".".join([*func.__module__.split(".")[1:], func.__name__]))
        except AttributeError:
            return NotImplemented
        if function is func or not all(issubclass(kind, (ndarray, np.ndarray)) for kind in types):
            return NotImplemented
        return function(*args, **kwargs)

    # --- operators

    __add__, __radd__, __iadd__ = _operators("add")
    __sub__, __rsub__, __isub__ = _operators("subtract")
    __mul__, __rmul__, __imul__ = _operators("multiply")
    __truediv__, __rtruediv__, __itruediv__ = _operators("true_divide")
    __floordiv__, __rfloordiv__, __ifloordiv__ = _operators("floor_divide")
    __mod__, __rmod__, __imod__ = _operators("remainder")
    _, __rpow__, __ipow__ = _operators("power")
    __pow__ = _power
    __lshift__, __rlshift__, __ilshift__ = _operators("left_shift")
    __rshift__, __rrshift__, __irshift__ = _operators("right_shift")
    __and__, __rand__, __iand__ = _operators("bitwise_and")
    __or__, __ror__, __ior__ = _operators("bitwise_or")
    __xor__, __rxor__, __ixor__ = _operators("bitwise_xor")
    __divmod__, __rdivmod__, _ = _operators("divmod")
    __matmul__, __rmatmul__, _ = _operators("matmul")  # CuPy has no __imatmul__: `a @= b` makes a new array
    del _
    __lt__ = _comparison("less")
    __le__ = _comparison("less_equal")
    __gt__ = _comparison("greater")
    __ge__ = _comparison("greater_equal")
    __eq__ = _comparison("equal")
    __ne__ = _comparison("not_equal")
    __neg__ = _unary("negative")
    __pos__ = _unary("positive")
    __abs__ = _unary("absolute")
    __invert__ = _unary("invert")


# --- what CuPy does otherwise than NumPy, as functions on NumPy arrays


def _product(function: Callable[..., Any]) -> Callable[..., Any]:
    """`dot` and `matmul`: cuBLAS writes into a C-contiguous `out` of the result's dtype, and not over its operands."""

    def product(a: Any, b: Any, out: Any = None, **unknown: Any) -> Any:
        if unknown:
            raise NotImplementedError(f"strict_cupy: matmul with {', '.join(unknown)}")
        if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)):
            raise TypeError(f"a product of {type(a)} and {type(b)}: use `*`")
        if out is None:
            return function(a, b)
        if out.dtype != np.result_type(a, b) or not out.flags.c_contiguous:
            raise ValueError("out must be C-contiguous and of the dtype of the product")
        if np.may_share_memory(out, a) or np.may_share_memory(out, b):
            raise ValueError("out must not share memory with an operand")
        return function(a, b, out=out)

    return product


def _where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if not isinstance(condition, np.ndarray):
        raise TypeError(f"Unsupported type {type(condition)} in where: the condition is a device array")
    if (x is None) != (y is None):
        raise ValueError("Must provide both 'x' and 'y' or neither.")
    return np.nonzero(condition) if x is None else np.where(condition, x, y)


def _squeeze(a: Any, axis: Any = None) -> Any:
    squeezed = np.squeeze(a, axis)
    return a if squeezed.ndim == a.ndim else squeezed


def _astype(a: Any, dtype: Any, order: Any = "K", casting: None = None, subok: None = None, copy: bool = True) -> Any:
    if casting is not None or subok is not None:
        raise TypeError("casting and subok are not supported yet")
    return a.astype(dtype, order=order, copy=copy)


def _sort(a: Any, axis: int = -1, kind: Any = None) -> None:
    a.sort(axis, "stable")


def _as_strided(x: Any, shape: Any = None, strides: Any = None) -> Any:
    return np.lib.stride_tricks.as_strided(x, shape, strides, writeable=False)


def _sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: Any = False, writeable: Any = False
) -> Any:
    if writeable:
        raise NotImplementedError("Writeable views are not supported.")
    return np.lib.stride_tricks.sliding_window_view(x, window_shape, axis)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "dot": _product(np.dot),
    "matmul": _product(np.matmul),
    "linalg.matmul": _product(np.matmul),
    "squeeze": _squeeze,
    "where": _where,
    "lib.stride_tricks.as_strided": _as_strided,
    "lib.stride_tricks.sliding_window_view": _sliding_window_view,
}
_METHODS: dict[str, Callable[..., Any]] = {
    "astype": _astype,
    "dot": _product(np.dot),
    "ptp": np.ptp,
    "sort": _sort,
    "squeeze": _squeeze,
}
_UNKNOWN_METHODS = {"dump", "dumps", "mdspan", "reduced_view", "scatter_add", "scatter_max", "scatter_min", "toDlpack"}
for _name in _CUPY["methods"].keys() - vars(ndarray).keys() - _UNKNOWN_METHODS:
    _method = _METHODS.get(_name) or getattr(np.ndarray, _name)
    setattr(ndarray, _name, _bind(f"ndarray.{_name}", _CUPY["methods"][_name], _method))


# --- making arrays


def array(
    obj: Any,
    dtype: Any = None,
    copy: bool | None = True,
    order: Any = "K",
    subok: bool = False,
    ndmin: int = 0,
    *,
    blocking: bool = False,
) -> Any:
    if subok:
        raise NotImplementedError
    if not isinstance(obj, ndarray):
        copy = True  # a transfer
    this = _Call("array")
    host = this.host(obj, take_host=True)
    return this.device(np.array(host, dtype=dtype, copy=copy, order=order, ndmin=ndmin))


def asarray(a: Any, dtype: Any = None, order: Any = None, *, copy: bool | None = None, blocking: bool = False) -> Any:
    return array(a, dtype, copy, order)


asanyarray = asarray


def asnumpy(a: Any, stream: Any = None, order: Any = "C", out: Any = None, *, blocking: bool = True) -> Any:
    if isinstance(a, ndarray):
        return a.get(stream, order, out, blocking)
    return np.array(a, order=order, copy=None)


def get_array_module(*args: Any) -> Any:
    return sys.modules[__name__] if any(isinstance(arg, ndarray) for arg in args) else np


class BitGenerator:
    def __init__(self, seed: Any = None, *, size: int = -1) -> None:
        self._host = np.random.PCG64(seed)


class Generator:
    """CuPy's Generator: has no `normal`, `permutation`, `shuffle`, `choice`. Draws other numbers than CuPy's."""

    def __init__(self, bit_generator: BitGenerator) -> None:
        self.bit_generator = bit_generator
        self._host = np.random.Generator(bit_generator._host)

    def __getattr__(self, name: str) -> Any:
        if name not in _CUPY["generator"]:
            raise AttributeError(f"'cupy.random.Generator' object has no attribute {name!r}")
        draw = getattr(self._host, name)
        takes_dtype = name not in ("uniform", "beta")  # NumPy's do not

        def on_host(*args: Any, size: Any = None, dtype: Any = None, out: Any = None, **options: Any) -> Any:
            if out is not None:
                options["out"] = out
            else:
                options["size"] = () if size is None else size
            if dtype is not None and takes_dtype:
                options["dtype"] = dtype
            drawn = draw(*args, **options)
            return drawn if dtype is None or takes_dtype else drawn.astype(dtype)

        return _bind(f"random.{name}", _CUPY["generator"][name].replace("self, ", ""), on_host, creates=True)


def default_rng(seed: Any = None) -> Generator:
    if isinstance(seed, Generator):
        return seed
    return Generator(seed if isinstance(seed, BitGenerator) else BitGenerator(seed))


# --- the device


class Device:
    def __init__(self, device: int = 0) -> None:
        if device != 0:
            raise RuntimeError("cudaErrorInvalidDevice: strict_cupy has one device")
        self.id = device

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device)

    def __hash__(self) -> int:
        return self.id

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *args: object) -> None:
        pass

    def synchronize(self) -> None:
        pass


class Stream:
    null: Stream

    def __init__(self, null: bool = False, non_blocking: bool = False) -> None:
        pass

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *args: object) -> None:
        pass

    def synchronize(self) -> None:
        pass


Stream.null = Stream(null=True)
cuda = types.SimpleNamespace(
    Device=Device,
    Stream=Stream,
    get_current_stream=lambda: Stream.null,
    is_available=lambda: True,
    runtime=types.SimpleNamespace(getDeviceCount=lambda: 1),
)


# --- the names of the module

_OURS: dict[str, Any] = {
    "array": array,
    "asanyarray": asanyarray,
    "asarray": asarray,
    "asnumpy": asnumpy,
    "get_array_module": get_array_module,
    "is_available": cuda.is_available,
    "ndarray": ndarray,
    "random.Generator": Generator,
    "random.BitGenerator": BitGenerator,
    "random.MRG32k3a": BitGenerator,
    "random.Philox4x3210": BitGenerator,
    "random.XORWOW": BitGenerator,
    "random.default_rng": default_rng,
    "ufunc": ufunc,
}
_ALL_NAMES = {*_OURS, *_CUPY["numpy"], *_CUPY["ufuncs"], *_CUPY["functions"], *_CUPY["other"]}


class _Namespace:
    """A submodule such as `linalg`."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __getattr__(self, name: str) -> Any:
        return _lookup(f"{self._path}.{name}")


@functools.cache
def _lookup(path: str) -> Any:
    if path in _OURS:
        return _OURS[path]
    try:
        if path in _CUPY["numpy"]:
            return operator.attrgetter(path)(np)
        if path in _CUPY["ufuncs"]:
            return ufunc(path)
        if path in _CUPY["functions"]:
            function = _FUNCTIONS.get(path) or operator.attrgetter(path)(np)
            return _bind(path, _CUPY["functions"][path], function, creates=path in _CREATE)
    except AttributeError:
        raise NotImplementedError(f"CuPy has {path!r}; this NumPy does not, so strict_cupy cannot") from None
    if path in _CUPY["other"]:
        raise NotImplementedError(f"CuPy has {path!r}, strict_cupy does not")
    if any(name.startswith(f"{path}.") for name in _ALL_NAMES):
        return _Namespace(path)
    raise AttributeError(f"module 'cupy' has no attribute {path!r}")


def __getattr__(name: str) -> Any:
    # Nothing is kept in the module's own dict: there, CuPy's `any` and `sum` would hide Python's from the code above.
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _lookup(name)
