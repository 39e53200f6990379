"""The benchmark of attacks on trained systems: what it refuses, and that its numbers belong together."""

from __future__ import annotations

from pathlib import Path

import pytest

from semrobust.config.params import Params
from semrobust.errors import ArtifactError, UsageError
from semrobust.measure.bench_power import measure
from semrobust.pipeline.plan import Plan
from tests.made import NET, Run


def test_times_an_attack_and_extrapolates(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArtifactError, match=r"deepjscc-\w+\.safetensors is missing: run `snakemake"):
        measure(run.plan, NET, "pga_refined", 3, 1)
    run.artifact(f"train/{NET}")
    monkeypatch.chdir(run.folder)
    found = measure(run.plan, NET, "pga_refined", 3, 1)
    assert found["minutes_for_1000_images_at_11_snrs"] == pytest.approx(found["seconds"] / 3 * 11000 / 60)
    assert (found["images"], found["settings"]["max_steps"]) == (3, 40)
    assert 0 <= found["success_rate"] <= 1


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("deepjscc", "vulnerable_set"), "is not run on"),
        (("hevc_ldpc_qpsk", "vulnerable_set"), "needs the results of other jobs"),
        (("deepjscc", "transfer_pga"), "needs the results of other jobs"),
    ],
)
def test_refuses_what_it_cannot_time(params: Params, pair: tuple[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        measure(Plan.of(params), *pair, 3, 1)
