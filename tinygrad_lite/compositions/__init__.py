"""Functions of Tensors that are compositions of ops: what PyTorch has beside its primitives.

The modules are those of `ops/`, `statistics` and `inspection`.
"""

from types import FunctionType

from ..engine.call import with_numpy_names
from .elementwise import (
    absolute, add, addcdiv, addcmul, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, clamp_max,
    clamp_min, clip, copysign, count_nonzero, deg2rad, div, divide, fix, float_power, fmax, fmin, frac, greater,
    greater_equal, heaviside, isnan, isneginf, isposinf, lerp, less, less_equal, logit, masked_fill, multiply,
    negative, nonzero, not_equal, positive, rad2deg, sgn, square, sub, subtract, true_divide, where,
)
from .indexing import (
    bucketize, fill_diagonal, index_add, index_copy, index_fill, index_put, index_select, masked_scatter, masked_select,
    put, scatter, scatter_add, searchsorted, take, take_along_dim,
)
from .inspection import allclose, equal, is_floating_point, is_tensor, numel
from .products import (
    addmm, addmv, addr, baddbmm, bmm, cdist, cross, dot, einsum, ger, inner, inverse, kron, logdet, matrix_power, mm,
    multi_dot, mv, outer, tensordot, vdot,
)
from .reduce import (
    all, any, argsort, cumprod, kthvalue, log_softmax, max, median, min, nanmean, nansum, norm, softmax, sort, std,
    std_mean, topk, unique, var, var_mean,
)
from .shape import (
    atleast_1d, atleast_2d, atleast_3d, block_diag, broadcast_tensors, broadcast_to, cartesian_prod, chunk,
    column_stack, combinations, concat, concatenate, diag, diag_embed, diagflat, dsplit, dstack, flatten, flip,
    fliplr, flipud, hsplit, hstack, meshgrid, moveaxis, movedim, narrow, ravel, repeat, repeat_interleave,
    reshape_as, rot90, select, split, squeeze, stack, swapaxes, swapdims, t, tensor_split, tile, trace, unbind,
    unflatten, unsqueeze, vsplit, vstack,
)
from .statistics import (
    aminmax, corrcoef, cov, diff, dist, histc, isin, msort, quantile, trapezoid, trapz,
)

for _name, _function in [*globals().items()]:
    if isinstance(_function, FunctionType) and not hasattr(_function, "op"):
        globals()[_name] = with_numpy_names(_function)
