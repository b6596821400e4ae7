"""Module, a part of a network, and Parameter, a tensor that it learns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, ParamSpec, Protocol, Self, TypeVar

import numpy as np

from .._tensor import RemovableHandle, Tensor
from ..autograd import no_grad
from ..creation import as_tensor, empty
from ..engine import backend, graph
from ..engine.graph import state_changed
from ..optim.optimizer import clear_gradients
from . import hooks
from .hooks import Hook

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class _HasForward(Protocol[P, R_co]):
    """What a type checker reads off a module: it is called as its `forward` is."""

    _hooks: list[Hook]

    def forward(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


class Parameter(Tensor):
    """A tensor that a module learns: assigned to an attribute of a module, it is one of its `parameters()`.

    It shares the memory of `data` and requires grad unless told otherwise.

    >>> import tinygrad_lite as tg
    >>> tg.nn.Parameter(tg.tensor([1.0, 2.0]))
    Parameter containing:
    tensor([1., 2.], requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        super().__init__((empty(0) if data is None else as_tensor(data)).array)
        if requires_grad:
            self.requires_grad_()


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` did not match."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class Module:
    """A part of a network: it holds parameters, buffers and other modules, and computes with them in `forward`.

    Parameters and modules that are assigned to attributes are registered, in the order of their first assignment.
    They are ordinary attributes, so that reading `self.weight` costs no more than in any class; the module remembers
    only which names are registered.

    >>> import tinygrad_lite as tg
    >>> class Scale(tg.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = tg.nn.Parameter(tg.tensor([2.0, 3.0]))
    ...
    ...     def forward(self, input):
    ...         return input * self.factor
    >>> scale = Scale()
    >>> scale(tg.ones(2)).sum().backward()
    >>> [(name, parameter.grad) for name, parameter in scale.named_parameters()]
    [('factor', tensor([1., 1.]))]
    """

    training: bool
    _registered: dict[str, type]
    """Each registered name, in order, and its kind: Parameter, Tensor (a buffer) or Module."""
    _transient: set[str]
    """The buffers that `state_dict` leaves out."""
    _hooks: list[Hook]

    def __init__(self) -> None:
        self.training = True
        self._registered = {}
        self._transient = set()
        self._hooks = []

    if TYPE_CHECKING:
        def __getattr__(self, name: str) -> Tensor: ...  # what `register_buffer` has made an attribute

    # --- calling ------------------------------------------------------------------------------------------------------

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; each subclass writes its own.

        Raises NotImplementedError here.
        """
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self: _HasForward[P, R_co], *args: P.args, **kwargs: P.kwargs) -> R_co:
        return hooks.call(self, args, kwargs) if self._hooks else self.forward(*args, **kwargs)

    def register_forward_pre_hook(self, hook: Callable[..., Any], *, prepend: bool = False,
                                  with_kwargs: bool = False) -> RemovableHandle:
        """Call `hook(module, args)` before each `forward`; what it returns (not None) replaces the arguments.

        `with_kwargs`: call `hook(module, args, kwargs)`, which returns None or both anew.  `prepend`: before the hooks
        that are there, not after them.
        """
        return self._add_hook(Hook("forward_pre", hook, with_kwargs), prepend)

    def register_forward_hook(self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False,
                              always_call: bool = False) -> RemovableHandle:
        """Call `hook(module, args, output)` after each `forward`; what it returns (not None) replaces the output.

        `with_kwargs`: call `hook(module, args, kwargs, output)`.  `always_call`: also (with None) if `forward` raises.
        `prepend`: before the hooks that are there, not after them.

        >>> import tinygrad_lite as tg
        >>> layer = tg.nn.ReLU()
        >>> handle = layer.register_forward_hook(lambda module, args, output: print("out:", output))
        >>> _ = layer(tg.tensor([-1.0, 1.0]))
        out: tensor([0., 1.])
        >>> handle.remove()
        """
        return self._add_hook(Hook("forward", hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` when the gradients of the outputs are known; what it returns (not None)
        replaces them.
        """
        return self._add_hook(Hook("backward_pre", hook), prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when the gradients of the inputs are known, too; what it returns
        (not None) replaces `grad_input`.

        Both are tuples with an entry per positional argument or output: None for one that is no Tensor, and for an
        output that was not used.  If no argument requires grad, all of `grad_input` are None and the hook is called
        with the gradients of the outputs.  The module computes on copies of its arguments, so it cannot overwrite them.

        >>> import tinygrad_lite as tg
        >>> layer = tg.nn.ReLU()
        >>> handle = layer.register_full_backward_hook(lambda module, grad_input, grad_output: print(grad_input))
        >>> layer(tg.tensor([-1.0, 1.0], requires_grad=True)).sum().backward()
        (tensor([0., 1.]),)
        >>> handle.remove()
        """
        return self._add_hook(Hook("backward", hook), prepend)

    def _add_hook(self, hook: Hook, prepend: bool) -> RemovableHandle:
        self._hooks.insert(0 if prepend else len(self._hooks), hook)
        state_changed()
        return RemovableHandle(self._hooks, hook)

    # --- registration -------------------------------------------------------------------------------------------------

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Register a parameter, or with None the place of one.

        Raises KeyError for a name that is empty, has a dot or is taken, TypeError for what is no Parameter and
        ValueError for one that is the result of an operation.
        """
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(f"cannot assign '{type(param).__name__}' object to parameter '{name}' "
                            "(nn.Parameter or None required)")
        if param is not None and not param.is_leaf:
            raise ValueError(f"cannot assign non-leaf Tensor to parameter '{name}': it must be created, not computed")
        self._register(name, param, Parameter, "parameter")

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Register a tensor that belongs to the state but is not learned, such as a running mean.

        One that is not `persistent` is moved along by `to` but left out of `state_dict`.
        Raises KeyError for a name that is empty, has a dot or is taken, and TypeError for what is no Tensor.
        """
        if tensor is not None and not isinstance(tensor, graph.Tensor):
            raise TypeError(f"cannot assign '{type(tensor).__name__}' object to buffer '{name}' "
                            "(Tensor or None required)")
        self._register(name, tensor, Tensor, "buffer")
        if not persistent:
            self._transient.add(name)

    def register_module(self, name: str, module: Module | None) -> None:
        """Register a module under a name that need not be an identifier.

        Raises KeyError for a name that is empty, has a dot or is taken, and TypeError for what is no Module.
        """
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        self._register(name, module, Module, "module")

    add_module = register_module

    def _register(self, name: str, value: Any, kind: type, what: str) -> None:
        registered = self.__dict__.get("_registered")
        if registered is None:
            raise AttributeError(f"cannot assign {what} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string, got {type(name).__name__}")
        if not name or "." in name:
            raise KeyError(f"{what} name can't " + ('contain "."' if name else 'be empty string ""'))
        if registered.get(name) is not kind:
            if name in self.__dict__ or hasattr(type(self), name):
                raise KeyError(f"attribute '{name}' already exists")
            registered[name] = kind
        self._transient.discard(name)
        self.__dict__[name] = value
        state_changed()

    def __setattr__(self, name: str, value: Any) -> None:
        kind = Parameter if isinstance(value, Parameter) else Module if isinstance(value, Module) else None
        registered: dict[str, type] = self.__dict__.get("_registered", {})
        if kind is not None:
            if name in self.__dict__ and registered.get(name) is not kind:
                delattr(self, name)
            self.register_parameter(name, value) if kind is Parameter else self.register_module(name, value)
        elif name in registered:
            expected = registered[name]
            if value is not None and not (expected is Tensor and isinstance(value, graph.Tensor)):
                what = {Parameter: "parameter", Module: "child module"}.get(expected, "buffer")
                raise TypeError(f"cannot assign '{type(value).__name__}' object to {what} '{name}' "
                                f"({expected.__name__} or None expected)")
            self.__dict__[name] = value
            state_changed()
        else:
            before = self.__dict__.get(name, _UNSET)
            if before is _UNSET:
                before = getattr(type(self), name, _UNSET)  # a default, or a method
            object.__setattr__(self, name, value)
            if not _is_same(before, value):
                state_changed()  # a setting of a layer, such as Dropout's p, a function, a tensor

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        if self._registered.pop(name, None) is not None:
            self._transient.discard(name)
        state_changed()

    # --- what it holds ------------------------------------------------------------------------------------------------

    def children(self) -> Iterator[Module]:
        """The modules directly in this one, each once."""
        return (module for _, module in self.named_children())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly in this one, each once, with their names."""
        return self._own(Module, set())

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_modules(self, memo: set[Module] | None = None, prefix: str = "",
                      remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """This module (named `prefix`) and all below it, with dotted names; those in `memo` are left out."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._own(Module):
            yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters of this module and (`recurse`) of all below it, each once, in the order of registration."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_parameters(self, prefix: str = "", recurse: bool = True,
                         remove_duplicate: bool = True) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their dotted names, in the order of registration.

        >>> import tinygrad_lite as tg
        >>> model = tg.nn.Sequential(tg.nn.Linear(2, 3), tg.nn.Tanh(), tg.nn.Linear(3, 1, bias=False))
        >>> [(name, parameter.shape) for name, parameter in model.named_parameters()]
        [('0.weight', (3, 2)), ('0.bias', (3,)), ('2.weight', (1, 3))]
        """
        return self._below(Parameter, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers of this module and (`recurse`) of all below it, each once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True,
                      remove_duplicate: bool = True) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their dotted names."""
        return self._below(Tensor, prefix, recurse, remove_duplicate)

    def get_submodule(self, target: str) -> Module:
        """The module with a dotted name, "" for this one.

        Raises AttributeError if there is none.
        """
        module: Any = self
        for name in target.split(".") if target else []:
            if not hasattr(module, name):
                raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter with a dotted name.

        Raises AttributeError if there is none.
        """
        return self._get(target, Parameter, "an nn.Parameter")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer with a dotted name.

        Raises AttributeError if there is none.
        """
        return self._get(target, Tensor, "a buffer")

    def _get(self, target: str, kind: type, what: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        if module._registered.get(name) is not kind or getattr(module, name) is None:
            raise AttributeError(f"`{name}` is not {what}")
        return getattr(module, name)

    def _own(self, kind: type, seen: set[Any] | None = None) -> Iterator[tuple[str, Any]]:
        """What is registered here as `kind`, but None; with a set, without what is in it, which it is added to."""
        for name, registered in self._registered.items():
            value = self.__dict__[name]
            if registered is kind and value is not None and (seen is None or value not in seen):
                if seen is not None:
                    seen.add(value)
                yield name, value

    def _below(self, kind: type, prefix: str, recurse: bool, once: bool) -> Iterator[tuple[str, Any]]:
        seen: set[Any] | None = set() if once else None
        for path, module in self.named_modules(prefix=prefix, remove_duplicate=once) if recurse else [(prefix, self)]:
            for name, value in module._own(kind, seen):
                yield (f"{path}.{name}" if path else name), value

    # --- what is done to all of it ------------------------------------------------------------------------------------

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` on every module below this one and then on itself; return self."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Set training mode (of dropout and the like) here and below; return self.

        Raises ValueError if `mode` is no bool.
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)  # which it may have overridden, to keep a part of it frozen
        return self

    def eval(self) -> Self:
        """Set evaluation mode: `train(False)`."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Whether gradients of the parameters are computed; return self."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of the parameters, or set them to zeros."""
        clear_gradients(self.parameters(), set_to_none)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Bring parameters and buffers, in place, to a device and the floating ones to a dtype; return self.

        The arguments are those of `Tensor.to`.  Parameters stay the same objects, so an optimizer keeps them; what it
        has in its state stays where it was.
        Raises TypeError, before anything has changed, for a dtype that is not floating.
        """
        moved: list[tuple[Tensor, Tensor]] = []
        for x in (*self.parameters(), *self.buffers()):
            for tensor in (x,) if x.grad is None else (x, x.grad):
                if tensor.is_floating_point():
                    new = tensor.detach().to(*args, **kwargs)
                    if not new.is_floating_point():
                        raise TypeError("nn.Module.to only accepts floating point dtypes, "
                                        f"but got desired dtype={new.dtype}")
                else:
                    device = Tensor(tensor.array.reshape(-1)[:0]).to(*args, **kwargs).device
                    new = tensor.to(device)
                moved.append((tensor, new))
        for tensor, new in moved:
            tensor.data = new
        state_changed()
        return self

    def cpu(self) -> Self:
        """Bring parameters and buffers to the host; return self."""
        return self.to("cpu")

    def cuda(self, device: int | str | None = None) -> Self:
        """Bring parameters and buffers to the GPU; return self."""
        return self.to("cuda" if device is None else f"cuda:{device}" if isinstance(device, int) else device)

    def half(self) -> Self:
        """Make floating parameters and buffers float16; return self."""
        return self.to(np.dtype(np.float16))

    def float(self) -> Self:
        """Make floating parameters and buffers float32; return self."""
        return self.to(np.dtype(np.float32))

    def double(self) -> Self:
        """Make floating parameters and buffers float64; return self."""
        return self.to(np.dtype(np.float64))

    # --- state --------------------------------------------------------------------------------------------------------

    def state_dict(self, *, prefix: str = "", keep_vars: bool = False) -> dict[str, Tensor]:
        """Each parameter and persistent buffer under its dotted name, sharing memory with the module.

        They are detached unless `keep_vars`.

        >>> import tinygrad_lite as tg
        >>> list(tg.nn.Sequential(tg.nn.Linear(2, 3), tg.nn.Tanh()).state_dict())
        ['0.weight', '0.bias']
        """
        state: dict[str, Tensor] = {}
        for path, module in self.named_modules(prefix=prefix.removesuffix("."), remove_duplicate=False):
            for kind in (Parameter, Tensor):
                for name, value in module._own(kind):
                    if name not in module._transient:
                        state[f"{path}.{name}" if path else name] = value if keep_vars else value.detach()
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Copy parameters and buffers from what `state_dict` returned; values may be Tensors or arrays.

        Returns the names that were missing and those that were not expected.
        Raises RuntimeError that lists all missing, unexpected (both only if `strict`) and misshapen names; nothing has
        changed then.  Raises TypeError if `state_dict` is no mapping.

        >>> import tinygrad_lite as tg
        >>> tg.nn.Linear(2, 3).load_state_dict({"weight": tg.ones(3, 1), "scale": tg.ones(3)})
        Traceback (most recent call last):
        ...
        RuntimeError: Error(s) in loading state_dict for Linear:
            Missing key(s) in state_dict: "bias".
            Unexpected key(s) in state_dict: "scale".
            size mismatch for weight: copying a param with shape (3, 1) from checkpoint, the shape in current model ...
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        own = self.state_dict(keep_vars=True)
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        errors: list[str] = []
        if strict and missing:
            errors.append("Missing key(s) in state_dict: " + ", ".join(f'"{name}"' for name in missing) + ".")
        if strict and unexpected:
            errors.append("Unexpected key(s) in state_dict: " + ", ".join(f'"{name}"' for name in unexpected) + ".")
        copies: list[tuple[Tensor, Tensor]] = []
        for name, target in own.items():
            if name not in state_dict:
                continue
            value = state_dict[name]
            if not hasattr(value, "shape") or not hasattr(value, "dtype"):
                errors.append(f'While copying the parameter named "{name}", expected Tensor or array from checkpoint '
                              f"but received {type(value).__name__}.")
            elif tuple(value.shape) != target.shape:
                errors.append(f"size mismatch for {name}: copying a param with shape {tuple(value.shape)} from "
                              f"checkpoint, the shape in current model is {target.shape}.")
            else:
                array = as_tensor(value).array
                copies.append((target, Tensor(backend.transfer(array, backend.of(target.array)))))
        if errors:
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t" + "\n\t".join(errors))
        with no_grad():
            for target, source in copies:
                target.copy_(source)
        state_changed()
        return IncompatibleKeys(missing, unexpected)

    # --- printing -----------------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What the module prints of itself between its parentheses."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): " + repr(self.__dict__[name]).replace("\n", "\n  ")
                    for name, kind in self._registered.items() if kind is Module]
        name = type(self).__name__
        if not children and len(lines) <= 1:
            return f"{name}({extra})"
        return f"{name}(\n  " + "\n  ".join(lines + children) + "\n)"


_UNSET = object()


def _is_same(before: Any, value: Any) -> bool:
    """Whether an attribute that is assigned is what it was: the same object, or an equal number, string or tuple."""
    if before is value or before.__class__ is not value.__class__:
        return before is value
    if isinstance(value, float):
        return bool(value.hex() == before.hex())  # 0.0 is not -0.0
    if isinstance(value, tuple):
        return len(value) == len(before) and all(map(_is_same, before, value))
    return isinstance(value, (bool, int, str)) and bool(value == before)


class FunctionModule(Module):
    """What modules share that call one `function` with settings, which are their attributes.

    A subclass names the function and hands the settings on, under the names of its arguments, in the order in which
    they are printed.
    """

    function: ClassVar[Callable[..., Tensor]]
    unprinted: ClassVar[frozenset[str]] = frozenset()
    """The settings that PyTorch does not print."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self._settings = tuple(settings)
        for name, value in settings.items():
            setattr(self, name, value)

    def forward(self, *operands: Any, **named: Any) -> Tensor:
        """The function of the operands."""
        attributes = self.__dict__  # with this, and in one dict, 0.5 us less
        for name in self._settings:
            named[name] = attributes[name]
        return self.function(*operands, **named)

    def extra_repr(self) -> str:
        """The settings, `kernel_size=2, stride=2`."""
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self._settings if name not in self.unprinted)
