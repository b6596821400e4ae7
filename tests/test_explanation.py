"""What `explain` prints is what ran, in the notation of a textbook."""

from __future__ import annotations

import doctest
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_lite as tg
from tests.networks import Network, networks
from tinygrad_lite import ops
from tinygrad_lite.engine.graph import Array
from tinygrad_lite.explanation import expression
from tinygrad_lite.explanation.explanation import Explanation, explain
from tinygrad_lite.explanation.expression import Algebra, evaluate, parts_of
from tinygrad_lite.explanation.notation import symbol, to_mathml, to_unicode
from tinygrad_lite.program import record

NOISE = re.compile(r"(?<![\w.)])1 [⊙(a-zA-ZΣ∂]|⊙ 1\b(?! −)|/1\b(?!\d)|ᵀᵀ|ᵀ\)ᵀ|−−|− −|−\(−"
                   r"|to_dtype|clone|expand|reshape|None")


def two_layers(loss: str = "cross_entropy", dtype: Any = tg.float64) -> tuple[Any, tuple[Any, Any], Any]:
    model = tg.nn.Sequential(tg.nn.Linear(3, 4), tg.nn.Tanh(), tg.nn.Linear(4, 3)).to(dtype)
    X = tg.randn(5, 3, generator=tg.Generator(0)).to(dtype)
    t = tg.tensor([0, 1, 2, 1, 0])
    return (lambda X, t: tg.nn.functional.cross_entropy(model(X), t)), (X, t), model


def check_equations(e: Explanation, merged: tg.Program, program: tg.Program) -> None:
    """Each equation, evaluated from the ones before it, gives what was recorded; gradients give the gradients."""
    d = e.derivation
    known = {x: x.values[0] for x in d.inputs.values()}
    symbols = {name: x for x, name in d.names.items()}
    recorded = [np.asarray(v.array) for v in merged.values]
    for q in d.equations:
        value = evaluate(q.expr, known, top=d.names.get(q.expr) == q.name)
        assert np.shape(value) == q.expr.shape
        close = [np.allclose(r, value, rtol=1e-10, atol=1e-12) for r in recorded if r.shape == np.shape(value)]
        assert any(close), q.name
        if q.name in symbols:
            known[symbols[q.name]] = value
        for name in program.gradients:
            if q.name == f"∂{name}":
                np.testing.assert_allclose(value, program.gradients[name].array, rtol=1e-10, atol=1e-12)


@given(networks(), st.integers(1, 4))
def test_equations_are_what_ran(network: Network, count: int) -> None:
    args = network.examples(count)
    e = explain(network.f, *args, names=network.parameters)
    program = tg.trace(network.f, *args, names=network.parameters)
    assert {*e.derivation.gradients} == {f"∂{n}" for n in program.gradients}
    check_equations(e, record(network.f, args, network.parameters, merged=True), program)
    text = str(e)
    assert not any(NOISE.search(right) for right in lines(e).values()), text
    if "mse" not in network.loss and not network.penalty:  # softmax and sigmoid meet their losses
        last = next(q for q in e.derivation.equations if q.name.startswith("∂z"))
        line = next(line for line in text.splitlines() if f"∂L/{last.name} " in line)
        assert re.search(r"= (\(?a\d+ − [yY]\)?)(/|  )", line), text
    assert e.latex().count("{") == e.latex().count("}")
    ET.fromstring(e._repr_html_())


def test_textbook() -> None:
    f, args, model = two_layers()
    assert str(explain(f, *args, names=model)) == """\
X (m, 3), t (m), W1 (4, 3), b1 (4), W2 (3, 4), b2 (3);  m = 5 examples

forward
  z1     = X W1ᵀ + b1                (m, 4)
  a1     = tanh(z1)                  (m, 4)
  z2     = a1 W2ᵀ + b2               (m, 3)
  y      = onehot(t)                 (m, 3)
  a2     = softmax(z2)               (m, 3)
  L      = −1/m Σ y ⊙ log a2         ()

backward
  ∂L/∂z2 = (a2 − y)/m                (m, 3)
  ∂L/∂W2 = (∂L/∂z2)ᵀ a1              (3, 4)
  ∂L/∂b2 = Σᵢ ∂L/∂z2                 (3)
  ∂L/∂z1 = (∂L/∂z2 W2) ⊙ (1 − a1²)   (m, 4)
  ∂L/∂W1 = (∂L/∂z1)ᵀ X               (4, 3)
  ∂L/∂b1 = Σᵢ ∂L/∂z1                 (4)

Σᵢ is the sum over axis 0, the examples."""


def test_latex_of_the_textbook() -> None:
    f, args, model = two_layers()
    tex = explain(f, *args, names=model)._repr_latex_()
    assert tex.startswith("$$\n\\begin{aligned}\n")
    assert tex.endswith("\n\\end{aligned}\n$$")
    assert r"z_{1} &= X W_{1}^\top + b_{1} && (m, 4) \\" in tex
    assert r"\frac{\partial{L}}{\partial{z_{2}}} &= \frac{a_{2} - y}{m} && (m, 3) \\" in tex


def test_float32_says_the_same() -> None:
    f, args, model = two_layers(dtype=tg.float32)
    g, args64, model64 = two_layers()
    assert str(explain(f, *args, names=model)) == str(explain(g, *args64, names=model64))


def lines(e: Explanation) -> dict[str, str]:
    """The equations of the text: left side -> right side."""
    return {k.strip(): v.rsplit("   ", 1)[0].strip() for k, v in
            (line.split(" = ", 1) for line in str(e).splitlines() if line.startswith("  "))}


def test_generated_names() -> None:
    rng = np.random.default_rng(0)
    A, B = (tg.tensor(rng.normal(size=(3, 3)), requires_grad=True) for _ in range(2))
    c = tg.tensor(rng.normal(size=3), requires_grad=True)
    equations = lines(explain(lambda X: tg.tanh(tg.tanh(X @ A + c) @ B).sum(), tg.tensor(rng.normal(size=(2, 3)))))
    assert equations["z1"] == "X W1 + b1"
    assert equations["z2"] == "a1 W2"
    assert equations["L"] == "Σ a2"
    assert equations["∂L/∂z2"] == "1 − a2²"


def test_names_do_not_collide() -> None:
    L = tg.tensor(np.ones((2, 2)), requires_grad=True)
    equations = lines(explain(lambda z1, y: ((z1 @ L - y) ** 2).sum(), tg.ones(3, 2), tg.zeros(3, 2), names={"L": L}))
    assert equations["J"] == "Σ (z2 − y)²"
    assert equations["∂J/∂L"] == "z1ᵀ ∂J/∂z2"


def test_arguments_may_be_parameters() -> None:
    W = tg.tensor(np.ones((2, 2)), requires_grad=True)
    equations = lines(explain(lambda V, x: (V @ x).sum(), W, tg.tensor(np.ones(2))))
    assert equations["z1"] == "V x"
    assert "∂L/∂V" in equations


def test_common_subexpressions_have_a_name() -> None:
    w = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    equations = lines(explain(lambda x: (tg.exp(w * x) / (1 + tg.exp(w * x))).sum(), tg.tensor([0.1, 0.2, 0.3])))
    assert equations["h1"] == "e^(b1 ⊙ x)"
    assert "h1" in equations["L"]
    assert "e^" not in equations["L"]


def scores_and_targets() -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(0)
    W = tg.tensor(rng.normal(size=(3, 2)), requires_grad=True)
    return tg.tensor(rng.normal(size=(4, 3))), tg.tensor(rng.integers(2, size=(4, 2)).astype(float)), W


def test_what_is_computed_twice_has_one_gradient() -> None:
    X, t, W = scores_and_targets()

    def net(X: Any) -> Any:
        return tg.sigmoid(X @ W)

    def bce(X: Any, t: Any) -> Any:
        return -(t * net(X).log() + (1 - t) * (1 - net(X)).log()).mean()

    assert lines(explain(bce, X, t, names={"W": W}))["∂L/∂z1"] == "(a1 − t)/(2m)"
    powers = lines(explain(lambda X: ((X @ W) ** 2).sum() + ((X @ W) ** 3).sum(), X, names={"W": W}))
    assert powers["∂L/∂z1"] == "3 z1² + 2 z1"
    assert powers["∂L/∂W"] == "Xᵀ ∂L/∂z1"
    assert all(p.grad is None for p in (W,))


def test_a_gradient_of_one_of_several_equal_values_has_no_name() -> None:
    X, _, W = scores_and_targets()  # (X * 1) @ W has the expression of X @ W and is another value
    equations = lines(explain(lambda X: (tg.tanh((X * 1) @ W) + tg.exp(X @ W)).sum(), X, names={"W": W}))
    assert "∂L/∂z1" not in equations
    assert equations["∂L/∂W"] == "Xᵀ h1 + Xᵀ (1 − a1²)"


def test_what_is_detached_is_noted() -> None:
    X, _, W = scores_and_targets()

    def f(X: Any) -> Any:
        z = X @ W
        with tg.no_grad():
            tg.sigmoid(z).mean()  # of no use to the loss
        return (z * z.detach()).sum()

    e = explain(f, X, names={"W": W})
    assert lines(e)["∂L/∂z1"] == "z1"
    assert str(e).endswith("z1 is also used as a constant (detached); that use adds nothing to the gradients.")
    assert "detached" not in str(explain(lambda X: (X @ W * (X @ W > 0)).sum(), X))


def test_equations_that_do_not_say_what_ran_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    X, _, W = scores_and_targets()
    wrong = lambda algebra, e: None if e.args[1].number else algebra.apply(ops.sub, e.args)  # noqa: E731
    monkeypatch.setitem(expression.RULES, ops.add.op, wrong)
    monkeypatch.setattr(expression, "agree", lambda x, y: True)
    with pytest.raises(ValueError, match="the equation found for L does not say what ran"):
        explain(lambda X: (X @ W + W[0]).sum(), X, names={"W": W})


def normalised(z: Any) -> Any:
    e = tg.exp(z)
    return e / e.sum(1, keepdim=True)


@pytest.mark.parametrize(("f", "gradient"), [
    (lambda z, t, c: -(t * tg.softmax(z, -1).log()).sum(1).mean(), "(a1 − t)/m"),
    (lambda z, t, c: -(t * tg.softmax(z, -1).log()).sum(), "a1 − t"),
    (lambda z, t, c: -(t * normalised(z).log()).sum(1).mean(), "(h2 − t)/m"),
    (lambda z, t, c: -(t * tg.log_softmax(z, 1)).sum(1).mean(), "(softmax(z1) − t)/m"),
    (lambda z, t, c: ((z - t) ** 2).sum(1).mean(), "2 (z1 − t)/m"),
    (lambda z, t, c: -(t * tg.sigmoid(z).log() + (1 - t) * (1 - tg.sigmoid(z)).log()).sum(1).mean(), "(a1 − t)/m"),
    (lambda z, t, c: -tg.log_softmax(z, 1).gather(1, c[:, None]).mean(), "(softmax(z1) − onehot(c))/m"),
    (lambda z, t, c: -tg.log_softmax(z, 1).gather(1, c[:, None]).sum(), "softmax(z1) − onehot(c)"),
    (lambda z, t, c: -tg.softmax(z, 1)[tg.arange(len(c)), c].log().mean(), "(a1 − onehot(c))/m"),
    (lambda z, t, c: -tg.log_softmax(z, 1)[tg.arange(len(c)), c].mean(), "(softmax(z1) − onehot(c))/m"),
])
def test_losses_as_students_write_them(f: Any, gradient: str) -> None:
    X, _, W = scores_and_targets()
    t, c = tg.tensor(np.eye(2)[[0, 1, 1, 0]]), tg.tensor([0, 1, 1, 0])

    def loss(X: Any, t: Any, c: Any) -> Any:
        return f(X @ W, t, c)

    e = explain(loss, X, t, c, names={"W": W})
    assert lines(e)["∂L/∂z1"] == gradient
    scope: dict[str, Any] = {}
    exec(e.code(), scope)
    arrays = {name: x.values[0] for name, x in e.derivation.inputs.items()}
    value, gradients = scope["loss_and_grads"](**arrays)
    program = tg.trace(loss, X, t, c, names={"W": W})
    np.testing.assert_allclose(value, program.result.array, rtol=1e-12)
    np.testing.assert_allclose(gradients["W"], program.gradients["W"].array, rtol=1e-10, atol=1e-12)


def test_long_formulas_are_cut() -> None:
    w = tg.tensor(0.5, requires_grad=True)

    def f(x: Any) -> Any:
        for i in range(1, 2000):
            x = x * w + i
        return x.sum()

    e = explain(f, tg.tensor([0.1, 0.2]))
    assert max(map(len, str(e).splitlines())) < 200


def test_squares_and_sums() -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    equations = lines(explain(lambda: 0.05 * (w * w).sum(), names={"w": w}))
    assert equations == {"L": "0.05 Σ w²", "∂L/∂w": "0.1 w"} or equations == {"L": "1/20 Σ w²", "∂L/∂w": "w/10"}


def test_batch_size_is_what_doubles() -> None:
    W = tg.tensor(np.ones((2, 2)), requires_grad=True)
    X = tg.tensor(np.arange(8.0).reshape(4, 2))
    assert lines(explain(lambda X: (X @ W).sum() / 4, X))["L"] == "1/4 Σ z1"
    assert lines(explain(lambda X: (X @ W).sum() / X.shape[0], X))["L"] == "1/m Σ z1"
    assert lines(explain(lambda X: (X @ W).mean(), X))["L"] == "1/(2m) Σ z1"
    assert lines(explain(lambda m: (m @ W).mean(), X))["L"] == "1/8 Σ z1"  # m is taken
    assert "examples" not in str(explain(lambda X: (X.reshape(4, 2) @ W).mean(), X))  # works for 4 examples only


def test_targets_from_elsewhere_belong_to_these_examples_only() -> None:
    X, _, W = scores_and_targets()
    rows, t = tg.arange(4), tg.tensor([0, 1, 1, 0])
    e = explain(lambda X: -tg.softmax(X @ W, 1)[rows, t].log().mean(), X)
    assert e.derivation.batch is None
    assert lines(e)["∂L/∂z1"] == "(a1 − onehot(c2))/4"
    ridge = explain(lambda X, y: ((X @ W - y) ** 2).sum() + (W**2).sum(), X, tg.ones(4, 2, dtype=tg.float64))
    assert "m = 4 examples" in str(ridge)


def test_notation() -> None:
    X, t, W = scores_and_targets()
    b = tg.tensor(np.array([0.5, 1.0]), requires_grad=True)
    equations = lines(explain(lambda X: (W.T @ X.T + b[:, None]).tanh().sum(), X, names={"b": b}))
    assert equations["∂L/∂b"] == "Σⱼ ∂L/∂z1"
    assert lines(explain(lambda X: (X * b[0]).sum(), X))["∂L/∂b1"] == "put(Σ X, [0])"
    assert lines(explain(lambda X: tg.einsum("ni,ij->nj", X, W).sum(), X))["z1"] == "einsum(ni,ij → nj; X, W1)"
    e = explain(lambda X: (X @ W).max(1).values.sum(), X)
    assert lines(e)["L"] == "Σ gatherⱼ(z1, h1)"
    assert str(e).endswith("j counts along axis 1.")
    weighted = lines(explain(lambda X, t: ((t * tg.sigmoid(X @ W)).sum(1) ** 2).sum(), X, t))
    assert weighted["h1"] == "Σⱼ (t ⊙ a1)"
    assert lines(explain(lambda X: ((X @ W) * 0 + X @ W).sum(), X))["∂L/∂z1"] == "1"
    assert lines(explain(lambda X: (tg.relu(X @ W) / 3 * (X @ W) * 0.1).sum(), X))["L"] == "1/30 Σ a1 ⊙ z1"


def test_targets_that_do_not_sum_to_one() -> None:
    f, (X, _), model = two_layers()
    y = tg.tensor(np.full((5, 3), 0.5))
    e = explain(f, X, y, names=model)
    assert lines(e)["∂L/∂z2"] == "(a2 ⊙ Σⱼ t − t)/m"
    assert "sums to 1" not in str(e)
    y = tg.tensor(np.full((5, 3), 1 / 3))
    e = explain(f, X, y, names=model)
    assert lines(e)["∂L/∂z2"] == "(a2 − t)/m"
    assert "t sums to 1 in each example; this is used." in str(e)


@tg.op(tex=r"{input}^{{3}}")
def cube(input: Array) -> Any:
    return input**3


@cube.vjp("input")
def _(g: Any, input: Any) -> Any:
    return g * (3 * input**2)


def test_an_op_of_the_user() -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    equations = lines(explain(lambda x: cube(w + x).sum(), tg.tensor([0.5, 0.25]), names={"w": w}))
    assert equations == {"L": "Σ (w + x)³", "∂L/∂w": "3 (w + x)²"}


def test_explain_refuses() -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ValueError, match=r"scalar loss, got shape \(2,\).*sum\(\)"):
        explain(lambda: w * 2)
    with pytest.raises(TypeError, match="must return a Tensor, got float"):
        explain(lambda: 1.0)
    with pytest.raises(ValueError, match="no tensor that requires grad"):
        explain(lambda x: x.sum(), tg.ones(2))

    with pytest.raises(ValueError, match=r"'layer\.weight' is no symbol"):
        explain(w.sum, names={"layer.weight": w})
    with pytest.raises(ValueError, match="'W_1' and 'W1' look the same"):
        explain(w.sum, names={"W_1": w, "W1": tg.ones(2)})

    def writes(x: Any) -> Any:
        y = w * x
        y += 1
        return y.sum()

    with pytest.raises(ValueError, match="in place"):
        explain(writes, tg.ones(2))
    with pytest.raises(TypeError, match="names must be a Module or a dict"):
        explain(w.sum, names=[w])


def test_explain_leaves_no_trace() -> None:
    f, args, model = two_layers()
    explain(f, *args, names=model)
    assert all(p.grad is None for p in model.parameters())
    assert tg.is_grad_enabled()


def test_picture(tmp_path: Path) -> None:
    image = pytest.importorskip("matplotlib.image", reason="matplotlib is not installed")
    f, args, model = two_layers()
    explain(f, *args, names=model).save_picture(tmp_path / "derivation.png")
    pixels = image.imread(tmp_path / "derivation.png")[..., :3].min(axis=2)
    ink = np.argwhere(pixels < 0.5)
    assert len(ink) > 5000
    assert ink.min() > 20  # nothing reaches the edge
    assert (np.array(pixels.shape) - ink.max(axis=0)).min() > 20


@pytest.mark.parametrize(("tex", "text"), [
    (r"\frac{a + b}{m}", "(a + b)/m"),
    (r"\frac{1}{2m} \, \sum_{} x", "1/(2m) Σ x"),
    (r"W \frac{a}{b}", "W (a/b)"),
    (r"\left(a - b\right)^{2}", "(a − b)²"),
    (r"e^{-x}", "e^(−x)"),
    (r"-\left(a \odot b\right)", "−(a ⊙ b)"),
    (r"\sqrt{x + 1}", "√(x + 1)"),
    (r"\sum_{i,j} x", "Σᵢ ⱼ x"),
    (r"\alpha_{1} \le \mathit{rate}_{\mathrm{max}}", "α1 ≤ rate_max"),
])
def test_unicode(tex: str, text: str) -> None:
    assert to_unicode(tex) == text
    ET.fromstring(f"<math>{to_mathml(tex)}</math>")


def test_symbols() -> None:
    assert [symbol(n) for n in ("x", "α", "rate", "W12", "x_1", "images", "b_hidden2")] == [
        "x", r"\alpha", r"\mathit{rate}", "W_{12}", "x_{1}", r"\mathit{images}", r"b_{\mathrm{hidden},2}"]


@settings(max_examples=50)
@given(st.fractions(min_value=0.001, max_value=1000), st.integers(-2, 2))
def test_numbers_keep_their_value(q: Any, power: int) -> None:
    (above, p), (below, r) = parts_of((q, power))
    assert above / below == q
    assert p - r == power
    assert Algebra((4, 8)).number((q, power)).values == pytest.approx((q * 4.0**power, q * 8.0**power))


def test_the_documentation_shows_what_comes() -> None:
    path = Path(__file__).parents[1] / "docs" / "explain.md"
    blocks = re.findall(r"```pycon\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    text = "\n".join(re.sub(r"\n(?=\n)", "\n<BLANKLINE>", block) for block in blocks)
    examples = doctest.DocTestParser().get_doctest(text, {}, "explain.md", str(path), 0)
    results = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(examples)
    assert (results.failed, results.attempted) == (0, 9)


def test_running_statistics_are_no_part_of_the_equations() -> None:
    model = tg.nn.Sequential(tg.nn.Linear(3, 4, bias=False), tg.nn.BatchNorm1d(4), tg.nn.Linear(4, 2))
    X, t = tg.randn(5, 3, generator=tg.Generator(0)), tg.tensor([0, 1, 1, 0, 1])
    printed = str(tg.explain(lambda X, t: tg.nn.functional.cross_entropy(model(X), t), X, t, names=model))
    assert "L " in printed
    assert "running" not in printed

    def loss(X: tg.Tensor) -> Any:  # what is written is read
        statistic = tg.zeros(3)
        statistic.copy_(X.detach().mean(0))
        return model(X - statistic).sum()

    with pytest.raises(ValueError, match="writes in place"):
        tg.explain(loss, X, names=model)
