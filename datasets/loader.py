"""The loader: a dataset, batch by batch, in an order that can be drawn again."""

import copy
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import closing, nullcontext
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from .._tensor import Tensor
from ..creation import from_numpy
from ..random import Generator, default_generator, seed_beside, seeded
from .dataset import Dataset, collate, fetch
from .prefetch import prefetched


@dataclass(slots=True)
class _Position:
    """Where an epoch stands: the generator's state before its order was drawn, and the batches handed out since."""

    generator: Any
    batches: int


class DataLoader:
    """Iterate over a dataset in batches of Tensors.

    The batch of items ``(image, label)`` is ``(images, labels)``: arrays and numbers are stacked, so float32
    (1, 28, 28) becomes float32 (n, 1, 28, 28), and int becomes int64 (n,). A dataset with a method ``batch(indices)``
    is asked for whole batches, which is much faster.

    Each ``iter(loader)`` is one epoch. At its start it draws, from the loader's generator, one permutation if it
    shuffles, and then one seed, and nothing else. A loader without a ``generator`` makes its own when it is made,
    seeded by one draw from the default generator: the order then depends on `manual_seed`, but neither disturbs later
    draws (dropout) nor depends on them. A loader that does not shuffle takes no draw, so that an evaluation changes
    nothing in a training: its seed is made of what that draw would be, and of how many loaders have looked at it
    before. So two loaders draw different augmentations.

    While batch k = 0, 1, ... is fetched, the default generator is another one, whose seed is the epoch's + 1 + k. So
    whatever a dataset, a transform or a ``collate_fn`` draws from the default generator is the same with any number of
    threads and after resuming in the middle of an epoch, and different in each epoch.

    Args:
        dataset: anything with ``len()`` and items: a `Dataset`, a list, an array.
        batch_size: items in a batch, at least 1.
        shuffle: a new random order each epoch.
        sampler: the items of an epoch, an iterable of indices with a length, in place of ``shuffle``: a list, or one
            of this package's samplers (`WeightedRandomSampler`). It is run through at the start of an epoch, with the
            default generator seeded from the loader's.
        batch_sampler: the same, but of lists of indices, each a batch.
        num_workers: how many threads fetch batches ahead of time, in the grad mode of the thread that iterates;
            with 0 each is fetched when it is asked for. Threads help where NumPy computes or a file is read, and not
            where Python does.
        collate_fn: makes a batch from a list of items, in place of the stacking; what it returns is not converted.
        pin_memory: accepted for PyTorch's scripts, without effect.
        drop_last: leave out the last batch when it is smaller than the others.
        generator: where permutations and seeds are drawn from. Exact resuming wants one that nothing else draws from.
        prefetch_factor: how many batches per thread are fetched ahead of time; 2 if None.
        persistent_workers: accepted for PyTorch's scripts, without effect: a thread starts in 0.1 ms.
        device: where the batches' Tensors are put; None leaves them where they are made.

    Raises:
        TypeError: when ``dataset`` has no length or no items, or a number is none.
        ValueError: for a number out of range, and for arguments that exclude each other.

    >>> import tinygrad_lite
    >>> from tinygrad_lite.datasets import DataLoader, Digits
    >>> loader = DataLoader(Digits(), batch_size=64, shuffle=True, generator=tinygrad_lite.Generator(0))
    >>> loader
    DataLoader(Digits(5,000 images of 28 x 28), batch_size=64, shuffle=True): 79 batches
    >>> for images, labels in loader:
    ...     print(tuple(images.shape), tuple(labels.shape))
    ...     break
    (64, 1, 28, 28) (64,)
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        batch_size: int = 1,
        shuffle: bool = False,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[Sequence[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        *,
        generator: Generator | None = None,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        device: Any = None,
    ) -> None:
        if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
            kind = type(dataset).__name__
            raise TypeError(f"dataset: expected something with a length and items, got {kind} without them")
        if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
            raise ValueError("batch_sampler: excludes batch_size, shuffle, sampler and drop_last")
        if sampler is not None and shuffle:
            raise ValueError("sampler: excludes shuffle")
        if prefetch_factor is not None and not num_workers:
            raise ValueError("prefetch_factor: expected None when num_workers is 0")
        if generator is not None and not isinstance(generator, Generator):
            raise TypeError(f"generator: expected a tinygrad_lite.Generator, got {type(generator).__name__}; "
                            "make one from a seed, Generator(5)")
        if generator is None:
            generator = Generator(int(default_generator().numpy.integers(2**63)) if shuffle else seed_beside())
        self.dataset = dataset
        self.batch_size = None if batch_sampler is not None else _integer("batch_size", batch_size, 1)
        self.shuffle = bool(shuffle)
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = _integer("num_workers", num_workers, 0)
        self.collate_fn = collate_fn
        self.pin_memory = pin_memory
        self.drop_last = drop_last
        self.generator = generator
        self.prefetch_factor = 2 if prefetch_factor is None else _integer("prefetch_factor", prefetch_factor, 1)
        self.persistent_workers = persistent_workers
        self.device = device
        self._position: _Position | None = None  # of the epoch that was begun last, until it ends
        self._skip = 0  # batches that the next epoch leaves out: they were consumed before a resume

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        if self.batch_size is None:
            return len(cast(Sized, self.batch_sampler))
        items = len(self.dataset) if self.sampler is None else len(cast(Sized, self.sampler))
        whole, rest = divmod(items, self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        """Begin an epoch."""
        # Drawn now and not at the first next(): the draws have their place in the program's order.
        position = _Position(self.generator.get_state(), self._skip)
        self._position, self._skip = position, 0
        batches, seed = self._drawn()
        return self._handed_out(batches, seed, position)

    def _drawn(self) -> tuple[list[NDArray[np.int64]], int]:
        """An epoch: the indices of each batch, and the seed for what is drawn while fetching them."""
        numpy, n = self.generator.numpy, len(self.dataset)
        order = numpy.permutation(n) if self.shuffle else np.arange(n)
        seed = int(numpy.integers(2**63))
        if self.batch_size is None:
            with seeded(seed):
                return [np.array(batch, np.int64) for batch in cast(Iterable[Any], self.batch_sampler)], seed
        if self.sampler is not None:
            with seeded(seed):
                order = np.array(list(self.sampler), np.int64)
        size = self.batch_size
        stop = len(order) - len(order) % size if self.drop_last else len(order)
        return [order[k : k + size] for k in range(0, stop, size)], seed

    def _handed_out(self, batches: list[NDArray[np.int64]], seed: int, position: _Position) -> Iterator[Any]:
        def fetched(k: int) -> Any:
            with seeded(seed + 1 + k):  # `seed` itself is the sampler's
                return self._batch(batches[k])

        tasks = range(position.batches, len(batches))
        results: Any = map(fetched, tasks)
        if self.num_workers:
            results = prefetched(fetched, tasks, self.num_workers, self.num_workers * self.prefetch_factor)
        with closing(results) if self.num_workers else nullcontext():
            for k, batch in zip(tasks, results, strict=True):
                position.batches = k + 1  # before the yield: whoever holds a batch has consumed it
                yield _placed(batch, self.device)
        if self._position is position:
            self._position = None

    def _batch(self, indices: NDArray[np.int64]) -> Any:
        if self.collate_fn is not None:
            return self.collate_fn([self.dataset[i] for i in indices.tolist()])
        return _as_tensors(fetch(self.dataset, indices))

    def __repr__(self) -> str:
        given: dict[str, Any] = {"batch_size": self.batch_size, "batch_sampler": self.batch_sampler,
                                 "shuffle": self.shuffle, "sampler": self.sampler, "num_workers": self.num_workers,
                                 "drop_last": self.drop_last, "collate_fn": self.collate_fn,
                                 "device": self.device}
        shown = "".join(f", {name}={value!r}" for name, value in given.items() if value)
        return f"DataLoader({self.dataset!r}{shown}): {len(self):,} batches"

    def state_dict(self) -> dict[str, Any]:
        """Where this loader stands: what `load_state_dict` needs to go on with the very next batch.

        Returns:
            ``generator``, its state at the start of the running epoch (its present state between epochs); ``batches``,
            how many of the epoch's batches were handed out, whatever threads have fetched since; and, to refuse a
            loader that does not fit, ``batch_size``, ``shuffle`` and ``samples``, the length of the dataset.

        An epoch left with ``break`` counts as running until the next one begins. A ``sampler`` must give the same
        indices again after the resume: one that draws from the default generator does.
        """
        position = self._position or _Position(self.generator.get_state(), self._skip)
        return {
            "generator": copy.deepcopy(position.generator),
            "batches": position.batches,
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "samples": len(self.dataset),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where ``state`` was taken: the next epoch draws its order again and leaves out the consumed batches.

        Raises:
            ValueError: when ``state`` is not of such a loader, naming what differs; the loader is unchanged then.

        >>> import tinygrad_lite
        >>> from tinygrad_lite.datasets import DataLoader
        >>> loader = DataLoader(range(6), 2, shuffle=True, generator=tinygrad_lite.Generator(0))
        >>> epoch = iter(loader)
        >>> _ = next(epoch)
        >>> state = loader.state_dict()
        >>> rest = [batch.tolist() for batch in epoch]
        >>> resumed = DataLoader(range(6), 2, shuffle=True)
        >>> resumed.load_state_dict(state)
        >>> [batch.tolist() for batch in resumed] == rest
        True
        """
        here = self.state_dict()
        if state.keys() != here.keys():
            raise ValueError(f"state: expected the keys {sorted(here)}, got {sorted(state)}")
        for key in ("batch_size", "shuffle", "samples"):
            if state[key] != here[key]:
                raise ValueError(f"state: expected the {key} of this loader, {here[key]}, got {state[key]}")
        batches = state["batches"]
        if not isinstance(batches, int) or not 0 <= batches <= len(self):
            raise ValueError(f"state: expected batches to be an int in 0..{len(self)}, got {batches!r}")
        self.generator.set_state(state["generator"])
        self._position, self._skip = None, batches


def default_collate(batch: Sequence[Any]) -> Any:
    """What the loader makes of a list of items, for a ``collate_fn`` that does something else before or after.

    Arrays, numbers and Tensors are stacked to a Tensor, containers are collated slot by slot, strings stay a list.

    Raises:
        TypeError: for items that cannot be stacked.
        ValueError: without items, or when they differ in shape, length or keys.

    >>> [images, labels] = default_collate([(np.zeros(3), 1), (np.ones(3), 0)])
    >>> images.shape, labels
    ((2, 3), tensor([1, 0]))
    """
    return _as_tensors(collate(batch))


def _integer(name: str, value: Any, least: int) -> int:
    """`value`, which must be an integer and at least `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected an int, got {type(value).__name__}") from None
    if number < least:
        raise ValueError(f"{name}: expected at least {least}, got {number}")
    return number


def _as_tensors(batch: Any) -> Any:
    """``batch`` with its arrays as Tensors."""
    return from_numpy(batch) if isinstance(batch, np.ndarray) else _mapped(_as_tensors, batch)


def _placed(batch: Any, device: Any) -> Any:
    """``batch`` with its Tensors on ``device``."""
    if device is None:
        return batch
    return batch.to(device) if isinstance(batch, Tensor) else _mapped(lambda part: _placed(part, device), batch)


def _mapped(f: Callable[[Any], Any], batch: Any) -> Any:
    """``f`` over what a plain container holds; anything else as it is."""
    if type(batch) in (tuple, list):
        return type(batch)(map(f, batch))
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*map(f, batch))
    return {key: f(value) for key, value in batch.items()} if type(batch) is dict else batch
