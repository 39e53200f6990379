"""Kills at random moments and two runs at once: the next call goes on, and the bytes are those of an undisturbed run.

`python -m tests.faults` does the same at length, over more of the DAG; docs/faults.md has its tally.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from semrobust.core.layout import Layout
from tests import kills
from tests.faults import ENGINES, go_on, remove, strike
from tests.workflow.project import Project

pytestmark = pytest.mark.slow

MODEL = Layout("ci").model("deepjscc_noiseless")
SNAKEMAKE = ("snakemake", "--cores", "2", str(MODEL))
DVC = ("dvc", "repro", "models")


@pytest.fixture
def unmade(project: Project) -> Project:
    """A finished project in which one model and its training state are gone."""
    forget(project)
    return project


def forget(project: Project) -> None:
    remove(project, {(project.root / MODEL).with_suffix(".json")})


@pytest.mark.parametrize(
    ("victim", "command"),
    [("training", SNAKEMAKE), ("snakemake alone", SNAKEMAKE), ("dvc repro and all below", DVC)],
)
def test_after_a_kill_the_next_call_finishes_with_the_same_bytes(
    unmade: Project, finished: Project, tmp_path: Path, victim: str, command: tuple[str, ...]
) -> None:
    assert victim in ENGINES
    rng = random.Random(victim)
    while True:
        try:
            strike(unmade, command, victim, MODEL.stem, 1, rng, tmp_path / "killed.log")
            break
        except kills.TooLate:  # this machine was faster
            forget(unmade)
    assert go_on(unmade, command, tmp_path / "next.log")[-1].startswith("finished")
    assert kills.of_project(unmade) == [], "an orphan outlived the job that waited for it"
    assert unmade.results() == finished.results()
    assert kills.litter(unmade) == []


def refused(project: Project, *command: str) -> str:
    done = project.run(*command, ok=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_a_second_engine_is_refused_and_nothing_is_lost(unmade: Project, finished: Project, tmp_path: Path) -> None:
    first = unmade.start(*SNAKEMAKE, output=tmp_path / "first.log")
    kills.wait_until(lambda: bool(kills.jobs(unmade)), first)
    message = f"run 'ci' is being worked on by process {first.pid}. Wait until it has ended"
    assert message in refused(unmade, *SNAKEMAKE)
    # `dvc repro` stays refused while the first one works, and has then removed nothing
    assert message in refused(unmade, *DVC) or first.poll() is not None
    assert first.wait(600) == 0
    assert unmade.results() == finished.results()


def test_a_second_dvc_repro_is_refused_and_nothing_is_lost(unmade: Project, finished: Project, tmp_path: Path) -> None:
    first = unmade.start(*DVC, output=tmp_path / "first.log")
    kills.wait_until(lambda: bool(kills.jobs(unmade)), first)
    said = refused(unmade, *DVC)
    assert "is busy, it is being blocked by" in said or "Unable to acquire lock" in said
    assert str(first.pid) in said or "Unable to acquire lock" in said
    assert first.wait(600) == 0
    assert unmade.results() == finished.results()


def test_a_second_training_of_a_system_waits_for_the_first(unmade: Project, finished: Project, tmp_path: Path) -> None:
    outputs = [tmp_path / "one.log", tmp_path / "two.log"]
    both = [unmade.start("semrobust", "train", MODEL.stem, output=output) for output in outputs]
    assert [process.wait(600) for process in both] == [0, 0]
    said = [output.read_text() for output in outputs]
    waited = [f"semrobust: process {first.pid} is making model '{MODEL.stem}'" for first in both]
    assert (waited[0] in said[1]) != (waited[1] in said[0])
    assert sum(text.count("epoch 1/2") for text in said) == 1, "both trained"
    assert unmade.results() == finished.results()


@pytest.mark.parametrize(
    ("damaged", "content", "mend"),
    [
        ("dvc.lock", "schema: '2.0'\nstages:\n  da", lambda project: project.git("checkout", "dvc.lock")),
        (".dvc/tmp/rwlock", '{"write": {', lambda project: (project.root / ".dvc/tmp/rwlock").unlink()),
    ],
)
def test_files_that_dvc_does_not_write_at_once_can_be_mended(
    project: Project, damaged: str, content: str, mend: Callable[[Project], object]
) -> None:
    """Cut off in the midst of their writing, which a kill rarely meets."""
    (project.root / damaged).write_text(content)
    assert damaged in refused(project, "dvc", "repro", "dataset")
    mend(project)
    project.run("dvc", "repro", "dataset")
    assert "up to date" in project.run("dvc", "status").stdout
