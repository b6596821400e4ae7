"""Modules, losses, optimizers, initialisation and printing: as PyTorch has them, weights and states included."""

from __future__ import annotations

import copy
import math
import pickle
import re
import warnings
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch

import tinygrad_lite as tg

from .pair import BOTH, OURS, THEIRS, Array, array_of, assert_same, attempt

INF, NAN = math.inf, math.nan
MODULES = {
    "Linear": (lambda n: n.Linear(4, 3), (5, 4)),
    "Linear without bias": (lambda n: n.Linear(4, 3, bias=False), (2, 5, 4)),
    "Linear on one example": (lambda n: n.Linear(4, 3), (4,)),
    "dense": (lambda n: n.Sequential(n.Flatten(), n.Linear(6, 5), n.Tanh(), n.Linear(5, 4), n.Sigmoid()), (3, 2, 3)),
    "deep": (lambda n: n.Sequential(n.Linear(4, 4), n.ReLU(), n.Sequential(n.Linear(4, 2), n.Softmax(1))), (3, 4)),
    "inplace": (lambda n: n.Sequential(n.Linear(4, 4), n.ReLU(inplace=True), n.Linear(4, 2)), (3, 4)),
    "Flatten": (lambda n: n.Flatten(1, 2), (2, 3, 4, 5)),
    "Identity": (lambda n: n.Sequential(n.Identity(), n.LogSoftmax(dim=1)), (2, 3)),
    "Dropout p=0": (lambda n: n.Sequential(n.Linear(4, 4), n.Dropout(0.0)), (3, 4)),
    "Dropout p=1": (lambda n: n.Sequential(n.Linear(4, 4), n.Dropout(1.0)), (3, 4)),
    "Dropout eval": (lambda n: n.Sequential(n.Linear(4, 4), n.Dropout(0.5)).eval(), (3, 4)),
}


def normal(*shape: int, seed: int = 0) -> Array:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape))


def twins(make: Any) -> tuple[Any, Any]:
    """The same module in both libraries, in float64, with PyTorch's weights."""
    ours, theirs = make(tg.nn).double(), make(torch.nn).double()
    state = {name: value.numpy() for name, value in theirs.state_dict().items()}
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)
    return ours, theirs


@pytest.mark.parametrize(("make", "shape"), MODULES.values(), ids=MODULES.keys())
def test_modules(make: Any, shape: tuple[int, ...]) -> None:
    found = []
    for module, library in zip(twins(make), BOTH, strict=True):
        x = library.new(normal(*shape)).requires_grad_()
        y = module(x)
        (y * y * y).sum().backward()
        found.append([y, x.grad, *(p.grad for p in module.parameters())])
    assert_same(found[0], found[1])


@pytest.mark.parametrize("make", [m for m, _ in MODULES.values()], ids=MODULES.keys())
def test_repr_of_modules(make: Any) -> None:
    assert repr(make(tg.nn)) == repr(make(torch.nn))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("loss", "target"), [
    ("CrossEntropyLoss", np.array([2, 0, 1, 1])),
    ("CrossEntropyLoss", np.abs(normal(4, 3))),
    ("MSELoss", normal(4, 3, seed=1)),
    ("BCEWithLogitsLoss", np.random.default_rng(0).random((4, 3))),
])
def test_losses(loss: str, target: Array, reduction: str) -> None:
    found = []
    for library, nn in ((OURS, tg.nn), (THEIRS, torch.nn)):
        x = library.new(normal(4, 3)).requires_grad_()
        value = getattr(nn, loss)(reduction=reduction)(x, library.new(target))
        value.sum().backward()
        found.append([value, x.grad])
    assert_same(found[0], found[1])


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "MSELoss", "BCEWithLogitsLoss"])
def test_losses_name_a_wrong_reduction(name: str) -> None:
    for library, nn in ((OURS, tg.nn), (THEIRS, torch.nn)):
        with pytest.raises(ValueError, match="is not a valid value for reduction"):
            getattr(nn, name)(reduction="average")(library.new(normal(2, 3)), library.new(normal(2, 3)))


# --- optimizers -------------------------------------------------------------------------------------------------------

OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.8, "weight_decay": 0.1, "nesterov": True}),
    ("SGD", {"lr": 0.01, "momentum": 0.5, "weight_decay": 0.1, "dampening": 0.2, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-4}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05, "amsgrad": True}),
    ("Adam", {"lr": 0.01, "maximize": True, "weight_decay": 0.01}),
]


def dense(nn: Any) -> Any:
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))


def train(module: Any, optimizer: Any, library: Any, steps: range) -> list[float]:
    """Losses over steps with changing data; the learning rate is halved on the way and one step has no gradients."""
    losses = []
    criterion = (tg.nn if library is OURS else torch.nn).CrossEntropyLoss()
    for step in steps:
        if step == 20:
            optimizer.param_groups[0]["lr"] /= 2
        optimizer.zero_grad(set_to_none=step % 2 == 0)
        loss = criterion(module(library.new(normal(8, 4, seed=step))), library.new(np.arange(8) % 3))
        if step != 7:
            loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_trajectories(name: str, options: dict[str, Any]) -> None:
    modules = twins(dense)
    optimizers = [getattr(library.T.optim, name)(module.parameters(), **options)
                  for library, module in zip(BOTH, modules, strict=True)]
    ours, theirs = (train(*each, range(50)) for each in zip(modules, optimizers, BOTH, strict=True))
    np.testing.assert_allclose(ours, theirs, 1e-9, 1e-9)
    assert_same(list(modules[0].parameters()), list(modules[1].parameters()))


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_each_continues_from_the_state_of_the_other(name: str, options: dict[str, Any]) -> None:
    modules = twins(dense)
    optimizers = [getattr(library.T.optim, name)(module.parameters(), **options)
                  for library, module in zip(BOTH, modules, strict=True)]
    for each in zip(modules, optimizers, BOTH, strict=True):
        train(*each, range(10))
    states = [copy.deepcopy(o.state_dict()) for o in optimizers]
    optimizers[0].load_state_dict(translated(states[1], OURS))
    optimizers[1].load_state_dict(translated(states[0], THEIRS))
    ours, theirs = (train(*each, range(10, 30)) for each in zip(modules, optimizers, BOTH, strict=True))
    np.testing.assert_allclose(ours, theirs, 1e-9, 1e-9)


def translated(state: Any, library: Any) -> Any:
    """A state dict with the tensors of a library."""
    if isinstance(state, dict):
        return {key: torch.tensor(float(value)) if key == "step" and library is THEIRS else translated(value, library)
                for key, value in state.items()}
    return library.new(np.array(array_of(state))) if hasattr(state, "detach") else state


def test_groups_with_options_of_their_own() -> None:
    modules = twins(dense)
    found = []
    for lib, module, library in zip((tg, torch), modules, BOTH, strict=True):
        groups = [{"params": list(module[0].parameters()), "lr": 0.01}, {"params": [module[2].weight]}]
        optimizer = lib.optim.SGD(groups, lr=0.1, momentum=0.9)
        optimizer.add_param_group({"params": [module[2].bias], "momentum": 0.0})
        found.append([train(module, optimizer, library, range(30)), list(module.parameters())])
    np.testing.assert_allclose(found[0][0], found[1][0], 1e-9, 1e-9)
    assert_same(found[0][1], found[1][1])


@pytest.mark.parametrize(("name", "options"), [
    ("SGD", {"lr": -1}), ("SGD", {"momentum": -1}), ("SGD", {"weight_decay": -1}), ("SGD", {"nesterov": True}),
    ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}),
    ("Adam", {"lr": -1}), ("Adam", {"eps": -1}), ("Adam", {"betas": (1, 0.9)}), ("Adam", {"weight_decay": -1}),
])  # fmt: skip
def test_options_out_of_range(name: str, options: dict[str, Any]) -> None:
    for lib, library in ((tg, OURS), (torch, THEIRS)):
        with pytest.raises(ValueError):
            getattr(lib.optim, name)([library.new(normal(2)).requires_grad_()], **options)


# --- initialisation ---------------------------------------------------------------------------------------------------

INITIALISERS: dict[str, dict[str, Any]] = {
    "uniform_": {"a": -2, "b": 3},
    "normal_": {"mean": 1, "std": 2},
    "xavier_uniform_": {"gain": 2},
    "xavier_normal_": {},
    "kaiming_uniform_": {"a": math.sqrt(5)},
    "kaiming_normal_": {"mode": "fan_out", "nonlinearity": "relu"},
    "constant_": {"val": 0.3},
    "ones_": {},
    "zeros_": {},
    "eye_": {},
    "trunc_normal_": {},
    "orthogonal_": {"gain": 3.0},
    "sparse_": {"sparsity": 0.3, "std": 2.0},
}


@pytest.mark.parametrize("name", INITIALISERS)
def test_initialisers_have_the_same_distribution(name: str) -> None:
    """Mean, deviation, smallest and largest of 60,000 draws; exact where nothing is drawn."""
    found = []
    for library, nn in ((OURS, tg.nn), (THEIRS, torch.nn)):
        library.T.manual_seed(0)
        x = getattr(nn.init, name)(library.new(np.empty((200, 300))), **INITIALISERS[name])
        values = array_of(x)
        unbounded = name in ("normal_", "xavier_normal_", "kaiming_normal_", "orthogonal_", "sparse_")
        bounds = [] if unbounded else [values.min(), values.max()]
        found.append([values.mean(), values.std(), *bounds])
    scale = max(abs(found[1][-1]), 1e-9)
    np.testing.assert_allclose(found[0], found[1], 0, 0.02 * scale)


@pytest.mark.parametrize("options", [
    {"a": -1.0, "b": 3.0}, {"mean": 5.0, "std": 2.0, "a": 0.0, "b": 4.0}, {"a": 3.0, "b": 4.0}, {"a": 0.0, "b": 0.0},
    {"a": -20.0, "b": -1.5}, {"mean": -1.0, "std": 0.1, "a": -1.05, "b": 100.0},
])
def test_truncated_normals_have_the_same_distribution(options: dict[str, float]) -> None:
    """The quantiles of 200,000 draws: each within 5 deviations of a sample's quantile, over the density there."""
    found = []
    for library, nn in ((OURS, tg.nn), (THEIRS, torch.nn)):
        library.T.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's, of a mean far outside; the draws are right
            x = array_of(nn.init.trunc_normal_(library.new(np.empty(200_000)), **options))
        assert options["a"] <= x.min() <= x.max() <= options["b"]
        found.append(np.sort(x)[1000:-1000])
    rank = np.searchsorted(found[1], found[0]) / 198_000
    if options["a"] < options["b"]:
        np.testing.assert_allclose(rank, np.linspace(0, 1, 198_000), 0, 5 * np.sqrt(2 * 0.25 / 200_000))


@pytest.mark.parametrize(("shape", "groups"), [((4, 4, 3), 1), ((6, 2, 4, 5), 1), ((2, 6, 3, 3), 1), ((6, 4, 3, 2), 2),
                                               ((4, 1, 1, 2, 3), 4), ((5, 2, 3), 2), ((2, 2), 1), ((0, 2, 3), 1)])
def test_dirac(shape: tuple[int, ...], groups: int) -> None:
    assert_same(*(attempt(nn.init.dirac_, library.new(np.ones(shape)), groups)
                  for library, nn in ((OURS, tg.nn), (THEIRS, torch.nn))))


@pytest.mark.parametrize(("name", "shape", "options"), [
    ("uniform_", (2,), {"a": 2.0, "b": 1.0}), ("normal_", (2,), {"std": -1.0}), ("eye_", (2,), {}),
    ("xavier_uniform_", (2,), {}), ("xavier_normal_", (), {}), ("kaiming_uniform_", (2,), {}), ("sparse_", (2,), {}),
    ("kaiming_normal_", (2, 2), {"mode": "fan"}), ("kaiming_normal_", (2, 2), {"nonlinearity": "gelu"}),
    ("kaiming_normal_", (2, 2), {"mode": "FAN_IN"}), ("kaiming_normal_", (2, 2), {"a": "1"}), ("dirac_", (2, 2), {}),
    ("orthogonal_", (2,), {}), ("orthogonal_", (0, 2), {}), ("orthogonal_", (2, 0), {}),
    ("sparse_", (2, 2, 2), {"sparsity": 0.5}), ("sparse_", (2, 2), {"sparsity": 1.0, "std": 1.0}),
    ("trunc_normal_", (2,), {"std": 0.0}), ("trunc_normal_", (2,), {"a": 1.0, "b": -1.0}),
    ("kaiming_uniform_", (0, 3), {}), ("xavier_normal_", (3, 0), {}), ("uniform_", (0,), {}),
])
def test_errors_and_edges_of_initialisation(name: str, shape: tuple[int, ...], options: dict[str, Any]) -> None:
    ours, theirs = (attempt(lambda nn, x: getattr(nn.init, name)(x, **options), nn, library.new(np.ones(shape)))
                    for library, nn in ((OURS, tg.nn), (THEIRS, torch.nn)))
    if isinstance(theirs, Exception):
        assert isinstance(ours, (type(theirs), ValueError)), f"{ours!r}, PyTorch {theirs!r}"
    else:
        assert array_of(ours).shape == array_of(theirs).shape


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 5), (2, 3, 4, 5), (0, 3), (1, 1, 1)])
def test_fans(shape: tuple[int, ...]) -> None:
    assert tg.nn.init._fans(tg.zeros(*shape)) == torch.nn.init._calculate_fan_in_and_fan_out(torch.zeros(shape))


@pytest.mark.parametrize("param", [None, 0.0, 0.3, -2, True, "1", [1]])
@pytest.mark.parametrize("nonlinearity", [
    "linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu", "conv1d", "conv2d", "conv3d", "conv_transpose1d",
    "conv_transpose2d", "conv_transpose3d", "gelu", "nothing"])
def test_gains(nonlinearity: str, param: Any) -> None:
    ours, theirs = (attempt(nn.init.calculate_gain, nonlinearity, param) for nn in (tg.nn, torch.nn))
    assert type(ours) is type(theirs) if isinstance(theirs, Exception) else ours == pytest.approx(theirs, rel=1e-15)


def test_everything_in_init_is_there() -> None:
    names = {name for name in torch.nn.init.__all__ if name.endswith("_") or name == "calculate_gain"}
    assert names == set(tg.nn.init.__all__)


def test_linear_starts_within_the_same_bounds() -> None:
    for in_features in (1, 7, 300):
        for nn in (tg.nn, torch.nn):
            layer = nn.Linear(in_features, 2000)
            bound = 1 / math.sqrt(in_features)
            for p in layer.parameters():
                assert 0.98 * bound < np.abs(array_of(p)).max() <= bound * (1 + 1e-6)


# --- printing ---------------------------------------------------------------------------------------------------------

PRINTED = """
1.0 ; 1.5 ; -2.25 ; 3 ; True ; [] ; [[]] ; [1, 2, 3] ; [1, -20, 300] ; [True, False] ; [[True]] ; [1.0, 2.0, 3.0]
[1.5, 2, 3] ; [-1.5, 2.0, 3.0] ; [NAN, 1.0] ; [NAN, INF, -INF, 1.5] ; [INF, 1] ; [NAN] ; NAN ; -INF ; -0.0 ; [0.0, 0]
[1e-5, 1] ; [1e5, 1.5] ; [1e8, 1.0] ; [1e9, 1.0] ; 1e-8 ; 12345678.0 ; 123456789.0 ; [1e-10, 1e10] ; [0.0001, 0.5]
[99999.0, 1.0] ; [100000, 1.0] ; [1000.5, 1] ; [[1.0, 2], [3, 4]] ; [[[1.0, -2], [3, 4]]] * 2 ; [[1e-7, 1], [2, 3]]
zeros((0, 3)) ; zeros((2, 0, 3)) ; zeros(0, "i8") ; zeros(0, "?") ; zeros(3, "f2") ; zeros(3, "f8") ; zeros((), "i4")
arange(1001.0) ; arange(2000).reshape(40, 50) ; arange(24).reshape(2, 3, 4) * 1000 ; linspace(0, 1, 30) ; arange(40)
zeros((30, 30, 30)) ; [[1.0, 2.0]] * 1001 ; arange(-1200, 0).reshape(2, 3, 200) ; normal(4, 20) ; normal(1100) * 1e6
normal(3, 7).astype("f4") ; normal(2, 3, 4, 5) ; [[1] * 30] ; arange(7).astype("u1") ; normal(50).astype("f2")
"""


def shown(x: Any) -> str:
    """The text of a tensor; where PyTorch's longer names of dtypes and nodes stand, a line may end elsewhere."""
    text = repr(x).replace("torch.", "").replace("MulBackward0", "mul")
    return re.sub(r",\n +(?=[a-z_]+=)", ", ", text) if "dtype" in text or "grad_fn" in text else text


@pytest.mark.parametrize("text", [t for line in PRINTED.strip().splitlines() for t in line.split(" ; ")])
@pytest.mark.parametrize("requires_grad", [False, True])
def test_repr_of_tensors(text: str, requires_grad: bool) -> None:
    names = {"INF": INF, "NAN": NAN, "normal": normal} | {k: getattr(np, k) for k in ("zeros", "arange", "linspace")}
    data = eval(text, names)
    ours, theirs = (library.T.tensor(data) for library in BOTH)
    if requires_grad and theirs.is_floating_point():
        ours.requires_grad_()
        theirs.requires_grad_()
    assert shown(ours) == shown(theirs)


def test_repr_of_results_and_parameters() -> None:
    ours, theirs = (nn.Parameter(library.new(normal(2, 30))) for library, nn in ((OURS, tg.nn), (THEIRS, torch.nn)))
    assert shown(ours) == shown(theirs)
    assert shown(ours * 2) == shown(theirs * 2)


# --- modules: hooks, names, containers --------------------------------------------------------------------------------


class Log:
    """What hooks were given, as text and arrays that both libraries share."""

    def __init__(self) -> None:
        self.entries: list[Any] = []

    def __call__(self, name: str, *values: Any) -> None:
        self.entries += [name, *map(self._plain, values)]

    def _plain(self, value: Any) -> Any:
        if isinstance(value, (tuple, list)):
            return [self._plain(v) for v in value]
        if isinstance(value, dict):
            return [[key, self._plain(v)] for key, v in value.items()]
        return ["tensor", *array_of(value).shape, *array_of(value).round(9).ravel().tolist()] if hasattr(
            value, "detach") else value


def modules_of(nn: Any) -> Any:
    """Modules with several inputs and outputs."""

    class Mix(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter((OURS if nn is tg.nn else THEIRS).new(np.ones(2)))

        def forward(self, a: Any, b: Any, c: Any = None, *, scale: Any = 1.0) -> Any:
            product = a * b * self.weight * scale
            return (product, a + 1, 5) if c is None else product + c

    return Mix()


def both_logs(check: Any) -> None:
    """`check(library, nn, log)` logs the same and returns the same tensors under both libraries."""
    found = []
    for library, nn in ((OURS, tg.nn), (THEIRS, torch.nn)):
        log = Log()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch warns of a hook whose module has no differentiable input
            result = attempt(check, library, nn, log)
        found.append((result, log.entries))
    assert_same(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]


@pytest.mark.parametrize("a_grad", [True, False])
@pytest.mark.parametrize("b_grad", [True, False, None])
@pytest.mark.parametrize("used", [(0,), (1,), (0, 1)])
def test_full_backward_hooks(a_grad: bool, b_grad: bool | None, used: tuple[int, ...]) -> None:
    def check(library: Any, nn: Any, log: Log) -> Any:
        module = modules_of(nn)
        module.register_full_backward_hook(lambda m, grad_input, grad_output: log("hook", grad_input, grad_output))
        module.register_full_backward_pre_hook(lambda m, grad_output: log("pre", grad_output))
        a = library.new(normal(3, 2)).requires_grad_(a_grad)
        b = library.new(normal(3, 2, seed=1)).requires_grad_(b_grad) if b_grad is not None else 2.0
        outputs = module(a, b)
        sum((outputs[i] * outputs[i]).sum() for i in used).backward()
        grads = [getattr(t, "grad", None) for t in (a, b, module.weight)]
        log("which", [g is not None for g in grads], outputs[2])
        return [g for g in grads if g is not None]

    both_logs(check)


@pytest.mark.parametrize("hook", [
    lambda g, o: tuple(x * 3 if x is not None else None for x in g),
    lambda g, o: (o[0], None, None),
    lambda g, o: (None, None, None),
    lambda g, o: (g[0],),
    lambda g, o: [*g],
    lambda g, o: None,
])
def test_what_backward_hooks_return(hook: Any) -> None:
    def check(library: Any, nn: Any, log: Log) -> Any:
        module = modules_of(nn)
        module.register_full_backward_hook(lambda m, g, o: hook(g, o))
        module.register_full_backward_hook(lambda m, g, o: log("second", g, o))
        module.register_full_backward_hook(lambda m, g, o: log("first", g, o), prepend=True)
        a, b = (library.new(normal(3, 2, seed=i)).requires_grad_() for i in range(2))
        module(a, b, 1.0).sum().backward()
        log("which", a.grad is None, b.grad is None)
        return [t.grad for t in (a, b, module.weight) if t.grad is not None]

    both_logs(check)


@pytest.mark.parametrize("hook", [lambda o: (o[0] * 2,), lambda o: (), lambda o: None, lambda o: o])
@pytest.mark.parametrize("requires_grad", [True, False])
def test_what_backward_pre_hooks_return(hook: Any, requires_grad: bool) -> None:
    def check(library: Any, nn: Any, log: Log) -> Any:
        module = modules_of(nn)
        module.register_full_backward_pre_hook(lambda m, o: hook(o))
        module.register_full_backward_hook(lambda m, g, o: log("hook", g, o))
        a = library.new(normal(3, 2)).requires_grad_(requires_grad)
        module(a, 2.0, 1.0).sum().backward()
        return [t.grad for t in (a, module.weight) if t.grad is not None]

    both_logs(check)


def test_backward_hooks_and_higher_derivatives() -> None:
    def check(library: Any, nn: Any, log: Log) -> Any:
        module = modules_of(nn)
        handle = module.register_full_backward_hook(lambda m, g, o: log("hook", g, o))
        x = library.new(normal(3, 2)).requires_grad_()
        y = (module(x, x, 1.0) ** 2).sum()
        (first,) = library.grad(y, [x], create_graph=True)
        (first * first).sum().backward()
        (linear,) = library.grad(module(x, x, 1.0).sum(), [x], create_graph=True)
        (linear * linear).sum().backward()  # this gradient comes to the inputs past the outputs
        log("weight alone", *library.grad((module(x, x, 1.0) ** 2).sum(), [module.weight]))
        z = module(x, 3.0, 1.0).sum()
        z.backward(retain_graph=True)
        z.backward()
        with library.T.no_grad():
            log("no grad", module(x, 2.0, 1.0))
        handle.remove()
        module(x, 2.0, 1.0).sum().backward()
        return [first, x.grad, module.weight.grad]

    both_logs(check)


def test_the_order_of_forward_hooks() -> None:
    def check(library: Any, nn: Any, log: Log) -> Any:
        module = modules_of(nn)
        handles = [
            module.register_forward_pre_hook(lambda m, args: log("pre", args)),
            module.register_forward_pre_hook(lambda m, args: (args[0] * 2, *args[1:]), prepend=True),
            module.register_forward_pre_hook(lambda m, args, kwargs: (args, {"scale": 10.0}), with_kwargs=True),
            module.register_forward_pre_hook(lambda m, args, kwargs: log("kwargs", args, kwargs), with_kwargs=True),
            module.register_forward_hook(lambda m, args, out: log("out", args, out)),
            module.register_forward_hook(lambda m, args, kwargs, out: out + 1, with_kwargs=True, prepend=True),
            module.register_forward_hook(lambda m, args, kwargs, out: log("last", kwargs, out), with_kwargs=True),
            module.register_forward_hook(lambda m, args, out: out * 2, always_call=True),
        ]
        x = library.new(normal(3, 2))
        results = [module(x, 2.0, 1.0)]
        for handle in handles[::3]:
            handle.remove()
            handle.remove()
            results.append(module(x, 2.0, 1.0, scale=3.0))
        with module.register_forward_hook(lambda m, args, out: log("within")):
            module(x, 2.0, 1.0)
        module(x, 2.0, 1.0)
        return results

    both_logs(check)


@pytest.mark.parametrize("hook", [lambda m, a, k: a, lambda m, a, k: (a,), lambda m, a, k: 3])
def test_pre_hooks_with_kwargs_return_both(hook: Any) -> None:
    def check(library: Any, nn: Any, log: Log) -> Any:
        module = modules_of(nn)
        module.register_forward_pre_hook(hook, with_kwargs=True)
        return module(library.new(normal(3, 2)), 2.0, 1.0)

    both_logs(check)


def test_hooks_that_are_always_called() -> None:
    def check(library: Any, nn: Any, log: Log) -> Any:
        module = modules_of(nn)
        module.register_forward_hook(lambda m, args, out: log("skipped"))
        module.register_forward_hook(lambda m, args, out: log("called", out), always_call=True)
        module.register_forward_hook(lambda m, args, out: 1 / 0, always_call=True)
        module.register_forward_hook(lambda m, args, kw, out: log("also", out), always_call=True, with_kwargs=True)
        return module(library.new(normal(3, 2)), library.new(normal(4)))

    both_logs(check)


def test_a_hook_that_raises_is_not_called_again() -> None:
    def check(library: Any, nn: Any, log: Log) -> Any:
        def raises(module: Any, args: Any, output: Any) -> None:
            log("raises")
            raise ValueError("x")

        module = modules_of(nn)
        module.register_forward_hook(lambda m, args, out: log("once"), always_call=True)
        module.register_forward_hook(raises, always_call=True)
        module.register_forward_hook(lambda m, args, out: log("after"), always_call=True)
        return module(library.new(normal(3, 2)), 2.0, 1.0)

    both_logs(check)


CONTAINERS = {
    "sequential": lambda n: n.Sequential(n.Linear(2, 3), n.Sequential(n.Tanh(), n.Linear(3, 3)), n.Linear(3, 2)),
    "named": lambda n: n.Sequential(OrderedDict([("b", n.Linear(2, 3)), ("a", n.Tanh())])),
    "list": lambda n: n.ModuleList([n.Linear(2, 2), n.Linear(2, 2), n.Tanh(), n.Linear(2, 2)]),
    "nested list": lambda n: n.ModuleList([*(n.Sequential(n.Linear(2, 2), n.Tanh()) for _ in "12"), n.ModuleList()]),
    "dict": lambda n: n.ModuleDict({"b": n.Linear(2, 3), "a": n.ModuleList([n.ReLU()]), "c": n.ModuleDict()}),
    "pairs": lambda n: n.ModuleDict([["x", n.Tanh()], ("y", n.Linear(1, 1))]),
    "empty": lambda n: n.Sequential(n.Sequential(), n.ModuleList(), n.ModuleDict(), n.ParameterList(),
                                    n.ParameterDict()),
    "parameters": lambda n: n.ParameterList([n.Linear(2, 3).weight, n.Linear(2, 3).bias, "text", 3]),
    "one parameter": lambda n: n.ParameterList([n.Linear(2, 3).weight.detach()]),
    "parameter dict": lambda n: n.ParameterDict({"b": n.Linear(2, 3).weight, "a": n.Linear(2, 3).bias, "c": None}),
    "ordered": lambda n: n.ParameterDict(OrderedDict([("b", n.Linear(2, 3).weight), ("a", n.Linear(2, 3).bias.data)])),
    "both": lambda n: n.Sequential(n.ParameterList([n.Linear(2, 3).weight]),
                                   n.ParameterDict({"w": n.Linear(1, 1).bias})),
    "unflatten": lambda n: n.Sequential(n.Unflatten(1, (2, 5, 5)), n.Flatten(), n.Unflatten(-1, [-1, 2])),
}


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS.keys())
def test_containers_have_the_same_names_and_strings(make: Any) -> None:
    ours, theirs = make(tg.nn), make(torch.nn)
    assert repr(ours) == repr(theirs).replace("torch.", "")
    assert repr(ours.double()) == repr(theirs.double()).replace("torch.", "")
    for read in ("named_modules", "named_children", "named_parameters"):
        assert [name for name, _ in getattr(ours, read)()] == [name for name, _ in getattr(theirs, read)()]
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    for copied in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert repr(copied) == repr(ours)
        assert_same(list(copied.state_dict().values()), list(theirs.state_dict().values()))


def layers(n: Any, count: int) -> list[Any]:
    return [n.Linear(i + 1, i + 1) for i in range(count)]


# Not s.extend(s) and s += s, which extend ours; PyTorch raises "dictionary changed size during iteration".
ON_SEQUENTIAL = """
s[0] ; s[-1] ; s[3] ; s[-4] ; s[1:] ; s[::2] ; s[::-1] ; s[5:] ; len(s) ; list(s) ; s[1.0] ; s["0"] ; s[True]
s.append(m) ; s.append(3) ; s.extend([m, m]) ; s.extend(3) ; s.insert(0, m) ; s.insert(1, m)
s.insert(-1, m) ; s.insert(3, m) ; s.insert(4, m) ; s.insert(-4, m) ; s.pop(0) ; s.pop(-1) ; s.pop(5)
s.pop(slice(0, 2))
s + s ; s + [m] ; s * 2 ; 2 * s ; s * 0 ; s * 1.5 ; s.__iadd__(n.Sequential(m)) ; s.__iadd__([m])
s.__imul__(2) ; s.__imul__(0)
s.__setitem__(1, m) ; s.__setitem__(-1, m) ; s.__setitem__(7, m) ; s.__setitem__(0, 3) ; s.__delitem__(0)
s.__delitem__(-1) ; s.__delitem__(slice(0, 2)) ; s.__delitem__(9)
"""
ON_LIST = """
s[0] ; s[-1] ; s[3] ; s[1:] ; s[::-1] ; len(s) ; list(s) ; s[1.0] ; s.append(m) ; s.append(3) ; s.extend([m, m])
s.extend(3) ; s.insert(0, m) ; s.insert(1, m) ; s.insert(3, m) ; s.pop(0) ; s.pop(slice(1, 3)) ; s + [m] ; s + s
s.__iadd__([m]) ; s.__iadd__(4) ; s.__setitem__(1, m) ; s.__setitem__(4, m) ; s.__delitem__(1) ; s(m)
s.__delitem__(slice(0, 2))
"""
ON_DICT = """
s["b"] ; s["x"] ; len(s) ; list(s) ; list(s.keys()) ; list(s.values()) ; list(s.items()) ; "b" in s ; "x" in s ; 3 in s
s.pop("b") ; s.pop("x") ; s.clear() ; s.update({"x": m, "b": m}) ; s.update([("x", m)]) ; s.update([("x",)])
s.update([3]) ; s.update(3) ; s.update(s) ; s.__setitem__("x", m) ; s.__setitem__("x", 3) ; s.__setitem__(3, m)
s.__setitem__("keys", m) ; s.__setitem__("a.b", m) ; s.__delitem__("b") ; s.__delitem__("x") ; s(m)
"""
ON_PARAMETERS = """
s[0] ; s[-1] ; s[3] ; s[1:] ; s[::-1] ; len(s) ; list(s) ; s.append(p) ; s.append(p.data) ; s.append("text")
s.append(m) ; s.extend([p, 3]) ; s.extend(p) ; s.extend(3) ; s.__iadd__([p]) ; s.__setitem__(0, p)
s.__setitem__(5, p)
s.__setitem__(0, p.data) ; s.__setitem__(0, 3) ; s.__setitem__(-1, p) ; s(m)
"""
ON_PARAMETER_DICT = """
s["b"] ; s["x"] ; s[3] ; len(s) ; list(s) ; list(reversed(s)) ; list(s.keys()) ; list(s.values()) ; list(s.items())
"b" in s ; s.pop("b") ; s.pop("x") ; s.popitem() ; s.clear() ; s.get("b") ; s.get("x") ; s.get("x", 3) ; s.copy()
s.setdefault("b", 3) ; s.setdefault("x", p) ; s.setdefault("x") ; s.fromkeys(["y", "x"], 3)
s.update({"z": p, "x": p})
s.update([("z", p), ("x", p.data)]) ; s.update([("x",)]) ; s.update([3]) ; s.update(3) ; s.update(s) ; s | s
s.__ior__({"x": p}) ; s.__setitem__("x", p.data) ; s.__setitem__(3, p) ; s.__setitem__("a.b", p) ; s.__delitem__("b")
s.__delitem__("x") ; s(m) ; s.__setitem__("b", 3)
"""
STARTS: dict[str, Any] = {
    ON_SEQUENTIAL: lambda n: n.Sequential(*layers(n, 3)),
    ON_LIST: lambda n: n.ModuleList(layers(n, 3)),
    ON_DICT: lambda n: n.ModuleDict(zip("bac", layers(n, 3), strict=True)),
    ON_PARAMETERS: lambda n: n.ParameterList([layer.weight for layer in layers(n, 3)]),
    ON_PARAMETER_DICT: lambda n: n.ParameterDict(zip("bac", [layer.weight for layer in layers(n, 3)], strict=True)),
}


def outline(x: Any) -> Any:
    """What two libraries can share of a result: modules by their strings, parameters by their class and shape."""
    if isinstance(x, (list, tuple)):
        return [outline(y) for y in x]
    if hasattr(x, "detach"):
        return type(x).__name__, tuple(x.shape)
    return (repr(x).replace("torch.", ""), list(x.state_dict())) if hasattr(x, "state_dict") else x


@pytest.mark.parametrize(("text", "start"), [
    (text, start) for lines, start in STARTS.items() for text in re.split(r" ; |\n", lines.strip())])
def test_containers_do_the_same(text: str, start: Any) -> None:
    found = []
    for nn in (tg.nn, torch.nn):
        s, m = start(nn), nn.Tanh()
        result = attempt(eval, text, {"s": s, "m": m, "p": nn.Linear(7, 1).weight, "n": nn})
        found.append((result, result if isinstance(result, Exception) else outline(s)))
    (ours, our_s), (theirs, their_s) = found
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs)) or {type(ours), type(theirs)} <= {AssertionError, TypeError}, repr(ours)
        return
    if not (".insert(" in text and ours is not None and theirs is None):  # ours returns the list, as append does
        assert outline(ours) == outline(theirs), repr(ours)
    assert our_s == their_s


@pytest.mark.parametrize("sizes", [(2, 5, 5), (5, -1), (-1,), (50,), (3, 5), (-1, -1), (), (7, -1), 3, [2, 25],
                                   (2.0, 25)])
@pytest.mark.parametrize("dim", [1, -1, 0, 2])
def test_unflatten(sizes: Any, dim: int) -> None:
    def check(library: Any, nn: Any, log: Log) -> Any:
        x = library.new(normal(3, 50)).requires_grad_()
        y = nn.Unflatten(dim, sizes)(x)
        (y * y).sum().backward()
        return [y, x.grad]

    both_logs(check)


@pytest.mark.parametrize("read", ["get_submodule", "get_parameter", "get_buffer"])
@pytest.mark.parametrize("target", ["", "0", "0.weight", "1.0", "1.0.bias", "9", "0.x", "0.weight.x", "1..0",
                                    "training"])
def test_getting_by_name(read: str, target: str) -> None:
    found = []
    for nn in (tg.nn, torch.nn):
        module = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2, bias=False)))
        module[1].register_buffer("count", module[0].weight.data)
        found.append(attempt(getattr(module, read), target))
    if isinstance(found[1], Exception):
        assert type(found[0]) is type(found[1])
    else:
        assert outline(found[0]) == outline(found[1])
    module = tg.nn.Sequential(tg.nn.Linear(2, 2))
    module.register_buffer("count", tg.ones(1))
    assert module.get_buffer("count").tolist() == [1.0]
