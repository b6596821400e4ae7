"""kth's equations (3) to (18) held against the engine, and each mistake of its text shown to be one."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

import tinygrad_lite as tg
from benchmarks.documents.kth import cifar10, equations, experiments, training
from benchmarks.documents.report import Images, Report
from tests.derivations import DEVICES, assert_same, seeds
from tinygrad_lite.engine.backend import Backend
from tinygrad_lite.testing import compare_gradients

ROOT = Path(__file__).parents[1]
Array = NDArray[np.float64]


@st.composite
def networks(draw: st.DrawFn) -> tuple[equations.Parameters, list[str], str, np.random.Generator]:
    """Parameters from N(0, 1) for up to four layers, their activations, a cost, and a generator."""
    sizes = draw(st.lists(st.integers(1, 7), min_size=2, max_size=5))
    activations = draw(st.lists(st.sampled_from(sorted(equations.ACTIVATIONS)), min_size=len(sizes) - 1,
                                max_size=len(sizes) - 1))
    cost = draw(st.sampled_from(sorted(equations.COSTS)))
    if cost == "cross-entropy":  # its p lies in (0, 1)
        activations[-1] = "sigmoid"
    random = np.random.default_rng(draw(seeds))
    return parameters_of(sizes, random), activations, cost, random


def parameters_of(sizes: list[int], random: np.random.Generator) -> equations.Parameters:
    parameters = {}
    for k, (n_in, n_out) in enumerate(pairwise(sizes), 1):
        parameters[f"W{k}"] = random.standard_normal((n_out, n_in))
        parameters[f"b{k}"] = random.standard_normal((n_out, 1))
    return parameters


def examples(parameters: equations.Parameters, random: np.random.Generator, count: int = 1) -> tuple[Array, Array]:
    """Columns x and y with entries in [0, 1); half of the time y is one-hot, as the report's labels are."""
    classes = len(parameters[f"b{len(parameters) // 2}"])
    x = random.random((parameters["W1"].shape[1], count))
    one_hot = np.eye(classes)[:, random.integers(0, classes, count)]
    return x, one_hot if random.random() < 0.5 else random.random((classes, count))


def assume_that_11_has_its_digits(parameters: equations.Parameters, activations: list[str], x: Array) -> None:
    """(11) and (12) lose digits where p is near 0 or 1, and at last all of them: see below."""
    p = x
    for k, name in enumerate(activations, 1):
        p = equations.ACTIVATIONS[name][0](equations.layer(parameters[f"W{k}"], p, parameters[f"b{k}"]))
    assume(p.min() >= 1e-4 and p.max() <= 1 - 1e-4)


# --- the equations ------------------------------------------------------------------------------------------------


on_devices = pytest.mark.parametrize("device", DEVICES, ids=lambda d: d.device)


@on_devices
@given(network=networks())
def test_gradients_of_parameters_and_pre_activations(device: Backend, network: Any) -> None:
    """(5), (6), (8) to (15)."""
    parameters, activations, cost, random = network
    x, y = examples(parameters, random)
    if cost == "cross-entropy":
        assume_that_11_has_its_digits(parameters, activations, x)
    J, by_hand = equations.hand_derived_gradients(x, y, parameters, activations, cost)
    derived_J, derived = equations.derived_gradients(x, y, parameters, activations, cost, device.device)
    assert derived_J == pytest.approx(J, rel=1e-11, abs=1e-300)
    assert {f"{letter}{k}" for letter in "Wbg" for k in range(1, len(activations) + 1)} == set(by_hand)
    assert_same(derived, by_hand)


@on_devices
@given(network=networks(), count=st.integers(1, 6))
def test_gradients_with_examples_as_rows(device: Backend, network: Any, count: int) -> None:
    """The same network written for rows, as `nn.Linear` has it, and several of them: the mean of J has the mean of the
    examples' gradients, transposed, and each z has that of its example, divided by their number."""
    parameters, activations, cost, random = network
    x, y = examples(parameters, random, count)
    if cost == "cross-entropy":
        assume_that_11_has_its_digits(parameters, activations, x)
    by_hand = {i: equations.hand_derived_gradients(x[:, [i]], y[:, [i]], parameters, activations, cost)[1]
               for i in range(count)}
    expected = equations.batch_mean(by_hand, range(count), count)
    expected = {name: expected[name] for name in parameters} | {
        f"g{k}": np.concatenate([by_hand[i][f"g{k}"] for i in range(count)]) / count
        for k in range(1, len(activations) + 1)}

    def place(value: Array) -> Any:
        return tg.tensor(value.T, device=device.device)

    tensors = {name: place(value).requires_grad_() for name, value in parameters.items()}
    functions: Any = {"relu": tg.relu, "sigmoid": tg.sigmoid,
                      "prelu": lambda z: tg.where(z < 0, equations.SLOPE * z, z)}
    a, zs, labels = place(x), {}, place(y)
    for k, name in enumerate(activations, 1):
        zs[f"g{k}"] = a @ tensors[f"W{k}"] + tensors[f"b{k}"]
        a = functions[name](zs[f"g{k}"])
    J = (0.5 * ((a - labels) ** 2).sum() if cost == "squares"
         else -(labels * tg.log(a) + (1 - labels) * tg.log(1 - a)).sum()) / count
    wanted = tensors | zs
    gradients = [g.to("cpu").numpy() for g in tg.autograd.grad(J, [*wanted.values()])]
    derived = {name: g if name[0] == "g" else g.T for name, g in zip(wanted, gradients, strict=True)}
    assert_same(derived, expected)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=20), st.floats(-0.9, 0.9))
def test_activations_and_their_slopes(values: list[float], a: float) -> None:
    """(8) to (10) with any a; at 0 ReLU has the slope 0, as the engine has it."""
    z = tg.tensor(np.array([0.0, *values]), requires_grad=True)
    pairs: list[Any] = [
        (tg.relu(z), equations.relu, equations.relu_slope), (tg.sigmoid(z), equations.sigmoid, equations.sigmoid_slope),
        (tg.where(z < 0, a * z, z), lambda x: equations.prelu(x, a), lambda x: equations.prelu_slope(x, a))]
    for derived, sigma, slope in pairs:
        x = z.detach().numpy()
        np.testing.assert_allclose(derived.detach().numpy(), sigma(x), rtol=1e-14)
        np.testing.assert_allclose(tg.autograd.grad(derived.sum(), z)[0].numpy(), slope(x), rtol=1e-13)


@given(networks())
def test_a_layer_is_its_neurons(network: Any) -> None:
    """(1) to (4) against (5) and (6)."""
    parameters, _, _, random = network
    x, _ = examples(parameters, random)
    z = equations.layer(parameters["W1"], x, parameters["b1"])
    for i, row in enumerate(parameters["W1"]):
        z_i, a_i = equations.neuron(row, x, parameters["b1"][i].item())
        assert z_i == pytest.approx(z[i].item(), rel=1e-12, abs=1e-12)
        assert a_i == pytest.approx(equations.sigmoid(z)[i].item(), rel=1e-12)


@on_devices
@given(network=networks(), steps=st.integers(1, 4), n=st.integers(1, 5), beta=st.floats(0, 0.9),
       lr=st.floats(0.001, 0.02))
def test_momentum_and_batches(device: Backend, network: Any, steps: int, n: int, beta: float, lr: float) -> None:
    """(16), (17) and (18), as meant, are what SGD does with the mean loss of a batch, over several steps."""
    parameters, activations, cost, random = network
    tensors = {name: tg.tensor(value, device=device.device, requires_grad=True) for name, value in parameters.items()}
    optimizer = tg.optim.SGD(list(tensors.values()), lr=lr, momentum=beta)
    x, y = examples(parameters, random, steps * n)
    G = {name: np.zeros_like(value) for name, value in parameters.items()}
    for number in range(steps):
        rows = equations.batch(number, n)
        with np.errstate(all="ignore"):  # (11) at p = 0 or 1
            gradients = {i: equations.hand_derived_gradients(x[:, [i]], y[:, [i]], parameters, activations, cost)[1]
                         for i in rows}
        mean = equations.batch_mean(gradients, rows, n)
        for name in parameters:
            G[name] = equations.momentum(G[name], mean[name], beta)
            parameters[name] = equations.update(parameters[name], G[name], lr)
        optimizer.zero_grad()
        batch = tg.tensor(x[:, rows], device=device.device), tg.tensor(y[:, rows], device=device.device)
        equations.loss(*batch, tensors, activations, cost)[0].backward()
        optimizer.step()
    if cost == "cross-entropy":  # (11) at p = 0 or 1: see below
        assume(all(np.isfinite(value).all() for value in parameters.values()))
    assert_same({name: value.detach().to("cpu").numpy() for name, value in tensors.items()}, parameters)


def rows_and_biases(parameters: equations.Parameters) -> equations.Parameters:
    return {name: value.flatten() if name.startswith("b") else value.copy() for name, value in parameters.items()}


@given(st.tuples(*[st.integers(1, 6)] * 3), st.integers(1, 25), st.integers(1, 9), st.sampled_from([0.0, 0.6, 0.8]),
       st.sampled_from(sorted(equations.COSTS)), seeds)
def test_steps_in_blocks(
    sizes: tuple[int, int, int], count: int, block: int, beta: float, cost: str, seed: int
) -> None:
    """What CIFAR-10 is trained with is one step of (12) to (17) after the other, whatever the size of the blocks."""
    random = np.random.default_rng(seed)
    parameters = parameters_of(list(sizes), random)
    x, y = examples(parameters, random, count)
    fast = rows_and_biases(parameters)
    G = {name: np.zeros_like(value) for name, value in fast.items()}
    cifar10.train_in_blocks(fast, G, x.T, y.T, 0.3, beta, cost, block)
    slow_G = {name: np.zeros_like(value) for name, value in parameters.items()}
    for i in range(count):
        _, gradients = equations.hand_derived_gradients(x[:, [i]], y[:, [i]], parameters, cost=cost)
        for name in parameters:
            slow_G[name] = equations.momentum(slow_G[name], gradients[name], beta)
            parameters[name] = equations.update(parameters[name], slow_G[name], 0.3)
    for name, expected in rows_and_biases(parameters).items():
        np.testing.assert_allclose(fast[name], expected, rtol=1e-9, atol=1e-10, err_msg=name)
        np.testing.assert_allclose(G[name], slow_G[name].reshape(G[name].shape), rtol=1e-9, atol=1e-10)


@given(st.tuples(*[st.integers(1, 6)] * 3), st.integers(1, 9), st.sampled_from(sorted(equations.COSTS)), seeds)
def test_batches_in_numpy(sizes: tuple[int, int, int], n: int, cost: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    parameters = parameters_of(list(sizes), random)
    x, y = examples(parameters, random, 3 * n)
    fast = rows_and_biases(parameters)
    cifar10.train_in_batches(fast, {name: np.zeros_like(v) for name, v in fast.items()}, x.T, y.T, 0.3, 0.6, cost, n)
    G = {name: np.zeros_like(value) for name, value in parameters.items()}
    for number in range(3):
        rows = equations.batch(number, n)
        _, gradients = equations.derived_gradients(x[:, rows], y[:, rows], parameters, cost=cost)
        for name in parameters:
            G[name] = equations.momentum(G[name], gradients[name], 0.6)
            parameters[name] = equations.update(parameters[name], G[name], 0.3)
    for name, expected in rows_and_biases(parameters).items():
        np.testing.assert_allclose(fast[name], expected, rtol=1e-9, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("setting", [
    training.Setting(), training.Setting(0.1, 0.8), training.Setting(0.1, 0.4, cost="cross-entropy")], ids=str)
def test_the_captured_step_is_the_equations(setting: training.Setting) -> None:
    """The step that the experiments train with, from N(0, 1), in float32."""
    model = training.network(0, (12, 5, 4))
    parameters = experiments.numpy_parameters(model)
    step = tg.capture(training.make_step(model, setting))
    random = np.random.default_rng(1)
    G = {name: np.zeros_like(value) for name, value in parameters.items()}
    for _ in range(20):
        x, y = examples(parameters, random)
        J, gradients = equations.hand_derived_gradients(x, y, parameters, cost=setting.cost)
        assert step(x.T.astype(np.float32), y.T.astype(np.float32)).item() == pytest.approx(J, rel=1e-4)
        for name in parameters:
            G[name] = equations.momentum(G[name], gradients[name], setting.momentum)
            parameters[name] = equations.update(parameters[name], G[name], setting.lr)
    assert step.captures <= 2  # without .grad at first, then with it
    for name, value in experiments.numpy_parameters(model).items():
        np.testing.assert_allclose(value, parameters[name], rtol=1e-4, atol=1e-5, err_msg=name)


# --- mistakes of the text -----------------------------------------------------------------------------------------


def test_equation_18_sums_over_the_wrong_examples() -> None:
    """From i = n to (l+1) n, inclusive: 1, n + 1, 2n + 1, ... examples instead of n, and never the first n."""
    n = 5
    assert [len(equations.batch_as_printed(number, n)) for number in range(4)] == [1, n + 1, 2 * n + 1, 3 * n + 1]
    assert [len(equations.batch(number, n)) for number in range(4)] == [n] * 4
    assert sorted(i for number in range(4) for i in equations.batch(number, n)) == list(range(4 * n))
    assert not any(set(range(n)) & set(equations.batch_as_printed(number, n)) for number in range(4))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_equation_18_is_not_the_gradient_of_the_mean(number: int) -> None:
    """No batch is right as printed; with the limits l n and (l+1) n - 1 all are."""
    n, random = 4, np.random.default_rng(number)
    parameters = parameters_of([6, 5, 3], random)
    x, y = examples(parameters, random, 4 * n + 1)
    rows = equations.batch(number, n)

    def mean_cost(**parameters: Any) -> Any:
        return equations.loss(tg.tensor(x[:, rows]), tg.tensor(y[:, rows]), parameters)[0]

    gradients = {i: equations.hand_derived_gradients(x[:, [i]], y[:, [i]], parameters)[1] for i in range(4 * n + 1)}

    def by_hand(summed: range) -> equations.Parameters:
        mean = equations.batch_mean(gradients, summed, n)
        return {name: mean[name] for name in parameters}

    assert compare_gradients(mean_cost, parameters, by_hand(rows)).ok
    printed = compare_gradients(mean_cost, parameters, by_hand(equations.batch_as_printed(number, n)), limit=2000)
    assert not any(entry.ok for entry in printed.entries), str(printed)
    assert [entry.name for entry in printed.entries] == ["W1", "b1", "W2", "b2"]


def test_the_number_of_batches_is_not_n_over_l() -> None:
    """l from 0 to N/l: l bounds itself. With N/n there is a batch too many, which has no examples; N/n - 1 is meant."""
    N, n = 60_000, 50
    assert equations.batch(N // n - 1, n)[-1] == N - 1
    assert equations.batch(N // n, n)[0] == N


@given(networks())
def test_equations_12_and_13_need_a_transposition(network: Any) -> None:
    """dJ/dp is said to be a row, z is a column: their elementwise product is a matrix, and (14) has no shape for it."""
    parameters, activations, cost, random = network
    x, y = examples(parameters, random)
    last = len(activations)
    a = x
    for k, name in enumerate(activations, 1):
        before, z = a, equations.layer(parameters[f"W{k}"], a, parameters[f"b{k}"])
        a = equations.ACTIVATIONS[name][0](z)
    _, dJ_dp = equations.COSTS[cost](a, y)
    slope = equations.ACTIVATIONS[activations[-1]][1](z)
    outputs = len(y)
    assert dJ_dp.shape == (1, outputs)
    assert equations.output_gradient(dJ_dp, slope).shape == (1, outputs)
    printed = dJ_dp * slope
    assert printed.shape == (outputs, outputs)
    if outputs > 1:
        with pytest.raises(ValueError, match="matmul"):
            equations.weight_gradient(printed, before)
        assert equations.bias_gradient(printed).shape != parameters[f"b{last}"].shape


def test_a_cost_of_several_numbers_has_no_row_as_its_derivative() -> None:
    """J is said to be N_o x 1: then dJ/dp is a matrix. (12) is right for the sum of the entries, a number."""
    y = tg.tensor([[0.0], [1.0], [0.0]], dtype=tg.float64)
    p = tg.tensor([[0.2], [0.7], [0.4]], dtype=tg.float64, requires_grad=True)
    J = 0.5 * (p - y) ** 2
    rows = [tg.autograd.grad(J[i, 0], p, retain_graph=True)[0].numpy().ravel() for i in range(3)]
    assert np.shape(rows) == (3, 3)
    np.testing.assert_allclose(np.sum(rows, 0)[None], equations.squares(p.detach().numpy(), y.numpy())[1])


@pytest.mark.parametrize("z", [20.0, 40.0, 800.0])
def test_equations_11_and_12_fail_where_p_rounds_to_1(z: float) -> None:
    """dJ/dp * sigma'(z) is p - y, but computed as printed it is inf * 0 from z = 37 on in float64, 17 in float32."""
    dtype = np.float32 if z < 37 else np.float64
    p = equations.sigmoid(np.array([[z]], dtype=dtype))
    assert p == 1
    with np.errstate(divide="ignore", invalid="ignore"):
        J, dJ_dp = equations.cross_entropy(p, np.zeros_like(p))
        g = equations.output_gradient(dJ_dp, p * (1 - p))
    assert not np.isfinite(J)
    assert np.isnan(g).all()
    logit = tg.tensor([[z]], dtype=tg.float64, requires_grad=True)
    stable = tg.nn.functional.binary_cross_entropy_with_logits(logit, tg.zeros(1, 1, dtype=tg.float64))
    (derived,) = tg.autograd.grad(stable, logit)
    assert (stable.item(), derived.item()) == pytest.approx((z, 1))


@pytest.mark.parametrize(("m", "n"), [(2, 3), (5, 4)])
def test_equation_7_cannot_be_multiplied(m: int, n: int) -> None:
    """W is m x n there and the vector before it has m entries; the bias, which is added to m numbers, has n."""
    random = np.random.default_rng(0)
    W = random.standard_normal((m, n))
    with pytest.raises(ValueError, match="matmul"):
        equations.layer(W, random.standard_normal((m, 1)), random.standard_normal((m, 1)))
    with pytest.raises(ValueError, match="broadcast"):
        equations.layer(W, random.standard_normal((n, 1)), random.standard_normal((n, 1)))
    assert equations.layer(W, random.standard_normal((n, 1)), random.standard_normal((m, 1))).shape == (m, 1)


def test_prelu_at_zero_has_no_derivative_zero() -> None:
    """1 or 0 may be taken at x = 0, says the text. The quotients from the two sides are 1 and a; 0 is not between."""
    h = 1e-6
    right, left = ((equations.prelu(np.array(s * h)) - equations.prelu(np.array(0.0))) / (s * h) for s in (1, -1))
    assert [right, left] == pytest.approx([1, equations.SLOPE])
    assert not min(left, right) <= 0 <= max(left, right)
    z = tg.tensor([0.0], dtype=tg.float64, requires_grad=True)
    (derived,) = tg.autograd.grad(tg.nn.functional.prelu(z, tg.tensor([equations.SLOPE], dtype=tg.float64)).sum(), z)
    assert left <= derived.item() <= right


@pytest.mark.parametrize("beta", [0.4, 0.8])
def test_momentum_remembers_more_than_the_previous_gradient(beta: float) -> None:
    """The text adds beta times the previous gradient; (16) adds beta times all before: different from step 3 on."""
    gradients = [np.array(g) for g in (1.0, -2.0, 3.0)]
    G, equation, text = np.array(0.0), [], []
    for k, g in enumerate(gradients):
        G = equations.momentum(G, g, beta)
        equation.append(G)
        text.append(g + beta * gradients[k - 1] if k else g)
    np.testing.assert_allclose(equation[:2], text[:2])
    assert equation[2] - text[2] == pytest.approx(beta**2 * gradients[0])


def test_momentum_amounts_to_a_larger_learning_rate() -> None:
    """With a steady gradient G goes to g / (1 - beta): 0.4 at lr 0.1 amounts to lr 0.167, not to lr 1 (figure 8)."""
    G = np.array(0.0)
    for _ in range(60):
        G = equations.momentum(G, np.array(1.0), 0.4)
    assert float(0.1 * G) == pytest.approx(0.1 / 0.6)


def test_steps_with_one_example_do_not_reach_the_minimum_of_a_convex_cost() -> None:
    """A convex J and a small learning rate promise a global minimum only to the whole gradient. One example after the
    other, J = ((w - 1)^2 + (w + 1)^2) / 4, which is lowest at 0, ends in a cycle around it: between +-lr / (2 - lr)."""
    w, lr, way = 0.5, 0.01, []
    for step in range(4000):
        target = 1 if step % 2 else -1
        w = float(equations.update(np.array(w), np.array(w - target), lr))
        way.append(w)
    assert sorted(way[-2:]) == pytest.approx([-lr / (2 - lr), lr / (2 - lr)])


@given(networks(), seeds)
def test_flattening_loses_nothing(network: Any, seed: int) -> None:
    """Spatial information is said to be lost by flattening the images. It is all there, in any order of the pixels: a
    dense network does the same with shuffled pixels and equally shuffled columns of W1. It never used it."""
    parameters, activations, cost, random = network
    x, y = examples(parameters, random)
    order = np.random.default_rng(seed).permutation(len(x))
    shuffled = parameters | {"W1": parameters["W1"][:, order]}
    J, gradients = equations.derived_gradients(x, y, parameters, activations, cost)
    J_shuffled, gradients_shuffled = equations.derived_gradients(x[order], y, shuffled, activations, cost)
    assert J_shuffled == pytest.approx(J, rel=1e-10)
    assert_same(gradients_shuffled, gradients | {"W1": gradients["W1"][:, order]})


# --- the experiments ----------------------------------------------------------------------------------------------


def test_the_jump_is_found() -> None:
    """One class of ten that is read at last gives 8 points."""
    asleep, awake = [70.0] * 7 + [0.0] + [70.0] * 2, [70.0] * 7 + [80.0] + [70.0] * 2
    recalls = [[10.0] * 10, *[asleep] * training.AWAKE, awake, awake]
    run = training.Run([float(np.mean(r)) for r in recalls], recalls=recalls)
    epoch, c, share, gain = training.largest_jump(run)
    assert (epoch, c) == (training.AWAKE + 1, 7)
    assert share == pytest.approx(1)
    assert gain == pytest.approx(8)


def few_images(count: int = 40) -> Images:
    """The first embedded digits, of all classes."""
    return Report("kth", quick=True).images(False).first(count)


@pytest.mark.parametrize("size", [1, 7])
def test_an_epoch_sees_each_image_once_in_a_new_order(size: int) -> None:
    data = training.Data(few_images(), few_images())
    seen: list[list[Any]] = [[], []]

    def step(x: Any, y: Any) -> None:
        assert len(x) == len(y) <= size
        seen[-1 if seen[0] and len(seen[0]) == 40 else 0] += [
            (row.tobytes(), int(target.argmax())) for row, target in zip(x, y, strict=True)]

    random = np.random.default_rng(0)
    for _ in range(2):
        data.epoch(step, size, random)
    expected = [(row.astype(np.float32).tobytes(), int(c))
                for row, c in zip(data.train.pixels, data.train.classes, strict=True)]
    assert sorted(seen[0]) == sorted(seen[1]) == sorted(expected)
    assert seen[0] != seen[1]
    assert expected not in seen


def test_what_is_measured() -> None:
    """Accuracy, recalls and mean square error against counting; of the test images, or of the training images."""
    images = Images(np.zeros((4, 1)), np.array([0, 0, 1, 2]))
    p = np.eye(10)[[0, 1, 1, 2]] * 0.5
    assert training.accuracy(p, images) == 75
    ten = Images(np.zeros((11, 1)), np.array([*range(10), 0]))
    read = np.eye(10)[[*range(9), 0, 5]]  # the nine is read as a 0, the second 0 as a 5
    assert training.recalls(read, ten) == [50, *[100] * 8, 0]
    # three images are right with 0.5 instead of 1; one has 0.5 instead of 0 and 0 instead of 1
    assert training.mean_square_error(p, images) == pytest.approx((3 * 0.25 + 0.25 + 1) / 40)
    model, data = training.network(0, (784, 10)), training.Data(few_images(500), few_images(400))
    run = training.Run()
    run.measure(data, model)
    outputs = [model(tg.tensor(x.pixels, dtype=tg.float32)).detach().numpy() for x in (data.test, data.train)]
    assert run.accuracies == [training.accuracy(outputs[0], data.test)]
    assert run.train_accuracies == [training.accuracy(outputs[1], data.train)]
    assert run.errors == [pytest.approx(training.mean_square_error(outputs[0], data.test), abs=1e-6)]
    assert data.error(model) == pytest.approx(training.mean_square_error(outputs[1], data.train))


class MadeUp:
    """Trainings that return what they are told: an accuracy that each setting comes to, in place of the published."""

    LEVELS: ClassVar = {
        training.Setting(0.01): 92.0, training.Setting(): 94.8, training.Setting(1.0): 94.9,
        training.Setting(5.0): 60.0,
        training.Setting(momentum=0.4): 95.0, training.Setting(momentum=0.8): 95.5, training.Setting(0.5): 95.4,
        training.Setting(0.316, batch=10): 94.0, training.Setting(0.71, batch=50): 93.1,
        training.Setting(1.0, batch=10): 94.7, training.Setting(5.0, batch=50): 94.7,
        training.Setting(0.71, 0.8, 50): 95.75, training.Setting(0.0142, 0.8): 95.76,
        training.Setting(5.0, 0.8, 50): 95.5}

    def __init__(self, monkeypatch: pytest.MonkeyPatch, levels: dict[training.Setting, float] | None = None,
                 after_the_change: tuple[int, int] = (1, 1)) -> None:
        """`after_the_change`: 1 or -1, whether test accuracy and error rise or fall after figure 12's change."""
        self.levels = {**self.LEVELS, **(levels or {})}
        self.after_the_change = after_the_change
        self.seen: list[Any] = []
        monkeypatch.setattr(training, "train", self.train)
        self.report = Report("kth", results=None, pictures=None)
        self.report.series["seconds per epoch of 60,000 images"] = {
            f"batch {size}, momentum 0": {"captured": seconds} for size, seconds in ((1, 1.0), (10, 0.2), (50, 0.1))}
        data = training.Data(few_images(), few_images())
        simulations = training.Simulations(data, self.report, training.EPOCHS, training.SWITCH, 2)
        runs = experiments.learning_rates_and_momentum(simulations)
        _, self.ordered = experiments.batch_sizes(simulations, runs["lr 0.1"])
        experiments.combination(simulations, runs["momentum 0.8"])

    def train(self, data: Any, model: Any, setting: training.Setting, epochs: int, seed: int, keep: Any = ()) -> Any:
        self.seen.append((setting, epochs, seed, model[0].weight.detach().numpy().sum().item()))
        level = self.levels.get(setting, 90.0)
        accuracies = [level - 5 / (i + 1) ** 2 for i in range(1, epochs + 1)]
        up, errors_up = self.after_the_change
        errors = [0.01 + errors_up * 1e-4 * i for i in range(epochs)]
        tested = accuracies[::-1] if up < 0 and setting == training.Setting(0.71, 0.8, 50) else accuracies
        return training.Run(tested, accuracies, errors, [[0.0] * 10] * epochs, [0.0], dict.fromkeys(keep, model))

    def verdict(self, experiment: str, reading: str = "") -> str:
        (found,) = [f for f in self.report.findings if f.experiment == experiment and reading in f.reading]
        return found.verdict


def test_published_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What each figure is trained with, as the report has it; from the same initial weights for each seed."""
    seen = MadeUp(monkeypatch).seen
    for setting in MadeUp.LEVELS:
        after_the_change = setting.momentum == 0.8 and setting != training.Setting(momentum=0.8)
        assert (setting, 10 if after_the_change else 35, 100 if after_the_change else 0) in [one[:3] for one in seen]
    assert len({weights for *_, seed, weights in seen if seed == 0}) == 1
    assert len({weights for *_, seed, weights in seen if seed == 1}) == 1


def test_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is what it should be for accuracies like the published ones, and another one for others."""
    step, rate = "figure 9, momentum 0.8", "figure 12, batch size or learning rate?"
    made_up = MadeUp(monkeypatch)
    assert made_up.ordered
    assert made_up.verdict("figure 11, square-root rule") == "agrees in all"
    assert made_up.verdict("figure 8, lr 0.01 and 5") == "agrees"
    assert made_up.verdict(step, "lr 0.5") == "mostly the larger step"
    assert made_up.verdict(rate) == "the learning rate"
    assert made_up.verdict("figure 11, batch size or learning rate?") == "the learning rate"
    assert made_up.verdict("figure 11, time") == "faster by epochs, not by time"
    assert made_up.verdict("figure 9, momentum 0.4 and lr 1").endswith("agrees")
    assert made_up.verdict("figure 9, momentum 0.8 and 0.4") == "better later, but not alike at first"
    large, linear = training.Setting(0.71, batch=50), {training.Setting(1.0, batch=10): 93.2,
                                                       training.Setting(5.0, batch=50): 93.2}
    other = MadeUp(monkeypatch, {large: 95.0, training.Setting(5.0): 96.0, training.Setting(0.5): 94.9,
                                 training.Setting(0.0142, 0.8): 95.2, training.Setting(1.0): 96.0})
    assert other.verdict("figure 9, momentum 0.4 and lr 1").endswith("disagrees")
    worse = MadeUp(monkeypatch, {training.Setting(momentum=0.8): 94.9})
    assert worse.verdict("figure 9, momentum 0.8 and 0.4") == "disagrees"
    assert not other.ordered
    assert other.verdict("figure 11, square-root rule") == "DISAGREES"
    assert other.verdict("figure 8, lr 0.01 and 5") == "disagrees"
    assert other.verdict(step, "lr 0.5") == "more than the larger step"
    assert other.verdict(rate) == "not the rate alone"
    assert MadeUp(monkeypatch, linear).verdict("figure 11, batch size or learning rate?") == "the batch size"


@pytest.mark.parametrize(("after_the_change", "verdict"), [
    ((-1, 1), "agrees"),
    ((-1, -1), "training rises; on the test images no fall that all seeds share"),
    ((1, 1), "training rises; on the test images no fall that all seeds share")])
def test_overfitting_is_worse_by_accuracy_and_by_error(
    monkeypatch: pytest.MonkeyPatch, after_the_change: tuple[int, int], verdict: str
) -> None:
    made_up = MadeUp(monkeypatch, after_the_change=after_the_change)
    assert made_up.verdict("figure 12, overfitting after epoch 32") == verdict


def test_the_settings_of_figure_10(monkeypatch: pytest.MonkeyPatch) -> None:
    """The square-root rule, from the same network, with 100 steps each."""
    seen: list[Any] = []

    def make_step(model: Any, setting: training.Setting) -> Any:
        seen.append((setting, model[0].weight.detach().numpy().sum().item()))
        return lambda x, y: None

    monkeypatch.setattr(experiments, "make_step", make_step)
    monkeypatch.setattr(tg, "capture", lambda step: step)
    report, data = Report("kth", results=None, pictures=None), training.Data(few_images(), few_images())
    experiments.error_of_batches(report, data, training.network(0, training.SIZES))
    assert [setting for setting, _ in seen] == [
        training.Setting(0.1, batch=1), training.Setting(0.316, batch=10), training.Setting(0.71, batch=50)]
    assert len({weights for _, weights in seen}) == 1
    assert [len(errors) for errors in report.series["figure 10"].values()] == [101] * 3


def test_the_settings_of_figure_14(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    class Fake:
        def __init__(self, report: Report) -> None:
            pass

        def train(self, reading: cifar10.Reading, seed: int, alone: int, in_batches: int) -> dict[str, list[float]]:
            seen.append((str(reading), seed, alone))
            epochs = alone + in_batches
            return {"test": [40.0] * (epochs - 1) + [42.0 + seed], "training": [50.0] * epochs}

    monkeypatch.setattr(cifar10, "CIFAR", Fake)
    report = Report("kth", results=None, pictures=None)
    cifar10.cifar10(report)
    assert {alone for *_, alone in seen} == {10}
    assert [seed for reading, seed, _ in seen if reading == "N(0, 1), cross-entropy (11)"] == [0, 1, 2]
    assert [finding.measured.split(" (")[0] for finding in report.findings][1] == (
        "best 42.00, 43.00, 44.00 after epochs 100, 100, 100")
    assert cifar10.ALONE == (0.01, 0.6)
    assert cifar10.IN_BATCHES == (0.07, 0.6)


def test_the_change_of_figure_14(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many epochs with one example at a time, then so many with batches; all images in each, in a new order."""
    seen: list[Any] = []
    for name in ("train_in_blocks", "train_in_batches"):
        monkeypatch.setattr(
            cifar10, name, lambda p, G, x, y, lr, beta, cost, name=name: seen.append((name, lr, beta, x)))
    images = cifar10.CIFAR(Report("kth", quick=True))
    found = images.train(cifar10.READINGS[0], 0, alone=2, in_batches=3)
    assert [one[:3] for one in seen] == [("train_in_blocks", 0.01, 0.6)] * 2 + [("train_in_batches", 0.07, 0.6)] * 3
    for *_, x in seen:
        assert sorted(map(bytes, x)) == sorted(map(bytes, images.x))
    assert not np.array_equal(seen[0][3], seen[1][3])
    assert {name: len(values) for name, values in found.items()} == {"test": 5, "training": 5}


def test_the_nearest_neighbour() -> None:
    random = np.random.default_rng(0)
    train = Images(random.random((30, 6)), np.arange(30))
    data = training.Data(Images(train.pixels, train.classes % 10), Images(train.pixels, train.classes % 10))
    assert experiments.neighbours(data, train.pixels + 1e-4).tolist() == (train.classes % 10).tolist()


def test_a_wrong_derivation_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equations, "hidden_gradient", lambda g, W, slope: g @ W)
    report = Report("kth", quick=True, results=None, pictures=None)
    assert experiments.run(report) == 1
    assert report.findings[0].verdict == "WRONG"


def test_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.documents", "kth", "--quick", "--results", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    for figure in ("figure 8", "figure 9", "figure 10", "figure 11", "figure 12", "figure 14", "which images"):
        assert f"| {figure}" in result.stdout, figure
    assert (tmp_path / "kth-quick.json").stat().st_size > 1000
