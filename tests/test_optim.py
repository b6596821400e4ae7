"""Optimizers follow their equations, keep their state, and can be watched and replayed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tinygrad_lite as tg
from tests.devices import DEVICES
from tinygrad_lite.engine import backend, graph
from tinygrad_lite.optim import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, NAdam, Optimizer, RAdam, RMSprop

Array = NDArray[Any]


def sgd_by_hand(p: Array, gradients: list[Array], lr: float, momentum: float = 0, dampening: float = 0,
                weight_decay: float = 0, nesterov: bool = False, maximize: bool = False) -> Array:
    """PyTorch's documented algorithm, step by step."""
    b = None
    for g in gradients:
        g = -g if maximize else g
        g = g + weight_decay * p
        if momentum:
            b = g.copy() if b is None else momentum * b + (1 - dampening) * g
            g = g + momentum * b if nesterov else b
        p = p - lr * g
    return p


def adam_by_hand(p: Array, gradients: list[Array], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 0, amsgrad: bool = False, maximize: bool = False) -> Array:
    """PyTorch's documented algorithm, step by step."""
    m, v, largest = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        g = g + weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        largest = np.maximum(largest, v)
        second = (largest if amsgrad else v) / (1 - betas[1] ** t)
        p = p - lr * m / (1 - betas[0] ** t) / (np.sqrt(second) + eps)
    return p


def adamw_by_hand(p: Array, gradients: list[Array], lr: float = 1e-3, weight_decay: float = 1e-2,
                  maximize: bool = False, **options: Any) -> Array:
    """Adam after p = p - lr * weight_decay * p; as Adam's moments do not depend on p, the steps can be told apart."""
    for t in range(1, len(gradients) + 1):
        step = (adam_by_hand(np.zeros_like(p), gradients[:t], lr, maximize=maximize, **options)
                - adam_by_hand(np.zeros_like(p), gradients[:t - 1], lr, maximize=maximize, **options))
        p = p - lr * weight_decay * p + step
    return p


def rmsprop_by_hand(p: Array, gradients: list[Array], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
                    weight_decay: float = 0, momentum: float = 0, centered: bool = False,
                    maximize: bool = False) -> Array:
    """PyTorch's documented algorithm, step by step."""
    v, m, b = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)
    for g in gradients:
        g = -g if maximize else g
        g = g + weight_decay * p
        v = alpha * v + (1 - alpha) * g**2
        m = alpha * m + (1 - alpha) * g
        b = momentum * b + g / (np.sqrt(v - m**2 if centered else v) + eps)
        p = p - lr * b
    return p


def adagrad_by_hand(p: Array, gradients: list[Array], lr: float = 1e-2, lr_decay: float = 0, weight_decay: float = 0,
                    initial_accumulator_value: float = 0, eps: float = 1e-10, maximize: bool = False) -> Array:
    """PyTorch's documented algorithm, step by step."""
    s = np.full_like(p, initial_accumulator_value)
    for t, g in enumerate(gradients):
        g = -g if maximize else g
        g = g + weight_decay * p
        s = s + g**2
        p = p - lr / (1 + t * lr_decay) * g / (np.sqrt(s) + eps)
    return p


def adadelta_by_hand(p: Array, gradients: list[Array], lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6,
                     weight_decay: float = 0, maximize: bool = False) -> Array:
    """PyTorch's documented algorithm, step by step."""
    v, u = np.zeros_like(p), np.zeros_like(p)
    for g in gradients:
        g = -g if maximize else g
        g = g + weight_decay * p
        v = rho * v + (1 - rho) * g**2
        d = np.sqrt(u + eps) / np.sqrt(v + eps) * g
        u = rho * u + (1 - rho) * d**2
        p = p - lr * d
    return p


def adamax_by_hand(p: Array, gradients: list[Array], lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.999),
                   eps: float = 1e-8, weight_decay: float = 0, maximize: bool = False) -> Array:
    """PyTorch's documented algorithm, step by step."""
    m, u = np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        g = g + weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        u = np.maximum(betas[1] * u, np.abs(g) + eps)
        p = p - lr * m / ((1 - betas[0] ** t) * u)
    return p


def nadam_by_hand(p: Array, gradients: list[Array], lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.999),
                  eps: float = 1e-8, weight_decay: float = 0, momentum_decay: float = 4e-3,
                  decoupled_weight_decay: bool = False, maximize: bool = False) -> Array:
    """PyTorch's documented algorithm, step by step."""
    m, v = np.zeros_like(p), np.zeros_like(p)
    mu = [betas[0] * (1 - 0.5 * 0.96 ** (t * momentum_decay)) for t in range(1, len(gradients) + 2)]
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        if decoupled_weight_decay:
            p = p - lr * weight_decay * p
        else:
            g = g + weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        mean = mu[t] * m / (1 - np.prod(mu[:t + 1])) + (1 - mu[t - 1]) * g / (1 - np.prod(mu[:t]))
        p = p - lr * mean / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
    return p


def radam_by_hand(p: Array, gradients: list[Array], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
                  eps: float = 1e-8, weight_decay: float = 0, decoupled_weight_decay: bool = False,
                  maximize: bool = False) -> Array:
    """PyTorch's documented algorithm, step by step."""
    m, v, s = np.zeros_like(p), np.zeros_like(p), 2 / (1 - betas[1]) - 1
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        if decoupled_weight_decay:
            p = p - lr * weight_decay * p
        else:
            g = g + weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        step = m / (1 - betas[0] ** t)
        r = s - 2 * t * betas[1] ** t / (1 - betas[1] ** t)
        if r > 5:
            step = step * np.sqrt((r - 4) * (r - 2) * s / ((s - 4) * (s - 2) * r))
            step = step * np.sqrt(1 - betas[1] ** t) / (np.sqrt(v) + eps)
        p = p - lr * step
    return p


CASES: list[tuple[type[Optimizer], Callable[..., Array], dict[str, Any]]] = [
    (SGD, sgd_by_hand, {"lr": 0.1}),
    (SGD, sgd_by_hand, {"lr": 0.1, "maximize": True, "weight_decay": 0.02}),
    (SGD, sgd_by_hand, {"lr": 0.1, "momentum": 0.9}),
    (SGD, sgd_by_hand, {"lr": 0.1, "momentum": 0.9, "dampening": 0.4}),
    (SGD, sgd_by_hand, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.02}),
    (SGD, sgd_by_hand, {"lr": 0.1, "momentum": 0.5, "dampening": 1.0, "weight_decay": 0.3, "maximize": True}),
    (Adam, adam_by_hand, {}),
    (Adam, adam_by_hand, {"lr": 0.05, "betas": (0.5, 0.7), "eps": 1e-3}),
    (Adam, adam_by_hand, {"lr": 0.05, "weight_decay": 0.1, "maximize": True}),
    (Adam, adam_by_hand, {"lr": 0.05, "betas": (0.3, 0.4), "amsgrad": True}),
    (AdamW, adamw_by_hand, {}),
    (AdamW, adamw_by_hand, {"lr": 0.05, "weight_decay": 0.3, "betas": (0.5, 0.7), "amsgrad": True, "maximize": True}),
    (RMSprop, rmsprop_by_hand, {}),
    (RMSprop, rmsprop_by_hand, {"lr": 0.05, "alpha": 0.7, "momentum": 0.9, "eps": 1e-3}),
    (RMSprop, rmsprop_by_hand, {"lr": 0.05, "alpha": 0.7, "centered": True, "weight_decay": 0.1, "maximize": True}),
    (Adagrad, adagrad_by_hand, {}),
    (Adagrad, adagrad_by_hand, {"lr": 0.5, "lr_decay": 0.3, "initial_accumulator_value": 0.7, "eps": 1e-3}),
    (Adagrad, adagrad_by_hand, {"lr": 0.5, "weight_decay": 0.1, "maximize": True}),
    (Adadelta, adadelta_by_hand, {"eps": 1e-3}),
    (Adadelta, adadelta_by_hand, {"lr": 0.5, "rho": 0.5, "eps": 0.1, "weight_decay": 0.1, "maximize": True}),
    (Adamax, adamax_by_hand, {}),
    (Adamax, adamax_by_hand, {"betas": (0.5, 0.7), "eps": 0.1, "weight_decay": 0.1, "maximize": True}),
    (NAdam, nadam_by_hand, {}),
    (NAdam, nadam_by_hand, {"lr": 0.1, "betas": (0.5, 0.7), "momentum_decay": 0.3, "weight_decay": 0.1}),
    (NAdam, nadam_by_hand, {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    (RAdam, radam_by_hand, {}),
    (RAdam, radam_by_hand, {"lr": 0.1, "betas": (0.5, 0.95), "eps": 0.1, "weight_decay": 0.1, "maximize": True}),
    (RAdam, radam_by_hand, {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
]
each_case = pytest.mark.parametrize(("optimizer", "by_hand", "options"), CASES,
                                    ids=[f"{o.__name__}-{'-'.join(map(str, k))}" for o, _, k in CASES])


def gradients_for(shape: tuple[int, ...], steps: int = 6, seed: int = 0) -> list[Array]:
    random = np.random.default_rng(seed)
    return [np.asarray(random.standard_normal(shape)) for _ in range(steps)]


def take(optimizer: Optimizer, parameters: list[tg.Tensor], gradients: list[Array]) -> None:
    """One step with these gradients."""
    for p, g in zip(parameters, gradients, strict=True):
        p.grad = tg.tensor(g, dtype=p.dtype, device=p.device)
    optimizer.step()


def host(x: tg.Tensor) -> Array:
    return backend.to_host(x.array)


@each_case
@pytest.mark.parametrize("shape", [(3, 4), ()])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-13), ("float32", 1e-5)])
def test_the_trajectory_is_that_of_the_equations(optimizer: Any, by_hand: Callable[..., Array], options: dict[str, Any],
                                                 shape: tuple[int, ...], dtype: str, tolerance: float) -> None:
    start, gradients = np.asarray(np.random.default_rng(1).standard_normal(shape)), gradients_for(shape)
    p = tg.tensor(start, dtype=dtype, requires_grad=True)
    array = p.array
    o = optimizer([p], **options)
    for i, g in enumerate(gradients, 1):
        take(o, [p], [g])
        np.testing.assert_allclose(p.array, by_hand(start, gradients[:i], **options), rtol=tolerance, atol=tolerance)
        np.testing.assert_array_equal(p.grad.array, g.astype(dtype))  # type: ignore[union-attr]
    assert p.array is array
    assert p.dtype == np.dtype(dtype)


@each_case
@pytest.mark.parametrize("device", DEVICES, ids=repr)
def test_on_other_backends(device: Any, optimizer: Any, by_hand: Callable[..., Array], options: dict[str, Any]) -> None:
    start, gradients = gradients_for((3, 2), 1, seed=5)[0], gradients_for((3, 2), 3)
    p = tg.tensor(start, device=device.device, requires_grad=True)
    o = optimizer([p], **options)
    for g in gradients:
        take(o, [p], [g])
    assert p.device == device.device
    np.testing.assert_allclose(host(p), by_hand(start, gradients, **options), rtol=1e-12)
    o.load_state_dict(copy.deepcopy(o.state_dict()))
    take(o, [p], [gradients[0]])
    np.testing.assert_allclose(host(p), by_hand(start, [*gradients, gradients[0]], **options), rtol=1e-12)


@each_case
def test_a_loaded_state_goes_on_identically(optimizer: Any, by_hand: Callable[..., Array],
                                            options: dict[str, Any]) -> None:
    gradients = [gradients_for((4,), 8), gradients_for((2, 2), 8, seed=1)]

    def parameters() -> list[tg.Tensor]:
        return [tg.ones(4, dtype="float64", requires_grad=True), tg.ones(2, 2, dtype="float64", requires_grad=True)]

    straight, first = parameters(), parameters()
    o = optimizer([{"params": [straight[0]]}, {"params": [straight[1]], "lr": 0.3}], **options)
    half = optimizer([{"params": [first[0]]}, {"params": [first[1]], "lr": 0.3}], **options)
    for i in range(4):
        take(o, straight, [g[i] for g in gradients])
        take(half, first, [g[i] for g in gradients])
    second = [p.detach().clone().requires_grad_() for p in first]
    other = optimizer([{"params": [second[0]]}, {"params": [second[1]]}], **options)
    saved = copy.deepcopy(half.state_dict())
    other.load_state_dict(saved)
    for i in range(4, 8):
        take(o, straight, [g[i] for g in gradients])
        take(other, second, [g[i] for g in gradients])
    for a, b in zip(straight, second, strict=True):
        np.testing.assert_array_equal(a.array, b.array)
    theirs, ours = ([x.array for state in states for x in state.values() if isinstance(x, tg.Tensor)]
                    for states in (other.state.values(), saved["state"].values()))
    assert len(theirs) == len(ours)
    assert not any(np.shares_memory(x, y) for x in ours for y in theirs)


def test_state_dict_has_the_format_of_pytorch() -> None:
    a, b, c = (tg.ones(n, requires_grad=True) for n in (1, 2, 3))
    o = SGD([{"params": [a, b]}, {"params": c, "lr": 1.0}], lr=0.5, momentum=0.9)
    assert o.state_dict()["state"] == {}
    b.grad, c.grad = tg.ones(2), tg.ones(3)
    o.step()
    state = o.state_dict()
    assert {k: list(v) for k, v in state["state"].items()} == {1: ["momentum_buffer"], 2: ["momentum_buffer"]}
    common = {"momentum": 0.9, "dampening": 0, "weight_decay": 0, "nesterov": False, "maximize": False}
    assert state["param_groups"] == [{"lr": 0.5, **common, "params": [0, 1]}, {"lr": 1.0, **common, "params": [2]}]
    adam = Adam([a])
    a.grad = tg.ones(1)
    adam.step()
    assert list(adam.state_dict()["state"][0]) == ["step", "exp_avg", "exp_avg_sq"]
    assert adam.state_dict()["state"][0]["step"] == 1


def test_groups_have_their_own_options() -> None:
    a, b = (tg.ones(2, dtype="float64", requires_grad=True) for _ in range(2))
    o = SGD([{"params": [a], "lr": 0.5, "momentum": 0.9}], lr=0.1)
    o.add_param_group({"params": b, "weight_decay": 0.2})
    gradients = gradients_for((2,), 3)
    for g in gradients:
        take(o, [a, b], [g, g])
    np.testing.assert_allclose(a.array, sgd_by_hand(np.ones(2), gradients, 0.5, 0.9), rtol=1e-14)
    np.testing.assert_allclose(b.array, sgd_by_hand(np.ones(2), gradients, 0.1, weight_decay=0.2), rtol=1e-14)


def test_parameters_without_gradient_are_left_alone() -> None:
    a, b = (tg.ones(2, dtype="float64", requires_grad=True) for _ in range(2))
    for o in (SGD([a, b], lr=1.0, momentum=0.5, weight_decay=0.1), Adam([a, b], weight_decay=0.1)):
        b.grad = tg.ones(2, dtype="float64")
        o.step()
        assert a.tolist() == [1.0, 1.0]
        assert a not in o.state
    a.grad = tg.ones(2, dtype="float64")
    o.step()
    assert (o.state[a]["step"], o.state[b]["step"]) == (1, 2)


def test_a_schedule_may_change_the_learning_rate() -> None:
    a = tg.ones(1, dtype="float64", requires_grad=True)
    o = SGD([a], lr=1.0)
    for lr in (1.0, 0.5, np.float64(0.25)):
        o.param_groups[0]["lr"] = lr
        take(o, [a], [np.ones(1)])
    assert a.item() == 1 - 1.75


def test_a_numpy_number_as_lr_does_not_widen_float32() -> None:
    a = tg.tensor([1.0], requires_grad=True)
    b = tg.tensor([1.0], requires_grad=True)
    take(SGD([a], lr=np.float64(0.1)), [a], [np.array([0.3])])
    take(SGD([b], lr=0.1), [b], [np.array([0.3])])
    assert a.item() == b.item()


def test_step_calls_the_closure_with_gradients_enabled() -> None:
    a = tg.ones(2, requires_grad=True)
    o = SGD([a], lr=0.5)

    def closure() -> tg.Tensor:
        o.zero_grad()
        loss: tg.Tensor = (a * a).sum()
        loss.backward()
        return loss

    with tg.no_grad():
        loss = o.step(closure)
    assert loss.item() == 2.0
    assert a.tolist() == [0.0, 0.0]
    assert o.step() is None


def test_zero_grad() -> None:
    a, b = (tg.ones(2, requires_grad=True) for _ in range(2))
    a.grad = kept = tg.ones(2)
    o = SGD([a, b])
    o.zero_grad(set_to_none=False)
    assert (a.grad.tolist(), b.grad) == ([0.0, 0.0], None)
    assert np.shares_memory(kept.array, a.grad.array)
    o.zero_grad()
    assert a.grad is None


@pytest.mark.parametrize(("make", "error", "text"), [
    (lambda p: SGD([p], lr=-1), ValueError, "Invalid learning rate: -1"),
    (lambda p: SGD([p], momentum=-1), ValueError, "Invalid momentum value: -1"),
    (lambda p: SGD([p], weight_decay=-1), ValueError, "Invalid weight_decay value: -1"),
    (lambda p: SGD([p], nesterov=True), ValueError, "Nesterov momentum requires a momentum and zero dampening"),
    (lambda p: SGD([p], momentum=0.9, dampening=0.1, nesterov=True), ValueError, "Nesterov"),
    (lambda p: SGD([{"params": [p], "lr": -2}]), ValueError, "Invalid learning rate: -2"),
    (lambda p: Adam([p], lr=-1), ValueError, "Invalid learning rate: -1"),
    (lambda p: Adam([p], eps=-1), ValueError, "Invalid epsilon value: -1"),
    (lambda p: Adam([p], betas=(1.0, 0.9)), ValueError, "Invalid beta parameter at index 0: 1.0"),
    (lambda p: Adam([p], betas=(0.9, -0.1)), ValueError, "Invalid beta parameter at index 1: -0.1"),
    (lambda p: Adam([p], weight_decay=-1), ValueError, "Invalid weight_decay value: -1"),
    (lambda p: Adam([p], betas=(0, 0.9)), ValueError, "betas must be floats"),
    (lambda p: AdamW([p], lr=-1), ValueError, "Invalid learning rate: -1"),
    (lambda p: RMSprop([p], alpha=-1), ValueError, "Invalid alpha value: -1"),
    (lambda p: RMSprop([p], momentum=-1), ValueError, "Invalid momentum value: -1"),
    (lambda p: RMSprop([p], lr=float("nan")), ValueError, "Invalid learning rate: nan"),
    (lambda p: Adagrad([p], lr_decay=-1), ValueError, "Invalid lr_decay value: -1"),
    (lambda p: Adagrad([p], initial_accumulator_value=-1), ValueError, "Invalid initial_accumulator_value value: -1"),
    (SGD, TypeError, "iterable of Tensors or dicts"),
    (lambda p: SGD([]), ValueError, "optimizer got an empty parameter list"),
    (lambda p: SGD([1.0]), TypeError, "can only optimize Tensors, but one of the params is float"),
    (lambda p: SGD([p * 2]), ValueError, "can't optimize a non-leaf Tensor"),
    (lambda p: SGD([{"params": p}, {"params": p}]), ValueError, "more than one parameter group"),
    (lambda p: SGD([p, p]), ValueError, "or twice in one"),
    (lambda p: SGD([p]).add_param_group({"params": [tg.ones(1), p]}), ValueError, "more than one parameter group"),
    (lambda p: SGD([{"params": {p}}]), TypeError, "ordered collections"),
    (lambda p: Adam([p], differentiable=True), NotImplementedError, "Adam: differentiable=True is not supported"),
    (lambda p: AdamW([p], faster=True), TypeError,  # type: ignore[call-arg]
     r"AdamW.__init__\(\) got an unexpected keyword argument 'faster'"),
])
def test_what_an_optimizer_refuses(make: Callable[[Any], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make(tg.ones(2, requires_grad=True))


@pytest.mark.parametrize("kind", [SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, NAdam, RAdam, RMSprop])
def test_how_pytorch_is_to_compute_a_step_changes_nothing(kind: Any) -> None:
    values = []
    for options in ({}, {"foreach": True}, {"fused": True}, {"capturable": True, "differentiable": False}):
        p = tg.tensor([1.0, 2.0], requires_grad=True)
        o = kind([p], lr=0.1, **options)
        for gradient in ([3.0, -4.0], [1.0, 1.0]):
            take(o, [p], [np.array(gradient)])
        values.append((p.tolist(), o.state_dict()["param_groups"]))
    assert values == values[:1] * 4


@pytest.mark.parametrize("kind", [SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, NAdam, RAdam, RMSprop])
def test_a_loaded_state_shares_no_memory_with_its_source(kind: Any) -> None:
    p, q = (tg.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    options = {"momentum": 0.9} if kind is SGD else {}
    source, o = kind([p], lr=0.1, **options), kind([q], lr=0.1, **options)
    take(source, [p], [np.array([3.0, -4.0])])
    saved = source.state_dict()
    o.load_state_dict(saved)
    before = repr(o.state_dict())
    arrays = [v for v in saved["state"][0].values() if isinstance(v, tg.Tensor)]
    assert arrays
    for v in arrays:
        v.fill_(77)
    saved["param_groups"][0]["lr"] = 77
    take(source, [p], [np.array([3.0, -4.0])])
    assert repr(o.state_dict()) == before


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    a, b = (tg.ones(2, requires_grad=True) for _ in range(2))
    o = SGD([a, b], lr=0.5, momentum=0.9)
    take(o, [a, b], [np.ones(2), np.ones(2)])
    before = copy.deepcopy(o.state_dict())
    for wrong in (SGD([a]), SGD([{"params": a}, {"params": b}])):
        with pytest.raises(ValueError, match="parameter group"):
            o.load_state_dict(wrong.state_dict())
    bad = copy.deepcopy(before)
    bad["param_groups"][0]["lr"] = -1
    with pytest.raises(ValueError, match="Invalid learning rate"):
        o.load_state_dict(bad)
    assert str(o.state_dict()) == str(before)


def test_repr() -> None:
    assert repr(SGD([tg.ones(1, requires_grad=True)], lr=0.1)) == """SGD (
Parameter Group 0
    dampening: 0
    lr: 0.1
    maximize: False
    momentum: 0
    nesterov: False
    weight_decay: 0
)"""


def test_a_step_is_noticed_by_backward() -> None:
    w = tg.ones(2, requires_grad=True)
    x = tg.ones(2, requires_grad=True)
    loss = (w * x).sum()  # x's derivative needs w
    take(SGD([w], lr=0.5), [w], [np.ones(2)])
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@each_case
def test_a_captured_step_follows_the_options(optimizer: Any, by_hand: Callable[..., Array],
                                             options: dict[str, Any]) -> None:
    """Counts advance, numbers are read anew, what is on or off leads to a new recording: always the bits of eager."""
    p, q = (tg.tensor(np.arange(4.0), requires_grad=True) for _ in range(2))
    o, eager = optimizer([p], **options), optimizer([q], **options)

    @tg.capture(audit=False)
    def step(weights: tg.Tensor) -> tg.Tensor:
        o.zero_grad()
        loss: tg.Tensor = (p * p * weights).sum()
        loss.backward()
        o.step()
        return loss

    changes: list[dict[str, Any]] = [{}, {}, {"lr": 0.2}, {"weight_decay": 0.1}, {"maximize": True}, {}, {"lr": 0.01},
                                     {"maximize": False, "weight_decay": 0.0}, {"weight_decay": 0.02}]
    if optimizer is SGD:
        changes += [{"momentum": 0.9}, {}, {"momentum": 0.5}, {"dampening": 0.3}, {}, {"dampening": 0.0},
                    {"nesterov": True}, {}, {"nesterov": False, "momentum": 0.0}, {}, {"momentum": 0.7}, {}]
    elif issubclass(optimizer, Adam):
        changes += [{"betas": (0.5, 0.9)}, {"amsgrad": True}, {}, {"eps": 1e-3}, {"amsgrad": False}, {},
                    {"decoupled_weight_decay": True}, {}, {"decoupled_weight_decay": False}]
    elif optimizer is RMSprop:
        changes += [{"momentum": 0.9}, {}, {"momentum": 0.5, "alpha": 0.8}, {"centered": True}, {}, {"eps": 1e-3},
                    {"centered": False, "momentum": 0.0}, {}]
    elif optimizer is Adagrad:
        changes += [{"lr_decay": 0.1}, {}, {"eps": 1e-3}, {"lr_decay": 0.0}, {}]
    elif optimizer is Adadelta:
        changes += [{"rho": 0.5}, {}, {"eps": 1e-3}]
    else:
        changes += [{"betas": (0.5, 0.9)}, {"eps": 1e-3}, {}]
    for change, weights in zip(changes, gradients_for((4,), len(changes)), strict=True):
        for any_optimizer in (o, eager):
            any_optimizer.param_groups[0] |= change
        step(tg.tensor(weights))
        eager.zero_grad()
        (q * q * tg.tensor(weights)).sum().backward()
        eager.step()
        np.testing.assert_array_equal(p.array, q.array)
    o.state.clear()
    o.param_groups[0] = dict(o.param_groups[0], lr=0.3)
    eager.state.clear()
    eager.param_groups[0] = dict(eager.param_groups[0], lr=0.3)
    for _ in range(3):
        step(tg.tensor(weights))
        eager.zero_grad()
        (q * q * tg.tensor(weights)).sum().backward()
        eager.step()
        np.testing.assert_array_equal(p.array, q.array)


@each_case
def test_a_captured_step_goes_on_after_load_state_dict(optimizer: Any, by_hand: Callable[..., Array],
                                                       options: dict[str, Any]) -> None:
    p, q = (tg.tensor(np.arange(4.0), requires_grad=True) for _ in range(2))
    o, eager = optimizer([p], **options), optimizer([q], **options)

    @tg.capture
    def step() -> None:
        o.zero_grad()
        (p * p).sum().backward()
        o.step()

    for i in range(20):
        step()
        eager.zero_grad()
        (q * q).sum().backward()
        eager.step()
        if i in (5, 14):
            for any_optimizer in (o, eager):
                any_optimizer.load_state_dict(copy.deepcopy(any_optimizer.state_dict()))
        np.testing.assert_array_equal(p.array, q.array)


def test_changes_that_a_captured_step_must_know_of() -> None:
    a, b = (tg.ones(1, requires_grad=True) for _ in range(2))
    o = SGD([a])
    changes: list[Callable[[], Any]] = [lambda: o.load_state_dict(o.state_dict()),
                                        lambda: o.add_param_group({"params": b})]
    for change in changes:
        before = graph.state_version
        change()
        assert graph.state_version != before
    before = graph.state_version
    o.zero_grad()
    a.grad = tg.ones(1)
    o.step()
    assert graph.state_version == before


def test_momentum_is_that_of_kth() -> None:
    """Equations (16) and (17) of kth, as printed, on a network of theirs: sigmoid units, half the sum of squares."""
    random = np.random.default_rng(0)
    rate, beta = 0.71, 0.8
    model = tg.nn.Sequential(tg.nn.Linear(5, 4), tg.nn.Sigmoid(), tg.nn.Linear(4, 3), tg.nn.Sigmoid()).double()
    optimizer = SGD(model.parameters(), lr=rate, momentum=beta)
    W = [p.array.copy() for p in model.parameters()]
    G = [np.zeros_like(w) for w in W]
    for _ in range(6):
        x, y = random.random((1, 5)), random.random((1, 3))
        optimizer.zero_grad()
        (0.5 * ((model(tg.from_numpy(x)) - tg.from_numpy(y)) ** 2).sum()).backward()
        optimizer.step()
        a1 = 1 / (1 + np.exp(-(x @ W[0].T + W[1])))
        a2 = 1 / (1 + np.exp(-(a1 @ W[2].T + W[3])))
        g2 = (a2 - y) * a2 * (1 - a2)  # (12)
        g1 = (g2 @ W[2]) * a1 * (1 - a1)  # (13)
        gradients = [g1.T @ x, g1[0], g2.T @ a1, g2[0]]  # (14), (15)
        G = [beta * old + new for old, new in zip(G, gradients, strict=True)]  # (16)
        W = [w - rate * g for w, g in zip(W, G, strict=True)]  # (17)
        for p, w in zip(model.parameters(), W, strict=True):
            np.testing.assert_allclose(p.array, w, rtol=1e-13, atol=1e-15)


def test_adagrad_has_its_state_from_the_beginning() -> None:
    a, b = (tg.ones(2, requires_grad=True) for _ in range(2))
    o = Adagrad([a, b], initial_accumulator_value=0.5)
    assert [state["sum"].tolist() for state in o.state_dict()["state"].values()] == [[0.5, 0.5]] * 2
    take(o, [a], [np.ones(2)])
    assert [state["step"] for state in o.state_dict()["state"].values()] == [1, 0]


def test_adamw_stays_decoupled_after_loading_the_state_of_adam() -> None:
    p = tg.ones(1, requires_grad=True)
    o = AdamW([p])
    o.load_state_dict(Adam([p], weight_decay=0.1).state_dict())
    assert o.param_groups[0]["decoupled_weight_decay"]
    assert o.param_groups[0]["weight_decay"] == 0.1


def test_a_step_that_is_defined_as_a_whole() -> None:
    """A subclass as in PyTorch: it has `step` and defaults of its own, and nothing else."""

    class Signs(Optimizer):
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, {"lr": lr})

        @tg.no_grad()
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for p in group["params"]:
                    p.add_(p.grad.sign(), alpha=-group["lr"])

    p = tg.tensor([1.0, 2.0], requires_grad=True)
    take(Signs([p], lr=0.5), [p], [np.array([3.0, -4.0])])
    assert p.tolist() == [0.5, 2.5]
