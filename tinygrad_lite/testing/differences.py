"""Gradients against central differences: `gradcheck`, `gradgradcheck`, with PyTorch's names, arguments and errors."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import autograd
from .._tensor import Tensor
from ..engine import backend, graph

Matrix = NDArray[Any]


class GradcheckError(RuntimeError):
    """An analytical gradient is wrong; raised by `gradcheck` and `gradgradcheck`."""


def gradcheck(func: Callable[..., Any], inputs: Any, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3,
              raise_exception: bool = True, nondet_tol: float = 0.0, check_undefined_grad: bool = True,
              check_grad_dtypes: bool = False, check_batched_grad: bool = False,
              check_batched_forward_grad: bool = False, check_forward_ad: bool = False,
              check_backward_ad: bool = True, fast_mode: bool = False) -> bool:
    """Whether backward agrees with central differences, (f(x + eps) - f(x - eps)) / (2 eps), of `func(*inputs)`.

    Every entry of the Jacobian of each output with respect to each input must satisfy
    |analytical - numerical| <= atol + rtol |numerical|.  The tolerances are made for float64.

    Args:
        func: returns a Tensor or a tuple of them; what is no floating Tensor is ignored, as are inputs that do not
            require grad.
        inputs: a Tensor or a tuple.
        raise_exception: raise GradcheckError, or else return False.
        nondet_tol: how far two calls and two backward passes may differ.
        check_undefined_grad: let an `autograd.Function` with several outputs meet undefined gradients.
        check_grad_dtypes: compare also the dtypes of gradients and inputs.
        fast_mode: compare u' J v for random u and v instead of every entry.

    Raises ValueError if no input requires grad, or one is an expanded tensor, whose elements share memory, and
    NotImplementedError for the checks of batched gradients and of forward mode, which this library does not have.

    >>> import tinygrad_lite as tg
    >>> x = tg.tensor([0.5, 2.0], dtype=tg.float64, requires_grad=True)
    >>> tg.testing.gradcheck(lambda x: x.tanh() * x, x)
    True

    Source: `torch.autograd.gradcheck`.
    """
    if check_batched_grad or check_batched_forward_grad or check_forward_ad or not check_backward_ad:
        raise NotImplementedError("gradcheck: there are no batched gradients and no forward mode here; "
                                  "only check_backward_ad is possible")
    given = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
    check = _Check(func, tuple(given), eps, atol, rtol, nondet_tol, check_undefined_grad, check_grad_dtypes)
    try:
        check.run(fast_mode)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(func: Callable[..., Any], inputs: Any, grad_outputs: Any = None, *, eps: float = 1e-6,
                  atol: float = 1e-5, rtol: float = 1e-3, gen_non_contig_grad_outputs: bool = False,
                  raise_exception: bool = True, nondet_tol: float = 0.0, check_undefined_grad: bool = True,
                  check_grad_dtypes: bool = False, check_batched_grad: bool = False, fast_mode: bool = False) -> bool:
    """Whether the gradients of gradients of `func(*inputs)` agree with central differences of its gradients.

    `gradcheck` of the function (inputs, grad_outputs) -> gradients of the inputs, whose arguments it shares.
    `grad_outputs` default to random numbers; `gen_non_contig_grad_outputs` makes their memory non-contiguous.

    >>> import tinygrad_lite as tg
    >>> x = tg.tensor([0.5, 2.0], dtype=tg.float64, requires_grad=True)
    >>> tg.testing.gradgradcheck(tg.sigmoid, x)
    True

    Source: `torch.autograd.gradgradcheck`.
    """
    given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    if grad_outputs is None:
        random = np.random.default_rng(0)
        weights = tuple(_random_like(y, random, gen_non_contig_grad_outputs) for y in _outputs(func, given))
    else:
        weights = tuple(grad_outputs) if isinstance(grad_outputs, (tuple, list)) else (grad_outputs,)
    count = len(weights)

    def gradients(*args: Any) -> tuple[Any, ...]:
        values, seeds = args[: len(args) - count], args[len(args) - count :]
        outputs = _outputs(func, values)
        wanted = [x for x in values if _is_checked(x)]
        found = autograd.grad(outputs, wanted, list(seeds), create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(gradients, (*given, *weights), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
                     nondet_tol=nondet_tol, check_undefined_grad=check_undefined_grad,
                     check_grad_dtypes=check_grad_dtypes, check_batched_grad=check_batched_grad, fast_mode=fast_mode)


def _is_checked(x: Any) -> bool:
    return isinstance(x, graph.Tensor) and x.node is not None


def _outputs(func: Callable[..., Any], inputs: Sequence[Any]) -> list[Any]:
    """The outputs that can be differentiated."""
    result = func(*inputs)
    results = result if isinstance(result, (tuple, list)) else (result,)
    return [y for y in results if _is_checked(y)]


def _random_like(y: Any, random: np.random.Generator, non_contiguous: bool) -> Tensor:
    """Random numbers in the shape, dtype and memory of y."""
    array = np.asarray(random.standard_normal((*y.shape, 2)).astype(y.dtype)[..., 0])  # every other element
    if not non_contiguous:
        array = array.copy()
    return Tensor(backend.transfer(array, backend.of(y.array))).requires_grad_()


class _Check:
    """One run of `gradcheck`."""

    def __init__(self, func: Callable[..., Any], inputs: tuple[Any, ...], eps: float, atol: float, rtol: float,
                 nondet_tol: float, undefined: bool, dtypes: bool) -> None:
        self.func, self.inputs, self.eps, self.atol, self.rtol = func, inputs, eps, atol, rtol
        self.nondet_tol, self.undefined, self.dtypes = nondet_tol, undefined, dtypes
        self.checked = [i for i, x in enumerate(inputs) if _is_checked(x)]
        if not self.checked:
            raise ValueError("gradcheck expects at least one input tensor to require gradient, but none of them have "
                             "requires_grad=True.")
        for i in self.checked:
            x = inputs[i]
            if x.dtype != np.float64:
                warnings.warn(f"Input #{i} requires gradient and is not a double precision floating point ({x.dtype}). "
                              "This check will likely fail if all the inputs are not of double precision; use "
                              "x.double().", stacklevel=4)
            if x.array.size and any(s == 0 and n > 1 for s, n in zip(x.array.strides, x.array.shape, strict=True)):
                raise ValueError(f"The {i}th input has a dimension with stride 0: several elements share one memory "
                                 "location. Make it x.clone() before calling gradcheck.")

    def run(self, fast: bool) -> None:
        outputs = _outputs(self.func, self.inputs)
        self._check_deterministic(outputs)
        if not outputs:
            self._check_constant()
        for o in range(len(outputs)):
            if fast:
                self._check_projected(o, outputs)
            else:
                self._check_entries(o, outputs)

    def _check_deterministic(self, outputs: list[Any]) -> None:
        for o, (first, second) in enumerate(zip(outputs, _outputs(self.func, self.inputs), strict=True)):
            difference = _largest(_host(first) - _host(second))
            if not difference <= self.nondet_tol:
                raise GradcheckError("func is not deterministic: two calls with the same inputs differ by "
                                     f"{difference:g} in output {o}, more than nondet_tol={self.nondet_tol}. Draw "
                                     "random numbers from a Generator that is seeded inside func.")

    def _check_constant(self) -> None:
        """No output requires grad: then none may depend on an input."""
        for i in self.checked:
            for jacobian in self._numerical(i, lambda: _floating(self.func(*self.inputs))):
                if _largest(jacobian) > self.atol:
                    raise GradcheckError("Numerical gradient for function expected to be zero: no output requires "
                                         f"grad, but one depends on input {i}")

    def _check_entries(self, o: int, outputs: list[Any]) -> None:
        """Compare the whole Jacobian of output o with respect to each input."""
        analytical, again = self._analytical(o, outputs), self._analytical(o, outputs)
        for i, jacobian, repeated in zip(self.checked, analytical, again, strict=True):
            numerical = self._numerical(i, lambda: [_outputs(self.func, self.inputs)[o]])[0]
            error = np.abs(jacobian - numerical)
            excess = error - (self.atol + self.rtol * np.abs(numerical))
            if not np.all(excess <= 0):
                worst = np.unravel_index(int(np.argmax(np.where(np.isnan(excess), np.inf, excess))), excess.shape)
                shapes = self.inputs[i].shape, outputs[o].shape
                where = [[int(k) for k in np.unravel_index(n, shape)] for n, shape in zip(worst, shapes, strict=True)]
                raise GradcheckError(
                    f"Jacobian mismatch for output {o} with respect to input {i},\nnumerical:{numerical}\n"
                    f"analytical:{jacobian}\nworst entry: d output{where[1]} / d input{where[0]}: "
                    f"numerical {numerical[worst]:.9g}, analytical {jacobian[worst]:.9g}\n"
                    "(rows: elements of the input, columns: elements of the output)")
            if not _largest(jacobian - repeated) <= self.nondet_tol:
                raise GradcheckError("Backward is not reentrant, i.e., running backward with same input and "
                                     "grad_output multiple times gives different values, although analytical gradient "
                                     f"matches numerical gradient (output {o}, input {i}). The tolerance for "
                                     f"nondeterminism was {self.nondet_tol}.")

    def _check_projected(self, o: int, outputs: list[Any]) -> None:
        """Compare u' J v for random u, v; only where they differ look at every entry."""
        random = np.random.default_rng(0)
        v = random.uniform(0.5, 1.0, outputs[o].shape)
        found = self._pull(o, outputs, v)
        for i, g in zip(self.checked, found, strict=True):
            u = random.uniform(0.5, 1.0, self.inputs[i].shape)
            plus, minus = (self._shifted(i, u, sign, o) for sign in (1, -1))
            numerical = float(np.sum(v * (plus - minus)) / (2 * self.eps))
            analytical = float(np.sum(u * g))
            allowed = self.atol * float(u.sum() * v.sum()) + self.rtol * abs(numerical)
            if not abs(analytical - numerical) <= allowed:
                self._check_entries(o, outputs)
                raise GradcheckError(
                    f"Jacobian mismatch for output {o} with respect to input {i} in fast mode,\nnumerical:{numerical}\n"
                    f"analytical:{analytical}\nwhile every single entry is within the tolerance")

    def _pull(self, o: int, outputs: list[Any], weight: Matrix) -> list[Matrix]:
        """The gradients of the weighted output o with respect to each checked input."""
        seeds = {o: weight} if self.undefined else {
            k: weight if k == o else np.zeros(y.shape) for k, y in enumerate(outputs)}
        tensors = [Tensor(backend.transfer(np.array(s, outputs[k].dtype), backend.of(outputs[k].array)))
                   for k, s in seeds.items()]
        inputs = [self.inputs[i] for i in self.checked]
        found = autograd.grad([outputs[k] for k in seeds], inputs, tensors, retain_graph=True, allow_unused=True)
        for i, x, g in zip(self.checked, inputs, found, strict=True):
            if self.dtypes and g is not None and g.dtype != x.dtype:
                raise GradcheckError(f"gradient of input {i} has dtype {g.dtype}, the input {x.dtype}")
        return [np.zeros(x.shape) if g is None else _host(g) for x, g in zip(inputs, found, strict=True)]

    def _analytical(self, o: int, outputs: list[Any]) -> list[Matrix]:
        """The Jacobian of output o with respect to each checked input, shape (input elements, output elements)."""
        size = outputs[o].numel()
        columns = []
        for k in range(size):
            weight = np.zeros(size)
            weight[k] = 1
            columns.append([g.reshape(-1) for g in self._pull(o, outputs, weight.reshape(outputs[o].shape))])
        return [np.stack([c[n] for c in columns], axis=1) if columns else np.zeros((self.inputs[i].numel(), 0))
                for n, i in enumerate(self.checked)]

    def _numerical(self, i: int, evaluate: Callable[[], list[Any]]) -> list[Matrix]:
        """The Jacobian of each output with respect to input i by central differences."""
        x = self.inputs[i].array
        rows: list[list[Matrix]] = []
        for index in np.ndindex(x.shape):
            value = x[index].copy()
            try:
                x[index] = value + self.eps
                plus = [_host(y).reshape(-1).copy() for y in evaluate()]
                x[index] = value - self.eps
                minus = [_host(y).reshape(-1).copy() for y in evaluate()]
            finally:
                x[index] = value
            rows.append([(a - b) / (2 * self.eps) for a, b in zip(plus, minus, strict=True)])
        if not rows:
            return [np.zeros((0, y.numel())) for y in evaluate()]
        return [np.stack(column) for column in zip(*rows, strict=True)]

    def _shifted(self, i: int, direction: Matrix, sign: int, o: int) -> Matrix:
        """Output o with input i moved by eps along a direction."""
        x = self.inputs[i].array
        kept = x.copy()
        try:
            x[...] += backend.transfer(np.asarray(sign * self.eps * direction, x.dtype), backend.of(x))
            return _host(_outputs(self.func, self.inputs)[o]).copy()
        finally:
            x[...] = kept


def _floating(result: Any) -> list[Any]:
    results = result if isinstance(result, (tuple, list)) else (result,)
    return [y for y in results if isinstance(y, graph.Tensor) and y.array.dtype.kind == "f"]


def _host(x: Any) -> Matrix:
    return backend.to_host(x.array)


def _largest(difference: Matrix) -> float:
    return float(np.max(np.abs(difference), initial=0))
