"""The chain behind one artifact, drawn from left to right; not a figure of a run, so it is not in the registry.

A layered drawing (Sugiyama, Tagawa and Toda 1981): each artifact stands right of all that it was made from, layers are
ordered by the mean place of their neighbours, and edges over several layers run between the nodes in them. All long
edges of one artifact share their way, so that what a hundred others were made from is one line and not a hundred.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semrobust.errors import UsageError
from semrobust.figures import canvas
from semrobust.pipeline.files import replacing
from semrobust.pipeline.lineage import NOT_HERE, Graph, Node, grouped, layers

ROWS = 26
"""More nodes than that in one layer are merged where they play the same part."""

_LOOKS = {
    "ok": ("#0072B2", "✓", "solid"),
    "stale": ("#E69F00", "↻", "dashed"),
    "tampered": ("#D55E00", "✗", "solid"),
    "unknown": ("#777777", "?", "dotted"),
    NOT_HERE: ("#777777", "○", "dashed"),
}
"""Colour (Okabe and Ito), sign and outline of each state; the sign says it without the colour."""

_HATCH = {"stale": "////", "tampered": "xxxx"}

# inches, points
_TALL, _GAP, _THIN, _BETWEEN, _STRIP, _MARGIN = 0.36, 0.11, 0.10, 0.62, 0.2, 0.25
_SIZE, _SMALL, _LETTERS = 6.6, 5.6, 44
_EM = 0.56 / 72  # mean width of a letter of one point, in inches

_Slot = tuple[str, int]  # a node (key, its layer), or a long edge's way through a layer (key of its source, layer)


def write(graph: Graph, path: Path) -> None:
    """Draw the graph into an .svg, .pdf or .png; raises UsageError for another suffix."""
    if path.suffix not in (".svg", ".pdf", ".png"):
        raise UsageError(f"--graph writes .svg, .pdf or .png, not {path.name}")
    date: dict[str, None] = {"Date": None} if path.suffix == ".svg" else {}
    with canvas.style({"context": "paper"}), replacing(path) as temporary:
        matplotlib.rcParams.update({"svg.hashsalt": "semrobust", "svg.fonttype": "none"})
        draw(graph).savefig(temporary, dpi=160, metadata=date)


def draw(graph: Graph) -> Figure:
    """The figure, as large as its text needs to be read."""
    from matplotlib.figure import Figure

    count, graph = len(graph), grouped(graph, ROWS)
    level = {key: depth for depth, keys in enumerate(layers(graph)) for key in keys}
    edges = sorted((direct, key) for key, node in graph.items() for direct in node.inputs if direct in level)
    slots = _ordered(level, edges)
    texts = {key: _texts(node) for key, node in graph.items()}
    widths = [max(_width(*texts[key]) for key in level if level[key] == depth) for depth in range(len(slots))]
    left = [_MARGIN + sum(widths[:depth]) + depth * _BETWEEN for depth in range(len(slots))]
    size = (left[-1] + widths[-1] + _MARGIN, 0.75 + max(_extent(layer, level) for layer in slots))
    figure = Figure(figsize=size)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, size[0]), ylim=(0, size[1]))
    axes.axis("off")
    places = _places(slots, level, (size[1] + 0.4) / 2)
    for source, target in edges:
        _edge(axes, source, target, level, places, left, widths)
    for key, node in graph.items():
        _box(axes, node, texts[key], left[level[key]], places[key, level[key]], widths[level[key]])
    _legend(axes, graph, count)
    return figure


def _texts(node: Node) -> tuple[str, str]:
    """Name, and kind with short id; of several artifacts how many, and which."""
    if len(node.names) == 1:
        return node.names[0], f"{node.kind} · {'SHA-256 ' if node.state == NOT_HERE else ''}{node.ids[0][:8]}"
    systems = dict.fromkeys(name.split(".")[0] for name in node.names)
    title = f"{len(node.names)} × {node.kind}"
    listed = node.names
    if len(systems) == 1:
        title += f" · {next(iter(systems))}"
        listed = tuple(name.split(".", 1)[-1] for name in node.names)
    text = ", ".join(listed)
    return title, text if len(text) <= _LETTERS else text[: _LETTERS - 1].rsplit(",", 1)[0] + ", …"


def _width(title: str, below: str) -> float:
    return _STRIP + 0.16 + _EM * max(len(title) * _SIZE, len(below) * _SMALL)


def _ordered(level: dict[str, int], edges: list[tuple[str, str]]) -> list[list[_Slot]]:
    """What stands in each layer, top to bottom: nodes, and the ways of long edges; few edges cross."""
    slots: list[list[_Slot]] = [[] for _ in range(max(level.values()) + 1)]
    near: dict[_Slot, set[_Slot]] = {}
    for key, depth in level.items():
        slots[depth].append((key, depth))
    for source, target in edges:
        way = [(source, depth) for depth in range(level[source], level[target])] + [(target, level[target])]
        for here, there in pairwise(way):
            near.setdefault(here, set()).add(there)
            near.setdefault(there, set()).add(here)
        for slot in way[1:-1]:
            if slot not in slots[slot[1]]:
                slots[slot[1]].append(slot)
    for sweep in range(12):
        forward = sweep % 2 == 0
        for depth in range(len(slots)) if forward else reversed(range(len(slots))):
            beside = depth + (-1 if forward else 1)
            if 0 <= beside < len(slots):
                rank = {slot: (place + 0.5) / len(slots[beside]) for place, slot in enumerate(slots[beside])}
                own = {slot: (place + 0.5) / len(slots[depth]) for place, slot in enumerate(slots[depth])}
                mean = {}
                for slot in slots[depth]:
                    ranks = [rank[other] for other in near.get(slot, ()) if other in rank]
                    mean[slot] = sum(ranks) / len(ranks) if ranks else own[slot]
                slots[depth].sort(key=mean.__getitem__)
    return slots


def _extent(layer: list[_Slot], level: dict[str, int]) -> float:
    return sum(_height(slot, level) + _GAP for slot in layer)


def _height(slot: _Slot, level: dict[str, int]) -> float:
    return _TALL if level[slot[0]] == slot[1] else _THIN


def _places(slots: list[list[_Slot]], level: dict[str, int], middle: float) -> dict[_Slot, float]:
    """Height of the middle of each slot; every layer is centred."""
    places = {}
    for layer in slots:
        top = middle + _extent(layer, level) / 2
        for slot in layer:
            places[slot] = top - (_GAP + _height(slot, level)) / 2
            top -= _GAP + _height(slot, level)
    return places


def _edge(
    axes: Axes,
    source: str,
    target: str,
    level: dict[str, int],
    places: dict[_Slot, float],
    left: list[float],
    widths: list[float],
) -> None:
    """Curves from the right side of the source to the left of the target, straight through the layers between."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Curve

    first, last = level[source], level[target]
    x, y = left[first] + widths[first], places[source, first]
    points, codes = [(x, y)], [Curve.MOVETO]
    for depth in range(first + 1, last + 1):
        y_next = places[(target, last) if depth == last else (source, depth)]
        bend = (x + left[depth]) / 2
        points += [(bend, y), (bend, y_next), (left[depth], y_next)]
        codes += [Curve.CURVE4] * 3
        x, y = left[depth], y_next
        if depth != last:
            x += widths[depth]
            points.append((x, y))
            codes.append(Curve.LINETO)
    axes.add_patch(PathPatch(Curve(points, codes), facecolor="none", edgecolor="0.72", linewidth=0.6, zorder=1))


def _box(axes: Axes, node: Node, texts: tuple[str, str], x: float, y: float, width: float) -> None:
    from matplotlib.patches import Rectangle

    color, _, outline = _LOOKS[node.state]
    low = y - _TALL / 2
    if len(node.names) > 1:  # a pile
        axes.add_patch(Rectangle((x + 0.04, low - 0.04), width, _TALL, fc="white", ec=color, lw=0.6, zorder=2))
    axes.add_patch(Rectangle((x, low), width, _TALL, fc="white", ec=color, lw=0.8, ls=outline, zorder=3))
    _strip(axes, node.state, x, low, _TALL)
    axes.text(x + _STRIP + 0.06, y + 0.075, texts[0], fontsize=_SIZE, va="center", zorder=5)
    axes.text(x + _STRIP + 0.06, y - 0.085, texts[1], fontsize=_SMALL, va="center", color="0.35", zorder=5)


def _strip(axes: Axes, state: str, x: float, low: float, tall: float) -> None:
    """The coloured end of a box, with the sign of its state."""
    from matplotlib.patches import Rectangle

    color, sign, _ = _LOOKS[state]
    hollow = state == NOT_HERE
    face = "white" if hollow else color
    axes.add_patch(
        Rectangle(
            (x, low), _STRIP, tall, facecolor=face, edgecolor=color if hollow else "white", hatch=_HATCH.get(state),
            linewidth=0.0, zorder=4,
        )
    )  # fmt: skip
    axes.text(
        x + _STRIP / 2, low + tall / 2, sign, fontsize=8, ha="center", va="center", zorder=6,
        color=color if hollow else "black" if state == "stale" else "white", fontweight="bold",
        bbox=None if hollow or state not in _HATCH else {"facecolor": color, "edgecolor": "none", "pad": 0.8},
    )  # fmt: skip


def _legend(axes: Axes, graph: Graph, count: int) -> None:
    """The states that occur, and how many artifacts each has."""
    x = _MARGIN
    for state in _LOOKS:
        members = sum(len(node.names) for node in graph.values() if node.state == state)
        if members:
            _strip(axes, state, x, 0.14, 0.2)
            text = f"{state} ({members})"
            axes.text(x + _STRIP + 0.06, 0.24, text, fontsize=_SIZE, va="center")
            x += _STRIP + 0.3 + _EM * _SIZE * len(text)
    axes.text(x, 0.24, f"{count} artifacts; made from left to right", fontsize=_SMALL, va="center", color="0.35")
