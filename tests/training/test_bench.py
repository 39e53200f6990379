"""The benchmark of the trainings of hu2022: which it measures, and how it adds up their hours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from semrobust.cli import main
from semrobust.config import params
from semrobust.pipeline import work
from semrobust.pipeline.plan import Plan
from tests.attacks.samples import REPOSITORY
from tests.conftest import HU2022, SMALL

TINY = {
    "size": {"width": 8, "depth": 1, "heads": 2, "hidden": 8},
    "training": {"epochs": 3, "images": 70, "batch": 32},
    "attacks": [],
}


def project(folder: Path) -> Path:
    """A file with the params of two small transformers, the second trained against an adversary on all images."""
    content = params.merge(params.read_yaml(REPOSITORY / "params.yaml"), SMALL)
    with_adversary = TINY | {"training": {"epochs": 2, "images": None, "batch": 32}}
    systems = dict.fromkeys(HU2022) | {"vit": TINY, "vit_at": with_adversary}
    whole = params.read_yaml(REPOSITORY / "params.yaml")["systems"]
    content = params.merge(content, {"systems": {name: whole[name] for name in ("vit", "vit_at")}})
    content = params.merge(content, {"systems": systems, "recognition": {"images": 5, "batch": 5}})
    file = folder / "params.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def test_hours_are_those_of_all_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = project(tmp_path)
    monkeypatch.chdir(tmp_path)
    missing = CliRunner().invoke(main, ["bench", "trainings", "--params", str(file)])
    assert missing.exit_code == 1
    assert "is missing: run `snakemake" in missing.output
    work.make(Plan.of(params.load([file])), "dataset/photos10")
    result = CliRunner().invoke(main, ["bench", "trainings", "--steps", "2", "--json", "--params", str(file)])
    assert result.exit_code == 0, result.output
    measured = json.loads(result.stdout)
    systems = measured["systems"]
    assert {name: one["images"] for name, one in systems.items()} == {
        "vit": 3 * 64,  # whole batches of 70 images
        "vit_at": 2 * 96,  # of all images
    }
    for one in systems.values():
        speed = one[one["precision"]]["images_per_second"]
        assert one["hours"] == pytest.approx(one["images"] / speed / 3600)
    assert measured["hours"] == pytest.approx(sum(one["hours"] for one in systems.values()))
