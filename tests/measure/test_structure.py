"""The structure of a system's code as an artifact: true of that code, and its record says what was searched."""

from __future__ import annotations

import numpy as np

from semrobust.attacks.code.structure import stored
from semrobust.attacks.code.structure.classify import classify
from tests.made import CHAIN, Run

ADDRESS = f"structure/{CHAIN}"


def test_the_stored_sets_are_those_of_the_systems_code(run: Run) -> None:
    found, code = stored.load(run.path(ADDRESS)), run.system(CHAIN).soft_bits().decoder.code
    assert len(found.sets) > 0
    again = classify(code.parity_check, found.sets)
    assert np.array_equal(again.b, found.b)
    assert np.array_equal(again.absorbing, found.absorbing)
    bits = found.channel_bits(code)
    assert all(0 <= bit < code.n for bit in bits.nodes)
    assert found.scope["code"] == {"family": code.family, "n": code.n, "k": code.k, "nodes": code.nodes}


def test_the_record_says_what_was_found_and_what_was_searched(run: Run) -> None:
    details, found = run.record(ADDRESS)["details"], stored.load(run.path(ADDRESS))
    assert details["girth"] == found.girth
    assert details["sets"] == len(found.sets)
    assert details["scope"] == found.scope
    assert details["spectrum"][0]["kind"] == "cycle"


def test_the_search_finds_the_same_again(run: Run) -> None:
    before, after = run.again(ADDRESS)
    assert before == after


def test_the_table_counts_what_is_stored(run: Run) -> None:
    table, found = run.frame("table/code_structure"), stored.load(run.path(ADDRESS))
    assert set(table["system"]) == {CHAIN}
    assert len(table) == len(found.spectrum)
    assert set(table["kind"]) == {"cycle", "trapping_set", "absorbing_set", "stopping_set", "codeword"}
    for (_, row), tally in zip(table.iterrows(), found.spectrum, strict=True):
        assert (row["kind"], row["a"], row["count"], row["n_sets_kept"], row["complete"]) == (
            tally.kind, tally.a, tally.found, tally.kept, tally.complete,
        )  # fmt: skip
        assert row["b"] == tally.b if tally.b >= 0 else np.isnan(row["b"])
        assert row["weight"] == tally.weight if tally.weight >= 0 else np.isnan(row["weight"])
