"""The command line: `python -m tinygrad_lite train --hidden 500,150 --epochs 20`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from . import __version__
from .training import ACTIVATIONS, DATASETS, Diverged, Settings, train


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; the options of `train` are the fields of `training.Settings`."""
    main = argparse.ArgumentParser(prog="python -m tinygrad_lite", description=(
        "An autograd micro-framework on NumPy and CuPy that prints the derivation it executes."))
    main.add_argument("--version", action="version", version=f"tinygrad_lite {__version__}")
    commands = main.add_subparsers(dest="command", required=True)
    t = commands.add_parser("train", help="train a dense network on handwritten digits and write a folder of results",
                            formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    d = Settings()
    t.add_argument("--dataset", choices=sorted(DATASETS), default=d.dataset,
                   help="digits: 6,000 embedded images of MNIST; mnist: all 70,000, from TINYGRAD_LITE_DATA")
    t.add_argument("--hidden", type=_sizes, default=",".join(map(str, d.hidden)), metavar="SIZES",
                   help="hidden layers, as in 500,150; 0: none")
    t.add_argument("--activation", choices=sorted(ACTIVATIONS), default=d.activation, help="of the hidden layers")
    t.add_argument("--lr", type=_positive, default=d.lr, help="learning rate")
    t.add_argument("--momentum", type=_fraction, default=d.momentum, help="of SGD, in [0, 1)")
    t.add_argument("--weight-decay", type=_not_negative, default=d.weight_decay, help="L2 penalty")
    t.add_argument("--dropout", type=_fraction, default=d.dropout, help="after each hidden layer, in [0, 1)")
    t.add_argument("--batch-size", type=_count, default=d.batch_size, help="examples per step")
    t.add_argument("--epochs", type=_count, default=d.epochs, help="passes over the training images")
    t.add_argument("--seed", type=_seed, default=d.seed, help="of weights, order and dropout")
    t.add_argument("--dtype", choices=["float32", "float64"], default=d.dtype, help="of weights and images")
    t.add_argument("--device", default=d.device, help="cpu or cuda")
    t.add_argument("--out", type=Path, default=d.out, metavar="FOLDER",
                   help="a folder for each run is made here")
    t.add_argument("--no-pictures", dest="pictures", action="store_false", default=argparse.SUPPRESS,
                   help="write no pictures (needs no matplotlib)")
    t.add_argument("--quiet", action="store_true", default=argparse.SUPPRESS, help="print only the result")
    return main


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status. An error that a user can mend is one line on stderr."""
    options = vars(parser().parse_args(arguments))
    options.pop("command")
    try:
        train(Settings(**options))
    except (Diverged, ImportError, OSError, RuntimeError, ValueError) as error:
        print(f"tinygrad_lite: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stop:
        print(f"tinygrad_lite: interrupted; {stop}" if str(stop) else "tinygrad_lite: interrupted", file=sys.stderr)
        return 130
    return 0


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


def _seed(text: str) -> int:
    return _whole(text, 0)
