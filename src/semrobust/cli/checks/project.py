"""The params, the data, the disk, and what earlier runs left."""

from __future__ import annotations

import configparser
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from semrobust.cli.checks.finding import Finding, Setting, gib
from semrobust.config import plugins as plugged
from semrobust.config.params import Params
from semrobust.config.settings import DataSettings
from semrobust.errors import ArtifactError, DataError, ParamsError
from semrobust.pipeline import gc, work
from semrobust.pipeline import record as provenance
from semrobust.pipeline.plan import ROOT, Plan

_DOWNLOAD = 170_498_071  # bytes of the official archive


def params(setting: Setting) -> Iterator[Finding]:
    """Whether the params can be run."""
    names = " + ".join(map(str, setting.files))
    if isinstance(setting.params, ParamsError):
        problems = "; ".join(setting.params.problems)
        yield Finding("problem", "params", f"{names}: {problems}", "correct the named keys")
    else:
        yield Finding("ok", "params", f"{names}: run '{setting.params.run}'", details={"run": setting.params.run})


def plugins(setting: Setting) -> Iterator[Finding]:
    """Plug-ins of the params, and those that are installed and not in use."""
    used = plugged.located(setting.params.plugins) if isinstance(setting.params, Params) else []
    for plugin in used:
        yield Finding("ok", "plug-in", _described(plugin), details={"offers": plugin.offers})
    for name, plugin in plugged.announced().items():
        if name not in [each.name for each in used]:
            text = f"{_described(plugin)}; not in use, since plugins in the params does not name it"
            yield Finding("ok", "plug-in", text, details={"offers": plugin.offers})


def _described(plugin: plugged.Plugin) -> str:
    of = "" if plugin.distribution is None else f" of {plugin.distribution} {plugin.version}"
    offers = "; ".join(f"{room} {', '.join(names)}" for room, names in plugin.offers.items() if names)
    return f"{plugin.given}{of} in {plugin.place}: {offers}"


def data(setting: Setting) -> Iterator[Finding]:
    """Which images a run would use, and whether they are here."""
    if not isinstance(setting.params, Params):
        return
    given, plan = setting.params.data, setting.plan
    for artifact in plan if isinstance(plan, Plan) else ():
        if artifact.stage == "dataset" and work.is_made(artifact):
            try:
                record = provenance.read(artifact.record)
            except (ArtifactError, provenance.EarlierRelease) as error:
                yield Finding("warning", "data", str(error), artifact.rebuild)
            else:
                yield Finding("ok", "data", f"{artifact.stem} is prepared, from {record['dataset']['source']}")
    if given.source != "cifar10":
        yield Finding("ok", "data", f"{given.source}: embedded photographs, nothing to download")
        return
    yield _cifar10(given)


def _cifar10(given: DataSettings) -> Finding:
    from semrobust.data import cifar10  # reads images
    from semrobust.data.step import DOWNLOADS

    for by, value in ((cifar10.VARIABLE, os.environ.get(cifar10.VARIABLE)), ("data.path", given.path)):
        if value:
            try:
                return _copy(cifar10.given_path(value, by), f"CIFAR-10 by {by} = {value}")
            except (DataError, OSError) as error:
                return Finding("problem", "data", f"CIFAR-10: {error}", "point it to a copy that can be read")
    for path in (DOWNLOADS / cifar10.ARCHIVE, DOWNLOADS):
        if path.is_file() or any(path.glob("cifar10-*.parquet")):
            return _copy(path, f"CIFAR-10 in {path}")
    text = f"CIFAR-10 is not here; a run downloads {gib(_DOWNLOAD)} from {', '.join(given.mirrors) or 'data.hub'}"
    remedy = f"if this machine has no network: set {cifar10.VARIABLE} to a copy, or run params/demo.yaml"
    return Finding("warning", "data", text, remedy, {"download_bytes": _DOWNLOAD})


def _copy(path: Path, named: str) -> Finding:
    """A copy that is here: the archive by its checksum, parquet files by the number of their rows."""
    from semrobust.data import cifar10

    archive = path if path.is_file() else path / cifar10.ARCHIVE
    if archive.is_file():
        with archive.open("rb") as stream:
            found = hashlib.file_digest(stream, "md5").hexdigest()
        if found == cifar10.ARCHIVE_MD5:
            return Finding("ok", "data", f"{named}: the official archive")
        text = f"{named}: {archive.name} has MD5 {found}, the official archive {cifar10.ARCHIVE_MD5}"
        return Finding("warning", "data", text, "replace it, if `semrobust data` refuses its images")
    rows = {split: _rows(path, split) for split in ("train", "test")}
    if rows == {"train": 50_000, "test": 10_000}:
        return Finding("ok", "data", f"{named}: the hub's parquet files, 50,000 and 10,000 images")
    if any(rows.values()):
        text = f"{named}: {rows['train']} training and {rows['test']} test images instead of 50000 and 10000"
    else:
        text = f"{named}: neither {cifar10.ARCHIVE} nor parquet files" if path.exists() else f"{named}: does not exist"
    return Finding("problem", "data", text, "point it to a whole copy; see data/ in the README")


def _rows(folder: Path, split: str) -> int:
    """Rows of a split's parquet files, 0 if there are none or they cannot be read."""
    import pyarrow as arrow
    from pyarrow import parquet

    try:
        found = [*folder.glob(f"{split}*.parquet"), *folder.glob(f"cifar10-{split}.parquet")]
        return sum(int(parquet.read_metadata(file).num_rows) for file in found)
    except (OSError, arrow.ArrowException):
        return 0


_LITTLE = 2**30
"""A disk with less room than this is worth a word."""


def disk(setting: Setting) -> Iterator[Finding]:
    """Free disk, and what the run holds so far."""
    free = shutil.disk_usage(Path.cwd()).free
    run = ROOT / setting.params.run if isinstance(setting.params, Params) else None
    held = gc.size(run) if run is not None and run.is_dir() else 0
    text = f"{gib(free)} free" + (f"; {run} holds {gib(held)}, and DVC's cache as much again" if held else "")
    details = {"free_bytes": free, "run_bytes": held}
    if free < _LITTLE:
        yield Finding("warning", "disk", text, "free space, or run on another disk; see semrobust gc", details)
    else:
        yield Finding("ok", "disk", text, details=details)


def git(_: Setting) -> Iterator[Finding]:
    """Whether records can name the commit that made them."""
    state = provenance.git_state()
    if state["commit"] is None:
        yield Finding(
            "warning", "git", "no commit here holds the code that runs", "records will name none: work in a clone"
        )
    elif state["dirty"]:
        text = f"{state['commit'][:12]}, and code or params differ from it"
        yield Finding("warning", "git", text, "commit before a run whose results are kept; records say `dirty`")
    else:
        yield Finding("ok", "git", f"{state['commit'][:12]}, code and params as committed")


def engines(_: Setting) -> Iterator[Finding]:
    """Locks and half-made files of Snakemake, and whether DVC has a remote."""
    folder = Path(".snakemake")
    locked = any(folder.glob("locks/*.lock"))
    if locked and _snakemake_here():
        yield Finding("warning", "workflow", "Snakemake is at work here", "wait for it; a second one would refuse")
    elif locked:
        text = "a Snakemake died here and left its lock"
        yield Finding("problem", "workflow", text, "snakemake --unlock, then start it again")
    unfinished = len([path for path in folder.glob("incomplete/*") if path.is_file()])
    if unfinished:
        text = f"{unfinished} files were being made when a run was stopped"
        yield Finding("ok", "workflow", f"{text}; the next run makes them again")
    elif not locked:
        yield Finding("ok", "workflow", "no lock, nothing half-made")
    if not Path(".dvc").is_dir():
        yield Finding("warning", "DVC", "no .dvc folder here", "work in a clone of the project")
        return
    config = configparser.ConfigParser()
    config.read([".dvc/config", ".dvc/config.local"])
    if not (config.getboolean("core", "no_scm", fallback=False) or provenance.in_git()):
        text = "no git repository here, and DVC refuses to work without one"
        yield Finding("warning", "DVC", text, "work in a clone; or git init; or dvc config --local core.no_scm true")
        return
    remotes = [name.split('"')[1] for name in config.sections() if name.startswith("'remote \"")]
    if remotes:
        yield Finding("ok", "DVC", f"remote {', '.join(remotes)}")
    else:
        yield Finding("ok", "DVC", "no remote, which only dvc push and pull need: dvc remote add -d NAME FOLDER_OR_URL")


def _snakemake_here() -> bool:
    """Whether a living process whose command is Snakemake works in this folder (where /proc says so)."""
    here = Path.cwd().resolve()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            if any(Path(os.fsdecode(word)).name == "snakemake" for word in words[:3]) and (
                (process / "cwd").resolve() == here
            ):
                return True
        except OSError:  # gone meanwhile, or another user's
            continue
    return False
