"""Transformer layers: who sees whom, captured, and on every device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.devices import DEVICES
from tinygrad_lite import nn
from tinygrad_lite.engine.backend import Backend, to_host


def normal(*shape: int, seed: int = 0) -> tg.Tensor:
    return tg.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def test_a_causal_encoder_sees_no_later_step() -> None:
    layer = nn.TransformerEncoderLayer(4, 2, 8, 0.0, "gelu", norm_first=True, generator=tg.Generator(0))
    encoder = nn.TransformerEncoder(layer, 2).double()
    causal = nn.Transformer.generate_square_subsequent_mask(4, dtype="float64")
    x = normal(4, 1, 4).requires_grad_()
    (g,) = tg.autograd.grad(encoder(x, causal, is_causal=True)[1].sum(), x)
    assert g.numpy()[:2].any(axis=(1, 2)).all()
    assert not g.numpy()[2:].any()


@pytest.mark.parametrize("device", DEVICES, ids=lambda d: d.device)
def test_a_transformer_on_a_device(device: Backend) -> None:
    found = []
    for where in ("cpu", device.device):
        model = nn.Transformer(4, 2, 1, 1, 8, 0.0, generator=tg.Generator(0)).double().to(where)
        mask = model.generate_square_subsequent_mask(2, device=where, dtype="float64")
        y = model(normal(3, 2, 4).to(where), normal(2, 2, 4, seed=1).to(where), tgt_mask=mask)
        (y * y).sum().backward()
        found.append([to_host(t.array) for t in (y, *(p.grad for p in model.parameters()))])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("norm_first", [False, True])
def test_captured_steps_have_the_same_bits(norm_first: bool) -> None:
    def trained(captured: bool) -> list[Any]:
        layer = nn.TransformerEncoderLayer(4, 2, 8, 0.25, "gelu", norm_first=norm_first, generator=tg.Generator(0))
        optimizer = tg.optim.AdamW(layer.parameters(), lr=0.01)

        def step(x: Any) -> Any:
            optimizer.zero_grad()
            loss = (layer(x) ** 2 * x).sum()
            loss.backward()
            optimizer.step()
            return loss

        tg.manual_seed(1)
        run = tg.capture(step) if captured else step
        losses = [run(normal(3, 2, 4, seed=i).float()).item() for i in range(6)]
        return [losses, *(p.detach().numpy().tobytes() for p in layer.parameters())]

    assert trained(captured=True) == trained(captured=False)
