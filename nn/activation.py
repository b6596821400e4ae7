"""Activation functions, each as a function and as a module."""

from __future__ import annotations

from typing import Any

from .. import inplace as in_place
from .. import ops
from .module import Module


def relu(input: Any, inplace: bool = False) -> Any:
    """max(input, 0); with `inplace` it overwrites the input."""
    return in_place.write(input, ops.relu(input)) if inplace else ops.relu(input)


class ReLU(Module):
    """max(x, 0); with `inplace` it overwrites its input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Any) -> Any:
        """max(input, 0)."""
        return relu(input, self.inplace)

    def extra_repr(self) -> str:
        """`inplace=True`, or nothing."""
        return "inplace=True" if self.inplace else ""


class Sigmoid(Module):
    """1 / (1 + e ** -x)."""

    def forward(self, input: Any) -> Any:
        """1 / (1 + e ** -input)."""
        return ops.sigmoid(input)


class Tanh(Module):
    """(e ** x - e ** -x) / (e ** x + e ** -x)."""

    def forward(self, input: Any) -> Any:
        """tanh(input)."""
        return ops.tanh(input)


def softmax(input: Any, dim: int = -1, *, dtype: Any = None) -> Any:
    """e ** input / sum(e ** input) along `dim`, without overflow; `input` is cast to `dtype` first, if given."""
    return ops.softmax(input if dtype is None else input.to(dtype), dim)


class Softmax(Module):
    """e ** x / sum(e ** x) along `dim`.

    `dim` is the last axis unless given; PyTorch guesses it from the number of axes, and warns.

    >>> import tinygrad_lite as tg
    >>> tg.nn.Softmax(dim=1)(tg.zeros(1, 4))
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Any) -> Any:
        """softmax(input) along `dim`."""
        return ops.softmax(input, self.dim)

    def extra_repr(self) -> str:
        """`dim=-1`."""
        return f"dim={self.dim}"


def log_softmax(input: Any, dim: int = -1, *, dtype: Any = None) -> Any:
    """input - log(sum(e ** input)) along `dim`, without overflow; `input` is cast to `dtype` first, if given."""
    return ops.log_softmax(input if dtype is None else input.to(dtype), dim)


class LogSoftmax(Module):
    """The logarithm of softmax along `dim` (the last axis unless given), without overflow."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Any) -> Any:
        """log softmax(input) along `dim`."""
        return ops.log_softmax(input, self.dim)

    def extra_repr(self) -> str:
        """`dim=-1`."""
        return f"dim={self.dim}"
