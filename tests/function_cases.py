"""How functions and methods are called: the lines of compare/tables/*.txt, which need no PyTorch to be read.

A line is `expression ; a ; b ; c`, evaluated with T the library and F its functional part, on operands described by
Python: (2, 3) is normal numbers in that shape, a list or number is itself, and so on (`operands`).  `make compare`
evaluates each line in PyTorch, too (compare/test_ops.py), `make test` on each device (test_functions.py).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]

TABLES = Path(__file__).parent / "compare" / "tables"
SECTIONS = {
    "smooth": "values, first and second derivatives",
    "subgradients": "where a function has no derivative, or an infinite one: first order only, for PyTorch's second "
                    "ones are accidents there",
    "discrete": "no derivative: values and dtypes only",
    "errors": "both raise",
}


def lines(*sections: str) -> dict[str, str]:
    """The lines of these sections of all tables, by the name of their test."""
    found = {}
    for path in sorted(TABLES.glob("*.txt")):
        here = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip("[]") in SECTIONS:
                here = line.strip("[]")
            elif line.strip() and not line.startswith("#") and here in sections:
                found[f"{path.stem}: {line}"] = line
    return found


def operands(line: str) -> tuple[str, list[Array]]:
    """The expression of a line, and its operands as NumPy arrays, the same ones at every call."""
    expression, *specs = (part.strip() for part in line.split(" ; "))
    rng = np.random.default_rng(zlib.crc32(line.encode()))

    def normal(*shape: int) -> Array:
        return np.asarray(rng.standard_normal(shape))

    spec = {
        "normal": normal,
        "pos": lambda *shape: np.abs(normal(*shape)) + 0.5,
        "neg": lambda *shape: -np.abs(normal(*shape)) - 0.5,
        "prob": lambda *shape: np.asarray(rng.random(shape)),
        "ints": lambda high, *shape: np.asarray(rng.integers(min(high, 0), max(high, 1), shape)),
        "bools": lambda *shape: np.asarray(rng.random(shape) < 0.5),
        "INF": np.inf,
        "NAN": np.nan,
    }
    values = [eval(text, spec) for text in specs]
    return expression, [normal(*v) if isinstance(v, tuple) else np.asarray(v) for v in values]


def strided(x: Array) -> Array:
    """The same values in memory with gaps and in another order."""
    return np.asarray(np.stack([x.T, x.T], -1)[..., 0].T)


def run(library: Any, expression: str, arrays: Sequence[Any], order: int, smooth: bool = True) -> Any:
    """The value of the expression, or with an `order` the list of the value and the derivatives up to that order."""
    leaves = [library.new(x) for x in arrays]
    floating = [x.requires_grad_() for x in leaves if x.is_floating_point()] if order else []
    result = evaluate(library, expression, leaves)
    return [result, *derivatives(library, result, floating, order, smooth)] if order else result


def evaluate(library: Any, expression: str, values: Sequence[Any]) -> Any:
    """The value of the expression with these for a, b, c, ..."""
    return eval(expression, {"T": library.T, "F": library.F}, dict(zip("abcdefgh", values, strict=False)))


def scalar_of(library: Any, result: Any, smooth: bool) -> Any:
    """A scalar that depends on each element of the (floating) results in its own way, so that no mix-up cancels out.

    A `smooth` one is not linear either, so that ops that are linear have a second derivative to get wrong.
    """
    total: Any = 0
    for k, y in enumerate(result if isinstance(result, tuple) else (result,)):
        if "float" in str(y.dtype):
            count = int(np.prod(tuple(y.shape)))
            dtype = str(y.dtype).removeprefix("torch.")
            weights = np.cos(np.arange(1.0, count + 1) + k).reshape(tuple(y.shape)).astype(dtype)
            total = total + (library.new(weights) * y).sum()
            total = total + 0.25 * (y * y).sum() if smooth else total
    return total


def derivatives(library: Any, result: Any, leaves: Sequence[Any], order: int = 2, smooth: bool = True) -> list[Any]:
    """The gradients of `scalar_of(result)` at the leaves, then those of a scalar made of these, and so on."""
    found: list[Any] = []
    total = scalar_of(library, result, smooth)
    for _ in range(order):
        if not getattr(total, "requires_grad", False):
            found += [library.T.zeros_like(x) for x in leaves]
            continue
        gradients = library.grad(total, leaves, create_graph=True, allow_unused=True)
        gradients = [library.T.zeros_like(x) if g is None else g for g, x in zip(gradients, leaves, strict=True)]
        found += gradients
        total = scalar_of(library, tuple(gradients), smooth=False)
    return found


WITHOUT_CASE = {
    **dict.fromkeys(("T.save", "T.load"), "tests/test_saving.py"),
    **dict.fromkeys(("T.explain", "T.trace"), "a reader of programs: tests/test_explanation.py, test_program.py"),
    **dict.fromkeys(("T.capture", "T.op", "T.value_and_grad"), "of functions: tests/test_capture.py, test_own_ops.py"),
    **dict.fromkeys(("Tensor.cpu", "Tensor.cuda", "T.cuda_is_available"), "of devices: tests/test_device_names.py"),
    **dict.fromkeys(("T.get_default_dtype", "T.set_default_dtype"), "tests/test_dtypes.py"),
    "T.default_generator": "tests/test_capture.py",
    **dict.fromkeys(("T.is_grad_enabled", "Tensor.backward", "Tensor.grad", "Tensor.grad_fn", "Tensor.requires_grad_",
                     "Tensor.register_hook", "Tensor.retain_grad", "Tensor.retains_grad"), "tests/test_graph.py"),
    "Tensor.as_new_leaf": "what requires_grad=True does",
}
"""The public names that no line calls, each with the reason."""

NO_DIFFERENCES = {
    r"INF|(mean|logsumexp)\(.*; +\(0|T.erf": "there are none between infinities, nor between means of nothing",
    r"\bembedding\(.*(padding_idx|, -?[01]\))": "the row of the padding gets no gradient",
    r"eps=3\.0|True, 1\.0, 'none'": "PyTorch's gradient passes where eps is used in the place of less",
    r"float32|float16|half|\.float\(": "differences need float64",
    r"\.data|detach_": "what is detached gets no gradient",
}
"""The lines that have values and derivatives, but no differences to hold them to."""

FIXED_PRECISION = {r"float|double|dtype|half": "the line says the precision", r"1e6": "float32 has 7 digits"}
"""The lines that are not run in float32."""

ON_THE_HOST = {r"\.numpy\(": "a device's array is not NumPy's", r"dlpack": "the stand-in has no memory to share"}
"""The lines that are not run on a device."""
