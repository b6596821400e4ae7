"""The benchmarks run, print their tables, and compare results before they measure."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks import conv, lines, models, overhead, step, timing

ROOT = Path(__file__).parents[1]


def run(tmp_path: Path, module: str, *options: str) -> tuple[str, list[dict[str, object]]]:
    """What a benchmark prints, and what it writes to a file."""
    file = tmp_path / "report.json"
    command = [sys.executable, "-m", f"benchmarks.{module}", "--quick", "--threads", "1", "--json", str(file), *options]
    environment = {name: value for name, value in os.environ.items() if name != "TINYGRAD_LITE_DATA"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout, json.loads(file.read_text("utf-8"))


def test_overhead(tmp_path: Path) -> None:
    printed, (report,) = run(tmp_path, "overhead")
    first_cells = [line.split("|")[1].strip() for line in printed.splitlines() if line.startswith("|")]
    for name in overhead.STEPS:
        assert first_cells.count(name) == 2, name
        for direction in overhead.TARGETS:
            times = report[direction][name]  # type: ignore[index]
            assert 0 < times["ours"]["best"] <= times["ours"]["median"]
    assert report["environment"]["threads"] == "1"  # type: ignore[index]
    assert f"numpy {np.__version__}" in printed


def test_step(tmp_path: Path) -> None:
    printed, (report,) = run(tmp_path, "step", "--batch", "50")
    for name in step.NETWORKS:
        assert f"| {name}" in printed
        assert {"numpy", "tensors", "modules", "captured"} <= report[name].keys()  # type: ignore[attr-defined]
    assert report["wang"]["batch"] == 50  # type: ignore[index]


def test_models(tmp_path: Path) -> None:
    printed, (report,) = run(tmp_path, "models")
    for name in models.MODELS:
        assert f"| {name}" in printed
        assert {"eager", "captured"} <= report[name].keys()  # type: ignore[attr-defined]


def test_conv(tmp_path: Path) -> None:
    printed, (report,) = run(tmp_path, "conv")
    for name in (*conv.CASES, "network"):
        assert f"| {name}" in printed
        assert report[name]["ours"]["best"] > 0  # type: ignore[index]


@pytest.mark.parametrize("name", overhead.STEPS)
def test_a_chain_computes_the_same_as_numpy(name: str) -> None:
    chains = {library: overhead.COLUMNS[library](overhead.STEPS[name], 5, "cpu") for library in ("ours", "numpy")}
    overhead.check_agreement(name, chains)


def test_a_wrong_gradient_is_not_measured() -> None:
    right = overhead.in_ours(overhead.STEPS["tanh"], 5, "cpu")
    wrong = overhead.in_numpy(overhead.Step("tanh(y)", "g = g * (1 - kept)", "y"), 5, "cpu")
    with pytest.raises(AssertionError, match="tanh: the gradient of x in ours"):
        overhead.check_agreement("tanh", {"numpy": wrong, "ours": right})


def test_a_wrong_step_is_not_measured() -> None:
    network = step.NETWORKS["kth, batch 1"]
    images, labels = step.images_and_labels(1)
    right = step.in_modules(network, [(images, labels)], "cpu")
    wrong = step.in_numpy(network, [(images, (labels + 1) % 10)], "cpu")
    with pytest.raises(AssertionError, match="the losses of modules"):
        step.check_agreement("kth", {"numpy": wrong, "modules": right})


def test_slow_first_calls_do_not_count() -> None:
    made = []

    def slow_at_first() -> None:
        made.append(1)
        if len(made) <= 2:
            time.sleep(0.02)

    timing.measure({"": slow_at_first}, rounds=1, seconds=0.01)
    assert len(made) > timing.WARM_UP + 20


def test_measuring_in_turn() -> None:
    order: list[str] = []
    times = timing.measure({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=3, seconds=0.0)
    assert order == ["a"] * timing.WARM_UP + ["b"] * timing.WARM_UP + ["a", "b"] * 3
    assert all(0 < t.best <= t.median for t in times.values())


def test_the_size_table_counts_every_file_once() -> None:
    """A module in no group is an error; code, and neither comments nor docstrings, is what counts."""
    counted = [line.split()[0] for line in lines.table().splitlines() if line.startswith("  ")]
    assert sorted(counted) == sorted(path for folder in ("tinygrad_lite", "nn", "datasets")
                                     for path in lines.sizes(folder))
