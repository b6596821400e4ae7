"""What the tests of the published derivations have in common."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.devices import DEVICES as OTHERS
from tinygrad_lite import backend

DEVICES = [backend.numpy, *OTHERS]
"""NumPy, the strict stand-in for CuPy, and CuPy where there is a GPU."""

seeds = st.integers(0, 2**32 - 1)


def assert_same(derived: Mapping[str, Any], by_hand: Mapping[str, Any]) -> None:
    """The same names and shapes; every entry to 1e-10 of the largest one of its array, however small that is."""
    assert derived.keys() == by_hand.keys()
    for name, expected in by_hand.items():
        assert derived[name].shape == expected.shape, name
        assert np.isfinite(expected).all(), name
        scale = np.abs(expected).max(initial=np.finfo(expected.dtype).tiny)
        np.testing.assert_allclose(derived[name] / scale, expected / scale, rtol=0, atol=1e-10, err_msg=name)
