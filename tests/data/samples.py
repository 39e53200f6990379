"""Small data in the official layouts, and a web server that misbehaves on demand."""

from __future__ import annotations

import hashlib
import io
import pickle
import re
import struct
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from semrobust.data.content import Split

FOLDER = "cifar-10-batches-py"


def random_split(count: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
    return Split(images, rng.integers(0, 10, count, dtype=np.int64))


class _Python2Pickler(pickle._Pickler):
    """Writes `str` and `bytes` as Python 2 wrote its strings, like the official files."""

    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)

    def save_string(self, value: str | bytes) -> None:
        raw = value.encode("latin1") if isinstance(value, str) else value
        opcode = pickle.BINSTRING + struct.pack("<i", len(raw))
        self.write(opcode + raw)  # type: ignore[attr-defined]
        self.memoize(value)  # type: ignore[attr-defined]

    dispatch[str] = save_string
    dispatch[bytes] = save_string


def batch_pickle(split: Split) -> bytes:
    """Return one official batch: protocol 2, Python 2 strings, numpy.core's old name."""
    stream = io.BytesIO()
    data = split.images.reshape(len(split), -1)
    _Python2Pickler(stream, protocol=2).dump({b"data": data, b"labels": split.labels.tolist()})
    return stream.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def member(name: str, content: bytes = b"") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info, content


def write_tar(file: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(file, "w:gz") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return file


def archive_members(train: Split, test: Split) -> list[tuple[tarfile.TarInfo, bytes]]:
    fifths = np.array_split(np.arange(len(train)), 5)
    batches = [(f"data_batch_{i}", train.take(rows)) for i, rows in enumerate(fifths, start=1)]
    return [
        member(f"{FOLDER}/readme.html", b"<html/>"),
        *(member(f"{FOLDER}/{name}", batch_pickle(split)) for name, split in [*batches, ("test_batch", test)]),
    ]


def png(image: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """Return a PNG of an HWC (or HW) image."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


def pngs(split: Split) -> list[bytes]:
    return [png(image) for image in split.images.transpose(0, 2, 3, 1)]


def write_parquet(file: Path, images: list[bytes | None] | list[bytes], labels: list[int]) -> Path:
    column = pa.array(
        [None if image is None else {"bytes": image, "path": None} for image in images],
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    )
    pq.write_table(pa.table({"img": column, "label": pa.array(labels, pa.int64())}), file)
    return file


@dataclass
class Hold:
    """An answer that stops after some bytes until it is released, for a client that is killed meanwhile."""

    after: int
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


@dataclass
class Served:
    """A file on the server and how it is served; `cut` answers end after that many bytes, one each."""

    body: bytes
    etag: str | None = '"one"'
    ranges: bool = True
    honours_if_range: bool = True
    status: int = 200
    cut: list[int] = field(default_factory=list)
    hold: Hold | None = None


@dataclass
class Web:
    url: str
    files: dict[str, Served]
    requests: list[tuple[str, dict[str, str]]]
    sent: dict[str, int]

    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for _, headers in self.requests]


@contextmanager
def web_server() -> Iterator[Web]:
    web = Web("", {}, [], {})

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            web.requests.append((self.path, dict(self.headers.items())))
            served = web.files.get(self.path.lstrip("/"))
            if served is None or served.status != 200:
                self.send_error(served.status if served else 404)
                return
            start = self._start(served)
            if start >= len(served.body) > 0:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(served.body)}")
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(served.body) - 1}/{len(served.body)}")
            if served.etag:
                self.send_header("ETag", served.etag)
            rest = served.body[start:]
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            rest = rest[: served.cut.pop(0)] if served.cut else rest
            if served.hold is not None and start < served.hold.after:
                self.wfile.write(rest[: served.hold.after - start])
                served.hold.reached.set()
                served.hold.released.wait()
                return
            web.sent[self.path] = web.sent.get(self.path, 0) + len(rest)  # first: a client reads fast
            self.wfile.write(rest)

        def _start(self, served: Served) -> int:
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            same = not served.honours_if_range or self.headers.get("If-Range") == served.etag
            return int(asked[1]) if asked and served.ranges and same else 0

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    web.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
