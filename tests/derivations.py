"""What the tests of the published derivations have in common."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_lite as tg
from tests.devices import DEVICES as OTHERS
from tinygrad_lite.engine import backend

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


def derived_by_rows(x: Any, t: Any, parameters: dict[str, Any], cost: Callable[..., Any],
                    activation: Callable[[Any], Any], device: str) -> tuple[dict[str, Any], list[Any]]:
    """What `columns.derived_gradients` returns, of a network (w1, b1, w2, ...) with examples as rows.

    Everything is transposed, then turned back; the cost sees the last pre-activation and t with examples as columns.
    """
    tensors = {name: tg.tensor(value.T, device=device, requires_grad=True) for name, value in parameters.items()}
    values, a, z = [*tensors.values()], tg.tensor(x.T, device=device), []
    for w, b in zip(values[::2], values[1::2], strict=True):
        z.append(a @ w + b)
        a = activation(z[-1])
    found = tg.autograd.grad(cost(z[-1].T, tg.tensor(t, device=device)), [*values, *z])
    gradients = [gradient.cpu().numpy().T for gradient in found]
    return dict(zip(tensors, gradients, strict=False)), gradients[len(tensors):]


def named(gradients: dict[str, Any], of_pre_activations: list[Any]) -> dict[str, Any]:
    """All of them by name, that of the pre-activation of layer k as "zk"."""
    return gradients | {f"z{layer}": gradient for layer, gradient in enumerate(of_pre_activations, 1)}
