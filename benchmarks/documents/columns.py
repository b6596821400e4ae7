"""Examples as the columns of a matrix, with their targets, and derived gradients: what lab2 and biswas share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import tinygrad_lite as tg

from .report import Images

Array: TypeAlias = NDArray[Any]
Parameters: TypeAlias = dict[str, Any]


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


def derived_gradients(x: Array, t: Array, parameters: Parameters, network: Callable[[Any, Parameters], list[Any]],
                      cost: Callable[[Any, Any], Any], device: str) -> tuple[Parameters, list[Array]]:
    """The gradients of cost(z_L, t) with respect to the parameters, by name, and to all of z_1 ... z_L = network(x)."""
    tensors = {name: tg.tensor(value, device=device, requires_grad=True) for name, value in parameters.items()}
    z = network(tg.tensor(x, device=device), tensors)
    found = tg.autograd.grad(cost(z[-1], tg.tensor(t, device=device)), [*tensors.values(), *z])
    gradients = [gradient.cpu().numpy() for gradient in found]
    return dict(zip(tensors, gradients, strict=False)), gradients[len(tensors):]
