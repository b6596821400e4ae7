"""Ops are as silent as PyTorch's: NumPy's warnings of log(0), 0 / 0 and overflow are the user's NumPy's alone."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import tinygrad_lite as tg
from tests.op_cases import CASES
from tests.test_ops import Evaluation, calls, flat, tracked
from tinygrad_lite.engine import backend
from tinygrad_lite.engine.operation import REGISTRY


@contextmanager
def heard() -> Iterator[list[Any]]:
    """All warnings that pass the library's filter."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings(*backend.SILENT)
        yield caught


def extreme(value: Any, dtype: str, seed: int) -> Any:
    """Floating arrays with what arithmetic fails on in their places; anything else as it is."""
    if isinstance(value, list):
        return [extreme(v, dtype, seed + i) for i, v in enumerate(value)]
    if not (isinstance(value, np.ndarray) and value.dtype.kind == "f"):
        return value
    largest, smallest = float(np.finfo(dtype).max), float(np.finfo(dtype).tiny)
    rng = np.random.default_rng(seed)
    odd = rng.choice([0.0, -0.0, 1.0, np.inf, -np.inf, np.nan, largest, -largest, smallest], value.shape)
    return np.where(rng.random(value.shape) < rng.random(), odd, value).astype(dtype)


@pytest.mark.parametrize("name", CASES)
def test_no_op_says_a_word(name: str) -> None:
    """Not in its forward, its VJPs and their derivatives, whatever its operands are."""

    @settings(max_examples=max(settings().max_examples // 4, 1), suppress_health_check=list(HealthCheck))
    @given(calls(name), st.sampled_from(["float16", "float32", "float64"]), st.integers(0, 2**32))
    def silent(arguments: Any, dtype: str, seed: int) -> None:
        op = REGISTRY[name].op
        names = tracked(op, arguments)
        arguments = {n: extreme(v, dtype, seed) for n, v in arguments.items()}
        with heard() as caught:
            try:
                y = Evaluation(REGISTRY[name], arguments, names).y
                if isinstance(y, tg.Tensor) and y.requires_grad:
                    weights = extreme(np.ones(y.shape, y.dtype), dtype, seed + 1)
                    directions = [extreme(v, dtype, seed) for n in names for v in flat(arguments[n])]
                    Evaluation(REGISTRY[name], arguments, names).gradients(weights)
                    Evaluation(REGISTRY[name], arguments, names).second(weights, directions)
            except (ArithmeticError, ValueError, RuntimeError, TypeError, np.linalg.LinAlgError):
                pass  # infinite indices, singular matrices: a refusal is no warning
        assert not [f"{w.filename}:{w.lineno}: {w.message}" for w in caught]

    silent()


CALLS = """
import numpy as np
import tinygrad_lite as tg
from tinygrad_lite.nn import functional as F
x = tg.tensor([0.0, -1.0, 1e38], requires_grad=True)
inf = tg.tensor([[tg.inf, 1.0], [2.0, tg.nan]])
huge = tg.full((3,), 3e38)

def silent_calls():
    for y in (x.log(), x / x, x.sqrt(), x.exp(), x * 1e30, x**-1, x.rsqrt(), huge.sum() + x, x.logsumexp(0),
              x.cumsum(0), x.norm(), x.prod(), x.std(correction=3), F.normalize(x, dim=0), F.softmax(x * tg.inf, 0)):
        y.backward(tg.ones_like(y))
    for _ in range(3):
        (3e38 * x).sum().backward()  # adds up in .grad
    grad, = tg.autograd.grad((x.log() ** 2).sum(), x, create_graph=True)
    grad.sum().backward()
    inf @ inf, inf.det(), inf.inverse(), tg.linalg.solve(inf, inf), inf.long(), huge.half(), inf.cumprod(0), inf.var()
    tg.tensor([1e300]), tg.full((2,), 1e300), tg.full_like(huge, 1e300), tg.linspace(0, tg.inf, 3)
    tg.nanmean(inf * tg.nan)
    tg.zeros(2).half().fill_(1e30), tg.round(huge, decimals=3), tg.zeros(0).mean(), tg.logspace(0, 400, 3)
    F.binary_cross_entropy(tg.tensor([0.0, 1.0]), tg.tensor([1.0, 0.0])), F.cross_entropy(inf, tg.tensor([0, 1]))

def silent_training():
    model = tg.nn.Sequential(tg.nn.Linear(2, 3), tg.nn.BatchNorm1d(3), tg.nn.Linear(3, 1))
    for Optimizer in (tg.optim.SGD, tg.optim.Adam):
        optimizer = Optimizer(model.parameters(), lr=1e30)
        def step(x):
            optimizer.zero_grad()
            loss = (model(x) ** 2).mean()
            loss.backward()
            tg.nn.utils.clip_grad_norm_(model.parameters(), 1e38, norm_type=3)
            optimizer.step()
            return loss
        for run in (step, tg.capture(step)):
            for _ in range(8):
                loss = run(3e38 * tg.rand(4, 2))
        assert not np.isfinite(loss.item())
"""


def run(*options: str, code: str) -> None:
    subprocess.run([sys.executable, *options, "-c", CALLS + textwrap.dedent(code)], check=True)


def test_errors_for_warnings_are_no_errors_of_ordinary_calls() -> None:
    """`python -W error`, and what users compute with NumPy themselves: that warns as ever."""
    run("-W", "error", code="""
        silent_calls()
        silent_training()
        for function in (lambda: np.log(np.zeros(2)), lambda: np.mean([]), lambda: x.detach().numpy() * 1e30):
            try:
                function()
            except RuntimeWarning:
                continue
            raise AssertionError("NumPy's warnings are the user's")
    """)


def test_what_the_user_tells_numpy_holds() -> None:
    run(code="""
        np.seterr(all="raise")
        for function in (lambda: tg.log(tg.zeros(2)), lambda: x * 1e30, lambda: (1 / x).sum().backward()):
            try:
                function()
            except FloatingPointError:
                continue
            raise AssertionError("an error was asked for")
    """)


@pytest.mark.parametrize("filters", [
    ["error", "ignore::RuntimeWarning:tinygrad_lite"],
    ["error", "ignore:(divide by zero|overflow|underflow|invalid value) encountered:RuntimeWarning:tinygrad_lite"],
])
def test_the_line_for_a_users_pytest(filters: list[str], tmp_path: Any) -> None:
    """pytest puts the filters of its configuration in front of ours."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings =\n" + "".join(f"    {f}\n" for f in filters))
    (tmp_path / "test_it.py").write_text(CALLS + textwrap.dedent("""
        import pytest, warnings

        def test_it():
            silent_calls()
            silent_training()
            with pytest.raises(RuntimeWarning):
                np.log(np.zeros(2))
            with pytest.raises(UserWarning):
                warnings.warn("of all other kinds")
    """))
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)], check=True)
