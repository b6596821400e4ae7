"""autograd.Function: PyTorch's interface, and its errors by the Function's name."""

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.devices import DEVICES, place
from tinygrad_lite.autograd import Function, grad, once_differentiable
from tinygrad_lite.engine.backend import Backend


class Cube(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * 3 * x**2


class SavesOutput(Function):
    """exp, from its saved output."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (y,) = ctx.saved_tensors
        return g * y


class SumAndProduct(Function):
    @staticmethod
    def forward(ctx: Any, a: Any, b: Any) -> Any:
        ctx.save_for_backward(a, b)
        return a + b, a * b

    @staticmethod
    def backward(ctx: Any, gs: Any, gp: Any) -> Any:
        a, b = ctx.saved_tensors
        return gs + gp * b, gs + gp * a


class Scale(Function):
    """The split style, with a default argument."""

    @staticmethod
    def forward(x: Any, factor: float = 2.0) -> Any:
        return x * factor

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.factor = inputs[1]

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * ctx.factor, None


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(np.array(values), requires_grad=True)


def returning(value: Any) -> type[Function]:
    """A Function of one or two inputs whose backward returns `value(g)`."""

    class Strange(Function):
        @staticmethod
        def forward(ctx: Any, x: Any, other: Any = None) -> Any:
            return x * 1

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return value(g)

    return Strange


def test_first_and_higher_orders() -> None:
    x = leaf(1.0, 2.0)
    y = Cube.apply(x)
    assert y.array.tolist() == [1, 8]
    assert not y.is_leaf
    (first,) = grad(y.sum(), x, create_graph=True)
    (second,) = grad(first.sum(), x, create_graph=True)
    (third,) = grad(second.sum(), x)
    assert first.tolist() == [3, 12]
    assert second.tolist() == [6, 12]
    assert third.tolist() == [6, 6]


def test_a_saved_output_has_its_history() -> None:
    x = leaf(0.5)
    derivative: Any = SavesOutput.apply(x)
    for _ in range(3):
        (derivative,) = grad(derivative.sum(), x, create_graph=True)
        np.testing.assert_allclose(derivative.detach().numpy(), np.exp([0.5]))


def test_two_outputs() -> None:
    a, b = leaf(2.0), leaf(5.0)
    s, p = SumAndProduct.apply(a, b)
    (s * 10 + p * p).backward(tg.tensor(np.ones(1)))
    assert a.grad is not None
    assert b.grad is not None
    assert a.grad.tolist() == [10 + 2 * 10 * 5]
    assert b.grad.tolist() == [10 + 2 * 10 * 2]


def test_the_same_output_reached_on_two_ways() -> None:
    class Twice(Function):
        """Two outputs; the first is saved, so that under create_graph it hands in gradients on two ways."""

        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            y = x.exp()
            ctx.save_for_backward(y)
            return y, x * 3

        @staticmethod
        def backward(ctx: Any, g: Any, h: Any) -> Any:
            return g * ctx.saved_tensors[0] + h * 3

    x = leaf(0.5)
    y, _ = Twice.apply(x)
    (first,) = grad(y.sum(), x, create_graph=True)
    (total,) = grad((first + y).sum(), x)
    np.testing.assert_allclose(total.numpy(), 2 * np.exp([0.5]))


def test_an_unused_output_arrives_as_zeros_or_none() -> None:
    seen: list[Any] = []

    def make(materialize: bool) -> type[Function]:
        class Two(Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.set_materialize_grads(materialize)
                return x * 2, (x * 3).reshape(1, 2)

            @staticmethod
            def backward(ctx: Any, g: Any, h: Any) -> Any:
                seen.append(h)
                return g * 2

        return Two

    for materialize in (True, False):
        first, _ = make(materialize).apply(leaf(1.0, 2.0))
        first.sum().backward()
    assert seen[0].tolist() == [[0, 0]]
    assert seen[0].dtype == tg.float64
    assert seen[1] is None


def test_the_split_style_binds_defaults_and_keywords() -> None:
    x = leaf(3.0)
    assert grad(Scale.apply(x), x)[0].tolist() == [2]
    assert grad(Scale.apply(x, 5.0), x)[0].tolist() == [5]
    assert grad(Scale.apply(x, factor=7.0), x)[0].tolist() == [7]


def test_keywords_of_the_old_style() -> None:
    class Power(Function):
        @staticmethod
        def forward(ctx: Any, x: Any, exponent: int = 2, *, shift: float = 0.0) -> Any:
            ctx.save_for_backward(x)
            ctx.exponent = exponent
            return x**exponent + shift

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g * ctx.exponent * x ** (ctx.exponent - 1), None

    x = leaf(3.0)
    y = Power.apply(x, exponent=3, shift=1.0)
    assert y.tolist() == [28]
    assert grad(y, x)[0].tolist() == [27]


def test_needs_input_grad() -> None:
    seen = []

    class Product(Function):
        @staticmethod
        def forward(ctx: Any, a: Any, b: Any, c: float) -> Any:
            seen.append(ctx.needs_input_grad)
            ctx.save_for_backward(a, b)
            return a * b * c

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            seen.append(ctx.needs_input_grad)
            a, b = ctx.saved_tensors
            return g * b, g * a, None

    a, b = leaf(1.0), leaf(2.0)
    Product.apply(a, b.detach(), 1.0).backward(tg.tensor(np.ones(1)))
    grad(Product.apply(a, b, 1.0), b)
    assert seen == [(True, False, False), (True, False, False), (True, True, False), (False, True, False)]
    assert b.grad is None


def test_constants_record_nothing() -> None:
    assert Cube.apply(tg.tensor(2.0)).node is None
    with tg.no_grad():
        assert Cube.apply(leaf(2.0)).node is None


def test_outputs_that_are_constants() -> None:
    class Sorted(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            order, rounded = x.argmax(0, True), x * 0
            ctx.mark_non_differentiable(rounded)
            return x * 2, order, rounded, "text"

        @staticmethod
        def backward(ctx: Any, g: Any, *rest: Any) -> Any:
            assert [r if r is None else r.tolist() for r in rest] == [[0], [0, 0], None]
            return g * 2

    x = leaf(1.0, 2.0)
    y, order, rounded, text = Sorted.apply(x)
    assert (order.requires_grad, rounded.requires_grad, text) == (False, False, "text")
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2, 2]


def test_broadcast_gradients_are_summed_and_cast() -> None:
    class Outer(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.expand(4, 2) * 1

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g.double()

    x = tg.tensor([1.0, 2.0], requires_grad=True)
    Outer.apply(x).sum().backward()
    assert x.grad is not None
    assert (x.grad.tolist(), x.grad.dtype) == ([4, 4], tg.float32)


def test_none_for_an_input_that_requires_grad_means_no_gradient() -> None:
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match="not have been used"):
        grad(returning(lambda g: None).apply(x), x)


def test_saved_values_are_freed() -> None:
    x = leaf(2.0)
    y = Cube.apply(x)
    y.backward(tg.tensor(np.ones(1)), retain_graph=True)
    y.backward(tg.tensor(np.ones(1)))
    assert x.grad is not None
    assert x.grad.tolist() == [24]
    with pytest.raises(RuntimeError, match="second time: the saved values of Cube"):
        y.backward(tg.tensor(np.ones(1)))


def test_one_output_frees_the_saved_values_of_the_other() -> None:
    s, p = SumAndProduct.apply(leaf(2.0), leaf(5.0))
    s.sum().backward()
    with pytest.raises(RuntimeError, match="second time: the saved values of SumAndProduct"):
        p.sum().backward()


def test_saved_tensors_belong_to_backward() -> None:
    class Early(Cube):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return ctx.saved_tensors

    with pytest.raises(RuntimeError, match="inside backward only"):
        Early.apply(leaf(1.0))


@pytest.mark.parametrize("function", [Cube, SavesOutput])
def test_an_overwritten_saved_tensor_raises(function: type[Function]) -> None:
    x = leaf(2.0) * 1
    y = function.apply(x)
    saved = x if function is Cube else y.detach()
    saved.mul_(2)
    with pytest.raises(RuntimeError, match=f"modified by an inplace operation: {function.__name__}"):
        y.sum().backward()


def test_an_output_shares_no_memory_with_an_input() -> None:
    class Identity(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 10

    x = leaf(1.0)
    y = Identity.apply(x)
    assert not np.shares_memory(y.array, x.array)
    assert grad(y, x)[0].tolist() == [10]


def test_once_differentiable() -> None:
    class Once(Cube):
        @staticmethod
        @once_differentiable
        def backward(ctx: Any, g: Any) -> Any:
            assert not tg.is_grad_enabled()
            return Cube.backward(ctx, g)

    x = leaf(2.0)
    assert grad(Once.apply(x).sum(), x)[0].tolist() == [12]
    (first,) = grad(Once.apply(x).sum(), x, create_graph=True)
    assert first.tolist() == [12]
    with pytest.raises(RuntimeError, match=r"marked with @once_differentiable: Once"):
        grad((first * x).sum(), x)


def test_wrong_number_of_gradients() -> None:
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match=r"Strange returned an incorrect number of gradients \(expected 2, got 1\)"):
        returning(lambda g: g).apply(x, 1.0).sum().backward()
    with pytest.raises(RuntimeError, match=r"Strange returned an incorrect number of gradients \(expected 1, got 2\)"):
        returning(lambda g: (g, g)).apply(x).sum().backward()
    returning(lambda g: (g, None, None)).apply(x).sum().backward()  # further Nones are ignored
    assert x.grad is not None


def test_gradients_that_are_no_tensors() -> None:
    x = leaf(1.0)
    with pytest.raises(TypeError, match=r"Strange returned a gradient at position 0 .*got ndarray"):
        returning(lambda g: g.array).apply(x).sum().backward()
    with pytest.raises(RuntimeError, match="Strange returned a gradient different than None at position 1"):
        returning(lambda g: (g, g)).apply(x, 1.0).sum().backward()


@pytest.mark.parametrize("shape", [(3,), (), (2, 3)])
def test_wrong_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(RuntimeError, match=r"Strange returned an invalid gradient at index 0 .*compatible with \(2,\)"):
        returning(lambda g: tg.zeros(shape)).apply(leaf(1.0, 2.0)).sum().backward()


def test_an_error_in_backward_names_the_function() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        returning(lambda g: 1 / 0).apply(leaf(1.0)).sum().backward()
    assert "while differentiating Strange" in caught.value.__notes__


def test_overwriting_the_given_gradient_raises() -> None:
    with pytest.raises(RuntimeError, match="overwrote the gradient"):
        (returning(lambda g: g.mul_(2)).apply(leaf(1.0)) * 3).sum().backward()


def test_what_forward_may_return() -> None:
    def make(result: Any) -> type[Function]:
        class Odd(Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return result(x)

        return Odd

    for result in (lambda x: x.array, lambda x: [x * 1]):
        with pytest.raises(TypeError, match=r"Odd\.forward: expected Tensor or tuple of Tensor"):
            make(result).apply(leaf(1.0))
    with pytest.raises(NotImplementedError, match="must implement the backward"):
        make(lambda x: x * 1).apply(leaf(1.0)).sum().backward()
    with pytest.raises(NotImplementedError, match="must implement the forward"):
        type("Empty", (Function,), {}).apply(leaf(1.0))  # type: ignore[attr-defined]


def test_what_the_context_refuses() -> None:
    class Refused(Function):
        @staticmethod
        def forward(ctx: Any, x: Any, how: str) -> Any:
            if how == "dirty":
                ctx.mark_dirty(x)
            ctx.save_for_backward(x, 3.0)

    with pytest.raises(NotImplementedError, match=r"x\.clone\(\)"):
        Refused.apply(leaf(1.0), "dirty")
    with pytest.raises(TypeError, match="argument 1 is of type float"):
        Refused.apply(leaf(1.0), "save")


def test_grad_mode_is_restored_when_forward_raises() -> None:
    with pytest.raises(NotImplementedError):
        type("Empty", (Function,), {}).apply(leaf(1.0))  # type: ignore[attr-defined]
    assert tg.is_grad_enabled()


@pytest.mark.parametrize("function", [Cube, SavesOutput])
def test_no_cycles(function: type[Function]) -> None:
    gc.collect()
    gc.disable()
    try:
        x = leaf(2.0)
        y = function.apply(x)
        died = weakref.ref(y.array)
        del y  # unwalked
        assert died() is None
        y = function.apply(x)
        died = weakref.ref(y.array)
        y.sum().backward()
        del y
        assert died() is None
    finally:
        gc.enable()


def test_hooks_and_retain_grad_of_an_output() -> None:
    x = leaf(2.0)
    y = Cube.apply(x)
    y.retain_grad()
    y.register_hook(lambda g: g * 2)
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [24]


def test_a_function_in_a_traced_program() -> None:
    x = leaf(2.0)
    program = tg.trace(lambda x: Cube.apply(x).sum(), x)
    _, gradients = program(x=np.array([3.0]))
    np.testing.assert_allclose(gradients["x"], [27])


@pytest.mark.parametrize("device", DEVICES, ids=repr)
def test_on_another_device(device: Backend) -> None:
    a, b = (tg.tensor(place(np.array([v]), device), requires_grad=True) for v in (2.0, 5.0))
    _, product = SumAndProduct.apply(a, b)
    (first,) = grad(product.sum(), a, create_graph=True)
    (second,) = grad(first.sum(), b)
    assert (first.tolist(), second.tolist()) == ([5], [1])
