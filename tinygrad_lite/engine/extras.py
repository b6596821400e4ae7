"""Packages that only those install who want what they are for: they are imported where they are used."""

from __future__ import annotations

import importlib
from types import ModuleType


def require(module: str, extra: str) -> ModuleType:
    """The module of that name, which the extra `extra` installs.

    Raises ImportError with the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        needed = module.partition(".")[0]
        raise ImportError(f'{needed} is needed ({error}): pip install "tinygrad-lite[{extra}]"') from error
