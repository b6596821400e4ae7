"""`save` and `load`: safetensors files, which hold numbers and text and never run code.

Tensors become entries of the file; a flat state dict's keep their names, so that PyTorch loads them and ours loads
PyTorch's.  What surrounds the tensors goes as one JSON string into the file's metadata, where every object has exactly
one key that says what it stands for:

    {"tensor": name} {"array": name} {"scalar": name}     an entry as a Tensor, a NumPy array or a NumPy number
    {"dict": {key: value}} {"items": [[key, value]]}      a dict whose keys are strings, or any
    {"tuple": [...]} {"int": "0x..."} {"float": "nan"}    what JSON does not have

A checksum covers both.  Source: https://github.com/huggingface/safetensors (the format).
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import stat
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ._tensor import Tensor
from .engine import backend
from .engine.extras import require

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

METADATA_KEY = "tinygrad_lite"
VERSION = 1
DTYPES = {"BOOL": "bool", **{f"{kind}{bits}": f"{name}{bits}" for kind, name, sizes in [
    ("I", "int", (8, 16, 32, 64)), ("U", "uint", (8, 16, 32, 64)), ("F", "float", (16, 32, 64))] for bits in sizes}}
"""The format's names of the dtypes that a tensor can have, and NumPy's."""

LARGEST_HEADER = 100_000_000
"""What readers of the format accept."""

_TEMPORARY = ".tinygrad_lite-", ".tmp"
_STRAY_AFTER = 3600.0  # seconds, where files cannot be locked


def save(obj: Any, f: str | os.PathLike[str]) -> None:
    """Write `obj` to a safetensors file: a state dict, or dicts, lists and tuples of such and of numbers and text.

    `obj` may hold Tensors, NumPy arrays and numbers, bools, ints and floats of any size, strings and None, and comes
    back from `load` as it was, except that mappings become dicts, that Tensors are saved without history, and that
    tensors which share memory are written one by one and share it no more.  A dict of names and tensors is a
    file with just these entries, as `safetensors.torch.save_file` writes it.

    The file is replaced in one piece: a reader, a killed process or a power cut finds the old one or the new one.  Of a
    link it is the file behind it.  What is no plain file, a pipe or a device, is written to.

    Raises TypeError, before anything is written, for what cannot be saved, naming where it is and what it is;
    ValueError for more text and numbers outside of tensors than the format holds (100 MB); ImportError, with the
    command, if safetensors is not installed; OSError if the file cannot be written.

    >>> import tempfile
    >>> import tinygrad_lite as tg
    >>> model = tg.nn.Linear(2, 3)
    >>> optimizer = tg.optim.SGD(model.parameters(), lr=0.1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tg.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}, f"{folder}/a")
    ...     saved = tg.load(f"{folder}/a")
    >>> model.load_state_dict(saved["model"])
    <All keys matched successfully>
    >>> saved["epoch"], saved["optimizer"]["param_groups"][0]["lr"]
    (3, 0.1)
    """
    package = require("safetensors.numpy", "saving")
    writer = _Writer()
    try:
        structure = writer.encode(obj, ())
    except RecursionError:
        raise TypeError("save: the object is nested too deeply") from None
    arrays = writer.arrays
    description = {"version": VERSION, "checksum": _checksum(structure, arrays), "object": structure}
    data = package.save(arrays, {METADATA_KEY: json.dumps(description, separators=(",", ":"))})
    if int.from_bytes(data[:8], "little") > LARGEST_HEADER:
        raise ValueError("save: names, numbers and text outside of tensors take more than the 100 MB that the format "
                         "allows; put long lists of numbers into a tensor or an array")
    _write(Path(f).expanduser(), data)


def load(f: str | os.PathLike[str], map_location: Any = None, *, weights_only: bool = True) -> Any:
    """Read what `save` wrote, with its Tensors on the device `map_location` (the CPU); of any other safetensors file,
    the dict of names and Tensors.  `weights_only` is there for PyTorch's scripts: no file makes it run code.

    NumPy has no bfloat16: such tensors become float32, which has all of their values.

    Raises ValueError, naming file, expected and found, for a file that is damaged, truncated or something else, and,
    naming the tensors, for one with other dtypes that NumPy does not have (float8); FileNotFoundError if there is none;
    ImportError, with the command, if safetensors is not installed.
    """
    package = require("safetensors", "saving")
    where = backend.named(map_location)
    file = Path(f).expanduser()
    with file.open("rb"):  # a missing file, a folder, no permission: Python says it best
        pass
    try:
        with package.safe_open(str(file), framework="numpy") as reader:
            metadata = reader.metadata() or {}
            kinds = {name: reader.get_slice(name).get_dtype() for name in reader.keys()}  # noqa: SIM118  (no dict)
            known = {*DTYPES, "BF16"}
            if unknown := [f"{name!r} of dtype {kind}" for name, kind in kinds.items() if kind not in known]:
                more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
                raise ValueError(f"{file}: expected dtypes out of {sorted(known)}, found {', '.join(unknown[:3])}{more}"
                                 "; convert such tensors where they were saved, in PyTorch with tensor.float()")
            arrays = {name: _widened(file, name) if kind == "BF16" else reader.get_tensor(name)
                      for name, kind in kinds.items()}
    except package.SafetensorError as error:
        raise ValueError(f"{file} is not a whole safetensors file: {_difference(file)} ({error})") from error
    if METADATA_KEY not in metadata:
        return {name: Tensor(backend.transfer(array, where)) for name, array in arrays.items()}
    try:
        description = json.loads(metadata[METADATA_KEY])
        version, checksum, structure = (description[key] for key in ("version", "checksum", "object"))
        found = _checksum(structure, arrays)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"{file} is damaged: expected JSON with version, checksum and object under "
                         f"{METADATA_KEY!r}, found {metadata[METADATA_KEY][:80]!r}") from error
    if version != VERSION:
        raise ValueError(f"{file}: expected version {VERSION} of the structure, found {version!r}; "
                         "a newer tinygrad_lite has written it")
    if checksum != found:
        raise ValueError(f"{file} is damaged or was changed by another program: expected checksum {checksum}, "
                         f"found {found}")
    try:
        return _decode(structure, arrays, where)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"{file}: expected a structure that save writes, found {str(structure)[:80]}") from error


# --- the structure ----------------------------------------------------------------------------------------------------


class _Writer:
    """Takes an object apart: `arrays` by their names, and the rest as what JSON can hold."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray[Any, Any]] = {}
        self._within: set[int] = set()

    def encode(self, value: Any, path: tuple[Any, ...]) -> Any:
        """What stands for `value` in the JSON."""
        kind = type(value)
        if value is None or kind is bool or kind is str:
            return value
        if kind is int:
            return value if abs(value) < 2**53 else {"int": hex(value)}  # beyond, other readers of JSON round
        if kind is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if isinstance(value, Tensor):
            value._reading("save()")
            return {"tensor": self._entry(value.array, path, value)}
        if isinstance(value, np.generic):
            return {"scalar": self._entry(np.asarray(value), path, value)}
        if _is_array(value):
            return {"array": self._entry(value, path, value)}
        if not (isinstance(value, Mapping) or kind in (list, tuple)):
            raise _refusal(value, path)
        if id(value) in self._within:
            raise TypeError(f"save: {_place(path)} is a {kind.__name__} that contains itself")
        self._within.add(id(value))
        try:
            return self._container(value, path)
        finally:
            self._within.discard(id(value))

    def _container(self, value: Any, path: tuple[Any, ...]) -> Any:
        if not isinstance(value, Mapping):
            items = [self.encode(item, (*path, i)) for i, item in enumerate(value)]
            return items if type(value) is list else {"tuple": items}
        for key in value:
            if not _is_key(key):
                raise TypeError(f"save: {_place(path)} has a key of type {type(key).__name__}; keys are strings, "
                                "numbers, bools, None and tuples of these")
        if all(type(key) is str for key in value):
            return {"dict": {key: self.encode(item, (*path, key)) for key, item in value.items()}}
        return {"items": [[self.encode(key, path), self.encode(item, (*path, key))] for key, item in value.items()]}

    def _entry(self, array: Any, path: tuple[Any, ...], value: Any) -> str:
        """Add an array under a name that tells its place; return the name."""
        if array.dtype.name not in DTYPES.values() or isinstance(array, np.ma.MaskedArray):
            raise _refusal(value, path)
        name = wanted = ".".join(map(str, path)).encode(errors="backslashreplace").decode() or "value"
        number = 1
        while name in self.arrays or name == "__metadata__":  # that one is the format's
            number += 1
            name = f"{wanted}#{number}"
        array = backend.to_host(array)
        # In order and in this machine's byte order: safetensors writes whatever lies behind the first element.
        self.arrays[name] = np.asarray(array, array.dtype.newbyteorder("="), order="C")
        return name


def _is_array(value: Any) -> bool:
    try:
        backend.of(value)
    except TypeError:
        return False
    return True


def _is_key(key: Any) -> bool:
    return key is None or type(key) in (str, int, float, bool) or (type(key) is tuple and all(map(_is_key, key)))


def _place(path: tuple[Any, ...]) -> str:
    return "obj" + "".join(f"[{key!r}]" for key in path)


def _refusal(value: Any, path: tuple[Any, ...]) -> TypeError:
    what = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    if hasattr(value, "dtype"):
        what += f" of dtype {value.dtype}"
    remedy = "; save its state_dict()" if hasattr(value, "state_dict") else ""
    remedy = "; save its get_state()" if hasattr(value, "get_state") else remedy
    return TypeError(f"save: {_place(path)} is a {what}, which cannot be saved{remedy}. Tensors and arrays of "
                     "bools, integers and floats, numbers, strings, None, dicts, lists and tuples can")


def _decode(value: Any, arrays: dict[str, np.ndarray[Any, Any]], where: backend.Backend) -> Any:
    """The object that `_Writer.encode` took apart."""
    if isinstance(value, list):
        return [_decode(item, arrays, where) for item in value]
    if not isinstance(value, dict):
        return value
    [(kind, content)] = value.items()
    if kind == "tensor":
        return Tensor(backend.transfer(arrays[content], where))
    if kind == "array":
        return arrays[content]
    if kind == "scalar":
        return arrays[content][()]
    if kind == "dict":
        return {key: _decode(item, arrays, where) for key, item in content.items()}
    if kind == "items":
        return {_decode(key, arrays, where): _decode(item, arrays, where) for key, item in content}
    if kind == "tuple":
        return tuple(_decode(content, arrays, where))
    if kind == "int":
        return int(content, 16)
    if kind == "float":
        return float(content)
    raise KeyError(kind)


def _checksum(structure: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> int:
    """The CRC-32 of the structure and of the name, dtype, shape and bytes of each array."""
    checksum = zlib.crc32(json.dumps(structure).encode())
    for name in sorted(arrays):
        array = arrays[name]
        checksum = zlib.crc32(f"{name} {array.dtype} {array.shape}".encode(), checksum)
        checksum = zlib.crc32(array.astype(array.dtype.newbyteorder("<"), copy=False).data, checksum)
    return checksum


# --- the file ---------------------------------------------------------------------------------------------------------


def _widened(file: Path, name: str) -> np.ndarray[Any, Any]:
    """A bfloat16 tensor of a file as float32: its bits are the upper half."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        entry = json.loads(stream.read(length))[name]
        start, end = entry["data_offsets"]
        stream.seek(8 + length + start)
        bits = np.frombuffer(stream.read(end - start), "<u2")
    return (bits.astype(np.uint32) << 16).view(np.float32).reshape(entry["shape"])


def _difference(file: Path) -> str:
    """What a file that is not whole lacks: expected and found."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(8)
        length = int.from_bytes(start, "little")
        header = stream.read(length) if length <= size - 8 else b""
    if not header:
        return f"expected a header of {length} bytes after the first 8, found {size} bytes that begin with {start!r}"
    try:
        end = max((entry["data_offsets"][1] for name, entry in json.loads(header).items() if name != "__metadata__"),
                  default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return f"expected a header in JSON with the place of each tensor, found {header[:60]!r}"
    return f"expected {8 + length + end} bytes, found {size}"


def _write(file: Path, data: bytes) -> None:
    """Replace a file in one piece: a temporary beside it, made durable and then given the name.

    What is no plain file (a pipe, a terminal, a device) cannot be replaced, it is written to.
    """
    if file.exists() and not (file.is_file() or file.is_dir()):
        file.write_bytes(data)
        return
    file = Path(os.path.realpath(file))  # a link stays one, as if the file were opened for writing
    if file.is_dir():
        raise IsADirectoryError(errno.EISDIR, "a folder has the name of the file to save", str(file))
    if not file.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder to save in", str(file.parent))
    _remove_strays(file.parent)
    temporary, stream = _open_temporary(file.parent)
    try:
        with stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
            if file.exists():
                temporary.chmod(stat.S_IMODE(file.stat().st_mode))
            if fcntl is None:
                stream.close()  # Windows renames no open file
            temporary.replace(file)  # under the lock: until it has its name, it must not look like a stray
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):  # the disk is full: Python does not name the file
            error.filename = str(file)
        raise
    with contextlib.suppress(OSError):  # some systems open or sync no folders
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _open_temporary(folder: Path) -> tuple[Path, BinaryIO]:
    """A new file that is locked while it is open, so that others know that its writer lives."""
    while True:
        path = folder / os.urandom(8).hex().join(_TEMPORARY)
        stream = path.open("xb")
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(stream, fcntl.LOCK_EX)
        if path.exists():
            return path, stream
        stream.close()  # taken for a stray before it was locked


def _remove_strays(folder: Path) -> None:
    """Remove what writers left that were killed: temporaries that nobody has locked (or old ones, without locks)."""
    for path in folder.glob("*".join(_TEMPORARY)):
        with contextlib.suppress(OSError):  # a living writer's, or somebody else has removed it
            if fcntl is None:
                if time.time() - path.stat().st_mtime > _STRAY_AFTER:
                    path.unlink()
                continue
            with path.open("rb") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
