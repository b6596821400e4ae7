"""What an op costs beside its arithmetic: microseconds per op on small arrays, where overhead is all there is.

    python -m benchmarks.overhead [--quick] [--threads 1 2] [--json FILE]

Each line is a chain of 200 steps on 8x8 matrices of float32, with gradients recorded, in this library, NumPy, PyTorch,
HIPS autograd and MyGrad; '-' where one is not installed. "forward" builds the graph and drops it; "forward + backward"
walks it too. NumPy's backward is the same array operations, written by hand for that chain. All results and gradients
are compared before anything is measured.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

import tinygrad_lite as tg

from . import timing

SIDE = 8
TARGETS = {"forward": 1.2, "forward + backward": 2.0}  # microseconds above NumPy


@dataclass(frozen=True)
class Step:
    """One step of a chain: y becomes `forward`, an expression in y and the leaves x, w, b.

    The hand-written NumPy program runs `forward` (or `numpy`, where it must name an intermediate result), puts `kept`
    aside (old is y before the step), and on the way back runs `backward` with it: g is the gradient of y; gx, gw and
    gb collect those of the leaves.
    """

    forward: str
    backward: str
    kept: str = "None"
    numpy: str = ""
    ops: int = 1


STEPS = {
    "add": Step("y + x", "gx = gx + g"),
    "mul": Step("y * x", "gx = gx + g * kept; g = g * x", "old"),
    "mul by a number": Step("y * 1.01", "g = g * 1.01"),
    "tanh": Step("tanh(y)", "g = g * (1 - kept * kept)", "y"),
    "sigmoid": Step("sigmoid(y)", "g = g * (kept * (1 - kept))", "y"),
    "exp, neg": Step("exp(-y)", "g = -(g * kept)", "y", ops=2),
    "matmul": Step("y @ w", "gw = gw + kept.T @ g; g = g @ w.T", "old"),
    "linear": Step("linear(y, w, b)", "gw = gw + g.T @ kept; gb = gb + g.sum(0); g = g @ w", "old"),
    "sum(0), mul": Step(
        "y.sum(0) * w",
        "gw = gw + g * kept; g = broadcast_to((g * w).sum(0), g.shape)",
        "total",
        numpy="total = y.sum(0); y = total * w",
        ops=2,
    ),
    "getitem": Step("y[0:8]", "full = zeros(g.shape, g.dtype); full[0:8] = g; g = full"),
    "reshape": Step("y.reshape((4, 16)).reshape((8, 8))", "g = g.reshape((4, 16)).reshape((8, 8))", ops=2),
}

HAND_WRITTEN = """
def program(x, w, b, seed):
    aside = []
    y, g = x, seed
    gx = gw = gb = 0
    for _ in range(length):
        old = y
        {forward}
        aside.append({kept})
    for kept in reversed(aside):
        {backward}
    return y, (gx + g, gw, gb)
"""
CHAIN = """
def chain(x, w, b):
    y = x
    for _ in range(length):
        y = {forward}
    return y
"""


class Programs(NamedTuple):
    """A chain in one library."""

    forward: Callable[[], Any]
    both: Callable[[], Any]
    """Returns (the result, the gradient of x), for the comparison."""


def compiled(template: str, names: dict[str, Any]) -> Any:
    """The function that a template defines, with `names` as its globals: no lookup of a library on the way."""
    exec(template, names)
    return names["chain" if "def chain" in template else "program"]


def leaves() -> tuple[np.ndarray[Any, Any], ...]:
    """x, w, b and the gradient of the result; chosen so that long chains stay finite."""
    random = np.random.default_rng(0)
    x = 1 + 1e-3 * random.standard_normal((SIDE, SIDE))
    row = random.random(SIDE)
    w = np.stack([np.roll(row / row.sum(), i) for i in range(SIDE)])  # rows and columns sum to 1: products keep size
    b = 1e-3 * random.standard_normal(SIDE)
    seed = random.standard_normal((SIDE, SIDE))
    return tuple(a.astype(np.float32) for a in (x, w, b, seed))


def in_numpy(step: Step, length: int, device: str) -> Programs:
    """The textbook: arrays, and the backward pass by hand."""

    def linear(y: Any, w: Any, b: Any) -> Any:
        return y @ w.T + b

    def sigmoid(y: Any) -> Any:
        return 0.5 * np.tanh(0.5 * y) + 0.5

    names = {"tanh": np.tanh, "exp": np.exp, "sigmoid": sigmoid, "linear": linear, "length": length,
             "zeros": np.zeros, "broadcast_to": np.broadcast_to}  # fmt: skip
    x, w, b, seed = leaves()
    chain = compiled(CHAIN.format(forward=step.forward), {**names})
    program = compiled(
        HAND_WRITTEN.format(forward=step.numpy or f"y = {step.forward}", kept=step.kept, backward=step.backward),
        {**names},
    )

    def both() -> Any:
        y, gradients = program(x, w, b, seed)
        return y, gradients[0]

    return Programs(lambda: chain(x, w, b), both)


def in_ours(step: Step, length: int, device: str) -> Programs:
    """This library."""
    x, w, b = (tg.tensor(a, device=device, requires_grad=True) for a in leaves()[:3])
    seed = tg.tensor(leaves()[3], device=device)
    names = {"tanh": tg.tanh, "exp": tg.exp, "sigmoid": tg.sigmoid, "linear": tg.ops.linear, "length": length}
    chain = compiled(CHAIN.format(forward=step.forward), names)

    def both() -> Any:
        x.grad = w.grad = b.grad = None
        y = chain(x, w, b)
        y.backward(seed)
        return y.detach().cpu(), x.grad.cpu()  # type: ignore[attr-defined]

    return Programs(lambda: chain(x, w, b), both)


def in_torch(step: Step, length: int, device: str) -> Programs:
    """PyTorch, eager."""
    torch = timing.optional("torch")
    x, w, b = (torch.tensor(a, device=device, requires_grad=True) for a in leaves()[:3])
    seed = torch.tensor(leaves()[3], device=device)
    names = {"tanh": torch.tanh, "exp": torch.exp, "sigmoid": torch.sigmoid, "linear": torch.nn.functional.linear,
             "length": length}  # fmt: skip
    chain = compiled(CHAIN.format(forward=step.forward), names)

    def both() -> Any:
        x.grad = w.grad = b.grad = None
        y = chain(x, w, b)
        y.backward(seed)
        return y.detach().cpu(), x.grad.cpu()

    return Programs(lambda: chain(x, w, b), both)


def in_autograd(step: Step, length: int, device: str) -> Programs:
    """HIPS autograd: recording happens while a vector-Jacobian product is being made."""
    autograd = timing.optional("autograd")
    anp = timing.optional("autograd.numpy")

    def linear(y: Any, w: Any, b: Any) -> Any:
        return anp.dot(y, w.T) + b

    def sigmoid(y: Any) -> Any:
        return 0.5 * anp.tanh(0.5 * y) + 0.5

    *arguments, seed = leaves()
    names = {"tanh": anp.tanh, "exp": anp.exp, "sigmoid": sigmoid, "linear": linear, "length": length}
    chain = compiled(CHAIN.format(forward=step.forward), names)
    record = autograd.make_vjp(lambda leaf: chain(*leaf))

    def both() -> Any:
        pull, y = record(tuple(arguments))
        return y, pull(seed)[0]

    return Programs(lambda: record(tuple(arguments)), both)


def in_mygrad(step: Step, length: int, device: str) -> Programs:
    """MyGrad, as it comes: with its guard of arrays."""
    mygrad = timing.optional("mygrad")
    nnet = timing.optional("mygrad.nnet")

    def linear(y: Any, w: Any, b: Any) -> Any:
        return y @ w.T + b

    x, w, b = (mygrad.tensor(a) for a in leaves()[:3])
    seed = leaves()[3]
    names = {"tanh": mygrad.tanh, "exp": mygrad.exp, "sigmoid": nnet.sigmoid, "linear": linear, "length": length}
    chain = compiled(CHAIN.format(forward=step.forward), names)

    def both() -> Any:
        for leaf in (x, w, b):
            leaf.null_grad()
        y = chain(x, w, b)
        y.backward(seed)
        return y.data, x.grad

    return Programs(lambda: chain(x, w, b), both)


COLUMNS: dict[str, Callable[[Step, int, str], Programs]] = {
    "ours": in_ours,
    "numpy": in_numpy,
    "torch": in_torch,
    "autograd": in_autograd,
    "mygrad": in_mygrad,
}


def check_agreement(name: str, programs: dict[str, Programs]) -> None:
    """Raise unless all libraries compute the same result and the same gradient."""
    expected = programs["numpy"].both()
    for library, program in programs.items():
        for what, ours, theirs in zip(("result", "gradient of x"), expected, program.both(), strict=True):
            np.testing.assert_allclose(
                np.asarray(theirs), ours, rtol=1e-3, atol=1e-4, err_msg=f"{name}: the {what} in {library}"
            )


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Measure, print both tables, return all figures in microseconds."""
    installed = [name for name in COLUMNS if name in ("ours", "numpy") or timing.optional(name)]
    length, rounds, seconds = (20, 2, 0.0002) if options.quick else (200, options.rounds, 0.004)
    report: dict[str, Any] = {"length": length}
    times: dict[str, dict[str, dict[str, timing.Timing]]] = {direction: {} for direction in TARGETS}
    for name, step in STEPS.items():
        programs = {library: COLUMNS[library](step, length, options.device) for library in installed}
        check_agreement(name, programs)
        for direction, field in zip(TARGETS, Programs._fields, strict=True):
            times[direction][name] = timing.measure(
                {library: getattr(program, field) for library, program in programs.items()},
                rounds=rounds, seconds=seconds, device=options.device,
            )  # fmt: skip
    for direction, target in TARGETS.items():
        rows = []
        for name, found in times[direction].items():
            scale = 1e6 / (length * STEPS[name].ops)
            above = scale * (found["ours"].best - found["numpy"].best)
            cells = [f"{scale * found[column].best:.2f}" if column in found else "-" for column in COLUMNS]
            rows.append([name, *cells, f"{above:.2f}"])
            report.setdefault(direction, {})[name] = {
                library: {"best": scale * t.best, "median": scale * t.median} for library, t in found.items()
            }
        print(f"\n{direction}: microseconds per op, best of {rounds} rounds (to reach: {target} above NumPy)\n")
        print(timing.table(["", *COLUMNS, "ours - numpy"], rows), flush=True)
    return report


if __name__ == "__main__":
    parser = timing.options_parser(sys.modules[__name__].__doc__ or "")
    timing.run_for_each_thread_count("benchmarks.overhead", parser.parse_args(), benchmark)
