"""Transformer layers and stacks: outputs, first and second derivatives, masks, printing and errors as in PyTorch."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

import tinygrad_lite as tg

from .pair import BOTH, OURS, Array, assert_same, attempt, derivatives

ENCODERS: dict[str, Callable[[Any], Any]] = {
    "layer": lambda n: n.TransformerEncoderLayer(4, 2, 6, dropout=0.0),
    "norm first": lambda n: n.TransformerEncoderLayer(4, 2, 6, 0.0, "gelu", batch_first=True, norm_first=True),
    "without bias": lambda n: n.TransformerEncoderLayer(4, 2, 6, 0.0, bias=False, layer_norm_eps=0.1),
    "callable": lambda n: n.TransformerEncoderLayer(4, 2, 6, 0.0, n.functional.sigmoid),
    "evaluation": lambda n: n.TransformerEncoderLayer(4, 2, 6).eval(),
    "stack": lambda n: n.TransformerEncoder(n.TransformerEncoderLayer(4, 2, 6, 0.0), 2, enable_nested_tensor=False),
    "stack with norm": lambda n: n.TransformerEncoder(n.TransformerEncoderLayer(4, 2, 6, 0.0), 1, n.LayerNorm(4),
                                                      enable_nested_tensor=False),
}
DECODERS: dict[str, Callable[[Any], Any]] = {
    "layer": lambda n: n.TransformerDecoderLayer(4, 2, 6, 0.0),
    "norm first": lambda n: n.TransformerDecoderLayer(4, 2, 6, 0.0, "gelu", batch_first=True, norm_first=True),
    "without bias": lambda n: n.TransformerDecoderLayer(4, 2, 6, 0.0, bias=False),
    "stack": lambda n: n.TransformerDecoder(n.TransformerDecoderLayer(4, 2, 6, 0.0), 2, n.LayerNorm(4)),
}
WHOLE: dict[str, Callable[[Any], Any]] = {
    "transformer": lambda n: n.Transformer(4, 2, 1, 1, 6, 0.0),
    "norm first": lambda n: n.Transformer(4, 2, 1, 1, 6, 0.0, "gelu", batch_first=True, norm_first=True, bias=False),
}
L, S, N = 3, 5, 2
CAUSAL = np.triu(np.full((L, L), -math.inf), 1)
PADDED = np.array([[False, False, True], [False, True, True]])


@pytest.fixture(autouse=True)
def _plain_arithmetic() -> Iterator[None]:
    """PyTorch's fast kernel has no second derivative; its layers warn of how they could be faster."""
    with sdpa_kernel(SDPBackend.MATH), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def normal(shape: tuple[int, ...], seed: int = 0) -> Array:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape))


def twins(make: Callable[[Any], Any]) -> tuple[Any, Any]:
    """The same module in both libraries, in float64, with PyTorch's weights; no bias of them is 0."""
    ours, theirs = make(tg.nn).double(), make(torch.nn).double()
    with torch.no_grad():
        for i, parameter in enumerate(theirs.parameters()):
            parameter += torch.from_numpy(0.3 * normal(tuple(parameter.shape), i))
    state = {name: value.numpy() for name, value in theirs.state_dict().items()}
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)
    return ours, theirs


def compare(make: Callable[[Any], Any], *shapes: tuple[int, ...], **options: Any) -> None:
    found = []
    for library, module in zip(BOTH, twins(make), strict=True):
        x = [library.new(normal(s, seed)).requires_grad_() for seed, s in enumerate(shapes)]
        given = {name: library.new(v) if isinstance(v, np.ndarray) else v for name, v in options.items()}
        y = module(*x, **given)
        found.append([y, *derivatives(library, y, [*x, *module.parameters()])])
    assert_same(found[0], found[1])


def batch_first(make: Callable[[Any], Any]) -> bool:
    module = make(tg.nn)
    return bool(next(m.batch_first for m in module.modules() if isinstance(m, tg.nn.MultiheadAttention)))


def shape(make: Callable[[Any], Any], steps: int) -> tuple[int, ...]:
    return (N, steps, 4) if batch_first(make) else (steps, N, 4)


@pytest.mark.parametrize("mask", ["none", "causal", "bool", "padding"])
@pytest.mark.parametrize("name", ENCODERS)
def test_encoders(name: str, mask: str) -> None:
    options: dict[str, Any] = {}
    key = "mask" if "stack" in name else "src_mask"
    if mask == "causal":
        options = {key: CAUSAL, "is_causal": True}
    elif mask == "bool":
        options = {key: CAUSAL < 0}
    elif mask == "padding":
        options = {"src_key_padding_mask": PADDED}
    compare(ENCODERS[name], shape(ENCODERS[name], L), **options)


@pytest.mark.parametrize("name", ["layer", "norm first", "stack"])
def test_unbatched(name: str) -> None:
    compare(ENCODERS[name], (L, 4))
    compare(DECODERS[name], (L, 4), (S, 4))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", DECODERS)
def test_decoders(name: str, masked: bool) -> None:
    options: dict[str, Any] = {}
    if masked:
        options = {"tgt_mask": CAUSAL, "memory_mask": np.sin(np.arange(15.0)).reshape(L, S), "tgt_is_causal": True,
                   "memory_key_padding_mask": np.where(np.arange(10).reshape(N, S) % 5 > 3, -math.inf, 0)}
    compare(DECODERS[name], shape(DECODERS[name], L), shape(DECODERS[name], S), **options)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", WHOLE)
def test_transformer(name: str, masked: bool) -> None:
    options: dict[str, Any] = {"src_key_padding_mask": PADDED, "tgt_mask": np.triu(np.ones((S, S), bool), 1),
                               "memory_key_padding_mask": PADDED} if masked else {}
    compare(WHOLE[name], shape(WHOLE[name], L), shape(WHOLE[name], S), **options)


def test_dropout_of_everything() -> None:
    """What is left is the residual connection, and its norms."""
    compare(lambda n: n.TransformerEncoderLayer(4, 2, 6, dropout=1.0), (L, N, 4))
    compare(lambda n: n.TransformerDecoderLayer(4, 2, 6, dropout=1.0, norm_first=True), (L, N, 4), (S, N, 4))


@pytest.mark.parametrize("make", [*ENCODERS.values(), *DECODERS.values(), *WHOLE.values()])
def test_repr(make: Callable[[Any], Any]) -> None:
    assert repr(make(tg.nn)) == repr(make(torch.nn))


def test_the_copies_start_equal_and_live_apart() -> None:
    for nn in (tg.nn, torch.nn):
        layer = nn.TransformerEncoderLayer(4, 2, 6)
        stack = nn.TransformerEncoder(layer, 2)
        first, second = (np.asarray(stack.layers[i].linear1.weight.detach().numpy()) for i in range(2))
        assert np.array_equal(first, second)
        assert not np.shares_memory(first, second)
        assert not np.shares_memory(first, np.asarray(layer.linear1.weight.detach().numpy()))


@pytest.mark.parametrize("size", [1, 3])
def test_causal_mask(size: int) -> None:
    assert_same(*(nn.Transformer.generate_square_subsequent_mask(size) for nn in (tg.nn, torch.nn)))


@pytest.mark.parametrize("call", [
    lambda n, _: n.TransformerEncoderLayer(4, 2, activation="tanh"),
    lambda n, _: n.TransformerDecoderLayer(4, 2, activation="swish"),
    lambda n, _: n.TransformerEncoderLayer(4, 3),
    lambda n, x: n.TransformerEncoderLayer(4, 2)(x(3, 2, 4), is_causal=True),
    lambda n, x: n.Transformer(4, 2, 1, 1, 6)(x(3, 2, 4), x(3, 3, 4)),
    lambda n, x: n.Transformer(4, 2, 1, 1, 6)(x(3, 2, 4), x(3, 2, 5)),
    lambda n, x: n.Transformer(4, 2, 1, 1, 6)(x(3, 2, 4), x(3, 4)),
])  # fmt: skip
def test_errors(call: Callable[[Any, Any], Any]) -> None:
    ours, theirs = (attempt(call, tg.nn if library is OURS else torch.nn,
                            lambda *s, library=library: library.new(normal(s).astype("float32"))) for library in BOTH)
    assert isinstance(theirs, Exception)
    assert isinstance(ours, (RuntimeError, ValueError, AssertionError))
