"""Dense networks of every make, for tests that read programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_lite as tg

LOSSES = ["cross_entropy", "cross_entropy of probabilities", "mse", "bce", "explicit cross_entropy", "explicit mse",
          "explicit bce"]


@dataclass
class Network:
    """A loss `f(X, y)`, its parameters, and how to draw examples for it."""

    description: str
    f: Callable[..., Any]
    parameters: dict[str, Any]
    examples: Callable[[int], tuple[Any, Any]]
    loss: str
    penalty: bool


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """A network of depth 1 to 4, in float64; with examples in rows (through `linear` or `@`) or in columns.

    It may be computed anew where the loss uses it again, and its scores may be penalised.
    """
    style = draw(st.sampled_from(["linear", "rows", "columns"]))
    loss = draw(st.sampled_from(LOSSES if style != "columns" else LOSSES[4:]))
    square = draw(st.booleans())
    depth = draw(st.integers(1, 4))
    sizes = [draw(st.integers(2, 5))] * (depth + 1) if square else [draw(st.integers(2, 5)) for _ in range(depth + 1)]
    activations = [draw(st.sampled_from(["tanh", "sigmoid", "relu"])) for _ in range(depth)]
    biased = [draw(st.booleans()) for _ in range(depth)]
    shared, residual = square and draw(st.booleans()), square and draw(st.booleans())
    repeated, penalty = draw(st.booleans()), draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    parameters: dict[str, Any] = {}
    layers = []
    for i in range(depth):
        shape = (sizes[i], sizes[i + 1]) if style == "rows" else (sizes[i + 1], sizes[i])
        if not (shared and i):
            parameters[f"W{i + 1}"] = tg.tensor(0.3 * rng.normal(size=shape), requires_grad=True)
        if biased[i]:
            bias = rng.normal(size=(sizes[i + 1], 1) if style == "columns" else sizes[i + 1])
            parameters[f"b{i + 1}"] = tg.tensor(bias, requires_grad=True)
        layers.append((parameters["W1" if shared else f"W{i + 1}"], parameters.get(f"b{i + 1}")))
    axis = 1 if style == "columns" else 0

    def scores(X: Any) -> Any:
        a = X
        for i, (W, b) in enumerate(layers):
            if style == "linear":
                z = tg.nn.functional.linear(a, W, b)
            else:
                z = a @ W if style == "rows" else W @ a
                z = z if b is None else z + b
            if i == depth - 1:
                return z
            z = getattr(tg, activations[i])(z)
            a = a + z if residual else z
        raise AssertionError

    def f(X: Any, y: Any) -> Any:
        if not penalty:
            return data_loss(X, y)
        z = scores(X)
        return data_loss(X, y) + 0.1 * (z * tg.tanh(scores(X))).sum() / X.shape[axis]

    def data_loss(X: Any, y: Any) -> Any:
        z, count = scores(X), X.shape[axis]
        if loss.startswith("cross_entropy"):
            return tg.nn.functional.cross_entropy(z, y)
        if loss == "mse":
            return tg.nn.functional.mse_loss(z, y)
        if loss == "bce":
            return tg.nn.functional.binary_cross_entropy_with_logits(z, y)
        if loss == "explicit cross_entropy":
            return -(y * tg.log(tg.softmax(z, 1 - axis))).sum() / count
        if loss == "explicit mse":
            return ((z - y) * ((scores(X) if repeated else z) - y)).sum() / (2 * count)
        s = tg.sigmoid(z)
        return -(y * tg.log(s) + (1 - y) * tg.log(1 - (tg.sigmoid(scores(X)) if repeated else s))).mean()

    def examples(count: int) -> tuple[Any, Any]:
        X, k = rng.normal(size=(count, sizes[0])), sizes[-1]
        if loss == "cross_entropy":
            y: Any = rng.integers(k, size=count)
        elif "cross_entropy" in loss:
            y = rng.dirichlet(np.ones(k), size=count)
        else:
            y = rng.normal(size=(count, k)) if "mse" in loss else rng.integers(2, size=(count, k)).astype(float)
        return (tg.tensor(X.T), tg.tensor(y.T)) if axis else (tg.tensor(X), tg.tensor(y))

    description = f"{style} {sizes} {activations} biased={biased} shared={shared} residual={residual} {loss}"
    description += f" repeated={repeated} penalty={penalty}"
    return Network(description, f, parameters, examples, loss, penalty)
