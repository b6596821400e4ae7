"""The framework against PyTorch: what a training step of five usual networks costs.

    python -m benchmarks.models [--quick] [--threads 1] [--json FILE]

- kth, batch 1: 784-32-10, sigmoid, half the sum of squares, SGD.
- MLP, batch 64: 784-256-10, ReLU, cross entropy, SGD with momentum.
- CNN, batch 64: the network of `python -m tinygrad_lite train` without its dropout, with its optimizer.
- LSTM, 32 x 32: a language model of characters, embedding, LSTM and linear layer of 128 units, Adam.
- encoder, 16 x 64: a transformer's encoder layer with GELU and normalization first, 128 features, 4 heads, Adam.

All in float32, from the same weights and data; the script of a step is the same lines in both libraries.  Before
anything is measured all must compute the same losses for three steps.  '-' where PyTorch is not installed.
"""

import argparse
import math
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import tinygrad_lite as tg

from . import timing


class Model(NamedTuple):
    """A network and how it is trained, in the words that the libraries share; `L` is the library."""

    network: Callable[[Any], Any]
    loss: Callable[[Any, Any, Any], Any]
    """(L, output, target) -> a scalar."""
    optimizer: Callable[[Any, Any], Any]
    input: Callable[[np.random.Generator], Any]
    target: Callable[[np.random.Generator], Any]


def cross_entropy(L: Any, output: Any, target: Any) -> Any:
    """Of classes, for each example or each place of a sequence."""
    return L.nn.functional.cross_entropy(output.reshape(-1, output.shape[-1]), target.reshape(-1))


def images(*shape: int) -> Callable[[np.random.Generator], Any]:
    """Draws numbers in [0, 1] like those of digits: most of them 0."""
    return lambda random: (random.random(shape) * (random.random(shape) < 0.2)).astype(np.float32)


def classes(count: int, *shape: int) -> Callable[[np.random.Generator], Any]:
    """Draws integers below `count`."""
    return lambda random: random.integers(0, count, shape)


def digits_network(L: Any) -> Any:
    """The default of `python -m tinygrad_lite train`, without dropout: the libraries draw different numbers."""
    n = L.nn
    return n.Sequential(n.Conv2d(1, 16, 5, padding="same"), n.ReLU(), n.MaxPool2d(2),
                        n.Conv2d(16, 32, 5, padding="same"), n.ReLU(), n.MaxPool2d(2), n.Flatten(),
                        n.Linear(32 * 7 * 7, 64), n.ReLU(), n.Linear(64, 10))  # fmt: skip


def language_model(L: Any) -> Any:
    """Characters to the scores of the following ones."""

    class LanguageModel(L.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = L.nn.Embedding(64, 128)
            self.lstm = L.nn.LSTM(128, 128, batch_first=True)
            self.head = L.nn.Linear(128, 64)

        def forward(self, characters: Any) -> Any:
            return self.head(self.lstm(self.embedding(characters))[0])

    return LanguageModel()


MODELS = {
    "kth, batch 1": Model(
        lambda L: L.nn.Sequential(L.nn.Linear(784, 32), L.nn.Sigmoid(), L.nn.Linear(32, 10), L.nn.Sigmoid()),
        lambda L, output, target: 0.5 * ((output - target) ** 2).sum(),
        lambda L, parameters: L.optim.SGD(parameters, lr=0.1), images(1, 784), images(1, 10)),
    "MLP, batch 64": Model(
        lambda L: L.nn.Sequential(L.nn.Linear(784, 256), L.nn.ReLU(), L.nn.Linear(256, 10)), cross_entropy,
        lambda L, parameters: L.optim.SGD(parameters, lr=0.01, momentum=0.9), images(64, 784), classes(10, 64)),
    "CNN, batch 64": Model(
        digits_network, cross_entropy,
        lambda L, parameters: L.optim.SGD(parameters, lr=0.05, momentum=0.9, weight_decay=1e-4),
        images(64, 1, 28, 28), classes(10, 64)),
    "LSTM, 32 x 32": Model(
        language_model, cross_entropy, lambda L, parameters: L.optim.Adam(parameters, lr=0.001),
        classes(64, 32, 32), classes(64, 32, 32)),
    "encoder, 16 x 64": Model(
        lambda L: L.nn.TransformerEncoderLayer(128, 4, 512, dropout=0.0, activation="gelu", batch_first=True,
                                               norm_first=True),
        lambda L, output, target: L.nn.functional.mse_loss(output, target),
        lambda L, parameters: L.optim.Adam(parameters, lr=0.001), images(16, 64, 128), images(16, 64, 128)),
}  # fmt: skip


def training_step(L: Any, model: Model, captured: bool = False) -> Callable[[], Any]:
    """A step on always the same batch; returns the loss before the update."""
    network = model.network(L)
    random = np.random.default_rng(0)
    for p in network.parameters():
        values = random.standard_normal(tuple(p.shape)) / math.sqrt(max(p.shape[-1], 25))
        p.data.copy_(L.from_numpy(values.astype(np.float32)))
    optimizer = model.optimizer(L, network.parameters())
    x, t = L.from_numpy(model.input(random)), L.from_numpy(model.target(random))

    def train(x: Any, t: Any) -> Any:
        loss = model.loss(L, network(x), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    run = tg.capture(train) if captured else train
    return lambda: run(x, t)


def steps(model: Model) -> dict[str, Callable[[], Any]]:
    """A step in each column that is there."""
    torch = timing.optional("torch")
    found = {"torch": training_step(torch, model)} if torch else {}
    return {**found, "eager": training_step(tg, model), "captured": training_step(tg, model, captured=True)}


def check_agreement(name: str, found: dict[str, Callable[[], Any]]) -> None:
    """Raise unless all compute the same losses for three steps."""
    losses = {column: [float(step()) for _ in range(3)] for column, step in found.items()}
    for column, values in losses.items():
        np.testing.assert_allclose(values, losses["eager"], rtol=1e-4, err_msg=f"{name}: the losses of {column}")


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Measure, print the table, return all figures in seconds."""
    rounds = 2 if options.quick else options.rounds
    report: dict[str, Any] = {}
    rows = []
    for name, model in MODELS.items():
        found = steps(model)
        check_agreement(name, found)
        times = timing.measure(found, rounds=rounds, seconds=0.002)  # short: some rounds then go without a pause
        report[name] = {column: {"best": t.best, "median": t.median} for column, t in times.items()}
        best = {column: t.best for column, t in times.items()}
        cells = [duration(best[column]) if column in best else "-" for column in ("torch", "eager", "captured")]
        cells += [f"{best[column] / best['torch']:.2f}" if "torch" in best else "-" for column in ("eager", "captured")]
        rows.append([name, *cells])
    print(f"\ntraining step, best of {rounds} rounds\n")
    print(timing.table(["", "torch", "eager", "captured", "eager / torch", "captured / torch"], rows), flush=True)
    return report


def duration(seconds: float) -> str:
    """Microseconds below one millisecond, else milliseconds."""
    return f"{seconds * 1e6:.0f} us" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


if __name__ == "__main__":
    assert __doc__ is not None
    arguments = timing.options_parser(__doc__).parse_args()
    if arguments.device != "cpu":
        sys.exit("benchmarks.models measures the CPU only")
    timing.run_for_each_thread_count("benchmarks.models", arguments, benchmark)
