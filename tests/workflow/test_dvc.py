"""DVC records what made what; its stages cover the DAG, and both engines reach the same files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from semrobust.config.params import Params, load
from semrobust.config.registry import FIGURES
from semrobust.pipeline import outputs
from semrobust.pipeline.layout import Layout, record_path
from tests.workflow.project import ROOT, Project, jobs_of

MORE_EPOCHS = {"systems": {"deepjscc": {"training": {"epochs": 3}}}}


def stages() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    return dict(content["stages"])


def artifacts(params: Params) -> set[Path]:
    """Everything that a run makes and that another machine may want."""
    layout = Layout(params.run)
    recorded = {layout.model(system) for system in params.systems} | {layout.clean(system) for system in params.systems}
    recorded |= {layout.structure(system) for system in params.coded()}
    recorded |= {layout.limits(system) for system in params.attacked()}
    recorded |= {layout.criteria(system) for system in params.by_criteria()}
    recorded |= {layout.attack(*pair) for pair in params.pairs()} | {layout.gallery(), layout.dataset()}
    recorded |= {layout.metrics()}
    recorded |= {layout.table(table) for table in outputs.TABLES} | {layout.figure(figure) for figure in FIGURES}
    recorded.add(layout.report())
    return (
        recorded | {record_path(path) for path in recorded} | {layout.perturbations(*pair) for pair in params.pairs()}
    )


def test_every_artifact_of_the_params_is_the_output_of_one_stage() -> None:
    params = load([ROOT / "params.yaml"])
    outputs = [out for stage in stages().values() for each in stage["outs"] for out in each]
    folders = [Path(out.replace("${run}", params.run)) for out in outputs]
    for path in artifacts(params):
        assert sum(folder == path or folder in path.parents for folder in folders) == 1, path


def test_stages_name_no_system_and_no_attack() -> None:
    """Else a new one would have to be added here too; Snakemake knows which of them are stale."""
    params = load([ROOT / "params.yaml"])
    said = (ROOT / "dvc.yaml").read_text()
    assert not [name for name in (*params.systems, *params.attacks) if re.search(rf"\b{name}\b", said)]


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (
            "models",
            {"seed", "systems", "channels", "link.real_uses", "compute.train_threads", "compute.recognition_threads"},
        ),
        ("recognition", {"seed", "systems", "channels", "recognition", "compute.job_threads"}),
        (
            "clean",
            {"seed", "link", "channels", "systems", "recognition.images", "evaluation.batch", "compute.job_threads"},
        ),
        ("structures", {"seed", "systems", "structure", "link.real_uses"}),
        ("attacks", {"seed", "link", "systems", "attacks", "evaluation.attack_images", "evaluation.success_psnr_db"}),
        ("criteria", {"seed", "link.real_uses", "systems", "structure", "theory", "criteria"}),
        ("limits", {"seed", "link", "systems", "attacks", "structure", "theory", "evaluation.attack_images"}),
        ("evaluate", {"seed", "link", "systems", "attacks", "evaluation", "channels", "recognition"}),
        ("figures", {"plot", "systems", "attacks", "evaluation.success_psnr_db", "channels", "recognition"}),
        ("report", {"seed", "link", "channels", "systems", "attacks", "structure", "evaluation", "criteria", "theory"}),
    ],
)
def test_stages_list_the_params_that_their_jobs_read(stage: str, expected: set[str]) -> None:
    assert {"run"} | expected <= set(stages()[stage]["params"])


def test_commands_of_the_stages_name_targets_of_snakemake() -> None:
    """A dry run of each stage's command parses, and finds its targets and the rules that it allows."""
    for name, stage in stages().items():
        command = stage["cmd"].replace("${run}", "laptop").removeprefix("python workflow/live.py ").split()
        done = subprocess.run(
            [str(Path(sys.executable).parent / command[0]), "-n", *command[1:]],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        said = done.stdout + done.stderr
        # inputs that no allowed rule makes may be missing here; a wrong name is another error
        assert done.returncode == 0 or "MissingInputException" in said, (name, said)


@pytest.mark.slow
def test_recording_a_finished_run_leaves_dvc_clean(project: Project) -> None:
    """As after `snakemake all`, of which DVC knows nothing."""
    lock = project.root / "dvc.lock"
    recorded = yaml.safe_load(lock.read_text())
    lock.unlink()
    assert "changed" in project.run("dvc", "status").stdout
    project.run("python", "workflow/record.py")
    assert yaml.safe_load(lock.read_text()) == recorded
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
def test_after_dvc_repro_neither_engine_has_anything_to_do(finished: Project, tmp_path: Path) -> None:
    """That both reach the same bytes from a clean checkout the run through Slurm shows."""
    project = finished.copy(tmp_path / "project")
    assert "Running stage" not in project.run("dvc", "repro").stdout
    assert project.planned("all") == set()


@pytest.mark.slow
def test_dvc_repro_in_a_pulled_clone_rebuilds_the_edited_model_and_no_other(pulled: Project) -> None:
    layout = Layout("ci")
    other = pulled.root / layout.model("deepjscc_noiseless")
    kept = other.read_bytes()
    pulled.change(MORE_EPOCHS)
    done = pulled.run("dvc", "repro", "models")
    assert [line for line in done.stdout.splitlines() if line.startswith("Running stage")] == [
        "Running stage 'models':"
    ]
    # DVC may put a folder that it has hashed in place anew, so file times would say nothing
    listening = ("train", "deepjscc_surrogate")  # to the encoder of the edited one
    assert jobs_of(done) == {("train", "deepjscc"), listening}, done.stdout + done.stderr
    record = json.loads((pulled.root / layout.model("deepjscc")).with_suffix(".json").read_text())
    assert record["settings"]["system"]["training"]["epochs"] == 3
    assert other.read_bytes() == kept
