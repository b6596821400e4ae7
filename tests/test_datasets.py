"""Datasets: the digits are the real ones, and a batch is its items."""

import gzip
import hashlib
import itertools
import os
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import Generator, Tensor, from_numpy, manual_seed
from tinygrad_lite.datasets import (
    ConcatDataset,
    DataLoader,
    Dataset,
    Digits,
    Subset,
    TensorDataset,
    moons,
    random_split,
    spirals,
    transforms,
    xor,
)
from tinygrad_lite.datasets.dataset import ImageDataset, collate
from tinygrad_lite.datasets.make_digits import make_digits

DATA = files("tinygrad_lite.datasets") / "data"


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


def test_tensor_dataset() -> None:
    x, y = np.arange(12.0).reshape(6, 2), from_numpy(np.arange(6))
    data = TensorDataset(x, y)
    assert len(data) == 6
    assert [row.tolist() for row in data[-1]] == [[10.0, 11.0], 5]
    assert [rows.tolist() for rows in data[4:9]] == [[[8.0, 9.0], [10.0, 11.0]], [4, 5]]
    for bad in ((), (x, x[:3]), (np.array(1.0),)):
        with pytest.raises(ValueError, match="tensors: expected at least one, all with the same first dimension"):
            TensorDataset(*bad)


def test_a_subclass_with_items_of_its_own_gives_them_in_batches_too() -> None:
    class Doubled(TensorDataset):
        def __getitem__(self, index: Any, /) -> tuple[Tensor, ...]:
            return tuple(2 * row for row in super().__getitem__(index))

    class Both(Doubled):
        def batch(self, indices: Any, /) -> tuple[Tensor, ...]:
            return tuple(20 * rows for rows in super().batch(indices))

    rows = np.arange(3.0)
    for data, factor in ((Doubled(rows), 2), (Subset(Doubled(rows), range(3)), 2), (Both(rows), 20)):
        [[batch]] = DataLoader(data, batch_size=3)
        assert batch.tolist() == (factor * rows).tolist()


def test_a_batch_that_is_no_method_of_the_class_is_the_datasets_own_affair() -> None:
    class Numbers:
        def __init__(self) -> None:
            self.batch = 32

        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int, /) -> int:
            return index

    [batch] = DataLoader(Numbers(), batch_size=2)
    assert batch.tolist() == [0, 1]


def test_a_dataset_without_items_or_a_length_says_so() -> None:
    class Half(Dataset[int]):
        pass

    for read in (len, lambda data: data[0]):
        with pytest.raises(NotImplementedError, match="Half"):
            read(Half())  # type: ignore[abstract]


def test_named_tuples_stay_named() -> None:
    class Pair(NamedTuple):
        x: Any
        y: Any

    [batch] = DataLoader([Pair(1, np.zeros(2)), Pair(2, np.ones(2))], batch_size=2)
    assert type(batch) is Pair
    assert batch.x.tolist() == [1, 2]
    assert isinstance(batch.y, Tensor)


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


@pytest.mark.parametrize(("items", "dtype"), [
    ([1, 2.5], "float32"),
    ([True, 2], "int64"),
    ([True, False], "bool"),
    ([True, 2.5, 3], "float32"),
    ([1, np.float64(2.5)], "float64"),
    ([2.5, np.float64(2.5)], "float64"),
    ([np.float16(1), np.int64(3)], "float16"),
    ([np.float16(1), 2.5], "float32"),
    ([np.uint8(1), np.int8(3)], "int16"),
    ([np.uint8(1), 3], "int64"),
    ([np.ones(2, "int32"), np.ones(2, "float32")], "float32"),
    ([np.ones(2, "float32"), np.ones(2)], "float64"),
    ([np.array(1), tg.tensor(2.5)], "float32"),
    ([1, 2.5, tg.tensor(2)], "float32"),
    ([tg.ones(2), np.ones(2)], "float64"),
    ([tg.ones(2), tg.ones(2).double()], "float64"),
], ids=str)
def test_no_order_of_the_items_changes_the_dtype_of_a_batch(items: list[Any], dtype: str) -> None:
    for order in itertools.permutations(items):
        batches = [collate(order), collate([(item, "") for item in order])[0], collate([{"x": i} for i in order])["x"]]
        for batch in batches:
            assert batch.dtype == dtype
            assert np.array_equal(np.asarray(batch), [np.asarray(item) for item in order])


def test_floats_become_the_default_dtype() -> None:
    tg.set_default_dtype(tg.float64)
    try:
        assert collate([1, 0.1]).tolist() == [1, 0.1]
    finally:
        tg.set_default_dtype(tg.float32)


@pytest.mark.parametrize("items", [
    [1, None], [1, "a"], ["a", None], [(1, 2), np.ones(2)], [[1, 2], tg.ones(2)], [{"a": 1}, 1], [(1,), {0: 1}],
    [np.ones(2), None], [tg.ones(2), None], [tg.ones(2), object()], [1j, 1.0],
])
def test_no_order_makes_a_batch_of_what_does_not_go_together(items: list[Any]) -> None:
    for order in (items, items[::-1]):
        with pytest.raises(TypeError, match=r"^expected items of .*; pass a collate_fn that makes a batch of them$"):
            collate(order)


def test_collating_rejects_different_shapes_and_too_large_integers() -> None:
    for items in ([1.0, np.ones(2)], [np.ones(2), 1], [tg.ones(2), np.ones(3)], [tg.ones(1), tg.tensor(1.0)]):
        for order in (items, items[::-1]):
            with pytest.raises(ValueError) as caught:
                collate(order)
            assert "collate_fn" in caught.value.__notes__[-1]
    with pytest.raises(OverflowError):
        collate([2**63, -1])


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
    with pytest.raises(ValueError, match="lengths: expected fractions with the sum 1, none negative"):
        random_split(range(1), [-0.5, 1.5])  # rounded down and filled up this would be [0, 1]
    with pytest.raises(ValueError, match="lengths: expected none negative"):
        random_split(range(10), [11, -1])
    with pytest.raises(IndexError, match="indices: 3 is out of range for a dataset of 3 items"):
        Subset("abc", [0, 3])
    with pytest.raises(ValueError, match=r"indices: expected integers of shape \(n,\), got float64"):
        Subset("abc", [0.5])  # type: ignore[list-item]
    assert items(Subset("abc", [-1, 0])) == ["c", "a"]
    assert Subset("abc", [-1, 0]).indices.tolist() == [2, 0]  # a dataset need not count from the end
    assert items(Subset("abc", [])) == []
    with pytest.raises(ValueError, match="datasets: expected at least one"):
        ConcatDataset([])


def test_datasets_one_after_the_other() -> None:
    both = ConcatDataset([Subset(TEST_DIGITS, [3, 1]), [], [TEST_DIGITS[0]]])
    assert (len(both), both.cumulative_sizes) == (3, [2, 2, 3])
    assert [label for _, label in items(both)] == TEST_DIGITS.targets[[3, 1, 0]].tolist()
    assert both[-1][1] == both[2][1]
    with pytest.raises(IndexError, match="index 3 is out of range for ConcatDataset with 3 items"):
        both[3]


def test_coloured_images() -> None:
    images = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5)
    coloured = ImageDataset(images, np.array([1, 0]))
    image, label = coloured[1]
    assert (image.shape, label) == ((3, 4, 5), 0)
    assert np.array_equal(image, images[1] / np.float32(255))
    assert np.array_equal(coloured.batch([1])[0][0], image)
    assert repr(coloured) == "ImageDataset(2 images of 3 x 4 x 5)"
    with pytest.raises(TypeError, match="indices: expected a slice"):
        coloured.batch(1)  # type: ignore[arg-type]
    for bad in (images[0, 0], images.astype(np.float32)):
        with pytest.raises(ValueError, match=r"images: expected uint8 of shape \(N, H, W\) or \(N, C, H, W\), got"):
            ImageDataset(bad, np.array([1, 0]))  # type: ignore[arg-type]


def test_a_vectorized_target_transform_maps_all_labels_at_once() -> None:
    digits = Digits(train=False, target_transform=transforms.OneHot(10))
    labels = digits.batch([3, 1, 2])[1]
    assert (labels.shape, labels.dtype) == ((3, 10), np.float32)
    assert labels.argmax(1).tolist() == [0, 2, 1]
    assert np.array_equal(digits[3][1], labels[0])


# Synthetic sets


@pytest.mark.parametrize("dataset", [moons, spirals, xor])
def test_synthetic_sets(dataset: Callable[..., tuple[Tensor, Tensor]]) -> None:
    points, classes = dataset(101, noise=0.1, generator=Generator(3))
    assert (tuple(points.shape), points.numpy().dtype) == ((101, 2), np.float32)
    assert (tuple(classes.shape), classes.numpy().dtype) == ((101,), np.int64)
    assert set(classes.tolist()) == {0, 1}
    assert len(TensorDataset(points, classes)) == 101
    again = dataset(101, noise=0.1, generator=Generator(3))
    other = dataset(101, noise=0.1, generator=Generator(4))
    assert np.array_equal(points.numpy(), again[0].numpy())
    assert not np.array_equal(points.numpy(), other[0].numpy())
    manual_seed(3)
    assert np.array_equal(points.numpy(), dataset(101, noise=0.1)[0].numpy())
    clean = dataset(101, generator=Generator(3))[0].numpy()
    assert 0.05 < np.std(points.numpy() - clean) < 0.2
    assert len(dataset(0)[0]) == 0
    with pytest.raises(ValueError, match="n_samples: expected none negative, got -1"):
        dataset(-1)
    with pytest.raises(ValueError, match="noise: expected none negative"):
        dataset(5, noise=-0.1)


def test_where_the_synthetic_points_lie() -> None:
    points, classes = (part.numpy() for part in moons(200, shuffle=False))
    assert classes.tolist() == [0] * 100 + [1] * 100
    first, second = points[:100], points[100:]
    assert np.allclose(np.hypot(*first.T), 1, atol=1e-6)
    assert np.allclose(np.hypot(*(second - [1, 0.5]).T), 1, atol=1e-6)
    assert first[:, 1].min() > -1e-6
    assert second[:, 1].max() < 0.5 + 1e-6

    points, classes = (part.numpy() for part in spirals(31, classes=3, turns=0.5, shuffle=False))
    assert np.bincount(classes).tolist() == [11, 10, 10]
    radius, angle = np.hypot(*points.T), np.arctan2(*points.T[::-1])
    assert np.allclose(radius[:11], np.arange(1, 12) / 11)
    off = angle - 2 * np.pi * (0.5 * radius + classes / 3)
    assert np.allclose(np.cos(off), 1)
    with pytest.raises(ValueError, match="classes: expected at least 1, got 0"):
        spirals(5, classes=0)
