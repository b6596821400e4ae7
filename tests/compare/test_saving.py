"""Files travel both ways: PyTorch's modules load what `save` writes, and `load` reads what PyTorch has written."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

import tinygrad_lite as tg

from .pair import array_of, dtype_of


def net(nn: Any) -> Any:
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.ModuleDict({"b": nn.Linear(4, 2), "a": nn.Linear(2, 2)}))


def test_pytorch_loads_ours(tmp_path: Path) -> None:
    ours, theirs = net(tg.nn), net(torch.nn)
    ours[0].weight.data = tg.from_numpy(np.asfortranarray(ours[0].weight.array))  # not in order
    tg.save(ours.state_dict(), tmp_path / "x.safetensors")
    theirs.load_state_dict(safetensors.torch.load_file(tmp_path / "x.safetensors"))
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert array_of(a).tobytes() == array_of(b).tobytes()


def test_ours_loads_pytorchs(tmp_path: Path) -> None:
    ours, theirs = net(tg.nn), net(torch.nn)
    safetensors.torch.save_file(theirs.state_dict(), tmp_path / "x.safetensors", metadata={"format": "pt"})
    found = tg.load(tmp_path / "x.safetensors")
    assert ours.load_state_dict(found) == ([], [])
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert array_of(a).tobytes() == array_of(b).tobytes()


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64",
                                   "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (2, 3)])
def test_dtypes(dtype: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    tg.save({"x": tg.from_numpy(array)}, tmp_path / "ours")
    found = safetensors.torch.load_file(tmp_path / "ours")["x"]
    assert (dtype_of(found), tuple(found.shape), array_of(found).tolist()) == (dtype, shape, array.tolist())
    safetensors.torch.save_file({"x": torch.tensor(array)}, tmp_path / "theirs")
    back = tg.load(tmp_path / "theirs")["x"]
    assert (dtype_of(back), back.shape, back.tolist()) == (dtype, shape, array.tolist())


@pytest.mark.parametrize("dtype", [torch.float8_e5m2, torch.complex64])
def test_dtypes_that_numpy_or_ours_does_not_have(dtype: torch.dtype, tmp_path: Path) -> None:
    safetensors.torch.save_file({"w": torch.zeros(2, dtype=dtype)}, tmp_path / "x")
    with pytest.raises(ValueError, match=r"expected dtypes out of .*, found 'w' of dtype \w+; .*tensor\.float\(\)"):
        tg.load(tmp_path / "x")


def test_every_bfloat16_is_its_float32(tmp_path: Path) -> None:
    every = torch.arange(-(2**15), 2**15, dtype=torch.int16).view(torch.bfloat16)
    safetensors.torch.save_file({"w": every, "v": torch.ones(3)}, tmp_path / "x")
    loaded = tg.load(tmp_path / "x")
    assert loaded["v"].tolist() == [1, 1, 1]
    np.testing.assert_array_equal(loaded["w"].numpy(), every.float().numpy())


def test_the_checkpoint_of_an_optimizer_travels(tmp_path: Path) -> None:
    """Its tensors by name: the states of both are the same after the same step."""
    ours, theirs = net(tg.nn), net(torch.nn)
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    for module, library in ((ours, tg), (theirs, torch)):
        optimizer = library.optim.Adam(module.parameters(), lr=0.1)
        module[2]["b"](module[:2](library.ones(5, 3))).sum().backward()
        optimizer.step()
        if library is tg:
            tg.save({"optimizer": optimizer.state_dict()}, tmp_path / "x")
    state = copy.deepcopy(optimizer.state_dict()["state"])
    entries = safetensors.torch.load_file(tmp_path / "x")
    assert set(entries) == {f"optimizer.state.{i}.{key}" for i in state for key in ("exp_avg", "exp_avg_sq")}
    for name, value in entries.items():
        _, _, number, key = name.split(".")
        torch.testing.assert_close(value, state[int(number)][key])
