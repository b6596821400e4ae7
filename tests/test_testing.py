"""gradcheck and gradgradcheck: right derivatives pass, each kind of wrong one is named."""

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.devices import DEVICES, place
from tinygrad_lite.autograd import Function
from tinygrad_lite.engine.backend import Backend
from tinygrad_lite.testing import GradcheckError, gradcheck, gradgradcheck


def leaf(*shape: int, seed: int = 0) -> tg.Tensor:
    return tg.tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True)


class Square(Function):
    """A right value with a derivative that a subclass may spoil."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 2 * g * x


class WrongSquare(Square):
    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 2 * g * x * tg.tensor([1.0, 1.0, 1.01], dtype=tg.float64)


class WrongSecond(Square):
    """Right to first order; its own derivative is not."""

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 2 * g * x.detach()


@pytest.mark.parametrize("fast_mode", [False, True])
def test_right_derivatives_pass(fast_mode: bool) -> None:
    a, b = leaf(2, 3), leaf(3, 2, seed=1)
    assert gradcheck(lambda a, b: (a @ b).tanh(), (a, b), fast_mode=fast_mode)
    assert gradgradcheck(lambda a, b: (a @ b).tanh(), (a, b), fast_mode=fast_mode)
    assert gradcheck(Square.apply, leaf(3), fast_mode=fast_mode)
    assert gradgradcheck(Square.apply, [leaf(3)], fast_mode=fast_mode)
    assert a.grad is None


def test_inputs_are_left_as_they_were() -> None:
    x = leaf(3)
    before = x.detach().clone().tolist()
    for fast_mode in (False, True):
        gradcheck(Square.apply, x, fast_mode=fast_mode)
    assert x.tolist() == before
    with pytest.raises(ZeroDivisionError):
        gradcheck(fails_at_the_fourth_call(), x)
    assert x.tolist() == before


def fails_at_the_fourth_call() -> Any:
    calls = []

    def f(x: Any) -> Any:
        calls.append(0)
        return x / (4 - len(calls)) * (4 - len(calls)) if len(calls) < 4 else 1 / 0

    return f


def test_a_wrong_derivative_is_named() -> None:
    x = tg.tensor([1.0, 2.0, 3.0], dtype=tg.float64, requires_grad=True)
    other = leaf(1)
    with pytest.raises(GradcheckError) as caught:
        gradcheck(lambda other, x: (other * 2, WrongSquare.apply(x)), (other, x))
    text = str(caught.value)
    assert text.startswith("Jacobian mismatch for output 1 with respect to input 1,\nnumerical:[[2.")
    assert "\nanalytical:[[2." in text
    assert "worst entry: d output[2] / d input[2]: numerical 6" in text
    assert ", analytical 6.06" in text


def test_raise_exception() -> None:
    x = tg.tensor([1.0, 2.0, 3.0], dtype=tg.float64, requires_grad=True)
    assert gradcheck(WrongSquare.apply, x, raise_exception=False) is False
    assert gradgradcheck(WrongSecond.apply, x, raise_exception=False) is False
    assert gradcheck(WrongSquare.apply, x, rtol=0.02)
    assert gradcheck(WrongSquare.apply, x, atol=0.07)
    assert not gradcheck(WrongSquare.apply, x, atol=0.05, rtol=0, raise_exception=False)


@pytest.mark.parametrize("fast_mode", [False, True])
def test_wrong_second_order(fast_mode: bool) -> None:
    x = leaf(3)
    assert gradcheck(WrongSecond.apply, x, fast_mode=fast_mode)
    with pytest.raises(GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0"):
        gradgradcheck(WrongSecond.apply, x, fast_mode=fast_mode)


def test_fast_mode_shows_the_entry() -> None:
    x = tg.tensor([1.0, 2.0, 3.0], dtype=tg.float64, requires_grad=True)
    with pytest.raises(GradcheckError, match=r"worst entry: d output\[2\] / d input\[2\]"):
        gradcheck(WrongSquare.apply, x, fast_mode=True)


def test_a_nan_is_no_match() -> None:
    class Nan(Square):
        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * float("nan")

    for fast_mode in (False, True):
        with pytest.raises(GradcheckError, match="Jacobian mismatch"):
            gradcheck(Nan.apply, leaf(2), fast_mode=fast_mode)


def test_what_is_checked() -> None:
    x, constant, index = leaf(3), tg.tensor([1.0, 2.0, 3.0]), tg.tensor([2, 0])
    assert gradcheck(lambda x, c, i, n: (x[i] * n, c, i, "text", x.argmax()), (x, constant, index, 3.0))
    assert gradcheck(lambda x: x.reshape(1, 3) * 2, x * 1)  # an input that is no leaf
    assert gradcheck(lambda x, y: x * y, (x, x))  # the same tensor twice
    assert gradcheck(lambda x: x.sum(), leaf(0))
    assert gradcheck(lambda x: x[:0], x)
    assert gradcheck(lambda x: x.exp(), tg.tensor(0.3, dtype=tg.float64, requires_grad=True))
    assert gradcheck(lambda x: x.t() * 1, leaf(4, 3)[::2].t())  # not contiguous


def test_constant_outputs_must_be_constant() -> None:
    assert gradcheck(lambda x: (x > 0).double(), leaf(3))
    with pytest.raises(GradcheckError, match="Numerical gradient for function expected to be zero"):
        gradcheck(lambda x: x.detach() * 2, leaf(3))


def test_what_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        gradcheck(lambda x: x, tg.ones(2))
    with pytest.raises(ValueError, match="0th input has a dimension with stride 0"):
        gradcheck(lambda x: x * 1, leaf(1).expand(3))
    for argument in ("check_batched_grad", "check_forward_ad", "check_batched_forward_grad"):
        with pytest.raises(NotImplementedError, match="no forward mode"):
            gradcheck(lambda x: x * 1, leaf(1), **{argument: True})


def test_float32_warns() -> None:
    x = tg.tensor([1.0], requires_grad=True)
    with pytest.warns(UserWarning, match=r"Input #1 requires gradient and is not a double precision .*float32"):
        assert gradcheck(lambda c, x: x * 1, (1.0, x), eps=1e-2)


def test_determinism() -> None:
    random = np.random.default_rng(0)
    x = leaf(2)
    with pytest.raises(GradcheckError, match="func is not deterministic"):
        gradcheck(lambda x: x * random.normal(), x)

    class Noisy(Square):
        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 2 * g * x + 1e-9 * random.normal()

    with pytest.raises(GradcheckError, match="Backward is not reentrant"):
        gradcheck(Noisy.apply, x)
    assert gradcheck(Noisy.apply, x, nondet_tol=1e-6)


def test_undefined_gradients() -> None:
    class Two(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx: Any, g: Any, h: Any) -> Any:
            return g * 2 + h * 3  # one of them is None if only the other output was used

    with pytest.raises(TypeError, match="NoneType"):
        gradcheck(Two.apply, leaf(2))
    assert gradcheck(Two.apply, leaf(2), check_undefined_grad=False)


def test_grad_outputs_of_gradgradcheck() -> None:
    x, weight = leaf(3), leaf(3, seed=3)
    assert gradgradcheck(lambda x: x**3, x, weight)
    assert gradgradcheck(lambda x: (x**3, x.exp().sum()), (x,), (weight, leaf(seed=4)))
    assert gradgradcheck(lambda x: x**3, x, gen_non_contig_grad_outputs=True)
    with pytest.raises(RuntimeError, match="2 gradients"):
        gradgradcheck(lambda x: x**3, x, (weight, weight))


@pytest.mark.parametrize("fast_mode", [False, True])
def test_numbers_and_empty_tensors(fast_mode: bool) -> None:
    """Inputs and outputs without axes, and without elements."""
    for x in (leaf(), leaf(0, 3), leaf(2, 3)):
        assert gradcheck(lambda x: (x**3).sum(), x, fast_mode=fast_mode)
        assert gradgradcheck(lambda x: (x**3).sum(), x, fast_mode=fast_mode)
        assert gradgradcheck(lambda x: (x**3).sum(), x, gen_non_contig_grad_outputs=True, fast_mode=fast_mode)


def test_grad_dtypes() -> None:
    assert gradcheck(lambda x: x.double() * 2, leaf(2), check_grad_dtypes=True)


@pytest.mark.parametrize("device", DEVICES, ids=repr)
def test_on_another_device(device: Backend) -> None:
    x = tg.tensor(place(np.array([[0.5, 2.0, 3.0]]), device), requires_grad=True)
    for fast_mode in (False, True):
        assert gradcheck(lambda x: (x.tanh() * x).sum(0), x, fast_mode=fast_mode)
        assert gradgradcheck(lambda x: x.tanh() * x, x, fast_mode=fast_mode)
    assert not gradcheck(lambda x: Square.apply(x) + x.detach(), x, raise_exception=False)
