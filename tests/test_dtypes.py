"""dtypes: what promotes to what, as in PyTorch, where NumPy differs.

The table is what PyTorch 2.13 answers. `f64[2]` is a tensor of dtype float64 and shape (2,), `f64[]` one without axes;
anything else is a Python number or a NumPy scalar, which counts as one.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.devices import DEVICES, STRICT
from tinygrad_lite.engine import backend, dtypes
from tinygrad_lite.nn import functional as F

SHORT = {"b": "bool", "u8": "uint8", "i8": "int8", "i16": "int16", "i32": "int32", "i64": "int64", "f16": "float16",
         "f32": "float32", "f64": "float64"}  # fmt: skip

TABLE = """
f32[2] + f32[2] = f32; f32[2] + f64[2] = f64; f16[2] + f32[2] = f32; f16[2] * f16[2] = f16; f32[2] * i64[2] = f32
i64[2] * f32[2] = f32; f16[2] + i64[2] = f16; f32[2] - b[2] = f32; f16[2] * b[] = f16; i64[2] + i32[2] = i64
i8[2] + u8[2] = i16; i32[2] * b[2] = i32; b[2] + b[2] = b; b[2] * u8[2] = u8; i16[2] - i8[2] = i16
i64[2] / i64[2] = f32; i64[2] / 2 = f32; 1 / i64[2] = f32; b[2] / b[2] = f32; u8[2] / f16[2] = f16; i8[] / i8[] = f32
f32[2] + f64[] = f32; f64[] * f32[2] = f32; f16[2] - f64[] = f16; f32[] + f64[] = f64; f32[] + f64[2] = f64
i64[2] + f64[] = f64; i64[2] + f16[] = f16; i8[2] * i64[] = i8; i64[] * i8[2] = i8; b[2] + i8[] = i8
b[] + i32[2] = i32; f32[2] * 2 = f32; f32[2] * 2.5 = f32; f16[2] * 2.5 = f16; f64[2] + 1.5 = f64; i64[2] * 2 = i64
i64[2] * 2.5 = f32; i8[2] + 1 = i8; 2.5 - i8[2] = f32; b[2] + 1 = i64; b[2] + True = b; b[2] * 1.5 = f32
f32[2] + True = f32; True + i8[2] = i8; f16[] * 2.5 = f16; i64[] * 2.5 = f32; f64[] * 2 = f64; 2 ** f16[2] = f16
f32[2] ** i64[2] = f32; i64[2] ** 2 = i64; f32[2] + np.float64(1) = f32; np.float64(1) + f32[2] = f32
f16[2] * np.float32(2) = f16; i64[2] + np.float32(1) = f32; i8[2] + np.int64(1) = i8; np.int64(1) * f32[2] = f32
f32[2] / np.int64(2) = f32; b[2] + np.bool_(1) = b; np.int64(3) - i8[] = i8; f32[2] == f64[2] = b; i64[2] < 1.5 = b
b[2] != 1 = b; f16[] >= f64[2] = b; i64[2] & b[2] = i64; b[2] | b[2] = b; f32[2] @ f64[2] = f64; i64[2] @ i64[2] = i64
f16[2] @ f16[2] = f16
"""


def table() -> list[Any]:
    rows = [row.strip() for row in TABLE.replace("\n", ";").split(";") if row.strip()]
    cells = [[*row.rpartition(" = ")[0].split(), row.split()[-1]] for row in rows]
    return [pytest.param(a, sign, b, SHORT[d], id=row) for row, (a, sign, b, d) in zip(rows, cells, strict=True)]


def operand(text: str, device: backend.Backend = backend.numpy) -> Any:
    if "[" in text:
        short, _, size = text.rstrip("]").partition("[")
        return tg.ones(*([int(size)] if size else []), dtype=SHORT[short], device=device.device)
    return eval(text, {"np": np})


@pytest.mark.parametrize("device", [backend.numpy, *DEVICES], ids=lambda device: device.device)
@pytest.mark.parametrize(("left", "sign", "right", "dtype"), table())
def test_promotion(left: str, sign: str, right: str, dtype: str, device: backend.Backend) -> None:
    a, b = operand(left, device), operand(right, device)
    y = eval(f"a {sign} b", {"a": a, "b": b})
    assert isinstance(y, tg.Tensor)
    assert y.dtype == dtype
    assert type(y.array) is device.array


@pytest.mark.parametrize("function", ["exp", "log", "sqrt", "sin", "cos", "tanh", "sigmoid", "logsumexp"])
@pytest.mark.parametrize(("given", "expected"), [(d, "float32" if d[0] in "bui" else d) for d in SHORT.values()])
def test_functions_make_floats(function: str, given: str, expected: str) -> None:
    x = tg.ones(3, dtype=given)
    y = x.logsumexp(0) if function == "logsumexp" else getattr(x, function)()
    assert y.dtype == expected
    exact = tg.ones(3, dtype="float64")
    wanted = exact.logsumexp(0) if function == "logsumexp" else getattr(exact, function)()
    np.testing.assert_allclose(y.numpy(), wanted.numpy(), rtol=1e-3 if given == "float16" else 1e-6)


@pytest.mark.parametrize("given", SHORT.values())
def test_reductions(given: str) -> None:
    x = tg.ones(3, dtype=given)
    is_float = given.startswith("f")
    assert x.sum().dtype == (given if is_float else "int64")
    assert x.sum(0, keepdim=True).dtype == (given if is_float else "int64")
    assert x.amax().dtype == given
    assert x.argmax().dtype == "int64"
    assert x.any().dtype == x.all().dtype == ("uint8" if given == "uint8" else "bool")
    if is_float:
        assert x.mean().dtype == given
    else:
        with pytest.raises(RuntimeError, match=r"mean\(\): the input dtype must be floating.*use \.float\(\) first"):
            x.mean()


def test_where_and_cat_promote() -> None:
    condition = tg.tensor([True, False])
    f32, f64, i64 = (tg.ones(2, dtype=d) for d in ("float32", "float64", "int64"))
    assert tg.where(condition, f32, f64).dtype == "float64"
    assert tg.where(condition, i64, 0.5).dtype == "float32"
    assert tg.where(condition, f32, tg.tensor(1.0, dtype="float64")).dtype == "float32"
    assert tg.where(condition, 0.0, 1.0).dtype == "float32"
    assert tg.where(condition, 0, 1).dtype == "int64"
    assert tg.cat([i64, f32]).dtype == "float32"
    assert tg.cat([f32, f64, i64]).dtype == "float64"


def test_the_default_dtype_is_where_integers_and_python_floats_go() -> None:
    try:
        tg.set_default_dtype("float64")
        assert tg.get_default_dtype() == "float64"
        assert tg.tensor(1.5).dtype == "float64"
        assert (tg.tensor([1, 2]) / 2).dtype == "float64"
        assert (tg.tensor([1, 2]) * 1.5).dtype == "float64"
        assert tg.tensor([1, 2]).sqrt().dtype == "float64"
    finally:
        tg.set_default_dtype("float32")
    assert (tg.tensor([1, 2]) / 2).dtype == "float32"
    with pytest.raises(TypeError, match="set_default_dtype: expected a floating dtype, got int64"):
        tg.set_default_dtype("int64")


def test_promote_types_is_symmetric_and_idempotent() -> None:
    for a, b in itertools.product(map(np.dtype, SHORT.values()), repeat=2):
        assert dtypes.promote_types(a, b) == dtypes.promote_types(b, a)
        assert dtypes.promote_types(a, a) == a


def test_a_mixed_call_gives_each_operand_a_gradient_of_its_own_dtype() -> None:
    half, single = tg.ones(2, dtype="float16", requires_grad=True), tg.ones(2, requires_grad=True)
    wide = tg.tensor(2.0, dtype="float64", requires_grad=True)
    y = half * single * wide + tg.ones(2, dtype="int32")
    assert y.dtype == "float32", "a 0-d tensor does not widen"
    y.sum().backward()
    assert [x.grad.dtype.name for x in (half, single, wide) if x.grad is not None] == ["float16", "float32", "float64"]
    assert wide.grad is not None
    assert wide.grad.shape == ()


def test_numpy_arrays_are_constants_of_their_dtype() -> None:
    x = tg.ones(2, requires_grad=True)
    for y in (x * np.ones(2), np.ones(2) * x, np.ones(2) - x, np.ones((3, 2)) @ x, x + np.ones((), "float64")):
        assert isinstance(y, tg.Tensor)
        assert y.requires_grad
    assert (x * np.ones(2)).dtype == "float64"
    assert (x + np.ones(())).dtype == "float32"
    (np.full(2, 3.0) * x).sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == "float32"
    assert x.grad.tolist() == [3.0, 3.0]


def test_a_cast_keeps_the_graph() -> None:
    x = tg.ones(2, requires_grad=True)
    y = x.double()
    assert y.dtype == "float64"
    (y * 3).sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == "float32"
    assert x.float() is x
    assert x.to("int64").dtype == "int64"
    assert not x.to("int64").requires_grad
    for method, dtype in [("half", "float16"), ("int", "int32"), ("long", "int64"), ("bool", "bool")]:
        assert getattr(x.detach(), method)().dtype == dtype
    assert x.type_as(y).dtype == "float64"


def test_integers_end_the_graph() -> None:
    """Whatever op is asked for them: they have no derivative."""
    x = tg.tensor([1.5, 2.5], requires_grad=True)
    for y in (x.to(tg.int64), x.sum(dtype=tg.int64), x.cumsum(0, dtype=tg.int32), x.prod(dtype=tg.int64)):
        assert not y.requires_grad
    assert x.sum(dtype=tg.float64).requires_grad
    (y := x.mean(dtype=tg.float64)).backward()
    assert (y.dtype, x.grad.dtype) == (tg.float64, tg.float32)  # type: ignore[union-attr]


def test_moving_between_devices_keeps_the_graph() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    there = x.to("strict")
    assert (there.device, type(there.array)) == ("strict", STRICT.array)
    (there * there).cpu().sum().backward()
    assert x.grad is not None
    assert (x.grad.device, x.grad.tolist()) == ("cpu", [2.0, 4.0])
    assert there.to("strict") is there
    assert there.to("cpu", "float64").dtype == "float64"
    there = there.detach().requires_grad_()
    (g,) = tg.autograd.grad((there * there * there).sum(), there, create_graph=True)
    (second,) = tg.autograd.grad(g.cpu().sum(), there)
    assert (second.device, second.tolist()) == ("strict", [6.0, 12.0])


def test_operands_on_two_devices_are_refused() -> None:
    with pytest.raises(TypeError) as caught:
        tg.tensor([1.0], device="strict") + tg.tensor([1.0])
    assert "in add(input: float32 (1,) on tests, other: float32 (1,))" in caught.value.__notes__[0]


def test_cross_entropy_with_probabilities_of_another_dtype() -> None:
    scores, probabilities = tg.ones(2, 3, requires_grad=True), tg.full((2, 3), 1 / 3, dtype="float64")
    loss = tg.nn.functional.cross_entropy(scores, probabilities)
    assert loss.dtype == "float64"
    (g,) = tg.autograd.grad(loss, scores)
    assert g.dtype == "float32"


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_uniform_draws_are_below_one(dtype: str) -> None:
    """Of 60,000 float32 draws rounded to float16 a dozen would be 1."""
    draws = tg.rand(60_000, dtype=dtype, generator=tg.Generator(0)).numpy()
    assert draws.dtype == dtype
    assert draws.min() >= 0
    assert draws.max() < 1
    assert abs(draws.astype("float64").mean() - 0.5) < 0.005


def half(*shape: int, value: float = 30.0) -> Any:
    return tg.full(shape, value, dtype=tg.float16, requires_grad=True)


ADDING_UP: dict[str, tuple[Any, tuple[int, ...], float]] = {
    "avg_pool1d": (lambda x: F.avg_pool1d(x, 4096), (1, 4096), 30.0),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 64), (1, 64, 64), 30.0),
    "avg_pool2d, padded": (lambda x: F.avg_pool2d(x, 64, 8, 16, True, False)[0, 1, 1], (1, 64, 64), 30.0),
    "avg_pool2d, divided": (lambda x: F.avg_pool2d(x, 64, divisor_override=8192), (1, 64, 64), 15.0),
    "adaptive_avg_pool1d": (lambda x: F.adaptive_avg_pool1d(x, 1), (1, 4096), 30.0),
    "adaptive_avg_pool1d, uneven": (lambda x: F.adaptive_avg_pool1d(x, 3)[0, 1], (1, 8191), 30.0),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, 1), (1, 64, 64), 30.0),
    "adaptive_avg_pool2d, uneven": (lambda x: F.adaptive_avg_pool2d(x, (1, 3))[0, 0, 1], (1, 100, 100), 30.0),
    "area": (lambda x: F.interpolate(x, size=1, mode="area"), (1, 1, 64, 64), 30.0),
    "bilinear": (lambda x: F.interpolate(x, size=100, mode="bilinear")[0, 0, 37, 41], (1, 1, 64, 64), 30.0),
    "mean": (lambda x: x.mean(), (4096,), 30.0),
    "nanmean": (tg.nanmean, (4096,), 30.0),
    "nll_loss": (lambda x: F.nll_loss(-x, tg.zeros(4096, dtype=tg.int64)), (4096, 2), 30.0),
    "nll_loss, weighted": (lambda x: F.nll_loss(-x, tg.zeros(4096, dtype=tg.int64), tg.full((2,), 100.0).half()),
                           (4096, 2), 30.0),
    "mse_loss": (lambda x: F.mse_loss(x, x.detach() * 0), (4096,), 900.0),
    "local_response_norm": (lambda x: F.local_response_norm(x * 7, 9, 1.0, 0.5, 0.0)[0, 4, 0], (1, 9, 1), 1.0),
    "index_add": (lambda x: tg.index_add(tg.zeros(1).half(), 0, tg.zeros(4096, dtype=tg.int64), x / 10), (4096,),
                  12288.0),
    "scatter_add": (lambda x: tg.scatter_add(tg.zeros(1).half(), 0, tg.zeros(4096, dtype=tg.int64), x / 10), (4096,),
                    12288.0),
    "index_put": (lambda x: tg.index_put(tg.zeros(1).half(), (tg.zeros(4096, dtype=tg.int64),), x / 10, True), (4096,),
                  12288.0),
}


@pytest.mark.parametrize("function", ADDING_UP)
def test_float16_is_added_up_in_float32(function: str) -> None:
    call, shape, expected = ADDING_UP[function]
    x = half(*shape)
    y = call(x)
    assert y.dtype == tg.float16
    assert y.item() == pytest.approx(expected, rel=1e-3)
    y.backward()
    assert x.grad.dtype == tg.float16
    assert np.isfinite(x.grad.numpy()).all()


@pytest.mark.parametrize("pick", ["embedding", "gather", "index", "index_select"])
def test_gradients_of_repeated_float16_rows_are_added_up_in_float32(pick: str) -> None:
    x, index = half(2, 1, value=1.0), tg.zeros(4096, dtype=tg.int64)
    y = {"embedding": lambda: F.embedding(index, x), "gather": lambda: tg.gather(x, 0, index.reshape(-1, 1)),
         "index": lambda: x[index], "index_select": lambda: tg.index_select(x, 0, index)}[pick]()  # type: ignore[no-untyped-call]
    y.sum().backward()
    assert x.grad.tolist() == [[4096.0], [0.0]]
