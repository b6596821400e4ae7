"""tinygrad_lite: an autograd micro-framework on NumPy and CuPy that prints the derivation it executes.

A `Tensor` records how it was made; `backward()` derives the gradients; `explain` shows the equations; `capture` replays
a training step without overhead.  Names and semantics are PyTorch's.

>>> import tinygrad_lite as tg
>>> w = tg.tensor([1.0, 2.0], requires_grad=True)
>>> loss = ((w * 3 - 1) ** 2).mean()
>>> loss.backward()
>>> w.grad
tensor([ 6., 15.])
"""

from builtins import tuple as Size  # what `x.shape` is; PyTorch's name for it
from importlib import import_module as _import_module
from math import e, inf, nan, pi
from typing import TYPE_CHECKING

from . import autograd, cuda, linalg, nn, optim
from ._tensor import Tensor
from .autograd import enable_grad, inference_mode, no_grad, set_grad_enabled, value_and_grad
from .engine.backend import cuda_is_available
from .compositions import (
    absolute, add, addcdiv, addcmul, addmm, addmv, addr, all, allclose, aminmax, any, arccos, arccosh, arcsin, arcsinh,
    arctan, arctan2, arctanh, argsort, atleast_1d, atleast_2d, atleast_3d, baddbmm, block_diag, bmm, broadcast_tensors,
    broadcast_to, bucketize, cartesian_prod, cdist, chunk, clamp_max, clamp_min, clip, column_stack, combinations,
    concat, concatenate, copysign, corrcoef, count_nonzero, cov, cross, cumprod, deg2rad, diag, diag_embed, diagflat,
    diff, dist, div, divide, dot, dsplit, dstack, einsum, equal, fix, flatten, flip, fliplr, flipud, float_power, fmax,
    fmin, frac, ger, greater, greater_equal, heaviside, histc, hsplit, hstack, index_add, index_copy, index_fill,
    index_put, index_select, inner, inverse, is_floating_point, is_tensor, isin, isnan, isneginf, isposinf, kron,
    kthvalue, lerp, less, less_equal, log_softmax, logdet, logit, masked_fill, masked_scatter, masked_select,
    matrix_power, max, median, meshgrid, min, mm, moveaxis, movedim, msort, multiply, mv, nanmean, nansum, narrow,
    negative, nonzero, norm, not_equal, numel, outer, positive, put, quantile, rad2deg, ravel, repeat_interleave, rot90,
    scatter, scatter_add, searchsorted, select, sgn, softmax, sort, split, square, squeeze, stack, std, std_mean, sub,
    subtract, swapaxes, swapdims, t, take, take_along_dim, tensor_split, tensordot, tile, topk, trapezoid, trapz,
    true_divide, unbind, unflatten, unique, unsqueeze, var, var_mean, vdot, vsplit, vstack, where,
)
from .creation import (
    arange, as_tensor, empty, empty_like, eye, from_dlpack, from_numpy, full, full_like, linspace, logspace, normal,
    ones, ones_like, rand, rand_like, randint, randint_like, randn, randn_like, randperm, tensor, tril_indices,
    triu_indices, zeros, zeros_like,
)
from .engine.devices import device
from .engine.dtypes import (
    bool_ as bool, double, finfo, float16, float32, float64, float_ as float, get_default_dtype, half, iinfo, int8,
    int16, int32, int64, int_ as int, long, promote_types, set_default_dtype, short, uint8,
)
from .engine.graph import is_grad_enabled
from .linalg import slogdet
from .nn.functional import (
    adaptive_avg_pool1d, avg_pool1d, celu, conv1d, conv2d, conv_transpose1d, conv_transpose2d, cosine_similarity,
    dropout, group_norm, hardshrink, layer_norm, max_pool1d, max_pool2d, pairwise_distance, pixel_shuffle,
    pixel_unshuffle, prelu, rms_norm, selu, threshold,
)
from .engine.operation import op
from .ops import (
    abs, acos, acosh, amax, amin, argmax, argmin, argwhere, asin, asinh, atan, atan2, atanh, bincount, bitwise_and,
    bitwise_left_shift, bitwise_not, bitwise_or, bitwise_right_shift, bitwise_xor, cat, ceil, clamp, clone, cos, cosh,
    cumsum, det, diagonal, eq, erf, exp, exp2, expm1, floor, floor_divide, fmod, gather, ge, gt, hypot, isclose,
    isfinite, isinf, le, log, log1p, log2, log10, logaddexp, logical_and, logical_not, logical_or, logical_xor,
    logsumexp, lt, matmul, maximum, mean, minimum, mul, nan_to_num, ne, neg, permute, pow, prod, reciprocal, relu,
    remainder, reshape, roll, round, rsqrt, sigmoid, sign, signbit, sin, sinh, sqrt, sum, tan, tanh, transpose, tril,
    triu, trunc, xlogy,
)
from .random import Generator, bernoulli, default_generator, get_rng_state, manual_seed, multinomial, set_rng_state

if TYPE_CHECKING:
    from . import testing
    from .explanation import Explanation, explain
    from .program import Program, trace
    from .replay import capture
    from .saving import load, save

__version__ = "0.1.0"

__all__ = [
    "Explanation", "Generator", "Program", "Size", "Tensor", "abs", "absolute", "acos", "acosh", "adaptive_avg_pool1d",
    "add", "addcdiv", "addcmul", "addmm", "addmv", "addr", "all", "allclose", "amax", "amin", "aminmax", "any",
    "arange", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "argmax", "argmin", "argsort",
    "argwhere", "as_tensor", "asin", "asinh", "atan", "atan2", "atanh", "atleast_1d", "atleast_2d", "atleast_3d",
    "autograd", "avg_pool1d", "baddbmm", "bernoulli", "bincount", "bitwise_and", "bitwise_left_shift", "bitwise_not",
    "bitwise_or", "bitwise_right_shift", "bitwise_xor", "block_diag", "bmm", "bool", "broadcast_tensors",
    "broadcast_to", "bucketize", "capture", "cartesian_prod", "cat", "cdist", "ceil", "celu", "chunk", "clamp",
    "clamp_max", "clamp_min", "clip", "clone", "column_stack", "combinations", "concat", "concatenate", "conv1d",
    "conv2d", "conv_transpose1d", "conv_transpose2d", "copysign", "corrcoef", "cos", "cosh", "cosine_similarity",
    "count_nonzero", "cov", "cross", "cuda", "cuda_is_available", "cumprod", "cumsum", "default_generator", "deg2rad",
    "det", "device", "diag", "diag_embed", "diagflat", "diagonal", "diff", "dist", "div", "divide", "dot", "double",
    "dropout", "dsplit", "dstack", "e", "einsum", "empty", "empty_like", "enable_grad", "eq", "equal", "erf", "exp",
    "exp2", "explain", "expm1", "eye", "finfo", "fix", "flatten", "flip", "fliplr", "flipud", "float", "float16",
    "float32", "float64", "float_power", "floor", "floor_divide", "fmax", "fmin", "fmod", "frac", "from_dlpack",
    "from_numpy", "full", "full_like", "gather", "ge", "ger", "get_default_dtype", "get_rng_state", "greater",
    "greater_equal", "group_norm", "gt", "half", "hardshrink", "heaviside", "histc", "hsplit", "hstack", "hypot",
    "iinfo", "index_add", "index_copy", "index_fill", "index_put", "index_select", "inf", "inference_mode", "inner",
    "int", "int8", "int16", "int32", "int64", "inverse", "is_floating_point", "is_grad_enabled", "is_tensor", "isclose",
    "isfinite", "isin", "isinf", "isnan", "isneginf", "isposinf", "kron", "kthvalue", "layer_norm", "le", "lerp",
    "less", "less_equal", "linalg", "linspace", "load", "log", "log1p", "log2", "log10", "log_softmax", "logaddexp",
    "logdet", "logical_and", "logical_not", "logical_or", "logical_xor", "logit", "logspace", "logsumexp", "long", "lt",
    "manual_seed", "masked_fill", "masked_scatter", "masked_select", "matmul", "matrix_power", "max", "max_pool1d",
    "max_pool2d", "maximum", "mean", "median", "meshgrid", "min", "minimum", "mm", "moveaxis", "movedim", "msort",
    "mul", "multinomial", "multiply", "mv", "nan", "nan_to_num", "nanmean", "nansum", "narrow", "ne", "neg", "negative",
    "nn", "no_grad", "nonzero", "norm", "normal", "not_equal", "numel", "ones", "ones_like", "op", "optim", "outer",
    "pairwise_distance", "permute", "pi", "pixel_shuffle", "pixel_unshuffle", "positive", "pow", "prelu", "prod",
    "promote_types", "put", "quantile", "rad2deg", "rand", "rand_like", "randint", "randint_like", "randn",
    "randn_like", "randperm", "ravel", "reciprocal", "relu", "remainder", "repeat_interleave", "reshape", "rms_norm",
    "roll", "rot90", "round", "rsqrt", "save", "scatter", "scatter_add", "searchsorted", "select", "selu",
    "set_default_dtype", "set_grad_enabled", "set_rng_state", "sgn", "short", "sigmoid", "sign", "signbit", "sin",
    "sinh", "slogdet", "softmax", "sort", "split", "sqrt", "square", "squeeze", "stack", "std", "std_mean", "sub",
    "subtract", "sum", "swapaxes", "swapdims", "t", "take", "take_along_dim", "tan", "tanh", "tensor", "tensor_split",
    "tensordot", "testing", "threshold", "tile", "topk", "trace", "transpose", "trapezoid", "trapz", "tril",
    "tril_indices", "triu", "triu_indices", "true_divide", "trunc", "uint8", "unbind", "unflatten", "unique",
    "unsqueeze", "value_and_grad", "var", "var_mean", "vdot", "vsplit", "vstack", "where", "xlogy", "zeros",
    "zeros_like",
]

# Loaded when they are first asked for: a script that trains needs none of them, and they are a third of the import.
_AT_FIRST_USE = {"Explanation": "explanation", "Program": "program", "capture": "replay", "explain": "explanation",
                 "load": "saving", "save": "saving", "testing": "testing", "trace": "program"}


def __getattr__(name: str) -> object:
    if name not in _AT_FIRST_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _import_module(f".{_AT_FIRST_USE[name]}", __name__)
    found = globals()[name] = module if name == _AT_FIRST_USE[name] else getattr(module, name)
    return found


def __dir__() -> list[str]:
    return __all__
