"""Attention: the function, and the layer with several heads."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from .._tensor import Tensor
from ..creation import empty, ones
from ..ops.attention import masked_softmax
from ..random import Generator
from . import init
from .dropout import check_probability, dropout
from .linear import Linear
from .module import Module, Parameter
from .padding import pad


def scaled_dot_product_attention(query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0,
                                 is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False, *,
                                 generator: Generator | None = None) -> Any:
    """softmax(scale * query key^T + attn_mask) value: for each query the mean of the values of similar keys.

    `attn_mask` is added to the scores or, if it is bool, says which keys take part; `is_causal` lets query i see keys
    0 to i.  A query that sees no key gets zeros.  `dropout_p` applies to the weights, always: pass 0.0 in evaluation.
    `scale` is 1/sqrt(E) unless given.  With `enable_gqa` there may be fewer heads (axis -3) of keys and values than of
    queries; neighbouring queries share them.

    Shapes: query (..., L, E), key (..., S, E), value (..., S, V), attn_mask (..., L, S); result (..., L, V).
    Raises RuntimeError for a mask beside `is_causal`, operands of different dtypes and a mask of another dtype, and
    ValueError where shapes do not fit.
    Source: Vaswani and others, Attention is all you need, NeurIPS 2017.

    >>> import tinygrad_lite as tg
    >>> x = tg.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> tg.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)
    tensor([[1.0000, 0.0000],
            [0.3302, 0.6698]])
    """
    check_probability(dropout_p)
    if is_causal and attn_mask is not None:
        raise RuntimeError("scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if not query.dtype == key.dtype == value.dtype or query.dtype.kind != "f":
        raise RuntimeError("scaled_dot_product_attention: expected query, key, and value to have one floating dtype, "
                           f"but got {query.dtype}, {key.dtype} and {value.dtype}")
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise RuntimeError("scaled_dot_product_attention: query, key, and value need two axes at least, but got shapes "
                           f"{query.shape}, {key.shape} and {value.shape}")
    mask = _causal_mask(query, key.shape[-2]) if is_causal else _additive(attn_mask, query.dtype, hides=False)
    if enable_gqa:
        heads, groups = query.shape[-3], key.shape[-3]
        if heads % groups or value.shape[-3] != groups:
            raise RuntimeError("scaled_dot_product_attention: the heads of key and value must be equally many and "
                               f"divide those of query, got {heads}, {groups} and {value.shape[-3]}")
        if mask is not None and mask.ndim > 2:
            mask = (mask.unsqueeze(-3) if mask.shape[-3] == 1 else
                    mask.reshape((*mask.shape[:-3], groups, heads // groups, *mask.shape[-2:])))
        grouped = query.reshape((*query.shape[:-3], groups, heads // groups, *query.shape[-2:]))
        result = _attend(grouped, key.unsqueeze(-3), value.unsqueeze(-3), mask, dropout_p, scale, generator)
        return result.reshape((*query.shape[:-1], value.shape[-1]))
    return _attend(query, key, value, mask, dropout_p, scale, generator)


def _attend(query: Any, key: Any, value: Any, mask: Any, p: float, scale: float | None,
            generator: Generator | None) -> Any:
    """The one fast op; or, for a mask that is learned, the composition."""
    keep = None
    if p > 0:
        lead = np.broadcast_shapes(query.shape[:-2], key.shape[:-2])
        shape = (*lead, query.shape[-2], key.shape[-2])
        keep = dropout(ones(shape, dtype=query.dtype, device=query.device), p, generator=generator)
    if scale is None:
        scale = 1 / math.sqrt(query.shape[-1]) if query.shape[-1] else 1.0
    if mask is None or not mask.requires_grad:
        return ops.scaled_dot_product_attention(query, key, value, mask, keep, scale)
    weights = masked_softmax(ops.matmul(query * scale, ops.transpose(key)) + mask, -1)
    return ops.matmul(weights if keep is None else weights * keep, value)


def _causal_mask(query: Any, keys: int) -> Tensor:
    """0 where query i sees key j <= i, else -inf."""
    x = query.array
    positions = np.arange(max(query.shape[-2], keys), like=x)
    seen = positions[: query.shape[-2], None] >= positions[:keys]
    return Tensor(np.where(seen, 0.0, -math.inf).astype(x.dtype))


def _additive(mask: Any, dtype: Any, hides: bool, name: str = "attn_mask") -> Any:
    """A mask as what is added to the scores: a bool one with -inf where it `hides`.

    Raises RuntimeError for integers, and for another dtype where a bool mask would have shown.
    """
    if mask is None or (mask.dtype.kind == "f" and (hides or mask.dtype == dtype)):
        return mask
    if mask.dtype.kind != "b":
        raise RuntimeError(f"{name}: expected a mask of bool or {dtype}, but got {mask.dtype}")
    return ops.where(mask, -math.inf, 0.0).to(dtype) if hides else ops.where(mask, 0.0, -math.inf).to(dtype)


class NonDynamicallyQuantizableLinear(Linear):
    """`Linear`, by the name under which PyTorch prints the output projection of an attention layer."""


class MultiheadAttention(Module):
    """Attention with several heads: each projects queries, keys and values and attends by itself.

    The results lie side by side and go through `out_proj`.

    Shapes: query (L, N, embed_dim), key (S, N, kdim), value (S, N, vdim); with `batch_first` N comes first; without N
    all are unbatched.  Returns the output, of the shape of query, and with `need_weights` the weights, (N, L, S), or
    (N, num_heads, L, S) unless `average_attn_weights`.
    Masks: `attn_mask` (L, S) or (N * num_heads, L, S) and `key_padding_mask` (N, S); True hides a key, floats are added
    to the scores.  With `is_causal` `attn_mask` must be given too, and must be the causal one.  Without `need_weights`
    a query that sees no key gets zeros, with them nan.
    Parameters: in_proj_weight (3 embed_dim, embed_dim), or q_proj_weight, k_proj_weight and v_proj_weight if kdim or
    vdim differ, from `xavier_uniform_`; in_proj_bias and out_proj.bias start at 0; bias_k and bias_v (`add_bias_kv`),
    one more key and value, from `xavier_normal_`; `add_zero_attn` adds a key and value of zeros.
    Raises ValueError or AssertionError for sizes that do not fit, RuntimeError for masks that do not.
    Source: Vaswani and others, Attention is all you need, NeurIPS 2017.

    >>> import tinygrad_lite as tg
    >>> attention = tg.nn.MultiheadAttention(embed_dim=8, num_heads=2, batch_first=True)
    >>> x = tg.zeros(3, 5, 8)
    >>> output, weights = attention(x, x, x)
    >>> output.shape, weights.shape
    ((3, 5, 8), (3, 5, 5))
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True,
                 add_bias_kv: bool = False, add_zero_attn: bool = False, kdim: int | None = None,
                 vdim: int | None = None, batch_first: bool = False, device: str | None = None, dtype: Any = None, *,
                 generator: Generator | None = None) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError("embed_dim and num_heads must be greater than 0, "
                             f"got embed_dim={embed_dim} and num_heads={num_heads} instead")
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        self.generator = generator

        def parameter(name: str, *shape: int, wanted: bool = True) -> None:
            made = Parameter(empty(shape, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, made)

        packed = self.kdim == self.vdim == embed_dim
        for name, columns in (("q", embed_dim), ("k", self.kdim), ("v", self.vdim)):
            parameter(f"{name}_proj_weight", embed_dim, columns, wanted=not packed)
        parameter("in_proj_weight", 3 * embed_dim, embed_dim, wanted=packed)
        parameter("in_proj_bias", 3 * embed_dim, wanted=bias)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, device, dtype, generator=generator)
        parameter("bias_k", 1, 1, embed_dim, wanted=add_bias_kv)
        parameter("bias_v", 1, 1, embed_dim, wanted=add_bias_kv)
        self.add_zero_attn = add_zero_attn
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw the parameters anew, but for out_proj.weight."""
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight, generator=generator)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for row in (self.bias_k, self.bias_v):
            if row is not None:
                init.xavier_normal_(row, generator=generator)

    def forward(self, query: Any, key: Any, value: Any, key_padding_mask: Any = None, need_weights: bool = True,
                attn_mask: Any = None, average_attn_weights: bool = True,
                is_causal: bool = False) -> tuple[Any, Any]:
        """The output and, with `need_weights`, the weights (else None)."""
        batched = query.ndim == 3
        if query.ndim not in (2, 3) or not key.ndim == value.ndim == query.ndim:
            raise AssertionError("query, key and value should be unbatched 2-D or batched 3-D tensors, "
                                 f"got {query.ndim}-D, {key.ndim}-D and {value.ndim}-D")
        if is_causal and attn_mask is None:
            raise RuntimeError("Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
                               "method `generate_square_subsequent_mask` to create this mask.")
        dim = 0 if batched and self.batch_first else 1
        if not batched:
            query, key, value = (x.unsqueeze(1) for x in (query, key, value))
            key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
        steps, batch = query.shape[1 - dim], query.shape[dim]
        self._check(query, key, value, batch, dim)
        q, k, v = self._project(query, key, value, dim)
        mask = self._mask(attn_mask, key_padding_mask, steps, k.shape[-2], batch, query.dtype)
        p = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            scores = ops.matmul(q * (1 / math.sqrt(self.head_dim)), ops.transpose(k))
            weights = dropout(ops.softmax(scores if mask is None else scores + mask, -1), p, generator=self.generator)
            y = ops.matmul(weights, v)
            weights = weights.mean(1) if average_attn_weights else weights
        else:
            y = _attend(q, k, v, mask, p, None, self.generator)
        y = y.permute((0, 2, 1, 3) if dim == 0 else (2, 0, 1, 3))
        y = self.out_proj(y.reshape((*y.shape[:2], self.embed_dim)))
        if batched:
            return y, weights
        return y.squeeze(1), None if weights is None else weights.squeeze(0)

    def _check(self, query: Any, key: Any, value: Any, batch: int, dim: int) -> None:
        if query.shape[-1] != self.embed_dim:
            raise AssertionError(f"was expecting embedding dimension of {self.embed_dim}, but got {query.shape[-1]}")
        if key.shape[:2] != value.shape[:2] or (self.in_proj_weight is not None and key.shape != value.shape):
            raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
        if key.shape[dim] != batch:
            raise RuntimeError(f"query has a batch of {batch} and key one of {key.shape[dim]}")

    def _project(self, query: Any, key: Any, value: Any, dim: int) -> list[Any]:
        """Queries, keys and values of the heads: (N, num_heads, steps, head_dim)."""
        e = self.embed_dim
        # Slices of the weight, and not of its product: their gradients are put together in a smaller array.
        if self.in_proj_weight is None:
            weights: list[Any] = [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]
        else:
            weights = [self.in_proj_weight[i * e : (i + 1) * e] for i in range(3)]
        biases: list[Any] = [None] * 3
        if self.in_proj_bias is not None:
            biases = [self.in_proj_bias[i * e : (i + 1) * e] for i in range(3)]
        heads = []
        for x, weight, bias, extra in zip((query, key, value), weights, biases, (None, self.bias_k, self.bias_v),
                                          strict=True):
            y = ops.linear(x, weight, bias)
            if extra is not None:
                y = ops.cat([y, extra.expand(*(1 if i == 1 - dim else y.shape[i] for i in range(3)))], 1 - dim)
            y = y.reshape((*y.shape[:2], self.num_heads, self.head_dim)).permute(
                (0, 2, 1, 3) if dim == 0 else (1, 2, 0, 3))
            heads.append(y)
        return heads if not self.add_zero_attn else [heads[0], *(pad(y, (0, 0, 0, 1)) for y in heads[1:])]

    def _mask(self, attn_mask: Any, key_padding_mask: Any, queries: int, keys: int, batch: int, dtype: Any) -> Any:
        """What both masks add to the scores, broadcastable to (N, num_heads, L, S), or None."""
        extra = (self.bias_k is not None) + self.add_zero_attn
        given = keys - extra
        if attn_mask is not None:
            expected = (queries, given) if attn_mask.ndim == 2 else (batch * self.num_heads, queries, given)
            if attn_mask.shape != expected:
                raise RuntimeError(f"The shape of the {attn_mask.ndim}D attn_mask is {attn_mask.shape}, "
                                   f"but should be {expected}.")
            attn_mask = pad(_additive(attn_mask, dtype, hides=True), (0, extra))
            if attn_mask.ndim == 3:
                attn_mask = attn_mask.reshape((batch, self.num_heads, queries, keys))
        if key_padding_mask is not None:
            if key_padding_mask.shape != (batch, given):
                raise RuntimeError(f"Expected key_padding_mask of shape {(batch, given)}, "
                                   f"but got {key_padding_mask.shape}")
            padding = pad(_additive(key_padding_mask, dtype, hides=True, name="key_padding_mask"), (0, extra))
            padding = padding.reshape((batch, 1, 1, keys))
            return padding if attn_mask is None else attn_mask + padding
        return attn_mask
