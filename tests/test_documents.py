"""The published reports: what they have in common, and wang's derivation held against the engine."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from benchmarks import timing
from benchmarks.documents import __main__ as program
from benchmarks.documents import wang
from benchmarks.documents.report import Report, agreement, largest_difference, spread
from tests.derivations import DEVICES, assert_same, seeds
from tests.devices import STRICT
from tinygrad_lite.engine.backend import Backend

ROOT = Path(__file__).parents[1]
Run = Callable[[Report], int]
on_all_devices = pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.device)
four_sizes = st.tuples(*[st.integers(1, 9)] * 3, st.integers(2, 9))  # softmax of one class is constant


# --- all reports --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", program.DOCUMENTS)
def test_on_another_device(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick run, with fewer images, on the strict stand-in for CuPy."""
    images = Report.images
    monkeypatch.setattr(Report, "images", lambda self, *which, **named: images(self, *which, **named).first(150))
    report = Report(name, quick=True, device=STRICT.device, results=None, pictures=None)
    assert program.DOCUMENTS[name].run(report) == 0
    assert report.findings
    assert report.seconds.keys() == report.seeds.keys()  # seconds have what `timed` has counted, and nothing else


@pytest.mark.parametrize(("published", "values", "verdict"), [
    (95.0, [94.0, 96.0], "agrees, within the seeds"),
    (95.0, [95.0], "agrees, within the seeds"),
    (95.0, [95.15, 96.0], "agrees nearly: measured 0.15 above"),
    (95.0, [94.0, 94.85], "agrees nearly: measured 0.15 below"),
    (95.0, [96.0, 95.25], "DISAGREES: measured 0.25 above"),
    (95.0, [94.75, 94.0], "DISAGREES: measured 0.25 below"),
])
def test_agreement(published: float, values: list[float], verdict: str) -> None:
    assert agreement(published, values) == verdict
    assert agreement(published, values, tolerance=0.25).startswith("agrees")


def test_spread() -> None:
    assert spread([1.0]) == "1.00 (1.00 to 1.00)"
    assert spread([3.0, 1.0, 1.0]) == "1.67 (1.00 to 3.00)"


def test_largest_difference() -> None:
    """Of all pairs, wherever it stands; and what is not a number is never outdone."""
    alike, apart, lost = (np.array(values) for values in ([-2.0, 1.0], [-1.0, 1.0], [-2.0, np.nan]))
    assert largest_difference([(alike, alike), (apart, alike), (alike, alike)]) == 0.5
    assert largest_difference([(apart, np.zeros(2))]) == 1
    for pair in (alike, lost), (lost, alike):
        assert np.isnan(largest_difference([(apart, alike), pair, (apart, alike)]))


@pytest.fixture
def documents(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets the program know documents of these names, whose `run` is given."""

    def know(**runs: Run) -> None:
        made = {name: SimpleNamespace(DATASETS=(), run=run) for name, run in runs.items()}
        monkeypatch.setattr(program, "DOCUMENTS", made)

    return know


def finds(report: Report) -> int:
    with report.timed("an experiment", [3, 1]):
        report.find("an experiment", "1", "-", "1", "agrees")
    return 0


def breaks(report: Report) -> int:
    finds(report)
    raise KeyError("a mistake in the second experiment")


def disagrees(report: Report) -> int:
    finds(report)
    return 1


def never(report: Report) -> int:
    raise AssertionError("it began to compute")


@pytest.mark.parametrize("run", [breaks, disagrees])
def test_a_failure_does_not_keep_the_others_from_running(
    run: Run, documents: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    documents(one=run, other=finds)
    assert program.main(["all", "--results", str(tmp_path), "--pictures", str(tmp_path)]) == 1
    assert json.loads((tmp_path / "other.json").read_text())["findings"][0]["verdict"] == "agrees"
    if run is breaks:
        assert "one: KeyError: 'a mistake in the second experiment'" in capsys.readouterr().err


def test_a_broken_run_leaves_the_results_of_a_whole_one(documents: Callable[..., None], tmp_path: Path) -> None:
    documents(one=breaks)
    (tmp_path / "one.json").write_text("results of a whole run")
    assert program.main(["one", "--results", str(tmp_path), "--pictures", str(tmp_path)]) == 1
    assert (tmp_path / "one.json").read_text() == "results of a whole run"
    written = json.loads((tmp_path / "one-incomplete.json").read_text())
    assert written["failure"] == "KeyError: 'a mistake in the second experiment'"
    assert [finding["experiment"] for finding in written["findings"]] == ["an experiment"]


def test_results_have_times_and_seeds(documents: Callable[..., None], tmp_path: Path) -> None:
    documents(one=finds)
    assert program.main(["one", "--results", str(tmp_path), "--pictures", str(tmp_path)]) == 0
    written = json.loads((tmp_path / "one.json").read_text())
    assert written["seeds"] == {"an experiment": [1, 3]}
    assert written["seconds"].keys() == {"an experiment"}
    assert {"machine", "versions", "threads"} <= written["environment"].keys()


@pytest.mark.parametrize("option", ["--results", "--pictures"])
def test_a_file_in_the_place_of_a_folder(
    option: str, documents: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    documents(one=never)
    file = tmp_path / "a file"
    file.write_text("kept")
    folders = {"--results": str(tmp_path), "--pictures": str(tmp_path)} | {option: str(file)}
    assert program.main(["one", *(word for pair in folders.items() for word in pair)]) == 1
    assert capsys.readouterr().err == f"one: {file} is a file, and a folder to write to is needed\n"
    assert file.read_text() == "kept"


@pytest.mark.parametrize("kind", ["results", "pictures"])
def test_a_folder_that_cannot_be_made(
    kind: str, documents: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    documents(one=never)
    (tmp_path / "a file").touch()
    folders = {"results": tmp_path, "pictures": tmp_path} | {kind: tmp_path / "a file" / "a folder"}
    assert program.main(["one", *(word for name, path in folders.items() for word in (f"--{name}", str(path)))]) == 1
    assert capsys.readouterr().err.startswith(f"one: cannot make the folder of {kind}: [Errno ")


def test_missing_data_is_described_once(
    documents: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def without_a_network(root: Path, train: bool) -> None:
        assert root == tmp_path / "data"
        error = OSError(f"no files in {root}")
        error.add_note("what to do")
        raise error

    monkeypatch.setattr("benchmarks.documents.report.MNIST", without_a_network)
    documents(one=never, other=never)
    for module in program.DOCUMENTS.values():
        monkeypatch.setattr(module, "DATASETS", ("mnist",))
    folders = [word for name in ("data", "results", "pictures") for word in (f"--{name}", str(tmp_path / name))]
    assert program.main(["all", *folders]) == 1
    assert capsys.readouterr().err == (
        f"one: no files in {tmp_path / 'data'}\nwhat to do\n(--data DIR names that folder)\nother: the same as one\n")


def test_without_matplotlib(
    documents: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what to install before it computes for an hour; a quick run draws nothing and needs nothing."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    documents(one=never)
    assert program.main(["one", "--results", str(tmp_path), "--pictures", str(tmp_path)]) == 1
    assert 'pip install "tinygrad-lite[plots]"' in capsys.readouterr().err
    documents(one=finds)
    assert program.main(["one", "--quick"]) == 0


def test_without_a_gpu(documents: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    if tg.cuda.is_available():
        pytest.skip("there is a GPU")
    documents(one=never)
    assert program.main(["one", "--quick", "--backend", "cupy"]) == 1
    assert capsys.readouterr().err.startswith('one: device "cuda"')


def test_the_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = SimpleNamespace(getDeviceProperties=lambda number: {"name": f"a fast GPU, number {number}".encode()})
    cuda = SimpleNamespace(is_available=lambda: True, Device=lambda: SimpleNamespace(id=1), runtime=runtime)
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=cuda))
    monkeypatch.setattr(timing, "LIBRARIES", ("numpy",))
    assert timing.environment()["GPU"] == "a fast GPU, number 1"


# --- wang: its derivation -----------------------------------------------------------------------------------------


def problem(sizes: tuple[int, ...], m: int, seed: int, soft: bool = False) -> tuple[Any, Any, wang.Parameters]:
    """X, targets and parameters. Soft targets are probabilities.

    X in [-1, 1], weights N(0, 1/n): if all units were saturated, 1 - a^2 and a - y would have lost the digits that are
    compared.
    """
    random = np.random.default_rng(seed)
    X = random.uniform(-1, 1, (sizes[0], m))
    Y = random.dirichlet(np.ones(sizes[-1]), m).T if soft else np.eye(sizes[-1])[:, random.integers(0, sizes[-1], m)]
    parameters = {name: random.standard_normal(value.shape) / np.sqrt(value.shape[1])
                  for name, value in wang.initial_parameters(sizes).items()}
    return X, Y, parameters


def derived(device: Backend, function: Any, X: Any, Y: Any, parameters: wang.Parameters) -> wang.Parameters:
    """What a function of Tensors on a device returns, as arrays."""
    x, y = (tg.tensor(array, device=device.device) for array in (X, Y))
    found = function(x, y, wang.tensors(parameters, device.device))
    assert {value.device for value in found.values()} == {x.device}
    return wang.arrays(found)


def digits(count: int) -> tuple[Any, Any]:
    return wang.columns(Report("wang", quick=True).images(train=False).first(count))


@on_all_devices
@given(sizes=four_sizes, m=st.integers(1, 20), soft=st.booleans(), seed=seeds)
def test_wang_gradients(device: Backend, sizes: tuple[int, ...], m: int, soft: bool, seed: int) -> None:
    """dW, db and dZ of each layer."""
    X, Y, parameters = problem(sizes, m, seed, soft)
    by_hand = wang.hand_derived_gradients(X, Y, parameters)
    assert by_hand.keys() == parameters.keys()
    assert_same(derived(device, wang.derived_gradients, X, Y, parameters), by_hand)
    assert_same(derived(device, wang.derived_deltas, X, Y, parameters), wang.hand_derived_deltas(X, Y, parameters))


@on_all_devices
@given(sizes=four_sizes, m=st.integers(1, 20), soft=st.booleans(), seed=seeds)
def test_wang_with_rows(device: Backend, sizes: tuple[int, ...], m: int, soft: bool, seed: int) -> None:
    """The same network with the examples as rows: its gradients are the transposed ones."""
    X, Y, parameters = problem(sizes, m, seed, soft)

    def gradients_with_rows(x: Any, y: Any, p: Any) -> Any:
        leaves = {name: value.T.detach().requires_grad_() for name, value in p.items()}
        Z1 = x @ leaves["W1"] + leaves["b1"]
        Z2 = tg.tanh(Z1) @ leaves["W2"] + leaves["b2"]
        Z3 = tg.tanh(Z2) @ leaves["W3"] + leaves["b3"]
        loss = tg.nn.functional.cross_entropy(Z3, y, reduction="sum")
        found = tg.autograd.grad(loss, [*leaves.values(), Z1, Z2, Z3])
        averages = {name: gradient.T / m for name, gradient in zip(leaves, found, strict=False)}
        return averages | {f"Z{layer}": gradient.T for layer, gradient in enumerate(found[-3:], 1)}

    by_hand = wang.hand_derived_gradients(X, Y, parameters) | wang.hand_derived_deltas(X, Y, parameters)
    assert_same(derived(device, gradients_with_rows, X.T, Y.T, parameters), by_hand)


@on_all_devices
@given(classes=st.integers(2, 12), seed=seeds)
def test_wang_softmax_jacobian(device: Backend, classes: int, seed: int) -> None:
    z = tg.tensor(np.random.default_rng(seed).standard_normal(classes), device=device.device, requires_grad=True)
    a = tg.softmax(z, 0)
    rows = [tg.autograd.grad(a[i], z, retain_graph=True)[0].cpu().numpy() for i in range(classes)]
    by_hand = wang.softmax_jacobian(a.detach().cpu().numpy())
    np.testing.assert_allclose(np.array(rows), by_hand, rtol=1e-10)


@on_all_devices
@given(classes=st.integers(2, 8), m=st.integers(1, 10), sums=st.floats(0.5, 2), seed=seeds)
def test_wang_loss_derivative(device: Backend, classes: int, m: int, sums: float, seed: int) -> None:
    """dL/dz = a - y needs targets whose sum is one (not the probabilities' sum): else it is a sum_k y_k - y."""
    random = np.random.default_rng(seed)
    Z, Y = random.standard_normal((classes, m)), random.dirichlet(np.ones(classes), m).T
    z = tg.tensor(Z, device=device.device, requires_grad=True)

    def dL_dz(targets: Any) -> Any:
        y = tg.tensor(targets, device=device.device)
        return tg.autograd.grad(-(y * tg.log(tg.softmax(z, 0))).sum(), z)[0].cpu().numpy()

    a = wang.softmax(Z)
    assert_same({"one": dL_dz(Y), "another": dL_dz(sums * Y)},
                {"one": wang.output_delta(a, Y), "another": a * sums - sums * Y})


@on_all_devices
@given(sizes=four_sizes, m=st.integers(1, 12), rate=st.floats(0.01, 0.5), later=st.floats(0.01, 0.5), seed=seeds)
def test_wang_updates(
    device: Backend, sizes: tuple[int, ...], m: int, rate: float, later: float, seed: int
) -> None:
    """Several steps, across the change of the learning rate: the same parameters after each."""
    X, Y, parameters = problem(sizes, m, seed)
    x, y = (tg.tensor(array, device=device.device) for array in (X, Y))
    given = wang.tensors(parameters, device.device)
    for (i, found), (j, by_hand) in zip(
        wang.train(x, y, wang.derived_gradients, given, rate, later, iterations=4, last_before_later=1),
        wang.train(X, Y, wang.hand_derived_gradients, parameters, rate, later, iterations=4, last_before_later=1),
        strict=True,
    ):
        assert i == j
        assert_same(wang.arrays(found), by_hand)


@given(sizes=four_sizes, m=st.integers(1, 12), rate=st.floats(0.01, 0.5), later=st.floats(0.01, 0.5), seed=seeds)
def test_wang_trains_by_gradient_descent(sizes: tuple[int, ...], m: int, rate: float, later: float, seed: int) -> None:
    """What both gradients are used for is what SGD does with them: down, at the rate of the iteration."""
    X, Y, parameters = problem(sizes, m, seed)
    x, y = tg.tensor(X), tg.tensor(Y)
    weights = {name: tg.tensor(value, requires_grad=True) for name, value in parameters.items()}
    optimizer = tg.optim.SGD(weights.values(), lr=rate)
    for i, by_hand in wang.train(X, Y, wang.hand_derived_gradients, parameters, rate, later, 4, last_before_later=1):
        assert_same({name: value.detach().numpy() for name, value in weights.items()}, by_hand)
        optimizer.param_groups[0]["lr"] = rate if i <= 1 else later
        optimizer.zero_grad()
        wang.loss(x, y, **weights).backward()
        optimizer.step()


@given(sizes=four_sizes, m=st.integers(1, 5), seed=seeds)
def test_wang_without_vectorization(sizes: tuple[int, ...], m: int, seed: int) -> None:
    X, Y, parameters = problem(sizes, m, seed)
    by_hand = wang.hand_derived_gradients(X, Y, parameters)
    for other in (wang.gradients_one_by_one, wang.gradients_in_loops):
        assert_same(other(X, Y, parameters), by_hand)


# --- wang: the mistakes of its text -------------------------------------------------------------------------------


def test_wang_bias_gradient_is_not_z() -> None:
    """The text says that dL/dB is just equal to Z; the code sums dL/dZ, and that is right."""
    X, Y = digits(20)
    parameters = wang.initial_parameters()
    tensors = {name: tg.tensor(value, requires_grad=True) for name, value in parameters.items()}
    A2 = wang.forward(X, parameters)[1]
    wrong = wang.hand_derived_gradients(X, Y, parameters)
    wrong["b3"] = (parameters["W3"] @ A2 + parameters["b3"]).mean(axis=1, keepdims=True)
    inputs = tg.from_numpy(X), tg.from_numpy(Y)
    found = tg.testing.compare_gradients(
        lambda W1, b1, W2, b2, W3, b3: wang.loss(*inputs, W1=W1, b1=b1, W2=W2, b2=b2, W3=W3, b3=b3), tensors, wrong)
    assert [entry.name for entry in found.entries if not entry.ok] == ["b3"]


def test_wang_weights_are_between_the_layers() -> None:
    """Not 'the only thing', tanh: without W3^T the shapes do not fit, or, with equal sizes, the gradient is wrong."""
    X, Y, parameters = problem((5, 16, 16, 10), 3, seed=0)
    _, A2, A3 = wang.forward(X, parameters)
    with pytest.raises(ValueError, match=r"could not be broadcast together with shapes \(10,3\) \(16,3\)"):
        wang.output_delta(A3, Y) * (1 - A2**2)
    X, Y, parameters = problem((5, 4, 4, 4), 3, seed=0)
    _, A2, A3 = wang.forward(X, parameters)
    without = wang.output_delta(A3, Y) * (1 - A2**2)
    found = wang.arrays(wang.derived_deltas(tg.from_numpy(X), tg.from_numpy(Y), wang.tensors(parameters)))
    assert largest_difference([(without, found["Z2"])]) > 0.1
    assert_same(found, wang.hand_derived_deltas(X, Y, parameters))


def test_wang_gradient_is_the_direction_of_greatest_increase() -> None:
    """The change along minus the gradient is as great: it is the increase that gives the update its minus."""
    X, Y, parameters = problem((5, 4, 4, 4), 3, seed=0)
    gradients = wang.hand_derived_gradients(X, Y, parameters)

    def change(step: float) -> float:
        moved = {name: value + step * gradients[name] for name, value in parameters.items()}
        before, after = (
            wang.loss(tg.from_numpy(X), tg.from_numpy(Y), **wang.tensors(p)).item() for p in (parameters, moved))
        return float(after - before)

    assert change(-1e-5) < 0 < change(1e-5)
    assert change(1e-5) == pytest.approx(-change(-1e-5), rel=1e-3)


def test_wang_gradient_is_not_that_of_the_printed_cost() -> None:
    """It is that of the sum over the classes: ten times the cost, apart from its 1e-8."""
    x, y = (tg.from_numpy(array) for array in digits(50))
    cost, loss = wang.cost_and_loss(x, y, wang.tensors(wang.initial_parameters()))
    assert loss == pytest.approx(10 * cost, rel=1e-5)


def test_wang_softmax_as_printed() -> None:
    """Less the largest element of the matrix the probabilities do not stay the same: a column far below it is 0 / 0."""
    Z = np.array([[0.0, 1000.0], [1.0, 1001.0]])
    with pytest.warns(RuntimeWarning, match="invalid value"):
        printed = wang.softmax_as_printed(Z)
    right = wang.softmax(Z)
    assert np.isnan(printed[:, 0]).all()
    np.testing.assert_allclose(printed[:, 1], right[:, 1], rtol=1e-12)
    np.testing.assert_allclose(right[:, 0], right[:, 1], rtol=1e-12)
    np.testing.assert_allclose(tg.softmax(tg.tensor(Z), 0).numpy(), right, rtol=1e-12)
    near = Z / 10  # 100 apart
    np.testing.assert_allclose(wang.softmax_as_printed(near), wang.softmax(near), rtol=1e-12)


@pytest.mark.parametrize("z", [710.0, -710.0, np.inf, -np.inf])
def test_wang_tanh_as_printed(z: float) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        assert np.isnan(wang.tanh_as_printed(np.array(z)))
    assert wang.tanh_as_printed(np.array(np.sign(z) * 709)) == np.tanh(z) == np.sign(z)


def test_wang_iteration_0_is_before_any_update() -> None:
    """'Cost after iteration i' is computed before the update of iteration i, so iteration 0 is that of no training."""
    X, Y = digits(100)
    steps = wang.train(X, Y, wang.hand_derived_gradients, wang.initial_parameters(), iterations=1)
    (first, before), (last, after) = steps
    assert (first, last) == (0, 1)
    x, y = tg.from_numpy(X), tg.from_numpy(Y)
    initial, untouched, updated = (
        wang.line(x, y, wang.tensors(p)) for p in (wang.initial_parameters(), before, after))
    assert initial == untouched != updated


def test_wang_reshape_without_assignment() -> None:
    """`test_X.reshape(10000, 784)` on a line of its own changes nothing."""
    test_X = np.zeros((10, 28, 28))
    test_X.reshape(10, 784)
    assert test_X.shape == (10, 28, 28)


# --- wang: its experiments ----------------------------------------------------------------------------------------


def test_wang_both_gradients_train_alike() -> None:
    """80 steps on images; the printed lines of both."""
    X, Y = digits(100)
    x, y = tg.from_numpy(X), tg.from_numpy(Y)
    initial = wang.initial_parameters()
    for (_, found), (_, by_hand) in zip(
        wang.train(x, y, wang.derived_gradients, wang.tensors(initial), iterations=80),
        wang.train(X, Y, wang.hand_derived_gradients, initial, iterations=80),
        strict=True,
    ):
        assert largest_difference((value, by_hand[name]) for name, value in wang.arrays(found).items()) < 1e-8
        assert wang.line(x, y, found) == wang.line(x, y, wang.tensors(by_hand))


def without_derivative_of_tanh(W: Any, dZ: Any, A: Any) -> Any:
    return W.T @ dZ


def by_a_billionth(W: Any, dZ: Any, A: Any) -> Any:
    """Gradients are so small that their difference is below 1e-10: it is a share of their own size that counts."""
    return W.T @ dZ * (1 - A**2) * (1 + 1e-9)


def not_a_number_once() -> Any:
    """And the comparisons after it find nothing."""
    calls = count()
    return lambda W, dZ, A: W.T @ dZ * (1 - A**2) * (1 if next(calls) else np.nan)


@pytest.mark.parametrize("wrong", [
    without_derivative_of_tanh, by_a_billionth, pytest.param(not_a_number_once(), id="not_a_number_once")])
def test_a_wrong_derivation_is_noticed(
    wrong: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wang, "hidden_delta", wrong)
    monkeypatch.setattr(wang, "compare_vectorization", lambda experiment: None)
    report = Report("wang", quick=True, results=None, pictures=None)
    assert wang.run(report) == 1
    assert report.findings[0].verdict == "WRONG"
    assert "DISAGREES: derived and hand-derived gradients" in capsys.readouterr().out


def test_wang_verdicts_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another cost and another softmax than those of the post: other verdicts."""
    monkeypatch.setattr(wang, "printed_cost", lambda A3, Y: float(-(Y * tg.log(A3 + 1e-8)).sum().item() / Y.shape[1]))
    monkeypatch.setattr(wang, "softmax_as_printed", wang.softmax)
    monkeypatch.setattr(wang, "tanh_as_printed", np.tanh)
    monkeypatch.setattr(wang, "compare_vectorization", lambda experiment: None)
    report = Report("wang", quick=True, results=None, pictures=None)
    assert wang.run(report) == 0
    verdicts = {finding.experiment: finding.verdict for finding in report.findings}
    assert verdicts["printed cost and gradient"] == "the gradient is that of the printed cost"
    assert verdicts["its softmax"] == verdicts["its tanh"] == "right"


@pytest.mark.parametrize(("device", "clock", "kind"), [
    ("cpu", "process_time", "processor time"), (STRICT.device, "perf_counter", "time")])
@pytest.mark.parametrize(("rise", "verdict"), [
    (0.5, "does not hold"), (1.05, "does not hold"), (1.2, "holds")])
def test_wang_vectorization(
    rise: float, verdict: str, device: str, clock: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An example takes 1 us in matrices, and 50 us without them: with 100 examples `rise` times as long as with 10."""
    now = 0.0

    def taking(microseconds: dict[int, float]) -> Any:
        def gradient(X: Any, Y: Any, parameters: Any) -> None:
            nonlocal now
            now += X.shape[1] * microseconds[X.shape[1]] / 1e6

        return gradient

    for name in ("gradients_in_loops", "gradients_one_by_one"):
        monkeypatch.setattr(wang, name, taking({10: 50, 100: 50 * rise}))
    for name in ("hand_derived_gradients", "derived_gradients"):
        monkeypatch.setattr(wang, name, taking({10: 1, 100: 1}))
    monkeypatch.setattr(wang, "time", SimpleNamespace(**{clock: lambda: now}))  # and no other clock
    report = Report("wang", quick=True, device=device, results=None, pictures=None)
    wang.compare_vectorization(wang.Experiment(report))
    first, _, last = report.findings
    assert first.reading.startswith(f"10 examples, {kind} for each")
    assert first.measured == "50.0, 50.0, 1.0, 1.0 us"
    assert last.verdict == f"loops over numbers: {verdict}; one by one: {verdict}"


@pytest.mark.parametrize(("rate", "status", "verdict"), [
    (0.5, 0, "the text is wrong: it was 0.5"), (1.0, 1, "the text is right"), (0.2, 1, "it was neither 1 nor 0.5")])
def test_wang_learning_rate_is_found(rate: float, status: int, verdict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full run on few images, whose 'printed' lines were made with one of these learning rates."""
    quick = Report("wang", quick=True)
    images = {train: quick.images(train).first(300) for train in (True, False)}
    (x, y), (test, _) = ([tg.from_numpy(array) for array in wang.columns(images[train])] for train in (True, False))

    def trained(rate: float) -> list[tuple[int, Any]]:
        initial = wang.tensors(wang.initial_parameters())
        return list(wang.train(x, y, wang.derived_gradients, initial, rate, iterations=20))

    found = int(wang.pre_activations(test, **trained(0.5)[-1][1])[-1].argmax(0)[0].item())
    monkeypatch.setattr(Report, "images", lambda self, train: images[train])
    monkeypatch.setattr(wang, "PUBLISHED", {i: wang.line(x, y, p) for i, p in trained(rate) if i in (0, 10)})
    monkeypatch.setattr(wang, "PUBLISHED_CLASS_OF_TEST_IMAGE_0", found)
    monkeypatch.setattr(wang, "ITERATIONS", 20)
    monkeypatch.setattr(wang, "compare_vectorization", lambda experiment: None)
    report = Report("wang", results=None, pictures=None)
    assert wang.run(report) == status
    (row,) = (finding for finding in report.findings if finding.published == "lr 1, says the text")
    assert row.verdict.startswith(verdict)
    for name in ("lr 0.5, then 0.1", "lr 1, then 0.1", "lr 0.5 throughout"):
        assert report.seeds[name] == [2]
        assert report.seconds[name] > 0


@pytest.mark.skipif(not os.environ.get("TINYGRAD_LITE_DATA"), reason="TINYGRAD_LITE_DATA names no folder with MNIST")
def test_wang_first_printed_lines() -> None:
    """The first two; `python -m benchmarks.documents wang` compares all fifteen."""
    x, y = (tg.from_numpy(array) for array in wang.columns(Report("wang").images(train=True)))
    initial = wang.tensors(wang.initial_parameters())
    for i, parameters in wang.train(x, y, wang.derived_gradients, initial, iterations=10):
        if i in wang.PUBLISHED:
            assert wang.line(x, y, parameters) == wang.PUBLISHED[i], f"iteration {i}"


def test_command_line() -> None:
    command = [sys.executable, "-m", "benchmarks.documents", "wang", "--quick"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "| 0         | 0.230027 | 13.400000 |" in result.stdout
