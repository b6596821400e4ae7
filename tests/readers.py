"""One tiny network per family of layers, losses and functions, for tests that read programs.

Each is in float64 and deterministic but for the dropout of those that have some.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import tinygrad_lite as tg
from tinygrad_lite import nn
from tinygrad_lite.nn import functional as F


@dataclass(frozen=True)
class Case:
    """`build()` gives a loss, its arguments and the Module (or dict of tensors) whose parameters it depends on."""

    name: str
    build: Callable[[], tuple[Callable[..., Any], tuple[Any, ...], Any]]


CASES: list[Case] = []


def case(build: Callable[[], tuple[Callable[..., Any], tuple[Any, ...], Any]]) -> Any:
    """Decorator: one more case, of the function's name."""
    CASES.append(Case(build.__name__, build))
    return build


def randn(*shape: int, seed: int = 0) -> Any:
    """Normal numbers in float64, the same at each call."""
    return tg.randn(*shape, generator=tg.Generator(seed), dtype=tg.float64)


def classes(count: int, n: int) -> Any:
    """`count` classes of n, in turn."""
    return tg.tensor([(2 * i + 1) % n for i in range(count)])


def classified(model: nn.Module, *shape: int, n: int = 3) -> Any:
    """Cross-entropy of a model on random inputs of this shape."""
    model = model.to(tg.float64)
    return (lambda X, t: F.cross_entropy(model(X), t)), (randn(*shape), classes(shape[0], n)), model


@case
def cnn_with_max_pool() -> Any:
    return classified(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3)),
                      4, 1, 6, 6)


@case
def cnn_with_average_pool() -> Any:
    return classified(nn.Sequential(nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2), nn.Tanh(), nn.AvgPool2d(2),
                                    nn.Flatten(), nn.Linear(4, 3)), 4, 2, 4, 4)


@case
def cnn_with_adaptive_pool() -> Any:
    return classified(nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
                      4, 1, 4, 4)


@case
def cnn_with_batch_norm() -> Any:
    return classified(nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(),
                                    nn.Linear(8, 3)), 4, 1, 4, 4)


@case
def conv1d() -> Any:
    return classified(nn.Sequential(nn.Conv1d(2, 3, 3, dilation=2), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten()),
                      4, 2, 8)


@case
def conv_transpose() -> Any:
    model = nn.Sequential(nn.ConvTranspose2d(2, 1, 3, stride=2), nn.Sigmoid()).to(tg.float64)
    return (lambda X, t: F.mse_loss(model(X), t)), (randn(4, 2, 2, 2), randn(4, 1, 5, 5, seed=1)), model


@case
def batch_norm() -> Any:
    return classified(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3)), 5, 3)


@case
def layer_norm_with_gelu() -> Any:
    return classified(nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.GELU(), nn.Linear(4, 3)), 5, 3)


@case
def gelu_by_tanh() -> Any:
    return classified(nn.Sequential(nn.Linear(3, 4), nn.GELU("tanh"), nn.Linear(4, 3)), 5, 3)


@case
def group_norm() -> Any:
    return classified(nn.Sequential(nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.ELU(), nn.Flatten(), nn.Linear(16, 3)),
                      4, 1, 4, 4)


@case
def instance_norm() -> Any:
    return classified(nn.Sequential(nn.InstanceNorm2d(2, affine=True), nn.Flatten(), nn.Linear(8, 3)), 4, 2, 2, 2)


@case
def rms_norm() -> Any:
    return classified(nn.Sequential(nn.Linear(3, 4), nn.RMSNorm(4), nn.SiLU(), nn.Linear(4, 3)), 5, 3)


@case
def embedding() -> Any:
    table, out = nn.Embedding(5, 3).to(tg.float64), nn.Linear(3, 2).to(tg.float64)
    words, t = tg.tensor([[0, 1, 1], [4, 2, 0], [3, 3, 3], [1, 2, 4]]), classes(4, 2)
    return (lambda words, t: F.cross_entropy(out(table(words).mean(1)), t)), (words, t), nn.ModuleList([table, out])


class Last(nn.Module):
    """A recurrent layer and a linear one on its last output."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer, self.out = layer, nn.Linear(3, 3)

    def forward(self, X: Any) -> Any:
        return self.out(self.layer(X)[0][:, -1])


@case
def rnn() -> Any:
    return classified(Last(nn.RNN(2, 3, batch_first=True)), 4, 3, 2)


@case
def gru() -> Any:
    return classified(Last(nn.GRU(2, 3, batch_first=True)), 4, 3, 2)


@case
def lstm() -> Any:
    return classified(Last(nn.LSTM(2, 3, batch_first=True)), 4, 3, 2)


@case
def lstm_cell() -> Any:
    cell = nn.LSTMCell(2, 3).to(tg.float64)

    def loss(X: Any) -> Any:
        h, c = cell(X[:, 0])
        return (cell(X[:, 1], (h, c))[0] ** 2).mean()

    return loss, (randn(4, 2, 2),), cell


@case
def multihead_attention() -> Any:
    model = nn.MultiheadAttention(4, 2, batch_first=True).to(tg.float64)
    return (lambda X: (model(X, X, X, need_weights=False)[0] ** 2).mean()), (randn(3, 3, 4),), model


@case
def multihead_attention_with_weights() -> Any:
    model = nn.MultiheadAttention(4, 2, batch_first=True).to(tg.float64)
    return (lambda X: (model(X, X, X)[0] ** 2).mean() + model(X, X, X)[1].max()), (randn(3, 3, 4),), model


@case
def causal_attention() -> Any:
    model = nn.Linear(4, 12, bias=False).to(tg.float64)

    def loss(X: Any) -> Any:
        q, k, v = model(X).chunk(3, -1)
        return F.scaled_dot_product_attention(q, k, v, is_causal=True).pow(2).sum()

    return loss, (randn(3, 3, 4),), model


@case
def transformer_encoder_layer() -> Any:
    model = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True).to(tg.float64)
    return (lambda X: (model(X) ** 2 * X).mean()), (randn(2, 3, 4),), model


@case
def transformer_without_dropout() -> Any:
    model = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True, norm_first=True).to(tg.float64)
    return (lambda X: (model(X) ** 2 * X).mean()), (randn(2, 3, 4),), model


@case
def dropout() -> Any:
    return classified(nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 3)), 5, 3)


@case
def vae() -> Any:
    encoder, decoder = nn.Linear(4, 4).to(tg.float64), nn.Linear(2, 4).to(tg.float64)
    noise = randn(5, 2, seed=1)

    def loss(X: Any, noise: Any) -> Any:
        mean, log_variance = encoder(X).chunk(2, 1)
        image = decoder(mean + noise * (0.5 * log_variance).exp())
        divergence = -0.5 * (1 + log_variance - mean.pow(2) - log_variance.exp()).sum()
        return F.binary_cross_entropy_with_logits(image, X.sigmoid(), reduction="sum") + divergence

    return loss, (randn(5, 4), noise), nn.ModuleList([encoder, decoder])


@case
def gan_generator() -> Any:
    model = nn.Sequential(nn.Linear(2, 4), nn.LeakyReLU(0.2), nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1), nn.Sigmoid())
    model = model.to(tg.float64)
    return (lambda z: F.binary_cross_entropy(model(z), tg.ones(z.shape[0], 1, dtype=tg.float64))), (randn(4, 2),), model


@case
def gan_discriminator() -> Any:
    model = nn.Sequential(nn.Linear(3, 4), nn.LeakyReLU(0.2), nn.Linear(4, 1)).to(tg.float64)

    def loss(real, fake):  # type: ignore[no-untyped-def]
        r, f = model(real), model(fake.detach())
        return (F.binary_cross_entropy_with_logits(r, tg.ones_like(r))
                + F.binary_cross_entropy_with_logits(f, tg.zeros_like(f)))

    return loss, (randn(4, 3), randn(4, 3, seed=1)), model


def regression(loss: Callable[[Any, Any], Any], outputs: int = 2) -> Any:
    """A loss of a linear layer and random targets."""
    model = nn.Linear(3, outputs).to(tg.float64)
    return (lambda X, t: loss(model(X), t)), (randn(5, 3), randn(5, outputs, seed=1)), model


LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "label_smoothing": lambda z, t: F.cross_entropy(z, t.argmax(1), label_smoothing=0.1),
    "class_weights": lambda z, t: F.cross_entropy(z, t.argmax(1), weight=tg.tensor([0.25, 2.0], dtype=tg.float64)),
    "probabilities": lambda z, t: F.cross_entropy(z, t.softmax(1)),
    "nll": lambda z, t: F.nll_loss(z.log_softmax(1), t.argmax(1)),
    "l1": F.l1_loss,
    "mse_sum": lambda z, t: F.mse_loss(z, t, reduction="sum"),
    "huber": F.huber_loss,
    "smooth_l1": lambda z, t: F.smooth_l1_loss(z, t, beta=0.5),
    "kl": lambda z, t: F.kl_div(z.log_softmax(1), t.softmax(1), reduction="batchmean"),
    "bce": lambda z, t: F.binary_cross_entropy(z.sigmoid(), t.sigmoid()),
    "bce_with_logits": lambda z, t: F.binary_cross_entropy_with_logits(z, t.sigmoid()),
    "positive_weight": lambda z, t: F.binary_cross_entropy_with_logits(
        z, (t > 0).to(tg.float64), pos_weight=tg.tensor([2.0, 3.0], dtype=tg.float64)),
    "gaussian_nll": lambda z, t: F.gaussian_nll_loss(z, t, z.exp()),
    "poisson_nll": lambda z, t: F.poisson_nll_loss(z, t.exp()),
    "hinge": lambda z, t: F.soft_margin_loss(z, t.sign()),
    "cosine": lambda z, t: (1 - F.cosine_similarity(z, t)).mean(),
    "triplet": lambda z, t: F.triplet_margin_loss(z, t, t * 0.5 + 1),
    "normalize": lambda z, t: (F.normalize(z) * t).sum(),
    "cumsum": lambda z, t: (z.cumsum(1) * t).sum(),
    "cumprod": lambda z, t: (z.prod(1) * t[:, 0]).sum(),
    "std": lambda z, t: (z.std(0) * t[0]).sum() + z.var(1).sum(),
    "norm": lambda z, t: z.norm() + (z - t).norm(dim=1).sum(),
    "sort": lambda z, t: (z.sort(1).values * t).sum(),
    "topk": lambda z, t: (z.topk(1).values * t[:, :1]).sum(),
    "median": lambda z, t: z.median(1).values.sum(),
    "max_of_rows": lambda z, t: (z.max(1).values * t[:, 0]).sum(),
    "where": lambda z, t: tg.where(z > t, z, 0.5 * t * z).sum(),
    "clamp": lambda z, t: (z.clamp(-0.5, 0.5) * t).sum(),
    "indexing": lambda z, t: (z[[0, 2, 2]] * t[:3]).sum() + z[1:3, -1].sum(),
    "masked": lambda z, t: (z.masked_fill(t > 0, 0.0) ** 2).sum(),
    "gather": lambda z, t: z.gather(1, t.argmax(1)[:, None]).sum(),
    "cat_and_stack": lambda z, t: (tg.cat([z, t], 1) * tg.stack([z, z], 1).reshape(5, 4)).sum(),
    "roll_and_flip": lambda z, t: (z.roll(1, 0) * t.flip(1)).sum(),
    "pad": lambda z, t: (F.pad(z, (1, 1)) ** 2).sum(),
    "einsum": lambda z, t: tg.einsum("bi,bj->ij", z, t).pow(2).sum(),
    "einsum_attention": lambda z, t: tg.einsum(
        "qk,kd->qd", tg.einsum("qd,kd->qk", z, t).softmax(-1), z).pow(2).sum(),
    "logsumexp": lambda z, t: (z.logsumexp(1) * t[:, 0]).sum(),
    "outer_and_triangle": lambda z, t: tg.outer(z[:, 0], t[:, 1]).tril().sum(),
    "cdist": lambda z, t: tg.cdist(z, t).sum(),
    "repeat": lambda z, t: (z.repeat(1, 2) * tg.cat([t, t], 1)).sum() + (z.expand(2, 5, 2) * t).sum(),
    "interpolate": lambda z, t: (F.interpolate(z[:, None], scale_factor=2) ** 2).sum(),
    "gradient_penalty": lambda z, t: (z.abs() ** 1.5).mean() + (z / (1 + t * t)).sum() ** 2,
}
for name, loss in LOSSES.items():
    CASES.append(Case(name, partial(regression, loss)))

ACTIVATIONS = ["relu", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "softsign", "tanh",
               "sigmoid", "logsigmoid", "hardtanh", "hardswish", "hardsigmoid", "relu6", "softmax", "log_softmax",
               "softmin", "tanhshrink", "softshrink", "hardshrink", "threshold", "glu", "prelu"]


def activated(name: str) -> Any:
    """An activation between a linear layer and squares."""
    settings: tuple[Any, ...] = ()
    if name == "threshold":
        settings = (0.1, 20.0)
    if name in ("softmax", "softmin", "log_softmax", "glu"):
        settings = (-1,)
    if name == "prelu":
        settings = (tg.tensor([0.25], dtype=tg.float64),)
    function = getattr(F, name)
    return regression(lambda z, t: ((function(z, *settings) - t[:, :1]) ** 2).sum())


CASES += [Case(name, partial(activated, name)) for name in ACTIVATIONS]
