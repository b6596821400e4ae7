"""What the pictures of a run show: the figures are caught before they become files, and read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_lite.app import pictures

FILE = Path("unused.png")
Draw = Callable[..., Any]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Draw:
    """The figure that a function of `pictures` makes of its arguments."""

    def draw(function: Callable[..., None], *arguments: Any, **options: Any) -> Any:
        made: list[Any] = []
        monkeypatch.setattr(pictures, "save", lambda figure, path: made.append((figure, path)))
        function(*arguments, path=FILE, **options)
        ((figure, path),) = made
        assert path == FILE
        return figure

    return draw


def numbered(count: int) -> Any:
    """Images that can be told apart: all pixels of image i are i."""
    return np.arange(count, dtype=np.float32)[:, None, None, None] * np.ones((1, 1, 2, 3), np.float32)


def images_of(figure: Any) -> list[list[float]]:
    """The numbers of the images that each of the axes shows."""
    return [[float(image.get_array()[0, 0]) for image in axes.get_images()] for axes in figure.axes]


def test_mistakes_are_the_surest_first_with_true_and_predicted_class(drawn: Draw) -> None:
    targets, predicted = np.array([3, 0, 1, 2]), np.array([5, 0, 4, 7])
    confidence = np.array([0.6, 1.0, 0.9, 0.75])
    figure = drawn(pictures.mistakes, numbered(4), targets, predicted, confidence, list("0123456789"))
    assert figure.get_suptitle() == "3 of 4 test images are classified wrongly"
    assert [axes.get_title() for axes in figure.axes] == [
        "1 read as 4\n90% sure", "2 read as 7\n75% sure", "3 read as 5\n60% sure", "", ""]
    assert images_of(figure) == [[2], [3], [0], [], []]


def test_mistakes_in_classes_with_long_names_and_more_than_are_shown(drawn: Draw) -> None:
    targets, predicted = np.array([0, 1, 0]), np.array([1, 0, 1])
    arguments = numbered(3), targets, predicted, np.array([0.5, 0.7, 0.6]), ["bird", "ship"]
    figure = drawn(pictures.mistakes, *arguments, most=2)
    assert figure.get_suptitle() == "3 of 3 test images are classified wrongly; the 2 it was most sure of"
    assert [axes.get_title() for axes in figure.axes][:2] == [
        "ship\nread as bird\n70% sure", "bird\nread as ship\n60% sure"]


def test_no_mistakes(drawn: Draw) -> None:
    figure = drawn(pictures.mistakes, numbered(2), np.zeros(2, int), np.zeros(2, int), np.ones(2), ["0", "1"])
    assert figure.get_suptitle() == "None of 2 test images are classified wrongly"
    assert not figure.axes


def test_confusion_has_true_classes_in_rows_and_predicted_ones_in_columns(drawn: Draw) -> None:
    targets, predicted = np.array([0, 0, 0, 0, 1, 2, 2]), np.array([0, 1, 1, 1, 1, 0, 2])
    figure = drawn(pictures.confusion, targets, predicted, ["a", "b", "c"])
    axes = figure.axes[0]
    assert figure.get_suptitle() == "Test images by true and predicted class: 42.86% right"
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("true", "predicted")
    for axis in (axes.xaxis, axes.yaxis):
        assert axis.get_ticklocs().tolist() == [0, 1, 2]
        assert [label.get_text() for label in axis.get_ticklabels()] == ["a", "b", "c"]
    (image,) = axes.get_images()
    assert image.origin == "upper"  # row 0 on top
    assert image.get_array().tolist() == [[0.25, 0.75, 0], [0, 1, 0], [0.5, 0, 0.5]]
    counts = {text.get_position(): text.get_text() for text in axes.texts}  # (x, y): (predicted, true)
    assert counts == {(0, 0): "1", (1, 0): "3", (1, 1): "1", (0, 2): "1", (2, 2): "1"}


def test_curves_are_the_four_of_the_records(drawn: Draw) -> None:
    keys = ("loss", "test_loss", "accuracy", "test_accuracy")
    values = {"loss": [2.0, 1.0, 0.5], "test_loss": [1.9, 1.2, 0.9],
              "accuracy": [0.5, 0.6, 0.8], "test_accuracy": [0.4, 0.55, 0.75]}
    records = [{"epoch": epoch + 1, **{key: values[key][epoch] for key in keys}} for epoch in range(3)]
    figure = drawn(pictures.curves, records)
    assert figure.get_suptitle() == "Learning: 75.00% of the test images right after 3 epochs"
    assert [(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes] == [
        ("epoch", "cross-entropy"), ("epoch", "accuracy")]
    for axes, name in zip(figure.axes, ("loss", "accuracy"), strict=True):
        lines = {line.get_label(): line for line in axes.get_lines()}
        assert {label: list(line.get_ydata()) for label, line in lines.items()} == {
            "training (during the epoch)": values[name], "test (after it)": values[f"test_{name}"]}
        assert all(list(line.get_xdata()) == [1, 2, 3] for line in lines.values())
        assert len({line.get_color() for line in lines.values()}) == 2
        assert [text.get_text() for text in axes.get_legend().get_texts()] == list(lines)
        low, high = axes.get_ylim()
        assert low <= min(values[name] + values[f"test_{name}"])
        assert high >= max(values[name] + values[f"test_{name}"])


def test_the_rows_of_the_gallery_are_the_classes(drawn: Draw) -> None:
    targets = np.array([1, 0, 2, 1, 1, 0])
    figure = drawn(pictures.gallery, numbered(6), targets, each=2)
    assert images_of(figure) == [[1], [5], [0], [3], [2], []]  # two of each class, and there is but one 2
    rows = [axes.get_subplotspec().rowspan.start for axes in figure.axes]
    assert rows == [0, 0, 1, 1, 2, 2]


def test_an_image_is_ink_on_paper_or_in_colour(drawn: Draw) -> None:
    grey = numbered(1)
    colour = np.random.default_rng(0).random((1, 3, 2, 4), np.float32)
    (axes, *_) = drawn(pictures.gallery, grey, np.zeros(1, int), each=1).axes
    assert axes.get_images()[0].get_cmap().name == "gray_r"
    assert axes.get_images()[0].get_array().shape == (2, 3)
    (axes, *_) = drawn(pictures.gallery, colour, np.zeros(1, int), each=1).axes
    assert np.array_equal(axes.get_images()[0].get_array(), colour[0].transpose(1, 2, 0))
