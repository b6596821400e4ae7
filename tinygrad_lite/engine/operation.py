"""Op: a function on arrays plus one VJP per operand, and the call that is written for it.

    @op(tex=r"{input} \\odot {other}")
    def mul(input: Array, other: Array) -> Array:
        return input * other

    @mul.vjp("input")
    def _(g, other):
        return g * other

    @mul.vjp("other")
    def _(g, input):
        return g * input

The forward function gets raw arrays and may use `np.*`.  A VJP (vector-Jacobian product) turns the gradient `g` of the
output into that of one operand.  It asks by name for what it needs - operands, `<operand>_shape`, settings, residuals,
`y` for the output - and only that is kept alive.  It uses only operators and ops, so that the same text serves raw
arrays (first order, no graph) and Tensors (any order, and everything that reads a program).

Operands are the parameters annotated `Array` (a sequence operand: `Sequence[Array]`), and in a user's op without
annotations those without a default; all others are settings.  A floating result of an operand
that requires grad and has no VJP raises at the call; results of other dtypes are constants.  No reader of the graph
needs to know any op.
"""

from __future__ import annotations

import functools
import inspect
import linecache
from collections.abc import Callable
from types import FunctionType
from typing import Any, Concatenate, Generic, Literal, ParamSpec, TypeVar, cast, overload

from .call import NAMESPACE, arguments_of, write_call
from .graph import Array, mode, stamp_write

P = ParamSpec("P")
F = TypeVar("F", bound=Callable[..., Any])
Promotion = Literal["arithmetic", "float", "compare", "none"]

REGISTRY: dict[str, OpFunction[...]] = {}
"""Every op by name, in the order of definition.  Tests, documentation and tools find ops here."""


class Op:
    """What is known of an op; the call itself is a plain function, so that it binds as a method and costs no more."""

    def __init__(self, forward: Callable[..., Any], *, tex: str | None, promotion: Promotion,
                 promoted: tuple[str, ...] | None, view: bool, residuals: tuple[str, ...]) -> None:
        self.forward = forward
        self.name = forward.__name__
        self.in_library = str(forward.__module__).partition(".")[0] == "tinygrad_lite"
        self.tex, self.promotion, self.view, self.residuals = tex, promotion, view, residuals
        self.sequence: str | None = None
        self.operands: tuple[str, ...] = ()
        self.settings: tuple[str, ...] = ()
        written = inspect.unwrap(forward)  # read off its code: `inspect.signature` would be a tenth of the import
        names = arguments_of(written)
        if written.__code__.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
            extra = written.__code__.co_varnames[len(names)]
            raise TypeError(f"{self.name}: *{extra} cannot be a parameter of an op; use a Sequence[Array]")
        positional = written.__code__.co_argcount
        optional = {*names[positional - len(written.__defaults__ or ()) : positional], *(written.__kwdefaults__ or ())}
        for name in names:
            # `Array` is Any where annotations are evaluated
            annotation = str(written.__annotations__.get(name, "")).replace("typing.Any", "Array")
            is_array = any(word in annotation for word in ("Array", "Tensor", "ndarray"))
            if is_array or (not annotation and name not in optional):
                self.operands += (name,)
                if "Sequence" in annotation:
                    self.sequence = name
            else:
                self.settings += (name,)
        self.promoted = self.operands if promoted is None else promoted
        self.vjps: dict[str, Callable[..., Any]] = {}
        self.joint = False
        self.raw = False
        self.writes: tuple[str, ...] = ()
        self.rules: dict[str, Callable[..., Any]] = {}
        self.definition: Callable[..., Any] | None = None
        self._vjp_ops: dict[str, Op] = {}
        self.namespace: dict[str, Any] = {**NAMESPACE, "op": self, "forward": forward}
        self.call = cast(Any, FunctionType(_first_call.__code__, self.namespace, self.name))
        self.call.op, self.call.__wrapped__ = self, forward
        self.call.vjp, self.call.residual, self.call.define = self.vjp, self.residual, self.define
        for attribute in ("__doc__", "__module__", "__qualname__", "__annotations__"):
            setattr(self.call, attribute, getattr(forward, attribute))

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        """The parameters of the forward function."""
        return inspect.signature(self.forward)

    def __repr__(self) -> str:
        return f"<op {self.name}{self.signature}>"

    def vjp(self, *operands: str, joint: bool = False, raw: bool = False) -> Callable[[F], F]:
        """Decorator: the VJP of these operands.

        A `joint` VJP returns a tuple, one gradient per operand.  A `raw` one is written for arrays only (kernels,
        `out=`): higher derivatives then come from the op's definition.
        """
        for name in operands:
            if name not in self.operands:
                raise TypeError(f"{self.name}.vjp: {name!r} is no operand; the operands are {list(self.operands)}")

        def register(function: F) -> F:
            known = {*self.operands, *(f"{o}_shape" for o in self.operands), *self.settings, *self.residuals, "y"}
            known |= {"position"} if self.sequence in operands else set()
            known |= {"wanted"} if joint else set()
            if unknown := [n for n in arguments_of(function)[1:] if n not in known]:
                raise TypeError(f"{self.name}.vjp asks for {unknown}; it may name {sorted(known)}")
            self.vjps |= dict.fromkeys(operands, function)
            self.joint, self.raw = self.joint or joint, self.raw or raw
            if len(self.differentiable) > 3:
                raise TypeError(f"{self.name}: more than three differentiable operands; compose it or take a sequence")
            self._unwrite()
            return function

        return register

    def _unwrite(self) -> None:
        """Have the call written anew: what it keeps for VJPs has changed."""
        self.call.__code__, self.call.__defaults__, self.call.__kwdefaults__ = _first_call.__code__, None, None

    def residual(self, name: str) -> Callable[[F], F]:
        """Decorator: what a residual *is*, in ops of the operands and settings.

        A residual is a value that the fast forward has at hand and its VJP wants: the forward returns
        `(y, *residuals)`.  Where the gradient itself is differentiated, this rule gives it a history.
        """

        def register(function: F) -> F:
            self.rules[name] = function
            self._unwrite()
            return function

        return register

    def define(self, function: F) -> F:
        """Decorator: the op as a composition of other ops - its oracle, its explanation, its higher derivatives."""
        self.definition = function
        return function

    @property
    def differentiable(self) -> list[str]:
        """The flat operands that have a VJP, in order."""
        return [o for o in self.operands if o in self.vjps and o != self.sequence]

    def vjp_as_op(self, operand: str) -> Op:
        """The VJP of an operand as an op: how one that is written for raw arrays appears among the calls of a step."""
        if operand not in self._vjp_ops:
            function = self.vjps[operand]
            place = self.differentiable.index(operand) if self.joint else None

            @functools.wraps(function)
            def forward(*args: Any, **named: Any) -> Any:
                made = function(*args, **named)
                return made if place is None else made[place]

            forward.__name__ = f"{self.name}_vjp_{operand}"
            made = Op(forward, tex=None, promotion="none", promoted=(), view=False, residuals=())
            arrays = {"g", "y", *self.operands, *self.residuals}
            made.operands = tuple(n for n in made.signature.parameters if n in arrays)
            made.settings = tuple(n for n in made.signature.parameters if n not in arrays)
            made.sequence = self.sequence if self.sequence in made.operands else None
            self._vjp_ops[operand] = made
        return self._vjp_ops[operand]

    def first_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Write and compile the call, put it in place of the stub, and go on with it."""
        self.namespace.update(NAMESPACE)
        source = write_call(self)
        filename = f"<call of {self.name}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        scope: dict[str, Any] = self.namespace
        exec(compile(source, filename, "exec"), scope)
        self.source = source
        written = scope["call"]
        # The written call has local names of its own and calls parameters of those names otherwise (see `in_call`).
        names = (*self.signature.parameters, *written.__code__.co_varnames[len(self.signature.parameters) :])
        self.call.__code__, self.call.__defaults__ = written.__code__.replace(co_varnames=names), written.__defaults__
        self.call.__kwdefaults__ = {p.name: p.default for p in self.signature.parameters.values()
                                    if p.kind is p.KEYWORD_ONLY and p.default is not p.empty}
        return self.call(*args, **kwargs)


class OpFunction(Generic[P]):
    """The type of a decorated op: a function on Tensors or arrays that also binds as a method.

    At run time it is a plain function; this class is how type checkers see it.
    """

    op: Op
    __name__: str

    def __call__(self, input: Array, /, *args: P.args, **kwargs: P.kwargs) -> Any: ...
    @overload
    def __get__(self, instance: None, owner: type) -> OpFunction[P]: ...
    @overload
    def __get__(self, instance: Any, owner: type) -> Callable[P, Any]: ...
    def __get__(self, instance: Any, owner: type) -> Any: ...
    def vjp(self, *operands: str, joint: bool = False, raw: bool = False) -> Callable[[F], F]: ...  # type: ignore[empty-body]
    def residual(self, name: str) -> Callable[[F], F]: ...  # type: ignore[empty-body]
    def define(self, function: F) -> F: ...  # type: ignore[empty-body]


@overload
def op(forward: Callable[Concatenate[Any, P], Any], /) -> OpFunction[P]: ...
@overload
def op(
    *, tex: str | None = None, promotion: Promotion = "arithmetic", promoted: tuple[str, ...] | None = None,
    view: bool = False, residuals: tuple[str, ...] = (),
) -> Callable[[Callable[Concatenate[Any, P], Any]], OpFunction[P]]: ...
def op(forward: Callable[..., Any] | None = None, /, *, tex: str | None = None, promotion: Promotion = "arithmetic",
       promoted: tuple[str, ...] | None = None, view: bool = False, residuals: tuple[str, ...] = ()) -> Any:
    """Decorator: make an op of a function on arrays.

    Args:
        tex: its notation, a format string over its operands and settings; without, it is shown as its definition, or
            as name(operands).
        promotion: what happens to operands of different dtypes.  "arithmetic": they are brought to PyTorch's common
            dtype and the result has it; "float": the same, and integers become floating; "compare": the same, and the
            result is what the function returns; "none": nothing.
        promoted: the operands that take part in promotion (all).
        view: the result may share memory with the first operand, and in-place writes to one reach the other; without,
            such a result is copied.
        residuals: names of further values that the function returns after y, for its VJPs.

    >>> import tinygrad_lite as tg
    >>> @tg.op
    ... def cube(input):
    ...     return input ** 3
    >>> @cube.vjp("input")
    ... def _(g, input):
    ...     return g * 3 * input ** 2
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> cube(x).sum().backward()
    >>> x.grad
    tensor([ 3., 12.])
    """

    def make(function: Callable[..., Any]) -> OpFunction[...]:
        made = Op(function, tex=tex, promotion=promotion, promoted=promoted, view=view, residuals=residuals)
        if taken := {"y", "wanted", "position"} & {*made.signature.parameters}:
            raise TypeError(f"{made.name}: rename the parameter {min(taken)}: in VJPs y is the output, wanted and "
                            "position say which gradients are asked for")
        if not made.operands:
            raise TypeError(f"{made.name}: an op needs an operand, a parameter annotated Array or without a default")
        if made.in_library:
            REGISTRY[made.name] = made.call
        return cast("OpFunction[...]", made.call)

    return make if forward is None else make(forward)


def update(*writes: str) -> Callable[[F], F]:
    """Decorator: a function on raw arrays that overwrites some of them, for optimizers and in-place writes.

    It has no derivative.  Like an op it is known to observers, and what it writes is stamped: the walk notices if a
    node had saved the old values.  `writes` names the parameters that are overwritten; as in an op, operands are the
    parameters annotated `Array`.  Numbers that change from step to step must come from `live`.
    """

    def make(function: F) -> F:
        made = Op(function, tex=None, promotion="none", promoted=None, view=False, residuals=())
        made.writes = writes
        names = list(made.signature.parameters)
        written = tuple(names.index(w) for w in writes)
        operands = tuple(names.index(o) for o in made.operands)
        settings = tuple(names.index(s) for s in made.settings)

        @functools.wraps(function)
        def call(*args: Any) -> None:
            state = mode.state
            if state.__class__ is not bool:
                state.overwrites(tuple(args[i] for i in written))
            function(*args)
            for i in written:
                if args[i] is not None:
                    stamp_write(args[i])
            if state.__class__ is not bool:
                state.called(made, tuple(args[i] for i in operands), tuple(args[i] for i in settings), ())

        made.call = call
        call.op = made  # type: ignore[attr-defined]
        return cast(F, call)

    return make


def _first_call(*args, **kwargs):  # type: ignore[no-untyped-def]
    return op.first_call(args, kwargs)  # type: ignore[attr-defined]  # `op` is the namespace's, see Op.__init__


@op(tex=r"{input}", promotion="none")
def to_dtype(input: Array, dtype: Any) -> Array:
    """y = input, in another dtype.  Its gradient comes back in the dtype of `input` (the walk sees to that)."""
    return input.astype(dtype)


@to_dtype.vjp("input")
def _(g: Array) -> Array:
    return g


NAMESPACE["to_dtype"] = to_dtype  # for casts by promotion
