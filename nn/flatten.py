"""Layers that only change the shape."""

from __future__ import annotations

from collections.abc import Sequence

from .._tensor import Tensor
from ..compositions import flatten, unflatten
from .module import FunctionModule, Module


class Flatten(FunctionModule):
    """The axes from `start_dim` to `end_dim` as one; by default all but the first, which counts the examples.

    >>> import tinygrad_lite as tg
    >>> tg.nn.Flatten()(tg.zeros(64, 1, 28, 28)).shape
    (64, 784)
    """

    function = staticmethod(flatten)

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__(start_dim=start_dim, end_dim=end_dim)


class Unflatten(Module):
    """Axis `dim` as several, of the sizes `unflattened_size`; one of them may be -1, what is left.

    Raises TypeError unless the sizes are a tuple or list of ints.

    >>> import tinygrad_lite as tg
    >>> tg.nn.Unflatten(1, (1, 28, 28))(tg.zeros(64, 784)).shape
    (64, 1, 28, 28)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        if not isinstance(unflattened_size, (tuple, list)):
            raise TypeError("unflattened_size must be a tuple of ints, "
                            f"but found type {type(unflattened_size).__name__}")
        for i, size in enumerate(unflattened_size):
            if not isinstance(size, int):
                raise TypeError("unflattened_size must be tuple of ints, "
                                f"but found element of type {type(size).__name__} at pos {i}")
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        """The input with axis `dim` taken apart.

        Raises IndexError for an axis that there is not, and ValueError or RuntimeError if the sizes do not fit.
        """
        return unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """`dim=1, unflattened_size=(1, 28, 28)`."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
