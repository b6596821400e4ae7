"""The backward pass from the user's side: what it starts from, and where the gradients go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import graph
from .call import wrap
from .graph import Node, Tensor, mode, switch_grad
from .operation import to_dtype
from .walk import deposit, own, walk


def accumulate(outputs: Sequence[Tensor], gradients: Sequence[Any], retain_graph: bool | None, create_graph: bool,
               inputs: Sequence[Tensor] | Tensor | None) -> None:
    """Add the gradients of the outputs to the `.grad` of each leaf, or of each of `inputs`; see `Tensor.backward`."""
    if inputs is not None:
        inputs = [inputs] if isinstance(inputs, graph.Tensor) else list(inputs)
        if not inputs:
            raise RuntimeError("'inputs' argument to backward() cannot be empty")
    seeds = [first_gradient(y, g, create_graph) for y, g in zip(outputs, gradients, strict=True)]
    retain = create_graph if retain_graph is None else retain_graph
    nodes = None if inputs is None else [node_of(x, "backward: inputs") for x in inputs]
    found = walk(outputs, seeds, inputs=nodes, retain=retain, create=create_graph)
    del seeds
    before = switch_grad(create_graph)
    try:
        if inputs is None:
            for node in list(found):
                owner = node.owner()  # type: ignore[attr-defined]
                if owner is None or owner.node is None:  # gone, or told since that it does not require grad
                    continue
                if owner.node is not node:
                    raise RuntimeError(
                        f"leaf variable of shape {node.shape} has been moved into the graph interior: after its use "
                        f"it was overwritten with the result of {owner.node.op.name}. Write to a copy, x.clone().")
                deposit(owner, own(found.pop(node)))
        else:
            for x in inputs:
                if x.node in found:
                    deposit(x, own(found[x.node]))
    finally:
        switch_grad(before)


def first_gradient(output: Tensor, gradient: Any, create: bool) -> Any:
    """The seed of a walk from `output`: `gradient` checked, or 1 for a single element."""
    if output.node is None:
        raise RuntimeError("element 0 of tensors does not require grad and does not have a grad_fn")
    observed = mode.state.__class__ is not bool and mode.state.sees_backward
    seed: Any
    if gradient is None:
        if output.array.size != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs, got shape "
                               f"{output.array.shape}; pass a gradient")
        seed = output.array.copy()
        seed.fill(1)  # a quarter of the time of np.ones_like
    else:
        seed = gradient.array if isinstance(gradient, graph.Tensor) else gradient
        if not hasattr(seed, "dtype") or seed.shape != output.array.shape:
            raise RuntimeError(f"gradient must be a Tensor of the output's shape {output.array.shape}, got "
                               f"{getattr(seed, 'shape', type(seed).__name__)}")
        if create or observed:
            seed = gradient if isinstance(gradient, graph.Tensor) else wrap(seed, None)
            return seed if seed.array.dtype == output.array.dtype else to_dtype(seed, output.array.dtype)
        if seed.dtype != output.array.dtype:
            seed = seed.astype(output.array.dtype)
    return wrap(seed, None) if create or observed else seed


def node_of(x: Any, what: str) -> Node:
    """The node of a tensor that gradients are asked for."""
    if not isinstance(x, graph.Tensor):
        raise TypeError(f"{what} must be Tensors, got {type(x).__name__}")
    if x.node is None:
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    return x.node
