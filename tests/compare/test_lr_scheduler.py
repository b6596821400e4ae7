"""A hundred steps of each scheduler in PyTorch and here: learning rates, momenta and states agree to 1e-12."""

from __future__ import annotations

import copy
import json
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import tinygrad_lite as tg
from tests.compare.pair import assert_same, attempt

LIBRARIES: list[Any] = [tg, torch]


class Decay:
    """A function with a state."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __call__(self, t: float) -> float:
        return float(self.rate**t)


CASES: dict[str, Callable[[Any, Any], Any]] = {  # of the module lr_scheduler and an optimizer
    "StepLR": lambda s, o: s.StepLR(o, 7),
    "StepLR 0.9": lambda s, o: s.StepLR(o, step_size=1, gamma=0.9),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [30, 5, 5, 60], 0.3),
    "MultiStepLR at 0": lambda s, o: s.MultiStepLR(o, [0, 2]),
    "ConstantLR": lambda s, o: s.ConstantLR(o),
    "ConstantLR 20": lambda s, o: s.ConstantLR(o, factor=0.2, total_iters=20),
    "LinearLR": lambda s, o: s.LinearLR(o),
    "LinearLR down": lambda s, o: s.LinearLR(o, 1.0, 0.0, 40),
    "LinearLR 0 steps": lambda s, o: s.LinearLR(o, 0.5, total_iters=0),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.97),
    "ExponentialLR to 0": lambda s, o: s.ExponentialLR(o, 1e-9),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o),
    "PolynomialLR 2.5": lambda s, o: s.PolynomialLR(o, total_iters=70, power=2.5),
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda t: 1 / (1 + t)),
    "LambdaLR per group": lambda s, o: s.LambdaLR(o, [Decay(0.9), lambda t: 0.95**t]),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda t: 0.95),
    "MultiplicativeLR per group": lambda s, o: s.MultiplicativeLR(o, [Decay(0.99), lambda t: 1 - 1 / (t + 2)]),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 100),
    "CosineAnnealingLR again": lambda s, o: s.CosineAnnealingLR(o, T_max=13, eta_min=0.001),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 10),
    "CosineAnnealingWarmRestarts longer": lambda s, o: s.CosineAnnealingWarmRestarts(o, 7, 2, 0.01),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.01, 0.5, 10),
    "CyclicLR triangular2": lambda s, o: s.CyclicLR(o, [0.01, 0.02], [0.5, 0.3], 5, 9, mode="triangular2"),
    "CyclicLR exp_range": lambda s, o: s.CyclicLR(o, 0.01, 0.5, 6, mode="exp_range", gamma=0.98, base_momentum=0.5),
    "CyclicLR own scale": lambda s, o: s.CyclicLR(o, 0.01, 0.5, 6, scale_fn=Decay(0.9), cycle_momentum=False),
    "CyclicLR own scale of steps": lambda s, o: s.CyclicLR(
        o, 0.01, 0.5, 6, mode="triangular2", scale_fn=lambda t: 1 / (1 + t), scale_mode="iterations"),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.5, 100),
    "OneCycleLR linear": lambda s, o: s.OneCycleLR(o, [0.5, 0.3], epochs=20, steps_per_epoch=6, pct_start=0.25,
                                                   anneal_strategy="linear", base_momentum=[0.7, 0.8], div_factor=10),
    "OneCycleLR three": lambda s, o: s.OneCycleLR(o, 0.5, 120, three_phase=True, final_div_factor=50.0),
    "OneCycleLR no momentum": lambda s, o: s.OneCycleLR(o, 0.5, 110, cycle_momentum=False),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=10), s.CosineAnnealingLR(o, 50), s.ExponentialLR(o, 0.9)], [10, 60]),
    "SequentialLR of closed forms": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.5, 3), s.StepLR(o, 3), s.MultiStepLR(o, [2, 9], 0.5), s.PolynomialLR(o, 20, 2.0),
            s.LinearLR(o, 0.2), s.ConstantLR(o, 0.1, 30)], [5, 20, 40, 60, 80]),
    "SequentialLR of others": lambda s, o: s.SequentialLR(
        o, [s.LambdaLR(o, lambda t: 0.9**t), s.CosineAnnealingWarmRestarts(o, 5), s.MultiplicativeLR(o, lambda t: 0.9)],
        [20, 50]),
    "SequentialLR from 0": lambda s, o: s.SequentialLR(o, [s.ExponentialLR(o, 0.5), s.StepLR(o, 9)], [0]),
    "SequentialLR of SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.SequentialLR(o, [s.ConstantLR(o), s.ExponentialLR(o, 0.9)], [8]), s.StepLR(o, 5)], [30]),
    "SequentialLR of ChainedScheduler": lambda s, o: s.SequentialLR(
        o, [s.ChainedScheduler([s.ConstantLR(o), s.ExponentialLR(o, 0.9)]), s.StepLR(o, 5)], [30]),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler(
        [s.ConstantLR(o, 0.1, 4), s.ExponentialLR(o, 0.95), s.StepLR(o, 20, 0.5)]),
    "ChainedScheduler cosine": lambda s, o: s.ChainedScheduler(
        [s.LinearLR(o), s.CosineAnnealingLR(o, 30)], optimizer=o),
}
NESTED = pytest.mark.filterwarnings("ignore:Detected call of")
"""A `SequentialLR` whose first member has members makes their first step twice; PyTorch warns of that, and so do we."""
each_case = pytest.mark.parametrize("make", CASES.values(), ids=CASES)
NUMBERS = ("lr", "momentum", "betas", "initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum")


def optimizer_of(library: Any, kind: str = "SGD") -> Any:
    groups = [{"params": [library.ones(1, requires_grad=True)]},
              {"params": [library.ones(1, requires_grad=True)], "lr": 0.3}]
    return library.optim.SGD(groups, lr=0.2, momentum=0.9) if kind == "SGD" else library.optim.AdamW(groups, lr=0.2)


def numbers(optimizer: Any) -> Any:
    return [np.ravel([np.ravel(group[n]) for n in NUMBERS if n in group and n != "betas"]).tolist()
            + list(group.get("betas", ())) for group in optimizer.param_groups]


def step(optimizer: Any, scheduler: Any, *args: Any) -> Any:
    optimizer.step()
    scheduler.step(*args)
    return [scheduler.get_last_lr(), numbers(optimizer)]


def close(ours: Any, theirs: Any) -> None:
    """Numbers somewhere in a structure agree."""
    if isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            close(a, b)
    elif isinstance(theirs, (int, float)):
        assert math.isclose(ours, theirs, rel_tol=1e-12, abs_tol=1e-12)
    elif isinstance(theirs, dict):
        assert ours.keys() == theirs.keys() - {"_get_lr_called_within_step"}
        for key, value in ours.items():
            close(value, theirs[key])
    else:
        assert ours == theirs


@each_case
@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
@NESTED
def test_a_hundred_steps(make: Callable[[Any, Any], Any], kind: str) -> None:
    pairs = [(o := optimizer_of(library, kind), make(library.optim.lr_scheduler, o)) for library in LIBRARIES]
    for i in range(100):
        close(*([pair[1].get_last_lr(), numbers(pair[0])] for pair in pairs))
        assert getattr(pairs[0][1], "last_epoch", i) == getattr(pairs[1][1], "last_epoch", i)
        close(*(step(*pair) for pair in pairs))
    close(pairs[0][1].state_dict(), pairs[1][1].state_dict())


@each_case
@pytest.mark.parametrize("source", ["ours", "PyTorch's", "ours as JSON"])
@NESTED
def test_a_loaded_state_goes_on(make: Callable[[Any, Any], Any], source: str) -> None:
    """Both states are loaded, into new objects, at step 23; the reference is PyTorch's straight course."""
    library = torch if source == "PyTorch's" else tg
    old = optimizer_of(library)
    before, o = make(library.optim.lr_scheduler, old), optimizer_of(torch)
    theirs = make(torch.optim.lr_scheduler, o)
    for _ in range(23):
        step(old, before)
        step(o, theirs)
    state = copy.deepcopy(before.state_dict())
    if source == "ours as JSON":
        state = json.loads(json.dumps(state))
    new = optimizer_of(tg)
    ours = make(tg.optim.lr_scheduler, new)
    new.load_state_dict(old.state_dict())
    ours.load_state_dict(state)
    for _ in range(23, 100):
        close(step(new, ours), step(o, theirs))


@pytest.mark.parametrize("last_epoch", [0, 1, 4, 9, 12])
@pytest.mark.parametrize("name", ["StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR", "PolynomialLR",
                                  "LambdaLR", "MultiplicativeLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts",
                                  "CyclicLR", "OneCycleLR"])
def test_from_a_last_epoch(name: str, last_epoch: int) -> None:
    arguments: dict[str, tuple[Any, ...]] = {
        "StepLR": (5,), "MultiStepLR": ([2, 5, 10],), "ConstantLR": (0.5, 5), "LinearLR": (0.5, 1.0, 5),
        "ExponentialLR": (0.9,), "PolynomialLR": (8, 2.0), "LambdaLR": (lambda t: 0.9**t,),
        "MultiplicativeLR": (lambda t: 0.9,), "CosineAnnealingLR": (10,), "CosineAnnealingWarmRestarts": (6, 2),
        "CyclicLR": (0.1, 0.5, 7), "OneCycleLR": (0.5, 60)}
    pairs = []
    for library in LIBRARIES:
        make = getattr(library.optim.lr_scheduler, name)
        o = optimizer_of(library)
        scheduler = make(o, *arguments[name])
        for _ in range(last_epoch):
            step(o, scheduler)
        pairs.append((o, make(o, *arguments[name], last_epoch=last_epoch)))
    for _ in range(20):
        close(*([pair[1].get_last_lr(), numbers(pair[0])] for pair in pairs))
        close(*(step(*pair) for pair in pairs))


@each_case
@NESTED
def test_learning_rates_that_somebody_sets_by_hand(make: Callable[[Any, Any], Any]) -> None:
    pairs = [(o := optimizer_of(library), make(library.optim.lr_scheduler, o)) for library in LIBRARIES]
    for i in range(40):
        if i in (7, 19):
            for o, _ in pairs:
                o.param_groups[0]["lr"] = 0.05 * i
        close(*(step(*pair) for pair in pairs))


@pytest.mark.parametrize("name", ["StepLR", "MultiStepLR", "CosineAnnealingLR", "LambdaLR"])
def test_the_deprecated_epoch(name: str) -> None:
    make = CASES[name]
    pairs = [(o := optimizer_of(library), make(library.optim.lr_scheduler, o)) for library in LIBRARIES]
    for epoch in (1, 7, 70, 3, 30):
        for o, scheduler in pairs:
            o.step()
            with pytest.warns(UserWarning, match="epoch parameter"):
                scheduler.step(epoch)
        close(numbers(pairs[0][0]), numbers(pairs[1][0]))


@pytest.mark.parametrize("multiple", [1, 2, 3])
def test_warm_restarts_between_epochs(multiple: int) -> None:
    pairs = []
    for library in LIBRARIES:
        o = optimizer_of(library)
        pairs.append((o, library.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 4, multiple, 0.01)))
    for epoch in [*np.arange(0, 30, 0.37).tolist(), 3, 4, 12, 28, None, None]:
        close(*(step(*pair, epoch) for pair in pairs))
    assert_same(*(attempt(scheduler.step, -1) for _, scheduler in pairs))


PLATEAUS: list[dict[str, Any]] = [
    {}, {"patience": 0}, {"mode": "max", "patience": 2}, {"threshold_mode": "abs", "threshold": 0.2, "patience": 1},
    {"mode": "max", "threshold_mode": "abs", "threshold": 0.1, "patience": 1}, {"cooldown": 3, "patience": 1},
    {"min_lr": 0.05, "patience": 1, "factor": 0.5}, {"min_lr": [0.05, 0.1], "patience": 1, "factor": 0.5},
    {"eps": 0.05, "patience": 0, "factor": 0.7},
]


@pytest.mark.parametrize("options", PLATEAUS, ids="-".join)
def test_reduce_on_plateau(options: dict[str, Any]) -> None:
    random = np.random.default_rng(0)
    pairs = []
    for library in LIBRARIES:
        o = optimizer_of(library)
        pairs.append((o, library.optim.lr_scheduler.ReduceLROnPlateau(o, **options)))
    for i in range(100):
        metric = float(1 / (1 + i) + 0.3 * random.random()) if i != 50 else math.nan
        close(*(step(o, s, metric if i % 2 else library.tensor(metric))
                for (o, s), library in zip(pairs, LIBRARIES, strict=True)))
        assert pairs[0][1].in_cooldown == pairs[1][1].in_cooldown
        if i in (10, 60):
            close(pairs[0][1].state_dict(), pairs[1][1].state_dict())
            scheduler = tg.optim.lr_scheduler.ReduceLROnPlateau(pairs[0][0], **options)
            scheduler.load_state_dict(json.loads(json.dumps(pairs[i == 60][1].state_dict())))
            pairs[0] = pairs[0][0], scheduler


BAD: dict[str, Callable[[Any, Any], Any]] = {
    "no optimizer": lambda s, o: s.StepLR(3, 2),
    "no optimizer of OneCycleLR": lambda s, o: s.OneCycleLR(3, 2),
    "no optimizer of ReduceLROnPlateau": lambda s, o: s.ReduceLROnPlateau(3),
    "resumed": lambda s, o: s.StepLR(o, 2, last_epoch=3),
    "ConstantLR": lambda s, o: s.ConstantLR(o, 1.5),
    "ConstantLR < 0": lambda s, o: s.ConstantLR(o, -0.5),
    "ConstantLR of 0": lambda s, o: [step(o, x) for x in [s.ConstantLR(o, 0.0, 2)] for _ in range(3)],
    "LinearLR from 0": lambda s, o: s.LinearLR(o, 0.0),
    "LinearLR > 1": lambda s, o: s.LinearLR(o, 1.5),
    "LinearLR to 2": lambda s, o: s.LinearLR(o, 0.5, 2.0),
    "lambdas": lambda s, o: s.LambdaLR(o, [abs]),
    "lambdas of MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, [abs] * 3),
    "no lambda": lambda s, o: s.MultiplicativeLR(o, 3),
    "T_0": lambda s, o: s.CosineAnnealingWarmRestarts(o, 0),
    "T_0 float": lambda s, o: s.CosineAnnealingWarmRestarts(o, 1.5),
    "T_mult": lambda s, o: s.CosineAnnealingWarmRestarts(o, 1, 0),
    "eta_min": lambda s, o: s.CosineAnnealingWarmRestarts(o, 1, 1, "a"),
    "CyclicLR mode": lambda s, o: s.CyclicLR(o, 0.1, 0.2, mode="a"),
    "CyclicLR lists": lambda s, o: s.CyclicLR(o, [0.1], 0.2),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.1),
    "OneCycleLR epochs": lambda s, o: s.OneCycleLR(o, 0.1, epochs=3),
    "OneCycleLR 0": lambda s, o: s.OneCycleLR(o, 0.1, 0),
    "OneCycleLR steps": lambda s, o: s.OneCycleLR(o, 0.1, epochs=3, steps_per_epoch=-1),
    "OneCycleLR share": lambda s, o: s.OneCycleLR(o, 0.1, 10, pct_start=1.5),
    "OneCycleLR strategy": lambda s, o: s.OneCycleLR(o, 0.1, 10, anneal_strategy="a"),
    "OneCycleLR lists": lambda s, o: s.OneCycleLR(o, [0.1] * 3, 10),
    "OneCycleLR beyond": lambda s, o: [step(o, x) for x in [s.OneCycleLR(o, 0.1, 10)] for _ in range(11)],
    "plateau factor": lambda s, o: s.ReduceLROnPlateau(o, factor=1.0),
    "plateau mode": lambda s, o: s.ReduceLROnPlateau(o, mode="a"),
    "plateau threshold": lambda s, o: s.ReduceLROnPlateau(o, threshold_mode="a"),
    "plateau lists": lambda s, o: s.ReduceLROnPlateau(o, min_lr=[0.1]),
    "no schedulers": lambda s, o: s.SequentialLR(o, [], []),
    "milestones": lambda s, o: s.SequentialLR(o, [s.StepLR(o, 2)], [3]),
    "no scheduler": lambda s, o: s.SequentialLR(o, [3], []),
    "sequential plateau": lambda s, o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], []),
    "two optimizers": lambda s, o: s.SequentialLR(o, [s.StepLR(other(o), 2)], []),
    "chain of none": lambda s, o: s.ChainedScheduler([]),
    "chain of plateaus": lambda s, o: s.ChainedScheduler([s.ReduceLROnPlateau(o)]),
    "chain of two optimizers": lambda s, o: s.ChainedScheduler([s.StepLR(o, 2), s.StepLR(other(o), 2)]),
    "chain of no scheduler": lambda s, o: s.ChainedScheduler([s.StepLR(o, 2), 3]),
    "an epoch of a chain": lambda s, o: s.ChainedScheduler([s.StepLR(o, 2)]).step(3),
    "the base": lambda s, o: s.LRScheduler(o),
}


def other(optimizer: Any) -> Any:
    return type(optimizer)([p for group in optimizer.param_groups for p in group["params"]], lr=0.1)


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
def test_what_is_refused(make: Callable[[Any, Any], Any]) -> None:
    ours, theirs = (attempt(make, library.optim.lr_scheduler, optimizer_of(library)) for library in LIBRARIES)
    assert isinstance(theirs, Exception)
    if type(ours) is not type(theirs):
        assert_same(ours, theirs)


@pytest.mark.parametrize("name", ["OneCycleLR", "CyclicLR"])
def test_momentum_that_is_not_there(name: str) -> None:
    for library in LIBRARIES:
        o = library.optim.Adagrad([library.ones(1, requires_grad=True)])
        with pytest.raises(ValueError, match="must support momentum or beta1"):
            getattr(library.optim.lr_scheduler, name)(o, 0.1, 10)


def test_a_scheduler_that_steps_first_warns() -> None:
    for library in LIBRARIES:
        o = optimizer_of(library)
        scheduler = library.optim.lr_scheduler.StepLR(o, 2)
        with pytest.warns(UserWarning, match=r"Detected call of `lr_scheduler.step\(\)` before `optimizer.step\(\)`"):
            scheduler.step()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            scheduler.step()  # once is enough


def test_both_have_the_same_schedulers() -> None:
    ours, theirs = (set(library.optim.lr_scheduler.__all__) for library in LIBRARIES)
    assert ours == theirs
