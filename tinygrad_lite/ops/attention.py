"""Scaled dot-product attention as one op.

The weights are held with the keys along the second last axis: NumPy's largest and sum along the last axis of a few
dozen elements take 8 times as long.  Their product with the gradient is summed in the form g * y (the sum over keys of
weight times its gradient is that), which is smaller: both are FlashAttention's choices, too.
"""

from __future__ import annotations

import math

import numpy as np

from ..engine.graph import Array
from ..engine.operation import op
from ..engine.summation import total
from .activation import softmax
from .elementwise import where
from .functions import exp
from .products import matmul
from .reduce import amax, in_float32, sum
from .shape import reshape, transpose


def masked_softmax(scores: Array, dim: int) -> Array:
    """e ** scores / sum(e ** scores) along `dim`; zeros where all scores are -inf."""
    top = amax(scores, dim, True)
    e = exp(scores - where(top == -math.inf, 0.0, top))
    weight = sum(e, dim, True)
    return e / where(weight == 0, 1.0, weight)


@op(residuals=("weights",))
@in_float32
def scaled_dot_product_attention(query: Array, key: Array, value: Array, mask: Array | None = None,
                                 keep: Array | None = None, scale: float = 1.0) -> Array:
    """(softmax(scale * query key^T + mask) * keep) value.

    `mask` is added to the scores, -inf hides a key; a query from which all keys are hidden gets zeros.  `keep`
    multiplies the weights (dropout).
    Shapes: query (..., L, E), key (..., S, E), value (..., S, V), mask and keep (..., L, S), result (..., L, V).

    Raises ValueError where the shapes do not fit.
    """
    w = np.matmul(key, np.swapaxes(query * scale, -1, -2))
    if mask is not None:
        w += np.swapaxes(mask, -1, -2)
    if w.size:
        top = w.max(-2, keepdims=True)
        w -= top if mask is None else np.where(top == -math.inf, 0, top)
        np.exp(w, out=w)
        weight = total(w, -2, keepdims=True)
        w /= weight if mask is None else np.maximum(weight, 1)  # with a key in sight it is at least 1
    kept = w if keep is None else w * np.swapaxes(keep, -1, -2)
    return np.matmul(np.swapaxes(kept, -1, -2), value), w


@scaled_dot_product_attention.define
def _(query, key, value, mask=None, keep=None, scale=1.0):
    scores = matmul(query * scale, transpose(key))
    weights = softmax(scores, -1) if mask is None else masked_softmax(scores + mask, -1)
    return matmul(weights if keep is None else weights * keep, value)


@scaled_dot_product_attention.residual("weights")
def _(query, key, mask, scale):
    scores = matmul(key, transpose(query * scale))
    return softmax(scores, -2) if mask is None else masked_softmax(scores + transpose(mask), -2)


@scaled_dot_product_attention.vjp("query", "key", "value", joint=True)
def _(g, query, key, value, y, weights, keep, scale, wanted):
    kept = weights if keep is None else weights * transpose(keep)
    d_value = matmul(kept, g) if wanted[2] else None
    d_weights = matmul(value, transpose(g))
    if keep is not None:
        d_weights = d_weights * transpose(keep)
    along = sum(g * y, -1)
    d_scores = weights * (d_weights - reshape(along, (*along.shape[:-1], 1, along.shape[-1])))
    d_query = matmul(transpose(d_scores), key) * scale if wanted[0] else None
    d_key = matmul(d_scores, query * scale) if wanted[1] else None
    return d_query, d_key, d_value
