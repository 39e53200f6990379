"""DVC records what made what: few stages over the DAG, experiments, metrics, plots, and a lock of live stages alone."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from semrobust.config.params import load
from semrobust.pipeline.plan import Plan
from tests.workflow.project import ROOT, Project

STAGES = ["plan", "dataset", "models", "samples", "results", "figures"]
DPI = {"plot": {"dpi": 61}}


def ran(said: str) -> list[str]:
    return re.findall(r"^Running stage '(\w+)'", said, re.M)


def stages() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    return dict(content["stages"])


def test_every_artifact_is_the_output_of_one_stage_and_no_stage_names_a_system() -> None:
    params = load([ROOT / "params.yaml"])
    outs = [
        out
        for stage in stages().values()
        for each in stage["outs"]
        for out in ([each] if isinstance(each, str) else each)
    ]
    folders = [Path(out.replace("${run}", params.run)) for out in outs]
    for artifact in Plan.of(params):
        for path in artifact.paths:
            assert sum(folder in path.parents for folder in folders) == 1, path
    said = (ROOT / "dvc.yaml").read_text()
    assert list(stages()) == STAGES
    assert not [name for name in (*params.systems, *params.attacks) if re.search(rf"\b{name}\b", said)]


@pytest.mark.slow
def test_a_finished_run_is_recorded_in_few_lines_and_neither_engine_has_anything_to_do(pulled: Project) -> None:
    lock = (pulled.root / "dvc.lock").read_text()
    assert list(yaml.safe_load(lock)["stages"]) == sorted(STAGES, key=list(yaml.safe_load(lock)["stages"]).index)
    assert len(lock.splitlines()) <= 500
    assert "up to date" in pulled.run("dvc", "status").stdout
    assert ran(pulled.run("dvc", "repro").stdout) == []
    assert pulled.planned() == set()


@pytest.mark.slow
def test_an_edit_runs_the_stages_that_it_concerns_and_back_again_makes_nothing(
    pulled: Project, finished: Project
) -> None:
    original = pulled.params()
    pulled.change({"attacks": {"pga": {"label": "ascent"}}})  # drawn in few figures, and in no table
    assert ran(pulled.run("dvc", "repro").stdout) == ["plan", "figures"]
    assert pulled.planned() == set()
    pulled.write_params(original)
    said = pulled.run("dvc", "repro").stdout
    assert "rule figure:" not in said  # old figures are found under their names, and published
    assert {
        path: digest for path, digest in pulled.results().items() if path in finished.results()
    } == finished.results()


@pytest.mark.slow
def test_recording_a_run_that_snakemake_made_and_refusing_one_that_is_not_whole(project: Project) -> None:
    lock = project.root / "dvc.lock"
    recorded = yaml.safe_load(lock.read_text())
    lock.unlink()
    project.run("python", "workflow/record.py")
    assert yaml.safe_load(lock.read_text()) == recorded
    assert "up to date" in project.run("dvc", "status").stdout
    kept = lock.read_bytes()
    project.path("table/clean").unlink()
    done = project.run("python", "workflow/record.py", ok=False)
    assert done.returncode == 1
    assert "Not recorded: missing or altered: data/ci/tables/clean-" in done.stderr
    assert lock.read_bytes() == kept


@pytest.mark.slow
def test_experiments_override_params_are_shown_compared_and_applied(project: Project) -> None:
    project.git("config", "user.name", "test")
    project.git("config", "user.email", "test@localhost")
    fewer = "evaluation.gallery_images=1"  # concerns one artifact, one figure and the report
    project.run("dvc", "exp", "run", "--queue", "--name", "fewer", "-S", fewer)
    project.run("dvc", "queue", "start")
    project.run("dvc", "queue", "logs", "--follow", "fewer")
    assert "Success" in project.run("dvc", "queue", "status").stdout
    shown = list(csv.DictReader(project.run("dvc", "exp", "show", "--csv", "--only-changed").stdout.splitlines()))
    assert {row["evaluation.gallery_images"] for row in shown} == {"1", "2"}
    difference = json.loads(project.run("dvc", "exp", "diff", "master", "fewer", "--json").stdout)
    assert difference["params"]["params.yaml"]["evaluation.gallery_images"] == {"old": 2, "new": 1, "diff": -1}
    project.run("dvc", "exp", "branch", "fewer", "fewer-images")
    assert "fewer-images" in project.git("branch", "--list")
    project.run("dvc", "exp", "apply", "fewer")
    assert project.params()["evaluation"]["gallery_images"] == 1
    assert project.planned() <= {"publish"}


@pytest.mark.slow
def test_metrics_params_and_plots_of_two_commits_differ_by_name(project: Project) -> None:
    data = json.loads(project.run("dvc", "metrics", "show", "--json").stdout)[""]["data"]
    headlines = data["data/ci/results/metrics.yaml"]["data"]
    assert set(headlines) == {"psnr_db", "attack_power", "power_ratio", "accuracy", "claims"}
    assert set(data["data/ci/training/metrics.json"]["data"]["mae_vq"]) == {"train_loss", "validation_loss"}
    project.change(DPI)
    metrics = project.root / "data/ci/results/metrics.yaml"
    metrics.write_text(metrics.read_text().replace("does_not_hold: ", "does_not_hold: 10"))
    clean = project.root / "data/ci/results/clean.csv"
    clean.write_text("".join(row for row in clean.read_text().splitlines(True) if ",hevc_ldpc_qpsk," not in row))
    project.commit()
    ((path, found),) = json.loads(project.run("dvc", "metrics", "diff", "--json", "HEAD~1").stdout).items()
    assert (path, set(found)) == ("data/ci/results/metrics.yaml", {"claims.does_not_hold"})
    params = json.loads(project.run("dvc", "params", "diff", "--json", "HEAD~1").stdout)["params.yaml"]
    assert params == {"plot.dpi": {"old": 60, "new": 61, "diff": 1}}
    for name in ("Clean PSNR", "Attack power", "Power ratio", "Accuracy over SNR", "Accuracy over noise", "Training"):
        spec = json.loads(project.run("dvc", "plots", "diff", "HEAD~1", "--show-vega", "--targets", name).stdout)
        assert "DVC_METRIC" not in json.dumps(spec)  # all anchors of the template are filled
        values = spec["data"]["values"]
        assert {row["rev"] for row in values} == {"HEAD~1", "workspace"}
        if name == "Clean PSNR":
            assert {row["rev"] for row in values if row["system"] == "hevc_ldpc_qpsk"} == {"HEAD~1"}
