"""A part of the DAG through a real Slurm, where one job is killed for its memory and another one cancelled."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.workflow import cluster
from tests.workflow.project import Project

pytestmark = pytest.mark.slow

PROFILE = ("--profile", "workflow/profiles/slurm")
# This cluster has no accounting to ask, its files are seen at once, and its jobs are short: many of them make one of
# Slurm's, and it is asked often how they are.
HERE = (
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "5"),
    *("--groups", "criteria=criteria", "table=results", "metrics=results", "figure=figures"),
    *("--group-components", "criteria=20", "results=20", "figures=10"),
)
# less than Snakemake alone takes; then what both need
TOO_LITTLE = ("--set-resources", "dataset:mem_mb=200 if attempt == 1 else 1000")
LOST = ("dataset/photos10", "train/deepjscc_noiseless", "clean/deepjscc_noiseless")
LOST_KINDS = ("criteria", "metrics")


@pytest.fixture(scope="module")
def slurm() -> Iterator[Path]:
    """A running cluster; the folder of its logs."""
    reason = cluster.missing()
    if reason and os.environ.get("SEMROBUST_CI") == "1":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    with TemporaryDirectory(prefix="slurm-") as folder:  # munged wants a path that everybody may follow
        Path(folder).chmod(0o755)
        with cluster.running(Path(folder) / "cluster"):
            yield Path(folder) / "cluster"


def tries(comment: str) -> list[cluster.Job]:
    """The Slurm jobs of one job or group of Snakemake, in the order of their submission."""
    return [job for job in cluster.jobs() if job.comment.startswith(comment)]


def test_lost_parts_of_a_run_through_slurm_with_a_killed_and_a_cancelled_job(
    finished: Project, slurm: Path, tmp_path: Path
) -> None:
    project = finished.copy(tmp_path / "project")
    lost = [a for a in project.plan() if a.address in LOST or a.kind in LOST_KINDS]
    for artifact in lost:
        for path in artifact.paths:
            (project.root / path).unlink()
    for path in (project.root / "data/ci/logs/criteria").glob("*"):
        path.unlink()
    assert project.planned() == {artifact.address for artifact in lost}
    running = project.start("snakemake", *PROFILE, *HERE, *TOO_LITTLE, "--", "all")
    with ThreadPoolExecutor() as beside:
        output = beside.submit(running.communicate)
        # the log of a group's first job is there: the group is at work
        while not any((project.root / "data/ci/logs/criteria").glob("*.log")):
            assert running.poll() is None, output.result()[0]
            time.sleep(0.5)
        (victim,) = tries("rule_criteria")
        assert victim.state == "RUNNING"
        subprocess.run(["scancel", str(victim.id)], check=True)
        said = output.result()[0]
    assert running.returncode == 0, said

    killed, repeated = tries("rule_dataset")
    assert (killed.state, killed.memory_mb) == ("FAILED", 200)
    assert re.search(rf"StepId={killed.id}\.\w+ exceeded memory limit", (slurm / "slurmd.log").read_text())
    assert (repeated.state, repeated.memory_mb) == ("COMPLETED", 1000)

    cancelled, resumed = tries("rule_criteria")
    assert (cancelled.state, resumed.state) == ("CANCELLED", "COMPLETED")
    assert resumed.memory_mb > cancelled.memory_mb

    assert project.results() == finished.results()
    assert project.planned() == set()


def test_a_gpu_is_asked_for_jobs_that_run_a_network_and_no_others(
    project: Project, slurm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slurm grants what is asked for; the job itself finds no GPU here and computes without."""
    monkeypatch.setenv("SEMROBUST_GPUS", "1")
    chosen = [project.plan()[address] for address in ("train/vit", "train/hevc_ldpc_qpsk")]
    for artifact in chosen:
        for path in artifact.paths:
            (project.root / path).unlink()
    project.run("snakemake", *PROFILE, *HERE[:6], "--", *(str(artifact.path()) for artifact in chosen))
    jobs = [job for job in tries("rule_train") if "noiseless" not in job.comment]
    assert {job.gpus for job in jobs} == {0, 1}
    assert all(job.state == "COMPLETED" for job in jobs)
