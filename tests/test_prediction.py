"""`python -m tinygrad_lite predict` and `info`."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_lite.app import machine, prediction
from tinygrad_lite.app.command_line import main
from tinygrad_lite.app.machine import Machine, advice
from tinygrad_lite.app.prediction import predict, read
from tinygrad_lite.datasets import Digits

pillow = importlib.import_module("PIL.Image")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dense network that has seen the digits three times."""
    out = tmp_path_factory.mktemp("runs")
    options = ["--model", "mlp", "--hidden", "64", "--epochs", "3", "--no-pictures", "--quiet"]
    assert main(["train", "--out", str(out), *options]) == 0
    (folder,) = out.iterdir()
    return folder


def test_predictions_are_those_of_the_evaluation(run: Path) -> None:
    found = [predict(run, index=i) for i in range(30)]
    right = [p.best == p.true for p in found]
    assert sum(right) >= 25
    assert [p.true for p in found] == Digits(train=False).targets[:30].tolist()
    for p in found:
        assert p.classes == list("0123456789")
        assert np.isclose(p.probabilities.sum(), 1)
        assert np.array_equal(p.image, Digits(train=False)[int(p.source.split()[2])][0])


def test_what_is_printed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "--run", str(run)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{run}: test image 0 of digits\n")
    assert re.search(r"^  7 +9\d\.\d\d%  █+$", printed, re.MULTILINE)
    assert printed.endswith("answer: 7 (right)\n")
    assert any(set(line) & set("@#%") for line in printed.splitlines()[1:16])


def written(tmp_path: Path, image: Any, name: str = "digit.png") -> Path:
    pillow.fromarray(image).save(tmp_path / name)
    return tmp_path / name


def test_an_image_of_the_right_size_is_taken_as_it_is(tmp_path: Path) -> None:
    digit = Digits(train=False).images[0]
    expected = digit[None].astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(read(written(tmp_path, digit), (1, 28, 28)), expected)
    np.testing.assert_allclose(read(written(tmp_path, 255 - digit), (1, 28, 28)), expected, atol=1e-6)


@pytest.mark.parametrize("background", ["light", "dark"])
def test_a_photograph_is_treated_as_the_digits_were(background: str, tmp_path: Path, run: Path) -> None:
    """Three times as large, off the centre, in colour, as JPEG, as ink on paper or chalk on slate."""
    digits = Digits(train=False)
    right = 0
    for i in range(20):
        large = np.kron(digits.images[i], np.ones((3, 3), np.uint8))
        paper = np.zeros((150, 200), np.uint8)
        paper[10:94, 90:174] = large
        grey = 255 - (paper * 0.9).astype(np.uint8) if background == "light" else paper
        found = predict(run, written(tmp_path, np.stack([grey, grey, grey // 2 + grey // 4], -1), "photo.jpg"))
        assert found.image.shape == (1, 28, 28)
        assert found.true is None
        rows, columns = (np.flatnonzero(found.image[0].max(axis) > 0.2) for axis in (1, 0))
        assert max(np.ptp(rows), np.ptp(columns)) <= 20
        right += found.best == digits.targets[i]
    assert right >= 16


def shaded(digit: Any) -> Any:
    """Ink on paper that the light falls on from one side."""
    return pillow.fromarray(((255 - digit * 0.8) * np.linspace(0.5, 1, digit.shape[1])).astype(np.uint8))


def on_grey(digit: Any) -> Any:
    """Ink on paper that is darker than a half."""
    return pillow.fromarray((110 - digit * 0.4).astype(np.uint8))


def noisy(digit: Any) -> Any:
    noise = np.random.default_rng(0).normal(0, 20, digit.shape)
    return pillow.fromarray(np.clip(200 - digit * 0.6 + noise, 0, 255).astype(np.uint8))


def sixteen_bits(digit: Any) -> Any:
    return pillow.fromarray(digit.astype(np.uint16) * 200)


def with_palette(digit: Any) -> Any:
    return pillow.fromarray(255 - digit).convert("P")


def transparent(ink: int) -> Callable[[Any], Any]:
    return lambda digit: pillow.fromarray(np.stack([np.full_like(digit, ink)] * 3 + [digit], -1))


@pytest.mark.parametrize("photograph", [
    shaded, on_grey, noisy, sixteen_bits, with_palette, transparent(0), transparent(255)])
def test_a_photograph_of_any_kind(photograph: Callable[[Any], Any], tmp_path: Path, run: Path) -> None:
    digits, right = Digits(train=False), 0
    for i in range(20):
        large = np.zeros((150, 200), np.uint8)
        large[10:94, 90:174] = np.kron(digits.images[i], np.ones((3, 3), np.uint8))
        photograph(large).save(tmp_path / "photo.png")
        right += predict(run, tmp_path / "photo.png").best == digits.targets[i]
    assert right >= 16


def test_a_photograph_is_turned_as_the_camera_says(tmp_path: Path) -> None:
    digit = pillow.fromarray(np.kron(Digits(train=False).images[0], np.ones((3, 3), np.uint8)))
    digit.save(tmp_path / "upright.png")
    turned = pillow.Exif()
    turned[274] = 6  # the camera was turned by 90 degrees
    digit.rotate(90).save(tmp_path / "turned.png", exif=turned)
    upright, righted = (read(tmp_path / f"{name}.png", (1, 28, 28)) for name in ("upright", "turned"))
    np.testing.assert_array_equal(upright, righted)


def test_colour_images_are_resized(tmp_path: Path) -> None:
    image = np.zeros((64, 48, 3), np.uint8)
    image[..., 0] = 255
    found = read(written(tmp_path, image), (3, 32, 32))
    assert found.shape == (3, 32, 32)
    np.testing.assert_array_equal(found.max((1, 2)), [1, 0, 0])


@pytest.mark.parametrize(("arguments", "message"), [
    (["nothing.png"], "nothing.png: there is no such image file"),
    (["text.png"], "text.png: not an image file that can be read"),
    (["half.png"], "half.png: not an image file that can be read"),
    (["clear.png"], "clear.png: the image is empty: no pixel stands out from its border"),
    (["empty.png"], "empty.png: the image is empty: no pixel stands out from its border"),
    (["--index", "1000"], "index 1000: the test images of digits are numbered 0 to 999"),
    (["empty.png", "--index", "3"], "give an image file or --index, not both"),
])
def test_bad_input(arguments: list[str], message: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                   capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.png").write_text("no image")
    whole = written(tmp_path, np.random.default_rng(0).integers(0, 255, (60, 60), np.uint8), "half.png")
    whole.write_bytes(whole.read_bytes()[:2000])
    written(tmp_path, np.zeros((60, 60, 4), np.uint8), "clear.png")
    written(tmp_path, np.full((60, 60), 130, np.uint8), "empty.png")
    assert main(["predict", "--run", str(run), *arguments]) == 1
    assert message in capsys.readouterr().err


def test_the_run_is_the_last_one_unless_named(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                              capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["predict"]) == 1
    assert "runs holds no run with weights; make one with: python -m tinygrad_lite train" in capsys.readouterr().err
    Path("runs").symlink_to(run.parent)
    assert main(["predict", "--index", "1"]) == 0
    assert capsys.readouterr().out.startswith(f"runs/{run.name}: test image 1")
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "config.json").write_text((run / "config.json").read_text())
    assert main(["predict", "--run", "bare"]) == 1
    assert "bare holds no weights.safetensors: its training has not finished" in capsys.readouterr().err


def test_the_picture_in_text() -> None:
    lines = prediction.drawn(np.array([[[0, 1.0], [0, 1.0], [0.5, 0.0]]], np.float32))
    assert lines == ["   @", "  =" if lines[1] == "  =" else "  +"]


# --- info -------------------------------------------------------------------------------------------------------------


def test_info_prints_versions_devices_and_kernels(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    printed = capsys.readouterr().out
    for name in ("tinygrad_lite ", "processor ", "numpy ", "BLAS ", "GFLOP/s", "devices ", "cpu", "matplotlib "):
        assert name in printed


def test_info_names_the_datasets_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYGRAD_LITE_DATA", str(tmp_path))
    (tmp_path / "mnist").mkdir()  # as a download that failed leaves it
    (tmp_path / "cifar-10-batches-bin").mkdir()
    (tmp_path / "cifar-10-batches-bin" / "test_batch.bin").touch()
    assert f"{tmp_path}: Digits (embedded), CIFAR10\n" in machine.report()


def library(**found: Any) -> dict[str, Any]:
    return {"user_api": "blas", "internal_api": "openblas", "num_threads": 1, "architecture": "SkylakeX", **found}


@pytest.mark.parametrize(("found", "flags", "expected"), [
    ([library()], "avx2", []),
    ([], "avx2", ["threadpoolctl|tinygrad-lite.train"]),
    ([library(num_threads=8)], "", ["BLAS starts 8 threads, but 2 cores can run them: set OPENBLAS_NUM_THREADS=2"]),
    ([library(num_threads=2)], "", ["OPENBLAS_NUM_THREADS=1"]),
    ([library(architecture="Haswell")], "avx2 avx512f", ["OPENBLAS_CORETYPE=SkylakeX"]),
    ([library(architecture="Haswell")], "avx2", []),
])
def test_advice(found: list[dict[str, Any]], flags: str, expected: list[str]) -> None:
    said = list(advice(Machine(2, "a processor", frozenset(flags.split()), found)))
    assert len(said) == len(expected)
    for text, pattern in zip(said, expected, strict=True):
        assert re.search(pattern, text)


def test_info_without_what_it_would_like_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(machine, "_processor", dict)
    monkeypatch.setattr(machine, "PACKAGES", {"no-such-package": "extra"})
    printed = machine.report()
    assert "no no-such-package [extra]" in printed
    assert "advice: pip install" in printed
