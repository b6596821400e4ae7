"""Both libraries under the same names, and what it means that they agree."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import tinygrad_lite as tg
from tests.function_cases import derivatives as derivatives

Array = NDArray[Any]

torch.set_num_threads(1)

OURS = SimpleNamespace(T=tg, F=tg.nn.functional, new=tg.from_numpy, grad=tg.autograd.grad)
THEIRS = SimpleNamespace(T=torch, F=torch.nn.functional, new=torch.from_numpy, grad=torch.autograd.grad)
BOTH = (OURS, THEIRS)

RELATED: dict[type[Exception], tuple[type[Exception], ...]] = {
    # PyTorch's C++ knows little else than RuntimeError; NumPy's text and class are kept where they say more.
    RuntimeError: (RuntimeError, ValueError, IndexError, TypeError),
    ValueError: (ValueError, RuntimeError, TypeError),
    IndexError: (IndexError, ValueError),
    TypeError: (TypeError, ValueError, RuntimeError, IndexError),
    NotImplementedError: (NotImplementedError, TypeError, RuntimeError),
}


def attempt(function: Callable[..., Any], *args: Any) -> Any:
    """What `function(*args)` returns, or the exception that it raises."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args)
    except Exception as error:  # noqa: BLE001  (the comparison looks at it)
        return error


def array_of(x: Any) -> Array:
    """The values of a tensor of either library."""
    return np.asarray(x.detach().clone().numpy())  # cloned: PyTorch has zeros without memory


def dtype_of(x: Any) -> str:
    """The name of a tensor's dtype, the same for both libraries."""
    return str(x.dtype).removeprefix("torch.")


TOLERANCE = {"float16": 2e-3, "float32": 1e-6}  # relative and absolute; float64 and all that is exact: 1e-9


def assert_same(ours: Any, theirs: Any, what: str = "value") -> None:
    """Both raised related exceptions, or both are (sequences of) tensors of equal shape, dtype and values."""
    if isinstance(ours, Exception) or isinstance(theirs, Exception):
        assert isinstance(theirs, Exception), f"{what}: only ours raised: {ours!r}"
        assert isinstance(ours, Exception), f"{what}: only PyTorch raised: {theirs!r}; ours is {ours!r}"
        allowed = next(RELATED[c] for c in type(theirs).__mro__ if c in RELATED)
        assert isinstance(ours, allowed), f"{what}: {ours!r} is not related to PyTorch's {theirs!r}"
    elif isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs), what
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(a, b, f"{what}[{i}]")
    elif isinstance(theirs, torch.Tensor):
        assert tuple(ours.shape) == tuple(theirs.shape), f"{what}: shape {ours.shape}, PyTorch {tuple(theirs.shape)}"
        assert dtype_of(ours) == dtype_of(theirs), f"{what}: dtype {ours.dtype}, PyTorch {theirs.dtype}"
        tolerance = TOLERANCE.get(dtype_of(ours), 1e-9)
        np.testing.assert_allclose(array_of(ours), array_of(theirs), tolerance, tolerance, err_msg=what)
    else:
        assert ours == theirs, what
