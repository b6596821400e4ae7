"""Programs: what `trace` records, and that it can be run again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn


def leaf(*values: float) -> Any:
    return tg.tensor(np.array(values), requires_grad=True)


def test_a_program_that_writes_in_place_runs_again() -> None:
    w, buffer = leaf(1.0, 2.0), tg.tensor(np.zeros(2))

    def f(x: Any) -> Any:
        y = w * x
        y += 1
        y[0] = 5.0 * x[1]
        with tg.no_grad():
            buffer.add_(x)
        return (y * y).sum()

    program = tg.trace(f, tg.tensor(np.array([3.0, 4.0])))
    recorded = [np.array(v.array) for v in program.values]
    given = np.array([1.0, 2.0])
    for _ in range(2):
        result, gradients = program(x=given)
        assert result == (5 * 2) ** 2 + (2 * 2 + 1) ** 2
        assert gradients["w1"].tolist() == [0, 2 * 5 * 2]
    assert given.tolist() == [1, 2]
    assert buffer.tolist() == [3, 4]
    for v, before in zip(program.values, recorded, strict=True):
        np.testing.assert_array_equal(v.array, before)


def test_what_is_overwritten_may_be_an_input() -> None:
    x = tg.tensor(np.array([1.0, 2.0]))

    def f(x: Any) -> Any:
        x[:1] = 7.0
        return (x * 2).sum()

    program = tg.trace(f, x)
    given = np.array([3.0, 4.0])
    assert program(x=given)[0] == 22
    assert given.tolist() == [3, 4]


def test_generated_names_avoid_those_that_are_taken() -> None:
    w = leaf(1.0, 2.0)
    program = tg.trace(lambda w1, w2: (w1 * w * w2).sum(), tg.ones(2), tg.ones(2))
    assert [*program.gradients] == ["w3"]


def test_names_that_say_two_things_are_refused() -> None:
    w, v = leaf(1.0, 2.0), leaf(3.0)
    with pytest.raises(ValueError, match="'x' is a parameter of the function"):
        tg.trace(lambda x: (x * w).sum(), tg.ones(2), names={"x": w})
    with pytest.raises(ValueError, match="'v' and 'u' are the same tensor"):
        tg.trace(lambda x: (x * v).sum(), tg.ones(2), names={"v": v, "u": v})
    shared = v.detach().requires_grad_()
    with pytest.raises(ValueError, match=r"two tensors .* have one array.*clone"):
        tg.trace(lambda x: (x * v * shared).sum(), tg.ones(2))


def test_the_input_of_a_module_is_called_as_in_forward() -> None:
    program = tg.trace(nn.Linear(3, 2), tg.ones(4, 3))
    assert next(iter(program.inputs)) == "input"


def test_one_array_given_twice() -> None:
    x = leaf(1.0, 2.0)
    program = tg.trace(lambda a, b: (a * b).sum(), x, x)
    assert "b is a" in str(program)
    for name in "ab":
        result, gradients = program(**{name: np.array([3.0, 4.0])})
        assert result == 25
        assert gradients["a"].tolist() == [6, 8]
    with pytest.raises(ValueError, match="a and b were one array"):
        program(a=np.ones(2), b=np.zeros(2))
    with pytest.raises(TypeError, match="no input 'c'"):
        program(c=np.ones(2))


def test_a_result_that_is_no_scalar_says_so() -> None:
    x = leaf(1.0, 2.0)
    assert "no gradients: the result, of shape (2,), is no scalar" in str(tg.trace(lambda x: x * 2, x))
    assert "no gradients" not in str(tg.trace(lambda x: (x * 2).sum(), x))
