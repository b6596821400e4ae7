"""The main job: train a network on small images, show how it goes, and leave a folder that tells of it."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from .. import autograd, nn, optim
from .._tensor import Tensor
from ..creation import from_numpy
from ..datasets import CIFAR10, MNIST, DataLoader, Digits, FashionMNIST
from ..datasets.transforms import Compose, RandomHorizontalFlip, RandomShift
from ..engine.dtypes import int64
from ..explanation.explanation import Explanation, explain
from ..ops import cat
from ..optim.lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    LRScheduler,
    OneCycleLR,
    ReduceLROnPlateau,
    StepLR,
)
from ..program import trace
from ..random import Generator, default_generator, manual_seed
from . import networks
from .networks import ACTIVATIONS, MODELS

DATASETS: dict[str, Callable[..., Any]] = {
    "digits": Digits, "mnist": MNIST, "fashion": FashionMNIST, "cifar10": CIFAR10}


@dataclass(frozen=True)
class Settings:
    """What a run is made of; the defaults of each model are in `PRESETS`."""

    model: str = "cnn"
    dataset: str = "digits"
    channels: tuple[tuple[int, int], ...] = ((16, 1), (32, 1))
    kernel: int = 5
    batch_norm: bool = False
    hidden: tuple[int, ...] = (64,)
    activation: str = "relu"
    dropout: float = 0.3
    digit: int = 0
    shift: int = 2
    flip: bool = False
    optimizer: str = "sgd"
    lr: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 1e-4
    schedule: str = "cosine"
    batch_size: int = 64
    epochs: int = 12
    seed: int = 0
    dtype: str = "float32"
    device: str = "cpu"
    workers: int = 0
    out: Path = Path("runs")
    pictures: bool = True
    quiet: bool = False

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if (value := getattr(self, name)) not in known:
                raise ValueError(f"{name}: expected one of {', '.join(known)}, got {value!r}")

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Settings:
        """The settings that `as_json` wrote; KeyError for a name that is missing, others are left out."""
        made = {f.name: values[f.name] for f in fields(cls)}
        made |= {"channels": tuple((wide, depth) for wide, depth in made["channels"]),
                 "hidden": tuple(made["hidden"]), "out": Path(made["out"])}
        return cls(**made)

    def as_json(self) -> dict[str, Any]:
        """The settings as JSON can hold them."""
        return {**asdict(self), "out": str(self.out)}


# --- what is learned --------------------------------------------------------------------------------------------------


class Classification:
    """Which of several classes an image shows: a score for each, softmax and cross-entropy."""

    def __init__(self, classes: list[str]) -> None:
        self.classes = classes

    def targets(self, labels: Any) -> Any:
        """The classes of images with these labels, Tensors or arrays."""
        return labels

    def loss(self, scores: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
        """The cross-entropy."""
        value: Tensor = nn.functional.cross_entropy(scores, targets, reduction=reduction)
        return value

    def probabilities(self, scores: Tensor) -> Tensor:
        """The probability of each class, (N, classes)."""
        value: Tensor = scores.softmax(1)
        return value


class Recognition(Classification):
    """Whether an image shows one class or another one: a single score, sigmoid and binary cross-entropy."""

    def __init__(self, classes: list[str], wanted: int) -> None:
        if not 0 <= wanted < len(classes):
            raise ValueError(f"digit: expected a class in 0..{len(classes) - 1}, got {wanted}")
        super().__init__(["the rest", classes[wanted]])
        self.wanted = wanted

    def targets(self, labels: Any) -> Any:
        """1 where the label is the wanted one, else 0."""
        wanted = labels == self.wanted
        return wanted.astype(np.int64) if isinstance(labels, np.ndarray) else wanted.to(int64)

    def loss(self, scores: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
        """The binary cross-entropy of the sigmoid of the score."""
        value: Tensor = nn.functional.binary_cross_entropy_with_logits(
            scores.squeeze(1), targets.to(scores.dtype), reduction=reduction)
        return value

    def probabilities(self, scores: Tensor) -> Tensor:
        """The probabilities of the rest and of the wanted class, (N, 2)."""
        wanted = scores.sigmoid()
        value: Tensor = cat([1 - wanted, wanted], 1)
        return value


def task(settings: Settings, images: Any) -> Classification:
    """What the network of these settings learns about the images of a dataset."""
    classes = [name.partition(" - ")[0] for name in images.classes]  # "4", where MNIST's says "4 - four"
    return Recognition(classes, settings.digit) if settings.model == "neuron" else Classification(classes)


def network(settings: Settings, shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """The network of these settings for images of `shape`."""
    s = settings
    if s.model == "neuron":
        return networks.neuron(shape)
    if s.model == "mlp":
        return networks.mlp(shape, classes, s.hidden, s.activation, s.dropout)
    return networks.cnn(shape, classes, s.channels, s.kernel, s.hidden, s.activation, s.dropout, s.batch_norm)


def dataset(settings: Settings, train: bool) -> Any:
    """The training images, with random shifts and flips if the settings say so, or the test images as they are."""
    changes: list[Any] = [RandomShift(settings.shift)] if settings.shift else []
    changes += [RandomHorizontalFlip()] if settings.flip else []
    return DATASETS[settings.dataset](train=train, transform=Compose(changes) if train and changes else None)


OPTIMIZERS: dict[str, Callable[[Any, Settings], optim.Optimizer]] = {
    "sgd": lambda p, s: optim.SGD(p, lr=s.lr, momentum=s.momentum, weight_decay=s.weight_decay),
    "nesterov": lambda p, s: optim.SGD(p, lr=s.lr, momentum=s.momentum, weight_decay=s.weight_decay, nesterov=True),
    "adam": lambda p, s: optim.Adam(p, lr=s.lr, weight_decay=s.weight_decay),
    "adamw": lambda p, s: optim.AdamW(p, lr=s.lr, weight_decay=s.weight_decay),
    "rmsprop": lambda p, s: optim.RMSprop(p, lr=s.lr, momentum=s.momentum, weight_decay=s.weight_decay),
    "adagrad": lambda p, s: optim.Adagrad(p, lr=s.lr, weight_decay=s.weight_decay),
}

SCHEDULES: dict[str, Callable[[optim.Optimizer, int], LRScheduler | ReduceLROnPlateau | None]] = {
    "constant": lambda optimizer, steps: None,
    "step": lambda optimizer, steps: StepLR(optimizer, max(steps // 3, 1)),
    "exponential": lambda optimizer, steps: ExponentialLR(optimizer, 0.01 ** (1 / steps)),
    "cosine": CosineAnnealingLR,
    "onecycle": lambda optimizer, steps: OneCycleLR(optimizer, optimizer.param_groups[0]["lr"], steps),
    "plateau": lambda optimizer, steps: ReduceLROnPlateau(optimizer, patience=2),
}
"""How the learning rate goes over a run of so many steps."""

CHOICES: dict[str, Collection[str]] = {
    "model": MODELS, "dataset": DATASETS, "activation": ACTIVATIONS, "optimizer": OPTIMIZERS, "schedule": SCHEDULES,
    "dtype": ("float32", "float64")}
"""The settings that are one of a few names."""

PRESETS = {
    "cnn": Settings(),
    "mlp": Settings(model="mlp", hidden=(256,), shift=0, lr=0.1, schedule="constant", epochs=40),
    "neuron": Settings(model="neuron", hidden=(), dropout=0.0, shift=0, lr=0.1, schedule="constant", epochs=20),
}
"""The settings of each model unless others are asked for: they learn the embedded digits."""


# --- training ---------------------------------------------------------------------------------------------------------


class Diverged(ArithmeticError):
    """The loss is no longer a finite number."""


class Interrupted(Exception):
    """The run was asked to stop, and did so between two steps."""


@dataclass
class Tally:
    """Running sums over the batches of an epoch."""

    loss_sum: float = 0.0
    right: int = 0
    seen: int = 0
    seconds: float = 0.0

    def add(self, loss: float, right: int, count: int) -> None:
        """Count a batch with this mean loss."""
        self.loss_sum += loss * count
        self.right += right
        self.seen += count

    @property
    def speed(self) -> int:
        """Images per second so far."""
        return round(self.seen / self.seconds) if self.seconds else 0

    @property
    def loss(self) -> float:
        """The mean loss so far."""
        return self.loss_sum / self.seen if self.seen else math.nan

    @property
    def accuracy(self) -> float:
        """The fraction classified rightly so far."""
        return self.right / self.seen if self.seen else math.nan


@dataclass
class Evaluation:
    """How a network does on a dataset: the mean loss, the accuracy, and of each image the class and its probability."""

    loss: float
    accuracy: float
    targets: Any
    predicted: Any
    confidence: Any


@dataclass
class Progress:
    """How far a run has come: a record of each epoch that is done, and the sums of the one that is not."""

    records: list[dict[str, float]] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    @property
    def epoch(self) -> int:
        """The number of the epoch that is to be done, from 1."""
        return len(self.records) + 1


class Trainer:
    """A network in training: its data, optimizer and schedule, and how far it has come.

    Everything is drawn from generators that the settings seed, and `state_dict` has all of it: a run that was
    interrupted between any two steps and resumed gives the bits of one that was not.
    """

    def __init__(self, settings: Settings) -> None:
        s = self.settings = settings
        manual_seed(s.seed)
        self.training, self.test = dataset(s, train=True), dataset(s, train=False)
        self.shape = tuple(self.training[0][0].shape)
        if s.shift >= min(self.shape[1:]):
            raise ValueError(f"shift: {s.shift} pixels move images of {self.shape[1]} x {self.shape[2]} out of sight")
        self.task = task(s, self.training)
        self.model = network(s, self.shape, len(self.task.classes)).to(s.dtype).to(s.device)
        self.optimizer = OPTIMIZERS[s.optimizer](self.model.parameters(), s)
        self.loader = DataLoader(self.training, s.batch_size, shuffle=True, num_workers=s.workers,
                                 generator=Generator(s.seed), device=s.device)
        self.schedule = SCHEDULES[s.schedule](self.optimizer, s.epochs * len(self.loader))
        self.progress = Progress()

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def state_dict(self) -> dict[str, Any]:
        """All that the rest of the run depends on."""
        return {
            "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict() if self.schedule else None, "loader": self.loader.state_dict(),
            "generator": default_generator().get_state(), "progress": asdict(self.progress),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was called."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.schedule:
            self.schedule.load_state_dict(state["schedule"])
        self.loader.load_state_dict(state["loader"])
        default_generator().set_state(state["generator"])
        self.progress = Progress(state["progress"]["records"], Tally(**state["progress"]["tally"]))

    def epoch(self, batches: Iterable[Any], stop: threading.Event) -> dict[str, float]:
        """One pass over the training images, or the rest of one, and a look at the test images; returns the record.

        `batches` is the loader, or what gives its batches and shows them on their way.

        Raises Interrupted after the step in which `stop` was set, and Diverged where the loss is not finite.
        """
        tally, begun = self.progress.tally, time.perf_counter()
        before = tally.seconds
        self.model.train()
        for images, labels in batches:
            loss, right = self.step(images, labels)
            tally.add(loss, right, len(labels))
            tally.seconds = before + time.perf_counter() - begun
            if stop.is_set():
                raise Interrupted
        found = self.evaluate()
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(tally.loss)
        record = {
            "epoch": self.progress.epoch, "loss": tally.loss, "accuracy": tally.accuracy, "test_loss": found.loss,
            "test_accuracy": found.accuracy, "lr": self.lr, "images_per_second": tally.speed,
            "seconds": tally.seconds}
        self.progress.records.append(record)
        self.progress.tally = Tally()
        return record

    def step(self, images: Tensor, labels: Tensor) -> tuple[float, int]:
        """Change the weights once; returns the mean loss of the batch and how many of it were classified rightly."""
        targets = self.task.targets(labels)
        self.optimizer.zero_grad()
        scores = self.model(images.to(self.settings.dtype))
        loss = self.task.loss(scores, targets)
        value = loss.item()
        if not math.isfinite(value):
            step = -(-self.progress.tally.seen // self.settings.batch_size) + 1
            raise Diverged(self._diagnosis(f"the loss is {value} in step {step}", images, targets))
        loss.backward()
        self.optimizer.step()
        if self.schedule and not isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step()
        return value, int((self.decided(scores.detach()) == targets).sum())

    def decided(self, scores: Tensor) -> Tensor:
        """The classes that the scores speak for."""
        value: Tensor = (scores[:, 0] > 0).to(int64) if scores.shape[1] == 1 else scores.argmax(1)
        return value

    def evaluate(self) -> Evaluation:
        """How the network does on the test images; raises Diverged where the loss is not finite."""
        self.model.eval()
        losses, predicted, confidence = 0.0, [], []
        targets = self.task.targets(np.asarray(self.test.targets))
        with autograd.no_grad():
            for images, labels in DataLoader(self.test, 500, device=self.settings.device):
                scores = self.model(images.to(self.settings.dtype))
                losses += self.task.loss(scores, self.task.targets(labels), "sum").item()
                classes = self.decided(scores)
                probabilities = self.task.probabilities(scores)
                confidence.append(probabilities.gather(1, classes.unsqueeze(1)).squeeze(1).cpu().numpy())
                predicted.append(classes.cpu().numpy())
        if not math.isfinite(losses):
            raise Diverged(self._diagnosis(f"the test loss is {losses} at the end", images, self.task.targets(labels)))
        best = np.concatenate(predicted)
        return Evaluation(losses / len(targets), float((best == targets).mean()), targets, best,
                          np.concatenate(confidence))

    def derivation(self) -> Explanation:
        """The equations of one training step, without dropout.

        They are those of the network, whatever its weights, and are read off a new one: after training a softmax may
        be so sure that its logarithm no longer says what it is.
        """
        s = self.settings
        images, labels = self.test.batch(slice(0, 5))
        layers = network(s, self.shape, len(self.task.classes)).to(s.dtype).to(s.device).children()
        without: tuple[type[nn.Module], ...] = (nn.Dropout,)
        if s.model != "cnn":  # the rows of pixels, which the equations of a dense network begin with
            images, without = images.reshape(len(images), -1), (nn.Dropout, nn.Flatten)
        model = nn.Sequential(*(layer for layer in layers if not isinstance(layer, without)))
        targets = self.task.targets(from_numpy(labels.astype(np.int64)).to(s.device))
        return explain(lambda X, t: self.task.loss(model(X), t), from_numpy(images).to(s.dtype).to(s.device), targets,
                       names=model)

    def _diagnosis(self, what: str, images: Tensor, targets: Tensor) -> str:
        """Where in the forward pass the first number came up that is not finite."""
        where = f"{what} of epoch {self.progress.epoch} at learning rate {self.lr:g}: "
        for name, p in self.model.named_parameters():
            if not np.isfinite(p.detach().cpu().numpy()).all():
                return where + f"the step before made {name} infinite or nan; try a smaller --lr"
        with autograd.no_grad():
            program = trace(lambda x: self.task.loss(self.model(x.to(self.settings.dtype)), targets), images)
        for call in program.op_calls("forward"):
            bad = [v for v in call.outputs[:1] if v.dtype.kind == "f" and not bool(np.isfinite(v.array).all())]
            if bad:
                return where + (f"the first infinite or nan result is that of {call.op.name}, of shape "
                                f"{bad[0].shape}, with weights that are finite; try a smaller --lr")
        return where + "try a smaller --lr"


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Within, Ctrl-C sets the event that is given, so that a step can be finished; a second one stops at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # only that one gets signals
        yield stop
        return

    def ask(signum: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, before)
        stop.set()

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
