"""The shape of the house, read from its sources: which way imports run, and what an op may know."""

from __future__ import annotations

import ast
import builtins
import graphlib
import inspect
import math
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

import tinygrad_lite as tg
from tinygrad_lite import dtypes
from tinygrad_lite.operation import REGISTRY, Op

ROOT = Path(tg.__file__).parent

LAYERS = """
backend devices dtypes extras
graph
call
operation
summation
walk
ops
views accumulation
inplace compositions random keys printing
_tensor
creation anomaly custom saving linalg cuda
autograd
optim
program
expression derivation notation explanation source compiled_step replay
mistakes comparison testing
nn
datasets
networks pictures machine
training
runs
prediction
command_line
__main__
""".split("\n")
"""From the bottom up: a module imports from its own row or from earlier ones, and never from later ones."""

LAYER = {module: depth for depth, row in enumerate(LAYERS) for module in row.split()}


def sources() -> dict[str, ast.Module]:
    """Each module of the package by its dotted name, "" for `tinygrad_lite` itself."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    # rglob does not follow the symlinks of nn and datasets on every Python
    for package in ("nn", "datasets"):
        for path in sorted((ROOT / package).glob("*.py")):
            name = package if path.stem == "__init__" else f"{package}.{path.stem}"
            found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


SOURCES = sources()
PACKAGES = {name for name in SOURCES if (ROOT / name.replace(".", "/")).is_dir()}


def is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but what only type checkers see."""
    for child in ast.iter_child_nodes(tree):
        if not is_for_type_checkers(child):
            yield child
            yield from statements(child)


def imported(module: str, tree: ast.AST) -> Iterator[str]:
    """The modules of the package that a module imports, as dotted names."""
    package = module.split(".") if module in PACKAGES else module.split(".")[:-1]
    for node in statements(tree):
        if isinstance(node, ast.Import):
            yield from (a.name.partition(".")[2] for a in node.names if a.name.split(".")[0] == "tinygrad_lite")
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = [p for p in package if p][: len([p for p in package if p]) - node.level + 1]
            elif (node.module or "").split(".")[0] == "tinygrad_lite":
                base = []
            else:
                continue
            base += (node.module or "").removeprefix("tinygrad_lite").lstrip(".").split(".") if node.module else []
            name = ".".join(p for p in base if p)
            for alias in node.names:
                inner = f"{name}.{alias.name}".lstrip(".")
                if inner in SOURCES:
                    yield inner
                elif alias.name != "__version__":
                    yield name


def test_every_module_has_its_place() -> None:
    tops = {name.split(".")[0] for name in SOURCES if name}
    assert tops <= LAYER.keys(), "put the new module into LAYERS, as low as it can stand"


@pytest.mark.parametrize("module", [m for m in SOURCES if m])
def test_imports_run_one_way(module: str) -> None:
    top = module.split(".")[0]
    for other in imported(module, SOURCES[module]):
        assert other, f"{module} imports from the package itself, whose __init__ imports everything"
        assert LAYER[other.split(".")[0]] <= LAYER[top], f"{module} imports {other}, which stands above it"


def test_there_are_no_circles() -> None:
    arrows = {m: {i for i in imported(m, tree) if i != m and m not in PACKAGES} for m, tree in SOURCES.items() if m}
    assert len(list(graphlib.TopologicalSorter(arrows).static_order())) == len(arrows)


@pytest.mark.parametrize("module", SOURCES)
def test_no_star_imports_and_no_imports_of_the_package_inside_functions(module: str) -> None:
    for node in ast.walk(SOURCES[module]):
        if isinstance(node, ast.ImportFrom):
            assert [a.name for a in node.names] != ["*"], f"line {node.lineno}"
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert not list(imported(module, node)), f"{node.name}, line {node.lineno}, imports from the package"


# --- ops know nobody --------------------------------------------------------------------------------------------------

OPS = [m for m in SOURCES if m == "ops" or m.startswith("ops.")]
READERS = {"capture", "comparison", "compiled_step", "cupy", "cupyx", "custom", "derivation", "explain", "explanation",
           "expression", "mistakes", "nn", "notation", "optim", "program", "replay", "testing", "torch",
           "trace"}  # fmt: skip


@pytest.mark.parametrize("module", OPS)
def test_ops_name_no_reader_and_no_backend_but_numpy(module: str) -> None:
    names: set[str] = set()
    for node in ast.walk(SOURCES[module]):
        match node:
            case ast.Import(names=aliases):
                names |= {part for a in aliases for part in a.name.split(".")}
                assert all(a.name.split(".")[0] in {"numpy", *sys.stdlib_module_names} for a in aliases)
            case ast.ImportFrom(module=source, names=aliases, level=level):
                names |= {*(source or "").split("."), *(a.name for a in aliases)}
                assert level or (source or "").split(".")[0] in {"numpy", *sys.stdlib_module_names}
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                names.add(name)
    assert not names & READERS
    below = {"backend", "dtypes", "graph", "operation", "ops", "summation", "walk"}
    assert {i.split(".")[0] for i in imported(module, SOURCES[module])} <= below


def test_every_op_of_the_package_is_in_the_registry() -> None:
    for module, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                decorators = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
                if any(isinstance(d, ast.Name) and d.id == "op" for d in decorators):
                    assert node.name in REGISTRY, f"{module}.{node.name}: the battery cannot find it"


# --- VJPs are written in ops ------------------------------------------------------------------------------------------

SAME_ON_ARRAYS_AND_TENSORS = {"shape", "dtype", "T"}
NOT_OF_ARRAYS = {"kind", "split", "join", "pop", "append", "call", "__class__"}
"""Attributes of dtypes, strings, lists and ops."""
PYTHON = {"any", "all", "enumerate", "int", "isinstance", "iter", "len", "list", "max", "next", "range", "slice",
          "sorted", "sum", "tuple", "zip"}  # fmt: skip
"""Builtins that VJPs use on shapes."""
EXCEPTIONS = {"to_device": "asks the backend where its operand was"}


def problems(function: Callable[..., Any], seen: set[Any]) -> Iterator[str]:
    """What a function uses beside operators, ops, Python on shapes, and functions that use no more than that."""
    if function in seen:
        return
    seen.add(function)
    assert isinstance(function, FunctionType)
    known: dict[str, Any] = {**vars(builtins), **function.__globals__}
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    for statement in tree.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Attribute):
                of_module = any(known.get(getattr(node.value, "id", "")) is m for m in (math, dtypes))
                if not of_module and node.attr not in SAME_ON_ARRAYS_AND_TENSORS | NOT_OF_ARRAYS:
                    yield f"{function.__module__}, line {function.__code__.co_firstlineno}: .{node.attr}"
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in known:
                value = known[node.id]
                constants = value is math or value is dtypes or isinstance(value, type)
                local = node.id in function.__code__.co_varnames or constants
                is_op = isinstance(getattr(value, "op", None), Op)
                if local or is_op or (inspect.isbuiltin(value) and node.id in PYTHON):
                    continue
                if isinstance(value, FunctionType) and value.__module__.startswith("tinygrad_lite"):
                    yield from problems(value, seen)
                elif callable(value) or inspect.ismodule(value):
                    yield f"{function.__module__}, line {function.__code__.co_firstlineno}: {node.id}"


@pytest.mark.parametrize("name", REGISTRY)
def test_derivatives_and_definitions_use_only_operators_and_ops(name: str) -> None:
    """`g.transpose(0, 1)` is a swap on a Tensor and the identity on an array; `np.exp` breaks the second order."""
    op = REGISTRY[name].op
    functions = [] if op.raw else [*op.vjps.values()]
    found = [p for f in [*functions, *op.rules.values(), *filter(None, [op.definition])] for p in problems(f, set())]
    assert bool(found) == (name in EXCEPTIONS), found


def test_the_check_sees_what_it_should() -> None:
    def method(g: Any) -> Any:
        return g.sum()

    def function(g: Any) -> Any:
        return tg.exp(g) + g.T * len(g.shape)

    def plain(g: Any) -> Any:
        return -g.T * math.prod(g.shape)

    assert [p.rpartition(" ")[2] for p in problems(method, set())] == [".sum"]
    assert [p.rpartition(" ")[2] for p in problems(function, set())] == [".exp", "tg"]
    assert not list(problems(plain, set()))
