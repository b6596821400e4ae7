"""What convolutions, pools and a convolutional network cost beside PyTorch: milliseconds, forward and backward.

    python -m benchmarks.conv [--quick] [--threads 1 2] [--json FILE]

64 images of float32 each; a first layer needs no gradient of its input.  "network": conv 1 -> 16, max pool,
conv 16 -> 32, max pool, linear, on 28x28 images, with cross entropy and SGD with momentum; captured, too.  All results
and gradients are compared before anything is measured.  '-' where PyTorch is not installed.
"""

import argparse
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_lite as tg

from . import timing

Program = Callable[[], list[Any]]

CASES: dict[str, tuple[tuple[int, ...], str]] = {
    "conv 1 -> 16, 5x5, 28x28, first layer": ((1, 28, 28), "conv2d(x.detach(), w(16, 1, 5, 5), b(16), padding=2)"),
    "conv 16 -> 32, 5x5, 14x14": ((16, 14, 14), "conv2d(x, w(32, 16, 5, 5), b(32), padding=2)"),
    "conv 3 -> 32, 3x3, 32x32, first layer": ((3, 32, 32), "conv2d(x.detach(), w(32, 3, 3, 3), b(32), padding=1)"),
    "conv 32 -> 64, 3x3, 16x16": ((32, 16, 16), "conv2d(x, w(64, 32, 3, 3), b(64), padding=1)"),
    "conv 64 -> 128, 3x3, 8x8": ((64, 8, 8), "conv2d(x, w(128, 64, 3, 3), b(128), padding=1)"),
    "conv 64 -> 128, 3x3, 16x16, stride 2": ((64, 16, 16), "conv2d(x, w(128, 64, 3, 3), b(128), 2, 1)"),
    "conv 64 -> 64, 1x1, 16x16": ((64, 16, 16), "conv2d(x, w(64, 64, 1, 1), b(64))"),
    "conv 64, 3x3, 16x16, depthwise": ((64, 16, 16), "conv2d(x, w(64, 1, 3, 3), b(64), padding=1, groups=64)"),
    "transposed 64 -> 32, 4x4, 8x8, stride 2": ((64, 8, 8), "conv_transpose2d(x, w(64, 32, 4, 4), b(32), 2, 1)"),
    "max pool 2x2, 16 x 28x28": ((16, 28, 28), "max_pool2d(x, 2)"),
    "max pool 3x3, stride 2, 32 x 32x32": ((32, 32, 32), "max_pool2d(x, 3, 2, 1)"),
    "average pool 2x2, 16 x 28x28": ((16, 28, 28), "avg_pool2d(x, 2)"),
}


def normal(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Draws that are the same at each call."""
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


def in_library(library: Any, new: Callable[[Any], Any], shape: tuple[int, ...], call: str) -> Program:
    """Forward and backward of a call; returns the result and all gradients."""
    leaves: dict[tuple[int, ...], Any] = {}

    def leaf(*size: int) -> Any:
        if size not in leaves:
            leaves[size] = new(0.1 * normal(*size)).requires_grad_()
        return leaves[size]

    x, scope = leaf(*shape), {**vars(library.nn.functional), "w": leaf, "b": leaf}
    function = eval(f"lambda x: {call}", scope)
    g = new(normal(*function(x).shape))

    def run() -> list[Any]:
        for each in leaves.values():
            each.grad = None
        y = function(x)
        y.backward(g)
        return [y.detach(), *(each.grad for each in leaves.values() if each.grad is not None)]

    return run


def network(library: Any, new: Callable[[Any], Any], count: int) -> Program:
    """A training step of a small network on digits, always on the same images; returns its loss."""
    n, generator = library.nn, np.random.default_rng(0)
    net = n.Sequential(n.Conv2d(1, 16, 5, padding=2), n.ReLU(), n.MaxPool2d(2), n.Conv2d(16, 32, 5, padding=2),
                       n.ReLU(), n.MaxPool2d(2), n.Flatten(), n.Linear(32 * 7 * 7, 10))  # fmt: skip
    net.load_state_dict({name: new(0.05 * normal(*p.shape)) for name, p in net.state_dict().items()})
    optimizer = library.optim.SGD(net.parameters(), lr=0.001, momentum=0.9)
    x, t = new(normal(count, 1, 28, 28)), new(generator.integers(0, 10, count))

    def step() -> list[Any]:
        loss = n.functional.cross_entropy(net(x), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return [loss.detach()]

    return step


def programs(name: str, count: int) -> dict[str, Program]:
    """A case in each library that is there."""
    libraries: dict[str, tuple[Any, Any]] = {"ours": (tg, tg.from_numpy)}
    if torch := timing.optional("torch"):
        libraries["torch"] = (torch, torch.from_numpy)
    if name != "network":
        shape, call = CASES[name]
        return {key: in_library(*library, (count, *shape), call) for key, library in libraries.items()}
    steps = {key: network(*library, count) for key, library in libraries.items()}
    return {**steps, "captured": tg.capture(network(tg, tg.from_numpy, count))}


def check_agreement(name: str, found: dict[str, Program]) -> None:
    """Raise unless all compute the same results and gradients."""
    expected = [np.asarray(v) for v in found["ours"]()]
    for library, program in found.items():
        for a, b in zip(expected, program() if library != "ours" else expected, strict=True):
            scale = np.abs(a).max()
            np.testing.assert_allclose(np.asarray(b) / scale, a / scale, atol=1e-4, err_msg=f"{name} in {library}")


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Measure, print the table, return all figures in milliseconds."""
    count, rounds, seconds = (2, 2, 0.0002) if options.quick else (64, options.rounds, 0.01)
    report: dict[str, Any] = {}
    rows = []
    for name in (*CASES, "network"):
        found = programs(name, count)
        check_agreement(name, found)
        times = timing.measure(found, rounds=rounds, seconds=seconds)
        report[name] = {key: {"best": 1e3 * t.best, "median": 1e3 * t.median} for key, t in times.items()}
        best = {key: 1e3 * t.best for key, t in times.items()}
        cells = [f"{best[key]:.2f}" if key in best else "-" for key in ("ours", "captured", "torch")]
        rows.append([name, *cells, f"{best['ours'] / best['torch']:.2f}" if "torch" in best else "-"])
    print(f"\nforward and backward of {count} images: milliseconds, best of {rounds} rounds\n")
    print(timing.table(["", "ours", "captured", "torch", "ours / torch"], rows), flush=True)
    return report


if __name__ == "__main__":
    assert __doc__ is not None
    arguments = timing.options_parser(__doc__).parse_args()
    if arguments.device != "cpu":
        sys.exit("benchmarks.conv measures the CPU only")
    timing.run_for_each_thread_count("benchmarks.conv", arguments, benchmark)
