"""Ops of a user's own: `@op` in all its forms, on ops that only these tests know, and what it says when misused."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import ops
from tinygrad_lite.engine.operation import REGISTRY

Array = Any


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(np.array(values), requires_grad=True)


@tg.op
def cube(input: Array) -> Array:
    """The third power."""
    return input * input * input


@cube.vjp("input")
def _(g: Array, input: Array) -> Array:
    return 3 * g * input * input


def second(function: Any, *tensors: tg.Tensor) -> list[np.ndarray[Any, Any]]:
    """Gradients of the sum of the gradients of sum(function)."""
    first = tg.autograd.grad(function(*tensors).sum(), tensors, create_graph=True)
    total = sum((g.sum() for g in first[1:]), first[0].sum())
    again = tg.autograd.grad(total, tensors, allow_unused=True)
    return [np.zeros(x.shape) if g is None else g.numpy() for g, x in zip(again, tensors, strict=True)]


def test_an_op_of_the_user_works_and_is_not_in_the_registry() -> None:
    x = leaf(1.0, -2.0)
    cube(x).sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), [3.0, 12.0])
    np.testing.assert_allclose(second(cube, x), [[6.0, -12.0]])
    assert isinstance(cube(np.ones(2)), np.ndarray)
    assert "cube" not in REGISTRY


def test_an_op_looks_like_the_function_it_was_made_of() -> None:
    assert cube.__name__ == "cube"
    assert cube.__doc__ == "The third power."
    assert list(inspect.signature(cube).parameters) == ["input"]
    assert repr(cube.op) == "<op cube(input: 'Array') -> 'Array'>"
    x = leaf(2.0)
    assert float(cube(input=x)) == 8.0  # type: ignore[call-arg]


def test_an_op_binds_as_a_method() -> None:
    class Cubic(tg.Tensor):
        __slots__ = ()
        cubed = cube

    assert float(Cubic(np.array(2.0)).cubed()) == 8.0


def test_names_of_parameters_never_meet_those_of_the_written_call() -> None:
    @tg.op
    def awkward(input: Array, dtype: str, mode: int = 1, state: int = 2, type: int = 3, found: int = 4, op: int = 5,
                node: int = 6, getattr: int = 7, error: int = 8, tick: int = 9) -> Array:  # noqa: A002
        assert (dtype, mode, state, type, found, op, node, getattr, error, tick) == ("d", 1, 2, 3, 4, 5, 6, 7, 8, 99)
        return input * tick

    @awkward.vjp("input")
    def _(g: Array, mode: int, dtype: str, tick: int, node: int) -> Array:
        assert (dtype, mode, node) == ("d", 1, 6)
        return g * tick

    x = leaf(1.0, 2.0)
    awkward(x, "d", tick=99).sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), [99.0, 99.0])
    assert awkward(np.ones(1), dtype="d", tick=99) == 99


def test_keyword_only_settings() -> None:
    @tg.op
    def scale(input: Array, *, shift: int = 1, by: float) -> Array:
        return input * by + shift

    @scale.vjp("input")
    def _(g: Array, by: float) -> Array:
        return g * by

    x = leaf(1.0)
    scale(x, by=3).backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), [3.0])
    assert float(scale(x, by=3, shift=0)) == 3.0
    with pytest.raises(TypeError):
        scale(x, 1, 3)  # type: ignore[call-arg]

    @tg.op
    def cast(input: Array, *, dtype: str = "float64") -> Array:  # the written call has a local name like it
        return input.astype(dtype)

    assert cast(x.detach()).dtype == "float64"


def test_operands_are_the_parameters_without_a_default_where_nothing_is_annotated() -> None:
    @tg.op
    def scaled(a, b, factor=2.0):  # type: ignore[no-untyped-def]
        return a * b * factor

    assert scaled.op.operands == ("a", "b")
    assert scaled.op.settings == ("factor",)
    np.testing.assert_allclose(scaled(leaf(3.0).detach(), 2, factor=5), [30.0])


def test_annotations_may_be_evaluated() -> None:
    """As they are in a module without `from __future__ import annotations`."""
    source = "def f(a: Array, b: np.ndarray, c: Array | None = None, *, d: Sequence[Array] = (), e: int = 1): return a"
    scope: dict[str, Any] = {"Array": Array, "np": np, "Sequence": Sequence}
    exec(compile(source, "", "exec", dont_inherit=True), scope)
    made = tg.op(scope["f"]).op
    assert (made.operands, made.settings, made.sequence) == (("a", "b", "c", "d"), ("e",), "d")


def test_a_joint_vjp_returns_a_gradient_for_each_operand_and_knows_which_are_wanted() -> None:
    asked: list[tuple[bool, ...]] = []

    @tg.op
    def product(a: Array, b: Array) -> Array:
        return a * b

    @product.vjp("a", "b", joint=True)
    def _(g: Array, a: Array, b: Array, wanted: tuple[bool, ...]) -> Any:
        asked.append(wanted)
        return g * b if wanted[0] else None, g * a if wanted[1] else None

    a, b = leaf(2.0, 3.0), leaf(5.0, 7.0)
    product(a, b).sum().backward()
    product(a, b.detach()).sum().backward()
    product(a.detach(), b).sum().backward()
    assert asked == [(True, True), (True, False), (False, True)]
    assert a.grad is not None
    assert b.grad is not None
    np.testing.assert_allclose(a.grad.numpy(), [10.0, 14.0])
    np.testing.assert_allclose(b.grad.numpy(), [4.0, 6.0])
    np.testing.assert_allclose(second(product, a, b), [[1.0, 1.0], [1.0, 1.0]])
    x = leaf(2.0, 3.0)
    np.testing.assert_allclose(second(lambda x: product(x, x), x), [[2.0, 2.0]])


@tg.op
def sum_of_products(a: Array, b: Array, power: int = 1) -> Array:
    """Written for NumPy alone, as a kernel is: its VJP uses `out=`."""
    return np.sum((a * b) ** power, axis=-1)


@sum_of_products.vjp("a", "b", joint=True, raw=True)
def _(g: Array, a: Array, b: Array, power: int) -> Any:
    assert isinstance(g, np.ndarray), "a raw VJP never sees a Tensor"
    scale = np.empty_like(a)
    np.multiply(power * (a * b) ** (power - 1), g[..., None], out=scale)
    return scale * b, scale * a


@sum_of_products.define
def _(a: Array, b: Array, power: int = 1) -> Array:
    return ops.sum((a * b) ** power, -1)


@pytest.mark.parametrize("power", [1, 2, 3])
def test_a_raw_vjp_is_differentiated_again_through_the_definition(power: int) -> None:
    a, b = leaf(2.0, 3.0, -1.0), leaf(5.0, 7.0, 4.0)

    def fused(a: tg.Tensor, b: tg.Tensor) -> Any:
        return sum_of_products(a, b, power)

    def plain(a: tg.Tensor, b: tg.Tensor) -> Any:
        return ((a * b) ** power).sum()

    for f, g in [(fused, plain), (lambda x, y: fused(x, x) + y.sum(), lambda x, y: plain(x, x) + y.sum())]:
        for create_graph in (False, True):
            got = tg.autograd.grad(f(a, b), (a, b), create_graph=create_graph)
            expected = tg.autograd.grad(g(a, b), (a, b))
            np.testing.assert_allclose([x.detach().numpy() for x in got], [x.numpy() for x in expected])
        np.testing.assert_allclose(second(f, a, b), second(g, a, b))


def test_a_raw_vjp_of_a_view_and_of_a_constant() -> None:
    x = tg.tensor(np.arange(1.0, 7).reshape(2, 3), requires_grad=True)

    def f(x: tg.Tensor) -> Any:
        return sum_of_products(x.T[0], np.array([2.0, 3.0]), 2) + sum_of_products(x[:, 1], x[:, 1])

    def g(x: tg.Tensor) -> Any:
        return ((x[:, 0] * np.array([2.0, 3.0])) ** 2).sum() + (x[:, 1] * x[:, 1]).sum()

    np.testing.assert_allclose(second(f, x), second(g, x))


def test_a_raw_vjp_over_a_sequence() -> None:
    @tg.op
    def product_of(factors: Sequence[Array]) -> Array:
        return np.prod(np.stack(factors), 0)

    @product_of.vjp("factors", raw=True)
    def _(g: Array, position: int, factors: Sequence[Array]) -> Array:
        return np.multiply(g, np.prod([f for i, f in enumerate(factors) if i != position], 0))

    @product_of.define
    def _(factors: Sequence[Array]) -> Array:
        y = factors[0]
        for f in factors[1:]:
            y = y * f
        return y

    a, b = leaf(2.0, 3.0), leaf(5.0, 7.0)
    np.testing.assert_allclose(second(lambda a, b: product_of([a, b, a]), a, b), second(lambda a, b: a * b * a, a, b))


def test_a_raw_vjp_without_definition_can_be_used_once() -> None:
    @tg.op
    def kernel(x: Array) -> Array:
        return x * 2

    @kernel.vjp("x", raw=True)
    def _(g: Array) -> Array:
        return g * 2

    x = leaf(1.0)
    kernel(x).backward()
    with pytest.raises(RuntimeError, match="kernel has a raw VJP and no definition, so it can"):
        kernel(x).backward(create_graph=True)


def test_a_residual_has_a_history_where_the_gradient_is_differentiated() -> None:
    @tg.op(residuals=("e",))
    def exp_minus_1(input: Array) -> Array:
        e = np.exp(input)
        return e - 1, e

    @exp_minus_1.vjp("input")
    def _(g: Array, e: Array) -> Array:
        return g * e

    x = leaf(0.5, -1.0)
    y = exp_minus_1(x)
    np.testing.assert_allclose(y.detach().numpy(), np.expm1(x.detach().numpy()))
    np.testing.assert_allclose(exp_minus_1(x.detach().numpy()), np.expm1(x.detach().numpy()))
    (g,) = tg.autograd.grad(y.sum(), x)
    np.testing.assert_allclose(g.numpy(), np.exp(x.detach().numpy()))
    with pytest.raises(RuntimeError, match=r"exp_minus_1: the residual e has no rule.*exp_minus_1\.residual"):
        exp_minus_1(x).sum().backward(create_graph=True)

    @exp_minus_1.residual("e")
    def _(input: Array) -> Array:
        return ops.exp(input)

    np.testing.assert_allclose(second(exp_minus_1, x), [np.exp(x.detach().numpy())])


def test_only_what_a_vjp_names_is_kept() -> None:
    @tg.op
    def named(a: Array, b: Array, c: Array, factor: float = 2.0) -> Array:
        return a * b * factor + c

    @named.vjp("a")
    def _(g: Array, b: Array, factor: float) -> Array:
        return g * b * factor

    @named.vjp("c")
    def _(g: Array, c_shape: tuple[int, ...]) -> Array:
        assert c_shape == (1,)
        return g

    a, b, c = leaf(1.0, 2.0), tg.ones(2), leaf(5.0)
    node = named(a, b, c).node
    assert {s for s in type(node).__slots__ if s.startswith("k_")} == {"k_b", "k_factor", "k_c_shape"}
    assert not hasattr(named(a.detach(), b, c).node, "k_b"), "nobody will ask for it"
    assert named(a.detach(), b, c.detach()).node is None


def test_an_operand_that_requires_grad_without_a_vjp_is_refused() -> None:
    @tg.op
    def scaled(a: Array, b: Array) -> Array:
        return a * b

    message = r"scaled: b requires grad, but the op has no VJP .*@scaled.vjp\('b'\), or pass .* b.detach\(\)"
    with pytest.raises(NotImplementedError, match=message):
        scaled(2.0, leaf(1.0))
    scaled.vjp("a")(lambda g, b: g * b)
    with pytest.raises(NotImplementedError, match=message):
        scaled(leaf(3.0), leaf(1.0))
    a = leaf(3.0)
    scaled(a, leaf(2.0).detach()).backward()
    assert a.grad is not None
    assert a.grad.tolist() == [2.0]
    with tg.no_grad():
        assert scaled(leaf(3.0), leaf(2.0)).tolist() == [6.0]


def test_a_result_that_is_not_floating_is_a_constant() -> None:
    @tg.op(promotion="none")
    def positive(a: Array) -> Array:
        return a > 0

    assert not positive(leaf(1.0)).requires_grad


@pytest.mark.parametrize("part", [lambda x: x, lambda x: x[:1], lambda x: x.reshape(-1)])
def test_a_result_that_shares_memory_with_an_operand_is_copied_unless_the_op_is_a_view(part: Any) -> None:
    def identity(x: Array) -> Array:
        return part(x)

    for view in (False, True):
        made: Any = tg.op(promotion="none", view=view)(identity)
        made.vjp("x")(lambda g, x_shape: tg.ops.expand(g, x_shape))  # noqa: PLW0108  (the name says what it wants)
        x = leaf(3.0)
        y = x * 1
        z = made(y)
        z.mul_(10)
        (y * y).sum().backward()
        assert y.tolist() == ([30.0] if view else [3.0])
        assert x.grad is not None
        assert x.grad.tolist() == ([600.0] if view else [6.0])
        assert made(x.detach().numpy()) is not None


# --- misuse -----------------------------------------------------------------------------------------------------------


def test_what_a_vjp_may_ask_for() -> None:
    with pytest.raises(TypeError, match=r"cube.vjp: 'x' is no operand; the operands are \['input'\]"):
        cube.vjp("x")
    with pytest.raises(TypeError, match=r"cube.vjp asks for \['weight'\]; it may name \['input', 'input_shape', 'y'\]"):

        @cube.vjp("input")
        def _(g: Array, weight: Array) -> Array:
            return g


def test_the_output_has_the_name_y() -> None:
    with pytest.raises(TypeError, match="f: rename the parameter y: in VJPs y is the output"):

        @tg.op
        def f(x: Array, y: Array) -> Array:
            return x


def test_variadic_functions_are_refused() -> None:
    with pytest.raises(TypeError, match=r"f: \*xs cannot be a parameter of an op.*Sequence\[Array\]"):

        @tg.op
        def f(*xs: Array) -> Array:
            return xs[0]


def test_an_op_needs_an_operand() -> None:
    with pytest.raises(TypeError, match="f: an op needs an operand"):

        @tg.op
        def f(size: int = 3) -> Array:
            return np.zeros(size)


def test_more_than_three_differentiable_operands() -> None:
    @tg.op
    def f(a: Array, b: Array, c: Array, d: Array) -> Array:
        return a + b + c + d

    with pytest.raises(TypeError, match="f: more than three differentiable operands; compose it or take a sequence"):
        f.vjp("a", "b", "c", "d")(lambda g: g)


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("returned", [None, 2.0, [1.0]])
def test_a_vjp_that_returns_no_array_is_named(returned: Any, joint: bool) -> None:
    @tg.op
    def f(x: Array) -> Array:
        return x * 2

    @f.vjp("x", joint=joint)
    def _(g: Array) -> Any:
        return (returned,) if joint else returned

    name = type(returned).__name__
    with pytest.raises(TypeError, match=f"f: the VJP with respect to x must return an array, got {name}"):
        f(leaf(1.0, 2.0)).sum().backward()


@pytest.mark.parametrize("returned", [None, [1.0], (np.ones(2), np.ones(2))])
def test_an_op_that_returns_no_array_is_named(returned: Any) -> None:
    for promotion in ("arithmetic", "none"):
        f: Any = tg.op(promotion=promotion)(lambda x: returned)
        with pytest.raises(TypeError, match=f"<lambda>: an op must return an array, got {type(returned).__name__}"):
            f(tg.ones(2))


def test_operands_have_no_name_that_vjps_need() -> None:
    for name in ("wanted", "position"):
        with pytest.raises(TypeError, match=f"rename the parameter {name}"):
            tg.op(eval(f"lambda {name}: 0"))


def test_a_vjp_that_returns_another_shape_is_named() -> None:
    @tg.op
    def f(x: Array) -> Array:
        return x * 2

    @f.vjp("x")
    def _(g: Array) -> Array:
        return np.ones(3)

    with pytest.raises(ValueError) as caught:
        f(leaf(1.0, 2.0)).sum().backward()
    (note,) = caught.value.__notes__
    assert note == "while differentiating f with respect to x (gradient of the output: float64 (2,))"


def test_a_joint_vjp_that_returns_too_few_gradients_is_named() -> None:
    @tg.op
    def f(a: Array, b: Array) -> Array:
        return a + b

    @f.vjp("a", "b", joint=True)
    def _(g: Array) -> Any:
        return (g,)

    with pytest.raises(ValueError, match="not enough values") as caught:
        f(leaf(1.0), leaf(2.0)).backward()
    assert "while differentiating f with respect to a and b" in caught.value.__notes__[0]


def test_a_gradient_of_a_wrong_shape_is_refused() -> None:
    """(3, 1) is no broadcast of (3,): neither a `.grad` of that shape nor a sum over the wrong axis comes of it."""

    @tg.op
    def wrong(input: Array) -> Array:
        return input * 2

    @wrong.vjp("input")
    def _(g: Any) -> Any:
        return tg.reshape(g, (3, 1))

    for create_graph in (False, True):
        x = tg.ones(3, requires_grad=True)
        with pytest.raises(RuntimeError, match=r"gradient has shape \(3, 1\), which is no broadcast of \(3,\)"):
            wrong(x).sum().backward(create_graph=create_graph)
        assert x.grad is None


@pytest.mark.parametrize(("input", "weight"), [((3,), ()), ((), (3,)), ((2, 3), (2, 3, 4)), ((), (2, 1))])
def test_linear_of_what_is_no_matrix(input: Any, weight: Any) -> None:
    with pytest.raises(ValueError, match="linear: input must have at least one axis and weight one or two"):
        tg.nn.functional.linear(tg.ones(input), tg.ones(weight))
