"""The same training script in PyTorch and here: modules, losses, optimizers and their states agree to 1e-12."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

import tinygrad_lite as tg
from tests.compare.pair import array_of

LIBRARIES: list[Any] = [tg, torch]


def network(library: Any, sizes: list[int], activation: str) -> Any:
    nn, layers = library.nn, []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), getattr(nn, activation)()]
    return nn.Sequential(nn.Flatten(), *layers[:-1]).double()


lr, share = st.floats(0.001, 0.5), st.floats(0, 0.99)
common = {"weight_decay": share, "maximize": st.booleans()}
OPTIMIZERS = st.one_of(
    st.tuples(st.just("SGD"), st.fixed_dictionaries({"lr": lr}, optional={
        "momentum": share, "dampening": share} | common)),
    st.tuples(st.just("SGD"), st.fixed_dictionaries({
        "lr": lr, "momentum": st.floats(0.1, 0.9), "nesterov": st.just(True)}, optional=common)),
    st.tuples(st.just("Adam"), st.fixed_dictionaries({"lr": lr}, optional={
        "betas": st.tuples(share, share), "eps": st.floats(1e-6, 0.1), "amsgrad": st.booleans()} | common)),
)


@given(choice=OPTIMIZERS, sizes=st.lists(st.integers(1, 5), min_size=2, max_size=4), seed=st.integers(0, 1000),
       activation=st.sampled_from(["Tanh", "Sigmoid", "ReLU"]), reduction=st.sampled_from(["mean", "sum"]),
       loss=st.sampled_from(["CrossEntropyLoss", "MSELoss", "BCEWithLogitsLoss"]))
@settings(max_examples=60)
def test_training_takes_the_same_course(choice: tuple[str, dict[str, Any]], sizes: list[int], seed: int,
                                        activation: str, reduction: str, loss: str) -> None:
    name, options = choice
    random = np.random.default_rng(seed)
    torch.manual_seed(seed)
    models = [network(library, sizes, activation) for library in LIBRARIES]
    models[0].load_state_dict(models[1].state_dict())
    half = [list(m.parameters())[:1] for m in models], [list(m.parameters())[1:] for m in models]
    optimizers = [getattr(library.optim, name)([{"params": half[0][i]}, {"params": half[1][i], "lr": 0.01}], **options)
                  for i, library in enumerate(LIBRARIES)]
    for _ in range(4):
        x, y = random.standard_normal((3, 1, sizes[0])), random.random((3, sizes[-1]))
        for i, library in enumerate(LIBRARIES):
            optimizers[i].zero_grad()
            criterion = getattr(library.nn, loss)(reduction=reduction)
            criterion(models[i](library.from_numpy(x)), library.from_numpy(y)).backward()
            optimizers[i].step()
        for ours, theirs in zip(*(m.parameters() for m in models), strict=True):
            np.testing.assert_allclose(array_of(ours), array_of(theirs), rtol=1e-9, atol=1e-12)
    states = [o.state_dict() for o in optimizers]
    for number, state in states[1]["state"].items():
        for key, value in state.items():
            ours = np.asarray(states[0]["state"][number][key])
            np.testing.assert_allclose(ours, array_of(value), rtol=1e-9, atol=1e-12)
    for ours, theirs in zip(*(s["param_groups"] for s in states), strict=True):
        assert ours.items() <= theirs.items()


@pytest.mark.parametrize(("name", "options"), [
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}), ("Adam", {"lr": 0.1, "amsgrad": True})])
def test_a_training_begun_in_pytorch_goes_on_here(name: str, options: dict[str, Any]) -> None:
    models = [network(library, [4, 3, 2], "Tanh") for library in LIBRARIES]
    optimizers = [getattr(library.optim, name)(model.parameters(), **options)
                  for library, model in zip(LIBRARIES, models, strict=True)]
    x = np.random.default_rng(0).standard_normal((3, 4))

    def step(i: int) -> None:
        optimizers[i].zero_grad()
        (models[i](LIBRARIES[i].from_numpy(x)) ** 2).sum().backward()
        optimizers[i].step()

    for _ in range(3):
        step(1)
    models[0].load_state_dict(models[1].state_dict())
    optimizers[0].load_state_dict(optimizers[1].state_dict())
    for _ in range(3):
        step(0)
        step(1)
    for ours, theirs in zip(*(m.parameters() for m in models), strict=True):
        np.testing.assert_allclose(array_of(ours), array_of(theirs), rtol=1e-12)


def test_modules_print_and_name_their_parts_alike() -> None:
    texts, names = [], []
    for library in LIBRARIES:
        nn = library.nn
        model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(inplace=True), nn.Dropout(0.2), nn.Identity(),
                              nn.Sequential(nn.Linear(3, 2, bias=False), nn.LogSoftmax(dim=1)), nn.MSELoss())
        texts.append(repr(model))
        names.append((list(model.state_dict()), [n for n, _ in model.named_modules()]))
    assert texts[0] == texts[1]
    assert names[0] == names[1]


@pytest.mark.parametrize("nonlinearity", ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"])
def test_gains(nonlinearity: str) -> None:
    assert tg.nn.init.calculate_gain(nonlinearity) == torch.nn.init.calculate_gain(nonlinearity)
    if nonlinearity == "leaky_relu":
        assert tg.nn.init.calculate_gain(nonlinearity, 0.3) == torch.nn.init.calculate_gain(nonlinearity, 0.3)


@pytest.mark.parametrize("seed", range(3))
def test_functions(seed: int) -> None:
    random = np.random.default_rng(seed)
    x, classes = random.standard_normal((4, 3)), random.integers(0, 3, (4,))
    functions: list[Callable[[Any, Any, Any], Any]] = [
        lambda F, x, c: F.pad(x, (1, -1, 2, 0), value=1.5),
        lambda F, x, c: F.one_hot(c, 5),
        lambda F, x, c: F.softmax(x, 0),
        lambda F, x, c: F.dropout(x, 0.5, False),
        lambda F, x, c: F.cross_entropy(x, c, reduction="none"),
    ]
    for function in functions:
        ours, theirs = (function(library.nn.functional, library.from_numpy(x), library.from_numpy(classes))
                        for library in LIBRARIES)
        np.testing.assert_allclose(array_of(ours), array_of(theirs), rtol=1e-12)
