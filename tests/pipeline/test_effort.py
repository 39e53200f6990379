"""What jobs cost, and what a run is expected to take."""

from __future__ import annotations

from pathlib import Path

import pytest

from semrobust.config.params import Params, load, merge, read_yaml, validate
from semrobust.errors import ArtifactError
from semrobust.pipeline import costs, effort
from semrobust.pipeline.costs import Cost
from tests.conftest import ROOT

MEASURED = [
    Cost("train", "deepjscc", "laptop", 100.0, 2, 1000, "benchmark", 500.0, 180.0),
    Cost("attack", "deepjscc.pga", "laptop", 60.0, 1, 1000, "metadata"),
    Cost("attack", "hevc_ldpc_qpsk.random", "laptop", 6.0, 1, 1000, "metadata"),
]


@pytest.fixture(scope="module")
def reference() -> Params:
    return load([ROOT / "params.yaml"])


def estimates(reference: Params, **overlay: object) -> dict[effort.JobName, effort.Estimate]:
    params = validate(merge(read_yaml(ROOT / "params.yaml"), {"run": "other"} | overlay))
    return effort.estimate(params, MEASURED, reference)


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    table = tmp_path / "jobs.csv"
    costs.write(MEASURED, table)
    assert sorted(costs.read(table), key=str) == sorted(MEASURED, key=str)


def test_what_is_no_table_of_costs_is_named(tmp_path: Path) -> None:
    table = tmp_path / "jobs.csv"
    table.write_text("rule,name\ntrain,deepjscc\n")
    with pytest.raises(ArtifactError, match=r"jobs\.csv is no table of job costs.*workflow/costs\.py"):
        costs.read(table)
    with pytest.raises(ArtifactError, match=r"none\.csv"):
        costs.read(tmp_path / "none.csv")


def test_a_measured_job_takes_what_its_processor_was_busy(reference: Params) -> None:
    job = effort.estimate(reference, MEASURED, reference)["train", "deepjscc"]
    assert (job.seconds, job.basis) == (90.0, "measured")


def test_more_epochs_and_more_images_take_longer_in_proportion(reference: Params) -> None:
    epochs = reference.section("systems", "deepjscc", "training")["epochs"]
    longer = estimates(reference, systems={"deepjscc": {"training": {"epochs": 4 * epochs}}})
    assert longer["train", "deepjscc"].seconds == pytest.approx(360.0)
    assert longer["train", "deepjscc"].output_bytes == 1000
    more = estimates(reference, evaluation={"attack_images": 5 * reference.evaluation.attack_images})
    assert more["attack", "deepjscc.pga"].seconds == pytest.approx(300.0)
    assert more["attack", "deepjscc.pga"].output_bytes == pytest.approx(5000)


def test_steps_of_adversarial_training_are_passes_of_their_own(reference: Params) -> None:
    schedule = reference.section("systems", "vit_at", "training")
    plain = merge(read_yaml(ROOT / "params.yaml"), {"systems": {"vit_at": {"training": {"adversarial": None}}}})
    ratio = effort.work(reference, "train", "vit_at") / effort.work(validate(plain), "train", "vit_at")
    assert ratio == 1 + schedule["adversarial"]["iterations"] + 1


def test_a_job_without_a_measurement_is_like_one_of_its_kind(reference: Params) -> None:
    found = estimates(reference)
    assert found["attack", "deepjscc_noiseless.pga"] == effort.Estimate(60.0, 1000, 1, "alike")
    assert found["attack", "hevc_ldpc_16qam.random"].seconds == 6.0
    assert found["noise", "vit"].basis == "alike"


def test_every_job_of_every_preset_can_be_estimated() -> None:
    measured = costs.read(ROOT / costs.TABLE)
    for preset in ("demo", "ci", "paper"):
        params = load([ROOT / "params.yaml", ROOT / "params" / f"{preset}.yaml"])
        found = effort.estimate(params, measured, load([ROOT / "params.yaml"]))
        assert list(found) == effort.jobs(params)
        assert all(job.seconds > 0 and job.output_bytes >= 0 for job in found.values())
