"""Schedulers follow their formulas, survive JSON, and work in captured steps."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.optim import SGD, Adam, Optimizer
from tinygrad_lite.optim import lr_scheduler as s


def made(lr: float = 0.5, **options: Any) -> SGD:
    """An optimizer whose second group has twice the learning rate."""
    first, second = (tg.ones(1, requires_grad=True) for _ in range(2))
    return SGD([{"params": first}, {"params": second, "lr": 2 * lr}], lr=lr, **options)


def course(optimizer: Optimizer, scheduler: Any, steps: int) -> list[float]:
    """The learning rates of the first group; the second has twice that."""
    lrs = []
    for _ in range(steps):
        lr, twice = (group["lr"] for group in optimizer.param_groups)
        assert math.isclose(twice, 2 * lr, abs_tol=1e-15)
        assert scheduler.get_last_lr() == [lr, twice]
        lrs.append(lr)
        optimizer.step()
        scheduler.step()
    return lrs


def wave(share: float) -> float:
    return (1 + math.cos(math.pi * share)) / 2


FORMULAS: dict[str, tuple[Callable[[Any], Any], Callable[[int], float]]] = {  # lr / initial lr as a function of t
    "StepLR": (lambda o: s.StepLR(o, 3, 0.5), lambda t: 0.5 ** (t // 3)),
    "MultiStepLR": (lambda o: s.MultiStepLR(o, [2, 2, 7], 0.5), lambda t: [1, 0.25, 0.125][(t >= 2) + (t >= 7)]),
    "ConstantLR": (lambda o: s.ConstantLR(o, 0.2, 4), lambda t: 0.2 if t < 4 else 1),
    "LinearLR": (lambda o: s.LinearLR(o, 0.2, 0.7, 10), lambda t: 0.2 + 0.05 * min(t, 10)),
    "ExponentialLR": (lambda o: s.ExponentialLR(o, 0.8), lambda t: 0.8**t),
    "PolynomialLR": (lambda o: s.PolynomialLR(o, 10, 2.0), lambda t: (1 - min(t, 10) / 10) ** 2),
    "LambdaLR": (lambda o: s.LambdaLR(o, lambda t: 1 / (1 + t)), lambda t: 1 / (1 + t)),
    "MultiplicativeLR": (lambda o: s.MultiplicativeLR(o, lambda t: t / (1 + t)), lambda t: 1 / (1 + t)),
    "CosineAnnealingLR": (lambda o: s.CosineAnnealingLR(o, 7), lambda t: wave(t / 7)),
    "CosineAnnealingWarmRestarts": (lambda o: s.CosineAnnealingWarmRestarts(o, 2, 2),
                                    lambda t: wave([0, 1, 0, 1, 2, 3, *range(8), *range(16)][t]
                                                   / [2, 2, 4, 4, 4, 4, *[8] * 8, *[16] * 16][t])),
    "CyclicLR": (lambda o: s.CyclicLR(o, [0.25, 0.5], [0.5, 1.0], 4, cycle_momentum=False),
                 lambda t: 0.5 + 0.5 * (1 - abs(t % 8 - 4) / 4)),
    "OneCycleLR": (lambda o: s.OneCycleLR(o, [0.5, 1.0], 20, pct_start=0.25, cycle_momentum=False),
                   lambda t: 1 - 0.96 * wave(t / 4) if t < 4 else 4e-6 + (1 - 4e-6) * wave((t - 4) / 15)),
    "SequentialLR": (lambda o: s.SequentialLR(o, [s.LinearLR(o, 0.1, total_iters=9), s.StepLR(o, 4, 0.5)], [9]),
                     lambda t: 0.1 + 0.1 * t if t < 9 else 0.5 ** ((t - 9) // 4)),
    "ChainedScheduler": (lambda o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 5), s.ExponentialLR(o, 0.9)]),
                         lambda t: (0.1 if t < 5 else 1) * 0.9**t),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_the_learning_rates_are_those_of_the_formula(name: str) -> None:
    make, formula = FORMULAS[name]
    optimizer = made()
    expected = [0.5 * formula(t) for t in range(20)]
    np.testing.assert_allclose(course(optimizer, make(optimizer), 20), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_state_that_went_through_json_goes_on(name: str) -> None:
    make, _ = FORMULAS[name]
    optimizer, other = made(), made()
    straight = course(optimizer, make(optimizer), 20)
    scheduler = make(other)
    begun = course(other, scheduler, 6)
    state, options = json.loads(json.dumps(scheduler.state_dict())), other.state_dict()
    new = made()
    resumed = make(new)
    new.load_state_dict(options)
    resumed.load_state_dict(state)
    assert begun + course(new, resumed, 14) == straight


def test_every_scheduler_is_tested() -> None:
    assert {*FORMULAS, "ReduceLROnPlateau", "LRScheduler"} == set(s.__all__)


def test_one_cycle_moves_the_momentum_the_other_way() -> None:
    for optimizer in (made(momentum=0.9), Adam([tg.ones(1, requires_grad=True)])):
        scheduler = s.OneCycleLR(optimizer, 0.5, 21, pct_start=0.5, anneal_strategy="linear", base_momentum=0.6,
                                 max_momentum=0.9)
        group, seen = optimizer.param_groups[0], []
        for _ in range(20):
            seen.append(group["betas"][0] if "betas" in group else group["momentum"])
            optimizer.step()
            scheduler.step()
        expected = [0.9 - 0.3 * t / 9.5 if t <= 9.5 else 0.6 + 0.3 * (t - 9.5) / 10.5 for t in range(20)]
        np.testing.assert_allclose(seen, expected, rtol=1e-12)
        if "betas" in group:
            assert group["betas"][1] == 0.999


def test_a_plateau() -> None:
    optimizer = made(1.0)
    scheduler = s.ReduceLROnPlateau(optimizer, factor=0.5, patience=2, cooldown=1, min_lr=[0.2, 0.6])
    seen = []
    for metric in [3.0, 2.0, 2.0, 2.0, tg.tensor(2.0), 2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0]:
        scheduler.step(metric)
        seen.append(optimizer.param_groups[0]["lr"])
    assert seen == [1.0] * 4 + [0.5] * 4 + [0.25] * 4 + [0.2] * 2  # one step in cooldown, then more than two bad ones
    assert scheduler.get_last_lr() == [0.2, 0.6]
    assert scheduler.best == 1.0
    optimizer.add_param_group({"params": tg.ones(1, requires_grad=True)})
    scheduler.num_bad_epochs = 2
    with pytest.raises(RuntimeError, match=r"param groups in the `optimizer` \(3\) differs"):
        scheduler.step(1.0)


def test_a_plateau_has_one_least_lr_for_groups_that_come_later() -> None:
    optimizer = made(1.0)
    scheduler = s.ReduceLROnPlateau(optimizer, patience=0, min_lr=0.5)
    optimizer.add_param_group({"params": tg.ones(1, requires_grad=True), "lr": 0.1})
    scheduler.step(1.0)
    scheduler.step(1.0)
    assert scheduler.get_last_lr() == [0.5, 0.5, 0.1]


class Decay:
    """A function with a state."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __call__(self, t: float) -> float:
        return float(self.rate**t)


def test_functions_keep_their_state() -> None:
    scheduler = s.LambdaLR(made(), [Decay(0.5), lambda t: 1.0])
    assert scheduler.state_dict()["lr_lambdas"] == [{"rate": 0.5}, None]
    other = s.LambdaLR(made(), [Decay(0.9), lambda t: 2.0])
    other.load_state_dict(json.loads(json.dumps(scheduler.state_dict())))
    assert [function(2) for function in other.lr_lambdas] == [0.25, 2.0]
    cycle, also = (s.CyclicLR(made(momentum=0.9), 0.1, 0.2, scale_fn=Decay(rate)) for rate in (0.5, 0.9))
    also.load_state_dict(json.loads(json.dumps(cycle.state_dict())))
    assert also.scale_fn(2) == 0.25


def test_an_lr_that_somebody_sets_by_hand_is_respected() -> None:
    optimizer = made()
    scheduler = s.ExponentialLR(optimizer, 0.5)
    optimizer.param_groups[0]["lr"] = 8.0
    optimizer.step()
    scheduler.step()
    assert scheduler.get_last_lr() == [4.0, 0.5]


def test_a_resumed_scheduler_needs_the_initial_lr() -> None:
    optimizer = made()
    with pytest.raises(KeyError, match="load the state of the optimizer first"):
        s.StepLR(optimizer, 2, last_epoch=3)
    s.StepLR(optimizer, 2)
    assert [group["initial_lr"] for group in optimizer.param_groups] == [0.5, 1.0]
    assert s.ExponentialLR(optimizer, 0.5, last_epoch=3).last_epoch == 4


def test_the_wrong_order_warns_once_where_it_can_be_seen() -> None:
    optimizer = made()
    scheduler = s.StepLR(optimizer, 2)
    with pytest.warns(UserWarning, match="in the opposite order") as caught:
        scheduler.step()
    assert caught[0].filename == __file__
    scheduler.step()

    class Own(SGD):
        def step(self, closure: Any = None) -> Any:
            return None

    s.StepLR(Own([tg.ones(1, requires_grad=True)]), 2).step()


def test_a_deprecated_epoch_warns() -> None:
    optimizer = made()
    scheduler = s.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    with pytest.warns(UserWarning, match="epoch parameter") as caught:
        scheduler.step(3)
    assert caught[0].filename == __file__
    assert scheduler.get_last_lr() == [0.0625, 0.125]
    with pytest.warns(UserWarning, match="epoch parameter"):
        s.ReduceLROnPlateau(optimizer).step(1.0, 3)


def test_a_scheduler_of_ones_own() -> None:
    class Halving(s.LRScheduler):
        def get_lr(self) -> list[float]:
            return [group["lr"] / (2 if self.last_epoch else 1) for group in self.optimizer.param_groups]

    optimizer = made()
    assert course(optimizer, Halving(optimizer), 4) == [0.5, 0.25, 0.125, 0.0625]


# --- captured steps ---------------------------------------------------------------------------------------------------

CYCLES: dict[str, Callable[[Any], Any]] = {
    "StepLR": lambda o: s.StepLR(o, 3, 0.5),
    "OneCycleLR": lambda o: s.OneCycleLR(o, 0.1, 50),
    "SequentialLR": lambda o: s.SequentialLR(o, [s.LinearLR(o), s.CosineAnnealingLR(o, 9)], [5]),
    "ChainedScheduler": lambda o: s.ChainedScheduler([s.ConstantLR(o), s.ExponentialLR(o, 0.9)]),
    "ReduceLROnPlateau": lambda o: s.ReduceLROnPlateau(o, patience=1, factor=0.7),
}


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("kind", ["SGD", "AdamW", "RMSprop"])
@pytest.mark.parametrize("name", CYCLES)
def test_a_captured_step_follows_the_schedule(name: str, kind: str, inside: bool) -> None:
    """Whether the scheduler's step is part of it or not: bit for bit what the eager step does."""
    runs = []
    for captured in (False, True):
        w = tg.tensor(np.linspace(-1, 1, 5), requires_grad=True)
        options = {"momentum": 0.9} if kind != "AdamW" else {}
        optimizer = getattr(tg.optim, kind)([w], lr=0.1, **options)
        scheduler = CYCLES[name](optimizer)

        def go_on(loss: Any, scheduler: Any = scheduler) -> None:
            if name == "ReduceLROnPlateau":
                scheduler.step(loss)
            else:
                scheduler.step()

        def step(x: tg.Tensor, w: Any = w, optimizer: Any = optimizer, go_on: Any = go_on) -> tg.Tensor:
            optimizer.zero_grad()
            loss: tg.Tensor = ((w * x) ** 2).sum()
            loss.backward()
            optimizer.step()
            if inside:
                go_on(loss)
            return loss

        run: Any = tg.capture(step) if captured else step
        seen = []
        for i in range(20):
            loss = run(tg.tensor(np.full(5, 1 + i % 3)))
            if not inside:
                go_on(loss)
            seen.append((loss.item(), w.tolist(), scheduler.get_last_lr()))
        runs.append(seen)
        if captured:
            assert run.captures == 1
    assert runs[0] == runs[1]
    assert len({lrs[0] for _, _, lrs in runs[0]}) > 2


