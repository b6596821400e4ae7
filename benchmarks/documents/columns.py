"""Images as the columns of a matrix, with their targets: how lab2 and biswas have their examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygrad_lite as tg

from .report import Images


@dataclass
class Columns:
    """Images x (pixels, m) in [0, 1] and targets t (outputs, m), on a device."""

    x: Any
    t: Any

    @classmethod
    def of(cls, images: Images, outputs: int, dtype: str, device: str) -> Columns:
        """t_i says whether the image is of class i: one-hot columns with 10 outputs, "is it a zero?" with one."""
        x = np.ascontiguousarray(images.pixels.T, dtype)
        t = np.arange(outputs)[:, None] == images.classes
        return cls(tg.tensor(x, device=device), tg.tensor(t.astype(dtype), device=device))
