"""The chain behind one artifact as a graph: raw data, dataset, models, samples, tables, figure.

Of what lies here the records name the direct inputs. Of what does not, the lineage still names path and hash: such a
node is `not here`, and hangs on the nearest record that names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from semrobust.pipeline import record as provenance
from semrobust.pipeline.audit import Finding

NOT_HERE = "not here"
RAW = "raw data"

_RANK = {RAW: 0, "dataset": 1, "model": 2, "structure": 3, "table": 6, "figure": 8}
_SAMPLES = 4  # all other kinds
_FOLDERS = {"models": "model", "structures": "structure", "results": "table", "dataset": "dataset", "attacks": "attack"}


@dataclass(frozen=True)
class Node:
    """One artifact, or several that play the same part (`members`), with its direct inputs.

    Attributes:
        names: names of the jobs, in order.
        ids: their ids; of what is not here, the beginning of the SHA-256.
        kind: kind of the job, or `raw data`.
        state: `ok`, `stale`, `tampered`, `unknown`, or `not here`.
        inputs: keys of the nodes that it was made from.
    """

    names: tuple[str, ...]
    ids: tuple[str, ...]
    kind: str
    state: str
    inputs: frozenset[str]


Graph = dict[str, Node]


def behind(finding: Finding, findings: Mapping[Path, Finding]) -> Graph:
    """The artifact and everything behind it, by the path of its record; the artifact itself comes last."""
    graph: Graph = {}
    _add(finding, findings, graph)
    return graph


def _add(finding: Finding, findings: Mapping[Path, Finding], graph: Graph) -> str:
    key = str(finding.home or finding.path)
    if key in graph:
        return key
    record = finding.record
    graph[key] = Node((finding.path.stem,), (), "unknown", finding.status.value, frozenset())  # ends a circle
    inputs = {_add(findings[holder], findings, graph) for holder in sorted(finding.made_from)}
    given = record.get("inputs", {})
    for name in sorted(finding.not_here & given.keys()):
        inputs.add(_absent(name, given[name], graph))
    reached = {key for direct in inputs for key in _above(direct, graph)}
    for name, used in record.get("lineage", {}).items():
        if name in finding.not_here and _home(name) not in reached:
            inputs.add(_absent(name, used, graph))
    job = record.get("job", {"kind": "unknown", "name": finding.path.name})
    if job["kind"] == "dataset":
        inputs.add(_raw(record["dataset"], graph))
    elif not any(RAW in _above(direct, graph) for direct in inputs) and record.get("dataset", {}).get("digest"):
        # the dataset is not here: its digest stands in every record
        for direct in [direct for direct in inputs if graph[direct].kind == "dataset"]:
            graph[direct] = replace(graph[direct], inputs=frozenset({_raw(record["dataset"], graph)}))
    del graph[key]
    graph[key] = Node((job["name"],), (record.get("id", ""),), job["kind"], finding.status.value, frozenset(inputs))
    return key


def _above(key: str, graph: Graph) -> set[str]:
    """A node and all that is behind it."""
    found, pending = set[str](), [key]
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            pending.extend(graph[node].inputs)
    return found


def _home(name: str) -> str:
    path = Path(name)
    return str(provenance.holders(path)[-1 if path.parent.name == "dataset" else 0])


def _absent(name: str, used: str, graph: Graph) -> str:
    """A node of which only path and hash are known; the files of one artifact are one node."""
    key, path = _home(name), Path(name)
    kind = _FOLDERS.get(path.parent.name, path.parent.name)
    title = "dataset" if kind == "dataset" else path.stem
    graph.setdefault(key, Node((title,), (used[:16],), kind, NOT_HERE, frozenset()))
    return key


def _raw(dataset: Mapping[str, str], graph: Graph) -> str:
    graph.setdefault(RAW, Node((dataset["source"],), (dataset["digest"][:16],), RAW, "ok", frozenset()))
    return RAW


def layers(graph: Graph) -> list[list[str]]:
    """Keys of the nodes from the raw data on: each stands behind all of its inputs, kinds side by side if they can."""
    depth: dict[str, int] = {}

    def of(key: str) -> int:
        if key not in depth:
            depth[key] = 0  # ends a circle
            node = graph[key]
            depth[key] = max([_RANK.get(node.kind, _SAMPLES), *(1 + of(direct) for direct in node.inputs)])
        return depth[key]

    found: dict[int, list[str]] = {}
    for key in graph:
        found.setdefault(of(key), []).append(key)
    return [found[rank] for rank in sorted(found)]


def grouped(graph: Graph, rows: int) -> Graph:
    """Merge nodes, but for tables and figures, until no layer has more than `rows` nodes or nothing is left to merge.

    First what plays the same part for the same system (all attacks on it with the same inputs and uses), then what
    plays the same part for any system, at last all of a kind. States are never merged, and members are counted.
    """

    def part(key: str, node: Node) -> tuple[str, ...]:
        return (node.kind, node.state, key if node.kind in ("table", "figure") else "")

    system = {key: (*part(key, node), node.names[0].split(".")[0]) for key, node in graph.items()}
    kind = {key: part(key, node) for key, node in graph.items()}
    for blocks in (system, kind):
        if max(map(len, layers(graph))) <= rows:
            return graph
        graph = _merged(graph, _refined(graph, {key: blocks[key] for key in graph}))
    return graph if max(map(len, layers(graph))) <= rows else _merged(graph, {key: kind[key] for key in graph})


def _refined(graph: Graph, parts: Mapping[str, object]) -> Mapping[str, object]:
    """The coarsest refinement of `parts` in which all members of a part have inputs and uses in the same parts."""
    uses: dict[str, set[str]] = {key: set() for key in graph}
    for key, node in graph.items():
        for direct in node.inputs:
            uses[direct].add(key)
    while True:
        seen: dict[object, int] = {}
        refined: dict[str, object] = {}
        for key, node in graph.items():
            near = (parts[key], frozenset(parts[k] for k in node.inputs), frozenset(parts[k] for k in uses[key]))
            refined[key] = seen.setdefault(near, len(seen))
        if len(seen) == len(set(parts.values())):
            return parts
        parts = refined


def _merged(graph: Graph, parts: Mapping[str, object]) -> Graph:
    """One node for each part, under the key of its first member; what is made from its own kind shows no edge."""
    members: dict[object, list[str]] = {}
    for key in graph:
        members.setdefault(parts[key], []).append(key)
    merged: Graph = {}
    for keys in members.values():
        nodes = [graph[key] for key in keys]
        inputs = {members[parts[direct]][0] for node in nodes for direct in node.inputs} - {keys[0]}
        names = tuple(name for node in nodes for name in node.names)
        ids = tuple(identity for node in nodes for identity in node.ids)
        merged[keys[0]] = replace(nodes[0], names=names, ids=ids, inputs=frozenset(inputs))
    return merged
