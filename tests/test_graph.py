"""The graph: what a backward pass adds up, what it keeps and frees, and that nothing in it recurses or makes cycles."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import tracemalloc
import weakref
from collections.abc import Callable, Generator, Iterator
from typing import Any, NamedTuple

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import tinygrad_lite as tg
from tests.devices import STRICT
from tinygrad_lite.autograd import grad, observing
from tinygrad_lite.engine import graph
from tinygrad_lite.engine.graph import Array
from tinygrad_lite.engine.operation import Op


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(np.array(values), requires_grad=True)


def values(x: tg.Tensor | None) -> list[Any]:
    assert x is not None
    return x.detach().tolist()  # type: ignore[no-any-return]


@pytest.fixture
def collector_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def nodes() -> int:
    """How many nodes live."""
    return sum(isinstance(x, graph.Node) for x in gc.get_objects())


# --- sums over paths --------------------------------------------------------------------------------------------------


def test_a_diamond_waits_for_both_sides() -> None:
    a = leaf(3.0)
    b = a + a
    c = b + b
    c.backward()
    assert values(a.grad) == [4.0]


def test_the_same_tensor_on_paths_of_different_length() -> None:
    x = leaf(2.0)
    y = x * x  # 4
    z = y * x  # x ** 3
    (z * y + x).backward()  # x ** 5 + x
    assert values(x.grad) == [5 * 16 + 1]


STEP = st.tuples(st.sampled_from("+*-"), st.integers(0, 10**6), st.integers(0, 10**6))


@given(st.lists(STEP, min_size=1, max_size=15))
def test_any_graph_equals_forward_differentiation(program: list[tuple[str, int, int]]) -> None:
    """Against dual numbers, which know nothing of graphs: operands are any earlier results."""
    x = leaf(1.1)
    tensors: list[tg.Tensor] = [x]
    duals = [(1.1, 1.0)]
    for sign, i, j in program:
        a, b = tensors[i % len(tensors)], tensors[j % len(tensors)]
        (u, du), (v, dv) = duals[i % len(duals)], duals[j % len(duals)]
        scale = 1 / (1 + abs(u) + abs(v))  # keeps numbers small
        if sign == "*":
            tensors.append(a * b * scale)
            duals.append((u * v * scale, (du * v + u * dv) * scale))
        else:
            s = 1 if sign == "+" else -1
            tensors.append((a + b * s) * scale)
            duals.append(((u + s * v) * scale, (du + s * dv) * scale))
    tensors[-1].backward()
    np.testing.assert_allclose(values(x.grad), [duals[-1][1]], rtol=1e-9, atol=1e-12)


def test_gradients_accumulate_in_place() -> None:
    x = leaf(1.0, 2.0)
    (x * 3).sum().backward()
    first = x.grad
    assert first is not None
    memory = first.array
    (x * 4).sum().backward()
    assert x.grad is first
    assert first.array is memory
    assert values(first) == [7.0, 7.0]


def test_an_element_that_was_picked() -> None:
    x = leaf(1.0, 2.0, 3.0)
    (x[1] * 3.0).backward()
    assert values(x.grad) == [0.0, 3.0, 0.0]
    x.grad = None
    (x[1] * x[tg.tensor([1, 2])].sum()).backward()
    assert values(x.grad) == [0.0, 2.0 + 5.0, 2.0]


# --- depth and memory -------------------------------------------------------------------------------------------------


def test_a_chain_of_100_000_ops() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    y.backward()
    assert values(x.grad) == [1.0]


@pytest.mark.usefixtures("collector_off")
@pytest.mark.parametrize("walked", [False, True])
def test_many_nodes_without_recursion(walked: bool) -> None:
    """They are walked, and dropped walked or not, without a call per node on Python's or C's stack."""
    before = nodes()
    x = y = leaf(1.0)
    for _ in range(300_000):
        y = -y
    if walked:
        y.backward()
        assert values(x.grad) == [1.0]
    del x, y
    assert nodes() == before


@pytest.mark.usefixtures("collector_off")
def test_nothing_is_left_of_a_training_step() -> None:
    w, b = tg.randn(20, 20, requires_grad=True), tg.zeros(20, requires_grad=True)
    x = tg.randn(8, 20)

    def step() -> None:
        h = x
        for _ in range(5):
            h = (h @ w + b).tanh()
        (h * h).mean().backward()
        w.grad = b.grad = None

    step()
    tracemalloc.start()
    before_nodes = nodes()
    for _ in range(300):  # Python keeps freed lists and dicts for the next ones, up to 80 of each
        step()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(100):
        step()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert nodes() == before_nodes
    assert grown < 2000


@pytest.mark.usefixtures("collector_off")
@pytest.mark.parametrize("create_graph", [False, True])
def test_no_cycles(create_graph: bool) -> None:
    """Not even after create_graph, where .grad has a history that leads back to its leaf: dropping all frees all."""
    before = nodes()
    x = leaf(1.0, 2.0)
    y = (x * x * x).sum()
    y.backward(create_graph=create_graph)
    (again,) = grad(x.grad.sum(), x) if create_graph and x.grad is not None else (None,)
    alive = weakref.ref(x)
    del x, y, again
    assert alive() is None
    assert nodes() == before


@pytest.mark.usefixtures("collector_off")
def test_views_hooks_and_retained_gradients_make_no_cycles() -> None:
    before = nodes()
    x = leaf(1.0, 2.0)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 2)
    z = y[0].reshape(1)
    (z * z).sum().backward()
    del x, y, z
    assert nodes() == before


def test_arrays_are_freed_as_soon_as_their_vjps_ran() -> None:
    x = tg.zeros(1000, requires_grad=True)
    inner = (x + 1).exp()
    saved = weakref.ref(inner.array)
    y = inner.sin()
    del inner
    alive: list[bool] = []
    x.register_hook(lambda g: alive.append(saved() is not None))
    z = y.sum()
    assert saved() is not None
    z.backward()
    assert alive == [False], "exp had kept its result, sin its operand; both ran before x"


def test_retain_graph_keeps_them() -> None:
    x = tg.zeros(10, requires_grad=True)
    inner = x.exp()
    saved = weakref.ref(inner.array)
    y = inner.sin().sum()
    del inner
    y.backward(retain_graph=True)
    assert saved() is not None
    y.backward()
    assert saved() is None


def test_only_what_vjps_name_is_kept() -> None:
    """20 layers of relu(x @ w + b): one array per layer (the result of relu), not the product and not the sum."""
    n, layers = 100_000, 20
    w, b = tg.randn(1, 1, requires_grad=True), tg.zeros(1, requires_grad=True)
    x = tg.ones(n, 1)
    tracemalloc.start()
    h = x
    for _ in range(layers):
        h = (h @ w + b).relu()
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept < (layers + 1.5) * 4 * n


def test_no_grad_keeps_nothing() -> None:
    x = leaf(1.0)
    with tg.no_grad():
        y = x * x
    assert y.node is None
    assert y.requires_grad is False


# --- a second backward ------------------------------------------------------------------------------------------------


def test_a_second_backward_names_retain_graph() -> None:
    x = leaf(1.0)
    y = (x * x).sin()
    y.backward()
    with pytest.raises(RuntimeError, match=r"a second time: the saved values of (sin|mul).*retain_graph=True"):
        y.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        grad(y, x)


def test_a_shared_part_that_was_freed() -> None:
    x = leaf(1.0)
    shared = x * x
    shared.sin().backward()
    with pytest.raises(RuntimeError, match="the saved values of mul were freed"):
        shared.cos().backward()


def test_the_part_that_was_not_walked_stays() -> None:
    x, w = leaf(2.0), leaf(3.0)
    a, b = x * x, w * w
    (a * b).backward(inputs=[x])
    b.backward()
    assert values(w.grad) == [6.0]


# --- modes ------------------------------------------------------------------------------------------------------------


def test_grad_mode_belongs_to_its_thread() -> None:
    entered, leave = threading.Event(), threading.Event()
    seen: list[bool] = []

    def other() -> None:
        seen.append(tg.is_grad_enabled())
        with tg.no_grad():
            entered.set()
            leave.wait(10)
            seen.append(tg.is_grad_enabled())

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait(10)
    assert tg.is_grad_enabled()
    assert (leaf(1.0) * 2).requires_grad
    leave.set()
    thread.join()
    assert seen == [True, False]


def test_threads_walk_at_the_same_time() -> None:
    w = leaf(*np.arange(1.0, 9))
    results: list[Any] = [None] * 4

    def work(k: int) -> None:
        for _ in range(50):
            y = w
            for _ in range(10):
                y = y * 1.01 + w * k
            (results[k],) = grad(y.sum(), w)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for k in range(4):
        np.testing.assert_allclose(values(results[k]), 1.01**10 + k * sum(1.01**i for i in range(10)))


def test_grad_modes_nest_and_survive_errors() -> None:
    with tg.no_grad():
        with tg.enable_grad():
            assert tg.is_grad_enabled()
        assert not tg.is_grad_enabled()
    with pytest.raises(ZeroDivisionError), tg.no_grad():
        _ = 1 // 0
    assert tg.is_grad_enabled()

    @tg.no_grad()
    def constant(x: tg.Tensor) -> Any:
        return x * x

    assert not constant(leaf(1.0)).requires_grad
    with tg.set_grad_enabled(False):
        assert not tg.is_grad_enabled()
    assert tg.is_grad_enabled()


def test_set_grad_enabled_as_a_decorator_holds_inside_of_calls_only() -> None:
    @tg.set_grad_enabled(False)
    def off() -> bool:
        return tg.is_grad_enabled()

    assert tg.is_grad_enabled()
    assert not off()
    with tg.no_grad():
        on = tg.set_grad_enabled(True)(tg.is_grad_enabled)
        assert not tg.is_grad_enabled()
        assert on()
    tg.set_grad_enabled(mode=False)
    assert not tg.is_grad_enabled()
    tg.set_grad_enabled(mode=True)


def test_grad_modes_decorate_without_parentheses() -> None:
    no_grad: Any = tg.no_grad  # type checkers do not know of classes that make functions
    enable_grad: Any = tg.enable_grad

    @no_grad  # type: ignore[untyped-decorator]
    def off() -> bool:
        """Docs."""
        return tg.is_grad_enabled()

    @enable_grad  # type: ignore[untyped-decorator]
    def on() -> bool:
        return tg.is_grad_enabled() and not off()

    assert (off.__name__, off.__doc__, off()) == ("off", "Docs.", False)
    with tg.no_grad():
        assert on()


def test_a_grad_mode_holds_in_each_step_of_a_generator() -> None:
    seen: list[Any] = []

    @tg.no_grad()
    def steps() -> Generator[int, Any, str]:
        for i in range(3):
            seen.append(tg.is_grad_enabled())
            try:
                seen.append((yield i))
            except KeyError:
                seen.append("caught")
        return "end"

    generator: Any = steps()
    assert next(generator) == 0
    assert tg.is_grad_enabled()
    assert generator.send("a") == 1
    assert generator.throw(KeyError()) == 2
    assert tg.is_grad_enabled()
    with pytest.raises(StopIteration, match="end"):
        next(generator)
    assert seen == [False, "a", False, "caught", False, None]

    generator = steps()
    next(generator)
    with pytest.raises(ValueError, match="mine"):
        generator.throw(ValueError("mine"))
    assert tg.is_grad_enabled()
    generator = steps()
    next(generator)
    generator.close()
    assert tg.is_grad_enabled()


def test_a_failing_vjp_restores_the_mode() -> None:
    @tg.op
    def broken(x: Array) -> Array:
        return x * 1

    @broken.vjp("x")
    def _(g: Any) -> Any:
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        broken(leaf(1.0)).backward(create_graph=True)
    with tg.no_grad():
        x = leaf(1.0)
    with pytest.raises(ArithmeticError):
        broken(x).backward()
    assert tg.is_grad_enabled()


# --- hooks ------------------------------------------------------------------------------------------------------------


def test_hooks_run_in_order_on_the_whole_gradient_and_may_replace_it() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    seen: list[tuple[str, list[float]]] = []

    def note(name: str, factor: float | None) -> Callable[[tg.Tensor], tg.Tensor | None]:
        def hook(g: tg.Tensor) -> tg.Tensor | None:
            seen.append((name, values(g)))
            return None if factor is None else g * factor

        return hook

    y.register_hook(note("first", 10.0))
    y.register_hook(note("second", None))
    removed = y.register_hook(note("removed", 100.0))
    x.register_hook(note("leaf", 0.5))
    removed.remove()
    removed.remove()
    (y.sum() + (y * y).sum()).backward()
    assert seen == [("first", [5.0, 9.0]), ("second", [50.0, 90.0]), ("leaf", [100.0, 180.0])]
    assert values(x.grad) == [50.0, 90.0]


def test_a_hook_sees_an_array_also_of_a_0d_gradient() -> None:
    x = tg.tensor(2.0, requires_grad=True)
    seen: list[type] = []
    y = x * x
    y.register_hook(lambda g: seen.append(type(g.array)))
    (y * 3.0).backward()
    assert seen == [np.ndarray]


def test_a_hook_must_return_a_gradient() -> None:
    x = leaf(1.0, 2.0)
    handle = x.register_hook(lambda g: 3.0)  # type: ignore[arg-type,return-value]
    with pytest.raises(TypeError, match="a gradient hook must return a Tensor or None, got float"):
        (x * 2).sum().backward()
    handle.remove()
    x.register_hook(lambda g: g[:1])
    with pytest.raises(RuntimeError, match=r"a gradient hook returned shape \(1,\), expected \(2,\)"):
        (x * 2).sum().backward()


def test_hooks_with_create_graph_are_part_of_the_second_derivative() -> None:
    x = leaf(3.0)
    y = x * x
    y.register_hook(lambda g: g * x.detach() * 5)
    (first,) = grad(y, x, create_graph=True)
    (second,) = grad(first, x)
    assert (values(first), values(second)) == ([90.0], [30.0])


def test_retain_grad() -> None:
    x = leaf(1.0, 2.0)
    y = x * 3
    y.retain_grad()
    y.retain_grad()
    (y * y).sum().backward()
    assert values(y.grad) == [6.0, 12.0], "once"
    x.retain_grad()
    y.retain_grad()
    z = x * 1.0
    z.retain_grad()
    z.register_hook(lambda g: g * 10)
    z.sum().backward()
    assert values(z.grad) == [10.0, 10.0], "what the hooks made of it, also those that came later"
    with pytest.raises(RuntimeError, match="can't retain_grad"):
        y.detach().retain_grad()


def test_a_backward_pass_inside_a_hook() -> None:
    x, w = leaf(2.0), leaf(5.0)
    y = x * x

    def walk_another(g: tg.Tensor) -> None:
        assert not tg.is_grad_enabled(), "as in PyTorch, without create_graph"
        with tg.enable_grad():
            (w * w).backward()

    y.register_hook(walk_another)
    y.backward()
    assert (values(x.grad), values(w.grad)) == ([4.0], [10.0])


def test_a_hook_that_drops_itself_and_adds_another() -> None:
    x = leaf(1.0)
    seen: list[str] = []

    def once(g: tg.Tensor) -> None:
        seen.append("once")
        handle.remove()
        x.register_hook(lambda g: seen.append("new"))

    handle = x.register_hook(once)
    (x * 2).backward()
    (x * 2).backward()
    assert seen == ["once", "new"]


# --- inputs -----------------------------------------------------------------------------------------------------------


def test_backward_to_some_inputs_only() -> None:
    x, w = leaf(2.0), leaf(3.0)
    h = x * w
    (h * h).backward(inputs=[w, h])
    assert x.grad is None
    assert values(w.grad) == [2 * 6.0 * 2.0]
    assert values(h.grad) == [12.0]
    with pytest.raises(RuntimeError, match="cannot be empty"):
        (x * w).backward(inputs=[])


def test_grad_of_non_leaves_unused_and_repeated_inputs() -> None:
    x, unused = leaf(2.0), leaf(1.0)
    h = x * x
    y = h * h
    g_h, none, g_x, again = grad(y, [h, unused, x, h], allow_unused=True, retain_graph=True)
    assert (values(g_h), none, values(g_x), values(again)) == ([8.0], None, [32.0], [8.0])
    assert not np.shares_memory(g_h.array, again.array)
    with pytest.raises(RuntimeError, match=r"not have been used.*allow_unused=True.*\(input 1, shape \(1,\)\)"):
        grad(y, [h, unused])
    assert x.grad is None


def test_grad_of_several_outputs_with_weights() -> None:
    x = leaf(1.0, 2.0)
    a, b = x * x, x.sum()
    (g,) = grad([a, b], x, [tg.tensor(np.array([10.0, 1.0])), None])
    assert values(g) == [21.0, 5.0]
    with pytest.raises(RuntimeError, match="got 2 tensors and 1 gradients"):
        grad([a, b], x, [None])


def test_grad_of_an_output_by_itself() -> None:
    y = leaf(2.0) * 3
    (g,) = grad(y, y)
    assert values(g) == [1.0]
    x = leaf(4.0)
    x.backward()
    assert values(x.grad) == [1.0]


def test_the_graph_of_a_gradient_reaches_its_weights() -> None:
    x, v = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (g,) = grad(x * x, x, v, create_graph=True)
    (dv,) = grad(g.sum(), v)
    assert values(dv) == [2.0, 4.0]


def test_third_derivatives() -> None:
    x = leaf(2.0)
    y = x**5
    for expected in (80.0, 160.0, 240.0):
        (y,) = grad(y.sum(), x, create_graph=True)
        assert values(y) == [expected]


def test_value_and_grad_takes_structures() -> None:
    def f(params: dict[str, Any], scale: tg.Tensor) -> Any:
        return (params["w"] * params["layers"][0] * scale).sum()

    params = {"w": tg.tensor([1.0, 2.0]), "layers": [tg.tensor([3.0, 4.0])]}
    value, gradients = tg.value_and_grad(f)(params, tg.tensor(2.0))
    assert value.item() == 22.0
    assert not value.requires_grad
    assert (values(gradients["w"]), values(gradients["layers"][0])) == ([6.0, 8.0], [2.0, 4.0])
    _, (g,) = tg.value_and_grad(lambda a, b: (a * 2).sum(), argnums=[1])(tg.tensor([1.0]), tg.tensor([5.0]))
    assert values(g) == [0.0]


def test_value_and_grad_takes_named_tuples() -> None:
    class Params(NamedTuple):
        w: tg.Tensor
        b: tg.Tensor

    _, g = tg.value_and_grad(lambda p: (p.w * 3 + p.b).sum())(Params(tg.tensor([1.0, 2.0]), tg.tensor([4.0])))
    assert isinstance(g, Params)
    assert (values(g.w), values(g.b)) == ([3.0, 3.0], [2.0])


def test_value_and_grad_of_value_and_grad() -> None:
    def slope(x: tg.Tensor) -> Any:
        return tg.value_and_grad(lambda x: (x**4).sum())(x)[1].sum()

    def value(x: tg.Tensor) -> Any:
        return tg.value_and_grad(lambda x: (x**4).sum())(x)[0]

    def mixed(x: tg.Tensor) -> Any:  # the inner function differentiates with respect to something else
        return tg.value_and_grad(lambda w: (w * w * x**3).sum())(tg.tensor([5.0]))[1].sum()

    x = tg.tensor([2.0])
    assert values(tg.value_and_grad(slope)(x)[1]) == [48.0]
    assert values(tg.value_and_grad(value)(x)[1]) == [32.0]
    assert values(tg.value_and_grad(mixed)(x)[1]) == [120.0]
    y = leaf(2.0)
    slope(y * 1).backward()
    assert values(y.grad) == [48.0]
    with tg.no_grad():
        assert not slope(y).requires_grad


def test_value_and_grad_is_right_if_the_function_writes_to_its_argument() -> None:
    def f(w: tg.Tensor) -> Any:
        w.mul_(2)
        return w.sum()

    with pytest.raises(RuntimeError, match="leaf"):
        tg.value_and_grad(f)(tg.tensor([1.0]))
    assert values(tg.value_and_grad(f)(leaf(1.0) * 1)[1]) == [2.0]


def test_value_and_grad_leaves_no_garbage(collector_off: None) -> None:
    def f(params: dict[str, tg.Tensor]) -> Any:
        return (params["w"] ** 2).sum()

    params = {"w": tg.ones(3)}
    vg = tg.value_and_grad(f)
    vg(params)
    before = len(gc.get_objects())
    for _ in range(10):
        vg(params)
    assert len(gc.get_objects()) < before + 10


def test_backward_of_several_tensors() -> None:
    x = leaf(2.0, 3.0)
    tg.autograd.backward([(x * x).sum(), x * 3], [None, tg.tensor(np.array([1.0, 10.0]))])
    assert values(x.grad) == [7.0, 36.0]
    tg.autograd.backward((x * x).sum(), inputs=x)
    assert values(x.grad) == [11.0, 42.0]
    with pytest.raises(RuntimeError, match="got 2 tensors and 1 gradients"):
        tg.autograd.backward([x, x], [tg.ones(2)])
    with pytest.raises(RuntimeError, match="cannot be empty"):
        tg.autograd.backward(x.sum(), inputs=[])


def test_gradients_of_unused_inputs_as_zeros() -> None:
    x, unused = leaf(1.0), leaf(1.0, 2.0)
    used, zeros = grad(x * 2, [x, unused], only_inputs=True, materialize_grads=True)
    assert (values(used), values(zeros)) == ([2.0], [0.0, 0.0])


def test_del_grad_and_retains_grad() -> None:
    x = leaf(1.0)
    y = x * 2
    assert (x.retains_grad, y.retains_grad, tg.ones(1).retains_grad) == (False, False, False)
    y.retain_grad()
    x.retain_grad()
    assert (x.retains_grad, y.retains_grad) == (False, True)
    y.mul_(3)
    assert y.retains_grad
    y.backward()
    assert x.grad is not None
    del x.grad
    assert x.grad is None
    del x.grad


def test_inputs_that_do_not_require_grad() -> None:
    x, constant = leaf(1.0), tg.tensor([1.0])
    with pytest.raises(RuntimeError, match="does not require grad"):
        grad(x * 2, constant)
    with pytest.raises(RuntimeError, match="does not require grad and does not have a grad_fn"):
        constant.backward()
    with pytest.raises(TypeError, match="inputs must be Tensors, got ndarray"):
        grad(x * 2, [np.ones(1)])  # type: ignore[list-item]


def test_what_a_seed_must_be() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"only for scalar outputs, got shape \(2,\)"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match=r"of the output's shape \(2,\), got \(3,\)"):
        (x * 2).backward(tg.ones(3))
    (x * 2).backward(tg.tensor([1, 10], dtype="float32"))
    assert values(x.grad) == [2.0, 20.0]


# --- what .grad is ----------------------------------------------------------------------------------------------------


def test_no_two_gradients_share_memory() -> None:
    a, b, c = leaf(1.0, 2.0), leaf(3.0, 4.0), leaf(5.0, 6.0)
    seed = tg.tensor(np.array([1.0, 1.0]))
    (a + b + c.reshape(2)).backward(seed)  # add hands one array to all
    arrays = [x.grad.array for x in (a, b, c) if x.grad is not None] + [seed.array]
    assert len(arrays) == 4
    for i, first in enumerate(arrays):
        assert not any(np.shares_memory(first, other) for other in arrays[:i])
        assert first.flags.writeable
        assert first.base is None


def test_gradients_returned_by_grad_share_no_memory() -> None:
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    first, second = grad((a + b).sum(), [a, b])
    assert not np.shares_memory(first.array, second.array)
    assert first.array.flags.writeable
    assert first.array.strides == (8,), "a sum's gradient is one number, broadcast"


def test_a_gradient_that_nobody_else_holds_is_not_copied() -> None:
    made: list[int] = []

    @tg.op
    def double(x: Array) -> Array:
        return x * 2

    @double.vjp("x")
    def _(g: Any) -> Any:
        result = g * 2
        made.append(result.__array_interface__["data"][0])
        return result

    x = leaf(*np.arange(100.0))
    double(x).sum().backward()
    (g,) = grad(double(x).sum(), x)
    assert x.grad is not None
    assert [y.array.__array_interface__["data"][0] for y in (x.grad, g)] == made


def test_a_gradient_that_a_hook_keeps_is_copied() -> None:
    x = leaf(1.0)
    kept: list[tg.Tensor] = []
    x.register_hook(kept.append)
    (x * 2).backward()
    (x * 2).backward()
    assert values(kept[0]) == [2.0]
    assert values(x.grad) == [4.0]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_gradient_has_the_dtype_of_its_tensor(dtype: str) -> None:
    x = tg.ones(3, dtype=dtype, requires_grad=True)
    w = tg.full((3,), 2.0, dtype="float64")
    (x * w).sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == dtype
    (g,) = grad((x * w).sum(), x, create_graph=True)
    assert g.dtype == dtype


def test_grad_can_be_assigned() -> None:
    x = leaf(1.0, 2.0)
    x.grad = tg.tensor(np.array([1.0, 1.0]))
    (x * 2).sum().backward()
    assert values(x.grad) == [3.0, 3.0]
    with pytest.raises(RuntimeError, match=r"grad must have shape \(2,\)"):
        x.grad = tg.ones(3)
    with pytest.raises(TypeError, match="grad must be a Tensor or None, got ndarray"):
        x.grad = np.ones(2)  # type: ignore[assignment]


def test_backward_with_create_graph_accumulates_differentiably() -> None:
    x = leaf(2.0)
    (x * x * x).backward(create_graph=True)
    (x * x).backward(create_graph=True)
    assert x.grad is not None
    assert values(x.grad) == [16.0]
    (second,) = grad(x.grad, x)
    assert values(second) == [14.0]


# --- leaves -----------------------------------------------------------------------------------------------------------


def test_a_leaf_that_was_dropped() -> None:
    y = leaf(1.0) * 2
    kept = leaf(5.0)
    (y * kept).backward()
    assert values(kept.grad) == [2.0]


def test_a_copy_is_a_leaf_of_its_own() -> None:
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    for twin in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert twin.requires_grad
        assert twin.is_leaf
        (twin * 3).sum().backward()
        assert values(x.grad) == [2.0, 4.0]
    twin = copy.deepcopy(x)
    assert values(twin.grad) == [2.0, 4.0]
    assert not np.shares_memory(twin.array, x.array)
    with pytest.raises(RuntimeError, match=r"x\.detach\(\)"):
        copy.deepcopy(x * 2)
    with pytest.raises(RuntimeError, match=r"x\.detach\(\)"):
        pickle.dumps(x * 2)


@pytest.mark.parametrize("freeze", [
    lambda w: w.requires_grad_(False), lambda w: setattr(w, "requires_grad", False), lambda w: w.detach_()])
def test_a_leaf_that_was_frozen_since_gets_no_gradient(freeze: Callable[[tg.Tensor], Any]) -> None:
    w, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    handed: list[Any] = []
    w.register_hook(lambda g: handed.append(values(g)))
    optimizer = tg.optim.SGD([w, b], lr=1.0)
    loss = (w * w + 3 * b).sum()
    freeze(w)
    loss.backward(retain_graph=True)
    optimizer.step()
    assert w.grad is None
    assert (values(w), values(b)) == ([1.0, 2.0], [0.0, 1.0])

    w.requires_grad_()  # the same leaf again: the graph is still its own, and so are the hooks
    assert w.is_leaf
    assert values(*grad(loss, w, retain_graph=True)) == [2.0, 4.0]
    handed.clear()
    (loss + (3 * w).sum()).backward()
    assert values(w.grad) == [5.0, 7.0]
    assert handed == [[5.0, 7.0]]


def test_a_frozen_leaf_keeps_the_gradient_that_it_has() -> None:
    w = leaf(1.0, 2.0)
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    w.requires_grad_(False)
    loss.backward(create_graph=True)
    assert values(w.grad) == [2.0, 4.0]


def test_a_leaf_with_other_data_gets_the_gradient_of_the_values_that_were_used() -> None:
    w = leaf(1.0, 2.0)
    loss = (w * w).sum()
    w.data = tg.tensor([30.0, 40.0])
    loss.backward()
    assert values(w.grad) == [2.0, 4.0]  # PyTorch's mul would read the new ones
    w.requires_grad_(False)
    w.data = tg.ones(3)
    w.grad = None
    (w.requires_grad_() * 2).sum().backward()
    assert values(w.grad) == [2.0, 2.0, 2.0]
    w.requires_grad_(False)
    w.data = tg.tensor([1, 2])
    with pytest.raises(RuntimeError, match="only Tensors of floating point dtype"):
        w.requires_grad_()
    assert not w.requires_grad


def test_a_leaf_that_became_the_result_of_an_operation_has_no_place_for_its_gradient() -> None:
    w, u = leaf(1.0, 2.0), leaf(5.0, 5.0)
    loss = (w * 3).sum()
    w.requires_grad_(False)
    w.copy_(u)
    with pytest.raises(RuntimeError, match=r"leaf variable of shape \(2,\) has been moved into the graph interior"):
        loss.backward()
    with pytest.warns(UserWarning, match="not a leaf Tensor"):
        assert w.grad is None


def test_a_gradient_that_nobody_keeps_is_warned_of() -> None:
    w = leaf(1.0, 2.0)
    y = w * 2
    with pytest.warns(UserWarning, match=r"not a leaf Tensor .*retain_grad\(\)") as caught:
        assert y.grad is None
    assert caught[0].filename == __file__
    y.retain_grad()
    assert y.grad is None
    y.sum().backward()
    assert values(y.grad) == [1.0, 1.0]
    for silent in (w, w.detach(), tg.ones(2), w.detach() * 2):
        _ = silent.grad


def test_a_history_that_ends_in_tensor_is_warned_of() -> None:
    w = leaf(1.0)
    for source in (w * 2, w):
        with pytest.warns(UserWarning, match=r"recommended to use sourceTensor.detach\(\).clone\(\)") as caught:
            tg.tensor(source)
        assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match=r"stack\(\[...\]\) keeps their history") as caught:
        tg.tensor([w, w * 2])
    assert caught[0].filename == __file__
    tg.tensor(w.detach())
    tg.tensor([w.detach(), w.detach()])


def test_only_floating_leaves() -> None:
    with pytest.raises(RuntimeError, match="floating point dtype can require gradients, got int64"):
        tg.tensor([1, 2], requires_grad=True)
    with pytest.raises(RuntimeError, match="only change requires_grad flags of leaf variables"):
        (leaf(1.0) * 2).requires_grad_(False)


def test_integers_end_the_graph() -> None:
    x = leaf(1.0, 3.0)
    for constant in (x.argmax(), x > 2, x == x):
        assert constant.node is None


# --- observers --------------------------------------------------------------------------------------------------------


class Recorder(graph.Observer):
    """Notes each op call and each live call."""

    def __init__(self, *, sees_backward: bool = False) -> None:
        self.names: list[str] = []
        self.lived: list[Any] = []
        self.sees_backward = sees_backward

    def called(self, op: Op, operands: tuple[Any, ...], settings: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        assert not any(isinstance(x, tg.Tensor) for x in (*operands, *outputs)), "observers see arrays"
        self.names.append(op.name)

    def live(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        self.lived.append(args)
        return function(*args)


def test_an_observer_sees_every_call() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    one = tg.tensor(1, dtype="float64")
    with observing(Recorder()) as recorder:
        y = (x * 2 + one).sum()
        y[...].exp().backward()
    assert isinstance(recorder, Recorder)
    forward = ["mul", "to_dtype", "add", "sum", "getitem", "exp"]
    assert recorder.names == forward, "a first-order backward pass runs on raw arrays"


def test_an_observer_may_ask_for_the_backward_pass() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    with observing(Recorder(sees_backward=True)) as recorder:
        (x.exp() * x).sum().backward()
    assert isinstance(recorder, Recorder)
    assert recorder.names == ["exp", "mul", "sum", "expand", "mul", "mul", "mul", "add", "clone"]
    assert x.grad is not None
    assert x.grad.node is None, "seen, and not recorded"
    np.testing.assert_allclose(values(x.grad), np.exp([1, 2]) * [2, 3], rtol=1e-6)


def test_random_draws_are_live() -> None:
    with observing(Recorder()) as recorder:
        tg.rand(3)
        tg.randn_like(tg.ones(2))
        tg.randperm(4)
    assert isinstance(recorder, Recorder)
    assert len(recorder.lived) == 3


def test_one_observer_at_a_time_and_grad_modes_inside() -> None:
    x = leaf(1.0)
    with observing(Recorder()) as recorder, tg.no_grad():
        assert not (x * 2).requires_grad
        with pytest.raises(RuntimeError, match="one observer at a time"), observing(Recorder()):
            pass
    assert isinstance(recorder, Recorder)
    assert recorder.names == ["mul"]
    assert tg.is_grad_enabled()
    with tg.no_grad(), observing(Recorder()):
        assert not (x * 2).requires_grad


def test_the_whole_of_a_step_on_another_device() -> None:
    x = tg.tensor(np.arange(6.0).reshape(2, 3), device="strict", requires_grad=True)
    w = tg.tensor(np.ones((3, 2)), device="strict", requires_grad=True)
    loss = ((x @ w).tanh() ** 2).mean()
    loss.backward()
    for t in (loss, x.grad, w.grad):
        assert t is not None
        assert isinstance(t.array, STRICT.array)
    back = x.cpu()
    (back * back).sum().backward()
    assert x.grad is not None
    assert isinstance(x.grad.array, STRICT.array)


def test_a_gradient_at_an_intermediate_value_leaves_its_own_history_alone() -> None:
    """As in PyTorch: backward can be done in parts, and what lies behind the inputs is neither needed nor freed."""
    x = leaf(1.0, 2.0)
    y = x.sin()
    gradient, = tg.autograd.grad((y * y).sum(), y)
    y.backward(gradient)
    np.testing.assert_allclose(values(x.grad), np.sin([2.0, 4.0]))
    again, = tg.autograd.grad((y * y * y).sum(), y)  # y's history is freed by now
    np.testing.assert_allclose(values(again), 3 * np.sin([1.0, 2.0]) ** 2)
    with pytest.raises(RuntimeError, match="a second time"):
        tg.autograd.grad((y * y).sum(), x)
    z = x * 1
    tail = z.sin()
    with tg.no_grad():
        z.zero_()  # what sin saved is lost, but not needed for a gradient at its result
    assert values(tg.autograd.grad(tail.sum(), tail)[0]) == [1.0, 1.0]
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        tg.autograd.grad(tail.sum(), [tail, x])


def test_an_output_given_twice_counts_twice() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    (g,) = tg.autograd.grad([y, y], x, [tg.tensor([1.0, 1.0]), tg.tensor([10.0, 20.0])])
    assert g.tolist() == [33.0, 63.0]
