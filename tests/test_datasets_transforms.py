"""Transforms: each against the loop over images that it replaces, drawn again from the same generator."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lite import Tensor, default_generator, from_numpy, manual_seed, stack
from tinygrad_lite.datasets import Digits
from tinygrad_lite.datasets.transforms import (
    Compose,
    Flatten,
    Normalize,
    OneHot,
    RandomCrop,
    RandomHorizontalFlip,
    RandomShift,
    ToTensor,
)

IMAGES = np.random.default_rng(0).random((9, 3, 6, 7), np.float32)

EACH = [
    Normalize((0.1, 0.2, 0.3), (1, 2, 3)),
    Flatten(),
    RandomCrop(5),
    RandomCrop((6, 4), padding=2),
    RandomShift(2),
    RandomHorizontalFlip(),
    Compose([RandomShift(1), Flatten()]),
]


@pytest.mark.parametrize("transform", EACH, ids=repr)
def test_a_transform_works_on_batches_and_leaves_its_input_alone(transform: Any) -> None:
    before = IMAGES.copy()
    manual_seed(0)
    result = transform(IMAGES)
    assert (len(result), result.dtype) == (9, np.float32)
    assert np.array_equal(IMAGES, before)
    manual_seed(0)
    assert np.array_equal(transform(IMAGES), result)
    assert len(transform(IMAGES[:0])) == 0
    manual_seed(0)
    alone = transform(IMAGES[:1])
    if not isinstance(transform, Compose):
        manual_seed(0)
        assert np.array_equal(transform(IMAGES[0]), alone[0])
    assert transform(IMAGES.astype(np.float64)).dtype == np.float64
    digits = Digits(train=False, transform=Compose([transform])) if "Normalize" not in repr(transform) else None
    assert digits is None or len(digits.batch([1, 2])[0]) == 2


@pytest.mark.parametrize("transform", EACH[:-1], ids=repr)
def test_a_transform_refuses_what_are_no_images(transform: Any) -> None:
    pixels = IMAGES.astype(np.uint8)
    for wrong, kind in (([1.0], "list"), (pixels, "uint8"), (from_numpy(pixels), "uint8")):
        with pytest.raises(TypeError, match=f"{type(transform).__name__}.*expected images as a NumPy array.*{kind}"):
            transform(wrong)
    with pytest.raises(ValueError, match=r"expected shape \(N, C, H, W\) or \(C, H, W\), got \(6, 7\)"):
        transform(IMAGES[0, 0])


def test_to_tensor() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 3), np.uint8)
    expected = np.stack([[image[..., c] / 255 for c in range(3)] for image in pixels])
    for result in (ToTensor()(pixels), stack([ToTensor()(image) for image in pixels])):
        assert result.dtype == np.float32
        assert np.allclose(result.numpy(), expected, atol=1e-7)
    assert ToTensor()(pixels[0, ..., 0]).tolist() == ToTensor()(pixels[0, ..., :1]).tolist()
    assert ToTensor()(IMAGES).array is IMAGES
    tutorial = Digits(train=False, transform=Compose([ToTensor(), RandomCrop(28), Normalize((0.1307,), (0.3081,))]))
    image, label = tutorial[0]
    assert isinstance(image, Tensor)
    assert (image.shape, label) == ((1, 28, 28), 7)
    expected = Digits(train=False, transform=Normalize(0.1307, 0.3081)).batch([0, 1])[0]
    assert np.array_equal(tutorial.batch([0, 1])[0].numpy(), expected)
    assert np.array_equal(image.numpy(), expected[0])
    with pytest.raises(TypeError, match=r"ToTensor\(\): expected images of uint8 or floats, got int64"):
        ToTensor()([[1, 2]])
    with pytest.raises(ValueError, match=r"got \(3,\)"):
        ToTensor()(np.zeros(3, np.uint8))


def test_normalize() -> None:
    result = Normalize((0.1, 0.2, 0.3), (1, 2, 3))(IMAGES)
    for c in range(3):
        expected = (IMAGES[:, c] - np.float32([0.1, 0.2, 0.3][c])) / np.float32(c + 1)
        assert np.array_equal(result[:, c], expected)
    assert np.array_equal(Normalize(0.5, 0.5)(IMAGES), (IMAGES - np.float32(0.5)) / np.float32(0.5))
    with pytest.raises(ValueError, match=r"std: expected none 0, got \(1, 0\)"):
        Normalize((0, 0), (1, 0))
    with pytest.raises(ValueError, match="expected images with 3 channels, got shape"):
        Normalize((0, 0, 0), (1, 1, 1))(IMAGES[:, :1])


@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    padding=st.one_of(st.none(), st.integers(0, 3), st.tuples(*[st.integers(0, 3)] * 4)),
    mode=st.sampled_from(["constant", "edge", "reflect", "symmetric"]),
    seed=st.integers(0, 1000),
)
def test_random_crop_is_a_window_of_each_padded_image(
    height: int, width: int, padding: Any, mode: str, seed: int
) -> None:
    left, top, right, bottom = padding if isinstance(padding, tuple) else [padding or 0] * 4
    fill = {"constant_values": 0.5} if mode == "constant" else {}
    padded = np.pad(IMAGES, ((0, 0), (0, 0), (top, bottom), (left, right)), mode, **fill)  # type: ignore[call-overload]
    crop = RandomCrop((height, width), padding, fill=0.5, padding_mode=mode)
    room = padded.shape[2] - height, padded.shape[3] - width
    if min(room) < 0:
        with pytest.raises(ValueError, match="expected images at least as large as the window"):
            crop(IMAGES)
        return
    manual_seed(seed)
    result = crop(IMAGES)
    manual_seed(seed)
    down, across = (default_generator().numpy.integers(0, most + 1, 9) for most in room)
    for k in range(9):
        window = padded[k, :, down[k] : down[k] + height, across[k] : across[k] + width]
        assert np.array_equal(result[k], window)


def test_every_window_is_drawn_alike() -> None:
    manual_seed(0)
    pixel = np.zeros((9000, 1, 3, 3), np.float32)
    pixel[:, 0, 1, 1] = 1
    share = RandomShift(1)(pixel).mean((0, 1))
    assert np.allclose(share, 1 / 9, atol=0.015)
    share = RandomShift((1, 0))(pixel).mean((0, 1))
    assert np.allclose(share, [[0, 1 / 3, 0]] * 3, atol=0.025)


def test_random_shift_moves_whole_images() -> None:
    manual_seed(1)
    for image, moved in zip(IMAGES, RandomShift(2, fill=-1.0)(IMAGES), strict=True):
        padded = np.pad(image, ((0, 0), (2, 2), (2, 2)), constant_values=-1)
        windows = [padded[:, y : y + 6, x : x + 7] for y in range(5) for x in range(5)]
        assert sum(np.array_equal(moved, window) for window in windows) == 1
    assert np.array_equal(RandomShift(0)(IMAGES), IMAGES)


def test_random_horizontal_flip() -> None:
    assert np.array_equal(RandomHorizontalFlip(1.0)(IMAGES), IMAGES[..., ::-1])
    assert np.array_equal(RandomHorizontalFlip(0.0)(IMAGES), IMAGES)
    manual_seed(0)
    many = np.repeat(IMAGES[:1], 4000, 0)
    flipped = RandomHorizontalFlip(0.3)(many)
    mirrored = (flipped == IMAGES[0, ..., ::-1]).all((1, 2, 3))
    assert np.array_equal(flipped[~mirrored], many[~mirrored])
    assert abs(mirrored.mean() - 0.3) < 0.03


def test_one_hot() -> None:
    assert OneHot(3)(2).tolist() == [0, 0, 1]
    assert OneHot(3)(np.array([], np.int64)).shape == (0, 3)
    for bad in (3, -1, [0, 5], 1.0):
        with pytest.raises(ValueError, match=r"OneHot\(num_classes=3\): expected integers in 0..2, got"):
            OneHot(3)(bad)


def test_compose_mixes_both_kinds() -> None:
    def brighter(image: Any) -> Any:
        assert image.ndim == 3
        return image + 1

    for both in (Compose([brighter, Normalize(1.0, 2.0), Flatten()]),
                 Compose([Compose([brighter]), Compose([Normalize(1.0, 2.0), Compose([np.ravel])])])):
        assert np.allclose(both(IMAGES), IMAGES.reshape(9, -1) / 2, atol=1e-6)
        assert np.allclose(both(IMAGES[0]), IMAGES[0].ravel() / 2, atol=1e-6)
    assert Compose([lambda label: [7, 8, 9][label], OneHot(10)])(np.array([0, 2])).argmax(1).tolist() == [7, 9]
    assert Compose([ToTensor(), Tensor.flatten])(np.zeros((4, 5, 3), np.uint8)).shape == (60,)
    assert Compose([ToTensor(), Tensor.flatten])(np.zeros((4, 5), np.uint8)).shape == (20,)
    assert repr(Compose([Flatten(), RandomShift(2)])) == "Compose([Flatten(), RandomShift(max_shift=2, fill=0.0)])"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomCrop((1, 2, 3)), "size: expected one or two non-negative integers"),
        (lambda: RandomCrop(3, padding=-1), "padding: expected one, two or four non-negative integers, got -1"),
        (lambda: RandomCrop(3, padding=(1, 2, 3)), "padding: expected one, two or four"),
        (lambda: RandomCrop(3, padding_mode="wrap"), "padding_mode: expected one of constant, edge, .* got 'wrap'"),
        (lambda: RandomShift(-1), "max_shift: expected one or two non-negative integers, got -1"),
        (lambda: RandomHorizontalFlip(1.5), r"p: expected a probability in \[0, 1\], got 1.5"),
    ],
)
def test_settings_are_checked(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
