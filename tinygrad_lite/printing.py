"""How a Tensor prints: as in PyTorch, down to the line breaks, except that a dtype and a grad_fn have our names."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .engine import backend, dtypes, graph

PRECISION = 4  # digits after the point
THRESHOLD = 1000  # elements; of larger tensors only the edges are shown
EDGE = 3  # elements at each end of an axis
LINE = 80  # characters

Array = np.ndarray[Any, Any]


def represent(x: graph.Tensor) -> str:
    """`tensor([1., 2.], requires_grad=True)`: values to four digits, then what is not the default."""
    array = backend.to_host(x.array)
    suffixes = []
    device = backend.of(x.array).device
    if device != "cpu":
        suffixes.append(f"device={device!r}")
    if array.size == 0 and array.ndim != 1:
        suffixes.append(f"size={tuple(array.shape)}")
    evident = (dtypes.int64, dtypes.bool_) if array.size else ()
    if array.dtype not in (dtypes.get_default_dtype(), *evident):
        suffixes.append(f"dtype={array.dtype}")
    if x.node is not None:
        suffixes.append("requires_grad=True" if x.node.op is None else f"grad_fn=<{x.node.op.name}>")
    text = "tensor(" + _values(array, len("tensor("))
    used = len(text) - text.rfind("\n") + 1  # of the last line: PyTorch's count, two more than there are
    for suffix in suffixes:
        if used + len(suffix) + 2 <= LINE:
            text += f", {suffix}"
            used += len(suffix) + 2
        else:
            text += ",\n" + " " * len("tensor(") + suffix
            used = len("tensor(") + len(suffix)
    return ("Parameter containing:\n" if type(x).__name__ == "Parameter" else "") + text + ")"


def _values(array: Array, indent: int) -> str:
    if array.size == 0:
        return "[]"
    shortened = array.size > THRESHOLD
    write = _format_of(_edges(array) if shortened else array)
    return _nested(array, write, indent, shortened)


def _edges(array: Array) -> Array:
    """The elements that are shown of a large array."""
    for axis, n in enumerate(array.shape):
        if n > 2 * EDGE:
            array = np.take(array, [*range(EDGE), *range(n - EDGE, n)], axis)
    return array


def _format_of(shown: Array) -> Callable[[Any], str]:
    """How to write one element so that all of them are equally wide: whole numbers as 1., others to four digits, and
    with an exponent where the range asks for it.
    """
    if shown.dtype.kind != "f":
        width = max(len(str(v)) for v in shown.ravel().tolist())
        return lambda value: str(value).rjust(width)
    finite = shown[np.isfinite(shown) & (shown != 0)].astype(np.float64)
    size = np.abs(finite)
    whole = bool(np.all(finite == np.ceil(finite)))
    if size.size and (size.max() / size.min() > 1000 or size.max() > 1e8 or size.min() < 1e-4):
        form = f"{{:.{PRECISION}e}}"
    else:
        form = "{:.0f}." if whole else f"{{:.{PRECISION}f}}"
    width = max((len(form.format(v)) for v in finite.tolist()), default=1)
    return lambda value: (form.format(value) if math.isfinite(value) else f"{value:.0f}").rjust(width)


def _nested(array: Array, write: Callable[[Any], str], indent: int, shortened: bool) -> str:
    """The array in brackets, its rows below each other."""
    if array.ndim == 0:
        return write(array.item())
    n = len(array)
    cut = shortened and n > 2 * EDGE
    rows = [*array[:EDGE], *array[n - EDGE :]] if cut else list(array)
    if array.ndim > 1:
        parts = [_nested(row, write, indent + 1, shortened) for row in rows]
        if cut:
            parts.insert(EDGE, "...")
        between = "," + "\n" * (array.ndim - 1) + " " * (indent + 1)
        return "[" + between.join(parts) + "]"
    words = [write(v.item()) for v in rows]
    per_line = max(1, (LINE - indent) // (len(write(0)) + 2))
    if cut:
        words.insert(EDGE, " ...")
    lines = [", ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)]
    between = ",\n" + " " * (indent + 1)
    return "[" + between.join(lines) + "]"
