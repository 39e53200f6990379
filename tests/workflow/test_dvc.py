"""DVC records what made what; its stages cover the DAG, and both engines reach the same files."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from semrobust.core.layout import Layout
from semrobust.core.params import load
from tests.workflow.project import ROOT, Project

MORE_EPOCHS = {"systems": {"deepjscc": {"training": {"epochs": 3}}}}


def stages() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    return dict(content["stages"])


def test_stages_cover_exactly_the_systems_and_pairs_of_the_params() -> None:
    params = load([ROOT / "params.yaml"])
    listed = stages()
    built = listed["train"]["foreach"] + listed["construct"]["foreach"]
    assert sorted(built) == sorted(params.systems)
    assert sorted(listed["clean"]["foreach"]) == sorted(params.systems)
    pairs = {
        (system, attack)
        for stage in ("attack_semantic", "attack_classical")
        for system in listed[stage]["matrix"]["system"]
        for attack in listed[stage]["matrix"]["attack"]
    }
    assert pairs == set(params.pairs())


def test_training_stages_list_every_setting_of_a_system_but_its_label() -> None:
    """A label is drawn, not trained: listing it would retrain for a caption."""
    params = load([ROOT / "params.yaml"])
    for stage in ("train", "construct"):
        for system in stages()[stage]["foreach"]:
            listed = {
                key.replace("systems.${item}.", "")
                for key in stages()[stage]["do"]["params"]
                if key.startswith("systems.")
            }
            assert listed == set(params.section("systems", system)) - {"label"}


@pytest.mark.slow
def test_recording_a_finished_run_leaves_dvc_clean(project: Project) -> None:
    assert "up to date" in project.run("dvc", "status").stdout
    assert project.git("status", "--porcelain") == ""


@pytest.mark.slow
def test_recording_refuses_a_stale_state(project: Project) -> None:
    lock = (project.root / "dvc.lock").read_bytes()
    project.change(MORE_EPOCHS)
    done = project.run("python", "workflow/record.py", ok=False)
    assert done.returncode == 1
    assert "Not recorded" in done.stderr
    assert (project.root / "dvc.lock").read_bytes() == lock


@pytest.mark.slow
def test_a_clone_after_dvc_pull_is_clean_for_dvc(pulled: Project, finished: Project) -> None:
    assert "up to date" in pulled.run("dvc", "status").stdout
    assert pulled.results() == finished.results()


@pytest.mark.slow
def test_both_engines_reach_the_same_files_from_a_clean_checkout(
    fresh: Project, finished: Project, tmp_path: Path
) -> None:
    project = fresh.copy(tmp_path / "project")
    project.run("dvc", "repro", timeout=1500)
    assert project.results() == finished.results()
    again = project.run("dvc", "repro")
    assert "Running stage" not in again.stdout
    assert project.planned("all") == set()


@pytest.mark.slow
def test_dvc_repro_in_a_pulled_clone_rebuilds_the_edited_model_and_no_other(pulled: Project) -> None:
    layout = Layout("ci")
    other = pulled.root / layout.model("deepjscc_noiseless")
    kept = other.read_bytes(), other.stat().st_mtime_ns
    pulled.change(MORE_EPOCHS)
    done = pulled.run("dvc", "repro", "train@deepjscc", "train@deepjscc_noiseless", "construct@jpeg_ldpc_qpsk")
    assert [line for line in done.stdout.splitlines() if line.startswith("Running stage")] == [
        "Running stage 'train@deepjscc':"
    ]
    record = json.loads((pulled.root / layout.model("deepjscc")).with_suffix(".json").read_text())
    assert record["settings"]["system"]["training"]["epochs"] == 3
    assert (other.read_bytes(), other.stat().st_mtime_ns) == kept


@pytest.mark.slow
def test_a_plotting_param_runs_the_figures_stage_only(project: Project) -> None:
    project.change({"plot": {"dpi": 61}})
    changed = json.loads(project.run("dvc", "status", "--json").stdout)
    assert set(changed) == {"figures"}


@pytest.mark.slow
def test_two_engines_at_once_fail_cleanly_on_the_lock(project: Project, finished: Project) -> None:
    project.change(MORE_EPOCHS)
    first = project.start("snakemake", "--cores", "1", "all")
    deadline = time.monotonic() + 60
    while not list((project.root / ".snakemake" / "locks").glob("*")):
        assert time.monotonic() < deadline
        assert first.poll() is None, first.communicate()[0]
        time.sleep(0.05)
    second = project.run("dvc", "repro", "figures", ok=False)
    assert second.returncode != 0
    assert "cannot be locked" in second.stdout + second.stderr or "LockException" in second.stdout + second.stderr
    said, _ = first.communicate(timeout=600)
    assert first.returncode == 0, said
    assert project.planned("all") == set()
    assert set(project.results()) == set(finished.results())
