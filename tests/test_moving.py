"""Whatever moves, picks or multiplies elements is explained, written as NumPy source and captured like any other op."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.test_source import run
from tinygrad_lite.nn import functional as F

ROWS, PLACES = tg.tensor([2, 0, 2, 1]), tg.tensor([[0, 2, 1], [1, 1, 0]])
REPEATS = tg.tensor([1, 0, 2])
EYE = tg.eye(3, dtype="float64")
MASK = tg.tensor([[True, False, True], [False, True, True], [True, True, False]])
CASES: dict[str, Any] = {
    "flip": lambda z: z.flip(0, 1),
    "roll": lambda z: z.roll((1, -1), (0, 1)),
    "roll all": lambda z: z.roll(2),
    "triangles": lambda z: z.tril() * 2 + z.triu(1) * 3,
    "diagonal": lambda z: z.diagonal(1) * 2,
    "diag": lambda z: tg.diag(z[0], -1),
    "trace": lambda z: z.trace() * z,
    "unfold": lambda z: z.unfold(1, 2, 1),
    "repeat": lambda z: z.repeat(2, 1, 2),
    "repeat_interleave": lambda z: z.repeat_interleave(REPEATS, 1),
    "movedim": lambda z: z.movedim(0, 1).narrow(0, 1, 2).select(1, 0),
    "stacks": lambda z: tg.vstack([z, tg.hstack([z[:1, :2], z[:1, 2:]])]),
    "reflect": lambda z: F.pad(z, (1, 2), mode="reflect"),
    "replicate": lambda z: F.pad(z[None], (1, 2, 0, 1), mode="replicate"),
    "circular": lambda z: F.pad(z, (3, 1), mode="circular"),
    "constant": lambda z: F.pad(z, (1, -1), value=2.0),
    "index_select": lambda z: z.index_select(1, ROWS),
    "take_along_dim": lambda z: z.take_along_dim(PLACES, 0),
    "index_add": lambda z: z.index_add(0, ROWS, tg.cat([z, z[:1]])),
    "index_fill": lambda z: z.index_fill(0, ROWS[:1], 2.0),
    "scatter": lambda z: z.scatter(0, PLACES[:1], z[1:2] * 2),
    "scatter_add": lambda z: z.scatter_add(0, PLACES, z[1:]),
    "masked_select": lambda z: z.masked_select(MASK),
    "masked_scatter": lambda z: z.masked_scatter(MASK, z * 2),
    "take": lambda z: z.take(PLACES),
    "einsum": lambda z: tg.einsum("ij,kj,k->ik", z, z, z[0]),
    "tensordot": lambda z: tg.tensordot(z, z, ([1], [0])),
    "outer": lambda z: tg.outer(z[0], z[1]),
    "kron": lambda z: tg.kron(z, z[:2]),
    "cross": lambda z: tg.cross(z, z.flip(0), 1),
    "addmm": lambda z: tg.addmm(z[0], z, z, alpha=2),
    "inv": lambda z: tg.linalg.inv(z + 9 * EYE) * 100,
    "solve": lambda z: tg.linalg.solve(z + 9 * EYE, z),
    "slogdet": lambda z: tg.linalg.slogdet(z + 9 * EYE).logabsdet,
    "cholesky": lambda z: tg.linalg.cholesky(z @ z.mT + EYE),
    "cdist": lambda z: tg.cdist(z, z[:2] + 5),
}


def numbers(shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    return np.asarray(np.random.default_rng(0).normal(size=shape))


@pytest.mark.parametrize("name", CASES)
def test_explanation_and_source(name: str) -> None:
    x, w = tg.tensor(numbers((3, 4))), tg.tensor(numbers((4, 3)), requires_grad=True)
    constants = {"rows": ROWS, "places": PLACES, "mask": MASK, "repeats": REPEATS, "eye": EYE}

    def f(x: Any, w: Any) -> Any:
        return (CASES[name](x @ w) ** 2).sum()

    explained = tg.explain(f, x, w, names=constants)
    assert "∂L/∂w" in str(explained)
    code = explained.code()
    arguments = {a.arg for n in ast.walk(ast.parse(code)) if isinstance(n, ast.FunctionDef) for a in n.args.kwonlyargs}
    assert arguments - {"x", "w"} <= {*constants}
    symbols = {n: v for n, v in constants.items() if n in arguments}
    loss, gradients = run(code, x=x.array, w=w.array, **{n: v.array for n, v in symbols.items()})
    expected = f(x, w)
    expected.backward()
    np.testing.assert_allclose(loss, expected.item(), rtol=1e-10)
    assert w.grad is not None
    np.testing.assert_allclose(gradients["w"], w.grad.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_captured_step(name: str) -> None:
    """The weights after four steps are those of the eager loop."""

    def trained(capture: bool) -> list[Any]:
        w = tg.nn.Parameter(tg.tensor(numbers((4, 3))))
        optimizer = tg.optim.SGD([w], lr=0.001)

        def step(x: Any) -> Any:
            optimizer.zero_grad()
            loss = (CASES[name](x @ w) ** 2).sum()
            loss.backward()
            optimizer.step()
            return loss

        run = tg.capture(step) if capture else step
        losses = [float(run(tg.tensor(numbers((3, 4)) + k)).item()) for k in range(4)]
        return [*losses, w.detach().numpy()]

    for ours, expected in zip(trained(True), trained(False), strict=True):
        np.testing.assert_array_equal(ours, expected)
