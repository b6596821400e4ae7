"""Functions on arrays, each with its derivative right below it; `engine/operation.py` says how one is written."""

from ..engine.operation import to_dtype
from ..engine.walk import clone, expand, sum_to
from .activation import elu, gelu, hardtanh, leaky_relu, log_softmax, relu, silu, softmax, softplus
from .attention import scaled_dot_product_attention
from .convolution import col2im, conv, conv_transpose, conv_weight, im2col
from .elementwise import (
    abs, add, atan2, clamp, div, hypot, logaddexp, masked, maximum, minimum, mul, nan_to_num, neg, pow, sign, sub,
    where, xlogy,
)
from .functions import (
    acos, acosh, asin, asinh, atan, atanh, cos, cosh, erf, exp, exp2, expm1, log, log1p, log2, log10, reciprocal, rsqrt,
    sigmoid, sin, sinh, sqrt, tan, tanh,
)
from .indexing import (
    embedding, gather, gather_backward, getitem, index, index_backward, index_put, masked_scatter, repeated_indices,
    scatter, searchsorted, slice_backward,
)
from .products import contract, linear, matmul
from .logic import (
    argwhere, bitwise_and, bitwise_left_shift, bitwise_not, bitwise_or, bitwise_right_shift, bitwise_xor, eq, ge, gt,
    isclose, isfinite, isinf, le, logical_and, logical_not, logical_or, logical_xor, lt, ne, positive, signbit,
)
from .loss import binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy, huber, mse_loss
from .factorization import cholesky_factor, det, inv, logabsdet, sign_of_det, solve_matrix
from .normalization import moments, standardize, sum_of_products
from .pool import max_pool, pool_argmax, pool_gather, pool_scatter, sum_pool, sum_unpool
from .recurrent import gru_layer, lstm_layer, rnn_layer
from .reduce import (
    amax, amin, argmax, argmin, argsort, argtopk, bincount, cumsum, logsumexp, mean, median, prod, std, sum, unique,
    var, vector_norm,
)
from .rounding import ceil, floor, floor_divide, fmod, remainder, round, trunc
from .shape import (
    cat, copy_to, diagonal, diagonal_backward, flip, pad, permute, reshape, roll, to_device, transpose, tril, triu,
    unfold, unfold_backward,
)
