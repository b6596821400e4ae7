"""The report's equations (1) to (18), and the same gradients derived by the library."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import tinygrad_lite as tg

Array: TypeAlias = NDArray[Any]
Parameters: TypeAlias = dict[str, Array]

SLOPE = 0.25
"""The a of PReLU (9); the report gives no value, this is PyTorch's first."""


# --- the report's equations, in its notation ----------------------------------------------------------------------


def neuron(w: Array, x: Array, b: float) -> tuple[float, float]:
    """(1) to (4): z = w x + b of one neuron, with its weights as a row and x as a column, and a = sigma(z)."""
    z = (w @ x).item() + b
    return z, float(sigmoid(np.array(z)))


def layer(W: Array, a: Array, b: Array) -> Array:
    """(5), and what (7) means: z(l) = W(l) a(l-1) + b(l), for a column a(l-1)."""
    z: Array = W @ a + b
    return z


def relu(x: Array) -> Array:
    """(8)"""
    return np.maximum(x, 0)


def relu_slope(z: Array) -> Array:
    """sigma' of (8), 0 at 0."""
    return (z > 0).astype(z.dtype)


def prelu(x: Array, a: float = SLOPE) -> Array:
    """(9)"""
    return np.where(x < 0, a * x, x)


def prelu_slope(z: Array, a: float = SLOPE) -> Array:
    """sigma' of (9), 1 at 0."""
    return np.where(z < 0, a, 1.0)


def sigmoid(x: Array) -> Array:
    """(10); where e^-x overflows, 1 / inf is the right 0."""
    with np.errstate(over="ignore"):
        y: Array = 1 / (1 + np.exp(-x))
    return y


def sigmoid_slope(z: Array) -> Array:
    """sigma' of (10)."""
    a = sigmoid(z)
    slope: Array = a * (1 - a)
    return slope


# name -> (sigma, sigma'), each a function of z
ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "relu": (relu, relu_slope), "prelu": (prelu, prelu_slope), "sigmoid": (sigmoid, sigmoid_slope),
}


def squares(p: Array, y: Array) -> tuple[float, Array]:
    """J = 1/2 sum (p - y)^2, which the report does not print, and the row dJ/dp."""
    return float(0.5 * np.sum((p - y) ** 2)), (p - y).T


def cross_entropy(p: Array, y: Array) -> tuple[float, Array]:
    """(11), summed over the outputs, and the row dJ/dp."""
    return float(-np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))), ((p - y) / (p * (1 - p))).T


COSTS = {"squares": squares, "cross-entropy": cross_entropy}


def output_gradient(dJ_dp: Array, slope: Array) -> Array:
    """(12): g(L) = dJ/dp * sigma'(z(L)), with the transposition that it needs: dJ/dp is a row, sigma'(z) a column."""
    return dJ_dp * slope.T


def hidden_gradient(g_next: Array, W_next: Array, slope: Array) -> Array:
    """(13): g(l) = (g(l+1) W(l+1)) * sigma'(z(l)), with the same transposition."""
    g: Array = (g_next @ W_next) * slope.T
    return g


def weight_gradient(g: Array, a: Array) -> Array:
    """(14): the gradient of J with respect to W(l) is g(l)^T a(l-1)^T."""
    return g.T @ a.T


def bias_gradient(g: Array) -> Array:
    """(15): the gradient of J with respect to b(l) is g(l)^T."""
    return g.T


def momentum(G: Array, gradient: Array, beta: float) -> Array:
    """(16): G(k) = beta G(k-1) + gradient(k)."""
    return beta * G + gradient


def update(W: Array, G: Array, lr: float) -> Array:
    """(17): W(k+1) = W(k) - lambda G(k)."""
    return W - lr * G


def batch(number: int, n: int) -> range:
    """The examples of batch l = `number` of n, which (18) should sum over: l n, ..., (l+1) n - 1."""
    return range(number * n, (number + 1) * n)


def batch_as_printed(number: int, n: int) -> range:
    """The same as (18) has it, from i = n to (l+1) n inclusive: 1, n + 1, 2n + 1, ... examples, always from n on."""
    return range(n, (number + 1) * n + 1)


def batch_mean(gradients: Mapping[int, Parameters], examples: Sequence[int], n: int) -> Parameters:
    """(18): 1/n times the sum of the gradients of these examples."""
    names = gradients[examples[0]]
    return {name: sum((gradients[i][name] for i in examples), np.zeros(())) / n for name in names}


def hand_derived_gradients(
    x: Array, y: Array, parameters: Parameters, activations: Sequence[str] = ("sigmoid", "sigmoid"),
    cost: str = "squares"
) -> tuple[float, Parameters]:
    """J and the gradients W1, b1, g1, ... of one example: (5) and (6) forward, (12) to (15) backward."""
    a, z = [x], []
    for k, name in enumerate(activations, 1):
        z.append(layer(parameters[f"W{k}"], a[-1], parameters[f"b{k}"]))
        a.append(ACTIVATIONS[name][0](z[-1]))
    J, dJ_dp = COSTS[cost](a[-1], y)
    gradients: Parameters = {}
    g = dJ_dp
    for k in range(len(z), 0, -1):
        slope = ACTIVATIONS[activations[k - 1]][1](z[k - 1])
        g = output_gradient(dJ_dp, slope) if k == len(z) else hidden_gradient(g, parameters[f"W{k + 1}"], slope)
        gradients |= {f"W{k}": weight_gradient(g, a[k - 1]), f"b{k}": bias_gradient(g), f"g{k}": g}
    return J, gradients


# --- the same with derived gradients ------------------------------------------------------------------------------


def loss(
    x: Any, y: Any, parameters: Mapping[str, Any], activations: Sequence[str] = ("sigmoid", "sigmoid"),
    cost: str = "squares"
) -> tuple[Any, list[Any]]:
    """The mean of J over the columns of x, and z(1), ..., z(L); all Tensors."""
    functions: dict[str, Callable[[Any], Any]] = {
        "relu": tg.relu, "sigmoid": tg.sigmoid, "prelu": lambda z: tg.where(z < 0, SLOPE * z, z)}
    a, z = x, []
    for k, name in enumerate(activations, 1):
        z.append(parameters[f"W{k}"] @ a + parameters[f"b{k}"])
        a = functions[name](z[-1])
    if cost == "squares":
        J = 0.5 * ((a - y) ** 2).sum()
    else:
        J = -(y * tg.log(a) + (1 - y) * tg.log(1 - a)).sum()
    return J / x.shape[1], z


def derived_gradients(
    x: Array, y: Array, parameters: Parameters, activations: Sequence[str] = ("sigmoid", "sigmoid"),
    cost: str = "squares", device: str = "cpu"
) -> tuple[float, Parameters]:
    """J and the gradients W1, b1, g1, ... of `loss`, derived by the library; g as rows, as the report has them."""
    tensors = {name: tg.tensor(value, requires_grad=True, device=device) for name, value in parameters.items()}
    J, z = loss(tg.tensor(x, device=device), tg.tensor(y, device=device), tensors, activations, cost)
    wanted = {**tensors, **{f"g{k}": value for k, value in enumerate(z, 1)}}
    gradients = tg.autograd.grad(J, list(wanted.values()))
    arrays = {name: g.to("cpu").numpy() for name, g in zip(wanted, gradients, strict=True)}
    return J.item(), {name: g.T if name.startswith("g") else g for name, g in arrays.items()}
