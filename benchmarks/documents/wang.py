"""wang: a 784-16-16-10 network whose every derivative is derived on paper; 15 printed lines of cost and accuracy.

Qi Wang's blog post on a three-layer network for MNIST with NumPy. Examples are the columns of X (784, m) and Y (10, m).

    Z1 = W1 X + b1    A1 = tanh Z1    Z2 = W2 A1 + b2    A2 = tanh Z2    Z3 = W3 A2 + b3    A3 = softmax Z3

What the post leaves open or contradicts, and what this module shows:

- The learning rate is called 1 in the text. With 1 only the line of iteration 0 agrees; with 0.5 (then 0.1 from
  iteration 76 on, as printed) all 15 lines agree in every digit.
- The cost that it prints is -mean(Y log(A3 + 1e-8)) over all 10 m entries. The gradient that it uses is that of the
  cross entropy summed over the classes and averaged over the m examples: ten times the cost (but for the 1e-8).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import tinygrad_lite as tg
from benchmarks import timing
from tinygrad_lite.datasets import MNIST, Digits

from .report import Report

Array: TypeAlias = NDArray[np.float64]
Parameters: TypeAlias = dict[str, Array]
Gradient: TypeAlias = Callable[[Array, Array, Parameters], Parameters]

DATASETS = ("mnist",)
SIZES = (784, 16, 16, 10)
ITERATIONS = 150
# iteration -> (cost, accuracy in per cent), as printed in the post
PUBLISHED = {
    0: ("0.230083", "13.260000"),
    10: ("0.204155", "40.781667"),
    20: ("0.153983", "47.766667"),
    30: ("0.118734", "67.136667"),
    40: ("0.096660", "73.488333"),
    50: ("0.083073", "77.815000"),
    60: ("0.072998", "80.786667"),
    70: ("0.115302", "60.456667"),
    80: ("0.061357", "84.006667"),
    90: ("0.060022", "84.413333"),
    100: ("0.058777", "84.738333"),
    110: ("0.057598", "85.070000"),
    120: ("0.056478", "85.361667"),
    130: ("0.055412", "85.630000"),
    140: ("0.054397", "85.903333"),
}
PUBLISHED_CLASS_OF_TEST_IMAGE_0 = 7


# --- the post, in its notation ------------------------------------------------------------------------------------


def initial_parameters(sizes: tuple[int, ...] = SIZES, seed: int = 2) -> Parameters:
    """W = 0.1 N(0, 1), b = 0, from `RandomState(seed)` in the order W1, W2, W3."""
    random = np.random.RandomState(seed)
    parameters = {}
    for layer, (n_in, n_out) in enumerate(pairwise(sizes), 1):
        parameters[f"W{layer}"] = random.randn(n_out, n_in) * 0.1
        parameters[f"b{layer}"] = np.zeros((n_out, 1))
    return parameters


def softmax(Z: Array) -> Array:
    """a_i = e^z_i / sum_k e^z_k, for each column."""
    e = np.exp(Z - Z.max(axis=0, keepdims=True))
    a: Array = e / e.sum(axis=0, keepdims=True)
    return a


def softmax_jacobian(a: Array) -> Array:
    """da_i/dz_i = a_i (1 - a_i) and da_i/dz_j = -a_i a_j: entry (i, j) for one example a."""
    jacobian = np.empty((a.size, a.size))
    for i in range(a.size):
        for j in range(a.size):
            jacobian[i, j] = a[i] * (1 - a[j]) if i == j else -a[i] * a[j]
    return jacobian


def forward(X: Array, parameters: Parameters) -> tuple[Array, Array, Array]:
    """A1, A2, A3: Z[l] = W[l] A[l-1] + b[l], with tanh, tanh and softmax."""
    p = parameters
    A1 = np.tanh(p["W1"] @ X + p["b1"])
    A2 = np.tanh(p["W2"] @ A1 + p["b2"])
    return A1, A2, softmax(p["W3"] @ A2 + p["b3"])


def printed_cost(A3: Array, Y: Array) -> float:
    """The cost of the printed lines: -mean over *all* entries of Y log(A3 + 1e-8)."""
    return float(-np.mean(Y * np.log(A3 + 1e-8)))


def output_delta(A3: Array, Y: Array) -> Array:
    """dL/dz_i = a_i - y_i, for L = -sum_k y_k log a_k of one example."""
    return A3 - Y


def hidden_delta(W_next: Array, dZ_next: Array, A: Array) -> Array:
    """dZ[l-1] = (W[l]^T dZ[l]) * (1 - A[l-1]^2): the chain rule through tanh."""
    return W_next.T @ dZ_next * (1 - A**2)


def layer_gradients(dZ: Array, A_before: Array) -> tuple[Array, Array]:
    """dW = 1/m dZ A^T and db = 1/m (row sums of dZ)."""
    m = dZ.shape[1]
    return dZ @ A_before.T / m, dZ.sum(axis=1, keepdims=True) / m


def backward(X: Array, Y: Array, activations: tuple[Array, Array, Array], parameters: Parameters) -> Parameters:
    """The gradients of all parameters, from the A1, A2, A3 of `forward`."""
    A1, A2, A3 = activations
    dZ3 = output_delta(A3, Y)
    dZ2 = hidden_delta(parameters["W3"], dZ3, A2)
    dZ1 = hidden_delta(parameters["W2"], dZ2, A1)
    gradients = {}
    for layer, (dZ, A) in enumerate([(dZ1, X), (dZ2, A1), (dZ3, A2)], 1):
        gradients[f"W{layer}"], gradients[f"b{layer}"] = layer_gradients(dZ, A)
    return gradients


def hand_derived_gradients(X: Array, Y: Array, parameters: Parameters) -> Parameters:
    """`forward`, then `backward`."""
    return backward(X, Y, forward(X, parameters), parameters)


def gradients_one_by_one(X: Array, Y: Array, parameters: Parameters) -> Parameters:
    """The same without the vectorization that the post recommends: one example after the other, in NumPy."""
    m = X.shape[1]
    total = {name: np.zeros_like(value) for name, value in parameters.items()}
    for i in range(m):
        for name, gradient in hand_derived_gradients(X[:, i : i + 1], Y[:, i : i + 1], parameters).items():
            total[name] += gradient / m
    return total


def gradients_in_loops(X: Array, Y: Array, parameters: Parameters) -> Parameters:
    """The same in Python's own loops over every number: what the post calls using for loops."""
    W = {name: value.tolist() for name, value in parameters.items()}
    m = X.shape[1]
    total = {name: np.zeros_like(value).tolist() for name, value in parameters.items()}
    for x, y in zip(X.T.tolist(), Y.T.tolist(), strict=True):
        A = [x]
        for layer in (1, 2, 3):
            Z = [sum(w * a for w, a in zip(row, A[-1], strict=True)) + b[0]
                 for row, b in zip(W[f"W{layer}"], W[f"b{layer}"], strict=True)]
            e = [math.exp(z - max(Z)) for z in Z]
            A.append([math.tanh(z) for z in Z] if layer < 3 else [v / sum(e) for v in e])
        dZ = [a - t for a, t in zip(A[3], y, strict=True)]
        for layer in (3, 2, 1):
            for row, b, d in zip(total[f"W{layer}"], total[f"b{layer}"], dZ, strict=True):
                b[0] += d / m
                for j, a in enumerate(A[layer - 1]):
                    row[j] += d * a / m
            if layer > 1:
                dZ = [sum(row[j] * d for row, d in zip(W[f"W{layer}"], dZ, strict=True)) * (1 - a * a)
                      for j, a in enumerate(A[layer - 1])]
    return {name: np.array(value) for name, value in total.items()}


# --- the same with derived gradients ------------------------------------------------------------------------------


def loss(X: Any, Y: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any) -> Any:
    """The mean over the examples of -sum_k y_k log a_k: what the post differentiates. Tensors, columns as examples."""
    A1 = tg.tanh(W1 @ X + b1)
    A2 = tg.tanh(W2 @ A1 + b2)
    return -(Y * tg.log_softmax(W3 @ A2 + b3, 0)).sum() / X.shape[1]


def derived_gradients(X: Array, Y: Array, parameters: Parameters) -> Parameters:
    """The gradients of `loss`, derived by the library."""
    tensors = {name: tg.tensor(value, requires_grad=True) for name, value in parameters.items()}
    gradients = tg.autograd.grad(loss(tg.from_numpy(X), tg.from_numpy(Y), **tensors), list(tensors.values()))
    return {name: gradient.numpy() for name, gradient in zip(tensors, gradients, strict=True)}


# --- the experiment -----------------------------------------------------------------------------------------------


def train(
    X: Array, Y: Array, gradient: Gradient, learning_rate: float, iterations: int = ITERATIONS
) -> Iterator[tuple[int, Parameters]]:
    """Full-batch gradient descent; (iteration, parameters before its update), at last (iterations, the result)."""
    parameters = initial_parameters((X.shape[0], *SIZES[1:]))
    for i in range(iterations):
        yield i, parameters
        if i > 75:
            learning_rate = 0.1
        gradients = gradient(X, Y, parameters)
        parameters = {name: value - learning_rate * gradients[name] for name, value in parameters.items()}
    yield iterations, parameters


def line(X: Array, Y: Array, parameters: Parameters) -> tuple[str, str]:
    """Cost and accuracy as the post prints them, %f."""
    A3 = forward(X, parameters)[2]
    accuracy = (A3.argmax(axis=0) == Y.argmax(axis=0)).mean() * 100
    return f"{printed_cost(A3, Y):f}", f"{accuracy:f}"


def columns(dataset: MNIST | Digits) -> tuple[Array, Array]:
    """X (784, m) in [0, 1] and Y (10, m), float64."""
    X = dataset.images.reshape(len(dataset), -1).T / 255
    return np.ascontiguousarray(X), np.eye(10)[:, dataset.targets]


def largest_difference(one: Parameters, other: Parameters) -> float:
    """The largest absolute difference of any two entries."""
    return max(float(np.abs(one[name] - other[name]).max()) for name in one)


def run(report: Report) -> int:
    """Print the comparison and add to the report; 0 if everything agrees, else 1."""
    return run_quick(report) if report.quick else run_published(report)


def run_quick(report: Report) -> int:
    """A few iterations on the embedded digits: derived against hand-derived gradients."""
    X, Y = columns(Digits())
    rows, worst = [], 0.0
    for i, parameters in train(X, Y, derived_gradients, 0.5, iterations=5):
        difference = largest_difference(derived_gradients(X, Y, parameters), hand_derived_gradients(X, Y, parameters))
        worst = max(worst, difference)
        rows.append([str(i), *line(X, Y, parameters), f"{difference:.1e}"])
    print(f"wang on the {X.shape[1]:,} embedded digits (nothing published to compare with), lr 0.5\n")
    print(timing.table(["iteration", "cost", "accuracy", "derived - by hand"], rows))
    find_difference(report, worst)
    compare_vectorization(report, X[:, :100], Y[:, :100])
    return int(worst > 1e-10)


def run_published(report: Report) -> int:
    """All of MNIST: every printed line, with the learning rate of the text and the one that was used."""
    X, Y = columns(MNIST(report.data))
    failures: list[str] = []

    rows, worst, trained = [], 0.0, {}
    with report.timed("150 iterations"):
        for i, parameters in train(X, Y, derived_gradients, 0.5):
            if i in PUBLISHED:
                difference = largest_difference(
                    derived_gradients(X, Y, parameters), hand_derived_gradients(X, Y, parameters)
                )
                worst = max(worst, difference)
                measured = line(X, Y, parameters)
                agrees = measured == PUBLISHED[i]
                rows.append([str(i), *PUBLISHED[i], *measured, "yes" if agrees else "NO", f"{difference:.1e}"])
                failures += [] if agrees else [f"iteration {i}"]
            trained = parameters
    head = ["iteration", "published cost", "accuracy", "measured cost", "accuracy", "agrees", "derived - by hand"]
    print("wang on 60,000 training images, float64, lr 0.5 (0.1 from iteration 76 on), gradients derived\n")
    print(timing.table(head, rows), flush=True)
    report.series["lr 0.5"] = rows
    agreeing_lines = sum(row[5] == "yes" for row in rows)
    report.find("cost and accuracy, 15 lines", "0.230083 / 13.26 ... 0.054397 / 85.90", "lr 0.5, then 0.1, float64",
                f"{agreeing_lines} of 15 lines in every digit", "agrees" if agreeing_lines == 15 else "DISAGREES")
    if worst > 1e-10:
        failures.append("derived and hand-derived gradients")

    image, _ = columns(MNIST(report.data, train=False))
    found = int(forward(image[:, :1], trained)[2].argmax())
    report.find("class of test image 0", str(PUBLISHED_CLASS_OF_TEST_IMAGE_0), "after 150 iterations", str(found),
                "agrees" if found == PUBLISHED_CLASS_OF_TEST_IMAGE_0 else "DISAGREES")
    failures += [] if found == PUBLISHED_CLASS_OF_TEST_IMAGE_0 else ["test image 0"]

    rows = []
    agreeing = []
    for i, parameters in train(X, Y, derived_gradients, 1.0):
        if i in PUBLISHED:
            measured = line(X, Y, parameters)
            agreeing += [i] if measured == PUBLISHED[i] else []
            rows.append([str(i), *PUBLISHED[i], *measured, "yes" if measured == PUBLISHED[i] else "no"])
    print("\nthe same with lr 1, as the text has it: only iteration 0 is expected to agree\n")
    print(timing.table(head[:-1], rows))
    report.series["lr 1"] = rows
    report.find("the same", "lr 1, says the text", "lr 1", f"{len(agreeing)} of 15 lines",
                "the text is wrong: it was 0.5")
    failures += [] if agreeing == [0] else [f"lr 1 agrees at iterations {agreeing}, expected only 0"]

    cost, differentiated = cost_and_loss(X, Y, trained)
    report.find("printed cost and gradient", "the gradient of the printed cost", "loss over cost, end of training",
                f"{differentiated / cost:.4f}", "the cost is a tenth of the loss that is differentiated")
    find_difference(report, worst)
    compare_vectorization(report, X[:, :5000], Y[:, :5000])
    print(f"\nDISAGREES: {', '.join(failures)}" if failures else "\nall lines agree in every printed digit")
    return int(bool(failures))


def compare_vectorization(report: Report, X: Array, Y: Array) -> None:
    """The time of one gradient: Python's loops, NumPy example by example, matrices, and derived."""
    parameters = initial_parameters((X.shape[0], *SIZES[1:]))

    def per_example(gradient: Gradient, m: int, rounds: int) -> float:
        """Microseconds for each of m examples."""
        timed = timing.measure({"": lambda: gradient(X[:, :m], Y[:, :m], parameters)}, rounds=rounds)
        return timed[""].best / m * 1e6

    m = X.shape[1]
    loops, one_by_one = per_example(gradients_in_loops, 20, 1), per_example(gradients_one_by_one, m, 1)
    matrices, derived = per_example(hand_derived_gradients, m, 5), per_example(derived_gradients, m, 5)
    report.find("vectorization", "often 10 times faster, and more with more data",
                "an example's part of a gradient: loops over numbers, NumPy example by example, matrices, derived",
                f"{loops:.0f}, {one_by_one:.1f}, {matrices:.1f}, {derived:.1f} us",
                f"{loops / matrices:.0f} times as fast as loops, {one_by_one / matrices:.0f} times as one by one",
                any_images=True)


def find_difference(report: Report, worst: float) -> None:
    """The largest difference of derived and hand-derived gradients."""
    print(f"\nlargest difference of derived and hand-derived gradients: {worst:.1e} (at most 1e-10)")
    report.find("gradients derived by hand", "dZ, dW, db of each layer", "float64, entry by entry", f"{worst:.1e}",
                "right" if worst <= 1e-10 else "WRONG",
                any_images=True)


def cost_and_loss(X: Array, Y: Array, parameters: Parameters) -> tuple[float, float]:
    """The cost that the post prints and the loss that it differentiates."""
    tensors = {name: tg.from_numpy(value) for name, value in parameters.items()}
    return printed_cost(forward(X, parameters)[2], Y), loss(tg.from_numpy(X), tg.from_numpy(Y), **tensors).item()
