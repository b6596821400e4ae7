"""Attention: one query at a time."""

from __future__ import annotations

import math

import numpy as np

from .drawing import Arguments, Array, Maker, case


def attention(query: Array, key: Array, value: Array, mask: Array | None, keep: Array | None, scale: float) -> Array:
    """A mean of the values, weighted by how similar their keys are to the query."""
    scores = (query[..., :, None, :] * key[..., None, :, :]).sum(-1) * scale
    shape = scores.shape
    scores = scores if mask is None else scores + mask
    seen = scores > -math.inf
    e = np.exp(np.where(seen, scores, 0)) * seen
    weights = e / np.maximum(e.sum(-1, keepdims=True), np.finfo(float).tiny)
    weights = weights * np.broadcast_to(1.0 if keep is None else keep, shape)
    return np.asarray((weights[..., None] * value[..., None, :, :]).sum(-2))


@case("scaled_dot_product_attention", oracle=attention)
def _(make: Maker) -> Arguments:
    batch = make.choose((), (2,), (1, 2))
    queries, keys, features, out = make.choose(2, 1, 3), make.choose(2, 3, 1), make.choose(2, 1), make.choose(2, 1)
    mask = make.choose(None, np.zeros, np.where)
    if mask is np.zeros:
        mask = make.numbers((*make.choose(batch, ()), queries, keys))
    elif mask is not None:  # some keys are hidden, maybe all of them from some query
        mask = np.where(make.booleans((queries, keys)), 0.0, -math.inf)
    return {"query": make.numbers((*batch, queries, features)), "key": make.numbers((*batch, keys, features)),
            "value": make.numbers((*make.narrower(batch), keys, out)), "mask": mask,
            "keep": make.choose(None, make.booleans((*batch, queries, keys)) / 0.5),
            "scale": make.choose(1.0, 0.5)}  # fmt: skip
