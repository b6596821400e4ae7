"""The Tensor that users hold: the bare one of `engine/graph.py` with PyTorch's methods.

Nothing here computes: a method is an op under its name (`exp = ops.exp`) or a composition of ops.
"""

from __future__ import annotations

import copy
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np

from . import compositions, ops, printing, random
from .compositions import inplace, keys
from .compositions.shape import sizes_of
from .engine import backend, devices, dtypes, graph
from .engine.accumulation import accumulate
from .engine.call import complete
from .engine.graph import Leaf, Node, mode, state_changed
from .engine.views import View
from .engine.walk import deposit, gradient_of, own

if TYPE_CHECKING:
    from ._functions import Operand
    from ._methods import Methods
else:
    Methods = graph.Tensor

# Tensor has methods named bool, int and float, which hide the types from annotations inside the class.
_bool: TypeAlias = bool
_int: TypeAlias = int
_float: TypeAlias = float


class Tensor(Methods):
    """An array with a history: what made it, so that it can be differentiated.

    `array` is the raw array (NumPy or CuPy), `node` its place in the graph, or None for a constant.  Make tensors with
    `tensor(...)`, `from_numpy(...)`, `zeros(...)` and so on.  As in older scripts `Tensor([1.0, 2.0])` has these values
    in the default dtype and `Tensor(2, 3)` that shape, with any values; `Tensor(array)` shares the memory of an array.

    Raises TypeError for a single float, and for other objects.

    >>> import tinygrad_lite as tg
    >>> x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4., 6.])
    """

    __slots__ = ()
    __array_priority__ = 1000
    # No __array_ufunc__ method: None makes `ndarray + tensor` come to Tensor.__radd__.
    __hash__ = object.__hash__

    def __init__(self, data: Any = (), node: Any = None, *sizes: _int) -> None:
        if data.__class__ is not np.ndarray and not isinstance(node, Node) and not backend.is_array(data):
            data, node = _from_values_or_sizes(data, *(() if node is None else (node,)), *sizes), None
        self.array, self.node = data, node

    # --- the graph ------------------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> _bool:
        """Whether operations on this tensor are recorded, so that gradients with respect to it exist."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, on: _bool) -> None:
        self.requires_grad_(on)

    def requires_grad_(self, requires_grad: _bool = True) -> Self:
        """Make this a leaf that gradients are computed for (or, with False, a constant); return it.

        What counts is the state at `backward`: a leaf that was used, and then told False, gets no gradient.  Told True
        again it is the same leaf as before, with its hooks, and what was computed from it is still its history.

        Raises RuntimeError for a dtype that is not floating, or with False for the result of an operation.

        >>> import tinygrad_lite as tg
        >>> w, b = tg.tensor(2.0, requires_grad=True), tg.tensor(1.0, requires_grad=True)
        >>> loss = w * 3 + b
        >>> w.requires_grad_(False)
        tensor(2.)
        >>> loss.backward()
        >>> w.grad, b.grad
        (None, tensor(1.))
        """
        if requires_grad and self.node is None:
            self.as_new_leaf()
            leaf = getattr(self, "_former_leaf", None)
            if leaf is not None:
                leaf.shape, leaf.dtype = self.array.shape, self.array.dtype
                self.node = leaf
            state_changed()
        elif not requires_grad and self.node is not None:
            if not self.is_leaf:
                raise RuntimeError("you can only change requires_grad flags of leaf variables. If you want to use a "
                                   "computed variable in a subgraph that doesn't require differentiation "
                                   "use x.detach()")
            self._forget_leaf()
        return self

    def _forget_leaf(self) -> None:
        """Make a constant of a leaf."""
        assert isinstance(self.node, Leaf)
        self._former_leaf = self.node
        self.node = None
        state_changed()

    def as_new_leaf(self) -> Self:
        """`requires_grad_()` for a tensor that was just made, which no captured step can have seen."""
        if self.array.dtype.kind != "f":
            raise RuntimeError(f"only Tensors of floating point dtype can require gradients, got {self.array.dtype}")
        self.node = Leaf(self)
        return self

    @property
    def is_leaf(self) -> _bool:
        """Whether no recorded operation made this tensor."""
        return self.node is None or self.node.op is None

    @property
    def grad_fn(self) -> Node | None:
        """The node of the operation that made this tensor; None for a leaf."""
        return None if self.is_leaf else self.node

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` has accumulated here; None before.

        Warns of a tensor that is no leaf, whose gradient nobody keeps (see `retain_grad`).
        """
        gradient = gradient_of(self)
        if gradient is None and self._loses_grad():
            warnings.warn("The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad "
                          "attribute won't be populated during autograd.backward(). If you indeed want the .grad field "
                          "to be populated for a non-leaf Tensor, use .retain_grad() on it. If you wrote w = w - lr * "
                          "w.grad, do it inside `with no_grad():` as w -= lr * w.grad.", stacklevel=2)
        return gradient  # type: ignore[return-value]

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, graph.Tensor):
                raise TypeError(f"grad must be a Tensor or None, got {type(value).__name__}")
            if value.array.shape != self.array.shape or value.array.dtype != self.array.dtype:
                raise RuntimeError(f"grad must have shape {self.array.shape} and dtype {self.array.dtype}, "
                                   f"got {value.array.shape} and {value.array.dtype}")
        self._grad = value
        if mode.state.__class__ is not bool:
            mode.state.stored(self, value)

    @grad.deleter
    def grad(self) -> None:
        self.grad = None

    def _loses_grad(self) -> _bool:
        """Whether a walk leaves nothing here: in a result that nobody told to keep its gradient."""
        node = self.node
        return node is not None and node.op is not None and not self.retains_grad

    def backward(self, gradient: Tensor | None = None, retain_graph: _bool | None = None, create_graph: _bool = False,
                 inputs: Sequence[Tensor] | Tensor | None = None) -> None:
        """Add d self / d leaf to the `.grad` of each leaf (or of each of `inputs`).

        `gradient` weights the elements of self; a tensor of one element needs none.  The saved values are freed unless
        `retain_graph` (default: `create_graph`).  With `create_graph` the gradients have a history of their own;
        `autograd.grad` is usually the better call then.

        Raises RuntimeError if self does not require grad, is not a scalar and no `gradient` is given, if the graph was
        freed already, or if a value that it needs was overwritten in place.
        """
        accumulate([self], [gradient], retain_graph, create_graph, inputs)

    def detach(self) -> Tensor:
        """A constant that shares this tensor's memory."""
        return Tensor(self.array)

    def detach_(self) -> Self:
        """Forget the history; return self.

        Raises RuntimeError for a view: its history is that of its base.
        """
        if isinstance(self, View):
            raise RuntimeError("Can't detach views in-place, use detach() instead")
        if isinstance(self.node, Leaf):
            self._forget_leaf()
        self.node = None
        return self

    @property
    def data(self) -> Tensor:
        """A constant that shares this tensor's memory.  Assigning replaces the array and keeps the leaf."""
        return Tensor(self.array)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, graph.Tensor):
            raise TypeError(f"data must be a Tensor, got {type(value).__name__}")
        self.array = value.array
        if isinstance(self.node, Leaf):
            self.node.shape, self.node.dtype = self.array.shape, self.array.dtype
        state_changed()

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor in `.grad` although it is no leaf."""
        if self.node is None:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self.is_leaf or self.retains_grad:
            return
        ref = weakref.ref(self)

        def keep(gradient: Tensor) -> None:
            tensor = ref()
            if tensor is not None:
                deposit(tensor, own(gradient if gradient.node is not None else gradient.array))

        keep.keeps_grad_of = ref  # type: ignore[attr-defined]  # an in-place write moves the hook, see inplace.rebase
        self._add_hook(keep)

    @property
    def retains_grad(self) -> _bool:
        """Whether `retain_grad` was called on this tensor, which is no leaf."""
        hooks = None if self.is_leaf or self.node is None else self.node.hooks
        return any(hook.keeps_grad_of() is self for hook in hooks or () if hasattr(hook, "keeps_grad_of"))

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call `hook(gradient)` when the gradient of this tensor is known; what it returns (not None) replaces it.

        >>> import tinygrad_lite as tg
        >>> x = tg.tensor(3.0, requires_grad=True)
        >>> handle = x.register_hook(lambda gradient: gradient * 10)
        >>> (2 * x).backward()
        >>> x.grad
        tensor(20.)
        >>> handle.remove()
        """
        if self.node is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        return self._add_hook(hook)

    def _add_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        assert self.node is not None
        if self.node.hooks is None:
            self.node.hooks = []
        hooks = self.node.hooks
        # `.grad` is what all other hooks have made of the gradient, also those that come later.
        keeping = 0 if hasattr(hook, "keeps_grad_of") else sum(hasattr(h, "keeps_grad_of") for h in hooks)
        hooks.insert(len(hooks) - keeping, hook)
        state_changed()
        return RemovableHandle(hooks, hook)

    # --- the array ------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[_int, ...]:
        """The sizes of the axes."""
        return self.array.shape  # type: ignore[no-any-return]

    def size(self, dim: _int | None = None) -> Any:
        """The shape, or the size of axis `dim`."""
        return self.array.shape if dim is None else self.array.shape[dim]

    @property
    def ndim(self) -> _int:
        """The number of axes."""
        return self.array.ndim  # type: ignore[no-any-return]

    def dim(self) -> _int:
        """The number of axes."""
        return self.array.ndim  # type: ignore[no-any-return]

    if not TYPE_CHECKING:  # their types are those of `_methods.pyi`
        numel = nelement = compositions.numel

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the elements, a NumPy dtype."""
        return self.array.dtype  # type: ignore[no-any-return]

    @property
    def device(self) -> devices.device:
        """ "cpu", or the device that holds the array."""
        return devices.device(backend.of(self.array).device)

    if not TYPE_CHECKING:  # their types are those of `_methods.pyi`
        is_floating_point = compositions.is_floating_point

    def is_contiguous(self) -> _bool:
        """Whether the elements lie in memory in order."""
        return bool(self.array.flags.c_contiguous)

    def stride(self, dim: _int | None = None) -> Any:
        """How many elements lie between neighbours along each axis, or along `dim`."""
        strides = tuple(step // self.array.itemsize for step in self.array.strides)
        return strides if dim is None else strides[dim]

    def new_zeros(self, *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None,
                  requires_grad: _bool = False) -> Tensor:
        """Zeros of another shape, unless given in the dtype and on the device of this tensor."""
        return self._new("zeros", sizes_of(sizes, size), dtype, device, requires_grad)

    def new_ones(self, *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None,
                 requires_grad: _bool = False) -> Tensor:
        """Ones of another shape, unless given in the dtype and on the device of this tensor."""
        return self._new("ones", sizes_of(sizes, size), dtype, device, requires_grad)

    def new_empty(self, *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None,
                  requires_grad: _bool = False) -> Tensor:
        """What is in memory, in another shape, unless given in the dtype and on the device of this tensor."""
        return self._new("empty", sizes_of(sizes, size), dtype, device, requires_grad)

    def new_full(self, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None,
                 requires_grad: _bool = False) -> Tensor:
        """`fill_value` in another shape, unless given in the dtype and on the device of this tensor."""
        new = self.new_empty(size, dtype=dtype, device=device)
        new.array[...] = fill_value
        return new.requires_grad_() if requires_grad else new

    def new_tensor(self, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: _bool = False) -> Tensor:
        """A new tensor of `data` (numbers, nested lists, an array), unless given in the dtype and on the device of this
        one."""
        array = np.array(data, self.array.dtype if dtype is None else dtype)
        result = Tensor(backend.transfer(array, self._backend(device)))
        return result.as_new_leaf() if requires_grad else result

    def _backend(self, device: Any) -> backend.Backend:
        return backend.of(self.array) if device is None else backend.named(device)

    def _new(self, kind: str, size: Any, dtype: Any, device: Any, requires_grad: _bool) -> Tensor:
        make = getattr(self._backend(device).module, kind)
        result = Tensor(make(size, self.array.dtype if dtype is None else np.dtype(dtype)))
        return result.as_new_leaf() if requires_grad else result

    def data_ptr(self) -> _int:
        """The address of the first element."""
        return int(self.array.data.ptr if hasattr(self.array.data, "ptr") else self.array.ctypes.data)

    def _reading(self, how: str) -> None:
        if mode.state.__class__ is not bool:
            mode.state.reads(self, how)

    def item(self) -> Any:
        """The only element, as a Python number.

        Raises RuntimeError for a tensor of more or fewer elements.
        """
        self._reading("item()")
        if self.array.size != 1:
            raise RuntimeError(f"a Tensor with {self.array.size} elements cannot be converted to Scalar")
        return self.array.item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        self._reading("tolist()")
        return self.array.tolist()

    def numpy(self, *, force: _bool = False) -> np.ndarray[Any, Any]:
        """The NumPy array itself: a write to it is a write to this tensor that the library does not see.

        Raises RuntimeError for a tensor that requires grad and TypeError for one that is not on the CPU, unless `force`
        is True, which stands for `.detach().cpu().numpy()`.
        """
        if force:
            return self.detach().cpu().numpy()
        self._reading("numpy()")
        if self.node is not None:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if not isinstance(self.array, np.ndarray):
            raise TypeError(f"can't convert a tensor on {self.device!r} to NumPy. Use tensor.cpu().numpy() instead.")
        return self.array

    def __array__(self, dtype: Any = None, copy: _bool | None = None) -> np.ndarray[Any, Any]:
        return np.asarray(self.numpy(), dtype) if copy is None else np.array(self.numpy(), dtype, copy=copy)

    def __dlpack__(self, **options: Any) -> Any:
        self._reading("__dlpack__()")
        if self.node is not None:
            raise RuntimeError("Can't export a Tensor that requires grad. Use tensor.detach() first.")
        if any(step < 0 for step in self.array.strides):  # PyTorch ends the process if it gets one
            raise BufferError("can't export a Tensor with negative strides. Use tensor.clone() first.")
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[_int, _int]:
        return self.array.__dlpack_device__()  # type: ignore[no-any-return]

    def __bool__(self) -> _bool:
        self._reading("bool()")
        if self.array.size != 1:
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return bool(self.array)

    def __float__(self) -> _float:
        self._reading("float()")
        return float(self.item())

    def __int__(self) -> _int:
        self._reading("int()")
        return int(self.item())

    def __index__(self) -> _int:
        self._reading("index()")
        if self.array.size != 1 or self.array.dtype.kind == "f":
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.array.item())

    def __len__(self) -> _int:
        if not self.array.ndim:
            raise TypeError("len() of a 0-d tensor")
        return len(self.array)

    def __iter__(self) -> Any:
        if not self.array.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return (self[i] for i in range(len(self.array)))

    def __contains__(self, value: Any) -> _bool:
        return bool((self == value).any())

    def __repr__(self) -> str:
        return printing.represent(self)

    def __format__(self, spec: str) -> str:
        """Of a 0-d tensor as its number, f"{loss:.3f}"; of others as repr.

        Raises TypeError for a format specification with more than a number.
        """
        return object.__format__(self, spec) if self.array.ndim else format(self.item(), spec)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if not self.is_leaf:
            raise RuntimeError("Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                               "protocol; use x.detach().clone()")
        new: Tensor = object.__new__(Tensor if isinstance(self, View) else type(self))
        memo[id(self)] = new
        new.array, new.node = self.array.copy(), None
        for name, value in getattr(self, "__dict__", {}).items():
            setattr(new, name, copy.deepcopy(value, memo))
        if self.node is not None:
            new.node = Leaf(new)
        if self.grad is not None:
            new._grad = copy.deepcopy(self.grad, memo)
        return new

    def __reduce__(self) -> Any:
        if not self.is_leaf:
            raise RuntimeError("only leaf tensors can be pickled; use x.detach()")
        return _rebuild, (Tensor if isinstance(self, View) else type(self), self.array, self.requires_grad)

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        """This tensor with another dtype and/or on another device; itself if it is there already.

        Arguments as PyTorch's: `to(dtype)`, `to(device)`, `to(device, dtype)`, `to(other)`; `copy=True` always copies.
        """
        copying = kwargs.pop("copy", False)
        kwargs.pop("non_blocking", None)
        dtype, device = kwargs.pop("dtype", None), kwargs.pop("device", None)
        if kwargs:
            raise TypeError(f"to: unexpected arguments {sorted(kwargs)}")
        for x in args:
            if isinstance(x, graph.Tensor):
                dtype, device = x.array.dtype, backend.of(x.array).device
            elif isinstance(x, backend.Backend) or (isinstance(x, str) and not _is_dtype_name(x)):
                device = x
            elif x is not None:
                dtype = x
        result: Tensor = self
        if device is not None and backend.named(device) is not backend.of(self.array):
            result = ops.to_device(result, backend.named(device).device)
        if dtype is not None and np.dtype(dtype) != self.array.dtype:
            result = ops.to_dtype(result, np.dtype(dtype))
        return ops.clone(result) if copying and result is self else result

    def cpu(self) -> Tensor:
        """This tensor in the host's memory."""
        return self.to("cpu")

    def cuda(self) -> Tensor:
        """This tensor on the GPU."""
        return self.to("cuda")

    def type(self, dtype: Any) -> Tensor:
        """This tensor in another dtype."""
        return self.to(np.dtype(dtype))

    def type_as(self, other: Tensor) -> Tensor:
        """This tensor in the dtype of another."""
        return self.to(other.dtype)

    def half(self) -> Tensor:
        """As float16."""
        return self.to(dtypes.float16)

    def float(self) -> Tensor:
        """As float32."""
        return self.to(dtypes.float32)

    def double(self) -> Tensor:
        """As float64."""
        return self.to(dtypes.float64)

    def int(self) -> Tensor:
        """As int32."""
        return self.to(dtypes.int32)

    def long(self) -> Tensor:
        """As int64."""
        return self.to(dtypes.int64)

    def bool(self) -> Tensor:
        """As bool."""
        return self.to(dtypes.bool_)

    # --- arithmetic -------------------------------------------------------------------------------------------------

    if not TYPE_CHECKING:  # their types are those of `_methods.pyi`
        __add__ = ops.add
        __sub__ = ops.sub
        __mul__ = ops.mul
        __truediv__ = ops.div
        __pow__ = ops.pow
        __matmul__ = ops.matmul
        __neg__ = ops.neg
        __abs__ = ops.abs
        __lt__ = ops.lt
        __le__ = ops.le
        __gt__ = ops.gt
        __ge__ = ops.ge
        __and__ = ops.bitwise_and
        __or__ = ops.bitwise_or
        __invert__ = ops.bitwise_not
        __xor__ = ops.bitwise_xor
        __floordiv__ = ops.floor_divide
        __mod__ = ops.remainder
        __lshift__ = ops.bitwise_left_shift
        __rshift__ = ops.bitwise_right_shift

    def __eq__(self, other: Any) -> Any:
        return ops.eq(self, other) if _is_operand(other) else NotImplemented  # Python's answer: not the same object

    def __ne__(self, other: Any) -> Any:
        return ops.ne(self, other) if _is_operand(other) else NotImplemented

    def __pos__(self) -> Tensor:
        return self

    def __radd__(self, other: Operand) -> Tensor:
        return ops.add(other, self)  # type: ignore[no-any-return]

    def __rsub__(self, other: Operand) -> Tensor:
        return ops.sub(other, self)  # type: ignore[no-any-return]

    def __rmul__(self, other: Operand) -> Tensor:
        return ops.mul(other, self)  # type: ignore[no-any-return]

    def __rtruediv__(self, other: Operand) -> Tensor:
        return ops.div(other, self)  # type: ignore[no-any-return]

    def __rpow__(self, other: Operand) -> Tensor:
        return ops.pow(other, self)  # type: ignore[no-any-return]

    def __rmatmul__(self, other: Operand) -> Tensor:
        return ops.matmul(other, self)  # type: ignore[no-any-return]

    def __rand__(self, other: Operand) -> Tensor:
        return ops.bitwise_and(other, self)  # type: ignore[no-any-return]

    def __ror__(self, other: Operand) -> Tensor:
        return ops.bitwise_or(other, self)  # type: ignore[no-any-return]

    def __rxor__(self, other: Operand) -> Tensor:
        return ops.bitwise_xor(other, self)  # type: ignore[no-any-return]

    def __rfloordiv__(self, other: Operand) -> Tensor:
        return ops.floor_divide(other, self)  # type: ignore[no-any-return]

    def __rmod__(self, other: Operand) -> Tensor:
        return ops.remainder(other, self)  # type: ignore[no-any-return]

    def __rlshift__(self, other: Operand) -> Tensor:
        return ops.bitwise_left_shift(other, self)  # type: ignore[no-any-return]

    def __rrshift__(self, other: Operand) -> Tensor:
        return ops.bitwise_right_shift(other, self)  # type: ignore[no-any-return]

    # --- ops and compositions as methods --------------------------------------------------------------------------

    if not TYPE_CHECKING:  # their types are those of `_methods.pyi`
        abs = ops.abs
        absolute = compositions.absolute
        acos = ops.acos
        acosh = ops.acosh
        add = compositions.add
        addcdiv = compositions.addcdiv
        addcmul = compositions.addcmul
        addmm = compositions.addmm
        addmv = compositions.addmv
        addr = compositions.addr
        all = compositions.all
        allclose = compositions.allclose
        amax = ops.amax
        amin = ops.amin
        aminmax = compositions.aminmax
        any = compositions.any
        arccos = compositions.arccos
        arccosh = compositions.arccosh
        arcsin = compositions.arcsin
        arcsinh = compositions.arcsinh
        arctan = compositions.arctan
        arctan2 = compositions.arctan2
        arctanh = compositions.arctanh
        argmax = ops.argmax
        argmin = ops.argmin
        argsort = compositions.argsort
        argwhere = ops.argwhere
        asin = ops.asin
        asinh = ops.asinh
        atan = ops.atan
        atan2 = ops.atan2
        atanh = ops.atanh
        baddbmm = compositions.baddbmm
        bincount = ops.bincount
        bitwise_and = ops.bitwise_and
        bitwise_left_shift = ops.bitwise_left_shift
        bitwise_not = ops.bitwise_not
        bitwise_or = ops.bitwise_or
        bitwise_right_shift = ops.bitwise_right_shift
        bitwise_xor = ops.bitwise_xor
        bmm = compositions.bmm
        broadcast_to = compositions.broadcast_to
        ceil = ops.ceil
        chunk = compositions.chunk
        clamp = ops.clamp
        clamp_max = compositions.clamp_max
        clamp_min = compositions.clamp_min
        clip = compositions.clip
        clone = ops.clone
        copysign = compositions.copysign
        corrcoef = compositions.corrcoef
        cos = ops.cos
        cosh = ops.cosh
        count_nonzero = compositions.count_nonzero
        cov = compositions.cov
        cross = compositions.cross
        cumprod = compositions.cumprod
        cumsum = ops.cumsum
        deg2rad = compositions.deg2rad
        det = ops.det
        diag = compositions.diag
        diag_embed = compositions.diag_embed
        diagflat = compositions.diagflat
        diagonal = ops.diagonal
        diff = compositions.diff
        dist = compositions.dist
        div = compositions.div
        divide = compositions.divide
        dot = compositions.dot
        dsplit = compositions.dsplit
        eq = ops.eq
        equal = compositions.equal
        erf = ops.erf
        exp = ops.exp
        exp2 = ops.exp2
        expm1 = ops.expm1
        fix = compositions.fix
        flatten = compositions.flatten
        flip = compositions.flip
        fliplr = compositions.fliplr
        flipud = compositions.flipud
        float_power = compositions.float_power
        floor = ops.floor
        floor_divide = ops.floor_divide
        fmax = compositions.fmax
        fmin = compositions.fmin
        fmod = ops.fmod
        frac = compositions.frac
        gather = ops.gather
        ge = ops.ge
        ger = compositions.ger
        greater = compositions.greater
        greater_equal = compositions.greater_equal
        gt = ops.gt
        heaviside = compositions.heaviside
        histc = compositions.histc
        hsplit = compositions.hsplit
        hypot = ops.hypot
        index_add = compositions.index_add
        index_copy = compositions.index_copy
        index_fill = compositions.index_fill
        index_put = compositions.index_put
        index_select = compositions.index_select
        inner = compositions.inner
        inverse = compositions.inverse
        isclose = ops.isclose
        isfinite = ops.isfinite
        isinf = ops.isinf
        isnan = compositions.isnan
        isneginf = compositions.isneginf
        isposinf = compositions.isposinf
        kron = compositions.kron
        kthvalue = compositions.kthvalue
        le = ops.le
        lerp = compositions.lerp
        less = compositions.less
        less_equal = compositions.less_equal
        log = ops.log
        log10 = ops.log10
        log1p = ops.log1p
        log2 = ops.log2
        log_softmax = compositions.log_softmax
        logaddexp = ops.logaddexp
        logdet = compositions.logdet
        logical_and = ops.logical_and
        logical_not = ops.logical_not
        logical_or = ops.logical_or
        logical_xor = ops.logical_xor
        logit = compositions.logit
        logsumexp = ops.logsumexp
        lt = ops.lt
        masked_fill = compositions.masked_fill
        masked_scatter = compositions.masked_scatter
        masked_select = compositions.masked_select
        matmul = ops.matmul
        matrix_power = compositions.matrix_power
        max = compositions.max
        maximum = ops.maximum
        mean = ops.mean
        median = compositions.median
        min = compositions.min
        minimum = ops.minimum
        mm = compositions.mm
        moveaxis = compositions.moveaxis
        movedim = compositions.movedim
        msort = compositions.msort
        mul = ops.mul
        multiply = compositions.multiply
        mv = compositions.mv
        nan_to_num = ops.nan_to_num
        nanmean = compositions.nanmean
        nansum = compositions.nansum
        narrow = compositions.narrow
        ne = ops.ne
        neg = ops.neg
        negative = compositions.negative
        nonzero = compositions.nonzero
        norm = compositions.norm
        not_equal = compositions.not_equal
        outer = compositions.outer
        positive = compositions.positive
        pow = ops.pow
        prod = ops.prod
        put = compositions.put
        quantile = compositions.quantile
        rad2deg = compositions.rad2deg
        ravel = compositions.ravel
        reciprocal = ops.reciprocal
        relu = ops.relu
        remainder = ops.remainder
        repeat = compositions.repeat
        repeat_interleave = compositions.repeat_interleave
        reshape_as = compositions.reshape_as
        roll = ops.roll
        rot90 = compositions.rot90
        round = ops.round
        rsqrt = ops.rsqrt
        scatter = compositions.scatter
        scatter_add = compositions.scatter_add
        select = compositions.select
        sgn = compositions.sgn
        sigmoid = ops.sigmoid
        sign = ops.sign
        signbit = ops.signbit
        sin = ops.sin
        sinh = ops.sinh
        softmax = compositions.softmax
        sort = compositions.sort
        split = compositions.split
        sqrt = ops.sqrt
        square = compositions.square
        squeeze = compositions.squeeze
        std = compositions.std
        sub = compositions.sub
        subtract = compositions.subtract
        sum = ops.sum
        swapaxes = compositions.swapaxes
        swapdims = compositions.swapdims
        t = compositions.t
        take = compositions.take
        take_along_dim = compositions.take_along_dim
        tan = ops.tan
        tanh = ops.tanh
        tensor_split = compositions.tensor_split
        tile = compositions.tile
        topk = compositions.topk
        trace = compositions.trace
        tril = ops.tril
        triu = ops.triu
        true_divide = compositions.true_divide
        trunc = ops.trunc
        unbind = compositions.unbind
        unflatten = compositions.unflatten
        unfold = ops.unfold
        unique = compositions.unique
        unsqueeze = compositions.unsqueeze
        var = compositions.var
        vdot = compositions.vdot
        vsplit = compositions.vsplit
        xlogy = ops.xlogy

    def where(self, condition: Any, other: Any) -> Tensor:
        """self where `condition` holds, else `other`."""
        return ops.where(condition, self, other)  # type: ignore[no-any-return]

    def reshape(self, *sizes: Any, shape: Any = None) -> Tensor:
        """The same elements in another shape, given as sizes or as one tuple; one size may be -1."""
        return ops.reshape(self, sizes_of(sizes, shape))  # type: ignore[no-any-return]

    def view(self, *shape: Any) -> Tensor:
        """`reshape` that never copies.

        Raises RuntimeError where the memory does not allow it.
        """
        result = ops.reshape(self, sizes_of(shape))
        if result.array.size and graph.owner_of(result.array) is not graph.owner_of(self.array):
            raise RuntimeError("view size is not compatible with input tensor's size and stride. "
                               "Use .reshape(...) instead.")
        return result  # type: ignore[no-any-return]

    def view_as(self, other: Tensor) -> Tensor:
        """`view` in the shape of another tensor."""
        return self.view(other.shape)

    def transpose(self, dim0: _int, dim1: _int) -> Tensor:
        """With two axes swapped; a view."""
        return ops.transpose(self, dim0, dim1)  # type: ignore[no-any-return]

    def permute(self, *axes: Any, dims: Any = None) -> Tensor:
        """With the axes in another order, given one by one or as one tuple; a view."""
        return ops.permute(self, tuple(sizes_of(axes, dims)))  # type: ignore[no-any-return]

    @property
    def T(self) -> Tensor:
        """With the axes in reverse order: the transpose of a matrix; a view."""
        return ops.transpose(self, 0, 1) if self.ndim == 2 else self.permute(*range(self.ndim)[::-1])

    @property
    def mT(self) -> Tensor:
        """With the last two axes swapped; a view."""
        return ops.transpose(self, -2, -1)  # type: ignore[no-any-return]

    def expand(self, *sizes: Any) -> Tensor:
        """Broadcast to a shape, without copying; -1 keeps a size."""
        return ops.expand(self, tuple(sizes_of(sizes)))  # type: ignore[no-any-return]

    def expand_as(self, other: Tensor) -> Tensor:
        """Broadcast to the shape of another tensor, without copying."""
        return self.expand(other.shape)

    def contiguous(self) -> Tensor:
        """This tensor, or a copy of it in which the elements lie in memory in order."""
        return self if self.is_contiguous() else ops.clone(self)

    def __getitem__(self, key: Any) -> Tensor:
        return keys.get(self, key)  # type: ignore[no-any-return]

    def __setitem__(self, key: Any, value: Any) -> None:
        keys.put(self, key, value)

    # --- in place: see `compositions/inplace.py` ------------------------------------------------------------------

    def copy_(self, source: Any, non_blocking: _bool = False) -> Self:
        """Overwrite the elements with those of `source`, broadcast; return self.  `non_blocking` changes nothing.

        All of `source` is read before anything is written: `x[1:].copy_(x[:-1])` moves x by one.
        """
        return inplace.write(self, ops.copy_to(self, source))

    def fill_(self, value: Any) -> Self:
        """Overwrite all elements with `value`, a number or a tensor without axes; return self.

        Raises RuntimeError for a tensor with axes: `copy_` broadcasts.
        """
        if getattr(value, "ndim", 0):
            raise RuntimeError("fill_ only supports 0-dimension value tensor but got tensor with "
                               f"{value.ndim} dimensions. Use copy_ instead.")
        return self.copy_(value)

    def zero_(self) -> Self:
        """Overwrite all elements with 0; return self."""
        return self.copy_(0)

    def add_(self, other: Any, *, alpha: Any = 1) -> Self:
        """self += alpha * other; return self."""
        return inplace.write(self, compositions.add(self, other, alpha=alpha))

    def sub_(self, other: Any, *, alpha: Any = 1) -> Self:
        """self -= alpha * other; return self."""
        return inplace.write(self, compositions.sub(self, other, alpha=alpha))

    def mul_(self, other: Any) -> Self:
        """self *= other; return self."""
        return inplace.write(self, ops.mul(self, other))

    def div_(self, other: Any, *, rounding_mode: str | None = None) -> Self:
        """self /= other, rounded as `div` does; return self."""
        return inplace.write(self, compositions.div(self, other, rounding_mode=rounding_mode))

    if not TYPE_CHECKING:  # their types are those of `_methods.pyi`
        abs_ = inplace.in_place(ops.abs)
        absolute_ = inplace.in_place(compositions.absolute)
        acos_ = inplace.in_place(ops.acos)
        addcdiv_ = inplace.in_place(compositions.addcdiv)
        addcmul_ = inplace.in_place(compositions.addcmul)
        asin_ = inplace.in_place(ops.asin)
        atan_ = inplace.in_place(ops.atan)
        atan2_ = inplace.in_place(ops.atan2)
        bitwise_and_ = inplace.in_place(ops.bitwise_and)
        bitwise_not_ = inplace.in_place(ops.bitwise_not)
        bitwise_or_ = inplace.in_place(ops.bitwise_or)
        bitwise_xor_ = inplace.in_place(ops.bitwise_xor)
        ceil_ = inplace.in_place(ops.ceil)
        clamp_ = inplace.in_place(ops.clamp)
        clamp_max_ = inplace.in_place(compositions.clamp_max)
        clamp_min_ = inplace.in_place(compositions.clamp_min)
        clip_ = inplace.in_place(compositions.clip)
        cos_ = inplace.in_place(ops.cos)
        cosh_ = inplace.in_place(ops.cosh)
        cumsum_ = inplace.in_place(ops.cumsum)
        erf_ = inplace.in_place(ops.erf)
        exp_ = inplace.in_place(ops.exp)
        exp2_ = inplace.in_place(ops.exp2)
        expm1_ = inplace.in_place(ops.expm1)
        floor_ = inplace.in_place(ops.floor)
        floor_divide_ = inplace.in_place(ops.floor_divide)
        fmod_ = inplace.in_place(ops.fmod)
        frac_ = inplace.in_place(compositions.frac)
        lerp_ = inplace.in_place(compositions.lerp)
        log_ = inplace.in_place(ops.log)
        log10_ = inplace.in_place(ops.log10)
        log1p_ = inplace.in_place(ops.log1p)
        log2_ = inplace.in_place(ops.log2)
        logical_and_ = inplace.in_place(ops.logical_and)
        logical_not_ = inplace.in_place(ops.logical_not)
        logical_or_ = inplace.in_place(ops.logical_or)
        logical_xor_ = inplace.in_place(ops.logical_xor)
        masked_fill_ = inplace.in_place(compositions.masked_fill)
        nan_to_num_ = inplace.in_place(ops.nan_to_num)
        neg_ = inplace.in_place(ops.neg)
        negative_ = inplace.in_place(compositions.negative)
        pow_ = inplace.in_place(ops.pow)
        reciprocal_ = inplace.in_place(ops.reciprocal)
        relu_ = inplace.in_place(ops.relu)
        remainder_ = inplace.in_place(ops.remainder)
        round_ = inplace.in_place(ops.round)
        rsqrt_ = inplace.in_place(ops.rsqrt)
        sigmoid_ = inplace.in_place(ops.sigmoid)
        sign_ = inplace.in_place(ops.sign)
        sin_ = inplace.in_place(ops.sin)
        sinh_ = inplace.in_place(ops.sinh)
        sqrt_ = inplace.in_place(ops.sqrt)
        square_ = inplace.in_place(compositions.square)
        tan_ = inplace.in_place(ops.tan)
        tanh_ = inplace.in_place(ops.tanh)
        trunc_ = inplace.in_place(ops.trunc)

    def scatter_(self, dim: _int, index: Any, src: Any = None, *, value: Any = None) -> Self:
        """Overwrite the elements at the indices along `dim`, see `scatter`; return self."""
        return inplace.write(self, compositions.scatter(self, dim, index, src, value=value))

    def scatter_add_(self, dim: _int, index: Any, src: Any) -> Self:
        """Add to the elements at the indices along `dim`, see `scatter_add`; return self."""
        return inplace.write(self, compositions.scatter_add(self, dim, index, src))

    def index_add_(self, dim: _int, index: Any, source: Any, *, alpha: Any = 1) -> Self:
        """Add to the slices at the indices of a vector, see `index_add`; return self."""
        return inplace.write(self, compositions.index_add(self, dim, index, source, alpha=alpha))

    def index_copy_(self, dim: _int, index: Any, source: Any) -> Self:
        """Overwrite the slices at the indices of a vector, see `index_copy`; return self."""
        return inplace.write(self, compositions.index_copy(self, dim, index, source))

    def index_fill_(self, dim: _int, index: Any, value: Any) -> Self:
        """Fill the slices at the indices of a vector, see `index_fill`; return self."""
        return inplace.write(self, compositions.index_fill(self, dim, index, value))

    def index_put_(self, indices: Any, values: Any, accumulate: _bool = False) -> Self:
        """Overwrite (or add to) the elements at index arrays, see `index_put`; return self."""
        return inplace.write(self, compositions.index_put(self, indices, values, accumulate))

    def put_(self, index: Any, source: Any, accumulate: _bool = False) -> Self:
        """Overwrite (or add to) the elements at indices of the flattened tensor, see `put`; return self."""
        return inplace.write(self, compositions.put(self, index, source, accumulate))

    def masked_scatter_(self, mask: Any, source: Any) -> Self:
        """Overwrite the elements where `mask` holds with the first ones of `source`; return self."""
        return inplace.write(self, compositions.masked_scatter(self, mask, source))

    def fill_diagonal_(self, fill_value: Any, wrap: _bool = False) -> Self:
        """Overwrite the elements whose indices are all equal; with `wrap` a tall matrix starts anew; return self."""
        return inplace.write(self, compositions.fill_diagonal(self, fill_value, wrap))

    def tril_(self, diagonal: _int = 0) -> Self:
        """Overwrite what is above a diagonal with 0; return self."""
        return inplace.write(self, ops.tril(self, diagonal))

    def triu_(self, diagonal: _int = 0) -> Self:
        """Overwrite what is below a diagonal with 0; return self."""
        return inplace.write(self, ops.triu(self, diagonal))

    def addmm_(self, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Self:
        """Overwrite with beta * self + alpha * (mat1 @ mat2); return self."""
        return inplace.write(self, compositions.addmm(self, mat1, mat2, beta=beta, alpha=alpha))

    def __iadd__(self, other: Operand) -> Self:
        return self.add_(other)

    def __isub__(self, other: Operand) -> Self:
        return self.sub_(other)

    def __imul__(self, other: Operand) -> Self:
        return self.mul_(other)

    def __itruediv__(self, other: Operand) -> Self:
        return self.div_(other)

    def __ipow__(self, other: Operand) -> Self:
        return self.pow_(other)

    if not TYPE_CHECKING:  # their types are those of `_methods.pyi`
        __ifloordiv__ = floor_divide_
        __imod__ = remainder_
        __iand__ = bitwise_and_
        __ior__ = bitwise_or_
        __ixor__ = bitwise_xor_

    def normal_(self, mean: _float = 0.0, std: _float = 1.0, *, generator: Any = None) -> Self:
        """Overwrite with draws from N(mean, std ** 2); return self."""
        return self.copy_(random.normal(self, mean, std, generator))

    if not TYPE_CHECKING:  # their types are those of `_methods.pyi`
        bernoulli = random.bernoulli
        multinomial = random.multinomial

    def bernoulli_(self, p: Any = 0.5, *, generator: Any = None) -> Self:
        """Overwrite with 1 with probability `p` (a number, or a tensor of them), and else with 0; return self."""
        likely = p.expand(self.shape) if isinstance(p, graph.Tensor) else None  # type: ignore[attr-defined]
        return self.copy_(random.bernoulli(self if likely is None else likely, p if likely is None else None,
                                           generator=generator))

    def uniform_(self, low: _float = 0.0, high: _float = 1.0, *, generator: Any = None) -> Self:
        """Overwrite with draws from U[low, high); return self."""
        return self.copy_(random.uniform(self, low, high, generator))


class TensorView(View, Tensor):
    """A View with the methods of a Tensor."""

    __slots__ = ()


complete(Tensor, TensorView)


def _from_values_or_sizes(data: Any, *sizes: Any) -> Any:
    """The array of PyTorch's old constructor: of values in a sequence, or of these sizes."""
    if isinstance(data, graph.Tensor) and not sizes:
        return data.array
    if isinstance(data, (list, tuple)) and not sizes:
        return np.array(data, dtypes.get_default_dtype())
    if all(isinstance(n, (int, np.integer)) for n in (data, *sizes)):
        return np.empty((data, *sizes), dtypes.get_default_dtype())
    raise TypeError("Tensor(): data must be a sequence of values, an array or sizes, got "
                    f"{', '.join(type(x).__name__ for x in (data, *sizes))}; tensor(...) makes one of a number")


class RemovableHandle:
    """What registering a hook returns; `remove()`, or the end of a `with` block, takes the hook out again."""

    def __init__(self, hooks: list[Any], hook: Any) -> None:
        self._hooks, self._hook = hooks, hook

    def remove(self) -> None:
        """Take the hook out; a second call does nothing."""
        for i, hook in enumerate(self._hooks):
            if hook is self._hook:
                del self._hooks[i]
                state_changed()
                return

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def _is_operand(x: Any) -> bool:
    return isinstance(x, (graph.Tensor, int, float)) or hasattr(x, "dtype")


def _is_dtype_name(name: str) -> bool:
    try:
        np.dtype(name)
    except TypeError:
        return False
    return True


def _rebuild(cls: type[Tensor], array: Any, requires_grad: bool) -> Tensor:
    new = cls.__new__(cls)
    new.array, new.node = array, None
    if requires_grad:
        new.node = Leaf(new)
    return new
