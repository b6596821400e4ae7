"""kth: a 784-32-10 network of sigmoids, one example at a time; learning rates, momentum, batch sizes, then CIFAR-10.

Sundström, Raittila: *Building a deep neural network from scratch*, KTH, TRITA-EECS-EX-2023:178. One example is a column
x (784, 1); z and a are columns, the gradients g of the cost J are rows ("numerator layout").

    z(l) = W(l) a(l-1) + b(l)   a(l) = sigma(z(l))   p = a(L)   g(l) = dJ/dz(l)

What the report leaves open or contradicts, and what this module shows:

- The cost is not named: (11) is an example, figure 10 shows a mean square error. J = 1/2 sum (p - y)^2 with weights and
  biases from N(0, 1) and examples in a new order in each epoch gives its MNIST figures.
- (12) and (13) multiply a row by a column element by element, (7) cannot be multiplied, the limits of the sum of (18)
  give batches of 1, n + 1, 2n + 1, ... examples: `tests/test_documents_kth.py` proves each.
- Is it the batch size or the learning rate? The square-root rule leaves batch 50 with a seventh of the progress per
  example; the paper that the report takes the rule from found the linear rule to work better. Both are run.
- Why does the accuracy jump within one epoch? The recall of each class is recorded: it is one class that wakes up.
"""

from __future__ import annotations

import copy
import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import tinygrad_lite as tg
from benchmarks import timing
from tinygrad_lite import nn

from .report import Images, Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array: TypeAlias = NDArray[Any]
Parameters: TypeAlias = dict[str, Array]
Step: TypeAlias = Callable[[Any, Any], Any]

DATASETS = ("mnist", "cifar10")
SLOPE = 0.25
"""The a of PReLU (9); the report gives no value, this is PyTorch's first."""


# --- the report's equations, in its notation ----------------------------------------------------------------------


def neuron(w: Array, x: Array, b: float) -> tuple[float, float]:
    """(1) to (4): z = w x + b of one neuron, with its weights as a row and x as a column, and a = sigma(z)."""
    z = (w @ x).item() + b
    return z, float(sigmoid(np.array(z)))


def layer(W: Array, a: Array, b: Array) -> Array:
    """(5), and what (7) means: z(l) = W(l) a(l-1) + b(l), for a column a(l-1)."""
    z: Array = W @ a + b
    return z


def relu(x: Array) -> Array:
    """(8)"""
    return np.maximum(x, 0)


def prelu(x: Array) -> Array:
    """(9), with a = `SLOPE`."""
    return np.where(x < 0, SLOPE * x, x)


def sigmoid(x: Array) -> Array:
    """(10); where e^-x overflows, 1 / inf is the right 0."""
    with np.errstate(over="ignore"):
        y: Array = 1 / (1 + np.exp(-x))
    return y


# name -> (sigma, sigma'), each a function of z
ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "relu": (relu, lambda z: (z > 0).astype(z.dtype)),
    "prelu": (prelu, lambda z: np.where(z < 0, SLOPE, 1.0)),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
}


def squares(p: Array, y: Array) -> tuple[float, Array]:
    """J = 1/2 sum (p - y)^2, which the report does not print, and the row dJ/dp."""
    return float(0.5 * np.sum((p - y) ** 2)), (p - y).T


def cross_entropy(p: Array, y: Array) -> tuple[float, Array]:
    """(11), summed over the outputs, and the row dJ/dp."""
    return float(-np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))), ((p - y) / (p * (1 - p))).T


COSTS = {"squares": squares, "cross-entropy": cross_entropy}


def output_gradient(dJ_dp: Array, slope: Array) -> Array:
    """(12): g(L) = dJ/dp * sigma'(z(L)), with the transposition that it needs: dJ/dp is a row, sigma'(z) a column."""
    return dJ_dp * slope.T


def hidden_gradient(g_next: Array, W_next: Array, slope: Array) -> Array:
    """(13): g(l) = (g(l+1) W(l+1)) * sigma'(z(l)), with the same transposition."""
    g: Array = (g_next @ W_next) * slope.T
    return g


def weight_gradient(g: Array, a: Array) -> Array:
    """(14): the gradient of J with respect to W(l) is g(l)^T a(l-1)^T."""
    return g.T @ a.T


def bias_gradient(g: Array) -> Array:
    """(15): the gradient of J with respect to b(l) is g(l)^T."""
    return g.T


def momentum(G: Array, gradient: Array, beta: float) -> Array:
    """(16): G(k) = beta G(k-1) + gradient(k)."""
    return beta * G + gradient


def update(W: Array, G: Array, lr: float) -> Array:
    """(17): W(k+1) = W(k) - lambda G(k)."""
    return W - lr * G


def batch(number: int, n: int) -> range:
    """The examples of batch l = `number` of n, which (18) should sum over: l n, ..., (l+1) n - 1."""
    return range(number * n, (number + 1) * n)


def batch_as_printed(number: int, n: int) -> range:
    """The same as (18) has it, from i = n to (l+1) n inclusive: 1, n + 1, 2n + 1, ... examples, always from n on."""
    return range(n, (number + 1) * n + 1)


def batch_mean(gradients: Mapping[int, Parameters], examples: Sequence[int], n: int) -> Parameters:
    """(18): 1/n times the sum of the gradients of these examples."""
    names = gradients[examples[0]]
    return {name: sum((gradients[i][name] for i in examples), np.zeros(())) / n for name in names}


def hand_derived_gradients(
    x: Array, y: Array, parameters: Parameters, activations: Sequence[str] = ("sigmoid", "sigmoid"),
    cost: str = "squares"
) -> tuple[float, Parameters]:
    """J and the gradients W1, b1, g1, ... of one example: (5) and (6) forward, (12) to (15) backward."""
    a, z = [x], []
    for k, name in enumerate(activations, 1):
        z.append(layer(parameters[f"W{k}"], a[-1], parameters[f"b{k}"]))
        a.append(ACTIVATIONS[name][0](z[-1]))
    J, dJ_dp = COSTS[cost](a[-1], y)
    gradients: Parameters = {}
    g = dJ_dp
    for k in range(len(z), 0, -1):
        slope = ACTIVATIONS[activations[k - 1]][1](z[k - 1])
        g = output_gradient(dJ_dp, slope) if k == len(z) else hidden_gradient(g, parameters[f"W{k + 1}"], slope)
        gradients |= {f"W{k}": weight_gradient(g, a[k - 1]), f"b{k}": bias_gradient(g), f"g{k}": g}
    return J, gradients


# --- the same with derived gradients ------------------------------------------------------------------------------


def loss(
    x: Any, y: Any, parameters: Mapping[str, Any], activations: Sequence[str] = ("sigmoid", "sigmoid"),
    cost: str = "squares"
) -> tuple[Any, list[Any]]:
    """The mean of J over the columns of x, and z(1), ..., z(L); all Tensors."""
    functions: dict[str, Callable[[Any], Any]] = {
        "relu": tg.relu, "sigmoid": tg.sigmoid, "prelu": lambda z: tg.where(z < 0, SLOPE * z, z)}
    a, z = x, []
    for k, name in enumerate(activations, 1):
        z.append(parameters[f"W{k}"] @ a + parameters[f"b{k}"])
        a = functions[name](z[-1])
    if cost == "squares":
        J = 0.5 * ((a - y) ** 2).sum()
    else:
        J = -(y * tg.log(a) + (1 - y) * tg.log(1 - a)).sum()
    return J / x.shape[1], z


def derived_gradients(
    x: Array, y: Array, parameters: Parameters, activations: Sequence[str] = ("sigmoid", "sigmoid"),
    cost: str = "squares", device: str = "cpu"
) -> tuple[float, Parameters]:
    """J and the gradients W1, b1, g1, ... of `loss`, derived by the library; g as rows, as the report has them."""
    tensors = {name: tg.tensor(value, requires_grad=True, device=device) for name, value in parameters.items()}
    J, z = loss(tg.tensor(x, device=device), tg.tensor(y, device=device), tensors, activations, cost)
    wanted = {**tensors, **{f"g{k}": value for k, value in enumerate(z, 1)}}
    gradients = tg.autograd.grad(J, list(wanted.values()))
    arrays = {name: g.to("cpu").numpy() for name, g in zip(wanted, gradients, strict=True)}
    return J.item(), {name: g.T if name.startswith("g") else g for name, g in arrays.items()}


# --- CIFAR-10: the same steps, many at a time ---------------------------------------------------------------------


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


# --- MNIST: training with the library -----------------------------------------------------------------------------


def network(seed: int, sizes: Sequence[int], device: str = "cpu") -> nn.Sequential:
    """Layers of sigmoids in float32, all weights and biases from N(0, 1)."""
    random = np.random.default_rng(seed)
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.Sigmoid()]
    model = nn.Sequential(*layers)
    with tg.no_grad():
        for parameter in model.parameters():
            parameter.copy_(tg.tensor(random.standard_normal(parameter.shape), dtype=tg.float32))
    return model.to(device)


@dataclass(frozen=True)
class Setting:
    """The hyper-parameters of a simulation."""

    lr: float = 0.1
    momentum: float = 0.0
    batch: int = 1
    cost: str = "squares"

    def __str__(self) -> str:
        text = f"lr {self.lr:g}, batch {self.batch}"
        text += f", momentum {self.momentum:g}" if self.momentum else ""
        return text + (", cross-entropy" if self.cost == "cross-entropy" else "")


def make_step(model: nn.Sequential, setting: Setting) -> Step:
    """One step of (16) to (18) on rows x and y, as a user of the library writes it; returns the mean of J."""
    optimizer = tg.optim.SGD(model.parameters(), lr=setting.lr, momentum=setting.momentum)

    def step(x: Any, y: Any) -> Any:
        if setting.cost == "squares":
            J = 0.5 * ((model(x) - y) ** 2).sum() / len(x)
        else:  # (11) from z(L): exact where p is 0 or 1 in float32
            J = nn.functional.binary_cross_entropy_with_logits(model[:-1](x), y, reduction="sum") / len(x)
        optimizer.zero_grad()
        J.backward()
        optimizer.step()
        return J.detach()

    return step


class Data:
    """Training and test images on a device, the training images as the steps want them."""

    def __init__(self, train: Images, test: Images, device: str = "cpu") -> None:
        def place(x: Array) -> Any:
            return tg.tensor(x, device=device).array

        self.train, self.test, self.device = train, test, device
        self.x, self.y = place(train.pixels.astype(np.float32)), place(np.eye(10, dtype=np.float32)[train.classes])
        self.x_test = place(test.pixels.astype(np.float32))

    def outputs(self, model: nn.Module, train: bool = False) -> Array:
        """p (N, 10) of all test images, or of all training images."""
        with tg.no_grad():
            p: Array = model(tg.as_tensor(self.x if train else self.x_test)).to("cpu").numpy()
        return p

    def accuracy(self, model: nn.Module, train: bool = False) -> float:
        """How many of the images are classified correctly, in per cent."""
        classes = (self.train if train else self.test).classes
        return float(100 * (self.outputs(model, train).argmax(1) == classes).mean())

    def recalls(self, model: nn.Module) -> list[float]:
        """The same for the test images of each class."""
        right = self.outputs(model).argmax(1) == self.test.classes
        return [round(float(100 * right[self.test.classes == c].mean()), 2) for c in range(10)]

    def error(self, model: nn.Module) -> float:
        """The mean square error of the training images: the mean of (p - y)^2 over all outputs."""
        return float(((self.outputs(model, train=True) - self.y) ** 2).mean())

    def epoch(self, step: Step, size: int, random: np.random.Generator) -> None:
        """A step for each batch of the training images, in a new order."""
        order = random.permutation(len(self.x))
        if size == 1:
            for i in order.tolist():
                step(self.x[i : i + 1], self.y[i : i + 1])
        else:
            for begin in range(0, len(order), size):
                rows = order[begin : begin + size]
                step(self.x[rows], self.y[rows])


@dataclass
class Run:
    """A simulation: what was measured after each epoch, and the networks that were asked for.

    Accuracies and recalls are those of the test images, but for `train_accuracies`.
    """

    accuracies: list[float]
    train_accuracies: list[float]
    recalls: list[list[float]]
    seconds: list[float]
    kept: dict[int, nn.Sequential]

    @property
    def best(self) -> tuple[float, int]:
        """The best accuracy and its epoch, counted from 1."""
        best = max(self.accuracies)
        return best, self.accuracies.index(best) + 1


def train(
    data: Data, model: nn.Sequential, setting: Setting, epochs: int, seed: int, keep: Sequence[int] = ()
) -> Run:
    """Train `model` in place with captured steps; G = 0 at the beginning."""
    random = np.random.default_rng([seed, 1])
    step = tg.capture(make_step(model, setting))
    run = Run([], [], [], [], {})
    for epoch in range(1, epochs + 1):
        begun = time.perf_counter()
        data.epoch(step, setting.batch, random)
        run.seconds.append(round(time.perf_counter() - begun, 2))
        run.accuracies.append(round(data.accuracy(model), 2))
        run.train_accuracies.append(round(data.accuracy(model, train=True), 2))
        run.recalls.append(data.recalls(model))
        if epoch in keep:
            run.kept[epoch] = copy.deepcopy(model)
    print(f"    {setting}, seed {seed}: best %.2f after epoch %d, {sum(run.seconds):.0f} s" % run.best, flush=True)
    return run


# --- the experiments ----------------------------------------------------------------------------------------------

SIZES = (784, 32, 10)
EPOCHS, SWITCH = 35, 25
SQRT = {10: 0.316, 50: 0.71}
"""Batch size -> learning rate by the square-root rule, from 0.1 for batch 1, as the report rounds it."""
AWAKE = 5
"""Most of the outputs work after so many epochs; only later gains count as sudden jumps."""


@dataclass
class Simulations:
    """The networks for MNIST and how long they are trained."""

    data: Data
    report: Report
    epochs: int
    switch: int
    seeds: int

    def run(self, setting: Setting, seed: int = 0, keep: Sequence[int] = (), epochs: int | None = None) -> Run:
        """From the initial weights of this seed, the same for all settings."""
        return train(self.data, network(seed, SIZES, self.data.device), setting, epochs or self.epochs, seed, keep)

    def resume(self, model: nn.Sequential, setting: Setting, seed: int = 0) -> Run:
        """From a copy of `model`, for the epochs that are left after the switch; it is kept at the last."""
        epochs = self.epochs - self.switch
        return train(self.data, copy.deepcopy(model), setting, epochs, seed + 100, keep=[epochs])


def run(report: Report) -> int:
    """All figures of the report; 0 if the equations agree and, on MNIST, the order of the batch sizes."""
    if report.pictures is not None:
        importlib.import_module("tinygrad_lite.pictures")  # if matplotlib is missing: now, not after half an hour
    training, test = report.images(True), report.images(False)
    if report.quick:
        training, test = training.first(200), test.first(100)
        print("kth on the embedded digits, a few steps each: nothing published can be compared with these figures\n")
    data = Data(training, test, report.device)
    simulations = Simulations(data, report, *((3, 2, 2) if report.quick else (EPOCHS, SWITCH, 3)))
    agree = check_equations(report, training)
    with report.timed("time per step"):
        time_per_step(report, data)
    with report.timed("figures 8 and 9"):
        every = learning_rates_and_momentum(simulations)
        runs = {name: of_seeds[0] for name, of_seeds in every.items()}
        plain = runs["lr 0.1"]
    with report.timed("figure 10"):
        error_of_batches(report, data, plain.kept[1])
    with report.timed("figure 11"):
        sizes, ordered = batch_sizes(simulations, every["lr 0.1"])
    with report.timed("figure 12"):
        combined, models = combination(simulations, every["momentum 0.8"])
    with report.timed("the jump"):
        others = range(simulations.seeds, 3 if report.quick else 8)
        large = [*sizes["batch 50, lr 0.71"], *(simulations.run(Setting(0.71, batch=50), seed) for seed in others)]
        jumps = sudden_jumps(simulations, every["lr 0.01"], large)
    with report.timed("wrong images"):
        wrong = wrong_images(report, data, models)
    with report.timed("CIFAR-10"):
        readings = cifar10(report)
    if report.pictures is not None:
        with report.timed("pictures"):
            first_sizes = {name: of_seeds[0] for name, of_seeds in sizes.items()}
            report.picture("curves", draw_curves(runs, first_sizes, combined))
            report.picture("batches", draw_errors(report.series["figure 10"]))
            report.picture("jump", draw_jumps(jumps))
            report.picture("descent", draw_descent(data, [plain.kept[epoch] for epoch in sorted(plain.kept)]))
            report.picture("wrong", draw_wrong(data, *wrong))
            report.picture("cifar10", draw_readings(readings))
    return int(not (agree and (report.quick or ordered)))


def check_equations(report: Report, images: Images) -> bool:
    """(3) to (15) on real images, with the initial weights; every parameter and pre-activation, in float64."""
    worst = 0.0
    parameters = numpy_parameters(network(0, SIZES))
    parameters = {name: value.astype(np.float64) for name, value in parameters.items()}
    for i in range(10):
        x, y = images.pixels[i][:, None], np.eye(10)[:, images.classes[i : i + 1]]
        _, by_hand = hand_derived_gradients(x, y, parameters)
        _, derived = derived_gradients(x, y, parameters, device=report.device)
        worst = max(worst, *(np.abs(derived[name] - g).max() / np.abs(g).max() for name, g in by_hand.items()))
    report.find("equations (3)-(6), (10), (12)-(15)", "gradients derived by hand", "(12), (13) with sigma'(z) as a row",
                f"largest relative difference {worst:.1e}", "right" if worst <= 1e-10 else "WRONG",
                any_images=True)
    return bool(worst <= 1e-10)


def numpy_parameters(model: nn.Sequential) -> Parameters:
    """W1, b1, ... with biases as columns, copied."""
    arrays = [parameter.detach().to("cpu").numpy().copy() for parameter in model.parameters()]
    return {f"{'Wb'[i % 2]}{i // 2 + 1}": a if a.ndim == 2 else a[:, None] for i, a in enumerate(arrays)}


def time_per_step(report: Report, data: Data) -> None:
    """What the hyper-parameters cost: the report's conclusion asks for it. Seconds per epoch of 60,000 images."""
    rows: dict[str, dict[str, float]] = {}
    for size in (1, 10, 50):
        for beta in (0.0, 0.8):
            x, y = data.x[:size], data.y[:size]
            setting = Setting(0.1, beta, size)
            steps: dict[str, Step] = {
                "eager": make_step(network(0, SIZES, data.device), setting),
                "captured": tg.capture(make_step(network(0, SIZES, data.device), setting))}
            calls: dict[str, Callable[[], Any]] = {name: partial(step, x, y) for name, step in steps.items()}
            if size == 1:
                calls["NumPy by hand"] = numpy_step(data, beta)
            times = timing.measure(calls, rounds=3 if report.quick else 40, seconds=0.005, device=data.device)
            rows[f"batch {size}, momentum {beta:g}"] = {name: t.best for name, t in times.items()}
    report.series["seconds per step"] = rows
    report.series["seconds per epoch of 60,000 images"] = {
        name: {who: round(t * 60_000 / int(name.split(",")[0].split()[1]), 2) for who, t in times.items()}
        for name, times in rows.items()}
    one = rows["batch 1, momentum 0"]
    report.find("a step with one example", "-", "784-32-10, float32: eager, captured, NumPy by hand",
                ", ".join(f"{1e6 * one[who]:.0f}" for who in ("eager", "captured", "NumPy by hand")) + " us",
                f"capture gains a factor of {one['eager'] / one['captured']:.1f}",
                any_images=True)
    epochs = report.series["seconds per epoch of 60,000 images"]
    added = rows["batch 1, momentum 0.8"]["captured"] / one["captured"] - 1
    report.find("time per epoch against hyper-parameters", "left open", "captured; batch 1, 10, 50; momentum 0 / 0.8",
                ", ".join(f"{epochs[f'batch {n}, momentum 0']['captured']:.2f} / "
                          f"{epochs[f'batch {n}, momentum 0.8']['captured']:.2f} s" for n in (1, 10, 50)),
                f"the batch size decides; momentum adds {added:.0%} to batch 1",
                any_images=True)


def numpy_step(data: Data, beta: float) -> Callable[[], None]:
    """(5), (6), (10), (12) to (17) with columns, for one example."""
    parameters = numpy_parameters(network(0, SIZES))
    G = {name: np.zeros_like(value) for name, value in parameters.items()}
    x, y = data.train.pixels[:1].T.astype(np.float32), np.eye(10, dtype=np.float32)[:, data.train.classes[:1]]

    def step() -> None:
        _, gradients = hand_derived_gradients(x, y, parameters)
        for name in parameters:
            G[name] = momentum(G[name], gradients[name], beta) if beta else gradients[name]
            parameters[name] = update(parameters[name], G[name], 0.1)

    return step


def spread(values: Sequence[float]) -> str:
    """Mean, smallest and largest.

    >>> spread([95.1, 95.4, 95.2])
    '95.23 (95.10 to 95.40)'
    """
    return f"{np.mean(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def learning_rates_and_momentum(simulations: Simulations) -> dict[str, list[Run]]:
    """Figures 8 and 9, and what momentum 0.8 amounts to: the learning rate lambda / (1 - beta) = 0.5; of each seed."""
    report, epochs = simulations.report, simulations.epochs
    seeds = range(simulations.seeds)
    settings = {"lr 0.1": Setting(), "lr 0.01": Setting(0.01), "lr 1": Setting(1.0), "lr 5": Setting(5.0),
                "momentum 0.4": Setting(momentum=0.4), "momentum 0.8": Setting(momentum=0.8), "lr 0.5": Setting(0.5)}
    # The way of the first network is drawn; the second column of figure 12 goes on from momentum 0.8.
    keep = {"lr 0.1": range(1, epochs + 1), "momentum 0.8": [simulations.switch]}
    runs = {name: [simulations.run(setting, seed, keep.get(name, ())) for seed in seeds]
            for name, setting in settings.items()}
    report.series["test accuracy, figures 8 and 9"] = {
        name: [run.accuracies for run in of_seeds] for name, of_seeds in runs.items()}
    bests = {name: [run.best[0] for run in of_seeds] for name, of_seeds in runs.items()}
    first_epoch = {name: [run.accuracies[0] for run in of_seeds] for name, of_seeds in runs.items()}

    report.find("figure 8, lr 0.1", "best 94.81, after epoch 32", f"{len(seeds)} seeds",
                f"{spread(bests['lr 0.1'])}, after epochs {', '.join(str(run.best[1]) for run in runs['lr 0.1'])}",
                agreement(94.81, bests["lr 0.1"]))
    cross = [simulations.run(Setting(lr, cost="cross-entropy")) for lr in (0.1, 1.0)]
    report.series["test accuracy, cross-entropy, lr 0.1 and 1"] = [run.accuracies for run in cross]
    report.find("figure 8 with (11) as the cost", "best 94.81; lr 1 over 90 after one epoch", "seed 0",
                f"best {cross[0].best[0]:.2f} after epoch {cross[0].best[1]}; lr 1: {cross[1].accuracies[0]:.2f}",
                f"squares: {bests['lr 0.1'][0]:.2f} and {first_epoch['lr 1'][0]:.2f}")
    more = [simulations.run(Setting(1.0), seed, epochs=1).accuracies[0] for seed in range(len(seeds), 6)]
    first = [*first_epoch["lr 1"], *more]
    report.find("figure 8, lr 1", "over 90 after one epoch", f"{len(first)} seeds", spread(first),
                "agrees in " + f"{sum(a > 90 for a in first)} of {len(first)}: it depends on the initial weights")
    ordered = all(max(bests[name]) < min(bests["lr 0.1"]) for name in ("lr 0.01", "lr 5"))
    report.find("figure 8, lr 0.01 and 5", "slow; poor, as if at random", f"best of the epochs, {len(seeds)} seeds",
                f"{spread(bests['lr 0.01'])} and {spread(bests['lr 5'])}", "agrees" if ordered else "disagrees")
    quick, slow = ([next((i for i, a in enumerate(run.accuracies, 1) if a > 93.3), epochs + 1) for run in runs[name]]
                   for name in ("momentum 0.4", "lr 0.1"))
    report.find("figure 9, momentum 0.4", "over 93.3 after 3 epochs, without momentum after 6", f"{len(seeds)} seeds",
                f"after {', '.join(map(str, quick))} and {', '.join(map(str, slow))}",
                "agrees in kind" if all(q < s for q, s in zip(quick, slow, strict=True)) else "not seen in all")
    report.find("figure 9, momentum 0.4 and lr 1", "behave alike in the beginning",
                "epoch 1, seed 0: momentum 0.4, lr 1, lr 0.1",
                ", ".join(f"{first_epoch[name][0]:.2f}" for name in ("momentum 0.4", "lr 1", "lr 0.1")),
                "lambda / (1 - beta) is 0.17, not 1")
    report.find("figure 9, momentum 0.8", "best 95.5, after epoch 30", f"{len(seeds)} seeds",
                spread(bests["momentum 0.8"]), agreement(95.5, bests["momentum 0.8"]))
    larger, heavy, small = (float(np.mean(bests[name])) for name in ("lr 0.5", "momentum 0.8", "lr 0.1"))
    report.find("figure 9, momentum 0.8", "a better minimum, perhaps escaped from a local one",
                f"lr 0.5 without momentum: the same lambda / (1 - beta), {len(seeds)} seeds",
                f"{spread(bests['lr 0.5'])} against {spread(bests['momentum 0.8'])}; lr 0.1: {spread(bests['lr 0.1'])}",
                "mostly the larger step" if larger - small > (heavy - small) / 2 else "more than the larger step")
    return runs


def agreement(published: float, values: Sequence[float], tolerance: float = 0.2) -> str:
    """Whether a published accuracy is within the spread of the seeds, or within `tolerance` of it."""
    if min(values) <= published <= max(values):
        return "agrees, within the seeds"
    gap = max(min(values) - published, published - max(values))
    side = "above" if published < min(values) else "below"
    return f"{'agrees nearly' if gap <= tolerance else 'DISAGREES'}: measured {gap:.2f} {side}"


def error_of_batches(report: Report, data: Data, model: nn.Sequential) -> None:
    """Figure 10: the mean square error of the training images during 100 steps, after one epoch with batch 1."""
    steps = 5 if report.quick else 100
    curves: dict[str, list[float]] = {}
    for size, lr in {1: 0.1, **SQRT}.items():
        after = copy.deepcopy(model)
        step = tg.capture(make_step(after, Setting(lr, batch=size)))
        order = np.random.default_rng(10).permutation(len(data.x))
        errors = [data.error(after)]
        for i in range(steps):
            rows = order[i * size % len(order) :][:size]
            step(data.x[rows], data.y[rows])
            errors.append(data.error(after))
        curves[f"batch {size}"] = [round(error, 6) for error in errors]
    report.series["figure 10"] = curves
    falls = [e[-1] - e[0] for e in curves.values()]
    report.find("figure 10, 100 steps", "batch 1 varies most and ends higher; 50 falls fastest",
                "MSE of all training images, change in per cent",
                ", ".join(f"{name} {100 * (e[-1] / e[0] - 1):+.1f}" for name, e in curves.items()),
                "agrees" if falls[0] > 0 and falls[2] < falls[1] else
                "the order agrees, batch 1 does not end higher here" if falls[2] < falls[1] < falls[0] else "disagrees")
    rough = {name: np.abs(np.diff(e)).sum() / max(abs(e[-1] - e[0]), 1e-9) for name, e in curves.items()}
    report.find("figure 10, smoothness", "larger is smoother", "length of the way over the distance",
                ", ".join(f"{name} {r:.1f}" for name, r in rough.items()),
                "agrees" if rough["batch 50"] < rough["batch 1"] else "disagrees")


def batch_sizes(simulations: Simulations, plain: list[Run]) -> tuple[dict[str, list[Run]], bool]:
    """Figure 11 with the square-root rule, and with the linear rule: learning rate 0.1 times the batch size."""
    report, seeds = simulations.report, range(simulations.seeds)
    runs = {"batch 1, lr 0.1": plain}
    for size, lr in SQRT.items():
        for each in (lr, 0.1 * size):
            runs[f"batch {size}, lr {each:g}"] = [simulations.run(Setting(each, batch=size), seed) for seed in seeds]
    report.series["test accuracy, figure 11"] = {
        name: [run.accuracies for run in of_seeds] for name, of_seeds in runs.items()}
    bests = {name: [run.best[0] for run in of_seeds] for name, of_seeds in runs.items()}
    root = [bests["batch 1, lr 0.1"], bests["batch 10, lr 0.316"], bests["batch 50, lr 0.71"]]
    ordered = all(one > ten > fifty for one, ten, fifty in zip(*root, strict=True))
    report.find("figure 11, square-root rule", "batch 1 > 10 > 50",
                f"best of the epochs, {len(seeds)} seeds, the same initial weights", ", ".join(map(spread, root)),
                "agrees in all" if ordered else "DISAGREES")
    linear = [bests["batch 10, lr 1"], bests["batch 50, lr 5"]]
    report.find("figure 11, batch size or learning rate?", "left open",
                "linear rule: batch 10 with lr 1, 50 with lr 5", " and ".join(map(spread, linear)),
                "the learning rate" if min(map(np.mean, linear)) > (np.mean(root[0]) + np.mean(root[2])) / 2
                else "the batch size")
    return runs, ordered


def combination(
    simulations: Simulations, before: Sequence[Run]
) -> tuple[dict[str, list[float]], list[nn.Sequential]]:
    """Figure 12: 25 epochs of batch 1 (`before`, of each seed), then batch 50; against batch 1 with the learning rate
    that this amounts to."""
    report, switch = simulations.report, simulations.switch
    first, start = before[0], before[0].kept[switch]
    then = [simulations.resume(run.kept[switch], Setting(0.71, 0.8, 50), seed) for seed, run in enumerate(before)]
    curves = {"batch 1, lr 0.1": first.accuracies, "batch 50, lr 0.71": then[0].accuracies}
    bests = [run.best[0] for run in then]
    report.find("figure 12, batch 50 from epoch 26 on", "best 95.75, after epoch 31", f"{len(then)} seeds",
                f"{spread(bests)}, after epochs {', '.join(str(switch + run.best[1]) for run in then)}",
                agreement(95.75, bests))
    gains = [after.accuracies[0] - run.accuracies[switch - 1] for after, run in zip(then, before, strict=True)]
    report.find("figure 12, the epoch of the change", "+0.45", f"{len(gains)} seeds", spread(gains),
                agreement(0.45, gains))
    report.series["training accuracy, figure 12"] = [
        [*run.train_accuracies[:switch], *after.train_accuracies] for run, after in zip(before, then, strict=True)]
    trained = [after.train_accuracies[-1] - after.train_accuracies[0] for after in then]
    tested = [after.accuracies[-1] - after.best[0] for after in then]
    report.find("figure 12, overfitting after epoch 32", "training accuracy goes on rising, test accuracy falls",
                "from epoch 26 to 35; from the best epoch to 35",
                f"training {', '.join(f'{gain:+.2f}' for gain in trained)}; "
                f"test {', '.join(f'{gain:+.2f}' for gain in tested)}",
                "agrees" if min(trained) > 0 > max(tested) else "not in all seeds")
    # batch 50 with lr 0.71 moves 0.71 / 50 per example
    for setting in (Setting(0.0142, 0.8), Setting(5.0, 0.8, 50)):
        curves[f"batch {setting.batch}, lr {setting.lr:g}"] = simulations.resume(start, setting).accuracies
    report.series["test accuracy, figure 12"] = curves
    one, lower, rule, high = (max(values[-(simulations.epochs - switch):]) for values in (
        curves[f"batch {n}, lr {lr}"] for n, lr in ((1, "0.1"), (1, "0.0142"), (50, "0.71"), (50, "5"))))
    report.find("figure 12, batch size or learning rate?", "left open",
                "lr per example 0.1: batch 1, batch 50 with lr 5; 0.0142: batch 1, batch 50 with lr 0.71",
                f"{one:.2f}, {high:.2f}; {lower:.2f}, {rule:.2f}",
                "the learning rate" if abs(lower - rule) < max(rule, lower) - max(one, high) else "not the rate alone")
    return curves, [run.kept[simulations.epochs - switch] for run in then]


def sudden_jumps(simulations: Simulations, slow: list[Run], large: list[Run]) -> dict[str, Run]:
    """Where the accuracy jumps late, in runs with lr 0.01 and with batch 50; then without the plateau."""
    report = simulations.report
    gains = {"lr 0.01": [largest_jump(run)[3] for run in slow], "batch 50": [largest_jump(run)[3] for run in large]}
    asleep = sum(min(run.recalls[-1]) < 10 for run in large)
    report.find("the sudden jump", "after epoch 10 with lr 0.01, and with large batches",
                f"largest gain of an epoch after the {AWAKE}th: lr 0.01, {len(slow)} seeds; batch 50, {len(large)}",
                "; ".join(", ".join(f"{gain:.2f}" for gain in each) for each in gains.values()),
                f"a matter of the initial weights; in {asleep} of {len(large)} a class is never read")
    slowly, seed = (int(np.argmax(each)) for each in gains.values())
    jumps = {f"lr 0.01, seed {slowly}": slow[slowly], f"batch 50, lr 0.71, seed {seed}": large[seed]}
    for name, run in jumps.items():
        epoch, c, share, gain = largest_jump(run)
        recalls = ", ".join(f"{r[c]:.1f}" for r in run.recalls[max(epoch - 2, 0) : epoch + 1])
        report.series[f"the jump, {name}"] = {"epoch": epoch + 1, "class": c, "accuracies": run.accuracies,
                                              "recalls of the class": [r[c] for r in run.recalls]}
        report.find(f"the jump, {name}", "left open", "recall of each class, epoch by epoch",
                    f"epoch {epoch + 1}: {gain:+.2f} points; class {c} alone {share * gain:+.2f} (recall {recalls})",
                    "one output wakes up" if gain > 2 and share > 0.5 else "no jump")
    c = largest_jump(large[seed])[1]
    cross = simulations.run(Setting(0.71, batch=50, cost="cross-entropy"), seed, epochs=min(5, simulations.epochs))
    report.find(f"the same weights (seed {seed}) with (11)", "-",
                "dJ/dz = p - y has no factor p (1 - p) that can vanish",
                f"recall of class {c} after epoch 1, 2, ...: {', '.join(f'{r[c]:.1f}' for r in cross.recalls)}",
                "awake at once" if cross.recalls[0][c] > 50 else "not at once")
    return jumps


def largest_jump(run: Run) -> tuple[int, int, float, float]:
    """The epoch (from 0) after `AWAKE` that gained most, the class that rose most in it, its share, and the gain."""
    begin = min(AWAKE, len(run.accuracies) - 1)
    gains = np.diff(run.accuracies)[begin - 1 :]
    epoch = int(gains.argmax()) + begin
    rises = np.subtract(run.recalls[epoch], run.recalls[epoch - 1])
    c = int(rises.argmax())
    gain = float(gains.max())
    return epoch, c, float(rises[c] / 10 / gain) if gain > 0 else 0.0, gain


def wrong_images(report: Report, data: Data, models: list[nn.Sequential]) -> tuple[Array, Array, Array, Array]:
    """Which test images the networks of figure 12 get wrong: indices (surest first), classes, outputs, neighbours."""
    outputs = [data.outputs(model) for model in models]
    classes = data.test.classes
    wrong = np.array([p.argmax(1) != classes for p in outputs])
    p, missed = outputs[0], np.flatnonzero(wrong[0])
    second = np.argsort(p[missed], axis=1)[:, -2] == classes[missed]
    unsure = [float((p[rows].max(1) < 0.5).mean()) for rows in (missed, np.flatnonzero(~wrong[0]))]
    nearest = neighbours(data, data.test.pixels[missed])
    alike, rightly = nearest == p[missed].argmax(1), (nearest == classes[missed]).mean()
    pairs = np.zeros((10, 10), int)
    np.add.at(pairs, (classes[missed], p[missed].argmax(1)), 1)
    worst = [divmod(int(i), 10) for i in np.argsort(-pairs.ravel(), kind="stable")[:5]]
    report.series["wrong images"] = {"indices": missed.tolist(), "confusion (true, predicted)": pairs.tolist()}
    report.find("which images are wrong", "left open", "most frequent: true as predicted",
                ", ".join(f"{t} as {q}: {pairs[t, q]}" for t, q in worst), f"{len(missed)} of {len(classes):,} images")
    chance = wrong.mean(1).prod()
    report.find("why: the image or the network?", "left open", f"wrong by all {len(models)} networks of other seeds",
                f"{wrong.all(0).sum()} images, {100 * wrong.all(0).sum() / len(missed):.0f} % of the wrong ones",
                f"by chance {chance * len(classes):.1f}: mostly the same hard images"
                if 2 * wrong.all(0).sum() > len(missed) else f"by chance {chance * len(classes):.1f}: partly the image")
    report.find("why: what the network says", "left open", "second largest output right; no output above 1/2",
                f"{second.mean():.0%}; {unsure[0]:.0%} of the wrong, {unsure[1]:.1%} of the right",
                "it often knows that it does not know" if unsure[0] > 5 * unsure[1] else "wrong and sure")
    report.find("why: what else could be read", "left open", "the nearest training image, pixel by pixel",
                f"has the right class in {rightly:.0%}, the network's in {alike.mean():.0%}",
                "the pixels say enough, 32 hidden units keep too little of it" if rightly > 0.5
                else "the images look like another class")
    order = np.argsort(-p[missed].max(1), kind="stable")
    return missed[order], classes[missed][order], p[missed][order], nearest[order]


def neighbours(data: Data, images: Array) -> Array:
    """The class of the training image with the smallest Euclidean distance to each image."""
    x = images.astype(np.float32)
    train = data.train.pixels.astype(np.float32)
    squares_of = (train**2).sum(1)
    return np.array([data.train.classes[(squares_of - 2 * (train @ image)).argmin()] for image in x], dtype=np.int64)


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


def cifar10(report: Report) -> dict[str, list[float]]:
    """Figure 14 in several readings of what its text leaves open; the test accuracy of each after each epoch."""
    training, test = report.images(True, "cifar10"), report.images(False, "cifar10")
    if report.quick:
        training, test = training.first(150), test.first(100)
    X, Y = training.pixels.astype(np.float32), np.eye(10, dtype=np.float32)[training.classes]
    X_test, classes = test.pixels.astype(np.float32), test.classes
    del training, test  # 1.5 GB of float64
    curves: dict[str, list[float]] = {}
    for reading in READINGS:
        epochs = (1, 1) if report.quick else reading.epochs
        random = np.random.default_rng(0)
        p = {"W1": random.standard_normal((200, X.shape[1])), "b1": random.standard_normal(200),
             "W2": random.standard_normal((10, 200)), "b2": random.standard_normal(10)}
        p = {name: (reading.scale * value).astype(np.float32) for name, value in p.items()}
        G = {name: np.zeros_like(value) for name, value in p.items()}
        accuracies = []
        for epoch in range(sum(epochs)):
            order = random.permutation(len(X))
            alone = epoch < epochs[0]
            run_epoch = train_in_blocks if alone else train_in_batches
            run_epoch(p, G, X[order], Y[order], 0.01 if alone else 0.07, 0.6, reading.cost)
            scores = sigmoid(X_test @ p["W1"].T + p["b1"]) @ p["W2"].T + p["b2"]
            accuracies.append(round(float(100 * (scores.argmax(1) == classes).mean()), 2))
        curves[str(reading)] = accuracies
        report.find("figure 14, CIFAR-10", "41.94", f"{reading}, {epochs[0]} + {epochs[1]} epochs",
                    f"best {max(accuracies):.2f}, {accuracies[epochs[0] - 1]:.2f} after batch 1",
                    agreement(41.94, [max(accuracies)], 0.5))
    report.series["test accuracy, figure 14"] = curves
    return curves


# --- pictures -----------------------------------------------------------------------------------------------------


def draw_curves(runs: dict[str, Run], sizes: dict[str, Run], combined: dict[str, list[float]]) -> Figure:
    """Figures 8, 9, 11 and 12: the accuracy of the test images after each epoch."""
    from tinygrad_lite.pictures import figure

    made = figure(9, 6.2, "Accuracy of the test images (%): kth's figures 8, 9, 11 and 12")
    axes = made.subplots(2, 2).ravel()
    for name in ("lr 0.01", "lr 0.1", "lr 1", "lr 5"):
        plot(axes[0], runs[name].accuracies, name)
    axes[0].set_title("figure 8: learning rate (batch 1)", fontsize=10)
    for name in ("lr 0.1", "momentum 0.4", "momentum 0.8", "lr 0.5"):
        plot(axes[1], runs[name].accuracies, f"{name}, no momentum" if name.startswith("lr") else f"lr 0.1, {name}")
    axes[1].set_title("figure 9: momentum, and the rate that 0.8 amounts to", fontsize=10)
    for name, run in sizes.items():
        plot(axes[2], run.accuracies, name)
    axes[2].set_title("figure 11: batch size, square-root and linear rule", fontsize=10)
    first, *others = combined.items()
    plot(axes[3], first[1], f"{first[0]}, momentum 0.8")
    for name, accuracies in others:
        plot(axes[3], accuracies, f"{name}, from then on", len(first[1]) - len(accuracies) + 1)
    axes[3].set_title("figure 12: a change after 25 epochs", fontsize=10)
    for each, low in zip(axes, (45, 88, 80, 94), strict=True):
        each.set_ylim(min(low, *(min(line.get_ydata()[2:], default=low) for line in each.get_lines()))
                      if each is axes[3] else low, 97)
        each.set_xlabel("epoch")
        each.legend(frameon=False, fontsize=8, loc="lower right")
    return made


def plot(axes: Any, values: Sequence[float], label: str, first: int = 1) -> None:
    """A curve over the epochs."""
    axes.plot(range(first, first + len(values)), values, label=label, linewidth=1.4)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def draw_errors(curves: dict[str, list[float]]) -> Figure:
    """Figure 10."""
    from tinygrad_lite.pictures import figure

    made = figure(6.4, 4, "Mean square error of the training images: kth's figure 10")
    axes = made.subplots()
    for name, values in curves.items():
        plot(axes, values, name, 0)
    axes.set_xlabel("step after the first epoch")
    axes.legend(frameon=False)
    return made


def draw_jumps(jumps: dict[str, Run]) -> Figure:
    """The recall of each class after each epoch, where the accuracy jumps."""
    from tinygrad_lite.pictures import figure

    made = figure(10, 4, "The accuracy jumps when the output of one class wakes up")
    for axes, (name, run) in zip(made.subplots(1, len(jumps)), jumps.items(), strict=True):
        epoch, c, _, _ = largest_jump(run)
        for k, recall in enumerate(np.transpose(run.recalls).tolist()):
            axes.plot(range(1, len(recall) + 1), recall, linewidth=2 if k == c else 0.9, alpha=1 if k == c else 0.6,
                      label=f"class {k}")
        axes.plot(range(1, len(run.accuracies) + 1), run.accuracies, color="black", linewidth=2.2, label="all")
        axes.axvline(epoch + 1, color="#6b7280", linewidth=0.8, linestyle=":")
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("epoch")
        axes.set_ylabel("test images classified correctly (%)")
        axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, ncols=2)
    return made


def draw_descent(data: Data, models: Sequence[nn.Sequential]) -> Figure:
    """Figure 6 for the real network: the cost on the plane of the two main directions of its training.

    The parameters after each epoch, minus those after the last, have these principal directions; the cost is that of
    the first 1,000 training images.
    """
    from tinygrad_lite.pictures import figure

    points = np.array([np.concatenate([p.detach().to("cpu").numpy().ravel() for p in model.parameters()])
                       for model in models], dtype=np.float64)
    way = points - points[-1]
    _, _, directions = np.linalg.svd(way, full_matrices=False)
    path = way @ directions[:2].T
    reach = np.ptp(path, axis=0) * 0.35 + 1e-9
    grids = [np.linspace(path[:, i].min() - reach[i], path[:, i].max() + reach[i], 33) for i in range(2)]
    x, y = tg.as_tensor(data.x[:1000]), tg.as_tensor(data.y[:1000])
    probe = copy.deepcopy(models[-1])

    def cost(point: Array) -> float:
        begin = 0
        with tg.no_grad():
            for p in probe.parameters():
                p.copy_(tg.tensor(point[begin : begin + p.numel()].reshape(p.shape), dtype=tg.float32))
                begin += p.numel()
            return float((0.5 * ((probe(x) - y) ** 2).sum() / len(y)).item())

    U, V = np.meshgrid(*grids)
    surface = np.array([cost(points[-1] + u * directions[0] + v * directions[1])
                        for u, v in zip(U.ravel(), V.ravel(), strict=True)]).reshape(U.shape)
    heights = [cost(points[-1] + u * directions[0] + v * directions[1]) for u, v in path]
    made = figure(8.8, 3.8, "Descent on a loss surface (kth's figure 6): 784-32-10, from the first to the last epoch")
    space = made.add_subplot(1, 2, 1, projection="3d")
    space.plot_surface(U, V, surface, cmap="viridis", alpha=0.55, linewidth=0)
    space.plot(path[:, 0], path[:, 1], np.add(heights, 0.01), color="#d9642a", marker="o", markersize=2.5, zorder=10)
    space.set_zlabel("J")
    space.view_init(38, -125)
    flat = made.add_subplot(1, 2, 2)
    made.colorbar(flat.contourf(U, V, surface, levels=14, cmap="viridis"), ax=flat, label="J, mean of 1,000 images")
    flat.plot(path[:, 0], path[:, 1], color="#d9642a", marker="o", markersize=3, label="after each epoch")
    flat.set_xlabel("first principal direction of the way")
    flat.set_ylabel("second")
    flat.legend(frameon=False, labelcolor="white")
    return made


def draw_wrong(data: Data, missed: Array, classes: Array, p: Array, nearest: Array, most: int = 40) -> Figure:
    """The images that the network was surest of, though wrong; below each what the nearest training image is."""
    from tinygrad_lite.pictures import figure, show

    made = figure(10.4, 6.4, f"{len(missed)} of {len(data.test.classes):,} test images are classified wrongly; "
                             "those it was surest of")
    for k, axes in enumerate(made.subplots(4, most // 4).ravel()):
        axes.set_axis_off()
        if k < len(missed):
            show(axes, data.test.pixels[missed[k]].reshape(28, 28))
            said = f"{classes[k]} read as {p[k].argmax()}\n{p[k].max():.2f}, nearest: {nearest[k]}"
            axes.set_title(said, fontsize=7.5)
    return made


def draw_readings(curves: dict[str, list[float]]) -> Figure:
    """Figure 14 in each reading."""
    from tinygrad_lite.pictures import figure

    made = figure(6.8, 4.2, "CIFAR-10, accuracy of the test images (%): kth's figure 14")
    axes = made.subplots()
    for name, values in curves.items():
        plot(axes, values, name)
    axes.axhline(41.94, color="#6b7280", linestyle=":", label="published: 41.94")
    axes.set_xlabel("epoch (from the 11th on: batch 50)")
    axes.legend(frameon=False, fontsize=8)
    return made
