"""beyond: the recipes, on the embedded digits, and the pictures' derivatives."""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tg
from benchmarks.documents import beyond
from benchmarks.documents.report import Report
from tinygrad_lite.datasets import Digits

ROOT = Path(__file__).parents[1]
RECIPE = beyond.Recipe("mnist", epochs=2, batch_size=32, max_lr=0.1, weight_decay=1e-3, shift=1, images=300)
quick = Report("beyond", quick=True, results=None, pictures=None)


def test_training_is_captured_without_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shifts, dropout, batch normalisation and OneCycle: the same bits as with plain steps."""
    weights = []
    for wrap in (tg.capture, lambda step: step):  # both are taken before the first is replaced
        monkeypatch.setattr(tg, "capture", wrap)
        tg.manual_seed(3)
        model = tg.nn.Sequential(*beyond.convolutional((1, 28, 28), (3, 4)).children(), tg.nn.Dropout(0.3))
        records, found = beyond.train(model, RECIPE, quick)
        weights.append([p.detach().numpy() for p in model.state_dict().values()])
        assert len(records) == RECIPE.epochs
        assert records[-1]["test accuracy"] == found.accuracy
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_recipe_learns() -> None:
    """In two short epochs, far better than guessing."""
    tg.manual_seed(0)
    records, found = beyond.train(beyond.convolutional((1, 28, 28), (4, 8)), replace(RECIPE, images=1000), quick)
    assert records[1]["loss"] < records[0]["loss"] < math.log(10)
    assert found.accuracy > 60


def test_recipes() -> None:
    """The settings that docs/documents.md gives."""
    assert beyond.RECIPES["dense"] == beyond.Recipe("mnist", 20, 64, 0.05, images=10_000)
    assert beyond.RECIPES["mnist"] == beyond.Recipe("mnist", 4, 64, 0.1, 5e-4, shift=2)
    assert beyond.RECIPES["cifar10"] == beyond.Recipe("cifar10", 5, 64, 0.1, 5e-4, shift=3, flip=True)
    full = Report("beyond", results=None, pictures=None)
    assert all(beyond.recipe_of(name, full) == recipe for name, recipe in beyond.RECIPES.items())


def test_the_networks_and_the_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a full run trains: parameters of each network, recipe, weight decay and dropout, seed; and its verdicts.

    In made-up results each image is read as 7, with growing confidence; dropout gains 2 points, weight decay loses 1.
    """
    asked = []

    def train(model: beyond.Model, recipe: beyond.Recipe, report: Report) -> tuple[list[dict[str, float]], object]:
        dropout = [layer.p for layer in model.modules() if isinstance(layer, tg.nn.Dropout)]
        asked.append((sum(p.numel() for p in model.parameters()), recipe.dataset, recipe.epochs, recipe.weight_decay,
                      dropout, recipe.seed))
        record = dict.fromkeys(("loss", "test loss", "seconds", "images per second"), 1.0)
        record["test accuracy"] = 95 + 2 * len(dropout) - 1000 * recipe.weight_decay
        return [record], beyond.Evaluation(1.0, 69.0, np.full(1000, 7), np.arange(1000) / 1000)

    monkeypatch.setattr(beyond, "train", train)
    monkeypatch.setattr(beyond.Recipe, "data", lambda recipe, report, train: Digits(train))
    report = Report("beyond", results=None, pictures=None)
    assert beyond.run(report) == 1
    convolutions = 9 * (16 + 16 * 32 + 32 * 64) + 2 * (16 + 32 + 64) + 10 * (64 * 3 * 3 + 1)
    deeper = 9 * (32 + 32 * 64 + 64 * 128) + 2 * (32 + 64 + 128) + 10 * (128 * 3 * 3 + 1)  # of 28 x 28 in one channel
    dense = 785 * 256 + 257 * 10
    ways: list[tuple[float, list[float]]] = [(0, []), (1e-3, []), (0, [0.5]), (1e-3, [0.5])]
    assert asked == [(deeper, "cifar10", 5, 5e-4, [], 0), (convolutions, "mnist", 4, 5e-4, [], 0), *(
        (dense, "mnist", 20, decay, dropout, seed) for decay, dropout in ways for seed in range(3))]
    assert report.seeds == {"CIFAR-10": [0], "MNIST": [0], "regularization": [0, 1, 2]}
    others = Digits(train=False).targets != 7
    assert [finding.verdict for finding in report.findings] == [
        "BELOW 70 %", "BELOW 99 %",
        f"the 2 % that it is least sure of hold {others[:20].sum()} of the {others.sum()}",
        "-", "-1.00 points", "+2.00 points", "+1.00 points"]


@pytest.mark.parametrize("lr", [0.1, 0.0])
def test_the_settings_reach_the_steps(lr: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Momentum, weight decay, and the learning rate, without which nothing is learned."""
    tg.manual_seed(0)
    model = beyond.dense()
    before = [p.detach().numpy().copy() for p in model.parameters()]
    used: list[dict[str, float]] = []
    sgd_step = tg.optim.SGD.step

    def step(optimizer: tg.optim.SGD) -> None:
        used.append({**optimizer.param_groups[0]})
        sgd_step(optimizer)

    monkeypatch.setattr(tg, "capture", lambda step: step)
    monkeypatch.setattr(tg.optim.SGD, "step", step)
    beyond.train(model, replace(RECIPE, max_lr=lr), quick)
    changed = [bool((p.detach().numpy() != old).any()) for p, old in zip(model.parameters(), before, strict=True)]
    assert changed == [lr > 0] * len(before)
    momentum = [group["momentum"] for group in used]
    assert (max(momentum), momentum[0], min(momentum)) == pytest.approx((0.95, 0.95, 0.85), abs=2e-3)
    assert {group["weight_decay"] for group in used} == {1e-3}
    assert max(group["lr"] for group in used) == pytest.approx(lr, rel=0.05)


def test_evaluation() -> None:
    """Of a network whose scores are known: always 7, with probability e / (9 + e)."""
    images = Digits(train=False)
    last = tg.nn.Linear(784, 10)
    last.load_state_dict({"weight": tg.zeros(10, 784), "bias": tg.eye(10)[7]})
    found = beyond.evaluate(tg.nn.Sequential(tg.nn.Flatten(), last), images, "cpu")
    assert set(found.classes) == {7}
    np.testing.assert_allclose(found.confidence, math.e / (9 + math.e), rtol=1e-6)
    assert found.accuracy == pytest.approx((images.targets == 7).mean() * 100)
    right = (images.targets == 7).mean()
    assert found.loss == pytest.approx(math.log(9 + math.e) - right, rel=1e-5)


@pytest.mark.parametrize("name", beyond.ACTIVATIONS)
def test_derivatives_of_the_picture(name: str) -> None:
    """Against central differences, away from corners."""
    x, h = tg.linspace(-3.95, 3.95, 40, dtype=tg.float64), 1e-6
    f = beyond.ACTIVATIONS[name]
    _, slope = beyond.derivative(f, x)
    np.testing.assert_allclose(slope, ((f(x + h) - f(x - h)) / (2 * h)).numpy(), atol=1e-8)


def test_samples() -> None:
    """Row k shows images of k."""
    digits, shown = Digits(), beyond.samples(3)
    assert shown.shape == (280, 84)
    for digit in range(10):
        for column in range(3):
            tile = shown[28 * digit:28 * digit + 28, 28 * column:28 * column + 28]
            (found,) = np.flatnonzero((digits.images == tile).all(axis=(1, 2)))
            assert digits.targets[found] == digit


def test_numbers_of_parameters() -> None:
    """Those in the picture of the networks."""
    assert {name: parameters for name, (parameters, _) in beyond.NETWORKS.items()} == {
        "wang": 784 * 16 + 16 + 16 * 16 + 16 + 16 * 10 + 10, "lab2": 784 * 64 + 64 + 64 * 10 + 10,
        "kth": 784 * 32 + 32 + 32 * 10 + 10, "biswas": 784 * 500 + 500 + 500 * 150 + 150 + 150 * 10 + 10,
        "hai": 5 * 25 + 5 + 720 * 2 + 2}


def test_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.documents", "beyond", "--quick", "--results", str(tmp_path),
               "--pictures", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "| CIFAR-10, convolutional | 41.94 % dense (kth)" in result.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"beyond-quick.json", *(f"beyond-{name}.png" for name in (
        "activations", "networks", "digits", "cifar10", "mistakes", "regularization"))}
