"""lab2: equations (1) to (6) against the engine, and what the report got wrong."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from benchmarks.documents import lab2
from benchmarks.documents.report import Report
from tests.devices import STRICT
from tinygrad_lite.datasets import MNIST
from tinygrad_lite.testing import compare_gradients

ROOT = Path(__file__).parents[1]
DEVICES = ["cpu", STRICT.device]
Formula = Callable[..., Any]
COSTS: dict[str, tuple[Formula, Formula, Formula]] = {
    "figure 6": (lab2.dC_da, lab2.cost, lab2.cross_entropy),
    "equation 6": (lab2.dC_da_of_classes, lab2.cost_of_classes, lab2.cross_entropy_of_classes)}
HIDDEN: dict[str, tuple[Formula, Formula]] = {
    "right": (lab2.da_dz, tg.sigmoid), "left out": (lab2.left_out, lab2.sigmoid_with(lab2.left_out))}
layers = st.lists(st.integers(1, 9), min_size=2, max_size=6).map(tuple)
seeds = st.integers(0, 2**32 - 1)


def problem(sizes: tuple[int, ...], m: int, seed: int) -> tuple[Any, Any, lab2.Parameters]:
    """x and parameters from N(0, 1), targets 0 or 1 (one of each column where there are several outputs)."""
    random = np.random.default_rng(seed)
    outputs = sizes[-1]
    t = random.integers(0, 2, (1, m)) if outputs == 1 else np.eye(outputs)[:, random.integers(0, outputs, m)]
    parameters = lab2.initial_parameters(sizes)
    return (random.standard_normal((sizes[0], m)), t.astype(float),
            {name: random.standard_normal(value.shape) for name, value in parameters.items()})


def assert_same(derived: Any, by_hand: Any, name: str) -> None:
    assert derived.shape == by_hand.shape
    np.testing.assert_allclose(derived, by_hand, rtol=0, atol=1e-10 * max(1, np.abs(by_hand).max()), err_msg=name)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("cost", COSTS)
@given(sizes=layers, m=st.integers(1, 20), seed=seeds)
def test_gradients(cost: str, hidden: str, device: str, sizes: tuple[int, ...], m: int, seed: int) -> None:
    """dC/dw by (2), dC/db by (3) as it is meant, and dC/dz, of any number of layers; with the mistake as well."""
    x, t, parameters = problem(sizes, m, seed)
    first, C, _ = COSTS[cost]
    by_hand, by_hand_z = lab2.backward(t, lab2.forward(x, parameters), parameters, first, HIDDEN[hidden][0])
    derived, derived_z = lab2.derived_gradients(x, t, parameters, C, HIDDEN[hidden][1], device)
    assert list(derived) == list(parameters)
    assert {*by_hand} == {*parameters}
    for name, gradient in derived.items():
        assert_same(gradient, by_hand[name], name)
    for layer, (dC_dz, other) in enumerate(zip(derived_z, by_hand_z, strict=True), 1):
        assert_same(dC_dz, other, f"z{layer}")


@pytest.mark.parametrize("cost", COSTS)
@given(sizes=layers, m=st.integers(1, 20), seed=seeds)
def test_costs(cost: str, sizes: tuple[int, ...], m: int, seed: int) -> None:
    x, t, parameters = problem(sizes, m, seed)
    _, C, by_hand = COSTS[cost]
    z = lab2.pre_activations(tg.tensor(x), {name: tg.tensor(value) for name, value in parameters.items()})[-1]
    assert C(z, tg.tensor(t)).item() == pytest.approx(by_hand(lab2.forward(x, parameters)[-1], t), rel=1e-6)


@given(st.integers(2, 8), st.integers(1, 10), seeds)
def test_s_minus_t(classes: int, m: int, seed: int) -> None:
    """(s - t)/m is the derivative of the cross-entropy of all outputs, and that of (6) for softmax scores."""
    z = tg.tensor(np.random.default_rng(seed).normal(0, 2, (classes, m)), requires_grad=True)
    t = np.eye(classes)[:, np.random.default_rng(seed).integers(0, classes, m)]
    for C, s in ((lab2.cost, tg.sigmoid(z)), (lab2.cost_of_softmax, tg.softmax(z, 0))):
        (derived,) = tg.autograd.grad(C(z, tg.tensor(t)), z)
        np.testing.assert_allclose(derived.numpy(), (s.detach().numpy() - t) / m, rtol=0, atol=1e-12)


@given(st.integers(1, 8), st.integers(1, 10), seeds)
def test_equation_6_with_sigmoid_scores_knows_no_wrong_class(classes: int, m: int, seed: int) -> None:
    """Its derivative is -t (1 - s)/m: nothing ever lowers a score, and all of them at 1 is the minimum."""
    z = tg.tensor(np.random.default_rng(seed).normal(0, 2, (classes, m)), requires_grad=True)
    t = np.eye(classes)[:, np.random.default_rng(seed).integers(0, classes, m)]
    (derived,) = tg.autograd.grad(lab2.cost_of_classes(z, tg.tensor(t)), z)
    s = lab2.sigmoid(z.detach().numpy())
    np.testing.assert_allclose(derived.numpy(), -t * (1 - s) / m, rtol=0, atol=1e-12)
    assert (derived.numpy() <= 0).all()
    assert lab2.cross_entropy_of_classes(np.ones_like(t), t) == 0


@pytest.mark.parametrize("sizes", [(4, 5, 1), (6, 5, 3), (4, 5, 3, 2)])
def test_the_missing_derivative_is_named(sizes: tuple[int, ...]) -> None:
    x, t, parameters = problem(sizes, 6, 1)

    def loss(**tensors: Any) -> Any:
        return lab2.cost(lab2.pre_activations(tg.tensor(x), tensors)[-1], tg.tensor(t))

    def compared(hidden: Formula) -> Any:
        return compare_gradients(loss, parameters, lab2.backward(t, lab2.forward(x, parameters), parameters,
                                                                 hidden=hidden)[0])

    assert compared(lab2.da_dz).ok
    report = compared(lab2.left_out)
    last = len(sizes) - 1
    assert [entry.name for entry in report.entries if entry.ok] == [f"w{last}", f"b{last}"]
    assert len(report.causes) == last - 1, str(report)
    for cause in report.causes:
        assert "the derivative of sigmoid" in cause.text, str(report)
        assert "is missing" in cause.text, str(report)


def test_equation_3_as_printed() -> None:
    """Its right-hand side has the shape of b, its left-hand side names w."""
    x, t, parameters = problem((4, 1), 6, 0)

    def loss(**tensors: Any) -> Any:
        return lab2.cost(lab2.pre_activations(tg.tensor(x), tensors)[-1], tg.tensor(t))

    by_hand, _ = lab2.backward(t, lab2.forward(x, parameters), parameters)
    report = compare_gradients(loss, parameters, {"w1": by_hand["b1"], "b1": by_hand["b1"]})
    assert [(entry.name, entry.ok, entry.problem) for entry in report.entries] == [
        ("w1", False, "shape (1, 1)"), ("b1", True, "")]


@given(st.integers(1, 5), st.integers(1, 8), seeds)
def test_the_single_neuron_has_no_local_minimum(n: int, m: int, seed: int) -> None:
    """Section III.A fears one; the Hessian of its cost has no negative eigenvalue anywhere: the cost is convex."""
    x, t, _ = problem((n, 1), m, seed)
    w = tg.tensor(np.random.default_rng(seed).normal(0, 3, (1, n)), requires_grad=True)
    (gradient,) = tg.autograd.grad(lab2.cost(w @ tg.tensor(x), tg.tensor(t)), w, create_graph=True)
    hessian = [tg.autograd.grad(gradient[0, i], w, retain_graph=True)[0].numpy()[0] for i in range(n)]
    a = lab2.sigmoid(w.detach().numpy() @ x)
    np.testing.assert_allclose(hessian, x * lab2.da_dz(a) @ x.T / m, rtol=0, atol=1e-10)
    assert np.linalg.eigvalsh(hessian).min() > -1e-12


@given(st.floats(-20, 20))
def test_sigmoid_without_derivative(value: float) -> None:
    z = tg.tensor(np.array([value]), requires_grad=True)
    a = lab2.sigmoid_with(lab2.left_out)(z)
    (slope,) = tg.autograd.grad(a.sum(), z)
    assert a.item() == pytest.approx(lab2.sigmoid(np.array([value]))[0], abs=1e-14)
    assert slope.item() == 1


@pytest.mark.parametrize("hidden", HIDDEN)
@given(sizes=layers, m=st.integers(1, 12), seed=st.integers(0, 1000))
def test_training_with_either_gradient(hidden: str, sizes: tuple[int, ...], m: int, seed: int) -> None:
    """The captured epochs and (4), (5) with gradients by hand: the same costs and weights."""
    x, t, _ = problem(sizes, m, seed)
    reading = lab2.Reading(sizes, hidden=HIDDEN[hidden][1], seed=seed, dtype="float64")
    trained = reading.parameters("cpu")
    step = tg.capture(reading.stepper(lab2.Examples(tg.tensor(x), tg.tensor(t)), trained))
    parameters = lab2.initial_parameters(sizes, seed)
    for _ in range(5):
        a = lab2.forward(x, parameters)
        C, _, right = step()
        assert C.item() == pytest.approx(lab2.cross_entropy(a[-1], t), rel=1e-10)
        said = (a[-1] > 0.5) == (t > 0.5) if sizes[-1] == 1 else a[-1].argmax(axis=0) == t.argmax(axis=0)
        assert right.item() == pytest.approx(said.mean())
        parameters = lab2.update(parameters, lab2.backward(t, a, parameters, hidden=HIDDEN[hidden][0])[0])
    for name, value in trained.items():
        assert_same(value.detach().numpy(), parameters[name], name)


def test_the_jump_of_the_loss() -> None:
    """Figure 10's jump: the cost that is descended falls at each epoch, while (6), which is drawn, grows."""
    report = Report("lab2", quick=True)
    images = report.images(train=False).first(200)
    _, curves = lab2.CLASSES.train(images, images, 12, "cpu")
    assert all(after < before for before, after in zip(curves.descended, curves.descended[1:], strict=False))
    assert curves.loss[0] == pytest.approx(np.log(2), abs=0.02)
    assert max(curves.loss) > 3 * curves.loss[0]


@pytest.mark.skipif(not os.environ.get("TINYGRAD_LITE_DATA"), reason="TINYGRAD_LITE_DATA names no folder with MNIST")
def test_published_accuracy_of_the_hidden_layer_is_that_of_saying_no() -> None:
    shares = [f"{100 * np.mean(MNIST(train=train).targets != 0):.2f}" for train in (True, False)]
    assert shares == [f"{value:.2f}" for value in lab2.PUBLISHED["784-64-1"]]


@pytest.mark.parametrize(("name", "wrong"), [("da_dz", np.ones_like), ("left_out", lambda a: 2 * a)])
def test_a_wrong_derivation_is_noticed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str,
                                       wrong: Formula) -> None:
    """The report fails if a hand derivation is wrong, and if the mistake is not the one that it names."""
    report = Report("lab2", quick=True, results=None, pictures=None)
    images = report.images(train=False).first(50)
    check = lab2.check_gradients if name == "da_dz" else lab2.find_mistake
    assert not check(report, images)
    monkeypatch.setattr(lab2, name, wrong)
    assert check(report, images)
    assert ("WRONG" if name == "da_dz" else "NOT FOUND") in capsys.readouterr().out


def test_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.documents", "lab2", "--quick", "--results", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "the derivative of sigmoid" in result.stdout
    assert (tmp_path / "lab2-quick.json").exists()
