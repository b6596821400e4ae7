"""Samplers: which items an epoch has, and in which order, where that is neither the dataset's nor a plain shuffle.

Names, arguments and meanings are those of ``torch.utils.data``.  Any iterable of indices with a length is a sampler.
Those that draw without a ``generator`` of their own draw from the default generator.  Inside a `DataLoader` that is one
seeded from the loader's, so that an epoch can be drawn again after resuming.
"""

from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Protocol, TypeVar, cast

import numpy as np

from ..creation import tensor
from ..random import Generator, default_generator, multinomial

Index_co = TypeVar("Index_co", covariant=True)


class Sampler(Protocol[Index_co]):
    """Indices of a dataset, or lists of them, for an epoch: a list is a sampler too."""

    def __iter__(self) -> Iterator[Index_co]:
        """The indices of one epoch."""
        raise NotImplementedError(f"{type(self).__name__} is missing the method __iter__")

    def __len__(self) -> int:
        """How many an epoch has."""
        raise NotImplementedError(f"{type(self).__name__} is missing the method __len__")


class SequentialSampler(Sampler[int]):
    """All items, one after the other.

    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Items in random order: one permutation after the other, or, with `replacement`, each drawn from all.

    Args:
        data_source: the dataset.
        replacement: whether each draw is from all items.
        num_samples: how many, `len(data_source)` if None.
        generator: where the draws come from; the default generator if None.

    Raises:
        TypeError: when ``replacement`` is no bool.
        ValueError: when ``num_samples`` is no positive integer, or the dataset is empty.

    >>> sorted(RandomSampler("abc"))
    [0, 1, 2]
    >>> len(list(RandomSampler("abc", num_samples=5)))
    5
    """

    def __init__(self, data_source: Sized, replacement: bool = False, num_samples: int | None = None,
                 generator: Generator | None = None) -> None:
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement: expected a bool, got {replacement!r}")
        self.data_source = data_source
        self.replacement = replacement
        self.generator = generator
        self._num_samples = num_samples
        _check_number(self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many items an epoch has."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        draws, n = (self.generator or default_generator()).numpy, len(self.data_source)
        if self.replacement:
            yield from draws.integers(n, size=self.num_samples).tolist()
            return
        for start in range(0, self.num_samples, n):
            yield from draws.permutation(n)[: self.num_samples - start].tolist()

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The items with the given indices, in random order.

    >>> sorted(SubsetRandomSampler([5, 3, 1]))
    [1, 3, 5]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        draws = (self.generator or default_generator()).numpy
        return (self.indices[i] for i in draws.permutation(len(self.indices)).tolist())

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Items drawn with probabilities in proportion to their weights, so that rare classes come as often as others.

    P(i) = weights[i] / Σ weights at each draw; without `replacement` among those that were not drawn yet.

    Args:
        weights: one for each item, a sequence, an array or a Tensor of shape (n,), none negative.
        num_samples: how many items an epoch has.
        replacement: whether an item may come more than once.
        generator: where the draws come from; the default generator if None.

    Raises:
        TypeError: when ``replacement`` is no bool.
        ValueError: when ``num_samples`` is no positive integer or ``weights`` is not one-dimensional.
        RuntimeError: when run through, for weights that are no probabilities.

    >>> from tinygrad_lite.datasets import DataLoader
    >>> labels = [0] * 98 + [1] * 2
    >>> sampler = WeightedRandomSampler([1 / labels.count(label) for label in labels], num_samples=1000)
    >>> 400 < sum(labels[i] for i in sampler) < 600
    True
    """

    def __init__(self, weights: Any, num_samples: int, replacement: bool = True,
                 generator: Generator | None = None) -> None:
        _check_number(num_samples)
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement: expected a bool, got {replacement!r}")
        self.weights = tensor(weights, dtype=np.float64)
        if self.weights.ndim != 1:
            raise ValueError(f"weights: expected shape (n,), got {self.weights.shape}")
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator)
        return iter(cast(list[int], drawn.tolist()))

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """What another sampler gives, in lists of `batch_size`, for ``DataLoader(batch_sampler=...)``.

    Args:
        sampler: the indices.
        batch_size: how many make a batch.
        drop_last: leave out the last batch when it is smaller than the others.

    Raises:
        ValueError: when ``batch_size`` is no positive integer or ``drop_last`` no bool.

    >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        _check_number(batch_size, "batch_size")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last: expected a bool, got {drop_last!r}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        batch: list[int] = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        whole, rest = divmod(len(cast(Sized, self.sampler)), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)


def _check_number(value: Any, name: str = "num_samples") -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{name}: expected a positive integer, got {value!r}")
