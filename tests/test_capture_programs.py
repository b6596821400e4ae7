"""Random programs of ops, views, in-place writes, draws and updates: captured they give the bits of the eager step.

A program is a list of lines of Python over the variables x0, x1, ... (a failure prints them).  It is run eagerly and
captured, without audits and with them, from the same state and with the same arguments; whatever somebody can see
afterwards must be the same to the bit - results, arguments, parameters, buffers, gradients, the generator -, or capture
refuses the step with one of the errors that docs/capture.md names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tests.test_capture import bits

ELEMENTWISE = ["exp", "tanh", "sigmoid", "relu", "abs", "sqrt", "neg", "square", "log1p", "sign", "floor"]
BINARY = ["{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} / {b}", "tg.maximum({a}, {b})", "tg.where({a} > {b}, {a}, {b})",
          "tg.lerp({a}, {b}, 0.25)", "{a} ** 2 + {b}", "tg.atan2({a}, {b})"]
VIEWS = ["{a}[1:]", "{a}[..., ::2]", "{a}.T", "{a}[0]", "{a}[None]", "{a}.reshape(-1)", "{a}.diagonal()",
         "{a}.unfold(-1, 2, 1)", "{a}.unsqueeze(-1)", "{a}.squeeze()", "{a}.expand(2, *{a}.shape)", "{a}.flatten()",
         "{a}.narrow(0, 0, 1)", "{a}.movedim(0, -1)", "{a}.unbind(0)[-1]", "{a}.chunk(2)[0]", "{a}.detach()",
         "tg.einsum('ii->i', {a})", "{a}.contiguous()", "{a}.T.contiguous().T", "{a}.clone()", "{a}.double()",
         "{a}.to(tg.float16)", "{a}.data", "{a}.select(-1, 0)", "{a}.view_as({a})"]
REDUCE = ["{a}.sum()", "{a}.sum(0)", "{a}.mean(-1, keepdim=True)", "{a}.prod()", "{a}.prod(0)", "{a}.max(0)[0]",
          "{a}.amax()", "{a}.var(0)", "{a}.norm()", "{a}.cumsum(-1)", "{a}.softmax(-1)", "{a}.log_softmax(0)",
          "{a}.logsumexp(0)", "{a}.sort(-1)[0]", "{a}.argmax(-1).float()", "{a} @ {a}.T", "tg.stack([{a}, {a}])",
          "tg.cat([{a}, {a} * 2])", "tg.nn.functional.layer_norm({a}, {a}.shape[-1:])", "{a}.median()",
          "tg.gather({a}, 0, tg.zeros_like({a}).long())",
          "tg.index_add({a}, 0, tg.tensor([0, 0]), tg.cat([{a}[:1]] * 2))"]
WRITES = ["{a}.add_(1)", "{a}.mul_({b})", "{a}.copy_({b})", "{a}.zero_()", "{a}.fill_(2.5)", "{a}[0] = {b}.sum()",
          "{a}[..., 0] += 1", "{a}.diagonal().add_(10)", "{a}.T.mul_(2)", "{a}.unfold(-1, 1, 1)[0].add_(1)",
          "{a}.clamp_(-1, 1)", "{a}.view(-1)[::2].neg_()", "{a}.detach().mul_(0.5)", "{a}.exp_()",
          "{a}[{a} > 1] = 0.5", "{a}.unbind(0)[0].sub_(1)", "{a}.data.add_(0.25)"]
DRAWS = ["tg.rand_like({a})", "tg.randn({a}.shape)", "tg.nn.functional.dropout({a}, 0.5)",
         "tg.bernoulli({a}.sigmoid())", "tg.rand({a}.shape, generator=tg.Generator(3))", "{a} * tg.randperm(3).sum()"]
SEEDS = ["tg.manual_seed(5)", "state = tg.get_rng_state()", "tg.set_rng_state(state)"]
GRADIENTS = ["({a} * {a}).sum().backward()", "{a}.sum().backward()", "{a}.mean().backward(retain_graph=True)",
             "optimizer.zero_grad()", "optimizer.step()", "w.grad = None",
             "x{n} = w.grad * 2 if w.grad is not None else w * 1",
             "x{n}, = tg.autograd.grad(({a} * w.sum()).sum(), [w])", "optimizer.step(); scheduler.step()",
             "x{n} = ({a} * buffer).sum()",
             "buffer.mul_(0.5).add_({a}.detach().sum())", "x{n} = {a} * k", "x{n} = {a} + (1 if k else 2)"]
NUMBERS = [0.0, -0.0, 1, 1.0, True, 2.5, float("nan"), np.float32(0.5), None]


@dataclass
class Program:
    """Lines of Python, and the calls that are made of it."""

    lines: list[str]
    calls: list[tuple[str, Any, int]]

    def __repr__(self) -> str:
        return "\n".join(["", "def step(x0, x1, k):", *(f"    {line}" for line in self.lines), f"calls: {self.calls}"])


@st.composite
def programs(draw: st.DrawFn) -> Program:
    n, lines, seeded = 2, [], False
    for _ in range(draw(st.integers(1, 9))):
        kind = draw(st.sampled_from(["elementwise", "binary", "view", "view", "reduce", "write", "write", "draw",
                                     "seed", "gradient", "gradient", "w"]))
        a, b = (f"x{draw(st.integers(max(0, n - 4), n - 1))}" for _ in range(2))
        line = ""
        if kind == "elementwise":
            line = f"x{n} = {a}.{draw(st.sampled_from(ELEMENTWISE))}()"
        elif kind == "w":
            line = f"x{n} = {a} * w"
        elif kind == "seed":
            line = draw(st.sampled_from(SEEDS))
            if "(state)" in line and not seeded:
                line = SEEDS[1]
            seeded = seeded or "state =" in line
        elif kind in ("write", "gradient"):
            line = draw(st.sampled_from(WRITES if kind == "write" else GRADIENTS)).format(a=a, b=b, n=n)
        else:
            choices = {"binary": BINARY, "view": VIEWS, "reduce": REDUCE, "draw": DRAWS}[kind]
            line = f"x{n} = " + draw(st.sampled_from(choices)).format(a=a, b=b)
        if re.match(r"x\d+(, )?,? ?=", line):
            n += 1
        lines.append(line)
    results = draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=3))
    lines.append(f"return {', '.join(f'x{i}' for i in results)},")
    arguments = st.sampled_from(["apart", "apart", "apart", "same", "base and view", "views", "fortran", "step", "row",
                                 "scalar", "empty", "special"])
    first = draw(arguments)
    calls = [(first if draw(st.integers(0, 3)) else draw(arguments), draw(st.sampled_from(NUMBERS[:4])), i)
             for i in range(draw(st.integers(2, 5)))]
    if draw(st.booleans()):
        calls = [(how, calls[0][1], i) for how, _, i in calls]
    else:
        calls = [(how, draw(st.sampled_from(NUMBERS)), i) for how, _, i in calls]
    return Program(lines, calls)


def arguments(how: str, i: int) -> tuple[Any, Any]:
    """Two arguments of a call, new ones each time."""
    random = np.random.default_rng(i)
    x, y = (random.standard_normal((3, 3)).astype("float32") for _ in range(2))
    if how == "special":
        x.flat[:6] = [np.nan, np.inf, -np.inf, -0.0, 1e-40, 1.0]
        y.flat[:4] = [-0.0, np.nan, 1.0, 1.0]
    a, b = tg.from_numpy(x), tg.from_numpy(y)
    return {"same": (a, a), "base and view": (a, a[:2, :2]), "views": (a[:2], a[1:]), "fortran": (a.T, b),
            "step": (tg.from_numpy(np.repeat(x, 2, 1))[:, ::2], b), "row": (a[:1], b[0]), "scalar": (a[0, 0], b),
            "empty": (a[:0], b[:0])}.get(how, (a, b))


def run(program: Program, audit: bool | None) -> list[Any]:
    """What each call returned and left; an error ends it."""
    tg.manual_seed(0)
    w = tg.tensor([0.5, -1.0, 2.0], requires_grad=True)
    buffer = tg.ones(())
    optimizer = tg.optim.SGD([w], lr=0.1, momentum=0.9)
    scope: dict[str, Any] = {"tg": tg, "w": w, "buffer": buffer, "optimizer": optimizer,
                             "scheduler": tg.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)}
    exec("def step(x0, x1, k):\n" + "\n".join(f"    {line}" for line in program.lines), scope)
    step = scope["step"] if audit is None else tg.capture(scope["step"], audit=audit)
    seen: list[Any] = []
    for how, k, i in program.calls:
        x, y = arguments(how, i)
        try:
            result = step(x, y, k)
        except Exception as error:  # noqa: BLE001
            seen.append(f"{type(error).__name__}: {error}")
            return seen
        seen.append(canonical([result, x, y, w, w.grad, buffer, optimizer.param_groups[0]["lr"]]))
        seen.append(tg.get_rng_state())
    return seen


def canonical(x: Any) -> Any:
    """Bits, in which every nan is the same one."""
    if isinstance(x, (list, tuple)):
        return [canonical(v) for v in x]
    if isinstance(x, tg.Tensor):
        array = x.detach().numpy().copy()
        if array.dtype.kind == "f":
            array[np.isnan(array)] = np.nan
        return bits(array)
    return x


@given(programs())
def test_a_captured_program_has_the_bits_of_the_eager_one(program: Program) -> None:
    eager = run(program, None)
    for audit in (False, True):
        captured = run(program, audit)
        for i, (a, b) in enumerate(zip(eager, captured, strict=False)):
            if isinstance(b, str):
                assert "audit of replay" not in b, b
                assert isinstance(a, str) or "captured step" in b, b
                break  # what a refused step left is nobody's concern
            assert a == b, f"call {i // 2}, {audit=}: eager {a}\n captured {b}"
