"""The report's figures 6 to 14 again, and what its authors did not draw."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import nn

from ..report import tidy
from .equations import Array
from .training import Data, Run, largest_jump

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def curves(
    runs: dict[str, Run], sizes: dict[str, Run], combined: dict[str, list[float]], training: list[float]
) -> Figure:
    """Figures 8, 9, 11 and 12: the accuracy of the test images after each epoch."""
    from tinygrad_lite.app.pictures import figure

    made = figure(9, 6.2, "Accuracy of the test images (%): kth's figures 8, 9, 11 and 12")
    axes = made.subplots(2, 2).ravel()
    for name in ("lr 0.01", "lr 0.1", "lr 1", "lr 5"):
        plot(axes[0], runs[name].accuracies, name)
    axes[0].set_title("figure 8: learning rate (batch 1)", fontsize=10)
    for name in ("lr 0.1", "momentum 0.4", "momentum 0.8", "lr 0.5"):
        plot(axes[1], runs[name].accuracies, f"{name}, no momentum" if name.startswith("lr") else f"lr 0.1, {name}")
    axes[1].set_title("figure 9: momentum, and the rate that 0.8 amounts to", fontsize=10)
    for name, run in sizes.items():
        plot(axes[2], run.accuracies, name)
    axes[2].set_title("figure 11: batch size, square-root and linear rule", fontsize=10)
    first, *others = combined.items()
    plot(axes[3], first[1], f"{first[0]}, momentum 0.8")
    for name, accuracies in others:
        plot(axes[3], accuracies, f"{name}, from then on", len(first[1]) - len(accuracies) + 1)
    plot(axes[3], training, "batch 50, lr 0.71: training images", style="k:")
    axes[3].set_title("figure 12: a change after 25 epochs", fontsize=10)
    places = ("center right", "lower right", "lower right", "lower right")
    for panel, lowest, highest, place in zip(axes, (45, 88, 80, 91), (97, 97, 97, 98.5), places, strict=True):
        panel.set_ylim(lowest, highest)
        panel.set_xlabel("epoch")
        panel.legend(frameon=False, fontsize=8, loc=place)
    return made


def plot(axes: Any, values: Sequence[float], label: str, first: int = 1, style: str = "-") -> None:
    """A curve over the epochs."""
    axes.plot(range(first, first + len(values)), values, style, label=label, linewidth=1.4)
    tidy(axes)


def errors(curves: dict[str, list[float]]) -> Figure:
    """Figure 10."""
    from tinygrad_lite.app.pictures import figure

    made = figure(6.4, 4, "Mean square error of the training images: kth's figure 10")
    axes = made.subplots()
    for name, values in curves.items():
        plot(axes, values, name, 0)
    axes.set_xlabel("step after the first epoch")
    axes.set_ylabel("mean of (p - y)^2")
    axes.legend(frameon=False)
    return made


def jumps(jumps: dict[str, Run]) -> Figure:
    """The recall of each class after each epoch, where the accuracy jumps."""
    from tinygrad_lite.app.pictures import figure

    made = figure(10, 4, "The largest jumps of the accuracy, and the recall of each class")
    for axes, (name, run) in zip(made.subplots(1, len(jumps)), jumps.items(), strict=True):
        epoch, c, _, _ = largest_jump(run)
        for k, recall in enumerate(np.transpose(run.recalls).tolist()):
            axes.plot(range(1, len(recall) + 1), recall, linewidth=2 if k == c else 0.9, alpha=1 if k == c else 0.6,
                      label=f"class {k}")
        axes.plot(range(1, len(run.accuracies) + 1), run.accuracies, color="black", linewidth=2.2, label="all")
        axes.axvline(epoch + 1, color="#6b7280", linewidth=0.8, linestyle=":")
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("epoch")
        axes.set_ylabel("test images classified correctly (%)")
        tidy(axes)
    axes.legend(frameon=False, fontsize=8, ncols=2)
    return made


def descent(data: Data, models: Sequence[nn.Sequential]) -> Figure:
    """Figure 6 for the real network: the cost on the plane of the two main directions of its training.

    The parameters after each epoch, minus those after the last, have these principal directions; the cost is that of
    the first 1,000 training images.
    """
    from tinygrad_lite.app.pictures import figure

    points = np.array([np.concatenate([p.detach().to("cpu").numpy().ravel() for p in model.parameters()])
                       for model in models], dtype=np.float64)
    way = points - points[-1]
    _, _, directions = np.linalg.svd(way, full_matrices=False)
    path = way @ directions[:2].T
    reach = np.ptp(path, axis=0) * 0.35 + 1e-9
    grids = [np.linspace(path[:, i].min() - reach[i], path[:, i].max() + reach[i], 33) for i in range(2)]
    x, y = tg.as_tensor(data.x[:1000]), tg.as_tensor(data.y[:1000])
    probe = copy.deepcopy(models[-1])

    def cost(point: Array) -> float:
        begin = 0
        with tg.no_grad():
            for p in probe.parameters():
                p.copy_(tg.tensor(point[begin : begin + p.numel()].reshape(p.shape), dtype=tg.float32))
                begin += p.numel()
            return float((0.5 * ((probe(x) - y) ** 2).sum() / len(y)).item())

    U, V = np.meshgrid(*grids)
    surface = np.array([cost(points[-1] + u * directions[0] + v * directions[1])
                        for u, v in zip(U.ravel(), V.ravel(), strict=True)]).reshape(U.shape)
    heights = [cost(points[-1] + u * directions[0] + v * directions[1]) for u, v in path]
    made = figure(8.8, 3.8, "Descent on a loss surface (kth's figure 6): 784-32-10, from the first to the last epoch")
    space = made.add_subplot(1, 2, 1, projection="3d")
    space.plot_surface(U, V, surface, cmap="viridis", alpha=0.55, linewidth=0)
    space.plot(path[:, 0], path[:, 1], np.add(heights, 0.01), color="#d9642a", marker="o", markersize=2.5, zorder=10)
    space.set_xlabel("first direction", fontsize=8)
    space.set_ylabel("second", fontsize=8)
    space.set_zlabel("J")
    space.set_box_aspect(None, zoom=0.82)  # room for the labels
    space.tick_params(labelsize=7)
    space.view_init(38, -125)
    flat = made.add_subplot(1, 2, 2)
    made.colorbar(flat.contourf(U, V, surface, levels=14, cmap="viridis"), ax=flat, label="J, mean of 1,000 images")
    flat.plot(path[:, 0], path[:, 1], color="#d9642a", marker="o", markersize=3, label="after each epoch")
    flat.set_xlabel("first principal direction of the way")
    flat.set_ylabel("second")
    flat.legend(frameon=False, labelcolor="white")
    return made


def wrong(data: Data, missed: Array, classes: Array, p: Array, nearest: Array, most: int = 40) -> Figure:
    """The images that the network was surest of, though wrong; below each what the nearest training image is."""
    from tinygrad_lite.app.pictures import figure, show

    made = figure(10.4, 6.4, f"{len(missed)} of {len(data.test.classes):,} test images are classified wrongly; "
                             "those it was surest of")
    for k, axes in enumerate(made.subplots(4, most // 4).ravel()):
        axes.set_axis_off()
        if k < len(missed):
            show(axes, data.test.pixels[missed[k]].reshape(28, 28))
            said = f"{classes[k]} read as {p[k].argmax()}\n{p[k].max():.2f}, nearest: {nearest[k]}"
            axes.set_title(said, fontsize=7.5)
    return made


def readings(curves: dict[str, dict[str, list[float]]]) -> Figure:
    """Figure 14 in each reading: test images, and training images as dots."""
    from tinygrad_lite.app.pictures import figure

    made = figure(7.6, 4.6, "CIFAR-10, accuracy in per cent (dotted: training images): kth's figure 14")
    axes = made.subplots()
    for name, of_images in curves.items():
        plot(axes, of_images["test"], name)
        axes.plot(range(1, 1 + len(of_images["training"])), of_images["training"], ":", linewidth=1,
                  color=axes.get_lines()[-1].get_color())
    axes.axhline(41.94, color="#6b7280", linestyle="--", linewidth=0.8, label="published: 41.94")
    axes.axvline(10.5, color="#6b7280", linewidth=0.6)
    axes.set_xlabel("epoch (from the 11th on, batch 50)")
    axes.legend(frameon=False, fontsize=8)
    return made
