"""Sums keep their digits: whatever axes are summed, however the array lies in memory, in float32 to a few ulp."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_lite as tg
from tests.devices import STRICT
from tinygrad_lite import backend, nn
from tinygrad_lite.summation import total

EPS = {"float32": 2.0**-23, "float64": 2.0**-52}


@st.composite
def layouts(draw: st.DrawFn) -> tuple[Any, Any]:
    """An array of numbers of one sign, in any order of axes, strided or not; and the axes to sum."""
    ndim = draw(st.integers(1, 4))
    most = 5000
    shape: list[int] = []
    for _ in range(ndim):
        shape.append(draw(st.integers(1, max(1, min(3000, most // prod(shape))))))
    order = draw(st.permutations(range(ndim)))
    steps = [draw(st.sampled_from([1, 1, 1, 2, -1])) for _ in shape]
    dtype = draw(st.sampled_from(sorted(EPS)))
    memory = np.random.default_rng(0).uniform(1, 2, [abs(s) * n for s, n in zip(steps, shape, strict=True)])
    array = memory.astype(dtype)[tuple(slice(None, None, s) for s in steps)].transpose(order)
    axes = draw(st.sets(st.integers(0, ndim - 1)))
    axis = draw(st.sampled_from([None, *sorted(axes), *sorted(a - ndim for a in axes), tuple(axes), ()]))
    return array, axis


@settings(max_examples=300)
@given(layouts(), st.booleans())
def test_any_axes_of_any_layout(drawn: Any, keepdims: bool) -> None:
    array, axis = drawn
    found = total(array, axis, keepdims=keepdims)
    exact: Any = np.sum(array.astype(np.longdouble), axis, keepdims=keepdims)
    assert found.shape == exact.shape
    assert found.dtype == array.dtype
    assert not np.may_share_memory(found, array)
    assert np.all(np.abs(found - exact) <= 16 * EPS[array.dtype.name] * exact)


@settings(max_examples=40)
@given(layouts(), st.booleans())
def test_captured_and_on_a_device(drawn: Any, keepdims: bool) -> None:
    array, axis = drawn
    x = tg.from_numpy(array)
    step = tg.capture(lambda x: (x.sum(axis, keepdims), x.exp().mean(axis, keepdims)), audit=False)
    for _ in range(2):
        for captured, eager in zip(step(x), (x.sum(axis, keepdims), x.exp().mean(axis, keepdims)), strict=True):
            assert captured.numpy().tobytes() == eager.numpy().tobytes()
    on_device = backend.to_host(x.to(STRICT.device).sum(axis, keepdims).array)
    np.testing.assert_allclose(on_device, x.sum(axis, keepdims).numpy(), rtol=1e-3)


ROWS = 300_000
TENTH = float(np.float32(0.1))


def ones(*shape: int) -> Any:
    return tg.full(shape, 0.1)


def gradient_of_a_bias(layer: Any, x: Any) -> Any:
    (layer(x) * 0.1).sum().backward()
    return layer.bias.grad


# What is summed -> what it must be.  NumPy's own sums are wrong in the third to fifth digit of each.
LONG: dict[str, tuple[Callable[[], Any], float]] = {
    "sum": (lambda: ones(ROWS, 2).sum(0), TENTH * ROWS),
    "sum of columns": (lambda: ones(ROWS, 2).T.sum(1), TENTH * ROWS),
    "sum of a part": (lambda: ones(ROWS, 4)[:, :3].sum((0, 1)), TENTH * ROWS * 3),
    "sum of images": (lambda: ones(3000, 10, 10, 3).sum((0, 1, 2)), TENTH * ROWS),
    "sum of channels": (lambda: ones(ROWS // 4, 3, 4).sum((0, 2)), TENTH * ROWS),
    "float16": (lambda: tg.full((60_000, 2), 0.5, dtype=tg.float16).sum(0), 30_000),
    "mean": (lambda: ones(ROWS, 2).mean(0), TENTH),
    "norm": (lambda: ones(ROWS, 2).norm(dim=0), TENTH * ROWS**0.5),
    "1-norm": (lambda: ones(ROWS, 2).norm(1, dim=0), TENTH * ROWS),
    "logsumexp": (lambda: ones(ROWS, 2).logsumexp(0), TENTH + np.log(ROWS)),
    "softmax": (lambda: ones(ROWS, 2).softmax(0) * ROWS, 1),
    "log_softmax": (lambda: ones(ROWS, 2).log_softmax(0), -np.log(ROWS)),
    "cumsum": (lambda: ones(ROWS, 2).cumsum(0)[-1], TENTH * ROWS),
    "cumsum of a row": (lambda: ones(2, ROWS).cumsum(1)[:, -1], TENTH * ROWS),
    "mse": (lambda: nn.functional.mse_loss(ones(ROWS, 2).T, tg.zeros(2, ROWS)), TENTH**2),
    "einsum": (lambda: tg.einsum("ij->j", ones(ROWS, 2)), TENTH * ROWS),
    "bias": (lambda: gradient_of_a_bias(nn.Linear(1, 3), ones(ROWS, 1)), TENTH * ROWS),
    "bias of a convolution": (lambda: gradient_of_a_bias(nn.Conv1d(1, 2, 1), ones(ROWS // 4, 1, 4)), TENTH * ROWS),
    "bias of a layer norm": (lambda: gradient_of_a_bias(nn.LayerNorm(2), ones(ROWS, 2)), TENTH * ROWS),
    "bias of a batch norm": (lambda: gradient_of_a_bias(nn.BatchNorm1d(2), ones(ROWS, 2)), TENTH * ROWS),
}


@pytest.mark.parametrize("name", LONG)
def test_long_columns(name: str) -> None:
    compute, exact = LONG[name]
    found = compute().detach().numpy().astype(float)
    tolerance = 1e-3 if name == "float16" else 3e-6
    np.testing.assert_allclose(found, np.full(found.shape, exact), rtol=tolerance)


def test_deviations_of_images() -> None:
    images = np.random.default_rng(0).random((1000, 32, 32, 3), dtype=np.float32)
    x, exact = tg.from_numpy(images), images.astype(float).reshape(-1, 3)
    np.testing.assert_allclose(x.std((0, 1, 2)).numpy(), exact.std(0, ddof=1), rtol=1e-6)
    np.testing.assert_allclose(x.var((0, 1, 2)).numpy(), exact.var(0, ddof=1), rtol=1e-6)
    assert (tg.full((ROWS, 2), 100.0).std(0) == 0).all()
    norm = nn.BatchNorm2d(3, momentum=1.0)
    norm(x.permute(0, 3, 1, 2))
    np.testing.assert_allclose(norm.running_mean.numpy(), exact.mean(0), rtol=1e-6)
    np.testing.assert_allclose(norm.running_var.numpy(), exact.var(0, ddof=1), rtol=1e-6)
    flat = nn.BatchNorm1d(3, momentum=1.0)
    flat(x.reshape(-1, 3))
    np.testing.assert_allclose(flat.running_var.numpy(), exact.var(0, ddof=1), rtol=1e-6)


def test_nan_and_infinity_stay_in_their_columns() -> None:
    x = np.ones((5000, 4), "float32")
    x[17, 0], x[4999, 1], x[3, 2], x[4, 2] = np.nan, np.inf, np.inf, -np.inf
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(total(x, 0), [np.nan, np.inf, np.nan, 5000])
