"""Tables: one-hot rows, and rows that are learned."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from .. import ops
from .._tensor import Tensor
from ..autograd import no_grad
from ..creation import as_tensor, empty
from ..engine import dtypes, graph
from ..engine.graph import Array, live
from ..engine.operation import update
from ..ops.loss import one_hot_along
from ..random import Generator
from . import init
from .module import Module, Parameter


def one_hot(input: Any, num_classes: int = -1) -> Any:
    """Each class index as a row of zeros with a one in its place; int64, of shape (*, num_classes).

    Without `num_classes` it is one more than the largest index.
    Raises RuntimeError for a class that is negative or not below `num_classes` and for a dtype that is not integer.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.one_hot(tg.tensor([2, 0]))
    tensor([[0, 0, 1],
            [1, 0, 0]])
    """
    classes = input.array if isinstance(input, graph.Tensor) else input
    if classes.dtype.kind not in "iu":
        raise RuntimeError(f"one_hot is only applicable to index tensors, got {classes.dtype}")
    if num_classes < 0:
        if not classes.size:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        num_classes = int(input.max()) + 1
    live(_check_classes, classes, num_classes)
    return one_hot_along(input, num_classes, -1).to(dtypes.int64)


def _check_classes(classes: Any, num_classes: int) -> None:
    if classes.size and (classes.min() < 0 or classes.max() >= num_classes):
        raise RuntimeError(f"Class values must be non-negative and smaller than num_classes, {num_classes}")


@update("weight")
def renormalize(weight: Array, input: Array, max_norm: float, norm_type: float) -> None:
    """Shorten the rows of `weight` whose numbers `input` holds to a norm of at most `max_norm`, in place."""
    used = np.unique(input)
    rows = weight[used]
    norms = np.add.reduce(np.abs(rows) ** norm_type, 1, keepdims=True) ** (1 / norm_type)
    weight[used] = rows * np.where(norms > max_norm, max_norm / (norms + 1e-7), 1)


def row_of(padding_idx: int | None, rows: int) -> int | None:
    """`padding_idx` counted from the first row.

    Raises ValueError if there is no such row.
    """
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise ValueError(f"Padding_idx must be within num_embeddings, got {padding_idx} of {rows}")
    return padding_idx % rows


def refuse_variants(scale_grad_by_freq: bool, sparse: bool) -> None:
    """Raise NotImplementedError for options that are not here."""
    if scale_grad_by_freq:
        raise NotImplementedError("embedding: scale_grad_by_freq=True is not supported")
    if sparse:
        raise NotImplementedError("embedding: sparse=True is not supported; gradients are dense here")


def embedding(input: Any, weight: Any, padding_idx: int | None = None, max_norm: float | None = None,
              norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False) -> Any:
    """The rows of `weight` whose numbers `input` holds; the one at `padding_idx` gets no gradient.

    With `max_norm` the rows in question are first shortened, in place, to a norm of at most that.

    Shapes: input (*), weight (V, D); result (*, D).
    Raises IndexError for a row out of range, RuntimeError for a weight with other axes or numbers that are no integers,
    ValueError for a `padding_idx` out of range, and NotImplementedError for the options that are not here.

    >>> import tinygrad_lite as tg
    >>> table = tg.tensor([[0.0, 0.0], [1.0, 2.0]], requires_grad=True)
    >>> tg.nn.functional.embedding(tg.tensor([1, 1, 0]), table, padding_idx=0).sum().backward()
    >>> table.grad
    tensor([[0., 0.],
            [2., 2.]])
    """
    refuse_variants(scale_grad_by_freq, sparse)
    padding_idx = row_of(padding_idx, weight.shape[0])
    if max_norm is not None:
        renormalize(weight.array, input.array, max_norm, norm_type)
    return ops.embedding(weight, input, padding_idx)


class Embedding(Module):
    """A table of `num_embeddings` rows of `embedding_dim` numbers, `weight`, that are picked by number.

    The rows start from N(0, 1).  That at `padding_idx` starts as zeros and stays as it is: it gets no gradient.  With
    `max_norm` the rows that are picked are first shortened, in place, to a norm (`norm_type`) of at most that.

    Shapes: input (*) of integers, output (*, embedding_dim).
    Raises ValueError for a `padding_idx` out of range, NotImplementedError for `scale_grad_by_freq` and `sparse`.

    >>> import tinygrad_lite as tg
    >>> layer = tg.nn.Embedding(10, 3, padding_idx=0)
    >>> layer(tg.tensor([[1, 2, 0]])).shape, layer.weight[0].tolist()
    ((1, 3, 3), [0.0, 0.0, 0.0])
    """

    weight: Parameter

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None,
                 max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
                 sparse: bool = False, _weight: Any = None, _freeze: bool = False, device: str | None = None,
                 dtype: Any = None, *, generator: Generator | None = None) -> None:
        super().__init__()
        refuse_variants(scale_grad_by_freq, sparse)
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = row_of(padding_idx, num_embeddings)
        self.max_norm, self.norm_type = max_norm, norm_type
        if _weight is None:
            self.weight = Parameter(empty(num_embeddings, embedding_dim, device=device, dtype=dtype), not _freeze)
            self.reset_parameters(generator)
        else:
            if tuple(_weight.shape) != (num_embeddings, embedding_dim):
                raise ValueError("Shape of weight does not match num_embeddings and embedding_dim")
            self.weight = Parameter(_weight, not _freeze)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw the rows anew; that at `padding_idx` becomes zeros."""
        init.normal_(self.weight, generator=generator)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool = True, padding_idx: int | None = None,
                        max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
                        sparse: bool = False) -> Self:
        """A layer with these rows, whose memory it shares; they are not learned unless `freeze` is False.

        Raises ValueError unless `embeddings` has two axes.
        """
        embeddings = as_tensor(embeddings)
        if len(embeddings.shape) != 2:
            raise ValueError("Embeddings parameter is expected to be 2-dimensional")
        rows, columns = embeddings.shape
        return cls(rows, columns, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings, freeze)

    def forward(self, input: Tensor) -> Tensor:
        """The rows of `weight` whose numbers `input` holds."""
        return embedding(input, self.weight, self.padding_idx, self.max_norm, self.norm_type)

    def extra_repr(self) -> str:
        """`10, 3, padding_idx=0`."""
        settings = {"padding_idx": self.padding_idx, "max_norm": self.max_norm}
        text = "".join(f", {name}={value}" for name, value in settings.items() if value is not None)
        text += "" if self.norm_type == 2 else f", norm_type={self.norm_type}"
        return f"{self.num_embeddings}, {self.embedding_dim}{text}"
