"""MNIST from its official files.

Source: Yann LeCun, Corinna Cortes, Christopher J. C. Burges, "The MNIST database of handwritten digits" (1998). The idx
format: a big-endian header (two zero bytes, one for the type, one for the number of dimensions, then four for each
dimension), followed by the data.
"""

import gzip
import math
import os
import struct
import sys
import zlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .dataset import ImageDataset, Transform

# name -> sha256 of the official file
FILES: Final = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
SIDE: Final = 28
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
        transform: maps one image; with an attribute ``vectorized = True``, a whole batch (see `ImageDataset`).
        target_transform: maps one label.

    Raises:
        FileNotFoundError: when files are missing; says which, and where they are looked for.
        ValueError: for a damaged file; says what was expected and what was found.

    >>> from tinygrad_lite.datasets import MNIST
    >>> MNIST("an/empty/folder")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    FileNotFoundError: MNIST needs train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz in ...
    >>> image, label = MNIST(train=False)[0]  # doctest: +SKIP
    >>> image.shape, label  # doctest: +SKIP
    ((1, 28, 28), 7)
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        count = 60_000 if check_train(train) else 10_000
        paths = _locate(names(train), data_folder(root) / "mnist")
        images, labels = (path.read_bytes() for path in paths)
        super().__init__(
            parse_idx(images, (count, SIDE, SIDE), paths[0]).copy(),
            parse_labels(labels, count, paths[1]),
            transform,
            target_transform,
        )


def names(train: bool) -> tuple[str, str]:
    """The official names of the images' and the labels' file."""
    images, labels = [name for name in FILES if name.startswith("train" if train else "t10k")]
    return images, labels


def check_train(train: bool) -> bool:
    """``train``, which must be a bool: MNIST("folder", "test") would quietly give the training files."""
    if not isinstance(train, bool):
        raise TypeError(f"train: expected True or False, got {train!r}")
    return train


def data_folder(root: str | os.PathLike[str] | None = None) -> Path:
    """Where data files live: ``root``, else ``$TINYGRAD_LITE_DATA``, else this platform's cache folder."""
    if root is not None:
        return Path(root)
    if chosen := os.environ.get("TINYGRAD_LITE_DATA"):
        return Path(chosen)
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "tinygrad_lite" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "tinygrad_lite"
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "tinygrad_lite"


def _locate(files: tuple[str, ...], folder: Path) -> list[Path]:
    """The files' paths, all there. (A download would fetch here what is missing, and check it against `FILES`.)"""
    if missing := [name for name in files if not (folder / name).is_file()]:
        raise FileNotFoundError(
            f"MNIST needs {', '.join(missing)} in {folder}. Put the four official files ({', '.join(FILES)}) into a "
            f"folder named mnist, and set TINYGRAD_LITE_DATA (or the argument root) to the folder that holds it. "
            f"tinygrad_lite.datasets.Digits needs no files."
        )
    return [folder / name for name in files]


def parse_idx(content: bytes, shape: tuple[int, ...], name: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """The array in a gzipped idx file of unsigned bytes, which must have exactly this shape.

    Args:
        content: the file's bytes.
        shape: what the header must say.
        name: the file's name, for errors.

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
            from error  # fmt: skip
    magic = bytes([0, 0, _UNSIGNED_BYTE, len(shape)])
    if content[:4] != magic:
        raise ValueError(f"{name}: expected the magic number 0x{magic.hex()} (unsigned bytes in {len(shape)} "
                         f"dimensions), found 0x{content[:4].hex()}")  # fmt: skip
    header = struct.pack(f">4s{len(shape)}I", magic, *shape)
    if len(content) < len(header):
        raise ValueError(f"{name}: expected a header of {len(header)} bytes, found {len(content)} bytes in all")
    if content[: len(header)] != header:
        found = struct.unpack(f">{len(shape)}I", content[4 : len(header)])
        raise ValueError(f"{name}: expected data of shape {shape}, found a header that says {found}")
    size = len(content) - len(header)
    if size != math.prod(shape):
        raise ValueError(f"{name}: expected {math.prod(shape)} bytes of data for shape {shape}, found {size}")
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape)


def parse_labels(content: bytes, count: int, name: str | os.PathLike[str]) -> NDArray[np.int64]:
    """The labels, int64 (count,), in a gzipped idx file; ValueError also for a label that is no digit."""
    labels = parse_idx(content, (count,), name).astype(np.int64)
    if labels.max(initial=0) > 9:
        where = int(np.argmax(labels > 9))
        raise ValueError(f"{name}: expected labels in 0..9, found {labels[where]} at position {where}")
    return labels
