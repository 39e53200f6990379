"""The benchmark of instantons: every number beside its bar, printed as documented; a wrong name is answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml
from click.testing import CliRunner

from semrobust.attacks.code.instanton.search import quiet
from semrobust.cli import main
from semrobust.config import params
from semrobust.measure import bench_instantons
from semrobust.measure.bench_instantons import Case
from semrobust.phy.decoder import Decoder
from semrobust.phy.power import noise_variance
from tests.attacks.samples import CHEAP, REPOSITORY, code_named

SHORT = Case(lambda: code_named("regular"), {"rule": "sum-product", "iterations": 10}, {6.0: 1e9, 8.0: 0.0}, 0.0)


def test_the_command_line_prints_one_json_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_instantons, "WORDS", 4)
    monkeypatch.setitem(bench_instantons.CASES, "short", SHORT)
    content = params.read_yaml(REPOSITORY / "params.yaml")
    content["instantons"] |= {"starts": 8, "depths": [4], "steps": 30, "hops": 2, "width": 8, "final": 1, "kept": 8}
    content["attacks"]["instantons"] |= CHEAP["instantons"]
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    done = CliRunner().invoke(main, ["bench", "instantons", "short", "--json", "--params", str(file)])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["cases"]["short"]
    assert (found["bar"], found["met"]) == (0.0, False)
    assert found["least"] == pytest.approx(found["energies"][0], abs=1e-3)
    assert {snr: row["met"] for snr, row in found["words"].items()} == {"6": True, "8": False}
    assert all(row["success"] == 1.0 and row["power_total_mean"] > 0 for row in found["words"].values())
    decoder, steady = Decoder(SHORT.code(), **SHORT.decoder), found["steady"]
    push = torch.zeros(1, decoder.code.n)
    push[0, steady["bits"]] = torch.tensor(steady["pushes"])
    lengths = torch.tensor([[0.98], [1.0], [1.02]])
    assert (
        quiet(decoder, noise_variance(found["snr_db"])).fails(-lengths * push, torch.zeros(3, dtype=torch.int64)).all()
    )


def test_a_case_that_is_none_is_answered() -> None:
    done = CliRunner().invoke(main, ["bench", "instantons", "hamming", "--params", str(REPOSITORY / "params.yaml")])
    assert done.exit_code == 2
    assert "must be of regular_4_6" in done.output
