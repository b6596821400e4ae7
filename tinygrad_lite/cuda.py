"""The GPU under the names of `torch.cuda`: what scripts ask before they choose a device.

>>> import tinygrad_lite as tg
>>> device = tg.device("cuda" if tg.cuda.is_available() else "cpu")
>>> tg.zeros(2).to(device).device == device
True
"""

from __future__ import annotations

from .engine import backend
from .engine.backend import cuda_is_available as is_available
from .random import manual_seed

__all__ = ["device_count", "is_available", "manual_seed", "manual_seed_all", "synchronize"]

manual_seed_all = manual_seed  # one generator is the source of the draws on all devices


def device_count() -> int:
    """How many GPUs CuPy sees; 0 where `is_available()` is False."""
    return int(backend.named("cuda").module.cuda.runtime.getDeviceCount()) if is_available() else 0


def synchronize(device: str = "cuda") -> None:
    """Wait until the GPU has done all that was asked of it, as one does before looking at a clock.

    Raises ImportError or RuntimeError, with what to do, where there is none.
    """
    backend.synchronize(device)
