"""Activations, losses, dropout and embeddings as modules: how they print, what they hold, how they learn and draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

from .pair import BOTH, OURS, Array, array_of, assert_same

PRINTED = """
n.ReLU(True) ; n.LeakyReLU() ; n.LeakyReLU(0.2, True) ; n.PReLU() ; n.PReLU(3, 0.1) ; n.Hardtanh() ; n.Hardtanh(0, 2.5)
n.Hardtanh(-1, 1, True) ; n.ReLU6() ; n.ReLU6(inplace=True) ; n.Hardsigmoid() ; n.Hardswish() ; n.Threshold(0.1, 20)
n.Threshold(1, 2, True) ; n.Softshrink() ; n.Softshrink(1) ; n.Hardshrink(0.2) ; n.Sigmoid() ; n.Tanh() ; n.ELU()
n.ELU(2.0, True) ; n.SELU() ; n.SELU(True) ; n.CELU(0.5) ; n.CELU(1.0, inplace=True) ; n.GELU() ; n.GELU("tanh")
n.SiLU() ; n.SiLU(inplace=True) ; n.Mish() ; n.Softplus() ; n.Softplus(2, 10) ; n.LogSigmoid() ; n.Softsign()
n.Tanhshrink() ; n.GLU() ; n.GLU(1) ; n.Softmin() ; n.Softmin(dim=1) ; n.Softmax() ; n.LogSoftmax(-1) ; n.Softmax2d()
n.L1Loss() ; n.MSELoss(reduction="sum") ; n.SmoothL1Loss(beta=0.5) ; n.HuberLoss() ; n.NLLLoss() ; n.CrossEntropyLoss()
n.BCELoss() ; n.BCEWithLogitsLoss() ; n.KLDivLoss(log_target=True) ; n.PoissonNLLLoss() ; n.GaussianNLLLoss(full=True)
n.MarginRankingLoss(0.3) ; n.HingeEmbeddingLoss() ; n.CosineEmbeddingLoss() ; n.TripletMarginLoss() ; n.SoftMarginLoss()
n.MultiMarginLoss() ; n.MultiLabelSoftMarginLoss() ; n.CosineSimilarity() ; n.PairwiseDistance(1)
n.Dropout() ; n.Dropout1d(0.2) ; n.Dropout2d(inplace=True) ; n.Dropout3d() ; n.AlphaDropout(0.1)
n.FeatureAlphaDropout() ; n.Embedding(10, 3) ; n.Embedding(10, 3, padding_idx=-1) ; n.Embedding(4, 2, max_norm=1.0)
n.Embedding(4, 2, 1, 0.5, 3.0)
"""


@pytest.mark.parametrize("text", [t for line in PRINTED.strip().splitlines() for t in line.split(" ; ")])
def test_repr_and_names(text: str) -> None:
    ours, theirs = (eval(text, {"n": library.T.nn}) for library in BOTH)
    assert repr(ours) == repr(theirs)
    assert [(n, tuple(x.shape)) for n, x in ours.state_dict().items()] == [
        (n, tuple(x.shape)) for n, x in theirs.state_dict().items()]


def normal(*shape: int, seed: int = 0) -> Array:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape))


@pytest.mark.parametrize("max_norm", [None, 1.0])
@pytest.mark.parametrize("captured", [False, True])
def test_an_embedding_is_trained(max_norm: float | None, captured: bool) -> None:
    """Rows that occur often, rarely and never, and one for padding, over 50 steps of Adam."""
    found = []
    for library in BOTH:
        nn = library.T.nn
        table = nn.Embedding(7, 3, padding_idx=2, max_norm=max_norm, _weight=library.new(normal(7, 3)))
        head = nn.PReLU(3).double()
        optimizer = library.T.optim.Adam([*table.parameters(), *head.parameters()], lr=0.05)

        def step(x: Any, table: Any = table, head: Any = head, optimizer: Any = optimizer) -> Any:
            y = head(table(x).sum(1))
            loss = (y * y).mean() + y.sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        run = tg.capture(step) if captured and library is OURS else step
        rng = np.random.default_rng(0)
        losses = [run(library.new(rng.integers(0, 5, (4, 6)) ** 2 % 7)).item() for _ in range(50)]
        found.append([library.new(np.array(losses)), table.weight, head.weight])
    assert_same(found[0], found[1])


def test_from_pretrained_shares_memory_and_may_be_frozen() -> None:
    for library in BOTH:
        rows = library.new(normal(4, 2))
        for freeze in (True, False):
            table = library.T.nn.Embedding.from_pretrained(rows, freeze=freeze, padding_idx=1)
            assert table.weight.requires_grad is not freeze
            assert (table.num_embeddings, table.embedding_dim, table.padding_idx) == (4, 2, 1)
            assert np.shares_memory(table.weight.detach().numpy(), rows.numpy())


DROPOUTS = {
    "dropout": ((50, 40, 30), ()),
    "dropout1d": ((50, 40, 5), (2,)),
    "dropout2d": ((50, 40, 3, 2), (2, 3)),
    "dropout3d": ((50, 40, 3, 2, 1), (2, 3, 4)),
    "alpha_dropout": ((50, 40, 30), ()),
    "feature_alpha_dropout": ((50, 40, 5), (2,)),
}


@pytest.mark.parametrize("name", DROPOUTS)
@pytest.mark.parametrize("p", [0.2, 0.7])
def test_dropout_has_the_same_distribution(name: str, p: float) -> None:
    """The values that occur, what lies together, and how often it goes."""
    shape, together = DROPOUTS[name]
    found = []
    for library in BOTH:
        library.T.manual_seed(0)
        y = array_of(getattr(library.F, name)(library.new(np.ones(shape)), p, True))
        values = np.unique(y.round(12))
        assert len(values) == 2
        if together:
            np.testing.assert_array_equal(y.min(together), y.max(together))
        found.append([*values, (y > y.mean()).mean()])
    np.testing.assert_allclose(found[0][:2], found[1][:2], rtol=1e-10)
    assert abs(found[0][2] - found[1][2]) < 0.06


@pytest.mark.filterwarnings("ignore:.*dropout2d")
@pytest.mark.parametrize(("name", "shape"), [
    ("dropout1d", (3, 4)), ("dropout2d", (3, 4, 5)), ("dropout3d", (3, 4, 5, 2)),
])
def test_channels_without_a_batch(name: str, shape: tuple[int, ...]) -> None:
    """What counts as a channel there: an axis along which all is dropped at once, in both libraries."""
    together = []
    for library in BOTH:
        library.T.manual_seed(1)
        ys = [array_of(getattr(library.F, name)(library.new(np.ones(shape)), 0.5)) for _ in range(20)]
        together.append([all((y.min(axis) == y.max(axis)).all() for y in ys) for axis in range(len(shape))])
    assert together[0] == together[1]


def test_gumbel_softmax_has_the_same_distribution() -> None:
    """How often each class is drawn, and the gradient of hard draws."""
    logits = np.log(np.array([0.1, 0.2, 0.7]))
    found = []
    for library in BOTH:
        library.T.manual_seed(0)
        x = library.new(np.tile(logits, (20000, 1))).requires_grad_()
        y = library.F.gumbel_softmax(x, tau=0.5, hard=True)
        (y * library.new(np.array([1.0, 2.0, 4.0]))).sum().backward()
        found.append([*array_of(y).mean(0), *array_of(x.grad).mean(0)])
    np.testing.assert_allclose(found[0], found[1], atol=0.02)
