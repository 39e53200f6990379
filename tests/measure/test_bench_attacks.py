"""The benchmark of attacks on all-zero words: reproducible, counted as in the tables, printed as documented."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from click.testing import CliRunner

from semrobust.attacks.code.structure.sets import Structure
from semrobust.cli import main
from semrobust.config import params
from semrobust.config.params import Params
from semrobust.measure import bench_attacks
from semrobust.measure.bench_attacks import ZeroWords, measure, target
from semrobust.phy.decoder import Decoder
from semrobust.phy.power import noise_variance, power_from_psr_db
from semrobust.systems.distortion import mean_squared_error
from tests.attacks.samples import CHEAP, REPOSITORY, code_named, structure_of
from tests.attacks.structure.samples import QUICK

WORDS, LENGTH = 6, 96
ATTACKS = ("all_bits", "vulnerable_set")


def raw(*attacks: str, **changes: Any) -> dict[str, Any]:
    """Params of one classical chain and these attacks, and of PGA, which bits do not allow."""
    content = params.read_yaml(REPOSITORY / "params.yaml")
    kept = ("hevc_ldpc_qpsk", "deepjscc")
    content["systems"] = {name: entry if name in kept else None for name, entry in content["systems"].items()}
    content["structure"] = QUICK | {"max_sets": 100}
    content["attacks"] = {
        name: entry | CHEAP.get(name, {}) if name in ("pga", *attacks) else None
        for name, entry in content["attacks"].items()
    }
    content["attacks"]["all_bits"] |= {"step_db": 5.0, "bisections": 2} | changes
    return content


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_attacks, "WORDS", WORDS)
    monkeypatch.setattr(bench_attacks, "SNR_DB", (-8.0, 6.0))
    monkeypatch.setattr(bench_attacks, "_N", LENGTH)


def cut(*attacks: str, **changes: Any) -> Params:
    return params.validate(raw(*attacks, **changes))


@cache
def zero() -> tuple[ZeroWords, Structure]:
    code = code_named("regular")
    return ZeroWords(code, Decoder(code)), structure_of(code)


def test_a_target_is_drawn_by_its_seed_and_snr() -> None:
    first, again, other, louder = (target(*zero(), snr, seed, 8) for snr, seed in ((6, 1), (6, 1), (6, 2), (2, 1)))
    assert torch.equal(first.received, again.received)
    assert torch.equal(first.directions, again.directions)
    for drawn in (other, louder):
        assert not torch.equal(first.directions, drawn.directions)
        noise = (drawn.received - 1) / drawn.noise_variance**0.5
        assert not torch.allclose(noise, (first.received - 1) / first.noise_variance**0.5, atol=0.1)
        assert noise.square().mean().item() == pytest.approx(1.0, abs=0.2)
    assert first.noise_variance == noise_variance(6)
    fewer = target(*zero(), 6, 1, 3)
    assert torch.equal(fewer.received, first.received[:3]), "a word must not depend on how many there are"


def test_the_system_sends_zeros_and_shows_grey_where_a_bit_is_wrong() -> None:
    system, structure = zero()
    aimed = target(system, structure, 6, 1, 4)
    assert (aimed.sent.codewords == 1).all()
    assert aimed.sent.message is not None
    assert not aimed.sent.message.any()
    word = torch.from_numpy(system.code.generator[:1].astype("float32"))
    received = torch.cat([torch.ones_like(word), 1 - 2 * word])
    shown = system.decode(received, 0.1)
    assert shown.failed.tolist() == [False, True]
    mse = mean_squared_error(shown.images, aimed.images[:2])
    assert (mse >= aimed.threshold).tolist() == [False, True]


def test_mean_power_per_snr_and_attack_and_of_the_best() -> None:
    said: list[str] = []
    result = measure(cut(*ATTACKS), said.append)
    assert list(result) == ["-8", "6"]
    assert all(list(powers) == [*ATTACKS, "best_of"] for powers in result.values()), "PGA needs a gradient"
    assert [line.split(":")[0] for line in said] == [f"{snr} dB {name}" for snr in result for name in ATTACKS]
    assert set(result["-8"].values()) == {0.0}, "words that noise loses count with no power"
    powers = result["6"]
    assert 0 < powers["best_of"] <= min(powers.values())
    assert powers["vulnerable_set"] < 0.5 * powers["all_bits"]
    assert measure(cut(*ATTACKS)) == result


def test_words_that_withstand_everything_count_with_the_largest_power_tried() -> None:
    """As in the result tables, and not as infinite, which no JSON can hold."""
    weak = measure(cut("all_bits", start_psr_db=-60.0, stop_psr_db=-50.0))["6"]
    assert weak["all_bits"] == weak["best_of"] == pytest.approx(power_from_psr_db(-50.0, LENGTH), rel=1e-5)
    both = measure(cut(*ATTACKS, start_psr_db=-60.0, stop_psr_db=-50.0))["6"]
    assert both["best_of"] == both["vulnerable_set"] > both["all_bits"], "a failure is never the best, however cheap"


def test_the_command_line_prints_one_json_object(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(raw(*ATTACKS), sort_keys=False))
    done = CliRunner().invoke(main, ["bench", "ldpc-attacks", "--json", "--params", str(file)])
    assert done.exit_code == 0
    assert json.loads(done.stdout) == measure(cut(*ATTACKS))
    assert done.stderr.count("\n") == 4


def test_the_command_line_prints_a_table(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(raw("all_bits"), sort_keys=False))
    done = CliRunner().invoke(main, ["bench", "ldpc-attacks", "--params", str(file)])
    header, *rows = done.stdout.splitlines()
    assert header.split() == ["mean", "||s||²", "-8", "dB", "6", "dB"]
    expected = measure(cut("all_bits"))
    for row, name in zip(rows, ("all_bits", "best_of"), strict=True):
        assert row.split() == [name, *(f"{expected[snr][name]:.2f}" for snr in ("-8", "6"))]
