"""Tensors from data and from nothing: the forms of PyTorch's arguments, and what is refused at the door."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg


@pytest.mark.parametrize("make", [tg.zeros, tg.ones, tg.empty, tg.rand, tg.randn])
def test_sizes_one_by_one_as_a_tuple_or_by_name(make: Any) -> None:
    for x in (make(2, 3), make((2, 3)), make([2, 3]), make(size=(2, 3)), make(size=[2, 3])):
        assert x.shape == (2, 3)
    assert make(size=()).shape == make().shape == ()
    with pytest.raises(TypeError, match="given both one by one and by name"):
        make(2, size=(3,))


def test_arange_by_name() -> None:
    assert tg.arange(end=3).tolist() == tg.arange(3).tolist() == [0, 1, 2]
    assert tg.arange(start=1, end=3).tolist() == [1, 2]
    assert tg.arange(1, end=6, step=2).tolist() == [1, 3, 5]
    with pytest.raises(TypeError, match="the end is missing"):
        tg.arange()


def test_randint_takes_the_size_second() -> None:
    for draws in (tg.randint(5, (100,)), tg.randint(0, 5, (100,)), tg.randint(high=5, size=(100,))):
        assert (draws.shape, draws.dtype) == ((100,), tg.int64)
        assert {*draws.tolist()} == {0, 1, 2, 3, 4}
    assert {*tg.randint(3, 5, (100,)).tolist()} == {3, 4}


def test_random_tensors_like_others_and_permutations() -> None:
    like = tg.zeros(2, 3)
    for make in (tg.rand_like, tg.randn_like):
        assert (make(like).shape, make(like).dtype) == ((2, 3), tg.float32)
        x = make(like, dtype=tg.float64, requires_grad=True)
        assert (x.dtype, x.requires_grad, x.is_leaf) == (tg.float64, True, True)
    order = tg.randperm(5, dtype=tg.int32)
    assert (order.dtype, sorted(order.tolist())) == (tg.int32, [0, 1, 2, 3, 4])


def test_a_subclass_of_ndarray_becomes_an_array_that_shares_its_memory() -> None:
    matrix = np.ones((2, 2)).view(np.matrix)
    for x in (tg.from_numpy(matrix), tg.as_tensor(matrix)):
        assert x.array.__class__ is np.ndarray
        assert np.shares_memory(x.array, matrix)
    copied = tg.tensor(matrix)
    assert copied.array.__class__ is np.ndarray
    assert not np.shares_memory(copied.array, matrix)
    assert (copied * copied).tolist() == [[1.0, 1.0], [1.0, 1.0]], "elementwise, unlike that of matrices"


@pytest.mark.parametrize("make", [tg.tensor, tg.as_tensor, tg.from_numpy])
def test_a_foreign_byte_order_is_refused(make: Callable[[Any], Any]) -> None:
    foreign = np.dtype(np.float64).newbyteorder()
    array = np.ones(2, foreign)
    with pytest.raises(TypeError, match=r"byte order is not this machine's; convert it with array.astype\("):
        make(array)
    assert make(array.astype(array.dtype.newbyteorder("="))).tolist() == [1.0, 1.0]
    assert tg.tensor(array, dtype="float64").tolist() == [1.0, 1.0]


def test_tensor_of_lists_leaves_no_garbage() -> None:
    tg.tensor([[1.0, 2.0]])
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(20):
            tg.tensor([[1.0, 2.0], [3.0, 4.0]])
        assert len(gc.get_objects()) < before + 10
    finally:
        gc.enable()


def test_a_generator_takes_the_device_of_pytorch_scripts() -> None:
    for generator in (tg.Generator(device="cpu"), tg.Generator("cpu"), tg.Generator()):
        assert generator.manual_seed(3).initial_seed() == 3
        assert tg.rand(2, generator=generator).tolist() == tg.rand(2, generator=tg.Generator(3)).tolist()
    with pytest.raises(RuntimeError, match="unknown device 'tpu'"):
        tg.Generator(device="tpu")


def test_stack_of_raw_arrays() -> None:
    a: Any = np.ones(2)
    assert tg.stack([a, a]).shape == (2, 2)
    assert isinstance(tg.stack([a, tg.ones(2)], 1), tg.Tensor)


def test_draws_follow_their_probabilities() -> None:
    """Frequencies within five standard deviations, and the same ones for the same seed."""
    n, weights = 20_000, tg.tensor([[1.0, 0.0, 3.0], [2.0, 2.0, 4.0]])
    expected = (weights / weights.sum(1, keepdim=True)).numpy()
    for seed in (0, 1):
        tg.manual_seed(seed)
        drawn = weights.multinomial(n, replacement=True)
        counts = np.stack([np.bincount(row, minlength=3) for row in drawn.numpy()])
        assert (abs(counts / n - expected) <= 5 * np.sqrt(expected * (1 - expected) / n)).all()
        first = tg.stack([weights.multinomial(2)[:, 0] for _ in range(500)], 1)
        share = np.stack([np.bincount(row, minlength=3) for row in first.numpy()]) / 500
        assert (abs(share - expected) <= 5 * np.sqrt(expected * (1 - expected) / 500)).all()
        mean = float(tg.bernoulli(tg.full((n,), 0.3)).mean())
        assert abs(mean - 0.3) < 5 * np.sqrt(0.21 / n)
        shifted = tg.normal(tg.full((n,), 2.0), 3.0)
        assert abs(float(shifted.mean()) - 2) < 5 * 3 / np.sqrt(n)
        tg.manual_seed(seed)
        assert tg.equal(drawn, weights.multinomial(n, replacement=True))


def test_draws_without_replacement_are_different_and_positive_weights_come_first() -> None:
    drawn = tg.multinomial(tg.tensor([0.0, 1.0, 1e-30, 5.0, 0.0]), 5)
    assert sorted(drawn.tolist()) == [0, 1, 2, 3, 4]
    assert {*drawn[:3].tolist()} == {1, 2, 3}


def test_draws_are_made_anew_at_each_replay() -> None:
    step = tg.capture(lambda w: (tg.bernoulli(w, 0.5), w.multinomial(3, replacement=True)))
    w = tg.rand(50)
    tg.manual_seed(0)
    eager = [(tg.bernoulli(w, 0.5), w.multinomial(3, replacement=True)) for _ in range(4)]
    tg.manual_seed(0)
    for expected in eager:
        for a, b in zip(step(w), expected, strict=True):
            assert tg.equal(a, b)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**64, 2**70, -(2**70)])
def test_integers_beyond_int64_are_refused(number: int) -> None:
    makers: list[Callable[[], Any]] = [
        lambda: tg.tensor(number), lambda: tg.tensor([1, number]), lambda: tg.tensor([[1], [number]]),
        lambda: tg.as_tensor(number), lambda: tg.as_tensor([number]), lambda: tg.full((2,), number),
        lambda: tg.tensor(number, dtype=tg.int32)]
    for make in makers:
        with pytest.raises(ValueError, match="Overflow when unpacking long"):
            make()
    integers = tg.tensor([1])
    writers: list[Callable[[], Any]] = [
        lambda: tg.where(integers > 0, number, integers), lambda: integers.masked_fill(integers > 0, number),
        lambda: integers.fill_(number), lambda: integers.__setitem__(0, number), lambda: tg.full_like(integers, number)]
    for write in writers:
        with pytest.raises(OverflowError):
            write()
    assert integers.tolist() == [1]
    assert tg.tensor([1.5, number]).tolist() == [1.5, pytest.approx(float(number))]
    assert tg.tensor(number, dtype=tg.float64).item() == float(number)


def test_the_ends_of_int64() -> None:
    ends = [2**63 - 1, -(2**63)]
    assert tg.tensor(ends).tolist() == ends
    assert tg.tensor(np.array([2**63], "uint64")).dtype == np.uint64
    assert tg.tensor([np.uint64(2**63)]).tolist() == [2**63]
    assert tg.tensor([2.0**63]).dtype == tg.float32


@pytest.mark.parametrize(("number", "dtype"), [
    (256, "uint8"), (-256, "uint8"), (128, "int8"), (-129, "int8"), (2**31, "int32"), (300.5, "uint8"),
    (float("nan"), "int64"), (float("inf"), "int32"), (1e20, "int64")])
def test_numbers_beyond_a_narrow_dtype_are_refused(number: Any, dtype: str) -> None:
    with pytest.raises(RuntimeError, match=f"value cannot be converted to type {dtype} without overflow"):
        tg.tensor([[number]], dtype=dtype)
    assert tg.tensor([-1, 255], dtype=tg.uint8).tolist() == [255, 255]
    assert tg.tensor([-1.5, 2.5], dtype=tg.int8).tolist() == [-1, 2]


@pytest.mark.parametrize("dtype", ["longdouble", "complex64", "object", "U3", "datetime64[s]"])
def test_arrays_of_other_dtypes_are_refused(dtype: str) -> None:
    array = np.array([1, 2]).astype(dtype)
    for make in (tg.tensor, tg.as_tensor, tg.from_numpy, lambda x: tg.tensor([x, x])):
        with pytest.raises(TypeError, match=r"can't make a tensor of dtype .*; the supported ones are"):
            make(array)


@pytest.mark.parametrize(("start", "end", "steps", "expected"), [
    (-5, 5, 4, [-5, -1, 1, 5]), (-10, -1, 7, [-10, -8, -7, -5, -4, -2, -1]), (2.7, 9.9, 6, [2, 3, 4, 6, 7, 9]),
    (-3, 7, 8, [-3, -1, 0, 1, 2, 4, 5, 7]), (10, 0, 3, [10, 5, 0]), (4, 9, 1, [4]), (4, 9, 0, []), (0, 1, 2, [0, 1])])
def test_linspace_in_integers(start: float, end: float, steps: int, expected: list[int]) -> None:
    found = tg.linspace(start, end, steps, dtype=tg.int64)
    assert (found.tolist(), found.dtype) == (expected, tg.int64)


def test_linspace_of_negative_steps() -> None:
    with pytest.raises(RuntimeError, match="number of steps must be non-negative"):
        tg.linspace(0, 1, -1)


@pytest.mark.parametrize("dtype", [tg.float16, tg.float32, tg.float64])
@pytest.mark.parametrize("draw", [tg.rand, tg.randn])
def test_a_single_draw_is_an_array_of_no_axes(draw: Any, dtype: Any) -> None:
    like = tg.full((), 0.5, dtype=dtype)
    for x in (draw((), dtype=dtype), tg.rand_like(like), tg.bernoulli(like)):
        assert type(x.array) is np.ndarray
        assert (x.shape, x.dtype) == ((), dtype)


def test_the_constructor_of_older_scripts() -> None:
    for made, expected in [
        (tg.Tensor([1, 2]), [1.0, 2.0]), (tg.Tensor([[1.5], [2]]), [[1.5], [2.0]]), (tg.Tensor((3, 4)), [3.0, 4.0]),
        (tg.Tensor([tg.tensor(1.0), 2]), [1.0, 2.0]), (tg.Tensor([]), []), (tg.Tensor(), []),
    ]:
        assert made.tolist() == expected
        assert (made.dtype, made.requires_grad) == (tg.float32, False)
    assert tg.Tensor(2, 3).shape == (2, 3)
    assert tg.Tensor(4).shape == (4,)
    assert tg.Tensor(2, 3, 4, 5).shape == (2, 3, 4, 5)
    assert "tensor(" in repr(tg.Tensor(2, 3))
    assert tg.nn.Parameter(tg.Tensor(3, 4)).shape == (3, 4)
    x, array = tg.zeros(2), np.zeros(2)
    tg.Tensor(x).add_(1)
    tg.Tensor(array).add_(1)
    assert x.tolist() == array.tolist() == [1.0, 1.0]
    for wrong in (1.5, "a", None, {1: 2}, np.float32(1)):
        with pytest.raises(TypeError, match="must be a sequence"):
            tg.Tensor(wrong)
    with pytest.raises(TypeError, match="must be a sequence"):
        tg.Tensor([1.0], [2.0])
