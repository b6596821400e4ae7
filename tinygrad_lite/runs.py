"""A run of the main job: the loop over epochs, what it prints, and the folder that it leaves.

    config.json               the exact settings, versions, and what the figures depend on beside them
    metrics.jsonl             a record of each epoch
    checkpoint.safetensors    all that is needed to go on, after each epoch and after an interruption
    weights.safetensors       the state_dict of the network, which PyTorch's modules of the same shape can load
    *.png, derivation.txt     pictures, and the equations of a training step
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from . import __version__
from .datasets import DataLoader
from .extras import require
from .saving import load, save
from .training import Evaluation, Interrupted, Progress, Settings, Trainer, interruptible

CONFIGURATION, METRICS = "config.json", "metrics.jsonl"
CHECKPOINT, WEIGHTS = "checkpoint.safetensors", "weights.safetensors"
ENVIRONMENT = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_CORETYPE")


@dataclass
class Result:
    """What a run has found."""

    folder: Path
    trainer: Trainer
    evaluation: Evaluation

    @property
    def test_accuracy(self) -> float:
        """The fraction of test images classified rightly after the last epoch."""
        return self.evaluation.accuracy


def train(settings: Settings) -> Result:
    """Train as the settings say; print progress and a table; write the run's folder and return what was found.

    Raises Diverged where the loss becomes infinite or nan, ImportError where an extra is missing, and Interrupted,
    after it has written a checkpoint, on Ctrl-C.
    """
    _check_extras(settings)
    trainer = Trainer(settings)
    folder = _new_folder(settings)
    (folder / CONFIGURATION).write_text(json.dumps(_configuration(settings), indent=2) + "\n")
    if not settings.quiet:
        counts = f"{len(trainer.training):,} images to learn from, {len(trainer.test):,} to test with"
        parameters = sum(p.numel() for p in trainer.model.parameters())
        print(f"{settings.dataset}: {counts}\n{trainer.model}\n{parameters:,} parameters\n")
    return _run(trainer, folder)


def resume(folder: Path, epochs: int | None = None, quiet: bool = False) -> Result:
    """Go on with a run where its checkpoint was written, in the same folder; with `epochs`, up to that many.

    Raises FileNotFoundError for a folder without a checkpoint, and ValueError if there is nothing left to do or the
    schedule of the learning rate was made for another number of epochs.
    """
    settings = replace(settings_of(folder), quiet=quiet, out=folder.parent)
    if not (folder / CHECKPOINT).is_file():
        raise FileNotFoundError(f"{folder} holds no {CHECKPOINT}: nothing was learned there that could be resumed")
    if epochs is not None and epochs != settings.epochs:
        if settings.schedule not in ("constant", "plateau"):
            raise ValueError(f"--epochs {epochs}: the schedule {settings.schedule!r} of {folder} was made for "
                             f"{settings.epochs} epochs")
        settings = replace(settings, epochs=epochs)
        (folder / CONFIGURATION).write_text(json.dumps(_configuration(settings), indent=2) + "\n")
    _check_extras(settings)
    trainer = Trainer(settings)
    trainer.load_state_dict(load(folder / CHECKPOINT))
    if trainer.progress.epoch > settings.epochs:
        raise ValueError(f"{folder} is finished: {settings.epochs} epochs are done; ask for more with --epochs")
    if not settings.quiet:
        done = f"after {trainer.progress.tally.seen:,} images of it"
        print(f"resuming {folder} in epoch {trainer.progress.epoch}, {done}\n")
    return _run(trainer, folder)


def settings_of(folder: Path) -> Settings:
    """The settings of a run.

    Raises FileNotFoundError if the folder is not one of a run.
    """
    try:
        text = (folder / CONFIGURATION).read_text()
    except OSError as error:
        raise FileNotFoundError(f"{folder} is no folder of a run: it has no {CONFIGURATION}") from error
    return Settings.from_json(json.loads(text))


def latest(out: Path) -> Path:
    """The folder of the run in `out` that was begun last and has weights.

    Raises FileNotFoundError if there is none.
    """
    found = sorted((p.parent for p in out.glob(f"*/{WEIGHTS}")), key=lambda p: (p / CONFIGURATION).stat().st_mtime)
    if not found:
        raise FileNotFoundError(f"{out} holds no run with weights; make one with: python -m tinygrad_lite train")
    return found[-1]


# --- the loop ---------------------------------------------------------------------------------------------------------


def _run(trainer: Trainer, folder: Path) -> Result:
    """Train until all epochs are done; write and print what there is after each."""
    settings, progress = trainer.settings, trainer.progress
    with interruptible() as stop, (folder / METRICS).open("w") as metrics, np.errstate(all="ignore"):
        # Infinities and nan are looked for in the loss, where they are an error that says what to do.
        for record in progress.records:
            metrics.write(json.dumps(record) + "\n")
        while progress.epoch <= settings.epochs:
            try:
                record = trainer.epoch(lambda loader, progress: _batches(loader, progress, settings), stop)
            except Interrupted:
                _write_checkpoint(trainer, folder)
                seen = f"after {progress.tally.seen:,} images of it"
                raise Interrupted(
                    f"in epoch {progress.epoch} of {settings.epochs}, {seen}; {_how_to_go_on(folder)}") from None
            metrics.write(json.dumps(record) + "\n")
            metrics.flush()
            _write_checkpoint(trainer, folder)
            if not settings.quiet:
                print(_line(record, settings.epochs), flush=True)
            if stop.is_set() and progress.epoch <= settings.epochs:
                raise Interrupted(f"after epoch {progress.epoch - 1} of {settings.epochs}; {_how_to_go_on(folder)}")
    result = Result(folder, trainer, trainer.evaluate())
    save({name: value.cpu() for name, value in trainer.model.state_dict().items()}, folder / WEIGHTS)
    if settings.pictures:
        _draw(result)
    print(summary(result))
    return result


def _how_to_go_on(folder: Path) -> str:
    return f"go on with: python -m tinygrad_lite train --resume {folder}"


def _write_checkpoint(trainer: Trainer, folder: Path) -> None:
    save(trainer.state_dict(), folder / CHECKPOINT)


def _batches(loader: DataLoader, progress: Progress, settings: Settings) -> Iterator[Any]:
    """The batches, under a progress bar with loss, accuracy, images/s and time left where there is a terminal."""
    if settings.quiet or not sys.stderr.isatty():
        yield from loader
        return
    form = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{rate_fmt}, {remaining} left{postfix}]"
    tally = progress.tally
    with require("tqdm", "train").tqdm(
        total=len(loader.dataset), initial=tally.seen, desc=f"epoch {progress.epoch:>2}/{settings.epochs}",
        unit=" images", bar_format=form,
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


def summary(result: Result) -> str:
    """The table at the end: how each class fared, and the whole."""
    found, classes = result.evaluation, result.trainer.task.classes
    width = max(len("class"), *map(len, classes))
    rows = [f"{'class':>{width}}   images   right   most often taken for"]
    for k, name in enumerate(classes):
        of = found.predicted[found.targets == k]
        wrong = of[of != k]
        most = int(np.bincount(wrong).argmax()) if len(wrong) else 0
        taken = f"{classes[most]} ({np.bincount(wrong).max()} times)" if len(wrong) else ""
        right = f"{(of == k).mean():.1%}" if len(of) else "-"
        rows.append(f"{name:>{width}}{len(of):>9}{right:>8}   {taken}".rstrip())
    records = result.trainer.progress.records
    seconds = sum(record["seconds"] for record in records)
    total = (f"test accuracy {found.accuracy:.2%}, test loss {found.loss:.4f}, "
             f"training loss {records[-1]['loss']:.4f}, {seconds:.1f} s of training")
    return "\n".join(["", *rows, "", total, f"written to {result.folder}"])


# --- the folder -------------------------------------------------------------------------------------------------------


def _check_extras(settings: Settings) -> None:
    """Raise ImportError before anything is done for what is needed at the end."""
    require("safetensors", "train")
    if settings.pictures:
        require("matplotlib", "train")


def _pictures() -> ModuleType:
    """The module that draws, which imports matplotlib."""
    return importlib.import_module(f"{__package__}.pictures")


def _draw(result: Result) -> None:
    """All pictures of a run, and its derivation as text and picture."""
    pictures, folder, trainer, found = _pictures(), result.folder, result.trainer, result.evaluation
    classes, images = trainer.task.classes, trainer.test.images
    pictures.curves(trainer.progress.records, folder / "curves.png")
    pictures.gallery(trainer.training.images, trainer.training.targets, folder / "samples.png")
    pictures.mistakes(images, found.targets, found.predicted, found.confidence, classes, folder / "mistakes.png")
    pictures.confusion(found.targets, found.predicted, classes, folder / "confusion.png")
    equations = trainer.derivation()
    (folder / "derivation.txt").write_text(f"{equations}\n")
    equations.save_picture(folder / "derivation.png")


def _configuration(settings: Settings) -> dict[str, Any]:
    """The settings and what the figures depend on beside them."""
    return {**settings.as_json(), "tinygrad_lite": __version__, "numpy": np.__version__,
            "python": platform.python_version(), "machine": platform.machine(),
            **{name: os.environ.get(name) for name in ENVIRONMENT}}


def _new_folder(settings: Settings) -> Path:
    """A folder of its own for this run, named after the time."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for suffix in ("", *(f"-{i}" for i in range(2, 100))):
        folder = settings.out / f"{stamp}-{settings.dataset}-{settings.model}{suffix}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{settings.out} holds a hundred runs of this second")
