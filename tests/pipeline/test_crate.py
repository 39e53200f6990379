"""The export as RO-Crate: every file, every job and what it was made from; refused unless all is ok."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from semrobust.errors import ArtifactError
from semrobust.pipeline import crate, files
from tests.pipeline.small_project import artifact, make, planned
from tests.pipeline.toys.raw import DATASET

pytestmark = pytest.mark.usefixtures("small")
pytest.importorskip("rocrate")


@pytest.fixture(autouse=True)
def project(small: Path) -> Path:
    make()
    (small / "params.yaml").write_text("run: r\n")
    (small / "Snakefile").write_text("rule all: input: []\n")
    return small


def test_every_file_and_every_job_is_described(tmp_path: Path) -> None:
    make(width=8)
    make()
    described = crate.write(planned(), tmp_path / "crate")
    entities = {entity["@id"]: entity for entity in json.loads(described.read_text())["@graph"]}
    jobs = [each for each in entities.values() if each["@type"] == "CreateAction" and each["@id"] != "#run"]
    assert len(jobs) == 5, "a published file was made by the job that made the one in the store"
    table = artifact("table")
    made_by = {result["@id"]: job for job in jobs for result in job["result"]}
    for path in (*planned()["table/clean"].paths[:1], Path("data/r/results/clean.csv")):
        assert entities[path.as_posix()]["sha256"] == files.sha256(path)
        assert made_by[path.as_posix()]["name"] == "table clean"
    inputs = {given["@id"] for given in made_by["figures/r/fig.pdf"]["object"]}
    assert {"data/r/results/clean.csv", table.path().as_posix()} <= inputs
    assert entities[f"#raw-{str(DATASET['digest'])[:16]}"]["sha256"] == DATASET["digest"]
    assert all((tmp_path / "crate" / name).is_file() for name in made_by)
    assert not any(artifact("train", width=8).key in name for name in entities), "no params ask for it"
    shown = {result["@id"] for result in entities["#run"]["result"]}
    assert {"figures/r/fig.png", "data/r/results/clean.csv"} <= shown


def test_two_exports_are_equal() -> None:
    """Their date is that of the last commit."""
    for words in ("init -q", "add -A", "-c user.name=test -c user.email=test@localhost commit -qm state"):
        subprocess.run(["git", *words.split()], check=True)
    first = crate.write(planned(), Path("one")).read_bytes()
    assert first == crate.write(planned(), Path("two")).read_bytes()


def test_what_is_not_here_is_named_with_its_hash() -> None:
    net = artifact("train")
    digest = files.sha256(net.path())
    shutil.rmtree("data/r/models")
    described = crate.write(planned(), Path("crate"))
    entities = {entity["@id"]: entity for entity in json.loads(described.read_text())["@graph"]}
    assert entities[f"#train/net-{net.key}.safetensors"]["sha256"] == digest


def test_a_run_that_is_not_ok_is_not_exported() -> None:
    Path("data/r/results/clean.csv").write_text("edited")
    with pytest.raises(ArtifactError, match=r"data/r/results/clean\.csv is tampered, 1 in all"):
        crate.write(planned(), Path("crate"))
    assert not Path("crate").exists()
    with pytest.raises(ArtifactError, match="there are none"):
        crate.write(planned(run="other"), Path("crate"))
