"""RNN, LSTM, GRU and their cells: outputs, states, first and second derivatives, printing and errors as in PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import tinygrad_lite as tg

from .pair import BOTH, OURS, Array, assert_same, attempt, derivatives

LAYERS: dict[str, Callable[[Any], Any]] = {
    "RNN": lambda n: n.RNN(3, 4),
    "RNN relu": lambda n: n.RNN(3, 4, nonlinearity="relu"),
    "RNN relu by position": lambda n: n.RNN(3, 4, 2, "relu", False, True),
    "RNN deep": lambda n: n.RNN(3, 4, num_layers=3, bidirectional=True),
    "LSTM": lambda n: n.LSTM(3, 4),
    "LSTM of one unit": lambda n: n.LSTM(3, 1),
    "LSTM deep": lambda n: n.LSTM(3, 4, 2, batch_first=True, bidirectional=True),
    "LSTM without bias": lambda n: n.LSTM(3, 4, bias=False, num_layers=2),
    "LSTM projected": lambda n: n.LSTM(3, 4, 2, proj_size=2, bidirectional=True),
    "LSTM dropout": lambda n: n.LSTM(3, 4, 2, dropout=1.0),
    "LSTM dropout eval": lambda n: n.LSTM(3, 4, 2, dropout=0.5).eval(),
    "GRU": lambda n: n.GRU(3, 4),
    "GRU without bias": lambda n: n.GRU(3, 4, bias=False),
    "GRU deep": lambda n: n.GRU(3, 2, 2, True, True, 0.0, True),
}
CELLS: dict[str, Callable[[Any], Any]] = {
    "RNNCell": lambda n: n.RNNCell(3, 4),
    "RNNCell relu": lambda n: n.RNNCell(3, 4, False, "relu"),
    "LSTMCell": lambda n: n.LSTMCell(3, 4),
    "LSTMCell without bias": lambda n: n.LSTMCell(3, 4, bias=False),
    "GRUCell": lambda n: n.GRUCell(3, 4),
    "GRUCell without bias": lambda n: n.GRUCell(3, 4, bias=False),
}
EVERY = {**LAYERS, **CELLS}


def normal(shape: tuple[int, ...], seed: int = 0) -> Array:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape))


def twins(make: Callable[[Any], Any]) -> tuple[Any, Any]:
    """The same module in both libraries, in float64, with PyTorch's weights."""
    ours, theirs = make(tg.nn).double(), make(torch.nn).double()
    state = {name: value.numpy() for name, value in theirs.state_dict().items()}
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)
    return ours, theirs


def flat(result: Any) -> tuple[Any, ...]:
    """Tensors out of nested tuples."""
    return tuple(y for part in result for y in flat(part)) if isinstance(result, tuple) else (result,)


def run(library: Any, module: Any, shape: tuple[int, ...], states: list[tuple[int, ...]]) -> list[Any]:
    """Outputs, and the derivatives by input, states and parameters up to the second."""
    x, *given = (library.new(normal(s, seed)).requires_grad_() for seed, s in enumerate([shape, *states]))
    hx = [tuple(given) if len(given) > 1 else given[0]] if given else []
    result = flat(module(x, *hx))
    return [*result, *derivatives(library, result, [x, *given, *module.parameters()])]


def state_shapes(module: Any, batch: int) -> list[tuple[int, ...]]:
    """The shapes of h (and c) of a layer in both libraries."""
    lead = module.num_layers * (2 if module.bidirectional else 1)
    between = (batch,) if batch else ()
    first = (lead, *between, module.proj_size or module.hidden_size)
    return [first, (lead, *between, module.hidden_size)] if "LSTM" in type(module).__name__ else [first]


@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize("batch", [0, 1, 2], ids=["unbatched", "batch of 1", "batch of 2"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str, batch: int, with_state: bool) -> None:
    modules = twins(LAYERS[name])
    steps, size = 3, 3
    shape = (steps, size) if not batch else (batch, steps, size) if modules[0].batch_first else (steps, batch, size)
    states = state_shapes(modules[0], batch) if with_state else []
    ours, theirs = (run(library, module, shape, states) for library, module in zip(BOTH, modules, strict=True))
    assert_same(ours, theirs)


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("name", ["RNN relu", "LSTM deep", "GRU deep"])
def test_other_lengths(name: str, steps: int) -> None:
    modules = twins(LAYERS[name])
    shape = (2, steps, 3) if modules[0].batch_first else (steps, 2, 3)
    ours, theirs = (run(library, module, shape, []) for library, module in zip(BOTH, modules, strict=True))
    assert_same(ours, theirs)


@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize("lead", [(), (1,), (2,)])
@pytest.mark.parametrize("name", CELLS)
def test_cells(name: str, lead: tuple[int, ...], with_state: bool) -> None:
    modules = twins(CELLS[name])
    states = [(*lead, 4)] * (2 if "LSTM" in name else 1) if with_state else []
    ours, theirs = (run(library, module, (*lead, 3), states) for library, module in zip(BOTH, modules, strict=True))
    assert_same(ours, theirs)


@pytest.mark.parametrize("name", ["RNN", "LSTM deep", "GRU"])
def test_float32(name: str) -> None:
    modules = [m.float() for m in twins(LAYERS[name])]
    found = []
    for library, module in zip(BOTH, modules, strict=True):
        x = library.new(normal((3, 3, 3)).astype("float32")).requires_grad_()
        output, _ = module(x)
        output.sum().backward()
        found.append([output, x.grad, *(p.grad for p in module.parameters())])
    for a, b in zip(*found, strict=True):
        assert a.dtype == "float32"
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), 1e-4, 1e-5)


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY.keys())
def test_repr(make: Callable[[Any], Any]) -> None:
    assert repr(make(tg.nn)) == repr(make(torch.nn))


@pytest.mark.parametrize("name", ["RNN deep", "LSTM projected", "GRU without bias", "LSTMCell"])
def test_the_same_initial_distribution(name: str) -> None:
    """Uniform between the same bounds: the largest of many."""
    for nn in (tg.nn, torch.nn):
        kind = name.split(maxsplit=1)[0]
        module = getattr(nn, kind)(50, 64)
        for parameter in module.parameters():
            values = np.asarray(parameter.detach().numpy())
            assert 0.9 / 8 < np.abs(values).max() <= 1 / 8 + 1e-6
            assert abs(values.mean()) < 0.03


def test_all_weights() -> None:
    for module in twins(LAYERS["LSTM projected"]):
        assert [len(group) for group in module.all_weights] == [5] * 4
        assert module.all_weights[1][4] is module.weight_hr_l0_reverse
        module.flatten_parameters()


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("options", [
    {"hidden_size": 0}, {"input_size": 0}, {"num_layers": 0}, {"dropout": 1.5}, {"dropout": True}, {"bias": 1},
    {"batch_first": 1}, {"hidden_size": 2.0}, {"input_size": "3"}, {"proj_size": 4}, {"proj_size": -1},
], ids=str)  # fmt: skip
def test_errors_of_options(kind: str, options: dict[str, Any]) -> None:
    ours, theirs = (attempt(lambda nn: getattr(nn, kind)(**{"input_size": 3, "hidden_size": 4} | options), nn)
                    for nn in (tg.nn, torch.nn))
    assert isinstance(theirs, Exception)
    assert_same(ours, theirs)


def test_unknown_nonlinearity() -> None:
    for library, nn in zip(BOTH, (tg.nn, torch.nn), strict=True):
        with pytest.raises(ValueError, match="Unknown nonlinearity 'sin'"):
            nn.RNN(3, 4, nonlinearity="sin")
        cell = nn.RNNCell(3, 4, nonlinearity="sin")
        with pytest.raises(RuntimeError, match="Unknown nonlinearity: sin"):
            cell(library.new(normal((2, 3)).astype("float32")))


def test_dropout_of_one_layer_warns() -> None:
    for nn in (tg.nn, torch.nn):
        with pytest.warns(UserWarning, match="non-zero dropout expects num_layers greater than 1"):
            nn.LSTM(3, 4, dropout=0.5)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            nn.LSTM(3, 4, 2, dropout=0.5)


@pytest.mark.parametrize(("shape", "states"), [
    ((3,), []), ((2, 2, 2, 3), []), ((5, 2, 4), []), ((0, 2, 3), []), ((5, 2, 3), [(1, 3, 4)]), ((5, 2, 3), [(1, 4)]),
    ((5, 2, 3), [(2, 2, 4)]), ((5, 3), [(1, 1, 4)]), ((5, 2, 3), [(1, 2, 5)]),
])  # fmt: skip
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_errors_of_shapes(kind: str, shape: tuple[int, ...], states: list[tuple[int, ...]]) -> None:
    def call(library: Any) -> Any:
        nn = tg.nn if library is OURS else torch.nn
        given = [library.new(normal(s)) for s in (states * 2 if kind == "LSTM" else states)]
        hx = [tuple(given) if kind == "LSTM" else given[0]] if given else []
        return getattr(nn, kind)(3, 4).double()(library.new(normal(shape)), *hx)

    ours, theirs = (attempt(call, library) for library in BOTH)
    assert isinstance(theirs, Exception)
    assert_same(ours, theirs)


@pytest.mark.parametrize("wrong", [0, 1], ids=["input", "state"])
def test_wrong_dtype(wrong: int) -> None:
    def call(library: Any, nn: Any) -> Any:
        shapes = [(5, 2, 3), (1, 2, 4)]
        return nn.GRU(3, 4)(*(library.new(normal(s).astype("f8" if i == wrong else "f4"))
                              for i, s in enumerate(shapes)))

    ours, theirs = (attempt(call, *pair) for pair in zip(BOTH, (tg.nn, torch.nn), strict=True))
    assert isinstance(theirs, Exception)
    assert_same(ours, theirs)


@pytest.mark.parametrize(("shape", "state"), [((2, 2, 3), None), ((), None), ((2, 3), (3, 4)), ((2, 3), (2, 2, 4)),
                                              ((2, 3), (2, 5)), ((2, 4), None)])
@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
def test_errors_of_cells(kind: str, shape: tuple[int, ...], state: tuple[int, ...] | None) -> None:
    def call(library: Any) -> Any:
        nn = tg.nn if library is OURS else torch.nn
        h = None if state is None else library.new(normal(state))
        return getattr(nn, kind)(3, 4).double()(library.new(normal(shape)), (h, h) if h is not None
                                                and kind == "LSTMCell" else h)

    ours, theirs = (attempt(call, library) for library in BOTH)
    assert isinstance(theirs, Exception)
    assert_same(ours, theirs)
