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
    functions = [getattr(tg, name) for name in tg.__all__]
    plain = [f for f in functions if inspect.isfunction(f) and not hasattr(f, "op")]
    return {
        "ops.md": ops_page(),
        "functions.md": page(
            "Functions", "What `tinygrad_lite` has beside its [ops](ops.md): compositions of them, tensors from "
            "nothing, grad modes, readers of programs. Most are methods of `Tensor`, too.", by_module(plain)),
        "tensor.md": page("Tensor", inspect.getdoc(tg.Tensor) or "", [("", methods(tg.Tensor))]),
        "nn.md": page("nn: layers and losses", inspect.getdoc(nn) or "", by_module(classes(nn))),
        "functional.md": page(
            "nn.functional and nn.init", inspect.getdoc(nn.functional) or "",
            [*by_module(f for f in listed(nn.functional) if not hasattr(f, "op")), ("nn.init", listed(nn.init))]),
        "optim.md": page("optim: optimizers and schedules", inspect.getdoc(optim) or "",
                         [("optim", classes(optim)), ("optim.lr_scheduler", classes(lr_scheduler))]),
        "datasets.md": page("datasets", inspect.getdoc(datasets) or "",
                            [("datasets", listed(datasets)), ("datasets.transforms", classes(datasets.transforms))]),
        "testing.md": page("testing", inspect.getdoc(testing) or "", [("testing", listed(testing))]),
    }


def listed(module: ModuleType) -> list[Any]:
    """The functions and classes that a module names as public, or those that it defines under a public name."""
    defined = [n for n, x in vars(module).items() if getattr(x, "__module__", None) == module.__name__ and n[0] != "_"]
    found = [getattr(module, name) for name in getattr(module, "__all__", defined)]
    return [x for x in found if inspect.isfunction(x) or inspect.isclass(x)]


def classes(module: ModuleType) -> list[Any]:
    """The classes that a module names as public."""
    return [x for x in listed(module) if inspect.isclass(x)]


def methods(of: type) -> list[Any]:
    """The methods and properties that a class defines under a public name, but for those that are ops."""
    found = {name: value for name, value in vars(of).items() if not name.startswith("_")}
    return [x for x in found.values() if not hasattr(x, "op") and (inspect.isfunction(x) or isinstance(x, property))]


def by_module(things: Iterable[Any]) -> list[tuple[str, list[Any]]]:
    """Functions and classes under the module that they stand in."""
    groups: dict[str, list[Any]] = {}
    for x in things:
        groups.setdefault(x.__module__.removeprefix("tinygrad_lite.").lstrip("_"), []).append(x)
    return sorted(groups.items())


def page(title: str, about: str, groups: Iterable[tuple[str, list[Any]]]) -> str:
    """A page with an entry for each function or class."""
    parts = [f"# {title}", markdown(about)]
    for heading, things in groups:
        parts += [f"## {heading}"] if heading else []
        parts += [entry(x) for x in things]
    return "\n\n".join(parts) + "\n"


def entry(x: Any) -> str:
    """The heading and the docstring of a function, class or property."""
    if isinstance(x, property):
        assert x.fget is not None
        return f"### `{x.fget.__name__}`\n\n{markdown(inspect.getdoc(x) or '')}"
    return f"### `{x.__name__}{signature(x)}`\n\n{markdown(inspect.getdoc(x) or '')}"


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
        groups.setdefault(function.op.forward.__module__.removeprefix("tinygrad_lite."), []).append(function.op)
    parts = ["# Ops", markdown(OPS)]
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
