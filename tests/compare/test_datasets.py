"""torch.utils.data: the same batches, parts and errors, from arguments of the same names in the same order."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch.utils.data

import tinygrad_lite as tg
from tinygrad_lite import datasets

from .pair import assert_same, attempt

ours = SimpleNamespace(**vars(datasets), new=tg.from_numpy)
theirs = SimpleNamespace(**vars(torch.utils.data), new=torch.from_numpy)


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_arguments_have_the_names_and_the_order() -> None:
    positional, keywords = parameters(theirs.DataLoader)[:9], parameters(theirs.DataLoader)[9:]
    assert parameters(ours.DataLoader)[:9] == positional
    assert set(parameters(ours.DataLoader)[9:]) - {"device"} <= set(keywords)
    for name in ("Subset", "ConcatDataset", "random_split", "SequentialSampler", "RandomSampler", "SubsetRandomSampler",
                 "WeightedRandomSampler", "BatchSampler", "default_collate"):
        assert parameters(getattr(ours, name)) == parameters(getattr(theirs, name))


ROWS = [(np.full((2, 3), float(i), np.float32), i, {"half": np.float64(i / 2), "name": f"item {i}"}) for i in range(7)]

LOADERS: list[dict[str, Any]] = [
    {},
    {"batch_size": 3},
    {"batch_size": 3, "drop_last": True},
    {"batch_size": 9, "drop_last": True},
    {"batch_size": 2, "sampler": [6, 1, 1, 0, 5]},
    {"batch_size": 2, "sampler": [6, 1, 1, 0, 5], "drop_last": True},
    {"batch_sampler": [[0, 3], [1], [6, 5, 4]]},
    {"batch_size": 0},
    {"batch_size": -1},
    {"batch_size": 2, "num_workers": -1},
    {"prefetch_factor": 2},
    {"batch_sampler": [[0]], "batch_size": 2},
    {"batch_sampler": [[0]], "shuffle": True},
    {"batch_sampler": [[0]], "sampler": [0]},
    {"batch_sampler": [[0]], "drop_last": True},
    {"sampler": [0], "shuffle": True},
    {"sampler": [7]},
]


@pytest.mark.parametrize("arguments", LOADERS, ids=repr)
def test_loaders(arguments: dict[str, Any]) -> None:
    def batches(library: Any) -> Any:
        loader = library.DataLoader(ROWS, **arguments)
        found = list(loader)
        assert len(found) == len(loader)
        slots = [(images, labels, extra["half"]) for images, labels, extra in found]
        return [*slots, [extra["name"] for _, _, extra in found]]

    assert_same(attempt(batches, ours), attempt(batches, theirs))


def test_a_shuffled_epoch_is_every_item_once() -> None:
    for library in (ours, theirs):
        batches = [batch.tolist() for batch in library.DataLoader(range(10), 4, shuffle=True)]
        assert [len(batch) for batch in batches] == [4, 4, 2]
        assert sorted(item for batch in batches for item in batch) == list(range(10))


def test_python_floats_are_float32_here() -> None:
    """PyTorch's loader makes them float64, unlike `torch.tensor`: ours stays with the rule of the library."""
    assert next(iter(ours.DataLoader([0.5]))).dtype == tg.float32
    assert next(iter(theirs.DataLoader([0.5]))).dtype == torch.float64


@pytest.mark.parametrize("total", [1, 2, 10, 11, 101])
@pytest.mark.parametrize(
    "lengths",
    [[0.5, 0.5], [0.9, 0.1], [1 / 3] * 3, [0.21, 0.33, 0.46], [1.0], [1, 0], [0, 1], [0.7, 0.2], [0.5, 0.6],
     [-0.5, 1.5], [10], [3, 7], [6, 5], [0, 10], [100, 1], []],
    ids=repr,
)  # fmt: skip
def test_random_split(total: int, lengths: list[float]) -> None:
    def sizes(library: Any) -> list[int]:
        parts = library.random_split(range(total), lengths)
        assert sorted(item for part in parts for item in part) == list(range(total))
        return [len(part) for part in parts]

    assert_same(attempt(sizes, ours), attempt(sizes, theirs))


def test_a_negative_length_is_refused_here() -> None:
    """PyTorch lets one through when the sum is right."""
    assert [len(part) for part in theirs.random_split(range(10), [11, -1])] != [11, -1]
    with pytest.raises(ValueError, match="none negative"):
        ours.random_split(range(10), [11, -1])


def test_parts_and_wholes() -> None:
    x, y = np.arange(12.0).reshape(6, 2), np.arange(6)

    def found(library: Any) -> Any:
        rows = library.TensorDataset(library.new(x), library.new(y))
        both = library.ConcatDataset([library.Subset(rows, [4, 0, 4]), rows])
        cases = [rows[0], rows[-1], both[0], both[2], both[3], both[-1], *library.DataLoader(both, 4)]
        return [*map(list, cases), len(rows), len(both), both.cumulative_sizes]

    assert_same(found(ours), found(theirs))


@pytest.mark.parametrize("index", [9, -10])
def test_an_index_out_of_range(index: int) -> None:
    """Always an IndexError here, as of a list; PyTorch has a ValueError for -10."""
    for library in (ours, theirs):
        with pytest.raises(IndexError if library is ours else (IndexError, ValueError)):
            library.ConcatDataset([[1, 2, 3], range(6)])[index]


def test_tensors_that_do_not_fit() -> None:
    def dataset(library: Any) -> Any:
        return library.TensorDataset(library.new(np.zeros(3)), library.new(np.zeros(4)))

    for library in (ours, theirs):  # PyTorch has an assert there
        assert isinstance(attempt(dataset, library), ValueError | AssertionError)


@pytest.mark.parametrize("make", [
    lambda data: data.SequentialSampler("abc"),
    lambda data: data.BatchSampler(range(7), 3, False),
    lambda data: data.BatchSampler(range(7), 3, True),
    lambda data: data.BatchSampler(range(7), 0, True),
    lambda data: data.BatchSampler(range(7), True, True),
    lambda data: data.BatchSampler(range(7), 2, 1),
    lambda data: data.WeightedRandomSampler([0, 0, 1], 4),
    lambda data: data.WeightedRandomSampler([0, 0, 1.0], 1, False),
    lambda data: data.WeightedRandomSampler([0.0, 1.0], 3, False),
    lambda data: data.WeightedRandomSampler([-1.0, 1.0], 3),
    lambda data: data.WeightedRandomSampler([[1.0]], 3),
    lambda data: data.WeightedRandomSampler([1.0], 0),
    lambda data: data.WeightedRandomSampler([1.0], 2.0),
    lambda data: data.RandomSampler([1], num_samples=0),
    lambda data: data.RandomSampler([1], num_samples=3),
    lambda data: data.RandomSampler([1], True, 3),
    lambda data: data.RandomSampler([1], 1),
    lambda data: data.RandomSampler([]),
    lambda data: data.SubsetRandomSampler([4]),
])
def test_samplers(make: Any) -> None:
    """Those of which only one outcome is possible, and errors."""
    def epoch(library: Any) -> Any:
        sampler = make(library)
        return len(sampler), list(sampler), list(sampler)

    assert_same(attempt(epoch, ours), attempt(epoch, theirs))
