"""explain, its generated source and capture read whatever the layers, losses and functions of the library do.

One small network per family (`readers.py`).  Each equation was verified against the arrays that ran before it is
printed; here the source must compute the same loss and gradients as the engine, without it, and a captured step must
have the bits of an eager one.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.readers import CASES, Case, classified, randn
from tests.test_source import run
from tinygrad_lite import nn
from tinygrad_lite.explanation.explanation import Explanation, symbols_of

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


@pytest.mark.parametrize(("name", "expected"), [
    ("cnn_with_max_pool", ["z1 = X ∗ W1 + b1", "∂L/∂W1 = X ⋆ ∂L/∂z1", "∂L/∂b1 = Σᵢ ₖ ₗ ∂L/∂z1",
                           "b1 lies along axis 1."]),
    ("cnn_with_average_pool", ["stride·p + dilation·j", "z1, ∂L/∂W1: stride 2, padding 1, 2 groups of channels."]),
    ("conv_transpose", ["z1 = X ∗ᵀ W1 + b1", "∂L/∂W1 = ∂L/∂z1 ⋆ X"]),
    ("batch_norm", ["h3 = h1/h2", "∂L/∂W2 = Σᵢ (∂L/∂z2 ⊙ h3)", "− 1/m Σᵢ (∂L/∂z2 ⊙ W2))/h2",
                    "∂L/∂b1 = Σᵢ ∂L/∂z1"]),
    ("layer_norm_with_gelu", ["z2 = h3 ⊙ W2 + b2", "(1 + erf(z2/√2))/2", "z2 ⊙ e^(−z2²/2)/√(2π)"]),
    ("gelu_by_tanh", ["√(2/π) + 0.044715 √(2/π) z1²"]),
    ("causal_attention", ["z2 = h1 h2ᵀ/2 + c1", "a2 = softmax(z2)", "a2 ⊙ (∂L/∂z3 h3ᵀ − Σₖ (∂L/∂z3 ⊙ z3))",
                          "∂L/∂z1 = [g1 h2/2, g1ᵀ h1/2, a2ᵀ ∂L/∂z3]", "≠ −∞ everywhere; this is used."]),
    ("multihead_attention", ["z1 = X W_in_proj[0:4]ᵀ + b_in_proj[0:4]", "z4 = rearrange(z1) rearrange(z2)ᵀ/√2",
                             "∂L/∂b_in_proj = [Σᵢ ⱼ ∂L/∂z1, Σᵢ ⱼ ∂L/∂z2, Σᵢ ⱼ ∂L/∂z3]"]),
    ("lstm", ["W_ih_l0", "z3 = a1 ⊙ h2 + a2 ⊙ a3"]),
    ("transformer_encoder_layer", ["10/9"]),
    ("nll", ["L = −1/m Σ gatherⱼ(a1, h1)", "∂L/∂z1 = (softmax(z1) − onehot(h1))/m", "h1 ≠ −100 everywhere"]),
    ("bce", ["∂L/∂z1 = (a1 − a2)/(2m)", "a1 ⊙ (1 − a1) ≥ 10⁻¹² everywhere"]),
    ("norm", ["∂L/∂z1 = (z1 − t)/h2 + z1/h1", "h2 ≠ 0"]),
    ("normalize", ["h1 = ‖z1‖₂"]),
    ("repeat", ["∂L/∂z1 = 2 t + "]),
    ("glu", ["[2 h2 ⊙ a1, 2 h2 ⊙ h1 ⊙ a1 ⊙ (1 − a1)]"])])
def test_as_textbooks_write_it(name: str, expected: list[str]) -> None:
    text = re.sub(" +", " ", str(explained(next(c for c in CASES if c.name == name))))
    for line in expected:
        assert line in text, text


def test_what_occurs_is_no_guard_that_is_left_out() -> None:
    W = tg.tensor([[1.0, 2.0], [0.5, -1.0]], dtype=tg.float64, requires_grad=True)

    def loss(X: Any) -> Any:
        return (X @ W).norm(dim=1).sum()

    for X, expected in (([[1.0, 2.0], [3.0, 4.0]], "h1 ≠ 0"), ([[0.0, 0.0], [3.0, 4.0]], "where([h1 = 0], 1, h1)")):
        e = tg.explain(loss, tg.tensor(X, dtype=tg.float64), names={"W": W})
        assert expected in str(e)
        assert ("Assumes that everywhere h1 ≠ 0." in e.code()) == ("≠" in expected)


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
