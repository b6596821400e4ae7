"""In-place writes: what they do to values, histories and gradients, and what is refused.

`tests/compare/test_inplace.py` compares random programs with PyTorch; here the rules stand one by one.
"""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.devices import DEVICES
from tinygrad_lite import Tensor
from tinygrad_lite.engine import backend

ON = pytest.mark.parametrize("device", [backend.numpy, *DEVICES], ids=lambda d: d.device)
OVERWRITTEN = "modified by an inplace operation"


def leaf(*values: Any, device: backend.Backend = backend.numpy) -> Tensor:
    return tg.tensor(np.array(values, float), device=device.device, requires_grad=True)


def constant(*values: Any, device: backend.Backend = backend.numpy) -> Tensor:
    return tg.tensor(np.array(values, float), device=device.device)


def check(x: Tensor | None, *expected: Any) -> None:
    assert x is not None
    np.testing.assert_allclose(backend.to_host(x.array), np.array(expected), 1e-12, 1e-12)


# --- tensors that are no views ----------------------------------------------------------------------------------------


@ON
def test_every_write_has_the_derivative_of_its_op(device: backend.Backend) -> None:
    writes: list[tuple[Any, list[float], list[float]]] = [
        # the write, d sum(y) / dx, d sum(y) / dw at x = [2, 3], w = [5, 7]; before the write y = 10 x
        (lambda y, w: y.add_(w), [10, 10], [1, 1]),
        (lambda y, w: y.add_(w, alpha=4), [10, 10], [4, 4]),
        (lambda y, w: y.sub_(w, alpha=4), [10, 10], [-4, -4]),
        (lambda y, w: y.mul_(w), [50, 70], [20, 30]),
        (lambda y, w: y.div_(w), [2, 10 / 7], [-20 / 25, -30 / 49]),
        (lambda y, w: y.pow_(2), [400, 600], [0, 0]),
        (lambda y, w: y.clamp_(0, 25), [10, 0], [0, 0]),
        (lambda y, w: y.copy_(w), [0, 0], [1, 1]),
        (lambda y, w: y.zero_(), [0, 0], [0, 0]),
        (lambda y, w: y.fill_(3), [0, 0], [0, 0]),
        (lambda y, w: y.fill_(w[0]), [0, 0], [2, 0]),
        (lambda y, w: y.__iadd__(w), [10, 10], [1, 1]),
        (lambda y, w: y.__isub__(w), [10, 10], [-1, -1]),
        (lambda y, w: y.__imul__(w), [50, 70], [20, 30]),
        (lambda y, w: y.__itruediv__(w), [2, 10 / 7], [-20 / 25, -30 / 49]),
        (lambda y, w: y.__ipow__(2), [400, 600], [0, 0]),
        (lambda y, w: y.mul_(y), [400, 600], [0, 0]),
        (lambda y, w: y.__setitem__(0, w[1]), [0, 10], [0, 1]),
        (lambda y, w: y.__setitem__(slice(None), w), [0, 0], [1, 1]),
        (lambda y, w: y.__setitem__(..., 4.0), [0, 0], [0, 0]),
        (lambda y, w: y.__setitem__([True, False], w[1]), [0, 10], [0, 1]),
        (lambda y, w: y.__setitem__([1, 0], w), [0, 0], [1, 1]),
        (lambda y, w: y.__setitem__(y > 25, 1.0), [10, 0], [0, 0]),
        (lambda y, w: y.__setitem__(0, y[0].mul_(w[0])), [50, 10], [20, 0]),
    ]
    for write, dx, dw in writes:
        x, w = leaf(2, 3, device=device), leaf(5, 7, device=device)
        y = x * 10
        write(y, w)
        assert not y.is_leaf
        for found, expected in zip(tg.autograd.grad(y.sum(), [x, w], allow_unused=True), (dx, dw), strict=True):
            check(tg.zeros(2) if found is None else found, *expected)


def test_a_write_returns_the_tensor_itself() -> None:
    y = leaf(1, 2) * 2
    same = y
    y += 1
    assert y is same
    assert y.mul_(2) is y
    assert y.zero_() is y


def test_a_constant_that_is_given_a_history() -> None:
    x, w = constant(1, 2), leaf(3, 4)
    assert not x.requires_grad
    x.mul_(w)
    assert x.requires_grad
    assert not x.is_leaf
    x.sum().backward()
    check(w.grad, 1, 2)


def test_a_leaf_is_written_under_no_grad_only() -> None:
    w = leaf(1, 2)
    writes: list[Any] = [lambda: w.add_(1), w.zero_, lambda: w.__setitem__(0, 1.0), lambda: w[0].mul_(2)]
    for write in (*writes, lambda: w.view(2, 1).zero_()):
        with pytest.raises(RuntimeError, match=r"leaf Variable that requires grad.*no_grad"):
            write()
    check(w.detach(), 1, 2)
    with tg.no_grad():
        w.add_(1)
        w[0] = 7.0
    check(w.detach(), 7, 3)
    assert w.is_leaf
    assert w.requires_grad


def test_a_write_that_does_not_fit_is_refused() -> None:
    y = constant(1, 2)
    with pytest.raises(RuntimeError, match="doesn't match the broadcast shape"):
        y.add_(constant([1, 2], [3, 4]))
    with pytest.raises(RuntimeError, match="doesn't match the broadcast shape"):
        y.copy_(constant([1, 2]))
    with pytest.raises(RuntimeError, match="can't be cast"):
        tg.tensor([1, 2]).mul_(0.5)
    with pytest.raises(RuntimeError, match="more than one element"):
        constant(1).expand(3).add_(1)
    with pytest.raises(ValueError, match="broadcast"):
        y[:1] = constant(1, 2)
    check(y, 1, 2)


def test_a_write_keeps_the_dtype() -> None:
    x, w = tg.ones(2), leaf(3, 4)
    x.mul_(w)
    assert x.dtype == tg.float32
    (x * 2).sum().backward()
    check(w.grad, 2, 2)
    assert w.grad is not None
    assert w.grad.dtype == tg.float64


# --- values that a gradient needs -------------------------------------------------------------------------------------


@ON
def test_an_overwritten_value_that_a_gradient_needs(device: backend.Backend) -> None:
    def through_y(y: Tensor) -> None:
        y.add_(1)

    def through_a_view(y: Tensor) -> None:
        y[0] = 1.0

    def through_a_detached_alias(y: Tensor) -> None:
        y.detach().zero_()

    def through_data(y: Tensor) -> None:
        y.data.zero_()

    def under_no_grad(y: Tensor) -> None:
        with tg.no_grad():
            y.mul_(2)

    for write in (through_y, through_a_view, through_a_detached_alias, through_data, under_no_grad):
        x = leaf(1, 2, device=device)
        y = x * 2
        z = y.sin()
        write(y)
        with pytest.raises(RuntimeError, match=f"{OVERWRITTEN}: sin needs its operand input"):
            z.sum().backward()
        assert x.grad is None


def test_an_overwritten_result_that_a_gradient_needs() -> None:
    x = leaf(1, 2)
    y = x.exp()
    y.add_(1)
    with pytest.raises(RuntimeError, match=f"{OVERWRITTEN}: exp needs its result"):
        y.sum().backward()


def test_an_overwritten_value_that_no_gradient_needs() -> None:
    x = leaf(1, 2)
    y = x * 2
    z = y + 1
    y.zero_()
    z.sum().backward()
    check(x.grad, 2, 2)


@pytest.mark.parametrize("view", [
    lambda y: y.expand(2, 2), lambda y: y.expand(-1, 2), lambda y: y.expand(1, 1, 2, 2), lambda y: y.expand(1, 2, 2)[0],
    lambda y: y.expand_as(y), lambda y: y.broadcast_to((1, 2, 2)), lambda y: tg.broadcast_tensors(y, y)[1],
    lambda y: y.T.expand(1, -1, -1).T[..., 0]])
@pytest.mark.parametrize("captured", [False, True])
def test_an_expand_that_expands_nothing_can_be_written_to(view: Callable[[Any], Any], captured: bool) -> None:
    w, c = leaf([1, 2], [3, 4]), constant([1, 1], [1, 1])

    def step() -> Any:
        w.grad = None
        y = w * 3
        view(y).mul_(5)
        view(y).add_(y.detach())
        loss = (y * y).sum()
        loss.backward()
        with tg.no_grad():
            view(c).mul_(2)
        return loss

    run = tg.capture(step) if captured else step
    for k in range(4):
        assert run().item() == 900 * 30
        check(w.grad, [2 * 30 * 15, 4 * 30 * 15], [6 * 30 * 15, 8 * 30 * 15])
        check(c, *[[2 ** (k + 1)] * 2] * 2)
    for wrong in ((4,), (2, 3), (3, 2), (2,), (1, 3, 2)):
        with pytest.raises(ValueError, match=r"broadcast|axes|dimension"):
            constant([1, 2], [3, 4]).expand(wrong)


def shifted(x: Any, copied: Any) -> None:
    x[1:].copy_(copied(x[:-1]))
    x[:-1] *= copied(x[1:])
    x[::2] = copied(x[:3])
    x.add_(copied(x.flip(0)[..., None])[..., 0])


def mirrored(x: Any, copied: Any) -> None:
    square = x.view(5, 1) * tg.arange(5.0).double()
    square.add_(copied(square.T))
    square.mul_(copied(square.transpose(0, 1)))
    square[:, 1:].copy_(copied(square[:, :-1]))
    x.copy_(square.sum(1) + copied(x[:1]))


@pytest.mark.parametrize("writes", [shifted, mirrored])
def test_what_overlaps_with_what_is_written_is_read_before(writes: Callable[..., None]) -> None:
    """PyTorch refuses this; here the result is that of a copy."""
    results = []
    for copied in (lambda x: x, lambda x: x.clone()):
        w = leaf(1, 2, 3, 4, 5)
        x = w * w
        writes(x, copied)
        (x * x).sum().backward()
        results.append((x.tolist(), w.grad.tolist()))  # type: ignore[union-attr]
    assert results[0] == results[1]


@pytest.mark.parametrize("parts", [
    lambda x: x.unbind(), lambda x: x.unbind(1), lambda x: x.split(1), lambda x: x.chunk(2, 1), lambda x: [*x],
    lambda x: x.tensor_split(2), lambda x: x.split([1, 1])])
def test_each_of_the_views_of_one_call_can_be_written_to(parts: Callable[[Any], Any]) -> None:
    """PyTorch refuses this; here they are views like all others."""
    results = []
    for by_mask in (False, True):
        w, s = leaf([1, 2], [3, 4]), leaf(7)
        x = w * w
        if by_mask:  # no view: what is written is chosen by masks
            places = [tg.zeros(2, 2).double() for _ in range(2)]
            for k, place in enumerate(places):
                parts(place)[k].fill_(1)
            x = x * (places[0] * s + places[1])
            loss = (x.sum() ** 2) + ((places[1] * x) ** 3).sum()
        else:
            a, b = parts(x)
            a.mul_(s)
            loss = (x.sum() ** 2) + (b**3).sum()
            assert (a.sum() + b.sum()).item() == x.sum().item()
        loss.backward()
        results.append([v.tolist() for v in (loss.detach(), w.grad, s.grad)])  # type: ignore[union-attr]
    assert results[0] == results[1]


def test_a_value_saved_after_the_write() -> None:
    x = leaf(1, 2)
    y = x * 2
    y.add_(1)
    (y * y).sum().backward()
    check(x.grad, 12, 20)


def test_a_weight_changed_before_backward() -> None:
    w = leaf([1, 2], [3, 4])
    loss = ((constant([1, 1]) @ w) @ w).sum()
    with tg.no_grad():
        w -= 0.1
    with pytest.raises(RuntimeError, match=OVERWRITTEN):
        loss.backward()


def test_the_old_values_that_the_write_itself_needs_are_kept() -> None:
    x, w = leaf(2, 3), leaf(5, 7)
    y = x * 1
    for _ in range(3):
        y *= w
    y.sum().backward()
    check(w.grad, 3 * 2 * 25, 3 * 3 * 49)
    check(x.grad, 125, 343)


def test_a_write_of_the_tensor_to_itself() -> None:
    x = leaf(2, 3)
    y = x * 1
    y.mul_(y)
    y.add_(y)
    y[0] = y[1]
    y.sum().backward()
    check(x.grad, 0, 24)


def test_copies_are_safe() -> None:
    x = leaf(1, 2)
    y = x * 2
    z = y.clone().sin()
    y.zero_()
    z.sum().backward()
    check(x.grad, *(2 * np.cos([2, 4])))


# --- views ------------------------------------------------------------------------------------------------------------


@ON
def test_a_write_through_a_view_is_in_the_history_of_its_base(device: backend.Backend) -> None:
    x, w = leaf([1, 2], [3, 4], device=device), leaf(5, 7, device=device)
    y = x * 2
    y[0].mul_(w)
    (y * constant([1, 10], [100, 1000], device=device)).sum().backward()
    check(x.grad, [10, 140], [200, 2000])
    check(w.grad, 2, 40)


@ON
def test_a_view_sees_what_is_written_to_its_base(device: backend.Backend) -> None:
    x, w = leaf(1, 2, device=device), leaf(5, 7, device=device)
    y = x * 2
    v = y[1:]
    y.mul_(w)
    v.sum().backward()
    check(x.grad, 0, 14)
    check(w.grad, 0, 4)


def test_views_of_views_in_every_direction() -> None:
    x, w = leaf([1, 2, 3], [4, 5, 6]), leaf(10, 20)
    y = x * 1
    column = y.T[1]  # [2, 5]
    flat = y.reshape(-1)
    row = flat.view(2, 3)[1]  # [4, 5, 6]
    column.mul_(w)  # 5 becomes 100
    check(row.detach(), 4, 100, 6)
    row.mul_(row)
    check(flat.detach(), 1, 20, 3, 16, 10000, 36)
    flat.sum().backward()
    check(x.grad, [1, 10, 1], [8, 2 * 5 * 20 * 20, 12])
    check(w.grad, 2, 2 * 5 * 5 * 20)


def test_a_view_that_there_is_in_one_layout_of_memory_only() -> None:
    x = leaf([1, 2, 3], [4, 5, 6])
    y = x.T * 1  # its columns lie together, and so its transpose is contiguous
    flat = y.T.view(-1)
    flat[:2].mul_(10)
    (y * constant([1, 2], [1, 2], [1, 2])).sum().backward()
    check(x.grad, [10, 10, 1], [2, 2, 2])


def test_the_values_along_a_dim_are_no_view() -> None:
    x = leaf([1, 2], [3, 0])
    best = x.max(0).values
    first = best[0]
    best.mul_(5)
    gradient, = tg.autograd.grad(first, best)
    check(gradient, 1, 0)


def test_a_view_of_a_constant_that_is_given_a_history() -> None:
    buffer, w = tg.zeros(3, 2, dtype=tg.float64), leaf(1, 2)
    rows = [buffer[i] for i in range(3)]
    for i, row in enumerate(rows):
        row.copy_(w * i)
    (buffer * buffer).sum().backward()
    check(w.grad, 2 * (0 + 1 + 4) * 1, 2 * (0 + 1 + 4) * 2)
    assert all(row.requires_grad for row in rows)


def test_a_view_that_was_made_a_leaf() -> None:
    x, w = constant(1, 2, 3), leaf(4, 5, 6)
    v = x[:2].requires_grad_()
    with pytest.raises(RuntimeError, match="a leaf Variable"):
        v.zero_()
    with pytest.raises(RuntimeError, match="a view of a leaf Variable"):
        v[0].zero_()
    (v * v).sum().backward()
    check(v.grad, 2, 4)
    x.mul_(w)  # now the view is a part of what was computed
    assert not v.is_leaf
    v.sum().backward()
    check(w.grad, 1, 2, 0)


def test_a_view_taken_under_no_grad() -> None:
    x = leaf(1, 2)
    y = x * 2
    with tg.no_grad():
        v = y[0]
    assert not v.requires_grad
    with pytest.raises(RuntimeError, match="created in no_grad mode"):
        v.mul_(leaf(3)[0])
    y.add_(1)
    assert v.requires_grad


def test_the_history_of_a_view_is_made_anew_also_under_no_grad() -> None:
    x = leaf(1, 2)
    y = x * 2
    v = y[0]
    y.mul_(3)
    with tg.no_grad():
        assert v.requires_grad
    v.backward()
    check(x.grad, 6, 0)


def test_a_detached_alias_is_no_view() -> None:
    x, w = leaf(1, 2), leaf(3, 4)
    y = x * 2
    alias = y.detach()
    y.mul_(w)
    check(alias, 6, 16)
    assert not alias.requires_grad
    alias.zero_()
    check(y.detach(), 0, 0)
    y.sum().backward()  # mul kept its own copy of the old values
    check(w.grad, 2, 4)


def test_detach_in_place() -> None:
    x = leaf(1, 2)
    y = x * 2
    v = y[0]
    with pytest.raises(RuntimeError, match="Can't detach views in-place"):
        v.detach_()
    y.detach_()
    assert not y.requires_grad
    assert v.requires_grad  # its values are still those that were computed from x
    y.zero_()
    assert not v.requires_grad


def test_a_view_keeps_nothing_of_its_base_when_copied() -> None:
    v = constant(1, 2)[1:].requires_grad_()
    for copied in (copy.deepcopy(v), pickle.loads(pickle.dumps(v))):
        assert type(copied) is Tensor
        assert copied.requires_grad
        check(copied.detach(), 2)
        with tg.no_grad():
            copied.zero_()
    check(v.detach(), 2)


def test_results_that_could_be_the_operand_are_tensors_of_their_own() -> None:
    x = leaf(1, 2)
    for result in (x.squeeze(0), x.t(), x.expand(2), x.reshape(2), x[...], x.view(2)):
        assert result is not x
        assert not result.is_leaf
    scalar = constant(1)[0]
    scalar.max(0)[0].zero_()
    assert scalar.item() == 1


def test_an_assignment_spreads_its_gradient_over_what_it_filled() -> None:
    w, scale = leaf(3), leaf(2)
    x = tg.zeros(2, 3, dtype=tg.float64)
    x[0] = w
    x[1, 1:] = scale[0]
    x[[1], [0]] = w * scale
    (x * constant([1, 2, 3], [4, 5, 6])).sum().backward()
    check(w.grad, 1 + 2 + 3 + 4 * 2)
    check(scale.grad, 5 + 6 + 4 * 3)


def test_integers_of_a_key_select_before_its_arrays() -> None:
    x = tg.arange(24).reshape(2, 3, 4)
    assert x[0, :, [1, 3]].shape == (3, 2)
    x[1, :, [0, 2]] = tg.tensor([[1, 2]] * 3)
    assert x[1].tolist() == [[1, 13, 2, 15], [1, 17, 2, 19], [1, 21, 2, 23]]


# --- hooks, higher derivatives, memory --------------------------------------------------------------------------------


def test_retain_grad_follows_the_latest_values_and_a_hook_stays() -> None:
    x, w = leaf(1, 2), leaf(5, 7)
    y = x * 2
    v = y[1]
    seen: list[Any] = []
    y.retain_grad()
    v.retain_grad()
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.mul_(w)
    (y.sum() + v * 10).backward()
    check(y.grad, 1, 11)
    assert v.grad is not None
    assert v.grad.item() == 10
    assert seen == [[5.0, 77.0]]


def test_second_derivatives_through_writes() -> None:
    x = leaf(2, 3)
    y = x * x
    y[0] *= x[1]
    y.pow_(2)  # 12 ** 2 = (x0 ** 2 x1) ** 2 and x1 ** 4
    first, = tg.autograd.grad(y.sum(), x, create_graph=True)
    check(first.detach(), 4 * 8 * 9, 2 * 16 * 3 + 4 * 27)
    second, = tg.autograd.grad(first.sum(), x)
    check(second, 12 * 4 * 9 + 8 * 8 * 3, 8 * 8 * 3 + 2 * 16 + 12 * 9)


def test_second_derivatives_where_the_gradient_of_what_was_overwritten_is_zero() -> None:
    x = leaf(0)
    ways: list[Any] = [lambda h: h.copy_(x), lambda h: h.sign() + x]
    for forget in ways:
        h = forget(x + 5)  # the gradient that comes to it is x, which is 0 here, but not constant
        first, = tg.autograd.grad((x * h).sum(), x, create_graph=True)
        second, = tg.autograd.grad(first.sum(), x)
        check(second, 2)


def test_many_views_and_writes_leave_no_cycle() -> None:
    gc.disable()
    try:
        x = leaf(1, 2)
        y = x * 2
        v = y[0]
        v.mul_(3)
        y.add_(v)
        dead = [weakref.ref(y), weakref.ref(v)]
        y.sum().backward()
        del y, v
        assert [ref() for ref in dead] == [None, None]
    finally:
        gc.enable()


def test_an_overwritten_value_has_gradient_zero_even_where_the_gradient_is_infinite() -> None:
    x = leaf(1, 2)
    y = x * 2
    y.copy_(tg.tensor([3.0, 4.0], dtype=tg.float64))
    (y * tg.tensor([float("inf"), 1.0], dtype=tg.float64)).sum().backward()
    check(x.grad, 0, 0)


# --- views of no_grad, memory that overlaps ---------------------------------------------------------------------------


@pytest.mark.parametrize("write", [
    lambda v: v.mul_(2),
    lambda v: v.copy_(tg.zeros(2, dtype="float64")),
    lambda v: v.zero_(),
    lambda v: v[:1].add_(1),
    lambda v: v.__setitem__(0, 5.0),
    lambda v: v.__setitem__(np.array([0]), 5.0),
    lambda v: v.requires_grad_(False).add_(1),
])  # fmt: skip
@pytest.mark.parametrize("of_leaf", [False, True])
def test_a_view_of_no_grad_is_not_written_to_where_writes_are_recorded(write: Any, of_leaf: bool) -> None:
    x = tg.tensor(np.ones(3), requires_grad=True)
    y = x if of_leaf else x * 1
    with tg.no_grad():
        v = y[:2]
    message = "a view of a leaf Variable" if of_leaf else "A view was created in no_grad mode"
    with pytest.raises(RuntimeError, match=message):
        write(v)
    assert y.tolist() == [1.0, 1.0, 1.0]
    with tg.no_grad():
        write(v)
    constant = y.detach()[:2]
    write(constant)


def test_a_view_taken_before_its_base_became_a_leaf_is_not_written_to() -> None:
    x = tg.ones(3)
    v = x[:2]
    x.requires_grad_()
    with pytest.raises(RuntimeError, match="a view of a leaf Variable"):
        v.mul_(2)


def test_a_view_of_no_grad_follows_a_base_that_is_recorded_later() -> None:
    x = tg.tensor(np.ones(3), requires_grad=True)
    y = tg.zeros(3, dtype="float64")
    with tg.no_grad():
        v = y[:2]
    y.add_(x)
    v.mul_(2)
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 2.0, 1.0]


@pytest.mark.parametrize(("write", "expected"), [
    (lambda x: x.__setitem__(slice(1, None), x[:-1]), [0.0, 0.0, 1.0, 2.0]),
    (lambda x: x.__setitem__(slice(None, -1), x[1:]), [1.0, 2.0, 3.0, 3.0]),
    (lambda x: x[1:].add_(x[:-1]), [0.0, 1.0, 3.0, 5.0]),
    (lambda x: x[1:].copy_(x[:-1]), [0.0, 0.0, 1.0, 2.0]),
    (lambda x: x.__setitem__(np.array([1, 2, 3]), x[:-1]), [0.0, 0.0, 1.0, 2.0]),
    (lambda x: x.reshape(2, 2).copy_(x.reshape(2, 2).T), [0.0, 2.0, 1.0, 3.0]),
])  # fmt: skip
def test_source_and_target_may_overlap(write: Any, expected: list[float]) -> None:
    x = tg.arange(4.0)
    write(x)
    assert x.tolist() == expected
    y = tg.arange(4.0).requires_grad_() * 1
    write(y)
    assert y.tolist() == expected


@pytest.mark.parametrize("write", [lambda x: x.add_(1), lambda x: x.__setitem__(0, 1.0), lambda x: x[0].zero_()])
def test_memory_that_is_broadcast_or_read_only_is_not_written_to(write: Any) -> None:
    array = np.zeros(3)
    array.flags.writeable = False
    for x in (tg.zeros(1).expand(3), tg.from_numpy(array)):
        with pytest.raises(RuntimeError, match=r"Please clone\(\) the tensor"):
            write(x)


@pytest.mark.parametrize("kind", [np.matrix, np.ma.MaskedArray, np.memmap])
def test_writes_to_the_memory_of_a_subclass_of_ndarray_are_seen(kind: type[np.ndarray[Any, Any]]) -> None:
    array = np.ones((2, 2)).view(kind)
    x = tg.from_numpy(array)
    assert x.array.__class__ is np.ndarray
    w = tg.tensor(np.ones((2, 2)), requires_grad=True)
    loss = (w * x).sum()
    tg.from_numpy(array[:1]).mul_(2)
    assert np.asarray(array)[0, 0] == 2
    with pytest.raises(RuntimeError, match="modified by an inplace operation: mul needs its operand other"):
        loss.backward()


def test_ravel_is_a_view_only_where_elements_lie_in_order() -> None:
    x = tg.zeros(3, 2)
    x.ravel().add_(1)
    x[1:].ravel().add_(1)
    for part in (x[..., 0], x.T, x.view(3, 1, 2)[..., 0]):  # of which some could be flattened without a copy
        part.ravel().add_(10)
    assert x.tolist() == [[1, 1], [2, 2], [2, 2]]


def test_windows_follow_a_write_to_their_base() -> None:
    a = tg.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    y = a * 1
    windows = y.unfold(-1, 2, 1)
    y.mul_(a)
    windows.sum().backward()
    assert a.grad is not None
    assert a.grad.tolist() == [[2.0, 8.0, 6.0], [8.0, 20.0, 12.0]]
