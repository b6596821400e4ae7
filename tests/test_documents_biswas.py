"""biswas: section 2 against the engine, and what the notebook got wrong."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from benchmarks.documents import biswas
from benchmarks.documents.report import Report
from tests.devices import STRICT
from tinygrad_lite.datasets import Digits
from tinygrad_lite.testing import compare_gradients

ROOT = Path(__file__).parents[1]
DEVICES = ["cpu", STRICT.device]
layers = st.lists(st.integers(1, 9), min_size=2, max_size=6).map(tuple)
seeds = st.integers(0, 2**32 - 1)


def problem(sizes: tuple[int, ...], m: int, seed: int) -> tuple[Any, Any, biswas.Parameters]:
    """X, one-hot E and parameters, all from N(0, 1): biases are not left at 0."""
    random = np.random.default_rng(seed)
    X, E = random.standard_normal((sizes[0], m)), np.eye(sizes[-1])[:, random.integers(0, sizes[-1], m)]
    parameters = biswas.initial_parameters(sizes)
    return X, E, {name: random.standard_normal(value.shape) for name, value in parameters.items()}


def assert_same(derived: Any, by_hand: Any, name: str) -> None:
    assert derived.shape == by_hand.shape
    np.testing.assert_allclose(derived, by_hand, rtol=0, atol=1e-10 * max(1, np.abs(by_hand).max()), err_msg=name)


@pytest.mark.parametrize("device", DEVICES)
@given(sizes=layers, m=st.integers(1, 20), seed=seeds)
def test_gradients(device: str, sizes: tuple[int, ...], m: int, seed: int) -> None:
    """dW_k, db_k and dA_k of section 2, for any number of layers and examples."""
    X, E, parameters = problem(sizes, m, seed)
    derived, derived_A = biswas.derived_gradients(X, E, parameters, device)
    by_hand, by_hand_A = biswas.hand_derived_gradients(X, E, parameters)
    assert list(derived) == list(parameters)
    assert {*by_hand} == {*parameters}
    for name, gradient in derived.items():
        assert_same(gradient, by_hand[name], name)
    for k, (d_A, other) in enumerate(zip(derived_A, by_hand_A, strict=True), 1):
        assert_same(d_A, other, f"A{k}")


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=20))
def test_derivative_of_relu(values: list[float]) -> None:
    """g'(0) = 0 too, as the engine has it."""
    A = tg.tensor(np.array([0.0, *values]), requires_grad=True)
    (derived,) = tg.autograd.grad(tg.relu(A).sum(), A)
    assert derived.numpy().tolist() == biswas.relu_dash(A.detach().numpy()).tolist()


@given(layers, st.integers(1, 12), seeds)
def test_training_with_either_gradient(sizes: tuple[int, ...], m: int, seed: int) -> None:
    """`train`, which captures its steps, and the notebook's loop with its own formulas: the same losses and weights."""
    X, E, _ = problem(sizes, m, seed)
    data = biswas.Columns(tg.tensor(X), tg.tensor(E))
    trained, losses = biswas.train(data, seed, 5, sizes)
    parameters, by_hand = biswas.initial_parameters(sizes, seed), []
    for _ in range(5):
        A, H = biswas.forward(X, parameters)
        by_hand.append(biswas.printed_loss(H[-1], E))
        gradients, _ = biswas.backward(E, A, H, parameters)
        parameters = {name: value - biswas.LEARNING_RATE * gradients[name] for name, value in parameters.items()}
    np.testing.assert_allclose(losses, by_hand, rtol=1e-10)
    for name, value in trained.items():
        assert_same(value.detach().numpy(), parameters[name], name)


def test_iteration_label() -> None:
    """What is printed as "Iteration 10" is the loss of forward pass 9, whose weights were updated 8 times."""
    counter, printed = 1, {}
    for forward_pass in range(1, 31):  # the notebook's loop: i = i + 1 before the question i % 10 == 0
        counter += 1
        if counter % 10 == 0:
            printed[counter] = forward_pass
    assert biswas.as_printed([float(i) for i in range(1, 31)]) == printed == {10: 9, 20: 19, 30: 29}


@given(st.tuples(*[st.integers(1, 9)] * 4), seeds)
def test_scale_of_the_images_without_biases(sizes: tuple[int, ...], seed: int) -> None:
    """Without biases the missing division could not change a prediction: f(255 x) = 255 f(x)."""
    X, _, parameters = problem(sizes, 5, seed)
    parameters = {name: value if name[0] == "W" else 0 * value for name, value in parameters.items()}
    scores, scaled = (biswas.forward(x, parameters)[0][-1] for x in (X, 255 * X))
    np.testing.assert_allclose(scaled, 255 * scores, rtol=1e-10, atol=1e-10)


def test_scale_of_the_images_with_biases() -> None:
    """With them it does."""
    X, parameters = np.ones((1, 1)), {"W1": np.array([[1.0], [2.0]]), "b1": np.array([[2.0], [0.0]])}
    assert [int(biswas.forward(x, parameters)[1][-1].argmax()) for x in (X, 255 * X)] == [0, 1]


def test_global_number_of_examples() -> None:
    """The notebook divides by a global m; for a batch of another size that is a wrong factor, and it is found."""
    X, E, parameters = problem((4, 5, 3), 6, 0)
    gradients, _ = biswas.hand_derived_gradients(X, E, parameters)
    hand = {name: gradient * 6 / 60_000 for name, gradient in gradients.items()}

    def loss(**tensors: Any) -> Any:
        return biswas.loss(biswas.pre_activations(tg.tensor(X), tensors)[-1], tg.tensor(E))

    assert compare_gradients(loss, parameters, gradients).ok
    report = compare_gradients(loss, parameters, hand)
    assert not any(entry.ok for entry in report.entries)
    assert report.causes[0].names == [*parameters], str(report)
    assert "multiplied by 0.0001" in report.causes[0].text, str(report)


def test_printed_loss_is_not_the_one_differentiated() -> None:
    """Its 1e-8 bounds the printed loss at -log 1e-8 = 18.4; the loss that the gradient belongs to has no bound."""
    A, E = np.array([[0.0], [100.0]]), np.array([[1.0], [0.0]])
    assert biswas.printed_loss(biswas.softmax(A), E) == pytest.approx(-np.log(1e-8))
    assert biswas.loss(tg.tensor(A), tg.tensor(E)).item() == pytest.approx(100)
    x = tg.tensor(A, requires_grad=True)
    (of_printed,) = tg.autograd.grad(biswas.printed_loss(tg.softmax(x, 0), tg.tensor(E)), x)
    assert np.abs(of_printed.numpy()).max() < 1e-30  # the notebook's (Yhat - E)/m is -1 and 1 there
    assert biswas.backward(E, [A], [A, biswas.softmax(A)], {"W1": A})[1][0].ravel().tolist() == [-1, 1]


def test_published_losses() -> None:
    assert [*biswas.PUBLISHED] == [*range(10, 1001, 10)]
    assert all(one > other for one, other in pairwise(biswas.PUBLISHED.values()))
    assert biswas.PUBLISHED[180] > biswas.LEAVES_PLATEAU > biswas.PUBLISHED[190]  # passes 179 and 189
    assert biswas.passes([3.0, 2.0, 1.9]) == 3
    assert biswas.passes([3.0]) is None


def test_accuracy_counts_with_the_scale() -> None:
    data = biswas.Columns.of(Report("biswas", quick=True).images(train=False), "float64", "cpu")
    parameters = {name: tg.tensor(value) for name, value in biswas.initial_parameters((784, 10)).items()}
    images = Digits(train=False)
    scores = parameters["W1"].numpy() @ (images.images.reshape(len(images), -1).T / 255)
    expected = (scores.argmax(axis=0) == images.targets).mean() * 100
    assert biswas.accuracy(data, parameters) == pytest.approx(expected) == biswas.accuracy(data, parameters, 255)


def test_a_wrong_derivation_is_noticed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The report fails if a hand derivation is wrong: here g' is left out."""
    report = Report("biswas", quick=True, results=None, pictures=None)
    assert not biswas.check_gradients(report, report.images(train=False))
    monkeypatch.setattr(biswas, "relu_dash", lambda A: 1)
    assert biswas.check_gradients(report, report.images(train=False))
    assert "WRONG" in capsys.readouterr().out


def test_distance_to_the_printed_curve() -> None:
    """The printed curve is explained by the spread of seeds around it; another curve or accuracy is not."""
    printed = [biswas.PUBLISHED[max(10, i - i % 10)] for i in range(2, 1002)]  # pass i - 1, as a staircase
    assert biswas.as_printed(printed) == biswas.PUBLISHED
    report = Report("biswas", results=None, pictures=None)

    def disagrees(*shifts: float, accuracy: float = 90.95) -> bool:
        curves = [[value + shift for value in printed] for shift in shifts]
        return biswas.find_spread(report, curves, [accuracy] * len(curves))

    assert not disagrees(-0.05, 0.05)
    assert not disagrees(0.02, 0.05)  # outside, but not farther than they are from each other
    assert disagrees(0.04, 0.05)
    assert disagrees(-0.05, 0.05, accuracy=92)


def test_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.documents", "biswas", "--quick", "--results", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "| gradients of section 2 | dA, dW, db of each layer | float64, 300 images |" in result.stdout
    assert (tmp_path / "biswas-quick.json").exists()
