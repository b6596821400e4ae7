"""hai: dense and convolutional networks in plain Python, one image at a time; two losses and two times compared.

Hai Nguyen Ngoc's report on networks without NumPy. An image is a list of channels, each a list of rows; the values of
a dense layer are a column [[x_1], ..., [x_n]]. Its layers are described there and their equations are not printed: all
that stand here are derived by us, as loops over such lists.

    MLP: dense, tanh, dense, tanh; MSE                                                          (ten classes)
    CNN-simple: convolution 5 x 5, sigmoid, reshape, dense (sigmoid, dense), sigmoid; BCE       (two classes)
    CNN-full: the same with max pooling 2 x 2 behind the convolution: 24 x 24 become 12 x 12

What the report leaves open: the number of kernels, hidden layers and their sizes, the initial weights, the learning
rate, which two classes and how many images, its CNNs' losses and times (they are in pictures), what it ran them on, and
whether its error is a mean or a sum over the ten outputs. Read here: classes 0 and 1, the first 100 images of each; one
bias for each kernel; the rest in all combinations of `READINGS`. What this module shows:

- CNN-full is faster where hidden units stand behind it, as the report explains; without them the pooling costs what it
  saves.
- That CNN-full begins with a larger loss, before any training, and ends with a smaller one depends on the reading, and
  in the likeliest one on the initial weights: of ten seeds, some agree and some do not.
- The error of the dense network, 0.960, does not tell what it learned. As a mean it is what untrained networks with
  weights N(0, 1) have, whose tanh units are saturated; as a sum over the outputs it is that of networks trained with a
  learning rate of 0.1, most of which read about 40 % of the test images. With weights N(0, 1/n) the network learns.
- It is said to need a massive number of parameters. CNN-simple with a hidden layer has nine times as many.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import tinygrad_lite as tg
from benchmarks import timing
from tinygrad_lite.nn import functional as F

from .report import Images, Report, largest_difference, tidy

Nested: TypeAlias = Any
"""Numbers in lists in lists, as deep as the dimensions."""
Parameters: TypeAlias = dict[str, Any]

DATASETS = ("mnist",)
# the 20 predictions at the end of the report, and the true classes beside them
PUBLISHED_PREDICTIONS = (9, 0, 9, 3, 3, 9, 9, 0, 5, 0, 9, 1, 2, 0, 5, 5, 5, 0, 0, 5)
PUBLISHED_CLASSES = (7, 2, 1, 0, 4, 1, 4, 9, 5, 9, 0, 6, 9, 0, 1, 5, 9, 7, 3, 4)
PUBLISHED_RIGHT = sum(a == b for a, b in zip(PUBLISHED_PREDICTIONS, PUBLISHED_CLASSES, strict=True))
PUBLISHED_ERROR = 0.96009215  # of the MLP, after its last epoch
EPOCHS = 20


# --- the report's layers, as loops over lists ---------------------------------------------------------------------


def elementwise(f: Callable[..., float], *x: Nested) -> Nested:
    """f of the numbers of one or several nested lists of the same shape, one by one."""
    if isinstance(x[0], list):
        return [elementwise(f, *parts) for parts in zip(*x, strict=True)]
    return f(*x)


def dense(x: Nested, W: Nested, b: Nested) -> Nested:
    """y_i = sum_j W_ij x_j + b_i, from a column of n to a column of m. Described; the equation is ours."""
    return [[b_i[0] + sum(w * x_j[0] for w, x_j in zip(row, x, strict=True))] for row, b_i in zip(W, b, strict=True)]


def dense_backward(dy: Nested, x: Nested, y: Nested, W: Nested, b: Nested) -> tuple[Nested, ...]:
    """dx_j = sum_i W_ij dy_i, dW_ij = dy_i x_j, db_i = dy_i. Derived by us."""
    dx = [[sum(W[i][j] * dy[i][0] for i in range(len(W)))] for j in range(len(x))]
    dW = [[dy_i[0] * x_j[0] for x_j in x] for dy_i in dy]
    return dx, dW, dy


def correlate(x: Nested, K: Nested) -> Nested:
    """y[p][q] = sum_uv K[u][v] x[p + u][q + v], where the kernel lies in the image: the valid cross-correlation."""
    height, width = len(x) - len(K) + 1, len(x[0]) - len(K[0]) + 1
    y = [[0.0] * width for _ in range(height)]
    for p, q in product(range(height), range(width)):
        y[p][q] = sum(K[u][v] * x[p + u][q + v] for u in range(len(K)) for v in range(len(K[0])))
    return y


def convolution(x: Nested, K: Nested, c: Nested) -> Nested:
    """y_k = c_k + sum_l correlate(x_l, K_kl), from channels l to kernels k. Described; the equation is ours."""
    y = []
    for K_k, c_k in zip(K, c, strict=True):
        parts = [correlate(x_l, K_kl) for x_l, K_kl in zip(x, K_k, strict=True)]
        y.append(elementwise(lambda *terms, c_k=c_k: c_k + sum(terms), *parts))
    return y


def convolution_backward(dy: Nested, x: Nested, y: Nested, K: Nested, c: Nested) -> tuple[Nested, ...]:
    """The gradients of `convolution`. Derived by us.

    dK_kl = correlate(x_l, dy_k), dc_k = sum_pq dy_k[p][q]; x_l[p + u][q + v] takes part in y_k[p][q] with the factor
    K_kl[u][v], so dx_l is the sum over k of the full convolution of dy_k with K_kl.
    """
    dK = [[correlate(x_l, dy_k) for x_l in x] for dy_k in dy]
    dc = [sum(map(sum, dy_k)) for dy_k in dy]
    dx = elementwise(lambda _: 0.0, x)
    for dy_k, K_k in zip(dy, K, strict=True):
        for dx_l, K_kl in zip(dx, K_k, strict=True):
            for p, q in product(range(len(dy_k)), range(len(dy_k[0]))):
                for u, v in product(range(len(K_kl)), range(len(K_kl[0]))):
                    dx_l[p + u][q + v] += dy_k[p][q] * K_kl[u][v]
    return dx, dK, dc


def max_pool(x: Nested, size: int) -> Nested:
    """The largest number of each window of size x size; windows do not overlap, what is left over is left out."""
    y = [[[0.0] * (len(x_l[0]) // size) for _ in range(len(x_l) // size)] for x_l in x]
    for y_l, x_l in zip(y, x, strict=True):
        for r, s in product(range(len(y_l)), range(len(y_l[0]))):
            p, q = _largest(x_l, r, s, size)
            y_l[r][s] = x_l[p][q]
    return y


def max_pool_backward(dy: Nested, x: Nested, y: Nested, size: int) -> tuple[Nested]:
    """Each dy goes to where its window was largest, to the first such place. Derived by us."""
    dx = elementwise(lambda _: 0.0, x)
    for dx_l, x_l, dy_l in zip(dx, x, dy, strict=True):
        for r, row in enumerate(dy_l):
            for s, value in enumerate(row):
                p, q = _largest(x_l, r, s, size)
                dx_l[p][q] += value
    return (dx,)


def _largest(x: Nested, r: int, s: int, size: int) -> tuple[int, int]:
    """Where window (r, s) of a channel is largest."""
    places = product(range(r * size, (r + 1) * size), range(s * size, (s + 1) * size))
    return max(places, key=lambda place: x[place[0]][place[1]])


def reshape(x: Nested) -> Nested:
    """Channels of rows as one column, row by row."""
    return [[value] for x_l in x for row in x_l for value in row]


def reshape_backward(dy: Nested, x: Nested, y: Nested) -> tuple[Nested]:
    """The column as channels of rows again. Derived by us."""
    values = iter(dy)
    return (elementwise(lambda _: next(values)[0], x),)


def sigmoid(x: Nested) -> Nested:
    """y = 1 / (1 + e^-x)."""
    return elementwise(lambda v: 1 / (1 + math.exp(-v)), x)


def sigmoid_backward(dy: Nested, x: Nested, y: Nested) -> tuple[Nested]:
    """dx = dy y (1 - y). Derived by us."""
    return (elementwise(lambda d, v: d * v * (1 - v), dy, y),)


def tanh(x: Nested) -> Nested:
    """y = tanh x."""
    return elementwise(math.tanh, x)


def tanh_backward(dy: Nested, x: Nested, y: Nested) -> tuple[Nested]:
    """dx = dy (1 - y^2). Derived by us."""
    return (elementwise(lambda d, v: d * (1 - v * v), dy, y),)


def relu(x: Nested) -> Nested:
    """y = max(0, x)."""
    return elementwise(lambda v: max(0.0, v), x)


def relu_backward(dy: Nested, x: Nested, y: Nested) -> tuple[Nested]:
    """dx = dy where x > 0, else 0. Derived by us."""
    return (elementwise(lambda d, v: d if v > 0 else 0.0, dy, x),)


def softmax(x: Nested) -> Nested:
    """y_i = e^x_i / sum_k e^x_k of a column; the largest x is subtracted first, which changes nothing."""
    top = max(x_i[0] for x_i in x)
    e = [math.exp(x_i[0] - top) for x_i in x]
    return [[e_i / sum(e)] for e_i in e]


def softmax_backward(dy: Nested, x: Nested, y: Nested) -> tuple[Nested]:
    """dx_i = sum_j y_i ([i = j] - y_j) dy_j: a matrix, and so no `Activation` like the others. Derived by us."""
    n = range(len(y))
    return ([[sum(y[i][0] * ((i == j) - y[j][0]) * dy[j][0] for j in n)] for i in n],)


def mse(y: Nested, t: Nested) -> float:
    """1/n sum_i (y_i - t_i)^2."""
    return float(sum((y_i[0] - t_i[0]) ** 2 for y_i, t_i in zip(y, t, strict=True)) / len(y))


def mse_backward(y: Nested, t: Nested) -> Nested:
    """dy_i = 2/n (y_i - t_i). Derived by us."""
    return elementwise(lambda y_i, t_i: 2 * (y_i - t_i) / len(y), y, t)


def binary_cross_entropy(y: Nested, t: Nested) -> float:
    """-1/n sum_i (t_i log y_i + (1 - t_i) log(1 - y_i)); ValueError where a unit is saturated, as log 0 is."""
    return -float(sum(t_i[0] * math.log(y_i[0]) + (1 - t_i[0]) * math.log(1 - y_i[0])
                      for y_i, t_i in zip(y, t, strict=True)) / len(y))


def binary_cross_entropy_backward(y: Nested, t: Nested) -> Nested:
    """dy_i = 1/n ((1 - t_i) / (1 - y_i) - t_i / y_i). Derived by us."""
    return elementwise(lambda y_i, t_i: ((1 - t_i) / (1 - y_i) - t_i / y_i) / len(y), y, t)


BY_HAND: dict[str, tuple[Callable[..., Nested], Callable[..., tuple[Nested, ...]]]] = {
    "dense": (dense, dense_backward), "convolution": (convolution, convolution_backward),
    "max_pool": (max_pool, max_pool_backward), "reshape": (reshape, reshape_backward),
    "sigmoid": (sigmoid, sigmoid_backward), "tanh": (tanh, tanh_backward), "relu": (relu, relu_backward),
    "softmax": (softmax, softmax_backward)}
"""kind of layer -> (x, parameters or settings) -> y, and (dy, x, y, the same) -> dx and the parameters' gradients."""
LOSSES_BY_HAND: dict[str, tuple[Callable[[Nested, Nested], float], Callable[[Nested, Nested], Nested]]] = {
    "mse": (mse, mse_backward), "bce": (binary_cross_entropy, binary_cross_entropy_backward)}


# --- the same with derived gradients ------------------------------------------------------------------------------

DERIVED: dict[str, Callable[..., Any]] = {
    "dense": lambda x, W, b: x @ W.T + b.T, "convolution": F.conv2d, "max_pool": F.max_pool2d,
    "reshape": lambda x: x.flatten(1), "sigmoid": tg.sigmoid, "tanh": tg.tanh, "relu": tg.relu,
    "softmax": lambda x: tg.softmax(x, 1)}
"""kind of layer -> the same in the library, whose examples are rows (or images) of a batch."""
LOSSES: dict[str, Callable[..., Any]] = {"mse": F.mse_loss, "bce": F.binary_cross_entropy}


# --- networks -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layer:
    """A layer: its kind, its settings, the shapes of its parameters by name, and the shape of what it returns."""

    kind: str
    shape: tuple[int, ...]
    parameters: dict[str, tuple[int, ...]] = field(default_factory=dict)
    settings: tuple[int, ...] = ()

    def arguments(self, parameters: Parameters) -> list[Any]:
        """What it takes beside x."""
        return [*(parameters[name] for name in self.parameters), *self.settings]


Network: TypeAlias = Sequence[Layer]


def network(shape: tuple[int, ...], *layers: str) -> list[Layer]:
    """The layers that words describe, on images or columns of `shape`: "convolution 3 5", "max_pool 2", "dense 10".

    These are 3 kernels of 5 x 5, windows of 2 x 2, and 10 outputs. Parameters are called K, c and W, b with the
    number of the layer.
    """
    made: list[Layer] = []
    for number, words in enumerate(layers, 1):
        kind, *settings = words.split()
        numbers = tuple(map(int, settings))
        parameters: dict[str, tuple[int, ...]] = {}
        if kind == "dense":
            parameters = {f"W{number}": (numbers[0], shape[0]), f"b{number}": (numbers[0], 1)}
            shape, numbers = (numbers[0], 1), ()
        elif kind == "convolution":
            kernels, size = numbers
            parameters = {f"K{number}": (kernels, shape[0], size, size), f"c{number}": (kernels,)}
            shape, numbers = (kernels, shape[1] - size + 1, shape[2] - size + 1), ()
        elif kind == "max_pool":
            shape = (shape[0], shape[1] // numbers[0], shape[2] // numbers[0])
        elif kind == "reshape":
            shape = (math.prod(shape), 1)
        made.append(Layer(kind, shape, parameters, numbers))
    return made


def mlp(hidden: int = 40) -> list[Layer]:
    """The dense network; the size of its hidden layer is ours."""
    return network((784, 1), f"dense {hidden}", "tanh", "dense 10", "tanh")


def cnn(pool: int | None, kernels: int = 5, hidden: int = 0, classes: int = 2) -> list[Layer]:
    """CNN-full with windows of `pool`, or CNN-simple with None; `hidden` units between, or 0 for none."""
    pooling = [f"max_pool {pool}"] if pool else []
    between = [f"dense {hidden}", "sigmoid"] if hidden else []
    return network((1, 28, 28), f"convolution {kernels} 5", "sigmoid", *pooling, "reshape", *between,
                   f"dense {classes}", "sigmoid")


def count(layers: Network) -> int:
    """The number of parameters."""
    return sum(math.prod(shape) for layer in layers for shape in layer.parameters.values())


def initial_parameters(layers: Network, seed: int, scaled: bool = False) -> dict[str, NDArray[np.float64]]:
    """N(0, 1), or N(0, 1/n) where n numbers enter a unit; of biases as well."""
    random = np.random.default_rng(seed)
    parameters = {}
    for layer in layers:
        entering = 1
        for name, shape in layer.parameters.items():
            entering = max(entering, math.prod(shape[1:]))  # of the weights, which come first
            parameters[name] = random.standard_normal(shape) / (math.sqrt(entering) if scaled else 1)
    return parameters


def forward(layers: Network, parameters: Parameters, x: Nested) -> list[Nested]:
    """[x, what each layer returns], by hand; parameters and x as nested lists."""
    values = [x]
    for layer in layers:
        values.append(BY_HAND[layer.kind][0](values[-1], *layer.arguments(parameters)))
    return values


def backward(layers: Network, parameters: Parameters, values: list[Nested], t: Nested, loss: str
             ) -> tuple[Parameters, list[Nested]]:
    """The gradients of the parameters by name, and of x and of what each layer returns, by hand."""
    gradients: Parameters = {}
    deltas = [LOSSES_BY_HAND[loss][1](values[-1], t)]
    for layer, x, y in zip(reversed(layers), values[-2::-1], values[::-1], strict=False):
        dx, *found = BY_HAND[layer.kind][1](deltas[0], x, y, *layer.arguments(parameters))
        gradients |= zip(layer.parameters, found, strict=True)
        deltas.insert(0, dx)
    return gradients, deltas


def outputs(layers: Network, parameters: Parameters, x: Any) -> list[Any]:
    """[x, what each layer returns] as Tensors, of a batch."""
    values = [x]
    for layer in layers:
        values.append(DERIVED[layer.kind](values[-1], *layer.arguments(parameters)))
    return values


def hand_derived_gradients(layers: Network, parameters: Parameters, x: Any, t: Any, loss: str
                           ) -> tuple[Parameters, list[Any]]:
    """`forward`, then `backward`, for the arrays x (columns are (n, 1)) and t (classes, 1); gradients as arrays."""
    lists = {name: value.tolist() for name, value in parameters.items()}
    values = forward(layers, lists, x.tolist())
    gradients, deltas = backward(layers, lists, values, t.tolist(), loss)
    return {name: np.array(gradients[name]) for name in parameters}, [np.array(delta) for delta in deltas]


def derived_gradients(layers: Network, parameters: Parameters, x: Any, t: Any, loss: str, device: str = "cpu"
                      ) -> tuple[Parameters, list[Any]]:
    """What `hand_derived_gradients` returns, derived by the library."""
    tensors = {name: tg.tensor(value, device=device, requires_grad=True) for name, value in parameters.items()}
    batch = tg.tensor(x.T if x.ndim == 2 else x[None], device=device, requires_grad=True)
    values = outputs(layers, tensors, batch)
    value = LOSSES[loss](values[-1], tg.tensor(t.T, device=device))
    found = [g.cpu().numpy() for g in tg.autograd.grad(value, [*tensors.values(), *values])]
    deltas = [g.T if g.ndim == 2 else g[0] for g in found[len(tensors):]]
    return dict(zip(tensors, found, strict=False)), deltas


# --- training -----------------------------------------------------------------------------------------------------


@dataclass
class Examples:
    """Images (N, 1, 28, 28), or rows (N, 784), and targets (N, classes), float64 Tensors."""

    x: Any
    t: Any

    @classmethod
    def of(cls, images: Images, layers: Network, device: str) -> Examples:
        """Images as a network takes them."""
        x = images.pixels if layers[0].kind == "dense" else images.pixels.reshape(-1, 1, 28, 28)
        t = (images.classes[:, None] == np.arange(layers[-1].shape[0])).astype(np.float64)
        return cls(tg.tensor(x, device=device), tg.tensor(t, device=device))


def zeros_and_ones(images: Images, each_class: int | None = None, seed: int = 0) -> Images:
    """The first images of 0 and of 1, or all of them, shuffled."""
    chosen = np.concatenate([np.flatnonzero(images.classes == digit)[:each_class] for digit in (0, 1)])
    chosen = np.random.default_rng(seed).permutation(chosen)
    return Images(images.pixels[chosen], images.classes[chosen])


def stepper(layers: Network, tensors: Parameters, loss: str, learning_rate: float) -> Callable[[Any, Any], Any]:
    """A function (x, t) that makes one step on a batch of one and returns the loss before it."""
    optimizer = tg.optim.SGD(tensors.values(), lr=learning_rate)

    def step(x: Any, t: Any) -> Any:
        value = LOSSES[loss](outputs(layers, tensors, x)[-1], t)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value

    return step


def stepper_by_hand(layers: Network, parameters: Parameters, loss: str, learning_rate: float
                    ) -> Callable[[Nested, Nested], float]:
    """The same with lists in the place of Tensors: what the report's program does."""
    def step(x: Nested, t: Nested) -> float:
        values = forward(layers, parameters, x)
        gradients, _ = backward(layers, parameters, values, t, loss)
        for name, gradient in gradients.items():
            parameters[name] = elementwise(lambda p, g: p - learning_rate * g, parameters[name], gradient)
        return LOSSES_BY_HAND[loss][0](values[-1], t)

    return step


def tensors_of(parameters: Parameters, device: str) -> Parameters:
    """The parameters as Tensors that require grad."""
    return {name: tg.tensor(value, device=device, requires_grad=True) for name, value in parameters.items()}


def train(layers: Network, images: Images, loss: str, learning_rate: float, epochs: int, seed: int = 0,
          scaled: bool = False, device: str = "cpu") -> tuple[Parameters, list[float]]:
    """Train on one image at a time, in the order given.

    Returns:
        The parameters, and the curve: the mean loss before the first step, then that of the steps of each epoch.
    """
    tensors = tensors_of(initial_parameters(layers, seed, scaled), device)
    data = Examples.of(images, layers, device)
    pairs = [(data.x[i:i + 1], data.t[i:i + 1]) for i in range(len(images.classes))]
    curve = [LOSSES[loss](answers(layers, tensors, data.x), data.t).item()]
    step = tg.capture(stepper(layers, tensors, loss, learning_rate))
    curve += [sum(step(x, t).item() for x, t in pairs) / len(pairs) for _ in range(epochs)]
    return tensors, curve


def answers(layers: Network, tensors: Parameters, x: Any) -> Any:
    """What the last layer returns for all of x, as a Tensor that requires no grad."""
    with tg.no_grad():
        return tg.cat([outputs(layers, tensors, x[i:i + 500])[-1] for i in range(0, len(x), 500)])


def predicted(layers: Network, tensors: Parameters, images: Images, device: str) -> NDArray[np.int64]:
    """The class of each image."""
    found = answers(layers, tensors, Examples.of(images, layers, device).x)
    classes: NDArray[np.int64] = found.argmax(1).cpu().numpy()
    return classes


def accuracy(layers: Network, tensors: Parameters, images: Images, device: str) -> float:
    """Per cent of the images that are classified rightly."""
    return float((predicted(layers, tensors, images, device) == images.classes).mean() * 100)


# --- the experiments ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reading:
    """What the report leaves open of its convolutional networks."""

    kernels: int
    hidden: int
    learning_rate: float
    scaled: bool
    seed: int = 0

    @property
    def network(self) -> str:
        """The kernels and the hidden units, in words."""
        return _network(self.kernels, self.hidden)

    @property
    def weights(self) -> str:
        """The distribution of the initial parameters."""
        return "N(0, 1/n)" if self.scaled else "N(0, 1)"

    @property
    def kind(self) -> str:
        """All but the seed."""
        return f"{self.network}, lr {self.learning_rate}, {self.weights}"

    def __str__(self) -> str:
        return f"{self.kind}, seed {self.seed}"


def _network(kernels: int, hidden: int) -> str:
    return f"{kernels} kernel{'s' * (kernels > 1)}, {hidden or 'no'} hidden units"


READINGS = [Reading(*settings) for settings in product((1, 5), (0, 100), (0.1, 0.01), (False, True), (0, 1))]
# The settings of mnist_conv.py in github.com/TheIndependentCode/Neural-Network, a program that prints such lines as the
# report; its kernels are 3 x 3, with a bias for each of their outputs.
LIKELIEST = [Reading(5, 100, 0.1, False, seed) for seed in range(10)]
POOLING = {"simple": None, "full": 2}  # the windows of the two networks


@dataclass(frozen=True)
class Pair:
    """CNN-simple and CNN-full, trained alike: the curves of `train`, and the accuracies on test images."""

    reading: Reading
    losses: dict[str, list[float]]
    accuracy: dict[str, float]

    def full_is_larger(self, epoch: int) -> bool:
        """Whether CNN-full's loss is the larger one: before the first step (0), in an epoch, in the last one (-1)."""
        return self.losses["full"][epoch] > self.losses["simple"][epoch]


def run(report: Report) -> int:
    """All experiments; 0 if derived and hand-derived gradients agree."""
    images, test = report.images(train=True), report.images(train=False)
    wrong = check_gradients(report, images)
    find_times(report, images)
    find_two_classes(report, images, test)
    find_dense(report, images, test)
    find_ten_classes(report, images, test)
    find_pooling(report, images, test)
    return int(wrong)


def check_gradients(report: Report, images: Images) -> bool:
    """Each network in its full size on one image: every gradient by loops against the derived one; True if wrong."""
    pairs: list[tuple[Any, Any]] = []
    with report.timed("gradients", [0]):
        for loss, layers in (("mse", mlp()), ("bce", cnn(None, hidden=20)), ("bce", cnn(2, hidden=20))):
            data = Examples.of(images.first(1), layers, "cpu")
            x = data.x.numpy().T if data.x.ndim == 2 else data.x.numpy()[0]
            problem = (layers, initial_parameters(layers, 0, scaled=True), x, data.t.numpy().T, loss)
            derived, deltas = derived_gradients(*problem, report.device)
            by_hand, deltas_by_hand = hand_derived_gradients(*problem)
            pairs += [(derived[name], by_hand[name]) for name in by_hand]
            pairs += zip(deltas, deltas_by_hand, strict=True)
    worst = largest_difference(pairs)
    right = worst <= 1e-10
    report.find("forward and backward of the layers", "described, not printed", "loops over lists, float64, MLP and "
                "both CNNs in full size", f"{worst:.1e} of the largest entry", "right" if right else "WRONG",
                any_images=True)
    return not right


def steps(layers: Network, images: Images, device: str) -> dict[str, Callable[[], object]]:
    """A training step on the first image with BCE: by loops over lists, eager, and captured."""
    data = Examples.of(images.first(1), layers, device)
    parameters = initial_parameters(layers, 0, scaled=True)
    lists = {key: value.tolist() for key, value in parameters.items()}
    by_hand = stepper_by_hand(layers, lists, "bce", 0.01)
    eager = stepper(layers, tensors_of(parameters, device), "bce", 0.01)
    captured = tg.capture(stepper(layers, tensors_of(parameters, device), "bce", 0.01))
    return {"plain Python": partial(by_hand, data.x.cpu().numpy()[0].tolist(), data.t.cpu().numpy().T.tolist()),
            "eager": partial(eager, data.x, data.t), "captured": partial(captured, data.x, data.t)}


def find_times(report: Report, images: Images) -> None:
    """A step of both CNNs in plain Python, eager and captured; and of CNN-simple with two and with ten classes."""
    seconds: dict[str, dict[str, float]] = {}
    for kernels, hidden in ((5, 20),) if report.quick else product((1, 5), (0, 100)):
        reading = _network(kernels, hidden)
        networks = {name: cnn(pool, kernels, hidden) for name, pool in POOLING.items()}
        with report.timed("time of a step", [0]):
            seconds[reading] = _seconds(report, networks, images)
        typical = seconds[reading]
        pairs = {way: (typical[f"full, {way}"], typical[f"simple, {way}"]) for way in ("plain Python", "captured")}
        report.find("CNN-full is faster", "as it has 12 x 12 instead of 24 x 24 numbers", f"{reading}, a step",
                    "; ".join(f"{way} {full * 1e3:.2f} against {simple * 1e3:.2f} ms"
                              for way, (full, simple) in pairs.items()),
                    "; ".join(f"{way}: {simple / full:.2f} times as fast" for way, (full, simple) in pairs.items()),
                    any_images=True)
    plain, eager, captured = (typical[f"simple, {way}"] for way in ("plain Python", "eager", "captured"))
    report.find("plain Python, eager and captured", "without libraries like NumPy", f"CNN-simple, {reading}, a step",
                f"plain Python {plain * 1e3:.1f} ms, eager {eager * 1e3:.2f} ms, captured {captured * 1e3:.2f} ms",
                f"captured {eager / captured:.1f} times as fast as eager, {plain / captured:.0f} times as fast as "
                "plain Python", any_images=True)
    for hidden in (20,) if report.quick else (0, 100):
        reading = f"CNN-simple, {_network(5, hidden)}, a step in plain Python"
        networks = {f"{classes} classes": cnn(None, 5, hidden, classes) for classes in (2, 10)}
        with report.timed("time of a step", [0]):
            seconds[reading] = _seconds(report, networks, images, ["plain Python"])
        two, ten = seconds[reading].values()
        report.find("two classes", "as ten would be too much to compute", reading,
                    f"2 classes {two * 1e3:.2f} ms, 10 classes {ten * 1e3:.2f} ms",
                    f"ten take {ten / two:.2f} times as long", any_images=True)
    report.series["seconds of a step"] = seconds


def _seconds(report: Report, networks: Mapping[str, Network], images: Images,
             ways: Sequence[str] = ("plain Python", "eager", "captured")) -> dict[str, float]:
    """The time of a step of each network in each way.

    Medians: on a machine shared with others the best round of one of them may have had it for itself.
    """
    found: dict[str, float] = {}
    made = {name: steps(layers, images, report.device) for name, layers in networks.items()}
    for way in ways:  # slow ones get fewer rounds
        candidates = {f"{name}, {way}": each[way] for name, each in made.items()}
        rounds = 2 if report.quick else 9 if way == "plain Python" else 99
        times = timing.measure(candidates, rounds=rounds, device=report.device)
        found |= {name: time.median for name, time in times.items()}
    return found


def find_two_classes(report: Report, images: Images, test: Images) -> None:
    """CNN-simple and CNN-full on zeros and ones, in every reading, and in the likeliest one with more seeds."""
    test = zeros_and_ones(test)
    all_readings, one_reading = (READINGS[:2], LIKELIEST[:1]) if report.quick else (READINGS, LIKELIEST)
    trained = {reading: train_pair(report, reading, images, test)
               for reading in dict.fromkeys([*all_readings, *one_reading])}
    report.series["two classes"] = [{"reading": str(reading), "losses": pair.losses, "accuracy": pair.accuracy}
                                    for reading, pair in trained.items()]
    pairs, likeliest = ([trained[reading] for reading in readings] for readings in (all_readings, one_reading))
    judge_losses(report, pairs, f"{len(pairs)} pairs of networks")
    kinds: dict[str, list[bool]] = {}
    for pair in pairs:
        kinds.setdefault(f"{pair.reading.network}, {pair.reading.weights}", []).append(not pair.full_is_larger(-1))
    where = [f"{kind}: {sum(found)} of {len(found)}" for kind, found in kinds.items() if any(found)]
    report.find("where CNN-full's is smaller at the end", "-", f"{len(kinds)} kinds of readings",
                "; ".join(where) or "nowhere", f"always in {sum(map(all, kinds.values()))} of {len(kinds)}")
    judge_losses(report, likeliest, f"{one_reading[0].kind}, {_seeds(len(likeliest))}")
    for name in POOLING:
        values = [pair.accuracy[name] for pair in pairs]
        report.find(f"CNN-{name}: predicted well", "no figure", f"{len(test.classes):,} test images of 0 and 1",
                    f"{np.median(values):.2f} % right (median; {min(values):.2f} to {max(values):.2f})",
                    how_often([value > 90 for value in values]))
    simple, full = (count(cnn(pool, hidden=100)) for pool in (None, 2))
    report.find("why it begins with a larger loss", "CNN-full is more complicated",
                "parameters, 5 kernels, 100 hidden units", f"{full:,} against {simple:,}",
                f"{full / simple:.2f} times as many", any_images=True)
    draw_losses(report, pairs)


def train_pair(report: Report, reading: Reading, images: Images, test: Images) -> Pair:
    """Both networks on the first 100 images of 0 and of 1, in the order that the seed gives."""
    chosen = zeros_and_ones(images, 10 if report.quick else 100, reading.seed)
    losses, right = {}, {}
    for name, pool in POOLING.items():
        layers = cnn(pool, reading.kernels, reading.hidden)
        with report.timed(f"CNN-{name}, two classes", [reading.seed]):
            tensors, curve = train(layers, chosen, "bce", reading.learning_rate, 3 if report.quick else EPOCHS,
                                   reading.seed, reading.scaled, report.device)
        losses[name] = [round(value, 6) for value in curve]
        right[name] = accuracy(layers, tensors, test, report.device)
    return Pair(reading, losses, right)


def judge_losses(report: Report, pairs: Sequence[Pair], reading: str) -> None:
    """What holds of the report's two sentences on the losses; its reason says that the beginning is before training."""
    # The learning rate has no part in the beginning.
    beginnings = [*{replace(pair.reading, learning_rate=0): pair.full_is_larger(0) for pair in pairs}.values()]
    first = [pair.full_is_larger(1) for pair in pairs]
    lower = [not pair.full_is_larger(-1) for pair in pairs]
    both = [pair.full_is_larger(0) and end for pair, end in zip(pairs, lower, strict=True)]
    n = len(pairs)
    report.find("loss before the first step", "CNN-full's is larger", reading,
                f"larger in {sum(beginnings)} of {len(beginnings)}", how_often(beginnings))
    report.find("loss of the first epoch", "CNN-full's is larger", reading, f"larger in {sum(first)} of {n}",
                how_often(first))
    report.find("loss of the last epoch", "CNN-full's is smaller", reading, f"smaller in {sum(lower)} of {n}",
                how_often(lower))
    report.find("larger before the first step, smaller in the last epoch", "both", reading,
                f"both in {sum(both)} of {n}", how_often(both))


def how_often(found: Sequence[bool]) -> str:
    """A verdict on a claim that was tried several times."""
    return "holds" if all(found) else "holds in some" if any(found) else "does not hold"


@dataclass(frozen=True)
class Trained:
    """What became of a dense network: the error of the last epoch, per cent of the test images right, per cent of the
    outputs beyond 0.99, and how many of the 20 images are right that the report shows."""

    error: float
    right: float
    saturated: float
    of_twenty: int


def find_dense(report: Report, images: Images, test: Images) -> None:
    """The MLP: what its published error can mean, and what it does with other rates, epochs, weights and images."""
    report.find("MLP: its 20 predictions", f"{PUBLISHED_RIGHT} of 20 right", "the first 20 test images of MNIST",
                "the true classes agree" if test.classes[:20].tolist() == [*PUBLISHED_CLASSES] else "OTHER IMAGES",
                f"guessing has {PUBLISHED_RIGHT} or more right with probability "
                f"{1 - at_most(PUBLISHED_RIGHT - 1, 20, 0.1):.2f}")
    layers, few = mlp(), images.first(100 if report.quick else 1000)
    find_untrained(report, layers, few)
    epochs, seeds, rest = (2, range(1), range(2)) if report.quick else (EPOCHS, range(3), range(10))
    base = f"784-40-10, tanh, {len(few.classes):,} images, {epochs} epochs, lr 0.01, N(0, 1)"
    error, unfit = f"{PUBLISHED_ERROR:.4f} after epoch 19", "a dense network is not appropriate for images"
    # reading: published, images, epochs, learning rate, N(0, 1/n) instead of N(0, 1), seeds; one or two changes
    readings: dict[str, tuple[str, Images, int, float, bool, range]] = {
        base: (error, few, epochs, 0.01, False, seeds),
        f"{5 * epochs} epochs": ("the epochs were not enough", few, 5 * epochs, 0.01, False, seeds),
        "lr 0.001": (error, few, epochs, 0.001, False, seeds),
        "lr 0.1": (error, few, epochs, 0.1, False, rest),
        f"lr 0.1 and {5 * epochs} epochs": ("the epochs were not enough", few, 5 * epochs, 0.1, False, seeds),
        "N(0, 1/n)": (unfit, few, epochs, 0.01, True, seeds)}
    if not report.quick:
        readings["N(0, 1/n) and all 60,000 images, 5 epochs"] = (unfit, images, 5, 0.01, True, range(1))
    runs: dict[str, list[Trained]] = {}
    curves: dict[str, Any] = {}
    for reading, (published, chosen, length, rate, scaled, numbers) in readings.items():
        for seed in numbers:
            with report.timed("MLP", [seed]):
                tensors, losses = train(layers, chosen, "mse", rate, length, seed, scaled, report.device)
            last = answers(layers, tensors, Examples.of(few, layers, report.device).x)
            found = predicted(layers, tensors, test, report.device) == test.classes
            trained = Trained(losses[-1], float(found.mean() * 100), (last.abs() > 0.99).double().mean().item() * 100,
                              int(found[:20].sum()))
            runs.setdefault(reading, []).append(trained)
            curves[f"{reading}, seed {seed}"] = {"losses": losses, **asdict(trained)}
        errors, points = [run.error for run in runs[reading]], np.mean([run.right for run in runs[reading]])
        report.find("MLP, mean squared error", published,
                    (reading if reading == base else f"the same, but {reading}") + f", {_seeds(len(numbers))}",
                    f"error {_range(errors, 3)}, {_range([run.right for run in runs[reading]], 1)} % right, "
                    f"{_range([run.saturated for run in runs[reading]], 0)} % of the outputs beyond 0.99",
                    beside(errors) + ("" if reading == base else
                                      f", {points - np.mean([run.right for run in runs[base]]):+.1f} points"))
    report.series["MLP"] = curves
    judge_sum(report, runs["lr 0.1"], few)


def judge_sum(report: Report, runs: Sequence[Trained], images: Images) -> None:
    """The published error, read as a sum over the ten outputs: the mean error of a tenfold learning rate, times ten."""
    sums, median = [10 * run.error for run in runs], float(np.median([run.right for run in runs]))
    published = f"{PUBLISHED_ERROR:.4f} after epoch 19"
    report.find("MLP, sum of the squared errors", published,
                f"lr 0.01 and a sum over the outputs, which are the runs of lr 0.1 and a mean, {_seeds(len(runs))}",
                f"error {_range(sums, 3)}, {median:.1f} % right (median); {_range([run.of_twenty for run in runs], 0)} "
                "of the 20 published images",
                f"{beside(sums)}; {PUBLISHED_RIGHT} of 20 or fewer in "
                f"{sum(run.of_twenty <= PUBLISHED_RIGHT for run in runs)} of {len(runs)}, and with probability "
                f"{at_most(PUBLISHED_RIGHT, 20, median / 100):.3f} at the median")
    shares = np.bincount(images.classes, minlength=10) / len(images.classes)
    same = float((shares * (1 - shares)).sum())  # the share of class k costs shares[k] (1 - shares[k]) on average
    report.find("MLP, sum of the squared errors", published, "the same answer to every image, the share of each class",
                f"error {same:.3f}", beside([same]))


def find_untrained(report: Report, layers: Network, images: Images) -> None:
    """The error of the MLP before its first step."""
    data = Examples.of(images, layers, report.device)
    for weights, scaled in (("N(0, 1)", False), ("N(0, 1/n)", True)):
        seeds = range(10)
        with report.timed("MLP, untrained", seeds):
            starts = [tensors_of(initial_parameters(layers, seed, scaled), report.device) for seed in seeds]
            errors = [LOSSES["mse"](answers(layers, start, data.x), data.t).item() for start in starts]
        report.find("MLP, mean squared error", f"{PUBLISHED_ERROR:.4f} after epoch 19",
                    f"784-40-10, tanh, {weights}, *before* its first step, {_seeds(len(seeds))}",
                    f"error {_range(errors, 3)}, {np.mean(errors):.3f} on average", beside(errors), any_images=True)


def beside(errors: Sequence[float]) -> str:
    """Where the published error of the MLP is beside some measured ones."""
    if min(errors) <= PUBLISHED_ERROR <= max(errors):
        return "the published error is among them"
    return f"the published error is {'larger' if max(errors) < PUBLISHED_ERROR else 'smaller'}"


def at_most(k: int, n: int, p: float) -> float:
    """The probability of k or fewer successes in n independent trials, each of probability p.

    >>> at_most(1, 2, 0.5)
    0.75
    """
    return math.fsum(math.comb(n, i) * p**i * (1 - p)**(n - i) for i in range(k + 1))


def find_ten_classes(report: Report, images: Images, test: Images) -> None:
    """Dense and convolutional networks on the same images of all classes, with as many epochs and the same loss."""
    dense_one = "dense 784-40-10"
    networks = {dense_one: network((784, 1), "dense 40", "sigmoid", "dense 10", "sigmoid"),
                **{f"CNN-{name}": cnn(pool, classes=10) for name, pool in POOLING.items()}}
    few = images.first(60 if report.quick else 1000)
    found: dict[str, list[float]] = {}
    for name, layers in networks.items():
        for seed in range(1 if report.quick else 3):
            with report.timed(f"ten classes, {name}", [seed]):
                tensors, _ = train(layers, few, "bce", 0.5, 2 if report.quick else EPOCHS, seed, True, report.device)
            found.setdefault(name, []).append(accuracy(layers, tensors, test, report.device))
        report.find("a dense network is not appropriate", "needs a massive number of parameters",
                    f"{name}, {count(layers):,} parameters, {len(few.classes):,} images of ten classes, BCE, "
                    f"{_seeds(len(found[name]))}",
                    f"{_range(found[name], 1)} % of the test images right",
                    "-" if name == dense_one else
                    f"{np.mean(found[name]) - np.mean(found[dense_one]):+.1f} points with "
                    f"{count(layers) / count(networks[dense_one]):.1f} times the parameters")
    report.series["ten classes"] = found


def find_pooling(report: Report, images: Images, test: Images) -> None:
    """CNN-full with windows of 1 to 24: how much of the image may be pooled away."""
    few, epochs, seeds = (images.first(60), 2, range(1)) if report.quick else (
        images.first(1000), EPOCHS // 2, range(2))
    found: dict[int, list[float]] = {}
    trained: dict[int, Parameters] = {}
    for size in (1, 2, 12) if report.quick else (1, 2, 3, 4, 6, 8, 12, 24):
        layers = cnn(size, classes=10)
        for seed in seeds:
            with report.timed("pooling", [seed]):
                tensors, _ = train(layers, few, "bce", 0.5, epochs, seed, True, report.device)
            found.setdefault(size, []).append(accuracy(layers, tensors, test, report.device))
            trained.setdefault(size, tensors)
    report.series["pooling"] = found
    means = {size: float(np.mean(values)) for size, values in found.items()}
    between_seeds = max(max(values) - min(values) for values in found.values())
    losses = {size: max(means.values()) - mean for size, mean in means.items()}
    lost = [f"{size} x {size} loses {points:.1f} points" for size, points in losses.items() if points > between_seeds]
    report.find("too large a kernel loses features", "so it was kept small",
                f"CNN-full, {len(few.classes):,} images of ten classes, windows of {', '.join(map(str, found))}; "
                f"{_seeds(len(seeds))}", ", ".join(f"{mean:.1f}" for mean in means.values()) + " % right",
                "; ".join([*lost, f"the others lose no more than the seeds differ ({between_seeds:.1f} points)"]))
    draw_pooling(report, found, trained, test)


def _seeds(n: int) -> str:
    return f"{n} seed{'s' * (n > 1)}"


def _range(values: Sequence[float], digits: int) -> str:
    """The smallest and the largest of some numbers."""
    low, high = (f"{value:.{digits}f}" for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


# --- the figures --------------------------------------------------------------------------------------------------


def draw_losses(report: Report, pairs: Sequence[Pair]) -> None:
    """Figure 1 of the report: the losses of both CNNs by epoch, one panel for each reading, a line for each seed."""
    if report.pictures is None:
        return
    from tinygrad_lite.app.pictures import BLUE, ORANGE, figure

    panels: dict[str, list[Pair]] = {}
    for pair in pairs:
        if not pair.reading.scaled:
            panels.setdefault(f"{pair.reading.network}, lr {pair.reading.learning_rate}", []).append(pair)
    columns = min(4, len(panels))
    rows = math.ceil(len(panels) / columns)
    made = figure(9, 2.1 * rows + 0.6,
                  "The report's figure 1, in our readings: BCE of zeros and ones, weights N(0, 1)")
    grid = made.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes, (name, runs) in zip(grid.ravel(), panels.items(), strict=True):
        for pair, style in zip(runs, ("-", "--"), strict=True):
            for key, colour in (("simple", BLUE), ("full", ORANGE)):
                axes.semilogy(pair.losses[key], style, color=colour, linewidth=1.2,
                              label=f"CNN-{key}" if style == "-" else None)
        axes.set_title(name.replace(" units", ""), fontsize=8)
        tidy(axes)
    for axes in grid[-1]:
        axes.set_xlabel("epoch", fontsize=8)
    for axes in grid[:, 0]:
        axes.set_ylabel("loss", fontsize=8)
    grid[0, 0].legend(frameon=False, fontsize=8)
    report.picture("losses", made)


def draw_pooling(report: Report, found: dict[int, list[float]], trained: dict[int, Parameters], test: Images) -> None:
    """One digit behind the convolution and windows of growing size, and the accuracy that is left."""
    if report.pictures is None:
        return
    from tinygrad_lite.app.pictures import BLUE, GREY, figure

    made = figure(9.5, 5.2, "What max pooling leaves of a digit, and of the accuracy")
    parts: Any = made.subfigures(2, 1, height_ratios=[1, 2])
    above, below = parts
    for axes, (size, tensors) in zip(above.subplots(1, len(found)), trained.items(), strict=True):
        layers = cnn(size, classes=10)
        with tg.no_grad():
            pooled = outputs(layers, tensors, Examples.of(test.first(1), layers, report.device).x)[3]
        maps = pooled[0].cpu().numpy()
        most_varied = maps[np.argmax(maps.reshape(len(maps), -1).std(axis=1))]
        axes.imshow(most_varied, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(f"{size} x {size}", fontsize=9, color=GREY)
        axes.set_axis_off()
    axes = below.subplots()
    sizes = [*found]
    for values in zip(*found.values(), strict=True):
        axes.plot(range(len(sizes)), values, "o", color=BLUE, markersize=4, alpha=0.6)
    axes.plot(range(len(sizes)), [np.mean(found[size]) for size in sizes], color=BLUE)
    axes.set_xticks(range(len(sizes)), [f"{size} x {size}" for size in sizes])
    axes.set_xlabel("window of the max pooling behind 5 kernels of 5 x 5")
    axes.set_ylabel("% of the test images right")
    tidy(axes)
    report.picture("pooling", made)
