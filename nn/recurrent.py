"""Recurrent layers: RNN, LSTM, GRU, and one step of each as a cell.

Packed sequences are not supported: pad the shorter ones and leave the padding out of the loss.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, TypeAlias

from .. import ops
from .._tensor import Tensor
from ..creation import empty, zeros
from ..ops.recurrent import lstm_steps, stacked
from ..random import Generator
from . import init
from .dropout import dropout as drop
from .module import Module, Parameter

Weights: TypeAlias = "tuple[Any, Any, Any, Any]"
"""weight_ih (G, input), weight_hh (G, hidden), bias_ih (G,) and bias_hh (G,) or None; G is gates times hidden."""

# --- what one layer in one direction computes -------------------------------------------------------------------------
# Inputs (T, N, input), outputs (T, N, hidden), and each part of the state (N, hidden).


def _run_rnn(x: Any, state: tuple[Any, ...], weights: Weights, nonlinearity: str) -> tuple[Any, ...]:
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    gates = ops.linear(x, weight_ih, None if bias_ih is None else bias_ih + bias_hh)
    y = ops.rnn_layer(gates, weight_hh, state[0], nonlinearity)
    return y, y[-1]


def _run_lstm(x: Any, state: tuple[Any, ...], weights: Weights, projection: Any = None) -> tuple[Any, ...]:
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    gates = ops.linear(x, weight_ih, None if bias_ih is None else bias_ih + bias_hh)
    if projection is not None:
        h, c = state
        _, cells, states = lstm_steps(gates, weight_hh, h, c, projection)
        return stacked(states), states[-1], cells[-1]
    y = ops.lstm_layer(gates, weight_hh, stacked(state))
    return y[:-1], y[-2], y[-1]


def _run_gru(x: Any, state: tuple[Any, ...], weights: Weights) -> tuple[Any, ...]:
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    if bias_hh is None:
        bias_hh = zeros(weight_hh.shape[0], dtype=weight_hh.dtype, device=weight_hh.device)
    affine = ops.cat([weight_hh, bias_hh[:, None]], 1)
    y = ops.gru_layer(ops.linear(x, weight_ih, bias_ih), affine, state[0])
    return y, y[-1]


# --- layers -----------------------------------------------------------------------------------------------------------


class _Recurrent(Module):
    """Layers of one kind on top of each other, in one direction or two."""

    gates: int
    """How many gates there are for each hidden unit."""
    sizes: tuple[int, ...]
    """The size of each part of the state."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int, bias: bool, batch_first: bool,
                 dropout: float, bidirectional: bool, device: str | None, dtype: Any, generator: Generator | None,
                 proj_size: int = 0) -> None:
        super().__init__()
        if isinstance(dropout, bool) or not 0 <= dropout <= 1:
            raise ValueError("dropout should be a number in range [0, 1] representing the probability of an element "
                             f"being zeroed, got {dropout}")
        if dropout > 0 and num_layers == 1:
            warnings.warn("dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                          f"num_layers greater than 1, but got dropout={dropout} and num_layers={num_layers}",
                          stacklevel=3)
        for name, value, kind in (("bias", bias, bool), ("batch_first", batch_first, bool),
                                  ("input_size", input_size, int), ("hidden_size", hidden_size, int)):
            if not isinstance(value, kind):
                raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
        for name, value in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
            if value <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if not 0 <= proj_size < hidden_size:
            raise ValueError("proj_size has to be zero, for no projections, or positive and smaller than hidden_size")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self.generator = generator
        self.sizes = (proj_size or hidden_size, hidden_size)
        rows = self.gates * hidden_size
        for layer in range(num_layers):
            columns = self.sizes[0] * (1 + bidirectional) if layer else input_size
            for suffix in self._directions(layer):
                shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, columns), "weight_hh": (rows, self.sizes[0])}
                shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)} if bias else {}
                shapes |= {"weight_hr": (proj_size, hidden_size)} if proj_size else {}
                for name, shape in shapes.items():
                    self.register_parameter(name + suffix, Parameter(empty(shape, device=device, dtype=dtype)))
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw all parameters anew from U(-k, k) with k = 1/sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound, generator)

    def flatten_parameters(self) -> None:
        """Nothing: the parameters need not lie next to each other."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
        return [[getattr(self, name + suffix) for name in names if hasattr(self, name + suffix)]
                for layer in range(self.num_layers) for suffix in self._directions(layer)]

    def extra_repr(self) -> str:
        """`2, 3, num_layers=2, bidirectional=True`: sizes, and what differs from the defaults."""
        options = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0,
                   "bidirectional": False}
        values = (f"{name}={getattr(self, name)}" for name, usual in options.items() if getattr(self, name) != usual)
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *values])

    def _directions(self, layer: int) -> list[str]:
        """What the names of the parameters of a layer end in, for each direction."""
        return [f"_l{layer}", f"_l{layer}_reverse"][: 1 + self.bidirectional]

    def _weights(self, suffix: str) -> Weights:
        biases = (getattr(self, "bias_ih" + suffix), getattr(self, "bias_hh" + suffix)) if self.bias else (None, None)
        return getattr(self, "weight_ih" + suffix), getattr(self, "weight_hh" + suffix), *biases

    def _layer(self, x: Any, state: tuple[Any, ...], suffix: str) -> tuple[Any, ...]:
        """The outputs of one layer in one direction, and the parts of its last state."""
        raise NotImplementedError

    def _run(self, input: Any, given: tuple[Any, ...] | None, parts: int) -> tuple[Any, ...]:
        """The outputs, and the parts of the last states of all layers; the initial ones are zeros unless given."""
        x = self._steps_first(input)
        batched = input.ndim == 3
        layers = self.num_layers * (1 + self.bidirectional)
        shapes = [(layers, x.shape[1], size) for size in self.sizes[:parts]]
        if given is None:
            states = tuple(zeros(shape, dtype=x.dtype, device=x.device) for shape in shapes)
        else:
            if any(part.ndim != input.ndim for part in given):
                raise RuntimeError(f"For {input.ndim}-D input, the initial states should also be {input.ndim}-D, but "
                                   f"got {' and '.join(f'{part.ndim}-D' for part in given)} tensors")
            states = given if batched else tuple(part.unsqueeze(1) for part in given)
        for part, shape in zip(states, shapes, strict=True):
            if part.shape != shape:
                raise RuntimeError(f"Expected hidden size {shape}, got {list(part.shape)}")
            if part.dtype != x.dtype:
                raise RuntimeError(f"Expected initial states of the input's dtype {x.dtype}, got {part.dtype}")
        last: list[tuple[Any, ...]] = []
        for layer in range(self.num_layers):
            outputs = []
            for suffix in self._directions(layer):
                state = tuple(part[len(last)] for part in states)
                backwards = suffix.endswith("reverse")
                y, *final = self._layer(_reversed(x) if backwards else x, state, suffix)
                outputs.append(_reversed(y) if backwards else y)
                last.append(tuple(final))
            x = ops.cat(outputs, 2) if self.bidirectional else outputs[0]
            if self.dropout and self.training and layer < self.num_layers - 1:
                x = drop(x, self.dropout, generator=self.generator)
        finals = [stacked(part) for part in zip(*last, strict=True)]
        if not batched:
            return (x.squeeze(1), *(part.squeeze(1) for part in finals))
        return (x.transpose(0, 1) if self.batch_first else x, *finals)

    def _steps_first(self, input: Any) -> Any:
        """The input as (T, N, input_size).

        Raises ValueError for the wrong number of axes or dtype, RuntimeError for a wrong size or no step at all.
        """
        name = type(self).__name__
        if input.ndim not in (2, 3):
            raise ValueError(f"{name}: Expected input to be 2D or 3D, got {input.ndim}D instead")
        weight: Any = getattr(self, "weight_ih_l0")  # noqa: B009  (the names are made at run time)
        if input.dtype != weight.dtype:
            raise ValueError(f"{name}: input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). "
                             f"Convert input: input.to({weight.dtype}), or convert model: model.to({input.dtype})")
        if input.shape[-1] != self.input_size:
            raise RuntimeError("input.size(-1) must be equal to input_size. "
                               f"Expected {self.input_size}, got {input.shape[-1]}")
        x = input.unsqueeze(1) if input.ndim == 2 else input.transpose(0, 1) if self.batch_first else input
        if not x.shape[0]:
            raise RuntimeError(f"{name}: Expected sequence length to be larger than 0")
        return x


def _reversed(x: Any) -> Any:
    """The steps in reverse order; a view."""
    return ops.getitem(x, (slice(None, None, -1),))


class RNN(_Recurrent):
    """Elman's network: h_t = f(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh) with f = tanh or relu.

    The outputs of one layer are the inputs of the next, in training mode after `dropout`.  A `bidirectional` one runs
    through the sequence both ways; its outputs lie side by side.

    Shapes: input (T, N, input_size), or (N, T, input_size) if `batch_first`, or (T, input_size); hx (L, N, hidden_size)
    or (L, hidden_size), zeros unless given, with L = num_layers times directions.  Returns the outputs of the last
    layer, (T, N, directions * hidden_size), and the last h of each layer and direction, of the shape of hx.
    Parameters: weight_ih_l0 (hidden_size, input_size), weight_hh_l0 (hidden_size, hidden_size), bias_ih_l0, bias_hh_l0,
    weight_ih_l0_reverse, ..., all from U(-k, k) with k = 1/sqrt(hidden_size).
    Raises ValueError or RuntimeError where shapes or dtypes do not fit.
    Source: Elman, Finding structure in time, Cognitive Science 14 (1990).

    >>> import tinygrad_lite as tg
    >>> output, h = tg.nn.RNN(10, 20, num_layers=2)(tg.zeros(5, 3, 10))
    >>> output.shape, h.shape
    ((5, 3, 20), (2, 3, 20))
    """

    gates = 1

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh",
                 bias: bool = True, batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False,
                 device: str | None = None, dtype: Any = None, *, generator: Generator | None = None) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype,
                         generator)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Any]:
        """The last layer's outputs at all times, and the last state of each layer and direction; shapes as above."""
        output, h = self._run(input, None if hx is None else (hx,), 1)
        return output, h

    def _layer(self, x: Any, state: tuple[Any, ...], suffix: str) -> tuple[Any, ...]:
        return _run_rnn(x, state, self._weights(suffix), self.nonlinearity)


class LSTM(_Recurrent):
    """Long short-term memory: c_t = f * c_(t-1) + i * g and h_t = o * tanh(c_t).

    i, f, o = sigmoid and g = tanh of their parts of W_ih x_t + b_ih + W_hh h_(t-1) + b_hh, in the order i, f, g, o.
    With `proj_size` h_t = W_hr (o * tanh(c_t)) has that size.  The other options are those of `RNN`.

    Shapes: input and output as of `RNN`; hx = (h_0, c_0), each of the shape of hx of `RNN`, zeros unless given.
    Returns output, (h_n, c_n).
    Parameters: weight_ih_l0 (4 hidden_size, input_size), weight_hh_l0 (4 hidden_size, hidden_size), bias_ih_l0,
    bias_hh_l0 (4 hidden_size,), weight_hr_l0 (proj_size, hidden_size), ...; initialisation and errors as of `RNN`.
    Source: Hochreiter, Schmidhuber, Long short-term memory, Neural Computation 9 (1997); Gers and others, Learning to
    forget, Neural Computation 12 (2000).

    >>> import tinygrad_lite as tg
    >>> output, (h, c) = tg.nn.LSTM(10, 20, bidirectional=True)(tg.zeros(5, 3, 10))
    >>> output.shape, h.shape, c.shape
    ((5, 3, 40), (2, 3, 20), (2, 3, 20))
    """

    gates = 4

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
                 batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0,
                 device: str | None = None, dtype: Any = None, *, generator: Generator | None = None) -> None:
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype,
                         generator, proj_size)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The last layer's outputs at all times, and the pair of the last states and cells; shapes as above."""
        output, h, c = self._run(input, None if hx is None else tuple(hx), 2)
        return output, (h, c)

    def _layer(self, x: Any, state: tuple[Any, ...], suffix: str) -> tuple[Any, ...]:
        return _run_lstm(x, state, self._weights(suffix),
                         getattr(self, "weight_hr" + suffix) if self.proj_size else None)


class GRU(_Recurrent):
    """Gated recurrent units: h_t = (1 - z) * n + z * h_(t-1).

    r and z are sigmoids of their parts of W_ih x_t + b_ih + W_hh h_(t-1) + b_hh, whose rows stand in the order r, z, n,
    and n = tanh(W_in x_t + b_in + r * (W_hn h_(t-1) + b_hn)).  Options, shapes, initialisation and errors are those of
    `RNN`; the parameters have 3 hidden_size rows.
    Source: Cho and others, Learning phrase representations using RNN encoder-decoder, EMNLP 2014; the reset gate stands
    behind the matrix product, as in PyTorch and cuDNN.

    >>> import tinygrad_lite as tg
    >>> output, h = tg.nn.GRU(10, 20, batch_first=True)(tg.zeros(3, 5, 10))
    >>> output.shape, h.shape
    ((3, 5, 20), (1, 3, 20))
    """

    gates = 3

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
                 batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False,
                 device: str | None = None, dtype: Any = None, *, generator: Generator | None = None) -> None:
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype,
                         generator)

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Any]:
        """The last layer's outputs at all times, and the last state of each layer and direction; shapes as above."""
        output, h = self._run(input, None if hx is None else (hx,), 1)
        return output, h

    def _layer(self, x: Any, state: tuple[Any, ...], suffix: str) -> tuple[Any, ...]:
        return _run_gru(x, state, self._weights(suffix))


# --- cells ------------------------------------------------------------------------------------------------------------


class _Cell(Module):
    """One step of a recurrent layer."""

    gates: int
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(self, input_size: int, hidden_size: int, bias: bool, device: str | None, dtype: Any,
                 generator: Generator | None) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = self.gates * hidden_size
        self.weight_ih = Parameter(empty(rows, input_size, device=device, dtype=dtype))
        self.weight_hh = Parameter(empty(rows, hidden_size, device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(rows, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw all parameters anew from U(-k, k) with k = 1/sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound, generator)

    def extra_repr(self) -> str:
        """`2, 3, bias=False`: sizes, and what differs from the defaults."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")

    def _weights(self) -> Weights:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _layer(self, x: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
        """The outputs of a sequence, and the parts of its last state."""
        raise NotImplementedError

    def _step(self, input: Any, given: tuple[Any, ...] | None, parts: int) -> tuple[Any, ...]:
        """The parts of the next state; those of the one before are zeros unless given."""
        name = type(self).__name__
        for x in (input, *(given or ())):
            if x.ndim not in (1, 2):
                raise ValueError(f"{name}: Expected input and hx to be 1D or 2D, got {x.ndim}D instead")
        x = input if input.ndim == 2 else input.unsqueeze(0)
        if given is None:
            state = (zeros(x.shape[0], self.hidden_size, dtype=x.dtype, device=x.device),) * parts
        else:
            state = given if input.ndim == 2 else tuple(part.unsqueeze(0) for part in given)
        for part in state:
            if part.shape != (x.shape[0], self.hidden_size):
                raise RuntimeError(f"{name}: Expected hx of shape {(x.shape[0], self.hidden_size)}, got {part.shape}")
        _, *after = self._layer(x.unsqueeze(0), state)
        return tuple(after) if input.ndim == 2 else tuple(part.squeeze(0) for part in after)


class RNNCell(_Cell):
    """One step of `RNN`: h' = f(W_ih x + b_ih + W_hh h + b_hh) with f = tanh or relu.

    Shapes: input (N, input_size) or (input_size,), hx and the result (N, hidden_size) or (hidden_size,).
    Raises ValueError or RuntimeError where shapes do not fit.

    >>> import tinygrad_lite as tg
    >>> tg.nn.RNNCell(10, 20)(tg.zeros(3, 10)).shape
    (3, 20)
    """

    gates = 1

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh",
                 device: str | None = None, dtype: Any = None, *, generator: Generator | None = None) -> None:
        super().__init__(input_size, hidden_size, bias, device, dtype, generator)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state."""
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._step(input, None if hx is None else (hx,), 1)[0]

    def extra_repr(self) -> str:
        """`2, 3, nonlinearity=relu`: sizes, and what differs from the defaults."""
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")

    def _layer(self, x: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
        return _run_rnn(x, state, self._weights(), self.nonlinearity)


class LSTMCell(_Cell):
    """One step of `LSTM`: (h, c) -> (h', c').

    Shapes: input (N, input_size) or (input_size,), h, c and the results (N, hidden_size) or (hidden_size,).
    Raises ValueError or RuntimeError where shapes do not fit.

    >>> import tinygrad_lite as tg
    >>> h, c = tg.nn.LSTMCell(10, 20)(tg.zeros(3, 10))
    >>> h.shape, c.shape
    ((3, 20), (3, 20))
    """

    gates = 4

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: str | None = None,
                 dtype: Any = None, *, generator: Generator | None = None) -> None:
        super().__init__(input_size, hidden_size, bias, device, dtype, generator)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """The next state and cell."""
        h, c = self._step(input, None if hx is None else tuple(hx), 2)
        return h, c

    def _layer(self, x: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
        return _run_lstm(x, state, self._weights())


class GRUCell(_Cell):
    """One step of `GRU`.

    Shapes: input (N, input_size) or (input_size,), hx and the result (N, hidden_size) or (hidden_size,).
    Raises ValueError or RuntimeError where shapes do not fit.

    >>> import tinygrad_lite as tg
    >>> tg.nn.GRUCell(10, 20)(tg.zeros(10)).shape
    (20,)
    """

    gates = 3

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: str | None = None,
                 dtype: Any = None, *, generator: Generator | None = None) -> None:
        super().__init__(input_size, hidden_size, bias, device, dtype, generator)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state."""
        return self._step(input, None if hx is None else (hx,), 1)[0]

    def _layer(self, x: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
        return _run_gru(x, state, self._weights())
