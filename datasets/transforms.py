"""What is done to images and labels on their way into a batch.

Names and arguments are those of ``torchvision.transforms``.  The difference: each works on a whole batch at once, with
a random draw of its own for every image and no Python loop over them (``vectorized = True``, see `ImageDataset`).
Images are NumPy arrays, float32 (N, C, H, W); one image (C, H, W) works too and gives one image, and Tensors give
Tensors.  No transform changes what it is given.

Random transforms draw from the default generator.  Inside a `DataLoader` that is one of the batch's own, seeded from
the loader's generator, so that the same seed gives the same images with any number of threads and after resuming.

>>> import numpy as np
>>> from tinygrad_lite import Generator
>>> from tinygrad_lite.datasets import DataLoader, Digits
>>> augmented = Digits(transform=Compose([RandomShift(2), Normalize((0.1307,), (0.3081,))]))
>>> def first_batch(**options):
...     return next(iter(DataLoader(augmented, 64, shuffle=True, generator=Generator(0), **options)))[0].numpy()
>>> np.array_equal(first_batch(), first_batch(num_workers=2))
True
"""

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from .._tensor import Tensor
from ..creation import from_numpy
from ..random import default_generator
from .dataset import Transform, collate

Images = NDArray[np.floating[Any]]


class ImageTransform(ABC):
    """A transform of whole batches: what all below have in common."""

    vectorized: ClassVar[bool] = True

    def __call__(self, images: Images | Tensor) -> Any:
        """The transformed images: float (N, C, H, W), or one of them, (C, H, W).

        Raises:
            TypeError: for something else than a NumPy array, or a Tensor, of floats.
            ValueError: for an array with another number of dimensions.
        """
        if isinstance(images, Tensor):
            return from_numpy(self(images.numpy()))
        if not isinstance(images, np.ndarray) or images.dtype.kind != "f":
            kind = getattr(images, "dtype", type(images).__name__)
            raise TypeError(f"{self!r}: expected images as a NumPy array of floats, got {kind}")
        if images.ndim == 3:
            return self.batch(images[None])[0]
        if images.ndim != 4:
            raise ValueError(f"{self!r}: expected shape (N, C, H, W) or (C, H, W), got {images.shape}")
        return self.batch(images)

    @abstractmethod
    def batch(self, images: Images) -> Any:
        """The transformed images, from (N, C, H, W)."""

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if not name.startswith("_"))
        return f"{type(self).__name__}({settings})"


class Compose:
    """Several transforms, one after the other, for a batch (N, C, H, W), one image, or labels (N,).

    Of a batch, a transform that is not ``vectorized`` gets the images one by one, and its results are stacked again.
    Called with one image, as by a dataset of one's own, each transform gets that.

    >>> import numpy as np
    >>> Compose([Flatten(), lambda row: row[:5]])(np.ones((2, 1, 4, 4), np.float32)).shape
    (2, 5)
    """

    vectorized = True

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = list(transforms)

    def __call__(self, images: Any) -> Any:
        """The images after all transforms."""
        return self._applied(images, alone=getattr(images, "ndim", 3) in (2, 3))  # PIL's images have no ndim

    def _applied(self, images: Any, alone: bool) -> Any:
        for transform in self.transforms:
            if isinstance(transform, Compose):
                images = transform._applied(images, alone)
            elif alone or getattr(transform, "vectorized", False):
                images = transform(images)
            else:
                images = collate([transform(image) for image in images])
        return images

    def __repr__(self) -> str:
        return f"Compose({self.transforms!r})"


class ToTensor:
    """Images as Tensors; if they are pixels in 0..255, as floats in [0, 1] with the channels in front.

    output[n, c, y, x] = images[n, y, x, c] / 255: uint8 (N, H, W, C), (H, W, C) or (H, W), also of PIL, gives float32
    (N, C, H, W) or (C, H, W).  Floats stay as they are: the images of this library's datasets.

    Raises:
        TypeError: for pixels that are neither uint8 nor floats.
        ValueError: for an array with another number of dimensions.

    >>> import numpy as np
    >>> ToTensor()(np.full((2, 1, 3), 255, np.uint8))
    tensor([[[1.],
             [1.]],
    <BLANKLINE>
            [[1.],
             [1.]],
    <BLANKLINE>
            [[1.],
             [1.]]])
    """

    vectorized = True

    def __call__(self, images: ArrayLike) -> Tensor:
        """The images as a Tensor of floats."""
        pixels = np.asarray(images)
        if pixels.dtype.kind == "f":
            return from_numpy(pixels)
        if pixels.dtype != np.uint8:
            raise TypeError(f"{self!r}: expected images of uint8 or floats, got {pixels.dtype}")
        if pixels.ndim not in (2, 3, 4):
            raise ValueError(f"{self!r}: expected shape (N, H, W, C), (H, W, C) or (H, W), got {pixels.shape}")
        if pixels.ndim == 2:
            pixels = pixels[..., None]
        return from_numpy(np.moveaxis(pixels, -1, -3) / np.float32(255))

    def __repr__(self) -> str:
        return "ToTensor()"


class Normalize(ImageTransform):
    """output[n, c] = (images[n, c] − mean[c]) / std[c]: zero mean and unit variance for each channel.

    Args:
        mean: one for each channel, shape (C,), or one for all.
        std: the same, none of them 0.

    Raises:
        ValueError: for a ``std`` of 0; when called, for images with another number of channels.

    >>> import numpy as np
    >>> Normalize((0.5, 0.0), (0.5, 2.0))(np.ones((1, 2, 1, 1), np.float32)).ravel().tolist()
    [1.0, 0.5]
    """

    def __init__(self, mean: ArrayLike, std: ArrayLike) -> None:
        self.mean, self.std = mean, std
        self._mean, self._std = (np.array(value, np.float32).reshape(-1, 1, 1) for value in (mean, std))
        if not self._std.all():
            raise ValueError(f"std: expected none 0, got {std!r}")

    def batch(self, images: Images) -> Images:
        """(N, C, H, W) -> (N, C, H, W)."""
        result = images - self._mean
        if result.shape != images.shape:
            raise ValueError(f"{self!r}: expected images with {len(self._mean)} channels, got shape {images.shape}")
        result /= self._std
        return result


class Flatten(ImageTransform):
    """Each image as one row: (N, C, H, W) -> (N, C · H · W).

    >>> import numpy as np
    >>> Flatten()(np.zeros((2, 3, 4, 4), np.float32)).shape
    (2, 48)
    """

    def batch(self, images: Images) -> Images:
        """(N, C, H, W) -> (N, C * H * W)."""
        return images.reshape(len(images), math.prod(images.shape[1:]))


class RandomCrop(ImageTransform):
    """Of each image a window of the given size, at a place drawn uniformly from all that fit; padded before.

    output[n, c, y, x] = padded[n, c, y + top[n], x + left[n]], from (N, C, H, W) to (N, C, h, w).

    Args:
        size: (h, w), or one int for both.
        padding: pixels added on each side before: one int; (left and right, top and bottom); or (left, top, right,
            bottom). None and 0 add none.
        fill: the value of the added pixels, when they are constant.
        padding_mode: "constant", "edge", "reflect" (without repeating the border) or "symmetric" (repeating it).

    Raises:
        ValueError: for an unknown mode; when called, for images that are smaller than the window even when padded.

    >>> import numpy as np
    >>> RandomCrop(32, padding=4)(np.zeros((64, 3, 32, 32), np.float32)).shape
    (64, 3, 32, 32)
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        *,
        fill: float = 0.0,
        padding_mode: str = "constant",
    ) -> None:
        modes = ("constant", "edge", "reflect", "symmetric")
        if padding_mode not in modes:
            raise ValueError(f"padding_mode: expected one of {', '.join(modes)}, got {padding_mode!r}")
        self.size = _pair("size", size)
        sides = [padding or 0] * 4 if isinstance(padding, int | None) else list(padding)
        if len(sides) not in (2, 4) or min(sides) < 0:
            raise ValueError(f"padding: expected one, two or four non-negative integers, got {padding!r}")
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode
        left, top, right, bottom = sides if len(sides) == 4 else sides * 2
        self._sides = (top, bottom), (left, right)

    def batch(self, images: Images) -> Images:
        """(N, C, H, W) -> (N, C, h, w)."""
        padded = _padded(images, *self._sides, self.padding_mode, self.fill)
        room = [have - want for have, want in zip(padded.shape[2:], self.size, strict=True)]
        if min(room) < 0:
            raise ValueError(f"{self!r}: expected images at least as large as the window, got {padded.shape[2:]} with "
                             "the padding")
        draws = default_generator().numpy
        top, left = (draws.integers(0, most + 1, len(images)) for most in room)
        # A view with all windows of all images, of which one gather takes one window each: half the time of a loop over
        # the images, a sixth of indexing every pixel.
        windows = sliding_window_view(padded, self.size, axis=(2, 3))
        cropped: Images = windows[np.arange(len(images)), :, top, left]
        return cropped


class RandomShift(ImageTransform):
    """Each image moved by up to `max_shift` pixels in each direction, all shifts alike.

    output[n, c, y, x] = images[n, c, y + dy[n], x + dx[n]], and `fill` outside; dy, dx uniform in −m..m.

    Args:
        max_shift: m, the largest shift in pixels; or one for each direction, (vertical, horizontal).
        fill: the value of the pixels that come in from outside.

    Raises:
        ValueError: when ``max_shift`` is negative.

    >>> import numpy as np
    >>> from tinygrad_lite import manual_seed
    >>> _ = manual_seed(0)
    >>> RandomShift(1)(np.arange(9, dtype=np.float32).reshape(1, 3, 3)).shape
    (1, 3, 3)
    """

    def __init__(self, max_shift: int | Sequence[int], *, fill: float = 0.0) -> None:
        self.max_shift = max_shift
        self.fill = fill
        self._vertical, self._horizontal = _pair("max_shift", max_shift)

    def batch(self, images: Images) -> Images:
        """(N, C, H, W) -> (N, C, H, W)."""
        padding = (self._horizontal, self._vertical)
        return RandomCrop(images.shape[2:], padding, fill=self.fill).batch(images)


class RandomHorizontalFlip(ImageTransform):
    """Each image mirrored, left to right, with probability p: output[n, c, y, x] = images[n, c, y, W − 1 − x].

    Args:
        p: the probability.

    Raises:
        ValueError: when ``p`` is not in [0, 1].

    >>> import numpy as np
    >>> RandomHorizontalFlip(1.0)(np.arange(3.0).reshape(1, 1, 3)).tolist()
    [[[2.0, 1.0, 0.0]]]
    """

    def __init__(self, p: float = 0.5) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"p: expected a probability in [0, 1], got {p}")
        self.p = p

    def batch(self, images: Images) -> Images:
        """(N, C, H, W) -> (N, C, H, W)."""
        chosen = default_generator().numpy.random(len(images)) < self.p
        result = images.copy()
        result[chosen] = images[chosen, :, :, ::-1]
        return result


class OneHot:
    """Labels as rows of 0 with a single 1: output[n, k] = 1 if labels[n] = k else 0; float32 (n, num_classes).

    For ``target_transform``. One label, an int, gives one row, (num_classes,).

    Args:
        num_classes: K, how many classes there are.

    Raises:
        ValueError: when called, for a label that is not in 0..K − 1.

    >>> import numpy as np
    >>> OneHot(3)(np.array([2, 0])).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """

    vectorized = True

    def __init__(self, num_classes: int) -> None:
        self.num_classes = operator.index(num_classes)

    def __call__(self, labels: ArrayLike) -> NDArray[np.float32]:
        """int (n,) -> float32 (n, num_classes)."""
        rows = np.asarray(labels)
        if rows.dtype.kind not in "iu" or (rows.size and not 0 <= rows.min() <= rows.max() < self.num_classes):
            raise ValueError(f"{self!r}: expected integers in 0..{self.num_classes - 1}, got {labels!r}")
        result: NDArray[np.float32] = (rows[..., None] == np.arange(self.num_classes)).astype(np.float32)
        return result

    def __repr__(self) -> str:
        return f"OneHot(num_classes={self.num_classes})"


def _pair(name: str, value: int | Sequence[int]) -> tuple[int, int]:
    """`value` twice, or its two entries, none of them negative."""
    entries = (value, value) if isinstance(value, int) else tuple(value)
    if len(entries) != 2 or min(entries) < 0:
        raise ValueError(f"{name}: expected one or two non-negative integers, got {value!r}")
    return entries[0], entries[1]


def _padded(
    images: Images, vertical: tuple[int, int], horizontal: tuple[int, int], mode: str, fill: float
) -> Images:
    """The images (N, C, H, W) with more pixels on their four sides."""
    if mode != "constant":
        return np.pad(images, ((0, 0), (0, 0), vertical, horizontal), mode=mode)  # type: ignore[call-overload, no-any-return]
    # A third of the time of np.pad.
    (top, bottom), (left, right) = vertical, horizontal
    n, channels, height, width = images.shape
    result = np.full((n, channels, top + height + bottom, left + width + right), fill, images.dtype)
    result[:, :, top : top + height, left : left + width] = images
    return result
