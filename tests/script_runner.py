"""PyTorch scripts (tests/scripts), run under either library: what is changed is their imports."""

from __future__ import annotations

import contextlib
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.py"))


def source(path: Path, library: str) -> str:
    """A script's text, with the imports of `library`."""
    text = path.read_text(encoding="utf-8")
    if library == "torch":
        return text
    text = re.sub(r"^import torch$", f"import {library} as torch", text, flags=re.MULTILINE)
    text = re.sub(r"^(from|import) torch\.utils\.data\b", rf"\1 {library}.datasets", text, flags=re.MULTILINE)
    return re.sub(r"^(from|import) torch\b", rf"\1 {library}", text, flags=re.MULTILINE)


def run_script(path: Path, library: str) -> list[float]:
    """The figures that `main()` of a script returns, its losses above all, computed in float64."""
    namespace: dict[str, Any] = {"__name__": path.stem}
    with in_float64(importlib.import_module(library)):
        exec(compile(source(path, library), str(path), "exec"), namespace)
        figures: list[float] = namespace["main"]()
    return figures


@contextlib.contextmanager
def in_float64(library: Any) -> Iterator[None]:
    """Within, new tensors of Python numbers are float64."""
    before = library.get_default_dtype()
    library.set_default_dtype(library.float64)
    try:
        yield
    finally:
        library.set_default_dtype(before)
