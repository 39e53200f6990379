"""`semrobust rank`, `verify` and `submit`: what docs/ranking.md tells to do, on a run of one network."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file, save_file

from semrobust.cli import main, rank
from semrobust.config import params as config
from semrobust.config.params import Params
from semrobust.measure.vectors import VECTORS
from semrobust.pipeline import files
from semrobust.tables.attacks import BEST_OF
from tests.conftest import ROOT, raw_params
from tests.docs.pages import DOCS, blocks
from tests.made import NET, SNR_DB, Run, made_params

ATTACKS = ("random", "pga_refined")
SEND = ("--title", "Shorter", "--author", "A. Name", "--method", "Shortened while it works.")
Call = Callable[..., Result]


def small(**more: Any) -> Params:
    """One network and two attacks."""
    attacks = {name: None for name in raw_params()["attacks"] if name not in ATTACKS}
    systems = {name: None for name in raw_params()["systems"] if name != NET}
    return made_params(systems=systems, attacks=attacks | more, recognition={"adaptive": {"systems": None}})


def published(params: Params, folder: Path) -> Run:
    found = Run(params, folder)
    for name in ("clean", "attack_power"):
        found.artifact(f"table/{name}")
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return published(small(), tmp_path_factory.mktemp("ranked"))


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], None]:
    """Work in a run's folder, with its params."""

    def used(run: Run) -> None:
        monkeypatch.chdir(run.folder)
        for module in (rank, config):
            monkeypatch.setattr(module, "load", lambda _: run.params)

    return used


@pytest.fixture
def mine(run: Run, tmp_path: Path, use: Callable[[Run], None]) -> Run:
    """A copy of the run, and that is where the command line is called."""
    shutil.copytree(run.folder, tmp_path / "project")
    copy = Run(run.params, tmp_path / "project")
    use(copy)
    return copy


def call(*arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def example() -> None:
    """Do what the page shows: it writes found.safetensors."""
    (text,) = (block.text for block in blocks(DOCS / "ranking.md") if block.language == "python")
    exec(compile(text, "ranking.md", "exec"), {})


def ranked(*arguments: str) -> list[dict[str, Any]]:
    systems: list[dict[str, Any]] = json.loads(call("rank", "--json", *arguments).stdout)["systems"]
    return systems


def test_the_worked_example_improves_the_table(mine: Run, use: Callable[[Run], None]) -> None:
    example()
    sent = call("submit", NET, "found.safetensors", "--out", "submissions/shorter.json", *SEND)
    assert sent.exit_code == 0
    verified = call("verify", "submissions/shorter.json")
    assert verified.exit_code == 0
    assert f"The claim holds. It improves what the run knows at {len(SNR_DB)} of {len(SNR_DB)} SNRs." in verified.stdout
    (before,) = ranked()
    sha256 = files.sha256(Path("submissions/shorter.json"))
    entry = {"kind": "submitted", "label": "Shorter", "run": "made", "system": NET, "sha256": sha256}
    better = published(small(shorter=entry), mine.folder)
    use(better)
    (after,) = ranked()
    assert after["power_total_median"] < before["power_total_median"]
    assert after["strongest"] == "shorter"
    assert sha256 in json.dumps(better.record(f"attack/{NET}.shorter")["settings"])
    assert f"attack/{NET}.shorter-" in json.dumps(better.record("table/attack_power")["inputs"])
    again = json.loads(call("verify", "submissions/shorter.json", "--json").stdout)
    assert again["holds"]
    assert all(row["better"] == 0 for row in again["snr_db"])
    assert ranked("--verify")[0]["verified"] == "8 of 8"


def test_what_is_claimed_is_what_decoding_shows(mine: Run) -> None:
    vectors = mine.plan[f"attack/{NET}.random"].path(VECTORS)
    call("submit", NET, str(vectors), "--out", "sent.json", *SEND)
    claims = json.loads(Path("sent.json").read_text())["claims"]
    table = mine.frame("table/attack_power").query("attack == 'random'")
    assert [claim["power_total_mean"] for claim in claims] == pytest.approx(table["power_total_mean"].tolist(), 1e-5)
    assert [claim["broken"] for claim in claims] == [8, 8]


def spoilt(change: Callable[[dict[str, Any]], object]) -> Result:
    """The verdict on a submission that was changed by hand."""
    path = Path("sent.json")
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return call("verify", str(path))


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (lambda said: said["claims"][1].update(power_total_mean=1.0), 1, "The claim does not hold at 10 dB: 8 images"),
        (lambda said: said["against"].update(seed=3), 1, "against.seed: 3, here 20260324\nnot decoded"),
        (lambda said: said["against"].update(run="laptop"), 2, "sent.json is about the run 'laptop', not 'made'"),
        (lambda said: said["against"].update(system="nobody"), 2, "no attack of these params is run on 'nobody'"),
        (lambda said: said.update(format=3), 2, "sent.json: format: 3, input should be 1"),
    ],
)
def test_exit_codes_tell_a_wrong_claim_from_a_wrong_file(
    change: Callable[[dict[str, Any]], object], code: int, message: str, mine: Run
) -> None:
    vectors = mine.plan[f"attack/{NET}.random"].path(VECTORS)
    assert call("submit", NET, str(vectors), "--out", "sent.json", *SEND).exit_code == 0
    result = spoilt(change)
    assert message in result.output
    assert result.exit_code == code


def test_without_samples_the_table_says_what_is_known(mine: Run) -> None:
    example()
    call("submit", NET, "found.safetensors", "--out", "sent.json", *SEND)
    shutil.rmtree(f"data/{mine.params.run}/samples")
    result = call("verify", "sent.json")
    assert result.exit_code == 0
    assert "Its mean is below the run's at 2 of 2 SNRs" in result.stdout
    part = {name: vectors[:2] for name, vectors in load_file("found.safetensors").items()}
    save_file(part, "part.safetensors")
    call("submit", NET, "part.safetensors", "--out", "sent.json", *SEND, "--images", "0,1")
    assert "What the run knows of these images stands in its samples" in call("verify", "sent.json").stdout
    refused = call("rank", "--verify")
    assert refused.exit_code == 1
    assert "is missing: run `snakemake" in refused.stderr


def test_images_that_do_not_fit_the_rows_are_refused(mine: Run) -> None:
    vectors = str(mine.plan[f"attack/{NET}.random"].path(VECTORS))
    for images in ("0,1", "0,1,2,3,4,5,6,6", "0,1,2,3,4,5,6,8", "-1,0,1,2,3,4,5,6", "0,a"):
        result = call("submit", NET, vectors, "--out", "sent.json", *SEND, "--images", images)
        assert result.exit_code == 2
        assert "--images" in result.stderr
        assert not Path("sent.json").exists()


def test_vectors_are_never_overwritten_by_what_describes_them(mine: Run) -> None:
    vectors = mine.plan[f"attack/{NET}.random"].path(VECTORS)
    before = vectors.read_bytes()
    result = call("submit", NET, str(vectors), "--out", str(vectors), *SEND)
    assert (result.exit_code, "must end in .json" in result.stderr) == (2, True)
    assert vectors.read_bytes() == before


def test_zeros_are_refused_before_anything_is_written(mine: Run) -> None:
    save_file({f"snr_db={snr_db:g}": torch.zeros(8, 384) for snr_db in SNR_DB}, "zeros.safetensors")
    result = call("submit", NET, "zeros.safetensors", "--out", "sent.json", *SEND)
    assert result.exit_code == 2
    assert "zeros.safetensors has zeros for image " in result.stderr
    assert not Path("sent.json").exists()


def test_the_published_tables_are_enough_to_rank(mine: Run) -> None:
    for part in ("dataset", "models", "samples", "tables"):
        shutil.rmtree(f"data/{mine.params.run}/{part}")
    said = call("rank").stdout
    assert said.startswith(
        "ten photographs in place of a data set: a trial of the pipeline, no result about the papers\n"
    )
    assert "run made, photos10, 10 dB, N = 384" in said
    frame = pd.read_csv(io.StringIO(call("rank", "--csv", "--snr-db", "5").stdout))
    table = pd.read_csv("data/made/results/attack_power.csv").query(f"snr_db == 5 and attack == '{BEST_OF}'")
    assert frame["power_total_median"].tolist() == table["power_total_median"].tolist()
    assert frame["system"].tolist() == [NET]
    assert call("rank", "--csv", "--json").stderr == "semrobust: --csv and --json: choose one\n"
    wrong = call("rank", "--snr-db", "7")
    assert (wrong.exit_code, wrong.stderr) == (2, "semrobust: --snr-db 7: the run has 5, 10\n")
    Path("data/made/results/clean.csv").write_text("edited")
    assert call("rank").exit_code == 1


def test_the_recorded_run_is_ranked_by_power_and_by_quality() -> None:
    with contextlib.chdir(ROOT):
        power, clean = ranked(), ranked("--by", "clean", "--snr-db", "10")
    assert {row["system"] for row in power} == {row["system"] for row in clean}
    for rows, column in ((power, "power_total_median"), (clean, "psnr_db")):
        values = [row[column] for row in rows if row[column] is not None]
        assert values == sorted(values, reverse=True)
        assert len(values) > 2
    assert all(row["strongest"] and row["side"] in ("semantic", "classical") for row in power)
