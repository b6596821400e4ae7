"""How the battery (test_ops.py) calls each op, and what the op must compute: one `Case` per name in the registry.

An op without an entry here makes the battery fail. A case draws the arguments of a call, in float64 and away from the
points where the op has no derivative, and computes the result from the definition, with NumPy and none of our ops.
The modules are those of `tinygrad_lite/ops`.
"""

from . import (
    activation,
    attention,
    convolution,
    elementwise,
    factorization,
    indexing,
    loss,
    normalization,
    pool,
    products,
    recurrent,
    reduce,
    shape,
)
from .drawing import CASES, Arguments, Case, Maker

WITHOUT_CASE = {"to_device": "moves arrays between backends: see test_devices.py"}
"""The ops that the battery leaves out, each with the reason."""

__all__ = ["CASES", "WITHOUT_CASE", "Arguments", "Case", "Maker", "activation", "attention", "convolution",
           "elementwise", "factorization", "indexing", "loss", "normalization", "pool", "products", "recurrent",
           "reduce", "shape"]
