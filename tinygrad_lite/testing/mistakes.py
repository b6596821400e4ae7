"""Finding the mistake in a hand-derived gradient: which one changed link of the reverse walk reproduces it.

A link is the derivative of one recorded operation with respect to one operand.  Each is changed in the ways in which
people err - left out, wrong sign, transposed, without its factor 1/m, ... - and what then arrives at the parameters is
compared with what the hand derivation says.  Nothing is inferred from ratios of the results: a cause is named only if
the walk with that change gives these gradients, entry by entry.

Every change is linear in the gradient that flows back, and so is the rest of the walk.  So for each change only the
difference that it makes has to be sent on, from its place to the parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._tensor import Tensor
from ..autograd import enable_grad, observing
from ..custom import Parts
from ..engine import backend
from ..engine.graph import Leaf, Node, Observer, tick
from ..engine.operation import Op
from ..engine.walk import collect, fit, prune

Gradients: TypeAlias = dict[str, NDArray[Any]]
"""Gradients by the name of the parameter, on the host."""


class CallLog(Observer):
    """Remembers the values of each call: (operands, settings, y) of the call that recorded a node."""

    def __init__(self) -> None:
        self.calls: dict[int, tuple[tuple[Any, ...], tuple[Any, ...], Any]] = {}

    def called(self, op: Op, operands: tuple[Any, ...], settings: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        """The node, if there will be one, ages by the next tick."""
        if self.grad and outputs:
            self.calls[tick()] = operands, settings, outputs[0]

    def of(self, node: Node) -> tuple[tuple[Any, ...], tuple[Any, ...], Any] | None:
        """The values of the call that recorded `node`; None for an autograd.Function."""
        return self.calls.get(node.age - 1)

    def recording(self, function: str) -> None:
        """An autograd.Function is no call; its node must not follow one that recorded nothing."""
        tick()


@dataclass(eq=False, slots=True)
class Flow:
    """What a node hands to one operand: `raw` as its VJP returned it, `d` summed to the operand's shape."""

    parent: Node
    position: int
    operand: str
    raw: Any
    d: Any


@dataclass(eq=False, slots=True)
class Link:
    """A derivative that the walk used: the gradient `g` that came in and the flow that went out."""

    graph: Graph
    node: Node
    g: Any
    flow: Flow


Apply: TypeAlias = Callable[["Graph", Node, Any, Flow], Any]
"""What a changed link returns instead of `flow.d`."""


@dataclass(eq=False, slots=True)
class Change:
    """A mistake that a person could make at a link.  Of several that fit, the one of the lowest `rank` is named."""

    rank: int
    text: str
    apply: Apply


def array_of(x: Any) -> Any:
    """NumPy's arithmetic on 0-d arrays gives scalars: as an array again."""
    return np.asarray(x) if isinstance(x, np.generic) else x


class _Gather(dict[Node, Any]):
    """Stands in for the gradients of a walk while one node is pulled: lists what it hands on, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.handed: list[tuple[Node, Any, Any]] = []
        self.raw: Any = None

    def __contains__(self, _: object) -> bool:
        return False

    def __setitem__(self, parent: Node, d: Any) -> None:
        self.handed.append((parent, d if self.raw is None else self.raw, d))
        self.raw = None

    def fit(self, d: Any, parent: Node) -> Any:
        self.raw = d
        return fit(d, parent)


@dataclass(eq=False)
class Graph:
    """A recorded graph that can be walked again and again, with some links changed.

    `inputs` maps the nodes where gradients are wanted to their keys.  An op that has a definition can be opened:
    `inner` holds the graph of its definition, whose inputs are keyed by (position, parent, operand).
    """

    output: Node
    inputs: dict[Node, Any]
    log: CallLog
    outer: Graph | None = None
    opened: Node | None = None
    changes: dict[tuple[Node, int], Apply] = field(default_factory=dict)
    inner: dict[Node, Graph | None] = field(default_factory=dict)
    pulls: int = 0

    def __post_init__(self) -> None:
        self.wanted = collect([Tensor(None, self.output)], frozenset())
        order = sorted(self.wanted, key=lambda node: node.age)
        prune(order, self.wanted, {*self.inputs}, frozenset())
        self.order = order[::-1]
        self.place_of = {node: i for i, node in enumerate(self.order)}
        self.root: Graph = self if self.outer is None else self.outer.root

    @property
    def changed(self) -> bool:
        """Whether a link here or in an opened op is changed."""
        return bool(self.changes) or any(g is not None and g.changed for g in self.inner.values())

    def restore(self) -> None:
        """Undo all changes."""
        self.changes.clear()
        for inner in self.inner.values():
            if inner is not None:
                inner.restore()

    def where(self, node: Node) -> str:
        """The place of a node in words."""
        if self.outer is not None:
            assert self.opened is not None
            assert self.opened.op is not None
            return f"inside {self.opened.op.name} {self.outer.where(self.opened)}"
        number = sum(n.op is not None for n in self.order[: self.place_of[node] + 1])
        return f"(node {number} of the backward walk, shape {node.shape})"

    def walk(self, seeds: Mapping[Node, Any], links: list[Link] | None = None) -> dict[Any, Any]:
        """The gradients of the inputs by their keys; what was handed over is noted in `links`."""
        grads = dict(seeds)
        found: dict[Any, Any] = {}
        for node in self.order[min(self.place_of[n] for n in seeds) :] if seeds else ():
            g = grads.pop(node, None)
            if g is None:
                continue
            g = array_of(g)
            if node in self.inputs:
                found[self.inputs[node]] = g
            if node.op is None:
                continue
            for flow in self.pull(node, g):
                grads[flow.parent] = grads[flow.parent] + flow.d if flow.parent in grads else flow.d
                if links is not None and not isinstance(flow.d, Parts):
                    links.append(Link(self, node, g, flow))
            if links is not None and not isinstance(g, Parts) and (inner := self.open(node)) is not None:
                inner.walk({inner.output: g}, links)
        return found

    def pull(self, node: Node, g: Any) -> list[Flow]:
        """What `node` hands to its operands, with the changes."""
        inner = self.inner.get(node)
        if inner is not None and inner.changed:
            flows = [Flow(parent, position, operand, d, fit(d, parent))
                     for (position, parent, operand), d in inner.walk({inner.output: g}).items()]
        else:
            flows = self.pull_unchanged(node, g)
        for flow in flows:
            apply = self.changes.get((node, flow.position))
            if apply is not None:
                flow.d = array_of(apply(self, node, g, flow))
        return flows

    def pull_unchanged(self, node: Node, g: Any) -> list[Flow]:
        """What `node` hands to its operands."""
        self.root.pulls += 1
        gather = _Gather()
        node.pull(g, gather, self.wanted, True, gather.fit)
        assert node.op is not None
        flat = zip(node.op.differentiable or ["input"], (node.p0, node.p1, node.p2), strict=False)
        several = ((f"{node.op.sequence or 'input'}[{i}]", p) for i, p in enumerate(node.rest))
        operands = iter(enumerate((*flat, *several)))
        flows = []
        for parent, raw, d in gather.handed:
            position, name = next((i, n) for i, (n, p) in operands if p is parent)
            flows.append(Flow(parent, position, name, array_of(raw), array_of(d)))
        return flows

    def open(self, node: Node) -> Graph | None:
        """The graph of the definition of a fused op; None if there is none, or it does not give the same result."""
        if node not in self.inner:
            self.inner[node] = self._open(node)
        return self.inner[node]

    def _open(self, node: Node) -> Graph | None:
        op, call = node.op, self.log.of(node)
        if op is None or op.definition is None or op.sequence is not None or call is None:
            return None
        operands, settings, y = call
        arguments = dict(zip(op.settings, settings, strict=True))
        inputs: dict[Node, Any] = {}
        parents = dict(zip(op.differentiable, enumerate((node.p0, node.p1, node.p2)), strict=False))
        for name, value in zip(op.operands, operands, strict=True):
            position, parent = parents.get(name, (0, None))
            arguments[name] = Tensor(value) if hasattr(value, "dtype") else value
            if parent in self.wanted:
                leaf = arguments[name].node = Leaf(arguments[name])
                inputs[leaf] = (position, parent, name)
        with np.errstate(all="ignore"), enable_grad(), observing(self.log):
            result = op.definition(**arguments)
        if result.node is None or result.node.op is None:
            return None
        if not np.allclose(backend.to_host(result.array), backend.to_host(y), rtol=1e-3, atol=1e-6):
            return None  # it overflows where the fused op does not
        return Graph(result.node, inputs, self.log, self, node)

    def effect(self, differences: Mapping[Node, Any]) -> dict[str, Any]:
        """What differences in the gradients of some nodes add to the gradients of the parameters."""
        found = self.walk(differences)
        if self.outer is None:
            return found
        seeds: dict[Node, Any] = {}
        for (_, parent, _), d in found.items():
            seeds[parent] = seeds[parent] + d if parent in seeds else d
        return self.outer.effect(seeds)


# --- what people get wrong --------------------------------------------------------------------------------------------


def arriving(g: Any) -> Any:
    """The gradient that arrives at a node; at an autograd.Function, that of its only output in use."""
    return next(iter(g.values())) if isinstance(g, Parts) and len(g) == 1 else g


def scaled(c: float) -> Apply:
    """The link times c."""
    return lambda graph, node, g, flow: flow.d * c


def with_saved(slot: str, value: Any) -> Apply:
    """The link, computed with another value in the place of one that the node had saved."""

    def apply(graph: Graph, node: Node, g: Any, flow: Flow) -> Any:
        kept = getattr(node, slot)
        setattr(node, slot, value)
        try:
            return next(f.d for f in graph.pull_unchanged(node, g) if f.position == flow.position)
        finally:
            setattr(node, slot, kept)

    return apply


def with_gradient(value: Any) -> Apply:
    """The link, computed with something else in the place of the gradient of the output."""

    def apply(graph: Graph, node: Node, g: Any, flow: Flow) -> Any:
        return next(f.d for f in graph.pull_unchanged(node, value) if f.position == flow.position)

    return apply


def factors(link: Link) -> Iterator[tuple[float, int, str]]:
    """(c, rank, text): mistakes that multiply the link by a number."""
    node, flow, op = link.node, link.flow, link.node.op
    assert op is not None
    at = f"{op.name} {link.graph.where(node)}"
    if op.name in ("mean", "sum"):
        sizes = [n for n, kept in _reduced(flow.parent.shape, node.shape) if not kept and n > 1]
        count = math.prod(sizes)
        parts = {math.prod(c) for k in range(1, len(sizes)) for c in combinations(sizes, k)} - {1, count}
        if op.name == "mean" and count > 1:
            yield count, 0, f"the factor 1/{count} of {at} is missing (sum instead of mean)"
            for n in parts:
                yield count / n, 1, f"{at} divides by {count}, the hand gradient by {n}"
        elif count > 1:
            for n in (count, *parts):
                yield 1 / n, 1, f"the hand gradient divides by {n} where {at} only adds up (mean instead of sum)"
    if op.name == "pow" and (call := link.graph.log.of(node)) is not None and isinstance(call[0][1], (int, float)):
        exponent = call[0][1]
        if exponent not in (0, 1) and flow.operand == "input":
            yield 1 / exponent, 0, f"the factor {exponent} of the derivative of {at} is missing"
    if 0 < flow.d.size < flow.raw.size:
        n = flow.raw.size // flow.d.size
        yield 1 / n, 0, (f"the gradient with respect to {flow.operand} of {at} is averaged over the {n} elements "
                         "that share it, not summed (mean instead of sum)")
    sign = f"the derivative of {at} with respect to {flow.operand} has the wrong sign"
    yield -1, 2 if op.name in ("neg", "sub") else 3, sign
    yield 0, 3, f"what {at} hands back to {flow.operand} is left out"


def _reduced(shape: tuple[int, ...], result: tuple[int, ...]) -> list[tuple[int, bool]]:
    """(size, whether the result still has it) for each axis of a reduction from `shape` to `result`."""
    if len(shape) == len(result):
        return [(n, n == m) for n, m in zip(shape, result, strict=True)]
    left, kept = list(result), []
    for n in shape:
        kept.append(bool(left) and left[0] == n)
        if kept[-1]:
            del left[0]
    return list(zip(shape, kept, strict=True)) if not left else [(math.prod(shape) // math.prod(result), False)]


def changes(link: Link) -> Iterator[Change]:
    """Mistakes of other kinds."""
    node, flow, g, log, op = link.node, link.flow, link.g, link.graph.log, link.node.op
    assert op is not None
    where = link.graph.where(node)
    at = f"{op.name} {where}"
    if getattr(arriving(g), "shape", None) == flow.raw.shape:
        what = f"the derivative of {at}"
        if op.name in ("neg", "sub"):
            what = f"the minus sign of {at}"
        elif len(op.operands) > 1:
            what = f"the derivative of {at} with respect to {flow.operand}"
        yield Change(0, f"{what} is missing", lambda graph, node, g, flow: fit(arriving(g), flow.parent))
    if len(flow.d.shape) == 2 and flow.d.shape[0] == flow.d.shape[1] > 1:
        yield Change(4, f"the gradient with respect to {flow.operand} of {at} is transposed",
                     lambda graph, node, g, flow: flow.d.T)
    call = log.of(node)
    for slot, name in node.kept if call is not None else ():
        value: Any = getattr(node, slot, None)
        if not hasattr(value, "shape"):
            continue
        if len(value.shape) == 2 and value.shape[0] == value.shape[1] > 1:
            yield Change(0, f"the derivative of {at} with respect to {flow.operand} takes {name} transposed wrongly",
                         with_saved(slot, value.T))
        for text, other in _instead_of(value, name, node, log):
            if getattr(other, "shape", None) == value.shape:
                yield Change(1, f"the derivative of {at} with respect to {flow.operand} is taken with {text}",
                             with_saved(slot, other))
    if call is not None and _parameter(link) is not None:
        for n in sorted({1, *call[2].shape, call[2].size} - {0}):
            share = f", divided by {n}," if n > 1 else ""
            yield Change(1, f"the value of {at}{share} stands where its gradient belongs",
                         with_gradient(array_of(call[2] / n)))


def _instead_of(value: Any, name: str, node: Node, log: CallLog) -> Iterator[tuple[str, Any]]:
    """Values that are easily taken for the value `name` that a node saved."""
    op, call = node.op, log.of(node)
    assert op is not None
    assert call is not None
    alone = len(op.signature.parameters) == 1
    if name == "y":
        yield "its input in the place of its result", call[0][0]
        if alone:
            yield f"{op.name} of its result in the place of its result", op.forward(value)
    elif alone:
        yield "its result in the place of its input", call[2]
    if name in op.differentiable:
        parent = (node.p0, node.p1, node.p2)[op.differentiable.index(name)]
        made = None if parent is None or parent.op is None else log.of(parent)
        if made is not None and parent is not None and parent.op is not None and len(parent.op.operands) == 1:
            yield f"the input of {parent.op.name} in the place of its result", made[0][0]


def _parameter(link: Link) -> str | None:
    """The parameter that a link hands its gradient to, if it is the last before one."""
    graph, parent = link.graph, link.flow.parent
    while graph.outer is not None and parent in graph.inputs:
        _, parent, _ = graph.inputs[parent]
        graph = graph.outer
    return graph.inputs.get(parent) if graph.outer is None else None


# --- the search -------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Cause:
    """A changed link that reproduces the hand gradients of `names`."""

    names: list[str]
    text: str
    equivalent: int = 0
    alone: bool = False

    def __str__(self) -> str:
        lines = f"{', '.join(self.names)}: {self.text}"
        if self.alone:
            lines += " - here alone: the other gradients do not have this mistake"
        if self.equivalent:
            lines += f" (so would {self.equivalent} other change{'s' * (self.equivalent > 1)} of a link)"
        return lines


@dataclass(eq=False, slots=True)
class _Candidate:
    link: Link
    change: Change
    explained: set[str]


class Search:
    """Looks for the links whose change turns the true gradients into those of the hand derivation.

    `true` and `hand` hold gradients by parameter; `matches(name, gradient)` says whether the hand gradient is this one.
    Nodes are pulled about `limit` times at most, then `stopped` says how far it came.
    """

    def __init__(self, output: Node, seed: Any, inputs: dict[Node, str], log: CallLog, hand: Gradients,
                 matches: Callable[[str, Any], bool], limit: int) -> None:
        self.graph = Graph(output, inputs, log)
        self.seed, self.hand, self.matches, self.limit = {output: seed}, hand, matches, limit
        self.stopped: tuple[int, int] | None = None
        self.true = self._gradients(None)

    def _gradients(self, links: list[Link] | None) -> Gradients:
        found = self.graph.walk(self.seed, links)
        shapes = {name: node.shape for node, name in self.graph.inputs.items()}
        return {n: backend.to_host(found[n]) if n in found else np.zeros(shape) for n, shape in shapes.items()}

    def causes(self, wrong: set[str]) -> list[Cause]:
        """The causes found for the `wrong` parameters: common ones first, each on top of those before."""
        found: list[Cause] = []
        left = set(wrong)
        while left and (best := self._best(left, {*self.hand} - left)) is not None:
            candidate, equivalent = best
            link = candidate.link
            link.graph.changes[link.node, link.flow.position] = candidate.change.apply
            found.append(Cause(sorted(candidate.explained, key=[*self.hand].index), candidate.change.text, equivalent))
            left -= candidate.explained
        # What is left contradicts other parameters: look at each alone, first on top of the common causes.
        found += self._alone(left)
        if left and found:
            self.graph.restore()
            found += self._alone(left)
        return found

    def _alone(self, left: set[str]) -> list[Cause]:
        """Causes of single parameters, whatever they would do to the others; takes out of `left` what it explains."""
        found: dict[str, Cause] = {}
        for name in [n for n in self.hand if n in left]:
            if (best := self._best({name}, set())) is not None:
                candidate, equivalent = best
                text = candidate.change.text
                found.setdefault(text, Cause([], text, equivalent, alone=True)).names.append(name)
                left.remove(name)
        return [*found.values()]

    def _best(self, wrong: set[str], keep: set[str]) -> tuple[_Candidate, int] | None:
        """The simplest change that explains most of `wrong` and leaves `keep` right; how many others do the same."""
        links: list[Link] = []
        now = self._gradients(links)
        candidates: list[_Candidate] = []
        for i, link in enumerate(links):
            if self.graph.root.pulls > self.limit:
                self.stopped = i, len(links)
                break
            if (link.node, link.flow.position) in link.graph.changes:
                continue
            for change, difference in self._trials(link, wrong, now):
                altered = {n: now[n] + d for n, d in difference.items()}
                explained = {n for n in wrong if n in altered and self.matches(n, altered[n])}
                if explained and all(self.matches(n, altered[n]) for n in keep if n in altered):
                    candidates.append(_Candidate(link, change, explained))
        if not candidates:
            return None
        best = min(candidates, key=lambda c: (-len(c.explained), c.change.rank))  # the first: nearest to the loss
        others = {(id(c.link.node), c.link.flow.position) for c in candidates if c.explained == best.explained}
        return best, len(others) - 1

    def _trials(self, link: Link, wrong: set[str], now: Gradients) -> Iterator[tuple[Change, Gradients]]:
        """Each change of a link with the difference that it makes to the parameters."""
        parent, d = link.flow.parent, link.flow.d
        unit = self._effect(link, d)
        if not wrong & {*unit}:
            return
        natural = [*factors(link)]
        for c, rank, text in natural:
            yield Change(rank, text, scaled(c)), {n: (c - 1) * v for n, v in unit.items()}
        for name in wrong & {*unit}:
            fitted = self._factor(unit[name], self.hand[name] - now[name])
            known = (math.isclose(fitted, c, rel_tol=1e-4, abs_tol=1e-6) for c, *_ in natural) if fitted else ()
            if fitted is not None and not any(known):
                assert link.node.op is not None
                text = (f"the derivative of {link.node.op.name} {link.graph.where(link.node)} with respect to "
                        f"{link.flow.operand} is multiplied by {fitted:.6g}")
                yield Change(5, text, scaled(fitted)), {n: (fitted - 1) * v for n, v in unit.items()}
        for change in changes(link):
            changed = array_of(change.apply(link.graph, link.node, link.g, link.flow))
            if changed.shape == parent.shape:
                yield change, self._effect(link, array_of(changed - d))

    def _effect(self, link: Link, difference: Any) -> Gradients:
        return {n: backend.to_host(v) for n, v in link.graph.effect({link.flow.parent: difference}).items()}

    @staticmethod
    def _factor(unit: NDArray[Any], missing: NDArray[Any]) -> float | None:
        """The number by which a link would have to be multiplied so that `missing` is added."""
        if np.count_nonzero(unit) < 2:  # any single number is a multiple of another
            return None
        c = 1 + float(np.sum(unit * missing) / np.sum(unit * unit))
        return c if math.isfinite(c) and not math.isclose(c, 1, rel_tol=1e-9) else None

    def unsummed(self, given: Gradients) -> list[Cause]:
        """Hand gradients of a larger shape that a link hands over before the sum over broadcast axes."""
        links: list[Link] = []
        self._gradients(links)
        found = []
        for link in links:
            name, node, raw = _parameter(link), link.node, backend.to_host(link.flow.raw)
            wanted = None if name is None else given.get(name)
            if name is not None and wanted is not None and raw.shape == wanted.shape and np.allclose(raw, wanted):
                assert node.op is not None
                found.append(Cause([name], f"the gradient with respect to {link.flow.operand} of {node.op.name} "
                                   f"{link.graph.where(node)} is not summed over the elements that share it"))
                del given[name]
        return found
