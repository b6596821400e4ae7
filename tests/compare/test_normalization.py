"""Normalizing modules beside PyTorch's: values, gradients, buffers and names through training and evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import tinygrad_lite as tg

from .pair import BOTH, OURS, Array, array_of, assert_same

MODULES = {
    "LayerNorm": (lambda n: n.LayerNorm(4), (3, 4)),
    "LayerNorm of two axes": (lambda n: n.LayerNorm((3, 4), eps=0.1), (2, 3, 4)),
    "LayerNorm without bias": (lambda n: n.LayerNorm(4, bias=False), (3, 4)),
    "LayerNorm without parameters": (lambda n: n.LayerNorm([4], elementwise_affine=False), (3, 4)),
    "RMSNorm": (lambda n: n.RMSNorm(4), (3, 4)),
    "RMSNorm with eps": (lambda n: n.RMSNorm((3, 4), 0.2), (2, 3, 4)),
    "RMSNorm without parameters": (lambda n: n.RMSNorm(4, elementwise_affine=False), (3, 4)),
    "GroupNorm": (lambda n: n.GroupNorm(2, 4), (3, 4, 5)),
    "GroupNorm without parameters": (lambda n: n.GroupNorm(2, 4, affine=False), (3, 4)),
    "GroupNorm without bias": (lambda n: n.GroupNorm(4, 4, 0.1, bias=False), (3, 4, 2, 2)),
    "BatchNorm1d": (lambda n: n.BatchNorm1d(4), (5, 4)),
    "BatchNorm1d of sequences": (lambda n: n.BatchNorm1d(4, 0.1, 0.3), (5, 4, 3)),
    "BatchNorm1d, mean of all batches": (lambda n: n.BatchNorm1d(4, momentum=None), (5, 4)),
    "BatchNorm1d without parameters": (lambda n: n.BatchNorm1d(4, affine=False), (5, 4)),
    "BatchNorm1d without bias": (lambda n: n.BatchNorm1d(4, bias=False), (5, 4)),
    "BatchNorm1d without statistics": (lambda n: n.BatchNorm1d(4, track_running_stats=False), (5, 4)),
    "BatchNorm2d": (lambda n: n.BatchNorm2d(4), (3, 4, 2, 5)),
    "BatchNorm3d": (lambda n: n.BatchNorm3d(2), (3, 2, 2, 2, 3)),
    "InstanceNorm1d": (lambda n: n.InstanceNorm1d(4), (2, 4, 5)),
    "InstanceNorm1d without batch": (lambda n: n.InstanceNorm1d(4, affine=True), (4, 5)),
    "InstanceNorm1d with statistics": (lambda n: n.InstanceNorm1d(4, 0.1, 0.3, True, True), (2, 4, 5)),
    "InstanceNorm2d": (lambda n: n.InstanceNorm2d(4, affine=True), (2, 4, 3, 2)),
    "InstanceNorm3d": (lambda n: n.InstanceNorm3d(2, track_running_stats=True), (2, 2, 3, 2, 2)),
    "LocalResponseNorm": (lambda n: n.LocalResponseNorm(3, 0.1), (2, 4, 3)),
}


def normal(*shape: int, seed: int = 0) -> Array:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape)) * 2 + 1


def twins(make: Any) -> tuple[Any, Any]:
    """The same module in both libraries, in float64, with the same parameters, which are no ones and zeros."""
    ours, theirs = make(tg.nn).double(), make(torch.nn).double()
    state = {n: normal(*v.shape, seed=i) if v.is_floating_point() and "running" not in n else array_of(v)
             for i, (n, v) in enumerate(theirs.state_dict().items())}
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)
    theirs.load_state_dict({n: torch.from_numpy(np.array(v)) for n, v in state.items()})
    return ours, theirs


@pytest.mark.parametrize(("make", "shape"), MODULES.values(), ids=MODULES.keys())
def test_training_and_evaluation(make: Any, shape: tuple[int, ...]) -> None:
    """Buffers move in training, and only then; in evaluation they are used, where there are some."""
    found = []
    for module, library in zip(twins(make), BOTH, strict=True):
        seen: list[Any] = []
        for step, training in enumerate([True, True, False, True, False]):
            module.train(training)
            x = library.new(normal(*shape, seed=10 + step)).requires_grad_()
            y = module(x)
            weights = library.new(np.cos(np.arange(y.numel(), dtype=float)).reshape(shape))
            (weights * y * y).sum().backward()
            seen += [y, x.grad, *(p.grad for p in module.parameters()), *module.buffers()]
        with library.T.no_grad():
            seen += [module.train()(x), *module.buffers()]
        found.append(seen)
    assert_same(found[0], found[1])


@pytest.mark.parametrize("make", [m for m, _ in MODULES.values()], ids=MODULES.keys())
def test_repr_and_starting_state(make: Any) -> None:
    assert repr(make(tg.nn)) == repr(make(torch.nn))
    ours, theirs = make(tg.nn).state_dict(), make(torch.nn).state_dict()
    assert_same(list(ours.values()), list(theirs.values()))


def network(nn: Any) -> Any:
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(inplace=True), nn.Linear(6, 6), nn.LayerNorm(6),
                         nn.GELU(), nn.Linear(6, 3))


@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize("momentum", [0.1, None])
def test_a_network_is_trained(momentum: float | None, captured: bool) -> None:
    """50 steps, also as a captured step: losses, parameters, buffers, and what evaluation then gives."""
    found = []
    for module, library in zip(twins(network), BOTH, strict=True):
        module[1].momentum = momentum
        optimizer = library.T.optim.SGD(module.parameters(), lr=0.05, momentum=0.9)

        def step(x: Any, t: Any, module: Any = module, optimizer: Any = optimizer, library: Any = library) -> Any:
            loss = library.F.cross_entropy(module(x), t)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        run = tg.capture(step) if captured and library is OURS else step
        losses = [run(library.new(normal(8, 4, seed=i)), library.new(np.arange(8) % 3)).item() for i in range(50)]
        module.eval()
        found.append([library.new(np.array(losses)), *module.parameters(), *module.buffers(),
                      module(library.new(normal(3, 4)))])
    assert_same(found[0], found[1])


def test_state_is_reset() -> None:
    for module, library in zip(twins(lambda n: n.BatchNorm1d(3)), BOTH, strict=True):
        module(library.new(normal(4, 3)))
        module.reset_running_stats()
        assert array_of(module.running_mean).tolist() == [0, 0, 0]
        assert int(module.num_batches_tracked) == 0
        module.reset_parameters()
        assert array_of(module.weight).tolist() == [1, 1, 1]
