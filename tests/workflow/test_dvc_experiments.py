"""`dvc exp`: overrides, the queue with its temporary folders, and what becomes of results."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest

from semrobust.pipeline.layout import Layout
from tests.workflow.project import ROOT, Project, jobs_of

pytestmark = pytest.mark.slow

FEWER = "evaluation.gallery_images=1"  # concerns one job, one figure and the report
GALLERY = Layout("ci").gallery()


@pytest.fixture
def repository(project: Project) -> Project:
    """DVC commits experiments itself, so the author must be configured."""
    project.git("config", "user.name", "test")
    project.git("config", "user.email", "test@localhost")
    return project


def settings(project: Project) -> dict[str, Any]:
    record = json.loads((project.root / GALLERY).with_suffix(".json").read_text())
    return dict(record["settings"])


def test_an_override_keeps_comments_and_all_other_values(repository: Project) -> None:
    params = repository.root / "params.yaml"
    text = (ROOT / "params.yaml").read_text().replace("run: laptop", "run: ci")
    params.write_text(text)
    repository.commit()
    before = repository.params()
    repository.run("dvc", "exp", "run", "--queue", "-S", "plot.dpi=61", "-S", "link.snr_db=[0.0,10.0]")
    assert params.read_text() == text  # the queue has taken it, the workspace is as it was
    # what DVC writes is in the queued commit
    queued = repository.git("show", "refs/exps/celery/stash:params.yaml")
    params.write_text(queued)
    before["plot"]["dpi"], before["link"]["snr_db"] = 61, [0.0, 10.0]
    assert repository.params() == before
    assert "# [ours] seaborn context" in queued
    repository.run("semrobust", "budget", "--help")
    assert repository.run("snakemake", "-n", "dataset").returncode == 0


def test_an_experiment_from_the_queue_runs_what_depends_on_it_elsewhere(repository: Project) -> None:
    before = settings(repository)
    repository.run("dvc", "exp", "run", "--queue", "--name", "fewer", "-S", FEWER)
    assert "fewer" in repository.run("dvc", "queue", "status").stdout
    done = repository.run("dvc", "exp", "run", "--run-all")
    said = repository.run("dvc", "queue", "logs", "fewer").stdout
    assert "Success" in repository.run("dvc", "queue", "status").stdout, done.stdout + done.stderr + said
    # its folder has neither metadata of Snakemake nor samples of its own, and still nothing else is made
    assert {job for job in jobs_of(type(done)(done.args, 0, said, "")) if job[0] not in ("results", "figures")} == {
        ("gallery", ""), ("figure", "extra_gallery"), ("report", ""),
    }  # fmt: skip
    assert settings(repository) == before
    assert repository.git("status", "--porcelain") == ""

    shown = list(csv.DictReader(repository.run("dvc", "exp", "show", "--csv", "--only-changed").stdout.splitlines()))
    assert {row["Experiment"] or row["rev"]: row["evaluation.gallery_images"] for row in shown} == {
        "workspace": "2", "master": "2", "fewer": "1",
    }  # fmt: skip
    table = json.loads(repository.run("dvc", "exp", "diff", "master", "fewer", "--json").stdout)
    assert table["params"]["params.yaml"]["evaluation.gallery_images"] == {"old": 2, "new": 1, "diff": -1}

    repository.run("dvc", "exp", "branch", "fewer", "fewer-images")
    assert "fewer-images" in repository.git("branch", "--list")
    repository.run("dvc", "exp", "apply", "fewer")
    assert settings(repository)["gallery_images"] == 1
    assert repository.params()["evaluation"]["gallery_images"] == 1
    assert "up to date" in repository.run("dvc", "status").stdout
    # Snakemake's metadata are still those of what lay here before
    repository.snakemake("--touch", "all")
    assert repository.planned("all") == set()
    assert settings(repository)["gallery_images"] == 1
