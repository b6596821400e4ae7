"""Small data sets in the official formats, and a server that gives them out, badly if so wished."""

import gzip
import hashlib
import io
import struct
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from tinygrad_lite.datasets import CIFAR10, MNIST

Answer = bytes | int | Callable[[BaseHTTPRequestHandler], None]


def idx(array: Any, *, shape: tuple[int, ...] | None = None, magic: bytes | None = None) -> bytes:
    """A gzipped idx file whose header may lie."""
    values = np.asarray(array, np.uint8)
    shape = values.shape if shape is None else shape
    magic = bytes([0, 0, 8, len(shape)]) if magic is None else magic
    return gzip.compress(magic + struct.pack(f">{len(shape)}I", *shape) + values.tobytes(), 1, mtime=0)


def toy_mnist() -> dict[str, bytes]:
    """A test set as MNIST's: image i has the pixel i % 784 set to i % 256, and the class i % 10."""
    i = np.arange(10_000)
    images = np.zeros((10_000, 784), np.uint8)
    images[i, i % 784] = i % 256
    return {"t10k-images-idx3-ubyte.gz": idx(images.reshape(-1, 28, 28)), "t10k-labels-idx1-ubyte.gz": idx(i % 10)}


def mnist_of(files: Mapping[str, bytes], *servers: str) -> type[MNIST]:
    """MNIST with other official files."""
    digests = {name: hashlib.sha256(gzip.decompress(content)).hexdigest() for name, content in files.items()}
    return type("MNIST", (MNIST,), {"files": {**MNIST.files, **digests}, "mirrors": servers or ("http://nowhere/",)})


def toy_cifar() -> dict[str, bytes]:
    """Two records a file: all pixels of channel c of image i of file f are 10 f + 3 i + c, the class is f + i."""
    files = {}
    for f, name in enumerate(CIFAR10.files):
        records = [bytes([f + i]) + b"".join(bytes([10 * f + 3 * i + c]) * 1024 for c in range(3)) for i in range(2)]
        files[name] = b"".join(records)
    return files


def archive_of(members: Mapping[str, bytes | str]) -> bytes:
    """A gzipped tar file; a str is the target of a symbolic link."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


def cifar_of(files: Mapping[str, bytes], archive: bytes, *servers: str) -> type[CIFAR10]:
    """CIFAR10 with other official files, of two records each."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    sha256 = hashlib.sha256(archive).hexdigest()
    mirrors = servers or ("http://nowhere/",)
    return type("CIFAR10", (CIFAR10,), {"files": digests, "sha256": sha256, "records": 2, "mirrors": mirrors})


class Server(ThreadingHTTPServer):
    """Answers by path: with bytes, with a status, or as a function does; with 404 to anything else."""

    daemon_threads = True

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = answers
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        path = self.path.lstrip("/")
        self.server.asked.append(path)
        answer = self.server.answers.get(path, 404)
        if callable(answer):
            answer(self)
        elif isinstance(answer, int):
            self.send_error(answer)
        else:
            give(self, answer)

    def log_message(self, *arguments: Any) -> None:
        pass


def give(handler: BaseHTTPRequestHandler, content: bytes, upto: int | None = None) -> None:
    """Promise the whole content, and send it up to a position."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[:upto])
    handler.wfile.flush()


@contextmanager
def serving(answers: Mapping[str, Answer]) -> Iterator[Server]:
    """A server on a port of its own."""
    with Server(answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
