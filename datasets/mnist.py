"""MNIST and Fashion-MNIST from their official files.

Sources: Yann LeCun, Corinna Cortes, Christopher J. C. Burges, "The MNIST database of handwritten digits" (1998); Han
Xiao, Kashif Rasul, Roland Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms"
(2017).  The idx format: a big-endian header (two zero bytes, one for the type, one for the number of dimensions, then
four for each dimension), followed by the data.
"""

import gzip
import math
import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from .dataset import ImageDataset, Transform
from .download import download as download_file
from .storage import check_content, check_flag, data_folder, obtain, remedy_for_damage

SIDE: Final = 28
COUNTS: Final = {True: 60_000, False: 10_000}  # by `train`
_UNSIGNED_BYTE: Final = 0x08


class MNIST(ImageDataset):
    """The 70,000 handwritten digits: 60,000 to train with, 10,000 to test.

    ``dataset[i]`` is ``(image, label)``: a float32 NumPy array (1, 28, 28) with values in [0, 1], and an int in 0..9.
    ``dataset.batch(indices)`` fetches many at once: float32 (n, 1, 28, 28) and int64 (n,).
    The whole set is ``.images``, uint8 (N, 28, 28), and ``.targets``, int64 (N,).

    Args:
        root: the folder that holds ``mnist/train-images-idx3-ubyte.gz`` and its siblings. If None, the environment
            variable ``TINYGRAD_LITE_DATA``; if that is not set either, this platform's cache folder.
        train: the training files, or the test files.
        download: fetch what is missing, which needs the extra `data`: ``pip install "tinygrad-lite[data]"``.
        transform: maps one image; with an attribute ``vectorized = True``, a whole batch (see `ImageDataset`).
        target_transform: maps one label; with an attribute ``vectorized = True``, an int64 array of them.

    Raises:
        FileNotFoundError: when files are missing and `download` is False; says which, and where they are looked for.
        ConnectionError: when they cannot be downloaded; says also what to do without a network.
        ValueError: for a file that is damaged or not the official one; says what was expected and what was found.

    >>> from tinygrad_lite.datasets import MNIST
    >>> MNIST("an/empty/folder", download=False)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    FileNotFoundError: MNIST needs train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz in ...
    >>> image, label = MNIST(train=False)[0]  # doctest: +SKIP
    >>> image.shape, label  # doctest: +SKIP
    ((1, 28, 28), 7)
    """

    folder: ClassVar[str] = "mnist"
    mirrors: ClassVar[Sequence[str]] = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    # name -> sha256 of what is inside the gzip file. The wrapping differs between honest sources: Debian's package of
    # Fashion-MNIST, for one, holds the official files' very bytes except for the name and time in gzip's header.
    files: ClassVar[Mapping[str, str]] = {
        "train-images-idx3-ubyte.gz": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte.gz": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte.gz": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte.gz": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    }
    classes = tuple(f"{digit} - {name}" for digit, name in enumerate(
        "zero one two three four five six seven eight nine".split()))

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        train: bool = True,
        download: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        count = COUNTS[check_flag("train", train)]
        folder = data_folder(root) / self.folder
        by_hand = f"put {', '.join(self.files)} from {self.mirrors[0]} into {folder}"
        install = partial(self._install, folder) if check_flag("download", download) else None
        images, labels = obtain(type(self).__name__, folder, names(train), install, by_hand)
        with remedy_for_damage():
            super().__init__(
                parse_idx(images.read_bytes(), (count, SIDE, SIDE), images, self.files[images.name]).copy(),
                parse_labels(labels.read_bytes(), count, labels, self.files[labels.name]),
                transform,
                target_transform,
            )

    @classmethod
    def _install(cls, folder: Path, missing: list[str]) -> None:
        for name in missing:
            count = COUNTS[name.startswith("train")]
            shape = (count, SIDE, SIDE) if "images" in name else (count,)

            def check(path: Path, shape: tuple[int, ...] = shape, sha256: str = cls.files[name]) -> None:
                parse_idx(path.read_bytes(), shape, path.name, sha256)

            download_file([mirror + name for mirror in cls.mirrors], folder / name, check)


class FashionMNIST(MNIST):
    """70,000 grey pictures of clothes in 10 classes, in the format of MNIST: 60,000 to train with, 10,000 to test.

    ``dataset[i]`` is ``(image, label)``: a float32 NumPy array (1, 28, 28) with values in [0, 1], and an int in 0..9,
    whose name is ``dataset.classes[label]``.  Arguments and errors are those of `MNIST`; the files are looked for in
    ``fashion-mnist/``.

    >>> from tinygrad_lite.datasets import FashionMNIST
    >>> FashionMNIST.classes[9]
    'Ankle boot'
    """

    folder = "fashion-mnist"
    mirrors = (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    )
    files: ClassVar[Mapping[str, str]] = {
        "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    }
    classes = tuple("T-shirt/top|Trouser|Pullover|Dress|Coat|Sandal|Shirt|Sneaker|Bag|Ankle boot".split("|"))


def names(train: bool) -> tuple[str, str]:
    """The official names of the images' and the labels' file."""
    images, labels = [name for name in MNIST.files if name.startswith("train" if train else "t10k")]
    return images, labels


def parse_idx(
    content: bytes, shape: tuple[int, ...], name: str | os.PathLike[str], sha256: str | None = None
) -> NDArray[np.uint8]:
    """The array in a gzipped idx file of unsigned bytes, which must have exactly this shape.

    Args:
        content: the file's bytes.
        shape: what the header must say.
        name: the file's name, for errors.
        sha256: that of the decompressed content, if it is known.

    Returns:
        uint8 of ``shape``, read-only.

    Raises:
        ValueError: naming the file, what was expected and what was found, for anything else than such a file.

    >>> import gzip
    >>> parse_idx(gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4])), (3,), "labels.gz")
    array([5, 0, 4], dtype=uint8)
    """
    try:
        content = gzip.decompress(content)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{name}: expected a complete gzip file, found {len(content)} bytes that are not: {error}") \
            from error
    magic = bytes([0, 0, _UNSIGNED_BYTE, len(shape)])
    if content[:4] != magic:
        raise ValueError(f"{name}: expected the magic number 0x{magic.hex()} (unsigned bytes in {len(shape)} "
                         f"dimensions), found 0x{content[:4].hex()}")
    header = struct.pack(f">4s{len(shape)}I", magic, *shape)
    if len(content) < len(header):
        raise ValueError(f"{name}: expected a header of {len(header)} bytes, found {len(content)} bytes in all")
    if content[: len(header)] != header:
        found = struct.unpack(f">{len(shape)}I", content[4 : len(header)])
        raise ValueError(f"{name}: expected data of shape {shape}, found a header that says {found}")
    size = len(content) - len(header)
    if size != math.prod(shape):
        raise ValueError(f"{name}: expected {math.prod(shape)} bytes of data for shape {shape}, found {size}")
    if sha256 is not None:
        check_content(name, content, sha256)
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape)


def parse_labels(
    content: bytes, count: int, name: str | os.PathLike[str], sha256: str | None = None
) -> NDArray[np.int64]:
    """The labels, int64 (count,), in a gzipped idx file; ValueError also for a label that is no digit."""
    labels = parse_idx(content, (count,), name, sha256).astype(np.int64)
    if labels.max(initial=0) > 9:
        where = int(np.argmax(labels > 9))
        raise ValueError(f"{name}: expected labels in 0..9, found {labels[where]} at position {where}")
    return labels
