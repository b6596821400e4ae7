"""What a trained network sees in an image: one of its dataset's test images, or any image file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import autograd
from ..creation import from_numpy
from ..engine.extras import require
from ..saving import load
from .runs import WEIGHTS, settings_of
from .training import DATASETS, network, task

Image = NDArray[np.float32]
SHADES = " .:-=+*#%@"


@dataclass
class Prediction:
    """The probability of each class, and what was looked at: float32 (channels, height, width) in [0, 1]."""

    image: Image
    source: str
    classes: list[str]
    probabilities: NDArray[np.float64]
    true: int | None = None

    @property
    def best(self) -> int:
        """The most probable class."""
        return int(self.probabilities.argmax())

    def __str__(self) -> str:
        width = max(map(len, self.classes))
        lines = [f"  {self.classes[k]:>{width}} {p:7.2%}  {'█' * round(40 * p)}".rstrip()
                 for k, p in sorted(enumerate(self.probabilities.tolist()), key=lambda pair: -pair[1])]
        verdict = "" if self.true is None else (
            " (right)" if self.true == self.best else f" (wrong: it is {self.classes[self.true]})")
        return "\n".join([self.source, *drawn(self.image), "", *lines, "",
                          f"answer: {self.classes[self.best]}{verdict}"])


def predict(folder: Path, image: Path | None = None, index: int | None = None) -> Prediction:
    """What the network of the run in `folder` sees in an image file, or in the test image of that index.

    Raises FileNotFoundError for a folder without weights or an image that is not there, IndexError for an index out of
    range, and ValueError for a file that is no image.
    """
    settings = settings_of(folder)
    if not (folder / WEIGHTS).is_file():
        raise FileNotFoundError(f"{folder} holds no {WEIGHTS}: its training has not finished; go on with: "
                                f"python -m tinygrad_lite train --resume {folder}")
    test = DATASETS[settings.dataset](train=False)
    shape = tuple(test[0][0].shape)
    what = task(settings, test)
    true: int | None = None
    if image is None:
        number = 0 if index is None else index
        if not 0 <= number < len(test):
            raise IndexError(f"index {number}: the test images of {settings.dataset} are numbered 0 to {len(test) - 1}")
        pixels, label = test[number]
        true = int(what.targets(np.asarray(label)))
        source = f"test image {number} of {settings.dataset}"
    else:
        pixels, source = read(image, shape), str(image)
    model = network(settings, shape, len(what.classes)).to(settings.dtype)
    model.load_state_dict(load(folder / WEIGHTS))
    model.eval()
    with autograd.no_grad():
        probabilities = what.probabilities(model(from_numpy(pixels[None]).to(settings.dtype)))
    return Prediction(pixels, source, what.classes, probabilities.numpy()[0].astype(np.float64), true)


def read(path: Path, shape: tuple[int, ...]) -> Image:
    """An image file as the datasets have their images: float32 of `shape` in [0, 1].

    A colour dataset's is resized.  A grey one's is treated as MNIST's digits were: its strokes are made light on dark,
    cut out, scaled so that the longer side fills 20 of the 28 pixels, and put with the centre of mass into the middle;
    unless it has the right size already, and is only made light on dark.
    Source of that treatment: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-based learning applied to document
    recognition, Proceedings of the IEEE, 1998.

    Raises FileNotFoundError, and ValueError for a file that is no image or shows nothing.
    """
    pillow = require("PIL.Image", "train")
    image = _opened(path)
    height, width = shape[1:]
    if shape[0] == 3:
        colours = image.convert("RGB").resize((width, height), pillow.Resampling.BILINEAR)
        return np.ascontiguousarray(_in_unit_range(colours).transpose(2, 0, 1))
    if image.size == (width, height):
        grey = _grey(image)
        border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
        return (np.float32(1) - grey if np.median(border) > 0.5 else grey)[None]
    image = image.convert("L")
    image.thumbnail((400, 400), pillow.Resampling.BOX)
    blur = require("PIL.ImageFilter", "train").GaussianBlur(max(image.size) / 200)  # or noise would count as strokes
    strokes = _strokes(_grey(image.filter(blur)))
    inked = strokes > 0.4
    if not inked.any():
        raise ValueError(f"{path}: the image is empty: no pixel stands out from its border")
    rows, columns = (np.flatnonzero(inked.any(axis)) for axis in (1, 0))
    cut = strokes[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = (20 / 28) * min(height, width) / max(cut.shape)
    size = tuple(max(round(n * scale), 1) for n in cut.shape[::-1])
    scaled = pillow.fromarray((cut * 255).astype(np.uint8)).resize(size, pillow.Resampling.BOX)
    return _centred(_grey(scaled), height, width)[None]


def _opened(path: Path) -> Any:
    """The image in a file, upright, without transparency and with 8 bits a channel."""
    pillow, operations = require("PIL.Image", "train"), require("PIL.ImageOps", "train")
    try:
        with pillow.open(path) as opened:
            image = operations.exif_transpose(opened).copy()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there is no such image file") from None
    except (OSError, SyntaxError, ValueError, pillow.DecompressionBombError) as error:
        raise ValueError(f"{path}: not an image file that can be read ({error})") from error
    if image.mode[0] in "IF":  # grey with 16 or 32 bits
        values = np.asarray(image, np.float32)
        values = values - values.min()
        return pillow.fromarray((values * (255 / max(float(values.max()), 1e-9))).astype(np.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        opaque = np.asarray(image)[..., 3] > 127
        dark = _grey(image)[opaque].mean() < 0.5 if opaque.any() else True
        return pillow.alpha_composite(pillow.new("RGBA", image.size, "white" if dark else "black"), image)
    return image


def _grey(image: Any) -> Image:
    return _in_unit_range(image.convert("L"))


def _in_unit_range(image: Any) -> Image:
    values: Any = np.asarray(image, np.float32)
    return values / np.float32(255)  # type: ignore[no-any-return]


def _strokes(grey: Image) -> Image:
    """How far each pixel stands out from the background, darker or lighter: 0 for paper, about 1 within a stroke.

    The background is a plane, for light falls in from one side, and fitted to the border's pixels; once more to the
    half of them that is closest to it, for a stroke may touch the border.
    """
    y, x = np.indices(grey.shape)
    plane = np.stack([np.ones_like(grey), x / grey.shape[1], y / grey.shape[0]], -1)
    border = np.ones(grey.shape, bool)
    border[1:-1, 1:-1] = False
    terms, values = plane[border], grey[border]
    close = np.ones(len(values), bool)
    for _ in range(2):
        coefficients = np.linalg.lstsq(terms[close], values[close], rcond=None)[0]
        distance = np.abs(terms @ coefficients - values)
        close = distance <= np.median(distance)
    out = grey - plane @ coefficients
    out = out if (out**3).sum() > 0 else -out
    if out.max() < 0.1:
        return np.zeros_like(grey)
    result: Image = np.clip(out / out[out > out.max() / 2].mean(), 0, 1).astype(np.float32)
    return np.where(result > 0.2, result, np.float32(0))


def _centred(small: Image, height: int, width: int) -> Image:
    """A dark image with `small` in it, its centre of mass in the middle as far as there is room."""
    result = np.zeros((height, width), np.float32)
    weight = small.sum()
    top, left = (
        int(np.clip(round(side / 2 - float((np.arange(n) + 0.5) @ small.sum(1 - axis)) / weight), 0, side - n))
        for axis, (side, n) in enumerate(zip((height, width), small.shape, strict=True)))
    result[top : top + small.shape[0], left : left + small.shape[1]] = small
    return result


def drawn(image: Image) -> list[str]:
    """An image as lines of text, a row of characters for two rows of pixels."""
    grey: Any = image.mean(0)
    if len(grey) % 2:
        grey = np.concatenate([grey, grey[-1:]])
    pairs = grey.reshape(len(grey) // 2, 2, -1).mean(1)
    levels = (pairs * (len(SHADES) - 1) + 0.5).astype(int)
    return ["  " + "".join(SHADES[k] for k in row).rstrip() for row in levels]
