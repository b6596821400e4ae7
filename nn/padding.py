"""Padding."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from .. import ops
from .._tensor import Tensor
from ..ops.shape import along, pad_widths
from .module import Module


def pad(input: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Any:
    """`input` with more elements around it; `pad` counts from the last axis: (left, right, top, bottom, ...).

    "constant" adds `value` (0), "reflect" mirrors the input at its outermost elements, "replicate" repeats these, and
    "circular" continues at the other end.  A negative width crops.

    Shapes: input (..., H, W), result (..., top + H + bottom, left + W + right) for four counts.
    Raises RuntimeError or ValueError for widths that do not fit the input, NotImplementedError for another mode, or for
    other than one pair of widths with 2 or 3 axes (two with 3 or 4, three with 4 or 5) unless the mode is "constant".

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.pad(tg.tensor([[1.0, 2.0, 3.0]]), (2, 1), mode="reflect")
    tensor([[3., 2., 1., 2., 3., 2.]])
    """
    if mode == "constant":
        return ops.pad(input, tuple(pad), 0.0 if value is None else value)
    if mode not in EDGES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}; known are {['constant', *EDGES]}")
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if len(pad) % 2 or len(input.shape) - len(pad) // 2 not in (1, 2) or len(pad) > 6:
        raise NotImplementedError(f"pad: mode {mode!r} takes one pair of widths for 2 or 3 axes, two for 3 or 4 and "
                                  f"three for 4 or 5, got {tuple(pad)} for {len(input.shape)}")
    for axis, (before, after) in enumerate(pad_widths(pad, len(input.shape))):
        if before or after:
            input = _pad_axis(input, axis, before, after, mode)
    return input


def _pad_axis(input: Any, axis: int, before: int, after: int, mode: str) -> Any:
    """Pad one axis with what `EDGES` says; negative widths crop."""
    crop = [builtins.max(-n, 0) for n in (before, after)]
    if mode == "circular":  # the other end is that of what is left
        input = _part(input, axis, crop[0], input.shape[axis] - crop[1])
        crop = [0, 0]
    n = input.shape[axis]
    before, after = builtins.max(before, 0), builtins.max(after, 0)
    most = {"reflect": n - 1, "replicate": before + after if n else -1, "circular": n}[mode]
    if builtins.max(before, after) > most:
        raise RuntimeError(f"Padding size should be less than the corresponding input dimension, but got: padding "
                           f"({before}, {after}) at dimension {axis} of input {tuple(input.shape)}")
    head, tail = EDGES[mode](input, axis, n, before, after)
    joined = ops.cat([x for x, width in ((head, before), (input, True), (tail, after)) if width], axis)
    return _part(joined, axis, crop[0], joined.shape[axis] - crop[1]) if crop != [0, 0] else joined


def _part(input: Any, axis: int, start: int, end: int) -> Any:
    return ops.getitem(input, along(axis, slice(start, builtins.max(end, 0))))


def _reflect(input: Any, axis: int, n: int, before: int, after: int) -> tuple[Any, Any]:
    return (ops.flip(_part(input, axis, 1, before + 1), axis), ops.flip(_part(input, axis, n - 1 - after, n - 1), axis))


def _replicate(input: Any, axis: int, n: int, before: int, after: int) -> tuple[Any, Any]:
    def widened(edge: Any, width: int) -> Any:
        return ops.expand(edge, (*edge.shape[:axis], width, *edge.shape[axis + 1 :]))

    return widened(_part(input, axis, 0, 1), before), widened(_part(input, axis, n - 1, n), after)


def _circular(input: Any, axis: int, n: int, before: int, after: int) -> tuple[Any, Any]:
    return _part(input, axis, n - before, n), _part(input, axis, 0, after)


EDGES = {"reflect": _reflect, "replicate": _replicate, "circular": _circular}
"""What stands before and after the input along an axis, by mode."""


class _Pad(Module):
    """Padding of the last `axes` axes; `padding` is one width for all sides, or one for each from the last axis on."""

    axes: int
    mode: str

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = (padding,) * (2 * self.axes) if isinstance(padding, int) else tuple(padding)

    def forward(self, input: Tensor) -> Tensor:
        """Pad `input`."""
        return pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        """The widths."""
        return f"{self.padding}"


class ConstantPad1d(_Pad):
    """Padding of the last axis with `value`.

    Shapes: input (..., W), result (..., left + W + right).
    """

    axes = 1

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """Pad `input`."""
        return pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """The widths and the value."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad2d(ConstantPad1d):
    """Padding of the last two axes with `value`.

    Shapes: input (..., H, W), result (..., top + H + bottom, left + W + right).
    """

    axes = 2


class ConstantPad3d(ConstantPad1d):
    """Padding of the last three axes with `value`.

    Shapes: input (..., D, H, W), result (..., front + D + back, top + H + bottom, left + W + right).
    """

    axes = 3


class ZeroPad1d(_Pad):
    """Padding of the last axis with zeros.

    Shapes: input (..., W), result (..., left + W + right).
    """

    axes, mode = 1, "constant"


class ZeroPad2d(_Pad):
    """Padding of the last two axes with zeros.

    Shapes: input (..., H, W), result (..., top + H + bottom, left + W + right).

    >>> import tinygrad_lite as tg
    >>> tg.nn.ZeroPad2d((1, 0, 0, 1))(tg.ones(1, 1, 2))
    tensor([[[0., 1., 1.],
             [0., 0., 0.]]])
    """

    axes, mode = 2, "constant"


class ZeroPad3d(_Pad):
    """Padding of the last three axes with zeros.

    Shapes: input (..., D, H, W), result (..., front + D + back, top + H + bottom, left + W + right).
    """

    axes, mode = 3, "constant"


class ReflectionPad1d(_Pad):
    """Padding of the last axis by its reflection.

    Shapes: input (..., W), result (..., left + W + right).
    """

    axes, mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """Padding of the last two axes by their reflection.

    Shapes: input (..., H, W), result (..., top + H + bottom, left + W + right).
    """

    axes, mode = 2, "reflect"


class ReflectionPad3d(_Pad):
    """Padding of the last three axes by their reflection.

    Shapes: input (..., D, H, W), result (..., front + D + back, top + H + bottom, left + W + right).
    """

    axes, mode = 3, "reflect"


class ReplicationPad1d(_Pad):
    """Padding of the last axis by repeating its outermost elements.

    Shapes: input (..., W), result (..., left + W + right).
    """

    axes, mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """Padding of the last two axes by repeating their outermost elements.

    Shapes: input (..., H, W), result (..., top + H + bottom, left + W + right).
    """

    axes, mode = 2, "replicate"


class ReplicationPad3d(_Pad):
    """Padding of the last three axes by repeating their outermost elements.

    Shapes: input (..., D, H, W), result (..., front + D + back, top + H + bottom, left + W + right).
    """

    axes, mode = 3, "replicate"


class CircularPad1d(_Pad):
    """Padding of the last axis by continuing at its other end.

    Shapes: input (..., W), result (..., left + W + right).
    """

    axes, mode = 1, "circular"


class CircularPad2d(_Pad):
    """Padding of the last two axes by continuing at their other ends.

    Shapes: input (..., H, W), result (..., top + H + bottom, left + W + right).
    """

    axes, mode = 2, "circular"


class CircularPad3d(_Pad):
    """Padding of the last three axes by continuing at their other ends.

    Shapes: input (..., D, H, W), result (..., front + D + back, top + H + bottom, left + W + right).
    """

    axes, mode = 3, "circular"
