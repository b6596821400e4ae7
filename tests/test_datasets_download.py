"""A download is complete and right, or not there at all: with a bad server, two processes, a killed one, no network."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest

from tests.toy_files import (
    Server,
    archive_of,
    cifar_of,
    give,
    idx,
    mnist_of,
    serving,
    toy_cifar,
    toy_mnist,
)
from tinygrad_lite.datasets import CIFAR10, MNIST, FashionMNIST, download

TOY = toy_mnist()
IMAGES, LABELS = TOY
CIFAR = toy_cifar()
ARCHIVE = archive_of({f"cifar-10-batches-bin/{name}": content for name, content in CIFAR.items()})


@pytest.fixture(autouse=True)
def quick_and_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSE", 0.0)
    monkeypatch.setenv("NO_PROXY", "*")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_missing_files_are_downloaded_once(tmp_path: Path) -> None:
    with serving(TOY) as server:
        toy = mnist_of(TOY, server.url)
        mnist = toy(tmp_path, train=False)
        assert len(mnist) == 10_000
        assert mnist.images[1234].ravel()[1234 % 784] == 1234 % 256
        toy(tmp_path, train=False)
        assert sorted(server.asked) == [IMAGES, LABELS]  # of the test set, and not again
    toy(tmp_path, train=False, download=False)
    assert {path.name: path.read_bytes() for path in (tmp_path / "mnist").iterdir()} == TOY


def test_only_what_is_missing_is_downloaded(tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / IMAGES).write_bytes(TOY[IMAGES])
    with serving(TOY) as server:
        mnist_of(TOY, server.url)(tmp_path, train=False)
        assert server.asked == [LABELS]


def cut(handler: BaseHTTPRequestHandler) -> None:
    give(handler, TOY[LABELS], 99)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (404, "404 Client Error"),
        (503, "503 Server Error"),
        (cut, "IncompleteRead|Connection broken"),
        (TOY[LABELS][:-50], "expected a complete gzip file"),
        (b"<html>Please log in to the network</html>", "expected a complete gzip file"),
        (idx(np.zeros(10_000)), "t10k-labels-idx1-ubyte.gz: expected content with sha256 .*, found "),
    ],
    ids=["absent", "busy", "cut", "truncated", "portal", "wrong"],
)
def test_a_bad_mirror_is_survived_or_named(
    tmp_path: Path, answer: bytes | int | Callable[[BaseHTTPRequestHandler], None], reason: str
) -> None:
    with serving({**TOY, LABELS: answer}) as bad, serving(TOY) as good:
        assert len(mnist_of(TOY, bad.url, good.url)(tmp_path / "two", train=False)) == 10_000
        assert (bad.asked, good.asked) == ([IMAGES, LABELS], [LABELS])
        message = rf"(?s)MNIST needs {IMAGES}, {LABELS} in .*{bad.url}{LABELS}: .*({reason})"
        with pytest.raises(ConnectionError, match=message):
            mnist_of(TOY, bad.url)(tmp_path / "one", train=False)
        assert bad.asked[2:] == [IMAGES, LABELS, LABELS, LABELS]  # tried again before giving up
    assert names(tmp_path / "one/mnist") == {IMAGES}


def test_a_server_that_recovers_is_asked_again(tmp_path: Path) -> None:
    def twice_busy(handler: BaseHTTPRequestHandler) -> None:
        assert isinstance(handler.server, Server)
        if handler.server.asked.count(LABELS) < 3:
            handler.send_error(503)
        else:
            give(handler, TOY[LABELS])

    with serving({**TOY, LABELS: twice_busy}) as server:
        assert len(mnist_of(TOY, server.url)(tmp_path, train=False)) == 10_000


def test_without_a_network_it_says_what_to_do(tmp_path: Path) -> None:
    with serving({}) as server:
        url = server.url
    with pytest.raises(ConnectionError) as caught:
        mnist_of(TOY, url)(tmp_path, train=False)
    message = str(caught.value)
    for part in (f"MNIST needs {IMAGES}, {LABELS}", str(tmp_path / "mnist"), "TINYGRAD_LITE_DATA", url, "Digits"):
        assert part in message
    assert not names(tmp_path)


def test_a_failure_leaves_no_folder_that_it_made(tmp_path: Path) -> None:
    with serving({}) as server:
        (tmp_path / "there").mkdir()
        for root in (tmp_path / "new" / "deep", tmp_path / "there"):
            with pytest.raises(ConnectionError):
                mnist_of(TOY, server.url)(root, train=False)
            assert names(tmp_path) == {"there"}
            assert not names(tmp_path / "there")
        (tmp_path / "there" / "mnist").mkdir()  # what was there before stays, even if it is empty
        with pytest.raises(ConnectionError):
            mnist_of(TOY, server.url)(tmp_path / "there", train=False)
    assert names(tmp_path / "there") == {"mnist"}


@pytest.mark.parametrize("dataset", [MNIST, FashionMNIST, CIFAR10])
def test_without_permission_to_download_it_says_what_to_do(dataset: type[MNIST | CIFAR10], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        dataset(tmp_path, download=False)
    message = str(caught.value)
    assert message.startswith(f"{dataset.__name__} needs ")
    for part in (next(iter(dataset.files)), str(tmp_path / dataset.folder), "download=True", dataset.mirrors[0]):
        assert part in message
    assert not names(tmp_path)


@pytest.mark.parametrize("package", ["pooch", "requests", "tqdm"])
def test_without_the_extra_it_names_the_command(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf'{package} is needed .*: pip install "tinygrad-lite\[data\]"'):
        MNIST(tmp_path, train=False)


def test_nothing_of_the_extra_is_imported_without_a_download() -> None:
    look = "import sys; from tinygrad_lite.datasets import Digits; Digits(); print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    loaded = subprocess.run([sys.executable, "-c", look], env=environment, capture_output=True, text=True, check=True)
    assert {"pooch", "requests", "tqdm"}.isdisjoint(loaded.stdout.split())


def test_a_folder_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "mnist").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="mnist") as caught:
        mnist_of(TOY)(tmp_path, train=False)
    assert "TINYGRAD_LITE_DATA" in caught.value.__notes__[0]


def test_a_progress_bar_is_shown_on_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for terminal in (False, True):
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal)
        with serving(TOY) as server:
            mnist_of(TOY, server.url)(tmp_path / str(terminal), train=False)
        assert ("100%" in capsys.readouterr().err) == terminal


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pooch = pytest.importorskip("pooch")

    def interrupted(fetch: object, url: str, file: str, pooch: object) -> None:
        Path(file).write_bytes(TOY[IMAGES][:1000])
        raise KeyboardInterrupt

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        mnist_of(TOY)(tmp_path, train=False)
    assert not names(tmp_path)


def test_a_file_that_another_process_is_reading_is_as_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows a file that is open cannot be replaced."""

    def refused(file: Path, target: Path) -> None:
        raise PermissionError(f"{target} is in use")

    monkeypatch.setattr(Path, "replace", refused)
    (tmp_path / "there").write_text("whole")
    download.publish(tmp_path / "new", tmp_path / "there")
    with pytest.raises(PermissionError, match="absent is in use"):
        download.publish(tmp_path / "new", tmp_path / "absent")


# Several processes

LOAD = """
import sys
from tests.toy_files import mnist_of, toy_mnist
mnist = mnist_of(toy_mnist(), sys.argv[1])(sys.argv[2], train=False)
print(len(mnist), mnist.images[1234].sum())
"""


def start(url: str, root: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-W", "error", "-c", LOAD, url, str(root)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


def test_two_processes_at_once(tmp_path: Path) -> None:
    both = {name: threading.Barrier(2) for name in TOY}

    def together(handler: BaseHTTPRequestHandler) -> None:
        name = handler.path.lstrip("/")
        give(handler, TOY[name], 0)
        both[name].wait(60)  # until the other one is downloading the same file
        handler.wfile.write(TOY[name])

    with serving(dict.fromkeys(TOY, together)) as server:
        processes = [start(server.url, tmp_path) for _ in range(2)]
        answers = [process.communicate(timeout=120) for process in processes]
        assert [process.returncode for process in processes] == [0, 0], answers
        assert [out for out, _ in answers] == [f"10000 {1234 % 256}\n"] * 2
        assert sorted(server.asked) == sorted([*TOY, *TOY])
    assert {path.name: path.read_bytes() for path in (tmp_path / "mnist").iterdir()} == TOY


def test_a_process_killed_while_downloading_leaves_nothing_that_looks_complete(tmp_path: Path) -> None:
    half, done = threading.Event(), threading.Event()

    def stall(handler: BaseHTTPRequestHandler) -> None:
        give(handler, TOY[LABELS], len(TOY[LABELS]) // 2)
        half.set()
        done.wait(60)

    with serving({**TOY, LABELS: stall}) as server:
        process = start(server.url, tmp_path)
        assert half.wait(60)
        process.kill()
        process.communicate()
        done.set()
    left = names(tmp_path / "mnist")
    assert IMAGES in left
    assert LABELS not in left
    (stray,) = (tmp_path / "mnist").glob(".download-*")
    with serving(TOY) as server:
        toy = mnist_of(TOY, server.url)
        assert len(toy(tmp_path, train=False)) == 10_000
        assert server.asked == [LABELS]
        assert stray.exists()  # for all one knows another process is using it
        os.utime(stray, times=(time.time() - 2 * download.A_DAY,) * 2)
        (tmp_path / "mnist" / LABELS).unlink()
        toy(tmp_path, train=False)
    assert names(tmp_path / "mnist") == set(TOY)


# An archive


def test_the_archive_is_downloaded_once_and_dropped(tmp_path: Path) -> None:
    with serving({CIFAR10.archive: ARCHIVE}) as server:
        toy = cifar_of(CIFAR, ARCHIVE, server.url)
        training, test = toy(tmp_path), toy(tmp_path, train=False)
        assert server.asked == [CIFAR10.archive]
    assert training.images.shape == (10, 3, 32, 32)
    expected = [[10 * f + 3 * i + c for c in range(3)] for f in range(5) for i in (0, 1)]
    assert training.images[:, :, 5, 7].tolist() == expected
    assert training.targets.tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
    assert test.images[1, :, 0, 0].tolist() == [53, 54, 55]
    assert names(tmp_path) == {"cifar-10-batches-bin"}
    assert {path.name: path.read_bytes() for path in (tmp_path / "cifar-10-batches-bin").iterdir()} == CIFAR


def test_only_the_expected_members_leave_an_archive(tmp_path: Path) -> None:
    """Even if its digest were right: paths that lead outside, links and strangers stay inside."""
    evil = archive_of({
        "../../outside.bin": b"x", "/absolute.bin": b"x", "cifar-10-batches-bin/../outside.bin": b"x",
        "stranger.bin": b"x", "cifar-10-batches-bin/test_batch.bin": "../../outside.bin",
        **{f"cifar-10-batches-bin/{name}": CIFAR[name] for name in list(CIFAR)[:5]},
    })  # fmt: skip
    root = tmp_path / "a/b"
    with serving({CIFAR10.archive: evil}) as server:
        toy = cifar_of(CIFAR, evil, server.url)
        assert len(toy(root)) == 10
        with pytest.raises(ValueError, match=r"cifar-10-binary.tar.gz: expected it to hold test_batch.bin, found"):
            toy(root, train=False)
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {f"a/b/cifar-10-batches-bin/{name}" for name in list(CIFAR)[:5]}


def test_a_wrong_archive_or_member_is_refused(tmp_path: Path) -> None:
    damaged = {**CIFAR, "test_batch.bin": CIFAR["test_batch.bin"][:-1] + b"?"}
    archive = archive_of({f"cifar-10-batches-bin/{name}": content for name, content in damaged.items()})
    with serving({CIFAR10.archive: archive}) as server:
        with pytest.raises(ConnectionError, match=r"cifar-10-binary.tar.gz: expected content with sha256"):
            cifar_of(CIFAR, ARCHIVE, server.url)(tmp_path)
        assert not names(tmp_path)
        with pytest.raises(ValueError, match=r"test_batch.bin: expected content with sha256"):
            cifar_of(CIFAR, archive, server.url)(tmp_path, train=False)
    assert names(tmp_path / "cifar-10-batches-bin") == set(list(CIFAR)[:5])  # the whole ones
