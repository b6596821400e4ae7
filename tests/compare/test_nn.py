"""Modules, losses, optimizers, initialisation and printing: as PyTorch has them, weights and states included."""

from __future__ import annotations

import copy
import math
import re
from typing import Any

import numpy as np
import pytest
import torch

import tinygrad_lite as tg

from .pair import BOTH, OURS, THEIRS, Array, array_of, assert_same, attempt

INF, NAN = math.inf, math.nan
MODULES = {
    "Linear": (lambda n: n.Linear(4, 3), (5, 4)),
    "Linear without bias": (lambda n: n.Linear(4, 3, bias=False), (2, 5, 4)),
    "Linear on one example": (lambda n: n.Linear(4, 3), (4,)),
    "dense": (lambda n: n.Sequential(n.Flatten(), n.Linear(6, 5), n.Tanh(), n.Linear(5, 4), n.Sigmoid()), (3, 2, 3)),
    "deep": (lambda n: n.Sequential(n.Linear(4, 4), n.ReLU(), n.Sequential(n.Linear(4, 2), n.Softmax(1))), (3, 4)),
    "inplace": (lambda n: n.Sequential(n.Linear(4, 4), n.ReLU(inplace=True), n.Linear(4, 2)), (3, 4)),
    "Flatten": (lambda n: n.Flatten(1, 2), (2, 3, 4, 5)),
    "Identity": (lambda n: n.Sequential(n.Identity(), n.LogSoftmax(dim=1)), (2, 3)),
    "Dropout p=0": (lambda n: n.Sequential(n.Linear(4, 4), n.Dropout(0.0)), (3, 4)),
    "Dropout p=1": (lambda n: n.Sequential(n.Linear(4, 4), n.Dropout(1.0)), (3, 4)),
    "Dropout eval": (lambda n: n.Sequential(n.Linear(4, 4), n.Dropout(0.5)).eval(), (3, 4)),
}


def normal(*shape: int, seed: int = 0) -> Array:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape))


def twins(make: Any) -> tuple[Any, Any]:
    """The same module in both libraries, in float64, with PyTorch's weights."""
    ours, theirs = make(tg.nn).double(), make(torch.nn).double()
    state = {name: value.numpy() for name, value in theirs.state_dict().items()}
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)
    return ours, theirs


@pytest.mark.parametrize(("make", "shape"), MODULES.values(), ids=MODULES.keys())
def test_modules(make: Any, shape: tuple[int, ...]) -> None:
    found = []
    for module, library in zip(twins(make), BOTH, strict=True):
        x = library.new(normal(*shape)).requires_grad_()
        y = module(x)
        (y * y * y).sum().backward()
        found.append([y, x.grad, *(p.grad for p in module.parameters())])
    assert_same(found[0], found[1])


@pytest.mark.parametrize("make", [m for m, _ in MODULES.values()], ids=MODULES.keys())
def test_repr_of_modules(make: Any) -> None:
    assert repr(make(tg.nn)) == repr(make(torch.nn))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("loss", "target"), [
    ("CrossEntropyLoss", np.array([2, 0, 1, 1])),
    ("CrossEntropyLoss", np.abs(normal(4, 3))),
    ("MSELoss", normal(4, 3, seed=1)),
    ("BCEWithLogitsLoss", np.random.default_rng(0).random((4, 3))),
])
def test_losses(loss: str, target: Array, reduction: str) -> None:
    found = []
    for library, nn in ((OURS, tg.nn), (THEIRS, torch.nn)):
        x = library.new(normal(4, 3)).requires_grad_()
        value = getattr(nn, loss)(reduction=reduction)(x, library.new(target))
        value.sum().backward()
        found.append([value, x.grad])
    assert_same(found[0], found[1])


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "MSELoss", "BCEWithLogitsLoss"])
def test_losses_name_a_wrong_reduction(name: str) -> None:
    for library, nn in ((OURS, tg.nn), (THEIRS, torch.nn)):
        with pytest.raises(ValueError, match="is not a valid value for reduction"):
            getattr(nn, name)(reduction="average")(library.new(normal(2, 3)), library.new(normal(2, 3)))


# --- optimizers -------------------------------------------------------------------------------------------------------

OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.8, "weight_decay": 0.1, "nesterov": True}),
    ("SGD", {"lr": 0.01, "momentum": 0.5, "weight_decay": 0.1, "dampening": 0.2, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-4}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05, "amsgrad": True}),
    ("Adam", {"lr": 0.01, "maximize": True, "weight_decay": 0.01}),
]


def dense(nn: Any) -> Any:
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))


def train(module: Any, optimizer: Any, library: Any, steps: range) -> list[float]:
    """Losses over steps with changing data; the learning rate is halved on the way and one step has no gradients."""
    losses = []
    criterion = (tg.nn if library is OURS else torch.nn).CrossEntropyLoss()
    for step in steps:
        if step == 20:
            optimizer.param_groups[0]["lr"] /= 2
        optimizer.zero_grad(set_to_none=step % 2 == 0)
        loss = criterion(module(library.new(normal(8, 4, seed=step))), library.new(np.arange(8) % 3))
        if step != 7:
            loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_trajectories(name: str, options: dict[str, Any]) -> None:
    modules = twins(dense)
    optimizers = [getattr(library.T.optim, name)(module.parameters(), **options)
                  for library, module in zip(BOTH, modules, strict=True)]
    ours, theirs = (train(*each, range(50)) for each in zip(modules, optimizers, BOTH, strict=True))
    np.testing.assert_allclose(ours, theirs, 1e-9, 1e-9)
    assert_same(list(modules[0].parameters()), list(modules[1].parameters()))


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_each_continues_from_the_state_of_the_other(name: str, options: dict[str, Any]) -> None:
    modules = twins(dense)
    optimizers = [getattr(library.T.optim, name)(module.parameters(), **options)
                  for library, module in zip(BOTH, modules, strict=True)]
    for each in zip(modules, optimizers, BOTH, strict=True):
        train(*each, range(10))
    states = [copy.deepcopy(o.state_dict()) for o in optimizers]
    optimizers[0].load_state_dict(translated(states[1], OURS))
    optimizers[1].load_state_dict(translated(states[0], THEIRS))
    ours, theirs = (train(*each, range(10, 30)) for each in zip(modules, optimizers, BOTH, strict=True))
    np.testing.assert_allclose(ours, theirs, 1e-9, 1e-9)


def translated(state: Any, library: Any) -> Any:
    """A state dict with the tensors of a library."""
    if isinstance(state, dict):
        return {key: torch.tensor(float(value)) if key == "step" and library is THEIRS else translated(value, library)
                for key, value in state.items()}
    return library.new(np.array(array_of(state))) if hasattr(state, "detach") else state


def test_groups_with_options_of_their_own() -> None:
    modules = twins(dense)
    found = []
    for lib, module, library in zip((tg, torch), modules, BOTH, strict=True):
        groups = [{"params": list(module[0].parameters()), "lr": 0.01}, {"params": [module[2].weight]}]
        optimizer = lib.optim.SGD(groups, lr=0.1, momentum=0.9)
        optimizer.add_param_group({"params": [module[2].bias], "momentum": 0.0})
        found.append([train(module, optimizer, library, range(30)), list(module.parameters())])
    np.testing.assert_allclose(found[0][0], found[1][0], 1e-9, 1e-9)
    assert_same(found[0][1], found[1][1])


@pytest.mark.parametrize(("name", "options"), [
    ("SGD", {"lr": -1}), ("SGD", {"momentum": -1}), ("SGD", {"weight_decay": -1}), ("SGD", {"nesterov": True}),
    ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}),
    ("Adam", {"lr": -1}), ("Adam", {"eps": -1}), ("Adam", {"betas": (1, 0.9)}), ("Adam", {"weight_decay": -1}),
])  # fmt: skip
def test_options_out_of_range(name: str, options: dict[str, Any]) -> None:
    for lib, library in ((tg, OURS), (torch, THEIRS)):
        with pytest.raises(ValueError):
            getattr(lib.optim, name)([library.new(normal(2)).requires_grad_()], **options)


# --- initialisation ---------------------------------------------------------------------------------------------------

INITIALISERS: dict[str, dict[str, Any]] = {
    "uniform_": {"a": -2, "b": 3},
    "normal_": {"mean": 1, "std": 2},
    "xavier_uniform_": {"gain": 2},
    "xavier_normal_": {},
    "kaiming_uniform_": {"a": math.sqrt(5)},
    "kaiming_normal_": {"mode": "fan_out", "nonlinearity": "relu"},
    "constant_": {"val": 0.3},
    "ones_": {},
    "zeros_": {},
    "eye_": {},
}


@pytest.mark.parametrize("name", INITIALISERS)
def test_initialisers_have_the_same_distribution(name: str) -> None:
    """Mean, deviation, smallest and largest of 60,000 draws; exact where nothing is drawn."""
    found = []
    for library, nn in ((OURS, tg.nn), (THEIRS, torch.nn)):
        library.T.manual_seed(0)
        x = getattr(nn.init, name)(library.new(np.empty((200, 300))), **INITIALISERS[name])
        values = array_of(x)
        bounds = [] if "normal" in name else [values.min(), values.max()]
        found.append([values.mean(), values.std(), *bounds])
    scale = max(abs(found[1][-1]), 1e-9)
    np.testing.assert_allclose(found[0], found[1], 0, 0.02 * scale)


@pytest.mark.parametrize("nonlinearity", ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu", "nothing"])
def test_gains(nonlinearity: str) -> None:
    assert_same(*(attempt(nn.init.calculate_gain, nonlinearity) for nn in (tg.nn, torch.nn)))


def test_linear_starts_within_the_same_bounds() -> None:
    for in_features in (1, 7, 300):
        for nn in (tg.nn, torch.nn):
            layer = nn.Linear(in_features, 2000)
            bound = 1 / math.sqrt(in_features)
            for p in layer.parameters():
                assert 0.98 * bound < np.abs(array_of(p)).max() <= bound * (1 + 1e-6)


# --- printing ---------------------------------------------------------------------------------------------------------

PRINTED = """
1.0 ; 1.5 ; -2.25 ; 3 ; True ; [] ; [[]] ; [1, 2, 3] ; [1, -20, 300] ; [True, False] ; [[True]] ; [1.0, 2.0, 3.0]
[1.5, 2, 3] ; [-1.5, 2.0, 3.0] ; [NAN, 1.0] ; [NAN, INF, -INF, 1.5] ; [INF, 1] ; [NAN] ; NAN ; -INF ; -0.0 ; [0.0, 0]
[1e-5, 1] ; [1e5, 1.5] ; [1e8, 1.0] ; [1e9, 1.0] ; 1e-8 ; 12345678.0 ; 123456789.0 ; [1e-10, 1e10] ; [0.0001, 0.5]
[99999.0, 1.0] ; [100000, 1.0] ; [1000.5, 1] ; [[1.0, 2], [3, 4]] ; [[[1.0, -2], [3, 4]]] * 2 ; [[1e-7, 1], [2, 3]]
zeros((0, 3)) ; zeros((2, 0, 3)) ; zeros(0, "i8") ; zeros(0, "?") ; zeros(3, "f2") ; zeros(3, "f8") ; zeros((), "i4")
arange(1001.0) ; arange(2000).reshape(40, 50) ; arange(24).reshape(2, 3, 4) * 1000 ; linspace(0, 1, 30) ; arange(40)
zeros((30, 30, 30)) ; [[1.0, 2.0]] * 1001 ; arange(-1200, 0).reshape(2, 3, 200) ; normal(4, 20) ; normal(1100) * 1e6
normal(3, 7).astype("f4") ; normal(2, 3, 4, 5) ; [[1] * 30] ; arange(7).astype("u1") ; normal(50).astype("f2")
"""


def shown(x: Any) -> str:
    """The text of a tensor; where PyTorch's longer names of dtypes and nodes stand, a line may end elsewhere."""
    text = repr(x).replace("torch.", "").replace("MulBackward0", "mul")
    return re.sub(r",\n +(?=[a-z_]+=)", ", ", text) if "dtype" in text or "grad_fn" in text else text


@pytest.mark.parametrize("text", [t for line in PRINTED.strip().splitlines() for t in line.split(" ; ")])
@pytest.mark.parametrize("requires_grad", [False, True])
def test_repr_of_tensors(text: str, requires_grad: bool) -> None:
    names = {"INF": INF, "NAN": NAN, "normal": normal} | {k: getattr(np, k) for k in ("zeros", "arange", "linspace")}
    data = eval(text, names)
    ours, theirs = (library.T.tensor(data) for library in BOTH)
    if requires_grad and theirs.is_floating_point():
        ours.requires_grad_()
        theirs.requires_grad_()
    assert shown(ours) == shown(theirs)


def test_repr_of_results_and_parameters() -> None:
    ours, theirs = (nn.Parameter(library.new(normal(2, 30))) for library, nn in ((OURS, tg.nn), (THEIRS, torch.nn)))
    assert shown(ours) == shown(theirs)
    assert shown(ours * 2) == shown(theirs * 2)


