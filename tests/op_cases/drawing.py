"""Drawing the arguments of an op, and the register of cases."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import hypothesis.strategies as st
import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]
Arguments: TypeAlias = dict[str, Any]
Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """How to draw the arguments of an op, by name, and what it computes from them."""

    draw: Callable[[Maker], Arguments]
    oracle: Callable[..., Any]


class Maker:
    """Draws shapes, dims and numbers; no two numbers of one call are equal or near 0."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw
        self.rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        self._pool = (self.rng.permutation(800) - 400) / 200 + 0.001

    def choose(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def shape(self, least: int = 0, most: int = 3, *, empty: bool = True) -> Shape:
        sides = (2, 3, 1, 2, 3, 4, 1, 2, 3, 0)[: 10 if empty else 9]
        return tuple(self.draw(st.lists(st.sampled_from(sides), min_size=least, max_size=most)))

    def narrower(self, shape: Shape) -> Shape:
        """A shape that broadcasts to `shape`."""
        dropped = self.draw(st.integers(0, len(shape)))
        return tuple(self.choose(n, 1) for n in shape[dropped:])

    def numbers(self, shape: Shape, *, positive: bool = False) -> Array:
        """Distinct numbers between -2 and 2, or between 0.4 and 2.4."""
        n = math.prod(shape)
        taken, self._pool = self._pool[:n], self._pool[n:]
        assert len(taken) == n, "the pool of distinct numbers is too small for this case"
        return (np.abs(taken) + 0.4 if positive else taken).reshape(shape)

    def integers(self, low: int, high: int, shape: Shape) -> Array:
        return self.rng.integers(low, high, shape)

    def booleans(self, shape: Shape) -> Array:
        return self.rng.random(shape) < 0.5

    def dim(self, ndim: int) -> int:
        return int(self.draw(st.integers(-ndim, ndim - 1))) if ndim else int(self.choose(0, -1))

    def dims(self, ndim: int) -> Any:
        """Any form of `dim` that a reduction takes."""
        several = self.draw(st.sets(st.integers(0, ndim - 1)) if ndim else st.just(set()))
        signed = tuple(d - ndim if self.draw(st.booleans()) else d for d in several)
        return self.choose(None, self.dim(ndim), signed, list(signed))

    def keepdim(self) -> bool:
        return bool(self.draw(st.booleans()))


CASES: dict[str, Case] = {}


def case(*names: str, oracle: Callable[..., Any] | None = None) -> Callable[[Callable[[Maker], Arguments]], Any]:
    """Register how the arguments of these ops are drawn; the oracle is NumPy's function of the name unless given."""

    def register(draw: Callable[[Maker], Arguments]) -> Callable[[Maker], Arguments]:
        for name in names:
            CASES[name] = Case(draw, oracle or positionally(getattr(np, NUMPY_NAMES.get(name, name))))
        return draw

    return register


def positionally(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda **arguments: function(*arguments.values())


NUMPY_NAMES = {
    "bitwise_not": "invert", "clamp": "clip", "div": "divide", "eq": "equal", "ge": "greater_equal", "gt": "greater",
    "le": "less_equal", "lt": "less", "mul": "multiply", "ne": "not_equal", "neg": "negative", "sub": "subtract",
}  # fmt: skip


def broadcast(make: Maker, *names: str, positive: str = "") -> Arguments:
    """Operands that broadcast against each other; one of several may be a Python number."""
    shape = make.shape()
    values: Arguments = {n: make.numbers(make.narrower(shape), positive=n in positive.split()) for n in names}
    number = make.choose(None, None, None, *names) if len(names) > 1 else None
    if number:
        values[number] = make.choose(0.75, 1.25, 2.0) * (1 if number in positive.split() else make.choose(1, -1))
    return values
