"""The records that lie here: which files they are of, and where the record of an artifact or of a file is.

Each is read once, and each file hashed once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semrobust.config.settings import Plain
from semrobust.pipeline import files
from semrobust.pipeline import record as provenance
from semrobust.pipeline.plan import FIGURES, ROOT, beside

if TYPE_CHECKING:
    from semrobust.pipeline.embedded import Embedded

_PICTURES = frozenset({".pdf", ".png"})
_PASSED_OVER = frozenset({"scratch", "logs", "plan", "raw", "benchmarks", "training"})


class Records:
    """Records below the current directory, by the file that one is in: its holder."""

    def __init__(self) -> None:
        self._hashes: dict[Path, str] = {}
        self._records: dict[Path, Plain | None] = {}
        self._index: dict[str, list[Path]] | None = None

    def read(self, holder: Path) -> Plain | None:
        """The record in a file, also one of an earlier release; None if there is none."""
        if holder not in self._records:
            self._records[holder] = _read(holder)
        return self._records[holder]

    def sha256(self, path: Path) -> str:
        """Hash of a file as 64 hex digits."""
        if path not in self._hashes:
            self._hashes[path] = files.sha256(path)
        return self._hashes[path]

    def of(self, path: Path) -> Path | None:
        """The record that names a file; or the one beside it that cannot be read."""
        damaged = None
        for holder in _holders(path):
            found = self.read(holder) if holder.is_file() else None
            if found is not None and path in outputs_of(holder, found):
                return holder
            if found is None and holder.is_file():
                damaged = holder
        return damaged

    def at(self, wanted: str) -> Path | None:
        """The record of an artifact by its address, in the store or under its plain name; None if it is not here."""
        if self._index is None:
            self._index = {}
            for path in sorted(path for root in (ROOT, FIGURES) for path in walk(root) if path.suffix == ".json"):
                found = self.read(path)
                if found is not None and not is_earlier(found) and stands_for(path, found):
                    self._index.setdefault(address(found["job"]), []).append(path)
        there = self._index.get(wanted, [])
        return max(there, key=lambda path: len(path.name), default=None)  # with the key in its name, if there is one


def address(job: Mapping[str, Any]) -> str:
    """What records call an artifact: kind, name and key."""
    return f"{job['kind']}/{job['name']}-{job['key']}"


def stands_for(holder: Path, record: Plain) -> bool:
    """Whether a record in the project lies under the name of what it is the record of."""
    job = record["job"]
    return holder.stem in (job["name"], f"{job['name']}-{job['key']}")


def _read(holder: Path) -> Plain | None:
    """The record in a file, also one of an earlier release; None if there is none."""
    try:
        plain = json.loads(holder.read_text(encoding="utf-8"))
        return provenance.checked(plain)
    except provenance.EarlierRelease:
        wrong = not isinstance(plain["outputs"], dict) or not isinstance(plain["job"], dict)
        return None if wrong else plain
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def earlier(folder: Path) -> list[Path]:
    """Records of an earlier release in a folder."""
    found = sorted(path for path in walk(folder) if path.suffix == ".json")
    return [path for path in found if (record := _read(path)) is not None and is_earlier(record)]


def walk(folder: Path) -> Iterator[Path]:
    """Files in a folder where artifacts may be."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name.startswith(".") or path.name in _PASSED_OVER:
            continue
        if path.is_dir():
            yield from walk(path)
        else:
            yield path


def is_earlier(record: Plain) -> bool:
    """Whether an earlier release wrote a record: its own files can be compared, and nothing behind them."""
    return "format" not in record


def stem_of(holder: Path) -> Path:
    """What the names of an artifact's files begin with."""
    return holder.with_name(holder.name.removesuffix(".json"))


def _holders(path: Path) -> Iterator[Path]:
    """Where the record of a file may lie: beside it or, for files in a folder of their own, beside that."""
    parts = path.name.split(".")
    for count in range(len(parts) - 1, 0, -1):
        yield path.with_name(f"{'.'.join(parts[:count])}.json")
    if path.parent.name:
        yield path.parent.with_name(f"{path.parent.name}.json")
    yield path.with_name("dataset.json")  # of an earlier release


def outputs_of(holder: Path, record: Plain) -> dict[Path, str]:
    """Files of a record, as they lie here, with their hashes."""
    if is_earlier(record):
        return {holder.with_name(Path(name).name): str(used) for name, used in record["outputs"].items()}
    return {beside(stem_of(holder), suffix): used for suffix, used in record["outputs"].items()}


def from_here(path: Path) -> Path:
    """The path relative to the current directory if it lies in it; links are not followed."""
    absolute, here = Path(os.path.abspath(path)), Path.cwd()  # noqa: PTH100, resolve() follows links into a cache
    return absolute.relative_to(here) if absolute.is_relative_to(here) else absolute


def inside_of(path: Path) -> Embedded | None:
    """The record inside a picture."""
    from semrobust.pipeline.embedded import extract  # with readers of PDF and PNG, which help does without

    return extract(path.read_bytes()) if path.suffix in _PICTURES else None
