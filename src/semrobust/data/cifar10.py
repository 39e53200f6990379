"""CIFAR-10 from wherever it is: a local copy, the official archive, or the hub; always the same arrays."""

from __future__ import annotations

import os
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

from semrobust.config.settings import DataSettings
from semrobust.data.archive import read_archive
from semrobust.data.content import Raw, Split, canonical
from semrobust.data.download import PATIENCE, Patience, fetch
from semrobust.data.parquet import read_parquet
from semrobust.errors import ChecksumError, DataError

VARIABLE = "SEMROBUST_CIFAR10"
ARCHIVE = "cifar-10-python.tar.gz"
ARCHIVE_MD5 = "c58f30108f718f92721af3b95e74349a"

KNOWN_DIGESTS = {
    "train": "6a3b2c04d0a79ce272dcdacaf0bc440275db5a8cbe3717521a28fada2ea0d2ed",
    "test": "65a6ffe079453e514083f99356b35e02cbfd581b4951e3937fae188974b79f39",
}
"""Content digests (`content.content_digest`) of the 50,000 training and 10,000 test images."""

_Found = Callable[[], tuple[Split, Split]]


def given_path(value: str, given_by: str) -> Path:
    """The path that a person gave, with `~` expanded; raises DataError where it cannot be looked at."""
    try:
        path = Path(value).expanduser()
        path.exists()
    except (OSError, RuntimeError) as error:  # such as a folder that may not be read, or the home of nobody
        raise DataError(f"{given_by} is {value}, which cannot be looked at: {error}") from error
    return path


def _is_archive(path: Path) -> bool:
    """Whether a file is a tar archive, or the beginning of one, whose reader will say what is wrong with it."""
    try:
        return tarfile.is_tarfile(path)
    except (EOFError, zlib.error):
        return True
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def _local(path: Path, given_by: str) -> _Found:
    """Return a reader of the copy at `path`, or raise: a path that was asked for is never passed over."""
    if path.is_file() and _is_archive(path):
        return lambda: read_archive(path)
    if path.is_dir():
        archive = path / ARCHIVE
        if archive.is_file():
            return lambda: read_archive(archive)
        train, test = sorted(path.glob("train*.parquet")), sorted(path.glob("test*.parquet"))
        if train and test:
            return lambda: (read_parquet(train), read_parquet(test))
    problem = "is neither a tar archive nor a folder with one" if path.exists() else "does not exist"
    raise DataError(
        f"{given_by} is {path}, which {problem}; it must be {ARCHIVE}, or a folder that holds it "
        "or the hub's parquet files (train*.parquet and test*.parquet)"
    )


def _verified(train: Split, test: Split, where: str) -> Raw:
    sorted_splits = {}
    for name, split in (("train", train), ("test", test)):
        sorted_splits[name], found = canonical(split)
        if found != KNOWN_DIGESTS[name]:
            raise ChecksumError(
                f"content of CIFAR-10 {name} ({len(split)} images from {where})",
                KNOWN_DIGESTS[name],
                found,
                "The images are not the original ones, or some are missing; replace this copy.",
            )
    return Raw(train=sorted_splits["train"], validation=None, test=sorted_splits["test"])


def _from_hub(settings: DataSettings, cache_dir: Path, patience: Patience) -> Raw:
    files = []
    for name, url in zip(("train", "test"), settings.hub, strict=True):
        # The hub publishes no checksum that is known here; the content digest is checked after decoding.
        files.append(fetch([url], cache_dir / f"cifar10-{name}.parquet", None, "sha256", patience))
    try:
        return _verified(read_parquet(files[:1]), read_parquet(files[1:]), "the hub")
    except DataError:
        for file in files:  # else the next run would find the bad copy, and trust that it is whole
            file.unlink(missing_ok=True)
        raise


def load(settings: DataSettings, cache_dir: Path, patience: Patience = PATIENCE) -> Raw:
    """Return all of CIFAR-10 in canonical order (sorted by per-image digest), with its content verified.

    Looked for in this order: the path in `SEMROBUST_CIFAR10`, else `settings.path`; the official archive in
    `cache_dir` or from `settings.mirrors`; the parquet files in `cache_dir` or from `settings.hub`.

    Args:
        settings: the `data:` section.
        cache_dir: where downloads are kept.
        patience: retries and time limits of downloads.

    Raises:
        ChecksumError: a copy was found whose images are not exactly the original ones.
        DataError: a local path was given but is unusable, or a copy is damaged, or none can be had.
    """
    for given_by, value in (
        (f"{VARIABLE} (environment)", os.environ.get(VARIABLE)),
        ("data.path", settings.path),
    ):
        if value:
            path = given_path(value, given_by)
            return _verified(*_local(path, given_by)(), str(path))
    reasons = []
    try:
        archive = fetch(settings.mirrors, cache_dir / ARCHIVE, ARCHIVE_MD5, "md5", patience)
    except DataError as error:
        reasons.append(str(error))
    else:
        return _verified(*read_archive(archive), str(archive))
    if settings.hub:
        try:
            return _from_hub(settings, cache_dir, patience)
        except ChecksumError:
            raise
        except DataError as error:
            reasons.append(str(error))
    raise DataError(
        "\n".join(
            [
                "CIFAR-10 cannot be had:",
                *(f"  {reason}" for reason in reasons),
                "Provide it in one of three ways:",
                f"  1. set {VARIABLE} or data.path to {ARCHIVE}, or to a folder with it or the hub's files;",
                "  2. download of the official archive: let this machine reach one of data.mirrors, "
                f"or put {ARCHIVE} into {cache_dir};",
                "  3. the hub's parquet files: let this machine reach the two addresses of data.hub.",
                "Or run without it, on embedded photographs (photos10): the preset params/demo.yaml.",
            ]
        )
    )
