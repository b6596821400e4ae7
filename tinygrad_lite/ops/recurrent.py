"""Recurrent layers: the loop through time of one layer in one direction, as one op each.

The input's part of all steps is one matrix product outside, `gates`.  Backwards, only what depends on the gradient of
the next step runs step by step; the rest, and the gradient of the weight, is computed for all steps at once.  That is
why these are ops: on the tape, step by step, each step would make a gradient of the whole weight.

No step at all is a ValueError.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..engine.graph import Array
from ..engine.operation import op
from .activation import relu
from .functions import sigmoid, tanh
from .logic import positive
from .products import matmul
from .reduce import in_float32, sum
from .shape import cat, reshape


def stacked(steps: Sequence[Array]) -> Array:
    """Arrays of one shape, one per step, as one array with the steps along the first axis."""
    return reshape(cat(steps, 0), (len(steps), *steps[0].shape))


def weight_gradient(deltas, befores):
    """The sum over steps and examples of delta_t h_(t-1)^T: one product of two matrices."""
    count = deltas.shape[0] * deltas.shape[1]
    return matmul(reshape(deltas, (count, deltas.shape[2])).T, reshape(befores, (count, befores.shape[2])))


def parts(x, count):
    """The last axis cut into `count` equal parts."""
    width = x.shape[-1] // count
    return [x[..., k * width : (k + 1) * width] for k in range(count)]


# --- RNN --------------------------------------------------------------------------------------------------------------


@op
@in_float32
def rnn_layer(gates: Array, weight: Array, state: Array, nonlinearity: str = "tanh") -> Array:
    """h_t = f(gates_t + W h_(t-1)) with f = tanh or relu.

    Shapes: gates (T, N, H), weight W (H, H), state h_0 (N, H); result (T, N, H).
    """
    h, states = state, []
    for t in range(len(gates)):
        h = np.dot(h, weight.T) + gates[t]
        h = np.tanh(h) if nonlinearity == "tanh" else np.maximum(h, 0)
        states.append(h)
    return np.stack(states)


@rnn_layer.define
def _(gates, weight, state, nonlinearity="tanh"):
    h, states = state, []
    for t in range(gates.shape[0]):
        z = gates[t] + matmul(h, weight.T)
        h = tanh(z) if nonlinearity == "tanh" else relu(z)
        states.append(h)
    return stacked(states)


@rnn_layer.vjp("gates", "weight", "state", joint=True)
def _(g, y, weight, state, nonlinearity, wanted):
    slope = 1 - y * y if nonlinearity == "tanh" else positive(y)
    deltas = []
    dh = g[-1]
    for t in range(y.shape[0] - 1, -1, -1):
        deltas.append(dh * slope[t])
        dh = matmul(deltas[-1], weight)
        if t:
            dh = dh + g[t - 1]
    deltas = stacked(deltas[::-1])
    d_weight = weight_gradient(deltas, cat([state[None], y[:-1]], 0)) if wanted[1] else None
    return deltas, d_weight, dh


# --- LSTM -------------------------------------------------------------------------------------------------------------


@op(residuals=("activations", "cells"))
@in_float32
def lstm_layer(gates: Array, weight: Array, state: Array) -> Array:
    """c_t = f_t * c_(t-1) + i_t * n_t and h_t = o_t * tanh(c_t), with [i, f, n, o]_t of gates_t + W h_(t-1).

    i, f and o are sigmoids of their parts, n is the tanh of its.  The result is h_1, ..., h_T and, behind them, c_T.
    Shapes: gates (T, N, 4H), weight W (4H, H), state [h_0, c_0] (2, N, H); result (T + 1, N, H).
    """
    width = weight.shape[1]
    # sigmoid(x) = tanh(x / 2) / 2 + 1/2: one tanh serves all four gates
    half = np.zeros(4 * width, gates.dtype, like=gates) + 0.5
    half[2 * width : 3 * width] = 1.0
    rest = 1 - half
    h, c = state[0], state[1]
    states, cells, activations = [], [c], []
    for t in range(len(gates)):
        a = np.dot(h, weight.T)
        a += gates[t]
        a *= half
        a = np.tanh(a)
        a *= half
        a += rest
        i, f, n, o = parts(a, 4)
        c = f * c + i * n
        h = o * np.tanh(c)
        activations.append(a)
        cells.append(c)
        states.append(h)
    return np.stack([*states, c]), np.stack(activations), np.stack(cells)


def lstm_steps(gates: Array, weight: Array, h: Array, c: Array,
               projection: Array = None) -> tuple[list[Array], list[Array], list[Array]]:
    """Activations, cells and states of an LSTM layer, in ops: a list of each, one element per step.

    With `projection` W_r, of shape (P, H), h_t = W_r (o_t * tanh(c_t)) has the size P.
    """
    activations, cells, states = [], [], []
    for t in range(gates.shape[0]):
        i, f, n, o = parts(gates[t] + matmul(h, weight.T), 4)
        i, f, n, o = sigmoid(i), sigmoid(f), tanh(n), sigmoid(o)
        c = f * c + i * n
        h = o * tanh(c)
        if projection is not None:
            h = matmul(h, projection.T)
        activations.append(cat([i, f, n, o], 1))
        cells.append(c)
        states.append(h)
    return activations, cells, states


@lstm_layer.define
def _(gates, weight, state):
    _, cells, states = lstm_steps(gates, weight, state[0], state[1])
    return stacked([*states, cells[-1]])


@lstm_layer.residual("activations")
def _(gates, weight, state):
    return stacked(lstm_steps(gates, weight, state[0], state[1])[0])


@lstm_layer.residual("cells")
def _(gates, weight, state):
    return stacked([state[1], *lstm_steps(gates, weight, state[0], state[1])[1]])


@lstm_layer.vjp("gates", "weight", "state", joint=True)
def _(g, y, activations, cells, weight, state, wanted):
    steps, batch, width = activations.shape[0], y.shape[1], y.shape[2]
    i, f, n, o = parts(activations, 4)
    squashed = tanh(cells[1:])
    of_c = o * (1 - squashed * squashed)
    of_o = squashed * o * (1 - o)
    of_ifn = reshape(cat([n * i * (1 - i), cells[:-1] * f * (1 - f), i * (1 - n * n)], 2), (steps, batch, 3, width))
    deltas = []
    dh, dc = g[steps - 1], g[steps]
    for t in range(steps - 1, -1, -1):
        dc = dc + dh * of_c[t]
        d_ifn = reshape(reshape(dc, (batch, 1, width)) * of_ifn[t], (batch, 3 * width))
        deltas.append(cat([d_ifn, dh * of_o[t]], 1))
        dc = dc * f[t]
        dh = matmul(deltas[-1], weight)
        if t:
            dh = dh + g[t - 1]
    deltas = stacked(deltas[::-1])
    d_weight = weight_gradient(deltas, cat([state[:1], y[:-2]], 0)) if wanted[1] else None
    return deltas, d_weight, stacked([dh, dc]) if wanted[2] else None


# --- GRU --------------------------------------------------------------------------------------------------------------


@op(residuals=("activations", "inner"))
@in_float32
def gru_layer(gates: Array, weight: Array, state: Array) -> Array:
    """h_t = (1 - z_t) * n_t + z_t * h_(t-1) with n_t = tanh(gates_n + r_t * (W_n h_(t-1) + b_n)).

    r_t and z_t are sigmoids of their parts of gates_t + W h_(t-1) + b.
    Shapes: gates (T, N, 3H), weight [W | b] (3H, H + 1), state h_0 (N, H); result (T, N, H).
    """
    width = weight.shape[1] - 1
    h, states, activations, inner = state, [], [], []
    for t in range(len(gates)):
        a = np.dot(h, weight[:, :-1].T) + weight[:, -1]
        rz = np.tanh((gates[t, :, : 2 * width] + a[:, : 2 * width]) * 0.5) * 0.5 + 0.5  # sigmoid
        r, z = parts(rz, 2)
        m = a[:, 2 * width :]
        n = np.tanh(gates[t, :, 2 * width :] + r * m)
        h = n + z * (h - n)
        activations.append(np.concatenate([rz, n], 1))
        inner.append(m)
        states.append(h)
    return np.stack(states), np.stack(activations), np.stack(inner)


def gru_steps(gates, weight, state):
    """Activations, W_n h + b_n and states of a GRU layer, in ops: a list of each, one element per step."""
    h, activations, inner, states = state, [], [], []
    for t in range(gates.shape[0]):
        x_r, x_z, x_n = parts(gates[t], 3)
        h_r, h_z, h_n = parts(matmul(h, weight[:, :-1].T) + weight[:, -1], 3)
        r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
        n = tanh(x_n + r * h_n)
        h = (1 - z) * n + z * h
        activations.append(cat([r, z, n], 1))
        inner.append(h_n)
        states.append(h)
    return activations, inner, states


@gru_layer.define
def _(gates, weight, state):
    return stacked(gru_steps(gates, weight, state)[2])


@gru_layer.residual("activations")
def _(gates, weight, state):
    return stacked(gru_steps(gates, weight, state)[0])


@gru_layer.residual("inner")
def _(gates, weight, state):
    return stacked(gru_steps(gates, weight, state)[1])


@gru_layer.vjp("gates", "weight", "state", joint=True)
def _(g, y, activations, inner, weight, state, wanted):
    steps, batch, width = y.shape
    r, z, n = parts(activations, 3)
    befores = cat([state[None], y[:-1]], 0)
    of_n = (1 - z) * (1 - n * n)
    of_z = (befores - n) * z * (1 - z)
    of_r = of_n * inner * r * (1 - r)
    # the derivatives of h_t by what was added: to W h_(t-1) + b, and to gates_t
    by_hidden = reshape(cat([of_r, of_z, of_n * r], 2), (steps, batch, 3, width))
    matrix = weight[:, :-1]
    deltas, gradients = [], []
    dh = g[-1]
    for t in range(steps - 1, -1, -1):
        gradients.append(dh)
        deltas.append(reshape(reshape(dh, (batch, 1, width)) * by_hidden[t], (batch, 3 * width)))
        dh = dh * z[t] + matmul(deltas[-1], matrix)
        if t:
            dh = dh + g[t - 1]
    deltas, gradients = stacked(deltas[::-1]), stacked(gradients[::-1])
    d_gates = cat([deltas[:, :, : 2 * width], gradients * of_n], 2) if wanted[0] else None
    d_weight = None
    if wanted[1]:
        d_bias = reshape(sum(deltas, (0, 1)), (3 * width, 1))
        d_weight = cat([weight_gradient(deltas, befores), d_bias], 1)
    return d_gates, d_weight, dh
