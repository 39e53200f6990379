"""Pack the run in params.yaml into dist/semrobust-results-VERSION.tar.gz, with checksums.

The archive holds networks, tables, figures, the report, the records that are here, and what made them: params, pins,
dvc.lock if there is one. So it does what git has of studies, the runs of overlays in params/. Samples and data are not
in it. A clone that has no samples can build it, since tables and figures are in git. Two builds in one folder give the
same bytes. Refuses if git has changes, if a network, a table, a figure or the report is missing or that of other
params, or if the audit finds fault, also with a study's tables.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

from record import PARAMS, listed

from semrobust.config.params import load
from semrobust.errors import ArtifactError, SemrobustError
from semrobust.pipeline import files
from semrobust.pipeline.audit import Audit, Status
from semrobust.pipeline.plan import FIGURES, ROOT, Plan
from semrobust.pipeline.work import asked, is_made, is_published
from semrobust.training.train import learns

_ABOUT = (
    "LICENSE",
    "CITATION.cff",
    "CHANGELOG.md",
    "params.yaml",
    "params",
    "workflow/notebooks",  # of the report, which the audit compares
    "dvc.yaml",
    "dvc.lock",
    "requirements.lock",
)
SUMS = "SHA256SUMS"
_OVERLAYS = Path("params")

_README = """\
# Results of semrobust {version}

The run `{run}` of commit {commit}, {date}.

- `data/{run}/report/report.html`: the report, to begin with.
- `data/{run}/results/`: tables, CSV; `figures/{run}/`: figures, PDF and PNG; `data/{run}/models/`: trained networks,
  safetensors. Beside each a record, JSON: from which inputs, params, code and versions it was made.
- Other `.json` files in `data/{run}/`: records of samples and data, which are not in this archive.
{studies}- `params.yaml`, `params/`: every parameter; `requirements.lock`: the version of every package.
- `workflow/`: notebook and template of the report.

Check that nothing was altered:

    sha256sum --check {sums}

and, in this folder and with that commit of semrobust installed, each record against its files, params and code, and
its lineage as far as it is here:

{audits}

A network, from anywhere:

    python -c 'import semrobust; print(semrobust.load("deepjscc", folder="semrobust-results-{version}"))'

Licence: LICENSE. How to cite: CITATION.cff.
"""

_STUDY = "- `data/{0}/`: tables or records of a study, `params/{0}.yaml`; its networks are not in this archive.\n"


def main() -> int:
    """Return 0 when the archive is written, 1 when it is refused."""
    try:
        refuse_if_dirty()
        plan = Plan.current(PARAMS)
        refuse_if_incomplete(plan)
        refuse_if_unsound(plan)
        archive = build(plan, Path("dist"))
    except SemrobustError as error:
        print(f"Not released: {error}", file=sys.stderr)
        return error.exit_code
    print(archive)
    return 0


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ArtifactError(f"git {arguments[0]} failed: {done.stderr.strip()}. Release from a clone.")
    return done.stdout.strip()


def refuse_if_dirty() -> None:
    """Raise ArtifactError if a file differs from the commit, or is neither tracked nor ignored."""
    changed = _git("status", "--porcelain")
    if changed:
        raise ArtifactError(f"the working tree is not the commit; commit or remove first:\n{changed}")


def refuse_if_incomplete(plan: Plan) -> None:
    """Raise ArtifactError if a network, a table, a figure or the report is missing, or is that of other params."""
    params = load(PARAMS)
    learned = [artifact for artifact in asked(plan) if artifact.kind == "train" and learns(params, artifact.name)]
    missing = [str(artifact.path()) for artifact in learned if not is_made(artifact)]
    missing += [f"{artifact.plain_stem}{artifact.suffixes[0]}" for artifact in plan if not is_published(artifact)]
    if missing:
        first = "Commit networks; run `semrobust restore` and `snakemake --cores all figures` for what is drawn."
        raise ArtifactError(f"missing or altered: {listed(missing)}. {first}")


def refuse_if_unsound(plan: Plan) -> None:
    """Raise ArtifactError if the audit finds fault with what is released, or dvc.lock is of another state."""
    findings = [finding for folder in _parts(plan) for finding in Audit(plan).folder(folder)]
    for study in _studies(plan):
        if tables := _tables(study):
            findings += Audit(Plan.current([*PARAMS, _OVERLAYS / f"{study}.yaml"])).folder(tables)
    faults = [f"{finding.path} is {finding.status}" for finding in findings if finding.status is not Status.OK]
    if faults:
        raise ArtifactError(f"{listed(faults)}. `semrobust audit` says why.")
    if Path("dvc.lock").exists() and subprocess.run(["dvc", "status", "--quiet"], check=False).returncode != 0:
        raise ArtifactError("dvc.lock does not hold the state of this run. Run `make record` and commit first.")


def build(plan: Plan, folder: Path) -> Path:
    """Write the archive and SHA256SUMS beside it; returns the archive's path."""
    version = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    name = f"semrobust-results-{version}"
    commit, seconds, date = _git("log", "-1", "--format=%H %ct %cs").split()
    members = {path.as_posix(): path.read_bytes() for path in collect(plan)}
    about = {"version": version, "run": plan.run, "commit": commit, "date": date, "sums": SUMS}
    studies = _studies(plan)
    about["studies"] = "".join(map(_STUDY.format, studies))
    audits = [f"semrobust audit {' '.join(map(str, _parts(plan)))}"]
    audits += [f"semrobust audit --preset {study} {tables}" for study in studies if (tables := _tables(study))]
    about["audits"] = "\n".join(f"    {command}" for command in audits)
    members["README.md"] = _README.format(**about).encode()
    members[SUMS] = "".join(f"{_sha256(members[path])}  {path}\n" for path in sorted(members)).encode()
    archive = folder / f"{name}.tar.gz"
    content = pack({f"{name}/{path}": content for path, content in members.items()}, int(seconds))
    with files.replacing(archive) as temporary:
        temporary.write_bytes(content)
    files.write_text(folder / SUMS, f"{_sha256(content)}  {archive.name}\n")
    return archive


def collect(plan: Plan) -> list[Path]:
    """Networks, tables and figures, the report, all records that are here, what made them, and what git has of studies.

    Raises ArtifactError if git tracks none of a folder of results.
    """
    tracked = _git("ls-files", *_ABOUT, *(str(ROOT / study) for study in _studies(plan))).splitlines()
    for folder in _parts(plan):
        results = _git("ls-files", str(folder)).splitlines()
        if not results:
            raise ArtifactError(f"{folder} holds no tracked file. Commit the results first.")
        tracked += results
    reports = [path for path in (ROOT / plan.run / "report").glob("report.*") if path.is_file()]
    records = [artifact.record for artifact in plan if artifact.record.exists()]
    return sorted({*map(Path, tracked), *reports, *records})


def _parts(plan: Plan) -> list[Path]:
    """The folders of what git has of a run."""
    return [ROOT / plan.run / "models", ROOT / plan.run / "results", FIGURES / plan.run]


def _studies(plan: Plan) -> list[str]:
    """The other runs that git has something of, each named as its overlay."""
    return sorted({Path(path).parts[1] for path in _git("ls-files", str(ROOT)).splitlines()} - {plan.run})


def _tables(study: str) -> Path | None:
    """The folder of a study's tables, if git has any."""
    folder = ROOT / study / "results"
    return folder if _git("ls-files", str(folder)) else None


def pack(members: dict[str, bytes], seconds: int) -> bytes:
    """A gzipped tar of these files; it depends on nothing else, such as owners, times of files or their order."""
    tar_bytes, packed = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tar_bytes, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(members):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mtime, entry.mode = len(members[path]), seconds, 0o644
            tar.addfile(entry, io.BytesIO(members[path]))
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=seconds) as compressed:
        compressed.write(tar_bytes.getvalue())
    return packed.getvalue()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
