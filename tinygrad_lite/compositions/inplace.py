"""Writes into tensors, as PyTorch defines them: they are recorded, and a view and its base see each other's.

A write computes its result as any op does and then puts it into the memory that is there.  What changes is whose
history is whose: the tensor takes that of the result; if it is a view, its base takes that of `view_put`, the base with
the viewed part replaced, and every view of the base makes its own anew (`View.node`).  That the memory was overwritten
is stamped, so that a node which had saved the old values raises in the walk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from .. import ops
from ..engine import graph
from ..engine.call import wrap
from ..engine.graph import Array, Leaf
from ..engine.operation import op, update
from ..engine.views import Path, View, follow, rebase

P = ParamSpec("P")
T = TypeVar("T", bound=graph.Tensor)


@op(tex=r"\operatorname{{put}}({input}, {values})", promotion="none")
def view_put(input: Array, values: Array, path: Path) -> Array:
    """`input` with `values` in the place that a view of it covers: y[view] = values.

    Shapes: values broadcast to the shape of the view; result that of input.
    """
    result = input.copy()
    part = follow(path, result)
    if graph.owner_of(part) is result:
        part[...] = values
    else:  # laid out as this copy is, a reshape on the way could not be a view: find where the elements come from
        places = follow(path, np.arange(result.size, like=result).reshape(result.shape))
        result.reshape(-1)[places] = values
    return result


@view_put.vjp("input")
def _(g: Any, path: Path) -> Any:
    return view_put(g, 0.0, path)


@view_put.vjp("values")
def _(g: Any, path: Path) -> Any:
    return follow(path, g)


@update("target")
def assign(target: Array, source: Array) -> None:
    """target[...] = source."""
    target[...] = source


def write(target: T, result: Any) -> T:
    """Put the values and the history of `result`, an op of `target`, into `target`; return it.

    The result lies in memory of its own, so that operands may overlap with the target: `x[1:] = x[:-1]` moves x by one
    (PyTorch refuses that).

    Raises RuntimeError for a leaf that requires grad outside `no_grad`, for a result of another shape, for one whose
    dtype the target cannot hold, and for memory that cannot be written to.
    """
    check_fits(target, result)
    if result.array.dtype != target.array.dtype:
        result = ops.to_dtype(result, target.array.dtype)
    base = target._base if isinstance(target, View) else target
    if result.node is not None or (base.node is not None and graph.is_grad_enabled()):
        check_recordable(target, base)
    if result.node is None:  # nothing requires grad, or `no_grad`
        assign(target.array, result.array)
        return target
    keep_old_values(result.node, target.array)
    assign(target.array, result.array)
    if isinstance(target, View):
        result = view_put(base, result, target._path)
    rebase(base, result.node)
    return target


def write_if(inplace: bool, target: Any, result: Any) -> Any:
    """`result`, with `inplace` written into `target`."""
    return write(target, result) if inplace else result


def in_place(function: Callable[Concatenate[Any, P], Any]) -> Callable[Concatenate[T, P], T]:
    """The method that overwrites a tensor with `function` of it, and returns the tensor: exp_ of exp."""

    def method(self: T, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return write(self, function(self, *args, **kwargs))

    method.__name__ = f"{function.__name__}_"
    method.__doc__ = f"Overwrite with {function.__name__}(self, ...); return self."
    return method


def check_recordable(target: graph.Tensor, base: graph.Tensor) -> None:
    """Raise RuntimeError where a recorded write would cut a leaf, or a part of a leaf, from its gradient."""
    part_of_leaf = target.node is not None and base.node is None  # the leaf is a view of a constant
    if part_of_leaf or isinstance(base.node, Leaf) or isinstance(target.node, Leaf):
        what = "a leaf Variable" if target is base else "a view of a leaf Variable"
        raise RuntimeError(f"{what} that requires grad is being used in an in-place operation. "
                           "Do it inside `with no_grad():`, or write to a copy, x.clone().")
    if target.node is None and base.node is not None:
        raise RuntimeError("A view was created in no_grad mode and is being modified inplace with grad mode enabled. "
                           "Take the view outside of no_grad(), or write inside of it.")


def keep_old_values(node: Any, array: Array) -> None:
    """Where the op that computed the new values has saved the old ones, let it have a copy: they are about to go."""
    owner = graph.owner_of(array)
    for slot, _ in node.kept:
        saved = getattr(node, slot, None)
        if hasattr(saved, "dtype") and graph.owner_of(saved) is owner:
            setattr(node, slot, ops.clone(wrap(saved, None)).array)  # an op, so that observers know of the copy


def check_fits(target: graph.Tensor, result: graph.Tensor) -> None:
    """Raise RuntimeError unless the memory of `target` can hold `result` as it is."""
    old, new = target.array, result.array
    if new.shape != old.shape:
        raise RuntimeError(f"output with shape {old.shape} doesn't match the broadcast shape {new.shape}")
    if not np.can_cast(new.dtype, old.dtype, "same_kind"):
        raise RuntimeError(f"result type {new.dtype} can't be cast to the desired output type {old.dtype}")
    if old.size and any(step == 0 and n > 1 for step, n in zip(old.strides, old.shape, strict=True)):
        raise RuntimeError("unsupported operation: more than one element of the written-to tensor refers to a single "
                           "memory location. Please clone() the tensor before performing the operation.")
    if not getattr(old.flags, "writeable", True):  # CuPy's flags do not have it
        raise RuntimeError("unsupported operation: the memory of the written-to tensor is read-only, because it was "
                           "broadcast (expand) or is that of a read-only array. Please clone() the tensor before "
                           "performing the operation.")
