"""Large arrays take other ways through some ops than small ones, for speed: with the values of the plain form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.devices import DEVICES
from tinygrad_lite.backend import to_host

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
