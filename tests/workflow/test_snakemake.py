"""Snakemake reruns what depends on a change and nothing else, and is never misled by files from elsewhere."""

from __future__ import annotations

import json
import shutil

import pytest

from semrobust.config.registry import FIGURES
from semrobust.pipeline import outputs
from semrobust.pipeline.layout import Layout
from tests.workflow.project import Project, tree

pytestmark = pytest.mark.slow

MORE_EPOCHS = {"systems": {"deepjscc": {"training": {"epochs": 3}}}}
DOWNSTREAM = (
    {("table", table) for table in outputs.TABLES}
    | {("figure", figure) for figure in FIGURES}
    | {("gallery", ""), ("metrics", "")}
)

REPORT = {("report", "")}
"""It shows everything, so it is made again with anything."""


def only(*tables: str) -> set[tuple[str, str]]:
    """These tables and the figures that show nothing else."""
    figures = {name for name in FIGURES if not FIGURES[name].gallery and set(FIGURES[name].tables) <= set(tables)}
    return {("table", table) for table in tables} | {("figure", figure) for figure in figures}


CLASSIFIERS = ("vit", "vit_at", "mae_vq", "mae_vq_coded", "mae_no_at", "jpeg_vit_full")
BLIND = ("random", "pulse_jamming", "universal", "transfer_pga")
DEEPJSCC = (
    {(rule, "deepjscc") for rule in ("train", "clean", "fading", "limits", "criteria")}
    | {("attack", f"deepjscc.{attack}") for attack in (*BLIND, "pga", "pga_refined", "minimum_norm", "carlini_wagner")}
    # its surrogate listens to its encoder
    | {("train", "deepjscc_surrogate"), ("clean", "deepjscc_surrogate"), ("attack", "deepjscc_surrogate.pga_refined")}
)
RETRAINED = DOWNSTREAM - only(outputs.OF_STRUCTURES, *outputs.RECOGNITION_TABLES)
RECOGNIZED = only(*outputs.RECOGNITION_TABLES) | only(outputs.COMPARISON) | {("metrics", "")}


def test_a_run_makes_every_table_and_figure_and_a_second_call_does_nothing(finished: Project) -> None:
    layout = Layout("ci")
    for path in [layout.table(table) for table in outputs.TABLES] + [layout.figure(name) for name in FIGURES]:
        assert (finished.root / path).stat().st_size > 0
        assert (finished.root / path).with_suffix(".json").exists()
    before = tree(finished.root)
    assert finished.planned("all") == set()
    assert tree(finished.root) == before


def test_a_dry_run_in_a_clean_checkout_plans_everything_and_writes_nothing(fresh: Project) -> None:
    before = tree(fresh.root)
    planned = fresh.planned("all")
    assert planned >= DOWNSTREAM | DEEPJSCC | REPORT | {("dataset", "")}
    assert tree(fresh.root) == before


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (MORE_EPOCHS, DEEPJSCC | RETRAINED),
        (
            {"systems": {"deepjscc": {"label": "other"}}},
            {("figure", figure) for figure in FIGURES} - only(*outputs.RECOGNITION_TABLES),
        ),
        (
            {"systems": {"vit_at": {"training": {"shift": 2}}}},
            {("train", "vit_at"), ("train", "jpeg_vit_full"), ("noise", "vit_at"), ("noise", "jpeg_vit_full")}
            | {("accuracy", system) for system in CLASSIFIERS}
            | RECOGNIZED,
        ),
    ],
    ids=["training", "label", "network"],
)
def test_a_change_reruns_what_depends_on_it(
    project: Project, change: dict[str, object], expected: set[tuple[str, str]]
) -> None:
    """With Snakemake's metadata, which `project` has; test_dvc_stages does it without, for each section."""
    project.change(change)
    assert project.planned("all") == expected | (REPORT if expected else set())


def test_a_clone_after_dvc_pull_never_takes_the_old_model_for_the_new_one(pulled: Project) -> None:
    assert pulled.planned("all") == set()
    pulled.change(MORE_EPOCHS)
    assert pulled.planned("all") == DEEPJSCC | RETRAINED | REPORT
    model = pulled.root / Layout("ci").model("deepjscc")
    old = model.read_bytes()
    pulled.snakemake(str(Layout("ci").model("deepjscc")))
    assert model.read_bytes() != old
    record = json.loads(model.with_suffix(".json").read_text())
    assert record["settings"]["system"]["training"]["epochs"] == 3


def test_results_are_current_without_metadata_of_the_jobs_that_made_them_here(project: Project) -> None:
    """What jobs left besides their outputs, such as benchmarks, must not make them stale."""
    shutil.rmtree(project.root / ".snakemake")
    assert project.planned("all") == set()


def test_params_changed_before_the_pull_are_noticed_too(
    finished: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    clone = finished.clone(tmp_path_factory.mktemp("early") / "clone")
    clone.change(MORE_EPOCHS)
    clone.run("dvc", "pull", "-q")
    assert clone.planned("all") == DEEPJSCC | RETRAINED | REPORT


def test_a_job_refuses_inputs_made_with_other_params(project: Project) -> None:
    project.change(MORE_EPOCHS)
    done = project.run("semrobust", "evaluate", "clean", "deepjscc", ok=False)
    assert done.returncode == 1
    assert "system.training.epochs (was 2, now 3)" in done.stderr
    assert "snakemake --cores 2 --forcerun data/ci/models/deepjscc.safetensors" in done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"link": {"snr_db": []}}, "link.snr_db"),
        ({"link": {"real_uses": 770}}, "link.real_uses must be a multiple of 64, not 770"),
        ({"systems": {"deepjscc": {"training": {"epoch": 3}}}}, "systems.deepjscc.training.epoch: 3, unknown key"),
        ({"seed": "one"}, "seed: 'one'"),
    ],
)
def test_wrong_params_stop_both_engines_before_any_job(
    fresh: Project, tmp_path_factory: pytest.TempPathFactory, change: dict[str, object], message: str
) -> None:
    project = fresh.copy(tmp_path_factory.mktemp("wrong") / "project")
    project.change(change)
    before = tree(project.root)
    done = project.snakemake("all", ok=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("invalid parameters") == 1
    assert "Traceback" not in done.stderr
    assert tree(project.root) == before
    done = project.run("dvc", "repro", "dataset", ok=False)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    assert not (project.root / "data").exists()


def test_more_cores_than_there_are_and_an_overlay_preset(fresh: Project) -> None:
    done = fresh.run("snakemake", "-n", "--cores", "64", "all", "--configfile", "params/ci.yaml")
    assert "data/ci/results/clean.csv" in done.stdout + done.stderr


def test_the_default_profile_is_found(fresh: Project) -> None:
    """Snakemake looks for it beside the Snakefile; without it large inputs are compared by their times."""
    done = fresh.run("snakemake", "-n", "all")
    assert "workflow specific profile profiles/default" in done.stdout + done.stderr


def test_config_on_the_command_line_is_refused(fresh: Project) -> None:
    """Jobs read files, so an override that only Snakemake saw would be silently lost."""
    done = fresh.run("snakemake", "-n", "all", "--config", "seed=5", ok=False)
    assert done.returncode != 0
    assert "write an overlay file instead" in done.stderr
