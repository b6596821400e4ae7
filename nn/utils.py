"""What is done to all parameters of a network at once: clipping their gradients, and reading them as one vector.

Names, arguments and values are those of `torch.nn.utils`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from .. import ops
from .._tensor import Tensor
from ..autograd import no_grad
from ..creation import tensor
from ..engine.graph import Array
from ..engine.operation import update

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "parameters_to_vector",
    "vector_to_parameters",
]


def clip_grad_norm_(parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0,
                    error_if_nonfinite: bool = False) -> Tensor:
    """Scale the gradients of all parameters by one factor, so that their norm is at most `max_norm`; return the norm.

    The norm is that of all gradients as one vector, n = (sum |g| ** norm_type) ** (1 / norm_type), or max |g| for
    norm_type inf, as it was before.  Each g becomes g * min(max_norm / (n + 1e-6), 1), in place.  If n is inf that is 0
    (and nan where g is inf), and all are nan if n is nan.  It works in captured steps.

    Raises RuntimeError with `error_if_nonfinite` if n is inf or nan; that reads a value, which a captured step cannot.
    Source: Pascanu, Mikolov, Bengio, On the difficulty of training recurrent neural networks, ICML 2013.

    >>> import tinygrad_lite as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * tg.tensor([3.0, 4.0])).sum().backward()
    >>> tg.nn.utils.clip_grad_norm_([w], max_norm=1.0)
    tensor(5.)
    >>> w.grad
    tensor([0.6000, 0.8000])
    """
    parameters = _list_of(parameters)
    total_norm = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total_norm)
    return total_norm


def get_total_norm(tensors: Tensor | Iterable[Tensor], norm_type: float = 2.0,
                   error_if_nonfinite: bool = False) -> Tensor:
    """The norm of all tensors as one vector, a constant; see `clip_grad_norm_`.

    Raises RuntimeError with `error_if_nonfinite` if it is inf or nan.

    >>> import tinygrad_lite as tg
    >>> tg.nn.utils.get_total_norm([tg.tensor([3.0]), tg.tensor([4.0])])
    tensor(5.)
    """
    arrays, norm_type = [t.array for t in _list_of(tensors)], float(norm_type)
    if not arrays:
        return tensor(0.0)
    total = np.zeros((), np.result_type(*(array.dtype for array in arrays)), like=arrays[0])
    measure(total, arrays, norm_type)
    total_norm = Tensor(total)
    if error_if_nonfinite and not math.isfinite(total_norm.item()):
        raise RuntimeError(f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it "
                           "cannot be clipped. To disable this error and scale the gradients by the non-finite norm "
                           "anyway, set `error_if_nonfinite=False`")
    return total_norm


@no_grad()
def clip_grads_with_norm_(parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor) -> None:
    """Scale the gradients of all parameters by min(max_norm / (total_norm + 1e-6), 1), in place.

    >>> import tinygrad_lite as tg
    >>> w = tg.ones(2, requires_grad=True)
    >>> w.sum().backward()
    >>> tg.nn.utils.clip_grads_with_norm_(w, 1.0, tg.tensor(4.0))
    >>> w.grad
    tensor([0.2500, 0.2500])
    """
    factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    for gradient in _gradients(_list_of(parameters)):
        scale(gradient.array, factor.array)


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Bring each element of the gradients of all parameters to [-clip_value, clip_value], in place.

    >>> import tinygrad_lite as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * tg.tensor([3.0, -0.5])).sum().backward()
    >>> tg.nn.utils.clip_grad_value_(w, 1.0)
    >>> w.grad
    tensor([ 1.0000, -0.5000])
    """
    for gradient in _gradients(_list_of(parameters)):
        bound(gradient.array, float(clip_value))


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of the parameters, one after the other, as one vector with their history.

    >>> import tinygrad_lite as tg
    >>> tg.nn.utils.parameters_to_vector([tg.ones(2), tg.zeros(1, 2)])
    tensor([1., 1., 0., 0.])
    """
    return ops.cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Let the parameters be parts of `vec`, one after the other, and share its memory.

    Raises TypeError if `vec` is no Tensor, RuntimeError if it is too short.

    >>> import tinygrad_lite as tg
    >>> w, b = tg.zeros(2, 1), tg.zeros(1)
    >>> tg.nn.utils.vector_to_parameters(tg.tensor([1.0, 2.0, 3.0]), [w, b])
    >>> b
    tensor([3.])
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    start = 0
    for p in parameters:
        end = start + p.numel()
        p.data = vec[start:end].reshape(p.shape).data
        start = end


def _list_of(tensors: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _gradients(parameters: Iterable[Tensor]) -> list[Tensor]:
    return [gradient for p in parameters if (gradient := p.grad) is not None]


# --- the arithmetic ---------------------------------------------------------------------------------------------------


@update("total")
def measure(total: Array, arrays: Sequence[Array], norm_type: float) -> None:
    """total[...] = the norm of the norms of the arrays."""
    total[...] = norm(np.stack([norm(array, norm_type) for array in arrays]), norm_type)


def norm(x: Array, p: float) -> Array:
    """The p-norm of an array as one vector; for p = 2 it is read once, and nothing of its size is allocated."""
    if p < 0 and x.size == 0:
        raise RuntimeError(f"cannot compute the {p:g} norm on an empty tensor because the operation has no identity")
    if x.size == 1 and p != 0:
        return np.abs(x).reshape(())
    if p == 2:
        flat = x.ravel(order="K") if x.dtype.itemsize > 2 else x.astype(np.float32).ravel()
        return np.sqrt(np.dot(flat, flat))
    size = np.abs(x)
    if p == math.inf:
        return np.max(size)
    if p == -math.inf:
        return np.min(size)
    if p == 0:
        return np.sum(x != 0)
    return np.add.reduce(size, None) if p == 1 else np.add.reduce(size**p, None) ** (1 / p)


@update("grad")
def scale(grad: Array, factor: Array) -> None:
    """grad[...] = grad * factor."""
    grad *= factor


@update("grad")
def bound(grad: Array, value: float) -> None:
    """grad[...] = min(max(grad, -value), value), in one pass."""
    np.clip(grad, -value, value, out=grad)
