"""The second main job: a character-level transformer learns its text, and says how well."""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from benchmarks import transformer
from tinygrad_lite import nn

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def quick() -> dict[str, Any]:
    """What the quick run reports."""
    return transformer.main(["--quick"])


def test_it_learns_more_than_how_often_characters_occur(quick: dict[str, Any]) -> None:
    held_out = [loss for _, _, loss in quick["losses"]]
    assert held_out == sorted(held_out, reverse=True)
    assert held_out[-1] < quick["baselines"]["characters"] - 0.2
    assert quick["speed"].keys() == {"eager", "captured"}


def test_the_same_seed_gives_the_same_figures_eager_too(quick: dict[str, Any]) -> None:
    eager = transformer.main(["--quick", "--eager"])
    for figure in ("losses", "sample", "parameters", "baselines"):
        assert eager[figure] == quick[figure]
    assert transformer.main(["--quick", "--seed", "1", "--steps", "2"])["losses"][0][1] != quick["losses"][0][1]


def test_the_command(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    command = [sys.executable, "-m", "benchmarks.transformer", "--quick", "--steps", "3", "--json", str(file)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "held-out loss of counts: characters 3.120, pairs 2.404" in result.stdout
    assert [step for step, _, _ in json.loads(file.read_text("utf-8"))["losses"]] == [3]


def test_the_text() -> None:
    """All of it, and nothing else."""
    text = transformer.TEXT.read_text("ascii")
    assert text.count("\n\n") == 153
    lines = [line for line in text.splitlines() if line]
    assert len(lines) == 154 * 14 + 1 - 2  # sonnet 99 has 15 lines, 126 has 12
    assert lines[0] == "From fairest creatures we desire increase,"
    assert lines[-1] == "  Love's fire heats water, water cools not love."


def test_baselines_by_hand() -> None:
    text = transformer.Text("abab" * 10)
    assert "".join(text.characters[c] for c in text.training) == "abab" * 9
    pairs = np.array([[1, 19], [18, 1]])  # of training text, each once more
    expected = -(2 * math.log(19 / 20) + math.log(18 / 19)) / 3
    assert text.baselines()["pairs"] == pytest.approx(expected)
    assert text.baselines()["characters"] == pytest.approx(
        -np.log(pairs.sum(0) / pairs.sum())[[1, 0, 1]].mean())


def test_targets_are_one_character_later() -> None:
    text = transformer.Text("to be or not to be, that is the question: " * 3)
    for now, later in (next(text.batches(np.random.default_rng(0), 4, 5)), text.pieces(5)):
        np.testing.assert_array_equal(now[:, 1:], later[:, :-1])
        assert now.shape == later.shape


def test_the_model_sees_no_later_character() -> None:
    options = argparse.Namespace(width=8, context=6, heads=2, layers=2, dropout=0.0)
    model = transformer.language_model(tg, nn, 5, options)
    text = np.array([[0, 1, 2, 3, 4, 0]])
    changed = np.array([[0, 1, 2, 4, 3, 1]])
    scores, others = (model(tg.from_numpy(t)).detach().numpy() for t in (text, changed))
    np.testing.assert_allclose(scores[:, :3], others[:, :3], rtol=1e-6)
    assert not np.allclose(scores[:, 3:], others[:, 3:])
