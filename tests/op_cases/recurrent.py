"""Recurrent layers: each step of each example by itself."""

from __future__ import annotations

import numpy as np
from hypothesis import assume

from .drawing import Arguments, Array, Maker, case


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def rnn_layer(gates: Array, weight: Array, state: Array, nonlinearity: str) -> Array:
    """Elman's recurrence."""
    y = np.empty(gates.shape)
    for example in range(gates.shape[1]):
        h = state[example]
        for t in range(gates.shape[0]):
            z = gates[t, example] + weight @ h
            y[t, example] = h = np.tanh(z) if nonlinearity == "tanh" else z * (z > 0)
    return y


def lstm_layer(gates: Array, weight: Array, state: Array) -> Array:
    """Hochreiter and Schmidhuber's, with forget gate."""
    steps, batch, _ = gates.shape
    y = np.empty((steps + 1, *state.shape[1:]))
    for example in range(batch):
        h, c = state[:, example]
        for t in range(steps):
            i, f, n, o = np.split(gates[t, example] + weight @ h, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(n)
            y[t, example] = h = sigmoid(o) * np.tanh(c)
        y[steps, example] = c
    return y


def gru_layer(gates: Array, weight: Array, state: Array) -> Array:
    """Cho and others', with the reset gate behind the matrix product, as in PyTorch."""
    y = np.empty((*gates.shape[:2], state.shape[1]))
    for example in range(gates.shape[1]):
        h = state[example]
        for t in range(gates.shape[0]):
            (x_r, x_z, x_n), (h_r, h_z, h_n) = (np.split(v, 3) for v in (
                gates[t, example], weight @ np.append(h, 1.0)))
            z = sigmoid(x_z + h_z)
            y[t, example] = h = (1 - z) * np.tanh(x_n + sigmoid(x_r + h_r) * h_n) + z * h
    return y


def layer(make: Maker) -> tuple[int, int, int]:
    """Steps, batch and hidden size."""
    return make.choose(2, 3, 1), make.choose(2, 1, 0, 3), make.choose(2, 1)


@case("rnn_layer", oracle=rnn_layer)
def _(make: Maker) -> Arguments:
    steps, batch, width = layer(make)
    drawn = {"gates": make.numbers((steps, batch, width)), "weight": make.numbers((width, width)),
             "state": make.numbers((batch, width)), "nonlinearity": make.choose("tanh", "relu")}  # fmt: skip
    if drawn["nonlinearity"] == "relu":  # away from its kink
        below, above = (rnn_layer(**{**drawn, "gates": drawn["gates"] + by}) for by in (-0.001, 0.001))
        assume(np.array_equal(below > 0, above > 0))
    return drawn


@case("lstm_layer", oracle=lstm_layer)
def _(make: Maker) -> Arguments:
    steps, batch, width = layer(make)
    return {"gates": make.numbers((steps, batch, 4 * width)), "weight": make.numbers((4 * width, width)),
            "state": make.numbers((2, batch, width))}  # fmt: skip


@case("gru_layer", oracle=gru_layer)
def _(make: Maker) -> Arguments:
    steps, batch, width = layer(make)
    return {"gates": make.numbers((steps, batch, 3 * width)), "weight": make.numbers((3 * width, width + 1)),
            "state": make.numbers((batch, width))}  # fmt: skip
