"""What a training step costs: the networks of three reports, against hand-written NumPy and PyTorch.

    python -m benchmarks.step [--quick] [--full] [--batch N] [--threads 1 2] [--json FILE]

- kth: 784-32-10, sigmoid, 1/2 sum (p - y)^2, one example at a time, lr 0.1: all overhead.
- wang: 784-16-16-10, tanh, softmax and cross entropy, full batch of 60,000, lr 0.5: memory and elementwise functions.
- biswas: 784-500-150-10, ReLU, softmax and cross entropy, full batch (6,000 here; 60,000 with --full), lr 0.1: BLAS.

All in float32, from the same initial weights, on MNIST if TINYGRAD_LITE_DATA names its folder, else on random images of
the same size. Before anything is measured, all variants must compute the same losses for three steps.
"""

import argparse
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import nn
from tinygrad_lite.datasets import MNIST

from . import timing
from .documents import wang

Array: TypeAlias = np.ndarray[Any, Any]
Parameters: TypeAlias = dict[str, Array]
Step: TypeAlias = Callable[[], Any]
"""One training step on the next batch; returns the loss before the update."""


@dataclass(frozen=True)
class Network:
    """A dense network, its initial weights and how it is trained."""

    sizes: tuple[int, ...]
    activation: str
    lr: float
    batch: int
    scale: float
    """Of the initial weights, which are normal."""
    textbook: Callable[[Parameters, Array, Array], tuple[Any, Parameters]]
    """(parameters, X, Y) -> (loss, gradients), with examples as columns and Y one-hot: the report's own equations."""

    @property
    def squares(self) -> bool:
        """Whether the loss is 1/2 sum (p - y)^2 of sigmoids rather than the cross entropy of a softmax."""
        return self.activation == "Sigmoid"

    def initial(self) -> Parameters:
        """W1 (out, in), b1 (out,), ..."""
        random = np.random.default_rng(0)
        parameters = {}
        for layer, (n_in, n_out) in enumerate(itertools.pairwise(self.sizes), 1):
            parameters[f"W{layer}"] = (self.scale * random.standard_normal((n_out, n_in))).astype(np.float32)
            parameters[f"b{layer}"] = np.zeros(n_out, np.float32)
        return parameters


# --- the reports' equations ---------------------------------------------------------------------------------------


def kth_textbook(p: Parameters, X: Array, Y: Array) -> tuple[Any, Parameters]:
    """Equations (3)-(7), (10) forward, (12)-(15) backward, for one example: vectors, which NumPy multiplies fastest."""
    x, y = X[:, 0], Y[:, 0]
    a1 = 1 / (1 + np.exp(-(p["W1"] @ x + p["b1"])))
    a2 = 1 / (1 + np.exp(-(p["W2"] @ a1 + p["b2"])))
    difference = a2 - y
    g2 = difference * (a2 * (1 - a2))
    g1 = (g2 @ p["W2"]) * (a1 * (1 - a1))
    return 0.5 * (difference @ difference), {"W1": np.outer(g1, x), "b1": g1, "W2": np.outer(g2, a1), "b2": g2}


def wang_textbook(p: Parameters, X: Array, Y: Array) -> tuple[Any, Parameters]:
    """The functions of `documents/wang.py`: A - Y, then (W^T dZ) * (1 - A^2)."""
    columns = {name: value if value.ndim == 2 else value[:, None] for name, value in p.items()}
    activations = wang.forward(X, columns)
    gradients = wang.backward(X, Y, activations, columns)
    loss = -np.sum(Y * np.log(activations[-1] + 1e-8)) / X.shape[1]
    return loss, {name: gradient.reshape(p[name].shape) for name, gradient in gradients.items()}


def biswas_textbook(p: Parameters, X: Array, Y: Array) -> tuple[Any, Parameters]:
    """Section 2: dA_L = (Yhat - E)/m, dW_k = dA_k H_(k-1)^T, db_k = dA_k 1, dA_k = (W_(k+1)^T dA_(k+1)) * g'(A_k)."""
    A1 = p["W1"] @ X + p["b1"][:, None]
    H1 = np.maximum(A1, 0)
    A2 = p["W2"] @ H1 + p["b2"][:, None]
    H2 = np.maximum(A2, 0)
    Yhat = wang.softmax(p["W3"] @ H2 + p["b3"][:, None])
    dA3 = (Yhat - Y) / X.shape[1]
    dA2 = (p["W3"].T @ dA3) * (A2 > 0)
    dA1 = (p["W2"].T @ dA2) * (A1 > 0)
    gradients = {}
    for k, (dA, H) in enumerate([(dA1, X), (dA2, H1), (dA3, H2)], 1):
        gradients[f"W{k}"], gradients[f"b{k}"] = dA @ H.T, dA.sum(axis=1)
    return -np.mean(np.sum(Y * np.log(Yhat + 1e-8), axis=0)), gradients


NETWORKS = {
    "kth, batch 1": Network((784, 32, 10), "Sigmoid", 0.1, 1, 1.0, kth_textbook),
    "wang": Network((784, 16, 16, 10), "Tanh", 0.5, 60_000, 0.1, wang_textbook),
    "biswas": Network((784, 500, 150, 10), "ReLU", 0.1, 6_000, 0.01, biswas_textbook),
}


# --- the variants -------------------------------------------------------------------------------------------------


def in_numpy(network: Network, batches: list[tuple[Array, Array]], device: str) -> Step:
    """The report's equations and plain gradient descent, with examples as columns."""
    parameters = network.initial()
    stream = itertools.cycle([(np.ascontiguousarray(x.T), one_hot(y).T.copy()) for x, y in batches])

    def step() -> Any:
        loss, gradients = network.textbook(parameters, *next(stream))
        for name, gradient in gradients.items():
            parameters[name] = parameters[name] - network.lr * gradient
        return loss

    return step


def in_torch(network: Network, batches: list[tuple[Array, Array]], device: str) -> Step:
    """PyTorch, eager: nn.Sequential and optim.SGD."""
    torch = timing.optional("torch")
    return trainer(torch, torch.nn, network, network_batches(torch.from_numpy, network, batches, device), device)


def in_modules(network: Network, batches: list[tuple[Array, Array]], device: str) -> Step:
    """This library, eager: the same lines as PyTorch's."""
    return trainer(tg, nn, network, network_batches(tg.from_numpy, network, batches, device), device)


def network_batches(
    convert: Callable[[Array], Any], network: Network, batches: list[tuple[Array, Array]], device: str
) -> Iterator[tuple[Any, Any]]:
    """The batches as tensors, again and again: class indices for the cross entropy, one-hot vectors for squares."""
    pairs = [(x, one_hot(y) if network.squares else y) for x, y in batches]
    return itertools.cycle([(convert(x).to(device), convert(y).to(device)) for x, y in pairs])


def trainer(
    library: Any, nn: Any, network: Network, stream: Iterator[tuple[Any, Any]], device: str, captured: bool = False
) -> Step:
    """A training step in PyTorch's words: for PyTorch and for us."""
    layers = []
    for n_in, n_out in itertools.pairwise(network.sizes):
        layers += [nn.Linear(n_in, n_out), getattr(nn, network.activation)()]
    model = nn.Sequential(*(layers if network.squares else layers[:-1])).to(device)
    with library.no_grad():
        for parameter, value in zip(model.parameters(), network.initial().values(), strict=True):
            parameter.copy_(library.from_numpy(value).to(device))
    optimizer = library.optim.SGD(model.parameters(), lr=network.lr)
    criterion = nn.CrossEntropyLoss()

    def train(x: Any, y: Any) -> Any:
        output = model(x)
        loss = 0.5 * ((output - y) ** 2).sum() if network.squares else criterion(output, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    run = tg.capture(train) if captured else train
    return lambda: run(*next(stream))


def in_captured(network: Network, batches: list[tuple[Array, Array]], device: str) -> Step:
    """This library, the whole step captured."""
    stream = network_batches(tg.from_numpy, network, batches, device)
    return trainer(tg, nn, network, stream, device, captured=True)


def in_tensors(network: Network, batches: list[tuple[Array, Array]], device: str) -> Step:
    """This library, eager, without modules or optimizer."""
    p = {name: tg.tensor(value, device=device, requires_grad=True) for name, value in network.initial().items()}
    activation = {"Sigmoid": tg.sigmoid, "Tanh": tg.tanh, "ReLU": tg.relu}[network.activation]
    last = len(network.sizes) - 1
    stream = network_batches(tg.from_numpy, network, batches, device)

    def step() -> Any:
        a, y = next(stream)
        for layer in range(1, last + 1):
            a = nn.functional.linear(a, p[f"W{layer}"], p[f"b{layer}"])
            if layer < last or network.squares:
                a = activation(a)
        loss = 0.5 * ((a - y) ** 2).sum() if network.squares else nn.functional.cross_entropy(a, y)
        gradients = tg.autograd.grad(loss, list(p.values()))
        with tg.no_grad():
            for parameter, gradient in zip(p.values(), gradients, strict=True):
                parameter.sub_(gradient, alpha=network.lr)
        return loss.detach()

    return step


VARIANTS: dict[str, Callable[[Network, list[tuple[Array, Array]], str], Step]] = {
    "numpy": in_numpy,
    "torch": in_torch,
    "tensors": in_tensors,
    "modules": in_modules,
    "captured": in_captured,
}


# --- the measurement ----------------------------------------------------------------------------------------------


def one_hot(labels: Array) -> Array:
    """(m, 10), float32."""
    return np.eye(10, dtype=np.float32)[labels]


def images_and_labels(count: int) -> tuple[Array, Array]:
    """`count` images as rows, float32 (count, 784) in [0, 1], and their classes: MNIST, or random ones of its size."""
    if os.environ.get("TINYGRAD_LITE_DATA"):
        dataset = MNIST()
        images, labels = dataset.images[:count].reshape(-1, 784), dataset.targets[:count]
    else:
        random = np.random.default_rng(1)
        images = random.integers(0, 256, (count, 784), np.uint8) * (random.random((count, 784)) < 0.2)
        labels = random.integers(0, 10, count)
    return images.astype(np.float32) / 255, labels


def check_agreement(name: str, steps: dict[str, Step]) -> None:
    """Raise unless all variants compute the same losses for three steps."""
    losses = {variant: [float(step()) for _ in range(3)] for variant, step in steps.items()}
    for variant, values in losses.items():
        np.testing.assert_allclose(values, losses["numpy"], rtol=1e-4, err_msg=f"{name}: the losses of {variant}")


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Measure, print the table, return all figures in seconds."""
    installed = [variant for variant in VARIANTS if variant != "torch" or timing.optional("torch")]
    rounds = 2 if options.quick else options.rounds
    report: dict[str, Any] = {}
    rows = []
    for name, network in NETWORKS.items():
        batch = network.batch
        if batch > 1:
            batch = options.batch or (200 if options.quick else 60_000 if options.full else batch)
        images, labels = images_and_labels(max(batch, 64))
        batches = [(images[i : i + batch], labels[i : i + batch]) for i in range(64 if batch == 1 else 1)]
        steps = {variant: VARIANTS[variant](network, batches, options.device) for variant in installed}
        check_agreement(name, steps)
        times = timing.measure(
            steps,
            rounds=rounds if batch > 1 else 10 * rounds,
            seconds=0.002,  # short: on a busy machine, some runs then go without a pause
            device=options.device,
        )
        best = {variant: t.best for variant, t in times.items()}
        cells = [duration(best[variant]) if variant in best else "-" for variant in VARIANTS]
        for variant, other in itertools.product(("modules", "captured"), ("torch", "numpy")):
            cells.append(f"{best[variant] / best[other]:.2f}" if other in best else "-")
        rows.append([f"{name} ({batch:,})" if batch > 1 else name, *cells])
        report[name] = {"batch": batch, **{v: {"best": t.best, "median": t.median} for v, t in times.items()}}
    print(f"\ntraining step, best of {rounds} rounds, of {10 * rounds} for batch 1")
    print("(to reach with kth's: modules 0.5, captured 0.25 of PyTorch's time)\n")
    head = ["", *VARIANTS, "modules / torch", "modules / numpy", "captured / torch", "captured / numpy"]
    print(timing.table(head, rows), flush=True)
    return report


def duration(seconds: float) -> str:
    """Microseconds below one millisecond, else milliseconds.

    >>> duration(3.21e-5), duration(0.0612)
    ('32.1 us', '61.2 ms')
    """
    return f"{seconds * 1e6:.1f} us" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"


if __name__ == "__main__":
    parser = timing.options_parser(sys.modules[__name__].__doc__ or "")
    parser.add_argument("--full", action="store_true", help="biswas with all 60,000 examples")
    parser.add_argument("--batch", type=int, help="examples in the batches of wang and biswas")
    timing.run_for_each_thread_count("benchmarks.step", parser.parse_args(), benchmark)
