"""The documents tell the truth: their Python runs and prints what they show, their links lead somewhere."""

import contextlib
import inspect
import io
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import datasets, nn, optim, testing
from tinygrad_lite.engine.operation import REGISTRY

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_python_blocks_run_and_print_what_follows(path: Path) -> None:
    """A block without a language right after a Python block that prints is its output."""
    scope: dict[str, Any] = {"np": np, "__name__": "__document__"}
    printed = ""
    for language, text in BLOCK.findall(path.read_text()):
        if language == "python":
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                exec(compile(text, str(path), "exec"), scope)
            printed = output.getvalue()
        elif not language and printed:
            assert text == printed
            printed = ""
    assert not printed, "the document does not show what its last block prints"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


def test_readme_names_the_two_commands_on_its_first_screen() -> None:
    first_screen = "\n".join((ROOT / "README.md").read_text().splitlines()[:25])
    for text in ("make train", "make test", "pip install", "pytest", "Not affiliated with tinygrad"):
        assert text in first_screen


MODULES = (tg, tg.autograd, tg.cuda, tg.linalg, nn, nn.functional, nn.init, nn.utils, optim, optim.lr_scheduler,
           datasets, datasets.transforms, testing)


def public() -> Iterator[tuple[str, Any]]:
    """The functions and classes under public names, and what the classes define under public names."""
    for module in MODULES:
        own = (n for n, x in vars(module).items() if getattr(x, "__module__", "") == module.__name__)
        for name in getattr(module, "__all__", [n for n in own if not n.startswith("_")]):
            x = getattr(module, name)
            if inspect.isfunction(x) or inspect.isclass(x):
                yield f"{module.__name__}.{name}", x
            for part, value in vars(x).items() if inspect.isclass(x) else ():
                function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
                if not part.startswith("_") and inspect.isfunction(function):
                    yield f"{module.__name__}.{name}.{part}", function


def test_every_public_name_is_documented() -> None:
    found = dict(public())
    assert len(found) > 800
    assert [name for name, x in found.items() if not (x.__doc__ or "").strip()] == []


def test_every_op_has_its_equation() -> None:
    """A template, or a definition in ops that have one."""
    ops = {name: function.op for name, function in REGISTRY.items()}
    without = {name for name, op in ops.items() if op.tex is None and not op.definition}
    assert without == {"moments"}, "the definition of `standardize` shows them"


ELEMENTWISE = {"tinygrad_lite.ops." + name for name in ("activation", "elementwise", "functions", "logic", "rounding")}


def test_every_op_that_is_not_elementwise_has_its_shapes() -> None:
    """The modules of elementwise ops are exempt, but for their ops along an axis; so are ops that only move memory."""
    ops = {name: function.op for name, function in REGISTRY.items()
           if function.op.forward.__module__.startswith("tinygrad_lite.")}
    asked = {name: op for name, op in ops.items()
             if (op.forward.__module__ not in ELEMENTWISE or "dim" in op.settings)
             and name not in {"clone", "to_device", "to_dtype"}}
    assert len(asked) > 80
    assert {"softmax", "matmul", "sum", "view_put"} <= asked.keys()
    assert [name for name, op in asked.items() if "Shapes:" not in (inspect.getdoc(op.forward) or "")] == []


def test_the_reference_shows_no_bare_name_as_an_equation() -> None:
    page = (ROOT / "docs" / "reference" / "ops.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\$\$(.*)\$\$$", page, re.MULTILINE)
    assert len(shown) > 60
    assert [text for text in shown if re.fullmatch(r"\\mathit\{\w+\}|\\operatorname\{[^{}]*\}\(.*\)", text)] == []


def test_the_reference_is_that_of_the_code() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_reference.py"))
    pages = made["pages"]()
    assert {path.name for path in made["FOLDER"].glob("*")} == pages.keys()
    for name, text in pages.items():
        assert (made["FOLDER"] / name).read_text(encoding="utf-8") == text, "write it anew: make reference"


def test_the_reference_names_everything_public_once() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_reference.py"))
    pages = made["pages"]()
    headed = {name: re.findall(r"^### `([\w.]+)", text, re.MULTILINE) for name, text in pages.items()}
    for page, text in pages.items():
        for section in re.split(r"^## ", text, flags=re.MULTILINE):
            here = re.findall(r"^### `([\w.]+)", section, re.MULTILINE)
            assert len(here) == len(set(here)), page
    top = headed["functions.md"] + headed["ops.md"] + headed["functional.md"] + ["Tensor"]
    for module, found in {
        tg: top, tg.linalg: top, tg.cuda: top, tg.autograd: top, tg.nn.functional: top, tg.nn.init: top,
        tg.nn.utils: top, tg.nn: headed["nn.md"], tg.optim: headed["optim.md"], tg.testing: headed["testing.md"],
    }.items():
        things = {n: getattr(module, n) for n in module.__all__}
        public = {n for n, x in things.items() if inspect.isfunction(x) or inspect.isclass(x)
                  if x.__module__.startswith("tinygrad_lite")}
        assert public - set(found) == set(), module.__name__
    once = [n for n in headed["functions.md"] if n in tg.__all__]
    assert {n for n in once if once.count(n) > 1} <= set(tg.linalg.__all__)
