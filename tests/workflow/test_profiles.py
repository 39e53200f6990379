"""Every job asks for what it was measured to need, whichever profile runs it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from semrobust.config.params import load
from semrobust.pipeline import costs, effort
from semrobust.pipeline.costs import Cost
from tests.workflow.project import ROOT, Project

SNAKEMAKES_OWN_MB = 260
"""Resident memory of the two Snakemakes that run a Slurm job, which counts against what it asks for."""

ON_GPU = ("train", "attack", "noise", "limits", "criteria")
CHAINS = ("jpeg_ldpc", "hevc_ldpc")
"""Kinds of systems without a network."""

Needs = dict[tuple[str, str], dict[str, int]]


def asked(project: Project, *arguments: str) -> Needs:
    """What each job of a dry run asks for, by rule and name of its log."""
    done = project.run("snakemake", "-n", *arguments, "all")
    found: Needs = {}
    for block in re.split(r"\n(?=\s*(?:local)?rule \w+:)", done.stdout + done.stderr)[1:]:
        log = re.search(r"^\s+log: data/\w+/logs/(\w+)(?:/([\w.]+))?\.log$", block, re.M)
        if log:
            resources = dict(re.findall(r"(\w+)=(\d+)\b", re.search(r"^\s+resources: (.*)", block, re.M)[1]))  # type: ignore[index]
            found[log[1], log[2] or log[1]] = {name: int(value) for name, value in resources.items()}
    return found


@pytest.fixture(scope="module")
def measured() -> list[Cost]:
    return costs.read(ROOT / costs.TABLE)


@pytest.fixture(scope="module")
def by_default(fresh: Project) -> Needs:
    return asked(fresh)


def test_the_estimate_knows_all_jobs_of_a_run(fresh: Project, by_default: Needs) -> None:
    params = load([fresh.root / "params.yaml"])
    assert set(effort.jobs(params)) == set(by_default)


def test_jobs_ask_for_more_memory_than_was_ever_measured(by_default: Needs, measured: list[Cost]) -> None:
    rules = {rule for rule, _ in by_default}
    assert {cost.rule for cost in measured if cost.max_rss_mb} == rules, "a rule without a measurement"
    for (rule, _), needs in by_default.items():
        most = max(cost.max_rss_mb or 0 for cost in measured if cost.rule == rule)
        assert needs["mem_mb"] >= most + SNAKEMAKES_OWN_MB, rule


def test_jobs_of_the_reference_run_have_more_time_than_they_took(
    fresh: Project, measured: list[Cost], tmp_path: Path
) -> None:
    project = fresh.copy(tmp_path / "project")
    shutil.copy(ROOT / "params.yaml", project.root)
    needs = asked(project)
    took = {(cost.rule, cost.name): cost for cost in measured if cost.preset == "laptop"}
    for job, cost in took.items():
        assert 60 * needs[job]["runtime"] > 2 * cost.alone_seconds, job


@pytest.mark.parametrize("profile", ["default", "slurm", "gpu"])
def test_a_profile_is_read_and_leaves_what_jobs_need(fresh: Project, by_default: Needs, profile: str) -> None:
    if profile != "default" and shutil.which("sinfo") is None:
        pytest.skip("the Slurm executor asks for Slurm's commands")
    needs = asked(fresh, "--profile", f"workflow/profiles/{profile}")
    assert {job: need["mem_mb"] for job, need in needs.items()} == {
        job: need["mem_mb"] for job, need in by_default.items()
    }
    params = load([fresh.root / "params.yaml"])
    networks = {name for name, system in params.systems.items() if system.kind not in CHAINS}
    on_gpu = {(rule, name) for (rule, name), need in needs.items() if need.get("gpu")}
    asking = {job for job in needs if job[0] in ON_GPU and job[1].split(".")[0] in networks}
    assert on_gpu == (asking if profile == "gpu" else set())
