"""The benchmark of the trainings of hu2022: which it measures, and how it adds up their hours."""

from __future__ import annotations

from pathlib import Path

import pytest

from semrobust.errors import ArtifactError
from semrobust.training.bench import PRECISIONS, recognition_hours
from tests.made import Run, made_params

SCHEDULES = {"vit": {"epochs": 3, "images": 70, "batch": 32}, "vit_at": {"epochs": 2, "images": None, "batch": 32}}
"""The second one is trained against an adversary, on all images."""


def test_hours_are_those_of_all_epochs(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = dict.fromkeys(("mae", "mae_pretrained", "jpeg_vit"))
    systems = {**others, **{name: {"training": given} for name, given in SCHEDULES.items()}}
    params = made_params(systems=systems, recognition={"adaptive": {"systems": None}})
    of = Run(params, run.folder)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArtifactError, match="is missing: run `snakemake"):
        recognition_hours(params, of.plan, 2, lambda _: None)
    assert of.plan["dataset/photos10"].key == run.artifact("dataset/photos10").key
    monkeypatch.chdir(run.folder)
    told: list[str] = []
    measured = recognition_hours(params, of.plan, 2, told.append)
    systems = measured["systems"]
    assert {name: one["images"] for name, one in systems.items()} == {
        "vit": 3 * 64,  # whole batches of 70 images
        "vit_at": 2 * 512,  # of all images
    }
    assert [line.split()[0] for line in told] == list(systems)
    for one in systems.values():
        assert all(one[precision]["images_per_second"] > 0 for precision in PRECISIONS)
        speed = one[one["precision"]]["images_per_second"]
        assert one["hours"] == pytest.approx(one["images"] / speed / 3600)
    assert measured["hours"] == pytest.approx(sum(one["hours"] for one in systems.values()))
