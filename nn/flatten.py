"""Layers that only change the shape."""

from __future__ import annotations

from typing import Any

from .module import Module


class Flatten(Module):
    """The axes from `start_dim` to `end_dim` as one; by default all but the first, which counts the examples.

    >>> import tinygrad_lite as tg
    >>> tg.nn.Flatten()(tg.zeros(64, 1, 28, 28)).shape
    (64, 784)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Any) -> Any:
        """`input.flatten(start_dim, end_dim)`."""
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """`start_dim=1, end_dim=-1`."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
