"""Where data files live, and what is said when they are not there or not what they should be."""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


def data_folder(root: str | os.PathLike[str] | None = None) -> Path:
    """Where data files live: `root`, else ``$TINYGRAD_LITE_DATA``, else this platform's cache folder; ``~`` is home.

    >>> data_folder("some/folder").parts
    ('some', 'folder')
    """
    if root is None:
        root = os.environ.get("TINYGRAD_LITE_DATA") or None
    if root is not None:
        return Path(root).expanduser()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "tinygrad_lite" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "tinygrad_lite"
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "tinygrad_lite"


def obtain(
    dataset: str, folder: Path, names: Sequence[str], install: Callable[[list[str]], None] | None, by_hand: str
) -> list[Path]:
    """The paths of the files `names` in `folder`; what is missing is installed first.

    Args:
        dataset: the dataset's name, for errors.
        install: puts the files it is given into `folder`; None forbids that.
        by_hand: how to do the same by hand: "put ... into ...".

    Raises:
        FileNotFoundError: when files are missing and must not be installed.
        ConnectionError: when they cannot be downloaded.
        ImportError: when the packages that download are missing.
    """
    if missing := [name for name in names if not (folder / name).is_file()]:
        need = f"{dataset} needs {', '.join(missing)} in {folder}"
        remedy = (f"Without a network: {by_hand}, or set TINYGRAD_LITE_DATA (or the argument root) to the folder that "
                  f"holds {folder.name}. tinygrad_lite.datasets.Digits needs no files.")
        if install is None:
            raise FileNotFoundError(f"{need}. Pass download=True. {remedy}")
        try:
            install(missing)
        except (ConnectionError, ImportError) as error:
            raise type(error)(f"{need}, and {error}\n{remedy}") from error
        except OSError as error:  # no right to write, no room
            error.add_note(f"{need}. {remedy}")
            raise
    return [folder / name for name in names]


def check_content(name: str | os.PathLike[str], content: bytes | memoryview, sha256: str) -> None:
    """Raise ValueError unless `content` has this sha256.

    >>> check_content("some.bin", b"abc", "0" * 64)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: some.bin: expected content with sha256 000..., found ba7816bf...
    """
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ValueError(f"{name}: expected content with sha256 {sha256}, found {found}")


@contextmanager
def remedy_for_damage() -> Iterator[None]:
    """Say what to do about a file in the cache that turns out to be damaged."""
    try:
        yield
    except ValueError as error:
        error.add_note("Delete the file to have it downloaded again.")
        raise


def check_flag(name: str, value: bool) -> bool:
    """`value`, which must be a bool: MNIST("folder", "test") would quietly give the training files, and
    MNIST("folder", True, transform), which is torchvision's order, leave out the transform.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name}: expected True or False, got {value!r}")
    return value
