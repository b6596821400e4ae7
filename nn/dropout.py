"""Dropout of elements and of channels.  In a captured step each replay draws a new mask."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, ClassVar

from .._tensor import Tensor
from ..compositions.inplace import write_if
from ..random import Generator, draw
from .module import Module


def check_probability(p: float) -> None:
    """Raise ValueError unless 0 <= p <= 1."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def survivors(input: Any, shape: tuple[int, ...], p: float, generator: Generator | None) -> Any:
    """1 with probability 1 - p, else 0, in the dtype of `input`."""
    x = input.array
    return (Tensor(draw("random", x, shape, x.dtype, generator)) >= p).to(x.dtype)


def dropped(input: Any, shape: tuple[int, ...], p: float, training: bool, inplace: bool,
            generator: Generator | None) -> Any:
    """`input` times a mask of `shape`, which broadcasts against it, divided by 1 - p; itself unless `training`."""
    check_probability(p)
    if not training or p == 0:
        return input
    result = input * (survivors(input, shape, p, generator) * (1 / (1 - p) if p < 1 else 0.0))
    return write_if(inplace, input, result)


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
    return dropped(input, input.shape, p, training, inplace, generator)


def of_channels(input: Any, batched: int) -> tuple[int, ...]:
    """The shape of a mask with one element per channel: (N, C, 1, ...), or (C, 1, ...) of fewer axes than `batched`."""
    kept = 2 if len(input.shape) >= batched else 1
    return (*input.shape[:kept], *(1,) * (len(input.shape) - kept))


def warn_of_axes(name: str, input: Any, *expected: int) -> None:
    """Warn, as PyTorch does, of a number of axes that is not one of the expected."""
    if len(input.shape) not in expected:
        warnings.warn(f"{name}: received an input of {len(input.shape)} axes, expected "
                      f"{' or '.join(map(str, expected))}", stacklevel=3)


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False, *,
              generator: Generator | None = None) -> Any:
    """Each channel of (N, C, L) or (C, L) 0 with probability `p` and otherwise divided by 1 - p, in training.

    Raises ValueError unless 0 <= p <= 1, and RuntimeError for another number of axes.
    """
    if len(input.shape) not in (2, 3):
        raise RuntimeError(f"dropout1d: Expected 2D or 3D input, but received a {len(input.shape)}D input.")
    return dropped(input, of_channels(input, 3), p, training, inplace, generator)


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False, *,
              generator: Generator | None = None) -> Any:
    """Each channel of (N, C, H, W) 0 with probability `p` and otherwise divided by 1 - p, in training.

    As in PyTorch an input of three axes is taken for (N, C, L), with a warning.
    Raises ValueError unless 0 <= p <= 1.
    Source: Tompson and others, Efficient object localization using convolutional networks, CVPR 2015.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.dropout2d(tg.ones(5, 3, 2, 2)).amax((2, 3)).shape
    (5, 3)
    """
    warn_of_axes("dropout2d", input, 4)
    return dropped(input, of_channels(input, 2), p, training, inplace, generator)


def dropout3d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False, *,
              generator: Generator | None = None) -> Any:
    """Each channel of (N, C, D, H, W) or (C, D, H, W) 0 with probability `p`, otherwise divided by 1 - p, in training.

    Raises ValueError unless 0 <= p <= 1.
    """
    warn_of_axes("dropout3d", input, 4, 5)
    return dropped(input, of_channels(input, 5), p, training, inplace, generator)


def alpha_dropped(input: Any, shape: tuple[int, ...], p: float, training: bool, inplace: bool,
                  generator: Generator | None) -> Any:
    """`alpha_dropout` with a mask of `shape`, which broadcasts against `input`."""
    check_probability(p)
    if not training or p == 0:
        return input
    if p == 1:
        result = input * 0.0
    else:
        low = -1.7580993408473766  # what SELU tends to at -infinity
        scale = 1 / math.sqrt((low * low * p + 1) * (1 - p))
        mask = survivors(input, shape, p, generator)
        result = input * (mask * scale) + ((1 - mask) * (low * scale) - low * scale * p)
    return write_if(inplace, input, result)


def alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False, *,
                  generator: Generator | None = None) -> Any:
    """Dropout for SELU: elements take its lowest value with probability `p`; mean 0 and variance 1 stay as they are.

    Raises ValueError unless 0 <= p <= 1.
    Source: Klambauer and others, Self-normalizing neural networks, NIPS 2017.
    """
    return alpha_dropped(input, input.shape, p, training, inplace, generator)


def feature_alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False, *,
                          generator: Generator | None = None) -> Any:
    """`alpha_dropout` of whole channels, (N, C, ...).

    Raises ValueError unless 0 <= p <= 1.
    """
    return alpha_dropped(input, of_channels(input, 2), p, training, inplace, generator)


class _Dropout(Module):
    function: ClassVar[Callable[..., Tensor]]

    def __init__(self, p: float = 0.5, inplace: bool = False, *, generator: Generator | None = None) -> None:
        super().__init__()
        check_probability(p)
        self.p = p
        self.inplace = inplace
        self.generator = generator

    def forward(self, input: Tensor) -> Tensor:
        """Dropout of the input, in training mode."""
        return type(self).function(input, self.p, self.training, self.inplace, generator=self.generator)

    def extra_repr(self) -> str:
        """`p=0.5, inplace=False`."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training mode each element is 0 with probability `p` and otherwise divided by 1 - p; else the input itself.

    Raises ValueError unless 0 <= p <= 1.
    Source: Srivastava and others, Dropout: a simple way to prevent neural networks from overfitting, JMLR 15 (2014).

    >>> import tinygrad_lite as tg
    >>> layer = tg.nn.Dropout(0.5, generator=tg.Generator(0))
    >>> layer(tg.ones(6)).shape, layer.eval()(tg.ones(3))
    ((6,), tensor([1., 1., 1.]))
    """

    function = staticmethod(dropout)


class Dropout1d(_Dropout):
    """Dropout of whole channels of (N, C, L) or (C, L)."""

    function = staticmethod(dropout1d)


class Dropout2d(_Dropout):
    """Dropout of whole channels of (N, C, H, W)."""

    function = staticmethod(dropout2d)


class Dropout3d(_Dropout):
    """Dropout of whole channels of (N, C, D, H, W) or (C, D, H, W)."""

    function = staticmethod(dropout3d)


class AlphaDropout(_Dropout):
    """Dropout for SELU, which keeps mean 0 and variance 1.  See `functional.alpha_dropout`."""

    function = staticmethod(alpha_dropout)


class FeatureAlphaDropout(_Dropout):
    """`AlphaDropout` of whole channels, (N, C, ...)."""

    function = staticmethod(feature_alpha_dropout)
