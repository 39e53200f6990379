"""Draw the rules of the workflow and what each needs, as SVG on standard output.

    python workflow/rulegraph.py > docs/rulegraph.svg

From `snakemake --rulegraph`, so the drawing is that of the real DAG; a test compares it with the committed file. Needs
no Graphviz. Tall rather than wide, so that it can be read on a phone.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise
from statistics import mean

Graph = Mapping[str, frozenset[str]]
"""What each rule needs the output of."""

_WIDTH, _HEIGHT = 84, 28  # of a box
_ACROSS, _BEND, _DOWN = 100, 30, 62  # room of a box and of an arrow in a row, and from row to row
_STYLE = (
    "text{font:13px sans-serif;text-anchor:middle;dominant-baseline:central}"
    "rect{fill:#eef3fb;stroke:#3465a4}path{fill:none;stroke:#777}"
)


def rules() -> Graph:
    """The graph of a whole run; a rule that needs other jobs of its own kind is not drawn as needing itself."""
    done = subprocess.run(["snakemake", "--rulegraph", "dot", "--", "all"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)
    names = dict(re.findall(r'(\d+)\[label = "(\w+)"', done.stdout))
    arrows = [(names[needed], names[needs]) for needed, needs in re.findall(r"(\d+) -> (\d+)", done.stdout)]
    return {
        name: frozenset(needed for needed, needs in arrows if needs == name and needed != name)
        for name in sorted(names.values())
    }


def behind(graph: Graph, rule: str) -> frozenset[str]:
    """All rules that `rule` needs, directly or not."""
    return graph[rule].union(*(behind(graph, needed) for needed in graph[rule]))


def reduced(graph: Graph) -> Graph:
    """Without the arrows that a longer way implies."""
    return {
        rule: frozenset(one for one in needed if not any(one in behind(graph, other) for other in needed))
        for rule, needed in graph.items()
    }


def rows(graph: Graph) -> tuple[list[list[str]], list[tuple[str, str]]]:
    """Rules in rows by the length of the longest way to them, and arrows from row to row.

    An arrow over several rows goes through a bend in each of them, named "rule>rule row"; so it crosses no box.
    """
    depth: dict[str, int] = {}
    for rule in sorted(graph, key=lambda rule: len(behind(graph, rule))):
        depth[rule] = 1 + max((depth[needed] for needed in graph[rule]), default=-1)
    levels = [[rule for rule in graph if depth[rule] == level] for level in range(max(depth.values()) + 1)]
    arrows = []
    for rule in graph:
        for needed in sorted(graph[rule]):
            bends = [f"{needed}>{rule} {row}" for row in range(depth[needed] + 1, depth[rule])]
            for row, bend in enumerate(bends, depth[needed] + 1):
                levels[row].append(bend)
            arrows += list(pairwise([needed, *bends, rule]))
    return levels, arrows


def places(levels: list[list[str]], arrows: list[tuple[str, str]]) -> dict[str, float]:
    """Sort each row so that few arrows cross (barycentres, Sugiyama et al. 1981); returns where each node is in it."""
    best: tuple[int, dict[str, float]] | None = None
    for sweep in range(12):
        down = sweep % 2 == 0
        for row in levels if down else reversed(levels):
            place = _middles(levels)
            row.sort(key=lambda node: (_pull(node, arrows, place, down), node))
        place = _middles(levels)
        crossed = sum(
            (place[a] - place[c]) * (place[b] - place[d]) < 0
            for row in levels
            for a, b in arrows
            for c, d in arrows
            if a in row and c in row
        )
        if best is None or crossed < best[0]:
            best = crossed, place
    assert best
    return best[1]


def _pull(node: str, arrows: list[tuple[str, str]], place: Mapping[str, float], down: bool) -> float:
    """Mean place of what a node is joined to in the row above it (`down`) or below it; its own without any."""
    joined = [place[a] for a, b in arrows if b == node] if down else [place[b] for a, b in arrows if a == node]
    return mean(joined or [place[node]])


def _middles(levels: list[list[str]]) -> dict[str, float]:
    """Centre of each node, with every row around 0; a bend takes less room than a box."""
    place = {}
    for row in levels:
        widths = [_BEND if ">" in node else _ACROSS for node in row]
        ends = [sum(widths[:index]) - sum(widths) / 2 for index in range(len(row))]
        place.update({node: end + width / 2 for node, end, width in zip(row, ends, widths, strict=True)})
    return place


def svg(graph: Graph) -> str:
    """The drawing: a box per rule, an arrow from what is needed to what needs it."""
    levels, arrows = rows(graph)
    place = places(levels, arrows)
    width = 2 * max(abs(x) + (0 if ">" in node else _ACROSS / 2) for node, x in place.items())
    height = len(levels) * _DOWN
    spot = {node: (width / 2 + place[node], (row + 0.5) * _DOWN) for row, level in enumerate(levels) for node in level}
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height}" viewBox="0 0 {width:g} {height}"'
        ' role="img">',
        f"<style>{_STYLE}</style>",
        '<marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<polygon points="0,0 8,4 0,8" fill="#777"/></marker>',
        f'<rect width="{width:g}" height="{height}" style="fill:white;stroke:none"/>',
    ]
    for start, end in arrows:
        (a, from_), (b, to) = spot[start], spot[end]
        top = from_ if ">" in start else from_ + _HEIGHT / 2
        bottom = to if ">" in end else to - _HEIGHT / 2
        half = (top + bottom) / 2
        tip = "" if ">" in end else ' marker-end="url(#arrow)"'
        lines.append(f'<path d="M{a:g},{top:g} C{a:g},{half:g} {b:g},{half:g} {b:g},{bottom:g}"{tip}/>')
    for rule in graph:
        x, y = spot[rule]
        lines.append(
            f'<rect x="{x - _WIDTH / 2:g}" y="{y - _HEIGHT / 2:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>'
        )
        lines.append(f'<text x="{x:g}" y="{y:g}">{rule}</text>')
    return "\n".join([*lines, "</svg>\n"])


if __name__ == "__main__":
    sys.stdout.write(svg(reduced(rules())))
