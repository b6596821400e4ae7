"""How the battery (test_ops.py) calls each op, and what the op must compute: one `Case` per name in the registry.

An op without an entry here makes the battery fail. A case draws the arguments of a call, in float64 and away from the
points where the op has no derivative, and computes the result from the definition, with NumPy and none of our ops.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import hypothesis.strategies as st
import numpy as np

from tinygrad_lite import ops
from tinygrad_lite.ops.indexing import ARRAY

Array: TypeAlias = np.ndarray[Any, Any]
Arguments: TypeAlias = dict[str, Any]
Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """How to draw the arguments of an op, by name, and what it computes from them."""

    draw: Callable[[Maker], Arguments]
    oracle: Callable[..., Any]


WITHOUT_CASE = {"to_device": "moves arrays between backends: see test_devices.py"}
"""The ops that the battery leaves out, each with the reason."""


class Maker:
    """Draws shapes, dims and numbers; no two numbers of one call are equal or near 0."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw
        self.rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        self._pool = (self.rng.permutation(800) - 400) / 200 + 0.001

    def choose(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def shape(self, least: int = 0, most: int = 3, *, empty: bool = True) -> Shape:
        sides = (2, 3, 1, 2, 3, 4, 1, 2, 3, 0)[: 10 if empty else 9]
        return tuple(self.draw(st.lists(st.sampled_from(sides), min_size=least, max_size=most)))

    def narrower(self, shape: Shape) -> Shape:
        """A shape that broadcasts to `shape`."""
        dropped = self.draw(st.integers(0, len(shape)))
        return tuple(self.choose(n, 1) for n in shape[dropped:])

    def numbers(self, shape: Shape, *, positive: bool = False) -> Array:
        """Distinct numbers between -2 and 2, or between 0.4 and 2.4."""
        n = math.prod(shape)
        taken, self._pool = self._pool[:n], self._pool[n:]
        assert len(taken) == n, "the pool of distinct numbers is too small for this case"
        return (np.abs(taken) + 0.4 if positive else taken).reshape(shape)

    def integers(self, low: int, high: int, shape: Shape) -> Array:
        return self.rng.integers(low, high, shape)

    def booleans(self, shape: Shape) -> Array:
        return self.rng.random(shape) < 0.5

    def dim(self, ndim: int) -> int:
        return int(self.draw(st.integers(-ndim, ndim - 1))) if ndim else int(self.choose(0, -1))

    def dims(self, ndim: int) -> Any:
        """Any form of `dim` that a reduction takes."""
        several = self.draw(st.sets(st.integers(0, ndim - 1)) if ndim else st.just(set()))
        signed = tuple(d - ndim if self.draw(st.booleans()) else d for d in several)
        return self.choose(None, self.dim(ndim), signed, list(signed))

    def keepdim(self) -> bool:
        return bool(self.draw(st.booleans()))


CASES: dict[str, Case] = {}


def case(*names: str, oracle: Callable[..., Any] | None = None) -> Callable[[Callable[[Maker], Arguments]], Any]:
    """Register how the arguments of these ops are drawn; the oracle is NumPy's function of the name unless given."""

    def register(draw: Callable[[Maker], Arguments]) -> Callable[[Maker], Arguments]:
        for name in names:
            CASES[name] = Case(draw, oracle or positionally(getattr(np, NUMPY_NAMES.get(name, name))))
        return draw

    return register


def positionally(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda **arguments: function(*arguments.values())


NUMPY_NAMES = {
    "bitwise_not": "invert", "clamp": "clip", "div": "divide", "eq": "equal", "ge": "greater_equal", "gt": "greater",
    "le": "less_equal", "lt": "less", "mul": "multiply", "ne": "not_equal", "neg": "negative", "sub": "subtract",
}  # fmt: skip


# --- elementwise ------------------------------------------------------------------------------------------------------


@case("neg", "abs", "sign", "exp", "sin", "cos", "tanh")
def _(make: Maker) -> Arguments:
    return {"input": make.numbers(make.shape())}


@case("sigmoid", oracle=lambda input: 1 / (1 + np.exp(-input)))
@case("relu", oracle=lambda input: input * (input > 0))
@case("clone", oracle=lambda input: input)
def _(make: Maker) -> Arguments:
    return {"input": make.numbers(make.shape())}


@case("log", "sqrt")
def _(make: Maker) -> Arguments:
    return {"input": make.numbers(make.shape(), positive=True)}


def broadcast(make: Maker, *names: str, positive: str = "") -> Arguments:
    """Operands that broadcast against each other; one of several may be a Python number."""
    shape = make.shape()
    values: Arguments = {n: make.numbers(make.narrower(shape), positive=n in positive.split()) for n in names}
    number = make.choose(None, None, None, *names) if len(names) > 1 else None
    if number:
        values[number] = make.choose(0.75, 1.25, 2.0) * (1 if number in positive.split() else make.choose(1, -1))
    return values


@case("add", "sub", "mul", "maximum", "minimum")
def _(make: Maker) -> Arguments:
    return broadcast(make, "input", "other")


@case("eq", "ne", "lt", "le", "gt", "ge")
def _(make: Maker) -> Arguments:
    drawn = broadcast(make, "input", "other")  # rounded, so that some are equal
    return {n: np.round(x) if isinstance(x, np.ndarray) else round(x) for n, x in drawn.items()}


@case("positive", oracle=lambda input: np.round(input) > 0)
def _(make: Maker) -> Arguments:
    return {"input": np.round(make.numbers(make.shape()))}


@case("same", oracle=positionally(lambda a, b: np.isclose(a, b, rtol=0, atol=0, equal_nan=True)))
def _(make: Maker) -> Arguments:
    drawn = broadcast(make, "input", "other")
    return {n: np.where(np.round(x) == 1, np.nan, np.round(x)) for n, x in drawn.items()}


@case("bitwise_and", "bitwise_or")
def _(make: Maker) -> Arguments:
    shape, logical = make.shape(), make.choose(True, False)
    draw = make.booleans if logical else lambda shape: make.integers(0, 16, shape)
    return {"input": draw(make.narrower(shape)), "other": draw(make.narrower(shape))}


@case("bitwise_not")
def _(make: Maker) -> Arguments:
    return {"input": make.booleans(make.shape()) if make.choose(True, False) else make.integers(0, 16, make.shape())}


@case("div")
def _(make: Maker) -> Arguments:
    drawn = broadcast(make, "input", "other", positive="other")
    return drawn | {"other": drawn["other"] * make.choose(1, -1)}


@case("pow", oracle=lambda input, exponent: np.power(np.asarray(input, float), exponent))
def _(make: Maker) -> Arguments:
    if make.choose(True, False):  # a negative base has whole powers only, and no derivative with respect to them
        if make.choose(True, False):  # away from 0, where float16 would overflow
            return {"input": make.numbers(make.shape(), positive=True) * make.choose(1, -1),
                    "exponent": make.choose(-1, -2.0)}  # fmt: skip
        return {"input": make.numbers(make.shape()), "exponent": make.choose(0, 1, 2, 3, 2.0)}
    return broadcast(make, "input", "exponent", positive="input")


@case("clamp")
def _(make: Maker) -> Arguments:
    shape = make.shape()
    bounds = make.choose("both", "crossed", "numbers", "min", "max")
    low: Any = make.numbers(make.narrower(shape)) - 0.5
    high: Any = make.numbers(make.narrower(shape)) + 0.503
    if bounds == "numbers":
        low, high = make.choose(-0.703, None), 0.803
    return {"input": 2 * make.numbers(shape) + 0.0005, "min": None if bounds == "max" else low,
            "max": None if bounds == "min" else high - 4 if bounds == "crossed" else high}  # fmt: skip


@case("where", oracle=lambda condition, input, other: input * condition + other * ~condition)
def _(make: Maker) -> Arguments:
    drawn = broadcast(make, "input", "other")
    shape = np.broadcast_shapes(*(np.shape(x) for x in drawn.values()))
    return {"condition": make.booleans(make.narrower(shape)), **drawn}


# --- shape ------------------------------------------------------------------------------------------------------------


@case("to_dtype", oracle=lambda input, dtype: input.astype(dtype))
def _(make: Maker) -> Arguments:
    return {"input": make.numbers(make.shape()), "dtype": np.dtype(make.choose("float64", "float64", "int32"))}


def expand(input: Array, shape: Shape) -> Array:
    """Added to zeros of the shape; -1 keeps a size."""
    kept = (1,) * (len(shape) - input.ndim) + input.shape
    return input + np.zeros([m if n == -1 else n for m, n in zip(kept, shape, strict=True)])


@case("expand", oracle=expand)
def _(make: Maker) -> Arguments:
    shape = make.shape()
    input = make.numbers(make.narrower(shape))
    lead = len(shape) - input.ndim
    kept = [i >= lead and n == input.shape[i - lead] and make.choose(True, False) for i, n in enumerate(shape)]
    return {"input": input, "shape": tuple(-1 if keep else n for n, keep in zip(shape, kept, strict=True))}


def sum_to(input: Array, shape: Shape) -> Array:
    """Each element of `input` added where broadcasting would have taken it from."""
    result = np.zeros(shape)
    lead = input.ndim - len(shape)
    for place in np.ndindex(input.shape):
        result[tuple(0 if n == 1 else i for i, n in zip(place[lead:], shape, strict=True))] += input[place]
    return result


@case("sum_to", oracle=sum_to)
def _(make: Maker) -> Arguments:
    shape = make.shape()
    return {"input": make.numbers(shape), "shape": make.narrower(shape)}


@case("reshape", oracle=lambda input, shape: np.array(list(input.flat)).reshape(shape))
def _(make: Maker) -> Arguments:
    shape = make.shape()
    new = list(make.choose(shape, shape[::-1], (math.prod(shape),), (1, *shape)))
    if make.choose(True, False) and math.prod(shape) and new:
        new[make.dim(len(new))] = -1
    return {"input": make.numbers(shape), "shape": tuple(new)}


@case("transpose", oracle=lambda input, dim0, dim1: np.swapaxes(input, dim0, dim1) if input.ndim else input)
def _(make: Maker) -> Arguments:
    shape = make.shape()
    return {"input": make.numbers(shape), "dim0": make.dim(len(shape)), "dim1": make.dim(len(shape))}


@case("permute", oracle=lambda input, dims: np.moveaxis(input, dims, range(len(dims))))
def _(make: Maker) -> Arguments:
    shape = make.shape()
    dims = [int(d) for d in make.rng.permutation(len(shape))]
    return {"input": make.numbers(shape), "dims": tuple(d - len(shape) * make.choose(0, 1) for d in dims)}


def cat(tensors: Sequence[Array], dim: int) -> Array:
    """The slices of all operands along `dim`, one after another."""
    slices = [part for t in tensors for part in np.moveaxis(t, dim, 0)]
    result = np.zeros((len(slices), *np.moveaxis(tensors[0], dim, 0).shape[1:]))
    for i, part in enumerate(slices):
        result[i] = part
    return np.moveaxis(result, 0, dim)


@case("cat", oracle=cat)
def _(make: Maker) -> Arguments:
    shape = make.shape(1)
    dim = make.dim(len(shape))
    along = [make.choose(1, 2, 3, 0) for _ in range(make.choose(2, 1, 3))]
    axis = dim % len(shape)
    return {"tensors": [make.numbers((*shape[:axis], n, *shape[axis + 1 :])) for n in along], "dim": dim}


def pad(input: Array, pad: Sequence[int], value: float) -> Array:
    """Element by element: the result's [i, ...] is the input's [i - before, ...], or `value` where there is none."""
    before = [0] * (input.ndim - len(pad) // 2) + [pad[i] for i in range(len(pad) - 2, -1, -2)]
    after = [0] * (input.ndim - len(pad) // 2) + [pad[i + 1] for i in range(len(pad) - 2, -1, -2)]
    result = np.full([n + b + a for n, b, a in zip(input.shape, before, after, strict=True)], value)
    for place in np.ndindex(result.shape):
        source = tuple(i - b for i, b in zip(place, before, strict=True))
        if all(0 <= i < n for i, n in zip(source, input.shape, strict=True)):
            result[place] = input[source]
    return result


@case("pad", oracle=pad)
def _(make: Maker) -> Arguments:
    shape = make.shape(1)
    pairs = make.choose(*range(len(shape) + 1))
    widths = [make.choose(0, 1, 2) if shape[-1 - k // 2] < 2 else make.choose(1, 0, 2, -1) for k in range(2 * pairs)]
    return {"input": make.numbers(shape), "pad": widths, "value": make.choose(0.0, 1.5)}


@case("copy_to", oracle=lambda input, source: source + 0 * input)
def _(make: Maker) -> Arguments:
    shape = make.shape()
    return {"input": make.numbers(shape), "source": make.choose(make.numbers(make.narrower(shape)), 1.5)}


def view_put(input: Array, values: Any, path: Any) -> Array:
    """Follow the path with NumPy's functions and write there."""
    def place(x: Array, path: Any) -> Array:
        if path is None:
            return x
        before, op, settings = path
        x = place(x, before)
        return x[settings[0]] if op.name == "getitem" else x.T

    result = np.array(input)
    place(result, path)[...] = values
    return result


@case("view_put", oracle=view_put)
def _(make: Maker) -> Arguments:
    shape = make.shape(2, 2)
    path, place = make.choose(
        ((None, ops.transpose.op, (0, 1)), lambda x: x.T),
        ((None, ops.getitem.op, ((slice(0, 1), Ellipsis),)), lambda x: x[:1]),
        (((None, ops.getitem.op, ((slice(0, 1), Ellipsis),)), ops.permute.op, ((1, 0),)), lambda x: x[:1].T),
    )
    input = make.numbers(shape)
    return {"input": input, "values": make.numbers(make.narrower(place(input).shape)), "path": path}


# --- picking elements -------------------------------------------------------------------------------------------------


def basic_key(make: Maker, shape: Shape) -> tuple[Any, ...]:
    """Integers and slices of the first and the last axes, an Ellipsis between them, and perhaps a None."""
    slices = slice(None), slice(None, None, 2), slice(1, None), slice(-2, None), slice(0, 0)
    first = make.choose(*range(len(shape) + 1))
    last = make.choose(*range(first, len(shape) + 1))
    parts = [make.choose(*slices, *make.rng.integers(-n, n, 1).tolist()) if n else slice(None) for n in shape]
    return (*parts[:first], *make.choose((), (None,)), Ellipsis, *parts[last:])


@case("getitem", oracle=lambda input, key: np.array(input)[key])
def _(make: Maker) -> Arguments:
    shape = make.shape()
    return {"input": make.numbers(shape), "key": basic_key(make, shape)}


def put(input: Array, shape: Shape, key: Any) -> Array:
    """Number the places of the result; those that the key takes hold the input, the others 0."""
    places = np.arange(math.prod(shape)).reshape(shape)[key]
    result = np.zeros(math.prod(shape))
    for place, value in zip(places.flat, input.flat, strict=True):
        result[place] = value
    return result.reshape(shape)


@case("put", oracle=put)
def _(make: Maker) -> Arguments:
    shape = make.shape()
    key = basic_key(make, shape)
    return {"input": make.numbers(np.zeros(shape)[key].shape), "shape": shape, "key": key}


def array_key(make: Maker, shape: Shape, *, repeated: bool = True) -> tuple[list[Any], tuple[Any, ...]]:
    """Index arrays and the key that they stand in: one, two that broadcast, a mask, mixed with slices."""
    axis = make.choose(*range(len(shape)))
    n = shape[axis]
    kind = make.choose("one", "mask", "two", "number") if repeated else make.choose("one", "mask")
    lead = (slice(None),) * axis
    if kind == "mask":
        width = make.choose(*range(1, len(shape) - axis + 1))
        return [make.booleans(shape[axis : axis + width])], (*lead, ARRAY)
    if not repeated:
        return [make.rng.permutation(n)[: max(n - 1, 0)]], (*lead, ARRAY)
    first = make.integers(-n, n, make.shape(1, 2)) if n else make.integers(0, 1, (0,))
    if kind == "two" and axis + 1 < len(shape) and shape[axis + 1]:
        m = shape[axis + 1]
        return [first, make.integers(-m, m, make.narrower(first.shape))], (*lead, ARRAY, ARRAY)
    if kind == "number" and axis and shape[0]:
        return [first], (0, *lead[1:], ARRAY, Ellipsis)
    return [first], (*lead, ARRAY)


def filled(key: tuple[Any, ...], indices: Sequence[Any]) -> tuple[Any, ...]:
    arrays = list(indices)
    return tuple(arrays.pop(0) if part is ARRAY else part for part in key)


@case("index", oracle=lambda input, indices, key: input[filled(key, indices)])
def _(make: Maker) -> Arguments:
    shape = make.shape(1)
    indices, key = array_key(make, shape)
    return {"input": make.numbers(shape), "indices": indices, "key": key}


def index_add(input: Array, indices: Any, shape: Shape, key: Any) -> Array:
    """Number the places of the result, and add each element of the input to its place."""
    places = np.arange(math.prod(shape)).reshape(shape)[filled(key, indices)]
    result = np.zeros(math.prod(shape))
    for place, value in zip(places.flat, input.flat, strict=True):
        result[place] += value
    return result.reshape(shape)


@case("index_add", oracle=index_add)
def _(make: Maker) -> Arguments:
    shape = make.shape(1)
    indices, key = array_key(make, shape)
    return {"input": make.numbers(np.zeros(shape)[filled(key, indices)].shape), "indices": indices, "shape": shape,
            "key": key}  # fmt: skip


def index_put(input: Array, indices: Any, values: Any, key: Any) -> Array:
    """A write to a copy."""
    result = np.array(input)
    result[filled(key, indices)] = values
    return result


@case("index_put", oracle=index_put)
def _(make: Maker) -> Arguments:
    shape = make.shape(1)
    indices, key = array_key(make, shape, repeated=False)  # which of several values is written last is not defined
    taken = np.zeros(shape)[filled(key, indices)].shape
    values = make.choose(make.numbers(make.narrower(taken)), 2.5)
    return {"input": make.numbers(shape), "indices": indices, "values": values, "key": key}


def gather_index(make: Maker, shape: Shape, dim: int) -> Array:
    axis = dim % max(len(shape), 1)
    smaller = tuple(make.choose(2, 1, 3) if i == axis else make.choose(n, max(n - 1, 0)) for i, n in enumerate(shape))
    return make.integers(0, shape[axis] if shape else 1, smaller)


def gather(input: Array, dim: int, index: Array) -> Array:
    """out[i][j][k] = input[i][index[i][j][k]][k], element by element."""
    result = np.zeros(index.shape)
    for place in np.ndindex(index.shape):
        source = list(place)
        if source:
            source[dim] = index[place]
        result[place] = input[tuple(source)]
    return result


@case("gather", oracle=gather)
def _(make: Maker) -> Arguments:
    shape = make.shape(empty=False)
    dim = make.dim(len(shape))
    return {"input": make.numbers(shape), "dim": dim, "index": gather_index(make, shape, dim)}


def scatter_add(input: Array, dim: int, index: Array, shape: Shape) -> Array:
    """out[i][index[i][j][k]][k] += input[i][j][k], element by element."""
    result = np.zeros(shape)
    for place in np.ndindex(index.shape):
        target = list(place)
        if target:
            target[dim] = index[place]
        result[tuple(target)] += input[place]
    return result


@case("scatter_add", oracle=scatter_add)
def _(make: Maker) -> Arguments:
    shape = make.shape(empty=False)
    dim = make.dim(len(shape))
    index = gather_index(make, shape, dim)
    return {"input": make.numbers(index.shape), "dim": dim, "index": index, "shape": shape}


# --- reductions -------------------------------------------------------------------------------------------------------


def reducing(function: Callable[..., Any]) -> Callable[..., Any]:
    """The oracle of a reduction: `function` of each group of elements that is reduced to one."""

    def oracle(input: Array, dim: Any, keepdim: bool) -> Any:
        dims = range(input.ndim) if dim is None or dim in ((), []) else [dim] if isinstance(dim, int) else dim
        axes = sorted(d % input.ndim for d in dims if input.ndim)
        kept = [i for i in range(input.ndim) if i not in axes]
        count = math.prod(input.shape[i] for i in axes)
        groups = np.transpose(input, (*kept, *axes)).reshape(*(input.shape[i] for i in kept), count)
        result = np.zeros(groups.shape[:-1], np.asarray(function(np.ones(1))).dtype)
        for place in np.ndindex(result.shape):
            result[place] = function(groups[place])
        return np.expand_dims(result, tuple(axes)) if keepdim else result

    return oracle


@case("sum", oracle=reducing(math.fsum))
def _(make: Maker) -> Arguments:
    shape = make.shape()
    return {"input": make.numbers(shape), "dim": make.dims(len(shape)), "keepdim": make.keepdim()}


@case("mean", oracle=reducing(lambda v: math.fsum(v) / len(v)))
@case("amax", oracle=reducing(max))
@case("amin", oracle=reducing(min))
@case("logsumexp", oracle=reducing(lambda v: math.log(sum(math.exp(x) for x in v))))
def _(make: Maker) -> Arguments:
    shape = make.shape(empty=False)
    return {"input": make.numbers(shape), "dim": make.dims(len(shape)), "keepdim": make.keepdim()}


@case("argmax", oracle=reducing(lambda v: v.tolist().index(max(v))))
@case("argmin", oracle=reducing(lambda v: v.tolist().index(min(v))))
def _(make: Maker) -> Arguments:
    shape = make.shape(empty=False)
    dim = make.choose(None, make.dim(len(shape)))
    return {"input": np.round(make.numbers(shape)), "dim": dim, "keepdim": make.keepdim()}  # some are equal


# --- products ---------------------------------------------------------------------------------------------------------


def matmul(input: Array, other: Array) -> Array:
    """Rows times columns, elementwise, and summed."""
    rows = input[None] if input.ndim == 1 else input
    columns = other[:, None] if other.ndim == 1 else other
    full: Array = (rows[..., :, :, None] * columns[..., None, :, :]).sum(-2)
    full = full[..., 0] if other.ndim == 1 else full
    if input.ndim > 1:
        return full
    return np.asarray(full[0] if other.ndim == 1 else full[..., 0, :])


@case("matmul", oracle=matmul)
def _(make: Maker) -> Arguments:
    n, k, m = (make.choose(2, 3, 1, 0) for _ in range(3))
    batch = make.shape(0, 2)
    left, right = make.choose("matrix", "batch", "vector"), make.choose("matrix", "batch", "vector")
    shapes = {"matrix": ((n, k), (k, m)), "vector": ((k,), (k,))}
    return {"input": make.numbers(shapes[left][0] if left in shapes else (*make.narrower(batch), n, k)),
            "other": make.numbers(shapes[right][1] if right in shapes else (*make.narrower(batch), k, m))}  # fmt: skip


def contract(operands: Sequence[Array], equation: str) -> Array:
    """The sum over all values of all letters, one product at a time."""
    left, _, right = equation.partition("->")
    terms = left.split(",")
    sizes = {c: n for term, x in zip(terms, operands, strict=True) for c, n in zip(term, x.shape, strict=True)}
    result = np.zeros([sizes[c] for c in right])
    for values in np.ndindex(*sizes.values()):
        at = dict(zip(sizes, values, strict=True))
        factors = (x[tuple(at[c] for c in term)] for term, x in zip(terms, operands, strict=True))
        result[tuple(at[c] for c in right)] += math.prod(factors)
    return result


@case("contract", oracle=contract)
def _(make: Maker) -> Arguments:
    equation = make.choose("ij,jk->ik", "ij,jk->ki", "bij,bjk->bik", "i,i->", "i,j->ij", "ij->ji", "ij->i", "ij->",
                           "ij,ij,j->i", "i,i,i->i", "ijk,k->ji", "ij,kl->jk", ",i->i", "i,->")  # fmt: skip
    sizes = {letter: make.choose(2, 3, 1) for letter in "bijkl"}
    terms = equation.partition("->")[0].split(",")
    return {"operands": [make.numbers(tuple(sizes[c] for c in term)) for term in terms], "equation": equation}


def linear(input: Array, weight: Array, bias: Array | None) -> Array:
    """One product of a row and a row of the weight for each output."""
    y: Array = ((input[..., None, :] if weight.ndim > 1 else input) * weight).sum(-1)
    return y if bias is None else y + bias


@case("linear", oracle=linear)
def _(make: Maker) -> Arguments:
    features, out = make.choose(2, 3, 1), make.choose(3, 1, 2)
    weight, bias = make.choose(((out, features), (out,)), ((out, features), None), ((features,), None))
    return {"input": make.numbers((*make.shape(0, 2), features)), "weight": make.numbers(weight),
            "bias": None if bias is None else make.numbers(bias)}  # fmt: skip


# --- fused ------------------------------------------------------------------------------------------------------------


def softmax(input: Array, dim: int) -> Array:
    """The definition: e to the input over its sum."""
    e = np.exp(input)
    return np.asarray(e / (e.sum(dim, keepdims=True) if input.ndim else e))


@case("softmax", oracle=softmax)
@case("log_softmax", oracle=lambda input, dim: np.log(softmax(input, dim)))
def _(make: Maker) -> Arguments:
    shape = make.shape(empty=False)
    return {"input": make.numbers(shape), "dim": make.dim(len(shape))}


def one_hot_along(target: Array, num_classes: int, dim: int) -> Array:
    """Rows of the identity, their axis moved to `dim`."""
    return np.moveaxis(np.eye(num_classes, dtype=bool)[target], -1, dim)


@case("one_hot_along", oracle=one_hot_along)
def _(make: Maker) -> Arguments:
    shape = make.shape()
    return {"target": make.integers(0, 3, shape), "num_classes": 3, "dim": make.dim(len(shape) + 1)}


def cross_entropy(input: Array, target: Array, reduction: str) -> Any:
    """-sum(target * log softmax(input)), where a class index means a 1 at that class."""
    dim = 1 if input.ndim > 1 else 0
    if target.dtype.kind == "i":
        target = one_hot_along(target, input.shape[dim], dim)
    return reduced(-(target * np.log(softmax(input, dim))).sum(dim), reduction)


@case("cross_entropy", oracle=cross_entropy)
def _(make: Maker) -> Arguments:
    batch, classes, rest = make.choose((2,), (3,), (1,), ()), make.choose(3, 2, 1), make.shape(0, 1, empty=False)
    shape = (*batch, classes, *(rest if batch else ()))
    examples = (*batch, *(rest if batch else ()))
    target = make.choose(make.integers(0, classes, examples), make.numbers(shape, positive=True))
    return {"input": make.numbers(shape), "target": target, "reduction": make.choose("mean", "sum", "none")}


def reduced(loss: Any, reduction: str) -> Any:
    """A loss per example as `reduction` wants it."""
    return loss if reduction == "none" else np.sum(loss) if reduction == "sum" else np.sum(loss) / np.size(loss)


def binary_cross_entropy_with_logits(input: Any, target: Any, reduction: str) -> Any:
    """The definition, with s = sigmoid(input)."""
    s = 1 / (1 + np.exp(-input))
    return reduced(-(target * np.log(s) + (1 - target) * np.log(1 - s)), reduction)


@case("binary_cross_entropy_with_logits", oracle=binary_cross_entropy_with_logits)
def _(make: Maker) -> Arguments:
    shape = make.shape(empty=False)
    return {"input": make.numbers(shape), "target": make.numbers(shape, positive=True) / 3,
            "reduction": make.choose("mean", "sum", "none")}  # fmt: skip


@case("mse_loss", oracle=lambda input, target, reduction: reduced((input - target) ** 2, reduction))
def _(make: Maker) -> Arguments:
    shape = make.shape(empty=False)
    return {"input": make.numbers(make.narrower(shape)), "target": make.numbers(make.narrower(shape)),
            "reduction": make.choose("mean", "sum", "none")}  # fmt: skip
