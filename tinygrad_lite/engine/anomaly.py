"""What `autograd.detect_anomaly` watches with: an observer that remembers call sites and looks for nan in the walk."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from . import backend, graph
from .graph import Node, Observer, tick
from .operation import Op

Frames = tuple[tuple[str, int, str], ...]
"""A call stack, outermost first: file, line, function."""


class Anomaly(Observer):
    """Remembers where each node was recorded, and hands the walk a dict that refuses nan."""

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        self.sites: dict[int, Frames] = {}
        self._known: dict[Frames, Frames] = {}  # a training loop calls from the same few places again and again

    def called(self, op: Op, operands: tuple[Any, ...], settings: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        """Stamp the call: the node that it records ages by the next tick."""
        if self.grad:
            self.sites[tick()] = self._stack()

    def recording(self, function: str) -> None:
        """The same for the application of an autograd.Function."""
        self.sites[tick()] = self._stack()

    def gradients(self, retain: bool) -> dict[Node, Any]:
        """The dict for a walk."""
        return CheckedGradients(self, retain)

    def made_at(self, node: Node) -> str:
        """The lines that led to the call which recorded `node`."""
        frames = self.sites.get(node.age - 1)
        if frames is None:
            return ""
        import traceback  # loaded when there is something to tell

        lines = traceback.format_list(traceback.StackSummary.from_list([(*frame, None) for frame in frames]))
        return "\nIt was called here (most recent call last):\n" + "".join(lines).rstrip()

    def _stack(self) -> Frames:
        """The stack of the caller, less the machinery of the op call itself."""
        frame, frames = sys._getframe(2), []
        while frame is not None:
            code = frame.f_code
            frames.append((code.co_filename, frame.f_lineno, code.co_name))
            frame = frame.f_back  # type: ignore[assignment]
        while frames and _is_machinery(frames[0][0]):
            del frames[0]
        stack = tuple(reversed(frames))
        return self._known.setdefault(stack, stack)


def _is_machinery(filename: str) -> bool:
    return filename.startswith(("<call of ", *_MACHINERY))


_HOUSE = __file__.rpartition("engine")[0]
_MACHINERY = [f"{_HOUSE}{name}" for name in ("engine", "compositions", "custom.py", "_tensor.py")]


class CheckedGradients(dict[Node, Any]):
    """The gradients of a walk: knows which node is at work, raises when one of its gradients is nan."""

    def __init__(self, anomaly: Anomaly, retain: bool) -> None:
        super().__init__()
        self.anomaly, self.retain = anomaly, retain
        self.node: Node | None = None

    def pop(self, node: Node, default: Any = None) -> Any:
        """The walk takes the gradient of `node` and will hand in those of its operands next."""
        if self.node is not None and not self.retain:  # it is done and freed
            self.anomaly.sites.pop(self.node.age - 1, None)
        self.node = node
        return super().pop(node, default)

    def __setitem__(self, parent: Node, value: Any) -> None:
        super().__setitem__(parent, value)
        array = value.array if isinstance(value, graph.Tensor) else value
        if not self.anomaly.check_nan or getattr(getattr(array, "dtype", None), "kind", None) != "f":
            return
        if not bool((array != array).any()):
            return
        if self.node is None:
            raise RuntimeError("the gradient that the backward pass starts with is nan")
        assert self.node.op is not None
        nan = np.isnan(backend.to_host(array))
        first = [int(i) for i in np.argwhere(nan)[0]]
        raise RuntimeError(f"Function '{self.node.op.name}' returned nan values in its gradient with respect to "
                           f"{operand_of(self.node, parent)} ({nan.sum()} of {nan.size} elements, first at {first})."
                           f"{self.anomaly.made_at(self.node)}")


def operand_of(node: Node, parent: Node) -> str:
    """The name of the operand through which `node` depends on `parent`."""
    assert node.op is not None
    flat = zip(node.op.differentiable, (node.p0, node.p1, node.p2), strict=False)
    several = ((f"{node.op.sequence or 'input'}[{i}]", p) for i, p in enumerate(node.rest))
    return " and ".join(name for name, p in (*flat, *several) if p is parent)
