"""Training 784-32-10 on MNIST as a user of the library does it, with what is measured after each epoch."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import nn

from ..report import Images, Report
from .equations import Array

Step: TypeAlias = Callable[[Any, Any], Any]

SIZES = (784, 32, 10)
EPOCHS, SWITCH = 35, 25
SQRT = {10: 0.316, 50: 0.71}
"""Batch size -> learning rate by the square-root rule, from 0.1 for batch 1, as the report rounds it."""
AWAKE = 5
"""Most of the outputs work after so many epochs; only later gains count as sudden jumps."""


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

    def error(self, model: nn.Module) -> float:
        """The mean square error of the training images: the mean of (p - y)^2 over all outputs."""
        return mean_square_error(self.outputs(model, train=True), self.train)

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


def mean_square_error(p: Array, images: Images) -> float:
    """The mean of (p - y)^2 over all images and outputs, with y one-hot."""
    return float(((p - np.eye(10)[images.classes]) ** 2).mean())


def accuracy(p: Array, images: Images) -> float:
    """How many of the images have their largest output at their class, in per cent."""
    return round(float(100 * (p.argmax(1) == images.classes).mean()), 2)


def recalls(p: Array, images: Images) -> list[float]:
    """The same for the images of each class."""
    right = p.argmax(1) == images.classes
    return [round(float(100 * right[images.classes == c].mean()), 2) for c in range(10)]


@dataclass
class Run:
    """A simulation: what was measured after each epoch, and the networks that were asked for.

    Accuracies, errors (mean square) and recalls are those of the test images, but for `train_accuracies`.
    """

    accuracies: list[float] = field(default_factory=list)
    train_accuracies: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    recalls: list[list[float]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    kept: dict[int, nn.Sequential] = field(default_factory=dict)

    @property
    def best(self) -> tuple[float, int]:
        """The best accuracy and its epoch, counted from 1."""
        best = max(self.accuracies)
        return best, self.accuracies.index(best) + 1

    def measure(self, data: Data, model: nn.Module) -> None:
        """What `model` makes of the images after an epoch."""
        p = data.outputs(model)
        self.accuracies.append(accuracy(p, data.test))
        self.errors.append(round(mean_square_error(p, data.test), 6))
        self.recalls.append(recalls(p, data.test))
        self.train_accuracies.append(accuracy(data.outputs(model, train=True), data.train))


def train(
    data: Data, model: nn.Sequential, setting: Setting, epochs: int, seed: int, keep: Sequence[int] = ()
) -> Run:
    """Train `model` in place with captured steps; G = 0 at the beginning."""
    random = np.random.default_rng([seed, 1])
    step = tg.capture(make_step(model, setting))
    run = Run()
    for epoch in range(1, epochs + 1):
        begun = time.perf_counter()
        data.epoch(step, setting.batch, random)
        run.seconds.append(round(time.perf_counter() - begun, 2))
        run.measure(data, model)
        if epoch in keep:
            run.kept[epoch] = copy.deepcopy(model)
    print(f"    {setting}, seed {seed}: best %.2f after epoch %d, {sum(run.seconds):.0f} s" % run.best, flush=True)
    return run


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


def largest_jump(run: Run) -> tuple[int, int, float, float]:
    """The epoch (from 0) after `AWAKE` that gained most, the class that rose most in it, its share, and the gain."""
    begin = min(AWAKE, len(run.accuracies) - 1)
    gains = np.diff(run.accuracies)[begin - 1 :]
    epoch = int(gains.argmax()) + begin
    rises = np.subtract(run.recalls[epoch], run.recalls[epoch - 1])
    c = int(rises.argmax())
    gain = float(gains.max())
    return epoch, c, float(rises[c] / 10 / gain) if gain > 0 else 0.0, gain
