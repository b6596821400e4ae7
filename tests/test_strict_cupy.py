"""The stand-in for CuPy: refuses mix-ups of host and device arrays, allows and computes what CuPy does.

The two lists below are calls as one would write them. `np` is NumPy, `xp` the backend. Device arrays are `a b m v`
(float), `n i j` (integer), `mask` (boolean), `z` (complex); with an h in front they are on the host: `ha hb hm ...`.
With everything on the host both lists are ordinary NumPy: that is what legal calls are compared with, and it shows that
nothing is wrong with a refused call but the mix-up.
"""

from __future__ import annotations

import ast
import copy
import importlib
import importlib.util
import operator
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given

from tests import make_cupy_signatures, strict_cupy

HOST: dict[str, np.ndarray[Any, Any]] = {
    "a": np.array([[1, 2, 3], [4, 5, 6]], np.float32),
    "b": np.array([[2, 0.5, 1], [3, 5, 0.25]], np.float32),
    "m": np.array([[1, 2], [0, 1], [3, -1]], np.float32),
    "v": np.array([3, 1, 2], np.float32),
    "n": np.array([[3, 0, 2], [1, 4, 1]], np.int64),
    "i": np.array([1, 0], np.int64),
    "j": np.array([[0], [2]], np.int64),
    "mask": np.array([[True, False, True], [False, False, True]]),
    "z": np.array([1 + 2j, -3j], np.complex64),
}

LEGAL = """
# operators
a + b; a - b; a * b; a / b; a // b; a % b; a ** b; a @ m; v @ v; divmod(a, b); -a; +a; abs(-a); ~mask; ~n
mask & (a > 2); mask | mask; mask ^ mask; n << 1; n >> 1; 1 << n; n & 1; 6 | n; 2 * a; a * 2.0; 1 - a; 1 / a; 2 ** a
7 // a; 7 % a; divmod(7, a); True + a; a - 1j; a ** 2; a ** 0.5; a ** -1.0; n ** 2; np.float32(2) * a
np.float64(2) * a; a / np.float64(3); np.int64(2) + a; np.float32(2) < a; a < b; a <= b; a > b; a >= b; a == b; a != b
1 < a; a == 1; 2.0 >= a; a == np.array(1.0); a == None; a != None; sum(list(v)); list(a)[1]; float(a.sum())
int(n.sum()); complex(z[0]); bool(mask.any()); len(a); 3.0 in v; f"{a.sum():.2f}"; str(a); repr(a)
# in place
>a += b; a
>a -= 1; a
>a *= v; a
>a /= np.float64(2); a
>a **= 2; a
>n //= 2; n
>n %= 2; n
>n <<= n; n
>mask &= mask; mask
>w = a @ m; w @= w; w
>w = a[0]; w += 1; a
>w = a.T.reshape(-1)[::2]; w += 1; a
>a[...] = b; a
>a[0] = v; a
>a[:, 1:] = 0; a
>a[0, 0] = np.float64(9); a
>a[0] = np.array(3.0); a
>a[0] = a[1, 2]; a
>a[1:] = a[:-1]; a
>a[mask] = 0; a
>a[hmask] = -1; a
>a[mask] += 1; a
>a[i] = v; a
>a[hi] = b; a
>a[i, i] = 5; a
>a[:, [0, 2]] *= 2; a
>a.fill(3); a
>a.fill(v[0]); a
>a.sort(); a
# indexing
a[0]; a[0, 1]; a[-1]; a[:, ::-1]; a[None]; a[..., 0]; a[()]; a[...]; a[:0]; a[0][1]; a[np.int64(1)]; a[True]; v[1:]
a[i]; a[hi]; a[[1, 0]]; a[i, i]; a[:, i]; a[i, 1:]; a[:, j]; a[i[:, None], j[:, 0]]; a[i[0]]; a[mask]; a[hmask]
a[a > 2]; a[:, v > 1]; a[0, j[:, 0]]
# ufuncs through NumPy
np.exp(a); np.log1p(b); np.tanh(a); np.sqrt(n); np.sign(-a); np.isnan(a); np.conj(z); np.modf(b); np.maximum(a, b)
np.maximum(a, 0); np.minimum(3.0, a); np.arctan2(a, b); np.logaddexp(a, v); np.logical_and(mask, a); np.power(a, 3)
np.add(a, 1, dtype=np.float64); np.exp(a, out=b); np.exp(a, b); np.add(a, b, out=a, casting="unsafe"); np.matmul(a, m)
np.add.reduce(a); np.add.reduce(a, axis=1, keepdims=True); np.multiply.reduce(a, axis=1); np.add.accumulate(v)
np.add.outer(v, v); np.add.reduceat(v, i)
>np.add.at(v, i, 1.0); v
>np.add.at(v, hi, v[:2]); v
>np.maximum.at(v, i, 2.5); v
# functions through NumPy
np.sum(a); np.sum(a, axis=0, keepdims=True); np.sum(a, 1, np.float64); np.mean(a, axis=(0, 1)); np.max(a, axis=1)
np.min(a); np.argmax(a, 1); np.argmin(b, axis=0, keepdims=True); np.var(a, ddof=1); np.std(a, axis=0); np.prod(a)
np.cumsum(a, axis=1); np.cumprod(a); np.any(mask, axis=0); np.all(mask); np.ptp(a, axis=0); np.median(a)
np.average(a); np.count_nonzero(mask); np.where(mask, a, b); np.where(mask, a, 0.0); np.where(mask, 1, 0)
np.where(mask); np.nonzero(mask); np.argwhere(mask); np.flatnonzero(mask); np.concatenate([a, b], axis=1)
np.concatenate((a, b)); np.stack([a, b], axis=-1); np.vstack([a, v]); np.hstack([v, v]); np.split(a, 3, axis=1)
np.array_split(v, 2); np.transpose(a); np.transpose(a, (1, 0)); np.swapaxes(a, 0, 1); np.moveaxis(a, 0, 1)
np.reshape(a, (3, 2)); np.reshape(a, -1, order="F"); np.ravel(a); np.expand_dims(a, (0, 2)); np.squeeze(a[None])
np.squeeze(a); np.atleast_2d(v); np.broadcast_to(v, (2, 3)); np.broadcast_arrays(a, v)[1]; np.repeat(a, 2, axis=0)
np.tile(a, (2, 1)); np.flip(a, 0); np.roll(a, 1, axis=1); np.rot90(a); np.pad(a, 1)
np.pad(a, ((0, 1), (2, 0)), constant_values=1); np.pad(a, 1, "edge"); np.take(a, i, axis=1); np.take(a, hi)
np.take(a, 1, axis=0); np.take_along_axis(a, n % 3, axis=1); np.take_along_axis(a, hj, 1); np.sort(n)
np.argsort(n, axis=0); np.searchsorted(np.sort(v), a); np.unique(n); np.bincount(i); np.tril(a); np.triu(a, 1)
np.diag(v); np.diagonal(a); np.trace(a); np.outer(v, v); np.dot(a, m); np.inner(a, v); np.vdot(v, v); np.kron(a, b)
np.tensordot(a, m, 1); np.einsum("ij,jk->ik", a, m); np.einsum("ij->i", a, optimize=True); np.einsum("ij->ji", a)
np.linalg.norm(a); np.linalg.norm(a, axis=1, keepdims=True); np.linalg.inv(a @ m); np.linalg.det(a @ m)
np.linalg.svd(m, full_matrices=False)[1]; np.linalg.solve(a @ m, i); np.clip(a, 2, 3); np.clip(a, 2, None)
np.round(b, 1); np.nan_to_num(a); np.real(z); np.imag(z); np.angle(z); np.zeros_like(a)
np.ones_like(a, dtype=np.float64); np.full_like(a, 7); np.empty_like(a, shape=(4,)).shape; np.copy(a)
np.allclose(a, a); np.isclose(a, 2.0); np.array_equal(a, b); np.isin(n, i); np.diff(a); np.gradient(v)
np.meshgrid(v, v); np.result_type(a, np.float64); np.shape(a); np.ndim(a); np.size(a); np.may_share_memory(a, a.T)
np.iscomplexobj(a); np.fft.rfft(v); np.lib.stride_tricks.sliding_window_view(v, 2); np.cross(a, b)
np.interp(a, np.sort(v), v); np.histogram(a, 3)
>np.copyto(b, a); b
>np.put_along_axis(a, j, v[:1], axis=1); a
>np.fill_diagonal(a, 0); a
# arrays made like another
np.zeros((2, 3), like=a); np.empty((2,), np.float32, like=a).shape; np.arange(3, like=a); np.identity(3, like=a)
np.tri(3, like=a); np.asarray(ha, like=a); np.array([1.0, 2.0], like=a); np.ascontiguousarray(a.T, like=a)
# functions of the backend
xp.asarray(ha); xp.asarray(a); xp.array(ha, dtype=np.float64); xp.array(3.0); xp.array([[1, 2], [3, 4]])
xp.array([v, v]); xp.array([ha, ha]); xp.array(a, ndmin=3); xp.zeros((2, 3), xp.float32); xp.ones(3)
xp.full((2, 2), 1.5); xp.empty(3).shape; xp.arange(5); xp.arange(2, 8, 2); xp.linspace(0, 1, 5); xp.eye(3)
xp.identity(2); xp.indices((2, 2)); xp.tri(2); xp.exp(a); xp.exp(1.0); xp.add(a, b, out=a); xp.add(a, b, a)
xp.maximum(a, 2, dtype=xp.float64); xp.sum(a, axis=0); xp.max(a, axis=1, out=v[:2])
xp.concatenate([a, b], out=xp.zeros((4, 3), xp.float32)); xp.where(a > 2, a, -1.0); xp.einsum("ij,ij->", a, b)
xp.linalg.norm(v, ord=1); xp.fft.fft(v); xp.ascontiguousarray(a.T); xp.asfortranarray(a)
xp.matmul(a, m, out=xp.zeros((2, 2), xp.float32)); xp.dot(a, m, out=xp.zeros((2, 2), xp.float32)); xp.isfinite(a)
xp.lib.stride_tricks.as_strided(v, (2, 2), (4, 4)); xp.float32(1.5); xp.dtype("f4"); xp.pi; xp.newaxis
xp.int64(3) + n; xp.result_type(xp.float32, xp.float64); xp.finfo(xp.float32).eps; xp.broadcast_shapes((2, 1), (3,))
xp.iinfo(xp.int8).max
>xp.add.at(v, [0, 0], 1.0); v
>xp.add.at(a, (i, i), 1.0); a
>xp.add.at(a, (slice(None), hi), b[:, :2]); a
>xp.add.at(a, mask, 1.0); a
# methods and attributes
a.sum(); a.sum(axis=0, keepdims=True); a.sum(0, np.float64); a.mean(1); a.max(0); a.min(); a.argmax(1); a.argmin()
a.prod(); a.cumsum(0); a.cumprod(1); a.var(ddof=1); a.std(0); mask.all(); mask.any(axis=0); a.sum(axis=0, out=v)
a.reshape(3, 2); a.reshape((3, -1)); a.reshape(-1); a.reshape(3, 2, order="F"); a.transpose(); a.transpose(1, 0)
a.transpose((1, 0)); a.T; v.T; a.mT; a.swapaxes(0, 1); a.ravel(); a.flatten(); a.squeeze(); a[None].squeeze(0)
a.astype(np.float64); a.astype(int); a.astype("f4", copy=False); a.copy(); a.T.copy("F"); a.take(i, axis=1)
a.take(hi, 1); a.repeat(2, 1); a.clip(2, 3); a.clip(max=2); b.round(1); a.dot(m); a.diagonal(); a.trace()
mask.nonzero(); b.argsort(1); z.conj(); z.real; z.imag; a.real; a.view(); a.view(np.int32); np.sort(v).searchsorted(a)
a.sum().item(); a.tolist(); a.tobytes(); a.shape; a.dtype; a.ndim; a.size; a.nbytes; a.itemsize; a.strides
a[:, 1:].strides; a.flags.c_contiguous; a.T.flags["F_CONTIGUOUS"]; a.flags.owndata; a[0].flags.owndata; a.T.flags.forc
"""

MIXUPS: dict[type[Exception], str] = {
    TypeError: """
# a host array among the operands
a + ha; ha + a; a - ha; ha / a; a @ hm; hm @ a; a ** ha; n % (hn + 1); divmod(a, ha); mask & hmask; hmask | mask
n << hn; a < ha; ha < a; a == ha; ha == a; a != ha; a + np.array(1.0); a + [1, 2, 3]; [1, 2, 3] * a; a == [1, 2, 3]
>a += ha
>ha += a
>a *= [1, 2, 3]
>w = ha @ hm; w @= m[:2]
np.add(a, ha); np.add(ha, a); np.add(ha, ha, out=a); np.exp(ha, out=a); np.exp(a, out=ha); np.maximum(a, ha)
np.matmul(a, hm); np.add(a, [1, 2, 3]); np.add.outer(v, hv); np.add.at(v, i, hv[:2]); np.add.at(hv, hi, v[:2])
np.add.at(hv, i, 1.0); np.add.at(v, [0, 1], 1.0); np.add.at(a, (i, i), 1.0); xp.add(a, ha); xp.add(ha, ha); xp.exp(ha)
xp.exp([1.0]); xp.add.at(v, i, hv[:2]); xp.add.at(hv, hi, 1.0); xp.add.reduce(ha); xp.add.outer(hv, hv)
xp.add.accumulate(hv); np.concatenate([a, ha]); np.concatenate([ha, a]); np.stack([a, ha]); np.vstack((ha, a))
np.where(mask, a, ha); np.where(hmask, a, b); np.dot(a, hm); np.tensordot(a, hm, 1); np.einsum("ij,ij->", a, ha)
np.outer(v, hv); np.copyto(ha, a); np.copyto(a, ha); np.clip(a, ha, 3); np.isclose(a, ha); np.array_equal(a, ha)
np.searchsorted(hv, v); np.sum(ha, axis=0, out=v); np.full_like(ha, v[0]); np.take(ha, i)
np.take_along_axis(ha, j, axis=1); np.repeat(a, hi, axis=0); np.broadcast_arrays(a, ha); np.may_share_memory(a, ha)
np.fft.fftshift(ha, i); xp.concatenate([a, ha]); xp.concatenate([a, [[1, 2, 3]]]); xp.stack([v, [1, 2, 3]])
xp.where(mask, a, ha); xp.where(mask, [1, 2, 3], a); xp.where(True, a, b); xp.einsum("ij,ij->", a, ha); xp.dot(a, hm)
xp.dot(a, 2.0); xp.array([v, hv]); xp.array([v[0], 1.0]); a.dot(hm); a.clip(ha, 3); a.sum(axis=0, out=hv)
v.searchsorted(hv); xp.isclose(a, [1, 2, 3]); xp.clip(a, [0, 1, 2], 3); xp.pad(a, hi)
# everything on the host, in a function for the device
xp.sum(ha); xp.mean(ha); xp.max(ha); xp.argmax(ha); xp.reshape(ha, (3, 2)); xp.transpose(ha); xp.zeros_like(ha)
xp.copy(ha); xp.clip(ha, 1, 2); xp.take(ha, hi); xp.dot(ha, hm); xp.pad(ha, 1); xp.concatenate([ha, ha])
xp.where(hmask, ha, ha); xp.broadcast_to(hv, (2, 3)); xp.einsum("ij->i", ha); xp.linalg.norm(ha)
xp.ascontiguousarray(ha); xp.sum([1.0, 2.0]); xp.matmul(ha, hm); xp.lib.stride_tricks.as_strided(hv, (2,), (4,))
xp.expand_dims(ha, 0); xp.shape(ha)
# a device array where NumPy's arrays belong
np.asarray(a); np.array(a); np.array([a, a]); np.array([v[0], v[1]]); np.ascontiguousarray(a)
np.asarray(a, dtype=object); np.float32(v[0]); np.lib.stride_tricks.as_strided(v, (2,), (4,)); np.nditer(a)
np.frombuffer(v, np.float32); memoryview(a); np.random.default_rng(0).permutation(v)
np.random.default_rng(0).choice(v); np.random.default_rng(0).normal(v); ha.dot(m); ha.sum(axis=0, out=v)
np.zeros(n[0, 0]); np.arange(n[0, 0]); np.linspace(0, 1, n[0, 0]); np.indices(n[0, :2]); np.block([a, b])
np.vecdot(v, v); np.einsum_path("ij,jk", a, m); np.apply_along_axis(np.sum, 0, a)
# a device number where Python's belong
range(n[0, 0]); [1, 2, 3, 4][n[0, 0]]; v[: n[1, 0]]; {a.sum(): 1}; hash(n[0, 0]); operator.index(n[0, 0])
"ab" * n[0, 0]
# assignment
>ha[...] = a
>ha[0] = v
>ha[mask] = 0
>ha[hmask] = a[mask]
>a[0] = [1, 2, 3]
>a[[0, 1]] = [[1, 2, 3], [4, 5, 6]]
# keywords that CuPy does not have
np.add(a, b, out=a, where=mask); np.exp(a, order="C"); xp.exp(a, out=b, where=mask); xp.exp(a, order="C")
xp.add(a, b, subok=True); np.sum(a, where=mask); np.sum(a, initial=0); np.mean(a, where=mask); np.max(a, initial=0)
np.prod(a, initial=1); np.add.reduce(a, initial=0); np.add.reduce(a, where=mask); np.std(a, correction=1)
np.any(mask, where=mask); xp.sum(a, where=mask); xp.max(a, initial=0); a.sum(where=mask); a.max(initial=0)
a.mean(where=mask); a.all(where=mask); np.einsum("ij->i", a, out=v[:2]); xp.einsum("ij->i", a, order="C")
np.clip(a, min=1, max=3); np.reshape(a, shape=(3, 2)); np.take(a, i, mode="clip"); a.take(i, mode="wrap")
np.sort(n, stable=True); a.sort(order=None); a.item(0); np.zeros(3, device="cpu", like=a); xp.zeros(3, like=a)
xp.arange(3, device="cpu"); xp.asarray(ha, device="cpu")
# np.ones(like=x) passes device=None on, which CuPy does not know; np.zeros does not
np.ones(3, like=a); np.full((2,), 5, like=a); np.eye(3, like=a); a.astype(np.float64, casting="unsafe")
np.take_along_axis(a, j); np.nanmax(a, initial=0); np.linalg.matrix_rank(a @ m, hermitian=True)
""",
    AttributeError: """
xp.errstate(); xp.einsum_path("ij,jk", a, m); xp.vecdot(v, v); xp.block([a, b]); xp.nditer(a); xp.sctypeDict
xp.random.default_rng(0).normal(); xp.random.default_rng(0).permutation(3); xp.random.default_rng(0).shuffle
xp.random.default_rng(0).choice(3); xp.random.default_rng(0).bytes(1); xp.random.SeedSequence(1); a.flags.writeable
a.setflags(); a.resize; a.__array_interface__; a.ctypes; a.getfield; a.setfield; a.to_device; a.__array_namespace__()
xp.linalg.vecdot(v, v); xp.add.identity; xp.add.signature; xp.strings; xp.ma
""",
    NotImplementedError: """
np.maximum.reduce(a); xp.maximum.reduce(a); xp.minimum.reduce(a, axis=1); xp.subtract.reduce(a)
np.maximum.accumulate(v); np.multiply.reduceat(v, hi); xp.divide.at(v, [0], 2.0); np.multiply.at(v, hi, 2.0)
np.lib.stride_tricks.sliding_window_view(v, 2, writeable=True); xp.random.normal(); xp.random.permutation(3); xp.mgrid
xp.r_[1, 2]; a.dumps(); a.flat
""",
    ValueError: """
>a[...] = ha
>a[0] = hv
>a[i] = hb
>a[mask] = ha[hmask]
>xp.matmul(a, m, out=xp.zeros((2, 2)))
>xp.matmul(a, m, out=xp.zeros((2, 2), np.float32, order="F"))
np.sort(v, kind="quicksort"); v.argsort(kind="heapsort"); xp.array([v, v], dtype="g"); a.astype(np.longdouble)
xp.asarray(["text"]); xp.asarray(hv, dtype=object)
""",
}


def calls(text: str) -> list[str]:
    """One call for each part between semicolons; a line that begins with > is one call."""
    found: list[str] = []
    for line in text.strip().splitlines():
        if line.startswith(">"):
            found.append(line[1:])
        elif not line.startswith("#"):
            found += line.split("; ")
    return found


def run(call: str, xp: Any) -> Any:
    """Run the call with fresh arrays; with NumPy as the backend, everything is on the host."""
    names: dict[str, Any] = {"np": np, "xp": xp, "operator": operator}
    for name, array in HOST.items():
        names[f"h{name}"] = array.copy()
        names[name] = array.copy() if xp is np else xp.asarray(array)
    *statements, last = ast.parse(call).body
    if not isinstance(last, ast.Expr):
        return exec(call, names)
    exec(compile(ast.Module(statements, []), call, "exec"), names)
    return eval(compile(ast.Expression(last.value), call, "eval"), names)


def assert_same(actual: Any, expected: Any, array_type: type) -> None:
    """Equal values, shapes and dtypes; an array is on the device, a Python object is a Python object."""
    if isinstance(expected, tuple | list) and isinstance(actual, tuple | list):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            assert_same(one, other, array_type)
        return
    assert not isinstance(actual, np.ndarray)
    if isinstance(actual, array_type):
        host = actual.get()  # type: ignore[attr-defined]
        assert host.shape == np.shape(expected)
        assert host.dtype == np.asarray(expected).dtype
        if array_type is strict_cupy.ndarray:
            np.testing.assert_array_equal(host, expected)
        else:
            np.testing.assert_allclose(host, expected, rtol=1e-5, atol=1e-6)
    else:
        assert actual == expected


@pytest.mark.parametrize("call", calls(LEGAL))
def test_a_legal_call_computes_what_numpy_does(call: str) -> None:
    assert_same(run(call, strict_cupy), run(call, np), strict_cupy.ndarray)


CUPY: Any = importlib.import_module("cupy") if importlib.util.find_spec("cupy") else None
DEVICE = CUPY is not None and CUPY.cuda.is_available()


@pytest.mark.skipif(not DEVICE, reason="needs CuPy and a GPU")
def test_cupy_computes_every_legal_call() -> None:
    failures = []
    for call in calls(LEGAL):
        try:
            assert_same(run(call, CUPY), run(call, np), CUPY.ndarray)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported with its call
            failures.append(f"{call}: {type(error).__name__}: {error}")
    assert not failures, "\n".join(failures)


class CupyWithoutMemory:
    """CuPy whose arrays point nowhere: it checks its arguments, and fails only where a kernel would start."""

    def __getattr__(self, name: str) -> Any:
        return getattr(CUPY, name)

    def asarray(self, array: Any, *args: Any, **kwargs: Any) -> Any:
        if args or kwargs or not isinstance(array, np.ndarray):
            return CUPY.asarray(array, *args, **kwargs)
        nowhere = CUPY.cuda.UnownedMemory(1 << 40, array.nbytes, owner=None, device_id=0)
        return CUPY.ndarray(array.shape, array.dtype, CUPY.cuda.MemoryPointer(nowhere, 0))


@pytest.mark.skipif(CUPY is None or DEVICE, reason="needs CuPy, and no GPU")
def test_cupy_refuses_no_legal_call_for_its_arguments() -> None:
    failures = []
    for call in calls(LEGAL):
        try:
            run(call, CupyWithoutMemory())
        except (CUPY.cuda.runtime.CUDARuntimeError, ImportError):  # no driver, no cuBLAS: that far the call was right
            pass
        except Exception as error:  # noqa: BLE001
            failures.append(f"{call}: {type(error).__name__}: {error}")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize(
    ("error", "call"), [pytest.param(error, call, id=call) for error in MIXUPS for call in calls(MIXUPS[error])]
)
def test_a_mix_up_raises(error: type[Exception], call: str) -> None:
    with pytest.raises(error):
        run(call, strict_cupy)
    if np.lib.NumpyVersion(np.__version__) >= "2.3.0":
        run(call, np)  # nothing is wrong with the call but the mix-up


# --- memory


def test_base_is_the_owner_of_the_memory() -> None:
    x = strict_cupy.asarray(HOST["a"])
    row = x[0]
    assert x.base is None
    for view in (
        row,
        row[1:],
        x.T,
        x.reshape(-1),
        x[0, 0],
        x[None],
        x.ravel(),
        np.broadcast_to(x, (4, 2, 3)),
        x.view(),
    ):
        assert view.base is x
        assert not view.flags.owndata
    assert x[0] is not x[0]
    for copied in (
        x + 0,
        x.copy(),
        x[[0, 1]],
        x.T.ravel(),
        x.astype(np.float64),
        x.sum(),
        np.concatenate([x]),
        x[x > 0],
    ):
        assert copied.base is None
        assert copied.flags.owndata
    for same in (
        x.astype(np.float32, copy=False),
        strict_cupy.asarray(x),
        x.real,
        x.squeeze(),
        np.atleast_2d(x),
        row.T,
    ):
        assert same is x or same is row


def test_strided_tricks_have_no_base_and_are_not_writeable() -> None:
    x = strict_cupy.asarray(HOST["v"])
    for view in (
        strict_cupy.lib.stride_tricks.as_strided(x, (2, 2), (4, 4)),
        np.lib.stride_tricks.sliding_window_view(x, 2),
    ):
        assert view.base is None
        with pytest.raises(ValueError, match="read-only"):
            view[0, 0] = 1
        x[0] = 7
        assert view[0, 0].item() == 7


def test_writing_to_a_broadcast_view_raises() -> None:
    x = np.broadcast_to(strict_cupy.asarray(HOST["v"]), (2, 3))
    with pytest.raises(ValueError, match="read-only"):
        x += 1


def test_in_place_operators_write_to_the_same_memory() -> None:
    x = strict_cupy.asarray(HOST["a"])
    before, row = x, x[0]
    x += 1
    row *= 2
    assert x is before
    np.testing.assert_array_equal(x.get(), [[4, 6, 8], [5, 6, 7]])


def test_get_set_and_asnumpy_copy() -> None:
    x = strict_cupy.asarray(HOST["a"])
    host = x.get()
    host[0] = 0
    x.T.get(order="F")[0] = 0
    strict_cupy.asnumpy(x)[0] = 0
    np.testing.assert_array_equal(x.get(), HOST["a"])
    x.set(host)
    host[:] = -1
    assert x[0].tolist() == [0, 0, 0]
    assert strict_cupy.asnumpy(x, out=host) is host
    np.testing.assert_array_equal(host, x.get())
    for wrong in (host.astype(np.float64), x, [[1, 2, 3], [4, 5, 6]]):
        with pytest.raises(TypeError):
            x.set(wrong)
    with pytest.raises(ValueError, match="Shape mismatch"):
        x.set(host[:1])
    with pytest.raises(RuntimeError, match="non-contiguous"):
        x[:, ::2].set(host[:, ::2])


def test_arrays_are_copied_pickled_and_referenced_weakly() -> None:
    x = strict_cupy.asarray(HOST["a"])
    for other in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert type(other) is strict_cupy.ndarray
        assert other is not x
        assert other.base is None
        np.testing.assert_array_equal(other.get(), HOST["a"])
    reference = weakref.ref(x)
    assert reference() is x
    del x, other
    assert reference() is None
    with pytest.raises(AttributeError):
        strict_cupy.zeros(1).note = 1


# --- numbers


def test_results_stay_on_the_device() -> None:
    x = strict_cupy.asarray(HOST["a"])
    for number in (x.sum(), x.max(), np.mean(x), x[0, 0], x[0].dot(x[1]), np.allclose(x, x), np.count_nonzero(x)):
        assert type(number) is strict_cupy.ndarray
        assert number.shape == ()
        assert not isinstance(number, np.generic | float | bool)
    x[0, 0][...] = 9
    assert x[0, 0].item() == 9
    with pytest.raises(ValueError, match="size 1"):
        x.item()
    with pytest.raises(ValueError, match="ambiguous"):
        bool(x)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(x[:0])
    with pytest.raises(TypeError):
        len(x.sum())
    with pytest.raises(TypeError):
        iter(x.sum())
    with pytest.raises(IndexError):
        x[[5]]


def test_there_are_no_floating_point_warnings() -> None:
    x = strict_cupy.asarray(np.zeros(2))  # pytest turns a warning into an error
    assert np.isnan(x / x).all()
    assert np.isinf(np.log(x)).all()


def test_the_generator_is_that_of_cupy() -> None:
    rng = strict_cupy.random.default_rng(1)
    draws = [
        rng.random((2, 3), dtype=np.float32),
        rng.standard_normal(4),
        rng.uniform(-1, 1, size=(2,), dtype=np.float32),
        rng.integers(0, 10, 5),
        rng.integers(3),
        rng.random(),
    ]
    assert [draw.shape for draw in draws] == [(2, 3), (4,), (2,), (5,), (), ()]
    assert [draw.dtype.char for draw in draws] == ["f", "d", "f", "l", "l", "d"]
    assert all(type(draw) is strict_cupy.ndarray for draw in draws)
    out = strict_cupy.empty(3, np.float32)
    assert rng.random(dtype=np.float32, out=out) is out
    again = strict_cupy.random.Generator(strict_cupy.random.XORWOW(1))
    np.testing.assert_array_equal(again.random((2, 3), dtype=np.float32).get(), draws[0].get())
    assert strict_cupy.random.default_rng(rng) is rng
    with pytest.raises(TypeError):
        rng.random(dtype=np.float32, out=np.empty(3, np.float32))
    with pytest.raises(TypeError):
        rng.standard_normal(loc=1.0)


def test_scatter_takes_the_dtypes_that_have_an_atomic_operation() -> None:
    x = strict_cupy.zeros(3, np.int8)
    with pytest.raises(TypeError, match="only supports"):
        strict_cupy.add.at(x, [0], 1)
    with pytest.raises(TypeError, match="only supports"):
        strict_cupy.maximum.at(x.astype(np.float16), [0], 1)
    with pytest.raises(TypeError, match="only supports"):
        strict_cupy.subtract.at(x.astype(np.float32), [0], 1)


# --- other libraries' objects


class Prior:
    """Like a Tensor: has the higher priority and no `__array_ufunc__`."""

    __array_priority__ = 1000

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise AssertionError("looked into the other object")

    def answer(self, other: object) -> str:
        return "mine"

    __radd__ = __rmatmul__ = __rpow__ = __lt__ = __gt__ = answer


def test_an_object_of_higher_priority_goes_first() -> None:
    x: Any = strict_cupy.asarray(HOST["a"])
    other: Any = Prior()
    assert x + other == x @ other == x**other == (x < other) == "mine"
    calls: list[Callable[[], Any]] = [
        lambda: x.__iadd__(other),
        lambda: np.add(x, other),
        lambda: np.add(x, x, out=other),
        lambda: np.concatenate([x, other]),
        lambda: strict_cupy.add(x, other),
        lambda: strict_cupy.dot(x, other),
        lambda: strict_cupy.asarray(other),
        lambda: operator.setitem(x, 0, other),
        lambda: x[other],
        lambda: x.sum(axis=other),
    ]
    for call in calls:
        with pytest.raises(TypeError):
            call()


def test_the_module_can_be_registered_as_a_backend() -> None:
    x = strict_cupy.zeros(3)
    assert type(x) is strict_cupy.ndarray
    assert not isinstance(x, np.ndarray)
    assert strict_cupy.get_array_module(x) is strict_cupy
    assert strict_cupy.get_array_module(HOST["a"]) is np
    assert strict_cupy.float32 is np.float32
    assert strict_cupy.sum is strict_cupy.sum
    assert strict_cupy.add.__name__ == "add"
    assert not isinstance(strict_cupy.add, np.ufunc)
    assert strict_cupy.cuda.is_available()
    with x.device as device:
        device.synchronize()
    strict_cupy.cuda.Stream.null.synchronize()
    for name in ("no_such_name", "linalg.no_such_name", "errstate", "__path__"):
        with pytest.raises(AttributeError):
            operator.attrgetter(name)(strict_cupy)


def test_an_error_names_the_call_and_what_cupy_takes() -> None:
    x = strict_cupy.zeros(3)
    with pytest.raises(TypeError, match=r"cupy\.sum\(a, axis=None.*unexpected keyword argument 'where'"):
        np.sum(x, where=True)
    with pytest.raises(TypeError, match=r"Unsupported type <class 'numpy\.ndarray'> in add"):
        x + np.zeros(3)


@pytest.mark.skipif(CUPY is None, reason="needs CuPy; no GPU")
def test_the_snapshot_is_that_of_the_installed_cupy() -> None:
    found = make_cupy_signatures.snapshot()
    if found["version"].split(".")[0] != strict_cupy.__version__.split(".")[0]:
        pytest.skip(f"CuPy {found['version']} is installed, the snapshot is of {strict_cupy.__version__}")
    for kind in ("ufuncs", "methods", "generator", "functions"):
        assert found[kind] == strict_cupy._CUPY[kind]


# --- any operands

floats = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=0, max_dims=3, max_side=4), elements=st.floats(-2, 2, width=32)
)


@pytest.mark.parametrize(
    "name", ["exp", "tanh", "square", "sign", "negative", "abs", "isfinite", "floor", "logical_not"]
)
@given(x=floats)
def test_unary_ufuncs_on_any_array(name: str, x: np.ndarray[Any, Any]) -> None:
    assert_same(getattr(np, name)(strict_cupy.asarray(x)), getattr(np, name)(x), strict_cupy.ndarray)


@pytest.mark.parametrize("op", [operator.add, operator.mul, operator.sub, operator.lt, np.maximum, np.hypot])
@given(shapes=hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3), data=st.data())
def test_binary_operations_on_any_arrays(op: Any, shapes: Any, data: st.DataObject) -> None:
    x, y = (
        data.draw(hnp.arrays(data.draw(st.sampled_from([np.float32, np.int64, np.bool_])), shape, elements=st.just(1)))
        for shape in shapes.input_shapes
    )
    assume(op is not operator.sub or x.dtype != np.bool_ or y.dtype != np.bool_)
    assert_same(op(strict_cupy.asarray(x), strict_cupy.asarray(y)), op(x, y), strict_cupy.ndarray)
    number = data.draw(st.sampled_from([2, 0.5, np.float64(3), np.int8(1)]))
    assert_same(op(strict_cupy.asarray(x), number), op(x, number), strict_cupy.ndarray)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "argmin", "any", "std", "prod"])
@given(x=floats, data=st.data())
def test_reductions_of_any_array(name: str, x: np.ndarray[Any, Any], data: st.DataObject) -> None:
    axis = data.draw(st.sampled_from([None, *range(-x.ndim, x.ndim)]))
    keepdims = data.draw(st.booleans())
    expected = getattr(np, name)(x, axis=axis, keepdims=keepdims)
    device = strict_cupy.asarray(x)
    assert_same(getattr(np, name)(device, axis=axis, keepdims=keepdims), expected, strict_cupy.ndarray)
    assert_same(getattr(strict_cupy, name)(device, axis=axis, keepdims=keepdims), expected, strict_cupy.ndarray)
    assert_same(getattr(device, name)(axis=axis, keepdims=keepdims), expected, strict_cupy.ndarray)


@given(x=floats, data=st.data())
def test_indexing_any_array(x: np.ndarray[Any, Any], data: st.DataObject) -> None:
    kinds: list[st.SearchStrategy[Any]] = [
        hnp.basic_indices(x.shape, allow_newaxis=True),
        hnp.arrays(np.bool_, x.shape),
    ]
    if x.ndim:
        kinds.append(hnp.integer_array_indices(x.shape))
    index = data.draw(st.one_of(kinds))
    device, on_device = strict_cupy.asarray(x), index
    if data.draw(st.booleans()):  # index arrays may be of either kind
        parts = index if isinstance(index, tuple) else (index,)
        on_device = tuple(strict_cupy.asarray(part) if isinstance(part, np.ndarray) else part for part in parts)

    part = device[on_device]
    assert_same(part, x[index], strict_cupy.ndarray)
    basic = not any(isinstance(p, np.ndarray) for p in (index if isinstance(index, tuple) else (index,)))
    assert (part.base is device) == basic
    device[on_device] = -1
    x[index] = -1
    np.testing.assert_array_equal(device.get(), x)
    if basic:
        assert_same(part, x[index], strict_cupy.ndarray)  # the view saw the write
