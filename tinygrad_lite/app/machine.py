"""What this machine has for training: versions, devices, BLAS kernels and threads; and what would make it faster."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..datasets.storage import data_folder
from ..engine import backend

PACKAGES = {"matplotlib": "plots", "pillow": "train", "pooch": "data", "safetensors": "saving",
            "threadpoolctl": "train", "tqdm": "train"}  # fmt: skip
"""What is used where it is installed, and the extra that installs it."""

FOLDERS = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "cifar-10-batches-bin": "CIFAR10"}


@dataclass
class Machine:
    """What was found."""

    cores: int
    processor: str
    flags: frozenset[str]
    blas: list[dict[str, Any]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)


def inspect() -> Machine:
    """Look at this machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    about = _processor()
    libraries: list[dict[str, Any]] = []
    if importlib.util.find_spec("threadpoolctl"):
        libraries = importlib.import_module("threadpoolctl").threadpool_info()
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_CORETYPE", "TINYGRAD_LITE_DATA")
    return Machine(
        min(cores, _quota() or cores), about.get("model name", platform.processor() or platform.machine()),
        frozenset(about.get("flags", "").split()), [lib for lib in libraries if lib.get("user_api") == "blas"],
        {name: os.environ[name] for name in names if name in os.environ})


def report() -> str:
    """What `python -m tinygrad_lite info` prints."""
    machine = inspect()
    rows = [
        ("tinygrad_lite", f"{__version__}, Python {platform.python_version()} on {platform.system()}"),
        ("processor", f"{machine.processor}, {_count(machine.cores, 'core')} for this process"),
        ("numpy", np.__version__), *_blas(machine), ("speed", f"{gflops():.0f} GFLOP/s in a float32 matrix product"),
        ("devices", _devices()),
        *((name, value) for name, value in machine.environment.items()),
        ("data", f"{data_folder()}: {_datasets(data_folder())}"),
        ("packages", _packages()),
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {value}" for name, value in rows]
    found = list(advice(machine))
    return "\n".join([*lines, "", *(f"advice: {text}" for text in found)] if found else lines)


def advice(machine: Machine) -> Iterator[str]:
    """What would make training on this machine faster."""
    threads = max((lib.get("num_threads", 1) for lib in machine.blas), default=None)
    if threads is None:
        yield 'pip install "tinygrad-lite[train]" to see which BLAS kernels and how many threads NumPy uses'
    elif threads > machine.cores:
        yield (f"BLAS starts {threads} threads, but {_count(machine.cores, 'core')} can run them: "
               f"set OPENBLAS_NUM_THREADS={machine.cores}")
    elif threads > 1:
        yield ("networks as small as those for MNIST are often faster with OPENBLAS_NUM_THREADS=1, above all on a busy "
               "machine: try both")
    kernels = {lib.get("architecture") for lib in machine.blas if lib.get("internal_api") == "openblas"}
    if "Haswell" in kernels and "avx512f" in machine.flags:
        yield ("this processor has AVX-512, but OpenBLAS runs its Haswell kernels: OPENBLAS_CORETYPE=SkylakeX, set "
               "before Python starts, can double the speed of float32 matrix products")


def gflops(n: int = 512, seconds: float = 0.2) -> float:
    """The speed of a float32 matrix product of size n, in 10^9 additions and multiplications a second."""
    a = np.ones((n, n), np.float32)
    a @ a
    best, begun = float("inf"), time.perf_counter()
    while time.perf_counter() - begun < seconds:
        started = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - started)
    return 2 * n**3 / best / 1e9


def _blas(machine: Machine) -> Iterator[tuple[str, str]]:
    for lib in machine.blas:
        name = "OpenBLAS" if lib["internal_api"] == "openblas" else lib["internal_api"]
        kernels = f", {lib['architecture']} kernels" if lib.get("architecture") else ""
        yield "BLAS", f"{name} {lib.get('version', '')}{kernels}, {_count(lib.get('num_threads', 1), 'thread')}"
    if not machine.blas:
        known = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        yield "BLAS", f"{known.get('name', 'unknown')} {known.get('version', '')}".strip()


def _devices() -> str:
    if not importlib.util.find_spec("cupy"):
        return 'cpu (for a GPU: pip install "tinygrad-lite[cuda13]" or [cuda12])'
    try:
        cupy = backend.named("cuda").module
    except RuntimeError as error:
        return f"cpu ({error})"
    about = cupy.cuda.runtime.getDeviceProperties(0)
    return f"cpu, cuda ({about['name'].decode()}, CuPy {cupy.__version__})"


def _datasets(folder: Path) -> str:
    there = [name for subfolder, name in FOLDERS.items() if any((folder / subfolder).glob("*"))]
    return ", ".join(["Digits (embedded)", *there])


def _packages() -> str:
    parts = []
    for name, extra in PACKAGES.items():
        try:
            parts.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            parts.append(f"no {name} [{extra}]")
    return ", ".join(parts)


def _processor() -> dict[str, str]:
    """The first entry of Linux's list of processors; empty elsewhere."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return {}
    entries = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {key.strip(): value.strip() for key, _, value in entries}


def _quota() -> int | None:
    """How many cores a container may use; None without a limit."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else max(round(int(quota) / int(period)), 1)


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'s' if n != 1 else ''}"
