"""Modules hold what they are given, in order; layers, losses and initialisation compute what PyTorch's do."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import weakref
from collections.abc import Callable
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.devices import DEVICES
from tinygrad_lite import nn
from tinygrad_lite.engine import backend, graph
from tinygrad_lite.nn import functional as F
from tinygrad_lite.nn import init


class Net(nn.Module):
    """Every kind of thing that a module holds, registered in an order that is not alphabetical."""

    mean: tg.Tensor
    count: tg.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.second = nn.Linear(3, 2)
        self.scale = nn.Parameter(tg.ones(2))
        self.register_buffer("mean", tg.zeros(2))
        self.register_buffer("scratch", tg.zeros(1), persistent=False)
        self.register_buffer("absent", None)
        self.register_parameter("none", None)
        self.first = nn.Sequential(nn.Linear(4, 3, bias=False), nn.Tanh())
        self.shift = nn.Parameter(tg.zeros(2))

    def forward(self, x: Any) -> Any:
        return self.second(self.first(x)) * self.scale + self.shift


NAMES = ["scale", "shift", "second.weight", "second.bias", "first.0.weight"]


# --- Module -----------------------------------------------------------------------------------------------------------


def test_everything_comes_in_the_order_of_registration() -> None:
    net = Net()
    assert [n for n, _ in net.named_parameters()] == NAMES
    assert [p.shape for p in net.parameters()] == [(2,), (2,), (2, 3), (2,), (3, 4)]
    assert [n for n, _ in net.named_parameters(recurse=False)] == ["scale", "shift"]
    assert [n for n, _ in net.named_parameters("net")] == [f"net.{n}" for n in NAMES]
    assert [n for n, _ in net.named_buffers()] == ["mean", "scratch"]
    assert [n for n, _ in net.named_children()] == ["second", "first"]
    assert [n for n, _ in net.named_modules()] == ["", "second", "first", "first.0", "first.1"]
    assert list(net.state_dict()) == ["scale", "shift", "mean", *NAMES[2:]]
    assert list(net.state_dict(prefix="net.")) == [f"net.{n}" for n in net.state_dict()]


def test_a_shared_part_is_counted_once_but_saved_under_each_name() -> None:
    layer = nn.Linear(2, 2, bias=False)
    net = nn.Sequential(layer, nn.Tanh(), layer)
    assert [n for n, _ in net.named_parameters()] == ["0.weight"]
    assert [n for n, _ in net.named_parameters(remove_duplicate=False)] == ["0.weight", "2.weight"]
    assert list(net.state_dict()) == ["0.weight", "2.weight"]
    x = tg.randn(1, 2)
    np.testing.assert_array_equal(net(x).detach().numpy(), layer(layer(x).tanh()).detach().numpy())


def test_replacing_keeps_the_place_and_the_rules_of_assignment_hold() -> None:
    net = Net()
    net.scale = nn.Parameter(tg.zeros(2))
    assert [n for n, _ in net.named_parameters()] == NAMES
    with pytest.raises(TypeError, match=r"'Tensor' object to parameter 'scale' \(Parameter or None expected\)"):
        net.scale = tg.zeros(2)  # type: ignore[assignment]
    with pytest.raises(TypeError, match="cannot assign 'int' object to child module 'first'"):
        net.first = 3  # type: ignore[assignment]
    with pytest.raises(TypeError, match="cannot assign 'int' object to buffer 'mean'"):
        net.mean = 3  # type: ignore[assignment]
    net.mean = tg.ones(2)
    assert net.state_dict()["mean"].tolist() == [1.0, 1.0]
    net.shift = None  # type: ignore[assignment]
    assert "shift" not in net.state_dict()
    net.plain = tg.ones(1)  # a Tensor that is no Parameter is just an attribute
    assert "plain" not in net.state_dict()
    del net.scale
    assert [n for n, _ in net.named_parameters()] == NAMES[2:]
    assert not hasattr(net, "scale")
    net.second = nn.Parameter(tg.ones(1))  # type: ignore[assignment]
    assert [n for n, _ in net.named_parameters()] == ["second", "first.0.weight"]
    assert [n for n, _ in net.named_children()] == ["first"]


@pytest.mark.parametrize(("register", "error", "text"), [
    (lambda m: m.register_parameter("training", None), KeyError, "attribute 'training' already exists"),
    (lambda m: m.register_parameter("forward", None), KeyError, "attribute 'forward' already exists"),
    (lambda m: m.register_parameter("a.b", None), KeyError, r'parameter name can.*t contain "\."'),
    (lambda m: m.register_buffer("", None), KeyError, "buffer name can.*t be empty string"),
    (lambda m: m.register_buffer(3, None), TypeError, "buffer name should be a string, got int"),
    (lambda m: m.register_parameter("w", tg.ones(1)), TypeError, "cannot assign 'Tensor' object to parameter 'w'"),
    (lambda m: m.register_buffer("w", 1.0), TypeError, "cannot assign 'float' object to buffer 'w'"),
    (lambda m: m.add_module("w", tg.ones(1)), TypeError, "Tensor is not a Module subclass"),
    (lambda m: m(1), NotImplementedError, r'Module \[Module\] is missing the required "forward" function'),
    (lambda m: m.train(1), ValueError, "training mode is expected to be boolean"),
])
def test_what_a_module_refuses(register: Callable[[Any], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        register(nn.Module())


def test_a_forgotten_super_init_is_named() -> None:
    class Forgetful(nn.Module):
        def __init__(self) -> None:
            self.weight = nn.Parameter(tg.ones(1))

    with pytest.raises(AttributeError, match=r"cannot assign parameter before Module.__init__\(\) call"):
        Forgetful()


def test_a_parameter_shares_memory_requires_grad_and_makes_plain_tensors() -> None:
    data = tg.ones(2)
    p = nn.Parameter(data)
    assert np.shares_memory(p.array, data.array)
    assert p.requires_grad
    assert p.is_leaf
    assert not nn.Parameter(data, requires_grad=False).requires_grad
    assert type(p * 2) is tg.Tensor
    assert nn.Parameter().shape == (0,)
    assert repr(p) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    for same in (copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert type(same) is nn.Parameter
        assert same.requires_grad
        assert not np.shares_memory(same.array, p.array)


def test_train_and_eval_reach_everything_below() -> None:
    net = Net()
    assert all(m.training for m in net.modules())
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    assert net.train() is net
    assert all(m.training for m in net.modules())


def test_a_module_may_decide_for_itself_what_train_means() -> None:
    class Frozen(nn.Linear):
        def train(self, mode: bool = True) -> Frozen:
            return super().train(False)

    net = nn.Sequential(nn.Sequential(Frozen(2, 2)), nn.Dropout()).train()
    assert [m.training for m in net.modules()] == [True, True, False, True]


def test_apply_goes_from_the_inside_out() -> None:
    net, seen = Net(), []
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["Linear", "Linear", "Tanh", "Sequential", "Net"]


def test_requires_grad_and_zero_grad_reach_all_parameters() -> None:
    net = Net()
    net(tg.ones(1, 4)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad(set_to_none=False)
    assert all(not p.grad.array.any() for p in net.parameters())  # type: ignore[union-attr]
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    assert not any(p.requires_grad for p in net.requires_grad_(False).parameters())


def test_conversion_keeps_the_objects_and_leaves_integers() -> None:
    net = Net()
    net.register_buffer("count", tg.tensor([2**60 + 1]))
    net(tg.ones(1, 4)).sum().backward()
    before = list(net.parameters())
    assert net.double() is net
    assert all(a is b for a, b in zip(before, net.parameters(), strict=True))
    assert {t.dtype for t in (*net.parameters(), net.mean)} == {np.dtype("float64")}
    assert all(p.grad is not None and p.grad.dtype == tg.float64 for p in net.parameters())
    assert net.count.tolist() == [2**60 + 1]
    net.zero_grad()
    net(tg.ones(1, 4, dtype=tg.float64)).sum().backward()
    assert {p.grad.dtype for p in net.parameters() if p.grad is not None} == {np.dtype("float64")}
    with pytest.raises(TypeError, match="only accepts floating point dtypes"):
        net.to(tg.int64)
    assert net.half().shift.dtype == tg.float16
    assert net.to("cpu", tg.float32).shift.dtype == tg.float32
    assert net.float().cpu().count.dtype == tg.int64


@pytest.mark.parametrize("device", DEVICES, ids=repr)
def test_on_other_backends(device: Any) -> None:
    net = Net().double()
    x = np.random.default_rng(0).standard_normal((5, 4))
    expected = net(tg.from_numpy(x)).detach().numpy()
    values = net.state_dict()
    moved = Net().double().to(device.device)
    moved.load_state_dict(values)
    assert {t.device for t in (*moved.parameters(), *moved.buffers())} == {device.device}
    moved.train()
    result = F.dropout(moved(tg.tensor(x, device=device.device)), 0.0)
    np.testing.assert_allclose(backend.to_host(result.array), expected, rtol=1e-12)
    result.sum().backward()
    dropped = nn.Dropout(0.5)(tg.ones(100, device=device.device))
    assert set(np.unique(backend.to_host(dropped.array))) == {0.0, 2.0}
    eye = init.eye_(tg.ones(2, 3, device=device.device))
    np.testing.assert_array_equal(backend.to_host(eye.array), np.eye(2, 3))
    drawn = init.normal_(tg.empty(4, 3, device=device.device), std=0.1, generator=np.random.RandomState(2))
    np.testing.assert_allclose(backend.to_host(drawn.array), 0.1 * np.random.RandomState(2).randn(4, 3), rtol=1e-6)
    assert F.one_hot(tg.tensor([1, 0], device=device.device), 2).device == device.device


def test_hooks_run_in_order_may_replace_and_can_be_removed() -> None:
    log: list[str] = []
    layer = nn.Identity()

    def pre(module: nn.Module, args: tuple[Any, ...]) -> Any:
        log.append(f"pre {args[0].item()}")
        return args[0] + 1

    def pre_tuple(module: nn.Module, args: tuple[Any, ...]) -> Any:
        log.append(f"pre_tuple {args[0].item()}")
        return (args[0] * 10,)

    def look(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        assert module is layer
        log.append(f"look {args[0].item()} {output.item()}")

    def replace(module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        return output * 2

    first, second = layer.register_forward_pre_hook(pre), layer.register_forward_pre_hook(pre_tuple)
    third, fourth = layer.register_forward_hook(replace), layer.register_forward_hook(look)
    assert layer(tg.tensor(1.0)).item() == 40.0
    assert log == ["pre 1.0", "pre_tuple 2.0", "look 20.0 40.0"]
    first.remove()
    third.remove()
    assert layer(tg.tensor(1.0)).item() == 10.0
    for handle in (first, second, third, fourth):
        handle.remove()
    assert layer(tg.tensor(1.0)).item() == 1.0
    assert len(log) == 5


def test_changes_that_a_captured_step_must_know_of() -> None:
    net = Net()
    handles: list[Any] = []
    changes: list[Callable[[], Any]] = [
        net.eval,
        net.train,
        net.double,
        lambda: net.requires_grad_(False),
        lambda: net.load_state_dict(net.state_dict()),
        lambda: handles.append(net.register_forward_hook(lambda *_: None)),
        lambda: handles.pop().remove(),
        lambda: setattr(net, "scale", nn.Parameter(tg.ones(2))),
        lambda: setattr(net, "mean", tg.ones(2)),
    ]
    for i, change in enumerate(changes):
        before = graph.state_version
        change()
        assert graph.state_version != before, i
    before = graph.state_version
    net.zero_grad()
    net(tg.ones(1, 4, dtype=tg.float64))
    assert graph.state_version == before


# --- state ------------------------------------------------------------------------------------------------------------


def test_a_loaded_state_shares_no_memory_with_its_source() -> None:
    source, net = (nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)) for _ in range(2))
    for saved in (source.state_dict(), {k: v.numpy() for k, v in source.state_dict().items()}):
        net.load_state_dict(saved)
        for name, value in net.state_dict().items():
            assert not np.shares_memory(value.numpy(), np.asarray(saved[name]))
            assert value.tolist() == saved[name].tolist()


def test_state_dict_shares_memory_and_is_detached() -> None:
    net = Net()
    state = net.state_dict()
    assert not state["scale"].requires_grad
    assert np.shares_memory(state["scale"].array, net.scale.array)
    assert net.state_dict(keep_vars=True)["scale"] is net.scale


def test_a_loaded_state_computes_the_same_in_the_same_memory() -> None:
    a, b = Net(), Net()
    x = tg.randn(3, 4)
    memory = b.second.weight.array
    assert b.load_state_dict(a.state_dict()) == ([], [])
    np.testing.assert_array_equal(a(x).detach().numpy(), b(x).detach().numpy())
    assert b.second.weight.array is memory
    assert b.second.weight.requires_grad
    b.second.weight.array[...] = 0
    assert a.second.weight.array.any()


def test_arrays_are_loaded_in_the_dtype_of_the_module() -> None:
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": np.array([[1.0, 2.0]]), "bias": np.array([3])})
    assert layer.weight.dtype == tg.float32
    assert layer(tg.ones(1, 2)).tolist() == [[6.0]]


def test_all_that_does_not_fit_is_reported_at_once_and_nothing_changes() -> None:
    net = Net()
    before = {name: value.array.copy() for name, value in net.state_dict().items()}
    state: dict[str, Any] = {name: value * 0 + 7 for name, value in net.state_dict().items()}
    del state["shift"], state["second.weight"]
    state |= {"extra": tg.ones(1), "first.1.weight": tg.ones(1)}
    state |= {"second.bias": tg.ones(3), "scale": tg.ones(1), "mean": 3.0}
    with pytest.raises(RuntimeError) as raised:
        net.load_state_dict(state)
    assert str(raised.value) == """Error(s) in loading state_dict for Net:
    Missing key(s) in state_dict: "shift", "second.weight".
    Unexpected key(s) in state_dict: "extra", "first.1.weight".
    size mismatch for scale: copying a param with shape (1,) from checkpoint, the shape in current model is (2,).
    While copying the parameter named "mean", expected Tensor or array from checkpoint but received float.
    size mismatch for second.bias: copying a param with shape (3,) from checkpoint, the shape in current model is (2,).
""".replace("    ", "\t").rstrip()
    with pytest.raises(RuntimeError, match="size mismatch for scale"):
        net.load_state_dict(state, strict=False)
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value.array, before[name])
    with pytest.raises(TypeError, match="dict-like"):
        net.load_state_dict([])  # type: ignore[arg-type]


def test_a_lax_load_takes_what_fits() -> None:
    net = Net()
    result = net.load_state_dict({"scale": tg.zeros(2), "extra": tg.ones(1)}, strict=False)
    assert result.missing_keys == ["shift", "mean", *NAMES[2:]]
    assert result.unexpected_keys == ["extra"]
    assert net.scale.tolist() == [0.0, 0.0]


def test_copies_and_pickles_are_independent_and_whole() -> None:
    net = Net().eval()
    for same in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert list(same.state_dict()) == list(net.state_dict())
        assert not same.training
        same.scale.array[...] = 5
        assert net.scale.tolist() == [1.0, 1.0]


# --- printing ---------------------------------------------------------------------------------------------------------


def test_repr() -> None:
    assert repr(Net()) == """Net(
  (second): Linear(in_features=3, out_features=2, bias=True)
  (first): Sequential(
    (0): Linear(in_features=4, out_features=3, bias=False)
    (1): Tanh()
  )
)"""
    assert [repr(m) for m in (nn.ReLU(), nn.ReLU(inplace=True), nn.Dropout(0.2), nn.Softmax(1), nn.LogSoftmax(1),
                              nn.Flatten(), nn.Identity(), nn.MSELoss(), nn.Sequential())] == [
        "ReLU()", "ReLU(inplace=True)", "Dropout(p=0.2, inplace=False)", "Softmax(dim=1)", "LogSoftmax(dim=1)",
        "Flatten(start_dim=1, end_dim=-1)", "Identity()", "MSELoss()", "Sequential()"]


def test_extra_repr_of_several_lines_stands_before_the_children() -> None:
    class Two(nn.Sequential):
        def extra_repr(self) -> str:
            return "a=1\nb=2"

    assert repr(Two(nn.Tanh())) == "Two(\n  a=1\n  b=2\n  (0): Tanh()\n)"


# --- Sequential -------------------------------------------------------------------------------------------------------


def test_sequential_is_a_list_of_modules() -> None:
    a, b, c = nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)
    s = nn.Sequential(a, b, c)
    assert (len(s), s[0], s[-1], list(s)) == (3, a, c, [a, b, c])
    assert list(s[1:]) == [b, c]
    assert type(s[:2]) is nn.Sequential
    assert [n for n, _ in s[1:].named_parameters()] == ["2.weight", "2.bias"]  # names are kept, as in PyTorch
    with pytest.raises(IndexError, match="index 3 is out of range"):
        s[3]
    d = nn.Sigmoid()
    assert s.append(d) is s
    s[1] = d
    assert list(s) == [a, d, c, d]
    del s[1]
    assert [n for n, _ in s.named_children()] == ["0", "1", "2"]
    assert list(s.insert(1, b)) == [a, b, c, d]
    assert list(s.extend([b])) == [a, b, c, d, b]
    x = tg.randn(4, 2)
    expected = c(a(x).tanh()).sigmoid().tanh()
    np.testing.assert_array_equal(s(x).detach().numpy(), expected.detach().numpy())


def test_sequential_with_names() -> None:
    s = nn.Sequential({"dense": nn.Linear(2, 3), "act": nn.ReLU()})
    assert list(s.state_dict()) == ["dense.weight", "dense.bias"]
    assert s(tg.ones(1, 2)).shape == (1, 3)


def test_sequential_subclasses_may_hold_more() -> None:
    class Scaled(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(nn.Identity())
            self.scale = nn.Parameter(tg.tensor(3.0))

        def forward(self, input: Any) -> Any:
            return super().forward(input) * self.scale

    assert Scaled()(tg.tensor(2.0)).item() == 6.0
    assert len(Scaled()) == 1


# --- layers -----------------------------------------------------------------------------------------------------------


def test_linear_starts_as_in_pytorch() -> None:
    layer = nn.Linear(400, 500, generator=tg.Generator(0))
    for p in (layer.weight, layer.bias):
        assert p is not None
        assert p.dtype == tg.float32
        assert abs(p.array).max() <= 1 / 20
        assert abs(p.array).max() > 0.98 / 20
        assert p.array.std() == pytest.approx(1 / 20 / math.sqrt(3), rel=0.06)
    again = nn.Linear(400, 500, generator=tg.Generator(0))
    assert np.array_equal(again.weight.array, layer.weight.array)
    tg.manual_seed(3)
    first = nn.Linear(2, 2).weight.array
    tg.manual_seed(3)
    assert np.array_equal(first, nn.Linear(2, 2).weight.array)


def test_linear_without_bias_in_another_dtype_and_of_size_zero() -> None:
    layer = nn.Linear(3, 2, bias=False, dtype=tg.float64)
    assert layer.bias is None
    x = np.random.default_rng(0).standard_normal((2, 5, 3))
    np.testing.assert_allclose(layer(tg.from_numpy(x)).detach().numpy(), x @ layer.weight.array.T, rtol=1e-12)
    assert nn.Linear(0, 2)(tg.ones(1, 0)).tolist()[0] == [0.0, 0.0]


@pytest.mark.parametrize(("layer", "function"), [
    (nn.ReLU(), lambda x: np.maximum(x, 0)),
    (nn.Tanh(), np.tanh),
    (nn.Sigmoid(), lambda x: 1 / (1 + np.exp(-x))),
    (nn.Softmax(dim=0), lambda x: np.exp(x) / np.exp(x).sum(0)),
    (nn.Softmax(dim=-1), lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True)),
    (nn.LogSoftmax(dim=0), lambda x: np.log(np.exp(x) / np.exp(x).sum(0))),
    (nn.Identity(1, unused=2), lambda x: x),
    (nn.Flatten(0), np.ravel),
], ids=lambda value: getattr(value, "__name__", repr(value)))  # a repr would hold an address: other at each collection
def test_layers_without_parameters(layer: nn.Module, function: Callable[[Any], Any]) -> None:
    x = np.random.default_rng(0).standard_normal((3, 4))
    np.testing.assert_allclose(layer(tg.from_numpy(x)).numpy(), function(x), rtol=1e-12)


def test_flatten_keeps_the_examples() -> None:
    assert nn.Flatten()(tg.zeros(5, 1, 4, 2)).shape == (5, 8)
    assert nn.Flatten(1, 2)(tg.zeros(5, 1, 4, 2)).shape == (5, 4, 2)


@pytest.mark.parametrize("layer", [nn.ReLU(inplace=True), nn.Dropout(0.3, inplace=True)], ids=repr)
def test_in_place_layers_overwrite_their_input_and_are_differentiated(layer: Any) -> None:
    x = tg.tensor([-1.0, 2.0], requires_grad=True)
    h = x * 3
    y = layer(h)
    assert y is h
    (y * y).sum().backward()
    factor = y.array / [-3.0, 6.0]  # what the layer multiplied by; d (3 f x)^2 / dx = 18 f^2 x
    np.testing.assert_allclose(x.grad.array, 18 * x.array * factor**2, rtol=1e-6)  # type: ignore[union-attr]


# --- dropout ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_zeroes_a_share_of_p_and_keeps_the_mean(p: float, dtype: str) -> None:
    x = tg.ones(100, 100, dtype=dtype, requires_grad=True)
    y = F.dropout(x, p, generator=tg.Generator(0))
    assert y.dtype == np.dtype(dtype)
    zeros = float((y.array == 0).mean())
    assert zeros == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / 10_000))
    np.testing.assert_allclose(np.unique(y.array), [0, 1 / (1 - p)], rtol=1e-3)
    y.backward(tg.ones_like(y))
    np.testing.assert_array_equal(x.grad.array, y.array)  # type: ignore[union-attr]


def test_dropout_is_determined_by_its_generator() -> None:
    x = tg.ones(1000)
    a, b = nn.Dropout(generator=tg.Generator(7)), nn.Dropout(generator=tg.Generator(7))
    first = a(x).numpy()
    np.testing.assert_array_equal(first, b(x).numpy())
    assert not np.array_equal(first, a(x).numpy())
    tg.manual_seed(1)
    first = nn.Dropout()(x).numpy()
    tg.manual_seed(1)
    np.testing.assert_array_equal(first, nn.Dropout()(x).numpy())


def test_dropout_at_its_bounds_and_in_evaluation() -> None:
    x = tg.ones(5)
    layer = nn.Dropout(0.5)
    assert layer.eval()(x) is x
    assert F.dropout(x, 0.5, False) is x
    assert F.dropout(x, 0.0) is x
    assert F.dropout(x, 1.0).tolist() == [0.0] * 5
    for p in (-0.1, 1.1):
        with pytest.raises(ValueError, match=f"dropout probability has to be between 0 and 1, but got {p}"):
            nn.Dropout(p)
        with pytest.raises(ValueError, match="dropout probability"):
            F.dropout(x, p)


# --- losses and functions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses(reduction: str) -> None:
    random = np.random.default_rng(0)
    x, t = random.standard_normal((5, 3)), random.random((5, 3))
    classes = np.array([0, 2, 1, 1, 0])
    reductions: dict[str, Any] = {"mean": np.mean, "sum": np.sum, "none": np.asarray}
    reduce = reductions[reduction]
    log_probabilities = x - np.log(np.exp(x).sum(1, keepdims=True))
    s = 1 / (1 + np.exp(-x))
    X, T = tg.from_numpy(x), tg.from_numpy(t)
    for loss, target, expected in [
        (nn.CrossEntropyLoss(reduction=reduction), tg.from_numpy(classes), -log_probabilities[range(5), classes]),
        (nn.CrossEntropyLoss(reduction=reduction), T, -(t * log_probabilities).sum(1)),
        (nn.BCEWithLogitsLoss(reduction=reduction), T, -(t * np.log(s) + (1 - t) * np.log(1 - s))),
        (nn.MSELoss(reduction=reduction), T, (x - t) ** 2),
    ]:
        np.testing.assert_allclose(loss(X, target).numpy(), reduce(expected), rtol=1e-12)


def test_one_hot() -> None:
    classes = tg.tensor([[1, 0], [3, 1]])
    result = F.one_hot(classes)
    assert result.dtype == tg.int64
    np.testing.assert_array_equal(result.numpy(), np.eye(4, dtype=int)[classes.numpy()])
    assert F.one_hot(classes, 5).shape == (2, 2, 5)
    assert F.one_hot(tg.tensor(2), 3).tolist() == [0, 0, 1]
    for wrong, count in [([-1], 3), ([3], 3)]:
        with pytest.raises(RuntimeError, match="Class values must be"):
            F.one_hot(tg.tensor(wrong), count)
    with pytest.raises(RuntimeError, match="index tensors"):
        F.one_hot(tg.ones(2), 2)
    with pytest.raises(RuntimeError, match="infer"):
        F.one_hot(tg.tensor([], dtype=tg.int64))


def test_pad() -> None:
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(F.pad(tg.from_numpy(x), (1, 2)).numpy(), np.pad(x, [(0, 0), (1, 2)]))
    np.testing.assert_array_equal(F.pad(tg.from_numpy(x), [0, -1, 1, 0], value=7.0).numpy(),
                                  np.pad(x[:, :2], [(1, 0), (0, 0)], constant_values=7))
    np.testing.assert_array_equal(F.pad(tg.from_numpy(x), (1, 2), mode="reflect").numpy(),
                                  np.pad(x, [(0, 0), (1, 2)], mode="reflect"))
    with pytest.raises(NotImplementedError, match="mirror"):
        F.pad(tg.from_numpy(x), (1, 1), mode="mirror")


def test_every_function_is_listed_and_there() -> None:
    names = """binary_cross_entropy_with_logits cross_entropy dropout linear log_softmax mse_loss one_hot pad relu
               sigmoid softmax tanh"""
    assert set(names.split()) <= set(F.__all__)
    assert len(set(F.__all__)) == len(F.__all__)
    assert all(callable(getattr(F, name)) for name in F.__all__)


# --- initialisation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("initialise", "std"), [
    (lambda w, g: init.uniform_(w, -1, 1, generator=g), 2 / math.sqrt(12)),
    (lambda w, g: init.normal_(w, 0, 0.3, generator=g), 0.3),
    (lambda w, g: init.xavier_uniform_(w, 2.0, generator=g), 2 * math.sqrt(2 / 500)),
    (lambda w, g: init.xavier_normal_(w, generator=g), math.sqrt(2 / 500)),
    (lambda w, g: init.kaiming_uniform_(w, generator=g), math.sqrt(2 / 200)),
    (lambda w, g: init.kaiming_uniform_(w, math.sqrt(5), generator=g), 1 / math.sqrt(3 * 200)),
    (lambda w, g: init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu", generator=g), math.sqrt(2 / 300)),
    (lambda w, g: init.kaiming_normal_(w, 0.5, generator=g), math.sqrt(2 / 1.25 / 200)),
    (lambda w, g: init.kaiming_normal_(w, nonlinearity="tanh", generator=g), 5 / 3 / math.sqrt(200)),
])
def test_random_initialisation(initialise: Callable[[tg.Tensor, Any], tg.Tensor], std: float) -> None:
    w = nn.Parameter(tg.empty(300, 200, dtype=tg.float64))
    memory = w.array
    assert initialise(w, tg.Generator(0)) is w
    assert w.array is memory
    assert w.is_leaf
    assert w.requires_grad
    assert w.array.std() == pytest.approx(std, rel=0.01)
    assert w.array.mean() == pytest.approx(0, abs=5 * std / math.sqrt(w.array.size))
    again = nn.Parameter(tg.empty(300, 200, dtype=tg.float64))
    initialise(again, tg.Generator(0))
    np.testing.assert_array_equal(w.array, again.array)


@pytest.mark.parametrize(("initialise", "bound"), [
    (lambda w: init.uniform_(w, -0.005, 0.005), 0.005),
    (init.xavier_uniform_, math.sqrt(6 / 500)),
    (init.kaiming_uniform_, math.sqrt(6 / 200)),
])
def test_uniform_bounds(initialise: Callable[[tg.Tensor], tg.Tensor], bound: float) -> None:
    w = initialise(tg.empty(300, 200, dtype=tg.float64))
    assert 0.999 * bound < abs(w.array).max() <= bound


def test_the_receptive_field_counts_into_the_fan() -> None:
    w = init.kaiming_uniform_(tg.empty(100, 10, 5, 5, dtype=tg.float64))
    assert 0.999 * math.sqrt(6 / 250) < abs(w.array).max() <= math.sqrt(6 / 250)


def test_constant_initialisation() -> None:
    w = nn.Parameter(tg.empty(2, 3))
    assert init.constant_(w, 2.5).tolist() == [[2.5] * 3] * 2
    assert init.zeros_(w).tolist() == [[0.0] * 3] * 2
    assert init.ones_(w).tolist() == [[1.0] * 3] * 2
    assert init.eye_(w).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def test_wangs_weights_are_those_of_the_legacy_generator() -> None:
    random, numpy = np.random.RandomState(2), np.random.RandomState(2)
    for shape in [(16, 784), (16, 16), (10, 16)]:
        w = init.normal_(tg.empty(*shape, dtype=tg.float64), std=0.1, generator=random)
        np.testing.assert_array_equal(w.numpy(), 0.1 * numpy.randn(*shape))


def test_numpys_generator_is_taken_too() -> None:
    w = init.uniform_(tg.empty(5, dtype=tg.float64), generator=np.random.default_rng(4))
    np.testing.assert_array_equal(w.numpy(), np.random.default_rng(4).random(5))


@pytest.mark.parametrize(("call", "text"), [
    (lambda w: init.kaiming_normal_(w, mode="fan"), "Mode fan not supported"),
    (lambda w: init.kaiming_normal_(w, nonlinearity="gelu"), "Unsupported nonlinearity gelu"),
    (lambda w: init.xavier_normal_(w[0]), "fewer than 2 dimensions"),
    (lambda w: init.eye_(w[0]), "Only tensors with 2 dimensions are supported"),
])
def test_what_initialisation_refuses(call: Callable[[tg.Tensor], Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        call(tg.zeros(2, 2))


def test_a_captured_cross_entropy_ignores_targets() -> None:
    """With an `ignore_index` of its own the step is the same program whether targets are ignored or not."""
    step = tg.capture(tg.nn.functional.cross_entropy)
    scores = tg.tensor([[1.0, 2.0, 4.0], [3.0, 1.0, 2.0]])
    for target in ([0, 1], [2, 1], [0, -1], [2, -1], [0, 1], [-1, 0]):
        kept = [i for i, t in enumerate(target) if t >= 0]
        wanted = tg.nn.functional.cross_entropy(scores[kept], tg.tensor([target[i] for i in kept]))
        found = step(scores, tg.tensor(target), ignore_index=-1)
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-6)
    for wrong in ([0, 3], [0, -1]):
        with pytest.raises(IndexError, match="out of bounds"):
            tg.nn.functional.cross_entropy(scores, tg.tensor(wrong))


# --- hooks on the way back --------------------------------------------------------------------------------------------


class Product(nn.Module):
    def forward(self, a: Any, b: Any) -> Any:
        return a * b, a + b


def test_backward_hooks_see_all_gradients_together_and_may_replace_them() -> None:
    product, log = Product(), []

    def look(module: nn.Module, grad_input: Any, grad_output: Any) -> None:
        assert module is product
        log.append(([g.tolist() for g in grad_input], [g if g is None else g.tolist() for g in grad_output]))

    a, b = tg.tensor([1.0, 2.0], requires_grad=True), tg.tensor([3.0, 5.0], requires_grad=True)
    handles = [product.register_full_backward_hook(look),
               product.register_full_backward_hook(lambda m, grad_input, grad_output: (grad_input[0] * 10, None)),
               product.register_full_backward_pre_hook(lambda m, grad_output: (grad_output[0] * 2, None))]
    product(a, b)[0].sum().backward()
    assert log == [([[6.0, 10.0], [2.0, 4.0]], [[2.0, 2.0], None])]
    assert a.grad is not None
    assert a.grad.tolist() == [60.0, 100.0]
    assert b.grad is None
    for handle in handles:
        handle.remove()
    product(a, b)[0].sum().backward()
    assert len(log) == 1
    assert a.grad.tolist() == [63.0, 105.0]


def test_backward_hooks_of_the_first_layer_are_called_without_a_gradient_of_the_input() -> None:
    net, seen = nn.Sequential(nn.Linear(2, 3), nn.ReLU(inplace=True), nn.Linear(3, 1)), []
    for i, layer in enumerate(net):
        layer.register_full_backward_hook(lambda m, gi, go, i=i: seen.append((i, gi[0] is None, go[0].shape)))
    x = tg.ones(4, 2)
    net(x).sum().backward()
    assert seen == [(2, False, (4, 1)), (1, False, (4, 3)), (0, True, (4, 3))]
    with tg.no_grad():
        net(x)
    assert len(seen) == 3


def test_hooks_keep_values_gradients_and_inputs_as_they_are() -> None:
    x = tg.randn(4, 3, requires_grad=True)
    net = Overwriting()
    found = []
    for _ in range(2):
        net.zero_grad()
        x.grad = None
        ((net(x * 1)) ** 2).sum().backward()
        found.append([x.grad, *(p.grad for p in net.parameters())])
        for module in net.modules():
            module.register_full_backward_hook(lambda *_: None)
            module.register_forward_hook(lambda *_: None)
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a.array, b.array)


class Overwriting(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Linear(3, 4), nn.ReLU(inplace=True), nn.Sequential(nn.Tanh(), nn.Linear(4, 2)))


def test_a_captured_step_follows_its_hooks() -> None:
    """Hooks that come and go are steps of another kind; what ops they call is part of the step."""
    dense = nn.Linear(2, 2)
    net = nn.Sequential(dense, nn.Tanh())
    calls: list[int] = []

    def step(x: Any) -> Any:
        net.zero_grad()
        loss = net(x).sum()
        loss.backward()
        return loss

    captured = tg.capture(step)
    x = tg.randn(3, 2)

    def check() -> None:
        for _ in range(5):
            eager = [x.detach().clone() for x in (step(x), dense.weight.grad) if x is not None]
            replayed = [x for x in (captured(x), dense.weight.grad) if x is not None]
            for a, b in zip(eager, replayed, strict=True):
                np.testing.assert_array_equal(a.array, b.array)

    def scale(m: nn.Module, grad_input: Any, grad_output: Any) -> Any:
        calls.append(1)
        return tuple(g * 3 for g in grad_input)

    check()
    backward = net[1].register_full_backward_hook(scale)
    check()
    assert 5 < len(calls) < 10  # once in each eager step, and when recorded or audited
    forward = net[1].register_forward_hook(lambda m, args, output: output * 2)
    check()
    backward.remove()
    check()
    forward.remove()
    check()


def test_hooks_do_not_keep_a_graph_alive() -> None:
    net = nn.Linear(2, 2)
    net.register_full_backward_hook(lambda *_: None)
    x = tg.ones(1, 2, requires_grad=True)
    y = net(x)
    graph_of_y = weakref.ref(y)
    gc.collect()
    gc.disable()
    try:
        y.sum().backward()
        del y
        assert graph_of_y() is None
    finally:
        gc.enable()


def test_an_output_that_hooks_cannot_watch_is_named() -> None:
    class Named(nn.Module):
        def forward(self, x: Any) -> Any:
            return {"x": x}

    module = Named()
    module.register_full_backward_hook(lambda *_: None)
    with pytest.warns(UserWarning, match="module output should be a Tensor or a tuple of Tensors but received"):
        module(tg.ones(1, requires_grad=True))


def test_a_namedtuple_stays_one() -> None:
    class Pair(NamedTuple):
        a: Any
        b: Any

    class Both(nn.Module):
        def forward(self, x: Any) -> Any:
            return Pair(x * 2, "text")

    module, seen = Both(), []
    module.register_full_backward_hook(lambda m, gi, go: seen.append((gi[0].tolist(), go[1])))
    result = module(tg.ones(1, requires_grad=True))
    assert type(result) is Pair
    assert result.b == "text"
    result.a.backward()
    assert seen == [([2.0], None)]


# --- containers -------------------------------------------------------------------------------------------------------


def test_containers_register_what_they_hold() -> None:
    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(2, 2, bias=False) for _ in range(2)])
            self.named = nn.ModuleDict({"z": nn.Linear(2, 1), "a": nn.Tanh()})
            self.weights = nn.ParameterList([tg.ones(2), tg.zeros(1)])
            self.table = nn.ParameterDict({"y": tg.ones(1), "x": tg.zeros(1)})

    holder = Holder()
    assert list(holder.state_dict()) == ["layers.0.weight", "layers.1.weight", "named.z.weight", "named.z.bias",
                                         "weights.0", "weights.1", "table.x", "table.y"]
    assert all(p.requires_grad for p in holder.parameters())
    assert len(list(holder.parameters())) == 8
    holder.weights[1] = tg.full((3,), 2.0)
    holder.layers[0] = nn.Linear(1, 1)
    assert holder.get_parameter("weights.1").tolist() == [2.0, 2.0, 2.0]
    assert holder.get_parameter("layers.0.weight").shape == (1, 1)
    with pytest.raises(NotImplementedError):
        holder.layers(tg.ones(1))
    with pytest.raises(RuntimeError, match="ParameterList should not be called"):
        holder.weights(tg.ones(1))


def test_changes_of_containers_are_noticed_by_captured_steps() -> None:
    modules, parameters = nn.ModuleList([nn.Tanh()]), nn.ParameterList([tg.ones(1)])
    names, table = nn.ModuleDict(), nn.ParameterDict()
    for change in (lambda: modules.append(nn.Tanh()), lambda: modules.insert(0, nn.ReLU()), lambda: modules.pop(0),
                   lambda: names.update({"a": nn.Tanh()}), names.clear, lambda: parameters.append(tg.ones(1)),
                   lambda: table.update({"a": tg.ones(1)}), lambda: table.pop("a")):
        before = graph.state_version
        change()
        assert graph.state_version != before


def test_unflatten_undoes_flatten() -> None:
    x = tg.randn(3, 2, 4, 5)
    for y in (nn.Unflatten(1, (2, 4, 5))(x.flatten(1)), nn.Unflatten(-1, [2, -1, 5])(x.flatten(1))):
        np.testing.assert_array_equal(y.array, x.array)
    with pytest.raises(RuntimeError, match=r"Provided sizes \[3, 3\] don't multiply up to the size of dim 1 \(40\)"):
        nn.Unflatten(1, (3, 3))(x.flatten(1))
    with pytest.raises(TypeError, match="found element of type float at pos 1"):
        nn.Unflatten(1, (3, 2.0))  # type: ignore[arg-type]


# --- more initialisation ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(40, 30), (30, 40), (30, 30), (1, 7), (7, 1), (8, 2, 3, 2)])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_orthogonal_matrices(shape: tuple[int, ...], dtype: str) -> None:
    w = init.orthogonal_(tg.empty(*shape, dtype=dtype), gain=2.0, generator=tg.Generator(0))
    flat = w.array.astype(np.float64).reshape(shape[0], -1)
    gram = flat @ flat.T if flat.shape[0] <= flat.shape[1] else flat.T @ flat
    tolerance = {"float16": 2e-2, "float32": 1e-5, "float64": 1e-12}
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=tolerance[dtype])


def test_all_orthogonal_matrices_are_equally_likely() -> None:
    """The first entry of a random 2 by 2 rotation or reflection is the cosine of a uniform angle."""
    generator = tg.Generator(0)
    w = np.array([init.orthogonal_(tg.empty(2, 2, dtype=tg.float64), generator=generator).array for _ in range(4000)])
    angle = np.arctan2(w[:, 0, 1], w[:, 0, 0])
    share = np.histogram(angle, 8, (-np.pi, np.pi))[0] / len(w)
    np.testing.assert_allclose(share, 1 / 8, atol=5 * math.sqrt(1 / 8 * 7 / 8 / len(w)))
    assert abs((np.linalg.det(w) > 0).mean() - 0.5) < 5 * 0.5 / math.sqrt(len(w))


@pytest.mark.parametrize("sparsity", [0.0, 0.25, 0.26, 1.0])
def test_sparse_matrices(sparsity: float) -> None:
    w = init.sparse_(tg.empty(40, 500, dtype=tg.float64), sparsity, std=0.5, generator=tg.Generator(0)).array
    assert set((w == 0).sum(0)) == {math.ceil(sparsity * 40)}
    if sparsity < 1:
        assert w[w != 0].std() == pytest.approx(0.5, rel=5 / math.sqrt(2 * (w != 0).sum()))
        zeros_in_row = (w == 0).mean(1)
        np.testing.assert_allclose(zeros_in_row, (w == 0).mean(), atol=5 * 0.5 / math.sqrt(500))


@pytest.mark.parametrize(("mean", "std", "a", "b"), [(0, 1, -2, 2), (1, 2, -1, 0.5), (0, 1, 2, 3), (0, 1, -0.1, 0.1),
                                                     (5, 0.5, -10, 4)])
def test_truncated_normals_have_their_mean_and_deviation(mean: float, std: float, a: float, b: float) -> None:
    """Their moments are known: with the standard normal's phi, Phi and Z = Phi(beta) - Phi(alpha)."""
    normal = NormalDist()
    alpha, beta = (a - mean) / std, (b - mean) / std
    z = normal.cdf(beta) - normal.cdf(alpha)
    shift = (normal.pdf(alpha) - normal.pdf(beta)) / z
    variance = 1 + (alpha * normal.pdf(alpha) - beta * normal.pdf(beta)) / z - shift**2
    x = init.trunc_normal_(tg.empty(40_000, dtype=tg.float64), mean, std, a, b, generator=tg.Generator(0)).array
    deviation = std * math.sqrt(variance)
    assert a <= x.min() <= x.max() <= b
    assert x.mean() == pytest.approx(mean + std * shift, abs=5 * deviation / math.sqrt(x.size))
    assert x.std() == pytest.approx(deviation, rel=5 / math.sqrt(x.size))


@pytest.mark.parametrize("device", DEVICES, ids=repr)
def test_initialisation_on_other_backends(device: Any) -> None:
    initialisers: list[Any] = [init.trunc_normal_, init.orthogonal_, init.dirac_]
    for initialise in [*initialisers, lambda w: init.trunc_normal_(w, a=2.0, b=3.0)]:
        w = tg.empty(4, 5, 3, device=device.device)
        assert initialise(w) is w
        assert w.device == device.device
        assert np.isfinite(backend.to_host(w.array)).all()
    assert init.sparse_(tg.empty(4, 5, device=device.device), 0.5).device == device.device


@pytest.mark.parametrize("call", [
    lambda w, g: init.trunc_normal_(w, generator=g), lambda w, g: init.orthogonal_(w, generator=g),
    lambda w, g: init.sparse_(w, 0.5, generator=g)])
def test_draws_come_from_the_generator(call: Callable[[Any, Any], Any]) -> None:
    for make in (tg.Generator, np.random.default_rng, np.random.RandomState):
        first, again = (call(nn.Parameter(tg.empty(5, 4)), make(3)) for _ in range(2))
        np.testing.assert_array_equal(first.array, again.array)
        assert first.requires_grad
        assert first.is_leaf


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"weight": tg.tensor([1.0, 2.0])}])
def test_no_class_is_ignored_among_probabilities(options: dict[str, Any]) -> None:
    scores, target = tg.zeros(2, 2), tg.tensor([[0.5, 0.5], [0.1, 0.9]])
    for ignored in (0, 1, 5):
        with pytest.raises(RuntimeError, match="ignore_index is not supported for floating point target"):
            F.cross_entropy(scores, target, ignore_index=ignored, **options)
    assert F.cross_entropy(scores, target, ignore_index=-1, **options).item() == pytest.approx(
        F.cross_entropy(scores, target, **options).item())


def test_nll_loss_wants_classes() -> None:
    with pytest.raises(RuntimeError, match="must be class indices, which are integers, got float32"):
        F.nll_loss(tg.zeros(2, 3), tg.tensor([0.0, 1.0]))
