"""What the experiments have in common: the data, the table of findings, the file of results, the pictures."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import timing
from tinygrad_lite.datasets import CIFAR10, MNIST, Digits
from tinygrad_lite.engine import backend, extras

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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
    seeds: dict[str, list[int]] = field(default_factory=dict)

    def images(self, train: bool, name: str = "mnist") -> Images:
        """MNIST ("mnist") or CIFAR-10 ("cifar10"); with `quick` the embedded digits in the place of both."""
        dataset = self.dataset(train, name)
        return Images(dataset.images.reshape(len(dataset), -1) / 255, np.asarray(dataset.targets))

    def dataset(self, train: bool, name: str) -> Any:
        """The data set that `images` makes rows of."""
        if self.quick:
            return Digits(train)
        return {"mnist": MNIST, "cifar10": CIFAR10}[name](self.data, train)

    def check(self, datasets: Iterable[str]) -> None:
        """Complain now, not after an hour, if the device, the pictures or the data cannot be had.

        Raises:
            RuntimeError: there is no such device.
            ImportError: the `plots` extra is missing, and pictures are wanted.
            OSError: a data set is missing, or the folder of results or of pictures cannot be made.
        """
        for kind, folder in (("results", self.results), ("pictures", self.pictures)):
            if folder is not None:
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                except FileExistsError as error:
                    raise NotADirectoryError(f"{folder} is a file, and a folder to write to is needed") from error
                except OSError as error:
                    raise OSError(f"cannot make the folder of {kind}: {error}") from error
        backend.named(self.device)
        if self.pictures is not None:
            extras.require("matplotlib", "plots")
        for name in datasets:
            try:
                self.dataset(False, name)
            except (ImportError, OSError) as error:
                error.add_note("(--data DIR names that folder)")
                raise

    def find(
        self, experiment: str, published: str, reading: str, measured: str, verdict: str, *, any_images: bool = False
    ) -> None:
        """Add a line to the table, and say it at once: experiments take their time.

        A quick run sees other images, and few of them: no verdict on what was published, but where it would be the same
        for `any_images`.
        """
        if self.quick and not any_images:
            verdict = "of other images"
        self.findings.append(Finding(experiment, published, reading, measured, verdict))
        print(f"  {experiment}: published {published}; {reading}: measured {measured} - {verdict}", flush=True)

    @contextmanager
    def timed(self, experiment: str, seeds: Iterable[int] = ()) -> Iterator[None]:
        """Within, the time is counted to an experiment, which draws from these seeds."""
        self.seeds[experiment] = sorted({*self.seeds.get(experiment, ()), *seeds})
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

    def write(self, failure: str | None = None) -> None:
        """Print the table and write the file of results; after a failure to another file than that of a whole run."""
        print(f"\n{self.table()}\n")
        if self.results is None:
            return
        content = {
            "document": self.document, "quick": self.quick, "device": self.device,
            "environment": timing.environment(), "date": time.strftime("%Y-%m-%d"),
            "seconds": {name: round(s, 2) for name, s in self.seconds.items()},
            "seeds": {name: seeds for name, seeds in self.seeds.items() if seeds},
            "findings": [asdict(finding) for finding in self.findings], "series": self.series}
        kind = ("-quick" if self.quick else "") + ("-incomplete" if failure else "")
        path = self.results / f"{self.document}{kind}.json"
        if failure:
            content["failure"] = failure
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False, default=_plain) + "\n", encoding="utf-8")
        print(f"written to {path}")


def largest_difference(pairs: Iterable[tuple[NDArray[Any], NDArray[Any]]]) -> float:
    """The largest difference of two arrays, as a share of the largest entry of the second, of all pairs; NaN if one is.

    >>> largest_difference([(np.array([1.0, 2.0]), np.array([1.0, 4.0]))])
    0.5
    """
    worst = 0.0
    for one, other in pairs:
        scale = np.abs(other).max()
        worst = float(np.maximum(worst, np.abs(one - other).max() / (scale or 1)))
    return worst


def spread(values: Sequence[float]) -> str:
    """Mean, smallest and largest.

    >>> spread([95.1, 95.4, 95.2])
    '95.23 (95.10 to 95.40)'
    """
    return f"{np.mean(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def agreement(published: float, values: Sequence[float], tolerance: float = 0.2) -> str:
    """Whether a published accuracy is within the spread of the seeds, or within `tolerance` of it."""
    if min(values) <= published <= max(values):
        return "agrees, within the seeds"
    gap = max(min(values) - published, published - max(values))
    side = "above" if published < min(values) else "below"
    return f"{'agrees nearly' if gap <= tolerance else 'DISAGREES'}: measured {gap:.2f} {side}"


def tidy(axes: Axes) -> None:
    """A light grid and no frame, as in the project's other pictures."""
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _plain(x: Any) -> Any:
    """NumPy's numbers and arrays as JSON has them."""
    return x.tolist()
