"""Convolution and pooling against explicit loops over their definitions, in memory, in explain and under capture."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.devices import DEVICES
from tinygrad_lite import nn
from tinygrad_lite.engine import backend
from tinygrad_lite.nn import functional as F

RNG = np.random.default_rng(0)


def looped(x: Any, w: Any, b: Any, stride: int, padding: int, dilation: int, groups: int) -> Any:
    """A convolution as its definition says, one product after the other."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    n, _, height, width = x.shape
    o, own, kh, kw = w.shape
    size = [(m - dilation * (k - 1) - 1) // stride + 1 for m, k in ((height, kh), (width, kw))]
    y = np.zeros((n, o, *size))
    for image, out, p, q in np.ndindex(y.shape):
        for c, i, j in np.ndindex(own, kh, kw):
            y[image, out, p, q] += w[out, c, i, j] * x[
                image, out // (o // groups) * own + c, p * stride + i * dilation, q * stride + j * dilation]
    return y + b[:, None, None]


@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), [(1, 0, 1, 1), (2, 1, 2, 2), (3, 2, 1, 1)])
def test_convolution_is_its_definition(stride: int, padding: int, dilation: int, groups: int) -> None:
    x, w, b = RNG.normal(size=(2, 4, 6, 7)), RNG.normal(size=(6, 4 // groups, 3, 2)), RNG.normal(size=6)
    expected = looped(x, w, b, stride, padding, dilation, groups)
    for device in (backend.numpy, *DEVICES):
        input, weight, bias = (tg.from_numpy(backend.transfer(v, device)) for v in (x, w, b))
        y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
        np.testing.assert_allclose(backend.to_host(y.array), expected, 1e-12, 1e-12)


def test_the_transpose_is_the_transpose() -> None:
    """<conv(x), y> = <x, conv_transpose(y)>."""
    w = tg.tensor(RNG.normal(size=(4, 3, 3, 2)))
    x, y = tg.tensor(RNG.normal(size=(2, 3, 7, 9))), tg.tensor(RNG.normal(size=(2, 4, 4, 5)))
    there, back = F.conv2d(x, w, stride=2, padding=1), F.conv_transpose2d(y, w, stride=2, padding=1, output_padding=1)
    assert (there.shape, back.shape) == (y.shape, (2, 3, 8, 9))
    back = F.conv_transpose2d(y, w, stride=2, padding=1, output_padding=(0, 1))
    assert (there * y).sum().item() == pytest.approx((x * back).sum().item(), rel=1e-12)


def test_blocks_do_not_show() -> None:
    """More images than fit in one block of columns, and not a multiple: the same as one by one."""
    x, layer = tg.tensor(RNG.normal(size=(71, 3, 24, 24))), nn.Conv2d(3, 5, 5, padding=2).double()
    x.requires_grad_()
    assert backend.scratch(x.array) < x.shape[0] * 75 * 24 * 24
    y = layer(x)
    g = tg.tensor(RNG.normal(size=y.shape))
    together = tg.autograd.grad(y, [x, *layer.parameters()], g)
    weights: list[Any] = []
    for i in range(71):
        one = x.detach()[i].requires_grad_()
        np.testing.assert_allclose(layer(one).detach().numpy(), y[i].detach().numpy(), 1e-12, 1e-12)
        d, *rest = tg.autograd.grad(layer(one), [one, *layer.parameters()], g[i])
        np.testing.assert_allclose(d.numpy(), together[0][i].numpy(), 1e-12, 1e-12)
        weights.append(rest)
    for k in (0, 1):
        np.testing.assert_allclose(sum(w[k].numpy() for w in weights), together[1 + k].numpy(), 1e-10, 1e-10)


def test_pooling_is_its_definition() -> None:
    x = RNG.normal(size=(2, 3, 7, 8))
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 2), (2, 3))[:, :, ::2, ::3]
    np.testing.assert_array_equal(F.max_pool2d(tg.tensor(x), (3, 2), (2, 3)).numpy(), windows.max((4, 5)))
    np.testing.assert_allclose(F.avg_pool2d(tg.tensor(x), (3, 2), (2, 3)).numpy(), windows.mean((4, 5)), 1e-12)


def test_the_first_of_equal_ones_gets_the_gradient() -> None:
    """First by rows: not the first column that has the maximum."""
    x = tg.tensor([[[0.0, 1.0], [1.0, 1.0]]], requires_grad=True)
    (g,) = tg.autograd.grad(F.max_pool2d(x, 2).sum(), x)
    assert g.tolist() == [[[0.0, 1.0], [0.0, 0.0]]]


class Small(nn.Module):
    """A network as in the digits' main job, only smaller."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 5, padding=2), nn.Conv2d(4, 6, 3, padding=1)
        self.third, self.last = nn.Conv2d(6, 6, 3, groups=6), nn.Linear(6 * 5 * 5, 10)

    def forward(self, x: Any) -> Any:
        x = F.max_pool2d(self.first(x).relu(), 2)
        x = F.avg_pool2d(self.third(self.second(x).relu()), 3, 1)
        return self.last(F.adaptive_avg_pool2d(x, 5).flatten(1))


def images(count: int) -> tuple[tg.Tensor, tg.Tensor]:
    return (tg.tensor(RNG.normal(size=(count, 1, 18, 18)).astype("float32")),
            tg.tensor(RNG.integers(0, 10, count)))


def stepper() -> tuple[nn.Module, Any]:
    tg.manual_seed(0)
    net = Small()
    optimizer = tg.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)

    def step(x: tg.Tensor, t: tg.Tensor) -> tg.Tensor:
        loss: tg.Tensor = F.cross_entropy(net(x), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return net, step


def test_a_captured_step_has_the_same_bits_and_keeps_no_memory() -> None:
    batches = [images(4) for _ in range(10)]
    (eager, step), (captured, inner) = stepper(), stepper()
    replayed = tg.capture(inner)
    tracemalloc.start()
    try:
        held = []
        for i in range(30):
            x, t = batches[i % 10]
            assert replayed(x, t).item() == step(x, t).item()
            if i in (9, 29):
                gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert held[-1] < held[9] + 100_000
    for p, q in zip(eager.parameters(), captured.parameters(), strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())


def test_evaluating_many_images_needs_little_more_than_the_results() -> None:
    """The columns of a block are used again; those of all images would take 98 MB here."""
    layer, x = nn.Conv2d(4, 2, 5, padding=2), tg.zeros(400, 4, 24, 24)
    tracemalloc.start()
    try:
        with tg.no_grad():
            y = layer(x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < y.array.nbytes + 3 * 4 * backend.scratch(x.array)


def test_explained_and_written_as_numpy() -> None:
    tg.manual_seed(1)
    net, (x, t) = Small(), images(3)
    explained = tg.explain(lambda x, t: F.cross_entropy(net(x), t), x, t)
    assert "x ∗ W1" in str(explained)
    scope: dict[str, Any] = {}
    exec(explained.code(), scope)
    parameters = [*net.parameters()]
    names = [f"{kind}{i}" for i in range(1, 5) for kind in "Wb"]
    given = {name: p.detach().numpy() for name, p in zip(names, parameters, strict=True)}
    loss, gradients = scope["loss_and_grads"](x=x.numpy(), t=t.numpy(), **given)
    expected = F.cross_entropy(net(x), t)
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    for name, p in zip(names, parameters, strict=True):
        assert p.grad is not None
        np.testing.assert_allclose(gradients[name], p.grad.numpy(), 1e-3, 1e-5)


def test_a_gradient_penalty() -> None:
    """A second derivative through a whole network, against differences."""
    tg.manual_seed(2)
    net, x = Small().double(), tg.tensor(RNG.normal(size=(2, 1, 18, 18)), requires_grad=True)

    def penalty() -> tg.Tensor:
        (g,) = tg.autograd.grad(net(x).tanh().sum(), x, create_graph=True)
        result: tg.Tensor = (g * g).sum()
        return result

    (second,) = tg.autograd.grad(penalty(), net.first.weight)
    found, h = [], 1e-6
    for by in (h, -2 * h):
        with tg.no_grad():
            net.first.weight.add_(by)
        found.append(penalty().item())
    assert second.sum().item() == pytest.approx((found[0] - found[1]) / (2 * h), rel=1e-5)
