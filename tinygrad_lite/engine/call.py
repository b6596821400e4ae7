"""The call of an op, written out: what runs between the user and the forward function, and back from the walk.

For each op `write_call` writes two things as Python source.  The call unpacks its operands, promotes dtypes, calls the
forward function, tells an observer, and makes the node and the Tensor.  The node's `pull` calls the VJPs with what they
asked for and hands each parent its gradient.  Written per op rather than generic, for speed: an ordinary call has no
`*args`, no loop and no container on its way.  `print(tinygrad_lite.mul.op.source)` shows it after the first call.

Everything that is not the ordinary case stands here as a function: mixed dtypes, results that are NumPy scalars,
sequences, errors.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from . import backend, dtypes
from .graph import Leaf, Node, Tensor, made_at, mode, owner_of, tick

if TYPE_CHECKING:
    from .operation import Op

# --- slow paths -------------------------------------------------------------------------------------------------------


def coerce(op: Op, values: list[Any]) -> tuple[list[Any], Any]:
    """Bring operands that are not all tensors of one dtype to what the op computes on; return them and their dtype."""
    flat: list[Any] = []
    for name, value in zip(op.operands, values, strict=True):
        if name == op.sequence:
            value[:] = [_plain(op, name, v) for v in value]
            flat += value if name in op.promoted else ()
        else:
            values[op.operands.index(name)] = value = _plain(op, name, value)
            flat += [value] if name in op.promoted else ()
    flat = [v for v in flat if v is not None]
    if op.promotion == "none" or not flat:
        return values, next((v.dtype for v in flat if hasattr(v, "dtype")), None)
    dtype = dtypes.result_type(flat)
    if op.promotion == "float" and dtype.kind != "f":
        dtype = dtypes.get_default_dtype()
    for i, (name, value) in enumerate(zip(op.operands, values, strict=True)):
        if name not in op.promoted:
            continue
        if name == op.sequence:
            value[:] = [_cast(v, dtype) for v in value]
        else:
            values[i] = _cast(value, dtype)
    return values, dtype


def _plain(op: Op, name: str, value: Any) -> Any:
    """An operand that is no Tensor: a NumPy scalar counts as a Python number, an array is a constant."""
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return backend.admit(value)
    if isinstance(value, (bool, int, float)) or (value is None and op.signature.parameters[name].default is None):
        return value
    remedy = "; wrap it in tensor(...)" if isinstance(value, (list, tuple)) else ""
    raise TypeError(f"{op.name}: {name} must be a Tensor, an array or a number, got {type(value).__name__}{remedy}")


def _cast(value: Any, dtype: Any) -> Any:
    if not hasattr(value, "dtype") or value.dtype == dtype:
        return value
    result = value.astype(dtype)
    if mode.state.__class__ is not bool:  # a cast is a call like any other
        mode.state.called(NAMESPACE["to_dtype"].op, (value,), (dtype,), (result,))
    return result


def recast(op: Op, values: list[Any], settings: tuple[Any, ...]) -> tuple[Any, list[Any], Any]:
    """Call the forward again, on promoted operands: the result was not of their dtype (integers met a float).

    Returns its result (with residuals), the operands and their dtype.
    """
    values, dtype = coerce(op, values)
    arguments = dict(zip(op.operands, values, strict=True)) | dict(zip(op.settings, settings, strict=True))
    result = op.forward(**arguments)
    y, *residuals = result if op.residuals else (result,)
    y = np.asarray(y, dtype) if isinstance(y, np.generic) else y.astype(dtype, copy=False)
    return (y, *residuals) if residuals else y, values, dtype


def observe(state: Any, op: Op, operands: tuple[Any, ...], settings: tuple[Any, ...], outputs: tuple[Any, ...]) -> bool:
    """Tell the observer of a call; return whether to record a node."""
    state.called(op, operands, settings, outputs)
    return bool(state.grad)


def open_sequence(op: Op, name: str, items: Any) -> tuple[list[Any], tuple[Node | None, ...] | None, bool]:
    """Unpack a sequence operand: its arrays, its nodes (None if there are none), whether a Tensor was among it."""
    if isinstance(items, Tensor) or not hasattr(items, "__iter__"):
        raise TypeError(f"{op.name}: {name} must be a sequence of Tensors, got {type(items).__name__}")
    items = list(items)
    nodes = tuple(x.node if isinstance(x, Tensor) else None for x in items)
    arrays = [x.array if isinstance(x, Tensor) else x for x in items]
    tensors = any(isinstance(x, Tensor) for x in items)
    return arrays, nodes if any(n is not None for n in nodes) else None, tensors


def describe(value: Any) -> str:
    """dtype and shape of an operand for an error message, with the backend where it is not NumPy."""
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(describe(v) for v in value) + "]"
    if isinstance(value, Tensor):
        value = value.array
    if not hasattr(value, "dtype"):
        return repr(value)
    backend = type(value).__module__.partition(".")[0]
    return f"{value.dtype} {tuple(value.shape)}" + (f" on {backend}" if backend != "numpy" else "")


def as_array(op: Op, y: Any) -> Any:
    """What a forward function returned, if it is no ndarray: NumPy makes scalars of 0-d arrays, others are not ours."""
    if isinstance(y, np.generic):
        return np.asarray(y)
    if not (hasattr(y, "dtype") and hasattr(y, "shape")):
        raise TypeError(f"{op.name}: an op must return an array, got {type(y).__name__}; for what only its VJPs need "
                        "there is @op(residuals=...), for several results autograd.Function")
    return y


def in_own_memory(y: Any, values: tuple[Any, ...]) -> Any:
    """The result of an op that is no view: a copy if it shares memory with an operand, so that writes keep apart."""
    owner = owner_of(y)
    operands = [v for value in values for v in (value if isinstance(value, list) else [value])]
    return y.copy() if any(hasattr(v, "dtype") and owner_of(v) is owner for v in operands) else y


def refuse(op: Op, nodes: dict[str, Any]) -> NoReturn:
    """Raise NotImplementedError: an operand requires grad, and no VJP says what it gets of it."""
    operand = next(name for name, node in nodes.items() if node is not None)
    raise NotImplementedError(
        f"{op.name}: {operand} requires grad, but the op has no VJP with respect to it. Write one, "
        f"@{op.name}.vjp({operand!r}), or pass a constant, {operand}.detach().")


def note_forward(error: Exception, op: Op, is_tensor: bool, values: tuple[Any, ...], settings: tuple[Any, ...]) -> None:
    """Add to the error of a call: the op, its operands and its settings.

    The caller raises it again: a frame of the traceback that still has the error in a variable would make a cycle.
    A call without a Tensor is left to NumPy; but nobody has looked at its operands before, so this raises TypeError if
    one is no array.
    """
    if not is_tensor:
        coerce(op, [list(v) if n == op.sequence else v for n, v in zip(op.operands, values, strict=True)])
        return
    parts = [f"{n}: {describe(v)}" for n, v in zip(op.operands, values, strict=True)]
    parts += [f"{n}={v!r}" for n, v in zip(op.settings, settings, strict=True)]
    error.add_note(f"in {op.name}({', '.join(parts)})")


def note_vjp(error: Exception, node: Node, operand: str, g: Any) -> None:
    """Add to the error of a VJP, which the caller raises again, which derivative was being taken.

    Raises TypeError instead if the error is that the VJP returned no array.
    """
    assert node.op is not None
    traceback = error.__traceback__
    if isinstance(error, AttributeError) and traceback and traceback.tb_next is None and error.obj is not node:
        got = type(error.obj).__name__
        raise TypeError(f"{node.op.name}: the VJP with respect to {operand} must return an array, got {got}"
                        f"{made_at(node)}") from None
    error.add_note(f"while differentiating {node.op.name} with respect to {operand} "
                   f"(gradient of the output: {describe(g)}){made_at(node)}")


def arguments_of(function: Any) -> list[str]:
    """The names of the parameters of a forward function, a VJP, a rule or a definition."""
    code = inspect.unwrap(function).__code__
    return list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])


class _Freed(Node):
    """Stands for the parents of a node whose saved values are gone."""

    __slots__ = ()


FREED = _Freed()
FREED.age, FREED.hooks, FREED.shape = 0, None, ()


def wrap(value: Any, node: Node | None) -> Any:
    """A saved value as a Tensor with its history, for VJPs that run on Tensors."""
    return NAMESPACE["Tensor"](value, node) if hasattr(value, "dtype") and hasattr(value, "shape") else value


def wrap_sequence(values: Any, nodes: Any) -> list[Any]:
    """The saved values of a sequence operand as Tensors with their histories."""
    return [wrap(v, n) for v, n in zip(values, nodes or (None,) * len(values), strict=False)]


NAMESPACE: dict[str, Any] = {
    "__name__": __name__, "mode": mode, "tick": tick, "new": object.__new__, "Tensor": Tensor, "Leaf": Leaf,
    "FREED": FREED, "ndarray": np.ndarray, "as_array": as_array, "in_own_memory": in_own_memory, "refuse": refuse,
    "owner_of": owner_of, "coerce": coerce, "recast": recast, "observe": observe, "open_sequence": open_sequence,
    "note_forward": note_forward, "note_vjp": note_vjp, "wrap": wrap, "wrap_sequence": wrap_sequence,
}
"""The globals of every written call.  `_tensor.py` puts the completed Tensor class here (see `complete`)."""

TAKEN = {*NAMESPACE, *"op forward make_view OpNode odd is_tensor found dtype y state node t error".split(),
         *"isinstance type float int bool getattr Exception".split()}
"""The names that a written call uses itself."""


def in_call(name: str) -> str:
    """What a parameter is called in the written call."""
    return f"{name}_" if name in TAKEN else name


def complete(tensor: type, view: type) -> None:
    """From now on calls make Tensors and views of these classes."""
    NAMESPACE.update(Tensor=tensor, View=view)


# --- writing ----------------------------------------------------------------------------------------------------------


def write_call(op: Op) -> str:
    """The source of the op's call and of its node class."""
    return "\n".join([*_write_call(op), "", *_write_node(op)])


def _kept(op: Op) -> dict[str, list[str]]:
    """Each value that some VJP asks for -> the operands whose VJPs ask."""
    kept: dict[str, list[str]] = {}
    for operand in op.operands:
        if operand in op.vjps:
            for name in arguments_of(op.vjps[operand])[1:]:
                kept.setdefault(name, []).append(operand)
            if op.raw:  # higher derivatives come from the definition, which needs all inputs
                for name in (*op.operands, *op.settings):
                    kept.setdefault(name, []).append(operand)
    for residual in op.residuals:  # where the gradient is differentiated, the rule makes the residual anew
        if residual in kept and residual in op.rules:
            for name in arguments_of(op.rules[residual]):
                kept.setdefault(name, []).extend(kept[residual])
    kept.pop("position", None)
    kept.pop("wanted", None)
    return kept


def _write_call(op: Op) -> Iterator[str]:
    parameters: list[str] = []
    for parameter in op.signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parameters:
            parameters.append("*")
        if parameter.default is not inspect.Parameter.empty:
            op.namespace[f"default_{parameter.name}"] = parameter.default
            parameters.append(f"{in_call(parameter.name)}=default_{parameter.name}")
        else:
            parameters.append(in_call(parameter.name))
    values = [f"v_{o}" for o in op.operands]
    as_given, arguments = (", ".join(
        (f"{p.name}=" if p.kind is p.KEYWORD_ONLY else "")
        + (f"v_{p.name}" if unpacked and p.name in op.operands else in_call(p.name))
        for p in op.signature.parameters.values()) for unpacked in (False, True))
    settings = "(" + "".join(f"{in_call(s)}, " for s in op.settings) + ")"
    promoted = op.promoted if op.promotion != "none" else ()

    yield f"def call({', '.join(parameters)}):"
    may_be_none = any(op.signature.parameters[o].default is None for o in op.operands)
    if not (op.sequence or op.residuals or may_be_none):  # the short way of VJPs on arrays
        arrays = " and ".join(f"type({in_call(o)}) is ndarray" for o in op.operands)
        yield f"    if {arrays}: return forward({as_given})"
    yield "    is_tensor = odd = False; dtype = None"
    for o in op.operands:
        given = in_call(o)
        if o == op.sequence:
            yield f"    v_{o}, p_{o}, found = open_sequence(op, '{o}', {given})"
            yield "    is_tensor = is_tensor or found; odd = True"
            continue
        if optional := op.signature.parameters[o].default is None:
            yield f"    if {given} is None: p_{o} = v_{o} = None"
        yield f"    {'el' if optional else ''}if isinstance({given}, Tensor):"
        yield f"        v_{o} = {given}.array; p_{o} = {given}.node; is_tensor = True"
        if o in promoted and o == promoted[0]:
            yield f"        dtype = v_{o}.dtype"
        elif o in promoted:
            yield f"        if v_{o}.dtype is not dtype:"
            yield f"            if dtype is None: dtype = v_{o}.dtype"
            yield "            else: odd = True"
        yield "    else:"
        yield f"        v_{o} = {given}; p_{o} = None"
        yield f"        if type({given}) is not float and type({given}) is not int: odd = True"
    yield "    try:"
    yield f"        if not is_tensor: return forward({arguments})" + ("[0]" if op.residuals else "")
    repack = f"({', '.join(values)},)" if len(values) == 1 else ", ".join(values)
    needs = "odd or dtype is None" if promoted else "odd"
    yield f"        if {needs}: ({repack}), dtype = coerce(op, [{', '.join(values)}])"
    outputs = ", ".join(["y", *(f"r_{r}" for r in op.residuals)])
    yield f"        {outputs} = forward({arguments})"
    yield "        if type(y) is not ndarray: y = as_array(op, y)"
    if op.promotion in ("arithmetic", "float"):
        yield "        if y.dtype is not dtype:"
        yield f"            ({outputs}), ({repack}), dtype = recast(op, [{', '.join(values)}], {settings})"
    if not (op.view or op.in_library):
        is_operand = "".join(f" or y is {v}" for v in values)
        yield f"        if y.base is not None{is_operand}: y = in_own_memory(y, ({', '.join(values)},))"
    yield "    except Exception as error:"
    yield f"        note_forward(error, op, is_tensor, ({', '.join(values)},), {settings})"
    yield "        raise"
    yield "    state = mode.state"
    seen = f"({', '.join(values)},), {settings}, ({outputs},)"
    yield f"    if state.__class__ is not bool: state = observe(state, op, {seen})"
    if underived := [o for o in op.operands if o not in op.vjps]:
        any_requires_grad = " or ".join(f"p_{o} is not None" for o in underived)
        nodes = ", ".join(f"{o!r}: p_{o}" for o in underived)
        yield f"    if state and ({any_requires_grad}) and y.dtype.kind == 'f': refuse(op, {{{nodes}}})"
    tracked = op.differentiable + ([op.sequence] if op.sequence in op.vjps else [])
    if tracked:
        floating = " and y.dtype.kind == 'f'" if "dtype" in op.settings else ""  # integers end the graph
        yield f"    if state and ({' or '.join(f'p_{o} is not None' for o in tracked)}){floating}:"
        yield from ("        " + line for line in _write_recording(op, tracked))
        yield "    else: node = None"
    else:
        yield "    node = None"
    if op.view:
        o = op.operands[0]
        given = in_call(o)
        shares_memory = (f"y.base is v_{o} or y is v_{o} or (y.base is not None and "
                         f"(y.base is v_{o}.base or owner_of(y) is owner_of(v_{o})))")
        yield f"    if isinstance({given}, Tensor) and ({shares_memory}):"
        yield f"        return make_view(y, node, {given}, op, {settings})"
    yield "    t = new(Tensor); t.array = y; t.node = node"
    yield "    return t"


def _write_recording(op: Op, tracked: list[str]) -> Iterator[str]:
    """Make the node: parents, what VJPs of tracked operands ask for, and the shape and dtype that a gradient gets."""
    yield "node = new(OpNode)"
    for i, o in enumerate(op.differentiable):
        yield f"node.p{i} = p_{o}"
    if op.sequence in op.vjps:
        yield f"node.rest = p_{op.sequence} or ()"
    value = {o: f"v_{o}" for o in op.operands} | {s: in_call(s) for s in op.settings}
    value |= {r: f"r_{r}" for r in op.residuals}
    value |= {f"{o}_shape": f"v_{o}.shape" for o in op.operands} | {"y": "y"}
    if op.sequence:
        value[f"{op.sequence}_shape"] = f"[v.shape for v in v_{op.sequence}]"
    for name, askers in _kept(op).items():
        source = value[name]
        conditional = set(askers) < set(tracked)
        if name.endswith("_shape") and name[:-6] in op.operands and name[:-6] not in askers:
            source = f"getattr(v_{name[:-6]}, 'shape', ())"
        condition = f"if {' or '.join(f'p_{o} is not None' for o in askers)}: " if conditional else ""
        yield f"{condition}node.k_{name} = {source}"
    yield "node.shape = y.shape; node.dtype = y.dtype; node.hooks = None; node.age = tick()"


def _write_node(op: Op) -> Iterator[str]:
    kept = _kept(op)
    slots = [f"p{i}" for i in range(len(op.differentiable))] + (["rest"] if op.sequence in op.vjps else [])
    slots += [f"k_{name}" for name in kept]
    yield "class OpNode(Node):"
    yield f"    __slots__ = {tuple(slots)!r}"
    watched = tuple((f"k_{n}", n) for n in kept if n in op.operands or n == "y")
    yield f"    kept = {watched!r}"
    for tensors in (False, True):
        yield f"    def {'pull_tensors' if tensors else 'pull'}(node, g, grads, wanted, retain, fit):"
        if tensors and op.raw:
            yield "        pull_definition(node, g, grads, wanted, fit)"
        else:
            yield from ("        " + line for line in _write_pull(op, kept, tensors))
        yield "        if not retain:"
        freed = [f"node.{s}" for s in slots if s != "rest"]
        yield "            " + (" = ".join([*freed, "None"]) if freed else "pass")
        yield "            " + ("node.p0 = FREED" if op.differentiable else "node.rest = (FREED,)")
    op.namespace["Node"] = Node
    yield "OpNode.op = op"


def _write_pull(op: Op, kept: dict[str, list[str]], tensors: bool) -> Iterator[str]:
    """Call the VJPs of wanted parents, fit each gradient to its parent, add it to what came on other ways."""
    parent = {o: f"node.p{i}" for i, o in enumerate(op.differentiable)}

    def fetch(name: str) -> str:
        slot = f"node.k_{name}"
        if not tensors or name.endswith("_shape") or name in op.settings:
            return slot
        if name == op.sequence:
            return f"wrap_sequence({slot}, node.rest)"
        if name in op.residuals:
            return f"residual_of(node, '{name}')"
        return f"wrap({slot}, {'node' if name == 'y' else parent.get(name, 'None')})"

    given = {"position": "position", "wanted": "wants"}

    def arguments(o: str) -> str:
        names = arguments_of(op.vjps[o])[1:]
        return ", ".join(["g", *(given[n] if n in given else fetch(n) for n in names)])

    if op.joint:
        flat = op.differentiable
        yield f"wants = ({''.join(f'{parent[o]} in wanted, ' for o in flat)})"
        yield f"try: {', '.join(f'd_{o}' for o in flat)}, = vjp_{flat[0]}({arguments(flat[0])})"
        yield f"except Exception as error: note_vjp(error, node, {' and '.join(flat)!r}, g); raise"
        op.namespace[f"vjp_{flat[0]}"] = op.vjps[flat[0]]
    for o in op.differentiable:
        op.namespace[f"vjp_{o}"] = op.vjps[o]
        yield f"p = {parent[o]}"
        yield "if p in wanted:"
        yield "    try:"
        yield f"        d = d_{o}" if op.joint else f"        d = vjp_{o}({arguments(o)})"
        yield "        if d.shape != p.shape or d.dtype is not p.dtype: d = fit(d, p)"
        yield f"    except Exception as error: note_vjp(error, node, '{o}', g); raise"
        yield "    grads[p] = grads[p] + d if p in grads else d"
    if op.sequence in op.vjps:
        o = op.sequence
        op.namespace[f"vjp_{o}"] = op.vjps[o]
        yield "for position, p in enumerate(node.rest):"
        yield "    if p in wanted:"
        yield "        try:"
        yield f"            d = vjp_{o}({arguments(o)})"
        yield "            if d.shape != p.shape or d.dtype is not p.dtype: d = fit(d, p)"
        yield f"        except Exception as error: note_vjp(error, node, f'{o}[{{position}}]', g); raise"
        yield "        grads[p] = grads[p] + d if p in grads else d"
