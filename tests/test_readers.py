"""explain, its generated source and capture read whatever the layers, losses and functions of the library do.

One small network per family (`readers.py`).  Each equation was verified against the arrays that ran before it is
printed; here the source must compute the same loss and gradients as the engine, without it, and a captured step must
have the bits of an eager one.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.readers import CASES, Case, classified, randn
from tests.test_source import run
from tinygrad_lite import nn
from tinygrad_lite.explanation import Explanation, symbols_of

OPTIMIZERS: list[Any] = [
    lambda p: tg.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True), lambda p: tg.optim.Adam(p, lr=0.01),
    lambda p: tg.optim.AdamW(p, lr=0.01), lambda p: tg.optim.RMSprop(p, lr=0.01, momentum=0.5),
    lambda p: tg.optim.Adagrad(p, lr=0.05)]
SCHEDULERS: list[Any] = [
    lambda o: tg.optim.lr_scheduler.ExponentialLR(o, 0.9), lambda o: tg.optim.lr_scheduler.StepLR(o, 2),
    lambda o: tg.optim.lr_scheduler.CosineAnnealingLR(o, 5)]


def built(case: Case) -> Any:
    """A new loss, arguments and model, the same at each call."""
    tg.manual_seed(0)
    return case.build()


def explained(case: Case) -> Explanation:
    f, args, model = built(case)
    return tg.explain(f, *args, names=model)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_explained_printed_and_written_as_numpy(case: Case) -> None:
    e = explained(case)
    f, args, model = built(case)
    program = tg.trace(f, *args, names=symbols_of(model))
    assert {*e.derivation.gradients} == {f"∂{name}" for name in program.gradients}
    text, latex = str(e), e.latex()
    assert max(map(len, text.splitlines())) < 200
    assert latex.count("{") == latex.count("}")
    assert latex.count(r"\left") == latex.count(r"\right")
    ET.fromstring(e._repr_html_())
    assert not any(word in text for word in ("None, None", "to_dtype", "clone(", "expand(", "()⊙", "−−", "− −"))
    arrays = {name: x.values[0] for name, x in e.derivation.inputs.items()}
    loss, gradients = run(e.code(), **arrays)
    np.testing.assert_allclose(loss, program.result.array, rtol=1e-9, atol=1e-12)
    for name, gradient in gradients.items():
        expected = program.gradients[name].array
        np.testing.assert_allclose(gradient, expected, rtol=1e-8, atol=1e-10 * (1 + np.abs(expected).max()))


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_captured_step_has_the_bits_of_an_eager_one(case: Case) -> None:
    number = CASES.index(case)

    def trained(captured: bool) -> list[Any]:
        f, args, model = built(case)
        optimizer = OPTIMIZERS[number % len(OPTIMIZERS)](model.parameters())
        scheduler = SCHEDULERS[number % len(SCHEDULERS)](optimizer)

        def step(*args: Any) -> Any:
            loss = f(*args)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            return loss

        if captured:
            step = tg.capture(step)
        losses = [step(*args) for _ in range(5)]
        assert not captured or step.captures <= 2  # type: ignore[attr-defined]
        state = [*model.state_dict().values(), *losses, *(p.grad for p in model.parameters() if p.grad is not None)]
        return [str(tg.get_rng_state()), *(x.array.tobytes() for x in state)]

    assert trained(True) == trained(False)


def test_pictures(tmp_path: Path) -> None:
    """matplotlib knows some signs by other names; long lists of what is given are broken into lines."""
    image = pytest.importorskip("matplotlib.image", reason="matplotlib is not installed")
    for name in ("multihead_attention", "gelu_by_tanh", "hardtanh"):
        explained(next(c for c in CASES if c.name == name)).save_picture(tmp_path / f"{name}.png")
        height, width, _ = image.imread(tmp_path / f"{name}.png").shape
        assert width < 1500
        assert height > 400


def test_what_is_refused_is_refused_with_its_reason() -> None:
    f, args, model = classified(nn.Sequential(nn.Linear(3, 3), nn.ReLU(inplace=True), nn.Linear(3, 3)), 4, 3)
    with pytest.raises(ValueError, match="writes in place"):
        tg.explain(f, *args, names=model)
    W = tg.tensor(np.ones((3, 3)), requires_grad=True)
    step = tg.capture(lambda X: (X @ W)[X > 0].sum())  # as many elements as are positive
    step(randn(4, 3))
    with pytest.raises(RuntimeError, match=r"audit|shape"):
        step(randn(4, 3, seed=1))
