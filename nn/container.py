"""Modules made of modules, and of parameters."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from itertools import chain
from typing import Any, Self, overload

from .._tensor import Tensor
from ..engine import graph
from .module import Module, Parameter


class _Children(Module):
    """What containers of modules share: their modules in order, by name."""

    def _children(self) -> dict[str, Module]:
        return {name: self.__dict__[name] for name, kind in self._registered.items() if kind is Module}

    def __len__(self) -> int:
        return len(self._children())


class _Numbered(_Children):
    """A list of modules, named 0, 1, ..."""

    def __iter__(self) -> Iterator[Module]:
        return iter(self._children().values())

    @overload
    def __getitem__(self, index: slice) -> Self: ...
    @overload
    def __getitem__(self, index: int) -> Module: ...
    def __getitem__(self, index: int | slice) -> Module | Self:
        children = self._children()
        if isinstance(index, slice):
            return self._part([*children][index])
        return children[_at([*children], index)]

    def _part(self, names: list[str]) -> Self:
        """A container of the same class with the modules of these names."""
        raise NotImplementedError

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, _at([*self._children()], index), module)

    def __delitem__(self, index: int | slice) -> None:
        names = [*self._children()]
        for name in names[index] if isinstance(index, slice) else [_at(names, index)]:
            delattr(self, name)
        self._set([*self])  # numbered anew, as in PyTorch

    def append(self, module: Module) -> Self:
        """Add a module at the end; return self."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end; return self.

        Raises TypeError for what cannot be iterated over.
        """
        if not isinstance(modules, Iterable):
            raise TypeError(f"{type(self).__name__}.extend should be called with an iterable, "
                            f"but got {type(modules).__name__}")
        for module in [*modules]:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Insert a module before position `index`, and number them anew; return self.

        Raises IndexError for a position that there is not and TypeError for what is no Module.
        """
        modules = [*self]
        if not -len(modules) <= index <= len(modules):
            raise IndexError(f"Index out of range: {index}")
        if not isinstance(module, Module):
            raise TypeError(f"module should be of type: {Module}")
        modules.insert(index, module)
        self._set(modules)
        return self

    def pop(self, key: int | slice) -> Module | Self:
        """Remove a module, or those of a slice, and return it."""
        popped = self[key]
        del self[key]
        return popped

    def _set(self, modules: list[Module]) -> None:
        for name in self._children():
            delattr(self, name)
        for i, module in enumerate(modules):
            self.add_module(str(i), module)


class Sequential(_Numbered):
    """Modules applied one after the other: `Sequential(f, g)(x) = g(f(x))`.

    They are given one by one, and named 0, 1, ..., or as one dict with names.  Indices, slices, `len`, iteration,
    `append`, `insert`, `extend`, `pop`, `del`, `+` and `*` work as on a list.

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

    def forward(self, input: Tensor) -> Tensor:
        """The input through all modules in order."""
        attributes = self.__dict__
        for name, kind in self._registered.items():
            if kind is Module:
                input = attributes[name](input)
        return input

    def _part(self, names: list[str]) -> Self:
        return type(self)({name: self.__dict__[name] for name in names})

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *_layers(other))

    def __iadd__(self, other: Sequential) -> Self:
        return self.extend(_layers(other))

    def __mul__(self, times: int) -> Sequential:
        return Sequential(*[*self] * _times(self, times))

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Self:
        return self.extend([*self] * (_times(self, times) - 1))


def _layers(other: Any) -> Sequential:
    if not isinstance(other, Sequential):
        raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
    return other


def _times(sequential: Sequential, times: Any) -> int:
    if not isinstance(times, int):
        raise TypeError(f"unsupported operand type(s) for *: {type(sequential)} and {type(times)}")
    if times <= 0:
        raise ValueError(f"Non-positive multiplication factor {times} for {type(sequential)}")
    return times


class ModuleList(_Numbered):
    """A list of modules whose parameters are the module's; it has no `forward`.

    Indices, slices, `len`, iteration, `append`, `insert`, `extend`, `pop`, `del`, `+` and `+=` work as on a list.

    >>> import tinygrad_lite as tg
    >>> tg.nn.ModuleList([tg.nn.Linear(2, 2), tg.nn.Linear(2, 2), tg.nn.Tanh()])
    ModuleList(
      (0-1): 2 x Linear(in_features=2, out_features=2, bias=True)
      (2): Tanh()
    )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def _part(self, names: list[str]) -> Self:
        return type(self)([self.__dict__[name] for name in names])

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList(chain(self, other))

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __repr__(self) -> str:
        """As `Module`, with equal neighbours on one line."""
        runs: list[tuple[int, int, str]] = []
        for i, text in enumerate(map(repr, self)):
            if runs and runs[-1][2] == text:
                runs[-1] = (runs[-1][0], i, text)
            else:
                runs.append((i, i, text))
        lines = [f"({a}): {text}" if a == b else f"({a}-{b}): {b - a + 1} x {text}" for a, b, text in runs]
        inner = "".join("\n  " + line.replace("\n", "\n  ") for line in lines)
        return f"{type(self).__name__}({inner}\n)" if inner else f"{type(self).__name__}()"


class ModuleDict(_Children):
    """A dict of modules whose parameters are the module's; it has no `forward`.

    `len`, `in`, iteration, `keys`, `values`, `items`, `update`, `pop`, `clear` and `del` work as on a dict.

    >>> import tinygrad_lite as tg
    >>> choices = tg.nn.ModuleDict({"dense": tg.nn.Linear(2, 3), "act": tg.nn.Tanh()})
    >>> list(choices.state_dict())
    ['dense.weight', 'dense.bias']
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        return self._children()[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        delattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._children())

    def __contains__(self, key: object) -> bool:
        return self._registered.get(key) is Module  # type: ignore[call-overload]

    def clear(self) -> None:
        """Remove all modules."""
        for key in self._children():
            delattr(self, key)

    def pop(self, key: str) -> Module:
        """Remove a module and return it."""
        module = self[key]
        del self[key]
        return module

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._children().keys()

    def items(self) -> ItemsView[str, Module]:
        """The names and modules."""
        return self._children().items()

    def values(self) -> ValuesView[Module]:
        """The modules."""
        return self._children().values()

    def update(self, modules: Mapping[str, Module] | ModuleDict | Iterable[tuple[str, Module]]) -> None:
        """Add modules from a mapping or from pairs, in their order.

        Raises TypeError or ValueError for what are no pairs.
        """
        for key, module in _pairs("ModuleDict", modules):
            self[key] = module


def _pairs(what: str, given: Any) -> Iterable[tuple[str, Any]]:
    """The items of a mapping, or pairs."""
    if not isinstance(given, Iterable):
        raise TypeError(f"{what}.update should be called with an iterable of key/value pairs, "
                        f"but got {type(given).__name__}")
    if isinstance(given, (Mapping, ModuleDict, ParameterDict)):
        return given.items()
    pairs = [*given]
    for i, pair in enumerate(pairs):
        if not isinstance(pair, Iterable):
            raise TypeError(f"{what} update sequence element #{i} should be Iterable; is {type(pair).__name__}")
        if len(pair) != 2:  # type: ignore[arg-type]
            raise ValueError(f"{what} update sequence element #{i} has length {len(pair)}; 2 is required")  # type: ignore[arg-type]
    return pairs


def _as_parameter(value: Any) -> Any:
    return Parameter(value) if isinstance(value, graph.Tensor) and not isinstance(value, Parameter) else value


def _described(name: Any, value: Any, dtype: str) -> str:
    """A line of the repr of parameters."""
    if not isinstance(value, graph.Tensor):
        return f"  ({name}): Object of type: {type(value).__name__}"
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    size = "x".join(map(str, value.array.shape))
    where = "" if value.device == "cpu" else f" ({value.device})"  # type: ignore[attr-defined]
    return f"  ({name}): {kind} containing: [{dtype} of size {size}{where}]"


class ParameterList(Module):
    """A list of parameters; Tensors become Parameters, other objects are kept as they are.

    >>> import tinygrad_lite as tg
    >>> weights = tg.nn.ParameterList([tg.zeros(2, 3), tg.zeros(3)])
    >>> [name for name, _ in weights.named_parameters()]
    ['0', '1']
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    @overload
    def __getitem__(self, index: slice) -> Self: ...
    @overload
    def __getitem__(self, index: int) -> Any: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(self[i] for i in range(*index.indices(len(self))))
        return getattr(self, self._name(index))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, self._name(index), _as_parameter(value))

    def _name(self, index: int) -> str:
        return _at([str(i) for i in range(self._size)], index)

    def append(self, value: Any) -> Self:
        """Add a value at the end; return self."""
        self._size += 1
        self[-1] = value
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add values at the end; return self.

        Raises TypeError for what cannot be iterated over, and for a Tensor.
        """
        if not isinstance(values, Iterable) or isinstance(values, graph.Tensor):
            raise TypeError("ParameterList.extend should be called with an iterable, "
                            f"but got {type(values).__name__}")
        for value in [*values]:
            self.append(value)
        return self

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def extra_repr(self) -> str:
        """A line per value."""
        return "\n".join(_described(i, value, str(getattr(value, "dtype", ""))) for i, value in enumerate(self))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Raise RuntimeError."""
        raise RuntimeError("ParameterList should not be called.")


class ParameterDict(Module):
    """A dict of parameters; Tensors become Parameters, other objects are kept as they are.

    `len`, `in`, iteration, `keys`, `values`, `items`, `update`, `get`, `setdefault`, `pop`, `popitem`, `clear`, `copy`,
    `del` and `|` work as on a dict.

    >>> import tinygrad_lite as tg
    >>> weights = tg.nn.ParameterDict({"left": tg.zeros(2, 3), "right": tg.zeros(3)})
    >>> [name for name, _ in weights.named_parameters()]
    ['left', 'right']
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError("Index given to ParameterDict cannot be used as a key as it is not a string "
                            f"(type is '{type(key).__name__}')")
        setattr(self, key, _as_parameter(value))
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def copy(self) -> ParameterDict:
        """Another dict of the same parameters."""
        return ParameterDict([*self.items()])

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value at `key`, which is made `default` first if there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Remove all values."""
        for key in [*self._keys]:
            del self[key]

    def pop(self, key: str) -> Any:
        """Remove a value and return it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove the last value; return its key and it."""
        if not self._keys:
            raise KeyError("popitem(): dictionary is empty")
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value at `key`, or `default`."""
        return self[key] if key in self._keys else default

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new dict with `default` at all keys."""
        return ParameterDict([(key, default) for key in keys])

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._keys.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """The names and values."""
        return ((key, self[key]) for key in self._keys)

    def values(self) -> Iterable[Any]:
        """The values."""
        return (self[key] for key in self._keys)

    def update(self, parameters: Any) -> None:
        """Add values from a mapping or from pairs; as in PyTorch those of a plain mapping in the order of their keys.

        Raises TypeError or ValueError for what are no pairs.
        """
        pairs = _pairs("ParameterDict", parameters)
        if isinstance(parameters, Mapping) and not isinstance(parameters, OrderedDict):
            pairs = sorted(pairs, key=operator.itemgetter(0))
        for key, value in pairs:
            self[key] = value

    def __or__(self, other: ParameterDict) -> ParameterDict:
        result = self.copy()
        result.update(other)
        return result

    def __ior__(self, other: ParameterDict) -> Self:
        self.update(other)
        return self

    def extra_repr(self) -> str:
        """A line per value."""
        return "\n".join(_described(key, value, _type_name(value)) for key, value in self.items())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Raise RuntimeError."""
        raise RuntimeError("ParameterDict should not be called.")


def _type_name(value: Any) -> str:
    """PyTorch's name of the type of a tensor, as it prints it for a ParameterDict alone."""
    names = {"float16": "HalfTensor", "float32": "FloatTensor", "float64": "DoubleTensor"}
    return names.get(str(getattr(value, "dtype", "")), "Tensor")


def _at(names: list[str], index: int) -> str:
    index = operator.index(index)
    if not -len(names) <= index < len(names):
        raise IndexError(f"index {index} is out of range")
    return names[index]
