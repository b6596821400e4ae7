"""wang: a 784-16-16-10 network whose every derivative is derived on paper; 15 printed lines of cost and accuracy.

Qi Wang's blog post on a three-layer network for MNIST with NumPy. Examples are the columns of X (784, m) and Y (10, m).

    Z1 = W1 X + b1    A1 = tanh Z1    Z2 = W2 A1 + b2    A2 = tanh Z2    Z3 = W3 A2 + b3    A3 = softmax Z3

What the post leaves open or contradicts, and what this module shows:

- The text trains with the learning rate 1. With 1 only the line of iteration 0 agrees; with 0.5 (then 0.1 from
  iteration 76 on, as printed) all 15 lines agree in every digit.
- The cost that it prints is -mean(Y log(A3 + 1e-8)) over all 10 m entries. The gradient that it uses is that of the
  cross entropy summed over the classes and averaged over the m examples: ten times the cost (but for the 1e-8).
- Its softmax and its tanh are NaN where numbers are large. They never are in this training; `softmax` and `forward`
  have the usual remedies, and `softmax_as_printed` and `tanh_as_printed` are the post's own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import tinygrad_lite as tg
from benchmarks import timing

from .report import Images, Report, largest_difference, tidy

Array: TypeAlias = NDArray[np.float64]
Parameters: TypeAlias = dict[str, Array]
Tensors: TypeAlias = dict[str, Any]  # the same, on any device
Lines: TypeAlias = dict[int, tuple[str, str]]  # iteration -> (cost, accuracy in per cent), as they are printed
Gradient: TypeAlias = Callable[[Any, Any, Tensors], Tensors]

DATASETS = ("mnist",)
SIZES = (784, 16, 16, 10)
SEED = 2
ITERATIONS = 150
LEARNING_RATE, LATER_LEARNING_RATE = 0.5, 0.1
LAST_BEFORE_LATER = 75  # the last iteration with the first learning rate
PUBLISHED: Lines = {
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


def initial_parameters(sizes: tuple[int, ...] = SIZES, seed: int = SEED) -> Parameters:
    """W = 0.1 N(0, 1), b = 0, from `RandomState(seed)` in the order W1, W2, W3."""
    random = np.random.RandomState(seed)
    parameters = {}
    for layer, (n_in, n_out) in enumerate(pairwise(sizes), 1):
        parameters[f"W{layer}"] = random.randn(n_out, n_in) * 0.1
        parameters[f"b{layer}"] = np.zeros((n_out, 1))
    return parameters


def softmax_as_printed(Z: Array) -> Array:
    """softmax less the largest element of the whole matrix: 0 / 0 in a column that lies 746 or more below it."""
    e = np.exp(Z - Z.max())
    a: Array = e / e.sum(axis=0, keepdims=True)
    return a


def tanh_as_printed(z: Array) -> Array:
    """(e^z - e^-z) / (e^z + e^-z): infinity / infinity where |z| is 710 or more."""
    a: Array = (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z))
    return a


def softmax(Z: Array) -> Array:
    """a_i = e^z_i / sum_k e^z_k, for each column, less the largest element of that column."""
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


def deltas(Y: Array, activations: tuple[Array, Array, Array], parameters: Parameters) -> tuple[Array, Array, Array]:
    """dZ1, dZ2, dZ3: each column is the gradient of its example's own loss, not yet divided by m."""
    A1, A2, A3 = activations
    dZ3 = output_delta(A3, Y)
    dZ2 = hidden_delta(parameters["W3"], dZ3, A2)
    return hidden_delta(parameters["W2"], dZ2, A1), dZ2, dZ3


def backward(X: Array, Y: Array, activations: tuple[Array, Array, Array], parameters: Parameters) -> Parameters:
    """The gradients of all parameters, from the A1, A2, A3 of `forward`."""
    gradients = {}
    before = X, *activations[:2]
    for layer, (dZ, A) in enumerate(zip(deltas(Y, activations, parameters), before, strict=True), 1):
        gradients[f"W{layer}"], gradients[f"b{layer}"] = layer_gradients(dZ, A)
    return gradients


def hand_derived_gradients(X: Array, Y: Array, parameters: Parameters) -> Parameters:
    """`forward`, then `backward`."""
    return backward(X, Y, forward(X, parameters), parameters)


def hand_derived_deltas(X: Array, Y: Array, parameters: Parameters) -> Parameters:
    """`forward`, then `deltas`, by name."""
    return dict(zip(("Z1", "Z2", "Z3"), deltas(Y, forward(X, parameters), parameters), strict=True))


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
            if layer < 3:
                A.append([math.tanh(z) for z in Z])
        largest = max(Z)
        e = [math.exp(z - largest) for z in Z]
        whole = sum(e)
        A.append([v / whole for v in e])
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


def pre_activations(X: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any) -> tuple[Any, Any, Any]:
    """Z1, Z2, Z3. Tensors, on any device, columns as examples."""
    Z1 = W1 @ X + b1
    Z2 = W2 @ tg.tanh(Z1) + b2
    return Z1, Z2, W3 @ tg.tanh(Z2) + b3


def cross_entropy(Z3: Any, Y: Any) -> Any:
    """The mean over the examples of -sum_k y_k log a_k: what the post differentiates."""
    return -(Y * tg.log_softmax(Z3, 0)).sum() / Y.shape[1]


def loss(X: Any, Y: Any, **parameters: Any) -> Any:
    """`cross_entropy` as a function of the parameters."""
    return cross_entropy(pre_activations(X, **parameters)[-1], Y)


def derived_gradients(X: Any, Y: Any, parameters: Tensors) -> Tensors:
    """The gradients of `loss`, derived by the library. All are Tensors on one device."""
    leaves = {name: value.detach().requires_grad_() for name, value in parameters.items()}
    return dict(zip(leaves, tg.autograd.grad(loss(X, Y, **leaves), list(leaves.values())), strict=True))


def derived_deltas(X: Any, Y: Any, parameters: Tensors) -> Tensors:
    """dZ1, dZ2, dZ3, derived by the library: m times the gradient of the mean."""
    Z = pre_activations(X, **{name: value.detach().requires_grad_() for name, value in parameters.items()})
    gradients = tg.autograd.grad(cross_entropy(Z[-1], Y), Z)
    return {f"Z{layer}": gradient * Y.shape[1] for layer, gradient in enumerate(gradients, 1)}


def printed_cost(A3: Any, Y: Any) -> float:
    """The cost of the printed lines: -mean over *all* entries of Y log(A3 + 1e-8)."""
    return float(-(Y * tg.log(A3 + 1e-8)).mean().item())


def line(X: Any, Y: Any, parameters: Tensors) -> tuple[str, str]:
    """Cost and accuracy as the post prints them, %f."""
    A3 = tg.softmax(pre_activations(X, **parameters)[-1], 0)
    right = (A3.argmax(0) == Y.argmax(0)).sum().item()
    return f"{printed_cost(A3, Y):f}", f"{right / Y.shape[1] * 100:f}"


# --- the experiments ----------------------------------------------------------------------------------------------


def tensors(parameters: Parameters, device: str = "cpu") -> Tensors:
    """NumPy's arrays as Tensors on a device."""
    return {name: tg.from_numpy(value).to(device) for name, value in parameters.items()}


def arrays(found: Tensors) -> Parameters:
    """Tensors as NumPy's arrays."""
    return {name: value.detach().cpu().numpy() for name, value in found.items()}


def train(
    X: Any,
    Y: Any,
    gradient: Gradient,
    parameters: Tensors,
    learning_rate: float = LEARNING_RATE,
    later: float = LATER_LEARNING_RATE,
    iterations: int = ITERATIONS,
    last_before_later: int = LAST_BEFORE_LATER,
) -> Iterator[tuple[int, Tensors]]:
    """Full-batch gradient descent; (iteration, parameters before its update), at last (iterations, the result).

    All are arrays or all are Tensors, as `gradient` has them.
    """
    for i in range(iterations):
        yield i, parameters
        rate = learning_rate if i <= last_before_later else later
        gradients = gradient(X, Y, parameters)
        parameters = {name: value - rate * gradients[name] for name, value in parameters.items()}
    yield iterations, parameters


def columns(images: Images) -> tuple[Array, Array]:
    """X (784, m) in [0, 1] and Y (10, m), float64."""
    return np.ascontiguousarray(images.pixels.T), np.eye(10)[:, images.classes]


class Experiment:
    """The images, in NumPy and as Tensors on the report's device, and what is found out on the way."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.X, self.Y = columns(report.images(train=True))
        self.on_device: tuple[Any, Any] = (tg.from_numpy(self.X).to(report.device),
                                           tg.from_numpy(self.Y).to(report.device))
        self.iterations = 5 if report.quick else ITERATIONS
        self.initial = initial_parameters((self.X.shape[0], *SIZES[1:]))
        self.difference = 0.0
        self.largest_z, self.largest_gap = 0.0, 0.0

    def train(self, name: str, learning_rate: float, later: float, *, check: bool = False) -> tuple[Lines, Tensors]:
        """The line of every iteration and the trained parameters; `check`: and the gradients of every tenth by hand."""
        lines: Lines = {}
        parameters: Tensors = {}
        with self.report.timed(name, [SEED]):
            for i, parameters in train(*self.on_device, derived_gradients, tensors(self.initial, self.report.device),
                                       learning_rate, later, self.iterations):
                lines[i] = line(*self.on_device, parameters)
                if check and (i in PUBLISHED or self.report.quick):
                    self.check(parameters)
        for kind, values in zip(("cost", "accuracy"), zip(*lines.values(), strict=True), strict=True):
            self.report.series[f"{name}: {kind} before each update, and at the end"] = [float(v) for v in values]
        return lines, parameters

    def check(self, parameters: Tensors) -> None:
        """Derived against hand-derived gradients; and how far the pre-activations are from what his code can bear."""
        by_hand = arrays(parameters)
        for derive, derive_by_hand in ((derived_gradients, hand_derived_gradients),
                                       (derived_deltas, hand_derived_deltas)):
            derived, expected = arrays(derive(*self.on_device, parameters)), derive_by_hand(self.X, self.Y, by_hand)
            worst = largest_difference((derived[name], expected[name]) for name in expected)
            self.difference = float(np.maximum(self.difference, worst))  # NaN if one is, unlike `max`
        Z1, Z2, Z3 = pre_activations(self.on_device[0], **parameters)
        highest = Z3.amax(0)
        self.largest_z = float(np.max([self.largest_z, *(Z.abs().max().item() for Z in (Z1, Z2))]))
        self.largest_gap = float(np.maximum(self.largest_gap, (highest.max() - highest.min()).item()))


def run(report: Report) -> int:
    """All experiments; 0 if derived and hand-derived gradients agree, and in a full run what was printed, else 1."""
    experiment = Experiment(report)
    m, failures = experiment.X.shape[1], []
    lines, trained = experiment.train("lr 0.5, then 0.1", LEARNING_RATE, LATER_LEARNING_RATE, check=True)
    if report.quick:
        print(f"wang on the {m:,} embedded digits (nothing published to compare with), lr 0.5\n")
        print(timing.table(["iteration", "cost", "accuracy"], [[str(i), *found] for i, found in lines.items()]))
    else:
        failures += find_published(experiment, lines, trained)
    failures += find_difference(experiment)
    find_cost(experiment, trained)
    find_functions(experiment)
    compare_vectorization(experiment)
    print(f"\nDISAGREES: {', '.join(failures)}" if failures else "\nall that must agree agrees")
    return int(bool(failures))


def find_published(experiment: Experiment, lines: Lines, trained: Tensors) -> list[str]:
    """Every printed line, with the learning rate that was used and with others; what disagrees."""
    report = experiment.report
    agreeing = compare_lines("lr 0.5 (0.1 from iteration 76 on)", lines)
    failures = [f"iteration {i}" for i in PUBLISHED if i not in agreeing]
    report.find("cost and accuracy, 15 lines", "0.230083 / 13.26 ... 0.054397 / 85.90", "lr 0.5, then 0.1, float64",
                f"{len(agreeing)} of {len(PUBLISHED)} lines in every digit", "DISAGREES" if failures else "agrees")

    with report.timed("test images"):
        X, Y = columns(report.images(train=False))
        Z3 = pre_activations(tg.from_numpy(X).to(report.device), **trained)[-1]
        found = Z3.argmax(0).cpu().numpy()
    agrees = found[0] == PUBLISHED_CLASS_OF_TEST_IMAGE_0
    failures += [] if agrees else ["test image 0"]
    report.find("class of test image 0", str(PUBLISHED_CLASS_OF_TEST_IMAGE_0), "after 150 iterations", str(found[0]),
                "agrees" if agrees else "DISAGREES")
    report.find("all test images", "only one is shown", "after 150 iterations",
                f"{(found == Y.argmax(axis=0)).mean() * 100:.2f} % right; training images "
                f"{float(lines[ITERATIONS][1]):.2f} %", "-")

    last = max(PUBLISHED)
    others = {}
    for name, published, learning_rate, later in (("lr 1, then 0.1", "lr 1, says the text", 1.0, LATER_LEARNING_RATE),
                                                  ("lr 0.5 throughout", "converges with a large rate", LEARNING_RATE,
                                                   LEARNING_RATE)):
        others[name], _ = experiment.train(name, learning_rate, later)
        alike = compare_lines(name, others[name])
        cost, accuracy = others[name][last]
        gained = float(accuracy) - float(lines[last][1])
        verdict = f"{gained:+.2f} points beside the schedule"
        if learning_rate != LEARNING_RATE:
            rate = 1 if len(alike) == len(PUBLISHED) else 0.5 if len(agreeing) == len(PUBLISHED) else None
            about = {1: "the text is right", 0.5: "the text is wrong: it was 0.5", None: "it was neither 1 nor 0.5"}
            verdict = f"{about[rate]}; {verdict}"
        measured = f"{len(alike)} of {len(PUBLISHED)} lines; {cost} / {float(accuracy):.2f} at iteration {last}"
        report.find("cost and accuracy, 15 lines", published, name, measured, verdict)
    draw(report, {"lr 0.5, then 0.1, gradients derived": lines, **others}, X[:, 0], int(found[0]))
    return failures


def compare_lines(name: str, lines: Lines) -> list[int]:
    """Print the published lines beside those of a training; the iterations whose digits all agree."""
    rows = [[str(i), *PUBLISHED[i], *lines[i], "yes" if lines[i] == PUBLISHED[i] else "no"] for i in PUBLISHED]
    print(f"\nwang on 60,000 training images, float64, {name}, gradients derived\n")
    print(timing.table(["iteration", "published cost", "accuracy", "measured cost", "accuracy", "agrees"], rows),
          flush=True)
    return [i for i in PUBLISHED if lines[i] == PUBLISHED[i]]


def find_difference(experiment: Experiment) -> list[str]:
    """The largest difference of derived and hand-derived gradients; what is wrong."""
    worst = experiment.difference
    print(f"\nlargest difference of derived and hand-derived gradients: {worst:.1e} (at most 1e-10)")
    right = worst <= 1e-10
    experiment.report.find("gradients derived by hand", "dZ, dW, db of each layer",
                           f"float64, {experiment.X.shape[1]:,} images, during the training",
                           f"{worst:.1e} of the largest entry", "right" if right else "WRONG", any_images=True)
    return [] if right else ["derived and hand-derived gradients"]


def find_cost(experiment: Experiment, trained: Tensors) -> None:
    """The cost that the post prints beside the loss that it differentiates."""
    with experiment.report.timed("printed cost and gradient"):
        cost, differentiated = cost_and_loss(*experiment.on_device, trained)
    ratio = differentiated / cost
    experiment.report.find(
        "printed cost and gradient", "the gradient of the printed cost", "loss over cost, end of training",
        f"{ratio:.4f}", "the gradient is that of the printed cost" if abs(ratio - 1) < 0.01
        else f"the loss that is differentiated is {ratio:.3g} times the cost", any_images=True)


def cost_and_loss(X: Any, Y: Any, parameters: Tensors) -> tuple[float, float]:
    """The cost that the post prints and the loss that it differentiates."""
    Z3 = pre_activations(X, **parameters)[-1]
    return printed_cost(tg.softmax(Z3, 0), Y), cross_entropy(Z3, Y).item()


def find_functions(experiment: Experiment) -> None:
    """softmax and tanh as the post has them, where numbers are large, and how large they are here."""
    Z, z = np.array([[0.0, 1000.0], [1.0, 1001.0]]), np.array([709.0, 710.0, -710.0])
    with experiment.report.timed("its softmax and tanh"), np.errstate(over="ignore", invalid="ignore"):
        a, t = softmax_as_printed(Z), tanh_as_printed(z)

    def verdict(values: Array, largest: float, limit: float) -> str:
        if np.isfinite(values).all():
            return "right"
        return f"NaN, but {'not in this training' if largest < limit else 'in this training, too'}"

    experiment.report.find(
        "its softmax", "the probabilities stay the same", "[[0, 1000], [1, 1001]]; every tenth iteration",
        f"column 0: {a[0, 0]:g}, {a[1, 0]:g}; here no column's largest is more than {experiment.largest_gap:.1f} below "
        "the matrix's",
        verdict(a, experiment.largest_gap, 745), any_images=True)
    experiment.report.find(
        "its tanh", "(e^x - e^-x) / (e^x + e^-x)", "709, 710, -710; every tenth iteration",
        f"{t[0]:g}, {t[1]:g}, {t[2]:g}; here no argument is larger than {experiment.largest_z:.1f}",
        verdict(t, experiment.largest_z, 709), any_images=True)


def compare_vectorization(experiment: Experiment) -> None:
    """The time of one gradient, for more and more examples: loops, NumPy example by example, matrices, and derived."""
    report, parameters = experiment.report, experiment.initial
    on_device = tensors(parameters, report.device)
    times: dict[int, dict[str, float]] = {}

    # Time of the processor, not of the clock: the slow ones take so long that other programs get their turn meanwhile.
    clock, kind = (time.process_time, "processor time") if report.device == "cpu" else (time.perf_counter, "time")

    def best(calls: int, gradient: Gradient, *arguments: Any) -> float:
        """The shortest of some calls, in seconds."""
        times = []
        for _ in range(calls):
            timing.synchronize(report.device)
            begun = clock()
            gradient(*arguments)
            timing.synchronize(report.device)
            times.append(clock() - begun)
        return min(times)

    def measure(X: Array, Y: Array) -> dict[str, float]:
        """Microseconds for each example. The slow ones repeat themselves for every example, and need no warming up."""
        m = X.shape[1]
        x, y = (tg.from_numpy(array).to(report.device) for array in (X, Y))
        found = {"loops over numbers": best(1, gradients_in_loops, X, Y, parameters),
                 "one by one": best(max(1, 1000 // m), gradients_one_by_one, X, Y, parameters),
                 "matrices": best(20, hand_derived_gradients, X, Y, parameters),
                 "derived": best(20, derived_gradients, x, y, on_device)}
        return {name: seconds / m * 1e6 for name, seconds in found.items()}

    with report.timed("vectorization", [SEED]):
        for m in (10, 100) if report.quick else (100, 1_000, 10_000):
            times[m] = measure(experiment.X[:, :m].copy(), experiment.Y[:, :m].copy())
    # Two measurements of the same differ by some per cent: ten times the data must gain a tenth at least.
    gains = {slow: [found[slow] / found["matrices"] for found in times.values()]
             for slow in ("loops over numbers", "one by one")}
    for i, (m, found) in enumerate(times.items()):
        report.find("vectorization", "often 10 times faster",
                    f"{m:,} examples, {kind} for each: loops over numbers, NumPy example by example, matrices, "
                    "derived", ", ".join(f"{each:,.1f}" for each in found.values()) + " us",
                    " and ".join(f"{gain[i]:.0f} times as fast as {slow}" for slow, gain in gains.items()),
                    any_images=True)
    report.find("vectorization", "more with more data", f"from {min(times):,} to {max(times):,} examples",
                "; ".join(f"{slow}: {', '.join(f'{g:.0f}' for g in gain)} times" for slow, gain in gains.items()),
                "; ".join(f"{slow}: {'holds' if all(b > 1.1 * a for a, b in pairwise(gain)) else 'does not hold'}"
                          for slow, gain in gains.items()), any_images=True)
    report.series["microseconds for each example"] = times


def draw(report: Report, curves: dict[str, Lines], image: Array, found: int) -> None:
    """Cost and accuracy of every iteration with the 15 printed lines, and the test image that the post shows."""
    if report.pictures is None:
        return
    from tinygrad_lite.app.pictures import BLUE, GREY, ORANGE, figure

    made = figure(12, 4, "784-16-16-10 on MNIST: the 15 printed lines, and what other learning rates give")
    *axes, shown = made.subplots(1, 3, width_ratios=[4, 4, 2])
    for column, (ax, name) in enumerate(zip(axes, ("cost, as it is printed", "accuracy, per cent"), strict=True)):
        for (label, lines), colour in zip(curves.items(), (BLUE, "#3a9e5f", GREY), strict=True):
            ax.plot([*lines], [float(values[column]) for values in lines.values()], color=colour, linewidth=1.2,
                    label=label)
        ax.plot([*PUBLISHED], [float(values[column]) for values in PUBLISHED.values()], "o", color=ORANGE, markersize=5,
                markerfacecolor="none", label="printed")
        ax.set_xlabel("iteration (before its update)")
        ax.set_ylabel(name)
        ax.set_ylim(bottom=0)
        tidy(ax)
    axes[0].legend(frameon=False)
    shown.imshow(image.reshape(28, 28), cmap="gray")
    shown.set_title(f"test image 0: read as a {found}", fontsize=10)
    shown.set_axis_off()
    report.picture("trace", made)
