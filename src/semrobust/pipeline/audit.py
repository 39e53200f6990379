"""Are artifacts what their records say, and do the records agree with each other up to the raw data? Read-only.

Four answers: `ok`; `stale`, an input, a param or the code changed since; `tampered`, file or record is not what was
written; `unknown`, nothing here can say. Each file is hashed once, each record judged once.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from semrobust.config.params import Params
from semrobust.config.settings import Plain
from semrobust.errors import ArtifactError, UsageError
from semrobust.pipeline import embedded, files
from semrobust.pipeline import record as provenance
from semrobust.pipeline.artifacts import artifacts
from semrobust.pipeline.embedded import Embedded
from semrobust.pipeline.layout import Layout, record_path

SUFFIXES = frozenset({".npy", ".npz", ".parquet", ".safetensors", ".csv", ".pdf", ".png"})
"""Files that must have a record; others in a folder (logs, reports) are passed over."""

_PICTURES = frozenset({".pdf", ".png"})
_PASSED_OVER = frozenset({"scratch", "logs"})
_OWN = frozenset({"file", "picture", "digest", "command"})
"""Fields of an embedded record that need not equal those of the record beside the figure."""

Content = Callable[[Path], Mapping[str, Any]]
"""Recomputes from a dataset's folder what its record says of its splits: name -> count and content digest."""


class Status(StrEnum):
    """What is found of an artifact, the worst first."""

    TAMPERED = "tampered"
    STALE = "stale"
    UNKNOWN = "unknown"
    OK = "ok"


@dataclass
class Finding:
    """What is found of one artifact.

    Attributes:
        path: the artifact as it lies here.
        record: its record, from beside it or from inside it; empty if there is none.
        problems: why it is not ok.
        notes: what could not be checked.
        not_here: inputs, up the chain, of which only name and hash are known.
        made_from: records of its direct inputs that lie here.
        home: the record's place in its project.
    """

    path: Path
    record: Plain = field(default_factory=dict)
    problems: list[tuple[Status, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    not_here: set[str] = field(default_factory=set)
    made_from: set[Path] = field(default_factory=set)
    home: Path | None = None

    @property
    def status(self) -> Status:
        found = {status for status, _ in self.problems}
        return next((status for status in Status if status in found), Status.OK)


class Audit:
    """An audit in the current directory; without params, files are compared with their records alone.

    `complete` asks for the whole chain: what rests on a file that is not here is `unknown`.
    """

    def __init__(self, params: Params | None = None, complete: bool = False, content: Content | None = None) -> None:
        self.run = None if params is None else params.run
        self.plan = {} if params is None else {record_path(path): job for path, job in artifacts(params).items()}
        self.complete, self.content = complete, content
        self.findings: dict[Path, Finding] = {}
        self._hashes: dict[Path, str] = {}

    def everything(self) -> list[Finding]:
        """All artifacts of the run: those that are here and, if the whole chain is asked for, those that are not."""
        assert self.run is not None
        layout = Layout(self.run)
        found = [finding for folder in (layout.root, layout.figures) for finding in self.folder(folder)]
        if self.complete:
            known = {record_path(finding.path) for finding in found}
            absent = [(Status.UNKNOWN, "neither the artifact nor its record is here")]
            found += [Finding(path, problems=absent) for path in sorted(self.plan.keys() - known)]
        return found

    def folder(self, folder: Path) -> list[Finding]:
        """Every artifact in a folder."""
        found: dict[int, Finding] = {}
        for path in sorted(_walk(_here(folder))):
            if path.suffix in SUFFIXES or (path.suffix == ".json" and _readable(path)):
                finding = self.file(path)
                found[id(finding)] = finding
        return list(found.values())

    def file(self, path: Path) -> Finding:
        """The artifact that a file belongs to; raises UsageError if there is neither such a file nor its record."""
        path = _here(path)
        holder = path if path.suffix == ".json" and path.is_file() else self._holder(path)
        if holder is not None:
            return self._recorded(holder)
        if path.is_symlink():  # figures/RUN/report.html; a link into DVC's cache has its record beside it
            return self.file(path.parent / path.readlink())
        if not path.is_file():
            raise UsageError(f"there is no file {path}")
        inside = embedded.extract(path.read_bytes()) if path.suffix in _PICTURES else None
        if inside is None:
            return Finding(path, problems=[(Status.UNKNOWN, "no record says how it was made")])
        return self._alone(path, inside)

    def sha256(self, path: Path) -> str:
        if path not in self._hashes:
            self._hashes[path] = files.sha256(path)
        return self._hashes[path]

    def _holder(self, path: Path) -> Path | None:
        """The record that names a file; or the one beside it, if that cannot be read or is that of something else."""
        for holder in provenance.holders(path):
            if holder.exists():
                record = _readable(holder)
                names = {Path(name).name for name in record["outputs"]} if record else set()
                beside = holder.stem == path.stem and holder.stem not in {Path(name).stem for name in names}
                if path.name in names or beside:
                    return holder
        return None

    def _recorded(self, holder: Path) -> Finding:
        """An artifact with its record beside it."""
        if holder in self.findings:
            return self.findings[holder]
        record = _readable(holder)
        finding = self.findings[holder] = Finding(holder, home=holder)  # before its inputs: records may name each other
        if record is None:
            finding.problems.append((Status.TAMPERED, "its record is damaged"))
            return finding
        finding.record = record
        finding.path = next(
            (holder.with_suffix(Path(name).suffix) for name in record["outputs"] if Path(name).stem == holder.stem),
            holder,
        )
        if contradiction := provenance.contradiction(record):
            finding.problems.append((Status.TAMPERED, f"its record was edited: {contradiction}"))
        first = Path(next(iter(record["outputs"]), holder))
        in_place = holder in provenance.holders(first)
        if not in_place:
            finding.home = provenance.holders(first)[-1 if record["job"]["kind"] == "dataset" else 0]
            if holder in self.plan:
                finding.problems.append((Status.TAMPERED, f"its record is that of {first}"))
        self._outputs(finding, holder.parent, in_place)
        if not contradiction:
            self._chain(finding)
        return finding

    def _alone(self, path: Path, inside: Embedded) -> Finding:
        """A picture with nothing but the record inside it."""
        finding = Finding(path, inside.record)
        if inside.problem:
            finding.problems.append((Status.TAMPERED, inside.problem))
            return finding
        first = Path(str(inside.record.get("file", path)))
        finding.home = record_path(first)
        finding.notes.append(f"judged by the record inside it, as {first}")
        self._original(finding, {first.as_posix(): path})
        self._chain(finding)
        return finding

    def _outputs(self, finding: Finding, folder: Path, in_place: bool) -> None:
        """Compare the files beside a record with it, and what pictures say of themselves."""
        here: dict[str, Path] = {}
        for name, expected in finding.record["outputs"].items():
            path = folder / Path(name).name
            if not path.exists():
                if in_place:
                    finding.problems.append((Status.UNKNOWN, f"{path.name} is not here, but its record is"))
                else:
                    finding.notes.append(f"not copied along: {path.name}")
                continue
            here[name] = path
            inside = embedded.extract(path.read_bytes()) if path.suffix in _PICTURES else None
            if self.sha256(path) != expected:
                why = f": {inside.problem}" if inside and inside.problem else ""
                finding.problems.append((Status.TAMPERED, f"{path.name} is not the file that was written{why}"))
            elif inside and (inside.problem or _contradict(inside.record, finding.record)):
                finding.problems.append((Status.TAMPERED, f"the record in {path.name} contradicts the one beside it"))
        if not in_place:
            finding.notes.append(f"a copy of {next(iter(finding.record['outputs']))}")
            self._original(finding, here)

    def _original(self, finding: Finding, here: Mapping[str, Path]) -> None:
        """Compare a copy with the project's own file of that name, if it has the same id."""
        own = _readable(finding.home) if finding.home and finding.home.exists() else None
        for name, path in here.items():
            if own and own["id"] == finding.record["id"] and own["outputs"].get(name) != self.sha256(path):
                why = f"{name} has the same id and other bytes: other versions of libraries, or not the same content"
                finding.problems.append((Status.UNKNOWN, why))

    def _chain(self, finding: Finding) -> None:
        """Compare inputs, what is behind them, params and code with what is here now."""
        self._planned(finding)
        record, behind, complete = finding.record, dict[str, str](), True
        for name, used in record["inputs"].items():
            path = _here(Path(name))
            holder = self._holder(path)
            source = None if holder is None else self._recorded(holder)
            if source is not None and holder is not None:
                behind |= source.record.get("lineage", {}) | source.record.get("inputs", {})
                if holder not in finding.made_from and source.status in (Status.TAMPERED, Status.STALE):
                    finding.problems.append((Status.STALE, f"made from {source.path}, which is {source.status}"))
                finding.made_from.add(holder)
            complete = complete and source is not None
            recorded = used if source is None else source.record.get("outputs", {}).get(name, used)
            if recorded != used or (path.exists() and self.sha256(path) != used):
                finding.problems.append((Status.STALE, f"its input {name} changed"))
            finding.not_here |= set() if path.exists() else {name}
        for name, used in record["lineage"].items():
            path = _here(Path(name))
            if not path.exists():
                finding.not_here.add(name)
            elif self.sha256(path) != used and not finding.problems:
                finding.problems.append((Status.STALE, f"{name}, behind it, changed"))
        if complete and behind != record["lineage"] and not finding.problems:
            other = min(set(behind.items()) ^ set(record["lineage"].items()))[0]
            finding.problems.append((Status.STALE, f"its inputs were made again since, from another {other}"))
        self._dataset(finding)
        if finding.not_here:
            text = f"not here: {len(finding.not_here)} inputs up the chain, known by name and hash only"
            finding.notes.append(text)
            if self.complete:
                finding.problems.append((Status.UNKNOWN, text))

    def _planned(self, finding: Finding) -> None:
        """Compare with the job that would make the artifact now."""
        assert finding.home is not None
        record, job = finding.record, self.plan.get(finding.home)
        if job is not None and record["job"]["key"] != job.key:
            changed = provenance.difference(record["settings"], job.settings)
            commit = (record.get("git") or {}).get("commit")
            since = f" since commit {commit[:7]}" if commit else ""
            finding.problems.append((Status.STALE, changed or f"its code changed{since}"))
        elif job is None and self.run is None:
            finding.notes.append("no params here: settings and code are not compared")
        elif job is None and finding.home.parts[1:2] == (self.run,):
            finding.problems.append((Status.STALE, "the params ask for nothing of this name"))
        elif job is None:
            finding.notes.append(f"not of the run {self.run}: settings and code are not compared")

    def _dataset(self, finding: Finding) -> None:
        """Compare the digests of the raw data with those of the inputs, or with the arrays themselves."""
        dataset = finding.record["dataset"]
        for holder in finding.made_from:
            behind = self.findings[holder].record.get("dataset")
            if behind and behind != dataset:
                finding.problems.append((Status.TAMPERED, f"its dataset is not that of {self.findings[holder].path}"))
                return
        if finding.record["job"]["kind"] != "dataset" or not dataset.get("splits"):
            return
        digests = b"".join(bytes.fromhex(split["digest"]) for split in dataset["splits"].values())
        if hashlib.sha256(digests).hexdigest() != dataset["digest"]:
            finding.problems.append((Status.TAMPERED, "the digest of the dataset is not that of its splits"))
        elif self.content and finding.status is Status.OK and self.content(finding.path.parent) != dataset["splits"]:
            finding.problems.append((Status.TAMPERED, "its images and labels have another content digest"))


def _here(path: Path) -> Path:
    """The path relative to the current directory if it lies in it; links are not followed."""
    absolute, here = Path(os.path.abspath(path)), Path.cwd()  # noqa: PTH100, resolve() follows links into a cache
    return absolute.relative_to(here) if absolute.is_relative_to(here) else absolute


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name.startswith(".") or path.name in _PASSED_OVER:
            continue
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path


def _readable(holder: Path) -> Plain | None:
    """The record in a file, None if there is none."""
    try:
        return provenance.read(holder)
    except ArtifactError:
        return None


def _contradict(inside: Plain, beside: Plain) -> bool:
    if inside.get("file") not in beside["outputs"]:
        return True
    return any(beside.get(key) != value for key, value in inside.items() if key not in _OWN)
