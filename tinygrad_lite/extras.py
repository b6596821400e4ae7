"""Packages that are installed only by those who want what they are for."""

from __future__ import annotations

import importlib
from types import ModuleType


def require(module: str, extra: str) -> ModuleType:
    """Import a module that the extra `extra` installs.

    Raises ImportError that says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f'{module.partition(".")[0]} is missing: pip install "tinygrad-lite[{extra}]"') from error
