"""The decoder's benchmark: what it counts and reports. Its timings are nobody's business here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from semrobust.cli import main
from semrobust.figures.canvas import read_id
from semrobust.phy import bench, ldpc, roofline, scaling


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes and numbers of words with which every verb takes seconds."""
    monkeypatch.setattr(bench, "LENGTH", 96)
    monkeypatch.setattr(bench, "_ROUNDS", 2)
    monkeypatch.setattr(bench, "_WORDS", 60)
    monkeypatch.setattr(bench, "_FACTOR_WORDS", 200)
    monkeypatch.setattr(bench, "cores", lambda: 1)
    monkeypatch.setattr(scaling, "cores", lambda: 2)
    monkeypatch.setattr(scaling, "LENGTH", 96)
    monkeypatch.setattr(scaling, "BATCHES", (1, 16))
    monkeypatch.setattr(scaling, "LENGTHS", (48, 192))
    monkeypatch.setattr(scaling, "_WORDS", 32)
    monkeypatch.setattr(scaling, "_LEAST", 16)
    monkeypatch.setattr(roofline, "ceilings", lambda threads: {"operations": 1e11, "bytes_l1": 1e11, "bytes_l2": 5e10})


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_comparison_has_all_decoders_on_the_same_words() -> None:
    measured = json.loads(CliRunner().invoke(main, ["bench", "ldpc", "--json"]).stdout)
    for name in ("ours", "ours_min_sum", "sionna", "pyldpc"):
        low, high = measured[f"fer_{name}_interval"]
        assert 0 < low < measured[f"fer_{name}"] < high < 1
        assert measured[name] > 0
    assert measured["words"] == measured["words_sionna"] == measured["words_pyldpc"] == 120
    assert abs(measured["fer_ours"] - measured["fer_sionna"]) < 0.1
    assert abs(measured["fer_ours"] - measured["fer_pyldpc"]) < 0.1
    assert measured["ratio_sionna"] == pytest.approx(measured["ours"] / measured["sionna"], rel=1.0)
    assert measured["snr_db"] == bench.SNR_DB
    assert torch.get_num_threads() == 1


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_report_shows_error_rates_over_factors() -> None:
    output = CliRunner().invoke(main, ["bench", "ldpc"]).stdout
    assert "ours, sum-product:" in output
    assert all(f"{factor}" in output for factor in bench.FACTORS)
    assert "5G NR, 1.5 dB" in output


def test_every_decoder_is_given_the_right_words_signs_and_noise(regular: ldpc.LdpcCode) -> None:
    sent, llr = bench.sent_and_received(regular, 16, 5.0)
    for say in (bench._ours(regular), bench._sionna(regular), bench._pyldpc(regular, 5.0)):
        assert int((say(llr) != sent).any(1).sum()) <= 1


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_scaling_writes_table_numbers_and_figure(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["bench", "ldpc", "--scaling", "--out", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0
    names = [f"ldpc_speed.{suffix}" for suffix in ("csv", "json", "pdf", "png")]
    assert [Path(line).name for line in result.stdout.split()] == names
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    summary = json.loads((tmp_path / names[1]).read_text())
    assert set(summary["versions"]) >= {"numba", "numpy", "torch"}
    assert summary["rules"]["min-sum"]["cores_1"]["share_of_operations"] > 0
    assert read_id(tmp_path / names[2]) == read_id(tmp_path / names[3])


def test_demand_is_what_the_source_asks_for() -> None:
    """By hand: min-sum has 16 operations per edge and 4 per check; 5 rows of state move, and 6 of scratch."""
    for degree in (3, 6, 12):
        work = roofline.demand("min-sum", degree)
        assert work["operations"] == pytest.approx(16 + 4 / degree)
        assert work["divisions"] == 0
        assert work["bytes_state"] == 20
        assert work["bytes_all"] == pytest.approx(20 + 24 + 8 / degree)
    work = roofline.demand("sum-product", 6)
    assert work["divisions"] == 2
    assert work["bytes_state"] == 20
    assert 60 < work["operations"] < 90


def test_ceilings_are_finite_rates() -> None:
    data = np.zeros((12, 16), np.float32)
    roofline._multiply(data, 10)
    expected = 0.001 * sum(0.999**power for power in range(10))
    np.testing.assert_allclose(data[0], 12 * expected, rtol=1e-5)
    roofline._update(data, 3)
    np.testing.assert_allclose(data[1:], 3.0)
