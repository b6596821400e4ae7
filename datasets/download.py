"""Downloads that are complete and right, or not there at all.

A file is downloaded by pooch (https://www.fatiando.org/pooch) into a temporary folder beside its place, checked there,
and moved into place by one rename.  So an interrupted download leaves nothing that looks like a file, and of two
processes that download at the same time each puts the same whole file there.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ..engine.extras import require

ROUNDS: Final = 3
"""How often all the addresses of a file are tried."""
PAUSE = 2.0
"""Seconds between two rounds."""
TIMEOUT: Final = 30
"""Seconds without an answer after which an address counts as failed."""
A_DAY: Final = 24 * 60 * 60


@contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """A temporary folder inside `folder`: on the same disk, so that moving out is a rename.

    `folder` is made if need be, and removed again if nothing came into it.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stray in folder.glob(".download-*"):
            # Left by a process that was killed. A younger one may be in use by another process.
            if time.time() - stray.stat().st_mtime > A_DAY:
                shutil.rmtree(stray, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as temporary:
            yield Path(temporary)
    finally:
        with suppress(OSError):  # the first that holds something
            for path in made:
                path.rmdir()


def download(urls: Sequence[str], target: Path, check: Callable[[Path], object]) -> None:
    """Put at `target` what the first of `urls` gives that `check` does not refuse with a ValueError.

    Raises:
        ConnectionError: when none does, with the reason for each.
        ImportError: without the extra `data`.
    """
    pooch, requests, _ = (require(name, "data") for name in ("pooch", "requests", "tqdm"))  # pooch's bar is tqdm's
    # pooch's own chunks of 1 KiB make CIFAR-10 170,000 steps.
    fetch = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=1 << 16, timeout=TIMEOUT)
    reasons: dict[str, str] = {}
    with workplace(target.parent) as folder:
        for attempt in range(ROUNDS):
            time.sleep(PAUSE if attempt else 0)
            for url in urls:
                try:
                    pooch.get_logger().info("Downloading %s", url)
                    fetch(url, str(folder / target.name), None)
                    check(folder / target.name)
                except (requests.exceptions.RequestException, ValueError) as error:
                    reasons[url] = str(error)
                else:
                    publish(folder / target.name, target)
                    return
    tried = "".join(f"\n  {url}: {reason}" for url, reason in reasons.items())
    raise ConnectionError(f"no address gave {target.name}:{tried}")


def publish(file: Path, target: Path) -> None:
    """Move a complete file into its place, at once."""
    try:
        file.replace(target)
    except PermissionError:
        # Windows: another process was faster and is reading it. What it put there has passed the same check.
        if not target.is_file():
            raise
