"""What a plug-in offers, as its entry points or its sources say: nothing is imported.

An entry point is `NAME = "MODULE"` in one of the groups `semrobust.systems`, `semrobust.attacks`, `semrobust.tables`
and `semrobust.figures`. Sources say `@SYSTEMS.register("NAME")` or `@ATTACKS.register("NAME")`, or define `TABLE` or
`FIGURE` in a file that has the name of the table or figure.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

MARKS = {"systems": "SYSTEMS.register", "attacks": "ATTACKS.register", "tables": "TABLE", "figures": "FIGURE"}
"""How a source says that it offers something to a room."""

GROUPS = {f"semrobust.{room}": room for room in MARKS}
"""Room by group of entry points."""

Offers = Mapping[str, Mapping[str, str]]
"""Module by name of the kind, table or figure, for each room."""


def collected(found: Iterable[tuple[str, str, str]]) -> Offers:
    """Offers from room, name and module of each."""
    offers: dict[str, dict[str, str]] = {room: {} for room in MARKS}
    for room, name, module in found:
        offers[room][name] = module
    return offers


def in_sources(module: str, place: Path) -> Offers:
    """What the sources of a module say, a file or a folder with all below it; raises SyntaxError."""
    found = []
    for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
        below = () if place.is_file() else path.relative_to(place).with_suffix("").parts
        name = ".".join((module, *(part for part in below if part != "__init__")))
        source = path.read_text(encoding="utf-8")
        if any(mark in source for mark in MARKS.values()):
            tree = ast.parse(source, str(path))
            found += [(room, of, name) for room, of in (*_registered(tree), *_defined(tree, path.stem))]
    return collected(found)


def _registered(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Room and name of each kind that a source registers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            said, name = ast.unparse(node.func), str(node.args[0].value)
            yield from ((room, name) for room in ("systems", "attacks") if said.endswith(MARKS[room]))


def _defined(tree: ast.Module, stem: str) -> Iterator[tuple[str, str]]:
    """Room of the table or figure that a source defines, and the name of its file."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            said = ast.unparse(node.targets[0])
            yield from ((room, stem) for room in ("tables", "figures") if said == MARKS[room])
