"""The plan of a run: every artifact that its params ask for, under a name that says what it is.

An artifact's key is a digest of its step, name, settings, recipe and the keys of its inputs, computed from params
alone. The key stands in the names of its files, so a file that exists is right by its name, an old one cannot pass for
a new one, and going back to old params finds the old files again.

A plan is stored as one file per stage, from which jobs read what they need: a job knows neither params nor other steps.
Beside them stands what the plan was made from. As long as that is the same, the stored plan is the plan, which spares
every call of Snakemake, and every job on a cluster, the import of all steps.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from semrobust.config import plugins
from semrobust.config.files import read_yaml
from semrobust.config.settings import Plain
from semrobust.errors import ArtifactError, SemrobustError, UsageError, similar
from semrobust.pipeline import code, files, record
from semrobust.pipeline.step import STAGES, Step, steps

if TYPE_CHECKING:
    from semrobust.config.params import Params

ROOT, FIGURES = Path("data"), Path("figures")

_ORIGIN = "origin.json"  # what a stored plan was made from


@dataclass(frozen=True)
class Artifact:
    """One artifact of a plan.

    Attributes:
        kind, name: of the step, and of the artifact among those that the step makes.
        key: see the module's docstring.
        settings: what its content depends on.
        recipe: versions or code digest of what makes it; the code digest of plug-ins in any case.
        needs: addresses (`kind/name`) of its inputs.
        run, stage, folder, suffixes, published, module, modules, places, gpu, memory_mb, minutes: of its `Step`.
    """

    kind: str
    name: str
    key: str
    settings: Plain
    recipe: Plain
    needs: tuple[str, ...]
    run: str
    stage: str
    folder: str
    suffixes: tuple[str, ...]
    published: str | None
    module: str
    modules: tuple[str, ...]
    places: Plain
    gpu: bool
    memory_mb: int
    minutes: int

    @property
    def address(self) -> str:
        """What it is called in records and messages."""
        return f"{self.kind}/{self.name}"

    @property
    def stem(self) -> Path:
        """Its files are this and one of the `suffixes`."""
        return ROOT / self.run / self.folder / f"{self.name}-{self.key}"

    def path(self, suffix: str | None = None) -> Path:
        """One of its files, the first by default."""
        return beside(self.stem, self.suffixes[0] if suffix is None else suffix)

    @property
    def record(self) -> Path:
        return beside(self.stem, ".json")

    @property
    def paths(self) -> list[Path]:
        """All of its files, its record last."""
        return [*(self.path(suffix) for suffix in self.suffixes), self.record]

    @property
    def plain_stem(self) -> Path | None:
        """As `stem`, of the copy that is published under its plain name."""
        return None if self.published is None else Path(self.published.replace("RUN", self.run)) / self.name

    @property
    def plain_path(self) -> Path:
        """Where a person looks for it: under its plain name if it is published."""
        return self.path() if self.plain_stem is None else beside(self.plain_stem, self.suffixes[0])

    @property
    def rebuild(self) -> str:
        """What a person does about a file that is missing or altered."""
        again = "run the workflow again, with this run's --configfile if it has one"
        return f"Remove {self.record}, if it is there, and {again}."


class Plan:
    """Artifacts by address, in an order in which they can be made.

    `sources` are the params files, in their order; `run` is the run's name; `plugins` are those of the params, found
    when the plan is read; `origin` is what `current` made it from.
    """

    def __init__(
        self, run: str, sources: Sequence[str], artifacts: Mapping[str, Artifact], plugins: Sequence[str] = ()
    ) -> None:
        self.run, self.sources, self.artifacts, self.plugins = run, tuple(sources), dict(artifacts), tuple(plugins)
        self.origin: Plain | None = None

    @classmethod
    def current(cls, sources: Sequence[Path]) -> Plan:
        """The plan of these params files; the stored one, if it was made from what is here. Nothing is written."""
        stored = cls._stored(sources)
        if stored is not None:
            return stored
        from semrobust.config.params import load  # imports all kinds, and with them torch

        origin = _origin(sources)  # first of all: what is edited meanwhile is not what the plan is made from
        params = load(sources)
        origin["plugins"] = _fingerprints(params.plugins)
        origin["files"] |= _hashes(path for step in steps().values() for path in step.reads(params))
        origin["files"] |= _hashes(Path(weights.path) for weights in params.weights().values())
        plan = cls.of(params, sources)
        plan.origin = origin
        return plan

    @classmethod
    def _stored(cls, sources: Sequence[Path]) -> Plan | None:
        """The stored plan of the run that these files name, None if it was made from anything else."""
        try:
            run = [content["run"] for content in map(read_yaml, sources) if "run" in content][-1]
            origin = json.loads((folder_of(str(run)) / _ORIGIN).read_text(encoding="utf-8"))
            same = {"files": _hashes(map(Path, origin["files"])), "plugins": _fingerprints(origin["plugins"])}
            if origin == {**_origin(sources), **same}:
                plan = cls.read(folder_of(str(run)))
                plan.origin = origin
                return plan
        except (SemrobustError, OSError, ValueError, LookupError, TypeError, AttributeError):
            return None  # none is stored, or the params are wrong: who makes it says how
        return None

    @classmethod
    def of(cls, params: Params, sources: Sequence[Path] = ()) -> Plan:
        """The plan of a run. Nothing is read but sources of code, and nothing is written."""
        found: dict[str, Artifact] = {}

        def add(step: Step, name: str) -> Artifact:
            address = f"{step.kind}/{name}"
            if address not in found:
                needs = tuple(add(steps()[kind], needed) for kind, needed in step.needs(params, name))
                found[address] = _artifact(params, step, name, needs)
            return found[address]

        for step in steps().values():
            for name in step.names(params):
                add(step, name)
        return cls(params.run, [path.as_posix() for path in sources], found, params.plugins)

    def __getitem__(self, address: str) -> Artifact:
        if address not in self.artifacts:
            kind, _, name = address.partition("/")
            known = [artifact.name for artifact in self if artifact.kind == kind]
            said = f"the params ask for no '{address}'{similar(name, known)}"
            raise UsageError(f"{said}; of this kind they ask for: {', '.join(known) or 'none'}")
        return self.artifacts[address]

    def __iter__(self) -> Iterator[Artifact]:
        return iter(self.artifacts.values())

    def __len__(self) -> int:
        return len(self.artifacts)

    def inputs(self, artifact: Artifact) -> list[Artifact]:
        return [self[address] for address in artifact.needs]

    def write(self) -> Path:
        """Store the plan, one file per stage; files that say so already are left alone. Returns the folder."""
        folder = folder_of(self.run)
        for stage in STAGES:
            content = {
                "run": self.run,
                "params": list(self.sources),
                "plugins": list(self.plugins),
                "artifacts": {a.address: _plain(a) for a in self if a.stage == stage},
            }
            _write(folder / f"{stage}.json", content)
        if self.origin is not None:
            _write(folder / _ORIGIN, self.origin)
        return folder

    @classmethod
    def read(cls, folder: Path) -> Plan:
        """The plan stored in a folder; raises ArtifactError where there is none, ParamsError for lost plug-ins."""
        found: dict[str, Artifact] = {}
        content: Plain = {}
        for stage in STAGES:
            path = folder / f"{stage}.json"
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
                found |= {address: _artifact_of(plain) for address, plain in content["artifacts"].items()}
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise ArtifactError(f"{path} is no plan of a run: {error}. Start the workflow again.") from error
        plugins.located(content["plugins"])
        return cls(content["run"], content["params"], found, content["plugins"])


def folder_of(run: str) -> Path:
    """Where the plan of a run is stored."""
    return ROOT / run / "plan"


def beside(stem: Path, suffix: str) -> Path:
    """`stem` and `suffix`; names hold dots, so `with_suffix` would cut them."""
    return stem.parent / f"{stem.name}{suffix}"


def _write(path: Path, content: Plain) -> None:
    """Write a file of a stored plan, unless it says so already."""
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        files.write_text(path, text)


def _origin(sources: Sequence[Path]) -> Plain:
    """What a plan is made from: this package, and the params files in their order.

    Plug-ins come to it, files of weights, and what steps `read`.
    """
    return {"code": code.everything(), "params": [path.as_posix() for path in sources], "files": _hashes(sources)}


def _fingerprints(given: Iterable[str]) -> dict[str, str]:
    return {plugin.given: plugin.fingerprint() for plugin in plugins.located(list(given))}


def _hashes(paths: Iterable[Path]) -> dict[str, str | None]:
    return {path.as_posix(): files.sha256(path) if path.is_file() else None for path in paths}


def _artifact(params: Params, step: Step, name: str, needs: Sequence[Artifact]) -> Artifact:
    settings = step.settings(params, name)
    modules = tuple((step.module,) if step.modules is None else step.modules(params, name))
    recipe = {"code": code.digest(modules)} if step.versions is None else step.versions(params, name)
    if step.versions is not None and (foreign := code.foreign_digests(modules)):
        recipe |= {"plugins": foreign}
    key = record.key(step.kind, name, settings, recipe, [needed.key for needed in needs])
    return Artifact(
        kind=step.kind,
        name=name,
        key=key,
        settings=settings,
        recipe=recipe,
        needs=tuple(needed.address for needed in needs),
        run=params.run,
        stage=step.stage,
        folder=step.folder,
        suffixes=step.files,
        published=step.published,
        module=step.module,
        modules=modules,
        places=step.places(params),
        gpu=step.gpu(params, name),
        memory_mb=step.memory_mb,
        minutes=step.minutes,
    )


def _plain(artifact: Artifact) -> Plain:
    return {field: list(value) if isinstance(value, tuple) else value for field, value in vars(artifact).items()}


def _artifact_of(plain: Plain) -> Artifact:
    fields: Plain = {field: tuple(value) if isinstance(value, list) else value for field, value in plain.items()}
    return Artifact(**fields)
