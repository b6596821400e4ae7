"""Every module, optimizer and schedule: derivatives against differences, float32, copies and states, capture, devices.

How each is made is a line of a table (module_cases.py).
"""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.devices import DEVICES
from tests.function_cases import derivatives, operands, scalar_of, strided
from tests.module_cases import MODULES, OPTIMIZERS, SCHEDULES, WITHOUT_CASE, lines
from tests.test_functions import HERE, assert_same, fetched, flat, library
from tinygrad_lite import nn, optim, random
from tinygrad_lite.engine import backend
from tinygrad_lite.optim import lr_scheduler

each_module = pytest.mark.parametrize("line", lines(MODULES))
each_device = pytest.mark.parametrize("device", DEVICES, ids=repr)
modes = pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])


def made(line: str, seed: int = 0) -> tuple[nn.Module, list[Any]]:
    """The module of a line in float64, and its inputs as NumPy arrays."""
    expression, arrays = operands(line)
    tg.manual_seed(seed)
    module: nn.Module = eval(expression, {"n": nn})
    return module.double(), arrays


def tensors(arrays: list[Any], device: backend.Backend = backend.numpy) -> list[tg.Tensor]:
    """Tensors of these values; the floating ones require grad."""
    found = [tg.from_numpy(backend.transfer(x, device)) for x in arrays]
    return [x.requires_grad_(x.is_floating_point()) for x in found]


def call(module: nn.Module, inputs: list[Any]) -> tuple[Any, ...]:
    """The results, with the same random numbers at each call."""
    tg.manual_seed(1)
    given = [x * 1 if getattr(module, "inplace", False) else x for x in inputs]
    return tuple(y for y in flat(module(*given)) if y is not None)


def leaves_of(module: nn.Module, inputs: list[tg.Tensor]) -> list[tg.Tensor]:
    """What gradients are taken of."""
    return [x for x in (*inputs, *module.parameters()) if x.requires_grad]


def two_orders(module: nn.Module, arrays: list[Any], device: backend.Backend, order: int = 2) -> list[Any]:
    """The results, the derivatives of all inputs and parameters, and the buffers after that."""
    inputs = tensors(arrays, device)
    y = call(module, inputs)
    return [*y, *derivatives(library(device), y, leaves_of(module, inputs), order), *module.buffers()]


class Drawn:
    """NumPy's random numbers in float64, on any device and in any dtype, which have numbers of their own."""

    def __init__(self, generator: np.random.Generator, where: backend.Backend) -> None:
        self.generator, self.device = generator, where

    def __getattr__(self, kind: str) -> Any:
        draw = getattr(self.generator, kind)
        return lambda shape, dtype: backend.transfer(np.asarray(draw(shape), dtype), self.device)


@pytest.fixture
def drawn_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same numbers are drawn on each device and in each dtype."""
    monkeypatch.setattr(random, "_on_device", Drawn)


def test_every_module_has_a_case() -> None:
    """And every exception is needed."""
    met = set(re.findall(r"n\.([A-Z]\w*)", MODULES))
    public = {name for name in nn.__all__ if isinstance(getattr(nn, name), type)}
    assert public - met - WITHOUT_CASE.keys() == set(), "add a line to module_cases.py"
    assert WITHOUT_CASE.keys() <= public - met


def test_every_optimizer_and_schedule_has_a_case() -> None:
    for module, table, abstract in (optim, OPTIMIZERS, "Optimizer"), (lr_scheduler, SCHEDULES, "LRScheduler"):
        public = {name for name in module.__all__ if isinstance(getattr(module, name), type)}
        assert public - {abstract} == set(re.findall(r"^\w+", table, re.MULTILINE)), "add a line to module_cases.py"


@modes
@each_module
def test_derivatives(line: str, training: bool) -> None:
    """Of the inputs and all parameters at once, first and second ones, against differences in a random direction."""
    module, arrays = made(line)
    module.train(training)
    inputs = tensors(arrays)
    leaves = leaves_of(module, inputs)
    rng = np.random.default_rng(0)
    directions = [rng.standard_normal(x.shape) for x in leaves]
    if "padding_idx" in line:
        directions[0][1] = 0  # the row of the padding gets no gradient

    def weighed(by: float) -> list[float]:
        """A scalar made of the results and one made of their gradients, with the leaves moved along the direction."""
        for x, direction in zip(leaves, directions, strict=True):
            x.array[...] += by * direction
        y = call(module, inputs)
        found = [scalar_of(HERE, y, True), scalar_of(HERE, tuple(derivatives(HERE, y, leaves, 1)), False)]
        for x, direction in zip(leaves, directions, strict=True):
            x.array[...] -= by * direction
        return [float(x.detach()) for x in found]

    found = derivatives(HERE, call(module, inputs), leaves)
    slopes = [sum(float((g.detach().array * d).sum()) for g, d in zip(part, directions, strict=True))
              for part in (found[:len(leaves)], found[len(leaves):])]
    differences = (np.array(weighed(1e-6)) - weighed(-1e-6)) / 2e-6
    np.testing.assert_allclose(slopes, differences, 1e-6, 1e-6)


@pytest.mark.usefixtures("drawn_alike")
@modes
@each_module
def test_float32(line: str, training: bool) -> None:
    """float32 goes in, from strided memory, and comes out, and is the dtype of the gradients and buffers."""
    module, arrays = made(line)
    rough = copy.deepcopy(module).train(training).to("float32")
    assert {x.dtype for x in rough.state_dict().values() if x.is_floating_point()} <= {np.dtype("float32")}
    low = [strided(x).astype("float32") if x.dtype.kind == "f" else x for x in arrays]
    exact = two_orders(module.train(training), arrays, backend.numpy, 1)
    expected = [x.float() if x.is_floating_point() else x for x in exact]
    assert_same(two_orders(rough, low, backend.numpy, 1), expected, backend.numpy, 2e-3)


@pytest.mark.usefixtures("drawn_alike")
@modes
@each_device
@each_module
def test_on_a_device(line: str, device: backend.Backend, training: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same values, gradients and buffers as on NumPy, never through the host."""
    module, arrays = made(line)
    moved = copy.deepcopy(module).train(training).to(device.device)
    expected = two_orders(module.train(training), arrays, backend.numpy)
    with monkeypatch.context() as patch:
        patch.setattr(device.module, "asnumpy", fetched)
        actual = two_orders(moved, [strided(x) for x in arrays], device)
    assert_same(actual, expected, device)


@each_module
def test_copies_and_states(line: str) -> None:
    """A copy, and another module with this one's state, compute the same; its name is in what is printed."""
    module, arrays = made(line)
    call(module, tensors(arrays))  # so that running statistics are not the first ones
    other, _ = made(line, seed=7)
    assert other.load_state_dict(copy.deepcopy(module.state_dict())) == ([], [])
    expected = two_orders(module.eval(), arrays, backend.numpy, 1)
    for same in (copy.deepcopy(module), pickle.loads(pickle.dumps(module)), other.eval()):
        assert not {id(x) for x in same.parameters()} & {id(x) for x in module.parameters()}
        assert_same(two_orders(same, arrays, backend.numpy, 1), expected, backend.numpy, 0)
    assert repr(module).startswith(f"{type(module).__name__}(")


def steps(line: str, device: backend.Backend, captured: bool) -> Iterator[Any]:
    """The loss, parameters and buffers after each of a few steps of SGD, with what is random drawn anew."""
    module, arrays = made(line)
    module.to(device.device)
    scale = nn.Parameter(tg.ones(len(arrays), dtype=tg.float64, device=device.device))
    optimizer = optim.SGD([scale, *module.parameters()], lr=0.001)

    def step(*inputs: Any) -> Any:
        optimizer.zero_grad()
        scaled = [x * scale[i] if x.is_floating_point() else x for i, x in enumerate(inputs)]
        results = [y for y in flat(module(*scaled)) if y is not None]
        loss = sum((y * y).sum() for y in results)
        loss.backward()
        optimizer.step()
        return loss

    run = tg.capture(step) if captured else step
    tg.manual_seed(1)
    for _ in range(3):
        loss = run(*[tg.from_numpy(backend.transfer(x, device)) for x in arrays])
        yield [x.detach().clone() for x in (loss, scale, *module.parameters(), *module.buffers())]


@pytest.mark.usefixtures("drawn_alike")
@each_device
@each_module
def test_captured(line: str, device: backend.Backend) -> None:
    """The bits of the eager steps; on a device almost those of NumPy."""
    eager = list(steps(line, backend.numpy, False))
    assert_same(list(steps(line, backend.numpy, True)), eager, backend.numpy, 0)
    assert_same(list(steps(line, device, True)), eager, device)


def training(optimizer: str, schedule: str | None, device: backend.Backend, captured: bool) -> Iterator[Any]:
    """The loss, parameters, learning rate and what the optimizer holds after each of five steps."""
    tg.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double().to(device.device)
    o: Any = eval(f"optim.{optimizer}", {"optim": optim, "p": model.parameters()})
    s: Any = eval(f"s.{schedule}", {"s": lr_scheduler, "o": o}) if schedule else None

    def step(x: Any) -> Any:
        o.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        o.step()
        return loss

    run = tg.capture(step) if captured else step
    rng = np.random.default_rng(0)
    for _ in range(5):
        loss = run(tg.from_numpy(backend.transfer(rng.standard_normal((5, 3)), device)))
        if s:
            s.step(*([loss.item()] if isinstance(s, lr_scheduler.ReduceLROnPlateau) else []))
        states = [dict(sorted(state.items())) for state in o.state_dict()["state"].values()]
        held = [x for state in states for x in state.values() if isinstance(x, tg.Tensor) and x.ndim]
        yield [o.param_groups[0]["lr"], *[x.detach().clone() for x in (loss, *model.parameters(), *held)]]


def check_training(optimizer: str, schedule: str | None, device: backend.Backend) -> None:
    eager = list(training(optimizer, schedule, backend.numpy, False))
    assert_same(list(training(optimizer, schedule, backend.numpy, True)), eager, backend.numpy, 0)
    for captured in (False, True):
        assert_same(list(training(optimizer, schedule, device, captured)), eager, device)


@each_device
@pytest.mark.parametrize("optimizer", lines(OPTIMIZERS))
def test_optimizers(optimizer: str, device: backend.Backend) -> None:
    """The same five steps on NumPy and on the device, eager and captured."""
    check_training(optimizer, None, device)


@each_device
@pytest.mark.parametrize("schedule", lines(SCHEDULES))
def test_schedules(schedule: str, device: backend.Backend) -> None:
    """The same five steps on NumPy and on the device, eager and captured."""
    check_training("SGD(p, 0.1, momentum=0.9)", schedule, device)
