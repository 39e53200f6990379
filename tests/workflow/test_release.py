"""The archive of results: whole, verifiable, the same each time, and never of a state that git does not have."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.workflow.project import ROOT, Project

pytestmark = pytest.mark.slow


def release(project: Project, ok: bool = True) -> subprocess.CompletedProcess[str]:
    return project.run("python", "workflow/release.py", ok=ok)


@pytest.fixture
def releasable(project: Project) -> Project:
    """The finished project with what a public one has beside its code, and a study of one table and one training."""
    for name in ("LICENSE", "CITATION.cff", "requirements.lock"):
        shutil.copy(ROOT / name, project.root)
    (project.root / "params" / "study.yaml").write_text("run: study\n", encoding="utf-8")
    run, study = project.root / "data" / "ci", project.root / "data" / "study"
    for folder in ("dataset", "models", "samples"):  # by their keys they are the study's, too
        shutil.copytree(run / folder, study / folder)
    project.run("semrobust", "table", "clean", "--preset", "study")
    for path in (study / "models").iterdir():
        if not re.fullmatch(r"deepjscc-\w+\.json", path.name):
            path.unlink()
    project.commit()
    return project


def test_an_archive_is_whole_verifiable_and_the_same_each_time(releasable: Project, tmp_path: Path) -> None:
    archive = releasable.root / release(releasable).stdout.strip()
    first = archive.read_bytes()
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=archive.parent, check=True)
    with tarfile.open(archive) as tar:
        assert len({(member.mtime, member.uid, member.mode) for member in tar}) == 1
    subprocess.run(["tar", "-xzf", str(archive), "-C", str(tmp_path)], check=True)
    (folder,) = tmp_path.glob("semrobust-results-*")
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    listed = {line.split("  ")[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there == listed | {"SHA256SUMS"}
    assert {"LICENSE", "CITATION.cff", "README.md", "params.yaml", "params/ci.yaml", "dvc.lock"} <= there
    for part in ("data/ci/models", "data/ci/results", "data/ci/report", "figures/ci"):
        for path in (releasable.root / part).glob("report.*" if part.endswith("report") else "*"):
            assert (folder / part / path.name).read_bytes() == path.read_bytes()
    study = set(releasable.git("ls-files", "data/study").split())
    assert {path.split("/")[2] for path in study} == {"models", "results"}
    assert study <= there
    # the record of every input that any record names is in the archive
    found = [json.loads(path.read_text()) for path in folder.rglob("*.json")]
    records = [each for each in found if "job" in each]  # the others are training curves
    made = {f"{record['job']['kind']}/{record['job']['name']}-{record['job']['key']}" for record in records}
    assert {name for record in records for name in record["inputs"]} <= made
    assert_unpacked_is_sound(folder, releasable)
    # later, and with other times of files, it has the same bytes
    (releasable.root / "data" / "ci" / "results" / "clean.csv").touch()
    again = (
        "from pathlib import Path; from release import build; from record import finished; "
        "print(build(finished(), Path('again')))"
    )
    archive = releasable.root / releasable.run("env", "PYTHONPATH=workflow", "python", "-c", again).stdout.strip()
    assert archive.read_bytes() == first


def assert_unpacked_is_sound(folder: Path, origin: Project) -> None:
    """The audit passes in it, and a network that is loaded from it is the one that was released."""
    unpacked = Project(folder)
    commands = re.findall(r"^ +(semrobust audit .+)$", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(commands) == 2, "the run and its study"
    for command in commands:
        assert "0 tampered, 0 stale, 0 unknown, 0 earlier" in unpacked.run(*command.split()).stdout
    code = (
        "import sys, semrobust; network = semrobust.load('deepjscc', folder=sys.argv[1]); "
        "print(semrobust.evaluate(network, semrobust.example_images(4), snr_db=20).psnr_db.tolist())"
    )
    assert unpacked.run("python", "-c", code, ".").stdout == origin.run("python", "-c", code, ".").stdout


def test_a_clone_without_samples_releases_networks_tables_and_figures(releasable: Project, tmp_path: Path) -> None:
    releasable.git("rm", "-q", "--cached", "dvc.lock")
    (releasable.root / "dvc.lock").unlink()
    releasable.commit()
    clone = releasable.clone(tmp_path / "clone")
    refused = release(clone, ok=False)
    assert refused.returncode == 1
    assert "data/ci/report/report.html. Commit networks; run `semrobust restore`" in refused.stderr
    clone.run("semrobust", "restore")
    clone.run("snakemake", "--cores", "1", "figures")
    assert not (clone.root / "data" / "ci" / "samples").exists()
    archive = clone.root / release(clone).stdout.strip()
    subprocess.run(["tar", "-xzf", str(archive), "-C", str(tmp_path)], check=True)
    (folder,) = tmp_path.glob("semrobust-results-*")
    for part in ("data/ci/models", "data/ci/results", "figures/ci"):
        for path in (releasable.root / part).iterdir():
            assert (folder / part / path.name).read_bytes() == path.read_bytes()
    assert_unpacked_is_sound(folder, releasable)


def test_an_altered_table_of_a_study_is_not_released(releasable: Project) -> None:
    table = releasable.root / "data" / "study" / "results" / "clean.csv"
    table.write_text(table.read_text().replace(".", ",", 1))
    releasable.commit()
    refused = release(releasable, ok=False)
    assert refused.returncode == 1
    assert "data/study/results/clean.csv is tampered" in refused.stderr


def test_what_git_does_not_have_is_not_released(releasable: Project) -> None:
    table = releasable.root / "data" / "ci" / "results" / "clean.csv"
    table.write_text(table.read_text().replace(".", ",", 1))
    refused = release(releasable, ok=False)
    assert refused.returncode == 1
    assert "not the commit" in refused.stderr
    assert "clean.csv" in refused.stderr
    (network,) = (releasable.root / "data" / "ci" / "models").glob("deepjscc-*.safetensors")
    network.unlink()
    releasable.commit()
    refused = release(releasable, ok=False)
    assert refused.returncode == 1
    assert f"missing or altered: data/ci/models/{network.name}, data/ci/results/clean.csv" in refused.stderr
    assert not (releasable.root / "dist").exists()
