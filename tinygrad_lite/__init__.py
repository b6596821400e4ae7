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
from math import e, inf, nan, pi

from . import autograd, cuda, linalg, nn, optim, testing
from ._tensor import Tensor
from .autograd import enable_grad, inference_mode, no_grad, set_grad_enabled, value_and_grad
from .backend import cuda_is_available
from .compositions import (
    absolute, add, addcdiv, addcmul, addmm, addmv, all, allclose, any, arccos, arccosh, arcsin, arcsinh, arctan,
    arctan2, arctanh, argsort, atleast_1d, atleast_2d, atleast_3d, baddbmm, bmm, broadcast_tensors, broadcast_to,
    bucketize, cdist, chunk, clamp_max, clamp_min, clip, column_stack, concat, concatenate, count_nonzero, cross,
    cumprod, diag, diag_embed, div, divide, dot, dstack, einsum, equal, fix, flatten, flip, fliplr, flipud, frac, ger,
    greater, greater_equal, hstack, index_add, index_copy, index_fill, index_put, index_select, inner, is_tensor, isnan,
    kron, kthvalue, lerp, less, less_equal, masked_scatter, masked_select, max, median, meshgrid, min, mm, moveaxis,
    movedim, multiply, mv, nanmean, nansum, narrow, negative, nonzero, norm, not_equal, numel, outer, put, ravel,
    repeat_interleave, rot90, scatter, scatter_add, searchsorted, select, sgn, sort, split, square, squeeze, stack, std,
    std_mean, sub, subtract, swapaxes, swapdims, t, take, take_along_dim, tensor_split, tensordot, tile, topk,
    true_divide, unbind, unflatten, unique, unsqueeze, var, var_mean, vdot, vstack, where,
)
from .creation import (
    arange, as_tensor, empty, empty_like, eye, from_dlpack, from_numpy, full, full_like, linspace, logspace, normal,
    ones, ones_like, rand, rand_like, randint, randint_like, randn, randn_like, randperm, tensor, tril_indices,
    triu_indices, zeros, zeros_like,
)
from .devices import device
from .dtypes import (
    bool_ as bool, double, float16, float32, float64, float_ as float, get_default_dtype, half, int8, int16, int32,
    int64, int_ as int, long, set_default_dtype, short, uint8,
)
from .explanation import Explanation, explain
from .graph import is_grad_enabled
from .nn.functional import (
    celu, cosine_similarity, group_norm, hardshrink, layer_norm, pairwise_distance, prelu, rms_norm, selu, threshold,
)
from .operation import op
from .ops import (
    abs, acos, acosh, amax, amin, argmax, argmin, argwhere, asin, asinh, atan, atan2, atanh, bincount, bitwise_and,
    bitwise_left_shift, bitwise_not, bitwise_or, bitwise_right_shift, bitwise_xor, cat, ceil, clamp, clone, cos, cosh,
    cumsum, diagonal, eq, erf, exp, exp2, expm1, floor, floor_divide, fmod, gather, ge, gt, hypot, isclose, isfinite,
    isinf, le, log, log1p, log2, log10, log_softmax, logaddexp, logical_and, logical_not, logical_or, logical_xor,
    logsumexp, lt, matmul, maximum, mean, minimum, mul, nan_to_num, ne, neg, permute, pow, prod, reciprocal, relu,
    remainder, reshape, roll, round, rsqrt, sigmoid, sign, signbit, sin, sinh, softmax, sqrt, sum, tan, tanh, transpose,
    tril, triu, trunc, xlogy,
)
from .program import Program, trace
from .random import Generator, bernoulli, default_generator, get_rng_state, manual_seed, multinomial, set_rng_state
from .replay import capture
from .saving import load, save

__version__ = "0.1.0"

__all__ = [
    "Explanation", "Generator", "Program", "Size", "Tensor", "abs", "absolute", "acos", "acosh", "add", "addcdiv",
    "addcmul", "addmm", "addmv", "all", "allclose", "amax", "amin", "any", "arange", "arccos", "arccosh", "arcsin",
    "arcsinh", "arctan", "arctan2", "arctanh", "argmax", "argmin", "argsort", "argwhere", "as_tensor", "asin", "asinh",
    "atan", "atan2", "atanh", "atleast_1d", "atleast_2d", "atleast_3d", "autograd", "baddbmm", "bernoulli", "bincount",
    "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "bmm",
    "bool", "broadcast_tensors", "broadcast_to", "bucketize", "capture", "cat", "cdist", "ceil", "celu", "chunk",
    "clamp", "clamp_max", "clamp_min", "clip", "clone", "column_stack", "concat", "concatenate", "cos", "cosh",
    "cosine_similarity", "count_nonzero", "cross", "cuda", "cuda_is_available", "cumprod", "cumsum",
    "default_generator", "device", "diag", "diag_embed", "diagonal", "div", "divide", "dot", "double", "dstack", "e",
    "einsum", "empty", "empty_like", "enable_grad", "eq", "equal", "erf", "exp", "exp2", "explain", "expm1", "eye",
    "fix", "flatten", "flip", "fliplr", "flipud", "float", "float16", "float32", "float64", "floor", "floor_divide",
    "fmod", "frac", "from_dlpack", "from_numpy", "full", "full_like", "gather", "ge", "ger", "get_default_dtype",
    "get_rng_state", "greater", "greater_equal", "group_norm", "gt", "half", "hardshrink", "hstack", "hypot",
    "index_add", "index_copy", "index_fill", "index_put", "index_select", "inf", "inference_mode", "inner", "int",
    "int8", "int16", "int32", "int64", "is_grad_enabled", "is_tensor", "isclose", "isfinite", "isinf", "isnan", "kron",
    "kthvalue", "layer_norm", "le", "lerp", "less", "less_equal", "linalg", "linspace", "load", "log", "log1p", "log2",
    "log10", "log_softmax", "logaddexp", "logical_and", "logical_not", "logical_or", "logical_xor", "logspace",
    "logsumexp", "long", "lt", "manual_seed", "masked_scatter", "masked_select", "matmul", "max", "maximum", "mean",
    "median", "meshgrid", "min", "minimum", "mm", "moveaxis", "movedim", "mul", "multinomial", "multiply", "mv", "nan",
    "nan_to_num", "nanmean", "nansum", "narrow", "ne", "neg", "negative", "nn", "no_grad", "nonzero", "norm", "normal",
    "not_equal", "numel", "ones", "ones_like", "op", "optim", "outer", "pairwise_distance", "permute", "pi", "pow",
    "prelu", "prod", "put", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm", "ravel",
    "reciprocal", "relu", "remainder", "repeat_interleave", "reshape", "rms_norm", "roll", "rot90", "round", "rsqrt",
    "save", "scatter", "scatter_add", "searchsorted", "select", "selu", "set_default_dtype", "set_grad_enabled",
    "set_rng_state", "sgn", "short", "sigmoid", "sign", "signbit", "sin", "sinh", "softmax", "sort", "split", "sqrt",
    "square", "squeeze", "stack", "std", "std_mean", "sub", "subtract", "sum", "swapaxes", "swapdims", "t", "take",
    "take_along_dim", "tan", "tanh", "tensor", "tensor_split", "tensordot", "testing", "threshold", "tile", "topk",
    "trace", "transpose", "tril", "tril_indices", "triu", "triu_indices", "true_divide", "trunc", "uint8", "unbind",
    "unflatten", "unique", "unsqueeze", "value_and_grad", "var", "var_mean", "vdot", "vstack", "where", "xlogy",
    "zeros", "zeros_like",
]
