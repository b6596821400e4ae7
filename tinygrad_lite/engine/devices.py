"""What a device is called."""

from __future__ import annotations


class device(str):
    """The name of a device: "cpu", "cuda", "cuda:0".  It is a string, and wherever it is asked for, a string will do.

    Whether there is such a device is found out when something is put there.

    >>> import tinygrad_lite as tg
    >>> tg.device("cuda", 0)
    device(type='cuda', index=0)
    >>> tg.ones(1).device == "cpu", tg.ones(1).device.type
    (True, 'cpu')
    """

    __slots__ = ()

    def __new__(cls, type: str, index: int | None = None) -> device:
        return super().__new__(cls, type if index is None else f"{type}:{index}")

    @property
    def type(self) -> str:
        """The name without the index."""
        return str(self).partition(":")[0]

    @property
    def index(self) -> int | None:  # type: ignore[override]
        """Which of several devices of a type; None if it is not said."""
        number = str(self).partition(":")[2]
        return int(number) if number else None

    def __repr__(self) -> str:
        return f"device(type={self.type!r}" + ("" if self.index is None else f", index={self.index}") + ")"
