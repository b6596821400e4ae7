"""The ops: each a function on arrays with its derivative right below it.  `operation.py` says how one is written."""

from .activation import log_softmax, relu, softmax
from .attention import attention
from .elementwise import abs, add, clamp, div, maximum, minimum, mul, neg, pow, sign, sub, where
from .functions import cos, exp, log, sigmoid, sin, sqrt, tanh
from .indexing import gather, getitem, index, index_add, index_put, put, scatter_add
from .linalg import contract, linear, matmul
from .logic import bitwise_and, bitwise_not, bitwise_or, eq, ge, gt, le, lt, ne, positive
from .loss import binary_cross_entropy_with_logits, cross_entropy, mse_loss
from .recurrent import gru_layer, lstm_layer, rnn_layer
from .reduce import amax, amin, argmax, argmin, logsumexp, mean, sum
from .shape import cat, clone, copy_to, expand, pad, permute, reshape, sum_to, to_device, to_dtype, transpose

__all__ = [
    "abs",
    "add",
    "amax",
    "amin",
    "argmax",
    "argmin",
    "attention",
    "binary_cross_entropy_with_logits",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "cat",
    "clamp",
    "clone",
    "contract",
    "copy_to",
    "cos",
    "cross_entropy",
    "div",
    "eq",
    "exp",
    "expand",
    "gather",
    "ge",
    "getitem",
    "gru_layer",
    "gt",
    "index",
    "index_add",
    "index_put",
    "le",
    "linear",
    "log",
    "log_softmax",
    "logsumexp",
    "lstm_layer",
    "lt",
    "matmul",
    "maximum",
    "mean",
    "minimum",
    "mse_loss",
    "mul",
    "ne",
    "neg",
    "pad",
    "permute",
    "positive",
    "pow",
    "put",
    "relu",
    "reshape",
    "rnn_layer",
    "scatter_add",
    "sigmoid",
    "sign",
    "sin",
    "softmax",
    "sqrt",
    "sub",
    "sum",
    "sum_to",
    "tanh",
    "to_device",
    "to_dtype",
    "transpose",
    "where",
]
