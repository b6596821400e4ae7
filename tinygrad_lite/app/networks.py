"""Networks described in a few words: what `python -m tinygrad_lite train` can build."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from .. import nn

MODELS = ("cnn", "mlp", "neuron")
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "elu": nn.ELU, "gelu": nn.GELU, "silu": nn.SiLU,
    "softplus": nn.Softplus, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


def dense(sizes: Sequence[int], activation: str = "relu", dropout: float = 0.0) -> list[nn.Module]:
    """Linear layers of these sizes; an activation, and dropout if any, between two of them."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes[:-1]):
        layers += [nn.Linear(fan_in, fan_out), ACTIVATIONS[activation]()]
        layers += [nn.Dropout(dropout)] if dropout else []
    return [*layers, nn.Linear(sizes[-2], sizes[-1])]


def mlp(shape: Sequence[int], classes: int, hidden: Sequence[int], activation: str = "relu",
        dropout: float = 0.0) -> nn.Sequential:
    """A dense network on images of `shape`, with hidden layers of these sizes.

    >>> mlp((1, 28, 28), 10, (32,), "tanh")
    Sequential(
      (0): Flatten(start_dim=1, end_dim=-1)
      (1): Linear(in_features=784, out_features=32, bias=True)
      (2): Tanh()
      (3): Linear(in_features=32, out_features=10, bias=True)
    )
    """
    return nn.Sequential(nn.Flatten(), *dense([math.prod(shape), *hidden, classes], activation, dropout))


def cnn(shape: Sequence[int], classes: int, channels: Sequence[tuple[int, int]], kernel: int, hidden: Sequence[int],
        activation: str = "relu", dropout: float = 0.0, batch_norm: bool = False) -> nn.Sequential:
    """A convolutional network on images of `shape` (channels, height, width).

    Each of `channels` is a block (width, depth): `depth` convolutions of that many channels, which keep the size, then
    max pooling, which halves it.  Dense layers of the sizes `hidden` follow.

    Raises ValueError for a kernel larger than the images, and if the pooling leaves nothing of them.
    """
    deep, height, width = shape
    if kernel > max(height, width):
        raise ValueError(f"kernels of {kernel} x {kernel} are larger than images of {height} x {width}")
    layers: list[nn.Module] = []
    for wide, depth in channels:
        for _ in range(depth):
            # Batch normalisation has a bias of its own.
            layers += [nn.Conv2d(deep, wide, kernel, padding="same", bias=not batch_norm)]
            layers += [nn.BatchNorm2d(wide)] if batch_norm else []
            layers += [ACTIVATIONS[activation]()]
            deep = wide
        layers += [nn.MaxPool2d(2)]
        height, width = height // 2, width // 2
    if not height or not width:
        raise ValueError(f"{len(channels)} blocks of convolutions halve images of {shape[1]} x {shape[2]} to nothing; "
                         "describe fewer")
    return nn.Sequential(*layers, nn.Flatten(), *dense([deep * height * width, *hidden, classes], activation, dropout))


def neuron(shape: Sequence[int]) -> nn.Sequential:
    """A single neuron on all pixels; its score is positive for the images that it is to recognise."""
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), 1))
