"""Clipping of gradients, and parameters as one vector."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.devices import DEVICES, LAYOUTS, place
from tinygrad_lite import nn
from tinygrad_lite.engine import backend
from tinygrad_lite.nn.utils import (
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
    parameters_to_vector,
    vector_to_parameters,
)

NORMS = [2.0, 1.0, math.inf, 3.0, 0.5]


def with_gradients(*arrays: Any) -> list[tg.Tensor]:
    parameters = []
    for array in arrays:
        parameters.append(tg.from_numpy(array).detach().clone().requires_grad_())
        parameters[-1].grad = tg.from_numpy(array)
    return parameters


def gradients(seed: int = 0, dtype: str = "float64") -> list[Any]:
    random = np.random.default_rng(seed)
    return [np.asarray(random.standard_normal(shape), dtype) for shape in ((3, 4), (5,), (), (2, 1, 3))]


@pytest.mark.parametrize("norm_type", NORMS)
@pytest.mark.parametrize("max_norm", [0.7, 100.0, 0.0])
def test_the_norm_is_that_of_all_gradients_as_one_vector(norm_type: float, max_norm: float) -> None:
    arrays = gradients()
    parameters = with_gradients(*(a.copy() for a in arrays))
    kept = [p.grad.array for p in parameters]  # type: ignore[union-attr]
    everything = np.concatenate([a.ravel() for a in arrays])
    expected = (np.abs(everything).max() if norm_type == math.inf
                else (np.abs(everything) ** norm_type).sum() ** (1 / norm_type))
    total = clip_grad_norm_(iter(parameters), max_norm, norm_type)
    np.testing.assert_allclose(total.array, expected, rtol=1e-12)
    assert total.shape == ()
    assert not total.requires_grad
    for p, array, before in zip(parameters, arrays, kept, strict=True):
        assert p.grad is not None
        assert p.grad.array is before
        np.testing.assert_allclose(p.grad.array, array * min(1, max_norm / (expected + 1e-6)), rtol=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("device", [backend.numpy, *DEVICES], ids=lambda d: d.device)
@pytest.mark.parametrize("norm_type", NORMS)
def test_on_other_devices_and_in_other_layouts(device: backend.Backend, layout: str, norm_type: float) -> None:
    arrays = gradients(dtype="float32")
    placed = with_gradients(*(place(a, device, layout) for a in arrays))
    plain = with_gradients(*(a.copy() for a in arrays))
    for one, other in ((clip_grad_norm_(placed, 0.7, norm_type), clip_grad_norm_(plain, 0.7, norm_type)),
                       *((p.grad, q.grad) for p, q in zip(placed, plain, strict=True))):
        assert one is not None
        assert other is not None
        assert one.device == device.device
        assert one.dtype == np.float32
        np.testing.assert_allclose(backend.to_host(one.array), other.array, rtol=1e-6)
    clip_grad_value_(placed, 0.1)
    for p, q in zip(placed, plain, strict=True):
        np.testing.assert_allclose(backend.to_host(p.grad.array), np.clip(q.grad.array, -0.1, 0.1),  # type: ignore[union-attr]
                                   rtol=1e-6)


def test_the_squares_of_float16_do_not_overflow() -> None:
    half = with_gradients(np.full(10_000, 3.0, np.float16))
    assert clip_grad_norm_(half, 30.0).item() == 300.0
    assert half[0].grad is not None
    assert half[0].grad.dtype == np.float16


def test_infinite_and_undefined_norms() -> None:
    parameters = with_gradients(np.array([1.0, math.inf]), np.array([2.0]))
    with np.errstate(invalid="ignore"):  # NumPy warns of 0 * inf
        assert clip_grad_norm_(parameters, 1.0).item() == math.inf
    np.testing.assert_array_equal(parameters[0].grad.array, [0.0, math.nan])  # type: ignore[union-attr]
    parameters = with_gradients(np.array([1.0, math.nan]), np.array([2.0]))
    for norm_type in NORMS:
        with pytest.raises(RuntimeError, match=f"The total norm of order {norm_type} .* is non-finite"):
            clip_grad_norm_(parameters, 1.0, norm_type, error_if_nonfinite=True)
    assert parameters[1].grad.tolist() == [2.0]  # type: ignore[union-attr]
    assert math.isnan(clip_grad_norm_(parameters, 1.0).item())
    assert math.isnan(parameters[1].grad.item())  # type: ignore[union-attr]


def test_nothing_to_clip() -> None:
    a, b = tg.ones(2, requires_grad=True), tg.ones(2, requires_grad=True)
    assert clip_grad_norm_([a, b], 1.0).item() == 0.0
    assert get_total_norm([]).item() == 0.0
    clip_grad_value_([a, b], 1.0)
    assert a.grad is None
    b.grad = tg.tensor([3.0, 4.0])
    assert clip_grad_norm_([a, b], 1.0).item() == 5.0
    clip_grads_with_norm_(b, 1.0, tg.tensor(2.0))
    np.testing.assert_allclose(b.grad.array, [0.3, 0.4], rtol=1e-5)
    clip_grad_value_(b, 0.35)
    np.testing.assert_allclose(b.grad.array, [0.3, 0.35], rtol=1e-5)


def test_gradients_of_two_dtypes() -> None:
    parameters = with_gradients(np.array([3.0], np.float32), np.array([4.0]))
    total = clip_grad_norm_(parameters, 1.0)
    assert total.item() == 5.0
    assert total.dtype == np.float64
    assert [p.grad.dtype for p in parameters] == [np.float32, np.float64]  # type: ignore[union-attr]


def test_what_clipping_overwrites_is_noticed() -> None:
    w, x = tg.ones(2, requires_grad=True), tg.ones(2, requires_grad=True)
    w.grad = tg.ones(2)
    loss = (w.grad * x).sum() * 1  # x's derivative needs w.grad
    clip_grad_norm_(w, 0.1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("norm_type", [*NORMS, "value"])
def test_clipping_in_a_captured_step(norm_type: Any, dtype: str) -> None:
    """Bit for bit the eager step, whose norm is returned; what it clips is what the optimizer sees."""
    runs = []
    for captured in (False, True):
        tg.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)).to(np.dtype(dtype))
        optimizer = tg.optim.AdamW(model.parameters(), lr=0.1)

        def step(x: tg.Tensor, model: Any = model, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = (model(x) ** 2).sum()
            loss.backward()
            if norm_type == "value":
                clip_grad_value_(model.parameters(), 0.2)
                total = loss
            else:
                total = clip_grad_norm_(model.parameters(), 0.2, norm_type)
            optimizer.step()
            return loss, total

        run: Any = tg.capture(step) if captured else step
        random, seen = np.random.default_rng(1), []
        for i in range(12):
            loss, total = run(tg.tensor(random.standard_normal((5, 4)).astype(dtype) * (i % 4)))
            now = [x.tolist() for p in model.parameters() for x in (p, p.grad) if x is not None]
            seen.append((loss.item(), total.item(), now))
        runs.append(seen)
        assert not captured or run.captures == 1
    assert runs[0] == runs[1]
    assert len({total for _, total, _ in runs[0]}) > 3


def test_error_if_nonfinite_reads_a_value() -> None:
    w = tg.ones(2, requires_grad=True)
    w.grad = tg.ones(2)
    with pytest.raises(RuntimeError, match="inside a captured step"):
        tg.capture(lambda: clip_grad_norm_(w, 1.0, error_if_nonfinite=True))()


def test_parameters_as_one_vector() -> None:
    model = nn.Linear(3, 2)
    bias: Any = model.bias
    vector = parameters_to_vector(model.parameters())
    assert vector.tolist() == [*model.weight.flatten().tolist(), *bias.tolist()]
    (vector * vector).sum().backward()
    assert model.weight.grad is not None
    np.testing.assert_allclose(model.weight.grad.array, 2 * model.weight.array)
    weight, new = model.weight, tg.arange(8.0)
    vector_to_parameters(new, model.parameters())
    assert model.weight is weight
    assert weight.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert bias.tolist() == [6.0, 7.0]
    assert np.shares_memory(weight.array, new.array)
    assert weight.requires_grad
    with pytest.raises(TypeError, match="expected torch"):
        vector_to_parameters(np.ones(8), model.parameters())  # type: ignore[arg-type]
    with pytest.raises((RuntimeError, ValueError)):
        vector_to_parameters(tg.ones(7), model.parameters())
