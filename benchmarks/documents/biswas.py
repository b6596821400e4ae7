"""biswas: a 784-500-150-10 network on CuPy, 1000 full-batch iterations; 100 printed losses and one test accuracy.

Ananda Biswas's notebook on a feed-forward network for MNIST. Examples are the columns of X (n, m) and E (p, m).

    A_k = W_k H_{k-1} + b_k 1^T    H_k = ReLU(A_k)    Yhat = softmax(A_L)

What the notebook leaves open or contradicts, and what this module shows:

- It sets no seed. The loss stays on a plateau near log 10 for 150 iterations, and the initial weights decide when it
  leaves it: its curve is met within the spread of a few seeds, not digit by digit.
- The training images are divided by 255, the test images are not. Were all biases 0, this could not change a
  prediction, for the network would be positively homogeneous: what is lost is lost because of the biases.
- The counter is raised before it is printed: "Iteration i" is the loss of forward pass i - 1, after i - 2 updates.
- Section 2 calls the images A_0 and uses H_0, which it does not define: H_0 = X is meant.
- Its backward pass divides by the number of *all* examples, a global variable, and so fits this full batch alone.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

import tinygrad_lite as tg
from benchmarks import timing

from . import columns
from .columns import Array, Columns, Parameters
from .report import Images, Report, largest_difference, tidy

DATASETS = ("mnist",)
SIZES = (784, 500, 150, 10)
ITERATIONS = 1000
LEARNING_RATE = 0.1
SEEDS = (0, 1, 2)
STUDENT_T = 4.303  # 95 % of Student's t with two degrees of freedom: what three seeds say of a fourth
# the printed "Iteration i" -> loss, of the 100 lines
PUBLISHED = {
    10: 2.3020, 20: 2.3013, 30: 2.3007, 40: 2.3000, 50: 2.2993, 60: 2.2984, 70: 2.2974, 80: 2.2961, 90: 2.2944,
    100: 2.2921, 110: 2.2889, 120: 2.2843, 130: 2.2772, 140: 2.2660, 150: 2.2470, 160: 2.2146, 170: 2.1622,
    180: 2.0902, 190: 1.9987, 200: 1.8743, 210: 1.7151, 220: 1.5459, 230: 1.3899, 240: 1.2518, 250: 1.1238,
    260: 1.0097, 270: 0.9187, 280: 0.8507, 290: 0.7999, 300: 0.7605, 310: 0.7287, 320: 0.7019, 330: 0.6785,
    340: 0.6575, 350: 0.6381, 360: 0.6200, 370: 0.6028, 380: 0.5864, 390: 0.5708, 400: 0.5560, 410: 0.5422,
    420: 0.5294, 430: 0.5175, 440: 0.5067, 450: 0.4967, 460: 0.4875, 470: 0.4790, 480: 0.4710, 490: 0.4637,
    500: 0.4567, 510: 0.4502, 520: 0.4439, 530: 0.4380, 540: 0.4324, 550: 0.4270, 560: 0.4218, 570: 0.4169,
    580: 0.4121, 590: 0.4075, 600: 0.4030, 610: 0.3987, 620: 0.3945, 630: 0.3905, 640: 0.3866, 650: 0.3828,
    660: 0.3791, 670: 0.3755, 680: 0.3720, 690: 0.3686, 700: 0.3653, 710: 0.3620, 720: 0.3589, 730: 0.3558,
    740: 0.3529, 750: 0.3499, 760: 0.3471, 770: 0.3443, 780: 0.3416, 790: 0.3389, 800: 0.3363, 810: 0.3338,
    820: 0.3313, 830: 0.3288, 840: 0.3264, 850: 0.3240, 860: 0.3217, 870: 0.3194, 880: 0.3171, 890: 0.3148,
    900: 0.3126, 910: 0.3104, 920: 0.3082, 930: 0.3061, 940: 0.3039, 950: 0.3018, 960: 0.2998, 970: 0.2977,
    980: 0.2957, 990: 0.2937, 1000: 0.2916,
}
PUBLISHED_ACCURACY = 90.95
LEAVES_PLATEAU = 2.0  # a loss that the curve passes where it is steep, at the printed iteration 190


# --- the notebook, in its notation --------------------------------------------------------------------------------


def initial_parameters(sizes: tuple[int, ...] = SIZES, seed: int = 0) -> Parameters:
    """W_k = 0.01 N(0, 1), b_k = 0, in the order W1, W2, W3 (section 7; the seed is ours)."""
    random = np.random.RandomState(seed)
    parameters = {}
    for k, (n_in, n_out) in enumerate(pairwise(sizes), 1):
        parameters[f"W{k}"] = random.randn(n_out, n_in) * 0.01
        parameters[f"b{k}"] = np.zeros((n_out, 1))
    return parameters


def relu(A: Array) -> Array:
    """g(A) = max(0, A) (section 6.1)."""
    H: Array = np.maximum(0, A)
    return H


def relu_dash(A: Array) -> Array:
    """g'(A) = 1 where A > 0, else 0, also at 0 (section 6.1)."""
    return (A > 0).astype(A.dtype)


def softmax(A: Array) -> Array:
    """e^A_i / sum_j e^A_j for each column (section 6.2)."""
    e = np.exp(A - A.max(axis=0, keepdims=True))
    Y_hat: Array = e / e.sum(axis=0, keepdims=True)
    return Y_hat


def forward(X: Array, parameters: Parameters) -> tuple[list[Array], list[Array]]:
    """[A_1 ... A_L] and [H_0 = X, H_1 ... H_{L-1}, Yhat] (section 2, forward; it calls X A_0, but uses it as H_0)."""
    L = len(parameters) // 2
    A, H = [], [X]
    for k in range(1, L + 1):
        A.append(parameters[f"W{k}"] @ H[-1] + parameters[f"b{k}"])
        H.append(relu(A[-1]) if k < L else softmax(A[-1]))
    return A, H


def backward(E: Array, A: list[Array], H: list[Array], parameters: Parameters) -> tuple[Parameters, list[Array]]:
    """dW_k, db_k by name, and [dA_1 ... dA_L], from what `forward` returned (section 2, backward).

    dA_L = 1/m (Yhat - E), dA_k = (W_{k+1}^T dA_{k+1}) * g'(A_k), dW_k = dA_k H_{k-1}^T, db_k = dA_k 1_m.
    """
    L, m = len(A), E.shape[1]
    d_A = [(H[L] - E) / m]
    for k in range(L - 1, 0, -1):
        d_A.insert(0, parameters[f"W{k + 1}"].T @ d_A[0] * relu_dash(A[k - 1]))
    gradients = {}
    for k in range(1, L + 1):
        gradients[f"W{k}"] = d_A[k - 1] @ H[k - 1].T
        gradients[f"b{k}"] = d_A[k - 1].sum(axis=1, keepdims=True)
    return gradients, d_A


def hand_derived_gradients(X: Array, E: Array, parameters: Parameters) -> tuple[Parameters, list[Array]]:
    """`forward`, then `backward`."""
    return backward(E, *forward(X, parameters), parameters)


def printed_loss(Y_hat: Any, E: Any) -> Any:
    """-mean over the examples of sum_i E_i log(Yhat_i + 1e-8), the loss of the printed lines. Arrays or Tensors."""
    log = np.log if isinstance(Y_hat, np.ndarray) else tg.log
    return -(E * log(Y_hat + 1e-8)).sum() / E.shape[1]


# --- the same with derived gradients ------------------------------------------------------------------------------


def pre_activations(X: Any, parameters: Parameters) -> list[Any]:
    """[A_1 ... A_L] as Tensors."""
    A: list[Any] = []
    for k in range(1, len(parameters) // 2 + 1):
        A.append(parameters[f"W{k}"] @ (tg.relu(A[-1]) if A else X) + parameters[f"b{k}"])
    return A


def loss(A_L: Any, E: Any) -> Any:
    """The mean over the examples of -sum_i E_i log Yhat_i: what the notebook differentiates."""
    return -(E * tg.log_softmax(A_L, 0)).sum() / E.shape[1]


def derived_gradients(X: Array, E: Array, parameters: Parameters, device: str = "cpu"
                      ) -> tuple[Parameters, list[Array]]:
    """What `hand_derived_gradients` returns, derived by the library."""
    return columns.derived_gradients(X, E, parameters, pre_activations, loss, device)


# --- training -----------------------------------------------------------------------------------------------------


def tensors_of(parameters: Parameters, data: Columns) -> Parameters:
    """The parameters as Tensors that require grad, with the dtype and the device of the data."""
    return {name: tg.tensor(value, dtype=data.x.dtype, device=data.x.device, requires_grad=True)
            for name, value in parameters.items()}


def stepper(data: Columns, tensors: Parameters) -> Callable[[], Any]:
    """A function that makes one iteration (forward pass, backward pass, update) and returns the loss to be printed."""
    optimizer = tg.optim.SGD(tensors.values(), lr=LEARNING_RATE)

    def step() -> Any:
        A = pre_activations(data.x, tensors)
        optimizer.zero_grad()
        loss(A[-1], data.t).backward()
        optimizer.step()
        return printed_loss(tg.softmax(A[-1].detach(), 0), data.t)

    return step


def train(data: Columns, seed: int, iterations: int, sizes: tuple[int, ...] = SIZES) -> tuple[Parameters, list[float]]:
    """The trained parameters, and the loss of each forward pass: the first is that of the initial weights."""
    tensors = tensors_of(initial_parameters(sizes, seed), data)
    step = tg.capture(stepper(data, tensors))
    return tensors, [step().item() for _ in range(iterations)]


def as_printed(losses: list[float]) -> dict[int, float]:
    """What the notebook would have printed: "Iteration i" for i = 10, 20, ... is the loss of forward pass i - 1."""
    return {i: losses[i - 2] for i in range(10, len(losses) + 1, 10)}


def accuracy(data: Columns, parameters: Parameters, scale: float = 1) -> float:
    """Per cent of the images that are classified rightly when their pixels are multiplied by `scale`."""
    with tg.no_grad():
        scores = pre_activations(data.x * scale, parameters)[-1]
        return float((scores.argmax(0) == data.t.argmax(0)).double().mean().item() * 100)


def passes(losses: list[float], threshold: float = LEAVES_PLATEAU) -> int | None:
    """The first forward pass whose loss is below the threshold, counted from 1."""
    return next((i for i, value in enumerate(losses, 1) if value < threshold), None)


# --- the experiments ----------------------------------------------------------------------------------------------


def run(report: Report) -> int:
    """All experiments; 0 if derived and hand-derived gradients agree, and in a full run the curve and the accuracy."""
    train_images, test_images = report.images(train=True), report.images(train=False)
    if report.quick:
        train_images, test_images = train_images.first(500), test_images.first(500)
    some = train_images.first(300 if report.quick else 10_000)
    wrong = [check_gradients(report, some)]
    find_times(report, some)
    iterations = 30 if report.quick else ITERATIONS
    data, test = (Columns.of(images, 10, "float32", report.device) for images in (train_images, test_images))
    curves, found = [], []
    for seed in SEEDS[:2] if report.quick else SEEDS:
        with report.timed(f"float32, seed {seed}", [seed]):
            trained, losses = train(data, seed, iterations)
        curves.append(losses)
        found.append(accuracies(trained, data, test))
        report.series[f"accuracy, seed {seed}"] = found[-1]
    del data, test
    report.series["losses in float32"] = [[round(value, 6) for value in losses] for losses in curves]
    find_losses(report, curves[0])
    wrong += [find_spread(report, curves), find_accuracy(report, found)]
    draw_curves(report, curves)
    find_precision(report, train_images, test_images, curves[0])
    return int(any(wrong))


def check_gradients(report: Report, images: Images) -> bool:
    """Every gradient of section 2 against the derived one; True if one is wrong."""
    data = Columns.of(images, 10, "float64", "cpu")
    X, E = data.x.numpy(), data.t.numpy()
    derived, by_hand = derived_gradients(X, E, initial_parameters()), hand_derived_gradients(X, E, initial_parameters())
    pairs = [*zip([*derived[0].values(), *derived[1]], [*by_hand[0].values(), *by_hand[1]], strict=True)]
    worst = largest_difference(pairs)
    report.find("gradients of section 2", "dA, dW, db of each layer", f"float64, {len(images.classes):,} images",
                f"{worst:.1e} of the largest entry", "right" if worst <= 1e-10 else "WRONG", any_images=True)
    return not worst <= 1e-10


def find_losses(report: Report, losses: list[float]) -> None:
    """Some of the printed losses beside those of seed 0."""
    for i, value in as_printed(losses).items():
        if i in (10, 100, 200, 300, 500, 1000):
            report.find(f"loss at 'Iteration {i}'", f"{PUBLISHED[i]:.4f}", "float32, seed 0", f"{value:.4f}",
                        f"{value - PUBLISHED[i]:+.4f}")


def find_spread(report: Report, curves: list[list[float]]) -> bool:
    """The printed curve beside those of seeds 0, 1, ...; True if their spread does not explain a full run's."""
    left, last = [passes(losses) for losses in curves], [losses[-1] for losses in curves]
    lines = [as_printed(losses) for losses in curves]
    lowest, highest = ({i: pick(line[i] for line in lines) for i in lines[0]} for pick in (min, max))
    apart = {i: highest[i] - lowest[i] for i in lowest}
    widest = max(apart, key=lambda i: apart[i])
    report.find("spread of seeds", "no seed is set", f"{len(curves[0])} iterations, {_seeds(curves)}",
                f"loss at the end {min(last):.4f} to {max(last):.4f}; below {LEAVES_PLATEAU} at forward passes "
                f"{', '.join('-' if i is None else str(i) for i in left)}",
                f"up to {apart[widest]:.4f} from each other, at 'Iteration {widest}'")
    if report.quick:
        return False
    between, predicted, beside = 0, 0, {}
    for i, value in PUBLISHED.items():
        values = [line[i] for line in lines]
        beside[i] = value - float(np.mean(values))
        reach = STUDENT_T * np.std(values, ddof=1) * np.sqrt(1 + 1 / len(values))
        between += lowest[i] <= value <= highest[i]
        predicted += abs(beside[i]) <= reach + 5e-5  # printed with four digits
    late = [value for i, value in beside.items() if i > 500]
    agrees = predicted >= 95
    report.find("the whole curve", "100 lines", f"as one more seed beside {_seeds(curves)}",
                f"{between} lines between the lowest and the highest, {predicted} within what they predict for another "
                f"with 95 %; from 510 on {min(late):+.4f} to {max(late):+.4f} beside their mean",
                "agrees, as one more seed" if agrees else "DISAGREES")
    return not agrees


def accuracies(trained: Parameters, data: Columns, test: Columns) -> dict[str, float]:
    """The test accuracies as the notebook prints it, with the scale of training, without biases; that of training."""
    without_biases = {name: value if name[0] == "W" else tg.zeros_like(value) for name, value in trained.items()}
    return {"pixels to 255": accuracy(test, trained, 255), "pixels to 1": accuracy(test, trained),
            "biases 0": accuracy(test, without_biases), "biases 0, pixels to 255": accuracy(test, without_biases, 255),
            "training": accuracy(data, trained)}


def find_accuracy(report: Report, found: list[dict[str, float]]) -> bool:
    """The printed test accuracy beside `accuracies` of seeds 0, 1, ...; True if a full run contradicts the scale."""
    undivided, divided, unbiased, unbiased_undivided = (np.array([one[name] for one in found]) for name in (
        "pixels to 255", "pixels to 1", "biases 0", "biases 0, pixels to 255"))
    seeds, published = _seeds(found), f"{PUBLISHED_ACCURACY:.2f} %"
    report.find("test accuracy", published, f"test pixels from 0 to 255, as the notebook has them, {seeds}",
                _percents(undivided), _beside(undivided))
    report.find("the same", published, f"test pixels divided by 255, as in training, {seeds}",
                _percents(divided), _beside(divided))
    away, away_divided = _distance(undivided), _distance(divided)
    gain = float((divided - undivided).mean())
    nearer = away < away_divided
    agrees = nearer and away <= abs(gain)
    report.find("the scale of the test pixels", published, "the nearest seed of either scale; what the division gains",
                f"{away:.2f} and {away_divided:.2f} points away; {gain:+.2f} points on average",
                "nearer to the undivided pixels, as the notebook has them" if agrees else
                "DISAGREES: far from both" if nearer else "DISAGREES: not nearer to the undivided pixels")
    drowned = np.abs(unbiased - undivided).mean() < np.abs(unbiased - divided).mean()
    report.find("the same", "-", f"biases set to 0; test pixels divided by 255, and not, {seeds}",
                f"{_percents(unbiased)}; {_percents(unbiased_undivided)}",
                "nearer to the undivided pixels: 255 x drowns the biases" if drowned else
                "nearer to the divided pixels")
    return not (agrees or report.quick)


def _seeds(found: list[Any]) -> str:
    return f"seeds {', '.join(map(str, SEEDS[:len(found)]))}"


def _percents(values: Array) -> str:
    return ", ".join(f"{value:.2f}" for value in values) + " %"


def _distance(values: Array) -> float:
    """From the printed accuracy to the nearest of `values`, or 0 where it is between them."""
    return max(float(values.min()) - PUBLISHED_ACCURACY, PUBLISHED_ACCURACY - float(values.max()), 0)


def _beside(values: Array) -> str:
    """Where the printed accuracy is."""
    if not (away := _distance(values)):
        return "agrees, within the seeds"
    return f"printed {away:.2f} points {'below' if values.min() > PUBLISHED_ACCURACY else 'above'} all seeds"


def find_precision(report: Report, train_images: Images, test_images: Images, single: list[float]) -> None:
    """The notebook's float64 beside float32 (`single`) from the same weights."""
    data, test = (Columns.of(images, 10, "float64", report.device) for images in (train_images, test_images))
    with report.timed("float64, seed 0", [0]):
        trained, losses = train(data, 0, len(single))
    report.series["losses in float64"] = [round(value, 6) for value in losses]
    difference = max(abs(one - other) for one, other in zip(single, losses, strict=True))
    report.find("float64, as in the notebook", "-", f"{len(single)} iterations, seed 0: float32 from the same weights",
                f"losses differ by {difference:.1e} at most; test accuracy {accuracy(test, trained, 255):.2f} %",
                "float32 is enough" if difference < 1e-3 else "float32 is not enough")


def find_times(report: Report, images: Images) -> None:
    """An iteration captured, eager, and with the notebook's own formulas."""
    data = Columns.of(images, 10, "float32", report.device)
    parameters = {name: value.astype("float32") for name, value in initial_parameters().items()}
    candidates: dict[str, Callable[[], object]] = {
        "captured": tg.capture(stepper(data, tensors_of(parameters, data))),
        "eager": stepper(data, tensors_of(parameters, data))}
    if report.device == "cpu":
        X, E = data.x.numpy(), data.t.numpy()

        def by_hand() -> Any:
            A, H = forward(X, parameters)
            gradients, _ = backward(E, A, H, parameters)
            parameters.update({name: value - LEARNING_RATE * gradients[name] for name, value in parameters.items()})
            return printed_loss(H[-1], E)

        candidates["by hand"] = by_hand
    times = timing.measure(candidates, rounds=2 if report.quick else 5, device=report.device)
    measured = ", ".join(f"{name} {time.best * 1e3:.0f} ms" for name, time in times.items())
    report.find("time of an iteration", "-", f"float32, {len(images.classes):,} images", measured,
                "deriving the gradients costs no time" if times["captured"].best < 1.1 * times.get(
                    "by hand", times["eager"]).best else "slower than by hand", any_images=True)
    report.series["seconds of an iteration"] = {name: time.best for name, time in times.items()}


def draw_curves(report: Report, curves: list[list[float]]) -> None:
    """The printed losses beside the measured curves (the notebook prints its curve, it draws none)."""
    if report.pictures is None:
        return
    from tinygrad_lite.app.pictures import BLUE, ORANGE, figure

    made = figure(8, 4, "784-500-150-10 on MNIST, full batch: the plateau, the fall and the printed losses")
    axes = made.subplots()
    for seed, losses in enumerate(curves):
        axes.plot(range(1, len(losses) + 1), losses, color=BLUE, linewidth=1, alpha=1 - 0.3 * seed,
                  label=f"measured, seed {seed}")
    axes.plot([i - 1 for i in PUBLISHED], [*PUBLISHED.values()], ".", color=ORANGE, markersize=4, label="printed")
    axes.axhline(np.log(10), color="0.6", linewidth=0.8)
    axes.text(len(curves[0]), np.log(10), "log 10 ", ha="right", va="bottom", color="0.4", fontsize=8)
    axes.set_xlabel("forward pass (what is printed as 'Iteration i' is pass i - 1)")
    axes.set_ylabel("loss")
    axes.set_ylim(bottom=0, top=2.6)
    tidy(axes)
    axes.legend(frameon=False)
    report.picture("loss", made)
