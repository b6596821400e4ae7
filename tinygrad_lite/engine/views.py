"""Views: tensors that share their base's memory by an op (a slice, a transpose, a reshape) and follow its history.

After an in-place write through any tensor of that memory, the history of a view is made anew from its base: `node` is a
property that every op reads, so this costs nothing where there are no views.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from . import graph
from .call import NAMESPACE
from .graph import Leaf, Node, switch_grad
from .operation import Op

Path: TypeAlias = tuple[Any, Op, tuple[Any, ...]] | None
"""How a view was taken: (the path before, op, settings), a linked list from the view back to its base."""


class View(graph.Tensor):
    """A bare tensor that knows its base and how it was taken from it."""

    __slots__ = ("_base", "_base_node", "_node", "_path")
    _base: graph.Tensor
    _base_node: Node | None
    _node: Node | None
    _path: Path

    @property
    def node(self) -> Node | None:
        """The node that made this tensor; made anew if the base's history was rewritten since."""
        if self._base.node is not self._base_node:
            self._follow_base()
        return self._node

    @node.setter
    def node(self, node: Node | None) -> None:
        self._node, self._base_node = node, self._base.node

    def _follow_base(self) -> None:
        now = self._base.node
        if now is None:  # `base.detach_()`: what was recorded holds as long as the memory is as it was
            if self._node is not None and graph.written_after(self.array, self._node.age):
                self._node = self._base_node = None
        elif isinstance(now, Leaf):  # `base.requires_grad_()`: what was taken from it before is none of its history
            self._base_node = now
        else:
            before = switch_grad(True)
            try:
                node = follow(self._path, self._base).node
            finally:
                switch_grad(before)
            self._base_node = now
            rebase(self, node)


def make_view(array: Any, node: Node | None, source: graph.Tensor, op: Op, settings: tuple[Any, ...]) -> View:
    """The result of a view op on `source`."""
    view: View = object.__new__(NAMESPACE["View"])
    view.array, view._node = array, node
    if isinstance(source, View):
        view._base, view._path = source._base, (source._path, op, settings)
    else:
        view._base, view._path = source, (None, op, settings)
    view._base_node = view._base.node
    return view


NAMESPACE["make_view"] = make_view


def follow(path: Path, x: Any) -> Any:
    """Take the view that `path` describes of x, an array or a Tensor."""
    steps: list[tuple[Op, tuple[Any, ...]]] = []
    while path is not None:
        path, step, settings = path
        steps.append((step, settings))
    for step, settings in reversed(steps):
        x = step.call(x, *settings)
    return x


def rebase(tensor: graph.Tensor, node: Node | None) -> None:
    """Give a tensor its new history; the hook of `retain_grad` goes along: it wants the gradient of the latest values.
    """
    before = tensor.node
    tensor.node = node
    if before is not None and before.hooks and node is not None:
        moving = [hook for hook in before.hooks if getattr(hook, "keeps_grad_of", _nobody)() is tensor]
        if moving:
            before.hooks[:] = [hook for hook in before.hooks if hook not in moving]
            node.hooks = [*(node.hooks or ()), *moving]


def _nobody() -> None:
    """The weak reference of a hook that keeps nobody's gradient."""
