"""A captured step gives the bits of the eager one, and says so when it cannot."""

from __future__ import annotations

import copy
import gc
import itertools
import linecache
import re
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_lite as tg
from tests.devices import DEVICES
from tinygrad_lite import nn
from tinygrad_lite.engine import graph
from tinygrad_lite.engine.backend import Backend, to_host
from tinygrad_lite.engine.graph import Array, live
from tinygrad_lite.engine.operation import update
from tinygrad_lite.replay.replay import capture

ACTIVATIONS: list[Callable[[], nn.Module]] = [nn.ReLU, nn.Tanh, nn.Sigmoid]
LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "half squares": lambda p, y: 0.5 * ((p - y) ** 2).sum(),
    "mse": nn.functional.mse_loss,
    "bce": nn.functional.binary_cross_entropy_with_logits,
    "cross entropy": lambda p, y: nn.functional.cross_entropy(p, y.argmax(1)),
    "soft cross entropy": lambda p, y: nn.functional.cross_entropy(p, y.softmax(1)),
    "composed": lambda p, y: -(y * p.log_softmax(1)).sum(1).mean() + (p[:, :1].abs().clamp(max=2.0)).mean(),
}
OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda p: tg.optim.SGD(p, lr=0.1),
    "decay": lambda p: tg.optim.SGD(p, lr=0.1, weight_decay=0.01, maximize=False),
    "momentum": lambda p: tg.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.1),
    "nesterov": lambda p: tg.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": lambda p: tg.optim.Adam(p, lr=0.01),
    "amsgrad": lambda p: tg.optim.Adam(p, lr=0.01, amsgrad=True, weight_decay=0.01),
    "adamw": lambda p: tg.optim.AdamW(p, lr=0.01),
    "rmsprop": lambda p: tg.optim.RMSprop(p, lr=0.01, momentum=0.5, weight_decay=0.01),
    "centered": lambda p: tg.optim.RMSprop(p, lr=0.01, centered=True),
    "adagrad": lambda p: tg.optim.Adagrad(p, lr=0.1, lr_decay=0.1),
    "adadelta": lambda p: tg.optim.Adadelta(p, eps=1e-3),
    "adamax": lambda p: tg.optim.Adamax(p, lr=0.01),
    "nadam": lambda p: tg.optim.NAdam(p, lr=0.01),
    "radam": lambda p: tg.optim.RAdam(p, lr=0.01, weight_decay=0.1, decoupled_weight_decay=True),
}


def bits(x: Any) -> Any:
    """What must be equal: shape, dtype and bytes of arrays, or the thing itself."""
    if isinstance(x, graph.Tensor):
        x = x.array
    if hasattr(x, "dtype"):
        return tuple(x.shape), str(x.dtype), to_host(x).tobytes()
    if isinstance(x, dict):
        return {k: bits(v) for k, v in x.items()}
    return [bits(v) for v in x] if isinstance(x, (list, tuple)) else x


class Training:
    """A network, its optimizer, and a step that may be captured.  All that it holds can be compared."""

    def __init__(self, sizes: list[int], activation: Callable[[], nn.Module], loss: str, optimizer: str, p: float = 0.0,
                 dtype: str = "float32", device: str = "cpu", clear: str = "inside", captured: bool = False) -> None:
        self.generator = tg.Generator(3)
        random = np.random.default_rng(0)
        layers: list[nn.Module] = []
        for n_in, n_out in itertools.pairwise(sizes):
            layers += [nn.Linear(n_in, n_out), activation(), nn.Dropout(p, generator=self.generator)]
        self.model = nn.Sequential(*layers[:-2])
        self.model.to(np.dtype(dtype))
        with tg.no_grad():
            for parameter in self.model.parameters():
                parameter.copy_(tg.from_numpy(random.standard_normal(parameter.shape).astype(dtype)))
        self.model.to(device)
        self.optimizer = OPTIMIZERS[optimizer](self.model.parameters())
        self.loss, self.clear = LOSSES[loss], clear
        self.step: Any = capture(self.train) if captured else self.train

    def train(self, x: Any, y: Any) -> Any:
        """One step; it returns the loss and the prediction."""
        if self.clear == "inside":
            self.optimizer.zero_grad()
        prediction = self.model(x)
        loss = self.loss(prediction, y)
        loss.backward()
        self.optimizer.step()
        return {"loss": loss, "more": (prediction, 7)}

    def state(self) -> Any:
        """Everything that a step may change."""
        return bits([self.model.state_dict(), [p.grad for p in self.model.parameters()],
                     self.optimizer.state_dict()["state"], self.generator.get_state()])


def batches(random: Any, sizes: list[int], n: int, dtype: str, device: str = "cpu") -> tuple[Any, Any]:
    x, y = random.standard_normal((n, sizes[0])), random.random((n, sizes[-1]))
    return tg.tensor(x.astype(dtype), device=device), tg.tensor(y.astype(dtype), device=device)


@st.composite
def trainings(draw: Any) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """The arguments of a Training, and what happens to it."""
    config = {
        "sizes": draw(st.lists(st.integers(1, 7), min_size=2, max_size=4)),
        "activation": draw(st.sampled_from(ACTIVATIONS)),
        "loss": draw(st.sampled_from(sorted(LOSSES))),
        "optimizer": draw(st.sampled_from(sorted(OPTIMIZERS))),
        "p": draw(st.sampled_from([0.0, 0.0, 0.3])),
        "dtype": draw(st.sampled_from(["float32", "float64"])),
        "clear": draw(st.sampled_from(["inside", "inside", "outside", "zeros", "never", "sometimes"])),
    }
    events: list[tuple[str, Any]] = [("batch", draw(st.integers(1, 6)))]
    other = st.one_of(st.tuples(st.just("batch"), st.integers(1, 6)),
                      st.tuples(st.just("lr"), st.floats(1e-4, 0.2)),
                      st.tuples(st.just("weight_decay"), st.sampled_from([0.0, 0.02])),
                      st.tuples(st.sampled_from(["train", "eval", "look", "freeze", "replace"]), st.none()))
    for _ in range(draw(st.integers(0, 3))):
        events += [("steps", draw(st.integers(1, 6))), draw(other)]
    return config, [*events, ("steps", draw(st.integers(1, 9)))]


def play(training: Training, config: dict[str, Any], events: list[tuple[str, Any]]) -> Iterator[Any]:
    """Let the events happen; yield what each step returned and left."""
    random = np.random.default_rng(1)
    n = done = 0
    for what, value in events:
        if what == "batch":
            n = value
        elif what in ("lr", "weight_decay"):
            training.optimizer.param_groups[0][what] = value
        elif what in ("train", "eval"):
            training.model.train(what == "train")
        elif what == "freeze":
            first = next(iter(training.model.parameters()))
            first.requires_grad_(not first.requires_grad)
            first.grad = None
        elif what == "replace":
            first = next(iter(training.model.parameters()))
            first.data = tg.tensor(first.array * 0.5)
        for _ in range(value if what == "steps" else 0):
            done += 1
            if training.clear in ("outside", "zeros") or (training.clear == "sometimes" and done % 3 == 0):
                training.optimizer.zero_grad(set_to_none=training.clear != "zeros")
            returned = training.step(*batches(random, config["sizes"], n, config["dtype"]))
            yield returned, training.state() if what == "look" or done % 2 else bits(training.model.state_dict())


@given(trainings())
def test_training_has_the_bits_of_eager_training(drawn: Any) -> None:
    config, events = drawn
    eager = play(Training(**config), config, events)
    replayed = play(Training(**config, captured=True), config, events)
    kept = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a diverging training overflows, in both
        for (a, left), (b, also_left) in zip(eager, replayed, strict=True):
            assert bits(a) == bits(b)
            assert left == also_left
            kept.append((b, bits(a)))
    assert [bits(b) for b, _ in kept] == [a for _, a in kept]  # what was returned is nobody's buffer


@pytest.mark.parametrize("device", DEVICES, ids=lambda d: d.device)
@pytest.mark.parametrize("optimizer", ["nesterov", "amsgrad"])
@pytest.mark.parametrize("loss", ["half squares", "cross entropy"])
def test_on_other_devices(device: Backend, optimizer: str, loss: str) -> None:
    runs = []
    for captured in (False, True):
        random = np.random.default_rng(1)
        training = Training([5, 4, 3], nn.Tanh, loss, optimizer, 0.2, device=device.device, captured=captured)
        runs.append([(bits(training.step(*batches(random, [5, 3], 4, "float32", device.device))), training.state())
                     for _ in range(10)])
        assert not captured or training.step.captures == 1
    assert runs[0] == runs[1]


# --- what is recorded anew ----------------------------------------------------------------------------------------


def small(optimizer: str = "sgd", **kwargs: Any) -> Training:
    return Training([3, 4, 2], nn.Tanh, "half squares", optimizer, captured=True, **kwargs)


def some(n: int = 2, dtype: str = "float32") -> tuple[Any, Any]:
    return batches(np.random.default_rng(n), [3, 2], n, dtype)


def test_one_recording_per_kind_of_arguments() -> None:
    training = small("momentum")
    for n in (2, 3, 2, 3, 3, 2):
        training.step(*some(n))
    assert training.step.captures == 2
    x, y = some(2)
    training.step(tg.from_numpy(x.array.T.copy().T), y)  # another layout in memory: other loops, other bits
    assert training.step.captures == 3


def test_options_are_read_at_each_replay() -> None:
    training = small("nesterov")
    group = training.optimizer.param_groups[0]
    for lr in (0.1, 0.0, 0.3, 0.3, 0.0):
        group["lr"], group["weight_decay"] = lr, lr
        before = training.state()[0]
        training.step(*some())
        assert (training.state()[0] == before) == (lr == 0)
    assert training.step.captures == 2  # with and without weight decay


def test_a_captured_function_inside_another_keeps_its_history() -> None:
    net = nn.Linear(3, 1)
    inner = tg.capture(lambda x: net(x).sum())

    @tg.capture
    def outer(x: Any) -> Any:
        net.zero_grad()
        inner(x).backward()
        assert net.weight.grad is not None
        return net.weight.grad * 1

    for _ in range(5):
        assert outer(tg.ones(2, 3)).tolist() == [[2.0, 2.0, 2.0]]


def test_a_captured_step_leaves_nothing_behind() -> None:
    def run() -> weakref.ref[Any]:
        net = nn.Linear(3, 1)
        step = tg.capture(net.forward)
        for _ in range(10):
            step(tg.ones(2, 3))
        return weakref.ref(net)

    run()  # the calls of ops are written
    gc.disable()
    try:
        before = len(linecache.cache)
        assert run()() is None
        assert len(linecache.cache) == before
    finally:
        gc.enable()


def test_a_setting_of_a_layer_makes_a_new_recording() -> None:
    layer = nn.Dropout(0.0)
    step = tg.capture(layer.forward, audit=False)
    for p in (0.0, 0.0, 1.0, 1.0, 0.0):
        layer.p = p
        assert (step(tg.ones(3)).numpy() == 1 - p).all()


class Switched(nn.Module):
    """A module of which every kind of attribute decides what it computes."""

    use = True

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.act, self.mask, self.sizes = 2.0, tg.tanh, tg.tensor([1.0, 0.0, 1.0]), (1, 0.5)

    def forward(self, x: Any) -> Any:
        y = self.act(x) * self.scale if self.use else x
        return y * self.mask * self.sizes[1]


@pytest.mark.parametrize(("make", "name", "value"), [
    (lambda: nn.Dropout(0.1), "p", np.float32(0.9)),
    (lambda: nn.Dropout(0.1), "p", np.asarray(0.9, "float32")),
    (lambda: nn.BatchNorm1d(3), "momentum", None),
    (lambda: nn.RMSNorm(3, eps=1.0), "eps", None),
    (lambda: nn.LayerNorm(3), "forward", lambda x: x * 2),
    (nn.ELU, "alpha", 3),
    (Switched, "use", False),
    (Switched, "act", tg.sigmoid),
    (Switched, "mask", tg.ones(3)),
    (Switched, "sizes", (1, -0.5)),
    (Switched, "scale", 0.0),
    (Switched, "scale", np.float64(3.0)),
    (Switched, "forward", lambda x: -x),
])
def test_whatever_is_assigned_to_a_module_is_a_change(make: Any, name: str, value: Any) -> None:
    module, x = make(), tg.tensor(np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3))
    step: Any = capture(module, audit=False)
    for _ in range(2):
        step(x)
    setattr(module, name, value)
    state = {k: v.clone() for k, v in module.state_dict().items()}
    found: list[Any] = []
    for run in (step, module):
        module.load_state_dict(state)
        tg.manual_seed(7)
        found.append(bits([run(x), module.state_dict()]))
    assert found[0] == found[1]
    assert step.captures == 2


def test_deleting_an_attribute_is_a_change() -> None:
    module = Switched()
    module.use = False
    step: Any = capture(module, audit=False)
    x = tg.ones(3)
    before = [step(x).tolist() for _ in range(2)]
    del module.use
    assert step(x).tolist() == module(x).tolist() != before[0]


def test_minus_zero_and_nan_are_numbers_of_their_own() -> None:
    divide = capture(lambda x, k: x / k["by"][0], audit=False)
    one = tg.ones(1)
    with np.errstate(all="ignore"):
        for number in (float, np.float32, np.float64):
            found = [divide(one, {"by": [number(k)]}).item() for k in (0.0, 0.0, -0.0, 0.0, 2)]
            assert found == [np.inf, np.inf, -np.inf, np.inf, 0.5]
        captures = divide.captures
        for _ in range(3):
            assert np.isnan(divide(one, {"by": [np.nan]}).item())
        assert divide.captures == captures + 1
    keys = capture(lambda x, k: x * (next(iter(k)) is True), audit=False)
    assert [keys(one, {k: None}).item() for k in (1, True, 1.0)] == [0, 1, 0]


def test_library_state_makes_a_new_recording() -> None:
    training = small(p=0.5)
    weight, bias = list(training.model.parameters())[:2]
    for change in (lambda: None, training.model.eval, training.model.train, lambda: weight.requires_grad_(False),
                   lambda: bias.register_hook(lambda g: g)):
        change()
        captures = training.step.captures
        for _ in range(3):
            training.step(*some())
        assert training.step.captures <= captures + 1
    assert training.step.captures == 4  # the hook changed nothing that was computed


def test_a_change_that_does_not_concern_the_step_keeps_the_recording() -> None:
    training = small()
    training.step(*some())
    other = nn.Linear(2, 2)
    for _ in range(5):
        training.step(*some())
        other.train(not other.training)
    assert training.step.captures == 1


def test_grad_mode_and_default_dtype_are_part_of_the_signature() -> None:
    step = capture(lambda x: (x * tg.tensor(2.0), tg.is_grad_enabled()))
    x = tg.ones(2)
    assert step(x)[1] is True
    with tg.no_grad():
        assert step(x)[1] is False
    assert step.captures == 2


def test_a_buffer_that_the_first_run_makes() -> None:
    """The library says that its state changed, so that the second run is recorded too."""
    layer: Any = nn.Linear(2, 2)
    seen = []

    @capture
    def step(x: Any) -> Any:
        if not hasattr(layer, "total"):
            layer.register_buffer("total", tg.zeros(2))
            seen.append(1)
        with tg.no_grad():
            layer.total.add_(layer(x).sum(0))
        return layer.total * 1

    x, expected = tg.ones(3, 2), tg.zeros(2)
    for _ in range(6):
        with tg.no_grad():
            expected.add_(layer(x).sum(0))
        assert bits(step(x)) == bits(expected)
    assert len(seen) == 1
    assert step.captures == 2


def test_what_changes_library_state_at_each_run_settles() -> None:
    """An adversarial step: it makes a leaf of its own."""
    w = tg.tensor([1.0, -2.0], requires_grad=True)

    @capture
    def step(x: Any) -> Any:
        x = x.detach().clone().requires_grad_()
        (w * x * x).sum().backward(inputs=[x])
        return x.grad

    for i in range(8):
        x = tg.tensor([1.0 + i, 3.0])
        assert bits(step(x)) == bits(2 * w.detach() * x)
    assert step.captures == 2
    assert next(iter(step._variants.values()))[0].calls == 6


def test_new_leaves_are_no_change_of_library_state() -> None:
    version = graph.state_version
    tg.value_and_grad(lambda w: (w * tg.ones(2, requires_grad=True)).sum())(tg.ones(2))
    assert graph.state_version == version


def test_old_variants_make_room() -> None:
    step = capture(lambda x, n: x * n)
    for n in range(40):
        assert step(tg.ones(1), n).item() == n
    assert step.captures == 40
    assert sum(map(len, step._variants.values())) == 32


# --- gradients ------------------------------------------------------------------------------------------------------


def test_gradients_cost_a_copy_only_if_somebody_looks_and_stay_what_they_were() -> None:
    training, eager = small(), Training([3, 4, 2], nn.Tanh, "half squares", "sgd")
    weight, also = next(iter(training.model.parameters())), next(iter(eager.model.parameters()))
    kept = []
    for n in range(12):
        training.step(*some())
        eager.step(*some())
        if n % 3 == 0:
            kept.append((weight.grad, bits(also.grad)))
            assert weight.grad is weight.grad
    assert [bits(g) for g, _ in kept] == [b for _, b in kept]


def test_accumulation_over_calls() -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    step = capture(lambda x: (w * x).sum().backward())
    total = np.zeros(2, np.float32)
    for i in range(9):
        if i == 5:
            w.grad, total = None, total * 0
        step(tg.tensor([1.0, i]))
        total += np.array([1.0, i], np.float32)
        if i % 2:
            assert bits(w.grad) == bits(total)
    assert step.captures == 2  # with and without a gradient at the start


def test_gradients_are_changed_inside() -> None:
    """Clipping: the stored gradient is overwritten, and read by the optimizer."""
    w = tg.tensor([3.0, 4.0], requires_grad=True)
    optimizer = tg.optim.SGD([w], lr=0.1)

    @capture
    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = (w * w * x).sum()
        loss.backward()
        assert w.grad is not None
        with tg.no_grad():
            w.grad.mul_(1 / (w.grad * w.grad).sum().sqrt().clamp(min=1.0))
        optimizer.step()
        return loss

    expected = np.array([3.0, 4.0])
    for _ in range(7):
        step(tg.ones(2))
        gradient = 2 * expected / max(1, np.sqrt(np.sum((2 * expected) ** 2)))
        expected = expected - 0.1 * gradient
        assert w.grad is not None
        np.testing.assert_allclose(w.grad.array, gradient, rtol=1e-5)
        np.testing.assert_allclose(w.array, expected, rtol=1e-5)


def test_second_order() -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)

    def penalty(x: Any) -> Any:
        w.grad = None
        g, = tg.autograd.grad((w**3 * x).sum(), w, create_graph=True)
        loss = (g * g).sum()
        loss.backward()
        return loss, w.grad

    step = capture(penalty)
    for i in range(6):
        x = tg.tensor([1.0, i + 0.5])
        assert bits(penalty(x)) == bits(step(x))


# --- memory ---------------------------------------------------------------------------------------------------------


def test_arrays_that_the_step_makes_and_overwrites() -> None:
    """They start afresh at each replay."""

    @capture
    def step(x: Any) -> Any:
        total, last = tg.zeros(2), tg.full((2,), 7.0)
        for row in x:
            total += row
            last.copy_(row)
        total[0] = total[1] * 2
        return total, last

    for i in range(6):
        x = np.arange(6, dtype=np.float32).reshape(3, 2) + i
        total, last = step(tg.tensor(x))
        assert total.tolist() == [2 * x[:, 1].sum(), x[:, 1].sum()]
        assert last.tolist() == x[2].tolist()


@tg.op
def half_raw(input: Array, other: Array) -> Array:
    return input * other


@half_raw.vjp("input", "other", joint=True, raw=True)
def _(g: Any, input: Any, other: Any, wanted: Any) -> Any:
    return tuple(np.multiply(g, x, order="F") if want else None
                 for x, want in zip((other, input), wanted, strict=True))


def barlow(x: Any) -> Any:
    c = x.t() @ x
    return c.diagonal().add_(-1).pow_(2).sum(), (c**2).sum()


@pytest.mark.parametrize("view", [
    lambda y: y.diagonal(), lambda y: y.diagonal(1, 1, 0), lambda y: y.unfold(1, 2, 1), lambda y: y.unfold(0, 1, 1)[0],
    lambda y: tg.einsum("ii->i", y), lambda y: y.T[1:].diagonal(), lambda y: y.expand(2, 2, 2),
    lambda y: tg.einsum("ij->ji", y), lambda y: y.view(4)[1::2], lambda y: tg.broadcast_tensors(y, tg.ones(3, 1, 1))[0],
])
def test_a_view_of_a_computed_tensor_keeps_its_memory(view: Any) -> None:
    def read(x: Any) -> Any:
        d = view(x * 2)
        return d, (x + 1).exp(), ((x - 1) * 3).exp().sum(), d.sum()

    x = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
    step = capture(read, audit=False)
    for i in range(3):
        assert bits(step(x * i)) == bits(read(x * i)), i


@pytest.mark.parametrize("view", [
    lambda y: y.diagonal(), lambda y: y.diagonal(-1), lambda y: y.t().diagonal()[1:], lambda y: y[1].view(1, 2),
])
@pytest.mark.parametrize("differentiate", [False, True])
def test_a_write_through_a_view_of_a_computed_tensor(view: Any, differentiate: bool) -> None:
    w = tg.tensor([[1.0, -2.0], [0.5, 4.0]], requires_grad=differentiate)

    def write(x: Any) -> Any:
        w.grad = None
        y = x * w
        view(y).add_(10).mul_(x.sum())
        if differentiate:
            (y * y).sum().backward()
        return y * 1, w.grad

    x = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
    step, barlow_step = capture(write, audit=False), capture(barlow, audit=False)
    for i in range(1, 4):
        assert bits(step(x * i)) == bits(write(x * i)), i
        assert bits(barlow_step(x * i)) == bits(barlow(x * i)), i


@pytest.mark.parametrize("body", [
    lambda w: (w.prod(1) ** 2).sum(),
    lambda w: w.prod() + w.prod(0).sum(),
    lambda w: ((w.sum() + (w * 1).t().contiguous().t()) ** 2).sum(),
    lambda w: ((w.mean() + (w * 1).t().contiguous().t()) ** 3).mean(),
    lambda w: ((w.t().contiguous().t() * w).sum() * w.t().contiguous().t()).mean(),
    lambda w: (w.t().contiguous() @ w).prod(0).std(),
    lambda w: half_raw(w, (w * 2).t().contiguous().t()).sum(),
])
def test_the_gradient_has_the_bits_of_the_eager_one(body: Any) -> None:
    """Also where the eager walk calls a VJP on raw arrays, and where layouts decide in which order a sum is added."""
    w = tg.tensor(np.random.RandomState(3).randn(37, 11)).requires_grad_()

    def step() -> Any:
        w.grad = None
        body(w).backward()
        assert w.grad is not None
        return w.grad, w.grad.sum(), w.grad.norm()

    expected = bits(step())
    captured = capture(step, audit=False)
    for _ in range(3):
        assert bits(captured()) == expected


@pytest.mark.parametrize("program", [
    lambda w, x: (tg.zeros(2, 2) * 2).add_(x),  # a result that is a constant, until it is overwritten
    lambda w, x: (w.copy_(w @ x), w * 1),  # a product cannot be written over its operand
    lambda w, x: w.copy_((w @ x).sum(0) + w.T),
    lambda w, x: (x.clone().add_(1), x * 1),
    lambda w, x: ((w * 1.0).mul_(2), w * 1),
    lambda w, x: x**3 + x**2 + x**1 + x**-1 + x.abs() ** 0.5,
    lambda w, x: w.T[0].add_(x[1]),
    lambda w, x: ((x[:1] * -0.0).amax(0), (x[:1] * -0.0).sum(0)),
])
def test_writes_and_what_a_plan_could_make_of_them(program: Any) -> None:
    random = np.random.default_rng(0)
    w, also = (tg.tensor([[1.0, -2.0], [0.5, 3.0]]) for _ in range(2))
    step = capture(lambda x: program(also, x))
    for _ in range(6):
        x, y = (tg.tensor(array) for array in [random.standard_normal((2, 2)).astype(np.float32)] * 2)
        assert bits([program(w, x), w, x]) == bits([step(y), also, y])


def test_an_array_that_is_exchanged_in_a_parameter() -> None:
    w = tg.ones(2, requires_grad=True)
    step = capture(lambda x: (w * x).sum().backward())
    for n in range(4):
        w.array, w.grad = np.full(2, n, np.float32), None
        step(tg.ones(2))
        assert w.grad is not None
    assert step.captures == 4


def test_an_array_that_the_step_overwrites_and_somebody_keeps() -> None:
    kept = []

    @capture
    def step(x: Any) -> Any:
        total = tg.zeros(2)
        kept.append(total)
        return total.add_(x) * 1

    step(tg.ones(2))
    with pytest.raises(RuntimeError, match="audit of replay 1"):
        step(tg.ones(2))


def test_windows_of_an_array_that_the_step_makes_and_overwrites() -> None:
    def step(x: Any) -> Any:
        y = tg.full_like(x, 0.5)
        windows = y.unfold(-1, 2, 1)
        y.add_(1)
        return x + windows.sum() + y.sum()

    captured = capture(step, audit=False)
    for i in range(4):
        assert bits(captured(tg.ones(2, 2) * i)) == bits(step(tg.ones(2, 2) * i))


@pytest.mark.parametrize("dtype", [tg.int64, tg.float64, tg.float16, tg.float32])
def test_a_gradient_of_another_dtype_to_start_from(dtype: Any) -> None:
    gradients = []
    for captured in (False, True):
        w = tg.ones(3, requires_grad=True)

        def step(x: Any, w: Any = w) -> Any:
            (w * 1).backward(-x)
            return x * 1

        run = capture(step, audit=False) if captured else step
        for i in range(1, 4):
            run(tg.full((3,), i, dtype=dtype))
        gradients.append(bits(w.grad))
    assert gradients[0] == gradients[1]


def test_arguments_can_be_overwritten() -> None:
    @capture
    def step(x: Any, scale: Any) -> Any:
        x[1:].mul_(scale)
        return x.sum()

    for i in range(6):
        x = tg.tensor([1.0, 2.0, 3.0])
        assert step(x, tg.tensor(float(i))).item() == 1 + 5 * i
        assert x.tolist() == [1.0, 2.0 * i, 3.0 * i]


def test_the_same_array_as_argument_and_from_elsewhere() -> None:
    a, b = tg.ones(2), tg.full((2,), 5.0)
    step = capture(lambda x, y: (x * 10 + y + a).tolist if False else x * 10 + y + a)
    assert step(a, a).tolist() == [12.0, 12.0]
    for _ in range(4):
        assert step(b, a).tolist() == [52.0, 52.0]
        assert step(a, b).tolist() == [16.0, 16.0]
    assert step.captures == 2  # one tensor given twice is told from two


def test_a_tensor_that_is_given_twice_is_one_tensor() -> None:
    w = tg.tensor([2.0], requires_grad=True)

    def step(a: Any, b: Any) -> Any:
        w.grad = None
        a.copy_(w * 3)
        ((b * b).sum() + (w * 0).sum()).backward()
        return b * 1

    captured, x, y = capture(step, audit=False), tg.ones(1), tg.full((1,), 7.0)
    calls = [(x, x, 6, 36), (x, y, 7, 0), (x, x, 6, 36), (y, x, 6, 0), (x, y, 6, 0), (y, y, 6, 36)]
    for a, b, value, gradient in calls:
        for _ in range(2):
            assert captured(a, b).item() == value
            assert w.grad is not None
            assert w.grad.item() == gradient
    assert captured.captures == 2


@pytest.mark.parametrize("reach", [
    lambda x: (x, x[1:]), lambda x: (x[1:], x), lambda x: (x[:-1], x[1:]), lambda x: (x, x.detach()),
    lambda x: (x.T, x),
])
def test_a_recorded_write_into_overlapping_arguments_is_refused(reach: Any) -> None:
    w = tg.tensor(2.0, requires_grad=True)
    x = tg.ones(3)
    with pytest.raises(RuntimeError, match="reaches the memory in another way"):
        capture(lambda a, b: (a.mul_(w), (b.sum() + w * 0).backward()))(*reach(x))
    with pytest.raises(RuntimeError, match="reaches the memory in another way"):
        capture(lambda a: (a.mul_(w), x.sum()))(reach(x)[0])
    # A write that records nothing, reading, and parts that do not overlap are as good as ever.
    step = capture(lambda a, b: (a.mul_(2), (b * w).sum() * 1))
    for i in range(1, 4):
        a, b = reach(x)
        expected = a.tolist()
        _, total = step(a, b)
        assert a.tolist() == (2 * np.array(expected)).tolist(), i
        assert total.item() == 2 * b.sum().item()
    apart = capture(lambda a, b: a.mul_(w) + b)
    for _ in range(3):
        apart(x[:1], x[1:2])


def test_a_step_that_makes_an_argument_a_leaf_is_refused() -> None:
    def step(x: Any) -> Any:
        x.requires_grad_()
        (x**3).sum().backward()
        return x * 1

    with pytest.raises(RuntimeError, match=r"requires_grad_\(\) on an argument"):
        capture(step)(tg.ones(1))


def test_outside_arrays_are_read_where_they_are() -> None:
    table = tg.zeros(3)
    step = capture(lambda i: table[1:] + i)
    for n in range(6):
        table.fill_(n)
        assert step(tg.ones(2)).tolist() == [n + 1.0, n + 1.0]


def test_random_draws_are_made_anew() -> None:
    def draws(x: Any) -> Any:
        return [tg.rand(2), tg.randn_like(x), tg.randint(0, 100, (3,)), tg.randint(9), tg.randperm(4), x + tg.rand()]

    runs = []
    for step in (draws, capture(draws)):
        tg.manual_seed(0)
        runs.append([bits(step(tg.ones(3))) for _ in range(9)])
        runs[-1].append(tg.default_generator().get_state())
    assert runs[0] == runs[1]
    assert runs[0][0] != runs[0][1]


def one_seed(generator: Any) -> Iterator[Any]:
    (generator or tg).manual_seed(5)
    yield tg.rand(2, generator=generator)


def the_same_mask_twice(generator: Any) -> Iterator[Any]:
    get, put = ((generator.get_state, generator.set_state) if generator else (tg.get_rng_state, tg.set_rng_state))
    before = get()
    yield tg.bernoulli(tg.full((9,), 0.5), generator=generator)
    after = get()
    put(before)
    yield tg.bernoulli(tg.full((9,), 0.5), generator=generator)
    put(after)
    yield tg.randn(2, generator=generator)


def a_generator_of_its_own(generator: Any) -> Iterator[Any]:
    own = tg.Generator(3)
    yield tg.randperm(5, generator=own)
    yield tg.randint(100, (3,), generator=own)
    yield tg.Generator().manual_seed(4) and tg.randn(2, generator=own)
    yield tg.rand(1, generator=tg.Generator().manual_seed(4))


def a_copy_of_a_generator(generator: Any) -> Iterator[Any]:
    generator = generator or tg.random.default_generator()
    double = copy.deepcopy(generator)
    yield tg.rand(2, generator=generator)
    yield tg.rand(2, generator=double)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("drawing", [one_seed, the_same_mask_twice, a_generator_of_its_own, a_copy_of_a_generator])
def test_seeds_and_states_of_generators_are_set_anew(drawing: Any, own: bool) -> None:
    found = []
    for audit in (None, False, True):
        tg.manual_seed(0)
        generator = tg.Generator(1) if own else None

        def step(x: Any, generator: Any = generator) -> Any:
            return [x * drawn for drawn in drawing(generator)]

        run = step if audit is None else capture(step, audit=audit)
        drawn = [bits(run(tg.ones(1))) for _ in range(5)]
        found.append((drawn, tg.get_rng_state(), generator and generator.get_state()))
    assert found[0] == found[1] == found[2]


def test_a_state_that_a_step_returns_is_that_of_the_replay() -> None:
    step = capture(lambda: (tg.rand(1), tg.get_rng_state()), audit=False)
    for _ in range(4):
        assert step()[1] == tg.get_rng_state()


def test_the_default_generator_is_that_of_the_thread_that_replays() -> None:
    @capture
    def step() -> Any:
        tg.manual_seed(5)
        return tg.rand(1)

    step()
    drawn: list[Any] = []
    thread = threading.Thread(target=lambda: drawn.extend([step(), step(), tg.rand(1)]))
    before = tg.get_rng_state()
    thread.start()
    thread.join()
    assert tg.get_rng_state() == before
    tg.manual_seed(5)
    first, second = tg.rand(1).item(), tg.rand(1).item()
    assert [x.item() for x in drawn] == [first, first, second]


@pytest.mark.parametrize(("function", "good", "bad"), [
    (tg.bernoulli, [0.5, 0.5], [0.5, -0.5]),
    (lambda p: tg.multinomial(p, 1), [0.5, 0.5], [0.5, -0.5]),
    (lambda i: tg.ones(3).index_select(0, i), [0, 2], [0, 3]),
    (lambda i: tg.ones(3).index_fill(0, i, 2.0), [0, 2], [0, -1]),
    (lambda i: tg.take(tg.arange(3), i), [0, 2], [0, 5]),
    (lambda i: nn.functional.one_hot(i, 3), [0, 2], [0, -1]),
    (lambda i: nn.functional.cross_entropy(tg.ones(2, 3), i), [0, 2], [0, -1]),
    (lambda i: nn.functional.nll_loss(tg.ones(2, 3), i), [0, 2], [0, 3]),
    (lambda i: nn.functional.embedding(i, tg.ones(3, 2)), [0, 2], [0, -1]),
    (lambda i: tg.gather(tg.ones(3), 0, i), [0, 2], [0, -1]),
    (lambda v: nn.functional.gaussian_nll_loss(tg.ones(2), tg.ones(2), v), [0.5, 0.5], [0.5, -0.5]),
])
def test_a_replay_refuses_the_values_that_the_step_refuses(function: Any, good: Any, bad: Any) -> None:
    step = capture(lambda x: function(x * 1), audit=False)
    for _ in range(2):
        step(tg.tensor(good))
    with pytest.raises((RuntimeError, IndexError, ValueError)):
        function(tg.tensor(bad))
    with pytest.raises((RuntimeError, IndexError, ValueError)):
        step(tg.tensor(bad))


def test_a_graph_from_outside_notices_what_a_replay_overwrites() -> None:
    training = small()
    for _ in range(5):
        training.step(*some())
    weight = next(iter(training.model.parameters()))
    loss = (weight * weight).sum()
    training.step(*some())
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_results_are_constants_from_the_first_call() -> None:
    training = small()
    for _ in range(3):
        loss = training.step(*some())["loss"]
        assert not loss.requires_grad
        loss += 1  # nobody else's


@pytest.mark.parametrize("structure", [
    lambda x: x, lambda x: [x, (x, 3.5), {"a": x}], lambda x: None, lambda x: tg.max(x, 0), lambda x: (), lambda x: "a",
])
def test_structure_of_the_result(structure: Any) -> None:
    step = capture(lambda x: structure(x * 2))
    for _ in range(4):
        got, expected = step(tg.tensor([1.0, 2.0])), structure(tg.tensor([2.0, 4.0]))
        assert type(got) is type(expected)
        assert bits(got) == bits(expected)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("read", [
    lambda x: x.item(), bool, float, int, lambda x: x.numpy(), lambda x: x.tolist(), np.asarray,
    lambda x: x if x > 1 else x * 2, lambda x: tg.ones(5)[x.long()], lambda x: f"{x:.3f}", lambda x: tg.tensor([x, x]),
])
def test_reading_a_value_inside_is_refused(read: Any) -> None:
    step = capture(lambda x: read(x * 2))
    with pytest.raises(RuntimeError, match=r"inside a captured step.*Return the tensor"):
        step(tg.tensor(1.0))
    assert capture(lambda x: (x * 2).sum())(tg.tensor(1.0)).item() == 2  # the mode is as it was


def test_arguments_with_a_history_or_without_equality_are_refused() -> None:
    step = capture(lambda x: x * 2)
    with pytest.raises(RuntimeError, match="detach"):
        step(tg.ones(2, requires_grad=True) * 2)
    with pytest.raises(TypeError, match="set"):
        step({1, 2})


def test_shapes_that_depend_on_values_are_refused() -> None:
    step = capture(lambda x: x[x > 0].sum(), audit=False)
    assert step(tg.tensor([1.0, -1.0, 2.0])).item() == 3
    assert step(tg.tensor([1.0, 3.0, -2.0])).item() == 4
    with pytest.raises(RuntimeError, match=r"shape \(1,\).*where\(mask"):
        step(tg.tensor([1.0, -3.0, -2.0]))


def test_inside_another_observer_the_step_runs_as_it_is() -> None:
    inner = capture(lambda x: x * 2)
    outer = capture(lambda x: inner(x) + 1)
    for i in range(5):
        assert outer(tg.tensor(float(i))).item() == 2 * i + 1
    assert inner.captures == 0
    with tg.autograd.detect_anomaly(check_nan=False):
        assert inner(tg.tensor(2.0)).item() == 4
    assert inner.captures == 0


# --- audits -----------------------------------------------------------------------------------------------------------


def replays_until_caught(step: Any, *args: Any) -> tuple[int, str]:
    for n in range(1, 40):
        try:
            step(*args)
        except RuntimeError as error:
            return n - 1, str(error)
    raise AssertionError("no audit found it")


def test_audit_finds_a_counter() -> None:
    count = [0]

    @capture
    def step(x: Any) -> Any:
        count[0] += 1
        return (x + 1) * count[0]

    n, message = replays_until_caught(step, tg.ones(2))
    assert n == 1
    assert re.search(r"audit of replay 1 .*call 2 of 2, .*mul\(.*other was 1 when .* now 2.*as an argument", message)


def test_audit_finds_a_flag_that_is_turned_later() -> None:
    flag = [False]

    @capture
    def step(x: Any) -> Any:
        y = x.exp()
        return y.sin() if flag[0] else y.cos()

    for _ in range(6):
        step(tg.ones(2))
    flag[0] = True
    n, message = replays_until_caught(step, tg.ones(2))
    assert n == 2
    assert re.search(r"audit of replay 8 .*call 2 of 2 was .*cos.* is now .*sin", message)


def test_audit_finds_an_array_that_is_exchanged() -> None:
    box = {"mask": tg.ones(3)}
    step = capture(lambda x: x * box["mask"])
    step(tg.ones(3))
    box["mask"] = tg.zeros(3)
    with pytest.raises(RuntimeError, match=r"mul\(.*other was an array made elsewhere"):
        step(tg.ones(3))


def test_audit_finds_random_numbers_that_are_not_the_librarys() -> None:
    random = np.random.default_rng(0)
    for draw in (lambda: tg.from_numpy(random.random(3)), lambda: tg.tensor(random.random(3)), random.random):
        assert replays_until_caught(capture(lambda x, draw=draw: x + draw()), tg.ones(3))[0] == 1


def test_audit_finds_writes_that_the_library_does_not_see() -> None:
    w = tg.ones(2)

    @capture
    def step(x: Any) -> Any:
        y = w * x
        w.array[0] += 1
        w.add_(x)
        return y

    assert "audit of replay 1" in replays_until_caught(step, tg.ones(2))[1]


def test_audit_leaves_the_state_of_the_eager_step() -> None:
    w, count = tg.ones(2), [0]

    def step(x: Any) -> Any:
        count[0] += 1
        w.add_(x * count[0])

    captured = capture(step)
    captured(tg.ones(2))
    with pytest.raises(RuntimeError, match="audit"):
        captured(tg.ones(2))
    assert w.tolist() == [4.0, 4.0]
    captured(tg.ones(2))  # recorded anew
    assert w.tolist() == [7.0, 7.0]
    assert captured.captures == 2


def test_audit_gives_a_replay_what_was_drawn_and_not_what_became_of_it() -> None:
    total = tg.zeros(())

    def run(step: Any) -> Any:
        total.zero_()
        tg.manual_seed(0)
        return [bits(step(tg.ones(3))) for _ in range(5)], bits(total)

    def step(x: Any) -> Any:
        drawn = tg.rand_like(x)
        drawn.add_(1).mul_(drawn)
        total.mul_(0.5).add_(drawn.sum())
        return drawn * x

    assert run(step) == run(capture(step))


@pytest.mark.parametrize("draw", [n for n in ("uniform_", "normal_", "bernoulli_") if hasattr(tg.Tensor, n)])
def test_audit_of_what_is_drawn_into_an_array_that_the_step_makes(draw: str) -> None:
    step = capture(lambda x: getattr(tg.zeros_like(x), draw)() * x)
    drawn = [step(tg.ones(5)).tolist() for _ in range(5)]
    assert len({*map(str, drawn)}) > 1


def test_audit_takes_any_nan_for_any_other() -> None:
    x, y = tg.tensor([np.nan, 1.0]), tg.tensor([-1.0, 1.0])
    with np.errstate(all="ignore"):
        step = capture(lambda: (x.sum() + y.sqrt().sum(), y.sqrt().sum() + x.sum()))
        for _ in range(5):
            assert np.isnan(step()[0].item())


def test_without_audit() -> None:
    count = [0]

    @capture(audit=False)
    def step(x: Any) -> Any:
        count[0] += 1
        return x * count[0]

    assert [step(tg.ones(())).item() for _ in range(5)] == [1.0] * 5
    assert count == [1]


def test_an_exception_in_a_replay_leaves_no_half_gradient() -> None:
    w = tg.ones(4, requires_grad=True)

    @capture
    def step(x: Any, i: Any) -> Any:
        w.grad = None
        (w * x).sum().backward()
        return w.detach()[i]

    for _ in range(6):
        step(tg.ones(4), tg.tensor([1]))
    with pytest.raises(IndexError) as caught:
        step(tg.zeros(4), tg.tensor([9]))
    assert "replay" in caught.value.__notes__[-1]
    assert w.grad is None
    assert step(tg.ones(4), tg.tensor([2])).tolist() == [1.0]
    assert w.grad is not None


# --- any program ------------------------------------------------------------------------------------------------------

VIEWS: list[Callable[[Any], Any]] = [
    lambda x: x, lambda x: x.reshape(12).reshape(3, 4), lambda x: x.T.T, lambda x: x[...], lambda x: x[::1, :4],
    lambda x: x.reshape(4, 3).T.reshape(3, 4), lambda x: x.detach(),
]
FUNCTIONS: list[Callable[..., Any]] = [
    lambda x, y: x + y, lambda x, y: x * y - x, lambda x, y: (x - y).tanh(), lambda x, y: x.relu() * 1.0,
    lambda x, y: x**2, lambda x, y: tg.where(x > y, x, y), lambda x, y: x.softmax(1), lambda x, y: x - y.mean(0),
    lambda x, y: x @ (y.T @ x), lambda x, y: x.clone(), lambda x, y: x * x.sum(1, keepdim=True),
    lambda x, y: x / (1 + y.abs().amax()), lambda x, y: -x, lambda x, y: tg.cat([x[:1], y[1:]]),
    lambda x, y: x[tg.argmax(y[:, :3], 1)], lambda x, y: tg.zeros(3, 4) * 2, lambda x, y: x**1,
    lambda x, y: tg.ones(3, 4), lambda x, y: nn.functional.pad(x[:, 1:], (1, 0)),
    lambda x, y: x.maximum(y).sqrt().exp(), lambda x, y: (x > y).to(x.dtype),
    lambda x, y: tg.einsum("ij,kj->ki", x, y)[:, :1] + x, lambda x, y: x * 0.3 + 2, lambda x, y: x.logsumexp(0) + y,
    lambda x, y: nn.functional.linear(x, y[:, :], None)[:, :1] * y, lambda x, y: x.sum() + y,
]
WRITES: list[Callable[..., Any]] = [
    lambda x, y: x.add_(y), lambda x, y: x.copy_(y), lambda x, y: x.mul_(0.5), lambda x, y: x[1].copy_(y[0]),
    lambda x, y: x[:, 1:3].sub_(y[:, :2]), lambda x, y: x.T[2].fill_(3.0), lambda x, y: x.zero_(),
    lambda x, y: x.clamp_(-1.0, 1.0), lambda x, y: x.__setitem__(tg.tensor([0, 2]), y[:2]),
    lambda x, y: x.add_(y, alpha=0.1), lambda x, y: x.sub_(x * y), lambda x, y: x[0].copy_(x[1] * 2),
    lambda x, y: x.copy_(x @ (y.T @ x)),
]


MEMORY: list[Callable[..., Any]] = [  # where a plan may go wrong: copies, constants, results that are operands
    lambda x, y: x.clone(), lambda x, y: tg.zeros(3, 4) * 2, lambda x, y: x * 1.0, lambda x, y: x**1,
    lambda x, y: tg.ones(3, 4), lambda x, y: x + y, lambda x, y: x * y,
]


@st.composite
def programs(draw: Any) -> list[tuple[str, Any, int, int]]:
    """Calls, views and writes on two values, which are counted from the newest: results, outside arrays, arguments."""
    kinds = st.sampled_from([("call", FUNCTIONS), ("call", MEMORY), ("view", VIEWS), ("write", WRITES)])
    instructions = []
    for _ in range(draw(st.integers(3, 14))):
        kind, choices = draw(kinds)
        place = st.integers(0, 2) | st.integers(0, 8)
        instructions.append((kind, draw(st.sampled_from(choices)), draw(place), draw(place)))
    return instructions


def run_program(program: list[tuple[str, Any, int, int]], outside: list[Any], x: Any, y: Any,
                differentiate: bool) -> Any:
    values = [x, y, *outside]
    leaf = tg.ones(3, 4, dtype=x.dtype, requires_grad=True)
    for kind, function, i, j in program:
        a, b = values[-1 - i % len(values)], values[-1 - j % len(values)]
        if kind == "write":
            with tg.no_grad():
                function(a, b)
        elif kind == "view":
            values.append(function(a))
        else:
            values.append(function(a * leaf if differentiate and j % 3 == 0 else a, b))
    total = sum((v * 0.1).sum() for v in values)
    if differentiate and total.requires_grad:
        try:
            total.backward()
        except RuntimeError as error:  # a value that it needed was overwritten: in both runs
            return [v.detach() for v in values], str(error)[:60]
    return [v.detach() for v in values], leaf.grad


@settings(max_examples=4 * settings().max_examples)  # they are small
@given(programs(), st.sampled_from(["float32", "float64"]), st.booleans())
def test_any_program_has_the_bits_of_the_eager_one(program: Any, dtype: str, differentiate: bool) -> None:
    runs = []
    for captured in (False, True):
        random = np.random.default_rng(0)
        outside = [tg.tensor(random.standard_normal((3, 4)).astype(dtype)) for _ in range(2)]

        def step(x: Any, y: Any, outside: list[Any] = outside) -> Any:
            return run_program(program, outside, x, y, differentiate)

        run = capture(step) if captured else step
        seen = []
        with np.errstate(all="ignore"):
            for _ in range(6):
                x, y = (tg.tensor(random.standard_normal((3, 4)).astype(dtype)) for _ in range(2))
                returned = run(x, y)
                seen.append((returned, bits([returned, x, y, *outside])))
        for returned, then in seen if captured else ():
            assert bits(returned) == then[0]
        runs.append([then for _, then in seen])
    assert runs[0] == runs[1]


# --- own code ---------------------------------------------------------------------------------------------------------


@update("target", "last", "total")
def decay(target: Array, source: Array, last: Array, total: Array, rate: float, steps: float) -> None:
    """Arithmetic on live numbers, a condition on one, temporaries that are used twice, and writes in place."""
    rate = rate / (1 + steps) if rate > 0.05 else rate
    mixed = np.sqrt(np.abs(source) + 1) * rate
    last[...] = mixed
    total += mixed**2
    target -= mixed
    target[0] = source[0]
    np.maximum(target, -total, out=target)


def test_an_update_with_live_numbers_and_conditions() -> None:
    options = {"rate": 0.1, "steps": 0.0}

    def advance(options: dict[str, float]) -> float:
        options["steps"] += 1.0
        return options["steps"]

    def make() -> tuple[Any, Any, Any]:
        target, last, total = (tg.full((3,), n, dtype=np.float64) for n in (1.0, 0.0, 0.0))
        mine = dict(options)

        def step(x: Any) -> None:
            decay(target.array, x.array, last.array, total.array, live(mine.__getitem__, "rate"), live(advance, mine))

        return step, mine, (target, last, total)

    eager, a, results = make()
    step, b, also = make()
    captured = capture(step)
    for n in range(12):
        a["rate"] = b["rate"] = 0.1 if n % 3 else 0.01
        x = tg.tensor(np.array([n, -n, 0.5]))
        eager(x)
        captured(x)
        assert bits(results) == bits(also)
    assert captured.captures == 1


@update("first", "second", "turned")
def spread(first: Array, second: Array, turned: Array, source: Array) -> None:
    """A temporary that is written to one array and used again, and a product that is written over its operand."""
    twice = source * 2
    first[...] = twice
    second -= twice
    turned[...] = np.dot(turned, source)


def test_an_update_with_temporaries() -> None:
    first, second, turned = tg.zeros(2, 2), tg.zeros(2, 2), tg.tensor([[1.0, 2.0], [3.0, 4.0]])
    step = capture(lambda x: spread(first.array, second.array, turned.array, x.array))
    swap = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
    for n in range(1, 6):
        step(tg.tensor(swap))
        assert first.tolist() == (2 * swap).tolist()
        assert second.tolist() == (-2 * n * swap).tolist()
        assert turned.tolist() == ([[2.0, 1.0], [4.0, 3.0]] if n % 2 else [[1.0, 2.0], [3.0, 4.0]])


def test_a_live_bool_is_a_condition() -> None:
    options = {"on": True}
    step = capture(lambda x: x + 1 if live(options.__getitem__, "on") else x - 1)
    got = []
    for n in range(8):
        options["on"] = n % 2 == 0
        got.append(step(tg.zeros(())).item())
    assert got == [1.0, -1.0] * 4
    assert step.captures == 2


def test_own_ops_are_called_as_they_are() -> None:
    @tg.op
    def odd(input, scale=2.0):  # type: ignore[no-untyped-def]
        if input.sum() > 3:  # depends on values: cannot be inlined
            return np.sort(input) * scale
        return input - scale

    @odd.vjp("input")
    def _(g, scale):  # type: ignore[no-untyped-def]
        return g * scale

    w = tg.tensor([1.0, 0.5], requires_grad=True)

    def step(x: Any) -> Any:
        w.grad = None
        loss = odd(w * x).sum()
        loss.backward()
        return loss, w.grad

    captured = capture(step)
    for x in ([1.0, 1.0], [5.0, 1.0], [0.0, 0.0], [9.0, -1.0], [1.0, 2.0], [7.0, 7.0]):
        assert bits(step(tg.tensor(x))) == bits(captured(tg.tensor(x)))


def test_methods_and_names() -> None:
    class Trainer:
        def __init__(self, scale: float) -> None:
            self.scale = scale

        @capture
        def step(self, x: Any) -> Any:
            """Scale."""
            return x * self.scale

    a, b = Trainer(2.0), Trainer(3.0)
    for _ in range(4):
        assert (a.step(tg.tensor(1.0)).item(), b.step(tg.tensor(1.0)).item()) == (2.0, 3.0)
    assert (Trainer.step.__name__, Trainer.step.__doc__) == ("step", "Scale.")
    assert "multiply(" in Trainer.step.source


@pytest.mark.parametrize("shape", [(), (1,), (1, 3), (3, 1), (1, 1), (2, 1, 3)])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_sum_of_one_term_is_that_term_plus_zero(shape: tuple[int, ...], dtype: str) -> None:
    """What the plan makes of such sums: NumPy's starts from 0, which turns -0 into 0."""
    for value in (-0.0, 0.0, -1.5, np.inf, np.nan):
        x = np.full(shape, value, dtype)
        axes = tuple(i for i, n in enumerate(shape) if n == 1)
        for keepdims in (False, True):
            y = np.add.reduce(x, axes, keepdims=keepdims)
            assert bits(np.asarray(y)) == bits(np.asarray(np.add(x.reshape(np.shape(y)), 0.0)))


def test_training_state_survives_a_copy_of_the_network() -> None:
    training = small("adam")
    for _ in range(5):
        training.step(*some())
    before = bits(training.model.state_dict())
    twin = copy.deepcopy(training.model)
    training.step(*some())
    assert bits(twin.state_dict()) == before
    assert bits(next(iter(twin.parameters())).grad) != bits(next(iter(training.model.parameters())).grad)


@update("total")
def accumulate(total: Array, source: Array) -> None:
    """total += source."""
    total += source


def test_an_update_of_an_array_that_the_step_makes() -> None:
    """It starts from what it was before the update saw it, at each replay."""

    @capture
    def step(x: Any) -> Any:
        total = tg.zeros(2)
        accumulate(total.array, x.array)
        return total * 1

    for i in range(6):
        assert step(tg.tensor([1.0, i])).tolist() == [1.0, i]
    assert step.captures == 1


def test_recordings_replays_and_audits_leave_nothing_to_the_cyclic_collector() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 3))
    optimizer = tg.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    @capture
    def step(x: Any, t: Any) -> Any:
        loss = nn.functional.cross_entropy(model(x), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    x, t = tg.randn(4, 1, 8, 8), tg.tensor([0, 1, 2, 1])
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            step(x, t)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_an_op_that_writes_into_what_it_made_of_constants() -> None:
    """softmax divides in place; of constants its exponentials are made once, and may not be divided again and again."""

    @capture
    def step(x: Any) -> Any:
        return (tg.zeros(3, 4) * 2).softmax(1) + x

    for i in range(5):
        assert np.array_equal(step(tg.full((3, 4), float(i))).numpy(), np.full((3, 4), i + 0.25))
