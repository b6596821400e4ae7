"""Scripts that were written for PyTorch run here when their imports are changed, and learn."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.script_runner import SCRIPTS, run_script, source


def test_there_are_ten() -> None:
    assert len(SCRIPTS) == 10


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_only_imports_are_changed(path: Path) -> None:
    before, after = path.read_text(encoding="utf-8").splitlines(), source(path, "tinygrad_lite").splitlines()
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert changed
    assert all("torch" in a and a.split()[0] in ("import", "from") and "tinygrad_lite" in b for a, b in changed)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script_learns(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = run_script(path, "tinygrad_lite")
    assert all(math.isfinite(x) for x in figures)
    assert len(figures) > 10
    assert capsys.readouterr().out
    if path.stem not in ("gan", "policy_gradient"):  # whose losses are no measure of what was learned
        assert min(figures[len(figures) // 2 :]) < 0.8 * figures[0]
