"""What a report's experiments have in common: the data, the table of findings, the file of results, the pictures."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import timing
from tinygrad_lite import backend
from tinygrad_lite.datasets import CIFAR10, MNIST, Digits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESULTS = Path(__file__).parent / "results"
PICTURES = Path(__file__).parents[2] / "docs" / "pictures" / "documents"


@dataclass(frozen=True)
class Finding:
    """One published figure or claim beside what was measured."""

    experiment: str
    published: str
    reading: str
    measured: str
    verdict: str


@dataclass
class Images:
    """Images as rows of pixels in [0, 1], float64 (N, pixels), and their classes, int64 (N,)."""

    pixels: NDArray[np.float64]
    classes: NDArray[np.int64]

    def first(self, count: int) -> Images:
        """The first `count` of them."""
        return Images(self.pixels[:count], self.classes[:count])


@dataclass
class Report:
    """The findings of one document, as they come in."""

    document: str
    quick: bool = False
    data: Path | None = None
    device: str = "cpu"
    results: Path | None = RESULTS
    pictures: Path | None = PICTURES
    findings: list[Finding] = field(default_factory=list)
    series: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def images(self, train: bool, name: str = "mnist") -> Images:
        """MNIST ("mnist") or CIFAR-10 ("cifar10"); with `quick` the embedded digits in the place of both."""
        dataset: Any
        if self.quick:
            dataset = Digits(train)
        else:
            dataset = {"mnist": MNIST, "cifar10": CIFAR10}[name](self.data, train)
        return Images(dataset.images.reshape(len(dataset), -1) / 255, np.asarray(dataset.targets))

    def find(self, experiment: str, published: str, reading: str, measured: str, verdict: str) -> None:
        """Add a line to the table, and say it at once: experiments take their time."""
        self.findings.append(Finding(experiment, published, reading, measured, verdict))
        print(f"  {experiment}: published {published}; {reading}: measured {measured} - {verdict}", flush=True)

    @contextmanager
    def timed(self, experiment: str) -> Iterator[None]:
        """Within, the time is counted to an experiment."""
        backend.synchronize(self.device)
        begun = time.perf_counter()
        yield
        backend.synchronize(self.device)
        self.seconds[experiment] = self.seconds.get(experiment, 0) + time.perf_counter() - begun

    def picture(self, name: str, made: Figure) -> None:
        """Write a figure as PNG, if pictures are wanted."""
        if self.pictures is not None:
            self.pictures.mkdir(parents=True, exist_ok=True)
            made.savefig(self.pictures / f"{self.document}-{name}.png", dpi=110, facecolor="white")

    def table(self) -> str:
        """The findings as a table in Markdown."""
        head = [f.name for f in fields(Finding)]
        rows = [head, ["---"] * len(head), *([*asdict(finding).values()] for finding in self.findings)]
        return "\n".join("| " + " | ".join(row) + " |" for row in rows)

    def write(self) -> None:
        """Print the table and write the file of results."""
        print(f"\n{self.table()}\n")
        if self.results is None:
            return
        self.results.mkdir(parents=True, exist_ok=True)
        content = {
            "document": self.document, "quick": self.quick, "device": self.device,
            "environment": timing.environment(), "date": time.strftime("%Y-%m-%d"),
            "seconds": {name: round(s, 2) for name, s in self.seconds.items()},
            "findings": [asdict(finding) for finding in self.findings], "series": self.series}
        path = self.results / f"{self.document}{'-quick' if self.quick else ''}.json"
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False, default=_plain) + "\n", encoding="utf-8")
        print(f"written to {path}")


def _plain(x: Any) -> Any:
    """NumPy's numbers and arrays as JSON has them."""
    return x.tolist()
