"""x[key] and x[key] = value: every kind of key against NumPy where it agrees with PyTorch, and its gradient."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import tinygrad_lite as tg
from tests.devices import DEVICES, place
from tests.op_cases import Maker
from tests.op_cases.indexing import array_key, basic_key, filled
from tinygrad_lite.engine import backend

ALL = [backend.numpy, *DEVICES]


def base(shape: tuple[int, ...] = (3, 4, 5)) -> np.ndarray[Any, Any]:
    return np.arange(1.0, 1 + np.prod(shape)).reshape(shape)


# Keys on which NumPy and PyTorch agree; `i` and `mask` are tensors.
KEYS = """
0; -1; 2, 3; 2, 3, 4; (); ...; None; None, 0; 0, None, ..., 1; slice(1, 3); slice(None, None, 2); slice(-2, None), 0
..., slice(0, 0); slice(5, 9); ..., None; np.int64(1); tensor(1); tensor(1), tensor(2); True; False; None, True
[0, 2]; [True, False, True]; []; i; i, i; ..., i; slice(None), i; i, None; None, i; [[0, 1], [2, 0]]
np.array([2, 2, 0]); slice(None), i, [1, 0, 3]; i, slice(1, 3); i, slice(None), [4, 4, 0]; mask; mask, i; m3
..., tensor([True] * 5); slice(1), mask1
""".replace("\n", ";").split(";")


def keys_of(text: str, device: backend.Backend) -> tuple[Any, Any]:
    """The key for a Tensor and the same for NumPy."""
    arrays = {"i": np.array([2, 0, 2]), "mask": base((3, 4)) % 4 == 1, "mask1": base((4,)) > 2, "m3": base() % 7 == 0}
    tensors = {n: tg.tensor(a, device=device.device) for n, a in arrays.items()}
    tensor = lambda x: tg.tensor(x, device=device.device)  # noqa: E731
    return eval(text, {"np": np, "tensor": tensor} | tensors), eval(text, {"np": np, "tensor": np.array} | arrays)


@pytest.mark.parametrize("device", ALL, ids=lambda device: device.device)
@pytest.mark.parametrize("text", [k.strip() for k in KEYS if k.strip()])
def test_every_kind_of_key(text: str, device: backend.Backend) -> None:
    key, numpy_key = keys_of(text, device)
    x = tg.tensor(base(), device=device.device, requires_grad=True)
    taken, expected = x[key], base()[numpy_key]
    assert type(taken.array) is device.array
    np.testing.assert_array_equal(taken.detach().cpu().numpy(), expected)
    weights = np.asarray(base(np.shape(expected)) if np.shape(expected) else np.array(2.0))
    taken.backward(tg.tensor(weights, device=device.device))
    gradient = np.zeros((3, 4, 5))
    np.add.at(gradient, numpy_key, weights)
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.cpu().numpy(), gradient)


@pytest.mark.parametrize("device", ALL, ids=lambda device: device.device)
@pytest.mark.parametrize("text", [k.strip() for k in KEYS if k.strip()])
def test_assignment_with_every_kind_of_key(text: str, device: backend.Backend) -> None:
    key, numpy_key = keys_of(text, device)
    x = tg.tensor(base(), device=device.device, requires_grad=True)
    value = tg.tensor(2.5, dtype="float64", device=device.device, requires_grad=True)
    y = x * 2
    y[key] = value * 3
    expected = 2 * base()
    expected[numpy_key] = 7.5
    np.testing.assert_array_equal(y.detach().cpu().numpy(), expected)
    (y * y).sum().backward()
    written = np.zeros((3, 4, 5), bool)
    written[numpy_key] = True
    assert x.grad is not None
    assert value.grad is not None
    np.testing.assert_allclose(x.grad.cpu().numpy(), np.where(written, 0, 4 * expected))
    # An element that a key names twice counts twice, as in PyTorch.
    np.testing.assert_allclose(value.grad.item(), np.size(expected[numpy_key]) * 2 * 7.5 * 3)


@st.composite
def shape_and_key(draw: Any) -> tuple[tuple[int, ...], Any]:
    make = Maker(draw)
    shape = make.shape(1)
    if make.choose(True, False):
        return shape, basic_key(make, shape)
    indices, key = array_key(make, shape)
    return shape, filled(key, indices)


@given(shape_and_key())
def test_any_key(drawn: tuple[tuple[int, ...], Any]) -> None:
    shape, key = drawn
    if any(isinstance(part, int) for part in key) and any(isinstance(part, np.ndarray) for part in key):
        return  # here NumPy and PyTorch differ: see test_an_integer_selects_first
    x = tg.tensor(base(shape), requires_grad=True)
    y = x[tuple(tg.tensor(part) if isinstance(part, np.ndarray) else part for part in key)]
    np.testing.assert_array_equal(y.detach().numpy(), base(shape)[key])
    (y * y).sum().backward()
    expected = np.zeros(shape)
    np.add.at(expected, key, 2 * base(shape)[key])
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), expected)


def test_a_basic_key_is_a_view_and_index_arrays_copy() -> None:
    x = tg.tensor(base())
    views: list[Any] = [0, (2, 3, 4), (), ..., None, (slice(1), None), (tg.tensor(1), 2)]
    copies: list[Any] = [[0], tg.tensor([1]), tg.tensor(True), True]
    assert [np.shares_memory(x[key].array, x.array) for key in views + copies] == [True] * 7 + [False] * 4


def test_an_integer_selects_first() -> None:
    """NumPy takes it for another index array, and moves axes: `base()[0, :, [1, 2]]` has shape (2, 4) there."""
    x = tg.tensor(base())
    i = tg.tensor([1, 2])
    assert x[0, :, i].shape == (4, 2)
    np.testing.assert_array_equal(x[0, :, i].numpy(), base()[0][:, [1, 2]])
    np.testing.assert_array_equal(x[i, :, 0].numpy(), base()[[1, 2], :, 0])
    np.testing.assert_array_equal(x[0, i, i].numpy(), base()[0, [1, 2], [1, 2]])
    x[0, :, i] = 0.0
    assert (x.numpy()[0, :, 1:3] == 0).all()
    assert x.numpy().sum() == base().sum() - base()[0][:, [1, 2]].sum()


def test_values_are_broadcast_and_cast() -> None:
    x = tg.zeros(2, 3)
    x[0] = 1
    x[:, 1] = tg.tensor([5.0, 6.0], dtype="float64")
    x[tg.tensor([1]), 2] = np.float64(7)
    x[1, 0] = True
    assert x.tolist() == [[1.0, 5.0, 1.0], [1.0, 6.0, 7.0]]
    x[x > 5] = -1
    assert x.tolist() == [[1.0, 5.0, 1.0], [1.0, -1.0, -1.0]]
    x[...] = np.arange(3)
    assert x.tolist() == [[0.0, 1.0, 2.0]] * 2
    assert x.dtype == "float32"


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_gather_and_the_pair_of_max(dim: int) -> None:
    a = np.array([[1.0, 5.0, 2.0], [7.0, 0.0, 3.0]])
    x = tg.tensor(a, requires_grad=True)
    values, indices = x.max(dim)
    np.testing.assert_array_equal(values.detach().numpy(), a.max(dim))
    np.testing.assert_array_equal(indices.numpy(), a.argmax(dim))
    (values * values).sum().backward()
    best = np.zeros((2, 3))
    np.put_along_axis(best, np.expand_dims(a.argmax(dim), dim), 1, dim)
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), 2 * a * best)
    kept = x.min(dim, keepdim=True)
    assert kept.values.shape == kept.indices.shape == (1, 3) if dim == 0 else (2, 1)
    np.testing.assert_array_equal(kept.values.detach().numpy(), a.min(dim, keepdims=True))


def test_gather_of_a_0d_tensor_is_a_copy() -> None:
    x = tg.tensor(3.0)
    y = x.gather(0, tg.tensor(0))
    y.add_(1)
    assert (x.item(), y.item()) == (3.0, 4.0)


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        (3, IndexError, "index 3 is out of bounds for axis 0 with size 3"),
        ((0, 0, 0, 0), IndexError, "too many indices"),
        ([0, 3], IndexError, "index 3 is out of bounds"),
        (1.0, IndexError, "an index must be an integer, slice, None, Ellipsis or array, got float"),
        ("a", IndexError, "an index must be .*, got str"),
        ([0.5], IndexError, "tensors used as indices must be integer or bool, got float"),
        (slice(None, None, -1), ValueError, r"step must be greater than zero; use flip\(\)"),
        (np.zeros(2, bool), IndexError, "boolean index did not match"),
    ],
)
def test_keys_that_are_none(key: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        tg.tensor(base())[key]
    with pytest.raises(error, match=message):
        tg.tensor(base())[key] = 1.0


def test_gather_errors() -> None:
    x = tg.tensor(base((3, 4)))
    with pytest.raises(RuntimeError, match="same number of dimensions"):
        x.gather(0, tg.tensor([0]))
    with pytest.raises(RuntimeError, match=r"Size of index \(1, 5\) exceeds that of input \(3, 4\) apart from dim"):
        x.gather(0, tg.zeros(1, 5, dtype="int64"))
    for bad in (3, -1):
        with pytest.raises(IndexError, match=f"index {bad} is out of bounds"):
            x.gather(0, tg.full((1, 4), bad))


def test_iteration_and_length() -> None:
    x = tg.tensor(base((3, 2)), requires_grad=True)
    rows = list(x)
    assert (len(x), len(rows)) == (3, 3)
    sum(rows[1:], rows[0]).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[1.0, 1.0]] * 3
    for error in (lambda: len(tg.tensor(1.0)), lambda: iter(tg.tensor(1.0))):
        with pytest.raises(TypeError, match="0-d tensor"):
            error()


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.device)
def test_an_index_on_the_host_works_on_a_device_too(device: backend.Backend) -> None:
    x = tg.tensor(base((3, 2)), device=device.device)
    assert x[[2, 0]].tolist() == base((3, 2))[[2, 0]].tolist()
    assert type(place(np.ones(2), device)) is device.array


def leaf(data: Any) -> Any:
    return tg.tensor(data, requires_grad=True)


def test_a_place_that_is_filled_twice_counts_once() -> None:
    for fill in (tg.index_fill, lambda x, *args: x.clone().index_fill_(*args)):
        x, value = leaf([1.0, 1.0, 1.0]), leaf(5.0)
        y = fill(x, 0, tg.tensor([0, 0, 2, 0]), value)
        assert y.tolist() == [5.0, 1.0, 5.0]
        (y * tg.tensor([1.0, 10.0, 100.0])).sum().backward()
        assert value.grad.item() == 101.0
        assert x.grad.tolist() == [0.0, 10.0, 0.0]
    value = leaf(5.0)
    y = tg.index_fill(tg.zeros(2, 3, dtype=tg.float64), -1, tg.tensor([1, 1]), value)
    assert (y.dtype, y.tolist()) == (tg.float64, [[0.0, 5.0, 0.0]] * 2)
    y.sum().backward()
    assert value.grad.item() == 2.0
    assert tg.index_fill(tg.tensor(1), 0, tg.tensor([0, 0]), tg.tensor(7)).tolist() == 7
    for wrong in ([3], [-1]):
        with pytest.raises(IndexError, match="out of range"):
            tg.index_fill(tg.zeros(3), 0, tg.tensor(wrong), value)


def test_of_values_for_one_place_the_last_is_written_and_each_gets_its_gradient() -> None:
    """As in PyTorch: it does not look for repeated indices on the way back."""
    index = tg.tensor([0, 0, 2])
    writers: list[Any] = [
        lambda x, v: tg.index_copy(x, 0, index, v), lambda x, v: tg.index_put(x, (index,), v),
        lambda x, v: tg.scatter(x, 0, index, v), lambda x, v: x.put(index, v), _set_items]
    for write in writers:
        x, values = leaf([1.0, 1.0, 1.0]), leaf([7.0, 8.0, 9.0])
        y = write(x, values)
        assert y.tolist() == [8.0, 1.0, 9.0]
        (y * tg.tensor([1.0, 10.0, 100.0])).sum().backward()
        assert values.grad.tolist() == [1.0, 1.0, 100.0]
        assert x.grad.tolist() == [0.0, 10.0, 0.0]


def _set_items(x: Any, values: Any) -> Any:
    y = x.clone()
    y[tg.tensor([0, 0, 2])] = values
    return y


def test_uint8_is_taken_for_a_mask() -> None:
    x, mask = tg.tensor([1.0, 2.0, 3.0]), tg.tensor([1, 0, 1], dtype=tg.uint8)
    with pytest.warns(UserWarning, match="uint8 is taken for a mask"):
        assert x[mask].tolist() == [1.0, 3.0]
    with pytest.warns(UserWarning, match="uint8 is taken for a mask"):
        x[mask] = 9.0
    assert x.tolist() == [9.0, 2.0, 9.0]
    assert x[tg.tensor(1, dtype=tg.int8)].item() == 2.0
    with pytest.raises(IndexError, match="must be int32, int64 or bool, got int8"):
        x[tg.tensor([1], dtype=tg.int8)]


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3), (7, 0)])
@pytest.mark.parametrize("dim", [0, 1])
def test_an_index_without_elements(shape: tuple[int, ...], dim: int) -> None:
    x, index = leaf([[1.0] * 3] * 2), tg.zeros(*shape, dtype=tg.int64)
    y = tg.gather(x, dim, index)
    assert y.shape == shape
    y.sum().backward()
    assert x.grad.tolist() == [[0.0] * 3] * 2
    assert tg.scatter(x, dim, index, 5.0).tolist() == [[1.0] * 3] * 2
    assert tg.scatter_add(x, dim, index, tg.zeros(*shape)).tolist() == [[1.0] * 3] * 2
