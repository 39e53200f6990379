"""What lies behind an artifact, and what each step needs, as Mermaid: text that forges and editors draw.

Of what lies here the records name the direct inputs. Of what does not, the lineage still names address and hashes: such
a node is `not here`, and hangs on the nearest record that names it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from semrobust.pipeline.audit import Audit, Finding
from semrobust.pipeline.plan import Plan
from semrobust.pipeline.step import steps

NOT_HERE = "not here"
RAW = "raw data"

_MANY = 6
"""Of more artifacts of one kind and state, one node stands for all."""
_EACH = ("table", "figure")
_COLOURS = {
    "ok": "fill:#e6f4e6,stroke:#2e7d32",
    "stale": "fill:#fff4d6,stroke:#b26a00,stroke-width:3px",
    "tampered": "fill:#fde0e0,stroke:#b71c1c,stroke-width:4px",
    "unknown": "fill:#eeeeee,stroke:#555555,stroke-width:2px",
    "earlier": "fill:#e8eaf6,stroke:#3949ab",
    NOT_HERE: "fill:#ffffff,stroke:#777777,stroke-dasharray:4 3",
}


@dataclass(frozen=True)
class Node:
    """One artifact with its direct inputs.

    Attributes:
        kind, name: of the artifact; the kind may be `raw data`.
        id: its id or, of what is not here, the beginning of a SHA-256.
        state: what the audit says of it, or `not here`.
        inputs: addresses of the nodes that it was made from.
    """

    kind: str
    name: str
    id: str
    state: str
    inputs: frozenset[str]


Graph = dict[str, Node]


def behind(finding: Finding, checker: Audit) -> Graph:
    """The artifact and everything behind it, by address; the artifact itself comes last."""
    graph: Graph = {}
    _add(finding, checker, graph)
    return graph


def _add(finding: Finding, checker: Audit, graph: Graph) -> str:
    here, record = finding.address, finding.record
    if here in graph:
        return here
    job = record.get("job", {"kind": "unknown", "name": finding.path.name})
    node = (job["kind"], job["name"], record.get("id", ""), finding.status.value)
    graph[here] = Node(*node, frozenset())  # ends a circle
    inputs = {_add(checker.findings[holder], checker, graph) for holder in sorted(finding.made_from)}
    reached = {address for direct in inputs for address in _above(direct, graph)}
    for address, hashes in finding.behind.items():
        if address not in reached and (address in record["inputs"] or address in finding.not_here):
            kind, _, rest = address.partition("/")
            name, used = rest.rpartition("-")[0], next(iter(hashes.values()), "")[:16]
            graph.setdefault(address, Node(kind, name, used, NOT_HERE, frozenset()))
            inputs.add(address)
    dataset = record.get("dataset") or {}
    if "digest" in dataset and (not finding.behind or not any(RAW in _above(direct, graph) for direct in inputs)):
        # where the dataset is not here: its digest stands in every record
        graph.setdefault(RAW, Node(RAW, dataset["source"], dataset["digest"][:16], "ok", frozenset()))
        above = [address for address in inputs if graph[address].kind == "dataset"]
        inputs |= set() if above else {RAW}
        for address in above:
            graph[address] = Node(*_fields(graph[address]), frozenset({RAW}))
    del graph[here]
    graph[here] = Node(*node, frozenset(inputs))
    return here


def _fields(node: Node) -> tuple[str, str, str, str]:
    return node.kind, node.name, node.id, node.state


def _above(address: str, graph: Graph) -> set[str]:
    """A node and all that is behind it."""
    found, pending = set[str](), [address]
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            pending.extend(graph[node].inputs)
    return found


def mermaid(graph: Graph) -> str:
    """The graph from the raw data down. Many of one kind and state are one node, but tables and figures never."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for address, node in graph.items():
        groups.setdefault((node.kind, node.state, address if node.kind in _EACH else ""), []).append(address)
    members: dict[str, list[str]] = {}
    for (kind, _, _), addresses in groups.items():
        merged = [addresses] if len(addresses) > _MANY and kind != RAW else [[address] for address in addresses]
        members |= {part[0]: part for part in merged}
    first = {address: name for name, part in members.items() for address in part}
    nodes = []
    for name, part in members.items():
        node = graph[name]
        title = f"{len(part)} × {node.kind}" if len(part) > 1 else f"{node.kind} {node.name}"
        texts = [title, *([node.id] if node.id and len(part) == 1 else []), *([node.state] if node.kind != RAW else [])]
        nodes.append((name, "<br>".join(texts), node.state))
    edges = {(first[direct], first[address]) for address, node in graph.items() for direct in node.inputs}
    return _flowchart(nodes, (edge for edge in edges if edge[0] != edge[1]))


def rules(plan: Plan) -> str:
    """The steps of a plan and what each needs, without the arrows that a longer way implies."""
    kinds = [kind for kind in steps() if any(artifact.kind == kind for artifact in plan)]
    needs: dict[str, set[str]] = {kind: set() for kind in kinds}
    for artifact in plan:
        needs[artifact.kind] |= {needed.kind for needed in plan.inputs(artifact)} - {artifact.kind}

    def further(kind: str) -> set[str]:
        return needs[kind].union(*map(further, needs[kind]))

    edges = [
        (needed, kind)
        for kind in kinds
        for needed in needs[kind]
        if not any(needed in further(other) for other in needs[kind])
    ]
    return _flowchart([(kind, kind, "") for kind in kinds], edges)


def _flowchart(nodes: Iterable[tuple[str, str, str]], edges: Iterable[tuple[str, str]]) -> str:
    """A drawing of nodes (name, text, state)."""
    numbers: dict[str, str] = {}
    lines, states = ["flowchart TD"], set[str]()
    for name, text, state in nodes:
        numbers[name] = f"n{len(numbers)}"
        shown, suffix = text.replace('"', "'"), f":::{_class(state)}" if state else ""
        lines.append(f'  {numbers[name]}["{shown}"]{suffix}')
        states |= {state} - {""}
    ordered = sorted(edges, key=lambda edge: [int(numbers[name][1:]) for name in edge])
    lines += [f"  {numbers[start]} --> {numbers[end]}" for start, end in ordered]
    lines += [f"  classDef {_class(state)} {style}" for state, style in _COLOURS.items() if state in states]
    return "\n".join(lines) + "\n"


def _class(state: str) -> str:
    return state.replace(" ", "_")


def written(text: str, path: Path) -> str:
    """Mermaid as a file of this name holds it: fenced where that is Markdown."""
    return f"```mermaid\n{text}```\n" if path.suffix == ".md" else text
