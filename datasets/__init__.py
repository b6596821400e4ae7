"""Datasets and the loader: where the numbers that a network learns from come in.

Importable as ``tinygrad_lite.datasets``. Names and meanings are those of ``torch.utils.data`` and ``torchvision``.
"""

from . import transforms
from .cifar import CIFAR10
from .dataset import ConcatDataset, Dataset, Subset, TensorDataset, random_split
from .digits import Digits
from .loader import DataLoader, default_collate
from .mnist import MNIST, FashionMNIST
from .sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from .synthetic import moons, spirals, xor

__all__ = [
    "CIFAR10",
    "MNIST",
    "BatchSampler",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "Digits",
    "FashionMNIST",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "default_collate",
    "moons",
    "random_split",
    "spirals",
    "transforms",
    "xor",
]
