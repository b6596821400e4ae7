"""Optimizers: how parameters follow their gradients.  Names, arguments and values are those of `torch.optim`."""

from .adam import Adam
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer"]
