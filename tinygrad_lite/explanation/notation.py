"""Notation: expressions as TeX, and TeX as Unicode and MathML.

The one template that each op has is a format string of TeX over its operands and settings.  Where an operand needs
parentheses follows from the template: from what stands around its place there, and from how loosely the operand's own
template binds.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from fractions import Fraction
from html import escape
from string import Formatter
from typing import Any, Literal

import numpy as np

from .. import ops
from ..engine.operation import Op
from .expression import Expr, Scale, parts_of

# How tightly a formula binds.  SUM: a + b; PREFIX: Σ a, which reaches as far as it can to its right; PRODUCT: a b;
# POWER: a², and a fraction.
NOTHING, SUM, PREFIX, PRODUCT, POWER, ATOM = range(6)

GREEK = dict(zip("αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ", (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
    "omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega").split(), strict=True))
SYMBOLS = {rf"\{name}": letter for letter, name in GREEK.items()} | {
    r"\cdot": "·", r"\to": "→", r"\vee": "∨", r"\neg": "¬", r"\_": "_", r"\times": "×", "-": "−",
    r"\ast": "∗", r"\star": "⋆", r"\odot": "⊙", r"\sum": "Σ", r"\partial": "∂", r"\top": "ᵀ", r"\ne": "≠",
    r"\le": "≤", r"\ge": "≥", r"\wedge": "∧",
    r"\prod": "Π", r"\oplus": "⊕", r"\approx": "≈", r"\infty": "∞", r"\bmod": "mod", r"\lVert": "‖", r"\rVert": "‖",
    r"\lfloor": "⌊", r"\rfloor": "⌋", r"\lceil": "⌈", r"\rceil": "⌉", r"\{": "{", r"\}": "}"}
BINARY = set("+−=⊙·<>≠≤≥≈∧∨⊕×∗⋆")
SUPERSCRIPTS = str.maketrans("0123456789−T", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵀ")
SUBSCRIPTS = str.maketrans("ijkln,0123456789", "ᵢⱼₖₗₙ ₀₁₂₃₄₅₆₇₈₉")
AXES = "ijkln"


# --- expression to TeX ------------------------------------------------------------------------------------------------


def symbol(name: str, loss: str = "L") -> str:
    r"""A name in TeX: its digits and what follows an underscore are its index; ∂ stands for "gradient with respect to".

    >>> symbol("W1"), symbol("∂b2")
    ('W_{1}', '\\frac{\\partial{L}}{\\partial{b_{2}}}')
    """
    if name.startswith("∂"):
        return rf"\frac{{\partial{{{symbol(loss)}}}}}{{\partial{{{symbol(name[1:])}}}}}"
    stem, index = re.fullmatch(r"(.*?)_?(\d*)", name).groups()  # type: ignore[union-attr]
    stem, _, word = stem.partition("_") if stem.strip("_") else (stem.replace("_", r"\_"), "", "")
    word = r"\_".join(filter(None, word.split("_")))
    greek = GREEK.get(stem, stem)
    body = rf"\{greek}" if greek in GREEK.values() else stem if len(stem) == 1 else rf"\mathit{{{stem}}}"
    below = ",".join(filter(None, [rf"\mathrm{{{word}}}" if word else "", index]))
    return f"{body}_{{{below}}}" if below else body


def number(scale: Scale) -> tuple[str, int]:
    """A number, perhaps times a power of the batch size, and how tightly it binds."""
    if scale[0] < 0:
        return f"-{number((-scale[0], scale[1]))[0]}", SUM
    if (root := _root(scale[0])) is not None:
        m = ["" if not n else "m" if n == 1 else f"m^{{{n}}}" for n in (max(scale[1], 0), max(-scale[1], 0))]
        above, below = (" ".join(filter(None, parts)) for parts in zip(root, m, strict=True))
        return (rf"\frac{{{above or 1}}}{{{below}}}", POWER) if below else (above, PRODUCT if " " in above else ATOM)
    simple = scale[0].limit_denominator(64)
    if scale[0].denominator > 10**6 and float(simple) == float(scale[0]):  # 1.1111111111111112 is 10/9
        scale = simple, scale[1]
    above, below = (_integer(*part) for part in parts_of(scale))
    return (above, ATOM) if below == "1" else (rf"\frac{{{above}}}{{{below}}}", POWER)


ROOTS = [*((math.sqrt(k), rf"\sqrt{{{k}}}", "", k) for k in (2, 3, 5, 6, 7, 10)),
         (math.sqrt(2 / math.pi), r"\sqrt{\frac{2}{\pi}}", "", 0),
         (1 / math.sqrt(2 * math.pi), "", r"\sqrt{2\pi}", 0),
         (math.sqrt(math.pi), r"\sqrt{\pi}", "", 0), (1 / math.sqrt(math.pi), "", r"\sqrt{\pi}", 0)]
"""Roots that formulas have: value, TeX above and below a line, and what is under the root."""


def _root(q: Fraction) -> tuple[str, str] | None:
    """A float as a fraction or a decimal times a root, if it is one to the last bits, as numerator and denominator:
    1/√2, 0.044715 √(2/π).

    A float that has nothing to do with a root is taken for one with a probability below 10⁻⁸: some 10⁶ such numbers lie
    in each decade, and the tolerance is 10⁻¹⁵.
    """
    if q.denominator < 10**9:  # short decimals and fractions are written as such
        return None
    found = []
    for place, (value, above, below, k) in enumerate(ROOTS):
        rest = float(q) / value
        f, decimal = Fraction(rest).limit_denominator(64), Fraction(f"{rest:.6g}")
        if f and abs(rest / float(f) - 1) < 8e-16:
            top, bottom = str(f.numerator), str(f.denominator)
            if k and f.denominator % k == 0:  # √k / k = 1/√k
                above, below, bottom = "", above, str(f.denominator // k)
        elif decimal and abs(rest / float(decimal) - 1) < 8e-16:
            top, bottom = f"{float(decimal):.6g}", ""
        else:
            continue
        written = [" ".join(t for t in parts if t not in ("", "1")) for parts in ((top, above), (bottom, below))]
        digits = 9 if "." in top else len((top + bottom).replace("1", ""))  # as few as possible
        found.append((digits, place, written[0], written[1]))
    return min(found)[2:] if found else None


def _over(scale: Scale) -> str:
    """The denominator of a number that is 1 over something with a root, else ""."""
    text = number(scale)[0]
    return text[len(r"\frac{1}{") : -1] if text.startswith(r"\frac{1}{") and r"\sqrt" in text else ""


def _integer(q: Fraction, power: int) -> str:
    m = "" if not power else "m" if power == 1 else f"m^{{{power}}}"
    digits, _, exponent = (str(q.numerator) if q.denominator == 1 else f"{float(q):.6g}").partition("e")
    if exponent:
        digits = rf"{'' if digits == '1' else digits + ' ' + chr(92) + 'cdot '}10^{{{int(exponent)}}}"
    return m if m and digits == "1" else digits + m


def tex(e: Expr, names: dict[Expr, str], loss: str = "L", *, top: bool = False) -> tuple[str, int]:
    """An expression in TeX, and how tightly it binds; with `top` it is spelled out even if it has a name."""
    if e in names and not top:
        return symbol(names[e], loss), POWER if names[e].startswith("∂") else ATOM
    if e.number is not None:
        return number(e.number)
    if e.op is None:  # an infinite number
        return (r"\infty", ATOM) if e.values[0] > 0 else (r"-\infty", SUM)
    template, level, needs = _template(e.op)
    args = e.args
    if e.op is ops.mul.op and any(map(_is_number, args)):  # the number stands in front
        if e.args[0].number is not None and (over := _over(e.args[0].number)):
            above, level = tex(e.args[1], names, loss)
            return (rf"\frac{{{above}}}{{{over}}}", POWER) if level != PREFIX else (
                rf"\frac{{1}}{{{over}}} \, {above}", PRODUCT)
        args = args if _is_number(args[0]) else args[::-1]
        template, level, needs = _SCALED if not _is_number(args[1]) else _OF_NUMBERS
    elif e.op is ops.sum.op and setting("dim", e.setting("dim"), e):
        needs = {"input": POWER}  # how far the sum of some axes reaches is shown

    def operand(x: Any, name: str) -> tuple[str, int]:
        if isinstance(x, tuple):
            return ", ".join(operand(v, name)[0] for v in x), NOTHING if len(x) > 1 else ATOM
        if x is None:
            return "", ATOM
        text, binds = tex(x, names, loss)
        need = needs.get(name, NOTHING)
        mixed = (need in (PREFIX, PRODUCT) and binds == level == PRODUCT and template is not _SCALED[0]
                 and (_factor(x).op is not e.op or (_factor(x) is not x and need == PREFIX)))
        return (rf"\left({text}\right)", ATOM) if binds < need or mixed else (text, binds)

    given = {n: operand(x, n) for n, x in zip(e.op.operands, args, strict=True)}
    fields: dict[str, str] = {n: text for n, (text, _) in given.items()}
    fields |= {n: setting(n, s, e) for n, s in zip(e.op.settings, e.settings[0], strict=True)}
    if e.op in MOVING:
        if (word := _rearrangement(e, names)) is not None:
            while word == "rearrange" and e.args[0] not in names and e.args[0].op in MOVING:
                e = e.args[0]
            inside, binds = operand(e.args[0], "input")
            return (rf"\operatorname{{{word}}}({inside})", ATOM) if word else (inside, binds)
    elif template == "{input}":  # nothing to see: a change of dtype or device
        return given["input"]
    return template.format(**fields).replace("_{}", ""), level


MOVING = {f.op for f in (ops.reshape, ops.permute, ops.transpose)}


def _rearrangement(e: Expr, names: dict[Expr, str]) -> str | None:
    """How to call what only moves elements: flat (all axes but the first are one), rows (all but the last), swap (of
    two axes), reshape, permute; rearrange for what follows one of these; "" where only axes of size 1 come or go; None
    for the transpose of matrices, which has a notation."""
    x: Expr = e.args[0]
    if e.op is ops.transpose.op and {d % len(e.shape) for d in e.settings[0]} == {len(e.shape) - 2, len(e.shape) - 1}:
        return None
    before, after = np.shape(x.values[-1]), np.shape(e.values[-1])
    if e.op is ops.reshape.op:
        if [n for n in before if n != 1] == [n for n in after if n != 1]:
            return ""
        word = "reshape"
        if len(after) == 2 < len(before):
            word = "flat" if after[0] == before[0] else "rows" if after[1] == before[-1] else word
    else:
        order = [*range(len(before))]
        if e.op is ops.permute.op:
            order = [d % len(before) for d in e.setting("dims")]
        else:
            i, j = (d % len(before) for d in e.settings[0])
            order[i], order[j] = j, i
        wide = [d for d in order if before[d] != 1]
        if wide == sorted(wide):
            return ""
        word = "swap" if e.op is ops.transpose.op else "permute"
    moved = x not in names and x.op in MOVING and _rearrangement(x, names)
    return "rearrange" if moved else word


def _factor(e: Expr) -> Expr:
    """What a number stands in front of; else the expression itself."""
    scaled = e.op is ops.mul.op and e.args[0].number is not None
    return e.args[1] if scaled else e


def _is_number(e: Expr) -> bool:
    return e.number is not None or (e.op is ops.expand.op and e.args[0].number is not None)


_SCALED = (r"{input} \, {other}", PRODUCT, {"input": PREFIX, "other": PREFIX})
_OF_NUMBERS = (r"{input} \cdot {other}", PRODUCT, {"input": PREFIX, "other": PREFIX})


def setting(name: str, value: Any, e: Expr) -> str:
    """A setting in TeX; axes are the letters i, j, k of the indices along them, all axes are no letter."""
    if name in ("dim", "dims"):
        axes = (value,) if isinstance(value, int) else tuple(value or ())
        ndim = len(next(e.children()).shape)
        if not ndim or len(axes) in (0, ndim):
            return ""
        return ",".join(AXES[a % ndim] for a in axes if a % ndim < len(AXES))
    if name == "equation":
        return str(value).replace("->", r" \to ")
    if name == "key":
        parts = [*value] if isinstance(value, tuple) else [value]
        if Ellipsis in parts:
            whole = e.shape if e.op is ops.slice_backward.op else next(e.children()).shape
            i, taken = parts.index(Ellipsis), sum(p is not None and p is not Ellipsis for p in parts)
            parts[i : i + 1] = [slice(None)] * (len(whole) - taken) if parts[i + 1 :] else []
        return ", ".join(_slice(p) for p in parts)
    if type(value) is float and value.is_integer():
        value = int(value)
    return str(value).replace("_", r"\_")


def _slice(part: Any) -> str:
    if not isinstance(part, slice):
        return str(part)
    numbers = (part.start, part.stop, *([part.step] if part.step else []))
    return ":".join("" if n is None else str(n) if n >= 0 else f"{{{n}}}" for n in numbers)


@functools.cache
def _template(op: Op) -> tuple[str, int, dict[str, int]]:
    """The template of an op, how tightly it binds, and how tightly each operand must bind to go without parentheses."""
    template = op.tex
    if template is None:
        inside = ", ".join(f"{{{o}}}" for o in op.operands)
        template = rf"\operatorname{{{{{op.name.replace('_', chr(92) + '_')}}}}}({inside})"
    pieces = list(Formatter().parse(template))
    outside, open_at = "", []  # what stands outside all brackets, fields as □; the depth of each field
    depth = 0
    for literal, field, _, _ in pieces:
        for c in re.findall(r"\\[a-zA-Z]+|\\.|.", literal):
            depth -= c in "}])"
            outside += c if not depth or c == "\\" else ""
            depth += c in "{[("
        open_at.append(depth)
        outside += "□" if field is not None and not depth else ""
    prefix = re.match(r"\\(sum|prod|log|sin|cos|tan|max|min|arg|exp)", outside)
    level = (SUM if re.search(r"[+-]", outside) else NOTHING if re.search(r"\\(wedge|vee|neg)", outside)
             else PREFIX if prefix and "□" in outside else PRODUCT if outside.count("□") > 1
             else POWER if "^" in outside or r"\frac" in outside else ATOM)
    needs: dict[str, int] = {}
    seen = 0
    for i, (literal, field, _, _) in enumerate(pieces):
        if field is None or open_at[i]:
            continue
        seen += 1
        after = pieces[i + 1][0] if i + 1 < len(pieces) else ""
        last = seen == outside.count("□")
        needs[field] = (
            ATOM if after.startswith(("^", "[")) else
            PREFIX if level == SUM and "-" in literal else
            SUM if level in (NOTHING, SUM) else
            (PREFIX if prefix and prefix[1] in ("sum", "prod") else POWER) if level == PREFIX else
            PREFIX if level == PRODUCT and last else PRODUCT if level == PRODUCT else NOTHING)
    return template, level, needs


# --- TeX to Unicode and MathML ----------------------------------------------------------------------------------------

Kind = Literal["row", "text", "letter", "number", "operator", "space", "frac", "sup", "sub", "sqrt"]
Node = tuple[Kind, Any]
TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\s+|\d+(?:\.\d+)?(?:e[+-]?\d+)?|.", re.DOTALL)


def parse(source: str) -> Node:
    """The tree of the TeX that templates use: fractions, indices, exponents, roots, operator names and symbols."""
    tokens: list[str] = TOKEN.findall(source)
    tokens.reverse()

    def row(end: str = "") -> Node:
        items: list[Node] = []
        while tokens and tokens[-1] != end:
            token = tokens.pop()
            if token in "^_":
                kind: Kind = "sup" if token == "^" else "sub"
                items.append((kind, (items.pop() if items else ("row", []), argument())))
            else:
                items.append(one(token))
        if tokens:
            tokens.pop()
        return ("row", items)

    def argument() -> Node:
        token = tokens.pop()
        return row("}") if token == "{" else one(token)

    def one(token: str) -> Node:
        if token == "{":
            return row("}")
        if token.isspace() or token == r"\,":
            return ("space", " ")
        if token in (r"\left", r"\right"):
            return ("operator", tokens.pop())
        if token == r"\frac":
            return ("frac", (argument(), argument()))
        if token == r"\sqrt":
            return ("sqrt", argument())
        if token in (r"\operatorname", r"\mathit", r"\mathrm", r"\text"):
            tokens.pop()
            word = ""
            while (c := tokens.pop()) != "}":
                word += SYMBOLS.get(c, c)
            return ("text" if token != r"\mathit" else "letter", word)
        text = SYMBOLS.get(token, token.removeprefix("\\"))
        return ("number" if token[0].isdigit() else "text" if token[0] == "\\" and len(text) > 1 else
                "letter" if text.isalpha() and text not in "ΣΠᵀ" else "operator", text)

    return row()


def to_unicode(source: str) -> str:
    r"""TeX as a line of Unicode.

    >>> to_unicode(r"\frac{\partial{L}}{\partial{W_{1}}} = \left(a_{1} - y\right)^\top X")
    '∂L/∂W1 = (a1 − y)ᵀ X'
    >>> to_unicode(r"\lVert{x}\rVert_{2} + \prod_{j} \operatorname{Var}_{i,j}(x) \bmod 2")
    '‖x‖₂ + Πⱼ Varᵢ ⱼ(x) mod 2'
    """
    return re.sub(r" +", " ", _unicode(parse(source))).strip()


def _unicode(node: Node) -> str:
    kind, content = node
    if kind == "row":
        return "".join(_in_row(content))
    if kind == "frac":
        above, below = (_unicode(part).strip() for part in content)
        return f"{_fenced(above, ' [+−] |Σ|log|^−')}/{_fenced(below, '[ /]|.m')}"
    if kind == "sup":
        base, exponent = (_unicode(part).strip() for part in content)
        short = exponent.translate(SUPERSCRIPTS)
        return base + (short if re.fullmatch("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵀ]+", short) else f"^{_fenced(exponent, '..')}")
    if kind == "sub":
        base, index = (_unicode(part).strip() for part in content)
        if base in ("Σ", "Π", "max", "min", "arg max", "arg min"):
            return base + index.translate(SUBSCRIPTS) + " "
        if index[-1:].isdigit() and not index[-3:-1].isdigit():
            index = index.replace(", ", "")  # b_hidden2
        if base == "‖" or (len(base) > 1 and {*index} <= {*AXES, *", "}):  # a norm, or a function along these axes
            return base + index.translate(SUBSCRIPTS)
        return base + ("" if index[:1].isdigit() else "_") + index
    if kind == "sqrt":
        under = _unicode(content).strip()
        return f"√{under}" if re.fullmatch(r"\w|\d+", under) else f"√({under})"
    return str(content)


def _in_row(items: list[Node]) -> Iterator[str]:
    operand = product = False  # does an operand stand before; was it a factor (then a fraction is fenced)
    for kind, content in items:
        text = _unicode((kind, content))
        if kind in ("operator", "sup") and text[0] in BINARY:
            unary = text == "−" and not operand
            yield text if unary else f" {text} "
            operand, product = False, text[0] in "⊙∗⋆"
        elif kind == "operator" and content in "([,⌊⌈":
            yield text + (" " if content == "," else "")
            operand = product = False
        elif text.strip():
            yield f"({text})" if kind == "frac" and product and not text.startswith("∂") else text
            operand = product = True
            if text in ("Σ", "Π") or kind == "text":
                yield " " if text in ("Σ", "Π", "log", "sin", "cos", "tan") else ""
        else:
            yield text


def _fenced(text: str, compound: str) -> str:
    """Parentheses around what has something compound in it; what stands in parentheses already does not count."""
    outside = text
    while (inner := re.sub(r"\([^()]*\)|\[[^][]*\]", "□", outside)) != outside:
        outside = inner
    return f"({text})" if re.search(compound, outside) and not re.fullmatch("∂[^ ]*", text) else text


def to_mathml(source: str) -> str:
    """TeX as presentation MathML, to be put into a `<math>` element."""
    return _mathml(parse(source))


def _mathml(node: Node) -> str:
    kind, content = node
    if kind == "row":
        return f"<mrow>{''.join(map(_mathml, content))}</mrow>"
    if kind == "sqrt":
        return f"<msqrt>{_mathml(content)}</msqrt>"
    if kind in ("frac", "sup", "sub"):
        if kind == "sup" and _mathml(content[1]) == "<mo>ᵀ</mo>":
            content = (content[0], ("text", "T"))
        tag = {"frac": "mfrac", "sup": "msup", "sub": "msub"}[kind]
        return f"<{tag}>{''.join(map(_mathml, content))}</{tag}>"
    if kind == "space":
        return '<mspace width="0.2em"/>'
    tag = {"text": 'mi mathvariant="normal"', "letter": "mi", "number": "mn", "operator": "mo"}[kind]
    text = "∑" if content == "Σ" else str(content)
    return f"<{tag}>{escape(text)}</{tag.split()[0]}>"


