"""The smallest preset through a real Slurm, where one job is killed for its memory and another one cancelled."""

from __future__ import annotations

import os
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
# Slurm's, but a few at a time keep its processors busy; and it is asked often how they are.
HERE = (
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "5"),
    *(
        "--groups",
        "train=models",
        "structure=models",
        "clean=clean",
        "fading=clean",
        "attack=attacks",
        "limits=attacks",
    ),
    *("noise=noise", "accuracy=accuracy", "criteria=criteria", "figure=figures"),
    *("--group-components", "models=4", "clean=7", "attacks=2", "noise=3", "accuracy=3", "criteria=4", "figures=5"),
)
# what Snakemake alone takes, with no room for the job; then what the job needs
TOO_LITTLE = ("--set-resources", "dataset:mem_mb=200 if attempt == 1 else 1000")


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


def test_the_preset_through_slurm_with_a_killed_and_a_cancelled_job(
    fresh: Project, finished: Project, slurm: Path, tmp_path: Path
) -> None:
    project = fresh.copy(tmp_path / "project")
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
    assert f"StepId={killed.id}.0 exceeded memory limit" in (slurm / "slurmd.log").read_text()
    assert (repeated.state, repeated.memory_mb) == ("COMPLETED", 1000)

    cancelled, resumed = tries("rule_criteria")
    assert (cancelled.state, resumed.state) == ("CANCELLED", "COMPLETED")
    assert resumed.memory_mb > cancelled.memory_mb

    assert project.results() == finished.results()
    assert project.planned("all") == set()


def test_the_gpu_profile_asks_slurm_for_gpus(project: Project, slurm: Path) -> None:
    """Slurm grants what the profile asks for; the job itself finds no GPU here and computes without."""
    model = "data/ci/models/vit.safetensors"
    gpu = ("--profile", "workflow/profiles/gpu", *HERE[:6])
    project.run("snakemake", *gpu, "--forcerun", model, "--", model)
    (job,) = tries("rule_train")
    assert (job.state, job.gpus) == ("COMPLETED", 1)
    assert not any(other.gpus for other in cluster.jobs() if not other.comment.startswith("rule_train"))
