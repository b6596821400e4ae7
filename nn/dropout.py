"""Dropout as a module."""

from __future__ import annotations

from typing import Any

from ..random import Generator
from . import functional
from .module import Module


class Dropout(Module):
    """In training mode each element is 0 with probability `p` and otherwise divided by 1 - p; else the input itself.

    Raises ValueError unless 0 <= p <= 1.
    Source: Srivastava and others, Dropout: a simple way to prevent neural networks from overfitting, JMLR 15 (2014).

    >>> import tinygrad_lite as tg
    >>> layer = tg.nn.Dropout(0.5, generator=tg.Generator(0))
    >>> layer(tg.ones(6)).shape, layer.eval()(tg.ones(3))
    ((6,), tensor([1., 1., 1.]))
    """

    def __init__(self, p: float = 0.5, inplace: bool = False, *, generator: Generator | None = None) -> None:
        super().__init__()
        functional.check_probability(p)
        self.p = p
        self.inplace = inplace
        self.generator = generator

    def forward(self, input: Any) -> Any:
        """Dropout of the input, in training mode."""
        return functional.dropout(input, self.p, self.training, self.inplace, generator=self.generator)

    def extra_repr(self) -> str:
        """`p=0.5, inplace=False`."""
        return f"p={self.p}, inplace={self.inplace}"
