"""The jobs as estimates see them are those that a real run did, and wait at least for what they read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from semrobust.config.params import load
from semrobust.pipeline import dag
from tests.workflow.project import Project

pytestmark = pytest.mark.slow


def test_estimates_see_the_jobs_of_a_real_run(finished: Project) -> None:
    nodes = dag.nodes(load([finished.root / "params.yaml"]))
    records: dict[dag.Node, Any] = {}
    maker: dict[str, dag.Node] = {}
    for folder in ("data/ci", "figures/ci"):
        for path in (finished.root / folder).rglob("*.json"):
            record = json.loads(path.read_text())
            if "job" in record and "scratch" not in path.parts:
                rule = {"model": "train"}.get(record["job"]["kind"], record["job"]["kind"])
                node = dag.DATASET if rule == "dataset" else (rule, record["job"]["name"])
                records[node] = record
                maker |= dict.fromkeys(record["outputs"], node)
    assert set(nodes) == set(records)
    for node, record in records.items():
        assert {maker[name] for name in record["inputs"]} <= set(nodes[node]), node
