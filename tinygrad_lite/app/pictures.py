"""Pictures of a run: curves, mistakes, the confusion matrix and a gallery of samples.

Importing this module needs matplotlib (the extra "train").  Figures are drawn off screen and know of no global state.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

BLUE, ORANGE, GREY = "#1f5fa8", "#d9642a", "#6b7280"


def figure(width: float, height: float, title: str) -> Figure:
    """An empty figure with a title, its size in inches."""
    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(made)
    made.suptitle(title, fontsize=13)
    return made


def save(made: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    made.savefig(path, dpi=130, facecolor="white")


def curves(epochs: Sequence[dict[str, float]], path: Path) -> None:
    """Loss and accuracy after each epoch, on the training and the test images."""
    last = epochs[-1]
    count = f"{len(epochs)} epoch{'s' if len(epochs) > 1 else ''}"
    made = figure(10, 4, f"Learning: {last['test_accuracy']:.2%} of the test images right after {count}")
    numbers = [e["epoch"] for e in epochs]
    marker = "o" if len(epochs) <= 50 else ""
    for axes, key, name in zip(made.subplots(1, 2), ("loss", "accuracy"), ("cross-entropy", "accuracy"), strict=True):
        for prefix, colour, label in (("", BLUE, "training (during the epoch)"), ("test_", ORANGE, "test (after it)")):
            values = [e[prefix + key] for e in epochs]
            axes.plot(numbers, values, color=colour, marker=marker, markersize=3, label=label)
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlim(0.5, len(epochs) + 0.5)
        axes.margins(y=0.15)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    made.axes[0].set_ylim(bottom=0)
    worst, best = made.axes[1].get_ylim()
    made.axes[1].set_ylim(top=min(best, 1 + 0.03 * (1 - worst)))  # no room for more than 100 %
    made.axes[1].yaxis.set_major_formatter(PercentFormatter(1))
    save(made, path)


def gallery(images: Any, targets: Any, path: Path, each: int = 12) -> None:
    """A row of `each` sample images for every class."""
    classes = int(targets.max()) + 1
    made = figure(each * 0.62, classes * 0.64 + 0.5, "What the network learns from")
    for k, row in enumerate(made.subplots(classes, each, squeeze=False)):
        for axes, i in zip(row, np.flatnonzero(targets == k)[:each], strict=False):
            show(axes, images[i])
        for axes in row:
            axes.set_axis_off()
    save(made, path)


def show(axes: Axes, image: Any) -> None:
    """An image, grey (height, width) as ink on paper, or in colour (3, height, width)."""
    colour = image.ndim == 3 and len(image) == 3
    axes.imshow(image.transpose(1, 2, 0) if colour else image.reshape(image.shape[-2:]), cmap="gray_r",
                interpolation="nearest")


def mistakes(images: Any, targets: Any, predicted: Any, confidence: Any, classes: Sequence[str], path: Path,
             most: int = 40) -> None:
    """Images classified wrongly, those of which the network was most sure first, with true and predicted class."""
    wrong = np.flatnonzero(predicted != targets)
    shown = wrong[np.argsort(-confidence[wrong], kind="stable")][:most]
    long = max(map(len, classes)) > 2
    columns = min(8 if long else 10, max(len(shown), 5))
    rows = -(-len(shown) // columns)
    verb = "is" if len(wrong) == 1 else "are"
    title = f"{f'{len(wrong):,}' if len(wrong) else 'None'} of {len(targets):,} test images {verb} classified wrongly"
    title += f"; the {len(shown)} it was most sure of" if len(shown) < len(wrong) else ""
    made = figure(columns * (1.25 if long else 1.05), rows * (1.6 if long else 1.38) + 0.6, title)
    grid: list[Axes] = made.subplots(rows, columns, squeeze=False).ravel().tolist() if rows else []
    for axes, i in zip(grid, shown, strict=False):
        show(axes, images[i])
        true, read = classes[targets[i]], classes[predicted[i]]
        said = f"{true}\nread as {read}" if long else f"{true} read as {read}"
        axes.set_title(f"{said}\n{confidence[i]:.0%} sure", fontsize=8, color=GREY)
    for axes in grid:
        axes.set_axis_off()
    save(made, path)


def confusion(targets: Any, predicted: Any, classes: Sequence[str], path: Path) -> None:
    """How often each true class (row) was given each predicted class (column); colour is the share of the row."""
    counts = np.zeros((len(classes), len(classes)), int)
    np.add.at(counts, (targets, predicted), 1)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    few = len(classes) <= 4
    made = figure(6 if few else 7, 4.6 if few else 6.4,
                  f"Test images by true and predicted class: {np.trace(counts) / counts.sum():.2%} right")
    axes = made.subplots()
    shown = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for true, read in np.ndindex(counts.shape):
        if counts[true, read]:
            axes.text(read, true, str(counts[true, read]), ha="center", va="center", fontsize=12 if few else 9,
                      color="white" if share[true, read] > 0.5 else "black")
    upright = few or max(map(len, classes)) <= 2
    axes.set_xticks(range(len(classes)), classes, rotation=0 if upright else 45, ha="center" if upright else "right")
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    made.colorbar(shown, ax=axes, format=PercentFormatter(1, decimals=0), label="share of the true class", shrink=0.85)
    save(made, path)
