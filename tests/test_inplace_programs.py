"""Random programs of ops, views and in-place writes, beside a model that has neither views nor in-place writes.

In the model a tensor is a base and an array of integers: the places of its elements in the base.  To read is to gather
from the base, to write is to make a new base with `where`; both are differentiated as any other op.  Values, gradients
and second derivatives must be the same, or the library refuses with an error that it documents.  A failure prints the
program.  `tests/compare/test_inplace.py` compares such programs with PyTorch.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import given, note
from hypothesis import strategies as st

import tinygrad_lite as tg

Array = np.ndarray[Any, Any]

# Source for a Tensor x, and what it means for an array of places.
VIEWS: dict[str, Callable[[Any], Any]] = {
    **{text: eval(f"lambda x: {text}") for text in (
        "x[0]", "x[-1]", "x[1:]", "x[:-1]", "x[..., ::2]", "x[None]", "x[...]", "x[..., 0]", "x[..., None]",
        "x.reshape(-1)", "x.reshape(3, 2)", "x.squeeze()", "x.diagonal()", "x.diagonal(1)", "x.diagonal(-1)")},
    "x.transpose(0, -1)": lambda x: x.swapaxes(0, -1) if x.ndim else x,
    "x.permute(tuple(range(x.ndim)[::-1]))": lambda x: x.transpose(),
    "x.flatten()": lambda x: x.reshape(-1),
    "x.expand(2, *x.shape)": lambda x: np.broadcast_to(x, (2, *x.shape)),
    "x.expand(1, *x.shape)": lambda x: x[None],
    "x.narrow(0, 0, 1)": lambda x: x[:1],
    "x.select(-1, 1)": lambda x: x[..., 1],
    "x.movedim(0, -1)": lambda x: np.moveaxis(x, 0, -1) if x.ndim else x,
    "x.unbind(0)[-1]": lambda x: x[-1],
    "x.chunk(2)[0]": lambda x: x[: -(-len(x) // 2)],
    "x.split(1, -1)[0]": lambda x: x[..., :1],
    "x.unflatten(-1, (1, -1))": lambda x: x[..., None, :],
    "x.unfold(-1, 2, 1)": lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, -1),
    "x.unsqueeze(1)": lambda x: np.expand_dims(x, 1),
    "tg.einsum('ii->i', x)": lambda x: np.einsum("ii->i", x),
    "tg.einsum('ij->ji', x)": lambda x: np.einsum("ij->ji", x),
    "x.contiguous()": lambda x: x if x.flags.c_contiguous else x.copy(),
    "x.transpose(0, -1).contiguous()": lambda x: x.T if x.T.flags.c_contiguous else x.T.copy(),
}
FUNCTIONS = ["x.sin()", "x.tanh()", "2 * x", "x * x", "x + y", "x - y", "x * y", "x / (y * y + 1)", "x @ y", "x.relu()",
             "(x * x + 1).sqrt()", "x.sum(-1)", "x.mean(0, keepdim=True)", "x.max(0)[0]", "x.amax(-1)", "x.softmax(-1)",
             "x.cumsum(0)", "x.clone()", "x[[0, -1, 0]]", "tg.where(x > y, x, y)", "tg.cat([x, x])", "x.abs()",
             "tg.stack([x, y])", "x.sigmoid()", "x @ x.transpose(0, -1)", "x.prod(0)", "x.sort(-1)[0]", "x.std(0)",
             "x.logsumexp(-1)", "(-x * x).exp()", "x.detach().clone()"]


@dataclass(frozen=True)
class Write:
    """Which elements are written (on places), and what: a function of their values x and of y."""

    where: Callable[[Any], Any]
    what: str


def everywhere(x: Any) -> Any:
    return x


def main_diagonal(x: Any) -> Any:
    if x.ndim < 2 or x.ndim > 2 and len(set(x.shape)) > 1:
        raise ValueError("neither a matrix nor a cube")
    return x[(range(min(x.shape)),) * x.ndim]


WRITES: dict[str, Write] = {
    **{f"x.{name}_({given})": Write(everywhere, what) for name, given, what in (
        ("add", "y", "x + y"), ("sub", "y, alpha=3", "x - 3 * y"), ("mul", "y", "x * y"), ("copy", "y", "y"),
        ("div", "y * y + 1", "x / (y * y + 1)"), ("clamp", "-0.5, 0.5", "x.clamp(-0.5, 0.5)"), ("zero", "", "x * 0"),
        ("fill", "0.5", "x * 0 + 0.5"), ("sin", "", "x.sin()"), ("tanh", "", "x.tanh()"), ("sigmoid", "",
        "x.sigmoid()"),
        ("lerp", "y, 0.25", "x + 0.25 * (y - x)"), ("relu", "", "x.relu()"), ("neg", "", "-x"), ("abs", "", "x.abs()"),
        ("masked_fill", "y > 0, 0.25", "tg.where(y > 0, 0.25 + 0 * x, x)"), ("tril", "", "x.tril()"),
        ("addcmul", "y, y", "x + y * y"), ("pow", "2", "x * x"))},
    "x.__iadd__(y)": Write(everywhere, "x + y"),
    "x[x > 0] = 0.5": Write(everywhere, "tg.where(x > 0, 0.5 + 0 * x, x)"),
    "x[0] = y": Write(lambda x: x[0], "y"),
    "x[0] = 2.0": Write(lambda x: x[0], "x * 0 + 2"),
    "x[..., 1:] = y": Write(lambda x: x[..., 1:], "y"),
    "x[...] = y": Write(everywhere, "y"),
    "x[-1] += y": Write(lambda x: x[-1], "x + y"),
    "x[..., 0] *= y": Write(lambda x: x[..., 0], "x * y"),
    "x[1:] = y[:-1]": Write(lambda x: x[1:], "y[:-1]"),
    "x.copy_(y.transpose(0, -1))": Write(everywhere, "y.transpose(0, -1)"),
    "x[[0, -1]] = y": Write(lambda x: x[[0, -1]], "y"),
    "x.diagonal().add_(y)": Write(lambda x: x.diagonal(), "x + y"),
    "x.diagonal().copy_(y.sum())": Write(lambda x: x.diagonal(), "x * 0 + y.sum()"),
    "x.fill_diagonal_(0.5)": Write(main_diagonal, "x * 0 + 0.5"),
    "x.transpose(0, -1).mul_(2)": Write(lambda x: x.swapaxes(0, -1) if x.ndim else x, "x * 2"),
    "x.detach().mul_(0.5)": Write(everywhere, "x.detach() * 0.5"),
    "x.data.add_(1)": Write(everywhere, "x.detach() + 1"),
    "x.index_fill_(0, tg.tensor([0]), 0.25)": Write(lambda x: x[:1] if x.ndim else x, "x * 0 + 0.25"),
}
REFUSED = re.compile("a leaf Variable that requires grad is being used in an in-place operation|"
                     "a view of a leaf Variable that requires grad is being used in an in-place operation|"
                     "A view was created in no_grad mode and is being modified inplace|"
                     "more than one element of the written-to tensor refers to a single|"
                     "the memory of the written-to tensor is read-only")
OVERWRITTEN = "needed for gradient computation has been modified by an inplace operation"


@dataclass(eq=False)
class Base:
    """A tensor that is no view: its places in a memory, and the history of its values, flat."""

    memory: Array
    places: Array
    history: Any = None
    leaf: bool = False
    writes: int = 0  # the recorded ones


@dataclass(eq=False)
class Model:
    """A tensor: the places of its elements in its base."""

    base: Base
    places: Array
    layout: Array  # an array with such strides: NumPy tells by it which results are views
    frozen: int | None = None  # a view of no_grad is a constant until its base is written the next time

    def constant(self) -> bool:
        return self.base.history is None or self.frozen == self.base.writes

    def values(self) -> Array:
        return np.asarray(self.base.memory[self.base.places[self.places]])

    def read(self) -> Any:
        if self.constant():
            return tg.tensor(self.values())
        return with_values(gather(self.base.history, self.places), self.values())

    def view(self, function: Callable[[Any], Any]) -> Model:
        """What the function gives: a view of the same base, or a copy."""
        layout, places = function(self.layout), function(self.places)
        if not isinstance(layout, np.generic) and layout.size and not np.shares_memory(layout, self.layout):
            return new(gather(self.read(), function(np.arange(self.places.size).reshape(self.places.shape))), layout)
        follows = tg.is_grad_enabled() and (self.base.history is None or not self.constant())
        return Model(self.base, np.asarray(places), np.asarray(layout), None if follows else self.base.writes)

    def detach(self) -> Model:
        """Another base in the same memory."""
        places = self.base.places[self.places]
        base = Base(self.base.memory, places.reshape(-1))
        return Model(base, np.arange(places.size).reshape(places.shape), self.layout)

    def write(self, to: Callable[[Any], Any], value: Any, recorded: bool) -> None:
        base, places = self.base, to(self.places)
        value = value + tg.zeros(places.shape, dtype=tg.float64)
        if value.shape != places.shape:
            raise RuntimeError(f"{value.shape} does not fit into {places.shape}")
        if recorded and tg.is_grad_enabled() and (value.requires_grad or base.history is not None):
            assert not base.leaf, "a write to a leaf was not refused"
            assert base.history is None or self.frozen != base.writes, "a write to a view of no_grad was not refused"
            before = tg.tensor(base.memory[base.places])
            if base.history is not None:
                before = with_values(base.history, before.numpy())
            order = np.zeros(base.places.size, int)
            order[places.reshape(-1)] = np.arange(places.size)
            there = np.isin(np.arange(base.places.size), places)
            if places.size:
                base.history = tg.where(tg.tensor(there), gather(value, order), before)
            else:
                base.history = before + value.sum()  # 0, and it requires grad if the value does
            base.writes += 1
        base.memory[base.places[places]] = value.detach().numpy()


def gather(x: Any, places: Any) -> Any:
    return x.reshape(-1)[tg.tensor(np.asarray(places).reshape(-1))].reshape(np.shape(places))


def with_values(x: Any, values: Array) -> Any:
    """The history of x with the values that another write, which is not in it, has left."""
    return x if np.array_equal(x.detach().numpy(), values) else x + (tg.tensor(values) - x).detach()


def new(value: Any, layout: Array) -> Model:
    """A model of its own memory."""
    values = value.detach().numpy().copy()
    history = value.reshape(-1) if value.requires_grad else None
    return Model(Base(values.reshape(-1), np.arange(values.size), history),
                 np.arange(values.size).reshape(values.shape), np.copy(layout, order="K"))


@dataclass
class Step:
    """A line of a program: `text` of the tensors number x and y, counted from the last one."""

    kind: str
    text: str
    x: int
    y: int
    grad: bool

    def line(self, n: int) -> str:
        names = {"x": f"x{self.x % n}", "y": f"x{self.y % n}"}
        line = re.sub(r"\b[xy]\b", lambda m: names[m[0]], self.text)
        return ("" if self.grad else "with tg.no_grad(): ") + (line if self.kind == "write" else f"x{n} = {line}")


def steps() -> st.SearchStrategy[Step]:
    def of(kind: str, texts: list[str]) -> st.SearchStrategy[Step]:
        grad = st.sampled_from([True, True, True, True, False])
        return st.builds(Step, st.just(kind), st.sampled_from(texts), st.integers(0, 7), st.integers(0, 7), grad)

    return st.one_of(of("view", [*VIEWS]), of("view", [*VIEWS]), of("write", [*WRITES]), of("write", [*WRITES]),
                     of("function", FUNCTIONS), of("detach", ["x.detach()"]), of("grad", ["grad"]))


class Run:
    """A program, run in both ways."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ours: list[Any] = []
        self.models: list[Model] = []
        for i, (shape, leaf) in enumerate([((2, 3), True), ((3, 3), False), ((3,), True), ((), False)]):
            values = np.sin(np.arange(1.0, 1 + np.prod(shape)) * 1.7 + i).reshape(shape)
            self.ours.append(tg.tensor(values, requires_grad=leaf))
            self.models.append(new(tg.tensor(values, requires_grad=leaf), values))
            if leaf:
                self.models[-1].base.leaf = True
                self.models[-1].base.history = tg.tensor(values.reshape(-1), requires_grad=True)
            self.lines.append(f"x{i} = tg.tensor({values.round(3).tolist()}, requires_grad={leaf})")

    def step(self, step: Step) -> None:
        """Do it here and in the model; a step that both refuse is left out."""
        n = len(self.ours)
        if step.kind == "grad":
            self.lines.append("# gradients")
            self.differentiate()
            return
        i, j = step.x % n, step.y % n
        written = WRITES[step.text].where if step.kind == "write" else everywhere
        if step.kind == "write" and overlapping(written, self.models[i]):
            return
        ours = attempt(lambda: self.here(step, i, j), step.grad)
        if isinstance(ours, Exception) and REFUSED.search(str(ours)):
            return
        self.lines.append(step.line(n))
        model = attempt(lambda: self.modelled(step, i, j, ours), step.grad)
        assert isinstance(ours, Exception) == isinstance(model, Exception), f"here {ours!r}, model {model!r}"
        if isinstance(ours, Exception):
            self.lines.pop()
        elif step.kind != "write":
            self.ours.append(ours)
            self.models.append(model)

    def here(self, step: Step, i: int, j: int) -> Any:
        scope = {"tg": tg, "x": self.ours[i], "y": self.ours[j]}
        if step.kind != "write":
            return eval(step.text, scope)
        return exec(step.text, scope)

    def modelled(self, step: Step, i: int, j: int, ours: Any) -> Any:
        x, y = self.models[i], self.models[j]
        if ours is self.ours[i]:
            assert step.text in ("x.contiguous()", "x.flatten()")
            return x
        if step.kind == "view":
            return x.view(VIEWS[step.text])
        if step.kind == "detach":
            return x.detach()
        if step.kind == "function":
            value = eval(step.text, {"tg": tg, "x": x.read(), "y": y.read()})
            return new(value, eval(step.text, {"tg": tg, "x": self.ours[i].detach(), "y": self.ours[j].detach()}).array)
        write = WRITES[step.text]
        part = Model(x.base, write.where(x.places), x.layout, x.frozen)
        value = eval(write.what, {"tg": tg, "x": part.read(), "y": y.read()})
        while "] = " in step.text and value.ndim > part.places.ndim and len(value) == 1:
            value = value[0]  # an assignment drops leading axes of one
        return x.write(write.where, value, recorded=".detach()" not in write.what)

    def check(self) -> bool:
        """Values and what requires grad; False where the numbers have become too large to go on."""
        for k, (x, model) in enumerate(zip(self.ours, self.models, strict=True)):
            np.testing.assert_allclose(x.detach().numpy(), model.values(), 1e-9, 1e-9, err_msg=f"value of x{k}")
            assert x.requires_grad == (not model.constant()), f"x{k}.requires_grad is {x.requires_grad}"
        return all(np.abs(model.values()).max(initial=0) < 1e4 for model in self.models)

    def differentiate(self) -> None:
        """The same gradients at leaves and computed tensors; or a value that one of them needs was overwritten."""
        outputs = [k for k, x in enumerate(self.ours) if x.requires_grad]
        wanted = [k for k in outputs if self.models[k].base.history is not None and not is_view(self.models, k)]
        wanted.sort(key=lambda k: not self.models[k].base.leaf)
        leaves = sum(self.models[k].base.leaf for k in wanted)
        here = attempt(lambda: gradients([self.ours[k] for k in outputs], [self.ours[k] for k in wanted], leaves), True)
        if isinstance(here, Exception) and OVERWRITTEN in str(here):
            return
        assert not isinstance(here, Exception), repr(here)
        model = gradients([self.models[k].read() for k in outputs], [self.models[k].base.history for k in wanted],
                          leaves)
        for k, a, b in zip(wanted + wanted[:leaves], here, model, strict=True):
            np.testing.assert_allclose(a.reshape(-1), b.reshape(-1), 1e-7, 1e-7, err_msg=f"gradient of x{k}")


def is_view(models: list[Model], k: int) -> bool:
    """Whether a tensor is not the one that its base was made for."""
    return any(model.base is models[k].base for model in models[:k])


def overlapping(where: Callable[[Any], Any], x: Model) -> bool:
    """Whether some place is written twice: NumPy does not say by which value."""
    places = attempt(lambda: where(x.places), True)
    return not isinstance(places, Exception) and np.unique(places).size != np.size(places)


def attempt(function: Callable[[], Any], grad: bool) -> Any:
    """What the function returns, or the error that it raises."""
    try:
        with nullcontext() if grad else tg.no_grad():
            return function()
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        return error


def gradients(outputs: list[Any], inputs: list[Any], leaves: int) -> list[Array]:
    """Of a number that depends on every element in a way of its own; and, at the leaves, of the gradients' squares."""
    total = tg.zeros((), dtype=tg.float64)
    for k, x in enumerate(outputs):
        weights = np.cos(np.arange(x.array.size) + k).reshape(x.shape)
        total = total + (x * tg.tensor(weights)).sum()
    first = differentiated(total, inputs, True)
    squares = sum(((g * g).sum() for g in first), tg.zeros((), dtype=tg.float64))
    second = differentiated(squares, inputs[:leaves], False)
    return [g.detach().numpy() for g in first + second]


def differentiated(y: Any, inputs: list[Any], create_graph: bool) -> list[Any]:
    """The gradients, 0 where there is none."""
    found: Any = [None] * len(inputs)
    if inputs and y.requires_grad:
        found = tg.autograd.grad(y, inputs, retain_graph=True, create_graph=create_graph, allow_unused=True)
    return [tg.zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]


@given(st.lists(steps(), min_size=1, max_size=12))
def test_views_and_writes_have_the_gradients_of_a_model_without_them(program: list[Step]) -> None:
    run = Run()
    try:
        for step in program:
            run.step(step)
            if not run.check():
                return
        run.differentiate()
    finally:
        note("\n".join(run.lines))


def test_a_window_follows_the_history_of_its_base() -> None:
    x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 1
    windows = y.unfold(0, 2, 1)
    y.mul_(x)
    windows.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2, 8, 6]
