"""`axis` and `keepdims`, NumPy's names of `dim` and `keepdim`, are taken wherever PyTorch takes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import tinygrad_lite as tg

X: Any = tg.tensor([[3.0, 1.0, 2.0], [4.0, 6.0, 5.0]])
INDEX: Any = tg.tensor([[0, 1, 0]])

# name -> the arguments beside `axis`, where they are not only X
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "cat": ([X, X],), "stack": ([X, X],), "concat": ([X, X],), "concatenate": ([X, X],), "kthvalue": (X, 1),
    "topk": (X, 2), "split": (X, 1), "chunk": (X, 2), "tensor_split": (X, 2), "quantile": (X, 0.5),
    "unsqueeze": (X,), "cross": (X, X), "repeat_interleave": (X, 2),
}
FUNCTIONS = """all any amax amin argmax argmin argsort aminmax cat concat concatenate chunk count_nonzero cumprod cumsum
diff kthvalue log_softmax max mean median min msort nanmean nansum norm quantile softmax sort split squeeze stack std
sum tensor_split topk unbind unsqueeze var prod cross repeat_interleave""".split()
WITH_DIM = [n for n in FUNCTIONS if "dim" in inspect.signature(getattr(tg, n)).parameters]


def lists(x: Any) -> Any:
    if isinstance(x, (tuple, list)):
        return [lists(v) for v in x]
    return x.tolist() if isinstance(x, tg.Tensor) else x


@pytest.mark.parametrize("name", WITH_DIM)
def test_axis(name: str) -> None:
    function: Callable[..., Any] = getattr(tg, name)
    arguments = ARGUMENTS.get(name, (X,))
    for dim in (0, 1, -1):
        if name == "cross" and dim == 0:
            continue
        assert lists(function(*arguments, axis=dim)) == lists(function(*arguments, dim=dim))
    if hasattr(tg.Tensor, name) and not isinstance(arguments[0], list):
        assert lists(getattr(X, name)(*arguments[1:], axis=1)) == lists(function(*arguments, dim=1))
    with pytest.raises(TypeError, match="multiple values for argument 'dim'"):
        function(*arguments, axis=0, dim=1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'axes'"):
        function(*arguments, axes=1)


@pytest.mark.parametrize("name", [n for n in WITH_DIM if "keepdim" in inspect.signature(getattr(tg, n)).parameters])
def test_keepdims(name: str) -> None:
    function = getattr(tg, name)
    arguments = ARGUMENTS.get(name, (X,))
    expected = lists(function(*arguments, dim=1, keepdim=True))
    assert lists(function(*arguments, axis=1, keepdims=True)) == expected
    assert lists(function(*arguments, dim=1, keepdims=True)) == expected


def test_what_follows_the_axis() -> None:
    gather: Any = tg.gather
    select: Any = tg.index_select
    assert lists(gather(X, axis=0, index=INDEX)) == lists(tg.gather(X, 0, INDEX))
    assert lists(select(X, axis=1, index=tg.tensor([2, 0]))) == lists(X[:, [2, 0]])
    for given in ({"axis": 0}, {"index": INDEX}, {}):
        with pytest.raises(TypeError, match="missing"):
            gather(X, **given)


def test_gradients_and_captured_steps() -> None:
    w: Any = tg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    w.cumsum(axis=1).sum(axis=0, keepdims=True).max(axis=1)[0].sum().backward()
    assert w.grad.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    step = tg.capture(lambda x: x.mean(axis=1, keepdims=True) * x.softmax(axis=0))
    for _ in range(3):
        assert lists(step(X)) == lists(X.mean(1, True) * X.softmax(0))
