"""What is saved comes back as it was, or an error says why not; no crash, damage or stranger's file changes that."""

from __future__ import annotations

import importlib
import json
import math
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_lite as tg
from tests.devices import DEVICES
from tinygrad_lite import nn, saving
from tinygrad_lite.datasets import DataLoader, TensorDataset

safetensors = pytest.importorskip("safetensors.numpy", reason="the extra `saving` is not installed")

LOCKS = os.name != "nt"  # whether a living writer can be told from a killed one
DTYPES = ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "float32",
          "float64"]


def names(folder: str | Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in Path(folder).iterdir())


def assert_same(found: Any, saved: Any) -> None:
    """Of the same types all the way down, with equal bits."""
    assert type(found) is type(saved)
    if isinstance(saved, dict):
        assert list(map(repr, found)) == list(map(repr, saved))
        for a, b in zip(found.values(), saved.values(), strict=True):
            assert_same(a, b)
    elif isinstance(saved, (list, tuple)):
        assert len(found) == len(saved)
        for a, b in zip(found, saved, strict=True):
            assert_same(a, b)
    elif isinstance(saved, (np.ndarray, np.generic, tg.Tensor)):
        assert (found.shape, found.dtype) == (saved.shape, saved.dtype)
        a, b = (x.array if isinstance(x, tg.Tensor) else np.asarray(x) for x in (found, saved))
        assert a.tobytes() == b.tobytes()
    else:
        assert repr(found) == repr(saved)


def saved_and_loaded(obj: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        tg.save(obj, f"{folder}/x.safetensors")
        assert names(folder) == ["x.safetensors"]
        return tg.load(f"{folder}/x.safetensors")


# --- what comes back --------------------------------------------------------------------------------------------------

arrays = hnp.arrays(st.sampled_from(DTYPES), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
numbers = st.one_of(st.none(), st.booleans(), st.integers(), st.integers(2**53 - 2, 2**130), st.floats(),
                    st.text(st.characters(codec=None), max_size=8))
keys = st.one_of(numbers, st.tuples(numbers, numbers), st.sampled_from(["a", "b", "a.b", "__metadata__", "", "a#2"]))
objects = st.recursive(
    st.one_of(numbers, arrays, arrays.map(tg.from_numpy), hnp.arrays("f4", ()).map(lambda x: x[()])),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.lists(inner, max_size=3).map(tuple),
                            st.dictionaries(keys, inner, max_size=4)),
    max_leaves=12)


@given(objects)
def test_any_structure_comes_back_as_it_was(obj: Any) -> None:
    assert_same(saved_and_loaded(obj), obj)


@pytest.mark.parametrize("obj", [
    math.nan, math.inf, -math.inf, -0.0, 5e-324, 2**53, -(2**128), 10**400, True, None, "", "\ud800\0é",
    {1: "int", "1": "str", 1.5: "float", None: "none", (1, ("a",)): "tuple", math.nan: "nan", False: 0},
    [], (), {}, [()], ((),), {"tensor": "w"}, {"dict": {}}, [{"int": "0x1"}], {"__metadata__": np.ones(2)},
    {"a": {"b": np.ones(1)}, "a.b": np.zeros(1), "a.b#2": np.full(1, 2.0)}, {0: np.ones(1), "0": np.zeros(1)},
    np.float64(1.5), np.int8(-3), np.bool_(True), {"\ud800": np.ones(1)},
], ids=lambda value: None)
def test_awkward_values(obj: Any) -> None:
    assert_same(saved_and_loaded(obj), obj)
    assert_same(saved_and_loaded([obj, (obj,)]), [obj, (obj,)])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (3,), (2, 3)])
def test_dtypes_and_shapes(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
    tensor = tg.from_numpy(array)
    found = saved_and_loaded({"tensor": tensor, "array": array})
    assert_same(found, {"tensor": tensor, "array": array})
    found["tensor"].zero_()  # it is writeable, and nobody else's
    assert found["array"].tolist() == array.tolist()


def test_layouts() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    layouts = {"transposed": x.T, "strided": x[:, ::2], "reversed": x[::-1], "one": x[1, 2, 3:4],
               "broadcast": np.broadcast_to(x[:1], x.shape), "fortran": np.asfortranarray(x),
               "foreign order": x.astype(">f8")}
    found = saved_and_loaded(layouts)
    for name, layout in layouts.items():
        np.testing.assert_array_equal(found[name], layout)
        assert found[name].dtype == np.float64
    assert_same(saved_and_loaded(tg.from_numpy(x.T)), tg.from_numpy(x.T))


def test_tensors_come_back_without_history_and_shared_ones_apart() -> None:
    w = nn.Parameter(tg.ones(2))
    found = saved_and_loaded([w, w * 2, w, w.array])
    assert [type(x) for x in found] == [tg.Tensor, tg.Tensor, tg.Tensor, np.ndarray]
    assert not any(x.requires_grad for x in found[:3])
    found[0].zero_()
    assert [x.tolist() for x in found] == [[0.0, 0.0], [2.0, 2.0], [1.0, 1.0], [1.0, 1.0]]


def test_mappings_become_dicts_in_their_order() -> None:
    assert_same(saved_and_loaded(OrderedDict([("b", 1), ("a", tg.ones(1))])), {"b": 1, "a": tg.ones(1)})


@pytest.mark.parametrize("device", DEVICES, ids=repr)
def test_devices(device: Any, tmp_path: Path) -> None:
    x = tg.arange(6.0, device=device.device).reshape(2, 3).T
    tg.save({"x": x, "array": x.array}, tmp_path / "x")
    found = tg.load(tmp_path / "x", map_location=device.device, weights_only=True)
    assert found["x"].device == device.device
    assert_same(tg.load(tmp_path / "x"), {"x": x.cpu(), "array": x.cpu().numpy()})
    with pytest.raises(RuntimeError, match="unknown device 'moon'"):
        tg.load(tmp_path / "x", "moon")


# --- the format -------------------------------------------------------------------------------------------------------


def test_a_state_dict_is_a_file_of_just_its_entries(tmp_path: Path) -> None:
    layer = nn.Linear(2, 3)
    net = nn.Sequential(layer, nn.Tanh(), nn.Linear(3, 2), layer)
    tg.save(net.state_dict(), tmp_path / "net.safetensors")
    entries = safetensors.load_file(tmp_path / "net.safetensors")
    assert set(entries) == {"0.weight", "0.bias", "2.weight", "2.bias", "3.weight", "3.bias"}
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(entries[name], value.array)
    assert list(tg.load(tmp_path / "net.safetensors")) == list(net.state_dict())
    other = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2), nn.Linear(2, 3))
    other.load_state_dict(entries)
    np.testing.assert_array_equal(other.state_dict()["3.weight"].array, layer.weight.array)


def test_entries_are_named_after_their_place(tmp_path: Path) -> None:
    tg.save({"model": {"0.weight": tg.ones(1)}, "optimizer": {"state": {0: {"exp_avg": [tg.ones(2)]}}}}, tmp_path / "x")
    assert set(safetensors.load_file(tmp_path / "x")) == {"model.0.weight", "optimizer.state.0.exp_avg.0"}


def test_the_files_of_others_load_as_names_and_tensors(tmp_path: Path) -> None:
    arrays = {"b": np.arange(3, dtype=np.int8), "a": np.array(2.0)}
    safetensors.save_file(arrays, tmp_path / "x", metadata={"format": "np"})
    found = tg.load(tmp_path / "x")
    assert {name: (type(x), x.dtype, x.tolist()) for name, x in found.items()} == {
        name: (tg.Tensor, x.dtype, x.tolist()) for name, x in arrays.items()}


def test_the_metadata_is_one_string_of_plain_json(tmp_path: Path) -> None:
    tg.save({"a": math.nan, "b": (2**100, "é")}, tmp_path / "x")
    header = (tmp_path / "x").read_bytes()[8:]
    metadata = json.loads(header)["__metadata__"]
    assert list(metadata) == [saving.METADATA_KEY]

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    assert json.loads(metadata[saving.METADATA_KEY], parse_constant=refuse)["object"] == {
        "dict": {"a": {"float": "nan"}, "b": {"tuple": [{"int": "0x10000000000000000000000000"}, "é"]}}}


def raw(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(("data", "text"), [
    (b"", "expected a header of 0 bytes after the first 8, found 0 bytes"),
    (b"\x05", "expected a header of 5 bytes after the first 8, found 1 bytes"),
    (b"PK\3\4 a zip, as torch.save writes", r"found 32 bytes that begin with b'PK\\x03\\x04 a z'"),
    (raw(b"no json at all"), r"expected a header in JSON with the place of each tensor, found b'no json at all'"),
    (raw({"w": ENTRY}, b"1234"), "expected 77 bytes, found 73"),
    (raw({"w": ENTRY}, b"123456789"), "expected 77 bytes, found 78"),
    (raw({"w": {**ENTRY, "dtype": "BF16"}}, b"1234")[:-4] + b"12345678", "safetensors file"),
    (raw({**{name: {**ENTRY, "dtype": "F8_E5M2", "data_offsets": [2 * i, 2 * i + 2]} for i, name in enumerate("abcd")},
          "w": {**ENTRY, "data_offsets": [8, 16]}}, b"1234" * 4),
     r"expected dtypes out of .*'F32'.*, found 'a' of dtype F8_E5M2, 'b' .*, 'c' .* and 1 more; convert such tensors"),
    (raw({"__metadata__": {"tinygrad_lite": "{"}}), "expected JSON with version, checksum and object .*, found '{'"),
    (raw({"__metadata__": {"tinygrad_lite": "[" * 100_000}}), r"expected JSON with .*, found '\[\["),
    (raw({"__metadata__": {"tinygrad_lite": "3"}}), "expected JSON with version"),
    (raw({"__metadata__": {"tinygrad_lite": '{"version": 9, "checksum": 0, "object": 0}'}}),
     "expected version 1 of the structure, found 9"),
    (raw({"__metadata__": {"tinygrad_lite": '{"version": 1, "checksum": 0, "object": 0}'}}),
     "expected checksum 0, found 4108050209"),
])
def test_damaged_files_are_named_with_expected_and_found(data: bytes, text: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(ValueError, match=text) as raised:
        tg.load(tmp_path / "x")
    assert str(tmp_path / "x") in str(raised.value)


@pytest.mark.parametrize("structure", [{}, {"a": 1, "b": 2}, {"code": "1"}, {"tensor": "w"}, {"tensor": 1}, {"dict": 1},
                                       {"int": "1x"}, {"int": 1}, {"items": [1]}, {"items": [[[], 1]]}, {"tuple": 1}])
def test_a_structure_that_save_does_not_write_is_refused(structure: Any, tmp_path: Path) -> None:
    text = json.dumps({"version": 1, "checksum": saving._checksum(structure, {}), "object": structure})
    (tmp_path / "x").write_bytes(raw({"__metadata__": {"tinygrad_lite": text}}))
    with pytest.raises(ValueError, match=r"expected a structure that save writes, found"):
        tg.load(tmp_path / "x")


STATE = {"model": {"w": tg.arange(5.0), "b": tg.zeros(0)}, "epoch": 7, "rest": [1.5, (2**70, None), "text"]}


@given(st.data())
def test_no_damage_goes_unnoticed(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "x"
        tg.save(STATE, file)
        content = bytearray(file.read_bytes())
        if data.draw(st.booleans()):
            del content[data.draw(st.integers(0, len(content) - 1)):]
        else:
            position = data.draw(st.integers(0, len(content) - 1))
            content[position] ^= data.draw(st.integers(1, 255))
        file.write_bytes(content)
        try:
            found = tg.load(file)
        except ValueError:
            return
        if list(found) == ["model.b", "model.w"]:  # the key of our metadata is another one now: names and tensors
            found = {**STATE, "model": {"w": found["model.w"], "b": found["model.b"]}}
        assert_same(found, STATE)


# --- what cannot be saved ---------------------------------------------------------------------------------------------


class Strange:
    pass


def cycle() -> Any:
    cyclic: dict[str, Any] = {}
    cyclic["a"] = [cyclic]
    return cyclic


@pytest.mark.parametrize(("obj", "text"), [
    ({"a": [1, Strange()]}, r"save: obj\['a'\]\[1\] is a tests.test_saving.Strange, which cannot be saved"),
    (Strange, "save: obj is a type, which cannot be saved"),
    ({"model": nn.Linear(1, 1)}, r"obj\['model'\] is a .*Linear, which cannot be saved; save its state_dict\(\)"),
    ([tg.default_generator()], r"obj\[0\] is a .*Generator, which cannot be saved; save its get_state\(\)"),
    ({1, 2}, "obj is a set"),
    (b"x", "obj is a bytes"),
    (1j, "obj is a complex"),
    ({"a": np.zeros(2, complex)}, r"obj\['a'\] is a numpy.ndarray of dtype complex128"),
    (np.array(["a"]), "obj is a numpy.ndarray of dtype <U1"),
    (np.array([None]), "obj is a numpy.ndarray of dtype object"),
    (np.longdouble(1), "obj is a numpy.longdouble of dtype"),
    (np.str_("a"), "obj is a numpy.str_"),
    (np.ma.masked_array([1.0], [True]), "obj is a numpy.ma.MaskedArray of dtype float64"),
    ({"a": {Strange(): 1}}, r"obj\['a'\] has a key of type Strange"),
    ({tg.ones(1): 1}, "obj has a key of type Tensor"),
    ({(1, frozenset()): 1}, "obj has a key of type tuple"),
    (cycle(), r"obj\['a'\]\[0\] is a dict that contains itself"),
], ids=lambda value: value if isinstance(value, str) else None)
def test_what_cannot_be_saved_is_named_and_nothing_is_written(obj: Any, text: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("before")
    with pytest.raises(TypeError, match=text):
        tg.save(obj, tmp_path / "x")
    assert (tmp_path / "x").read_text() == "before"
    assert names(tmp_path) == ["x"]


def test_a_structure_that_is_too_deep_is_refused(tmp_path: Path) -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TypeError, match="nested too deeply"):
        tg.save(deep, tmp_path / "x")
    while deep:  # or its end would recurse, too
        deep = deep.pop()


def test_more_text_than_the_format_holds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "LARGEST_HEADER", 1000)
    with pytest.raises(ValueError, match="put long lists of numbers into a tensor"):
        tg.save([0.1] * 1000, tmp_path / "x")
    assert not names(tmp_path)


def test_a_captured_step_cannot_save(tmp_path: Path) -> None:
    @tg.capture
    def step(x: Any) -> Any:
        tg.save([x], tmp_path / "x")
        return x * 2

    with pytest.raises(RuntimeError, match=r"save\(\)"):
        step(tg.ones(1))


def test_the_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    for call in (lambda: tg.save({}, tmp_path / "x"), lambda: tg.load(tmp_path / "x")):
        with pytest.raises(ImportError, match=r'pip install "tinygrad-lite\[saving\]"'):
            call()


# --- the file ---------------------------------------------------------------------------------------------------------


def test_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    paths: list[tuple[Any, str]] = [("a", "a"), (Path("b"), "b"), ("~/c", "c"), (Path("~") / "d", "d"),
                                    (str(tmp_path / "é"), "é")]
    for path, where in paths:
        tg.save(where, path)
        assert (tmp_path / where).is_file()
        assert tg.load(path) == where
    tg.save(1, "x" * 250)  # the longest name that some systems allow


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such folder to save in: .*nowhere"):
        tg.save(1, tmp_path / "nowhere" / "x")
    with pytest.raises(FileNotFoundError, match="x"):
        tg.load(tmp_path / "x")
    for call in (lambda: tg.save(1, tmp_path), lambda: tg.load(tmp_path)):
        with pytest.raises((IsADirectoryError, PermissionError)):
            call()
    assert not names(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_permissions_are_those_of_a_file_that_is_opened_for_writing(tmp_path: Path) -> None:
    for mask in (0o022, 0o077):
        before = os.umask(mask)
        try:
            tg.save(1, tmp_path / f"{mask}")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / f"{mask}").stat().st_mode) == 0o666 & ~mask
    file = tmp_path / f"{0o022}"
    file.chmod(0o640)
    tg.save(2, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_bfloat16_becomes_float32_and_the_others_are_what_they_are(tmp_path: Path) -> None:
    bits = np.array([[0x3F80, 0xC000, 0x7F80], [0x0001, 0x8000, 0x3E20]], "<u2")  # 1, -2, inf, tiny, -0, 0.15625
    (tmp_path / "x").write_bytes(raw({
        "a": {**ENTRY, "data_offsets": [0, 8]},
        "h": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [8, 20]},
        "empty": {"dtype": "BF16", "shape": [0, 3], "data_offsets": [20, 20]}}, b"\0" * 8 + bits.tobytes()))
    loaded = tg.load(tmp_path / "x")
    assert [x.dtype for x in loaded.values()] == [np.float32] * 3
    assert loaded["a"].tolist() == [0, 0]
    assert loaded["h"].tolist() == [[1, -2, math.inf], [2.0**-133, 0, 0.15625]]
    assert math.copysign(1, loaded["h"][1, 1].item()) == -1
    assert loaded["empty"].shape == (0, 3)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("linked", [False, True])
def test_a_pipe_is_written_to_and_stays_one(linked: bool, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    if linked:
        (tmp_path / "link").symlink_to("pipe")
    tg.save({"w": tg.ones(3)}, tmp_path / "plain")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        tg.save({"w": tg.ones(3)}, tmp_path / ("link" if linked else "pipe"))
        assert os.read(reader, 10_000) == (tmp_path / "plain").read_bytes()
    finally:
        os.close(reader)
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "link").is_symlink() == linked
    assert len([*tmp_path.iterdir()]) == 2 + linked


def test_a_terminal_is_written_to_and_stays_one() -> None:
    pty = pytest.importorskip("pty", exc_type=ImportError)
    ours, theirs = pty.openpty()
    try:
        name = os.ttyname(theirs)
        tg.save(1, name)
        assert Path(name).is_char_device()
        assert b"__metadata__" in os.read(ours, 10_000)
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs sockets with a name")
def test_a_socket_is_refused_and_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's name must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        with pytest.raises(OSError, match="socket"):
            tg.save(1, "socket")
        assert Path("socket").is_socket()
    assert [*map(str, Path().iterdir())] == ["socket"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "latest").symlink_to(tmp_path / "folder" / "x")
    for value in (1, 2):
        tg.save(value, tmp_path / "latest")
        assert (tmp_path / "latest").is_symlink()
        assert tg.load(tmp_path / "folder" / "x") == value


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tg.save("old", tmp_path / "x")
    for error in (OSError("disk full"), KeyboardInterrupt()):
        def fail(_: int, error: BaseException = error) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail)
            with pytest.raises(type(error)):
                tg.save("new", tmp_path / "x")
        assert tg.load(tmp_path / "x") == "old"
        assert names(tmp_path) == ["x"]


def test_everything_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def logged_fsync(fd: int) -> None:
        log.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file")
        fsync(fd)

    def logged_replace(self: Path, target: Path) -> Path:
        log.append("replace")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", logged_fsync)
    monkeypatch.setattr(Path, "replace", logged_replace)
    tg.save(1, tmp_path / "x")
    assert log == (["file", "replace", "folder"] if os.name != "nt" else ["file", "replace"])


def test_where_folders_cannot_be_synced_and_files_not_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> int:
        raise PermissionError("a folder cannot be opened")

    monkeypatch.setattr(saving, "fcntl", None)
    monkeypatch.setattr(os, "open", refuse)
    old, new = (tmp_path / name.join(saving._TEMPORARY) for name in ("old", "new"))
    for path in (old, new):
        path.write_text("")
    os.utime(old, (time.time() - 7200,) * 2)
    tg.save(1, tmp_path / "x")
    assert tg.load(tmp_path / "x") == 1
    assert not old.exists()
    assert new.exists()  # its writer may still live


@pytest.mark.skipif(not LOCKS, reason="files cannot be locked here")
def test_strays_are_removed_and_living_writers_left_alone(tmp_path: Path) -> None:
    stray, other = tmp_path / "0".join(saving._TEMPORARY), tmp_path / "mine.tmp"
    for path in (stray, other):
        path.write_text("")
    living, stream = saving._open_temporary(tmp_path)
    with stream:
        tg.save(1, tmp_path / "x")
        assert not stray.exists()
        assert other.exists()
        assert living.exists()
    tg.save(1, tmp_path / "x")
    assert not living.exists()


WRITER = """
import sys
import numpy as np
from tinygrad_lite import saving
import safetensors.numpy
print("ready", flush=True)
for i in range(10**6):
    saving.save({"i": i, "w": np.full(200_000, float(i))}, sys.argv[1])
"""


@pytest.fixture
def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(tg.__file__).parents[1]), "OPENBLAS_NUM_THREADS": "1"}


def test_a_killed_writer_never_leaves_a_damaged_file(tmp_path: Path, environment: dict[str, str]) -> None:
    file = tmp_path / "x"
    for attempt in range(4):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(file)], env=environment,
                              stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline().strip() == b"ready"
            time.sleep(0.05 + 0.013 * attempt)
            writer.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        if file.exists():
            found = tg.load(file)
            assert (found["w"] == found["i"]).all()
    tg.save({"i": 0, "w": np.zeros(1)}, file)
    assert tg.load(file)["i"] == 0
    if LOCKS:
        assert names(tmp_path) == ["x"]


def test_two_writers_at_once(tmp_path: Path, environment: dict[str, str]) -> None:
    file = tmp_path / "x"
    source = WRITER.replace("10**6", "30")
    writers = [subprocess.Popen([sys.executable, "-c", source, str(file)], env=environment, stdout=subprocess.DEVNULL)
               for _ in range(2)]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert tg.load(file)["i"] == 29
    assert names(tmp_path) == ["x"]


# --- checkpoints ------------------------------------------------------------------------------------------------------


class Run:
    """All that decides how training goes on: dropout, an optimizer with a state, a shuffled loader, generators."""

    def __init__(self, optimizer: Callable[..., Any], captured: bool, seed: int) -> None:
        tg.manual_seed(seed)
        self.model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 3))
        self.optimizer = optimizer(self.model.parameters())
        x = np.random.default_rng(0).standard_normal((22, 4)).astype(np.float32)
        data = TensorDataset(tg.from_numpy(x), tg.from_numpy(np.arange(22) % 3))
        self.loader = DataLoader(data, batch_size=4, shuffle=True, generator=tg.Generator(seed))
        self.scheduler = tg.optim.lr_scheduler.StepLR(self.optimizer, 2, 0.7)
        self.epoch = 0
        self.step = tg.capture(self.update) if captured else self.update

    def update(self, x: Any, y: Any) -> Any:
        self.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def losses(self, epochs: int) -> Iterator[float]:
        while self.epoch < epochs:
            for x, y in self.loader:
                yield self.step(x, y).item()
            self.scheduler.step()
            self.epoch += 1

    def save(self, path: Path) -> None:
        parts = ("model", "optimizer", "loader", "scheduler")
        states = {name: getattr(self, name).state_dict() for name in parts}
        tg.save({**states, "epoch": self.epoch, "generator": tg.default_generator().get_state()}, path)

    def load(self, path: Path) -> None:
        saved = tg.load(path)
        for name in ("model", "optimizer", "loader", "scheduler"):
            getattr(self, name).load_state_dict(saved[name])
        self.epoch = saved["epoch"]
        tg.default_generator().set_state(saved["generator"])


@pytest.mark.parametrize("captured", [False, True], ids=["eager", "captured"])
@pytest.mark.parametrize("optimizer", [
    lambda p: tg.optim.SGD(p, lr=0.1),
    lambda p: tg.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    lambda p: tg.optim.Adam(p, lr=0.01, amsgrad=True),
], ids=["sgd", "momentum", "adam"])
@pytest.mark.parametrize("batches", [0, 8, 12])  # at the start, in the middle of an epoch, between two
def test_a_resumed_run_goes_on_bit_for_bit(optimizer: Any, captured: bool, batches: int, tmp_path: Path) -> None:
    run = Run(optimizer, captured, seed=1)
    losses = run.losses(epochs=4)
    for _ in range(batches):
        next(losses)
    run.save(tmp_path / "checkpoint")
    expected = list(losses)
    assert len(expected) == 24 - batches
    resumed = Run(optimizer, captured, seed=2)
    before = resumed.losses(epochs=1)  # whatever it did before is forgotten
    next(before)
    resumed.load(tmp_path / "checkpoint")
    assert list(resumed.losses(epochs=4)) == expected
    assert_same(resumed.model.state_dict(), run.model.state_dict())
    assert_same(resumed.optimizer.state_dict(), run.optimizer.state_dict())
