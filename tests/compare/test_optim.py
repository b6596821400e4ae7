"""Fifty steps of each optimizer in PyTorch and here, in float64: parameters and states agree to 1e-9."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import tinygrad_lite as tg
from tests.compare.pair import array_of, assert_same, attempt

LIBRARIES: list[Any] = [tg, torch]


@pytest.fixture(autouse=True)
def numbers_in_float64() -> Iterator[None]:
    """PyTorch keeps NAdam's `mu_product` in its default dtype; ours is a Python number."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.5, 0.7), "eps": 1e-4, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "betas": (0.3, 0.4), "amsgrad": True, "maximize": True}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.2, "amsgrad": True, "betas": (0.3, 0.4)}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.0, "maximize": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.01, "alpha": 0.6, "eps": 1e-4, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.01, "momentum": 0.9, "maximize": True}),
    ("RMSprop", {"lr": 0.01, "centered": True}),
    ("RMSprop", {"lr": 0.01, "alpha": 0.3, "centered": True, "momentum": 0.5, "weight_decay": 0.1}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.3, "lr_decay": 0.1, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.3, "initial_accumulator_value": 0.5, "eps": 1e-3, "maximize": True}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.7, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
    ("Adamax", {}),
    ("Adamax", {"lr": 0.05, "betas": (0.5, 0.7), "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
    ("NAdam", {}),
    ("NAdam", {"lr": 0.05, "betas": (0.5, 0.7), "weight_decay": 0.1, "momentum_decay": 0.1, "maximize": True}),
    ("NAdam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {}),
    ("RAdam", {"lr": 0.05, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
    ("RAdam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
]
NAMES = sorted({name for name, _ in CASES})
each_case = pytest.mark.parametrize(("name", "options"), CASES, ids=[f"{n}-{'-'.join(o)}" for n, o in CASES])


class Training:
    """The same network, optimizer and batches in one of the libraries.  Its groups have options of their own."""

    def __init__(self, library: Any, name: str, options: dict[str, Any]) -> None:
        self.library = library
        self.sign = -1 if options.get("maximize") else 1  # else they climb away, and rounding grows as they do
        random, shapes = np.random.default_rng(0), [(3, 4), (3,), (2, 3)]
        self.parameters = [library.from_numpy(random.standard_normal(shape)).requires_grad_() for shape in shapes]
        a, b, c = self.parameters
        groups = [{"params": [a, b]}, {"params": c, "lr": 0.02, "weight_decay": 0.05}]
        self.optimizer = getattr(library.optim, name)(groups, **options)

    def step(self, t: int) -> None:
        """One step; the third parameter has no gradient at first."""
        random = np.random.default_rng(t)
        x, y = (self.library.from_numpy(random.standard_normal(s)) for s in ((5, 4), (5, 2)))
        self.optimizer.zero_grad()
        a, b, c = self.parameters
        hidden = (x @ a.T + b).tanh()
        loss = ((hidden @ c.T - y) ** 2).mean() if t > 2 else (hidden**2).mean()
        (self.sign * loss).backward()
        self.optimizer.step()


def assert_same_course(ours: Training, theirs: Training) -> None:
    for p, q in zip(ours.parameters, theirs.parameters, strict=True):
        np.testing.assert_allclose(array_of(p), array_of(q), rtol=1e-9, atol=1e-12)
    a, b = ours.optimizer.state_dict(), theirs.optimizer.state_dict()
    assert a["state"].keys() == b["state"].keys()
    for number, state in b["state"].items():
        kept = {key: value for key, value in state.items() if value is not None}  # SGD's buffer without momentum
        assert list(a["state"][number]) == list(kept)
        for key, value in kept.items():
            np.testing.assert_allclose(np.asarray(a["state"][number][key]), array_of(value), rtol=1e-9, atol=1e-12)
    for group, other in zip(a["param_groups"], b["param_groups"], strict=True):
        assert group.items() <= other.items()


@each_case
def test_fifty_steps(name: str, options: dict[str, Any]) -> None:
    ours, theirs = (Training(library, name, options) for library in LIBRARIES)
    assert_same_course(ours, theirs)
    for t in range(50):
        ours.step(t)
        theirs.step(t)
        if t in (0, 1, 4, 49):
            assert_same_course(ours, theirs)


@each_case
def test_a_training_begun_in_pytorch_goes_on_here(name: str, options: dict[str, Any]) -> None:
    ours, theirs = (Training(library, name, options) for library in LIBRARIES)
    for t in range(5):
        theirs.step(t)
    with tg.no_grad():
        for p, q in zip(ours.parameters, theirs.parameters, strict=True):
            p.copy_(tg.from_numpy(array_of(q)))
    ours.optimizer.load_state_dict(theirs.optimizer.state_dict())
    for t in range(5, 10):
        ours.step(t)
        theirs.step(t)
    for p, q in zip(ours.parameters, theirs.parameters, strict=True):
        np.testing.assert_allclose(array_of(p), array_of(q), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_defaults(name: str) -> None:
    ours, theirs = (getattr(library.optim, name)([library.ones(1, requires_grad=True)]) for library in LIBRARIES)
    assert ours.defaults.items() <= theirs.defaults.items()
    assert theirs.defaults.keys() - ours.defaults.keys() <= {"foreach", "differentiable", "fused", "capturable"}


BAD: list[tuple[str, dict[str, Any]]] = [
    *((name, {option: -1.0}) for name in NAMES for option in (
        "lr", "weight_decay", "eps", "momentum", "alpha", "lr_decay", "initial_accumulator_value", "rho",
        "momentum_decay")),
    ("Adadelta", {"rho": 1.5}),
    *((name, {"betas": betas}) for name in ("Adamax", "NAdam", "RAdam") for betas in ((1.0, 0.9), (0.9, -0.1))),
    *((name, {"betas": betas}) for name in ("Adam", "AdamW")
      for betas in ((1.0, 0.9), (0.9, 1.0), (-0.1, 0.9), (0.9, -0.1), (0, 0.9), (0.9, 0))),
    ("SGD", {"nesterov": True}), ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}),
    ("Adam", {"lr": float("nan")}),
]


@pytest.mark.parametrize(("name", "options"), BAD)
def test_what_is_refused(name: str, options: dict[str, Any]) -> None:
    results = []
    for library in LIBRARIES:
        p = library.ones(1, requires_grad=True)
        made = attempt(lambda p=p, library=library: getattr(library.optim, name)([p], **options))
        results.append(made if isinstance(made, Exception) else "no error")
    assert_same(results[0], results[1])
    if isinstance(results[1], ValueError) and "betas must be" not in str(results[1]):
        assert str(results[0]) == str(results[1])
