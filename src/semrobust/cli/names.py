"""Names that the shell completes: systems and attacks of the params, tables, figures.

Params are read as they stand, without their schema, which takes longer to import than a key takes to repeat; so
names of entries that the schema refuses are offered, too. Whatever is wrong with the files, nothing is said here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def _completer(names: Callable[[click.Context], Iterable[str]]) -> Complete:
    """Turn a source of names into a callback of click, for which no trouble is worth a word."""

    def complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
        try:
            return [name for name in names(context) if name.startswith(incomplete)]
        except Exception:  # the verb itself will say what is wrong
            return []

    return complete


def _params(context: click.Context) -> Mapping[str, Any]:
    """Params files overlaid, as far as they were given on the line."""
    import yaml

    from semrobust.config.overlay import merge

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    merged: dict[str, Any] = {}
    for path in context.params.get("files") or ("params.yaml",):
        merged = merge(merged, yaml.load(Path(path).read_bytes(), Loader=loader))
    return merged


def _entries(context: click.Context) -> Mapping[str, Any]:
    """Systems by name, those of grids among them."""
    from semrobust.config.grid import expand
    from semrobust.config.overlay import merge

    systems = expand(_params(context)["systems"], "systems", merge, [])
    return {name: entry for name, entry in systems.items() if entry is not None}


def _attacks(context: click.Context) -> Iterable[str]:
    """Attacks, those that the system on the line leaves out left out."""
    given = [name for name, entry in _params(context)["attacks"].items() if entry is not None]
    system = context.params.get("system") or next(iter(context.params.get("words") or ()), "")
    chosen = _entries(context).get(system, {}).get("attacks")
    return given if chosen is None else [name for name in given if name in chosen]


FILES = {
    "semrobust.tables.step": ("semrobust.tables", "TABLE"),
    "semrobust.figures.step": ("semrobust.figures", "FIGURE"),
}
"""Steps that make one thing per file of a room, with that room and the constant in each file."""


def of_files(module: str) -> list[str]:
    """Names of the tables or figures that a step makes; none for a step whose names follow from the params."""
    from semrobust.pipeline.step import named

    return list(named(*FILES[module])) if module in FILES else []


def of_step(module: str) -> Complete:
    """Names of what a step makes: tables, figures, or systems and behind a system its attacks."""
    if module in FILES:
        return _completer(lambda _: of_files(module))

    def words(context: click.Context) -> Iterable[str]:
        return _attacks(context) if context.params.get("words") else _entries(context)

    return _completer(words)


systems = _completer(_entries)
attacks = _completer(_attacks)
