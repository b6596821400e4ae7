"""Write tests/cupy_signatures.json: which names CuPy has, and how they may be called.

`strict_cupy` refuses every call that this file does not allow, so that tests need no CuPy. Run it again for a new
CuPy, in an environment of its own; no GPU is needed, CuPy is only asked for its names:

    python -m venv cupy-env && cupy-env/bin/pip install "cupy-cuda12x==14.2.*"
    cupy-env/bin/python tests/make_cupy_signatures.py
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import types
from pathlib import Path
from typing import Any

import numpy as np

NAMESPACES = ("linalg", "fft", "lib.stride_tricks", "random", "exceptions")
SIMPLE = (bool, int, float, str, tuple, type(None))


def written(signature: inspect.Signature) -> str:
    """Return the signature as text without annotations; defaults that are no literals become `...`."""
    parameters = [
        p.replace(
            annotation=p.empty, default=p.default if p.default is p.empty or isinstance(p.default, SIMPLE) else ...
        )
        for p in signature.parameters.values()
    ]
    text = str(inspect.Signature(parameters))
    return text.replace("Ellipsis", "...")


def written_in_cython(doc: str) -> str | None:
    """Read the signature that Cython puts into a docstring: `_ndarray_base.sort(self, int axis=-1, kind=None)`."""
    found = re.match(r"[\w.]+\((.*?)\)(?: ->.*)?$", doc.strip().split("\n")[0])
    if not found:
        return None
    parameters = []
    for parameter in found[1].split(", "):
        name, equals, default = parameter.partition("=")
        name = name.split(" ")[-1]  # what stands before it is a C type
        literal = re.fullmatch(r"None|True|False|'.*'|-?[\d.]+", default)
        parameters.append(name + equals + (default if literal or not equals else "..."))
    return f"({', '.join(parameters)})"


def signature_of(function: Any) -> str | None:
    try:
        return written(inspect.signature(function))
    except (TypeError, ValueError):
        return written_in_cython(function.__doc__ or "")


def ufunc_methods(ufunc: Any) -> list[str]:
    """Return the methods that this ufunc has beside `outer`: CuPy's ufunc class defines all, most only raise."""
    methods = {"cupy_add": ["accumulate", "reduce", "reduceat"], "cupy_multiply": ["accumulate", "reduce"]}
    return sorted(methods.get(ufunc.name, []) + (["at"] if ufunc._scatter_op else []))


def snapshot() -> dict[str, Any]:
    cupy = importlib.import_module("cupy")
    importlib.import_module("cupy.lib.stride_tricks")
    found: dict[str, Any] = {"version": cupy.__version__, "numpy": [], "ufuncs": {}, "functions": {}, "other": []}
    for namespace in ("", *NAMESPACES):
        module, same = cupy, np
        for part in filter(None, namespace.split(".")):
            module, same = getattr(module, part), getattr(same, part)
        for name in sorted(vars(module)):
            value, path = getattr(module, name), f"{namespace}.{name}" if namespace else name
            if name.startswith("_") or name in ("annotations", "bytes") or isinstance(value, types.ModuleType):
                continue
            host = getattr(same, name, None)
            if value is host or isinstance(value, float) and isinstance(host, float):
                found["numpy"].append(path)
            elif isinstance(value, cupy.ufunc):
                found["ufuncs"][path] = ufunc_methods(value)
            elif callable(value) and not isinstance(value, type) and namespace != "random" and signature_of(value):
                found["functions"][path] = signature_of(value)
            else:
                found["other"].append(path)

    found["methods"], found["attributes"] = {}, []
    for name in dir(cupy.ndarray):
        value = getattr(cupy.ndarray, name)
        if name.startswith("_"):
            continue
        if callable(value):
            found["methods"][name] = signature_of(value)
        else:
            found["attributes"].append(name)

    generator = cupy.random.Generator
    found["generator"] = {
        name: written_in_cython(getattr(generator, name).__doc__) for name in dir(generator) if not name.startswith("_")
    }
    return found


if __name__ == "__main__":
    target = Path(__file__).with_name("cupy_signatures.json")
    target.write_text(json.dumps(snapshot(), indent=1) + "\n", encoding="utf-8")
