"""Atomic files, hashes and canonical JSON: no half-written output is ever taken for a finished one."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from semrobust.errors import ArtifactError


@contextmanager
def replacing(destination: Path) -> Iterator[Path]:
    """Yield a temporary path beside `destination`; it takes the final name only if the block succeeds.

    Raises ArtifactError with the cause when the folder cannot be written or the disk is full; whatever stood
    at `destination` before is then untouched.
    """
    temporary = None
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        # the suffix stays, since writers such as matplotlib and numpy choose the format by it
        path = destination.parent / f".{destination.stem}-{secrets.token_hex(4)}{destination.suffix}"
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)  # less the umask
        temporary, mode = path, stat.S_IMODE(os.fstat(handle).st_mode)
        os.close(handle)
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.chmod(mode)  # safetensors puts a file of its own there, for its owner alone
        temporary.replace(destination)
    except Exception as error:
        if (cause := _refusal(error, temporary)) is not None:
            raise cannot_write(destination, cause) from error
        raise
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _refusal(error: Exception, temporary: Path | None) -> OSError | None:
    """The error of the disk behind `error`, or None if the disk is not to blame.

    Writers of torch and safetensors raise errors of their own, and numpy's names no cause: then the disk is asked.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error
    if temporary is not None and (found := _no_room(temporary.parent)) is not None:
        return found
    return error if isinstance(error, OSError) else None


def _no_room(folder: Path) -> OSError | None:
    """Why a mebibyte more cannot be written in `folder`, or None. Also quotas say no only when asked."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(2**20))
            probe.flush()
    except OSError as error:
        return error
    return None


def need_room(folder: Path) -> None:
    """Raise ArtifactError if nothing can be written in `folder`; a folder that is not there yet is not asked."""
    if folder.is_dir() and (cause := _no_room(folder)) is not None:
        raise cannot_write(folder, cause)


def cannot_write(path: Path, cause: OSError) -> ArtifactError:
    """The one message for a disk that is full or not writable."""
    why = os.strerror(cause.errno) if cause.errno else cause  # in the words of the system: pyarrow adds its own
    return ArtifactError(
        f"cannot write {path}: {why}. Free space or make the folder writable, "
        "then run the same command again; finished work is kept."
    )


def sweep(destination: Path) -> None:
    """Remove what killed processes left of `destination`. Nobody else may be writing it (`pipeline.locks`)."""
    for left in destination.parent.glob(f".{destination.stem}-????????{destination.suffix}"):
        left.unlink(missing_ok=True)


def write_text(destination: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with replacing(destination) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text. Raises ValueError on NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`, as 64 hex digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes; raises ArtifactError when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ArtifactError(f"cannot read {path}: {error.strerror or error}") from error
