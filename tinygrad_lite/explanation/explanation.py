"""Explanation: the equations of a loss and of its gradients, in the notation of a textbook.

A reader of programs.  The recorded calls become expressions (`expression.py`), fused ops through their definition; what
a textbook would name gets a name; the rest is put into the equations where it is used.  `notation.py` prints them,
`source.py` writes them as NumPy.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator
from html import escape
from math import prod
from typing import Any, NamedTuple

import numpy as np

from .. import ops
from .._tensor import Tensor
from ..autograd import no_grad
from ..engine import graph
from ..engine.extras import require
from ..program import LiveCall, Program, named_tensors, parameter_names, record
from .derivation import Batch, Derivation, Equation, derive
from .expression import Expr, UnknownSizeError, agree
from .notation import AXES, SUBSCRIPTS, symbol, tex, to_mathml, to_unicode
from .source import write_source


def explain(f: Callable[..., Any], *args: Any, names: Any = None) -> Explanation:
    """The equations of the loss `f(*args)` and of its gradients, as they ran.

    f runs once, and once more with every example twice: what doubles is the batch size m.  Symbols are the parameters
    of f and those of `names`: a dict symbol -> tensor, or a Module, whose weights and biases become W1, b1, W2, b2, ...
    by layer.  Everything else gets the usual letters: W and b for weights and biases, z for what goes into an
    activation and a for what comes out, L for the loss.

    Raises TypeError if f does not return a Tensor, and ValueError if that is not a scalar, does not depend on a tensor
    that requires grad, or f writes in place.

    >>> import tinygrad_lite as tg
    >>> X, y = tg.tensor([[0.5, -1.0], [2.0, 1.0]]), tg.tensor([[1.0], [0.0]])
    >>> W, b = tg.tensor([[0.1, 0.2]], requires_grad=True), tg.tensor([0.3], requires_grad=True)
    >>> print(explain(lambda X, y: ((X @ W.T + b - y) ** 2).mean(), X, y, names={"W": W, "b": b}))
    X (m, 2), y (m, 1), W (1, 2), b (1);  m = 2 examples
    <BLANKLINE>
    forward
      z1     = X Wᵀ + b          (m, 1)
      L      = 1/m Σ (z1 − y)²   ()
    <BLANKLINE>
    backward
      ∂L/∂z1 = 2 (z1 − y)/m      (m, 1)
      ∂L/∂b  = Σᵢ ∂L/∂z1         (1)
      ∂L/∂W  = (∂L/∂z1)ᵀ X       (1, 2)
    <BLANKLINE>
    Σᵢ is the sum over axis 0, the examples.
    """
    named = symbols_of(names)
    _check_symbols([*parameter_names(f, len(args)), *named])
    program = record(f, args, named, merged=True)
    _check(program)
    for again, reordered, batch in _doubled(f, args, named):
        try:
            with warnings.catch_warnings():  # these arguments are ours
                warnings.simplefilter("ignore")
                twice = record(f, again, named, merged=True)
            if not _depends_on_order(f, reordered, twice):
                return Explanation(derive([program, twice], named, batch))
        except (ArithmeticError, IndexError, RuntimeError, TypeError, ValueError, UnknownSizeError):
            continue  # more examples do not fit, or do something else
    return Explanation(derive([program], named, None))


def symbols_of(names: Any) -> dict[str, Tensor]:
    """`names` as symbol -> tensor: a dict as it is, the parameters of a Module as W1, b1, W2, ... by layer."""
    pairs = list(named_tensors(names))
    if isinstance(names, dict) or names is None:
        return dict(pairs)
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name, _ in pairs))
    lasts = [name.rpartition(".")[2] for name, _ in pairs]
    symbols: dict[str, Tensor] = {}
    for name, tensor in pairs:
        layer, _, last = name.rpartition(".")
        number = layers.index(layer) + 1
        kind = next((k for k in ("weight", "bias") if k in last.split("_")), last)
        letter = {"weight": "W", "bias": "b"}.get(kind, kind)
        rest = "_".join(part for part in last.split("_") if part != kind)
        if not rest:
            symbols[f"{letter}{number}"] = tensor
        else:  # weight_ih_l0 is W_ih_l0, where there is one
            symbols[f"{letter}_{rest}" + (f"_{number}" if lasts.count(last) > 1 else "")] = tensor
    return symbols


def _check_symbols(names: list[str]) -> None:
    printed: dict[str, str] = {}
    for name in names:
        if not name.isidentifier():
            raise ValueError(f"names: {name!r} is no symbol; it must be a Python name, such as W1 or b_hidden")
        before = printed.setdefault(to_unicode(symbol(name)), name)
        if before != name:
            raise ValueError(f"names: {before!r} and {name!r} look the same in print; rename one")


def _check(program: Program) -> None:
    if prod(program.result.shape) != 1:
        raise ValueError(f"explain: f must return a scalar loss, got shape {program.result.shape}; reduce it with "
                         f".sum() or .mean()")
    if not program.gradients:
        raise ValueError("explain: the loss depends on no tensor that requires grad; call requires_grad_() on the "
                         "parameters, outside f")
    if written := [c.op.name for c in program.op_calls() if c.op.writes]:
        raise ValueError(f"explain: f writes in place ({written[0]}), which no equation can say; compute a new tensor "
                         f"instead (x = x + 1, torch-like where(...), cat(...))")


def _depends_on_order(f: Callable[..., Any], reordered: tuple[Any, ...], program: Program) -> bool:
    """Whether the order of the examples matters: then something that belongs to them, such as the targets, is no
    argument of f, and the loss is not one of any number of examples.  Random draws tell nothing."""
    if any(isinstance(c, LiveCall) for c in program.calls):
        return False
    with no_grad():
        return not agree(f(*reordered).array, program.result.array)


def _doubled(f: Callable[..., Any], args: tuple[Any, ...],
             named: dict[str, Tensor]) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...], Batch]]:
    """The arguments with every example twice, and the same in another order, for each axis along which the examples
    may lie."""
    names = parameter_names(f, len(args))
    arrays = {i: x.array if isinstance(x, graph.Tensor) else x for i, x in enumerate(args)
              if getattr(x, "shape", ()) and not getattr(x, "requires_grad", False)}
    if not arrays or "m" in (*names, *named):
        return
    first, example = next(iter(arrays.items()))
    for axis in (0, -1)[: example.ndim]:
        size = example.shape[axis]
        again, reordered = list(args), list(args)
        for i, array in arrays.items():
            if array.shape[axis] == size:
                for made, twice in ((again, np.repeat(array, 2, axis)),
                                    (reordered, np.concatenate([array, array], axis))):
                    made[i] = Tensor(twice) if isinstance(args[i], graph.Tensor) else twice
        if size:
            yield tuple(again), tuple(reordered), Batch(names[first], axis, size)


class Explanation:
    """The equations of a loss and its gradients: text with `str()`, TeX and MathML in notebooks, NumPy with `code()`.

    `derivation` has the equations themselves, in the order in which they are computed.
    """

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation

    def code(self) -> str:
        """The source of `loss_and_grads(*, ...) -> (loss, {symbol: gradient})`: the same equations in plain NumPy.

        It takes the arrays by symbol and works for other batch sizes where a batch size m is shown.
        Raises ValueError, naming the op, where the source of an op's function cannot be found or cannot stand alone.
        """
        shapes = {name: self._shape(e) for name, e in self.derivation.inputs.items()}
        return write_source(self.derivation, shapes, self._facts())

    def _shape(self, e: Expr) -> str:
        """The shape, with m for what is the batch size."""
        batch = self.derivation.batch
        sizes = []
        for n, *again in zip(*map(np.shape, e.values), strict=True):
            multiple = n // batch.size if batch and again != [n] else 0
            sizes.append(str(n) if not multiple else "m" if multiple == 1 else f"{multiple}m")
        return f"({', '.join(sizes)})"

    def _parts(self) -> list[tuple[str, list[tuple[str, str, str]]]]:
        """Both passes: a title, and left side, right side (in TeX) and shape of each equation."""
        d = self.derivation
        parts: dict[str, list[tuple[str, str, str]]] = {"forward": [], "backward": []}
        for q in d.equations:
            right, _ = tex(q.expr, d.names, d.loss, top=d.names.get(q.expr) == q.name)
            parts["backward" if q.backward else "forward"].append((symbol(q.name, d.loss), right, self._shape(q.expr)))
        return [*parts.items()]

    def _notes(self) -> list[str]:
        """What is given, and what the equations leave unsaid."""
        d = self.derivation
        given = [f"{to_unicode(symbol(name))} {self._shape(e)}" for name, e in d.inputs.items()]
        if d.batch:
            given[-1] += f";  m = {d.batch.size} example{'s' if d.batch.size != 1 else ''}"
        notes = [_lines(given, ", ")]
        formulas = " ".join(right for _, rows in self._parts() for _, right, _ in rows)
        notes += self._convolutions()
        for i, c in enumerate(AXES):
            examples = ", the examples" if d.batch and d.batch.axis == i else ""
            if re.search(rf"\\sum_{{[^}}]*{c}", formulas):
                notes.append(f"Σ{c.translate(SUBSCRIPTS)} is the sum over axis {i}{examples}.")
            elif re.search(rf"_{{[{AXES},]*{c}[{AXES},]*}}", formulas):
                notes.append(f"{c} counts along axis {i}{examples}.")
        arranged = {"flat": "flat(x) is x with all axes but the first as one",
                    "rows": "rows(x) is x with all axes but the last as one",
                    "rearrange": "rearrange(x) only moves the elements of x"}
        notes += [f"{said}." for word, said in arranged.items() if rf"\operatorname{{{word}}}(" in formulas]
        notes += self._places()
        notes += [f"{name} is also used as a constant (detached); that use adds nothing to the gradients."
                  for name in d.detached]
        notes += [f"{name} sums to 1 in each example; this is used." for name in d.summing_to_one]
        if d.occurring:
            notes.append(f"{', '.join(self._facts())} everywhere; this is used.")
        return [notes[0], *(_lines(note.split(" "), " ") for note in notes[1:])]

    def _facts(self) -> list[str]:
        """The conditions that are used."""
        d = self.derivation
        return [to_unicode(tex(e, d.names, d.loss)[0]).strip("[]") for e in d.occurring]

    def _convolutions(self) -> Iterator[str]:
        """What the signs of convolutions mean, where there are some."""
        used: dict[Any, list[str]] = {}
        for q in self.derivation.equations:
            for e in self._written(q):
                if e.op in CONVOLUTIONS:
                    stride, padding, dilation, groups = e.settings[0][1:5]
                    said = [f"{word} {_each(n)}" for word, n, usual in (
                        ("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1)) if {*n} != {usual}]
                    said += [f"{groups} groups of channels"] if groups != 1 else []
                    used.setdefault(", ".join(said), []).append(to_unicode(symbol(q.name, self.derivation.loss)))
        if not used:
            return
        plain = "" in used and len(used) == 1
        place = "p + j" if plain else "stride·p + dilation·j − padding"
        yield f"Convolution: (X ∗ W)[n, o, p] is the sum over c and j of W[o, c, j] X[n, c, {place}]."
        yield ("X ⋆ G and G ∗ᵀ W are what the sum of G ⊙ (X ∗ W) has for gradients with respect to W and X.")
        for said, names in used.items():
            if said:
                yield f"{', '.join(dict.fromkeys(names))}: {said}."

    def _places(self) -> Iterator[str]:
        """Along which axis vectors lie that are not simply aligned with the last one."""
        found: dict[int, list[str]] = {}
        names = self.derivation.names
        for q in self.derivation.equations:
            for e in self._written(q):
                if e.op is ops.reshape.op and e.args[0] in names and len(e.args[0].shape) == 1:
                    wide = [d for d, n in enumerate(np.shape(e.values[-1])) if n != 1]
                    if len(wide) == 1 and wide[0] != len(e.shape) - 1:
                        axis = wide[0] + max(len(q.expr.shape) - len(e.shape), 0)
                        found.setdefault(axis, []).append(names[e.args[0]])
        for axis, vectors in found.items():
            vectors = list(dict.fromkeys(vectors))
            yield f"{', '.join(vectors)} {'lies' if len(vectors) == 1 else 'lie'} along axis {axis}."

    def _written(self, q: Equation) -> Iterator[Expr]:
        """The parts of an equation down to the symbols."""
        names = self.derivation.names
        stack = [q.expr]
        while stack:
            e = stack.pop()
            if e not in names or (e is q.expr and names[e] == q.name):
                yield e
                stack += e.children()

    def __str__(self) -> str:
        parts = [(title, [(to_unicode(left), to_unicode(right), shape) for left, right, shape in rows])
                 for title, rows in self._parts()]
        before, after = (max(len(row[i]) for _, rows in parts for row in rows) for i in (0, 1))
        given, *notes = self._notes()
        passes = []
        for title, rows in parts:
            lines = [f"  {left:<{before}} = {right:<{min(after, 72)}}   {shape}" for left, right, shape in rows]
            passes.append("\n".join([title, *lines]))
        return "\n\n".join([given, *passes, *(["\n".join(notes)] if notes else [])])

    __repr__ = __str__

    def latex(self) -> str:
        """The equations as an `aligned` block of TeX, for KaTeX, MathJax and amsmath."""
        rows = [rf"{left} &= {right} && {shape}" for _, part in self._parts() for left, right, shape in part]
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex()}\n$$"

    def _repr_html_(self) -> str:
        rows = ""
        for title, part in self._parts():
            rows += f'<tr><th colspan="4" style="text-align:left">{title}</th></tr>'
            for left, right, shape in part:
                cells = [("right", _math(left)), ("center", _math("=")), ("left", _math(right)),
                         ("left", f"<small>{escape(shape)}</small>")]
                rows += f"<tr>{''.join(f'<td style={chr(34)}text-align:{a}{chr(34)}>{c}</td>' for a, c in cells)}</tr>"
        notes = "".join(f"<p>{escape(note)}</p>" for note in self._notes())
        return f"<div><table>{rows}</table>{notes}</div>"

    def save_picture(self, path: str | os.PathLike[str]) -> None:
        """Write the equations as a picture (PNG, SVG or PDF, after the name of the file).

        Raises ImportError, naming the command to run, where matplotlib is missing.
        """
        agg, figures, fonts = (require(f"matplotlib.{name}", "plots") for name in (
            "backends.backend_agg", "figure", "font_manager"))
        canvas = agg.FigureCanvasAgg(figures.Figure(dpi=150))
        _draw(canvas, fonts.FontProperties, self._parts(), self._notes())
        canvas.figure.savefig(path, facecolor="white")


def _lines(parts: list[str], between: str, width: int = 110) -> str:
    """The parts joined, on as many lines as they need."""
    lines = parts[:1]
    for part in parts[1:]:
        if len(lines[-1]) + len(between) + len(part) > width:
            lines[-1] += between.rstrip()
            lines.append(f"  {part}")
        else:
            lines[-1] += between + part
    return "\n".join(lines)


CONVOLUTIONS = {f.op for f in (ops.conv, ops.conv_transpose, ops.conv_weight)}


def _each(numbers: tuple[int, ...]) -> str:
    """One number for all axes, or one for each."""
    return str(numbers[0]) if len({*numbers}) == 1 else " × ".join(map(str, numbers))


def _math(source: str) -> str:
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML" displaystyle="true">{to_mathml(source)}</math>'


MATPLOTLIB = {r"\frac": r"\dfrac", r"\ge": r"\geq", r"\le": r"\leq", r"\ne": r"\neq", r"\lVert": r"\Vert",
              r"\rVert": r"\Vert", r"\bmod": r"\;\mathrm{mod}\;"}
"""How matplotlib calls what TeX has under another name."""


class _Cell(NamedTuple):
    """A text on the picture, its style, and how far it reaches to the right, up and down, in inches."""

    text: str
    style: dict[str, Any]
    right: float
    up: float
    down: float


def _draw(canvas: Any, font: Any, parts: list[tuple[str, list[tuple[str, str, str]]]], notes: list[str]) -> None:
    """Put the equations on the figure, aligned at their equals signs, and make it just as large as they are."""
    renderer, figure = canvas.get_renderer(), canvas.figure
    title = {"color": "#1f5fa8", "fontproperties": font(size=13, weight="bold")}
    formula = {"color": "black", "fontproperties": font(size=14, math_fontfamily="cm")}
    grey = {"color": "#6b7280", "fontproperties": font(size=10)}

    def cell(text: str, style: dict[str, Any]) -> _Cell:
        width, height, below = renderer.get_text_width_height_descent(text, style["fontproperties"], text[0] == "$")
        return _Cell(text, style, width / figure.dpi, (height - below) / figure.dpi, below / figure.dpi)

    rows = [[cell(line, grey)] for line in notes[0].splitlines()]
    for name, equations in parts:
        rows.append([cell(name, title)])
        for left, right, shape in equations:
            left, right = (re.sub(r"\\[a-zA-Z]+", lambda m: MATPLOTLIB.get(m[0], m[0]), side) for side in (left, right))
            rows.append([cell(f"${left}$", formula), cell(f"$=\\;{right}$", formula), cell(shape, grey)])
    rows += [[cell(line, grey)] for note in notes[1:] for line in note.splitlines()]
    edge, gap = 0.3, 0.13
    widths = [max(row[i].right for row in rows if len(row) == 3) for i in range(3)]
    columns = (edge + widths[0], edge + widths[0] + gap, edge + sum(widths[:2]) + 4 * gap)
    width = max(columns[2] + widths[2], *(edge + row[0].right for row in rows)) + edge
    above, below = [max(c.up for c in row) for row in rows], [max(c.down for c in row) for row in rows]
    before = [2 * gap if row[0].style is title else gap for row in rows]
    height = sum(above) + sum(below) + sum(before) + 2 * edge - gap
    figure.set_size_inches(width, height)
    y = height - edge + gap
    for i, row in enumerate(rows):
        y -= before[i] + above[i]
        for j, (text, style, _, _, _) in enumerate(row):
            x = columns[j] if len(row) == 3 else edge
            figure.text(x / width, y / height, text, ha="right" if len(row) == 3 and j == 0 else "left",
                        va="baseline", **style)
        y -= below[i]
