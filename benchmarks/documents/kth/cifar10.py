"""Figure 14: 3072-200-10 on CIFAR-10, in several readings of what the text leaves open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..report import Report, agreement
from .equations import Array, Parameters, sigmoid

PUBLISHED = 41.94
ALONE, IN_BATCHES = (0.01, 0.6), (0.07, 0.6)
"""lr and momentum with batch 1, for 10 epochs, and with batch 50 afterwards."""


def train_in_blocks(
    p: Parameters, G: Parameters, X: Array, Y: Array, lr: float, beta: float, cost: str = "squares", size: int = 50
) -> None:
    """Steps (12) to (17) for one example (row of X, Y) after the other, in blocks: the same numbers but for rounding.

    3072-200-10 has 614,400 weights in its first layer, and a step with one example reads and writes all of them several
    times. But W only changes by g^T x^T, so within a block of steps s = 1, 2, ... that begins with W and G,

        W_t x = W x - lr (c_t G x + sum over s <= t of k_(t-s) g_s^T (x_s . x)),
        c_t = beta + ... + beta^t,   k_i = 1 + beta + ... + beta^i.

    W x, G x and x_s . x of a whole block are matrix products, and so is the change of W and G at its end. `p` and `G`
    (W1, b1, W2, b2 with biases as vectors) are overwritten; two layers of sigmoids.
    """
    powers = beta ** np.arange(size + 1, dtype=p["W1"].dtype)
    k = np.cumsum(powers)  # k[i] = 1 + ... + beta^i
    for begin in range(0, len(X), size):
        x, y = X[begin : begin + size], Y[begin : begin + size]
        n = len(x)
        z = x @ p["W1"].T + p["b1"]
        z_G = x @ G["W1"].T + G["b1"]
        inner = x @ x.T + 1  # + 1: the bias, a weight whose input is 1
        g1 = np.empty_like(z)
        for t in range(n):
            z_t = z[t] - lr * (k[t] - 1) * z_G[t]
            if t:
                z_t = z_t - lr * ((inner[t, :t] * k[t - 1 :: -1][:t]) @ g1[:t])
            a = sigmoid(z_t)
            output = sigmoid(p["W2"] @ a + p["b2"])
            g2 = output - y[t]
            if cost == "squares":
                g2 = g2 * (output * (1 - output))
            g1[t] = (g2 @ p["W2"]) * (a * (1 - a))
            G["W2"] *= beta
            G["W2"] += g2[:, None] * a
            G["b2"] = beta * G["b2"] + g2
            p["W2"] -= lr * G["W2"]
            p["b2"] -= lr * G["b2"]
        weighted, discounted = g1 * k[n - 1 :: -1, None][:n], g1 * powers[n - 1 :: -1, None][:n]
        p["W1"] -= lr * (weighted.T @ x + (k[n] - 1) * G["W1"])
        p["b1"] -= lr * (weighted.sum(0) + (k[n] - 1) * G["b1"])
        G["W1"] = powers[n] * G["W1"] + discounted.T @ x
        G["b1"] = powers[n] * G["b1"] + discounted.sum(0)


def train_in_batches(
    p: Parameters, G: Parameters, X: Array, Y: Array, lr: float, beta: float, cost: str = "squares", size: int = 50
) -> None:
    """One epoch of (16) to (18) with batches of `size` rows; `p` and `G` as for `train_in_blocks`."""
    for begin in range(0, len(X), size):
        x, y = X[begin : begin + size], Y[begin : begin + size]
        a = sigmoid(x @ p["W1"].T + p["b1"])
        output = sigmoid(a @ p["W2"].T + p["b2"])
        g2 = (output - y) / len(x)
        if cost == "squares":
            g2 *= output * (1 - output)
        g1 = (g2 @ p["W2"]) * (a * (1 - a))
        for name, gradient in {"W1": g1.T @ x, "b1": g1.sum(0), "W2": g2.T @ a, "b2": g2.sum(0)}.items():
            G[name] *= beta
            G[name] += gradient
            p[name] -= lr * G[name]


COSTS = {"squares": "1/2 sum (p - y)^2", "cross-entropy": "cross-entropy (11)"}
WEIGHTS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Array]] = {
    "N(0, 1)": lambda random, shape: random.standard_normal(shape),
    "0.3 N(0, 1)": lambda random, shape: 0.3 * random.standard_normal(shape),
    "U[-1, 1)": lambda random, shape: random.uniform(-1, 1, shape),
}


@dataclass(frozen=True)
class Reading:
    """What figure 14's text leaves open: initial weights and biases, the cost, how many epochs with batch 50."""

    weights: str
    cost: str
    epochs: int
    """With batch 50, after 10 with batch 1."""
    seeds: tuple[int, ...] = (0,)

    def __str__(self) -> str:
        return f"{self.weights}, {COSTS[self.cost]}"


READINGS = (
    Reading("N(0, 1)", "squares", 45), Reading("N(0, 1)", "cross-entropy", 90, seeds=(0, 1, 2)),
    Reading("U[-1, 1)", "squares", 25), Reading("0.3 N(0, 1)", "squares", 15))


class CIFAR:
    """The images in float32."""

    def __init__(self, report: Report) -> None:
        training, test = report.images(True, "cifar10"), report.images(False, "cifar10")
        if report.quick:
            training, test = training.first(150), test.first(100)
        self.x, self.classes = training.pixels.astype(np.float32), training.classes
        self.x_test, self.test_classes = test.pixels.astype(np.float32), test.classes

    def train(self, reading: Reading, seed: int, alone: int, in_batches: int) -> dict[str, list[float]]:
        """The accuracies of the "test" and the "training" images after each epoch."""
        random = np.random.default_rng(seed)
        shapes = {"W1": (200, self.x.shape[1]), "b1": (200,), "W2": (10, 200), "b2": (10,)}
        p = {name: WEIGHTS[reading.weights](random, shape).astype(np.float32) for name, shape in shapes.items()}
        G = {name: np.zeros_like(value) for name, value in p.items()}
        y = np.eye(10, dtype=np.float32)[self.classes]
        found: dict[str, list[float]] = {"test": [], "training": []}
        for epoch in range(alone + in_batches):
            order = random.permutation(len(self.x))
            run_epoch, setting = (train_in_blocks, ALONE) if epoch < alone else (train_in_batches, IN_BATCHES)
            run_epoch(p, G, self.x[order], y[order], *setting, reading.cost)
            for name, x, classes in (("test", self.x_test, self.test_classes), ("training", self.x, self.classes)):
                scores = sigmoid(x @ p["W1"].T + p["b1"]) @ p["W2"].T + p["b2"]
                found[name].append(round(float(100 * (scores.argmax(1) == classes).mean()), 2))
        return found


def cifar10(report: Report) -> dict[str, dict[str, list[float]]]:
    """Figure 14 in several readings of what its text leaves open: what `CIFAR.train` returns, for each and each seed.

    NumPy on the CPU, wherever the report's other networks are.
    """
    images, curves = CIFAR(report), {}
    for reading in READINGS:
        alone, in_batches = (1, 1) if report.quick else (10, reading.epochs)
        bests, at, before, trained = [], [], [], []
        seeds = reading.seeds[:1] if report.quick else reading.seeds
        for seed in seeds:
            found = curves[f"{reading}, seed {seed}"] = images.train(reading, seed, alone, in_batches)
            best = int(np.argmax(found["test"]))
            bests.append(found["test"][best])
            at.append(str(best + 1))
            before.append(f"{found['test'][alone - 1]:.2f}")
            trained.append(f"{found['training'][best]:.2f}")
        report.find("figure 14, CIFAR-10", f"best {PUBLISHED}",
                    f"{reading}, {alone} + {in_batches} epochs, "
                    f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}",
                    f"best {', '.join(f'{best:.2f}' for best in bests)} after epochs {', '.join(at)} (training images "
                    f"{', '.join(trained)}); after batch 1 {', '.join(before)}", agreement(PUBLISHED, bests, 0.5))
    report.series["accuracies, figure 14"] = curves
    return curves
