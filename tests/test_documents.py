"""The derivations of the published reports, held against the engine."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import tinygrad_lite as tg
from benchmarks.documents import wang
from benchmarks.documents.report import Report
from tinygrad_lite.datasets import MNIST, Digits

ROOT = Path(__file__).parents[1]
seeds = st.integers(0, 2**32 - 1)


@given(st.tuples(*[st.integers(1, 9)] * 4), st.integers(1, 20), seeds)
def test_wang_gradients(sizes: tuple[int, ...], m: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    X = random.standard_normal((sizes[0], m))
    Y = np.eye(sizes[-1])[:, random.integers(0, sizes[-1], m)]
    parameters = {
        name: random.standard_normal(value.shape) for name, value in wang.initial_parameters(sizes, seed).items()
    }
    derived = wang.derived_gradients(X, Y, parameters)
    by_hand = wang.hand_derived_gradients(X, Y, parameters)
    assert list(derived) == list(by_hand) == ["W1", "b1", "W2", "b2", "W3", "b3"]
    for name, gradient in derived.items():
        np.testing.assert_allclose(gradient, by_hand[name], rtol=0, atol=1e-10, err_msg=name)
        assert gradient.shape == parameters[name].shape


@given(st.integers(1, 12), seeds)
def test_wang_softmax_jacobian(classes: int, seed: int) -> None:
    z = tg.tensor(np.random.default_rng(seed).normal(0, 3, classes), requires_grad=True)
    a = tg.softmax(z, 0)
    by_hand = wang.softmax_jacobian(a.detach().numpy())
    for i in range(classes):
        (row,) = tg.autograd.grad(a[i], z, retain_graph=True)
        for j in range(classes):
            assert row[j].item() == pytest.approx(by_hand[i, j], abs=1e-10), (i, j)


@given(st.integers(1, 8), st.integers(1, 10), seeds)
def test_wang_loss_derivative(classes: int, m: int, seed: int) -> None:
    """dL/dz = a - y, each example on its own."""
    random = np.random.default_rng(seed)
    z = tg.tensor(random.normal(0, 3, (classes, m)), requires_grad=True)
    Y = np.eye(classes)[:, random.integers(0, classes, m)]
    cross_entropy = -(tg.from_numpy(Y) * tg.log(tg.softmax(z, 0))).sum()
    (derived,) = tg.autograd.grad(cross_entropy, z)
    by_hand = wang.output_delta(wang.softmax(z.detach().numpy()), Y)
    np.testing.assert_allclose(derived.numpy(), by_hand, rtol=0, atol=1e-10)


def digits(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    X, Y = wang.columns(Digits(train=False))
    return X[:, :count], Y[:, :count]


@given(st.tuples(*[st.integers(1, 6)] * 4), st.integers(1, 5), seeds)
def test_wang_without_vectorization(sizes: tuple[int, ...], m: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    X, Y = random.standard_normal((sizes[0], m)), np.eye(sizes[-1])[:, random.integers(0, sizes[-1], m)]
    parameters = wang.initial_parameters(sizes, seed)
    by_hand = wang.hand_derived_gradients(X, Y, parameters)
    for other in (wang.gradients_one_by_one, wang.gradients_in_loops):
        assert wang.largest_difference(other(X, Y, parameters), by_hand) < 1e-12


def test_wang_bias_gradient_is_not_z() -> None:
    """The text says that dL/dB is just equal to Z; the code sums dL/dZ, and that is right."""
    X, Y = digits(20)
    parameters = wang.initial_parameters()
    tensors = {name: tg.tensor(value, requires_grad=True) for name, value in parameters.items()}
    A2 = wang.forward(X, parameters)[1]
    wrong = wang.hand_derived_gradients(X, Y, parameters)
    wrong["b3"] = (parameters["W3"] @ A2 + parameters["b3"]).mean(axis=1, keepdims=True)
    inputs = tg.from_numpy(X), tg.from_numpy(Y)
    found = tg.testing.compare_gradients(
        lambda W1, b1, W2, b2, W3, b3: wang.loss(*inputs, W1, b1, W2, b2, W3, b3), tensors, wrong)
    assert [entry.name for entry in found.entries if not entry.ok] == ["b3"]


def test_wang_gradient_is_not_that_of_the_printed_cost() -> None:
    """It is that of the sum over the classes: ten times the cost, apart from its 1e-8."""
    X, Y = digits(50)
    cost, loss = wang.cost_and_loss(X, Y, wang.initial_parameters())
    assert loss == pytest.approx(10 * cost, rel=1e-5)


def test_wang_both_gradients_train_alike() -> None:
    X, Y = digits(100)
    for derived, by_hand in zip(
        wang.train(X, Y, wang.derived_gradients, 0.5, 80),
        wang.train(X, Y, wang.hand_derived_gradients, 0.5, 80),
        strict=True,
    ):
        assert derived[0] == by_hand[0]
        assert wang.largest_difference(derived[1], by_hand[1]) < 1e-8
        assert wang.line(X, Y, derived[1]) == wang.line(X, Y, by_hand[1])


def test_a_wrong_derivation_is_noticed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The report fails if a hand derivation is wrong: here the derivative of tanh is left out."""
    monkeypatch.setattr(wang, "hidden_delta", lambda W, dZ, A: W.T @ dZ)
    assert wang.run(Report("wang", quick=True, results=None, pictures=None)) == 1
    assert "largest difference" in capsys.readouterr().out


@pytest.mark.skipif(not os.environ.get("TINYGRAD_LITE_DATA"), reason="TINYGRAD_LITE_DATA names no folder with MNIST")
def test_wang_first_printed_lines() -> None:
    """The first two; `python -m benchmarks.documents wang` compares all fifteen."""
    X, Y = wang.columns(MNIST())
    for i, parameters in wang.train(X, Y, wang.derived_gradients, 0.5, 10):
        if i in wang.PUBLISHED:
            assert wang.line(X, Y, parameters) == wang.PUBLISHED[i], f"iteration {i}"


def test_command_line() -> None:
    command = [sys.executable, "-m", "benchmarks.documents", "wang", "--quick"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "| 0         | 0.230027 | 13.400000 |" in result.stdout
