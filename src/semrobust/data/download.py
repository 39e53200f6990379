"""One file from the first mirror that has it: resumed, checked, and renamed only when it is whole.

`NAME.part` holds the bytes so far and `NAME.part.json` where they came from, so that an interrupted transfer
goes on next time, and bytes of two versions of a file are never joined.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from semrobust.errors import ChecksumError, DataError

Algorithm = Literal["md5", "sha256"]

_CHUNK = 2**18
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How often one mirror is tried, the first wait between tries (doubled each time), and the time limit."""

    attempts: int = 4
    first_wait_s: float = 1.0
    timeout_s: float = 30.0


PATIENCE = Patience()


class _Transient(Exception):
    """Worth another try at the same mirror."""


class _Permanent(Exception):
    """This mirror will not answer otherwise; try the next one."""


@dataclass(frozen=True)
class _Part:
    """The unfinished file and its sidecar."""

    file: Path

    @property
    def sidecar(self) -> Path:
        return self.file.with_name(self.file.name + ".json")

    def size(self) -> int:
        return self.file.stat().st_size if self.file.exists() else 0

    def validator(self, url: str) -> str | None:
        """Return the ETag or date that the bytes so far had at `url`, or None if they cannot be continued."""
        try:
            record = json.loads(self.sidecar.read_text())
        except (OSError, ValueError):
            return None
        if not isinstance(record, dict) or record.get("url") != url:
            return None
        validator = record.get("validator")
        return validator if isinstance(validator, str) else None

    def restart(self, url: str, validator: str | None) -> None:
        # Emptied before the sidecar changes: killed in between, no old bytes stand under the new validator.
        self.file.write_bytes(b"")
        temporary = self.sidecar.with_name(self.sidecar.name + ".new")
        temporary.write_text(json.dumps({"url": url, "validator": validator}))
        temporary.replace(self.sidecar)

    def delete(self) -> None:
        self.file.unlink(missing_ok=True)
        self.sidecar.unlink(missing_ok=True)


@contextmanager
def _disk(destination: Path) -> Iterator[None]:
    """Turn an error of the local disk into a DataError: no other mirror would help."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"cannot write {destination}: {error.strerror or error}; make room or make it writable"
        ) from error


@contextmanager
def _network() -> Iterator[None]:
    """Tell errors of the connection, which are worth another try, from those of the disk."""
    try:
        yield
    except urllib.error.HTTPError:
        raise  # the server did answer
    except (OSError, http.client.HTTPException, ValueError) as error:
        # OSError: no route, refused, reset, timed out, TLS; ValueError: headers that make no sense.
        raise _Transient(str(error) or type(error).__name__) from error


def file_digest(file: Path, algorithm: Algorithm) -> str:
    """Return the hexadecimal digest of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def _validator(headers: http.client.HTTPMessage) -> str | None:
    etag = headers.get("ETag")
    # If-Range compares strongly: a weak tag may stay the same while bytes change.
    return etag if etag and not etag.startswith("W/") else headers.get("Last-Modified")


def _open(url: str, start: int, validator: str | None, timeout_s: float) -> http.client.HTTPResponse:
    request = urllib.request.Request(url, headers={"User-Agent": "semrobust", "Accept-Encoding": "identity"})
    if start and validator:
        request.add_header("Range", f"bytes={start}-")
        request.add_header("If-Range", validator)
    with _network():
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=timeout_s)
    return response


def _continues(response: http.client.HTTPResponse, start: int, validator: str | None) -> bool:
    """Whether a 206 answer really goes on at byte `start` of the same version of the file."""
    begins = response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
    return begins and _validator(response.headers) in (None, validator)


def _transfer(url: str, part: _Part, name: str, timeout_s: float) -> None:
    """Bring `part` to its full length from `url`, from where it stands if the server can."""
    validator = part.validator(url)
    start = part.size() if validator else 0
    try:
        response = _open(url, start, validator, timeout_s)
    except urllib.error.HTTPError as refusal:
        with refusal:
            if refusal.code == 416 and start:
                # If-Range held, so it is the same version: our bytes are all there is, or more than that.
                if refusal.headers.get("Content-Range") == f"bytes */{start}":
                    return
                part.delete()
                raise _Transient("the server has fewer bytes than were received before") from refusal
            kind = _Transient if refusal.code >= 500 or refusal.code in (408, 429) else _Permanent
            raise kind(f"HTTP {refusal.code} {refusal.reason}") from refusal
    with response:
        if response.status == 206 and not _continues(response, start, validator):
            part.delete()
            raise _Transient("the file changed on the server")
        if response.status != 206:
            start = 0
            part.restart(url, _validator(response.headers))
        with _network():
            length = response.headers.get("Content-Length")
            total = start + int(length) if length is not None else None
        _copy(response, part.file, start, total, name)
    # http.client reports a body that ends early only by its length.
    if total is not None and part.size() != total:
        raise _Transient(f"the connection closed after {part.size()} of {total} bytes")


def _copy(response: http.client.HTTPResponse, file: Path, start: int, total: int | None, name: str) -> None:
    # disable=None: no bar where standard error is no terminal.
    bar = tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=name, disable=None)
    with file.open("ab") as output, bar:
        while True:
            with _network():
                chunk = response.read(_CHUNK)
            if not chunk:
                break
            output.write(chunk)
            bar.update(len(chunk))
        output.flush()
        os.fsync(output.fileno())


def _download(url: str, part: _Part, name: str, patience: Patience) -> str | None:
    """Fill `part` from `url`, with retries; return None, or why it could not be done."""
    reason = "not tried"
    for attempt in range(patience.attempts):
        if attempt:
            wait = patience.first_wait_s * 2 ** (attempt - 1)
            _log.warning("%s: %s; next try in %g s", url, reason, wait)
            time.sleep(wait)
        try:
            _transfer(url, part, name, patience.timeout_s)
            return None
        except _Permanent as error:
            return str(error)
        except _Transient as error:
            reason = str(error)
    return f"{reason} (tried {patience.attempts} times)"


def fetch(
    urls: Sequence[str],
    destination: Path,
    checksum: str | None,
    algorithm: Algorithm,
    patience: Patience = PATIENCE,
) -> Path:
    """Download the first of `urls` that works to `destination`, and return `destination`.

    A destination that already holds the checksum (or exists, where none is known) is left as it is. A
    transfer that broke off goes on at the next call, if the server still has the same version.

    Raises:
        ChecksumError: a mirror's file had another checksum, and no mirror had the right one.
        DataError: no mirror answered (with each one's reason), or the disk cannot be written.
    """
    part = _Part(destination.with_name(destination.name + ".part"))
    reasons, wrong = [], None
    with _disk(destination):
        if destination.is_file() and checksum in (None, file_digest(destination, algorithm)):
            return destination
        destination.parent.mkdir(parents=True, exist_ok=True)
        for url in urls:
            reason = _download(url, part, destination.name, patience)
            if reason is None:
                found = file_digest(part.file, algorithm) if checksum is not None else None
                if found == checksum:
                    part.file.replace(destination)
                    part.delete()
                    return destination
                part.delete()
                wrong, reason = found, f"{algorithm} is {found}, not {checksum}"
            reasons.append(f"{url}: {reason}")
    listed = "; ".join(reasons) or "no address is given"
    if wrong is not None and checksum is not None:
        raise ChecksumError(str(destination), checksum, wrong, f"Nothing was kept. Each mirror: {listed}")
    raise DataError(f"cannot download {destination.name}: {listed}")
