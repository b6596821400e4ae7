"""biswas: section 2 against the engine, and what the notebook got wrong."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_lite as tg
from benchmarks.documents import biswas
from benchmarks.documents.columns import Columns, Parameters
from benchmarks.documents.report import Report
from tests import derivations
from tests.derivations import assert_same, derived_by_rows, named, seeds
from tinygrad_lite.datasets import Digits
from tinygrad_lite.nn import functional as F
from tinygrad_lite.testing import compare_gradients

ROOT = Path(__file__).parents[1]
DEVICES = [one.device for one in derivations.DEVICES]
layers = st.lists(st.integers(1, 9), min_size=2, max_size=6).map(tuple)


def problem(sizes: tuple[int, ...], m: int, seed: int, soft: bool = False) -> tuple[Any, Any, Parameters]:
    """X, one-hot (or `soft`) columns E, and parameters: biases from N(0, 1), not 0, and weights from N(0, 1/n)."""
    random = np.random.default_rng(seed)
    classes, soft = sizes[-1], soft and sizes[-1] > 1
    E = random.dirichlet(np.ones(classes), m).T if soft else np.eye(classes)[:, random.integers(0, classes, m)]
    parameters = {name: random.standard_normal(value.shape) / np.sqrt(value.shape[1])
                  for name, value in biswas.initial_parameters(sizes).items()}
    return random.standard_normal((sizes[0], m)), E, parameters


def cross_entropy(A_L: Any, E: Any) -> Any:
    """What `biswas.loss` is, by the library's function, which has its examples as rows."""
    return F.cross_entropy(A_L.T, E.T)


@pytest.mark.parametrize("device", DEVICES)
@given(sizes=layers, m=st.integers(1, 20), seed=seeds, soft=st.booleans(), rows=st.booleans())
def test_gradients(device: str, sizes: tuple[int, ...], m: int, seed: int, soft: bool, rows: bool) -> None:
    """dW_k, db_k and dA_k of section 2, for any number of layers and examples, in either orientation."""
    X, E, parameters = problem(sizes, m, seed, soft)
    by_hand = biswas.hand_derived_gradients(X, E, parameters)
    derived = derived_by_rows(X, E, parameters, cross_entropy, tg.relu, device) if rows else (
        biswas.derived_gradients(X, E, parameters, device))
    assert by_hand[0].keys() == parameters.keys()
    assert_same(named(*derived), named(*by_hand))


@pytest.mark.parametrize("device", DEVICES)
@given(values=st.lists(st.floats(-2, 2), min_size=1, max_size=20))
def test_derivative_of_relu(device: str, values: list[float]) -> None:
    """g'(0) = 0 too, as the engine has it."""
    A = tg.tensor(np.array([0.0, *values]), device=device, requires_grad=True)
    (derived,) = tg.autograd.grad(tg.relu(A).sum(), A)
    assert derived.cpu().numpy().tolist() == biswas.relu_dash(np.array([0.0, *values])).tolist()


def test_published_hyper_parameters() -> None:
    assert (biswas.SIZES, biswas.ITERATIONS, biswas.LEARNING_RATE) == ((784, 500, 150, 10), 1000, 0.1)
    assert biswas.PUBLISHED_ACCURACY == 90.95
    assert len(biswas.SEEDS) == 3  # as STUDENT_T has it


def test_initial_weights() -> None:
    """0.01 N(0, 1), biases 0; another seed gives others."""
    parameters = biswas.initial_parameters()
    for k in (1, 2, 3):
        assert parameters[f"W{k}"].std() == pytest.approx(0.01, rel=0.05)
        assert not parameters[f"b{k}"].any()
    assert not np.array_equal(parameters["W3"], biswas.initial_parameters(seed=1)["W3"])


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=30)
@given(sizes=layers, m=st.integers(1, 12), seed=seeds, soft=st.booleans())
def test_training_with_either_gradient(device: str, sizes: tuple[int, ...], m: int, seed: int, soft: bool) -> None:
    """`train`, which captures its steps, and the notebook's loop with its own formulas: the same losses and weights."""
    X, E, _ = problem(sizes, m, seed, soft)
    data = Columns(tg.tensor(X, device=device), tg.tensor(E, device=device))
    trained, losses = biswas.train(data, seed, 5, sizes)
    parameters, by_hand = biswas.initial_parameters(sizes, seed), []
    for _ in range(5):
        A, H = biswas.forward(X, parameters)
        by_hand.append(biswas.printed_loss(H[-1], E))
        gradients, _ = biswas.backward(E, A, H, parameters)
        parameters = {name: value - 0.1 * gradients[name] for name, value in parameters.items()}
    np.testing.assert_allclose(losses, by_hand, rtol=1e-10, atol=1e-12)  # with one class the loss is 0
    # as one array: what makes a bias may have cancelled
    assert_same({"all": np.concatenate([value.detach().cpu().numpy().ravel() for value in trained.values()])},
                {"all": np.concatenate([value.ravel() for value in parameters.values()])})


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


@pytest.mark.parametrize("device", DEVICES)
def test_global_number_of_examples(device: str) -> None:
    """The notebook divides by a global m; for a batch of another size that is a wrong factor, and it is found."""
    X, E, parameters = problem((4, 5, 3), 6, 0)
    gradients, _ = biswas.hand_derived_gradients(X, E, parameters)
    hand = {name: gradient * 6 / 60_000 for name, gradient in gradients.items()}
    there = {name: tg.tensor(value, device=device) for name, value in parameters.items()}

    def loss(**tensors: Any) -> Any:
        A = biswas.pre_activations(tg.tensor(X, device=device), tensors)
        return biswas.loss(A[-1], tg.tensor(E, device=device))

    assert compare_gradients(loss, there, gradients).ok
    report = compare_gradients(loss, there, hand)
    assert not any(entry.ok for entry in report.entries)
    assert report.causes[0].names == [*parameters], str(report)
    assert "multiplied by 0.0001" in report.causes[0].text, str(report)


@pytest.mark.parametrize("device", DEVICES)
def test_printed_loss_is_not_the_one_differentiated(device: str) -> None:
    """Its 1e-8 bounds the printed loss at -log 1e-8 = 18.4; the loss that the gradient belongs to has no bound."""
    A, E = np.array([[0.0], [100.0]]), np.array([[1.0], [0.0]])
    assert biswas.printed_loss(biswas.softmax(A), E) == pytest.approx(-np.log(1e-8))
    x, targets = tg.tensor(A, device=device, requires_grad=True), tg.tensor(E, device=device)
    assert biswas.loss(x, targets).item() == pytest.approx(100)
    (of_printed,) = tg.autograd.grad(biswas.printed_loss(tg.softmax(x, 0), targets), x)
    assert np.abs(of_printed.cpu().numpy()).max() < 1e-30  # the notebook's (Yhat - E)/m is -1 and 1 there
    assert biswas.backward(E, [A], [A, biswas.softmax(A)], {"W1": A})[1][0].ravel().tolist() == [-1, 1]


def test_published_losses() -> None:
    assert [*biswas.PUBLISHED] == [*range(10, 1001, 10)]
    assert all(one > other for one, other in pairwise(biswas.PUBLISHED.values()))
    assert biswas.PUBLISHED[180] > biswas.LEAVES_PLATEAU > biswas.PUBLISHED[190]  # passes 179 and 189
    assert biswas.passes([3.0, 2.0, 1.9]) == 3
    assert biswas.passes([3.0]) is None


@pytest.mark.parametrize("device", DEVICES)
def test_accuracies(device: str) -> None:
    """Of the test images, with and without the scale of training and biases, and of the training images."""
    sets = {train: Digits(train) for train in (True, False)}
    training, test = (Columns.of(Report("biswas", quick=True).images(train), 10, "float64", device) for train in sets)
    random = np.random.default_rng(0)
    by_hand = {"W1": random.standard_normal((10, 784)), "b1": 500 * random.standard_normal((10, 1))}

    def share(train: bool, scale: float, biases: float) -> float:
        X = sets[train].images.reshape(len(sets[train]), -1).T / 255
        said = (by_hand["W1"] @ (scale * X) + biases * by_hand["b1"]).argmax(axis=0)
        return float((said == sets[train].targets).mean() * 100)

    expected = {
        "pixels to 255": share(False, 255, 1), "pixels to 1": share(False, 1, 1), "biases 0": share(False, 1, 0),
        "biases 0, pixels to 255": share(False, 255, 0), "training": share(True, 1, 1)}
    parameters = {name: tg.tensor(value, device=device) for name, value in by_hand.items()}
    assert biswas.accuracies(parameters, training, test) == pytest.approx(expected)
    assert len({*expected.values()}) == 4  # all but the two without biases


def test_the_experiments_have_their_own_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network learns from the training images and is tested on the test images; each training has its seed.

    A quick run has the first 500 of both.
    """
    seen: list[tuple[Any, ...]] = []
    train, accuracies = biswas.train, biswas.accuracies

    def spied(data: Columns, seed: int, iterations: int) -> Any:
        seen.append((data.t.argmax(0).numpy(), seed, iterations, data.x.dtype))
        trained, losses = train(data, seed, 1)
        return trained, losses * iterations

    def spied_accuracies(trained: Any, data: Columns, test: Columns) -> Any:
        for one, train in ((data, True), (test, False)):
            np.testing.assert_array_equal(one.t.argmax(0).numpy(), Digits(train).targets[:500])
        return accuracies(trained, data, test)

    monkeypatch.setattr(biswas, "train", spied)
    monkeypatch.setattr(biswas, "accuracies", spied_accuracies)
    report = Report("biswas", quick=True, results=None, pictures=None)
    assert biswas.run(report) == 0
    for classes, *_ in seen:
        np.testing.assert_array_equal(classes, Digits(train=True).targets[:500])
    assert [how for _, *how in seen] == [[0, 30, tg.float32], [1, 30, tg.float32], [0, 30, tg.float64]]
    assert report.seeds == {"float32, seed 0": [0], "float32, seed 1": [1], "float64, seed 0": [0]}


def test_a_wrong_derivation_is_noticed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The report fails if a hand derivation is wrong: here g' is left out."""
    report = Report("biswas", quick=True, results=None, pictures=None)
    assert not biswas.check_gradients(report, report.images(train=False))
    monkeypatch.setattr(biswas, "relu_dash", lambda A: 1)
    assert biswas.check_gradients(report, report.images(train=False))
    assert "WRONG" in capsys.readouterr().out


def test_distance_to_the_printed_curve() -> None:
    """The printed curve is explained by the spread of seeds around it; another curve is not."""
    printed = [biswas.PUBLISHED[max(10, i - i % 10)] for i in range(2, 1002)]  # pass i - 1, as a staircase
    assert biswas.as_printed(printed) == biswas.PUBLISHED

    def verdict(*shifts: float) -> str:
        report = Report("biswas", results=None, pictures=None)
        wrong = biswas.find_spread(report, [[value + shift for value in printed] for shift in shifts])
        assert wrong == (report.findings[-1].verdict == "DISAGREES")
        return report.findings[-1].verdict

    # three values predict mean +- 4.97 standard deviations for a fourth: here 0.04 +- 0.05, and 0.06 +- 0.05
    assert verdict(-0.05, 0, 0.05) == "agrees, as one more seed"
    assert verdict(0.03, 0.04, 0.05) == "agrees, as one more seed"
    assert verdict(0.05, 0.06, 0.07) == "DISAGREES"
    assert verdict(-0.05, -0.06, -0.07) == "DISAGREES"


def test_distance_to_the_printed_accuracy() -> None:
    """Which scale of the test pixels the printed accuracy belongs to."""

    def verdicts(undivided: list[float], divided: list[float], unbiased: list[float]) -> list[str]:
        report = Report("biswas", results=None, pictures=None)
        wrong = biswas.find_accuracy(report, [
            {"pixels to 255": one, "pixels to 1": two, "biases 0": three, "biases 0, pixels to 255": three}
            for one, two, three in zip(undivided, divided, unbiased, strict=True)])
        found = [one.verdict for one in report.findings]
        assert wrong == found[2].startswith("DISAGREES")
        return found

    assert verdicts([90.9, 91.1], [91.5, 92], [91, 91]) == [
        "agrees, within the seeds", "printed 0.55 points below all seeds",
        "nearer to the undivided pixels, as the notebook has them",
        "nearer to the undivided pixels: 255 x drowns the biases"]
    assert verdicts([91.2, 91.3], [91.9, 92], [91.9, 92]) == [
        "printed 0.25 points below all seeds", "printed 0.95 points below all seeds",
        "nearer to the undivided pixels, as the notebook has them", "nearer to the divided pixels"]
    assert verdicts([90, 90.1], [90.9, 91], [90, 90])[:3] == [
        "printed 0.85 points above all seeds", "agrees, within the seeds",
        "DISAGREES: not nearer to the undivided pixels"]
    assert verdicts([92, 92], [92.5, 92.5], [90, 90])[2] == "DISAGREES: far from both"


def test_verdict_on_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is enough where its losses are those of float64, and only there."""
    parameters = {name: tg.tensor(value) for name, value in biswas.initial_parameters().items()}
    monkeypatch.setattr(biswas, "train", lambda *_: (parameters, [2.0, 1.0]))
    images = Report("biswas", quick=True).images(train=False).first(20)
    for single, verdict in (([2.0, 1.0001], "float32 is enough"), ([2.01, 1.0], "float32 is not enough")):
        report = Report("biswas", results=None, pictures=None)
        biswas.find_precision(report, images, images, single)
        assert report.findings[-1].verdict == verdict


def test_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.documents", "biswas", "--quick", "--results", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "| gradients of section 2 | dA, dW, db of each layer | float64, 300 images |" in result.stdout
    assert (tmp_path / "biswas-quick.json").exists()
