"""The loader: an epoch is every item once, in an order that can be drawn again, whatever threads help."""

import contextlib
import json
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite
from tinygrad_lite import Generator, Tensor, default_generator, from_numpy, get_rng_state, manual_seed, set_rng_state
from tinygrad_lite.datasets import (
    BatchSampler,
    DataLoader,
    Digits,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    transforms,
)

TEST_DIGITS = Digits(train=False)
SHIFTED = Digits(train=False, transform=transforms.RandomShift(2))


def flat(batches: Any) -> list[Any]:
    return [item for batch in batches for item in batch.tolist()]


class Drawing:
    """Items that are random draws, one by one."""

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int, /) -> float:
        if index >= 10:
            raise IndexError
        return index + default_generator().numpy.random()


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("DataLoader")]


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
        expected.integers(2**63)  # the epoch's seed
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
        ({"shuffle": False}, "expected the shuffle of this loader, True, got False"),
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


def test_a_collate_fn_may_leave_out_items_and_go_on_as_the_loader_would() -> None:
    def without_none(batch: list[Any]) -> Any:
        return default_collate([item for item in batch if item is not None])

    [[images, labels]] = DataLoader([(np.zeros(2), 1), None, (np.ones(2), 0)], 3, collate_fn=without_none)
    assert isinstance(images, Tensor)
    assert images.tolist() == [[0, 0], [1, 1]]
    assert labels.tolist() == [1, 0]


def test_collate_fn_replaces_the_stacking() -> None:
    assert list(DataLoader(["a", "bc", "d"], 2, collate_fn="".join)) == ["abc", "d"]


def test_loader_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="batch_size: expected at least 1, got 0"):
        DataLoader([1], 0)
    with pytest.raises(TypeError, match="batch_size: expected an int, got float"):
        DataLoader([1], 2.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="dataset: expected something with a length and items, got generator"):
        DataLoader(i for i in range(3))  # type: ignore[arg-type]


def test_tensor_datasets_are_loaded_row_by_row() -> None:
    x = np.arange(12.0).reshape(6, 2)
    for rows, labels in DataLoader(TensorDataset(x, np.arange(6)), 4, shuffle=True, generator=Generator(0)):
        assert np.array_equal(rows.numpy(), x[labels.numpy()])
        assert rows.numpy().dtype == np.float64


# Random draws while a batch is fetched


@pytest.mark.parametrize(
    "dataset", [Drawing(), Subset(SHIFTED, range(7, 107)), TensorDataset(np.arange(9))], ids=["items", "batch", "rows"]
)
@pytest.mark.parametrize("shuffle", [False, True])
def test_draws_do_not_depend_on_the_threads(dataset: Any, shuffle: bool) -> None:
    def epochs(workers: int) -> list[Any]:
        manual_seed(5)
        loader = DataLoader(dataset, 3, shuffle, num_workers=workers)
        return [[json.dumps(getattr(b, "tolist", lambda b=b: b[0].tolist())()) for b in loader] for _ in range(2)]

    alone = epochs(0)
    assert alone == epochs(1) == epochs(3)
    assert (alone[0] != alone[1]) == (shuffle or not isinstance(dataset, TensorDataset))  # each epoch draws anew


def test_draws_depend_on_the_seed_alone() -> None:
    def epoch(seed: int, disturb: int = 0) -> list[float]:
        manual_seed(seed)
        loader = DataLoader(Drawing(), 4)
        default_generator().numpy.random(disturb)
        return flat(loader)

    assert epoch(1) == epoch(1, disturb=3)
    assert epoch(1) != epoch(2)
    numbers = np.array(epoch(1)) % 1
    assert len(set(numbers)) == 10  # not the same draws in every batch


def test_fetching_disturbs_no_other_draws() -> None:
    manual_seed(7)
    expected = default_generator().numpy.random(2).tolist()
    manual_seed(7)
    assert [default_generator().numpy.random() for _ in DataLoader(Drawing(), 5)] == expected


def test_each_loader_draws_its_own_augmentations() -> None:
    """Two views of the same pictures, as contrastive learning wants them; each as it was after the same seed."""
    def epochs() -> list[list[float]]:
        manual_seed(3)
        loaders = [DataLoader(Drawing(), 4) for _ in range(4)]
        loaders += [DataLoader(Drawing(), 4, sampler=range(10)), DataLoader(Drawing(), 4, shuffle=True)]
        return [sorted(flat(loader)) for loader in [*loaders, DataLoader(Drawing(), 4)]]

    found = epochs()
    assert epochs() == found
    numbers = [number for epoch in found for number in epoch]
    assert len({*numbers}) == len(numbers)

    manual_seed(3)
    first = flat(DataLoader(Drawing(), 4))
    state = get_rng_state()
    assert flat(DataLoader(Drawing(), 4)) != first
    set_rng_state(state)
    assert flat(DataLoader(Drawing(), 4)) == first


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("consumed", [1, 5, 20])
def test_resuming_gives_the_identical_augmentation(workers: int, consumed: int) -> None:
    def loader(seed: int, workers: int) -> DataLoader:
        return DataLoader(SHIFTED, 50, shuffle=True, num_workers=workers, generator=Generator(seed))

    def rest(epochs: list[Any]) -> list[Any]:
        return [images.numpy().copy() for epoch in epochs for images, _ in epoch]

    whole = loader(0, workers)
    running = iter(whole)
    for _ in range(consumed):
        next(running)
    state = whole.state_dict()
    assert state["batches"] == consumed  # and not what the threads have fetched
    resumed = loader(1, 2 - workers)
    resumed.load_state_dict(json.loads(json.dumps(state)))
    expected, found = rest([running, whole]), rest([resumed, resumed])
    assert len(expected) == len(found) == 40 - consumed
    assert all(map(np.array_equal, expected, found))


# Threads


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_is_fetched_in_the_mode_of_who_iterates(workers: int) -> None:
    scale = tinygrad_lite.ones(3, requires_grad=True)

    class Scaled:
        def __len__(self) -> int:
            return 8

        def __getitem__(self, index: int, /) -> Any:
            return scale * index, np.geterr()["over"] == "raise"

    def epoch() -> list[tuple[bool, bool]]:
        return [(x.requires_grad, strict.all().item()) for x, strict in DataLoader(Scaled(), 2, num_workers=workers)]

    with tinygrad_lite.no_grad():
        assert epoch() == [(False, False)] * 4
    with np.errstate(over="raise"), tinygrad_lite.inference_mode():
        assert epoch() == [(False, True)] * 4
    assert epoch() == [(True, False)] * 4


@given(shuffle=st.booleans(), workers=st.integers(1, 4), factor=st.integers(1, 3), **SIZES)
def test_threads_change_nothing(
    n: int, batch_size: int, drop_last: bool, seed: int, shuffle: bool, workers: int, factor: int
) -> None:
    def batches(**threads: Any) -> list[Any]:
        loader = DataLoader(
            range(n), batch_size, shuffle, drop_last=drop_last, generator=Generator(seed), **threads)  # fmt: skip
        return [batch.tolist() for _ in range(2) for batch in loader]

    assert batches() == batches(num_workers=workers, prefetch_factor=factor)


def failing(index: int) -> int:
    if index == 5:
        raise OSError("unreadable item 5")
    return index


class Failing:
    def __len__(self) -> int:
        return 100

    def __getitem__(self, index: int, /) -> int:
        return failing(index)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_exception_comes_with_its_traceback_where_its_batch_would_have_come(workers: int) -> None:
    loader = DataLoader(Failing(), 2, num_workers=workers)
    epoch = iter(loader)
    assert [next(epoch).tolist(), next(epoch).tolist()] == [[0, 1], [2, 3]]
    with pytest.raises(OSError, match="unreadable item 5") as caught:
        next(epoch)
    assert "failing" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert not threads()
    assert loader.state_dict()["batches"] == 2


def test_leaving_an_epoch_stops_its_threads() -> None:
    loader = DataLoader(TEST_DIGITS, 10, num_workers=3)
    for _ in loader:
        assert len(threads()) == 3
        break
    assert not threads()
    epoch = iter(loader)
    next(epoch)
    del epoch
    assert not threads()
    with contextlib.suppress(KeyboardInterrupt):
        for _ in loader:
            raise KeyboardInterrupt
    assert not threads()
    assert len(list(loader)) == 100
    assert not threads()


def test_an_epoch_closed_by_its_own_thread_does_not_wait_for_itself() -> None:
    """As may happen to one that is garbage in a cycle: the collector runs in any thread."""
    ready, done = threading.Event(), threading.Event()
    outcome: list[Any] = []

    class Closing:
        def __len__(self) -> int:
            return 10

        def __getitem__(self, index: int, /) -> int:
            if index == 3:
                ready.wait(10)
                try:
                    outcome.append(epoch.close())  # type: ignore[attr-defined]
                except RuntimeError as error:
                    outcome.append(error)
                done.set()
            return index

    epoch = iter(DataLoader(Closing(), 1, num_workers=1, prefetch_factor=5))
    next(epoch)
    ready.set()
    assert done.wait(10)
    assert outcome == [None]


def test_threads_run_a_bounded_number_of_batches_ahead() -> None:
    fetched: list[int] = []

    class Noting:
        def __len__(self) -> int:
            return 100

        def __getitem__(self, index: int, /) -> int:
            fetched.append(index)
            return index

    epoch = iter(DataLoader(Noting(), 1, num_workers=2, prefetch_factor=3))
    for k in range(10):
        assert next(epoch).tolist() == [k]
        assert len(fetched) <= k + 1 + 6
    epoch.close()  # type: ignore[attr-defined]
    assert len(fetched) >= 10


# Samplers


class Reversed:
    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.n - 1, -1, -1))


class Random:
    """Two indices drawn with the default generator."""

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[int]:
        return iter(default_generator().numpy.integers(0, 1000, 2).tolist())


def test_a_sampler_chooses_the_items() -> None:
    loader = DataLoader(range(100, 110), 3, sampler=Reversed(5))
    assert len(loader) == 2
    assert [batch.tolist() for batch in loader] == [[104, 103, 102], [101, 100]]
    assert len(DataLoader(range(10), 3, sampler=Reversed(5), drop_last=True)) == 1


def test_a_batch_sampler_chooses_the_batches() -> None:
    loader = DataLoader(range(100, 110), batch_sampler=[[0, 3], [9], [1, 1, 1]], num_workers=2)
    assert (len(loader), loader.batch_size) == (3, None)
    assert [batch.tolist() for batch in loader] == [[100, 103], [109], [101, 101, 101]]


def test_random_samplers_draw_every_item_once_or_each_from_all() -> None:
    def draws(sampler: Any) -> list[Any]:
        found = list(sampler)
        assert len(found) == len(sampler)
        return found

    def seeded() -> Generator:
        return Generator(0)

    assert draws(SequentialSampler("abcd")) == [0, 1, 2, 3]
    for once in (RandomSampler(range(50), generator=seeded()), SubsetRandomSampler(range(50), seeded()),
                 WeightedRandomSampler([1.0] * 50, 50, replacement=False, generator=seeded())):
        first, second = draws(once), draws(once)
        assert sorted(first) == sorted(second) == list(range(50))
        assert first != second
    several = draws(RandomSampler(range(4), num_samples=10))
    assert sorted(several[:4]) == sorted(several[4:8]) == [0, 1, 2, 3]
    assert len({*several[8:]}) == 2
    assert len({*draws(RandomSampler(range(50), replacement=True, generator=seeded()))}) < 50
    assert sorted(draws(SubsetRandomSampler([7, 3]))) == [3, 7]
    weighted = draws(WeightedRandomSampler(np.array([0, 1, 3]), 4000, generator=seeded()))
    assert [weighted.count(i) / 4000 for i in range(3)] == pytest.approx([0, 0.25, 0.75], abs=0.03)
    assert list(BatchSampler([5, 6, 7], 2, drop_last=True)) == [[5, 6]]
    assert draws(BatchSampler([5, 6, 7], 2, drop_last=False)) == [[5, 6], [7]]


@pytest.mark.parametrize("sampler", [
    Random(), RandomSampler(range(1000), num_samples=3), WeightedRandomSampler(range(1000), 5)],
    ids=lambda sampler: type(sampler).__name__)
def test_a_sampler_that_draws_can_be_resumed(sampler: Any) -> None:
    loader = DataLoader(range(1000), sampler=sampler, generator=Generator(0))
    epoch = iter(loader)
    next(epoch)
    state = loader.state_dict()
    second, another = flat(epoch), flat(loader)
    resumed = DataLoader(range(1000), sampler=sampler, generator=Generator(1))
    resumed.load_state_dict(state)
    assert (flat(resumed), flat(resumed)) == (second, another)
    assert second != another


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler: excludes batch_size, shuffle, sampler and drop"),
        ({"batch_sampler": [[0]], "shuffle": True}, "batch_sampler: excludes"),
        ({"batch_sampler": [[0]], "sampler": [0]}, "batch_sampler: excludes"),
        ({"batch_sampler": [[0]], "drop_last": True}, "batch_sampler: excludes"),
        ({"sampler": [0], "shuffle": True}, "sampler: excludes shuffle"),
        ({"num_workers": -1}, "num_workers: expected at least 0, got -1"),
        ({"prefetch_factor": 2}, "prefetch_factor: expected None when num_workers is 0"),
        ({"prefetch_factor": 0, "num_workers": 1}, "prefetch_factor: expected at least 1, got 0"),
    ],
)
def test_arguments_that_exclude_each_other(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        DataLoader([1], **arguments)


def test_what_pytorch_has_and_threads_do_not_need_is_accepted() -> None:
    loader = DataLoader([1, 2, 3], 2, pin_memory=True, persistent_workers=True, num_workers=1)
    assert flat(loader) == [1, 2, 3]


def test_a_loader_shows_itself() -> None:
    loader = DataLoader(TEST_DIGITS, 64, shuffle=True, num_workers=2, drop_last=True)
    assert repr(loader) == (
        "DataLoader(Digits(1,000 images of 28 x 28), batch_size=64, shuffle=True, num_workers=2, drop_last=True): "
        "15 batches"
    )
