"""Every function and method: its derivatives against differences, in less precision, and on every device.

How each is called is a line of a table (function_cases.py), and `make compare` holds its values to PyTorch's.
"""

from __future__ import annotations

import functools
import inspect
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.devices import DEVICES
from tests.function_cases import (
    FIXED_PRECISION,
    NO_DIFFERENCES,
    ON_THE_HOST,
    WITHOUT_CASE,
    evaluate,
    lines,
    operands,
    run,
    strided,
)
from tinygrad_lite import nn
from tinygrad_lite.engine import backend

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's advice, which some lines ignore
each_smooth_line = pytest.mark.parametrize("line", lines("smooth").values(), ids=lines("smooth").keys())


class On:
    """A part of the library, as a script sees it that wants everything on one device."""

    def __init__(self, device: backend.Backend, of: Any = tg) -> None:
        self.device, self.of = device, of

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.of, name)
        if found is nn or (inspect.isclass(found) and issubclass(found, nn.Module)):
            return On(self.device, found)
        if inspect.isfunction(found) and not hasattr(found, "op") and "device" in inspect.signature(found).parameters:
            return functools.partial(found, device=self.device)
        return found

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.of(*args, **options).to(self.device)


def library(device: backend.Backend) -> SimpleNamespace:
    """What the expressions of the tables are evaluated in."""
    return SimpleNamespace(T=On(device), F=nn.functional, grad=tg.autograd.grad,
                           new=lambda x: tg.from_numpy(backend.transfer(x, device)))


HERE = library(backend.numpy)


def attempt(function: Callable[..., Any], *args: Any) -> Any:
    """What `function(*args)` returns, or the exception that it raises."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args)
    except Exception as error:  # noqa: BLE001  (the comparison looks at it)
        return error


def assert_same(actual: Any, expected: Any, device: backend.Backend, tolerance: float = 1e-10) -> None:
    """The same shapes, dtypes and values, in arrays of this device; or both are refused."""
    if isinstance(expected, Exception):
        assert isinstance(actual, Exception), f"not refused on {device}: {expected!r}"
        assert not isinstance(actual, NotImplementedError) or isinstance(expected, NotImplementedError), actual
    elif isinstance(expected, (tuple, list)):
        assert type(actual) is type(expected), actual
        for a, b in zip(actual, expected, strict=True):
            assert_same(a, b, device, tolerance)
    elif isinstance(expected, tg.Tensor):
        assert isinstance(actual, tg.Tensor), actual
        assert type(actual.array) is device.array
        assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(backend.to_host(actual.array), backend.to_host(expected.array), tolerance, tolerance)
    elif isinstance(expected, backend.Backend):
        assert actual == device
    else:
        np.testing.assert_equal(actual, expected)


# --- completeness -----------------------------------------------------------------------------------------------------

NAMESPACES: dict[str, tuple[Any, list[str]]] = {
    "T": (tg, list(tg.__all__)),
    "F": (nn.functional, list(nn.functional.__all__)),
    "T.linalg": (tg.linalg, list(tg.linalg.__all__)),
    "Tensor": (tg.Tensor, [n for n in dir(tg.Tensor) if not n.startswith("_")]),
}


def called() -> set[Any]:
    """The functions and methods that the lines of the tables name, under whatever name."""
    found = set()
    for line in lines("smooth", "subgradients", "discrete").values():
        for owner, name in re.findall(r"(?:\b(T\.linalg|[TF])|(?<=\S))\.(\w+)", line.split(" ; ")[0]):
            for place in (owner,) if owner else ("Tensor",):
                found.add(getattr(NAMESPACES[place][0], name, None))
    return found


def test_every_public_name_has_a_case() -> None:
    """An op has one in tests/op_cases, a module in tests/test_modules.py."""
    met, missing = called(), []
    for place, (owner, names) in NAMESPACES.items():
        for name in names:
            x = getattr(owner, name)
            computes = callable(x) and not inspect.isclass(x) or isinstance(x, property)
            if computes and not hasattr(x, "op") and x not in met and f"{place}.{name}" not in WITHOUT_CASE:
                missing.append(f"{place}.{name}")
    assert not missing, "add a case: a line in tests/compare/tables, or a reason in WITHOUT_CASE"


def test_every_exception_is_needed_and_true() -> None:
    met = called()
    for full_name, reason in WITHOUT_CASE.items():
        place, _, name = full_name.rpartition(".")
        owner, names = NAMESPACES[place]
        assert name in names, f"there is no {full_name}"
        assert getattr(owner, name) not in met, f"{full_name} has a case"
        files = re.findall(r"test_\w+\.py", reason)
        tests = [(Path(__file__).parent / file).read_text(encoding="utf-8") for file in files]
        assert not files or any(re.search(rf"\b{name}\b", text) for text in tests), f"{full_name} is not in {files}"


# --- derivatives, precision, devices ----------------------------------------------------------------------------------


def excepted(line: str, patterns: dict[str, str]) -> bool:
    """Whether a table of exceptions matches the line."""
    return any(re.search(pattern, line) for pattern in patterns)


@each_smooth_line
def test_derivatives(line: str) -> None:
    """First and second ones against differences, along random directions."""
    if excepted(line, NO_DIFFERENCES):
        return
    expression, arrays = operands(line)
    leaves = [tg.from_numpy(x) for x in arrays]
    for name, x in zip("abcdefgh", leaves, strict=False):
        x.requires_grad_(x.is_floating_point() and f"{name}.detach" not in expression)

    def function(*values: Any) -> Any:
        return evaluate(HERE, expression, values)

    if any(x.requires_grad for x in leaves):
        tg.testing.gradcheck(function, leaves, fast_mode=True, atol=1e-6)
        tg.testing.gradgradcheck(function, leaves, fast_mode=True, atol=1e-6)


@each_smooth_line
def test_float32(line: str) -> None:
    """float32 goes in, from strided memory, and comes out, and is the dtype of the gradients."""
    if excepted(line, FIXED_PRECISION):
        return
    expression, arrays = operands(line)
    low = [strided(x).astype("float32") if x.dtype.kind == "f" else x for x in arrays]
    with np.errstate(invalid="ignore"):  # infinite results are weighed and added up, too
        exact, rough = (flat(run(HERE, expression, values, 1)) for values in (arrays, low))
    expected = [x.float() if isinstance(x, tg.Tensor) and x.is_floating_point() else x for x in exact]
    assert_same(rough, expected, backend.numpy, 1e-3)


def flat(result: Any) -> list[Any]:
    """The tensors and numbers in nested sequences."""
    return [y for x in result for y in flat(x)] if isinstance(result, (tuple, list)) else [result]


def fetched(_: Any) -> None:
    """In the place of `asnumpy`."""
    raise AssertionError("a device's array was fetched to the host")


ORDER = {"smooth": 2, "subgradients": 1, "discrete": 0, "errors": 0}


@pytest.mark.parametrize("device", DEVICES, ids=repr)
@pytest.mark.parametrize(("section", "line"), [pytest.param(s, x, id=n) for s in ORDER for n, x in lines(s).items()])
def test_on_a_device(section: str, line: str, device: backend.Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same values and gradients as on NumPy, from strided memory, never through the host."""
    if excepted(line, ON_THE_HOST):
        return
    expression, arrays = operands(line)
    expected = attempt(run, HERE, expression, arrays, ORDER[section], section == "smooth")
    placed = arrays if "view" in expression else [strided(x) for x in arrays]
    with monkeypatch.context() as patch:
        patch.setattr(device.module, "asnumpy", fetched)
        actual = attempt(run, library(device), expression, placed, ORDER[section], section == "smooth")
    assert_same(actual, expected, device)
