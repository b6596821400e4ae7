"""The loader: a dataset, batch by batch, in an order that can be drawn again."""

import copy
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._tensor import Tensor
from ..creation import from_numpy
from ..random import Generator, default_generator
from .dataset import Dataset, fetch


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

    Each ``iter(loader)`` is one epoch. When shuffling it draws one permutation, at its start, and nothing else. A
    loader without a ``generator`` makes its own, seeded by one draw from the default generator when the loader is made:
    the order then depends on `manual_seed`, but neither disturbs later draws (dropout) nor depends on them.

    Args:
        dataset: anything with ``len()`` and items: a `Dataset`, a list, an array.
        batch_size: items in a batch, at least 1.
        shuffle: a new random order each epoch.
        drop_last: leave out the last batch when it is smaller than the others.
        collate_fn: makes a batch from a list of items, in place of the stacking; what it returns is not converted.
        generator: where permutations are drawn from. Exact resuming wants one that nothing else draws from.
        device: where the batches' Tensors are put; None leaves them where they are made.

    Raises:
        TypeError: when ``dataset`` has no length or no items, or ``batch_size`` is no integer.
        ValueError: when ``batch_size`` is less than 1.

    >>> import tinygrad_lite
    >>> from tinygrad_lite.datasets import DataLoader, Digits
    >>> loader = DataLoader(Digits(), batch_size=64, shuffle=True, generator=tinygrad_lite.Generator(0))
    >>> len(loader)
    79
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
        *,
        drop_last: bool = False,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        generator: Generator | None = None,
        device: Any = None,
    ) -> None:
        if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
            kind = type(dataset).__name__
            raise TypeError(f"dataset: expected something with a length and items, got {kind} without them")
        try:
            size = operator.index(batch_size)
        except TypeError:
            raise TypeError(f"batch_size: expected an int, got {type(batch_size).__name__}") from None
        if size < 1:
            raise ValueError(f"batch_size: expected at least 1, got {size}")
        if generator is not None and not isinstance(generator, Generator):
            raise TypeError(f"generator: expected a tinygrad_lite.Generator, got {type(generator).__name__}; "
                            "make one from a seed, Generator(5)")
        if shuffle and generator is None:
            generator = Generator(int(default_generator().numpy.integers(2**63)))
        self.dataset = dataset
        self.batch_size = size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.collate_fn = collate_fn
        self.generator = generator
        self.device = device
        self._position: _Position | None = None  # of the epoch that was begun last, until it ends
        self._skip = 0  # batches that the next epoch leaves out: they were consumed before a resume

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        """Begin an epoch."""
        # Everything up to here happens now and not at the first next(): the draw has its place in the program's order.
        position = _Position(self._generator_state(), self._skip)
        self._position, self._skip = position, 0
        n = len(self.dataset)
        order = self.generator.numpy.permutation(n) if self.shuffle and self.generator else np.arange(n)
        return self._batches(order, position)

    def _batches(self, order: NDArray[np.int64], position: _Position) -> Iterator[Any]:
        for k in range(position.batches, len(self)):
            batch = self._batch(order[k * self.batch_size : (k + 1) * self.batch_size])
            position.batches = k + 1  # before the yield: whoever holds a batch has consumed it
            yield batch
        if self._position is position:
            self._position = None

    def _batch(self, indices: NDArray[np.int64]) -> Any:
        if self.collate_fn is not None:
            return _placed(self.collate_fn([self.dataset[i] for i in indices.tolist()]), self.device)
        return _placed(_as_tensors(fetch(self.dataset, indices)), self.device)

    def state_dict(self) -> dict[str, Any]:
        """Where this loader stands: what `load_state_dict` needs to go on with the very next batch.

        Returns:
            ``generator``, its state at the start of the running epoch (its present state between epochs; None without
            one); ``batches``, how many of the epoch's batches were handed out; and, to refuse a loader that does not
            fit, ``batch_size`` and ``samples``, the length of the dataset.

        An epoch left with ``break`` counts as running until the next one begins.
        """
        position = self._position or _Position(self._generator_state(), self._skip)
        return {
            "generator": copy.deepcopy(position.generator),
            "batches": position.batches,
            "batch_size": self.batch_size,
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
        for key in ("batch_size", "samples"):
            if state[key] != here[key]:
                raise ValueError(f"state: expected the {key} of this loader, {here[key]}, got {state[key]}")
        batches = state["batches"]
        if not isinstance(batches, int) or not 0 <= batches <= len(self):
            raise ValueError(f"state: expected batches to be an int in 0..{len(self)}, got {batches!r}")
        if (state["generator"] is None) != (self.generator is None):
            wanted, got = ("a", "none") if self.generator else ("no", "one")
            raise ValueError(f"state: expected {wanted} generator state for this loader, got {got}: shuffle differs")
        if self.generator is not None:
            self.generator.set_state(state["generator"])
        self._position, self._skip = None, batches

    def _generator_state(self) -> Any:
        return None if self.generator is None else self.generator.get_state()


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
    return {key: f(value) for key, value in batch.items()} if type(batch) is dict else batch
