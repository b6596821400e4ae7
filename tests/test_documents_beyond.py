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
