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
from tinygrad_lite import nn
from tinygrad_lite.engine import backend
from tinygrad_lite.engine.summation import total
from tinygrad_lite.ops.normalization import sum_of_products

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
    wide: Any = array.astype(np.longdouble)
    exact = wide.sum(axis, keepdims=keepdims)
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


def images(n: int, c: int, h: int, last: bool) -> Any:
    x = tg.from_numpy(np.random.default_rng(n).random((n, h, h, c), dtype=np.float32)).permute(0, 3, 1, 2)
    return x if last else x.contiguous()


# Of images (N, C, H, W): what takes another way for long sums than for short ones.
FAMILIES: dict[str, Callable[[Any], Any]] = {
    "batch_norm": lambda x: nn.functional.batch_norm(x, None, None, training=True),
    "group_norm": lambda x: nn.functional.group_norm(x, 1),
    "layer_norm": lambda x: nn.functional.layer_norm(x, x.shape[1:]),
    "rms_norm": lambda x: nn.functional.rms_norm(x, x.shape[2:]),
    "pool": lambda x: nn.functional.avg_pool1d(x.reshape(x.shape[0], x.shape[1], -1), 200, 100, 50),
    "adaptive pool": lambda x: nn.functional.adaptive_avg_pool2d(x, 1),
    "einsum": lambda x: tg.einsum("nchw,k->kc", x, tg.ones(2)),
    "cumprod": lambda x: x.cumprod(0),
    "scatter": lambda x: tg.zeros(3).index_add(0, tg.zeros(x.numel(), dtype=tg.int64), x.exp().reshape(-1)),
    "bias": lambda x: (x.permute(0, 2, 3, 1).reshape(-1, x.shape[1]) + tg.zeros(x.shape[1])).exp().sum(0),
}


@pytest.mark.parametrize("shape", [(2, 3, 4), (3, 2, 20), (150, 2, 5), (1, 3, 64)])
@pytest.mark.parametrize("name", FAMILIES)
def test_captured_families(name: str, shape: tuple[int, int, int]) -> None:
    """Forward and backward to the bit, also with an input that lies otherwise than the recorded one."""
    if name == "pool" and shape[2] < 20:
        return

    def step(x: Any) -> Any:
        y = FAMILIES[name](x)
        (y * y).sum().backward()
        return y

    captured = tg.capture(step, audit=False)
    for last in (False, False, True, True, False):
        x, eager = (images(*shape, last).requires_grad_() for _ in range(2))
        assert captured(x).detach().numpy().tobytes() == step(eager).detach().numpy().tobytes()
        assert x.grad.numpy().tobytes() == eager.grad.numpy().tobytes()


@pytest.mark.parametrize("name", ["batch_norm", "group_norm", "rms_norm", "adaptive pool", "pool", "einsum"])
def test_second_derivatives_and_device(name: str) -> None:
    x = images(2, 2, 20, False)
    exact = FAMILIES[name](x.double())
    for dtype, rtol in ((tg.float32, 1e-4), (tg.float16, 1e-1)):
        on_device = FAMILIES[name](x.to(dtype).to(STRICT.device)) if name != "einsum" else FAMILIES[name](x.to(dtype))
        np.testing.assert_allclose(backend.to_host(on_device.array), exact.numpy(), rtol=rtol, atol=rtol)
    weight = tg.from_numpy(np.random.default_rng(1).random(exact.shape))
    x = images(2, 2, 16, True).double()[:, :, :15].contiguous().requires_grad_()  # 240 in a row

    def f(x: Any) -> Any:
        y = FAMILIES[name](x)
        return (y**2 * weight[tuple(slice(n) for n in y.shape)]).sum()

    (slope,) = tg.autograd.grad(f(x), x, create_graph=True)
    direction = tg.from_numpy(np.random.default_rng(2).standard_normal(x.shape))
    (curvature,) = tg.autograd.grad((slope * direction).sum(), x)
    eps = 1e-5
    ahead, behind = (x.detach() + sign * eps * direction for sign in (1, -1))
    slopes = [tg.autograd.grad(f(z), z)[0] for z in (ahead.requires_grad_(), behind.requires_grad_())]
    np.testing.assert_allclose(curvature.numpy(), ((slopes[0] - slopes[1]) / (2 * eps)).numpy(), rtol=1e-4, atol=1e-6)


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
    "einsum of two": (lambda: tg.einsum("ij,k->jk", ones(ROWS, 2), tg.ones(3)), TENTH * ROWS),
    "short columns": (lambda: ones(512, 2).sum(0), TENTH * 512),
    "short columns, turned": (lambda: ones(500, 2).T.sum(1), TENTH * 500),
    "short columns, more axes": (lambda: ones(32, 16, 2).sum((0, 1)), TENTH * 512),
    "short columns of several axes": (lambda: ones(54, 9, 2).permute(1, 0, 2).sum((0, 1)), TENTH * 486),
    "long window": (lambda: nn.functional.avg_pool1d(ones(2, 30_000), 30_000, padding=6), TENTH * 0.9998),
    "long windows": (lambda: nn.functional.avg_pool1d(ones(1, 2, 30_000), 9000, 7000), TENTH),
    "adaptive pool": (lambda: nn.functional.adaptive_avg_pool2d(ones(2, 1000, 1000), 1), TENTH),
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


IMAGES = np.random.default_rng(0).random((100, 64, 64, 3), dtype=np.float32) + 3


@pytest.mark.parametrize("layout", ["channels first", "channels last", "one image", "one image, channels last", "rows"])
def test_statistics_of_a_batch(layout: str) -> None:
    """However few images, however large, however they lie in memory."""
    x, exact = tg.from_numpy(IMAGES).permute(0, 3, 1, 2), IMAGES.astype(float).reshape(-1, 3)
    if layout == "channels first":
        x = x.contiguous()
    elif layout == "one image":
        x = tg.from_numpy(IMAGES.reshape(-1, 3).T.copy()).unsqueeze(0)
    elif layout == "one image, channels last":
        x = tg.from_numpy(IMAGES.reshape(-1, 3)).T.unsqueeze(0)
    elif layout == "rows":
        x = tg.from_numpy(IMAGES.reshape(-1, 3))
    mean, var = tg.zeros(3), tg.ones(3)
    nn.functional.batch_norm(x, mean, var, training=True, momentum=1.0)
    np.testing.assert_allclose(mean.numpy(), exact.mean(0), rtol=1e-6)
    np.testing.assert_allclose(var.numpy(), exact.var(0, ddof=1), rtol=1e-6)


@pytest.mark.parametrize("shape", [(124, 1, 140), (124, 3, 140), (300, 3), (3, 5000), (5000,), (128, 2, 16, 16)])
def test_sum_of_products(shape: tuple[int, ...]) -> None:
    axes = tuple(i for i in range(len(shape)) if i != 1 or len(shape) == 2) if shape != (300, 3) else (0,)
    found = sum_of_products(np.full(shape, 0.3, "float32"), np.ones(shape, "float32"), axes)
    count = prod(shape[i] for i in axes)
    np.testing.assert_allclose(found, np.full(found.shape, float(np.float32(0.3)) * count), rtol=2e-6)


def signs(*shape: int) -> Any:
    """1 and -1 by turns: mean 0, variance 1 along each row of an even size."""
    return tg.from_numpy(np.resize(np.array([1, -1], "float32"), shape)) * 10


@pytest.mark.parametrize("last", [False, True])
def test_gradient_of_the_scale_of_a_norm(last: bool) -> None:
    """The sum of the normalized input times what comes back."""
    x = signs(1, 2, ROWS)
    x = x.permute(0, 2, 1).contiguous().permute(0, 2, 1) if last else x
    norms: list[Any] = [nn.BatchNorm1d(2, eps=0.0), nn.GroupNorm(2, 2, eps=0.0)]
    for norm in norms:
        (norm(x) * x * 0.01).sum().backward()
        np.testing.assert_allclose(norm.weight.grad.numpy(), [TENTH * ROWS] * 2, rtol=3e-6)


def test_products_as_in_float64() -> None:
    x = np.full((10_000, 2), 1 + 2.0**-12, "float32")
    found = tg.from_numpy(x).cumprod(0)
    assert found.dtype is tg.float32
    np.testing.assert_allclose(found.numpy(), np.cumprod(x.astype(float), 0), rtol=2**-23)
    half = tg.full((200,), 1.004, dtype=tg.float16)
    np.testing.assert_allclose(half.cumprod(0).numpy(), np.cumprod(half.numpy().astype(float)), rtol=2**-10)


def gradient(f: Callable[[Any], Any], w: Any) -> Any:
    (f(w.requires_grad_()) * 0.1).sum().backward()
    return w.grad


ZEROS = tg.zeros(ROWS, dtype=tg.int64)
# PyTorch's are wrong in the third digit.
REPEATED: dict[str, Callable[[], Any]] = {
    "index_add": lambda: tg.zeros(3, 2).index_add(0, ZEROS, ones(ROWS, 2))[0],
    "scatter_add": lambda: tg.zeros(3).scatter_add(0, ZEROS, ones(ROWS))[0],
    "index_put": lambda: tg.zeros(3).index_put((ZEROS,), ones(ROWS), accumulate=True)[0],
    "embedding": lambda: gradient(lambda w: nn.functional.embedding(ZEROS, w), tg.zeros(3, 2))[0],
    "gather": lambda: gradient(lambda w: w.gather(0, ZEROS), tg.zeros(3))[0],
    "key": lambda: gradient(lambda w: w[ZEROS, ZEROS], tg.zeros(3, 3))[0, 0],
}


@pytest.mark.parametrize("name", REPEATED)
def test_a_place_that_is_hit_often(name: str) -> None:
    np.testing.assert_allclose(REPEATED[name]().detach().numpy(), TENTH * ROWS, rtol=1e-4)


def test_a_place_that_is_not_hit_keeps_its_sign() -> None:
    target = np.full(3, -0.0, "float32")
    backend.scatter_add(target, (np.zeros(ROWS, "int64"),), np.ones(ROWS, "float32"))
    assert target[0] == ROWS
    assert np.signbit(target[1:]).all()


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
