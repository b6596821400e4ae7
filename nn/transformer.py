"""The transformer: encoder and decoder layers, stacks of them, and both together."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from .._tensor import Tensor
from ..engine import backend, dtypes
from ..random import Generator
from . import init
from .activation import gelu, relu
from .attention import MultiheadAttention
from .container import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .normalization import LayerNorm


def _activation(activation: str | Callable[[Any], Any]) -> Callable[[Any], Any]:
    if not isinstance(activation, str):
        return activation
    if activation not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {activation}")
    return relu if activation == "relu" else gelu


class _Layer(Module):
    """What both layers share: attentions, then two dense layers; around each a residual connection, a norm, a dropout.
    """

    attentions: ClassVar[tuple[str, ...]]

    def __init__(self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
                 activation: str | Callable[[Any], Any] = relu, layer_norm_eps: float = 1e-5,
                 batch_first: bool = False, norm_first: bool = False, bias: bool = True, device: str | None = None,
                 dtype: Any = None, *, generator: Generator | None = None) -> None:
        super().__init__()
        for name in self.attentions:
            setattr(self, name, MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first,
                                                   device=device, dtype=dtype, generator=generator))
        self.linear1 = Linear(d_model, dim_feedforward, bias, device, dtype, generator=generator)
        self.dropout = Dropout(dropout, generator=generator)
        self.linear2 = Linear(dim_feedforward, d_model, bias, device, dtype, generator=generator)
        self.norm_first = norm_first
        numbers = range(1, len(self.attentions) + 2)
        for i in numbers:
            setattr(self, f"norm{i}", LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype))
        for i in numbers:
            setattr(self, f"dropout{i}", Dropout(dropout, generator=generator))
        self.activation = _activation(activation)

    def _feed_forward(self, x: Any) -> Any:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))

    def _through(self, x: Any, *parts: Callable[[Any], Any]) -> Any:
        """`x` through attentions and dense layers, each with its residual connection, norm and dropout."""
        for i, part in enumerate(parts, 1):
            norm, dropout = getattr(self, f"norm{i}"), getattr(self, f"dropout{i}")
            x = x + dropout(part(norm(x))) if self.norm_first else norm(x + dropout(part(x)))
        return x


class TransformerEncoderLayer(_Layer):
    """Self-attention, then two dense layers; around each a residual connection, with layer normalization.

    x = norm1(x + attention(x)), x = norm2(x + linear2(activation(linear1(x)))); or, with `norm_first`,
    x = x + attention(norm1(x)), x = x + linear2(activation(linear1(norm2(x)))).  Dropout with probability `dropout` is
    on the weights of attention, behind the activation and on what is added.

    Shapes: src and the result (T, N, d_model), or (N, T, d_model) with `batch_first`, or (T, d_model); the masks are
    those of `MultiheadAttention`, src_mask its attn_mask.
    Raises RuntimeError for an activation that is neither "relu" nor "gelu" nor a function.
    Source: Vaswani and others, Attention is all you need, NeurIPS 2017.

    >>> import tinygrad_lite as tg
    >>> tg.nn.TransformerEncoderLayer(d_model=8, nhead=2, batch_first=True)(tg.zeros(3, 5, 8)).shape
    (3, 5, 8)
    """

    attentions = ("self_attn",)
    self_attn: MultiheadAttention

    def forward(self, src: Any, src_mask: Any = None, src_key_padding_mask: Any = None,
                is_causal: bool = False) -> Any:
        """The layer's output."""

        def attend(x: Any) -> Any:
            return self.self_attn(x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal)[0]

        return self._through(src, attend, self._feed_forward)


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to `memory` (what an encoder made), then two dense layers.

    Options, shapes, dropout and errors are those of `TransformerEncoderLayer`; memory is (S, N, d_model).

    >>> import tinygrad_lite as tg
    >>> tg.nn.TransformerDecoderLayer(d_model=8, nhead=2)(tg.zeros(5, 3, 8), tg.zeros(7, 3, 8)).shape
    (5, 3, 8)
    """

    attentions = ("self_attn", "multihead_attn")
    self_attn: MultiheadAttention
    multihead_attn: MultiheadAttention

    def forward(self, tgt: Any, memory: Any, tgt_mask: Any = None, memory_mask: Any = None,
                tgt_key_padding_mask: Any = None, memory_key_padding_mask: Any = None, tgt_is_causal: bool = False,
                memory_is_causal: bool = False) -> Any:
        """The layer's output."""

        def attend(x: Any) -> Any:
            return self.self_attn(x, x, x, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal)[0]

        def recall(x: Any) -> Any:
            return self.multihead_attn(x, memory, memory, memory_key_padding_mask, False, memory_mask,
                                       is_causal=memory_is_causal)[0]

        return self._through(tgt, attend, recall, self._feed_forward)


class TransformerEncoder(Module):
    """`num_layers` copies of an encoder layer, one after the other, and a final `norm` if given.

    The copies start equal.  `enable_nested_tensor` and `mask_check` are there for PyTorch's scripts and do nothing.

    >>> import tinygrad_lite as tg
    >>> encoder = tg.nn.TransformerEncoder(tg.nn.TransformerEncoderLayer(d_model=8, nhead=2), num_layers=2)
    >>> encoder(tg.zeros(5, 3, 8)).shape
    (5, 3, 8)
    """

    def __init__(self, encoder_layer: Module, num_layers: int, norm: Module | None = None,
                 enable_nested_tensor: bool = True, mask_check: bool = True) -> None:
        super().__init__()
        self.layers = ModuleList([copy.deepcopy(encoder_layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm

    def forward(self, src: Any, mask: Any = None, src_key_padding_mask: Any = None,
                is_causal: bool | None = None) -> Any:
        """The last layer's output, normalized; `is_causal` only says what `mask` is, and is not needed."""
        for layer in self.layers:
            src = layer(src, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=bool(is_causal))
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """`num_layers` copies of a decoder layer, one after the other, and a final `norm` if given.

    >>> import tinygrad_lite as tg
    >>> decoder = tg.nn.TransformerDecoder(tg.nn.TransformerDecoderLayer(d_model=8, nhead=2), num_layers=2)
    >>> decoder(tg.zeros(5, 3, 8), tg.zeros(7, 3, 8)).shape
    (5, 3, 8)
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = ModuleList([copy.deepcopy(decoder_layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm

    def forward(self, tgt: Any, memory: Any, tgt_mask: Any = None, memory_mask: Any = None,
                tgt_key_padding_mask: Any = None, memory_key_padding_mask: Any = None,
                tgt_is_causal: bool | None = None, memory_is_causal: bool = False) -> Any:
        """The last layer's output, normalized; the hints `is_causal` are as in `TransformerEncoder`."""
        for layer in self.layers:
            tgt = layer(tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask,
                        bool(tgt_is_causal), memory_is_causal)
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """An encoder and a decoder that attends to what the encoder made.

    Matrices start from `xavier_uniform_`.  Options and shapes are those of the layers; `custom_encoder` and
    `custom_decoder` replace the stacks.
    Raises RuntimeError where batches or sizes do not fit.

    >>> import tinygrad_lite as tg
    >>> model = tg.nn.Transformer(d_model=8, nhead=2, num_encoder_layers=1, num_decoder_layers=1, dim_feedforward=16)
    >>> model(tg.zeros(7, 3, 8), tg.zeros(5, 3, 8)).shape
    (5, 3, 8)
    """

    def __init__(self, d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6, num_decoder_layers: int = 6,
                 dim_feedforward: int = 2048, dropout: float = 0.1, activation: str | Callable[[Any], Any] = relu,
                 custom_encoder: Module | None = None, custom_decoder: Module | None = None,
                 layer_norm_eps: float = 1e-5, batch_first: bool = False, norm_first: bool = False, bias: bool = True,
                 device: str | None = None, dtype: Any = None, *, generator: Generator | None = None) -> None:
        super().__init__()

        def stack(kind: Callable[..., Module], layer: Callable[..., Module], count: int) -> Module:
            one = layer(d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first,
                        bias, device, dtype, generator=generator)
            return kind(one, count, LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype))

        self.encoder = custom_encoder or stack(TransformerEncoder, TransformerEncoderLayer, num_encoder_layers)
        self.decoder = custom_decoder or stack(TransformerDecoder, TransformerDecoderLayer, num_decoder_layers)
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter, generator=generator)
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def forward(self, src: Any, tgt: Any, src_mask: Any = None, tgt_mask: Any = None, memory_mask: Any = None,
                src_key_padding_mask: Any = None, tgt_key_padding_mask: Any = None,
                memory_key_padding_mask: Any = None, src_is_causal: bool | None = None,
                tgt_is_causal: bool | None = None, memory_is_causal: bool = False) -> Any:
        """What the decoder makes of `tgt` and the encoded `src`."""
        dim = 0 if self.batch_first else 1
        if src.ndim != tgt.ndim or (src.ndim == 3 and src.shape[dim] != tgt.shape[dim]):
            raise RuntimeError(f"the batch number of src and tgt must be equal, got shapes {src.shape}, {tgt.shape}")
        if not src.shape[-1] == tgt.shape[-1] == self.d_model:
            raise RuntimeError("the feature number of src and tgt must be equal to d_model")
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        return self.decoder(tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask,
                            tgt_is_causal, memory_is_causal)

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: str | None = None, dtype: Any = None) -> Tensor:
        """The causal mask: -inf above the diagonal, else 0.

        >>> import tinygrad_lite as tg
        >>> tg.nn.Transformer.generate_square_subsequent_mask(2)
        tensor([[0., -inf],
                [0., 0.]])
        """
        mask = np.triu(np.full((sz, sz), -math.inf, dtype or dtypes.get_default_dtype()), 1)
        return Tensor(backend.transfer(mask, backend.named(device)))
