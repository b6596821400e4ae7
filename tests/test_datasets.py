"""Datasets: the digits are the real ones, damage never goes unseen, and an epoch is every item once, in an order that
can be drawn again."""

import contextlib
import gzip
import hashlib
import json
import os
import struct
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite
from tinygrad_lite import Generator, Tensor, from_numpy, manual_seed
from tinygrad_lite.datasets import MNIST, DataLoader, Digits, Subset, TensorDataset, random_split
from tinygrad_lite.datasets.dataset import ImageDataset, collate
from tinygrad_lite.datasets.make_digits import make_digits
from tinygrad_lite.datasets.mnist import data_folder, parse_idx

DATA = files("tinygrad_lite.datasets") / "data"


def idx(array: Any, *, shape: tuple[int, ...] | None = None, magic: bytes | None = None) -> bytes:
    """A gzipped idx file whose header may lie."""
    values = np.asarray(array, np.uint8)
    shape = values.shape if shape is None else shape
    magic = bytes([0, 0, 8, len(shape)]) if magic is None else magic
    return gzip.compress(magic + struct.pack(f">{len(shape)}I", *shape) + values.tobytes(), 1, mtime=0)


def flat(batches: Any) -> list[Any]:
    return [item for batch in batches for item in batch.tolist()]


def items(dataset: Any) -> list[Any]:
    return [dataset[i] for i in range(len(dataset))]


def array(value: Any) -> Any:
    return value.numpy() if isinstance(value, Tensor) else np.asarray(value)


TEST_DIGITS = Digits(train=False)


# The embedded digits


@pytest.mark.parametrize(
    ("train", "first", "histogram", "pixels", "labels"),
    [
        (
            True,
            [5, 0, 4, 1, 9, 2, 1, 3, 1, 4],
            [479, 563, 488, 493, 535, 434, 501, 550, 462, 495],
            "a853ca5da5c224d531837eaa3fe56ac036778bb2fdfad445143b5b7d4ec1c739",
            "4263f048ea43702387ef1c8494b59e785853c0410e9770600d50f541a6fee264",
        ),
        (
            False,
            [7, 2, 1, 0, 4, 1, 4, 9, 5, 9],
            [85, 126, 116, 107, 110, 87, 87, 99, 89, 94],
            "f8f3c5a608a9f7d4bd5e9d69b90c53932b8b99371d9db26121b42f62f3abcd56",
            "d14ba0a1a3818edefa35518ed001ece84b7ac0eabe9394551c73928493175d3f",
        ),
    ],
    ids=["train", "test"],
)
def test_digits_are_the_first_of_mnist(
    train: bool, first: list[int], histogram: list[int], pixels: str, labels: str
) -> None:
    """The digests are those of the official files' first images and labels, taken once from the official files."""
    digits = Digits(train=train)
    assert digits.images.shape == (len(digits), 28, 28) == (5000 if train else 1000, 28, 28)
    assert digits.images.dtype == np.uint8
    assert digits.targets.dtype == np.int64
    assert digits.targets[:10].tolist() == first
    assert np.bincount(digits.targets).tolist() == histogram
    assert hashlib.sha256(digits.images.tobytes()).hexdigest() == pixels
    assert hashlib.sha256(digits.targets.astype(np.uint8).tobytes()).hexdigest() == labels


def test_embedded_files_stay_under_a_million_bytes_and_have_their_notice() -> None:
    embedded = {file.name: file.read_bytes() for file in DATA.iterdir()}
    assert sum(map(len, embedded.values())) < 1_000_000
    notice = embedded.pop("NOTICE.md").decode()
    assert "CC-BY-SA-3.0" in notice
    assert all(hashlib.sha256(content).hexdigest() in notice for content in embedded.values())
    assert len(embedded) == 4


@pytest.mark.skipif(not os.environ.get("TINYGRAD_LITE_DATA"), reason="TINYGRAD_LITE_DATA names no official files")
def test_embedded_files_come_out_of_the_official_ones(tmp_path: Path) -> None:
    for made in make_digits(tmp_path):
        # Contents, since compressed bytes depend on the zlib at hand.
        assert gzip.decompress(made.read_bytes()) == gzip.decompress((DATA / made.name).read_bytes())


def test_a_damaged_embedded_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path)[:-1] + b"?")
    with pytest.raises(ValueError, match=r"digits-train-images.*damaged.*reinstall.*expected sha256 3e797.*found"):
        Digits()


def test_an_item_is_a_float_image_and_an_int() -> None:
    digits = Digits(train=False)
    image, label = digits[-1]
    assert type(image) is np.ndarray
    assert (image.shape, image.dtype) == ((1, 28, 28), np.float32)
    assert type(label) is int
    assert np.array_equal(image[0], digits.images[999] / np.float32(255))
    images, labels = digits.batch(slice(None))
    assert (images.shape, images.dtype, labels.dtype) == ((1000, 1, 28, 28), np.float32, np.int64)
    assert (images.min(), images.max()) == (0, 1)
    images[:] = labels[:] = 0  # a batch is a copy, even that of a slice
    assert digits.images.any()
    assert digits.targets.any()
    assert digits.images.flags.writeable  # one's own memory: a Tensor may share it


@given(st.lists(st.integers(-1000, 999), min_size=1, max_size=8))
def test_a_batch_is_its_items_collated(indices: list[int]) -> None:
    def shifted(image: Any) -> Any:
        return image - image.mean()

    def inverted(images: Any) -> Any:
        assert images.ndim == 4
        return from_numpy(1 - images)

    inverted.vectorized = True  # type: ignore[attr-defined]
    for transform in (None, shifted, inverted):
        digits = ImageDataset(
            TEST_DIGITS.images, TEST_DIGITS.targets, transform, transform and (lambda label: label % 2)
        )
        images, labels = digits.batch(indices)
        singly = [digits[i] for i in indices]
        assert np.array_equal(array(images), np.stack([array(image) for image, _ in singly]))
        assert labels.tolist() == [label for _, label in singly]
        assert np.array_equal(array(images), array(digits.batch(np.array(indices))[0]))


def test_indices_are_checked() -> None:
    with pytest.raises(IndexError, match="index 1000 is out of range for Digits with 1000 items"):
        TEST_DIGITS[1000]
    with pytest.raises(TypeError, match=r"index: expected an int, got slice; batch\(indices\) takes slices"):
        TEST_DIGITS[:3]  # type: ignore[index]
    with pytest.raises(IndexError, match="1000 is out of bounds"):
        TEST_DIGITS.batch([0, 1000])
    with pytest.raises(TypeError, match="indices: expected a slice or a one-dimensional"):
        TEST_DIGITS.batch(3)  # type: ignore[arg-type]
    assert len(TEST_DIGITS.batch([])[1]) == 0


def test_digits_refuse_a_train_that_is_no_bool() -> None:
    with pytest.raises(TypeError, match="train: expected True or False, got 'test'"):
        Digits("test")  # type: ignore[arg-type]


def test_a_vectorized_transform_must_keep_the_number_of_images() -> None:
    def first_only(images: Any) -> Any:
        return images[:1]

    first_only.vectorized = True  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="expected 2 results for as many, got 1"):
        Digits(train=False, transform=first_only).batch([0, 1])


# The official files


@pytest.fixture(scope="module")
def mnist_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up test set in the official layout: image i has the pixel i % 784 set to i % 256."""
    root = tmp_path_factory.mktemp("data")
    (root / "mnist").mkdir()
    i = np.arange(10_000)
    images = np.zeros((10_000, 784), np.uint8)
    images[i, i % 784] = i % 256
    (root / "mnist/t10k-images-idx3-ubyte.gz").write_bytes(idx(images.reshape(-1, 28, 28)))
    (root / "mnist/t10k-labels-idx1-ubyte.gz").write_bytes(idx(i % 10))
    return root


def test_mnist_reads_idx_files(mnist_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mnist = MNIST(mnist_root, train=False, target_transform=str)
    assert len(mnist) == 10_000
    assert mnist[1234][1] == "4"
    assert mnist.images.flags.writeable
    assert mnist.images[1234].ravel()[1234 % 784] == 1234 % 256
    monkeypatch.setenv("TINYGRAD_LITE_DATA", str(mnist_root))
    assert np.array_equal(MNIST(train=False).images, mnist.images)


def test_missing_files_say_what_to_do(mnist_root: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        MNIST(mnist_root)
    message = str(caught.value)
    for part in ("train-images-idx3-ubyte.gz, train-labels", str(mnist_root / "mnist"), "TINYGRAD_LITE_DATA", "Digits"):
        assert part in message


def test_the_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TINYGRAD_LITE_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    assert data_folder("elsewhere") == Path("elsewhere")
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


def test_a_label_that_is_no_digit_is_refused(mnist_root: Path, tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    name = "mnist/t10k-images-idx3-ubyte.gz"
    (tmp_path / name).write_bytes((mnist_root / name).read_bytes())
    labels = np.zeros(10_000)
    labels[77] = 10
    (tmp_path / "mnist/t10k-labels-idx1-ubyte.gz").write_bytes(idx(labels))
    with pytest.raises(ValueError, match=r"t10k-labels.*expected labels in 0..9, found 10 at position 77"):
        MNIST(tmp_path, train=False)


# The loader

SIZES: dict[str, Any] = {
    "n": st.integers(0, 40),
    "batch_size": st.integers(1, 12),
    "drop_last": st.booleans(),
    "seed": st.integers(0, 2**32),
}


@given(shuffle=st.booleans(), **SIZES)
def test_an_epoch_is_every_item_once(n: int, batch_size: int, drop_last: bool, seed: int, shuffle: bool) -> None:
    loader = DataLoader(range(n), batch_size, shuffle, drop_last=drop_last, generator=Generator(seed))
    for _ in range(2):
        batches = [batch.tolist() for batch in loader]
        assert len(batches) == len(loader)
        assert all(len(batch) == batch_size for batch in batches[: None if drop_last else -1])
        seen = [item for batch in batches for item in batch]
        assert len(seen) == (n - n % batch_size if drop_last else n)
        assert len(set(seen)) == len(seen)
        assert set(seen) <= set(range(n))
        assert shuffle or seen == list(range(len(seen)))


@given(**SIZES)
def test_the_order_is_one_permutation_per_epoch(n: int, batch_size: int, drop_last: bool, seed: int) -> None:
    loader = DataLoader(range(n), batch_size, True, drop_last=drop_last, generator=Generator(seed))
    expected = Generator(seed).numpy
    for _ in range(2):
        order = expected.permutation(n).tolist()
        assert flat(loader) == (order[: n - n % batch_size] if drop_last else order)


@given(shuffle=st.booleans(), data=st.data(), **SIZES)
def test_a_resumed_loader_gives_the_same_batches(
    n: int, batch_size: int, drop_last: bool, seed: int, shuffle: bool, data: st.DataObject
) -> None:
    def loader(seed: int) -> DataLoader:
        return DataLoader(range(n), batch_size, shuffle, drop_last=drop_last, generator=Generator(seed))

    whole = loader(seed)
    for _ in range(data.draw(st.integers(0, 2), "whole epochs")):
        list(whole)
    begun = data.draw(st.booleans(), "inside an epoch")
    running = iter(whole) if begun else iter(())
    for _ in range(data.draw(st.integers(0, len(whole) * begun), "batches consumed")):
        next(running)
    state = whole.state_dict()
    rest = ([flat(running)] if begun else []) + [flat(whole), flat(whole)]

    resumed = loader(seed + 1)
    resumed.load_state_dict(json.loads(json.dumps(state)))
    assert resumed.state_dict() == state
    assert [flat(resumed) for _ in rest] == rest


def test_the_state_of_an_epoch() -> None:
    loader = DataLoader(range(10), 4, shuffle=True, generator=Generator(0))
    start = loader.state_dict()
    assert start["batches"] == 0
    epoch = iter(loader)
    for k in (1, 2, 3):
        next(epoch)
        assert loader.state_dict() == start | {"batches": k}  # also inside the body of the last batch
    assert next(epoch, None) is None
    assert loader.state_dict()["batches"] == 0
    assert loader.state_dict()["generator"] != start["generator"]
    for _ in loader:
        break
    assert loader.state_dict()["batches"] == 1  # left with break: can still be resumed


def test_resuming_at_the_last_batch_gives_an_empty_rest() -> None:
    loader = DataLoader(range(4), 2)
    loader.load_state_dict(loader.state_dict() | {"batches": 2})
    assert flat(loader) == []
    assert flat(loader) == [0, 1, 2, 3]


def test_the_state_is_of_the_epoch_begun_last() -> None:
    loader = DataLoader(range(6), 2, shuffle=True, generator=Generator(1))
    first, second = zip(*zip(loader, loader, strict=True), strict=True)
    assert sorted(flat(first)) == sorted(flat(second)) == list(range(6))

    older, newer = iter(loader), iter(loader)
    next(newer)
    state = loader.state_dict()
    list(older)  # its end is not the end of the newer one
    assert loader.state_dict() == state
    list(newer)
    running = iter(loader)
    loader.load_state_dict(state)  # leaves the running epoch alone and forgets it
    next(running)
    assert loader.state_dict() == state


def test_a_state_is_a_snapshot() -> None:
    loader = DataLoader(range(6), 2, shuffle=True, generator=Generator(1))
    next(iter(loader))
    state = loader.state_dict()
    expected = json.dumps(state)
    loader.state_dict()["generator"].clear()
    list(loader)
    assert json.dumps(state) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra": 1}, "expected the keys .*'batches'.*, got .*'extra'"),
        ({"batch_size": 3}, "expected the batch_size of this loader, 2, got 3"),
        ({"samples": 11}, "expected the samples of this loader, 10, got 11"),
        ({"batches": 6}, r"expected batches to be an int in 0\.\.5, got 6"),
        ({"batches": "1"}, r"expected batches to be an int in 0\.\.5, got '1'"),
        ({"generator": None}, "expected a generator state for this loader, got none: shuffle differs"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    loader = DataLoader(range(10), 2, shuffle=True, generator=Generator(0))
    next(iter(loader))
    before = loader.state_dict()
    with pytest.raises(ValueError, match=f"^state: {message}"):
        loader.load_state_dict(before | change)
    assert loader.state_dict() == before


def test_a_loader_has_a_generator_of_its_own() -> None:
    """Draws elsewhere and the loader's do not touch each other; `manual_seed` before making it decides its order."""
    orders, draws = [], []
    for disturb in (False, True):
        manual_seed(3)
        loader = DataLoader(range(50), 50, shuffle=True)
        if disturb:
            tinygrad_lite.default_generator().numpy.random(5)
        else:
            draws = tinygrad_lite.default_generator().numpy.random(5).tolist()
        orders.append(flat(loader))
    assert orders[0] == orders[1] != list(range(50))

    manual_seed(3)
    list(DataLoader(range(50), shuffle=True))  # an epoch takes nothing from the default generator
    assert tinygrad_lite.default_generator().numpy.random(5).tolist() == draws

    manual_seed(3)
    before = tinygrad_lite.default_generator().numpy.random()
    manual_seed(3)
    list(DataLoader(range(50)))  # without shuffling nothing is drawn at all
    assert tinygrad_lite.default_generator().numpy.random() == before


def test_batches_of_digits_are_tensors() -> None:
    images, labels = next(iter(DataLoader(TEST_DIGITS, 64, device="cpu")))
    assert isinstance(images, Tensor)
    assert isinstance(labels, Tensor)
    assert (tuple(images.shape), tuple(labels.shape)) == ((64, 1, 28, 28), (64,))
    expected, classes = TEST_DIGITS.batch(slice(64))
    assert np.array_equal(images.numpy(), expected)
    assert np.array_equal(labels.numpy(), classes)
    assert (images.numpy().dtype, labels.numpy().dtype) == (np.float32, np.int64)


@pytest.mark.parametrize(
    "wrap",
    [lambda digits: Subset(digits, range(10)), lambda digits: [digits[i] for i in range(10)]],
    ids=["subset", "list"],
)
def test_any_sequence_gives_the_same_batches(wrap: Callable[[Digits], Any]) -> None:
    for k, (images, labels) in enumerate(DataLoader(wrap(TEST_DIGITS), 4)):
        expected = TEST_DIGITS.batch(range(10)[4 * k : 4 * k + 4])
        for batch, values in zip((images, labels), expected, strict=True):
            assert np.array_equal(batch.numpy(), values)
            assert batch.numpy().dtype == values.dtype


def test_device_is_where_every_batch_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[Any] = []
    monkeypatch.setattr(Tensor, "to", lambda tensor, device: moved.append((tensor.tolist(), device)))
    list(DataLoader([(1, {"a": 2})], device="there"))
    list(DataLoader([3], collate_fn=lambda batch: ("name", [from_numpy(np.array(batch))]), device="there"))
    assert moved == [([1], "there"), ([2], "there"), ([3], "there")]


def test_collate_fn_replaces_the_stacking() -> None:
    assert list(DataLoader(["a", "bc", "d"], 2, collate_fn="".join)) == ["abc", "d"]


def test_tensor_dataset() -> None:
    x, y = np.arange(12.0).reshape(6, 2), from_numpy(np.arange(6))
    data = TensorDataset(x, y)
    assert len(data) == 6
    assert [row.tolist() for row in data[-1]] == [[10.0, 11.0], 5]
    for rows, labels in DataLoader(data, 4, shuffle=True, generator=Generator(0)):
        assert np.array_equal(rows.numpy(), x[labels.numpy()])
        assert rows.numpy().dtype == np.float64
    for bad in ((), (x, x[:3]), (np.array(1.0),)):
        with pytest.raises(ValueError, match="tensors: expected at least one, all with the same first dimension"):
            TensorDataset(*bad)


def test_collate() -> None:
    one = {"x": 1.5, "y": (True, np.float64(2)), "name": "a"}
    batch = collate([one, one])
    assert batch["x"].dtype == np.float32
    assert [part.dtype for part in batch["y"]] == [np.bool_, np.float64]
    assert batch["name"] == ["a", "a"]
    tensors = [from_numpy(np.ones(3)), from_numpy(np.zeros(3))]
    assert collate(tensors).tolist() == [[1, 1, 1], [0, 0, 0]]
    with pytest.raises(TypeError, match="got object; pass a collate_fn"):
        collate([object()])
    with pytest.raises(ValueError, match="keys"):
        collate([{"a": 1}, {"b": 1}])
    with pytest.raises(ValueError, match="length 1"):
        collate([(1,), (1, 2)])
    with pytest.raises(ValueError, match="at least one item"):
        collate([])
    with pytest.raises(ValueError, match="same shape") as caught:
        collate([np.zeros(2), np.zeros(3)])
    assert "collate_fn" in caught.value.__notes__[0]


def test_loader_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="batch_size: expected at least 1, got 0"):
        DataLoader([1], 0)
    with pytest.raises(TypeError, match="batch_size: expected an int, got float"):
        DataLoader([1], 2.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="dataset: expected something with a length and items, got generator"):
        DataLoader(i for i in range(3))  # type: ignore[arg-type]


# Parts of datasets


@given(st.integers(1, 50), st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 2**32))
def test_random_split_cuts_without_overlap(n: int, weights: list[int], seed: int) -> None:
    fractions = [weight / sum(weights) for weight in weights]
    parts = random_split(range(n), fractions, Generator(seed))
    assert sorted(item for part in parts for item in items(part)) == list(range(n))
    assert all(abs(len(part) - n * fraction) <= 1 for part, fraction in zip(parts, fractions, strict=True))
    sizes = [len(part) for part in parts]
    again = random_split(range(n), sizes, Generator(seed))
    if sum(sizes) != 1:  # [1] is a fraction
        assert [items(part) for part in again] == [items(part) for part in parts]


def test_parts_check_their_arguments() -> None:
    with pytest.raises(ValueError, match="lengths: expected none negative and the sum 10, got"):
        random_split(range(10), [3, 8])
    with pytest.raises(ValueError, match="lengths: expected fractions with the sum 1"):
        random_split(range(10), [0.5, 0.6])
    with pytest.raises(ValueError, match="lengths: expected none negative"):
        random_split(range(10), [11, -1])
    with pytest.raises(IndexError, match="indices: 3 is out of range for a dataset of 3 items"):
        Subset("abc", [0, 3])
    with pytest.raises(ValueError, match=r"indices: expected integers of shape \(n,\), got float64"):
        Subset("abc", [0.5])  # type: ignore[list-item]
    assert items(Subset("abc", [-1, 0])) == ["c", "a"]
    assert Subset("abc", [-1, 0]).indices.tolist() == [2, 0]  # a dataset need not count from the end
    assert items(Subset("abc", [])) == []
