"""One artifact at work: what a step's function gets, and how what it wrote becomes a recorded artifact."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semrobust.config import plugins
from semrobust.config.settings import Plain
from semrobust.errors import ArtifactError
from semrobust.pipeline import code, files, locks, record
from semrobust.pipeline.plan import ROOT, Artifact, Plan, beside


class Settings(dict[str, Any]):
    """A step's settings: a key that is not there is not in the artifact's key, so reading it would be a mistake."""

    def __init__(self, address: str, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.address = address

    def __missing__(self, key: str) -> Any:
        raise LookupError(f"{self.address} reads the setting '{key}', which its step does not declare")


@dataclass(frozen=True)
class Input:
    """An input that has been compared with its record.

    Attributes:
        artifact: what it is, with its settings and the paths of its files.
        record: its record.
    """

    artifact: Artifact
    record: Plain

    @property
    def name(self) -> str:
        return self.artifact.name

    @property
    def settings(self) -> Plain:
        """What it was made with."""
        return self.artifact.settings

    def path(self, suffix: str | None = None) -> Path:
        return self.artifact.path(suffix)


class Work:
    """One job: the function of a step reads `settings` and inputs, and writes the files of `artifact`.

    Attributes:
        artifact: what is being made.
        settings: see `Settings`.
        places: where raw files are looked for.
        details: free facts about the making, for the record.
        dataset: name and digests of the dataset behind the inputs; set by the step that makes one.
    """

    def __init__(self, plan: Plan, artifact: Artifact, command: Sequence[str] = ()) -> None:
        self.artifact, self.command = artifact, list(command)
        self.settings = Settings(artifact.address, artifact.settings)
        self.places = artifact.places
        self.details: Plain = {}
        # at the start: what is being edited meanwhile has not made this
        self.surroundings = record.surroundings(plan.plugins)
        self.code = code.digest(artifact.modules)
        self.plugins = _plugins(artifact)
        self._inputs = {needed.address: _verified(needed) for needed in plan.inputs(artifact)}
        self._lineage = _together(artifact, list(self._inputs.values()))
        self.dataset: Plain = next((i.record["dataset"] for i in self._inputs.values() if i.record["dataset"]), {})

    def input(self, kind: str, name: str | None = None) -> Input:
        """The declared input of this kind, by its name where there are several; raises LookupError if none is."""
        found = {name: self._inputs[f"{kind}/{name}"]} if f"{kind}/{name}" in self._inputs else self.inputs(kind)
        if name not in found and (name is not None or len(found) != 1):
            raise LookupError(f"{self.artifact.address} reads {kind}/{name or '?'}, which its step does not declare")
        return next(iter(found.values())) if name is None else found[name]

    def inputs(self, kind: str) -> dict[str, Input]:
        """All declared inputs of a kind by name, in the order of the params."""
        return {given.name: given for given in self._inputs.values() if given.artifact.kind == kind}

    @contextmanager
    def output(self, suffix: str | None = None) -> Iterator[Path]:
        """A path to write one of the files to; the file appears when it is whole."""
        with files.replacing(self.artifact.path(suffix)) as temporary:
            yield temporary

    @property
    def seed(self) -> int:
        """The root seed of the run."""
        return int(self.settings["seed"])

    @property
    def threads(self) -> int:
        return int(self.settings["threads"])

    @property
    def scratch(self) -> Path:
        """Folder for what an interrupted job goes on from: it belongs to this very artifact and these very inputs."""
        return ROOT / self.artifact.run / "scratch" / self.artifact.kind / f"{self.artifact.name}-{self.id}"

    @property
    def shared(self) -> Path:
        """Folder for what any job may keep under a name that says what it is, and any other may read."""
        return ROOT / self.artifact.run / "scratch" / "shared"

    @property
    def id(self) -> str:
        return record.identity(self.artifact.key, self._hashes)

    @property
    def _hashes(self) -> dict[str, record.Hashes]:
        return {_full(given.artifact): given.record["outputs"] for given in self._inputs.values()}

    @property
    def determined(self) -> Plain:
        """What key, inputs and code determine of the record: the same in every clone."""
        artifact = self.artifact
        return {
            "format": record.FORMAT,
            "id": self.id,
            "job": {"kind": artifact.kind, "name": artifact.name, "key": artifact.key},
            "settings": artifact.settings,
            "recipe": artifact.recipe,
            "needs": list(self._hashes),
            "code": self.code,
            "modules": list(artifact.modules),
            "inputs": dict(sorted(self._hashes.items())),
            "lineage": dict(sorted(self._lineage.items())),
            "dataset": self.dataset,
            "seed": artifact.settings.get("seed"),
        }

    def finish(self) -> None:
        """Write the record, last of all files, and publish a table or figure."""
        artifact = self.artifact
        outputs = {suffix: files.sha256(artifact.path(suffix)) for suffix in artifact.suffixes}
        described = {"outputs": outputs, "plugins": self.plugins, **self.surroundings}
        described |= {"command": self.command, "details": self.details}
        record.write(artifact.record, self.determined | described)
        for path in artifact.paths:
            files.sweep(path)
        publish(artifact)


def make(plan: Plan, address: str, command: Sequence[str] = ()) -> Artifact:
    """Make one artifact, or find it made: while another process makes it, this one waits. Returns it.

    Raises ArtifactError if an input is missing, was altered, or is that of another plan.
    """
    artifact = plan[address]
    with locks.alone(lock_path(artifact), address):
        if not is_made(artifact):
            work = Work(plan, artifact, command)
            importlib.import_module(artifact.module).STEP.make(work)
            work.finish()
        publish(artifact)
    return artifact


def finished(plan: Plan, address: str) -> Input:
    """An artifact, for what reads it and makes none; raises ArtifactError with the command that makes it."""
    artifact = plan[address]
    if not is_made(artifact):
        raise _missing(artifact)
    return _verified(artifact)


def lock_path(artifact: Artifact) -> Path:
    """All runs of a folder share the raw downloads, so they make their datasets one after another."""
    if artifact.places:
        return ROOT / "raw" / f"{artifact.kind}.lock"
    return ROOT / artifact.run / "scratch" / "locks" / f"{artifact.kind}-{artifact.name}.lock"


def is_made(artifact: Artifact) -> bool:
    """Whether all files of an artifact are there. What they are, their names say."""
    return all(path.exists() for path in artifact.paths)


def asked(plan: Plan) -> list[Artifact]:
    """What a run needs of its plan: all but networks that are not here, where all that starts from them is."""
    users: dict[str, list[Artifact]] = {}
    for artifact in plan:
        for address in artifact.needs:
            users.setdefault(address, []).append(artifact)

    def spared(artifact: Artifact) -> bool:
        after = users.get(artifact.address, [])
        return bool(after) and all(user.stage == artifact.stage and is_made(user) for user in after)

    return [artifact for artifact in plan if artifact.stage != "models" or is_made(artifact) or not spared(artifact)]


def is_published(artifact: Artifact) -> bool:
    """Whether the copy under the plain name is this artifact, to the byte; True where nothing is published."""
    stem = artifact.plain_stem
    if stem is None:
        return True
    try:
        made = record.read(beside(stem, ".json"))
        return made["job"]["key"] == artifact.key and all(
            files.sha256(beside(stem, suffix)) == expected for suffix, expected in made["outputs"].items()
        )
    except (ArtifactError, record.EarlierRelease):
        return False


def publish(artifact: Artifact) -> None:
    """Copy the files of a made artifact to their plain names, the record last, unless they lie there already."""
    stem = artifact.plain_stem
    if stem is not None and not is_published(artifact):
        _copy(artifact, artifact.stem, stem)


def restore(artifact: Artifact) -> bool:
    """Take a published copy that is this artifact for the artifact itself, if that is not here; whether it was done."""
    stem = artifact.plain_stem
    if stem is None or is_made(artifact) or not is_published(artifact):
        return False
    _copy(artifact, stem, artifact.stem)
    return True


def _copy(artifact: Artifact, stem: Path, to: Path) -> None:
    for suffix in (*artifact.suffixes, ".json"):
        with files.replacing(beside(to, suffix)) as temporary:
            shutil.copyfile(beside(stem, suffix), temporary)


def _plugins(artifact: Artifact) -> list[Plain]:
    """What of plug-ins is behind an artifact, for its record; raises ArtifactError if the plan is of other code."""
    digests, found = code.foreign_digests(artifact.modules), []
    if artifact.recipe.get("plugins", digests) != digests:
        text = f"{artifact.address} was planned with other code of a plug-in: a file changed since"
        raise ArtifactError(f"{text}. Start the workflow again.")
    for name, foreign in code.foreign(artifact.modules).items():
        plugin = plugins.owner(name)
        assert plugin is not None
        about = {"given": plugin.given, "distribution": plugin.distribution, "version": plugin.version}
        found.append({"name": name, **about, "modules": list(foreign), "code": digests[name]})
    return found


def _full(artifact: Artifact) -> str:
    """What records call an input."""
    return f"{artifact.address}-{artifact.key}"


def _together(artifact: Artifact, inputs: Sequence[Input]) -> dict[str, record.Hashes]:
    """What is behind the inputs; raises ArtifactError if two of them rest on different files of one address.

    Keys cannot tell: on another machine a training gives other weights under the same key.
    """
    lineage: dict[str, record.Hashes] = {}
    direct = {_full(given.artifact): given.record["outputs"] for given in inputs}
    for given in inputs:
        for address, used in (given.record["lineage"] | given.record["inputs"]).items():
            if direct.get(address, used) != used or lineage.setdefault(address, used) != used:
                raise ArtifactError(
                    f"{given.artifact.record} was made from another {address} than the other inputs of "
                    f"{artifact.address}. {given.artifact.rebuild}"
                )
    return lineage


def _missing(artifact: Artifact) -> ArtifactError:
    return ArtifactError(f"{artifact.path()} is missing: run `snakemake --cores 2 {artifact.path()}` first")


def _verified(artifact: Artifact) -> Input:
    """An input whose files are what its record says; raises ArtifactError otherwise."""
    if not any(path.exists() for path in artifact.paths):
        raise _missing(artifact)
    try:
        made = record.read(artifact.record)
    except (ArtifactError, record.EarlierRelease) as error:
        raise ArtifactError(f"{error}. {artifact.rebuild}") from error
    if made["job"]["key"] != artifact.key:
        raise ArtifactError(f"{artifact.record} is the record of something else. {artifact.rebuild}")
    for suffix, expected in made["outputs"].items():
        path = artifact.path(suffix)
        if not path.exists():
            raise ArtifactError(f"{path} is missing. {artifact.rebuild}")
        if (found := files.sha256(path)) != expected:
            text = f"{path} is not the file that was written: expected SHA-256 {expected}, found {found}"
            raise ArtifactError(f"{text}. {artifact.rebuild}")
    return Input(artifact, made)
