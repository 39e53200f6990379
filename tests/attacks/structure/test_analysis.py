"""The whole analysis: complete where it says so, nothing but real sets, the same again for the same seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from semrobust.attacks.code.structure.analysis import analyse
from semrobust.attacks.code.structure.classify import classify
from semrobust.attacks.code.structure.sets import KINDS, Structure
from semrobust.phy.ldpc import LdpcCode
from tests.attacks.structure import samples
from tests.attacks.structure.brute import CODES, HAMMING, describe, every_set

TINY = [name for name in CODES if name != "a node without checks"]


def kept(structure: Structure, flag: str) -> set[tuple[int, ...]]:
    return set(samples.tuples(structure.sets.take(getattr(structure, flag))))


def found(structure: Structure, kind: str) -> dict[tuple[int, int, int], int]:
    return {(t.a, t.b, t.weight): t.found for t in structure.spectrum if t.kind == kind and t.found}


@pytest.mark.parametrize("name", TINY)
def test_tiny_codes_against_all_their_subsets(name: str) -> None:
    """Absorbing and stopping sets and codewords are all there, and each set is what it is said to be."""
    matrix = CODES[name]
    structure = analyse(samples.code_of(matrix), samples.settings(trapping_size=5, stopping_size=5), 1)
    described = [one for one in every_set(matrix, 5) if one.connected]
    absorbing = {one.nodes for one in described if one.absorbing and 0 < one.b <= 2}
    stopping = {one.nodes for one in described if one.stopping and one.b}
    words = {one.nodes for one in described if one.b == 0}
    small = structure.a <= 5
    for flag, expected in (("absorbing", absorbing), ("stopping", stopping)):
        flags = getattr(structure, flag) & small & (structure.b > 0)
        sets = {nodes for nodes, b in zip(samples.tuples(structure.sets.take(flags)), structure.b[flags], strict=True)
                if flag == "stopping" or b <= 2}  # fmt: skip
        assert sets == expected
    assert {nodes for nodes in kept(structure, "codeword") if len(nodes) <= 5} == words
    assert all(t.complete for t in structure.spectrum if t.kind == "stopping_set" and t.a <= 5)
    for index, nodes in enumerate(samples.tuples(structure.sets)):
        one = describe(matrix, nodes)
        assert one.connected
        assert (structure.a[index], structure.b[index]) == (len(nodes), one.b)
        for flag in ("elementary", "absorbing", "stopping"):
            assert getattr(structure, flag)[index] == getattr(one, flag)


def test_hamming_code_has_minimum_distance_3() -> None:
    structure = analyse(samples.code_of(HAMMING), samples.settings(stopping_size=7), 1)
    assert (structure.girth, structure.cycles) == (4, {4: 3, 6: 4, 8: 0})
    assert found(structure, "codeword") == {(3, 0, 3): 7, (4, 0, 4): 7, (7, 0, 7): 1}
    tallies = {t.a: t for t in structure.spectrum if t.kind == "codeword"}
    assert [tallies[a].found for a in range(1, 8)] == [0, 0, 7, 7, 0, 0, 1]
    assert all(t.complete for t in tallies.values())


@pytest.mark.parametrize("make", [samples.regular, samples.nr], ids=["regular", "nr"])
def test_every_kept_set_is_real_and_the_spectrum_counts_them(make: Callable[[], LdpcCode]) -> None:
    code = make()
    structure = analyse(code, samples.settings(), 1)
    assert len(structure.sets) > 100
    again = classify(code.parity_check, structure.sets)
    for name in ("a", "b", "elementary", "absorbing", "stopping"):
        assert np.array_equal(getattr(again, name), getattr(structure, name))
    assert again.connected.all()
    keys = list(zip(structure.a.tolist(), structure.b.tolist(), samples.tuples(structure.sets), strict=True))
    assert keys == sorted(set(keys))
    sent = set(code.channel_nodes.tolist())
    assert structure.weight.tolist() == [sum(node in sent for node in nodes) for *_, nodes in keys]
    apart = structure.b > 0
    pairs = list(zip(structure.a.tolist(), structure.b.tolist(), strict=True))
    wanted = {
        "trapping_set": apart & (structure.b <= 2),
        "absorbing_set": apart & structure.absorbing & (structure.b <= 2),
    }
    for kind, flags in wanted.items():
        counted = Counter(pair for pair, flag in zip(pairs, flags, strict=True) if flag)
        assert {(t.a, t.b): t.kept for t in structure.spectrum if t.kind == kind and t.kept} == counted
    assert [t.kind for t in structure.spectrum] == sorted((t.kind for t in structure.spectrum), key=KINDS.index)
    assert all(0 <= t.kept <= t.found for t in structure.spectrum)
    assert not any(t.complete for t in structure.spectrum if t.kind == "trapping_set")


@pytest.mark.parametrize("seed", [1, 2])
def test_other_numbers_for_the_nodes_permute_the_sets(seed: int) -> None:
    quick = samples.settings(codeword_trials=0, search_branches=10**7, growth_width=10**6, stopping_size=7,
                             trapping_size=5, max_sets=10**6)  # fmt: skip
    matrix = samples.regular(60).parity_check.toarray()
    other, number = samples.relabelled(matrix, seed)
    before, after = (analyse(samples.code_of(one), quick, 1) for one in (matrix, other))
    assert before.spectrum == after.spectrum
    assert (before.girth, before.scope) == (after.girth, after.scope)
    expected = {tuple(sorted(number[nodes].tolist())) for nodes in before.sets}
    assert set(samples.tuples(after.sets)) == expected
    assert len(expected) > 50


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_words() -> None:
    code = samples.regular()
    quick = samples.settings(codeword_trials=2, codeword_weight=30, max_sets=20)
    first, again, other = (analyse(code, quick, seed).to_arrays() for seed in (1, 1, 2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert first["nodes"].tolist() != other["nodes"].tolist()


def test_of_a_large_class_some_are_kept_absorbing_ones_first_and_all_are_counted() -> None:
    code = samples.regular()
    whole = analyse(code, samples.settings(trapping_unsatisfied=3), 1)
    part = analyse(code, samples.settings(trapping_unsatisfied=3, max_sets=15), 1)
    assert [(t.kind, t.a, t.b, t.weight, t.found) for t in whole.spectrum] == [
        (t.kind, t.a, t.b, t.weight, t.found) for t in part.spectrum
    ]
    assert set(samples.tuples(part.sets)) < set(samples.tuples(whole.sets))
    classes = Counter(zip(part.a.tolist(), part.b.tolist(), strict=True))
    assert max(classes.values()) == 15
    for t in whole.spectrum:
        if t.kind == "absorbing_set" and t.found >= 15:
            chosen = (part.a == t.a) & (part.b == t.b)
            assert part.absorbing[chosen].all()
    assert part.scope["kept_per_class"] == 15


def test_scope_says_how_far_the_search_went() -> None:
    structure = analyse(samples.regular(), samples.settings(search_branches=50_000, growth_width=30), 1)
    proven = structure.scope["absorbing_sets"]["all_up_to_size_by_unsatisfied"]
    assert set(proven) == {"1", "2"}
    assert 0 < proven["2"] <= proven["1"] <= 6
    for t in structure.spectrum:
        if t.kind == "absorbing_set":
            assert t.complete == any(t.b <= int(odd) and t.a <= size for odd, size in proven.items())
        if t.kind in ("stopping_set", "codeword"):
            assert t.complete == (t.a <= structure.scope["stopping_sets"]["all_up_to_size"])
    assert structure.scope["trapping_sets"]["classes_cut_while_growing"]


@pytest.mark.slow
def test_the_code_of_the_experiments() -> None:
    """n = 768: girth, cycles and the smallest sets, as an unhurried search found them too."""
    structure = analyse(
        samples.regular(768),
        samples.settings(
            max_cycle=10, trapping_size=8, trapping_unsatisfied=3, growth_width=2000, stopping_size=12,
            search_branches=1_000_000, codeword_weight=30, codeword_trials=1500,
        ),
        1,
    )  # fmt: skip
    assert (structure.girth, structure.cycles) == (4, {4: 29, 6: 122, 8: 1408, 10: 9125})
    absorbing = {(a, b): count for (a, b, _), count in found(structure, "absorbing_set").items()}
    assert {pair: absorbing[pair] for pair in ((2, 2), (4, 2), (3, 3), (5, 3))} == {
        (2, 2): 29, (4, 2): 21, (3, 3): 119, (5, 3): 203,
    }  # fmt: skip
    assert structure.scope["stopping_sets"]["all_up_to_size"] >= 10
    assert not found(structure, "stopping_set")
    assert min(a for a, _, _ in found(structure, "codeword")) >= 22
