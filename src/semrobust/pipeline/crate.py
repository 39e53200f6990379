"""A whole run as an RO-Crate: files, jobs and what they were made from, in a vocabulary that other tools read.

It follows the Workflow Run RO-Crate profile: every artifact is a `File`, every job a `CreateAction` with the software
as `instrument`, inputs and settings as `object` and outputs as `result`; the Snakefile is the `ComputationalWorkflow`.
All of it comes from the records, so two exports of the same run are equal.
https://www.researchobject.org/workflow-run-crate/profiles/workflow_run_crate/
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semrobust.config.settings import Plain
from semrobust.errors import ArtifactError, UsageError
from semrobust.pipeline import files
from semrobust.pipeline.audit import Audit, Finding, Status
from semrobust.pipeline.plan import Plan, beside
from semrobust.pipeline.records import stem_of

if TYPE_CHECKING:
    from rocrate.model.entity import Entity
    from rocrate.rocrate import ROCrate

METADATA = "ro-crate-metadata.json"

_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
_TERMS = "https://w3id.org/ro/terms/workflow-run/context"
_PAPERS = {
    "2603.24082": ("An et al.", "2026", "Unanticipated Adversarial Robustness of Semantic Communication"),
    "2202.03338": ("Hu et al.", "2022", "Robust Semantic Communications Against Semantic Noise"),
}
_LICENCE = "https://spdx.org/licenses/MIT"
_FORMATS = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".npy": "application/octet-stream",
    ".npz": "application/zip",
    ".parquet": "application/vnd.apache.parquet",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".safetensors": "application/octet-stream",
    ".yaml": "application/yaml",
}
_SOURCES = {"cifar10": "https://www.cs.toronto.edu/~kriz/cifar.html"}


def write(plan: Plan, destination: Path) -> Path:
    """Describe the run in a folder and copy its files there; returns the path of the description.

    Where `destination` is the project itself, only the description is written. What the params do not ask for is left
    out.

    Raises:
        ArtifactError: an artifact is not ok, and nothing is written.
        UsageError: rocrate is not installed.
    """
    try:
        from rocrate.rocrate import ROCrate
    except ImportError as error:
        raise UsageError("the export needs the library rocrate: pip install 'semrobust[workflow]'") from error

    stems = {stem: artifact for artifact in plan for stem in (artifact.stem, artifact.plain_stem)}
    here = [(stems.get(_stem(found)), found) for found in Audit(plan).everything()]
    findings = sorted((found for asked, found in here if asked), key=lambda found: found.path)
    wrong = [finding for finding in findings if finding.status is not Status.OK]
    if wrong or not findings:
        named = f"{wrong[0].path} is {wrong[0].status}, {len(wrong)} in all" if wrong else "there are none"
        raise ArtifactError(f"artifacts of the run are not ok ({named}). See: semrobust audit")
    crate = ROCrate(version="1.1")
    _root(crate, plan.run)
    _Export(crate, findings, [Path(source) for source in plan.sources]).everything()
    crate.write(destination)
    return destination / METADATA


def _stem(finding: Finding) -> Path | None:
    """What the names of an artifact's files begin with."""
    return None if finding.holder is None else stem_of(finding.holder)


def _add(crate: ROCrate, identity: str, kind: str | list[str], **properties: Any) -> Entity:
    """A contextual entity; the same identity gives the same entity."""
    from rocrate.model.contextentity import ContextEntity

    known = crate.get(identity)
    if known is not None:
        return known
    given = {key: value for key, value in properties.items() if value is not None}
    return crate.add(ContextEntity(crate, identity, properties={"@type": kind, **given}))


def _root(crate: ROCrate, run: str) -> None:
    """What the crate is: name, licence, the papers, and the profiles that it follows."""
    root = crate.root_dataset
    crate.metadata.extra_contexts.append(_TERMS)
    crate.name = f"semrobust, run {run}"
    crate.description = (
        "Adversarial robustness of semantic communication: data, models, samples, tables and figures of one run, "
        "each with the job that made it."
    )
    done = subprocess.run(["git", "log", "-1", "--format=%cI", "--", "."], capture_output=True, text=True, check=False)
    if done.returncode == 0 and done.stdout:
        root["datePublished"] = done.stdout.strip()  # of the last commit here: two exports of one state are equal
    crate.license = _add(crate, _LICENCE, "CreativeWork", name="MIT License", identifier="MIT")
    root["author"] = root["publisher"] = _add(crate, "#authors", "Organization", name="The semrobust authors")
    root["conformsTo"] = [
        _add(crate, url, "CreativeWork", name=name, version=version) for url, (name, version) in _PROFILES.items()
    ]
    root["citation"] = [
        _add(crate, f"https://arxiv.org/abs/{number}", "ScholarlyArticle", name=name, author=author, datePublished=year)
        for number, (author, year, name) in _PAPERS.items()
    ]


class _Export:
    """Fills a crate from the findings of an audit."""

    def __init__(self, crate: ROCrate, findings: list[Finding], sources: list[Path]) -> None:
        self.crate, self.findings, self.sources = crate, findings, sources
        self.files: dict[str, list[str]] = {}  # by the artifact's address

    def everything(self) -> None:
        raw: dict[str, Plain] = {}
        for finding in self.findings:
            job = finding.record["job"]
            for name, digest in _outputs(finding).items():
                self._file(name, digest, f"{job['kind']} {job['name']}")
            self.files.setdefault(finding.address, []).extend(_outputs(finding))
            raw |= {finding.record["dataset"]["digest"]: finding.record["dataset"]} if finding.record["dataset"] else {}
        for finding in self.findings:  # a published artifact is a copy of that in the store: one job made both
            if self.crate.get(_job(finding)) is None:
                assert finding.holder is not None
                self._job(finding, self._file(finding.holder.as_posix(), None, "provenance record"))
        self._run([self._raw(dataset) for _, dataset in sorted(raw.items())])

    def _file(self, name: str, digest: str | None, what: str) -> Entity:
        path = Path(name)
        known = self.crate.get(name)
        if known is not None:
            return known
        properties = {
            "name": f"{what}: {path.name}",
            "sha256": digest or files.sha256(path),
            "contentSize": str(path.stat().st_size),
            "encodingFormat": _FORMATS.get(path.suffix, "text/plain"),
        }
        return self.crate.add_file(path, name, properties=properties)

    def _inputs(self, address: str, hashes: Mapping[str, str]) -> list[Entity]:
        """Files of an input or, where they do not lie here, what is known of them."""
        if address in self.files:
            return [self.crate.get(name) for name in self.files[address]]
        text = "not in this crate: known by name and hash"
        return [
            _add(
                self.crate, f"#{address}{suffix}", "CreativeWork", name=f"{address}{suffix}", sha256=digest,
                description=text,
            )
            for suffix, digest in hashes.items()
        ]  # fmt: skip

    def _job(self, finding: Finding, beside: Entity) -> None:
        record = finding.record
        objects = [entity for item in record["inputs"].items() for entity in self._inputs(*item)]
        if record["job"]["kind"] == "dataset":
            objects.append(self._raw(record["dataset"]))
        objects += [self._setting(*item) for item in sorted(record["settings"].items())]
        self.crate.add_action(
            self._software(record),
            _job(finding),
            object=objects,
            result=[self.crate.get(name) for name in sorted(self.files[finding.address])],
            properties={
                "name": f"{record['job']['kind']} {record['job']['name']}",
                "description": " ".join(record["command"]),
                "identifier": f"semrobust:{record['id']}",
                "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
                "subjectOf": {"@id": beside.id},
            },
        )

    def _setting(self, name: str, value: Any) -> Entity:
        """One setting; jobs with the same one share it. Sections are given as JSON."""
        text = value if isinstance(value, int | float | str) else files.canonical_json(value)
        identity = f"#setting-{files.digest([name, value])[:16]}"
        return _add(self.crate, identity, "PropertyValue", name=name, value=text)

    def _software(self, record: Plain) -> Entity:
        """The package at one commit, with the versions of all libraries that the record names."""
        git, packages = record["git"], record["packages"] | {"python": record["python"]}
        needs = [
            _add(self.crate, f"#{name}-{version}", "SoftwareApplication", name=name, version=version)
            for name, version in sorted(packages.items())
            if name != "semrobust"
        ]
        state = [packages["semrobust"], git["commit"], git["dirty"], packages]
        text = f"commit {git['commit'] or 'unknown'}{', with uncommitted changes' if git['dirty'] else ''}"
        return _add(
            self.crate,
            f"#semrobust-{files.digest(state)[:16]}",
            ["SoftwareApplication", "SoftwareSourceCode"],
            name="semrobust",
            version=packages["semrobust"],
            description=text,
            softwareRequirements=needs,
            license={"@id": _LICENCE},
        )

    def _raw(self, dataset: Mapping[str, Any]) -> Entity:
        """The raw data: every split with the digest of its content, which no order and no file format changes."""
        splits = [
            _add(
                self.crate, f"#split-{name}-{split['digest'][:16]}", "PropertyValue",
                name=f"SHA-256 of the content of the {split['count']} {name} images", value=split["digest"],
            )
            for name, split in sorted(dataset.get("splits", {}).items())
        ]  # fmt: skip
        source, digest = dataset["source"], dataset["digest"]
        identity, url = f"#raw-{digest[:16]}", _SOURCES.get(source)
        return _add(self.crate, identity, "CreativeWork", name=source, sha256=digest, identifier=splits, url=url)

    def _run(self, raw: list[Entity]) -> None:
        """The run as a whole: the workflow, from raw data and params to tables and figures."""
        if not Path("Snakefile").exists():
            return
        properties = {"name": "semrobust", "license": {"@id": _LICENCE}, "sha256": files.sha256(Path("Snakefile"))}
        workflow = self.crate.add_workflow(
            "Snakefile", "Snakefile", main=False, lang="snakemake", properties=properties
        )
        self.crate.mainEntity = workflow
        shown = [
            self.crate.get(name)
            for finding in self.findings
            if finding.record["job"]["kind"] in ("table", "figure")
            for name in sorted(_outputs(finding))
        ]
        given = [self._file(path.as_posix(), None, "params") for path in self.sources if not path.is_absolute()]
        properties = {"name": "the whole run", "description": "snakemake --cores all all"}
        action = self.crate.add_action(workflow, "#run", object=[*raw, *given], result=shown, properties=properties)
        jobs = dict.fromkeys(_job(finding) for finding in self.findings)
        self.crate.root_dataset["mentions"] = [action, *(self.crate.get(job) for job in jobs)]


def _job(finding: Finding) -> str:
    return f"#job-{finding.record['id']}"


def _outputs(finding: Finding) -> dict[str, str]:
    """Files of an artifact as they lie here, with their hashes."""
    stem = _stem(finding)
    assert stem is not None
    return {beside(stem, suffix).as_posix(): digest for suffix, digest in finding.record["outputs"].items()}
