"""Files are right by their names: in a clone after `dvc pull`, with either engine, whatever times and metadata say."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.workflow.project import Project, changed, tree

pytestmark = pytest.mark.slow

PLOT = {"plot": {"dpi": 61}}
TRAINING = {"systems": {"deepjscc_noiseless": {"training": {"epochs": 3}}}}


def kinds(addresses: set[str]) -> set[str]:
    return {address.partition("/")[0] for address in addresses}


def test_a_dry_run_in_a_clean_checkout_plans_everything_and_writes_nothing(fresh: Project) -> None:
    before = tree(fresh.root)
    assert fresh.planned() == {artifact.address for artifact in fresh.plan()}
    fresh.run("snakemake", "-n", "all")
    assert tree(fresh.root) == before


def test_an_overlay_of_any_name_in_a_folder_of_any_name_reaches_no_shell(fresh: Project, tmp_path: Path) -> None:
    project = fresh.copy(tmp_path / "it's here")
    overlay = project.root / "My 'Overlays'" / "$(touch INJECTED)&{x}=ä.yaml"
    overlay.parent.mkdir()
    overlay.write_text("run: other\n")
    project.snakemake("images", "--configfile", str(overlay.relative_to(project.root)))
    assert list((project.root / "data/other/dataset").glob("photos10-*.json"))
    assert not list(tmp_path.rglob("INJECTED"))


def test_a_finished_run_has_all_under_plain_names_and_a_second_call_does_nothing(finished: Project) -> None:
    for artifact in finished.plan():
        stem = artifact.plain_stem
        for suffix in artifact.suffixes if stem else ():
            assert (finished.root / f"{stem}{suffix}").stat().st_size > 0
    before = tree(finished.root)
    assert finished.planned() == set()
    assert tree(finished.root) == before


def test_what_a_change_remakes_and_that_going_back_costs_nothing(pulled: Project) -> None:
    """Both ways, without metadata and with times that say nothing: first a plotting param, then a training's."""
    assert pulled.planned() == set()
    before, original = pulled.plan(), pulled.params()
    published = {path: path.read_bytes() for path in (pulled.root / "figures/ci").glob("*.p*")}

    pulled.change(PLOT)
    asked = changed(before, pulled.plan())
    assert pulled.planned() == asked
    assert kinds(asked) == {"figure", "report"}
    pulled.snakemake(*(str(pulled.plan()["figure/extra_fading"].path()),))
    assert (pulled.root / "figures/ci/extra_fading.png").read_bytes() != published[
        pulled.root / "figures/ci/extra_fading.png"
    ]
    pulled.write_params(original)
    assert pulled.planned() == {"publish"}
    pulled.snakemake("all")
    assert {path: path.read_bytes() for path in published} == published

    pulled.change(TRAINING)
    asked = changed(before, pulled.plan())
    assert pulled.planned() == asked
    assert {"train/deepjscc_noiseless", "clean/deepjscc_noiseless", "attack/deepjscc_noiseless.pga"} <= asked
    assert {"table/clean", "table/criteria", "figure/zhang2026_fig4_clean", "report/report"} <= asked
    assert not {"train/deepjscc", "clean/deepjscc", "train/vit", "accuracy/vit", "table/accuracy"} & asked
    model = pulled.plan()["train/deepjscc_noiseless"]
    pulled.snakemake(str(model.path()))
    assert (pulled.root / before["train/deepjscc_noiseless"].path()).exists()  # the old one stays, under its own name
    pulled.write_params(original)
    assert pulled.planned() == set()


def test_one_artifact_of_each_stage_is_made_by_the_engine_to_the_same_bytes(
    project: Project, finished: Project
) -> None:
    """Those that were there were made one after another in one process. All rules are alike, so a stage stands for its
    steps; `.ci/run` makes the whole DAG by the engine."""
    one_of_each = {artifact.stage: artifact for artifact in project.plan()}
    for artifact in one_of_each.values():
        for path in artifact.paths:
            (project.root / path).unlink()
    assert project.planned() == {artifact.address for artifact in one_of_each.values()}
    project.snakemake("all")
    assert project.results() == finished.results()
    assert project.planned() == set()


def test_a_plain_clone_measures_anew_but_trains_nothing(finished: Project, tmp_path: Path) -> None:
    """Networks and what is published are in git, the dataset and the samples are not."""
    clone = finished.clone(tmp_path / "clone")
    planned = kinds(clone.planned())
    assert {"dataset", "clean", "attack", "accuracy", "table", "figure"} <= planned
    assert "train" not in planned
    clone.run("semrobust", "restore")
    assert not {"train", "table", "figure"} & kinds(clone.planned())
    clone.path("figure/extra_fading").unlink()
    assert clone.planned("figures") == {"figure/extra_fading", "report/report"}, "nothing is measured for a figure"


def test_no_time_of_a_file_decides_anything(pulled: Project) -> None:
    future = time.time() + 10_000
    for address in ("dataset/photos10", "train/deepjscc", "table/clean"):
        os.utime(pulled.path(address), (future, future))
    assert pulled.planned() == set()


def test_deleted_and_edited_copies_are_put_right_and_nothing_is_made(pulled: Project) -> None:
    results, figures = pulled.root / "data/ci/results", pulled.root / "figures/ci"
    touched = [
        results / "clean.csv",
        results / "metrics.yaml",
        figures / "extra_fading.png",
        figures / "extra_fading.pdf",
    ]
    kept = {path: path.read_bytes() for path in touched}
    touched[0].write_text(touched[0].read_text().replace("ok", "no", 1))
    for path in touched[1:]:
        path.unlink()
    assert pulled.planned() == {"publish"}
    pulled.snakemake("all")
    assert {path: path.read_bytes() for path in touched} == kept
    assert pulled.planned() == set()


def test_an_altered_artifact_is_refused_by_whatever_reads_it(pulled: Project) -> None:
    model = pulled.path("train/deepjscc_noiseless")
    content = bytearray(model.read_bytes())
    content[-1] ^= 1
    model.unlink()
    model.write_bytes(content)
    pulled.path("clean/deepjscc_noiseless").unlink()
    refused = pulled.run("semrobust", "clean", "deepjscc_noiseless", ok=False)
    assert refused.returncode == 1
    assert f"{model.relative_to(pulled.root)} is not the file that was written" in refused.stderr
    assert "run the workflow again" in refused.stderr
    audited = pulled.run("semrobust", "audit", ok=False)
    assert audited.returncode == 1
    assert model.name in audited.stdout


def test_wrong_params_stop_both_engines_before_any_job(fresh: Project, tmp_path: Path) -> None:
    project = fresh.copy(tmp_path / "project")
    project.change({"link": {"real_uses": 770}})
    message = "link.real_uses must be a multiple of 64, not 770"
    before = tree(project.root)
    done = project.snakemake("all", ok=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert tree(project.root) == before
    done = project.run("dvc", "repro", ok=False)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    assert not (project.root / "data").exists()


def test_overlays_are_found_whatever_they_are_called_and_config_is_refused(fresh: Project, tmp_path: Path) -> None:
    project = fresh.copy(tmp_path / "project")
    folder = project.root / "My Overlays"
    folder.mkdir()
    shutil.copy(project.root / "params/ci.yaml", folder / "o'neil & co.yaml")
    done = project.run("snakemake", "-n", "all", "--configfile", "My Overlays/o'neil & co.yaml")
    assert "data/ci/tables/clean-" in done.stdout + done.stderr
    done = project.run("snakemake", "-n", "all", "--config", "seed=5", ok=False)
    assert done.returncode == 2
    assert "write what --config would say into an overlay" in done.stderr
