"""Every op: values, dtypes, first and second derivatives and errors, as PyTorch has them.

The cases are the lines of `tables/*.txt` (tests/function_cases.py says how they are read), evaluated in both libraries.
"""

from __future__ import annotations

import itertools
import operator
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.function_cases import SECTIONS, lines, operands, run, strided

from .pair import BOTH, Array, assert_same, attempt

each_line = {section: pytest.mark.parametrize("line", lines(section).values(), ids=lines(section).keys())
             for section in SECTIONS}


@each_line["smooth"]
def test_values_and_two_derivatives(line: str) -> None:
    expression, arrays = operands(line)
    for layout in (np.ascontiguousarray, strided):
        laid_out = [layout(x).reshape(x.shape) for x in arrays]
        ours, theirs = (attempt(run, library, expression, laid_out, 2) for library in BOTH)
        if not ("view" in expression and layout is strided):
            assert not isinstance(theirs, Exception), theirs
        assert_same(ours, theirs)


@each_line["subgradients"]
def test_where_there_is_no_derivative(line: str) -> None:
    expression, arrays = operands(line)
    ours, theirs = (attempt(run, library, expression, arrays, 1, False) for library in BOTH)
    assert not isinstance(theirs, Exception), theirs
    assert_same(ours, theirs)


@each_line["discrete"]
def test_values_and_dtypes(line: str) -> None:
    expression, arrays = operands(line)
    ours, theirs = (attempt(run, library, expression, arrays, 0) for library in BOTH)
    assert not isinstance(theirs, Exception), theirs
    assert_same(ours, theirs)


@each_line["errors"]
def test_errors(line: str) -> None:
    expression, arrays = operands(line)
    ours, theirs = (attempt(run, library, expression, arrays, 0) for library in BOTH)
    assert isinstance(theirs, Exception), f"PyTorch returns {theirs}"
    assert_same(ours, theirs)


# --- dtypes -----------------------------------------------------------------------------------------------------------

DTYPES = "float16 float32 float64 int8 int16 int32 int64 uint8 bool".split()
NUMBERS = [True, 3, 2.5]
ARITHMETIC = "add sub mul truediv floordiv mod pow eq lt ge and_ or_ xor lshift rshift".split()
OF_TENSORS = "maximum minimum atan2 hypot logaddexp logical_and logical_xor isclose".split()  # alone, in PyTorch
FUNCTIONS = [*OF_TENSORS, "where", "fmod", "xlogy"]
UNARY = """exp exp2 expm1 log log1p log2 log10 sqrt rsqrt reciprocal square sin cos tan asin acos atan sinh cosh tanh
    asinh acosh atanh erf sigmoid relu sign sgn signbit abs neg floor ceil trunc round frac nan_to_num isfinite isinf
    isnan logical_not bitwise_not count_nonzero sum nansum mean prod var std norm amax argmax median argsort any all
    logsumexp cumsum cumprod""".split()
OF_DIM = {"logsumexp", "cumsum", "cumprod"}


# With bool PyTorch refuses what here counts True as 1, as Python does; and sign refuses what PyTorch allows.
BOOL_COUNTS_AS_NUMBER = {*"""sub pow relu abs argmax floor ceil round trunc median floordiv mod fmod lshift
    rshift""".split()}
REFUSES_BOOL = {"sign", "sgn"}
# Of integers, of different dtypes and of a number first PyTorch refuses these; here they are like all others.
COMPUTED = {"hypot", "logaddexp", "isclose", "fmod"}


def excepted(name: str, ours: Any, theirs: Any, with_bool: bool) -> bool:
    """Whether this is one of the differences named above."""
    refused = isinstance(ours, Exception), isinstance(theirs, Exception)
    more = COMPUTED | (BOOL_COUNTS_AS_NUMBER if with_bool else set())
    return name in {(False, True): more, (True, False): REFUSES_BOOL}.get(refused, ())


def of_dtype(library: Any, dtype: str, ndim: int, value: int) -> Any:
    return library.new(np.full((2,) * ndim, value, dtype))


def binary(library: Any, name: str, first: Any, second: Any) -> Any:
    a, b = (of_dtype(library, *x) if isinstance(x, tuple) else x for x in (first, second))
    if name in ARITHMETIC:
        return getattr(operator, name)(a, b)
    if name == "where":
        return library.T.where(library.new(np.array([True, False])), a, b)
    return getattr(library.T, name)(a, b)


@pytest.mark.parametrize("name", [*ARITHMETIC, *FUNCTIONS])
def test_promotion_of_every_pair(name: str) -> None:
    """Tensors with and without axes and Python numbers, of every dtype, on both sides."""
    kinds: list[Any] = [*((d, n) for d in DTYPES for n in (1, 0)), *NUMBERS]
    wrong = []
    for first, second in itertools.product(kinds, kinds):
        tensors = isinstance(first, tuple) + isinstance(second, tuple)
        if not tensors or (tensors == 1 and name in OF_TENSORS):
            continue
        pair = [(*x, value) if isinstance(x, tuple) else x for x, value in ((first, 3), (second, 2))]
        ours, theirs = (attempt(binary, library, name, *pair) for library in BOTH)
        if excepted(name, ours, theirs, "bool" in str(pair) or True in pair):
            continue
        try:
            assert_same(ours, theirs)
        except AssertionError as error:
            wrong.append(f"{first} {name} {second}: {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ndim", [0, 1])
def test_dtype_of_functions(name: str, dtype: str, ndim: int) -> None:
    def call(library: Any) -> Any:
        x = of_dtype(library, dtype, ndim, 1)
        return getattr(library.T, name)(x, 0) if name in OF_DIM else getattr(x, name)()

    ours, theirs = (attempt(call, library) for library in BOTH)
    if not excepted(name, ours, theirs, dtype == "bool"):
        assert_same(ours, theirs)


# --- shapes, found by hypothesis --------------------------------------------------------------------------------------


def agree(expression: str, arrays: list[Array], order: int = 2) -> None:
    ours, theirs = (attempt(run, library, expression, arrays, order) for library in BOTH)
    assert_same(ours, theirs)


def filled(shape: tuple[int, ...]) -> Array:
    count = int(np.prod(shape))
    return np.asarray(np.sin(np.arange(1.0, count + 1) * (count + 1)).reshape(shape))


sizes = st.integers(0, 3)


@given(hnp.mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=3, max_dims=4), st.sampled_from("+-*"))
def test_broadcasting(shapes: Any, symbol: str) -> None:
    agree(f"a {symbol} b", [filled(s) for s in shapes.input_shapes])


@given(st.lists(sizes, max_size=4), st.lists(sizes, max_size=4))
def test_matmul_of_any_shapes(first: list[int], second: list[int]) -> None:
    agree("a @ b", [filled(tuple(first)), filled(tuple(second))])


@given(hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, min_side=0, max_side=3, max_dims=2))
def test_matmul_of_shapes_that_fit(shapes: Any) -> None:
    agree("a @ b", [filled(s) for s in shapes.input_shapes])


@given(st.data())
def test_reductions(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(0, 3), max_size=4)))
    one_dim, dims = st.integers(-len(shape) - 1, len(shape)), st.lists(st.integers(-4, 3), max_size=3)
    dim = data.draw(st.one_of(st.none(), one_dim, dims))
    name = data.draw(st.sampled_from(["sum", "mean", "amax", "logsumexp"]))
    assume(dim or isinstance(dim, int) or name in ("sum", "mean"))  # all axes: not every function of PyTorch knows that
    agree(f"a.{name}(dim={dim}, keepdim={data.draw(st.booleans())})", [filled(shape)], order=2 if 0 not in shape else 1)


@given(st.data())
def test_basic_indexing(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 4), max_size=3)))
    key = data.draw(hnp.basic_indices(shape, allow_newaxis=True))
    parts = key if isinstance(key, tuple) else (key,)
    assume(all(not isinstance(p, slice) or p.step is None or p.step > 0 for p in parts))
    agree(f"a[{key!r}]".replace("Ellipsis", "..."), [filled(shape)])


@st.composite
def advanced_keys(draw: st.DrawFn) -> tuple[tuple[int, ...], str]:
    """A shape and the text of a key: integers, slices, None, an Ellipsis, index arrays and masks in any order."""
    shape = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=4)))
    common = draw(st.sampled_from([(), (1,), (2,), (2, 1), (0,)]))
    parts = []
    axis = 0
    while axis < len(shape):
        n = shape[axis]
        kind = draw(st.sampled_from("int slice array array list range mask none bool stop".split()))
        if kind == "int":
            parts.append(str(draw(st.integers(-n, n - 1))))
        elif kind == "slice":
            parts.append(draw(st.sampled_from([":", "1:", "::2", ":-1"])))
        elif kind == "array":
            full = draw(hnp.arrays(np.int64, draw(st.sampled_from([common, ()])), elements=st.integers(-n, n - 1)))
            parts.append(f"T.tensor({full.tolist()}, dtype=T.int64)")
        elif kind == "mask":
            parts.append(f"T.tensor({draw(st.lists(st.booleans(), min_size=n, max_size=n))})")
        elif kind == "list":
            row = draw(st.lists(st.integers(-n, n - 1), min_size=2, max_size=2))
            parts.append(draw(st.sampled_from([str(row), f"[{row}, {row}]"])))
        elif kind == "range":
            parts.append(f"range({draw(st.integers(1, min(n, 2)))})")
        elif kind in ("none", "bool"):
            parts.append("None" if kind == "none" else draw(st.sampled_from(["True", "False", "T.tensor(True)"])))
            continue
        else:
            break
        axis += 1
    if axis < len(shape):
        parts.insert(draw(st.integers(0, len(parts))) if axis == 0 else len(parts), "...")
    return shape, ", ".join(parts)


@given(advanced_keys())
@example(((3, 2, 4), "0, :, T.tensor([1, 3, 0])"))
def test_indexing_with_arrays(case: tuple[tuple[int, ...], str]) -> None:
    shape, key = case
    agree(f"a[{key},]", [filled(shape)])


@given(advanced_keys())
def test_assignment_with_arrays(case: tuple[tuple[int, ...], str]) -> None:
    """Of one number: which of several values for one place is written is not defined."""
    shape, key = case
    for text in ("::2", ":-1", "1:", ":"):  # outside of brackets a slice has a name
        key = key.replace(text, repr(eval(f"np.s_[{text}]")).replace(":", ""))
    agree(f"[x := a * 1, x.__setitem__(({key},), b), x][2]", [filled(shape), filled(())])


@given(st.data())
def test_reshape(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(sizes, max_size=4)))
    new = data.draw(st.one_of(st.permutations(shape), st.lists(st.integers(-1, 6), max_size=4)))
    agree(f"a.reshape({list(new)})", [filled(shape)])


@given(st.data())
def test_einsum(data: st.DataObject) -> None:
    """Any letters in two or three operands, repeated ones too, with and without a result."""
    size = {c: data.draw(st.integers(1, 3), c) for c in "ijkl"}
    terms = data.draw(st.lists(st.text("ijkl", max_size=3), min_size=1, max_size=3))
    present = sorted({*"".join(terms)})
    result = data.draw(st.one_of(st.none(), st.lists(st.sampled_from(present or ["i"]), unique=True)))
    assume(present or not result)
    equation = ",".join(terms) + ("" if result is None else "->" + "".join(result))
    names = ", ".join("abc"[: len(terms)])
    agree(f"T.einsum({equation!r}, {names})", [filled(tuple(size[c] for c in term)) for term in terms])
