"""Figure 14: 3072-200-10 on CIFAR-10, in several readings of what the text leaves open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..report import Report, agreement
from .equations import Array, Parameters, sigmoid

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
        z_G = x @ G["W1"].T + G["b1"] if beta else np.zeros_like(z)
        inner = x @ x.T + 1  # + 1: the bias, a weight whose input is 1
        g1 = np.empty_like(z)
        for t in range(n):
            z_t = z[t] - lr * (k[t] - 1) * z_G[t] if beta else z[t]
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
        G["W1"] = powers[n] * G["W1"] + discounted.T @ x if beta else G["W1"]
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


@dataclass(frozen=True)
class Reading:
    """What figure 14's text leaves open: the scale of the initial weights, the cost, how many epochs."""

    scale: float
    cost: str
    epochs: tuple[int, int]
    """With batch 1, lr 0.01, then with batch 50, lr 0.07; the report does not say how many."""

    def __str__(self) -> str:
        name = {"squares": "1/2 sum (p - y)^2", "cross-entropy": "cross-entropy (11)"}[self.cost]
        return f"{'N(0, 1)' if self.scale == 1 else f'{self.scale:g} N(0, 1)'}, {name}"


READINGS = (
    Reading(1, "squares", (3, 1)), Reading(1, "cross-entropy", (10, 45)), Reading(0.3, "squares", (10, 15)))


def cifar10(report: Report) -> dict[str, dict[str, list[float]]]:
    """Figure 14 in several readings of what its text leaves open; "test" and "training" accuracies after each epoch.

    NumPy on the CPU, wherever the report's other networks are.
    """
    training, test = report.images(True, "cifar10"), report.images(False, "cifar10")
    if report.quick:
        training, test = training.first(150), test.first(100)
    X, Y = training.pixels.astype(np.float32), np.eye(10, dtype=np.float32)[training.classes]
    X_test, test_classes, classes = test.pixels.astype(np.float32), test.classes, training.classes
    del training, test  # 1.5 GB of float64
    curves: dict[str, dict[str, list[float]]] = {}
    for reading in READINGS:
        epochs = (1, 1) if report.quick else reading.epochs
        random = np.random.default_rng(0)
        p = {"W1": random.standard_normal((200, X.shape[1])), "b1": random.standard_normal(200),
             "W2": random.standard_normal((10, 200)), "b2": random.standard_normal(10)}
        p = {name: (reading.scale * value).astype(np.float32) for name, value in p.items()}
        G = {name: np.zeros_like(value) for name, value in p.items()}
        curves[str(reading)] = {"test": [], "training": []}
        for epoch in range(sum(epochs)):
            order = random.permutation(len(X))
            alone = epoch < epochs[0]
            run_epoch = train_in_blocks if alone else train_in_batches
            run_epoch(p, G, X[order], Y[order], *(ALONE if alone else IN_BATCHES), reading.cost)
            for name, x, y in (("test", X_test, test_classes), ("training", X, classes)):
                scores = sigmoid(x @ p["W1"].T + p["b1"]) @ p["W2"].T + p["b2"]
                curves[str(reading)][name].append(round(float(100 * (scores.argmax(1) == y).mean()), 2))
        accuracies, trained = curves[str(reading)].values()
        best = int(np.argmax(accuracies))
        report.find("figure 14, CIFAR-10", "41.94", f"{reading}, {epochs[0]} + {epochs[1]} epochs",
                    f"best {accuracies[best]:.2f} after epoch {best + 1} (training images {trained[best]:.2f}); "
                    f"{accuracies[epochs[0] - 1]:.2f} after batch 1", agreement(41.94, [accuracies[best]], 0.5))
    report.series["accuracies, figure 14"] = curves
    return curves
