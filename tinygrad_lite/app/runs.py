"""A run of the main job: the loop over epochs, what it prints, and the folder that it leaves.

    config.json               the exact settings, versions, and what the figures depend on beside them
    metrics.jsonl             a record of each epoch
    checkpoint.safetensors    all that is needed to go on, from the start, after each epoch and after an interruption
    *.png, derivation.txt     pictures, and the equations of a training step
    weights.safetensors       the state_dict of the network, which PyTorch's modules of the same shape can load; written
                              last: a run that has it is finished
    diverged.safetensors      of a run whose loss became infinite or nan: the state_dict at that step
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .. import __version__
from ..engine.extras import require
from ..saving import load, save
from .training import Diverged, Evaluation, Interrupted, Settings, Trainer, interruptible

CONFIGURATION, METRICS = "config.json", "metrics.jsonl"
CHECKPOINT, WEIGHTS, DIVERGED = "checkpoint.safetensors", "weights.safetensors", "diverged.safetensors"
HEADER = "  epoch     loss  accuracy  test loss  test accuracy  images/s   time left"
ENVIRONMENT = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_CORETYPE")
FREE = ("epochs", "device", "workers", "out", "pictures", "quiet")
"""The settings that may change when a run is resumed: no step that was done depends on them."""


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
    _write_configuration(settings, folder)
    _write_checkpoint(trainer, folder)
    if not settings.quiet:
        counts = f"{len(trainer.training):,} images to learn from, {len(trainer.test):,} to test with"
        parameters = sum(p.numel() for p in trainer.model.parameters())
        print(f"{settings.dataset}: {counts}\n{trainer.model}\n{parameters:,} parameters\n")
    return _run(trainer, folder)


def resume(folder: Path, epochs: int | None = None, quiet: bool = False) -> Result:
    """Go on with a run where its checkpoint was written, in the same folder; with `epochs`, up to that many.

    Raises FileNotFoundError for a folder without a checkpoint, and ValueError for one that is damaged or was written
    with other settings, if there is nothing left to do, or if the schedule of the learning rate was made for another
    number of epochs.
    """
    begun = settings_of(folder)
    settings = replace(begun, epochs=epochs or begun.epochs, quiet=quiet, out=folder.parent)
    if settings.epochs != begun.epochs and begun.schedule not in ("constant", "plateau"):
        raise ValueError(f"--epochs {epochs}: the schedule {begun.schedule!r} of {folder} was made for "
                         f"{begun.epochs} epochs")
    state = _read_checkpoint(folder, settings)
    _check_extras(settings)
    trainer = Trainer(settings)
    trainer.load_state_dict(state)
    done = len(trainer.progress.records)
    if done >= settings.epochs and (folder / WEIGHTS).is_file():
        raise ValueError(f"{folder} is finished: {done} epochs are done; ask for more with --epochs")
    for difference in _differences(folder):
        print(f"tinygrad_lite: {folder} was begun with {difference}: the last digits may differ", file=sys.stderr)
    _write_configuration(settings, folder)
    if not settings.quiet:
        print(f"resuming {folder} {_place(trainer)}\n")
    return _run(trainer, folder)


def settings_of(folder: Path) -> Settings:
    """The settings of a run.

    Raises FileNotFoundError if the folder is not one of a run, and ValueError if its settings cannot be read.
    """
    try:
        return Settings.from_json(_read_configuration(folder))
    except KeyError as error:
        raise ValueError(f"{folder / CONFIGURATION} has no {error}: another version wrote it") from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"{folder / CONFIGURATION} is damaged: {error}") from error


def latest(out: Path) -> Path:
    """The folder of the run in `out` that was begun or resumed last and has weights.

    Raises FileNotFoundError if there is none.
    """
    found = sorted((p.parent for p in out.glob(f"*/{WEIGHTS}")), key=lambda p: (p / CONFIGURATION).stat().st_mtime)
    if not found:
        raise FileNotFoundError(f"{out} holds no run with weights; make one with: python -m tinygrad_lite train")
    return found[-1]


# --- the loop ---------------------------------------------------------------------------------------------------------


def _run(trainer: Trainer, folder: Path) -> Result:
    """Train until all epochs are done, with a checkpoint after each; then write and print what was found."""
    try:
        _train(trainer, folder)
        result = Result(folder, trainer, trainer.evaluate())
        if trainer.settings.pictures:
            _draw(result)
        _write_weights(trainer, folder / WEIGHTS)
    except Diverged as error:
        _write_weights(trainer, folder / DIVERGED)
        raise Diverged(f"{error}; the weights at that step are in {folder / DIVERGED}") from None
    except Interrupted:
        raise Interrupted(f"{_place(trainer)}; go on with: {_command(folder)}") from None
    except KeyboardInterrupt:
        raise Interrupted(f"at once; go on from the last checkpoint with: {_command(folder)}") from None
    print(summary(result))
    return result


def _train(trainer: Trainer, folder: Path) -> None:
    """The epochs that are not done yet."""
    settings, progress = trainer.settings, trainer.progress
    (folder / WEIGHTS).unlink(missing_ok=True)  # of fewer epochs
    with interruptible() as stop, (folder / METRICS).open("w") as metrics:
        for record in progress.records:
            metrics.write(json.dumps(record) + "\n")
        _say(settings, HEADER)
        while progress.epoch <= settings.epochs:
            try:
                with closing(_batches(trainer)) as batches:  # whatever happens, the bar goes before the next line comes
                    record = trainer.epoch(batches, stop)
            except Interrupted:
                _write_checkpoint(trainer, folder)
                raise
            metrics.write(json.dumps(record) + "\n")
            metrics.flush()
            _write_checkpoint(trainer, folder)
            _say(settings, _row(record, settings.epochs))
            if stop.is_set() and progress.epoch <= settings.epochs:
                raise Interrupted


def _batches(trainer: Trainer) -> Generator[Any, None, None]:
    """The batches, under a progress bar with loss, accuracy, images/s and time left where there is a terminal."""
    if not _has_bar(trainer.settings):
        yield from trainer.loader
        return
    progress, tally = trainer.progress, trainer.progress.tally
    with require("tqdm", "train").tqdm(
        total=len(trainer.training), initial=tally.seen, desc=f"epoch {progress.epoch}/{trainer.settings.epochs}",
        bar_format="{desc} {percentage:3.0f}%|{bar}| {remaining} left{postfix}",
        leave=False,  # its line makes room for the epoch's
    ) as bar:
        for batch in trainer.loader:
            yield batch  # the loop's body runs here, and the tally has grown when it comes back
            bar.set_postfix_str(f"loss {tally.loss:.4f}, accuracy {tally.accuracy:.2%}, {tally.speed:,} images/s",
                                refresh=False)
            bar.update(len(batch[1]))


# --- what is printed --------------------------------------------------------------------------------------------------


def _has_bar(settings: Settings) -> bool:
    return not settings.quiet and sys.stderr.isatty()


def _say(settings: Settings, text: str) -> None:
    if not settings.quiet:
        print(text, flush=True)


def _row(record: dict[str, float], epochs: int) -> str:
    """What an epoch has come to, under HEADER: narrow enough for a terminal of 80 columns."""
    minutes, seconds = divmod(round(record["seconds"] * (epochs - record["epoch"])), 60)
    epoch = f"{record['epoch']}/{epochs}"
    return (f"{epoch:>7}{record['loss']:>9.4f}{record['accuracy']:>10.2%}"
            f"{record['test_loss']:>11.4f}{record['test_accuracy']:>15.2%}{record['images_per_second']:>10,}"
            f"{minutes:>9}:{seconds:02}")


def _place(trainer: Trainer) -> str:
    """How far a run has come, in words."""
    epoch, seen = trainer.progress.epoch, trainer.progress.tally.seen
    if not seen:
        return f"before epoch {epoch} of {trainer.settings.epochs}"
    return f"in epoch {epoch} of {trainer.settings.epochs}, after {seen:,} images of it"


def _command(folder: Path) -> str:
    return f"python -m tinygrad_lite train --resume {shlex.quote(str(folder))}"


def summary(result: Result) -> str:
    """The table at the end: how each class fared, and the whole."""
    found, classes = result.evaluation, result.trainer.task.classes
    width = max(len("class"), *map(len, classes))
    rows = [f"{'class':>{width}}   images   right   most often taken for"]
    for k, name in enumerate(classes):
        of = found.predicted[found.targets == k]
        wrong = of[of != k]
        most = int(np.bincount(wrong).argmax()) if len(wrong) else 0
        times = int((wrong == most).sum())
        taken = f"{classes[most]} ({times} time{'s' if times > 1 else ''})" if len(wrong) else ""
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
    if _has_bar(settings):
        require("tqdm", "train")


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


def _surroundings() -> dict[str, str | None]:
    """What the figures depend on beside the settings."""
    return {"tinygrad_lite": __version__, "numpy": np.__version__, "python": platform.python_version(),
            "machine": platform.machine(), **{name: os.environ.get(name) for name in ENVIRONMENT}}


def _read_configuration(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / CONFIGURATION).read_text()))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(f"{folder} is no folder of a run: it has no {CONFIGURATION}") from error


def _write_configuration(settings: Settings, folder: Path) -> None:
    text = json.dumps({**settings.as_json(), **_surroundings()}, indent=2)
    (folder / CONFIGURATION).write_text(f"{text}\n")


def _differences(folder: Path) -> list[str]:
    """Where a run that was begun elsewhere or long ago had other surroundings than this process."""
    begun = _read_configuration(folder)
    return [f"{name} {begun.get(name)} (now {now})" for name, now in _surroundings().items() if begun.get(name) != now]


def _write_checkpoint(trainer: Trainer, folder: Path) -> None:
    save({"settings": trainer.settings.as_json(), **trainer.state_dict()}, folder / CHECKPOINT)


def _read_checkpoint(folder: Path, settings: Settings) -> dict[str, Any]:
    file = folder / CHECKPOINT
    if not file.is_file():
        raise FileNotFoundError(f"{folder} holds no {CHECKPOINT} to go on from")
    state = load(file)
    if "settings" not in state:
        raise ValueError(f"{file} is no checkpoint of a run")
    for name, now in settings.as_json().items():
        if name not in FREE and (then := state["settings"].get(name)) != now:
            raise ValueError(f"{file} was written with {name} {then}, but {CONFIGURATION} says {now}")
    return dict(state)


def _write_weights(trainer: Trainer, file: Path) -> None:
    save({name: value.cpu() for name, value in trainer.model.state_dict().items()}, file)


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
