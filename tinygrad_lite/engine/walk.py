"""The reverse walk: from outputs to leaves, each node once, newest first."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import prod
from operator import attrgetter
from typing import Any

import numpy as np

from . import graph
from .call import FREED, NAMESPACE, arguments_of, wrap, wrap_sequence
from .graph import Array, Deferred, Node, Tensor, mode, switch_grad
from .operation import op, to_dtype
from .summation import total

_age = attrgetter("age")

# `expand`, `sum_to` and `clone` stand here and not in ops/, which imports this module: `fit`, `pull_definition` and
# `deposit` below call them.


@op(tex=r"{input}", promotion="none", view=True)
def expand(input: Array, shape: Any) -> Array:
    """`input` broadcast to `shape`: y_ij = x_0j along a new axis, or one of size 1.

    -1 keeps a size.  No memory is copied.

    Shapes: input of sizes that are 1, missing in front, or those of `shape`; result `shape`.
    Raises ValueError where the shapes do not fit, RuntimeError for a -1 where `input` has no axis.

    >>> import tinygrad_lite as tg
    >>> tg.tensor([[1.0], [2.0]]).expand(2, 3)
    tensor([[1., 1., 1.],
            [2., 2., 2.]])
    """
    lead = len(shape) - input.ndim
    if lead > 0 and -1 in shape[:lead]:
        raise RuntimeError(f"expand: -1 isn't allowed in a leading, non-existing dimension of {tuple(shape)}")
    if -1 in shape:
        shape = tuple(input.shape[i - lead] if n == -1 else n for i, n in enumerate(shape))
    if tuple(shape) == (1,) * lead + input.shape:
        return input.reshape(shape)  # nothing is expanded, so it can be written to, which NumPy's broadcast cannot
    return np.broadcast_to(input, shape)


@expand.vjp("input")
def _(g: Array) -> Array:
    return g  # the walk sums over broadcast axes


@op(tex=r"\sum {input}", promotion="none")
def sum_to(input: Array, shape: Any) -> Array:
    """The transpose of `expand`: `input` summed over the axes along which `shape` was broadcast to it:

    y_0j = sum over i of x_ij.

    Shapes: input of a shape that `shape` broadcasts to; result `shape`.
    """
    lead = input.ndim - len(shape)
    if lead:  # each bias comes by here at each step: 1 us; np.sum of all axes and a reshape took 4.4
        alone = lead == 1 and len(input) == 1
        input = input[0] if alone else total(input, 0 if lead == 1 else tuple(range(lead)))
    if input.shape == shape:
        return input
    stretched = tuple([i for i, n in enumerate(shape) if n == 1 and input.shape[i] != 1])
    return total(input, stretched, keepdims=True)


@sum_to.vjp("input")
def _(g: Array, input_shape: Any) -> Array:
    return expand(g, input_shape)


@op(tex=r"{input}", promotion="none")
def clone(input: Array) -> Array:
    """y = input, a copy in memory of its own; the gradient passes through."""
    return input.copy()


@clone.vjp("input")
def _(g: Array) -> Array:
    return g


def fit(gradient: Array, node: Node) -> Array:
    """The one rule of broadcasting and promotion: a gradient has the shape and the dtype of its tensor."""
    if gradient.shape != node.shape:
        if not gradient.shape and prod(node.shape) <= MOST_FILLED:
            if isinstance(gradient, (np.ndarray, np.generic)):
                filled = np.empty(node.shape, node.dtype)
                filled.fill(gradient)
                return filled
            state = mode.state  # observed: the same as ops
            if state.__class__ is not bool and state.to_the_bit and isinstance(gradient.array, np.ndarray):
                gradient = gradient if gradient.dtype == node.dtype else to_dtype(gradient, node.dtype)
                return clone(expand(gradient, node.shape))
        more = len(gradient.shape) - len(node.shape)  # settles it for biases and total sums, by far the most frequent
        smaller = more < 0 or (not more and any(
            n not in (1, m) for n, m in zip(node.shape, gradient.shape, strict=True)))
        given = gradient.shape
        gradient = expand(gradient, node.shape) if smaller else sum_to(gradient, node.shape)
        if gradient.shape != node.shape:
            raise RuntimeError(f"the gradient has shape {tuple(given)}, which is no broadcast of {tuple(node.shape)}, "
                               "the shape of its tensor")
    return gradient if gradient.dtype == node.dtype else to_dtype(gradient, node.dtype)


MOST_FILLED = 1 << 16
"""Up to so many elements the gradient of a total is written out: 0.3 us, where np.broadcast_to takes 2.1 and what
follows is slower by 0.4.  Beyond, a pass over memory costs more."""


def walk(outputs: Sequence[Tensor], seeds: Sequence[Array], *, inputs: Sequence[Node] | None = None,
         retain: bool = False, create: bool = False, stop: frozenset[Node] = frozenset()) -> dict[Node, Array]:
    """Gradients of the outputs, weighted by the seeds, with respect to the leaves, or to `inputs` if given.

    With `create` the VJPs run on Tensors and are recorded, so that the gradients can be differentiated again.  The walk
    does not look behind nodes in `stop`.
    """
    found: dict[Node, Array] = {}
    targets = None if inputs is None else {*inputs}
    wanted = collect(outputs, stop, min((n.age for n in targets), default=0) if targets else 0)
    # Creation order is a topological order.  Sorting is needed all the same: after `b = a + a; c = b + b` a walk in the
    # order of discovery would pull b when the gradient of only one of its two uses has arrived.
    order = sorted(wanted, key=_age)
    if targets is not None:
        prune(order, wanted, targets, stop)
        stop |= {n for n in targets if not leads_to(n, wanted)}
    _check_overwritten(order, stop)
    on_tensors = create or (mode.state.__class__ is not bool and mode.state.sees_backward)
    grads: dict[Node, Array] = {} if mode.state.__class__ is bool else mode.state.gradients(retain)
    for output, seed in zip(outputs, seeds, strict=True):
        assert output.node is not None
        grads[output.node] = grads[output.node] + seed if output.node in grads else seed
    before = switch_grad(create)
    ndarray = np.ndarray
    try:
        for node in reversed(order):
            g = grads.pop(node, None)
            if g is None:
                continue
            if g.__class__ is not ndarray and isinstance(g, np.generic):  # NumPy's arithmetic on 0-d arrays
                g = np.asarray(g)
            if node.hooks is not None:
                for hook in tuple(node.hooks):
                    g = _run_hook(hook, g, create)
                if node.op is None:
                    found[node] = g
                    continue
            if targets is not None and node in targets:
                found[node] = g
            if node in stop:
                continue
            if on_tensors:
                node.pull_tensors(g, grads, wanted, retain, fit)
            else:
                node.pull(g, grads, wanted, retain, fit)
    finally:
        switch_grad(before)
    return found


def collect(outputs: Sequence[Tensor], stop: frozenset[Node], oldest: int = 0) -> set[Node]:
    """All nodes that the outputs depend on.  No recursion: graphs are as deep as the user's loops are long.

    Raises RuntimeError if one was freed behind which nodes as old as `oldest` may lie.
    """
    seen: set[Node] = {t.node for t in outputs if t.node is not None}
    found = [*seen]
    for node in found:  # it grows meanwhile
        if node in stop or node.op is None:
            continue
        p = node.p0
        if p is not None and p not in seen:
            seen.add(p)
            found.append(p)
        p = node.p1
        if p is not None and p not in seen:
            seen.add(p)
            found.append(p)
        p = node.p2
        if p is not None and p not in seen:
            seen.add(p)
            found.append(p)
        for p in node.rest:
            if p is not None and p not in seen:
                seen.add(p)
                found.append(p)
    freed = FREED in seen and next((n for n in seen if n.age > oldest and (n.p0 is FREED or FREED in n.rest)), None)
    if freed:
        raise RuntimeError(
            f"Trying to backward through the graph a second time: the saved values of {freed.op.name if freed.op else ''} "  # noqa: E501
            f"were freed by the first. Specify retain_graph=True in the first backward() or autograd.grad().")
    return seen


def prune(order: list[Node], wanted: set[Node], targets: set[Node], stop: frozenset[Node]) -> None:
    """Keep only nodes through which some target is reached; parents come before children in `order`."""
    wanted.clear()
    for node in order:
        if node in targets or (node not in stop and leads_to(node, wanted)):
            wanted.add(node)
    order[:] = [n for n in order if n in wanted]


def leads_to(node: Node, wanted: set[Node]) -> bool:
    """Whether a parent of the node is wanted."""
    return node.p0 in wanted or node.p1 in wanted or node.p2 in wanted or any(p in wanted for p in node.rest)


def _check_overwritten(order: list[Node], stop: frozenset[Node]) -> None:
    """Raise if an array that some node saved was overwritten since.  Only nodes older than the last write can be."""
    for node in order:
        if node.age > graph.last_write:
            break
        if node in stop:
            continue
        for slot, name in node.kept:
            value: Any = getattr(node, slot, None)
            for array in value if isinstance(value, list) else (value,):
                if hasattr(array, "base") and graph.written_after(array, node.age):
                    assert node.op is not None
                    role = "its result" if name == "y" else f"its operand {name}"
                    raise RuntimeError(
                        f"one of the variables needed for gradient computation has been modified by an inplace "
                        f"operation: {node.op.name} needs {role} (shape {tuple(array.shape)}) as it was. "
                        f"Write to a copy, x.clone(), or do it after backward().{graph.made_at(node)}")


def _run_hook(hook: Any, g: Array, create: bool) -> Array:
    """A hook sees the gradient as a Tensor and may return another."""
    tensors = isinstance(g, Tensor)
    result = hook(g if tensors else wrap(g, None))
    if result is None:
        return g
    if not isinstance(result, Tensor):
        raise TypeError(f"a gradient hook must return a Tensor or None, got {type(result).__name__}")
    if tuple(result.shape) != tuple(g.shape):  # type: ignore[attr-defined]
        raise RuntimeError(f"a gradient hook returned shape {tuple(result.shape)}, expected {tuple(g.shape)}")  # type: ignore[attr-defined]
    return result if tensors else result.array


def residual_of(node: Any, name: str) -> Any:
    """A residual where VJPs run on Tensors: made by its rule if it must have a history, else as the forward left it."""
    if not graph.is_grad_enabled():
        return wrap(getattr(node, f"k_{name}"), None)
    rule = node.op.rules.get(name)
    if rule is None:
        raise RuntimeError(f"{node.op.name}: the residual {name} has no rule (@{node.op.name}.residual({name!r})), "
                           "so the op can be differentiated only once")
    return rule(*(_operand(node, n) for n in arguments_of(rule)))


def _operand(node: Any, name: str) -> Any:
    differentiable = node.op.differentiable
    value = getattr(node, f"k_{name}")
    if name == node.op.sequence:
        return wrap_sequence(value, node.rest)
    if name not in node.op.operands:
        return value
    return wrap(value, getattr(node, f"p{differentiable.index(name)}") if name in differentiable else None)


def pull_raw(node: Any, g: Array, grads: dict[Node, Array], wanted: set[Node]) -> None:
    """The VJPs that are written for raw arrays, each as one call that observers see."""
    flat = dict(zip(node.op.differentiable, (node.p0, node.p1, node.p2), strict=False))
    places = [(o, p, None) for o, p in flat.items()] + [(node.op.sequence, p, i) for i, p in enumerate(node.rest)]
    for operand, parent, position in places:
        if parent not in wanted:
            continue
        given = {"g": g, "position": position, "wanted": tuple(o == operand for o in flat)}
        vjp = node.op.vjp_as_op(operand)
        d = vjp.call(*(given[n] if n in given else getattr(node, f"k_{n}") for n in vjp.signature.parameters))
        d = fit(d, parent)
        grads[parent] = grads[parent] + d if parent in grads else d


def pull_definition(node: Any, g: Array, grads: dict[Node, Array], wanted: set[Node], fit: Any) -> None:
    """Higher derivatives of an op whose VJP is written for raw arrays: differentiate its definition instead.

    Each operand gets an alias of its own, where the inner walk stops: in `f(x, x)` the same tensor stands twice, and
    its gradients must arrive once from each place.
    """
    if mode.state.__class__ is not bool and mode.state.to_the_bit and not graph.is_grad_enabled():
        return pull_raw(node, g, grads, wanted)
    if node.op.definition is None:
        raise RuntimeError(f"{node.op.name} has a raw VJP and no definition, so it can be differentiated only once")
    aliases: list[tuple[Node, Node]] = []
    arguments: dict[str, Any] = {s: getattr(node, f"k_{s}") for s in node.op.settings}
    before = switch_grad(True)
    try:
        for name in node.op.operands:
            value = _operand(node, name)
            for i, v in enumerate(value if name == node.op.sequence else [value]):
                if isinstance(v, Tensor) and v.node is not None:
                    alias = expand(v, v.array.shape)
                    aliases.append((alias.node, v.node))
                    if name == node.op.sequence:
                        value[i] = alias
                    else:
                        value = alias
            arguments[name] = value
        y = node.op.definition(**arguments)
    finally:
        switch_grad(before)
    stop = frozenset(a for a, _ in aliases)
    found = walk([y], [g], inputs=[*stop], retain=True, create=before, stop=stop)
    for alias, parent in aliases:
        if parent in wanted and alias in found:
            d = fit(found[alias], parent)
            grads[parent] = grads[parent] + d if parent in grads else d


NAMESPACE.update(residual_of=residual_of, pull_definition=pull_definition)


def _references(array: Array) -> int:
    return sys.getrefcount(array)


_ALONE = _references([np.empty(0)].pop())
"""What `getrefcount` says in a function whose argument is a temporary that nothing else holds (Pythons differ)."""


def own(gradient: Array) -> Array:
    """A gradient as memory that nothing else holds.  Call it on a temporary: `own(found.pop(node))`.

    As PyTorch's AccumulateGrad: an array that nobody else refers to is taken, not copied, if its elements lie in order.
    """
    if isinstance(gradient, Tensor):
        return gradient
    alone = gradient.base is None and sys.getrefcount(gradient) == _ALONE and gradient.flags.c_contiguous
    return gradient if alone else gradient.copy()


def gradient_of(tensor: Tensor) -> Tensor | None:
    """What `tensor.grad` is."""
    gradient = getattr(tensor, "_grad", None)
    if gradient.__class__ is Deferred:
        gradient = tensor._grad = NAMESPACE["Tensor"](gradient.array.copy())
    if mode.state.__class__ is not bool:
        mode.state.loaded(tensor, gradient)
    return gradient


def deposit(tensor: Tensor, gradient: Array) -> None:
    """Add a gradient to `tensor.grad`, which owns its memory and shares it with nobody: pass `own(...)`."""
    so_far = gradient_of(tensor)
    if isinstance(gradient, Tensor):  # create_graph, or observed
        tensor._grad = clone(gradient) if so_far is None else so_far + gradient  # type: ignore[operator]
    elif so_far is None:
        tensor._grad = NAMESPACE["Tensor"](gradient)
    elif so_far.node is not None:
        tensor._grad = so_far + wrap(gradient, None)
    else:
        so_far.array += gradient
        graph.stamp_write(so_far.array)
    state = mode.state
    if state.__class__ is not bool:
        state.stored(tensor, tensor._grad)
