"""The record beside each artifact: from what, by which code and with which params it was made.

    record = {id, job {kind, name, key}, settings, code, inputs, outputs, lineage, dataset, git, packages, command, ...}

`id` is computed from inputs (names and contents), settings and code alone, so the same three give the same id in every
clone and on every day. `inputs` and `outputs` map paths to SHA-256; `lineage` holds the inputs of the inputs,
down to the raw data, so that a figure's record alone names everything behind it. `digest` is over all other fields.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from semrobust.config.settings import Plain
from semrobust.errors import ArtifactError
from semrobust.pipeline import files
from semrobust.pipeline.jobs import Job
from semrobust.pipeline.layout import record_path

_PACKAGES = (
    "torch", "numpy", "scipy", "numba", "pandas", "pillow", "av", "pyldpc", "sionna-no-rt", "matplotlib", "seaborn",
    "semrobust",
)  # fmt: skip
_CODE_PATHS = ("src", "workflow", "Snakefile", "params.yaml", "params", "pyproject.toml")


def read(artifact: Path) -> Plain:
    """Read the record of an artifact (or a record itself); raises ArtifactError if missing or unreadable."""
    path = record_path(artifact)
    try:
        return checked(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} is missing: nothing says how {artifact} was made. {_rebuild(artifact)}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path} is not a provenance record: {error}. {_rebuild(artifact)}") from error


_FIELDS = {"id": str, "job": dict, "settings": dict, "code": str, "dataset": dict}
_HASHES = ("inputs", "outputs", "lineage")


def checked(record: Any) -> Plain:
    """Return a record if its fields are of their types; raises KeyError or TypeError."""
    wrong = [field for field, kind in _FIELDS.items() if not isinstance(record[field], kind)]
    wrong += [field for field in _HASHES if not all(isinstance(used, str) for used in dict(record[field]).values())]
    wrong += [field for field in ("kind", "name", "key") if not isinstance(record["job"][field], str)]
    if wrong:
        raise TypeError(f"{', '.join(wrong)} is of another type")
    return dict(record)


def _rebuild(artifact: Path) -> str:
    return f"Rebuild it (with this run's --configfile, if any): snakemake --cores 2 --forcerun {artifact} -- {artifact}"


def trust(artifact: Path, job: Job) -> Plain:
    """Return the record of an input after checking that it is what `job` makes now, and unaltered.

    Raises ArtifactError if it was made with other params or other code, or if its bytes changed since.
    """
    record = read(artifact)
    if record["job"]["key"] != job.key:
        changed = difference(record.get("settings", {}), job.settings) or "its code"
        raise ArtifactError(f"{artifact} was made with other params: {changed} differs. {_rebuild(artifact)}")
    verify(artifact, record)
    if reason := _changed_input(record):
        raise ArtifactError(f"{artifact} is out of date: {reason}. {_rebuild(artifact)}")
    return record


def verify(artifact: Path, record: Mapping[str, Any]) -> None:
    """Check every output of a record against its hash; raises ArtifactError on the first mismatch."""
    for name, expected in record["outputs"].items():
        path = record_path(artifact).parent / Path(name).name
        if not path.exists():
            raise ArtifactError(f"{path} is missing. {_rebuild(artifact)}")
        found = files.sha256(path)
        if found != expected:
            raise ArtifactError(
                f"{path} is not the file that was written: expected SHA-256 {expected}, found {found}. "
                + _rebuild(artifact)
            )


def difference(old: Any, new: Any, path: str = "") -> str:
    """Key path of the first setting that differs, with both values."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            found = difference(old.get(key), new.get(key), f"{path}.{key}".lstrip("."))
            if found:
                return found
        return ""
    return "" if old == new else f"{path} (was {old!r}, now {new!r})"


def identity(job: Job, inputs: Mapping[str, str]) -> str:
    """Short id of what `job` makes from inputs with these SHA-256 hashes: 16 hex digits."""
    return files.digest([job.kind, job.name, job.settings, job.code, dict(inputs)])[:16]


def sealed(record: Mapping[str, Any]) -> Plain:
    """Return a record, as JSON gives it back, with the digest of all its fields: an edit by hand is then seen."""
    plain: Plain = json.loads(json.dumps({key: value for key, value in record.items() if key != "digest"}))
    return plain | {"digest": files.digest(plain)}


def contradiction(record: Mapping[str, Any]) -> str | None:
    """What in a record does not follow from the rest of it, None if all does.

    Raises KeyError or TypeError where a field is missing or of another type.
    """
    job, inputs = record["job"], record["inputs"]
    stated = [job["kind"], job["name"], record["settings"], record["code"]]
    if job["key"] != files.digest(stated):
        return "its key does not follow from its settings and code"
    if record["id"] != files.digest([*stated, inputs])[:16]:
        return "its id does not follow from its settings, code and inputs"
    if "digest" not in record:
        return "its digest is missing: it was removed, or an earlier version wrote the record"
    return None if record["digest"] == sealed(record)["digest"] else "its digest does not follow from its fields"


class Making:
    """One job at work: declare each input with `uses`, write the outputs, then `finish` with the record.

    `command` is the command line that a person would type to make the artifact again.
    """

    def __init__(self, job: Job, command: Sequence[str]) -> None:
        self.job, self.command = job, command
        self.git = git_state()  # at the start: what is being edited meanwhile has not made this
        self.inputs: dict[str, str] = {}
        self.records: list[Plain] = []

    def uses(self, artifact: Path, made_by: Job) -> Path:
        """Check an input against its record (see `trust`) and note its hashes; returns `artifact`."""
        record = trust(artifact, made_by)
        self.inputs |= record["outputs"]
        self.records.append(record)
        return artifact

    @property
    def id(self) -> str:
        """Id of what is being made, once all inputs are declared."""
        return identity(self.job, self.inputs)

    @property
    def dataset(self) -> Plain:
        """Name and digests of the dataset behind the inputs; empty if none is."""
        return next((record["dataset"] for record in self.records if record["dataset"]), {})

    @property
    def determined(self) -> Plain:
        """What job, inputs and code determine of the record: the same in every clone, once all inputs are declared."""
        job, lineage = self.job, dict[str, str]()
        for record in self.records:
            lineage |= record["lineage"] | record["inputs"]
        return {
            "id": self.id,
            "job": {"kind": job.kind, "name": job.name, "key": job.key},
            "settings": job.settings,
            "code": job.code,
            "modules": list(job.modules),
            "inputs": dict(sorted(self.inputs.items())),
            "lineage": dict(sorted(lineage.items())),
            "dataset": self.dataset,
            "seed": job.settings.get("seed", self.records[0]["seed"] if self.records else None),
        }

    def finish(self, artifact: Path, outputs: Sequence[Path], details: Mapping[str, Any] | None = None) -> None:
        """Write the record; `details` are free facts about the making (training history, dataset digests)."""
        _write(artifact, self, outputs, dict(details or {}))
        for path in (*outputs, record_path(artifact)):
            files.sweep(path)


def _write(artifact: Path, making: Making, outputs: Sequence[Path], details: Plain) -> None:
    """Write the record of a finished artifact, last of all its files."""
    record = making.determined | {
        "outputs": {path.as_posix(): files.sha256(path) for path in sorted(outputs)},
        "dataset": details.pop("dataset", making.dataset),
        "git": making.git,
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "command": list(making.command),
        "details": details,
    }
    files.write_text(record_path(artifact), json.dumps(sealed(record), indent=1, ensure_ascii=False) + "\n")


def git_state() -> Plain:
    """Commit and whether code or params differ from it; nulls outside a git checkout."""

    def git(*arguments: str) -> str | None:
        done = subprocess.run(
            ["git", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},
        )
        return done.stdout.strip() if done.returncode == 0 else None

    try:
        status = git("status", "--porcelain", "--", *_CODE_PATHS)
        return {"commit": git("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)}
    except FileNotFoundError:
        return {"commit": None, "dirty": None}


def staleness(artifact: Path, job: Job) -> str | None:
    """Why an existing artifact must be rebuilt, or None if its record says that it is current.

    Read-only and quick: it compares records, and bytes only where a file is newer than its record. An artifact that
    does not exist is not stale: the workflow sees that by itself.
    """
    if not artifact.exists():
        return None
    try:
        record = read(artifact)
    except ArtifactError as error:
        return str(error)
    if record["job"]["key"] != job.key:
        return difference(record.get("settings", {}), job.settings) or "its code changed"
    return _changed_output(artifact, record) or _changed_input(record)


def settle_times(*folders: Path) -> None:
    """Give all files under `folders` that are what their records say one and the same time.

    For files from elsewhere, whose times say nothing about what was made from what. A file that was altered keeps its
    time, so that `staleness` sees it.
    """
    now = time.time_ns()
    for path in (path for folder in folders for path in folder.rglob("*.json")):
        try:
            record = read(path)
        except ArtifactError:
            continue
        if _changed_output(path, record) is None:
            for file in (path, *(path.parent / Path(name).name for name in record["outputs"])):
                if file.exists():
                    os.utime(file, ns=(now, now))


def _changed_output(artifact: Path, record: Mapping[str, Any]) -> str | None:
    """Which output is not what was written. The record is written last, so only files newer than it are read."""
    written = record_path(artifact).stat().st_mtime_ns
    for name, expected in record["outputs"].items():
        path = record_path(artifact).parent / Path(name).name
        if path.exists() and path.stat().st_mtime_ns > written and files.sha256(path) != expected:
            return f"{path} is not the file that was written"
    return None


def _changed_input(record: Mapping[str, Any]) -> str | None:
    """Which input has been made anew since, by the records of the inputs; the dataset's names all of its files."""
    for name, used in record["inputs"].items():
        for holder in holders(Path(name)):
            if holder.exists():
                try:
                    now = read(holder)["outputs"].get(name)
                except ArtifactError as error:
                    return str(error)
                if now is not None and now != used:
                    return f"its input {name} changed"
    return None


def holders(path: Path) -> list[Path]:
    """Where the record of a file may lie: beside it, or, for all files of the dataset, in the folder's own record."""
    return [holder for holder in (record_path(path), path.parent / f"{path.parent.name}.json") if holder != path]
