"""The battery: every op in the registry against its definition, its derivatives against differences, on every device.

op_cases.py says how each op is called. A VJP that is wrong by a sign or a factor, that needs more than arrays and
Tensors have in common, or that cannot be differentiated again, fails here.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

import tinygrad_lite as tg
from tests.devices import DEVICES, LAYOUTS, place
from tests.op_cases import CASES, WITHOUT_CASE, Arguments, Maker
from tinygrad_lite.engine import backend
from tinygrad_lite.engine.operation import REGISTRY, Op

DIFFERENTIABLE = [name for name in CASES if REGISTRY[name].op.vjps]
SEVERAL = [name for name in DIFFERENTIABLE if {*REGISTRY[name].op.vjps} > {"input"} or name in ("cat", "contract")]
FUSED = [name for name in CASES if REGISTRY[name].op.definition]
H = 1e-5


def calls(name: str) -> st.SearchStrategy[Arguments]:
    """Arguments for one call of the op."""
    return st.composite(lambda draw: {n: zero_dim(v) for n, v in CASES[name].draw(Maker(draw)).items()})()


def zero_dim(value: Any) -> Any:
    """NumPy's arithmetic makes scalars of 0-d arrays; the battery wants arrays."""
    return np.asarray(value) if isinstance(value, np.generic) else value


def examples(test: Callable[..., None], *strategies: st.SearchStrategy[Any], share: int = 4) -> None:
    """Run `test` on drawn examples: a quarter of the profile's, because there is a test for each op, or another share.
    """
    some = settings(max_examples=max(settings().max_examples // share, 1), suppress_health_check=list(HealthCheck))
    some(given(*strategies)(test))()


def host(x: Any) -> np.ndarray[Any, Any]:
    """The values of a Tensor or of an array of any backend."""
    return np.asarray(x) if isinstance(x, np.generic) else backend.to_host(x.array if isinstance(x, tg.Tensor) else x)


def tracked(op: Op, arguments: Arguments) -> list[str]:
    """The operands of a call that gradients are taken of: floating arrays, not Python numbers, with a VJP."""
    return [n for n in op.vjps if any(isinstance(v, np.ndarray) and v.dtype.kind == "f" for v in flat(arguments[n]))]


def flat(value: Any) -> list[Any]:
    """The arrays of an operand, which may be a sequence."""
    return value if isinstance(value, list) else [value]


class Evaluation:
    """One call with Tensors on a device, whose gradients can be taken."""

    def __init__(self, function: Callable[..., Any], arguments: Arguments, names: list[str],
                 device: backend.Backend = backend.numpy, layout: str = "C") -> None:
        self.leaves: list[tg.Tensor] = []
        placed = {n: place(v, device, layout) for n, v in arguments.items()}
        self.y = function(**{n: self._leaves(v) if n in names else v for n, v in placed.items()})

    def _leaves(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._leaves(v) for v in value]
        self.leaves.append(tg.from_numpy(value).requires_grad_())
        return self.leaves[-1]

    def gradients(self, weights: Any, create_graph: bool = False) -> list[tg.Tensor]:
        """The derivatives of sum(weights * y) with respect to the leaves."""
        return list(tg.autograd.grad(self.y, self.leaves, weights, create_graph=create_graph))

    def second(self, weights: np.ndarray[Any, Any], directions: list[Any]) -> tuple[list[Any], list[tg.Tensor]]:
        """The gradients, taken with a graph, and the derivatives of <gradients, directions>."""
        device = backend.of(self.y.array)
        seed = tg.from_numpy(place(weights, device)).requires_grad_()
        first = self.gradients(seed, create_graph=True)
        parts = [(g * tg.from_numpy(place(d, device))).sum() for g, d in zip(first, directions, strict=True)]
        along = sum(parts[1:], parts[0])
        again: Any = [None] * (len(self.leaves) + 1)
        if along.requires_grad:  # not where all gradients are constants, as those of sign
            again = tg.autograd.grad(along, [*self.leaves, seed], allow_unused=True)
        return first, [tg.zeros_like(x) if g is None else g for g, x in zip(again, [*self.leaves, seed], strict=True)]


def displaced(arguments: Arguments, names: list[str], directions: list[Any], by: float) -> Arguments:
    """The arguments with the differentiable ones moved along `directions`."""
    steps = iter(directions)
    moved = dict(arguments)
    for n in names:
        values = [np.asarray(v + by * next(steps)) for v in flat(arguments[n])]
        moved[n] = values if isinstance(arguments[n], list) else values[0]
    return moved


def random_like(values: list[Any], seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.uniform(0.5, 1.5, v.shape) * rng.choice([-1.0, 1.0], v.shape)) for v in values]


def dot(a: list[Any], b: list[Any]) -> float:
    return float(sum(np.sum(host(x) * y) for x, y in zip(a, b, strict=True)))


def slope(function: Callable[[float], Any]) -> float:
    """The derivative at 0, by a central difference."""
    return float((function(H) - function(-H)) / (2 * H))


def settled(name: str, arguments: Arguments) -> tuple[Op, list[str], list[Any], np.ndarray[Any, Any]]:
    """The op, what to differentiate, a direction to do it in, and weights for the elements of the result."""
    op = REGISTRY[name].op
    names = tracked(op, arguments)
    y = np.asarray(op.forward(**arguments)[0] if op.residuals else op.forward(**arguments))
    assume(names and y.dtype.kind == "f")
    directions = random_like([v for n in names for v in flat(arguments[n])], 1)
    return op, names, directions, random_like([y], 2)[0]


def close(actual: Any, expected: Any, tolerance: float = 1e-10) -> None:
    assert tuple(actual.shape) == np.shape(expected)
    np.testing.assert_allclose(host(actual), expected, rtol=tolerance, atol=tolerance)


def test_every_op_has_a_case() -> None:
    assert set(REGISTRY) == CASES.keys() | WITHOUT_CASE.keys(), "add the op to op_cases.py"


@pytest.mark.parametrize("name", CASES)
def test_value(name: str) -> None:
    """The definition's value on every device and in every layout; arrays give arrays, Tensors a Tensor."""
    call: Callable[..., Any] = REGISTRY[name]
    op = REGISTRY[name].op

    def check(arguments: Arguments, layout: str) -> None:
        before = {n: [np.array(v) for v in flat(arguments[n])] for n in op.operands}
        expected = np.asarray(CASES[name].oracle(**arguments))
        for device in (backend.numpy, *DEVICES):
            placed = {n: place(v, device, layout) for n, v in arguments.items()}
            raw = call(**placed)
            assert not isinstance(raw, tg.Tensor)
            close(raw, expected)
            y = call(**{n: as_tensors(v) if n in op.operands else v for n, v in placed.items()})
            assert type(y.array) is device.array, "0-d results are arrays, too"
            assert y.node is None
            assert y.dtype == expected.dtype
            close(y, expected)
            for n, values in before.items():  # an op modifies no operand
                for old, new in zip(values, flat(placed[n]), strict=True):
                    np.testing.assert_array_equal(old, host(new) if hasattr(new, "dtype") else new)

    examples(check, calls(name), st.sampled_from(LAYOUTS))


def as_tensors(value: Any) -> Any:
    if isinstance(value, list):
        return [as_tensors(v) for v in value]
    return tg.from_numpy(value) if hasattr(value, "dtype") else value


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_first_derivative(name: str) -> None:
    """Against central differences along a random direction; each VJP is met at least once."""
    met: set[str] = set()

    def check(arguments: Arguments, layout: str) -> None:
        op, names, directions, weights = settled(name, arguments)
        run = Evaluation(op.call, arguments, names, layout=layout)
        gradients = run.gradients(tg.from_numpy(weights))
        for g, x in zip(gradients, run.leaves, strict=True):
            assert (g.shape, g.dtype, type(g.array)) == (x.shape, x.dtype, np.ndarray)
        expected = slope(lambda by: np.sum(op.call(**displaced(arguments, names, directions, by)) * weights))
        np.testing.assert_allclose(dot(gradients, directions), expected, rtol=1e-6, atol=1e-6)
        met.update(names)

    examples(check, calls(name), st.sampled_from(LAYOUTS))
    assert met == REGISTRY[name].op.vjps.keys()


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_second_derivative(name: str) -> None:
    """The gradient, differentiated by the operands and by its weights, against differences of the plain gradient."""

    def check(arguments: Arguments) -> None:
        op, names, directions, weights = settled(name, arguments)
        plain = Evaluation(op.call, arguments, names).gradients(tg.from_numpy(weights))
        others, move = random_like(directions, 3), random_like([weights], 4)[0]
        first, second = Evaluation(op.call, arguments, names).second(weights, others)
        for g, expected in zip(first, plain, strict=True):
            close(g, host(expected), 1e-12)

        def value(by: float) -> float:
            moved = Evaluation(op.call, displaced(arguments, names, directions, by), names)
            return dot(moved.gradients(tg.tensor(weights + by * move)), others)

        np.testing.assert_allclose(dot(second, [*directions, move]), slope(value), rtol=1e-6, atol=1e-5)

    examples(check, calls(name))


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.device)
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_derivatives_on_a_device(name: str, device: backend.Backend) -> None:
    """The same gradients, first and second, as on NumPy, and never through the host."""

    def check(arguments: Arguments, layout: str) -> None:
        op, names, directions, weights = settled(name, arguments)
        expected, again = Evaluation(op.call, arguments, names).second(weights, directions)
        plain = Evaluation(op.call, arguments, names, device, layout).gradients(tg.from_numpy(place(weights, device)))
        first, second = Evaluation(op.call, arguments, names, device, layout).second(weights, directions)
        for actual, wanted in zip([*plain, *first, *second], [*expected, *expected, *again], strict=True):
            assert type(actual.array) is device.array
            close(actual, host(wanted))

    examples(check, calls(name), st.sampled_from(LAYOUTS), share=8)


@pytest.mark.parametrize("name", SEVERAL)
def test_the_same_tensor_twice(name: str) -> None:
    """f(x, x): x gets the gradients of both places, each once, and both are there when it is differentiated again."""
    met = False

    def check(arguments: Arguments) -> None:
        nonlocal met
        op, names, _, _ = settled(name, arguments)
        values = [v for n in names for v in flat(arguments[n])]
        twins = [v.shape == values[0].shape for v in values]
        assume(sum(twins) > 1)
        met = True

        def twice(x: Any) -> Any:
            """The op of x in each of those places, and of the drawn values elsewhere."""
            places = iter(x if same else tg.tensor(v) for v, same in zip(values, twins, strict=True))
            given = {n: [next(places) for _ in arguments[n]] if n == op.sequence else next(places) for n in names}
            return op.call(**arguments | given)

        x = tg.tensor(values[0], requires_grad=True)
        weights = random_like([twice(x).array], 2)[0]
        direction, other = random_like([values[0]], 1)[0], random_like([values[0]], 3)[0]

        def gradient(by: float) -> tg.Tensor:
            moved = tg.tensor(values[0] + by * direction, requires_grad=True)
            (result,) = tg.autograd.grad(twice(moved), moved, tg.tensor(weights))
            return result  # type: ignore[no-any-return]

        plain = gradient(0)
        expected = slope(lambda by: dot([twice(tg.tensor(values[0] + by * direction))], [weights]))
        np.testing.assert_allclose(dot([plain], [direction]), expected, rtol=1e-6, atol=1e-6)
        (first,) = tg.autograd.grad(twice(x), x, tg.tensor(weights), create_graph=True)
        close(first, host(plain), 1e-12)
        second = None
        if first.requires_grad:
            (second,) = tg.autograd.grad(first, x, tg.tensor(other), allow_unused=True)
        found = 0.0 if second is None else dot([second], [direction])
        np.testing.assert_allclose(found, slope(lambda by: dot([gradient(by)], [other])), rtol=1e-6, atol=1e-5)

    examples(check, calls(name), share=10)
    assert met


@pytest.mark.parametrize("name", FUSED)
def test_definition(name: str) -> None:
    """A fused op equals its definition: the value, the gradients, and their derivatives."""

    def check(arguments: Arguments) -> None:
        op, names, directions, weights = settled(name, arguments)
        assert op.definition is not None
        fast, plain = Evaluation(op.call, arguments, names), Evaluation(op.definition, arguments, names)
        close(fast.y, host(plain.y))
        for ours, theirs in zip(fast.second(weights, directions), plain.second(weights, directions), strict=True):
            for a, b in zip(ours, theirs, strict=True):
                close(a, host(b))

    examples(check, calls(name))


@pytest.mark.parametrize("name", [n for n in CASES if REGISTRY[n].op.residuals])
def test_residuals(name: str) -> None:
    """What the forward hands to its VJP is what the rule makes anew when that VJP is differentiated."""
    op = REGISTRY[name].op

    def check(arguments: Arguments) -> None:
        for residual, value in zip(op.residuals, op.forward(**arguments)[1:], strict=True):
            rule = op.rules[residual]
            close(rule(**{n: as_tensors(arguments[n]) for n in inspect.signature(rule).parameters}), value)

    examples(check, calls(name))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_precision_is_kept(name: str, dtype: str) -> None:
    """float16 and float32 go in, come out, and are the dtype of the gradients, also of those with a graph."""

    def check(arguments: Arguments) -> None:
        op, names, _, weights = settled(name, arguments)
        exact = Evaluation(op.call, arguments, names)
        low = {n: np_map(lambda v: np.asarray(v, dtype) if v.dtype.kind == "f" else v, v) for n, v in arguments.items()}
        rough = Evaluation(op.call, low | {n: np.dtype(dtype) for n in arguments if n == "dtype"}, names)
        assert rough.y.dtype == dtype
        seed = tg.from_numpy(np.asarray(weights, dtype))
        tolerance = 0.05 if dtype == "float16" else 1e-4
        close(rough.y, host(exact.y), tolerance)
        expected = exact.gradients(tg.from_numpy(weights))
        for create_graph in (False, True):
            for g, wanted in zip(Evaluation(op.call, low, names).gradients(seed, create_graph), expected, strict=True):
                assert g.dtype == dtype
                scale = 1 + np.max(np.abs(host(wanted)), initial=0)
                np.testing.assert_allclose(host(g) / scale, host(wanted) / scale, atol=tolerance)

    examples(check, calls(name), share=10)


def np_map(function: Callable[[Any], Any], value: Any) -> Any:
    """`function` of each array of an argument."""
    if isinstance(value, list):
        return [np_map(function, v) for v in value]
    return function(value) if isinstance(value, np.ndarray) else value


# --- where there is no derivative, and where numbers end --------------------------------------------------------------

INF = float("inf")


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(
    ("function", "at", "expected"),
    [
        (lambda x: x.abs(), [0.0, -1.0, 2.0], [0.0, -1.0, 1.0]),
        (lambda x: x.relu(), [0.0, -1.0, 2.0], [0.0, 0.0, 1.0]),
        (lambda x: x.sign(), [0.0, 3.0], [0.0, 0.0]),
        (lambda x: tg.maximum(x, 1.0), [1.0, 0.0, 2.0], [0.5, 0.0, 1.0]),
        (lambda x: tg.minimum(1.0, x), [1.0, 0.0, 2.0], [0.5, 1.0, 0.0]),
        (lambda x: tg.maximum(x, x), [1.0, 0.0], [1.0, 1.0]),
        (lambda x: x.clamp(0.0, 1.0), [0.0, 1.0, -1.0, 0.5], [1.0, 1.0, 0.0, 1.0]),
        (lambda x: x.clamp(1.0, 0.0), [0.5, 1.0, 0.0], [0.0, 0.0, 0.0]),
        (lambda x: tg.tensor(1.0).clamp(x, 2.0), [1.0, 0.0, 1.5, 3.0], [0.0, 0.0, 1.0, 0.0]),
        (lambda x: tg.tensor(1.0).clamp(0.0, x), [1.0, 0.5, 3.0, -1.0], [0.0, 1.0, 0.0, 1.0]),
        (lambda x: x.amax(), [2.0, 1.0, 2.0], [0.5, 0.0, 0.5]),
        (lambda x: x.amin(0), [1.0, 1.0, 2.0, 1.0], [1 / 3, 1 / 3, 0.0, 1 / 3]),
        (lambda x: x.max(0).values, [2.0, 1.0, 2.0], [1.0, 0.0, 0.0]),
        (lambda x: x.reshape(2, 2).amax(1, keepdim=True), [1.0, 1.0, 3.0, 2.0], [0.5, 0.5, 1.0, 0.0]),
        (lambda x: x**0, [0.0, 2.0], [0.0, 0.0]),
        (lambda x: x**1, [0.0, 2.0], [1.0, 1.0]),
        (lambda x: x**2, [0.0, 2.0], [0.0, 4.0]),
        (lambda x: x ** tg.tensor([0.0, 1.0, 2.0, 0.0]), [0.0, 0.0, 0.0, 5.0], [0.0, 1.0, 0.0, 0.0]),
        (lambda x: tg.tensor(0.0) ** x, [0.0, 1.0, 2.0], [0.0, 0.0, 0.0]),
        (lambda x: 0.0**x, [0.0, 1.0, 2.0], [0.0, 0.0, 0.0]),
        (lambda x: x.logsumexp(0), [1000.0, 1000.0], [0.5, 0.5]),
        (lambda x: x.logsumexp(0), [-INF, 1.0], [0.0, 1.0]),
        (lambda x: x.softmax(0)[0], [1000.0, -1000.0], [0.0, 0.0]),
        (lambda x: x.log_softmax(0)[1], [1000.0, -1000.0], [-1.0, 1.0]),
        (lambda x: x.sigmoid(), [-1000.0, 1000.0], [0.0, 0.0]),
        (lambda x: x.sigmoid().log(), [-20.0, -80.0, 1000.0], [1.0, 1.0, 0.0]),
        (lambda x: x.tanh(), [-1000.0, 1000.0, 0.0], [0.0, 0.0, 1.0]),
    ],
)  # fmt: skip
def test_subgradients_and_extremes(
    function: Callable[[tg.Tensor], tg.Tensor], at: list[float], expected: list[float], create_graph: bool
) -> None:
    """PyTorch's choices, and no overflow on the way (a warning is an error)."""
    x = tg.tensor(at, requires_grad=True)
    (g,) = tg.autograd.grad(function(x).sum(), x, create_graph=create_graph)
    np.testing.assert_allclose(g.detach().numpy(), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_sigmoid_to_full_precision(dtype: str) -> None:
    """The relative error is a few units in the last place, down to the smallest normal number; no warning anywhere."""
    info = np.finfo(dtype)
    x = np.linspace(np.log(float(info.tiny)), 50, 10001).astype(dtype)
    exact = 1 / (1 + np.exp(-x.astype("float64")))
    np.testing.assert_allclose(tg.sigmoid(tg.from_numpy(x)).numpy(), exact, rtol=4 * float(info.eps), atol=0)
    ends = tg.sigmoid(tg.tensor([-INF, -6e4, 6e4, INF, float("nan")], dtype=dtype))
    np.testing.assert_array_equal(ends.numpy(), [0.0, 0.0, 1.0, 1.0, np.nan])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_erf_to_full_precision(dtype: str) -> None:
    """The relative error is a few units in the last place, from the smallest normal number to where erf is 1."""
    info = np.finfo(dtype)
    x = np.concatenate([np.linspace(-7, 7, 4001), np.geomspace(float(info.tiny), 1, 500)]).astype(dtype)
    exact = np.vectorize(math.erf)(x.astype("float64"))
    y = tg.erf(tg.from_numpy(x)).numpy()
    assert y.dtype == dtype
    np.testing.assert_allclose(y, exact, rtol=4 * float(info.eps), atol=0)
    ends = tg.erf(tg.tensor([-INF, -6e4, -0.0, 6e4, INF, float("nan")], dtype=dtype)).numpy()
    np.testing.assert_array_equal(ends, [-1.0, -1.0, 0.0, 1.0, 1.0, np.nan])
    assert np.signbit(ends[2])


def test_float16_is_added_up_in_float32() -> None:
    """In float16 itself 2048 + 1 is 2048, and 65505 is inf; the results, and the gradients, are what fits in it."""
    rows, many = tg.ones(5000, 2, dtype="float16"), tg.ones(70000, dtype="float16", requires_grad=True)
    assert rows.sum(0).tolist() == [5000, 5000]
    assert rows.sum().item() == 10000
    assert rows.mean(0).tolist() == [1, 1]
    assert tg.einsum("ij,ik->jk", rows, rows).tolist() == [[5000, 5000]] * 2
    bias, column = tg.zeros(2, dtype="float16", requires_grad=True), tg.zeros(5000, 1, dtype="float16")
    (rows * 1 + bias).sum().backward()
    assert bias.grad is not None
    assert bias.grad.tolist() == [5000, 5000]
    stretched = tg.zeros(1, 2, dtype="float16", requires_grad=True)
    (column + stretched).sum().backward()
    assert stretched.grad is not None
    assert stretched.grad.tolist() == [[5000, 5000]]
    functional, zeros = tg.nn.functional, tg.zeros(70000, dtype="float16")
    share, log_count = 1 / 70000, math.log(70000)
    for y, value, slope in [
        (many.mean(), 1, share),
        (functional.mse_loss(many, zeros), 1, 2 * share),
        (functional.binary_cross_entropy_with_logits(many, zeros), math.log(1 + math.e), share / (1 + math.exp(-1))),
        (many.logsumexp(0), 1 + log_count, share),
        (many.softmax(0)[0] * 64, 64 * share, None),
        (many.log_softmax(0)[0], -log_count, None),
        (functional.cross_entropy(many, tg.tensor(0)), log_count, None),
        (functional.cross_entropy(many.reshape(-1, 1).expand(70000, 2), tg.zeros(70000, dtype="int64")),
         math.log(2), None),
    ]:  # fmt: skip
        assert y.dtype == "float16"
        np.testing.assert_allclose(y.item(), value, rtol=2e-3)
        (g,) = tg.autograd.grad(y, many)
        if slope is not None:  # in float16 a 70,000th is not a normal number: it has few digits
            np.testing.assert_allclose(g.numpy(), slope, rtol=5e-3)


@pytest.mark.parametrize("create_graph", [False, True])
def test_gradients_at_nan(create_graph: bool) -> None:
    """As in PyTorch: relu lets them through, and a nan takes all of that of a maximum."""
    x = tg.tensor([float("nan"), 1.0, 2.0], requires_grad=True)
    for y, expected in ((x.relu().sum(), [1.0, 1.0, 1.0]), (x.max(), [1.0, 0.0, 0.0]), (x.amin(0), [1.0, 0.0, 0.0])):
        (g,) = tg.autograd.grad(y, x, create_graph=create_graph)
        assert g.tolist() == expected


def test_losses_do_not_overflow() -> None:
    logits = tg.tensor([[1000.0, -1000.0], [0.0, 1000.0]], requires_grad=True)
    loss = tg.nn.functional.cross_entropy(logits, tg.tensor([0, 0]), reduction="none")
    np.testing.assert_allclose(loss.detach().numpy(), [0.0, 1000.0])
    x = tg.tensor([1000.0, -1000.0, 1000.0, -1000.0], requires_grad=True)
    targets = tg.tensor([1.0, 0.0, 0.0, 1.0])
    binary = tg.nn.functional.binary_cross_entropy_with_logits(x, targets, reduction="none")
    np.testing.assert_allclose(binary.detach().numpy(), [0.0, 0.0, 1000.0, 1000.0])
    (loss.sum() + binary.sum()).backward()
    assert logits.grad is not None
    assert x.grad is not None
    np.testing.assert_allclose(logits.grad.numpy(), [[0.0, 0.0], [-1.0, 1.0]])
    np.testing.assert_allclose(x.grad.numpy(), [0.0, 0.0, 1.0, -1.0])


@pytest.mark.parametrize("create_graph", [False, True])
def test_means_of_nothing_have_gradients_of_nothing(create_graph: bool) -> None:
    """Their value is nan, as in PyTorch; dividing by a count of 0 would warn on the way back."""
    x = tg.zeros(0, 3, requires_grad=True)
    targets = tg.zeros(0, dtype="int64")
    functional = tg.nn.functional
    for y in (x.mean(), functional.cross_entropy(x, targets), functional.mse_loss(x, x.detach()),
              functional.binary_cross_entropy_with_logits(x, x.detach())):  # fmt: skip
        assert np.isnan(y.item())
        (g,) = tg.autograd.grad(y, x, create_graph=create_graph)
        assert g.shape == (0, 3)
