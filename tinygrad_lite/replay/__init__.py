"""A training step without overhead: recorded once, compiled to straight-line NumPy, replayed and audited."""

from .replay import Capture, capture

__all__ = ["Capture", "capture"]
