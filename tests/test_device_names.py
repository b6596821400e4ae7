"""Names under which PyTorch's scripts choose a device and a dtype, and switch off recording; constants."""

from __future__ import annotations

import copy
import math
import pickle
import re

import pytest

import tinygrad_lite as tg
from tinygrad_lite.engine import backend


def test_a_device_is_its_name() -> None:
    device = tg.device("cpu")
    assert (device, str(device), repr(device)) == ("cpu", "cpu", "device(type='cpu')")
    assert (device.type, device.index) == ("cpu", None)
    second = tg.device("cuda", 1)
    assert second == tg.device("cuda:1")
    assert (second.type, second.index, repr(second)) == ("cuda", 1, "device(type='cuda', index=1)")
    for same in (copy.deepcopy(second), pickle.loads(pickle.dumps(second))):
        assert (same, type(same)) == (second, tg.device)


def test_how_scripts_begin() -> None:
    device = tg.device("cuda" if tg.cuda.is_available() else "cpu")
    model = tg.nn.Linear(2, 1).to(device)
    x = tg.zeros(3, 2, device=device)
    assert model(x).device == x.to(device, tg.float).device == device
    assert x.device.type == device.type
    assert f"Using {device} device" == f"Using {device.type} device"


def test_a_machine_without_a_gpu() -> None:
    if tg.cuda.is_available():
        assert tg.cuda.device_count() > 0
        tg.cuda.synchronize()
    else:
        assert tg.cuda.device_count() == 0
        with pytest.raises((ImportError, RuntimeError), match=re.escape('device "cuda"')):
            tg.cuda.synchronize()
    assert tg.cuda.manual_seed_all(3).initial_seed() == 3
    assert tg.cuda.is_available() == backend.cuda_is_available()


def test_dtypes_have_their_short_names() -> None:
    assert (tg.half, tg.float, tg.double) == (tg.float16, tg.float32, tg.float64)
    assert (tg.short, tg.int, tg.long) == (tg.int16, tg.int32, tg.int64)
    assert tg.ones(1, dtype=tg.int).type(tg.float).dtype == tg.float32


def test_constants() -> None:
    assert (tg.pi, tg.e, tg.inf) == (math.pi, math.e, math.inf)
    assert math.isnan(tg.nan)


def test_inference_mode_is_no_grad() -> None:
    x = tg.ones(1, requires_grad=True)

    @tg.inference_mode()
    def double(x: tg.Tensor) -> tg.Tensor:
        return 2 * x

    with tg.inference_mode():
        assert not (2 * x).requires_grad
        assert not tg.is_grad_enabled()
        with tg.inference_mode(False):
            assert (2 * x).requires_grad
    assert not double(x).requires_grad
    assert not tg.inference_mode(lambda: 2 * x)().requires_grad
    assert (2 * x).requires_grad
