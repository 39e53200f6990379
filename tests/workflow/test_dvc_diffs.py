"""`dvc metrics`, `dvc params` and `dvc plots` on two commits of a real repository."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from semrobust.pipeline.layout import Layout
from tests.workflow.project import ROOT, Project

LAYOUT = Layout("ci")
PLOTS = {
    "Clean PSNR": "psnr_db",
    "Attack power": "ruinable_power_mean",
    "Power ratio": "ratio",
    "Accuracy over SNR": "accuracy",
    "Accuracy over noise": "accuracy",
    "Training": "loss",
}


@pytest.fixture(scope="module")
def commits(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two commits of a run: the second has another parameter and another result."""
    project = finished.copy(tmp_path_factory.mktemp("commits") / "project")
    metrics = project.root / LAYOUT.metrics()
    project.change({"plot": {"dpi": 61}, "criteria": {"images": 3}})
    metrics.write_text(metrics.read_text().replace("does_not_hold: ", "does_not_hold: 10"))
    clean = project.root / LAYOUT.table("clean")
    lines = clean.read_text().splitlines(keepends=True)
    clean.write_text("".join(line for line in lines if ",hevc_ldpc_qpsk," not in line))
    project.commit()
    return project


def shown(project: Project, *command: str) -> Any:
    return json.loads(project.run("dvc", *command).stdout)


@pytest.mark.slow
def test_metrics_are_headline_numbers_and_losses(finished: Project) -> None:
    data = shown(finished, "metrics", "show", "--json")[""]["data"]
    headlines = data[str(LAYOUT.metrics())]["data"]
    assert headlines == yaml.safe_load((finished.root / LAYOUT.metrics()).read_text())
    assert set(headlines) == {"psnr_db", "attack_power", "power_ratio", "accuracy", "claims"}
    assert set(headlines["psnr_db"]) == {"deepjscc", "deepjscc_noiseless", "hevc_ldpc_qpsk"}
    losses = data[str(LAYOUT.root / "training/metrics.json")]["data"]
    assert set(losses["mae_vq"]) == {"train_loss", "validation_loss"}
    table = finished.run("dvc", "metrics", "diff", "--all", "HEAD").stdout  # one line per number
    assert [line for line in table.splitlines() if "psnr_db.hevc_ldpc_qpsk.12_db" in line]


@pytest.mark.slow
def test_differences_of_two_commits_are_told_by_name(commits: Project) -> None:
    ((path, changed),) = shown(commits, "metrics", "diff", "--json", "HEAD~1").items()
    assert path == str(LAYOUT.metrics())
    assert set(changed) == {"claims.does_not_hold"}
    old, new = changed["claims.does_not_hold"]["old"], changed["claims.does_not_hold"]["new"]
    assert new == int(f"10{old}")
    params = shown(commits, "params", "diff", "--json", "HEAD~1")["params.yaml"]
    assert params["plot.dpi"] == {"old": 60, "new": 61, "diff": 1}
    assert params["criteria.images"] == {"old": 4, "new": 3, "diff": -1}
    assert len(params) == 2


def fields(spec: Any) -> set[str]:
    """Every field that a Vega-Lite specification encodes."""
    if isinstance(spec, dict):
        own = {spec["field"]} if isinstance(spec.get("field"), str) else set()
        return own.union(*(fields(value) for key, value in spec.items() if key not in ("data", "transform")))
    return set().union(*(fields(value) for value in spec)) if isinstance(spec, list) else set()


def computed(spec: Any) -> set[str]:
    """Every field that its transforms add."""
    return {step["as"] for step in spec.get("transform", []) if "as" in step}


@pytest.mark.slow
@pytest.mark.parametrize("name", PLOTS)
def test_plots_tell_systems_and_revisions_apart(commits: Project, name: str) -> None:
    spec = shown(commits, "plots", "diff", "HEAD~1", "--show-vega", "--targets", name)
    text = json.dumps(spec)
    assert "DVC_METRIC" not in text  # all anchors of the template are filled
    values = spec["data"]["values"]
    assert {row["rev"] for row in values} == {"HEAD~1", "workspace"}
    assert len({row["system"] for row in values}) >= 2
    assert fields(spec) <= set(values[0]) | computed(spec)
    assert {"rev", "system", PLOTS[name]} <= fields(spec)
    assert spec["title"]
    logarithmic = '"type": "log"' in text
    assert logarithmic == (name in ("Attack power", "Power ratio", "Training"))
    if name == "Clean PSNR":
        chain = [row["rev"] for row in values if row["system"] == "hevc_ldpc_qpsk"]
        assert set(chain) == {"HEAD~1"}  # the second commit lacks it


@pytest.mark.slow
def test_all_plots_are_on_one_page(commits: Project) -> None:
    commits.run("dvc", "plots", "show")
    page = (commits.root / "dvc_plots" / "index.html").read_text()
    assert all(json.dumps(title)[1:-1] in page or title in page for title in titles())
    assert commits.git("status", "--porcelain") == ""


def titles() -> list[str]:
    content = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    plots = [next(iter(plot.items())) for plot in content["plots"]]
    assert {name for name, _ in plots} == set(PLOTS)
    for _, given in plots:
        assert (ROOT / ".dvc" / "plots" / f"{given['template']}.json").exists()
        assert given["x_label"]
        assert given["y_label"]
    return [given["title"] for _, given in plots]
