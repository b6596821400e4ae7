"""Real digits that come with the library: the first of MNIST's training and test images.

``data/NOTICE.md`` states source and licence. The files are gzipped idx as the official ones; ``make_digits.py`` cuts
them out of those.
"""

import hashlib
from importlib.resources import files
from typing import Final

from .dataset import ImageDataset, Transform
from .mnist import MNIST, SIDE, names, parse_idx, parse_labels
from .storage import check_flag

COUNTS: Final = {True: 5_000, False: 1_000}  # by ``train``

# name in data/ -> sha256 of the file
CHECKSUMS: Final = {
    "digits-train-images-idx3-ubyte.gz": "3e797bc30c5e1547405d8926e5283954163e4cd51ba8565e3dbfe8c166db7e1a",
    "digits-train-labels-idx1-ubyte.gz": "df0fdec1440045a98111fbaab6475855a4b3aaec01e012543057171fc9e074bf",
    "digits-t10k-images-idx3-ubyte.gz": "1107a88c1dcf1bde0925f29c9f47e943757cc4c8190862d72943ef6e4a638a2c",
    "digits-t10k-labels-idx1-ubyte.gz": "59f1210430c03405bf13b88e2855be7b6adbf45b16966f8f6bf11013873bf815",
}


class Digits(ImageDataset):
    """The first 5,000 training images or the first 1,000 test images of MNIST; needs no file and no network.

    ``dataset[i]`` is ``(image, label)``: a float32 NumPy array (1, 28, 28) with values in [0, 1], and an int in 0..9.
    ``dataset.batch(indices)`` fetches many at once: float32 (n, 1, 28, 28) and int64 (n,).
    The whole set is ``.images``, uint8 (N, 28, 28), and ``.targets``, int64 (N,).

    Args:
        train: the training images, or the test images.
        transform: maps one image; with an attribute ``vectorized = True``, a whole batch (see `ImageDataset`).
        target_transform: maps one label; with an attribute ``vectorized = True``, an int64 array of them.

    Raises:
        ValueError: when an embedded file is damaged.

    >>> from tinygrad_lite.datasets import Digits
    >>> digits = Digits()
    >>> image, label = digits[0]
    >>> image.shape, image.dtype, label
    ((1, 28, 28), dtype('float32'), 5)
    >>> len(digits), digits.targets[:5].tolist()
    (5000, [5, 0, 4, 1, 9])

    Source: the MNIST database, Yann LeCun, Corinna Cortes, Christopher J. C. Burges; CC BY-SA 3.0.
    """

    classes = MNIST.classes

    def __init__(
        self, train: bool = True, transform: Transform | None = None, target_transform: Transform | None = None
    ) -> None:
        count = COUNTS[check_flag("train", train)]
        images, labels = (f"digits-{name}" for name in names(train))
        super().__init__(
            parse_idx(_embedded(images), (count, SIDE, SIDE), images).copy(),
            parse_labels(_embedded(labels), count, labels),
            transform,
            target_transform,
        )


def _embedded(name: str) -> bytes:
    """An embedded file's bytes, which must be those that were released."""
    content = (files(__package__) / "data" / name).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != CHECKSUMS[name]:
        raise ValueError(f"{name}: this file of tinygrad-lite is damaged, please reinstall: expected sha256 "
                         f"{CHECKSUMS[name]}, found {found}")
    return content
