"""The command line: `python -m tinygrad_lite train --model mlp --hidden 500,150 --epochs 20`, and `predict`, `info`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .. import __version__
from . import machine
from .prediction import predict
from .runs import latest, resume, train
from .training import CHOICES, PRESETS, Diverged, Interrupted, Settings

APPLIES: dict[str, tuple[str, Sequence[str]]] = {
    **dict.fromkeys(("channels", "kernel", "batch_norm"), ("model", ("cnn",))),
    **dict.fromkeys(("hidden", "activation", "dropout"), ("model", ("cnn", "mlp"))),
    "digit": ("model", ("neuron",)), "momentum": ("optimizer", ("sgd", "nesterov", "rmsprop"))}
"""Options that mean something only with some values of another one."""


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; the options of `train` are the fields of `training.Settings`."""
    main = argparse.ArgumentParser(prog="python -m tinygrad_lite", description=(
        "An autograd micro-framework on NumPy and CuPy that prints the derivation it executes."))
    main.add_argument("--version", action="version", version=f"tinygrad_lite {__version__}")
    commands = main.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _train_options(commands.add_parser(
        "train", usage="%(prog)s [OPTION ...]", help="train a network on small images and write a folder of results",
        description="Train a network on small images and write a folder of results.",
        epilog="Defaults depend on the model: " + "; ".join(f"{name}: {_defaults(s)}" for name, s in PRESETS.items())))

    p = commands.add_parser("predict", help="show what a trained network sees in an image",
                            description="Show what a trained network sees in an image, and how sure it is.")
    p.add_argument("image", type=Path, nargs="?", help="an image file: a digit on a plain background, of any size")
    p.add_argument("--index", type=_natural, help="the number of a test image, in place of a file (0)")
    p.add_argument("--run", type=Path, metavar="FOLDER", help="the run's folder (the last one in runs/)")

    commands.add_parser("info", help="versions, devices, BLAS kernels and threads, and advice",
                        description="Print versions, devices, BLAS kernels and threads, with advice where the machine "
                                    "is set up badly.")
    return main


def _train_options(t: argparse.ArgumentParser) -> None:
    def option(name: str, convert: Callable[[str], Any], text: str, **more: Any) -> None:
        t.add_argument(name, type=convert, default=argparse.SUPPRESS, help=text, **more)

    def choice(name: str, text: str) -> None:
        t.add_argument(f"--{name}", choices=sorted(CHOICES[name]), default=argparse.SUPPRESS, help=text)

    choice("model", "cnn: a convolutional network (default); mlp: a dense one; neuron: a single neuron that tells one "
                    "class from the rest")
    choice("dataset", "digits: 6,000 embedded images of MNIST (default); the others are downloaded once, or read "
                      "from TINYGRAD_LITE_DATA")
    option("--channels", _blocks, "cnn: blocks of convolutions and pooling, as in 16,32 or, with two convolutions in "
                                  "each, 32x2,64x2", metavar="BLOCKS")
    option("--kernel", _odd, "cnn: side of the convolutions' kernels, odd")
    t.add_argument("--batch-norm", action="store_true", default=argparse.SUPPRESS,
                   help="cnn: batch normalisation after each convolution")
    option("--hidden", _sizes, "hidden dense layers, as in 500,150; 0: none", metavar="SIZES")
    choice("activation", "of the hidden layers")
    option("--dropout", _fraction, "after each hidden dense layer, in [0, 1)")
    option("--digit", _natural, "neuron: the class that it tells from the rest (0)")
    option("--shift", _natural, "augmentation: move training images by up to so many pixels")
    t.add_argument("--flip", action="store_true", default=argparse.SUPPRESS,
                   help="augmentation: mirror half of the training images")
    choice("optimizer", "the rule that weights follow")
    option("--lr", _positive, "learning rate")
    option("--momentum", _fraction, "of sgd, nesterov and rmsprop, in [0, 1)")
    option("--weight-decay", _not_negative, "L2 penalty")
    choice("schedule", "how the learning rate goes over the run")
    option("--batch-size", _count, "examples per step")
    option("--epochs", _count, "passes over the training images")
    option("--seed", _natural, "of weights, order, augmentation and dropout")
    choice("dtype", "of weights and images")
    option("--device", str, "cpu or cuda")
    option("--workers", _natural, "threads that prepare batches ahead of the training")
    option("--out", Path, "a folder for each run is made here (runs)", metavar="FOLDER")
    t.add_argument("--resume", type=Path, metavar="FOLDER",
                   help="go on with an interrupted run in its folder; of the other options only --epochs and --quiet "
                        "apply")
    t.add_argument("--no-pictures", dest="pictures", action="store_false", default=argparse.SUPPRESS,
                   help="write no pictures (needs no matplotlib)")
    t.add_argument("--quiet", action="store_true", default=argparse.SUPPRESS, help="print only the result")


def _defaults(s: Settings) -> str:
    channels = ",".join(str(wide) for wide, _ in s.channels)
    convolutions = f"--channels {channels} --kernel {s.kernel} " if s.model == "cnn" else ""
    hidden = ",".join(map(str, s.hidden)) or "0"
    return (f"{convolutions}--hidden {hidden} --activation {s.activation} --dropout {s.dropout} --shift {s.shift} "
            f"--optimizer {s.optimizer} --lr {s.lr} --momentum {s.momentum} --weight-decay {s.weight_decay} "
            f"--schedule {s.schedule} --batch-size {s.batch_size} --epochs {s.epochs}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status. An error that a user can mend is one line on stderr."""
    options = vars(parser().parse_args(arguments))
    try:
        _COMMANDS[options.pop("command")](options)
    except (Diverged, ImportError, IndexError, MemoryError, OSError, RuntimeError, ValueError) as error:
        print(f"tinygrad_lite: {error}", file=sys.stderr)
        return 1
    except (Interrupted, KeyboardInterrupt) as stop:
        print(f"tinygrad_lite: interrupted {stop}".rstrip(), file=sys.stderr)
        return 130
    return 0


def _train(options: dict[str, Any]) -> None:
    folder = options.pop("resume")
    if folder is not None:
        if others := options.keys() - {"epochs", "quiet"}:
            names = ", ".join(map(_flag, sorted(others)))
            raise ValueError(f"--resume goes on with the settings of {folder}; {names} cannot be given beside it")
        resume(folder, **options)
    else:
        settings = replace(PRESETS[options.get("model", "cnn")], **options)
        for name, (setting, values) in APPLIES.items():
            if name in options and (chosen := getattr(settings, setting)) not in values:
                raise ValueError(f"{_flag(name)} means nothing with {_flag(setting)} {chosen}, only with "
                                 f"{' and '.join(values)}")
        train(settings)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _predict(options: dict[str, Any]) -> None:
    if options["image"] is not None and options["index"] is not None:
        raise ValueError("predict: give an image file or --index, not both")
    folder = options["run"] or latest(Settings().out)
    print(f"{folder}:", predict(folder, options["image"], options["index"]))


def _info(options: dict[str, Any]) -> None:
    print(machine.report())


_COMMANDS: dict[str, Callable[[dict[str, Any]], None]] = {"train": _train, "predict": _predict, "info": _info}


def _sizes(text: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected sizes such as 500,150, got {text!r}") from None
    if sizes == (0,):
        return ()
    if not sizes or min(sizes) < 1:
        raise argparse.ArgumentTypeError(f"sizes must be at least 1, got {text!r}")
    return sizes


def _blocks(text: str) -> tuple[tuple[int, int], ...]:
    try:
        parts = [part.partition("x") for part in text.split(",") if part.strip()]
        blocks = tuple((int(wide), int(depth) if by else 1) for wide, by, depth in parts)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected blocks such as 16,32 or 32x2,64x2, got {text!r}") from None
    if not blocks or min(min(block) for block in blocks) < 1:
        raise argparse.ArgumentTypeError(f"blocks must be at least 1 wide and 1 deep, got {text!r}")
    return blocks


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}") from None


def _positive(text: str) -> float:
    if not 0 < (value := _number(text)) < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


def _not_negative(text: str) -> float:
    if not 0 <= (value := _number(text)) < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number of at least 0, got {text}")
    return value


def _fraction(text: str) -> float:
    if not 0 <= (value := _number(text)) < 1:
        raise argparse.ArgumentTypeError(f"expected a number in [0, 1), got {text}")
    return value


def _whole(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}") from None
    if value < least:
        raise argparse.ArgumentTypeError(f"expected at least {least}, got {value}")
    return value


def _count(text: str) -> int:
    return _whole(text, 1)


def _natural(text: str) -> int:
    return _whole(text, 0)


def _odd(text: str) -> int:
    if (value := _whole(text, 1)) % 2 == 0:
        raise argparse.ArgumentTypeError(f"expected an odd number, got {value}")
    return value
