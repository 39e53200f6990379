"""The jobs as estimates see them."""

from __future__ import annotations

from semrobust.config.params import Params
from semrobust.config.registry import FIGURES
from semrobust.pipeline import dag, outputs


def test_every_job_comes_after_what_it_reads(params: Params) -> None:
    seen: set[dag.Node] = set()
    for node, needs in dag.nodes(params).items():
        assert seen.issuperset(needs), node
        seen.add(node)
    assert {("table", table) for table in outputs.TABLES} | {("figure", figure) for figure in FIGURES} <= seen
    assert {("attack", ".".join(pair)) for pair in params.pairs()} <= seen
    assert {("train", system) for system in params.systems} <= seen


def test_nothing_is_made_in_vain(params: Params) -> None:
    """What nothing else is made from is what the rule `all` asks for besides tables and figures."""
    nodes = dag.nodes(params)
    read = {need for needs in nodes.values() for need in needs}
    assert set(nodes) - read == {dag.METRICS, dag.REPORT}
