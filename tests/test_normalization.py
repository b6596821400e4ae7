"""Normalization, dropout and tables: what no comparison with PyTorch shows."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tests.test_source import check
from tinygrad_lite import nn, ops
from tinygrad_lite.engine import backend
from tinygrad_lite.explanation.explanation import symbols_of


def normal(*shape: int, seed: int = 0) -> tg.Tensor:
    return tg.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def test_given_moments_change_neither_value_nor_derivatives() -> None:
    """Batch norm computes them anyway, for its running statistics; they still count as functions of the input."""
    x, w, b = normal(4, 3).requires_grad_(), normal(3, seed=1).requires_grad_(), normal(3, seed=2).requires_grad_()
    found = []
    for moments in (None, ops.moments(x.detach(), (0,))):
        y = ops.standardize(x, w, b, moments, (0,), 1e-3)
        first = tg.autograd.grad((y**3).sum(), [x, w, b], create_graph=True)
        second = tg.autograd.grad((first[0] ** 2).sum() + (first[1] * first[1]).sum(), [x, w])
        found.append([y, *first, *second])
    for a, c in zip(*found, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), c.detach().numpy(), rtol=1e-10, atol=1e-12)


def test_large_means_cost_no_digits() -> None:
    """The variance is that of centred numbers; the difference of two large sums would have lost it."""
    x = (normal(8, 64) * 1e-2 + 1e3).float()
    exact = np.asarray(x.numpy(), np.float64)
    exact = (exact - exact.mean(1, keepdims=True)) / np.sqrt(exact.var(1, keepdims=True) + 1e-12)
    np.testing.assert_allclose(nn.functional.layer_norm(x, (64,), eps=1e-12).numpy(), exact, atol=2e-2)


def test_float16_is_added_up_in_float32() -> None:
    """The mean of 300,000 elements, and of as many gradients."""
    x = tg.ones(300, 2, 1000, dtype="float16") * 3
    layer = nn.BatchNorm1d(2, momentum=1.0, dtype="float16")
    y = layer(x.requires_grad_())
    assert y.dtype == "float16"
    assert layer.running_mean.tolist() == [3, 3]
    (g,) = tg.autograd.grad(y, x, tg.ones_like(x))
    assert np.abs(g.numpy()).max() < 1, "the sum of the gradients is beyond float16, their mean is not"


def test_backward_after_the_statistics_moved() -> None:
    """In evaluation the running statistics are used; training before the backward overwrites them, not the gradient."""
    layer = nn.BatchNorm1d(3).eval()
    x = normal(4, 3).float().requires_grad_()
    y = layer(x)
    layer.train()(normal(4, 3, seed=1).float() * 7)
    y.sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), np.full((4, 3), 1 / np.sqrt(1 + 1e-5)), rtol=1e-6)


def test_results_may_be_overwritten() -> None:
    """By an activation in place: the op keeps what it needs in memory of its own."""
    for affine in (True, False):
        layer = nn.Sequential(nn.BatchNorm1d(3, affine=affine), nn.ReLU(inplace=True)).double()
        plain = nn.Sequential(nn.BatchNorm1d(3, affine=affine), nn.ReLU()).double()
        found = []
        for module in (layer, plain):
            x = normal(4, 3).requires_grad_()
            module(x).pow(3).sum().backward()
            assert x.grad is not None
            found.append(x.grad.numpy())
        np.testing.assert_array_equal(found[0], found[1])


LAYERS: dict[str, Callable[[], nn.Module]] = {
    "batch norm": lambda: nn.BatchNorm1d(4),
    "batch norm, mean of all batches": lambda: nn.BatchNorm1d(4, momentum=None),
    "batch norm without statistics": lambda: nn.BatchNorm1d(4, track_running_stats=False),
    "instance norm": lambda: nn.Sequential(nn.Unflatten(1, (2, 2)), nn.InstanceNorm1d(2, track_running_stats=True),
                                           nn.Flatten()),
    "group norm": lambda: nn.GroupNorm(2, 4),
    "layer norm": lambda: nn.LayerNorm(4),
    "rms norm": lambda: nn.RMSNorm(4),
    "dropout of channels": lambda: nn.Sequential(nn.Unflatten(1, (2, 2)), nn.Dropout1d(0.5), nn.Flatten()),
    "alpha dropout": lambda: nn.AlphaDropout(0.3),
    **{f.__name__: f for f in (nn.GELU, nn.SiLU, nn.Mish, nn.ELU, nn.SELU, nn.LeakyReLU, nn.PReLU, nn.Softplus,
                               nn.LogSigmoid, nn.Hardtanh, nn.Hardswish, nn.Softshrink, nn.Softsign)},
}


@pytest.mark.parametrize("name", LAYERS)
def test_captured_steps_are_the_eager_ones(name: str) -> None:
    """To the last bit, buffers included, with training and evaluation in turns; and the audits agree."""
    states = []
    for captured in (False, True):
        tg.manual_seed(0)
        model = nn.Sequential(nn.Linear(5, 4), LAYERS[name](), nn.Linear(4, 3))
        optimizer = tg.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

        def step(x: tg.Tensor, model: Any = model, optimizer: Any = optimizer) -> Any:
            loss = (model(x) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        run = tg.capture(step) if captured else step
        losses = []
        for i in range(14):
            model.train(i % 5 != 4)
            losses.append(run(normal(6, 5, seed=i).float()).item())
        states.append([losses, *(x.tolist() for x in model.state_dict().values())])
    assert states[0] == states[1]


@pytest.mark.parametrize("name", [n for n in LAYERS if "dropout" not in n])
def test_equations_and_source(name: str) -> None:
    """Each layer has equations, and source that computes the same."""
    tg.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4), LAYERS[name](), nn.Linear(4, 3)).double()
    x, t = normal(6, 5), normal(6, 3, seed=1)

    def loss(X: tg.Tensor, t: tg.Tensor) -> Any:
        return nn.functional.mse_loss(model(X), t)

    e = tg.explain(loss, x, t, names=model)
    assert "∂L/∂W1" in str(e)
    check(e.code(), loss, (x, t), symbols_of(model), X=x, t=t)


# --- dropout ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [nn.Dropout2d(0.4), nn.AlphaDropout(0.4), nn.FeatureAlphaDropout(0.4)], ids=repr)
def test_dropout_draws_from_its_generator(layer: Any) -> None:
    x = tg.ones(50, 3, 4, 4)
    results = []
    for seed in (0, 0, 1):
        layer.generator = tg.Generator(seed)
        results.append(layer(x))
    assert tg.equal(results[0], results[1])
    assert not tg.equal(results[0], results[2])
    assert layer.eval()(x) is x
    layer.train()


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    x = nn.functional.selu(tg.randn(400, 500, generator=tg.Generator(0)))
    y = nn.functional.alpha_dropout(x, 0.3, training=True, generator=tg.Generator(1))
    assert abs(float(y.mean())) < 0.02
    assert abs(float((y * y).mean() - 1)) < 0.02


# --- tables -----------------------------------------------------------------------------------------------------------


@st.composite
def additions(draw: st.DrawFn) -> tuple[tuple[int, ...], Any]:
    """A shape and a key of index arrays, slices and integers, some of them negative and many of them equal."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    size = draw(st.sampled_from([(), (1,), (9,), (2, 5), (0,)]))
    key = [rng.integers(-n, n, size) if i == 0 or draw(st.booleans()) else slice(None) for i, n in enumerate(shape)]
    mask = rng.random(shape) < 0.5
    return shape, draw(st.sampled_from([(key[0],), tuple(key), (mask,)]))


@given(additions(), st.sampled_from(["float32", "float64", "float16", "int64"]), st.booleans())
def test_scatter_add_has_the_bits_of_numpy(case: tuple[tuple[int, ...], Any], dtype: str, broadcast: bool) -> None:
    shape, key = case
    ours, theirs = (np.random.default_rng(0).integers(-9, 9, shape).astype(dtype) for _ in range(2))
    values = (np.random.default_rng(1).random(ours[key].shape) * 10).astype(dtype)
    values = values[..., :1] if broadcast and values.ndim else values
    backend.scatter_add(ours, key, values)
    np.add.at(theirs, key, values)
    np.testing.assert_array_equal(ours, theirs)


def test_scatter_add_refuses_what_is_out_of_range() -> None:
    for index in (3, -4):
        with pytest.raises(IndexError):
            backend.scatter_add(np.zeros((3, 2)), (np.array([0, index]),), np.ones((2, 2)))


def test_what_a_table_refuses() -> None:
    table = tg.zeros(3, 2)
    with pytest.raises(NotImplementedError, match="sparse"):
        nn.Embedding(3, 2, sparse=True)
    with pytest.raises(NotImplementedError, match="scale_grad_by_freq"):
        nn.functional.embedding(tg.tensor([0]), table, scale_grad_by_freq=True)
    with pytest.raises(ValueError, match="within num_embeddings"):
        nn.Embedding(3, 2, padding_idx=3)
    with pytest.raises(ValueError, match="Shape of weight"):
        nn.Embedding(3, 3, _weight=table)
    with pytest.raises(ValueError, match="2-dimensional"):
        nn.Embedding.from_pretrained(tg.zeros(3))
    with pytest.raises(IndexError, match="out of range"):
        nn.functional.embedding(tg.tensor([-1]), table)


def test_broadcast_targets_are_warned_of() -> None:
    for loss in (nn.functional.mse_loss, nn.functional.l1_loss, nn.functional.smooth_l1_loss, nn.functional.huber_loss):
        with pytest.warns(UserWarning, match="broadcasting"):
            loss(tg.zeros(3, 1), tg.zeros(3))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            loss(tg.zeros(3), tg.zeros(3))


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("shape", [(0, 2), (0, 2, 3), (2, 2, 0)])
def test_an_empty_batch_leaves_the_running_statistics(shape: tuple[int, ...], momentum: float | None) -> None:
    layer = nn.BatchNorm1d(2, momentum=momentum)
    x: Any = tg.ones(*shape, requires_grad=True)
    for count in (1, 2, 3):
        layer(x).sum().backward()
        assert layer.running_mean.tolist() == [0.0, 0.0]
        assert layer.running_var.tolist() == [1.0, 1.0]
        assert layer.num_batches_tracked.item() == count
    assert x.grad.shape == shape


@pytest.mark.parametrize("shape", [(0, 2, 3), (2, 2, 0), (2, 0)])
def test_empty_examples_leave_the_running_statistics_of_instances(shape: tuple[int, ...]) -> None:
    layer = nn.InstanceNorm1d(2, track_running_stats=True)
    layer(tg.ones(*shape))
    assert layer.running_mean.tolist() == [0.0, 0.0]
    assert layer.running_var.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("axes", [0, 1])
def test_batch_norm_of_an_input_without_channels(axes: int, training: bool) -> None:
    with pytest.raises(ValueError, match=rf"expected at least 2D input \(got {axes}D input\)"):
        nn.functional.batch_norm(tg.ones(*(4,) * axes) if axes else tg.tensor(1.0), tg.zeros(4), tg.ones(4),
                                 training=training)
