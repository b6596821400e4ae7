"""How a Tensor prints: as PyTorch does, through NumPy's printer."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import backend, dtypes, graph


def represent(x: graph.Tensor) -> str:
    """`tensor([1., 2.], requires_grad=True)`: values to four digits, then what is not the default."""
    array = backend.to_host(x.array)
    name = "Parameter containing:\ntensor" if type(x).__name__ == "Parameter" else "tensor"
    with np.errstate(all="ignore"):
        text = np.array2string(array, separator=", ", prefix="tensor(", formatter=_formatter(array), threshold=1000, max_line_width=100)
    suffix = []
    if array.size == 0 and array.ndim != 1:
        suffix.append(f"size={tuple(array.shape)}")
    device = backend.of(x.array).device
    if device != "cpu":
        suffix.append(f"device={device!r}")
    if array.dtype not in (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool_):
        suffix.append(f"dtype={array.dtype}")
    if x.node is not None:
        suffix.append("requires_grad=True" if x.node.op is None else f"grad_fn=<{x.node.op.name}>")
    return f"{name}({', '.join([text, *suffix])})"


def _formatter(array: np.ndarray[Any, Any]) -> Any:
    """Four digits after the point, none if all are whole numbers, and an exponent where the range asks for it."""
    if array.dtype.kind == "b":
        return {"bool": lambda v: f"{'True' if v else 'False':>5}" if array.ndim else str(bool(v))}
    if array.dtype.kind != "f":
        return None
    values = np.abs(array[np.isfinite(array) & (array != 0)].astype(np.float64))
    whole = bool(values.size == 0 or (np.all(values == np.trunc(values))))
    if values.size and (values.max() / values.min() > 1000 or values.max() > 1e8 or values.min() < 1e-4) and not (
            whole and values.max() < 1e5):
        shape = "{:.4e}"
    else:
        shape = "{:.0f}." if whole else "{:.4f}"
    shown = [shape.format(v) if np.isfinite(v) else str(v) for v in array.ravel()[:1000]]
    width = max((len(s) for s in shown), default=0) if array.ndim else 0
    return {"float_kind": lambda v: (shape.format(v) if np.isfinite(v) else str(v)).rjust(width)}
