"""Instantons: found patterns fail by a float64 decoder, too, on every codeword, and cost words less than gradients."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from semrobust.attacks.code.instanton import patterns as stored
from semrobust.attacks.code.instanton.descent import Descent, descend
from semrobust.attacks.code.instanton.patterns import Patterns
from semrobust.attacks.code.instanton.search import quiet, search
from semrobust.attacks.code.words import norms
from semrobust.config.searches import InstantonSettings
from semrobust.errors import ArtifactError
from semrobust.measure import bench_instantons
from semrobust.phy.decoder import SCHEDULES, Decoder
from semrobust.phy.ldpc import LdpcCode
from semrobust.phy.power import noise_variance
from semrobust.phy.tanner import tanner_code
from semrobust.pipeline import seeds
from tests.attacks.samples import REPOSITORY, on_words, words_of
from tests.phy import reference
from tests.phy.helpers import messages
from tests.phy.test_decoder import HAMMING

QUICK = InstantonSettings(snr_db=20.0, starts=16, depths=[4, 6], steps=40, hops=2, width=16, final=1, kept=12)
MEASURED = REPOSITORY / "benchmarks" / "instantons.json"


@cache
def tanner() -> Decoder:
    """Min-sum by flooding, as where the code's instantons were published."""
    return Decoder(tanner_code(), "min-sum", 4, factor=1.0, schedule="flooding")


@cache
def found(make: Callable[[], Decoder] = tanner) -> Patterns:
    return search(make(), QUICK, seed=3)


def wrong_by_float64(decoder: Decoder, pushes: np.ndarray, snr_db: float, schedule: str) -> np.ndarray:
    """Whether the words 1 - push (words, n) end with a wrong message bit, decoded message by message."""
    llr = 2.0 * (1.0 - pushes.astype(np.float64)) / noise_variance(snr_db)
    posterior, _ = reference.decode(
        decoder.code, llr, decoder.rule, decoder.iterations, decoder.factor, schedule=schedule
    )
    return np.asarray((posterior[:, decoder.code.information_nodes] <= 0).any(axis=1))


def test_patterns_fail_by_a_float64_decoder_in_the_order_of_their_energy() -> None:
    patterns = found()
    assert len(patterns) == QUICK.kept
    assert np.all(np.diff(patterns.energies) >= 0)
    assert patterns.energies[0] < 20, "less than half way to a codeword of the least weight"
    longer = 1.0005 * patterns.pushes  # what stands on the boundary may fall to either side in float64
    assert wrong_by_float64(tanner(), longer, 20.0, "flooding").all()
    assert not wrong_by_float64(tanner(), 0.8 * patterns.pushes, 20.0, "flooding").all()
    unit = patterns.pushes / np.linalg.norm(patterns.pushes, axis=1, keepdims=True)
    assert (unit @ unit.T - np.eye(len(patterns))).max() <= 0.9


def test_what_is_stored_is_what_the_decoders_do() -> None:
    patterns = found()
    word, rows = quiet(tanner(), noise_variance(20.0)), torch.zeros(len(patterns), dtype=torch.int64)
    pushed = -torch.from_numpy(patterns.pushes)
    decoded = tanner().decode(word.llr(pushed, rows))
    assert np.array_equal(patterns.wrong, (decoded.llr <= 0).numpy())
    assert np.array_equal(patterns.settled, decoded.codeword_ok.numpy())
    layered = Decoder(tanner_code(), "min-sum", 4, factor=1.0)
    assert np.array_equal(patterns.lasting[:, 1], replace(word, decoder=layered).fails(pushed, rows).numpy())


def test_a_pattern_fails_every_codeword_turned_by_its_signs() -> None:
    code, patterns = tanner().code, found()
    bits = messages(code, len(patterns))
    signs = 1.0 - 2.0 * code.encode(bits).float()
    decoded = tanner().decode(200.0 * signs * (1.0 - torch.from_numpy(patterns.pushes)))
    assert (decoded.bits != bits).any(dim=1).all()


def hamming() -> Decoder:
    return Decoder(LdpcCode.from_parity_check(HAMMING))


def test_no_pattern_is_needed_beyond_the_way_half_to_the_nearest_codeword() -> None:
    assert found(hamming).energies[0] <= 3 * 1.01


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_patterns(tmp_path: Path) -> None:
    again, other = search(tanner(), QUICK, seed=3), search(tanner(), QUICK, seed=4)
    for name, patterns in {"first": found(), "again": again, "other": other}.items():
        stored.save(patterns, tmp_path / name)
    first = (tmp_path / "first").read_bytes()
    assert first == (tmp_path / "again").read_bytes()
    assert first != (tmp_path / "other").read_bytes()
    back = stored.load(tmp_path / "first")
    assert all(np.array_equal(value, getattr(back, name)) for name, value in vars(found()).items())


def test_damaged_patterns_and_a_search_that_finds_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="wrong does not fit"):
        replace(found(), wrong=found().wrong[:, 1:])
    repeated = np.eye(400, dtype=np.uint8)[1:]
    repeated[:, 0] = 1
    short = QUICK.model_copy(update={"steps": 2, "starts": 4})
    with pytest.raises(ArtifactError, match=r"raise instantons\.steps"):
        search(Decoder(repeated, "min-sum", 4, factor=1.0), short, seed=0)


@pytest.mark.parametrize(("name", "modulation", "snr_db"), [("regular", "qpsk", 6.0), ("nr", "16qam", 14.0)])
def test_words_fail_for_less_than_gradients_from_nothing(name: str, modulation: str, snr_db: float) -> None:
    words = words_of(name, snr_db, 12, modulation)
    known = replace(words, patterns=search(words.decoder, QUICK, seed=5))
    method = on_words("instantons")
    alone, fitted = method.search(words), method.search(known)
    assert fitted.isfinite().all()
    assert words.fails(fitted, words.rows).all()
    assert norms(fitted).square().mean() < norms(alone).square().mean()
    rows = torch.tensor([7, 2])
    torch.testing.assert_close(method.search(known.take(rows)), fitted[rows])


def test_a_descent_returns_what_fails_and_nothing_where_nothing_did() -> None:
    word, rows = quiet(tanner(), noise_variance(20.0)), torch.zeros(2, dtype=torch.int64)
    given = torch.from_numpy(np.stack([-found().pushes[0], np.full(155, -1e-3, np.float32)]))
    once = Descent(1, 4, (0.4, 0.4), (0.05, 0.05))
    kept = descend(word, given, rows, once, seeds.generator(0, "test"))
    assert torch.equal(kept[0], given[0])
    assert kept[1].isinf().all()


@pytest.mark.parametrize("case", json.loads(MEASURED.read_text())["cases"] if MEASURED.exists() else [])
def test_steady_patterns_fail_by_a_float64_decoder(case: str) -> None:
    """And by one of the other schedule where the file says that they fail there, too."""
    measured, of = json.loads(MEASURED.read_text())["cases"][case], bench_instantons.CASES[case]
    decoder, steady = Decoder(of.code(), **of.decoder), measured["steady"]
    push = np.zeros((1, decoder.code.n))
    push[0, steady["bits"]] = steady["pushes"]
    assert (push**2).sum() == pytest.approx(steady["energy"])
    assert steady["energy"] >= measured["least"]
    for schedule in SCHEDULES if steady["fails_with_the_other_schedule"] else (decoder.schedule,):
        assert wrong_by_float64(decoder, push, measured["snr_db"], schedule)[0], schedule
