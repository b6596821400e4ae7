"""The shape of the house, read from its sources: which way imports run, and what an op may know."""

from __future__ import annotations

import ast
import builtins
import graphlib
import importlib
import inspect
import math
import runpy
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

import tinygrad_lite as tg
from tinygrad_lite.engine import dtypes
from tinygrad_lite.engine.operation import REGISTRY, Op

WINGS = """
engine
ops
compositions printing
random
_tensor
creation custom saving linalg cuda
autograd
optim
program
explanation replay testing
nn
datasets
app
__main__
""".split("\n")
"""The house from the bottom up: a wing imports from its own row or from earlier ones, and never from later ones."""

ENGINE = """
dtypes devices extras
backend
graph
call
operation summation
walk
views accumulation anomaly
""".split("\n")
"""The same for the rooms of the engine; in the other wings it is enough that there are no circles."""

WING = {wing: depth for depth, row in enumerate(WINGS) for wing in row.split()}
ROOM = {f"engine.{room}": depth for depth, row in enumerate(ENGINE) for room in row.split()}


HOUSE = runpy.run_path(str(Path(__file__).parents[1] / "docs" / "make_house.py"))
SOURCES: dict[str, ast.Module] = HOUSE["SOURCES"]
PACKAGES: set[str] = HOUSE["PACKAGES"]
imported: Callable[[str, ast.AST], Iterator[str]] = HOUSE["imported"]


def test_the_picture_of_the_house_is_that_of_the_code() -> None:
    assert HOUSE["PICTURE"].read_text(encoding="utf-8") == HOUSE["picture"](), "draw it anew: make house"


def test_every_module_has_its_place() -> None:
    wings = {name.split(".")[0] for name in SOURCES if name}
    assert wings <= WING.keys(), "put the new wing into WINGS, as low as it can stand"
    assert {name for name in SOURCES if name.startswith("engine.")} == ROOM.keys(), "put the new room into ENGINE"


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_the_first_line_of_each_wing_says_what_it_answers(package: str) -> None:
    sentence = ast.get_docstring(SOURCES[package])
    assert sentence
    assert len(sentence.splitlines()[0]) > 30


@pytest.mark.parametrize("module", [m for m in SOURCES if m])
def test_imports_run_one_way(module: str) -> None:
    wing = module.split(".")[0]
    for other in imported(module, SOURCES[module]):
        assert other, f"{module} imports from the package itself, whose __init__ imports everything"
        assert WING[other.split(".")[0]] <= WING[wing], f"{module} imports {other}, which stands above it"
        if module in ROOM and other in ROOM:
            assert ROOM[other] <= ROOM[module], f"{module} imports {other}, which stands above it"


PUBLIC = """
tinygrad_lite tinygrad_lite.autograd tinygrad_lite.cuda tinygrad_lite.datasets tinygrad_lite.datasets.transforms
tinygrad_lite.linalg tinygrad_lite.nn tinygrad_lite.nn.functional tinygrad_lite.nn.init tinygrad_lite.nn.utils
tinygrad_lite.optim tinygrad_lite.optim.lr_scheduler tinygrad_lite.random tinygrad_lite.testing
""".split()
"""The paths that users import from.  Whatever moves inside, these stay."""


@pytest.mark.parametrize("path", PUBLIC)
def test_public_paths_stay(path: str) -> None:
    module = importlib.import_module(path)
    if "datasets" not in path:  # of which `import tinygrad_lite` alone knows nothing
        assert eval(path, {"tinygrad_lite": tg}) is module


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
READERS = {"app", "capture", "comparison", "compiled_step", "cupy", "cupyx", "custom", "derivation", "explain",
           "explanation", "expression", "mistakes", "nn", "notation", "optim", "program", "replay", "testing", "torch",
           "trace"}


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
    below = {"engine", *(f"engine.{room}" for room in "backend dtypes graph operation summation walk".split())}
    assert {i for i in imported(module, SOURCES[module]) if i.split(".")[0] != "ops"} <= below


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
