"""Modules made of modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self, overload

from .module import Module


class Sequential(Module):
    """Modules applied one after the other: `Sequential(f, g)(x) = g(f(x))`.

    They are given one by one, and named 0, 1, ..., or as one dict with names.  Indices, slices, `len`, iteration,
    `append`, `insert`, `extend` and `del` work as on a list.

    >>> import tinygrad_lite as tg
    >>> tg.nn.Sequential(tg.nn.Linear(784, 32), tg.nn.Sigmoid(), tg.nn.Linear(32, 10))
    Sequential(
      (0): Linear(in_features=784, out_features=32, bias=True)
      (1): Sigmoid()
      (2): Linear(in_features=32, out_features=10, bias=True)
    )
    """

    @overload
    def __init__(self, *args: Module) -> None: ...
    @overload
    def __init__(self, arg: Mapping[str, Module], /) -> None: ...
    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = args[0] if len(args) == 1 and isinstance(args[0], Mapping) else {str(i): m for i, m in enumerate(args)}
        for name, module in named.items():
            self.add_module(name, module)

    def forward(self, input: Any) -> Any:
        """The input through all modules in order."""
        attributes = self.__dict__
        for name, kind in self._registered.items():
            if kind is Module:
                input = attributes[name](input)
        return input

    def _names(self) -> list[str]:
        return [name for name, kind in self._registered.items() if kind is Module]

    def __len__(self) -> int:
        return len(self._names())

    def __iter__(self) -> Iterator[Module]:
        return (self.__dict__[name] for name in self._names())

    @overload
    def __getitem__(self, index: slice) -> Self: ...
    @overload
    def __getitem__(self, index: int) -> Module: ...
    def __getitem__(self, index: int | slice) -> Module | Self:
        names = self._names()
        if isinstance(index, slice):
            return type(self)({name: self.__dict__[name] for name in names[index]})
        return self.__dict__[_at(names, index)]  # type: ignore[no-any-return]

    def __setitem__(self, index: int, module: Module) -> None:
        self.register_module(_at(self._names(), index), module)

    def __delitem__(self, index: int | slice) -> None:
        names = self._names()
        for name in names[index] if isinstance(index, slice) else [_at(names, index)]:
            delattr(self, name)
        self._set(list(self))  # numbered anew, as in PyTorch

    def append(self, module: Module) -> Self:
        """Add a module at the end; return self."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterator[Module] | list[Module] | Sequential) -> Self:
        """Add modules at the end; return self."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Insert a module before position `index`; return self."""
        modules = list(self)
        modules.insert(index, module)
        self._set(modules)
        return self

    def _set(self, modules: list[Module]) -> None:
        for name in self._names():
            delattr(self, name)
        for i, module in enumerate(modules):
            self.add_module(str(i), module)


def _at(names: list[str], index: int) -> str:
    if not -len(names) <= index < len(names):
        raise IndexError(f"index {index} is out of range")
    return names[index]
