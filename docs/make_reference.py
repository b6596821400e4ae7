"""Write the pages of docs/reference from the docstrings: `make reference`.  A test holds the pages to them."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import tinygrad_lite as tg
from tinygrad_lite import datasets, nn, optim, testing
from tinygrad_lite.engine.operation import REGISTRY, Op
from tinygrad_lite.optim import lr_scheduler

FOLDER = Path(__file__).parent / "reference"


def pages() -> dict[str, str]:
    """The text of each page by its file's name."""
    named = {name: getattr(tg, name) for name in tg.__all__}
    named = {n: x for n, x in named.items() if is_entry(x) and x.__module__.startswith("tinygrad_lite")}
    named = {n: x for n, x in named.items() if x is not tg.Tensor and not is_registered(n, x)}
    readers = {n: x for n, x in named.items() if n in READERS}
    layers = {n: x for n, x in named.items() if x.__module__.startswith("tinygrad_lite.nn")}
    parts = {name: listed(getattr(tg, name)) for name in ("autograd", "cuda", "linalg")}
    described = {**readers, **layers, **{n: x for part in parts.values() for n, x in part.items()}}
    rest = {n: x for n, x in named.items() if described.get(n) is not x}
    return {
        "ops.md": ops_page(),
        "functions.md": page(
            "Functions", "What `tinygrad_lite` has beside its [ops](ops.md): compositions of them, tensors from "
            "nothing, grad modes, readers of programs. Most are methods of `Tensor`, too. What stands in "
            "[nn.functional](functional.md) is described there: " + ", ".join(f"`{n}`" for n in sorted(layers)) + ".",
            [*((heading, with_methods(things)) for heading, things in by_module(rest)),
             ("explain, trace and capture", with_methods(readers)),
             *((name, with_methods(part)) for name, part in parts.items())]),
        "tensor.md": page("Tensor", inspect.getdoc(tg.Tensor) or "", [("", methods(tg.Tensor))]),
        "nn.md": page("nn: layers and losses", inspect.getdoc(nn) or "", by_module(classes(nn))),
        "functional.md": page(
            "nn.functional, nn.init and nn.utils", inspect.getdoc(nn.functional) or "",
            [*by_module({n: f for n, f in listed(nn.functional).items() if not is_registered(n, f)}),
             ("nn.init", listed(nn.init)), ("nn.utils", listed(nn.utils))]),
        "optim.md": page("optim: optimizers and schedules", inspect.getdoc(optim) or "",
                         [("optim", classes(optim)), ("optim.lr_scheduler", classes(lr_scheduler))]),
        "datasets.md": page("datasets", inspect.getdoc(datasets) or "",
                            [("datasets", listed(datasets)), ("datasets.transforms", classes(datasets.transforms))]),
        "testing.md": page("testing", inspect.getdoc(testing) or "", [("testing", with_methods(listed(testing)))]),
    }


READERS = {"Explanation", "Program", "capture", "explain", "trace"}
HEADINGS = {"engine.backend": "devices and dtypes", "engine.devices": "devices and dtypes",
            "engine.dtypes": "devices and dtypes", "engine.graph": "grad modes", "autograd": "grad modes",
            "engine.operation": "ops of your own"}
"""What a private module is called on a page; others go by the last part of their name."""


def is_entry(x: Any) -> bool:
    """Whether something public is a function or a class, which have entries of their own."""
    return inspect.isfunction(x) or inspect.isclass(x)


def is_registered(name: str, x: Any) -> bool:
    """Whether a function is an op under this name, which the page of ops describes."""
    return hasattr(x, "op") and x.op.name == name and name in REGISTRY


def listed(module: ModuleType) -> dict[str, Any]:
    """The functions and classes that a module names as public, or those that it defines under a public name."""
    defined = [n for n, x in vars(module).items() if getattr(x, "__module__", None) == module.__name__ and n[0] != "_"]
    found = {name: getattr(module, name) for name in getattr(module, "__all__", defined)}
    return {name: x for name, x in found.items() if is_entry(x)}


def classes(module: ModuleType) -> dict[str, Any]:
    """The classes that a module names as public."""
    return {name: x for name, x in listed(module).items() if inspect.isclass(x)}


def methods(of: type) -> dict[str, Any]:
    """The methods and properties that a class defines under a public name, but for those that are ops."""
    found = {name: value for name, value in vars(of).items() if not name.startswith("_")}
    return {n: x for n, x in found.items()
            if not is_registered(n, x) and (inspect.isfunction(x) or isinstance(x, property))}


def with_methods(things: dict[str, Any]) -> dict[str, Any]:
    """Functions and classes, each class followed by its methods."""
    found: dict[str, Any] = {}
    for name, x in things.items():
        found[name] = x
        if inspect.isclass(x):
            found |= {f"{name}.{n}": method for n, method in methods(x).items() if inspect.getdoc(method)}
    return found


def by_module(things: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Functions and classes under the subject that their module is about."""
    groups: dict[str, dict[str, Any]] = {}
    for name, x in things.items():
        module = x.__module__.removeprefix("tinygrad_lite.")
        groups.setdefault(HEADINGS.get(module, module.rpartition(".")[2]), {})[name] = x
    return sorted(groups.items())


def page(title: str, about: str, groups: Iterable[tuple[str, dict[str, Any]]]) -> str:
    """A page with an entry for each name; a further name of the same thing gets one line."""
    groups = list(groups)
    parts = [f"# {title}", markdown(about), *contents([heading for heading, _ in groups if heading])]
    for heading, things in groups:
        parts += [f"## {heading}"] if heading else []
        for name, x in things.items():
            own = getattr(x, "__name__", name.rpartition(".")[2])
            known = own != name and things.get(own) is x or is_registered(own, x) and own != name
            parts.append(f"### `{name}`\n\nAnother name of `{own}`." if known else entry(name, x))
    return "\n\n".join(parts) + "\n"


def contents(headings: list[str]) -> list[str]:
    """Links to the headings of a page that has several."""
    links = [f"[{h}](#{re.sub(r'[^a-z0-9_ -]', '', h.lower()).replace(' ', '-')})" for h in headings]
    return [" · ".join(links)] if len(links) > 1 else []


def entry(name: str, x: Any) -> str:
    """The heading and the docstring of a function, class or property."""
    shown = "" if isinstance(x, property) else signature(x)
    return f"### `{name}{shown}`\n\n{markdown(inspect.getdoc(x) or '')}"


def signature(x: Any) -> str:
    """The signature without annotations; "" where there is none."""
    try:
        found = inspect.signature(x)
    except (TypeError, ValueError):
        return ""
    plain = [p.replace(annotation=p.empty) for p in found.parameters.values() if p.name != "self"]
    text = str(found.replace(parameters=plain, return_annotation=found.empty)).replace("<no default>", "...")
    return re.sub(r"<function (\w+) at 0x\w+>", r"\1", text)  # a function by its name, not by its address


def markdown(text: str) -> str:
    """A docstring as Markdown: examples and indented blocks become code."""
    blocks = []
    for block in text.split("\n\n"):
        lines = block.split("\n")
        first = next((i for i, line in enumerate(lines) if line.startswith((">>>", "    "))), len(lines))
        prose, code = "\n".join(lines[:first]), textwrap.dedent("\n".join(lines[first:]))
        blocks += [escaped(prose)] if prose else []
        blocks += [f"```python\n{code}\n```" if ">>>" in code else f"```\n{code}\n```"] if code else []
    return "\n\n".join(blocks)


def escaped(prose: str) -> str:
    """Prose in which Markdown finds no emphasis where a product is meant."""
    pieces = re.split(r"(`+[^`]*`+)", prose)
    return "".join(piece if piece.startswith("`") else re.sub(r"([*_<])", r"\\\1", piece) for piece in pieces)


OPS = """
An op is a function on arrays and, for each operand, a function that turns the gradient `g` of its result into the
operand's: its VJP. `y` is the result, `<operand>_shape` the shape of an operand. Sums over broadcast axes and casts
back are the walk's work. An op's equation stands above its description, or in its first sentences. A fused
op has a definition in other ops, which is what explanations show.

This page is made from the code by `make reference`.
""".strip()


# A template that only names the op (or its operand) is no equation: the docstring gives that.
NAME_ONLY = re.compile(r"\{\w+\}|(\\arg|\\log)?\\operatorname\{\{[^{}]*\}\}(\^\\top)?(_\{\{\{\w+\}\}\})?\(.*\)")


# --- ops --------------------------------------------------------------------------------------------------------------


def ops_page() -> str:
    """Each op: what it computes, its equation, and its derivatives as they are in the code."""
    groups: dict[str, list[Op]] = {}
    for function in REGISTRY.values():
        groups.setdefault(function.op.forward.__module__.rpartition(".")[2], []).append(function.op)
    parts = ["# Ops", markdown(OPS), *contents(sorted(groups))]
    for module, ops in sorted(groups.items()):
        parts += [f"## {module}", *map(op_entry, ops)]
    return "\n\n".join(parts) + "\n"


def op_entry(op: Op) -> str:
    """The entry of one op."""
    parts = [f"### `{op.name}{signature(op.forward)}`"]
    if op.tex is not None and not NAME_ONLY.fullmatch(op.tex):
        names = {n: rf"\mathit{{{n.replace('_', chr(92) + '_')}}}" for n in (*op.operands, *op.settings)}
        parts.append(f"$${op.tex.format(**names)}$$")
    parts.append(markdown(inspect.getdoc(op.forward) or ""))
    code = [*([code_of(op.definition)] if op.definition else []), *derivatives(op)]
    if code:
        parts.append("```python\n" + "\n\n".join(code) + "\n```")
    return "\n\n".join(parts)


def derivatives(op: Op) -> Iterator[str]:
    """The source of each VJP, once."""
    seen: list[Callable[..., Any]] = []
    for function in op.vjps.values():
        if function not in seen:
            seen.append(function)
            yield code_of(function)


def code_of(function: Callable[..., Any]) -> str:
    """The source of a function with its decorators."""
    return textwrap.dedent(inspect.getsource(function)).rstrip()


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
