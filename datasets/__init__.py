"""Datasets and the loader: where the numbers that a network learns from come in.

Importable as ``tinygrad_lite.datasets``. Names and meanings are those of ``torch.utils.data`` and ``torchvision``.
"""

from .dataset import Dataset, Subset, TensorDataset, random_split
from .digits import Digits
from .loader import DataLoader
from .mnist import MNIST

__all__ = ["MNIST", "DataLoader", "Dataset", "Digits", "Subset", "TensorDataset", "random_split"]
