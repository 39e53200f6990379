"""Kills at random moments and two runs at once: the next call goes on, and the bytes are those of an undisturbed run.

`python -m tests.faults` does the same at length, over more of the DAG; docs/faults.md has its tally.
"""

from __future__ import annotations

import json
import random
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import pytest

from tests import kills
from tests.faults import ENGINES, go_on, remove, strike, table
from tests.workflow.project import ROOT, Project

pytestmark = pytest.mark.slow

SYSTEM = "deepjscc_noiseless"
SNAKEMAKE = ("snakemake", "--cores", "2", "models")
DVC = ("dvc", "repro", "--single-item", "--force", "models")


@pytest.fixture
def unmade(project: Project) -> Project:
    """A finished project in which one model and its training state are gone."""
    forget(project)
    return project


def forget(project: Project) -> None:
    remove(project, [f"train/{SYSTEM}"])


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
            strike(unmade, command, victim, SYSTEM, 1, rng, tmp_path / "killed.log")
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


@contextmanager
def stopped_in_a_job(project: Project, command: tuple[str, ...], output: Path) -> Iterator[Popen[str]]:
    """An engine whose job stands still in the block; then it goes on and must finish."""
    running = project.start(*command, output=output)
    kills.wait_until(lambda: bool(kills.jobs(project)), running)
    (job,) = kills.jobs(project)
    job.suspend()
    try:
        yield running
    finally:
        job.resume()
    assert running.wait(600) == 0, output.read_text()


def test_a_second_engine_is_refused_and_nothing_is_lost(unmade: Project, finished: Project, tmp_path: Path) -> None:
    with stopped_in_a_job(unmade, SNAKEMAKE, tmp_path / "first.log") as first:
        message = f"run 'ci' is being worked on by process {first.pid}. Wait until it has ended"
        assert message in refused(unmade, *SNAKEMAKE)
        assert message in refused(unmade, *DVC)
    assert unmade.results() == finished.results()


def test_a_second_dvc_repro_is_refused_and_nothing_is_lost(unmade: Project, finished: Project, tmp_path: Path) -> None:
    with stopped_in_a_job(unmade, DVC, tmp_path / "first.log") as first:
        said = refused(unmade, *DVC)
        assert "is busy, it is being blocked by:" in said
        assert f"(PID {first.pid}): " in said
    assert unmade.results() == finished.results()


def test_a_second_training_of_a_system_waits_for_the_first(unmade: Project, finished: Project, tmp_path: Path) -> None:
    train = ("semrobust", "train", SYSTEM)
    second_output = tmp_path / "second.log"
    lock = unmade.root / f"data/ci/scratch/locks/train-{SYSTEM}.pid"
    lock.unlink(missing_ok=True)
    first = unmade.start(*train, output=tmp_path / "first.log")
    kills.wait_until(lambda: lock.exists() and lock.read_text() == str(first.pid), first)
    first.send_signal(signal.SIGSTOP)
    second = unmade.start(*train, output=second_output)
    waits = f"semrobust: process {first.pid} is making train/{SYSTEM}; waiting for its end\n"
    kills.wait_until(lambda: second_output.read_text() == waits, second)
    first.send_signal(signal.SIGCONT)
    assert (first.wait(600), second.wait(600)) == (0, 0)
    assert "epoch 1/2" in (tmp_path / "first.log").read_text()
    made = unmade.plan()[f"train/{SYSTEM}"].path()
    assert re.fullmatch(f"{re.escape(waits)}train/{SYSTEM}: .*; {made} \\(.*\\)\n", second_output.read_text())
    assert "epoch" not in second_output.read_text().replace("epochs", ""), "it trained again what was there"
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


def test_the_page_shows_the_whole_tally() -> None:
    tally = json.loads((ROOT / "docs/faults.json").read_text())["kills"]
    assert table(tally) in (ROOT / "docs/faults.md").read_text()
    assert all(row["equal"] for row in tally)
