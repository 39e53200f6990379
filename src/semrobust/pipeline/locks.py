"""Locks that die with the process that holds them: none outlives a kill or a power cut, so nothing needs unlocking."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from semrobust.errors import BusyError
from semrobust.pipeline.files import cannot_write

_held: list[FileLock] = []


def _take(path: Path, timeout: float) -> FileLock | None:
    """The lock, signed with our process id; None if another process has it all the time."""
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=timeout)
    except Timeout:
        return None
    except OSError as error:
        raise cannot_write(path, error) from error
    with suppress(OSError):  # a full disk has no room for a number, but the lock holds
        _signature(path).write_text(str(os.getpid()), encoding="utf-8")
    return lock


def _signature(path: Path) -> Path:
    return path.with_suffix(".pid")


def _holder(path: Path) -> str:
    with suppress(OSError):
        return f"process {_signature(path).read_text(encoding='utf-8')}"
    return "another process"


@contextmanager
def alone(path: Path, what: str) -> Iterator[None]:
    """Hold the lock `path` in the block; wait for it, and say so, while another process makes `what`.

    Raises ArtifactError if the lock's file cannot be opened.
    """
    lock = _take(path, timeout=0)
    if lock is None:
        print(f"semrobust: {_holder(path)} is making {what}; waiting for its end", file=sys.stderr, flush=True)
        lock = _take(path, timeout=-1)
    assert lock is not None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def only(path: Path, what: str) -> Iterator[None]:
    """Hold the lock `path` in the block; raises as `hold`."""
    lock = _or_busy(path, what)
    try:
        yield
    finally:
        lock.release()


def hold(path: Path, what: str) -> None:
    """Take the lock `path` until this process ends, however it ends.

    Raises:
        BusyError: another process works on `what`.
        ArtifactError: the lock's file cannot be opened.
    """
    _held.append(_or_busy(path, what))  # else it would be released


def _or_busy(path: Path, what: str) -> FileLock:
    lock = _take(path, timeout=0)
    if lock is None:
        raise BusyError(
            f"{what} is being worked on by {_holder(path)}. Wait until it has ended, or end it; then run the same "
            "command again. Nothing was changed."
        )
    return lock
