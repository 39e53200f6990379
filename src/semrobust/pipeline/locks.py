"""Locks that die with the process that holds them: none outlives a kill or a power cut, so nothing needs unlocking.

They are `flock`s on files that stay; what stands in such a file is the process that took it last, for messages only.
Children do not inherit them. On a file system without `flock` (some network mounts) they hold nobody up.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from semrobust.errors import BusyError
from semrobust.pipeline.files import cannot_write

_held: list[FileIO] = []
_WITHOUT_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


def _open(path: Path) -> FileIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileIO(path, "a+")  # unbuffered, so that nothing is left to write when it is closed
    except OSError as error:
        raise cannot_write(path, error) from error


def _lock(file: FileIO, wait: bool) -> bool:
    """Lock an open file; False if another process has it and we do not wait."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise
    return True


def _holder(file: FileIO) -> str:
    file.seek(0)
    return f"process {file.read().decode() or 'unknown'}"


def _sign(file: FileIO) -> None:
    with suppress(OSError):  # a full disk has no room for a number, but the lock holds
        file.truncate(0)
        file.write(str(os.getpid()).encode())


@contextmanager
def alone(path: Path, what: str) -> Iterator[None]:
    """Hold the lock `path` in the block; wait for it, and say so, while another process makes `what`.

    Raises ArtifactError if the lock's file cannot be opened.
    """
    with _open(path) as file:
        if not _lock(file, wait=False):
            print(f"semrobust: {_holder(file)} is making {what}; waiting for its end", file=sys.stderr, flush=True)
            _lock(file, wait=True)
        _sign(file)
        yield


def hold(path: Path, what: str) -> None:
    """Take the lock `path` until this process ends, however it ends.

    Raises:
        BusyError: another process works on `what`.
        ArtifactError: the lock's file cannot be opened.
    """
    file = _open(path)
    if not _lock(file, wait=False):
        with file:
            raise BusyError(
                f"{what} is being worked on by {_holder(file)}. Wait until it has ended, or end it; then run the same "
                "command again. Nothing was changed."
            )
    _sign(file)
    _held.append(file)  # else it would be closed, and the lock released
