"""Cut the embedded digits out of the official MNIST files: ``python -m tinygrad_lite.datasets.make_digits FOLDER``.

Reads the official files, which `MNIST` checks, and writes four files into FOLDER. Their contents depend on nothing
else; their compressed bytes also on the zlib that Python was built with (the committed ones are classic zlib's, level
9).
"""

import gzip
import hashlib
import io
import struct
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .digits import COUNTS
from .mnist import MNIST, names


def make_digits(folder: Path) -> list[Path]:
    """Write the embedded files into ``folder``.

    Raises:
        FileNotFoundError: when an official file is missing.
        ValueError: when one does not hold the official content.
    """
    written = []
    for train, count in COUNTS.items():
        mnist = MNIST(train=train, download=False)
        arrays = mnist.images[:count], mnist.targets[:count].astype(np.uint8)
        for name, array in zip(names(train), arrays, strict=True):
            written.append(folder / f"digits-{name}")
            written[-1].write_bytes(_gzipped_idx(array))
    return written


def _gzipped_idx(array: NDArray[np.uint8]) -> bytes:
    """A gzipped idx file, without name and time so that it is the same tomorrow."""
    file = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=file, mtime=0) as stream:
        stream.write(struct.pack(f">4B{array.ndim}I", 0, 0, 0x08, array.ndim, *array.shape) + array.tobytes())
    return file.getvalue()


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit("usage: python -m tinygrad_lite.datasets.make_digits FOLDER (an existing one)")
    for path in make_digits(Path(sys.argv[1])):
        print(f'    "{path.name}": "{hashlib.sha256(path.read_bytes()).hexdigest()}",')
