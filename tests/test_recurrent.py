"""Recurrent layers: a layer is its cell again and again, eager, captured, explained and on every device."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.devices import DEVICES
from tinygrad_lite import nn
from tinygrad_lite.engine.backend import Backend, to_host

KINDS = ["RNN", "LSTM", "GRU"]


def sequence(*shape: int, seed: int = 0) -> tg.Tensor:
    return tg.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def made(kind: str, *sizes: int, **options: Any) -> Any:
    return getattr(nn, kind)(*sizes, generator=tg.Generator(0), **options).double()


def squares(result: Any) -> Any:
    """A number that depends on outputs and last states."""
    return sum(squares(r) for r in result) if isinstance(result, tuple) else (result * result).sum()


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_is_its_cell_at_each_step(kind: str) -> None:
    layer, cell = made(kind, 3, 4), made(f"{kind}Cell", 3, 4)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    x = sequence(5, 2, 3).requires_grad_()
    output, last = layer(x)
    (expected,) = tg.autograd.grad(squares(output), x)
    state: Any = None
    outputs = []
    for t in range(5):
        state = cell(x[t], state)
        outputs.append(state[0] if kind == "LSTM" else state)
    np.testing.assert_allclose(tg.stack(outputs).detach().numpy(), output.detach().numpy(), rtol=1e-12)
    for a, b in zip(state if kind == "LSTM" else [state], last if kind == "LSTM" else [last], strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b[0].detach().numpy(), rtol=1e-12)
    (gradient,) = tg.autograd.grad(squares(tg.stack(outputs)), x)
    np.testing.assert_allclose(gradient.numpy(), expected.numpy(), rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_in_two_halves(kind: str) -> None:
    layer, x = made(kind, 3, 4, num_layers=2), sequence(6, 2, 3)
    whole, last = layer(x)
    first, state = layer(x[:3])
    second, end = layer(x[3:], state)
    np.testing.assert_allclose(tg.cat([first, second]).detach().numpy(), whole.detach().numpy(), rtol=1e-12)
    assert squares(end).item() == pytest.approx(squares(last).item(), rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_reverse_direction_is_the_layer_on_the_reversed_sequence(kind: str) -> None:
    both, one = made(kind, 3, 4, bidirectional=True), made(kind, 3, 4)
    one.load_state_dict({n.removesuffix("_reverse"): v for n, v in both.state_dict().items() if "reverse" in n})
    x = sequence(5, 2, 3)
    backwards, _ = one(tg.from_numpy(x.numpy()[::-1].copy()))
    np.testing.assert_allclose(both(x)[0][:, :, 4:].detach().numpy(), backwards.detach().numpy()[::-1], rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_captured_steps_have_the_same_bits(kind: str) -> None:
    def trained(captured: bool) -> list[Any]:
        layer = made(kind, 3, 4, num_layers=2, bidirectional=True, dropout=0.25)
        optimizer = tg.optim.SGD(layer.parameters(), lr=0.1)

        def step(x: Any) -> Any:
            optimizer.zero_grad()
            loss = squares(layer(x))
            loss.backward()
            optimizer.step()
            return loss

        tg.manual_seed(1)
        run = tg.capture(step) if captured else step
        losses = [run(sequence(4, 2, 3, seed=i)).item() for i in range(6)]
        return [losses, *(p.detach().numpy().tobytes() for p in layer.parameters())]

    assert trained(captured=True) == trained(captured=False)


@pytest.mark.parametrize("kind", [*KINDS, "RNNCell", "LSTMCell", "GRUCell"])
def test_explained_and_generated(kind: str) -> None:
    """The equations are those of the steps, and the generated NumPy computes the gradients."""
    module = made(kind, 2, 2)
    x = sequence(*(() if "Cell" in kind else (2,)), 1, 2)
    names = dict(module.named_parameters())
    explanation = tg.explain(lambda x: squares(module(x)), x, names=names)
    assert "tanh" in str(explanation)
    scope: dict[str, Any] = {}
    exec(explanation.code(), scope)
    generated = scope["loss_and_grads"]
    zeros = {n: np.zeros((1, 2)) if "Cell" in kind else np.zeros((1, 1, 2))  # the initial states are constants
             for n in inspect.signature(generated).parameters if n not in {"x", *names}}
    loss, gradients = generated(x=x.array, **{n: p.array for n, p in names.items()}, **zeros)
    expected = squares(module(x))
    expected.backward()
    assert loss == pytest.approx(expected.item())
    for name, parameter in names.items():
        assert parameter.grad is not None
        np.testing.assert_allclose(gradients[name], parameter.grad.numpy(), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("device", DEVICES, ids=lambda d: d.device)
@pytest.mark.parametrize("kind", KINDS)
def test_on_a_device(kind: str, device: Backend) -> None:
    """The same outputs and gradients, never through the host."""
    found = []
    for where in ("cpu", device.device):
        layer = made(kind, 3, 4, bidirectional=True).to(where)
        output, last = layer(sequence(4, 2, 3).to(where))
        (squares(output) + squares(last)).backward()
        found.append([to_host(y.array) for y in (output, *(p.grad for p in layer.parameters()))])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_dropout_between_layers_draws_from_the_generator() -> None:
    def outputs(seed: int) -> Any:
        layer = made("GRU", 3, 8, num_layers=2, dropout=0.5)
        layer.generator = tg.Generator(seed)
        return layer(sequence(4, 2, 3))[0].detach().numpy()

    assert np.array_equal(outputs(0), outputs(0))
    assert not np.array_equal(outputs(0), outputs(1))


def test_gradients_to_second_order() -> None:
    layer = made("LSTM", 2, 2)
    assert tg.testing.gradcheck(lambda x: layer(x)[0], (sequence(3, 2, 2).requires_grad_(),))
    assert tg.testing.gradgradcheck(lambda x: layer(x)[0], (sequence(3, 2, 2).requires_grad_(),))
