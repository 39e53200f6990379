"""The whole analysis of a code: cycles, exact searches as far as they go, growth beyond, codewords of low weight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from semrobust.attacks.code.structure import codewords, cycles, exhaustive, growth
from semrobust.attacks.code.structure.classify import Classes, classify
from semrobust.attacks.code.structure.graph import Graph
from semrobust.attacks.code.structure.sets import Flags, Index, NodeSets, Structure, Tally
from semrobust.config.searches import StructureSettings
from semrobust.config.settings import Plain
from semrobust.phy.ldpc import LdpcCode

_CAPACITY = 1 << 20  # cycles per length from which sets grow, and sets of one exact search


@dataclass(frozen=True)
class _Searched:
    """What the searches found, and how far each of them went."""

    cycles: dict[int, int]
    parts: list[NodeSets]
    absorbing: dict[int, int]  # largest number of odd checks -> largest size of the finished exact search
    stopping: int
    narrowed: list[list[int]]
    words_cut: bool

    def proven(self, kind: str, a: int, b: int) -> bool:
        """Whether an exact search has found all sets of this class."""
        if kind == "absorbing_set":
            return any(b <= odd and a <= size for odd, size in self.absorbing.items())
        return kind in ("stopping_set", "codeword") and a <= self.stopping


def analyse(code: LdpcCode, settings: StructureSettings, seed: int) -> Structure:
    """Short cycles, trapping, absorbing and stopping sets, and codewords of low weight of `code`.

    `seed` draws the information sets of the search for codewords, and which sets of a class grow on or are kept where
    there are too many. Every set is classified anew from H, whatever the search that found it took it for.
    """
    searched = _search(code, settings, seed)
    sets = NodeSets.union(searched.parts)
    classes = classify(code.parity_check, sets)
    connected = np.flatnonzero(classes.connected)  # the sum of two distant codewords is not a set of its own
    order = connected[np.lexsort((connected, classes.b[connected], classes.a[connected]))]
    sets, classes = sets.take(order), classes.take(order)
    sent = np.zeros(code.nodes, dtype=np.int64)
    sent[code.channel_nodes] = 1
    weight = np.asarray(sets.matrix(code.nodes) @ sent)
    chosen = _choose(classes, settings.max_sets, seed)
    kept = classes.take(np.flatnonzero(chosen))
    return Structure(
        girth=cycles.girth(code.parity_check),
        sets=sets.take(chosen),
        a=kept.a,
        b=kept.b,
        weight=weight[chosen],
        elementary=kept.elementary,
        absorbing=kept.absorbing,
        stopping=kept.stopping,
        spectrum=tuple(_spectrum(searched, classes, weight, chosen)),
        scope=_scope(searched, settings, code),
    )


def _search(code: LdpcCode, settings: StructureSettings, seed: int) -> _Searched:
    graph = Graph.of(code.parity_check)
    size, most = settings.trapping_size, settings.trapping_unsatisfied
    counts, listed = cycles.list_cycles(graph, settings.max_cycle, _CAPACITY)
    starts = {length // 2: nodes for length, nodes in listed.items()}
    grown, narrowed = growth.grow(graph, starts, size, most, settings.growth_width, seed)
    parts, absorbing = list(grown.values()), {}
    for odd in range(1, most + 1):
        found, absorbing[odd] = exhaustive.deepen(
            graph, exhaustive.ABSORBING, size, odd, settings.search_branches, _CAPACITY
        )
        parts.append(found.rows)
    found, stopping = exhaustive.deepen(
        graph, exhaustive.STOPPING, settings.stopping_size, 0, settings.search_branches, _CAPACITY
    )
    parts.append(found.rows)
    words, cut = codewords.low_weight_codewords(
        code.parity_check.toarray(), code.channel_nodes, settings.codeword_weight, settings.codeword_trials,
        _CAPACITY, seed,
    )  # fmt: skip
    sets = [NodeSets.from_rows(rows) for rows in parts]
    sets.append(NodeSets.of([np.flatnonzero(word) for word in words]))
    return _Searched(counts, sets, absorbing, stopping, [list(pair) for pair in sorted(narrowed)], cut)


def _choose(classes: Classes, most: int, seed: int) -> Flags:
    """Which sets are kept: all, or of a class (a, b) with more than `most` a random choice, absorbing ones first."""
    lot = np.random.default_rng(seed).permutation(len(classes.a))
    order = np.lexsort((lot, ~(classes.absorbing | classes.stopping), classes.b, classes.a))
    a, b = classes.a[order], classes.b[order]
    new = np.concatenate([[True], (np.diff(a) != 0) | (np.diff(b) != 0)])[: len(order)]
    first = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    chosen = np.zeros(len(order), dtype=np.bool_)
    chosen[order[np.arange(len(order)) - first < most]] = True
    return chosen


def _spectrum(searched: _Searched, classes: Classes, weight: Index, chosen: Flags) -> Iterator[Tally]:
    """Tallies of all kinds, sorted; sets with b = 0 count as codewords only."""
    for length, count in sorted(searched.cycles.items()):
        yield Tally("cycle", length // 2, -1, -1, count, 0, True)
    apart = classes.b > 0
    nothing = np.full(len(classes.a), -1)
    kinds: dict[str, tuple[Flags, Index, Index]] = {
        "trapping_set": (apart & (classes.b <= max(searched.absorbing)), classes.b, nothing),
        "absorbing_set": (apart & classes.absorbing & (classes.b <= max(searched.absorbing)), classes.b, nothing),
        "stopping_set": (apart & classes.stopping, nothing, nothing),
        "codeword": (~apart, np.zeros_like(classes.b), weight),
    }
    for kind, (flags, b, of_weight) in kinds.items():
        keys = list(zip(classes.a[flags].tolist(), b[flags].tolist(), of_weight[flags].tolist(), strict=True))
        found = Counter(keys)
        kept = Counter(key for key, keep in zip(keys, chosen[flags], strict=True) if keep)
        there = {key[:2] for key in found}
        empty = [(*pair, -1) for pair in _provable(searched, kind) if pair not in there]
        for a, odd, sent in sorted([*found, *empty]):
            count = found[a, odd, sent]
            yield Tally(kind, a, odd, sent, count, kept[a, odd, sent], searched.proven(kind, a, odd))


def _provable(searched: _Searched, kind: str) -> list[tuple[int, int]]:
    """Classes (a, b) that an exact search has gone through."""
    if kind == "absorbing_set":
        return [(a, odd) for odd in searched.absorbing for a in range(1, max(searched.absorbing.values()) + 1)
                if searched.proven(kind, a, odd)]  # fmt: skip
    b = {"stopping_set": [-1], "codeword": [0]}.get(kind, [])
    return [(a, odd) for odd in b for a in range(1, searched.stopping + 1)]


def _scope(searched: _Searched, settings: StructureSettings, code: LdpcCode) -> Plain:
    """What was searched, in words and numbers; goes into the record and, in short, into the figure."""
    return {
        "code": {"family": code.family, "n": code.n, "k": code.k, "nodes": code.nodes},
        "sets": "connected in the Tanner graph; sizes are variable nodes, weights are transmitted ones",
        "cycles": {"counted_exactly_up_to_length": settings.max_cycle},
        "trapping_sets": {
            "how": "grown node by node from all cycles counted, so sets without a cycle are not sought; not exhaustive",
            "up_to_size": settings.trapping_size,
            "up_to_unsatisfied": settings.trapping_unsatisfied,
            "unsatisfied_on_the_way": growth.on_the_way(settings.trapping_unsatisfied, settings.max_cycle // 2),
            "sets_that_grow_on_per_class": settings.growth_width,
            "classes_cut_while_growing": searched.narrowed,
            "cycle_lengths_cut": [length for length, count in searched.cycles.items() if count > _CAPACITY],
        },
        "absorbing_sets": {
            "how": "all trapping sets that are absorbing, and an exact search: at most so many unsatisfied checks, "
            "all sets up to this size",
            "all_up_to_size_by_unsatisfied": {str(odd): size for odd, size in searched.absorbing.items()},
        },
        "stopping_sets": {"how": "exact search", "all_up_to_size": searched.stopping},
        "codewords": {
            "how": "the exact search for stopping sets finds all up to its size; Stern's algorithm finds some beyond",
            "all_up_to_size": searched.stopping,
            "up_to_weight": settings.codeword_weight,
            "trials": settings.codeword_trials,
            "more_found_than_listed": searched.words_cut,
        },
        "kept_per_class": settings.max_sets,
        "branches_per_exact_search": settings.search_branches,
    }  # fmt: skip
