"""Random numbers: one generator per use, a default one per thread, and draws that observers know of.

The host's NumPy generator is the source of all randomness, on every backend: its state is small, portable, and what a
checkpoint needs.  For arrays on a device it seeds a generator of the device.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import compositions, ops
from .engine import backend, dtypes, graph
from .engine.call import wrap
from .engine.graph import live, mode


class Generator:
    """A source of random numbers (PCG64) with a state that can be saved.

    >>> import tinygrad_lite as tg
    >>> a, b = tg.Generator(0), tg.Generator(0)
    >>> bool((tg.rand(3, generator=a) == tg.rand(3, generator=b)).all())
    True
    """

    def __init__(self, seed: int | str | None = None, *, device: str = "cpu") -> None:
        """`device` is there for PyTorch's scripts, also as the first argument: one generator serves all devices."""
        if isinstance(seed, str):
            device, seed = seed, None
        backend.named(device)
        self._numpy: np.random.Generator = live(np.random.default_rng, seed)
        self._seed = seed

    @property
    def numpy(self) -> np.random.Generator:
        """The NumPy generator behind this one."""
        return self._numpy

    def manual_seed(self, seed: int) -> Generator:
        """Start the sequence that belongs to `seed`; return self."""
        if not isinstance(seed, (int, np.integer)) or seed < 0:
            raise ValueError(f"manual_seed: expected a non-negative integer, got {seed!r}")
        live(_restart, self._source, int(seed))
        self._seed = int(seed)
        return self

    def initial_seed(self) -> int | None:
        """The seed that the sequence started from; None if it was the system's entropy."""
        return self._seed

    def get_state(self) -> dict[str, Any]:
        """The state, as a dict of numbers and strings that JSON can hold."""
        return live(_state_of, self._source)  # type: ignore[no-any-return]

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state that `get_state` returned.

        Raises ValueError, before anything has changed, for something else.
        """
        trial = np.random.PCG64(0)
        try:
            trial.state = state  # type: ignore[assignment]
        except (TypeError, ValueError, KeyError) as error:
            raise ValueError(f"set_state: not the state of a Generator: {error}") from error
        live(_continue, self._source, state)

    def __deepcopy__(self, memo: Any) -> Generator:
        other = Generator()
        other.set_state(self.get_state())
        other._seed = self._seed
        return other

    @property
    def _source(self) -> Any:
        """The NumPy generator behind this one; None for the default one, which each replay of a captured step finds in
        its own thread."""
        return None if getattr(_default, "generator", None) is self else self._numpy


_default = threading.local()


def default_generator() -> Generator:
    """The generator of this thread, from which all draws come that name none."""
    if not hasattr(_default, "generator"):  # made late: NumPy loads its random module when it is first used, 10 ms
        before, mode.state = mode.state, True  # no observer takes it for a part of the step that happens to need it
        try:
            _default.generator = Generator(getattr(_default, "seed", None))
        finally:
            mode.state = before
    generator: Generator = _default.generator
    return generator


# What observers know as calls of the host's Python: a captured step seeds, saves, restores and draws anew.


def _numpy_of(source: Any) -> np.random.Generator:
    return default_generator().numpy if source is None else source


def _restart(source: Any, seed: int) -> None:
    _continue(source, np.random.PCG64(seed).state)


def _state_of(source: Any) -> dict[str, Any]:
    return copy.deepcopy(dict(_numpy_of(source).bit_generator.state))


def _continue(source: Any, state: Any) -> None:
    if source is None:
        _default.__dict__.pop("looks", None)
    _numpy_of(source).bit_generator.state = copy.deepcopy(state)


def _integers(source: Any, low: int, high: int, size: tuple[int, ...]) -> Any:
    return np.asarray(_numpy_of(source).integers(low, high, size))


def _permutation(source: Any, n: int) -> Any:
    return _numpy_of(source).permutation(n)


def _on_device(generator: np.random.Generator, where: backend.Backend) -> Any:
    """The generator to draw arrays of a backend from: this one, or one of the device seeded by this one."""
    if where is backend.numpy:
        return generator
    return where.module.random.default_rng(int(generator.integers(2**63)))


def _draw(kind: str, where: backend.Backend, shape: tuple[int, ...], dtype: Any, source: Any) -> Any:
    """One array of draws: "random" from U[0, 1) or "standard_normal".  float16 is drawn as float32."""
    generator = _on_device(_numpy_of(source), where)
    if dtype != dtypes.float16:
        return getattr(generator, kind)(shape, dtype)
    drawn = getattr(generator, kind)(shape, dtypes.float32)
    if kind == "random":  # rounded down to the multiples of 2 ** -11, as in PyTorch: to the nearest could give 1
        drawn = np.floor(drawn * 2048) / 2048
    drawn = drawn.astype(dtype)
    return np.asarray(drawn) if isinstance(drawn, np.generic) else drawn  # of no axes


def seed_beside() -> int:
    """A seed that this thread's default generator decides, although nothing is drawn from it: another one at each call.

    >>> import tinygrad_lite as tg
    >>> def seeds():
    ...     return [seed_beside(), seed_beside()]
    >>> _ = tg.manual_seed(0)
    >>> first = seeds()
    >>> _ = tg.manual_seed(0)
    >>> seeds() == first, first[0] == first[1]
    (True, False)
    """
    source = default_generator().numpy
    state = source.bit_generator.state["state"]["state"]
    before, times = getattr(_default, "looks", (None, 0))
    times = times + 1 if state == before else 0
    _default.looks = state, times
    seed = int(copy.deepcopy(source).integers(2**63))
    return seed if not times else int(np.random.default_rng((seed, times)).integers(2**63))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within, this thread's default generator is another one, which starts from `seed`; afterwards it is what it was.

    >>> import tinygrad_lite as tg
    >>> def draw():
    ...     with seeded(3):
    ...         return tg.rand(2).tolist()
    >>> draw() == draw() == tg.rand(2, generator=tg.Generator(3)).tolist()
    True
    """
    outside = dict(_default.__dict__)
    _default.__dict__.clear()
    _default.seed = seed  # the generator itself is made when something draws: that takes 15 us
    try:
        yield
    finally:
        _default.__dict__.clear()
        _default.__dict__.update(outside)


def manual_seed(seed: int) -> Generator:
    """Seed this thread's default generator; return it."""
    return default_generator().manual_seed(seed)


def get_rng_state() -> dict[str, Any]:
    """The state of this thread's default generator, for a checkpoint.

    >>> import tinygrad_lite as tg
    >>> state = tg.get_rng_state()
    >>> first = tg.rand(2)
    >>> tg.set_rng_state(state)
    >>> bool((tg.rand(2) == first).all())
    True
    """
    return default_generator().get_state()


def set_rng_state(new_state: dict[str, Any]) -> None:
    """Continue from what `get_rng_state` returned.

    Raises ValueError, before anything has changed, for something else.
    """
    default_generator().set_state(new_state)


def draw(kind: str, like: Any, shape: tuple[int, ...], dtype: Any, generator: Generator | None = None) -> Any:
    """A raw array of draws on the backend of the raw array `like`; made anew at each replay of a captured step."""
    return live(_draw, kind, backend.of(like), shape, dtype, generator and generator._source)


def integers(low: int, high: int, size: tuple[int, ...], generator: Generator | None) -> Any:
    """A raw array of integers from low to high - 1; made anew at each replay of a captured step."""
    return live(_integers, generator and generator._source, low, high, size)


def permutation(n: int, generator: Generator | None) -> Any:
    """A raw array of the numbers 0 to n - 1 in random order; made anew at each replay of a captured step."""
    return live(_permutation, generator and generator._source, n)


def normal(like: graph.Tensor, mean: float, std: float, generator: Generator | None) -> Any:
    """A Tensor of the shape and dtype of `like` with draws from N(mean, std ** 2)."""
    return _draw_like("standard_normal", like, generator) * std + mean


def uniform(like: graph.Tensor, low: float, high: float, generator: Generator | None) -> Any:
    """A Tensor of the shape and dtype of `like` with draws from U[low, high)."""
    return _draw_like("random", like, generator) * (high - low) + low


def _draw_like(kind: str, like: graph.Tensor, generator: Generator | None) -> Any:
    return wrap(draw(kind, like.array, like.array.shape, like.array.dtype, generator), None)


def bernoulli(input: Any, p: float | None = None, *, generator: Generator | None = None) -> Any:
    """1 with the probability that `input` says (or with probability `p` everywhere), else 0; in the dtype of `input`.

    Raises RuntimeError for a probability that is none, or probabilities of integer dtype.

    >>> import tinygrad_lite as tg
    >>> tg.bernoulli(tg.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    likely = input.array if p is None else np.asarray(p)
    if p is None and input.array.dtype.kind != "f":
        raise RuntimeError(f"bernoulli: expected floating probabilities, got {input.array.dtype}")
    live(_check_probabilities, likely)
    drawn = _uniform(input.array, input.array.shape, generator)
    return ops.to_dtype(ops.lt(drawn, input.detach() if p is None else p), input.array.dtype)


def _check_probabilities(array: Any) -> None:
    if not bool(((array >= 0) & (array <= 1)).all()):
        raise RuntimeError("bernoulli: expected probabilities between 0 and 1")


def _check_weights(array: Any) -> None:
    if not bool(((array >= 0) & (array < np.inf)).all()):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if not bool((array > 0).any(-1).all()):
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")


def multinomial(input: Any, num_samples: int, replacement: bool = False, *, generator: Generator | None = None) -> Any:
    """Indices drawn with the probabilities w_i / sum(w), from a vector of weights or from each row of a matrix; int64.

    Without replacement an index is drawn once at most: the first ones in the order of e_i / w_i, for draws e_i from the
    exponential distribution (Efraimidis and Spirakis, 2006).  Shapes: (n,) or (m, n); result (..., num_samples).
    Raises RuntimeError for weights that are negative, not finite or all 0, for more than n samples without replacement,
    and for a shape or dtype that is not the above.

    >>> import tinygrad_lite as tg
    >>> tg.multinomial(tg.tensor([0.0, 2.0, 0.0]), 3, replacement=True)
    tensor([1, 1, 1])
    """
    array = input.array
    if array.ndim not in (1, 2) or array.dtype.kind != "f" or num_samples <= 0:
        raise RuntimeError("multinomial: expected a vector or a matrix of floating weights and a positive number of "
                           f"samples, got {array.dtype} {array.shape} and {num_samples}")
    if not replacement and num_samples > array.shape[-1]:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    live(_check_weights, array)
    weights = ops.to_dtype(input.detach(), dtypes.float64)
    if replacement:
        ends = ops.cumsum(weights, -1)
        drawn = _uniform(weights.array, (*array.shape[:-1], num_samples), generator)
        return compositions.searchsorted(ends, drawn * ends[..., -1:], right=True)
    exponential = ops.neg(ops.log(1 - _uniform(weights.array, array.shape, generator)))  # 1 - U is never 0
    waiting = ops.where(weights > 0, exponential / ops.where(weights > 0, weights, 1.0), np.inf)
    return ops.argsort(waiting, -1)[..., :num_samples]


def _uniform(like: Any, shape: tuple[int, ...], generator: Generator | None) -> Any:
    """A float64 Tensor of draws from U[0, 1) on the device of a raw array."""
    return wrap(draw("random", like, shape, dtypes.float64, generator), None)
