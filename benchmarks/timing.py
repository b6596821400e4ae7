"""How the benchmarks measure: candidates in turn in one process, in a process per number of threads.

A busy machine slows all candidates alike when they are measured in turn, so their ratios hold where times do not. The
cyclic collector stays on, because it is part of what a graph costs; what exists before the measurement is frozen, so
that it does not visit the modules of other libraries.
"""

import argparse
import gc
import importlib
import importlib.metadata
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinygrad_lite.engine import backend

# The number of threads is read when NumPy or PyTorch is imported: a process that has them in its environment from the
# start is the only one that can be trusted.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
WARM_UP = 4  # calls before the measurement
LIBRARIES = ("numpy", "torch", "autograd", "mygrad", "cupy")


@dataclass(frozen=True)
class Timing:
    """Seconds per call: the best of the rounds, which is what the code can do, and their median."""

    best: float
    median: float


def measure(
    candidates: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 20,
    seconds: float = 0.01,
    device: str = "cpu",
) -> dict[str, Timing]:
    """The time of one call of each candidate, by name.

    Each round runs every candidate in turn, as often as fits into `seconds`, but at least once.

    Args:
        candidates: functions of no arguments, by name.
        rounds: how many rounds.
        seconds: about how long one candidate runs in one round.
        device: what to wait for before the clock is read.

    >>> times = measure({"sum": lambda: sum(range(100)), "nothing": lambda: None}, rounds=3, seconds=0.001)
    >>> times["sum"].best > times["nothing"].best
    True
    """

    def run(function: Callable[[], object], calls: int) -> float:
        synchronize(device)
        start = time.perf_counter()
        for _ in range(calls):
            function()
        synchronize(device)
        return (time.perf_counter() - start) / calls

    calls = {}
    for name, function in candidates.items():
        # What first calls make - caches, a captured step - is no part of the time, nor of what a call is taken to cost.
        once = min(run(function, 1) for _ in range(WARM_UP))
        calls[name] = max(1, math.floor(seconds / max(once, 1e-9)))
    gc.collect()
    gc.freeze()
    samples: dict[str, list[float]] = {name: [] for name in candidates}
    try:
        for _ in range(rounds):
            for name, function in candidates.items():
                samples[name].append(run(function, calls[name]))
    finally:
        gc.unfreeze()
    return {name: Timing(min(times), statistics.median(times)) for name, times in samples.items()}


def synchronize(device: str) -> None:
    """Wait for the device, whoever was asked to use it."""
    backend.synchronize(device)
    torch = sys.modules.get("torch")
    if device != "cpu" and torch is not None and torch.cuda.is_available():
        torch.cuda.synchronize()


def optional(module: str) -> Any:
    """A module, or None where it is not installed: its column shows '-'."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def environment() -> dict[str, str]:
    """What the figures depend on: the processor, the versions, the threads, the BLAS kernels, the GPU that is used."""
    found = {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}",
        "versions": ", ".join([f"Python {platform.python_version()}", *_versions()]),
        "threads": os.environ.get("OMP_NUM_THREADS", "not set"),
    }
    if threadpoolctl := optional("threadpoolctl"):
        found["BLAS"] = "; ".join(
            f"{pool['internal_api']} {pool.get('version') or ''} ({pool.get('architecture') or 'unknown'} kernels, "
            f"{pool['num_threads']} threads)"
            for pool in threadpoolctl.threadpool_info()
            if pool["user_api"] == "blas"
        )
        found["OPENBLAS_CORETYPE"] = os.environ.get("OPENBLAS_CORETYPE", "not set (OpenBLAS chooses its kernels)")
    cupy = sys.modules.get("cupy")  # nobody imported it: nothing ran there
    if cupy is not None and cupy.cuda.is_available():
        found["GPU"] = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode()
    return found


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _versions() -> list[str]:
    versions = []
    for name in LIBRARIES:
        if name in sys.modules:
            try:
                versions.append(f"{name} {importlib.metadata.version(name)}")
            except importlib.metadata.PackageNotFoundError:
                versions.append(name)
    return versions


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns line up: the first to the left, the others to the right.

    >>> print(table(["op", "us"], [["add", "0.9"], ["matmul", "12.0"]]))
    | op     |   us |
    |--------|-----:|
    | add    |  0.9 |
    | matmul | 12.0 |
    """
    widths = [max(len(cells[i]) for cells in (head, *rows)) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        aligned = [cells[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True))]
        return f"| {' | '.join(aligned)} |"

    rule = f"|{'-' * (widths[0] + 2)}|{''.join('-' * (w + 1) + ':|' for w in widths[1:])}"
    return "\n".join([line(head), rule, *(line(row) for row in rows)])


def options_parser(description: str) -> argparse.ArgumentParser:
    """The options that all benchmarks have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few and short rounds: to see that it runs")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="a process for each (default: 1 2)")
    parser.add_argument("--rounds", type=int, default=20, help="how often all are measured in turn (default: 20)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    parser.add_argument("--device", default="cpu", help="where our tensors live (default: cpu)")
    return parser


def run_for_each_thread_count(
    module: str, options: argparse.Namespace, benchmark: Callable[[argparse.Namespace], dict[str, Any]]
) -> None:
    """Run the benchmark once for each number in `options.threads` and write what it returns to `options.json`.

    If the environment of this process is right for the only number, it runs here; else in new processes with the same
    command line.
    """
    if len(options.threads) == 1 and all(os.environ.get(v) == str(options.threads[0]) for v in THREAD_VARIABLES):
        report = benchmark(options)
        report["environment"] = environment()  # now, when all libraries have been imported
        print("\n" + "\n".join(f"{key}: {value}" for key, value in report["environment"].items()), flush=True)
        if options.json:
            options.json.write_text(json.dumps([report], indent=1), "utf-8")
        return
    reports = []
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "part.json"
        for threads in options.threads:
            # argparse lets the last of repeated options win.
            command = [sys.executable, "-m", module, *sys.argv[1:], "--threads", str(threads), "--json", str(part)]
            environ = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
            status = subprocess.run(command, env=environ, check=False).returncode
            if status:
                sys.exit(status)
            reports += json.loads(part.read_text("utf-8"))
            print()
    if options.json:
        options.json.write_text(json.dumps(reports, indent=1), "utf-8")
