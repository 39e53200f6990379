"""What jobs took is kept over sessions: a job's last measurement counts, and that of other params goes."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from semrobust.pipeline.plan import ROOT as STORE
from semrobust.pipeline.plan import Artifact, Plan
from semrobust.pipeline.step import steps
from tests.conftest import ROOT
from tests.made import made_params
from tests.workflow.project import script

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


@pytest.fixture
def costs() -> ModuleType:
    return script("costs")


def took(plan: Plan, artifact: Artifact, *lines: str) -> None:
    """What Snakemake writes when it has made an artifact."""
    path = STORE / plan.run / "benchmarks" / artifact.kind / f"{artifact.name}-{artifact.key}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD + "".join(f"{line}\n" for line in lines))


def test_costs_of_two_sessions_stand_together(
    costs: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = Plan.of(made_params())
    one, two, three = list(plan)[:3]
    took(plan, one, "2.5\t0:00:02\t300.25\t1\t1\t1\t0\t0\t90\t2.25")
    took(plan, two, "0.01\t0:00:00\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA")  # too short to be looked at
    now = costs.measured(plan)
    assert now["key"].tolist() == [one.key, two.key]
    assert now.loc[0, ["seconds", "cpu_seconds", "memory_mb"]].tolist() == [2.5, 2.25, 300.25]
    assert now["cpu_seconds"].isna().tolist() == [False, True]
    before = pd.DataFrame([
        {"step": three.kind, "name": three.name, "key": three.key, "seconds": 7.0},
        {"step": one.kind, "name": one.name, "key": one.key, "seconds": 9.0},
        {"step": one.kind, "name": one.name, "key": "0" * 12, "seconds": 8.0},
    ])  # fmt: skip
    found = costs.merged(before, now, plan)
    assert found["key"].tolist() == [one.key, two.key, three.key]
    assert found["seconds"].tolist() == [2.5, 0.01, 7.0]


def test_jobs_of_the_recorded_run_fit_the_memory_that_their_steps_ask_for() -> None:
    recorded = pd.read_csv(ROOT / "benchmarks" / "laptop.csv").dropna(subset="memory_mb")
    assert len(recorded)
    asked = recorded["step"].map({kind: step.memory_mb for kind, step in steps().items()})
    assert recorded[recorded["memory_mb"] > asked][["step", "name", "memory_mb"]].to_dict("records") == []
