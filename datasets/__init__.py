"""Datasets and the loader: where the numbers that a network learns from come in.

Importable as ``tinygrad_lite.datasets``. Names and meanings are those of ``torch.utils.data`` and ``torchvision``.
"""

from . import transforms
from .cifar import CIFAR10
from .dataset import ConcatDataset, Dataset, Subset, TensorDataset, random_split
from .digits import Digits
from .loader import DataLoader
from .mnist import MNIST, FashionMNIST
from .synthetic import moons, spirals, xor

__all__ = [
    "CIFAR10",
    "MNIST",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "Digits",
    "FashionMNIST",
    "Subset",
    "TensorDataset",
    "moons",
    "random_split",
    "spirals",
    "transforms",
    "xor",
]
