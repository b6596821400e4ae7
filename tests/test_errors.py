"""Errors keep NumPy's text and add ours: the op, its operands and settings, what was being differentiated, a remedy."""

from __future__ import annotations

import contextlib
import gc
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.devices import STRICT
from tinygrad_lite import autograd, ops
from tinygrad_lite.engine.graph import Array, Observer

from_numpy: Callable[[Any], Any] = tg.from_numpy


def notes(error: type[Exception], function: Callable[[], Any]) -> list[str]:
    with pytest.raises(error) as caught:
        function()
    return getattr(caught.value, "__notes__", [])


# --- calls ------------------------------------------------------------------------------------------------------------


def test_a_failing_call_names_op_operands_shapes_and_dtypes() -> None:
    a, b = tg.ones(2, 3), tg.ones(2, 3, dtype="int64")
    assert notes(ValueError, lambda: a @ b) == ["in matmul(input: float32 (2, 3), other: float32 (2, 3))"]
    assert notes(ValueError, lambda: a + tg.ones(4)) == ["in add(input: float32 (2, 3), other: float32 (4,))"]
    assert notes(ValueError, lambda: tg.ones(4) * a[0]) == ["in mul(input: float32 (4,), other: float32 (3,))"]
    assert notes(ValueError, lambda: a.reshape(5)) == ["in reshape(input: float32 (2, 3), shape=(5,))"]
    assert notes(ValueError, lambda: tg.cat([a, tg.ones(3, 2)])) == [
        "in cat(tensors: [float32 (2, 3), float32 (3, 2)], dim=0)"]  # fmt: skip
    (note,) = notes(np.exceptions.AxisError, lambda: a.sum(2))
    assert note == "in sum(input: float32 (2, 3), dim=2, keepdim=False, dtype=None)"


def test_numpys_own_text_stays() -> None:
    with pytest.raises(ValueError, match=r"operands could not be broadcast together with shapes \(2,\) \(3,\)"):
        tg.ones(2) + tg.ones(3)
    with pytest.raises(ValueError, match=r"mismatch in its core dimension|not aligned"):
        tg.ones(2, 3) @ tg.ones(2)


def test_a_raw_call_is_left_to_numpy() -> None:
    assert notes(ValueError, lambda: ops.add(np.ones(2), np.ones(3))) == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tg.exp(None),  # type: ignore[arg-type]
         "exp: input must be a Tensor, an array or a number, got NoneType"),
        (lambda: tg.sum([1.0, 2.0]),  # type: ignore[arg-type]
         r"sum: input must be .*, got list; wrap it in tensor\(...\)"),
        (lambda: tg.cat([None, np.ones(2)]),  # type: ignore[list-item]
         "cat: tensors must be a Tensor, an array or a number, got NoneType"),
    ],
)
def test_a_call_without_any_tensor_names_what_is_no_array(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()


def test_a_constant_of_a_subclass_of_ndarray_is_taken_as_an_array() -> None:
    matrix: Any = np.array([[1.0, 2.0], [3.0, 4.0]]).view(np.matrix)
    assert (tg.ones(2, 2) * matrix).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert (tg.ones(2, 2) * matrix).array.__class__ is np.ndarray
    with pytest.raises(TypeError, match="byte order is not this machine's; convert it"):
        tg.ones(2) * np.ones(2, ">f8")
    with pytest.raises(TypeError, match="can't make a tensor of dtype object"):
        tg.ones(2) * np.array([None, None])


@tg.op
def broken(x: Array) -> Array:
    return x * 2


@broken.vjp("x")
def _(g: Any) -> Any:
    raise ValueError("broken")


@pytest.mark.parametrize(
    "call",
    [
        lambda: tg.ones(1000) + tg.ones(3),
        lambda: broken(tg.ones(1000, requires_grad=True)).sum().backward(),
        lambda: tg.zeros(2) * "a",
        lambda: tg.exp(None),  # type: ignore[arg-type]
    ],
)
def test_an_error_leaves_no_cycle(call: Callable[[], Any]) -> None:
    def attempt() -> None:
        with contextlib.suppress(ValueError, TypeError):
            call()

    attempt()
    gc.collect()
    gc.disable()
    try:
        attempt()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_device_is_named() -> None:
    x = tg.tensor([1.0, 2.0], device="strict")
    host = np.ones(2, np.float32)
    assert notes(TypeError, lambda: x * host) == ["in mul(input: float32 (2,) on tests, other: float32 (2,))"]
    assert notes(TypeError, lambda: tg.tensor([1.0, 2.0]) @ x) == [
        "in matmul(input: float32 (2,), other: float32 (2,) on tests)"]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: x - [1.0], r"sub: other must be a Tensor, .* number, got list; wrap it in tensor\(\.\.\.\)"),
        (lambda x: x * "a", "mul: other must be a Tensor, an array or a number, got str"),
        (lambda x: (1, 2) - x, r"sub: input must be .*, got tuple; wrap it in tensor"),
        (lambda x: x @ {}, "matmul: other must be a Tensor, an array or a number, got dict"),
        (lambda x: tg.where(x > 0, x, [0.0, 0.0]), "where: other must be .*, got list"),  # type: ignore[arg-type]
        (tg.cat, "cat: tensors must be a sequence of Tensors, got Tensor"),
        (lambda x: tg.cat([x, [1.0]]),  # type: ignore[list-item]
         "cat: tensors must be a Tensor, an array or a number, got list"),
        (lambda x: tg.cat(3), "cat: tensors must be a sequence of Tensors, got int"),  # type: ignore[arg-type]
        (lambda x: x + None, "add: other must be a Tensor, an array or a number, got NoneType"),
        (lambda x: x.sum(dim="rows"), "str"),
    ],
)  # fmt: skip
def test_operands_of_wrong_types(call: Callable[[tg.Tensor], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call(tg.ones(2))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.clamp(), ValueError, "clamp: at least one of min and max must not be None"),
        (lambda x: ops.cross_entropy(x, tg.tensor([0, 3])), IndexError, "3"),
        (lambda x: ops.cross_entropy(x, tg.tensor([0, -1])), IndexError, "Target -1 is out of bounds"),
        (lambda x: ops.cross_entropy(x, tg.tensor([0])), ValueError,
         r"class indices for input \(2, 3\) must have shape \(2,\), got \(1,\)"),
        (lambda x: ops.cross_entropy(x, x[0]), ValueError, r"must have the shape of input, \(2, 3\); got \(3,\)"),
        (lambda x: ops.cross_entropy(x, x, "average"), ValueError, "average is not a valid value for reduction"),
        (lambda x: ops.binary_cross_entropy_with_logits(x, x[0]), ValueError, r"the shape of input, \(2, 3\)"),
        (lambda x: ops.mse_loss(x, x, reduction=""), ValueError, "expected 'none', 'mean' or 'sum'"),
        (lambda x: ops.pad(x, [1]), ValueError, r"expected an even number of widths, at most 4 for 2 axes, got \[1\]"),
        (lambda x: ops.pad(x, [-2, -2]), ValueError, r"crops more than there is of \(2, 3\)"),
        (lambda x: x.expand(-1, 2, 3), RuntimeError, "-1 isn't allowed in a leading, non-existing dimension"),
        (lambda x: tg.where(x, x, x), RuntimeError, "condition to be a boolean tensor, but got .* float32"),
        (lambda x: tg.stack([x, x[0]]), RuntimeError, "stack expects each tensor to be equal size"),
        (lambda x: x.t().unsqueeze(0).t(), RuntimeError, r"t\(\) expects a tensor with <= 2 dimensions"),
        (lambda x: x.t().view(6), RuntimeError, r"Use \.reshape\(\.\.\.\) instead"),
        (lambda x: x.flatten(1, 0), RuntimeError, "start_dim cannot come after end_dim"),
        (lambda x: tg.einsum("ij,jk", x), ValueError, "the equation 'ij,jk' has 2 operands, got 1"),
        (lambda x: tg.einsum("i->i", x), ValueError, "operand 0 has 2 axes, but 'i->i' names 1"),
        (lambda x: tg.einsum("ii", x), ValueError, "axes named 'i' of operand 0 of .* have sizes 2 and 3"),
        (lambda x: x.mean(7), np.exceptions.AxisError, "axis 7 is out of bounds"),
        (lambda x: tg.zeros(0).amax(), ValueError, "zero-size"),
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit(call: Callable[[tg.Tensor], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(tg.arange(6).float().reshape(2, 3))


# --- differentiating --------------------------------------------------------------------------------------------------


def test_a_failing_vjp_names_op_operand_and_gradient() -> None:
    @tg.op
    def inverse(matrix, other):  # type: ignore[no-untyped-def]
        return matrix + other

    @inverse.vjp("other")
    def _(g, matrix):  # type: ignore[no-untyped-def]
        return g @ np.ones(7)

    x = tg.ones(2, 3, requires_grad=True)
    expected = "while differentiating inverse with respect to other (gradient of the output: float32 (2, 3))"
    assert notes(ValueError, lambda: inverse(tg.ones(2, 3), x).sum().backward()) == [expected]
    (inner, outer) = notes(ValueError, lambda: inverse(tg.ones(2, 3), x).sum().backward(create_graph=True))
    assert inner.startswith("in matmul(input: float")
    assert outer == expected


def test_a_position_in_a_sequence_is_named() -> None:
    x = tg.ones(2, requires_grad=True)
    y = tg.cat([tg.ones(1), x])
    assert y.node is not None
    y.node.k_tensors_shape = [(1,), ()]  # type: ignore[attr-defined]
    (note,) = notes(IndexError, y.sum().backward)
    assert note == "while differentiating cat with respect to tensors[1] (gradient of the output: float32 (3,))"


def test_an_overwritten_value_names_its_op_and_the_remedy() -> None:
    x = tg.ones(3, requires_grad=True)
    y = x.exp()
    z = y * 2
    y.add_(1)
    remedy = r"exp needs its result \(shape \(3,\)\) as it was\. Write to a copy, x\.clone\(\)"
    with pytest.raises(RuntimeError, match=f"modified by an inplace operation: {remedy}"):
        (y.sum() + z.sum()).backward()
    a, b = tg.ones(3), tg.ones(3, requires_grad=True)
    product = a * b
    a.zero_()
    with pytest.raises(RuntimeError, match="mul needs its operand input"):
        product.sum().backward()


def test_writing_to_a_leaf() -> None:
    x = tg.ones(3, requires_grad=True)
    for write in (x.zero_, x[0].zero_, lambda: x.add_(1), lambda: x.__setitem__(0, 1.0)):
        with pytest.raises(RuntimeError, match=r"leaf Variable that requires grad .*no_grad\(\).*x\.clone\(\)"):
            write()
    with tg.no_grad():
        x.add_(1)
    assert x.tolist() == [2.0, 2.0, 2.0]


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "error", "message"),
    [
        (tg.Tensor.numpy, RuntimeError, r"numpy\(\) on Tensor that requires grad\. Use tensor\.detach\(\)\.numpy\(\)"),
        (np.asarray, RuntimeError, r"tensor\.detach\(\)\.numpy\(\)"),
        (np.exp, RuntimeError, r"tensor\.detach\(\)\.numpy\(\)"),
        (np.from_dlpack, RuntimeError, r"Use tensor\.detach\(\) first"),
        (tg.Tensor.item, RuntimeError, "a Tensor with 2 elements cannot be converted to Scalar"),
        (float, RuntimeError, "a Tensor with 2 elements cannot be converted to Scalar"),
        (bool, RuntimeError, "Boolean value of Tensor with more than one value is ambiguous"),
        (lambda x: x.detach().to("strict").numpy(), TypeError, r"to NumPy\. Use tensor\.cpu\(\)\.numpy\(\)"),
        (lambda x: range(x[0]), TypeError, "only integer tensors of a single element can be converted to an index"),
    ],
)  # fmt: skip
def test_reading_values(read: Callable[[tg.Tensor], Any], error: type[Exception], message: str) -> None:
    assert STRICT.device == "strict"
    with pytest.raises(error, match=message):
        read(tg.tensor([1.0, 2.0], requires_grad=True))


def test_what_can_be_read() -> None:
    x = tg.tensor([2], dtype="int64")
    assert (x.item(), float(x), int(x), bool(x), "abc"[x]) == (2, 2.0, 2, True, "c")
    assert x.tolist() == [2]
    assert type(tg.tensor(1.5).item()) is float
    np.testing.assert_array_equal(np.exp(tg.tensor([0.0])), [1.0])
    np.testing.assert_array_equal(np.from_dlpack(x), [2])
    assert np.shares_memory(x.numpy(), x.array)


def test_format_is_that_of_the_number_for_a_0d_tensor() -> None:
    loss = tg.tensor(0.5, requires_grad=True)
    assert (f"{loss}", f"{loss:.3f}", f"{loss * 2:>5}", f"{tg.tensor(3):03d}") == ("0.5", "0.500", "  1.0", "003")
    assert f"{tg.tensor([0.5])}" == "tensor([0.5000])"
    for x in (tg.tensor([0.5]), tg.ones(2)):
        with pytest.raises(TypeError, match="unsupported format string"):
            f"{x:.3f}"


def test_comparison_with_what_is_no_number() -> None:
    x = tg.tensor(1.0)
    for other in (None, "a", [1.0], object()):
        assert (x == other) is False
        assert (x != other) is True
        assert (other == x) is False
    assert x in [None, x]
    with pytest.raises(TypeError, match="lt: other must be a Tensor, an array or a number, got NoneType"):
        x < None  # type: ignore[operator]  # noqa: B015


def test_an_export_with_negative_strides_is_refused() -> None:
    with pytest.raises(BufferError, match=r"negative strides. Use tensor.clone\(\) first"):
        tg.from_numpy(np.arange(3.0)[::-1]).__dlpack__()


def test_an_observer_hears_of_reading_and_may_refuse() -> None:
    class Strict(Observer):
        def reads(self, tensor: Any, how: str) -> None:
            raise RuntimeError(f"no {how} here")

    x = tg.tensor([1.0])
    for how, read in {"item": x.item, "tolist": x.tolist, "numpy": x.numpy}.items():
        with autograd.observing(Strict()), pytest.raises(RuntimeError, match=f"no {how}"):
            read()
    for compare in (tg.equal, tg.allclose):
        with autograd.observing(Strict()), pytest.raises(RuntimeError, match=f"no {compare.__name__}"):
            compare(x, x)
    for kind in (bool, float, int):
        with autograd.observing(Strict()), pytest.raises(RuntimeError, match=f"no {kind.__name__}"):
            kind(x)


# --- making -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: tg.tensor(["a"]), TypeError, "dtype <U1; the supported ones are bool, integers and floats"),
        (lambda: tg.tensor([1j]), TypeError, "can't make a tensor of dtype complex128"),
        (lambda: tg.tensor([[1], [2, 3]]), ValueError, "inhomogeneous"),
        (lambda: from_numpy([1.0]), TypeError, "from_numpy expected an np.ndarray, got list"),
        (lambda: from_numpy(np.float64(1)), TypeError, "from_numpy expected an np.ndarray, got float64"),
        (lambda: tg.ones(2, device="tpu"), RuntimeError, r"unknown device 'tpu'; known are \['cpu', 'cuda'"),
        (lambda: tg.arange(0, 5, -1), RuntimeError, "the step -1 does not lead from 0 to 5"),
        (lambda: tg.Generator().manual_seed(-1), ValueError, "expected a non-negative integer, got -1"),
        (lambda: tg.Generator().set_state({"a": 1}), ValueError, "set_state: not the state of a Generator"),
    ],
)  # fmt: skip
def test_making_tensors(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_cuda_says_what_is_missing() -> None:
    if tg.cuda_is_available():
        assert tg.ones(1, device="cuda").device == "cuda"
        return
    with pytest.raises((ImportError, RuntimeError), match=r"tinygrad-lite\[cuda13\]|finds no GPU"):
        tg.ones(1).cuda()


@pytest.mark.parametrize("shape", [(32, 28, 28), (5, 28), (28,)])
def test_a_layer_says_first_what_it_was_given(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=re.escape(f"linear: input {shape} and weight (10, 784) cannot be multiplied")):
        tg.nn.Linear(784, 10)(tg.zeros(shape))
