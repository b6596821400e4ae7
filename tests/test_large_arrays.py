"""Large arrays take other ways through some ops than small ones, for speed: with the values of the plain form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.devices import DEVICES
from tinygrad_lite.engine.backend import to_host

N = 2**13
"""From here on arrays are large."""


def special(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Any:
    """Numbers of that dtype with nan, inf, -inf, 0 and -0.0 among them where it has such."""
    values = 3 * np.random.default_rng(seed).standard_normal(shape)
    if dtype.startswith("f") and shape:
        values.reshape(-1)[: 5 * 7] = np.repeat([np.nan, np.inf, -np.inf, 0.0, -0.0], 7)
    return values.astype(dtype)


def same_bits(a: Any, b: Any) -> bool:
    """Whether two arrays are equal in shape, dtype and bytes."""
    return bool(a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i8", "u1", "?"])
@pytest.mark.parametrize("shapes", [((N,), (N,), (N,)), ((128, 1), (64, 128, 64), (64,)), ((128, 128), (128, 1), ())])
def test_where(shapes: tuple[tuple[int, ...], ...], dtype: str, device: str) -> None:
    condition = np.broadcast_to(special(shapes[0], "f4") > 0, shapes[0])
    a, b = special(shapes[1], dtype), special(shapes[2], dtype, 1)
    for x, y in [(a, b), (a, 0), (0, a), (a, 1), (np.asfortranarray(a), b)]:
        c, u, v = (tg.tensor(z, device=device) if isinstance(z, np.ndarray) else z for z in (condition, x, y))
        found = to_host(tg.where(c, u, v).array)
        expected = np.where(condition, x, y)
        assert same_bits(found, expected if dtype == "?" else expected.astype(dtype))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
@pytest.mark.parametrize("name", "relu clamp maximum minimum sigmoid erf gelu silu softplus elu".split())
def test_elementwise(name: str, dtype: str, device: str) -> None:
    """Of 150,000 numbers the results are those of 1,000 at a time."""
    x = special((150, 1000), dtype)
    settings: tuple[Any, ...] = {"clamp": (-0.5, 1), "maximum": (0.5,), "minimum": (0.5,)}.get(name, ())
    function = getattr(tg.ops, name)

    def compute(values: Any) -> Any:
        return to_host(function(tg.tensor(values, device=device), *settings).array)

    with np.errstate(invalid="ignore"):  # inf * 0
        found, expected = compute(x), np.stack([compute(row) for row in x])
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected, equal_nan=True)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("shape", [(100, 7), (4, 50, 3)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp", "amax", "amin", "sum"])
def test_short_rows(name: str, shape: tuple[int, ...], device: str) -> None:
    """Along the last axis the values are those along the first."""
    x = special(shape, "f8")
    function = getattr(tg.ops, name)

    def compute(values: Any, dim: int) -> Any:
        return to_host(function(tg.tensor(values, device=device), dim).array)

    with np.errstate(invalid="ignore"):  # inf - inf
        found, expected = compute(x, -1), compute(np.moveaxis(x, -1, 0).copy(), 0)
        kept = to_host(tg.amax(tg.tensor(x, device=device), -1, keepdim=True).array)
    if found.ndim == len(shape):
        assert found.flags.c_contiguous
        expected = np.moveaxis(expected, 0, -1)
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-14)
    assert np.array_equal(kept, x.max(-1, keepdims=True), equal_nan=True)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("reduction", ["none", "mean"])
@pytest.mark.parametrize("kind", ["classes", "probabilities"])
def test_cross_entropy_of_many_examples(kind: str, reduction: str, device: str) -> None:
    """Of 100 examples together as of each alone, and so the gradients."""
    random = np.random.default_rng(0)
    x = random.standard_normal((100, 7))
    t = random.integers(0, 7, 100) if kind == "classes" else random.random((100, 7))
    loss = tg.nn.functional.cross_entropy

    def compute(x: Any, t: Any, reduction: str) -> tuple[Any, Any]:
        scores = tg.tensor(x, device=device, requires_grad=True)
        y = loss(scores, tg.tensor(t, device=device), reduction=reduction)
        y.sum().backward()
        return to_host(y.detach().array), to_host(scores.grad.array)  # type: ignore[union-attr]

    together, gradient = compute(x, t, reduction)
    alone, gradients = zip(*(compute(x[i : i + 1], t[i : i + 1], "none") for i in range(100)), strict=True)
    scale = 100 if reduction == "mean" else 1
    np.testing.assert_allclose(together, np.concatenate(alone) if scale == 1 else np.mean(alone), rtol=1e-12)
    np.testing.assert_allclose(gradient, np.concatenate(gradients) / scale, rtol=1e-12, atol=1e-15)
