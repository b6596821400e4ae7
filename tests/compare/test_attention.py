"""MultiheadAttention: outputs, weights, first and second derivatives, masks, printing and errors as in PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

import tinygrad_lite as tg

from .pair import BOTH, OURS, Array, assert_same, attempt, derivatives

LAYERS: dict[str, Callable[[Any], Any]] = {
    "plain": lambda n: n.MultiheadAttention(4, 2),
    "one head": lambda n: n.MultiheadAttention(4, 1, batch_first=True),
    "without bias": lambda n: n.MultiheadAttention(4, 4, bias=False),
    "other sizes": lambda n: n.MultiheadAttention(4, 2, kdim=3, vdim=5),
    "other sizes, batch first": lambda n: n.MultiheadAttention(4, 2, kdim=3, batch_first=True, bias=False),
    "bias of keys and values": lambda n: n.MultiheadAttention(4, 2, add_bias_kv=True),
    "zero attention": lambda n: n.MultiheadAttention(4, 2, add_zero_attn=True, batch_first=True),
    "all": lambda n: n.MultiheadAttention(4, 2, 0.0, True, True, True, 3, 5, True),
    "dropout of everything": lambda n: n.MultiheadAttention(4, 2, dropout=1.0),
    "dropout in evaluation": lambda n: n.MultiheadAttention(4, 2, dropout=0.5).eval(),
}
L, S, N = 3, 4, 2
HIDDEN = np.array([[False, True, False, False], [True, True, True, False], [False, False, False, False]])
PADDED = np.array([[False, False, False, True], [False, True, True, False]])
MASKS: dict[str, dict[str, Array]] = {
    "none": {},
    "bool": {"attn_mask": HIDDEN},
    "float": {"attn_mask": np.sin(np.arange(12.0)).reshape(L, S)},
    "per head": {"attn_mask": np.sin(np.arange(96.0)).reshape(N * 4, L, S)},
    "padding": {"key_padding_mask": PADDED},
    "padding in floats": {"key_padding_mask": np.where(PADDED, -1.0, 0.5)},
    "both": {"attn_mask": HIDDEN, "key_padding_mask": PADDED},
}


def normal(shape: tuple[int, ...], seed: int = 0) -> Array:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape))


@pytest.fixture(autouse=True)
def _plain_arithmetic() -> Iterator[None]:
    """PyTorch's fast kernel has no second derivative; where a query sees nothing, -inf - -inf is nan by intent."""
    with sdpa_kernel(SDPBackend.MATH), np.errstate(invalid="ignore"):
        yield


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


def tensors(result: Any) -> tuple[Any, ...]:
    """A result without what is None."""
    return tuple(y for y in (result if isinstance(result, tuple) else (result,)) if y is not None)


def run(library: Any, module: Any, shapes: list[tuple[int, ...]], **options: Any) -> list[Any]:
    """The results and their first and second derivatives by inputs and parameters."""
    x = [library.new(normal(s, seed)).requires_grad_() for seed, s in enumerate(shapes)]
    given = {name: library.new(v) if isinstance(v, np.ndarray) else v for name, v in options.items()}
    result = tensors(module(*x, **given))
    return [*result, *derivatives(library, result, [*x, *module.parameters()])]


def shapes_for(module: Any, batched: bool = True) -> list[tuple[int, ...]]:
    sizes = ((L, 4), (S, module.kdim), (S, module.vdim))
    return [((N, n, e) if module.batch_first else (n, N, e)) if batched else (n, e) for n, e in sizes]


@pytest.mark.parametrize("options", [
    {}, {"need_weights": False}, {"average_attn_weights": False},
], ids=["mean weights", "no weights", "all weights"])  # fmt: skip
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str, mask: str, options: dict[str, Any]) -> None:
    modules = twins(LAYERS[name])
    options = options | MASKS[mask]
    if mask == "per head":
        options["attn_mask"] = options["attn_mask"][: N * modules[0].num_heads]
    ours, theirs = (run(library, module, shapes_for(modules[0]), **options)
                    for library, module in zip(BOTH, modules, strict=True))
    assert_same(ours, theirs)


@pytest.mark.parametrize("options", [
    {}, {"need_weights": False}, {"attn_mask": HIDDEN}, {"key_padding_mask": PADDED[1], "average_attn_weights": False},
], ids=["weights", "no weights", "mask", "padding"])  # fmt: skip
@pytest.mark.parametrize("name", ["plain", "one head", "all"])
def test_unbatched(name: str, options: dict[str, Any]) -> None:
    modules = twins(LAYERS[name])
    ours, theirs = (run(library, module, shapes_for(modules[0], batched=False), **options)
                    for library, module in zip(BOTH, modules, strict=True))
    assert_same(ours, theirs)


@pytest.mark.parametrize("need_weights", [False, True])
def test_self_attention_with_the_causal_hint(need_weights: bool) -> None:
    found = []
    for library, module in zip(BOTH, twins(LAYERS["plain"]), strict=True):
        x = library.new(normal((L, N, 4))).requires_grad_()
        mask = library.new(np.triu(np.full((L, L), -math.inf), 1))
        result = tensors(module(x, x, x, attn_mask=mask, is_causal=True, need_weights=need_weights))
        found.append([*result, *derivatives(library, result, [x, *module.parameters()])])
    assert_same(found[0], found[1])


def test_queries_that_see_nothing() -> None:
    """Zeros without the weights, nan with them."""
    everything = np.ones((L, S), bool)
    for need_weights in (False, True):
        found = []
        for library, module in zip(BOTH, twins(LAYERS["plain"]), strict=True):
            x = [library.new(normal(s, i)) for i, s in enumerate(shapes_for(module))]
            result = module(*x, attn_mask=library.new(everything), need_weights=need_weights)
            found.append(list(tensors(result)))
        assert_same(found[0], found[1])


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS.keys())
def test_repr(make: Callable[[Any], Any]) -> None:
    assert repr(make(tg.nn)) == repr(make(torch.nn))


def test_the_same_initial_distribution() -> None:
    found = []
    for nn in (tg.nn, torch.nn):
        module = nn.MultiheadAttention(64, 4, add_bias_kv=True)
        values = {n: np.asarray(p.detach().numpy()) for n, p in module.named_parameters()}
        assert not values["in_proj_bias"].any()
        assert not values["out_proj.bias"].any()
        found.append([values["in_proj_weight"].std(), np.abs(values["in_proj_weight"]).max(),
                      values["out_proj.weight"].std(), np.abs(values["out_proj.weight"]).max(),
                      values["bias_k"].std()])
    np.testing.assert_allclose(found[0][:4], found[1][:4], 0.05)
    np.testing.assert_allclose(found[0][4], found[1][4], 0.5)


@pytest.mark.parametrize("arguments", [(0, 1), (4, 0), (4, 3)])
def test_errors_of_options(arguments: tuple[int, int]) -> None:
    ours, theirs = (attempt(nn.MultiheadAttention, *arguments) for nn in (tg.nn, torch.nn))
    assert isinstance(theirs, Exception)
    assert type(ours) is type(theirs)


@pytest.mark.parametrize(("shapes", "options"), [
    ([(3, 2, 5), (4, 2, 4), (4, 2, 4)], {}),
    ([(3, 2, 4), (4, 2, 4), (5, 2, 4)], {}),
    ([(3, 2, 4), (4, 4), (4, 4)], {}),
    ([(4,), (4,), (4,)], {}),
    ([(3, 2, 4), (4, 3, 4), (4, 3, 4)], {}),
    ([(3, 2, 4), (4, 2, 4), (4, 2, 4)], {"is_causal": True}),
    ([(3, 2, 4), (4, 2, 4), (4, 2, 4)], {"attn_mask": np.ones((3, 3), bool)}),
    ([(3, 2, 4), (4, 2, 4), (4, 2, 4)], {"attn_mask": np.ones((2, 3, 4), bool)}),
    ([(3, 2, 4), (4, 2, 4), (4, 2, 4)], {"attn_mask": np.ones((1, 1, 3, 4), bool)}),
    ([(3, 2, 4), (4, 2, 4), (4, 2, 4)], {"attn_mask": np.ones((3, 4), int)}),
    ([(3, 2, 4), (4, 2, 4), (4, 2, 4)], {"key_padding_mask": np.ones((3, 4), bool)}),
    ([(3, 2, 4), (4, 2, 4), (4, 2, 4)], {"key_padding_mask": np.ones((2, 4), int)}),
])  # fmt: skip
def test_errors_of_shapes(shapes: list[tuple[int, ...]], options: dict[str, Any]) -> None:
    def call(library: Any) -> Any:
        module = (tg.nn if library is OURS else torch.nn).MultiheadAttention(4, 2).double()
        given = {name: library.new(v) if isinstance(v, np.ndarray) else v for name, v in options.items()}
        return module(*(library.new(normal(s)) for s in shapes), **given)

    ours, theirs = (attempt(call, library) for library in BOTH)
    assert isinstance(theirs, Exception)
    assert isinstance(ours, Exception)
    assert isinstance(ours, (RuntimeError, ValueError, AssertionError))
