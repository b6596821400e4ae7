"""The official files: read as they are meant, looked for where they should be, and damage never goes unseen."""

import contextlib
import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.toy_files import cifar_of, idx, mnist_of, toy_cifar, toy_mnist
from tinygrad_lite.datasets import CIFAR10, MNIST, FashionMNIST, transforms
from tinygrad_lite.datasets.cifar import parse_cifar
from tinygrad_lite.datasets.mnist import parse_idx, parse_labels
from tinygrad_lite.datasets.storage import data_folder

TOY = toy_mnist()
IMAGES, LABELS = TOY


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy files in the official layout."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "mnist").mkdir()
    for name, content in TOY.items():
        (folder / "mnist" / name).write_bytes(content)
    return folder


def test_mnist_reads_idx_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = mnist_of(TOY)
    mnist = toy(root, train=False, target_transform=str)
    assert len(mnist) == 10_000
    assert mnist[1234][1] == "4"
    assert mnist.classes[4] == "4 - four"
    assert mnist.images.flags.writeable
    assert mnist.images[1234].ravel()[1234 % 784] == 1234 % 256
    monkeypatch.setenv("TINYGRAD_LITE_DATA", str(root))
    assert np.array_equal(toy(train=False).images, mnist.images)


def test_other_wrappings_of_the_same_content_are_as_good(tmp_path: Path) -> None:
    """A gzip header with a name and a time, and another level of compression."""
    (tmp_path / "mnist").mkdir()
    for name, content in TOY.items():
        with gzip.GzipFile(tmp_path / "mnist" / name, "wb", compresslevel=2, mtime=1_500_000_000) as file:
            file.write(gzip.decompress(content))
        assert (tmp_path / "mnist" / name).read_bytes() != content
    assert len(mnist_of(TOY)(tmp_path, train=False, download=False)) == 10_000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (TOY[LABELS][:-9], "expected a complete gzip file, found .* bytes that are not"),
        (idx(np.zeros(9_999)), r"expected data of shape \(10000,\), found a header that says \(9999,\)"),
        (idx(np.ones(10_000)), "expected content with sha256 [0-9a-f]{64}, found [0-9a-f]{64}"),
    ],
    ids=["cut", "short", "other"],
)
def test_an_unexpected_file_in_the_cache_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / IMAGES).write_bytes(TOY[IMAGES])
    (tmp_path / "mnist" / LABELS).write_bytes(content)
    with pytest.raises(ValueError, match=f"{tmp_path}/mnist/{LABELS}: {message}") as caught:
        mnist_of(TOY)(tmp_path, train=False)
    assert caught.value.__notes__ == ["Delete the file to have it downloaded again."]
    assert (tmp_path / "mnist" / LABELS).read_bytes() == content  # it is the user's to delete


def test_cifar_reads_the_binary_version(tmp_path: Path) -> None:
    """The layout by hand: the class, then 1,024 bytes for each of red, green and blue, row by row."""
    record = bytearray(1 + 3 * 1024)
    record[0] = 6
    record[1 + 5 * 32 + 7] = 51  # red in row 5, column 7
    record[1 + 1024 + 5 * 32 + 7] = 102
    record[1 + 2048 + 31 * 32] = 255
    files = {"test_batch.bin": bytes(record) + bytes(3073)}
    (tmp_path / "cifar-10-batches-bin").mkdir()
    (tmp_path / "cifar-10-batches-bin/test_batch.bin").write_bytes(files["test_batch.bin"])
    cifar = cifar_of(files, b"")(tmp_path, train=False, download=False)
    image, label = cifar[0]
    assert (len(cifar), cifar.classes[label]) == (2, "frog")
    assert (image.dtype, image.shape) == (np.float32, (3, 32, 32))
    assert image[:, 5, 7].tolist() == [np.float32(0.2), np.float32(0.4), 0]
    assert image[2, 31, 0] == 1
    assert np.count_nonzero(image) == 3
    images, labels = cifar.batch([0, 1])
    assert np.array_equal(images[0], image)
    assert labels.tolist() == [6, 0]
    assert cifar.images.dtype == np.uint8
    assert cifar.targets.dtype == np.int64


def test_a_bad_cifar_file_says_what_is_wrong() -> None:
    name, content = next(iter(toy_cifar().items()))
    for bad in (content[:-1], content + b"x", b""):
        with pytest.raises(ValueError, match=f"^{name}: expected 6,146 bytes, 2 records, found {len(bad):,}$"):
            parse_cifar(bad, 2, name, "")
    with pytest.raises(ValueError, match=f"^{name}: expected content with sha256 0000, found "):
        parse_cifar(content, 2, name, "0000")


@pytest.mark.parametrize("dataset", [MNIST, FashionMNIST, CIFAR10])
def test_a_transform_at_its_place_in_torchvision_is_refused(dataset: type[MNIST | CIFAR10]) -> None:
    with pytest.raises(TypeError, match=r"download: expected True or False, got Flatten\(\)"):
        dataset("data", True, transforms.Flatten())  # type: ignore[arg-type]


@pytest.mark.parametrize("dataset", [MNIST, FashionMNIST, CIFAR10])
def test_a_train_that_is_no_bool_is_refused(dataset: type[MNIST | CIFAR10]) -> None:
    with pytest.raises(TypeError, match="train: expected True or False, got 'test'"):
        dataset("folder", "test")  # type: ignore[arg-type]


@pytest.mark.skipif(not os.environ.get("TINYGRAD_LITE_DATA"), reason="TINYGRAD_LITE_DATA names no official files")
@pytest.mark.parametrize(
    ("dataset", "train", "first"),
    [
        (MNIST, True, [5, 0, 4, 1, 9]),
        (MNIST, False, [7, 2, 1, 0, 4]),
        (FashionMNIST, True, [9, 0, 0, 3, 0]),
        (FashionMNIST, False, [9, 2, 1, 1, 6]),
        (CIFAR10, True, [6, 9, 9, 4, 1]),
        (CIFAR10, False, [3, 8, 8, 0, 6]),
    ],
)
def test_the_official_files(dataset: type[MNIST | CIFAR10], train: bool, first: list[int]) -> None:
    try:
        data = dataset(train=train, download=False)
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    assert data.targets[:5].tolist() == first
    assert len(data) == len(data.targets) == {False: 10_000, True: 50_000 if dataset is CIFAR10 else 60_000}[train]
    assert dataset is MNIST or set(np.bincount(data.targets)) == {len(data) // 10}


def test_the_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TINYGRAD_LITE_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    assert data_folder("elsewhere") == Path("elsewhere")
    assert data_folder("~/data") == Path.home() / "data"
    monkeypatch.setenv("TINYGRAD_LITE_DATA", "~/data")
    assert data_folder() == Path.home() / "data"
    monkeypatch.setenv("TINYGRAD_LITE_DATA", "")  # as good as not set
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    for platform, expected in {
        "linux": tmp_path / "xdg" / "tinygrad_lite",
        "darwin": Path.home() / "Library" / "Caches" / "tinygrad_lite",
        "win32": tmp_path / "local" / "tinygrad_lite" / "Cache",
    }.items():
        monkeypatch.setattr("sys.platform", platform)
        assert data_folder() == expected


GOOD = idx(np.arange(24).reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected the magic number 0x00000803 .*3 dimensions.*, found 0x$"),
        (b"plain text", "expected a complete gzip file, found 10 bytes that are not"),
        (GOOD[:-9], "expected a complete gzip file"),
        (GOOD + b"more", "expected a complete gzip file"),
        (GOOD[:-8] + bytes(8), "expected a complete gzip file.*CRC"),
        (idx(np.zeros(24)), "expected the magic number 0x00000803 .*, found 0x00000801"),
        (idx(np.zeros((2, 3, 4)), magic=b"\0\0\x0d\3"), "expected the magic number 0x00000803 .*, found 0x00000d03"),
        (gzip.compress(b"\0\0\x08\3\0"), "expected a header of 16 bytes, found 5"),
        (idx(np.zeros((3, 3, 4))), r"expected data of shape \(2, 3, 4\), found .*\(3, 3, 4\)"),
        (idx(np.zeros(23), shape=(2, 3, 4)), r"expected 24 bytes of data for shape \(2, 3, 4\), found 23"),
        (idx(np.zeros(25), shape=(2, 3, 4)), r"expected 24 bytes of data for shape \(2, 3, 4\), found 25"),
    ],
    ids=["empty", "text", "cut", "longer", "checksum", "labels", "floats", "header", "count", "short", "long"],
)
def test_a_bad_idx_file_says_what_is_wrong(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=f"^some/file.gz: {message}"):
        parse_idx(content, (2, 3, 4), "some/file.gz")


@given(st.data())
def test_no_flipped_bit_changes_a_value_unseen(data: st.DataObject) -> None:
    damaged = bytearray(GOOD)
    damaged[data.draw(st.integers(0, len(GOOD) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(ValueError):
        values = parse_idx(bytes(damaged), (2, 3, 4), "file")
        # Read all the same: gzip's header has fields without meaning for the content, such as the time.
        assert np.array_equal(values.ravel(), np.arange(24))


@given(st.binary(max_size=64), st.booleans())
def test_no_content_escapes_as_another_error(content: bytes, zipped: bool) -> None:
    with pytest.raises(ValueError, match=r"^file: expected"):
        parse_idx(gzip.compress(content) if zipped else content, (60_000, 28, 28), "file")


def test_a_label_that_is_no_digit_is_refused() -> None:
    labels = np.zeros(100)
    labels[77] = 10
    with pytest.raises(ValueError, match=r"^some labels: expected labels in 0..9, found 10 at position 77"):
        parse_labels(idx(labels), 100, "some labels")
