"""A captured step gives the bits of the eager one, and says so when it cannot."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tests.devices import DEVICES
from tinygrad_lite import graph, nn
from tinygrad_lite.backend import Backend, to_host
from tinygrad_lite.graph import Array, live
from tinygrad_lite.op import update
from tinygrad_lite.replay import capture

ACTIVATIONS: list[Callable[[], nn.Module]] = [nn.ReLU, nn.Tanh, nn.Sigmoid]
LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "half squares": lambda p, y: 0.5 * ((p - y) ** 2).sum(),
    "mse": lambda p, y: nn.functional.mse_loss(p, y),
    "bce": lambda p, y: nn.functional.binary_cross_entropy_with_logits(p, y),
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
        for n_in, n_out in zip(sizes, sizes[1:], strict=False):
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
