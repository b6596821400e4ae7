"""Write the stubs that tell type checkers what ops and compositions are for users: `make stubs`.

In the sources an op takes and returns an `Array`, which is a raw array or a Tensor; users give and get Tensors.
tests/test_types.py compares what is committed with what this writes.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tinygrad_lite as tg
from tinygrad_lite import nn

PACKAGE = Path(tg.__file__).parent

HEADER = '''"""What type checkers read; written by docs/make_stubs.py."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self, TypeAlias, overload

import numpy as np

'''

SHARED = '''
Operand: TypeAlias = Tensor | float | np.ndarray[Any, Any] | np.generic
Dim: TypeAlias = int | Sequence[int] | None
Size: TypeAlias = int | Sequence[int]
AdaptiveSize: TypeAlias = int | Sequence[int | None] | None

class Picked(NamedTuple):
    values: Tensor
    indices: Tensor

class AMinMax(NamedTuple):
    min: Tensor
    max: Tensor

class SlogdetResult(NamedTuple):
    sign: Tensor
    logabsdet: Tensor
'''

OPERANDS = {"anchor", "attn_mask", "bias", "elements", "exponent", "end", "input", "input1", "input2", "key", "logits",
            "max", "min", "negative", "other", "pos_weight", "positive", "query", "running_mean", "running_var", "src",
            "target", "test_elements", "value", "var", "weight", "x1", "x2"}
"""The names of parameters that are operands where the source says Any."""

PICKING = {"max", "median", "min"}
"""Functions that return a Tensor, or with `dim` what was picked and where."""

SEVERAL = {"adaptive_max_pool1d", "adaptive_max_pool2d", "embedding_bag", "max_pool1d", "max_pool2d", "unique"}
"""Functions that return a Tensor or a tuple, as a flag says."""


def is_ours(value: object) -> bool:
    """Whether a function computes: an op, a composition or a layer's function."""
    module = getattr(value, "__module__", "")
    if inspect.isclass(value) or not callable(value):
        return False
    computing = (".ops", ".compositions", ".nn.", ".linalg", ".engine.walk", ".engine.operation", ".engine.call")
    if getattr(value, "__name__", "") in ("op", "is_tensor", "numel", "is_floating_point", "equal", "allclose"):
        return getattr(value, "__name__", "") != "op"
    return module.removeprefix("tinygrad_lite").startswith(computing)


def annotation(name: str, given: Any, default: Any) -> str:
    """The type of a parameter as users see it."""
    text = "Any" if given is inspect.Parameter.empty else given if isinstance(given, str) else given.__name__
    if text == "Any" and name in OPERANDS:
        text = "Operand | None" if default is None or name in ("running_mean", "running_var") else "Operand"
    if name == "indices" and text == "Sequence[Array]":
        text = "Sequence[Operand | None]"
    return re.sub(r"\bgraph\.Tensor\b", "Tensor", re.sub(r"\bArray\b", "Operand", text))


def parameters(signature: inspect.Signature, method: bool) -> str:
    """The parameters between the parentheses; of a method the first is self."""
    parts: list[str] = []
    starred = False
    for i, p in enumerate(signature.parameters.values()):
        if p.kind is p.KEYWORD_ONLY and not starred:
            parts.append("*")
        starred = starred or p.kind in (p.KEYWORD_ONLY, p.VAR_POSITIONAL)
        stars = "*" if p.kind is p.VAR_POSITIONAL else "**" if p.kind is p.VAR_KEYWORD else ""
        if method and i == 0:
            parts.append("self")
            continue
        default = "" if p.default is p.empty else " = ..."
        parts.append(f"{stars}{p.name}: {annotation(p.name, p.annotation, p.default)}{default}")
    return ", ".join(parts)


def result(name: str, signature: inspect.Signature) -> str:
    """The type of what a function returns."""
    text = signature.return_annotation
    text = "Any" if text is inspect.Signature.empty else text if isinstance(text, str) else text.__name__
    if text in ("Any", "Array"):
        return "Any" if name in SEVERAL else "Tensor"
    return re.sub(r"\bAny\b", "Tensor", text)


def stub(name: str, function: Callable[..., Any], method: bool = False) -> Iterator[str]:
    """The lines that declare a function."""
    signature = inspect.signature(function)
    if name in PICKING:
        first = "self" if method else "input: Operand"
        other = "" if name == "median" else ", other: Operand"
        yield f"@overload\ndef {name}({first}) -> Tensor: ..."
        yield f"@overload\ndef {name}({first}, dim: int, keepdim: bool = ...) -> Picked: ..."
        if other:
            yield f"@overload\ndef {name}({first}{other.replace('other: Operand', 'other: Tensor')}) -> Tensor: ..."
    else:
        yield f"def {name}({parameters(signature, method)}) -> {result(name, signature)}: ..."


def functions(module: Any) -> str:
    """The stub of a module's functions."""
    return "\n".join(line for name in sorted(module.__all__) if is_ours(getattr(module, name))
                     for line in stub(name, getattr(module, name))) + "\n"


def exported(module: Any) -> str:
    """The list of public names."""
    return "__all__ = [" + ", ".join(f'"{name}"' for name in module.__all__) + "]\n"


def methods() -> str:
    """The class of the methods that `_tensor.py` takes over from ops and compositions."""
    lines = ["class Methods(graph.Tensor):"]
    for name, value in sorted(vars(tg.Tensor).items()):
        if not callable(value) or inspect.isclass(value) or getattr(value, "__module__", "") == "tinygrad_lite._tensor":
            continue
        if getattr(value, "__module__", "").endswith("inplace"):
            plain = f"__{name[3:]}" if name.startswith("__") else name.removesuffix("_")
            given = parameters(inspect.signature(getattr(tg.Tensor, plain)), method=True)
            lines.append(f"    def {name}({given}) -> Self: ...")
        elif is_ours(value) or getattr(value, "__module__", "") == "tinygrad_lite.random":
            lines += [f"    {line}" for text in stub(name, value, method=True) for line in text.split("\n")]
    return "\n".join(lines) + "\n"


def stubs() -> dict[Path, str]:
    """Every stub: where it stands and its text."""
    source = (PACKAGE / "__init__.py").read_text()
    ours = {name for name in tg.__all__ if is_ours(getattr(tg, name))}
    public = [name for name in tg.__all__ if name not in ours]
    init = ['"""What type checkers read; written by docs/make_stubs.py."""\n']
    where = {**dict.fromkeys("autograd cuda linalg nn optim testing".split(), "."), "Size": "builtins",
             "capture": ".replay", "explain": ".explanation", "load": ".saving", "save": ".saving", "trace": ".program",
             "op": ".engine.operation", **dict.fromkeys("e inf nan pi".split(), "math")}
    for module, names in re.findall(r"^from (\.[\w.]*) import ([^(\n]+|\([^)]*\))$", source, re.MULTILINE):
        for name in re.findall(r"\w+(?: as \w+)?", names):
            where.setdefault(name.split(" as ")[-1], module + (f":{name.split()[0]}" if " as " in name else ""))
    where |= {"Explanation": ".explanation", "Program": ".program"}
    for name in public:
        module, _, real = where[name].partition(":")
        real = "tuple" if name == "Size" else real or name
        init.append(f"from {module} import {real} as {name}")
    init += [f"from ._functions import {name} as {name}" for name in sorted(ours)]
    init.append("\n__version__: str")
    init.append(exported(tg))
    tensor = "from ._tensor import Tensor\n"
    generator = "from .random import Generator\n"
    shared = "from tinygrad_lite._functions import AdaptiveSize, Dim, Operand, Picked, Size\n"
    return {
        PACKAGE / "__init__.pyi": "\n".join(init),
        PACKAGE / "_functions.pyi": HEADER + tensor + generator + SHARED + "\n" + functions(tg),
        PACKAGE / "_methods.pyi": HEADER + "from .engine import graph\n" + tensor + generator
        + "from ._functions import AMinMax, Dim, Operand, Picked\n\n" + methods(),
        PACKAGE / "linalg.pyi": HEADER + tensor + "from ._functions import Operand, SlogdetResult\n\n"
        + functions(tg.linalg) + "\n" + exported(tg.linalg),
        PACKAGE / "nn" / "functional.pyi": HEADER + "from tinygrad_lite import Generator, Tensor\n" + shared + "\n"
        + functions(nn.functional) + "\n" + exported(nn.functional),
    }


if __name__ == "__main__":
    for path, text in stubs().items():
        path.write_text(text)
