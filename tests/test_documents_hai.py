"""hai: its layers as loops over lists against the engine, and what the report got wrong."""

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from benchmarks.documents import hai
from benchmarks.documents.report import Images, Report
from tests.devices import STRICT
from tinygrad_lite.datasets import MNIST
from tinygrad_lite.testing import compare_gradients

ROOT = Path(__file__).parents[1]
DEVICES = ["cpu", STRICT.device]
seeds = st.integers(0, 2**32 - 1)


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


def assert_same(derived: Any, by_hand: Any, name: str) -> None:
    assert derived.shape == by_hand.shape
    np.testing.assert_allclose(derived, by_hand, rtol=0, atol=1e-10 * max(1, np.abs(by_hand).max()), err_msg=name)


@pytest.mark.parametrize("device", DEVICES)
@given(problem=problems())
def test_gradients(device: str, problem: tuple[Any, ...]) -> None:
    """Of every parameter, of the image, and of what each layer returns: every layer, loss, size and channel."""
    layers, parameters, x, t, loss = problem
    derived, deltas = hai.derived_gradients(layers, parameters, x, t, loss, device)
    by_hand, deltas_by_hand = hai.hand_derived_gradients(layers, parameters, x, t, loss)
    assert list(derived) == list(by_hand) == [name for layer in layers for name in layer.parameters]
    for name, gradient in derived.items():
        assert_same(gradient, by_hand[name], name)
    for layer, delta, other in zip([None, *layers], deltas, deltas_by_hand, strict=True):
        assert_same(delta, other, f"{layer}")


@given(problems())
def test_values(problem: tuple[Any, ...]) -> None:
    """What each layer returns, its shape, and the loss."""
    layers, parameters, x, t, loss = problem
    lists = {name: value.tolist() for name, value in parameters.items()}
    by_hand = hai.forward(layers, lists, x.tolist())
    tensors = {name: tg.tensor(value) for name, value in parameters.items()}
    derived = hai.outputs(layers, tensors, tg.tensor(x.T if x.ndim == 2 else x[None]))
    for layer, value, other in zip(layers, derived[1:], by_hand[1:], strict=True):
        assert_same(value.numpy().T if value.ndim == 2 else value.numpy()[0], np.array(other), f"{layer}")
        assert np.shape(other) == layer.shape
    assert hai.LOSSES_BY_HAND[loss][0](by_hand[-1], t.tolist()) == pytest.approx(
        hai.LOSSES[loss](derived[-1], tg.tensor(t.T)).item(), rel=1e-10)


@given(st.integers(1, 8), seeds)
def test_softmax_jacobian(classes: int, seed: int) -> None:
    """Entry by entry: the derivative of softmax is a matrix, which is why it is no activation like the others."""
    z = tg.tensor(np.random.default_rng(seed).normal(0, 3, (1, classes)), requires_grad=True)
    y = hai.softmax(z.detach().numpy().T.tolist())
    for i in range(classes):
        (row,) = tg.autograd.grad(tg.softmax(z, 1)[0, i], z)
        (by_hand,) = hai.softmax_backward([[float(i == j)] for j in range(classes)], [], y)
        assert_same(row.numpy().T, np.array(by_hand), f"row {i}")


@given(st.integers(1, 4), st.integers(1, 3), seeds)
def test_pooling_of_equal_values(size: int, channels: int, seed: int) -> None:
    """The first of the largest gets the gradient, here as in the library."""
    x = np.random.default_rng(seed).integers(0, 3, (channels, 2 * size + 1, 3 * size)).astype(float)
    image = tg.tensor(x[None], requires_grad=True)
    y = hai.max_pool(x.tolist(), size)
    (derived,) = tg.autograd.grad(tg.nn.functional.max_pool2d(image, size).sum(), image)
    (by_hand,) = hai.max_pool_backward(np.ones(np.shape(y)).tolist(), x.tolist(), y, size)
    assert derived[0].tolist() == by_hand


@given(st.integers(1, 3), seeds)
def test_pooling_and_sigmoid_can_be_exchanged(size: int, seed: int) -> None:
    """Sigmoid rises: the report's order of both, which its picture alone shows, makes no difference."""
    image = np.random.default_rng(seed).standard_normal((1, 2, 6, 6))
    found = []
    for words in (("sigmoid", f"max_pool {size}"), (f"max_pool {size}", "sigmoid")):
        x = tg.tensor(image, requires_grad=True)
        y = hai.outputs(hai.network((2, 6, 6), *words), {}, x)[-1]
        found.append((y.detach().numpy(), tg.autograd.grad((y**2).sum(), x)[0].numpy()))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-15)


def test_training_with_either_gradient() -> None:
    """A captured step in the library and the report's loops: the same losses and parameters."""
    layers = hai.network((1, 7, 6), "convolution 2 3", "sigmoid", "max_pool 2", "reshape", "dense 2", "sigmoid")
    random = np.random.default_rng(0)
    parameters = hai.initial_parameters(layers, 0)
    tensors = hai.tensors_of(parameters, "cpu")
    step = tg.capture(hai.stepper(layers, tensors, "bce", 0.1))
    lists = {name: value.tolist() for name, value in parameters.items()}
    by_hand = hai.stepper_by_hand(layers, lists, "bce", 0.1)
    for _ in range(10):
        x, t = random.random((1, 7, 6)), np.eye(2)[:, [random.integers(2)]]
        assert step(tg.tensor(x[None]), tg.tensor(t.T)).item() == pytest.approx(by_hand(x.tolist(), t.tolist()))
    for name, tensor in tensors.items():
        assert_same(tensor.detach().numpy(), np.array(lists[name]), name)


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
    assert [layer.shape for layer in hai.cnn(2, 5)][:3] == [(5, 24, 24), (5, 24, 24), (5, 12, 12)]
    assert hai.count(hai.cnn(None, hidden=100)) == 5 * 25 + 5 + 100 * 5 * 24 * 24 + 100 + 2 * 100 + 2
    assert hai.count(hai.cnn(None, hidden=100)) > 9 * hai.count(hai.mlp())
    assert hai.count(hai.cnn(2, hidden=100)) < hai.count(hai.cnn(None, hidden=100)) / 3.9


def test_the_published_error_is_that_before_training(capsys: pytest.CaptureFixture[str]) -> None:
    """Each saturated tanh output beside a target 0 costs 1, so the mean is near 1, whatever is learned."""
    y, t = np.full((10, 1), -1.0), np.eye(10)[:, [3]]
    y[3] = 1  # the right one costs nothing; were it -1, it would cost 4
    assert hai.mse(y.tolist(), t.tolist()) == 0.9
    report = Report("hai", quick=True, results=None, pictures=None)
    hai.find_untrained(report, hai.mlp(), report.images(train=True).first(100))
    assert [finding.verdict for finding in report.findings] == ["as if the published one had learned nothing",
                                                                "another one"]
    assert "before* its first step" in capsys.readouterr().out


def test_what_holds_of_two_losses(capsys: pytest.CaptureFixture[str]) -> None:
    """Of three runs: one as the report says, one with the crossing in between, one the other way round."""
    def row(reading: hai.Reading, simple: list[float], full: list[float]) -> dict[str, Any]:
        return {"reading": str(reading), "simple losses": simple, "full losses": full, "simple accuracy": 99.0,
                "full accuracy": 80.0}

    one, other = hai.Reading(5, 100, 0.1, False, 0), hai.Reading(1, 0, 0.1, True, 0)
    report = Report("hai", quick=True, results=None, pictures=None)
    hai.judge_two_classes(report, [row(one, [3, 2, 1], [4, 3, 0]), row(one, [3, 2, 1], [2, 3, 0]),
                                   row(other, [3, 2, 1], [2, 2, 2])], 100)
    measured = {finding.experiment: finding.measured for finding in report.findings}
    assert measured["loss of the first epoch"] == "larger in 1 of 3"
    assert measured["loss of the last epoch"] == "smaller in 2 of 3"
    assert measured["the curves cross"] == "in 1 of 3; larger in some earlier epoch, smaller at the end: in 2"
    assert measured["where CNN-full's is smaller at the end"] == "5 kernels, 100 hidden, N(0, 1): 2 of 2"
    assert "80.00 % right" in capsys.readouterr().out


@pytest.mark.skipif(not os.environ.get("TINYGRAD_LITE_DATA"), reason="TINYGRAD_LITE_DATA names no folder with MNIST")
def test_published_classes() -> None:
    """The 20 images are the first of MNIST's test set."""
    assert MNIST(train=False).targets[:20].tolist() == [*hai.PUBLISHED_CLASSES]


def test_zeros_and_ones() -> None:
    images = Images(np.arange(8.0)[:, None], np.array([1, 0, 7, 1, 0, 1, 0, 1]))
    chosen = hai.zeros_and_ones(images, 2, 0)
    assert sorted(chosen.pixels.ravel()) == [0, 1, 3, 4]
    assert chosen.classes.tolist() == [images.classes[int(i)] for i in chosen.pixels.ravel()]


def test_a_wrong_derivation_is_noticed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The report fails if a hand derivation is wrong: here the derivative of sigmoid is that of tanh."""
    report = Report("hai", quick=True, results=None, pictures=None)
    monkeypatch.setitem(hai.BY_HAND, "sigmoid", (hai.sigmoid, hai.tanh_backward))
    assert hai.check_gradients(report, report.images(train=False))
    assert "WRONG" in capsys.readouterr().out


def test_accuracy() -> None:
    """Of a network that always says 3."""
    report = Report("hai", quick=True, results=None, pictures=None)
    images, layers = report.images(train=False), hai.mlp(2)
    tensors = {name: tg.zeros(*shape, dtype=tg.float64) for layer in layers for name, shape in layer.parameters.items()}
    tensors["b3"][3] = 1.0
    assert hai.accuracy(layers, tensors, images, "cpu") == pytest.approx((images.classes == 3).mean() * 100)
    assert not math.isnan(hai.accuracy(layers, tensors, images.first(3), "cpu"))


def test_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.documents", "hai", "--quick", "--results", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "| forward and backward of the layers | described, not printed |" in result.stdout
    assert (tmp_path / "hai-quick.json").exists()
