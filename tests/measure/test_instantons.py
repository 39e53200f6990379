"""Instantons of a system as an artifact: true of its decoder, and the record says what was found."""

from __future__ import annotations

import torch

from semrobust.attacks.code.instanton import patterns
from semrobust.attacks.code.instanton.search import quiet
from semrobust.phy.power import noise_variance
from tests.made import CHAIN, Run

ADDRESS = f"instantons/{CHAIN}"


def test_the_stored_patterns_fail_the_decoder_of_the_system(run: Run) -> None:
    found, decoder = patterns.load(run.path(ADDRESS)), run.system(CHAIN).soft_bits().decoder
    word = quiet(decoder, noise_variance(float(found.snr_db[0])))
    assert len(found) > 0
    assert word.fails(-torch.from_numpy(found.pushes), torch.zeros(len(found), dtype=torch.int64)).all()


def test_the_record_says_what_was_found(run: Run) -> None:
    details, found = run.record(ADDRESS)["details"], patterns.load(run.path(ADDRESS))
    assert details["energies"] == found.energies.round(4).tolist()
    assert details["best"][0]["wrong_bits"] == found.wrong[0].sum()


def test_the_search_finds_the_same_again(run: Run) -> None:
    before, after = run.again(ADDRESS)
    assert before == after
