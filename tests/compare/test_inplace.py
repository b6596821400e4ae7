"""Random programs of ops, views and in-place writes: the same gradients as PyTorch, or both refuse.

Each step runs here and in PyTorch.  Where PyTorch refuses to differentiate a program and we do not, the program is run
a third time, in PyTorch's mode that keeps copies of all that is overwritten: our gradient has to be that one.  So a
gradient is never silently wrong.  What differs besides is named here, and nothing else is allowed:

- A view that was taken under `no_grad` says in PyTorch that it requires grad if its base does: as a leaf, and with the
  history of its base as soon as its memory is overwritten, even under `no_grad`.  Here it stays a constant until a
  write is recorded; the program goes on without that tensor.  The same would happen to a view that was taken before
  its base was told to require grad; programs do not do that.
- Where a view of a constant was taken under `no_grad`, PyTorch refuses to record a write to it, and after a recorded
  write to its base every use of it.  Here it is as good as any other view of a constant; the program goes on without.
- softmax of a transposed tensor lies in memory as its operand does, as results do elsewhere, too; in PyTorch it lies in
  order, and so may have a view where here `view` asks for `reshape`.
- A part of an expanded tensor is read-only here, as it is in NumPy, even if its elements do not overlap; and an
  expanded tensor cannot be filled.  (One that expands nothing, `x.expand(1, *x.shape)`, can be written to.)
- PyTorch refuses to write to a tensor what is computed from a part of it that overlaps but is not the same,
  `x[1:].copy_(x[:-1])` or `x.add_(x.T)`.  Here the result is computed first, and then written: that of a copy.
- PyTorch refuses to write to one of the views that `unbind`, `split` and `chunk` return, and to use them after a write
  to their base.  Here they are views like all others.
The last two are held to a recomputation with copies in `tests/test_inplace.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import tinygrad_lite as tg

from .pair import OURS, THEIRS, Array, array_of, attempt

VIEWS: dict[str, Callable[[Any], Any]] = {
    "x[0]": lambda x: x[0],
    "x[-1]": lambda x: x[-1],
    "x[1:]": lambda x: x[1:],
    "x[..., ::2]": lambda x: x[..., ::2],
    "x[None]": lambda x: x[None],
    "x[...]": lambda x: x[...],
    "x[..., 0]": lambda x: x[..., 0],
    "x.T": lambda x: x.transpose(0, -1),
    "x.permute": lambda x: x.permute(tuple(range(x.ndim)[::-1])),
    "x.view(-1)": lambda x: x.view(-1),
    "x.reshape(-1)": lambda x: x.reshape(-1),
    "x.reshape(3, 2)": lambda x: x.reshape(3, 2),
    "x.unsqueeze(-1)": lambda x: x.unsqueeze(-1),
    "x.squeeze()": lambda x: x.squeeze(),
    "x.squeeze(0)": lambda x: x.squeeze(0),
    "x.flatten()": lambda x: x.flatten(),
    "x.t()": lambda x: x.t(),
    "x.expand": lambda x: x.expand(2, *x.shape),
    "x.expand(1)": lambda x: x.expand(1, *x.shape),
    "x.expand_as": lambda x: x.expand_as(x),
    "x.broadcast_to": lambda x: x.broadcast_to((1, 1, *x.shape)),
    "x.detach()": lambda x: x.detach(),
    "x.diagonal()": lambda x: x.diagonal(),
    "x.diagonal(1)": lambda x: x.diagonal(1, -1, 0),
    "x.narrow": lambda x: x.narrow(0, 1, 1),
    "x.select": lambda x: x.select(-1, 1),
    "x.movedim": lambda x: x.movedim(0, -1),
    "x.unflatten": lambda x: x.unflatten(-1, (1, -1)),
    "x.unfold": lambda x: x.unfold(-1, 2, 1),
    "x.ravel()": lambda x: x.ravel(),
    "x.tensor_split": lambda x: x.tensor_split(2)[1],
    "x.contiguous()": lambda x: x.contiguous(),
}
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "sin": lambda x: x.sin(),
    "tanh": lambda x: x.tanh(),
    "sigmoid": lambda x: x.sigmoid(),
    "exp": lambda x: (-x * x).exp(),
    "square": lambda x: x * x,
    "power": lambda x: x**3,
    "abs": lambda x: x.abs(),
    "sqrt": lambda x: (x * x + 1).sqrt(),
    "relu": lambda x: x.relu(),
    "clamp": lambda x: x.clamp(-0.5, 0.5),
    "sum": lambda x: x.sum(-1),
    "mean": lambda x: x.mean(0, keepdim=True),
    "max": lambda x: x.max(0)[0],
    "amax": lambda x: x.amax(-1),
    "softmax": lambda x: x.softmax(-1).clone(),
    "logsumexp": lambda x: x.logsumexp(0),
    "sin of x.T": lambda x: x.transpose(0, -1).sin(),
    "gram": lambda x: x @ x.transpose(0, -1),
    "rows": lambda x: x[[0, -1, 0]],
    "positive": lambda x: x[x > 0.01],  # and not 0: a sum that is 0 but for rounding is on either side
    "clone": lambda x: x.clone(),
    "2 * x": lambda x: 2 * x,
}
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / (y * y + 1),
    "matmul": lambda x, y: x @ y,
}


def indices(x: Any, *places: int) -> Any:
    """A vector of indices, of the library of x."""
    return (OURS if isinstance(x, tg.Tensor) else THEIRS).new(np.array(places))


WRITES: dict[str, Callable[[Any, Any], Any]] = {
    "add_": lambda x, y: x.add_(y),
    "sub_(alpha)": lambda x, y: x.sub_(y, alpha=3),
    "mul_": lambda x, y: x.mul_(y),
    "div_": lambda x, y: x.div_(y * y + 1),
    "pow_": lambda x, y: x.pow_(2),
    "clamp_": lambda x, y: x.clamp_(-0.5, 0.5),
    "copy_": lambda x, y: x.copy_(y),
    "zero_": lambda x, y: x.zero_(),
    "fill_": lambda x, y: x.fill_(0.5),
    "x += y": lambda x, y: x.__iadd__(y),
    "x *= y": lambda x, y: x.__imul__(y),
    "x[0] = y": lambda x, y: x.__setitem__(0, y),
    "x[0] = 2": lambda x, y: x.__setitem__(0, 2.0),
    "x[..., 1:] = y": lambda x, y: x.__setitem__((..., slice(1, None)), y),
    "x[...] = y": lambda x, y: x.__setitem__(..., y),
    "x[x > 0] = y": lambda x, y: x.__setitem__(x > 0.01, y),
    "x[[0, -1]] = y": lambda x, y: x.__setitem__([0, -1], y),
    "x[-1] += y": lambda x, y: x.__setitem__(-1, x[-1].__iadd__(y)),
    "tril_": lambda x, y: x.tril_(),
    "fill_diagonal_": lambda x, y: x.fill_diagonal_(0.5),
    "index_add_": lambda x, y: x.index_add_(0, indices(x, 1, 0, 1), y),
    "index_fill_": lambda x, y: x.index_fill_(-1, indices(x, 1), y),
    "masked_scatter_": lambda x, y: x.masked_scatter_(x > 0.01, y + x),  # of too few PyTorch writes some and raises
    "x[[0, 1]] = x[[1, 0]]": lambda x, y: x.__setitem__([0, 1], x[[1, 0]]),
    "x[..., 0] *= y": lambda x, y: x.__setitem__((..., 0), x[..., 0].__imul__(y)),
}


class Step(NamedTuple):
    """One step of a program, on the tensors with these numbers."""

    kind: str
    name: str = ""
    first: int = 0
    second: int = 0
    grad: bool = True
    values: Array = np.zeros(())

    def run(self, library: Any, tensors: list[Any]) -> Any:
        """Perform it; the tensor that it adds, if any."""
        with nullcontext() if self.grad else library.T.no_grad():
            x: Any = tensors[self.first] if tensors else None
            y: Any = tensors[self.second] if tensors else None
            match self.kind:
                case "new":
                    return library.new(self.values.copy()).requires_grad_(self.name == "leaf")
                case "view":
                    return VIEWS[self.name](x)
                case "function":
                    return FUNCTIONS[self.name](x)
                case "operator":
                    return OPERATORS[self.name](x, y)
                case "write":
                    WRITES[self.name](x, y)
                case "write copy":
                    WRITES[self.name](x, y.clone())
                case "write constant":
                    WRITES[self.name](x, library.new(self.values))
                case "requires_grad_":
                    x.requires_grad_()
        return None


def scalar_of(library: Any, tensors: list[Any], chosen: set[int]) -> Any:
    """A number that depends on the chosen tensors, in a way of its own on each of their elements."""
    total: Any = 0
    for k in sorted(chosen):
        count = int(np.prod(tensors[k].shape))
        total = total + (tensors[k] * library.new(np.cos(np.arange(count) + k).reshape(tuple(tensors[k].shape)))).sum()
    return total


def gradients(library: Any, tensors: list[Any], chosen: set[int], wanted: list[int], again: bool) -> list[Array]:
    """The gradients of `scalar_of` at the wanted tensors; with `again` those of their squares' sum follow."""
    inputs = [tensors[k] for k in wanted]
    output = scalar_of(library, tensors, chosen)
    found = library.grad(output, inputs, retain_graph=True, create_graph=again, allow_unused=True)
    found = [library.T.zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]
    arrays = [array_of(g) for g in found]
    if again:
        total = sum((g * g).sum() for g in found)
        second: Any = [None] * len(inputs)
        if total.requires_grad:
            second = library.grad(total, inputs, retain_graph=True, allow_unused=True)
        arrays += [np.zeros(tuple(x.shape)) if g is None else array_of(g) for g, x in zip(second, inputs, strict=True)]
    return arrays


def status_of(x: Any) -> tuple[bool, bool]:
    return x.requires_grad, x.is_leaf


class Programs(RuleBasedStateMachine):
    """Programs of at most `LIMIT` tensors."""

    LIMIT = 9
    number = st.integers(0, LIMIT - 1)

    @initialize()
    def start(self) -> None:
        self.steps: list[Step] = []
        self.ours: list[Any] = []
        self.theirs: list[Any] = []
        self.dropped: set[int] = set()
        for name in ("leaf", "constant"):
            self.step(Step("new", name, values=np.sin(np.arange(1.0, 7.0) + len(self.ours)).reshape(2, 3)))

    def at(self, number: int) -> int:
        """The number of a tensor that is there."""
        there = [k for k in range(len(self.ours)) if k not in self.dropped]
        return there[number % len(there)]

    def step(self, step: Step) -> None:
        """Run a step in both libraries; it is kept if both could do it."""
        ours, theirs = attempt(step.run, OURS, self.ours), attempt(step.run, THEIRS, self.theirs)
        if isinstance(ours, Exception) and isinstance(theirs, Exception):
            return
        if any(text in str(ours) for text in ("read-only", "a single memory location")):
            self.theirs = self.again(THEIRS)
            return
        if "created in no_grad mode and is being modified" in str(theirs):
            self.ours = self.again(OURS)
            return
        assert not isinstance(ours, Exception), f"only ours raised: {ours!r} in {step}"
        assert not isinstance(theirs, Exception), f"only PyTorch raised: {theirs!r} in {step}"
        self.steps.append(step)
        if theirs is not None:
            self.ours.append(ours)
            self.theirs.append(theirs)

    def again(self, library: Any) -> list[Any]:
        """The tensors of the program so far, made anew."""
        tensors: list[Any] = []
        for step in self.steps:
            made = step.run(library, tensors)
            tensors += [] if made is None else [made]
        return tensors

    def kind_of_write(self, name: str, first: int, second: int) -> str:
        """How to write without overlap, which PyTorch refuses: by way of a copy if the two share memory."""
        shared = np.shares_memory(self.ours[first].array, self.ours[second].array)
        return "write copy" if shared and (first != second or name.startswith(("x[", "index_", "masked_"))) else "write"

    @precondition(lambda self: len(self.ours) < self.LIMIT)
    @rule(name=st.sampled_from(["leaf", "constant"]), shape=st.sampled_from([(), (3,), (2, 3), (2, 1), (3, 3)]))
    def create(self, name: str, shape: tuple[int, ...]) -> None:
        count = int(np.prod(shape))
        self.step(Step("new", name, values=np.cos(np.arange(count) * 1.7 + len(self.ours)).reshape(shape)))

    @precondition(lambda self: len(self.ours) < self.LIMIT)
    @rule(name=st.sampled_from([*VIEWS]), x=number, grad=st.sampled_from([True, True, True, False]))
    def view(self, name: str, x: int, grad: bool) -> None:
        self.step(Step("view", name, self.at(x), grad=grad))

    @precondition(lambda self: len(self.ours) < self.LIMIT)
    @rule(name=st.sampled_from([*FUNCTIONS]), x=number)
    def function(self, name: str, x: int) -> None:
        self.step(Step("function", name, self.at(x)))

    @precondition(lambda self: len(self.ours) < self.LIMIT)
    @rule(name=st.sampled_from([*OPERATORS]), x=number, y=number)
    def operator(self, name: str, x: int, y: int) -> None:
        self.step(Step("operator", name, self.at(x), self.at(y)))

    @rule(name=st.sampled_from([*WRITES]), x=number, y=number, grad=st.sampled_from([True, True, False]))
    def write(self, name: str, x: int, y: int, grad: bool) -> None:
        first, second = self.at(x), self.at(y)
        self.step(Step(self.kind_of_write(name, first, second), name, first, second, grad))

    @rule(name=st.sampled_from([*WRITES]), x=number, single=st.booleans(), grad=st.booleans())
    def write_constant(self, name: str, x: int, single: bool, grad: bool) -> None:
        values = np.asarray(0.5 if single else [0.25, -1.5, 2.0])
        self.step(Step("write constant", name, self.at(x), grad=grad, values=values))

    @rule(x=number)
    def require_grad(self, x: int) -> None:
        first = self.at(x)
        if all(y._base is not self.theirs[first] for y in self.theirs if y._is_view()):
            self.step(Step("requires_grad_", first=first))

    @rule(outputs=st.sets(number, min_size=1, max_size=3), again=st.booleans())
    def differentiate(self, outputs: set[int], again: bool) -> None:
        chosen = {self.at(k) for k in outputs}
        # A view is left out: what its gradient means depends on when its history was last made anew.
        there = [(k, x) for k, x in enumerate(self.theirs) if k not in self.dropped]
        wanted = [k for k, x in there if x.requires_grad and not x._is_view()]
        if not wanted:
            return
        # PyTorch's second derivatives count a tensor that was told to require grad only after it had been used.
        again = again and all(step.kind != "requires_grad_" for step in self.steps)
        ours, theirs = (attempt(gradients, library, tensors, chosen, wanted, again)
                        for library, tensors in ((OURS, self.ours), (THEIRS, self.theirs)))
        if isinstance(theirs, Exception) and not isinstance(ours, Exception):
            theirs = self.gradients_with_copies(chosen, wanted, again)
            if theirs is None:
                return
        if isinstance(theirs, Exception):
            assert isinstance(ours, Exception), f"only PyTorch raised: {theirs!r}"
            return
        assert not isinstance(ours, Exception), f"only ours raised: {ours!r}"
        for k, a, b in zip(wanted * (1 + again), ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, 1e-8, 1e-8, err_msg=f"gradient of {chosen} at {k}")

    def gradients_with_copies(self, chosen: set[int], wanted: list[int], again: bool) -> Any:
        """PyTorch's gradients where overwritten values do not matter: the truth about a program that it refuses.

        None if it refuses some step, as it may in this mode where a leaf is a view of a tensor that got a history.
        """
        with torch.autograd.graph.allow_mutation_on_saved_tensors():
            tensors = attempt(self.again, THEIRS)
            if isinstance(tensors, Exception):
                return None
            return attempt(gradients, THEIRS, tensors, chosen, wanted, again)

    @invariant()
    def all_tensors_are_equal(self) -> None:
        for k, (x, y) in enumerate(zip(getattr(self, "ours", ()), getattr(self, "theirs", ()), strict=True)):
            if k in self.dropped:
                continue
            assert tuple(x.shape) == tuple(y.shape)
            np.testing.assert_allclose(array_of(x), array_of(y), 1e-9, 1e-9, err_msg=f"value of {k}")
            status = attempt(status_of, y)
            if x.is_leaf and status != status_of(x) and y._is_view() and y._base.requires_grad:
                self.dropped.add(k)  # the first of the named differences
            elif "created in no_grad mode and its base" in str(status):
                self.dropped.add(k)  # the second
            else:
                assert status_of(x) == status, f"requires_grad, is_leaf of {k}"


TestPrograms = Programs.TestCase
TestPrograms.settings = settings(max_examples=max(300, settings().max_examples), stateful_step_count=25,
                                 phases=set(Phase) - {Phase.explain})
