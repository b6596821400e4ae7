"""lab2: equations (1) to (6) against the engine, the experiments, and what the report got wrong."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_lite as tg
from benchmarks.documents import lab2
from benchmarks.documents.columns import Columns, Parameters
from benchmarks.documents.report import Images, Report
from tests import derivations
from tests.derivations import assert_same, derived_by_rows, named, seeds
from tinygrad_lite.datasets import MNIST, Digits
from tinygrad_lite.testing import compare_gradients

ROOT = Path(__file__).parents[1]
DEVICES = [one.device for one in derivations.DEVICES]
Formula = Callable[..., Any]
COSTS: dict[str, tuple[Formula, Formula, Formula]] = {
    "figure 6": (lab2.dC_da, lab2.cost, lab2.cross_entropy),
    "equation 6": (lab2.dC_da_of_classes, lab2.cost_of_classes, lab2.cross_entropy_of_classes)}
HIDDEN: dict[str, tuple[Formula, Formula]] = {
    "right": (lab2.da_dz, tg.sigmoid),
    "left out": (lab2.left_out, lab2.HIDDEN_MISTAKEN.hidden),
    "sigmoid'(a)": (lambda a: lab2.da_dz(lab2.sigmoid(a)),
                    lab2.MISTAKEN_READINGS["dz = s - t, sigmoid'(a) in the place of sigmoid'(z)"].hidden),
    "1 - a": (lambda a: 1 - a, lab2.MISTAKEN_READINGS["dz = s - t, 1 - a in the place of a (1 - a)"].hidden)}
layers = st.lists(st.integers(1, 9), min_size=2, max_size=6).map(tuple)


def problem(sizes: tuple[int, ...], m: int, seed: int, soft: bool = False) -> tuple[Any, Any, Parameters]:
    """x and biases from N(0, 1), weights from N(0, 1/n), so that no unit is saturated.

    The targets are 0 or 1, one 1 in each column where there are several outputs; `soft` ones are between, with sum 1.
    """
    random = np.random.default_rng(seed)
    outputs = sizes[-1]
    if outputs == 1:
        t = random.uniform(0, 1, (1, m)) if soft else random.integers(0, 2, (1, m)).astype(float)
    else:
        t = random.dirichlet(np.ones(outputs), m).T if soft else np.eye(outputs)[:, random.integers(0, outputs, m)]
    parameters = {name: random.standard_normal(value.shape) / np.sqrt(value.shape[1])
                  for name, value in lab2.initial_parameters(sizes).items()}
    return random.standard_normal((sizes[0], m)), t, parameters


def on(device: str, *arrays: Any) -> Any:
    """The arrays, and those of a dict, as Tensors on a device."""
    return [{name: tg.tensor(value, device=device) for name, value in one.items()} if isinstance(one, dict) else
            tg.tensor(one, device=device) for one in arrays]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("cost", COSTS)
@given(hidden=st.sampled_from([*HIDDEN]), sizes=layers, m=st.integers(1, 20), seed=seeds, soft=st.booleans(),
       rows=st.booleans())
def test_gradients(cost: str, device: str, hidden: str, sizes: tuple[int, ...], m: int, seed: int, soft: bool,
                   rows: bool) -> None:
    """dC/dw by (2), dC/db by (3) as it is meant, and dC/dz, of any number of layers; with the mistakes as well."""
    x, t, parameters = problem(sizes, m, seed, soft)
    first, C, _ = COSTS[cost]
    slope, activation = HIDDEN[hidden]
    by_hand = lab2.backward(t, lab2.forward(x, parameters), parameters, first, slope)
    derived = (derived_by_rows if rows else lab2.derived_gradients)(x, t, parameters, C, activation, device)
    assert by_hand[0].keys() == parameters.keys()
    assert_same(named(*derived), named(*by_hand))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("cost", COSTS)
@given(sizes=layers, m=st.integers(1, 20), seed=seeds, soft=st.booleans())
def test_costs(cost: str, device: str, sizes: tuple[int, ...], m: int, seed: int, soft: bool) -> None:
    x, t, parameters = problem(sizes, m, seed, soft)
    _, C, by_hand = COSTS[cost]
    there_x, there_t, there = on(device, x, t, parameters)
    z = lab2.pre_activations(there_x, there)[-1]
    assert C(z, there_t).item() == pytest.approx(by_hand(lab2.forward(x, parameters)[-1], t), rel=1e-10)


@pytest.mark.parametrize("device", DEVICES)
@given(classes=st.integers(2, 8), m=st.integers(1, 10), seed=seeds, soft=st.booleans())
def test_costs_of_the_other_readings(device: str, classes: int, m: int, seed: int, soft: bool) -> None:
    """Their derivatives: (s - t)/m for the first two, s (1 - s) times (s - t)/m and (softmax(s) - t)/m for the others.

    The first two are the cross-entropy of all outputs, and (6) with softmax scores.
    """
    z, t, _ = problem((classes, classes), m, seed, soft)
    s = lab2.sigmoid(z)

    def softmax(scores: Any) -> Any:
        return np.exp(scores) / np.exp(scores).sum(axis=0)

    expected = {lab2.cost: s - t, lab2.cost_of_softmax: softmax(z) - t, lab2.squared_error: s * (1 - s) * (s - t),
                lab2.cost_of_softmax_of_sigmoid: s * (1 - s) * (softmax(s) - t)}
    for C, gradient in expected.items():
        x = tg.tensor(z, device=device, requires_grad=True)
        (derived,) = tg.autograd.grad(C(x, tg.tensor(t, device=device)), x)
        assert_same({C.__name__: derived.cpu().numpy()}, {C.__name__: gradient / m})


@pytest.mark.parametrize("device", DEVICES)
@given(classes=st.integers(1, 8), m=st.integers(1, 10), seed=seeds)
def test_equation_6_with_sigmoid_scores_knows_no_wrong_class(device: str, classes: int, m: int, seed: int) -> None:
    """Its derivative is -t (1 - s)/m: nothing ever lowers a score, and all of them at 1 is the minimum."""
    z, t, _ = problem((classes, classes), m, seed)
    x = tg.tensor(z, device=device, requires_grad=True)
    (derived,) = tg.autograd.grad(lab2.cost_of_classes(x, tg.tensor(t, device=device)), x)
    gradient = derived.cpu().numpy()
    assert_same({"z": gradient}, {"z": -t * (1 - lab2.sigmoid(z)) / m})
    assert (gradient <= 0).all()
    assert lab2.cross_entropy_of_classes(np.ones_like(t), t) == 0


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("sizes", [(4, 5, 1), (6, 5, 3), (4, 5, 3, 2)])
def test_the_missing_derivative_is_named(sizes: tuple[int, ...], device: str) -> None:
    x, t, parameters = problem(sizes, 6, 1)
    there_x, there_t, there = on(device, x, t, parameters)

    def loss(**tensors: Any) -> Any:
        return lab2.cost(lab2.pre_activations(there_x, tensors)[-1], there_t)

    def compared(hidden: Formula) -> Any:
        return compare_gradients(loss, there, lab2.backward(t, lab2.forward(x, parameters), parameters,
                                                                 hidden=hidden)[0])

    assert compared(lab2.da_dz).ok
    report = compared(lab2.left_out)
    last = len(sizes) - 1
    assert [entry.name for entry in report.entries if entry.ok] == [f"w{last}", f"b{last}"]
    assert len(report.causes) == last - 1, str(report)
    for cause in report.causes:
        assert "the derivative of sigmoid" in cause.text, str(report)
        assert "is missing" in cause.text, str(report)


@pytest.mark.parametrize("device", DEVICES)
def test_equation_3_as_printed(device: str) -> None:
    """Its right-hand side has the shape of b, its left-hand side names w."""
    x, t, parameters = problem((4, 1), 6, 0)
    there_x, there_t, there = on(device, x, t, parameters)

    def loss(**tensors: Any) -> Any:
        return lab2.cost(lab2.pre_activations(there_x, tensors)[-1], there_t)

    by_hand, _ = lab2.backward(t, lab2.forward(x, parameters), parameters)
    report = compare_gradients(loss, there, {"w1": by_hand["b1"], "b1": by_hand["b1"]})
    assert [(entry.name, entry.ok, entry.problem) for entry in report.entries] == [
        ("w1", False, "shape (1, 1)"), ("b1", True, "")]


@pytest.mark.parametrize("device", DEVICES)
@given(n=st.integers(1, 5), m=st.integers(1, 8), seed=seeds)
def test_the_single_neuron_has_no_local_minimum(device: str, n: int, m: int, seed: int) -> None:
    """Section III.A fears one; the Hessian of its cost has no negative eigenvalue anywhere: the cost is convex."""
    x, t, _ = problem((n, 1), m, seed)
    by_hand = np.random.default_rng(seed).normal(0, 3, (1, n))
    w, there_x, there_t = on(device, by_hand, x, t)
    w.requires_grad_()
    (gradient,) = tg.autograd.grad(lab2.cost(w @ there_x, there_t), w, create_graph=True)
    hessian = [tg.autograd.grad(gradient[0, i], w, retain_graph=True)[0].cpu().numpy()[0] for i in range(n)]
    a = lab2.sigmoid(by_hand @ x)
    np.testing.assert_allclose(hessian, x * lab2.da_dz(a) @ x.T / m, rtol=0, atol=1e-10)
    assert np.linalg.eigvalsh(hessian).min() > -1e-12


def test_with_a_hidden_layer_the_cost_is_not_convex() -> None:
    """For these networks the warning is right: the cost is lower at two points than half way between them."""
    x, t = np.array([[1.0, -1.0]]), np.array([[1.0, 0.0]])

    def C(w1: float, w2: float) -> float:
        parameters = {"w1": np.full((1, 1), w1), "b1": np.zeros((1, 1)),
                      "w2": np.full((1, 1), w2), "b2": np.full((1, 1), -w2 / 2)}
        return lab2.cross_entropy(lab2.forward(x, parameters)[-1], t)

    assert max(C(2, 2), C(-2, -2)) < 0.6 < C(0, 0)


@pytest.mark.parametrize("device", DEVICES)
@given(hidden=st.sampled_from([*HIDDEN]), value=st.floats(-20, 20))
def test_sigmoid_with_another_slope(device: str, hidden: str, value: float) -> None:
    slope, activation = HIDDEN[hidden]
    z = tg.tensor(np.array([value]), device=device, requires_grad=True)
    a = activation(z)
    (found,) = tg.autograd.grad(a.sum(), z)
    expected = lab2.sigmoid(np.array([value]))[0]
    assert a.item() == pytest.approx(expected, rel=1e-14)
    assert found.item() == pytest.approx(slope(expected), rel=1e-6)


def test_published_hyper_parameters() -> None:
    assert (lab2.EPOCHS, lab2.LEARNING_RATE) == (500, 0.25)
    assert lab2.PUBLISHED == {"784-1": (98.95, 99.19), "784-64-1": (90.13, 90.2), "784-64-10": (82.54, 82.32)}
    assert lab2.PUBLISHED_IN_THE_TEXT == {"784-64-10": (82.54, 82.35)}
    assert (lab2.SINGLE.sizes, lab2.SINGLE.C) == ((784, 1), lab2.cost)
    assert {(one.sizes, one.C) for one in (lab2.HIDDEN, lab2.HIDDEN_MISTAKEN)} == {((784, 64, 1), lab2.cost)}
    assert {one.sizes for one in (lab2.CLASSES, *lab2.OTHER_READINGS.values(), *lab2.MISTAKEN_READINGS.values())} == {
        (784, 64, 10)}
    assert (lab2.CLASSES.C, lab2.CLASSES.drawn) == (lab2.cost, lab2.cost_of_classes)


def test_readings_are_what_they_are_called() -> None:
    costs = {"dz = s - t": lab2.cost, "softmax scores": lab2.cost_of_softmax, "sigmoid scores": lab2.cost_of_classes,
             "softmax of the sigmoid scores": lab2.cost_of_softmax_of_sigmoid,
             "dz = (s - t) s (1 - s)": lab2.squared_error}
    readings = {**lab2.OTHER_READINGS, **lab2.MISTAKEN_READINGS}
    assert {costs[name.partition(",")[0]] for name in readings} == {*costs.values()}
    for name, reading in readings.items():
        assert reading.C is costs[name.partition(",")[0]]
        assert reading.normal == ("N(0, 1)" in name)
        z = tg.tensor([3.0], dtype=tg.float64, requires_grad=True)
        (slope,) = tg.autograd.grad(reading.hidden(z).sum(), z)
        a = lab2.sigmoid(np.array(3.0))
        assert slope.item() == pytest.approx(
            1 if "left out" in name else 1 - a if "1 - a in" in name else
            lab2.da_dz(lab2.sigmoid(a)) if "sigmoid'(a)" in name else a * (1 - a))


def test_each_seed_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """The curves are those of seeds 0, 1, 2 in this order, the parameters those of seed 0; a quick run has this one."""

    def train(self: lab2.Reading, *_: Any) -> Any:
        return {"seed": self.seed}, made_up(2, (1, 1), (1, 1), (self.seed, 7))

    monkeypatch.setattr(lab2.Reading, "train", train)
    images = Report("lab2", quick=True).images(train=False).first(20)
    for quick, expected in ((False, [0, 1, 2]), (True, [0])):
        report = Report("lab2", quick=quick, results=None, pictures=None)
        parameters, found = lab2.train_seeds(report, "a name", lab2.CLASSES, (images, images), 2)
        assert parameters == {"seed": 0}
        assert [one.accuracy[-1] for one in found] == expected == report.seeds["a name"]
        assert [one["accuracy"][-1] for one in report.series["a name"]] == expected


def test_initial_weights() -> None:
    """U[-0.005, 0.005) or N(0, 1), biases 0; another seed gives others."""
    uniform, normal, other = (
        {name: value.detach().numpy() for name, value in one.parameters("cpu").items()}
        for one in (lab2.CLASSES, replace(lab2.CLASSES, normal=True), replace(lab2.CLASSES, seed=1)))
    for name in ("w1", "w2"):
        values = uniform[name]
        assert [values.min(), values.max()] == pytest.approx([-0.005, 0.005], rel=0.02)
        assert values.std() == pytest.approx(0.01 / np.sqrt(12), rel=0.05)
        assert normal[name].std() == pytest.approx(1, rel=0.05)
    assert not any(parameters[name].any() for parameters in (uniform, normal) for name in ("b1", "b2"))
    assert not np.array_equal(other["w1"], uniform["w1"])


def test_columns() -> None:
    """Examples are columns; with one output the question is whether the digit is a zero."""
    images = Images(np.arange(6.0).reshape(3, 2), np.array([0, 2, 1]))
    one, three = Columns.of(images, 1, "float64", "cpu"), Columns.of(images, 3, "float32", "cpu")
    assert one.x.numpy().tolist() == [[0, 2, 4], [1, 3, 5]]
    assert one.t.numpy().tolist() == [[1, 0, 0]]
    assert three.t.numpy().tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert (one.t.dtype, three.x.dtype) == (tg.float64, tg.float32)


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=50)
@given(hidden=st.sampled_from([*HIDDEN]), sizes=layers, m=st.integers(1, 12), m_test=st.integers(1, 12), seed=seeds,
       normal=st.booleans())
def test_training_with_either_gradient(device: str, hidden: str, sizes: tuple[int, ...], m: int, m_test: int,
                                       seed: int, normal: bool) -> None:
    """`train`, and (4) and (5) by hand: the same weights; costs and accuracies of both sets, each its own."""
    random = np.random.default_rng(seed)
    training, test = (Images(random.uniform(0, 1, (count, sizes[0])), random.integers(0, sizes[-1] + 1, count))
                      for count in (m, m_test))
    slope, activation = HIDDEN[hidden]
    reading = lab2.Reading(sizes, hidden=activation, normal=normal, seed=seed, dtype="float64")
    parameters = {name: value.detach().numpy() for name, value in reading.parameters("cpu").items()}
    trained, curves = reading.train(training, test, 5, device)
    assert sorted(curves.gradients) == [0, 4]
    for epoch in range(6):
        for images, losses, shares in ((test, curves.test_loss, curves.test_accuracy),
                                       (training, curves.loss, curves.accuracy)):
            t = (np.arange(sizes[-1])[:, None] == images.classes).astype(float)
            a = lab2.forward(images.pixels.T, parameters)
            said = (a[-1] > 0.5) == (t > 0.5) if sizes[-1] == 1 else a[-1].argmax(axis=0) == t.argmax(axis=0)
            assert losses[epoch] == pytest.approx(lab2.cross_entropy(a[-1], t), rel=1e-10)
            assert shares[epoch] == pytest.approx(100 * said.mean())
        assert curves.descended[epoch] == curves.loss[epoch]
        if epoch < 5:
            gradients, _ = lab2.backward(t, a, parameters, hidden=slope)
            if epoch in curves.gradients:
                assert curves.gradients[epoch] == pytest.approx(
                    {name: np.sqrt((g**2).mean()) for name, g in gradients.items()}, rel=1e-8, abs=0)
            parameters = {name: value - 0.25 * gradients[name] for name, value in parameters.items()}
    # as one array: what makes a bias may have cancelled
    assert_same({"all": np.concatenate([value.detach().cpu().numpy().ravel() for value in trained.values()])},
                {"all": np.concatenate([value.ravel() for value in parameters.values()])})


def test_update() -> None:
    """(4) and (5) with the published learning rate."""
    assert lab2.update({"w1": 1.0, "b1": 2.0}, {"w1": 4.0, "b1": -8.0}) == {"w1": 0.0, "b1": 4.0}


def test_the_experiments_have_their_own_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every training learns from training images, is tested on test images, and starts from its own seed."""
    seen, train = [], lab2.Reading.train

    def spied(self: lab2.Reading, *given: Any) -> Any:
        seen.append((self, *given[:3]))
        return train(self, *given)

    monkeypatch.setattr(lab2.Reading, "train", spied)
    report = Report("lab2", quick=True, results=None, pictures=None)
    assert lab2.run(report) == 0
    expected = [Digits(train=True).targets[:400], Digits(train=False).targets[:200]]
    for _, training, test, epochs in seen:
        for images, classes in zip((training, test), expected, strict=True):
            np.testing.assert_array_equal(images.classes, classes)
        assert epochs in (30, 60)
    assert [one for one, *_ in seen] == [lab2.SINGLE, lab2.HIDDEN, lab2.HIDDEN_MISTAKEN, lab2.CLASSES,
                                         *lab2.OTHER_READINGS.values(), *lab2.MISTAKEN_READINGS.values()]
    assert {name for name, used in report.seeds.items() if used == [0]} == {*report.seconds}


def made_up(epochs: int, training: tuple[float, ...], test: tuple[float, ...], accuracy: tuple[float, float]
            ) -> lab2.Curves:
    """Curves through these losses at equal distances, with accuracies that do not change."""
    losses = [np.interp(np.linspace(0, 1, epochs + 1), np.linspace(0, 1, len(values)), values).tolist()
              for values in (training, test)]
    rms = {"w1": 1.0, "b1": 1.0, "w2": 2.0, "b2": 1.0}
    return lab2.Curves(losses[0], losses[0], [accuracy[0]] * (epochs + 1), losses[1], [accuracy[1]] * (epochs + 1),
                       {0: rms, epochs - 1: rms})


def verdicts(monkeypatch: pytest.MonkeyPatch, find: Formula, right: tuple[Any, ...], mistaken: tuple[Any, ...] = ()
             ) -> tuple[bool | None, dict[str, str]]:
    """What a full run would say of such curves: whether it fails, and the last verdict of each reading."""
    report = Report("lab2", results=None, pictures=None)
    images = Report("lab2", quick=True).images(train=False).first(20)

    def train(self: lab2.Reading, _: Images, __: Images, epochs: int, device: str) -> Any:
        return self.parameters(device), made_up(epochs, *(right if self.hidden is tg.sigmoid else mistaken or right))

    monkeypatch.setattr(lab2.Reading, "train", train)
    wrong = find(report, images, images, 500)
    return wrong, {f"{one.experiment}; {one.reading}": one.verdict for one in report.findings}


def test_verdicts_on_the_single_neuron(monkeypatch: pytest.MonkeyPatch) -> None:
    falling = (np.log(2), 0.1, 0.09, 0.09)
    wrong, said = verdicts(monkeypatch, lab2.find_single_neuron, (falling, falling, (98.95, 99.19)))
    assert not wrong
    assert [*said.values()] == ["agrees", "that of guessing, log 2 = 0.693", "does not hold"]
    steep = (3, *[0.1] * 20)
    wrong, said = verdicts(monkeypatch, lab2.find_single_neuron, (steep, steep, (98.95, 99.2)))
    assert wrong
    assert [*said.values()] == ["DISAGREES", "not that of guessing, log 2 = 0.693", "holds"]


def test_verdicts_on_the_hidden_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    falls, grows = (0.7, 0.3, 0.1), (0.7, 0.1, 0.3)
    wrong, said = verdicts(monkeypatch, lab2.find_hidden_layer, (falls, falls, (99, 98)), (grows, grows, (90.13, 90.2)))
    assert not wrong
    assert said["the same; 500 epochs, the gradient by (2), seeds 0, 1, 2"] == "+7.80 points or more on the test set"
    assert said["the same; the gradient by (2), 500 epochs, seeds 0, 1, 2"] == "nothing to stop"
    assert said["784-64-1, loss; a (1 - a) left out, seed 0"] == "the training loss grows as well: no overfitting"
    assert said["its remedy: early stopping; a (1 - a) left out, epochs 250, 250, 250, seeds 0, 1, 2"] == (
        "+0.00 points on average, and -7.80 beside the right gradient")
    wrong, said = verdicts(monkeypatch, lab2.find_hidden_layer, (falls, grows, (98, 98)), (falls, grows, (95, 90.2)))
    assert wrong
    assert said["784-64-1, accuracy; the share of images that are not zeros"] == "DISAGREES"
    assert said["the same; the gradient by (2), 500 epochs, seeds 0, 1, 2"] == "it grows"
    assert said["784-64-1, loss; a (1 - a) left out, seed 0"] == "overfitting"
    _, said = verdicts(monkeypatch, lab2.find_hidden_layer, (falls, falls, (98, 98)))
    assert said["784-64-1, loss; a (1 - a) left out, seed 0"] == "no growth"
    # the fake training leaves the initial weights, with which no unit is near a flat end
    assert said["gradients of the hidden layer; 784-64-1, rms dC/dw1 : dC/dw2, seed 0"] == (
        "flat ends make it 1.00 and 1.00 times smaller: not the reason")


def test_verdicts_on_ten_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    _, said = verdicts(monkeypatch, lab2.find_classes, ((7, 3, 1), (7, 3, 1), (82.6, 82.5)))
    assert said["784-64-10, accuracy; 500 epochs, dz = s - t, seeds 0, 1, 2"] == (
        "82.54 on the training set is passed at epoch 0, 0, 0")
    assert said["further iterations; 1000 epochs, dz = s - t, seeds 0, 1, 2"].startswith("does not hold: +0.00, ")
    assert said["jump of the loss at the start; dz = s - t, seed 0"] == "no jump"
    assert said["784-64-10, test accuracy minus training accuracy; 500 epochs, all readings and seeds"] == (
        "some readings do, too")
    assert said["(6) with sigmoid scores; its own derivative is descended, seed 0"] == "not all scores go to 1"
    _, said = verdicts(monkeypatch, lab2.find_classes, ((1, 3, 2), (1, 3, 2), (82.5, 82.5)))
    assert said["784-64-10, accuracy; 500 epochs, dz = s - t, seeds 0, 1, 2"].endswith("epoch never, never, never")
    assert said["jump of the loss at the start; dz = s - t, seed 0"] == "what is descended jumps, too"
    assert said["784-64-10, test accuracy minus training accuracy; 500 epochs, all readings and seeds"] == (
        "no reading does worse on the test images")


def test_the_factor_by_layer() -> None:
    """From the output to the first layer there is one factor less than there are layers."""
    report = Report("lab2", quick=True, results=None, pictures=None)
    lab2.find_vanishing(report, report.images(train=False).first(50))
    (layers,) = report.series.values()
    for scale in ("U[-0.005, 0.005)", "N(0, 1/n)"):
        first, _, output = layers[f"{scale}, 2 hidden"]
        (found,) = [one for one in report.findings if f"weights {scale}," in one.reading]
        assert found.measured.endswith(f": 1 / {np.sqrt(output / first):.0f} per layer")


@pytest.mark.parametrize("device", DEVICES)
def test_the_jump_of_the_loss(device: str) -> None:
    """Figure 10's jump: the cost that is descended falls at each epoch, while (6), which is drawn, grows."""
    report = Report("lab2", quick=True)
    images = report.images(train=False).first(200)
    _, curves = lab2.CLASSES.train(images, images, 12, device)
    assert all(after < before for before, after in pairwise(curves.descended))
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
