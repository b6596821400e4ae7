"""Attention: what it means, eager, captured, explained and on every device."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.devices import DEVICES
from tinygrad_lite import nn
from tinygrad_lite.engine.backend import Backend, to_host

F = nn.functional


def normal(*shape: int, seed: int = 0) -> tg.Tensor:
    return tg.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def made(**options: Any) -> nn.MultiheadAttention:
    return nn.MultiheadAttention(4, 2, generator=tg.Generator(0), **options).double()


def test_equal_keys_give_the_mean() -> None:
    values = normal(5, 2)
    y = F.scaled_dot_product_attention(normal(3, 4), tg.ones(5, 4, dtype="float64"), values)
    np.testing.assert_allclose(y.numpy(), np.tile(values.numpy().mean(0), (3, 1)))


def test_a_causal_query_sees_no_later_key() -> None:
    x = normal(4, 3)
    y = F.scaled_dot_product_attention(x, x, x, is_causal=True)
    changed = tg.from_numpy(np.concatenate([x.numpy()[:2], normal(2, 3, seed=1).numpy()]))
    again = F.scaled_dot_product_attention(changed, changed, changed, is_causal=True)
    np.testing.assert_array_equal(y.numpy()[:2], again.numpy()[:2])
    np.testing.assert_array_equal(y.numpy()[0], x.numpy()[0])
    assert not np.allclose(y.numpy()[2:], again.numpy()[2:])


def test_large_scores_do_not_overflow() -> None:
    x = normal(3, 2) * 1000
    y = F.scaled_dot_product_attention(x, x, normal(3, 2), scale=1000.0)
    assert np.isfinite(y.numpy()).all()


def test_a_mask_that_is_learned_gets_its_gradient() -> None:
    q, k, v, mask = (normal(*s, seed=i).requires_grad_() for i, s in enumerate([(2, 3), (4, 3), (4, 2), (2, 4)]))
    assert tg.testing.gradcheck(F.scaled_dot_product_attention, (q, k, v, mask))
    plain = F.scaled_dot_product_attention(q, k, v, mask.detach())
    np.testing.assert_allclose(F.scaled_dot_product_attention(q, k, v, mask).detach().numpy(), plain.detach().numpy())


def test_dropout_keeps_the_mean_and_draws_from_the_generator() -> None:
    q, k, v = normal(1, 4), normal(1000, 4, seed=1), tg.ones(1000, 1, dtype="float64")

    def drop(seed: int) -> float:
        generator = tg.Generator(seed)
        return F.scaled_dot_product_attention(q, k, v, dropout_p=0.5, generator=generator).item()  # type: ignore[no-any-return]

    assert drop(0) == drop(0) != drop(1)
    assert abs(np.mean([drop(i) for i in range(20)]) - 1) < 0.05


def test_weights_are_what_the_values_are_weighted_with() -> None:
    attention, x = made(batch_first=True), normal(2, 3, 4)
    output, mean = attention(x, x, x)
    again, each = attention(x, x, x, average_attn_weights=False)
    fast, none = attention(x, x, x, need_weights=False)
    assert none is None
    np.testing.assert_allclose(each.detach().numpy().sum(-1), 1)
    np.testing.assert_allclose(each.detach().numpy().mean(1), mean.detach().numpy())
    for y in (again, fast):
        np.testing.assert_allclose(y.detach().numpy(), output.detach().numpy())


@pytest.mark.parametrize("need_weights", [False, True])
def test_captured_steps_have_the_same_bits(need_weights: bool) -> None:
    def trained(captured: bool) -> list[Any]:
        attention = made(dropout=0.25)
        optimizer = tg.optim.SGD(attention.parameters(), lr=0.1)
        causal = tg.from_numpy(np.triu(np.full((3, 3), -math.inf), 1))

        def step(x: Any) -> Any:
            optimizer.zero_grad()
            y, _ = attention(x, x, x, attn_mask=causal, need_weights=need_weights)
            loss = (y * y).sum()
            loss.backward()
            optimizer.step()
            return loss

        tg.manual_seed(1)
        run = tg.capture(step) if captured else step
        losses = [run(normal(3, 2, 4, seed=i)).item() for i in range(6)]
        return [losses, *(p.detach().numpy().tobytes() for p in attention.parameters())]

    assert trained(captured=True) == trained(captured=False)


def test_explained_and_generated() -> None:
    attention, x = made(), normal(3, 2, 4)

    def loss(x: Any) -> Any:
        return (attention(x, x, x, need_weights=False)[0] ** 2).sum()

    names = {n.replace(".", "_"): p for n, p in attention.named_parameters()}
    explanation = tg.explain(loss, x, names=names)
    assert "softmax" in str(explanation)
    scope: dict[str, Any] = {}
    exec(explanation.code(), scope)
    value, gradients = scope["loss_and_grads"](x=x.array, **{n: p.array for n, p in names.items()})
    expected = loss(x)
    expected.backward()
    assert value == pytest.approx(expected.item())
    for name, parameter in names.items():
        assert parameter.grad is not None
        np.testing.assert_allclose(gradients[name], parameter.grad.numpy(), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("device", DEVICES, ids=lambda d: d.device)
@pytest.mark.parametrize("options", [{"attn_mask": True, "is_causal": True}, {"key_padding_mask": True}, {}], ids=str)
@pytest.mark.parametrize("need_weights", [False, True])
def test_on_a_device(device: Backend, options: dict[str, Any], need_weights: bool) -> None:
    """The same outputs and gradients, never through the host."""
    found = []
    for where in ("cpu", device.device):
        attention, x = made(add_bias_kv=True, add_zero_attn=True).to(where), normal(3, 2, 4).to(where)
        masks = {"attn_mask": np.triu(np.ones((3, 3), bool), 1), "key_padding_mask": np.eye(2, 3).astype(bool)}
        given: dict[str, Any] = {n: tg.from_numpy(masks[n]).to(where) if n in masks else v for n, v in options.items()}
        y, _ = attention(x, x, x, need_weights=need_weights, **given)
        (y * y).sum().backward()
        found.append([to_host(t.array) for t in (y, *(p.grad for p in attention.parameters()))])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("device", DEVICES, ids=lambda d: d.device)
def test_causal_and_grouped_on_a_device(device: Backend) -> None:
    def attend(where: str) -> Any:
        q, k, v = (normal(heads, 3, 2, seed=heads).to(where) for heads in (4, 2, 2))
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)

    np.testing.assert_allclose(to_host(attend(device.device).array), attend("cpu").numpy(), rtol=1e-12)
