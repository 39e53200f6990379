"""The benchmark of attacks on trained systems: what it refuses, and that its numbers belong together."""

from __future__ import annotations

from pathlib import Path

import pytest

from semrobust.config.params import Params
from semrobust.data import stage
from semrobust.errors import ArtifactError, UsageError
from semrobust.measure.bench_power import measure
from semrobust.training import build


def test_times_an_attack_and_extrapolates(
    small_params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArtifactError, match=r"deepjscc\.safetensors is missing: run `snakemake"):
        measure(small_params, "deepjscc", "pga", 3, 1)
    stage.run(small_params, ["test"])
    build.run(small_params, "deepjscc", ["test"])
    found = measure(small_params, "deepjscc", "pga", 3, 1)
    assert found["minutes_for_1000_images_at_11_snrs"] == pytest.approx(found["seconds"] / 3 * 11000 / 60)
    assert (found["images"], found["settings"]["max_steps"]) == (3, 10)
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
        measure(params, *pair, 3, 1)
