"""Scripts that were written for PyTorch give the same losses under both libraries.

PyTorch draws with our generator meanwhile, so that weights, data, orders and dropout are the same.  That the figures
agree then says that initialisation, too, draws the same distributions in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tinygrad_lite as tg
from tests.script_runner import SCRIPTS, in_float64, run_script


def here(x: tg.Tensor) -> torch.Tensor:
    return torch.from_numpy(x.numpy())


def our(dtype: Any) -> Any:
    return None if dtype is None else str(dtype).removeprefix("torch.")


@pytest.fixture
def our_draws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """PyTorch's functions that draw, with our draws."""
    twins: dict[int, tg.Generator] = {}

    def twin(generator: torch.Generator | None) -> tg.Generator | None:
        if generator is None:
            return None
        return twins.setdefault(id(generator), tg.Generator(generator.initial_seed()))

    def creator(name: str) -> Callable[..., torch.Tensor]:
        def create(*size: Any, dtype: Any = None, requires_grad: bool = False) -> torch.Tensor:
            return here(getattr(tg, name)(*size, dtype=our(dtype))).requires_grad_(requires_grad)

        return create

    def order(sampler: torch.utils.data.RandomSampler) -> Iterator[int]:
        """That of our DataLoader, which draws a seed beside it."""
        source = twin(sampler.generator)
        assert source is not None
        drawn = source.numpy.permutation(len(sampler.data_source))
        source.numpy.integers(2**63)
        return iter(drawn.tolist())

    def in_place(name: str) -> Callable[..., torch.Tensor]:
        def fill(self: torch.Tensor, *numbers: float, generator: Any = None, **named: float) -> torch.Tensor:
            drawn = tg.zeros(tuple(self.shape), dtype=our(self.dtype))
            getattr(drawn, name)(*numbers, generator=twin(generator), **named)
            return self.copy_(here(drawn))

        return fill

    def dropout(input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> torch.Tensor:
        if not training or p == 0:
            return input
        kept = here(tg.rand(tuple(input.shape), dtype=our(input.dtype))) >= p
        return input * (kept.to(input.dtype) * (1 / (1 - p)))

    for name in ("rand", "randn", "randint", "randperm"):
        monkeypatch.setattr(torch, name, creator(name))
    monkeypatch.setattr(torch.utils.data.RandomSampler, "__iter__", order)
    for name in ("uniform_", "normal_"):
        monkeypatch.setattr(torch.Tensor, name, in_place(name))
    monkeypatch.setattr(torch, "randn_like", lambda x: here(tg.randn(tuple(x.shape), dtype=our(x.dtype))))
    monkeypatch.setattr(torch, "multinomial", lambda p, n: here(tg.multinomial(tg.from_numpy(p.detach().numpy()), n)))
    monkeypatch.setattr(torch, "manual_seed", tg.manual_seed)
    monkeypatch.setattr(torch.nn.functional, "dropout", dropout)
    with in_float64(tg):
        yield


@pytest.mark.usefixtures("our_draws")
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_equal_losses(path: Path) -> None:
    ours, theirs = run_script(path, "tinygrad_lite"), run_script(path, "torch")
    assert len(ours) == len(theirs)
    np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-9)
