"""Dropout."""

from __future__ import annotations

from typing import Any

from .. import inplace as in_place
from .._tensor import Tensor
from ..random import Generator, draw
from .module import Module


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False, *,
            generator: Generator | None = None) -> Any:
    """Each element 0 with probability `p` and otherwise divided by 1 - p; the input itself unless `training`.

    The division keeps the mean, so that nothing needs to be scaled in evaluation.  With `inplace` it overwrites the
    input.  In a captured step each replay draws a new mask.
    Raises ValueError unless 0 <= p <= 1.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.dropout(tg.ones(3), p=1.0)
    tensor([0., 0., 0.])
    """
    check_probability(p)
    if not training or p == 0:
        return input
    x = input.array
    kept = Tensor(draw("random", x, x.shape, x.dtype, generator)) >= p
    result = input * (kept.to(x.dtype) * (1 / (1 - p) if p < 1 else 0.0))
    return in_place.write(input, result) if inplace else result


def check_probability(p: float) -> None:
    """Raise ValueError unless 0 <= p <= 1."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


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
        check_probability(p)
        self.p = p
        self.inplace = inplace
        self.generator = generator

    def forward(self, input: Any) -> Any:
        """Dropout of the input, in training mode."""
        return dropout(input, self.p, self.training, self.inplace, generator=self.generator)

    def extra_repr(self) -> str:
        """`p=0.5, inplace=False`."""
        return f"p={self.p}, inplace={self.inplace}"
