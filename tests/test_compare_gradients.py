"""compare_gradients finds the mistake in a hand-derived gradient and names the operation."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tests.devices import DEVICES, place
from tinygrad_lite import nn, ops
from tinygrad_lite.engine.backend import Backend
from tinygrad_lite.explanation.explanation import symbols_of
from tinygrad_lite.testing import GradientReport, compare_gradients

Arrays = dict[str, Any]

rng = np.random.default_rng(7)
M = 6
X = rng.uniform(-1, 1, (M, 4))
T = rng.integers(0, 2, (M, 1)).astype(float)
Y = rng.normal(size=(M, 3))
CLASSES = rng.integers(0, 3, M)


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def random(**shapes: tuple[int, ...]) -> Arrays:
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


# --- lab2: 784-64-1, sigmoid, binary cross-entropy; here with small sizes ---------------------------------------------

LAB2 = random(W1=(4, 5), b1=(5,), W2=(5, 1), b2=(1,))


def lab2(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
    hidden = (tg.tensor(X) @ W1 + b1).sigmoid()
    a = (hidden @ W2 + b2).sigmoid()
    return -(T * a.log() + (1 - T) * (1 - a).log()).mean()


def lab2_by_hand(W1: Any, b1: Any, W2: Any, b2: Any, *, derivative: bool = True, scale: float = 1 / M, sign: int = 1,
                 bias: Callable[..., Any] = np.sum, last: Callable[[Any, Any], Any] = lambda z, a: a) -> Arrays:
    z = X @ W1 + b1
    hidden = sigmoid(z)
    delta2 = sign * scale * (sigmoid(hidden @ W2 + b2) - T)
    delta1 = delta2 @ W2.T
    if derivative:
        delta1 = delta1 * hidden * (1 - hidden)
    return {"W1": X.T @ delta1, "b1": bias(delta1, axis=0),
            "W2": last(z, hidden).T @ delta2, "b2": bias(delta2, axis=0)}


def compare_lab2(**mistakes: Any) -> GradientReport:
    return compare_gradients(lab2, LAB2, lambda **arrays: lab2_by_hand(**arrays, **mistakes))


def only_cause(report: GradientReport) -> tuple[list[str], str]:
    assert not report.ok
    assert len(report.causes) == 1, str(report)
    assert not report.notes, str(report)
    return report.causes[0].names, report.causes[0].text


def test_the_right_gradient() -> None:
    report = compare_lab2()
    assert report.ok
    assert not report.causes
    assert not report.notes
    assert [e.name for e in report.entries] == ["W1", "b1", "W2", "b2"]
    assert all(e.relative is not None and e.relative < 1e-12 for e in report.entries)


def test_lab2_without_the_derivative_of_the_hidden_sigmoid() -> None:
    report = compare_lab2(derivative=False)
    names, text = only_cause(report)
    assert names == ["W1", "b1"]
    assert text.startswith("the derivative of sigmoid (node ")
    assert text.endswith(f"shape ({M}, 5)) is missing")
    assert [e.ok for e in report.entries] == [False, False, True, True]
    entry = report.entries[0]
    true, hand = lab2_by_hand(**LAB2)["W1"], lab2_by_hand(**LAB2, derivative=False)["W1"]
    error = np.abs(hand - true)
    assert entry.absolute == pytest.approx(error.max())
    assert entry.relative == pytest.approx(error.max() / np.abs(true).max())
    assert entry.where == np.unravel_index(error.argmax(), error.shape)
    lines = str(report).splitlines()
    assert lines[0].split() == ["parameter", "shape", "absolute", "error", "relative", "at"]
    assert lines[1].startswith("W1         (4, 5)")
    assert lines[1].endswith("wrong")
    assert lines[3].endswith("ok")
    assert lines[-1] == f"  W1, b1: {text}"


def test_missing_one_over_m() -> None:
    names, text = only_cause(compare_lab2(scale=1))
    assert names == [*LAB2]
    assert text.startswith(f"the factor 1/{M} of mean (node 2 ")
    assert "sum instead of mean" in text


def test_wrong_sign() -> None:
    names, text = only_cause(compare_lab2(sign=-1))
    assert names == [*LAB2]
    assert "sign" in text or "the minus sign of neg" in text


def test_averaged_bias() -> None:
    names, text = only_cause(compare_gradients(lab2, LAB2, lambda **a: {**lab2_by_hand(**a), "b1": lab2_by_hand(
        **a, bias=np.mean)["b1"]}))
    assert names == ["b1"]
    assert "add" in text
    assert f"averaged over the {M} elements that share it, not summed" in text


def test_the_value_before_the_activation() -> None:
    names, text = only_cause(compare_lab2(last=lambda z, a: z))
    assert names == ["W2"]
    assert "is taken with the input of sigmoid in the place of its result" in text


def test_the_derivative_of_sigmoid_at_its_result() -> None:
    """sigmoid_prime(a) = s(a)(1 - s(a)) is called with a = s(z)."""
    def by_hand(W1: Any, b1: Any, W2: Any, b2: Any) -> Arrays:
        hidden = sigmoid(X @ W1 + b1)
        delta2 = (sigmoid(hidden @ W2 + b2) - T) / M
        delta1 = delta2 @ W2.T * sigmoid(hidden) * (1 - sigmoid(hidden))
        return {"W1": X.T @ delta1, "b1": delta1.sum(0), "W2": hidden.T @ delta2, "b2": delta2.sum(0)}

    names, text = only_cause(compare_gradients(lab2, LAB2, by_hand))
    assert names == ["W1", "b1"]
    assert "is taken with sigmoid of its result in the place of its result" in text


def test_a_common_and_a_further_mistake_on_one_path() -> None:
    report = compare_lab2(scale=1, derivative=False)
    assert [c.names for c in report.causes] == [["W2", "b2"], ["W1", "b1"]]
    assert "1/6 of mean" in report.causes[0].text
    assert "the derivative of sigmoid" in report.causes[1].text


def test_different_mistakes_of_different_parameters() -> None:
    def by_hand(**arrays: Any) -> Arrays:
        right = lab2_by_hand(**arrays)
        return {**right, "W2": -right["W2"], "b1": right["b1"] / M}

    report = compare_gradients(lab2, LAB2, by_hand)
    causes = {c.names[0]: c.text for c in report.causes}
    assert {*causes} == {"W2", "b1"}
    assert "wrong sign" in causes["W2"]
    assert "averaged" in causes["b1"]


def test_a_mistake_of_one_parameter_that_its_neighbour_does_not_have() -> None:
    """W1 is derived from the delta without a(1 - a), b1 from the right one."""
    report = compare_gradients(lab2, LAB2, lambda **a: {
        **lab2_by_hand(**a), "W1": lab2_by_hand(**a, derivative=False)["W1"]})
    names, text = only_cause(report)
    assert names == ["W1"]
    assert "the derivative of sigmoid" in text
    assert "here alone" in str(report)


def test_a_common_mistake_and_one_of_a_single_parameter_on_top_of_it() -> None:
    report = compare_gradients(lab2, LAB2, lambda **a: {
        **lab2_by_hand(**a, scale=1), "W1": lab2_by_hand(**a, scale=1, derivative=False)["W1"]})
    assert [(c.names, c.alone) for c in report.causes] == [(["b1", "W2", "b2"], False), (["W1"], True)]
    assert "1/6 of mean" in report.causes[0].text
    assert "the derivative of sigmoid" in report.causes[1].text


def test_a_mistake_of_a_single_parameter_instead_of_the_common_one() -> None:
    report = compare_gradients(lab2, LAB2, lambda **a: {
        **lab2_by_hand(**a, scale=1), "W1": lab2_by_hand(**a, derivative=False)["W1"], "b1": np.arange(5.0)})
    assert [(c.names, c.alone) for c in report.causes] == [(["W2", "b2"], False), (["W1"], True)]
    assert "the derivative of sigmoid" in report.causes[1].text
    assert report.notes == ["No single changed link of the backward walk reproduces b1."]


def test_none_of_these() -> None:
    invented = np.cos(np.arange(20.0)).reshape(4, 5)
    report = compare_gradients(lab2, LAB2, lambda **a: {**lab2_by_hand(**a), "W1": invented})
    assert not report.causes
    assert report.notes == ["No single changed link of the backward walk reproduces W1."]
    assert str(report).endswith(report.notes[0])


# --- wang: "it is actually just equal to Z" ---------------------------------------------------------------------------


def test_wang_the_gradient_of_the_bias_read_as_z() -> None:
    """Examples are columns; dW = 1/m dZ A', db = 1/m row sums of dZ, in the text also "just equal to Z"."""
    onehot = np.eye(3)[CLASSES].T
    params = random(W=(3, 4), b=(3, 1))

    def loss(W: Any, b: Any) -> Any:
        z = W @ X.T + b
        return -(tg.tensor(onehot) * z.log_softmax(0)).sum() / M

    def by_hand(W: Any, b: Any) -> Arrays:
        z = W @ X.T + b
        a = np.exp(z) / np.exp(z).sum(0)
        return {"W": (a - onehot) @ X / M, "b": np.sum(z, axis=1, keepdims=True) / M}

    names, text = only_cause(compare_gradients(loss, params, by_hand))
    assert names == ["b"]
    assert text.startswith("the value of add (node ")
    assert f"divided by {M}, stands where its gradient belongs" in text


# --- transposes -------------------------------------------------------------------------------------------------------

SQUARE = random(W1=(4, 4), W2=(4, 4))


def square(W1: Any, W2: Any) -> Any:
    return (((tg.tensor(X) @ W1).tanh() @ W2) ** 2).sum()


def square_by_hand(W1: Any, W2: Any, *, back: Callable[[Any], Any] = np.transpose, factor: float = 2) -> list[Any]:
    a = np.tanh(X @ W1)
    delta2 = factor * (a @ W2)
    delta1 = delta2 @ back(W2) * (1 - a**2)
    return [X.T @ delta1, a.T @ delta2]


def test_a_transposed_gradient() -> None:
    def by_hand(**arrays: Any) -> list[Any]:
        d1, d2 = square_by_hand(**arrays)
        return [d1.T, d2]

    names, text = only_cause(compare_gradients(square, SQUARE, by_hand))
    assert names == ["W1"]
    assert text.startswith("the gradient with respect to other of matmul")
    assert text.endswith("is transposed")


def test_a_weight_that_is_not_transposed() -> None:
    names, text = only_cause(compare_gradients(square, SQUARE, lambda **a: square_by_hand(**a, back=np.array)))
    assert names == ["W1"]
    assert text.startswith("the derivative of matmul")
    assert "takes other transposed wrongly" in text


def test_the_factor_of_a_power() -> None:
    names, text = only_cause(compare_gradients(square, SQUARE, lambda **a: square_by_hand(**a, factor=1)))
    assert names == ["W1", "W2"]
    assert text.startswith("the factor 2 of the derivative of pow")


def test_any_other_factor() -> None:
    names, text = only_cause(compare_gradients(square, SQUARE, lambda **a: square_by_hand(**a, factor=2.6)))
    assert names == ["W1", "W2"]
    assert text.endswith("is multiplied by 1.3")


def test_a_gradient_of_the_transposed_shape() -> None:
    def by_hand(**arrays: Any) -> Arrays:
        right = lab2_by_hand(**arrays)
        return {**right, "W1": right["W1"].T, "b1": right["b1"][None]}

    report = compare_gradients(lab2, LAB2, by_hand)
    assert not report.ok
    assert [e.problem for e in report.entries] == [
        "shape (5, 4), transposed, else right", "shape (1, 5), as many elements, else right", "", ""]


def test_a_bias_gradient_that_is_not_summed() -> None:
    report = compare_gradients(lab2, LAB2, lambda **a: {**lab2_by_hand(**a), "b2": lab2_by_hand(
        **a, bias=lambda d, axis: d)["b2"]})
    names, text = only_cause(report)
    assert report.entries[3].problem == f"shape ({M}, 1)"
    assert names == ["b2"]
    assert text.endswith("is not summed over the elements that share it")


# --- inside fused ops -------------------------------------------------------------------------------------------------


def test_missing_one_over_m_inside_cross_entropy() -> None:
    model = nn.Linear(4, 3, dtype=tg.float64)

    def by_hand(module: Any) -> Arrays:
        z = X @ module.weight.detach().numpy().T + module.bias.detach().numpy()
        delta = np.exp(z) / np.exp(z).sum(1, keepdims=True) - np.eye(3)[CLASSES]
        return {"weight": delta.T @ X, "bias": delta.sum(0)}

    def loss(module: Any) -> Any:
        return ops.cross_entropy(module(tg.tensor(X)), tg.tensor(CLASSES))

    names, text = only_cause(compare_gradients(loss, model, by_hand))
    assert names == ["weight", "bias"]
    assert text == (f"the factor 1/{M} of mean inside cross_entropy (node 1 of the backward walk, shape ()) "
                    "is missing (sum instead of mean)")
    assert model.weight.grad is None


@pytest.mark.parametrize(("share", "expected"), [
    (1, "the factor 1/18 of mean inside mse_loss (node 1 of the backward walk, shape ()) is missing"),
    (M, "divides by 18, the hand gradient by 6"), (3, "divides by 18, the hand gradient by 3"),
    (M * 3 * 2, "the factor 2 of the derivative of pow inside mse_loss")])
def test_the_factors_inside_mse_loss(share: int, expected: str) -> None:
    params = random(weight=(3, 4), bias=(3,))

    def loss(weight: Any, bias: Any) -> Any:
        return ops.mse_loss(ops.linear(tg.tensor(X), weight, bias), tg.tensor(Y))

    def by_hand(weight: Any, bias: Any) -> list[Any]:
        delta = 2 * (X @ weight.T + bias - Y) / share
        return [delta.T @ X, delta.sum(0)]

    assert compare_gradients(loss, params, lambda weight, bias: [g * share / 18 for g in by_hand(weight, bias)]).ok
    names, text = only_cause(compare_gradients(loss, params, by_hand))
    assert names == ["weight", "bias"]
    assert expected in text


def test_a_fused_activation_left_out() -> None:
    """A softmax whose Jacobian is forgotten."""
    w = rng.normal(size=(4, 3))
    names, text = only_cause(compare_gradients(
        lambda w: (tg.tensor(Y) * (tg.tensor(X) @ w).softmax(-1)).sum(), [w], [X.T @ Y]))
    assert names == ["w"]
    assert text.startswith("the derivative of softmax (node 3 ")


def test_mean_where_the_loss_sums_and_a_forgotten_penalty() -> None:
    w = rng.normal(size=4)

    def loss(w: Any) -> Any:
        return (tg.tensor(X) @ w).tanh().sum() + 0.1 * (w**2).sum()

    slope = X.T @ (1 - np.tanh(X @ w) ** 2)
    names, text = only_cause(compare_gradients(loss, [w], [slope / M + 0.2 * w]))
    assert names == ["w"]
    assert f"the hand gradient divides by {M} where sum" in text
    names, text = only_cause(compare_gradients(loss, [w], [slope]))
    assert "left out" in text


# --- how parameters and hand gradients may be given -------------------------------------------------------------------


def quadratic(v: Any, w: Any) -> Any:
    return (v * v).sum() + 3 * w.sum()


def quadratic_of_args(*args: Any) -> Any:
    return quadratic(*args)


V, W = np.array([1.0, 2.0]), np.array([[4.0]])
RIGHT = [2 * V, np.array([[3.0]])]


@pytest.mark.parametrize("hand", [
    RIGHT, tuple(RIGHT), {"w": RIGHT[1], "v": RIGHT[0]}, [tg.tensor(g) for g in RIGHT], [[2, 4], [[3]]],
    lambda v, w: (2 * v, 0 * w + 3), lambda v, w: {"v": 2 * v, "w": 0 * w + 3},
    lambda v, w: (np.sum(v**2), {"v": 2 * v, "w": 0 * w + 3}), lambda v, w: (0.0, [2 * v, 0 * w + 3])])
def test_forms_of_the_hand_gradient(hand: Any) -> None:
    report = compare_gradients(quadratic, [V, W], hand)
    assert report.ok, str(report)
    assert [e.name for e in report.entries] == ["v", "w"]


def test_forms_of_the_parameters() -> None:
    leaf = tg.tensor(V, requires_grad=True)
    assert compare_gradients(quadratic, (leaf, tg.tensor(W)), RIGHT).ok
    assert leaf.grad is None
    assert compare_gradients(quadratic, {"w": W, "v": V}, RIGHT[::-1]).ok  # by name
    assert compare_gradients(quadratic, {"a": V, "b": W}, RIGHT).ok  # names that the function does not have: in order
    assert compare_gradients(lambda p: quadratic(p["a"], p["b"]), {"a": V, "b": W}, {"a": RIGHT[0], "b": RIGHT[1]}).ok
    assert compare_gradients(quadratic_of_args, [V, W], {"params[0]": RIGHT[0], "params[1]": RIGHT[1]}).ok
    assert compare_gradients(lambda v: (v * v).sum(), [V], lambda v: 2 * v).ok
    model = nn.Sequential(nn.Linear(4, 3, dtype=tg.float64))
    ones = {"0.weight": np.ones((3, 1)) * X.sum(0), "0.bias": np.full(3, float(M))}
    assert compare_gradients(lambda: model(tg.tensor(X)).sum(), model, ones).ok
    assert compare_gradients(lambda net: net(tg.tensor(X)).sum(), model, lambda net: ones).ok
    dict(model.named_parameters())["0.weight"].requires_grad_(False)
    assert compare_gradients(lambda: model(tg.tensor(X)).sum(), model, [ones["0.bias"]]).ok


def test_a_hand_derivation_cannot_overwrite_the_parameters() -> None:
    def by_hand(v: Any, w: Any) -> list[Any]:
        v *= 2
        return [v, RIGHT[1]]

    assert compare_gradients(quadratic, [V, W], by_hand).ok
    assert V.tolist() == [1, 2]


def test_float32() -> None:
    arrays = {k: v.astype(np.float32) for k, v in LAB2.items()}
    tensors = {k: tg.tensor(v) for k, v in arrays.items()}
    x, t = tg.tensor(X).float(), tg.tensor(T).float()

    def loss(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
        return ops.binary_cross_entropy_with_logits((x @ W1 + b1).sigmoid() @ W2 + b2, t)

    assert compare_gradients(loss, tensors, lab2_by_hand).ok
    names, text = only_cause(compare_gradients(loss, tensors, lambda **a: lab2_by_hand(**a, derivative=False)))
    assert names == ["W1", "b1"]
    assert "the derivative of sigmoid" in text


def test_rtol() -> None:
    close = [RIGHT[0] * (1 + 1e-4), RIGHT[1]]
    assert not compare_gradients(quadratic, [V, W], close).ok
    assert compare_gradients(quadratic, [V, W], close, rtol=1e-3).ok


# --- bad input is reported, never raised ------------------------------------------------------------------------------


@pytest.mark.parametrize(("hand", "expected"), [
    ([RIGHT[0]], "There are 1 hand gradients for 2 parameters."),
    ({"v": RIGHT[0]}, "missing"), ([RIGHT[0], None], "missing"),
    ({"v": RIGHT[0], "w": RIGHT[1], "u": 1}, "['u'], which are no parameters"),
    ([RIGHT[0], np.zeros((2, 2))], "shape (2, 2)"),
    ([np.array([1.0, np.nan]), RIGHT[1]], "1 of 2 not finite"), ([np.array([np.inf, 1]), RIGHT[1]], "[0]"),
    (["text", RIGHT[1]], "no array of numbers"), ([RIGHT[0] + 1j, RIGHT[1]], "no array of numbers"),
    ([[[1], [1, 2]], RIGHT[1]], "no array of numbers"), ([object(), RIGHT[1]], "no array of numbers"),
    (lambda v, w: 1 / 0, "The hand derivation raised ZeroDivisionError"),
    (lambda v: [v], "The hand derivation raised TypeError"),
    (lambda v, w: None, "hand must be a sequence, a dict or a function, got NoneType"),
    (3.0, "hand must be a sequence, a dict or a function, got float"), ("text", "got str")])
def test_bad_hand_gradients(hand: Any, expected: str) -> None:
    report = compare_gradients(quadratic, [V, W], hand)
    assert report.ok is (isinstance(hand, dict) and "u" in hand)
    assert expected in str(report)
    assert [e.name for e in report.entries] == ["v", "w"]


JUNK = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("vwu"), inner))


@given(JUNK, st.booleans())
def test_whatever_is_given_nothing_is_raised(junk: Any, called: bool) -> None:
    report = compare_gradients(quadratic, [V, W], (lambda v, w: junk) if called else junk)
    assert not report.ok
    assert str(report)
    assert not compare_gradients(quadratic, junk, RIGHT).ok


@pytest.mark.parametrize(("loss", "params", "expected"), [
    (lambda v, w: 1 / 0, [V, W], "loss_fn raised ZeroDivisionError"),
    (lambda v, w: v, [V, W], "must return a Tensor with one element, got shape (2,)"),
    (lambda v, w: 3.0, [V, W], "must return a Tensor with one element, got float"),
    (lambda v, w: v.detach().sum(), [V, W], "does not depend on any parameter"),
    (lambda v: v.sum(), [V, W], "loss_fn raised TypeError"),
    (lambda v, w: v.matmul(w.T).sum(), [V, W], "in matmul("),
    (quadratic, 3, "params must be a sequence, a dict or a Module, got int"),
    (quadratic, [V, "text"], "The parameter w is no array of numbers"),
    (3, [V, W], "loss_fn raised TypeError")])
def test_bad_losses_and_parameters(loss: Any, params: Any, expected: str) -> None:
    report = compare_gradients(loss, params, RIGHT)
    assert not report.ok
    assert expected in str(report)


def test_a_parameter_that_the_loss_does_not_use() -> None:
    assert compare_gradients(lambda v, w: (v * v).sum(), [V, W], [RIGHT[0], np.zeros((1, 1))]).ok
    report = compare_gradients(lambda v, w: (v * v).sum(), [V, W], [RIGHT[0], np.ones((1, 1))])
    assert report.entries[1].relative == float("inf")
    assert report.notes == ["No single changed link of the backward walk reproduces w."]


def test_a_loss_that_is_not_deterministic() -> None:
    random = np.random.default_rng(0)
    report = compare_gradients(lambda v: (v * random.normal(size=2)).sum(), [V], [V])
    assert "loss_fn is not deterministic" in str(report)


def test_the_limit_is_told() -> None:
    def deep(v: Any) -> Any:
        for _ in range(50):
            v = v.tanh()
        return v.sum()

    report = compare_gradients(deep, [V], [V], limit=300)
    assert "The search ended at its limit, after " in str(report)
    assert "of 51 links" in str(report)


def test_inside_another_observer() -> None:
    with tg.autograd.detect_anomaly():
        report = compare_gradients(quadratic, [V, W], [V, W])
    assert "another observer is at work" in str(report)


def test_branches_shared_nodes_and_functions() -> None:
    """A node with several uses, the same tensor given twice, and an autograd.Function on the way."""

    class Double(tg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2, x * 3

        @staticmethod
        def backward(ctx: Any, g: Any, h: Any) -> Any:
            return g * 2 + h * 3

    def loss(v: Any) -> Any:
        a, b = Double.apply(v.sin())
        return (a * a * b).sum()

    def by_hand(v: Any, derivative: bool = True) -> list[Any]:
        return [36 * np.sin(v) ** 2 * (np.cos(v) if derivative else 1)]

    assert compare_gradients(loss, [V], by_hand).ok
    _, text = only_cause(compare_gradients(loss, [V], lambda v: by_hand(v, derivative=False)))
    assert text.startswith("the derivative of sin")


def test_a_function_after_a_call_that_records_nothing() -> None:
    class Cube(tg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return 3 * g * ctx.saved_tensors[0] ** 2

    def loss(v: Any) -> Any:
        constant = tg.tensor(V) * 2
        return (Cube.apply(v) * constant).sum()

    names, text = only_cause(compare_gradients(loss, [V], [2 * V]))
    assert names == ["v"]
    assert text.startswith("the derivative of Cube (node ")


# --- a random mistake in a random network -----------------------------------------------------------------------------

ACTIVATIONS: dict[str, tuple[Any, Any]] = {
    "sigmoid": (sigmoid, lambda a: a * (1 - a)), "tanh": (np.tanh, lambda a: 1 - a**2), "exp": (np.exp, lambda a: a)}


@st.composite
def networks(draw: st.DrawFn) -> tuple[list[int], list[str], int, int]:
    sizes = draw(st.lists(st.integers(2, 4), min_size=3, max_size=5))
    names = draw(st.lists(st.sampled_from([*ACTIVATIONS]), min_size=len(sizes) - 1, max_size=len(sizes) - 1).filter(
        lambda names: names.count("exp") < 2))  # exp of exp overflows
    return sizes, names, draw(st.integers(2, 5)), draw(st.integers(0, 2**32 - 1))


@given(networks(), st.sampled_from(["derivative", "sign", "bias", "delta", "weight", "scale", "transposed"]), st.data())
def test_a_random_mistake_is_found(network: Any, mistake: str, data: st.DataObject) -> None:
    sizes, names, m, seed = network
    layers = len(names)
    at = data.draw(st.integers(0, layers - 1))
    random = np.random.default_rng(seed)
    x, y = random.uniform(-1, 1, (m, sizes[0])), random.normal(size=(m, sizes[-1]))
    params: Arrays = {}
    for i, (n, k) in enumerate(pairwise(sizes)):
        params |= {f"W{i}": random.normal(size=(n, k)) / n, f"b{i}": random.normal(size=k) / 2}

    def loss(p: Arrays) -> Any:
        a: Any = tg.tensor(x)
        for i, name in enumerate(names):
            a = getattr(tg, name)(a @ p[f"W{i}"] + p[f"b{i}"])
        return ((a - y) ** 2).sum() / m

    def by_hand(p: Arrays, mistake: str) -> Arrays:
        a = [x]
        for i, name in enumerate(names):
            a.append(ACTIVATIONS[name][0](a[-1] @ p[f"W{i}"] + p[f"b{i}"]))
        g = 2 * (a[-1] - y) / (1 if mistake == "scale" else m)
        grads = {}
        for i in reversed(range(layers)):
            delta = g if mistake == "derivative" and i == at else g * ACTIVATIONS[names[i]][1](a[i + 1])
            if mistake == "delta" and i == at:
                delta = -delta
            grads[f"W{i}"], grads[f"b{i}"] = a[i].T @ delta, delta.sum(0)
            if i == at:
                if mistake == "sign":
                    grads[f"W{i}"] *= -1
                if mistake == "bias":
                    grads[f"b{i}"] /= m
                if mistake == "transposed" and sizes[i] == sizes[i + 1]:
                    grads[f"W{i}"] = grads[f"W{i}"].T
            g = delta @ (p[f"W{i}"] if mistake == "weight" and i == at and sizes[i] == sizes[i + 1] else p[f"W{i}"].T)
        return grads

    assert compare_gradients(loss, params, lambda p: by_hand(p, "none")).ok
    report = compare_gradients(loss, params, lambda p: by_hand(p, mistake))
    wrong = [e.name for e in report.entries if not e.ok]
    if wrong:
        names_, text = only_cause(report)
        assert sorted(names_) == sorted(wrong)
        if mistake == "derivative":
            assert text.startswith(f"the derivative of {names[at]} (node ")
            assert f"shape ({m}, {sizes[at + 1]})" in text
    else:
        assert mistake in ("transposed", "weight")


@pytest.mark.parametrize("device", DEVICES, ids=repr)
def test_on_another_device(device: Backend) -> None:
    x, t, weight, bias = (tg.tensor(place(a, device)) for a in (X, CLASSES, rng.normal(size=(3, 4)), np.zeros(3)))

    def loss(weight: Any, bias: Any) -> Any:
        return ops.cross_entropy(ops.linear(x, weight, bias).tanh(), t)

    z = np.tanh(X @ tg.Tensor(weight.array).cpu().numpy().T)
    delta = (np.exp(z) / np.exp(z).sum(1, keepdims=True) - np.eye(3)[CLASSES]) / M
    right = delta * (1 - z**2)
    assert compare_gradients(loss, [weight, bias], [place(right.T @ X, device), right.sum(0)]).ok
    names, text = only_cause(compare_gradients(loss, [weight, bias], [delta.T @ X, delta.sum(0)]))
    assert names == ["weight", "bias"]
    assert text.startswith("the derivative of tanh (node 2 ")
    names, text = only_cause(compare_gradients(loss, [weight, bias], [M * right.T @ X, M * right.sum(0)]))
    assert "1/6 of mean inside cross_entropy" in text


def test_vanishing_gradients_are_told_apart_from_rounding() -> None:
    tg.manual_seed(0)
    layers = [layer for _ in range(8) for layer in (tg.nn.Linear(6, 6), tg.nn.Sigmoid())]
    net, x, y = tg.nn.Sequential(*layers), tg.rand(20, 6), tg.rand(20, 6)

    def loss() -> tg.Tensor:
        value: tg.Tensor = ((net(x) - y) ** 2).mean()
        return value

    true = [g.numpy() for g in tg.autograd.grad(loss(), list(net.parameters()))]
    assert compare_gradients(loss, net, true).ok
    report = compare_gradients(loss, net, [1.3 * g for g in true])
    verdicts = [row.split()[-1] for row in str(report).splitlines()[1:17]]
    assert verdicts == ["tell"] * 2 + ["wrong"] * 14  # 1e-8 beside 1e-2, in float32


def convolutional() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2, 1), nn.Flatten(), nn.Linear(8, 3))


def normalized() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(25, 4), nn.LayerNorm(4), nn.Linear(4, 3))


@pytest.mark.parametrize(("model", "right", "wrong", "names", "expected"), [
    (convolutional, r" \* \(a1 > 0\)", "", ["0.weight", "0.bias"], "the derivative of relu .* is missing"),
    (convolutional, r"np.sum\(dz1, axis=\(0, 2, 3\)\)", "np.mean(dz1, axis=(0, 2, 3))", ["0.bias"],
     "add inside conv .* is averaged over the 45 elements"),
    (convolutional, r"dW1 = _conv_weight\(", "dW1 = 2 * _conv_weight(", ["0.weight"], "conv .* with respect to weight"),
    (convolutional, r"np.sum\(dz1, axis=\(0, 2, 3\)\)", "np.sum(dz1[0], axis=(1, 2))", ["0.bias"], None),
    (normalized, r"\s+- np.sum\(g1 \* W2, axis=1, keepdims=True\) / 4", "", ["1.weight", "1.bias"],
     "what sub inside standardize .* hands back to other is left out"),
    (normalized, r" - h3 \* np.sum\(g1 \* W2 \* h3, axis=1, keepdims=True\) / 4", "", ["1.weight", "1.bias"],
     "inside standardize .* is left out"),
    (normalized, r"\s+/ h2\)", ")", ["1.weight", "1.bias"], None)])
def test_a_forgotten_term_in_a_convolutional_network_and_a_layer_norm(
        model: Callable[[], nn.Module], right: str, wrong: str, names: list[str], expected: str | None) -> None:
    """The hand derivation is the one that `explain` writes, with a mistake in it."""
    tg.manual_seed(0)
    network = model().to(tg.float64)
    if model is normalized:
        network.state_dict()["2.weight"].copy_(tg.tensor([0.5, 1.5, 2.0, 0.7]))
    images, classes = tg.randn(5, 1, 5, 5, dtype=tg.float64), tg.tensor([0, 1, 2, 1, 0])

    def loss(X: Any, t: Any) -> Any:
        return nn.functional.cross_entropy(network(X), t)

    symbols = symbols_of(network)
    code, changes = re.subn(right, wrong, tg.explain(loss, images, classes, names=network).code())
    assert changes == 1, code
    scope: dict[str, Any] = {}
    exec(code, scope)
    arrays = {symbol: parameter.array for symbol, parameter in symbols.items()}
    _, gradients = scope["loss_and_grads"](X=images.array, t=classes.array, **arrays)
    hand = dict(zip([name for name, _ in network.named_parameters()], map(gradients.get, symbols), strict=True))
    report = compare_gradients(lambda: loss(images, classes), network, hand)
    assert [e.name for e in report.entries if not e.ok] == names
    if expected is None:
        assert not report.causes
        assert "No single changed link of the backward walk reproduces" in str(report)
    else:
        (cause,) = report.causes
        assert cause.names == names
        assert re.search(expected, cause.text), cause.text
