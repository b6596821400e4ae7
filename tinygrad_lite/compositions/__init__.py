"""Functions of Tensors that are compositions of ops: what PyTorch has beside its primitives.

The modules are those of `ops/`, and `inspection`.
"""

from .elementwise import (
    absolute, add, addcdiv, addcmul, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, clamp_max, clamp_min,
    clip, count_nonzero, div, divide, fix, frac, greater, greater_equal, isnan, lerp, less, less_equal, masked_fill,
    multiply, negative, nonzero, not_equal, sgn, square, sub, subtract, true_divide, where,
)
from .indexing import (
    bucketize, fill_diagonal, index_add, index_copy, index_fill, index_put, index_select, masked_scatter, masked_select,
    put, scatter, scatter_add, searchsorted, take, take_along_dim,
)
from .inspection import allclose, equal, is_tensor, numel
from .linalg import (
    addmm, addmv, baddbmm, bmm, cdist, cross, dot, einsum, ger, inner, kron, mm, mv, outer, tensordot, vdot,
)
from .reduce import (
    all, any, argsort, cumprod, kthvalue, max, median, min, nanmean, nansum, norm, sort, std, std_mean, topk, unique,
    var, var_mean,
)
from .shape import (
    atleast_1d, atleast_2d, atleast_3d, broadcast_tensors, broadcast_to, chunk, column_stack, concat, concatenate, diag,
    diag_embed, dstack, flatten, flip, fliplr, flipud, hstack, meshgrid, moveaxis, movedim, narrow, ravel, repeat,
    repeat_interleave, rot90, select, split, squeeze, stack, swapaxes, swapdims, t, tensor_split, tile, trace, unbind,
    unflatten, unsqueeze, vstack,
)
