"""Values and gradients where a formula has a kink, a zero to divide by, or an end: as PyTorch has them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.nn import functional as F

INF, NAN = math.inf, math.nan
pytestmark = pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")


def gradient(function: Callable[[Any], Any], x: Any, order: int = 1) -> Any:
    """The gradient of the sum of function(x), or that of the sum of it."""
    x = tg.tensor(x, requires_grad=True)
    y = function(x)
    for _ in range(order):
        y, = tg.autograd.grad(y.sum(), x, create_graph=True)
    return y.tolist()


# --- at 0 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1, 2, 3, 1.5])
def test_lp_pool_of_zeros_has_no_gradient(p: float) -> None:
    length = (3**p + 4**p) ** (1 / p)
    assert gradient(lambda x: F.lp_pool1d(x, p, 2), [[0.0, 0.0, 3.0, 4.0]]) == [
        [0.0, 0.0, pytest.approx((3 / length) ** (p - 1)), pytest.approx((4 / length) ** (p - 1))]]
    w: Any = tg.tensor(1.0, requires_grad=True)
    F.lp_pool2d(F.relu(tg.tensor([[[-1.0, -2.0, 3.0, 0.0], [-3.0, -4.0, 0.0, 0.0]]]) * w), p, 2).sum().backward()
    assert w.grad.item() == pytest.approx(3.0)


def test_lp_pool_of_the_largest_and_the_smallest() -> None:
    x = [[-3.0, 1.0, 2.0, 0.5]]
    assert F.lp_pool1d(tg.tensor(x), INF, 2).tolist() == [[3.0, 2.0]]
    assert F.lp_pool1d(tg.tensor(x), -INF, 2).tolist() == [[1.0, 0.5]]
    assert gradient(lambda x: F.lp_pool1d(x, INF, 2), x) == [[-1.0, 0.0, 1.0, 0.0]]


@pytest.mark.parametrize("function", [
    F.elu, lambda x: F.elu(x, 2.0), F.selu, F.celu, lambda x: F.celu(x, 2.0), lambda x: F.elu(x * 1, 1.0, True)])
def test_the_second_derivative_of_elu_at_0(function: Callable[[Any], Any]) -> None:
    below, at, zero, above = gradient(function, [-1.0, 0.0, -0.0, 1.0], 2)
    assert below > 0
    assert at == zero == above == 0


def test_elu_lets_gradients_through_at_nan() -> None:
    assert gradient(F.elu, [NAN, 1.0]) == gradient(F.celu, [NAN, 1.0]) == [1.0, 1.0]
    assert gradient(F.selu, [NAN]) == gradient(F.selu, [1.0])


@pytest.mark.parametrize("activation", [
    F.relu, F.relu6, lambda x: F.threshold(x, 0.0, 0.0), lambda x: F.hardshrink(x, 2.0),
    lambda x: F.max_pool1d(F.relu(x)[None], 1), lambda x: tg.sort(F.relu(x)).values])
@pytest.mark.parametrize("behind", [tg.sqrt, tg.log, tg.reciprocal])
@pytest.mark.parametrize("size", [1, 10_000])
def test_no_gradient_passes_a_kink_however_large_it_is(activation: Any, behind: Any, size: int) -> None:
    """inf * 0 would be nan."""
    assert gradient(lambda x: behind(activation(x)), [-1.0] * size) in ([0.0] * size, [-0.0] * size)


def test_elements_that_are_not_the_largest_get_no_gradient_however_large_it_is() -> None:
    picks: list[Callable[[Any], Any]] = [tg.amax, tg.median, tg.max]
    for pick in picks:
        x: Any = tg.tensor([0.0, -1.0, 0.0], requires_grad=True)
        pick(x).sqrt().backward()
        assert x.grad[1].item() == 0.0


def test_the_derivative_of_hardsigmoid_is_a_sixth_in_float64() -> None:
    assert gradient(F.hardsigmoid, np.array([0.0, 1.0])) == [1 / 6, 1 / 6]  # PyTorch's is that of float32


# --- variances --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("correction", [2, 3, 2.5])
def test_a_variance_without_freedom_has_no_finite_gradient(correction: float) -> None:
    assert gradient(lambda x: x.var(correction=correction), [1.0, 2.0]) == [INF, INF]
    assert np.isnan(gradient(lambda x: x.var(correction=correction), [1.0, 1.0])).all()
    assert np.isnan(gradient(lambda x: x.std(correction=correction), [1.0, 2.0])).all()
    low, mean, high = gradient(lambda x: x.var(correction=correction + 1), [1.0, 2.0, 3.0])
    assert low == high == INF
    assert math.isnan(mean)


@pytest.mark.parametrize("correction", [0, 1, -1])
def test_the_variance_of_nothing_is_nan(correction: int) -> None:
    assert math.isnan(tg.zeros(0).var(correction=correction).item())


# --- determinants -----------------------------------------------------------------------------------------------------

SINGULAR = {
    "rank 1 of 2": ([[1.0, 2.0], [2.0, 4.0]], [[4.0, -2.0], [-2.0, 1.0]]),
    "rank 2 of 3": ([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]],
                    [[-3.0, 6.0, -3.0], [6.0, -12.0, 6.0], [-3.0, 6.0, -3.0]]),
    "a zero on the diagonal": ([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]],
                               [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 2.0]]),
    "rank 1 of 3": ([[1.0, 2.0, 3.0]] * 3, [[0.0] * 3] * 3),
    "one number": ([[0.0]], [[1.0]]),
    "zeros": ([[0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]),
}


@pytest.mark.parametrize(("A", "cofactors"), SINGULAR.values(), ids=SINGULAR)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_determinant_of_a_singular_matrix_has_a_gradient(A: Any, cofactors: Any, dtype: str) -> None:
    np.testing.assert_allclose(gradient(tg.det, np.array(A, dtype)), cofactors, atol=1e-5)
    np.testing.assert_allclose(gradient(tg.linalg.det, np.array([A, np.eye(len(A))], dtype))[1], np.eye(len(A)))


@pytest.mark.parametrize(("A", "_"), SINGULAR.values(), ids=SINGULAR)
def test_the_second_derivative_of_a_determinant_by_differences(A: Any, _: Any) -> None:
    A, rng = np.array(A), np.random.default_rng(0)
    direction = rng.standard_normal(A.shape)

    def along(x: Any) -> Any:
        return tg.autograd.grad(tg.det(x), x, create_graph=True)[0]

    x = tg.tensor(A, requires_grad=True)
    found, = tg.autograd.grad((along(x) * tg.tensor(direction)).sum(), x)
    step = 1e-4
    ends = [along(tg.tensor(A + s * step * direction, requires_grad=True)).detach().numpy() for s in (1, -1)]
    np.testing.assert_allclose(found.numpy(), (ends[0] - ends[1]) / (2 * step), atol=1e-6)


def test_a_small_determinant_that_underflows() -> None:
    assert gradient(tg.det, [[1e-30, 0.0], [0.0, 1e-30]]) == [[pytest.approx(1e-30), 0.0], [0.0, pytest.approx(1e-30)]]


def test_the_logarithm_of_a_determinant_of_0() -> None:
    A = np.array([[[1.0, 2.0], [2.0, 4.0]], [[2.0, 0.0], [0.0, 4.0]]])
    for function in (tg.logdet, lambda x: tg.linalg.slogdet(x).logabsdet):
        assert gradient(function, A) == [[[INF, -INF], [-INF, INF]], [[0.5, 0.0], [0.0, 0.25]]]
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        tg.linalg.inv(tg.tensor(A))


def test_the_power_0_of_a_matrix_has_a_gradient_of_zeros() -> None:
    assert gradient(lambda x: tg.matrix_power(x, 0), [[1.0, INF], [0.0, NAN]]) == [[0.0, 0.0], [0.0, 0.0]]
    assert gradient(lambda x: tg.matrix_power(x, 2), [[0.0, 1.0], [0.0, 0.0]]) == [[1.0, 0.0], [2.0, 1.0]]


def test_products_with_zeros_to_second_order() -> None:
    assert gradient(tg.prod, [2.0, 0.0, 5.0], 2) == [5.0, 7.0, 2.0]
    assert gradient(tg.prod, [0.0, 0.0, 5.0], 2) == [5.0, 5.0, 0.0]


# --- interpolation ----------------------------------------------------------------------------------------------------


def test_lerp_ends_at_the_end() -> None:
    rng = np.random.default_rng(0)
    a, b = (tg.tensor(rng.standard_normal(10_000).astype("float32")) for _ in range(2))
    for one in (1, 1.0, np.float32(1), tg.tensor(1.0), tg.ones(10_000)):
        assert tg.equal(tg.lerp(a, b, one), b)
        assert tg.equal(a.clone().lerp_(b, one), b)
        assert tg.equal(tg.lerp(a, b, one * 0), a)
    assert tg.lerp(tg.tensor([1e20]), tg.tensor([1.0]), 1.0).item() == 1.0
    half = tg.tensor([60000.0], dtype=tg.float16)
    assert tg.lerp(half, -half, 0.75).tolist() == [-30000.0]
    assert tg.lerp(half, -half, 0.75).dtype == tg.float16


@pytest.mark.parametrize("weight", [0.0, 0.25, 0.5, 0.75, 1.0, 1.5, -0.5])
def test_the_gradients_of_lerp(weight: float) -> None:
    a, b, w = (tg.tensor([x], requires_grad=True) for x in (3.0, 1.0, weight))
    assert tg.lerp(a, b, w).item() == pytest.approx(3 - 2 * weight)
    assert [g.item() for g in tg.autograd.grad(tg.lerp(a, b, w).sum(), (a, b, w))] == [1 - weight, weight, -2]
    assert [g.item() for g in tg.autograd.grad(tg.lerp(a, b, weight).sum(), (a, b))] == [1 - weight, weight]


def test_a_quantile_between_a_large_and_a_small_number() -> None:
    assert tg.quantile(tg.tensor([-1e20, 1.0]), 0.99999994).item() == pytest.approx(1 - 1e20 * 6e-8, rel=0.1)
    assert tg.quantile(tg.tensor([1.0, 2.0, 4.0]), 0.75).item() == 3.0


# --- nan among numbers ------------------------------------------------------------------------------------------------


def test_unique_tells_one_nan_from_another() -> None:
    values, inverse, counts = tg.unique(tg.tensor([1.0, NAN, 1.0, NAN, -INF]), True, True, True)
    np.testing.assert_array_equal(values.numpy(), [-INF, 1.0, NAN, NAN])
    assert inverse.tolist() == [1, 2, 1, 3, 0]
    assert counts.tolist() == [1, 2, 1, 1]
    values, inverse, counts = tg.unique(tg.tensor([[3, 1], [1, 3]]), True, True, True)
    assert (values.tolist(), inverse.tolist(), counts.tolist()) == ([1, 3], [[1, 0], [0, 1]], [2, 2])
    for few in (tg.tensor(5), tg.tensor([5]), tg.zeros(0, dtype=tg.int64), tg.zeros(2, 0)):
        values, inverse, counts = tg.unique(few, True, True, True)
        assert inverse.shape == few.shape
        assert counts.tolist() == [1] * few.numel()


@pytest.mark.parametrize("right", [False, True])
def test_searchsorted_counts_nan_as_the_largest_in_rows_too(right: bool) -> None:
    sequence, x = tg.tensor([1.0, 2.0, 3.0]), tg.tensor([NAN, 2.0, 9.0, INF])
    expected = [3, 2 if right else 1, 3, 3]
    assert tg.searchsorted(sequence, x, right=right).tolist() == expected
    assert tg.searchsorted(sequence[None], x[None], right=right).tolist() == [expected]
    sequence = tg.tensor([1.0, NAN, NAN])
    assert (tg.searchsorted(sequence[None], x[None], right=right)[0].tolist()
            == tg.searchsorted(sequence, x, right=right).tolist())


# --- axes of size 0 and 1 ---------------------------------------------------------------------------------------------


def test_an_axis_of_size_1_in_tensordot_counts_for_each_element_of_the_other() -> None:
    a, b = tg.arange(6.0).reshape(2, 3), tg.tensor([[1.0, 2.0]])
    assert tg.tensordot(a, b, ([1], [0])).tolist() == [[3.0, 6.0], [12.0, 24.0]]
    assert tg.tensordot(b.T, a, ([1], [1])).tolist() == [[3.0, 12.0], [6.0, 24.0]]
    with pytest.raises(RuntimeError, match="contracted dimensions need to match"):
        tg.tensordot(a, tg.ones(2, 2), ([1], [0]))


def test_no_differences_are_a_copy_of_the_input() -> None:
    x = tg.tensor([1.0, 4.0])
    y = tg.diff(x, 0, prepend=tg.zeros(1), append=tg.zeros(1))
    assert y.tolist() == [1.0, 4.0]
    y[0] = 7.0
    assert x.tolist() == [1.0, 4.0]


@pytest.mark.parametrize("stride", [(), [], None])
def test_a_stride_that_is_not_given(stride: Any) -> None:
    x = tg.arange(16.0).reshape(1, 4, 4)
    for function in (F.avg_pool2d, F.max_pool2d, F.avg_pool1d, F.max_pool1d):
        assert tg.equal(function(x, 2, stride), function(x, 2, 2))
    assert tg.equal(F.lp_pool2d(x, 2, 2, stride), F.lp_pool2d(x, 2, 2, 2))


# --- in a captured step -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [
    lambda x: F.relu(x).sqrt(), lambda x: F.relu6(x).log(), F.elu, F.selu, lambda x: tg.lerp(x, x * x, 0.75),
    lambda x: F.lp_pool1d(F.relu(x)[None], 2, 2), lambda x: F.adaptive_avg_pool1d(x.half()[None], 2),
    lambda x: tg.index_fill(x, 0, tg.tensor([1, 1]), x.sum()), lambda x: tg.det(x.reshape(2, 2))])
def test_replays_have_the_same_bits(function: Callable[[Any], Any]) -> None:
    def step(x: Any, w: Any) -> Any:
        return tg.autograd.grad(function(x * w).sum(), w)[0]

    captured, w = tg.capture(step), tg.tensor(2.0, requires_grad=True)
    x = [tg.tensor(values) for values in ([-1.0, 0.0, 0.25, 3.0], [0.5, 1.0, 1.0, 2.0], [0.0, -2.0, 0.0, 0.0])]
    for _ in range(6):
        for values in x:
            np.testing.assert_array_equal(captured(values, w).numpy(), step(values, w).numpy())


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_the_determinant_of_what_is_not_finite_comes_back(value: float) -> None:
    """LAPACK's singular values of such a matrix may take for ever."""
    x = np.random.default_rng(0).standard_normal((3, 4, 4)).astype("float32")
    x[1, 2] = value
    A = tg.tensor(x, requires_grad=True)
    y = tg.linalg.det(A)
    (g,) = tg.autograd.grad(y.sum(), A, create_graph=True)
    g.sum().backward()
    assert A.grad is not None
    for found in (y, g, A.grad):
        assert np.isfinite(found.detach().numpy()[[0, 2]]).all()
        assert not np.isfinite(found.detach().numpy()[1]).any()
