"""Points in the plane that a line cannot separate, as many as one likes.

Each function gives ``(points, classes)``, Tensors of float32 (n, 2) and int64 (n,), ready for a network, a scatter plot
or ``TensorDataset(*moons(200))``.  Names and arguments follow scikit-learn's ``make_moons``; `generator` is where the
draws come from, the default generator if None.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._tensor import Tensor
from ..creation import from_numpy
from ..random import Generator, default_generator


def moons(
    n_samples: int = 100, *, shuffle: bool = True, noise: float = 0.0, generator: Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Two half circles that reach into each other.

    With t evenly spaced in [0, π], class 0 is (cos t, sin t) and class 1 is (1 − cos t, 1/2 − sin t), plus
    N(0, noise²) in each coordinate.

    Args:
        n_samples: how many points; class 1 has one more if the number is odd.
        shuffle: mix the classes; otherwise class 0 comes first.

    Raises:
        ValueError: when ``n_samples`` or ``noise`` is negative.

    >>> from tinygrad_lite import Generator
    >>> points, classes = moons(5, shuffle=False, generator=Generator(0))
    >>> points.shape, classes.tolist()
    ((5, 2), [0, 0, 1, 1, 1])

    Source: scikit-learn's ``make_moons``.
    """
    outer, inner = (np.linspace(0, math.pi, n) for n in _shares(n_samples, 2)[::-1])
    arms = [np.stack([np.cos(outer), np.sin(outer)], 1), np.stack([1 - np.cos(inner), 0.5 - np.sin(inner)], 1)]
    return _finished(arms, shuffle, noise, generator)


def spirals(
    n_samples: int = 100,
    *,
    classes: int = 2,
    turns: float = 1.0,
    shuffle: bool = True,
    noise: float = 0.0,
    generator: Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """The arms of a spiral, one for each class.

    With r evenly spaced in (0, 1], class k is r · (cos φ, sin φ) at φ = 2π (turns · r + k / classes), plus
    N(0, noise²) in each coordinate.

    Args:
        n_samples: how many points; the first classes have one more if they cannot share them evenly.
        classes: how many arms, at least 1.
        turns: how often each winds around the origin.
        shuffle: mix the classes; otherwise they come one after the other.

    Raises:
        ValueError: when ``n_samples`` or ``noise`` is negative, or ``classes`` less than 1.

    >>> from tinygrad_lite import Generator
    >>> points, labels = spirals(300, classes=3, noise=0.02, generator=Generator(0))
    >>> points.shape, [labels.tolist().count(k) for k in range(3)]
    ((300, 2), [100, 100, 100])

    Source: the spiral of Stanford's CS231n, "Neural Networks Case Study", with noise in the plane instead of the angle.
    """
    if classes < 1:
        raise ValueError(f"classes: expected at least 1, got {classes}")
    arms = []
    for k, n in enumerate(_shares(n_samples, classes)):
        r = np.arange(1, n + 1) / max(n, 1)
        angle = 2 * math.pi * (turns * r + k / classes)
        arms.append(r[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1))
    return _finished(arms, shuffle, noise, generator)


def xor(n_samples: int = 100, *, noise: float = 0.0, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
    """Points of the square [-1, 1]², whose class says whether their coordinates differ in sign.

    The points are uniform, the class is (x > 0) ≠ (y > 0), and only then N(0, noise²) is added to each coordinate.

    Raises:
        ValueError: when ``n_samples`` or ``noise`` is negative.

    >>> points, classes = xor(200)
    >>> bool(((points[:, 0] * points[:, 1] < 0) == (classes == 1)).all())
    True
    """
    draws = (generator or default_generator()).numpy
    points = draws.uniform(-1, 1, (sum(_shares(n_samples, 1)), 2)).astype(np.float32)
    positive = points > 0
    return _tensors(points, positive[:, 0] != positive[:, 1], noise, draws)


def _shares(n_samples: int, classes: int) -> list[int]:
    """How many points each class gets: equal shares, the first classes one more."""
    if n_samples < 0:
        raise ValueError(f"n_samples: expected none negative, got {n_samples}")
    return [(n_samples + classes - 1 - k) // classes for k in range(classes)]


def _finished(
    arms: list[NDArray[Any]], shuffle: bool, noise: float, generator: Generator | None
) -> tuple[Tensor, Tensor]:
    """The points of all classes, in random order if so wished, with noise."""
    draws = (generator or default_generator()).numpy
    points, labels = np.concatenate(arms), np.repeat(np.arange(len(arms)), [len(arm) for arm in arms])
    if shuffle:
        order = draws.permutation(len(points))
        points, labels = points[order], labels[order]
    return _tensors(points, labels, noise, draws)


def _tensors(
    points: NDArray[Any], labels: NDArray[Any], noise: float, draws: np.random.Generator
) -> tuple[Tensor, Tensor]:
    if noise < 0:
        raise ValueError(f"noise: expected none negative, got {noise}")
    if noise:
        points = points + noise * draws.standard_normal(points.shape)
    return from_numpy(points.astype(np.float32)), from_numpy(labels.astype(np.int64))
