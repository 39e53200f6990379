"""Pack the results of the run in params.yaml into dist/semrobust-results-VERSION.tar.gz, with checksums.

The archive holds tables, figures, the records of everything behind them down to the raw data, and what made them:
params, dvc.lock, pins. Models, samples and data stay in DVC's remote; dvc.lock names them by content. Two builds of
one commit give the same bytes. Refuses if git has changes, or if anything is missing, altered or not recorded.
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

from record import finished

from semrobust.errors import ArtifactError, SemrobustError
from semrobust.pipeline import files
from semrobust.pipeline.plan import FIGURES, ROOT, Plan

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

_README = """\
# Results of semrobust {version}

The run `{run}` of commit {commit}, {date}.

- `data/{run}/results/`: tables, CSV; `figures/{run}/`: figures, PDF and PNG. Beside each a record, JSON: from which
  inputs, params, code and versions it was made.
- Other `.json` files in `data/{run}/`: records of samples, models and data, which are not in this archive. `dvc.lock`
  names them by content, `dvc pull` in a clone fetches them.
- `params.yaml`, `params/`: every parameter; `requirements.lock`: the version of every package.
- `workflow/`: notebook and template of the report.

Check that nothing was altered:

    sha256sum --check {sums}

and, in this folder and with that commit of semrobust installed, the lineage of each record down to the raw data:

    semrobust audit data/{run}/results figures/{run}

Licence: LICENSE. How to cite: CITATION.cff.
"""


def main() -> int:
    """Return 0 when the archive is written, 1 when it is refused."""
    try:
        refuse_if_dirty()
        plan = finished()
        refuse_if_unrecorded()
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


def refuse_if_unrecorded() -> None:
    """Raise ArtifactError if dvc.lock does not hold the state of this run."""
    if subprocess.run(["dvc", "status", "--quiet"], check=False).returncode != 0:
        raise ArtifactError("dvc.lock does not hold the state of this run. Run `make record` and commit first.")


def build(plan: Plan, folder: Path) -> Path:
    """Write the archive and SHA256SUMS beside it; returns the archive's path."""
    version = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    name = f"semrobust-results-{version}"
    commit, seconds, date = _git("log", "-1", "--format=%H %ct %cs").split()
    members = {path.as_posix(): path.read_bytes() for path in collect(plan)}
    about = {"version": version, "run": plan.run, "commit": commit, "date": date, "sums": SUMS}
    members["README.md"] = _README.format(**about).encode()
    members[SUMS] = "".join(f"{_sha256(members[path])}  {path}\n" for path in sorted(members)).encode()
    archive = folder / f"{name}.tar.gz"
    content = pack({f"{name}/{path}": content for path, content in members.items()}, int(seconds))
    with files.replacing(archive) as temporary:
        temporary.write_bytes(content)
    files.write_text(folder / SUMS, f"{_sha256(content)}  {archive.name}\n")
    return archive


def collect(plan: Plan) -> list[Path]:
    """Tracked tables and figures, every record of the run, and what made them; ArtifactError if nothing is tracked."""
    results = [f"{ROOT / plan.run / 'results'}", f"{FIGURES / plan.run}"]
    tracked = [Path(line) for line in _git("ls-files", *results).splitlines()]
    if not tracked:
        raise ArtifactError(f"{' and '.join(results)} hold no tracked file. Commit the results first.")
    records = [artifact.record for artifact in plan]
    return sorted({*tracked, *records, *(Path(line) for line in _git("ls-files", *_ABOUT).splitlines())})


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
