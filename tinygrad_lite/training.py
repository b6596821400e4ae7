"""The main job: train a dense network on handwritten digits, show how it goes, and leave a folder that tells of it."""

from __future__ import annotations

import importlib
import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from . import __version__, autograd, nn, optim
from ._tensor import Tensor
from .creation import from_numpy
from .datasets import MNIST, DataLoader, Digits
from .dtypes import int64
from .explanation import explain
from .random import Generator, manual_seed

DATASETS: dict[str, Callable[..., Any]] = {"digits": Digits, "mnist": MNIST}
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


@dataclass(frozen=True)
class Settings:
    """What a run is made of; the defaults learn the embedded digits in a few seconds."""

    dataset: str = "digits"
    hidden: tuple[int, ...] = (256,)
    activation: str = "relu"
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    dropout: float = 0.3
    batch_size: int = 64
    epochs: int = 40
    seed: int = 0
    dtype: str = "float32"
    device: str = "cpu"
    out: Path = Path("runs")
    pictures: bool = True
    quiet: bool = False


class Diverged(ArithmeticError):
    """The loss is no longer a finite number."""


@dataclass
class Tally:
    """Running sums over the batches of an epoch."""

    loss_sum: float = 0.0
    right: int = 0
    seen: int = 0

    def add(self, loss: float, right: int, count: int) -> None:
        """Count a batch with this mean loss."""
        self.loss_sum += loss * count
        self.right += right
        self.seen += count

    @property
    def loss(self) -> float:
        """The mean loss so far."""
        return self.loss_sum / self.seen

    @property
    def accuracy(self) -> float:
        """The fraction classified rightly so far."""
        return self.right / self.seen


@dataclass
class Result:
    """What a run has found: a record per epoch, and what it predicts for the test images."""

    folder: Path
    epochs: list[dict[str, float]] = field(default_factory=list)
    predicted: Any = None
    confidence: Any = None

    @property
    def test_accuracy(self) -> float:
        """The fraction of test images classified rightly after the last epoch."""
        return self.epochs[-1]["test_accuracy"]


def extra(module: str, name: str) -> ModuleType:
    """Import a module of the extra `name`.

    Raises ImportError that says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f'{module.partition(".")[0]} is missing: pip install "tinygrad-lite[{name}]"') from error


def network(settings: Settings, inputs: int = 784, classes: int = 10) -> nn.Sequential:
    """Flatten, then Linear and activation for each hidden size, then Linear to the class scores."""
    sizes = [inputs, *settings.hidden]
    layers: list[nn.Module] = [nn.Flatten()]
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), ACTIVATIONS[settings.activation]()]
        layers += [nn.Dropout(settings.dropout)] if settings.dropout else []
    return nn.Sequential(*layers, nn.Linear(sizes[-1], classes))


def train(settings: Settings) -> Result:
    """Train as the settings say; print progress and a table; write the run's folder and return what was found.

    Raises Diverged where the loss becomes infinite or nan, ImportError where an extra is missing, and KeyboardInterrupt
    when interrupted, after it has written what there is.
    """
    pictures = _pictures() if settings.pictures else None
    saving = extra("safetensors.numpy", "train")
    manual_seed(settings.seed)
    training, test = (DATASETS[settings.dataset](train=part) for part in (True, False))
    model = network(settings).to(settings.dtype).to(settings.device)
    optimizer = optim.SGD(
        model.parameters(), lr=settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay)
    loader = DataLoader(
        training, settings.batch_size, shuffle=True, generator=Generator(settings.seed), device=settings.device)

    result = Result(_new_folder(settings))
    (result.folder / "config.json").write_text(json.dumps(_configuration(settings), indent=2) + "\n")
    if not settings.quiet:
        print(f"{settings.dataset}: {len(training):,} images to learn from, {len(test):,} to test with\n{model}\n"
              f"{sum(p.numel() for p in model.parameters()):,} parameters\n")

    started, interrupted = time.perf_counter(), None
    # Infinities and nan are looked for in the loss, where they are an error that says what to do.
    with (result.folder / "metrics.jsonl").open("w") as metrics, np.errstate(all="ignore"):
        for epoch in range(1, settings.epochs + 1):
            begun = time.perf_counter()
            try:
                tally = train_epoch(model, loader, optimizer, epoch, settings)
            except KeyboardInterrupt as stop:
                interrupted = stop
                break
            seconds = time.perf_counter() - begun
            test_loss, test_accuracy, result.predicted, result.confidence = evaluate(model, test, settings)
            record = {
                "epoch": epoch, "loss": tally.loss, "accuracy": tally.accuracy, "test_loss": test_loss,
                "test_accuracy": test_accuracy, "images_per_second": round(tally.seen / seconds), "seconds": seconds}
            result.epochs.append(record)
            metrics.write(json.dumps(record) + "\n")
            metrics.flush()
            if not settings.quiet:
                print(_line(record, settings.epochs), flush=True)
    elapsed = time.perf_counter() - started

    if not result.epochs:
        raise KeyboardInterrupt(f"nothing was learned yet; {result.folder} holds the configuration")
    weights = {name: np.asarray(t.detach().cpu().numpy(), order="C") for name, t in model.state_dict().items()}
    (result.folder / "weights.safetensors").write_bytes(saving.save(weights))
    if pictures is not None:
        _draw(pictures, training, test, result, settings)
    print(summary(result, test, elapsed))
    if interrupted is not None:
        done = f"{len(result.epochs)} of {settings.epochs} epochs"
        raise KeyboardInterrupt(f"{result.folder} holds what was learned in {done}")
    return result


def train_epoch(
    model: nn.Module, loader: DataLoader, optimizer: optim.Optimizer, epoch: int, settings: Settings
) -> Tally:
    """One pass over the training images; returns how it went."""
    model.train()
    tally = Tally()
    for images, targets in _progress(loader, epoch, settings, tally):
        optimizer.zero_grad()
        scores = model(images.to(settings.dtype))
        loss = nn.functional.cross_entropy(scores, targets)
        loss.backward()
        optimizer.step()
        tally.add(loss.item(), int((scores.detach().argmax(1) == targets).sum()), len(targets))
        if not math.isfinite(tally.loss_sum):
            step = -(-tally.seen // settings.batch_size)
            raise Diverged(f"the loss is {loss.item()} in step {step} of epoch {epoch} at learning rate {settings.lr}; "
                           "try a smaller --lr")
    return tally


def evaluate(model: nn.Module, dataset: Any, settings: Settings) -> tuple[float, float, Any, Any]:
    """The mean loss and the accuracy on a dataset, the predicted classes, and the probability of each."""
    model.eval()
    losses, predicted, confidence = 0.0, [], []
    targets = np.asarray(dataset.targets)
    with autograd.no_grad():
        for images, labels in DataLoader(dataset, 1000, device=settings.device):
            scores = model(images.to(settings.dtype))
            losses += nn.functional.cross_entropy(scores, labels, reduction="sum").item()
            best, classes = scores.softmax(1).max(1)
            predicted.append(classes.cpu().numpy())
            confidence.append(best.cpu().numpy())
    classes = np.concatenate(predicted)
    return losses / len(targets), float((classes == targets).mean()), classes, np.concatenate(confidence)


def derivation(dataset: Any, settings: Settings) -> Any:
    """The equations of one training step, without dropout: an Explanation.

    They are those of the network, whatever its weights, and are read off a new one: after training a softmax may be so
    sure that its logarithm no longer says what it is.
    """
    images, targets = dataset.batch(slice(0, 5))
    flat = from_numpy(images.reshape(len(images), -1)).to(settings.dtype).to(settings.device)
    model = network(settings).to(settings.dtype).to(settings.device)
    layers = nn.Sequential(*(layer for layer in model.children() if not isinstance(layer, (nn.Flatten, nn.Dropout))))

    def loss(X: Tensor, t: Tensor) -> Tensor:
        value: Tensor = nn.functional.cross_entropy(layers(X), t)
        return value

    return explain(loss, flat, from_numpy(targets.astype(int64)).to(settings.device), names=layers)


def summary(result: Result, test: Any, elapsed: float) -> str:
    """The table at the end: how each digit fared, and the whole."""
    targets = np.asarray(test.targets)
    rows = ["digit   images   right   most often taken for"]
    for digit in range(10):
        of = result.predicted[targets == digit]
        wrong = of[of != digit]
        taken = f"{np.bincount(wrong).argmax()} ({np.bincount(wrong).max()} times)" if len(wrong) else ""
        rows.append(f"{digit:>5}{len(of):>9}{(of == digit).mean():>8.1%}   {taken}")
    last = result.epochs[-1]
    total = (f"test accuracy {last['test_accuracy']:.2%}, test loss {last['test_loss']:.4f}, "
             f"training loss {last['loss']:.4f}, {elapsed:.1f} s")
    return "\n".join(["", *rows, "", total, f"written to {result.folder}"])


def _pictures() -> ModuleType:
    """The module that draws; it needs matplotlib."""
    extra("matplotlib", "train")
    return importlib.import_module(f"{__package__}.pictures")


def _draw(pictures: ModuleType, training: Any, test: Any, result: Result, settings: Settings) -> None:
    """All pictures of a run, and its derivation as text and picture."""
    folder = result.folder
    pictures.curves(result.epochs, folder / "curves.png")
    pictures.gallery(training.images, training.targets, folder / "digits.png")
    pictures.mistakes(test.images, test.targets, result.predicted, result.confidence, folder / "mistakes.png")
    pictures.confusion(test.targets, result.predicted, folder / "confusion.png")
    equations = derivation(training, settings)
    (folder / "derivation.txt").write_text(f"{equations}\n")
    equations.save_picture(folder / "derivation.png")


def _progress(loader: DataLoader, epoch: int, settings: Settings, tally: Tally) -> Iterator[Any]:
    """The batches, under a progress bar with loss, accuracy, images/s and time left where there is a terminal."""
    if settings.quiet or not sys.stderr.isatty():
        yield from loader
        return
    form = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{rate_fmt}, {remaining} left{postfix}]"
    with extra("tqdm", "train").tqdm(
        total=len(loader.dataset), desc=f"epoch {epoch:>2}/{settings.epochs}", unit=" images", bar_format=form,
        leave=False,  # its line makes room for the epoch's
    ) as bar:
        for batch in loader:
            yield batch  # the loop's body runs here, and the tally has grown when it comes back
            bar.set_postfix_str(f"loss {tally.loss:.4f}, accuracy {tally.accuracy:.2%}", refresh=False)
            bar.update(len(batch[1]))


def _line(record: dict[str, float], epochs: int) -> str:
    left = record["seconds"] * (epochs - record["epoch"])
    return (f"epoch {record['epoch']:>2}/{epochs}  loss {record['loss']:.4f}  accuracy {record['accuracy']:.2%}  "
            f"test loss {record['test_loss']:.4f}  test accuracy {record['test_accuracy']:.2%}  "
            f"{record['images_per_second']:,} images/s  {left:.0f} s left")


def _configuration(settings: Settings) -> dict[str, Any]:
    """The settings and what the figures depend on beside them."""
    return {**asdict(settings), "out": str(settings.out), "tinygrad_lite": __version__, "numpy": np.__version__,
            "python": platform.python_version(), "machine": platform.machine(),
            **{name: os.environ.get(name) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_CORETYPE")}}


def _new_folder(settings: Settings) -> Path:
    """A folder of its own for this run, named after the time."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for suffix in ("", *(f"-{i}" for i in range(2, 100))):
        folder = settings.out / f"{stamp}-{settings.dataset}{suffix}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{settings.out} holds a hundred runs of this second")
