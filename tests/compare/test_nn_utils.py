"""Clipping of gradients in PyTorch and here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import tinygrad_lite as tg
from tests.compare.pair import assert_same, attempt

LIBRARIES: list[Any] = [tg, torch]
SHAPES: dict[str, list[tuple[int, ...]]] = {"several": [(3, 4), (5,), (), (2, 1, 3)], "one": [(7,)], "0-d": [()],
                                            "empty": [(0,), (3,)], "none": []}
VALUES: dict[str, Any] = {"usual": 1.0, "tiny": 1e-12, "zero": 0.0, "large": 1e25, "inf": math.inf, "nan": math.nan}


def parameters(library: Any, shapes: list[tuple[int, ...]], value: float, dtype: str) -> list[Any]:
    """Tensors with gradients of which one element is special; and one without a gradient."""
    random, made = np.random.default_rng(0), [library.ones(2, requires_grad=True)]
    for shape in shapes:
        gradient = np.asarray(random.standard_normal(shape), dtype)
        if not math.isfinite(value):
            gradient.reshape(-1)[:1] = value
        else:
            gradient *= np.dtype(dtype).type(value)
        made.append(library.from_numpy(np.ones(shape, dtype)).requires_grad_())
        made[-1].grad = library.from_numpy(gradient)
    return made


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("norm_type", [2.0, 2, 1, math.inf, "inf", 3, 0.5, 0, -math.inf, -1])
@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
def test_clip_grad_norm(shapes: list[tuple[int, ...]], norm_type: Any, value: float, dtype: str) -> None:
    for max_norm in (0.5, 1e30, 0):
        found = []
        for library in LIBRARIES:
            given = parameters(library, shapes, value, dtype)
            total = attempt(library.nn.utils.clip_grad_norm_, given, max_norm, norm_type)
            found.append([total, *(p.grad for p in given[1:])])
        assert_same(found[0], found[1])


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
def test_the_other_functions(shapes: list[tuple[int, ...]], value: float) -> None:
    @np.errstate(invalid="ignore")  # NumPy warns of 0 * inf
    def use(library: Any) -> Any:
        given, nn = parameters(library, shapes, value, "float64"), library.nn
        total = nn.utils.get_total_norm([p.grad for p in given[1:]])
        nn.utils.clip_grads_with_norm_(given, max_norm=2.0, total_norm=total)
        scaled = [p.grad.clone() for p in given[1:]]
        if shapes:  # PyTorch raises an internal error where there is no gradient; ours has nothing to do
            nn.utils.clip_grad_value_(iter(given), clip_value=0.3)
        vector = nn.utils.parameters_to_vector(given)
        nn.utils.vector_to_parameters(vector.detach() * 2, given)
        return [total, *scaled, *(p.grad for p in given[1:]), vector.detach(), *(p.detach() for p in given)]

    assert_same(*map(use, LIBRARIES))


@pytest.mark.parametrize("norm_type", [2.0, 1.0, math.inf])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_error_if_nonfinite(value: float, norm_type: float) -> None:
    found = []
    for library in LIBRARIES:
        given = parameters(library, [(3,)], value, "float64")
        found.append(attempt(lambda g=given, lib=library: lib.nn.utils.clip_grad_norm_(g, 1, norm_type, True)))
    assert_same(found[0], found[1])
    if isinstance(found[1], Exception):
        assert str(found[0]) == str(found[1])


def test_one_tensor_alone() -> None:
    found = []
    for library in LIBRARIES:
        w = parameters(library, [(3,)], 1.0, "float64")[1]
        total = library.nn.utils.clip_grad_norm_(w, 0.1)
        library.nn.utils.clip_grad_value_(w, 0.05)
        found.append([total, w.grad])
    assert_same(found[0], found[1])
