"""Are artifacts what their records say, and do the records agree with each other up to the raw data? Read-only.

Five answers: `ok`; `stale`, an input, a param or the code changed since; `tampered`, file or record is not what was
written; `earlier`, recorded by an earlier release, whose lineage nothing here can follow; `unknown`, nothing here can
say. Each record is judged once. A file of the store that the params do not ask for is not
stale, since its name says what it is: it is `unasked`, and `semrobust gc` removes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semrobust.config.settings import Plain
from semrobust.errors import UsageError
from semrobust.pipeline import code, why
from semrobust.pipeline import record as provenance
from semrobust.pipeline.plan import FIGURES, ROOT, Artifact, Plan, beside
from semrobust.pipeline.records import (
    Records,
    address,
    from_here,
    inside_of,
    is_earlier,
    outputs_of,
    stands_for,
    stem_of,
    walk,
)

if TYPE_CHECKING:
    from semrobust.pipeline.embedded import Embedded

SUFFIXES = frozenset({".npy", ".npz", ".parquet", ".safetensors", ".csv", ".pdf", ".png", ".txt"})
"""Files that must have a record; others in a folder (logs, reports) are passed over."""

UNASKED = "unasked: the params ask for none of this key, and `semrobust gc` would remove it"

EARLIER_RELEASE = (
    "recorded by an earlier release: its own files can be compared, what is behind them cannot; make it again"
)

_DETERMINED = (
    "format", "id", "job", "settings", "recipe", "needs", "code", "inputs", "lineage", "dataset", "seed",
)  # fmt: skip
"""Fields of a picture's record that must equal those of the record beside it."""

Content = Callable[[Path], Mapping[str, Any]]
"""Recomputes from a dataset's folder what its record says of its splits: name -> count and content digest."""


class Status(StrEnum):
    """What is found of an artifact, the worst first."""

    TAMPERED = "tampered"
    STALE = "stale"
    UNKNOWN = "unknown"
    EARLIER = "earlier"
    OK = "ok"


@dataclass
class Finding:
    """What is found of one artifact.

    Attributes:
        path: the artifact as it lies here.
        record: its record, from beside it or from inside it; empty if there is none.
        problems: why it is not ok.
        notes: what could not be checked, or is worth a word.
        compared: addresses (`kind/name-key`) up the lineage whose files are here and are those that were used.
        not_here: addresses of which only name and hashes are known.
        made_from: records of its direct inputs that lie here.
        holder: the file that its record is in; None if it has none, or has it inside.
    """

    path: Path
    record: Plain = field(default_factory=dict)
    problems: list[tuple[Status, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    compared: set[str] = field(default_factory=set)
    not_here: set[str] = field(default_factory=set)
    made_from: set[Path] = field(default_factory=set)
    holder: Path | None = None

    @property
    def status(self) -> Status:
        found = {status for status, _ in self.problems}
        return next((status for status in Status if status in found), Status.OK)

    @property
    def address(self) -> str:
        """What records call it; its path where nothing says."""
        job = self.record.get("job")
        return address(job) if job else self.path.as_posix()

    @property
    def behind(self) -> dict[str, provenance.Hashes]:
        """Everything that it was made from, by address."""
        if "format" not in self.record:
            return {}
        return {**self.record["lineage"], **self.record["inputs"]}

    @property
    def whole(self) -> bool:
        """Whether all of its lineage could be compared."""
        return self.behind.keys() <= self.compared


class Audit:
    """An audit in the current directory; without a plan, files are compared with their records alone.

    `complete` asks for the whole lineage: what rests on a file that is not here is `unknown`.
    """

    def __init__(self, plan: Plan | None = None, complete: bool = False, content: Content | None = None) -> None:
        self.plan, self.complete, self.content = plan, complete, content
        self.findings: dict[Path, Finding] = {}
        self.records = Records()

    def everything(self) -> list[Finding]:
        """All artifacts of the run: those that are here and, if all of it is asked for, those that are not."""
        assert self.plan is not None
        found = [finding for root in (ROOT, FIGURES) for finding in self.folder(root / self.plan.run)]
        if self.complete:
            known = {finding.address for finding in found}
            absent = [(Status.UNKNOWN, "neither the artifact nor its record is here")]
            found += [Finding(a.path(), problems=absent) for a in self.plan if address(vars(a)) not in known]
        return found

    def folder(self, folder: Path) -> list[Finding]:
        """Every artifact in a folder."""
        found: dict[int, Finding] = {}
        for path in sorted(walk(from_here(folder))):
            if path.suffix in SUFFIXES or (path.suffix == ".json" and self.records.read(path) is not None):
                finding = self.file(path)
                found[id(finding)] = finding
        return list(found.values())

    def file(self, path: Path) -> Finding:
        """The artifact that a file belongs to; raises UsageError if there is neither such a file nor its record."""
        path = from_here(path)
        holder = path if path.suffix == ".json" and path.is_file() else self.records.of(path)
        if holder is not None:
            return self._recorded(holder)
        if path.is_symlink():  # data/RUN/report/report.html; a link into DVC's cache has its record beside it
            return self.file(path.parent / path.readlink())
        if not path.is_file():
            raise UsageError(f"there is no file {path}")
        inside = inside_of(path)
        if inside is None:
            return Finding(path, problems=[(Status.UNKNOWN, "no record says how it was made")])
        return self._alone(path, inside)

    def _recorded(self, holder: Path) -> Finding:
        """An artifact with its record beside it."""
        if holder in self.findings:
            return self.findings[holder]
        finding = self.findings[holder] = Finding(
            holder, holder=holder
        )  # before its inputs: records may name each other
        record = self.records.read(holder)
        if record is None:
            finding.problems.append((Status.TAMPERED, "its record is damaged"))
            return finding
        finding.record, outputs = record, outputs_of(holder, record)
        finding.path = next((path for path in outputs if path.parent == holder.parent), holder)
        in_place = holder.parts[0] in (ROOT.name, FIGURES.name)
        if is_earlier(record):
            self._files(finding, outputs, in_place)
            if "digest" in record and record["digest"] != provenance.sealed(record)["digest"]:
                finding.problems.append((Status.TAMPERED, "its record was edited: its digest does not follow"))
            finding.problems.append((Status.EARLIER, EARLIER_RELEASE))
            return finding
        contradiction = provenance.contradiction(record)
        if contradiction:
            finding.problems.append((Status.TAMPERED, f"its record was edited: {contradiction}"))
        if in_place and not stands_for(holder, record):
            finding.problems.append((Status.TAMPERED, f"its record is that of {finding.address}"))
        self._files(finding, outputs, in_place)
        if not in_place:
            finding.notes.append(f"a copy of {finding.address}")
            self._original(finding, {path.name[len(holder.stem) :]: path for path in outputs if path.exists()})
        if not contradiction:
            run = holder.parts[1] if in_place else record["settings"].get("run")
            self._planned(finding, run, stored=in_place and holder.stem.endswith(f"-{record['job']['key']}"))
            self._lineage(finding)
        return finding

    def _alone(self, path: Path, inside: Embedded) -> Finding:
        """A picture with nothing but the record inside it."""
        finding = Finding(path, inside.record)
        if inside.problem:
            finding.problems.append((Status.TAMPERED, inside.problem))
        elif "format" not in inside.record:
            finding.problems.append((Status.EARLIER, EARLIER_RELEASE))
        else:
            finding.notes.append(f"judged by the record inside it, as {finding.address}")
            self._original(finding, {path.suffix: path})
            self._planned(finding, inside.record["settings"].get("run"), stored=False)
            self._lineage(finding)
        return finding

    def _files(self, finding: Finding, outputs: Mapping[Path, str], in_place: bool) -> None:
        """Compare the files beside a record with it, and what pictures say of themselves."""
        for path, expected in outputs.items():
            if not path.exists():
                if in_place:
                    finding.problems.append((Status.UNKNOWN, f"{path.name} is not here, but its record is"))
                else:
                    finding.notes.append(f"not copied along: {path.name}")
                continue
            inside = inside_of(path)
            inside = None if is_earlier(finding.record) else inside
            if self.records.sha256(path) != expected:
                why = f": {inside.problem}" if inside and inside.problem else ""
                finding.problems.append((Status.TAMPERED, f"{path.name} is not the file that was written{why}"))
            elif inside and (
                inside.problem or any(inside.record.get(key) != finding.record.get(key) for key in _DETERMINED)
            ):
                finding.problems.append((Status.TAMPERED, f"the record in {path.name} contradicts the one beside it"))

    def _original(self, finding: Finding, here: Mapping[str, Path]) -> None:
        """Compare a copy with the project's own artifact of that address, if it has the same id."""
        holder = self.records.at(finding.address)
        own = None if holder is None else self.records.read(holder)
        if own is None or own["id"] != finding.record["id"]:
            return
        for suffix, path in here.items():
            if own["outputs"].get(suffix) != self.records.sha256(path):
                why = "has the same id and other bytes: other versions of libraries, or not the same content"
                finding.problems.append((Status.UNKNOWN, f"{path.name} {why}"))

    def _planned(self, finding: Finding, run: str | None, *, stored: bool) -> None:
        """Compare with what would be made now."""
        record, plan = finding.record, self.plan
        if plan is None:
            finding.notes.append("no params here: settings and code are not compared")
            return
        if run not in (None, plan.run):
            finding.notes.append(f"not of the run {plan.run}: settings and code are not compared")
            return
        planned = plan.artifacts.get(f"{record['job']['kind']}/{record['job']['name']}")
        if planned is not None and planned.key == record["job"]["key"]:
            if record["code"] != code.digest(planned.modules):
                finding.notes.append("made by other code of the same version")
        elif stored:
            finding.notes.append(UNASKED)
        elif planned is None:
            finding.problems.append((Status.STALE, "the params ask for nothing of this name"))
        else:
            finding.problems.append((Status.STALE, self._why(record, planned)))

    def _why(self, record: Plain, planned: Artifact) -> str:
        """The first thing in which an artifact differs from what the params ask for under its name."""
        assert self.plan is not None
        if said := why.changed(record, planned):
            commit = (record.get("git") or {}).get("commit")
            return f"{said} since commit {commit[:7]}" if commit and said.endswith(" changed") else said
        used = {full.rpartition("-")[0]: full for full in record["needs"]}
        for needed in self.plan.inputs(planned):
            if (full := used.get(needed.address)) != address(vars(needed)):
                holder = None if full is None else self.records.at(full)
                before = None if holder is None else self.records.read(holder)
                return f"its input {needed.address} is another" + (f": {self._why(before, needed)}" if before else "")
        return "the params ask for other inputs, or for the same in another order"

    def _lineage(self, finding: Finding) -> None:
        """Compare everything behind an artifact with what is here now."""
        record, behind, complete = finding.record, dict[str, provenance.Hashes](), True
        for wanted, used in record["inputs"].items():
            holder = self.records.at(wanted)
            if holder is None:
                complete = False
                continue
            source = self._recorded(holder)
            finding.made_from.add(holder)
            behind |= source.behind
            if source.status in (Status.TAMPERED, Status.STALE):
                finding.problems.append((Status.STALE, f"made from {source.path}, which is {source.status}"))
            elif source.record["outputs"] != used:
                finding.problems.append((Status.STALE, f"its input {wanted} was made again, and is another"))
        for wanted, used in finding.behind.items():
            same = self._same(wanted, used)
            if same is None:
                finding.not_here.add(wanted)
            elif same:
                finding.compared.add(wanted)
            elif not finding.problems:
                finding.problems.append((Status.STALE, f"{wanted}, behind it, changed"))
        others = [name for name in {*behind, *record["lineage"]} if behind.get(name) != record["lineage"].get(name)]
        if complete and others and not finding.problems:
            finding.problems.append((Status.STALE, f"its inputs were made again since, from another {min(others)}"))
        self._dataset(finding)
        if finding.not_here and self.complete:
            text = f"{len(finding.not_here)} of its inputs up the lineage are not here"
            finding.problems.append((Status.UNKNOWN, text))

    def _same(self, wanted: str, used: provenance.Hashes) -> bool | None:
        """Whether the files of an address are those that were used; None if they are not here."""
        holder = self.records.at(wanted)
        outputs = None if holder is None else {suffix: beside(stem_of(holder), suffix) for suffix in used}
        if not outputs or not all(path.exists() for path in outputs.values()):
            return None
        return all(self.records.sha256(path) == used[suffix] for suffix, path in outputs.items())

    def _dataset(self, finding: Finding) -> None:
        """Compare the digests of the raw data with those of the inputs, or with the arrays themselves."""
        dataset = finding.record["dataset"]
        used = {holder: self.findings[holder].record.get("dataset") for holder in sorted(finding.made_from)}
        behind = {holder: of for holder, of in used.items() if of}
        if behind and dataset not in behind.values():  # what is made from several names one of them
            first = self.findings[next(iter(behind))].path
            finding.problems.append((Status.TAMPERED, f"its dataset is not that of {first}"))
            return
        if finding.record["job"]["kind"] != "dataset" or not dataset.get("splits"):
            return
        digests = b"".join(bytes.fromhex(split["digest"]) for split in dataset["splits"].values())
        folder = finding.path.with_suffix("") if finding.path.suffix == ".json" else finding.path.parent
        if hashlib.sha256(digests).hexdigest() != dataset["digest"]:
            finding.problems.append((Status.TAMPERED, "the digest of the dataset is not that of its splits"))
        elif self.content and finding.status is Status.OK and self.content(folder) != dataset["splits"]:
            finding.problems.append((Status.TAMPERED, "its images and labels have another content digest"))
