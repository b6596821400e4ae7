"""lab2: three sigmoid networks on MNIST (784-1, 784-64-1, 784-64-10), 500 full-batch epochs each, learning rate 0.25.

Alekseenko and Tushar's laboratory report. Weights from U[-0.005, 0.005), biases 0; zero against the rest, then all ten
digits. Here the examples are the columns of x (n, m) and t (outputs, m).

    a^(l) = sigmoid(z^(l))    z^(l) = W^(l) a^(l-1) + b^(l)

What the report leaves open or contradicts, and what this module shows:

- Its network with a hidden layer ends at 90.13 % and 90.20 %: the shares of the other digits in both sets, so it says
  "not a zero" of every image. It calls this overfitting, but the training loss grows too. With the chain rule that it
  prints the network gets 97.9 %; without the factor a (1 - a) in the hidden layer it does what the report describes.
- Its multiclass loss (6) has nothing to hold down the scores of wrong classes when the scores are sigmoids: descending
  it sends every score to 1. What was descended must have been something else; s - t at the output, which is the
  derivative of the binary cross-entropy of all ten outputs, explains the jump of its loss. The accuracy is not
  reproduced: five readings end between 80.4 % and 88.4 %, with 82.3 % between them.
- (3) has dC/dw on the left where dC/db is meant; one accuracy on the test set is 82.32 in table I, 82.35 in the text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import tinygrad_lite as tg
from benchmarks import timing
from tinygrad_lite.nn import functional as F
from tinygrad_lite.testing import compare_gradients

from .report import Images, Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array: TypeAlias = NDArray[Any]
Parameters: TypeAlias = dict[str, Any]

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


def da_dz(a: Array) -> Array:
    """The second factor of (2): a (1 - a)."""
    factor: Array = a * (1 - a)
    return factor


def left_out(a: Array) -> Array:
    """The mistake: 1 in the place of the second factor."""
    return np.ones_like(a)


def backward(t: Array, a: list[Array], parameters: Parameters, first: Callable[[Array, Array], Array] = dC_da,
             hidden: Callable[[Array], Array] = da_dz) -> tuple[Parameters, list[Array]]:
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


def sigmoid_without_derivative(z: Any) -> Any:
    """The value of sigmoid, the derivative of the identity: the mistake, for a library that derives gradients."""
    return z + (tg.sigmoid(z) - z).detach()


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


def derived_gradients(x: Array, t: Array, parameters: Parameters, C: Callable[[Any, Any], Any] = cost,
                      hidden: Callable[[Any], Any] = tg.sigmoid, device: str = "cpu") -> tuple[Parameters, list[Array]]:
    """What `backward` returns, derived by the library."""
    tensors = {name: tg.tensor(value, device=device, requires_grad=True) for name, value in parameters.items()}
    z = pre_activations(tg.tensor(x, device=device), tensors, hidden)
    wanted = [*tensors.values(), *z]
    gradients = [g.cpu().numpy() for g in tg.autograd.grad(C(z[-1], tg.tensor(t, device=device)), wanted)]
    return dict(zip(tensors, gradients, strict=False)), gradients[len(tensors):]


# --- training -----------------------------------------------------------------------------------------------------


@dataclass
class Examples:
    """Images as columns x (784, m) in [0, 1] with targets t (outputs, m), on a device."""

    x: Any
    t: Any

    @classmethod
    def of(cls, images: Images, outputs: int, dtype: str, device: str) -> Examples:
        """With one output t says whether the digit is a zero, with ten outputs which one it is."""
        x = np.ascontiguousarray(images.pixels.T, dtype)
        t = np.arange(outputs)[:, None] == images.classes
        return cls(tg.tensor(x, device=device), tg.tensor(t.astype(dtype), device=device))


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

    def plain(self) -> dict[str, Any]:
        """For the file of results, with 5 digits and every fifth epoch after the first 50."""
        kept = [e for e in range(len(self.loss)) if e <= 50 or e % 5 == 0]
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

    def stepper(self, data: Examples, parameters: Parameters) -> Callable[[], tuple[Any, Any, Any]]:
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
        data, test = (Examples.of(i, self.sizes[-1], self.dtype, device) for i in (train_images, test_images))
        parameters, curves = self.parameters(device), Curves()
        step = tg.capture(self.stepper(data, parameters))

        @tg.no_grad()
        def look(examples: Examples) -> tuple[Any, Any, Any]:
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
HIDDEN_MISTAKEN = Reading((784, 64, 1), hidden=sigmoid_without_derivative)
CLASSES = Reading((784, 64, 10), drawn=cost_of_classes)
# what else the multiclass network may have been
OTHER_READINGS = {
    "dz = s - t, hidden a (1 - a) left out": Reading((784, 64, 10), drawn=cost_of_classes,
                                                     hidden=sigmoid_without_derivative),
    "dz = s - t, weights from N(0, 1)": Reading((784, 64, 10), drawn=cost_of_classes, normal=True),
    "dz = s - t, weights from N(0, 1), a (1 - a) left out": Reading(
        (784, 64, 10), drawn=cost_of_classes, normal=True, hidden=sigmoid_without_derivative),
    "softmax scores, the derivative of (6)": Reading((784, 64, 10), C=cost_of_softmax, drawn=cost_of_softmax),
    "sigmoid scores, the derivative of (6)": Reading((784, 64, 10), C=cost_of_classes, drawn=cost_of_classes),
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
    worst = 0.0
    for sizes, first, C in [((784, 1), dC_da, cost), ((784, 64, 1), dC_da, cost), ((784, 64, 10), dC_da, cost),
                            ((784, 64, 10), dC_da_of_classes, cost_of_classes)]:
        data = Examples.of(images, sizes[-1], "float64", "cpu")
        x, t, parameters = data.x.numpy(), data.t.numpy(), initial_parameters(sizes)
        derived, derived_z = derived_gradients(x, t, parameters, C)
        by_hand, by_hand_z = backward(t, forward(x, parameters), parameters, first)
        pairs = [*((derived[name], by_hand[name]) for name in parameters), *zip(derived_z, by_hand_z, strict=True)]
        worst = max(worst, *(float(np.abs(one - other).max() / np.abs(other).max()) for one, other in pairs))
    report.find("gradients by (2) and (3)", "dC/dw, dC/db", f"float64, {len(images.classes)} images, and dC/dz",
                f"{worst:.1e} of the largest entry", "right" if worst <= 1e-10 else "WRONG",
                any_images=True)
    return not worst <= 1e-10


def find_mistake(report: Report, images: Images) -> bool:
    """`compare_gradients` is given the mistaken derivation and must name what is missing; True if it does not."""
    data = Examples.of(images, 1, "float64", "cpu")
    x, t, parameters = data.x.numpy(), data.t.numpy(), initial_parameters((784, 64, 1))
    hand, _ = backward(t, forward(x, parameters), parameters, hidden=left_out)

    def loss(**tensors: Any) -> Any:
        return cost(pre_activations(data.x, tensors)[-1], data.t)

    found = compare_gradients(loss, parameters, hand)
    report.series["compare_gradients"] = str(found).splitlines()
    cause = str(found.causes[0]) if found.causes else "no cause found"
    named = [e.ok for e in found.entries] == [False, False, True, True] and "derivative of sigmoid" in cause
    report.find("the hidden layer's gradient", "collapse after epoch 200", "a (1 - a) left out, given to "
                "testing.compare_gradients", cause, "the mistake is named" if named else "NOT FOUND",
                any_images=True)
    return not named


def train_seeds(report: Report, name: str, reading: Reading, images: tuple[Images, Images], epochs: int
                ) -> tuple[Parameters, list[Curves]]:
    """The curves of each seed, written to the results, and the parameters that the first one ends with."""
    with report.timed(name):
        trained = [replace(reading, seed=seed).train(*images, epochs, report.device)
                   for seed in (SEEDS[:1] if report.quick else SEEDS)]
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
    report.find("784-1, accuracy", _published("784-1"), f"{epochs} epochs, float64, seeds 0, 1, ...", accuracies(found),
                "of other images" if report.quick else "agrees" if agrees else "DISAGREES")
    if not report.quick:
        rest = (curves.loss[100] - curves.loss[-1]) / (curves.loss[0] - curves.loss[-1])
        report.find("784-1, loss after epoch 100", "almost constant", "share of the whole fall that comes later",
                    f"{rest:.1%}", "holds" if rest < 0.1 else "does not hold")
    draw_curves(report, "figure-8", "A single neuron, zero against the rest", {"784-1": curves})
    return not (agrees or report.quick)


def find_hidden_layer(report: Report, train_images: Images, test_images: Images, epochs: int) -> bool:
    """784-64-1: the right gradient, and the mistake, which is the report's result; early stopping tried."""
    images = train_images, test_images
    trained, all_right = train_seeds(report, "784-64-1", HIDDEN, images, epochs)
    _, all_mistaken = train_seeds(report, "784-64-1, mistaken", HIDDEN_MISTAKEN, images, epochs)
    right, mistaken = all_right[0], all_mistaken[0]
    share = " / ".join(f"{100 * np.mean(images.classes != 0):.2f}" for images in (train_images, test_images))
    report.find("784-64-1, accuracy", _published("784-64-1"), "the share of images that are no zeros", share,
                "of other images" if report.quick else
                "the report's network never says zero" if share == _published("784-64-1") else "DISAGREES")
    report.find("the same", _published("784-64-1"), f"{epochs} epochs, the gradient by (2)", accuracies(all_right),
                "what the network can do")
    agrees = all(curves.at() == _published("784-64-1") for curves in all_mistaken)
    report.find("the same", _published("784-64-1"), f"{epochs} epochs, a (1 - a) left out in the hidden layer",
                accuracies(all_mistaken), "of other images" if report.quick else "agrees" if agrees else "DISAGREES")
    if not report.quick:  # NumPy's own dtype; twice the time
        with report.timed("784-64-1, mistaken, float64"):
            _, double = replace(HIDDEN_MISTAKEN, dtype="float64").train(*images, epochs, report.device)
        away = max(abs(one - other) for one, other in zip(double.loss, mistaken.loss, strict=True))
        report.find("the same", _published("784-64-1"), "the same in float64, seed 0", double.at(),
                    f"losses differ by {away:.1e} at most from those in float32")

    best = int(np.argmin(mistaken.test_loss))
    report.find("784-64-1, loss", "falls, grows after epoch 200", "a (1 - a) left out",
                f"lowest at epoch {best}: {mistaken.loss[best]:.4f} / {mistaken.test_loss[best]:.4f}, at the end "
                f"{mistaken.loss[-1]:.4f} / {mistaken.test_loss[-1]:.4f}",
                "the training loss grows as well: no overfitting"
                if mistaken.loss[-1] > mistaken.loss[best] else "no growth")
    report.find("its remedy: early stopping", "stop where the loss begins to grow", f"a (1 - a) left out, epoch {best}",
                mistaken.at(best), f"{mistaken.test_accuracy[best] - mistaken.test_accuracy[-1]:+.2f} points, and "
                f"{mistaken.test_accuracy[best] - right.test_accuracy[-1]:+.2f} beside the right gradient")
    grown = right.test_loss[-1] - min(right.test_loss)
    report.find("the same", "the same", f"the gradient by (2), {epochs} epochs",
                f"test loss at the end {grown:.4f} above its lowest", "nothing to stop" if grown < 1e-3 else "it grows")

    x = Examples.of(test_images, 1, "float32", report.device).x
    slopes = []
    for parameters in (HIDDEN.parameters(report.device), trained):
        a = tg.sigmoid(pre_activations(x, parameters)[0].detach())
        slopes.append((a * (1 - a)).mean().item())
    first, last = right.gradients[0], right.gradients[max(right.gradients)]
    report.find("gradients of the hidden layer", "close to 0 over most of the domain", "784-64-1, rms dC/dw1 : dC/dw2",
                f"1 : {first['w2'] / first['w1']:.0f} before the first epoch, where a (1 - a) is {slopes[0]:.3f} on "
                f"average; 1 : {last['w2'] / last['w1']:.1f} at the end, where it is {slopes[1]:.3f}",
                "the small w2 of the first epochs is what makes it small, not the flat ends of sigmoid")
    draw_curves(report, "figure-9", "A hidden layer: what the report published, and what its network does",
                {"a (1 - a) left out in the hidden layer": mistaken, "the gradient by (2)": right})
    return not (agrees or report.quick)


def find_classes(report: Report, train_images: Images, test_images: Images, epochs: int) -> None:
    """784-64-10: the readings of the index, the jump of figure 10, and whether further iterations help."""
    images = train_images, test_images
    _, found = train_seeds(report, "784-64-10, dz = s - t", CLASSES, images, 2 * epochs)
    curves = found[0]
    passed = next((e for e, value in enumerate(curves.accuracy) if value > PUBLISHED["784-64-10"][0]), None)
    report.find("784-64-10, accuracy", _published("784-64-10"), f"{epochs} epochs, dz = s - t",
                accuracies(found, epochs), f"seed 0 passes {PUBLISHED['784-64-10'][0]} at epoch {passed}")
    gains = ", ".join(f"{one.test_accuracy[-1] - one.test_accuracy[epochs]:+.2f}" for one in found)
    report.find("further iterations", "certainly lead to better accuracy", f"{2 * epochs} epochs, dz = s - t",
                accuracies(found), f"{gains} points")
    table, text = PUBLISHED["784-64-10"][1], PUBLISHED_IN_THE_TEXT["784-64-10"][1]
    report.find("784-64-10, test accuracy", f"{table} in table I, {text} in the text", "10,000 test images",
                f"{round((text - table) * 100)} images apart", "at least one is wrong")
    top = int(np.argmax(curves.loss))
    report.find("jump of the loss at the start", "weights far from optimal", "dz = s - t",
                f"(6): {curves.loss[0]:.2f} -> {curves.loss[top]:.2f} at epoch {top}; binary cross-entropy "
                f"{curves.descended[0]:.2f} -> {curves.descended[top]:.2f}",
                "what is descended falls: the loss that is drawn is another one")
    readings = {}
    for name, reading in OTHER_READINGS.items():
        _, found = train_seeds(report, f"784-64-10, {name}", reading, images, epochs)
        readings[name] = found[0]
        away = np.mean([one.test_accuracy[-1] for one in found]) - PUBLISHED["784-64-10"][1]
        report.find("784-64-10, accuracy", _published("784-64-10"), f"{epochs} epochs, {name}", accuracies(found),
                    "of other images" if report.quick else f"{away:+.2f} points on the test set")
    useless = readings["sigmoid scores, the derivative of (6)"]
    report.find("(6) with sigmoid scores", "the loss of the report", "its own derivative is descended",
                f"loss {useless.loss[0]:.3f} -> {useless.loss[-1]:.5f} with {useless.test_accuracy[-1]:.2f} % right",
                "all scores go to 1: (6) needs softmax")
    first = Curves(curves.descended[:epochs + 1], curves.loss[:epochs + 1], curves.accuracy[:epochs + 1],
                   curves.test_loss[:epochs + 1], curves.test_accuracy[:epochs + 1])
    draw_curves(report, "figure-10", "Ten classes: (6) is drawn, but something else is descended",
                {"dz = s - t": first, "softmax scores, the derivative of (6)":
                 readings["softmax scores, the derivative of (6)"]})


def find_vanishing(report: Report, images: Images) -> None:
    """The gradient of each layer before the first step, for networks with up to 6 hidden layers of 64 sigmoids."""
    data = Examples.of(images, 10, "float64", "cpu")
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
            layers[f"{scale}, {depth} hidden"] = [float(np.sqrt((d**2).mean())) for d in dC_dz]
        deepest = layers[f"{scale}, {depths[-1]} hidden"]
        factor = (deepest[0] / deepest[-1]) ** (1 / (len(deepest) - 1))
        report.find("vanishing gradients", "slower and harder", f"{depths[-1]} hidden layers of 64, weights {scale}, "
                    "rms dC/dz before the first step", f"{deepest[-1]:.1e} at the output, {deepest[0]:.1e} at the "
                    f"first layer: 1 / {1 / factor:.0f} per layer",
                    "a (1 - a) makes 1 / 4 of it in each layer, the weights the rest",
                    any_images=True)
    report.series["rms dC/dz by layer, before the first step"] = layers
    draw_vanishing(report, layers)


def find_times(report: Report, images: Images) -> None:
    """An epoch captured, eager, and with the report's own formulas."""
    data = Examples.of(images, 1, "float32", report.device)
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
                f"capturing gains {100 * (gain - 1):.0f} %: these are large arrays",
                any_images=True)
    report.series["seconds of an epoch"] = {name: time.best for name, time in times.items()}


def _published(network: str) -> str:
    return "{:.2f} / {:.2f}".format(*PUBLISHED[network])


# --- the figures --------------------------------------------------------------------------------------------------


def draw_functions(report: Report) -> None:
    """Figures 5 and 6: sigmoid, with its derivative, and the cross-entropy of one example."""
    if report.pictures is None:
        return
    from tinygrad_lite.pictures import BLUE, ORANGE, figure

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
        _tidy(axes)
    left.legend(frameon=False, loc="upper left")
    report.picture("figures-5-6", made)


def draw_curves(report: Report, name: str, title: str, panels: dict[str, Curves]) -> None:
    """Loss curves of training and test images, one panel for each training."""
    if report.pictures is None:
        return
    from tinygrad_lite.pictures import BLUE, ORANGE, figure

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
        _tidy(axes)
    report.picture(name, made)


def draw_vanishing(report: Report, layers: dict[str, list[float]]) -> None:
    """The gradient by layer, one panel for each distribution of weights, one line for each depth."""
    if report.pictures is None:
        return
    from tinygrad_lite.pictures import BLUE, figure

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
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    report.picture("vanishing", made)


def _tidy(axes: Axes) -> None:
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
