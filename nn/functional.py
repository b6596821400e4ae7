"""What layers compute, as functions of Tensors: `torch.nn.functional` in its names and arguments.

A function stands beside its module: `cross_entropy` in `nn/loss.py`, and so on.
"""

from __future__ import annotations

from ..ops import linear, mse_loss, sigmoid, tanh
from .activation import log_softmax, relu, softmax
from .attention import scaled_dot_product_attention
from .dropout import dropout
from .embedding import one_hot
from .loss import binary_cross_entropy_with_logits, cross_entropy
from .padding import pad

__all__ = [
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "dropout",
    "linear",
    "log_softmax",
    "mse_loss",
    "one_hot",
    "pad",
    "relu",
    "scaled_dot_product_attention",
    "sigmoid",
    "softmax",
    "tanh",
]
