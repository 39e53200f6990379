"""Measurements of a run become rows of the table of costs, and only those of the run that lies here."""

from __future__ import annotations

import json
from pathlib import Path

from semrobust.pipeline import costs
from tests.workflow.project import Project

BENCHMARK = (
    "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n{}\t\t{}\t1\t1\t1\t1\t1\t1\t{}\n"
)


def made(root: Path, name: str, key: str, measured: tuple[object, object, object]) -> None:
    """A table with its record and what Snakemake measured of its job."""
    result = Path("data/ci/results") / f"{name}.csv"
    (root / result).parent.mkdir(parents=True, exist_ok=True)
    (root / result).write_text("12 bytes....")
    record = {"job": {"kind": "table", "name": name, "key": key}, "outputs": {str(result): "a hash"}}
    (root / result).with_suffix(".json").write_text(json.dumps(record))
    benchmark = root / f"data/ci/benchmarks/table/{name}.tsv"
    benchmark.parent.mkdir(parents=True, exist_ok=True)
    benchmark.write_text(BENCHMARK.format(*measured))


def test_measurements_become_rows(fresh: Project, tmp_path: Path) -> None:
    here, elsewhere = fresh.copy(tmp_path / "here"), tmp_path / "elsewhere"
    (here.root / costs.TABLE).unlink()
    made(here.root, "clean", "one key", (10.0, 300.0, 8.0))
    made(here.root, "fading", "one key", (2.0, "NA", "NA"))
    made(elsewhere, "clean", "one key", (9.0, 400.0, 9.0))
    made(elsewhere, "fading", "another key", (1.0, 900.0, 1.0))
    here.run("python", "workflow/costs.py", ".", str(elsewhere))
    rows = {cost.name: cost for cost in costs.read(here.root / costs.TABLE)}
    assert rows == {
        "clean": costs.Cost("table", "clean", "ci", 9.0, 1, 12, "benchmark", 400.0, 8.0),
        "fading": costs.Cost("table", "fading", "ci", 2.0, 1, 12, "benchmark"),
    }
    before = (here.root / costs.TABLE).read_bytes()
    here.run("python", "workflow/costs.py")
    assert (here.root / costs.TABLE).read_bytes() == before


def test_a_resumed_training_does_not_shorten_the_whole_one(fresh: Project, tmp_path: Path) -> None:
    here = fresh.copy(tmp_path / "here")
    costs.write([costs.Cost("train", "vit", "ci", 500.0, 1, 12, "epochs")], here.root / costs.TABLE)
    model = here.root / "data/ci/models/vit.safetensors"
    model.parent.mkdir(parents=True)
    model.write_text("12 bytes....")
    record = {
        "job": {"kind": "model", "name": "vit", "key": "a key"},
        "outputs": {"data/ci/models/vit.safetensors": ""},
    }
    model.with_suffix(".json").write_text(json.dumps(record))
    benchmark = here.root / "data/ci/benchmarks/train/vit.tsv"
    benchmark.parent.mkdir(parents=True)
    benchmark.write_text(BENCHMARK.format(5.0, 700.0, 5.0))
    here.run("python", "workflow/costs.py")
    (row,) = costs.read(here.root / costs.TABLE)
    assert row == costs.Cost("train", "vit", "ci", 500.0, 1, 12, "epochs", 700.0, 5.0)
