"""lab2: three sigmoid networks on MNIST (784-1, 784-64-1, 784-64-10), 500 full-batch epochs each, learning rate 0.25.

Alekseenko and Tushar's laboratory report. Weights from U[-0.005, 0.005), biases 0; zero against the rest, then all ten
digits. Here the examples are the columns of x (n, m) and t (outputs, m).

    a^(l) = sigmoid(z^(l))    z^(l) = W^(l) a^(l-1) + b^(l)

What the report leaves open or contradicts, and what this module shows:

- Its network with a hidden layer ends at 90.13 % and 90.20 %: the shares of the other digits in both sets, so it says
  "not a zero" of every image. It calls this overfitting, but the training loss grows too. With the chain rule that it
  prints the network gets 97.9 %; without the factor a (1 - a) in the hidden layer it ends at the report's accuracies,
  and its loss falls, then grows: from epoch 149 on, where the report has about 200.
- Its multiclass loss (6) has nothing to hold down the scores of wrong classes when the scores are sigmoids: descending
  it sends every score to 1. What was descended must have been something else; s - t at the output, which is the
  derivative of the binary cross-entropy of all ten outputs, explains the jump of its loss. The accuracy, 82.3 %, is not
  reproduced: of ten readings three hardly learn, the others end between 79.1 % and 89.0 %, none within 1.9 points of
  it; in all of them the test images do better than the training images, in table I they do worse.
- (3) has dC/dw on the left where dC/db is meant; one accuracy on the test set is 82.32 in table I, 82.35 in the text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

import tinygrad_lite as tg
from benchmarks import timing
from tinygrad_lite.nn import functional as F
from tinygrad_lite.testing import compare_gradients

from . import columns
from .columns import Array, Columns, Parameters
from .report import Images, Report, largest_difference, tidy

DATASETS = ("mnist",)
EPOCHS = 500
LEARNING_RATE = 0.25
# table I: accuracy on the training and the test images in per cent
PUBLISHED = {"784-1": (98.95, 99.19), "784-64-1": (90.13, 90.20), "784-64-10": (82.54, 82.32)}
PUBLISHED_IN_THE_TEXT = {"784-64-10": (82.54, 82.35)}


# --- the report, in its notation ----------------------------------------------------------------------------------


def initial_parameters(sizes: tuple[int, ...], seed: int = 0) -> Parameters:
    """w from U[-0.005, 0.005), b = 0 (section III.A; the seed is ours)."""
    random = np.random.default_rng(seed)
    parameters = {}
    for layer, (n_in, n_out) in enumerate(pairwise(sizes), 1):
        parameters[f"w{layer}"] = random.uniform(-0.005, 0.005, (n_out, n_in))
        parameters[f"b{layer}"] = np.zeros((n_out, 1))
    return parameters


def sigmoid(z: Array) -> Array:
    """sigma(z) = 1 / (1 + e^-z) (figure 5)."""
    a: Array = 1 / (1 + np.exp(-z))
    return a


def forward(x: Array, parameters: Parameters) -> list[Array]:
    """[a^(0) = x, a^(1), ..., a^(L)] by equation (1)."""
    a = [x]
    for layer in range(1, len(parameters) // 2 + 1):
        a.append(sigmoid(parameters[f"w{layer}"] @ a[-1] + parameters[f"b{layer}"]))
    return a


def cross_entropy(a: Array, t: Array) -> float:
    """Figure 6: -(t log a + (1 - t) log(1 - a)), summed over the outputs, averaged over the examples."""
    return float(-(t * np.log(a) + (1 - t) * np.log(1 - a)).sum() / t.shape[1])


def cross_entropy_of_classes(s: Array, t: Array) -> float:
    """Equation (6): -sum_i t_i log s_i, averaged over the examples."""
    return float(-(t * np.log(s)).sum() / t.shape[1])


def dC_da(a: Array, t: Array) -> Array:
    """The first factor of (2) for `cross_entropy`: (a - t) / (a (1 - a)) / m."""
    factor: Array = (a - t) / (a * (1 - a)) / t.shape[1]
    return factor


def dC_da_of_classes(s: Array, t: Array) -> Array:
    """The first factor of (2) for (6): -t / s / m."""
    factor: Array = -t / s / t.shape[1]
    return factor


def da_dz(a: Any) -> Any:
    """The second factor of (2): a (1 - a). Arrays or Tensors."""
    return a * (1 - a)


def left_out(_: Any) -> Any:
    """The mistake: 1 in the place of the second factor."""
    return 1


def backward(t: Array, a: list[Array], parameters: Parameters, first: Callable[[Array, Array], Array] = dC_da,
             hidden: Callable[[Any], Any] = da_dz) -> tuple[Parameters, list[Array]]:
    """dC/dw^(l) by (2) and dC/db^(l) by (3) (as it is meant) by name, and [dC/dz^(1) ... dC/dz^(L)].

    dz/dw is a^(l-1) and dz/db is 1; in a hidden layer dC/da^(l) = W^(l+1)^T dC/dz^(l+1), which the report does not
    print. `first` is dC/da of the output, `hidden` da/dz of the hidden layers.
    """
    L = len(a) - 1
    dC_dz = [first(a[L], t) * da_dz(a[L])]
    for layer in range(L - 1, 0, -1):
        dC_dz.insert(0, parameters[f"w{layer + 1}"].T @ dC_dz[0] * hidden(a[layer]))
    gradients = {}
    for layer in range(1, L + 1):
        gradients[f"w{layer}"] = dC_dz[layer - 1] @ a[layer - 1].T
        gradients[f"b{layer}"] = dC_dz[layer - 1].sum(axis=1, keepdims=True)
    return gradients, dC_dz


def update(parameters: Parameters, gradients: Parameters, learning_rate: float = LEARNING_RATE) -> Parameters:
    """Equations (4) and (5)."""
    return {name: value - learning_rate * gradients[name] for name, value in parameters.items()}


# --- the same with derived gradients ------------------------------------------------------------------------------


def sigmoid_with(slope: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The values of sigmoid, but slope(a) for its derivative: a mistake, for a library that derives gradients."""

    def activation(z: Any) -> Any:
        a = tg.sigmoid(z.detach())
        return a + slope(a) * (z - z.detach())

    return activation


def pre_activations(x: Any, parameters: Parameters, hidden: Callable[[Any], Any] = tg.sigmoid) -> list[Any]:
    """[z^(1) ... z^(L)] as Tensors."""
    z: list[Any] = []
    for layer in range(1, len(parameters) // 2 + 1):
        z.append(parameters[f"w{layer}"] @ (hidden(z[-1]) if z else x) + parameters[f"b{layer}"])
    return z


def cost(z: Any, t: Any) -> Any:
    """`cross_entropy` of sigmoid(z)."""
    return F.binary_cross_entropy_with_logits(z, t, reduction="sum") / t.shape[1]


def cost_of_classes(z: Any, t: Any) -> Any:
    """Equation (6) of sigmoid(z)."""
    return -(t * F.logsigmoid(z)).sum() / t.shape[1]


def cost_of_softmax(z: Any, t: Any) -> Any:
    """Equation (6) of softmax(z), which is what it is for."""
    return -(t * F.log_softmax(z, 0)).sum() / t.shape[1]


def cost_of_softmax_of_sigmoid(z: Any, t: Any) -> Any:
    """Equation (6) of softmax(sigmoid(z)): the sigmoid of section III.C, with softmax after it."""
    return cost_of_softmax(tg.sigmoid(z), t)


def squared_error(z: Any, t: Any) -> Any:
    """Half the squared distance of sigmoid(z) and t, averaged over the examples."""
    return ((tg.sigmoid(z) - t) ** 2).sum() / (2 * t.shape[1])


def derived_gradients(x: Array, t: Array, parameters: Parameters, C: Callable[[Any, Any], Any] = cost,
                      hidden: Callable[[Any], Any] = tg.sigmoid, device: str = "cpu") -> tuple[Parameters, list[Array]]:
    """What `backward` returns, derived by the library."""
    return columns.derived_gradients(x, t, parameters, partial(pre_activations, hidden=hidden), C, device)


# --- training -----------------------------------------------------------------------------------------------------


@dataclass
class Curves:
    """Loss and accuracy (per cent) before each epoch and after the last; the root mean squares of gradients.

    `descended` is the cost whose gradient is used, `loss` and `test_loss` are what the report draws.
    """

    descended: list[float] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)
    gradients: dict[int, dict[str, float]] = field(default_factory=dict)

    def at(self, epoch: int = -1) -> str:
        """Both accuracies, as table I has them."""
        return f"{self.accuracy[epoch]:.2f} / {self.test_accuracy[epoch]:.2f}"

    def until(self, epoch: int) -> Curves:
        """Its first part, without the gradients."""
        return Curves(*(values[:epoch + 1] for name, values in vars(self).items() if name != "gradients"))

    def plain(self) -> dict[str, Any]:
        """For the file of results, with 5 digits and every tenth epoch after the first 50."""
        kept = [e for e in range(len(self.loss)) if e <= 50 or e % 10 == 0]
        lists = {name: [round(values[e], 5) for e in kept] for name, values in asdict(self).items() if name[0] != "g"}
        return {"epochs": kept, **lists, "gradients": self.gradients}


@dataclass(frozen=True)
class Reading:
    """A network and one way to understand what the report did with it.

    `C` is the cost that is descended, `drawn` the loss that is shown, `hidden` the activation of the hidden layer.
    """

    sizes: tuple[int, ...]
    C: Callable[[Any, Any], Any] = cost
    drawn: Callable[[Any, Any], Any] = cost
    hidden: Callable[[Any], Any] = tg.sigmoid
    normal: bool = False  # weights from N(0, 1)
    seed: int = 0
    dtype: str = "float32"

    def parameters(self, device: str) -> Parameters:
        """The initial parameters as Tensors that require grad."""
        initial = initial_parameters(self.sizes, self.seed)
        if self.normal:
            random = np.random.default_rng(self.seed)
            initial = {k: random.standard_normal(v.shape) if k[0] == "w" else v for k, v in initial.items()}
        return {name: tg.tensor(value, dtype=self.dtype, device=device, requires_grad=True)
                for name, value in initial.items()}

    def measure(self, z: Any, t: Any) -> tuple[Any, Any]:
        """The loss that is drawn and the share that is right."""
        right = (z > 0) == (t > 0) if len(t) == 1 else z.argmax(0) == t.argmax(0)
        return self.drawn(z, t), right.to(z.dtype).mean()

    def stepper(self, data: Columns, parameters: Parameters) -> Callable[[], tuple[Any, Any, Any]]:
        """A function that makes one epoch: the costs before it, and the share that was right."""
        optimizer = tg.optim.SGD(parameters.values(), lr=LEARNING_RATE)

        def step() -> tuple[Any, Any, Any]:
            z = pre_activations(data.x, parameters, self.hidden)[-1]
            C = self.C(z, data.t)
            optimizer.zero_grad()
            C.backward()
            optimizer.step()
            return C, *self.measure(z.detach(), data.t)

        return step

    def train(self, train_images: Images, test_images: Images, epochs: int, device: str) -> tuple[Parameters, Curves]:
        """Full-batch gradient descent; every epoch sees both sets, only one of them is learned from."""
        data, test = (Columns.of(i, self.sizes[-1], self.dtype, device) for i in (train_images, test_images))
        parameters, curves = self.parameters(device), Curves()
        step = tg.capture(self.stepper(data, parameters))

        @tg.no_grad()
        def look(examples: Columns) -> tuple[Any, Any, Any]:
            z = pre_activations(examples.x, parameters, self.hidden)[-1]
            return self.C(z, examples.t), *self.measure(z, examples.t)

        for epoch in range(epochs + 1):
            _, loss, right = look(test)
            curves.test_loss.append(loss.item())
            curves.test_accuracy.append(100 * right.item())
            C, loss, right = step() if epoch < epochs else look(data)
            curves.descended.append(C.item())
            curves.loss.append(loss.item())
            curves.accuracy.append(100 * right.item())
            if epoch in (0, 10, 50, 100, 200, 500, epochs - 1):
                curves.gradients[epoch] = {
                    name: (p.grad**2).mean().sqrt().item() for name, p in parameters.items() if p.grad is not None}
        return parameters, curves


SEEDS = (0, 1, 2)
SINGLE = Reading((784, 1), dtype="float64")
HIDDEN = Reading((784, 64, 1))
HIDDEN_MISTAKEN = Reading((784, 64, 1), hidden=sigmoid_with(left_out))
CLASSES = Reading((784, 64, 10), drawn=cost_of_classes)
# what else the multiclass network may have been
OTHER_READINGS = {
    "dz = s - t, hidden a (1 - a) left out": replace(CLASSES, hidden=sigmoid_with(left_out)),
    "dz = s - t, weights from N(0, 1)": replace(CLASSES, normal=True),
    "dz = s - t, weights from N(0, 1), a (1 - a) left out": replace(
        CLASSES, normal=True, hidden=sigmoid_with(left_out)),
    "softmax scores, the derivative of (6)": replace(CLASSES, C=cost_of_softmax, drawn=cost_of_softmax),
    "sigmoid scores, the derivative of (6)": replace(CLASSES, C=cost_of_classes),
}
# mistakes that are easily made in it; one seed each
MISTAKEN_READINGS = {
    "dz = (s - t) s (1 - s), of the squared error": replace(CLASSES, C=squared_error),
    "softmax of the sigmoid scores, the derivative of (6)": replace(
        CLASSES, C=cost_of_softmax_of_sigmoid, drawn=cost_of_softmax_of_sigmoid),
    "dz = s - t, sigmoid'(a) in the place of sigmoid'(z)": replace(
        CLASSES, hidden=sigmoid_with(lambda a: da_dz(tg.sigmoid(a)))),
    "dz = s - t, 1 - a in the place of a (1 - a)": replace(CLASSES, hidden=sigmoid_with(lambda a: 1 - a)),
}


# --- the experiments ----------------------------------------------------------------------------------------------


def run(report: Report) -> int:
    """All experiments; 0 if derivations agree, the mistake is named and, in a full run, what can be reproduced is."""
    train_images, test_images = report.images(train=True), report.images(train=False)
    epochs = 30 if report.quick else EPOCHS
    if report.quick:
        train_images, test_images = train_images.first(400), test_images.first(200)
    wrong = [check_gradients(report, train_images.first(400)), find_mistake(report, train_images.first(100))]
    find_times(report, train_images.first(10_000))
    find_vanishing(report, train_images.first(1000))
    draw_functions(report)
    wrong.append(find_single_neuron(report, train_images, test_images, epochs))
    wrong.append(find_hidden_layer(report, train_images, test_images, epochs))
    find_classes(report, train_images, test_images, epochs)
    return int(any(wrong))


def check_gradients(report: Report, images: Images) -> bool:
    """Every gradient of (2) and (3) against the derived one, for three networks and two costs; True if one is wrong."""
    pairs = []
    for sizes, first, C in [((784, 1), dC_da, cost), ((784, 64, 1), dC_da, cost), ((784, 64, 10), dC_da, cost),
                            ((784, 64, 10), dC_da_of_classes, cost_of_classes)]:
        data = Columns.of(images, sizes[-1], "float64", "cpu")
        x, t, parameters = data.x.numpy(), data.t.numpy(), initial_parameters(sizes)
        derived, derived_z = derived_gradients(x, t, parameters, C)
        by_hand, by_hand_z = backward(t, forward(x, parameters), parameters, first)
        pairs += [*((derived[name], by_hand[name]) for name in parameters), *zip(derived_z, by_hand_z, strict=True)]
    worst = largest_difference(pairs)
    report.find("gradients by (2) and (3)", "dC/dw, dC/db", f"float64, {len(images.classes)} images, and dC/dz",
                f"{worst:.1e} of the largest entry", "right" if worst <= 1e-10 else "WRONG",
                any_images=True)
    return not worst <= 1e-10


def find_mistake(report: Report, images: Images) -> bool:
    """`compare_gradients` is given the mistaken derivation and must name what is missing; True if it does not."""
    data = Columns.of(images, 1, "float64", "cpu")
    x, t, parameters = data.x.numpy(), data.t.numpy(), initial_parameters((784, 64, 1))
    hand, _ = backward(t, forward(x, parameters), parameters, hidden=left_out)

    def loss(**tensors: Any) -> Any:
        return cost(pre_activations(data.x, tensors)[-1], data.t)

    found = compare_gradients(loss, parameters, hand)
    report.series["compare_gradients"] = str(found).splitlines()
    cause = str(found.causes[0]) if found.causes else "no cause found"
    named = [e.ok for e in found.entries] == [False, False, True, True] and "derivative of sigmoid" in cause
    report.find("the hidden layer's gradient", "loss grows after epoch 200", "a (1 - a) left out, given to "
                "testing.compare_gradients", cause, "the mistake is named" if named else "NOT FOUND",
                any_images=True)
    return not named


def train_seeds(report: Report, name: str, reading: Reading, images: tuple[Images, Images], epochs: int,
                seeds: tuple[int, ...] = SEEDS) -> tuple[Parameters, list[Curves]]:
    """The curves of each seed, written to the results, and the parameters that the first one ends with."""
    seeds = seeds[:1] if report.quick else seeds
    with report.timed(name, seeds):
        trained = [replace(reading, seed=seed).train(*images, epochs, report.device) for seed in seeds]
    report.series[name] = [curves.plain() for _, curves in trained]
    return trained[0][0], [curves for _, curves in trained]


def accuracies(found: list[Curves], epoch: int = -1) -> str:
    """Both accuracies of each seed."""
    return ", ".join(curves.at(epoch) for curves in found)


def find_single_neuron(report: Report, train_images: Images, test_images: Images, epochs: int) -> bool:
    """784-1: table I and figure 8; True if a full run does not reproduce them."""
    _, found = train_seeds(report, "784-1", SINGLE, (train_images, test_images), epochs)
    curves = found[0]
    # One training image is 0.0017 %: what one seed rounds to 98.94, another rounds to 98.95.
    agrees = any(one.at() == _published("784-1") for one in found)
    report.find("784-1, accuracy", _published("784-1"), f"{epochs} epochs, float64, {_seeds(found)}",
                accuracies(found), "agrees" if agrees else "DISAGREES")
    guessing = abs(curves.loss[0] - np.log(2)) < 0.05
    report.find("784-1, loss at the start", "very high", "before the first epoch, seed 0", f"{curves.loss[0]:.3f}",
                "that of guessing, log 2 = 0.693" if guessing else "not that of guessing, log 2 = 0.693",
                any_images=True)
    if not report.quick:
        rest = (curves.loss[100] - curves.loss[-1]) / (curves.loss[0] - curves.loss[-1])
        report.find("784-1, loss after epoch 100", "almost constant",
                    "share of the whole fall that comes later, seed 0", f"{rest:.1%}",
                    "holds" if rest < 0.1 else "does not hold")
    draw_curves(report, "figure-8", "A single neuron, zero against the rest", {"784-1": curves})
    return not (agrees or report.quick)


def find_hidden_layer(report: Report, train_images: Images, test_images: Images, epochs: int) -> bool:
    """784-64-1: the right gradient, and the mistake, which is the report's result; early stopping tried."""
    images = train_images, test_images
    trained, all_right = train_seeds(report, "784-64-1", HIDDEN, images, epochs)
    _, all_mistaken = train_seeds(report, "784-64-1, mistaken", HIDDEN_MISTAKEN, images, epochs)
    right, mistaken, seeds = all_right[0], all_mistaken[0], _seeds(all_right)
    share = " / ".join(f"{100 * np.mean(images.classes != 0):.2f}" for images in (train_images, test_images))
    report.find("784-64-1, accuracy", _published("784-64-1"), "the share of images that are not zeros", share,
                "the report's network never says zero" if share == _published("784-64-1") else "DISAGREES")
    gain = min(one.test_accuracy[-1] for one in all_right) - PUBLISHED["784-64-1"][1]
    report.find("the same", _published("784-64-1"), f"{epochs} epochs, the gradient by (2), {seeds}",
                accuracies(all_right), f"{gain:+.2f} points or more on the test set")
    agrees = all(curves.at() == _published("784-64-1") for curves in all_mistaken)
    report.find("the same", _published("784-64-1"), f"{epochs} epochs, a (1 - a) left out in the hidden layer, {seeds}",
                accuracies(all_mistaken), "agrees" if agrees else "DISAGREES")
    if not report.quick:  # NumPy's own dtype; twice the time
        with report.timed("784-64-1, mistaken, float64", SEEDS[:1]):
            _, double = replace(HIDDEN_MISTAKEN, dtype="float64").train(*images, epochs, report.device)
        away = max(abs(one - other) for one, other in zip(double.loss, mistaken.loss, strict=True))
        report.find("the same", _published("784-64-1"), "the same in float64, seed 0", double.at(),
                    f"losses differ by {away:.1e} at most from those in float32")

    lowest = [int(np.argmin(one.test_loss)) for one in all_mistaken]
    best = lowest[0]
    grows = {"training": mistaken.loss[-1] > mistaken.loss[best],
             "test": mistaken.test_loss[-1] > mistaken.test_loss[best]}
    report.find("784-64-1, loss", "falls, grows after epoch 200", "a (1 - a) left out, seed 0",
                f"lowest at epoch {best}: {mistaken.loss[best]:.4f} / {mistaken.test_loss[best]:.4f}, at the end "
                f"{mistaken.loss[-1]:.4f} / {mistaken.test_loss[-1]:.4f}",
                "the training loss grows as well: no overfitting" if grows["training"] else
                "overfitting" if grows["test"] else "no growth")
    stopped = ", ".join(one.at(epoch) for one, epoch in zip(all_mistaken, lowest, strict=True))
    gained, beside = (np.mean([one.test_accuracy[epoch] - other.test_accuracy[-1] for one, epoch, other in zip(
        all_mistaken, lowest, others, strict=True)]) for others in (all_mistaken, all_right))
    report.find("its remedy: early stopping", "stop where the loss begins to grow",
                f"a (1 - a) left out, epochs {', '.join(map(str, lowest))}, {seeds}", stopped,
                f"{gained:+.2f} points on average, and {beside:+.2f} beside the right gradient")
    grown = max(one.test_loss[-1] - min(one.test_loss) for one in all_right)
    report.find("the same", "the same", f"the gradient by (2), {epochs} epochs, {seeds}",
                f"test loss at the end at most {grown:.4f} above its lowest",
                "nothing to stop" if grown < 1e-3 else "it grows")

    x = Columns.of(test_images, 1, "float32", report.device).x
    slopes = [da_dz(tg.sigmoid(pre_activations(x, parameters)[0].detach())).mean().item()
              for parameters in (HIDDEN.parameters(report.device), trained)]
    first, last = right.gradients[0], right.gradients[max(right.gradients)]
    flat = " and ".join(f"{0.25 / slope:.2f}" for slope in slopes)  # 1/4 is the slope where sigmoid is steepest
    report.find("gradients of the hidden layer", "close to 0 over most of the domain",
                "784-64-1, rms dC/dw1 : dC/dw2, seed 0",
                f"1 : {first['w2'] / first['w1']:.0f} before the first epoch, where a (1 - a) is {slopes[0]:.3f} on "
                f"average; 1 : {last['w2'] / last['w1']:.1f} at the end, where it is {slopes[1]:.3f}",
                f"flat ends make it {flat} times smaller: {'not ' if min(slopes) > 0.125 else ''}the reason")
    draw_curves(report, "figure-9", "A hidden layer: what the report published, and what its network does",
                {"a (1 - a) left out in the hidden layer": mistaken, "the gradient by (2)": right})
    return not (agrees or report.quick)


def find_classes(report: Report, train_images: Images, test_images: Images, epochs: int) -> None:
    """784-64-10: the readings of the index, the jump of figure 10, and whether further iterations help."""
    images = train_images, test_images
    published = PUBLISHED["784-64-10"]
    _, found = train_seeds(report, "784-64-10, dz = s - t", CLASSES, images, 2 * epochs)
    curves = found[0]
    passed = [next((str(e) for e, value in enumerate(one.accuracy) if value > published[0]), "never") for one in found]
    report.find("784-64-10, accuracy", _published("784-64-10"), f"{epochs} epochs, dz = s - t, {_seeds(found)}",
                accuracies(found, epochs), f"{published[0]} on the training set is passed at epoch {', '.join(passed)}")
    gains = [one.test_accuracy[-1] - one.test_accuracy[epochs] for one in found]
    report.find("further iterations", "certainly lead to better accuracy",
                f"{2 * epochs} epochs, dz = s - t, {_seeds(found)}", accuracies(found),
                f"{'holds' if min(gains) > 0 else 'does not hold'}: "
                f"{', '.join(f'{gain:+.2f}' for gain in gains)} points")
    table, text = published[1], PUBLISHED_IN_THE_TEXT["784-64-10"][1]
    report.find("784-64-10, test accuracy", f"{table} in table I, {text} in the text", "10,000 test images",
                f"{round((text - table) * 100)} images apart", "at least one is wrong" if table != text else "agrees",
                any_images=True)
    top = int(np.argmax(curves.loss))
    jumps, falls = curves.loss[top] > 2 * curves.loss[0], curves.descended[top] < curves.descended[0]
    report.find("jump of the loss at the start", "weights far from optimal", "dz = s - t, seed 0",
                f"(6): {curves.loss[0]:.2f} -> {curves.loss[top]:.2f} at epoch {top}; binary cross-entropy "
                f"{curves.descended[0]:.2f} -> {curves.descended[top]:.2f}",
                ("what is descended falls: the loss that is drawn is another one" if falls else
                 "what is descended jumps, too") if jumps else "no jump")
    readings, ends = {}, [(one.accuracy[epochs], one.test_accuracy[epochs]) for one in found]
    for others, seeds in ((OTHER_READINGS, SEEDS), (MISTAKEN_READINGS, SEEDS[:1])):
        for name, reading in others.items():
            trained, found = train_seeds(report, f"784-64-10, {name}", reading, images, epochs, seeds)
            readings[name] = trained, found[0]
            ends += [(one.accuracy[-1], one.test_accuracy[-1]) for one in found]
            away = np.mean([one.test_accuracy[-1] for one in found]) - published[1]
            mean = " on average" if len(found) > 1 else ""
            report.find("784-64-10, accuracy", _published("784-64-10"), f"{epochs} epochs, {name}, {_seeds(found)}",
                        accuracies(found), f"{away:+.2f} points on the test set{mean}")
    gaps = [test - training for training, test in ends]
    report.find("784-64-10, test accuracy minus training accuracy", f"{published[1] - published[0]:+.2f}",
                f"{epochs} epochs, all readings and seeds", f"{min(gaps):+.2f} to {max(gaps):+.2f}",
                "no reading does worse on the test images" if min(gaps) >= 0 else "some readings do, too")
    trained, useless = readings["sigmoid scores, the derivative of (6)"]
    x = Columns.of(test_images, 10, "float32", report.device).x
    lowest = tg.sigmoid(pre_activations(x, trained)[-1].detach()).min().item()
    report.find("(6) with sigmoid scores", "the loss of the report", "its own derivative is descended, seed 0",
                f"loss {useless.loss[0]:.3f} -> {useless.loss[-1]:.5f} with {useless.test_accuracy[-1]:.2f} % right; "
                f"the lowest of all scores of the test images {lowest:.4f}",
                "all scores go to 1: (6) needs softmax" if lowest > 0.9 else "not all scores go to 1")
    draw_curves(report, "figure-10", "Ten classes: (6) is drawn, but something else is descended",
                {"dz = s - t": curves.until(epochs), "softmax scores, the derivative of (6)":
                 readings["softmax scores, the derivative of (6)"][1]})


def find_vanishing(report: Report, images: Images) -> None:
    """The gradient of each layer before the first step, for networks with up to 6 hidden layers of 64 sigmoids."""
    data = Columns.of(images, 10, "float64", "cpu")
    x, t = data.x.numpy(), data.t.numpy()
    depths, layers = range(1, 3 if report.quick else 7), {}
    for scale in ("U[-0.005, 0.005)", "N(0, 1/n)"):
        for depth in depths:
            sizes = (784, *[64] * depth, 10)
            parameters = initial_parameters(sizes)
            if scale == "N(0, 1/n)":
                random = np.random.default_rng(0)
                parameters = {name: random.standard_normal(value.shape) / np.sqrt(value.shape[1])
                              if name[0] == "w" else value for name, value in parameters.items()}
            _, dC_dz = derived_gradients(x, t, parameters)
            slopes = [da_dz(a).mean() for a in forward(x, parameters)[1:-1]]
            layers[f"{scale}, {depth} hidden"] = [float(np.sqrt((d**2).mean())) for d in dC_dz]
        deepest = layers[f"{scale}, {depths[-1]} hidden"]
        factor = (deepest[0] / deepest[-1]) ** (1 / (len(deepest) - 1))
        report.find("vanishing gradients", "slower and harder", f"{depths[-1]} hidden layers of 64, weights {scale}, "
                    "rms dC/dz before the first step", f"{deepest[-1]:.1e} at the output, {deepest[0]:.1e} at the "
                    f"first layer: 1 / {1 / factor:.0f} per layer",
                    f"a (1 - a), {np.mean(slopes):.3f} on average, makes 1 / {1 / np.mean(slopes):.1f} of it, "
                    f"the weights 1 / {np.mean(slopes) / factor:.1f}",
                    any_images=True)
    report.series["rms dC/dz by layer, before the first step"] = layers
    draw_vanishing(report, layers)


def find_times(report: Report, images: Images) -> None:
    """An epoch captured, eager, and with the report's own formulas."""
    data = Columns.of(images, 1, "float32", report.device)
    values = {name: value.astype("float32") for name, value in initial_parameters(HIDDEN.sizes).items()}
    candidates: dict[str, Callable[[], object]] = {
        "captured": tg.capture(HIDDEN.stepper(data, HIDDEN.parameters(report.device))),
        "eager": HIDDEN.stepper(data, HIDDEN.parameters(report.device))}
    if report.device == "cpu":
        x, t = data.x.numpy(), data.t.numpy()

        def by_hand() -> float:
            a = forward(x, values)
            values.update(update(values, backward(t, a, values)[0]))
            return cross_entropy(a[-1], t)

        candidates["by hand"] = by_hand
    times = timing.measure(candidates, rounds=3 if report.quick else 10, device=report.device)
    measured = ", ".join(f"{name} {time.best * 1e3:.1f} ms" for name, time in times.items())
    gain = times["eager"].best / times["captured"].best
    report.find("time of an epoch", "-", f"784-64-1, float32, {len(images.classes):,} images", measured,
                f"capturing gains {100 * (gain - 1):.0f} %", any_images=True)
    report.series["seconds of an epoch"] = {name: time.best for name, time in times.items()}


def _published(network: str) -> str:
    return "{:.2f} / {:.2f}".format(*PUBLISHED[network])


def _seeds(found: list[Curves]) -> str:
    return f"seed{'s' * (len(found) > 1)} {', '.join(map(str, SEEDS[:len(found)]))}"


# --- the figures --------------------------------------------------------------------------------------------------


def draw_functions(report: Report) -> None:
    """Figures 5 and 6: sigmoid, with its derivative, and the cross-entropy of one example."""
    if report.pictures is None:
        return
    from tinygrad_lite.app.pictures import BLUE, ORANGE, figure

    made = figure(9, 3.6, "The report's figures 5 and 6: sigmoid with its derivative, and cross-entropy")
    left, right = made.subplots(1, 2)
    z = tg.linspace(-8, 8, 321, dtype=tg.float64).requires_grad_()
    a = tg.sigmoid(z)
    (slope,) = tg.autograd.grad(a.sum(), z)
    left.plot(z.detach().numpy(), a.detach().numpy(), color=BLUE, label="a = sigmoid(z)")
    left.plot(z.detach().numpy(), slope.numpy(), color=ORANGE, label="da/dz = a (1 - a)")
    left.set_xlabel("z")
    p = np.linspace(0.005, 0.995, 199)
    for t, colour in ((1, BLUE), (0, ORANGE)):
        right.plot(p, [cross_entropy(np.array([[v]]), np.array([[t]])) for v in p], color=colour, label=f"t = {t}")
    right.set_xlabel("a")
    right.set_ylabel("-(t log a + (1 - t) log(1 - a))")
    for axes in (left, right):
        tidy(axes)
    left.legend(frameon=False, loc="upper left")
    right.legend(frameon=False)
    report.picture("figures-5-6", made)


def draw_curves(report: Report, name: str, title: str, panels: dict[str, Curves]) -> None:
    """Loss curves of training and test images, one panel for each training."""
    if report.pictures is None:
        return
    from tinygrad_lite.app.pictures import BLUE, ORANGE, figure

    made = figure(4.6 * len(panels) + 1, 3.8, title)
    for axes, (label, curves) in zip(made.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        axes.plot(curves.loss, color=BLUE, label="training")
        axes.plot(curves.test_loss, color=ORANGE, linestyle="--", label="test")
        if curves.descended != curves.loss:
            axes.plot(curves.descended, color="0.5", linestyle=":", label="training, what is descended")
        axes.set_title(f"{label}: {curves.at()} %", fontsize=10)
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")
        axes.set_ylim(0, 1.08 * axes.get_ylim()[1])
        tidy(axes)
        axes.legend(frameon=False)
    report.picture(name, made)


def draw_vanishing(report: Report, layers: dict[str, list[float]]) -> None:
    """The gradient by layer, one panel for each distribution of weights, one line for each depth."""
    if report.pictures is None:
        return
    from tinygrad_lite.app.pictures import BLUE, figure

    made = figure(9, 3.8, "Vanishing gradients: rms dC/dz of each layer before the first step")
    for axes, scale in zip(made.subplots(1, 2), ("U[-0.005, 0.005)", "N(0, 1/n)"), strict=True):
        for name, values in layers.items():
            if name.startswith(scale):
                axes.semilogy(range(1, len(values) + 1), values, color=BLUE, marker="o", markersize=3,
                              alpha=0.3 + 0.1 * len(values))
        axes.set_title(f"weights {scale}", fontsize=10)
        axes.set_xticks(range(1, max(map(len, layers.values())) + 1))
        axes.set_xlabel("layer (the last one is the output)")
        axes.set_ylabel("rms dC/dz")
        tidy(axes)
    report.picture("vanishing", made)
