"""What no params ask for: files of the store under other keys, finished scratch, plans of other params.

Only names that the pipeline gives are looked at: `NAME-KEY` in the folder of a step, and its own scratch. Raw
downloads, published files and whatever else a person keeps there are left alone.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from semrobust.errors import ArtifactError
from semrobust.pipeline import locks, record, work
from semrobust.pipeline.plan import ROOT, Artifact, Plan, folder_of
from semrobust.pipeline.step import Step, steps

ENGINE = "snakemake.lock"
"""The lock that an engine holds while it works on a run."""

_KEYED = re.compile(rf"(?P<stem>.+-[0-9a-f]{{{record.KEY_DIGITS}}})(?P<suffix>\..+)?")
_SCRATCH = re.compile(r"(?P<name>.+)-(?P<id>[0-9a-f]{16})")


@dataclass(frozen=True)
class Unasked:
    """What could go: a file or a folder, why, and its size in bytes."""

    path: Path
    why: str
    size: int


def runs() -> list[str]:
    """Runs that have a folder here."""
    found = sorted(path.name for path in ROOT.iterdir() if path.is_dir()) if ROOT.is_dir() else []
    return [name for name in found if name != "raw"]


def unasked(plans: Sequence[Plan]) -> list[Unasked]:
    """What none of some plans of one run asks for."""
    run = plans[0].run
    wanted = {artifact.stem: artifact for plan in plans for artifact in plan}
    found = [
        Unasked(path, "no params ask for it", size(path))
        for step in steps().values()
        for path, stem in _stored(step, run)
        if stem not in wanted
    ]
    found += [Unasked(path, why, size(path)) for path, why in _scratch(plans)]
    if (left := _old_plan(plans)) is not None:
        found.append(Unasked(left, "the plan of other params", size(left)))
    unique = {each.path: each for each in found}
    return [unique[path] for path in sorted(unique)]


def remove(found: Sequence[Unasked], run: str) -> None:
    """Remove what was found of a run; raises BusyError, and removes nothing, while anything works on it."""
    with ExitStack() as held:
        for lock in sorted({_locks(run) / ENGINE, *_locks(run).glob("*.lock")}):
            held.enter_context(locks.only(lock, f"the run {run}"))
        for each in found:
            try:
                if each.path.is_dir() and not each.path.is_symlink():
                    shutil.rmtree(each.path)
                else:
                    each.path.unlink(missing_ok=True)
            except OSError as error:
                raise ArtifactError(f"cannot remove {each.path}: {error.strerror or error}") from error


def refuse_while_busy(run: str) -> None:
    """Raise BusyError while an engine works on a run. Writes nothing where none ever did."""
    lock = _locks(run) / ENGINE
    if lock.exists():
        with locks.only(lock, f"the run {run}"):
            pass


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    if path.is_dir() and not path.is_symlink():
        return sum(size(inside) for inside in path.iterdir())
    return path.lstat().st_size


def _locks(run: str) -> Path:
    return ROOT / run / "scratch" / "locks"


def _stored(step: Step, run: str) -> Iterator[tuple[Path, Path]]:
    """Files, folders and records that a step has under any key, each with its stem."""
    folder = ROOT / run / step.folder
    in_folder = any(suffix.startswith("/") for suffix in step.files)
    for path in folder.iterdir() if folder.is_dir() else ():
        name = _KEYED.fullmatch(path.name)
        suffix = name["suffix"] if name else None
        if name and (suffix in (*step.files, ".json") if suffix else in_folder and path.is_dir()):
            yield path, folder / name["stem"]


def _scratch(plans: Sequence[Plan]) -> Iterator[tuple[Path, str]]:
    """Folders in which nothing will go on: their artifact is made, or no params ask for it."""
    scratch, everything = ROOT / plans[0].run / "scratch", True
    going_on = dict[tuple[str, str], set[str] | None]()  # ids that a job would go on with, None where any might be
    for plan in plans:
        for artifact in plan:
            if not work.is_made(artifact):
                everything = False
                identity = _identity(plan, artifact)
                before = going_on.get((artifact.kind, artifact.name), set())
                given = None if identity is None or before is None else before | {identity}
                going_on[artifact.kind, artifact.name] = given
    for kind in steps():
        for path in (scratch / kind).iterdir() if (scratch / kind).is_dir() else ():
            name = _SCRATCH.fullmatch(path.name)
            ids = going_on.get((kind, name["name"]), set()) if name else None
            if name and ids is not None and name["id"] not in ids:
                yield path, "scratch of what is made, or of what no params ask for"
    if everything and (scratch / "shared").is_dir():
        yield scratch / "shared", "scratch that jobs share, and all are made"


def _identity(plan: Plan, artifact: Artifact) -> str | None:
    """The id that an artifact will have, None while an input is not made."""
    inputs = {}
    for needed in plan.inputs(artifact):
        try:
            inputs[f"{needed.address}-{needed.key}"] = record.read(needed.record)["outputs"]
        except (ArtifactError, record.EarlierRelease):
            return None
    return record.identity(artifact.key, inputs)


def _old_plan(plans: Sequence[Plan]) -> Path | None:
    """The stored plan, if it is none of these."""
    folder = folder_of(plans[0].run)
    if not folder.is_dir():
        return None
    try:
        stored = Plan.read(folder).artifacts
    except ArtifactError:
        return folder
    return None if any(stored == plan.artifacts for plan in plans) else folder
