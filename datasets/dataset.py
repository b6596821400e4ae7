"""What a dataset is, the datasets that need no file, and how single items become a batch.

A dataset has a length and items. One that can fetch many items at once says so with a method ``batch(indices)``: it
gives what collating ``[dataset[i] for i in indices]`` would give, only much faster, and the loader uses it. (A subclass
that overrides the items alone has another idea of them than the ``batch`` it inherits, which is then left aside.)
"""

import math
import operator
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._tensor import Tensor
from ..creation import as_tensor
from ..engine.dtypes import get_default_dtype, promote_types
from ..ops import cat
from ..random import Generator, default_generator

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # of checkers, which bring it along: `default` is new in Python 3.13

    Item_co = TypeVar("Item_co", covariant=True, default=Any)
else:
    from typing import TypeVar

    Item_co = TypeVar("Item_co", covariant=True)
Indices: TypeAlias = slice | Sequence[int] | NDArray[np.integer[Any]]
Transform: TypeAlias = Callable[[Any], Any]


class Dataset(Protocol[Item_co]):
    """Anything with a length and items: a list and an array are datasets too.

    >>> from tinygrad_lite.datasets import DataLoader
    >>> [batch.tolist() for batch in DataLoader([1, 2, 3], batch_size=2)]
    [[1, 2], [3]]
    """

    def __len__(self) -> int:
        """The number of items."""
        raise NotImplementedError(f"{type(self).__name__} is missing the method __len__")

    def __getitem__(self, index: int, /) -> Item_co:
        """Item ``index``, ``0 <= index < len(self)``; IndexError beyond."""
        raise NotImplementedError(f"{type(self).__name__} is missing the method __getitem__")


class ImageDataset:
    """Pictures and their classes, held in memory; C = 1 channel if they are grey, 3 if they are coloured.

    ``dataset[i]`` is ``(image, label)``: a float32 NumPy array of shape (C, H, W) with values in [0, 1], and an int.
    ``dataset.batch(indices)`` is ``(images, labels)``: float32 (n, C, H, W) and int64 (n,). Both are fresh copies.
    A subclass gives the classes' names as ``.classes``.

    Args:
        images: uint8 (N, H, W), or (N, C, H, W), kept as ``.images``.
        targets: int64 (N,), kept as ``.targets``.
        transform: maps one image (C, H, W), as in torchvision. One that carries ``vectorized = True`` maps a whole
            batch (n, C, H, W) to n results instead, and is always given a batch (of one for a single item): those of
            `tinygrad_lite.datasets.transforms` do.
        target_transform: maps one label (an int); one that carries ``vectorized = True`` maps int64 (n,) to n results.

    Raises:
        ValueError: when ``images`` and ``targets`` do not fit together.

    >>> from tinygrad_lite.datasets import Digits
    >>> def negative(images):
    ...     return 1 - images
    >>> negative.vectorized = True
    >>> images, labels = Digits(train=False, transform=negative).batch([3, 1, 2])
    >>> images.shape, images.dtype, float(images[0, 0, 0, 0]), labels
    ((3, 1, 28, 28), dtype('float32'), 1.0, array([0, 2, 1]))
    """

    classes: Sequence[str] = ()

    def __init__(
        self,
        images: NDArray[np.uint8],
        targets: NDArray[np.int64],
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        if images.ndim not in (3, 4) or images.dtype != np.uint8:
            raise ValueError(f"images: expected uint8 of shape (N, H, W) or (N, C, H, W), got {images.dtype} of shape "
                             f"{images.shape}")
        if targets.shape != images.shape[:1]:
            raise ValueError(f"targets: expected one for each of {len(images)} images, got shape {targets.shape}")
        self.images = images
        self.targets = targets
        self.transform = transform
        self.target_transform = target_transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int, /) -> tuple[Any, Any]:
        """``(image, label)``: float32 (C, H, W) in [0, 1] and an int, each through its transform."""
        i = _position(self, index)
        image = _transformed(self.transform, _in_unit_interval(self.images[i : i + 1]))[0]
        label = _transformed(self.target_transform, np.array(self.targets[i : i + 1]))[0]
        return image, int(label) if self.target_transform is None else label

    def batch(self, indices: Indices, /) -> tuple[Any, Any]:
        """``(images, labels)``: float32 (n, C, H, W) in [0, 1] and int64 (n,), through the transforms, if any.

        Args:
            indices: a slice, integers, or a boolean mask.

        Raises:
            IndexError: for an index out of range.
            TypeError: when ``indices`` does not choose a one-dimensional selection.
        """
        chosen = self.images[indices]
        if chosen.ndim != self.images.ndim:
            raise TypeError(f"indices: expected a slice or a one-dimensional sequence of integers, got {indices!r}")
        images = _transformed(self.transform, _in_unit_interval(chosen))
        labels = _transformed(self.target_transform, np.array(self.targets[indices]))
        return _collated(images), _collated(labels)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} images of {' x '.join(map(str, self.images.shape[1:]))})"


class TensorDataset:
    """Tensors that belong together row by row; item ``i`` is the tuple of their rows ``i``.

    Args:
        tensors: Tensors, or arrays (whose memory is shared), of any dtype, with equal first dimensions.

    Raises:
        ValueError: without any tensor, for a 0-d one, or when the first dimensions differ.

    >>> import numpy as np
    >>> from tinygrad_lite.datasets import TensorDataset
    >>> data = TensorDataset(np.arange(6.0).reshape(3, 2), np.array([0, 1, 0]))
    >>> [row.tolist() for row in data[1]]
    [[2.0, 3.0], 1]
    """

    def __init__(self, *tensors: Any) -> None:
        self.tensors: tuple[Tensor, ...] = tuple(as_tensor(tensor) for tensor in tensors)
        shapes = [tuple(tensor.shape) for tensor in self.tensors]
        if not shapes or not all(shapes) or len({shape[0] for shape in shapes}) != 1:
            raise ValueError(f"tensors: expected at least one, all with the same first dimension, got shapes {shapes}")

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])

    def __getitem__(self, index: int | slice, /) -> tuple[Tensor, ...]:
        """Row ``index`` of each tensor, or the rows of a slice."""
        i = index if isinstance(index, slice) else _position(self, index)
        return tuple(tensor[i] for tensor in self.tensors)

    def batch(self, indices: Indices, /) -> tuple[Tensor, ...]:
        """The rows at ``indices`` of each tensor."""
        return tuple(tensor[indices] for tensor in self.tensors)

    def __repr__(self) -> str:
        return f"TensorDataset({', '.join(str(tuple(tensor.shape)) for tensor in self.tensors)})"


class Subset:
    """Some items of a dataset, in the order of ``indices``.

    Args:
        dataset: where the items come from.
        indices: which, integers of shape (n,).

    Raises:
        ValueError: when ``indices`` is not one-dimensional or not of integers.
        IndexError: for an index out of range.

    >>> from tinygrad_lite.datasets import Subset
    >>> part = Subset("abcdef", [4, 0])
    >>> len(part), part[0]
    (2, 'e')
    """

    def __init__(self, dataset: Dataset[Any], indices: Sequence[int] | NDArray[np.integer[Any]]) -> None:
        chosen = np.asarray(indices)
        if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "iu"):
            raise ValueError(f"indices: expected integers of shape (n,), got {chosen.dtype} of shape {chosen.shape}")
        outside = chosen[(chosen < -len(dataset)) | (chosen >= len(dataset))]
        if outside.size:
            raise IndexError(f"indices: {outside[0]} is out of range for a dataset of {len(dataset)} items")
        self.dataset = dataset
        self.indices: NDArray[np.int64] = chosen.astype(np.int64) % max(len(dataset), 1)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int, /) -> Any:
        """Item ``indices[index]`` of the dataset."""
        return self.dataset[int(self.indices[_position(self, index)])]

    def batch(self, indices: Indices, /) -> Any:
        """The items at ``indices`` of this subset, collated."""
        return fetch(self.dataset, self.indices[indices])

    def __repr__(self) -> str:
        return f"Subset({len(self):,} of {self.dataset!r})"


class ConcatDataset:
    """Several datasets, one after the other.

    Args:
        datasets: those datasets, at least one; items of all kinds go into one batch, so they should look alike.

    Raises:
        ValueError: without any dataset.

    >>> from tinygrad_lite.datasets import ConcatDataset
    >>> both = ConcatDataset(["abc", "de"])
    >>> len(both), both[3], both.cumulative_sizes
    (5, 'd', [3, 5])
    """

    def __init__(self, datasets: Iterable[Dataset[Any]]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("datasets: expected at least one, got none")
        self.cumulative_sizes = list(accumulate(map(len, self.datasets)))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int, /) -> Any:
        """Item ``index``, counted through all datasets."""
        i = _position(self, index)
        k = bisect_right(self.cumulative_sizes, i)
        return self.datasets[k][i - self.cumulative_sizes[k - 1] if k else i]

    def __repr__(self) -> str:
        return f"ConcatDataset({self.datasets!r})"


def random_split(dataset: Dataset[Any], lengths: Sequence[float], generator: Generator | None = None) -> list[Subset]:
    """Cut a dataset at random into parts that share no item.

    Args:
        dataset: what to cut.
        lengths: the parts' sizes, integers with the sum ``len(dataset)``; or fractions with the sum 1, rounded down,
            what remains going to the first parts one by one.
        generator: where the one permutation is drawn from; the default generator if None.

    Raises:
        ValueError: for a negative length or a wrong sum.

    >>> from tinygrad_lite.datasets import Digits, random_split
    >>> train, held_out = random_split(Digits(), [0.9, 0.1])
    >>> len(train), len(held_out)
    (4500, 500)
    """
    total = len(dataset)
    sizes = [int(length) for length in lengths]
    if sizes != list(lengths) or (sum(sizes) == 1 != total):  # fractions, [1.0, 0.0] among them
        if not math.isclose(sum(lengths), 1) or min(lengths) < 0:
            raise ValueError(f"lengths: expected fractions with the sum 1, none negative, got {lengths} with the sum "
                             f"{sum(lengths)}")
        sizes = [math.floor(total * length) for length in lengths]
        for k in range(total - sum(sizes)):
            sizes[k % len(sizes)] += 1
    if sum(sizes) != total or min(sizes, default=0) < 0:
        raise ValueError(f"lengths: expected none negative and the sum {total}, got {lengths}")
    order = (default_generator() if generator is None else generator).numpy.permutation(total)
    return [Subset(dataset, part) for part in np.split(order, np.cumsum(sizes)[:-1])] if sizes else []


def fetch(dataset: Dataset[Any], indices: NDArray[np.int64]) -> Any:
    """The items at ``indices``, collated: at once where the dataset can, else one by one."""
    if _fetches_batches(type(dataset)):
        return dataset.batch(indices)  # type: ignore[attr-defined]
    return collate([dataset[i] for i in indices.tolist()])


def _fetches_batches(kind: type) -> bool:
    """Whether a class of datasets has a method ``batch`` that knows of its ``__getitem__``: not an older one's."""
    for ancestor in kind.__mro__:
        if "batch" in vars(ancestor):
            return True
        if "__getitem__" in vars(ancestor):
            return False
    return False


def collate(items: Sequence[Any]) -> Any:
    """One batch from a list of items: arrays, numbers and Tensors are stacked, containers are collated slot by slot.

    Each item has the dtype that `tensor(item)` has: Python floats the default one, float32 (PyTorch's
    ``default_collate`` makes them float64), ints int64, bools bool, and NumPy's numbers, arrays and Tensors their own.
    Where they differ the batch has PyTorch's common dtype, whichever item comes first. Strings stay a list.

    Raises:
        TypeError: for items that cannot be stacked, and for containers or strings among others.
        ValueError: without items, or when they differ in shape, length or keys.
    """
    if not items:
        raise ValueError("expected at least one item to make a batch of, got none")
    first = items[0]
    types = {*map(type, items)}
    kind, *others = {_kind(t) for t in types}
    if others:
        names = sorted(t.__name__ for t in types)
        raise TypeError(f"expected items of one kind, got {', '.join(names)}; "
                        "pass a collate_fn that makes a batch of them")
    if kind is str:
        return list(items)
    if kind is Mapping:
        if any(item.keys() != first.keys() for item in items):
            raise ValueError(f"expected items that all have the keys {list(first)}; pass a collate_fn if they differ")
        return {key: collate([item[key] for item in items]) for key in first}
    if kind is tuple:
        if any(len(item) != len(first) for item in items):
            raise ValueError(f"expected items that all have length {len(first)}; pass a collate_fn if they differ")
        slots = [collate(slot) for slot in zip(*items, strict=True)]
        named = hasattr(first, "_fields") and len(types) == 1
        return type(first)(*slots) if named else tuple(slots)
    python: dict[type, Any] = {float: get_default_dtype(), int: np.int64}
    arrays = [item if isinstance(item, Tensor) else np.asarray(item, python.get(type(item))) for item in items]
    dtypes = {array.dtype for array in arrays}
    if not all(dtype.kind in "biuf" for dtype in dtypes):
        odd = next(type(i).__name__ for i, array in zip(items, arrays, strict=True) if array.dtype.kind not in "biuf")
        raise TypeError(f"expected items of arrays, numbers, Tensors, tuples or dicts, got {odd}; "
                        "pass a collate_fn that makes a batch of them")
    try:
        if any(issubclass(t, Tensor) for t in types):
            return cat([as_tensor(array)[None] for array in arrays])
        return np.stack(arrays, dtype=reduce(promote_types, sorted(dtypes, key=str)))
    except ValueError as error:
        error.add_note("while collating the items of a batch; pass a collate_fn for items of different shapes")
        raise


def _kind(item: type) -> type | None:
    """What collating looks at: whether items are text, mappings, sequences, or (None) something to stack."""
    if issubclass(item, str | bytes):
        return str
    if issubclass(item, Mapping):
        return Mapping
    return tuple if issubclass(item, tuple | list) else None


def _collated(results: Any) -> Any:
    """What a transform made of a batch, as one array or Tensor."""
    return results if isinstance(results, np.ndarray | Tensor) else collate(results)


def _position(dataset: Any, index: int) -> int:
    """``index`` checked and counted from the front. IndexError is what ends a plain ``for item in dataset``."""
    try:
        i = operator.index(index)
    except TypeError:
        kind = type(index).__name__
        raise TypeError(f"index: expected an int, got {kind}; batch(indices) takes slices and arrays") from None
    n = len(dataset)
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of range for {type(dataset).__name__} with {n} items")
    return i % n


def _in_unit_interval(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 -> float32 (n, C, H, W); a division, not a product, for the very bits of torchvision."""
    pixels: NDArray[np.float32] = np.divide(images, 255, dtype=np.float32)
    return pixels if pixels.ndim == 4 else pixels[:, None]


def _transformed(transform: Transform | None, values: NDArray[Any]) -> Any:
    """The images or labels after the transform: n results in an array, in a Tensor, or in a list."""
    if transform is None:
        return values
    if not getattr(transform, "vectorized", False):
        return [transform(value if value.ndim else value.item()) for value in values]
    result = transform(values)
    if len(result) != len(values):
        raise ValueError(f"transform (vectorized): expected {len(values)} results for as many, got {len(result)}")
    return result
