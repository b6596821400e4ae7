"""What type checkers tell a user of the package."""

import importlib.util
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
USER = ROOT / "tests" / "typing" / "user.py"


def maker() -> Any:
    spec = importlib.util.spec_from_file_location("make_stubs", ROOT / "docs" / "make_stubs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_stubs_are_those_of_the_code() -> None:
    stale = [path.name for path, text in maker().stubs().items() if path.read_text() != text]
    assert not stale, f"{stale}: write them anew: make stubs"


def test_a_users_file_passes_and_each_mistake_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = pytest.importorskip("mypy.api")
    monkeypatch.setenv("MYPYPATH", os.fspath(ROOT))
    out, err, _ = api.run(["--strict", "--config-file=", "--cache-dir", os.fspath(tmp_path),
                           "--follow-imports", "silent", "--python-executable", sys.executable, os.fspath(USER)])
    assert not err
    found = {int(line) for line in re.findall(r"user\.py:(\d+): error", out)}
    wrong = {i for i, line in enumerate(USER.read_text().splitlines(), 1) if line.endswith("# wrong")}
    assert found == wrong, out
