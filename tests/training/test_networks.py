"""The list of networks says what is here; training all anew keeps the old ones until the new ones are whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from semrobust.cli import main
from semrobust.config.params import Params, merge, validate
from semrobust.errors import ArtifactError
from semrobust.pipeline.files import sha256
from semrobust.pipeline.plan import Artifact, Plan
from semrobust.pipeline.work import finished, make
from semrobust.tables.ranking import ranking
from semrobust.training import retrain as module
from semrobust.training.networks import COLUMNS, rows
from semrobust.training.retrain import retrain
from tests.conftest import ROOT, SMALL, raw_params
from tests.made import NET, Run, made_params


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Params, Plan]:
    """A run in an empty folder, with its dataset and little more than two networks."""
    monkeypatch.chdir(tmp_path)
    others = dict.fromkeys(("jpeg_ldpc_qpsk", "jpeg_ldpc_16qam"))
    params = validate(merge(merge(raw_params(), SMALL), {"systems": others}))
    return params, Plan.of(params)


def test_what_is_missing_whole_or_altered_is_said(two: tuple[Params, Plan]) -> None:
    params, plan = two
    before = rows(params, plan)
    assert [row["system"] for row in before] == ["deepjscc", "deepjscc_noiseless"]
    assert all(tuple(row) == tuple(COLUMNS) for row in before)
    assert {row["state"] for row in before} == {"missing"}
    make(plan, "dataset/photos10")
    path = make(plan, "train/deepjscc").path()
    first, second = rows(params, plan)
    assert (first["state"], second["state"]) == ("ok", "missing")
    assert first["parameters"] == before[0]["parameters"] == second["parameters"]
    assert 0 < first["bytes"] - before[0]["bytes"] < 8192  # names and shapes beside the numbers
    assert (first["sha256"], first["epochs"], first["images"], first["snr_db"]) == (sha256(path), 2, 96, 10.0)
    assert (first["precision"], first["device"], first["compiled_epochs"]) == ("fp32", "cpu", 0)
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    assert rows(params, plan)[0]["state"] == "altered"


def test_numbers_are_those_of_published_tables(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    clean, power, _ = (run.frame(f"table/{table}") for table in ("clean", "attack_power", "accuracy"))
    monkeypatch.chdir(run.folder)
    found = {row["system"]: row for row in rows(run.params, run.plan)}
    assert 5 < found[NET]["clean"] < 40
    ranked = ranking(run.params, clean, power, found[NET]["at_snr_db"]).set_index("system")
    assert (found[NET]["clean"], found[NET]["attacked"]) == tuple(ranked.loc[NET, ["psnr_db", "psr_db"]])
    assert 0 <= found["vit"]["attacked"] <= 1
    assert found["vit"]["at_snr_db"] is None
    assert 0 <= found["mae_vq"]["clean"] <= 1
    assert found["mae_vq"]["at_snr_db"] == 12.0
    other = made_params(evaluation={"bootstrap_samples": 101})
    assert {row["clean"] for row in rows(other, Run(other, run.folder).plan)} == {None}


def test_old_networks_stay_until_all_new_ones_are_whole(
    two: tuple[Params, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, plan = two
    with pytest.raises(ArtifactError, match="is missing: run `snakemake"):
        retrain(plan, [], lambda _: None)
    make(plan, "dataset/photos10")
    right = make(plan, "train/deepjscc").path().read_bytes()
    path = plan["train/deepjscc"].path()
    path.write_bytes(b"an old network")
    made: list[str] = []

    def killed(given: Plan, address: str, command: Any) -> Artifact:
        if address == "train/deepjscc_noiseless":
            raise KeyboardInterrupt
        made.append(address)
        return make(given, address, command)

    monkeypatch.setattr(module, "make", killed)
    with pytest.raises(KeyboardInterrupt):
        retrain(plan, [], lambda _: None)
    assert "train/deepjscc" in made
    assert path.read_bytes() == b"an old network"
    monkeypatch.setattr(module, "make", make)
    replaced = retrain(plan, [], lambda _: None)
    assert path.read_bytes() == right
    assert {artifact.address for artifact in replaced} >= {"train/deepjscc", "train/deepjscc_noiseless"}
    assert all(finished(plan, artifact.address).record["outputs"] for artifact in replaced)
    assert not (path.parents[1] / "scratch" / "retrain").exists()


def test_the_verb_lists_the_networks_of_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    told = CliRunner().invoke(main, ["models", "--json"])
    assert told.exit_code == 0
    found = json.loads(told.stdout)
    assert {"deepjscc", "vit"} <= {one["system"] for one in found["systems"]}
    whole = sum(one["bytes"] for one in found["systems"] if one["state"] == "ok")
    assert whole <= 25 * 2**20, "more than the repository should hold"
