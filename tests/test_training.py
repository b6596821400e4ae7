"""`python -m tinygrad_lite train`: what it prints, what it writes, and what it says when something is wrong."""

import importlib
import json
import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_lite import nn, training
from tinygrad_lite.command_line import main
from tinygrad_lite.training import Settings, train


def run(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> tuple[str, Path]:
    """What the command prints, and the folder that it wrote."""
    before = set(folder.iterdir()) if folder.exists() else set()
    assert main(["train", "--out", str(folder), *arguments]) == 0
    (made,) = set(folder.iterdir()) - before
    return capsys.readouterr().out, made


def test_default_run_reads_digits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed, folder = run(capsys, tmp_path)
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert len(records) == Settings().epochs
    assert records[-1]["test_accuracy"] >= 0.93
    assert f"test accuracy {records[-1]['test_accuracy']:.2%}" in printed
    assert re.search(r"epoch  1/40  loss \d\.\d+  accuracy .*%  test loss .* images/s  \d+ s left", printed)
    expected = {"config.json", "metrics.jsonl", "weights.safetensors", "curves.png", "mistakes.png", "confusion.png",
                "digits.png", "derivation.png", "derivation.txt"}
    assert {path.name for path in folder.iterdir()} == expected
    for picture in folder.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size > 10_000
    assert "(a2 − y)/m" in (folder / "derivation.txt").read_text()
    configuration = json.loads((folder / "config.json").read_text())
    assert configuration["hidden"] == list(Settings().hidden)
    assert configuration["seed"] == 0


def test_same_seed_same_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--epochs", "2", "--hidden", "30,20", "--activation", "tanh", "--no-pictures"]
    figures, weights = [], []
    for seed in ("3", "3", "4"):
        _, folder = run(capsys, tmp_path, "--seed", seed, *arguments)
        records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        figures.append([(r["loss"], r["accuracy"], r["test_loss"], r["test_accuracy"]) for r in records])
        weights.append((folder / "weights.safetensors").read_bytes())
    assert figures[0] == figures[1] != figures[2]
    assert weights[0] == weights[1] != weights[2]


def test_weights_are_those_of_the_network(tmp_path: Path) -> None:
    safetensors = importlib.import_module("safetensors.numpy")
    settings = Settings(out=tmp_path, epochs=1, hidden=(16,), dtype="float64", quiet=True, pictures=False)
    result = train(settings)
    model = training.network(settings).to("float64")
    model.load_state_dict(safetensors.load_file(result.folder / "weights.safetensors"))
    test = training.DATASETS["digits"](train=False)
    _, accuracy, predicted, confidence = training.evaluate(model, test, settings)
    assert accuracy == result.test_accuracy
    assert np.array_equal(predicted, result.predicted)
    assert np.array_equal(confidence, result.confidence)


def test_network_of_any_size() -> None:
    model = training.network(Settings(hidden=(500, 150), activation="sigmoid", dropout=0.5))
    assert [type(layer).__name__ for layer in model] == [
        "Flatten", "Linear", "Sigmoid", "Dropout", "Linear", "Sigmoid", "Dropout", "Linear"]
    assert [tuple(p.shape) for p in model.parameters()][::2] == [(500, 784), (150, 500), (10, 150)]
    assert [type(layer) for layer in training.network(Settings(hidden=()))] == [nn.Flatten, nn.Linear]


def test_progress_bar_in_a_terminal(tmp_path: Path) -> None:
    """A real terminal (a pseudo-terminal) on stderr: the bar with loss, accuracy, images/s and time left."""
    master, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 120))
    options = ["--epochs", "1", "--batch-size", "1", "--hidden", "8", "--no-pictures", "--out", str(tmp_path)]
    command = [sys.executable, "-m", "tinygrad_lite", "train", *options]  # slow enough to be drawn
    finished = subprocess.run(command, stderr=terminal, stdout=subprocess.PIPE, check=True, text=True)
    os.close(terminal)
    shown = b""
    while chunk := _read(master):
        shown += chunk
    os.close(master)
    expected = r"\repoch  1/1 .*\d%\|.*\| \d+/5000 \[.* images/s, .* left, loss \d\.\d{4}, accuracy \d\d\.\d\d%\]"
    assert re.search(expected, shown.decode())
    assert re.search(r"^epoch  1/1  loss .* test accuracy", finished.stdout, re.MULTILINE)


def test_interrupted_training_leaves_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    learn, epochs = training.train_epoch, iter(range(3))

    def interrupted(*arguments: Any) -> training.Tally:
        if next(epochs) == 2:
            raise KeyboardInterrupt
        return learn(*arguments)

    monkeypatch.setattr(training, "train_epoch", interrupted)
    assert main(["train", "--quiet", "--no-pictures", "--hidden", "8", "--out", str(tmp_path)]) == 130
    (folder,) = tmp_path.iterdir()
    assert f"interrupted; {folder} holds what was learned in 2 of 40 epochs" in capsys.readouterr().err
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 2
    assert (folder / "weights.safetensors").exists()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux's way to say that the other side is closed
        return b""


def test_divergence_is_an_error_with_step_and_rate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--lr", "1e30", "--no-pictures", "--quiet", "--out", str(tmp_path)]) == 1
    assert re.search(r"the loss is (nan|inf) in step \d+ of epoch 1 at learning rate 1e\+30; try a smaller --lr",
                     capsys.readouterr().err)


@pytest.mark.parametrize(("arguments", "message"), [
    (["--lr", "0"], "argument --lr: expected a number above 0, got 0"),
    (["--hidden", "12,x"], "argument --hidden: expected sizes such as 500,150, got '12,x'"),
    (["--hidden", "0,5"], "argument --hidden: sizes must be at least 1"),
    (["--epochs", "0"], "argument --epochs: expected at least 1, got 0"),
    (["--momentum", "1"], "argument --momentum: expected a number in [0, 1), got 1"),
    (["--activation", "softplus"], "argument --activation: invalid choice: 'softplus'"),
])
def test_bad_arguments_are_named(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["train", *arguments])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_missing_extra_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["train", "--out", str(tmp_path)]) == 1
    assert 'pip install "tinygrad-lite[train]"' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_missing_data_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                      capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TINYGRAD_LITE_DATA", str(tmp_path / "nothing"))
    monkeypatch.setattr("tinygrad_lite.datasets.MNIST.mirrors", ["http://127.0.0.1:9/"])
    monkeypatch.setattr("tinygrad_lite.datasets.download.PAUSE", 0.0)
    assert main(["train", "--dataset", "mnist", "--no-pictures", "--out", str(tmp_path / "runs")]) == 1
    assert "TINYGRAD_LITE_DATA" in capsys.readouterr().err
