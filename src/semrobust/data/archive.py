"""The official archive `cifar-10-python.tar.gz`, read in memory as the untrusted file it is.

Nothing is unpacked to disk, and its pickles may build numpy arrays and plain containers, nothing else.
"""

from __future__ import annotations

import importlib
import io
import pickle
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from semrobust.data.content import Split
from semrobust.errors import DataError

TRAIN_BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
TEST_BATCHES = ("test_batch",)
_PIXELS = 3 * 32 * 32
_LARGEST_MEMBER = 64 * 2**20  # an official batch has 31 MB; more is a decompression bomb


def _latin1(text: str, encoding: str) -> bytes:
    # Python 3 writes bytes in protocol 2 as _codecs.encode(text, "latin1"); no other codec is needed.
    if encoding not in ("latin1", b"latin1"):
        raise DataError(f"the pickle asks for the codec {encoding!r}; only latin1 is allowed")
    return text.encode("latin1")


def _allowed_globals() -> dict[tuple[str, str], Callable[..., Any]]:
    reconstruct: Callable[..., Any] = importlib.import_module("numpy._core.multiarray")._reconstruct
    return {
        ("numpy.core.multiarray", "_reconstruct"): reconstruct,  # the name that the official files use
        ("numpy._core.multiarray", "_reconstruct"): reconstruct,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): _latin1,
    }


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickles arrays, numbers, bytes and containers; refuses every other global before it is called."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        try:
            return _allowed_globals()[module_name, global_name]
        except KeyError:
            raise DataError(
                f"the pickle asks for {module_name}.{global_name}, which no batch of images needs; refused"
            ) from None


def load_batch(content: bytes, where: str) -> Split:
    """Return the images of one pickled batch: {b"data": uint8 (n, 3072) planar RGB, b"labels": n ints}.

    Args:
        content: the pickle, of Python 2 or 3.
        where: what to call it in messages.

    Raises:
        DataError: the pickle is damaged, asks for a forbidden global, or has other shapes, types or labels.
    """
    try:
        batch = _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    except Exception as error:  # a damaged pickle can raise anything; each case means the same to the user
        raise DataError(f"{where}: not a readable pickle ({type(error).__name__}: {error})") from error
    if not isinstance(batch, dict) or not {b"data", b"labels"} <= batch.keys():
        raise DataError(f"{where}: not a dictionary with b'data' and b'labels'")
    data, labels = batch[b"data"], batch[b"labels"]
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (_PIXELS,):
        found = f"{data.dtype} {data.shape}" if isinstance(data, np.ndarray) else type(data).__name__
        raise DataError(f"{where}: b'data' must be uint8 (n, {_PIXELS}), not {found}")
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise DataError(f"{where}: b'labels' must be a list of integers")
    try:
        return Split(data.reshape(-1, 3, 32, 32), np.array(labels, dtype=np.int64))
    except (DataError, OverflowError) as error:
        raise DataError(f"{where}: {error}") from error


def _check_member(member: tarfile.TarInfo, archive: Path) -> None:
    name = PurePosixPath(member.name)
    # Nothing is written, yet an archive that tries to leave its folder is not the official one: stop at once.
    if name.is_absolute() or ".." in name.parts or "\\" in member.name:
        raise DataError(f"{archive}: member {member.name!r} points outside the archive; refused")
    if not (member.isreg() or member.isdir()):
        raise DataError(f"{archive}: member {member.name!r} is a link or a device; refused")


def _read_members(archive: Path, wanted: tuple[str, ...]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                _check_member(member, archive)
                name = PurePosixPath(member.name).name
                if name not in wanted or not member.isreg():
                    continue
                if name in found:
                    raise DataError(f"{archive}: member {name!r} occurs twice")
                if member.size > _LARGEST_MEMBER:
                    raise DataError(f"{archive}: member {name!r} has {member.size} bytes, too many for a batch")
                stream = tar.extractfile(member)
                found[name] = stream.read() if stream is not None else b""
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DataError(
            f"{archive}: not a readable tar archive ({error}); delete it, so that it is fetched anew"
        ) from error
    if missing := [name for name in wanted if name not in found]:
        raise DataError(f"{archive}: the official archive holds {', '.join(missing)}; this one does not")
    return found


def read_archive(archive: Path) -> tuple[Split, Split]:
    """Return (train, test) of the official archive, in the order of its batches.

    Raises:
        DataError: the file is no such archive, is damaged, or holds what must not be in it.
    """
    members = _read_members(archive, (*TRAIN_BATCHES, *TEST_BATCHES))

    def joined(names: tuple[str, ...]) -> Split:
        batches = [load_batch(members.pop(name), f"{archive}: {name}") for name in names]
        return Split(
            np.concatenate([batch.images for batch in batches]),
            np.concatenate([batch.labels for batch in batches]),
        )

    return joined(TRAIN_BATCHES), joined(TEST_BATCHES)
