"""Distances and similarities of vectors, each as a function and as a module."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from .._tensor import Tensor
from ..compositions import norm
from .module import FunctionModule, Module


def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """The p-norm of x1 - x2 + eps along the last axis; the two are broadcast.

    Shapes: x1 and x2 (..., D); result (...), with `keepdim` (..., 1).

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.pairwise_distance(tg.tensor([[3.0, 4.0]]), tg.zeros(1, 2))
    tensor([5.0000])
    """
    return norm(x1 - x2 + eps, p, -1, keepdim)


class PairwiseDistance(Module):
    """The p-norm of x1 - x2 + eps along the last axis.

    Shapes: x1 and x2 (..., D); result (...), with `keepdim` (..., 1).
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """pairwise_distance(x1, x2)."""
        return pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """sum(x1 * x2) / (max(|x1|, eps) max(|x2|, eps)) along `dim`; the two are broadcast.

    Shapes: x1 and x2 (..., D, ...); result (..., ...) without the axis `dim`.

    >>> import tinygrad_lite as tg
    >>> tg.cosine_similarity(tg.tensor([[1.0, 1.0]]), tg.tensor([[1.0, 0.0]]))
    tensor([0.7071])
    """
    if x1.shape != x2.shape:
        shape = np.broadcast_shapes(x1.shape, x2.shape)
        x1, x2 = ops.expand(x1, shape), ops.expand(x2, shape)
    x1, x2 = (x / with_floor(norm(x, 2.0, dim, True), eps) for x in (x1, x2))
    return ops.sum(x1 * x2, dim)


def with_floor(length: Any, eps: float) -> Any:
    """max(length, eps) with the derivative of `length`, as in PyTorch."""
    constant = length.detach()
    return length + (ops.clamp(constant, eps) - constant)


class CosineSimilarity(FunctionModule):
    """sum(x1 * x2) / (max(|x1|, eps) max(|x2|, eps)) along `dim`.

    Shapes: x1 and x2 (..., D, ...); result (..., ...) without the axis `dim`.
    """

    function = staticmethod(cosine_similarity)
    unprinted = frozenset({"dim", "eps"})

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__(dim=dim, eps=eps)
