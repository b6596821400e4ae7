"""CIFAR-10 from its official binary version.

Source: Alex Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009);
https://www.cs.toronto.edu/~kriz/cifar.html.  The binary version is read, never the Python version: that is a pickle,
which may run any code when it is read.  A record is one byte for the class, then 1,024 for each of red, green and blue,
row by row; a file is 10,000 records and nothing else.
"""

import math
import os
import tarfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from .dataset import ImageDataset, Transform
from .download import download as download_file
from .download import publish, workplace
from .storage import check_content, check_flag, data_folder, obtain, remedy_for_damage

SHAPE: Final = (3, 32, 32)


class CIFAR10(ImageDataset):
    """60,000 colour pictures of animals and vehicles in 10 classes: 50,000 to train with, 10,000 to test.

    ``dataset[i]`` is ``(image, label)``: a float32 NumPy array (3, 32, 32), red, green and blue with values in [0, 1],
    and an int in 0..9, whose name is ``dataset.classes[label]``.
    ``dataset.batch(indices)`` fetches many at once: float32 (n, 3, 32, 32) and int64 (n,).
    The whole set is ``.images``, uint8 (N, 3, 32, 32), and ``.targets``, int64 (N,).

    Args:
        root: the folder that holds ``cifar-10-batches-bin/data_batch_1.bin`` and its siblings. If None, the environment
            variable ``TINYGRAD_LITE_DATA``; if that is not set either, this platform's cache folder.
        train: the training files, or the test file.
        download: fetch the archive (170 MB, all files) if any is missing, which needs the extra `data`.
        transform: maps one image; with an attribute ``vectorized = True``, a whole batch (see `ImageDataset`).
        target_transform: maps one label; with an attribute ``vectorized = True``, an int64 array of them.

    Raises:
        FileNotFoundError: when files are missing and `download` is False; says which, and where they are looked for.
        ConnectionError: when they cannot be downloaded; says also what to do without a network.
        ValueError: for a file that is damaged or not the official one; says what was expected and what was found.

    >>> from tinygrad_lite.datasets import CIFAR10
    >>> CIFAR10("an/empty/folder", train=False, download=False)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    FileNotFoundError: CIFAR10 needs test_batch.bin in ...
    >>> CIFAR10.classes[6]
    'frog'
    """

    folder: ClassVar[str] = "cifar-10-batches-bin"
    archive: ClassVar[str] = "cifar-10-binary.tar.gz"
    sha256: ClassVar[str] = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
    mirrors: ClassVar[Sequence[str]] = ("https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/")
    records: ClassVar[int] = 10_000
    # name -> sha256
    files: ClassVar[Mapping[str, str]] = {
        "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
        "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
        "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
        "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
        "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
        "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
    }
    classes = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        train: bool = True,
        download: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        part = "data_batch" if check_flag("train", train) else "test_batch"
        folder = data_folder(root) / self.folder
        by_hand = f"unpack {self.mirrors[0]}{self.archive} in {folder.parent}"
        install = partial(self._install, folder) if check_flag("download", download) else None
        names = [name for name in self.files if name.startswith(part)]
        paths = obtain(type(self).__name__, folder, names, install, by_hand)
        images = np.empty((len(paths), self.records, *SHAPE), np.uint8)
        targets = np.empty((len(paths), self.records), np.int64)
        with remedy_for_damage():
            for k, path in enumerate(paths):
                images[k], targets[k] = parse_cifar(path.read_bytes(), self.records, path, self.files[path.name])
        super().__init__(images.reshape(-1, *SHAPE), targets.reshape(-1), transform, target_transform)

    @classmethod
    def _install(cls, folder: Path, missing: list[str]) -> None:
        """Take all files that are not there out of the archive, which is downloaded once and then dropped."""
        with workplace(folder) as temporary:
            archive = temporary / cls.archive
            urls = [mirror + cls.archive for mirror in cls.mirrors]
            download_file(urls, archive, lambda path: check_content(path.name, path.read_bytes(), cls.sha256))
            found = {name: False for name in cls.files if not (folder / name).is_file()}
            with tarfile.open(archive) as tar:
                for member in tar:
                    # The name is only compared with the few that are expected, and no path is ever made of it.
                    name = member.name.removeprefix(f"{cls.folder}/")
                    file = tar.extractfile(member) if name in found and member.isreg() else None
                    if file is None:
                        continue
                    content = file.read()
                    parse_cifar(content, cls.records, name, cls.files[name])
                    (temporary / name).write_bytes(content)
                    publish(temporary / name, folder / name)
                    found[name] = True
        if absent := [name for name in missing if not found[name]]:
            raise ValueError(f"{cls.archive}: expected it to hold {', '.join(absent)}, found no such files")


def parse_cifar(
    content: bytes, records: int, name: str | os.PathLike[str], sha256: str
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The images, uint8 (records, 3, 32, 32), and the classes, uint8 (records,), in a file of the binary version.

    Raises:
        ValueError: naming the file, what was expected and what was found, for anything else than that file.
    """
    size = records * (1 + math.prod(SHAPE))
    if len(content) != size:
        raise ValueError(f"{name}: expected {size:,} bytes, {records:,} records, found {len(content):,}")
    check_content(name, content, sha256)
    rows = np.frombuffer(content, np.uint8).reshape(records, -1)
    return rows[:, 1:].reshape(-1, *SHAPE), rows[:, 0]
