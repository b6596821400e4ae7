"""`compare_gradients`: a hand-derived gradient against the engine's, and where its mistake is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._tensor import Tensor
from ..autograd import enable_grad, grad, no_grad, observing
from ..engine import backend, graph
from ..engine.graph import Node, mode
from .mistakes import CallLog, Cause, Search

Matrix = NDArray[Any]


@dataclass(eq=False)
class Entry:
    """One parameter of a `GradientReport`.

    `absolute` is the largest |hand - gradient|, `relative` that number divided by the largest |gradient|, `where` the
    index of it.  `problem` says what is wrong with the hand gradient as such (missing, another shape, not finite).
    """

    name: str
    shape: tuple[int, ...]
    absolute: float | None = None
    relative: float | None = None
    where: tuple[int, ...] | None = None
    problem: str = ""
    ok: bool = False

    def row(self) -> list[str]:
        """The cells of its line in the table."""
        numbers = ["-" if x is None else f"{x:.2e}" for x in (self.absolute, self.relative)]
        where = "-" if self.where is None or self.ok else str(list(self.where))
        verdict = "ok" if self.ok else self.problem or "wrong"
        if self.ok and self.relative is not None and self.relative > 0.1:
            verdict = "too small to tell"  # nothing but rounding, beside the gradients of the other parameters
        return [self.name, str(self.shape), *numbers, where, verdict]


@dataclass(eq=False)
class GradientReport:
    """What `compare_gradients` found: `ok`, the `entries` by parameter, the likely `causes`, and `notes`.

    `str()` is a table with the causes below it.
    """

    entries: list[Entry] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the comparison could be made and every hand gradient is right."""
        return bool(self.entries) and all(e.ok for e in self.entries)

    def __str__(self) -> str:
        rows = [["parameter", "shape", "absolute error", "relative", "at", ""], *(e.row() for e in self.entries)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)).rstrip() for row in rows]
        if not self.entries:
            lines = []
        if self.causes:
            one = len(self.causes) == 1
            change = "this change" if one else "these changes"
            lines += ["", f"likely cause{'s' * (not one)} (with {change} the backward walk gives the hand gradient):"]
            lines += [f"  {cause}" for cause in self.causes]
        return "\n".join([*lines, *([""] if lines and self.notes else []), *self.notes])

    def __repr__(self) -> str:
        return str(self)


def compare_gradients(loss_fn: Callable[..., Any], params: Any, hand: Any, *, rtol: float | None = None,
                      limit: int = 100_000) -> GradientReport:
    """Compare hand-derived gradients with the engine's, and find the mistake in those that are wrong.

    The cause is searched for by walking the graph backwards again and again, each time with one link (the derivative of
    one operation with respect to one operand) changed: left out, with the wrong sign, transposed, without its factor
    1/m, ...  What reproduces the hand gradient, of as many parameters as possible at once, is named.

    Args:
        loss_fn: returns the loss, a Tensor with one element.
        params: a sequence, called as `loss_fn(*params)`; a dict of name -> Tensor, called as `loss_fn(**params)` if
            its parameters have these names, else `loss_fn(*params.values())`, else `loss_fn(params)`; or a Module,
            called as `loss_fn()`, or `loss_fn(module)` if it has a parameter; only parameters that require grad count.
            Arrays stand for Tensors.
        hand: the gradients as a sequence, or a dict by name, of arrays; or a function that is called as `loss_fn` is,
            with arrays in the place of Tensors, and returns either (or the pair loss, gradients).
        rtol: the largest difference that counts as right, relative to the largest entry of the gradient (1e-6 for
            float64, 1e-3 for float32, 2e-2 for float16).
        limit: the search ends after so many derivatives were computed; the report says so.

    Nothing is raised: whatever is wrong with the input is in the report.

    >>> import numpy as np, tinygrad_lite as tg
    >>> x, w = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([0.1, 0.2])
    >>> def loss(w):
    ...     return (tg.tensor(x) @ w).sigmoid().mean()
    >>> def by_hand(w):
    ...     return [x.T @ np.full(2, 1 / 2)]
    >>> report = tg.testing.compare_gradients(loss, [w], by_hand)
    >>> report.ok
    False
    >>> print(report)
    parameter  shape  absolute error  relative  at
    w          (2,)   2.84e+00        4.34e+00  [1]  wrong
    <BLANKLINE>
    likely cause (with this change the backward walk gives the hand gradient):
      w: the derivative of sigmoid (node 2 of the backward walk, shape (2,)) is missing
    """
    report = GradientReport()
    try:
        _Comparison(report, loss_fn, params, hand, rtol, limit).run()
    except _Unreadable as error:
        report.notes.append(str(error))
    except Exception as error:  # noqa: BLE001  # a report never raises
        report.notes.append(f"The comparison failed: {_say(error)}")
    return report


class _Unreadable(Exception):
    """The input makes no sense; the text goes into the report."""


def _say(error: Exception) -> str:
    return " ".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])


class _Comparison:
    """One run of `compare_gradients`."""

    def __init__(self, report: GradientReport, loss_fn: Callable[..., Any], params: Any, hand: Any,
                 rtol: float | None, limit: int) -> None:
        self.report, self.loss_fn, self.hand, self.rtol, self.limit = report, loss_fn, hand, rtol, limit
        self.params = params
        self.tensors = self._named(params)

    # --- reading the input ------------------------------------------------------------------------------------------

    def _named(self, params: Any) -> dict[str, Tensor]:
        """The parameters by name, as tensors that require grad."""
        if hasattr(params, "named_parameters"):
            return {name: x for name, x in params.named_parameters() if x.node is not None}
        if isinstance(params, Mapping):
            named = {str(k): v for k, v in params.items()}
        elif isinstance(params, graph.Tensor) or not isinstance(params, Sequence):
            raise _Unreadable(f"params must be a sequence, a dict or a Module, got {type(params).__name__}")
        else:
            names = _positional(self.loss_fn)
            if names is None or len(names) < len(params):
                names = [f"params[{i}]" for i in range(len(params))]
            named = dict(zip(names, params, strict=False))
        return {name: _tracked(name, x) for name, x in named.items()}

    def _call(self, function: Callable[..., Any], values: dict[str, Any]) -> Any:
        """`function` of the parameters, in the way that fits what they were given as."""
        if hasattr(self.params, "named_parameters"):
            return function() if _binds(function) else function(self.params)
        if isinstance(self.params, Mapping):
            if _binds(function, **values):
                return function(**values)
            return function(*values.values()) if _binds(function, *values.values()) else function(values)
        return function(*values.values())

    def _read_hand(self) -> dict[str, Any]:
        """The hand gradients by name, as they were given."""
        hand = self.hand
        names = [*self.tensors]
        if callable(hand) and not isinstance(hand, Mapping):
            arrays = {name: x.array.copy() for name, x in self.tensors.items()}
            try:
                hand = self._call(hand, arrays)
            except Exception as error:
                raise _Unreadable(f"The hand derivation raised {_say(error)}") from error
            if isinstance(hand, tuple) and len(hand) == 2 and isinstance(hand[1], (Mapping, tuple, list)):
                hand = hand[1]  # (loss, gradients)
            elif hasattr(hand, "shape") and len(names) == 1:
                hand = [hand]
        if isinstance(hand, Mapping):
            given = {str(k): v for k, v in hand.items()}
            if unknown := [k for k in given if k not in self.tensors]:
                self.report.notes.append(f"The hand gradient has {unknown}, which are no parameters ({names}).")
            return given
        if isinstance(hand, (str, bytes)) or not hasattr(hand, "__iter__"):
            raise _Unreadable(f"hand must be a sequence, a dict or a function, got {type(hand).__name__}")
        items = list(hand)
        if len(items) != len(names):
            self.report.notes.append(f"There are {len(items)} hand gradients for {len(names)} parameters.")
        return dict(zip(names, items, strict=False))

    # --- the comparison ---------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Fill the report."""
        loss = self._loss()
        found = grad(loss, [*self.tensors.values()], retain_graph=True, allow_unused=True)
        self.true = {name: np.zeros(x.shape, x.dtype) if g is None else backend.to_host(g.array)
                     for (name, x), g in zip(self.tensors.items(), found, strict=True)}
        self.scale = max((float(np.max(np.abs(g), initial=0)) for g in self.true.values()), default=0.0)
        self.read: dict[str, Matrix] = {}  # what can be compared, in the shape of the parameter
        self.larger: dict[str, Matrix] = {}  # of another size
        self.report.entries = [Entry(name, tuple(g.shape)) for name, g in self.true.items()]
        try:
            given = self._read_hand()
        except _Unreadable:
            for entry in self.report.entries:
                entry.problem = "not compared"
            raise
        for entry in self.report.entries:
            if entry.name not in given or given[entry.name] is None:
                entry.problem = "missing"
            else:
                self._compare(entry, given[entry.name])
        wrong = {name for name in self.read if not self.matches(name, self.true[name])}
        if wrong or self.larger:
            self._search(wrong)

    def _loss(self) -> Any:
        try:
            with enable_grad():
                loss = self._call(self.loss_fn, self.tensors)
        except Exception as error:
            raise _Unreadable(f"loss_fn raised {_say(error)}") from error
        if not isinstance(loss, graph.Tensor) or loss.array.size != 1:
            what = f"shape {tuple(loss.array.shape)}" if isinstance(loss, graph.Tensor) else type(loss).__name__
            raise _Unreadable(f"loss_fn must return a Tensor with one element, got {what}")
        if loss.node is None:
            raise _Unreadable("The loss does not depend on any parameter (did loss_fn leave the library, or detach?)")
        return loss

    def matches(self, name: str, gradient: Matrix) -> bool:
        """Whether the hand gradient of a parameter is `gradient`."""
        hand = self.read[name]
        dtype = self.true[name].dtype
        rtol = self.rtol if self.rtol is not None else {8: 1e-6, 4: 1e-3}.get(dtype.itemsize, 2e-2)
        rounding = 8 * float(np.finfo(dtype).eps) * self.scale  # where the gradient itself is 0
        difference = np.max(np.abs(hand - gradient), initial=0)
        return bool(difference <= rtol * np.max(np.abs(gradient), initial=0) + rounding)

    def _compare(self, entry: Entry, given: Any) -> None:
        """Fill in one entry; what can be compared at all goes to `read`."""
        true = self.true[entry.name]
        try:
            raw = given.array if isinstance(given, graph.Tensor) else given
            hand = np.asarray(backend.to_host(raw) if hasattr(raw, "dtype") and hasattr(raw, "shape") else raw)
            hand = hand.astype(np.result_type(true.dtype, np.float64), casting="same_kind")
        except Exception as error:  # noqa: BLE001  # whatever it is, it is no gradient
            entry.problem = f"no array of numbers ({type(error).__name__})"
            return
        if hand.shape != true.shape:
            entry.problem = f"shape {hand.shape}"
            if hand.ndim == 2 and hand.T.shape == true.shape:
                entry.problem += ", transposed"
                hand = hand.T
            elif hand.size == true.size:
                entry.problem += ", as many elements"
                hand = hand.reshape(true.shape)
            else:
                self.larger[entry.name] = hand
                return
        if not np.all(np.isfinite(hand)):
            bad = np.argwhere(~np.isfinite(hand))
            entry.where = tuple(int(i) for i in bad[0])
            entry.problem = f"{len(bad)} of {hand.size} not finite"
            return
        self.read[entry.name] = hand
        difference = np.abs(hand - true)
        entry.absolute = float(np.max(difference, initial=0))
        largest = float(np.max(np.abs(true), initial=0))
        entry.relative = entry.absolute / largest if largest else 0.0 if entry.absolute == 0 else float("inf")
        if true.size:
            entry.where = tuple(int(i) for i in np.unravel_index(int(np.argmax(difference)), true.shape))
        entry.ok = not entry.problem and self.matches(entry.name, true)
        if not entry.ok and entry.problem and self.matches(entry.name, true):
            entry.problem += ", else right"

    # --- the cause --------------------------------------------------------------------------------------------------

    def _search(self, wrong: set[str]) -> None:
        """Evaluate the loss again, remembering all values, and look for the causes."""
        if mode.state.__class__ is not bool:
            self.report.notes.append("No cause was looked for: another observer is at work.")
            return
        log = CallLog()
        with observing(log):
            loss = self._loss()
        inputs: dict[Node, str] = {x.node: name for name, x in self.tensors.items() if x.node is not None}
        again = grad(loss, [*self.tensors.values()], retain_graph=True, allow_unused=True)
        for (name, true), g in zip(self.true.items(), again, strict=True):
            if g is not None and not np.allclose(backend.to_host(g.array), true, rtol=1e-5, atol=1e-8 * self.scale):
                self.report.notes.append(f"No cause was looked for: loss_fn is not deterministic (gradient of {name}).")
                return
        with no_grad(), np.errstate(all="ignore"):
            search = Search(loss.node, np.ones_like(loss.array), inputs, log, self.read, self.matches, self.limit)
            self.report.causes = search.unsummed(self.larger) + search.causes(wrong)
        explained = {name for cause in self.report.causes for name in cause.names}
        if open_ := [n for n in self.true if n in wrong and n not in explained]:
            self.report.notes.append(f"No single changed link of the backward walk reproduces {', '.join(open_)}.")
        if search.stopped is not None:
            done, total = search.stopped
            self.report.notes.append(f"The search ended at its limit, after {done} of {total} links; "
                                     "compare_gradients(..., limit=...) goes on.")


def _tracked(name: str, x: Any) -> Any:
    """A parameter as a tensor that requires grad."""
    if isinstance(x, graph.Tensor):
        return x if x.node is not None else Tensor(x.array).requires_grad_()
    try:
        array = np.array(x) if not hasattr(x, "dtype") else x
        if array.dtype.kind != "f":
            array = array.astype(np.float64)
        return Tensor(array).requires_grad_()
    except Exception as error:
        raise _Unreadable(f"The parameter {name} is no array of numbers ({_say(error)})") from error


def _binds(function: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
    """Whether a function can be called with these arguments."""
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return False
    return True


def _positional(function: Callable[..., Any]) -> list[str] | None:
    """The names of a function's positional parameters; None if it does not tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
