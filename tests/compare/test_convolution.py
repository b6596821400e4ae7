"""Convolution and pooling: modules, and every combination of settings, as PyTorch has them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

import tinygrad_lite as tg

from .pair import BOTH, OURS, THEIRS, Array, array_of, assert_same, attempt, derivatives
from .test_nn import normal, twins

MODULES: dict[str, tuple[Any, tuple[int, ...]]] = {
    "Conv1d": (lambda n: n.Conv1d(3, 4, 3, stride=2), (2, 3, 9)),
    "Conv2d": (lambda n: n.Conv2d(3, 4, (3, 2)), (2, 3, 5, 6)),
    "Conv2d on one image": (lambda n: n.Conv2d(3, 4, 3, bias=False), (3, 5, 6)),
    "Conv2d with everything": (lambda n: n.Conv2d(4, 6, 3, 2, (1, 2), (2, 1), 2, False), (2, 4, 8, 7)),
    "Conv2d same": (lambda n: n.Conv2d(2, 3, (2, 4), padding="same", dilation=(1, 2)), (2, 2, 5, 6)),
    "Conv2d valid": (lambda n: n.Conv2d(2, 3, 2, padding="valid"), (2, 2, 5, 6)),
    "Conv3d": (lambda n: n.Conv3d(2, 3, (2, 1, 3), padding=1), (2, 2, 3, 4, 3)),
    "ConvTranspose1d": (lambda n: n.ConvTranspose1d(3, 4, 3, 2, 1, 1), (2, 3, 5)),
    "ConvTranspose2d": (lambda n: n.ConvTranspose2d(4, 6, (3, 2), 2, 1, 1, 2, False, 2), (2, 4, 5, 4)),
    "ConvTranspose3d": (lambda n: n.ConvTranspose3d(2, 3, 2, stride=(1, 2, 1)), (1, 2, 2, 3, 2)),
    "MaxPool1d": (lambda n: n.MaxPool1d(3, 2, 1), (2, 3, 8)),
    "MaxPool2d": (lambda n: n.MaxPool2d(2), (2, 3, 5, 6)),
    "MaxPool2d with everything": (lambda n: n.MaxPool2d((3, 2), 2, (1, 0), 2, False, True), (2, 3, 8, 9)),
    "AvgPool1d": (lambda n: n.AvgPool1d(3, 2, 1), (2, 3, 8)),
    "AvgPool2d": (lambda n: n.AvgPool2d(3, 2, 1, True, False), (2, 3, 6, 7)),
    "AvgPool2d with a divisor": (lambda n: n.AvgPool2d((2, 3), divisor_override=5), (2, 3, 6, 7)),
    "LPPool1d": (lambda n: n.LPPool1d(4, 3, ceil_mode=True), (2, 3, 7)),
    "LPPool2d": (lambda n: n.LPPool2d(2, (2, 3), stride=2), (2, 3, 6, 7)),
    "AdaptiveAvgPool1d": (lambda n: n.AdaptiveAvgPool1d(3), (2, 3, 7)),
    "AdaptiveAvgPool2d": (lambda n: n.AdaptiveAvgPool2d((None, 3)), (2, 3, 6, 7)),
    "AdaptiveMaxPool1d": (lambda n: n.AdaptiveMaxPool1d(3), (2, 3, 7)),
    "AdaptiveMaxPool2d": (lambda n: n.AdaptiveMaxPool2d((2, 3)), (2, 3, 5, 7)),
    "Unfold": (lambda n: n.Unfold((2, 3), 1, 1, 2), (2, 3, 5, 7)),
    "Fold": (lambda n: n.Fold((4, 5), 2), (2, 12, 12)),
    "PixelShuffle": (lambda n: n.PixelShuffle(2), (2, 8, 3, 2)),
    "PixelUnshuffle": (lambda n: n.PixelUnshuffle(2), (2, 2, 4, 6)),
    "Upsample": (lambda n: n.Upsample(scale_factor=2), (2, 2, 3, 4)),
    "Upsample to a size": (lambda n: n.Upsample((5, 7), mode="bilinear", align_corners=True), (2, 2, 3, 4)),
    "Upsample along each axis": (lambda n: n.Upsample(scale_factor=(2, 1.5), mode="bilinear"), (2, 2, 3, 4)),
    "LeNet": (lambda n: n.Sequential(n.Conv2d(1, 3, 5, padding=2), n.ReLU(), n.MaxPool2d(2), n.Conv2d(3, 4, 3),
                                     n.Tanh(), n.AvgPool2d(2), n.Flatten(), n.Linear(16, 3)), (2, 1, 12, 12)),
}  # fmt: skip
for mode in ("reflect", "replicate", "circular"):
    MODULES |= {
        f"Conv1d {mode}": (lambda n, mode=mode: n.Conv1d(2, 3, 3, padding=2, padding_mode=mode), (2, 2, 5)),
        f"Conv2d {mode}": (lambda n, mode=mode: n.Conv2d(2, 3, 3, padding=(1, 2), padding_mode=mode), (2, 2, 4, 5)),
        f"Conv2d same {mode}": (lambda n, mode=mode: n.Conv2d(2, 3, (2, 4), padding="same", padding_mode=mode),
                                (2, 2, 4, 5)),
    }


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")  # PyTorch copies
@pytest.mark.parametrize(("make", "shape"), MODULES.values(), ids=MODULES.keys())
def test_modules(make: Any, shape: tuple[int, ...]) -> None:
    """Value, and both derivatives with respect to the input and the parameters."""
    found = []
    for module, library in zip(twins(make), BOTH, strict=True):
        x = library.new(normal(*shape)).requires_grad_()
        y = module(x)
        found.append([y, *derivatives(library, y, [x, *module.parameters()])])
    assert_same(found[0], found[1])


@pytest.mark.parametrize("make", [m for m, _ in MODULES.values()], ids=MODULES.keys())
def test_repr(make: Any) -> None:
    assert repr(make(tg.nn)) == repr(make(torch.nn))


def test_pools_return_indices() -> None:
    for name, arguments in (("MaxPool2d", (2, None, 0, 1, True)), ("AdaptiveMaxPool2d", ((2, 3), True))):
        ours, theirs = (getattr(nn, name)(*arguments)(library.new(normal(2, 3, 5, 7)))
                        for library, nn in ((OURS, tg.nn), (THEIRS, torch.nn)))
        assert_same(ours, theirs)


def test_transpose_to_a_size() -> None:
    for size in ((10, 12), (9, 11), (2, 6, 10, 12), (8, 11), (11, 11), (10,), (6, 10, 12)):
        modules = twins(lambda n: n.ConvTranspose2d(4, 6, 3, 2, 1))
        x = normal(2, 4, 5, 6)
        ours, theirs = (attempt(module, library.new(x), size) for module, library in zip(modules, BOTH, strict=True))
        assert_same(ours, theirs)


@pytest.mark.parametrize("arguments", [
    "1, 2, 3, padding='full'", "1, 2, 3, 2, padding='same'", "3, 2, 3, groups=2", "2, 3, 3, groups=2",
    "1, 2, 3, groups=0", "1, 2, 3, padding_mode='mirror'",
])  # fmt: skip
def test_settings_of_a_module_that_do_not_fit(arguments: str) -> None:
    ours, theirs = (attempt(eval, f"nn.Conv2d({arguments})", {"nn": nn}) for nn in (tg.nn, torch.nn))
    assert isinstance(theirs, Exception)
    assert_same(ours, theirs)
    for nn in (tg.nn, torch.nn):
        with pytest.raises(ValueError, match="padding mode"):
            nn.ConvTranspose2d(1, 1, 2, padding_mode="reflect")


def test_where_pytorch_raises_an_accident() -> None:
    """With too few axes its avg_pool2d and unfold count past the end, an IndexError, before they check; without
    channels its conv2d returns an array with no output channels.  Ours raise RuntimeError, as the others do.
    """
    for call in ("F.avg_pool2d(x[0, 0], 2)", "F.unfold(x[0, 0], 2)"):
        for library, error in ((OURS, RuntimeError), (THEIRS, IndexError)):
            with pytest.raises(error):
                eval(call, {"F": library.F, "x": library.new(normal(1, 1, 4, 4))})
    none = normal(2, 0, 4, 4)
    with pytest.raises(RuntimeError, match="no elements"):
        tg.nn.functional.conv2d(tg.tensor(none), tg.zeros(3, 0, 2, 2, dtype="float64"))
    assert THEIRS.F.conv2d(torch.tensor(none), torch.zeros(3, 0, 2, 2).double()).shape == (2, 0, 3, 3)


def test_several_nans_in_a_window() -> None:
    """The gradient goes to one of them: to the first here, as of equal numbers, to the last in PyTorch."""
    x = np.array([[[1.0, np.nan], [np.nan, 2.0]]])
    found = []
    for library in BOTH:
        leaf = library.new(x).requires_grad_()
        found.append(array_of(library.grad(library.F.max_pool2d(leaf, 2).sum(), leaf)[0]).tolist())
    assert found == [[[[0.0, 1.0], [0.0, 0.0]]], [[[0.0, 0.0], [1.0, 0.0]]]]


def test_parameters_start_within_the_same_bounds() -> None:
    for name, arguments in (("Conv2d", (4, 600, 3, 1, 0, 1, 2)), ("ConvTranspose2d", (6, 600, 3, 1, 0, 0, 2)),
                            ("Conv1d", (3, 900, 5)), ("Conv3d", (2, 900, 2))):
        ours, theirs = (getattr(nn, name)(*arguments) for nn in (tg.nn, torch.nn))
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            largest, expected = (np.abs(array_of(x)).max() for x in (p, q))
            assert largest == pytest.approx(expected, rel=0.02)


SETTINGS = [s for s in itertools.product((1, 2, 3), (0, 1, 2), (1, 2), (1, 2), (1, 2, 3), (True, False))
            if s[3] * (s[4] - 1) < 5]


def every_setting(transposed: bool) -> None:
    """A convolution, or its transpose, under every combination of stride, padding, dilation, groups and kernel."""
    wrong = []
    for stride, padding, groups, dilation, kernel, square in SETTINGS:
        k = (kernel, kernel if square else 4 - kernel)
        x, w, b = (0.1 + normal(2, 4, 5, 6), normal(4, 4 // groups, *k, seed=1), normal(4, seed=2))
        found: list[Any] = []
        for library in BOTH:
            leaves = [library.new(v).requires_grad_() for v in (x, w, b)]
            if transposed:
                behind = min(max(stride, dilation) - 1, 1)
                y = attempt(library.F.conv_transpose2d, *leaves, stride, padding, behind, groups, dilation)
            else:
                y = attempt(library.F.conv2d, *leaves, stride, padding, dilation, groups)
            found.append(y if isinstance(y, Exception) else [y, *derivatives(library, y, leaves)])
        try:
            assert_same(found[0], found[1])
        except AssertionError as error:
            wrong.append(f"{stride=} {padding=} {dilation=} {groups=} {k=}: {error}")
    assert not wrong, "\n".join(wrong)


def test_every_setting_of_a_convolution() -> None:
    every_setting(transposed=False)


def test_every_setting_of_a_transposed_convolution() -> None:
    every_setting(transposed=True)


def test_every_setting_of_pooling() -> None:
    wrong = []
    for n, kernel, stride, padding, dilation, ceil in itertools.product(
            (4, 5, 6, 7), (1, 2, 3), (1, 2, 3), (0, 1), (1, 2), (True, False)):
        x = normal(1, 2, n, 6)
        for call in (f"F.max_pool2d(x, {kernel}, {stride}, {padding}, {dilation}, {ceil})",
                     f"F.avg_pool2d(x, {kernel}, {stride}, {padding}, {ceil}, {dilation == 1})"):
            found: list[Any] = []
            for library in BOTH:
                leaf = library.new(x).requires_grad_()
                y = attempt(eval, call, {"F": library.F, "x": leaf})
                found.append(y if isinstance(y, Exception) else [y, *derivatives(library, y, [leaf])])
            try:
                assert_same(found[0], found[1])
            except AssertionError as error:
                wrong.append(f"{call} {n=}: {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "area"])
def test_every_size_of_an_interpolation(mode: str) -> None:
    wrong = []
    for n, m in itertools.product(range(1, 9), range(1, 19)):
        x: Array = normal(1, 1, n, 3)
        for given in (f"size=({m}, 2)", f"scale_factor=({m / n + 0.01}, 1.0)"):
            found = [attempt(eval, f"F.interpolate(x, {given}, mode={mode!r})", {"F": lib.F, "x": lib.new(x)})
                     for lib in BOTH]
            try:
                assert_same(found[0], found[1])
            except AssertionError as error:
                wrong.append(f"{n} -> {given}: {error}")
    assert not wrong, "\n".join(wrong)
