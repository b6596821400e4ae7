"""detect_anomaly names the operation whose gradient is nan, and the line that called it."""

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.devices import DEVICES, place
from tinygrad_lite.autograd import Function, detect_anomaly
from tinygrad_lite.engine.backend import Backend
from tinygrad_lite.engine.graph import mode

NAN = float("nan")


def poisoned(x: Any) -> Any:
    return x * tg.tensor([1.0, NAN])  # the culprit's line


def test_the_op_the_operand_and_the_line() -> None:
    x = tg.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError) as caught, detect_anomaly():
        (poisoned(x * 2).exp() + 1).sum().backward()
    text = str(caught.value)
    # exp of nan is where the walk meets it first: its gradient is g * y
    assert text.startswith("Function 'exp' returned nan values in its gradient with respect to input "
                           "(1 of 2 elements, first at [1]).")
    assert text.rstrip().endswith("(poisoned(x * 2).exp() + 1).sum().backward()")


def test_the_innermost_frame_is_the_users() -> None:
    x = tg.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="Function 'mul'") as caught, detect_anomaly():
        poisoned(x).sum().backward()
    assert str(caught.value).rstrip().endswith("return x * tg.tensor([1.0, NAN])  # the culprit's line")
    assert __file__ in str(caught.value)


def test_a_nan_that_is_born_in_the_backward_pass() -> None:
    x = tg.zeros(2, requires_grad=True)
    with np.errstate(all="ignore"), pytest.raises(RuntimeError, match="Function 'sqrt'"), detect_anomaly():
        (x.sqrt() * 0).sum().backward()


def test_operands_of_a_sequence_and_an_operand_given_twice() -> None:
    x = tg.ones(1, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"Function 'mul' .* respect to input \("), detect_anomaly():
        (tg.cat([tg.ones(1), x]) * tg.tensor([1.0, NAN])).sum().backward()
    square = x * NAN
    with pytest.raises(RuntimeError, match=r"Function 'mul' .* respect to input and other "), detect_anomaly():
        (square * square).sum().backward()
    with detect_anomaly():
        y = tg.cat([tg.ones(1), x])
        y.register_hook(lambda g: g * tg.tensor([1.0, NAN]))
        with pytest.raises(RuntimeError, match=r"Function 'cat' .* respect to tensors\[1\]"):
            y.sum().backward()


def test_a_nan_seed() -> None:
    x = tg.ones(1, requires_grad=True)
    with pytest.raises(RuntimeError, match="starts with is nan"), detect_anomaly():
        (x * 2).backward(tg.tensor([NAN]))


def test_without_nan_nothing_changes() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    with detect_anomaly():
        (x * x).sum().backward()
        with tg.no_grad():
            assert (x * tg.tensor([1.0, NAN])).node is None
    assert x.grad is not None
    assert x.grad.tolist() == [2, 4]
    (x * tg.tensor([1.0, NAN])).sum().backward()  # outside nobody looks


def test_check_nan_false_still_tells_where() -> None:
    x = tg.ones(2, requires_grad=True)
    with detect_anomaly(check_nan=False):
        poisoned(x).sum().backward()
        y = x * 2
        z = y * y  # saved here
        y.add_(1)
        with pytest.raises(RuntimeError, match=r"modified by an inplace operation(.|\n)*z = y \* y  # saved here"):
            z.sum().backward()


def test_a_failing_vjp_tells_where() -> None:
    @tg.op
    def broken(input):  # type: ignore[no-untyped-def]
        return input * 1

    @broken.vjp("input")
    def _(g):  # type: ignore[no-untyped-def]
        raise ValueError("no idea")

    x = tg.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="no idea") as caught, detect_anomaly():
        broken(x).sum().backward()
    assert "broken(x).sum().backward()" in "".join(caught.value.__notes__)


def test_functions() -> None:
    class Bad(Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            return x * 1, y * 1

        @staticmethod
        def backward(ctx: Any, g: Any, h: Any) -> Any:
            return g, h * NAN

    x, y = tg.ones(2, requires_grad=True), tg.ones(2, requires_grad=True)
    with detect_anomaly():
        a, b = Bad.apply(x, y)
        with pytest.raises(RuntimeError, match=r"Function 'Bad' .* respect to inputs\[1\]") as caught:
            (a + b).sum().backward()
    assert str(caught.value).rstrip().endswith("a, b = Bad.apply(x, y)")


def test_under_create_graph() -> None:
    x = tg.ones(2, requires_grad=True)
    with detect_anomaly():
        (first,) = tg.autograd.grad((x**3).sum(), x, create_graph=True)
        with pytest.raises(RuntimeError, match="Function 'mul'"):
            (first * tg.tensor([1.0, NAN])).sum().backward()


def test_a_training_loop_does_not_grow() -> None:
    x = tg.ones(2, requires_grad=True)
    with detect_anomaly():
        sizes = []
        for _ in range(5):
            (x * x + x).sum().backward()
            sizes.append(len(mode.state.sites))
    assert sizes[-1] == sizes[0] <= 1


def test_the_mode_is_restored() -> None:
    with pytest.raises(RuntimeError), detect_anomaly():
        raise RuntimeError
    with pytest.raises(RuntimeError, match="one observer at a time"), detect_anomaly(), detect_anomaly():
        pass
    assert tg.is_grad_enabled()
    with tg.no_grad(), detect_anomaly():
        assert not tg.is_grad_enabled()


@pytest.mark.parametrize("device", DEVICES, ids=repr)
def test_on_another_device(device: Backend) -> None:
    x, bad = tg.tensor(place(np.ones(2), device), requires_grad=True), tg.tensor(place(np.array([1.0, NAN]), device))
    with detect_anomaly():
        (x * 2).sum().backward()
        with pytest.raises(RuntimeError, match=r"Function 'mul' .*1 of 2 elements, first at \[1\]"):
            (x * bad).sum().backward()
