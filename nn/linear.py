"""The dense layer."""

from __future__ import annotations

import math
from typing import Any

from .. import ops
from .._tensor import Tensor
from ..creation import empty
from ..random import Generator
from . import init
from .module import Module, Parameter


class Identity(Module):
    """Returns its input; takes any arguments, so that it can stand in for another layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """The input."""
        return input


class Linear(Module):
    """y = x W^T + b, with `weight` W of shape (out_features, in_features) and `bias` b of shape (out_features,).

    Shapes: input (*, in_features), output (*, out_features).
    Both start from U(-k, k) with k = 1/sqrt(in_features), PyTorch's choice (`kaiming_uniform_` with a = sqrt(5)).

    >>> import tinygrad_lite as tg
    >>> layer = tg.nn.Linear(20, 30)
    >>> layer(tg.zeros(128, 20)).shape
    (128, 30)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(self, in_features: int, out_features: int, bias: bool = True, device: str | None = None,
                 dtype: Any = None, *, generator: Generator | None = None) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty(out_features, in_features, device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5), generator=generator)
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
            init.uniform_(self.bias, -bound, bound, generator)

    def forward(self, input: Tensor) -> Tensor:
        """input @ weight.T + bias."""
        return ops.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """`in_features=2, out_features=3, bias=True`."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
