"""hai: its layers as loops over lists against the engine, its experiments, and what the report got wrong."""

import math
import os
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from benchmarks import timing
from benchmarks.documents import hai
from benchmarks.documents.report import Images, Report
from tests.derivations import DEVICES, assert_same, seeds
from tinygrad_lite.datasets import MNIST
from tinygrad_lite.engine.backend import Backend
from tinygrad_lite.testing import compare_gradients

ROOT = Path(__file__).parents[1]
on_every_device = pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.device)


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[hai.Layer], hai.Parameters, Any, Any, str]:
    """A network of any of the layers, with parameters and an image or a column from N(0, 1), targets and a loss."""
    random = np.random.default_rng(draw(seeds))
    activations = st.lists(st.sampled_from(["sigmoid", "tanh", "relu"]), max_size=1)
    words: list[str] = []
    shape: tuple[int, ...] = (draw(st.integers(1, 6)), 1)
    if draw(st.booleans()):
        shape = (draw(st.integers(1, 3)), draw(st.integers(1, 9)), draw(st.integers(1, 9)))
        height, width = shape[1:]
        for _ in range(draw(st.integers(0, 2))):
            size = draw(st.integers(1, min(4, height, width)))
            words += [f"convolution {draw(st.integers(1, 3))} {size}", *draw(activations)]
            height, width = height - size + 1, width - size + 1
            if draw(st.booleans()):
                window = draw(st.integers(1, min(3, height, width)))
                words.append(f"max_pool {window}")
                height, width = height // window, width // window
        words.append("reshape")
    loss = draw(st.sampled_from(["mse", "bce"]))
    for _ in range(draw(st.integers(0, 2))):
        words += [f"dense {draw(st.integers(1, 5))}", *draw(activations)]
    words.append(f"dense {draw(st.integers(1, 5))}")
    words += [draw(st.sampled_from(["sigmoid", "softmax"]))] if loss == "bce" else draw(
        st.lists(st.sampled_from(["sigmoid", "tanh", "relu", "softmax"]), max_size=1))
    layers = hai.network(shape, *words)
    classes = layers[-1].shape[0]
    if loss == "bce" and layers[-1].kind == "softmax" and classes == 1:
        layers = [*layers[:-1], hai.Layer("sigmoid", (1, 1))]  # its only probability would be 1
    parameters = {name: 0.5 * value for name, value in hai.initial_parameters(layers, draw(seeds), True).items()}
    t = random.integers(0, 2, (classes, 1)).astype(float) if draw(st.booleans()) else random.random((classes, 1))
    return layers, parameters, random.standard_normal(shape), t, loss


def named(layers: list[hai.Layer], values: Any) -> dict[str, Any]:
    """What belongs to x and to what each layer returns, by the number and the kind of the layer."""
    return dict(zip(["x", *(f"{k} {layer.kind}" for k, layer in enumerate(layers, 1))], values, strict=True))


@on_every_device
@given(problem=problems())
def test_gradients(device: Backend, problem: tuple[Any, ...]) -> None:
    """Of every parameter, of the image, and of what each layer returns: every layer, loss, size and channel."""
    layers, parameters, x, t, loss = problem
    derived, deltas = hai.derived_gradients(layers, parameters, x, t, loss, device.device)
    by_hand, deltas_by_hand = hai.hand_derived_gradients(layers, parameters, x, t, loss)
    assert list(derived) == list(by_hand) == [name for layer in layers for name in layer.parameters]
    assert_same(derived, by_hand)
    assert_same(named(layers, deltas), named(layers, deltas_by_hand))


@on_every_device
@given(problem=problems())
def test_values(device: Backend, problem: tuple[Any, ...]) -> None:
    """What each layer returns, its shape, and the loss."""
    layers, parameters, x, t, loss = problem
    lists = {name: value.tolist() for name, value in parameters.items()}
    by_hand = hai.forward(layers, lists, x.tolist())
    tensors = {name: tg.tensor(value, device=device.device) for name, value in parameters.items()}
    derived = hai.outputs(layers, tensors, tg.tensor(x.T if x.ndim == 2 else x[None], device=device.device))
    arrays = [value.cpu().numpy() for value in derived]
    assert_same(named(layers, [a.T if a.ndim == 2 else a[0] for a in arrays]), named(layers, map(np.array, by_hand)))
    assert [np.shape(value) for value in by_hand[1:]] == [layer.shape for layer in layers]
    assert hai.LOSSES_BY_HAND[loss][0](by_hand[-1], t.tolist()) == pytest.approx(
        hai.LOSSES[loss](derived[-1], tg.tensor(t.T, device=device.device)).item(), rel=1e-10)


@on_every_device
@given(classes=st.integers(1, 8), seed=seeds)
def test_softmax_jacobian(device: Backend, classes: int, seed: int) -> None:
    """Entry by entry: the derivative of softmax is a matrix, which is why it is no activation like the others."""
    z = tg.tensor(np.random.default_rng(seed).normal(0, 3, (1, classes)), device=device.device, requires_grad=True)
    y = hai.softmax(z.detach().cpu().numpy().T.tolist())
    derived, by_hand = {}, {}
    for i in range(classes):
        (row,) = tg.autograd.grad(tg.softmax(z, 1)[0, i], z)
        derived[f"row {i}"] = row.cpu().numpy().T
        by_hand[f"row {i}"] = np.array(hai.softmax_backward([[float(i == j)] for j in range(classes)], [], y)[0])
    assert_same(derived, by_hand)


@on_every_device
@given(size=st.integers(1, 4), channels=st.integers(1, 3), seed=seeds)
def test_pooling_of_equal_values(device: Backend, size: int, channels: int, seed: int) -> None:
    """The first of the largest gets the gradient, here as in the library."""
    x = np.random.default_rng(seed).integers(0, 3, (channels, 2 * size + 1, 3 * size)).astype(float)
    image = tg.tensor(x[None], device=device.device, requires_grad=True)
    y = hai.max_pool(x.tolist(), size)
    (derived,) = tg.autograd.grad(tg.nn.functional.max_pool2d(image, size).sum(), image)
    (by_hand,) = hai.max_pool_backward(np.ones(np.shape(y)).tolist(), x.tolist(), y, size)
    assert derived[0].tolist() == by_hand


@on_every_device
@given(size=st.integers(1, 3), seed=seeds)
def test_pooling_and_sigmoid_can_be_exchanged(device: Backend, size: int, seed: int) -> None:
    """Sigmoid rises: the report's order of both, which its picture alone shows, makes no difference."""
    image = np.random.default_rng(seed).standard_normal((1, 2, 6, 6))
    found = []
    for words in (("sigmoid", f"max_pool {size}"), (f"max_pool {size}", "sigmoid")):
        x = tg.tensor(image, device=device.device, requires_grad=True)
        y = hai.outputs(hai.network((2, 6, 6), *words), {}, x)[-1]
        found.append((y.detach().cpu().numpy(), tg.autograd.grad((y**2).sum(), x)[0].cpu().numpy()))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-15)


@on_every_device
def test_steps_with_either_gradient(device: Backend) -> None:
    """Ten captured steps in the library and of the report's loops: the same losses and parameters."""
    layers = hai.network((1, 7, 6), "convolution 2 3", "sigmoid", "max_pool 2", "reshape", "dense 2", "sigmoid")
    random = np.random.default_rng(0)
    parameters = hai.initial_parameters(layers, 0)
    tensors = hai.tensors_of(parameters, device.device)
    step = tg.capture(hai.stepper(layers, tensors, "bce", 0.1))
    lists = {name: value.tolist() for name, value in parameters.items()}
    by_hand = hai.stepper_by_hand(layers, lists, "bce", 0.1)
    for _ in range(10):
        x, t = random.random((1, 7, 6)), np.eye(2)[:, [random.integers(2)]]
        loss = step(tg.tensor(x[None], device=device.device), tg.tensor(t.T, device=device.device)).item()
        assert loss == pytest.approx(by_hand(x.tolist(), t.tolist()), rel=1e-10)
    assert_same({name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()},
                {name: np.array(value) for name, value in lists.items()})


def test_a_step_is_gradient_descent() -> None:
    """With gradients from derived_gradients: each parameter goes down by the learning rate times its gradient."""
    layers = hai.network((1, 7, 6), "convolution 2 3", "sigmoid", "reshape", "dense 2", "sigmoid")
    random = np.random.default_rng(0)
    x, t, parameters = random.random((1, 7, 6)), np.eye(2)[:, :1], hai.initial_parameters(layers, 0)
    gradients, _ = hai.derived_gradients(layers, parameters, x, t, "bce")
    lists = {name: value.tolist() for name, value in parameters.items()}
    hai.stepper_by_hand(layers, lists, "bce", 0.3)(x.tolist(), t.tolist())
    assert_same({name: np.array(value) for name, value in lists.items()},
                {name: value - 0.3 * gradients[name] for name, value in parameters.items()})


@on_every_device
@pytest.mark.parametrize("layers", [hai.mlp(3), hai.cnn(12, kernels=1, classes=10)], ids=["dense", "convolutional"])
@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_train(device: Backend, layers: list[hai.Layer], loss: str) -> None:
    """The curve begins before the first step, and its other means are those of the steps of the report's loops."""
    if loss == "bce":
        layers = [*layers[:-1], hai.Layer("sigmoid", layers[-1].shape)]
    images = Report("hai", quick=True).images(train=True).first(6)
    tensors, curve = hai.train(layers, images, loss, 0.05, 3, seed=4, scaled=True, device=device.device)
    lists = {name: value.tolist() for name, value in hai.initial_parameters(layers, 4, scaled=True).items()}
    step = hai.stepper_by_hand(layers, lists, loss, 0.05)
    shape = (784, 1) if layers[0].kind == "dense" else (1, 28, 28)
    pairs = [(pixels.reshape(shape).tolist(), np.eye(10)[:, [digit]].tolist())
             for pixels, digit in zip(images.pixels, images.classes, strict=True)]
    expected = [np.mean([hai.LOSSES_BY_HAND[loss][0](hai.forward(layers, lists, x)[-1], t) for x, t in pairs])]
    expected += [np.mean([step(x, t) for x, t in pairs]) for _ in range(3)]
    np.testing.assert_allclose(curve, expected, rtol=1e-10)
    assert len({*curve}) == 4
    assert_same({name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()},
                {name: np.array(value) for name, value in lists.items()})


def test_a_sum_over_the_outputs_is_a_larger_learning_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """lr 0.01 with a sum over ten outputs is lr 0.1 with their mean, and its error is ten times as large."""
    images = Report("hai", quick=True).images(train=True).first(20)
    mean, curve = hai.train(hai.mlp(5), images, "mse", 0.1, 2)
    monkeypatch.setitem(hai.LOSSES, "mse", lambda y, t: ((y - t)**2).sum(1).mean())  # a mean over the images only
    total, sums = hai.train(hai.mlp(5), images, "mse", 0.01, 2)
    np.testing.assert_allclose(sums, 10 * np.array(curve), rtol=1e-10)
    assert_same(*({name: tensor.detach().numpy() for name, tensor in tensors.items()} for tensors in (total, mean)))


def test_saturated_units_break_the_cross_entropy_by_hand() -> None:
    """log 0 stops the loops; the library's logarithms are at least -100."""
    y, t = hai.sigmoid([[40.0]]), [[0.0]]
    assert y == [[1.0]]
    with pytest.raises(ValueError, match=r"math domain error|expected a positive input"):
        hai.binary_cross_entropy(y, t)
    assert hai.LOSSES["bce"](tg.tensor(y), tg.tensor(t)).item() == 100


def test_a_forgotten_rotation_is_noticed() -> None:
    """The classic mistake of this backward pass: dx as a correlation, not a convolution. The check says where."""
    layers = hai.network((1, 8, 8), "convolution 2 3", "tanh", "convolution 1 3", "reshape", "dense 2", "sigmoid")
    random = np.random.default_rng(1)
    parameters, x, t = hai.initial_parameters(layers, 1, True), random.standard_normal((1, 8, 8)), np.eye(2)[:, :1]

    def loss(**tensors: Any) -> Any:
        return hai.LOSSES["bce"](hai.outputs(layers, tensors, tg.tensor(x[None]))[-1], tg.tensor(t.T))

    right, _ = hai.hand_derived_gradients(layers, parameters, x, t, "bce")
    assert compare_gradients(loss, parameters, right).ok

    turned = {**parameters, "K3": parameters["K3"][:, :, ::-1, ::-1]}
    lists = {name: value.tolist() for name, value in parameters.items()}
    values = hai.forward(layers, lists, x.tolist())
    wrong, _ = hai.backward(layers, {name: value.tolist() for name, value in turned.items()}, values, t.tolist(), "bce")
    report = compare_gradients(loss, parameters, {name: np.array(wrong[name]) for name in parameters})
    assert {entry.name: entry.ok for entry in report.entries} == {
        "K1": False, "c1": False, "K3": True, "c3": True, "W5": True, "b5": True}, str(report)


def test_numbers_of_parameters() -> None:
    """The report's reason against dense networks is their number of parameters; its own CNNs have more."""
    assert hai.count(hai.mlp()) == 784 * 40 + 40 + 40 * 10 + 10
    assert hai.count(hai.cnn(None, hidden=100)) == 5 * 25 + 5 + 100 * 5 * 24 * 24 + 100 + 2 * 100 + 2
    assert hai.count(hai.cnn(None, hidden=100)) > 9 * hai.count(hai.mlp())
    assert hai.count(hai.cnn(2, hidden=100)) < hai.count(hai.cnn(None, hidden=100)) / 3.9


def test_numbers_of_multiplications() -> None:
    """Two classes are taken for having less to compute than ten; with 100 hidden units that is 0.2 per cent less."""
    def multiplications(layers: list[hai.Layer]) -> int:
        return sum(math.prod(shape) * (math.prod(layer.shape[1:]) if layer.kind == "convolution" else 1)
                   for layer in layers for shape in layer.parameters.values() if len(shape) > 1 and shape[1:] != (1,))

    assert multiplications(hai.cnn(None, 5, 100, 2)) == 5 * 24 * 24 * 5 * 5 + 2880 * 100 + 100 * 2
    assert multiplications(hai.cnn(None, 5, 100, 10)) == multiplications(hai.cnn(None, 5, 100, 2)) + 800
    assert multiplications(hai.cnn(None, 5, 0, 10)) == multiplications(hai.cnn(None, 5, 0, 2)) + 2880 * 8 == 100_800


def test_the_networks_of_the_report() -> None:
    """What the report says of them: 28 x 28, 24 x 24 behind the convolution, 12 x 12 behind the pooling."""
    assert [(layer.kind, layer.shape) for layer in hai.mlp()] == [
        ("dense", (40, 1)), ("tanh", (40, 1)), ("dense", (10, 1)), ("tanh", (10, 1))]
    assert [(layer.kind, layer.shape) for layer in hai.cnn(2, 5, 100)] == [
        ("convolution", (5, 24, 24)), ("sigmoid", (5, 24, 24)), ("max_pool", (5, 12, 12)), ("reshape", (720, 1)),
        ("dense", (100, 1)), ("sigmoid", (100, 1)), ("dense", (2, 1)), ("sigmoid", (2, 1))]
    assert [(layer.kind, layer.shape) for layer in hai.cnn(None, 1, 0)] == [
        ("convolution", (1, 24, 24)), ("sigmoid", (1, 24, 24)), ("reshape", (576, 1)), ("dense", (2, 1)),
        ("sigmoid", (2, 1))]


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the experiments ask `train` for. They get initial parameters, and curves in which CNN-full ends lower."""
    asked: list[tuple[Any, ...]] = []

    def train(layers: Any, images: Images, loss: str, learning_rate: float, epochs: int, seed: int, scaled: bool,
              device: str) -> tuple[Any, list[float]]:
        asked.append((layers, len(images.classes), loss, learning_rate, epochs, seed, scaled))
        end = 0.1 if any(layer.kind == "max_pool" for layer in layers) else 0.2
        return hai.tensors_of(hai.initial_parameters(layers, seed, scaled), device), [1.0] * epochs + [end]

    monkeypatch.setattr(hai, "train", train)
    return asked


def full_report() -> tuple[Report, Images, Images]:
    """Not a quick one, with 3600 training images that are noise, and the embedded test images."""
    noise = Images(np.random.default_rng(0).random((3600, 784)), np.arange(3600) % 10)
    return Report("hai", results=None, pictures=None), noise, Report("hai", quick=True).images(train=False).first(50)


def test_the_readings_of_two_classes(trainings: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]) -> None:
    report, images, test = full_report()
    hai.find_two_classes(report, images, test)
    settings = [*product((1, 5), (0, 100), (0.1, 0.01), (False, True), (0, 1)),
                *((5, 100, 0.1, False, seed) for seed in range(2, 10))]
    assert trainings == [(hai.cnn(pool, kernels, hidden), 200, "bce", rate, 20, seed, scaled)
                         for kernels, hidden, rate, scaled, seed in settings for pool in (None, 2)]
    assert report.seeds == {f"CNN-{name}, two classes": [*range(10)] for name in ("simple", "full")}
    assert report.seconds.keys() == report.seeds.keys()
    assert len(report.series["two classes"]) == 40
    assert "smaller in 32 of 32 - holds" in capsys.readouterr().out


def test_the_readings_of_the_dense_network(trainings: list[tuple[Any, ...]]) -> None:
    report, images, test = full_report()
    hai.find_dense(report, images, test)
    settings = [(1000, 0.01, 20, False, 3), (1000, 0.01, 100, False, 3), (1000, 0.001, 20, False, 3),
                (1000, 0.1, 20, False, 10), (1000, 0.1, 100, False, 3), (1000, 0.01, 20, True, 3),
                (3600, 0.01, 5, True, 1)]
    assert trainings == [(hai.mlp(), n, "mse", rate, epochs, seed, scaled)
                         for n, rate, epochs, scaled, count in settings for seed in range(count)]
    assert report.seeds == {"MLP": [*range(10)], "MLP, untrained": [*range(10)]}
    verdicts = [finding.verdict for finding in report.findings if "sum" in finding.experiment]
    assert verdicts[0].startswith("the published error is smaller; 3 of 20 or fewer in ")  # 0.2 each: 2 as a sum
    assert verdicts[1] == "the published error is larger"  # 0.9: all classes are as frequent


def test_the_readings_of_ten_classes_and_of_pooling(trainings: list[tuple[Any, ...]]) -> None:
    report, images, test = full_report()
    hai.find_ten_classes(report, images, test)
    dense = hai.network((784, 1), "dense 40", "sigmoid", "dense 10", "sigmoid")
    assert trainings == [(layers, 1000, "bce", 0.5, 20, seed, True) for layers in (
        dense, hai.cnn(None, classes=10), hai.cnn(2, classes=10)) for seed in range(3)]
    trainings.clear()
    hai.find_pooling(report, images, test)
    assert trainings == [(hai.cnn(size, classes=10), 1000, "bce", 0.5, 10, seed, True)
                         for size in (1, 2, 3, 4, 6, 8, 12, 24) for seed in range(2)]
    assert report.seeds["pooling"] == [0, 1]


def test_what_large_windows_lose(trainings: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up accuracies of windows of 1, 2, 3, 4, 6, 8, 12, 24: two seeds differ by 3 points, so 4 and 50 are lost."""
    right = iter([90, 87, 89, 89, 88, 88, 88, 89, 89, 88, 89, 89, 85, 85, 39, 39])
    monkeypatch.setattr(hai, "accuracy", lambda layers, tensors, images, device: next(right))
    report, images, test = full_report()
    hai.find_pooling(report, images, test)
    assert report.findings[0].verdict == ("12 x 12 loses 4.0 points; 24 x 24 loses 50.0 points; "
                                          "the others lose no more than the seeds differ (3.0 points)")


def test_what_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up times: ten classes take twice as long as two, CNN-simple three times as long as CNN-full."""
    longer = {"10 classes": 2, "simple": 3, "plain Python": 70, "eager": 5}

    def measure(candidates: dict[str, Any], **settings: Any) -> dict[str, timing.Timing]:
        times = {name: 1e-3 * math.prod(longer.get(word, 1) for word in name.split(", ")) for name in candidates}
        return {name: timing.Timing(0.0, time) for name, time in times.items()}

    monkeypatch.setattr(timing, "measure", measure)
    report = Report("hai", quick=True, results=None, pictures=None)
    hai.find_times(report, report.images(train=True))
    assert [(finding.measured, finding.verdict) for finding in report.findings] == [
        ("plain Python 70.00 against 210.00 ms; captured 1.00 against 3.00 ms",
         "plain Python: 3.00 times as fast; captured: 3.00 times as fast"),
        ("plain Python 210.0 ms, eager 15.00 ms, captured 3.00 ms",
         "captured 5.0 times as fast as eager, 70 times as fast as plain Python"),
        ("2 classes 70.00 ms, 10 classes 140.00 ms", "ten take 2.00 times as long")]


def test_untrained_networks_have_the_published_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Each saturated tanh output beside a target 0 costs 1, so the mean is near 1, whatever is learned."""
    y, t = np.full((10, 1), -1.0), np.eye(10)[:, [3]]
    y[3] = 1  # the right one costs nothing; were it -1, it would cost 4
    assert hai.mse(y.tolist(), t.tolist()) == 0.9
    report = Report("hai", quick=True, results=None, pictures=None)
    hai.find_untrained(report, hai.mlp(), report.images(train=True).first(100))
    assert [finding.verdict for finding in report.findings] == ["the published error is among them",
                                                                "the published error is larger"]
    assert "before* its first step" in capsys.readouterr().out


def test_the_published_error_as_a_sum() -> None:
    """Beside runs of 0.9 to 1.1 as a sum, of which one has as few of the 20 images right as the report."""
    report = Report("hai", results=None, pictures=None)
    runs = [hai.Trained(0.09, 40, 0, 9), hai.Trained(0.1, 40, 0, 7), hai.Trained(0.11, 20, 0, 3)]
    hai.judge_sum(report, runs, Images(np.zeros((20, 1)), np.arange(20) % 2))
    first, second = report.findings
    assert first.measured == "error 0.900 to 1.100, 40.0 % right (median); 3 to 9 of the 20 published images"
    assert first.verdict == ("the published error is among them; 3 of 20 or fewer in 1 of 3, and with probability "
                             "0.016 at the median")
    assert (second.measured, second.verdict) == ("error 0.500", "the published error is larger")


@given(st.integers(0, 12), st.floats(0, 1))
def test_binomial_probabilities(n: int, p: float) -> None:
    """Against all outcomes of n trials, counted."""
    outcomes = [1.0]  # the probability of k successes
    for _ in range(n):
        outcomes = [a * (1 - p) + b * p for a, b in zip([*outcomes, 0], [0, *outcomes], strict=True)]
    for k in range(n + 1):
        assert hai.at_most(k, n, p) == pytest.approx(math.fsum(outcomes[:k + 1]), abs=1e-12)


def test_what_holds_of_two_losses() -> None:
    """Three pairs: as the report says it; larger before training and at the end, not in between; never larger."""
    def pair(reading: hai.Reading, simple: list[float], full: list[float]) -> hai.Pair:
        return hai.Pair(reading, {"simple": simple, "full": full}, {"simple": 99, "full": 80})

    report = Report("hai", results=None, pictures=None)
    pairs = [pair(hai.Reading(5, 100, 0.1, False), [3, 2, 1], [4, 3, 0]),
             pair(hai.Reading(5, 100, 0.01, False), [3, 2, 1], [4, 1, 2]),  # the same beginning
             pair(hai.Reading(1, 0, 0.1, True), [3, 2, 1], [2, 1, 0])]
    hai.judge_losses(report, pairs, "three")
    assert [(finding.measured, finding.verdict) for finding in report.findings] == [
        ("larger in 1 of 2", "holds in some"), ("larger in 1 of 3", "holds in some"),
        ("smaller in 2 of 3", "holds in some"), ("both in 1 of 3", "holds in some")]
    assert [hai.how_often(found) for found in ([True, True], [False])] == ["holds", "does not hold"]


@pytest.mark.skipif(not os.environ.get("TINYGRAD_LITE_DATA"), reason="TINYGRAD_LITE_DATA names no folder with MNIST")
def test_published_classes() -> None:
    """The 20 images are the first of MNIST's test set."""
    assert MNIST(train=False).targets[:20].tolist() == [*hai.PUBLISHED_CLASSES]


def test_zeros_and_ones() -> None:
    images = Images(np.arange(8.0)[:, None], np.array([1, 0, 7, 1, 0, 1, 0, 1]))
    chosen = hai.zeros_and_ones(images, 2, 0)
    assert sorted(chosen.pixels.ravel()) == [0, 1, 3, 4]
    assert chosen.classes.tolist() == [images.classes[int(i)] for i in chosen.pixels.ravel()]
    assert sorted(hai.zeros_and_ones(images).pixels.ravel()) == [0, 1, 3, 4, 5, 6, 7]
    orders = {tuple(hai.zeros_and_ones(images, seed=seed).pixels.ravel()) for seed in range(9)}
    assert len(orders) > 1


def test_a_wrong_derivation_is_noticed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The report fails if a hand derivation is wrong: here the derivative of sigmoid is that of tanh."""
    report = Report("hai", quick=True, results=None, pictures=None)
    monkeypatch.setitem(hai.BY_HAND, "sigmoid", (hai.sigmoid, hai.tanh_backward))
    assert hai.check_gradients(report, report.images(train=False))
    assert "WRONG" in capsys.readouterr().out


@on_every_device
def test_accuracy(device: Backend) -> None:
    """Of a network that always says 3, on more images than fit into one batch."""
    images, layers = Report("hai", quick=True).images(train=False), hai.mlp(2)
    tensors = {name: tg.zeros(*shape, dtype=tg.float64, device=device.device)
               for layer in layers for name, shape in layer.parameters.items()}
    tensors["b3"][3] = 1.0
    assert len(images.classes) > 500
    assert hai.accuracy(layers, tensors, images, device.device) == pytest.approx((images.classes == 3).mean() * 100)


def test_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.documents", "hai", "--quick", "--results", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "| forward and backward of the layers | described, not printed |" in result.stdout
    assert (tmp_path / "hai-quick.json").exists()
